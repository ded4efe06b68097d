// SPDX-License-Identifier: Apache-2.0
//! HMAC_DRBG vectors (SP 800-90A, 10.1.2).

use crate::{bytes, files};
use serde::Deserialize;

/// One call after instantiation.
#[derive(Debug, Clone)]
pub enum DrbgCall {
    /// Reseed.
    Reseed {
        /// Entropy input.
        entropy: Vec<u8>,
        /// Additional input.
        additional: Vec<u8>,
    },
    /// Generate. With prediction resistance the vector has a reseed before it, which takes the additional input.
    Generate {
        /// Additional input.
        additional: Vec<u8>,
    },
}

/// One HMAC_DRBG vector.
#[derive(Debug, Clone)]
pub struct DrbgVector {
    /// Set and number, for messages.
    pub id: String,
    /// Entropy input of the instantiation.
    pub entropy: Vec<u8>,
    /// Nonce.
    pub nonce: Vec<u8>,
    /// Personalization string.
    pub personalization: Vec<u8>,
    /// What follows.
    pub calls: Vec<DrbgCall>,
    /// What the last generate returns; every generate returns as many bytes.
    pub returned: Vec<u8>,
}

#[derive(Deserialize)]
struct Acvp {
    #[serde(rename = "testGroups")]
    groups: Vec<AcvpGroup>,
}

#[derive(Deserialize)]
struct AcvpGroup {
    mode: String,
    #[serde(rename = "predResistance")]
    prediction_resistance: bool,
    tests: Vec<AcvpTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AcvpTest {
    tc_id: u32,
    entropy_input: String,
    nonce: String,
    perso_string: String,
    other_input: Vec<AcvpCall>,
    returned_bits: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AcvpCall {
    intended_use: String,
    additional_input: String,
    entropy_input: String,
}

/// NIST's ACVP vectors of HMAC_DRBG with SHA-256.
pub fn acvp_hmac_drbg_sha256() -> Vec<DrbgVector> {
    let file: Acvp = files::acvp("hmacDRBG-SP800-90Ar1");
    let mut all = Vec::new();
    for g in file.groups.into_iter().filter(|g| g.mode == "SHA2-256") {
        for t in g.tests {
            let id = format!("hmacDRBG-SP800-90Ar1 {}", t.tc_id);
            let mut calls = Vec::new();
            for c in t.other_input {
                let entropy = bytes(&c.entropy_input, &id);
                let additional = bytes(&c.additional_input, &id);
                match (c.intended_use.as_str(), g.prediction_resistance) {
                    ("reSeed", _) => calls.push(DrbgCall::Reseed { entropy, additional }),
                    ("generate", false) => calls.push(DrbgCall::Generate { additional }),
                    ("generate", true) => {
                        calls.push(DrbgCall::Reseed { entropy, additional });
                        calls.push(DrbgCall::Generate {
                            additional: Vec::new(),
                        });
                    }
                    (other, _) => panic!("{id}: {other}"),
                }
            }
            all.push(DrbgVector {
                entropy: bytes(&t.entropy_input, &id),
                nonce: bytes(&t.nonce, &id),
                personalization: bytes(&t.perso_string, &id),
                calls,
                returned: bytes(&t.returned_bits, &id),
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
        let all = super::acvp_hmac_drbg_sha256();
        assert_eq!(all.len(), 60);
        assert!(all.iter().all(|v| v.calls.len() >= 3 && !v.returned.is_empty()));
    }
}
