// SPDX-License-Identifier: Apache-2.0
//! Queue pairs: depths, wrap-around, what finds no room, interrupts, running out, and the same cycles for the same seed.

mod common;

use casemate::abi::Status;
use casemate::{Device, Error, KeyUse, QueueConfig, Request};
use common::{Arena, DEVICES, LONG, drain, good, open, queue, raw, sim};
use std::collections::HashSet;

#[test]
fn every_depth_wraps() {
    for uri in DEVICES {
        let device = open(uri);
        for log2 in 1..=12 {
            let depth = 1 << log2;
            let mut q = queue(&device, 0, depth);
            let total = (depth * 5 / 2).max(40) as u64;
            let (mut next, mut seen) = (0, HashSet::new());
            while (seen.len() as u64) < total {
                while next < total && q.submit_raw(Default::default(), next).unwrap() {
                    next += 1;
                }
                let mut out = Vec::new();
                q.wait(&mut out, LONG).unwrap();
                for d in out {
                    assert_eq!(d.status, Status::Ok);
                    assert!(seen.insert(d.user), "{uri}, depth {depth}: {} came twice", d.user);
                }
            }
            let c = q.counters();
            assert_eq!((c.submitted, c.completed, c.failed), (total, total, 0));
        }
        for depth in [0, 1, 3, 8192] {
            let e = device
                .queue(QueueConfig {
                    depth,
                    ..QueueConfig::default()
                })
                .err()
                .unwrap();
            assert!(e.to_string().contains("power of two from 2 to 4096"), "{e}");
        }
    }
}

/// Counters run modulo 2^16: more submissions than that.
#[test]
fn counters_wrap() {
    let device = open("soft:");
    let mut q = queue(&device, 0, 64);
    let mut done = 0;
    while done < 70_000 {
        while q.submit_raw(Default::default(), 0).unwrap() {}
        let mut out = Vec::new();
        done += q.wait(&mut out, LONG).unwrap();
    }
}

#[test]
fn what_finds_no_room_comes_back() {
    for uri in DEVICES {
        let device = open(uri);
        let key = device.load_key(&[1; 16], 0, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 0, 8);
        let request = |user| Request::seal(key, &[1; 12], device.buffer(32, 0).unwrap()).user(user);
        let s = q.submit((0..13).map(request)).unwrap();
        assert_eq!((s.accepted, s.rest.len()), (8, 5), "{uri}");
        assert!(s.refused.is_none());
        assert_eq!(q.counters().doorbells, 1, "one doorbell a batch");
        let mut out = Vec::new();
        drain(&mut q, &mut out);
        let s = q.submit(s.rest).unwrap();
        assert_eq!((s.accepted, s.rest.len()), (5, 0), "{uri}");
        drain(&mut q, &mut out);
        let mut users: Vec<u64> = out.iter().map(|d| d.user).collect();
        users.sort();
        assert_eq!(users, (0..13).collect::<Vec<_>>(), "{uri}");

        // A request that cannot be laid out stops the batch and comes back first.
        let bad = Request::seal(key, &[], device.buffer(32, 0).unwrap()).user(99);
        let s = q.submit([request(0), request(1), bad, request(2)]).unwrap();
        assert_eq!((s.accepted, s.rest.len()), (2, 2), "{uri}");
        assert!(s.refused.unwrap().to_string().contains("IV of 0 bytes"));
        drain(&mut q, &mut out);
    }
}

