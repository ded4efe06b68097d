// SPDX-License-Identifier: Apache-2.0
//! `casemate-sim serve`: the RTL as a PCI function over vfio-user.

use casemate_sim::config::Config;
use casemate_sim::serve::{Mode, Server};
use clap::{Parser, Subcommand, ValueEnum};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

/// The Casemate device, simulated
#[derive(Parser)]
#[command(name = "casemate-sim", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the RTL over vfio-user, to QEMU (device vfio-user-pci) or to the driver (vfio-user:PATH), one client at a time
    Serve {
        /// Socket to serve on; a stale one is replaced
        #[arg(long)]
        socket: PathBuf,
        /// Settings as of a `sim:` address, such as latency=250&ec=0
        #[arg(long, default_value = "")]
        device: String,
        /// How the device gets at a client's memory
        #[arg(long, value_enum, default_value_t = Dma::Shared)]
        dma: Dma,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Dma {
    /// Directly, where the client shares it in a file that cannot shrink; else by message
    Shared,
    /// By message, each access as the client decides
    Messages,
}

fn serve(socket: PathBuf, device: &str, dma: Dma) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::parse(device).map_err(|e| format!("--device: {e}"))?;
    if !device.split('&').any(|s| s.starts_with("seed=")) {
        // Keys made here are no test's: other ones in every run.
        let mut noise = [0; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut noise)?;
        config.noise = Some(noise);
    }
    let mode = match dma {
        Dma::Shared => Mode::Shared,
        Dma::Messages => Mode::Messages,
    };
    let mut server = Server::bind(&socket, &config, mode, |line| eprintln!("casemate-sim: {line}"))?;
    let (stop, tell) = UnixStream::pair()?;
    for signal in [SIGTERM, SIGINT] {
        signal_hook::low_level::pipe::register(signal, tell.try_clone()?)?;
    }
    // For those who wait for it to be there.
    println!("serving on {}", socket.display());
    server.run(&stop)?;
    Ok(())
}

fn main() -> ExitCode {
    let Command::Serve { socket, device, dma } = Args::parse().command;
    match serve(socket, &device, dma) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("casemate-sim: {e}");
            ExitCode::FAILURE
        }
    }
}
