// SPDX-License-Identifier: Apache-2.0
//! `bench --transport`: what the way to the device costs, in time on the wall and of this thread.

use super::PATIENCE;
use anyhow::{Context, Result, bail};
use casemate::abi::reg;
use casemate::{Data, Device, DmaBuf, Done, KeyHandle, KeyUse, Queue, QueueConfig, Request};
use serde::Serialize;
use std::time::{Duration, Instant};

/// Payload of each request.
const BYTES: usize = 64;
const DEPTH: usize = 64;
const BATCHES: [usize; 4] = [1, 8, 32, 64];

#[derive(Serialize)]
struct Latency {
    median_us: f64,
    percentile_99_us: f64,
}

#[derive(Serialize)]
struct Rate {
    batch: usize,
    requests: u64,
    requests_per_second: f64,
    thread_us_per_request: f64,
}

#[derive(Serialize)]
struct Report<'a> {
    device: &'a str,
    register_read_us: f64,
    by_interrupt: Latency,
    by_polling: Latency,
    rates: Vec<Rate>,
}

fn microseconds(d: Duration) -> f64 {
    d.as_nanos() as f64 / 1000.0
}

/// Median and 99th percentile of some times.
fn latency(mut times: Vec<Duration>) -> Latency {
    times.sort_unstable();
    let at = |percent: usize| microseconds(times[(times.len() * percent / 100).min(times.len() - 1)]);
    Latency {
        median_us: at(50),
        percentile_99_us: at(99),
    }
}

/// Processor time of this thread so far.
fn thread_time() -> Result<Duration> {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a structure to fill in.
    if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) } != 0 {
        return Err(std::io::Error::last_os_error()).context("this thread's processor time");
    }
    Ok(Duration::new(t.tv_sec as u64, t.tv_nsec as u32))
}

struct Bench {
    device: Device,
    queue: Queue,
    key: KeyHandle,
    next: u64,
    free: Vec<DmaBuf>,
}

impl Bench {
    fn new(device: &Device) -> Result<Self> {
        let queue = device.queue(QueueConfig {
            depth: DEPTH,
            ..QueueConfig::default()
        })?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).context("no randomness from the operating system")?;
        let key = device.load_key(&secret, queue.config().domain, KeyUse::BOTH)?;
        let free = (0..DEPTH)
            .map(|_| device.buffer(BYTES + 16, 0))
            .collect::<casemate::Result<_>>()?;
        Ok(Self {
            device: device.clone(),
            queue,
            key,
            next: 0,
            free,
        })
    }

    fn submit(&mut self, n: usize) -> Result<()> {
        let at = self.free.len() - n;
        let (key, first) = (self.key, self.next);
        let batch = (first..).zip(self.free.drain(at..)).map(|(i, b)| {
            let mut iv = [0; 12];
            iv[..8].copy_from_slice(&i.to_le_bytes());
            Request::seal(key, &iv, b)
        });
        let got = self.queue.submit(batch)?;
        self.next += n as u64;
        if got.accepted != n {
            bail!("the ring has no room for {n} requests");
        }
        Ok(())
    }

    fn take(&mut self, out: &mut Vec<Done>) -> Result<()> {
        for d in out.drain(..) {
            match d.ok()?.src {
                Some(Data::Flat(b)) => self.free.push(b),
                _ => bail!("a request came back without its buffer"),
            }
        }
        Ok(())
    }

    /// From doorbell to completion, one request at a time.
    fn one_by_one(&mut self, times: usize, poll: bool) -> Result<Latency> {
        let mut all = Vec::with_capacity(times);
        let mut out = Vec::new();
        for _ in 0..times {
            let start = Instant::now();
            self.submit(1)?;
            while out.is_empty() {
                if poll && start.elapsed() < PATIENCE {
                    self.queue.poll(&mut out)?;
                } else {
                    self.queue.wait(&mut out, PATIENCE)?;
                }
            }
            all.push(start.elapsed());
            self.take(&mut out)?;
        }
        Ok(latency(all))
    }

    /// Batches one after another, each reaped whole.
    fn rate(&mut self, batch: usize, requests: u64) -> Result<Rate> {
        let (start, before) = (Instant::now(), thread_time()?);
        let (mut done, mut out) = (0, Vec::new());
        while done < requests {
            self.submit(batch)?;
            done += batch as u64;
            while self.queue.in_flight() > 0 {
                self.queue.wait(&mut out, PATIENCE)?;
            }
            self.take(&mut out)?;
        }
        let (wall, own) = (start.elapsed(), thread_time()? - before);
        Ok(Rate {
            batch,
            requests: done,
            requests_per_second: done as f64 / wall.as_secs_f64(),
            thread_us_per_request: microseconds(own) / done as f64,
        })
    }

    fn register_read(&self, times: usize) -> Result<f64> {
        let transport = self.device.transport();
        let mut all = Vec::with_capacity(times);
        for _ in 0..times {
            let start = Instant::now();
            transport.read32(reg::ID)?;
            all.push(start.elapsed());
        }
        Ok(latency(all).median_us)
    }
}

/// Measures it.
pub fn run(uri: &str, requests: u64, as_json: bool) -> Result<()> {
    let device = crate::open(uri)?;
    let mut b = Bench::new(&device)?;
    let times = (requests / 4).clamp(10, 10_000) as usize;
    b.one_by_one(10, false)?;
    let report = Report {
        device: uri,
        register_read_us: b.register_read(times)?,
        by_interrupt: b.one_by_one(times, false)?,
        by_polling: b.one_by_one(times, true)?,
        rates: (BATCHES.iter())
            .map(|n| b.rate(*n, requests))
            .collect::<Result<_>>()?,
    };
    device.destroy_key(b.key)?;
    if as_json {
        say!("{:#}", serde_json::to_value(&report)?);
        return Ok(());
    }
    say!("device            {uri}");
    say!("register read     {:.1} µs", report.register_read_us);
    for (what, l) in [
        ("interrupt", &report.by_interrupt),
        ("polling  ", &report.by_polling),
    ] {
        say!(
            "by {what}      {:.1} µs from doorbell to completion, {:.1} µs at the 99th percentile",
            l.median_us,
            l.percentile_99_us
        );
    }
    say!("\nbatch  requests/s  thread µs/request");
    for r in &report.rates {
        say!(
            "{:>5} {:>11.0} {:>18.2}",
            r.batch,
            r.requests_per_second,
            r.thread_us_per_request
        );
    }
    Ok(())
}
