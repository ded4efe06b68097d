// SPDX-License-Identifier: Apache-2.0
//! The slots between a guard and two lanes played here: a slot is empty while its key changes, no lane's key port is touched
//! until every request given before is answered, generations count, and nothing of the window comes out elsewhere.

use casemate_abi::Status;
use casemate_hdl_tb::{Bench, Stable, chance, pack};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SLOTS: usize = 8;
const LANES: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Meta {
    valid: bool,
    key_type: u8,
    domain: u8,
    usage: u16,
    generation: u16,
}

#[derive(Debug, Clone)]
struct Operation {
    queue: u8,
    cookie: u32,
    destroy: bool,
    slot: usize,
    meta: Meta,
    window: [u8; 64],
    /// Requests in each lane that must be answered first.
    before: [u32; LANES],
    loaded: [bool; LANES],
    /// Cycle in which each lane says it is done.
    done_at: [Option<u64>; LANES],
}

struct Slots {
    b: Bench,
    stable: Stable,
    rng: ChaCha8Rng,
    meta: [Meta; SLOTS],
    /// The operation under way, and one that is offered.
    now: Option<Operation>,
    next: Option<Operation>,
    out: [u32; LANES],
    stall: u32,
    /// The slot asked about in the last cycle, and what it was then; `None` while that is open.
    looked: Option<(usize, Option<Meta>)>,
    completed: u32,
}

