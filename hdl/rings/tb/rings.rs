// SPDX-License-Identifier: Apache-2.0
//! Queues, fetcher and completion writer together, against a host that plays by the rules, and one that does not.

mod host;

use casemate_abi::{QueueError, QueueState, REGISTERS, reg};
use casemate_hdl_tb::{Order, chance};
use host::{Access, Host, QUEUES, read, write};
use rand::{Rng, seq::IndexedRandom};

const STATE: u32 = reg::QUEUE_STATE;

/// Everything at random: depths, rates, latencies, resets, hostile doorbells, memory errors.
fn random_traffic(bits: u32, seed: u64, cycles: u64, faults: bool) -> Host {
    let mut h = Host::new(bits, seed);
    let mut waiting = [0u64; QUEUES];
    while h.b.m.cycles() < cycles {
        if h.b.m.cycles() % 3000 < 10 {
            h.take = *[100, 100, 60, 10].choose(&mut h.rng).unwrap();
            h.complete = *[100, 100, 60, 20].choose(&mut h.rng).unwrap();
            h.accept = *[100, 50].choose(&mut h.rng).unwrap();
            let order = *[Order::Fifo, Order::Lifo, Order::Random]
                .choose(&mut h.rng)
                .unwrap();
            let latency = *[2, 30, 250].choose(&mut h.rng).unwrap();
            let stall = *[0, 40].choose(&mut h.rng).unwrap();
            h.order(order, latency, stall);
        }
        let i = h.rng.random_range(0..QUEUES);
        let now = h.b.m.cycles();
        if !h.q[i].on {
            let log2 = |h: &mut Host| {
                let most = if chance(&mut h.rng, 20) { 12 } else { 4 };
                h.rng.random_range(1..=most)
            };
            let (sq, cq) = (log2(&mut h), log2(&mut h));
            h.enable(i, sq, cq);
            waiting[i] = 0;
            continue;
        }
        if h.q[i].resetting || !h.q[i].errors.is_empty() {
            // Seeing the end as early as possible makes the next start as early as possible.
            let (state, _, _) = h.state(i);
            if state == QueueState::Disabled {
                h.disabled(i);
                waiting[i] = 0;
            }
            if waiting[i] == 0 {
                waiting[i] = now;
            }
            assert!(now - waiting[i] < 30_000, "queue {i} hangs in {state:?}");
            if !h.q[i].resetting
                && (state == QueueState::Error || now - waiting[i] > 5000)
                && chance(&mut h.rng, 5)
            {
                h.reset(i);
                waiting[i] = now;
            }
            h.consume(i, 9);
            if chance(&mut h.rng, 50) {
                continue;
            }
        }
        let fault = faults && chance(&mut h.rng, 1) && chance(&mut h.rng, 40);
        match h.rng.random_range(0..10) {
            0..=3 => {
                for _ in 0..h.rng.random_range(1..12) {
                    h.push(i, fault);
                }
                if h.q[i].pushed != h.q[i].tail {
                    h.ring(i);
                }
            }
            4..=6 => {
                let n = h.rng.random_range(1..10);
                h.consume(i, n);
                if h.q[i].head != h.q[i].consumed {
                    h.acknowledge(i);
                }
            }
            7 if fault && chance(&mut h.rng, 50) => h.reset(i),
            7 if fault => {
                // More than the ring has, or back.
                let q = &mut h.q[i];
                q.errors.push(QueueError::BadDoorbell);
                let (reg, value) = match h.rng.random_range(0..3) {
                    0 => (reg::QUEUE_SQ_TAIL, q.tail + q.sq_depth() + 1),
                    1 => (reg::QUEUE_CQ_HEAD, q.tail + 1),
                    _ => (reg::QUEUE_CQ_HEAD, q.head.wrapping_sub(1)),
                };
                h.set(i, reg, value as u16 as u32);
            }
            8 if fault => {
                let q = &h.q[i];
                let at = q.cq_base + (q.written + h.rng.random_range(0..q.cq_depth())) % q.cq_depth() * 32;
                h.mem.spoil(at, 32);
            }
            _ => h.cycle(),
        }
    }
    h
}

#[test]
fn random_traffic_128() {
    let mut h = random_traffic(128, 1, 60_000, false);
    h.drain();
    let delivered: u64 = h.q.iter().map(|q| q.delivered).sum();
    assert!(delivered > 2000, "{delivered}");
}

#[test]
fn random_traffic_with_faults_and_resets_128() {
    random_traffic(128, 2, 120_000, true);
}

