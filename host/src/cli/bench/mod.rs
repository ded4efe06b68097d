// SPDX-License-Identifier: Apache-2.0
//! `bench`: AES-GCM over sizes, batches and depths, and ECDSA, in the device's own cycles. The method is in [`METHOD`].

mod ecdsa;
mod gcm;
mod load;
pub mod transport;

use anyhow::{Context, Result, bail};
use casemate::{Curve, Device, KeyHandle};
use clap::ValueEnum;
use ecdsa::{Kind, Pairs, Signatures};
use gcm::Messages;
use load::{Load, Work, measure};
use serde::Serialize;
use std::time::Duration;

/// How a figure comes about; shown by `--help`.
pub const METHOD: &str = "\
Method. QUEUES queues of DEPTH entries are kept full: as soon as BATCH requests of a queue have completed, as many new ones follow
with one doorbell. They take turns through KEYS random AES-256 keys in slots of their own; IVs have 12 bytes, there is no AAD,
the tag is appended, source and destination are different buffers. After a warm-up of twice what fits the queues the
device's registers CYCLES and REQS_OUT are read one after the other, and again when REQUESTS more have completed, with the
queues full both times; cycles are the difference of the one, requests of the other. So a row shows the steady state: filling and draining
do not count; fetching descriptors, waiting for memory and doorbells do. Afterwards every message is checked: an opened one
must be the plaintext, a sealed one must open to it.

ECDSA is measured in the same way with 4 key pairs, over digests of the curve's size, for which --sizes means nothing. `-protected` is with
keys that are blinded and whose signatures are verified before they are given away, the others are with neither. Afterwards every
signature is verified, and refused with another digest.

No queue has more than DEPTH requests in flight, so small messages on one shallow queue show the memory's latency, not the engine:
a request takes a read for its descriptor and one for its data, and DEPTH divided by the time of both is the most there can be.

`sim:` runs its clock only while a register is accessed or the program waits: the host costs no cycles but those of its doorbells.
`soft:` has no clock, so there is nothing to measure: requests run and are checked, and cycles are shown as none (null in JSON).

--transport measures the way to the device instead: a register read (median); from the doorbell of one request of 64 bytes to its completion,
waiting for the interrupt and polling (median and 99th percentile); requests per second of 64 bytes on one queue of 64 entries, by batch, and
the processor time of the calling thread for each. That time is the driver's alone where the device is elsewhere (vfio:, vfio-user:);
of sim: and soft: it contains the device. Seconds of a simulation say nothing of a card's.";

/// How long a batch may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Payload bytes a row aims at if the number of requests is not given, within these numbers of requests.
const PAYLOAD: usize = 2 << 20;
const FEWEST: u64 = 128;
const MOST: u64 = 4096;
/// Signatures of a row if the number of requests is not given, and key pairs that make them.
const SIGNATURES: u64 = 16;
const PAIRS: usize = 4;

#[derive(clap::Args)]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Measure the way to the device instead: latency and requests per second, in time on the wall
    #[arg(long, conflicts_with_all = ["op", "sizes", "batch", "depth", "queues", "keys"])]
    transport: bool,
    /// Operations; `ecdsa` stands for all of its own
    #[arg(
        long,
        visible_alias = "ops",
        value_enum,
        value_delimiter = ',',
        default_value = "aes-256-gcm-seal,aes-256-gcm-open"
    )]
    op: Vec<Named>,
    /// Payload sizes, bytes
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "BYTES",
        default_value = "64,256,1024,1500,4096,16384",
        value_parser = clap::value_parser!(u32).range(1..=16 << 20)
    )]
    sizes: Vec<u32>,
    /// Requests a doorbell; by default 8, of ECDSA 1
    #[arg(long, value_delimiter = ',', value_name = "REQUESTS",
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: Option<Vec<u16>>,
    /// Entries of each queue's rings: its requests in flight at most. A power of two; by default 64, of ECDSA 4
    #[arg(long, value_delimiter = ',', value_name = "ENTRIES",
          value_parser = clap::value_parser!(u16).range(2..=4096))]
    depth: Option<Vec<u16>>,
    /// Queues that share the device; by default 4, of ECDSA 1
    #[arg(long, value_delimiter = ',', value_name = "QUEUES",
          value_parser = clap::value_parser!(u16).range(1..=63))]
    queues: Option<Vec<u16>>,
    /// Requests to measure in each row; by default some thousands of small ones, some hundreds of large ones, 16 of ECDSA
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
    /// AES keys that take turns
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    keys: u16,
}

