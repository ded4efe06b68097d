// SPDX-License-Identifier: Apache-2.0
//! The slots between a guard, a key unit and two lanes played here: a slot is empty while its key changes, it does not change while the
//! guard or an engine decides on it, no lane's key port is touched until every request given before is answered, a key that an
//! engine holds is not stored over, seals and signatures count, and nothing of a key comes out elsewhere.

#[path = "../../keys/tb/model.rs"]
mod model;
mod readers;

use casemate_hdl_tb::{Bench, chance, pack};
use model::Meta;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use readers::{EC, Known, Readers};

const SLOTS: usize = 8;
const LANES: usize = 2;
const FILL: u64 = 0;
const EMPTY: u64 = 1;
const RIGHTS: u64 = 2;
/// Of keys that neither seal nor sign.
const COUNT: u64 = 3;

#[derive(Debug, Clone)]
struct Put {
    op: u64,
    slot: usize,
    meta: Meta,
    used: u32,
    key: [u8; 64],
    /// Cycles since it was first offered.
    age: u32,
    /// Requests in each lane that must be answered first, from the moment the slot was empty.
    before: Option<[u32; LANES]>,
    /// The cycle of the first word of the key, once it was asked for.
    words_at: Option<u64>,
    cleared: [bool; LANES],
    loaded: [bool; LANES],
    /// Cycle in which each lane says that it is done.
    done_at: [Option<u64>; LANES],
}

impl Put {
    fn aes(&self) -> bool {
        self.op == FILL && self.meta.key_type <= 3
    }

    /// It may store: the slot is empty and no request of it is left.
    fn drained(&self) -> bool {
        self.before == Some([0; LANES])
    }
}

/// What the guard is at.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Guard {
    Idle,
    Look,
    Wait,
    Decide,
    Send(u32),
}

struct Slots {
    b: Bench,
    rng: ChaCha8Rng,
    meta: [Meta; SLOTS],
    used: [u32; SLOTS],
    /// Slots that were counted on in this cycle and in the one before, with the count as it was: it is written a cycle late.
    counted: [Option<(usize, u32)>; 2],
    /// What a reset leaves in the memory is not known.
    key: [Option<[u8; 64]>; SLOTS],
    now: Option<Put>,
    guard: Guard,
    look: usize,
    /// The guard lets a request of the slot through.
    good: bool,
    out: [u32; LANES],
    stall: u32,
    completed: u32,
    seals: u32,
    counts: u32,
    /// What the guard's slot was when it looked; none: its key was changing.
    looked: Option<(Meta, u32)>,
    readers: Readers,
    /// Cycles in which a command waited for an engine that decided on its slot, or held its key.
    waits: [u32; 2],
}

