// SPDX-License-Identifier: Apache-2.0
//! A line of the log: its place in the chain and what it holds (README.md, *Format*).
//!
//! ```text
//! {"chain":"server-1","sequence":7,"previous":"…","record":{…},"hash":"…"}
//! {"chain":"server-1","sequence":8,"previous":"…","head":{…},"signature":"…","hash":"…"}
//! ```
//!
//! `hash` is SHA-256 of the line's bytes before `,"hash"`; `previous` is the hash of the line before. Hash and signature cover bytes,
//! so that no two programs have to agree on how JSON is written.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256, Sha384};

/// A SHA-256.
pub type Sha = [u8; 32];

/// Before the first line.
pub const GENESIS: Sha = [0; 32];

/// Name and version of the format, in the note at a log's opening and in what is signed.
pub const FORMAT: &str = "casemate-audit-v1";

/// Longer than any line.
pub const LINE_LIMIT: usize = 1 << 20;

/// A place in the chain: a line's number and hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The line's number; the first is 1.
    pub sequence: u64,
    /// Its hash.
    pub hash: Sha,
}

impl Head {
    /// Before the first line.
    pub const START: Self = Self {
        sequence: 0,
        hash: GENESIS,
    };
}

/// As in 17:a1b2…, to keep it elsewhere.
impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.sequence, hex::encode(self.hash))
    }
}

impl std::str::FromStr for Head {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let parts = s.split_once(':').and_then(|(n, h)| {
            Some(Self {
                sequence: n.parse().ok()?,
                hash: sha(h)?,
            })
        });
        parts.ok_or_else(|| format!("`{s}` is no head: it is a number, a colon and 64 hexadecimal digits"))
    }
}

impl Serialize for Head {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Why a head was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The log was opened.
    Start,
    /// Time passed or records came.
    Interval,
    /// The service asked for it.
    Request,
    /// A segment ends.
    Rotation,
    /// The log was closed.
    Shutdown,
}

/// What is signed, beside its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    pub time: String,
    pub reason: Reason,
    /// Which key: [`crate::signer::fingerprint`].
    pub key: String,
}

/// What befell the log itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase", deny_unknown_fields)]
pub enum Note {
    /// It was opened for writing.
    Opened {
        time: String,
        format: String,
        /// No more lines than so many come without a head.
        interval: u64,
        /// What was not whole at its end, and was put aside.
        #[serde(skip_serializing_if = "Option::is_none")]
        torn: Option<Torn>,
    },
    /// Records could not be written, and their requests were refused.
    Refused {
        time: String,
        records: u64,
        error: String,
    },
    /// A head could not be signed.
    Unsigned { time: String, error: String },
}

/// The end of a line of which the rest is missing: the writer was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Torn {
    pub bytes: u64,
    pub sha256: String,
    /// The file that it is kept in.
    pub kept: String,
}

/// What a line holds.
#[derive(Debug)]
pub enum Content<'a> {
    Record(&'a RawValue),
    Note(Note),
    Head {
        head: Signed,
        /// SHA-384 of what is signed.
        digest: [u8; 48],
        signature: [u8; 96],
    },
}

/// A line, taken apart. That its hash is right is for [`Line::intact`] to say.
#[derive(Debug)]
pub struct Line<'a> {
    pub chain: &'a str,
    pub sequence: u64,
    pub previous: Sha,
    pub hash: Sha,
    pub content: Content<'a>,
    body: &'a [u8],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    chain: &'a str,
    sequence: u64,
    previous: &'a str,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    note: Option<Note>,
    head: Option<Signed>,
    signature: Option<&'a str>,
    #[serde(rename = "hash")]
    _hash: &'a str,
}

const HASH: &[u8] = b",\"hash\":\"";
const SIGNATURE: &[u8] = b",\"signature\":\"";

/// Hexadecimal digits, small ones only: one line has one form.
fn digits<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    let small = text.iter().all(|b| !b.is_ascii_uppercase());
    (small && hex::decode_to_slice(text, &mut out).is_ok()).then_some(out)
}

