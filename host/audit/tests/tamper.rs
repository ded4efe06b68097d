// SPDX-License-Identifier: Apache-2.0
//! For each kind of tampering what the verifier finds, and where.

mod common;

use casemate_audit::Kind::{self, *};
use casemate_audit::verify::{self, Trust};
use casemate_audit::{Head, Log, Options, Report, Signer};
use common::{CHAIN, Soft, append, files, open, options, trust};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::{TempDir, tempdir};

/// A log in memory: its files' names, and their lines with their ends.
#[derive(Clone, PartialEq, Debug)]
struct Files(Vec<(PathBuf, Vec<String>)>);

impl Files {
    fn read(folder: &Path) -> Self {
        let read = |f: PathBuf| {
            let text = std::fs::read_to_string(&f).unwrap();
            let lines = text.split_inclusive('\n').map(str::to_owned).collect();
            (f.file_name().unwrap().into(), lines)
        };
        Self(files(folder, ".jsonl").into_iter().map(read).collect())
    }

    fn write(&self) -> TempDir {
        let dir = tempdir().unwrap();
        for (name, lines) in &self.0 {
            std::fs::write(dir.path().join(name), lines.concat()).unwrap();
        }
        dir
    }

    fn lines(&self) -> usize {
        self.0.iter().map(|(_, l)| l.len()).sum()
    }

    /// File and line of the line with this number, both from 0.
    fn place(&self, sequence: usize) -> (usize, usize) {
        let mut at = sequence - 1;
        for (i, (_, lines)) in self.0.iter().enumerate() {
            if at < lines.len() {
                return (i, at);
            }
            at -= lines.len();
        }
        panic!("no line {sequence}");
    }

    fn line(&mut self, sequence: usize) -> &mut String {
        let (f, l) = self.place(sequence);
        &mut self.0[f].1[l]
    }

    fn remove(&mut self, sequence: usize) -> String {
        let (f, l) = self.place(sequence);
        self.0[f].1.remove(l)
    }

    fn insert(&mut self, before: usize, line: String) {
        let (f, l) = self.place(before);
        self.0[f].1.insert(l, line);
    }

    fn swap(&mut self, a: usize, b: usize) {
        let line = self.line(a).clone();
        let other = std::mem::replace(self.line(b), line);
        *self.line(a) = other;
    }

    /// Cut so that `bytes` are left, over all files; files after that are gone.
    fn cut(&mut self, mut bytes: usize) {
        let mut kept = Vec::new();
        for (name, lines) in self.0.drain(..) {
            let text = lines.concat();
            let n = bytes.min(text.len());
            kept.push((name, vec![text[..n].to_owned()]));
            bytes -= n;
            if bytes == 0 {
                break;
            }
        }
        self.0 = kept;
    }

    /// Gives the line the right hash and makes those after it follow on, up to but without line `until`: what an attacker can who
    /// writes the files but has no key.
    fn forge(&mut self, from: usize, until: usize) {
        let mut previous: Option<String> = None;
        for n in from..until {
            let line = self.line(n);
            if let Some(p) = previous {
                let at = line.find("\"previous\":\"").unwrap() + 12;
                line.replace_range(at..at + 64, &p);
            }
            let body = line.len() - 76;
            let hash = hex::encode(Sha256::digest(&line[..body]));
            line.replace_range(body + 9..body + 73, &hash);
            previous = Some(hash);
        }
    }
}

struct Sample {
    files: Files,
    tip: Head,
    heads: Vec<usize>,
}

/// Three files, some heads, closed.
static SAMPLE: LazyLock<Sample> = LazyLock::new(|| {
    let dir = tempdir().unwrap();
    let log = open(Options {
        segment_bytes: 9000,
        head_lines: 6,
        ..options(dir.path())
    });
    for n in 0..26 {
        append(&log, n..n + 1);
    }
    let tip = log.close().unwrap();
    let files = Files::read(dir.path());
    let all: Vec<_> = files.0.iter().flat_map(|(_, l)| l).collect();
    let heads = (1..=all.len())
        .filter(|n| all[n - 1].contains("\"head\":"))
        .collect();
    Sample { files, tip, heads }
});

fn report(files: &Files, trust: &Trust) -> Report {
    let dir = files.write();
    verify::chain(dir.path(), CHAIN, trust).unwrap()
}

fn expecting(head: Head) -> Trust {
    Trust {
        expected: Some(head),
        ..trust()
    }
}

