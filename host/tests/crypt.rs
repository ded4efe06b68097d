// SPDX-License-Identifier: Apache-2.0
//! `casemate encrypt`, `decrypt` and `keygen`, run as a user runs them.

mod common;

use common::{Bench, data};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::time::{Duration, Instant};

const SEGMENT: usize = 4096;

fn round_trip(b: &Bench, segment: &str, n: usize) {
    let plain = data(n);
    b.write("in", &plain);
    let with = ["--key-file", "key", "--segment", segment, "--force"];
    b.succeeds(&[&["encrypt"], &with[..], &["in", "sealed"]].concat());
    assert!(b.read("sealed").len() >= n + 56);
    b.succeeds(&[&["decrypt"], &with[..], &["sealed", "out"]].concat());
    assert!(b.read("out") == plain, "{n} bytes in segments of {segment}");
}

#[test]
fn files_of_many_sizes() {
    let b = Bench::new("soft:");
    for n in [0, 1, 15, 16, 4039, 4040, 4041, 8120, 8121, 300_000] {
        round_trip(&b, "4KB", n);
    }
    for n in [0, 1, (1 << 20) - 56, (1 << 20) - 55, 9_000_000] {
        round_trip(&b, "1MB", n);
    }
    assert_eq!(b.list(), ["in", "key", "out", "sealed"]);
}

#[test]
fn standard_input_and_output() {
    let b = Bench::new("soft:");
    let plain = data(100_000);
    let sealed = b.feed(&["encrypt", "--key-file", "key", "-", "-"], &plain);
    assert!(sealed.status.success());
    assert_eq!(sealed.stderr, b"", "no bar where no terminal is");
    let opened = b.feed(&["decrypt", "--key-file", "key", "-", "-"], &sealed.stdout);
    assert!(opened.status.success() && opened.stdout == plain);
    // From a pipe to a file and back.
    let out = b.feed(&["encrypt", "--key-file", "key", "-", "sealed"], &plain);
    assert!(out.status.success() && out.stdout.is_empty());
    let opened = b.succeeds(&["decrypt", "--key-file", "key", "sealed", "-"]);
    assert!(opened.stdout == plain);
    // A device file is written, not replaced.
    b.succeeds(&["decrypt", "--key-file", "key", "sealed", "/dev/null"]);
    let null = std::fs::metadata("/dev/null").unwrap();
    assert!(!null.is_file());
    b.fails(
        &["decrypt", "--key-file", "key", "sealed", "/dev/full"],
        "writing the output: No space left",
    );
}

#[test]
fn what_authenticates_goes_to_standard_output_and_the_status_tells_of_a_cut() {
    let b = Bench::new("soft:");
    let plain = data(20_000);
    b.write("in", &plain);
    let with = ["--key-file", "key", "--segment", "4KB"];
    b.succeeds(&[&["encrypt"], &with[..], &["in", "sealed"]].concat());
    b.write("cut", &b.read("sealed")[..3 * SEGMENT]);
    let out = b.run(&[&["decrypt"], &with[..], &["cut", "-"]].concat());
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("segment 2 does not authenticate"));
    assert!(out.stdout.len() < plain.len() && plain.starts_with(&out.stdout));
}

