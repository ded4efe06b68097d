// SPDX-License-Identifier: Apache-2.0
//! A service that runs for a test, and the Python with the real clients.

// Each test uses a part of it.
#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The program.
pub const CASEMATED: &str = env!("CARGO_BIN_EXE_casemated");

/// A running `casemated --dev`, ended with SIGTERM and awaited.
pub struct Server {
    child: Child,
    /// What it printed for a shell: name and value.
    pub exports: Vec<(String, String)>,
    /// Its folder.
    pub folder: tempfile::TempDir,
}

impl Server {
    /// Starts one. `settings` are lines of its configuration.
    pub fn start(device: &str, settings: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), device, settings)
    }

    /// As [`Self::start`], in a folder that may have been another's.
    pub fn start_in(folder: tempfile::TempDir, device: &str, settings: &str) -> Self {
        let config = folder.path().join("config.toml");
        std::fs::write(&config, settings).unwrap();
        let mut child = Command::new(CASEMATED)
            .args(["--dev", "--listen", "127.0.0.1:0", "--device", device, "--config"])
            .arg(&config)
            .arg("--folder")
            .arg(folder.path().join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut exports = Vec::new();
        for line in lines {
            let line = line.unwrap();
            let pairs = line.strip_prefix("export ").expect("lines for a shell");
            for pair in pairs.split(' ') {
                let (name, value) = pair.split_once('=').unwrap();
                exports.push((name.to_owned(), value.to_owned()));
            }
            if line.contains("AWS_SECRET_ACCESS_KEY") {
                break;
            }
        }
        assert_eq!(exports.len(), 5, "the service did not come up");
        Self {
            child,
            exports,
            folder,
        }
    }

    /// A value that it printed.
    pub fn export(&self, name: &str) -> &str {
        &self.exports.iter().find(|(n, _)| n == name).unwrap().1
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.export("AWS_ENDPOINT_URL_KMS").split_once("://").unwrap().1
    }

    /// Its folder of data.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// SIGTERM; it has to end well. Gives its folder back.
    pub fn end(mut self) -> tempfile::TempDir {
        self.signal("-TERM");
        assert!(
            self.child.wait().unwrap().success(),
            "the service did not end well"
        );
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `end` it is gone already.
        if self.child.try_wait().is_ok_and(|s| s.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .parent()
        .unwrap()
}

/// A program of the clients' environment; None if it is not installed and may be missing.
pub fn client(name: &str) -> Option<PathBuf> {
    let path = root().join("target/tools/aws/bin").join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CASEMATE_REQUIRE_TOOLS").is_none(),
        "{} is missing: run `cargo xtask setup`",
        path.display()
    );
    eprintln!(
        "skipped: {} is missing (`cargo xtask setup` installs it)",
        path.display()
    );
    None
}
