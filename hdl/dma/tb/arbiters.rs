// SPDX-License-Identifier: Apache-2.0
//! The arbiters of the AXI master: nothing lost, nothing out of order within a port, bursts whole, turns fair, answers to
//! the port that asked.

use casemate_hdl_tb::{Bench, Stable, chance, pack};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

const PORTS: usize = 3;
const SOURCES: &[&str] = &[
    "pkg/rtl/casemate_abi_pkg.sv",
    "gcm/rtl/gcm_pkg.sv",
    "pkg/rtl/casemate_pkg.sv",
    "dma/rtl/axi_rd_arb.sv",
    "dma/rtl/axi_wr_arb.sv",
];

fn bench(top: &str, bits: u32) -> Bench {
    Bench::new(top, SOURCES, &[("DW", bits), ("PORTS", PORTS as u32)])
}

/// Who was served while all wanted to be: in turn.
fn check_turns(turns: &[usize]) {
    assert!(turns.len() > 100);
    for t in turns.windows(2) {
        assert_eq!(t[1], (t[0] + 1) % PORTS, "{turns:?}");
    }
}

#[test]
fn reads() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for (busy, pause) in [(100, 0), (100, 40), (30, 0), (30, 60)] {
        let mut b = bench("axi_rd_arb", 128);
        let mut stable = Stable::default();
        let mut sent: Vec<VecDeque<(u64, u64, u64)>> = vec![VecDeque::new(); PORTS];
        let mut now: [Option<(u64, u64, u64)>; PORTS] = [None; PORTS];
        let mut answer: Option<(usize, [u64; 3], Vec<u8>)> = None;
        let (mut turns, mut taken) = (Vec::new(), 0);
        for _ in 0..2000 {
            for (p, n) in now.iter_mut().enumerate() {
                if n.is_none() && chance(&mut rng, busy) {
                    *n = Some((rng.random(), rng.random_range(0..256), rng.random_range(0..256)));
                }
                if let Some((addr, len, tag)) = *n {
                    let words = pack(&[(tag.into(), 8), (len.into(), 8), (addr.into(), 64)]);
                    b.set_words(&format!("ar_i[{p}]"), &words);
                }
            }
            let valid = (0..PORTS).fold(0u64, |v, p| v | u64::from(now[p].is_some()) << p);
            b.set("ar_valid_i", valid);
            let ready = !chance(&mut rng, pause);
            b.set("m_arready_i", ready);
            // An answer to some port, which has it one cycle later.
            let before = answer.take();
            let mut data = vec![0; 16];
            rng.fill_bytes(&mut data);
            let give = chance(&mut rng, 70);
            let (port, what) = (
                rng.random_range(0..PORTS),
                [
                    rng.random_range(0..256),
                    rng.random_range(0..2),
                    rng.random_range(0..2),
                ],
            );
            b.set("m_rvalid_i", give);
            b.set("m_rid_i", (port as u64) << 8 | what[0]);
            b.set("m_rerr_i", what[1]);
            b.set("m_rlast_i", what[2]);
            b.set_bytes("m_rdata_i", &data);
            b.m.settle();
            let address = ["m_arid_o", "m_araddr_o", "m_arlen_o"];
            stable.check(&mut b, "AR", "m_arvalid_o", "m_arready_i", &address);
            let got = b.get("ar_ready_o") & valid;
            assert!(got.count_ones() <= 1);
            if b.is("m_arvalid_o") && ready {
                let (id, addr, len) = (b.get("m_arid_o"), b.get("m_araddr_o"), b.get("m_arlen_o"));
                let want = sent[(id >> 8) as usize].pop_front();
                assert_eq!(want, Some((addr, len, id & 255)));
                taken += 1;
            }
            for (p, n) in now.iter_mut().enumerate() {
                if got >> p & 1 == 1 {
                    sent[p].extend(n.take());
                    turns.push(p);
                }
            }
            assert!(b.is("m_rready_o"));
            let who = b.get("r_valid_o");
            assert_eq!(who, before.as_ref().map_or(0, |a| 1 << a.0));
            if let Some((_, what, data)) = before {
                assert_eq!([b.get("r_tag_o"), b.get("r_err_o"), b.get("r_last_o")], what);
                assert_eq!(b.bytes("r_data_o"), data);
            }
            answer = give.then_some((port, what, data));
            b.m.rise();
        }
        assert!(taken > 300 && sent.iter().map(VecDeque::len).sum::<usize>() <= 1);
        if busy == 100 {
            check_turns(&turns);
        }
        if (busy, pause) == (100, 0) {
            assert!(taken > 1990, "an address a cycle: {taken} in 2000");
        }
    }
}