#[test]
fn random_traffic_with_faults_and_resets_256() {
    let h = random_traffic(256, 3, 120_000, true);
    assert!(h.reads.iter().any(|r| r.1 == 4), "never four descriptors a read");
    assert!(h.q.iter().all(|q| q.incarnation > 3), "too few resets");
}

#[test]
fn random_traffic_with_faults_and_resets_512() {
    random_traffic(512, 4, 120_000, true);
}

/// Every pair of depths from 2 to 4096, several passes of each ring.
#[test]
fn all_depths_wrap() {
    let mut h = Host::new(256, 5);
    h.order(Order::Random, 8, 0);
    for (n, (sq, cq)) in (1..=12)
        .flat_map(|s| [(s, s), (s, 13 - s), (s, 1), (1, s)])
        .enumerate()
    {
        let i = n % QUEUES;
        h.enable(i, sq, cq);
        let goal = (5 << sq.min(cq)).min(600) + (if sq == 12 && cq == 12 { 9000 } else { 0 });
        while h.q[i].consumed < goal {
            while h.push(i, false) {}
            if h.q[i].pushed != h.q[i].tail {
                h.ring(i);
            }
            h.consume(i, u64::MAX);
            if h.q[i].head != h.q[i].consumed {
                h.acknowledge(i);
            }
            h.cycle();
        }
        h.drain();
        assert_eq!(h.get(i, reg::QUEUE_SQ_HEAD), h.q[i].delivered as u16 as u32);
        assert_eq!(h.get(i, reg::QUEUE_CQ_TAIL), h.q[i].answered as u16 as u32);
        h.reset(i);
        while h.state(i).0 != QueueState::Disabled {}
        h.disabled(i);
    }
}

/// The counters pass 2^16 on the largest and on a small ring.
#[test]
fn counters_pass_65536() {
    let mut h = Host::new(512, 6);
    h.order(Order::Fifo, 4, 0);
    h.enable(0, 12, 12);
    h.enable(1, 3, 5);
    while h.q[0].consumed < 0x1_0100 || h.q[1].consumed < 0x1_0100 {
        for i in 0..2 {
            while h.push(i, false) {}
            if h.q[i].pushed != h.q[i].tail {
                h.ring(i);
            }
            h.consume(i, u64::MAX);
            if h.q[i].head != h.q[i].consumed {
                h.acknowledge(i);
            }
        }
        h.cycle();
    }
    h.drain();
    for i in 0..2 {
        assert_eq!(h.get(i, reg::QUEUE_REQS), h.q[i].total);
        assert_eq!(h.get(i, reg::QUEUE_ERRORS), h.q[i].total_bad);
    }
    h.b.set("clear_counters_i", true);
    h.cycle();
    h.b.set("clear_counters_i", false);
    assert_eq!((h.get(0, reg::QUEUE_REQS), h.get(1, reg::QUEUE_ERRORS)), (0, 0));
}

/// Between queues that all have work, each turn fetches as many descriptors as the queue's weight says.
#[test]
fn weights_are_honoured() {
    for weights in [[1, 2, 3, 4], [4, 4, 4, 4], [15, 1, 0, 7], [5, 9, 2, 13]] {
        let mut h = Host::new(256, 7);
        h.order(Order::Fifo, 10, 0);
        for (i, w) in weights.into_iter().enumerate() {
            let bind = Access {
                queue: i,
                bind: true,
                off: 0x400,
                write: Some(w << 8 | i as u32),
            };
            assert!(!h.access(bind).1);
            h.enable(i, 9, 9);
            while h.push(i, false) {}
        }
        h.accept = 0;
        for i in 0..QUEUES {
            h.ring(i);
        }
        h.accept = 100;
        h.drain();
        // As long as all have work left: turns as runs of reads of one queue.
        let mut left = [512; QUEUES];
        let mut turns: Vec<(usize, u64)> = Vec::new();
        for &(q, n) in &h.reads {
            if left.iter().any(|&l| l < 20) {
                break;
            }
            left[q] -= n;
            match turns.last_mut() {
                Some(t) if t.0 == q => t.1 += n,
                _ => turns.push((q, n)),
            }
        }
        turns.pop();
        assert!(turns.len() > 40);
        // The first turns may have begun before the other queues had work.
        for t in turns[QUEUES..].windows(2) {
            assert_eq!(t[1].0, (t[0].0 + 1) % QUEUES, "round robin: {turns:?}");
            assert_eq!(
                t[0].1,
                u64::from(weights[t[0].0].max(1)),
                "weights {weights:?}: {turns:?}"
            );
        }
    }
}

