// SPDX-License-Identifier: Apache-2.0
//! key_guard against the order of checks in abi/README.md: every rule, every pair of rules, random descriptors; and the slot it makes.

mod model;

use casemate_abi::{KeyType, Opcode, Status, Submission, usage};
use casemate_hdl_tb::{Bench, pack};
use model::{Asker, Meta};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

const SLOTS: usize = 16;

#[derive(Debug, Clone)]
struct Case {
    op: Opcode,
    sub: Submission,
    asker: Asker,
    slots: [Meta; SLOTS],
    /// Of slot and base.
    used: [u32; 2],
}

fn any_meta(rng: &mut ChaCha8Rng) -> Meta {
    let key_type = rng.random_range(1..=7);
    Meta {
        valid: rng.random(),
        key_type,
        domain: rng.random_range(0..3),
        usage: rng.random(),
        generation: rng.random_range(0..0xffff),
        policy: rng.random_range(0..3),
        origin: rng.random_range(1..=5),
        key_len: model::len_of(key_type, rng.random_range(16..=64)),
        limit: rng.random(),
        label: rng.random(),
    }
}

impl Case {
    fn slot(&mut self) -> &mut Meta {
        &mut self.slots[self.sub.slot() as usize % SLOTS]
    }

    fn base(&mut self) -> &mut Meta {
        &mut self.slots[(self.sub.aad2() & 0xffff) as usize % SLOTS]
    }

    fn verdict(&self) -> Status {
        model::checks(&self.sub, self.op, self.asker, &self.slots, self.used)
    }

    /// One that breaks no rule.
    fn good(op: Opcode, rng: &mut ChaCha8Rng) -> Self {
        use Opcode::*;
        let mut c = Self {
            op,
            sub: Submission {
                words: std::array::from_fn(|_| rng.random()),
            },
            asker: Asker {
                officer: rng.random(),
                domain: rng.random_range(0..3),
                sealed: rng.random(),
                window: rng.random(),
            },
            slots: std::array::from_fn(|_| any_meta(rng)),
            used: rng.random(),
        };
        let slot = rng.random_range(0..SLOTS as u32);
        let base = (slot + rng.random_range(1..SLOTS as u32)) % SLOTS as u32;
        c.sub.set_opcode(op as u32).set_slot(slot);
        let aad2 = c.sub.aad2() & !0xffff | base;
        c.sub.set_aad2(aad2);
        if op == KeyLoad || op == KeyRoot {
            c.asker.officer = true;
            c.asker.sealed &= op != KeyLoad;
        }
        let domain = c.asker.domain;
        if model::fills(op) {
            let target = if op == KeyRoot {
                (c.sub.aad0() >> 8) as u8
            } else {
                domain
            };
            let m = c.slot();
            m.valid &= op == KeyLoad;
            m.domain = if m.valid { m.domain } else { target };
            if model::attributes(op) {
                let kind = match op {
                    KeyRoot => 5,
                    KwpUnwrap => *[1, 2, 3, 4, 6, 7].choose(rng).unwrap(),
                    KeyHkdf | KeyKbkdf | EcEcdh => rng.random_range(1..=4),
                    KeyGenerate => rng.random_range(1..=5),
                    EcGenerate => rng.random_range(6..=7),
                    _ => rng.random_range(1..=7),
                };
                let mut bits = model::usage_of(kind).unwrap() & rng.random::<u16>();
                if model::clash(kind, bits) {
                    bits &= !usage::SIGN;
                }
                if op == KeyRoot {
                    bits &= 0x60;
                }
                let policy = (0..3)
                    .filter(|&p| model::policy_fits(p, kind, bits, op == KeyGenerate))
                    .collect::<Vec<u8>>();
                let policy = *policy.choose(rng).unwrap();
                let keep = c.sub.aad0() & 0xff00;
                c.sub.set_aad0(u32::from(bits) << 16 | keep | u32::from(kind));
                let len = if kind == 4 { rng.random_range(16..=64) } else { 0 };
                c.sub.set_aad1(len << 8 | u32::from(policy));
                c.asker.window |= ((1u32 << model::len_of(kind, len).div_ceil(4)) - 1) as u16;
            }
        } else if model::slotted(op) {
            let spent = c.used[0] == u32::MAX;
            let used = c.used[0];
            let m = c.slot();
            m.valid = true;
            m.usage |= 0x78c;
            if op == KwpWrap && m.key_type == 5 {
                m.key_type = 3;
            }
            if matches!(op, MacSign | MacVerify) {
                m.key_type = 4;
            }
            if matches!(op, EcSign | EcPublic | EcRaw) {
                m.key_type = 6 + (m.key_type & 1);
                m.limit = if spent { u32::MAX } else { m.limit.max(used + 1) };
            }
            if !(op == KeyDestroy || op == KeyQuery) || rng.random() {
                m.domain = domain;
            } else {
                c.asker.officer = true;
            }
            if spent {
                c.used[0] = 0;
            }
            let (generation, len, kind) = (c.slot().generation, c.slot().key_len, c.slot().key_type);
            if !(op == KeyQuery && c.asker.officer) {
                c.sub.set_generation(generation.into());
            }
            if op == KwpWrap {
                c.sub.set_pay_len(u32::from(len).next_multiple_of(8) + 8);
            }
            if op == EcPublic || op == EcRaw {
                c.sub.set_pay_len(if kind == 7 { 96 } else { 64 });
            }
        }
        if model::based(op) {
            let b = c.base();
            (b.valid, b.domain) = (true, domain);
            b.usage |= 0x1f0;
            b.policy = if op == KeyMessage { 2 } else { 0 };
            b.key_type = match op {
                KeyHkdf | KeyKbkdf | KeyMessage => 4,
                EcEcdh => 6 + (b.key_type & 1),
                _ => 5,
            };
            let point = if b.key_type == 7 { 96 } else { 64 };
            if op == KeyWrap || op == KeyUnwrap {
                b.origin = rng.random_range(2..=4);
            }
            b.limit = b.limit.max(1);
            let limit = b.limit;
            let generation = u32::from(b.generation);
            c.used[1] %= limit;
            let aad2 = c.sub.aad2() & 0xffff | generation << 16;
            c.sub.set_aad2(aad2);
            if op == EcEcdh {
                // What key_static lets through.
                let salt = rng.random_range(0..=64);
                c.sub.set_pay_len(point + rng.random_range(salt..=256));
                c.sub.set_aad3(c.sub.aad3() & !0xffff | salt);
            }
        }
        assert_eq!(c.verdict(), Status::Ok, "{c:?}");
        c
    }
}

