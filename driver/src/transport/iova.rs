// SPDX-License-Identifier: Apache-2.0
//! Where the device sees memory: addresses of an IOMMU that has limits and holes.

use crate::{Error, Result};
use std::collections::BTreeMap;

/// Bytes of a page, and of a huge one.
pub const PAGE: u64 = 4096;
/// As the page tables of x86 and of Arm with 4 KiB pages have them.
pub const HUGE: u64 = 2 << 20;

/// An address as the device uses it, on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iova(u64);

impl Iova {
    /// An error if it is not on a page.
    pub fn new(address: u64) -> Result<Self> {
        if !address.is_multiple_of(PAGE) {
            return Err(Error::Invalid(format!(
                "IOVA {address:#x} is not on a page: use a multiple of {PAGE:#x}"
            )));
        }
        Ok(Self(address))
    }

    /// As a number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl std::fmt::LowerHex for Iova {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::LowerHex::fmt(&self.0, f)
    }
}

/// The IOVAs that an IOMMU can translate, and which of them are in use.
#[derive(Debug)]
pub struct Space {
    /// First and last byte of each range, ascending.
    ranges: Vec<(u64, u64)>,
    /// Start and bytes of what is in use.
    used: BTreeMap<u64, u64>,
    /// Where the next search starts: what was freed is not soon another's, so that a late access to it is refused.
    next: u64,
}

impl Space {
    /// Over ranges of (first byte, last byte). Page 0 is never given out: it is what a descriptor that was not filled in holds.
    pub fn new(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        for r in &mut ranges {
            r.0 = r.0.max(PAGE);
        }
        ranges.retain(|r| r.0 < r.1);
        Self {
            ranges,
            used: BTreeMap::new(),
            next: 0,
        }
    }

    fn within(&self, at: u64, bytes: u64) -> bool {
        let Some(last) = at.checked_add(bytes - 1) else {
            return false;
        };
        self.ranges.iter().any(|r| r.0 <= at && last <= r.1)
    }

    /// What is in use and reaches into these bytes.
    fn overlap(&self, at: u64, bytes: u64) -> Option<(u64, u64)> {
        let (start, len) = self.used.range(..at.saturating_add(bytes)).next_back()?;
        (start + len > at).then_some((*start, *len))
    }

    /// A free place for `bytes`, a multiple of a page: on a huge page if it holds one. While there is room, the page after it stays
    /// free, and an access beyond its end is refused.
    pub fn take(&mut self, bytes: u64) -> Result<Iova> {
        check_size(bytes)?;
        let found = self.find(self.next, bytes).or_else(|| self.find(0, bytes));
        let at = found.ok_or_else(|| {
            Error::Invalid(format!(
                "no {bytes} bytes of IOVA are free: drop buffers of this device first"
            ))
        })?;
        self.used.insert(at, bytes);
        self.next = at.saturating_add(bytes).saturating_add(PAGE);
        Ok(Iova(at))
    }

    fn find(&self, from: u64, bytes: u64) -> Option<u64> {
        let align = if bytes >= HUGE { HUGE } else { PAGE };
        for &(first, last) in &self.ranges {
            let mut at = first.max(from).checked_next_multiple_of(align);
            while let Some(here) = at.filter(|a| a.checked_add(bytes - 1).is_some_and(|end| end <= last)) {
                match self.overlap(here, bytes) {
                    None => return Some(here),
                    Some((start, len)) => at = (start + len).checked_next_multiple_of(align),
                }
            }
        }
        None
    }

    /// Takes a place of the caller's choice.
    pub fn take_at(&mut self, at: Iova, bytes: u64) -> Result<()> {
        check_size(bytes)?;
        if !self.within(at.0, bytes) {
            let ranges: Vec<String> = (self.ranges.iter())
                .map(|(a, b)| format!("{a:#x} to {b:#x}"))
                .collect();
            return Err(Error::Invalid(format!(
                "IOVA {at:#x}, {bytes} bytes: the IOMMU translates {} only",
                ranges.join(", ")
            )));
        }
        if let Some((start, len)) = self.overlap(at.0, bytes) {
            return Err(Error::Invalid(format!(
                "IOVA {at:#x}, {bytes} bytes: overlaps {len} bytes at {start:#x} that are mapped already; free those first"
            )));
        }
        self.used.insert(at.0, bytes);
        Ok(())
    }

    /// Gives back what was taken there.
    pub fn give(&mut self, at: u64) {
        self.used.remove(&at);
    }
}

fn check_size(bytes: u64) -> Result<()> {
    if bytes == 0 || !bytes.is_multiple_of(PAGE) {
        return Err(Error::Invalid(format!(
            "a mapping of {bytes} bytes: use a multiple of {PAGE}, at least one"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn space() -> Space {
        // As an Intel IOMMU of 39 bits tells it.
        Space::new(vec![(0, 0xfedf_ffff), (0xfef0_0000, 0x7f_ffff_ffff)])
    }

    #[test]
    fn limits_are_told_before_the_kernel_refuses() {
        let told = |r: Result<()>| r.unwrap_err().to_string();
        let mut s = space();
        assert!(Iova::new(0x1001).unwrap_err().to_string().contains("multiple"));
        let at = |a| Iova::new(a).unwrap();
        assert!(told(s.take_at(at(0), 4096)).contains("0x1000 to 0xfedfffff"));
        assert!(told(s.take_at(at(0xfee0_0000), 4096)).contains("translates"));
        assert!(told(s.take_at(at(0xfedf_f000), 8192)).contains("translates"));
        assert!(told(s.take_at(at(0x7f_ffff_f000), 8192)).contains("translates"));
        assert!(told(s.take_at(at(!0xfff), 8192)).contains("translates"));
        assert!(told(s.take_at(at(4096), 100)).contains("multiple of 4096"));
        s.take_at(at(0x4000), 0x4000).unwrap();
        for (a, n) in [
            (0x3000, 0x2000),
            (0x4000, 0x1000),
            (0x7000, 0x5000),
            (0x1000, 0x10000),
        ] {
            assert!(told(s.take_at(at(a), n)).contains("at 0x4000"), "{a:#x}");
        }
        s.take_at(at(0x3000), 0x1000).unwrap();
        s.take_at(at(0x8000), 0x1000).unwrap();
    }

    #[test]
    fn a_full_space_says_so() {
        let mut s = Space::new(vec![(0, 0x3fff)]);
        for want in [0x1000, 0x3000, 0x2000] {
            assert_eq!(s.take(4096).unwrap().get(), want);
        }
        assert!(s.take(4096).is_err());
        s.give(0x2000);
        assert!(s.take(8192).is_err());
        assert_eq!(s.take(4096).unwrap().get(), 0x2000);
    }

    proptest! {
        /// Whatever is taken lies in a range, is aligned, and overlaps nothing.
        #[test]
        fn never_twice(steps in prop::collection::vec((any::<bool>(), 1u64..2000, any::<prop::sample::Index>()), 1..200)) {
            let mut s = space();
            let mut held: Vec<(u64, u64)> = Vec::new();
            for (give, pages, which) in steps {
                if give && !held.is_empty() {
                    let (at, _) = held.swap_remove(which.index(held.len()));
                    s.give(at);
                    continue;
                }
                let bytes = pages * PAGE;
                let at = s.take(bytes).unwrap().get();
                prop_assert!(s.within(at, bytes));
                let align = if bytes >= HUGE { HUGE } else { PAGE };
                prop_assert_eq!(at % align, 0);
                prop_assert!(held.iter().all(|(a, n)| a + n <= at || at + bytes <= *a));
                held.push((at, bytes));
            }
        }
    }
}