/// A reset at every moment around a fetch, and the queue enabled again at once: nothing of before is served.
#[test]
fn a_reset_at_any_moment_leaves_nothing_behind() {
    let mut h = Host::new(256, 8);
    for (latency, accept) in [(60, 100), (60, 20), (4, 100)] {
        h.order(Order::Random, latency, 0);
        h.accept = accept;
        for delay in 0..40 {
            h.enable(1, 4, 4);
            for _ in 0..9 {
                h.push(1, false);
            }
            h.ring(1);
            for _ in 0..delay {
                h.cycle();
            }
            h.reset(1);
            while h.state(1).0 != QueueState::Disabled {}
            h.disabled(1);
            h.enable(1, 3, 5);
            for _ in 0..5 {
                h.push(1, false);
            }
            h.ring(1);
            h.drain();
            h.reset(1);
            while h.state(1).0 != QueueState::Disabled {}
            h.disabled(1);
        }
    }
}

#[test]
fn a_reset_of_the_device_in_mid_traffic() {
    let mut h = random_traffic(256, 9, 3000, true);
    for round in 0..10 {
        h.reset_device();
        for i in 0..QUEUES {
            assert_eq!(h.get(i, STATE), 0);
            h.enable(i, 3, 3);
            for _ in 0..8 {
                h.push(i, false);
            }
            h.ring(i);
        }
        if round % 2 == 0 {
            h.drain();
        }
        for _ in 0..round * 7 {
            h.cycle();
        }
    }
}

#[test]
fn read_errors_stop_their_queue_only() {
    let mut h = Host::new(256, 10);
    for i in 0..2 {
        h.enable(i, 4, 4);
    }
    for n in 0..12 {
        h.push(0, n == 9);
        h.push(1, false);
    }
    h.ring(0);
    h.ring(1);
    while h.state(0).0 != QueueState::Error {}
    assert!(h.b.is("any_error_o"));
    assert_eq!(h.state(0).1, QueueError::SqFetch);
    for _ in 0..300 {
        h.cycle();
    }
    // What was delivered before is completed as it is, not aborted; nothing is in flight then.
    assert!(h.q[0].delivered >= 6 && h.q[0].answered == h.q[0].delivered);
    assert_eq!(h.state(0).2, 0);
    assert_eq!(h.error_irqs, 1);
    assert_eq!(h.q[1].answered, 12);
    h.reset(0);
    while h.state(0).0 != QueueState::Disabled {}
    h.disabled(0);
    assert!(!h.b.is("any_error_o"));
}

#[test]
fn write_errors_stop_their_queue_only() {
    for bits in [128, 256, 512] {
        let mut h = Host::new(bits, 11);
        for i in 0..2 {
            h.enable(i, 5, 5);
        }
        let at = h.q[0].cq_base + 5 * 32;
        h.mem.spoil(at, 32);
        for _ in 0..30 {
            h.push(0, false);
            h.push(1, false);
        }
        h.ring(0);
        h.ring(1);
        while h.state(0).0 != QueueState::Error {}
        assert_eq!(h.state(0).1, QueueError::CqWrite);
        for _ in 0..400 {
            h.cycle();
        }
        // All that was in flight counts as completed, though the ring is not touched again.
        assert_eq!(h.q[0].given, h.q[0].delivered);
        assert_eq!(h.state(0).2, 0);
        assert_eq!(h.error_irqs, 1);
        assert_eq!(h.q[1].answered, 30);
        h.reset(0);
        while h.state(0).0 != QueueState::Disabled {}
        h.disabled(0);
    }
}

#[test]
fn bad_doorbells_stop_the_queue() {
    let mut h = Host::new(256, 12);
    // Tail, head, whether that is allowed, for a ring of 8 of which nothing was used.
    for (reg, value, fine) in [
        (reg::QUEUE_SQ_TAIL, 8, true),
        (reg::QUEUE_SQ_TAIL, 9, false),
        (reg::QUEUE_SQ_TAIL, 0xffff, false),
        (reg::QUEUE_CQ_HEAD, 0, true),
        (reg::QUEUE_CQ_HEAD, 1, false),
        (reg::QUEUE_CQ_HEAD, 0x8000, false),
    ] {
        let before = h.error_irqs;
        h.enable(2, 3, 3);
        while h.push(2, false) {}
        h.q[2].tail = if fine && reg == reg::QUEUE_SQ_TAIL { 8 } else { 0 };
        if !fine {
            h.q[2].errors.push(QueueError::BadDoorbell);
        }
        h.set(2, reg, value);
        for _ in 0..5 {
            h.cycle();
        }
        let want = if fine {
            (QueueState::Enabled, QueueError::None)
        } else {
            (QueueState::Error, QueueError::BadDoorbell)
        };
        let (state, error, _) = h.state(2);
        assert_eq!((state, error), want, "{reg:#x} = {value:#x}");
        assert_eq!(h.error_irqs - before, u64::from(!fine));
        h.reset(2);
        while h.state(2).0 != QueueState::Disabled {}
        h.disabled(2);
    }
}

