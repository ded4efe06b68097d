// SPDX-License-Identifier: Apache-2.0
//! `casemate`: files encrypted by the device, and a look at the device itself.

/// A line on standard output; that it cannot be written is an error like any other.
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        anyhow::Context::context(writeln!(std::io::stdout(), $($arg)*), "writing to standard output")?
    }};
}

mod cli {
    pub mod attributes;
    pub mod audit;
    pub mod bench;
    pub mod crypt;
    pub mod doctor;
    pub mod info;
    pub mod input;
    pub mod interrupt;
    pub mod key;
    pub mod keyfile;
    pub mod output;
    pub mod root;
    pub mod selftest;
    pub mod show;
    pub mod sign;
    pub mod tokenfile;
    pub mod zeroize;
}

use anyhow::Result;
use casemate::{Device, Error};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Encrypt and decrypt files with the Casemate crypto device, look at it, and measure it.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit status: 0 done, 1 failed, 2 wrong usage, 128 and the signal's number when interrupted."
)]
struct Args {
    /// The device: `sim:` is the RTL under Verilator, `soft:` a functional model; `casemate devices` lists them.
    /// Settings follow a question mark, as in sim:?latency=250&lanes=2
    #[arg(
        long,
        value_name = "URI",
        env = "CASEMATE_DEVICE",
        default_value = "sim:",
        global = true
    )]
    device: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a key file: 32 random bytes, readable by its owner alone
    Keygen {
        /// The file; it must not be there
        out: PathBuf,
    },
    /// Keys that live in the device: tokens, files that hold them wrapped
    #[command(subcommand, after_help = cli::key::ABOUT)]
    Key(cli::key::Command),
    /// Random bytes of the device's generator, to standard output
    Random(cli::key::Random),
    /// Encrypt a file, in the format of Tink's streaming AEAD
    Encrypt(cli::crypt::Args),
    /// Decrypt a file that `encrypt` or Tink wrote
    ///
    /// An altered, cut or reordered file is refused and leaves no output. That holds for an OUT that is a file: on standard output,
    /// a pipe or a device file, segments appear as they authenticate, and a file cut at its end is noticed only there. Then what
    /// appeared is genuine but not the whole, and the exit status, not 0, is what tells.
    Decrypt(cli::crypt::Args),
    /// Sign a file with a token's private key (ECDSA)
    Sign(cli::sign::Sign),
    /// Verify the signature of a file (ECDSA)
    Verify(cli::sign::Verify),
    /// Show the public key of a token's private key, in PEM
    Pubkey(cli::sign::PublicKeyOf),
    /// Request a certificate for a token's private key (PKCS#10), in PEM
    Csr(cli::sign::Csr),
    /// Audit logs of the key service: verify, search, export
    #[command(subcommand)]
    Audit(cli::audit::Command),
    /// List the devices that can be opened
    Devices {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what a device is made of, its counters and its queues
    Info {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Report the device's power-up self-tests, and run known answers through its rings
    Selftest,
    /// Tell what a device needs of this machine, and the command that mends what is missing
    Doctor(cli::doctor::Args),
    /// Give a PCI function to the kernel's VFIO driver, for vfio:BDF (needs root)
    Bind {
        /// Its address, as in 0000:01:00.0
        bdf: String,
    },
    /// Take a PCI function back from the kernel's VFIO driver (needs root)
    Unbind {
        /// Its address, as in 0000:01:00.0
        bdf: String,
    },
    /// Destroy every key and all data in the device; it serves nothing until it is reset
    Zeroize(cli::zeroize::Args),
    /// Measure AES-GCM on a device, in its own clock cycles
    #[command(after_help = cli::bench::METHOD)]
    Bench(cli::bench::Args),
}

/// Opens a device; says on standard error when that takes long.
fn open(uri: &str) -> Result<Device> {
    let open = || {
        if casemate::probe(uri)?.slow {
            eprintln!("casemate: building the device's model with Verilator: once, for a minute or more");
        }
        Device::open(uri)
    };
    open().map_err(|e| match e {
        // It names the device itself.
        Error::Uri { .. } => e.into(),
        e => anyhow::Error::new(e).context(format!("opening device {uri}")),
    })
}

fn run(args: Args) -> Result<()> {
    let uri = &args.device;
    match args.command {
        Command::Keygen { out } => cli::keyfile::generate(&out),
        Command::Key(c) => cli::key::run(uri, c),
        Command::Random(a) => cli::key::random(uri, &a),
        Command::Encrypt(a) => cli::crypt::run(uri, &a, true),
        Command::Decrypt(a) => cli::crypt::run(uri, &a, false),
        Command::Sign(a) => cli::sign::sign(uri, &a),
        Command::Verify(a) => cli::sign::verify(uri, &a),
        Command::Pubkey(a) => cli::sign::public_key(uri, &a),
        Command::Csr(a) => cli::sign::csr(uri, &a),
        Command::Audit(c) => cli::audit::run(c),
        Command::Devices { json } => cli::info::devices(json),
        Command::Info { json } => cli::info::device(uri, json),
        Command::Selftest => cli::selftest::run(uri),
        Command::Doctor(a) => cli::doctor::run(uri, &a),
        Command::Bind { bdf } => cli::doctor::bind(&bdf),
        Command::Unbind { bdf } => cli::doctor::unbind(&bdf),
        Command::Zeroize(a) => cli::zeroize::run(uri, &a),
        Command::Bench(a) => cli::bench::run(uri, &a),
    }
}

fn main() -> ExitCode {
    // Wrong usage ends in here, with status 2.
    let args = Args::parse();
    let result = cli::interrupt::install().and_then(|()| run(args));
    match (result, cli::interrupt::signal()) {
        (Ok(()), _) => ExitCode::SUCCESS,
        (Err(_), Some(signal)) => {
            eprintln!("casemate: interrupted; no unfinished file is left");
            ExitCode::from(128 + signal)
        }
        (Err(e), None) => {
            eprintln!("casemate: {e:#}");
            ExitCode::FAILURE
        }
    }
}
