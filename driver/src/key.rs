// SPDX-License-Identifier: Apache-2.0
//! What a key is and may: attributes to ask for, those the device tells, and the wrapped form.

use crate::ec::{Curve, EcOptions};
use crate::{Error, Result};
use casemate_abi::{IvPolicy, KeyAttributes as Words, KeyType, Origin, Submission, usage};
use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

/// What a key may be used for: a set. It can only shrink in the life of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Usage(u16);

impl Usage {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Sealing with AES-GCM.
    pub const ENCRYPT: Self = Self(usage::ENCRYPT);
    /// Opening with AES-GCM.
    pub const DECRYPT: Self = Self(usage::DECRYPT);
    /// Making MACs, or ECDSA signatures.
    pub const SIGN: Self = Self(usage::SIGN);
    /// Checking MACs.
    pub const VERIFY: Self = Self(usage::VERIFY);
    /// Deriving keys: from a secret, or by ECDH.
    pub const DERIVE: Self = Self(usage::DERIVE);
    /// Wrapping other keys.
    pub const WRAP: Self = Self(usage::WRAP);
    /// Unwrapping other keys.
    pub const UNWRAP: Self = Self(usage::UNWRAP);
    /// Being wrapped with its attributes.
    pub const EXPORT_WRAPPED: Self = Self(usage::EXPORT_WRAPPED);
    /// Being wrapped by AES-KWP, without its attributes; of a wrapping key: doing so.
    pub const KWP: Self = Self(usage::KWP);
    /// ECDH whose shared secret reaches the host.
    pub const RAW: Self = Self(usage::RAW);
    /// ECDSA with RFC 6979's nonces on request.
    pub const DETERMINISTIC: Self = Self(usage::DETERMINISTIC);
    /// Everything; as a mask, what was there.
    pub const ALL: Self = Self((1 << Self::NAMES.len()) - 1);

    /// Every use and its name, lowest bit first.
    pub const NAMES: [(Self, &'static str); 11] = [
        (Self::ENCRYPT, "encrypt"),
        (Self::DECRYPT, "decrypt"),
        (Self::SIGN, "sign"),
        (Self::VERIFY, "verify"),
        (Self::DERIVE, "derive"),
        (Self::WRAP, "wrap"),
        (Self::UNWRAP, "unwrap"),
        (Self::EXPORT_WRAPPED, "export_wrapped"),
        (Self::KWP, "kwp"),
        (Self::RAW, "raw"),
        (Self::DETERMINISTIC, "deterministic"),
    ];

    /// Of the device's bits; those that mean nothing are dropped.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// The device's bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether it has all of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Nothing is allowed.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Usage {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Usage {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// Without `other`'s.
impl Sub for Usage {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Its names, as in `encrypt,decrypt`; `none` if there are none.
impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Self::NAMES
            .iter()
            .filter(|(u, _)| self.contains(*u))
            .map(|(_, name)| *name)
            .collect();
        f.pad(&if names.is_empty() {
            "none".into()
        } else {
            names.join(",")
        })
    }
}

impl fmt::Debug for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Usage({self})")
    }
}

/// From its names, joined by commas.
impl std::str::FromStr for Usage {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        text.split(',')
            .filter(|n| !matches!(*n, "" | "none"))
            .map(|n| {
                let known = Self::NAMES.iter().find(|(_, name)| *name == n);
                known.map(|(u, _)| *u).ok_or_else(|| {
                    let all: Vec<_> = Self::NAMES.iter().map(|(_, name)| *name).collect();
                    format!("`{n}` is no usage: {} are", all.join(", "))
                })
            })
            .try_fold(Self::NONE, |all, u| Ok(all | u?))
    }
}

/// What a key to be made shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyAttributes {
    kind: KeyType,
    secret_len: u8,
    usage: Usage,
    policy: IvPolicy,
    options: EcOptions,
    limit: u32,
    label: [u8; 12],
}

impl KeyAttributes {
    /// A key of any type; a secret has 32 bytes.
    pub fn new(kind: KeyType, usage: Usage) -> Self {
        Self {
            kind,
            secret_len: if kind == KeyType::Secret { 32 } else { 0 },
            usage,
            policy: IvPolicy::Host,
            options: EcOptions::default(),
            limit: 0,
            label: [0; 12],
        }
    }

    /// An AES-256 key.
    pub fn aes256(usage: Usage) -> Self {
        Self::new(KeyType::Aes256, usage)
    }

    /// A secret of 16 to 64 bytes, for HMAC and key derivation.
    pub fn secret(len: u8, usage: Usage) -> Self {
        Self {
            secret_len: len,
            ..Self::new(KeyType::Secret, usage)
        }
    }

    /// A key that wraps others.
    pub fn wrapping(usage: Usage) -> Self {
        Self::new(KeyType::Wrapping, usage)
    }

    /// A private key; its two parts are made by [`Keys::generate_pair`](crate::Keys::generate_pair).
    pub fn private(curve: Curve, usage: Usage) -> Self {
        Self::new(curve.key_type(), usage)
    }

    /// What protects a private key: everything, unless this says otherwise. Of other keys nothing.
    pub fn ec_options(mut self, options: EcOptions) -> Self {
        self.options = options;
        self
    }

