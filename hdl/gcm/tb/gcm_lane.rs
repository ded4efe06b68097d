// SPDX-License-Identifier: Apache-2.0
//! The AES-GCM lane against crates `aes` and `ghash`: random requests of all shapes back to back, with idle inputs,
//! back-pressure, aborts, resets and key loads in between; public vectors; and its cycle counts.

mod lane;
mod wipe;

use casemate_testvectors::{AeadVector, acvp_aes_gcm, wycheproof_aes_gcm};
use lane::{Lane, Request, le128, pack};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

fn keys(rng: &mut ChaCha8Rng, n: usize) -> Vec<Vec<u8>> {
    (0..n)
        .map(|i| {
            let mut k = vec![0; [16, 24, 32][i % 3]];
            rng.fill_bytes(&mut k);
            k
        })
        .collect()
}

fn random_requests(sbox: u32, rounds: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(u64::from(sbox) + 1);
    let mut lane = Lane::new(sbox);
    for round in 0..rounds {
        let keys = keys(&mut rng, 16);
        for (slot, key) in keys.iter().enumerate() {
            lane.load(slot, key);
        }
        let max = if round % 4 == 3 { 2000 } else { 160 };
        let requests: Vec<Request> = (0..60).map(|_| Request::random(&mut rng, &keys, max)).collect();
        let (idle, stall) = *[(0, 0), (30, 0), (0, 40), (50, 50)].choose(&mut rng).unwrap();
        lane.run(&requests, idle, stall, &mut rng);
    }
}

#[test]
fn random_requests_table() {
    random_requests(0, 24);
}

#[test]
fn random_requests_tower() {
    random_requests(1, 6);
}

#[test]
fn random_requests_bram() {
    random_requests(2, 6);
}

#[test]
fn reset_in_mid_packet_leaves_nothing_behind() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut lane = Lane::new(0);
    for round in 0..20 {
        let keys = keys(&mut rng, 3);
        for (slot, key) in keys.iter().enumerate() {
            lane.load(slot, key);
        }
        let r = Request {
            decrypt: false,
            cut: None,
            input: vec![7; 400],
            ..Request::random(&mut rng, &keys, 400)
        };
        lane.set("req_valid_i", 1);
        let header = r.header();
        lane.m.set_words(lane.p["req_i"], &header);
        lane.set("in_valid_i", 1);
        for _ in 0..5 + 7 * round {
            lane.m.tick();
        }
        lane.set("req_valid_i", 0);
        lane.set("in_valid_i", 0);
        lane.m.reset().unwrap();
        let requests: Vec<Request> = (0..5).map(|_| Request::random(&mut rng, &keys, 100)).collect();
        lane.run(&requests, 0, 0, &mut rng);
    }
}

#[test]
fn a_key_loads_while_others_work() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let mut lane = Lane::new(0);
    let mut keys = keys(&mut rng, 4);
    for (slot, key) in keys.iter().enumerate() {
        lane.load(slot, key);
    }
    for _ in 0..12 {
        // Slot 3 loads a new key while slots 0 to 2 are busy.
        rng.fill_bytes(&mut keys[3]);
        let key = keys[3].clone();
        lane.start_load(3, &key, false);
        lane.m.tick();
        lane.set("key_valid_i", 0);
        let requests: Vec<Request> = (0..40)
            .map(|_| Request::random(&mut rng, &keys[..3], 400))
            .collect();
        lane.run(&requests, 0, 0, &mut rng);
        while lane.get("key_ready_o") == 0 {
            lane.m.tick();
        }
        let requests: Vec<Request> = (0..10).map(|_| Request::random(&mut rng, &keys, 100)).collect();
        lane.run(&requests, 0, 0, &mut rng);
    }
}

