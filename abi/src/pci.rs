// SPDX-License-Identifier: Apache-2.0
//! What a Casemate device is called on PCI.

/// Vendor and device. The vendor is the one that emulators use for devices of their own; a card has its maker's.
pub const ID: (u16, u16) = (0x1234, 0xca5e);
/// Class, subclass, programming interface: an encryption controller of no particular kind.
pub const CLASS: u32 = 0x10_80_00;
