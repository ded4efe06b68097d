// SPDX-License-Identifier: Apache-2.0
//! A device belongs to the process that opened it. A child after fork() has its handles and not its memory, which the device writes
//! to: it is told so, where it would otherwise disturb its parent.

use crate::{Error, Result};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

const PAGE: usize = 4096;

/// Knows whether this is still the process that made it: a page that the kernel wipes in children, however they are made. Looking
/// at it costs a load.
pub(crate) struct Owner(NonNull<AtomicU32>);

// SAFETY: the page is only ever accessed as an atomic.
unsafe impl Send for Owner {}
// SAFETY: as above.
unsafe impl Sync for Owner {}

impl Owner {
    pub(crate) fn new() -> Result<Self> {
        let failed = |what: &str| Error::Transport(format!("{what}: {}", std::io::Error::last_os_error()));
        // SAFETY: an anonymous mapping wherever the kernel likes.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        let Some(word) = NonNull::new(page.cast::<AtomicU32>()).filter(|_| page != libc::MAP_FAILED) else {
            return Err(failed("no memory for a page"));
        };
        let owner = Self(word);
        // SAFETY: the page is this owner's.
        if unsafe { libc::madvise(page, PAGE, libc::MADV_WIPEONFORK) } != 0 {
            return Err(failed("MADV_WIPEONFORK (Linux 4.14 or newer)"));
        }
        owner.word().store(1, Ordering::Relaxed);
        Ok(owner)
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: aligned, and mapped until drop.
        unsafe { self.0.as_ref() }
    }

    /// Whether this is a child of the process that made it.
    pub(crate) fn forked(&self) -> bool {
        self.word().load(Ordering::Relaxed) == 0
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.forked() { Err(Error::Forked) } else { Ok(()) }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, unmapped once.
        unsafe { libc::munmap(self.0.as_ptr().cast(), PAGE) };
    }
}
