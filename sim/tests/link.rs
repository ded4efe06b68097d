// SPDX-License-Identifier: Apache-2.0
//! The model of a link against arithmetic: what reads bring, by tags, payload size and latency.

use casemate_sim::axi::{Address, AxiMemory, MemoryTiming};
use casemate_sim::link::LinkTiming;
use casemate_sim::memory::{Access, Iommu, PAGE, Pages};

const BUS: u64 = 32;
const BEYOND_4G: u64 = 1 << 32;

struct World {
    memory: AxiMemory,
    iommu: Iommu,
}

impl World {
    fn new(link: &LinkTiming) -> Self {
        let mut iommu = Iommu::default();
        let pages = Pages::new(16 * PAGE);
        iommu.map(BEYOND_4G, &pages, Access::BOTH).unwrap();
        let timing = MemoryTiming {
            link: Some(Box::new(link.clone())),
            write_latency: 0,
            ..MemoryTiming::default()
        };
        Self {
            memory: AxiMemory::new(BUS as usize, timing),
            iommu,
        }
    }
}

fn burst(i: u64) -> Address {
    Address {
        id: (i % 256) as u32,
        addr: BEYOND_4G + i % 256 * 256,
        len: 7,
        size: 5,
        burst: 1,
    }
}

/// Payload in GB/s, each way, of a master that reads or writes bursts of 256 bytes whenever it may.
fn rate(link: &LinkTiming, reads: bool, writes: bool) -> (f64, f64) {
    let mut w = World::new(link);
    let (mut asked, mut read, mut addressed, mut written, mut from) = (0, 0, 0, 0, (0, 0));
    let (warm, end) = (20_000, 120_000);
    let mut beat = 0;
    for now in 0..end {
        if now == warm {
            from = (read, written);
        }
        let (ar, aw, wr) = w.memory.ready();
        if w.memory.offer_read(now, &mut w.iommu).is_some() {
            read += BUS;
            w.memory.take_read(&mut w.iommu);
        }
        if w.memory.offer_response(now, &mut w.iommu).is_some() {
            w.memory.take_response();
        }
        let address = reads.then(|| burst(asked));
        w.memory.read_address(now, address, ar).unwrap();
        asked += u64::from(reads && ar);
        if writes {
            let data = [1; BUS as usize];
            let open = wr.then_some((&data[..], u64::from(u32::MAX), beat == 7));
            w.memory.write_data(now, open, wr, &mut w.iommu).unwrap();
            if wr {
                written += BUS;
                beat = (beat + 1) % 8;
            }
            w.memory.write_address(Some(burst(addressed)), aw).unwrap();
            addressed += u64::from(aw);
        }
    }
    let gbps = |bytes: u64| bytes as f64 * link.clock_khz as f64 / (end - warm) as f64 / 1e6;
    (gbps(read - from.0), gbps(written - from.1))
}

fn link(text: &str) -> LinkTiming {
    LinkTiming::parse(text).unwrap()
}

fn reads(link: &LinkTiming) -> f64 {
    rate(link, true, false).0
}

/// A direction's share for packets, by the size of the payload: 20 bytes go with each.
fn arithmetic(link: &LinkTiming) -> f64 {
    link.raw_kbps() as f64 * 0.96 * link.mps as f64 / (link.mps + 20) as f64 / 1e6
}

fn within(what: &str, found: f64, expected: f64, percent: f64) {
    assert!(
        (found / expected - 1.0).abs() * 100.0 < percent,
        "{what}: {found:.3}, by arithmetic {expected:.3}"
    );
}

/// MPS 256, 1 us, 16 tags: x4 Gen2 gives 1.6 to 1.8 GB/s of reads.
#[test]
fn gen2x4_with_16_tags() {
    let found = reads(&LinkTiming {
        tags: 16,
        ..link("gen2x4")
    });
    assert!((1.6..=1.8).contains(&found), "{found} GB/s");
}

