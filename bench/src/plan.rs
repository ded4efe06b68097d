// SPDX-License-Identifier: Apache-2.0
//! Which figures there are, and the parameters of each.

use crate::board::{Board, Clock};
use crate::closed::{self, Case};
use crate::report::{Column, Plot, Series};
use crate::software::{BASELINE, Peers, crossing};
use crate::{ecdsa, host, open, stages};
use anyhow::{Context, Result};
use casemate::Curve;
use serde_json::{Value, json};
use std::path::PathBuf;

/// How much, and with what.
pub struct Plan {
    pub quick: bool,
    pub seed: u64,
    pub clock: Clock,
    /// This program, for callgrind; None: instructions are not counted.
    pub program: Option<PathBuf>,
    /// What measures software; None: it is left out.
    pub peers: Option<PathBuf>,
}

/// Every series, in the order of the report. Those of software need what measures it.
pub const SERIES: [&str; 16] = [
    "size",
    "batch",
    "depth",
    "queues",
    "lanes",
    "keys",
    "link",
    "tags",
    "latency",
    "stages",
    "stages-link",
    "ecdsa",
    "host",
    "software",
    "break-even",
    "simulation",
];

/// Those that are there without [`Plan::peers`].
pub fn without_peers() -> impl Iterator<Item = &'static str> {
    SERIES
        .into_iter()
        .filter(|s| !matches!(*s, "software" | "break-even"))
}

const fn column(name: &'static str, unit: &'static str) -> Column {
    Column {
        name,
        unit,
        optional: false,
    }
}

/// A column that not every row has.
const fn optional(name: &'static str, unit: &'static str) -> Column {
    Column {
        name,
        unit,
        optional: true,
    }
}

/// A row of a closed loop: what it is of, beside the case.
struct Set {
    settings: String,
    lanes: u32,
    link: &'static str,
    case: Case,
}

impl Set {
    fn plain(case: Case) -> Self {
        Self {
            settings: String::new(),
            lanes: 1,
            link: "none",
            case,
        }
    }
}

/// Message sizes of break-even and peers; each is one of the series `size` and `link`, too.
pub fn sizes(quick: bool) -> &'static [usize] {
    match quick {
        true => &[64, 256, 1024, 4096, 16384],
        false => &[16, 64, 128, 256, 512, 1024, 1500, 2048, 4096, 8192, 16384],
    }
}

impl Plan {
    fn command(&self, series: &str) -> String {
        let quick = if self.quick { " --quick" } else { "" };
        format!("cargo xtask bench{quick} --seed {} --series {series}", self.seed)
    }

    fn link(&self, name: &str, more: &str) -> String {
        format!("link={name}&clock={}{more}", self.clock.mhz)
    }

    fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// One series by its name; `software` if there is no [`Plan::peers`] is an error.
    pub fn series(&self, name: &str, peers: Option<&Peers>) -> Result<Series> {
        let one = match name {
            "size" => self.size(),
            "batch" => self.batch(),
            "depth" => self.depth(),
            "queues" => self.queues(),
            "lanes" => self.lanes(),
            "keys" => self.keys(),
            "link" => self.behind_link(),
            "tags" => self.tags(),
            "latency" => self.latency(),
            "stages" => self.stages("stages", "none"),
            "stages-link" => self.stages("stages-link", "gen3x8"),
            "ecdsa" => self.ecdsa(peers),
            "host" => self.host(),
            "software" => self.software(peers.context("no software was measured")?),
            "break-even" => self.break_even(peers.context("no software was measured")?),
            "simulation" => self.simulation(),
            other => anyhow::bail!("no series `{other}`: there are {}", SERIES.join(", ")),
        };
        one.with_context(|| format!("series {name}"))
    }

