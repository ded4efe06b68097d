// SPDX-License-Identifier: Apache-2.0
//! What to simulate: the RTL's sources and parameters, memory, faults; from the query of a `sim:` address.

use crate::axi::MemoryTiming;
use crate::link::LinkTiming;
use crate::verilate::Block;
use std::path::{Path, PathBuf};

/// Parameters of the RTL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// AXI data width, bits: 128, 256 or 512.
    pub axi: u32,
    /// AES-GCM lanes.
    pub lanes: u32,
    /// Key slots.
    pub slots: u32,
    /// Queues.
    pub queues: u32,
    /// S-box: 0 table, 1 tower field, 2 block RAM.
    pub sbox: u32,
    /// Outstanding data reads a lane.
    pub tags: u32,
    /// Clock gates: 1 stops the clocks of idle parts, which makes the simulation faster and changes no cycle.
    pub gates: u32,
    /// Engines for elliptic curves: 0 to 4.
    pub ec: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            axi: 256,
            lanes: 1,
            slots: 64,
            queues: 8,
            sbox: 0,
            tags: 64,
            gates: 1,
            ec: 1,
        }
    }
}

/// What to simulate.
#[derive(Clone)]
pub struct Config {
    /// Parameters of the RTL.
    pub shape: Shape,
    /// Memory.
    pub timing: MemoryTiming,
    /// Waveforms to this file.
    pub trace: Option<PathBuf>,
    /// A source file of the RTL (by name) and what to take in its place: for tests that must see a bug.
    pub replaced: Option<(String, PathBuf)>,
    /// All state can be read: [`Device::state`].
    pub inspect: bool,
    /// The cycle in which the tamper input is high.
    pub tamper: Option<u64>,
    /// The power-up self-tests fail.
    pub selftest_fault: bool,
    /// The platform's root secret. For development it is bytes 0 to 31, which everybody knows.
    pub root: [u8; 32],
    /// What the entropy source gives comes from this, and not from the seed: other keys in every run.
    pub noise: Option<[u8; 32]>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shape: Shape::default(),
            timing: MemoryTiming::default(),
            trace: None,
            replaced: None,
            inspect: false,
            tamper: None,
            selftest_fault: false,
            root: std::array::from_fn(|i| i as u8),
            noise: None,
        }
    }
}

impl std::fmt::Debug for Config {
    /// All but the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("shape", &self.shape)
            .field("timing", &self.timing)
            .field("trace", &self.trace)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// From `key=value` pairs joined by `&`: axi, lanes, slots, queues, sbox, tags, gates, ec; latency, wlatency, bandwidth, stall,
    /// reorder, seed; link and what belongs to it ([`LINK`]); tamper (a cycle), selftest_fault (0 or 1); trace. An unknown key or a
    /// value out of range is named in the error.
    pub fn parse(query: &str) -> Result<Self, String> {
        let mut c = Self::default();
        let (mut link, mut of_link, mut given) = (None, Vec::new(), Vec::new());
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| format!("`{pair}` is not key=value"))?;
            given.push(key);
            if key == "link" {
                let parsed = LinkTiming::parse(value);
                let what = || format!("link={value}: genGxL, G from 1 to 5 and L one of 1, 2, 4, 8, 16");
                link = Some(parsed.ok_or_else(what)?);
                continue;
            }
            if LINK.contains(&key) {
                of_link.push((key, value));
                continue;
            }
            if key == "trace" {
                c.trace = Some(value.into());
                continue;
            }
            if key == "sbox" {
                c.shape.sbox = match value {
                    "table" => 0,
                    "tower" => 1,
                    "bram" => 2,
                    _ => return Err(format!("sbox={value}: table, tower or bram")),
                };
                continue;
            }
            let n: u64 = value
                .parse()
                .map_err(|_| format!("{key}={value}: not a number"))?;
            let within = |ok: bool, what: &str| {
                if ok {
                    Ok(n as u32)
                } else {
                    Err(format!("{key}={value}: {what}"))
                }
            };
            let power = n.is_power_of_two();
            match key {
                "axi" => c.shape.axi = within(matches!(n, 128 | 256 | 512), "128, 256 or 512")?,
                "lanes" => c.shape.lanes = within((1..=8).contains(&n), "1 to 8")?,
                "slots" => {
                    c.shape.slots = within(power && (2..=256).contains(&n), "a power of two, 2 to 256")?
                }
                "queues" => c.shape.queues = within((2..=64).contains(&n), "2 to 64")?,
                "tags" => c.shape.tags = within(power && (4..=128).contains(&n), "a power of two, 4 to 128")?,
                "gates" => c.shape.gates = within(n <= 1, "0 or 1")?,
                "ec" => c.shape.ec = within(n <= 4, "0 to 4")?,
                "latency" => c.timing.read_latency = within(n <= 100_000, "at most 100000 cycles")?,
                "wlatency" => c.timing.write_latency = within(n <= 100_000, "at most 100000 cycles")?,
                "bandwidth" => {
                    c.timing.bandwidth = within(n <= 64, "at most 64 bytes a cycle, 0 for the bus width")?
                }
                "stall" => c.timing.stall = within(n <= 95, "percent, at most 95")?,
                "reorder" => c.timing.reorder = within(n <= 100_000, "at most 100000 cycles")?,
                "seed" => c.timing.seed = n,
                "tamper" => c.tamper = Some(n),
                "selftest_fault" => c.selftest_fault = within(n <= 1, "0 or 1")? == 1,
                _ => {
                    return Err(format!(
                        "unknown key `{key}`: axi, lanes, slots, queues, sbox, tags, gates, ec, latency, wlatency, bandwidth, stall, reorder, seed, link, {}, tamper, selftest_fault or trace",
                        LINK.join(", ")
                    ));
                }
            }
        }
        let Some(mut link) = link else {
            return match of_link.first() {
                Some((key, value)) => Err(format!(
                    "{key}={value}: there is no link; give one, as link=gen3x8"
                )),
                None => Ok(c),
            };
        };
        if given.contains(&"latency") {
            return Err("latency: a link has its own; give rtt=NANOSECONDS instead".into());
        }
        for (key, value) in of_link {
            set_link(&mut link, key, value)?;
        }
        if !given.contains(&"wlatency") {
            c.timing.write_latency = link.cycles(link.rtt_ns / 2) as u32;
        }
        c.timing.link = Some(Box::new(link));
        Ok(c)
    }

    /// The device with these parameters, to be built.
    pub fn block(&self) -> Block {
        let s = &self.shape;
        Block::new("casemate_top")
            .sources(sources().into_iter().map(|p| match &self.replaced {
                Some((name, with)) if p.file_name().is_some_and(|n| n == name.as_str()) => with.clone(),
                _ => p,
            }))
            .param("AXI_DW", s.axi)
            .param("LANES", s.lanes)
            .param("SLOTS", s.slots)
            .param("QUEUES", s.queues)
            .param("SBOX", s.sbox)
            .param("RD_TAGS", s.tags)
            .param("EC_ENGINES", s.ec)
            .param("CLOCK_GATES", format!("1'd{}", s.gates))
            .trace(self.trace.is_some())
            .inspect(self.inspect)
    }
}

