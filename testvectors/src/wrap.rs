// SPDX-License-Identifier: Apache-2.0
//! Key wrapping.

use crate::{bytes, folder};
use serde::Deserialize;

/// One key-wrap vector.
#[derive(Debug, Clone)]
pub struct WrapVector {
    /// File and number, for messages.
    pub id: String,
    /// Key-encryption key.
    pub key: Vec<u8>,
    /// The key that is wrapped.
    pub plaintext: Vec<u8>,
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// `wrapped` is what wrapping gives, and unwraps.
    pub valid: bool,
    /// What it tests.
    pub comment: String,
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
    comment: String,
    key: String,
    msg: String,
    ct: String,
    result: String,
}

/// Wycheproof's vectors of AES key wrap with padding (RFC 5649).
pub fn wycheproof_aes_kwp() -> Vec<WrapVector> {
    let path = folder().join("wycheproof/aes_kwp_test.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file: File = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let tests = file.groups.into_iter().flat_map(|g| g.tests);
    tests
        .map(|t| {
            let id = format!("wycheproof aes_kwp {}", t.id);
            WrapVector {
                key: bytes(&t.key, &id),
                plaintext: bytes(&t.msg, &id),
                wrapped: bytes(&t.ct, &id),
                valid: t.result == "valid",
                comment: t.comment,
                id,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn counts() {
        let v = super::wycheproof_aes_kwp();
        assert_eq!(v.len(), 254);
        assert_eq!(v.iter().filter(|v| v.valid).count(), 77);
    }
}