#[test]
fn writes() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (busy, pause) in [(100, 0), (100, 40), (30, 0), (30, 60)] {
        let mut b = bench("axi_wr_arb", 128);
        let mut stable = Stable::default();
        // Per port, bursts still to be offered: address and beats of data and strobes.
        type Burst = (u64, Vec<(Vec<u8>, u64)>);
        let mut waiting: Vec<VecDeque<Burst>> = vec![VecDeque::new(); PORTS];
        let mut data: Vec<VecDeque<(Vec<u8>, u64)>> = vec![VecDeque::new(); PORTS];
        let mut granted: Vec<VecDeque<Burst>> = vec![VecDeque::new(); PORTS];
        // On the bus: bursts whose address was seen, and beats that were.
        let mut addressed: VecDeque<(usize, Burst)> = VecDeque::new();
        let mut beats: VecDeque<(Vec<u8>, u64, bool)> = VecDeque::new();
        let mut answer: Option<(usize, u64)> = None;
        let (mut turns, mut whole, mut busy_cycles) = (Vec::new(), 0, 0);
        for _ in 0..3000 {
            for p in 0..PORTS {
                if waiting[p].is_empty() && chance(&mut rng, busy) {
                    let n = rng.random_range(1..=6);
                    let addr = rng.random();
                    let beats = (0..n).map(|_| {
                        let mut d = vec![0; 16];
                        rng.fill_bytes(&mut d);
                        (d, rng.random_range(1..0x1_0000))
                    });
                    let burst: Burst = (addr, beats.collect());
                    data[p].extend(burst.1.iter().cloned());
                    waiting[p].push_back(burst);
                }
                if let Some((addr, beats)) = waiting[p].front() {
                    let words = pack(&[(beats.len() as u128 - 1, 8), ((*addr).into(), 64)]);
                    b.set_words(&format!("aw_i[{p}]"), &words);
                }
                if let Some((d, s)) = data[p].front() {
                    b.set_bytes(&format!("w_data_i[{p}]"), d);
                    b.set(&format!("w_strb_i[{p}]"), *s);
                }
            }
            let bits = |f: &dyn Fn(usize) -> bool| (0..PORTS).fold(0u64, |v, p| v | u64::from(f(p)) << p);
            let valid = bits(&|p| !waiting[p].is_empty());
            b.set("aw_valid_i", valid);
            b.set("w_valid_i", bits(&|p| !data[p].is_empty()));
            let (aw, w) = (!chance(&mut rng, pause), !chance(&mut rng, pause));
            b.set("m_awready_i", aw);
            b.set("m_wready_i", w);
            let before = answer.take();
            let (give, port, err) = (
                chance(&mut rng, 50),
                rng.random_range(0..PORTS),
                rng.random_range(0..2),
            );
            b.set("m_bvalid_i", give);
            b.set("m_bid_i", (port as u64) << 8);
            b.set("m_berr_i", err);
            b.m.settle();
            let address = ["m_awid_o", "m_awaddr_o", "m_awlen_o"];
            stable.check(&mut b, "AW", "m_awvalid_o", "m_awready_i", &address);
            let beat = ["m_wdata_o", "m_wstrb_o", "m_wlast_o"];
            stable.check(&mut b, "W", "m_wvalid_o", "m_wready_i", &beat);
            let got = b.get("aw_ready_o") & valid;
            let taken = b.get("w_ready_o");
            for p in 0..PORTS {
                if taken >> p & 1 == 1 {
                    data[p].pop_front().expect("data that is not there");
                }
                if got >> p & 1 == 1 {
                    granted[p].extend(waiting[p].pop_front());
                    turns.push(p);
                }
            }
            assert!(got.count_ones() <= 1 && taken.count_ones() <= 1);
            if b.is("m_awvalid_o") && aw {
                let (id, addr, len) = (b.get("m_awid_o"), b.get("m_awaddr_o"), b.get("m_awlen_o"));
                let burst = granted[(id >> 8) as usize]
                    .pop_front()
                    .expect("a burst nobody asked for");
                assert_eq!((addr, len as usize + 1, id & 255), (burst.0, burst.1.len(), 0));
                addressed.push_back(((id >> 8) as usize, burst));
            }
            if b.is("m_wvalid_o") && w {
                busy_cycles += 1;
                beats.push_back((b.bytes("m_wdata_o"), b.get("m_wstrb_o"), b.is("m_wlast_o")));
            }
            // Data may be ahead of its address; each burst's beats are its own, in the order of addresses.
            while let Some((_, burst)) = addressed.front() {
                let n = burst.1.len();
                if beats.len() < n {
                    break;
                }
                for (i, want) in burst.1.iter().enumerate() {
                    let (d, s, last) = beats.pop_front().expect("counted");
                    assert_eq!((&d, s), (&want.0, want.1));
                    assert_eq!(last, i + 1 == n, "last");
                }
                addressed.pop_front();
                whole += 1;
            }
            assert!(b.is("m_bready_o"));
            assert_eq!(b.get("b_valid_o"), before.map_or(0, |a| 1 << a.0));
            if let Some((_, err)) = before {
                assert_eq!(b.get("b_err_o"), err);
            }
            answer = give.then_some((port, err));
            b.m.rise();
        }
        assert!(whole > 100, "{whole} bursts");
        if busy == 100 {
            check_turns(&turns);
        }
        if (busy, pause) == (100, 0) {
            assert!(busy_cycles > 2900, "a beat a cycle: {busy_cycles} in 3000");
        }
    }
}
