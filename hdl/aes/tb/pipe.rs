// SPDX-License-Identifier: Apache-2.0
//! The pipe against crate `aes`: a block a cycle, slots and key sizes mixed.

use crate::{SOURCES, ram_of, round_keys};
use aes::cipher::{BlockEncrypt, KeyInit};
use casemate_hdl_tb::Bench;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

const SLOTS: usize = 16;

fn encrypt(key: &[u8], block: [u8; 16]) -> [u8; 16] {
    let mut b = block.into();
    match key.len() {
        16 => aes::Aes128::new_from_slice(key).unwrap().encrypt_block(&mut b),
        24 => aes::Aes192::new_from_slice(key).unwrap().encrypt_block(&mut b),
        _ => aes::Aes256::new_from_slice(key).unwrap().encrypt_block(&mut b),
    }
    b.into()
}

struct Pipe {
    b: Bench,
    latency: usize,
}

impl Pipe {
    fn new() -> Self {
        let mut p = Self {
            b: Bench::new("aes_pipe", SOURCES, &[("SLOTS", SLOTS as u32)]),
            latency: 0,
        };
        // One block among zeros tells the latency.
        p.load(0, &[9; 16]);
        let (probe, want) = ([7; 16], encrypt(&[9; 16], [7; 16]));
        p.put(0, 16, [0; 16]);
        for _ in 0..200 {
            p.b.m.tick();
        }
        p.put(0, 16, probe);
        for t in 1..200 {
            p.b.m.tick();
            p.put(0, 16, [0; 16]);
            if p.b.bytes("block_o") == want {
                p.latency = t;
                return p;
            }
        }
        panic!("the probe does not come out");
    }

    fn load(&mut self, slot: usize, key: &[u8]) {
        let keys = round_keys(key);
        for (r, k) in keys.iter().enumerate() {
            self.write(slot, ram_of(r, keys.len() - 1), k);
            self.b.m.tick();
        }
        self.settle();
    }

    /// Ends a write. Round keys take some cycles to their RAMs; no block uses a slot before.
    fn settle(&mut self) {
        self.b.set("write_i", false);
        self.b.set("write_all_i", false);
        for _ in 0..16 {
            self.b.m.tick();
        }
    }

    fn write(&mut self, slot: usize, ram: usize, key: &[u8]) {
        self.b.set("write_i", true);
        self.b.set("write_slot_i", slot as u64);
        self.b.set("write_ram_i", ram as u64);
        self.b.set_bytes("write_key_i", key);
    }

    fn put(&mut self, slot: usize, key_len: usize, block: [u8; 16]) {
        self.b.set("slot_i", slot as u64);
        self.b.set("key_size_i", key_len as u64 / 8 - 2);
        self.b.set_bytes("block_i", &block);
    }

    /// Sends blocks back to back; gives what comes out for each.
    fn run(&mut self, blocks: &[(usize, usize, [u8; 16])]) -> Vec<[u8; 16]> {
        let mut out = Vec::new();
        for t in 0..blocks.len() + self.latency {
            if let Some(&(slot, len, block)) = blocks.get(t) {
                self.put(slot, len, block);
            }
            self.b.m.tick();
            if t + 1 >= self.latency && out.len() < blocks.len() {
                out.push(self.b.bytes("block_o").try_into().unwrap());
            }
        }
        out
    }
}

/// FIPS 197, appendices B and C: key, plaintext, ciphertext.
const VECTORS: [(&str, &str, &str); 4] = [
    (
        "2b7e151628aed2a6abf7158809cf4f3c",
        "3243f6a8885a308d313198a2e0370734",
        "3925841d02dc09fbdc118597196a0b32",
    ),
    (
        "000102030405060708090a0b0c0d0e0f",
        "00112233445566778899aabbccddeeff",
        "69c4e0d86a7b0430d8cdb78070b4c55a",
    ),
    (
        "000102030405060708090a0b0c0d0e0f1011121314151617",
        "00112233445566778899aabbccddeeff",
        "dda97ca4864cdfe06eaf70a0ec0d7191",
    ),
    (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00112233445566778899aabbccddeeff",
        "8ea2b7ca516745bfeafc49904b496089",
    ),
];

#[test]
fn pipe_appendix_vectors() {
    let mut p = Pipe::new();
    let mut blocks = Vec::new();
    for (slot, (key, plain, _)) in VECTORS.iter().enumerate() {
        let key = hex::decode(key).unwrap();
        p.load(slot, &key);
        blocks.push((slot, key.len(), hex::decode(plain).unwrap().try_into().unwrap()));
    }
    for (got, (_, _, want)) in p.run(&blocks).iter().zip(VECTORS) {
        assert_eq!(hex::encode(got), want);
    }
}

#[test]
fn pipe_random_blocks_of_all_slots_back_to_back() {
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    let mut p = Pipe::new();
    let mut keys = Vec::new();
    for slot in 0..SLOTS {
        let mut key = vec![0; [16, 24, 32][rng.random_range(0..3)]];
        rng.fill_bytes(&mut key);
        p.load(slot, &key);
        keys.push(key);
    }
    // Blocks run with slots 0 to 14, while the last slot is written over and over.
    let mut expected: VecDeque<[u8; 16]> = VecDeque::new();
    let latency = p.latency;
    for t in 0..6000 {
        let slot = rng.random_range(0..SLOTS - 1);
        let block: [u8; 16] = rng.random();
        p.put(slot, keys[slot].len(), block);
        expected.push_back(encrypt(&keys[slot], block));
        let junk: [u8; 16] = rng.random();
        p.write(SLOTS - 1, rng.random_range(0..15), &junk);
        p.b.m.tick();
        if t + 1 >= latency {
            let want = expected.pop_front().unwrap();
            assert_eq!(p.b.bytes("block_o"), want, "block {}", t + 1 - latency);
        }
    }
}

#[test]
fn pipe_write_all_overwrites_every_round_key_of_one_slot() {
    let mut p = Pipe::new();
    for slot in 0..2 {
        p.load(slot, &[slot as u8 + 3; 32]);
    }
    p.b.set("write_all_i", true);
    p.write(0, 5, &[0; 16]);
    p.b.m.tick();
    p.settle();
    let block = [0x5c; 16];
    let got = p.run(&[(0, 32, block), (1, 32, block)]);
    assert_eq!(got[1], encrypt(&[4; 32], block), "the other slot's key");
    // With round keys of zero there are only SubBytes, ShiftRows, which moves equal bytes, and MixColumns, which keeps
    // columns of equal bytes.
    let b = (0..14).fold(0x5c, |b, _| crate::sbox(b));
    assert_eq!(got[0], [b; 16]);
}
