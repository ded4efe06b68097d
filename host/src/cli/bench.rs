// SPDX-License-Identifier: Apache-2.0
//! `bench`: AES-GCM over sizes, batches and depths, in the device's own cycles. The method is in [`METHOD`].

use anyhow::{Context, Result, bail};
use casemate::abi::Status;
use casemate::{Data, Device, DmaBuf, Done, KeyHandle, KeyUse, Queue, QueueConfig, Request};
use clap::ValueEnum;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How a figure comes about; shown by `--help`.
pub const METHOD: &str = "\
Method. QUEUES queues of DEPTH entries are kept full: as soon as BATCH requests of a queue have completed, as many new ones follow
with one doorbell. They take turns through KEYS random AES-256 keys in slots of their own; IVs have 12 bytes, there is no AAD,
the tag is appended, source and destination are different buffers. After a warm-up of twice what fits the queues the
device's registers CYCLES and REQS_OUT are read one after the other, and again when REQUESTS more have completed, with the
queues full both times; cycles are the difference of the one, requests of the other. So a row shows the steady state: filling and draining
do not count; fetching descriptors, waiting for memory and doorbells do. Afterwards every message is checked: an opened one
must be the plaintext, a sealed one must open to it.

No queue has more than DEPTH requests in flight, so small messages on one shallow queue show the memory's latency, not the engine:
a request takes a read for its descriptor and one for its data, and DEPTH divided by the time of both is the most there can be.

`sim:` runs its clock only while a register is accessed or the program waits: the host costs no cycles but those of its doorbells.
`soft:` has no clock, so there is nothing to measure: requests run and are checked, and cycles are shown as none (null in JSON).";

/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Payload bytes a row aims at if the number of requests is not given, within these numbers of requests.
const PAYLOAD: usize = 2 << 20;
const FEWEST: u64 = 128;
const MOST: u64 = 4096;

#[derive(clap::Args)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Operations
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "aes-256-gcm-seal,aes-256-gcm-open"
    )]
    op: Vec<Op>,
    /// Payload sizes, bytes
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "BYTES",
        default_value = "64,256,1024,1500,4096,16384",
        value_parser = clap::value_parser!(u32).range(1..=16 << 20)
    )]
    sizes: Vec<u32>,
    /// Requests a doorbell
    #[arg(long, value_delimiter = ',', value_name = "REQUESTS", default_value = "8",
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: Vec<u16>,
    /// Entries of each queue's rings: its requests in flight at most. A power of two
    #[arg(long, value_delimiter = ',', value_name = "ENTRIES", default_value = "64",
          value_parser = clap::value_parser!(u16).range(2..=4096))]
    depth: Vec<u16>,
    /// Queues that share the device
    #[arg(long, value_delimiter = ',', value_name = "QUEUES", default_value = "4",
          value_parser = clap::value_parser!(u16).range(1..=63))]
    queues: Vec<u16>,
    /// Requests to measure in each row; by default some thousands of small ones, some hundreds of large ones
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// Keys that take turns
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    keys: u16,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
enum Op {
    #[value(name = "aes-256-gcm-seal")]
    #[serde(rename = "aes-256-gcm-seal")]
    Seal,
    #[value(name = "aes-256-gcm-open")]
    #[serde(rename = "aes-256-gcm-open")]
    Open,
}

impl Op {
    fn name(self) -> &'static str {
        match self {
            Self::Seal => "aes-256-gcm-seal",
            Self::Open => "aes-256-gcm-open",
        }
    }
}

#[derive(Serialize)]
struct Row {
    op: Op,
    size: usize,
    batch: usize,
    depth: usize,
    queues: u16,
    requests: u64,
    /// None where the device has no clock.
    cycles: Option<u64>,
    bytes_per_cycle: Option<f64>,
    cycles_per_request: Option<f64>,
}

#[derive(Serialize)]
struct Parameters<'a> {
    op: &'a [Op],
    sizes: &'a [u32],
    batch: &'a [u16],
    depth: &'a [u16],
    queues: &'a [u16],
    requests: Option<u64>,
    keys: u16,
    key_bits: u32,
    iv_bytes: u32,
    aad_bytes: u32,
    tag_bytes: u32,
    lanes: usize,
    axi_bytes: usize,
    read_tags: usize,
    sbox: &'static str,
    clock: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    device: &'a str,
    parameters: Parameters<'a>,
    results: Vec<Row>,
}

/// One message: a source and a destination that go to the device and come back.
struct Message {
    key: KeyHandle,
    iv: [u8; 12],
    buffers: Option<(Data, Data)>,
}

/// One queue and its messages.
struct Load {
    queue: Queue,
    op: Op,
    size: usize,
    batch: usize,
    messages: Vec<Message>,
    ready: VecDeque<usize>,
    sequence: u64,
}

