// SPDX-License-Identifier: Apache-2.0
//! Public vectors through the key unit, and the cycles that its operations take.

mod engines;
mod model;
mod unit;

use casemate_abi::{Opcode, Status, Submission, usage};
use casemate_testvectors::kdf::{KdfVector, cavs_kbkdf, wycheproof_hkdf};
use casemate_testvectors::mac::{acvp_hmac, wycheproof_hmac};
use casemate_testvectors::wycheproof_aes_kwp;
use unit::{Unit, dst, op, src};

const SECRET: u8 = 4;
const WRAPPING: u8 = 5;
const P256: u8 = 6;

fn hash(sha: u32) -> u32 {
    match sha {
        256 => 1,
        384 => 2,
        _ => 3,
    }
}

/// Puts bytes into memory.
fn put(u: &mut Unit, data: &[u8]) -> u64 {
    let at = u.buffer(data.len() as u64);
    u.mem.write(at, data);
    at
}

fn destroy(u: &mut Unit, slot: usize) {
    let mut s = op(Opcode::KeyDestroy);
    u.name(&mut s, slot);
    assert_eq!(u.run(0, s).status, Status::Ok);
}

/// The slot's key must be this: a MAC under it tells (the model compares it).
fn prove(u: &mut Unit, slot: usize, key: &[u8]) {
    assert_eq!(u.slots[slot].key, key);
    let mut s = op(Opcode::MacSign);
    u.name(&mut s, slot);
    let (from, to) = (put(u, b"which key is it?"), u.buffer(32));
    src(&mut s, from, 16);
    dst(&mut s, to);
    s.set_aad3(1 << 16 | 32);
    assert_eq!(u.run(0, s).status, Status::Ok);
}

#[test]
fn hmac() {
    let mut u = Unit::new(256, 10);
    let (mut right, mut wrong) = (0, 0);
    for v in wycheproof_hmac().into_iter().chain(acvp_hmac()) {
        let fits = (16..=64).contains(&v.key.len()) && v.mac.len() >= 4;
        if !fits {
            continue;
        }
        u.load(0, 0, SECRET, &v.key, usage::SIGN | usage::VERIFY, 0);
        let (from, to) = (put(&mut u, &v.message), put(&mut u, &v.mac));
        let mut s = op(Opcode::MacVerify);
        u.name(&mut s, 0);
        src(&mut s, from, v.message.len() as u64);
        dst(&mut s, to);
        s.set_aad3(hash(v.sha) << 16 | v.mac.len() as u32);
        let want = if v.valid { Status::Ok } else { Status::TagMismatch };
        assert_eq!(u.run(0, s).status, want, "{} {}", v.id, v.comment);
        if v.valid {
            let to = u.buffer(64);
            s.set_opcode(Opcode::MacSign as u32);
            dst(&mut s, to);
            assert_eq!(u.run(0, s).status, Status::Ok);
            assert_eq!(u.mem.read(to, v.mac.len() as u64), v.mac, "{}", v.id);
        }
        (right, wrong) = (right + u32::from(v.valid), wrong + u32::from(!v.valid));
    }
    assert!(right > 150 && wrong > 100, "{right} right, {wrong} wrong");
}

/// Derives every vector that fits; its first 64 bytes at most.
fn derive(opcode: Opcode, vectors: Vec<KdfVector>) -> usize {
    let mut u = Unit::new(128, 11);
    let mut count = 0;
    for v in vectors {
        let fits = (16..=64).contains(&v.key.len()) && v.salt.len() <= 64 && v.out.len() >= 16;
        if !fits || v.salt.len() + v.info.len() > 256 {
            continue;
        }
        let want = &v.out[..v.out.len().min(64)];
        u.load(0, 0, SECRET, &v.key, usage::DERIVE, 0);
        let input = [&v.salt[..], &v.info].concat();
        let from = put(&mut u, &input);
        let mut s = op(opcode);
        s.set_slot(1);
        u.base(&mut s, 0);
        src(&mut s, from, input.len() as u64);
        s.set_aad0(u32::from(usage::SIGN) << 16 | u32::from(SECRET))
            .set_aad1((want.len() as u32) << 8);
        s.set_aad3(hash(v.sha) << 16 | v.salt.len() as u32);
        assert_eq!(u.run(0, s).status, Status::Ok, "{}", v.id);
        assert_eq!(u.slots[1].key, want, "{}", v.id);
        prove(&mut u, 1, want);
        destroy(&mut u, 1);
        count += 1;
    }
    count
}

#[test]
fn hkdf() {
    assert!(derive(Opcode::KeyHkdf, wycheproof_hkdf()) > 70);
}

#[test]
fn kbkdf() {
    assert!(derive(Opcode::KeyKbkdf, cavs_kbkdf()) > 100);
}

