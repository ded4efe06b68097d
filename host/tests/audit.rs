// SPDX-License-Identifier: Apache-2.0
//! `casemate audit`, run as a user runs it, on a log whose heads a device signed.

mod common;

use casemate::{Curve, Device, KeyAttributes, Usage};
use casemate_audit::{DeviceSigner, Event, Failure, Log, Options, Parameters, Receipt};
use common::Bench;
use serde_json::{Value, json};

/// A bench with a log of 20 records in `log`, their public key in `audit.pem`, and the log's last line.
fn logged() -> (Bench, Receipt) {
    let b = Bench::new("soft:");
    let officer = Device::open("soft:").unwrap().officer().unwrap();
    let mut keys = officer.keys(1).unwrap();
    let private = KeyAttributes::private(Curve::P384, Usage::SIGN);
    let (key, public) = keys.generate_pair(&private).unwrap();
    b.write("audit.pem", public.to_pem().as_bytes());
    let other = KeyAttributes::private(Curve::P256, Usage::SIGN);
    b.write(
        "p256.pem",
        keys.generate_pair(&other).unwrap().1.to_pem().as_bytes(),
    );
    let signer = DeviceSigner::new(keys, key).unwrap();
    let log = Log::open(Options::new(b.path("log"), "server-1"), Box::new(signer)).unwrap();
    for n in 0..20 {
        let mut e = Event::new(
            if n % 2 == 0 { "Encrypt" } else { "Sign" },
            &format!("request-{n}"),
        );
        e.request = Parameters::of_request(
            &e.name,
            &json!({"KeyId": format!("alias/{n}"), "Plaintext": "AAAA"}),
        );
        if n == 7 {
            e.error = Some(Failure {
                code: "AccessDeniedException".into(),
                message: "no".into(),
            });
        }
        log.append(&e).wait().unwrap();
    }
    let tip = log.close().unwrap();
    (b, tip)
}

/// What it writes to standard output, when it succeeds.
fn said(b: &Bench, args: &[&str]) -> String {
    String::from_utf8(b.succeeds(args).stdout).unwrap()
}

/// What it writes to standard output and to standard error, when it fails.
fn fails(b: &Bench, args: &[&str]) -> (String, String) {
    let out = b.run(args);
    assert!(matches!(out.status.code(), Some(1 | 2)), "{args:?}: {out:?}");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(out.stdout), text(out.stderr))
}

const FILE: &str = "log/server-1.0000000000000001.jsonl";

