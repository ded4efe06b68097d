// SPDX-License-Identifier: Apache-2.0
//! I7 and I4: hostile descriptors and register writes against the RTL. Nothing hangs, every submission gets one completion, the AXI
//! checker stays silent (it ends the simulation), and a queue of another domain, which checks its answers with another
//! implementation throughout, sees none of it.
//!
//! `CASEMATE_HOSTILE_OPS` descriptors (10,000 by default), `CASEMATE_HOSTILE_SEED`. `cargo xtask fuzz` runs longer.

mod common;

use casemate::abi::{Opcode, Status, Submission, reg};
use casemate::{Data, Device, Done, Error, KeyHandle, KeyUse, Queue, Request};
use common::{Arena, LONG, halves, open, queue, raw, reference};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// Plaintext, IV, AAD.
type Sent = (Vec<u8>, [u8; 12], Vec<u8>);

/// The queue that must not notice.
struct Victim {
    queue: Queue,
    key: KeyHandle,
    bytes: Vec<u8>,
    sent: HashMap<u64, Sent>,
    next: u64,
    checked: u64,
}

impl Victim {
    fn new(device: &Device, rng: &mut ChaCha8Rng) -> Self {
        let mut bytes = vec![0; 32];
        rng.fill_bytes(&mut bytes);
        Self {
            queue: queue(device, 9, 16),
            key: device.load_key(&bytes, 9, KeyUse::BOTH).unwrap(),
            bytes,
            sent: HashMap::new(),
            next: 0,
            checked: 0,
        }
    }

    fn send(&mut self, device: &Device, rng: &mut ChaCha8Rng) {
        let mut plain = vec![0; rng.random_range(0..700)];
        rng.fill_bytes(&mut plain);
        let mut aad = vec![0; rng.random_range(0..=16)];
        rng.fill_bytes(&mut aad);
        let iv: [u8; 12] = rng.random();
        let mut b = device.buffer(plain.len() + 16, 0).unwrap();
        b[..plain.len()].copy_from_slice(&plain);
        let request = Request::seal(self.key, &iv, b).aad(&aad).user(self.next);
        if self.queue.submit([request]).unwrap().rest.is_empty() {
            self.sent.insert(self.next, (plain, iv, aad));
            self.next += 1;
        }
    }

    fn check(&mut self, done: Vec<Done>) {
        for d in done {
            let user = d.user;
            let (plain, iv, aad) = self.sent.remove(&user).expect("one completion each");
            let Some(Data::Flat(b)) = d.ok().expect("the victim's requests succeed").src else {
                panic!("no buffer")
            };
            let want = reference(&self.bytes, &iv, &aad, &plain);
            assert!(
                b[..want.len()] == want[..],
                "the victim's request {user} is wrong"
            );
            self.checked += 1;
        }
    }
}

/// Where a hostile descriptor may point: mostly nowhere, or into the attacker's own arena.
fn address(rng: &mut ChaCha8Rng, arena: &Arena) -> u64 {
    match rng.random_range(0..8) {
        0 => rng.random(),
        1 => arena.unmapped() + rng.random_range(0..4096),
        2 => arena.read_only() + rng.random_range(0..4096),
        3 => arena.iova() + Arena::SIZE as u64 - rng.random_range(0..64),
        4 => (arena.iova() + rng.random_range(0..Arena::SIZE as u64)) & !15,
        _ => arena.iova() + rng.random_range(0..Arena::SIZE as u64),
    }
}

/// A descriptor: random bits, a known opcode with random fields, or a good one with some of it changed.
fn descriptor(rng: &mut ChaCha8Rng, arena: &Arena, keys: &[KeyHandle]) -> Submission {
    let mut raw = [0; 64];
    rng.fill_bytes(&mut raw);
    let kind = rng.random_range(0..4);
    let mut s = if kind < 2 {
        Submission::from_le(&raw)
    } else {
        common::good(*keys.choose(rng).unwrap(), arena)
    };
    if kind == 3 {
        return key_operation(rng, arena, keys);
    }
    if kind > 0 {
        let opcode = match rng.random_range(0..4) {
            0 => Opcode::ALL.choose(rng).copied().unwrap(),
            1 => Opcode::GcmOpen,
            _ => Opcode::GcmSeal,
        };
        s.set_opcode(opcode as u32);
        s.set_reserved0(0).set_reserved1(0);
    }
    if kind == 1 && rng.random() {
        let k = keys.choose(rng).unwrap();
        s.set_slot(k.slot().into()).set_generation(k.generation().into());
    }
    if kind >= 2 {
        for _ in 0..rng.random_range(0..4) {
            match rng.random_range(0..10) {
                0 => s.set_src_sgl(1),
                1 => s.set_dst_sgl(1),
                2 => s.set_pay_len(
                    *[0, 1, 15, 17, 4096, 16385, 1 << 20, u32::MAX]
                        .choose(rng)
                        .unwrap(),
                ),
                3 => s.set_iv_len(rng.random_range(0..1024)),
                4 => s
                    .set_aad_inline(0)
                    .set_aad_len(*[0, 1, 5000, u32::MAX].choose(rng).unwrap()),
                5 => s.set_tag_mode(rng.random_range(0..4)),
                6 => s.set_tag_len(rng.random_range(0..32)),
                7 => s.set_slot(rng.random_range(0..70)),
                8 => s.set_generation(rng.random_range(0..4)),
                _ => {
                    let mut b = s.to_le();
                    b[rng.random_range(0..64)] ^= 1 << rng.random_range(0..8);
                    s = Submission::from_le(&b);
                    &mut s
                }
            };
        }
    }
    // Nothing points at another's memory: all queues share one address space, and keeping it apart is the IOMMU's business.
    let (lo, hi) = halves(address(rng, arena));
    s.set_src_lo(lo).set_src_hi(hi);
    let (lo, hi) = halves(address(rng, arena));
    s.set_dst_lo(lo).set_dst_hi(hi);
    if s.aad_inline() == 0 || kind > 0 && rng.random() {
        let (lo, hi) = halves(address(rng, arena));
        s.set_aad0(lo).set_aad1(hi);
        let (lo, hi) = halves(address(rng, arena));
        s.set_aad2(lo).set_aad3(hi);
    }
    if s.iv_len() != 12 {
        let (lo, hi) = halves(address(rng, arena));
        s.set_iv0(lo).set_iv1(hi);
        if rng.random() {
            s.set_iv2(0);
        }
    }
    s
}