#[test]
fn nothing_is_overwritten_unasked() {
    let b = Bench::new("soft:");
    let plain = data(5000);
    b.write("in", &plain);
    b.write("there", b"precious");
    let with = ["--key-file", "key"];
    let encrypt = |rest: &[&'static str]| [&["encrypt"], &with[..], rest].concat();
    b.fails(&encrypt(&["in", "there"]), "there is there already");
    assert_eq!(b.read("there"), b"precious");
    for file in ["in", "key", "./in"] {
        let says = if file == "key" {
            "is the key file itself"
        } else {
            "is the input itself"
        };
        b.fails(&encrypt(&["in", file]), says);
        b.fails(&encrypt(&["--force", "in", file]), says);
    }
    std::fs::hard_link(b.path("in"), b.path("linked")).unwrap();
    b.fails(&encrypt(&["--force", "in", "linked"]), "is the input itself");
    std::fs::create_dir(b.path("folder")).unwrap();
    b.fails(&encrypt(&["--force", "in", "folder"]), "is a directory");
    b.fails(
        &encrypt(&["in", "nowhere/out"]),
        "cannot write to the folder of nowhere/out",
    );
    b.fails(&encrypt(&["folder", "out"]), "is a directory");
    b.fails(&encrypt(&["missing", "out"]), "cannot read missing: No such file");

    // By force, a file is replaced, with its permissions, and where a link points to.
    let mode = |name: &str| std::fs::metadata(b.path(name)).unwrap().permissions().mode() & 0o777;
    std::fs::set_permissions(b.path("there"), std::fs::Permissions::from_mode(0o646)).unwrap();
    symlink("there", b.path("link")).unwrap();
    b.succeeds(&encrypt(&["--force", "in", "link"]));
    assert_eq!(mode("there"), 0o646);
    assert!(std::fs::symlink_metadata(b.path("link")).unwrap().is_symlink());
    assert_eq!(b.read("there").len(), 5000 + 56);
    // And stays as it is if the work fails.
    b.write("cut", &b.read("there")[..3000]);
    b.fails(
        &["decrypt", "--key-file", "key", "--force", "cut", "in"],
        "segment 0",
    );
    assert!(b.read("in") == plain);
}

#[test]
fn key_files() {
    let b = Bench::new("soft:");
    assert_eq!(
        std::fs::metadata(b.path("key")).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let raw = b.read("key");
    assert_eq!(raw.len(), 32);
    b.succeeds(&["keygen", "other"]);
    assert_ne!(b.read("other"), raw);
    b.fails(&["keygen", "key"], "never overwritten");
    b.fails(&["keygen", "-"], "not to standard output");
    assert_eq!(b.read("key"), raw);

    // The same key as digits.
    b.write("in", b"some text");
    b.write("hex", (hex::encode(&raw) + "\n").as_bytes());
    b.succeeds(&["encrypt", "--key-file", "key", "in", "sealed"]);
    let out = b.succeeds(&["decrypt", "--key-file", "hex", "sealed", "-"]);
    assert_eq!(out.stdout, b"some text");
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert!(
        stderr.contains("warning: others") && stderr.contains("chmod 600"),
        "{stderr}"
    );
    assert!(!stderr.contains(&hex::encode(&raw[..4])));

    for (bytes, says) in [
        (&b""[..], "it is empty"),
        (
            &raw[..31],
            "it has 31 bytes, but a key is 32 raw bytes or 64 hexadecimal digits",
        ),
        (&[b'g'; 64], "not all are hexadecimal digits"),
        (&[0; 4096], "80 bytes or more"),
    ] {
        b.write("bad", bytes);
        b.fails(&["encrypt", "--key-file", "bad", "in", "out"], says);
    }
    b.fails(
        &["encrypt", "--key-file", "none", "in", "out"],
        "cannot read the key file none: No such file",
    );
    b.fails(&["encrypt", "--key-file", ".", "in", "out"], "is a directory");
    b.fails(
        &["decrypt", "--key-file", "other", "sealed", "out"],
        "segment 0 does not authenticate",
    );
}

/// Every way to damage a file of five 4 KiB segments, with what the error must say.
fn damages(sealed: &[u8], thorough: bool) -> Vec<(String, Vec<u8>, &'static str)> {
    let n = sealed.len();
    assert!(n > 4 * SEGMENT && n < 5 * SEGMENT);
    let mut all = Vec::new();
    let mut flip = |at: usize, bit: u32, says| {
        let mut bad = sealed.to_vec();
        bad[at] ^= 1 << bit;
        all.push((format!("bit {bit} of byte {at} flipped"), bad, says));
    };
    flip(0, 3, "another format");
    let (odd, step) = if thorough { (17, 211) } else { (4099, 8191) };
    for at in (1..n).step_by(step).chain([1, 33, 39, 40, n - 17, n - 16, n - 1]) {
        let segment = ["segment 0", "segment 1", "segment 2", "segment 3", "segment 4"][at / SEGMENT];
        flip(at, (at % 8) as u32, segment);
    }
    let mut cuts = vec![SEGMENT - 1, SEGMENT, 2 * SEGMENT + 5, 4 * SEGMENT, n - 1];
    if thorough {
        cuts.extend([1, 39, 40, 41, 55, 56, 57, SEGMENT + 1, SEGMENT + 15, SEGMENT + 16]);
        cuts.extend([
            2 * SEGMENT,
            3 * SEGMENT - 1,
            3 * SEGMENT,
            4 * SEGMENT + 16,
            n - 16,
            n - 17,
        ]);
        cuts.extend((0..n).step_by(odd * 61));
    }
    for cut in cuts {
        let says = if cut < 40 {
            "too short"
        } else {
            "does not authenticate"
        };
        all.push((format!("cut after {cut} bytes"), sealed[..cut].to_vec(), says));
    }
    for (a, b) in [(1, 2), (2, 3), (1, 3)] {
        let mut bad = sealed.to_vec();
        for i in 0..SEGMENT {
            bad.swap(a * SEGMENT + i, b * SEGMENT + i);
        }
        let says = if a == 1 { "segment 1" } else { "segment 2" };
        all.push((format!("segments {a} and {b} swapped"), bad, says));
    }
    let doubled = [&sealed[..2 * SEGMENT], &sealed[SEGMENT..]].concat();
    all.push(("segment 1 twice".into(), doubled, "segment 2"));
    let dropped = [&sealed[..SEGMENT], &sealed[2 * SEGMENT..]].concat();
    all.push(("segment 1 missing".into(), dropped, "segment 1"));
    for more in [1, 16, 5000] {
        let longer = [sealed, &vec![0; more]].concat();
        all.push((format!("{more} bytes more"), longer, "segment 4"));
    }
    all.push(("the file twice".into(), [sealed, sealed].concat(), "segment 4"));
    all
}

fn damaged_files(device: &'static str, thorough: bool) {
    let b = Bench::new(device);
    let plain = data(4 * SEGMENT + 1000 - 40 - 16 * 5);
    b.write("in", &plain);
    let with = ["--key-file", "key", "--segment", "4KB", "--aad", "label"];
    b.succeeds(&[&["encrypt"], &with[..], &["in", "sealed"]].concat());
    let sealed = b.read("sealed");
    let all = damages(&sealed, thorough);
    for (what, bad, says) in all.iter().step_by(if thorough { 1 } else { 3 }) {
        b.write("bad", bad);
        println!("{what}");
        b.fails(&[&["decrypt"], &with[..], &["bad", "out"]].concat(), says);
    }
    for other in [
        &["--key-file", "key", "--segment", "1MB", "--aad", "label"][..],
        &["--key-file", "key", "--segment", "4KB", "--aad", "labels"],
        &["--key-file", "key", "--segment", "4KB"],
    ] {
        b.fails(
            &[&["decrypt"], other, &["sealed", "out"]].concat(),
            "segment 0 does not authenticate",
        );
    }
    b.succeeds(&[&["decrypt"], &with[..], &["sealed", "out"]].concat());
    assert!(b.read("out") == plain);
}

#[test]
fn damaged_files_are_refused() {
    damaged_files("soft:", true);
}

#[test]
fn damaged_files_are_refused_by_the_rtl() {
    damaged_files("sim:", false);
}

#[test]
fn files_through_the_rtl() {
    let b = Bench::new("sim:");
    round_trip(&b, "4KB", 0);
    round_trip(&b, "4KB", 20_001);
    round_trip(&b, "1MB", (5 << 19) + 3);
    // What one device wrote, the other reads.
    let out = (b.command(&["--device", "soft:", "decrypt", "--key-file", "key", "sealed", "-"]))
        .output()
        .unwrap();
    assert!(out.stdout == b.read("in"));
}

#[test]
fn a_signal_leaves_nothing_behind() {
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let b = Bench::new("soft:");
        let mut child = b
            .command(&["encrypt", "--key-file", "key", "-", "out"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while !b.list().iter().any(|n| n.starts_with(".casemate-")) {
            assert!(start.elapsed() < Duration::from_secs(60), "no temporary file");
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent = std::process::Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        // Its standard input stays open: it waits for bytes that do not come.
        let input = child.stdin.take();
        let out = child.wait_with_output().unwrap();
        drop(input);
        assert_eq!(out.status.code(), Some(status));
        assert!(String::from_utf8_lossy(&out.stderr).contains("interrupted"));
        assert_eq!(b.list(), ["key"]);
    }
}

#[test]
fn wrong_usage_is_status_2() {
    let b = Bench::new("soft:");
    for args in [
        &[][..],
        &["encrypt"],
        &["encrypt", "in", "out"],
        &["decrypt", "--key-file", "key", "--segment", "2MB", "in", "out"],
        &["fly"],
    ] {
        assert_eq!(b.run(args).status.code(), Some(2), "{args:?}");
    }
    b.write("in", b"x");
    for (uri, says) in [
        ("soft", "has no scheme"),
        ("card:0", "unknown scheme `card`"),
        ("soft:?slots=3", "slots=3: a power of two"),
    ] {
        b.fails(
            &["--device", uri, "encrypt", "--key-file", "key", "in", "out"],
            says,
        );
    }
}