    /// Who makes the IVs: the host, unless this says otherwise. A private key has none.
    pub fn iv_policy(mut self, policy: IvPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Seals it is good for, a wrapping key's wraps or a private key's signatures; 0 stands for 2^32 - 1.
    pub fn limit(mut self, uses: u32) -> Self {
        self.limit = uses;
        self
    }

    /// 12 bytes of the host's choice.
    pub fn label(mut self, label: [u8; 12]) -> Self {
        self.label = label;
        self
    }

    /// Its type.
    pub fn kind(&self) -> KeyType {
        self.kind
    }

    /// Bytes of the key.
    pub fn key_len(&self) -> usize {
        match self.kind {
            KeyType::Aes128 => 16,
            KeyType::Aes192 => 24,
            KeyType::Aes256 | KeyType::Wrapping | KeyType::P256 => 32,
            KeyType::P384 => 48,
            KeyType::Secret => self.secret_len.into(),
        }
    }

    /// Into W8 to W13 of a descriptor.
    pub(crate) fn put(&self, s: &mut Submission) {
        let policy = match Curve::of(self.kind) {
            Some(_) => self.options.bits(),
            None => self.policy as u8,
        };
        s.set_aad_len(self.limit)
            .set_aad0(u32::from(self.usage.0) << 16 | self.kind as u32)
            .set_aad1(u32::from(self.secret_len) << 8 | u32::from(policy));
        put_label(s, self.label);
    }
}

/// A label into W9 to W11.
pub(crate) fn put_label(s: &mut Submission, label: [u8; 12]) {
    let word = |i: usize| u32::from_le_bytes([label[i], label[i + 1], label[i + 2], label[i + 3]]);
    s.set_iv0(word(0)).set_iv1(word(4)).set_iv2(word(8));
}

/// What the device tells of a key, or a blob claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo {
    /// Type.
    pub kind: KeyType,
    /// Bytes of the key.
    pub len: usize,
    /// Whose it is.
    pub domain: u8,
    /// What it is for.
    pub usage: Usage,
    /// Who makes its IVs; of a private key HOST, which means nothing.
    pub policy: IvPolicy,
    /// What protects a private key; of other keys nothing.
    pub options: EcOptions,
    /// Where it is from.
    pub origin: Origin,
    /// Its slot's generation.
    pub generation: u16,
    /// Uses allowed: seals, wraps of a wrapping key, signatures of a private key.
    pub limit: u32,
    /// Uses begun.
    pub used: u32,
    /// The host's 12 bytes.
    pub label: [u8; 12],
}

impl KeyInfo {
    /// None of an empty slot; an error names a code that this driver does not know.
    pub(crate) fn decode(bytes: &[u8; 32]) -> Result<Option<Self>> {
        let w = Words::from_le(bytes);
        if w.valid() == 0 {
            return Ok(None);
        }
        let unknown = |what: &str, code: u32| Error::Invalid(format!("a key of unknown {what} {code}"));
        let mut label = [0; 12];
        label.copy_from_slice(&bytes[16..28]);
        let kind = KeyType::from_code(w.key_type() as u8).ok_or_else(|| unknown("type", w.key_type()))?;
        let (policy, options) = match Curve::of(kind) {
            Some(_) => (IvPolicy::Host as u32, w.iv_policy() as u8),
            None => (w.iv_policy(), 0),
        };
        Ok(Some(Self {
            kind,
            len: w.key_len() as usize,
            domain: w.domain() as u8,
            usage: Usage::from_bits(w.usage_bits() as u16),
            policy: IvPolicy::from_code(policy as u8).ok_or_else(|| unknown("IV policy", policy))?,
            options: EcOptions::from_bits(options),
            origin: Origin::from_code(w.origin() as u8).ok_or_else(|| unknown("origin", w.origin()))?,
            generation: w.generation() as u16,
            limit: w.limit(),
            used: w.used(),
            label,
        }))
    }
}

/// A key wrapped with its attributes, 128 bytes (abi/README.md, *Blob*). No secret: it may lie anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob([u8; Self::SIZE]);

impl Blob {
    /// Bytes.
    pub const SIZE: usize = 128;

    /// From where it was stored.
    pub fn new(bytes: [u8; Self::SIZE]) -> Self {
        Self(bytes)
    }

    /// To store it.
    pub fn as_bytes(&self) -> &[u8; Self::SIZE] {
        &self.0
    }

    /// What it claims to be. Only unwrapping shows whether that is so.
    pub fn claims(&self) -> Result<KeyInfo> {
        let head = self.0[..32].try_into().expect("32 bytes");
        let info = KeyInfo::decode(head)?.filter(|i| i.generation == 0x4d43);
        info.ok_or_else(|| Error::Invalid("these 128 bytes are no wrapped key".into()))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({:?})", self.claims())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_by_name() {
        for (u, name) in Usage::NAMES {
            assert_eq!(name.parse::<Usage>(), Ok(u));
            assert_eq!(u.to_string(), name);
        }
        let both = Usage::ENCRYPT | Usage::DECRYPT;
        assert_eq!("encrypt,decrypt".parse(), Ok(both));
        assert_eq!(
            (both - Usage::ENCRYPT, both & Usage::NONE),
            (Usage::DECRYPT, Usage::NONE)
        );
        assert_eq!(Usage::NONE.to_string().parse(), Ok(Usage::NONE));
        assert!("fly".parse::<Usage>().unwrap_err().contains("encrypt, decrypt"));
        assert_eq!(Usage::ALL.bits(), 0x7ff);
    }
}
