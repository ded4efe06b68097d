// SPDX-License-Identifier: Apache-2.0
//! Simulation of the Casemate device: Verilator builds and the models around them.

pub mod verilate;
