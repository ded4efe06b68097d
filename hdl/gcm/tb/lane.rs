// SPDX-License-Identifier: Apache-2.0
//! Drives a Verilated lane: requests in, payload and results checked as they come out.

use aes::cipher::{BlockEncrypt, KeyInit};
use casemate_sim::verilate::{Block, Model, Port};
use ghash::{GHash, universal_hash::UniversalHash};
use rand::{Rng, RngCore, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Sources of the lane, packages first.
pub fn sources() -> Vec<PathBuf> {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let mut all: Vec<PathBuf> = [
        "gcm/rtl/gcm_pkg.sv",
        "aes/rtl/aes_pkg.sv",
        "ghash/rtl/ghash_pkg.sv",
    ]
    .map(|f| hdl.join(f))
    .into();
    for block in ["aes", "ghash", "gcm"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(hdl.join(block).join("rtl"))
            .unwrap()
            .map(|f| f.unwrap().path())
            .collect();
        files.sort();
        all.extend(
            files
                .into_iter()
                .filter(|f| !f.to_string_lossy().ends_with("_pkg.sv")),
        );
    }
    all
}

/// AES-GCM from its parts (SP 800-38D), for any length of IV.
pub struct Reference {
    aes: Box<dyn Fn([u8; 16]) -> [u8; 16]>,
}

impl Reference {
    pub fn new(key: &[u8]) -> Self {
        fn boxed<C: BlockEncrypt<BlockSize = aes::cipher::consts::U16> + KeyInit + 'static>(
            key: &[u8],
        ) -> Box<dyn Fn([u8; 16]) -> [u8; 16]> {
            let c = C::new_from_slice(key).unwrap();
            Box::new(move |b| {
                let mut b = b.into();
                c.encrypt_block(&mut b);
                b.into()
            })
        }
        Self {
            aes: match key.len() {
                16 => boxed::<aes::Aes128>(key),
                24 => boxed::<aes::Aes192>(key),
                _ => boxed::<aes::Aes256>(key),
            },
        }
    }

    fn ghash(&self, parts: &[&[u8]], lens: [u64; 2]) -> [u8; 16] {
        let h = (self.aes)([0; 16]);
        let mut g = GHash::new(&h.into());
        for p in parts {
            g.update_padded(p);
        }
        let mut l = [0; 16];
        l[..8].copy_from_slice(&(lens[0] * 8).to_be_bytes());
        l[8..].copy_from_slice(&(lens[1] * 8).to_be_bytes());
        g.update(&[l.into()]);
        g.finalize().into()
    }

    pub fn seal(&self, iv: &[u8], aad: &[u8], plain: &[u8]) -> (Vec<u8>, [u8; 16]) {
        let j0: [u8; 16] = if iv.len() == 12 {
            let mut j = [0; 16];
            j[..12].copy_from_slice(iv);
            j[15] = 1;
            j
        } else {
            self.ghash(&[iv], [0, iv.len() as u64])
        };
        let mut counter = u32::from_be_bytes(j0[12..].try_into().unwrap());
        let mut cipher = plain.to_vec();
        for chunk in cipher.chunks_mut(16) {
            counter = counter.wrapping_add(1);
            let mut b = j0;
            b[12..].copy_from_slice(&counter.to_be_bytes());
            chunk.iter_mut().zip((self.aes)(b)).for_each(|(c, k)| *c ^= k);
        }
        let s = self.ghash(&[aad, &cipher], [aad.len() as u64, cipher.len() as u64]);
        let e = (self.aes)(j0);
        (cipher, std::array::from_fn(|i| s[i] ^ e[i]))
    }
}

#[derive(Clone)]
pub struct Request {
    pub decrypt: bool,
    pub slot: usize,
    pub key: Vec<u8>,
    pub iv: Vec<u8>,
    pub aad: Vec<u8>,
    pub input: Vec<u8>,
    pub tag_len: usize,
    pub tag: [u8; 16],
    /// Blocks sent before the abort.
    pub cut: Option<usize>,
}

