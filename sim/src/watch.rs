// SPDX-License-Identifier: Apache-2.0
//! What the device shows to the outside, cycle by cycle: to compare two runs that should look the same.

/// Bytes written by one beat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// When.
    pub cycle: u64,
    /// IOVA of the first byte.
    pub addr: u64,
    /// The bytes whose strobes are set.
    pub data: Vec<u8>,
}

/// What was taken on a channel of the AXI4 master, with the id of its burst: {port, tag of 8 bits}.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// AR.
    ReadAddress(u32),
    /// The last beat of a burst on R.
    Read(u32),
    /// AW.
    WriteAddress(u32),
    /// The last beat of a burst on W; bursts come in the order of their addresses.
    Write,
    /// B.
    Response(u32),
}

/// A record of the device's outputs.
#[derive(Debug, Default)]
pub struct Watch {
    /// Of each cycle, a digest of every output but the data of writes.
    pub cycles: Vec<u64>,
    /// The data of writes.
    pub writes: Vec<Written>,
    digest: u64,
}

impl Watch {
    /// Adds an output's value to this cycle's digest.
    #[inline]
    pub(crate) fn add(&mut self, value: u64) {
        // FNV-1a over words: nobody chooses the values to collide.
        self.digest = (self.digest ^ value)
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(29);
    }

    pub(crate) fn end_cycle(&mut self) {
        self.cycles.push(self.digest);
    }
}