/// Kind, file (from 0), line and sequence of each finding.
fn findings(files: &Files, trust: &Trust) -> Vec<(Kind, usize, u64, u64)> {
    let found = report(files, trust);
    let all = found.findings.iter().map(|f| {
        let file = files
            .0
            .iter()
            .position(|(n, _)| Some(n.as_os_str()) == f.file.file_name());
        assert!(
            f.to_string()
                .contains(&format!(":{}: sequence {}: ", f.line, f.sequence))
        );
        (f.kind, file.unwrap(), f.line, f.sequence)
    });
    all.collect()
}

/// The sample after `change`, without anything known beside the key.
fn after(change: impl FnOnce(&mut Files)) -> Vec<(Kind, usize, u64, u64)> {
    let mut f = SAMPLE.files.clone();
    change(&mut f);
    findings(&f, &trust())
}

fn place(sequence: usize) -> (usize, u64) {
    let (f, l) = SAMPLE.files.place(sequence);
    (f, l as u64 + 1)
}

#[test]
fn untouched() {
    let s = &*SAMPLE;
    assert!(
        s.files.0.len() == 3 && s.heads.len() > 5,
        "{} {:?}",
        s.files.0.len(),
        s.heads
    );
    let r = report(&s.files, &expecting(s.tip));
    assert!(r.ok() && r.closed && r.tip == s.tip, "{r:?}");
    assert_eq!((r.lines as usize, r.records), (s.files.lines(), 26));
}

#[test]
fn every_line_removed_altered_doubled_swapped() {
    let s = &*SAMPLE;
    let last = s.files.lines();
    for n in 1..=last {
        let (file, line) = place(n);
        let first = line == 1;
        // Removed: seen at the line that comes next.
        let found = after(|f| drop(f.remove(n)));
        if n < last {
            let next = place(n + 1);
            // The lines of the same file have moved up by one.
            let at = if next.0 == file { next.1 - 1 } else { next.1 };
            let mut expected = vec![(Removed, next.0, at, n as u64)];
            if first {
                expected.push((Misnamed, file, 1, n as u64 + 1));
            }
            assert_eq!(found, expected, "line {n} removed");
        } else {
            // The last one: nothing tells but a head that was kept elsewhere.
            assert_eq!(found, []);
            let mut f = s.files.clone();
            f.remove(n);
            assert_eq!(
                findings(&f, &expecting(s.tip)),
                [(Truncated, file, line - 1, n as u64 - 1)]
            );
            assert!(!report(&f, &trust()).closed);
        }
        // Altered: one letter of its content, or of its hash.
        for at in [
            s.files
                .clone()
                .line(n)
                .rfind("\"time\":\"202")
                .or(s.files.clone().line(n).find("\"202")),
            None,
        ] {
            let found = after(|f| {
                let line = f.line(n);
                let at = at.map_or(line.len() - 10, |at| line[at..].find("202").unwrap() + at);
                let other = if &line[at..=at] == "1" { "0" } else { "1" };
                line.replace_range(at..=at, other);
            });
            assert_eq!(found, [(Altered, file, line, n as u64)], "line {n} altered");
        }
        // Twice.
        let found = after(|f| {
            let copy = f.line(n).clone();
            f.insert(n, copy);
        });
        assert_eq!(
            found,
            [(Duplicated, file, line + 1, n as u64)],
            "line {n} doubled"
        );
        // Swapped with the next.
        if n < last {
            let found = after(|f| f.swap(n, n + 1));
            let at = place(n + 1);
            assert!(
                found.contains(&(Reordered, at.0, at.1, n as u64)),
                "{n}: {found:?}"
            );
            assert!(
                found.iter().all(|f| [Reordered, Misnamed].contains(&f.0)),
                "{n}: {found:?}"
            );
        }
    }
}

#[test]
fn lines_far_apart_swapped() {
    let found = after(|f| f.swap(5, 9));
    let places: Vec<_> = found.iter().map(|f| (f.0, f.3)).collect();
    assert_eq!(
        places,
        [(Reordered, 6), (Reordered, 7), (Reordered, 8), (Reordered, 5)]
    );
}

#[test]
fn a_file_removed() {
    let second = SAMPLE.files.0[0].1.len() as u64 + 1;
    let third = second + SAMPLE.files.0[1].1.len() as u64;
    assert_eq!(after(|f| drop(f.0.remove(1))), [(Removed, 1, 1, second)]);
    assert_eq!(after(|f| drop(f.0.remove(0))), [(Removed, 0, 1, 1)]);
    // The last: only an expected head tells.
    assert_eq!(after(|f| drop(f.0.pop())), []);
    let mut f = SAMPLE.files.clone();
    f.0.pop();
    let found = findings(&f, &expecting(SAMPLE.tip));
    assert_eq!(found, [(Truncated, 1, f.0[1].1.len() as u64, third - 1)]);
    // Two that changed their places.
    let found = after(|f| {
        let (a, b) = (f.0[0].1.clone(), f.0[1].1.clone());
        (f.0[0].1, f.0[1].1) = (b, a);
    });
    assert!(
        found.iter().any(|f| f.0 == Reordered || f.0 == Removed),
        "{found:?}"
    );
}

