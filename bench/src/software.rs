// SPDX-License-Identifier: Apache-2.0
//! Software on this machine: what `bench/peers` measured, and where the device and it break even.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// The one to compare with: the fastest there is for bulk.
pub const BASELINE: &str = "aws-lc-rs";

#[derive(Debug, Clone, Deserialize)]
pub struct Row {
    pub peer: String,
    pub version: String,
    pub op: String,
    pub size: Option<usize>,
    pub ns_per_op: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Peers {
    pub rows: Vec<Row>,
    pub skipped: Vec<String>,
    pub milliseconds: u64,
    pub repetitions: u32,
}

impl Peers {
    /// Runs `casemate-bench-peers`.
    pub fn measure(program: &Path, millis: u64, seed: u64, sizes: &[usize]) -> Result<Self> {
        let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
        let out = Command::new(program)
            .args([millis.to_string(), seed.to_string(), sizes.join(",")])
            .output()
            .with_context(|| format!("running {}", program.display()))?;
        let said = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "{}: {said}", program.display());
        Ok(serde_json::from_slice(&out.stdout)?)
    }

    /// Nanoseconds a message, by size, of one library.
    pub fn seal(&self, peer: &str) -> Vec<(usize, f64)> {
        let of = self.rows.iter().filter(|r| r.peer == peer);
        of.filter_map(|r| Some((r.size?, r.ns_per_op))).collect()
    }
}

/// The size from which on `b` takes less time than `a`, between the sizes measured by a straight line on logarithms; None if it never does,
/// the smallest size if it always does. Both are (size, time), of the same sizes.
pub fn crossing(a: &[(usize, f64)], b: &[(usize, f64)]) -> Option<f64> {
    // Over 0: `b` is the faster.
    let ahead: Vec<(f64, f64)> = (a.iter().zip(b))
        .map(|(a, b)| (a.0 as f64, (a.1 / b.1).ln()))
        .collect();
    let first = ahead.iter().rposition(|p| p.1 <= 0.0).map_or(0, |i| i + 1);
    let after = ahead.get(first)?;
    let Some(before) = first.checked_sub(1).map(|i| ahead[i]) else {
        return Some(after.0);
    };
    let part = -before.1 / (after.1 - before.1);
    Some((before.0.ln() + part * (after.0.ln() - before.0.ln())).exp())
}

#[cfg(test)]
mod tests {
    use super::crossing;

    #[test]
    fn crossings_lie_between_the_sizes() {
        let a = [(64, 10.0), (256, 40.0), (1024, 160.0)];
        let found = crossing(&a, &[(64, 40.0), (256, 80.0), (1024, 80.0)]);
        assert!((found.unwrap() - 512.0).abs() < 1.0, "{found:?}");
        assert_eq!(
            crossing(&a, &[(64, 40.0), (256, 80.0), (1024, 200.0)]),
            None,
            "never"
        );
        assert_eq!(
            crossing(&a, &[(64, 4.0), (256, 8.0), (1024, 2.0)]),
            Some(64.0),
            "always"
        );
    }
}
