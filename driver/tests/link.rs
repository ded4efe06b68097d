// SPDX-License-Identifier: Apache-2.0
//! The device behind a PCIe link: what the whole of it reads and writes a second.
#![cfg(feature = "sim")]

use casemate::{Data, Device, KeyUse, QueueConfig, Request};

const SIZE: usize = 4096;
const DEPTH: usize = 16;

/// GB/s of messages of 4 KiB in the steady state: only authenticated, so that they are only read, or sealed.
fn rate(uri: &str, seal: bool) -> f64 {
    let device = Device::open(uri).unwrap();
    let key = device.load_key(&[7; 32], 0, KeyUse::BOTH).unwrap();
    let config = QueueConfig {
        depth: DEPTH,
        ..QueueConfig::default()
    };
    let mut queue = device.queue(config).unwrap();
    let request = |i: u64, buffer| {
        let iv = [&[0; 4][..], &i.to_be_bytes()].concat();
        let tag = device.buffer(16, 0).unwrap();
        let request = match seal {
            true => Request::seal(key, &iv, buffer).tag_in(tag),
            false => Request::seal(key, &iv, device.buffer(0, 0).unwrap())
                .aad_in(buffer)
                .tag_in(tag),
        };
        request.user(i)
    };
    let first: Vec<_> = (0..DEPTH as u64)
        .map(|i| request(i, device.buffer(SIZE, 0).unwrap()))
        .collect();
    assert_eq!(queue.submit(first).unwrap().accepted, DEPTH);
    let (mut next, mut seen, mut done, mut start) = (DEPTH as u64, 0, Vec::new(), None);
    let (warm, all) = (DEPTH, 4 * DEPTH);
    while seen < all {
        seen += queue.poll(&mut done).unwrap();
        for d in done.drain(..) {
            let d = d.ok().unwrap();
            let Some(Data::Flat(buffer)) = (if seal { d.src } else { d.aad.map(Data::Flat) }) else {
                panic!("a request came back without its buffer");
            };
            assert_eq!(queue.submit([request(next, buffer)]).unwrap().accepted, 1);
            next += 1;
        }
        if seen >= warm {
            start.get_or_insert_with(|| device.pace().unwrap());
        }
    }
    let ((from, first), (to, last)) = (start.unwrap(), device.pace().unwrap());
    // 200 MHz.
    ((last - first) * SIZE as u64) as f64 / (to - from) as f64 * 0.2
}

/// MPS 256, 1 us, 16 tags: x4 Gen2 gives 1.6 to 1.8 GB/s of reads.
#[test]
fn gen2x4_reads() {
    let found = rate("sim:?link=gen2x4&link_tags=16", false);
    assert!((1.6..=1.8).contains(&found), "{found} GB/s");
    // One tag brings a request a round trip.
    let found = rate("sim:?link=gen2x4&link_tags=1", false);
    assert!((0.2..=0.225).contains(&found), "{found} GB/s");
}

/// Sealing reads and writes. The way up carries the ciphertext and the requests: 256 bytes of payload take 24 + 256 and 24 of it.
#[test]
fn gen2x4_seals() {
    let found = rate("sim:?link=gen2x4", true);
    let most = 1.92 * 256.0 / 304.0;
    assert!((0.97 * most..=most).contains(&found), "{found} GB/s of {most}");
}

/// x8 Gen3 is more than a lane at 200 MHz takes: 16 bytes a cycle are 3.2 GB/s.
#[test]
fn gen3x8_is_no_limit() {
    let found = rate("sim:?link=gen3x8", true);
    assert!((3.1..=3.2).contains(&found), "{found} GB/s");
}
