// SPDX-License-Identifier: Apache-2.0
//! The readers of the slots, played: the key unit, and engines for elliptic curves that look at a slot, fetch its key, count and hold it.
//! The port goes to one at a time and stays with it; what comes is what was asked for, in its cycle, and the other sees none of it.

use crate::model::Meta;
use casemate_hdl_tb::{Bench, chance, pack};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// Engines for elliptic curves.
pub const EC: usize = 2;
const KEY_UNIT: usize = 0;
const ENGINES: usize = 1;

/// What an engine that has the way to the slots is at.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Engine {
    Idle,
    Ask,
    /// Cycles since it had the port.
    Look(u32),
    /// Cycles until it goes on.
    Fetch(u32),
    Count,
}

#[derive(Debug)]
struct Fetch {
    reader: usize,
    at: u64,
    slot: usize,
    /// If it is known.
    key: Option<[u8; 64]>,
}

/// The public half of a slot.
type Public = (Meta, u32);

/// What the slots have, as far as it is known.
pub struct Known<'a> {
    /// Nothing changes the slot's public half now.
    pub public: &'a dyn Fn(usize) -> Option<Public>,
    pub key: &'a dyn Fn(usize) -> Option<[u8; 64]>,
    /// No command stores to the slot yet.
    pub steady: &'a dyn Fn(usize) -> bool,
}

pub struct Readers {
    /// Cycles for which the key unit still wants the port; until it may fetch again.
    left: u32,
    cool: u32,
    engine: Engine,
    active: usize,
    key_slot: usize,
    used: u32,
    counts: bool,
    counted: bool,
    fetched: bool,
    /// The slot whose key each engine has, for how long after it has left the port.
    held: [Option<usize>; EC],
    hold: [u32; EC],
    asks: [bool; 2],
    slots: [usize; 2],
    fetches: [bool; 2],
    grant: [bool; 2],
    /// Who had the port last.
    last: usize,
    /// Who asked for which slot's public half, the last cycle's first.
    shown: VecDeque<Option<(usize, usize, Option<Public>)>>,
    coming: VecDeque<Fetch>,
    /// Whole keys that each reader got and that were known; signatures.
    pub keys: [u32; 2],
    pub signatures: u32,
}

impl Readers {
    pub fn new() -> Self {
        Self {
            left: 0,
            cool: 0,
            engine: Engine::Idle,
            active: 0,
            key_slot: 0,
            used: 0,
            counts: false,
            counted: false,
            fetched: false,
            held: [None; EC],
            hold: [0; EC],
            asks: [false; 2],
            slots: [0; 2],
            fetches: [false; 2],
            grant: [false; 2],
            last: ENGINES,
            shown: VecDeque::from([None; 3]),
            coming: VecDeque::new(),
            keys: [0; 2],
            signatures: 0,
        }
    }

    /// An engine decides on the slot.
    pub fn busy(&self, slot: usize) -> bool {
        self.grant[ENGINES] && self.asks[ENGINES] && self.key_slot == slot
    }

    /// An engine has the slot's key.
    pub fn holds(&self, slot: usize) -> bool {
        self.held.contains(&Some(slot))
    }

    /// Inputs of a cycle.
    pub fn drive(&mut self, b: &mut Bench, rng: &mut ChaCha8Rng, slots: usize) {
        self.cool = self.cool.saturating_sub(1);
        if self.left == 0 {
            if chance(rng, 10) {
                self.left = rng.random_range(1..30);
            }
        } else if self.grant[KEY_UNIT] && (self.left > 1 || self.cool <= 1) {
            self.left -= 1;
        }
        for e in 0..EC {
            let at_port = self.engine != Engine::Idle && self.active == e;
            if self.held[e].is_some() && !at_port {
                self.hold[e] -= 1;
                if self.hold[e] == 0 {
                    self.held[e] = None;
                }
            }
        }
        self.engine = match self.engine {
            Engine::Idle => {
                let e = rng.random_range(0..EC);
                if chance(rng, 15) && self.held[e].is_none() {
                    (self.active, self.key_slot) = (e, rng.random_range(0..slots));
                    Engine::Ask
                } else {
                    Engine::Idle
                }
            }
            Engine::Ask if self.grant[ENGINES] => Engine::Look(0),
            Engine::Look(3) if self.fetched => {
                self.held[self.active] = Some(self.key_slot);
                self.hold[self.active] = *[1, 20, 150, 400].choose(rng).unwrap();
                Engine::Fetch(rng.random_range(6..15))
            }
            Engine::Look(3) => Engine::Idle,
            Engine::Look(n) => Engine::Look(n + 1),
            Engine::Fetch(0) if self.counts => Engine::Count,
            Engine::Fetch(0) => Engine::Idle,
            Engine::Fetch(n) => Engine::Fetch(n - 1),
            Engine::Count if self.counted => Engine::Idle,
            other => other,
        };
        let begins = matches!(self.engine, Engine::Fetch(_)) && std::mem::take(&mut self.fetched);
        self.counted = false;
        self.asks = [self.left > 0, self.engine != Engine::Idle];
        self.slots = [rng.random_range(0..slots); 2];
        if self.engine == Engine::Look(0) || begins {
            self.slots[ENGINES] = self.key_slot;
        }
        let take = self.asks[KEY_UNIT] && self.grant[KEY_UNIT] && self.cool == 0 && chance(rng, 20);
        if take {
            self.cool = 8;
        }
        self.fetches = [take, begins];
        // Without the port a fetch does nothing.
        let stray = [0, 1].map(|r| !self.grant[r] && rng.random::<bool>());
        b.set("read_ask_i", self.asks[KEY_UNIT]);
        b.set("read_slot_i", self.slots[KEY_UNIT] as u64);
        b.set("read_fetch_i", take || stray[KEY_UNIT]);
        let busy = self.asks[ENGINES] && self.grant[ENGINES];
        let other = rng.random_range(0..slots);
        let ask = pack(&[
            (self.used.wrapping_add(1).into(), 32),
            ((self.engine == Engine::Count).into(), 1),
            (if busy { self.key_slot } else { other } as u128, 16),
            (busy.into(), 1),
            ((begins || stray[ENGINES]).into(), 1),
            (self.slots[ENGINES] as u128, 16),
            (self.asks[ENGINES].into(), 1),
        ]);
        b.set_words("ec_ask_i", &ask);
        for e in 0..EC {
            let slot = self.held[e].unwrap_or(other) as u64;
            b.set(&format!("ec_held_slot_i[{e}]"), slot);
        }
        let held = (0..EC).fold(0u64, |v, e| v | u64::from(self.held[e].is_some()) << e);
        b.set("ec_held_i", held);
    }

