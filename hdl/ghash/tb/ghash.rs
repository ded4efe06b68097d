// SPDX-License-Identifier: Apache-2.0
//! GHASH against crate `ghash`: strings of every length under different keys, back to back or with idle cycles, cut strings,
//! and bare products in between.

use casemate_hdl_tb::{Bench, chance, pack};
use ghash::{
    GHash,
    universal_hash::{KeyInit, UniversalHash},
};
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

const SLOTS: usize = 16;
const WAYS: usize = 5;
const USE_TAG: u128 = 0;
const USE_J0: u128 = 1;
const USE_PRODUCT: u128 = 2;

/// A block as ghash_pkg's polynomial, and back: bit k is the coefficient of x^k, NIST's leftmost bit that of x^0.
fn flip(block: [u8; 16]) -> [u8; 16] {
    block.map(u8::reverse_bits)
}

fn hash(h: [u8; 16], blocks: &[[u8; 16]]) -> [u8; 16] {
    let mut g = GHash::new(&h.into());
    blocks.iter().for_each(|&b| g.update(&[b.into()]));
    g.finalize().into()
}

struct Step {
    slot: usize,
    block: [u8; 16],
    ctl: Vec<u32>,
    /// What comes out at the end of a string: its use and, unless it was cut, the hash.
    done: Option<(u64, Option<[u8; 16]>)>,
}

/// `ghash_ctl_t`.
fn ctl(use_as: u128, chain: bool, way: usize, power: usize, [tail, start, last]: [bool; 3]) -> Vec<u32> {
    pack(&[
        (last.into(), 1),
        (start.into(), 1),
        (tail.into(), 1),
        (power as u128, 3),
        (way as u128, 3),
        (chain.into(), 1),
        (use_as, 2),
    ])
}

/// A string as the lane sends it; `cut` ends it after so many blocks with one block that stands for no string.
fn string(rng: &mut ChaCha8Rng, slot: usize, h: [u8; 16], len: usize, cut: Option<usize>) -> Vec<Step> {
    let use_as = if rng.random() { USE_TAG } else { USE_J0 };
    let blocks: Vec<[u8; 16]> = (0..len).map(|_| rng.random()).collect();
    let mut steps: Vec<Step> = (0..len)
        .map(|i| {
            let left = len - i;
            let flags = [left <= WAYS, left == len.min(WAYS), left == 1];
            Step {
                slot,
                block: blocks[i],
                ctl: ctl(use_as, i >= WAYS, i % WAYS, left.min(WAYS), flags),
                done: (left == 1).then(|| (use_as as u64, Some(hash(h, &blocks)))),
            }
        })
        .collect();
    if let Some(cut) = cut.filter(|&c| c < len) {
        steps.truncate(cut);
        steps.push(Step {
            slot,
            block: rng.random(),
            ctl: ctl(USE_TAG, false, cut % WAYS, 1, [true; 3]),
            done: Some((USE_TAG as u64, None)),
        });
    }
    steps
}

struct Unit {
    b: Bench,
    expected: VecDeque<(u64, Option<[u8; 16]>)>,
}

impl Unit {
    fn new() -> Self {
        let files = ["ghash/rtl/ghash_pkg.sv", "ghash/rtl/ghash.sv"];
        Self {
            b: Bench::new("ghash", &files, &[("SLOTS", SLOTS as u32)]),
            expected: VecDeque::new(),
        }
    }

    fn write(&mut self, slot: usize, power: usize, h: [u8; 16]) {
        self.b.set("write_i", true);
        self.b.set("write_slot_i", slot as u64);
        self.b.set("write_power_i", power as u64);
        self.b.set_bytes("write_h_i", &flip(h));
    }

    fn load(&mut self, slot: usize, h: [u8; 16]) {
        let mut power = h;
        for n in 1..=WAYS {
            self.write(slot, n, power);
            self.tick();
            power = hash(h, &[power]);
        }
        self.b.set("write_i", false);
    }

    fn tick(&mut self) {
        self.b.m.tick();
        if self.b.is("done_o") {
            let (use_as, want) = self.expected.pop_front().expect("a result too many");
            assert_eq!(self.b.get("use_o"), use_as, "use of a result");
            let got: [u8; 16] = self.b.bytes("hash_o").try_into().unwrap();
            if let Some(want) = want {
                assert_eq!(flip(got), want, "result for use {use_as}");
            }
        }
    }

    fn step(&mut self, s: Step) {
        self.b.set("valid_i", true);
        self.b.set("slot_i", s.slot as u64);
        self.b.set_bytes("block_i", &flip(s.block));
        self.b.set_words("ctl_i", &s.ctl);
        self.expected.extend(s.done);
        self.tick();
        self.b.set("valid_i", false);
    }

    fn finish(&mut self) {
        for _ in 0..100 {
            self.tick();
        }
        assert!(
            self.expected.is_empty(),
            "{} results missing",
            self.expected.len()
        );
    }
}

#[test]
fn strings_of_every_length_under_different_keys() {
    let mut rng = ChaCha8Rng::seed_from_u64(31);
    for (idle, product, cut) in [(0, 0, 0), (0, 15, 0), (40, 0, 0), (30, 20, 20), (0, 10, 20)] {
        let mut u = Unit::new();
        let keys: Vec<[u8; 16]> = (0..SLOTS).map(|_| rng.random()).collect();
        for (slot, &h) in keys.iter().enumerate() {
            u.load(slot, h);
        }
        let mut lengths: Vec<usize> = (0..4).flat_map(|_| 1..=41).collect();
        lengths.shuffle(&mut rng);
        for len in lengths {
            let slot = rng.random_range(0..SLOTS - 1);
            let end = chance(&mut rng, cut).then(|| rng.random_range(0..len));
            for s in string(&mut rng, slot, keys[slot], len, end) {
                while chance(&mut rng, idle) {
                    // What lies on the other ports of an idle cycle does not count.
                    let junk: u64 = rng.random();
                    u.b.set_words("ctl_i", &[junk as u32 & 0xfff]);
                    u.b.set("slot_i", junk >> 60);
                    u.tick();
                }
                if chance(&mut rng, product) {
                    let (slot, block) = (rng.random_range(0..SLOTS - 1), rng.random());
                    u.step(Step {
                        slot,
                        block,
                        ctl: ctl(USE_PRODUCT, false, 0, 1, [true, false, true]),
                        done: Some((USE_PRODUCT as u64, Some(hash(keys[slot], &[block])))),
                    });
                }
                // The last slot's powers change all the time; nobody uses them.
                u.write(SLOTS - 1, rng.random_range(1..=WAYS), rng.random());
                u.step(s);
                u.b.set("write_i", false);
            }
        }
        u.finish();
    }
}

#[test]
fn a_reset_ends_strings_without_a_result() {
    let mut rng = ChaCha8Rng::seed_from_u64(32);
    let mut u = Unit::new();
    let h = rng.random();
    u.load(0, h);
    for round in 0..30 {
        for s in string(&mut rng, 0, h, 12 + round % 7, None)
            .into_iter()
            .take(round)
        {
            u.step(s);
        }
        // What is in the pipe is lost.
        u.expected.clear();
        u.b.m.reset().unwrap();
        for len in 1..12 {
            for s in string(&mut rng, 0, h, len, None) {
                u.step(s);
            }
        }
        u.finish();
    }
}
