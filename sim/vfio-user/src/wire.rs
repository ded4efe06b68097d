// SPDX-License-Identifier: Apache-2.0
//! Layouts and numbers of vfio-user messages. All fields are of the host's byte order, and offsets are those of the
//! specification's tables ("Protocol Specification").

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a header.
pub const HEADER: usize = size_of::<Header>();

/// Type bits of `flags`: a command.
pub const TYPE: u32 = 0xf;
/// Of `flags`: a reply.
pub const REPLY: u32 = 1;
/// Of `flags`: no reply is wanted.
pub const NO_REPLY: u32 = 0x10;
/// Of `flags`: the command failed, with the errno in `error`.
pub const ERROR: u32 = 0x20;

/// "Commands".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Command {
    Version = 1,
    DmaMap = 2,
    DmaUnmap = 3,
    DeviceGetInfo = 4,
    DeviceGetRegionInfo = 5,
    DeviceGetRegionIoFds = 6,
    DeviceGetIrqInfo = 7,
    DeviceSetIrqs = 8,
    RegionRead = 9,
    RegionWrite = 10,
    DmaRead = 11,
    DmaWrite = 12,
    DeviceReset = 13,
    RegionWriteMulti = 15,
    DeviceFeature = 16,
    MigDataRead = 17,
    MigDataWrite = 18,
}

impl Command {
    /// By number.
    pub fn from_code(code: u16) -> Option<Self> {
        use Command::*;
        [
            Version,
            DmaMap,
            DmaUnmap,
            DeviceGetInfo,
            DeviceGetRegionInfo,
            DeviceGetRegionIoFds,
            DeviceGetIrqInfo,
            DeviceSetIrqs,
            RegionRead,
            RegionWrite,
            DmaRead,
            DmaWrite,
            DeviceReset,
            RegionWriteMulti,
            DeviceFeature,
            MigDataRead,
            MigDataWrite,
        ]
        .into_iter()
        .find(|c| *c as u16 == code)
    }
}

macro_rules! layouts {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $ty:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        #[allow(missing_docs)]
        pub struct $name { $(pub $field: $ty),* }
    )*};
}

layouts! {
    /// "Header"; `size` is that of the whole message.
    Header { id: u16, command: u16, size: u32, flags: u32, error: u32 }
    /// `VFIO_USER_VERSION`; JSON follows, NUL at its end.
    Version { major: u16, minor: u16 }
    /// `VFIO_USER_DMA_MAP`
    DmaMap { argsz: u32, flags: u32, offset: u64, address: u64, size: u64 }
    /// `VFIO_USER_DMA_UNMAP`
    DmaUnmap { argsz: u32, flags: u32, address: u64, size: u64 }
    /// `VFIO_USER_DEVICE_GET_INFO`
    DeviceInfo { argsz: u32, flags: u32, num_regions: u32, num_irqs: u32 }
    /// `VFIO_USER_DEVICE_GET_REGION_INFO`
    RegionInfo { argsz: u32, flags: u32, index: u32, cap_offset: u32, size: u64, offset: u64 }
    /// "VFIO cap header format" and "VFIO region info cap sparse mmap"; `nr_areas` of [`Area`] follow.
    SparseMmap { id: u16, version: u16, next: u32, nr_areas: u32, reserved: u32 }
    /// Of a region, what a client may map.
    Area { offset: u64, size: u64 }
    /// `VFIO_USER_DEVICE_GET_IRQ_INFO`
    IrqInfo { argsz: u32, flags: u32, index: u32, count: u32 }
    /// `VFIO_USER_DEVICE_SET_IRQS`; booleans may follow.
    IrqSet { argsz: u32, flags: u32, index: u32, start: u32, count: u32 }
    /// `VFIO_USER_REGION_READ` and `_WRITE`; data follows.
    RegionAccess { offset: u64, region: u32, count: u32 }
    /// `VFIO_USER_DMA_READ` and `_WRITE`; data follows.
    DmaAccess { address: u64, count: u64 }
    /// `VFIO_USER_REGION_WRITE_MULTI`, "Single Device Write Format", after a count of 8 bytes.
    OneWrite { offset: u64, region: u32, count: u32, data: [u8; 8] }
}

/// Of [`DmaMap`]: the device may read.
pub const DMA_READABLE: u32 = 1;
/// Of [`DmaMap`]: the device may write.
pub const DMA_WRITEABLE: u32 = 2;
/// Of [`DmaUnmap`] (linux/vfio.h): everything, whatever the range says.
pub const UNMAP_ALL: u32 = 2;

/// Of [`DeviceInfo`].
pub const DEVICE_RESET: u32 = 1;
/// Of [`DeviceInfo`].
pub const DEVICE_PCI: u32 = 2;

/// Of [`RegionInfo`].
pub const REGION_READ: u32 = 1;
/// Of [`RegionInfo`].
pub const REGION_WRITE: u32 = 2;
/// Of [`RegionInfo`]: by the fd that comes with it.
pub const REGION_MMAP: u32 = 4;
/// Of [`RegionInfo`]: capabilities follow.
pub const REGION_CAPS: u32 = 8;
/// Id of [`SparseMmap`] (linux/vfio.h).
pub const CAP_SPARSE_MMAP: u16 = 1;

/// Of [`IrqInfo`].
pub const IRQ_EVENTFD: u32 = 1;
/// Of [`IrqInfo`].
pub const IRQ_NORESIZE: u32 = 8;

/// Of [`IrqSet`]: what data comes with it.
pub const SET_NONE: u32 = 1;
/// See [`SET_NONE`].
pub const SET_BOOL: u32 = 2;
/// See [`SET_NONE`].
pub const SET_EVENTFD: u32 = 4;
/// Of [`IrqSet`]: what it does.
pub const SET_MASK: u32 = 8;
/// See [`SET_MASK`].
pub const SET_UNMASK: u32 = 0x10;
/// See [`SET_MASK`].
pub const SET_TRIGGER: u32 = 0x20;

/// Regions of a PCI function (linux/vfio.h): BAR 0 to 5 are 0 to 5.
pub const REGION_ROM: u32 = 6;
/// Configuration space.
pub const REGION_CONFIG: u32 = 7;
/// VGA.
pub const REGION_VGA: u32 = 8;
/// How many.
pub const REGIONS: u32 = 9;
/// Interrupts of a PCI function (linux/vfio.h).
pub const IRQ_MSIX: u32 = 2;
/// Errors.
pub const IRQ_ERR: u32 = 3;
/// The host wants the device back.
pub const IRQ_REQ: u32 = 4;
/// How many: INTx, MSI, MSI-X, errors, requests.
pub const IRQS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes of the specification's tables.
    #[test]
    fn sizes() {
        assert_eq!(HEADER, 16);
        assert_eq!(size_of::<DmaMap>(), 32);
        assert_eq!(size_of::<DmaUnmap>(), 24);
        assert_eq!(size_of::<RegionInfo>(), 32);
        assert_eq!(size_of::<IrqSet>(), 20);
        assert_eq!(size_of::<RegionAccess>(), 16);
        assert_eq!(size_of::<DmaAccess>(), 16);
        assert_eq!(size_of::<OneWrite>(), 24);
        assert_eq!(size_of::<SparseMmap>(), 16);
        assert_eq!(Command::from_code(15), Some(Command::RegionWriteMulti));
        assert_eq!(Command::from_code(14), None);
    }
}
