// SPDX-License-Identifier: Apache-2.0
//! Public keys as SubjectPublicKeyInfo (RFC 5480, 2), signatures as ECDSA-Sig-Value (RFC 3279, 2.2.3), in DER.

use super::{Curve, PublicKey, Signature};
use crate::{Error, Result};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::pem::LineEnding;
use der::{Decode, Encode, EncodePem, Sequence};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

/// id-ecPublicKey.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

#[derive(Sequence)]
struct SigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

fn curve_of(id: ObjectIdentifier) -> Option<Curve> {
    match id {
        P256 => Some(Curve::P256),
        P384 => Some(Curve::P384),
        _ => None,
    }
}

impl Signature {
    /// SEQUENCE { r, s }.
    pub fn to_der(&self) -> Vec<u8> {
        let (r, s) = self.scalars();
        let uint = |x| UintRef::new(x).expect("it fits");
        let value = SigValue {
            r: uint(r),
            s: uint(s),
        };
        value.to_der().expect("it fits")
    }

    /// From SEQUENCE { r, s }, strictly DER.
    pub fn from_der(curve: Curve, bytes: &[u8]) -> Result<Self> {
        let value = SigValue::from_der(bytes)
            .map_err(|e| Error::Invalid(format!("a signature that is not DER of r and s: {e}")))?;
        let mut out = vec![0; 2 * curve.size()];
        for (half, x) in out.chunks_exact_mut(curve.size()).zip([value.r, value.s]) {
            let x = x.as_bytes();
            let Some(at) = curve.size().checked_sub(x.len()) else {
                return Err(Error::BadSignature);
            };
            half[at..].copy_from_slice(x);
        }
        Self::new(curve, &out)
    }
}

impl PublicKey {
    fn with_spki<T>(&self, f: impl FnOnce(SubjectPublicKeyInfoRef<'_>) -> T) -> T {
        let point = self.to_sec1();
        let id = match self.curve() {
            Curve::P256 => P256,
            Curve::P384 => P384,
        };
        f(SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef {
                oid: EC_PUBLIC_KEY,
                parameters: Some(AnyRef::from(&id)),
            },
            subject_public_key: BitStringRef::from_bytes(&point).expect("it fits"),
        })
    }

    /// SubjectPublicKeyInfo.
    pub fn to_der(&self) -> Vec<u8> {
        self.with_spki(|s| s.to_der().expect("it fits"))
    }

    /// SubjectPublicKeyInfo in PEM (RFC 7468, 13).
    pub fn to_pem(&self) -> String {
        self.with_spki(|s| s.to_pem(LineEnding::LF).expect("it fits"))
    }

    /// From SubjectPublicKeyInfo with a named curve and an uncompressed point.
    pub fn from_der(bytes: &[u8]) -> Result<Self> {
        let invalid = |what: &str| Error::Invalid(format!("a public key that {what}"));
        let info = SubjectPublicKeyInfoRef::from_der(bytes)
            .map_err(|e| invalid(&format!("is no SubjectPublicKeyInfo in DER: {e}")))?;
        if info.algorithm.oid != EC_PUBLIC_KEY {
            return Err(invalid("is not of an elliptic curve"));
        }
        let curve = info.algorithm.parameters_oid().ok().and_then(curve_of);
        let curve = curve.ok_or_else(|| invalid("is not on P-256 or P-384"))?;
        let point = info.subject_public_key.as_bytes().unwrap_or_default();
        match point.split_first() {
            Some((4, xy)) => Self::new(curve, xy),
            _ => Err(invalid(
                "is not an uncompressed point: convert it, as with openssl ec -conv_form uncompressed",
            )),
        }
    }

    /// From SubjectPublicKeyInfo in PEM.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        let (label, bytes) = der::pem::decode_vec(text)
            .map_err(|e| Error::Invalid(format!("a public key that is no PEM: {e}")))?;
        if label != "PUBLIC KEY" {
            return Err(Error::Invalid(format!(
                "PEM of a `{label}` where a `PUBLIC KEY` is needed"
            )));
        }
        Self::from_der(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_there_and_back() {
        for c in Curve::ALL {
            for (r, s) in [(0x80u8, 0u8), (0, 0xff), (1, 0x7f)] {
                let mut raw = vec![0; 2 * c.size()];
                raw[0] = r;
                raw[c.size() - 1] = 1;
                raw[c.size()] = s;
                raw[2 * c.size() - 1] = 9;
                let x = Signature::new(c, &raw).unwrap();
                assert_eq!(Signature::from_der(c, &x.to_der()).unwrap(), x);
            }
        }
        // Not minimal; negative; something after it; too long for the curve.
        for bad in [
            &[0x30, 7, 2, 2, 0, 1, 2, 1, 1][..],
            &[0x30, 6, 2, 1, 0x81, 2, 1, 1],
            &[0x30, 6, 2, 1, 1, 2, 1, 1, 0],
        ] {
            assert!(matches!(
                Signature::from_der(Curve::P256, bad),
                Err(Error::Invalid(_))
            ));
        }
        let long = Signature::new(Curve::P384, &[0x11; 96]).unwrap().to_der();
        assert!(matches!(
            Signature::from_der(Curve::P256, &long),
            Err(Error::BadSignature)
        ));
    }

    #[test]
    fn public_keys_there_and_back() {
        for c in Curve::ALL {
            let k = PublicKey::new(c, &[0xa5; 96][..2 * c.size()]).unwrap();
            assert_eq!(PublicKey::from_der(&k.to_der()).unwrap(), k);
            assert_eq!(PublicKey::from_pem(k.to_pem().as_bytes()).unwrap(), k);
            let mut other = k.to_der();
            *other.iter_mut().find(|b| **b == 4).unwrap() = 2;
            assert!(PublicKey::from_der(&other).is_err());
        }
        for (pem, says) in [
            ("hello", "no PEM"),
            ("-----BEGIN X-----\nAAAA\n-----END X-----\n", "`X`"),
        ] {
            let e = PublicKey::from_pem(pem.as_bytes()).unwrap_err().to_string();
            assert!(e.contains(says), "{e}");
        }
    }
}
