// SPDX-License-Identifier: Apache-2.0
//! The long form of driver/tests/compare: every set of parameters, and a dated report of what agreed.

use crate::tools::{cargo, root, setup};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Sets of parameters the test builds.
const SETS: usize = 12;

fn run_tests(ops: usize, seed: u64) -> Result<String> {
    let mut cmd = cargo();
    cmd.args(["test", "-p", "casemate", "--test", "compare", "--", "--nocapture"])
        .env("CASEMATE_COMPARE_SETS", "all")
        .env("CASEMATE_COMPARE_OPS", ops.div_ceil(SETS).to_string())
        .env("CASEMATE_COMPARE_SEED", seed.to_string())
        .stdout(Stdio::piped());
    let out = cmd.spawn()?.wait_with_output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    print!("{text}");
    if !out.status.success() {
        bail!("RTL and model differ, or a model did not build: see above");
    }
    Ok(text)
}

/// Lines of the form `SHAPE TIMING: N operations agree: [(Ok, 300), …]`.
fn tally(text: &str) -> BTreeMap<String, (usize, BTreeMap<String, usize>)> {
    let mut sets: BTreeMap<String, (usize, BTreeMap<String, usize>)> = BTreeMap::new();
    for line in text.lines() {
        let Some((head, statuses)) = line.split_once(" operations agree: ") else {
            continue;
        };
        let Some((what, n)) = head.rsplit_once(": ") else {
            continue;
        };
        let shape = what.split(' ').next().unwrap_or(what).to_owned();
        let set = sets.entry(shape).or_default();
        set.0 += n.parse::<usize>().unwrap_or(0);
        for pair in statuses.trim_matches(['[', ']']).split("), ") {
            if let Some((name, count)) = pair.trim_matches(['(', ')']).split_once(", ") {
                *set.1.entry(name.to_owned()).or_default() += count.parse::<usize>().unwrap_or(0);
            }
        }
    }
    sets
}

pub fn run(ops: usize, seed: u64) -> Result<()> {
    setup()?;
    let start = Instant::now();
    let sets = tally(&run_tests(ops, seed)?);
    let total: usize = sets.values().map(|s| s.0).sum();
    // Programs with key operations have a set of their own.
    if sets.len() < SETS || total < ops {
        bail!(
            "{} sets and {total} operations were reported, not {SETS} and {ops}",
            sets.len()
        );
    }
    let date = Command::new("date").arg("+%Y-%m-%d").output()?;
    let mut md = format!(
        "# RTL against functional model\n\n{}: `cargo xtask compare --ops {ops} --seed {seed}`, {} minutes with the models' building. \
         {total} random operations agree in every completion and every byte.\n\n| set | operations | by status |\n|---|---|---|\n",
        String::from_utf8_lossy(&date.stdout).trim(),
        start.elapsed().as_secs().div_ceil(60),
    );
    for (shape, (n, statuses)) in &sets {
        let mut by: Vec<_> = statuses.iter().collect();
        by.sort_by_key(|s| std::cmp::Reverse(s.1));
        let by: Vec<String> = by.iter().map(|(k, v)| format!("{k} {v}")).collect();
        writeln!(md, "| `{shape}` | {n} | {} |", by.join(", "))?;
    }
    let path = root().join("driver/tests/compare/report.md");
    std::fs::write(&path, md)?;
    println!("{total} operations agree; report: {}", path.display());
    Ok(())
}
