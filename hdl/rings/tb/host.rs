// SPDX-License-Identifier: Apache-2.0
//! Everything around the rings: a host with its queues in memory, a guard that takes descriptors, engines that complete them
//! in any order. Each side's every step is checked.

use casemate_abi::{Completion, QueueError, QueueState, Status, reg};
use casemate_hdl_tb::{Bench, Memory, Order, Stable, chance, pack};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

pub const QUEUES: usize = 4;

/// An access to a queue's page, or to its binding.
#[derive(Debug, Clone, Copy)]
pub struct Access {
    pub queue: usize,
    pub bind: bool,
    pub off: u32,
    pub write: Option<u32>,
}

pub fn write(queue: usize, reg: u32, value: u32) -> Access {
    Access {
        queue,
        bind: false,
        off: reg & 0xfff,
        write: Some(value),
    }
}

pub fn read(queue: usize, reg: u32) -> Access {
    Access {
        write: None,
        ..write(queue, reg, 0)
    }
}

/// What a completion is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    cookie: u32,
    status: u8,
    bytes: u32,
    result: [u8; 16],
    /// Handed over while the queue was resetting.
    late: bool,
}

/// The host's view of a queue, counters from its enabling on and not wrapped.
#[derive(Default)]
pub struct Queue {
    pub on: bool,
    pub resetting: bool,
    pub sq_log2: u32,
    pub cq_log2: u32,
    pub sq_base: u64,
    pub cq_base: u64,
    /// Descriptors written to memory; of those, announced; read by the device; delivered.
    pub pushed: u64,
    pub tail: u64,
    pub asked: u64,
    pub delivered: u64,
    /// Completions handed over, seen on the bus, answered; consumed, and announced as such.
    pub given: u64,
    pub written: u64,
    pub answered: u64,
    pub consumed: u64,
    pub head: u64,
    /// Submissions whose entries are free again.
    pub freed: u64,
    /// Errors that the device may have met.
    pub errors: Vec<QueueError>,
    /// The error state was read.
    pub stopped: bool,
    /// First descriptor that cannot be read.
    pub unreadable: Option<u64>,
    pub cq_failed: bool,
    pub reads_after_reset: u32,
    pub incarnation: u64,
    pub irqs: u64,
    /// Completions answered since the last interrupt.
    pub unannounced: u64,
    /// Over all incarnations, since the counters were cleared.
    pub total: u32,
    pub total_bad: u32,
    descriptors: VecDeque<Vec<u8>>,
    out: Vec<u32>,
    expect: VecDeque<Outcome>,
}

impl Queue {
    pub fn sq_depth(&self) -> u64 {
        1 << self.sq_log2
    }

    pub fn cq_depth(&self) -> u64 {
        1 << self.cq_log2
    }
}

pub struct Host {
    pub b: Bench,
    pub mem: Memory,
    pub rng: ChaCha8Rng,
    pub q: Vec<Queue>,
    /// Chance in percent that the guard takes a descriptor, that an engine completes a request, that memory takes an address.
    pub take: u32,
    pub complete: u32,
    pub accept: u32,
    /// Reads of the submission rings: queue, descriptors.
    pub reads: Vec<(usize, u64)>,
    pub error_irqs: u64,
    stable: Stable,
    offered: Option<(usize, Outcome)>,
    entry: Vec<(u64, u8)>,
    next_cookie: u32,
}

