// SPDX-License-Identifier: Apache-2.0
//! The guard against the order of checks in abi/README.md, written down once more here: every rule, every pair of rules, and
//! random descriptors, with back-pressure on its three ways out.

use casemate_abi::{KeyType, Opcode, Status, Submission, TagMode, usage};
use casemate_hdl_tb::{Bench, Stable, chance, pack};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const SLOTS: usize = 16;
const QUEUES: usize = 8;

#[derive(Debug, Clone, Copy, Default)]
struct Meta {
    valid: bool,
    key_type: u8,
    domain: u8,
    usage: u16,
    generation: u16,
}

/// A descriptor and all that its fate depends on.
#[derive(Debug, Clone)]
struct Case {
    queue: usize,
    sub: Submission,
    domains: [u8; QUEUES],
    meta: [Meta; SLOTS],
    window: u8,
    sealed: bool,
    resetting: u8,
}

impl Case {
    fn opcode(&self) -> Option<Opcode> {
        // Those that are served.
        Opcode::from_code(self.sub.opcode() as u8).filter(|op| {
            matches!(
                op,
                Opcode::Nop | Opcode::GcmSeal | Opcode::GcmOpen | Opcode::KeyLoad | Opcode::KeyDestroy
            )
        })
    }

    fn meta(&self) -> Meta {
        // A slot out of range must not matter.
        self.meta[self.sub.slot() as usize % SLOTS]
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta[self.sub.slot() as usize % SLOTS]
    }

    /// The first rule that is broken.
    fn verdict(&self) -> Status {
        let (s, m) = (&self.sub, self.meta());
        let op = self.opcode();
        let gcm = matches!(op, Some(Opcode::GcmSeal | Opcode::GcmOpen));
        let load = op == Some(Opcode::KeyLoad);
        let destroy = op == Some(Opcode::KeyDestroy);
        let mode = TagMode::from_code(s.tag_mode() as u8);
        let plain = s.src_sgl() | s.dst_sgl() | s.aad_inline() | s.tag_mode() | s.tag_len() | s.iv_len() == 0;
        let flags = s.reserved0() != 0
            || s.reserved1() != 0
            || (!gcm && !plain)
            || (gcm && mode.is_none())
            || (op == Some(Opcode::GcmOpen) && mode == Some(TagMode::Completion))
            || (gcm && s.iv_len() != 12 && s.iv2() != 0);
        let inline_max = if mode == Some(TagMode::Address) { 8 } else { 16 };
        let right = if op == Some(Opcode::GcmSeal) {
            usage::ENCRYPT
        } else {
            usage::DECRYPT
        };
        let key_type = KeyType::from_code(s.aad0() as u8);
        let words = match key_type {
            Some(KeyType::Aes128) => 4,
            Some(KeyType::Aes192) => 6,
            _ => 8,
        };
        [
            (Status::Aborted, self.resetting >> self.queue & 1 == 1),
            (Status::BadOpcode, op.is_none()),
            (Status::BadFlags, flags),
            (
                Status::BadTagLen,
                gcm && !matches!(s.tag_len(), 4 | 8 | 12 | 13 | 14 | 15 | 16),
            ),
            (Status::BadIvLen, gcm && s.iv_len() == 0),
            (
                Status::BadAadLen,
                gcm && s.aad_inline() == 1 && s.aad_len() > inline_max,
            ),
            (Status::NotOfficer, (load || destroy) && self.queue != 0),
            (Status::Sealed, load && self.sealed),
            (
                Status::SlotRange,
                (gcm || load || destroy) && s.slot() as usize >= SLOTS,
            ),
            (Status::SlotEmpty, (gcm || destroy) && !m.valid),
            (Status::SlotDomain, gcm && m.domain != self.domains[self.queue]),
            (
                Status::SlotGeneration,
                (gcm || destroy) && u32::from(m.generation) != s.generation(),
            ),
            (Status::SlotUsage, gcm && m.usage & right == 0),
            (Status::BadKeyType, load && key_type.is_none()),
            (
                Status::KeyWindow,
                load && key_type.is_some() && (0..words).any(|w| self.window >> w & 1 == 0),
            ),
            (Status::SlotRetired, load && m.generation == 0xffff),
        ]
        .into_iter()
        .find(|r| r.1)
        .map_or(Status::Ok, |r| r.0)
    }

