// SPDX-License-Identifier: Apache-2.0
//! Audit of the key service: what was asked, by whom and how it ended, in an append-only chain that anybody can verify.
//!
//! An [`Event`] becomes a record in CloudTrail's shape; [`Log`] appends it to a hash chain in files and signs the chain's head now and
//! then with a key that lives in a slot ([`DeviceSigner`]); [`verify`] needs only the files and the public key.
//!
//! ```no_run
//! # fn audit(signer: Box<dyn casemate_audit::Signer>) -> Result<(), casemate_audit::Error> {
//! use casemate_audit::{Event, Log, Options};
//! let log = Log::open(Options::new("audit", "server-1"), signer)?;
//! let mut event = Event::new("ListKeys", "request-id");
//! event.source_ip = "192.0.2.7".into();
//! // Many callers at once share one write to the disk. Only after this is the caller's answer sent.
//! let receipt = log.append(&event).wait()?;
//! log.close()?;
//! # Ok(())
//! # }
//! ```

mod event;
mod fields;
mod line;
mod log;
mod report;
pub mod search;
mod segments;
mod signer;
mod tail;
mod time;
pub mod verify;

pub use event::{Details, Event, Failure, Identity, Origin, Resource};
pub use fields::{Operation, Parameters};
pub use line::{Head, Reason};
pub use log::{Error, Log, Options, Pending, Receipt, Status};
pub use report::{Finding, Kind, Report, SignedHead};
pub use signer::{DeviceSigner, SignError, Signer, verifying_key};