    /// Runs sets one after another, a board for as long as the settings stay.
    fn closed(
        &self,
        (name, title): (&'static str, &'static str),
        note: &str,
        plot: Plot,
        sets: Vec<Set>,
    ) -> Result<Series> {
        let columns = vec![
            column("operation", ""),
            column("size", "bytes"),
            column("batch", "requests"),
            column("depth", "entries"),
            column("queues", ""),
            column("lanes", ""),
            column("keys", ""),
            column("link", ""),
            column("settings", ""),
            column("requests", ""),
            column("cycles", ""),
            column("cycles per request", "cycles"),
            column("bytes per cycle", "bytes"),
            column("rate", "M requests/s"),
            column("throughput", "Gbit/s"),
            column("lane busy", "%"),
            column("lane waits for input", "%"),
            column("lane waits for output", "%"),
        ];
        let payload = self.pick(128 << 10, 1 << 20);
        let mut board: Option<(String, Board)> = None;
        let mut rows = Vec::new();
        for set in sets {
            let case = &set.case;
            if board.as_ref().is_none_or(|b| b.0 != set.settings) {
                board = Some((set.settings.clone(), Board::new(&set.settings, self.seed)?));
            }
            let Some((_, board)) = &board else { continue };
            let got = closed::measure(board, case, case.requests(payload))
                .with_context(|| format!("{case:?} on {}", board.uri))?;
            let each = got.cycles as f64 / got.requests as f64;
            let rate = self.clock.mhz / each;
            rows.push(vec![
                json!(case.op()),
                json!(case.size),
                json!(case.batch),
                json!(case.depth),
                json!(case.queues),
                json!(set.lanes),
                json!(case.keys),
                json!(set.link),
                json!(set.settings),
                json!(got.requests),
                json!(got.cycles),
                json!(each),
                json!(case.size as f64 / each),
                json!(rate),
                json!(rate * case.size as f64 * 8.0 / 1000.0),
                json!(got.busy),
                json!(got.stall_in),
                json!(got.stall_out),
            ]);
        }
        Ok(Series {
            name,
            title,
            note: format!(
                "{note} Closed loop: queues are kept full, the steady state is counted by the device's own registers. IVs of 12 bytes, no AAD, \
                 the tag appended; keys of 256 bits. A second has {} M cycles.",
                self.clock.mhz
            ),
            command: self.command(name),
            columns,
            rows,
            plot: Some(plot),
        })
    }

    fn size(&self) -> Result<Series> {
        let mut sets = Vec::new();
        for open in [false, true] {
            let all = sizes(self.quick).iter().map(|&s| Case {
                open,
                ..Case::seal(s)
            });
            sets.extend(all.map(Set::plain));
        }
        let plot = Plot {
            x: "size",
            y: vec!["bytes per cycle"],
            by: Some("operation"),
            log_x: true,
            log_y: false,
        };
        let note = "One lane, memory 250 cycles away, a bus of 32 bytes.";
        self.closed(("size", "Throughput against message size"), note, plot, sets)
    }

    fn batch(&self) -> Result<Series> {
        let mut sets = Vec::new();
        for size in [64, 1024] {
            for batch in self.pick(vec![1, 8, 32], vec![1, 2, 4, 8, 16, 32]) {
                sets.push(Set::plain(Case {
                    batch,
                    ..Case::seal(size)
                }));
            }
        }
        let plot = Plot {
            x: "batch",
            y: vec!["bytes per cycle"],
            by: Some("size"),
            log_x: true,
            log_y: false,
        };
        let note = "Requests a doorbell. The host takes no time of its own, so that only the doorbells' register writes tell.";
        self.closed(("batch", "Throughput against batch"), note, plot, sets)
    }

    fn depth(&self) -> Result<Series> {
        let mut sets = Vec::new();
        for size in self.pick(vec![64, 1024], vec![64, 256, 1024, 4096]) {
            for depth in self.pick(vec![4, 16, 64, 256], vec![2, 4, 8, 16, 32, 64, 128, 256, 512]) {
                let case = Case {
                    batch: 1,
                    depth,
                    queues: 1,
                    ..Case::seal(size)
                };
                sets.push(Set::plain(case));
            }
        }
        let plot = Plot {
            x: "depth",
            y: vec!["bytes per cycle"],
            by: Some("size"),
            log_x: true,
            log_y: false,
        };
        let note = "One queue: what it has in flight, its depth, over the time of a request is the most there can be.";
        self.closed(("depth", "Throughput against queue depth"), note, plot, sets)
    }

