// SPDX-License-Identifier: Apache-2.0
//! A queue pair, used by one thread at a time.

use crate::device::Shared;
use crate::request::{AnyRequest, Done, Held};
use crate::ring::{CompletionRing, SubmissionRing, Words};
use crate::transport::DmaRegion;
use crate::{Error, Result};
use casemate_abi::{Completion, QueueError, QueueState, Status, Submission, reg};
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

/// Ring memory in a DMA region.
struct RegionWords {
    region: DmaRegion,
    first: usize,
}

impl Words for RegionWords {
    fn word(&self, i: usize) -> &AtomicU32 {
        let at = (self.first + i) * 4;
        assert!(at + 4 <= self.region.len(), "a word beyond the ring");
        // SAFETY: in bounds and aligned; ring memory is only ever accessed as atomic words, by both sides.
        unsafe { AtomicU32::from_ptr(self.region.ptr().as_ptr().add(at).cast()) }
    }
}

/// How to set a queue up.
#[derive(Debug, Clone)]
pub struct QueueConfig {
    /// Entries of both rings, a power of two, 2 to 4096.
    pub depth: usize,
    /// Whose keys it may use.
    pub domain: u8,
    /// Descriptors fetched a turn, 1 to 15.
    pub weight: u8,
    /// Interrupt after this many completions.
    pub irq_count: u16,
    /// or this many units of 16 cycles after the first; 0 for never.
    pub irq_time: u16,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            depth: 256,
            domain: 0,
            weight: 4,
            irq_count: 1,
            irq_time: 0,
        }
    }
}

/// What a queue has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounters {
    /// Requests handed to the device.
    pub submitted: u64,
    /// Completions taken.
    pub completed: u64,
    /// Of those, not OK.
    pub failed: u64,
    /// Doorbells rung.
    pub doorbells: u64,
    /// Polls that found nothing.
    pub empty_polls: u64,
    /// Resets.
    pub resets: u64,
}

/// What became of a batch. Nothing is lost: what the device did not get comes back.
#[derive(Debug, Default)]
#[must_use = "requests may be left over"]
pub struct Submitted {
    /// Requests the device has now.
    pub accepted: usize,
    /// Requests it does not have, in order: the ring was full, or the first of these is refused.
    pub rest: Vec<AnyRequest>,
    /// Why the first of `rest` cannot be laid out.
    pub refused: Option<Error>,
}

/// A queue pair. `Send`, but not `Sync`: each thread opens its own.
pub struct Queue {
    pub(crate) shared: Arc<Shared>,
    index: usize,
    config: QueueConfig,
    region: Option<DmaRegion>,
    sq: SubmissionRing<RegionWords>,
    cq: CompletionRing<RegionWords>,
    held: Vec<Option<Held>>,
    free: Vec<u32>,
    unseen: u16,
    epoch: u32,
    counters: QueueCounters,
    _not_sync: PhantomData<Cell<()>>,
}

impl Queue {
    pub(crate) fn open(shared: Arc<Shared>, index: usize, config: QueueConfig) -> Result<Self> {
        let depth = config.depth;
        if !depth.is_power_of_two() || !(2..=4096).contains(&depth) {
            return Err(Error::Invalid(format!(
                "a queue of {depth} entries: a power of two from 2 to 4096 is possible"
            )));
        }
        if !(1..=15).contains(&config.weight) {
            return Err(Error::Invalid(format!(
                "a queue weight of {}: 1 to 15 are possible",
                config.weight
            )));
        }
        let region = shared
            .transport
            .alloc(depth * (Submission::SIZE + Completion::SIZE))?;
        let mut q = Self {
            sq: SubmissionRing::new(
                RegionWords {
                    region: region.clone(),
                    first: 0,
                },
                0,
            ),
            cq: CompletionRing::new(
                RegionWords {
                    region: region.clone(),
                    first: 0,
                },
                0,
            ),
            held: Vec::new(),
            free: Vec::new(),
            unseen: 0,
            epoch: shared.epoch(),
            counters: QueueCounters::default(),
            region: Some(region),
            shared,
            index,
            config,
            _not_sync: PhantomData,
        };
        // Whoever had it before may have left it in any state.
        q.stop()?;
        q.enable()?;
        Ok(q)
    }

