// SPDX-License-Identifier: Apache-2.0
//! Home of the testbenches that lie beside the hardware blocks (see `Cargo.toml`).
