// SPDX-License-Identifier: Apache-2.0
//! I1 by differential simulation: two runs of the whole RTL that differ in nothing but secrets (the bytes of keys, the root secret
//! and the noise that random numbers come from), with errors, bus faults, queue resets and device resets, must show the same in
//! every cycle, but for the data of declared outputs: ciphertext, tags and MACs, wrapped keys, random numbers.
//!
//! `CASEMATE_ISOLATION_OPS` operations a memory (1,500 by default), `CASEMATE_ISOLATION_SEED`.

#[path = "../compare/ec.rs"]
mod ec;
#[path = "../compare/keys.rs"]
mod keys;
#[path = "../compare/program.rs"]
mod program;
#[path = "../compare/steps.rs"]
mod steps;

use casemate::abi::{Opcode, Status, Submission, TagMode};
use casemate::transport::{DmaRegion, sim::Sim};
use casemate::{Device, Done, Error, KeyUse, Queue, QueueConfig};
use casemate_sim::config::Config;
use casemate_sim::watch::Watch;
use keys::KeyProgram;
use program::{ARENA, Key, Keyring, Op, PLACES, Program, READ_ONLY, UNMAPPED};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Domains of the program's queues.
const DOMAINS: [u8; 4] = [1, 1, 2, 3];
/// What is loaded differs between the two runs.
const DIFFERENT_KEYS: bool = true;
const LONG: Duration = Duration::from_secs(120);

/// One of the two runs: a device, its memory, and where its keys come from.
struct Run {
    device: Device,
    queues: Vec<Queue>,
    arena: DmaRegion,
    keys: ChaCha8Rng,
}
use Run as World;