    /// Its number on the device.
    pub fn index(&self) -> u8 {
        self.index as u8
    }

    /// Its set-up.
    pub fn config(&self) -> &QueueConfig {
        &self.config
    }

    /// What it has done.
    pub fn counters(&self) -> QueueCounters {
        self.counters
    }

    /// IOVA pages (address / 4096) of its rings: for tests that take them away.
    pub fn ring_pages(&self) -> Vec<u64> {
        let region = self.region.as_ref().expect("there until drop");
        let first = region.iova() / 4096;
        (first..first + region.len() as u64 / 4096).collect()
    }

    /// Requests the device has and has not answered.
    pub fn in_flight(&self) -> usize {
        self.config.depth - self.free.len()
    }

    fn at(&self, register: u32) -> u32 {
        register + self.index as u32 * reg::QUEUE_SQ_TAIL_STRIDE
    }

    fn write(&self, register: u32, value: u32) -> Result<()> {
        self.shared.transport.write32(self.at(register), value)
    }

    fn state(&self) -> Result<(Option<QueueState>, QueueError)> {
        let v = self.shared.transport.read32(self.at(reg::QUEUE_STATE))?;
        Ok((
            QueueState::from_code(v as u8),
            QueueError::from_code((v >> 8) as u8).unwrap_or(QueueError::None),
        ))
    }

    /// Resets the device's end and waits until nothing is in flight there.
    fn stop(&self) -> Result<()> {
        self.write(reg::QUEUE_CTRL, 2)?;
        let start = Instant::now();
        while self.state()?.0 != Some(QueueState::Disabled) {
            if start.elapsed() > Duration::from_secs(60) {
                return Err(Error::Transport(format!(
                    "queue {} does not end its reset: reset the device",
                    self.index
                )));
            }
            self.shared.transport.progress()?;
        }
        Ok(())
    }

    fn enable(&mut self) -> Result<()> {
        let region = self.region.clone().expect("there until drop");
        let depth = self.config.depth;
        let log2 = depth.trailing_zeros();
        let cq_offset = depth * Submission::SIZE;
        let cq = RegionWords {
            region: region.clone(),
            first: cq_offset / 4,
        };
        for i in 0..depth * Completion::SIZE / 4 {
            cq.word(i).store(0, std::sync::atomic::Ordering::Relaxed);
        }
        self.sq = SubmissionRing::new(
            RegionWords {
                region: region.clone(),
                first: 0,
            },
            log2,
        );
        self.cq = CompletionRing::new(cq, log2);
        self.held = (0..depth).map(|_| None).collect();
        self.free = (0..depth as u32).rev().collect();
        self.unseen = 0;
        self.epoch = self.shared.epoch();
        let (sq_iova, cq_iova) = (region.iova(), region.iova() + cq_offset as u64);
        let bind = u32::from(self.config.weight) << 8 | u32::from(self.config.domain);
        let at = reg::QUEUE_BIND + 4 * self.index as u32;
        let bound = self.shared.transport.read32(at)?;
        if bound != bind {
            self.shared.transport.write32(at, bind).map_err(|e| match e {
                // Only a seal keeps a disabled queue from it.
                Error::Refused(_) => Error::Sealed {
                    queue: self.index(),
                    domain: bound as u8,
                },
                e => e,
            })?;
        }
        self.write(reg::QUEUE_DEPTH, log2 << 8 | log2)?;
        self.write(reg::QUEUE_SQ_BASE_LO, sq_iova as u32)?;
        self.write(reg::QUEUE_SQ_BASE_HI, (sq_iova >> 32) as u32)?;
        self.write(reg::QUEUE_CQ_BASE_LO, cq_iova as u32)?;
        self.write(reg::QUEUE_CQ_BASE_HI, (cq_iova >> 32) as u32)?;
        self.write(
            reg::QUEUE_IRQ_COALESCE,
            u32::from(self.config.irq_time) << 16 | u32::from(self.config.irq_count),
        )?;
        self.write(reg::QUEUE_CTRL, 1)?;
        match self.state()? {
            (Some(QueueState::Enabled), _) => Ok(()),
            (_, error) => Err(Error::QueueStopped {
                queue: self.index(),
                error,
            }),
        }
    }

