// SPDX-License-Identifier: Apache-2.0
//! The key unit against a model over independent crates: random programs, of a guard and an EC unit at once, with back-pressure, bus errors,
//! resets of queues and of the device, wipes, a generator that fails.

mod engines;
mod model;
mod unit;

use casemate_abi::{Opcode, Status, Submission, usage};
use casemate_hdl_tb::chance;
use rand::{Rng, RngCore, seq::IndexedRandom};
use std::collections::HashSet;
use unit::{QUEUES, SLOTS, Unit, dst, op, src};

const SERVED: &[Opcode] = &[
    Opcode::KeyLoad,
    Opcode::KeyDestroy,
    Opcode::KeyGenerate,
    Opcode::KeyWrap,
    Opcode::KeyUnwrap,
    Opcode::KwpWrap,
    Opcode::KwpUnwrap,
    Opcode::KeyHkdf,
    Opcode::KeyKbkdf,
    Opcode::KeyQuery,
    Opcode::KeyLock,
    Opcode::KeyRoot,
    Opcode::KeyMessage,
    Opcode::MacSign,
    Opcode::MacVerify,
    Opcode::Random,
    Opcode::EcGenerate,
    Opcode::EcEcdh,
];

/// What comes from the EC unit, not from the guard.
fn handed(s: &Submission) -> bool {
    [Opcode::EcGenerate as u32, Opcode::EcEcdh as u32].contains(&s.opcode())
}

/// Gives an operation to the key unit, on the way that it comes.
fn send(u: &mut Unit, queue: usize, s: Submission) {
    if handed(&s) {
        // As long as the key of its curve.
        let curve = if s.opcode() == Opcode::EcGenerate as u32 {
            s.aad0() as u8
        } else {
            u.slots[(s.aad2() & 0xffff) as usize % SLOTS].meta.key_type
        };
        let mut secret = [0; 64];
        u.rng.fill_bytes(&mut secret[..if curve == 7 { 48 } else { 32 }]);
        u.hand(queue, s, secret);
    } else {
        u.offer(queue, s);
    }
}

/// What became of an operation.
fn done(u: &Unit, from: usize, s: &Submission) -> Status {
    let found = u.done[from..].iter().find(|c| c.cookie == s.cookie());
    found.expect("a completion").status
}

/// A slot of a kind, preferably.
fn pick(u: &mut Unit, want: impl Fn(&unit::Slot) -> bool) -> usize {
    let fit: Vec<usize> = (0..SLOTS).filter(|&i| want(&u.slots[i])).collect();
    if chance(&mut u.rng, 5) || fit.is_empty() {
        return u.rng.random_range(0..SLOTS);
    }
    *fit.choose(&mut u.rng).unwrap()
}

