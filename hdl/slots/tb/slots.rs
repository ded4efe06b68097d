// SPDX-License-Identifier: Apache-2.0
//! The slots between a guard, a key unit and two lanes played here: a slot is empty while its key changes, it does not change while the
//! guard decides on it, no lane's key port is touched until every request given before is answered, seals count, and nothing of a
//! key comes out elsewhere.

#[path = "../../keys/tb/model.rs"]
mod model;

use casemate_hdl_tb::{Bench, chance, pack};
use model::Meta;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

const SLOTS: usize = 8;
const LANES: usize = 2;
const FILL: u64 = 0;
const EMPTY: u64 = 1;
const RIGHTS: u64 = 2;
/// Of keys that do not seal.
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
    cleared: [bool; LANES],
    loaded: [bool; LANES],
    /// Cycle in which each lane says that it is done.
    done_at: [Option<u64>; LANES],
}

impl Put {
    fn aes(&self) -> bool {
        self.op == FILL && self.meta.key_type <= 3
    }
}

/// One of those who read slots.
#[derive(Debug, Clone, Copy, Default)]
struct Reader {
    asks: bool,
    slot: usize,
}

/// A word of material on its way: when it comes, to whom, of which slot, and what it is if that is known.
#[derive(Debug, Clone)]
struct Word {
    at: u64,
    reader: usize,
    slot: usize,
    bytes: Option<Vec<u8>>,
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
    readers: [Reader; 2],
    /// What the reader whose turn it is will see of the slots that it named in this cycle and the last two, if that is known.
    read: [Option<(usize, Meta)>; 3],
    words: VecDeque<Word>,
    fetches: [u32; 2],
    /// The guard's and the readers' turns as they were.
    granted: u64,
    /// Words of the key that are still to be given, after so many cycles.
    put_words: (u32, VecDeque<Vec<u8>>),
}

