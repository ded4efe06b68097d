// SPDX-License-Identifier: Apache-2.0
//! Where a chain ends, and what a killed writer left behind it.

use crate::line::{Content, Head, Line, Torn};
use crate::log::Error;
use crate::segments::{self, Lines, Segment};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where to go on.
pub struct Tail {
    /// The file; none if there is no line yet.
    pub path: Option<PathBuf>,
    /// Its bytes up to the end of its last line.
    pub len: u64,
    /// That line.
    pub at: Head,
    /// The last head in that file.
    pub head: Head,
    /// What was behind it.
    pub torn: Option<Torn>,
}

/// Finds it, and puts aside what is torn: what has not even the form of a line, with no line after it. Everything else that does not
/// fit is damage, not the trace of a crash.
pub fn find(folder: &Path, chain: &str) -> Result<Tail, Error> {
    let mut all = segments::list(folder, chain).map_err(Error::file(folder))?;
    let mut torn = None;
    while let Some(segment) = all.pop() {
        let scan = Scan::of(&segment, chain)?;
        if scan.rest > 0 {
            torn = Some(put_aside(folder, chain, &segment, &scan)?);
        }
        if scan.at.sequence > 0 {
            return Ok(Tail {
                path: Some(segment.path),
                len: scan.len,
                at: scan.at,
                head: scan.head,
                torn,
            });
        }
        // Made, and then the writer was killed.
        std::fs::remove_file(&segment.path).map_err(Error::file(&segment.path))?;
    }
    Ok(Tail {
        path: None,
        len: 0,
        at: Head::START,
        head: Head::START,
        torn,
    })
}

/// A file read to its end.
struct Scan {
    at: Head,
    head: Head,
    len: u64,
    /// Bytes after that.
    rest: u64,
}

impl Scan {
    fn of(segment: &Segment, chain: &str) -> Result<Self, Error> {
        let cannot = |e| Error::file(&segment.path)(e);
        let damaged = |line, what: &str| Error::Damaged {
            file: segment.path.display().to_string(),
            line,
            what: what.into(),
        };
        let mut lines = Lines::open(&segment.path).map_err(cannot)?;
        let mut scan = Self {
            at: Head::START,
            head: Head::START,
            len: 0,
            rest: 0,
        };
        let mut number = 0;
        while let Some((bytes, whole)) = lines.next().map_err(cannot)? {
            number += 1;
            let size = bytes.len() as u64 + u64::from(whole);
            let Some(line) = Line::parse(bytes).ok().filter(|_| whole) else {
                scan.rest += size;
                continue;
            };
            let place = line.place();
            let right = match scan.at.sequence {
                0 => place.sequence == segment.first,
                n => place.sequence == n + 1 && line.previous == scan.at.hash,
            };
            if scan.rest > 0 || !right || line.chain != chain {
                return Err(damaged(number, "it does not follow on the one before"));
            }
            if !line.intact() {
                return Err(damaged(number, "it was altered"));
            }
            if matches!(line.content, Content::Head { .. }) {
                scan.head = place;
            }
            scan.at = place;
            scan.len += size;
        }
        Ok(scan)
    }
}

fn put_aside(folder: &Path, chain: &str, segment: &Segment, scan: &Scan) -> Result<Torn, Error> {
    let cannot = |e| Error::file(&segment.path)(e);
    let mut file = File::open(&segment.path).map_err(cannot)?;
    file.seek(SeekFrom::Start(scan.len)).map_err(cannot)?;
    // No more than the writer's last batch, but whoever wrote it may have been another.
    let mut rest = Vec::new();
    file.take(scan.rest).read_to_end(&mut rest).map_err(cannot)?;
    let next = match scan.at.sequence {
        0 => segment.first,
        n => n + 1,
    };
    let kept = format!("{chain}.{next:016}.torn");
    let path = folder.join(&kept);
    let written = File::create(&path).and_then(|mut f| {
        f.write_all(&rest)?;
        f.sync_all()
    });
    written.map_err(Error::file(&path))?;
    Ok(Torn {
        bytes: scan.rest,
        sha256: hex::encode(Sha256::digest(&rest)),
        kept,
    })
}
