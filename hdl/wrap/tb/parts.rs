// SPDX-License-Identifier: Apache-2.0
//! The engine's parts on their own: S-box and inverse, AES both ways, GHASH.

use crate::engine::{aes_sources, hdl};
use crate::reference::Aes;
use aes::cipher::KeyInit;
use casemate_sim::verilate::{Block, Model, Port};
use ghash::{GHash, universal_hash::UniversalHash};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// FIPS 197, 5.1.1: inverse in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, then the affine map.
fn sbox(x: u8) -> u8 {
    fn mul(mut a: u8, mut b: u8) -> u8 {
        let mut r = 0;
        while b != 0 {
            if b & 1 == 1 {
                r ^= a;
            }
            a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
            b >>= 1;
        }
        r
    }
    let inv = (0..=255).find(|&y| mul(x, y) == 1).unwrap_or(0);
    inv ^ inv.rotate_left(1) ^ inv.rotate_left(2) ^ inv.rotate_left(3) ^ inv.rotate_left(4) ^ 0x63
}

#[test]
fn s_boxes_both_ways_equal_the_definition_over_all_inputs() {
    let forward: Vec<u8> = (0..=255).map(sbox).collect();
    let mut inverse = [0; 256];
    for (x, &y) in forward.iter().enumerate() {
        inverse[usize::from(y)] = x as u8;
    }
    for arch in 0..3 {
        let mut m = Block::new("aes_sbox_both")
            .sources(aes_sources())
            .param("SBOX", arch)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        let [flush, inv, input, output] =
            ["flush_i", "inverse_i", "data_i", "data_o"].map(|n| m.port(n).unwrap());
        m.set(flush, 0);
        for (way, table) in [&forward[..], &inverse[..]].into_iter().enumerate() {
            m.set(inv, way as u64);
            // One input a cycle; each comes out four cycles later.
            for t in 0..260 {
                m.set(input, t as u64 & 255);
                m.tick();
                if t >= 3 && t - 3 < 256 {
                    assert_eq!(
                        m.get(output) as u8,
                        table[t - 3],
                        "architecture {arch}, way {way}, input {}",
                        t - 3
                    );
                }
            }
        }
        m.set(flush, 1);
        for _ in 0..4 {
            m.tick();
        }
        assert_eq!(m.get(output), 0);
    }
}

struct Iter {
    m: Model,
    clear: Port,
    ready: Port,
    expand: Port,
    key_size: Port,
    key_valid: Port,
    key: Port,
    start: Port,
    decrypt: Port,
    take: Port,
    data: Port,
    valid: Port,
    out: Port,
}

impl Iter {
    fn new(sbox: u32) -> Self {
        let mut m = Block::new("aes_iter")
            .sources(aes_sources())
            .param("SBOX", sbox)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        m.reset().unwrap();
        let mut port = |n: &str| m.port(n).unwrap();
        Self {
            clear: port("clear_i"),
            ready: port("ready_o"),
            expand: port("expand_i"),
            key_size: port("key_size_i"),
            key_valid: port("key_valid_i"),
            key: port("key_i"),
            start: port("start_i"),
            decrypt: port("decrypt_i"),
            take: port("take_o"),
            data: port("data_i"),
            valid: port("valid_o"),
            out: port("data_o"),
            m,
        }
    }

    fn until_ready(&mut self) -> u64 {
        let mut n = 0;
        while self.m.get(self.ready) == 0 {
            self.m.tick();
            n += 1;
            assert!(n < 400, "never ready");
        }
        n
    }

    fn expand(&mut self, key: &[u8]) -> u64 {
        self.until_ready();
        // Eight words, whatever the size, from the second cycle of ready_o on.
        self.m.tick();
        let mut all = key.to_vec();
        all.resize(32, 0x5a);
        for word in all.chunks(4) {
            self.m.set(self.key_valid, 1);
            self.m.set_bytes(self.key, word);
            self.m.tick();
        }
        self.m.set(self.key_valid, 0);
        self.m.set(self.key_size, key.len() as u64 / 8 - 2);
        self.m.set(self.expand, 1);
        self.m.tick();
        self.m.set(self.expand, 0);
        self.m.set(self.key, 0);
        self.until_ready()
    }

