// SPDX-License-Identifier: Apache-2.0
//! Decides whether a queue may do what its descriptor asks, in the order of abi/README.md, *Order of checks*. Follows hdl/slots.

use super::slots::{Attributes, Key, Slot, is_ec, len_of, policy_fits, usage_fits, usage_of};
use casemate_abi::{Hash, IvPolicy, KeyType, Opcode, Origin, Status, Submission, TagMode, usage};

/// Who asks, and the device's state that it depends on.
pub struct Asker {
    /// Queue 0.
    pub officer: bool,
    /// The queue's.
    pub domain: u8,
    pub sealed: bool,
    /// The device has an EC engine.
    pub ec: bool,
    /// Words of the key window that were written.
    pub window: u16,
}

/// What was let through.
pub struct Grant {
    pub op: Opcode,
    /// Of an operation that takes one.
    pub hash: Option<Hash>,
    /// Of the key to be made, if the descriptor has them.
    pub attributes: Option<Attributes>,
}

/// The second handle of a descriptor, in W14.
pub fn base(s: &Submission) -> (usize, u32) {
    ((s.aad2() & 0xffff) as usize, s.aad2() >> 16)
}

/// Bytes of a key wrapped by AES-KWP.
pub fn kwp_len(key: usize) -> usize {
    key.next_multiple_of(8) + 8
}

/// Digest, bytes.
pub fn digest(hash: Hash) -> u32 {
    match hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    }
}

fn fills(op: Opcode) -> bool {
    use Opcode::*;
    matches!(
        op,
        KeyLoad
            | KeyGenerate
            | KeyUnwrap
            | KwpUnwrap
            | KeyHkdf
            | KeyKbkdf
            | KeyRoot
            | KeyMessage
            | EcGenerate
            | EcEcdh
    )
}

/// Its descriptor has the attributes of a key to be made.
fn attributes(op: Opcode) -> bool {
    fills(op) && !matches!(op, Opcode::KeyUnwrap | Opcode::KeyMessage)
}

fn hashes(op: Opcode) -> bool {
    use Opcode::*;
    matches!(op, KeyHkdf | KeyKbkdf | MacSign | MacVerify | EcSign | EcEcdh)
}

/// An operation of the EC engine.
fn of_ec(op: Opcode) -> bool {
    use Opcode::*;
    matches!(
        op,
        EcSign | EcVerify | EcPublic | EcCheck | EcGenerate | EcEcdh | EcRaw
    )
}

/// Bits of the descriptor's words that a key operation may set.
fn named(s: &Submission, op: Opcode) -> [u32; 16] {
    use Opcode::*;
    const ALL: u32 = u32::MAX;
    let mut w = [0; 16];
    w[0] = 0xff;
    w[2] = ALL;
    let mut set = |words: std::ops::Range<usize>, bits: u32| w[words].iter_mut().for_each(|w| *w |= bits);
    let opening = s.aad3() & 1 == 1;
    if !matches!(op, Random | EcVerify | EcCheck) {
        set(1..2, ALL);
    }
    if !matches!(op, KeyLoad | KeyDestroy | KeyGenerate | KeyLock | KeyRoot) {
        set(3..4, ALL);
    }
    if matches!(
        op,
        KeyUnwrap
            | KwpUnwrap
            | KeyHkdf
            | KeyKbkdf
            | MacSign
            | MacVerify
            | EcSign
            | EcVerify
            | EcCheck
            | EcEcdh
            | EcRaw
    ) || op == KeyMessage && opening
    {
        set(4..6, ALL);
    }
    if matches!(
        op,
        KeyWrap | KwpWrap | KeyQuery | MacSign | MacVerify | Random | EcSign | EcPublic | EcGenerate | EcRaw
    ) || op == KeyMessage && !opening
    {
        set(6..8, ALL);
    }
    if attributes(op) {
        set(8..12, ALL);
        set(12..13, 0xffff_00ff);
        set(13..14, 0xff03);
    }
    match op {
        KeyLoad => set(12..13, ALL),
        KeyRoot => {
            set(12..13, ALL);
            set(13..14, 0xffff_0000);
        }
        KeyUnwrap => set(12..13, 0xffff_0000),
        KeyLock => {
            set(8..9, ALL);
            set(12..13, 0xffff_0000);
        }
        KeyMessage => {
            set(9..12, ALL);
            set(15..16, 1);
        }
        KeyHkdf | EcEcdh => set(15..16, 0xffff),
        EcSign => set(15..16, 1),
        EcVerify | EcCheck => set(12..13, 0xff),
        MacSign | MacVerify => set(15..16, 0x7f),
        _ => {}
    }
    if matches!(
        op,
        KeyWrap | KeyUnwrap | KwpWrap | KwpUnwrap | KeyHkdf | KeyKbkdf | KeyMessage | EcEcdh
    ) {
        set(14..15, ALL);
    }
    if hashes(op) {
        set(15..16, 0xff_0000);
    }
    w
}

