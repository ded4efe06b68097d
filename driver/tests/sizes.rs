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

/// I6: a wrong tag, or a source that fails at its end, leaves no plaintext: up to 16 KiB nothing is written, beyond that zeros.
#[test]
fn what_does_not_authenticate_is_not_shown() {
    for uri in [
        "sim:?latency=30",
        "sim:?axi=128&lanes=2&slots=16&latency=10",
        "soft:",
    ] {
        let device = open(uri);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 0, 16);
        let mut others = Vec::new();
        for n in [1, 15, 16, 100, 4096, 16383, 16384, 16385, 20_000, 100_000] {
            let plain = pattern(n, 1);
            let sealed = reference(&KEY, &IV, b"", &plain);
            for at in [0, n / 2, n - 1, n, n + 15] {
                for form in 0..3 {
                    let mut altered = sealed.clone();
                    altered[at] ^= 0x40;
                    let src = filled(&device, &altered);
                    let canary = vec![0xee; n];
                    let r = match form {
                        0 => Request::open(key, &IV, src),
                        1 => Request::open(key, &IV, src).to(filled(&device, &canary)),
                        _ => {
                            let (a, b) = canary.split_at(n / 3);
                            Request::open(key, &IV, src)
                                .to(Vec::from([filled(&device, a), filled(&device, b)]))
                        }
                    };
                    // Right ones before and after, which must come through.
                    let fine = |user| Request::open(key, &IV, filled(&device, &sealed)).user(user);
                    let batch = [fine(1), r.user(2), fine(3)];
                    assert_eq!(q.submit(batch).unwrap().accepted, 3);
                    common::drain(&mut q, &mut others);
                    for done in others.drain(..) {
                        let what = format!("{uri}: {n} bytes, bit of byte {at}, form {form}");
                        if done.user != 2 {
                            let Some(Data::Flat(b)) = done.ok().unwrap().src else {
                                panic!("no buffer")
                            };
                            assert!(b[..n] == plain[..], "{what}: the neighbour");
                            continue;
                        }
                        assert_eq!(done.status, casemate::abi::Status::TagMismatch, "{what}");
                        let (out, before) = match (&done.dst, &done.src) {
                            (Some(Data::Flat(b)), _) => (b.to_vec(), canary.clone()),
                            (Some(Data::List(l)), _) => {
                                (l.iter().flat_map(|b| b.to_vec()).collect(), canary.clone())
                            }
                            (None, Some(Data::Flat(b))) => (b[..n].to_vec(), altered[..n].to_vec()),
                            other => panic!("{other:?}"),
                        };
                        let want = if n <= 16384 { before } else { vec![0; n] };
                        assert!(out == want, "{what}");
                        let e = done.ok().unwrap_err();
                        assert!(e.to_string().contains("does not authenticate"), "{e}");
                    }
                }
            }
        }
    }
}

/// The same when the request fails for another reason, with the plaintext half written.
#[test]
fn a_source_that_fails_leaves_no_plaintext() {
    for uri in DEVICES {
        let device = open(uri);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 0, 4);
        let mut arena = common::Arena::new(&device);
        for n in [2000u32, 20_000] {
            // The ciphertext ends in the page that is not there.
            let start = arena.unmapped() - u64::from(n);
            let mut s = common::good(key, &arena);
            s.set_opcode(2).set_tag_mode(0).set_pay_len(n);
            common::set_src(&mut s, start);
            common::set_dst(&mut s, arena.iova() + 64);
            arena.bytes()[..30_000].fill(0xee);
            let done = common::raw(&mut q, &s);
            assert_eq!(done.status, casemate::abi::Status::DmaSrc, "{uri}: {n} bytes");
            // Zeros as far as it had been written, then what was there.
            let out = &arena.bytes()[64..64 + n as usize];
            let zeros = if n <= 16384 {
                0
            } else {
                out.iter().take_while(|&&b| b == 0).count()
            };
            assert!(out[zeros..].iter().all(|&b| b == 0xee), "{uri}: {n} bytes");
            assert!(
                arena.bytes()[64 + n as usize..30_000].iter().all(|&b| b == 0xee),
                "{uri}: {n} bytes"
            );
        }
    }
}
