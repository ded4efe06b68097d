// SPDX-License-Identifier: Apache-2.0
//! `sim:` the RTL under Verilator, in this process. It runs only while a caller polls or waits, its time stands still between
//! calls, and a time-out is counted in its cycles: one program always sees the same ones.

use super::{DmaRegion, IovaSpace, Transport};
use crate::{Error, Result};
use casemate_sim::config::Config;
use casemate_sim::device::{self, Device};
use casemate_sim::memory::{Access, Pages};
use std::any::Any;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// Cycles a poll that finds nothing lets pass.
const POLL: u64 = 32;
/// Cycles for which a waiting caller holds the device.
const SLICE: u64 = 10_000;

struct State {
    device: Device,
    iovas: IovaSpace,
    seen: Vec<u64>,
    /// Interrupts of the error vector that each vector's waits have seen.
    seen_errors: Vec<u64>,
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
            seen_errors: vec![0; seen.len()],
            seen,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn map(&self, bytes: usize, access: Access) -> Result<DmaRegion> {
        let pages = Pages::new(bytes);
        let mut s = self.lock();
        let iova = s.iovas.take(pages.len());
        s.device
            .iommu
            .map(iova, &pages, access)
            .map_err(Error::Transport)?;
        // SAFETY: the pages are ours alone and live as long as the region.
        Ok(unsafe { DmaRegion::new(pages.ptr(), pages.len(), iova, pages) })
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
        self.map(bytes, Access::BOTH)
    }

    fn alloc_read_only(&self, bytes: usize) -> Result<DmaRegion> {
        self.map(bytes, Access::READ)
    }

    fn free(&self, region: DmaRegion) {
        self.lock().device.iommu.unmap(region.iova(), region.len());
    }

    fn progress(&self) -> Result<()> {
        self.lock().device.run(POLL).map_err(failed).map(drop)
    }

    fn wait(&self, vector: u16, timeout: Duration) -> Result<bool> {
        let v = usize::from(vector);
        // A microsecond is a cycle: about as long, at the speed of the simulation.
        let mut left = timeout.as_micros() as u64;
        let mut s = self.lock();
        loop {
            let count = |v: usize| s.device.irqs().get(v).copied().unwrap_or(0);
            let (now, errors) = (count(v), count(s.device.irqs().len() - 1));
            // A queue that stops says so on the error vector only.
            if now != s.seen[v] || errors != s.seen_errors[v] {
                s.seen[v] = now;
                s.seen_errors[v] = errors;
                return Ok(true);
            }
            if left == 0 {
                return Ok(false);
            }
            let before = s.device.cycles();
            s.device.run(SLICE.min(left)).map_err(failed)?;
            left = left.saturating_sub(s.device.cycles() - before);
            // Others may want the device.
            drop(s);
            s = self.lock();
        }
    }

    fn reset(&self) -> Result<()> {
        let mut s = self.lock();
        s.device.reset().map_err(failed)?;
        s.seen.fill(0);
        s.seen_errors.fill(0);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
