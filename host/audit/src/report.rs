// SPDX-License-Identifier: Apache-2.0
//! What a verification says.

use crate::line::{Head, Reason};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Bytes that are no line of a log.
    Malformed,
    /// A line whose hash is not that of what it says.
    Altered,
    /// Lines that are not there.
    Removed,
    /// A line that is there again.
    Duplicated,
    /// A line that stands after later ones.
    Reordered,
    /// A line, whole in itself, that does not follow on the one before it.
    Unlinked,
    /// A line of another chain.
    Foreign,
    /// A head whose signature is wrong, or of another key.
    Signature,
    /// More lines without a signed head than the writer allows.
    Unsigned,
    /// The end of the log is not there: it is in the middle of a line, or before the head that was expected.
    Truncated,
    /// Another line stands where the expected head was.
    Rewritten,
    /// A file that does not begin with the line that its name says.
    Misnamed,
}

/// Something wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// The file.
    pub file: PathBuf,
    /// Its line; the first is 1.
    pub line: u64,
    /// The line's number in the chain, or where it ought to be.
    pub sequence: u64,
    /// In words.
    pub what: String,
    #[serde(skip)]
    pub(crate) missing: Option<(u64, u64)>,
}

/// `FILE:LINE: sequence N: KIND: WHAT`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line, kind) = (self.file.display(), self.line, format!("{:?}", self.kind));
        let (sequence, what) = (self.sequence, &self.what);
        write!(
            f,
            "{file}:{line}: sequence {sequence}: {}: {what}",
            kind.to_lowercase()
        )
    }
}

/// A signed head that was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedHead {
    /// Its place.
    pub head: Head,
    /// When it was signed, by the writer's clock.
    pub time: String,
    /// Why.
    pub reason: Reason,
}

/// What a chain is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Its name.
    pub chain: String,
    /// Files.
    pub files: usize,
    /// Lines in place.
    pub lines: u64,
    /// Of these records.
    pub records: u64,
    /// Of these heads with a right signature.
    pub heads: u64,
    /// Its last line, to be kept elsewhere and expected next time.
    pub tip: Head,
    /// The last head whose signature is right.
    pub signed: Option<SignedHead>,
    /// Records after it. Nothing but an expected head tells whether there were more.
    pub unsigned: u64,
    /// It ends with the signed head of a shutdown.
    pub closed: bool,
    /// What the writer noted: crashes, refused records, heads that could not be signed.
    pub notes: Vec<String>,
    /// The first things that are wrong.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: u64,
}

impl Report {
    /// Nothing is wrong.
    pub fn ok(&self) -> bool {
        self.findings.is_empty() && self.more == 0
    }
}