    fn queues(&self) -> Result<Series> {
        let mut sets = Vec::new();
        for size in self.pick(vec![64, 1024], vec![64, 256, 1024]) {
            for queues in self.pick(vec![1, 2, 4, 7], vec![1, 2, 3, 4, 5, 6, 7]) {
                let case = Case {
                    queues,
                    depth: 16,
                    ..Case::seal(size)
                };
                sets.push(Set::plain(case));
            }
        }
        let plot = Plot {
            x: "queues",
            y: vec!["bytes per cycle"],
            by: Some("size"),
            log_x: false,
            log_y: false,
        };
        let note = "Queues of 16 entries, so that one alone does not fill the device.";
        self.closed(("queues", "Scaling by queues"), note, plot, sets)
    }

    fn lanes(&self) -> Result<Series> {
        // Quick takes devices that the tests have built.
        let shapes = self.pick(
            vec![(1, ""), (2, "axi=128&lanes=2&slots=16")],
            vec![
                (1, ""),
                (1, "axi=512&lanes=1"),
                (2, "axi=512&lanes=2"),
                (4, "axi=512&lanes=4"),
            ],
        );
        let mut sets = Vec::new();
        for (lanes, settings) in shapes {
            for size in [64, 1024, 4096] {
                let case = Case {
                    depth: 64,
                    keys: 8,
                    ..Case::seal(size)
                };
                sets.push(Set {
                    settings: settings.into(),
                    lanes,
                    ..Set::plain(case)
                });
            }
        }
        let plot = Plot {
            x: "size",
            y: vec!["bytes per cycle"],
            by: Some("settings"),
            log_x: true,
            log_y: false,
        };
        let note = "A bus of 128 bits carries 16 bytes a cycle each way, of 256 bits 32, of 512 bits 64; a lane takes 16. Lanes share one fetcher of descriptors and one guard.";
        self.closed(("lanes", "Scaling by lanes"), note, plot, sets)
    }

    fn keys(&self) -> Result<Series> {
        let mut sets = Vec::new();
        for size in [64, 256] {
            for keys in [1, 2, 4, 16] {
                sets.push(Set::plain(Case {
                    keys,
                    ..Case::seal(size)
                }));
            }
        }
        let plot = Plot {
            x: "keys",
            y: vec!["bytes per cycle"],
            by: Some("size"),
            log_x: true,
            log_y: false,
        };
        let note = "Keys that take turns, message by message: a change of key costs nothing.";
        self.closed(("keys", "Mixed keys against one"), note, plot, sets)
    }

    fn behind_link(&self) -> Result<Series> {
        let mut sets = Vec::new();
        for link in ["gen2x4", "gen3x8"] {
            for &size in sizes(self.quick) {
                let case = Case {
                    depth: if size <= 1024 { 256 } else { 32 },
                    ..Case::seal(size)
                };
                sets.push(Set {
                    settings: self.link(link, ""),
                    link,
                    ..Set::plain(case)
                });
            }
        }
        let plot = Plot {
            x: "size",
            y: vec!["throughput"],
            by: Some("link"),
            log_x: true,
            log_y: false,
        };
        let note = "Memory behind PCIe, simulated packet by packet: MPS 256, MRRS 512, RCB 64, 1 us, 256 tags, packets of 20 or 24 bytes and their payload, 96 % of the link for packets (sim/README.md).";
        self.closed(("link", "Throughput behind PCIe"), note, plot, sets)
    }

    fn tags(&self) -> Result<Series> {
        let mut sets = Vec::new();
        for (rtt, label) in self.pick(
            vec![(1000, "gen2x4, 1 us")],
            vec![(1000, "gen2x4, 1 us"), (2000, "gen2x4, 2 us")],
        ) {
            for tags in self.pick(vec![2, 8, 16], vec![1, 2, 4, 8, 16, 32, 64]) {
                sets.push(Set {
                    settings: self.link("gen2x4", &format!("&rtt={rtt}&link_tags={tags}")),
                    link: label,
                    ..Set::plain(Case::seal(4096))
                });
            }
        }
        let plot = Plot {
            x: "tags",
            y: vec!["throughput"],
            by: Some("link"),
            log_x: true,
            log_y: false,
        };
        let note = "Read requests in flight behind x4 Gen2, of 256 bytes. Sealing sends ciphertext and requests up, 304 bytes for 256: 1.62 GB/s or 12.9 Gbit/s is the link's end.";
        let mut series = self.closed(("tags", "Throughput against tags"), note, plot, sets)?;
        series.columns.insert(8, column("tags", ""));
        for row in &mut series.rows {
            let settings = row[8].as_str().unwrap_or_default();
            let tags: u32 = settings.rsplit('=').next().unwrap_or_default().parse()?;
            row.insert(8, json!(tags));
        }
        Ok(series)
    }

