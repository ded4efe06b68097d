// SPDX-License-Identifier: Apache-2.0
//! A device: its capabilities, counters, queues and keys.

use crate::dma::{DmaBuf, Pool};
use crate::fork::Owner;
use crate::key::{KeyAttributes, Usage};
use crate::officer::Officer;
use crate::queue::{Queue, QueueConfig};
use crate::request::{Done, KeyHandle};
use crate::session::Session;
use crate::slots::Slots;
use crate::transport::{self, Transport};
use crate::{Error, Result};
use casemate_abi::{
    ABI_HASH, KeyType, Opcode, QueueError, QueueState, Status, Submission, control, reg, status,
};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use zeroize::Zeroize;

/// How long an officer's operation may take.
pub(crate) const OFFICER: Duration = Duration::from_secs(60);

/// How long self-tests, or zeroizing, may take: some thousands of cycles.
const SOON: Duration = Duration::from_secs(10);

/// What the device is made of, read from its registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Interface version: major, minor, patch.
    pub version: (u8, u8, u8),
    /// Queues, the officer's included.
    pub queues: usize,
    /// AES-GCM lanes.
    pub lanes: usize,
    /// Key slots.
    pub slots: usize,
    /// Bytes a beat of the memory interface.
    pub axi_bytes: usize,
    /// Data reads in flight a lane.
    pub read_tags: usize,
    /// Longest burst, bytes.
    pub burst_bytes: usize,
    /// Deepest ring, entries.
    pub depth_max: usize,
    /// Longest IV, bytes.
    pub iv_max: usize,
    /// Longest AAD in a descriptor, bytes.
    pub aad_inline_max: usize,
    /// S-box architecture: table, tower, bram.
    pub sbox: &'static str,
    /// Elliptic-curve engines.
    pub ec_engines: usize,
}

/// The device's counters since reset or [`Device::clear_counters`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counters {
    /// Clock cycles.
    pub cycles: u64,
    /// Descriptors fetched.
    pub requests_in: u64,
    /// Completions posted.
    pub requests_out: u64,
    /// Of those, not OK.
    pub requests_failed: u64,
    /// Bytes read by lanes.
    pub bytes_in: u64,
    /// Bytes written by lanes.
    pub bytes_out: u64,
    /// By lane: cycles busy, waiting for input, waiting for output.
    pub lanes: Vec<(u64, u64, u64)>,
}

/// A queue, as the device's registers tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatus {
    /// Whether it serves.
    pub state: QueueState,
    /// Why it stopped.
    pub error: QueueError,
    /// Requests fetched and not completed.
    pub in_flight: u16,
    /// Entries of its submission ring; 0 if it was never set up.
    pub depth: usize,
    /// Whose keys it may use.
    pub domain: u8,
    /// Descriptors fetched a turn.
    pub weight: u8,
    /// Completions posted since the counters were cleared.
    pub requests: u32,
    /// Of those, not OK.
    pub failed: u32,
}

/// The device as a whole, as its STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceStatus {
    /// It serves: its self-tests passed and it is not zeroized.
    pub ready: bool,
    /// Its tamper input was seen.
    pub tamper: bool,
    /// Some queue stopped.
    pub queue_error: bool,
    /// A request is in flight.
    pub busy: bool,
    /// No plaintext key enters it any more.
    pub sealed: bool,
    /// Nothing is left of any key.
    pub zeroized: bool,
    /// Its power-up self-tests are over.
    pub self_tests_done: bool,
    /// One of them failed.
    pub self_tests_failed: bool,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    /// Sealing.
    pub encrypt: bool,
    /// Opening.
    pub decrypt: bool,
}

impl KeyUse {
    /// Both.
    pub const BOTH: Self = Self {
        encrypt: true,
        decrypt: true,
    };

    /// Those of this AES key.
    fn attributes(self, key: &[u8]) -> Result<KeyAttributes> {
        let mut usage = Usage::NONE;
        if self.encrypt {
            usage = usage | Usage::ENCRYPT;
        }
        if self.decrypt {
            usage = usage | Usage::DECRYPT;
        }
        Ok(KeyAttributes::new(key_type(key)?, usage))
    }
}

pub(crate) struct Shared {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) pool: Arc<Pool>,
    owner: Arc<Owner>,
    caps: Capabilities,
    queues: Mutex<Vec<bool>>,
    pub(crate) slots: Slots,
    /// Somebody has the officer's role.
    officer: AtomicBool,
    /// Resets of the device so far.
    epoch: AtomicU32,
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, Vec<bool>> {
        self.queues.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// An error in a child of the process that opened the device.
    pub(crate) fn check_owner(&self) -> Result<()> {
        self.owner.check()
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::Acquire)
    }

    /// An error if there is no engine for elliptic curves.
    pub(crate) fn needs_ec(&self) -> Result<()> {
        if self.caps.ec_engines == 0 {
            return Err(Error::NoEcEngine);
        }
        Ok(())
    }

    pub(crate) fn release_queue(&self, index: usize) {
        self.queues()[index] = false;
    }
}

