// SPDX-License-Identifier: Apache-2.0
//! What every way to a device must do alike: one source, run over each transport, with no expectation that depends on which it is.
//! `CASEMATE_SUITE_DEVICE` names a device instead, as `cargo xtask vm` does for a PCI function in its guest.

mod faults;
mod files;
mod keys;
mod process;
mod requests;
mod server;

use casemate::{Data, Device, Done, KeyHandle, KeyUse, Queue, QueueConfig, Request};
use libtest_mimic::{Arguments, Trial};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything here takes, even where the RTL has to share its processor with much else.
pub const LONG: Duration = Duration::from_secs(600);
/// The AES-256 key of most of it.
pub const KEY: [u8; 32] = [9; 32];

/// A device by its address. Each test opens it, and closes it: others have it next.
pub struct Target {
    pub uri: String,
    /// Starts what serves the device, if something does and does not run yet.
    pub start: Option<Box<dyn Fn() + Send + Sync>>,
    /// Ends what serves the device, without warning, if something does.
    pub kill: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Target {
    pub fn open(&self) -> Device {
        Device::open(&self.uri).unwrap_or_else(|e| panic!("{}: {e}", self.uri))
    }

    /// The command-line program; in a guest it lies elsewhere than where it was built.
    pub fn program(&self) -> PathBuf {
        std::env::var_os("CASEMATE_SUITE_PROGRAM")
            .map_or_else(|| env!("CARGO_BIN_EXE_casemate").into(), PathBuf::from)
    }
}

pub fn queue(device: &Device, depth: usize) -> Queue {
    let config = QueueConfig {
        depth,
        ..QueueConfig::default()
    };
    device.queue(config).unwrap()
}

pub fn key(device: &Device) -> KeyHandle {
    device.load_key(&KEY, 0, KeyUse::BOTH).unwrap()
}

pub fn iv(n: u64) -> [u8; 12] {
    let mut iv = [3; 12];
    iv[..8].copy_from_slice(&n.to_le_bytes());
    iv
}

/// `n` bytes that differ from each other.
pub fn pattern(n: usize, salt: u64) -> Vec<u8> {
    (0..n)
        .map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8) ^ salt as u8)
        .collect()
}

/// Request `n`: that pattern, sealed.
pub fn seal(device: &Device, key: KeyHandle, n: u64, len: usize) -> Request {
    let mut b = device.buffer(len + 16, 0).unwrap();
    b[..len].copy_from_slice(&pattern(len, n));
    Request::seal(key, &iv(n), b).aad(b"short").user(n)
}

/// What it must give, by another implementation.
pub fn sealed(n: u64, len: usize) -> Vec<u8> {
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    let plain = pattern(len, n);
    let p = Payload {
        msg: &plain,
        aad: b"short",
    };
    let cipher = aes_gcm::Aes256Gcm::new_from_slice(&KEY).unwrap();
    cipher.encrypt(&iv(n).into(), p).unwrap()
}

/// The bytes of a request that is done.
pub fn bytes(done: Done) -> Vec<u8> {
    match done.src {
        Some(Data::Flat(b)) => b.to_vec(),
        other => panic!("without its buffer: {other:?}"),
    }
}

/// Waits until nothing is in flight.
pub fn drain(q: &mut Queue, out: &mut Vec<Done>) {
    while q.in_flight() > 0 {
        q.wait(out, LONG).unwrap();
    }
}

/// Seals and checks some requests: the device serves.
pub fn serves(device: &Device, q: &mut Queue) {
    let key = key(device);
    let lens = [0usize, 1, 16, 333, 5000];
    let batch = (0..).zip(lens).map(|(n, len)| seal(device, key, n, len));
    assert_eq!(q.submit(batch).unwrap().accepted, lens.len());
    let mut out = Vec::new();
    drain(q, &mut out);
    for d in out {
        let n = d.user;
        assert!(
            bytes(d.ok().unwrap()) == sealed(n, lens[n as usize]),
            "request {n}"
        );
    }
    device.destroy_key(key).unwrap();
}

type Test = (&'static str, fn(&Target));

const TESTS: &[Test] = &[
    ("selftest", files::selftest),
    ("files", files::files),
    ("batches_at_depth", requests::batches_at_depth),
    ("queues_in_threads", requests::queues_in_threads),
    ("futures", requests::futures),
    ("interrupts", requests::interrupts),
    ("scattered_buffers", requests::scattered_buffers),
    ("megabytes", requests::megabytes),
    ("signatures", keys::signatures),
    ("wrapped_keys", keys::wrapped_keys),
    ("refused", faults::refused),
    ("dma_refused", faults::dma_refused),
    ("rings_unmapped", faults::rings_unmapped),
    ("queue_reset", faults::queue_reset),
    ("device_reset", faults::device_reset),
    ("zeroize", faults::zeroize),
    ("forked_child", process::forked_child),
    ("opened_again", process::opened_again),
];

/// Of them, those that memory by message can matter to.
const MESSAGES: &[&str] = &[
    "batches_at_depth",
    "dma_refused",
    "rings_unmapped",
    "device_reset",
];

fn trials(target: Target, name: &str, only: Option<&[&str]>) -> Vec<Trial> {
    let target = Arc::new(target);
    let trial = |(test, run): &Test| {
        let (target, run) = (target.clone(), *run);
        Trial::test(format!("{name}::{test}"), move || {
            if let Some(start) = &target.start {
                start();
            }
            run(&target);
            Ok(())
        })
    };
    let wanted = |t: &&Test| only.is_none_or(|names| names.contains(&t.0));
    let mut all: Vec<Trial> = TESTS.iter().filter(wanted).map(trial).collect();
    // Nothing comes after it.
    if target.kill.is_some() {
        all.push(trial(&("server_killed", process::server_killed)));
    }
    all
}

/// The device that another process serves, in one of two modes.
fn served(mode: &'static str) -> Target {
    let server = Arc::new(server::Served::new(mode));
    let other = server.clone();
    Target {
        uri: server.uri(),
        start: Some(Box::new(move || server.start())),
        kill: Some(Box::new(move || other.kill())),
    }
}

fn main() {
    server::serve_if_asked();
    let mut args = Arguments::from_args();
    // A device has one user at a time.
    args.test_threads = Some(1);
    let trials = match std::env::var("CASEMATE_SUITE_DEVICE") {
        Ok(uri) => {
            let target = Target {
                uri: uri.clone(),
                start: None,
                kill: process::killer_from_outside(),
            };
            trials(target, &uri, None)
        }
        Err(_) => {
            let sim = Target {
                uri: "sim:?latency=30".into(),
                start: None,
                kill: None,
            };
            let mut all = trials(sim, "sim", None);
            all.extend(trials(served("shared"), "vfio-user", None));
            all.extend(trials(served("messages"), "vfio-user by message", Some(MESSAGES)));
            all
        }
    };
    libtest_mimic::run(&args, trials).exit();
}
