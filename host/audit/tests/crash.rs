// SPDX-License-Identifier: Apache-2.0
//! A writer that is killed, and a disk that takes no more. The writer is this program, run again with a folder in its environment.

mod common;

use casemate_audit::search::{self, Filter};
use casemate_audit::{Error, Log, Options};
use common::{CHAIN, Soft, append, event, files, open, options, verify};
use rand::{Rng, SeedableRng};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::tempdir;

const FOLDER: &str = "CASEMATE_AUDIT_TEST_FOLDER";

/// Small files and many heads, so that a kill may come in the middle of anything.
fn busy(folder: &Path) -> Options {
    Options {
        segment_bytes: 100_000,
        head_lines: 50,
        head_time: Duration::from_millis(5),
        ..options(folder)
    }
}

/// Requests by request id, from every chain line.
fn requests(folder: &Path) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    search::records(folder, CHAIN, &Filter::default(), |r| {
        let record: serde_json::Value = serde_json::from_str(r.json)?;
        let id = record["requestID"].as_str().unwrap().to_owned();
        assert_eq!(all.insert(id, r.sequence), None, "a record came twice");
        Ok(())
    })
    .unwrap();
    all
}

/// Writes from several threads, and says what is on the disk, until it is killed.
fn write_until_killed(folder: &Path) -> ! {
    let log = Arc::new(open(busy(folder)));
    let out = Arc::new(Mutex::new(std::io::stdout()));
    let run = std::process::id();
    for t in 0..8u64 {
        let (log, out) = (log.clone(), out.clone());
        std::thread::spawn(move || {
            for n in 0.. {
                let mut e = event(n);
                e.request_id = format!("{run}-{t}-{n}");
                let place = log.append(&e).wait().unwrap();
                // In one write, so that no line of this is cut.
                let line = format!("\nacknowledged {} {}\n", e.request_id, place.sequence);
                out.lock().unwrap().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    loop {
        std::thread::park();
    }
}

/// This test, in a process of its own.
fn again(test: &str, folder: &Path) -> Command {
    let mut c = Command::new(std::env::current_exe().unwrap());
    c.args([test, "--exact", "--nocapture"]).env(FOLDER, folder);
    c.stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    c
}

#[test]
fn killed_fifty_times() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_until_killed(folder.as_ref());
    }
    let dir = tempdir().unwrap();
    let mut rng = rand::rngs::StdRng::seed_from_u64(50);
    let mut acknowledged = BTreeMap::new();
    let mut torn = 0;
    for round in 0..50 {
        let mut child = again("killed_fifty_times", dir.path()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let wait = Duration::from_micros(rng.random_range(0..60_000));
        // Once the first record is down; now and then before that, while the log is being opened.
        let early = round % 10 == 9;
        let mut lines = Vec::new();
        if !early {
            let first = out
                .by_ref()
                .map(Result::unwrap)
                .find(|l| l.starts_with("acknowledged"));
            lines.push(first.expect("the writer writes"));
        }
        let pid = rustix::process::Pid::from_child(&child);
        std::thread::sleep(wait);
        kill_process(pid, Signal::KILL).unwrap();
        child.wait().unwrap();
        lines.extend(out.map(Result::unwrap));
        for line in lines.iter().filter_map(|l| l.strip_prefix("acknowledged ")) {
            let (id, sequence) = line.split_once(' ').unwrap();
            acknowledged.insert(id.to_owned(), sequence.parse::<u64>().unwrap());
        }
        // What a kill tears off a line is seldom caught: here it is done to the file.
        if round % 5 == 0 {
            let file = files(dir.path(), ".jsonl").pop().unwrap();
            let cut = "{\"chain\":\"server-1\",\"sequence\":123456,\"previous\":";
            let mut f = OpenOptions::new().append(true).open(file).unwrap();
            f.write_all(&cut.as_bytes()[..rng.random_range(1..cut.len())])
                .unwrap();
            torn += 1;
        }
    }
    assert!(
        acknowledged.len() > 500,
        "{} records are no load",
        acknowledged.len()
    );
    let log = open(busy(dir.path()));
    append(&log, 0..1);
    log.close().unwrap();
    let report = verify(dir.path());
    assert!(report.ok() && report.closed, "{:?}", report.findings);
    assert!(
        report.notes.len() >= torn && files(dir.path(), ".torn").len() >= torn,
        "{:?}",
        report.notes
    );
    let there = requests(dir.path());
    let missing: Vec<_> = acknowledged
        .iter()
        .filter(|(id, n)| there.get(*id) != Some(n))
        .collect();
    assert!(
        missing.is_empty(),
        "{} acknowledged are missing: {missing:?}",
        missing.len()
    );
    println!(
        "{} acknowledged, {} lines, {} files",
        acknowledged.len(),
        report.lines,
        report.files
    );
}

/// Files of this process may have so many bytes.
fn limit(bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: bytes.or(maximum),
            maximum,
        },
    )
    .unwrap();
}

/// In the child: a file that cannot grow, and later can.
fn write_on_a_full_disk(folder: &Path) {
    let log = open(options(folder));
    append(&log, 0..20);
    let size = || std::fs::metadata(&files(folder, ".jsonl")[0]).unwrap().len();
    let (before, tip) = (size(), log.status().tip);
    // The next record fits in part.
    limit(Some(before + 100));
    for n in 0..7 {
        let refused = log.append(&event(100 + n)).wait();
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    let status = log.status();
    assert_eq!((status.refused, status.tip), (7, tip));
    assert!(status.trouble.is_some());
    limit(None);
    let next = append(&log, 20..25);
    // After the note of what was refused.
    assert_eq!(next[0].sequence, tip.sequence + 2);
    assert_eq!(log.status().trouble, None);
    log.close().unwrap();
}

#[test]
fn refused_while_the_disk_is_full() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return write_on_a_full_disk(folder.as_ref());
    }
    let dir = tempdir().unwrap();
    // A limit that is passed sends a signal, which is not to kill.
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "trap '' XFSZ; exec \"$0\" refused_while_the_disk_is_full --exact --nocapture",
        ])
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, dir.path());
    let out = shell.output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");
    let report = verify(dir.path());
    assert!(report.ok(), "{:?}", report.findings);
    assert!(
        report.notes[0].contains("7 records could not be written"),
        "{:?}",
        report.notes
    );
    let there: BTreeSet<_> = requests(dir.path()).into_keys().collect();
    assert_eq!(there, (0..25).map(|n| format!("request-{n}")).collect());
}

