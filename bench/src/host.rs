// SPDX-License-Identifier: Apache-2.0
//! What a request costs the processor: submitting and reaping apart, over the functional model, whose work is not counted. Its doorbell is
//! a store under a lock; a card's is a store to a mapped register.

use anyhow::{Context, Result, bail, ensure};
use casemate::{Data, Device, DmaBuf, Done, KeyHandle, KeyUse, Queue, QueueConfig, Request};
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Requests a doorbell.
const BATCH: usize = 32;
const SIZE: usize = 64;

/// Of one request.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    pub submit: f64,
    pub reap: f64,
}

struct Host {
    device: Device,
    key: KeyHandle,
    queue: Queue,
    buffers: Vec<DmaBuf>,
    done: Vec<Done>,
}

impl Host {
    fn new() -> Result<Self> {
        let device = Device::open("soft:")?;
        let key = device.load_key(&[7; 32], 0, KeyUse::BOTH)?;
        let queue = device.queue(QueueConfig {
            depth: 2 * BATCH,
            ..QueueConfig::default()
        })?;
        let buffers = (0..BATCH)
            .map(|_| device.buffer(SIZE + 16, 0))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            device,
            key,
            queue,
            buffers,
            done: Vec::with_capacity(BATCH),
        })
    }

    fn round(&mut self) -> Result<(f64, f64)> {
        let before = self.device.pace()?.1;
        let start = Instant::now();
        casemate_bench_submit(self)?;
        let submitted = start.elapsed();
        while self.device.pace()?.1 < before + BATCH as u64 {
            self.device.transport().progress()?;
        }
        let start = Instant::now();
        casemate_bench_reap(self)?;
        Ok((submitted.as_secs_f64(), start.elapsed().as_secs_f64()))
    }
}

/// A batch, from buffers to doorbell. Callgrind knows it by its name, which is no part of another's.
// SAFETY: nothing else has this symbol.
#[unsafe(no_mangle)]
#[inline(never)]
fn casemate_bench_submit(host: &mut Host) -> Result<()> {
    let key = host.key;
    let requests = host.buffers.drain(..).map(|b| Request::seal(key, &[1; 12], b));
    let got = host.queue.submit(requests)?;
    ensure!(got.accepted == BATCH, "the ring was full");
    Ok(())
}

/// What has completed, back to buffers.
// SAFETY: nothing else has this symbol.
#[unsafe(no_mangle)]
#[inline(never)]
fn casemate_bench_reap(host: &mut Host) -> Result<()> {
    let n = host.queue.poll(&mut host.done)?;
    ensure!(n == BATCH, "{n} completions of {BATCH}");
    for d in host.done.drain(..) {
        match d.ok()?.src {
            Some(Data::Flat(b)) => host.buffers.push(b),
            _ => bail!("a request came back without its buffer"),
        }
    }
    black_box(&host.buffers);
    Ok(())
}

/// Rounds and nothing else: what callgrind looks at.
pub fn rounds(count: u32) -> Result<()> {
    let mut host = Host::new()?;
    for _ in 0..count {
        host.round()?;
    }
    Ok(())
}

/// Nanoseconds, the fastest of some rounds.
pub fn nanoseconds(count: u32) -> Result<Cost> {
    let mut host = Host::new()?;
    let (mut submit, mut reap) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..count {
        let (s, r) = host.round()?;
        (submit, reap) = (submit.min(s), reap.min(r));
    }
    let each = |seconds: f64| seconds * 1e9 / BATCH as f64;
    Ok(Cost {
        submit: each(submit),
        reap: each(reap),
    })
}

/// Instructions by callgrind; None where there is no valgrind. `program host-rounds N` runs [`rounds`].
pub fn instructions(program: &Path) -> Result<Option<Cost>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    let collect = |function: &str| -> Result<f64> {
        // The difference of two counts: what the first round allocates does not count.
        let run = |rounds: u32| -> Result<u64> {
            let out = Command::new("valgrind")
                .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
                .arg(format!("--toggle-collect={function}"))
                .arg(program)
                .args(["host-rounds", &rounds.to_string()])
                .output()?;
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            ensure!(out.status.success(), "valgrind: {said}");
            let count = said
                .lines()
                .find_map(|l| l.split_once("Collected : "))
                .context("valgrind counted nothing")?;
            Ok(count.1.trim().parse()?)
        };
        let (few, many) = (2, 10);
        let counted = run(many)? - run(few)?;
        ensure!(counted > 0, "callgrind saw no {function}");
        Ok(counted as f64 / f64::from(many - few) / BATCH as f64)
    };
    Ok(Some(Cost {
        submit: collect("casemate_bench_submit")?,
        reap: collect("casemate_bench_reap")?,
    }))
}