    /// A descriptor that breaks no rule.
    fn good(op: Opcode, rng: &mut ChaCha8Rng) -> Self {
        let mut c = Self {
            queue: rng.random_range(0..QUEUES),
            sub: Submission {
                words: std::array::from_fn(|_| rng.random()),
            },
            domains: rng.random(),
            meta: std::array::from_fn(|_| Meta {
                valid: rng.random(),
                key_type: rng.random_range(1..=3),
                domain: rng.random(),
                usage: rng.random(),
                generation: rng.random_range(0..0xffff),
            }),
            window: rng.random(),
            sealed: false,
            resetting: rng.random(),
        };
        c.sub.set_opcode(op as u32).set_reserved0(0).set_reserved1(0);
        c.sub.set_slot(rng.random_range(0..SLOTS as u32));
        if matches!(op, Opcode::GcmSeal | Opcode::GcmOpen) {
            let modes = if op == Opcode::GcmSeal { 3 } else { 2 };
            let mode = rng.random_range(0..modes);
            c.sub.set_tag_mode(mode);
            c.sub
                .set_tag_len(*[4, 8, 12, 13, 14, 15, 16].choose(rng).unwrap());
            c.sub.set_iv_len(rng.random_range(1..1024));
            if rng.random() {
                c.sub.set_iv_len(12);
            } else if c.sub.iv_len() != 12 {
                c.sub.set_iv2(0);
            }
            if c.sub.aad_inline() == 1 {
                let max = if mode == TagMode::Address as u32 { 8 } else { 16 };
                c.sub.set_aad_len(rng.random_range(0..=max));
            }
            let domain = c.domains[c.queue];
            *c.meta_mut() = Meta {
                valid: true,
                domain,
                usage: rng.random::<u16>()
                    | if op == Opcode::GcmSeal {
                        usage::ENCRYPT
                    } else {
                        usage::DECRYPT
                    },
                ..c.meta()
            };
        } else {
            c.sub.words[0] = op as u32;
        }
        if matches!(op, Opcode::KeyLoad | Opcode::KeyDestroy) {
            c.queue = 0;
            if op == Opcode::KeyDestroy {
                c.meta_mut().valid = true;
            }
            let t = rng.random_range(1..=3);
            c.sub.set_aad0(rng.random::<u32>() & !0xff | t);
            c.window |= [0x0f, 0x3f, 0xff][t as usize - 1];
        }
        let generation = c.meta().generation.into();
        c.sub.set_generation(generation);
        c.resetting &= !(1 << c.queue);
        assert_eq!(c.verdict(), Status::Ok, "{c:?}");
        c
    }
}

/// Each breaks one rule, where it applies.
const BREAK: &[fn(&mut Case, &mut ChaCha8Rng)] = &[
    |c, _| c.resetting |= 1 << c.queue,
    |c, r| {
        let op = *[3, 0x3f, 0x42, 0x80, 0xff].choose(r).unwrap();
        c.sub.set_opcode(op);
    },
    |c, r| {
        c.sub.set_reserved0(r.random_range(1..8));
    },
    |c, _| {
        c.sub.set_reserved1(1);
    },
    |c, r| {
        c.sub.set_tag_mode(r.random_range(2..4));
    },
    |c, _| {
        c.sub.set_src_sgl(c.sub.src_sgl() ^ 1);
    },
    |c, _| {
        c.sub.set_dst_sgl(c.sub.dst_sgl() ^ 1);
    },
    |c, r| {
        c.sub.set_iv_len(*[1, 11, 13, 16, 1023].choose(r).unwrap());
        c.sub.set_iv2(1 << r.random_range(0..32));
    },
    |c, r| {
        let n = *[0, 1, 3, 5, 7, 9, 11, 17, 31].choose(r).unwrap();
        c.sub.set_tag_len(n);
    },
    |c, _| {
        c.sub.set_iv_len(0);
    },
    |c, r| {
        let n = *[9, 16, 17, 0x100, 0x8000_0000].choose(r).unwrap();
        c.sub.set_aad_inline(1).set_aad_len(n);
    },
    |c, r| c.queue = r.random_range(1..QUEUES),
    |c, r| {
        c.sub.set_slot(c.sub.slot() | 1 << r.random_range(4..16));
    },
    |c, _| c.meta_mut().valid = false,
    |c, r| c.meta_mut().domain ^= 1 << r.random_range(0..8),
    |c, r| {
        c.sub
            .set_generation(c.sub.generation() ^ 1 << r.random_range(0..16));
    },
    |c, _| c.meta_mut().usage &= !3,
    |c, r| c.meta_mut().usage ^= *[1, 2].choose(r).unwrap(),
    |c, r| {
        let t = *[0, 4, 0x11, 0x80].choose(r).unwrap();
        c.sub.set_aad0(c.sub.aad0() & !0xff | t);
    },
    |c, r| c.window &= !(1 << r.random_range(0..8)),
    |c, _| c.meta_mut().generation = 0xffff,
    |c, _| c.sealed = true,
];

