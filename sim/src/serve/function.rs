// SPDX-License-Identifier: Apache-2.0
//! The device as a PCI function: its regions, interrupts, resets.

use super::dma::Dma;
use super::engine::Engine;
use super::irqs::Irqs;
use super::pci::{self, Space};
use casemate_vfio_user::Errno;
use casemate_vfio_user::server::{Function, Region, Signal};
use casemate_vfio_user::wire::{
    DmaMap, IRQ_EVENTFD, IRQ_MSIX, IRQ_NORESIZE, REGION_CONFIG, REGION_READ, REGION_WRITE,
};
use rustix::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// The function.
pub struct Card {
    space: Space,
    engine: Engine,
    dma: Arc<Dma>,
    irqs: Arc<Irqs>,
    /// MSI-X' table. Interrupts go by event fd; what is written here is kept, as software expects it to be.
    table: Vec<u8>,
}

impl Card {
    /// In reset state.
    pub fn new(engine: Engine, dma: Arc<Dma>, irqs: Arc<Irqs>) -> Self {
        let vectors = irqs.count(IRQ_MSIX) as usize;
        let mut card = Self {
            space: Space::new(vectors as u16),
            engine,
            dma,
            irqs,
            table: vec![0; vectors * 16],
        };
        card.clear();
        card
    }

    /// All but the RTL, as after a reset.
    fn clear(&mut self) {
        self.space.reset();
        // Every vector masked.
        for entry in self.table.chunks_exact_mut(16) {
            entry.copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
        }
        self.dma.set_master(false);
    }

    /// The client is gone: its memory and event fds go, and the next one finds nothing of it in the device.
    pub fn detach(&mut self) {
        self.dma.detach();
        self.irqs.detach();
        // A simulation that cannot even be reset has said so, and answers every access with an error.
        let _ = self.reset();
    }

    /// 32-bit registers, one or two at a time.
    fn words(&self, offset: u64, len: usize) -> Result<u32, Errno> {
        if !self.space.memory() {
            return Err(Errno::IO);
        }
        if !offset.is_multiple_of(4) || !matches!(len, 4 | 8) {
            return Err(Errno::INVAL);
        }
        Ok(offset as u32)
    }

    fn msix(&self, offset: u64, i: usize) -> u8 {
        let at = offset + i as u64;
        match at.checked_sub(pci::PBA) {
            Some(p) => self.irqs.pending(p as usize),
            None => self.table.get(at as usize).copied().unwrap_or(0),
        }
    }
}

impl Function for Card {
    /// None of them can be mapped: each access has its effect in the RTL, which nobody would know to wake.
    fn region(&self, index: u32) -> Region {
        let size = match index {
            pci::BAR_REGISTERS => pci::BAR_REGISTERS_SIZE,
            pci::BAR_MSIX => pci::BAR_MSIX_SIZE,
            REGION_CONFIG => pci::SIZE as u64,
            _ => 0,
        };
        Region {
            size,
            flags: if size == 0 { 0 } else { REGION_READ | REGION_WRITE },
            ..Region::default()
        }
    }

    fn region_fd(&self, _: u32) -> Option<BorrowedFd<'_>> {
        None
    }

    fn irq(&self, index: u32) -> (u32, u32) {
        let flags = match index {
            IRQ_MSIX => IRQ_EVENTFD | IRQ_NORESIZE,
            _ => IRQ_EVENTFD,
        };
        match self.irqs.count(index) {
            0 => (0, 0),
            n => (n, flags),
        }
    }

    fn read(&mut self, region: u32, offset: u64, buf: &mut [u8]) -> Result<(), Errno> {
        match region {
            REGION_CONFIG => self.space.read(offset, buf),
            pci::BAR_REGISTERS => {
                let at = self.words(offset, buf.len())?;
                for (i, word) in buf.chunks_exact_mut(4).enumerate() {
                    let value = self.engine.read(at + 4 * i as u32)?;
                    word.copy_from_slice(&value.to_le_bytes());
                }
            }
            _ => {
                if !self.space.memory() {
                    return Err(Errno::IO);
                }
                for (i, b) in buf.iter_mut().enumerate() {
                    *b = self.msix(offset, i);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, region: u32, offset: u64, data: &[u8], posted: bool) -> Result<(), Errno> {
        match region {
            REGION_CONFIG => {
                if self.space.write(offset, data) {
                    return self.reset();
                }
                self.dma.set_master(self.space.master());
            }
            pci::BAR_REGISTERS => {
                let at = self.words(offset, data.len())?;
                for (i, word) in data.as_chunks::<4>().0.iter().enumerate() {
                    let (at, value) = (at + 4 * i as u32, u32::from_le_bytes(*word));
                    if posted {
                        self.engine.post(at, value)?;
                    } else {
                        self.engine.write(at, value)?;
                    }
                }
            }
            _ => {
                if !self.space.memory() {
                    return Err(Errno::IO);
                }
                for (at, b) in (offset as usize..).zip(data) {
                    if let Some(t) = self.table.get_mut(at) {
                        *t = *b;
                    }
                }
            }
        }
        Ok(())
    }

    fn dma_map(&mut self, map: &DmaMap, fd: Option<OwnedFd>) -> Result<(), Errno> {
        self.dma.map(map, fd)
    }

    fn dma_unmap(&mut self, first: u64, last: u64) -> Result<(), Errno> {
        self.dma.unmap(first, last);
        Ok(())
    }

    fn signal(&mut self, index: u32, start: u32, signal: Signal) -> Result<(), Errno> {
        self.irqs.signal(index, start, signal)
    }

    /// By message, by FLR, or because a client has gone. What is mapped and where interrupts go is outside the function.
    fn reset(&mut self) -> Result<(), Errno> {
        self.clear();
        self.engine.reset()
    }
}
