// SPDX-License-Identifier: Apache-2.0
//! Host memory as a simulated device sees it: buffers mapped page by page behind an IOMMU.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering, fence};
use std::task::Poll;

/// Bytes of a page.
pub const PAGE: usize = 4096;

/// A page-aligned buffer that a device may access while it is mapped. Both sides use atomic accesses (here) or hand the
/// bytes over through a ring.
pub struct Pages {
    ptr: NonNull<u8>,
    len: usize,
}

// SAFETY: the buffer is plain memory; who may touch which bytes when is the owner's business, see `Pages::ptr`.
unsafe impl Send for Pages {}
// SAFETY: as above; methods here only make atomic accesses.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least `bytes` zeroed bytes, in whole pages.
    pub fn new(bytes: usize) -> Arc<Self> {
        let len = bytes.max(1).next_multiple_of(PAGE);
        let layout = Layout::from_size_align(len, PAGE).expect("a size that fits memory");
        // SAFETY: the layout has a size that is not zero.
        let ptr = unsafe { alloc_zeroed(layout) };
        let ptr = NonNull::new(ptr).unwrap_or_else(|| handle_alloc_error(layout));
        Arc::new(Self { ptr, len })
    }

    /// Its first byte. Whoever writes through it must own the bytes: hand them to the device by a ring's doorbell, take
    /// them back with the completion.
    pub fn ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Bytes, a multiple of a page.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let layout = Layout::from_size_align(self.len, PAGE).expect("as in new");
        // SAFETY: allocated in `new` with this layout, freed once.
        unsafe { dealloc(self.ptr.as_ptr(), layout) }
    }
}

/// What a device may do with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Reads.
    pub read: bool,
    /// Writes.
    pub write: bool,
}

impl Access {
    /// Reads and writes.
    pub const BOTH: Self = Self {
        read: true,
        write: true,
    };
    /// Reads only.
    pub const READ: Self = Self {
        read: true,
        write: false,
    };
}

/// An access the IOMMU refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault;

/// What is behind a device's AXI4 master. Memory that takes time to answer says so, and is asked again.
pub trait HostMemory: Send {
    /// A burst that reads `bytes` from `iova` on has been accepted; the number by which it is asked for.
    fn begin_read(&mut self, iova: u64, bytes: usize) -> u64;
    /// A part of a burst, or not yet.
    fn read_part(&mut self, burst: u64, iova: u64, buf: &mut [u8]) -> Poll<Result<(), Fault>>;
    /// The last part was taken.
    fn end_read(&mut self, burst: u64);
    /// A part of a burst that writes.
    fn write_part(&mut self, iova: u64, data: &[u8]) -> Result<(), Fault>;
    /// That was its last part; the number by which its end is asked for.
    fn end_write(&mut self) -> u64;
    /// What became of it, or not yet. It is told once.
    fn written(&mut self, burst: u64) -> Poll<Result<(), Fault>>;
    /// The device was reset: nothing that began will be asked for.
    fn reset(&mut self);
}

#[derive(Clone)]
struct Entry {
    pages: Arc<Pages>,
    offset: usize,
    access: Access,
}

/// IOVA to memory, by page of 4 KiB.
#[derive(Default)]
pub struct Iommu {
    map: HashMap<u64, Entry>,
    last: Option<(u64, NonNull<u8>, Access)>,
}

// SAFETY: `last` points into memory that `map` keeps alive.
unsafe impl Send for Iommu {}

impl Iommu {
    /// Maps all of `pages` at `iova`, which must be page-aligned and free.
    pub fn map(&mut self, iova: u64, pages: &Arc<Pages>, access: Access) -> Result<(), String> {
        if !iova.is_multiple_of(PAGE as u64) {
            return Err(format!("IOVA {iova:#x} is not on a page"));
        }
        let first = iova / PAGE as u64;
        let count = (pages.len() / PAGE) as u64;
        if let Some(p) = (0..count).find(|p| self.map.contains_key(&first.wrapping_add(*p))) {
            return Err(format!(
                "IOVA page {:#x} is mapped already",
                first.wrapping_add(p) * PAGE as u64
            ));
        }
        for p in 0..count {
            let entry = Entry {
                pages: pages.clone(),
                offset: p as usize * PAGE,
                access,
            };
            self.map.insert(first.wrapping_add(p), entry);
        }
        Ok(())
    }

    /// Unmaps `bytes` from `iova` on.
    pub fn unmap(&mut self, iova: u64, bytes: usize) {
        self.last = None;
        let first = iova / PAGE as u64;
        for p in 0..bytes.div_ceil(PAGE) as u64 {
            self.map.remove(&first.wrapping_add(p));
        }
    }

    /// Changes what the device may do with one mapped page.
    pub fn protect(&mut self, iova: u64, access: Access) {
        self.last = None;
        if let Some(e) = self.map.get_mut(&(iova / PAGE as u64)) {
            e.access = access;
        }
    }

    /// The memory behind `iova`, up to the end of its page.
    #[inline]
    fn find(&mut self, iova: u64) -> Option<(*mut u8, usize, Access)> {
        let (page, offset) = (iova / PAGE as u64, (iova % PAGE as u64) as usize);
        let (base, access) = match self.last {
            Some((p, base, access)) if p == page => (base, access),
            _ => {
                let e = self.map.get(&page)?;
                // SAFETY: the offset was within the buffer when it was mapped.
                let base = unsafe { e.pages.ptr.add(e.offset) };
                self.last = Some((page, base, e.access));
                (base, e.access)
            }
        };
        // SAFETY: the offset stays in the page.
        Some((unsafe { base.as_ptr().add(offset) }, PAGE - offset, access))
    }

