// SPDX-License-Identifier: Apache-2.0
//! Which slots of the device are taken, as far as this driver knows.

use crate::{Error, Result};
use fixedbitset::FixedBitSet;
use std::sync::{Mutex, MutexGuard};

/// The lowest free slot is handed out first.
pub(crate) struct Slots(Mutex<FixedBitSet>);

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        Self(Mutex::new(FixedBitSet::with_capacity(count)))
    }

    fn lock(&self) -> MutexGuard<'_, FixedBitSet> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A free slot, taken from now on.
    pub(crate) fn take(&self) -> Result<u16> {
        let mut used = self.lock();
        let free = used.zeroes().next().ok_or(Error::NoSlot(used.len()))?;
        used.insert(free);
        Ok(free as u16)
    }

    /// Whether a slot is taken; one that the device does not have is nobody's.
    pub(crate) fn set(&self, slot: u16, taken: bool) {
        let mut used = self.lock();
        if usize::from(slot) < used.len() {
            used.set(slot.into(), taken);
        }
    }

    /// How many are free.
    pub(crate) fn free(&self) -> usize {
        let used = self.lock();
        used.count_zeroes(..)
    }

    /// The device was reset: all of them.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_first() {
        let s = Slots::new(3);
        assert_eq!((s.take().unwrap(), s.take().unwrap()), (0, 1));
        s.set(0, false);
        assert_eq!((s.take().unwrap(), s.take().unwrap(), s.free()), (0, 2, 0));
        assert!(matches!(s.take(), Err(Error::NoSlot(3))));
        s.set(7, true);
        s.clear();
        assert_eq!((s.free(), s.take().unwrap()), (3, 0));
    }
}