/// Some bytes that differ from message to message.
fn pattern(i: usize, n: usize) -> impl Iterator<Item = u8> {
    (0..n).map(move |j| (i * 31 + j * 7 + j / 256) as u8)
}

fn flat(d: &Data) -> Result<&DmaBuf> {
    match d {
        Data::Flat(b) => Ok(b),
        Data::List(_) => bail!("a request came back with other buffers"),
    }
}

impl Load {
    fn new(device: &Device, keys: &[KeyHandle], case: Case) -> Result<Self> {
        let Case {
            op,
            size,
            batch,
            depth,
            ..
        } = case;
        let queue = device.queue(QueueConfig {
            depth,
            // One interrupt a batch, or for what is left of one.
            irq_count: batch as u16,
            irq_time: 16,
            ..QueueConfig::default()
        })?;
        let mut load = Self {
            queue,
            op,
            size,
            batch,
            messages: Vec::new(),
            ready: (0..depth).collect(),
            sequence: 0,
        };
        for i in 0..depth {
            let mut plain = device.buffer(size, 0)?;
            plain.iter_mut().zip(pattern(i, size)).for_each(|(b, p)| *b = p);
            let key = keys[i % keys.len()];
            let iv = load.next_iv();
            let sealed = device.buffer(size + 16, 0)?;
            let buffers = match op {
                Op::Seal => (plain, sealed),
                Op::Open => {
                    let r = load.queue.run(
                        Request::seal(key, &iv, plain).to(sealed),
                        &mut Vec::new(),
                        PATIENCE,
                    )?;
                    let r = r.ok()?;
                    let (Some(Data::Flat(mut plain)), Some(Data::Flat(sealed))) = (r.src, r.dst) else {
                        bail!("a request came back with other buffers");
                    };
                    // What is found there afterwards was put there by the device.
                    plain.fill(0);
                    (sealed, plain)
                }
            };
            load.messages.push(Message {
                key,
                iv,
                buffers: Some((buffers.0.into(), buffers.1.into())),
            });
        }
        Ok(load)
    }

    fn next_iv(&mut self) -> [u8; 12] {
        self.sequence += 1;
        let mut iv = [0; 12];
        iv[4..].copy_from_slice(&self.sequence.to_be_bytes());
        iv
    }

    /// Hands over whole batches of what is ready.
    fn refill(&mut self) -> Result<()> {
        while self.ready.len() >= self.batch {
            let chosen: Vec<_> = self.ready.drain(..self.batch).collect();
            let requests: Vec<_> = chosen
                .into_iter()
                .map(|i| {
                    if self.op == Op::Seal {
                        self.messages[i].iv = self.next_iv();
                    }
                    let m = &mut self.messages[i];
                    let (src, dst) = m.buffers.take().context("a message is already on its way")?;
                    let request = match self.op {
                        Op::Seal => Request::seal(m.key, &m.iv, src),
                        Op::Open => Request::open(m.key, &m.iv, src),
                    };
                    Ok(request.to(dst).user(i as u64))
                })
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
            let (Some(src), Some(dst)) = (d.src, d.dst) else {
                bail!("a request came back without its buffers");
            };
            let i = d.user as usize;
            self.messages[i].buffers = Some((src, dst));
            self.ready.push_back(i);
        }
        Ok(n as u64)
    }