/// A key operation with no field set that it does not have, most of the time, and anything in those it has.
fn key_operation(rng: &mut ChaCha8Rng, arena: &Arena, keys: &[KeyHandle]) -> Submission {
    let all: Vec<Opcode> = Opcode::ALL
        .iter()
        .copied()
        .filter(|o| *o as u32 >= 0x40)
        .collect();
    let mut s = Submission::default();
    let k = keys.choose(rng).unwrap();
    let free = rng.random_range(0..70);
    s.set_opcode(*all.choose(rng).unwrap() as u32);
    if rng.random() {
        s.set_slot(k.slot().into()).set_generation(k.generation().into());
    } else {
        s.set_slot(free).set_generation(rng.random_range(0..4));
    }
    let (lo, hi) = halves(address(rng, arena));
    s.set_src_lo(lo).set_src_hi(hi);
    let (lo, hi) = halves(address(rng, arena));
    s.set_dst_lo(lo).set_dst_hi(hi);
    s.set_pay_len(
        *[0, 24, 32, 40, 64, 128, 200, 256, 257, 5000, 65536, u32::MAX]
            .choose(rng)
            .unwrap(),
    );
    if rng.random() {
        s.set_aad0(rng.random_range(0..8) | rng.random_range(0..0x200) << 16);
        s.set_aad1(rng.random_range(0..4) | *[0, 0x2000, 0x4000, 0x1000].choose(rng).unwrap());
    }
    if rng.random() {
        let base = keys.choose(rng).unwrap();
        s.set_aad2(u32::from(base.slot()) | u32::from(base.generation()) << 16);
    }
    if rng.random() {
        s.set_aad3(rng.random_range(0..80) | rng.random_range(0..5) << 16);
    }
    // What does not belong to it and is not 0 gets it refused at once.
    for (n, unused) in unused_fields(&s).into_iter().enumerate() {
        if unused && !rng.random_ratio(1, 20) {
            match n {
                0 => s.set_src_lo(0).set_src_hi(0),
                1 => s.set_dst_lo(0).set_dst_hi(0),
                2 => s.set_pay_len(0),
                _ => s.set_aad0(0).set_aad1(0),
            };
        }
    }
    s
}

/// Whether the operation has no source, destination, length, attributes (abi/README.md, Key operations).
fn unused_fields(s: &Submission) -> [bool; 4] {
    let op = Opcode::from_code(s.opcode() as u8).unwrap();
    use Opcode::*;
    let src = matches!(
        op,
        KeyUnwrap | KwpUnwrap | KeyHkdf | KeyKbkdf | KeyMessage | MacSign | MacVerify
    );
    let dst = matches!(
        op,
        KeyWrap | KwpWrap | KeyQuery | KeyMessage | MacSign | MacVerify | Random
    );
    let attributes = !matches!(
        op,
        KeyDestroy | KeyWrap | KwpWrap | KeyQuery | MacSign | MacVerify | Random
    );
    [!src, !dst, !src && !dst, !attributes]
}

