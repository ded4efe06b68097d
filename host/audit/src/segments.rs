// SPDX-License-Identifier: Apache-2.0
//! A chain's files: `CHAIN.NUMBER.jsonl`, where the number is that of the file's first line.

use crate::line::LINE_LIMIT;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// A file of a chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// Number of its first line, as its name says.
    pub first: u64,
    pub path: PathBuf,
}

/// Whether a chain may have this name: it stands in file names and, as it is, in JSON.
pub fn is_name(chain: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&chain.len()) && chain.bytes().all(allowed)
}

/// The name of the file that begins with line `first`.
pub fn path(folder: &Path, chain: &str, first: u64) -> PathBuf {
    folder.join(format!("{chain}.{first:016}.jsonl"))
}

fn parse(name: &str) -> Option<(&str, u64)> {
    let (chain, number) = name.strip_suffix(".jsonl")?.split_once('.')?;
    Some((chain, number.parse().ok()?)).filter(|_| is_name(chain))
}

fn each(folder: &Path, mut f: impl FnMut(&str, u64, PathBuf)) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if let Some((chain, first)) = entry.file_name().to_str().and_then(parse) {
            f(chain, first, entry.path());
        }
    }
    Ok(())
}

/// A chain's files, in order.
pub fn list(folder: &Path, chain: &str) -> io::Result<Vec<Segment>> {
    let mut all = Vec::new();
    each(folder, |c, first, path| {
        if c == chain {
            all.push(Segment { first, path });
        }
    })?;
    all.sort();
    Ok(all)
}

/// The chains that a folder holds.
pub fn chains(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    each(folder, |c, _, _| {
        all.insert(c.to_owned());
    })?;
    Ok(all)
}

/// Lines of a file, one at a time, in bounded memory.
pub struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
}

impl Lines {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            reader: BufReader::with_capacity(1 << 18, File::open(path)?),
            line: Vec::new(),
        })
    }

    /// The next line, and whether it has its end. One that is too long comes in pieces, of which only the last may have it.
    pub fn next(&mut self) -> io::Result<Option<(&[u8], bool)>> {
        self.line.clear();
        let n = (&mut self.reader)
            .take(LINE_LIMIT as u64)
            .read_until(b'\n', &mut self.line)?;
        if n == 0 {
            return Ok(None);
        }
        let whole = self.line.last() == Some(&b'\n');
        Ok(Some((&self.line[..n - usize::from(whole)], whole)))
    }
}