/// Attributes of a key that can be made.
fn attributes(u: &mut Unit, s: &mut Submission, o: Opcode, domain: u8) {
    let kind = match o {
        Opcode::KeyRoot => 5,
        Opcode::EcGenerate if chance(&mut u.rng, 95) => *[6, 7].choose(&mut u.rng).unwrap(),
        Opcode::KeyHkdf | Opcode::KeyKbkdf | Opcode::EcEcdh if chance(&mut u.rng, 95) => {
            *[1, 2, 3, 4, 4].choose(&mut u.rng).unwrap()
        }
        Opcode::KwpUnwrap if chance(&mut u.rng, 95) => *[1, 2, 3, 4, 4, 6, 7].choose(&mut u.rng).unwrap(),
        Opcode::KeyLoad => *[1, 2, 3, 4, 4, 5, 6, 7].choose(&mut u.rng).unwrap(),
        _ => *[1, 2, 3, 4, 4, 5].choose(&mut u.rng).unwrap(),
    };
    let mut bits = model::usage_of(kind).unwrap() & (u.rng.random::<u16>() | u.rng.random::<u16>());
    if o == Opcode::KeyRoot {
        bits &= usage::WRAP | usage::UNWRAP;
    }
    if model::clash(kind, bits) && chance(&mut u.rng, 95) {
        bits &= *[!usage::SIGN, !(usage::DERIVE | usage::RAW)]
            .choose(&mut u.rng)
            .unwrap();
    }
    let mut policy = if model::is_ec(kind) {
        u.rng.random_range(0..4)
    } else {
        0
    };
    if kind == 4 && chance(&mut u.rng, 30) {
        bits &= usage::DERIVE | usage::EXPORT_WRAPPED;
        policy = 2;
    }
    if kind <= 3 && o == Opcode::KeyGenerate && chance(&mut u.rng, 50) {
        bits &= usage::ENCRYPT | usage::DECRYPT;
        policy = 1;
    }
    let len = if kind == 4 { u.rng.random_range(16..=64) } else { 0 };
    let own = if [Opcode::KeyLoad, Opcode::KeyRoot].contains(&o) {
        domain
    } else {
        0
    };
    s.set_aad0(u32::from(bits) << 16 | u32::from(own) << 8 | u32::from(kind));
    s.set_aad1(len << 8 | policy);
    if chance(&mut u.rng, 50) {
        s.set_aad_len(u.rng.random());
    }
    s.set_iv0(u.rng.random())
        .set_iv1(u.rng.random())
        .set_iv2(u.rng.random());
}

