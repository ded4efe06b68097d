// SPDX-License-Identifier: Apache-2.0
//! Key operations by their descriptors: each rule of each operation, every pair of rules, and what a request leaves behind.

mod bench;
#[path = "../common/mod.rs"]
mod common;
mod rules;

use bench::{Bench, DST, EMPTY, FREE, fills};
use casemate::abi::{KeyType, Opcode, Origin, Status, Submission, reg, usage};
use common::KEY_DEVICES;
use common::{keys::*, raw};
use rules::rules;
use std::collections::HashSet;

fn every_rule(uri: &str) -> HashSet<Status> {
    let mut b = Bench::new(uri);
    b.prepare();
    let mut seen = HashSet::new();
    let mut pairs = 0;
    for s in b.good() {
        let o = Opcode::from_code(s.opcode() as u8).unwrap();
        let done = raw(&mut b.q, &s);
        assert_eq!(done.status, Status::Ok, "{uri}: {o:?}");
        if fills(&s) {
            let h = handle(&s, &done);
            b.destroy(h);
        } else {
            assert_eq!(done.report, [0; 16], "{uri}: {o:?}");
        }
        let writes = if s.dst_lo() != 0 && o != Opcode::MacVerify {
            match o {
                Opcode::MacSign => 20,
                Opcode::EcSign => 64,
                Opcode::EcRaw => 32,
                _ => s.pay_len(),
            }
        } else {
            0
        };
        assert_eq!(done.bytes, writes, "{uri}: {o:?}: bytes");
        let rules = rules(&b, &s).0;
        let clean = |b: &mut Bench, what: &str| {
            let untouched = b.arena.bytes()[DST as usize..][..256].iter().all(|&x| x == 0xee);
            assert!(untouched, "{uri}: {o:?}: {what}: refused, yet it wrote");
        };
        for (i, x) in rules.iter().enumerate() {
            let one = std::iter::once(None).chain(rules[..i].iter().map(Some));
            for y in one {
                if y.is_some_and(|y| x.bits.iter().zip(y.bits).any(|(a, b)| a & b != 0)) {
                    continue;
                }
                let first = y.filter(|y| y.rank() < x.rank()).unwrap_or(x);
                let mut bad = s;
                (x.change)(&mut bad);
                if let Some(y) = y {
                    // Of two strange bits either will do.
                    if x.status == Status::BadFlags && y.status == Status::BadFlags {
                        continue;
                    }
                    (y.change)(&mut bad);
                    pairs += 1;
                }
                let what = format!("{} and {:?}", x.what, y.map(|y| &y.what));
                b.arena.bytes()[DST as usize..][..256].fill(0xee);
                let done = raw(&mut b.q, &bad);
                assert_eq!(done.status, first.status, "{uri}: {o:?}: {what}");
                assert_eq!((done.bytes, done.report), (0, [0; 16]), "{uri}: {o:?}: {what}");
                clean(&mut b, &what);
                seen.insert(done.status);
            }
        }
        // Nothing of it is left behind.
        let done = raw(&mut b.q, &s);
        assert_eq!(done.status, Status::Ok, "{uri}: {o:?}: at last");
        if fills(&s) {
            let h = handle(&s, &done);
            b.destroy(h);
        }
    }
    println!("{uri}: {pairs} pairs of rules");
    seen
}