#[test]
fn forged_with_right_hashes() {
    let s = &*SAMPLE;
    let n = (3..)
        .find(|n| !s.heads.contains(n) && !s.heads.contains(&(n + 1)))
        .unwrap();
    let head = *s.heads.iter().find(|h| **h > n).unwrap();
    let change = |f: &mut Files| {
        let line = f.line(n);
        let at = line.find("\"Encrypt\"").unwrap();
        line.replace_range(at..at + 9, "\"Decrypt\"");
    };
    // That line alone: the next does not follow on it.
    let found = after(|f| {
        change(f);
        f.forge(n, n + 1);
    });
    let next = place(n + 1);
    assert_eq!(found, [(Unlinked, next.0, next.1, n as u64 + 1)]);
    // All lines after it: the next head was not signed for that.
    let (last, at) = (s.files.lines(), place(head));
    let found = after(|f| {
        change(f);
        f.forge(n, last + 1);
    });
    assert_eq!(found[0], (Signature, at.0, at.1, head as u64));
    let kinds: Vec<_> = found.iter().map(|f| f.0).collect();
    let mut expected = vec![Signature; s.heads.iter().filter(|h| **h > n).count()];
    expected.push(Unsigned);
    assert_eq!(kinds, expected);
    // A record between two others.
    let found = after(|f| {
        let copy = f.line(n).clone();
        f.insert(n + 1, copy);
        for m in n + 1..=last + 1 {
            let line = f.line(m);
            *line = line.replacen(
                &format!("\"sequence\":{}", m - 1),
                &format!("\"sequence\":{m}"),
                1,
            );
        }
        f.forge(n, last + 2);
    });
    assert!(
        found.iter().any(|f| f.0 == Signature && f.3 == head as u64 + 1),
        "{found:?}"
    );
}

/// Everything after a head forged, and no head since: only so many lines may be without one.
#[test]
fn heads_left_out() {
    let s = &*SAMPLE;
    let since = s.heads[1];
    let mut f = s.files.clone();
    for n in (since + 1..=f.lines()).rev() {
        if f.line(n).contains("\"head\":") {
            f.remove(n);
        }
    }
    for n in since + 1..=f.lines() {
        let line = f.line(n);
        let (a, b) = (
            line.find("\"sequence\":").unwrap() + 11,
            line.find(",\"previous\"").unwrap(),
        );
        line.replace_range(a..b, &n.to_string());
    }
    f.forge(since, f.lines() + 1);
    let found = findings(&f, &trust());
    assert!(found.iter().any(|f| f.0 == Unsigned), "{found:?}");
    assert!(
        found.iter().all(|f| [Unsigned, Misnamed].contains(&f.0)),
        "{found:?}"
    );
}

#[test]
fn another_key_another_chain_another_log() {
    let s = &*SAMPLE;
    let stranger = Trust {
        keys: vec![Soft::new(9).public_key()],
        ..Trust::default()
    };
    let found = findings(&s.files, &stranger);
    assert_eq!(found.iter().filter(|f| f.0 == Signature).count(), s.heads.len());
    assert_eq!(found.last().unwrap().0, Unsigned);
    // A line of another chain.
    let dir = tempdir().unwrap();
    let log = Log::open(Options::new(dir.path(), "other"), Box::new(Soft::new(1))).unwrap();
    append(&log, 0..4);
    log.close().unwrap();
    let line = Files::read(dir.path()).line(4).clone();
    let found = after(|f| f.insert(4, line));
    assert_eq!(found, [(Foreign, 0, 4, 4)]);
    // A whole log of the right key and name, but not the one that was there.
    let dir = tempdir().unwrap();
    let log = open(options(dir.path()));
    append(&log, 0..100);
    log.close().unwrap();
    let other = Files::read(dir.path());
    assert_eq!(findings(&other, &trust()), []);
    let (tip, n) = (s.tip, s.tip.sequence);
    assert_eq!(findings(&other, &expecting(tip)), [(Rewritten, 0, n, n)]);
}

