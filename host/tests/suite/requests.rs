// SPDX-License-Identifier: Apache-2.0
//! AES-GCM through queues: many at once, of any size and shape, waited for in every way.

use crate::{LONG, Target, bytes, drain, iv, key, pattern, queue, seal, sealed, serves};
use casemate::{Data, Request};
use std::time::{Duration, Instant};

/// More than the ring holds, lengths in no order; each answer compared.
pub fn batches_at_depth(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 64));
    let len = |n: u64| (n as usize * 613) % 3000;
    let (mut next, mut out, total) = (0, Vec::new(), 400);
    let mut done = 0;
    while done < total {
        let room = 64 - q.in_flight() as u64;
        let batch: Vec<_> = (next..total.min(next + room))
            .map(|n| seal(&device, key, n, len(n)))
            .collect();
        next += batch.len() as u64;
        let got = q.submit(batch).unwrap();
        assert!(got.rest.is_empty() && got.refused.is_none());
        q.wait(&mut out, LONG).unwrap();
        for d in out.drain(..) {
            let n = d.user;
            assert!(bytes(d.ok().unwrap()) == sealed(n, len(n)), "request {n}");
            done += 1;
        }
    }
    let c = q.counters();
    assert_eq!((c.submitted, c.completed, c.failed), (total, total, 0));
    // The device counted the same, and no more: each once its write has been answered, which the program may be ahead of.
    let counted = || u64::from(device.queues().unwrap()[usize::from(q.index())].requests);
    let start = Instant::now();
    while counted() < total && start.elapsed() < LONG {
        device.transport().progress().unwrap();
    }
    assert_eq!(counted(), total);
}

pub fn queues_in_threads(t: &Target) {
    let device = t.open();
    std::thread::scope(|s| {
        for _ in 0..4 {
            let device = device.clone();
            s.spawn(move || {
                let mut q = queue(&device, 16);
                for _ in 0..3 {
                    serves(&device, &mut q);
                }
            });
        }
    });
}

/// Several queues on one thread, and a wait that is given up and loses nothing.
pub fn futures(t: &Target) {
    let device = t.open();
    let key = key(&device);
    let work = async |n: u64| {
        let mut q = queue(&device, 8);
        for i in 0..5 {
            let n = n * 100 + i;
            assert_eq!(q.submit([seal(&device, key, n, 700)]).unwrap().accepted, 1);
            let mut out = Vec::new();
            let now = Duration::from_nanos(1);
            let given_up = tokio::time::timeout(now, q.wait_async(&mut out, LONG)).await;
            if given_up.is_err() {
                q.wait_async(&mut out, LONG).await.unwrap();
            }
            assert!(bytes(out.remove(0).ok().unwrap()) == sealed(n, 700));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::join!(work(1), work(2), work(3)) });
}

/// An interrupt comes for a completion, and none without.
pub fn interrupts(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 8));
    let vector = u16::from(q.index());
    let short = Duration::from_millis(20);
    let transport = device.transport();
    // What is left of opening it is taken first.
    while transport.wait(vector, short).unwrap() {}
    assert!(!transport.wait(vector, short).unwrap());
    for n in 0..10 {
        assert_eq!(q.submit([seal(&device, key, n, 64)]).unwrap().accepted, 1);
        let start = Instant::now();
        while !transport.wait(vector, Duration::from_secs(10)).unwrap() {
            assert!(start.elapsed() < LONG, "no interrupt");
        }
        let mut out = Vec::new();
        assert_eq!(q.poll(&mut out).unwrap(), 1, "an interrupt before its completion");
        assert!(bytes(out.remove(0).ok().unwrap()) == sealed(n, 64));
    }
}

/// Pieces of any length, source and destination cut differently.
pub fn scattered_buffers(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 8));
    let plain = pattern(9000, 1);
    let cut = |lens: &[usize], content: &[u8]| {
        let mut at = 0;
        let pieces = lens.iter().map(|len| {
            let mut b = device.buffer(*len, 0).unwrap();
            let part = content.get(at..at + len).unwrap_or_default();
            b[..part.len()].copy_from_slice(part);
            at += len;
            b
        });
        Data::List(pieces.collect())
    };
    let src = cut(&[1, 4095, 17, 3000, 1887], &plain);
    let dst = cut(&[5000, 3, 3997], &[]);
    let tag = device.buffer(16, 0).unwrap();
    let r = Request::seal(key, &iv(1), src).aad(b"short").to(dst).tag_in(tag);
    assert_eq!(q.submit([r]).unwrap().accepted, 1);
    let mut out = Vec::new();
    drain(&mut q, &mut out);
    let d = out.remove(0).ok().unwrap();
    let Some(Data::List(pieces)) = d.dst else {
        panic!("without its destination")
    };
    let mut got: Vec<u8> = pieces.iter().flat_map(|p| p.to_vec()).collect();
    got.extend_from_slice(&d.tag.expect("the tag's buffer")[..]);
    assert!(got == sealed(1, 9000));
}

/// One request over many pages, and its own memory mapped for it.
pub fn megabytes(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 8));
    const LEN: usize = (1 << 20) - 3;
    for n in 0..2 {
        assert_eq!(q.submit([seal(&device, key, n, LEN)]).unwrap().accepted, 1);
        let mut out = Vec::new();
        drain(&mut q, &mut out);
        assert!(
            bytes(out.remove(0).ok().unwrap()) == sealed(n, LEN),
            "request {n}"
        );
    }
}
