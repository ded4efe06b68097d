// SPDX-License-Identifier: Apache-2.0
//! The container: memory that the IOMMU lets the device reach. What the kernel would answer with a bare EINVAL or ENOMEM is checked
//! here first and said in words.

use super::host::Memlock;
use crate::transport::iova::{HUGE, Iova, PAGE, Space};
use crate::{Error, Result};
use memmap2::{Advice, MmapMut, MmapOptions};
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};
use vfio_bindings::bindings::vfio::{
    VFIO_DMA_MAP_FLAG_READ, VFIO_DMA_MAP_FLAG_WRITE, VFIO_IOMMU_INFO_CAPS, VFIO_IOMMU_INFO_PGSIZES,
    VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, vfio_info_cap_header, vfio_iommu_type1_dma_map,
    vfio_iommu_type1_info, vfio_iova_range,
};
use vfio_ioctls::VfioContainer;

/// `_IO(';', 100 + n)` of linux/vfio.h.
const fn request(n: libc::c_ulong) -> libc::c_ulong {
    (b';' as libc::c_ulong) << 8 | (100 + n)
}

const VFIO_IOMMU_GET_INFO: libc::c_ulong = request(12);
const VFIO_IOMMU_MAP_DMA: libc::c_ulong = request(13);
const VFIO_DEVICE_RESET: libc::c_ulong = request(11);

/// Allocations below this stay on small pages: a huge one would be wasted on them.
const WORTH_HUGE: usize = 128 << 10;

/// What an allocation asks of the IOMMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Both,
    ReadOnly,
}

/// Memory that the IOMMU knows; the kernel keeps its pages in place.
pub(super) struct Memory {
    _map: MmapMut,
    ptr: NonNull<u8>,
    len: usize,
}

// SAFETY: plain memory; who may touch which bytes is decided by the buffers cut from it.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Zeroed: of huge pages if the system has some to give, else of small ones. A child after fork() does not get it: a page that
    /// it copied on write would be one that the device does not see.
    fn new(bytes: usize) -> Result<Self> {
        let small = bytes.max(1).next_multiple_of(PAGE as usize);
        let huge = || {
            let len = bytes.next_multiple_of(HUGE as usize);
            let mut o = MmapOptions::new();
            (bytes >= WORTH_HUGE)
                .then(|| o.len(len).huge(Some(HUGE.trailing_zeros() as u8)).map_anon().ok())?
        };
        let mut map = match huge() {
            Some(map) => map,
            None => MmapOptions::new()
                .len(small)
                .map_anon()
                .map_err(|_| Error::NoMemory(small))?,
        };
        map.advise(Advice::DontFork).map_err(|e| {
            Error::Transport(format!(
                "DMA memory cannot be kept from children (MADV_DONTFORK): {e}"
            ))
        })?;
        let ptr = NonNull::new(map.as_mut_ptr()).ok_or(Error::NoMemory(small))?;
        Ok(Self {
            ptr,
            len: map.len(),
            _map: map,
        })
    }

    pub(super) fn ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// A container with one group in it.
pub(super) struct Container {
    vfio: Arc<VfioContainer>,
    space: Mutex<Space>,
}

impl Container {
    /// The group must be in it already: before, the kernel knows no IOMMU.
    pub(super) fn new(vfio: Arc<VfioContainer>) -> Result<Self> {
        let space = Mutex::new(Space::new(iova_ranges(&vfio)?));
        Ok(Self { vfio, space })
    }

    fn space(&self) -> MutexGuard<'_, Space> {
        self.space.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Zeroed memory that the device can reach.
    pub(super) fn alloc(&self, bytes: usize, access: Access) -> Result<(Iova, Arc<Memory>)> {
        let memory = Memory::new(bytes)?;
        let limit = Memlock::of_this_process();
        limit.check(memory.len as u64)?;
        let iova = self.space().take(memory.len as u64)?;
        if let Err(e) = self.map(iova, &memory, access) {
            self.space().give(iova.get());
            return Err(match e.raw_os_error() {
                // Somebody else of this user was faster than the check.
                Some(libc::ENOMEM) => limit.error(memory.len as u64),
                Some(libc::ENOSPC) => Error::Transport(
                    "the kernel maps no more regions for this device: drop buffers, or raise the parameter \
                     dma_entry_limit of module vfio_iommu_type1"
                        .into(),
                ),
                _ => Error::Transport(format!(
                    "the kernel refuses to map {} bytes at IOVA {iova:#x}: {e}",
                    memory.len
                )),
            });
        }
        Ok((iova, Arc::new(memory)))
    }

    fn map(&self, iova: Iova, memory: &Memory, access: Access) -> std::io::Result<()> {
        let mut map = vfio_iommu_type1_dma_map {
            argsz: size_of::<vfio_iommu_type1_dma_map>() as u32,
            flags: match access {
                Access::Both => VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
                Access::ReadOnly => VFIO_DMA_MAP_FLAG_READ,
            },
            vaddr: memory.ptr.as_ptr() as u64,
            iova: iova.get(),
            size: memory.len as u64,
        };
        // SAFETY: the structure is what the request takes; the memory stays until `free`, whose unmapping comes first.
        check(unsafe { libc::ioctl(self.vfio.as_raw_fd(), VFIO_IOMMU_MAP_DMA, &raw mut map) })
    }