    /// Reads `buf.len()` bytes. What a refused part would have held is zero.
    pub fn read(&mut self, iova: u64, buf: &mut [u8]) -> Result<(), Fault> {
        let mut at = 0;
        while at < buf.len() {
            let Some((ptr, room, access)) = self.find(iova.wrapping_add(at as u64)) else {
                buf[at..].fill(0);
                return Err(Fault);
            };
            if !access.read {
                buf[at..].fill(0);
                return Err(Fault);
            }
            let n = room.min(buf.len() - at);
            // SAFETY: `ptr` has `room` bytes behind it, kept alive by the map.
            unsafe { load(ptr, &mut buf[at..at + n]) };
            at += n;
        }
        fence(Ordering::Acquire);
        Ok(())
    }

    /// Writes the bytes of `data`.
    pub fn write(&mut self, iova: u64, data: &[u8]) -> Result<(), Fault> {
        fence(Ordering::Release);
        let mut at = 0;
        while at < data.len() {
            let (ptr, room, access) = self.find(iova.wrapping_add(at as u64)).ok_or(Fault)?;
            if !access.write {
                return Err(Fault);
            }
            let n = room.min(data.len() - at);
            // SAFETY: as in `read`.
            unsafe { store(ptr, &data[at..at + n]) };
            at += n;
        }
        Ok(())
    }
}

/// Memory of this process answers at once.
impl HostMemory for Iommu {
    fn begin_read(&mut self, _: u64, _: usize) -> u64 {
        0
    }

    #[inline]
    fn read_part(&mut self, _: u64, iova: u64, buf: &mut [u8]) -> Poll<Result<(), Fault>> {
        Poll::Ready(self.read(iova, buf))
    }

    fn end_read(&mut self, _: u64) {}

    #[inline]
    fn write_part(&mut self, iova: u64, data: &[u8]) -> Result<(), Fault> {
        self.write(iova, data)
    }

    fn end_write(&mut self) -> u64 {
        0
    }

    fn written(&mut self, _: u64) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {}
}

/// Copies out with atomic loads, words where it can: rings are read while the host writes other entries.
///
/// # Safety
/// `ptr` must have as many bytes behind it as `out` has, accessed by others atomically or not at all.
pub unsafe fn load(ptr: *mut u8, out: &mut [u8]) {
    let mut i = 0;
    while i < out.len() {
        if (ptr as usize + i).is_multiple_of(4) && out.len() - i >= 4 {
            // SAFETY: aligned, in bounds; the memory is only accessed atomically or by its sole owner.
            let w = unsafe { AtomicU32::from_ptr(ptr.add(i).cast()) }.load(Ordering::Relaxed);
            out[i..i + 4].copy_from_slice(&w.to_ne_bytes());
            i += 4;
        } else {
            // SAFETY: in bounds.
            out[i] = unsafe { AtomicU8::from_ptr(ptr.add(i)) }.load(Ordering::Relaxed);
            i += 1;
        }
    }
}

/// Copies in with atomic stores, in ascending order, each a release: a ring entry's last word is seen last.
///
/// # Safety
/// As [`load`].
pub unsafe fn store(ptr: *mut u8, data: &[u8]) {
    let mut i = 0;
    while i < data.len() {
        if (ptr as usize + i).is_multiple_of(4) && data.len() - i >= 4 {
            let w = u32::from_ne_bytes([data[i], data[i + 1], data[i + 2], data[i + 3]]);
            // SAFETY: as in `load`.
            unsafe { AtomicU32::from_ptr(ptr.add(i).cast()) }.store(w, Ordering::Release);
            i += 4;
        } else {
            // SAFETY: as in `load`.
            unsafe { AtomicU8::from_ptr(ptr.add(i)) }.store(data[i], Ordering::Release);
            i += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_and_page_ends() {
        let mut m = Iommu::default();
        let (a, b) = (Pages::new(PAGE), Pages::new(PAGE));
        m.map(0x1000, &a, Access::BOTH).unwrap();
        m.map(0x2000, &b, Access::READ).unwrap();
        assert!(m.map(0x2000, &a, Access::BOTH).unwrap_err().contains("0x2000"));
        assert!(m.map(0x10, &a, Access::BOTH).is_err());
        m.write(0x1ffd, &[1, 2, 3]).unwrap();
        let mut buf = [9; 5];
        m.read(0x1ffd, &mut buf).unwrap();
        assert_eq!(buf, [1, 2, 3, 0, 0]);
        assert_eq!(m.write(0x1ffd, &[4; 4]), Err(Fault));
        m.protect(0x2000, Access::BOTH);
        m.write(0x1ffd, &[4; 7]).unwrap();
        m.read(0x1ffd, &mut buf).unwrap();
        assert_eq!(buf, [4; 5]);
        m.unmap(0x2000, PAGE);
        assert_eq!(m.read(0x1ffd, &mut buf), Err(Fault));
        assert_eq!(m.read(u64::MAX, &mut buf), Err(Fault));
    }
}