    pub(crate) fn push(&mut self, mut s: Submission, held: Held) {
        let cookie = self.free.pop().expect("the caller saw room");
        s.set_cookie(cookie);
        self.held[cookie as usize] = Some(held);
        assert!(self.sq.push(&s), "a ring has room for every free cookie");
        self.counters.submitted += 1;
    }

    pub(crate) fn ring(&mut self) -> Result<()> {
        self.counters.doorbells += 1;
        self.write(reg::QUEUE_SQ_TAIL, self.sq.tail().into())
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty() && self.sq.room() > 0
    }

    /// Hands requests to the device, as many as there is room for, with one doorbell. It stops at a request that cannot be laid out.
    pub fn submit<R: Into<AnyRequest>>(
        &mut self,
        requests: impl IntoIterator<Item = R>,
    ) -> Result<Submitted> {
        self.check_epoch()?;
        let mut out = Submitted::default();
        let mut requests = requests.into_iter();
        while self.has_room() {
            let Some(r) = requests.next() else { break };
            match r.into().encode(&self.shared) {
                Ok((s, held)) => {
                    self.push(s, held);
                    out.accepted += 1;
                }
                Err((e, request)) => {
                    out.rest.push(*request);
                    out.refused = Some(e);
                    break;
                }
            }
        }
        if out.accepted > 0 {
            self.ring()?;
        }
        out.rest.extend(requests.map(Into::into));
        Ok(out)
    }

    /// Hands a descriptor over as it is, but for its cookie; its result carries `user`. For tests of the device: the caller
    /// answers for the memory it names. False if there is no room.
    pub fn submit_raw(&mut self, s: Submission, user: u64) -> Result<bool> {
        self.check_epoch()?;
        if !self.has_room() {
            return Ok(false);
        }
        self.push(
            s,
            Held {
                user,
                src: None,
                dst: None,
                tag: None,
                aad: None,
                _own: Default::default(),
            },
        );
        self.ring()?;
        Ok(true)
    }

    fn take(&mut self, out: &mut Vec<Done>) -> Result<usize> {
        let broken = |q: &Self, what: String| Error::Protocol {
            queue: q.index(),
            what,
        };
        self.shared.check_owner()?;
        let before = out.len();
        while let Some(c) = self.cq.pop() {
            let Some(held) = self.held.get_mut(c.cookie() as usize).and_then(Option::take) else {
                return Err(broken(
                    self,
                    format!("a completion for cookie {}, which is not in flight", c.cookie()),
                ));
            };
            self.free.push(c.cookie());
            if !self.sq.fetched(c.sq_head() as u16) {
                return Err(broken(
                    self,
                    format!("it claims to have fetched {} descriptors", c.sq_head()),
                ));
            }
            let Some(status) = Status::from_code(c.status() as u8) else {
                return Err(broken(self, format!("status {:#x}", c.status())));
            };
            self.counters.completed += 1;
            self.counters.failed += u64::from(status != Status::Ok);
            out.push(Done::new(held, status, &c));
        }
        let new = out.len() - before;
        self.unseen += new as u16;
        // The device needs to hear of it before its ring is full, not each time.
        if usize::from(self.unseen) * 4 >= self.config.depth || (self.unseen > 0 && self.in_flight() == 0) {
            self.unseen = 0;
            self.write(reg::QUEUE_CQ_HEAD, self.cq.head().into())?;
        }
        Ok(new)
    }

    /// Takes what is finished; does not wait.
    pub fn poll(&mut self, out: &mut Vec<Done>) -> Result<usize> {
        let n = self.take(out)?;
        if n > 0 {
            return Ok(n);
        }
        self.shared.transport.progress()?;
        let n = self.take(out)?;
        self.counters.empty_polls += u64::from(n == 0);
        Ok(n)
    }

    /// Waits for at least one completion. With nothing in flight it returns at once.
    pub fn wait(&mut self, out: &mut Vec<Done>, timeout: Duration) -> Result<usize> {
        let start = Instant::now();
        loop {
            let n = self.take(out)?;
            if n > 0 || self.in_flight() == 0 {
                return Ok(n);
            }
            self.check(start, timeout)?;
            let slice = timeout
                .saturating_sub(start.elapsed())
                .min(Duration::from_millis(100));
            self.shared.transport.wait(self.index as u16, slice)?;
        }
    }