    /// Outputs of a cycle, when inputs have settled. Gives the slot that counts a signature, and its count.
    pub fn check(&mut self, b: &mut Bench, rng: &mut ChaCha8Rng) -> Option<(usize, u32)> {
        let now = b.m.cycles();
        let mut answer = b.bits("ec_answer_o");
        let counted = answer.take(1) == 1;
        let word = answer.take(64) as u64;
        let valid = answer.take(1) == 1;
        let used = answer.take(32) as u32;
        let meta = Meta::take(&mut answer);
        let grant = answer.take(1) == 1;
        assert_eq!([b.is("read_grant_o"), grant], self.grant, "whose port it is");

        let (words, valids) = ([b.get("read_word_o"), word], [b.is("read_valid_o"), valid]);
        if self.coming.front().is_some_and(|f| now == f.at + 12) {
            let f = self.coming.pop_front().unwrap();
            self.keys[f.reader] += u32::from(f.key.is_some());
        }
        let here = self.coming.front().filter(|f| now >= f.at + 4);
        for r in 0..2 {
            let mine = here.filter(|f| f.reader == r);
            assert_eq!(valids[r], mine.is_some(), "reader {r}: a word comes");
            let Some(f) = mine else {
                assert_eq!(words[r], 0, "reader {r}: material that it did not fetch");
                continue;
            };
            let i = 8 * (now - f.at - 4) as usize;
            if let Some(k) = f.key {
                assert_eq!(words[r].to_le_bytes(), k[i..i + 8], "reader {r}, slot {}", f.slot);
            }
        }

        let shown = [
            (
                Meta::take(&mut b.bits("read_meta_o")),
                b.get("read_used_o") as u32,
            ),
            (meta, used),
        ];
        if let Some((r, slot, Some((want, want_used)))) = self.shown[2] {
            let (got, got_used) = shown[r];
            assert_eq!((got.valid, got.generation), (want.valid, want.generation));
            if want.valid {
                assert_eq!((got, got_used), (want, want_used), "reader {r}, slot {slot}");
            }
        }
        if self.engine == Engine::Look(3) {
            self.used = used;
            self.fetched = meta.valid && chance(rng, 90);
            self.counts = meta.key_type >= 6 && chance(rng, 80);
        }
        let counts = self.engine == Engine::Count;
        assert!(!counted || counts, "nothing to count");
        self.counted = counted;
        self.signatures += u32::from(counted);
        counted.then(|| (self.key_slot, self.used.wrapping_add(1)))
    }

    /// The end of a cycle: what will come of it.
    pub fn note(&mut self, now: u64, known: Known) {
        self.shown.pop_back();
        let reader = (0..2).find(|&r| self.grant[r]);
        self.shown.push_front(reader.map(|r| {
            let slot = self.slots[r];
            (r, slot, (known.public)(slot))
        }));
        if let Some(reader) = reader.filter(|&r| self.fetches[r]) {
            let slot = self.slots[reader];
            self.coming.push_back(Fetch {
                reader,
                at: now,
                slot,
                key: (known.key)(slot),
            });
        }
        for f in self.coming.iter_mut().filter(|f| now < f.at + 8) {
            if !(known.steady)(f.slot) {
                f.key = None;
            }
        }
        // The port stays while it is asked for, and goes to the other first.
        if let Some(r) = reader {
            self.last = r;
        }
        if !reader.is_some_and(|r| self.asks[r]) {
            let other = 1 - self.last;
            let next = [other, self.last].into_iter().find(|&r| self.asks[r]);
            self.grant = [next == Some(0), next == Some(1)];
        }
    }
}
