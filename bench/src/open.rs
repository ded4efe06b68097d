// SPDX-License-Identifier: Apache-2.0
//! Open loop: requests arrive when they arrive, whether the device keeps up or not, and each one's time is counted from there.

use crate::board::Board;
use anyhow::{Context, Result, ensure};
use casemate::{Data, QueueConfig, Request};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// What was found: cycles from a request's arrival to its interrupt.
#[derive(Debug, Clone)]
pub struct Latency {
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub most: u64,
    /// Cycles between arrivals, on average.
    pub between: f64,
}

/// Entries of the queue.
const DEPTH: usize = 256;

/// Arrival times of a Poisson process.
fn arrivals(seed: u64, count: usize, between: f64) -> Vec<u64> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut at = 0.0;
    (0..count)
        .map(|_| {
            at += -between * (1.0 - random.random::<f64>()).ln();
            at as u64
        })
        .collect()
}

/// `count` messages of `size` bytes are sealed, one arriving every `between` cycles on average. What finds the ring full waits in the
/// program, and that counts.
pub fn measure(board: &Board, seed: u64, size: usize, count: usize, between: f64) -> Result<Latency> {
    let device = &board.device;
    let mut queue = device.queue(QueueConfig {
        depth: DEPTH,
        ..QueueConfig::default()
    })?;
    let mut buffers = (0..DEPTH)
        .map(|_| Ok((device.buffer(size, 0)?, device.buffer(size + 16, 0)?)))
        .collect::<Result<Vec<_>>>()?;
    let begin = board.now() + 100;
    let due: Vec<u64> = arrivals(seed, count, between)
        .into_iter()
        .map(|t| begin + t)
        .collect();
    let mut waiting: VecDeque<usize> = VecDeque::new();
    let (mut next, mut done, mut took) = (0, Vec::new(), Vec::with_capacity(count));
    let mut seen = board.interrupts(&queue);
    while took.len() < count {
        let now = board.now();
        while next < count && due[next] <= now {
            waiting.push_back(next);
            next += 1;
        }
        let room = waiting.len().min(buffers.len());
        if room > 0 {
            let requests = waiting.drain(..room).map(|i| {
                let (plain, sealed) = buffers.pop().expect("as many as there is room for");
                let mut iv = [0; 12];
                iv[4..].copy_from_slice(&(i as u64).to_be_bytes());
                Request::seal(board.keys[i % board.keys.len()], &iv, plain)
                    .to(sealed)
                    .user(i as u64)
            });
            let requests: Vec<_> = requests.collect();
            let got = queue.submit(requests)?;
            ensure!(
                got.rest.is_empty(),
                "the ring was full though as many buffers were free"
            );
        }
        // Until the next arrival, or for good if none is to come or none can be taken.
        let until = match due.get(next) {
            Some(&t) if !buffers.is_empty() => t,
            _ => board.now() + 1_000_000,
        };
        if !board.run(&queue, seen, until)? {
            continue;
        }
        seen = board.interrupts(&queue);
        let now = board.now();
        queue.poll(&mut done)?;
        for d in done.drain(..) {
            let i = d.user as usize;
            let d = d.ok()?;
            took.push(now - due[i]);
            let (Some(Data::Flat(src)), Some(Data::Flat(dst))) = (d.src, d.dst) else {
                anyhow::bail!("a request came back without its buffers");
            };
            buffers.push((src, dst));
        }
    }
    took.sort_unstable();
    let at = |per_mille: usize| {
        took.get((took.len() * per_mille).div_ceil(1000).saturating_sub(1))
            .copied()
    };
    Ok(Latency {
        p50: at(500).context("no request")?,
        p99: at(990).context("no request")?,
        p999: at(999).context("no request")?,
        most: took.last().copied().context("no request")?,
        between,
    })
}