#[test]
fn a_cleared_slot_has_no_key() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut lane = Lane::new(0);
    let keys = keys(&mut rng, 1);
    lane.load(0, &keys[0]);
    lane.start_load(0, &keys[0], true);
    lane.m.tick();
    lane.set("key_valid_i", 0);
    while lane.get("key_done_o") == 0 {
        lane.m.tick();
    }
    // Round keys of zero in every round, and H of zero: the tag is E(J0) under those, whatever the AAD.
    let r = Request {
        decrypt: false,
        cut: None,
        ..Request::random(&mut rng, &keys, 0)
    };
    let tags: Vec<Vec<u8>> = (0..2u8)
        .map(|i| {
            lane.set("req_valid_i", 1);
            let mut r = r.clone();
            (r.aad, r.iv, r.tag_len) = (vec![i; 16], vec![1; 12], 16);
            let header = r.header();
            lane.m.set_words(lane.p["req_i"], &header);
            lane.set("in_valid_i", 1);
            lane.m
                .set_words(lane.p["in_i"], &pack(&[(le128(&[i; 16]), 128), (0, 1)]));
            lane.m.tick();
            lane.set("req_valid_i", 0);
            lane.set("res_ready_i", 0);
            while lane.get("in_ready_o") == 0 {
                lane.m.tick();
            }
            lane.m.tick();
            lane.set("in_valid_i", 0);
            while lane.get("res_valid_o") == 0 {
                lane.m.tick();
            }
            let tag = lane.m.get_bytes(lane.p["res_o"]);
            lane.set("res_ready_i", 1);
            lane.m.tick();
            tag
        })
        .collect();
    assert_eq!(tags[0], tags[1]);
}

#[test]
fn cycles() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut lane = Lane::new(0);
    let keys = keys(&mut rng, 16);
    let load = keys
        .iter()
        .enumerate()
        .map(|(slot, key)| lane.load(slot, key))
        .max()
        .unwrap();
    println!("key load, AES-256: {load} cycles");
    let plain = |size: usize, n: usize, rng: &mut ChaCha8Rng| -> Vec<Request> {
        (0..n)
            .map(|i| Request {
                decrypt: false,
                slot: i % 16,
                key: keys[i % 16].clone(),
                iv: vec![i as u8; 12],
                aad: vec![],
                input: (0..size).map(|_| rng.random()).collect(),
                tag_len: 16,
                tag: [0; 16],
                cut: None,
            })
            .collect()
    };
    for (size, n) in [(64, 400), (1500, 100), (16384, 64)] {
        let few = plain(size, n / 2, &mut rng);
        let many = plain(size, n, &mut rng);
        let steady = lane.run(&many, 0, 0, &mut rng) - lane.run(&few, 0, 0, &mut rng);
        let each = size.div_ceil(16) as u64 + 1;
        assert_eq!(
            steady,
            each * (n - n / 2) as u64,
            "{size} bytes: cycles of {} more requests",
            n - n / 2
        );
        println!(
            "{size} bytes: {each} cycles, {:.2} bytes/cycle",
            size as f64 / each as f64
        );
        // The whole run, pipeline filling included.
        if size == 16384 {
            let whole = lane.run(&many, 0, 0, &mut rng);
            assert!((size * n) as f64 / whole as f64 >= 15.9);
        }
    }
}

/// Every public AES-GCM vector, sealed and opened. An empty IV is refused before the lane; nothing else is left out.
fn vectors(all: Vec<AeadVector>, expect_run: usize) {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut lane = Lane::new(0);
    let mut ran = 0;
    for v in all.iter().filter(|v| !v.iv.is_empty()) {
        lane.load(1, &v.key);
        let mut tag = [0; 16];
        tag[..v.tag.len()].copy_from_slice(&v.tag);
        let open = Request {
            decrypt: true,
            slot: 1,
            key: v.key.clone(),
            iv: v.iv.clone(),
            aad: v.aad.clone(),
            input: v.ciphertext.clone(),
            tag_len: v.tag.len(),
            tag,
            cut: None,
        };
        // What the vector says, not what the reference computes.
        lane.run_expecting(
            &open,
            v.valid.then_some(&v.plaintext[..]),
            v.valid,
            None,
            &mut rng,
        );
        if v.valid {
            let seal = Request {
                decrypt: false,
                input: v.plaintext.clone(),
                ..open
            };
            lane.run_expecting(&seal, Some(&v.ciphertext), true, Some(&v.tag), &mut rng);
        }
        ran += 1;
    }
    assert_eq!(ran, expect_run);
}

#[test]
fn wycheproof_vectors() {
    vectors(wycheproof_aes_gcm(), 310);
}

#[test]
fn acvp_vectors() {
    vectors(acvp_aes_gcm(), 120);
}