/// A random operation that has a good chance to be let through.
fn random_op(u: &mut Unit, faults: u32) -> (usize, Submission) {
    use Opcode::*;
    let o = *SERVED.choose(&mut u.rng).unwrap();
    let mut queue = u.rng.random_range(0..QUEUES);
    if [KeyLoad, KeyRoot].contains(&o) || chance(&mut u.rng, 20) {
        queue = 0;
    }
    let domain = u.domains[queue];
    let mut s = op(o);
    s.set_cookie(u.rng.random());
    let may =
        |bit: u16| move |x: &unit::Slot| x.meta.valid && x.meta.domain == domain && x.meta.usage & bit == bit;
    let trusted = |x: &unit::Slot| ![1, 5].contains(&x.meta.origin);
    let slot = match o {
        KeyLoad => u.rng.random_range(0..SLOTS),
        _ if model::fills(o) => pick(u, |x| !x.meta.valid),
        KeyWrap => pick(u, may(usage::EXPORT_WRAPPED)),
        KwpWrap => pick(u, |x| may(usage::KWP)(x) && x.meta.key_type != 5),
        MacSign => pick(u, may(usage::SIGN)),
        MacVerify => pick(u, may(usage::VERIFY)),
        _ => pick(u, may(0)),
    };
    let base = match o {
        KeyWrap => pick(u, |x| may(usage::WRAP)(x) && trusted(x)),
        KeyUnwrap => pick(u, |x| may(usage::UNWRAP)(x) && trusted(x)),
        KwpWrap => pick(u, may(usage::WRAP | usage::KWP)),
        KwpUnwrap => pick(u, may(usage::UNWRAP | usage::KWP)),
        KeyMessage => pick(u, |x| may(usage::DERIVE)(x) && x.meta.policy == 2),
        EcEcdh => pick(u, |x| may(usage::DERIVE)(x) && model::is_ec(x.meta.key_type)),
        _ => pick(u, |x| {
            may(usage::DERIVE)(x) && x.meta.key_type == 4 && x.meta.policy == 0
        }),
    };
    if o != Random {
        u.name(&mut s, slot);
    }
    if model::based(o) {
        u.base(&mut s, base);
    }
    if model::attributes(o) {
        let owner = if queue == 0 {
            u.rng.random_range(0..4)
        } else {
            domain
        };
        attributes(u, &mut s, o, owner);
    }
    let hash = u.rng.random_range(1..=3u32);
    let digest = model::digest(hash as u8);
    let key = u.slots[base].key.clone();
    let mut input = Vec::new();
    let mut out = 0;
    match o {
        KeyLoad => {
            if u.rng.random_range(0..10) > 0 {
                u.window.1 = !0;
            }
            let mut w = [0; 64];
            u.rng.fill_bytes(&mut w);
            u.window.0 = w;
        }
        KeyWrap => out = 128,
        KeyQuery => out = 64,
        KwpWrap => out = u64::from(u.slots[slot].meta.key_len).next_multiple_of(8) + 8,
        Random => out = *[1, 31, 32, 33, 100, 600, 1500].choose(&mut u.rng).unwrap(),
        KeyUnwrap => {
            let mut m = model::Meta {
                valid: true,
                domain: if chance(&mut u.rng, 95) {
                    domain
                } else {
                    domain ^ 1
                },
                key_type: u.rng.random_range(1..=7),
                origin: if chance(&mut u.rng, 95) {
                    u.rng.random_range(1..=5)
                } else {
                    u.rng.random_range(0..8)
                },
                limit: u.rng.random(),
                label: u.rng.random(),
                ..Default::default()
            };
            m.usage = model::usage_of(m.key_type).unwrap() & u.rng.random::<u16>();
            if model::clash(m.key_type, m.usage) && chance(&mut u.rng, 80) {
                m.usage &= !usage::SIGN;
            }
            if chance(&mut u.rng, 5) {
                m.usage |= 1 << u.rng.random_range(0..16);
            }
            if chance(&mut u.rng, 10) {
                m.policy = u.rng.random_range(0..4);
            }
            m.key_len = model::len_of(m.key_type, u.rng.random_range(16..=64));
            if chance(&mut u.rng, 5) {
                m.key_len = u.rng.random_range(0..128);
            }
            let mut head = m.attributes(u.rng.random());
            head.set_generation(0x4d43);
            if chance(&mut u.rng, 20) {
                let f = *[
                    |h: &mut casemate_abi::KeyAttributes, r: u32| _ = h.set_reserved0(1 + r % 3),
                    |h: &mut casemate_abi::KeyAttributes, _| _ = h.set_reserved1(1),
                    |h: &mut casemate_abi::KeyAttributes, r: u32| _ = h.set_reserved2(1 << (r % 32)),
                    |h: &mut casemate_abi::KeyAttributes, _| _ = h.set_valid(0),
                    |h: &mut casemate_abi::KeyAttributes, r: u32| {
                        _ = h.set_generation(0x4d43 ^ 1 << (r % 16))
                    },
                    |h: &mut casemate_abi::KeyAttributes, r: u32| _ = h.set_key_type(r % 8),
                ]
                .choose(&mut u.rng)
                .unwrap();
                f(&mut head, u.rng.random());
            }
            let mut text = vec![0; 64];
            u.rng.fill_bytes(&mut text);
            let iv: [u8; 12] = u.rng.random();
            input = if key.len() == 32 {
                model::blob(&key, &head, &iv, &text)
            } else {
                vec![7; 128]
            };
            if chance(&mut u.rng, 15) {
                let bit = u.rng.random_range(0..1024);
                input[bit / 8] ^= 1 << (bit % 8);
            }
            if chance(&mut u.rng, 5) {
                input[44 + u.rng.random_range(0..4)] = 1;
            }
            s.set_aad0(u32::from(u.rng.random::<u16>() | u.rng.random::<u16>()) << 16);
        }
        KwpUnwrap => {
            let mut len = usize::from(model::len_of(s.aad0() as u8, s.aad1() >> 8));
            if chance(&mut u.rng, 10) {
                len = u.rng.random_range(16..=64);
            }
            let mut text = vec![0; len];
            u.rng.fill_bytes(&mut text);
            input = if key.len() == 32 {
                model::kwp_wrap(&key, &text)
            } else {
                vec![7; 24]
            };
            if chance(&mut u.rng, 15) {
                let bit = u.rng.random_range(0..8 * input.len());
                input[bit / 8] ^= 1 << (bit % 8);
            }
        }
        KeyHkdf => {
            let salt = u.rng.random_range(0..=64u32);
            let all = *[salt, 256, u.rng.random_range(salt..=256)]
                .choose(&mut u.rng)
                .unwrap();
            input = vec![0; all as usize];
            u.rng.fill_bytes(&mut input);
            s.set_aad3(hash << 16 | salt);
        }
        EcGenerate => out = if s.aad0() as u8 == 7 { 96 } else { 64 },
        EcEcdh => {
            let point = 2 * u64::from(u.slots[base].meta.key_len.max(32));
            let salt = u.rng.random_range(0..=64u32);
            let rest = *[salt, 256, u.rng.random_range(salt..=256)]
                .choose(&mut u.rng)
                .unwrap();
            input = vec![0; point as usize + rest as usize];
            u.rng.fill_bytes(&mut input);
            s.set_aad3(hash << 16 | salt);
        }
        KeyKbkdf => {
            input = vec![0; *[0, 256, u.rng.random_range(0..=256)].choose(&mut u.rng).unwrap()];
            u.rng.fill_bytes(&mut input);
            s.set_aad3(hash << 16);
        }
        KeyMessage => {
            let opening = u.rng.random::<bool>();
            s.set_aad3(opening.into());
            s.set_iv0(u.rng.random()).set_iv2(u.rng.random());
            if opening {
                input = vec![0; 32];
                u.rng.fill_bytes(&mut input);
            } else {
                out = 32;
            }
        }
        KeyRoot => {
            let epoch = u.rng.random::<u16>();
            s.set_aad1(u32::from(epoch) << 16);
        }
        MacSign | MacVerify => {
            input = vec![0; *[0, 1, 7, 64, 200, 700].choose(&mut u.rng).unwrap() + u.rng.random_range(0..9)];
            if chance(&mut u.rng, 10) {
                input.clear();
            }
            u.rng.fill_bytes(&mut input);
            let n = u.rng.random_range(4..=digest);
            s.set_aad3(hash << 16 | n);
            out = n.into();
        }
        KeyLock => {
            s.set_aad0((u.rng.random::<u32>() | u.rng.random::<u32>()) & 0xffff_0000);
            if chance(&mut u.rng, 50) {
                s.set_aad_len(u.rng.random());
            }
        }
        _ => {}
    }
    let pay = if input.is_empty() && out > 0 && !matches!(o, MacSign | MacVerify) {
        out
    } else {
        input.len() as u64
    };
    s.set_pay_len(pay as u32);
    let reads = [
        KeyUnwrap, KwpUnwrap, KeyHkdf, KeyKbkdf, MacSign, MacVerify, EcEcdh,
    ]
    .contains(&o);
    if reads || o == KeyMessage && !input.is_empty() {
        let at = u.buffer(input.len() as u64);
        u.mem.write(at, &input);
        src(&mut s, at, pay);
        if chance(&mut u.rng, faults) && !input.is_empty() {
            let at = at + u.rng.random_range(0..input.len() as u64);
            u.mem.spoil(at, 1);
        }
    }
    if out > 0 {
        let at = u.buffer(out);
        dst(&mut s, at);
        if o == MacVerify {
            let mut mac = model::hmac(hash as u8, &u.slots[slot].key, &[&input]);
            if chance(&mut u.rng, 30) {
                let bit = u.rng.random_range(0..8 * out as usize);
                mac[bit / 8] ^= 1 << (bit % 8);
            }
            u.mem.write(at, &mac[..out as usize]);
        }
        if chance(&mut u.rng, faults) {
            let at = at + u.rng.random_range(0..out);
            u.mem.spoil(at, 1);
        }
    }
    (queue, s)
}