/// An open device. Clones are the same device.
#[derive(Clone)]
pub struct Device {
    shared: Arc<Shared>,
    officer: Arc<Mutex<Queue>>,
}

impl Device {
    /// Opens `sim:`, `soft:`, or either with settings as in `sim:?latency=250&seed=1`.
    pub fn open(uri: &str) -> Result<Self> {
        Self::over(transport::open(uri)?)
    }

    /// Over any transport.
    ///
    /// One that failed its self-tests, or was zeroized, opens too: it can be looked at and reset.
    pub fn over(transport: Arc<dyn Transport>) -> Result<Self> {
        let caps = capabilities(&*transport)?;
        until(&*transport, |s| s.self_tests_done || s.zeroized)?;
        let owner = Arc::new(Owner::new()?);
        let shared = Arc::new(Shared {
            pool: Pool::new(transport.clone(), owner.clone()),
            owner,
            transport,
            queues: Mutex::new(vec![false; caps.queues]),
            slots: Slots::new(caps.slots),
            officer: AtomicBool::new(false),
            epoch: AtomicU32::new(0),
            caps,
        });
        shared.queues()[0] = true;
        let config = QueueConfig {
            depth: 16,
            ..QueueConfig::default()
        };
        let officer = Arc::new(Mutex::new(Queue::open(shared.clone(), 0, config)?));
        Ok(Self { shared, officer })
    }

    /// What it is made of.
    pub fn capabilities(&self) -> Capabilities {
        self.shared.caps
    }