/// Each breaks one rule, where it applies.
const BREAK: &[fn(&mut Case, &mut ChaCha8Rng)] = &[
    |c, _| c.asker.officer = false,
    |c, _| c.asker.sealed = true,
    |c, r| {
        c.sub.set_slot(c.sub.slot() | 1 << r.random_range(4..16));
    },
    |c, _| c.slot().valid ^= true,
    |c, r| c.slot().domain ^= 1 << r.random_range(0..8),
    |c, r| {
        c.slot().valid = true;
        c.slot().domain ^= 1 << r.random_range(0..8);
    },
    |c, r| {
        c.sub
            .set_generation(c.sub.generation() ^ 1 << r.random_range(0..16));
    },
    |c, r| c.slot().usage &= !(1 << r.random_range(0..11)),
    |c, _| c.slot().usage = 0,
    |c, r| {
        let t = *[0, 1, 4, 5, 6, 7, 8, 0x80].choose(r).unwrap();
        c.sub.set_aad0(c.sub.aad0() & !0xff | t);
    },
    |c, r| {
        c.sub.set_aad0(c.sub.aad0() | 1 << r.random_range(16..32));
    },
    |c, r| {
        c.sub.set_aad1(c.sub.aad1() & !3 | r.random_range(1..4));
    },
    |c, r| c.asker.window &= !(1 << r.random_range(0..16)),
    |c, _| c.slot().generation = 0xffff,
    |c, r| {
        let len = match c.op {
            Opcode::EcPublic | Opcode::EcRaw => *[64, 96].choose(r).unwrap(),
            Opcode::EcEcdh => r.random_range(64 + (c.sub.aad3() & 0xffff)..=352),
            _ => 8 * r.random_range(3..10),
        };
        c.sub.set_pay_len(len);
    },
    |c, r| c.slot().key_type = r.random_range(1..=7),
    |c, r| c.base().key_type = r.random_range(1..=7),
    |c, r| {
        let limit = c.slot().limit;
        c.used[0] = limit.saturating_add(r.random_range(0..2));
    },
    |c, r| {
        c.sub.set_aad2(c.sub.aad2() | 1 << r.random_range(4..16));
    },
    |c, _| c.base().valid = false,
    |c, r| c.base().domain ^= 1 << r.random_range(0..8),
    |c, r| {
        c.sub.set_aad2(c.sub.aad2() ^ 1 << r.random_range(16..32));
    },
    |c, r| c.base().usage &= !(1 << r.random_range(4..9)),
    |c, r| c.base().policy = r.random_range(0..3),
    |c, r| {
        let limit = c.base().limit;
        c.used[1] = limit.saturating_add(r.random_range(0..2));
    },
];

