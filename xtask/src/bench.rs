// SPDX-License-Identifier: Apache-2.0
//! Figures: builds `casemate-bench` and, apart from the workspace, what measures software, and runs them.

use crate::tools::{cargo, root, run, setup};
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

#[derive(clap::Args)]
pub struct Args {
    /// Fewer sizes and messages: minutes
    #[arg(long)]
    quick: bool,
    /// Of keys and arrivals
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these figures
    #[arg(long, value_name = "NAME,NAME")]
    series: Option<String>,
    /// No comparison with software, which takes minutes to compile at first
    #[arg(long)]
    no_peers: bool,
    /// Folder of the report; by default target/report
    #[arg(long)]
    out: Option<PathBuf>,
    /// Only compare the cycle counts of fixed work with bench/cycles.json
    #[arg(long, conflicts_with_all = ["quick", "series", "no_peers", "out", "bless"])]
    check: bool,
    /// Only write bench/cycles.json anew, and why
    #[arg(long, value_name = "REASON", conflicts_with_all = ["quick", "series", "no_peers", "out"])]
    bless: Option<String>,
}

fn built(cmd: &mut Command) -> Result<()> {
    run(cmd
        .args(["--quiet", "--target-dir"])
        .arg(root().join("target/bench")))
}

pub fn bench(args: Args) -> Result<()> {
    setup()?;
    built(cargo().args(["build", "--release", "-p", "casemate-bench"]))?;
    let mut cmd = Command::new(root().join("target/bench/release/casemate-bench"));
    if args.check || args.bless.is_some() {
        cmd.arg("gate");
        if let Some(reason) = args.bless {
            cmd.args(["--bless", &reason]);
        }
        return run(&mut cmd);
    }
    cmd.args(["report", "--seed", &args.seed.to_string(), "--out"])
        .arg(args.out.unwrap_or_else(|| root().join("target/report")));
    if args.quick {
        cmd.arg("--quick");
    }
    if let Some(series) = args.series {
        cmd.args(["--series", &series]);
    }
    if !args.no_peers {
        built(cargo().args(["build", "--manifest-path", "bench/peers/Cargo.toml"]))?;
        cmd.arg("--peers")
            .arg(root().join("target/bench/debug/casemate-bench-peers"));
    }
    run(&mut cmd)
}