/// A tail that goes back behind what is being read, at every moment around that read.
#[test]
fn a_tail_that_goes_back_never_leads_past_the_old_one() {
    let mut h = Host::new(256, 17);
    h.order(Order::Fifo, 20, 0);
    for delay in (0..12).chain(0..12).chain(0..12) {
        h.enable(1, 5, 5);
        for _ in 0..8 {
            h.push(1, false);
        }
        h.ring(1);
        for _ in 0..delay {
            h.cycle();
        }
        h.q[1].errors.push(QueueError::BadDoorbell);
        h.set(1, reg::QUEUE_SQ_TAIL, 0);
        // The host goes on checking reads against the tail of before.
        for _ in 0..200 {
            h.cycle();
        }
        h.reset(1);
        while h.state(1).0 != QueueState::Disabled {}
        h.disabled(1);
    }
}

#[test]
fn bad_configurations_are_refused() {
    let mut h = Host::new(256, 13);
    for (n, (sq, cq, sq_base, cq_base)) in [
        (0, 4, 0x1000, 0x2000),
        (4, 0, 0x1000, 0x2000),
        (13, 4, 0x1000, 0x2000),
        (4, 15, 0x1000, 0x2000),
        (4, 4, 0x1020, 0x2000),
        (4, 4, 0x1001, 0x2000),
        (4, 4, 0x1000, 0x2020),
        (4, 4, 0x1000, 0x2004),
    ]
    .into_iter()
    .enumerate()
    {
        h.set(3, reg::QUEUE_DEPTH, sq | cq << 8);
        h.set(3, reg::QUEUE_SQ_BASE_LO, sq_base);
        h.set(3, reg::QUEUE_CQ_BASE_LO, cq_base);
        h.set(3, reg::QUEUE_CTRL, 1);
        h.q[3].on = true;
        h.q[3].errors = vec![QueueError::BadConfig];
        assert_eq!(h.state(3).0, QueueState::Error, "configuration {n}");
        // It stays off, whatever the doorbell says.
        h.set(3, reg::QUEUE_SQ_TAIL, 1);
        h.set(3, reg::QUEUE_CTRL, 1);
        for _ in 0..20 {
            h.cycle();
        }
        assert_eq!(h.state(3).0, QueueState::Error);
        assert_eq!(h.error_irqs, n as u64 + 1);
        h.reset(3);
        while h.state(3).0 != QueueState::Disabled {}
        (h.q[3].on, h.q[3].resetting, h.q[3].stopped) = (false, false, false);
    }
}

#[test]
fn registers_of_a_queue() {
    let mut h = Host::new(256, 14);
    let page = |r: &&casemate_abi::Register| r.name.starts_with("QUEUE_") && r.name != "QUEUE_BIND";
    let known: Vec<u32> = REGISTERS.iter().filter(page).map(|r| r.offset & 0xfff).collect();
    // Only what is there answers; reading changes nothing.
    for off in (0..0x1000).step_by(4) {
        let refused = h.access(read(1, off)).1;
        assert_eq!(refused, !known.contains(&off), "offset {off:#x}");
        if refused {
            assert!(h.access(write(1, off, 1)).1, "write to {off:#x}");
        }
    }
    let setup = [
        (reg::QUEUE_DEPTH, 0xffff_ffff, 0x0f0f),
        (reg::QUEUE_DEPTH, 0x0404, 0x0404),
        (reg::QUEUE_SQ_BASE_LO, 0x8765_4300, 0x8765_4300),
        (reg::QUEUE_SQ_BASE_HI, 0x12, 0x12),
        (reg::QUEUE_CQ_BASE_LO, 0x9876_5440, 0x9876_5440),
        (reg::QUEUE_CQ_BASE_HI, 0x34, 0x34),
        (reg::QUEUE_IRQ_COALESCE, 0x0003_0007, 0x0003_0007),
    ];
    for (r, value, want) in setup {
        h.set(1, r, value);
        assert_eq!(h.get(1, r), want);
        assert_eq!(h.get(2, r), if r == reg::QUEUE_IRQ_COALESCE { 1 } else { 0 });
    }
    let bind = |value| Access {
        queue: 1,
        bind: true,
        off: 0x404,
        write: value,
    };
    assert!(!h.access(bind(Some(0xffff_f5a7))).1);
    assert_eq!(h.access(bind(None)), (0x5a7, false));
    assert_eq!(h.b.get("domain_o[1]"), 0xa7);
    // While disabled, doorbells do nothing and a reset has nothing to do.
    for r in [reg::QUEUE_SQ_TAIL, reg::QUEUE_CQ_HEAD] {
        h.set(1, r, 1);
        assert_eq!(h.get(1, r), 0);
    }
    h.set(1, reg::QUEUE_CTRL, 2);
    assert_eq!(h.get(1, STATE), 0);
    h.set(1, reg::QUEUE_CTRL, 1);
    assert_eq!(h.get(1, STATE), QueueState::Enabled as u32);
    // While enabled, the set-up is fixed; what only the device counts is never written.
    for (r, value, want) in &setup[1..6] {
        assert!(h.access(write(1, *r, !value)).1, "{r:#x} written while enabled");
        assert_eq!(h.get(1, *r), *want);
    }
    assert!(h.access(bind(Some(0))).1);
    assert_eq!(h.b.get("domain_o[1]"), 0xa7);
    for r in [
        STATE,
        reg::QUEUE_SQ_HEAD,
        reg::QUEUE_CQ_TAIL,
        reg::QUEUE_REQS,
        reg::QUEUE_ERRORS,
    ] {
        assert!(h.access(write(1, r, 1)).1, "{r:#x} is read-only");
    }
    h.set(1, reg::QUEUE_IRQ_COALESCE, 5);
    assert_eq!(h.get(1, reg::QUEUE_IRQ_COALESCE), 5);
}

