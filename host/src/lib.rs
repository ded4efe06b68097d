// SPDX-License-Identifier: Apache-2.0
//! What the command line and the services on top of the device share.

pub mod csr;
pub mod digest;
pub mod engine;
pub mod stream;
pub mod token;
pub mod vault;
