// SPDX-License-Identifier: Apache-2.0
//! Key derivation.

use crate::{bytes, files, folder};
use serde::Deserialize;
use std::io::Read;

/// One derivation.
#[derive(Debug, Clone)]
pub struct KdfVector {
    /// File and number, for messages.
    pub id: String,
    /// The hash's bits: 256, 384 or 512.
    pub sha: u32,
    /// The key derived from.
    pub key: Vec<u8>,
    /// HKDF's salt.
    pub salt: Vec<u8>,
    /// HKDF's info, or the fixed input data.
    pub info: Vec<u8>,
    /// The key derived.
    pub out: Vec<u8>,
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "testGroups")]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    #[serde(rename = "tcId")]
    id: u32,
    ikm: String,
    salt: String,
    info: String,
    okm: String,
    result: String,
}

/// Wycheproof's valid vectors of HKDF with SHA-256 (RFC 5869), the RFC's own among them.
pub fn wycheproof_hkdf() -> Vec<KdfVector> {
    let file: File = files::wycheproof("hkdf_sha256_test.json");
    let tests = file.groups.into_iter().flat_map(|g| g.tests);
    tests
        .filter(|t| t.result == "valid")
        .map(|t| {
            let id = format!("wycheproof hkdf_sha256 {}", t.id);
            KdfVector {
                sha: 256,
                key: bytes(&t.ikm, &id),
                salt: bytes(&t.salt, &id),
                info: bytes(&t.info, &id),
                out: bytes(&t.okm, &id),
                id,
            }
        })
        .collect()
}

/// NIST's CAVS vectors of the KDF in counter mode (SP 800-108, 5.1) with HMAC-SHA-256, 384 and 512 and a 32-bit counter before the
/// fixed input data.
pub fn cavs_kbkdf() -> Vec<KdfVector> {
    let path = folder().join("cavs/nist-800-108-KBKDF-CTR.txt.gz");
    let packed = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let (mut all, mut sha, mut before, mut wide) = (Vec::new(), 0, false, false);
    let (mut id, mut key, mut info) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines().map(str::trim) {
        if let Some((name, value)) = line.trim_matches(['[', ']']).split_once('=') {
            let value = value.trim();
            match name.trim() {
                "PRF" => {
                    let prf = value.strip_prefix("HMAC_SHA").unwrap_or("0");
                    sha = prf.parse().unwrap_or_else(|e| panic!("{value}: {e}"));
                }
                "CTRLOCATION" => before = value == "BEFORE_FIXED",
                "RLEN" => wide = value == "32_BITS",
                "COUNT" => id = format!("KBKDF-CTR HMAC-SHA{sha} {value}"),
                "KI" => key = bytes(value, &id),
                "FixedInputData" => info = bytes(value, &id),
                "KO" if sha >= 256 && before && wide => all.push(KdfVector {
                    id: id.clone(),
                    sha,
                    key: key.clone(),
                    salt: Vec::new(),
                    info: info.clone(),
                    out: bytes(value, &id),
                }),
                _ => {}
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts() {
        assert_eq!(super::wycheproof_hkdf().len(), 83);
        assert_eq!(super::cavs_kbkdf().len(), 120);
    }
}