#[test]
fn kwp() {
    let mut u = Unit::new(512, 12);
    let (mut right, mut wrong) = (0, 0);
    for v in wycheproof_aes_kwp() {
        let len = v.wrapped.len();
        if v.key.len() != 32 || len % 8 != 0 || !(24..=72).contains(&len) || v.valid && v.plaintext.len() < 16
        {
            continue;
        }
        u.load(
            0,
            0,
            WRAPPING,
            &v.key,
            usage::WRAP | usage::UNWRAP | usage::KWP,
            0,
        );
        let from = put(&mut u, &v.wrapped);
        let mut s = op(Opcode::KwpUnwrap);
        s.set_slot(1);
        u.base(&mut s, 0);
        src(&mut s, from, len as u64);
        let secret = v.plaintext.len().clamp(16, 64) as u32;
        s.set_aad0(u32::from(usage::SIGN | usage::KWP) << 16 | u32::from(SECRET))
            .set_aad1(secret << 8);
        let want = if v.valid { Status::Ok } else { Status::BadBlob };
        assert_eq!(u.run(0, s).status, want, "{} {}", v.id, v.comment);
        if v.valid {
            prove(&mut u, 1, &v.plaintext);
            let mut s = op(Opcode::KwpWrap);
            u.name(&mut s, 1);
            u.base(&mut s, 0);
            let to = u.buffer(72);
            dst(&mut s, to);
            s.set_pay_len(len as u32);
            assert_eq!(u.run(0, s).status, Status::Ok);
            assert_eq!(u.mem.read(to, len as u64), v.wrapped, "{}", v.id);
            destroy(&mut u, 1);
        }
        (right, wrong) = (right + u32::from(v.valid), wrong + u32::from(!v.valid));
    }
    assert!(right >= 9 && wrong > 40, "{right} right, {wrong} wrong");
}

