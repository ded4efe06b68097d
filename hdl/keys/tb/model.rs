// SPDX-License-Identifier: Apache-2.0
//! Key operations as abi/README.md tells them, written down once more for the testbenches: the checks in their order, and what an
//! operation makes of slots and memory.
#![allow(dead_code)] // no testbench needs all of it

use aes_gcm::aead::{Aead, KeyInit, Payload};
use casemate_abi::{Hash, IvPolicy, KeyAttributes, KeyType, Opcode, Origin, Status, Submission, usage};
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384, Sha512};

/// The public half of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meta {
    pub valid: bool,
    pub key_type: u8,
    pub domain: u8,
    pub usage: u16,
    pub generation: u16,
    pub policy: u8,
    pub origin: u8,
    pub key_len: u8,
    pub limit: u32,
    pub label: [u32; 3],
}

impl Meta {
    /// As `slot_meta_t`, the last member first.
    pub fn fields(&self) -> Vec<(u128, usize)> {
        let label = self.label.iter().rev().fold(0, |a, &w| a << 32 | u128::from(w));
        vec![
            (label, 96),
            (self.limit.into(), 32),
            (self.key_len.into(), 7),
            (self.origin.into(), 3),
            (self.policy.into(), 2),
            (self.generation.into(), 16),
            (self.usage.into(), 16),
            (self.domain.into(), 8),
            (self.key_type.into(), 8),
            (self.valid.into(), 1),
        ]
    }

    pub fn take(b: &mut casemate_hdl_tb::Bits) -> Self {
        let label = b.take(96);
        Self {
            label: [label as u32, (label >> 32) as u32, (label >> 64) as u32],
            limit: b.take(32) as u32,
            key_len: b.take(7) as u8,
            origin: b.take(3) as u8,
            policy: b.take(2) as u8,
            generation: b.take(16) as u16,
            usage: b.take(16) as u16,
            domain: b.take(8) as u8,
            key_type: b.take(8) as u8,
            valid: b.take(1) == 1,
        }
    }

    pub fn attributes(&self, used: u32) -> KeyAttributes {
        let mut a = KeyAttributes::default();
        a.set_generation(self.generation.into());
        if self.valid {
            a.set_key_type(self.key_type.into())
                .set_domain(self.domain.into())
                .set_usage_bits(self.usage.into())
                .set_iv_policy(self.policy.into())
                .set_origin(self.origin.into())
                .set_valid(1)
                .set_key_len(self.key_len.into())
                .set_limit(self.limit)
                .set_used(used)
                .set_label0(self.label[0])
                .set_label1(self.label[1])
                .set_label2(self.label[2]);
        }
        a
    }
}

pub fn op_of(s: &Submission) -> Option<Opcode> {
    Opcode::from_code(s.opcode() as u8).filter(|o| *o as u8 >= 0x40)
}

pub fn opening(s: &Submission) -> bool {
    s.aad3() & 1 == 1
}

pub fn fills(op: Opcode) -> bool {
    use Opcode::*;
    [
        KeyLoad,
        KeyGenerate,
        KeyUnwrap,
        KwpUnwrap,
        KeyHkdf,
        KeyKbkdf,
        KeyRoot,
        KeyMessage,
        EcGenerate,
        EcEcdh,
    ]
    .contains(&op)
}

/// It has the attributes of the key that it makes.
pub fn attributes(op: Opcode) -> bool {
    fills(op) && op != Opcode::KeyUnwrap && op != Opcode::KeyMessage
}

pub fn based(op: Opcode) -> bool {
    use Opcode::*;
    [
        KeyWrap, KeyUnwrap, KwpWrap, KwpUnwrap, KeyHkdf, KeyKbkdf, KeyMessage, EcEcdh,
    ]
    .contains(&op)
}

/// It names a slot.
pub fn slotted(op: Opcode) -> bool {
    use Opcode::*;
    ![Random, EcVerify, EcCheck].contains(&op)
}

