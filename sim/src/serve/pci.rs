// SPDX-License-Identifier: Apache-2.0
//! Configuration space of the PCI function (PCI Express Base Specification 6.0, 7.5 to 7.7): identity, BARs, power management,
//! MSI-X, PCI Express with function-level reset.

use casemate_abi::pci::{CLASS, ID};

/// Revision of the function.
const REVISION: u32 = 1;

/// Bytes of configuration space.
pub const SIZE: usize = 4096;
/// BAR of the registers.
pub const BAR_REGISTERS: u32 = 0;
/// Its bytes.
pub const BAR_REGISTERS_SIZE: u64 = 1 << 20;
/// BAR of MSI-X.
pub const BAR_MSIX: u32 = 2;
/// Its bytes.
pub const BAR_MSIX_SIZE: u64 = 8192;
/// Pending bits, in the BAR of MSI-X; the table is at its start.
pub const PBA: u64 = 4096;

const COMMAND: usize = 0x04;
const COMMAND_MEMORY: u8 = 2;
const COMMAND_MASTER: u8 = 4;
const BAR0: usize = 0x10;
const PM: usize = 0x40;
const PMCSR: usize = PM + 4;
const MSIX: usize = 0x50;
const PCIE: usize = 0x60;
const DEVCTL: usize = PCIE + 8;
/// Of the high byte of DEVCTL.
const DEVCTL_FLR: u8 = 0x80;

/// Configuration space, in reset state or as written since.
pub struct Space {
    bytes: [u8; SIZE],
    /// Bits that can be written.
    mask: [u8; SIZE],
    vectors: u16,
}

impl Space {
    /// Of a function with so many interrupt vectors.
    pub fn new(vectors: u16) -> Self {
        let mut s = Self {
            bytes: [0; SIZE],
            mask: [0; SIZE],
            vectors,
        };
        s.reset();
        s
    }