/// Reserved fields, flags, and of AES-GCM the lengths.
fn fields(s: &Submission, op: Opcode) -> Result<(), Status> {
    let ensure = |ok: bool, or: Status| if ok { Ok(()) } else { Err(or) };
    ensure(s.reserved0() == 0 && s.reserved1() == 0, Status::BadFlags)?;
    if op == Opcode::Nop {
        return ensure(s.words[0] == 0, Status::BadFlags);
    }
    if !matches!(op, Opcode::GcmSeal | Opcode::GcmOpen) {
        let named = named(s, op);
        return ensure(
            s.words.iter().zip(named).all(|(w, n)| w & !n == 0),
            Status::BadFlags,
        );
    }
    let mode = TagMode::from_code(s.tag_mode() as u8).ok_or(Status::BadFlags)?;
    let excluded = mode == TagMode::Completion && op == Opcode::GcmOpen || s.iv_len() != 12 && s.iv2() != 0;
    ensure(!excluded, Status::BadFlags)?;
    ensure(matches!(s.tag_len(), 4 | 8 | 12..=16), Status::BadTagLen)?;
    ensure(s.iv_len() != 0, Status::BadIvLen)?;
    let inline = if mode == TagMode::Address { 8 } else { 16 };
    ensure(s.aad_inline() == 0 || s.aad_len() <= inline, Status::BadAadLen)
}

/// Lengths of key operations, as far as the descriptor alone tells.
fn lengths(s: &Submission, op: Opcode, hash: Option<Hash>) -> Result<(), Status> {
    use Opcode::*;
    let pay = s.pay_len();
    let mac = s.aad3() & 0x7f;
    let salt = s.aad3() & 0xffff;
    // Of a pair of coordinates or of scalars.
    let pair = if s.aad0() as u8 == KeyType::P384 as u8 {
        96
    } else {
        64
    };
    let digest_fits = |n: u32| (20..=64).contains(&n) && n.is_multiple_of(4);
    let mut good = match op {
        KeyWrap | KeyUnwrap => pay == 128,
        KwpWrap | KwpUnwrap => (24..=72).contains(&pay) && pay.is_multiple_of(8),
        KeyHkdf => pay <= 256 && salt <= 64 && salt <= pay,
        KeyKbkdf => pay <= 256,
        KeyQuery => pay == 64,
        KeyMessage => pay == 32,
        MacSign | MacVerify => hash.is_some_and(|h| (4..=digest(h)).contains(&mac)),
        Random => (1..=65536).contains(&pay),
        EcSign => digest_fits(pay),
        EcVerify => digest_fits(pay.wrapping_sub(2 * pair)),
        EcCheck | EcGenerate => pay == pair,
        EcPublic | EcRaw => matches!(pay, 64 | 96),
        EcEcdh => (64..=352).contains(&pay) && salt <= 64 && salt <= pay - 64,
        _ => true,
    };
    if attributes(op) {
        let secret = s.aad1() >> 8 & 0xff;
        good &= if s.aad0() as u8 == KeyType::Secret as u8 {
            (16..=64).contains(&secret)
        } else {
            secret == 0
        };
    }
    if good { Ok(()) } else { Err(Status::BadLength) }
}

fn slot(slots: &[Slot], index: usize) -> Result<&Slot, Status> {
    slots.get(index).ok_or(Status::SlotRange)
}

/// The key of a handle, if it may be used.
fn key(slots: &[Slot], handle: (usize, u32), domain: Option<u8>, need: u16) -> Result<&Key, Status> {
    let slot = slot(slots, handle.0)?;
    let key = slot.key.as_ref().ok_or(Status::SlotEmpty)?;
    if domain.is_some_and(|d| d != key.attributes.domain) {
        return Err(Status::SlotDomain);
    }
    if u32::from(slot.generation) != handle.1 {
        return Err(Status::SlotGeneration);
    }
    if key.attributes.usage & need != need {
        return Err(Status::SlotUsage);
    }
    Ok(key)
}