/// Posts `n` completions on queue 0 and gives the interrupts seen until `wait` cycles later.
fn posts(h: &mut Host, n: u64, wait: u64) -> u64 {
    let (before, goal) = (h.q[0].irqs, h.q[0].answered + n);
    for _ in 0..n {
        h.push(0, false);
    }
    h.ring(0);
    while h.q[0].answered < goal {
        h.cycle();
    }
    for _ in 0..wait {
        h.cycle();
    }
    h.consume(0, u64::MAX);
    h.acknowledge(0);
    h.q[0].irqs - before
}

#[test]
fn interrupts_by_count_and_by_time() {
    let mut h = Host::new(256, 15);
    h.order(Order::Fifo, 4, 0);
    h.enable(0, 8, 8);
    let coalesce =
        |h: &mut Host, count: u32, time: u32| h.set(0, reg::QUEUE_IRQ_COALESCE, count | time << 16);
    // One each, by default; no more than there are completions, none forgotten.
    assert_eq!(posts(&mut h, 1, 20), 1);
    let n = posts(&mut h, 50, 20);
    assert!((1..=50).contains(&n) && h.q[0].unannounced == 0, "{n}");
    // 0 counts as 1.
    coalesce(&mut h, 0, 0);
    assert_eq!(posts(&mut h, 1, 20), 1);
    // By count alone, however long it takes.
    coalesce(&mut h, 4, 0);
    assert_eq!(posts(&mut h, 3, 500), 0);
    assert_eq!(posts(&mut h, 1, 20), 1);
    assert_eq!(posts(&mut h, 9, 20), 2);
    assert_eq!(posts(&mut h, 3, 20), 1);
    // By time, from the first completion that waits.
    coalesce(&mut h, 200, 3);
    for _ in 0..5 {
        assert_eq!(posts(&mut h, 2, 20), 0);
        let start = h.b.m.cycles();
        while h.q[0].unannounced != 0 {
            h.cycle();
            assert!(h.b.m.cycles() - start < 48, "the time is over");
        }
        assert_eq!(posts(&mut h, 0, 300), 0, "an interrupt for nothing");
    }
    // What waited when the queue was reset counts no more.
    coalesce(&mut h, 4, 0);
    assert_eq!(posts(&mut h, 3, 20), 0);
    h.reset(0);
    while h.state(0).0 != QueueState::Disabled {}
    h.disabled(0);
    h.enable(0, 8, 8);
    assert_eq!(posts(&mut h, 3, 20), 0);
    assert_eq!(posts(&mut h, 1, 20), 1);
    // The other queues' vectors stay quiet.
    assert!(h.q[1..].iter().all(|q| q.irqs == 0) && h.error_irqs == 0);
}

#[test]
fn an_interrupt_comes_after_its_completion_is_written() {
    let mut h = Host::new(256, 16);
    h.order(Order::Fifo, 200, 0);
    h.enable(0, 4, 4);
    h.push(0, false);
    h.ring(0);
    while h.q[0].irqs == 0 {
        h.cycle();
    }
    assert_eq!(h.q[0].answered, 1);
}
