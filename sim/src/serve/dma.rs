// SPDX-License-Identifier: Apache-2.0
//! A client's memory behind the device's AXI4 master: files that it shares, mapped here, behind an IOVA table of our own; or
//! messages, and then it is the client that decides.

use crate::iova::{Refused, Table};
use crate::memory::{Access, Fault, HostMemory, load, store};
use casemate_vfio_user::Errno;
use casemate_vfio_user::memory::{Mapping, identity};
use casemate_vfio_user::remote::{Remote, Ticket};
use casemate_vfio_user::wire::{DMA_READABLE, DMA_WRITEABLE, DmaMap};
use rustix::fd::OwnedFd;
use std::collections::HashMap;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::Poll;

/// Most ranges of a client; pages that continue each other are one.
const RANGES: usize = 1 << 20;

/// How the device gets at a client's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Directly, where the client shares it in a file that cannot shrink; else by message.
    Shared,
    /// By message only: the client's IOMMU decides on each access.
    Messages,
}

/// What a range of IOVAs is.
#[derive(Clone)]
enum Target {
    File(Arc<Mapping>),
    /// Nothing that could be mapped.
    Client,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => Arc::ptr_eq(a, b),
            (Self::Client, Self::Client) => true,
            _ => false,
        }
    }
}

struct State {
    table: Table<Target>,
    /// Files that are mapped, by device, inode and whether they can be written: each once.
    files: HashMap<(u64, u64, bool), Weak<Mapping>>,
    /// The function may access memory.
    master: bool,
    remote: Option<Arc<Remote>>,
}

/// A client's memory.
pub struct Dma {
    mode: Mode,
    state: Mutex<State>,
}

