// SPDX-License-Identifier: Apache-2.0
//! Key slots of the functional model: metadata, and material that only operations see. Follows hdl/slots.

use super::gcm;
use casemate_abi::{IvPolicy, KeyAttributes, KeyType, Origin, Submission, usage};
use zeroize::Zeroizing;

/// What a blob has in place of a generation: "CM".
pub const BLOB_MARK: u32 = 0x4d43;

/// Metadata of a key, or of one to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    pub kind: KeyType,
    pub domain: u8,
    pub usage: u16,
    /// Code of the IV policy; of an EC key its options.
    pub policy: u8,
    pub origin: Origin,
    /// Bytes of the key.
    pub len: usize,
    pub limit: u32,
    pub used: u32,
    pub label: [u32; 3],
}

/// Usage bits a type can have.
pub fn usage_of(kind: KeyType) -> u16 {
    use usage::*;
    match kind {
        KeyType::Aes128 | KeyType::Aes192 | KeyType::Aes256 => ENCRYPT | DECRYPT | EXPORT_WRAPPED | KWP,
        KeyType::Secret => SIGN | VERIFY | DERIVE | EXPORT_WRAPPED | KWP,
        KeyType::Wrapping => WRAP | UNWRAP | KWP | EXPORT_WRAPPED,
        KeyType::P256 | KeyType::P384 => SIGN | DERIVE | RAW | DETERMINISTIC | EXPORT_WRAPPED | KWP,
    }
}

/// A private key of an elliptic curve.
pub fn is_ec(kind: KeyType) -> bool {
    matches!(kind, KeyType::P256 | KeyType::P384)
}

/// Whether a type can have these usage bits together.
pub fn usage_fits(kind: KeyType, bits: u16) -> bool {
    // One key, one purpose (SP 800-57 Part 1 Rev. 5, 5.2).
    let two = is_ec(kind) && bits & usage::SIGN != 0 && bits & (usage::DERIVE | usage::RAW) != 0;
    bits & !usage_of(kind) == 0 && !two
}

/// Bytes of a type's key; None for a secret, which has 16 to 64.
pub fn len_of(kind: KeyType) -> Option<usize> {
    match kind {
        KeyType::Aes128 => Some(16),
        KeyType::Aes192 => Some(24),
        KeyType::Aes256 | KeyType::Wrapping | KeyType::P256 => Some(32),
        KeyType::P384 => Some(48),
        KeyType::Secret => None,
    }
}

/// Whether a key of this type and usage can have the policy; a counter only if it is `made` here and stays.
pub fn policy_fits(policy: u8, kind: KeyType, bits: u16, made: bool) -> bool {
    match IvPolicy::from_code(policy) {
        _ if is_ec(kind) => true,
        None => false,
        Some(IvPolicy::Host) => true,
        Some(IvPolicy::Counter) => {
            let aes = matches!(kind, KeyType::Aes128 | KeyType::Aes192 | KeyType::Aes256);
            aes && made && bits & (usage::EXPORT_WRAPPED | usage::KWP) == 0
        }
        Some(IvPolicy::Derived) => {
            kind == KeyType::Secret && bits & !(usage::DERIVE | usage::EXPORT_WRAPPED) == 0
        }
    }
}

impl Attributes {
    /// Those of a descriptor whose type is a known one.
    pub fn of(s: &Submission, kind: KeyType, policy: u8, domain: u8, origin: Origin) -> Self {
        Self {
            kind,
            domain,
            usage: (s.aad0() >> 16) as u16,
            policy,
            origin,
            len: len_of(kind).unwrap_or((s.aad1() >> 8 & 0xff) as usize),
            limit: if s.aad_len() == 0 { u32::MAX } else { s.aad_len() },
            used: 0,
            label: [s.iv0(), s.iv1(), s.iv2()],
        }
    }

    /// As KEY_QUERY gives them.
    pub fn encode(&self, generation: u32) -> KeyAttributes {
        let mut a = KeyAttributes::default();
        a.set_key_type(self.kind as u32)
            .set_domain(self.domain.into())
            .set_usage_bits(self.usage.into())
            .set_generation(generation)
            .set_iv_policy(self.policy.into())
            .set_origin(self.origin as u32)
            .set_valid(1)
            .set_key_len(self.len as u32)
            .set_limit(self.limit)
            .set_used(self.used)
            .set_label0(self.label[0])
            .set_label1(self.label[1])
            .set_label2(self.label[2]);
        a
    }

    /// Those of a blob; None if no key that can be unwrapped has such. Without an EC engine those of EC keys are such.
    pub fn decode(a: &KeyAttributes, ec: bool) -> Option<Self> {
        let kind = KeyType::from_code(a.key_type() as u8).filter(|k| ec || !is_ec(*k))?;
        let (bits, len) = (a.usage_bits() as u16, a.key_len() as usize);
        let policy = a.iv_policy() as u8;
        let origin = Origin::from_code(a.origin() as u8).filter(|o| *o != Origin::None)?;
        let fixed = a.generation() == BLOB_MARK && a.valid() == 1;
        let zeros = a.reserved0() | a.reserved1() | a.reserved2() == 0;
        let sized = len_of(kind).map_or((16..=64).contains(&len), |n| n == len);
        let allowed = usage_fits(kind, bits) && policy_fits(policy, kind, bits, false);
        (fixed && zeros && sized && allowed).then_some(Self {
            kind,
            domain: a.domain() as u8,
            usage: bits,
            policy,
            origin,
            len,
            limit: a.limit(),
            used: a.used(),
            label: [a.label0(), a.label1(), a.label2()],
        })
    }
}

/// A key in a slot.
pub struct Key {
    pub attributes: Attributes,
    /// `attributes.len` bytes.
    pub material: Zeroizing<Vec<u8>>,
    /// Its AES schedule, if it has one.
    pub aes: Option<gcm::Key>,
}

impl Key {
    pub fn new(attributes: Attributes, material: Zeroizing<Vec<u8>>) -> Self {
        assert_eq!(attributes.len, material.len());
        let aes = attributes.kind != KeyType::Secret && !is_ec(attributes.kind);
        let aes = aes.then(|| gcm::Key::new(&material));
        Self {
            attributes,
            material,
            aes,
        }
    }
}

/// A slot: its generation outlives its keys.
#[derive(Default)]
pub struct Slot {
    pub key: Option<Key>,
    pub generation: u16,
}
