// SPDX-License-Identifier: Apache-2.0
//! The guard against the order of checks in abi/README.md, written down once more here (of key operations in hdl/keys/tb): every
//! rule, every pair of rules, and random descriptors, with back-pressure on its three ways out.

#[path = "../../keys/tb/model.rs"]
mod model;

use casemate_abi::{IvPolicy, Opcode, Status, Submission, TagMode, usage};
use casemate_hdl_tb::{Bench, Stable, chance, pack};
use model::Meta;
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const SLOTS: usize = 16;
const QUEUES: usize = 8;

/// A descriptor and all that its fate depends on.
#[derive(Debug, Clone)]
struct Case {
    queue: usize,
    sub: Submission,
    domains: [u8; QUEUES],
    meta: [Meta; SLOTS],
    used: u32,
    resetting: u8,
    /// The device has engines for elliptic curves.
    ec: bool,
}

impl Case {
    /// The operation with keys that it is.
    fn key_op(&self) -> Option<Opcode> {
        model::op_of(&self.sub).filter(|&o| self.ec || !is_ec(o))
    }

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

    fn counter(&self) -> bool {
        self.opcode() == Some(Opcode::GcmSeal) && self.meta().policy == IvPolicy::Counter as u8
    }

    /// The first rule that is broken.
    fn verdict(&self) -> Status {
        let (s, m) = (&self.sub, self.meta());
        if self.resetting >> self.queue & 1 == 1 {
            return Status::Aborted;
        }
        if let Some(op) = self.key_op() {
            return model::static_checks(s, op);
        }
        let op = self.opcode();
        let seal = op == Some(Opcode::GcmSeal);
        let gcm = matches!(op, Some(Opcode::GcmSeal | Opcode::GcmOpen));
        let mode = TagMode::from_code(s.tag_mode() as u8);
        let plain = s.src_sgl() | s.dst_sgl() | s.aad_inline() | s.tag_mode() | s.tag_len() | s.iv_len() == 0;
        let flags = s.reserved0() != 0
            || s.reserved1() != 0
            || (!gcm && !plain)
            || (gcm && mode.is_none())
            || (op == Some(Opcode::GcmOpen) && mode == Some(TagMode::Completion))
            || (gcm && s.iv_len() != 12 && s.iv2() != 0);
        let inline_max = if mode == Some(TagMode::Address) { 8 } else { 16 };
        let right = if seal { usage::ENCRYPT } else { usage::DECRYPT };
        let own_iv =
            s.iv_len() == 12 && s.iv0() | s.iv1() | s.iv2() == 0 && mode != Some(TagMode::Completion);
        [
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
            (Status::SlotRange, gcm && s.slot() as usize >= SLOTS),
            (Status::SlotEmpty, gcm && !m.valid),
            (Status::SlotDomain, gcm && m.domain != self.domains[self.queue]),
            (
                Status::SlotGeneration,
                gcm && u32::from(m.generation) != s.generation(),
            ),
            (Status::SlotUsage, gcm && m.usage & right == 0),
            (Status::BadPolicy, self.counter() && !own_iv),
            (Status::Exhausted, seal && self.used >= m.limit),
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
                policy: rng.random_range(0..2),
                limit: rng.random_range(1..=u32::MAX),
                ..Meta::default()
            }),
            used: 0,
            resetting: rng.random(),
            ec: true,
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
            if op == Opcode::GcmSeal && c.meta().policy == 1 {
                c.sub.set_tag_mode(rng.random_range(0..2));
                c.sub.set_iv_len(12).set_iv0(0).set_iv1(0).set_iv2(0);
            } else if rng.random() {
                c.sub.set_iv_len(12);
            } else if c.sub.iv_len() != 12 {
                c.sub.set_iv2(0);
            }
            if c.sub.aad_inline() == 1 {
                let max = if c.sub.tag_mode() == TagMode::Address as u32 {
                    8
                } else {
                    16
                };
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
            let limit = c.meta().limit;
            c.used = *[0, limit - 1, rng.random_range(0..limit)].choose(rng).unwrap();
        } else {
            c.sub.words[0] = op as u32;
        }
        if model::op_of(&c.sub).is_some() {
            key_operation(&mut c.sub, op, rng);
        }
        if model::op_of(&c.sub).is_none_or(model::slotted) {
            let generation = c.meta().generation.into();
            c.sub.set_generation(generation);
        }
        c.resetting &= !(1 << c.queue);
        assert_eq!(c.verdict(), Status::Ok, "{c:?}");
        c
    }
}

fn is_ec(op: Opcode) -> bool {
    op as u8 >= 0x60
}