fn sha(text: &str) -> Option<Sha> {
    digits(text.as_bytes())
}

/// `text` as what comes before `mark`, digits and `end`.
fn ending<'a, const N: usize>(text: &'a [u8], mark: &[u8], end: &[u8]) -> Option<(&'a [u8], [u8; N])> {
    let text = text.strip_suffix(end)?;
    let (before, value) = text.split_at_checked(text.len().checked_sub(2 * N)?)?;
    Some((before.strip_suffix(mark)?, digits(value)?))
}

impl<'a> Line<'a> {
    /// From a line's bytes, without its end.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, String> {
        let (body, hash) = ending(bytes, HASH, b"\"}").ok_or("it does not end in its hash")?;
        let raw: Raw = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        let content = match (raw.record, raw.note, raw.head, raw.signature) {
            (Some(record), None, None, None) => Content::Record(record),
            (None, Some(note), None, None) => Content::Note(note),
            (None, None, Some(head), Some(_)) => {
                let (signed, signature) =
                    ending(body, SIGNATURE, b"\"").ok_or("its signature is not where it belongs")?;
                Content::Head {
                    head,
                    digest: digest(signed),
                    signature,
                }
            }
            _ => return Err("it holds not one of record, note and signed head".into()),
        };
        Ok(Self {
            chain: raw.chain,
            sequence: raw.sequence,
            previous: sha(raw.previous).ok_or("its `previous` is no hash")?,
            hash,
            content,
            body,
        })
    }

    /// Whether its hash is that of its bytes.
    pub fn intact(&self) -> bool {
        Sha::from(Sha256::digest(self.body)) == self.hash
    }

    /// Its place.
    pub fn place(&self) -> Head {
        Head {
            sequence: self.sequence,
            hash: self.hash,
        }
    }
}

/// What a head's signature is of.
fn digest(signed: &[u8]) -> [u8; 48] {
    let sha = Sha384::new().chain_update(FORMAT).chain_update("\n");
    sha.chain_update(signed).finalize().into()
}

/// Writes lines, one after the other, into memory.
pub struct Writer {
    chain: String,
    pub at: Head,
    pub out: Vec<u8>,
}

impl Writer {
    /// After line `at` of a chain.
    pub fn new(chain: &str, at: Head) -> Self {
        Self {
            chain: chain.into(),
            at,
            out: Vec::new(),
        }
    }

    fn begin(&self) -> String {
        let (chain, n) = (&self.chain, self.at.sequence + 1);
        format!(
            r#"{{"chain":"{chain}","sequence":{n},"previous":"{}""#,
            hex::encode(self.at.hash)
        )
    }

    fn end(&mut self, body: &str) {
        let hash = Sha256::digest(body).into();
        self.out.extend_from_slice(body.as_bytes());
        self.out.extend_from_slice(HASH);
        self.out.extend_from_slice(hex::encode(hash).as_bytes());
        self.out.extend_from_slice(b"\"}\n");
        self.at = Head {
            sequence: self.at.sequence + 1,
            hash,
        };
    }

    /// A record, from its JSON.
    pub fn record(&mut self, json: &str) {
        let body = self.begin() + r#","record":"# + json;
        self.end(&body);
    }

    /// A note.
    pub fn note(&mut self, note: &Note) {
        let json = serde_json::to_string(note).expect("a note is JSON");
        let body = self.begin() + r#","note":"# + &json;
        self.end(&body);
    }

    /// A head, if it can be signed.
    pub fn head<E>(
        &mut self,
        head: &Signed,
        sign: impl FnOnce(&[u8; 48]) -> Result<[u8; 96], E>,
    ) -> Result<(), E> {
        let json = serde_json::to_string(head).expect("a head is JSON");
        let signed = self.begin() + r#","head":"# + &json;
        let signature = hex::encode(sign(&digest(signed.as_bytes()))?);
        self.end(&format!(r#"{signed},"signature":"{signature}""#));
        Ok(())
    }
}