impl Slots {
    fn new(seed: u64) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "slots/rtl/slots.sv",
        ];
        Self {
            b: Bench::new(
                "slots",
                &files,
                &[("SLOTS", SLOTS as u32), ("LANES", LANES as u32)],
            ),
            stable: Stable::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            meta: Default::default(),
            now: None,
            next: None,
            out: [0; LANES],
            stall: 30,
            looked: None,
            completed: 0,
        }
    }

    fn random_operation(&mut self) -> Operation {
        let r = &mut self.rng;
        Operation {
            queue: r.random_range(0..64),
            cookie: r.random(),
            destroy: chance(r, 30),
            slot: r.random_range(0..SLOTS),
            meta: Meta {
                valid: true,
                key_type: r.random_range(1..=3),
                domain: r.random(),
                usage: r.random(),
                generation: 0,
            },
            window: std::array::from_fn(|_| r.random()),
            before: [0; LANES],
            loaded: [false; LANES],
            done_at: [None; LANES],
        }
    }

    /// One cycle: everyone around the slots does something.
    fn cycle(&mut self) {
        let now = self.b.m.cycles();
        // Guard.
        self.b.set("req_valid_i", self.next.is_some());
        let mut window: [u8; 64] = std::array::from_fn(|_| self.rng.random());
        if let Some(op) = &self.next {
            window = op.window;
            let m = op.meta;
            let words = pack(&[
                (m.generation.into(), 16),
                (m.usage.into(), 16),
                (m.domain.into(), 8),
                (m.key_type.into(), 8),
                (m.valid.into(), 1),
                (op.slot as u128, 16),
                (op.destroy.into(), 1),
                (op.cookie.into(), 32),
                (op.queue.into(), 6),
            ]);
            self.b.set_words("req_i", &words);
        }
        self.b.set_bytes("window_i", &window);
        let look = self.rng.random_range(0..SLOTS);
        self.b.set("look_slot_i", look as u64);
        // Lanes.
        let (mut given, mut answered, mut ready, mut done) = (0u64, 0u64, 0u64, 0u64);
        for l in 0..LANES {
            let give = self.out[l] < 200 && chance(&mut self.rng, self.stall);
            let answer = self.out[l] > 0 && chance(&mut self.rng, 30);
            given |= u64::from(give) << l;
            answered |= u64::from(answer) << l;
            ready |= u64::from(!chance(&mut self.rng, self.stall)) << l;
            let ends = self.now.as_ref().is_some_and(|o| o.done_at[l] == Some(now));
            done |= u64::from(ends) << l;
        }
        self.b.set("lane_given_i", given);
        self.b.set("lane_answered_i", answered);
        self.b.set("key_ready_i", ready);
        self.b.set("key_done_i", done);
        let take = !chance(&mut self.rng, self.stall);
        self.b.set("cpl_ready_i", take);
        self.b.m.settle();

        self.check_look();
        let known = match &self.now {
            Some(op) if op.slot == look => {
                let done = op.done_at.iter().all(|d| d.is_some_and(|d| d < now));
                let generation = self.meta[look].generation;
                (!done).then_some(Meta {
                    generation,
                    ..Meta::default()
                })
            }
            _ => Some(self.meta[look]),
        };
        self.looked = Some((look, known));
        self.check_key_port(ready, now);
        self.check_completion();
        let took = self.next.is_some() && self.b.is("req_ready_o");
        for l in 0..LANES {
            let (g, a) = (given >> l & 1 == 1, answered >> l & 1 == 1);
            self.out[l] = self.out[l] + u32::from(g) - u32::from(a);
            if let Some(op) = &mut self.now
                && a
            {
                op.before[l] = op.before[l].saturating_sub(1);
            }
        }
        if took {
            assert!(self.now.is_none(), "two operations at once");
            self.now = self.next.take().map(|op| Operation {
                before: self.out,
                ..op
            });
        }
        self.b.m.rise();
    }

    fn check_key_port(&mut self, ready: u64, now: u64) {
        let valid = self.b.get("key_valid_o");
        let key = self.b.bytes("key_o");
        if self.now.is_none() {
            assert_eq!(valid, 0, "a key offered without an operation");
            assert_eq!(key, [0; 32], "a key stays on the port");
            return;
        }
        if valid == 0 {
            return;
        }
        let (slot, size, clear) = (
            self.b.get("key_slot_o"),
            self.b.get("key_size_o"),
            self.b.is("key_clear_o"),
        );
        let delay = self.rng.random_range(1..30);
        let op = self.now.as_mut().expect("checked above");
        assert_eq!(op.before, [0; LANES], "requests given before are not answered");
        assert_eq!((slot as usize, clear), (op.slot, op.destroy));
        if op.destroy {
            assert_eq!(key, [0; 32]);
        } else {
            assert_eq!(key[..], op.window[..32]);
            assert_eq!(size, u64::from(op.meta.key_type) - 1);
        }
        for l in 0..LANES {
            if valid >> l & 1 == 1 {
                assert!(!op.loaded[l], "lane {l} loaded twice");
                if ready >> l & 1 == 1 {
                    op.loaded[l] = true;
                    op.done_at[l] = Some(now + delay + l as u64);
                }
            }
        }
    }

    fn check_completion(&mut self) {
        self.stable
            .check(&mut self.b, "cpl", "cpl_valid_o", "cpl_ready_i", &["cpl_o"]);
        if !(self.b.is("cpl_valid_o") && self.b.is("cpl_ready_i")) {
            return;
        }
        let now = self.b.m.cycles();
        let op = self.now.take().expect("a completion without an operation");
        assert!(
            op.done_at.iter().all(|d| d.is_some_and(|d| d < now)),
            "before each lane is done"
        );
        let m = &mut self.meta[op.slot];
        let generation = m.generation + u16::from(!op.destroy);
        *m = if op.destroy { Meta::default() } else { op.meta };
        m.generation = generation;
        let mut o = self.b.bits("cpl_o");
        let result = if op.destroy { 0 } else { u128::from(generation) };
        assert_eq!(o.take(128), result, "result");
        assert_eq!((o.take(32), o.take(8)), (0, Status::Ok as u128));
        assert_eq!((o.take(32), o.take(6)), (op.cookie.into(), op.queue.into()));
        self.completed += 1;
    }

    /// What the slot asked about in the last cycle looks like.
    fn check_look(&mut self) {
        let Some((slot, Some(want))) = self.looked else {
            return;
        };
        let mut o = self.b.bits("look_meta_o");
        let (generation, usage, domain, key_type, valid) =
            (o.take(16), o.take(16), o.take(8), o.take(8), o.take(1));
        let mut got = Meta {
            valid: valid == 1,
            key_type: key_type as u8,
            domain: domain as u8,
            usage: usage as u16,
            generation: generation as u16,
        };
        if !want.valid {
            // The rest of an empty slot means nothing.
            (got.key_type, got.domain, got.usage) = (0, 0, 0);
        }
        assert_eq!(got, want, "slot {slot}");
    }

    fn finish(&mut self) {
        for _ in 0..5000 {
            if self.now.is_none() && self.next.is_none() {
                return;
            }
            self.cycle();
        }
        panic!("an operation does not end: {:?}", self.now);
    }
}

