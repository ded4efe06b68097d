// SPDX-License-Identifier: Apache-2.0
//! The real clients, boto3 and `aws`, against the service: every operation on `soft:`, a short list on `sim:`.

mod common;

use common::{CASEMATED, Server, client};
use std::process::Command;

/// Runs the suites of a name against a service.
fn suites(server: &Server, pattern: &str) {
    let Some(python) = client("python") else { return };
    let run = Command::new(python)
        .args(["-m", "unittest", "discover", "-f", "-p", pattern])
        .current_dir(common::root().join("host/casemated/tests/aws"))
        .envs(server.exports.iter().cloned())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("CASEMATED", CASEMATED)
        .env("CASEMATED_DATA", server.data())
        .env("CASEMATED_CLOCK", server.folder.path().join("clock"))
        .env("AWS_CLI", client("aws").expect("it lies beside python"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr);
    println!("{told}");
    assert!(run.status.success(), "{told}");
    // A pattern that finds nothing succeeds.
    assert!(!told.contains("Ran 0 tests"), "{told}");
}

/// A service whose clock of rotation and deletion the suites can set.
fn with_clock(device: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    let settings = format!("clock_file = \"{}\"\nschedule_seconds = 1\n", file.display());
    Server::start_in(folder, device, &settings)
}

#[test]
fn every_operation_on_soft() {
    let server = with_clock("soft:");
    suites(&server, "test_*.py");
    server.end();
}

#[test]
fn a_short_list_on_sim() {
    let server = Server::start("sim:", "");
    suites(&server, "short.py");
    server.end();
}

/// botocore's model is the one that the types were made of.
#[test]
fn model_is_fresh() {
    let Some(python) = client("python") else { return };
    let script = common::root().join("host/casemated/model/generate.py");
    let run = Command::new(python).arg(script).arg("--check").output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// What was written before a restart is there after it, and keys are those of this device only.
#[test]
fn restart() {
    let server = Server::start("soft:", "");
    let Some(aws) = client("aws") else { return };
    let call = |server: &Server, args: &[&str]| {
        let out = Command::new(&aws)
            .arg("kms")
            .args(args)
            .args(["--output", "text"])
            .envs(server.exports.iter().cloned())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    let key = call(&server, &["create-key", "--query", "KeyMetadata.KeyId"]);
    let plain = [
        "--plaintext",
        "secret",
        "--query",
        "CiphertextBlob",
        "--key-id",
        &key,
    ];
    let sealed = call(&server, &[&["encrypt"], &plain[..]].concat());
    let folder = server.end();
    let server = Server::start_in(folder, "soft:", "");
    let file = server.folder.path().join("sealed");
    std::fs::write(&file, base64_decode(&sealed)).unwrap();
    let blob = format!("fileb://{}", file.display());
    assert_eq!(
        call(
            &server,
            &["decrypt", "--query", "Plaintext", "--ciphertext-blob", &blob]
        ),
        "c2VjcmV0"
    );
    let folder = server.end();
    // Another root secret: the store's keys are not this device's.
    std::fs::write(
        folder.path().join("data/device-root"),
        format!("{}\n", "5a".repeat(32)),
    )
    .unwrap();
    let refused = Command::new(CASEMATED)
        .args([
            "--dev",
            "--device",
            "soft:",
            "--listen",
            "127.0.0.1:0",
            "--folder",
        ])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && told.contains("another root secret"),
        "{told}"
    );
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    BASE64_STANDARD.decode(text).unwrap()
}
