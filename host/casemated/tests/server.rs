// SPDX-License-Identifier: Apache-2.0
//! The service as a server: limits, throttling, TLS, health, metrics, its end; its command line.

#[path = "common/client.rs"]
mod client;
mod common;

use client::{Client, Credentials};
use common::{CASEMATED, Server};
use std::process::Command;
use std::time::Duration;

fn client(server: &Server) -> Client {
    let who = Credentials {
        key: server.export("AWS_ACCESS_KEY_ID").into(),
        secret: server.export("AWS_SECRET_ACCESS_KEY").into(),
        region: server.export("AWS_REGION").into(),
    };
    Client::new(server.address(), who)
}

fn records(server: &Server) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(server.data().join("audit")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|e| e == "jsonl") {
            let text = std::fs::read_to_string(path).unwrap();
            all.extend(
                text.lines()
                    .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()),
            );
        }
    }
    all
}

#[test]
fn limits() {
    let server = Server::start(
        "soft:",
        "rate = 1\nburst = 3\nbody_bytes = 4096\ntimeout_seconds = 1\n",
    );
    let mut c = client(&server);
    for _ in 0..3 {
        assert_eq!(
            c.call("GenerateRandom", b"{\"NumberOfBytes\": 8}").unwrap().0,
            200
        );
    }
    let (status, body) = c.call("GenerateRandom", b"{\"NumberOfBytes\": 9}").unwrap();
    let text = String::from_utf8(body).unwrap();
    assert!(
        status == 400 && text.contains("ThrottlingException"),
        "{status} {text}"
    );
    let long = c.request("GenerateRandom", &[b' '; 5000]);
    assert_eq!(c.send(&long).unwrap().0, 413);
    c.reconnect();
    let mut cut = c.request("GenerateRandom", b"{}");
    cut.pop();
    assert_eq!(c.send(&cut).unwrap().0, 408);
    c.reconnect();
    let said = records(&server)
        .iter()
        .map(|r| r.to_string())
        .collect::<Vec<_>>()
        .join("\n");
    for code in [
        "ThrottlingException",
        "RequestEntityTooLargeException",
        "RequestTimeoutException",
    ] {
        assert!(said.contains(code), "no record of {code}: {said}");
    }
    // A connection that says nothing is closed.
    let mut silent = std::net::TcpStream::connect(server.address()).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(std::io::Read::read(&mut silent, &mut [0; 16]).unwrap_or(0), 0);
    server.end();
}

#[test]
fn health_and_metrics() {
    let server = Server::start("soft:", "");
    let mut c = client(&server);
    assert_eq!(
        c.call("GenerateRandom", b"{\"NumberOfBytes\": 8}").unwrap().0,
        200
    );
    assert_eq!(c.call("GenerateRandom", b"{}").unwrap().0, 400);
    let mut get = |path: &str| {
        let (status, body) = c
            .send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
            .unwrap();
        (status, String::from_utf8(body).unwrap())
    };
    assert_eq!(get("/healthz"), (200, "ok\n".into()));
    let (status, text) = get("/metrics");
    assert_eq!(status, 200);
    for line in [
        "casemated_requests_total{operation=\"GenerateRandom\",result=\"OK\"} 1",
        "casemated_requests_total{operation=\"GenerateRandom\",result=\"ValidationException\"} 1",
        "casemated_request_seconds_count{operation=\"GenerateRandom\"} 2",
        "casemated_audit_records_total 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    server.end();
}

/// What the service accepted is finished when it is told to end, and then it ends.
#[test]
fn the_end_finishes_what_was_accepted() {
    let server = Server::start("soft:", "");
    let mut slow = client(&server);
    let request = slow.request("CreateKey", b"{\"Description\": \"the last\"}");
    let (head, tail) = request.split_at(request.len() - 5);
    slow.write(head);
    std::thread::sleep(Duration::from_millis(200));
    let ending = std::thread::spawn(move || server.end());
    std::thread::sleep(Duration::from_millis(300));
    let (status, body) = slow.send(tail).unwrap();
    assert!(status == 200 && String::from_utf8_lossy(&body).contains("the last"));
    ending.join().unwrap();
}

/// The address is one whose listener is another service's, the folder too: both are told plainly.
#[test]
fn refusals_at_the_start() {
    let server = Server::start("soft:", "");
    let start = |args: &[&str]| {
        let out = Command::new(CASEMATED).args(args).output().unwrap();
        assert!(!out.status.success());
        String::from_utf8(out.stderr).unwrap()
    };
    let data = server.data().display().to_string();
    let second = start(&[
        "--dev",
        "--device",
        "soft:",
        "--listen",
        "127.0.0.1:0",
        "--folder",
        &data,
    ]);
    assert!(second.contains("is being written by another process"), "{second}");
    let other = tempfile::tempdir().unwrap();
    let folder = other.path().display().to_string();
    let taken = start(&[
        "--dev",
        "--device",
        "soft:",
        "--listen",
        server.address(),
        "--folder",
        &folder,
    ]);
    assert!(taken.contains("cannot listen at"), "{taken}");
    assert!(start(&[]).contains("--dev"));
    assert!(start(&["--dev", "--device", "hard:", "--folder", &folder]).contains("hard:"));
    server.end();
}

#[test]
fn principals() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let out = Command::new(CASEMATED)
            .arg("--folder")
            .arg(dir.path())
            .arg("principal")
            .args(args)
            .output()
            .unwrap();
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        (out.status.success(), text(&out.stdout), text(&out.stderr))
    };
    let arn = "arn:aws:iam::111122223333:user/alice";
    let (ok, made, _) = run(&["create", arn]);
    assert!(ok && made.contains("AWS_SECRET_ACCESS_KEY="), "{made}");
    assert!(run(&["create", arn]).2.contains("is there already"));
    assert!(!run(&["create", "alice"]).0);
    assert!(!run(&["create", "arn:aws:iam::1:user/x"]).0);
    let policy = dir.path().join("p.json");
    std::fs::write(
        &policy,
        r#"{"Statement": {"Effect": "Allow", "Action": "kms:*"}}"#,
    )
    .unwrap();
    let (ok, _, told) = run(&["put-policy", arn, "p", policy.to_str().unwrap()]);
    assert!(!ok && told.contains("Resource"), "{told}");
    assert!(run(&["tag", arn, "team=blue"]).0);
    assert!(run(&["untag", arn, "none"]).2.contains("no tag none"));
    let id = made.lines().next().unwrap().split_once('=').unwrap().1.to_owned();
    assert_eq!(run(&["list"]).1, format!("{arn}\t{id}\n"));
    assert!(run(&["delete-key", &id]).0 && !run(&["delete-key", &id]).0);
    assert!(run(&["delete", arn]).0 && !run(&["delete", arn]).0);
}