#[test]
fn verified() {
    let (b, tip) = logged();
    let verify = ["audit", "verify", "--public-key", "audit.pem", "log"];
    let told = said(&b, &verify);
    assert!(
        told.contains("chain server-1: 20 records and 2 signed heads in 1 files"),
        "{told}"
    );
    assert!(told.contains(&format!("head: {tip}")), "{told}");
    let expect = tip.to_string();
    let expecting = ["--chain", "server-1", "--expect", &expect];
    said(&b, &[&verify[..], &expecting].concat());

    let whole = String::from_utf8(b.read(FILE)).unwrap();
    b.write(FILE, whole.replace("alias/5", "alias/6").as_bytes());
    let (told, error) = fails(&b, &verify);
    assert!(
        told.contains(&format!("{FILE}:8: sequence 8: altered: ")),
        "{told}"
    );
    assert!(error.contains("does not verify: 1 finding"), "{error}");
    let (told, _) = fails(&b, &[&verify[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&told).unwrap();
    let finding = &report["chains"][0]["findings"][0];
    assert_eq!(finding["kind"], "altered");
    assert_eq!((&finding["line"], &finding["sequence"]), (&json!(8), &json!(8)));

    // Cut after the last record: nothing is wrong but for who knows the head.
    let lines: Vec<_> = whole.split_inclusive('\n').collect();
    b.write(FILE, lines[..lines.len() - 4].concat().as_bytes());
    let told = said(&b, &verify);
    assert!(
        told.contains("17 records follow on the last signed head"),
        "{told}"
    );
    let (told, _) = fails(&b, &[&verify[..], &expecting].concat());
    assert!(told.contains("truncated"), "{told}");
}

/// The few lines of the README that verify a chain of hashes.
#[test]
fn verified_by_the_readmes_program() {
    let (b, tip) = logged();
    let readme = include_str!("../audit/README.md");
    let program = readme
        .split("```python\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let run = || {
        let mut c = std::process::Command::new("python3");
        c.arg("-c").arg(format!("{program}print(n, hash)"));
        let file = std::fs::File::open(b.path(FILE)).unwrap();
        c.stdin(file).output().expect("Python is installed")
    };
    let out = run();
    let told = String::from_utf8(out.stdout).unwrap();
    assert_eq!(told.trim().replace(' ', ":"), tip.to_string());
    let whole = String::from_utf8(b.read(FILE)).unwrap();
    b.write(FILE, whole.replace("alias/5", "alias/6").as_bytes());
    assert!(!run().status.success());
}

#[test]
fn searched_and_exported() {
    let (b, _) = logged();
    let told = said(&b, &["audit", "search", "--error", "any", "log"]);
    assert_eq!(told.lines().count(), 1, "{told}");
    for word in [
        "server-1",
        "Sign",
        "AccessDeniedException",
        "request-7",
        "alias/7",
    ] {
        assert!(told.contains(word), "{told}");
    }
    let told = said(
        &b,
        &[
            "audit",
            "search",
            "--json",
            "--operation",
            "Encrypt",
            "--since",
            "2026",
            "log",
        ],
    );
    let records: Vec<Value> = told.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(records.len(), 10);
    assert!(records.iter().all(|r| r["eventName"] == "Encrypt"));
    assert_eq!(said(&b, &["audit", "search", "--until", "2020-01-01", "log"]), "");

    said(&b, &["audit", "export", "log", "trail.json"]);
    let trail: Value = serde_json::from_slice(&b.read("trail.json")).unwrap();
    assert_eq!(trail["Records"].as_array().unwrap().len(), 20);
    assert_eq!(trail["Records"][0]["eventSource"], "kms.amazonaws.com");
    assert!(!trail.to_string().contains("AAAA"));
    said(&b, &["audit", "export", "--request", "none", "log", "none.json"]);
    assert_eq!(
        serde_json::from_slice::<Value>(&b.read("none.json")).unwrap(),
        json!({"Records": []})
    );
}

#[test]
fn refused() {
    let (b, _) = logged();
    std::fs::create_dir(b.path("empty")).unwrap();
    for (args, words) in [
        (
            &["audit", "verify", "--public-key", "key", "log"][..],
            "the public key key",
        ),
        (
            &["audit", "verify", "--public-key", "p256.pem", "log"],
            "it has to be one of P-384",
        ),
        (
            &["audit", "verify", "--public-key", "audit.pem", "empty"],
            "holds no audit log",
        ),
        (
            &["audit", "verify", "--public-key", "audit.pem", "nowhere"],
            "cannot read the folder nowhere",
        ),
        (
            &[
                "audit",
                "verify",
                "--public-key",
                "audit.pem",
                "--chain",
                "b",
                "log",
            ],
            "no chain `b`; it holds server-1",
        ),
        (&["audit", "search", "--chain", "b", "log"], "no chain `b`"),
        (
            &["audit", "search", "--since", "yesterday", "log"],
            "2026-11-30T12:00:00Z",
        ),
        (
            &[
                "audit",
                "verify",
                "--public-key",
                "audit.pem",
                "--chain",
                "a",
                "--expect",
                "5",
                "log",
            ],
            "64 hexadecimal",
        ),
        (&["audit", "verify", "log"], "--public-key"),
    ] {
        let (_, error) = fails(&b, args);
        assert!(error.contains(words), "{args:?}: {error}");
    }
}
