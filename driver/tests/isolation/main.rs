// SPDX-License-Identifier: Apache-2.0
//! I1 by differential simulation: two runs of the whole RTL that differ in nothing but the bytes of keys, with errors, bus
//! faults, queue resets and device resets, must show the same in every cycle, but for the data of declared outputs: ciphertext
//! and tags.
//!
//! `CASEMATE_ISOLATION_OPS` operations a memory (1,500 by default), `CASEMATE_ISOLATION_SEED`.

#[path = "../compare/program.rs"]
mod program;

use casemate::abi::{Opcode, Status, TagMode};
use casemate::transport::{DmaRegion, sim::Sim};
use casemate::{Device, Done, Error, KeyUse, Queue, QueueConfig};
use casemate_sim::device::Config;
use casemate_sim::watch::Watch;
use program::{ARENA, Key, Op, PLACES, Program, READ_ONLY, UNMAPPED};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Domains of the program's queues.
const DOMAINS: [u8; 4] = [1, 1, 2, 3];
const LONG: Duration = Duration::from_secs(120);

/// One of the two runs: a device, its memory, and where its keys come from.
struct Run {
    device: Device,
    queues: Vec<Queue>,
    arena: DmaRegion,
    keys: ChaCha8Rng,
}

impl Run {
    fn new(config: &Config, keys: u64) -> Self {
        let device = Device::over(Arc::new(Sim::new(config).unwrap())).unwrap();
        let queues = DOMAINS
            .iter()
            .zip([64, 8, 32, 2])
            .map(|(&domain, depth)| {
                let config = QueueConfig {
                    domain,
                    depth,
                    ..QueueConfig::default()
                };
                device.queue(config).unwrap()
            })
            .collect();
        let arena = device.transport().alloc(ARENA).unwrap();
        let mut run = Self {
            device,
            queues,
            arena,
            keys: ChaCha8Rng::seed_from_u64(keys),
        };
        let iova = run.arena.iova();
        run.sim(|d| {
            for page in (READ_ONLY..UNMAPPED).step_by(4096) {
                d.iommu
                    .protect(iova + page as u64, casemate_sim::memory::Access::READ);
            }
            d.iommu.unmap(iova + UNMAPPED as u64, 4096);
        });
        run
    }

    fn sim<T>(&mut self, f: impl FnOnce(&mut casemate_sim::device::Device) -> T) -> T {
        let any = self.device.transport().as_any();
        any.downcast_ref::<Sim>().expect("the RTL").with(f)
    }

    fn memory(&mut self) -> &mut [u8] {
        // SAFETY: the arena is this run's; the device is idle between rounds.
        unsafe { std::slice::from_raw_parts_mut(self.arena.ptr().as_ptr(), ARENA) }
    }

    fn load(&mut self, slot: u16, len: usize, domain: u8, may: KeyUse) -> casemate::KeyHandle {
        let mut key = vec![0; len];
        self.keys.fill_bytes(&mut key);
        self.device.load_slot(slot, &key, domain, may).unwrap()
    }

    /// Runs the operations; with `cut`, resets that queue while they are in flight.
    fn run(&mut self, ops: &[Op], cut: Option<usize>) -> Vec<Done> {
        let mut out = Vec::new();
        // A bus fault on a ring stops its queue: a reset gives its requests back.
        let revive = |queue: &mut Queue, e: Error, out: &mut Vec<Done>| match e {
            Error::QueueStopped { .. } => queue.reset(out).unwrap(),
            e => panic!("{e}"),
        };
        for (q, queue) in self.queues.iter_mut().enumerate() {
            for (i, op) in ops.iter().enumerate().filter(|(_, op)| op.queue == q) {
                loop {
                    match queue.submit_raw(op.descriptor, i as u64) {
                        Ok(true) => break,
                        Ok(false) => {
                            if let Err(e) = queue.wait(&mut out, LONG) {
                                revive(queue, e, &mut out);
                            }
                        }
                        Err(e) => revive(queue, e, &mut out),
                    }
                }
            }
        }
        if let Some(q) = cut {
            self.queues[q].reset(&mut out).unwrap();
        }
        for queue in &mut self.queues {
            while queue.in_flight() > 0 {
                if let Err(e) = queue.wait(&mut out, LONG) {
                    revive(queue, e, &mut out);
                }
            }
        }
        out
    }
}

