// SPDX-License-Identifier: Apache-2.0
//! Closed loop: queues that are kept full, and what the device's counters say meanwhile.

use crate::board::Board;
use anyhow::{Context, Result, bail, ensure};
use casemate::abi::Status;
use casemate::{Data, Done, KeyHandle, Queue, QueueConfig, Request};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub open: bool,
    pub size: usize,
    /// Requests a doorbell.
    pub batch: usize,
    /// Entries of a queue.
    pub depth: usize,
    pub queues: usize,
    /// Keys that take turns.
    pub keys: usize,
}

impl Case {
    /// Sealing, with what keeps one lane busy.
    pub fn seal(size: usize) -> Self {
        Self {
            open: false,
            size,
            batch: 8,
            depth: if size <= 1024 { 64 } else { 16 },
            queues: 4,
            keys: 16,
        }
    }

    /// The operation's name.
    pub fn op(&self) -> &'static str {
        if self.open {
            "aes-256-gcm-open"
        } else {
            "aes-256-gcm-seal"
        }
    }

    /// Requests to measure: some `payload` bytes of them, and so many that each queue turns over.
    pub fn requests(&self, payload: usize) -> u64 {
        ((payload / self.size) as u64)
            .clamp(64, 4096)
            .max((2 * self.queues * self.depth) as u64)
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Closed {
    pub requests: u64,
    pub cycles: u64,
    /// Of all lanes, percent of the time: at work, waiting for input, waiting for output.
    pub busy: f64,
    pub stall_in: f64,
    pub stall_out: f64,
    /// Wall-clock of the simulator.
    pub seconds: f64,
}

struct Message {
    key: KeyHandle,
    iv: [u8; 12],
    /// Plaintext and ciphertext, or where it goes.
    buffers: Option<(Data, Data)>,
}

struct Load {
    queue: Queue,
    case: Case,
    messages: Vec<Message>,
    ready: VecDeque<usize>,
    sequence: u64,
}

fn pattern(i: usize, n: usize) -> impl Iterator<Item = u8> {
    (0..n).map(move |j| (i * 31 + j * 7 + j / 256) as u8)
}

impl Load {
    fn new(board: &Board, case: &Case) -> Result<Self> {
        let device = &board.device;
        let queue = device.queue(QueueConfig {
            depth: case.depth,
            irq_count: case.batch as u16,
            irq_time: 16,
            ..QueueConfig::default()
        })?;
        let messages = (0..case.depth)
            .map(|i| {
                let mut plain = device.buffer(case.size, 0)?;
                plain
                    .iter_mut()
                    .zip(pattern(i, case.size))
                    .for_each(|(b, p)| *b = p);
                let sealed = device.buffer(case.size + 16, 0)?;
                Ok(Message {
                    key: board.keys[i % case.keys],
                    iv: [0; 12],
                    buffers: Some((plain.into(), sealed.into())),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let mut load = Self {
            queue,
            case: *case,
            ready: (0..messages.len()).collect(),
            messages,
            sequence: 0,
        };
        if case.open {
            // What is to be opened is sealed before, all of it at once.
            load.case.open = false;
            load.refill()?;
            let mut left = load.messages.len() as u64;
            while left > 0 {
                left -= load.reap(&mut Vec::new())?;
            }
            load.case.open = true;
        }
        Ok(load)
    }

    fn next_iv(&mut self) -> [u8; 12] {
        self.sequence += 1;
        let mut iv = [0; 12];
        iv[0] = self.queue.index();
        iv[4..].copy_from_slice(&self.sequence.to_be_bytes());
        iv
    }

    fn request(&mut self, i: usize) -> Result<Request> {
        if !self.case.open {
            self.messages[i].iv = self.next_iv();
        }
        let m = &mut self.messages[i];
        let (plain, sealed) = m.buffers.take().context("a message is already on its way")?;
        let request = match self.case.open {
            false => Request::seal(m.key, &m.iv, plain).to(sealed),
            true => Request::open(m.key, &m.iv, sealed).to(plain),
        };
        Ok(request.user(i as u64))
    }

    /// Hands over whole batches of what is ready.
    fn refill(&mut self) -> Result<()> {
        while self.ready.len() >= self.case.batch {
            let requests = (0..self.case.batch)
                .filter_map(|_| self.ready.pop_front())
                .collect::<Vec<_>>();
            let requests = requests
                .into_iter()
                .map(|i| self.request(i))
                .collect::<Result<Vec<_>>>()?;
            let got = self.queue.submit(requests)?;
            if let Some(e) = got.refused {
                return Err(e.into());
            }
            ensure!(
                got.rest.is_empty(),
                "the ring was full though as many requests had completed"
            );
        }
        Ok(())
    }

    fn back(&mut self, done: Done) -> Result<()> {
        ensure!(
            done.status == Status::Ok,
            "request {}: {}",
            done.user,
            done.status.describe()
        );
        let i = done.user as usize;
        let (Some(src), Some(dst)) = (done.src, done.dst) else {
            bail!("a request came back without its buffers");
        };
        self.messages[i].buffers = Some(if self.case.open { (dst, src) } else { (src, dst) });
        self.ready.push_back(i);
        Ok(())
    }

    fn reap(&mut self, done: &mut Vec<Done>) -> Result<u64> {
        let n = self.queue.poll(done)?;
        for d in done.drain(..) {
            self.back(d)?;
        }
        Ok(n as u64)
    }

    /// The first message is what it should be: a sealed one opens to it.
    fn check(&mut self, board: &Board) -> Result<()> {
        let size = self.case.size;
        let m = &mut self.messages[0];
        let (mut plain, sealed) = m.buffers.take().context("a message did not come back")?;
        if !self.case.open {
            let into = board.device.buffer(size, 0)?;
            let request = Request::open(m.key, &m.iv, sealed).to(into);
            let done = self.queue.run(request, &mut Vec::new(), PATIENCE)?.ok()?;
            plain = done.dst.context("a request came back without its buffer")?;
        }
        let Data::Flat(plain) = plain else {
            bail!("a request came back with other buffers");
        };
        ensure!(
            plain.iter().copied().eq(pattern(0, size)),
            "a message of {size} bytes is wrong"
        );
        Ok(())
    }
}

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
        }
        ensure!(last.elapsed() < PATIENCE, "no completion in {PATIENCE:?}");
    }
    Ok(())
}

/// The steady state: queues are full when it begins and when it ends.
pub fn measure(board: &Board, case: &Case, requests: u64) -> Result<Closed> {
    let device = &board.device;
    let mut loads = (0..case.queues)
        .map(|_| Load::new(board, case))
        .collect::<Result<Vec<_>>>()?;
    for load in &mut loads {
        load.refill()?;
    }
    work(&mut loads, (case.queues * case.depth) as u64, true)?;
    let wall = Instant::now();
    let before = device.counters()?;
    let (start, first) = device.pace()?;
    work(&mut loads, requests, true)?;
    let (end, last) = device.pace()?;
    let after = device.counters()?;
    let seconds = wall.elapsed().as_secs_f64();
    let left: usize = loads.iter().map(|l| l.queue.in_flight()).sum();
    work(&mut loads, left as u64, false)?;
    for load in &mut loads {
        load.check(board)?;
    }
    // The lanes' counters were read a little before and after the others: they have the cycles of their own.
    let span = (after.cycles - before.cycles) as f64 * after.lanes.len() as f64;
    let part = |of: fn(&(u64, u64, u64)) -> u64| {
        let sum = |c: &casemate::Counters| c.lanes.iter().map(of).sum::<u64>();
        100.0 * (sum(&after) - sum(&before)) as f64 / span
    };
    let (busy, stall_in, stall_out) = (part(|l| l.0), part(|l| l.1), part(|l| l.2));
    Ok(Closed {
        requests: last - first,
        cycles: end - start,
        busy,
        stall_in,
        stall_out,
        seconds,
    })
}