/// Buffers that the device cannot reach; the slot stays empty.
fn faults(uri: &str) {
    let mut b = Bench::new(uri);
    b.prepare();
    let (hole, fixed) = (b.arena.unmapped(), b.arena.read_only());
    for s in b.good() {
        let o = Opcode::from_code(s.opcode() as u8).unwrap();
        let mut cases = Vec::new();
        if s.src_lo() != 0 {
            let mut bad = s;
            src(&mut bad, hole - 5);
            // And before a destination.
            if s.dst_lo() != 0 {
                dst(&mut bad, hole);
            }
            cases.push((bad, Status::DmaSrc, hole));
        }
        if o == Opcode::MacVerify {
            let mut bad = s;
            dst(&mut bad, hole - 5);
            cases.push((bad, Status::DmaTag, hole));
        } else if s.dst_lo() != 0 {
            let mut bad = s;
            dst(&mut bad, fixed - 7);
            cases.push((bad, Status::DmaDst, fixed));
        }
        for (bad, status, page) in cases {
            let done = raw(&mut b.q, &bad);
            assert_eq!((done.status, done.bytes), (status, 0), "{uri}: {o:?}");
            let named = u64::from_le_bytes(done.report[..8].try_into().unwrap());
            assert_eq!(named, page, "{uri}: {o:?}");
        }
        let done = raw(&mut b.q, &s);
        assert_eq!(done.status, Status::Ok, "{uri}: {o:?}: after its faults");
        if fills(&s) {
            let h = handle(&s, &done);
            b.destroy(h);
        }
    }
}

/// KEY_LOAD and KEY_ROOT, and what of the rest is the officer's.
fn officer(uri: &str) {
    let mut b = Bench::new(uri);
    let device = b.device.clone();
    let refused = |s: Submission, status: Status| {
        assert_eq!(device.officer_raw(s).unwrap().status, status, "{uri}: {s:?}");
    };
    let window = |words: u32| {
        for i in 0..words {
            device
                .transport()
                .write32(reg::KEY_WINDOW + 4 * i, 0x0102_0304 * (i + 1))
                .unwrap();
        }
    };
    let load = |kind, bits, policy| make(Opcode::KeyLoad, FREE, kind, bits, policy);
    let secret = load(KeyType::Secret, usage::SIGN, HOST);
    refused(*secret.to_owned().set_pay_len(1), Status::BadFlags);
    refused(*secret.to_owned().set_aad1(65 << 8), Status::BadLength);
    refused(load(KeyType::Aes128, usage::SIGN, HOST), Status::BadUsage);
    refused(load(KeyType::Aes128, usage::ENCRYPT, COUNTER), Status::BadPolicy);
    window(7);
    refused(secret, Status::KeyWindow);
    for len in [16u32, 17, 31, 32, 33, 64] {
        let mut s = load(KeyType::Secret, usage::SIGN, HOST);
        s.set_aad1(len << 8).set_aad_len(5).set_iv2(77);
        s.set_aad0(s.aad0() | 1 << 8);
        window(len.div_ceil(4) - 1);
        refused(s, Status::KeyWindow);
        window(len.div_ceil(4));
        let h = officer_made(&device, s);
        let a = query(&mut b.q, &mut b.arena, h);
        assert_eq!(
            (a.key_len(), a.origin(), a.limit(), a.label2(), a.used()),
            (len, Origin::Imported as u32, 5, 77, 0)
        );
        // It may be overwritten.
    }
    let root = |slot, domain| common::keys::root(slot, domain, 1);
    for (s, status) in [
        (root(64, 1), Status::SlotRange),
        (root(EMPTY, 1).set_aad2(1).to_owned(), Status::BadFlags),
        (root(EMPTY, 1).set_aad1(3).to_owned(), Status::BadPolicy),
        (root(EMPTY, 1).set_aad1(1 << 8).to_owned(), Status::BadLength),
        (
            make(Opcode::KeyRoot, EMPTY, KeyType::Aes256, usage::ENCRYPT, HOST),
            Status::BadKeyType,
        ),
        (
            make(
                Opcode::KeyRoot,
                EMPTY,
                KeyType::Wrapping,
                usage::WRAP | usage::KWP,
                HOST,
            ),
            Status::BadUsage,
        ),
        (root(b.foreign.0, 1), Status::SlotDomain),
        (root(b.aes.0, 1), Status::SlotFull),
    ] {
        refused(s, status);
    }
    for s in [root(FREE, 1), secret] {
        assert_eq!(raw(&mut b.q, &s).status, Status::NotOfficer, "{uri}");
    }
    // Any slot's attributes, an empty one's too, whatever the generation says; any slot's end.
    let at = b.at(DST);
    let mut ask = |slot: u32| {
        let mut s = on(Opcode::KeyQuery, (slot, 999));
        dst(&mut s, at).set_pay_len(64);
        assert_eq!(device.officer_raw(s).unwrap().status, Status::Ok, "{uri}: {slot}");
        let out: [u8; 32] = b.arena.bytes()[DST as usize..][..32].try_into().unwrap();
        casemate::abi::KeyAttributes::from_le(&out)
    };
    assert_eq!(ask(b.foreign.0).domain(), 2);
    let empty = ask(EMPTY);
    assert_eq!(
        (empty.key_type(), empty.valid(), empty.words[2..8].to_vec()),
        (0, 0, vec![0; 6])
    );
    refused(on(Opcode::KeyDestroy, (b.foreign.0, 77)), Status::SlotGeneration);
    device
        .officer_raw(on(Opcode::KeyDestroy, b.foreign))
        .unwrap()
        .ok()
        .unwrap();
    let gone = ask(b.foreign.0);
    assert_eq!((gone.valid(), gone.generation()), (0, 1));
    // Sealed: no KEY_LOAD, but roots and all the rest.
    device.seal().unwrap();
    window(16);
    refused(secret, Status::Sealed);
    refused(*secret.to_owned().set_slot(64), Status::Sealed);
    officer_made(&device, root(EMPTY, 1));
    made(&mut b.q, make(Opcode::KeyGenerate, 50, KeyType::Aes128, 1, HOST));
}