#[test]
fn queues_and_slots_run_out_with_an_error() {
    for uri in ["sim:?queues=4&slots=4&latency=30", "soft:?queues=4&slots=4"] {
        let device = open(uri);
        let queues: Vec<_> = (0..3).map(|_| queue(&device, 0, 2)).collect();
        let e = device.queue(QueueConfig::default()).err().unwrap();
        assert!(matches!(e, Error::NoQueue(4)), "{e}");
        drop(queues);
        let _again = queue(&device, 0, 2);
        let keys: Vec<_> = (0..4)
            .map(|i| device.load_key(&[i; 16], 0, KeyUse::BOTH).unwrap())
            .collect();
        let e = device.load_key(&[1; 16], 0, KeyUse::BOTH).unwrap_err();
        assert!(matches!(e, Error::NoSlot(4)), "{e}");
        device.destroy_key(keys[2]).unwrap();
        assert_eq!(device.load_key(&[1; 16], 0, KeyUse::BOTH).unwrap().slot(), 2);
        let e = device.load_key(&[1; 17], 0, KeyUse::BOTH).unwrap_err();
        assert!(e.to_string().contains("a key of 17 bytes"), "{e}");
    }
}

/// Interrupts by count and by time: as many as were asked for, no more.
#[test]
fn interrupts_are_coalesced() {
    let device = open("sim:?latency=30");
    let run = |irq_count, irq_time, n: u64| {
        let mut q = device
            .queue(QueueConfig {
                depth: 64,
                irq_count,
                irq_time,
                ..QueueConfig::default()
            })
            .unwrap();
        let vector = usize::from(q.index());
        let before = sim(&device, |d| d.irqs()[vector]);
        for i in 0..n {
            assert!(q.submit_raw(Default::default(), i).unwrap());
        }
        sim(&device, |d| {
            for _ in 0..100 {
                d.run(100).unwrap();
            }
        });
        let after = sim(&device, |d| d.irqs()[vector]);
        let mut out = Vec::new();
        drain(&mut q, &mut out);
        assert_eq!(out.len() as u64, n);
        after - before
    };
    assert_eq!(run(8, 0, 24), 3);
    assert_eq!(run(8, 0, 31), 3, "seven are not announced");
    assert_eq!(run(8, 10, 31), 4, "but after 160 cycles");
    assert_eq!(run(1000, 0, 40), 0);
    assert!((1..=4).contains(&run(1000, 20, 40)));
    let each = run(1, 0, 20);
    assert!(
        (10..=20).contains(&each),
        "{each} interrupts for 20 completions, at most one a cycle"
    );
}

/// The capabilities name what the parameters chose.
#[test]
fn parameters_can_be_discovered() {
    for (uri, want) in [
        ("sim:?axi=128&lanes=2&slots=16", (16, 2, 16, 8, 64)),
        ("sim:?queues=4&slots=4&latency=30", (32, 1, 4, 4, 64)),
        ("soft:?axi=512&lanes=3&slots=128&queues=64", (64, 3, 128, 64, 64)),
    ] {
        let c = open(uri).capabilities();
        let got = (c.axi_bytes, c.lanes, c.slots, c.queues, c.read_tags);
        assert_eq!(got, want, "{uri}");
        assert_eq!(
            (c.depth_max, c.iv_max, c.aad_inline_max, c.burst_bytes),
            (4096, 1023, 16, 256)
        );
        assert_eq!(c.sbox, "table");
    }
}

/// What one run of a busy device looks like from outside: completions with the cycle they were seen in, counters, memory.
fn busy(uri: &str) -> String {
    let device = open(uri);
    let mut arena = Arena::new(&device);
    let keys: Vec<_> = (1..5)
        .map(|i| device.load_key(&[i; 32], 1, KeyUse::BOTH).unwrap())
        .collect();
    let mut queues: Vec<_> = [8, 16, 32].map(|d| queue(&device, 1, d)).into();
    let mut log = Vec::new();
    for i in 0..300u32 {
        let q = &mut queues[i as usize % 3];
        let mut s = good(keys[i as usize % 4], &arena);
        s.set_pay_len(i * 7 % 900)
            .set_iv0(i)
            .set_tag_len(if i % 11 == 0 { 3 } else { 16 });
        if !q.submit_raw(s, i.into()).unwrap() {
            let mut out = Vec::new();
            q.wait(&mut out, LONG).unwrap();
            let now = sim(&device, |d| d.cycles());
            log.extend(
                out.iter()
                    .map(|d| format!("{now} {} {:?} {:x?}", d.user, d.status, d.report)),
            );
        }
    }
    for q in &mut queues {
        let mut out = Vec::new();
        drain(q, &mut out);
    }
    format!("{log:?} {:?} {:?}", device.counters().unwrap(), arena.bytes())
}