/// What can be said of a link.
const LINK: [&str; 6] = ["clock", "mps", "mrrs", "rcb", "rtt", "link_tags"];

fn set_link(link: &mut LinkTiming, key: &str, value: &str) -> Result<(), String> {
    let bad = |what: &str| format!("{key}={value}: {what}");
    if key == "clock" {
        let mhz: f64 = value.parse().map_err(|_| bad("not a number"))?;
        if !(1.0..=2000.0).contains(&mhz) {
            return Err(bad("MHz, 1 to 2000"));
        }
        link.clock_khz = (mhz * 1000.0).round() as u64;
        return Ok(());
    }
    let n: u64 = value.parse().map_err(|_| bad("not a number"))?;
    let sizes = |ok: bool| {
        if ok {
            Ok(n)
        } else {
            Err(bad("bytes, a power of two from 128 to 4096"))
        }
    };
    let size = n.is_power_of_two() && (128..=4096).contains(&n);
    match key {
        "mps" => link.mps = sizes(size)?,
        "mrrs" => link.mrrs = sizes(size)?,
        "rcb" if matches!(n, 64 | 128) => link.rcb = n,
        "rcb" => return Err(bad("64 or 128")),
        "rtt" if n <= 100_000 => link.rtt_ns = n,
        "rtt" => return Err(bad("at most 100000 ns")),
        _ if (1..=1024).contains(&n) => link.tags = n as u32,
        _ => return Err(bad("1 to 1024")),
    }
    Ok(())
}

/// Every SystemVerilog source of the device, packages first.
pub fn sources() -> Vec<PathBuf> {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .join("hdl");
    let rank = |p: &Path| match p.file_name().and_then(|n| n.to_str()).unwrap_or("") {
        "casemate_abi_pkg.sv" => 0,
        "gcm_pkg.sv" => 1,
        "casemate_pkg.sv" => 2,
        // Before hmac_pkg, which uses it.
        "sha2_pkg.sv" => 3,
        n if n.ends_with("_pkg.sv") => 4,
        _ => 5,
    };
    let entries = |dir: PathBuf| -> Vec<PathBuf> {
        std::fs::read_dir(dir)
            .map(|d| d.flatten().map(|e| e.path()).collect())
            .unwrap_or_default()
    };
    let mut files: Vec<PathBuf> = entries(hdl)
        .into_iter()
        .flat_map(|block| entries(block.join("rtl")))
        .filter(|p| p.extension().is_some_and(|e| e == "sv"))
        .collect();
    files.sort_by_key(|p| (rank(p), p.clone()));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_errors_name_the_key() {
        assert_eq!(Config::parse("latency=9&lanes=2").unwrap().timing.read_latency, 9);
        for (bad, names) in [
            ("lanes=9", "1 to 8"),
            ("speed=1", "`speed`"),
            ("axi=x", "axi=x"),
            ("seed", "`seed`"),
            ("link=gen6x4", "gen6x4"),
            ("link=gen2x3", "gen2x3"),
            ("mps=256", "link=gen3x8"),
            ("link=gen3x8&latency=9", "rtt="),
            ("link=gen3x8&mps=100", "mps=100"),
            ("link=gen3x8&rcb=256", "64 or 128"),
            ("link=gen3x8&link_tags=0", "link_tags=0"),
            ("link=gen3x8&clock=fast", "clock=fast"),
        ] {
            let e = Config::parse(bad).unwrap_err();
            assert!(e.contains(names), "{e}");
        }
    }

    #[test]
    fn a_link_has_its_own_latencies() {
        let c = Config::parse("link=gen3x8&clock=207.1&rtt=2000&link_tags=32").unwrap();
        let link = c.timing.link.unwrap();
        assert_eq!((link.clock_khz, link.rtt_ns, link.tags), (207_100, 2000, 32));
        assert_eq!(c.timing.write_latency, 208, "half of the way, 1 us at 207.1 MHz");
        assert_eq!(
            Config::parse("link=gen3x8&wlatency=3")
                .unwrap()
                .timing
                .write_latency,
            3
        );
    }
}
