// SPDX-License-Identifier: Apache-2.0
//! Verification: a chain's files are read once, from start to end, in memory that does not grow with them.

use crate::line::{Content, FORMAT, Head, Line, Note, Sha, Signed};
use crate::report::{Finding, Kind, Report, SignedHead};
use crate::segments::{self, Lines, Segment};
use crate::signer::fingerprint;
use p384::ecdsa::signature::hazmat::PrehashVerifier;
use p384::ecdsa::{Signature, VerifyingKey};
use std::io;
use std::path::{Path, PathBuf};

/// Findings and notes that are kept; further ones are counted.
const MOST: usize = 100;

/// Lines beyond the interval that may be without a head: notes that a batch begins with.
const SLACK: u64 = 2;

/// What is known beside the log.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The audit keys: one, or those of several servers or times.
    pub keys: Vec<VerifyingKey>,
    /// A head that somebody kept elsewhere: the log has to contain it.
    pub expected: Option<Head>,
    /// The last line of what was verified and archived before: the log has to go on from there.
    pub after: Option<Head>,
}

/// Names of the chains in a folder.
pub fn chains(folder: &Path) -> io::Result<Vec<String>> {
    Ok(segments::chains(folder)?.into_iter().collect())
}

/// Verifies one chain.
pub fn chain(folder: &Path, chain: &str, trust: &Trust) -> io::Result<Report> {
    let files = segments::list(folder, chain)?;
    let mut v = Verifier::new(chain, trust);
    v.report.files = files.len();
    for (i, segment) in files.iter().enumerate() {
        v.file(segment, i + 1 == files.len())?;
    }
    Ok(v.end())
}

struct Verifier<'a> {
    trust: &'a Trust,
    /// Each key's name.
    names: Vec<String>,
    report: Report,
    /// The last line's number.
    sequence: u64,
    /// Its hash, as far as that is known.
    hash: Option<Sha>,
    /// Malformed lines since then: what they were is not known, so they may stand for as many lines.
    malformed: u64,
    /// Lines that may come without a head: as the last opening says, and as one says that a later head covers.
    interval: Option<u64>,
    signed_interval: Option<u64>,
    file: PathBuf,
    line: u64,
}

/// A log that somebody else wrote shall not steer a terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

impl<'a> Verifier<'a> {
    fn new(chain: &str, trust: &'a Trust) -> Self {
        let start = trust.after.unwrap_or(Head::START);
        Self {
            trust,
            names: trust.keys.iter().map(|k| hex::encode(fingerprint(k))).collect(),
            report: Report {
                chain: chain.into(),
                files: 0,
                lines: 0,
                records: 0,
                heads: 0,
                tip: start,
                signed: None,
                unsigned: 0,
                closed: false,
                notes: Vec::new(),
                findings: Vec::new(),
                more: 0,
            },
            sequence: start.sequence,
            hash: Some(start.hash),
            malformed: 0,
            interval: None,
            signed_interval: None,
            file: PathBuf::new(),
            line: 0,
        }
    }

    fn find(&mut self, kind: Kind, sequence: u64, what: impl Into<String>) -> Option<&mut Finding> {
        if self.report.findings.len() >= MOST {
            self.report.more += 1;
            return None;
        }
        self.report.findings.push(Finding {
            kind,
            file: self.file.clone(),
            line: self.line,
            sequence,
            what: printable(&what.into()),
            missing: None,
        });
        self.report.findings.last_mut()
    }

    fn note(&mut self, what: String) {
        if self.report.notes.len() < MOST {
            self.report.notes.push(printable(&what));
        }
    }

    fn file(&mut self, segment: &Segment, last: bool) -> io::Result<()> {
        self.file.clone_from(&segment.path);
        self.line = 0;
        let mut lines = Lines::open(&segment.path)?;
        while let Some((bytes, whole)) = lines.next()? {
            self.line += 1;
            if whole {
                self.line(bytes, segment.first);
            } else if last {
                let n = bytes.len();
                let what = format!(
                    "the log ends in the middle of a line, after {n} bytes of it: it was cut, or its writer was killed (or is writing at this moment)"
                );
                self.find(Kind::Truncated, self.sequence + 1, what);
            } else {
                self.malformed("its end is missing");
            }
        }
        Ok(())
    }

    fn malformed(&mut self, why: &str) {
        self.malformed += 1;
        let sequence = self.sequence + self.malformed;
        self.find(
            Kind::Malformed,
            sequence,
            format!("this is no line of an audit log: {why}"),
        );
    }

    fn line(&mut self, bytes: &[u8], first: u64) {
        let line = match Line::parse(bytes) {
            Ok(line) => line,
            Err(why) => return self.malformed(&why),
        };
        let n = line.sequence;
        if line.chain != self.report.chain {
            let what = format!("a line of the chain `{}`", line.chain);
            self.find(Kind::Foreign, n, what);
            return;
        }
        if !line.intact() {
            // Its place it may still tell; of the next line's link nothing can be said.
            let n = self.sequence + 1 + self.malformed;
            self.find(
                Kind::Altered,
                n,
                "its hash is not that of what it says: it was altered",
            );
            (self.sequence, self.hash, self.malformed) = (n, None, 0);
            return;
        }
        let next = self.sequence + 1;
        if n < next {
            return self.out_of_place(&line);
        }
        if n > next + self.malformed {
            let (from, to) = (next + self.malformed, n - 1);
            let what = match (self.report.lines, to - from) {
                (0, _) if self.sequence == 0 => format!(
                    "the chain's beginning is missing, lines 1 to {to}; if it was archived, say what its last line was"
                ),
                (_, 0) => format!("line {from} is missing before this one"),
                _ => format!("lines {from} to {to} are missing before this one"),
            };
            if let Some(f) = self.find(Kind::Removed, from, what) {
                f.missing = Some((from, to));
            }
        } else if n == next && self.hash.is_some_and(|h| h != line.previous) {
            self.find(
                Kind::Unlinked,
                n,
                "it does not follow on the line before it: that one or this one was written by another hand",
            );
        }
        if self.line == 1 && n != first {
            self.find(
                Kind::Misnamed,
                n,
                format!("the file's name says that it begins with line {first}"),
            );
        }
        (self.sequence, self.hash, self.malformed) = (n, Some(line.hash), 0);
        self.report.lines += 1;
        self.report.tip = line.place();
        self.report.closed = false;
        if self
            .trust
            .expected
            .is_some_and(|e| e.sequence == n && e.hash != line.hash)
        {
            self.find(
                Kind::Rewritten,
                n,
                "it is not the line that was expected at this place",
            );
        }
        self.content(line);
    }