/// The attributes of the key to be made, as far as its type allows them.
fn made(s: &Submission, op: Opcode, asker: &Asker) -> Result<Attributes, Status> {
    use Opcode::*;
    let kind = KeyType::from_code(s.aad0() as u8)
        .filter(|k| {
            let can = matches!(op, KeyLoad | KwpUnwrap | EcGenerate) && asker.ec;
            if is_ec(*k) { can } else { op != EcGenerate }
        })
        .filter(|k| op != Opcode::KeyRoot || *k == KeyType::Wrapping)
        // Whoever knows a wrapping key's bytes can read what it wrapped: none is made from what may be known outside.
        .filter(|k| *k != KeyType::Wrapping || !matches!(op, KwpUnwrap | KeyHkdf | KeyKbkdf | EcEcdh))
        .ok_or(Status::BadKeyType)?;
    let bits = (s.aad0() >> 16) as u16;
    let root = usage::WRAP | usage::UNWRAP;
    let can = usage_of(kind) & if op == Opcode::KeyRoot { root } else { u16::MAX };
    if bits & !can != 0 || !usage_fits(kind, bits) {
        return Err(Status::BadUsage);
    }
    let policy = (s.aad1() & 3) as u8;
    if !policy_fits(policy, kind, bits, op == KeyGenerate) {
        return Err(Status::BadPolicy);
    }
    let (domain, origin) = match op {
        Opcode::KeyLoad => ((s.aad0() >> 8) as u8, Origin::Imported),
        Opcode::KeyRoot => ((s.aad0() >> 8) as u8, Origin::Derived),
        Opcode::KeyGenerate | Opcode::EcGenerate => (asker.domain, Origin::Generated),
        Opcode::KwpUnwrap => (asker.domain, Origin::Foreign),
        _ => (asker.domain, Origin::Derived),
    };
    Ok(Attributes::of(s, kind, policy, domain, origin))
}

/// Usage bits that an operation needs of its key.
fn need(op: Opcode) -> u16 {
    match op {
        Opcode::GcmSeal => usage::ENCRYPT,
        Opcode::GcmOpen => usage::DECRYPT,
        Opcode::KeyWrap => usage::EXPORT_WRAPPED,
        Opcode::KwpWrap => usage::KWP,
        Opcode::MacSign | Opcode::EcSign => usage::SIGN,
        Opcode::EcRaw => usage::RAW,
        Opcode::MacVerify => usage::VERIFY,
        _ => 0,
    }
}

/// Every check, in order.
pub fn check(s: &Submission, asker: &Asker, slots: &[Slot]) -> Result<Grant, Status> {
    let op = Opcode::from_code(s.opcode() as u8)
        .filter(|o| asker.ec || !of_ec(*o))
        .ok_or(Status::BadOpcode)?;
    fields(s, op)?;
    let hash = if hashes(op) {
        Some(Hash::from_code((s.aad3() >> 16) as u8).ok_or(Status::BadHash)?)
    } else {
        None
    };
    lengths(s, op, hash)?;
    if matches!(op, Opcode::KeyLoad | Opcode::KeyRoot) && !asker.officer {
        return Err(Status::NotOfficer);
    }
    if op == Opcode::KeyLoad && asker.sealed {
        return Err(Status::Sealed);
    }
    let mut grant = Grant {
        op,
        hash,
        attributes: None,
    };
    let handle = (s.slot() as usize, s.generation());
    match op {
        Opcode::Nop | Opcode::Random => {}
        Opcode::EcVerify | Opcode::EcCheck => {
            let kind = KeyType::from_code(s.aad0() as u8);
            kind.filter(|k| is_ec(*k)).ok_or(Status::BadKeyType)?;
        }
        Opcode::KeyQuery if asker.officer => _ = slot(slots, handle.0)?,
        _ if fills(op) => to_fill(s, op, asker, slots, &mut grant)?,
        _ => {
            let anyone = op == Opcode::KeyDestroy && asker.officer;
            let key = key(slots, handle, (!anyone).then_some(asker.domain), need(op))?;
            of_key(s, op, &key.attributes)?;
        }
    }
    of_base(s, op, asker, slots, &grant)?;
    Ok(grant)
}

