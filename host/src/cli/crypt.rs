// SPDX-License-Identifier: Apache-2.0
//! `encrypt` and `decrypt`.

use super::output::{Output, identity};
use super::{interrupt, keyfile};
use anyhow::{Context, Result, bail};
use casemate_host::engine::DeviceCipher;
use casemate_host::stream::{self, SegmentSize, StreamError};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Args {
    /// The key: a file of 32 raw bytes or 64 hexadecimal digits; `casemate keygen` makes one
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// Segment size: Tink's key type AES256_GCM_HKDF_1MB or AES256_GCM_HKDF_4KB. The file does not say: decrypt with the same
    #[arg(long, value_enum, ignore_case = true, default_value = "1MB")]
    segment: Segment,
    /// Associated data: not stored, but to decrypt the same must be given
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    aad: String,
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
    /// What to read; `-` is standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; `-` is standard output. A file appears only when it is whole
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Segment {
    #[value(name = "1MB")]
    Mb1,
    #[value(name = "4KB")]
    Kb4,
}

/// The input: it stops when the program is told to, and moves the bar on.
struct Input {
    file: File,
    bar: ProgressBar,
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        interrupt::check()?;
        let n = self.file.read(buf)?;
        self.bar.inc(n as u64);
        Ok(n)
    }
}

fn open(path: &Path) -> Result<File> {
    let shown = path.display();
    if path == Path::new("-") {
        let fd = io::stdin().as_fd().try_clone_to_owned();
        return Ok(File::from(fd.context("standard input is closed")?));
    }
    File::open(path).with_context(|| format!("cannot read {shown}"))
}

fn progress(len: Option<u64>) -> ProgressBar {
    // On standard error, and only if that is a terminal.
    let (bar, template) = match len {
        Some(n) => (
            ProgressBar::new(n),
            "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("a template that parses"))
}

pub fn run(uri: &str, args: &Args, encrypt: bool) -> Result<()> {
    let key = keyfile::read(&args.key_file)?;
    let file = open(&args.input)?;
    let meta = file.metadata().context("cannot read the input")?;
    if meta.is_dir() {
        bail!(
            "{} is a directory: name a file (or pipe the output of tar through `casemate encrypt … - OUT`)",
            args.input.display()
        );
    }
    let key_id = std::fs::metadata(&args.key_file).ok().as_ref().and_then(identity);
    let mut output = Output::open(
        &args.output,
        args.force,
        &[("the input", identity(&meta)), ("the key file", key_id)],
    )?;
    let bar = progress(meta.is_file().then_some(meta.len()));
    let mut input = Input {
        file,
        bar: bar.clone(),
    };
    let size = match args.segment {
        Segment::Mb1 => SegmentSize::Mb1,
        Segment::Kb4 => SegmentSize::Kb4,
    };
    let aad = args.aad.as_bytes();
    // Opened when the input's header has been looked at: a simulated device takes a while to come up.
    let device = || {
        bar.suspend(|| crate::open(uri))
            .map_err(|e| StreamError::Open(e.into()))
    };
    let result = if encrypt {
        stream::encrypt(&mut input, &mut output, &key, aad, size, |k| {
            DeviceCipher::sealing(&device()?, k, size)
        })
    } else {
        stream::decrypt(&mut input, &mut output, &key, aad, size, |k| {
            DeviceCipher::opening(&device()?, k, size)
        })
    };
    bar.finish_and_clear();
    let what = if encrypt { "encrypting" } else { "decrypting" };
    result.with_context(|| format!("{what} {}", args.input.display()))?;
    output.commit()
}
