// SPDX-License-Identifier: Apache-2.0
//! SIGINT, SIGTERM and SIGHUP: the work stops at the next read, so that keys are destroyed and temporary files go. If it does
//! not stop soon (a read that blocks, a model being built), the files are removed here and the program ends.

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// How long the work may take to stop by itself.
const GRACE: Duration = Duration::from_secs(2);

static SIGNAL: AtomicU8 = AtomicU8::new(0);
static TEMPORARY: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Listens from now on.
pub fn install() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("setting up signals")?;
    std::thread::spawn(move || {
        let Some(signal) = signals.forever().next() else {
            return;
        };
        SIGNAL.store(signal as u8, Ordering::Release);
        std::thread::sleep(GRACE);
        // Held until the end: an output that is being put in its place gets there or does not.
        if let Some(path) = temporary().take() {
            let _ = std::fs::remove_file(path);
        }
        eprintln!("casemate: interrupted; no unfinished file is left");
        std::process::exit(128 + signal);
    });
    Ok(())
}

/// The signal that came, if one did.
pub fn signal() -> Option<u8> {
    Some(SIGNAL.load(Ordering::Acquire)).filter(|s| *s != 0)
}

/// An error if a signal came.
pub fn check() -> io::Result<()> {
    signal().map_or(Ok(()), |_| Err(io::Error::other("interrupted")))
}

/// The file to remove if the program must end at once. Locked, it stays as it is.
pub fn temporary() -> MutexGuard<'static, Option<PathBuf>> {
    TEMPORARY.lock().unwrap_or_else(|e| e.into_inner())
}