/// What a key adds: its type, its IV policy, its limit, its length.
fn of_key(s: &Submission, op: Opcode, a: &Attributes) -> Result<(), Status> {
    use Opcode::*;
    // A usage bit can be of more than one type.
    let right = match op {
        MacSign | MacVerify => a.kind == KeyType::Secret,
        EcSign => is_ec(a.kind) && (s.aad3() & 1 == 0 || a.usage & usage::DETERMINISTIC != 0),
        EcPublic | EcRaw => is_ec(a.kind),
        _ => true,
    };
    if !right {
        return Err(Status::SlotUsage);
    }
    if op == EcSign && a.used >= a.limit {
        return Err(Status::Exhausted);
    }
    // Told only to those who may use the key.
    if matches!(op, EcPublic | EcRaw) && s.pay_len() as usize != 2 * a.len {
        return Err(Status::BadLength);
    }
    if op == Opcode::GcmSeal {
        if a.policy == IvPolicy::Counter as u8 {
            let own = s.iv_len() == 12 && s.iv0() | s.iv1() | s.iv2() == 0;
            if !own || s.tag_mode() == TagMode::Completion as u32 {
                return Err(Status::BadPolicy);
            }
        }
        if a.used >= a.limit {
            return Err(Status::Exhausted);
        }
    }
    if op == Opcode::KwpWrap && a.kind == KeyType::Wrapping {
        return Err(Status::SlotUsage);
    }
    // Told only to those who may wrap the key.
    if op == Opcode::KwpWrap && s.pay_len() as usize != kwp_len(a.len) {
        return Err(Status::BadLength);
    }
    Ok(())
}

fn to_fill(
    s: &Submission,
    op: Opcode,
    asker: &Asker,
    slots: &[Slot],
    grant: &mut Grant,
) -> Result<(), Status> {
    let slot = slot(slots, s.slot() as usize)?;
    let domain = match op {
        Opcode::KeyRoot => (s.aad0() >> 8) as u8,
        _ => asker.domain,
    };
    // The officer's load takes any slot.
    let held = slot.key.as_ref().filter(|_| op != Opcode::KeyLoad);
    if held.is_some_and(|k| k.attributes.domain != domain) {
        return Err(Status::SlotDomain);
    }
    if attributes(op) {
        let a = made(s, op, asker)?;
        let words = (1u32 << a.len.div_ceil(4)) - 1;
        if op == Opcode::KeyLoad && u32::from(asker.window) & words != words {
            return Err(Status::KeyWindow);
        }
        grant.attributes = Some(a);
    }
    if held.is_some() {
        return Err(Status::SlotFull);
    }
    if slot.generation == u16::MAX {
        return Err(Status::SlotRetired);
    }
    Ok(())
}

fn of_base(s: &Submission, op: Opcode, asker: &Asker, slots: &[Slot], grant: &Grant) -> Result<(), Status> {
    let (need, policy) = match op {
        Opcode::KeyWrap => (usage::WRAP, IvPolicy::Host),
        Opcode::KeyUnwrap => (usage::UNWRAP, IvPolicy::Host),
        Opcode::KwpWrap => (usage::WRAP | usage::KWP, IvPolicy::Host),
        Opcode::KwpUnwrap => (usage::UNWRAP | usage::KWP, IvPolicy::Host),
        Opcode::KeyHkdf | Opcode::KeyKbkdf => (usage::DERIVE, IvPolicy::Host),
        Opcode::KeyMessage => (usage::DERIVE, IvPolicy::Derived),
        Opcode::EcEcdh => return of_private(s, asker, slots, grant),
        _ => return Ok(()),
    };
    let a = &key(slots, base(s), Some(asker.domain), need)?.attributes;
    let leaves = usage::EXPORT_WRAPPED | usage::KWP;
    let derived = match &grant.attributes {
        Some(d) if matches!(op, Opcode::KeyHkdf | Opcode::KeyKbkdf) => d.usage & leaves,
        _ => 0,
    };
    let known = matches!(a.origin, Origin::Imported | Origin::Foreign)
        && matches!(op, Opcode::KeyWrap | Opcode::KeyUnwrap);
    if is_ec(a.kind) || a.policy != policy as u8 || derived & !a.usage != 0 || known {
        return Err(Status::SlotUsage);
    }
    // SP 800-38D, 8.3: wraps have random IVs.
    if op == Opcode::KeyWrap && a.used >= a.limit {
        return Err(Status::Exhausted);
    }
    Ok(())
}

/// The base of EC_ECDH.
fn of_private(s: &Submission, asker: &Asker, slots: &[Slot], grant: &Grant) -> Result<(), Status> {
    let a = &key(slots, base(s), Some(asker.domain), usage::DERIVE)?.attributes;
    let leaves = usage::EXPORT_WRAPPED | usage::KWP;
    let derived = grant.attributes.as_ref().map_or(0, |d| d.usage & leaves);
    if !is_ec(a.kind) || derived & !a.usage != 0 {
        return Err(Status::SlotUsage);
    }
    let point = 2 * len_of(a.kind).expect("an EC key") as u32;
    let salt = s.aad3() & 0xffff;
    if !(point + salt..=point + 256).contains(&s.pay_len()) {
        return Err(Status::BadLength);
    }
    Ok(())
}