pub struct Expected {
    out: Vec<u8>,
    aborted: bool,
    ok: bool,
    pub tag: [u8; 16],
    blocks: usize,
    closing: bool,
}

fn size_code(key: &[u8]) -> u128 {
    (key.len() / 8 - 2) as u128
}

/// Packs fields, first the least significant.
pub fn pack(fields: &[(u128, usize)]) -> Vec<u32> {
    let mut bits: Vec<bool> = Vec::new();
    for &(v, w) in fields {
        bits.extend((0..w).map(|i| v >> i & 1 == 1));
    }
    bits.chunks(32)
        .map(|c| c.iter().rev().fold(0, |a, &b| a << 1 | u32::from(b)))
        .collect()
}

pub fn le128(bytes: &[u8]) -> u128 {
    bytes.iter().rev().fold(0, |a, &b| a << 8 | u128::from(b))
}

impl Request {
    pub fn random(rng: &mut ChaCha8Rng, keys: &[Vec<u8>], max: usize) -> Self {
        let slot = rng.random_range(0..keys.len());
        let len = |rng: &mut ChaCha8Rng, max: usize| match rng.random_range(0..4) {
            0 => 0,
            1 => rng.random_range(0..=32.min(max)),
            _ => rng.random_range(0..=max),
        };
        let iv_len = if rng.random_bool(0.7) {
            12
        } else {
            *[1, 8, 11, 13, 16, 17, 60, 128, 257].choose(rng).unwrap()
        };
        let bytes = |rng: &mut ChaCha8Rng, n: usize| {
            let mut v = vec![0; n];
            rng.fill_bytes(&mut v);
            v
        };
        let (aad_len, pay_len) = (len(rng, max / 2), len(rng, max));
        let (iv, aad, plain) = (bytes(rng, iv_len), bytes(rng, aad_len), bytes(rng, pay_len));
        let mut r = Request {
            decrypt: rng.random(),
            slot,
            key: keys[slot].clone(),
            iv,
            aad,
            input: plain,
            tag_len: *[4, 8, 12, 13, 14, 15, 16].choose(rng).unwrap(),
            tag: [0; 16],
            cut: None,
        };
        if r.decrypt {
            let (cipher, tag) = Reference::new(&r.key).seal(&r.iv, &r.aad, &r.input);
            (r.input, r.tag) = (cipher, tag);
            // What follows the tag's length must not matter.
            rng.fill_bytes(&mut r.tag[r.tag_len..]);
            if rng.random_bool(0.3) {
                let bit = rng.random_range(0..8 * r.tag_len);
                r.tag[bit / 8] ^= 1 << (bit % 8);
            }
        }
        if rng.random_bool(0.1) && !r.blocks().is_empty() {
            r.cut = Some(rng.random_range(0..r.blocks().len()));
        }
        r
    }

    pub fn header(&self) -> Vec<u32> {
        let iv = if self.iv.len() == 12 { le128(&self.iv) } else { 0 };
        pack(&[
            (self.tag_len as u128, 5),
            (self.input.len() as u128, 32),
            (self.aad.len() as u128, 32),
            (iv, 96),
            (self.iv.len() as u128, 10),
            (size_code(&self.key), 2),
            (self.slot as u128, 8),
            (self.decrypt as u128, 1),
        ])
    }

    /// The stream of blocks, uncut.
    pub fn blocks(&self) -> Vec<[u8; 16]> {
        let mut out = Vec::new();
        let mut section = |s: &[u8]| {
            for c in s.chunks(16) {
                // Bytes past a section's end must not matter.
                let mut b = [0xa5; 16];
                b[..c.len()].copy_from_slice(c);
                out.push(b);
            }
        };
        if self.iv.len() != 12 {
            section(&self.iv);
        }
        section(&self.aad);
        section(&self.input);
        if self.decrypt {
            section(&self.tag);
        }
        out
    }

