// SPDX-License-Identifier: Apache-2.0
//! Tink reads what the RTL encrypted, and the RTL reads what Tink encrypted.

mod common;

use common::{Bench, data, python};
use std::path::Path;
use std::process::Command;

fn tink(python: &Path, b: &Bench, args: &[&str]) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tink_file.py");
    let out = Command::new(python)
        .current_dir(b.path(""))
        .arg(script)
        .args(args)
        .output()
        .expect("Python runs");
    let refused = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() || refused.contains("TinkError"), "{refused}");
    out.status.success()
}

fn both_ways(segment: &str, sizes: &[usize]) {
    let Some(python) = python() else { return };
    let b = Bench::new("sim:");
    for &n in sizes {
        let plain = data(n);
        b.write("in", &plain);
        let with = [
            "--key-file",
            "key",
            "--segment",
            segment,
            "--aad",
            "what it is for",
            "--force",
        ];
        b.succeeds(&[&["encrypt"], &with[..], &["in", "sealed"]].concat());
        assert!(tink(
            &python,
            &b,
            &["decrypt", segment, "key", "sealed", "by-tink", "what it is for"]
        ));
        assert!(
            b.read("by-tink") == plain,
            "Tink, {n} bytes in segments of {segment}"
        );
        assert!(!tink(
            &python,
            &b,
            &["decrypt", segment, "key", "sealed", "by-tink", "something else"]
        ));

        assert!(tink(
            &python,
            &b,
            &["encrypt", segment, "key", "in", "tink-sealed", "what it is for"]
        ));
        b.succeeds(&[&["decrypt"], &with[..], &["tink-sealed", "out"]].concat());
        assert!(
            b.read("out") == plain,
            "the RTL, {n} bytes in segments of {segment}"
        );
        let mut bad = b.read("tink-sealed");
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        b.write("bad", &bad);
        b.fails(
            &[&["decrypt"], &with[..], &["bad", "none"]].concat(),
            "does not authenticate",
        );
    }
}

#[test]
fn segments_of_4_kib() {
    both_ways("4KB", &[0, 4040, 50_000]);
}

#[test]
fn segments_of_1_mib() {
    both_ways("1MB", &[1000, (5 << 19) + 1]);
}