pub fn hashed(op: Opcode) -> bool {
    use Opcode::*;
    [KeyHkdf, KeyKbkdf, MacSign, MacVerify, EcSign, EcEcdh].contains(&op)
}

pub fn digest(hash: u8) -> u32 {
    match Hash::from_code(hash) {
        Some(Hash::Sha256) => 32,
        Some(Hash::Sha384) => 48,
        Some(Hash::Sha512) => 64,
        None => 0,
    }
}

pub fn usage_of(key_type: u8) -> Option<u16> {
    use usage::*;
    Some(match KeyType::from_code(key_type)? {
        KeyType::Aes128 | KeyType::Aes192 | KeyType::Aes256 => ENCRYPT | DECRYPT | EXPORT_WRAPPED | KWP,
        KeyType::Secret => SIGN | VERIFY | DERIVE | EXPORT_WRAPPED | KWP,
        KeyType::Wrapping => WRAP | UNWRAP | KWP | EXPORT_WRAPPED,
        KeyType::P256 | KeyType::P384 => SIGN | DERIVE | RAW | DETERMINISTIC | EXPORT_WRAPPED | KWP,
    })
}

pub fn is_ec(key_type: u8) -> bool {
    key_type == 6 || key_type == 7
}

/// Usage bits that exclude each other.
pub fn clash(key_type: u8, bits: u16) -> bool {
    is_ec(key_type) && bits & usage::SIGN != 0 && bits & (usage::DERIVE | usage::RAW) != 0
}

pub fn len_of(key_type: u8, secret: u32) -> u8 {
    match key_type {
        1 => 16,
        2 => 24,
        3 | 5 | 6 => 32,
        7 => 48,
        4 => secret as u8,
        _ => 0,
    }
}

pub fn policy_fits(policy: u8, key_type: u8, bits: u16, generated: bool) -> bool {
    match IvPolicy::from_code(policy) {
        _ if is_ec(key_type) => true, // options
        Some(IvPolicy::Host) => true,
        Some(IvPolicy::Counter) => {
            (1..=3).contains(&key_type) && generated && bits & (usage::EXPORT_WRAPPED | usage::KWP) == 0
        }
        Some(IvPolicy::Derived) => key_type == 4 && bits & !(usage::DERIVE | usage::EXPORT_WRAPPED) == 0,
        None => false,
    }
}

/// Bits of each word that a key operation may set.
fn named(s: &Submission, op: Opcode) -> [u32; 16] {
    use Opcode::*;
    let mut w = [0u32; 16];
    w[0] = 0xff;
    w[1] = if slotted(op) { !0 } else { 0 };
    w[2] = !0;
    let sized = [
        KeyWrap, KeyUnwrap, KwpWrap, KwpUnwrap, KeyHkdf, KeyKbkdf, KeyQuery, KeyMessage, MacSign, MacVerify,
        Random, EcSign, EcVerify, EcPublic, EcCheck, EcGenerate, EcEcdh, EcRaw,
    ];
    w[3] = if sized.contains(&op) { !0 } else { 0 };
    let message = op == KeyMessage;
    let reads = [
        KeyUnwrap, KwpUnwrap, KeyHkdf, KeyKbkdf, MacSign, MacVerify, EcSign, EcVerify, EcCheck, EcEcdh, EcRaw,
    ];
    if reads.contains(&op) || message && opening(s) {
        (w[4], w[5]) = (!0, !0);
    }
    let writes = [
        KeyWrap, KwpWrap, KeyQuery, MacSign, MacVerify, Random, EcSign, EcPublic, EcGenerate, EcRaw,
    ];
    if writes.contains(&op) || message && !opening(s) {
        (w[6], w[7]) = (!0, !0);
    }
    if op == EcVerify || op == EcCheck {
        w[12] = 0xff;
    }
    if attributes(op) {
        w[8..12].fill(!0);
        w[12] = if [KeyLoad, KeyRoot].contains(&op) {
            !0
        } else {
            0xffff_00ff
        };
        w[13] = if op == KeyRoot { 0xffff_ff03 } else { 0xff03 };
    }
    if message {
        w[9..12].fill(!0);
        w[15] = 1;
    }
    if op == KeyUnwrap || op == KeyLock {
        w[12] = 0xffff_0000;
    }
    if op == KeyLock {
        w[8] = !0;
    }
    if based(op) {
        w[14] = !0;
    }
    w[15] |= match op {
        KeyHkdf | EcEcdh => 0xff_ffff,
        EcSign => 0xff_0001,
        KeyKbkdf => 0xff_0000,
        MacSign | MacVerify => 0xff_007f,
        _ => 0,
    };
    w
}

