// SPDX-License-Identifier: Apache-2.0
//! Simulation of the Casemate device: host memory and IOMMU always; with the feature `rtl`, Verilator builds of the RTL, the
//! whole device in this process, and single blocks for their testbenches.

pub mod iova;
pub mod memory;

#[cfg(feature = "rtl")]
pub mod axi;
#[cfg(feature = "rtl")]
pub mod config;
#[cfg(feature = "rtl")]
pub mod device;
#[cfg(feature = "rtl")]
pub mod entropy;
#[cfg(feature = "rtl")]
pub mod link;
#[cfg(feature = "rtl")]
mod model;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "rtl")]
mod state;
#[cfg(feature = "rtl")]
pub mod verilate;
#[cfg(feature = "rtl")]
pub mod watch;
