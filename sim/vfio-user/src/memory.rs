// SPDX-License-Identifier: Apache-2.0
//! Memory shared by fd.

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use std::ptr::NonNull;

/// A file mapped from its start, shared.
pub struct Mapping {
    ptr: NonNull<u8>,
    len: usize,
}

// SAFETY: plain memory, for as long as it is mapped; how its bytes are accessed is the owner's business, see `ptr`.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `fd`, which must not shrink.
    pub fn new(fd: impl AsFd, len: usize, write: bool) -> Result<Self, Errno> {
        let prot = if write {
            ProtFlags::READ | ProtFlags::WRITE
        } else {
            ProtFlags::READ
        };
        // SAFETY: a new mapping at a place of the kernel's choice touches no other memory.
        let ptr = unsafe { mmap(std::ptr::null_mut(), len, prot, MapFlags::SHARED, fd, 0)? };
        let ptr = NonNull::new(ptr.cast()).ok_or(Errno::NOMEM)?;
        Ok(Self { ptr, len })
    }

    /// Leaves it out of what a child gets at fork(): both would use it, and only one owns the device.
    pub fn keep_from_children(&self) -> Result<(), Errno> {
        // SAFETY: the mapping is ours, and this changes nothing in this process.
        unsafe { madvise(self.ptr.as_ptr().cast(), self.len, Advice::LinuxDontFork) }
    }

    /// Its first byte. Another process writes to it at any time: only atomic or volatile accesses, or a protocol of who owns
    /// which bytes, make sense of it.
    pub fn ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Bytes.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped in `new`, unmapped once, and nobody has the pointer any more.
        let _ = unsafe { munmap(self.ptr.as_ptr().cast(), self.len) };
    }
}

/// A zeroed file in memory that keeps its size: what the other side maps of it stays there.
pub fn create(name: &str, len: u64) -> Result<OwnedFd, Errno> {
    let fd = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&fd, len)?;
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(fd)
}

/// Device, inode and size of a file that cannot shrink. A mapping of any other is a trap: an access past a new end kills the
/// process.
pub fn identity(fd: impl AsFd) -> Result<Option<(u64, u64, u64)>, Errno> {
    match fcntl_get_seals(&fd) {
        Ok(s) if s.contains(SealFlags::SHRINK) => {}
        // Not a file that has seals.
        Ok(_) | Err(Errno::INVAL) => return Ok(None),
        Err(e) => return Err(e),
    }
    let s = fstat(&fd)?;
    Ok(Some((s.st_dev as u64, s.st_ino as u64, s.st_size as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_files_are_shared_and_others_are_not() {
        let fd = create("test", 8192).unwrap();
        let (_, _, size) = identity(&fd).unwrap().unwrap();
        assert_eq!(size, 8192);
        assert!(ftruncate(&fd, 4096).is_err());
        let (a, b) = (
            Mapping::new(&fd, 8192, true).unwrap(),
            Mapping::new(&fd, 8192, false).unwrap(),
        );
        // SAFETY: both map the whole file, and nobody else is here.
        unsafe {
            a.ptr().add(5000).write_volatile(7);
            assert_eq!(b.ptr().add(5000).read_volatile(), 7);
        }
        let open = memfd_create("open", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(identity(&open).unwrap(), None);
        assert_eq!(
            identity(std::fs::File::open("/proc/self/exe").unwrap()).unwrap(),
            None
        );
        let (r, _w) = std::io::pipe().unwrap();
        assert_eq!(identity(&r).unwrap(), None);
    }
}
