// SPDX-License-Identifier: Apache-2.0
//! Random ring programs on the RTL and on the functional model, compared completion by completion and byte by byte.
//!
//! `CASEMATE_COMPARE_OPS` operations a set of parameters (1,000 by default), `CASEMATE_COMPARE_SEED`, and with
//! `CASEMATE_COMPARE_ALL` every set instead of two. `cargo xtask compare` runs the long form.

mod program;

use casemate::abi::Status;
use casemate::soft::Soft;
use casemate::transport::{DmaRegion, sim::Sim};
use casemate::{Device, Done, KeyHandle, KeyUse, Queue, QueueConfig};
use program::{ARENA, Op, PLACES, Program, READ_ONLY, UNMAPPED};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::time::Duration;

/// One device with the queues and memory of a program.
struct World {
    device: Device,
    queues: Vec<Queue>,
    arena: DmaRegion,
}

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
            m.protect(iova + READ_ONLY as u64, casemate_sim::memory::Access::READ);
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

fn key_change(
    rng: &mut ChaCha8Rng,
    slots: u16,
    rtl: &World,
    model: &World,
    keys: &mut HashMap<u16, KeyHandle>,
) {
    let slot = rng.random_range(0..slots.min(24));
    if let Some(&key) = keys.get(&slot)
        && rng.random_ratio(1, 4)
    {
        for w in [rtl, model] {
            w.device.destroy_key(key).unwrap();
        }
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
    keys.insert(slot, a);
}

fn compare(shape: &str, timing: &str, seed: u64, ops: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rtl = World::new(&format!("sim:?{shape}&{timing}"));
    let mut model = World::new(&format!("soft:?{shape}"));
    assert_eq!(rtl.arena.iova(), model.arena.iova(), "both worlds have one map");
    let slots = rtl.device.capabilities().slots as u16;
    let mut keys = HashMap::new();
    for _ in 0..20 {
        key_change(&mut rng, slots, &rtl, &model, &mut keys);
    }
    let mut counts: HashMap<Status, usize> = HashMap::new();
    let mut left = ops;
    while left > 0 {
        if rng.random_ratio(1, 6) {
            key_change(&mut rng, slots, &rtl, &model, &mut keys);
        }
        rng.fill_bytes(rtl.memory());
        let n = rng.random_range(1..=PLACES).min(left);
        left -= n;
        let program = Program::random(&mut rng, rtl.arena.iova(), rtl.memory(), n, &keys, slots);
        model.memory().copy_from_slice(rtl.memory());
        let (a, b) = (rtl.run(&program.ops), model.run(&program.ops));
        for (i, op) in program.ops.iter().enumerate() {
            let (x, y) = (&a[&(i as u64)], &b[&(i as u64)]);
            assert!(
                (x.status, x.bytes, x.report) == (y.status, y.bytes, y.report),
                "{shape}, seed {seed}: {:?}\n RTL   {:?} {} {:x?}\n model {:?} {} {:x?}",
                op,
                x.status,
                x.bytes,
                x.report,
                y.status,
                y.bytes,
                y.report
            );
            *counts.entry(x.status).or_default() += 1;
            if x.status != Status::Ok {
                // What a failed request left in its own destination is nobody's business.
                for r in &op.outputs {
                    rtl.memory()[r.clone()].fill(0);
                    model.memory()[r.clone()].fill(0);
                }
            }
        }
        if let Some(i) = (0..ARENA).find(|&i| rtl.memory()[i] != model.memory()[i]) {
            let op = &program.ops[(i / program::PLACE).min(program.ops.len() - 1)];
            panic!("{shape}, seed {seed}: byte {i:#x} of the arena differs; the operation there: {op:?}");
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|c| std::cmp::Reverse(c.1));
    println!("{shape} {timing}: {ops} operations agree: {counts:?}");
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(v) => v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")),
        Err(_) => default,
    }
}

fn run_set(shape: &str, salt: u64) {
    let seed = number("CASEMATE_COMPARE_SEED", 1) * 100 + salt;
    let total = number("CASEMATE_COMPARE_OPS", 1000) as usize;
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

#[test]
fn axi_256_one_lane() {
    run_set("axi=256&lanes=1&slots=64", 1);
}

#[test]
fn axi_128_two_lanes() {
    run_set("axi=128&lanes=2&slots=16", 2);
}

#[test]
fn every_set() {
    if std::env::var_os("CASEMATE_COMPARE_ALL").is_none() {
        // Building a model for each takes long; the two above are always run.
        return;
    }
    for (i, axi) in [128, 256, 512].iter().enumerate() {
        for (j, lanes) in [1, 2].iter().enumerate() {
            for (k, slots) in [16, 256].iter().enumerate() {
                run_set(
                    &format!("axi={axi}&lanes={lanes}&slots={slots}"),
                    10 + (i * 4 + j * 2 + k) as u64,
                );
            }
        }
    }
}