#[derive(Clone, Copy, ValueEnum)]
enum Named {
    #[value(name = "aes-256-gcm-seal")]
    Seal,
    #[value(name = "aes-256-gcm-open")]
    Open,
    Ecdsa,
    EcdsaP256Sign,
    EcdsaP256SignProtected,
    EcdsaP256Verify,
    EcdsaP384Sign,
    EcdsaP384SignProtected,
    EcdsaP384Verify,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Op {
    Seal,
    Open,
    Ecdsa(Curve, Kind),
}

impl Named {
    fn ops(self) -> Vec<Op> {
        use Curve::{P256, P384};
        let one = |c, k| vec![Op::Ecdsa(c, k)];
        match self {
            Self::Seal => vec![Op::Seal],
            Self::Open => vec![Op::Open],
            Self::Ecdsa => Curve::ALL
                .iter()
                .flat_map(|c| [Kind::Sign, Kind::SignProtected, Kind::Verify].map(|k| Op::Ecdsa(*c, k)))
                .collect(),
            Self::EcdsaP256Sign => one(P256, Kind::Sign),
            Self::EcdsaP256SignProtected => one(P256, Kind::SignProtected),
            Self::EcdsaP256Verify => one(P256, Kind::Verify),
            Self::EcdsaP384Sign => one(P384, Kind::Sign),
            Self::EcdsaP384SignProtected => one(P384, Kind::SignProtected),
            Self::EcdsaP384Verify => one(P384, Kind::Verify),
        }
    }
}

impl Op {
    fn name(self) -> &'static str {
        use Curve::{P256, P384};
        match self {
            Self::Seal => "aes-256-gcm-seal",
            Self::Open => "aes-256-gcm-open",
            Self::Ecdsa(P256, Kind::Sign) => "ecdsa-p256-sign",
            Self::Ecdsa(P256, Kind::SignProtected) => "ecdsa-p256-sign-protected",
            Self::Ecdsa(P256, Kind::Verify) => "ecdsa-p256-verify",
            Self::Ecdsa(P384, Kind::Sign) => "ecdsa-p384-sign",
            Self::Ecdsa(P384, Kind::SignProtected) => "ecdsa-p384-sign-protected",
            Self::Ecdsa(P384, Kind::Verify) => "ecdsa-p384-verify",
        }
    }

    fn is_ecdsa(self) -> bool {
        matches!(self, Self::Ecdsa(..))
    }
}

#[derive(Serialize)]
struct Row {
    op: &'static str,
    size: usize,
    batch: usize,
    depth: usize,
    queues: u16,
    requests: u64,
    /// None where the device has no clock.
    cycles: Option<u64>,
    /// None of ECDSA, too.
    bytes_per_cycle: Option<f64>,
    cycles_per_request: Option<f64>,
}

#[derive(Serialize)]
struct Parameters<'a> {
    op: Vec<&'static str>,
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
    ec_engines: usize,
    clock: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    device: &'a str,
    parameters: Parameters<'a>,
    results: Vec<Row>,
}

/// What one row measures.
struct Case {
    op: Op,
    size: usize,
    batch: usize,
    depth: usize,
    queues: u16,
}

/// What is given, or what is usual.
struct Choice<'a> {
    batch: &'a [u16],
    depth: &'a [u16],
    queues: &'a [u16],
}

impl<'a> Choice<'a> {
    fn of(args: &'a Args, ecdsa: bool) -> Self {
        let usual: [&[u16]; 3] = if ecdsa {
            [&[1], &[4], &[1]]
        } else {
            [&[8], &[64], &[4]]
        };
        Self {
            batch: args.batch.as_deref().unwrap_or(usual[0]),
            depth: args.depth.as_deref().unwrap_or(usual[1]),
            queues: args.queues.as_deref().unwrap_or(usual[2]),
        }
    }
}

