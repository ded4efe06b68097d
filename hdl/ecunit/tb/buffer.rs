// SPDX-License-Identifier: Apache-2.0
//! The buffer between memory's bytes and an engine's words: every layout, both curves, every length of a digest, with pauses on each
//! side; zeroed at any moment.

use casemate_hdl_tb::{Bench, Stable, chance};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What is read, and in which order the engine takes it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Layout {
    /// x, y, r, s, digest; the signature first.
    Verify,
    /// A digest.
    Sign,
    /// x, y.
    Point,
}

struct Buffer {
    b: Bench,
    rng: ChaCha8Rng,
    stable: Stable,
    /// How often each side pauses, in percent.
    pause: u32,
}

/// A big-endian integer as the engine's words, the lowest first.
fn words(bytes: &[u8]) -> Vec<u32> {
    bytes
        .rchunks(4)
        .map(|c| u32::from_be_bytes(c.try_into().unwrap()))
        .collect()
}

impl Buffer {
    fn new(seed: u64, pause: u32) -> Self {
        let mut buffer = Self {
            b: Bench::new("ec_buffer", &["ecunit/rtl/ec_buffer.sv"], &[]),
            rng: ChaCha8Rng::seed_from_u64(seed),
            stable: Stable::default(),
            pause,
        };
        buffer.zero();
        buffer
    }

    fn go(&mut self) -> bool {
        !chance(&mut self.rng, self.pause)
    }

    fn tick(&mut self) {
        self.b.m.settle();
        self.stable
            .check(&mut self.b, "word", "word_valid_o", "word_ready_i", &["word_o"]);
        self.b.m.rise();
    }

    fn quiet(&mut self) {
        for port in [
            "zero_i",
            "put_i",
            "feed_i",
            "word_ready_i",
            "out_valid_i",
            "get_i",
        ] {
            self.b.set(port, false);
        }
    }

    /// The start of a request: nothing of the last one is left.
    fn zero(&mut self) {
        self.quiet();
        self.stable.reset();
        self.b.set("zero_i", true);
        (0..256).for_each(|_| self.b.m.tick());
        self.b.set("zero_i", false);
        assert_eq!((self.b.is("word_valid_o"), self.b.get("word_o")), (false, 0));
    }

    /// All of the memory.
    fn all(&mut self) -> Vec<u8> {
        self.quiet();
        self.take(256)
    }

    fn configure(&mut self, layout: Layout, p384: bool, bytes: usize) {
        self.b.set("p384_i", p384);
        self.b.set("verify_i", layout == Layout::Verify);
        self.b.set("sign_i", layout == Layout::Sign);
        self.b.set("bytes_i", bytes as u64);
    }

    fn put(&mut self, data: &[u8]) {
        for &byte in data {
            while !self.go() {
                self.b.set("put_data_i", self.rng.random::<u8>());
                self.tick();
            }
            self.b.set("put_i", true);
            self.b.set("put_data_i", byte);
            self.tick();
            self.b.set("put_i", false);
        }
    }

    /// Words until none comes any more.
    fn feed(&mut self, most: usize) -> Vec<u32> {
        let mut got = Vec::new();
        self.b.set("feed_i", true);
        let mut silent = 0;
        while silent < 20 && got.len() < most {
            let ready = self.go();
            self.b.set("word_ready_i", ready);
            self.b.m.settle();
            let valid = self.b.is("word_valid_o");
            silent = if valid { 0 } else { silent + 1 };
            if valid && ready {
                got.push(self.b.get("word_o") as u32);
            }
            self.tick();
        }
        self.b.set("word_ready_i", false);
        got
    }

    /// The engine's words; a word takes as many cycles as it has bytes.
    fn out(&mut self, result: &[u32]) {
        for &word in result {
            while !self.go() {
                self.b.set("out_i", self.rng.random::<u32>());
                self.tick();
            }
            self.b.set("out_valid_i", true);
            self.b.set("out_i", word);
            let mut cycles = 1;
            loop {
                self.b.m.settle();
                let taken = self.b.is("out_ready_o");
                self.tick();
                if taken {
                    break;
                }
                cycles += 1;
                assert!(cycles < 10, "a word is not taken");
            }
            assert_eq!(cycles, 4);
            self.b.set("out_valid_i", false);
        }
    }