    /// The way to it.
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.shared.transport
    }

    /// A zeroed DMA buffer of `len` bytes that can grow to `capacity`.
    pub fn buffer(&self, len: usize, capacity: usize) -> Result<DmaBuf> {
        self.shared.pool.take(len, capacity)
    }

    /// Opens a queue pair.
    pub fn queue(&self, config: QueueConfig) -> Result<Queue> {
        self.shared.check_owner()?;
        let index = {
            let mut q = self.shared.queues();
            let count = q.len();
            let i = q.iter().position(|used| !used).ok_or(Error::NoQueue(count))?;
            q[i] = true;
            i
        };
        Queue::open(self.shared.clone(), index, config).inspect_err(|_| self.shared.release_queue(index))
    }

    /// Resets the device: all keys are gone, and every queue but the officer's answers [`Error::DeviceReset`] until
    /// [`Queue::reset`], which gives its requests back.
    pub fn reset(&self) -> Result<()> {
        self.shared.check_owner()?;
        let mut q = self.officer_queue();
        self.shared.transport.reset()?;
        until(&*self.shared.transport, |s| s.self_tests_done || s.zeroized)?;
        self.shared.epoch.fetch_add(1, Ordering::AcqRel);
        self.shared.slots.clear();
        q.reset(&mut Vec::new())
    }

    /// The officer's role; an error while somebody has it.
    pub fn officer(&self) -> Result<Officer> {
        if self.shared.officer.swap(true, Ordering::AcqRel) {
            return Err(Error::OfficerTaken);
        }
        Ok(Officer::new(self.clone()))
    }

    pub(crate) fn officer_back(&self) {
        self.shared.officer.store(false, Ordering::Release);
    }

    pub(crate) fn officer_queue(&self) -> MutexGuard<'_, Queue> {
        self.officer.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// A queue of domain 0 with keys of its own: the short way to seal and open.
    pub fn session(&self) -> Result<Session> {
        Session::new(self.clone())
    }

    /// Hands the officer's queue a descriptor as it is and waits for its result: for tests of the device.
    pub fn officer_raw(&self, s: Submission) -> Result<Done> {
        self.officer_queue().command(s.into(), OFFICER)
    }

    /// Loads an AES key of 16, 24 or 32 bytes into a free slot. Its bytes go to the device's write-only window; the caller wipes
    /// its own copy.
    pub fn load_key(&self, key: &[u8], domain: u8, may: KeyUse) -> Result<KeyHandle> {
        self.load(key, &may.attributes(key)?, domain)
    }

    /// As [`Self::load_key`] into a slot of the caller's choice, whatever it held.
    pub fn load_slot(&self, slot: u16, key: &[u8], domain: u8, may: KeyUse) -> Result<KeyHandle> {
        self.load_into(slot, key, &may.attributes(key)?, domain)
    }

    pub(crate) fn load(&self, key: &[u8], attributes: &KeyAttributes, domain: u8) -> Result<KeyHandle> {
        loop {
            let slot = self.shared.slots.take()?;
            match self.load_into(slot, key, attributes, domain) {
                // Used up: out of the way until a reset.
                Err(Error::Request {
                    status: Status::SlotRetired,
                    ..
                }) => {}
                Err(e) => {
                    self.shared.slots.set(slot, false);
                    return Err(e);
                }
                done => return done,
            }
        }
    }

    fn load_into(&self, slot: u16, key: &[u8], attributes: &KeyAttributes, domain: u8) -> Result<KeyHandle> {
        if key.len() != attributes.key_len() {
            return Err(Error::Invalid(format!(
                "a key of {} bytes where its attributes say {}",
                key.len(),
                attributes.key_len()
            )));
        }
        let mut s = Submission::default();
        s.set_opcode(Opcode::KeyLoad as u32).set_slot(slot.into());
        attributes.put(&mut s);
        s.set_aad0(s.aad0() | u32::from(domain) << 8);
        // The window is one: nobody else may load between our first word and the device's answer.
        let mut q = self.officer_queue();
        for (i, b) in key.chunks(4).enumerate() {
            let mut part = [0; 4];
            part[..b.len()].copy_from_slice(b);
            let mut w = u32::from_le_bytes(part);
            let written = self.shared.transport.write32(reg::KEY_WINDOW + 4 * i as u32, w);
            part.zeroize();
            w.zeroize();
            written?;
        }
        let done = q.command(s.into(), OFFICER)?.ok()?;
        self.shared.slots.set(slot, true);
        Ok(KeyHandle::new(slot, done.generation(), self.shared.epoch()))
    }

    /// Destroys a key; its handle is stale from then on.
    pub fn destroy_key(&self, key: KeyHandle) -> Result<()> {
        self.officer_queue().destroy(key, OFFICER)
    }

    fn counter(&self, low: u32) -> Result<u64> {
        let t = &self.shared.transport;
        let lo = t.read32(low)?;
        Ok(u64::from(t.read32(low + 4)?) << 32 | u64::from(lo))
    }

    /// The device's counters.
    pub fn counters(&self) -> Result<Counters> {
        let lanes = (0..self.shared.caps.lanes as u32)
            .map(|l| {
                let at = |r: u32| self.counter(r + l * reg::LANE_BUSY_LO_STRIDE);
                Ok((
                    at(reg::LANE_BUSY_LO)?,
                    at(reg::LANE_STALL_IN_LO)?,
                    at(reg::LANE_STALL_OUT_LO)?,
                ))
            })
            .collect::<Result<_>>()?;
        Ok(Counters {
            cycles: self.counter(reg::CYCLES_LO)?,
            requests_in: self.counter(reg::REQS_IN_LO)?,
            requests_out: self.counter(reg::REQS_OUT_LO)?,
            requests_failed: self.counter(reg::REQS_ERR_LO)?,
            bytes_in: self.counter(reg::BYTES_IN_LO)?,
            bytes_out: self.counter(reg::BYTES_OUT_LO)?,
            lanes,
        })
    }

    /// Cycles and completions so far, and nothing else: few register reads, at a fixed distance, for measuring under load.
    pub fn pace(&self) -> Result<(u64, u64)> {
        Ok((self.counter(reg::CYCLES_LO)?, self.counter(reg::REQS_OUT_LO)?))
    }

    /// Every queue of the device, the officer's first.
    pub fn queues(&self) -> Result<Vec<QueueStatus>> {
        (0..self.shared.caps.queues as u32)
            .map(|i| {
                let t = &self.shared.transport;
                let page = |r: u32| t.read32(r + i * reg::QUEUE_SQ_TAIL_STRIDE);
                let (state, depth) = (page(reg::QUEUE_STATE)?, page(reg::QUEUE_DEPTH)?);
                let bind = t.read32(reg::QUEUE_BIND + i * reg::QUEUE_BIND_STRIDE)?;
                let state_code = state as u8;
                Ok(QueueStatus {
                    state: QueueState::from_code(state_code).ok_or_else(|| {
                        Error::Incompatible(format!("queue {i} is in unknown state {state_code}"))
                    })?,
                    error: QueueError::from_code((state >> 8) as u8).unwrap_or(QueueError::None),
                    in_flight: (state >> 16) as u16,
                    depth: if depth & 15 == 0 { 0 } else { 1 << (depth & 15) },
                    domain: bind as u8,
                    weight: (bind >> 8 & 15) as u8,
                    requests: page(reg::QUEUE_REQS)?,
                    failed: page(reg::QUEUE_ERRORS)?,
                })
            })
            .collect()
    }

    /// Seals the device until it is reset: no plaintext key enters it and no queue changes its domain any more. Queues that are
    /// open go on; keys can still be used and destroyed.
    pub fn seal(&self) -> Result<()> {
        self.shared.transport.write32(reg::CONTROL, control::SEAL)
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> Result<bool> {
        Ok(self.status()?.sealed)
    }

    /// Destroys every key and all data in the device, whatever is in flight: requests come back with [`Status::Zeroized`], and the
    /// device serves nothing until [`Self::reset`]. Returns when nothing is left.
    pub fn zeroize(&self) -> Result<()> {
        let t = &*self.shared.transport;
        t.write32(reg::CONTROL, control::ZEROIZE)?;
        until(t, |s| s.zeroized)
    }

    /// Whether it was zeroized, for whatever reason, and nothing is left of any key.
    pub fn is_zeroized(&self) -> Result<bool> {
        Ok(self.status()?.zeroized)
    }

    /// The device as a whole.
    pub fn status(&self) -> Result<DeviceStatus> {
        status_of(&*self.shared.transport)
    }

    /// Zeroes them.
    pub fn clear_counters(&self) -> Result<()> {
        self.shared
            .transport
            .write32(reg::CONTROL, control::CLEAR_COUNTERS)
    }

    /// Whether a status means that the device, not the request, is at fault.
    pub fn is_dma_error(status: Status) -> bool {
        matches!(
            status,
            Status::DmaIv
                | Status::DmaAad
                | Status::DmaSrcSgl
                | Status::DmaSrc
                | Status::DmaTag
                | Status::DmaDstSgl
                | Status::DmaDst
        )
    }
}

