// SPDX-License-Identifier: Apache-2.0
//! `vfio-user:/path/to.sock` a PCI function that another process serves, as `casemate-sim serve` does: its registers by message, DMA
//! memory shared in files, interrupts on event fds. A server has one client at a time.

use super::{DmaRegion, IovaSpace, Transport};
use crate::fork::Owner;
use crate::{Error, Result};
use casemate_abi::{pci, reg};
use casemate_sim::iova::Table;
use casemate_sim::memory::{Access, load, store};
use casemate_vfio_user::Errno;
use casemate_vfio_user::client::{self, Client};
use casemate_vfio_user::memory::{Mapping, create};
use casemate_vfio_user::wire::{DEVICE_PCI, DMA_READABLE, DMA_WRITEABLE, IRQ_MSIX, REGION_CONFIG};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most regions of DMA memory.
const REGIONS: usize = 1 << 16;
/// BAR of the registers.
const BAR: u32 = 0;
/// PCI configuration space: the command register and two of its bits.
const COMMAND: u64 = 4;
const MEMORY_SPACE: u16 = 1 << 1;
const BUS_MASTER: u16 = 1 << 2;

/// Memory by its identity.
#[derive(Clone)]
struct Shared(Arc<Mapping>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What the device may reach, for a server that asks for it by message.
struct Memory(Mutex<Table<Shared>>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Table<Shared>> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The `len` bytes at `address`, which must lie in one region, as a pointer into it.
    fn find(
        table: &Table<Shared>,
        address: u64,
        len: usize,
        may: impl Fn(Access) -> bool,
    ) -> std::result::Result<*mut u8, Errno> {
        let f = table.find(address).ok_or(Errno::FAULT)?;
        if !may(f.access) {
            return Err(Errno::PERM);
        }
        if f.room < len as u64 {
            return Err(Errno::FAULT);
        }
        // SAFETY: the range was within the mapping when it was entered.
        Ok(unsafe { f.to.0.ptr().as_ptr().add(f.at as usize) })
    }
}

impl client::Memory for Memory {
    fn read(&self, address: u64, buf: &mut [u8]) -> std::result::Result<(), Errno> {
        let table = self.lock();
        let from = Self::find(&table, address, buf.len(), |a| a.read)?;
        // SAFETY: as many bytes as were asked for, mapped while the table is locked.
        unsafe { load(from, buf) };
        fence(Ordering::Acquire);
        Ok(())
    }

    fn write(&self, address: u64, data: &[u8]) -> std::result::Result<(), Errno> {
        let table = self.lock();
        let to = Self::find(&table, address, data.len(), |a| a.write)?;
        fence(Ordering::Release);
        // SAFETY: as in `read`.
        unsafe { store(to, data) };
        Ok(())
    }
}

/// A function behind a socket.
pub struct VfioUser {
    client: ManuallyDrop<Client>,
    memory: Arc<Memory>,
    iovas: Mutex<IovaSpace>,
    /// Event fds: one a queue, then the one for errors.
    vectors: Vec<OwnedFd>,
    /// Interrupts of the last vector so far, and how many of them the waits on each vector have seen.
    errors: AtomicU64,
    seen: Vec<AtomicU64>,
    owner: Owner,
}

fn failed(e: client::Error) -> Error {
    match e {
        client::Error::Lost(e) => Error::Gone(e.to_string()),
        e => Error::Transport(e.to_string()),
    }
}

fn event() -> Result<OwnedFd> {
    eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
        .map_err(|e| Error::Transport(format!("no event fd (raise `ulimit -n`): {e}")))
}

/// Takes what has been signalled; false if nothing has.
fn taken(fd: &OwnedFd) -> bool {
    rustix::io::read(fd, &mut [0; 8]).is_ok()
}

/// Whether there is a socket to connect to. Whether its server is free only connecting would tell, and might take it from another.
pub(super) fn probe(path: &Path) -> Result<super::Probe> {
    use std::os::unix::fs::FileTypeExt;
    if path.as_os_str().is_empty() {
        return Err(Error::Invalid(
            "name the socket of a server, as in vfio-user:/run/casemate.sock; `casemate-sim serve --socket /run/casemate.sock` is one".into(),
        ));
    }
    match std::fs::metadata(path) {
        Ok(m) if m.file_type().is_socket() => Ok(super::Probe {
            found: format!("socket {}", path.display()),
            slow: false,
        }),
        Ok(_) => Err(Error::Transport(format!(
            "{} is no socket: name that of a `casemate-sim serve`",
            path.display()
        ))),
        Err(e) => Err(Error::Transport(format!(
            "no server on {0} ({e}): start one with `casemate-sim serve --socket {0}`",
            path.display()
        ))),
    }
}

impl VfioUser {
    /// Connects to the server on a socket.
    pub fn open(path: &Path) -> Result<Self> {
        probe(path)?;
        let memory = Arc::new(Memory(Mutex::new(Table::new(REGIONS))));
        let client = Client::connect(path, memory.clone(), TIMEOUT).map_err(failed)?;
        let info = client.info().map_err(failed)?;
        let mut id = [0; 4];
        client.read(REGION_CONFIG, 0, &mut id).map_err(failed)?;
        let id = (
            u16::from_le_bytes([id[0], id[1]]),
            u16::from_le_bytes([id[2], id[3]]),
        );
        if info.flags & DEVICE_PCI == 0 || id != pci::ID {
            return Err(Error::Incompatible(format!(
                "the server on {} serves {:04x}:{:04x}, not {:04x}:{:04x}",
                path.display(),
                id.0,
                id.1,
                pci::ID.0,
                pci::ID.1
            )));
        }
        let count = client.irq(IRQ_MSIX).map_err(failed)?.count;
        if !(2..=2048).contains(&count) {
            return Err(Error::Incompatible(format!(
                "it has {count} interrupt vectors (MSI-X): one a queue and one for errors are needed"
            )));
        }
        let vectors = (0..count).map(|_| event()).collect::<Result<Vec<_>>>()?;
        let fds: Vec<_> = vectors.iter().map(|v| v.as_fd()).collect();
        client.set_irqs(IRQ_MSIX, 0, &fds).map_err(failed)?;
        let transport = Self {
            client: ManuallyDrop::new(client),
            memory,
            iovas: Mutex::new(IovaSpace::new()),
            errors: AtomicU64::new(0),
            seen: (0..count).map(|_| AtomicU64::new(0)).collect(),
            vectors,
            owner: Owner::new()?,
        };
        transport.set_command(MEMORY_SPACE | BUS_MASTER)?;
        Ok(transport)
    }

    fn set_command(&self, command: u16) -> Result<()> {
        self.client
            .write(REGION_CONFIG, COMMAND, &command.to_le_bytes())
            .map_err(failed)
    }

    fn register(&self, offset: u32, e: client::Error) -> Error {
        match e {
            client::Error::Refused {
                error: Errno::ACCESS, ..
            } => Error::Refused(offset),
            e => failed(e),
        }
    }

    fn map(&self, bytes: usize, access: Access) -> Result<DmaRegion> {
        self.owner.check()?;
        let len = bytes.max(1).next_multiple_of(4096);
        let no_memory = |_: Errno| Error::NoMemory(bytes);
        let fd = create("casemate-dma", len as u64).map_err(no_memory)?;
        let mapping = Arc::new(Mapping::new(&fd, len, true).map_err(no_memory)?);
        mapping.keep_from_children().map_err(no_memory)?;
        let iova = {
            let mut iovas = self.iovas.lock().unwrap_or_else(|e| e.into_inner());
            iovas.take(len)
        };
        let last = iova + (len as u64 - 1);
        self.memory
            .lock()
            .map(iova, last, access, Shared(mapping.clone()), 0)
            .map_err(|_| Error::NoMemory(bytes))?;
        let flags = DMA_READABLE | if access.write { DMA_WRITEABLE } else { 0 };
        if let Err(e) = self
            .client
            .dma_map(iova, len as u64, flags, Some((fd.as_fd(), 0)))
        {
            self.memory.lock().unmap(iova, last);
            return Err(failed(e));
        }
        // SAFETY: the mapping is ours alone and lives as long as the region.
        Ok(unsafe { DmaRegion::new(mapping.ptr(), len, iova, mapping) })
    }

    /// Whether errors have come that waits on this vector have not seen.
    fn new_errors(&self, v: usize) -> bool {
        let errors = self.errors.load(Ordering::Acquire);
        self.seen[v].swap(errors, Ordering::AcqRel) != errors
    }
}

impl Transport for VfioUser {
    fn read32(&self, offset: u32) -> Result<u32> {
        self.owner.check()?;
        let mut word = [0; 4];
        self.client
            .read(BAR, offset.into(), &mut word)
            .map_err(|e| self.register(offset, e))?;
        Ok(u32::from_le_bytes(word))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<()> {
        self.owner.check()?;
        let word = value.to_le_bytes();
        // Doorbells are not waited for; a refusal of anything else is worth hearing of.
        let doorbell = offset
            .checked_sub(reg::QUEUE_SQ_TAIL)
            .is_some_and(|o| o % reg::QUEUE_SQ_TAIL_STRIDE <= reg::QUEUE_CQ_HEAD - reg::QUEUE_SQ_TAIL);
        let written = if doorbell {
            self.client.post_write(BAR, offset.into(), &word)
        } else {
            self.client.write(BAR, offset.into(), &word)
        };
        written.map_err(|e| self.register(offset, e))
    }

    fn alloc(&self, bytes: usize) -> Result<DmaRegion> {
        self.map(bytes, Access::BOTH)
    }

    fn alloc_read_only(&self, bytes: usize) -> Result<DmaRegion> {
        self.map(bytes, Access::READ)
    }

    fn free(&self, region: DmaRegion) {
        if self.owner.forked() {
            std::mem::forget(region);
            return;
        }
        let (iova, len) = (region.iova(), region.len() as u64);
        self.memory.lock().unmap(iova, iova + (len - 1));
        // A server that is gone has no memory of ours either: what it had mapped went with it.
        let _ = self.client.dma_unmap(iova, len);
    }

    fn progress(&self) -> Result<()> {
        // The device runs by itself, and wants a processor for it.
        std::thread::yield_now();
        Ok(())
    }

    fn wait(&self, vector: u16, timeout: Duration) -> Result<bool> {
        self.owner.check()?;
        let v = usize::from(vector);
        let last = self.vectors.len() - 1;
        if self.new_errors(v) {
            return Ok(true);
        }
        let socket = self.client.socket();
        let mut fds = [
            PollFd::new(&self.vectors[v], PollFlags::IN),
            PollFd::new(&self.vectors[last], PollFlags::IN),
            PollFd::new(&socket, PollFlags::RDHUP),
        ];
        let wait = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match poll(&mut fds, Some(&wait)) {
            // A signal: as if nothing had come yet.
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Error::Transport(format!("waiting for an interrupt: {e}"))),
        }
        let [came, error, hung_up] = fds.map(|f| !f.revents().is_empty());
        if hung_up && let Some(e) = self.client.lost() {
            return Err(failed(e));
        }
        let came = came && taken(&self.vectors[v]);
        // A queue that stops says so on the error vector only. Whoever sees it tells the others.
        if error && taken(&self.vectors[last]) {
            self.errors.fetch_add(1, Ordering::AcqRel);
        }
        Ok(self.new_errors(v) || came)
    }

    fn reset(&self) -> Result<()> {
        self.owner.check()?;
        self.client.reset().map_err(failed)?;
        self.set_command(MEMORY_SPACE | BUS_MASTER)?;
        self.vectors.iter().for_each(|v| {
            taken(v);
        });
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for VfioUser {
    fn drop(&mut self) {
        if self.owner.forked() {
            // The connection is the parent's: ending nothing is all that a child can do for it.
            return;
        }
        // First no more DMA; then the server, which hears of our end, resets the device.
        let _ = self.set_command(0);
        // SAFETY: dropped once, here; no method runs any more.
        unsafe { ManuallyDrop::drop(&mut self.client) };
    }
}
