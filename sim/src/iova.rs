// SPDX-License-Identifier: Apache-2.0
//! IOVA to memory by ranges: few where a client maps much at once, hundreds of thousands where it maps page by page.

use crate::memory::Access;
use std::collections::BTreeMap;

/// Why a range was not mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A part of it is mapped.
    Exists,
    /// The table is full.
    Full,
}

#[derive(Debug, Clone)]
struct Range<T> {
    last: u64,
    access: Access,
    to: T,
    /// Where in `to` it begins.
    at: u64,
}

/// What is behind an IOVA.
#[derive(Debug, PartialEq, Eq)]
pub struct Found<'a, T> {
    /// The memory.
    pub to: &'a T,
    /// Where in it.
    pub at: u64,
    /// Bytes from there to the end of the range; `u64::MAX` for more.
    pub room: u64,
    /// What the device may do.
    pub access: Access,
}

/// A table of at most so many ranges, by their first IOVA.
pub struct Table<T> {
    ranges: BTreeMap<u64, Range<T>>,
    most: usize,
}

impl<T: Clone + PartialEq> Table<T> {
    /// Of at most `most` ranges, once those that continue each other are joined.
    pub fn new(most: usize) -> Self {
        Self {
            ranges: BTreeMap::new(),
            most,
        }
    }

    /// Ranges.
    pub fn count(&self) -> usize {
        self.ranges.len()
    }

    /// Maps `first` to `last`, both included, to what begins at `at` in `to`.
    pub fn map(&mut self, first: u64, last: u64, access: Access, to: T, at: u64) -> Result<(), Refused> {
        let before = self.ranges.range_mut(..=last).next_back();
        if let Some((begin, r)) = before {
            if r.last >= first {
                return Err(Refused::Exists);
            }
            // One range does for pages that continue it.
            let follows = r.last + 1 == first && r.at.wrapping_add(first - begin) == at;
            if follows && r.access == access && r.to == to {
                r.last = last;
                return Ok(());
            }
        }
        if self.ranges.len() >= self.most {
            return Err(Refused::Full);
        }
        let range = Range { last, access, to, at };
        self.ranges.insert(first, range);
        Ok(())
    }

    /// Takes `first` to `last`, both included, away, also where that cuts what was mapped at once.
    pub fn unmap(&mut self, first: u64, last: u64) {
        let before = self.ranges.range(..first).next_back();
        if let Some((&begin, r)) = before
            && r.last >= first
        {
            let r = r.clone();
            self.cut(begin, r, first, last);
        }
        while let Some((&begin, r)) = self.ranges.range(first..=last).next() {
            let r = r.clone();
            self.cut(begin, r, first, last);
        }
    }

    fn cut(&mut self, begin: u64, r: Range<T>, first: u64, last: u64) {
        self.ranges.remove(&begin);
        // A client that cuts holes without end loses what is behind them.
        if r.last > last && self.ranges.len() < self.most {
            let tail = Range {
                at: r.at.wrapping_add(last + 1 - begin),
                ..r.clone()
            };
            self.ranges.insert(last + 1, tail);
        }
        if begin < first {
            self.ranges.insert(begin, Range { last: first - 1, ..r });
        }
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.ranges.clear();
    }

    /// What is behind `iova`.
    #[inline]
    pub fn find(&self, iova: u64) -> Option<Found<'_, T>> {
        let (begin, r) = self.ranges.range(..=iova).next_back()?;
        (r.last >= iova).then(|| Found {
            to: &r.to,
            at: r.at.wrapping_add(iova - begin),
            room: (r.last - iova).saturating_add(1),
            access: r.access,
        })
    }
}

#[cfg(all(test, feature = "rtl"))]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn at(t: &Table<u8>, iova: u64) -> Option<(u8, u64, u64)> {
        t.find(iova).map(|f| (*f.to, f.at, f.room))
    }

    #[test]
    fn the_whole_address_space() {
        let mut t = Table::new(2);
        t.map(0, u64::MAX, Access::READ, 1, 0).unwrap();
        assert_eq!(at(&t, u64::MAX), Some((1, u64::MAX, 1)));
        assert_eq!(at(&t, 0), Some((1, 0, u64::MAX)));
        assert_eq!(t.map(5, 5, Access::READ, 2, 0), Err(Refused::Exists));
        t.unmap(0, u64::MAX - 0xfff);
        assert_eq!(at(&t, u64::MAX - 0xfff), None);
        assert_eq!(at(&t, u64::MAX - 0xffe), Some((1, u64::MAX - 0xffe, 0xfff)));
        t.unmap(u64::MAX, u64::MAX);
        assert_eq!((at(&t, u64::MAX), t.count()), (None, 1));
        t.map(u64::MAX, u64::MAX, Access::READ, 9, 0).unwrap();
        assert_eq!(t.map(0, 0, Access::READ, 9, 0), Err(Refused::Full));
    }

    /// Against a table of single pages.
    #[test]
    fn random_maps_and_unmaps() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..200 {
            let mut t = Table::new(1000);
            let mut pages = [None; 32];
            for _ in 0..100 {
                let first = rng.random_range(0..32u64);
                let last = rng.random_range(first..32.min(first + 8));
                let range = first as usize..last as usize + 1;
                if rng.random() {
                    let (to, offset) = (rng.random_range(0..2u8), rng.random_range(0..2u64) * 10 + first);
                    let access = if to == 0 { Access::READ } else { Access::BOTH };
                    let free = pages[range.clone()].iter().all(Option::is_none);
                    let got = t.map(first, last, access, to, offset);
                    assert_eq!(got.is_ok(), free);
                    if free {
                        for p in range {
                            pages[p] = Some((to, offset + p as u64 - first));
                        }
                    }
                } else {
                    t.unmap(first, last);
                    pages[range].fill(None);
                }
                for (p, want) in pages.iter().enumerate() {
                    assert_eq!(at(&t, p as u64).map(|f| (f.0, f.1)), *want, "page {p}");
                }
            }
        }
    }

    /// As QEMU does it behind a virtual IOMMU: each page by itself, and often in one row.
    #[test]
    fn hundreds_of_thousands_of_pages() {
        let mut t = Table::new(1 << 20);
        for p in 0..300_000u64 {
            // No two continue each other.
            t.map(p * 4096, p * 4096 + 4095, Access::BOTH, 1, (300_000 - p) * 4096)
                .unwrap();
        }
        assert_eq!(t.count(), 300_000);
        assert_eq!(at(&t, 4096 * 7 + 1), Some((1, 299_993 * 4096 + 1, 4095)));
        t.unmap(0, u64::MAX);
        for p in 0..300_000u64 {
            t.map(p * 4096, p * 4096 + 4095, Access::BOTH, 1, p * 4096)
                .unwrap();
        }
        assert_eq!(t.count(), 1);
        t.unmap(4096 * 100_000, 4096 * 100_001 - 1);
        assert_eq!(t.count(), 2);
        assert_eq!(at(&t, 4096 * 100_000), None);
        assert_eq!(at(&t, 4096 * 100_001), Some((1, 4096 * 100_001, 4096 * 199_999)));
    }
}
