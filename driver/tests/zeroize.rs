// SPDX-License-Identifier: Apache-2.0
//! Zeroize, by register and by the tamper input, at random moments under load: every request comes back once, what was not
//! completed leaves no plaintext in memory, and nothing is served afterwards until a reset. The simulator's AXI checker ends a test at
//! the first violation.

mod common;

use casemate::abi::{Opcode, Status, Submission};
use casemate::{Data, Device, DmaBuf, Done, Error, KeyHandle, KeyUse, Queue, Request};
use common::{DEVICES, LONG, drain, open, queue, raw, reference, sim};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

const KEY: [u8; 32] = [0x3c; 32];
/// What destinations hold before.
const BEFORE: u8 = 0xee;
/// Cycles from the cause to STATUS.zeroized, with 64 slots, as the README says, and some for the poll.
const BOUND: u64 = 5 * 64 + 2400 + 100;

fn iv(n: u64) -> [u8; 12] {
    let mut iv = [5; 12];
    iv[..8].copy_from_slice(&n.to_le_bytes());
    iv
}

fn cycles(device: &Device, n: u64) {
    sim(device, |d| (0..n).try_for_each(|_| d.step())).unwrap();
}

/// One request and what may be in memory after it.
struct Item {
    opens: bool,
    in_place: bool,
    input: Vec<u8>,
    output: Vec<u8>,
}

fn filled(device: &Device, len: usize) -> DmaBuf {
    let mut b = device.buffer(len, 0).unwrap();
    b.fill(BEFORE);
    b
}

/// A destination, flat or in pieces.
fn pieces(device: &Device, rng: &mut ChaCha8Rng, len: usize) -> Data {
    if len < 3 || rng.random_ratio(2, 3) {
        return filled(device, len).into();
    }
    let a = rng.random_range(1..len);
    Data::List(vec![filled(device, a), filled(device, len - a)])
}

fn bytes(data: Option<Data>) -> Vec<u8> {
    match data {
        Some(Data::Flat(b)) => b.to_vec(),
        Some(Data::List(l)) => l.iter().flat_map(|b| b.to_vec()).collect(),
        None => Vec::new(),
    }
}

impl Item {
    fn random(rng: &mut ChaCha8Rng, n: u64) -> Self {
        let len = *[0, 1, 16, 100, 700, 5000, 16384, 20000, 40000]
            .choose(rng)
            .unwrap();
        let mut plain = vec![0; len];
        rng.fill_bytes(&mut plain);
        let cipher = reference(&KEY, &iv(n), b"aad", &plain);
        let opens = rng.random();
        let (input, output) = if opens { (cipher, plain) } else { (plain, cipher) };
        Self {
            opens,
            in_place: rng.random_ratio(1, 3),
            input,
            output,
        }
    }

    fn request(&self, device: &Device, rng: &mut ChaCha8Rng, key: KeyHandle, n: u64) -> Request {
        let len = self.input.len() + if self.in_place && !self.opens { 16 } else { 0 };
        let mut src = device.buffer(len, 0).unwrap();
        src[..self.input.len()].copy_from_slice(&self.input);
        let r = match self.opens {
            true => Request::open(key, &iv(n), src),
            false => Request::seal(key, &iv(n), src),
        };
        let r = r.aad(b"aad").user(n);
        if self.in_place {
            return r;
        }
        r.to(pieces(device, rng, self.output.len()))
    }

    fn check(&self, d: Done) {
        let what = format!("{:?}, opens {}, {} bytes", d.status, self.opens, self.input.len());
        let (src, dst) = (bytes(d.src), bytes(d.dst));
        let got = if self.in_place { &src } else { &dst };
        if d.status == Status::Ok {
            assert_eq!(got[..self.output.len()], self.output[..], "{what}");
            return;
        }
        assert_eq!(d.status, Status::Zeroized, "{what}");
        assert_eq!((d.bytes, d.report), (0, [0; 16]), "{what}");
        for (i, &b) in got.iter().enumerate() {
            let before = match self.in_place {
                true => self.input.get(i).copied().unwrap_or(0),
                false => BEFORE,
            };
            // Ciphertext may be there in part, plaintext may not.
            let made = !self.opens && self.output.get(i) == Some(&b);
            assert!(b == before || b == 0 || made, "{what}: byte {i} is {b:#x}");
        }
    }
}