/// Counts of what was compared.
#[derive(Debug, Default)]
struct Seen {
    cycles: usize,
    beats: usize,
    differing: usize,
    statuses: HashMap<Status, usize>,
}

/// Both have run the same operations: compares all that could be seen from outside.
fn compare(
    what: &str,
    runs: &mut [Run; 2],
    ops: &[Op],
    done: [Vec<Done>; 2],
    seen: &mut Seen,
) -> Vec<Status> {
    let mut statuses = vec![Status::Aborted; ops.len()];
    let tag_there = |op: &Op| {
        op.descriptor.opcode() == Opcode::GcmSeal as u32
            && op.descriptor.tag_mode() == TagMode::Completion as u32
    };
    let mut tags = ops.iter().filter(|op| tag_there(op)).count();
    for (x, y) in done[0].iter().zip(&done[1]) {
        assert_eq!(
            (x.user, x.status, x.bytes),
            (y.user, y.status, y.bytes),
            "{what}: completions differ"
        );
        let own_tag = x.status == Status::Ok && tag_there(&ops[x.user as usize]);
        assert!(
            own_tag || x.report == y.report,
            "{what}: reports differ: {:?}",
            ops[x.user as usize]
        );
        statuses[x.user as usize] = x.status;
        *seen.statuses.entry(x.status).or_default() += 1;
    }
    assert_eq!(done[0].len(), done[1].len(), "{what}");

    let iova = runs[0].arena.iova();
    let [a, b]: [Watch; 2] = [0, 1].map(|i| runs[i].sim(|d| d.watch()));
    if let Some(t) = (0..a.cycles.len().max(b.cycles.len())).find(|&t| a.cycles.get(t) != b.cycles.get(t)) {
        panic!("{what}: outputs differ from cycle {t} of this round on");
    }
    assert_eq!(a.writes.len(), b.writes.len(), "{what}");
    let mut declared = vec![false; ARENA];
    // Nobody can write there: what is sent is refused by memory.
    declared[READ_ONLY..].fill(true);
    for op in ops
        .iter()
        .filter(|o| o.descriptor.opcode() == Opcode::GcmSeal as u32)
    {
        for r in &op.outputs {
            declared[r.clone()].fill(true);
        }
    }
    for (x, y) in a.writes.iter().zip(&b.writes) {
        assert_eq!(
            (x.cycle, x.addr, x.data.len()),
            (y.cycle, y.addr, y.data.len()),
            "{what}: writes differ"
        );
        if x.data == y.data {
            continue;
        }
        seen.differing += 1;
        match x.addr.checked_sub(iova).filter(|&at| at < ARENA as u64) {
            Some(at) => {
                for (i, (p, q)) in x.data.iter().zip(&y.data).enumerate() {
                    assert!(
                        p == q || declared[at as usize + i],
                        "{what}: byte {:#x} of the arena was written with different values",
                        at as usize + i
                    );
                }
            }
            // Where a broken descriptor sent its ciphertext, and memory did not take it.
            None if runs[0].sim(|d| d.iommu.read(x.addr, &mut [0])).is_err() => {}
            // Completions: the tag, and only of an operation that asked for it there.
            None => {
                assert!(
                    x.data.len() == 32
                        && x.data[16..] == y.data[16..]
                        && x.data[28] == Status::Ok as u8
                        && tags > 0,
                    "{what}: a completion at {:#x} differs",
                    x.addr
                );
                tags -= 1;
            }
        }
    }
    seen.cycles += a.cycles.len();
    seen.beats += a.writes.len();
    statuses
}