/// What the descriptor of a key operation alone decides.
pub fn static_checks(s: &Submission, op: Opcode) -> Status {
    use Opcode::*;
    let allowed = named(s, op);
    let hash = digest((s.aad3() >> 16) as u8);
    let pay = s.pay_len();
    let (salt, mac, secret) = (s.aad3() & 0xffff, s.aad3() & 0x7f, s.aad1() >> 8 & 0xff);
    let point = if s.aad0() as u8 == 7 { 96 } else { 64 };
    let digest_fits = |n: u32| (20..=64).contains(&n) && n.is_multiple_of(4);
    let fits = match op {
        EcSign => digest_fits(pay),
        EcVerify => digest_fits(pay.wrapping_sub(2 * point)),
        EcCheck | EcGenerate => pay == point,
        EcPublic | EcRaw => pay == 64 || pay == 96,
        EcEcdh => (64..=352).contains(&pay) && salt <= 64 && salt <= pay - 64,
        KeyWrap | KeyUnwrap => pay == 128,
        KwpWrap | KwpUnwrap => pay.is_multiple_of(8) && (24..=72).contains(&pay),
        KeyHkdf => pay <= 256 && salt <= 64 && salt <= pay,
        KeyKbkdf => pay <= 256,
        KeyQuery => pay == 64,
        KeyMessage => pay == 32,
        MacSign | MacVerify => (4..=hash).contains(&mac),
        Random => (1..=65536).contains(&pay),
        _ => true,
    };
    let secret_fits = if s.aad0() as u8 == KeyType::Secret as u8 {
        (16..=64).contains(&secret)
    } else {
        secret == 0
    };
    if s.words.iter().zip(allowed).any(|(w, a)| w & !a != 0) {
        Status::BadFlags
    } else if hashed(op) && hash == 0 {
        Status::BadHash
    } else if !fits || attributes(op) && !secret_fits {
        Status::BadLength
    } else if (op == EcVerify || op == EcCheck) && !is_ec(s.aad0() as u8) {
        Status::BadKeyType
    } else {
        Status::Ok
    }
}

/// Who asks, and of what state.
#[derive(Debug, Clone, Copy)]
pub struct Asker {
    pub officer: bool,
    pub domain: u8,
    pub sealed: bool,
    pub window: u16,
}

