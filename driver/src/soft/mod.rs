// SPDX-License-Identifier: Apache-2.0
//! `soft:` a functional model of the device: the same registers, rings, slots and checks, with AES-GCM from crates `aes` and
//! `ghash`, key operations from RustCrypto's and elliptic curves over `num-bigint`. No timing: cycle counters stay zero. Its random bits are the operating system's,
//! where the RTL has a DRBG. Random ring programs are run here and on the RTL and compared.

mod curve;
mod ec;
mod gcm;
mod guard;
mod kdf;
mod keys;
mod model;
mod request;
mod slots;

use crate::root::RootSecret;
use crate::transport::{DmaRegion, IovaSpace, Transport};
use crate::{Error, Result};
use casemate_sim::memory::{Access, Iommu, Pages};
use model::Model;
use std::any::Any;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Descriptors executed by one call of `progress`.
const BATCH: usize = 16;

/// Sizes of the model.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Bits of the memory bus, as registers report it.
    pub axi: u32,
    /// Lanes, as registers report them.
    pub lanes: u32,
    /// Key slots.
    pub slots: u32,
    /// Queues.
    pub queues: u32,
    /// EC engines.
    pub ec: u32,
    /// What the domains' wrapping keys come from.
    pub root: RootSecret,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            axi: 256,
            lanes: 1,
            slots: 64,
            queues: 8,
            ec: 1,
            root: RootSecret::default(),
        }
    }
}

impl Shape {
    /// From `key=value` pairs joined by `&`.
    pub fn parse(query: &str) -> std::result::Result<Self, String> {
        let mut s = Self::default();
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}` is not key=value"))?;
            let n: u32 = value
                .parse()
                .map_err(|_| format!("{key}={value}: not a number"))?;
            let (field, ok, what) = match key {
                "axi" => (&mut s.axi, matches!(n, 128 | 256 | 512), "128, 256 or 512"),
                "lanes" => (&mut s.lanes, (1..=8).contains(&n), "1 to 8"),
                "slots" => (
                    &mut s.slots,
                    n.is_power_of_two() && (2..=256).contains(&n),
                    "a power of two, 2 to 256",
                ),
                "ec" => (&mut s.ec, n <= 1, "0 or 1"),
                "queues" => (&mut s.queues, (2..=64).contains(&n), "2 to 64"),
                _ => {
                    return Err(format!(
                        "unknown key `{key}`: axi, lanes, slots, queues, ec or root"
                    ));
                }
            };
            if !ok {
                return Err(format!("{key}={value}: {what}"));
            }
            *field = n;
        }
        Ok(s)
    }
}

struct State {
    model: Model,
    iommu: Iommu,
    iovas: IovaSpace,
}

/// The functional model as a device.
pub struct Soft(Mutex<State>);

impl Soft {
    /// In reset state.
    pub fn new(shape: Shape) -> Self {
        Self(Mutex::new(State {
            model: Model::new(shape),
            iommu: Iommu::default(),
            iovas: IovaSpace::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn map(&self, bytes: usize, access: Access) -> Result<DmaRegion> {
        let pages = Pages::new(bytes);
        let mut s = self.lock();
        let iova = s.iovas.take(pages.len());
        s.iommu.map(iova, &pages, access).map_err(Error::Transport)?;
        // SAFETY: the pages are ours alone and live as long as the region.
        Ok(unsafe { DmaRegion::new(pages.ptr(), pages.len(), iova, pages) })
    }

    /// Pulls the tamper pin: every key is gone, and every request is answered ZEROIZED until a reset.
    pub fn tamper(&self) {
        self.lock().model.tamper();
    }

    /// Fails the noise source: what needs random bits is answered NO_ENTROPY until a reset.
    pub fn fail_entropy(&self) {
        self.lock().model.vault.stuck = true;
    }

    /// Breaks the elliptic-curve engine: its checks of its own work fail until a reset.
    pub fn fail_ec(&self) {
        self.lock().model.vault.ec_faulty = true;
    }

    /// Access to the IOMMU, to take rights away.
    pub fn with_iommu<T>(&self, f: impl FnOnce(&mut Iommu) -> T) -> T {
        f(&mut self.lock().iommu)
    }
}

impl Transport for Soft {
    fn read32(&self, offset: u32) -> Result<u32> {
        self.lock().model.read(offset).ok_or(Error::Refused(offset))
    }

    fn write32(&self, offset: u32, value: u32) -> Result<()> {
        self.lock()
            .model
            .write(offset, value)
            .ok_or(Error::Refused(offset))
    }

    fn alloc(&self, bytes: usize) -> Result<DmaRegion> {
        self.map(bytes, Access::BOTH)
    }

    fn alloc_read_only(&self, bytes: usize) -> Result<DmaRegion> {
        self.map(bytes, Access::READ)
    }

    fn free(&self, region: DmaRegion) {
        self.lock().iommu.unmap(region.iova(), region.len());
    }

    fn progress(&self) -> Result<()> {
        let s = &mut *self.lock();
        s.model.run(&mut s.iommu, BATCH);
        Ok(())
    }

    fn wait(&self, vector: u16, timeout: Duration) -> Result<bool> {
        let mut s = self.lock();
        loop {
            if s.model.take_irq(vector) {
                return Ok(true);
            }
            let s2 = &mut *s;
            if s2.model.run(&mut s2.iommu, BATCH) == 0 && !s2.model.irq_pending(vector) {
                // Nothing will come of itself: only another thread's doorbell helps.
                drop(s);
                std::thread::sleep(timeout.min(Duration::from_millis(1)));
                return Ok(false);
            }
        }
    }

    fn reset(&self) -> Result<()> {
        self.lock().model.reset();
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
