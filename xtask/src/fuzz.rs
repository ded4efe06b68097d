// SPDX-License-Identifier: Apache-2.0
//! The long forms of tests of hostile input: driver/tests/hostile.rs and sim/tests/fuzz.rs, with dated reports of what was answered, and
//! host/policy/tests/hostile.rs with many documents.

use crate::tools::{cargo, root, setup};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

fn today() -> Result<String> {
    let date = Command::new("date").arg("+%Y-%m-%d").output()?;
    Ok(String::from_utf8_lossy(&date.stdout).trim().into())
}

/// Runs a test with settings, and gives the line of its output that has `mark`.
fn said(package: &str, test: &str, settings: [(&str, u64); 2], mark: &str) -> Result<String> {
    let out = cargo()
        .args(["test", "-q", "-p", package, "--test", test, "--", "--nocapture"])
        .envs(settings.map(|(name, value)| (name, value.to_string())))
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    let text = String::from_utf8_lossy(&out.stdout);
    let [(a, x), (b, y)] = settings;
    if !out.status.success() {
        bail!("see above; {a}={x} {b}={y} shows it again\n{text}");
    }
    let line = text.lines().find(|l| l.contains(mark));
    Ok(line
        .with_context(|| format!("{a}={x} {b}={y}: the test said nothing"))?
        .into())
}

/// Mutated vfio-user messages against the server.
pub fn vfio_user(messages: u64, seed: u64) -> Result<()> {
    setup()?;
    let settings = [("CASEMATE_FUZZ_MESSAGES", messages), ("CASEMATE_FUZZ_SEED", seed)];
    let line = said("casemate-sim", "fuzz", settings, "mutated messages, seed")?;
    println!("{line}");
    let path = root().join("sim/tests/fuzz-report.md");
    let md = format!(
        "# Mutated vfio-user messages\n\n{}: `cargo xtask fuzz-vfio-user --messages {messages} --seed {seed}`. Half of them to a server that \
         maps its client's memory, half to one that reaches it by message, the RTL behind both. Each message had its reply or ended \
         its client's connection, within 30 seconds; the server served on, and held no range, mapping or fd at the end.\n\n- {line}\n",
        today()?,
    );
    std::fs::write(&path, md)?;
    println!("report: {}", path.display());
    Ok(())
}

/// Hostile descriptors against the RTL.
pub fn run(ops: u64, seeds: u64) -> Result<()> {
    setup()?;
    let start = Instant::now();
    let mut rows = String::new();
    for seed in 1..=seeds {
        let settings = [("CASEMATE_HOSTILE_OPS", ops), ("CASEMATE_HOSTILE_SEED", seed)];
        let line = said("casemate", "hostile", settings, "hostile descriptors, seed")?;
        println!("{line}");
        writeln!(rows, "- {line}")?;
    }
    let path = root().join("driver/tests/hostile-report.md");
    let md = format!(
        "# Hostile descriptors and register writes\n\n{}: `cargo xtask fuzz --ops {ops} --seeds {seeds}`, {} minutes. No hang, no AXI violation, one \
         completion for every submission, and a queue of another domain that saw none of it.\n\n{rows}",
        today()?,
        start.elapsed().as_secs().div_ceil(60),
    );
    std::fs::write(&path, md)?;
    println!("report: {}", path.display());
    Ok(())
}

pub fn policy(documents: u64, seed: u64) -> Result<()> {
    let status = cargo()
        .args([
            "test",
            "-q",
            "-p",
            "casemate-policy",
            "--test",
            "hostile",
            "mutated_documents",
        ])
        .args(["--", "--nocapture"])
        .env("CASEMATE_POLICY_FUZZ", documents.to_string())
        .env("CASEMATE_POLICY_SEED", seed.to_string())
        .status()?;
    if !status.success() {
        bail!("see above: the message names the seed of the document");
    }
    Ok(())
}
