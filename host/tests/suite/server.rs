// SPDX-License-Identifier: Apache-2.0
//! The simulated device served over vfio-user by a process of its own: this program, started again.

use casemate_sim::config::Config;
use casemate_sim::serve::{Mode, Server};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Names the socket, and by what is before it the mode.
const SERVE: &str = "CASEMATE_SUITE_SERVE";
/// A model that is not in the cache is built first.
const PATIENCE: Duration = Duration::from_secs(600);

/// Serves, if that is what this process was started for.
pub fn serve_if_asked() {
    let Ok(asked) = std::env::var(SERVE) else { return };
    let (mode, path) = asked.split_once(':').expect("a mode and a path");
    let mode = match mode {
        "messages" => Mode::Messages,
        _ => Mode::Shared,
    };
    let config = Config::parse("latency=30").unwrap();
    let mut server = Server::bind(Path::new(path), &config, mode, |line| eprintln!("{line}")).unwrap();
    // Until it is killed, or whoever started it is gone.
    server.run(std::io::stdin()).unwrap();
    std::process::exit(0);
}

/// Such a process, from when it is needed on.
pub struct Served {
    mode: &'static str,
    dir: tempfile::TempDir,
    child: OnceLock<Mutex<Child>>,
}

impl Served {
    pub fn new(mode: &'static str) -> Self {
        Self {
            mode,
            dir: tempfile::tempdir().unwrap(),
            child: OnceLock::new(),
        }
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    pub fn uri(&self) -> String {
        format!("vfio-user:{}", self.socket().display())
    }

    /// Starts it, if it does not run yet.
    pub fn start(&self) {
        self.child.get_or_init(|| {
            let socket = self.socket();
            let mut child = Command::new(std::env::current_exe().unwrap())
                .env(SERVE, format!("{}:{}", self.mode, socket.display()))
                .stdin(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            let start = Instant::now();
            while !socket.exists() {
                if let Some(status) = child.try_wait().unwrap() {
                    panic!("the server ended: {status}");
                }
                assert!(
                    start.elapsed() < PATIENCE,
                    "the server does not listen after {PATIENCE:?}"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
            Mutex::new(child)
        });
    }

    /// Without warning, by SIGKILL.
    pub fn kill(&self) {
        if let Some(child) = self.child.get() {
            let mut child = child.lock().unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
