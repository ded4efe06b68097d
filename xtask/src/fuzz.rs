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

/// Mutated vfio-user messages against the server.
pub fn vfio_user(messages: u64, seed: u64) -> Result<()> {
    setup()?;
    let out = cargo()
        .args([
            "test",
            "-q",
            "-p",
            "casemate-sim",
            "--test",
            "fuzz",
            "--",
            "--nocapture",
        ])
        .env("CASEMATE_FUZZ_MESSAGES", messages.to_string())
        .env("CASEMATE_FUZZ_SEED", seed.to_string())
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        bail!(
            "see above; CASEMATE_FUZZ_MESSAGES={messages} CASEMATE_FUZZ_SEED={seed} shows it again\n{text}"
        );
    }
    let line = text
        .lines()
        .find(|l| l.contains("mutated messages, seed"))
        .context("the test said nothing")?;
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
        let out = cargo()
            .args([
                "test",
                "-q",
                "-p",
                "casemate",
                "--test",
                "hostile",
                "--",
                "--nocapture",
            ])
            .env("CASEMATE_HOSTILE_OPS", ops.to_string())
            .env("CASEMATE_HOSTILE_SEED", seed.to_string())
            .stdout(Stdio::piped())
            .spawn()?
            .wait_with_output()?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        if !out.status.success() {
            bail!(
                "seed {seed}: see above; CASEMATE_HOSTILE_OPS={ops} CASEMATE_HOSTILE_SEED={seed} shows it again\n{text}"
            );
        }
        let line = text
            .lines()
            .find(|l| l.contains("hostile descriptors, seed"))
            .with_context(|| format!("seed {seed}: the test said nothing"))?;
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
