// SPDX-License-Identifier: Apache-2.0
//! Drives a Verilated key_wrap and watches its outputs, its time and what stays in it, in every cycle.

use casemate_sim::verilate::{Block, Model, Port};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// `hdl/FILE`.
pub fn hdl(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(file)
}

/// Sources of the AES, packages first.
pub fn aes_sources() -> Vec<PathBuf> {
    [
        "gcm/rtl/gcm_pkg.sv",
        "aes/rtl/aes_pkg.sv",
        "aes/rtl/aes_sbox_table.sv",
        "aes/rtl/aes_tower_in.sv",
        "aes/rtl/aes_tower_out.sv",
        "aes/rtl/aes_sbox_tower.sv",
        "aes/rtl/aes_sbox_bram.sv",
        "aes/rtl/aes_sbox.sv",
        "wrap/rtl/aes_sbox_both.sv",
        "wrap/rtl/aes_iter.sv",
    ]
    .map(hdl)
    .into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    Seal,
    Open,
    Wrap,
    Unwrap,
}

#[derive(Debug, Clone)]
pub struct Command {
    pub op: Op,
    pub key: Vec<u8>,
    pub iv: [u8; 12],
    pub aad: Vec<u8>,
    pub payload: Vec<u8>,
    pub tag: [u8; 16],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub ok: bool,
    pub payload: Vec<u8>,
    pub tag: [u8; 16],
}

impl Outcome {
    /// What every failure looks like.
    pub fn refused() -> Self {
        Self {
            ok: false,
            payload: Vec::new(),
            tag: [0; 16],
        }
    }
}

/// Cycles from ready_o to done_o, as the README states them.
pub fn cycles(op: Op, key_len: usize, aad_len: usize, payload_len: usize) -> u64 {
    let (e, b) = match key_len {
        16 => (172, 117),
        24 => (188, 139),
        _ => (232, 161),
    };
    let fits = match op {
        Op::Seal | Op::Open => (1..=64).contains(&payload_len) && aad_len <= 64,
        Op::Wrap => (1..=64).contains(&payload_len),
        Op::Unwrap => (16..=72).contains(&payload_len) && payload_len.is_multiple_of(8),
    };
    if !fits || ![16, 24, 32].contains(&key_len) {
        return e + 105;
    }
    let (a, p) = (aad_len.div_ceil(16) as u64, payload_len.div_ceil(16) as u64);
    let n = match op {
        Op::Unwrap => payload_len / 8 - 1,
        _ => payload_len.div_ceil(8),
    } as u64;
    let passes = if n == 1 { 1 } else { 6 };
    match op {
        Op::Seal | Op::Open => 125 + e + (p + 2) * b + 23 * (a + 1) - 4 * p,
        Op::Wrap => 125 + e + passes * (n * b + 18),
        Op::Unwrap => 38 + e + passes * n * b + 108 * n,
    }
}

pub struct Engine {
    m: Model,
    rng: ChaCha8Rng,
    p: Ports,
    /// Words of the command that are still to go in; with idle cycles between.
    words: VecDeque<u32>,
    gaps: bool,
    /// Words of the result.
    came: Vec<u8>,
}

struct Ports {
    rst: Port,
    clear: Port,
    clean: Port,
    valid: Port,
    ready: Port,
    op: Port,
    key_size: Port,
    aad_len: Port,
    payload_len: Port,
    done: Port,
    ack: Port,
    ok: Port,
    len_o: Port,
    in_valid: Port,
    in_word: Port,
    out_valid: Port,
    out_word: Port,
    work: Port,
    ram: Port,
    result: Port,
}

/// Cycles in which a clear leaves nothing but round keys, and nothing at all.
const CLEAR_WORK: u64 = 6;
const CLEAR_ALL: u64 = 68;

