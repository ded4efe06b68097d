// SPDX-License-Identifier: Apache-2.0
//! Figures of the device under Verilator, in cycles of its own clock: what is measured here, what becomes of it in `report`.

pub mod board;
pub mod closed;
pub mod ecdsa;
pub mod gate;
pub mod host;
pub mod open;
pub mod plan;
pub mod report;
pub mod software;
pub mod stages;