    fn latency(&self) -> Result<Series> {
        let columns = vec![
            column("size", "bytes"),
            column("link", ""),
            column("load", "% of the closed loop's rate"),
            column("arrivals", "M requests/s"),
            column("requests", ""),
            column("p50", "cycles"),
            column("p99", "cycles"),
            column("p99.9", "cycles"),
            column("most", "cycles"),
            column("p50 us", "us"),
            column("p99 us", "us"),
            column("p99.9 us", "us"),
            column("case", ""),
        ];
        let loads = self.pick(vec![10, 50, 80, 95], vec![10, 30, 50, 70, 80, 90, 95, 98]);
        let count = self.pick(2000, 10_000);
        let mut rows = Vec::new();
        for (size, link) in self.pick(
            vec![(256, "none")],
            vec![(64, "none"), (256, "none"), (1024, "none"), (1024, "gen3x8")],
        ) {
            let settings = if link == "none" {
                String::new()
            } else {
                self.link(link, "")
            };
            let board = Board::new(&settings, self.seed)?;
            let case = Case {
                batch: 1,
                depth: 256,
                queues: 1,
                ..Case::seal(size)
            };
            let full = closed::measure(&board, &case, 1024)?;
            let each = full.cycles as f64 / full.requests as f64;
            for load in &loads {
                let between = each * 100.0 / f64::from(*load);
                let got = open::measure(&board, self.seed, size, count, between)?;
                let us = |cycles: u64| json!(cycles as f64 / self.clock.mhz);
                rows.push(vec![
                    json!(size),
                    json!(link),
                    json!(load),
                    json!(self.clock.mhz / between),
                    json!(count),
                    json!(got.p50),
                    json!(got.p99),
                    json!(got.p999),
                    json!(got.most),
                    us(got.p50),
                    us(got.p99),
                    us(got.p999),
                    json!(format!("{size} bytes, link {link}")),
                ]);
            }
        }
        Ok(Series {
            name: "latency",
            title: "Latency against offered load",
            note: format!(
                "Open loop: messages to seal arrive by a Poisson process in cycles of the device (the seed's), on one queue of 256 entries, each with a \
                 doorbell; the time from arrival to interrupt, waiting for room in the ring included. 100 % is what the same queue does when it is \
                 always full. The host takes no time but that of its register accesses. A second has {} M cycles.",
                self.clock.mhz
            ),
            command: self.command("latency"),
            columns,
            rows,
            plot: Some(Plot {
                x: "load",
                y: if self.quick {
                    vec!["p50", "p99", "p99.9"]
                } else {
                    vec!["p50", "p99.9"]
                },
                by: Some("case"),
                log_x: false,
                log_y: true,
            }),
        })
    }

    fn stages(&self, name: &'static str, link: &'static str) -> Result<Series> {
        let settings = if link == "none" {
            String::new()
        } else {
            self.link(link, "")
        };
        let board = Board::new(&settings, self.seed)?;
        let mut columns = vec![column("size", "bytes"), column("link", "")];
        columns.extend(stages::STAGES.map(|s| column(s, "cycles")));
        columns.push(column("total", "cycles"));
        columns.push(column("total us", "us"));
        let mut rows = Vec::new();
        for &size in sizes(self.quick) {
            let found = stages::measure(&board, size)?;
            let total: u64 = found.iter().sum();
            let mut row = vec![json!(size), json!(link)];
            row.extend(found.iter().map(|s| json!(s)));
            row.extend([json!(total), json!(total as f64 / self.clock.mhz)]);
            rows.push(row);
        }
        let title = match link {
            "none" => "A lone request's cycles, by stage",
            _ => "A lone request's cycles behind x8 Gen3, by stage",
        };
        Ok(Series {
            name,
            title,
            note: "One message sealed on an idle device. fetch: from the doorbell's write to the descriptor's last beat; read: to the payload's last beat; \
                   engine: to the last beat of the result; write: to the answer of its write; completion: to the interrupt. Stages overlap in a long \
                   message: each counts what is left of it when the one before has ended. Seen on the device's AXI4 master; the device's counters \
                   tell a lane's time at work and waiting (the closed loops' last columns), not a request's stages."
                .into(),
            command: self.command(name),
            columns,
            rows,
            plot: Some(Plot {
                x: "size",
                y: stages::STAGES.to_vec(),
                by: None,
                log_x: true,
                log_y: false,
            }),
        })
    }

