// SPDX-License-Identifier: Apache-2.0
//! ECDSA: cycles of lone operations.

use crate::board::Board;
use anyhow::{Result, ensure};
use casemate::{Curve, EcOptions, EcRequest, Hash, KeyAttributes, Keys, QueueConfig, Usage};
use std::time::Duration;

/// What is measured of a curve.
pub const KINDS: [&str; 3] = ["sign", "sign-protected", "verify"];

/// The name in figures.
pub fn name(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "p256",
        Curve::P384 => "p384",
    }
}

/// Cycles of an operation, from its doorbell to its interrupt: the average of some, which differ only in how the queue's turn falls.
pub fn measure(board: &Board, curve: Curve, kind: &str, times: u64) -> Result<f64> {
    let options = match kind {
        "sign-protected" => EcOptions::default(),
        _ => EcOptions::NONE,
    };
    let mut keys = Keys::over(board.device.queue(QueueConfig::default())?);
    keys.set_timeout(Duration::from_secs(600));
    let attributes = KeyAttributes::private(curve, Usage::SIGN).ec_options(options);
    let (key, public) = keys.generate_pair(&attributes)?;
    let hash = match curve {
        Curve::P256 => Hash::Sha256,
        Curve::P384 => Hash::Sha384,
    };
    let digest = vec![7; curve.size()];
    let mut signature = keys.sign(key, hash, &digest)?;
    let mut sum = 0;
    for _ in 0..times {
        let request = match kind {
            "verify" => EcRequest::verify(&public, &digest, &signature),
            _ => EcRequest::sign(key, hash, &digest),
        };
        let (done, cycles) = board.lone(keys.queue(), request)?;
        sum += cycles;
        if kind != "verify" {
            signature = done.signature()?;
        }
    }
    ensure!(
        keys.verify(&public, &digest, &signature).is_ok(),
        "a signature does not verify"
    );
    keys.destroy(key)?;
    Ok(sum as f64 / times as f64)
}