fn cases(args: &Args, ops: &[Op]) -> Vec<Case> {
    let mut all = Vec::new();
    for &op in ops {
        let choice = Choice::of(args, op.is_ecdsa());
        let sizes: Vec<usize> = match op {
            Op::Ecdsa(curve, _) => vec![curve.size()],
            _ => args.sizes.iter().map(|s| *s as usize).collect(),
        };
        for size in sizes {
            for &queues in choice.queues {
                for &batch in choice.batch {
                    for &depth in choice.depth {
                        all.push(Case {
                            op,
                            size,
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

/// Keys of the rows of one operation.
enum KeySet {
    Aes(Vec<KeyHandle>),
    Pairs(Pairs),
}

impl KeySet {
    fn new(device: &Device, op: Op, aes: u16) -> Result<Self> {
        Ok(match op {
            Op::Ecdsa(curve, kind) => Self::Pairs(Pairs::new(device, curve, kind, PAIRS)?),
            _ => Self::Aes(gcm::keys(device, aes)?),
        })
    }

    fn destroy(self, device: &Device) -> Result<()> {
        match self {
            Self::Pairs(p) => p.destroy(device)?,
            Self::Aes(keys) => {
                for key in keys {
                    device.destroy_key(key)?;
                }
            }
        }
        Ok(())
    }
}

fn row(device: &Device, keys: &KeySet, case: &Case, requests: Option<u64>) -> Result<Row> {
    let size = case.size;
    let usual = match case.op.is_ecdsa() {
        true => SIGNATURES,
        false => ((PAYLOAD / size) as u64).clamp(FEWEST, MOST),
    };
    let mut loads = (0..case.queues)
        .map(|_| {
            Load::new(device, (case.batch, case.depth), |queue| {
                let work: Box<dyn Work> = match (case.op, keys) {
                    (Op::Ecdsa(_, kind), KeySet::Pairs(p)) => {
                        Box::new(Signatures::new(queue, p, case, kind)?)
                    }
                    (op, KeySet::Aes(k)) => Box::new(Messages::new(device, queue, k, case, op == Op::Open)?),
                    (op, _) => bail!("{} has no keys", op.name()),
                };
                Ok(work)
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let (cycles, requests) = measure(device, &mut loads, requests.unwrap_or(usual))?;
    for load in &mut loads {
        load.check()?;
    }
    let clock = cycles > 0;
    let payload = clock && !case.op.is_ecdsa();
    Ok(Row {
        op: case.op.name(),
        size,
        batch: case.batch,
        depth: case.depth,
        queues: case.queues,
        requests,
        cycles: clock.then_some(cycles),
        bytes_per_cycle: payload.then(|| (requests * size as u64) as f64 / cycles as f64),
        cycles_per_request: clock.then(|| cycles as f64 / requests as f64),
    })
}

fn print(r: &Row) -> Result<()> {
    let none = || "no clock".to_string();
    let bytes = match (r.cycles, r.bytes_per_cycle) {
        (_, Some(v)) => format!("{v:.2}"),
        (Some(_), None) => "-".into(),
        (None, None) => none(),
    };
    say!(
        "{:<26}{:>8}{:>8}{:>7}{:>7}{:>10}{:>11}{:>13}{:>16}",
        r.op,
        r.size,
        r.queues,
        r.batch,
        r.depth,
        r.requests,
        r.cycles.map_or_else(none, |c| c.to_string()),
        bytes,
        r.cycles_per_request.map_or_else(none, |v| format!("{v:.1}")),
    );
    Ok(())
}

/// What the device has no room for is found before it is measured.
fn fits(device: &Device, args: &Args, cases: &[Case]) -> Result<()> {
    let caps = device.capabilities();
    if cases.iter().any(|c| c.op.is_ecdsa()) && caps.ec_engines == 0 {
        return Err(super::key::explain(casemate::Error::NoEcEngine));
    }
    if usize::from(args.keys) > caps.slots {
        bail!(
            "{} keys do not fit the device's {} slots: use fewer",
            args.keys,
            caps.slots
        );
    }
    if let Some(c) = cases.iter().find(|c| usize::from(c.queues) >= caps.queues) {
        bail!(
            "{} queues: the device has {}, one of them the officer's: use fewer",
            c.queues,
            caps.queues
        );
    }
    Ok(())
}

pub fn run(uri: &str, args: &Args) -> Result<()> {
    if args.transport {
        return transport::run(uri, args.requests.unwrap_or(1000), args.json);
    }
    let mut ops: Vec<Op> = Vec::new();
    for op in args.op.iter().flat_map(|n| n.ops()) {
        if !ops.contains(&op) {
            ops.push(op);
        }
    }
    let cases = cases(args, &ops);
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
    fits(&device, args, &cases)?;
    // A device with a clock has counted while it came up.
    let clock = device.pace()?.0 > 0;
    if !clock {
        eprintln!(
            "casemate: {uri} has no clock: requests run and are checked, but there are no cycles to show"
        );
    }
    if !args.json {
        say!("{uri} steady state");
        say!(
            "{:<26}{:>8}{:>8}{:>7}{:>7}{:>10}{:>11}{:>13}{:>16}",
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
    for &op in &ops {
        let keys = KeySet::new(&device, op, args.keys)?;
        for case in cases.iter().filter(|c| c.op == op) {
            super::interrupt::check()?;
            let r = row(&device, &keys, case, args.requests).with_context(|| {
                let (op, size) = (op.name(), case.size);
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
        keys.destroy(&device)?;
    }
    if args.json {
        let caps = device.capabilities();
        let choice = Choice::of(args, ops.iter().all(|o| o.is_ecdsa()));
        let report = Report {
            device: uri,
            parameters: Parameters {
                op: ops.iter().map(|o| o.name()).collect(),
                sizes: &args.sizes,
                batch: choice.batch,
                depth: choice.depth,
                queues: choice.queues,
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
                ec_engines: caps.ec_engines,
                clock,
            },
            results,
        };
        say!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}