    fn ecdsa(&self, peers: Option<&Peers>) -> Result<Series> {
        let board = Board::new("", self.seed)?;
        let mut rows = Vec::new();
        for curve in Curve::ALL {
            for kind in ecdsa::KINDS {
                let cycles = ecdsa::measure(&board, curve, kind, self.pick(1, 4))?;
                let op = format!("ecdsa-{}-{kind}", ecdsa::name(curve));
                let plain = op.trim_end_matches("-protected");
                let software =
                    peers.and_then(|p| p.rows.iter().find(|r| r.peer == BASELINE && r.op == plain));
                let rate = software.map(|r| 1e9 / r.ns_per_op);
                rows.push(vec![
                    json!(op),
                    json!(cycles),
                    json!(rate),
                    json!(rate.map(|r| r * cycles / 1e6)),
                ]);
            }
        }
        Ok(Series {
            name: "ecdsa",
            title: "ECDSA",
            note: format!(
                "Lone requests through rings and slots, one engine, from the doorbell to the interrupt. `protected`: blinded, and each signature verified before \
                 it leaves. The engine has not been placed and routed, so that cycles are not turned into time; the last column is the clock at which one \
                 engine would do what {BASELINE} does on one core of this machine."
            ),
            command: self.command("ecdsa"),
            columns: vec![
                column("operation", ""),
                column("cycles", ""),
                optional("software", "operations/s"),
                optional("clock to equal it", "MHz"),
            ],
            rows,
            plot: None,
        })
    }

    fn host(&self) -> Result<Series> {
        let ns = host::nanoseconds(self.pick(2000, 20_000))?;
        let instructions = match &self.program {
            Some(program) => host::instructions(program)?,
            None => None,
        };
        let row = |what: &str, ns: f64, count: Option<f64>| vec![json!(what), json!(ns), json!(count)];
        Ok(Series {
            name: "host",
            title: "What a request costs the processor",
            note: "Sealing 64 bytes in place, 32 requests a doorbell, over the functional model, whose own work is not counted: its doorbell is a store under a \
                   lock, a card's a store to a mapped register. Time is the fastest round's; instructions are callgrind's (none where there is no valgrind)."
                .into(),
            command: self.command("host"),
            columns: vec![
                column("part", ""),
                column("time", "ns/request"),
                optional("instructions", "instructions/request"),
            ],
            rows: vec![
                row("submit", ns.submit, instructions.map(|c| c.submit)),
                row("reap", ns.reap, instructions.map(|c| c.reap)),
            ],
            plot: None,
        })
    }

    fn software(&self, peers: &Peers) -> Result<Series> {
        let rows = (peers.rows.iter())
            .map(|r| {
                let bytes = r.size.map(|s| s as f64 * 1e3 / r.ns_per_op);
                vec![
                    json!(r.peer),
                    json!(r.version),
                    json!(r.op),
                    json!(r.size),
                    json!(r.ns_per_op),
                    json!(1e9 / r.ns_per_op),
                    json!(bytes),
                ]
            })
            .collect();
        let left_out = match &peers.skipped[..] {
            [] => String::new(),
            some => format!(" Left out: {}.", some.join("; ")),
        };
        Ok(Series {
            name: "software",
            title: "Software on one core of this machine",
            note: format!(
                "The same messages, sealed in place, one key set up before, no AAD; ECDSA over a message of 32 bytes, hashing included. The fastest of {} \
                 repetitions of {} ms. The libraries' results agree.{left_out}",
                peers.repetitions, peers.milliseconds
            ),
            command: self.command("software"),
            columns: vec![
                column("library", ""),
                column("version", ""),
                column("operation", ""),
                optional("size", "bytes"),
                column("time", "ns"),
                column("rate", "operations/s"),
                optional("speed", "MB/s"),
            ],
            rows,
            plot: Some(Plot {
                x: "size",
                y: vec!["speed"],
                by: Some("library"),
                log_x: true,
                log_y: false,
            }),
        })
    }