fn status_of(t: &dyn Transport) -> Result<DeviceStatus> {
    let word = t.read32(reg::STATUS)?;
    let bit = |bit: u32| word & bit != 0;
    Ok(DeviceStatus {
        ready: bit(status::READY),
        tamper: bit(status::TAMPER),
        queue_error: bit(status::QUEUE_ERROR),
        busy: bit(status::BUSY),
        sealed: bit(status::SEALED),
        zeroized: bit(status::ZEROIZED),
        self_tests_done: bit(status::SELFTEST_DONE),
        self_tests_failed: bit(status::SELFTEST_FAILED),
    })
}

/// Waits for the status to be so.
fn until(t: &dyn Transport, so: impl Fn(DeviceStatus) -> bool) -> Result<()> {
    let start = Instant::now();
    while !so(status_of(t)?) {
        if start.elapsed() > SOON {
            return Err(Error::NotReady(SOON));
        }
        t.progress()?;
    }
    Ok(())
}

fn key_type(key: &[u8]) -> Result<KeyType> {
    match key.len() {
        16 => Ok(KeyType::Aes128),
        24 => Ok(KeyType::Aes192),
        32 => Ok(KeyType::Aes256),
        n => Err(Error::Invalid(format!(
            "a key of {n} bytes: AES has 16, 24 or 32"
        ))),
    }
}

fn capabilities(t: &dyn Transport) -> Result<Capabilities> {
    let id = t.read32(reg::ID)?;
    if id != 0x544d_5343 {
        return Err(Error::Incompatible(format!(
            "its ID register reads {id:#010x}, not \"CSMT\""
        )));
    }
    let version = t.read32(reg::VERSION)?;
    let hash = t.read32(reg::ABI_HASH)?;
    if hash != ABI_HASH {
        return Err(Error::Incompatible(format!(
            "its interface is {hash:#010x} (version {}.{}.{}), this driver's is {ABI_HASH:#010x}: use the driver of the device's release",
            version >> 16 & 0xff,
            version >> 8 & 0xff,
            version & 0xff
        )));
    }
    let (c0, c1, c2) = (t.read32(reg::CAP0)?, t.read32(reg::CAP1)?, t.read32(reg::CAP2)?);
    Ok(Capabilities {
        version: ((version >> 16) as u8, (version >> 8) as u8, version as u8),
        queues: (c0 & 0xff) as usize,
        lanes: (c0 >> 8 & 0xff) as usize,
        slots: (c0 >> 16) as usize,
        axi_bytes: (c1 & 0xff) as usize,
        read_tags: (c1 >> 8 & 0xff) as usize,
        burst_bytes: (c1 >> 16) as usize,
        depth_max: 1 << (c2 & 0xff),
        iv_max: (c2 >> 8 & 0x3ff) as usize,
        aad_inline_max: (c2 >> 18 & 0x1f) as usize,
        sbox: ["table", "tower", "bram", "unknown"][(c2 >> 24 & 3) as usize],
        ec_engines: (c2 >> 26 & 0xf) as usize,
    })
}