    /// Bytes out, as fast as they come or slower.
    fn take(&mut self, n: usize) -> Vec<u8> {
        self.b.set("feed_i", false);
        let mut got = Vec::new();
        for _ in 0..n {
            // It comes two cycles after the last was taken.
            self.tick();
            self.tick();
            while !self.go() {
                self.tick();
            }
            self.b.set("get_i", true);
            self.b.m.settle();
            got.push(self.b.get("get_data_o") as u8);
            self.tick();
            self.b.set("get_i", false);
        }
        got
    }

    fn random(&mut self, n: usize) -> Vec<u8> {
        let mut data = vec![0; n];
        self.rng.fill_bytes(&mut data);
        data
    }

    /// A request from its first byte to its last, with an answer of so many integers.
    fn request(&mut self, layout: Layout, p384: bool, digest: usize, integers: usize) {
        let half = if p384 { 48 } else { 32 };
        let n = match layout {
            Layout::Verify => 4 * half + digest,
            Layout::Sign => digest,
            Layout::Point => 2 * half,
        };
        let data = self.random(n);
        let of = |i: usize| words(&data[i * half..][..half]);
        let want = match layout {
            Layout::Verify => [of(2), of(3), of(0), of(1), words(&data[4 * half..])].concat(),
            Layout::Sign => words(&data),
            Layout::Point => [of(0), of(1)].concat(),
        };
        self.configure(layout, p384, n);
        self.put(&data);
        assert_eq!(
            self.feed(1000),
            want,
            "{layout:?}, p384: {p384}, digest of {digest}"
        );
        let answer = self.random(integers * half);
        let out: Vec<u32> = answer.chunks(half).flat_map(words).collect();
        self.out(&out);
        let got = self.take(answer.len());
        assert_eq!(got, answer, "{layout:?}, p384: {p384}, {integers} integers out");
    }
}

const LAYOUTS: [Layout; 3] = [Layout::Verify, Layout::Sign, Layout::Point];

#[test]
fn every_layout_curve_and_digest() {
    for (seed, pause) in [(1, 0), (2, 40)] {
        let mut b = Buffer::new(seed, pause);
        for layout in LAYOUTS {
            for p384 in [false, true] {
                for digest in (20..=64).step_by(4) {
                    for integers in 0..=2 {
                        b.request(layout, p384, digest, integers);
                        b.zero();
                    }
                }
            }
        }
        assert_eq!(b.all(), [0; 256], "something is left");
    }
}

/// A request ends anywhere; of it nothing is left, and the next one is whole.
#[test]
fn zeroed_at_any_moment() {
    let mut b = Buffer::new(3, 20);
    for round in 0..600 {
        let layout = LAYOUTS[round % 3];
        let p384 = b.rng.random();
        let half = if p384 { 48 } else { 32 };
        let digest = 4 * b.rng.random_range(5..=16);
        let n = match layout {
            Layout::Verify => 4 * half + digest,
            Layout::Sign => digest,
            Layout::Point => 2 * half,
        };
        let data = b.random(n);
        b.configure(layout, p384, n);
        let steps = b.rng.random_range(0..3);
        let part = if steps == 0 { b.rng.random_range(0..n) } else { n };
        b.put(&data[..part]);
        if steps > 0 {
            let most = b.rng.random_range(0..20);
            b.feed(most);
        }
        if steps > 1 {
            let some = b.rng.random_range(0..2 * half / 4);
            let out: Vec<u32> = (0..some).map(|_| b.rng.random()).collect();
            b.b.set("feed_i", false);
            b.out(&out);
            // In the middle of a word.
            b.b.set("out_valid_i", true);
            b.tick();
        }
        b.zero();
        if round % 5 == 0 {
            assert_eq!(b.all(), [0; 256], "something is left");
            b.zero();
        }
        b.request(layout, p384, digest, 2);
        b.zero();
    }
}
