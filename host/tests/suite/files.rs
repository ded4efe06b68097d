// SPDX-License-Identifier: Apache-2.0
//! The command-line program on the device.

use crate::{Target, pattern};
use std::path::Path;
use std::process::{Command, Output};

fn run(t: &Target, dir: &Path, args: &[&str]) -> Output {
    Command::new(t.program())
        .current_dir(dir)
        .env("CASEMATE_DEVICE", &t.uri)
        .env("XDG_STATE_HOME", dir)
        .env_remove("RUST_BACKTRACE")
        .args(args)
        .output()
        .expect("the program runs")
}

fn succeeds(t: &Target, dir: &Path, args: &[&str]) -> String {
    let out = run(t, dir, args);
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {stderr}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

pub fn selftest(t: &Target) {
    let dir = tempfile::tempdir().unwrap();
    let said = succeeds(t, dir.path(), &["selftest"]);
    assert!(
        said.contains("passed") && said.contains("ECDSA P-384 by ring     right"),
        "{said}"
    );
}

/// Small, empty and larger than a segment; altered is refused.
pub fn files(t: &Target) {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    succeeds(t, dir.path(), &["keygen", "key"]);
    for len in [0, 100, 300_000] {
        std::fs::write(path("plain"), pattern(len, 5)).unwrap();
        let files = ["--key-file", "key"];
        succeeds(
            t,
            dir.path(),
            &[&["encrypt"], &files[..], &["plain", "sealed"]].concat(),
        );
        succeeds(
            t,
            dir.path(),
            &[&["decrypt"], &files[..], &["sealed", "again"]].concat(),
        );
        assert!(
            std::fs::read(path("again")).unwrap() == pattern(len, 5),
            "{len} bytes"
        );
        let mut bytes = std::fs::read(path("sealed")).unwrap();
        assert!(bytes.len() >= len + 56);
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(path("sealed"), bytes).unwrap();
        std::fs::remove_file(path("again")).unwrap();
        let out = run(
            t,
            dir.path(),
            &[&["decrypt"], &files[..], &["sealed", "again"]].concat(),
        );
        assert_eq!(out.status.code(), Some(1));
        assert!(!path("again").exists());
        std::fs::remove_file(path("sealed")).unwrap();
    }
}