impl Slots {
    fn new(seed: u64) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "slots/rtl/slots_pkg.sv",
            "slots/rtl/slot_flags.sv",
            "slots/rtl/slots.sv",
        ];
        let params = [("SLOTS", SLOTS as u32), ("LANES", LANES as u32)];
        Self {
            b: Bench::new("slots", &files, &params),
            rng: ChaCha8Rng::seed_from_u64(seed),
            meta: Default::default(),
            used: [0; SLOTS],
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
            readers: Default::default(),
            read: [None; 3],
            words: VecDeque::new(),
            fetches: [0; 2],
            granted: 0,
            put_words: (0, VecDeque::new()),
        }
    }

    fn random_put(&mut self) -> Put {
        let r = &mut self.rng;
        let slot = r.random_range(0..SLOTS);
        let generation = self.meta[slot].generation;
        let valid = self.meta[slot].valid;
        let mut op = [FILL, FILL, EMPTY, RIGHTS][r.random_range(0..if valid { 4 } else { 2 })];
        let mut used = r.random();
        if valid && self.meta[slot].key_type > 3 && r.random() {
            (op, used) = (COUNT, self.used[slot].wrapping_add(1));
        }
        let key_type = r.random_range(1..=5);
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
            self.used[self.look] = self.used[self.look].wrapping_add(1);
        }
        let (grant, fetch) = self.drive_readers();
        // Key unit: its command, and its words when they have been asked for.
        let word = match &mut self.put_words {
            (0, words) => words.pop_front(),
            (wait, _) => {
                *wait -= 1;
                None
            }
        };
        self.b.set("put_word_valid_i", word.is_some());
        let noise: [u8; 8] = self.rng.random();
        self.b.set_bytes("put_word_i", &word.unwrap_or(noise.to_vec()));
        self.b.set("put_valid_i", self.now.is_some());
        if let Some(p) = &self.now {
            self.b.set("put_op_i", p.op);
            self.b.set("put_slot_i", p.slot as u64);
            self.b.set("put_used_i", p.used);
            let meta = pack(&p.meta.fields());
            self.b.set_words("put_meta_i", &meta);
        }
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

        self.key_port(ready, now);
        self.check_words(now);
        if self.b.is("put_ask_o") {
            let p = self.now.as_ref().filter(|p| p.op == FILL);
            let key = p.expect("words asked for without a key").key;
            let words = key.chunks(8).map(<[u8]>::to_vec).collect();
            self.put_words = (self.rng.random_range(0..4), words);
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
        // What is asked for now is shown three cycles later as it is now; while it changes it is one or the other.
        let changing = self.now.as_ref().filter(|p| p.op < RIGHTS).map(|p| p.slot);
        let held = self
            .now
            .as_ref()
            .is_some_and(|p| p.before.is_some() && p.slot == self.look);
        if self.guard == Guard::Look {
            self.looked = (!held).then_some((self.meta[self.look], self.used[self.look]));
        }
        let busy = self.now.as_ref().map(|p| p.slot);
        let turn = usize::from(grant == 2);
        let read = self.readers[turn].slot;
        let known = grant != 0 && busy != Some(read) && self.completed > 0;
        let last = self.read[0].filter(|r| busy != Some(r.0));
        self.read = [known.then_some((read, self.meta[read])), last, self.read[1]];
        for w in self.words.iter_mut().filter(|w| changing == Some(w.slot)) {
            w.bytes = None;
        }
        if fetch & grant != 0 {
            self.fetches[turn] += 1;
            // What is on its way of the last one still comes.
            self.words.retain(|w| w.at < now + 4);
            let key = self.key[read].filter(|_| changing != Some(read));
            for i in 0..8 {
                self.words.push_back(Word {
                    at: now + 4 + i as u64,
                    reader: turn,
                    slot: read,
                    bytes: key.map(|k| k[8 * i..8 * i + 8].to_vec()),
                });
            }
        }
        self.b.m.rise();
    }

    /// Both readers ask, name slots and fetch when they like, with their grant or without; whose turn it is, and who fetches.
    fn drive_readers(&mut self) -> (u64, u64) {
        let grant = self.b.get("read_grant_o");
        let asked = self.readers.iter().zip(0..).map(|(r, i)| u64::from(r.asks) << i).sum::<u64>();
        assert!(grant != 3, "two at a time");
        if self.granted & asked != 0 {
            assert_eq!(grant, self.granted, "it keeps its turn while it asks");
        } else {
            assert_eq!(grant == 0, asked == 0, "somebody who asks has the next turn");
            let other = asked & !self.granted;
            assert!(self.granted == 0 || other == 0 || grant == other, "the other one waits");
        }
        self.check_read();
        let mut fetch = 0;
        for (i, r) in self.readers.iter_mut().enumerate() {
            let turn = grant >> i & 1 == 1;
            r.asks = if r.asks {
                !turn || !chance(&mut self.rng, 8)
            } else {
                chance(&mut self.rng, 15)
            };
            if chance(&mut self.rng, 25) {
                r.slot = self.rng.random_range(0..SLOTS);
            }
            fetch |= u64::from(chance(&mut self.rng, 8)) << i;
        }
        let [a, b] = self.readers;
        self.b.set("read_ask_i", u64::from(a.asks) | u64::from(b.asks) << 1);
        self.b.set("read_slot_i", (a.slot | b.slot << 16) as u64);
        self.b.set("read_fetch_i", fetch);
        self.granted = grant;
        (grant, fetch)
    }

    /// Words come to who fetched them, in time; nothing is there without.
    fn check_words(&mut self, now: u64) {
        let valid = self.b.get("read_valid_o");
        let shown = self.b.bytes("read_word_o");
        let comes = self.words.front().is_some_and(|w| w.at == now);
        let due = if comes { self.words.pop_front() } else { None };
        assert_eq!(valid, due.as_ref().map_or(0, |w| 1 << w.reader), "who gets a word");
        for (i, word) in shown.chunks(8).enumerate() {
            match &due {
                Some(w) if w.reader == i => {
                    let same = w.bytes.as_ref().is_none_or(|b| b == word);
                    assert!(same, "material of slot {}: {word:x?}, not {:x?}", w.slot, w.bytes);
                }
                _ => assert_eq!(word, [0; 8], "a word without a fetch"),
            }
        }
    }

    /// The public half of the slot that was asked for.
    fn check_read(&mut self) {
        let Some((slot, want)) = self.read[2] else {
            return;
        };
        let got = Meta::take(&mut self.b.bits("read_meta_o"));
        assert_eq!((got.valid, got.generation), (want.valid, want.generation));
        if want.valid {
            assert_eq!(got, want, "slot {slot}");
        }
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
        let p = self.now.as_mut().expect("a key offered without an operation");
        assert_eq!(
            p.before,
            Some([0; LANES]),
            "requests given before are not answered"
        );
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
    for (seed, stall) in [(1, 30), (2, 0), (3, 80)] {
        let mut s = Slots::new(seed);
        s.fill_all();
        s.stall = stall;
        for _ in 0..60_000 {
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
        assert!(s.fetches.iter().all(|&n| n > 500), "{:?} fetches", s.fetches);
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
        (0..20).any(|_| {
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
        s.b.m.reset().unwrap();
        (s.now, s.guard, s.read, s.granted) = (None, Guard::Idle, [None; 3], 0);
        (s.readers, s.words, s.put_words) = Default::default();
        (s.meta, s.out, s.completed, s.key) = (Default::default(), [0; LANES], 0, [None; SLOTS]);
        for slot in 0..SLOTS {
            s.b.set("read_ask_i", 0u64);
            s.b.set("read_fetch_i", 0u64);
            s.b.set("read_slot_i", slot as u64);
            s.b.set("put_valid_i", false);
            for _ in 0..3 {
                s.b.m.tick();
            }
            let m = Meta::take(&mut s.b.bits("read_meta_o"));
            assert_eq!((m.valid, m.generation), (false, 0));
        }
    }
}
