// SPDX-License-Identifier: Apache-2.0
//! The binary interface of the Casemate device: register offsets, descriptor layouts, status codes.
//! Everything in [`generated`] comes from `abi/casemate.rdl`, as does the hardware's own package.

// The generator writes every field alike, those at bit 0 too.
#[allow(clippy::identity_op, clippy::erasing_op, clippy::len_without_is_empty)]
mod generated;
pub mod pci;
pub use generated::*;

/// A register of BAR 0.
#[derive(Debug, Clone, Copy)]
pub struct Register {
    /// Name; of a member of a block, `BLOCK_NAME`.
    pub name: &'static str,
    /// Byte offset of element 0.
    pub offset: u32,
    /// Elements.
    pub count: u32,
    /// Bytes between elements.
    pub stride: u32,
    /// Its fields, lowest first.
    pub fields: &'static [Field],
}

/// A field of a register.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Lowest bit.
    pub low: u32,
    /// Bits.
    pub width: u32,
    /// Value after reset, where it is constant.
    pub reset: Option<u64>,
    /// A read returns it.
    pub readable: bool,
    /// A write changes it.
    pub writable: bool,
}

macro_rules! le_words {
    ($($ty:ty),*) => {$(
        impl $ty {
            /// From the bytes in ring memory.
            pub fn from_le(bytes: &[u8; Self::SIZE]) -> Self {
                let mut v = Self::default();
                for (w, b) in v.words.iter_mut().zip(bytes.chunks_exact(4)) {
                    *w = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                }
                v
            }

            /// To the bytes in ring memory.
            pub fn to_le(&self) -> [u8; Self::SIZE] {
                let mut out = [0; Self::SIZE];
                for (b, w) in out.chunks_exact_mut(4).zip(self.words) {
                    b.copy_from_slice(&w.to_le_bytes());
                }
                out
            }
        }
    )*};
}
le_words!(Submission, Completion, SgElement, KeyAttributes);
