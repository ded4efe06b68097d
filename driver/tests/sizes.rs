// SPDX-License-Identifier: Apache-2.0
//! Lengths at the ends of their ranges, alignments, scatter-gather lists: through the driver's own requests, against another
//! implementation.

mod common;

use casemate::{Data, Device, DmaBuf, KeyUse, Request};
use common::{DEVICES, LONG, open, pattern, queue, reference};

const KEY: [u8; 32] = [5; 32];
const IV: [u8; 12] = [6; 12];

fn filled(device: &Device, bytes: &[u8]) -> DmaBuf {
    let mut b = device.buffer(bytes.len(), 0).unwrap();
    b.copy_from_slice(bytes);
    b
}

/// Seals and opens `plain`, in place, with `aad` in memory.
fn there_and_back(device: &Device, aad: &[u8], plain: &[u8]) {
    let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
    let mut q = queue(device, 0, 4);
    let mut others = Vec::new();
    let mut b = device.buffer(plain.len() + 16, 0).unwrap();
    b[..plain.len()].copy_from_slice(plain);
    let seal = Request::seal(key, &IV, b).aad_in(filled(device, aad));
    let done = q.run(seal, &mut others, LONG).unwrap().ok().unwrap();
    assert_eq!(done.bytes as usize, plain.len());
    let Some(Data::Flat(b)) = done.src else {
        panic!("no buffer")
    };
    assert!(
        b[..] == reference(&KEY, &IV, aad, plain)[..],
        "{} + {} bytes sealed",
        aad.len(),
        plain.len()
    );
    let open = Request::open(key, &IV, b).aad_in(done.aad.unwrap());
    let done = q.run(open, &mut others, LONG).unwrap().ok().unwrap();
    let Some(Data::Flat(b)) = done.src else {
        panic!("no buffer")
    };
    assert!(
        b[..plain.len()] == plain[..],
        "{} + {} bytes opened",
        aad.len(),
        plain.len()
    );
    device.destroy_key(key).unwrap();
}

#[test]
fn nothing_at_all() {
    for uri in DEVICES {
        let device = open(uri);
        there_and_back(&device, b"", b"");
        there_and_back(&device, &pattern(1, 0), b"");
        there_and_back(&device, &pattern(17, 0), b"");
        there_and_back(&device, b"", b"x");
    }
}

#[test]
fn sixteen_mebibytes() {
    for uri in DEVICES {
        there_and_back(&open(uri), b"header", &pattern((16 << 20) + 3, 1));
    }
}

#[test]
fn long_additional_data() {
    for uri in DEVICES {
        let device = open(uri);
        there_and_back(&device, &pattern(64 << 10, 2), &pattern(100, 3));
        // GMAC of a mebibyte.
        there_and_back(&device, &pattern(1 << 20, 4), b"");
    }
}

/// Every alignment of source and destination within a beat, on every width of bus, lengths around it.
#[test]
fn every_alignment() {
    for uri in [
        "sim:?latency=30",
        "sim:?axi=128&lanes=2&slots=16&latency=10",
        "soft:",
    ] {
        let device = open(uri);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 0, 64);
        let mut arena = common::Arena::new(&device);
        let plain = pattern(300, 9);
        arena.bytes()[..300].copy_from_slice(&plain);
        let iova = arena.iova();
        for at in 0..64u64 {
            for len in [1usize, 15, 16, 17, 31, 33, 64 - at as usize, 100 + at as usize] {
                // The tag after the payload, everything around it untouched.
                let from = (at * 5 % 64) as usize;
                let mut s = common::good(key, &arena);
                common::set_src(&mut s, iova + from as u64);
                common::set_dst(&mut s, iova + 8192 + at);
                s.set_pay_len(len as u32).set_tag_mode(0);
                arena.bytes()[8192 - 64..8192 + 512].fill(0xaa);
                let done = common::raw(&mut q, &s);
                assert_eq!(done.status, casemate::abi::Status::Ok);
                let mut iv = [0; 12];
                iv[0] = 7;
                let want = reference(&KEY, &iv, &[5, 0, 0], &plain[from..from + len]);
                let start = 8192 + at as usize;
                let out = &arena.bytes()[8192 - 64..8192 + 512];
                let (before, rest) = out.split_at(start - (8192 - 64));
                let (mine, after) = rest.split_at(want.len());
                assert_eq!(mine, want, "{uri}: {len} bytes from +{from} to +{at}");
                assert!(
                    before.iter().chain(after).all(|&b| b == 0xaa),
                    "{uri}: {len} bytes to +{at}: a neighbour"
                );
            }
        }
    }
}

/// Lists on both sides, down to single bytes, in place and not.
#[test]
fn scatter_and_gather() {
    for uri in DEVICES {
        let device = open(uri);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 0, 4);
        let mut others = Vec::new();
        let plain = pattern(3000, 8);
        let want = reference(&KEY, &IV, b"", &plain);
        let cut = |bytes: &[u8], sizes: &[usize]| -> Vec<DmaBuf> {
            let mut left = bytes;
            let mut parts = Vec::new();
            for &n in sizes.iter().cycle() {
                if left.is_empty() {
                    break;
                }
                let (now, rest) = left.split_at(n.min(left.len()));
                parts.push(filled(&device, now));
                left = rest;
            }
            parts
        };
        let join = |d: Option<Data>| match d {
            Some(Data::List(l)) => l.iter().flat_map(|b| b.to_vec()).collect::<Vec<u8>>(),
            other => panic!("{other:?}"),
        };
        for sizes in [&[1][..], &[1500], &[1, 16, 0, 255, 3], &[64, 1, 4096]] {
            // Out of place: pieces of one shape to pieces of another.
            let dst = cut(&vec![0; want.len()], &[7, 300]);
            let r = Request::seal(key, &IV, cut(&plain, sizes)).to(dst);
            let done = q.run(r, &mut others, LONG).unwrap().ok().unwrap();
            let sealed = join(done.dst);
            assert!(sealed == want, "{uri}: {sizes:?}");
            // In place, opened again.
            let done = q
                .run(Request::open(key, &IV, cut(&sealed, sizes)), &mut others, LONG)
                .unwrap();
            assert!(
                join(done.ok().unwrap().src)[..plain.len()] == plain,
                "{uri}: {sizes:?}"
            );
        }
    }
}

/// A wrong tag: an error, and the buffer that comes back shows nothing.
#[test]
fn what_does_not_authenticate_is_not_shown() {
    for uri in DEVICES {
        let device = open(uri);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 0, 4);
        for (n, at) in [(1, 0), (100, 50), (5000, 5015), (5000, 4096)] {
            let mut sealed = reference(&KEY, &IV, b"", &pattern(n, 1));
            sealed[at] ^= 1;
            let done = q
                .run(
                    Request::open(key, &IV, filled(&device, &sealed)),
                    &mut Vec::new(),
                    LONG,
                )
                .unwrap();
            assert_eq!(done.status, casemate::abi::Status::TagMismatch);
            let Some(Data::Flat(b)) = &done.src else {
                panic!("no buffer")
            };
            assert!(b.iter().all(|&x| x == 0), "{uri}: {n} bytes");
            let e = done.ok().unwrap_err();
            assert!(e.to_string().contains("does not authenticate"), "{e}");
        }
    }
}
