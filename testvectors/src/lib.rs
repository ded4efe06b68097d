// SPDX-License-Identifier: Apache-2.0
//! Loads the public vectors of this folder into one form.

mod wrap;
pub use wrap::{WrapVector, wycheproof_aes_kwp};
pub mod drbg;
pub mod ec;
mod files;
pub mod kdf;
pub mod mac;

use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// One AEAD vector.
#[derive(Debug, Clone)]
pub struct AeadVector {
    /// File and number, for messages.
    pub id: String,
    /// Key.
    pub key: Vec<u8>,
    /// IV, of any length, 0 included.
    pub iv: Vec<u8>,
    /// Additional authenticated data.
    pub aad: Vec<u8>,
    /// Plaintext; empty where the vector is an invalid one without it.
    pub plaintext: Vec<u8>,
    /// Ciphertext without tag.
    pub ciphertext: Vec<u8>,
    /// Tag.
    pub tag: Vec<u8>,
    /// The tag belongs to the ciphertext.
    pub valid: bool,
    /// What it tests.
    pub comment: String,
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn bytes(text: &str, id: &str) -> Vec<u8> {
    hex::decode(text).unwrap_or_else(|e| panic!("{id}: {e}"))
}

#[derive(Deserialize)]
struct Wycheproof {
    #[serde(rename = "testGroups")]
    groups: Vec<WycheproofGroup>,
}

#[derive(Deserialize)]
struct WycheproofGroup {
    tests: Vec<WycheproofTest>,
}

#[derive(Deserialize)]
struct WycheproofTest {
    #[serde(rename = "tcId")]
    id: u32,
    comment: String,
    key: String,
    iv: String,
    aad: String,
    msg: String,
    ct: String,
    tag: String,
    result: String,
}

#[derive(Deserialize)]
struct Acvp {
    #[serde(rename = "testGroups")]
    groups: Vec<AcvpGroup>,
}

#[derive(Deserialize)]
struct AcvpGroup {
    direction: String,
    tests: Vec<AcvpTest>,
}

#[derive(Deserialize)]
struct AcvpTest {
    #[serde(rename = "tcId")]
    id: u32,
    #[serde(rename = "testPassed")]
    passed: bool,
    key: String,
    iv: String,
    aad: String,
    #[serde(default)]
    pt: String,
    #[serde(default)]
    ct: String,
    tag: String,
}

/// Wycheproof's AES-GCM vectors.
pub fn wycheproof_aes_gcm() -> Vec<AeadVector> {
    let path = folder().join("wycheproof/aes_gcm_test.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: Wycheproof = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let tests = file.groups.into_iter().flat_map(|g| g.tests);
    tests
        .map(|t| {
            let id = format!("wycheproof aes_gcm {}", t.id);
            AeadVector {
                key: bytes(&t.key, &id),
                iv: bytes(&t.iv, &id),
                aad: bytes(&t.aad, &id),
                plaintext: bytes(&t.msg, &id),
                ciphertext: bytes(&t.ct, &id),
                tag: bytes(&t.tag, &id),
                valid: t.result == "valid",
                comment: t.comment,
                id,
            }
        })
        .collect()
}

/// NIST's ACVP vectors of AES-GCM and AES-GMAC.
pub fn acvp_aes_gcm() -> Vec<AeadVector> {
    let mut all = Vec::new();
    for set in ["ACVP-AES-GCM-1.0", "ACVP-AES-GMAC-1.0"] {
        let path: PathBuf = folder().join("acvp").join(set).join("internalProjection.json.gz");
        let packed = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed)
            .read_to_string(&mut text)
            .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file: Acvp = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for g in file.groups {
            for t in g.tests {
                let id = format!("{set} {}", t.id);
                all.push(AeadVector {
                    key: bytes(&t.key, &id),
                    iv: bytes(&t.iv, &id),
                    aad: bytes(&t.aad, &id),
                    plaintext: bytes(&t.pt, &id),
                    ciphertext: bytes(&t.ct, &id),
                    tag: bytes(&t.tag, &id),
                    valid: t.passed,
                    comment: g.direction.clone(),
                    id,
                });
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts() {
        let w = super::wycheproof_aes_gcm();
        assert_eq!(w.len(), 316);
        assert!(w.iter().any(|v| !v.valid) && w.iter().any(|v| v.iv.is_empty()));
        let a = super::acvp_aes_gcm();
        assert_eq!(a.len(), 120);
        assert!(a.iter().any(|v| !v.valid));
    }
}
