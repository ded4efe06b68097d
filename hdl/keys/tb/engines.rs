// SPDX-License-Identifier: Apache-2.0
//! The EC unit, played: hands EC_GENERATE and EC_ECDH to the key unit with the secret that an engine made, and looks at slots, fetches keys,
//! counts signatures and holds keys meanwhile.
#![allow(dead_code)]

use crate::model::Meta;
use crate::unit::{Op, SLOTS, Slot, request};
use casemate_hdl_tb::{Bench, chance, pack};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// A request and its secret, as slots keep it.
#[derive(Debug, Clone)]
pub struct Handed {
    pub op: Op,
    pub secret: [u8; 64],
}

/// What the engine at the slots' port is at; cycles of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Reader {
    Idle,
    Ask,
    Look(u32),
    Fetch(u32),
    Count,
    Hold(u32),
}

pub struct Engines {
    pub offers: VecDeque<Handed>,
    pub now: Option<Handed>,
    /// Another request comes a cycle after an answer at the earliest.
    gap: bool,
    reader: Reader,
    slot: usize,
    used: u32,
    signs: bool,
    /// The slot's key, if it is known, and what came of it.
    want: Option<Vec<u8>>,
    came: Vec<u8>,
    pub fetched: u32,
    pub counted: u32,
}

impl Engines {
    pub fn new() -> Self {
        Self {
            offers: VecDeque::new(),
            now: None,
            gap: false,
            reader: Reader::Idle,
            slot: 0,
            used: 0,
            signs: false,
            want: None,
            came: Vec::new(),
            fetched: 0,
            counted: 0,
        }
    }

    pub fn idle(&self) -> bool {
        self.offers.is_empty() && self.now.is_none()
    }

    /// The request that has been answered.
    pub fn answered(&mut self) -> Handed {
        self.gap = true;
        self.now.take().expect("an answer without a request")
    }

    /// Inputs of a cycle. `domains`: of the queues; `active`: how often the slots are read, in percent.
    pub fn drive(&mut self, b: &mut Bench, rng: &mut ChaCha8Rng, domains: &[u8], active: u32) {
        if self.now.is_none() && !std::mem::take(&mut self.gap) && !chance(rng, active) {
            self.now = self.offers.pop_front();
            if let Some(h) = &mut self.now {
                h.op.at = b.m.cycles();
            }
        }
        b.set("ec_valid_i", self.now.is_some());
        if let Some(h) = &self.now {
            b.set_words("ec_i", &request(&h.op, domains[h.op.queue]));
        }
        // The answer's last bit is the grant.
        let mut answer = b.bits("ec_answer_o");
        answer.bytes(35);
        answer.take(7);
        let grant = answer.take(1) == 1;
        self.reader = match self.reader {
            Reader::Idle if chance(rng, active) => {
                self.slot = rng.random_range(0..SLOTS);
                self.came.clear();
                Reader::Ask
            }
            Reader::Ask if grant => Reader::Look(0),
            Reader::Look(3) if self.want.is_some() => Reader::Fetch(0),
            Reader::Look(3) => Reader::Idle,
            Reader::Look(n) => Reader::Look(n + 1),
            Reader::Fetch(13) if self.signs => Reader::Count,
            Reader::Fetch(13) => Reader::Hold(rng.random_range(1..400)),
            Reader::Fetch(n) => Reader::Fetch(n + 1),
            Reader::Hold(0) => Reader::Idle,
            Reader::Hold(n) => Reader::Hold(n - 1),
            other => other,
        };
        let asks = !matches!(self.reader, Reader::Idle | Reader::Hold(_));
        let ask = pack(&[
            (self.used.wrapping_add(1).into(), 32),
            ((self.reader == Reader::Count).into(), 1),
            (self.slot as u128, 16),
            ((asks && grant).into(), 1),
            ((self.reader == Reader::Fetch(0)).into(), 1),
            (self.slot as u128, 16),
            (asks.into(), 1),
        ]);
        b.set_words("ec_ask_i", &ask);
        b.set("ec_held_slot_i[0]", self.slot as u64);
        let held = matches!(self.reader, Reader::Fetch(_) | Reader::Count | Reader::Hold(_));
        b.set("ec_held_i", held);
    }

    /// A word of the secret, in the cycle of its number. Of a wiped engine nothing is left soon.
    pub fn secret(&self, b: &mut Bench, wiped_for: u64) {
        let at = b.get("secret_at_o");
        let all = self.now.as_ref().filter(|_| wiped_for < 2 + at);
        let secret = all.map_or([0; 64], |h| h.secret);
        b.set_bytes("secret_i", &secret[8 * at as usize..][..8]);
        b.m.settle();
    }

    /// No word comes from a wipe's second cycle on, and soon no engine asks.
    pub fn wiped(&mut self, b: &mut Bench, wiped_for: u64) {
        let mut answer = b.bits("ec_answer_o");
        answer.take(1);
        assert!(wiped_for == 0 || answer.take(65) == 0, "a word in a wipe");
        if wiped_for > 2 {
            self.reader = Reader::Idle;
        }
    }

    /// Outputs of a cycle. `quiet`: no operation on its way names the slot.
    pub fn check(&mut self, b: &mut Bench, slots: &mut [Slot], quiet: impl Fn(usize) -> bool) {
        let mut answer = b.bits("ec_answer_o");
        let counted = answer.take(1) == 1;
        let word = answer.bytes(8);
        let valid = answer.take(1) == 1;
        let used = answer.take(32) as u32;
        let meta = Meta::take(&mut answer);
        let at = match self.reader {
            Reader::Fetch(n) => n,
            _ => 0,
        };
        assert_eq!(valid, (4..12).contains(&at), "a word comes");
        if valid {
            self.came.extend(&word);
        } else {
            assert_eq!(word, [0; 8], "material that nobody fetched");
        }
        let slot = &mut slots[self.slot];
        match self.reader {
            Reader::Look(3) => {
                self.want = None;
                if quiet(self.slot) {
                    assert_eq!(
                        (meta.valid, meta.generation),
                        (slot.meta.valid, slot.meta.generation)
                    );
                    if meta.valid {
                        assert_eq!((meta, used), (slot.meta, slot.used), "slot {}", self.slot);
                        let mut key = slot.key.clone();
                        key.resize(64, 0);
                        self.want = Some(key);
                    }
                }
                self.used = used;
                self.signs = self.want.is_some() && meta.key_type >= 6;
            }
            Reader::Fetch(13) => {
                assert_eq!(Some(&self.came), self.want.as_ref(), "slot {}", self.slot);
                self.fetched += 1;
            }
            Reader::Count if counted => {
                slot.used = slot.used.wrapping_add(1);
                self.counted += 1;
                self.reader = Reader::Hold(50);
            }
            _ => {}
        }
    }
}
