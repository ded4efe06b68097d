// SPDX-License-Identifier: Apache-2.0
//! Errors, each naming its cause.

use casemate_abi::{QueueError, Status};

/// What can go wrong between a program and the device.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The device's address.
    #[error(
        "device `{uri}`: {what}; a device is sim:, soft:, or either with settings, as in sim:?latency=250&seed=1, or a PCI function, as in vfio:0000:01:00.0, or one that another process serves, as in vfio-user:/run/casemate.sock"
    )]
    Uri {
        /// As given.
        uri: String,
        /// What is wrong with it.
        what: String,
    },
    /// Not this device, or another version of it.
    #[error("this is no device for this driver: {0}")]
    Incompatible(String),
    /// The way to the device failed.
    #[error("device access failed: {0}")]
    Transport(String),
    /// Its registers do not answer.
    #[error(
        "the device is gone ({0}): it was unplugged or unbound, or what serves it ended. Every key in it is lost; open it anew when it is back"
    )]
    Gone(String),
    /// A child after fork().
    #[error(
        "this process is a child, made by fork(), of the one that opened the device, and has neither its memory nor its queues: open the device in the child, once the parent has closed it"
    )]
    Forked,
    /// A register access was refused by the device.
    #[error("register {0:#07x}: the device refused the access")]
    Refused(u32),
    /// No queue is left.
    #[error("all {0} queues of the device are in use")]
    NoQueue(usize),
    /// One officer at a time.
    #[error("somebody has the officer's role of this device already: drop that Officer first")]
    OfficerTaken,
    /// No slot is left.
    #[error("all {0} key slots of the device are in use: destroy a key first")]
    NoSlot(usize),
    /// No slot of a cache can be freed.
    #[error("all {0} slots of the key cache are in use at this moment: drop a key, or give it more slots")]
    AllPinned(usize),
    /// An argument.
    #[error("{0}")]
    Invalid(String),
    /// DMA memory.
    #[error("no DMA memory for {0} bytes")]
    NoMemory(usize),
    /// A request ended in an error.
    #[error("{status:?} ({}){}", .status.describe(), .page.map(|p| format!(" at IOVA page {p:#x}")).unwrap_or_default())]
    Request {
        /// The device's code.
        status: Status,
        /// Where a DMA error was.
        page: Option<u64>,
    },
    /// The tag did not match.
    #[error("the message does not authenticate: it, its AAD, IV or tag was altered, or the key is another")]
    NotAuthentic,
    /// Not a signature of this digest by this public key.
    #[error(
        "the signature does not verify: it, the signed data or the public key was altered, or the key is another"
    )]
    BadSignature,
    /// Not a point of its curve.
    #[error("the public key is not a point of its curve: it was altered, or belongs to another curve")]
    BadPublicKey,
    /// A private key that came from outside and is none.
    #[error(
        "the private key is not from 1 to n - 1: it came from outside so, and gives no result; destroy it"
    )]
    BadPrivateKey,
    /// A check of the engine's own work failed.
    #[error(
        "a check of the elliptic-curve engine's own work failed and nothing was released: try again; if it stays so, the device is faulty or under attack"
    )]
    EcFault,
    /// Nothing for elliptic curves.
    #[error("the device has no elliptic-curve engine (`casemate info` tells)")]
    NoEcEngine,
    /// By command, by its tamper input, or because a self-test failed.
    #[error("the device was zeroized: every key is gone, and it serves nothing until it is reset")]
    Zeroized,
    /// Its self-tests do not end.
    #[error("the device's power-up self-tests are not over within {0:?}")]
    NotReady(std::time::Duration),
    /// The queue stopped.
    #[error("queue {queue} stopped with {error:?} ({}): reset it", .error.describe())]
    QueueStopped {
        /// Which.
        queue: u8,
        /// Why.
        error: QueueError,
    },
    /// A sealed device keeps its queues as they are.
    #[error(
        "the device is sealed: queue {queue} stays bound to domain {domain} with its weight until the device is reset"
    )]
    Sealed {
        /// Which.
        queue: u8,
        /// Whose it is.
        domain: u8,
    },
    /// The device was reset under it.
    #[error(
        "queue {queue}: the device was reset; reset the queue to get its requests back, and load keys anew"
    )]
    DeviceReset {
        /// Which.
        queue: u8,
    },
    /// A handle from before a reset of the device.
    #[error("the key in slot {0} is gone: the device was reset since it was loaded")]
    StaleKey(u16),
    /// Nothing came in time.
    #[error(
        "queue {queue}: no completion within {waited:?}, {in_flight} requests in flight; reset the queue to get them back"
    )]
    Timeout {
        /// Which.
        queue: u8,
        /// How long.
        waited: std::time::Duration,
        /// Requests not completed.
        in_flight: usize,
    },
    /// The device wrote what it must not.
    #[error("queue {queue}: the device broke the ring protocol: {what}")]
    Protocol {
        /// Which.
        queue: u8,
        /// How.
        what: String,
    },
}

/// Results of this crate.
pub type Result<T> = std::result::Result<T, Error>;