impl Slots {
    fn new(seed: u64) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "slots/rtl/slots_pkg.sv",
            "ecunit/rtl/ecunit_pkg.sv",
            "slots/rtl/slot_flags.sv",
            "slots/rtl/slots.sv",
            "slots/tb/slots_tb.sv",
        ];
        let params = [
            ("SLOTS", SLOTS as u32),
            ("LANES", LANES as u32),
            ("EC", EC as u32),
        ];
        Self {
            b: Bench::new("slots_tb", &files, &params),
            rng: ChaCha8Rng::seed_from_u64(seed),
            meta: Default::default(),
            used: [0; SLOTS],
            counted: [None; 2],
            key: [None; SLOTS],
            now: None,
            guard: Guard::Idle,
            look: 0,
            good: false,
            out: [0; LANES],
            stall: 30,
            completed: 0,
            seals: 0,
            counts: 0,
            looked: None,
            readers: Readers::new(),
            waits: [0; 2],
        }
    }

    fn random_put(&mut self) -> Put {
        let r = &mut self.rng;
        // Often one that an engine is at.
        let held: Vec<usize> = (0..SLOTS)
            .filter(|&s| self.readers.holds(s) || self.readers.busy(s))
            .collect();
        let slot = match held[..] {
            [first, ..] if chance(r, 50) => first,
            _ => r.random_range(0..SLOTS),
        };
        let generation = self.meta[slot].generation;
        let valid = self.meta[slot].valid;
        let mut op = [FILL, FILL, EMPTY, RIGHTS][r.random_range(0..if valid { 4 } else { 2 })];
        let mut used = r.random();
        if valid && [4, 5].contains(&self.meta[slot].key_type) && r.random() {
            (op, used) = (COUNT, self.used[slot].wrapping_add(1));
        }
        // Of a key that there is the type stays.
        let key_type = match op {
            FILL => r.random_range(1..=7),
            _ => self.meta[slot].key_type,
        };
        let mut key = [0; 64];
        r.fill_bytes(&mut key);
        Put {
            op,
            slot,
            meta: Meta {
                valid: true,
                key_type,
                domain: r.random(),
                usage: r.random(),
                generation: generation + u16::from(op == FILL),
                policy: r.random_range(0..3),
                origin: r.random_range(1..6),
                key_len: r.random_range(16..=64),
                limit: r.random(),
                label: r.random(),
            },
            used,
            key,
            age: 0,
            before: None,
            words_at: None,
            cleared: [false; LANES],
            loaded: [false; LANES],
            done_at: [None; LANES],
        }
    }

    /// One cycle: everyone around the slots does something.
    fn cycle(&mut self) {
        let now = self.b.m.cycles();
        // Guard: looks, decides by what it sees, hands over.
        self.guard = match self.guard {
            Guard::Idle if chance(&mut self.rng, 40) => {
                self.look = self.rng.random_range(0..SLOTS);
                Guard::Look
            }
            Guard::Look => Guard::Wait,
            Guard::Wait => Guard::Decide,
            Guard::Decide if self.good => Guard::Send(self.rng.random_range(0..6)),
            Guard::Decide | Guard::Send(0) => Guard::Idle,
            Guard::Send(n) => Guard::Send(n - 1),
            g => g,
        };
        if self.guard == Guard::Idle {
            self.look = self.rng.random_range(0..SLOTS);
        }
        self.counted = [None, self.counted[0]];
        self.b.set("look_slot_i", self.look as u64);
        self.b.set("look_busy_i", self.guard != Guard::Idle);
        let mut seal = false;
        if self.guard == Guard::Decide {
            let got = Meta::take(&mut self.b.bits("look_meta_o"));
            let used = self.b.get("look_used_o") as u32;
            self.good = got.valid;
            assert_eq!(
                got.valid,
                self.looked.is_some_and(|l| l.0.valid),
                "slot {}",
                self.look
            );
            if got.valid {
                assert_eq!(Some(got), self.looked.map(|l| l.0));
                let counted = self
                    .now
                    .as_ref()
                    .is_some_and(|p| p.op == COUNT && p.slot == self.look);
                assert!(counted || Some(used) == self.looked.map(|l| l.1));
                seal = got.key_type <= 3 && self.rng.random();
            }
        }
        self.b.set("count_i", seal);
        if seal {
            self.seals += 1;
            self.counted[0] = Some((self.look, self.used[self.look]));
            self.used[self.look] = self.used[self.look].wrapping_add(1);
        }
        self.readers.drive(&mut self.b, &mut self.rng, SLOTS);
        // Key unit.
        self.b.set("put_valid_i", self.now.is_some());
        let mut word = self.rng.random();
        let mut comes = false;
        if let Some(p) = &self.now {
            self.b.set("put_op_i", p.op);
            self.b.set("put_slot_i", p.slot as u64);
            self.b.set("put_used_i", p.used);
            self.b.set_words("put_meta_i", &pack(&p.meta.fields()));
            if let Some(i) = p.words_at.and_then(|at| now.checked_sub(at)).filter(|&i| i < 8) {
                let i = 8 * i as usize;
                (comes, word) = (true, u64::from_le_bytes(p.key[i..i + 8].try_into().unwrap()));
            }
        }
        self.b.set("put_word_valid_i", comes);
        self.b.set("put_word_i", word);
        // Lanes.
        let (mut given, mut answered, mut ready, mut done) = (0u64, 0u64, 0u64, 0u64);
        let hands = matches!(self.guard, Guard::Send(0)).then(|| self.rng.random_range(0..LANES));
        for l in 0..LANES {
            let give = hands == Some(l) || self.out[l] < 200 && chance(&mut self.rng, self.stall / 2);
            let answer = self.out[l] > 0 && chance(&mut self.rng, 30);
            given |= u64::from(give) << l;
            answered |= u64::from(answer) << l;
            ready |= u64::from(!chance(&mut self.rng, self.stall)) << l;
            let ends = self
                .now
                .as_mut()
                .is_some_and(|p| p.done_at[l].take_if(|t| *t <= now).is_some());
            done |= u64::from(ends) << l;
        }
        self.b.set("lane_given_i", given);
        self.b.set("lane_answered_i", answered);
        self.b.set("key_ready_i", ready);
        self.b.set("key_done_i", done);
        self.b.m.settle();

        let signature = self.readers.check(&mut self.b, &mut self.rng);
        self.key_port(ready, now);
        if self.b.is("put_ask_o") {
            let delay = self.rng.random_range(1..10);
            let holds = |slot| self.readers.holds(slot);
            let p = self.now.as_mut().expect("a key asked for without an operation");
            assert!(p.op == FILL && p.words_at.is_none(), "asks again");
            assert!(p.drained() && !holds(p.slot), "asks too early");
            p.words_at = Some(now + delay);
        }
        for l in 0..LANES {
            let (g, a) = (given >> l & 1 == 1, answered >> l & 1 == 1);
            self.out[l] = self.out[l] + u32::from(g) - u32::from(a);
            if let Some(before) = self.now.as_mut().and_then(|p| p.before.as_mut())
                && a
            {
                before[l] = before[l].saturating_sub(1);
            }
        }
        // A command is taken in its third cycle at the earliest.
        if let Some(p) = &mut self.now {
            p.age += 1;
        }
        if let Some(p) = &mut self.now
            && p.before.is_none()
            && p.op < RIGHTS
            && p.age > 2
            && (self.guard == Guard::Idle || self.look != p.slot)
            && !self.readers.busy(p.slot)
        {
            // Empty from here on. Of an empty slot no request is left.
            p.before = Some(if self.meta[p.slot].valid {
                self.out
            } else {
                [0; LANES]
            });
        }
        if self.b.is("done_o") {
            self.complete();
        }
        // What is looked at now is shown two cycles later as it is now.
        let held = self
            .now
            .as_ref()
            .is_some_and(|p| p.before.is_some() && p.slot == self.look);
        if self.guard == Guard::Look {
            let before = self.counted[1].filter(|c| c.0 == self.look);
            let used = before.map_or(self.used[self.look], |c| c.1);
            self.looked = (!held).then_some((self.meta[self.look], used));
        }
        if let Some((slot, used)) = signature {
            assert!(self.meta[slot].valid && self.meta[slot].key_type > 5);
            self.counted[0] = Some((slot, self.used[slot]));
            self.used[slot] = self.used[slot].wrapping_add(1);
            assert_eq!(used, self.used[slot], "a signature is not counted on");
        }
        if let Some(p) = self.now.as_ref().filter(|p| p.op < RIGHTS) {
            self.waits[0] += u32::from(p.before.is_none() && p.age > 2 && self.readers.busy(p.slot));
            self.waits[1] += u32::from(p.drained() && self.readers.holds(p.slot));
        }
        // A slot with a command is one thing or the other.
        let (command, completed) = (self.now.as_ref(), self.completed);
        let stores = command.filter(|p| p.op < RIGHTS && p.drained() && !self.readers.holds(p.slot));
        let stores = stores.map(|p| p.slot);
        let (meta, used, key, late) = (&self.meta, &self.used, &self.key, self.counted[0]);
        let used = |s: usize| late.filter(|c| c.0 == s).map_or(used[s], |c| c.1);
        let quiet = |s: usize| completed > 0 && command.is_none_or(|p| p.slot != s);
        let known = Known {
            public: &|s| quiet(s).then(|| (meta[s], used(s))),
            key: &|s| key[s],
            steady: &|s| stores != Some(s),
        };
        self.readers.note(now, known);
        self.b.m.rise();
    }

    fn key_port(&mut self, ready: u64, now: u64) {
        let valid = self.b.get("key_valid_o");
        let key = self.b.bytes("key_o");
        let (slot, size, clear) = (
            self.b.get("key_slot_o"),
            self.b.get("key_size_o"),
            self.b.is("key_clear_o"),
        );
        if valid == 0 || clear {
            assert_eq!(key, [0; 32], "a key stays on the port");
        }
        if valid == 0 {
            return;
        }
        let delay = self.rng.random_range(1..30);
        let holds = |slot| self.readers.holds(slot);
        let p = self.now.as_mut().expect("a key offered without an operation");
        assert!(p.drained(), "requests given before are not answered");
        assert!(!holds(p.slot), "an engine holds the key");
        assert_eq!(slot as usize, p.slot);
        if !clear {
            assert!(p.aes(), "a key that no lane uses");
            assert_eq!(key[..], p.key[..32]);
            assert_eq!(size, u64::from(p.meta.key_type) - 1);
        }
        for l in 0..LANES {
            if valid >> l & 1 == 1 && ready >> l & 1 == 1 {
                let had = std::mem::replace(
                    if clear {
                        &mut p.cleared[l]
                    } else {
                        &mut p.loaded[l]
                    },
                    true,
                );
                assert!(!had && (clear || p.cleared[l]), "lane {l}");
                p.done_at[l] = Some(now + delay + l as u64);
            }
        }
    }

    fn complete(&mut self) {
        let p = self.now.take().expect("done without an operation");
        assert_eq!(p.done_at, [None; LANES], "before each lane is done");
        assert_eq!(p.op == FILL, p.words_at.is_some(), "the key was asked for");
        if p.op < RIGHTS {
            assert_eq!(p.cleared, [true; LANES]);
            assert_eq!(p.loaded, [p.aes(); LANES]);
        }
        match p.op {
            FILL => {
                self.meta[p.slot] = p.meta;
                self.used[p.slot] = p.used;
                self.key[p.slot] = Some(p.key);
            }
            EMPTY => {
                self.meta[p.slot].valid = false;
                self.key[p.slot] = Some([0; 64]);
            }
            RIGHTS => self.meta[p.slot] = p.meta,
            _ => {
                self.used[p.slot] = p.used;
                self.counts += 1;
            }
        }
        self.completed += 1;
    }

    fn finish(&mut self) {
        for _ in 0..5000 {
            if self.now.is_none() {
                return;
            }
            self.cycle();
        }
        panic!("an operation does not end: {:?}", self.now);
    }

    fn reset(&mut self) {
        self.b.m.reset().unwrap();
        (self.now, self.guard, self.readers) = (None, Guard::Idle, Readers::new());
        (self.meta, self.out, self.completed, self.key) = (Default::default(), [0; LANES], 0, [None; SLOTS]);
    }

    /// Every slot once, so that all memory is known.
    fn fill_all(&mut self) {
        for slot in 0..SLOTS {
            let mut p = self.random_put();
            (p.op, p.slot) = (FILL, slot);
            p.meta.generation = self.meta[slot].generation + 1;
            self.now = Some(p);
            self.finish();
        }
    }
}