/// The rest of a key operation's descriptor, its flags and lengths as they must be.
fn key_operation(s: &mut Submission, op: Opcode, rng: &mut ChaCha8Rng) {
    use Opcode::*;
    let (slot, cookie) = (s.slot(), s.cookie());
    *s = Submission::default();
    s.set_opcode(op as u32).set_cookie(cookie);
    let mut any = |bits: u32| rng.random::<u32>() & bits;
    let hash = 1 + any(0xffff) % 3;
    let digest = model::digest(hash as u8);
    if model::slotted(op) {
        s.set_slot(slot);
    }
    if model::attributes(op) {
        let domain = if [KeyLoad, KeyRoot].contains(&op) {
            0xff00
        } else {
            0
        };
        let kind = any(7);
        let kind = if op == EcGenerate { 6 + (kind & 1) } else { kind };
        let secret = if kind == 4 { 16 + any(0xffff) % 49 } else { 0 };
        let epoch = if op == KeyRoot { 0xffff_0000 } else { 0 };
        s.set_aad0(any(0xffff_0000 | domain) | kind);
        s.set_aad1(any(epoch | 3) | secret << 8).set_aad_len(any(!0));
        s.set_iv0(any(!0)).set_iv1(any(!0)).set_iv2(any(!0));
    }
    if model::based(op) {
        s.set_aad2(any(!0));
    }
    let (mut reads, mut writes) = (false, false);
    match op {
        KeyWrap | KeyUnwrap => {
            s.set_pay_len(128);
            (reads, writes) = (op == KeyUnwrap, op == KeyWrap);
        }
        KwpWrap | KwpUnwrap => {
            s.set_pay_len(8 * (3 + any(0xffff) % 7));
            (reads, writes) = (op == KwpUnwrap, op == KwpWrap);
        }
        KeyHkdf => {
            let salt = any(0xffff) % 65;
            s.set_pay_len(salt + any(0xffff) % (257 - salt))
                .set_aad3(hash << 16 | salt);
            reads = true;
        }
        KeyKbkdf => {
            s.set_pay_len(any(0xffff) % 257).set_aad3(hash << 16);
            reads = true;
        }
        KeyQuery => {
            s.set_pay_len(64);
            writes = true;
        }
        KeyMessage => {
            s.set_pay_len(32).set_aad3(any(1)).set_iv1(any(!0));
            reads = s.aad3() == 1;
            writes = !reads;
        }
        MacSign | MacVerify => {
            s.set_pay_len(any(!0))
                .set_aad3(hash << 16 | (4 + any(0xffff) % (digest - 3)));
            (reads, writes) = (true, true);
        }
        Random => {
            s.set_pay_len(1 + any(0xffff));
            writes = true;
        }
        EcSign => {
            s.set_pay_len(20 + 4 * (any(0xffff) % 12))
                .set_aad3(hash << 16 | any(1));
            (reads, writes) = (true, true);
        }
        EcVerify | EcCheck => {
            let kind = 6 + any(1);
            let point = if kind == 7 { 96 } else { 64 };
            let rest = point + 20 + 4 * (any(0xffff) % 12);
            s.set_aad0(kind)
                .set_pay_len(point + if op == EcVerify { rest } else { 0 });
            reads = true;
        }
        EcPublic | EcRaw => {
            s.set_pay_len(64 + 32 * any(1));
            (reads, writes) = (op == EcRaw, true);
        }
        EcGenerate => {
            s.set_pay_len(if s.aad0() as u8 == 7 { 96 } else { 64 });
            writes = true;
        }
        EcEcdh => {
            let salt = any(0xffff) % 65;
            s.set_pay_len(64 + salt + any(0xffff) % (289 - salt))
                .set_aad3(hash << 16 | salt);
            reads = true;
        }
        _ => {}
    }
    if op == KeyUnwrap || op == KeyLock {
        s.set_aad0(any(0xffff_0000));
    }
    if op == KeyLock {
        s.set_aad_len(any(!0));
    }
    if reads {
        s.set_src_lo(any(!0)).set_src_hi(any(!0));
    }
    if writes {
        s.set_dst_lo(any(!0)).set_dst_hi(any(!0));
    }
}

