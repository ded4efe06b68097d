// SPDX-License-Identifier: Apache-2.0
//! Reads the files of this folder.

use serde::de::DeserializeOwned;
use std::io::Read;
use std::path::Path;

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> T {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A file of `wycheproof/`.
pub fn wycheproof<T: DeserializeOwned>(name: &str) -> T {
    let path = crate::folder().join("wycheproof").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(&path, &text)
}

/// A set of `acvp/`.
pub fn acvp<T: DeserializeOwned>(set: &str) -> T {
    let path = crate::folder()
        .join("acvp")
        .join(set)
        .join("internalProjection.json.gz");
    let packed = std::fs::File::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut text = String::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(&path, &text)
}

/// The signatures of RFC 6979.
pub fn rfc6979<T: DeserializeOwned>() -> T {
    let path = crate::folder().join("rfc6979/vectors.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    parse(&path, &text)
}