struct Guard(Bench);

impl Guard {
    fn new() -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "keys/rtl/key_pkg.sv",
            "keys/rtl/key_guard.sv",
        ];
        Self(Bench::new(
            "key_guard",
            &files,
            &[("SLOTS", SLOTS as u32), ("EC", 1)],
        ))
    }

    fn run(&mut self, c: &Case) -> Status {
        let b = &mut self.0;
        let slot = c.slots[c.sub.slot() as usize % SLOTS];
        let base = c.slots[(c.sub.aad2() & 0xffff) as usize % SLOTS];
        b.set_bytes("sub_i", &c.sub.to_le());
        b.set("officer_i", c.asker.officer);
        b.set("domain_i", c.asker.domain);
        b.set("sealed_i", c.asker.sealed);
        b.set("window_i", c.asker.window);
        b.set_words("meta_i", &pack(&slot.fields()));
        b.set_words("base_i", &pack(&base.fields()));
        b.set("used_i", c.used[0]);
        b.set("base_used_i", c.used[1]);
        b.m.tick();
        b.m.tick();
        let want = c.verdict();
        assert_eq!(b.get("status_o"), want as u64, "want {want:?} of {c:x?}");
        if want == Status::Ok && (model::fills(c.op) || c.op == Opcode::KeyLock) {
            let mut got = Meta::take(&mut b.bits("made_o"));
            let want = model::made(&c.sub, c.op, c.asker.domain, slot);
            if c.op == Opcode::KeyUnwrap {
                // The blob's part.
                got = Meta {
                    valid: want.valid,
                    domain: got.domain,
                    generation: got.generation,
                    origin: got.origin,
                    ..want
                };
            }
            assert_eq!(got, want, "{c:x?}");
        }
        want
    }
}

fn opcodes() -> Vec<Opcode> {
    Opcode::ALL.iter().copied().filter(|o| *o as u8 >= 0x40).collect()
}

#[test]
fn every_rule_and_every_pair_of_rules() {
    let (mut g, mut rng) = (Guard::new(), ChaCha8Rng::seed_from_u64(1));
    let mut seen = HashSet::new();
    for op in opcodes() {
        for (i, first) in BREAK.iter().enumerate() {
            for second in &BREAK[i..] {
                for _ in 0..4 {
                    let mut c = Case::good(op, &mut rng);
                    first(&mut c, &mut rng);
                    second(&mut c, &mut rng);
                    seen.insert(g.run(&c));
                }
            }
        }
    }
    let all = [
        Status::Ok,
        Status::NotOfficer,
        Status::Sealed,
        Status::SlotRange,
        Status::SlotEmpty,
        Status::SlotDomain,
        Status::SlotGeneration,
        Status::SlotUsage,
        Status::BadLength,
        Status::BadKeyType,
        Status::BadUsage,
        Status::BadPolicy,
        Status::KeyWindow,
        Status::SlotFull,
        Status::SlotRetired,
        Status::Exhausted,
    ];
    assert_eq!(seen, HashSet::from(all), "every code that it gives");
}

#[test]
fn random_descriptors() {
    let (mut g, mut rng) = (Guard::new(), ChaCha8Rng::seed_from_u64(2));
    let ops = opcodes();
    for i in 0..100_000 {
        let mut c = Case::good(*ops.choose(&mut rng).unwrap(), &mut rng);
        for _ in 0..rng.random_range(0..3) {
            let broken = *BREAK.choose(&mut rng).unwrap();
            broken(&mut c, &mut rng);
        }
        if i % 4 == 0 {
            // Nearly anything.
            let mut w = *[1, 3, 8, 9, 11, 12, 14, 15].choose(&mut rng).unwrap();
            // Lengths of these are key_static's to check first.
            if matches!(c.op, Opcode::EcPublic | Opcode::EcRaw | Opcode::EcEcdh) && (w == 3 || w == 15) {
                w = 12;
            }
            c.sub.words[w] = rng.random::<u32>() & rng.random::<u32>();
        }
        g.run(&c);
    }
    assert!(KeyType::from_code(5).is_some());
}