/// So many operations, mostly one by one; returns which ended well.
fn program(u: &mut Unit, count: usize, faults: u32) -> (HashSet<u32>, HashSet<Status>) {
    let (mut good, mut seen) = (HashSet::new(), HashSet::new());
    for _ in 0..count {
        let batch = if chance(&mut u.rng, 20) {
            u.rng.random_range(2..5)
        } else {
            1
        };
        if chance(&mut u.rng, 5) {
            u.sealed = !u.sealed;
        }
        let mut loads = 0;
        let from = u.done.len();
        let mut ops = Vec::new();
        for _ in 0..batch {
            let (queue, s) = random_op(u, faults);
            // There is one window.
            let load = s.opcode() == Opcode::KeyLoad as u32;
            if !load || loads == 0 {
                loads += usize::from(load);
                ops.push(s);
                send(u, queue, s);
                if !handed(&s) && chance(&mut u.rng, 3) {
                    u.offers.back_mut().unwrap().status = Status::BadFlags;
                }
            }
        }
        u.finish();
        for s in &ops {
            let status = done(u, from, s);
            seen.insert(status);
            if status == Status::Ok {
                good.insert(s.opcode());
            }
        }
        // Room for new keys.
        let full = u.slots.iter().filter(|s| s.meta.valid).count();
        if full > SLOTS - 2 {
            let slot = u.rng.random_range(0..SLOTS);
            let mut s = op(Opcode::KeyDestroy);
            u.name(&mut s, slot);
            u.run(0, s);
        }
        if u.done.len() > 1000 {
            u.done.clear();
        }
    }
    (good, seen)
}