/// What is decided at the operation's turn: the first rule that is broken. `used`: uses of the slot, of the base.
pub fn checks(s: &Submission, op: Opcode, a: Asker, slots: &[Meta], used: [u32; 2]) -> Status {
    use Opcode::*;
    // A slot out of range must not matter.
    let n = slots.len();
    let slot = s.slot() as usize;
    let m = slots[slot % n];
    let kind = s.aad0() as u8;
    let bits = (s.aad0() >> 16) as u16;
    let root = usage::WRAP | usage::UNWRAP;
    let target = if op == KeyRoot {
        (s.aad0() >> 8) as u8
    } else {
        a.domain
    };
    let can = usage_of(kind).unwrap_or(0) & if op == KeyRoot { root } else { !0 };
    let outside = kind == 5 && matches!(op, KwpUnwrap | KeyHkdf | KeyKbkdf | EcEcdh);
    let not_ec = is_ec(kind) && matches!(op, KeyGenerate | KeyHkdf | KeyKbkdf | EcEcdh);
    let only_ec = !is_ec(kind) && op == EcGenerate;
    let known = usage_of(kind).is_some() && (op != KeyRoot || kind == 5) && !outside && !not_ec && !only_ec;
    let words = (1u32 << len_of(kind, s.aad1() >> 8 & 0x7f).div_ceil(4).min(16)) - 1;
    let need = match op {
        KeyWrap => usage::EXPORT_WRAPPED,
        KwpWrap => usage::KWP,
        MacSign => usage::SIGN,
        MacVerify => usage::VERIFY,
        EcSign if s.aad3() & 1 == 1 => usage::SIGN | usage::DETERMINISTIC,
        EcSign => usage::SIGN,
        EcRaw => usage::RAW,
        _ => 0,
    };
    let free = !slotted(op) || op == KeyQuery && a.officer;
    let fill = fills(op);
    let uses = !fill && !free;
    let made = attributes(op);
    let kwp = (u32::from(m.key_len).next_multiple_of(8)) + 8;
    let base = (s.aad2() & 0xffff) as usize;
    let b = slots[base % n];
    let base_need = match op {
        KeyWrap => usage::WRAP,
        KeyUnwrap => usage::UNWRAP,
        KwpWrap => usage::WRAP | usage::KWP,
        KwpUnwrap => usage::UNWRAP | usage::KWP,
        _ => usage::DERIVE,
    };
    let base_policy = if op == KeyMessage {
        IvPolicy::Derived
    } else {
        IvPolicy::Host
    } as u8;
    let leaves = usage::EXPORT_WRAPPED | usage::KWP;
    let wrong_type = match op {
        MacSign | MacVerify => m.key_type != 4,
        EcSign | EcPublic | EcRaw => !is_ec(m.key_type),
        _ => false,
    };
    let wrong_base = match op {
        KeyHkdf | KeyKbkdf | KeyMessage => b.key_type != 4,
        EcEcdh => !is_ec(b.key_type),
        _ => b.key_type != 5,
    };
    let point = |kind: u8| if kind == 7 { 96 } else { 64 };
    let rest = s.pay_len().wrapping_sub(point(b.key_type));
    let handed = if [KeyHkdf, KeyKbkdf, EcEcdh].contains(&op) {
        bits & leaves
    } else {
        0
    };
    let based = based(op);
    [
        (Status::NotOfficer, (op == KeyLoad || op == KeyRoot) && !a.officer),
        (Status::Sealed, op == KeyLoad && a.sealed),
        (Status::SlotRange, slotted(op) && slot >= n),
        (Status::SlotEmpty, uses && !m.valid),
        (
            Status::SlotDomain,
            uses && m.domain != a.domain && !(op == KeyDestroy && a.officer),
        ),
        (
            Status::SlotDomain,
            fill && op != KeyLoad && m.valid && m.domain != target,
        ),
        (
            Status::SlotGeneration,
            uses && u32::from(m.generation) != s.generation(),
        ),
        (Status::SlotUsage, uses && m.usage & need != need),
        (Status::SlotUsage, op == KwpWrap && m.key_type == 5),
        (Status::SlotUsage, uses && wrong_type),
        (Status::Exhausted, op == EcSign && used[0] >= m.limit),
        (
            Status::BadLength,
            (op == EcPublic || op == EcRaw) && s.pay_len() != point(m.key_type),
        ),
        (Status::BadLength, op == KwpWrap && s.pay_len() != kwp),
        (Status::BadKeyType, made && !known),
        (Status::BadUsage, made && (bits & !can != 0 || clash(kind, bits))),
        (
            Status::BadPolicy,
            made && !policy_fits((s.aad1() & 3) as u8, kind, bits, op == KeyGenerate),
        ),
        (
            Status::KeyWindow,
            op == KeyLoad && u32::from(a.window) & words != words,
        ),
        (Status::SlotFull, fill && op != KeyLoad && m.valid),
        (Status::SlotRetired, fill && m.generation == 0xffff),
        (Status::SlotRange, based && base >= n),
        (Status::SlotEmpty, based && !b.valid),
        (Status::SlotDomain, based && b.domain != a.domain),
        (
            Status::SlotGeneration,
            based && u32::from(b.generation) != s.aad2() >> 16,
        ),
        (
            Status::SlotUsage,
            based
                && (b.usage & base_need != base_need
                    || wrong_base
                    || b.policy != base_policy && op != EcEcdh
                    || handed & !b.usage != 0
                    || [1, 5].contains(&b.origin) && (op == KeyWrap || op == KeyUnwrap)),
        ),
        (Status::Exhausted, op == KeyWrap && used[1] >= b.limit),
        (
            Status::BadLength,
            op == EcEcdh && !(s.aad3() & 0xffff..=256).contains(&rest),
        ),
    ]
    .into_iter()
    .find(|r| r.1)
    .map_or(Status::Ok, |r| r.0)
}

