// SPDX-License-Identifier: Apache-2.0
//! A PCI Express link between the device's AXI4 master and memory (PCI Express Base Specification 5.0).
//!
//! ```text
//!   AR ─► requests ≤ MRRS ─► tag ─┐                 ┌─► memory, round trip ─► completions ≤ MPS ─┐
//!   AW, W ─► posted writes ≤ MPS ─┴─► up, bytes/s ──┘                                            │
//!   R  ◄──────────────────────────────── down, bytes/s ◄────────────────────────────────────────┘
//!   B  ◄─ write latency after the last byte has left
//! ```
//!
//! A direction carries `lanes * symbol rate * encoding * 96 %` bytes a second, of which a packet takes its payload and 20 or 24 bytes:
//! 8 of framing, sequence number and LCRC, and a header of 12 (completions, addresses below 4 GiB) or 16. The 4 % are
//! acknowledgements, flow control and skip sets. A tag is taken as its request begins to leave and free when its last completion
//! is here, so that reads bring at most `tags * request / (round trip + request's own time)`. A read waits for the posted writes before it;
//! writes pass reads that wait for a tag. Register accesses and interrupts take no room on the link.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// A link's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTiming {
    /// Generation, 1 to 5.
    pub generation: u32,
    /// Lanes.
    pub lanes: u32,
    /// Clock of the device, kHz.
    pub clock_khz: u64,
    /// Most payload of a packet, bytes.
    pub mps: u64,
    /// Most that a read request asks for, bytes.
    pub mrrs: u64,
    /// Completions end at multiples of this, or with their request.
    pub rcb: u64,
    /// From a read request at the device's end to the beginning of its completion there, without what the packets themselves take; ns.
    pub rtt_ns: u64,
    /// Read requests in flight.
    pub tags: u32,
}

impl Default for LinkTiming {
    fn default() -> Self {
        Self {
            generation: 2,
            lanes: 4,
            clock_khz: 200_000,
            mps: 256,
            mrrs: 512,
            rcb: 64,
            rtt_ns: 1000,
            tags: 256,
        }
    }
}

/// Framing, sequence number and LCRC of a packet, and a header of three words.
const SHORT: u64 = 8 + 12;
/// The same with an address beyond 4 GiB.
const LONG: u64 = 8 + 16;
/// Percent of a direction's bytes that packets can have.
const PACKETS: u64 = 96;
/// Ticks of a cycle: packets do not end with one.
const TICKS: u64 = 1 << 16;
/// Bytes of posted writes that wait at the device's end before it takes no more: reads come after them.
const POSTED: u64 = 512;
/// Read requests that wait there.
const WAITING: usize = 4;

impl LinkTiming {
    /// `genGxL`.
    pub fn parse(text: &str) -> Option<Self> {
        let (generation, lanes) = text.strip_prefix("gen")?.split_once('x')?;
        let (generation, lanes) = (generation.parse().ok()?, lanes.parse().ok()?);
        let good = (1..=5).contains(&generation) && matches!(lanes, 1 | 2 | 4 | 8 | 16);
        good.then(|| Self {
            generation,
            lanes,
            ..Self::default()
        })
    }

    /// kB/s of a direction: after the encoding, before packets.
    pub fn raw_kbps(&self) -> u64 {
        // 8b/10b, then 128b/130b.
        let lane = match self.generation {
            1 => 250_000,
            2 => 500_000,
            g => (8_000_000 << (g - 3)) / 8 * 128 / 130,
        };
        lane * u64::from(self.lanes)
    }

    /// Ticks that `bytes` of packets take.
    fn ticks(&self, bytes: u64) -> u64 {
        bytes * TICKS * self.clock_khz * 100 / (self.raw_kbps() * PACKETS)
    }

    /// A time in cycles, rounded up.
    pub fn cycles(&self, ns: u64) -> u64 {
        (ns * self.clock_khz).div_ceil(1_000_000)
    }
}

/// A read request, at the device's end or on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Request {
    order: u64,
    burst: u64,
    addr: u64,
    bytes: u64,
    /// Ticks beyond the round trip.
    extra: u64,
}

/// A posted write at the device's end.
#[derive(Debug, Clone, Copy)]
struct Posted {
    order: u64,
    addr: u64,
    bytes: u64,
    last: bool,
}

/// A completion that has left memory; the earliest is sent first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Completion {
    ready: u64,
    order: u64,
    burst: u64,
    bytes: u64,
    last: bool,
}

/// The link, and what is on it.
pub struct Link {
    timing: LinkTiming,
    order: u64,
    in_flight: u32,
    reads: VecDeque<Request>,
    posted: VecDeque<Posted>,
    posted_bytes: u64,
    /// When each direction is free, in ticks.
    up: u64,
    down: u64,
    memory: BinaryHeap<Reverse<Completion>>,
    landing: VecDeque<(u64, Completion)>,
    leaving: VecDeque<u64>,
}

