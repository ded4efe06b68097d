// SPDX-License-Identifier: Apache-2.0
//! DMA buffers: cut from regions that are mapped once, zeroed before they are reused.

use crate::fork::Owner;
use crate::transport::{DmaRegion, Transport};
use crate::{Error, Result};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};
use zeroize::Zeroize;

/// Smallest and largest buffer that shares a region with others, log2.
const SMALL: u32 = 6;
const LARGE: u32 = 16;
/// Bytes of a shared region.
const SLAB: usize = 1 << 18;

struct Piece {
    region: Arc<Mapped>,
    offset: usize,
    class: Option<u32>,
}

/// A region that leaves the device when its last piece is gone.
struct Mapped {
    region: Option<DmaRegion>,
    transport: Arc<dyn Transport>,
}

impl Mapped {
    fn bytes(&self) -> usize {
        self.region.as_ref().map_or(0, DmaRegion::len)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if let Some(r) = self.region.take() {
            self.transport.free(r);
        }
    }
}

/// Free pieces by size.
pub(crate) struct Pool {
    transport: Arc<dyn Transport>,
    owner: Arc<Owner>,
    free: Mutex<Vec<Vec<Piece>>>,
}

impl Pool {
    pub(crate) fn new(transport: Arc<dyn Transport>, owner: Arc<Owner>) -> Arc<Self> {
        let free = (SMALL..=LARGE).map(|_| Vec::new()).collect();
        Arc::new(Self {
            transport,
            owner,
            free: Mutex::new(free),
        })
    }

    fn map(&self, bytes: usize) -> Result<Arc<Mapped>> {
        let region = self.transport.alloc(bytes)?;
        Ok(Arc::new(Mapped {
            region: Some(region),
            transport: self.transport.clone(),
        }))
    }

    /// A zeroed buffer of `len` bytes that can grow to `capacity`.
    pub(crate) fn take(self: &Arc<Self>, len: usize, capacity: usize) -> Result<DmaBuf> {
        self.owner.check()?;
        let capacity = capacity.max(len).max(1);
        if capacity > 1 << LARGE {
            let piece = Piece {
                region: self.map(capacity)?,
                offset: 0,
                class: None,
            };
            let capacity = capacity.max(piece.region.bytes());
            return Ok(DmaBuf {
                piece: Some(piece),
                pool: self.clone(),
                len,
                capacity,
            });
        }
        let class = capacity.next_power_of_two().trailing_zeros().max(SMALL);
        let mut free = self.free.lock().unwrap_or_else(|e| e.into_inner());
        let list = &mut free[(class - SMALL) as usize];
        if list.is_empty() {
            let region = self.map(SLAB)?;
            // Where pages are huge it is more than was asked for.
            for i in (0..region.bytes() >> class).rev() {
                list.push(Piece {
                    region: region.clone(),
                    offset: i << class,
                    class: Some(class),
                });
            }
        }
        let piece = list.pop().ok_or(Error::NoMemory(capacity))?;
        Ok(DmaBuf {
            piece: Some(piece),
            pool: self.clone(),
            len,
            capacity: 1 << class,
        })
    }
}

/// Bytes that the device can reach. It derefs to a slice; a request takes it and gives it back with its completion, so the
/// program cannot touch it while the device may.
pub struct DmaBuf {
    piece: Option<Piece>,
    pool: Arc<Pool>,
    len: usize,
    capacity: usize,
}

impl std::fmt::Debug for DmaBuf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the content.
        write!(f, "DmaBuf({} bytes at IOVA {:#x})", self.len, self.iova())
    }
}

impl DmaBuf {
    fn piece(&self) -> &Piece {
        self.piece.as_ref().expect("there until drop")
    }

    fn region(&self) -> &DmaRegion {
        self.piece().region.region.as_ref().expect("there until drop")
    }

    fn ptr(&self) -> NonNull<u8> {
        assert!(!self.pool.owner.forked(), "{}", Error::Forked);
        // SAFETY: the piece lies inside its region.
        unsafe { self.region().ptr().add(self.piece().offset) }
    }

    /// Where the device sees its first byte.
    pub fn iova(&self) -> u64 {
        self.region().iova() + self.piece().offset as u64
    }

    /// Bytes it can grow to.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Changes the length within the capacity; bytes that join are as they were left.
    pub fn set_len(&mut self, len: usize) {
        assert!(
            len <= self.capacity,
            "{len} bytes in a buffer of {}",
            self.capacity
        );
        self.len = len;
    }
}

impl Deref for DmaBuf {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        // SAFETY: the bytes are initialised and this buffer's alone; the device has none of them while the program holds it.
        unsafe { std::slice::from_raw_parts(self.ptr().as_ptr(), self.len) }
    }
}

impl DerefMut for DmaBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the buffer is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.ptr().as_ptr(), self.len) }
    }
}

// SAFETY: a buffer is its holder's alone.
unsafe impl Send for DmaBuf {}

impl Drop for DmaBuf {
    fn drop(&mut self) {
        if self.pool.owner.forked() {
            // The bytes are the parent's.
            std::mem::forget(self.piece.take());
            return;
        }
        self.len = self.capacity;
        self.deref_mut().zeroize();
        if let Some(piece) = self.piece.take()
            && let Some(class) = piece.class
        {
            let mut free = self.pool.free.lock().unwrap_or_else(|e| e.into_inner());
            free[(class - SMALL) as usize].push(piece);
        }
    }
}
