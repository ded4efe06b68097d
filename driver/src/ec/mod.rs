// SPDX-License-Identifier: Apache-2.0
//! Elliptic curves: public keys, signatures, the options of a private key.

mod der;
mod keys;
mod request;

pub use request::EcRequest;

use crate::{Error, Result};
use casemate_abi::{KeyType, ec_options};
use std::fmt;
use std::ops::BitOr;

/// A curve of SP 800-186.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// 3.2.1.3, also called secp256r1 and prime256v1.
    P256,
    /// 3.2.1.4, also called secp384r1.
    P384,
}

impl Curve {
    /// Both.
    pub const ALL: [Self; 2] = [Self::P256, Self::P384];

    /// Bytes of a coordinate or a scalar.
    pub const fn size(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// The type of its private keys.
    pub const fn key_type(self) -> KeyType {
        match self {
            Self::P256 => KeyType::P256,
            Self::P384 => KeyType::P384,
        }
    }

    /// That of a key's type, if it has one.
    pub fn of(kind: KeyType) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.key_type() == kind)
    }

    /// That of a pair of coordinates or scalars of so many bytes.
    fn of_pair(len: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|c| 2 * c.size() == len)
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        })
    }
}

/// Two big-endian strings of the curve's length.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Pair {
    curve: Curve,
    bytes: [u8; 96],
}

impl Pair {
    fn new(what: &str, curve: Curve, bytes: &[u8]) -> Result<Self> {
        let len = 2 * curve.size();
        if bytes.len() != len {
            return Err(Error::Invalid(format!(
                "a {what} of {} bytes: one of {curve} has {len}",
                bytes.len()
            )));
        }
        let mut pair = Self {
            curve,
            bytes: [0; 96],
        };
        pair.bytes[..len].copy_from_slice(bytes);
        Ok(pair)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..2 * self.curve.size()]
    }

    fn halves(&self) -> (&[u8], &[u8]) {
        self.as_bytes().split_at(self.curve.size())
    }

    fn debug(&self, what: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{what}({}, ", self.curve)?;
        self.as_bytes().iter().try_for_each(|b| write!(f, "{b:02x}"))?;
        write!(f, ")")
    }
}

/// A public key: x and y. Whether that is a point of the curve the device says ([`Keys::check_public_key`](crate::Keys::check_public_key)),
/// and it does so before it uses one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(Pair);

impl PublicKey {
    /// From x, then y, big-endian.
    pub fn new(curve: Curve, xy: &[u8]) -> Result<Self> {
        Pair::new("public key", curve, xy).map(Self)
    }

    /// Its curve.
    pub fn curve(&self) -> Curve {
        self.0.curve
    }

    /// x, then y.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// x and y.
    pub fn coordinates(&self) -> (&[u8], &[u8]) {
        self.0.halves()
    }

    /// Uncompressed (SEC 1, 2.3.3): 04, x, y.
    pub fn to_sec1(&self) -> Vec<u8> {
        [&[4], self.as_bytes()].concat()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("PublicKey", f)
    }
}

/// An ECDSA signature: r and s.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature(Pair);

impl Signature {
    /// From r, then s, big-endian.
    pub fn new(curve: Curve, rs: &[u8]) -> Result<Self> {
        Pair::new("signature", curve, rs).map(Self)
    }

    /// Its curve.
    pub fn curve(&self) -> Curve {
        self.0.curve
    }

    /// r, then s.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// r and s.
    pub fn scalars(&self) -> (&[u8], &[u8]) {
        self.0.halves()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("Signature", f)
    }
}

/// What protects a private key while it is used. It stays so for the key's life. By default all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EcOptions(u8);

impl EcOptions {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The key and its nonces are blinded.
    pub const BLIND: Self = Self(ec_options::BLIND as u8);
    /// A signature is verified before it is given away.
    pub const VERIFY: Self = Self(ec_options::VERIFY as u8);

    /// Whether it has all of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits & (Self::BLIND.0 | Self::VERIFY.0))
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }
}

impl Default for EcOptions {
    fn default() -> Self {
        Self::BLIND | Self::VERIFY
    }
}

impl BitOr for EcOptions {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// `blind,verify`, one of them, or `none`.
impl fmt::Display for EcOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match (self.contains(Self::BLIND), self.contains(Self::VERIFY)) {
            (true, true) => "blind,verify",
            (true, false) => "blind",
            (false, true) => "verify",
            (false, false) => "none",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_the_curves() {
        for c in Curve::ALL {
            assert_eq!(
                (Curve::of(c.key_type()), Curve::of_pair(2 * c.size())),
                (Some(c), Some(c))
            );
            assert!(PublicKey::new(c, &[1; 96][..2 * c.size()]).is_ok());
            let e = Signature::new(c, &[1; 95]).unwrap_err().to_string();
            assert!(e.contains("95 bytes") && e.contains(&c.to_string()), "{e}");
        }
        assert_eq!(Curve::of(KeyType::Secret), None);
    }
}
