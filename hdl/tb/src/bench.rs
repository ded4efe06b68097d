// SPDX-License-Identifier: Apache-2.0
//! One block under test, its ports by name.

use casemate_sim::verilate::{Block, Model, Port};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A file below `hdl/`.
pub fn hdl(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .join(file)
}

/// True in `percent` of the calls.
pub fn chance(rng: &mut ChaCha8Rng, percent: u32) -> bool {
    percent != 0 && rng.random_range(0..100) < percent
}

/// Packs fields, the first the least significant: a packed structure's last member comes first.
pub fn pack(fields: &[(u128, usize)]) -> Vec<u32> {
    let bits: usize = fields.iter().map(|f| f.1).sum();
    let mut words = vec![0; bits.div_ceil(32)];
    let mut at = 0;
    for &(value, width) in fields {
        assert!(width == 128 || value >> width == 0, "{value:#x} in {width} bits");
        let mut done = 0;
        while done < width {
            let n = (32 - at % 32).min(width - done);
            words[at / 32] |= (((value >> done) as u64 & ((1 << n) - 1)) << (at % 32)) as u32;
            (at, done) = (at + n, done + n);
        }
    }
    words
}

/// Up to 16 bytes as a field, byte 0 the least significant.
pub fn pack_le(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |a, &b| a << 8 | u128::from(b))
}

/// Takes a packed structure apart, the last member first.
pub struct Bits {
    bytes: Vec<u8>,
    at: usize,
}

impl Bits {
    /// The next field.
    pub fn take(&mut self, width: usize) -> u128 {
        let value = (0..width).fold(0, |a, i| {
            let bit = self.at + i;
            a | u128::from(self.bytes[bit / 8] >> (bit % 8) & 1) << i
        });
        self.at += width;
        value
    }

    /// The next whole bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.take(8) as u8).collect()
    }
}

/// A block under test.
pub struct Bench {
    /// The model.
    pub m: Model,
}

impl Bench {
    /// Builds `top` from files below `hdl/`, packages first, and resets it if it has a reset.
    pub fn new(top: &str, files: &[&str], params: &[(&str, u32)]) -> Self {
        let mut block = Block::new(top).sources(files.iter().map(|f| hdl(f)));
        for (name, value) in params {
            block = block.param(name, value);
        }
        let mut b = Self {
            m: block.build().unwrap_or_else(|e| panic!("{e}")),
        };
        if b.m.port("rst_ni").is_ok() {
            b.m.reset().unwrap_or_else(|e| panic!("{e}"));
        }
        b
    }

    fn port(&mut self, name: &str) -> Port {
        self.m.port(name).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Whether there is such a port.
    pub fn has(&mut self, name: &str) -> bool {
        self.m.port(name).is_ok()
    }

    /// A port of at most 64 bits.
    pub fn get(&mut self, name: &str) -> u64 {
        let p = self.port(name);
        self.m.get(p)
    }

    /// A port of one bit.
    pub fn is(&mut self, name: &str) -> bool {
        self.get(name) == 1
    }

    /// A wide port as bytes.
    pub fn bytes(&mut self, name: &str) -> Vec<u8> {
        let p = self.port(name);
        self.m.get_bytes(p)
    }

    /// A packed structure.
    pub fn bits(&mut self, name: &str) -> Bits {
        Bits {
            bytes: self.bytes(name),
            at: 0,
        }
    }

    /// Sets a port of at most 64 bits.
    pub fn set(&mut self, name: &str, value: impl Into<u64>) {
        let p = self.port(name);
        self.m.set(p, value.into());
    }

    /// Sets a wide port from words.
    pub fn set_words(&mut self, name: &str, words: &[u32]) {
        let p = self.port(name);
        self.m.set_words(p, words);
    }

    /// Sets a wide port from bytes.
    pub fn set_bytes(&mut self, name: &str, bytes: &[u8]) {
        let p = self.port(name);
        self.m.set_bytes(p, bytes);
    }
}

/// Checks that what is offered stays until it is taken.
#[derive(Default)]
pub struct Stable(HashMap<&'static str, Vec<u8>>);

impl Stable {
    /// Looks at a channel once a cycle, after inputs have settled.
    pub fn check(&mut self, b: &mut Bench, name: &'static str, valid: &str, ready: &str, data: &[&str]) {
        let offered = b.is(valid).then(|| {
            let mut all = Vec::new();
            for d in data {
                all.extend(b.bytes(d));
            }
            all
        });
        if let Some(held) = self.0.remove(name) {
            assert!(
                offered.as_ref() == Some(&held),
                "{name}: an offer changed before it was taken"
            );
        }
        if let Some(o) = offered
            && !b.is(ready)
        {
            self.0.insert(name, o);
        }
    }

    /// Forgets all, as a reset does.
    pub fn reset(&mut self) {
        self.0.clear();
    }
}
