// SPDX-License-Identifier: Apache-2.0
//! Faults on the RTL: bus errors anywhere, queues and the device reset in flight, time-outs. Every request comes back exactly once,
//! with the right answer or with an error, and other queues notice nothing.

mod common;

use casemate::abi::Status;
use casemate::{Data, Device, Done, Error, KeyHandle, KeyUse, Queue, QueueConfig, Request};
use common::{LONG, drain, open, pattern, queue, reference, sim};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::time::Duration;

const KEY: [u8; 32] = [9; 32];

fn iv(n: u64) -> [u8; 12] {
    let mut iv = [3; 12];
    iv[..8].copy_from_slice(&n.to_le_bytes());
    iv
}

/// Numbered seals whose answers can be checked.
struct Traffic {
    rng: ChaCha8Rng,
    key: KeyHandle,
    next: u64,
    out: HashMap<u64, usize>,
}

impl Traffic {
    fn new(key: KeyHandle, seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            key,
            next: 0,
            out: HashMap::new(),
        }
    }

    fn plain(n: u64, len: usize) -> Vec<u8> {
        pattern(len, n as u8)
    }

    fn request(&mut self, device: &Device) -> Request {
        let n = self.next;
        self.next += 1;
        let len = *[0, 1, 16, 100, 700, 5000]
            .get(self.rng.random_range(0..6))
            .unwrap();
        let mut b = device.buffer(len + 16, 0).unwrap();
        b[..len].copy_from_slice(&Self::plain(n, len));
        self.out.insert(n, len);
        Request::seal(self.key, &iv(n), b).aad(b"short").user(n)
    }

    /// Fills the queue up.
    fn submit(&mut self, device: &Device, q: &mut Queue) {
        let n = self
            .rng
            .random_range(1..=q.config().depth - q.in_flight().min(q.config().depth - 1));
        let batch: Vec<Request> = (0..n).map(|_| self.request(device)).collect();
        let s = q.submit(batch).unwrap();
        assert!(s.refused.is_none());
        // What found no room never was.
        self.next -= s.rest.len() as u64;
        for i in 0..s.rest.len() as u64 {
            self.out.remove(&(self.next + i));
        }
    }

    /// Each result once, right or an error that may be; returns how many were right.
    fn check(&mut self, done: Vec<Done>, may: impl Fn(Status) -> bool) -> usize {
        let mut right = 0;
        for d in done {
            let len = self
                .out
                .remove(&d.user)
                .unwrap_or_else(|| panic!("request {} came back twice", d.user));
            if d.status == Status::Ok {
                let Some(Data::Flat(b)) = d.src else {
                    panic!("without its buffer")
                };
                let want = reference(&KEY, &iv(d.user), b"short", &Self::plain(d.user, len));
                assert_eq!(b[..], want[..], "request {}", d.user);
                assert_eq!(d.bytes as usize, len);
                right += 1;
            } else {
                assert!(may(d.status), "request {}: {:?}", d.user, d.status);
                assert_eq!(d.bytes, 0);
            }
        }
        right
    }
}

/// Waits for all; a queue that stopped is reset.
fn settle(q: &mut Queue, out: &mut Vec<Done>) -> bool {
    while q.in_flight() > 0 {
        match q.wait(out, LONG) {
            Ok(_) => {}
            Err(Error::QueueStopped { .. }) => {
                q.reset(out).unwrap();
                return true;
            }
            Err(e) => panic!("{e}"),
        }
    }
    false
}

