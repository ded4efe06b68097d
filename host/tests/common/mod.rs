// SPDX-License-Identifier: Apache-2.0
//! Runs of the `casemate` program in a folder of their own.

#![allow(dead_code)] // each test program uses its part

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder that goes with the test, with a key in it.
pub struct Bench {
    dir: tempfile::TempDir,
    state: tempfile::TempDir,
    device: &'static str,
}

impl Bench {
    pub fn new(device: &'static str) -> Self {
        let folder = || tempfile::tempdir().expect("a temporary folder");
        let b = Self {
            dir: folder(),
            state: folder(),
            device,
        };
        b.succeeds(&["keygen", "key"]);
        b
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the device's root secret is kept.
    pub fn root(&self) -> PathBuf {
        self.state.path().join("state/casemate/root")
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a file written");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Names in the folder, hidden ones too.
    pub fn list(&self) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(self.dir.path())
            .expect("the folder")
            .map(|e| {
                e.expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("a plain name")
            })
            .collect();
        names.sort();
        names
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut c = Command::new(env!("CARGO_BIN_EXE_casemate"));
        c.current_dir(self.dir.path())
            .env("CASEMATE_DEVICE", self.device)
            .env("XDG_STATE_HOME", self.state.path().join("state"))
            .env_remove("RUST_BACKTRACE")
            .args(args);
        c
    }

    pub fn run(&self, args: &[&str]) -> Output {
        let mut c = self.command(args);
        c.stdin(Stdio::null()).output().expect("the program runs")
    }

    /// With `input` on standard input.
    pub fn feed(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut pipe = child.stdin.take().expect("piped");
        std::thread::scope(|s| {
            // It may end before it has read all.
            s.spawn(move || drop(pipe.write_all(input)));
            child.wait_with_output().expect("the program ends")
        })
    }

    pub fn succeeds(&self, args: &[&str]) -> Output {
        let out = self.run(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {stderr}");
        out
    }

    /// It fails with status 1, one line of error that contains `says`, nothing on standard output, and the folder as it was.
    pub fn fails(&self, args: &[&str], says: &str) {
        let before = self.list();
        let out = self.run(args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{args:?}: {stderr}");
        let errors: Vec<_> = stderr.lines().filter(|l| !l.contains("warning:")).collect();
        assert_eq!(errors.len(), 1, "{args:?}: {stderr}");
        assert!(errors[0].starts_with("casemate: "), "{stderr}");
        assert!(errors[0].contains(says), "{args:?}: {stderr}");
        assert_eq!(out.stdout, b"", "{args:?}");
        assert_eq!(self.list(), before, "{args:?}: something was left behind");
    }
}

/// Bytes with no period that a segment could hide.
pub fn data(n: usize) -> Vec<u8> {
    let mut x = 0x2545_f491_4f6c_dd1d_u64;
    (0..n)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            (x >> 24) as u8
        })
        .collect()
}

/// The tools' Python, or None after a line that says the test is skipped. Where tools must be there, it fails instead.
pub fn python() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    let python = root.join("target/tools/venv/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var_os("CASEMATE_REQUIRE_TOOLS").is_none(),
        "no {}: run `cargo xtask setup`",
        python.display()
    );
    // Not by a macro, whose output a test that passes does not show.
    let line = "\nskipped: the comparison with Tink; run `cargo xtask setup` first\n";
    std::io::stdout()
        .write_all(line.as_bytes())
        .expect("standard output");
    None
}
