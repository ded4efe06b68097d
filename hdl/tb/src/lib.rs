// SPDX-License-Identifier: Apache-2.0
//! Home of the testbenches that lie beside the hardware blocks (see `Cargo.toml`), and what they share.

mod bench;
mod memory;

pub use bench::{Bench, Bits, Stable, chance, hdl, pack, pack_le};
pub use memory::{Memory, Order, ReadBeat};