/// It refuses everything but NOP, until it is reset.
fn refuses(device: &Device, q: &mut Queue, key: KeyHandle) {
    let s = device.status().unwrap();
    assert!(
        s.zeroized && !s.ready && s.self_tests_done && !s.self_tests_failed,
        "{s:?}"
    );
    let mut nop = Submission::default();
    nop.set_opcode(Opcode::Nop as u32);
    assert_eq!(raw(q, &nop).status, Status::Ok);
    let b = device.buffer(32, 0).unwrap();
    let d = q
        .run(Request::seal(key, &[0; 12], b), &mut Vec::new(), LONG)
        .unwrap();
    assert!(matches!(d.ok(), Err(Error::Zeroized)));
    // Before anything else that is wrong with a descriptor.
    let mut bad = Submission::default();
    bad.set_opcode(0xff).set_reserved0(1);
    assert_eq!(raw(q, &bad).status, Status::Zeroized);
    assert!(matches!(
        device.load_key(&KEY, 0, KeyUse::BOTH),
        Err(Error::Zeroized)
    ));
    assert!(matches!(device.destroy_key(key), Err(Error::Zeroized)));
}

#[test]
fn refuses_everything_until_reset() {
    for uri in DEVICES {
        let device = open(uri);
        let mut q = queue(&device, 0, 8);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        assert!(!device.is_zeroized().unwrap() && device.status().unwrap().ready);
        device.zeroize().unwrap();
        assert!(device.is_zeroized().unwrap());
        refuses(&device, &mut q, key);
        device.zeroize().unwrap();
        refuses(&device, &mut q, key);
        device.reset().unwrap();
        q.reset(&mut Vec::new()).unwrap();
        assert!(!device.is_zeroized().unwrap() && device.status().unwrap().ready);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut b = device.buffer(20, 0).unwrap();
        b[..4].copy_from_slice(b"well");
        let d = q
            .run(Request::seal(key, &iv(0), b).aad(b"aad"), &mut Vec::new(), LONG)
            .unwrap();
        assert_eq!(
            bytes(d.ok().unwrap().src),
            reference(&KEY, &iv(0), b"aad", b"well")
        );
    }
}

/// Zeroizes in the middle of `rounds` rounds of load; says how many requests were done and how many were not.
fn under_load(settings: &str, rounds: u64) -> [usize; 2] {
    let device = open(&format!("sim:?{settings}"));
    let mut queues: Vec<Queue> = [(0, 64), (1, 16), (2, 4)]
        .map(|(d, n)| queue(&device, d, n))
        .into();
    let mut counts = [0; 2];
    for round in 0..rounds {
        let mut rng = ChaCha8Rng::seed_from_u64(round);
        let keys: Vec<KeyHandle> = (0..3)
            .map(|d| device.load_key(&KEY, d, KeyUse::BOTH).unwrap())
            .collect();
        let mut items = HashMap::new();
        let mut n = 0;
        for (q, &key) in queues.iter_mut().zip(&keys) {
            let mut batch = Vec::new();
            for _ in 0..rng.random_range(1..=q.config().depth) {
                let item = Item::random(&mut rng, n);
                batch.push(item.request(&device, &mut rng, key, n));
                items.insert(n, item);
                n += 1;
            }
            let s = q.submit(batch).unwrap();
            assert!(s.refused.is_none() && s.rest.is_empty());
        }
        let wait = rng.random_range(0..12_000);
        let cause = if round % 2 == 0 {
            sim(&device, |d| d.tamper_at(d.cycles() + wait));
            // A key operation may be under way at that moment, too.
            let last = device.capabilities().slots as u16 - 1;
            let e = loop {
                let key = device.load_slot(last, &KEY, 0, KeyUse::BOTH);
                if let Err(e) = key.and_then(|key| device.destroy_key(key)) {
                    break e;
                }
            };
            assert!(matches!(e, Error::Zeroized), "{e}");
            None
        } else {
            cycles(&device, wait);
            Some(sim(&device, |d| d.cycles()))
        };
        device.zeroize().unwrap();
        assert_eq!(device.status().unwrap().tamper, cause.is_none());
        if let Some(start) = cause {
            let took = sim(&device, |d| d.cycles()) - start;
            assert!(took <= BOUND, "zeroized after {took} cycles");
        }
        let mut out = Vec::new();
        queues.iter_mut().for_each(|q| drain(q, &mut out));
        for d in out {
            let item = items
                .remove(&d.user)
                .unwrap_or_else(|| panic!("{} came twice", d.user));
            counts[usize::from(d.status != Status::Ok)] += 1;
            item.check(d);
        }
        assert!(items.is_empty(), "never came back: {:?}", items.keys());
        refuses(&device, &mut queues[0], keys[0]);
        device.reset().unwrap();
        for q in &mut queues {
            q.reset(&mut Vec::new()).unwrap();
        }
    }
    counts
}

#[test]
fn at_random_moments_under_load() {
    for (settings, rounds) in [
        ("latency=20&wlatency=8&reorder=30&stall=10", 30),
        ("latency=200&wlatency=60&lanes=2&axi=128&slots=16&stall=60", 20),
    ] {
        let [ok, zeroized] = under_load(settings, rounds);
        println!("{settings}: {ok} requests done, {zeroized} zeroized");
        assert!(ok > 50 && zeroized > 200, "{ok} {zeroized}");
    }
}

