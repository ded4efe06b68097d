// SPDX-License-Identifier: Apache-2.0
//! Random ring programs on the RTL and on the functional model, compared completion by completion and byte by byte.
//!
//! `CASEMATE_COMPARE_OPS` operations a set of parameters (2,000 by default), `CASEMATE_COMPARE_SEED`, and with
//! `CASEMATE_COMPARE_SETS=all` every set instead of two. `cargo xtask compare` runs the long form.

mod ec;
mod keys;
mod program;
mod steps;

use casemate::abi::{Opcode, Status};
use casemate::soft::Soft;
use casemate::transport::{DmaRegion, sim::Sim};
use casemate::{Device, Done, KeyUse, Queue, QueueConfig};
use keys::KeyProgram;
use program::{ARENA, Key, Keyring, Op, PLACES, Program, READ_ONLY, UNMAPPED};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// One device with the queues and memory of a program.
struct World {
    device: Device,
    queues: Vec<Queue>,
    arena: DmaRegion,
}

/// Both worlds load the same keys.
const DIFFERENT_KEYS: bool = false;

/// Domains of the program's queues.
const DOMAINS: [u8; 4] = [1, 1, 2, 3];

impl World {
    fn new(uri: &str) -> Self {
        let device = Device::open(uri).unwrap_or_else(|e| panic!("{uri}: {e}"));
        let queues = DOMAINS
            .iter()
            .zip([64, 8, 32, 2])
            .map(|(&domain, depth)| {
                device
                    .queue(QueueConfig {
                        domain,
                        depth,
                        ..QueueConfig::default()
                    })
                    .unwrap()
            })
            .collect();
        let arena = device.transport().alloc(ARENA).unwrap();
        let iova = arena.iova();
        let protect = |m: &mut casemate_sim::memory::Iommu| {
            for page in (READ_ONLY..UNMAPPED).step_by(4096) {
                m.protect(iova + page as u64, casemate_sim::memory::Access::READ);
            }
            m.unmap(iova + UNMAPPED as u64, 4096);
        };
        let any = device.transport().as_any();
        if let Some(s) = any.downcast_ref::<Sim>() {
            s.with(|d| protect(&mut d.iommu));
        } else if let Some(s) = any.downcast_ref::<Soft>() {
            s.with_iommu(protect);
        }
        Self {
            device,
            queues,
            arena,
        }
    }

    /// Changes what is loaded as a key: not at all.
    fn secret(&mut self, _: &mut [u32]) {}

    fn memory(&mut self) -> &mut [u8] {
        // SAFETY: the arena is this world's; the device is idle between rounds.
        unsafe { std::slice::from_raw_parts_mut(self.arena.ptr().as_ptr(), ARENA) }
    }

    /// Runs the operations, each on its queue; returns their results by number.
    fn run(&mut self, ops: &[Op]) -> HashMap<u64, Done> {
        let mut done = HashMap::new();
        let mut out = Vec::new();
        for (q, queue) in self.queues.iter_mut().enumerate() {
            for (i, op) in ops.iter().enumerate().filter(|(_, op)| op.queue == q) {
                while !queue.submit_raw(op.descriptor, i as u64).unwrap() {
                    queue.wait(&mut out, Duration::from_secs(60)).unwrap();
                }
            }
        }
        for queue in &mut self.queues {
            while queue.in_flight() > 0 {
                queue.wait(&mut out, Duration::from_secs(60)).unwrap();
            }
        }
        for d in out {
            let user = d.user;
            assert!(
                done.insert(user, d).is_none(),
                "operation {user} was completed twice"
            );
        }
        done
    }
}

/// Keys of AES-GCM programs, in the lower slots.
fn key_change(rng: &mut ChaCha8Rng, slots: u16, rtl: &World, model: &World, keys: &mut BTreeMap<u16, Key>) {
    let slot = rng.random_range(0..(slots / 2).min(24));
    if let Some(key) = keys.get(&slot)
        && rng.random_ratio(1, 4)
    {
        // A broken descriptor may have done it already.
        let gone = [rtl, model].map(|w| w.device.destroy_key(key.handle).is_ok());
        assert_eq!(gone[0], gone[1]);
        keys.remove(&slot);
        return;
    }
    let mut key = vec![0; *[16, 24, 32].choose(rng).unwrap()];
    rng.fill_bytes(&mut key);
    let domain = *DOMAINS.choose(rng).unwrap();
    let may = KeyUse {
        encrypt: rng.random_ratio(7, 8),
        decrypt: rng.random_ratio(7, 8),
    };
    let a = rtl.device.load_slot(slot, &key, domain, may).unwrap();
    let b = model.device.load_slot(slot, &key, domain, may).unwrap();
    assert_eq!(a, b, "handles differ");
    keys.insert(slot, Key { handle: a, domain });
}

