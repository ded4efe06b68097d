// SPDX-License-Identifier: Apache-2.0
//! The long form of the tests of signatures: many pairs with OpenSSL on the RTL, one time for every key, and a dated report.

use crate::tools::{cargo, root, setup};
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a test prints.
fn test(args: &[&str], env: &[(&str, &str)]) -> Result<String> {
    let mut cmd = cargo();
    cmd.arg("test").args(args).args(["--", "--nocapture"]);
    let out = cmd
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .spawn()?
        .wait_with_output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    print!("{text}");
    if !out.status.success() {
        bail!("a test of signatures failed: see above");
    }
    Ok(text)
}

/// Lines of a test's output that have `mark`, as a list.
fn list(text: &str, mark: &str) -> Result<String> {
    let mut md = String::new();
    for line in text.lines().filter(|l| l.contains(mark)) {
        // The first line may follow the test's name.
        let line = line.rsplit_once(" ... ").map_or(line, |l| l.1);
        writeln!(md, "- {line}")?;
    }
    if md.is_empty() {
        bail!("no line of the test's has `{mark}`");
    }
    Ok(md)
}

pub fn run(pairs: u64, seed: u64) -> Result<()> {
    setup()?;
    let start = Instant::now();
    let (count, from) = (pairs.to_string(), seed.to_string());
    let agree = test(
        &["-p", "casemate", "--test", "ecpairs", "pairs_with_openssl"],
        &[("CASEMATE_ECDSA_PAIRS", &count), ("CASEMATE_ECDSA_SEED", &from)],
    )?;
    let times = test(
        &[
            "-p",
            "casemate-hdl-tb",
            "--test",
            "ec_engine",
            "one_time_for_every_key",
        ],
        &[("CASEMATE_LONG", "1")],
    )?;
    let version = Command::new("openssl").arg("version").output();
    let version =
        version.context("cannot start openssl: install it (Debian, Ubuntu: apt install openssl)")?;
    let date = Command::new("date").arg("+%Y-%m-%d").output()?;
    let md = format!(
        "# Signatures against OpenSSL, and their times\n\n{}: `cargo xtask ecdsa --pairs {pairs} --seed {seed}`, {} minutes. In a pair \
         the device signs a random digest of 20 to 64 bytes with a random key and OpenSSL verifies, then OpenSSL signs with that key and \
         the device verifies. {}.\n\n{}\nCycles of the engine on the RTL, over random and extreme keys and digests:\n\n{}",
        String::from_utf8_lossy(&date.stdout).trim(),
        start.elapsed().as_secs().div_ceil(60),
        String::from_utf8_lossy(&version.stdout).trim(),
        list(&agree, "pairs agree")?,
        list(&times, "one number of cycles")?,
    );
    let path = root().join("driver/tests/ecdsa-report.md");
    std::fs::write(&path, md)?;
    println!("report: {}", path.display());
    Ok(())
}
