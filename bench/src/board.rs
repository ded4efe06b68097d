// SPDX-License-Identifier: Apache-2.0
//! A simulated device with keys in it, and the clock that its cycles are converted at.

use anyhow::{Context, Result, bail};
use casemate::transport::sim::Sim;
use casemate::{Device, Done, KeyHandle, KeyUse, Queue};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;

/// AES-256 keys on a board.
pub const KEYS: usize = 16;

/// A device and its keys.
pub struct Board {
    pub device: Device,
    pub keys: Vec<KeyHandle>,
    /// Its `sim:` address.
    pub uri: String,
}

impl Board {
    /// The device with these settings; all that is random comes from the seed.
    pub fn new(settings: &str, seed: u64) -> Result<Self> {
        let joint = if settings.is_empty() { "" } else { "&" };
        let uri = format!("sim:?{settings}{joint}seed={seed}");
        let device = Device::open(&uri).with_context(|| format!("opening {uri}"))?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let keys = (0..KEYS)
            .map(|_| {
                let mut key = [0; 32];
                random.fill_bytes(&mut key);
                device.load_key(&key, 0, KeyUse::BOTH)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { device, keys, uri })
    }

    fn sim(&self) -> &Sim {
        let sim = self.device.transport().as_any().downcast_ref();
        sim.expect("a `sim:` address opens a simulation")
    }

    /// Access to the simulation.
    pub fn with<T>(&self, f: impl FnOnce(&mut casemate_sim::device::Device) -> T) -> T {
        self.sim().with(f)
    }

    /// Cycles so far.
    pub fn now(&self) -> u64 {
        self.with(|d| d.cycles())
    }

    /// Interrupts of a queue so far.
    pub fn interrupts(&self, queue: &Queue) -> u64 {
        self.with(|d| d.irqs()[usize::from(queue.index())])
    }

    /// Runs to the cycle of the queue's interrupt that follows `seen` others, or until `until`; whether one came.
    pub fn run(&self, queue: &Queue, seen: u64, until: u64) -> Result<bool> {
        let index = usize::from(queue.index());
        self.with(|d| {
            while d.irqs()[index] == seen && d.cycles() < until {
                let left = until - d.cycles();
                d.run(left)?;
            }
            Ok(d.irqs()[index] != seen)
        })
    }

    /// One request on an idle queue: its result, and the cycles from before its doorbell to its interrupt.
    pub fn lone(&self, queue: &mut Queue, request: impl Into<casemate::AnyRequest>) -> Result<(Done, u64)> {
        let (seen, start) = (self.interrupts(queue), self.now());
        let submitted = queue.submit([request])?;
        if let Some(e) = submitted.refused {
            return Err(e.into());
        }
        if !self.run(queue, seen, start + 10_000_000)? {
            bail!("no answer in 10,000,000 cycles");
        }
        let took = self.now() - start;
        let mut done = Vec::new();
        queue.poll(&mut done)?;
        let done = done.pop().context("an interrupt without a completion")?;
        Ok((done.ok()?, took))
    }
}

/// A clock that was placed and routed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Clock {
    pub mhz: f64,
    /// What of: block, variant, part.
    pub block: String,
    pub variant: String,
    pub part: String,
    pub seeds: usize,
    pub command: String,
    /// The slowest block that was placed, which a device that has it must wait for.
    pub slowest: String,
    pub slowest_mhz: f64,
}

impl Clock {
    /// The lane's, the worst of its seeds, from the synthesis report.
    pub fn read(report: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(report).with_context(|| format!("{}", report.display()))?;
        let rows: Vec<serde_json::Value> =
            serde_json::from_str(&text).with_context(|| format!("{}", report.display()))?;
        let worst = |row: &serde_json::Value| -> Option<f64> {
            let all = row["fmax_mhz"].as_array()?.iter().filter_map(|f| f.as_f64());
            all.min_by(f64::total_cmp)
        };
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_string();
        let lane = (rows.iter())
            .find(|r| r["block"] == "gcm_lane" && r["variant"] == "tower")
            .context("the synthesis report has no row of gcm_lane, tower: cargo xtask synth gcm_lane")?;
        // A variant that is slower than another of its block need not be built.
        let slowest = (rows.iter())
            .filter(|r| r["block"] != "gcm_lane" || r["variant"] == "tower")
            .filter_map(|r| Some((worst(r)?, text(r, "block"))))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .context("the synthesis report is empty")?;
        Ok(Self {
            mhz: worst(lane).context("gcm_lane has no fmax_mhz")?,
            block: text(lane, "block"),
            variant: text(lane, "variant"),
            part: text(lane, "part"),
            seeds: lane["fmax_mhz"].as_array().map_or(0, Vec::len),
            command: text(lane, "command"),
            slowest: slowest.1,
            slowest_mhz: slowest.0,
        })
    }
}