    /// After a reset of the device nothing that is in flight will ever be answered.
    pub(crate) fn check_epoch(&self) -> Result<()> {
        self.shared.check_owner()?;
        if self.epoch == self.shared.epoch() {
            return Ok(());
        }
        Err(Error::DeviceReset { queue: self.index() })
    }

    fn check(&self, start: Instant, timeout: Duration) -> Result<()> {
        self.check_epoch()?;
        if let (Some(QueueState::Error), error) = self.state()? {
            return Err(Error::QueueStopped {
                queue: self.index(),
                error,
            });
        }
        if start.elapsed() >= timeout {
            return Err(Error::Timeout {
                queue: self.index(),
                waited: timeout,
                in_flight: self.in_flight(),
            });
        }
        Ok(())
    }

    /// As [`Self::wait`], as a future on tokio: the waiting is done by a blocking thread.
    #[cfg(feature = "tokio")]
    pub async fn wait_async(&mut self, out: &mut Vec<Done>, timeout: Duration) -> Result<usize> {
        let start = Instant::now();
        loop {
            let n = self.take(out)?;
            if n > 0 || self.in_flight() == 0 {
                return Ok(n);
            }
            self.check(start, timeout)?;
            let slice = timeout
                .saturating_sub(start.elapsed())
                .min(Duration::from_millis(20));
            let (shared, vector) = (self.shared.clone(), self.index as u16);
            tokio::task::spawn_blocking(move || shared.transport.wait(vector, slice))
                .await
                .map_err(|e| Error::Transport(e.to_string()))??;
        }
    }

    /// Submits one request and waits for its result, leaving other results in `others`.
    pub fn run(
        &mut self,
        request: impl Into<AnyRequest>,
        others: &mut Vec<Done>,
        timeout: Duration,
    ) -> Result<Done> {
        let user = self.counters.submitted | 1 << 63;
        let mine = request.into().user(user);
        let mut rest = vec![mine];
        loop {
            let got = self.submit(rest)?;
            if let Some(e) = got.refused {
                return Err(e);
            }
            if got.rest.is_empty() {
                break;
            }
            rest = got.rest;
            self.wait(others, timeout)?;
        }
        self.finish(user, others, timeout)
    }

    /// Waits for the result that carries `user`, leaving other results in `others`.
    pub(crate) fn finish(&mut self, user: u64, others: &mut Vec<Done>, timeout: Duration) -> Result<Done> {
        loop {
            if let Some(i) = others.iter().position(|d| d.user == user) {
                return Ok(others.swap_remove(i));
            }
            self.wait(others, timeout)?;
        }
    }

    /// Ends everything in flight and starts afresh. Every request comes back: finished ones with their result, the others as
    /// aborted.
    pub fn reset(&mut self, out: &mut Vec<Done>) -> Result<()> {
        self.shared.check_owner()?;
        self.stop()?;
        self.take_all(out)?;
        self.counters.resets += 1;
        self.enable()
    }

    fn take_all(&mut self, out: &mut Vec<Done>) -> Result<()> {
        while let Some(c) = self.cq.pop() {
            if let (Some(held), Some(status)) = (
                self.held.get_mut(c.cookie() as usize).and_then(Option::take),
                Status::from_code(c.status() as u8),
            ) {
                out.push(Done::new(held, status, &c));
            }
        }
        // What the device had not fetched, or could not answer.
        for held in self.held.iter_mut().filter_map(Option::take) {
            out.push(Done::new(held, Status::Aborted, &Completion::default()));
        }
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let stopped = self.shared.check_owner().and_then(|()| self.stop()).is_ok();
        if !stopped {
            // The device may still write to these: keep them for ever rather than hand them out again.
            std::mem::forget(std::mem::take(&mut self.held));
            std::mem::forget(self.region.take());
            return;
        }
        self.held.clear();
        if let Some(region) = self.region.take() {
            self.shared.transport.free(region);
        }
        self.shared.release_queue(self.index);
    }
}
