// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask …`: every habit of the project as one command.

mod bench;
mod checks;
mod compare;
mod demo;
mod ecdsa;
mod fuzz;
mod jobs;
mod postgres;
mod tests;
mod tools;
mod vm;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set-up, demo, tests and reports of Casemate")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the pinned tools under target/tools
    Setup,
    /// Encrypt and decrypt a real file through the whole device under Verilator and compare with an independent implementation
    Demo {
        /// The file; by default one of some megabytes from the tools
        file: Option<std::path::PathBuf>,
    },
    /// Set up, then run every test; ends with `N passed, N failed, N skipped`
    Test {
        /// Only the checks and test programs whose names contain one of these
        names: Vec<String>,
    },
    /// Boot a virtual machine with the RTL as its PCI functions, and run the driver's suite in it through VFIO
    Vm,
    /// Regenerate what comes from abi/casemate.rdl, and its HTML pages under target/doc/abi
    Abi {
        /// Only check that the committed files are fresh
        #[arg(long)]
        check: bool,
    },
    /// Lint the RTL (Verilator -Wall) and the Rust (rustfmt, clippy)
    Lint,
    /// Random operations on RTL and functional model, every set of parameters: the long form of the test, with a report
    Compare {
        /// Operations in all
        #[arg(long, default_value_t = 100_000)]
        ops: usize,
        /// Seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Hostile descriptors and register writes on the RTL, many seeds: the long form of the test, with a report
    Fuzz {
        /// Descriptors a seed
        #[arg(long, default_value_t = 100_000)]
        ops: u64,
        /// How many seeds
        #[arg(long, default_value_t = 10)]
        seeds: u64,
    },
    /// Mutated vfio-user messages against the served RTL: the long form of the test, with a report
    FuzzVfioUser {
        /// Messages in all
        #[arg(long, default_value_t = 1_000_000)]
        messages: u64,
        /// Seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Random signatures on the RTL against OpenSSL, and one time for every key: the long form of the tests, with a report
    Ecdsa {
        /// Pairs: one signature by the device, one by OpenSSL
        #[arg(long, default_value_t = 1000)]
        pairs: u64,
        /// Seed
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Mutated policy documents, many: the long form of the test
    FuzzPolicy {
        /// How many
        #[arg(long, default_value_t = 2_000_000)]
        documents: u64,
        /// Seed of the first
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Prove promises of the device on its RTL, and that seeded bugs break the proofs
    Formal {
        /// One proof; all by default
        name: Option<String>,
    },
    /// Measure, compare with software, and write a report: target/report/index.html
    Bench(bench::Args),
    /// Place and route a block: see hdl/syn/README.md
    #[command(trailing_var_arg = true, allow_hyphen_values = true)]
    Synth {
        /// Arguments of hdl/syn/synth.py, the block first
        args: Vec<String>,
    },
}

fn main() -> Result<()> {
    match Args::parse().task {
        Task::Setup => {
            postgres::setup();
            tools::setup().map(drop)
        }
        Task::Demo { file } => demo::run(file),
        Task::Test { names } => tests::run(&names),
        Task::Vm => tests::guest(),
        Task::Abi { check } => tools::abi(check),
        Task::Lint => checks::lint(),
        Task::Compare { ops, seed } => compare::run(ops, seed),
        Task::Fuzz { ops, seeds } => fuzz::run(ops, seeds),
        Task::FuzzVfioUser { messages, seed } => fuzz::vfio_user(messages, seed),
        Task::Ecdsa { pairs, seed } => ecdsa::run(pairs, seed),
        Task::FuzzPolicy { documents, seed } => fuzz::policy(documents, seed),
        Task::Formal { name } => tools::formal(name.as_deref()),
        Task::Bench(args) => bench::bench(args),
        Task::Synth { args } => tools::synth(&args),
    }
}
