// SPDX-License-Identifier: Apache-2.0
//! HMAC vectors.

use crate::{bytes, files};
use serde::Deserialize;

/// One HMAC vector.
#[derive(Debug, Clone)]
pub struct MacVector {
    /// File and number, for messages.
    pub id: String,
    /// Bits of the SHA-2 digest: 256 or 384.
    pub sha: u32,
    /// Key.
    pub key: Vec<u8>,
    /// Message.
    pub message: Vec<u8>,
    /// MAC, whole or truncated.
    pub mac: Vec<u8>,
    /// The MAC belongs to the message.
    pub valid: bool,
    /// What it tests.
    pub comment: String,
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
    msg: String,
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
    tests: Vec<AcvpTest>,
}

#[derive(Deserialize)]
struct AcvpTest {
    #[serde(rename = "tcId")]
    id: u32,
    key: String,
    msg: String,
    mac: String,
}

/// Wycheproof's HMAC-SHA-256 and HMAC-SHA-384 vectors.
pub fn wycheproof_hmac() -> Vec<MacVector> {
    let mut all = Vec::new();
    for sha in [256, 384] {
        let file: Wycheproof = files::wycheproof(&format!("hmac_sha{sha}_test.json"));
        for t in file.groups.into_iter().flat_map(|g| g.tests) {
            let id = format!("wycheproof hmac_sha{sha} {}", t.id);
            all.push(MacVector {
                sha,
                key: bytes(&t.key, &id),
                message: bytes(&t.msg, &id),
                mac: bytes(&t.tag, &id),
                valid: t.result == "valid",
                comment: t.comment,
                id,
            });
        }
    }
    all
}

/// NIST's ACVP vectors of HMAC-SHA2-256 and HMAC-SHA2-384. The MACs are truncated, to whole bytes.
pub fn acvp_hmac() -> Vec<MacVector> {
    let mut all = Vec::new();
    for sha in [256, 384] {
        let file: Acvp = files::acvp(&format!("HMAC-SHA2-{sha}-2.0"));
        for t in file.groups.into_iter().flat_map(|g| g.tests) {
            let id = format!("HMAC-SHA2-{sha}-2.0 {}", t.id);
            all.push(MacVector {
                sha,
                key: bytes(&t.key, &id),
                message: bytes(&t.msg, &id),
                mac: bytes(&t.mac, &id),
                valid: true,
                comment: String::new(),
                id,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts() {
        let w = super::wycheproof_hmac();
        assert_eq!(w.len(), 348);
        assert!(w.iter().any(|v| !v.valid));
        assert_eq!(super::acvp_hmac().len(), 300);
    }
}
