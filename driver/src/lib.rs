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
//! Keys that no software ever sees are the business of two roles: the [`Officer`], who has the device, and [`Keys`], a domain's user.
//!
//! ```no_run
//! use casemate::{Device, KeyAttributes, Usage};
//! let officer = Device::open("soft:")?.officer()?;
//! let root = officer.root_key(1, 1, Usage::WRAP | Usage::UNWRAP)?;
//! let mut keys = officer.keys(1)?;
//! let key = keys.generate(&KeyAttributes::aes256(Usage::ENCRYPT | Usage::DECRYPT | Usage::EXPORT_WRAPPED))?;
//! let blob = keys.wrap(key, root)?; // to store; another device of the same root secret unwraps it too
//! let key = keys.unwrap(&blob, root, Usage::DECRYPT)?;
//! # Ok::<(), casemate::Error>(())
//! ```
//!
//! A device is named by a URI: `sim:` is the RTL under Verilator in this process, `soft:` a functional model of it.

/// Atomics of ring memory: a test puts those of a model checker in their place.
mod atomic {
    pub use std::sync::atomic::{AtomicU32, Ordering};
}
mod cache;
mod command;
mod device;
mod dma;
mod ec;
mod error;
mod fork;
mod key;
mod officer;
mod queue;
mod request;
pub mod ring;
mod root;
mod session;
mod slots;
#[cfg(feature = "soft")]
pub mod soft;
pub mod transport;
mod user;

pub use cache::{CacheCounters, KeyCache, Pinned, TokenId};
pub use casemate_abi as abi;
pub use casemate_abi::{Hash, IvPolicy, KeyType, Origin, Status};
pub use device::{Capabilities, Counters, Device, DeviceStatus, KeyUse, QueueStatus};
pub use dma::DmaBuf;
pub use ec::{Curve, EcOptions, EcRequest, PublicKey, Signature};
pub use error::{Error, Result};
pub use key::{Blob, KeyAttributes, KeyInfo, Usage};
pub use officer::Officer;
pub use queue::{Queue, QueueConfig, QueueCounters, Submitted};
pub use request::{AnyRequest, Data, Done, KeyHandle, Request};
pub use root::RootSecret;
pub use session::Session;
pub use transport::finding::{Finding, State};
pub use transport::{KINDS, Kind, Probe, examine, probe};
pub use user::Keys;