#[test]
fn random_bus_errors() {
    for (lanes, axi) in [(1, 256), (2, 128)] {
        let slots = if lanes == 1 { 64 } else { 16 };
        let uri =
            format!("sim:?latency=20&wlatency=8&reorder=30&stall=10&lanes={lanes}&axi={axi}&slots={slots}");
        let device = open(&uri);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut queues: Vec<Queue> = [4, 16, 64].map(|d| queue(&device, 0, d)).into();
        let mut traffic = Traffic::new(key, 1);
        let (mut right, mut all, mut stopped) = (0, 0, 0);
        for round in 0..60 {
            sim(&device, |d| {
                d.faults().read_one_in = [400, 60, 0][round % 3];
                d.faults().write_one_in = [400, 0, 60][round % 3];
            });
            for q in &mut queues {
                traffic.submit(&device, q);
            }
            let mut out = Vec::new();
            for q in &mut queues {
                stopped += usize::from(settle(q, &mut out));
            }
            all += out.len();
            right += traffic.check(out, |s| common::is_dma(s) || s == Status::Aborted);
            assert!(
                traffic.out.is_empty(),
                "requests that never came back: {:?}",
                traffic.out
            );
        }
        assert!(
            right * 3 > all && right < all && stopped > 3,
            "{right} of {all} right, {stopped} queues stopped"
        );
        // The device is as good as new.
        sim(&device, |d| {
            (d.faults().read_one_in, d.faults().write_one_in) = (0, 0)
        });
        let mut out = Vec::new();
        for q in &mut queues {
            traffic.submit(&device, q);
            drain(q, &mut out);
        }
        let n = out.len();
        assert_eq!(traffic.check(out, |_| false), n);
    }
}

/// One queue's rings and buffers fail over and over; another never sees an error.
#[test]
fn a_failing_neighbour() {
    let device = open("sim:?latency=20&wlatency=8");
    let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
    let (mut sick, mut well) = (queue(&device, 0, 32), queue(&device, 0, 32));
    let (mut bad, mut good) = (Traffic::new(key, 2), Traffic::new(key, 3));
    let mut failed = 0;
    for round in 0..60u64 {
        // Buffers first, so that their pages are known; then the sick queue's pages fail.
        let mut pages = Vec::new();
        let batch: Vec<Request> = (0..16)
            .map(|i| {
                let n = bad.next;
                bad.next += 1;
                let len = 5000 + 100 * i;
                // Larger than what shares pages with others.
                let mut b = device.buffer(len + 16, 1 << 17).unwrap();
                b[..len].copy_from_slice(&Traffic::plain(n, len));
                if i as u64 % 4 == round % 4 {
                    pages.push(b.iova() / 4096 + round % 2);
                }
                bad.out.insert(n, len);
                Request::seal(key, &iv(n), b).aad(b"short").user(n)
            })
            .collect();
        if round % 5 == 4 {
            pages.extend(sick.ring_pages());
        }
        sim(&device, |d| d.faults().pages = pages);
        assert_eq!(sick.submit(batch).unwrap().accepted, 16);
        good.submit(&device, &mut well);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        drain(&mut well, &mut b);
        let stopped = settle(&mut sick, &mut a);
        assert_eq!(stopped, round % 5 == 4, "round {round}");
        let n = a.len();
        failed += n - bad.check(a, |s| common::is_dma(s) || s == Status::Aborted);
        let n = b.len();
        assert_eq!(good.check(b, |_| false), n);
        assert!(bad.out.is_empty() && good.out.is_empty());
        sim(&device, |d| d.faults().pages.clear());
    }
    assert!(failed > 100, "{failed} failed");
}

#[test]
fn queues_reset_in_flight() {
    let device = open("sim:?latency=40&reorder=20&stall=5");
    let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
    let (mut q, mut other) = (queue(&device, 0, 64), queue(&device, 0, 64));
    let (mut mine, mut its) = (Traffic::new(key, 4), Traffic::new(key, 5));
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let (mut aborted, mut right) = (0, 0);
    for _ in 0..80 {
        mine.submit(&device, &mut q);
        its.submit(&device, &mut other);
        sim(&device, |d| d.run(rng.random_range(0..9000)).unwrap());
        let mut out = Vec::new();
        q.reset(&mut out).unwrap();
        // What came back is the program's: no late write may reach it.
        let look = |out: &[Done]| -> Vec<Vec<u8>> {
            out.iter()
                .map(|d| match &d.src {
                    Some(Data::Flat(b)) => b.to_vec(),
                    _ => panic!("without its buffer"),
                })
                .collect()
        };
        let before = look(&out);
        let mut rest = Vec::new();
        drain(&mut other, &mut rest);
        assert!(look(&out) == before, "the device wrote after the reset");
        let n = out.len();
        let ok = mine.check(out, |s| s == Status::Aborted);
        (right, aborted) = (right + ok, aborted + n - ok);
        let n = rest.len();
        assert_eq!(its.check(rest, |_| false), n, "the other queue");
        assert!(mine.out.is_empty() && its.out.is_empty());
    }
    assert!(
        aborted > 100 && right > 100,
        "{aborted} aborted, {right} finished"
    );
    assert_eq!(q.counters().resets, 80);
}