/// The device's own error states: only the model can be brought there from here; for the RTL see the simulator's tests.
fn error_states() {
    let mut b = Bench::new("soft:");
    b.prepare();
    common::soft(&b.device).unwrap().fail_entropy();
    for s in b.good() {
        let o = Opcode::from_code(s.opcode() as u8).unwrap();
        let random = match o {
            Opcode::KeyGenerate | Opcode::KeyWrap | Opcode::Random => true,
            Opcode::KeyMessage => s.aad3() == 0,
            Opcode::EcCheck => false,
            _ => o as u8 >= Opcode::EcSign as u8,
        };
        let done = raw(&mut b.q, &s);
        let expected = if random { Status::NoEntropy } else { Status::Ok };
        assert_eq!(done.status, expected, "{o:?}");
        if !random && fills(&s) {
            let h = handle(&s, &done);
            b.destroy(h);
        }
    }
    common::soft(&b.device).unwrap().tamper();
    let status = b.device.transport().read32(reg::STATUS).unwrap();
    assert_eq!(status & 3, 2, "tamper, not ready");
    let nonsense = *Submission::default().set_opcode(0xff);
    assert_eq!(raw(&mut b.q, &Submission::default()).status, Status::Ok, "NOP");
    for s in b.good().into_iter().chain([nonsense]) {
        assert_eq!(raw(&mut b.q, &s).status, Status::Zeroized);
    }
    b.device.reset().unwrap();
    b.q.reset(&mut Vec::new()).unwrap();
    assert_eq!(
        raw(&mut b.q, &on(Opcode::KeyDestroy, b.aes)).status,
        Status::SlotEmpty
    );
}

#[test]
fn every_rule_and_every_pair_of_rules() {
    for uri in KEY_DEVICES {
        let seen = every_rule(uri);
        let own = [
            Status::Exhausted,
            Status::BadBlob,
            Status::NoEntropy,
            Status::Zeroized,
        ];
        for s in STATUSES.iter().filter(|s| !own.contains(s)) {
            assert!(seen.contains(s), "{uri}: no test causes {s:?}");
        }
    }
}

#[test]
fn memory_faults() {
    KEY_DEVICES.iter().for_each(|uri| faults(uri));
}

#[test]
fn the_officers() {
    KEY_DEVICES.iter().for_each(|uri| officer(uri));
}

#[test]
fn states_of_error() {
    error_states();
}