#[test]
fn random_loads_and_destructions() {
    for (seed, stall) in [(1, 30), (2, 0), (3, 80)] {
        let mut s = Slots::new(seed);
        s.stall = stall;
        for _ in 0..30_000 {
            if s.next.is_none() && chance(&mut s.rng, 20) {
                s.next = Some(s.random_operation());
            }
            s.cycle();
        }
        s.finish();
        assert!(s.completed > 30, "{} operations", s.completed);
    }
}

#[test]
fn a_load_waits_for_the_requests_before_it_and_no_others() {
    let mut s = Slots::new(4);
    s.stall = 0;
    // Three requests in lane 1; requests given later do not count.
    let quiet = |s: &mut Slots, given: u64, answered: u64| {
        s.b.set("lane_given_i", given);
        s.b.set("lane_answered_i", answered);
        s.b.m.tick();
    };
    s.b.set("key_ready_i", 3u64);
    s.b.set("cpl_ready_i", true);
    for _ in 0..3 {
        quiet(&mut s, 2, 0);
    }
    s.b.set_words(
        "req_i",
        &pack(&[(0, 40), (1, 8), (1, 1), (5, 16), (0, 1), (0, 32), (0, 6)]),
    );
    s.b.set("req_valid_i", true);
    quiet(&mut s, 0, 0);
    s.b.set("req_valid_i", false);
    for _ in 0..3 {
        for _ in 0..20 {
            quiet(&mut s, 3, 0);
            assert_eq!(s.b.get("key_valid_o"), 0);
        }
        quiet(&mut s, 0, 2);
    }
    assert!(
        (0..10).any(|_| {
            quiet(&mut s, 0, 0);
            s.b.get("key_valid_o") == 3
        }),
        "waits for requests that came after it"
    );
}

#[test]
fn a_reset_empties_every_slot() {
    let mut s = Slots::new(5);
    for round in 0..12 {
        for _ in 0..300 + 7 * round {
            if s.next.is_none() {
                s.next = Some(s.random_operation());
            }
            s.cycle();
        }
        s.b.m.reset().unwrap();
        s.stable.reset();
        (s.now, s.next, s.looked) = (None, None, None);
        (s.meta, s.out) = (Default::default(), [0; LANES]);
        for _ in 0..60 {
            s.cycle();
        }
    }
}

/// As many loads as a slot has generations: the last one is 0xffff, and no wrap before it.
#[test]
fn generations_reach_the_last() {
    let mut s = Slots::new(6);
    s.b.set("key_ready_i", 3u64);
    s.b.set("key_done_i", 3u64);
    s.b.set("cpl_ready_i", true);
    s.b.set("look_slot_i", 3u64);
    s.b.set_words(
        "req_i",
        &pack(&[(0, 40), (1, 8), (1, 1), (3, 16), (0, 1), (0, 32), (0, 6)]),
    );
    s.b.set("req_valid_i", true);
    let mut loads = 0u64;
    while loads < 0xffff {
        s.b.m.tick();
        if s.b.is("cpl_valid_o") {
            loads += 1;
            assert_eq!(s.b.bits("cpl_o").take(128), loads.into());
        }
    }
    s.b.set("req_valid_i", false);
    s.b.m.tick();
    s.b.m.tick();
    assert_eq!(s.b.bits("look_meta_o").take(16), 0xffff);
}
