// SPDX-License-Identifier: Apache-2.0
//! The encryption context, in the one form that is authenticated.

use crate::error::ApiError;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most bytes of an encryption context, as in the API.
const MOST: usize = 8192;

/// Pairs in the order of their names' bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncryptionContext(pub BTreeMap<String, String>);

impl EncryptionContext {
    /// From a member of a request, whose types were checked.
    pub fn of(input: &Map<String, Value>, member: &str) -> Result<Self, ApiError> {
        let pairs = input.get(member).and_then(Value::as_object);
        let pairs: BTreeMap<String, String> = pairs
            .into_iter()
            .flatten()
            .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
            .collect();
        if pairs.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() > MOST {
            return Err(ApiError::validation(format!(
                "EncryptionContext is too long: it may have {MOST} bytes"
            )));
        }
        Ok(Self(pairs))
    }

    /// Number of pairs, then of each pair the name's length, the name, the value's length, the value; numbers of four bytes,
    /// big-endian. No two contexts have the same.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = (self.0.len() as u32).to_be_bytes().to_vec();
        for part in self.0.iter().flat_map(|(k, v)| [k, v]) {
            out.extend((part.len() as u32).to_be_bytes());
            out.extend(part.as_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_and_lengths_do() {
        let of = |text: &str| {
            let input: Map<String, Value> = serde_json::from_str(&format!("{{\"C\": {text}}}")).unwrap();
            EncryptionContext::of(&input, "C").unwrap().canonical()
        };
        assert_eq!(of(r#"{"a": "1", "b": "2"}"#), of(r#"{"b": "2", "a": "1"}"#));
        assert_ne!(of(r#"{"a": "1b2"}"#), of(r#"{"a1": "b2"}"#));
        assert_ne!(of(r#"{"a": "", "b": ""}"#), of(r#"{"a": "b"}"#));
        assert_eq!(of("{}"), [0; 4]);
        assert_eq!(of(r#"{"k": "é"}"#), b"\0\0\0\x01\0\0\0\x01k\0\0\0\x02\xc3\xa9");
    }
}
