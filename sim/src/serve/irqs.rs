// SPDX-License-Identifier: Apache-2.0
//! Interrupts as event fds of the client.

use casemate_vfio_user::Errno;
use casemate_vfio_user::server::Signal;
use casemate_vfio_user::stream::ready;
use casemate_vfio_user::wire::{IRQ_ERR, IRQ_MSIX, IRQ_REQ, IRQS};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

#[derive(Default)]
struct Vector {
    fd: Option<OwnedFd>,
    /// Raised while nobody was there to hear it.
    pending: bool,
}

impl Vector {
    fn raise(&mut self) {
        let Some(fd) = &self.fd else {
            self.pending = true;
            return;
        };
        // A counter that is full was never read: it says all there is to say.
        if let Ok(true) = ready(fd.as_fd(), PollFlags::OUT, Duration::ZERO) {
            let _ = rustix::io::write(fd, &1u64.to_ne_bytes());
        }
    }
}

/// All interrupts of the function, by kind.
pub struct Irqs(Mutex<Vec<Vec<Vector>>>);

/// Whether writing to it cannot have any effect but on its counter.
fn is_eventfd(fd: &OwnedFd) -> bool {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    link.is_ok_and(|l| l.as_os_str() == "anon_inode:[eventfd]")
}

impl Irqs {
    /// With so many MSI-X vectors.
    pub fn new(vectors: usize) -> Self {
        let kinds = (0..IRQS).map(|kind| match kind {
            IRQ_MSIX => vectors,
            IRQ_ERR | IRQ_REQ => 1,
            _ => 0,
        });
        Self(Mutex::new(
            kinds
                .map(|n| (0..n).map(|_| Vector::default()).collect())
                .collect(),
        ))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<Vector>>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// How many of a kind.
    pub fn count(&self, kind: u32) -> u32 {
        self.lock().get(kind as usize).map_or(0, Vec::len) as u32
    }

    /// Raises one.
    pub fn raise(&self, kind: u32, vector: usize) {
        if let Some(v) = self.lock()[kind as usize].get_mut(vector) {
            v.raise();
        }
    }

    /// What a client has done to some of a kind; the range is one that there is.
    pub fn signal(&self, kind: u32, start: u32, signal: Signal) -> Result<(), Errno> {
        let mut kinds = self.lock();
        let all = &mut kinds[kind as usize];
        let start = start as usize;
        match signal {
            Signal::DisableAll => all.iter_mut().for_each(|v| *v = Vector::default()),
            Signal::Deassign(n) => all[start..start + n as usize]
                .iter_mut()
                .for_each(|v| v.fd = None),
            Signal::Assign(fds) => {
                if !fds.iter().all(is_eventfd) {
                    return Err(Errno::INVAL);
                }
                for (v, fd) in all[start..].iter_mut().zip(fds) {
                    v.fd = Some(fd);
                    if std::mem::take(&mut v.pending) {
                        v.raise();
                    }
                }
            }
            Signal::Trigger(which) => {
                for (v, _) in all[start..].iter_mut().zip(which).filter(|(_, on)| *on) {
                    v.raise();
                }
            }
        }
        Ok(())
    }

    /// Nothing is pending: the device was reset.
    pub fn reset(&self) {
        self.lock().iter_mut().flatten().for_each(|v| v.pending = false);
    }

    /// The client is gone.
    pub fn detach(&self) {
        self.lock()
            .iter_mut()
            .flatten()
            .for_each(|v| *v = Vector::default());
    }

    /// Event fds that are held.
    pub fn fds(&self) -> usize {
        self.lock().iter().flatten().filter(|v| v.fd.is_some()).count()
    }

    /// Byte `i` of MSI-X' pending bits.
    pub fn pending(&self, i: usize) -> u8 {
        let kinds = self.lock();
        let part = kinds[IRQ_MSIX as usize].iter().skip(i * 8).take(8);
        part.enumerate().map(|(b, v)| u8::from(v.pending) << b).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};

    fn new() -> OwnedFd {
        eventfd(0, EventfdFlags::NONBLOCK).unwrap()
    }

    fn count(fd: &OwnedFd) -> u64 {
        let mut b = [0; 8];
        rustix::io::read(fd, &mut b).map_or(0, |_| u64::from_ne_bytes(b))
    }

    #[test]
    fn raised_pending_and_gone() {
        let irqs = Irqs::new(10);
        assert_eq!(
            (irqs.count(IRQ_MSIX), irqs.count(0), irqs.count(IRQ_ERR)),
            (10, 0, 1)
        );
        let (a, b) = (new(), new());
        irqs.raise(IRQ_MSIX, 9);
        assert_eq!((irqs.pending(0), irqs.pending(1)), (0, 2));
        let both = Signal::Assign(vec![a.try_clone().unwrap(), b.try_clone().unwrap()]);
        irqs.signal(IRQ_MSIX, 8, both).unwrap();
        assert_eq!((count(&a), count(&b), irqs.pending(1)), (0, 1, 0));
        irqs.raise(IRQ_MSIX, 8);
        irqs.signal(IRQ_MSIX, 8, Signal::Trigger(vec![true, false]))
            .unwrap();
        assert_eq!((count(&a), count(&b)), (2, 0));
        irqs.signal(IRQ_MSIX, 8, Signal::Deassign(1)).unwrap();
        irqs.raise(IRQ_MSIX, 8);
        assert_eq!((count(&a), irqs.pending(1), irqs.fds()), (0, 1, 1));
        irqs.reset();
        assert_eq!(irqs.pending(1), 0);
        irqs.detach();
        assert_eq!(irqs.fds(), 0);
    }

    /// A client's fd is written to: it must not stop the device, nor be a file.
    #[test]
    fn other_fds_and_full_counters() {
        let irqs = Irqs::new(1);
        let (_r, w) = std::io::pipe().unwrap();
        assert_eq!(
            irqs.signal(IRQ_MSIX, 0, Signal::Assign(vec![w.into()])),
            Err(Errno::INVAL)
        );
        let full = eventfd(0, EventfdFlags::empty()).unwrap();
        rustix::io::write(&full, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        irqs.signal(IRQ_MSIX, 0, Signal::Assign(vec![full])).unwrap();
        irqs.raise(IRQ_MSIX, 0);
    }
}
