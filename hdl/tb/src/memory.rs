// SPDX-License-Identifier: Apache-2.0
//! Memory behind the device's inner read and write ports (`axi_ar_t`, `axi_aw_t` of casemate_pkg): sparse, answers in any order,
//! errors beat by beat. A byte that was never written is a function of its address.

use crate::bench::{Bench, chance};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::{HashMap, HashSet, VecDeque};

/// First byte and number of bytes.
pub type Burst = (u64, u64);

/// In which order reads are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As asked, a burst at a time.
    Fifo,
    /// The newest first.
    Lifo,
    /// Any, beats of bursts mixed.
    Random,
}

struct Read {
    tag: u64,
    addr: u64,
    beats: u64,
    done: u64,
    ready: u64,
}

struct Write {
    addr: u64,
    beats: u64,
    done: u64,
    failed: bool,
    /// Bytes so far, and the first of them.
    bytes: u64,
    first: u64,
}

/// A beat of an answer.
pub struct ReadBeat {
    /// Tag of the burst.
    pub tag: u64,
    /// A beat of data; random if it is in error.
    pub data: Vec<u8>,
    /// Bus error.
    pub error: bool,
    /// Last of the burst.
    pub last: bool,
}

/// The memory.
pub struct Memory {
    /// Bytes a beat.
    pub beat: u64,
    /// Beats (address / `beat`) whose accesses fail.
    pub bad: HashSet<u64>,
    /// Order of answers.
    pub order: Order,
    /// Most cycles until an answer; at least half of it.
    pub latency: u64,
    /// Chance in percent, each cycle and channel, of a pause.
    pub stall: u32,
    pages: HashMap<u64, Vec<u8>>,
    /// Bytes written by the test.
    own: HashMap<u64, u8>,
    reads: VecDeque<Read>,
    burst: Option<Write>,
    answers: VecDeque<(u64, Write)>, // when
}

impl Memory {
    /// With beats of `bits` bits.
    pub fn new(bits: u32) -> Self {
        Self {
            beat: u64::from(bits) / 8,
            bad: HashSet::new(),
            order: Order::Random,
            latency: 20,
            stall: 0,
            pages: HashMap::new(),
            own: HashMap::new(),
            reads: VecDeque::new(),
            burst: None,
            answers: VecDeque::new(),
        }
    }

