// SPDX-License-Identifier: Apache-2.0
//! `zeroize`: every key and all data in the device destroyed.

use anyhow::{Context, Result, bail};
use std::io::{self, IsTerminal, Write};

#[derive(clap::Args)]
pub struct Args {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

fn confirmed(uri: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        bail!("zeroize destroys every key in {uri} for good: it asks on a terminal, or give --yes");
    }
    eprint!("This destroys every key in {uri} for good. Type zeroize to go on: ");
    io::stderr().flush().ok();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).context("reading the answer")?;
    Ok(answer.trim() == "zeroize")
}

pub fn run(uri: &str, args: &Args) -> Result<()> {
    if !args.yes && !confirmed(uri)? {
        bail!("nothing was done");
    }
    let device = crate::open(uri)?;
    device.zeroize().context("zeroizing")?;
    say!("{uri} is zeroized: every key is gone, and it serves nothing until it is reset");
    Ok(())
}
