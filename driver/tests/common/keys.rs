// SPDX-License-Identifier: Apache-2.0
//! Descriptors of key operations, as they lie in the ring.

use super::{Arena, halves, raw};
use casemate::abi::{KeyAttributes, KeyType, Opcode, Status, Submission, usage};
use casemate::{Device, Done, Queue};

/// Statuses that tests/keys/ causes.
pub const STATUSES: [Status; 9] = [
    Status::BadHash,
    Status::BadLength,
    Status::BadUsage,
    Status::BadPolicy,
    Status::Exhausted,
    Status::SlotFull,
    Status::BadBlob,
    Status::NoEntropy,
    Status::Zeroized,
];

/// Statuses that tests/ecrefused.rs causes.
pub const EC_STATUSES: [Status; 4] = [
    Status::BadSignature,
    Status::BadPoint,
    Status::BadScalar,
    Status::EcFault,
];

/// Slot and generation.
pub type Handle = (u32, u32);

pub const SHA256: u32 = 1;
pub const HOST: u32 = 0;
pub const COUNTER: u32 = 1;
pub const DERIVED: u32 = 2;

pub fn op(opcode: Opcode, slot: u32) -> Submission {
    let mut s = Submission::default();
    s.set_opcode(opcode as u32).set_slot(slot);
    s
}

/// On a key.
pub fn on(opcode: Opcode, key: Handle) -> Submission {
    let mut s = op(opcode, key.0);
    s.set_generation(key.1);
    s
}

/// With the attributes of a key to be made; a secret gets 32 bytes.
pub fn make(opcode: Opcode, slot: u32, kind: KeyType, bits: u16, policy: u32) -> Submission {
    let mut s = op(opcode, slot);
    let secret = if kind == KeyType::Secret { 32 } else { 0 };
    s.set_aad0(u32::from(bits) << 16 | kind as u32)
        .set_aad1(secret << 8 | policy);
    s
}

pub fn base(s: &mut Submission, key: Handle) -> &mut Submission {
    s.set_aad2(key.1 << 16 | key.0)
}

pub fn src(s: &mut Submission, at: u64) -> &mut Submission {
    let (lo, hi) = halves(at);
    s.set_src_lo(lo).set_src_hi(hi)
}

pub fn dst(s: &mut Submission, at: u64) -> &mut Submission {
    let (lo, hi) = halves(at);
    s.set_dst_lo(lo).set_dst_hi(hi)
}

pub fn root(slot: u32, domain: u8, epoch: u16) -> Submission {
    let mut s = make(
        Opcode::KeyRoot,
        slot,
        KeyType::Wrapping,
        usage::WRAP | usage::UNWRAP,
        HOST,
    );
    s.set_aad0(s.aad0() | u32::from(domain) << 8)
        .set_aad1(u32::from(epoch) << 16);
    s
}

/// What the operation made.
pub fn handle(s: &Submission, done: &Done) -> Handle {
    assert_eq!(done.status, Status::Ok, "{s:?}");
    let generation = u16::from_le_bytes([done.report[0], done.report[1]]);
    (s.slot(), generation.into())
}

/// Makes a key on a queue.
pub fn made(q: &mut Queue, s: Submission) -> Handle {
    handle(&s, &raw(q, &s))
}

/// Makes a key on the officer's queue.
pub fn officer_made(device: &Device, s: Submission) -> Handle {
    handle(&s, &device.officer_raw(s).unwrap())
}

/// A key's attributes, by way of the arena's last page.
pub fn query(q: &mut Queue, arena: &mut Arena, key: Handle) -> KeyAttributes {
    let at = Arena::SIZE - 64;
    let mut s = on(Opcode::KeyQuery, key);
    dst(&mut s, arena.iova() + at as u64).set_pay_len(64);
    let done = raw(q, &s);
    assert_eq!((done.status, done.bytes), (Status::Ok, 64));
    let out: [u8; 64] = arena.bytes()[at..].try_into().unwrap();
    assert_eq!(out[32..], [0; 32]);
    KeyAttributes::from_le(out[..32].try_into().unwrap())
}