    /// What a byte is until it is written.
    pub fn background(addr: u64) -> u8 {
        (addr.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
    }

    fn page(&mut self, addr: u64) -> &mut Vec<u8> {
        let page = addr / 4096;
        self.pages
            .entry(page)
            .or_insert_with(|| (0..4096).map(|i| Self::background(page * 4096 + i)).collect())
    }

    /// A byte.
    pub fn byte(&mut self, addr: u64) -> u8 {
        self.page(addr)[(addr % 4096) as usize]
    }

    /// Some bytes.
    pub fn read(&mut self, addr: u64, n: u64) -> Vec<u8> {
        (addr..addr + n).map(|a| self.byte(a)).collect()
    }

    /// Writes some bytes, as the host.
    pub fn write(&mut self, addr: u64, data: &[u8]) {
        for (a, &d) in (addr..).zip(data) {
            self.page(a)[(a % 4096) as usize] = d;
            self.own.insert(a, d);
        }
    }

    /// Pages that were looked at or written, in order.
    pub fn touched(&self) -> Vec<u64> {
        let mut p: Vec<u64> = self.pages.keys().copied().collect();
        p.sort_unstable();
        p
    }

    /// Makes every beat of `n` bytes from `addr` on fail.
    pub fn spoil(&mut self, addr: u64, n: u64) {
        self.bad.extend(addr / self.beat..=(addr + n - 1) / self.beat);
    }

    /// What a byte was before the device wrote anything: the background, or what the test wrote.
    pub fn before(&self, addr: u64) -> u8 {
        let own = self.own.get(&addr).copied();
        own.unwrap_or_else(|| Self::background(addr))
    }

    /// Forgets all contents.
    pub fn forget(&mut self) {
        self.pages.clear();
        self.own.clear();
    }

    /// Whether nothing is under way.
    pub fn idle(&self) -> bool {
        self.reads.is_empty() && self.burst.is_none() && self.answers.is_empty()
    }

    /// Forgets what is under way, as a reset of the device does.
    pub fn reset(&mut self) {
        self.reads.clear();
        self.burst = None;
        self.answers.clear();
    }

    fn check(&self, what: &str, addr: u64, beats: u64) {
        assert!(addr.is_multiple_of(self.beat), "{what} {addr:#x} is not aligned");
        let end = addr + beats * self.beat - 1;
        assert_eq!(
            addr / 256,
            end / 256,
            "{what} {addr:#x}: {beats} beats leave a 256-byte block"
        );
    }

    fn due(&self, now: u64, rng: &mut ChaCha8Rng) -> u64 {
        now + rng.random_range(self.latency / 2..=self.latency)
    }

    /// A burst is asked for.
    pub fn ask(&mut self, now: u64, tag: u64, addr: u64, len: u64, rng: &mut ChaCha8Rng) {
        self.check("AR", addr, len + 1);
        assert!(self.reads.iter().all(|r| r.tag != tag), "tag {tag} is in use");
        let ready = self.due(now, rng);
        self.reads.push_back(Read {
            tag,
            addr,
            beats: len + 1,
            done: 0,
            ready,
        });
    }

    /// The beat to give in this cycle; it is always taken.
    pub fn answer(&mut self, now: u64, rng: &mut ChaCha8Rng) -> Option<ReadBeat> {
        if chance(rng, self.stall) {
            return None;
        }
        let due: Vec<usize> = (0..self.reads.len())
            .filter(|&i| self.reads[i].ready <= now)
            .collect();
        let i = match self.order {
            // A burst that has begun goes on.
            _ if self.order != Order::Random && due.iter().any(|&i| self.reads[i].done != 0) => {
                *due.iter().find(|&&i| self.reads[i].done != 0)?
            }
            Order::Fifo => (!self.reads.is_empty() && self.reads[0].ready <= now).then_some(0)?,
            Order::Lifo => *due.last()?,
            Order::Random if due.is_empty() => return None,
            Order::Random => due[rng.random_range(0..due.len())],
        };
        let addr = self.reads[i].addr + self.reads[i].done * self.beat;
        let error = self.bad.contains(&(addr / self.beat));
        let data = if error {
            (0..self.beat).map(|_| rng.random()).collect()
        } else {
            self.read(addr, self.beat)
        };
        let r = &mut self.reads[i];
        r.done += 1;
        let beat = ReadBeat {
            tag: r.tag,
            data,
            error,
            last: r.done == r.beats,
        };
        if beat.last {
            self.reads.remove(i);
        }
        Some(beat)
    }

    /// Drives `r_valid_i`, `r_tag_i`, `r_data_i`, `r_err_i` and `r_last_i` for the cycle to come.
    pub fn drive_read(&mut self, b: &mut Bench, rng: &mut ChaCha8Rng) {
        let now = b.m.cycles();
        let beat = self.answer(now, rng);
        b.set("r_valid_i", beat.is_some());
        if let Some(r) = beat {
            if b.has("r_tag_i") {
                b.set("r_tag_i", r.tag);
            }
            b.set_bytes("r_data_i", &r.data);
            b.set("r_err_i", r.error);
            b.set("r_last_i", r.last);
        }
    }

    /// After settling: takes an `axi_ar_t` offered on `ar_valid_o` if `ar_ready_i`. Returns address and beats.
    pub fn take_ask(&mut self, b: &mut Bench, rng: &mut ChaCha8Rng) -> Option<(u64, u64)> {
        if !(b.is("ar_valid_o") && b.is("ar_ready_i")) {
            return None;
        }
        let mut bits = b.bits("ar_o");
        let (tag, len, addr) = (bits.take(8) as u64, bits.take(8) as u64, bits.take(64) as u64);
        let now = b.m.cycles();
        self.ask(now, tag, addr, len, rng);
        Some((addr, len + 1))
    }

    /// Drives `aw_ready_i` and `w_ready_i` for the cycle to come, as `axi_wr_arb` does: a burst's data after its address, the
    /// next address with or after the last of them.
    pub fn drive_write(&mut self, b: &mut Bench, rng: &mut ChaCha8Rng) {
        let now = b.m.cycles();
        let w = self.burst.is_some() && !chance(rng, self.stall);
        b.set("w_ready_i", w);
        b.set("aw_ready_i", self.burst.is_none() && !chance(rng, self.stall));
        let due = self.answers.front().is_some_and(|a| a.0 <= now) && !chance(rng, self.stall);
        b.set("b_valid_i", due);
        if due {
            b.set("b_err_i", self.answers[0].1.failed);
        }
    }

    /// After settling: takes what `aw_o`, `w_data_o` and `w_strb_o` offer. Returns the first byte and the number of bytes of a
    /// burst whose response is given in this cycle, and the bytes written, each with its address.
    pub fn take_write(&mut self, b: &mut Bench, rng: &mut ChaCha8Rng) -> (Option<Burst>, Vec<(u64, u8)>) {
        let now = b.m.cycles();
        let mut answered = None;
        if b.is("b_valid_i") {
            answered = self.answers.pop_front().map(|a| (a.1.first, a.1.bytes));
        }
        let mut written = Vec::new();
        if b.is("w_ready_i") {
            assert!(b.is("w_valid_o"), "a burst's data is not there");
            let mut burst = self.burst.take().expect("w_ready_i only in a burst");
            let (data, strobe) = (b.bytes("w_data_o"), b.get("w_strb_o"));
            assert_ne!(strobe, 0, "a beat without a byte");
            let at = burst.addr + burst.done * self.beat;
            burst.failed |= self.bad.contains(&(at / self.beat));
            for (i, &d) in data.iter().enumerate().filter(|(i, _)| strobe >> i & 1 == 1) {
                written.push((at + i as u64, d));
                if !burst.failed {
                    let a = at + i as u64;
                    self.page(a)[(a % 4096) as usize] = d;
                }
            }
            if burst.bytes == 0 {
                burst.first = written[0].0;
            }
            burst.bytes += written.len() as u64;
            burst.done += 1;
            if burst.done == burst.beats {
                // One id: responses come in order.
                let due = self.due(now, rng).max(self.answers.back().map_or(0, |a| a.0));
                self.answers.push_back((due, burst));
            } else {
                self.burst = Some(burst);
            }
        }
        if b.is("aw_ready_i") && b.is("aw_valid_o") {
            let mut bits = b.bits("aw_o");
            let (len, addr) = (bits.take(8) as u64, bits.take(64) as u64);
            self.check("AW", addr, len + 1);
            self.burst = Some(Write {
                addr,
                beats: len + 1,
                done: 0,
                failed: false,
                bytes: 0,
                first: 0,
            });
        }
        (answered, written)
    }
}