impl Host {
    pub fn new(bits: u32, seed: u64) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "gcm/rtl/gcm_fifo.sv",
            "lib/rtl/fifo.sv",
            "rings/rtl/queues.sv",
            "rings/rtl/sq_fetch.sv",
            "rings/rtl/cq_write.sv",
            "rings/tb/rings_tb.sv",
        ];
        Self {
            b: Bench::new("rings_tb", &files, &[("DW", bits), ("QUEUES", QUEUES as u32)]),
            mem: Memory::new(bits),
            rng: ChaCha8Rng::seed_from_u64(seed),
            q: (0..QUEUES).map(|_| Queue::default()).collect(),
            take: 100,
            complete: 100,
            accept: 100,
            reads: Vec::new(),
            error_irqs: 0,
            stable: Stable::default(),
            offered: None,
            entry: Vec::new(),
            next_cookie: 0,
        }
    }

    // ------------------------------------------------------------ registers

    /// A register access in the next cycle: data, and whether it was refused.
    pub fn access(&mut self, a: Access) -> (u32, bool) {
        self.b.set("reg_valid_i", true);
        self.b.set("reg_bind_i", a.bind);
        self.b.set("reg_write_i", a.write.is_some());
        self.b.set("reg_queue_i", a.queue as u64);
        self.b.set("reg_off_i", a.off);
        self.b.set("reg_wdata_i", a.write.unwrap_or(0));
        self.cycle();
        self.b.set("reg_valid_i", false);
        (self.b.get("reg_rdata_o") as u32, self.b.is("reg_err_o"))
    }

    /// A write that must succeed.
    pub fn set(&mut self, queue: usize, reg: u32, value: u32) {
        assert!(
            !self.access(write(queue, reg, value)).1,
            "write of {reg:#x} refused"
        );
    }

    /// A read that must succeed.
    pub fn get(&mut self, queue: usize, reg: u32) -> u32 {
        let (value, refused) = self.access(read(queue, reg));
        assert!(!refused, "read of {reg:#x} refused");
        value
    }

    /// State, error and requests in flight, checked against what is known.
    pub fn state(&mut self, queue: usize) -> (QueueState, QueueError, u32) {
        let v = self.get(queue, reg::QUEUE_STATE);
        let state = QueueState::from_code(v as u8).expect("a state");
        let error = QueueError::from_code((v >> 8) as u8).expect("an error");
        let q = &mut self.q[queue];
        match state {
            QueueState::Disabled => {
                assert!(!q.on || q.resetting, "queue {queue} is disabled on its own");
                assert_eq!((error, v >> 16), (QueueError::None, 0));
            }
            QueueState::Enabled => assert!(q.on && !q.resetting && !q.stopped),
            QueueState::Resetting => assert!(q.resetting),
            QueueState::Error => {
                assert!(
                    q.errors.contains(&error),
                    "queue {queue}: {error:?}, not {:?}",
                    q.errors
                );
                q.stopped = true;
            }
        }
        (state, error, v >> 16)
    }

    /// Sets a queue up and enables it, with rings at new places.
    pub fn enable(&mut self, queue: usize, sq_log2: u32, cq_log2: u32) {
        let incarnation = self.q[queue].incarnation + 1;
        let place = (queue as u64 * 0x1_0000 + incarnation) << 20;
        let (total, total_bad) = (self.q[queue].total, self.q[queue].total_bad);
        self.q[queue] = Queue {
            on: true,
            sq_log2,
            cq_log2,
            // Rings lie anywhere that is aligned to 64 bytes.
            sq_base: place + 64 * self.rng.random_range(0..64u64),
            cq_base: place + 0x8_0000 + 64 * self.rng.random_range(0..64u64),
            incarnation,
            total,
            total_bad,
            ..Queue::default()
        };
        let (sq, cq) = (self.q[queue].sq_base, self.q[queue].cq_base);
        self.mem.write(cq, &vec![0; 32 << cq_log2]);
        self.set(queue, reg::QUEUE_DEPTH, sq_log2 | cq_log2 << 8);
        self.set(queue, reg::QUEUE_SQ_BASE_LO, sq as u32);
        self.set(queue, reg::QUEUE_SQ_BASE_HI, (sq >> 32) as u32);
        self.set(queue, reg::QUEUE_CQ_BASE_LO, cq as u32);
        self.set(queue, reg::QUEUE_CQ_BASE_HI, (cq >> 32) as u32);
        self.set(queue, reg::QUEUE_CTRL, 1);
    }

    pub fn reset(&mut self, queue: usize) {
        self.set(queue, reg::QUEUE_CTRL, 2);
        self.q[queue].resetting = true;
    }

    /// The queue was seen disabled: all it had in flight is over, and its memory is the host's again.
    pub fn disabled(&mut self, queue: usize) {
        let q = &mut self.q[queue];
        assert_eq!(q.given, q.delivered, "disabled with requests in flight");
        if !q.cq_failed {
            assert_eq!(q.answered, q.given, "disabled before its completions are written");
        }
        (q.on, q.resetting) = (false, false);
        let (base, n) = (q.sq_base, 64 * q.sq_depth());
        let mut junk = vec![0; n as usize];
        self.rng.fill_bytes(&mut junk);
        self.mem.write(base, &junk);
    }

    // ----------------------------------------------------------------- host

    /// Writes a descriptor, if there is room; the doorbell is another matter.
    pub fn push(&mut self, queue: usize, bad: bool) -> bool {
        let q = &mut self.q[queue];
        if q.pushed - q.freed >= q.sq_depth() {
            return false;
        }
        let mut d = vec![0; 64];
        self.rng.fill_bytes(&mut d);
        d[8..12].copy_from_slice(&self.next_cookie.to_le_bytes());
        self.next_cookie += 1;
        let addr = q.sq_base + q.pushed % q.sq_depth() * 64;
        self.mem.write(addr, &d);
        if bad {
            self.mem.spoil(addr + self.rng.random_range(0..64), 1);
            q.unreadable = q.unreadable.or(Some(q.pushed));
            q.errors.push(QueueError::SqFetch);
        }
        q.descriptors.push_back(d);
        q.pushed += 1;
        true
    }

    pub fn ring(&mut self, queue: usize) {
        let tail = self.q[queue].pushed;
        self.q[queue].tail = tail;
        self.set(queue, reg::QUEUE_SQ_TAIL, tail as u16 as u32);
    }

    /// Takes completions from memory, as a driver does.
    pub fn consume(&mut self, queue: usize, most: u64) {
        for _ in 0..most {
            let q = &mut self.q[queue];
            let addr = q.cq_base + q.consumed % q.cq_depth() * 32;
            let bytes = self.mem.read(addr, 32);
            let c = Completion::from_le(&bytes.try_into().expect("32 bytes"));
            if u64::from(c.phase()) == q.consumed >> q.cq_log2 & 1 {
                return;
            }
            q.consumed += 1;
            // Reconstructs the counter; what it frees is overwritten at once.
            let freed = q.freed + u64::from((c.sq_head() as u16).wrapping_sub(q.freed as u16));
            for i in q.freed..freed {
                let addr = q.sq_base + i % q.sq_depth() * 64;
                self.mem.write(addr, &[0xee; 64]);
            }
            q.freed = freed;
        }
    }

    pub fn acknowledge(&mut self, queue: usize) {
        let head = self.q[queue].consumed;
        self.q[queue].head = head;
        self.set(queue, reg::QUEUE_CQ_HEAD, head as u16 as u32);
    }

    // ---------------------------------------------------------------- cycle

    /// One cycle of everything.
    pub fn cycle(&mut self) {
        let go = chance(&mut self.rng, self.accept);
        self.b.set("ar_ready_i", go);
        let go = chance(&mut self.rng, self.take);
        self.b.set("sub_ready_i", go);
        self.mem.drive_read(&mut self.b, &mut self.rng);
        self.mem.drive_write(&mut self.b, &mut self.rng);
        self.offer_completion();
        self.b.m.settle();

        let b = &mut self.b;
        self.stable.check(b, "AR", "ar_valid_o", "ar_ready_i", &["ar_o"]);
        self.stable.check(b, "AW", "aw_valid_o", "aw_ready_i", &["aw_o"]);
        let data = ["w_data_o", "w_strb_o"];
        self.stable.check(b, "W", "w_valid_o", "w_ready_i", &data);
        if let Some((addr, beats)) = self.mem.take_ask(&mut self.b, &mut self.rng) {
            self.on_read(addr, beats);
        }
        if self.b.is("sub_valid_o") && self.b.is("sub_ready_i") {
            let (queue, d) = (self.b.get("sub_queue_o") as usize, self.b.bytes("sub_o"));
            self.on_descriptor(queue, d);
        }
        if self.offered.is_some() && self.b.is("cpl_ready_o") {
            let (queue, mut outcome) = self.offered.take().expect("just seen");
            outcome.late = self.q[queue].resetting;
            self.q[queue].expect.push_back(outcome);
            self.q[queue].given += 1;
        }
        let irq = self.b.get("irq_o");
        for (i, q) in self.q.iter_mut().enumerate() {
            if irq >> i & 1 == 1 {
                q.irqs += 1;
                q.unannounced = 0;
            }
        }
        self.error_irqs += irq >> QUEUES & 1;
        let (answered, written) = self.mem.take_write(&mut self.b, &mut self.rng);
        if let Some((addr, _)) = answered {
            let queue = self.queue_at(addr);
            self.q[queue].answered += 1;
            self.q[queue].unannounced += 1;
        }
        self.entry.extend(written);
        if self.entry.len() == 32 {
            let entry = std::mem::take(&mut self.entry);
            self.on_completion(&entry);
        }
        self.b.m.rise();
    }

    fn offer_completion(&mut self) {
        if self.offered.is_none() && chance(&mut self.rng, self.complete) {
            let busy: Vec<usize> = (0..QUEUES).filter(|&i| !self.q[i].out.is_empty()).collect();
            if !busy.is_empty() {
                let queue = busy[self.rng.random_range(0..busy.len())];
                let out = &mut self.q[queue].out;
                let cookie = out.swap_remove(self.rng.random_range(0..out.len()));
                let statuses = [Status::Ok, Status::Ok, Status::TagMismatch, Status::DmaSrc];
                let outcome = Outcome {
                    cookie,
                    status: statuses[self.rng.random_range(0..4)] as u8,
                    bytes: self.rng.random(),
                    result: self.rng.random(),
                    late: false,
                };
                self.offered = Some((queue, outcome));
            }
        }
        self.b.set("cpl_valid_i", self.offered.is_some());
        if let Some((queue, o)) = &self.offered {
            let words = pack(&[
                (u128::from_le_bytes(o.result), 128),
                (o.bytes.into(), 32),
                (o.status.into(), 8),
                (o.cookie.into(), 32),
                (*queue as u128, 6),
            ]);
            self.b.set_words("cpl_i", &words);
        }
    }

    /// The queue one of whose rings of today holds this address.
    fn queue_at(&self, addr: u64) -> usize {
        let queue = (addr >> 36) as usize;
        let q = &self.q[queue];
        assert_eq!(
            addr >> 20 & 0xffff,
            q.incarnation,
            "queue {queue}: an access to rings it no longer has"
        );
        assert!(q.on, "queue {queue}: an access while disabled");
        queue
    }

    fn on_read(&mut self, addr: u64, beats: u64) {
        let queue = self.queue_at(addr);
        let q = &mut self.q[queue];
        let count = beats * self.mem.beat / 64;
        assert!(
            (1..=4).contains(&count) && count * 64 == beats * self.mem.beat,
            "{beats} beats"
        );
        let at = q.asked % q.sq_depth();
        assert_eq!(addr, q.sq_base + 64 * at, "the next descriptor's address");
        assert!(at + count <= q.sq_depth(), "a read past the ring's end");
        q.asked += count;
        assert!(q.asked <= q.tail, "queue {queue}: a read past the tail");
        assert!(
            q.asked - q.head <= q.cq_depth(),
            "queue {queue}: fetched without room for its completion"
        );
        q.reads_after_reset += u32::from(q.resetting);
        assert!(q.reads_after_reset <= 1, "a queue in reset goes on fetching");
        self.reads.push((queue, count));
    }

    fn on_descriptor(&mut self, queue: usize, d: Vec<u8>) {
        let q = &mut self.q[queue];
        assert!(
            q.on && !q.resetting && !q.stopped,
            "queue {queue}: a descriptor while it is not served"
        );
        assert!(q.delivered < q.asked, "queue {queue}: a descriptor nobody read");
        assert_eq!(
            Some(&d),
            q.descriptors.front(),
            "queue {queue}: descriptor {}",
            q.delivered
        );
        q.descriptors.pop_front();
        assert!(
            q.unreadable.is_none_or(|u| q.delivered < u),
            "one that cannot be read"
        );
        q.delivered += 1;
        q.out
            .push(u32::from_le_bytes(d[8..12].try_into().expect("4 bytes")));
    }

    fn on_completion(&mut self, entry: &[(u64, u8)]) {
        let addr = entry[0].0;
        assert!(
            entry.iter().zip(addr..).all(|(e, a)| e.0 == a),
            "a completion in pieces"
        );
        let queue = self.queue_at(addr);
        let failed = (0..32).any(|i| self.mem.bad.contains(&((addr + i) / self.mem.beat)));
        let q = &mut self.q[queue];
        assert_eq!(
            addr,
            q.cq_base + q.written % q.cq_depth() * 32,
            "the next completion's address"
        );
        assert!(
            q.written - q.head < q.cq_depth(),
            "over a completion that was not consumed"
        );
        let bytes: Vec<u8> = entry.iter().map(|e| e.1).collect();
        let c = Completion::from_le(&bytes.try_into().expect("32 bytes"));
        let o = q.expect.pop_front().expect("a completion nobody handed over");
        let result: Vec<u8> = c.words[..4].iter().flat_map(|w| w.to_le_bytes()).collect();
        let as_given = (c.status() as u8, c.bytes(), &result[..]) == (o.status, o.bytes, &o.result[..]);
        let aborted = (c.status() as u8, c.bytes(), &result[..]) == (Status::Aborted as u8, 0, &[0; 16][..]);
        let right = match (q.resetting, o.late) {
            (false, _) => as_given,
            (true, false) => as_given || aborted,
            (true, true) => aborted,
        };
        assert!(
            right,
            "queue {queue}, resetting {}: {c:x?} for {o:x?}",
            q.resetting
        );
        assert_eq!(c.cookie(), o.cookie);
        assert_eq!((c.reserved0(), c.reserved1()), (0, 0));
        assert_eq!(c.queue_id() as usize, queue);
        assert_eq!(u64::from(c.phase()), 1 ^ q.written >> q.cq_log2 & 1, "phase");
        q.written += 1;
        // Its own submission is among those that are free; none is free that was not delivered.
        let free = u64::from((c.sq_head() as u16).wrapping_sub(q.written as u16));
        assert!(
            free <= q.delivered - q.written,
            "sq_head {} after {}",
            c.sq_head(),
            q.delivered
        );
        q.total += 1;
        q.total_bad += u32::from(!matches!(c.status(), 0));
        if failed {
            q.cq_failed = true;
            q.errors.push(QueueError::CqWrite);
        }
    }

    /// Runs until every announced descriptor of every served queue is completed and consumed.
    pub fn drain(&mut self) {
        let start = self.b.m.cycles();
        loop {
            for i in 0..QUEUES {
                self.consume(i, u64::MAX);
                if self.q[i].head != self.q[i].consumed {
                    self.acknowledge(i);
                }
            }
            let busy = |q: &Queue| q.on && (q.answered < q.tail || q.consumed < q.tail);
            if !self.q.iter().any(busy) {
                break;
            }
            self.cycle();
            assert!(self.b.m.cycles() - start < 200_000, "the rings hang");
        }
        for _ in 0..20 {
            self.cycle();
        }
    }

    /// A reset of the device: everything is forgotten.
    pub fn reset_device(&mut self) {
        for p in ["reg_valid_i", "cpl_valid_i", "r_valid_i", "b_valid_i"] {
            self.b.set(p, false);
        }
        self.b.m.reset().expect("a reset");
        self.mem.reset();
        self.mem.bad.clear();
        self.stable.reset();
        (self.offered, self.entry) = (None, Vec::new());
        for q in &mut self.q {
            *q = Queue {
                incarnation: q.incarnation,
                ..Queue::default()
            };
        }
    }

    pub fn order(&mut self, order: Order, latency: u64, stall: u32) {
        (self.mem.order, self.mem.latency, self.mem.stall) = (order, latency, stall);
    }
}
