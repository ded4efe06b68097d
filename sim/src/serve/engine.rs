// SPDX-License-Identifier: Apache-2.0
//! The RTL on a thread of its own. It runs while it has work and sleeps when it has none, so its time stands still when nothing
//! goes on; a register access waits for a few cycles and never for the end of anything.

use super::Log;
use super::irqs::Irqs;
use crate::device::{Device, Error};
use casemate_abi::{reg, status};
use casemate_vfio_user::Errno;
use casemate_vfio_user::wire::{IRQ_ERR, IRQ_MSIX};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

/// Cycles between two looks for register accesses: a tenth of a millisecond.
const SLICE: u64 = 32;
/// Cycles without any sign of life before it is asked whether it has work.
const QUIET: u64 = 4096;
/// A device that is neither ready nor zeroized after so many quiet cycles will not become so by itself.
const STUCK: u64 = 20_000_000;
/// Register accesses that may wait.
const JOBS: usize = 1024;

enum Job {
    Read(u32, SyncSender<Result<u32, Errno>>),
    Write(u32, u32, Option<SyncSender<Result<(), Errno>>>),
    Reset(SyncSender<Result<(), Errno>>),
}

/// The thread, from outside.
pub struct Engine {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts it.
    pub fn start(device: Device, irqs: Arc<Irqs>, log: Log) -> std::io::Result<Self> {
        let (jobs, inbox) = sync_channel(JOBS);
        let runner = Runner {
            seen: device.irqs().to_vec(),
            coalesce: vec![0; device.irqs().len()],
            device,
            irqs,
            log,
            failed: false,
            quiet: 0,
            unready: 0,
        };
        let thread = std::thread::Builder::new()
            .name("rtl".into())
            .spawn(move || runner.run(&inbox))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    fn ask<T>(&self, job: impl FnOnce(SyncSender<Result<T, Errno>>) -> Job) -> Result<T, Errno> {
        let (to, answer) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or(Errno::IO)?;
        jobs.send(job(to)).map_err(|_| Errno::IO)?;
        answer.recv().map_err(|_| Errno::IO)?
    }

    /// Reads a register.
    pub fn read(&self, offset: u32) -> Result<u32, Errno> {
        self.ask(|to| Job::Read(offset, to))
    }

    /// Writes a register.
    pub fn write(&self, offset: u32, value: u32) -> Result<(), Errno> {
        self.ask(|to| Job::Write(offset, value, Some(to)))
    }

    /// Writes a register, in order with all else, and does not wait for it.
    pub fn post(&self, offset: u32, value: u32) -> Result<(), Errno> {
        let jobs = self.jobs.as_ref().ok_or(Errno::IO)?;
        jobs.send(Job::Write(offset, value, None)).map_err(|_| Errno::IO)
    }

    /// Resets the device.
    pub fn reset(&self) -> Result<(), Errno> {
        self.ask(Job::Reset)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(t) = self.thread.take() {
            let _ = t.join();
        }
    }
}

struct Runner {
    device: Device,
    irqs: Arc<Irqs>,
    log: Log,
    /// Interrupts so far, by vector.
    seen: Vec<u64>,
    /// Cycles for which each queue may hold an interrupt back.
    coalesce: Vec<u64>,
    /// The simulation ended in an error: nothing works until a reset.
    failed: bool,
    /// Cycles without a sign of life.
    quiet: u64,
    /// Quiet cycles in which it was neither ready nor zeroized.
    unready: u64,
}

impl Runner {
    fn run(mut self, inbox: &Receiver<Job>) {
        let mut awake = true;
        loop {
            let job = if awake {
                match inbox.try_recv() {
                    Ok(job) => Some(job),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return,
                }
            } else {
                match inbox.recv() {
                    Ok(job) => Some(job),
                    Err(_) => return,
                }
            };
            match job {
                Some(job) => {
                    self.carry_out(job);
                    (awake, self.quiet, self.unready) = (!self.failed, 0, 0);
                }
                None => {
                    let ran = self.device.run(SLICE).and_then(|irq| self.rest(irq));
                    awake = self.checked(ran).is_ok_and(|asleep| !asleep);
                }
            }
            self.raise();
        }
    }

    fn carry_out(&mut self, job: Job) {
        // Whoever asked may be gone: nobody to tell.
        match job {
            Job::Read(offset, to) => {
                let read = self.working().and_then(|()| {
                    let r = self.device.read32(offset);
                    self.checked(r)
                });
                let _ = to.send(read);
            }
            Job::Write(offset, value, to) => {
                let written = self.working().and_then(|()| {
                    self.note(offset, value);
                    let r = self.device.write32(offset, value);
                    self.checked(r)
                });
                if let Some(to) = to {
                    let _ = to.send(written);
                }
            }
            Job::Reset(to) => {
                self.failed = false;
                self.coalesce.fill(0);
                let r = self.device.reset();
                let r = self.checked(r);
                self.seen.fill(0);
                self.irqs.reset();
                let _ = to.send(r);
            }
        }
    }

    fn working(&self) -> Result<(), Errno> {
        if self.failed { Err(Errno::IO) } else { Ok(()) }
    }

    /// How long a queue may now hold an interrupt back.
    fn note(&mut self, offset: u32, value: u32) {
        let Some(at) = offset.checked_sub(reg::QUEUE_IRQ_COALESCE) else {
            return;
        };
        let stride = reg::QUEUE_IRQ_COALESCE_STRIDE;
        if at % stride == 0
            && let Some(c) = self.coalesce.get_mut((at / stride) as usize)
        {
            *c = u64::from(value >> 16) * 16;
        }
    }

    /// A refused access is an answer; anything else ends the simulation.
    fn checked<T>(&mut self, r: Result<T, Error>) -> Result<T, Errno> {
        r.map_err(|e| match e {
            Error::Refused(_) => Errno::ACCESS,
            e => {
                (self.log)(&format!(
                    "the simulation ended: {e}; only a reset starts it again"
                ));
                self.failed = true;
                self.irqs.raise(IRQ_ERR, 0);
                Errno::IO
            }
        })
    }

    fn raise(&mut self) {
        for (v, (seen, now)) in self.seen.iter_mut().zip(self.device.irqs()).enumerate() {
            if seen != now {
                *seen = *now;
                self.irqs.raise(IRQ_MSIX, v);
            }
        }
    }

    /// After a slice: whether there is nothing left to do.
    fn rest(&mut self, irq: bool) -> Result<bool, Error> {
        if irq || !self.device.memory_idle() {
            self.quiet = 0;
            return Ok(false);
        }
        self.quiet += SLICE;
        let patience = QUIET + self.coalesce.iter().max().copied().unwrap_or(0);
        if self.quiet < patience {
            return Ok(false);
        }
        // Long work of an engine shows nothing outside.
        let s = self.device.read32(reg::STATUS)?;
        if s & status::BUSY != 0 {
            self.quiet = 0;
            return Ok(false);
        }
        let settled = s & (status::READY | status::ZEROIZED) != 0;
        if !settled {
            self.unready += self.quiet;
            self.quiet = 0;
        }
        Ok(settled || self.unready > STUCK)
    }
}
