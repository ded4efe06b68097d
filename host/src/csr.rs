// SPDX-License-Identifier: Apache-2.0
//! Certification requests (PKCS#10, RFC 2986), signed with ECDSA (RFC 5758, 3.2).

use casemate::{Hash, PublicKey, Signature};
use der::asn1::{BitString, ObjectIdentifier};
use der::pem::LineEnding;
use der::{Decode, Encode, EncodePem};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfoOwned};
use std::str::FromStr;
use x509_cert::attr::Attributes;
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};

/// Why a text is no subject.
#[derive(Debug, thiserror::Error)]
#[error(
    "the subject `{text}` is no name{why}: give attributes joined by commas, as in \"CN=example.org,O=Example,C=DE\""
)]
pub struct SubjectError {
    text: String,
    why: String,
}

/// Whom a certificate is for.
pub struct Subject(Name);

impl FromStr for Subject {
    type Err = SubjectError;

    /// RFC 4514: the first attribute is the last in DER.
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let bad = |why: String| SubjectError {
            text: text.into(),
            why,
        };
        let name = Name::from_str(text).map_err(|e| bad(format!(" ({e})")))?;
        if name.is_empty() {
            return Err(bad(String::new()));
        }
        Ok(Self(name))
    }
}

/// ecdsa-with-SHA2.
fn algorithm(hash: Hash) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(match hash {
        Hash::Sha256 => "1.2.840.10045.4.3.2",
        Hash::Sha384 => "1.2.840.10045.4.3.3",
        Hash::Sha512 => "1.2.840.10045.4.3.4",
    })
}

/// A request in PEM for a public key; `sign` signs bytes with its private key and this hash.
pub fn request<E: From<der::Error>>(
    subject: Subject,
    public: &PublicKey,
    hash: Hash,
    sign: impl FnOnce(&[u8]) -> Result<Signature, E>,
) -> Result<String, E> {
    let info = CertReqInfo {
        version: Version::V1,
        subject: subject.0,
        public_key: SubjectPublicKeyInfoOwned::from_der(&public.to_der())?,
        attributes: Attributes::default(),
    };
    let signature = sign(&info.to_der()?)?;
    let request = CertReq {
        info,
        algorithm: AlgorithmIdentifier {
            oid: algorithm(hash),
            parameters: None,
        },
        signature: BitString::from_bytes(&signature.to_der())?,
    };
    Ok(request.to_pem(LineEnding::LF)?)
}
