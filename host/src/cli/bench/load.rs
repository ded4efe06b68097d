// SPDX-License-Identifier: Apache-2.0
//! Queues that are kept full, and what the device's counters say meanwhile.

use super::PATIENCE;
use anyhow::{Result, bail};
use casemate::abi::Status;
use casemate::{AnyRequest, Device, Done, Queue, QueueConfig};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a queue is loaded with: as many requests as it has entries, by number.
pub trait Work {
    /// The request of this number, which is not on its way.
    fn request(&mut self, i: usize) -> Result<AnyRequest>;
    /// It has come back, and the device says OK.
    fn back(&mut self, i: usize, done: Done) -> Result<()>;
    /// At the end: what came back is right.
    fn check(&mut self, queue: &mut Queue) -> Result<()>;
}

/// One queue and what it is loaded with.
pub struct Load {
    queue: Queue,
    batch: usize,
    depth: usize,
    work: Box<dyn Work>,
    ready: VecDeque<usize>,
}

impl Load {
    /// Over a queue of `depth` entries; `work` says what for.
    pub fn new(
        device: &Device,
        (batch, depth): (usize, usize),
        work: impl FnOnce(&mut Queue) -> Result<Box<dyn Work>>,
    ) -> Result<Self> {
        let mut queue = device.queue(QueueConfig {
            depth,
            // One interrupt a batch, or for what is left of one.
            irq_count: batch as u16,
            irq_time: 16,
            ..QueueConfig::default()
        })?;
        let work = work(&mut queue)?;
        Ok(Self {
            queue,
            batch,
            depth,
            work,
            ready: (0..depth).collect(),
        })
    }

    /// At the end: what came back is right.
    pub fn check(&mut self) -> Result<()> {
        self.work.check(&mut self.queue)
    }

    /// Hands over whole batches of what is ready.
    fn refill(&mut self) -> Result<()> {
        while self.ready.len() >= self.batch {
            let requests: Vec<_> = self
                .ready
                .drain(..self.batch)
                .map(|i| Ok(self.work.request(i)?.user(i as u64)))
                .collect::<Result<_>>()?;
            let got = self.queue.submit(requests)?;
            if let Some(e) = got.refused {
                return Err(e.into());
            }
            if !got.rest.is_empty() {
                bail!("the ring was full though as many requests had completed");
            }
        }
        Ok(())
    }

    /// Takes back what has completed.
    fn reap(&mut self, done: &mut Vec<Done>) -> Result<u64> {
        let n = self.queue.poll(done)?;
        for d in done.drain(..) {
            if d.status != Status::Ok {
                bail!(
                    "request {} ended in {:?}: {}",
                    d.user,
                    d.status,
                    d.status.describe()
                );
            }
            let i = d.user as usize;
            self.work.back(i, d)?;
            self.ready.push_back(i);
        }
        Ok(n as u64)
    }
}

/// Polls every queue until `goal` requests have completed, handing over more as they do if `more`.
fn work(loads: &mut [Load], goal: u64, more: bool) -> Result<()> {
    let (mut seen, mut done, mut last) = (0, Vec::new(), Instant::now());
    while seen < goal {
        let before = seen;
        for load in &mut *loads {
            seen += load.reap(&mut done)?;
            if more {
                load.refill()?;
            }
        }
        if seen != before {
            last = Instant::now();
        } else if last.elapsed() > PATIENCE {
            for load in &mut *loads {
                // It says why nothing comes.
                load.queue.wait(&mut done, Duration::ZERO)?;
            }
        }
    }
    Ok(())
}

/// Cycles and requests of the steady state.
pub fn measure(device: &Device, loads: &mut [Load], requests: u64) -> Result<(u64, u64)> {
    let depth: usize = loads.iter().map(|l| l.depth).sum();
    for load in &mut *loads {
        load.refill()?;
    }
    work(loads, 2 * depth as u64, true)?;
    let (start, first) = device.pace()?;
    work(loads, requests, true)?;
    let (end, last) = device.pace()?;
    let left: usize = loads.iter().map(|l| l.queue.in_flight()).sum();
    work(loads, left as u64, false)?;
    Ok((end - start, last - first))
}