#[test]
fn a_time_out_and_its_recovery() {
    let device = open("sim:?latency=100000");
    let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
    let mut q = queue(&device, 0, 8);
    let mut t = Traffic::new(key, 7);
    let r = t.request(&device);
    assert_eq!(q.submit([r]).unwrap().accepted, 1);
    let mut out = Vec::new();
    let e = q.wait(&mut out, Duration::from_millis(1)).unwrap_err();
    assert!(matches!(e, Error::Timeout { in_flight: 1, .. }), "{e}");
    assert!(
        e.to_string().contains("1 requests in flight; reset the queue"),
        "{e}"
    );
    q.reset(&mut out).unwrap();
    assert_eq!(out.len(), 1);
    t.check(out, |s| s == Status::Aborted);
    sim(&device, |d| d.timing().read_latency = 20);
    let r = t.request(&device);
    assert_eq!(q.submit([r]).unwrap().accepted, 1);
    let mut out = Vec::new();
    drain(&mut q, &mut out);
    assert_eq!(t.check(out, |_| false), 1);
}

#[test]
fn the_device_reset_in_flight() {
    for uri in common::DEVICES {
        let device = open(uri);
        let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 0, 16);
        let mut t = Traffic::new(key, 8);
        for round in 0..10 {
            t.submit(&device, &mut q);
            for _ in 0..round {
                device.transport().progress().unwrap();
            }
            device.reset().unwrap();
            let e = q.wait(&mut Vec::new(), LONG);
            // Completions that were there already may be taken first.
            if !matches!(e, Err(Error::DeviceReset { .. })) {
                let e = q.submit(Vec::<Request>::new()).unwrap_err();
                assert!(matches!(e, Error::DeviceReset { .. }), "{uri}: {e}");
            }
            let left = q.in_flight();
            let mut out = Vec::new();
            q.reset(&mut out).unwrap();
            assert_eq!(out.len(), left);
            t.out.clear();
            // Keys are gone, and their handles with them, though slot and generation come again.
            let old = t.key;
            t.key = device.load_key(&[1; 32], 0, KeyUse::BOTH).unwrap();
            assert_eq!((t.key.slot(), t.key.generation()), (old.slot(), old.generation()));
            let b = device.buffer(64, 0).unwrap();
            let s = q.submit([Request::seal(old, &[0; 12], b)]).unwrap();
            assert!(
                matches!(s.refused, Some(Error::StaleKey(0))) && s.rest.len() == 1,
                "{uri}"
            );
            assert!(matches!(device.destroy_key(old), Err(Error::StaleKey(0))));
        }
    }
}

/// A queue that is dropped with requests in flight takes its memory back only when the device is done with it.
#[test]
fn a_queue_dropped_in_flight() {
    let device = open("sim:?latency=40");
    let key = device.load_key(&KEY, 0, KeyUse::BOTH).unwrap();
    for round in 0..20 {
        let mut q = device
            .queue(QueueConfig {
                depth: 32,
                ..QueueConfig::default()
            })
            .unwrap();
        let mut t = Traffic::new(key, round);
        t.submit(&device, &mut q);
        sim(&device, |d| d.run(17 * round).unwrap());
        drop(q);
        // Whatever is handed out next stays zero.
        let fresh: Vec<_> = (0..40).map(|_| device.buffer(5016, 0).unwrap()).collect();
        sim(&device, |d| d.run(2000).unwrap());
        assert!(fresh.iter().all(|b| b.iter().all(|&x| x == 0)));
    }
}
