// SPDX-License-Identifier: Apache-2.0
//! The vfio-user protocol, version 0.0: a PCI function served by one process to another over a UNIX socket, with memory and
//! event fds passed along. Both sides, against the specification that QEMU publishes (docs/interop/vfio-user.rst).
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | layouts and numbers of messages |
//! | [`version`] | what the two sides agree on |
//! | [`stream`] | messages and fds over a socket, with limits and time-outs |
//! | [`server`] | requests taken apart and answered, over a [`server::Function`] |
//! | [`remote`] | a server's reads and writes of its client's memory by message |
//! | [`client`] | the client |
//! | [`memory`] | memory shared by fd |

pub mod client;
pub mod memory;
pub mod remote;
pub mod server;
pub mod stream;
pub mod version;
pub mod wire;

pub use rustix::io::Errno;