    pub fn expected(&self) -> Expected {
        let r = Reference::new(&self.key);
        // CTR mode is its own inverse.
        let (mut out, mut tag) = r.seal(&self.iv, &self.aad, &self.input);
        let mut ok = true;
        if self.decrypt {
            let (_, want) = r.seal(&self.iv, &self.aad, &out);
            ok = want[..self.tag_len] == self.tag[..self.tag_len];
            tag = [0; 16];
        }
        tag[self.tag_len..].fill(0);
        let mut e = Expected {
            blocks: out.len().div_ceil(16),
            out: vec![],
            aborted: false,
            ok,
            tag,
            closing: false,
        };
        if let Some(cut) = self.cut {
            let before = if self.iv.len() == 12 {
                0
            } else {
                self.iv.len().div_ceil(16)
            } + self.aad.len().div_ceil(16);
            let sent = cut.saturating_sub(before).min(e.blocks);
            e.closing = sent < e.blocks;
            if e.closing {
                out.truncate(sent * 16);
            }
            (e.blocks, e.aborted, e.ok, e.tag) = (sent, true, false, [0; 16]);
        }
        e.out = out;
        e
    }
}

pub struct Lane {
    pub m: Model,
    pub p: std::collections::HashMap<&'static str, Port>,
}

impl Lane {
    pub fn new(sbox: u32) -> Self {
        Self::of(sbox, false)
    }

    /// With all of its state to be read.
    pub fn inspected() -> Self {
        Self::of(0, true)
    }

    fn of(sbox: u32, inspect: bool) -> Self {
        let mut m = Block::new("gcm_lane")
            .sources(sources())
            .param("SLOTS", 16)
            .param("SBOX", sbox)
            // Both kinds of round in the model that has block RAM.
            .param("BRAM_ROUNDS", 9)
            .inspect(inspect)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        let names = [
            "rst_ni",
            "wipe_i",
            "key_valid_i",
            "key_ready_o",
            "key_clear_i",
            "key_slot_i",
            "key_size_i",
            "key_i",
            "key_done_o",
            "req_valid_i",
            "req_ready_o",
            "req_i",
            "in_valid_i",
            "in_ready_o",
            "in_i",
            "out_valid_o",
            "out_ready_i",
            "out_o",
            "res_valid_o",
            "res_ready_i",
            "res_o",
            "busy_o",
        ];
        let p = names.into_iter().map(|n| (n, m.port(n).unwrap())).collect();
        m.reset().unwrap();
        Self { m, p }
    }

    pub fn get(&self, n: &str) -> u64 {
        self.m.get(self.p[n])
    }

    pub fn set(&mut self, n: &str, v: u64) {
        self.m.set(self.p[n], v);
    }

    pub fn start_load(&mut self, slot: usize, key: &[u8], clear: bool) {
        assert_eq!(self.get("key_ready_o"), 1);
        self.set("key_valid_i", 1);
        self.set("key_clear_i", clear.into());
        self.set("key_slot_i", slot as u64);
        self.set("key_size_i", size_code(key) as u64);
        self.m.set_bytes(self.p["key_i"], key);
    }

    pub fn load(&mut self, slot: usize, key: &[u8]) -> u64 {
        self.start_load(slot, key, false);
        let start = self.m.cycles();
        self.m.tick();
        self.set("key_valid_i", 0);
        while self.get("key_done_o") == 0 {
            self.m.tick();
            assert!(self.m.cycles() - start < 2000, "the load does not end");
        }
        self.m.cycles() - start
    }

    /// Runs one request and checks it against a vector as well as against the reference.
    pub fn run_expecting(
        &mut self,
        r: &Request,
        out: Option<&[u8]>,
        ok: bool,
        tag: Option<&[u8]>,
        rng: &mut ChaCha8Rng,
    ) {
        let e = r.expected();
        // The hardware is compared with `e` below, so agreement of `e` with the vector carries over.
        assert_eq!(e.ok, ok, "the vector's verdict");
        if let Some(out) = out {
            assert_eq!(e.out, out, "the vector's text");
        }
        if let Some(tag) = tag {
            assert_eq!(&e.tag[..tag.len()], tag, "the vector's tag");
        }
        self.run(std::slice::from_ref(r), 0, 0, rng);
    }

