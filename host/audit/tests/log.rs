// SPDX-License-Identifier: Apache-2.0
//! The log as it is written: one after the other, many at once, over several files, opened again, by a device.

mod common;

use casemate::{Curve, Device, KeyAttributes, Usage};
use casemate_audit::search::{self, Filter};
use casemate_audit::verify::{self, Trust};
use casemate_audit::{DeviceSigner, Error, Failure, Log, Options, Reason, Resource, SignError, Signer};
use common::{CHAIN, Soft, append, event, files, open, options, verify};
use p384::ecdsa::VerifyingKey;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, UNIX_EPOCH};
use tempfile::tempdir;

#[test]
fn written_closed_and_opened_again() {
    let dir = tempdir().unwrap();
    for round in 0..3 {
        let log = open(options(dir.path()));
        let places = append(&log, 0..10);
        assert!(places.windows(2).all(|p| p[1].sequence == p[0].sequence + 1));
        let last = log.close().unwrap();
        assert_eq!(
            log.append(&event(0)).wait().unwrap_err().to_string(),
            Error::Closed.to_string()
        );
        let report = verify(dir.path());
        assert!(report.ok(), "{:?}", report.findings);
        assert_eq!((report.tip, report.unsigned, report.closed), (last, 0, true));
        let runs = round + 1;
        // Each run: its opening, a head, the records, a head.
        assert_eq!(
            (report.records, report.heads, report.lines),
            (10 * runs, 2 * runs, 13 * runs)
        );
        assert_eq!(report.signed.unwrap().reason, Reason::Shutdown);
    }
}

#[test]
fn one_writer_at_a_time() {
    let dir = tempdir().unwrap();
    let log = open(options(dir.path()));
    let second = Log::open(options(dir.path()), Box::new(Soft::new(1)));
    assert!(matches!(second, Err(Error::Locked(_))));
    // Another chain may share the folder.
    let other = Options::new(dir.path(), "server-2");
    append(&Log::open(other, Box::new(Soft::new(2))).unwrap(), 0..3);
    append(&log, 0..3);
    drop(log);
    append(&open(options(dir.path())), 3..5);
    assert_eq!(verify::chains(dir.path()).unwrap(), ["server-1", "server-2"]);
    let trust = Trust {
        keys: vec![Soft::new(1).public_key(), Soft::new(2).public_key()],
        ..Trust::default()
    };
    for (chain, records) in [(CHAIN, 5), ("server-2", 3)] {
        let report = verify::chain(dir.path(), chain, &trust).unwrap();
        assert!(report.ok() && report.records == records, "{report:?}");
    }
    for bad in ["", "a/b", "a.b", "ä", &"a".repeat(65)] {
        let opened = Log::open(Options::new(dir.path(), bad), Box::new(Soft::new(1)));
        assert!(matches!(opened, Err(Error::Name(_))), "{bad}");
    }
}

