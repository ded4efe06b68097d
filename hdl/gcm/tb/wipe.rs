// SPDX-License-Identifier: Apache-2.0
//! Wipe of the lane: two lanes with the same traffic but other keys and data, wiped at the same random moment, are the same in every
//! element of their state when the stated number of cycles has passed.

use crate::lane::{Lane, Request};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SLOTS: usize = 16;
/// As the README says.
const BOUND: u64 = 5 * SLOTS as u64 + 256;

struct Half {
    lane: Lane,
    requests: Vec<Request>,
    blocks: Vec<[u8; 16]>,
}

/// Requests of the same shape, in `other` keys and data.
fn twin(requests: &[Request], keys: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<Request> {
    requests
        .iter()
        .map(|r| {
            let mut t = r.clone();
            t.key = keys[r.slot].clone();
            rng.fill_bytes(&mut t.aad);
            rng.fill_bytes(&mut t.input);
            rng.fill_bytes(&mut t.tag);
            t
        })
        .collect()
}

fn keys(rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = (0..SLOTS).map(|i| vec![0; [16, 24, 32][i % 3]]).collect();
    keys.iter_mut().for_each(|k| rng.fill_bytes(k));
    keys
}

impl Half {
    /// One cycle of traffic; the flags decide what is offered and taken.
    fn cycle(&mut self, flags: [bool; 4]) {
        let [req, inp, out, res] = flags;
        let l = &mut self.lane;
        let req = req && !self.requests.is_empty();
        let inp = inp && !self.blocks.is_empty();
        l.set("req_valid_i", req.into());
        if req {
            l.m.set_words(l.p["req_i"], &self.requests[0].header());
        }
        l.set("in_valid_i", inp.into());
        if inp {
            l.m.set_bytes(l.p["in_i"], &self.blocks[0]);
        }
        l.set("out_ready_i", out.into());
        l.set("res_ready_i", res.into());
        l.m.settle();
        if req && l.get("req_ready_o") == 1 {
            self.requests.remove(0);
        }
        if inp && l.get("in_ready_o") == 1 {
            self.blocks.remove(0);
        }
        l.m.rise();
    }
}

/// The names of what differs after a wipe `bound` cycles long.
fn differing(seed: u64, bound: u64) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let first = keys(&mut rng);
    let second = keys(&mut rng);
    let requests: Vec<Request> = (0..40)
        .map(|_| Request::random(&mut rng, &first, 400))
        .map(|r| Request { cut: None, ..r })
        .collect();
    let twins = twin(&requests, &second, &mut rng);
    let mut halves: Vec<Half> = [(requests, &first), (twins, &second)]
        .into_iter()
        .map(|(requests, keys)| {
            let mut lane = Lane::inspected();
            for (slot, key) in keys.iter().enumerate() {
                lane.load(slot, key);
            }
            let blocks = requests.iter().flat_map(Request::blocks).collect();
            Half {
                lane,
                requests,
                blocks,
            }
        })
        .collect();
    // Somewhere in the traffic, or in a load that goes on beside it, whose slot no request uses any more.
    let (until, load) = (rng.random_range(0..1500), rng.random_bool(0.3));
    let rates: [f64; 4] = std::array::from_fn(|_| *[1.0, 0.7, 0.05].get(rng.random_range(0..3)).unwrap());
    if load {
        for (h, keys) in halves.iter_mut().zip([&first, &second]) {
            h.requests.clear();
            h.lane.start_load(3, &keys[3], false);
            h.lane.m.tick();
            h.lane.set("key_valid_i", 0);
        }
    }
    for _ in 0..until {
        let flags = rates.map(|p| rng.random_bool(p));
        halves.iter_mut().for_each(|h| h.cycle(flags));
    }
    let states: Vec<_> = halves
        .iter_mut()
        .map(|h| {
            let l = &mut h.lane;
            for valid in ["req_valid_i", "in_valid_i", "rst_ni"] {
                l.set(valid, 0);
            }
            l.m.set_bytes(l.p["in_i"], &[]);
            l.m.set_bytes(l.p["key_i"], &[]);
            l.set("wipe_i", 1);
            for _ in 0..bound {
                l.m.tick();
            }
            for valid in ["out_valid_o", "res_valid_o", "in_ready_o", "req_ready_o"] {
                assert_eq!(l.get(valid), 0, "{valid} in a wipe");
            }
            l.m.state().unwrap()
        })
        .collect();
    let mut names = Vec::new();
    for (a, b) in states[0].iter().zip(&states[1]) {
        assert_eq!(a.0, b.0);
        if a.1 != b.1 {
            names.push(a.0.clone());
        }
    }
    names
}

#[test]
fn wiped_within_its_bound_at_any_moment() {
    for seed in 0..40 {
        let names = differing(seed, BOUND);
        assert!(names.is_empty(), "seed {seed}: {names:#?}");
    }
}

/// The comparison sees what a wipe leaves: before its end much differs.
#[test]
fn what_is_left_is_seen() {
    let names = differing(1, 20);
    for part in ["u_aes", "powers", "u_ghash"] {
        assert!(names.iter().any(|n| n.contains(part)), "{part} in {names:#?}");
    }
}

/// Served by a reset it works as before.
#[test]
fn a_reset_ends_it() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut lane = Lane::inspected();
    for _ in 0..3 {
        let keys = keys(&mut rng);
        for (slot, key) in keys.iter().enumerate() {
            lane.load(slot, key);
        }
        let requests: Vec<Request> = (0..20).map(|_| Request::random(&mut rng, &keys, 300)).collect();
        lane.run(&requests, 10, 10, &mut rng);
        lane.set("wipe_i", 1);
        lane.set("rst_ni", 0);
        for _ in 0..rng.random_range(1..600) {
            lane.m.tick();
        }
        lane.set("wipe_i", 0);
        lane.m.reset().unwrap();
    }
}