/// Reads and writes that fail while the device is being zeroized change nothing: every request comes back.
#[test]
fn with_bus_errors() {
    let device = open("sim:?latency=20&wlatency=8&reorder=30&stall=10");
    let mut q = queue(&device, 0, 64);
    for round in 0..10 {
        let mut rng = ChaCha8Rng::seed_from_u64(100 + round);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let batch: Vec<Request> = (0..60)
            .map(|n| Item::random(&mut rng, n).request(&device, &mut rng, key, n))
            .collect();
        assert!(q.submit(batch).unwrap().rest.is_empty());
        let wait = rng.random_range(0..8000);
        cycles(&device, wait);
        sim(&device, |d| {
            (d.faults().read_one_in, d.faults().write_one_in) = (10, 10)
        });
        device.zeroize().unwrap();
        let mut out = Vec::new();
        while q.in_flight() > 0 {
            match q.wait(&mut out, LONG) {
                Ok(_) => {}
                // A completion or a fetch may fail as well.
                Err(Error::QueueStopped { .. }) => break,
                Err(e) => panic!("{e}"),
            }
        }
        sim(&device, |d| {
            (d.faults().read_one_in, d.faults().write_one_in) = (0, 0)
        });
        q.reset(&mut out).unwrap();
        let mut seen: Vec<u64> = out.iter().map(|d| d.user).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..60).collect::<Vec<u64>>());
        device.reset().unwrap();
        q.reset(&mut Vec::new()).unwrap();
    }
}

/// A failed self-test is a zeroized device that says why, until a reset whose self-tests pass.
#[test]
fn a_failed_self_test_is_final() {
    let device = open("sim:?selftest_fault=1");
    let mut q = queue(&device, 0, 8);
    device.zeroize().unwrap();
    for _ in 0..2 {
        let s = device.status().unwrap();
        assert!(s.self_tests_failed && s.zeroized && !s.ready, "{s:?}");
        assert!(matches!(
            device.load_key(&KEY, 0, KeyUse::BOTH),
            Err(Error::Zeroized)
        ));
        // The next one fails as well.
        device.reset().unwrap();
        q.reset(&mut Vec::new()).unwrap();
        while !device.is_zeroized().unwrap() {
            device.transport().progress().unwrap();
        }
    }
    sim(&device, |d| d.selftest_fault(false));
    device.reset().unwrap();
    q.reset(&mut Vec::new()).unwrap();
    let s = device.status().unwrap();
    assert!(
        !s.self_tests_failed && !s.zeroized && s.ready && !s.tamper,
        "{s:?}"
    );
    let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
    let b = device.buffer(16, 0).unwrap();
    let d = q
        .run(Request::seal(key, &iv(0), b).aad(b"aad"), &mut Vec::new(), LONG)
        .unwrap();
    assert_eq!(bytes(d.ok().unwrap().src), reference(&KEY, &iv(0), b"aad", b""));
}

/// Tamper at any moment of the self-tests: they never end, and the device is zeroized all the same. Requests wait for neither.
#[test]
fn tamper_during_the_self_tests() {
    for cycle in [9, 10, 50, 700, 1500, 2550, 2600, 2620] {
        let device = open(&format!("sim:?tamper={cycle}&latency=10"));
        device.zeroize().unwrap();
        let s = device.status().unwrap();
        assert!(
            s.zeroized && s.tamper && !s.ready && !s.self_tests_failed,
            "{cycle}: {s:?}"
        );
        assert!(matches!(
            device.load_key(&KEY, 0, KeyUse::BOTH),
            Err(Error::Zeroized)
        ));
    }
}

/// Descriptors that are there before the self-tests are over wait for their end.
#[test]
fn nothing_is_served_before_the_self_tests_are_over() {
    let device = open("sim:?latency=10");
    let t = device.transport();
    t.reset().unwrap();
    let raw = common::RawQueue::new(&device, 1);
    raw.configure(2);
    raw.enable();
    raw.write(casemate::abi::reg::QUEUE_SQ_TAIL, 1).unwrap();
    let mut early = 0;
    loop {
        let head = raw.read(casemate::abi::reg::QUEUE_SQ_HEAD);
        let s = device.status().unwrap();
        assert_eq!(s.ready, s.self_tests_done);
        if s.ready {
            break;
        }
        assert_eq!(head, 0);
        early += 1;
    }
    assert!(early > 10, "{early}");
    for _ in 0..100 {
        t.progress().unwrap();
    }
    assert_eq!(raw.read(casemate::abi::reg::QUEUE_CQ_TAIL), 1);
}