#[test]
fn many_callers_share_writes() {
    let dir = tempdir().unwrap();
    let log = Arc::new(open(options(dir.path())));
    let (threads, each) = (16, 50);
    let start = Arc::new(Barrier::new(threads));
    let workers: Vec<_> = (0..threads as u64)
        .map(|t| {
            let (log, start) = (log.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                (0..each)
                    .map(|n| log.append(&event(t * each + n)).wait().unwrap())
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    let places: Vec<_> = workers.into_iter().flat_map(|w| w.join().unwrap()).collect();
    let status = log.status();
    let records = threads as u64 * each;
    assert_eq!(status.records, records);
    assert!(status.writes < records / 2, "{status:?}");
    log.close().unwrap();
    let distinct: BTreeSet<_> = places.iter().map(|p| p.sequence).collect();
    assert_eq!(distinct.len() as u64, records);
    let mut requests = BTreeSet::new();
    search::records(dir.path(), CHAIN, &Filter::default(), |r| {
        assert!(distinct.contains(&r.sequence));
        let record: serde_json::Value = serde_json::from_str(r.json).unwrap();
        assert!(requests.insert(record["requestID"].to_string()));
        Ok(())
    })
    .unwrap();
    assert_eq!(requests.len() as u64, records);
    assert!(verify(dir.path()).ok());
}

#[test]
fn a_future_too() {
    let dir = tempdir().unwrap();
    let log = open(options(dir.path()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let place = runtime.block_on(async { log.append(&event(1)).await.unwrap() });
    assert_eq!(place.sequence, 3);
}

#[test]
fn over_several_files() {
    let dir = tempdir().unwrap();
    let small = Options {
        segment_bytes: 4096,
        head_lines: 5,
        ..options(dir.path())
    };
    let log = open(small.clone());
    for n in 0..40 {
        append(&log, n..n + 1);
    }
    log.close().unwrap();
    append(&open(small), 40..50);
    let report = verify(dir.path());
    assert!(report.ok(), "{:?}", report.findings);
    assert!(report.files > 5 && report.files == files(dir.path(), ".jsonl").len());
    assert_eq!(report.records, 50);
    // One in five lines is a head, and each file but the last ends in one.
    assert!(report.heads >= 50 / 5, "{report:?}");

    // Files that were verified and moved away: the rest goes on from where they ended.
    let all = files(dir.path(), ".jsonl");
    let archive = tempdir().unwrap();
    for f in &all[..3] {
        std::fs::rename(f, archive.path().join(f.file_name().unwrap())).unwrap();
    }
    let old = verify(archive.path());
    assert!(old.ok() && !old.closed);
    assert!(!verify(dir.path()).ok());
    let mut trust = common::trust();
    trust.after = Some(old.tip);
    let rest = verify::chain(dir.path(), CHAIN, &trust).unwrap();
    assert!(rest.ok(), "{:?}", rest.findings);
    assert_eq!(rest.tip, report.tip);
}

#[test]
fn heads_by_time_and_on_request() {
    let dir = tempdir().unwrap();
    let log = open(Options {
        head_time: Duration::from_millis(50),
        ..options(dir.path())
    });
    let record = append(&log, 0..1)[0];
    let start = Instant::now();
    while log.status().head.sequence < record.sequence {
        assert!(start.elapsed() < Duration::from_secs(20), "no head came");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Nothing came since: no further head.
    let tip = log.status().tip;
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(log.status().tip, tip);
    assert_eq!(log.head().wait().unwrap().sequence, tip.sequence + 1);
}

/// A key that can be away.
struct Flaky(Soft, Arc<AtomicBool>);

impl Signer for Flaky {
    fn public_key(&self) -> VerifyingKey {
        self.0.public_key()
    }

    fn sign(&mut self, digest: &[u8; 48]) -> Result<[u8; 96], SignError> {
        match self.1.load(Ordering::Relaxed) {
            true => Err("the device is away".into()),
            false => self.0.sign(digest),
        }
    }
}

#[test]
fn a_key_that_cannot_sign() {
    let dir = tempdir().unwrap();
    let away = Arc::new(AtomicBool::new(true));
    let signer = || Box::new(Flaky(Soft::new(1), away.clone()));
    let failed = Log::open(options(dir.path()), signer());
    assert!(matches!(failed, Err(Error::Signer(_))));
    away.store(false, Ordering::Relaxed);
    let every = Options {
        head_lines: 5,
        ..options(dir.path())
    };
    let log = Log::open(every, signer()).unwrap();
    away.store(true, Ordering::Relaxed);
    append(&log, 0..20);
    assert_eq!(log.status().trouble.as_deref(), Some("the device is away"));
    assert!(matches!(log.head().wait(), Err(Error::Signer(_))));
    // Nothing vouches for these lines.
    let kinds: Vec<_> = verify(dir.path()).findings.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [casemate_audit::Kind::Unsigned]);
    away.store(false, Ordering::Relaxed);
    log.close().unwrap();
    let report = verify(dir.path());
    assert!(report.ok(), "{:?}", report.findings);
    assert!(
        report.notes[0].contains("the device is away"),
        "{:?}",
        report.notes
    );
}

#[test]
fn signed_by_a_key_in_a_slot() {
    let dir = tempdir().unwrap();
    let officer = Device::open("soft:").unwrap().officer().unwrap();
    let mut keys = officer.keys(1).unwrap();
    let (key, public) = keys
        .generate_pair(&KeyAttributes::private(Curve::P384, Usage::SIGN))
        .unwrap();
    let signer = DeviceSigner::new(keys, key).unwrap();
    let log = Log::open(options(dir.path()), Box::new(signer)).unwrap();
    append(&log, 0..3);
    log.close().unwrap();
    let trust = Trust {
        keys: vec![VerifyingKey::from_sec1_bytes(&public.to_sec1()).unwrap()],
        ..Trust::default()
    };
    let report = verify::chain(dir.path(), CHAIN, &trust).unwrap();
    assert!(report.ok() && report.heads == 2, "{report:?}");
    // Another's key says otherwise.
    assert!(!verify(dir.path()).ok());

    let mut keys = officer.keys(1).unwrap();
    let (p256, _) = keys
        .generate_pair(&KeyAttributes::private(Curve::P256, Usage::SIGN))
        .unwrap();
    let refused = DeviceSigner::new(keys, p256).err().unwrap().to_string();
    assert!(
        refused.contains("P-256") && refused.contains("P-384"),
        "{refused}"
    );
}

#[test]
fn searched() {
    let dir = tempdir().unwrap();
    let log = open(options(dir.path()));
    let mut pending = Vec::new();
    for n in 0..6 {
        let mut e = event(n);
        e.time = UNIX_EPOCH + Duration::from_secs(1_709_210_096 + 60 * n);
        e.name = if n % 2 == 0 { "Encrypt" } else { "Decrypt" }.into();
        let user = format!("user-{}", n % 3);
        let arn = format!("arn:aws:iam::111122223333:user/{user}");
        e.identity = casemate_audit::Identity::user(&arn, "111122223333", "AIDA", &format!("AKIA{n}"), &user);
        if n == 4 {
            e.error = Some(Failure {
                code: "AccessDeniedException".into(),
                message: "no".into(),
            });
            e.resources = vec![Resource::key(
                "arn:aws:kms:eu:111122223333:key/abc",
                "111122223333",
            )];
        }
        pending.push(log.append(&e));
    }
    for p in pending {
        p.wait().unwrap();
    }
    let found = |f: Filter| {
        let mut all = Vec::new();
        search::records(dir.path(), CHAIN, &f, |r| {
            let record: serde_json::Value = serde_json::from_str(r.json).unwrap();
            all.push(record["requestID"].as_str().unwrap()[8..].parse::<u64>().unwrap());
            Ok(())
        })
        .unwrap();
        all
    };
    let some = |s: &str| Some(s.to_owned());
    let none = Filter::default;
    let cases = [
        (none(), vec![0, 1, 2, 3, 4, 5]),
        (
            Filter {
                since: some("2024-02-29T12:36"),
                ..none()
            },
            vec![2, 3, 4, 5],
        ),
        (
            Filter {
                until: some("2024-02-29T12:36"),
                ..none()
            },
            vec![0, 1],
        ),
        (
            Filter {
                since: some("2024-02-29"),
                until: some("2024-03"),
                ..none()
            },
            vec![0, 1, 2, 3, 4, 5],
        ),
        (
            Filter {
                principal: some("user/user-1"),
                ..none()
            },
            vec![1, 4],
        ),
        (
            Filter {
                principal: some("AKIA3"),
                ..none()
            },
            vec![3],
        ),
        (
            Filter {
                operation: some("Decrypt"),
                ..none()
            },
            vec![1, 3, 5],
        ),
        (
            Filter {
                error: some("any"),
                ..none()
            },
            vec![4],
        ),
        (
            Filter {
                error: some("AccessDeniedException"),
                ..none()
            },
            vec![4],
        ),
        (
            Filter {
                error: some("Other"),
                ..none()
            },
            vec![],
        ),
        (
            Filter {
                key: some("key/abc"),
                ..none()
            },
            vec![4],
        ),
        (
            Filter {
                key: some("key-5"),
                ..none()
            },
            vec![5],
        ),
        (
            Filter {
                request: some("request-2"),
                ..none()
            },
            vec![2],
        ),
        (
            Filter {
                operation: some("Encrypt"),
                principal: some("user-1"),
                ..none()
            },
            vec![4],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(filter.clone()), expected, "{filter:?}");
    }
}

/// Prints how long it takes; `--nocapture` shows it.
#[test]
fn a_hundred_thousand_records() {
    let dir = tempdir().unwrap();
    let start = Instant::now();
    let log = open(options(dir.path()));
    for n in 0..100 {
        append(&log, n * 1000..(n + 1) * 1000);
    }
    log.close().unwrap();
    let written = start.elapsed();
    let start = Instant::now();
    let report = verify(dir.path());
    let verified = start.elapsed();
    assert!(report.ok() && report.records == 100_000, "{report:?}");
    let bytes: u64 = files(dir.path(), ".jsonl")
        .iter()
        .map(|f| f.metadata().unwrap().len())
        .sum();
    println!("{bytes} bytes written in {written:.1?}, verified in {verified:.1?}");
    assert!(verified < Duration::from_secs(30), "{verified:?}");
}
