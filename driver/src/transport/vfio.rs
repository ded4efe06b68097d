// SPDX-License-Identifier: Apache-2.0
//! `vfio:0000:01:00.0` a PCI function through Linux VFIO (container and group): its registers are mapped, its DMA goes through the
//! IOMMU, its interrupts arrive on event fds. Needs no root: the group's node and enough locked memory.

mod container;
pub mod host;

use super::{DmaRegion, Transport};
use crate::fork::Owner;
use crate::{Error, Result};
use casemate_abi::reg;
use container::{Access, Container};
use host::{Bdf, Host};
use memmap2::{Advice, MmapOptions, MmapRaw};
use std::any::Any;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use vfio_bindings::bindings::vfio::{
    VFIO_PCI_BAR0_REGION_INDEX, VFIO_PCI_CONFIG_REGION_INDEX, VFIO_PCI_ERR_IRQ_INDEX,
    VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX, VFIO_REGION_INFO_FLAG_MMAP,
};
use vfio_ioctls::{VfioContainer, VfioDevice, VfioError};
use vmm_sys_util::eventfd::EventFd;

/// PCI configuration space: the command register and two of its bits.
const COMMAND: u64 = 4;
const MEMORY_SPACE: u16 = 1 << 1;
const BUS_MASTER: u16 = 1 << 2;
/// What a read gives when nothing answers.
const ALL_ONES: u32 = u32::MAX;
/// Polls that found nothing between two looks at the fds that announce the device's end.
const LOOK: u64 = 4096;

/// The events of a device.
struct Events {
    /// One a queue, then the one for errors.
    vectors: Vec<EventFd>,
    /// Interrupts of the last vector so far, and how many of them the waits on each vector have seen.
    errors: AtomicU64,
    seen: Vec<AtomicU64>,
    /// The kernel wants the device back; an uncorrectable error on the bus.
    request: EventFd,
    error: EventFd,
}

/// A PCI function.
pub struct Vfio {
    bdf: Bdf,
    registers: ManuallyDrop<MmapRaw>,
    events: Events,
    container: Container,
    device: ManuallyDrop<VfioDevice>,
    /// Why it is gone, once it is.
    gone: OnceLock<String>,
    polls: AtomicU64,
    owner: Owner,
}

/// The kernel's answers in words.
fn explained(bdf: &Bdf, e: VfioError) -> Error {
    Error::Transport(match e {
        VfioError::OpenGroup(e, group) if e.raw_os_error() == Some(libc::EBUSY) => {
            format!("/dev/vfio/{group}: another process has {bdf} open: end it first")
        }
        VfioError::GroupViable => format!(
            "the IOMMU group of {bdf} has other devices whose drivers would share its memory: `casemate doctor vfio:{bdf}` lists them"
        ),
        VfioError::ContainerSetIOMMU(e) if e.errno() == libc::EPERM => format!(
            "the kernel refuses the IOMMU of {bdf}: it cannot remap interrupts. Turn interrupt remapping on in the firmware"
        ),
        e => format!("VFIO, {bdf}: {e}"),
    })
}

/// The device meant: the one named, or the only one that is there.
pub(super) fn only(named: Option<Bdf>) -> Result<Bdf> {
    if let Some(bdf) = named {
        return Ok(bdf);
    }
    let mut there = Host::default().devices();
    match (there.pop(), there.len()) {
        (Some(bdf), 0) => Ok(bdf),
        (Some(last), n) => Err(Error::Invalid(format!(
            "{} Casemate devices are on the bus: say which, as in vfio:{last}",
            n + 1
        ))),
        (None, _) => Err(Error::Transport(
            "no Casemate device is on the bus: `casemate doctor vfio:` tells what to look at".into(),
        )),
    }
}

/// Whether a device could be opened, and which.
pub(super) fn probe(named: Option<&Bdf>) -> Result<super::Probe> {
    let bdf = only(named.cloned())?;
    Host::default().ready(&bdf)?;
    Ok(super::Probe {
        found: format!("{bdf} is bound to vfio-pci"),
        slow: false,
    })
}