impl Dma {
    /// None yet.
    pub fn new(mode: Mode) -> Arc<Self> {
        Arc::new(Self {
            mode,
            state: Mutex::new(State {
                table: Table::new(RANGES),
                files: HashMap::new(),
                master: false,
                remote: None,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Bus mastering on or off.
    pub fn set_master(&self, on: bool) {
        self.lock().master = on;
    }

    /// A client came, and answers messages there.
    pub fn attach(&self, remote: Arc<Remote>) {
        self.lock().remote = Some(remote);
    }

    /// The client is gone, with all its memory.
    pub fn detach(&self) {
        let mut s = self.lock();
        if let Some(r) = s.remote.take() {
            r.close();
        }
        s.table.clear();
        s.files.clear();
        s.master = false;
    }

    /// Ranges and files mapped now.
    pub fn counts(&self) -> (usize, usize) {
        let s = self.lock();
        let files = s.files.values().filter(|f| f.strong_count() > 0).count();
        (s.table.count(), files)
    }

    /// Maps a range.
    pub fn map(&self, m: &DmaMap, fd: Option<OwnedFd>) -> Result<(), Errno> {
        let mut s = self.lock();
        let access = Access {
            read: m.flags & DMA_READABLE != 0,
            write: m.flags & DMA_WRITEABLE != 0,
        };
        let (to, at) = match fd {
            Some(fd) if self.mode == Mode::Shared => s.target(m, &fd, access.write)?,
            _ => (Target::Client, 0),
        };
        s.table
            .map(m.address, m.address + (m.size - 1), access, to, at)
            .map_err(|e| match e {
                Refused::Exists => Errno::EXIST,
                Refused::Full => Errno::NOSPC,
            })
    }

    /// Unmaps a range. The device does not use it from then on.
    pub fn unmap(&self, first: u64, last: u64) {
        let mut s = self.lock();
        s.table.unmap(first, last);
        s.files.retain(|_, f| f.strong_count() > 0);
    }
}

impl State {
    /// What is behind a file's fd, and where in it the range begins.
    fn target(&mut self, m: &DmaMap, fd: &OwnedFd, write: bool) -> Result<(Target, u64), Errno> {
        let Some((device, inode, size)) = identity(fd)? else {
            return Ok((Target::Client, 0));
        };
        let end = m.offset.checked_add(m.size).ok_or(Errno::INVAL)?;
        if end > size {
            return Err(Errno::INVAL);
        }
        let known = self.files.get(&(device, inode, write)).and_then(Weak::upgrade);
        let file = match known.filter(|f| f.len() as u64 >= end) {
            Some(f) => f,
            None => {
                let len = usize::try_from(size).map_err(|_| Errno::NOMEM)?;
                let f = Arc::new(Mapping::new(fd, len, write)?);
                self.files.insert((device, inode, write), Arc::downgrade(&f));
                f
            }
        };
        Ok((Target::File(file), m.offset))
    }

    /// The memory behind `iova`, by pointer, and how much of it there is.
    #[inline]
    fn direct(&self, iova: u64, write: bool) -> Result<(*mut u8, usize), Fault> {
        let found = self.table.find(iova).filter(|_| self.master).ok_or(Fault)?;
        let allowed = if write {
            found.access.write
        } else {
            found.access.read
        };
        match found.to {
            Target::File(f) if allowed => {
                // SAFETY: the range was within the file when it was mapped, and the file does not shrink.
                let ptr = unsafe { f.ptr().as_ptr().add(found.at as usize) };
                Ok((ptr, usize::try_from(found.room).unwrap_or(usize::MAX)))
            }
            _ => Err(Fault),
        }
    }

    /// Whom to ask, if these bytes are to be had by message.
    fn by_message(&self, mode: Mode, iova: u64, write: bool) -> Option<Arc<Remote>> {
        if !self.master {
            return None;
        }
        if mode == Mode::Shared {
            let f = self.table.find(iova)?;
            let allowed = if write { f.access.write } else { f.access.read };
            if *f.to != Target::Client || !allowed {
                return None;
            }
        }
        self.remote.clone()
    }
}

enum Read {
    Asked {
        from: u64,
        ticket: Ticket,
        remote: Arc<Remote>,
    },
    Here {
        from: u64,
        data: Result<Vec<u8>, Fault>,
    },
}

/// The device's view of it. Bursts that go by message have numbers from 1 on.
pub struct ClientMemory {
    dma: Arc<Dma>,
    next: u64,
    reads: HashMap<u64, Read>,
    /// What the burst under way writes by message.
    parts: Vec<(u64, Vec<u8>)>,
    writes: HashMap<u64, (Arc<Remote>, Vec<Ticket>, bool)>,
}

impl ClientMemory {
    /// Of the client there is at each time.
    pub fn new(dma: Arc<Dma>) -> Self {
        Self {
            dma,
            next: 1,
            reads: HashMap::new(),
            parts: Vec::new(),
            writes: HashMap::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl HostMemory for ClientMemory {
    fn begin_read(&mut self, iova: u64, bytes: usize) -> u64 {
        let remote = self.dma.lock().by_message(self.dma.mode, iova, false);
        let Some(remote) = remote else { return 0 };
        let ticket = remote.read(iova, bytes as u32);
        let n = self.number();
        let from = iova;
        self.reads.insert(n, Read::Asked { from, ticket, remote });
        n
    }

    fn read_part(&mut self, burst: u64, iova: u64, buf: &mut [u8]) -> Poll<Result<(), Fault>> {
        if burst == 0 {
            return Poll::Ready(read(&self.dma, iova, buf));
        }
        let Some(r) = self.reads.get_mut(&burst) else {
            return Poll::Ready(Err(Fault));
        };
        if let Read::Asked { from, ticket, remote } = r {
            let Poll::Ready(data) = remote.poll(*ticket) else {
                return Poll::Pending;
            };
            *r = Read::Here {
                from: *from,
                data: data.map_err(|_| Fault),
            };
        }
        let Read::Here { from, data } = r else {
            return Poll::Pending;
        };
        let at = (iova - *from) as usize;
        let part = data.as_ref().ok().and_then(|d| d.get(at..at + buf.len()));
        Poll::Ready(part.map(|p| buf.copy_from_slice(p)).ok_or(Fault))
    }

    fn end_read(&mut self, burst: u64) {
        self.reads.remove(&burst);
    }

    fn write_part(&mut self, iova: u64, data: &[u8]) -> Result<(), Fault> {
        let s = self.dma.lock();
        if s.by_message(self.dma.mode, iova, true).is_none() {
            drop(s);
            return write(&self.dma, iova, data);
        }
        match self.parts.last_mut() {
            Some((from, d)) if *from + d.len() as u64 == iova => d.extend_from_slice(data),
            _ => self.parts.push((iova, data.to_vec())),
        }
        Ok(())
    }

    fn end_write(&mut self) -> u64 {
        let parts = std::mem::take(&mut self.parts);
        let Some((first, _)) = parts.first() else { return 0 };
        let n = self.number();
        // Between its parts the client may have taken the range, or itself, away.
        let Some(remote) = self.dma.lock().by_message(self.dma.mode, *first, true) else {
            return u64::MAX;
        };
        let tickets = parts.into_iter().map(|(from, d)| remote.write(from, d)).collect();
        self.writes.insert(n, (remote, tickets, false));
        n
    }

    fn written(&mut self, burst: u64) -> Poll<Result<(), Fault>> {
        if burst == 0 {
            return Poll::Ready(Ok(()));
        }
        let Some((remote, tickets, failed)) = self.writes.get_mut(&burst) else {
            return Poll::Ready(Err(Fault));
        };
        while let Some(t) = tickets.last() {
            let Poll::Ready(done) = remote.poll(*t) else {
                return Poll::Pending;
            };
            *failed |= done.is_err();
            tickets.pop();
        }
        let outcome = if *failed { Err(Fault) } else { Ok(()) };
        self.writes.remove(&burst);
        Poll::Ready(outcome)
    }

    fn reset(&mut self) {
        self.reads.clear();
        self.parts.clear();
        self.writes.clear();
        if let Some(r) = &self.dma.lock().remote {
            r.forget_all();
        }
    }
}

fn read(dma: &Dma, iova: u64, buf: &mut [u8]) -> Result<(), Fault> {
    // Held to the end: an unmap that has returned has no access behind it.
    let s = dma.lock();
    let mut at = 0;
    while at < buf.len() {
        let (ptr, room) = s.direct(iova.wrapping_add(at as u64), false)?;
        let n = room.min(buf.len() - at);
        // SAFETY: `ptr` has `room` bytes behind it for as long as the table is locked.
        unsafe { load(ptr, &mut buf[at..at + n]) };
        at += n;
    }
    fence(Ordering::Acquire);
    Ok(())
}

fn write(dma: &Dma, iova: u64, data: &[u8]) -> Result<(), Fault> {
    let s = dma.lock();
    fence(Ordering::Release);
    let mut at = 0;
    while at < data.len() {
        let (ptr, room) = s.direct(iova.wrapping_add(at as u64), true)?;
        let n = room.min(data.len() - at);
        // SAFETY: as in `read`.
        unsafe { store(ptr, &data[at..at + n]) };
        at += n;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use casemate_vfio_user::memory::create;

    fn map(address: u64, size: u64, flags: u32, offset: u64) -> DmaMap {
        DmaMap {
            argsz: 32,
            flags,
            offset,
            address,
            size,
        }
    }

    #[test]
    fn shared_files_rights_and_unmaps() {
        let dma = Dma::new(Mode::Shared);
        let mut m = ClientMemory::new(dma.clone());
        let fd = create("test", 16384).unwrap();
        let file = || Some(fd.try_clone().unwrap());
        dma.map(&map(0x1000, 4096, 3, 4096), file()).unwrap();
        dma.map(&map(0x2000, 4096, 3, 8192), file()).unwrap();
        dma.map(&map(0x8000, 4096, 1, 8192), file()).unwrap();
        assert_eq!(dma.map(&map(0x2000, 8192, 3, 0), file()), Err(Errno::EXIST));
        assert_eq!(dma.map(&map(0x9000, 4096, 3, 16384), file()), Err(Errno::INVAL));
        assert_eq!(
            dma.map(&map(0x9000, 4096, 3, u64::MAX - 5), file()),
            Err(Errno::INVAL)
        );
        assert_eq!(
            dma.counts(),
            (2, 2),
            "one range and one mapping for what continues"
        );
        let mut b = [0; 4];
        assert_eq!(m.write_part(0x1ffe, &[1, 2, 3, 4]), Err(Fault), "no bus master");
        dma.set_master(true);
        m.write_part(0x1ffe, &[1, 2, 3, 4]).unwrap();
        assert_eq!(m.read_part(0, 0x8000, &mut b[..2]), Poll::Ready(Ok(())));
        assert_eq!(b, [3, 4, 0, 0]);
        assert_eq!(m.write_part(0x8000, &[9]), Err(Fault), "read-only");
        assert_eq!(m.read_part(0, 0x2ffe, &mut b), Poll::Ready(Err(Fault)), "beyond");
        dma.unmap(0x1000, 0x2fff);
        assert_eq!(
            m.read_part(0, 0x1ffe, &mut b),
            Poll::Ready(Err(Fault)),
            "unmapped"
        );
        assert_eq!(dma.counts(), (1, 1));
        dma.unmap(0, u64::MAX);
        assert_eq!(dma.counts(), (0, 0));
    }

    /// A file that could shrink under the mapping is reached by message, and with nobody to ask not at all.
    #[test]
    fn files_that_can_shrink_are_not_mapped() {
        let dma = Dma::new(Mode::Shared);
        let mut m = ClientMemory::new(dma.clone());
        dma.set_master(true);
        let file: OwnedFd = tempfile::tempfile().unwrap().into();
        dma.map(&map(0x1000, 4096, 3, 0), Some(file)).unwrap();
        assert_eq!(dma.counts(), (1, 0));
        assert_eq!(m.begin_read(0x1000, 32), 0);
        assert_eq!(m.read_part(0, 0x1000, &mut [0]), Poll::Ready(Err(Fault)));
        m.write_part(0x1000, &[1]).unwrap_err();
    }
}