/// Cycles from an operation's hand-over to its completion, memory answering at once, with keys and data of this byte.
fn cycles_of(seed: u64, byte: u8) -> Vec<(String, u64)> {
    let mut u = Unit::new(256, seed);
    u.aligned = true;
    // A block of the generator takes so long; lanes do their part at once.
    u.block_time = 596;
    u.lane_time = Some(1);
    u.mem.latency = 0;
    u.load(0, 0, SECRET, &[byte; 32], usage::DERIVE | usage::SIGN, 0);
    u.load(1, 0, SECRET, &[byte; 32], usage::DERIVE, 2);
    // A wrapping key from the generator: one that was loaded may not wrap.
    let mut s = op(Opcode::KeyGenerate);
    let may = usage::WRAP | usage::UNWRAP | usage::KWP;
    s.set_slot(2).set_aad0(u32::from(may) << 16 | u32::from(WRAPPING));
    assert_eq!(u.run(0, s).status, Status::Ok);
    u.load(
        3,
        0,
        3,
        &[byte; 32],
        usage::ENCRYPT | usage::EXPORT_WRAPPED | usage::KWP,
        0,
    );
    u.load(4, 0, P256, &[byte; 32], usage::DERIVE, 0);
    let mut secret = [0; 64];
    secret[..32].fill(byte);
    let mut table = Vec::new();
    let mut row = |u: &mut Unit, what: &str, s: Submission| {
        if [Opcode::EcGenerate as u32, Opcode::EcEcdh as u32].contains(&s.opcode()) {
            u.hand(0, s, secret);
        } else {
            u.offer(0, s);
        }
        u.finish();
        assert_eq!(u.done.last().unwrap().status, Status::Ok, "{what}");
        table.push((what.to_owned(), u.done_at - u.accepted_at));
        if u.slots[5].meta.valid {
            destroy(u, 5);
        }
    };
    let aes = u32::from(usage::ENCRYPT) << 16 | 3;
    let mut s = op(Opcode::KeyGenerate);
    s.set_slot(5).set_aad0(aes);
    row(&mut u, "KEY_GENERATE, 32 bytes", s);
    s.set_aad0(4).set_aad1(64 << 8);
    row(&mut u, "KEY_GENERATE, 64 bytes", s);
    for (hash, sha) in [(1u32, 256), (2, 384), (3, 512)] {
        let from = put(&mut u, &[byte; 64]);
        let mut s = op(Opcode::KeyHkdf);
        s.set_slot(5).set_aad0(aes).set_aad3(hash << 16 | 32);
        u.base(&mut s, 0);
        src(&mut s, from, 64);
        row(
            &mut u,
            &format!("KEY_HKDF, SHA-{sha}, 32 bytes, salt and info of 32"),
            s,
        );
        let mut s = op(Opcode::KeyKbkdf);
        s.set_slot(5).set_aad0(aes).set_aad3(hash << 16);
        u.base(&mut s, 0);
        src(&mut s, from, 32);
        row(
            &mut u,
            &format!("KEY_KBKDF, SHA-{sha}, 32 bytes, fixed data of 32"),
            s,
        );
    }
    let mut s = op(Opcode::EcGenerate);
    s.set_slot(5).set_pay_len(64);
    s.set_aad0(u32::from(usage::SIGN) << 16 | u32::from(P256));
    row(&mut u, "EC_GENERATE, P-256, after the engine", s);
    let from = put(&mut u, &[byte; 128]);
    let mut s = op(Opcode::EcEcdh);
    s.set_slot(5).set_aad0(aes).set_aad3(1 << 16 | 32);
    u.base(&mut s, 4);
    src(&mut s, from, 128);
    row(
        &mut u,
        "EC_ECDH, P-256, SHA-256, 32 bytes, salt and info of 32, after the engine",
        s,
    );
    let mut s = op(Opcode::KeyRoot);
    s.set_slot(5).set_aad0(5);
    row(&mut u, "KEY_ROOT", s);
    let from = put(&mut u, &[byte; 32]);
    let mut s = op(Opcode::KeyMessage);
    s.set_slot(5).set_aad3(1);
    u.base(&mut s, 1);
    src(&mut s, from, 32);
    row(&mut u, "KEY_MESSAGE, opening", s);
    let to = u.buffer(128);
    let mut s = op(Opcode::KeyMessage);
    s.set_slot(5).set_pay_len(32);
    u.base(&mut s, 1);
    dst(&mut s, to);
    row(&mut u, "KEY_MESSAGE, sealing", s);
    let mut s = op(Opcode::KeyWrap);
    u.name(&mut s, 3);
    u.base(&mut s, 2);
    s.set_pay_len(128);
    dst(&mut s, to);
    row(&mut u, "KEY_WRAP", s);
    let mut s = op(Opcode::KeyUnwrap);
    s.set_slot(5).set_aad0(0xffff_0000);
    u.base(&mut s, 2);
    src(&mut s, to, 128);
    row(&mut u, "KEY_UNWRAP", s);
    let to = u.buffer(40);
    let mut s = op(Opcode::KwpWrap);
    u.name(&mut s, 3);
    u.base(&mut s, 2);
    s.set_pay_len(40);
    dst(&mut s, to);
    row(&mut u, "KWP_WRAP, 32 bytes", s);
    let mut s = op(Opcode::KwpUnwrap);
    s.set_slot(5).set_aad0(aes);
    u.base(&mut s, 2);
    src(&mut s, to, 40);
    row(&mut u, "KWP_UNWRAP, 32 bytes", s);
    for len in [64u64, 4096] {
        for (hash, sha) in [(1u32, 256), (3, 512)] {
            let (from, to) = (u.filled(len), u.buffer(32));
            let mut s = op(Opcode::MacSign);
            u.name(&mut s, 0);
            s.set_aad3(hash << 16 | 32);
            src(&mut s, from, len);
            dst(&mut s, to);
            row(&mut u, &format!("MAC_SIGN, SHA-{sha}, {len} bytes"), s);
        }
    }
    for len in [32u32, 4096] {
        let to = u.buffer(len.into());
        let mut s = op(Opcode::Random);
        s.set_pay_len(len);
        dst(&mut s, to);
        row(&mut u, &format!("RANDOM, {len} bytes"), s);
    }
    let mut s = op(Opcode::KeyQuery);
    u.name(&mut s, 0);
    let to = u.buffer(64);
    s.set_pay_len(64);
    dst(&mut s, to);
    row(&mut u, "KEY_QUERY", s);
    let mut s = op(Opcode::KeyLock);
    u.name(&mut s, 0);
    row(&mut u, "KEY_LOCK", s);
    let mut s = op(Opcode::KeyDestroy);
    u.name(&mut s, 0);
    row(&mut u, "KEY_DESTROY", s);
    table
}

/// The table of hdl/keys/README.md (run with --nocapture to see it). I5: it is the same whatever keys and data are.
#[test]
fn cycles() {
    let table = cycles_of(13, 1);
    for (what, cycles) in &table {
        println!("| {what} | {cycles} |");
    }
    for (seed, byte) in [(14, 0), (15, 0xff), (16, 0x3c)] {
        assert_eq!(cycles_of(seed, byte), table);
    }
    let readme = std::fs::read_to_string(casemate_hdl_tb::hdl("keys/README.md")).unwrap();
    for (what, cycles) in &table {
        let line = format!("| {what} | {cycles} |");
        assert!(readme.contains(&line), "hdl/keys/README.md lacks {line}");
    }
}