fn failed(what: &str, e: impl std::fmt::Display) -> Error {
    Error::Transport(format!("{what}: {e}"))
}

impl Vfio {
    /// Opens and resets it. What is missing is said with the command that mends it.
    pub fn open(bdf: &Bdf) -> Result<Self> {
        let host = Host::default();
        host.ready(bdf)?;
        let vfio = Arc::new(VfioContainer::new(None).map_err(|e| explained(bdf, e))?);
        let device =
            VfioDevice::new(&host.function(bdf), vfio.clone(), false).map_err(|e| explained(bdf, e))?;
        // From here on dropping the transport closes the device in the right order.
        let registers = map_registers(bdf, &device)?;
        let events = Events::new(&device)?;
        let transport = Self {
            bdf: bdf.clone(),
            registers: ManuallyDrop::new(registers),
            events,
            container: Container::new(vfio)?,
            device: ManuallyDrop::new(device),
            gone: OnceLock::new(),
            polls: AtomicU64::new(0),
            owner: Owner::new()?,
        };
        // Whoever had it before may have left it in any state.
        transport.reset()?;
        transport.enable_events()?;
        Ok(transport)
    }

    /// Its address.
    pub fn bdf(&self) -> &Bdf {
        &self.bdf
    }

    fn enable_events(&self) -> Result<()> {
        let queues = self.read32(reg::CAP0)? & 0xff;
        let wanted = queues as usize + 1;
        if self.events.vectors.len() < wanted {
            return Err(Error::Incompatible(format!(
                "it has {} interrupt vectors (MSI-X) for {queues} queues: {wanted} are needed",
                self.events.vectors.len()
            )));
        }
        let fds = self.events.vectors.iter().collect();
        self.device
            .enable_msix(fds)
            .map_err(|e| failed("its interrupts (MSI-X) cannot be enabled", e))?;
        for (index, fd) in [
            (VFIO_PCI_REQ_IRQ_INDEX, &self.events.request),
            (VFIO_PCI_ERR_IRQ_INDEX, &self.events.error),
        ] {
            // Not every kernel and device has both.
            if self.device.get_irq_info(index).is_some_and(|i| i.count > 0) {
                self.device
                    .enable_irq(index, vec![fd])
                    .map_err(|e| failed("the events that announce its end cannot be enabled", e))?;
            }
        }
        Ok(())
    }

    fn command(&self) -> u16 {
        let mut bytes = [0xff; 2];
        self.device
            .region_read(VFIO_PCI_CONFIG_REGION_INDEX, &mut bytes, COMMAND);
        u16::from_le_bytes(bytes)
    }

    fn set_command(&self, on: u16, off: u16) {
        let value = self.command() & !off | on;
        self.device
            .region_write(VFIO_PCI_CONFIG_REGION_INDEX, &value.to_le_bytes(), COMMAND);
    }

    fn register(&self, offset: u32) -> Result<*mut u32> {
        let at = offset as usize;
        if !at.is_multiple_of(4) || at + 4 > self.registers.len() {
            return Err(Error::Invalid(format!(
                "register {offset:#07x}: they are words, and {:#x} bytes of them",
                self.registers.len()
            )));
        }
        // SAFETY: inside the mapping.
        Ok(unsafe { self.registers.as_mut_ptr().add(at) }.cast())
    }

    fn load(&self, offset: u32) -> Result<u32> {
        let register = self.register(offset)?;
        // SAFETY: aligned, inside the mapping of the device's registers; one access of exactly this width.
        Ok(u32::from_le(unsafe { register.read_volatile() }))
    }

    fn check(&self) -> Result<()> {
        self.owner.check()?;
        match self.gone.get() {
            Some(why) => Err(Error::Gone(why.clone())),
            None => Ok(()),
        }
    }