    /// Every message is what it should be.
    fn verify(&mut self) -> Result<()> {
        for i in 0..self.messages.len() {
            let m = &mut self.messages[i];
            let (src, dst) = m.buffers.take().context("a message did not come back")?;
            let opened = match self.op {
                Op::Open => flat(&dst)?[..self.size].to_vec(),
                Op::Seal => {
                    let request = Request::open(m.key, &m.iv, dst);
                    let r = self.queue.run(request, &mut Vec::new(), PATIENCE)?.ok()?;
                    flat(&r.src.context("a request came back without its buffer")?)?[..self.size].to_vec()
                }
            };
            drop(src);
            if !opened.iter().copied().eq(pattern(i, self.size)) {
                bail!(
                    "message {i} of {} bytes is wrong after {}",
                    self.size,
                    self.op.name()
                );
            }
        }
        Ok(())
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
fn measure(device: &Device, loads: &mut [Load], requests: u64) -> Result<(u64, u64)> {
    let depth: usize = loads.iter().map(|l| l.messages.len()).sum();
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

/// What one row measures.
#[derive(Clone, Copy)]
struct Case {
    op: Op,
    size: usize,
    batch: usize,
    depth: usize,
    queues: u16,
}

fn cases(args: &Args) -> Vec<Case> {
    let mut all = Vec::new();
    for &op in &args.op {
        for &size in &args.sizes {
            for &queues in &args.queues {
                for &batch in &args.batch {
                    for &depth in &args.depth {
                        all.push(Case {
                            op,
                            size: size as usize,
                            batch: batch.into(),
                            depth: depth.into(),
                            queues,
                        });
                    }
                }
            }
        }
    }
    all
}

fn row(device: &Device, keys: &[KeyHandle], case: Case, requests: Option<u64>) -> Result<Row> {
    let Case {
        op,
        size,
        batch,
        depth,
        queues,
    } = case;
    let requests = requests.unwrap_or_else(|| ((PAYLOAD / size) as u64).clamp(FEWEST, MOST));
    let mut loads = (0..queues)
        .map(|_| Load::new(device, keys, case))
        .collect::<Result<Vec<_>>>()?;
    let (cycles, requests) = measure(device, &mut loads, requests)?;
    for load in &mut loads {
        load.verify()?;
    }
    let clock = cycles > 0;
    Ok(Row {
        op,
        size,
        batch,
        depth,
        queues,
        requests,
        cycles: clock.then_some(cycles),
        bytes_per_cycle: clock.then(|| (requests * size as u64) as f64 / cycles as f64),
        cycles_per_request: clock.then(|| cycles as f64 / requests as f64),
    })
}

fn print(r: &Row) -> Result<()> {
    let none = || "no clock".to_string();
    say!(
        "{:<18}{:>8}{:>8}{:>7}{:>7}{:>10}{:>11}{:>13}{:>16}",
        r.op.name(),
        r.size,
        r.queues,
        r.batch,
        r.depth,
        r.requests,
        r.cycles.map_or_else(none, |c| c.to_string()),
        r.bytes_per_cycle.map_or_else(none, |v| format!("{v:.2}")),
        r.cycles_per_request.map_or_else(none, |v| format!("{v:.1}")),
    );
    Ok(())
}

pub fn run(uri: &str, args: &Args) -> Result<()> {
    let cases = cases(args);
    if let Some(c) = cases.iter().find(|c| c.batch > c.depth) {
        bail!(
            "a batch of {} does not fit a queue of {} entries: make the queue deeper",
            c.batch,
            c.depth
        );
    }
    if let Some(c) = cases.iter().find(|c| !c.depth.is_power_of_two()) {
        bail!("a queue of {} entries: a power of two is possible", c.depth);
    }
    let device = crate::open(uri)?;
    let caps = device.capabilities();
    if usize::from(args.keys) > caps.slots {
        bail!(
            "{} keys do not fit the device's {} slots: use fewer",
            args.keys,
            caps.slots
        );
    }
    if let Some(q) = args.queues.iter().find(|q| usize::from(**q) >= caps.queues) {
        bail!(
            "{q} queues: the device has {}, one of them the officer's: use fewer",
            caps.queues
        );
    }
    let mut keys = Vec::new();
    for _ in 0..args.keys {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).context("no randomness from the operating system")?;
        keys.push(device.load_key(&*key, 0, KeyUse::BOTH)?);
    }
    // A device with a clock has counted while the keys were loaded.
    let clock = device.pace()?.0 > 0;
    if !clock {
        eprintln!(
            "casemate: {uri} has no clock: requests run and are checked, but there are no cycles to show"
        );
    }
    if !args.json {
        say!("{uri} AES-256-GCM, {} keys, steady state", args.keys);
        say!(
            "{:<18}{:>8}{:>8}{:>7}{:>7}{:>10}{:>11}{:>13}{:>16}",
            "operation",
            "bytes",
            "queues",
            "batch",
            "depth",
            "requests",
            "cycles",
            "bytes/cycle",
            "cycles/request"
        );
    }
    let mut results = Vec::new();
    for case in cases {
        super::interrupt::check()?;
        let r = row(&device, &keys, case, args.requests).with_context(|| {
            let (op, size) = (case.op.name(), case.size);
            format!(
                "measuring {op} of {size} bytes, batch {}, depth {}",
                case.batch, case.depth
            )
        })?;
        if !args.json {
            print(&r)?;
        }
        results.push(r);
    }
    for key in keys {
        device.destroy_key(key)?;
    }
    if args.json {
        let report = Report {
            device: uri,
            parameters: Parameters {
                op: &args.op,
                sizes: &args.sizes,
                batch: &args.batch,
                depth: &args.depth,
                queues: &args.queues,
                requests: args.requests,
                keys: args.keys,
                key_bits: 256,
                iv_bytes: 12,
                aad_bytes: 0,
                tag_bytes: 16,
                lanes: caps.lanes,
                axi_bytes: caps.axi_bytes,
                read_tags: caps.read_tags,
                sbox: caps.sbox,
                clock,
            },
            results,
        };
        say!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}
