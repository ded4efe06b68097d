// SPDX-License-Identifier: Apache-2.0
//! Files that are read.

use super::interrupt;
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

/// A file that is read from start to end: it stops when the program is told to, and moves a bar on.
pub struct Input {
    file: File,
    pub bar: ProgressBar,
}

impl Input {
    pub fn new(file: File, meta: &Metadata) -> Self {
        let bar = progress(meta.is_file().then_some(meta.len()));
        Self { file, bar }
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        interrupt::check()?;
        let n = self.file.read(buf)?;
        self.bar.inc(n as u64);
        Ok(n)
    }
}

/// Opens `path`, `-` for standard input. `pipe` is a command that takes standard input.
pub fn open(path: &Path, pipe: &str) -> Result<(File, Metadata)> {
    let shown = path.display();
    let file = if path == Path::new("-") {
        let fd = io::stdin().as_fd().try_clone_to_owned();
        File::from(fd.context("standard input is closed")?)
    } else {
        File::open(path).with_context(|| format!("cannot read {shown}"))?
    };
    let meta = file.metadata().with_context(|| format!("cannot read {shown}"))?;
    if meta.is_dir() {
        bail!("{shown} is a directory: name a file (or pipe the output of tar through `casemate {pipe}`)");
    }
    Ok((file, meta))
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