impl Engine {
    pub fn new(sbox: u32, seed: u64) -> Self {
        let mut m = Block::new("key_wrap_probe")
            .source(hdl("wrap/rtl/wrap_pkg.sv"))
            .sources(aes_sources())
            .sources(
                [
                    "wrap/rtl/ghash_serial.sv",
                    "wrap/rtl/key_wrap.sv",
                    "wrap/tb/key_wrap_probe.sv",
                ]
                .map(hdl),
            )
            .param("SBOX", sbox)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        let mut port = |n: &str| m.port(n).unwrap();
        let p = Ports {
            rst: port("rst_ni"),
            clear: port("clear_i"),
            clean: port("clean_o"),
            valid: port("valid_i"),
            ready: port("ready_o"),
            op: port("op_i"),
            key_size: port("key_size_i"),
            aad_len: port("aad_len_i"),
            payload_len: port("payload_len_i"),
            done: port("done_o"),
            ack: port("ack_i"),
            ok: port("ok_o"),
            len_o: port("payload_len_o"),
            in_valid: port("in_valid_i"),
            in_word: port("in_i"),
            out_valid: port("out_valid_o"),
            out_word: port("out_o"),
            work: port("work_o"),
            ram: port("ram_o"),
            result: port("result_o"),
        };
        let mut e = Self {
            m,
            rng: ChaCha8Rng::seed_from_u64(seed),
            p,
            words: VecDeque::new(),
            gaps: false,
            came: Vec::new(),
        };
        e.m.reset().unwrap();
        e.until_clean(CLEAR_ALL);
        e
    }

    fn outputs(&self) -> Outcome {
        let len = self.m.get(self.p.len_o) as usize;
        let (tag, payload) = self.came.split_at(16.min(self.came.len()));
        assert!(payload.len() >= len, "{} bytes of {len}", payload.len());
        assert!(payload[len..].iter().all(|&b| b == 0), "bytes past the length");
        Outcome {
            ok: self.m.get(self.p.ok) == 1,
            payload: payload[..len].to_vec(),
            tag: tag.try_into().unwrap_or_default(),
        }
    }

    /// One cycle; outside a result all outputs are zero, and at one nothing but it is left.
    fn tick(&mut self) {
        let offer = !(self.words.is_empty() || self.gaps && self.rng.random_ratio(1, 3));
        let word = if offer { self.words.pop_front() } else { None };
        self.m.set(self.p.in_valid, u64::from(word.is_some()));
        self.m.set(self.p.in_word, word.unwrap_or(0).into());
        self.m.tick();
        if self.m.get(self.p.out_valid) == 1 {
            let word = self.m.get(self.p.out_word) as u32;
            self.came.extend(word.to_le_bytes());
            self.nothing("at a result", false);
        } else {
            assert_eq!(self.m.get(self.p.out_word), 0, "a word without a result");
        }
        if self.m.get(self.p.done) == 0 {
            let verdict = (self.m.get(self.p.ok), self.m.get(self.p.len_o));
            assert_eq!(verdict, (0, 0), "outputs without a result");
        } else {
            assert_eq!(self.came.len(), 4 * 22, "words of a result");
            // Tag and payload are gone with the last word.
            self.nothing("at a result", false);
            assert_eq!(self.m.get(self.p.result) >> 1, 0, "result registers at a result");
        }
        if self.m.get(self.p.clean) == 1 {
            self.nothing("at clean_o", true);
        }
    }

    fn nothing(&self, when: &str, result: bool) {
        assert_eq!(self.m.get(self.p.work), 0, "working registers {when}");
        assert_eq!(self.m.get(self.p.ram), 0, "round keys {when}");
        if result {
            assert_eq!(self.m.get(self.p.result), 0, "result registers {when}");
        }
    }

    pub fn until_clean(&mut self, limit: u64) {
        for _ in 0..limit {
            self.tick();
            if self.m.get(self.p.clean) == 1 {
                return;
            }
        }
        panic!("not clean after {limit} cycles");
    }

    fn noisy(&mut self, bytes: &[u8], size: usize) -> Vec<u8> {
        let mut all = vec![0; size];
        self.rng.fill_bytes(&mut all);
        let n = bytes.len().min(size);
        all[..n].copy_from_slice(&bytes[..n]);
        all
    }

    fn drive(&mut self, c: &Command) {
        self.m.set(self.p.op, c.op as u64);
        let size = match c.key.len() {
            16 => 0,
            24 => 1,
            32 => 2,
            _ => 3,
        };
        self.m.set(self.p.key_size, size);
        self.m.set(self.p.aad_len, c.aad.len() as u64);
        self.m.set(self.p.payload_len, c.payload.len() as u64);
    }

