// SPDX-License-Identifier: Apache-2.0
//! What the tests share: an audit key, a log of some lines.
#![allow(dead_code)]

use casemate_audit::verify::{self, Trust};
use casemate_audit::{Event, Head, Log, Options, Parameters, Report, SignError, Signer};
use p384::ecdsa::signature::hazmat::PrehashSigner;
use p384::ecdsa::{Signature, SigningKey, VerifyingKey};
use serde_json::json;
use std::path::Path;

pub const CHAIN: &str = "server-1";

/// An audit key in the program. `1` makes the usual one.
pub struct Soft(SigningKey);

impl Soft {
    pub fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 48]).unwrap())
    }
}

impl Signer for Soft {
    fn public_key(&self) -> VerifyingKey {
        *self.0.verifying_key()
    }

    fn sign(&mut self, digest: &[u8; 48]) -> Result<[u8; 96], SignError> {
        let s: Signature = self.0.sign_prehash(digest)?;
        Ok(s.to_bytes()[..].try_into()?)
    }
}

pub fn options(folder: &Path) -> Options {
    Options::new(folder, CHAIN)
}

pub fn open(options: Options) -> Log {
    Log::open(options, Box::new(Soft::new(1))).unwrap()
}

pub fn event(n: u64) -> Event {
    let mut e = Event::new("Encrypt", &format!("request-{n}"));
    e.request = Parameters::of_request("Encrypt", &json!({"KeyId": format!("key-{n}")}));
    e
}

/// Appends records, all at once.
pub fn append(log: &Log, numbers: impl Iterator<Item = u64>) -> Vec<Head> {
    let pending: Vec<_> = numbers.map(|n| log.append(&event(n))).collect();
    pending.into_iter().map(|p| p.wait().unwrap()).collect()
}

pub fn trust() -> Trust {
    Trust {
        keys: vec![Soft::new(1).public_key()],
        ..Trust::default()
    }
}

pub fn verify(folder: &Path) -> Report {
    verify::chain(folder, CHAIN, &trust()).unwrap()
}

/// The names of files with this ending, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = all.filter(|p| p.to_str().unwrap().ends_with(ending)).collect();
    all.sort();
    all
}