impl Run {
    fn new(config: &Config, keys: u64) -> Self {
        let mut keys = ChaCha8Rng::seed_from_u64(keys);
        let config = &Config {
            root: keys.random(),
            noise: Some(keys.random()),
            ..config.clone()
        };
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
            keys,
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

    fn secret(&mut self, key: &mut [u32; 16]) {
        *key = self.keys.random();
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
    /// Key operations that succeeded, by opcode.
    passed: HashMap<u32, usize>,
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
    let tags = ops.iter().filter(|op| tag_there(&op.descriptor)).count();
    for (x, y) in done[0].iter().zip(&done[1]) {
        assert_eq!(
            (x.user, x.status, x.bytes),
            (y.user, y.status, y.bytes),
            "{what}: completions differ"
        );
        let own_tag = x.status == Status::Ok && tag_there(&ops[x.user as usize].descriptor);
        assert!(
            own_tag || x.report == y.report,
            "{what}: reports differ: {:?}",
            ops[x.user as usize]
        );
        statuses[x.user as usize] = x.status;
        *seen.statuses.entry(x.status).or_default() += 1;
    }
    assert_eq!(done[0].len(), done[1].len(), "{what}");

    let declared = ops.iter().filter(|o| tells(&o.descriptor));
    let declared = declared.flat_map(|o| o.outputs.iter().cloned());
    watched(what, runs, declared, tags, seen);
    statuses
}

/// What it writes for the host depends on keys or on random numbers, by its purpose.
fn tells(s: &Submission) -> bool {
    use Opcode::*;
    let o = Opcode::from_code(s.opcode() as u8);
    o.is_some_and(|o| {
        matches!(
            o,
            GcmSeal
                | KeyWrap
                | KwpWrap
                | MacSign
                | Random
                | KeyMessage
                | EcSign
                | EcPublic
                | EcGenerate
                | EcRaw
        )
    })
}

/// The tag of a seal that succeeds comes in its completion.
fn tag_there(s: &Submission) -> bool {
    s.opcode() == Opcode::GcmSeal as u32 && s.tag_mode() == TagMode::Completion as u32
}

/// Compares what the two devices showed since the last time, cycle by cycle. Written data may differ in the declared parts of the
/// arena, and in as many completions as have a tag.
fn watched(
    what: &str,
    runs: &mut [Run; 2],
    declared: impl IntoIterator<Item = Range<usize>>,
    mut tags: usize,
    seen: &mut Seen,
) {
    let iova = runs[0].arena.iova();
    let [a, b]: [Watch; 2] = [0, 1].map(|i| runs[i].sim(|d| d.watch()));
    if let Some(t) = (0..a.cycles.len().max(b.cycles.len())).find(|&t| a.cycles.get(t) != b.cycles.get(t)) {
        panic!("{what}: outputs differ from cycle {t} of this round on");
    }
    assert_eq!(a.writes.len(), b.writes.len(), "{what}");
    let mut may = vec![false; ARENA];
    // Nobody can write there: what is sent is refused by memory.
    may[READ_ONLY..].fill(true);
    for r in declared {
        may[r].fill(true);
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
                        p == q || may[at as usize + i],
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
}

/// Key operations a round, one after another.
const KEY_STEPS: usize = 30;

/// Two devices, each with its own secrets.
fn twin(configs: [&Config; 2], secrets: [u64; 2], seed: u64, ops: usize) -> Seen {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut runs = [0, 1].map(|i| Run::new(configs[i], secrets[i]));
    let slots = runs[0].device.capabilities().slots as u16;
    let mut seen = Seen::default();
    let mut keys: BTreeMap<u16, Key> = BTreeMap::new();
    let engines = runs[0].device.capabilities().ec_engines;
    let mut life = KeyProgram::new(slots, (engines > 0).then_some(2));
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
                // A broken descriptor may have done it already.
                let gone = runs.each_mut().map(|r| r.device.destroy_key(key.handle).is_ok());
                assert_eq!(gone[0], gone[1], "{what}");
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
        fresh(&mut rng, &mut runs);
        life.refreshed();
        // Curves take long, and their operations need each other.
        life.ec = life.ec.map(|_| if round % 5 == 1 { 2 } else { 1000 });
        for _ in 0..KEY_STEPS.min(left) {
            let [a, b] = &mut runs;
            let (s, status) = life.run(&what, &mut rng, [a, b]);
            let all = tells(&s).then_some(0..ARENA);
            watched(
                &format!("{what}, {s:?}"),
                &mut runs,
                all,
                tag_there(&s).into(),
                &mut seen,
            );
            *seen.statuses.entry(status).or_default() += 1;
            left -= 1;
        }
        rng.fill_bytes(runs[0].memory());
        let n = rng.random_range(1..=PLACES).min(left.max(1));
        let iova = runs[0].arena.iova();
        let keyring = Keyring {
            aes: &keys,
            signers: &life.signers(),
            private: &life.private_keys(),
            slots,
        };
        let program = Program::random(&mut rng, iova, runs[0].memory(), n, &keyring);
        let image = runs[0].memory().to_vec();
        runs[1].memory().copy_from_slice(&image);
        let cut = rng.random_ratio(1, 8).then(|| rng.random_range(0..DOMAINS.len()));
        let faults = if rng.random_ratio(1, 8) { 40 } else { 0 };
        faults_of(&mut runs, faults);
        let done = runs.each_mut().map(|r| r.run(&program.ops, cut));
        let statuses = compare(&what, &mut runs, &program.ops, done, &mut seen);
        left = left.saturating_sub(n);

        // What was sealed is opened again: the ciphertexts differ, what comes out of them does not.
        let fork = rng.random();
        let opens = runs.each_mut().map(|r| {
            let mut rng = ChaCha8Rng::seed_from_u64(fork);
            program.opens(&mut rng, iova, r.memory(), &statuses, left)
        });
        left -= opens[0].ops.len();
        let done = runs.each_mut().map(|r| r.run(&opens[0].ops, None));
        compare(&what, &mut runs, &opens[0].ops, done, &mut seen);
        faults_of(&mut runs, 0);

        if rng.random_ratio(1, 12) {
            for r in &mut runs {
                r.device.reset().unwrap();
                for q in &mut r.queues {
                    q.reset(&mut Vec::new()).unwrap();
                }
            }
            keys.clear();
            life.keys.clear();
        }
    }
    seen.passed = life.passed;
    seen
}

/// Of so many reads and writes of memory, one fails; 0 for none.
fn faults_of(runs: &mut [Run; 2], one_in: u32) {
    for r in runs {
        r.sim(|d| (d.faults().read_one_in, d.faults().write_one_in) = (one_in, one_in));
    }
}

/// New bytes in the memory of both.
fn fresh(rng: &mut ChaCha8Rng, runs: &mut [Run; 2]) {
    rng.fill_bytes(runs[0].memory());
    let image = runs[0].memory().to_vec();
    runs[1].memory().copy_from_slice(&image);
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
    let mut passed = HashSet::new();
    for (i, timing) in ["latency=20&wlatency=9", "latency=40&reorder=60&stall=10"]
        .iter()
        .enumerate()
    {
        let config = Config::parse(&format!("{timing}&seed={seed}")).unwrap();
        let seen = twin([&config; 2], [1, 2], seed * 10 + i as u64, ops);
        println!("{timing}: {seen:?}");
        assert!(seen.differing > 0, "the keys made no difference at all");
        assert!(seen.statuses.len() > 12, "{:?}", seen.statuses);
        passed.extend(seen.passed.into_keys());
    }
    for o in Opcode::ALL.iter().filter(|o| **o as u32 >= 0x40) {
        assert!(passed.contains(&(*o as u32)), "{o:?} never succeeded");
    }
}

/// Runs a device with one line of its RTL replaced.
fn seeded(file: &str, good: &str, bad: &str) {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hdl");
    let text = std::fs::read_to_string(hdl.join(file)).unwrap();
    assert_eq!(text.matches(good).count(), 1);
    let name = file.rsplit('/').next().unwrap();
    let leaky = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&leaky, text.replace(good, bad)).unwrap();
    let mut config = Config::parse("latency=20&wlatency=9").unwrap();
    config.replaced = Some((name.into(), leaky));
    twin([&config; 2], [1, 2], 1, 1500);
}

/// The comparison sees a small leak: a lane that waits a cycle when a byte of the key stream has a certain value.
#[test]
#[should_panic(expected = "outputs differ from cycle")]
fn a_leak_into_the_timing_is_seen() {
    seeded(
        "gcm/rtl/gcm_lane.sv",
        "credit_q    <= out_cnt_q <",
        "credit_q    <= !(stream[7:0] == 8'd1) && out_cnt_q <",
    );
}

/// And in the key unit: wrapping takes a cycle more if the key is odd.
#[test]
#[should_panic(expected = "outputs differ from cycle")]
fn a_leak_of_the_key_unit_is_seen() {
    seeded(
        "keys/rtl/key_unit.sv",
        "step_q == (is_out ? 5'd22 : 5'd14)",
        "step_q == (is_out ? 5'd22 : u_data.words[0][0] ? 5'd15 : 5'd14)",
    );
}

/// Clock gates change nothing that can be seen, in any cycle.
#[test]
fn clock_gates_change_nothing() {
    let [gated, plain] = [1, 0].map(|g| Config::parse(&format!("latency=20&wlatency=9&gates={g}")).unwrap());
    let seen = twin([&gated, &plain], [1, 1], 3, 1000);
    assert_eq!(seen.differing, 0, "written data differ");
    assert!(seen.statuses.len() > 12, "{:?}", seen.statuses);
}