    /// A command's strings; what the lengths leave out is noise.
    fn strings(&mut self, c: &Command) -> VecDeque<u32> {
        let parts = [
            self.noisy(&c.key, 32),
            self.noisy(&c.iv, 16),
            c.tag.to_vec(),
            self.noisy(&c.aad, 64),
            self.noisy(&c.payload, 72),
        ];
        let words = parts.concat();
        let words = words.chunks(4);
        words.map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect()
    }

    /// Hands a command over.
    pub fn start(&mut self, c: &Command) {
        self.drive(c);
        self.m.set(self.p.valid, 1);
        let mut waited = 0;
        while self.m.get(self.p.ready) == 0 {
            self.tick();
            waited += 1;
            assert!(waited < 100, "no ready_o");
        }
        self.came.clear();
        self.tick();
        self.m.set(self.p.valid, 0);
        // Nothing else of the command is needed any more.
        let noise = Command {
            op: [Op::Seal, Op::Open, Op::Wrap, Op::Unwrap][self.rng.random_range(0..4)],
            key: Vec::new(),
            iv: self.rng.random(),
            aad: Vec::new(),
            payload: Vec::new(),
            tag: self.rng.random(),
        };
        self.drive(&noise);
        self.tick();
        self.words = self.strings(c);
    }

    /// Its result, and the cycles from ready_o to done_o.
    pub fn finish(&mut self) -> (Outcome, u64) {
        let mut n = 2;
        while self.m.get(self.p.done) == 0 {
            self.tick();
            n += 1;
            assert!(n < 20_000, "no result");
        }
        let out = self.outputs();
        for _ in 0..self.rng.random_range(0..4) {
            self.tick();
            assert_eq!(
                (self.m.get(self.p.done), self.outputs()),
                (1, out.clone()),
                "a result that moves"
            );
        }
        self.m.set(self.p.ack, 1);
        self.tick();
        self.m.set(self.p.ack, 0);
        (out, n)
    }

    /// A command from end to end. Its time is checked.
    pub fn run(&mut self, c: &Command) -> Outcome {
        self.gaps = self.rng.random_ratio(1, 8);
        self.start(c);
        let (out, n) = self.finish();
        let (aad, pay) = (c.aad.len(), c.payload.len());
        if !self.gaps {
            assert_eq!(n, cycles(c.op, c.key.len(), aad, pay), "cycles of {c:?}");
        }
        self.gaps = false;
        if self.rng.random_ratio(1, 4) {
            self.until_clean(2);
        }
        out
    }

    pub fn idle(&mut self, n: u64) {
        for _ in 0..n {
            self.tick();
        }
    }

    /// A clear or a reset in this cycle, held for `hold` cycles: all registers are zero in time, and no result comes.
    pub fn wipe(&mut self, reset: bool, hold: u64) {
        let (port, on) = if reset { (self.p.rst, 0) } else { (self.p.clear, 1) };
        self.m.set(port, on);
        self.words.clear();
        let mut clean = false;
        for n in 1..=CLEAR_ALL + hold {
            self.tick();
            if n == hold {
                self.m.set(port, 1 - on);
            }
            assert_eq!(self.m.get(self.p.done), 0, "a result after a clear");
            if n >= CLEAR_WORK {
                assert_eq!(self.m.get(self.p.out_valid), 0, "words after a clear");
                assert_eq!(
                    self.m.get(self.p.work),
                    0,
                    "working registers {n} cycles after a clear"
                );
                assert_eq!(
                    self.m.get(self.p.result),
                    0,
                    "result registers {n} cycles after a clear"
                );
            }
            // A reset holds the sweep at its start.
            if n >= CLEAR_ALL + if reset { hold } else { 0 } {
                assert_eq!(self.m.get(self.p.ram), 0, "round keys {n} cycles after a clear");
            }
            clean |= self.m.get(self.p.clean) == 1;
        }
        if hold == 1 {
            assert!(clean, "not clean in time");
        }
        self.until_clean(CLEAR_ALL + 4);
    }
}
