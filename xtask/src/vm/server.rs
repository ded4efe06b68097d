// SPDX-License-Identifier: Apache-2.0
//! The simulated device as a process of its own, at a socket.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A model that is not in the cache is built first.
const PATIENCE: Duration = Duration::from_secs(600);

/// Ended when it is dropped.
pub struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    /// Started, and listening.
    pub fn start(socket: &Path, args: &[&str]) -> Result<Self> {
        let child = Command::new(super::program("casemate-sim")?)
            .args(["serve", "--socket"])
            .arg(socket)
            .args(args)
            .spawn()
            .context("cannot start casemate-sim")?;
        let mut server = Self {
            child,
            socket: socket.into(),
        };
        let start = Instant::now();
        while !socket.exists() {
            if let Some(status) = server.child.try_wait()? {
                bail!("casemate-sim serve: {status}");
            }
            if start.elapsed() > PATIENCE {
                bail!("casemate-sim serve does not listen after {PATIENCE:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    /// Without warning, as by SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