/// The public half that an operation gives its slot, but for what a blob says.
pub fn made(s: &Submission, op: Opcode, domain: u8, slot: Meta) -> Meta {
    use Opcode::*;
    let bits = (s.aad0() >> 16) as u16;
    if op == KeyLock {
        let lower = s.aad_len() != 0 && s.aad_len() < slot.limit;
        return Meta {
            usage: slot.usage & bits,
            limit: if lower { s.aad_len() } else { slot.limit },
            ..slot
        };
    }
    let given = op == KeyLoad || op == KeyRoot;
    let mut m = Meta {
        valid: true,
        key_type: s.aad0() as u8,
        domain: if given { (s.aad0() >> 8) as u8 } else { domain },
        usage: bits,
        generation: slot.generation.wrapping_add(1),
        policy: (s.aad1() & 3) as u8,
        origin: match op {
            KeyLoad => Origin::Imported,
            KeyGenerate | EcGenerate => Origin::Generated,
            KeyUnwrap => Origin::Unwrapped,
            KwpUnwrap => Origin::Foreign,
            _ => Origin::Derived,
        } as u8,
        key_len: len_of(s.aad0() as u8, s.aad1() >> 8 & 0xff),
        limit: if s.aad_len() == 0 { u32::MAX } else { s.aad_len() },
        label: [s.iv0(), s.iv1(), s.iv2()],
    };
    if op == KeyMessage {
        let (bits, policy) = if opening(s) {
            (usage::DECRYPT, IvPolicy::Host)
        } else {
            (usage::ENCRYPT, IvPolicy::Counter)
        };
        (m.key_type, m.usage, m.policy, m.key_len) = (3, bits, policy as u8, 32);
    }
    m
}

/// The attributes in a blob, if a key of `domain` can have them: public half (but generation) and count.
pub fn blob_meta(head: &[u8], domain: u8) -> Option<(Meta, u32)> {
    let a = KeyAttributes::from_le(head.try_into().unwrap());
    let kind = a.key_type() as u8;
    let bits = a.usage_bits() as u16;
    let len = a.key_len() as u8;
    let secret = kind == 4 && (16..=64).contains(&len);
    let good = a.generation() == 0x4d43
        && a.valid() == 1
        && a.domain() == u32::from(domain)
        && a.reserved0() | a.reserved1() | a.reserved2() == 0
        && usage_of(kind).is_some_and(|u| bits & !u == 0)
        && !clash(kind, bits)
        && (secret || kind != 4 && len == len_of(kind, 0))
        && (1..=5).contains(&a.origin())
        && policy_fits(a.iv_policy() as u8, kind, bits, false);
    good.then(|| {
        let m = Meta {
            valid: true,
            key_type: kind,
            domain,
            usage: bits,
            generation: 0,
            policy: a.iv_policy() as u8,
            origin: match a.origin() as u8 {
                known @ (1 | 5) => known,
                _ => Origin::Unwrapped as u8,
            },
            key_len: len,
            limit: a.limit(),
            label: [a.label0(), a.label1(), a.label2()],
        };
        (m, a.used())
    })
}