    /// A line of which a later one came before.
    fn out_of_place(&mut self, line: &Line<'_>) {
        let n = line.sequence;
        let at = self.sequence;
        let missing = |f: &Finding| f.missing.is_some_and(|(from, to)| (from..=to).contains(&n));
        let Some(i) = self.report.findings.iter().rposition(missing) else {
            self.find(
                Kind::Duplicated,
                n,
                format!("line {n} is there again, after line {at}"),
            );
            return;
        };
        // It is not missing, then.
        let gap = self.report.findings.remove(i);
        let (from, to) = gap.missing.expect("looked at above");
        for (from, to) in [(from, n - 1), (n + 1, to)] {
            if from <= to && self.report.findings.len() >= MOST {
                self.report.more += 1;
            } else if from <= to {
                let what = match to - from {
                    0 => format!("line {from} is missing before this one"),
                    _ => format!("lines {from} to {to} are missing before this one"),
                };
                let missing = Some((from, to));
                self.report.findings.push(Finding {
                    what,
                    missing,
                    sequence: from,
                    ..gap.clone()
                });
            }
        }
        self.find(Kind::Reordered, n, format!("line {n} stands after line {at}"));
    }

    fn content(&mut self, line: Line<'_>) {
        match line.content {
            Content::Record(_) => {
                self.report.records += 1;
                self.report.unsigned += 1;
            }
            Content::Note(note) => self.noted(line.sequence, note),
            Content::Head {
                ref head,
                digest,
                signature,
            } => match self.signature(head, &digest, &signature) {
                Ok(()) => {
                    self.report.heads += 1;
                    self.report.unsigned = 0;
                    self.report.closed = head.reason == crate::Reason::Shutdown;
                    self.report.signed = Some(SignedHead {
                        head: line.place(),
                        time: head.time.clone(),
                        reason: head.reason,
                    });
                    self.signed_interval = self.interval;
                }
                Err(why) => drop(self.find(Kind::Signature, line.sequence, why)),
            },
        }
    }

    fn signature(&self, head: &Signed, digest: &[u8; 48], signature: &[u8; 96]) -> Result<(), String> {
        let known = self.names.iter().position(|n| *n == head.key);
        let key = known.ok_or_else(|| {
            let key = head.key.get(..16).unwrap_or(&head.key);
            format!("the head is signed by key {key}…, which is not a key that was given")
        })?;
        let right =
            Signature::from_slice(signature).and_then(|s| self.trust.keys[key].verify_prehash(digest, &s));
        right.map_err(|_| {
            let since = match &self.report.signed {
                Some(s) => format!("the last good head, of line {}", s.head.sequence),
                None => "the chain's beginning".into(),
            };
            format!("the head's signature is wrong: what stands between {since} and this line was written by another hand")
        })
    }

    fn noted(&mut self, sequence: u64, note: Note) {
        match note {
            Note::Opened {
                time,
                format,
                interval,
                torn,
            } => {
                if format != FORMAT {
                    self.find(
                        Kind::Malformed,
                        sequence,
                        format!("the log's format is {format}; this program knows {FORMAT}"),
                    );
                }
                self.interval = Some(interval);
                if let Some(t) = torn {
                    self.note(format!(
                        "line {sequence}, {time}: opened after a crash; {} bytes of an unfinished line were put aside in {}",
                        t.bytes, t.kept
                    ));
                }
            }
            Note::Refused { time, records, error } => self.note(format!(
                "line {sequence}, {time}: {records} records could not be written and their requests were refused: {error}"
            )),
            Note::Unsigned { time, error } => {
                self.note(format!("line {sequence}, {time}: a head could not be signed: {error}"));
            }
        }
    }

    fn end(mut self) -> Report {
        let at = self.sequence;
        let signed = self.report.signed.as_ref().map_or(0, |s| s.head.sequence);
        let limit = self.signed_interval.or(self.interval).unwrap_or(0) + SLACK;
        // Before a head later lines are covered by it, whatever is noted between.
        let bare = self
            .report
            .tip
            .sequence
            .saturating_sub(signed.max(self.trust.after.map_or(0, |a| a.sequence)));
        if bare > limit {
            let what = format!(
                "{bare} lines follow on the last good head (line {signed}); the writer signs one in {limit}"
            );
            self.find(Kind::Unsigned, at, what);
        }
        if let Some(e) = self
            .trust
            .expected
            .filter(|e| e.sequence > self.report.tip.sequence)
        {
            let what = format!(
                "the log ends at line {at}, and line {} was expected: it was cut",
                e.sequence
            );
            self.find(Kind::Truncated, at, what);
        }
        self.report
    }
}
