// SPDX-License-Identifier: Apache-2.0
//! ECDSA and ECDH on P-256 and P-384. Integers are big-endian strings as the files have them.

use crate::{bytes, files};
use serde::Deserialize;

/// One signature to verify, or to make.
#[derive(Debug, Clone)]
pub struct EcdsaVector {
    /// File and number, for messages.
    pub id: String,
    /// 256 or 384.
    pub curve: u32,
    /// Bits of the SHA-2 digest.
    pub sha: u32,
    /// Public key.
    pub point: (Vec<u8>, Vec<u8>),
    /// Private key, where there is one.
    pub private: Option<Vec<u8>>,
    /// Message.
    pub message: Vec<u8>,
    /// r and s, where they are integers.
    pub signature: Option<(Vec<u8>, Vec<u8>)>,
    /// The signature verifies.
    pub valid: bool,
}

/// One key pair or public key.
#[derive(Debug, Clone)]
pub struct KeyVector {
    /// File and number, for messages.
    pub id: String,
    /// 256 or 384.
    pub curve: u32,
    /// Public key.
    pub point: (Vec<u8>, Vec<u8>),
    /// Private key, where there is one.
    pub private: Option<Vec<u8>>,
    /// The public key is a point of the curve.
    pub valid: bool,
}

/// One key agreement.
#[derive(Debug, Clone)]
pub struct EcdhVector {
    /// File and number, for messages.
    pub id: String,
    /// 256 or 384.
    pub curve: u32,
    /// The peer's public key.
    pub point: (Vec<u8>, Vec<u8>),
    /// Private key.
    pub private: Vec<u8>,
    /// x of the shared point; none where the key is refused.
    pub shared: Option<Vec<u8>>,
}

fn curve(name: &str) -> Option<u32> {
    match name {
        "P-256" | "NIST P-256" | "secp256r1" => Some(256),
        "P-384" | "NIST P-384" | "secp384r1" => Some(384),
        _ => None,
    }
}

fn sha(name: &str) -> Option<u32> {
    name.strip_prefix("SHA2-")
        .or(name.strip_prefix("SHA-"))?
        .parse()
        .ok()
        .filter(|n| [224, 256, 384, 512].contains(n))
}

/// An integer of DER, minimal and not negative, and what follows it.
fn der_integer(b: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (&[tag, len], rest) = b.split_first_chunk::<2>()?;
    if tag != 2 || len >= 0x80 || len == 0 || rest.len() < usize::from(len) {
        return None;
    }
    let (value, rest) = rest.split_at(len.into());
    if value[0] >= 0x80 || (value.len() > 1 && value[0] == 0 && value[1] < 0x80) {
        return None;
    }
    Some((value.to_vec(), rest))
}

/// SEQUENCE { r INTEGER, s INTEGER } in DER, and nothing else.
pub fn der_signature(b: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (&[tag, len], body) = b.split_first_chunk::<2>()?;
    let body = match (tag, len) {
        (0x30, 0x81)
            if body
                .first()
                .is_some_and(|&n| n >= 0x80 && usize::from(n) == body.len() - 1) =>
        {
            &body[1..]
        }
        (0x30, ..=0x7f) if usize::from(len) == body.len() => body,
        _ => return None,
    };
    let (r, body) = der_integer(body)?;
    let (s, body) = der_integer(body)?;
    body.is_empty().then_some((r, s))
}

#[derive(Deserialize)]
struct Wycheproof<G> {
    #[serde(rename = "testGroups")]
    groups: Vec<G>,
}

#[derive(Deserialize)]
struct WycheproofKey {
    curve: String,
    wx: String,
    wy: String,
}

#[derive(Deserialize)]
struct WycheproofEcdsa {
    #[serde(rename = "publicKey")]
    key: WycheproofKey,
    sha: String,
    tests: Vec<WycheproofSignature>,
}

#[derive(Deserialize)]
struct WycheproofSignature {
    #[serde(rename = "tcId")]
    id: u32,
    msg: String,
    sig: String,
    result: String,
}

/// Wycheproof's ECDSA signatures in DER: P-256 with SHA-256, P-384 with SHA-384.
pub fn wycheproof_ecdsa() -> Vec<EcdsaVector> {
    let mut out = Vec::new();
    for name in [
        "ecdsa_secp256r1_sha256_test.json",
        "ecdsa_secp384r1_sha384_test.json",
    ] {
        for g in files::wycheproof::<Wycheproof<WycheproofEcdsa>>(name).groups {
            for t in g.tests {
                let id = format!("{name} {}", t.id);
                out.push(EcdsaVector {
                    curve: curve(&g.key.curve).expect("a curve"),
                    sha: sha(&g.sha).expect("a hash"),
                    point: (bytes(&g.key.wx, &id), bytes(&g.key.wy, &id)),
                    private: None,
                    message: bytes(&t.msg, &id),
                    signature: der_signature(&bytes(&t.sig, &id)),
                    valid: t.result == "valid",
                    id,
                });
            }
        }
    }
    out
}

#[derive(Deserialize)]
struct WycheproofEcdh {
    curve: String,
    tests: Vec<WycheproofAgreement>,
}

#[derive(Deserialize)]
struct WycheproofAgreement {
    #[serde(rename = "tcId")]
    id: u32,
    public: String,
    private: String,
    shared: String,
    result: String,
}