/// A header for this address.
fn header(addr: u64) -> u64 {
    if addr >> 32 == 0 { SHORT } else { LONG }
}

/// `bytes` from `addr` on, cut at multiples of `size`.
fn pieces(mut addr: u64, bytes: u64, size: u64) -> impl Iterator<Item = (u64, u64)> {
    let end = addr + bytes;
    std::iter::from_fn(move || {
        (addr < end).then(|| {
            let first = addr;
            addr = ((addr / size + 1) * size).min(end);
            (first, addr - first)
        })
    })
}

impl Link {
    /// With nothing on it.
    pub fn new(timing: LinkTiming) -> Self {
        Self {
            timing,
            order: 0,
            in_flight: 0,
            reads: VecDeque::new(),
            posted: VecDeque::new(),
            posted_bytes: 0,
            up: 0,
            down: 0,
            memory: BinaryHeap::new(),
            landing: VecDeque::new(),
            leaving: VecDeque::new(),
        }
    }

    /// Whether it takes a read, and a write's data.
    pub fn takes(&self) -> (bool, bool) {
        (self.reads.len() < WAITING, self.posted_bytes < POSTED)
    }

    /// A read burst of this number, which comes back `extra` cycles later than others.
    pub fn read(&mut self, burst: u64, addr: u64, bytes: u64, extra: u64) {
        for (addr, bytes) in pieces(addr, bytes, self.timing.mrrs) {
            self.order += 1;
            self.reads.push_back(Request {
                order: self.order,
                burst,
                addr,
                bytes,
                extra: extra * TICKS,
            });
        }
    }

    /// A write burst, all of whose data is here.
    pub fn write(&mut self, addr: u64, bytes: u64) {
        // Packets have whole words, with enables for the first and the last.
        let (first, end) = (addr & !3, (addr + bytes).next_multiple_of(4));
        for (addr, bytes) in pieces(first, end - first, self.timing.mps) {
            self.order += 1;
            self.posted_bytes += bytes;
            self.posted.push_back(Posted {
                order: self.order,
                addr,
                bytes,
                last: addr + bytes == end,
            });
        }
    }

    /// Lets both directions work until the end of cycle `now`.
    pub fn advance(&mut self, now: u64) {
        let (start, end) = (now * TICKS, (now + 1) * TICKS);
        while self.up < end && self.send(start) {}
        while self.down < end && self.memory.peek().is_some_and(|c| c.0.ready < end) {
            let Some(Reverse(c)) = self.memory.pop() else {
                break;
            };
            self.down = self.down.max(c.ready) + self.timing.ticks(SHORT + c.bytes);
            self.landing.push_back((self.down, c));
        }
    }

    /// Sends the oldest packet that may go.
    fn send(&mut self, start: u64) -> bool {
        let tag = self.in_flight < self.timing.tags;
        let read = self.reads.front().filter(|_| tag).map(|r| r.order);
        let write = self.posted.front().map(|w| w.order);
        let begins = self.up.max(start);
        match (read, write) {
            (None, None) => return false,
            (Some(r), w) if w.is_none_or(|w| r < w) => {
                let Some(r) = self.reads.pop_front() else {
                    return false;
                };
                self.in_flight += 1;
                self.up = begins + self.timing.ticks(header(r.addr));
                let trip = self.timing.rtt_ns * self.timing.clock_khz * TICKS / 1_000_000;
                self.completions(&r, self.up + trip + r.extra);
            }
            _ => {
                let Some(w) = self.posted.pop_front() else {
                    return false;
                };
                self.up = begins + self.timing.ticks(header(w.addr) + w.bytes);
                self.posted_bytes -= w.bytes;
                if w.last {
                    self.leaving.push_back(self.up);
                }
            }
        }
        true
    }

    fn completions(&mut self, r: &Request, ready: u64) {
        let (mut addr, end) = (r.addr, r.addr + r.bytes);
        while addr < end {
            // As long as they may be; all but the last end at the boundary.
            let cut = (addr + self.timing.mps) / self.timing.rcb * self.timing.rcb;
            let next = cut.min(end);
            self.order += 1;
            self.memory.push(Reverse(Completion {
                ready,
                order: self.order,
                burst: r.burst,
                bytes: next - addr,
                last: next == end,
            }));
            addr = next;
        }
    }

    /// What has arrived by cycle `now`, a completion at a time: the burst and how many bytes more it has.
    pub fn arrived(&mut self, now: u64) -> Option<(u64, u64)> {
        self.landing.front().filter(|(at, _)| *at <= now * TICKS)?;
        let (_, c) = self.landing.pop_front()?;
        self.in_flight -= u32::from(c.last);
        Some((c.burst, c.bytes))
    }

    /// Whether, by cycle `now`, one more write burst has left: the oldest that had not.
    pub fn left(&mut self, now: u64) -> bool {
        let left = self.leaving.front().is_some_and(|at| *at <= now * TICKS);
        if left {
            self.leaving.pop_front();
        }
        left
    }
}
