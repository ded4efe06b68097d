// SPDX-License-Identifier: Apache-2.0
//! `sim:` the RTL under Verilator, in this process. It runs only while a caller polls or waits, so its time stands still
//! between calls and one program always sees the same cycles.

use super::{DmaRegion, IovaSpace, Transport};
use crate::{Error, Result};
use casemate_sim::device::{self, Config, Device};
use casemate_sim::memory::{Access, Pages};
use std::any::Any;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Cycles a poll that finds nothing lets pass.
const POLL: u64 = 32;
/// Cycles between looks at the clock while waiting.
const SLICE: u64 = 10_000;

struct State {
    device: Device,
    iovas: IovaSpace,
    seen: Vec<u64>,
}

/// The simulated device.
pub struct Sim(Mutex<State>);

fn failed(e: device::Error) -> Error {
    match e {
        device::Error::Refused(offset) => Error::Refused(offset),
        other => Error::Transport(other.to_string()),
    }
}

/// Whether the model can be built here, and whether it has been.
pub(super) fn probe(config: &Config) -> Result<super::Probe> {
    let p = Device::probe(config).map_err(failed)?;
    let state = if p.cached {
        "model in the cache"
    } else {
        "model not built yet: the first opening takes a minute or more"
    };
    Ok(super::Probe {
        found: format!("Verilator at {}, {state}", p.verilator.display()),
        slow: !p.cached,
    })
}

impl Sim {
    /// Builds the model, if the cache has none, and resets it.
    pub fn new(config: &Config) -> Result<Self> {
        let device = Device::new(config).map_err(failed)?;
        let seen = device.irqs().to_vec();
        Ok(Self(Mutex::new(State {
            device,
            iovas: IovaSpace::new(),
            seen,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Access to the simulation itself: faults, IOMMU, timing, cycles.
    pub fn with<T>(&self, f: impl FnOnce(&mut Device) -> T) -> T {
        f(&mut self.lock().device)
    }
}

impl Transport for Sim {
    fn read32(&self, offset: u32) -> Result<u32> {
        self.lock().device.read32(offset).map_err(failed)
    }

    fn write32(&self, offset: u32, value: u32) -> Result<()> {
        self.lock().device.write32(offset, value).map_err(failed)
    }

    fn alloc(&self, bytes: usize) -> Result<DmaRegion> {
        let pages = Pages::new(bytes);
        let mut s = self.lock();
        let iova = s.iovas.take(pages.len());
        s.device
            .iommu
            .map(iova, &pages, Access::BOTH)
            .map_err(Error::Transport)?;
        // SAFETY: the pages are ours alone and live as long as the region.
        Ok(unsafe { DmaRegion::new(pages.ptr(), pages.len(), iova, pages) })
    }

    fn free(&self, region: DmaRegion) {
        self.lock().device.iommu.unmap(region.iova(), region.len());
    }

    fn progress(&self) -> Result<()> {
        self.lock().device.run(POLL).map_err(failed).map(drop)
    }

    fn wait(&self, vector: u16, timeout: Duration) -> Result<bool> {
        let start = Instant::now();
        let v = usize::from(vector);
        let mut s = self.lock();
        loop {
            let now = s.device.irqs().get(v).copied().unwrap_or(0);
            if now != s.seen.get(v).copied().unwrap_or(0) {
                s.seen[v] = now;
                return Ok(true);
            }
            if start.elapsed() >= timeout {
                return Ok(false);
            }
            s.device.run(SLICE).map_err(failed)?;
            // Others may want the device.
            drop(s);
            s = self.lock();
        }
    }

    fn reset(&self) -> Result<()> {
        let mut s = self.lock();
        s.device.reset().map_err(failed)?;
        s.seen.fill(0);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