    /// The block, and the cycles from start_i to ready_o.
    fn block(&mut self, decrypt: bool, input: [u8; 16]) -> ([u8; 16], u64) {
        self.until_ready();
        self.m.set(self.decrypt, u64::from(decrypt));
        self.m.set(self.start, 1);
        let mut words = input.chunks(4).map(|c| u32::from_le_bytes(c.try_into().unwrap()));
        let (mut out, mut n) = (Vec::new(), 0);
        loop {
            self.m.tick();
            n += 1;
            self.m.set(self.start, 0);
            if self.m.get(self.valid) == 1 {
                out.extend((self.m.get(self.out) as u32).to_le_bytes());
            }
            if self.m.get(self.ready) == 1 {
                break;
            }
            let word = if self.m.get(self.take) == 1 {
                words.next().unwrap()
            } else {
                0
            };
            self.m.set(self.data, u64::from(word));
        }
        assert_eq!(words.next(), None);
        (out.try_into().unwrap(), n)
    }
}

/// FIPS 197, appendices B and C.1 to C.3.
#[test]
fn aes_examples_of_fips_197() {
    let hex = |s: &str| hex::decode(s).unwrap();
    let key = hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    let plain = "00112233445566778899aabbccddeeff";
    let examples = [
        (
            hex("2b7e151628aed2a6abf7158809cf4f3c"),
            "3243f6a8885a308d313198a2e0370734",
            "3925841d02dc09fbdc118597196a0b32",
        ),
        (key[..16].to_vec(), plain, "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (key[..24].to_vec(), plain, "dda97ca4864cdfe06eaf70a0ec0d7191"),
        (key.clone(), plain, "8ea2b7ca516745bfeafc49904b496089"),
    ];
    for sbox in 0..2 {
        let mut a = Iter::new(sbox);
        for (key, plain, cipher) in &examples {
            let (plain, cipher): ([u8; 16], [u8; 16]) =
                (hex(plain).try_into().unwrap(), hex(cipher).try_into().unwrap());
            a.expand(key);
            assert_eq!(a.block(false, plain).0, cipher, "S-box {sbox}");
            assert_eq!(a.block(true, cipher).0, plain, "S-box {sbox}");
        }
    }
}

#[test]
fn aes_at_random() {
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let mut a = Iter::new(0);
    for _ in 0..150 {
        let (size, expand, cycles) = [(16, 172, 117), (24, 188, 139), (32, 232, 161)][rng.random_range(0..3)];
        let mut key = vec![0; size];
        rng.fill_bytes(&mut key);
        let reference = Aes::new(&key);
        assert_eq!(a.expand(&key), expand);
        for _ in 0..6 {
            let (decrypt, block) = (rng.random(), rng.random());
            let want = if decrypt {
                reference.decrypt(block)
            } else {
                reference.encrypt(block)
            };
            assert_eq!(a.block(decrypt, block), (want, cycles), "{size} {decrypt}");
        }
        // A clear in the middle of an expansion or a block: after it the key is zero words.
        if rng.random_ratio(1, 3) {
            if rng.random() {
                a.m.set(a.expand, 1);
            } else {
                a.m.set(a.start, 1);
            }
            a.m.tick();
            a.m.set(a.expand, 0);
            a.m.set(a.start, 0);
            for _ in 0..rng.random_range(0..160) {
                a.m.tick();
            }
            a.m.set(a.clear, 1);
            a.m.tick();
            a.m.set(a.clear, 0);
            assert_eq!(a.until_ready(), 64);
        }
    }
}

#[test]
fn ghash_by_digits() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for digit in [4, 8, 16] {
        let mut m = Block::new("ghash_serial")
            .source(hdl("wrap/rtl/ghash_serial.sv"))
            .param("DIGIT", digit)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        let [clear, data, key, add, out, hash, busy] =
            ["clear_i", "data_i", "key_i", "add_i", "out_i", "data_o", "busy_o"].map(|n| m.port(n).unwrap());
        m.reset().unwrap();
        let feed = |m: &mut Model, port, block: &[u8; 16]| {
            m.set(port, 1);
            for w in block.chunks(4) {
                m.set_bytes(data, w);
                m.tick();
            }
            m.set(port, 0);
        };
        for _ in 0..40 {
            m.set(clear, 1);
            m.tick();
            m.set(clear, 0);
            let h: [u8; 16] = rng.random();
            let mut reference = GHash::new(&h.into());
            feed(&mut m, key, &h);
            for _ in 0..rng.random_range(1..6) {
                let block: [u8; 16] = rng.random();
                reference.update(&[block.into()]);
                feed(&mut m, add, &block);
                let mut n = 0;
                while m.get(busy) == 1 {
                    m.tick();
                    n += 1;
                }
                assert_eq!(n, 128 / digit + 2, "cycles a block, {digit} bits a cycle");
            }
            let mut got = Vec::new();
            m.set(out, 1);
            for _ in 0..4 {
                got.extend((m.get(hash) as u32).to_le_bytes());
                m.tick();
            }
            m.set(out, 0);
            assert_eq!(got, reference.finalize().to_vec(), "{digit} bits a cycle");
        }
    }
}