const OPCODES: [Opcode; 5] = [
    Opcode::Nop,
    Opcode::GcmSeal,
    Opcode::GcmOpen,
    Opcode::KeyLoad,
    Opcode::KeyDestroy,
];

struct Guard {
    b: Bench,
    stable: Stable,
    rng: ChaCha8Rng,
    stall: u32,
}

fn meta_words(m: Meta) -> Vec<u32> {
    pack(&[
        (m.generation.into(), 16),
        (m.usage.into(), 16),
        (m.domain.into(), 8),
        (m.key_type.into(), 8),
        (m.valid.into(), 1),
    ])
}

impl Guard {
    fn new(seed: u64) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "slots/rtl/guard.sv",
        ];
        Self {
            b: Bench::new(
                "guard",
                &files,
                &[("SLOTS", SLOTS as u32), ("QUEUES", QUEUES as u32)],
            ),
            stable: Stable::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            stall: 30,
        }
    }

    fn apply(&mut self, c: &Case) {
        for (i, d) in c.domains.iter().enumerate() {
            self.b.set(&format!("domain_i[{i}]"), *d);
        }
        self.b.set("resetting_i", c.resetting);
        self.b.set("window_i", c.window);
        self.b.set("sealed_i", c.sealed);
    }

    /// One cycle; the slot's metadata follow its number by one. Gives the way out that was taken, and whether the window was
    /// used up.
    fn cycle(&mut self, c: &Case, keys_busy: bool) -> (Option<&'static str>, bool) {
        for ready in ["chan_ready_i", "cpl_ready_i"] {
            let go = !chance(&mut self.rng, self.stall);
            self.b.set(ready, go);
        }
        let go = !keys_busy && !chance(&mut self.rng, self.stall);
        self.b.set("key_ready_i", go);
        self.b.m.settle();
        let b = &mut self.b;
        self.stable
            .check(b, "chan", "chan_valid_o", "chan_ready_i", &["chan_o"]);
        self.stable
            .check(b, "key", "key_valid_o", "key_ready_i", &["key_o"]);
        self.stable
            .check(b, "cpl", "cpl_valid_o", "cpl_ready_i", &["cpl_o"]);
        let ways = [
            ("chan", "chan_valid_o", "chan_ready_i"),
            ("key", "key_valid_o", "key_ready_i"),
            ("cpl", "cpl_valid_o", "cpl_ready_i"),
        ];
        let offered: Vec<_> = ways.iter().filter(|w| b.is(w.1)).collect();
        assert!(offered.len() <= 1, "two ways out at once");
        let taken = offered.first().filter(|w| b.is(w.2)).map(|w| w.0);
        let cleared = b.is("window_clear_o");
        let slot = b.get("slot_o") as usize;
        if let Some(way) = taken {
            self.compare(way, c);
        }
        self.b.m.rise();
        let meta = if slot < SLOTS {
            c.meta[slot]
        } else {
            Meta {
                valid: true,
                ..c.meta[slot % SLOTS]
            }
        };
        self.b.set_words("meta_i", &meta_words(meta));
        (taken, cleared)
    }

    fn compare(&mut self, way: &str, c: &Case) {
        let (verdict, op) = (c.verdict(), c.opcode());
        let want = match op {
            _ if verdict != Status::Ok => "cpl",
            Some(Opcode::GcmSeal | Opcode::GcmOpen) => "chan",
            Some(Opcode::KeyLoad | Opcode::KeyDestroy) => "key",
            _ => "cpl",
        };
        assert_eq!(way, want, "way out, verdict {verdict:?} of {c:x?}");
        let (queue, cookie) = (c.queue as u128, u128::from(c.sub.cookie()));
        match way {
            "chan" => {
                let mut o = self.b.bits("chan_o");
                assert_eq!(o.bytes(64), c.sub.to_le());
                assert_eq!(o.take(2), u128::from(c.meta().key_type) - 1, "key size");
                assert_eq!(o.take(6), queue);
            }
            "key" => {
                let mut o = self.b.bits("key_o");
                let (generation, usage, domain, key_type, valid) =
                    (o.take(16), o.take(16), o.take(8), o.take(8), o.take(1));
                if op == Some(Opcode::KeyLoad) {
                    let aad0 = u128::from(c.sub.aad0());
                    assert_eq!(usage, aad0 >> 16);
                    assert_eq!(domain, aad0 >> 8 & 0xff);
                    assert_eq!((generation, key_type, valid), (0, aad0 & 0xff, 1));
                }
                assert_eq!(o.take(16), c.sub.slot().into());
                assert_eq!(
                    o.take(1) == 1,
                    op == Some(Opcode::KeyDestroy),
                    "load or destruction"
                );
                assert_eq!((o.take(32), o.take(6)), (cookie, queue));
            }
            _ => {
                let mut o = self.b.bits("cpl_o");
                assert_eq!(o.take(128), 0, "result");
                assert_eq!(o.take(32), 0, "bytes");
                assert_eq!(o.take(8), verdict as u128, "want {verdict:?} of {c:x?}");
                assert_eq!((o.take(32), o.take(6)), (cookie, queue));
            }
        }
    }

    fn offer(&mut self, c: &Case) {
        self.b.set("sub_valid_i", true);
        self.b.set("sub_queue_i", c.queue as u64);
        self.b.set_bytes("sub_i", &c.sub.to_le());
    }

    fn run(&mut self, c: &Case) {
        self.apply(c);
        self.offer(c);
        let mut cleared = 0;
        for t in 0.. {
            let took = {
                self.b.m.settle();
                self.b.is("sub_ready_o")
            };
            let (way, clear) = self.cycle(c, false);
            if took {
                self.b.set("sub_valid_i", false);
                // The offer is over: what follows on the port must not matter.
                self.b.set_bytes("sub_i", &[0xff; 64]);
            }
            cleared += u32::from(clear);
            if way.is_some() {
                break;
            }
            assert!(t < 200, "no way out for {c:x?}");
        }
        let uses_up = c.opcode() == Some(Opcode::KeyLoad) && c.queue == 0 && c.verdict() != Status::Aborted;
        assert_eq!(cleared, u32::from(uses_up), "window cleared by {c:x?}");
    }
}