    fn break_even(&self, peers: &Peers) -> Result<Series> {
        let ns_of = |series: &Series, link: Option<&str>| -> Result<Vec<(usize, f64)>> {
            let at = |name: &str| series.column(name).context("a column");
            let (size, rate, links, op) = (at("size")?, at("rate")?, at("link")?, at("operation")?);
            let rows = series
                .rows
                .iter()
                .filter(|r| r[op] == "aes-256-gcm-seal" && link.is_none_or(|l| r[links] == l));
            let of = |r: &Vec<Value>| Some((r[size].as_u64()? as usize, 1000.0 / r[rate].as_f64()?));
            Ok(rows.filter_map(of).collect())
        };
        let (bare, linked) = (self.size()?, self.behind_link()?);
        let devices = [
            ("one lane, no link", ns_of(&bare, None)?),
            ("one lane behind x4 Gen2", ns_of(&linked, Some("gen2x4"))?),
            ("one lane behind x8 Gen3", ns_of(&linked, Some("gen3x8"))?),
        ];
        let cost = host::nanoseconds(self.pick(2000, 20_000))?;
        let host = cost.submit + cost.reap;
        let mut names: Vec<&str> = Vec::new();
        for r in peers.rows.iter().filter(|r| r.size.is_some()) {
            if !names.contains(&r.peer.as_str()) {
                names.push(&r.peer);
            }
        }
        let mut rows = Vec::new();
        for peer in names {
            let software = peers.seal(peer);
            for (device, times) in &devices {
                let ahead = |i: usize| times[i].1 < software[i].1;
                let last = times.len() - 1;
                let found = crossing(times, &software);
                let winner = match (ahead(0), ahead(last)) {
                    (true, true) => "device, at all sizes",
                    (true, false) => "device, up to the break-even",
                    (false, true) => "device, at large sizes",
                    (false, false) => "software, at large sizes and the smallest",
                };
                let gbps = |t: &(usize, f64)| t.0 as f64 * 8.0 / t.1;
                rows.push(vec![
                    json!(device),
                    json!(peer),
                    json!(winner),
                    json!(found),
                    json!(gbps(&times[last])),
                    json!(gbps(&software[last])),
                ]);
            }
            let processor: Vec<(usize, f64)> = software.iter().map(|s| (s.0, host)).collect();
            rows.push(vec![
                json!("the processor's own time: submit and reap"),
                json!(peer),
                json!("device, from the break-even on"),
                json!(crossing(&software, &processor)),
                Value::Null,
                Value::Null,
            ]);
        }
        Ok(Series {
            name: "break-even",
            title: "Where the device and software break even",
            note: format!(
                "A full device, its cycles at {} MHz, against one core that does nothing else, by message size; the break-even lies between sizes measured, by a \
                 straight line on logarithms, and - says that there is none. The last row of each library is the core's time alone: what submitting and \
                 reaping a request takes ({host:.0} ns here) against sealing it in software. Speeds are those at {} bytes.",
                self.clock.mhz,
                sizes(self.quick).last().copied().unwrap_or_default()
            ),
            command: self.command("break-even"),
            columns: vec![
                column("device", ""),
                column("library", ""),
                column("faster", ""),
                optional("break-even", "bytes"),
                optional("device's speed", "Gbit/s"),
                optional("library's speed", "Gbit/s"),
            ],
            rows,
            plot: None,
        })
    }

    fn simulation(&self) -> Result<Series> {
        let board = Board::new("", self.seed)?;
        let case = Case {
            queues: 2,
            ..Case::seal(16384)
        };
        let got = closed::measure(&board, &case, self.pick(64, 512))?;
        let bytes = got.requests as f64 * case.size as f64;
        Ok(Series {
            name: "simulation",
            title: "The simulator",
            note: "The whole device under Verilator, one core of this machine, while it seals messages of 16 KiB. This is the simulator's speed and says nothing of the device's.".into(),
            command: self.command("simulation"),
            columns: vec![
                column("cycles", ""),
                column("time", "s"),
                column("speed", "kcycles/s"),
                column("AES-GCM", "MB/s"),
            ],
            rows: vec![vec![
                json!(got.cycles),
                json!(got.seconds),
                json!(got.cycles as f64 / got.seconds / 1e3),
                json!(bytes / got.seconds / 1e6),
            ]],
            plot: None,
        })
    }
}
