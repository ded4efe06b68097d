// SPDX-License-Identifier: Apache-2.0
//! Driver of the Casemate crypto device.
//!
//! ```no_run
//! let mut session = casemate::Device::open("sim:")?.session()?;
//! let key = session.import(&[7; 32])?;
//! let sealed = session.seal(key, b"unique nonce", b"header", b"message")?;
//! # Ok::<(), casemate::Error>(())
//! ```
//!
//! [`Queue`] is the full interface: batches, any buffers, completions by poll, wait or (feature `tokio`) future.
//! A device is named by a URI: `sim:` is the RTL under Verilator in this process, `soft:` a functional model of it.

/// Atomics of ring memory: a test puts those of a model checker in their place.
mod atomic {
    pub use std::sync::atomic::{AtomicU32, Ordering};
}
mod device;
mod dma;
mod error;
mod queue;
mod request;
pub mod ring;
mod root;
mod session;
#[cfg(feature = "soft")]
pub mod soft;
pub mod transport;

pub use casemate_abi as abi;
pub use device::{Capabilities, Counters, Device, KeyUse, QueueStatus};
pub use dma::DmaBuf;
pub use error::{Error, Result};
pub use queue::{Queue, QueueConfig, QueueCounters, Submitted};
pub use request::{Data, Done, KeyHandle, Request};
pub use root::RootSecret;
pub use session::Session;
pub use transport::{KINDS, Kind, Probe, probe};