/// I8: two runs with the same seed and inputs are cycle for cycle the same.
#[test]
fn the_same_seed_gives_the_same_cycles() {
    let uri = |seed| format!("sim:?latency=50&reorder=40&stall=20&seed={seed}");
    let a = busy(&uri(5));
    assert_eq!(a, busy(&uri(5)));
    assert_ne!(
        a,
        busy(&uri(6)),
        "the seed changes nothing: this test would not notice"
    );
}

/// Counters count what was done.
#[test]
fn counters_add_up() {
    for uri in DEVICES {
        let device = open(uri);
        let mut arena = Arena::new(&device);
        let key = device.load_key(&[1; 32], 1, KeyUse::BOTH).unwrap();
        let mut q = queue(&device, 1, 8);
        device.clear_counters().unwrap();
        for i in 0..10 {
            let mut s = good(key, &arena);
            s.set_pay_len(100);
            if i == 9 {
                s.set_slot(70);
            }
            raw(&mut q, &s);
        }
        let c = device.counters().unwrap();
        assert_eq!(
            (c.requests_in, c.requests_out, c.requests_failed),
            (10, 10, 1),
            "{uri}"
        );
        assert_eq!((c.bytes_in, c.bytes_out), (900, 900), "{uri}");
        if uri.starts_with("sim") {
            let (busy, stall_in, _) = c.lanes[0];
            assert!(c.cycles > busy && busy > 9 * 8 && stall_in > 0, "{c:?}");
        }
        assert_eq!(arena.bytes().len(), Arena::SIZE);
        device.clear_counters().unwrap();
        assert_eq!(device.counters().unwrap().requests_in, 0);
    }
}

/// A session's keys go with it, and no one else's.
#[test]
fn a_session_destroys_its_keys() {
    for uri in DEVICES {
        let device = open(uri);
        let other = device.load_key(&[2; 32], 0, KeyUse::BOTH).unwrap();
        let mut session = device.session().unwrap();
        let key = session.import(&[1; 32]).unwrap();
        let gone = session.import(&[3; 16]).unwrap();
        device.destroy_key(gone).unwrap();
        session.seal(key, &[1; 12], b"", b"x").unwrap();
        drop(session);
        let mut session = device.session().unwrap();
        let e = session.seal(key, &[1; 12], b"", b"x").unwrap_err();
        assert!(
            matches!(
                e,
                Error::Request {
                    status: Status::SlotEmpty,
                    ..
                }
            ),
            "{uri}: {e}"
        );
        session.seal(other, &[1; 12], b"", b"x").unwrap();
        let e = session.import(&[1; 31]).unwrap_err();
        assert!(e.to_string().contains("a key of 31 bytes"), "{e}");
    }
}

/// `Queue` goes to another thread, `Device` is shared by all.
#[test]
fn one_queue_a_thread() {
    let device = open("soft:");
    let key = device.load_key(&[1; 32], 0, KeyUse::BOTH).unwrap();
    std::thread::scope(|s| {
        for t in 0..4u8 {
            let device: Device = device.clone();
            s.spawn(move || {
                let mut session = device.session().unwrap();
                for i in 0..50u8 {
                    let mut iv = [t; 12];
                    iv[0] = i;
                    let sealed = session.seal(key, &iv, &[i], &[t; 100]).unwrap();
                    assert_eq!(sealed, common::reference(&[1; 32], &iv, &[i], &[t; 100]));
                }
            });
        }
    });
}