/// Whatever the clock and the tags' number, once there are enough: payload, overhead and encoding alone count.
#[test]
fn payload_by_arithmetic() {
    // GB/s of a read's payload at MPS 128 and 256, as written down for boards of these links.
    for (name, clock_khz, known) in [
        ("gen2x4", 200_000, [1.66, 1.78]),
        ("gen3x8", 500_000, [6.54, 7.01]),
    ] {
        for (mps, known) in [128, 256].into_iter().zip(known) {
            let l = LinkTiming {
                mps,
                clock_khz,
                ..link(name)
            };
            let found = reads(&l);
            within(name, found, arithmetic(&l), 0.5);
            within(name, found, known, 1.0);
        }
    }
    let (_, written) = rate(&link("gen2x4"), false, true);
    within("writes", written, 1.92 * 256.0 / 280.0, 0.5);
    // Both at once: the way up carries 24 bytes of each request, too.
    let (read, written) = rate(&link("gen2x4"), true, true);
    assert!(
        read + written > 3.0 && written < 1.92 * 256.0 / 280.0,
        "{read} {written}"
    );
}

/// The number of tags, a power of two, from which on more bring nothing, but 2 % at most.
fn enough_tags(l: &LinkTiming) -> u32 {
    let most = reads(&LinkTiming {
        tags: 256,
        ..l.clone()
    });
    let enough = |t: &u32| {
        reads(&LinkTiming {
            tags: *t,
            ..l.clone()
        }) > 0.98 * most
    };
    [1, 2, 4, 8, 16, 32, 64, 128].into_iter().find(enough).unwrap()
}

/// Tags to build: for a tail of 2 us, 16 on x4 Gen2 and 64 on x8 Gen3, twice as many of half the size.
#[test]
fn tags_that_suffice() {
    let tail = |name: &str, clock_khz, size| LinkTiming {
        mps: size,
        mrrs: size,
        rtt_ns: 2000,
        clock_khz,
        ..link(name)
    };
    assert_eq!(enough_tags(&tail("gen2x4", 200_000, 256)), 16);
    assert_eq!(enough_tags(&tail("gen2x4", 200_000, 128)), 32);
    assert_eq!(enough_tags(&tail("gen3x8", 500_000, 256)), 64);
    assert_eq!(enough_tags(&tail("gen3x8", 500_000, 128)), 128);
    assert_eq!(enough_tags(&link("gen2x4")), 8, "1.8 kB in flight at 1 us");
}

/// While tags are short, a tag brings a request each time that the way there and back and the request's own packets take.
#[test]
fn few_tags_by_arithmetic() {
    let l = link("gen2x4");
    for tags in [1, 2, 4, 6] {
        let found = reads(&LinkTiming { tags, ..l.clone() });
        let own = (24.0 + 256.0 + 20.0) / 1.92;
        within("few tags", found, f64::from(tags) * 256.0 / (1000.0 + own), 1.5);
    }
}

/// A lone read takes the round trip and its packets; a lone write is in memory when it has left, not before.
#[test]
fn lone_accesses() {
    let l = link("gen2x4");
    let mut w = World::new(&l);
    w.memory.read_address(0, Some(burst(0)), true).unwrap();
    let first = (0..1000).find(|&now| w.memory.offer_read(now, &mut w.iommu).is_some());
    let expected = ((1000.0 + (24.0 + 256.0 + 20.0) / 1.92) * 0.2_f64).ceil() as u64;
    let first = first.unwrap();
    assert!(
        (expected..=expected + 2).contains(&first),
        "cycle {first}, by arithmetic {expected}"
    );

    let mut w = World::new(&l);
    w.memory
        .write_address(Some(Address { len: 0, ..burst(0) }), true)
        .unwrap();
    let data = [7; 32];
    let beat = Some((&data[..], u64::from(u32::MAX), true));
    w.memory.write_data(0, beat, true, &mut w.iommu).unwrap();
    let mut seen = [0; 32];
    w.iommu.read(BEYOND_4G, &mut seen).unwrap();
    assert_eq!(seen, [0; 32], "before it has left");
    let answered = (0..1000).find(|&now| {
        w.memory.offer_read(now, &mut w.iommu);
        w.memory.offer_response(now, &mut w.iommu).is_some()
    });
    w.iommu.read(BEYOND_4G, &mut seen).unwrap();
    assert_eq!(seen, data);
    let expected = ((24.0 + 32.0) / 1.92 * 0.2_f64).ceil() as u64;
    assert!(
        (expected..=expected + 2).contains(&answered.unwrap()),
        "{answered:?}, by arithmetic {expected}"
    );
}