#[test]
fn every_rule_and_every_pair_of_rules() {
    let mut g = Guard::new(1);
    let mut seen = std::collections::HashSet::new();
    for op in OPCODES {
        for (i, first) in BREAK.iter().enumerate() {
            for second in &BREAK[i..] {
                for _ in 0..2 {
                    let mut c = Case::good(op, &mut g.rng);
                    first(&mut c, &mut g.rng);
                    second(&mut c, &mut g.rng);
                    seen.insert(c.verdict());
                    g.run(&c);
                }
            }
        }
    }
    assert_eq!(seen.len(), 17, "every code that the guard gives: {seen:?}");
}

#[test]
fn random_descriptors() {
    let mut g = Guard::new(2);
    for i in 0..6000 {
        g.stall = [0, 30, 80][i % 3];
        let mut c = Case::good(*OPCODES.choose(&mut g.rng).unwrap(), &mut g.rng);
        for _ in 0..g.rng.random_range(0..3) {
            let broken = *BREAK.choose(&mut g.rng).unwrap();
            broken(&mut c, &mut g.rng);
        }
        if i % 4 == 3 {
            // Any bits at all in the first words.
            c.sub.words[0] = g.rng.random::<u32>() & !0xff | [0, 1, 2, 0x40, 0x41][i / 4 % 5];
        }
        g.run(&c);
    }
}

#[test]
fn a_key_operation_waits_for_the_one_before_it() {
    let mut g = Guard::new(3);
    g.stall = 0;
    for op in [Opcode::KeyLoad, Opcode::KeyDestroy] {
        let late = Case::good(op, &mut g.rng);
        let mut early = late.clone();
        early.meta_mut().valid = false;
        early.meta_mut().generation = 0xffff;
        g.apply(&early);
        g.offer(&early);
        for _ in 0..20 {
            assert_eq!(g.cycle(&early, true), (None, false), "decided before its time");
            g.b.set("sub_valid_i", false);
        }
        // What the operation before it made of the slot decides.
        assert!((0..10).any(|_| g.cycle(&late, false).0 == Some("key")));
    }
}

#[test]
fn a_reset_forgets_the_descriptor() {
    let mut g = Guard::new(4);
    for n in 0..6 {
        let c = Case::good(OPCODES[n % 5], &mut g.rng);
        g.apply(&c);
        g.offer(&c);
        g.stall = 100;
        for _ in 0..=n {
            g.cycle(&c, false);
            g.b.set("sub_valid_i", false);
        }
        g.b.m.reset().unwrap();
        g.stable.reset();
        g.stall = 0;
        for _ in 0..10 {
            assert_eq!(g.cycle(&c, false), (None, false));
        }
        let next = Case::good(Opcode::GcmSeal, &mut g.rng);
        g.run(&next);
    }
}