/// Random writes to the page of a queue that no driver has; its rings, if they ever lie anywhere, lie in the attacker's arena.
fn scribble(device: &Device, rng: &mut ChaCha8Rng, index: u32, arena: &Arena) {
    const REGISTERS: [u32; 9] = [
        reg::QUEUE_SQ_TAIL,
        reg::QUEUE_CQ_HEAD,
        reg::QUEUE_CTRL,
        reg::QUEUE_DEPTH,
        reg::QUEUE_SQ_BASE_LO,
        reg::QUEUE_SQ_BASE_HI,
        reg::QUEUE_CQ_BASE_LO,
        reg::QUEUE_CQ_BASE_HI,
        reg::QUEUE_IRQ_COALESCE,
    ];
    let r = *REGISTERS.choose(rng).unwrap();
    let (lo, hi) = halves(address(rng, arena) & !63);
    let value = match r {
        reg::QUEUE_CTRL => rng.random_range(0..4),
        reg::QUEUE_DEPTH if rng.random() => rng.random_range(1..5) * 0x101,
        reg::QUEUE_SQ_BASE_LO | reg::QUEUE_CQ_BASE_LO => lo,
        reg::QUEUE_SQ_BASE_HI | reg::QUEUE_CQ_BASE_HI => hi,
        reg::QUEUE_SQ_TAIL | reg::QUEUE_CQ_HEAD if rng.random() => rng.random_range(0..20),
        _ => rng.random(),
    };
    // A refused write is an answer too.
    match device
        .transport()
        .write32(r + index * reg::QUEUE_SQ_TAIL_STRIDE, value)
    {
        Ok(()) | Err(Error::Refused(_)) => {}
        Err(e) => panic!("{e}"),
    }
}

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(v) => v.parse().unwrap_or_else(|_| panic!("{name}={v} is not a number")),
        Err(_) => default,
    }
}

#[test]
fn hostile_descriptors_and_registers_harm_nobody_else() {
    let total = number("CASEMATE_HOSTILE_OPS", 10_000);
    let seed = number("CASEMATE_HOSTILE_SEED", 1);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let device = open(&format!("sim:?latency=25&stall=5&reorder=20&seed={seed}"));
    let mut victim = Victim::new(&device, &mut rng);
    let mut hostile: Vec<Queue> = [1, 2].map(|d| queue(&device, d, 16)).into();
    // The attackers' own, and the victim's.
    let load = |slot: u16| {
        let i = usize::from(slot);
        let bytes = &[i as u8; 32][..[16, 24, 32][i % 3]];
        device
            .load_slot(40 + slot, bytes, 1 + i as u8 % 2, KeyUse::BOTH)
            .unwrap()
    };
    let mut keys: Vec<KeyHandle> = (0..8).map(load).chain([victim.key]).collect();
    let mut arena = Arena::new(&device);
    // Nothing lies behind it as far as a descriptor can reach: what a queue may write to is the IOMMU's business.
    let behind = device.transport().alloc(1 << 20).unwrap();
    common::iommu(&device, |m| m.unmap(behind.iova(), behind.len()));
    assert!(behind.iova() > arena.unmapped());
    let unused = device.capabilities().queues as u32 - 1;
    let mut statuses: HashMap<Status, u64> = HashMap::new();
    let (mut sent, mut answered, mut stops) = (0, 0, 0);
    let mut out = Vec::new();
    while answered < total {
        rng.fill_bytes(arena.bytes());
        // They lock and destroy what they have.
        let i = rng.random_range(0..8);
        keys[i] = load(i as u16);
        let mut log = Vec::new();
        for _ in 0..40 {
            let q = &mut hostile[rng.random_range(0..2)];
            let s = descriptor(&mut rng, &arena, &keys);
            match q.submit_raw(s, sent) {
                Ok(true) => {
                    sent += 1;
                    log.push(s);
                }
                Ok(false) => {}
                Err(e) => panic!("{e}"),
            }
            if rng.random_ratio(1, 4) {
                victim.send(&device, &mut rng);
            }
            if rng.random_ratio(1, 8) {
                scribble(&device, &mut rng, unused, &arena);
            }
        }
        let before = answered;
        for q in &mut hostile {
            if rng.random_ratio(1, 30) {
                q.reset(&mut out).unwrap();
            }
            while q.in_flight() > 0 {
                if let Err(e) = q.wait(&mut out, LONG) {
                    if !matches!(e, Error::QueueStopped { .. }) {
                        panic!("{e}; {:?}; the last: {log:x?}", device.counters().unwrap());
                    }
                    stops += 1;
                    q.reset(&mut out).unwrap();
                }
            }
            for d in out.drain(..) {
                *statuses.entry(d.status).or_default() += 1;
                answered += 1;
            }
        }
        assert!(answered > before);
        let mut done = Vec::new();
        while victim.queue.in_flight() > 0 {
            victim.queue.wait(&mut done, LONG).unwrap();
        }
        victim.check(done);
    }
    assert_eq!(sent, answered, "one completion for every submission");
    assert!(victim.sent.is_empty() && victim.checked > total / 10);
    // The device still serves the attackers, too.
    let key = device.load_key(&[1; 16], 1, KeyUse::BOTH).unwrap();
    let d = raw(&mut hostile[0], &common::good(key, &arena));
    assert_eq!(d.status, Status::Ok);
    let mut statuses: Vec<_> = statuses.into_iter().collect();
    statuses.sort_by_key(|s| std::cmp::Reverse(s.1));
    let cycles = common::sim(&device, |d| d.cycles());
    println!(
        "{answered} hostile descriptors, seed {seed}: {statuses:?}; {stops} queue stops; the victim checked {} of its own, in {cycles} cycles",
        victim.checked
    );
}
