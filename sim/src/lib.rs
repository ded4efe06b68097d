// SPDX-License-Identifier: Apache-2.0
//! Simulation of the Casemate device: Verilator builds, and blocks driven by themselves.

pub mod lane;
pub mod verilate;