#[test]
fn random_programs() {
    for (bits, seed, stall, faults, count) in [
        (256, 1, 0, 0, 3000),
        (256, 5, 30, 8, 5000),
        (128, 3, 30, 5, 500),
        (512, 4, 60, 5, 500),
    ] {
        let mut u = Unit::new(bits, seed);
        u.stall = stall;
        let (good, seen) = program(&mut u, count, faults);
        if count > 1000 {
            let missing: Vec<&Opcode> = SERVED.iter().filter(|o| !good.contains(&(**o as u32))).collect();
            assert!(missing.is_empty(), "never done: {missing:?}");
            assert!(u.turns > 100, "{} waited for each other", u.turns);
        }
        if faults > 0 && count > 1000 {
            for s in [
                Status::DmaSrc,
                Status::DmaDst,
                Status::DmaTag,
                Status::BadBlob,
                Status::TagMismatch,
            ] {
                assert!(seen.contains(&s), "{s:?} never seen");
            }
            let read = [u.ec.fetched, u.ec.counted];
            assert!(read[0] > 100 && read[1] > 10, "keys, signatures: {read:?}");
        }
    }
}

/// A queue is reset at any moment: what of its is under way ends, with ABORTED or as it would have.
#[test]
fn resets_of_queues() {
    let mut u = Unit::new(256, 5);
    u.block_time = 60;
    let mut aborted = HashSet::new();
    for round in 0..1500 {
        u.stall = [0, 30][round % 2];
        let (queue, s) = random_op(&mut u, 3);
        send(&mut u, queue, s);
        let other = random_op(&mut u, 0);
        if other.1.opcode() != Opcode::KeyLoad as u32 {
            send(&mut u, other.0, other.1);
        }
        let from = u.done.len();
        u.silent = round % 10 == 0;
        let most = *[20, 200, 2500].choose(&mut u.rng).unwrap();
        for _ in 0..u.rng.random_range(0..most) {
            u.cycle();
        }
        u.resetting = 1 << queue;
        if u.silent {
            u.resetting = 0xff;
        }
        u.finish();
        (u.resetting, u.silent) = (0, false);
        if done(&u, from, &s) == Status::Aborted {
            aborted.insert(s.opcode());
        }
        if u.slots.iter().filter(|s| s.meta.valid).count() > SLOTS - 2 {
            let mut s = op(Opcode::KeyDestroy);
            u.name(&mut s, round % SLOTS);
            u.run(0, s);
        }
    }
    assert!(aborted.len() > 12, "aborted: {aborted:x?}");
    for o in [Opcode::EcGenerate, Opcode::EcEcdh] {
        assert!(aborted.contains(&(o as u32)), "{o:?} never was aborted");
    }
}