    /// Takes memory from the device. False if the kernel would not: then it must stay.
    pub(super) fn free(&self, iova: u64, bytes: usize) -> bool {
        let gone = self.vfio.vfio_dma_unmap(iova, bytes).is_ok();
        if gone {
            self.space().give(iova);
        }
        gone
    }
}

/// Asks the kernel for a reset of the device: FLR, where it has one.
pub(super) fn reset(device: &impl AsRawFd) -> std::io::Result<()> {
    // SAFETY: the request takes no argument.
    check(unsafe { libc::ioctl(device.as_raw_fd(), VFIO_DEVICE_RESET, 0) })
}

fn check(result: libc::c_int) -> std::io::Result<()> {
    if result < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

/// What the IOMMU can translate: first and last byte of each range.
fn iova_ranges(vfio: &VfioContainer) -> Result<Vec<(u64, u64)>> {
    let failed = |e: std::io::Error| Error::Transport(format!("the kernel does not describe the IOMMU: {e}"));
    let size = size_of::<vfio_iommu_type1_info>();
    let mut words = vec![0u64; size / 8];
    // Twice: the first answer says how long the whole is.
    let info = loop {
        let bytes = words.len() * 8;
        let info = words.as_mut_ptr().cast::<vfio_iommu_type1_info>();
        // SAFETY: aligned, and long enough for the fixed part.
        unsafe { (*info).argsz = bytes as u32 };
        // SAFETY: the kernel writes no more than `argsz` bytes.
        check(unsafe { libc::ioctl(vfio.as_raw_fd(), VFIO_IOMMU_GET_INFO, info) }).map_err(failed)?;
        // SAFETY: as above.
        let got = unsafe { *info };
        if got.argsz as usize <= bytes {
            break got;
        }
        words = vec![0; (got.argsz as usize).div_ceil(8)];
    };
    if info.flags & VFIO_IOMMU_INFO_PGSIZES != 0 && info.iova_pgsizes & PAGE == 0 {
        return Err(Error::Transport(format!(
            "the IOMMU has no pages of {PAGE} bytes (it has {:#x}): this driver needs them",
            info.iova_pgsizes
        )));
    }
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
    if info.flags & VFIO_IOMMU_INFO_CAPS != 0
        && let Some(ranges) = ranges_in(&bytes, info.cap_offset as usize)
    {
        return Ok(ranges);
    }
    // A kernel before 5.4 does not tell: below 4 GiB, where every IOMMU translates, but for x86's interrupt window.
    Ok(vec![(0, 0xfedf_ffff)])
}

/// The capability that lists them, in a chain that starts at `at`.
fn ranges_in(bytes: &[u8], mut at: usize) -> Option<Vec<(u64, u64)>> {
    let header = size_of::<vfio_info_cap_header>();
    let u16_at = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    while at != 0 {
        let next = u32_at(at + 4)? as usize;
        if u32::from(u16_at(at)?) == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE {
            let first = at + header + 8;
            return (0..u32_at(at + header)? as usize)
                .map(|i| {
                    let range = first + i * size_of::<vfio_iova_range>();
                    Some((u64_at(range)?, u64_at(range + 8)?))
                })
                .collect();
        }
        // Forwards only: a chain never loops.
        at = if next > at { next } else { 0 };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_behind_other_capabilities() {
        let mut bytes = vec![0u8; 24];
        let cap =
            |id: u16, next: u32| [&id.to_ne_bytes()[..], &1u16.to_ne_bytes(), &next.to_ne_bytes()].concat();
        bytes.extend(cap(3, 40));
        bytes.extend([0; 8]);
        bytes.extend(cap(1, 0));
        bytes.extend([&2u32.to_ne_bytes()[..], &0u32.to_ne_bytes()].concat());
        for v in [0u64, 0xfedf_ffff, 0xfef0_0000, 0x7f_ffff_ffff] {
            bytes.extend(v.to_ne_bytes());
        }
        let want = vec![(0, 0xfedf_ffff), (0xfef0_0000, 0x7f_ffff_ffff)];
        assert_eq!(ranges_in(&bytes, 24), Some(want));
        // Cut short, and a chain that points back.
        assert_eq!(ranges_in(&bytes[..bytes.len() - 1], 24), None);
        bytes[24 + 4..24 + 8].copy_from_slice(&24u32.to_ne_bytes());
        assert_eq!(ranges_in(&bytes, 24), None);
    }

    #[test]
    fn memory_is_zeroed_and_whole_pages() {
        for n in [1, 4096, 4097, 300 << 10] {
            let m = Memory::new(n).unwrap();
            assert!(m.len() >= n && m.len().is_multiple_of(PAGE as usize));
            // SAFETY: just allocated, nobody else has it.
            let all = unsafe { std::slice::from_raw_parts(m.ptr().as_ptr(), m.len()) };
            assert!(all.iter().all(|b| *b == 0));
        }
    }
}