/// Runs the operations on both and compares every completion and every byte; returns the statuses.
fn round(what: &str, rtl: &mut World, model: &mut World, program: &Program) -> Vec<Status> {
    model.memory().copy_from_slice(rtl.memory());
    let (a, b) = (rtl.run(&program.ops), model.run(&program.ops));
    let mut statuses = Vec::new();
    for (i, op) in program.ops.iter().enumerate() {
        let (x, y) = (&a[&(i as u64)], &b[&(i as u64)]);
        assert!(
            (x.status, x.bytes, x.report) == (y.status, y.bytes, y.report),
            "{what}: {op:?}\n RTL   {:?} {} {:x?}\n model {:?} {} {:x?}",
            x.status,
            x.bytes,
            x.report,
            y.status,
            y.bytes,
            y.report
        );
        statuses.push(x.status);
        let open = op.descriptor.opcode() == Opcode::GcmOpen as u32;
        let read = matches!(
            x.status,
            Status::TagMismatch
                | Status::DmaIv
                | Status::DmaAad
                | Status::DmaSrcSgl
                | Status::DmaSrc
                | Status::DmaTag
        );
        if x.status != Status::Ok && !(open && read) {
            // What any other failed request left in its own destination is nobody's business.
            for r in &op.outputs {
                rtl.memory()[r.clone()].fill(0);
                model.memory()[r.clone()].fill(0);
            }
        }
    }
    if let Some(i) = (0..ARENA).find(|&i| rtl.memory()[i] != model.memory()[i]) {
        let op = &program.ops[(i / program::PLACE).min(program.ops.len() - 1)];
        panic!("{what}: byte {i:#x} of the arena differs; the operation there: {op:?}");
    }
    statuses
}

/// Key operations a round.
const KEY_STEPS: usize = 120;

/// One step in so many is of an elliptic curve: they take 100,000 cycles and more in the RTL. `curve_programs` has more of them.
const EC_STEPS: u32 = 40;

fn compare(shape: &str, timing: &str, seed: u64, ops: usize) -> HashMap<u32, usize> {
    let rtl = World::new(&format!("sim:?{shape}&{timing}"));
    let engine = rtl.device.capabilities().ec_engines;
    let model = World::new(&format!("soft:?{shape}&ec={engine}"));
    let steps = (engine > 0).then_some(EC_STEPS);
    let (counts, passed) = agree(shape, [rtl, model], steps, seed, ops);
    println!("{shape} {timing}: {ops} operations agree: {counts:?}");
    passed
}

/// A program on both; says how often each status came, and how often each opcode succeeded.
fn agree(
    shape: &str,
    worlds: [World; 2],
    ec: Option<u32>,
    seed: u64,
    ops: usize,
) -> (Vec<(Status, usize)>, HashMap<u32, usize>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let [mut rtl, mut model] = worlds;
    assert_eq!(rtl.arena.iova(), model.arena.iova(), "both worlds have one map");
    let slots = rtl.device.capabilities().slots as u16;
    let mut keys = BTreeMap::new();
    for _ in 0..20 {
        key_change(&mut rng, slots, &rtl, &model, &mut keys);
    }
    let what = format!("{shape}, seed {seed}");
    let mut counts: HashMap<Status, usize> = HashMap::new();
    let mut life = KeyProgram::new(slots, ec);
    let mut left = ops;
    while left > 0 {
        if rng.random_ratio(1, 6) {
            key_change(&mut rng, slots, &rtl, &model, &mut keys);
        }
        rng.fill_bytes(rtl.memory());
        model.memory().copy_from_slice(rtl.memory());
        life.refreshed();
        // Operations on curves need each other: they come in rounds that have many.
        life.ec = ec.map(|n| if rng.random_ratio(2, n.max(2)) { 2 } else { 1000 });
        for _ in 0..KEY_STEPS.min(left) {
            let (_, status) = life.run(&what, &mut rng, [&mut rtl, &mut model]);
            *counts.entry(status).or_default() += 1;
            left -= 1;
        }
        if left == 0 {
            break;
        }
        rng.fill_bytes(rtl.memory());
        let n = rng.random_range(1..=PLACES).min(left);
        let iova = rtl.arena.iova();
        let keyring = Keyring {
            aes: &keys,
            signers: &life.signers(),
            private: &life.private_keys(),
            slots,
        };
        let program = Program::random(&mut rng, iova, rtl.memory(), n, &keyring);
        let statuses = round(&what, &mut rtl, &mut model, &program);
        left -= n;
        // What was sealed is opened again.
        let opens = program.opens(&mut rng, iova, rtl.memory(), &statuses, left);
        left -= opens.ops.len();
        let opened = round(&what, &mut rtl, &mut model, &opens);
        for s in statuses.into_iter().chain(opened) {
            *counts.entry(s).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|c| std::cmp::Reverse(c.1));
    (counts, life.passed)
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(v) => v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")),
        Err(_) => default,
    }
}