#[test]
fn a_new_file_that_cannot_be_made() {
    let dir = tempdir().unwrap();
    let log = open(Options {
        segment_bytes: 5000,
        ..options(dir.path())
    });
    // Folders stand where the next files would be.
    for first in 1..40 {
        let _ = std::fs::create_dir(dir.path().join(format!("{CHAIN}.{first:016}.jsonl")));
    }
    append(&log, 0..20);
    log.head().wait().unwrap();
    // It is tried after the answer.
    let start = Instant::now();
    while !log.status().trouble.is_some_and(|t| t.contains(".jsonl")) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", log.status());
        std::thread::sleep(Duration::from_millis(1));
    }
    for first in 2..40 {
        std::fs::remove_dir(dir.path().join(format!("{CHAIN}.{first:016}.jsonl"))).unwrap();
    }
    for n in 20..40 {
        append(&log, n..n + 1);
    }
    log.close().unwrap();
    let report = verify(dir.path());
    assert!(
        report.ok() && report.files > 1 && report.records == 40,
        "{report:?}"
    );
}

#[test]
fn what_is_torn_is_kept() {
    let dir = tempdir().unwrap();
    for rest in [&b"{\"chain\""[..], b"\0\0\0\0", b"half\nof a block\n\0\0"] {
        append(&open(options(dir.path())), 0..3);
        let file = files(dir.path(), ".jsonl").pop().unwrap();
        OpenOptions::new()
            .append(true)
            .open(&file)
            .unwrap()
            .write_all(rest)
            .unwrap();
        assert!(!verify(dir.path()).ok());
        drop(open(options(dir.path())));
        assert_eq!(
            std::fs::read(files(dir.path(), ".torn").pop().unwrap()).unwrap(),
            rest
        );
        let report = verify(dir.path());
        assert!(report.ok(), "{:?}", report.findings);
        assert!(
            report
                .notes
                .last()
                .unwrap()
                .contains(&format!("{} bytes", rest.len()))
        );
    }
    // A file that was made, and nothing more, or the beginning of its first line.
    for rest in ["", "{\"chain"] {
        let tip = verify(dir.path()).tip;
        let file = dir.path().join(format!("{CHAIN}.{:016}.jsonl", tip.sequence + 1));
        std::fs::write(&file, rest).unwrap();
        drop(open(options(dir.path())));
        assert!(!file.exists());
        assert!(verify(dir.path()).ok());
    }
}

/// A log that somebody changed is not written on, nor mended.
#[test]
fn a_damaged_log_is_left_alone() {
    let dir = tempdir().unwrap();
    append(&open(options(dir.path())), 0..6);
    let file = files(dir.path(), ".jsonl").pop().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let last = lines.len() - 1;
    let changed = |n: usize, with: &str| {
        let mut l = lines.clone();
        l[n] = with;
        l.concat()
    };
    let other = lines[last].replace("shutdown", "interval");
    for (bad, line) in [
        (changed(4, ""), 5),
        (changed(4, &lines[4].replace("Encrypt", "Decrypt")), 5),
        (changed(last, &other), last + 1),
        (changed(4, "{}\n"), 6),
        (changed(0, ""), 1),
        (text.replace("server-1", "server-2"), 1),
    ] {
        std::fs::write(&file, &bad).unwrap();
        let refused = Log::open(options(dir.path()), Box::new(Soft::new(1)))
            .err()
            .unwrap();
        let Error::Damaged { line: at, .. } = refused else {
            panic!("{refused}")
        };
        assert_eq!(at as usize, line);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), bad);
    }
    std::fs::write(&file, &text).unwrap();
    drop(open(options(dir.path())));
}
