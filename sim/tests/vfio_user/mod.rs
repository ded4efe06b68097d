// SPDX-License-Identifier: Apache-2.0
//! What tests of the server share: its process, and clients.
#![allow(dead_code)] // no test needs all of it

use casemate_vfio_user::Errno;
use casemate_vfio_user::client::{self, Client, Error};
use casemate_vfio_user::stream::{Receiver, Sender};
use rustix::fd::OwnedFd;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longer than anything here takes.
pub const SOON: Duration = Duration::from_secs(20);

pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_casemate-sim").into()
}

/// A client's memory: none.
pub struct Memory;

impl client::Memory for Memory {
    fn read(&self, _: u64, _: &mut [u8]) -> Result<(), Errno> {
        Err(Errno::FAULT)
    }

    fn write(&self, _: u64, _: &[u8]) -> Result<(), Errno> {
        Err(Errno::FAULT)
    }
}

pub fn connect(path: &Path) -> Client {
    Client::connect(path, Arc::new(Memory), SOON).unwrap_or_else(|e| panic!("{e}"))
}

/// The server may not have seen the end of the client before.
pub fn connect_when_free(path: &Path) -> Client {
    let start = Instant::now();
    loop {
        match Client::connect(path, Arc::new(Memory), SOON) {
            Ok(c) => return c,
            Err(Error::Busy(_)) if start.elapsed() < SOON => std::thread::sleep(Duration::from_millis(5)),
            Err(e) => panic!("{e}"),
        }
    }
}

/// A socket to a server without a client, on which nothing has been said.
pub fn raw_when_free(path: &Path) -> (Sender, Receiver) {
    // Time enough for it to see that a client has gone, and to reset the device.
    std::thread::sleep(Duration::from_millis(200));
    let s: OwnedFd = UnixStream::connect(path).unwrap().into();
    let s = Arc::new(s);
    (Sender::new(s.clone()), Receiver::new(s))
}

/// A running server.
pub struct Process {
    child: Child,
    socket: PathBuf,
    dir: tempfile::TempDir,
}

impl Process {
    pub fn start(args: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("socket");
        Self::over(dir, socket, args)
    }

    pub fn start_on(socket: &Path, args: &[&str]) -> Self {
        Self::over(tempfile::tempdir().unwrap(), socket.into(), args)
    }

    fn over(dir: tempfile::TempDir, socket: PathBuf, args: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["serve", "--device", "latency=30", "--socket"])
            .arg(&socket)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let out = child.stdout.take().unwrap();
        BufReader::new(out).read_line(&mut line).unwrap();
        assert!(line.starts_with("serving on "), "it said: {line}");
        Self { child, socket, dir }
    }

    pub fn socket(&self) -> PathBuf {
        self.socket.clone()
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