    fn is_gone(&self, why: &str) -> Error {
        Error::Gone(self.gone.get_or_init(|| format!("{}: {why}", self.bdf)).clone())
    }

    /// Waits for any of these fds, and tells which have something. None of them waits without end.
    fn poll(fds: &[&EventFd], timeout: Duration) -> Result<Vec<bool>> {
        let mut set: Vec<libc::pollfd> = (fds.iter())
            .map(|fd| libc::pollfd {
                fd: fd.as_raw_fd(),
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        let wait = libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: the array and its length, a time-out, no signal mask.
        let n = unsafe {
            libc::ppoll(
                set.as_mut_ptr(),
                set.len() as libc::nfds_t,
                &wait,
                std::ptr::null(),
            )
        };
        if n < 0 {
            let e = std::io::Error::last_os_error();
            // A signal: as if nothing had come yet.
            if e.kind() != std::io::ErrorKind::Interrupted {
                return Err(failed("waiting for an interrupt", e));
            }
            set.iter_mut().for_each(|p| p.revents = 0);
        }
        Ok(set.iter().map(|p| p.revents != 0).collect())
    }

    fn map(&self, bytes: usize, access: Access) -> Result<DmaRegion> {
        self.check()?;
        let (iova, memory) = self.container.alloc(bytes, access)?;
        // SAFETY: the memory is ours alone and lives as long as the region.
        Ok(unsafe { DmaRegion::new(memory.ptr(), memory.len(), iova.get(), memory) })
    }
}

impl Events {
    fn new(device: &VfioDevice) -> Result<Self> {
        let new = || {
            EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)
                .map_err(|e| failed("no event fd (raise `ulimit -n`)", e))
        };
        let count = (device.get_irq_info(VFIO_PCI_MSIX_IRQ_INDEX)).map_or(0, |i| i.count);
        Ok(Self {
            vectors: (0..count).map(|_| new()).collect::<Result<_>>()?,
            errors: AtomicU64::new(0),
            seen: (0..count).map(|_| AtomicU64::new(0)).collect(),
            request: new()?,
            error: new()?,
        })
    }

    fn drain(&self) {
        for fd in &self.vectors {
            // Nothing there is as good.
            let _ = fd.read();
        }
    }
}

fn map_registers(bdf: &Bdf, device: &VfioDevice) -> Result<MmapRaw> {
    let index = VFIO_PCI_BAR0_REGION_INDEX;
    let size = device.get_region_size(index);
    if size <= u64::from(reg::QUEUE_STATE) || device.get_region_flags(index) & VFIO_REGION_INFO_FLAG_MMAP == 0
    {
        return Err(Error::Incompatible(format!(
            "BAR 0 of {bdf} has {size} bytes that can be mapped: this is another device"
        )));
    }
    MmapOptions::new()
        .offset(device.get_region_offset(index))
        .len(size as usize)
        .map_raw(device.as_raw_fd())
        .and_then(|map| map.advise(Advice::DontFork).map(|()| map))
        .map_err(|e| failed("its registers cannot be mapped", e))
}

impl Transport for Vfio {
    fn read32(&self, offset: u32) -> Result<u32> {
        self.check()?;
        let value = self.load(offset)?;
        // A register may hold all ones, but not this one as well.
        if value == ALL_ONES && self.load(reg::ID)? == ALL_ONES {
            return Err(self.is_gone("its registers read all ones"));
        }
        Ok(value)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<()> {
        self.check()?;
        let register = self.register(offset)?;
        // What the program wrote to DMA memory is there before the device hears of it.
        std::sync::atomic::fence(Ordering::Release);
        // SAFETY: as in `load`.
        unsafe { register.write_volatile(value.to_le()) };
        Ok(())
    }

    fn alloc(&self, bytes: usize) -> Result<DmaRegion> {
        self.map(bytes, Access::Both)
    }

    fn alloc_read_only(&self, bytes: usize) -> Result<DmaRegion> {
        self.map(bytes, Access::ReadOnly)
    }

    fn free(&self, region: DmaRegion) {
        if self.owner.forked() || !self.container.free(region.iova(), region.len()) {
            // The device may still reach it.
            std::mem::forget(region);
        }
    }

    fn progress(&self) -> Result<()> {
        if self.polls.fetch_add(1, Ordering::Relaxed) % LOOK == LOOK - 1 {
            self.look(&[], Duration::ZERO)?;
            // A device that is gone completes nothing, and says so only when asked.
            self.read32(reg::ID)?;
        }
        Ok(())
    }

    fn wait(&self, vector: u16, timeout: Duration) -> Result<bool> {
        let v = usize::from(vector);
        let last = self.events.vectors.len() - 1;
        let seen = |errors: u64| self.events.seen[v].swap(errors, Ordering::AcqRel) != errors;
        if seen(self.events.errors.load(Ordering::Acquire)) {
            return Ok(true);
        }
        let ready = self.look(&[&self.events.vectors[v], &self.events.vectors[last]], timeout)?;
        if ready[0] {
            let _ = self.events.vectors[v].read();
        }
        // A queue that stops says so on the error vector only. Whoever sees it tells the others.
        if ready[1] && self.events.vectors[last].read().is_ok() {
            self.events.errors.fetch_add(1, Ordering::AcqRel);
        }
        Ok(seen(self.events.errors.load(Ordering::Acquire)) || ready[0])
    }

    fn reset(&self) -> Result<()> {
        self.check()?;
        self.set_command(0, BUS_MASTER);
        container::reset(&*self.device).map_err(|e| match e.raw_os_error() {
            Some(libc::ENOTTY | libc::EINVAL) => {
                Error::Incompatible(format!("{} cannot be reset by itself (no FLR)", self.bdf))
            }
            Some(libc::EAGAIN) => failed("the kernel could not reset the device now: try again", e),
            _ => failed("the kernel could not reset the device", e),
        })?;
        self.set_command(MEMORY_SPACE | BUS_MASTER, 0);
        if self.load(reg::ID)? == ALL_ONES {
            return Err(self.is_gone("its registers read all ones after a reset"));
        }
        self.events.drain();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Vfio {
    /// Waits for some of the vectors, or for the device's end, which is an error.
    fn look(&self, vectors: &[&EventFd], timeout: Duration) -> Result<Vec<bool>> {
        self.check()?;
        let fds = [vectors, &[&self.events.request, &self.events.error]].concat();
        let mut ready = Self::poll(&fds, timeout)?;
        let (request, error) = (ready[vectors.len()], ready[vectors.len() + 1]);
        if request {
            return Err(self.is_gone("the kernel asks for it back: it is being unplugged or unbound"));
        }
        if error {
            return Err(self.is_gone("an uncorrectable error on the PCIe bus"));
        }
        ready.truncate(vectors.len());
        Ok(ready)
    }
}

impl Drop for Vfio {
    fn drop(&mut self) {
        if self.owner.forked() {
            // The device is the parent's: closing nothing is all that a child can do for it.
            return;
        }
        // First no more DMA, then no more keys; only then is anything freed. A device that is gone does neither, and a kernel that is
        // asked to reset it would write back what it had read: all ones.
        if self.gone.get().is_none() {
            self.set_command(0, BUS_MASTER);
            let _ = container::reset(&*self.device);
        }
        let _ = self.device.disable_irq(VFIO_PCI_MSIX_IRQ_INDEX);
        // A mapping of its registers would keep the device open, and its group busy.
        // SAFETY: dropped once, here; no method runs any more.
        unsafe { ManuallyDrop::drop(&mut self.registers) };
        if Host::default().function(&self.bdf).join("iommu_group").exists() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.device) };
        }
        // Else it was unplugged, and the crate's own way to close it would look for its group and panic.
    }
}