/// Wycheproof's ECDH on P-256 with an uncompressed point in a SubjectPublicKeyInfo of this curve. The others are about encodings.
pub fn wycheproof_ecdh() -> Vec<EcdhVector> {
    const HEAD: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
    let name = "ecdh_secp256r1_test.json";
    let mut out = Vec::new();
    for g in files::wycheproof::<Wycheproof<WycheproofEcdh>>(name).groups {
        for t in g.tests {
            let id = format!("{name} {}", t.id);
            let Some(point) = t.public.strip_prefix(HEAD).filter(|p| p.len() == 128) else {
                continue;
            };
            out.push(EcdhVector {
                curve: curve(&g.curve).expect("a curve"),
                point: (bytes(&point[..64], &id), bytes(&point[64..], &id)),
                private: bytes(&t.private, &id),
                shared: (t.result == "valid").then(|| bytes(&t.shared, &id)),
                id,
            });
        }
    }
    out
}

#[derive(Deserialize)]
struct Acvp {
    #[serde(rename = "testGroups")]
    groups: Vec<AcvpGroup>,
}

#[derive(Deserialize)]
struct AcvpGroup {
    curve: String,
    #[serde(rename = "hashAlg", default)]
    hash: String,
    d: Option<String>,
    qx: Option<String>,
    qy: Option<String>,
    #[serde(rename = "componentTest", default)]
    component: bool,
    #[serde(default)]
    conformance: String,
    tests: Vec<AcvpTest>,
}

#[derive(Deserialize)]
struct AcvpTest {
    #[serde(rename = "tcId")]
    id: u32,
    #[serde(rename = "testPassed", default)]
    passed: bool,
    #[serde(default)]
    message: String,
    d: Option<String>,
    qx: Option<String>,
    qy: Option<String>,
    r: Option<String>,
    s: Option<String>,
}

fn acvp_signatures(set: &str, made: bool) -> Vec<EcdsaVector> {
    let mut out = Vec::new();
    for g in files::acvp::<Acvp>(set).groups {
        let (Some(curve), Some(sha)) = (curve(&g.curve), sha(&g.hash)) else {
            continue;
        };
        // A component test's message is a digest; SP 800-106 changes the message before it is hashed.
        if g.component || !g.conformance.is_empty() {
            continue;
        }
        for t in g.tests {
            let id = format!("{set} {}", t.id);
            let get = |x: &Option<String>, y: &Option<String>| {
                bytes(x.as_ref().or(y.as_ref()).expect("a number"), &id)
            };
            out.push(EcdsaVector {
                curve,
                sha,
                point: (get(&t.qx, &g.qx), get(&t.qy, &g.qy)),
                private: made.then(|| get(&t.d, &g.d)),
                message: bytes(&t.message, &id),
                signature: Some((get(&t.r, &None), get(&t.s, &None))),
                valid: made || t.passed,
                id,
            });
        }
    }
    out
}

/// ACVP's deterministic signatures with SHA-2.
pub fn acvp_det_ecdsa() -> Vec<EcdsaVector> {
    acvp_signatures("DetECDSA-SigGen-FIPS186-5", true)
}

/// ACVP's signatures to verify, with SHA-2.
pub fn acvp_sig_ver() -> Vec<EcdsaVector> {
    acvp_signatures("ECDSA-SigVer-FIPS186-5", false)
}

/// ACVP's key pairs and public keys.
pub fn acvp_keys() -> Vec<KeyVector> {
    let mut out = Vec::new();
    for (set, pairs) in [
        ("ECDSA-KeyGen-FIPS186-5", true),
        ("ECDSA-KeyVer-FIPS186-5", false),
    ] {
        for g in files::acvp::<Acvp>(set).groups {
            let Some(curve) = curve(&g.curve) else { continue };
            for t in g.tests {
                let id = format!("{set} {}", t.id);
                let get = |x: &Option<String>| bytes(x.as_ref().expect("a number"), &id);
                out.push(KeyVector {
                    curve,
                    point: (get(&t.qx), get(&t.qy)),
                    private: pairs.then(|| get(&t.d)),
                    valid: pairs || t.passed,
                    id,
                });
            }
        }
    }
    out
}

#[derive(Deserialize)]
struct Rfc6979 {
    curve: String,
    private: String,
    #[serde(rename = "Ux")]
    x: String,
    #[serde(rename = "Uy")]
    y: String,
    cases: Vec<Rfc6979Case>,
}

#[derive(Deserialize)]
struct Rfc6979Case {
    hash: String,
    message: String,
    r: String,
    s: String,
}

/// RFC 6979, A.2.5 and A.2.6, the signatures with SHA-2.
pub fn rfc6979() -> Vec<EcdsaVector> {
    let mut out = Vec::new();
    for set in files::rfc6979::<Vec<Rfc6979>>() {
        let Some(curve) = curve(&set.curve) else { continue };
        for c in set.cases {
            let Some(sha) = sha(&c.hash).filter(|&n| n > 160) else {
                continue;
            };
            let id = format!("RFC 6979 {} {} {}", set.curve, c.hash, c.message);
            out.push(EcdsaVector {
                curve,
                sha,
                point: (bytes(&set.x, &id), bytes(&set.y, &id)),
                private: Some(bytes(&set.private, &id)),
                message: c.message.into_bytes(),
                signature: Some((bytes(&c.r, &id), bytes(&c.s, &id))),
                valid: true,
                id,
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts() {
        let w = super::wycheproof_ecdsa();
        let valid = w.iter().filter(|v| v.valid).count();
        let broken = w.iter().filter(|v| v.signature.is_none()).count();
        assert_eq!((w.len(), valid, broken), (988, 368, 442));
        assert!(w.iter().all(|v| !v.valid || v.signature.is_some()));
        assert_eq!(super::wycheproof_ecdh().len(), 349);
        assert_eq!(super::acvp_det_ecdsa().len(), 88);
        assert_eq!(super::acvp_sig_ver().len(), 28);
        assert_eq!(super::acvp_keys().len(), 18);
        assert_eq!(super::rfc6979().len(), 16);
    }
}