fn run_set(shape: &str, salt: u64) {
    let seed = number("CASEMATE_COMPARE_SEED", 1) * 100 + salt;
    let total = number("CASEMATE_COMPARE_OPS", 2000) as usize;
    // Different memories find different bugs.
    let timings = [
        "latency=20&wlatency=9",
        "latency=3&wlatency=1&stall=30",
        "latency=40&reorder=60&stall=10",
        "latency=250&reorder=100",
    ];
    for (i, t) in timings.iter().enumerate() {
        compare(
            shape,
            &format!("{t}&seed={seed}"),
            seed * 10 + i as u64,
            total.div_ceil(timings.len()),
        );
    }
}

/// Programs with key operations: each sort of them succeeds many times.
#[test]
fn key_programs() {
    let total = number("CASEMATE_COMPARE_OPS", 2000) as usize * 2;
    let seed = number("CASEMATE_COMPARE_SEED", 1) + 7;
    // The models of `random_programs`.
    for shape in ["axi=256&lanes=1&slots=64", "axi=128&lanes=2&slots=16"] {
        let passed = compare(shape, "latency=20&wlatency=9", seed, total);
        all_succeed(&passed, total, 0x40..0x60);
    }
}

fn all_succeed(passed: &HashMap<u32, usize>, total: usize, opcodes: std::ops::Range<u32>) {
    for op in Opcode::ALL.iter().filter(|o| opcodes.contains(&(**o as u32))) {
        let n = passed.get(&(*op as u32)).copied().unwrap_or(0);
        assert!(
            n * 1000 >= total,
            "{op:?} succeeded {n} times of {total} operations"
        );
    }
}

/// Programs with elliptic curves: each sort of operation succeeds many times. On two models, whose random bits differ, and on the RTL
/// and a model, if the RTL has an engine.
#[test]
fn curve_programs() {
    let total = number("CASEMATE_COMPARE_OPS", 2000) as usize * 2;
    let seed = number("CASEMATE_COMPARE_SEED", 1) + 9;
    // One of the models of `random_programs`.
    let rtl = World::new("sim:?axi=256&lanes=1&slots=64&latency=20&wlatency=9");
    let model = || World::new("soft:?slots=64");
    let mut all = vec![("two models", model(), total)];
    if rtl.device.capabilities().ec_engines > 0 {
        all.push(("the RTL", rtl, total.div_ceil(4)));
    }
    for (what, world, ops) in all {
        let (_, passed) = agree(what, [world, model()], Some(3), seed, ops);
        all_succeed(&passed, ops, 0x60..0x100);
        let mut passed: Vec<_> = passed.into_iter().collect();
        passed.sort();
        println!("{what}: {passed:?}");
    }
}

#[test]
fn random_programs() {
    let mut sets = Vec::new();
    match std::env::var("CASEMATE_COMPARE_SETS").as_deref() {
        Ok("all") => {
            for axi in [128, 256, 512] {
                for lanes in [1, 2] {
                    for slots in [16, 256] {
                        sets.push(format!("axi={axi}&lanes={lanes}&slots={slots}"));
                    }
                }
            }
        }
        // Building a model takes long: two that differ in everything.
        _ => sets.extend(["axi=256&lanes=1&slots=64", "axi=128&lanes=2&slots=16"].map(String::from)),
    }
    let next = AtomicUsize::new(0);
    std::thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                while let Some(i) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|i| *i < sets.len()) {
                    run_set(&sets[i], i as u64 + 1);
                }
            });
        }
    });
}
