// SPDX-License-Identifier: Apache-2.0
//! A key unit between a guard, an EC unit, lanes, a generator and memory played here, and a model of what it should do.
#![allow(dead_code)]

use crate::engines::{Engines, Handed};
use crate::model::{self, Asker, Meta};
use casemate_abi::{Opcode, Status, Submission};
use casemate_hdl_tb::{Bench, Memory, Stable, chance, pack};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{HashMap, VecDeque};

pub const SLOTS: usize = 8;
pub const QUEUES: usize = 8;
pub const LANES: usize = 2;

#[derive(Debug, Clone, Default)]
pub struct Slot {
    pub meta: Meta,
    pub used: u32,
    pub key: Vec<u8>,
}

/// An operation on its way.
#[derive(Debug, Clone)]
pub struct Op {
    pub queue: usize,
    pub status: Status,
    pub sub: Submission,
    /// Its queue was reset while it was under way.
    pub may_abort: bool,
    /// When it was handed over.
    pub at: u64,
}

/// As `key_req_t`.
pub fn request(op: &Op, domain: u8) -> Vec<u32> {
    let mut f: Vec<(u128, usize)> = op.sub.words.iter().map(|&w| (w.into(), 32)).collect();
    f.extend([(op.status as u128, 8), (domain.into(), 8), (op.queue as u128, 6)]);
    pack(&f)
}

#[derive(Debug, Clone)]
pub struct Completion {
    pub queue: usize,
    pub cookie: u32,
    pub status: Status,
    pub bytes: u32,
    pub result: u128,
}

/// A lane's copy of a slot: bytes of the key and its 32 bytes.
type Copy = Option<(usize, Vec<u8>)>;

#[derive(Default)]
struct Lane {
    copies: [Copy; SLOTS],
    /// Cleared since the last load.
    clear: [bool; SLOTS],
    done_at: Option<u64>,
    /// Requests given and not answered.
    out: u32,
}

pub struct Unit {
    pub b: Bench,
    stable: Stable,
    pub rng: ChaCha8Rng,
    pub mem: Memory,
    pub slots: Vec<Slot>,
    pub domains: [u8; QUEUES],
    pub sealed: bool,
    pub window: ([u8; 64], u16),
    /// Windows as loads used them up.
    cleared: VecDeque<([u8; 64], u16)>,
    pub offers: VecDeque<Op>,
    pub pending: VecDeque<Op>,
    pub ec: Engines,
    /// Whether the next completion must be the EC unit's.
    turn: Option<bool>,
    pub turns: u32,
    /// Since when the device is wiped.
    wiped_at: Option<u64>,
    /// An operation that was under way may end as it would have.
    ends: bool,
    pub stall: u32,
    /// Cycles from a request to each random block.
    pub block_time: u64,
    /// Words of them, and when each comes.
    blocks: VecDeque<(u64, [u8; 8])>,
    taken: Vec<[u8; 8]>,
    /// Numbers of the words of the window that were asked for.
    window_at: [u64; 2],
    pub no_entropy: bool,
    pub silent: bool,
    pub root: [u8; 32],
    lanes: [Lane; LANES],
    /// Cycles of a lane's part; random if not given.
    pub lane_time: Option<u64>,
    /// The guard looks at a slot, for so many cycles more.
    busy: u32,
    look: u64,
    pub resetting: u64,
    written: HashMap<u64, u8>,
    arena: u64,
    /// Buffers begin at a block of 256 bytes.
    pub aligned: bool,
    pub done: Vec<Completion>,
    pub accepted_at: u64,
    pub done_at: u64,
}

