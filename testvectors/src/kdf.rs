// SPDX-License-Identifier: Apache-2.0
//! Key derivation vectors.

use crate::{bytes, files};
use serde::Deserialize;

/// One HKDF (RFC 5869) vector with SHA-256.
#[derive(Debug, Clone)]
pub struct HkdfVector {
    /// File and number, for messages.
    pub id: String,
    /// Input keying material.
    pub key: Vec<u8>,
    /// Salt.
    pub salt: Vec<u8>,
    /// Info.
    pub info: Vec<u8>,
    /// Bytes asked for.
    pub len: usize,
    /// Output; empty where more is asked for than there can be.
    pub output: Vec<u8>,
}

/// One vector of the KDF in counter mode (SP 800-108r1, 4.1) with HMAC, a 32-bit counter before the fixed input data.
#[derive(Debug, Clone)]
pub struct KbkdfVector {
    /// File, function and number, for messages.
    pub id: String,
    /// Bits of the SHA-2 digest: 256, 384 or 512.
    pub sha: u32,
    /// Key.
    pub key: Vec<u8>,
    /// Fixed input data.
    pub fixed: Vec<u8>,
    /// Output.
    pub output: Vec<u8>,
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
    ikm: String,
    salt: String,
    info: String,
    size: usize,
    okm: String,
}

/// Wycheproof's HKDF-SHA-256 vectors, which begin with RFC 5869's, A.1 to A.3.
pub fn wycheproof_hkdf_sha256() -> Vec<HkdfVector> {
    let file: Wycheproof = files::wycheproof("hkdf_sha256_test.json");
    let tests = file.groups.into_iter().flat_map(|g| g.tests);
    tests
        .map(|t| {
            let id = format!("wycheproof hkdf_sha256 {}", t.id);
            HkdfVector {
                key: bytes(&t.ikm, &id),
                salt: bytes(&t.salt, &id),
                info: bytes(&t.info, &id),
                len: t.size,
                output: bytes(&t.okm, &id),
                id,
            }
        })
        .collect()
}

/// NIST's CAVP vectors of the KDF in counter mode: those with HMAC-SHA-256, 384 and 512.
pub fn cavp_kbkdf() -> Vec<KbkdfVector> {
    let text = files::gz("cavp/KBKDF-CTR.txt.gz");
    let (mut sha, mut before, mut wide) = (None, false, false);
    let (mut key, mut fixed) = (Vec::new(), Vec::new());
    let mut number = 0;
    let mut all = Vec::new();
    for line in text.lines().map(str::trim) {
        let section = line.strip_prefix('[').and_then(|l| l.strip_suffix(']'));
        if let Some((name, value)) = section.and_then(|s| s.split_once('=')) {
            match name {
                "PRF" => sha = value.strip_prefix("HMAC_SHA").and_then(|n| n.parse().ok()),
                "CTRLOCATION" => before = value == "BEFORE_FIXED",
                _ => wide = value == "32_BITS",
            }
        } else if let Some((name, value)) = line.split_once('=') {
            let id = || format!("KBKDF-CTR SHA-{} {number}", sha.unwrap_or(0));
            match name.trim() {
                "COUNT" => number = value.trim().parse().expect("a number"),
                "KI" => key = bytes(value.trim(), &id()),
                "FixedInputData" => fixed = bytes(value.trim(), &id()),
                "KO" => {
                    if let Some(sha) = sha.filter(|s| before && wide && *s >= 256) {
                        all.push(KbkdfVector {
                            id: id(),
                            sha,
                            key: key.clone(),
                            fixed: fixed.clone(),
                            output: bytes(value.trim(), &id()),
                        });
                    }
                }
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
        let h = super::wycheproof_hkdf_sha256();
        assert_eq!(h.len(), 86);
        assert!(h[0].key == [0x0b; 22] && h[0].len == 42, "RFC 5869, A.1");
        let k = super::cavp_kbkdf();
        assert_eq!(k.len(), 120);
        for sha in [256, 384, 512] {
            assert_eq!(k.iter().filter(|v| v.sha == sha).count(), 40);
        }
    }
}