pub fn hmac(hash: u8, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    fn of<M: Mac + hmac::digest::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut m = <M as Mac>::new_from_slice(key).expect("any length");
        parts.iter().for_each(|p| m.update(p));
        m.finalize().into_bytes().to_vec()
    }
    match hash {
        1 => of::<Hmac<Sha256>>(key, parts),
        2 => of::<Hmac<Sha384>>(key, parts),
        _ => of::<Hmac<Sha512>>(key, parts),
    }
}

pub fn hkdf(hash: u8, ikm: &[u8], salt: &[u8], info: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    match hash {
        1 => hkdf::Hkdf::<Sha256>::new(Some(salt), ikm).expand(info, &mut out),
        2 => hkdf::Hkdf::<Sha384>::new(Some(salt), ikm).expand(info, &mut out),
        _ => hkdf::Hkdf::<Sha512>::new(Some(salt), ikm).expand(info, &mut out),
    }
    .expect("short");
    out
}

/// SP 800-108r1, 4.1, a counter of 32 bits before the fixed input.
pub fn kbkdf(hash: u8, key: &[u8], fixed: &[u8], len: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for i in 1..=2u32 {
        out.extend(hmac(hash, key, &[&i.to_be_bytes(), fixed]));
    }
    out.truncate(len);
    out
}

/// The device's own keys.
pub fn own(key: &[u8], label: &str, context: &[u8]) -> Vec<u8> {
    let fixed = [label.as_bytes(), &[0], context, &256u32.to_be_bytes()].concat();
    kbkdf(1, key, &fixed, 32)
}

pub fn seal(key: &[u8], iv: &[u8], aad: &[u8], text: &[u8]) -> Vec<u8> {
    let aes = aes_gcm::Aes256Gcm::new_from_slice(key).unwrap();
    aes.encrypt(iv.into(), Payload { msg: text, aad }).unwrap()
}

pub fn open(key: &[u8], iv: &[u8], aad: &[u8], text: &[u8]) -> Option<Vec<u8>> {
    let aes = aes_gcm::Aes256Gcm::new_from_slice(key).unwrap();
    aes.decrypt(iv.into(), Payload { msg: text, aad }).ok()
}

/// A blob: attributes, IV, zeros, tag, ciphertext.
pub fn blob(wrapping: &[u8], head: &KeyAttributes, iv: &[u8], key: &[u8]) -> Vec<u8> {
    let mut text = key.to_vec();
    text.resize(64, 0);
    let sealed = seal(wrapping, iv, &head.to_le(), &text);
    [&head.to_le()[..], iv, &[0; 4], &sealed[64..], &sealed[..64]].concat()
}

/// What a blob gives up.
pub fn unblob(wrapping: &[u8], blob: &[u8], domain: u8) -> Option<(Meta, u32, Vec<u8>)> {
    let sealed = [&blob[64..], &blob[48..64]].concat();
    let text = open(wrapping, &blob[32..44], &blob[..32], &sealed)?;
    let (m, used) = blob_meta(&blob[..32], domain)?;
    (blob[44..48] == [0; 4]).then(|| (m, used, text[..usize::from(m.key_len)].to_vec()))
}

pub fn kwp_wrap(wrapping: &[u8], key: &[u8]) -> Vec<u8> {
    aes_kw::KekAes256::try_from(wrapping)
        .unwrap()
        .wrap_with_padding_vec(key)
        .unwrap()
}

pub fn kwp_unwrap(wrapping: &[u8], wrapped: &[u8]) -> Option<Vec<u8>> {
    aes_kw::KekAes256::try_from(wrapping)
        .unwrap()
        .unwrap_with_padding_vec(wrapped)
        .ok()
}