#[test]
fn random_changes() {
    for (seed, stall) in [(1, 30), (2, 0), (4, 80)] {
        let mut s = Slots::new(seed);
        s.fill_all();
        s.stall = stall;
        for _ in 0..150_000 {
            if s.now.is_none() && chance(&mut s.rng, 20) {
                s.now = Some(s.random_put());
            }
            s.cycle();
        }
        s.finish();
        assert!(
            s.completed > 30 && s.seals > 300 && s.counts > 2,
            "{} changes, {} seals",
            s.completed,
            s.seals
        );
        let r = &s.readers;
        assert!(
            r.keys.iter().all(|&n| n > 200) && r.signatures > 30 && s.waits.iter().all(|&n| n > 50),
            "{:?} keys fetched, {} signatures, waits {:?}",
            r.keys,
            r.signatures,
            s.waits
        );
    }
}

#[test]
fn a_change_waits_for_the_requests_before_it_and_no_others() {
    let mut s = Slots::new(4);
    s.stall = 0;
    s.fill_all();
    s.b.set("look_busy_i", false);
    // Three requests in lane 1; requests given later do not count.
    let quiet = |s: &mut Slots, given: u64, answered: u64| {
        s.b.set("lane_given_i", given);
        s.b.set("lane_answered_i", answered);
        s.b.m.tick();
    };
    loop {
        s.guard = Guard::Idle;
        s.cycle();
        if s.out == [0; LANES] {
            break;
        }
    }
    s.b.set("look_busy_i", false);
    s.b.set_words("ec_ask_i", &[0; 3]);
    s.b.set("ec_held_i", 0u64);
    s.b.set("key_ready_i", 3u64);
    for _ in 0..3 {
        quiet(&mut s, 2, 0);
    }
    s.b.set("put_op_i", EMPTY);
    s.b.set("put_slot_i", 5u64);
    s.b.set("put_valid_i", true);
    // Taken in its third cycle.
    for _ in 0..3 {
        quiet(&mut s, 0, 0);
    }
    for _ in 0..3 {
        for _ in 0..20 {
            quiet(&mut s, 3, 0);
            assert_eq!(s.b.get("key_valid_o"), 0);
        }
        quiet(&mut s, 0, 2);
    }
    assert!(
        // Eight words are overwritten first.
        (0..16).any(|_| {
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
            if s.now.is_none() {
                s.now = Some(s.random_put());
            }
            s.cycle();
        }
        s.reset();
        for slot in 0..SLOTS {
            s.b.set("read_ask_i", true);
            s.b.set("read_slot_i", slot as u64);
            (0..4).for_each(|_| s.b.m.tick());
            assert!(s.b.is("read_grant_o"));
            let m = Meta::take(&mut s.b.bits("read_meta_o"));
            assert_eq!((m.valid, m.generation), (false, 0));
        }
        s.reset();
    }
}

/// Whatever is under way, and whoever still asks.
#[test]
fn a_wipe_leaves_nothing() {
    let mut s = Slots::new(6);
    let mut was_left = 0;
    for round in 0..40 {
        s.stall = [0, 30, 80][round % 3];
        s.fill_all();
        for _ in 0..s.rng.random_range(200..500) {
            if s.now.is_none() && chance(&mut s.rng, 50) {
                s.now = Some(s.random_put());
            }
            s.cycle();
        }
        s.b.set("wipe_i", true);
        let mut took = None;
        for n in 0..8 * SLOTS + 40 {
            s.readers.drive(&mut s.b, &mut s.rng, SLOTS);
            let random: u64 = s.rng.random();
            for (i, port) in ["look_busy_i", "count_i", "put_valid_i", "put_word_valid_i"]
                .iter()
                .enumerate()
            {
                s.b.set(port, random >> i & 1);
            }
            s.b.set("look_slot_i", random >> 8 & 7);
            s.b.set("put_slot_i", random >> 16 & 7);
            s.b.set("put_op_i", random >> 24 & 3);
            s.b.set("put_word_i", random);
            s.b.set("lane_given_i", 0u64);
            s.b.set("key_ready_i", random >> 32 & 3);
            s.b.set("key_done_i", random >> 34 & 3);
            s.b.m.settle();
            was_left |= s.b.get("left_o");
            if n > 0 {
                let busy = ["done_o", "put_ask_o", "read_valid_o"].map(|p| s.b.is(p));
                assert_eq!(busy, [false; 3], "done, asks, gives, after {n} cycles");
                assert_eq!((s.b.get("key_valid_o"), s.b.get("read_word_o")), (0, 0));
                let mut answer = s.b.bits("ec_answer_o");
                answer.take(1);
                assert_eq!(answer.take(65), 0, "an engine gets a word");
            }
            // What was looked at before the wipe has come.
            if n > 3 {
                for port in ["look_meta_o", "read_meta_o"] {
                    assert!(!Meta::take(&mut s.b.bits(port)).valid, "a key after {n} cycles");
                }
                assert_eq!(s.b.bytes("key_o"), [0; 32]);
            }
            if s.b.is("wiped_o") {
                took.get_or_insert(n);
                assert_eq!(s.b.get("left_o"), 0, "something of a key is left");
            }
            s.b.m.rise();
        }
        assert!(took.is_some_and(|n| n <= 8 * SLOTS + 3), "{took:?} cycles");
        s.b.set("wipe_i", false);
        s.reset();
    }
    assert_eq!(
        was_left, 0x1f,
        "places in which there never was anything of a key"
    );
}
