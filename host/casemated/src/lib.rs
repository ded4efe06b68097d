// SPDX-License-Identifier: Apache-2.0
//! A key service on the device, spoken to by the clients of AWS KMS. The program is `main.rs`; here is what it is made of.

pub mod blob;
pub mod cli;
pub mod clock;
pub mod config;
pub mod context;
pub mod device;
pub mod error;
pub mod id;
pub mod key;
pub mod metrics;
pub mod model;
pub mod ops;
pub mod principal;
pub mod server;
pub mod service;
pub mod sigv4;
pub mod store;
pub mod throttle;