#[test]
fn resets_of_the_device() {
    let mut u = Unit::new(256, 6);
    u.stall = 20;
    for round in 0..40 {
        program(&mut u, 3, 3);
        let (queue, s) = random_op(&mut u, 0);
        send(&mut u, queue, s);
        for _ in 0..u.rng.random_range(1..60) * (1 + round) {
            u.cycle();
        }
        u.reset();
        for slot in 0..SLOTS {
            let mut s = op(Opcode::KeyQuery);
            s.set_slot(slot as u32);
            let at = u.buffer(64);
            src(&mut s, 0, 64);
            dst(&mut s, at);
            u.run(0, s);
        }
    }
}

/// Whatever is under way ends with ZEROIZED, as does all that comes, and nothing of a key is left.
#[test]
fn wipes() {
    let mut u = Unit::new(256, 8);
    let mut zeroized = HashSet::new();
    for round in 0..250 {
        u.stall = [0, 20, 40][round % 3];
        program(&mut u, 4, 3);
        let from = u.done.len();
        let mut ops = Vec::new();
        for _ in 0..4 {
            let (queue, s) = random_op(&mut u, 3);
            send(&mut u, queue, s);
            ops.push(s);
        }
        let most = *[20, 200, 2500].choose(&mut u.rng).unwrap();
        for _ in 0..u.rng.random_range(0..most) {
            u.cycle();
        }
        u.wipe();
        let (queue, mut s) = random_op(&mut u, 0);
        s.set_cookie(round as u32);
        send(&mut u, queue, s);
        let mut cycles = 0;
        while !u.b.is("wiped_o") {
            u.cycle();
            cycles += 1;
            assert!(cycles < 1500, "it does not end");
        }
        assert_eq!(u.b.get("left_o"), 0, "something of a key is left");
        u.finish();
        assert_eq!((u.b.is("wiped_o"), u.b.get("left_o")), (true, 0));
        assert_eq!(done(&u, from, &s), Status::Zeroized);
        for s in &ops {
            if done(&u, from, s) == Status::Zeroized {
                zeroized.insert(s.opcode());
            }
        }
        u.reset();
    }
    let missing: Vec<&Opcode> = SERVED
        .iter()
        .filter(|o| !zeroized.contains(&(**o as u32)))
        .collect();
    assert!(missing.is_empty(), "never zeroized: {missing:?}");
}