/// Each breaks one rule, where it applies.
const BREAK: &[fn(&mut Case, &mut ChaCha8Rng)] = &[
    |c, _| c.resetting |= 1 << c.queue,
    |c, r| {
        let op = *[3, 0x3f, 0x4b, 0x4e, 0x53, 0x5f, 0x67, 0x80, 0xff]
            .choose(r)
            .unwrap();
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
    |c, _| c.used = c.meta().limit,
    |c, r| {
        let w = r.random_range(9..12);
        c.sub.words[w] |= 1 << r.random_range(0..32);
    },
    |c, r| {
        let w = r.random_range(1..16);
        c.sub.words[w] ^= 1 << r.random_range(0..32);
    },
    |c, r| {
        let w = r.random_range(3..16);
        c.sub.words[w] |= 1 << r.random_range(0..32);
    },
    |c, r| {
        c.sub
            .set_aad3(c.sub.aad3() & !0xff_0000 | *[0, 4, 5, 0x80].choose(r).unwrap() << 16);
    },
    |c, r| {
        c.sub.set_pay_len(
            *[
                0, 19, 21, 24, 63, 64, 65, 68, 72, 80, 96, 127, 129, 144, 196, 208, 256, 257, 260, 352, 353,
                65537,
            ]
            .choose(r)
            .unwrap(),
        );
    },
    |c, r| {
        c.sub
            .set_aad3(c.sub.aad3() & !0x7f | *[0, 3, 4, 33, 49, 65, 127].choose(r).unwrap());
    },
    |c, r| {
        c.sub
            .set_aad0(c.sub.aad0() & !0xff | *[0, 4, 5, 6, 7, 8].choose(r).unwrap());
    },
    |c, r| {
        c.sub
            .set_aad1(c.sub.aad1() & 0xff | *[0, 15, 16, 64, 65, 255].choose(r).unwrap() << 8);
    },
];

/// Operations that there are.
const OPCODES: &[Opcode] = Opcode::ALL;

struct Guard {
    b: Bench,
    stable: Stable,
    rng: ChaCha8Rng,
    stall: u32,
    /// Metadata that the slots will give in the next cycle.
    meta: Vec<u32>,
    /// It has taken the next descriptor with the last one's handshake.
    ahead: bool,
}

impl Guard {
    /// `ec`: with engines for elliptic curves (1) or without.
    fn new(seed: u64, ec: u32) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "keys/rtl/key_pkg.sv",
            "keys/rtl/key_static.sv",
            "slots/rtl/guard.sv",
        ];
        Self {
            b: Bench::new(
                "guard",
                &files,
                &[("SLOTS", SLOTS as u32), ("QUEUES", QUEUES as u32), ("EC", ec)],
            ),
            stable: Stable::default(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            stall: 30,
            meta: pack(&Meta::default().fields()),
            ahead: false,
        }
    }

    fn apply(&mut self, c: &Case) {
        for (i, d) in c.domains.iter().enumerate() {
            self.b.set(&format!("domain_i[{i}]"), *d);
        }
        self.b.set("resetting_i", c.resetting);
        self.b.set("used_i", c.used);
    }

    /// One cycle; the slot's metadata follow its number by two. Gives the way out that was taken, and whether a seal was counted.
    fn cycle(&mut self, c: &Case) -> (Option<&'static str>, bool) {
        for ready in ["chan_ready_i", "key_ready_i", "ec_ready_i", "cpl_ready_i"] {
            let go = !chance(&mut self.rng, self.stall);
            self.b.set(ready, go);
        }
        self.b.m.settle();
        let b = &mut self.b;
        self.stable
            .check(b, "chan", "chan_valid_o", "chan_ready_i", &["chan_o"]);
        self.stable
            .check(b, "key", "key_valid_o", "key_ready_i", &["key_o"]);
        self.stable.check(b, "ec", "ec_valid_o", "ec_ready_i", &["key_o"]);
        self.stable
            .check(b, "cpl", "cpl_valid_o", "cpl_ready_i", &["cpl_o"]);
        let ways = [
            ("chan", "chan_valid_o", "chan_ready_i"),
            ("key", "key_valid_o", "key_ready_i"),
            ("ec", "ec_valid_o", "ec_ready_i"),
            ("cpl", "cpl_valid_o", "cpl_ready_i"),
        ];
        let offered: Vec<_> = ways.iter().filter(|w| b.is(w.1)).collect();
        assert!(offered.len() <= 1, "two ways out at once");
        let taken = offered.first().filter(|w| b.is(w.2)).map(|w| w.0);
        let counted = b.is("count_o");
        // From the cycle in which it looks on, nobody may change the slot.
        let gcm = matches!(c.opcode(), Some(Opcode::GcmSeal | Opcode::GcmOpen));
        assert_eq!(b.is("busy_o"), gcm && (!b.is("sub_ready_o") || taken.is_some()));
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
        let before = std::mem::replace(&mut self.meta, pack(&meta.fields()));
        self.b.set_words("meta_i", &before);
        (taken, counted)
    }

    fn compare(&mut self, way: &str, c: &Case) {
        let (verdict, op) = (c.verdict(), c.opcode());
        let want = match op {
            _ if c.key_op().is_some_and(is_ec) => "ec",
            _ if c.key_op().is_some() => "key",
            Some(Opcode::GcmSeal | Opcode::GcmOpen) if verdict == Status::Ok => "chan",
            _ => "cpl",
        };
        assert_eq!(way, want, "way out, verdict {verdict:?} of {c:x?}");
        let (queue, cookie) = (c.queue as u128, u128::from(c.sub.cookie()));
        match way {
            "chan" => {
                let mut o = self.b.bits("chan_o");
                let mut sub = c.sub;
                if c.counter() {
                    // I4: eight zeros and the count.
                    sub.set_iv2(c.used.swap_bytes());
                }
                assert_eq!(o.bytes(64), sub.to_le());
                assert_eq!(o.take(1) == 1, c.counter());
                assert_eq!(o.take(2), u128::from(c.meta().key_type) - 1, "key size");
                assert_eq!(o.take(6), queue);
            }
            "key" | "ec" => {
                let mut o = self.b.bits("key_o");
                assert_eq!(o.bytes(64), c.sub.to_le());
                assert_eq!(o.take(8), verdict as u128, "want {verdict:?} of {c:x?}");
                assert_eq!(o.take(8), c.domains[c.queue].into());
                assert_eq!(o.take(6), queue);
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
        self.run_before(c, None);
    }

    /// As `run`, with the next descriptor on offer from the moment this one is taken.
    fn run_before(&mut self, c: &Case, next: Option<&Case>) {
        self.apply(c);
        let mut taken = std::mem::take(&mut self.ahead);
        if !taken {
            self.offer(c);
        }
        let mut counted = 0;
        for t in 0.. {
            if taken {
                match next {
                    Some(next) => self.offer(next),
                    None => {
                        self.b.set("sub_valid_i", false);
                        // The offer is over: what follows on the port must not matter.
                        self.b.set_bytes("sub_i", &[0xff; 64]);
                    }
                }
            }
            let took = {
                self.b.m.settle();
                !taken && self.b.is("sub_ready_o")
            };
            let (way, count) = self.cycle(c);
            taken |= took;
            counted += u32::from(count);
            if way.is_some() {
                self.ahead = next.is_some();
                break;
            }
            assert!(t < 200, "no way out for {c:x?}");
        }
        if next.is_none() {
            self.b.set("sub_valid_i", false);
        }
        let seal = c.opcode() == Some(Opcode::GcmSeal) && c.verdict() == Status::Ok;
        assert_eq!(counted, u32::from(seal), "seals counted by {c:x?}");
    }
}

#[test]
fn every_rule_and_every_pair_of_rules() {
    let mut g = Guard::new(1, 1);
    let mut seen = std::collections::HashSet::new();
    for &op in OPCODES {
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
    let mut g = Guard::new(2, 1);
    let cases: Vec<_> = (0..6000).map(|i| random_case(&mut g, i)).collect();
    for (i, c) in cases.iter().enumerate() {
        g.stall = [0, 30, 80][i % 3];
        let next = cases.get(i + 1).filter(|_| g.rng.random());
        g.run_before(c, next);
    }
}

fn random_case(g: &mut Guard, i: usize) -> Case {
    let mut c = Case::good(*OPCODES.choose(&mut g.rng).unwrap(), &mut g.rng);
    for _ in 0..g.rng.random_range(0..3) {
        let broken = *BREAK.choose(&mut g.rng).unwrap();
        broken(&mut c, &mut g.rng);
    }
    if i % 4 == 3 {
        // Any bits at all in the first words.
        c.sub.words[0] = g.rng.random::<u32>() & !0xff | [0, 1, 2, 0x40, 0x50][i / 4 % 5];
    }
    c
}

#[test]
fn a_reset_forgets_the_descriptor() {
    let mut g = Guard::new(4, 1);
    for n in 0..6 {
        let c = Case::good(OPCODES[n % 5], &mut g.rng);
        g.apply(&c);
        g.offer(&c);
        g.stall = 100;
        for _ in 0..=n {
            g.cycle(&c);
            g.b.set("sub_valid_i", false);
        }
        g.b.m.reset().unwrap();
        g.stable.reset();
        g.stall = 0;
        for _ in 0..10 {
            assert_eq!(g.cycle(&c), (None, false));
        }
        let next = Case::good(Opcode::GcmSeal, &mut g.rng);
        g.run(&next);
    }
}

#[test]
fn without_engines_their_opcodes_are_unknown() {
    let mut g = Guard::new(5, 0);
    for &op in OPCODES.iter().filter(|&&o| is_ec(o)) {
        let mut c = Case::good(op, &mut g.rng);
        c.ec = false;
        // Of no other field is more known of them than of any unknown opcode.
        assert_eq!(c.verdict(), Status::BadOpcode);
        g.run(&c);
    }
}