fn twin(config: &Config, seed: u64, ops: usize) -> Seen {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // Runs 1 and 2 differ in this and in nothing else.
    let mut runs = [1, 2].map(|k| Run::new(config, seed << 8 | k));
    let slots = runs[0].device.capabilities().slots as u16;
    let mut seen = Seen::default();
    let mut keys: BTreeMap<u16, Key> = BTreeMap::new();
    for r in &mut runs {
        r.sim(|d| d.watch());
    }
    let mut left = ops;
    let mut round = 0;
    while left > 0 {
        round += 1;
        let what = format!("seed {seed}, round {round}");
        for _ in 0..if keys.is_empty() {
            20
        } else {
            rng.random_range(0..3)
        } {
            let slot = rng.random_range(0..slots.min(24));
            if let Some(key) = keys.get(&slot)
                && rng.random_ratio(1, 4)
            {
                for r in &runs {
                    r.device.destroy_key(key.handle).unwrap();
                }
                keys.remove(&slot);
                continue;
            }
            let len = *[16, 24, 32].choose(&mut rng).unwrap();
            let domain = *DOMAINS.choose(&mut rng).unwrap();
            let may = KeyUse {
                encrypt: rng.random_ratio(7, 8),
                decrypt: rng.random_ratio(7, 8),
            };
            let handles = runs.each_mut().map(|r| r.load(slot, len, domain, may));
            assert_eq!(handles[0], handles[1], "{what}");
            keys.insert(
                slot,
                Key {
                    handle: handles[0],
                    domain,
                },
            );
        }
        rng.fill_bytes(runs[0].memory());
        let n = rng.random_range(1..=PLACES).min(left);
        let iova = runs[0].arena.iova();
        let program = Program::random(&mut rng, iova, runs[0].memory(), n, &keys, &[], slots);
        let image = runs[0].memory().to_vec();
        runs[1].memory().copy_from_slice(&image);
        let cut = rng.random_ratio(1, 8).then(|| rng.random_range(0..DOMAINS.len()));
        let faults = if rng.random_ratio(1, 8) { 40 } else { 0 };
        for r in &mut runs {
            r.sim(|d| (d.faults().read_one_in, d.faults().write_one_in) = (faults, faults));
        }
        let done = runs.each_mut().map(|r| r.run(&program.ops, cut));
        let statuses = compare(&what, &mut runs, &program.ops, done, &mut seen);
        left -= n;

        // What was sealed is opened again: the ciphertexts differ, what comes out of them does not.
        let fork = rng.random();
        let opens = runs.each_mut().map(|r| {
            let mut rng = ChaCha8Rng::seed_from_u64(fork);
            program.opens(&mut rng, iova, r.memory(), &statuses, left)
        });
        left -= opens[0].ops.len();
        let done = runs.each_mut().map(|r| r.run(&opens[0].ops, None));
        compare(&what, &mut runs, &opens[0].ops, done, &mut seen);

        if rng.random_ratio(1, 12) {
            for r in &mut runs {
                r.device.reset().unwrap();
                for q in &mut r.queues {
                    q.reset(&mut Vec::new()).unwrap();
                }
            }
            keys.clear();
        }
    }
    seen
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(v) => v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")),
        Err(_) => default,
    }
}

#[test]
fn nothing_but_declared_outputs_depends_on_keys() {
    let seed = number("CASEMATE_ISOLATION_SEED", 1);
    let ops = number("CASEMATE_ISOLATION_OPS", 1500) as usize;
    for (i, timing) in ["latency=20&wlatency=9", "latency=40&reorder=60&stall=10"]
        .iter()
        .enumerate()
    {
        let config = Config::parse(&format!("{timing}&seed={seed}")).unwrap();
        let seen = twin(&config, seed * 10 + i as u64, ops);
        println!("{timing}: {seen:?}");
        assert!(seen.differing > 0, "the keys made no difference at all");
        assert!(seen.statuses.len() > 12, "{:?}", seen.statuses);
    }
}

/// The comparison sees a small leak: a lane that waits a cycle when a byte of the key stream has a certain value.
#[test]
#[should_panic(expected = "outputs differ from cycle")]
fn a_leak_into_the_timing_is_seen() {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hdl");
    let text = std::fs::read_to_string(hdl.join("gcm/rtl/gcm_lane.sv")).unwrap();
    let good = "credit_q    <= out_cnt_q <";
    assert_eq!(text.matches(good).count(), 1);
    let bad = text.replace(good, "credit_q    <= !(stream[7:0] == 8'd1) && out_cnt_q <");
    let leaky = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gcm_lane.sv");
    std::fs::write(&leaky, bad).unwrap();
    let mut config = Config::parse("latency=20&wlatency=9").unwrap();
    config.replaced = Some(("gcm_lane.sv".into(), leaky));
    twin(&config, 1, 1500);
}