    fn put(&mut self, at: usize, value: &[u8], mask: &[u8]) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
        self.mask[at..at + mask.len()].copy_from_slice(mask);
    }

    fn put16(&mut self, at: usize, value: u16, mask: u16) {
        self.put(at, &value.to_le_bytes(), &mask.to_le_bytes());
    }

    fn put32(&mut self, at: usize, value: u32, mask: u32) {
        self.put(at, &value.to_le_bytes(), &mask.to_le_bytes());
    }

    /// As after a reset.
    pub fn reset(&mut self) {
        self.bytes.fill(0);
        self.put16(0x00, ID.0, 0);
        self.put16(0x02, ID.1, 0);
        // Memory, bus master, parity and system errors, no INTx.
        self.put16(COMMAND, 0, 0x0546);
        // Capabilities list.
        self.put16(0x06, 0x0010, 0);
        self.put32(0x08, CLASS << 8 | REVISION, 0);
        self.put(0x0c, &[0], &[0xff]);
        for (bar, size) in [(BAR_REGISTERS, BAR_REGISTERS_SIZE), (BAR_MSIX, BAR_MSIX_SIZE)] {
            // Memory, 64 bits, not prefetchable: reads of registers have effects.
            let at = BAR0 + 4 * bar as usize;
            self.put32(at, 4, !(size as u32 - 1));
            self.put32(at + 4, 0, u32::MAX);
        }
        self.put16(0x2c, ID.0, 0);
        self.put16(0x2e, ID.1, 0);
        self.put(0x34, &[PM as u8], &[]);
        self.put(0x3c, &[0, 0], &[0xff, 0]);

        // Version 3, D0 and D3hot; going back to D0 resets nothing.
        self.put(PM, &[0x01, MSIX as u8, 0x03, 0x00], &[]);
        self.put16(PMCSR, 0x0008, 0x0003);

        self.put(MSIX, &[0x11, PCIE as u8], &[]);
        self.put16(MSIX + 2, self.vectors - 1, 0xc000);
        self.put32(MSIX + 4, BAR_MSIX, 0);
        self.put32(MSIX + 8, PBA as u32 | BAR_MSIX, 0);

        // Version 2, endpoint.
        self.put(PCIE, &[0x10, 0, 0x02, 0x00], &[]);
        // Role-based errors, function-level reset, payloads of 128 bytes.
        self.put32(PCIE + 4, 1 << 15 | 1 << 28, 0);
        self.put16(DEVCTL, 0x2810, 0x7fff);
        // 2.5 GT/s, one lane: what a simulation keeps up with is less.
        self.put32(PCIE + 0x0c, 0x11, 0);
        self.put16(PCIE + 0x10, 0, 0x01c3);
        self.put16(PCIE + 0x12, 0x11, 0);
        self.put32(PCIE + 0x2c, 0x02, 0);
        self.put16(PCIE + 0x30, 0x01, 0x000f);
    }

    /// Reads.
    pub fn read(&self, offset: u64, buf: &mut [u8]) {
        buf.copy_from_slice(&self.bytes[offset as usize..][..buf.len()]);
    }

    /// Writes what can be written; true if that asks for a function-level reset.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> bool {
        let mut flr = false;
        for (at, &b) in (offset as usize..).zip(data) {
            flr |= at == DEVCTL + 1 && b & DEVCTL_FLR != 0;
            // D1 and D2 are no states of this function: the power state stays.
            if at == PMCSR && matches!(b & 3, 1 | 2) {
                continue;
            }
            let m = self.mask[at];
            self.bytes[at] = self.bytes[at] & !m | b & m;
        }
        flr
    }

    fn on(&self) -> bool {
        self.bytes[PMCSR] & 3 == 0
    }

    /// It answers accesses to its BARs.
    pub fn memory(&self) -> bool {
        self.on() && self.bytes[COMMAND] & COMMAND_MEMORY != 0
    }

    /// It may access memory.
    pub fn master(&self) -> bool {
        self.on() && self.bytes[COMMAND] & COMMAND_MASTER != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get32(s: &Space, at: u64) -> u32 {
        let mut b = [0; 4];
        s.read(at, &mut b);
        u32::from_le_bytes(b)
    }

    #[test]
    fn capabilities_are_a_list_that_ends() {
        let s = Space::new(9);
        let (mut at, mut ids) = (get32(&s, 0x34) & 0xff, Vec::new());
        while at != 0 {
            let head = get32(&s, at.into());
            ids.push(head as u8);
            at = head >> 8 & 0xff;
            assert!(ids.len() < 5 && at.is_multiple_of(4));
        }
        assert_eq!(ids, [1, 0x11, 0x10]);
        assert_eq!(get32(&s, 0x08) >> 8, 0x108000);
        assert_eq!(get32(&s, MSIX as u64) >> 16 & 0x7ff, 8, "vectors - 1");
        assert_eq!(get32(&s, PCIE as u64 + 4) >> 28 & 1, 1, "FLR");
        assert_eq!(get32(&s, 0x100), 0, "no extended capabilities");
    }

    #[test]
    fn bars_tell_their_size() {
        let mut s = Space::new(9);
        for (bar, size) in [(0u64, 1u64 << 20), (2, 8192)] {
            s.write(0x10 + 4 * bar, &[0xff; 8]);
            let low = u64::from(get32(&s, 0x10 + 4 * bar));
            let high = u64::from(get32(&s, 0x14 + 4 * bar));
            assert_eq!(low & 0xf, 4);
            assert_eq!(!(high << 32 | low & !0xf) + 1, size);
        }
    }

    #[test]
    fn command_power_and_reset() {
        let mut s = Space::new(9);
        assert!(!s.memory() && !s.master());
        s.write(4, &[0xff, 0xff]);
        assert_eq!(get32(&s, 4) & 0xffff, 0x0546);
        assert!(s.memory() && s.master());
        for (state, works) in [(3, false), (1, false), (0, true), (2, true)] {
            s.write(PMCSR as u64, &[state]);
            assert_eq!((s.memory(), s.master()), (works, works), "D{state}");
        }
        s.write(0, &[0; 4]);
        assert_eq!(get32(&s, 0) as u16, ID.0);
        assert!(!s.write(DEVCTL as u64, &[0x10, 0x28]));
        assert!(s.write(DEVCTL as u64, &[0x10, 0xa8]));
        assert_eq!(get32(&s, DEVCTL as u64) & 0x8000, 0, "reads as zero");
        s.reset();
        assert!(!s.memory());
    }
}
