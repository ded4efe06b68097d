// SPDX-License-Identifier: Apache-2.0
//! Buffers for the DMA testbenches: flat or scattered, at any alignment; and what walking them should find.
#![allow(dead_code)] // each testbench uses its part

use casemate_abi::{SgElement, Submission};
use casemate_hdl_tb::{Memory, chance, pack};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// Address and length of a piece.
type Piece = (u64, u64);

/// Sources of the blocks in `hdl/dma`, without the engine.
pub const SOURCES: &[&str] = &[
    "pkg/rtl/casemate_abi_pkg.sv",
    "gcm/rtl/gcm_pkg.sv",
    "pkg/rtl/casemate_pkg.sv",
    "gcm/rtl/gcm_fifo.sv",
    "lib/rtl/fifo.sv",
    "dma/rtl/dma_walker.sv",
    "dma/rtl/dma_read.sv",
    "dma/rtl/dma_write.sv",
];

/// `chan_req_t`.
pub fn request(sub: &Submission, queue: usize, counter: bool) -> Vec<u32> {
    let mut words = sub.words.to_vec();
    words.extend(pack(&[(counter.into(), 1), (0, 2), (queue as u128, 6)]));
    words
}

/// Why a walk stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// An element, or the list's alignment.
    Bad,
    /// A bus error reading the list.
    Bus,
}

/// Gives out memory.
pub struct Arena {
    next: u64,
}

impl Arena {
    pub fn new(number: u64) -> Self {
        Self {
            next: 0x00fe_0000_0000_0000 + (number << 28),
        }
    }

    /// Room for `len` bytes; often right behind what was given last, often around the end of a page.
    pub fn place(&mut self, rng: &mut ChaCha8Rng, len: u64) -> u64 {
        match rng.random_range(0..6) {
            0 => self.next = self.next.next_multiple_of(64),
            1 => self.next = self.next.next_multiple_of(4096) + 4096 - rng.random_range(0..300),
            2 => self.next += rng.random_range(0..70),
            _ => {}
        }
        let at = self.next;
        self.next += len;
        at
    }
}

/// A buffer.
#[derive(Debug, Clone, Default)]
pub struct Buffer {
    /// Its address, or its list's.
    pub addr: u64,
    pub sgl: bool,
    pub len: u64,
}

impl Buffer {
    /// A flat one.
    pub fn flat(arena: &mut Arena, rng: &mut ChaCha8Rng, len: u64) -> Self {
        Self {
            addr: arena.place(rng, len),
            sgl: false,
            len,
        }
    }

    /// A scattered one; its last element may be longer than needed. `spoil` makes some element, or the list's alignment, bad.
    pub fn scattered(
        mem: &mut Memory,
        arena: &mut Arena,
        rng: &mut ChaCha8Rng,
        len: u64,
        spoil: bool,
    ) -> Self {
        let small = chance(rng, 50);
        let mut pieces = Vec::new();
        let mut left = len;
        while left > 0 {
            let most = if small { left.min(24) } else { left.min(700) };
            let n = rng.random_range(1..=most);
            left -= n;
            let longer = if left == 0 { rng.random_range(0..40) } else { 0 };
            // The excess is a hole that nobody touches.
            let at = arena.place(rng, n + longer);
            pieces.push((at, n + longer));
        }
        let list = arena
            .place(rng, 16 * pieces.len() as u64 + 32)
            .next_multiple_of(16);
        let bad = spoil.then(|| rng.random_range(0..=pieces.len()));
        for (i, &(at, n)) in pieces.iter().enumerate() {
            let mut e = SgElement::default();
            e.set_addr_lo(at as u32)
                .set_addr_hi((at >> 32) as u32)
                .set_len(n as u32);
            if bad == Some(i) && rng.random() {
                e.set_len(0);
            } else if bad == Some(i) {
                e.set_reserved0(1 << rng.random_range(0..32));
            }
            mem.write(list + 16 * i as u64, &e.to_le());
        }
        let skew = if bad == Some(pieces.len()) {
            rng.random_range(1..16)
        } else {
            0
        };
        Self {
            addr: list + skew,
            sgl: true,
            len,
        }
    }

    /// Either.
    pub fn any(mem: &mut Memory, arena: &mut Arena, rng: &mut ChaCha8Rng, len: u64, spoil: bool) -> Self {
        if len > 0 && chance(rng, 50) {
            Self::scattered(mem, arena, rng, len, spoil)
        } else {
            Self::flat(arena, rng, len)
        }
    }

    /// Its pieces, none across a 256-byte block, and why there are no more.
    pub fn walk(&self, mem: &mut Memory) -> (Vec<Piece>, Option<(Stop, u64)>) {
        let mut chunks = Vec::new();
        let mut run = |mut at: u64, n: u64| {
            let end = at + n;
            while at < end {
                let to = end.min(at / 256 * 256 + 256);
                chunks.push((at, to - at));
                at = to;
            }
        };
        if !self.sgl {
            run(self.addr, self.len);
            return (chunks, None);
        }
        if !self.addr.is_multiple_of(16) {
            return (chunks, Some((Stop::Bad, self.addr)));
        }
        let (mut left, mut at) = (self.len, self.addr);
        while left > 0 {
            if at == self.addr || at.is_multiple_of(256) {
                // The list is read up to the end of its block.
                let end = at / 256 * 256 + 256;
                if (at / mem.beat..end / mem.beat).any(|b| mem.bad.contains(&b)) {
                    return (chunks, Some((Stop::Bus, at)));
                }
            }
            let bytes = mem.read(at, 16).try_into().expect("16 bytes");
            let e = SgElement::from_le(&bytes);
            if e.len() == 0 || e.reserved0() != 0 {
                return (chunks, Some((Stop::Bad, at)));
            }
            let n = left.min(e.len().into());
            run(u64::from(e.addr_hi()) << 32 | u64::from(e.addr_lo()), n);
            left -= n;
            at += 16;
        }
        (chunks, None)
    }

    /// Makes some beat of it, or of its list, fail.
    pub fn spoil(&self, mem: &mut Memory, rng: &mut ChaCha8Rng) {
        if self.len == 0 {
            return;
        }
        if self.sgl && chance(rng, 30) {
            let at = (self.addr + 16 * rng.random_range(0..8)) / 256 * 256;
            mem.spoil(at, 256);
            return;
        }
        let chunks = self.walk(mem).0;
        if !chunks.is_empty() {
            let (at, n) = chunks[rng.random_range(0..chunks.len())];
            mem.spoil(at + rng.random_range(0..n), 1);
        }
    }
}

/// Whether any beat of these bytes fails.
pub fn fails(mem: &Memory, at: u64, n: u64) -> bool {
    (at / mem.beat..=(at + n - 1) / mem.beat).any(|b| mem.bad.contains(&b))
}

/// Two halves of an address.
pub fn halves(addr: u64) -> (u32, u32) {
    (addr as u32, (addr >> 32) as u32)
}