/// The EC unit's request finds its slot taken, its key gone or its queue's domain changed: each of these is decided at its turn.
#[test]
fn what_changed_since_the_engine_began_is_refused() {
    let mut u = Unit::new(256, 9);
    u.load(0, 1, 6, &[5; 32], usage::DERIVE, 0);
    u.load(1, 1, 4, &[6; 32], usage::DERIVE, 0);
    let ecdh = |u: &mut Unit, slot: u32, salt: u32| {
        let mut s = op(Opcode::EcEcdh);
        s.set_slot(slot)
            .set_aad0(u32::from(usage::SIGN) << 16 | 4)
            .set_aad1(40 << 8);
        s.set_aad3(1 << 16 | salt);
        u.base(&mut s, 0);
        let at = u.filled(64 + 70);
        src(&mut s, at, 64 + 70);
        s
    };
    let run = |u: &mut Unit, s: Submission| {
        send(u, 2, s);
        u.finish();
        u.done.last().unwrap().status
    };
    let mut generate = op(Opcode::EcGenerate);
    generate
        .set_slot(1)
        .set_aad0(u32::from(usage::SIGN) << 16 | 7)
        .set_pay_len(96);
    let s = ecdh(&mut u, 1, 32);
    assert_eq!(run(&mut u, generate), Status::SlotFull);
    assert_eq!(run(&mut u, s), Status::SlotFull);
    generate.set_slot(2);
    assert_eq!(run(&mut u, generate), Status::Ok);
    let s = ecdh(&mut u, 3, 32);
    assert_eq!(run(&mut u, s), Status::Ok);
    // Its key is another one's of the same slot, was destroyed, lost a right.
    let s = ecdh(&mut u, 4, 0);
    u.domains[2] = 3;
    assert_eq!(run(&mut u, s), Status::SlotDomain);
    u.domains[2] = 1;
    u.load(0, 1, 6, &[7; 32], usage::DERIVE, 0);
    assert_eq!(run(&mut u, s), Status::SlotGeneration);
    let s = ecdh(&mut u, 4, 0);
    let mut lock = op(Opcode::KeyLock);
    u.name(&mut lock, 0);
    assert_eq!(u.run(2, lock).status, Status::Ok);
    assert_eq!(run(&mut u, s), Status::SlotUsage);
    let mut destroy = op(Opcode::KeyDestroy);
    u.name(&mut destroy, 0);
    assert_eq!(u.run(2, destroy).status, Status::Ok);
    assert_eq!(run(&mut u, s), Status::SlotEmpty);
}

#[test]
fn a_generator_that_fails() {
    let mut u = Unit::new(256, 7);
    u.load(0, 0, 4, &[1; 40], usage::DERIVE, 2);
    let mut s = op(Opcode::KeyRoot);
    s.set_slot(1)
        .set_aad0(u32::from(usage::WRAP) << 16 | u32::from(u.domains[0]) << 8 | 5);
    u.run(0, s);
    u.load(2, 0, 3, &[3; 32], usage::EXPORT_WRAPPED, 0);
    let mut ops = Vec::new();
    let mut s = op(Opcode::KeyGenerate);
    s.set_slot(5).set_aad0(3);
    ops.push(s);
    let mut s = op(Opcode::KeyWrap);
    u.name(&mut s, 2);
    u.base(&mut s, 1);
    let at = u.buffer(128);
    src(&mut s, 0, 128);
    dst(&mut s, at);
    ops.push(s);
    let mut s = op(Opcode::KeyMessage);
    s.set_slot(6);
    u.base(&mut s, 0);
    let at = u.buffer(32);
    src(&mut s, 0, 32);
    dst(&mut s, at);
    ops.push(s);
    let mut s = op(Opcode::Random);
    let at = u.buffer(900);
    src(&mut s, 0, 900);
    dst(&mut s, at);
    ops.push(s);
    // No seed yet: they wait, and a reset of the queue ends that.
    for s in &ops {
        u.silent = true;
        u.offer(0, *s);
        for _ in 0..500 {
            u.cycle();
        }
        assert_eq!(u.pending.len(), 1, "it waits");
        u.resetting = 1;
        u.finish();
        assert_eq!(u.done.last().unwrap().status, Status::Aborted);
        (u.resetting, u.silent) = (0, false);
    }
    // It fails before an operation or in the middle of one.
    for s in &ops {
        for wait in [0, 30, 80] {
            u.no_entropy = false;
            u.block_time = 40;
            u.offer(0, *s);
            for _ in 0..wait {
                u.cycle();
            }
            u.no_entropy = true;
            u.finish();
            assert!([Status::NoEntropy, Status::Ok].contains(&u.done.last().unwrap().status));
            for slot in [5, 6] {
                if u.slots[slot].meta.valid {
                    let mut d = op(Opcode::KeyDestroy);
                    u.name(&mut d, slot);
                    u.run(0, d);
                }
            }
        }
    }
}