impl Unit {
    pub fn new(bits: u32, seed: u64) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "sha2/rtl/sha2_pkg.sv",
            "aes/rtl/aes_pkg.sv",
            "hmac/rtl/hmac_pkg.sv",
            "keys/rtl/key_mac_pkg.sv",
            "keys/rtl/key_pkg.sv",
            "slots/rtl/slots_pkg.sv",
            "ecunit/rtl/ecunit_pkg.sv",
            "wrap/rtl/wrap_pkg.sv",
            "ghash/rtl/ghash_pkg.sv",
            "aes/rtl/aes_sbox_table.sv",
            "aes/rtl/aes_tower_in.sv",
            "aes/rtl/aes_tower_out.sv",
            "aes/rtl/aes_sbox_tower.sv",
            "aes/rtl/aes_sbox_bram.sv",
            "aes/rtl/aes_sbox.sv",
            "lib/rtl/clock_gate.sv",
            "lib/rtl/fifo.sv",
            "gcm/rtl/gcm_fifo.sv",
            "sha2/rtl/sha2_core.sv",
            "sha2/rtl/sha2_pad.sv",
            "sha2/rtl/sha2.sv",
            "hmac/rtl/hmac.sv",
            "wrap/rtl/aes_sbox_both.sv",
            "wrap/rtl/aes_iter.sv",
            "wrap/rtl/ghash_serial.sv",
            "wrap/rtl/key_wrap.sv",
            "slots/rtl/slot_flags.sv",
            "slots/rtl/slots.sv",
            "keys/rtl/key_guard.sv",
            "keys/rtl/key_data.sv",
            "selftest/rtl/hmac_selftest.sv",
            "selftest/rtl/wrap_selftest.sv",
            "keys/rtl/key_mac.sv",
            "keys/rtl/key_read.sv",
            "keys/rtl/key_write.sv",
            "keys/rtl/key_unit.sv",
            "sha2/tb/sha2_zero.sv",
            "hmac/tb/hmac_zero.sv",
            "keys/tb/key_unit_tb.sv",
        ];
        let mut u = Self {
            b: Bench::new("key_unit_tb", &files, &[("DW", bits)]),
            stable: Stable::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            mem: Memory::new(bits),
            slots: vec![Slot::default(); SLOTS],
            domains: [0, 0, 1, 1, 2, 2, 3, 3],
            sealed: false,
            window: ([0; 64], 0),
            cleared: VecDeque::new(),
            offers: VecDeque::new(),
            pending: VecDeque::new(),
            ec: Engines::new(),
            turn: None,
            turns: 0,
            wiped_at: None,
            ends: false,
            stall: 0,
            block_time: 5,
            blocks: VecDeque::new(),
            taken: Vec::new(),
            window_at: [0; 2],
            no_entropy: false,
            silent: false,
            root: std::array::from_fn(|i| 0xa0 ^ i as u8),
            lanes: Default::default(),
            lane_time: None,
            busy: 0,
            look: 0,
            resetting: 0,
            written: HashMap::new(),
            arena: 0x7000_0000,
            aligned: false,
            done: Vec::new(),
            accepted_at: 0,
            done_at: 0,
        };
        let root = u.root;
        u.b.set_bytes("root_i", &root);
        u
    }

    /// A place in memory for `n` bytes that nothing else uses.
    pub fn buffer(&mut self, n: u64) -> u64 {
        let mut at = self.arena + self.rng.random_range(0..600);
        if self.aligned {
            at = at.next_multiple_of(256);
        }
        self.arena = at + n + self.rng.random_range(64..300);
        at
    }

    /// One with random bytes in it.
    pub fn filled(&mut self, n: u64) -> u64 {
        let at = self.buffer(n);
        let mut data = vec![0; n as usize];
        self.rng.fill_bytes(&mut data);
        self.mem.write(at, &data);
        at
    }

    pub fn offer(&mut self, queue: usize, sub: Submission) {
        self.offers.push_back(Op {
            queue,
            status: Status::Ok,
            sub,
            may_abort: false,
            at: 0,
        });
    }

    /// The second half of an operation on elliptic curves.
    pub fn hand(&mut self, queue: usize, sub: Submission, secret: [u8; 64]) {
        let op = Op {
            queue,
            status: Status::Ok,
            sub,
            may_abort: false,
            at: 0,
        };
        self.ec.offers.push_back(Handed { op, secret });
    }

    pub fn idle(&self) -> bool {
        self.offers.is_empty() && self.pending.is_empty() && self.blocks.is_empty() && self.ec.idle()
    }

    /// One cycle.
    pub fn cycle(&mut self) {
        let now = self.b.m.cycles();
        let stall = self.stall;
        // Guard.
        self.b.set("req_valid_i", !self.offers.is_empty());
        if let Some(op) = self.offers.front() {
            let words = request(op, self.domains[op.queue]);
            self.b.set_words("req_i", &words);
        }
        if self.busy > 0 {
            self.busy -= 1;
        } else {
            self.look = self.rng.random_range(0..SLOTS as u64);
            if chance(&mut self.rng, stall) {
                self.busy = self.rng.random_range(1..8);
            }
        }
        self.b.set("look_slot_i", self.look);
        self.b.set("look_busy_i", self.busy > 0);
        self.b.set("resetting_i", self.resetting);
        self.b.set("sealed_i", self.sealed);
        // A word comes two cycles after its number.
        let at = 8 * self.window_at[1] as usize;
        self.b.set_bytes("window_i", &self.window.0[at..at + 8]);
        self.b.set("window_words_i", self.window.1);
        self.ec
            .drive(&mut self.b, &mut self.rng, &self.domains, stall / 3);
        let handed = self.ec.now.as_mut().map(|h| &mut h.op);
        for op in self.pending.iter_mut().chain(handed) {
            op.may_abort |= self.resetting >> op.queue & 1 == 1;
        }
        // Generator.
        self.b.set("rnd_error_i", self.no_entropy);
        let ask = self.blocks.is_empty() && !self.silent && !chance(&mut self.rng, stall);
        self.b.set("rnd_ready_i", ask && !self.no_entropy);
        let block = self
            .blocks
            .front()
            .filter(|b| b.0 <= now && !self.no_entropy)
            .map(|b| b.1);
        self.b.set("rnd_valid_i", block.is_some());
        self.b.set_bytes("rnd_i", &block.unwrap_or_default());
        // Lanes.
        let (mut ready, mut done, mut given, mut answered) = (0u64, 0u64, 0u64, 0u64);
        for (l, lane) in self.lanes.iter_mut().enumerate() {
            let free = lane.done_at.is_none() && !chance(&mut self.rng, stall);
            ready |= u64::from(free) << l;
            if lane.done_at.is_some_and(|t| t <= now) {
                lane.done_at = None;
                done |= 1 << l;
            }
            let (g, a) = (
                stall > 0 && lane.out < 20 && chance(&mut self.rng, 10),
                lane.out > 0 && chance(&mut self.rng, 20),
            );
            lane.out = lane.out + u32::from(g) - u32::from(a);
            given |= u64::from(g) << l;
            answered |= u64::from(a) << l;
        }
        self.b.set("key_ready_i", ready);
        self.b.set("key_done_i", done);
        self.b.set("lane_given_i", given);
        self.b.set("lane_answered_i", answered);
        // Memory.
        self.mem.stall = stall;
        self.mem.drive_read(&mut self.b, &mut self.rng);
        self.mem.drive_write(&mut self.b, &mut self.rng);
        let go = !chance(&mut self.rng, stall);
        self.b.set("ar_ready_i", go);
        let take = !chance(&mut self.rng, stall);
        self.b.set("cpl_ready_i", take);
        self.b.m.settle();
        let wiped_for = self.wiped_at.map_or(0, |at| now - at);
        self.ec.secret(&mut self.b, wiped_for);
        if self.wiped_at.is_some() {
            self.ec.wiped(&mut self.b, wiped_for);
        } else {
            let (pending, handed) = (&self.pending, self.ec.now.clone());
            let named =
                |o: &Op, slot| o.sub.slot() as usize == slot || (o.sub.aad2() & 0xffff) as usize == slot;
            let ops = || pending.iter().chain(handed.iter().map(|h| &h.op));
            self.ec.check(&mut self.b, &mut self.slots, |slot| {
                !ops().any(|o| named(o, slot))
            });
        }

        let b = &mut self.b;
        self.stable.check(b, "ar", "ar_valid_o", "ar_ready_i", &["ar_o"]);
        self.stable.check(b, "aw", "aw_valid_o", "aw_ready_i", &["aw_o"]);
        self.stable
            .check(b, "cpl", "cpl_valid_o", "cpl_ready_i", &["cpl_o"]);
        self.mem.take_ask(&mut self.b, &mut self.rng);
        let (_, written) = self.mem.take_write(&mut self.b, &mut self.rng);
        self.written.extend(written);
        if self.b.is("window_clear_o") {
            self.cleared
                .push_back(std::mem::replace(&mut self.window, ([0; 64], 0)));
        }
        if self.b.is("rnd_ask_o") && self.b.is("rnd_ready_i") {
            for i in 0..self.b.get("rnd_blocks_o") {
                for _ in 0..4 {
                    let word = self.rng.random();
                    self.blocks.push_back((now + (i + 1) * self.block_time, word));
                }
            }
        }
        if block.is_some() && self.b.is("rnd_take_o") {
            let block = self.blocks.pop_front().unwrap();
            self.taken.push(block.1);
        }
        if self.no_entropy || self.wiped_at.is_some() {
            self.blocks.clear();
        }
        self.lane_port(ready, now);
        if self.b.is("cpl_valid_o") && self.b.is("cpl_ready_i") {
            self.done_at = now;
            self.complete();
        }
        if self.b.is("req_valid_i") && self.b.is("req_ready_o") {
            self.pending.extend(self.offers.pop_front());
            self.accepted_at = now;
            if let Some(op) = self.pending.back_mut() {
                op.at = now;
            }
        }
        self.window_at = [self.b.get("window_at_o"), self.window_at[0]];
        self.b.m.rise();
    }

    fn lane_port(&mut self, ready: u64, now: u64) {
        let valid = self.b.get("key_valid_o");
        let key = self.b.bytes("key_o");
        let clear = self.b.is("key_clear_o");
        assert!(valid != 0 && !clear || key == [0; 32], "a key stays on the port");
        let slot = self.b.get("key_slot_o") as usize;
        let size = self.b.get("key_size_o") as usize;
        for l in 0..LANES {
            if valid >> l & 1 == 1 && ready >> l & 1 == 1 {
                let delay = self.lane_time.unwrap_or_else(|| self.rng.random_range(1..20));
                let lane = &mut self.lanes[l];
                lane.done_at = Some(now + delay);
                if clear {
                    lane.copies[slot] = None;
                    lane.clear[slot] = true;
                } else {
                    assert!(std::mem::take(&mut lane.clear[slot]), "loaded over another");
                    lane.copies[slot] = Some((16 + 8 * size, key.clone()));
                }
            }
        }
    }

    /// Pieces of a buffer that a burst can carry, and whether it fails.
    fn first_failure(&self, at: u64, n: u64) -> Option<u64> {
        let mut a = at;
        while a < at + n {
            let end = (a / 256 * 256 + 256).min(at + n);
            let beats = a / self.mem.beat..=(end - 1) / self.mem.beat;
            if beats.into_iter().any(|b| self.mem.bad.contains(&b)) {
                return Some(a / 4096 * 4096);
            }
            a = end;
        }
        None
    }

    /// What an operation should come to: status, result, bytes for memory, the slot.
    /// `got` tells whether the operation was ended in the middle.
    /// `secret`: what the EC unit handed over.
    fn expect(&mut self, op: &Op, got: Status, secret: &[u8]) -> (Status, u128, Vec<u8>) {
        use Opcode::*;
        let aborted = got == Status::Aborted;
        let s = &op.sub;
        let o = model::op_of(s).unwrap();
        let officer = op.queue == 0;
        let mut window = ([0; 64], 0);
        if o == KeyLoad && officer && !aborted {
            window = self.cleared.pop_front().expect("the load uses the window up");
        }
        let blocks = std::mem::take(&mut self.taken);
        if aborted {
            if o == KeyWrap {
                // It may have been counted, or not have come so far.
                let base = (s.aad2() & 0xffff) as usize % SLOTS;
                let used = self.b.bytes("used_o")[4 * base..][..4].try_into().unwrap();
                let (used, slot) = (u32::from_le_bytes(used), &mut self.slots[base]);
                if slot.meta.valid {
                    let own = slot.used;
                    assert!(used == own || used == own + 1, "a count of {own} became {used}");
                    slot.used = used;
                }
            }
            return (Status::Aborted, 0, Vec::new());
        }
        let refuse = |status| (status, 0, Vec::new());
        if op.status != Status::Ok {
            return refuse(op.status);
        }
        let domain = self.domains[op.queue];
        let asker = Asker {
            officer,
            domain,
            sealed: self.sealed,
            window: window.1,
        };
        let metas: Vec<Meta> = self.slots.iter().map(|s| s.meta).collect();
        let under = (s.aad2() & 0xffff) as usize % SLOTS;
        let used = [s.slot() as usize % SLOTS, under].map(|s| self.slots[s].used);
        let verdict = model::checks(s, o, asker, &metas, used);
        if verdict != Status::Ok {
            return refuse(verdict);
        }
        let slot = s.slot() as usize;
        let base = self.slots[under].clone();
        let own = self.slots[slot % SLOTS].clone();
        if o == KeyWrap {
            self.slots[under].used += 1;
        }
        let mut meta = model::made(s, o, domain, own.meta);
        let len = usize::from(meta.key_len);
        let hash = (s.aad3() >> 16) as u8;
        let at = |hi: u32, lo: u32| u64::from(hi) << 32 | u64::from(lo);
        let (src, dst) = (at(s.src_hi(), s.src_lo()), at(s.dst_hi(), s.dst_lo()));
        let pay = u64::from(s.pay_len());
        let reads = [KeyUnwrap, KwpUnwrap, KeyHkdf, KeyKbkdf, MacSign, MacVerify].contains(&o)
            || o == KeyMessage && model::opening(s);
        let mut input = Vec::new();
        if reads {
            if let Some(page) = self.first_failure(src, pay) {
                return (Status::DmaSrc, page.into(), Vec::new());
            }
            input = self.mem.read(src, pay);
        }
        // The EC unit has read the point.
        if o == EcEcdh {
            let point = 2 * u64::from(base.meta.key_len);
            if let Some(page) = self.first_failure(src + point, pay - point) {
                return (Status::DmaSrc, page.into(), Vec::new());
            }
            input = self.mem.read(src + point, pay - point);
        }
        let random = [KeyGenerate, KeyWrap, Random].contains(&o) || o == KeyMessage && !model::opening(s);
        if random && self.no_entropy && got == Status::NoEntropy {
            return refuse(Status::NoEntropy);
        }
        let random: Vec<u8> = blocks.concat();
        let mut used = 0;
        let mut key = Vec::new();
        let mut out = Vec::new();
        match o {
            KeyLoad => key = window.0[..len].to_vec(),
            KeyDestroy | KeyLock => {}
            KeyGenerate => key = random[..len].to_vec(),
            KeyQuery => {
                out = own.meta.attributes(own.used).to_le().to_vec();
                out.resize(64, 0);
            }
            // A failing write ends it early.
            Random => {
                if let Some(page) = self.first_failure(dst, pay) {
                    return (Status::DmaDst, page.into(), Vec::new());
                }
                out = random[..pay as usize].to_vec();
            }
            MacSign | MacVerify => {
                let n = (s.aad3() & 0x7f) as usize;
                let mac = model::hmac(hash, &own.key, &[&input])[..n].to_vec();
                if o == MacSign {
                    out = mac;
                } else if let Some(page) = self.first_failure(dst, n as u64) {
                    return (Status::DmaTag, page.into(), Vec::new());
                } else if self.mem.read(dst, n as u64) != mac {
                    return refuse(Status::TagMismatch);
                }
            }
            KeyHkdf => {
                let (salt, info) = input.split_at((s.aad3() & 0xffff) as usize);
                key = model::hkdf(hash, &base.key, salt, info, len);
            }
            EcGenerate => key = secret[..len].to_vec(),
            EcEcdh => {
                let (salt, info) = input.split_at((s.aad3() & 0xffff) as usize);
                key = model::hkdf(hash, &secret[..base.key.len()], salt, info, len);
            }
            KeyKbkdf => key = model::kbkdf(hash, &base.key, &input, len),
            KeyRoot => {
                let epoch = ((s.aad1() >> 16) as u16).to_be_bytes();
                key = model::own(
                    &self.root,
                    "casemate wrapping key",
                    &[&[meta.domain][..], &epoch].concat(),
                );
            }
            KeyMessage => {
                let nonce = if model::opening(s) { input } else { random };
                key = model::own(&base.key, "casemate message key", &nonce);
                if !model::opening(s) {
                    out = nonce;
                }
            }
            KeyWrap => {
                let mut head = own.meta.attributes(own.used);
                head.set_generation(0x4d43);
                out = model::blob(&base.key, &head, &random[..12], &own.key);
            }
            KwpWrap => out = model::kwp_wrap(&base.key, &own.key),
            KeyUnwrap => {
                let Some((m, count, k)) = model::unblob(&base.key, &input, domain) else {
                    return refuse(Status::BadBlob);
                };
                let mask = (s.aad0() >> 16) as u16;
                meta = Meta {
                    usage: m.usage & mask,
                    generation: meta.generation,
                    ..m
                };
                (used, key) = (count, k);
            }
            KwpUnwrap => match model::kwp_unwrap(&base.key, &input) {
                Some(k) if k.len() == len => key = k,
                _ => return refuse(Status::BadBlob),
            },
            _ => unreachable!(),
        }
        if !out.is_empty()
            && let Some(page) = self.first_failure(dst, out.len() as u64)
        {
            return (Status::DmaDst, page.into(), Vec::new());
        }
        let result = if model::fills(o) {
            meta.generation.into()
        } else {
            0
        };
        if model::fills(o) {
            self.slots[slot] = Slot { meta, used, key };
        } else if o == KeyLock {
            self.slots[slot].meta = meta;
        } else if o == KeyDestroy {
            let generation = own.meta.generation;
            self.slots[slot] = Slot::default();
            self.slots[slot].meta.generation = generation;
        }
        (Status::Ok, result, out)
    }

    fn complete(&mut self) {
        let mut c = self.b.bits("cpl_o");
        let (result, bytes, status, cookie, queue) = (
            c.take(128),
            c.take(32) as u32,
            c.take(8) as u8,
            c.take(32) as u32,
            c.take(6) as usize,
        );
        let got = Completion {
            queue,
            cookie,
            status: Status::from_code(status).unwrap(),
            bytes,
            result,
        };
        let ec = self.b.is("ec_ready_o");
        let (op, secret) = if ec {
            let handed = self.ec.answered();
            self.accepted_at = handed.op.at;
            (handed.op, handed.secret)
        } else {
            let op = self.pending.pop_front();
            (op.expect("a completion without an operation"), [0; 64])
        };
        // In turn, if both kinds wait.
        assert!(self.turn.is_none_or(|t| t == ec), "it was the other's turn");
        self.turns += u32::from(self.turn.is_some());
        let other = if ec {
            self.pending.front()
        } else {
            self.ec.now.as_ref().map(|h| &h.op)
        };
        self.turn = other.filter(|o| o.at + 4 < self.done_at).map(|_| !ec);
        let aborted = got.status == Status::Aborted;
        assert!(!aborted || op.may_abort, "aborted for nothing: {op:x?}");
        let wiped = got.status == Status::Zeroized;
        assert!(!wiped || self.wiped_at.is_some(), "zeroized for nothing: {op:x?}");
        if self.wiped_at.is_some() {
            // The first may have been at its end.
            let left = self.b.get("left_o");
            assert!(wiped || self.ends, "{op:x?}: {got:x?}");
            assert!(
                !wiped || (bytes, result, left) == (0, 0, 0),
                "{got:x?}, left: {left:x}"
            );
            self.ends = false;
            self.written.clear();
            self.done.push(got);
            return;
        }
        let (status, result, out) = self.expect(&op, got.status, &secret);
        assert_eq!(
            (got.queue, got.cookie, got.status, got.result),
            (op.queue, op.sub.cookie(), status, result),
            "queue, cookie, status, result: want {status:?}, got {got:x?} of {op:x?}"
        );
        let dst = u64::from(op.sub.dst_hi()) << 32 | u64::from(op.sub.dst_lo());
        let written = std::mem::take(&mut self.written);
        let room = dst..dst + u64::from(op.sub.pay_len()).max(64);
        assert!(written.keys().all(|a| room.contains(a)), "wrote outside: {op:x?}");
        if status == Status::Ok {
            // EC_GENERATE's were written by the EC unit.
            let before = op.sub.opcode() == Opcode::EcGenerate as u32;
            let more = if before { op.sub.pay_len() } else { 0 };
            assert_eq!(bytes, out.len() as u32 + more, "bytes");
            assert_eq!(written.len(), out.len(), "written: {op:x?}");
            let image: Vec<u8> = (dst..).take(out.len()).map(|a| written[&a]).collect();
            assert!(image == out, "memory of {op:x?}:\n{image:x?}\n{out:x?}");
        } else {
            assert_eq!(bytes, 0);
            let begun = [Status::DmaDst, Status::Aborted, Status::NoEntropy].contains(&status);
            assert!(begun || written.is_empty(), "{status:?}, yet it wrote");
        }
        // The lanes' copies are the slots'.
        for (s, slot) in self.slots.iter().enumerate() {
            let aes = slot.meta.valid && (1..=3).contains(&slot.meta.key_type);
            let want = aes.then(|| {
                let mut k = slot.key.clone();
                k.resize(32, 0);
                (slot.key.len(), k)
            });
            for (l, lane) in self.lanes.iter().enumerate() {
                assert_eq!(lane.copies[s], want, "lane {l}, slot {s}, after {op:x?}");
            }
        }
        let left = self.b.get("left_o");
        assert!(left == 0, "something of a key is left after {op:x?}: {left:06x}");
        self.done.push(got);
    }

    /// Until all is done.
    pub fn finish(&mut self) {
        for _ in 0..3_000_000 {
            if self.idle() {
                return;
            }
            self.cycle();
        }
        panic!("does not end: {:x?} {:x?}", self.pending, self.ec.now);
    }

    /// One operation alone.
    pub fn run(&mut self, queue: usize, sub: Submission) -> Completion {
        self.finish();
        self.offer(queue, sub);
        self.finish();
        self.done.last().cloned().unwrap()
    }

    /// From the next cycle on, until a reset.
    pub fn wipe(&mut self) {
        self.b.set("wipe_i", true);
        (self.wiped_at, self.ends) = (Some(self.b.m.cycles()), true);
    }

    pub fn reset(&mut self) {
        self.b.set("wipe_i", false);
        self.b.m.reset().unwrap();
        let root = self.root;
        self.b.set_bytes("root_i", &root);
        self.stable.reset();
        self.mem.reset();
        self.slots = vec![Slot::default(); SLOTS];
        self.lanes = Default::default();
        for q in [&mut self.offers, &mut self.pending] {
            q.clear();
        }
        self.ec = Engines::new();
        (self.turn, self.wiped_at) = (None, None);
        self.cleared.clear();
        self.blocks.clear();
        self.taken.clear();
        self.written.clear();
        self.window = ([0; 64], 0);
        (self.busy, self.resetting) = (0, 0);
    }

    /// Fills a slot by KEY_LOAD.
    pub fn load(&mut self, slot: usize, domain: u8, key_type: u8, key: &[u8], usage: u16, policy: u8) {
        self.window.0[..key.len()].copy_from_slice(key);
        self.window.1 = !0;
        let mut s = op(Opcode::KeyLoad);
        s.set_slot(slot as u32)
            .set_aad0(u32::from(usage) << 16 | u32::from(domain) << 8 | u32::from(key_type));
        let secret = if key_type == 4 { key.len() as u32 } else { 0 };
        s.set_aad1(secret << 8 | u32::from(policy));
        assert_eq!(self.run(0, s).status, Status::Ok);
    }

    /// A handle.
    pub fn name(&self, s: &mut Submission, slot: usize) {
        s.set_slot(slot as u32)
            .set_generation(self.slots[slot].meta.generation.into());
    }

    /// The second handle.
    pub fn base(&self, s: &mut Submission, slot: usize) {
        s.set_aad2(u32::from(self.slots[slot].meta.generation) << 16 | slot as u32);
    }
}

pub fn op(opcode: Opcode) -> Submission {
    let mut s = Submission::default();
    s.set_opcode(opcode as u32);
    s
}

pub fn src(s: &mut Submission, at: u64, len: u64) {
    s.set_src_lo(at as u32)
        .set_src_hi((at >> 32) as u32)
        .set_pay_len(len as u32);
}

pub fn dst(s: &mut Submission, at: u64) {
    s.set_dst_lo(at as u32).set_dst_hi((at >> 32) as u32);
}
