// SPDX-License-Identifier: Apache-2.0
//! Cycle counts of fixed work, which are committed: a change of one is meant, and has a reason.

use crate::board::Board;
use crate::closed::{self, Case};
use crate::ecdsa;
use crate::stages;
use anyhow::{Context, Result, bail};
use casemate::Curve;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The committed counts.
#[derive(Debug, Serialize, Deserialize)]
pub struct Counts {
    /// Why they are what they are: the last time that they changed.
    pub reason: String,
    pub cycles: BTreeMap<String, u64>,
}

const SEED: u64 = 1;

/// Runs the fixed work.
pub fn measure() -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let few = |open, size, queues| Case {
        open,
        queues,
        depth: 16,
        ..Case::seal(size)
    };
    let board = Board::new("", SEED)?;
    for (name, case, requests) in [
        ("seal 64 bytes, 4 queues, 512 requests", few(false, 64, 4), 512),
        ("seal 64 bytes, 1 queue, 256 requests", few(false, 64, 1), 256),
        ("open 1500 bytes, 4 queues, 128 requests", few(true, 1500, 4), 128),
        (
            "seal 16384 bytes, 2 queues, 32 requests",
            few(false, 16384, 2),
            32,
        ),
    ] {
        let count = closed::measure(&board, &case, requests).with_context(|| name)?;
        found.insert(name.into(), count.cycles);
    }
    for size in [64, 4096] {
        let all: u64 = stages::measure(&board, size)?.iter().sum();
        found.insert(format!("seal {size} bytes, alone"), all);
    }
    for kind in ecdsa::KINDS {
        let cycles = ecdsa::measure(&board, Curve::P256, kind, 1)?;
        found.insert(format!("ecdsa-p256-{kind}, alone"), cycles as u64);
    }
    let board = Board::new("link=gen2x4", SEED)?;
    let case = few(false, 1024, 4);
    let count = closed::measure(&board, &case, 256)?;
    found.insert(
        "seal 1024 bytes behind x4 Gen2, 4 queues, 256 requests".into(),
        count.cycles,
    );
    Ok(found)
}

/// What differs, in words; empty if nothing does.
pub fn differences(committed: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Vec<String> {
    let mut all = Vec::new();
    for (name, was) in committed {
        match found.get(name) {
            None => all.push(format!("{name}: not measured any more")),
            Some(is) if is != was => {
                let percent = 100.0 * (*is as f64 / *was as f64 - 1.0);
                all.push(format!(
                    "{name}: {is} cycles, committed are {was} ({percent:+.2} %)"
                ));
            }
            Some(_) => {}
        }
    }
    let new = found.keys().filter(|n| !committed.contains_key(*n));
    all.extend(new.map(|n| format!("{n}: not committed")));
    all
}

/// An error that says what differs from the committed counts.
pub fn check(path: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let committed: Counts = serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let differ = differences(&committed.cycles, &measure()?);
    if differ.is_empty() {
        return Ok(());
    }
    bail!(
        "cycle counts differ from {}:\n  {}\nif that is meant: cargo xtask bench --bless \"REASON\", and commit the file with the change",
        path.display(),
        differ.join("\n  ")
    );
}

/// Writes the counts anew.
pub fn bless(path: &Path, reason: &str) -> Result<()> {
    if reason.trim().is_empty() {
        bail!("a change of cycle counts needs its reason: --bless \"REASON\"");
    }
    let counts = Counts {
        reason: reason.trim().into(),
        cycles: measure()?,
    };
    std::fs::write(path, serde_json::to_string_pretty(&counts)? + "\n")
        .with_context(|| format!("{}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_named() {
        let of = |list: &[(&str, u64)]| list.iter().map(|(n, c)| (n.to_string(), *c)).collect();
        let committed = of(&[("same", 5), ("slower", 100), ("gone", 1)]);
        let found = of(&[("same", 5), ("slower", 101), ("new", 1)]);
        let all = differences(&committed, &found);
        assert_eq!(all.len(), 3, "{all:?}");
        assert!(
            all.iter()
                .any(|d| d.contains("slower: 101 cycles, committed are 100 (+1.00 %)")),
            "{all:?}"
        );
        assert!(differences(&committed, &committed).is_empty());
    }
}
