// SPDX-License-Identifier: Apache-2.0
//! The whole test run: checks of generated files and style, proofs, then every cargo test, counted together.

use crate::jobs::{Job, Jobs, captured};
use crate::tools::{abi, cargo, root, setup};
use crate::vm::{self, Outcome};
use crate::{checks, demo};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Tests that take longest, which begin first.
const LONG: &[&str] = &[
    "wiped",
    "compare",
    "isolation",
    "ecvectors",
    "keys",
    "cache",
    "figures",
    "gcm_lane",
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

    /// What a job printed and how it ended. One that has counts of its own in its output counts by them.
    fn job(&mut self, name: &str, said: &str, result: Result<()>) {
        let before = (self.passed, self.failed, self.skipped);
        println!("{}", said.trim_end());
        for line in said.lines() {
            self.add_line(line);
            // Tests that find an optional tool missing say so on a line of their own.
            if line.starts_with("skipped: ") {
                self.skipped += 1;
            }
        }
        if name.starts_with("tests ") && (self.passed, self.failed, self.skipped) != before {
            if let Err(e) = result {
                println!("{name}: {e:#}");
                // A crash after good tests has no line of its own.
                self.failed += u64::from(self.failed == before.1);
            }
        } else if !name.starts_with("tests ") || result.is_err() {
            self.check(name, result);
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

/// A test program that cargo built.
struct TestProgram {
    name: String,
    program: PathBuf,
    /// Its package's folder, where cargo would run it.
    folder: PathBuf,
}

/// Builds every test and says which programs they are.
fn build() -> Result<Vec<TestProgram>> {
    let mut cmd = cargo();
    cmd.args([
        "test",
        "--no-run",
        "--workspace",
        "--all-features",
        "--message-format=json-render-diagnostics",
    ]);
    let out = cmd.stderr(Stdio::inherit()).output()?;
    if !out.status.success() {
        bail!("cargo test --no-run: {}", out.status);
    }
    let mut programs = Vec::new();
    for line in out.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        let message: serde_json::Value = serde_json::from_slice(line).context("cargo's messages")?;
        let Some(program) = message["executable"].as_str() else {
            continue;
        };
        if message["profile"]["test"] != true {
            continue;
        }
        let manifest = PathBuf::from(message["manifest_path"].as_str().context("manifest_path")?);
        programs.push(TestProgram {
            name: message["target"]["name"].as_str().context("target")?.into(),
            program: program.into(),
            folder: manifest.parent().context("a manifest's folder")?.into(),
        });
    }
    let order = |p: &TestProgram| LONG.iter().position(|n| *n == p.name).unwrap_or(LONG.len());
    programs.sort_by_key(order);
    Ok(programs)
}

fn test_job(test: TestProgram) -> Job {
    let name = format!("tests {}", test.name);
    let said = format!("     Running {} ({})\n", test.name, test.program.display());
    let work = move || {
        let mut cmd = Command::new(&test.program);
        cmd.current_dir(&test.folder)
            .env("CARGO_MANIFEST_DIR", &test.folder)
            // With the tools set up, no test that needs one may skip.
            .env("CASEMATE_REQUIRE_TOOLS", "1");
        match captured(&mut cmd) {
            Ok((more, result)) => (said + &more, result),
            Err(e) => (said, Err(e)),
        }
    };
    Job {
        name,
        work: Box::new(work),
    }
}

fn doc_tests() -> Job {
    let work = || match captured(cargo().args(["test", "--doc", "--workspace", "--all-features"])) {
        Ok(done) => done,
        Err(e) => (String::new(), Err(e)),
    };
    Job {
        name: "tests of the documentation".into(),
        work: Box::new(work),
    }
}

/// The driver's suite in a guest, through VFIO.
fn guest_tests() -> Job {
    let work = || {
        let mut said = String::new();
        let result = match vm::run_guest(|line| said += &format!("{line}\n")) {
            Ok(Outcome::Ran) => Ok(()),
            Ok(Outcome::Skipped(why)) => {
                said += &format!("skipped: virtual machine: QEMU and a kernel cannot be had here: {why}\n");
                Ok(())
            }
            Err(e) => Err(e),
        };
        (said, result)
    };
    Job {
        name: "tests in a virtual machine".into(),
        work: Box::new(work),
    }
}

/// Those alone.
pub fn guest() -> Result<()> {
    let mut tally = Tally::default();
    let job = guest_tests();
    let (said, result) = (job.work)();
    tally.job(&job.name, &said, result);
    if tally.passed + tally.failed == 0 {
        // Nothing ran, and why has been said.
        println!("0 passed, 0 failed, {} skipped", tally.skipped);
        return Ok(());
    }
    finish(&tally)
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

/// Everything, or what has one of these in its name.
pub fn run(names: &[String]) -> Result<()> {
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| name.contains(n));
    let mut tally = Tally::default();
    setup()?;
    crate::postgres::setup();
    checks::first_start()?;
    if wanted("generated files are fresh") {
        tally.check("generated files are fresh", abi(true));
    }
    if wanted("rustfmt") {
        tally.check("rustfmt", checks::rustfmt());
    }
    let tally = Mutex::new(tally);
    let done = |name: &str, said: &str, result| tally.lock().expect("tally").job(name, said, result);
    let jobs = Jobs::default();
    jobs.add(checks::rtl().into_iter().filter(|j| wanted(&j.name)));
    std::thread::scope(|scope| {
        let workers = std::thread::available_parallelism().map_or(2, |n| n.get());
        for _ in 1..workers.max(2) {
            scope.spawn(|| jobs.work(&done));
        }
        // Cargo meanwhile: it runs one at a time.
        if wanted("clippy") {
            let clippy = checks::clippy();
            tally.lock().expect("tally").check("clippy", clippy);
        }
        match build() {
            Ok(programs) => {
                let tests = programs.into_iter().map(test_job);
                let tests = tests.chain([guest_tests(), doc_tests()]);
                jobs.add(tests.filter(|j| wanted(&j.name)));
            }
            Err(e) => tally.lock().expect("tally").check("the tests are built", Err(e)),
        }
        jobs.close();
        jobs.work(&done);
    });
    let mut tally = tally.into_inner().expect("tally");
    let name = "demo, on a small file";
    if wanted(name) {
        tally.check(name, demo::run(Some(root().join("Cargo.lock"))));
    }
    finish(&tally)
}