#[test]
fn no_line_of_a_log() {
    for garbage in [
        "\n",
        "{}\n",
        "x\n",
        "\u{0}\n",
        "{\"chain\":\"server-1\"}\n",
        "\r\n",
    ] {
        assert_eq!(
            after(|f| f.insert(4, garbage.into())),
            [(Malformed, 0, 4, 4)],
            "{garbage:?}"
        );
        assert_eq!(
            after(|f| *f.line(4) = garbage.into()),
            [(Malformed, 0, 4, 4)],
            "{garbage:?}"
        );
    }
    // Longer than any line: found in bounded memory.
    let found = after(|f| f.insert(4, "y".repeat(5 << 20) + "\n"));
    assert!(
        found.iter().all(|f| f.0 == Malformed) && !found.is_empty(),
        "{found:?}"
    );
}

/// A log cut after its last signed head looks like one whose writer was killed there.
#[test]
fn what_a_cut_leaves() {
    let s = &*SAMPLE;
    let end = s.files.lines();
    let bytes: usize = s.files.0.iter().flat_map(|(_, l)| l).map(String::len).sum();
    for left in 0..6 {
        let mut f = s.files.clone();
        for n in (end - left..=end).rev() {
            f.remove(n);
        }
        let r = report(&f, &trust());
        assert!(r.ok() && !r.closed, "{r:?}");
        assert_eq!(r.tip.sequence as usize, end - left - 1);
        let r = report(&f, &expecting(s.tip));
        assert_eq!(r.findings[0].kind, Truncated);
    }
    let mut f = s.files.clone();
    f.cut(bytes - 1);
    let found = findings(&f, &trust());
    assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [Truncated]);
}

#[derive(Debug, Clone)]
enum Edit {
    Byte(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Delete(prop::sample::Index, usize),
    Cut(prop::sample::Index),
    Remove(prop::sample::Index),
    Double(prop::sample::Index, prop::sample::Index),
    Swap(prop::sample::Index, prop::sample::Index),
    Move(prop::sample::Index, prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let any = any::<prop::sample::Index>;
    prop_oneof![
        (any(), 1u8..128).prop_map(|(i, x)| Edit::Byte(i, x)),
        (any(), 0u8..128).prop_map(|(i, x)| Edit::Insert(i, x)),
        (any(), 1usize..2000).prop_map(|(i, n)| Edit::Delete(i, n)),
        any().prop_map(Edit::Cut),
        any().prop_map(Edit::Remove),
        (any(), any()).prop_map(|(i, j)| Edit::Double(i, j)),
        (any(), any()).prop_map(|(i, j)| Edit::Swap(i, j)),
        (any(), any()).prop_map(|(i, j)| Edit::Move(i, j)),
    ]
}

impl Edit {
    fn apply(&self, f: &mut Files) {
        let lines = f.lines();
        let line = |i: &prop::sample::Index| i.index(lines) + 1;
        // Bytes of one file.
        let text = |f: &mut Files, i: &prop::sample::Index, change: &dyn Fn(&mut Vec<u8>, usize)| {
            let sizes: Vec<usize> = f.0.iter().map(|(_, l)| l.concat().len()).collect();
            let mut at = i.index(sizes.iter().sum());
            let mut file = 0;
            while at >= sizes[file] {
                at -= sizes[file];
                file += 1;
            }
            let mut bytes = f.0[file].1.concat().into_bytes();
            change(&mut bytes, at);
            f.0[file].1 = vec![String::from_utf8(bytes).expect("ASCII stays ASCII")];
        };
        match self {
            Self::Byte(i, x) => text(f, i, &|b, at| b[at] ^= x),
            Self::Insert(i, x) => text(f, i, &|b, at| b.insert(at, *x)),
            Self::Delete(i, n) => text(f, i, &|b, at| drop(b.drain(at..(at + n).min(b.len())))),
            Self::Cut(i) => {
                let all: usize = f.0.iter().flat_map(|(_, l)| l).map(String::len).sum();
                f.cut(i.index(all));
            }
            Self::Remove(i) => drop(f.remove(line(i))),
            Self::Double(i, j) => {
                let copy = f.line(line(i)).clone();
                f.insert(line(j), copy);
            }
            Self::Swap(i, j) => f.swap(line(i), line(j)),
            Self::Move(i, j) => {
                let moved = f.remove(line(i));
                let before = line(j).min(f.lines());
                f.insert(before, moved);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_single_edit_is_found(edit in edit()) {
        let mut f = SAMPLE.files.clone();
        edit.apply(&mut f);
        let same = f.0.iter().map(|(n, l)| (n, l.concat())).eq(SAMPLE.files.0.iter().map(|(n, l)| (n, l.concat())));
        prop_assert_eq!(report(&f, &expecting(SAMPLE.tip)).ok(), same);
    }
}