    /// Runs requests to their ends and checks everything; returns the cycles taken. `idle` and `stall` are percentages.
    pub fn run(&mut self, requests: &[Request], idle: u32, stall: u32, rng: &mut ChaCha8Rng) -> u64 {
        let mut headers: VecDeque<Vec<u32>> = requests.iter().map(Request::header).collect();
        let mut blocks: VecDeque<(bool, [u8; 16])> = VecDeque::new();
        for r in requests {
            let all = r.blocks();
            let n = r.cut.unwrap_or(all.len());
            blocks.extend(all[..n].iter().map(|b| (false, *b)));
            if r.cut.is_some() {
                blocks.push_back((true, [0x5a; 16]));
            }
        }
        let expected: Vec<Expected> = requests.iter().map(Request::expected).collect();
        let mut want_out: VecDeque<(Vec<u8>, bool)> = VecDeque::new();
        for e in &expected {
            for (i, c) in e.out.chunks(16).enumerate() {
                want_out.push_back((c.to_vec(), !e.closing && i + 1 == e.blocks));
            }
            if e.closing {
                want_out.push_back((vec![], true));
            }
        }
        let mut want_res: VecDeque<&Expected> = expected.iter().collect();
        let start = self.m.cycles();
        let (mut last, mut quiet) = (start, 0);
        let (mut req_on, mut in_on) = (false, false);
        while !want_out.is_empty() || !want_res.is_empty() {
            // A valid once raised stays until taken.
            req_on = req_on || rng.random_range(0..100) >= idle;
            let req = req_on && !headers.is_empty();
            self.set("req_valid_i", req.into());
            if req {
                self.m.set_words(self.p["req_i"], &headers[0]);
            }
            in_on = in_on || rng.random_range(0..100) >= idle;
            let inp = in_on && !blocks.is_empty();
            self.set("in_valid_i", inp.into());
            if inp {
                let (abort, data) = blocks[0];
                self.m
                    .set_words(self.p["in_i"], &pack(&[(le128(&data), 128), (abort.into(), 1)]));
            }
            let out_ready = rng.random_range(0..100) >= stall;
            let res_ready = rng.random_range(0..100) >= stall;
            self.set("out_ready_i", out_ready.into());
            self.set("res_ready_i", res_ready.into());
            self.m.eval();
            quiet += 1;
            if out_ready && self.get("out_valid_o") == 1 {
                quiet = 0;
                last = self.m.cycles();
                let b = self.m.get_bytes(self.p["out_o"]);
                let (data, is_last) = want_out.pop_front().expect("a block too many");
                let bytes = (b[16] & 31) as usize;
                assert_eq!(bytes, data.len(), "length of a block");
                assert_eq!(b[16] >> 5 & 1 == 1, is_last, "last");
                assert_eq!(&b[..bytes], &data[..], "payload");
                assert!(b[bytes..16].iter().all(|&x| x == 0), "bytes past the end");
            }
            if res_ready && self.get("res_valid_o") == 1 {
                quiet = 0;
                last = self.m.cycles();
                let b = self.m.get_bytes(self.p["res_o"]);
                let e = want_res.pop_front().expect("a result too many");
                assert_eq!(b[16] & 1 == 1, e.ok, "tag_ok");
                assert_eq!(b[16] >> 1 & 1 == 1, e.aborted, "aborted");
                assert_eq!(b[..16], e.tag, "tag");
            }
            let (took_req, took_in) = (
                req && self.get("req_ready_o") == 1,
                inp && self.get("in_ready_o") == 1,
            );
            self.m.tick();
            if took_req {
                headers.pop_front();
                req_on = false;
            }
            if took_in {
                blocks.pop_front();
                in_on = false;
            }
            assert!(
                quiet < 20_000,
                "the lane hangs: {} blocks in, {} out to come",
                blocks.len(),
                want_out.len()
            );
        }
        self.set("req_valid_i", 0);
        self.set("in_valid_i", 0);
        assert!(headers.is_empty() && blocks.is_empty(), "not all input taken");
        last - start
    }
}
