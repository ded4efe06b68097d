// SPDX-License-Identifier: Apache-2.0
//! HMAC_DRBG against ACVP's vectors and a model of SP 800-90A, 10.1.2; seeding, alarm, zeroization.

use casemate_hdl_tb::{Bench, chance};
use casemate_sim::entropy::{Entropy, EntropyMode};
use casemate_testvectors::drbg::{DrbgCall, acvp_hmac_drbg_sha256};
use hmac::{Hmac, Mac};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::Sha256;

/// SP 800-90A, 10.1.2, as written there.
#[derive(Clone)]
struct Reference {
    k: [u8; 32],
    v: [u8; 32],
}

impl Reference {
    fn hmac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut m = Hmac::<Sha256>::new_from_slice(&self.k).expect("any length");
        parts.iter().for_each(|p| m.update(p));
        m.finalize().into_bytes().into()
    }

    fn update(&mut self, data: Option<&[u8]>) {
        self.k = self.hmac(&[&self.v, &[0], data.unwrap_or(&[])]);
        self.v = self.hmac(&[&self.v]);
        if let Some(data) = data {
            self.k = self.hmac(&[&self.v, &[1], data]);
            self.v = self.hmac(&[&self.v]);
        }
    }

    fn instantiate(seed: &[u8]) -> Self {
        let mut r = Self {
            k: [0; 32],
            v: [1; 32],
        };
        r.update(Some(seed));
        r
    }

    fn generate(&mut self, blocks: usize, additional: Option<&[u8]>) -> Vec<u8> {
        if additional.is_some() {
            self.update(additional);
        }
        let mut out = Vec::new();
        for _ in 0..blocks {
            self.v = self.hmac(&[&self.v]);
            out.extend(self.v);
        }
        self.update(additional);
        out
    }
}

/// A top of this folder, and what it is built from.
fn build(top: &str, params: &[(&str, u32)]) -> Bench {
    let tb = format!("drbg/tb/{top}.sv");
    let files = [
        "sha2/rtl/sha2_pkg.sv",
        "hmac/rtl/hmac_pkg.sv",
        "drbg/rtl/drbg_pkg.sv",
        "sha2/rtl/sha2_core.sv",
        "sha2/rtl/sha2_pad.sv",
        "sha2/rtl/sha2.sv",
        "hmac/rtl/hmac.sv",
        "entropy/rtl/entropy_health.sv",
        "drbg/rtl/hmac_drbg_core.sv",
        "lib/rtl/clock_gate.sv",
        "selftest/rtl/drbg_selftest.sv",
        "drbg/rtl/drbg.sv",
        "sha2/tb/sha2_zero.sv",
        "hmac/tb/hmac_zero.sv",
        "drbg/tb/drbg_zero.sv",
        &tb,
    ];
    Bench::new(top, &files, params)
}

/// Cycles from a clear until nothing is left in the memories either.
const CLEAR: usize = 20;

/// After the cycle of a clear: the registers are zero in the next, the memories in time.
fn left(b: &mut Bench, after: &str) {
    b.m.tick();
    assert_eq!(b.get("regs_zero_o"), 1, "registers not zero after {after}");
    for _ in 0..CLEAR - 2 {
        b.m.tick();
    }
    assert_eq!(b.get("zero_o"), 1, "memories not zero after {after}");
}

/// The core alone, its inputs chosen.
struct Core {
    b: Bench,
    rng: ChaCha8Rng,
}

/// A command: operation, blocks, provided data, times it is sent.
struct Command<'a> {
    op: u64,
    blocks: usize,
    data: Option<&'a [u8]>,
}

impl Core {
    fn new(seed: u64) -> Self {
        let mut core = Self {
            b: build("drbg_core_tb", &[]),
            rng: ChaCha8Rng::seed_from_u64(seed),
        };
        left(&mut core.b, "reset");
        core
    }

    /// Plays a command to its end; the blocks and the cycles it took. `None`: stopped by a clear in cycle `stop`.
    fn run(&mut self, c: &Command, idle: u32, stop: Option<u64>) -> Option<(Vec<u8>, u64)> {
        let (b, rng) = (&mut self.b, &mut self.rng);
        let passes = if c.data.is_none() {
            0
        } else {
            [2, 2, 4][c.op as usize]
        };
        let data = c.data.unwrap_or(&[]);
        let beats: Vec<&[u8]> = if data.is_empty() {
            vec![data]
        } else {
            data.chunks(8).collect()
        };
        let total = passes * beats.len();
        let (mut sent, mut started, mut offered, mut out) = (0, false, false, Vec::new());
        let start = b.m.cycles();
        loop {
            let now = b.m.cycles() - start;
            assert!(now < 1_000_000, "hangs");
            b.set("cmd_valid_i", !started);
            b.set("cmd_op_i", c.op);
            b.set("cmd_data_i", c.data.is_some());
            b.set("cmd_blocks_i", c.blocks as u64);
            offered |= sent < total && !chance(rng, idle);
            b.set("data_valid_i", offered);
            let beat = if offered { beats[sent % beats.len()] } else { &[] };
            let mut bytes = [0; 8];
            rng.fill_bytes(&mut bytes);
            bytes[..beat.len()].copy_from_slice(beat);
            b.set("data_i", u64::from_le_bytes(bytes));
            b.set("data_bytes_i", beat.len() as u64);
            b.set("data_last_i", u64::from((sent + 1).is_multiple_of(beats.len())));
            let take = !chance(rng, idle);
            b.set("out_ready_i", take);
            b.set("clear_i", stop == Some(now));
            b.m.settle();
            if started && b.is("idle_o") && stop.is_none_or(|s| now != s) {
                assert_eq!(sent, total, "data not read");
                assert_eq!(out.len(), 32 * c.blocks);
                return Some((out, now));
            }
            let ready = b.is("cmd_ready_o");
            let data_ready = b.is("data_ready_o");
            let valid = b.is("out_valid_o");
            if valid || now % 16 == 3 {
                let block = b.bytes("out_o");
                assert!(valid || block.iter().all(|&x| x == 0), "state visible");
                if valid && take {
                    out.extend(block);
                    assert_eq!(b.get("out_last_o"), u64::from(out.len() == 32 * c.blocks));
                }
            }
            b.m.rise();
            started |= ready;
            if offered && data_ready {
                sent += 1;
                offered = false;
            }
            if stop == Some(now) {
                for n in ["clear_i", "cmd_valid_i", "data_valid_i", "out_ready_i"] {
                    b.set(n, 0u64);
                }
                left(b, "a clear");
                assert_eq!(b.get("seeded_o"), 0);
                return None;
            }
        }
    }

    fn ready(&mut self, op: u64) -> bool {
        self.b.set("cmd_valid_i", 0u64);
        self.b.set("cmd_op_i", op);
        self.b.m.settle();
        self.b.is("cmd_ready_o")
    }
}

#[test]
fn acvp() {
    let mut core = Core::new(1);
    let all = acvp_hmac_drbg_sha256();
    for v in &all {
        let blocks = v.returned.len() / 32;
        let seed = [&v.entropy[..], &v.nonce, &v.personalization].concat();
        let mut run =
            |op, blocks, data: Option<&[u8]>| core.run(&Command { op, blocks, data }, 4, None).unwrap().0;
        run(0, 0, Some(&seed));
        let mut last = Vec::new();
        for call in &v.calls {
            match call {
                DrbgCall::Reseed { entropy, additional } => {
                    run(1, 0, Some(&[&entropy[..], additional].concat()));
                }
                DrbgCall::Generate { additional } => {
                    last = run(2, blocks, (!additional.is_empty()).then_some(&additional[..]));
                }
            }
        }
        assert_eq!(last, v.returned, "{}", v.id);
    }
    println!("{} vectors", all.len());
}

#[test]
fn random_commands_and_clears() {
    let mut core = Core::new(2);
    let mut reference: Option<Reference> = None;
    let mut requests = 0;
    for n in 0..400 {
        let mut data = vec![0; core.rng.random_range(0..150)];
        core.rng.fill_bytes(&mut data);
        // Commands that need an instance, or a reseed first, are not taken.
        assert!(core.ready(0));
        assert_eq!(core.ready(1), reference.is_some());
        assert_eq!(core.ready(2), reference.is_some() && requests < 5);
        let op = match core.rng.random_range(0..16) {
            _ if reference.is_none() => 0,
            0 => 0,
            1 => 1,
            _ if requests == 5 => 1,
            _ => 2,
        };
        let with = op < 2 || core.rng.random();
        let data = with.then_some(&data[..]);
        let blocks = if op == 2 { core.rng.random_range(0..5) } else { 0 };
        let idle = [0, 0, 80][n % 3];
        let stop = chance(&mut core.rng, 16).then(|| core.rng.random_range(0..4000));
        match core.run(&Command { op, blocks, data }, idle, stop) {
            None => (reference, requests) = (None, 0),
            Some((out, _)) => match op {
                0 => (reference, requests) = (Some(Reference::instantiate(data.unwrap())), 0),
                1 => {
                    reference.as_mut().unwrap().update(data);
                    requests = 0;
                }
                _ => {
                    requests += 1;
                    assert_eq!(
                        out,
                        reference.as_mut().unwrap().generate(blocks, data),
                        "command {n}"
                    );
                }
            },
        }
    }
}

#[test]
fn time_depends_on_lengths_alone() {
    let mut core = Core::new(3);
    for _ in 0..6 {
        let mut seed = [0; 96];
        core.rng.fill_bytes(&mut seed);
        let seeding = |op| Command {
            op,
            blocks: 0,
            data: Some(&seed),
        };
        assert_eq!(core.run(&seeding(0), 0, None).unwrap().1, 2908);
        assert_eq!(core.run(&seeding(1), 0, None).unwrap().1, 2900);
        for blocks in 0..4 {
            let c = Command {
                op: 2,
                blocks,
                data: None,
            };
            let (_, cycles) = core.run(&c, 0, None).unwrap();
            assert_eq!(cycles, 1178 + 596 * blocks as u64);
        }
    }
}

/// The generator with its own seeding.
struct Drbg {
    b: Bench,
    rng: ChaCha8Rng,
    words: usize,
    seed: Vec<u8>,
    reference: Option<Reference>,
    seedings: usize,
}

impl Drbg {
    fn new(seed: u64, h_milli: u32) -> Self {
        Self {
            b: build("drbg_tb", &[("H_MILLI", h_milli)]),
            rng: ChaCha8Rng::seed_from_u64(seed),
            words: 2 * (384_000u32.div_ceil(h_milli)).div_ceil(64) as usize,
            seed: Vec::new(),
            reference: None,
            seedings: 0,
        }
    }

    /// A cycle with entropy coming now and then, which seeds the model too. True: a request was taken.
    fn cycle(&mut self) -> bool {
        let valid = chance(&mut self.rng, 25);
        let word: u32 = self.rng.random();
        self.b.set("ent_valid_i", valid);
        self.b.set("ent_i", word);
        self.b.m.settle();
        if valid && self.b.is("ent_ready_o") {
            self.seed.extend(word.to_le_bytes());
            if self.seed.len() == 4 * self.words {
                match &mut self.reference {
                    Some(r) => r.update(Some(&self.seed)),
                    None => self.reference = Some(Reference::instantiate(&self.seed)),
                }
                self.seed.clear();
                self.seedings += 1;
            }
        }
        let taken = self.b.is("req_ready_o");
        self.b.m.rise();
        taken
    }

    /// Requests blocks and compares them; cycles until the request was taken.
    fn request(&mut self, blocks: usize) -> u64 {
        let start = self.b.m.cycles();
        self.b.set("req_valid_i", 1u64);
        self.b.set("req_blocks_i", blocks as u64);
        while !self.cycle() {
            assert!(self.b.m.cycles() - start < 20_000, "hangs");
        }
        let waited = self.b.m.cycles() - start;
        self.b.set("req_valid_i", 0u64);
        let want = self.reference.as_mut().expect("seeded").generate(blocks, None);
        for (i, want) in want.chunks(8).enumerate() {
            self.b.set("out_ready_i", 0u64);
            while self.b.get("out_valid_o") == 0 {
                assert!(self.b.m.cycles() - start < 100_000, "hangs");
                self.cycle();
            }
            self.cycle();
            self.b.set("out_ready_i", 1u64);
            assert_eq!(self.b.bytes("out_o"), want, "word {i}");
            assert_eq!(self.b.get("out_last_o"), u64::from(i + 1 == 4 * blocks));
            assert_eq!(self.b.get("seed_zero_o"), 1, "seed material kept");
            self.cycle();
        }
        self.b.set("out_ready_i", 0u64);
        waited
    }

    fn pulse(&mut self, name: &str) {
        self.b.set(name, 1u64);
        self.cycle();
        self.b.set(name, 0u64);
    }
}

#[test]
fn seeds_itself_reseeds_when_due_and_when_asked() {
    for h_milli in [500, 90] {
        let mut d = Drbg::new(4, h_milli);
        for n in 0..12 {
            // Every fourth request (the interval) and every one after a wish waits for new entropy.
            let wish = n == 2 || n == 7;
            if wish {
                d.pulse("reseed_i");
            }
            let seedings = d.seedings;
            let before = d.reference.clone().map(|r| r.k);
            let waited = d.request([1, 3, 0, 2][n % 4]);
            let seeded = [0, 2, 6, 7, 11].contains(&n);
            assert_eq!(d.seedings - seedings, usize::from(seeded), "request {n}");
            assert_eq!(waited > 2000, seeded, "request {n} waited {waited} cycles");
            assert!(before != d.reference.as_ref().map(|r| r.k));
        }
    }
}

#[test]
fn an_alarm_is_final_and_leaves_nothing() {
    let mut d = Drbg::new(5, 500);
    for n in 0..120 {
        // Anywhere: while it fills, while it seeds, while it makes blocks, while a block waits.
        if n % 3 > 0 {
            d.request(1);
            d.b.set("req_valid_i", 1u64);
            d.b.set("req_blocks_i", 3u64);
        }
        for _ in 0..d.rng.random_range(0..4000) {
            d.cycle();
        }
        d.b.set("alarm_i", 1u64);
        d.b.set("out_ready_i", 1u64);
        d.b.m.settle();
        assert_eq!(d.b.get("out_valid_o"), 0, "a block in the cycle of the alarm");
        d.b.m.rise();
        // Even one that is withdrawn.
        d.b.set("alarm_i", n % 2 == 0);
        d.cycle();
        assert_eq!(d.b.get("regs_zero_o"), 1, "registers not zero after an alarm");
        d.b.set("req_valid_i", 1u64);
        for t in 0..300 {
            if t == CLEAR {
                assert_eq!(d.b.get("zero_o"), 1, "memories not zero after an alarm");
            }
            d.b.set("clear_i", t == 100);
            d.b.set("reseed_i", t == 150);
            assert!(!d.cycle(), "a request taken in the error state");
            assert_eq!(d.b.get("error_o"), 1);
            assert_eq!(d.b.get("seeded_o"), 0);
            assert_eq!(d.b.get("out_valid_o"), 0);
            assert!(d.b.bytes("out_o").iter().all(|&x| x == 0));
        }
        for name in ["alarm_i", "req_valid_i", "out_ready_i"] {
            d.b.set(name, 0u64);
        }
        d.b.set("ent_valid_i", 0u64);
        d.b.m.reset().unwrap();
        (d.reference, d.seed) = (None, Vec::new());
    }
    d.request(2);
}

#[test]
fn clear_at_any_time_zeroes_and_seeds_anew() {
    let mut d = Drbg::new(6, 500);
    for n in 0..60 {
        if n % 3 > 0 {
            d.request(1);
            d.b.set("req_valid_i", 1u64);
            d.b.set("req_blocks_i", 3u64);
        }
        for _ in 0..d.rng.random_range(0..3500) {
            d.cycle();
        }
        d.b.set("req_valid_i", 0u64);
        d.pulse("clear_i");
        d.b.set("ent_valid_i", 0u64);
        left(&mut d.b, "a clear");
        assert_eq!(d.b.get("seeded_o"), 0);
        (d.reference, d.seed) = (None, Vec::new());
        assert!(d.request(2) > 2000, "served before it was seeded");
    }
}

/// The modelled source of the device's simulation, health tests and generator in a row.
#[test]
fn a_source_that_fails_silences_the_generator() {
    let mut b = build("rng_tb", &[]);
    let failures = [
        EntropyMode::Stuck(0),
        EntropyMode::Stuck(0xdead_beef),
        EntropyMode::Biased(20),
        EntropyMode::Silent,
    ];
    for (n, failure) in failures.into_iter().enumerate() {
        for mid in [false, true] {
            b.m.reset().unwrap();
            let mut source = Entropy::new(n as u64);
            let mut raw: Vec<u8> = Vec::new();
            let (mut blocks, mut requests) = (Vec::new(), 0);
            b.set("req_valid_i", 1u64);
            b.set("req_blocks_i", 2u64);
            b.set("out_ready_i", 1u64);
            if !mid {
                source.set_mode(failure);
            }
            for t in 0..14_000 {
                if t == 9_000 {
                    source.set_mode(failure);
                }
                let word = source.offer();
                b.set("raw_valid_i", word.is_some());
                b.set("raw_i", word.unwrap_or(0));
                b.m.settle();
                if b.is("out_valid_o") {
                    assert_eq!(b.get("error_o"), 0);
                    blocks.extend(b.bytes("out_o"));
                }
                requests += b.get("req_ready_o");
                let taken = word.is_some() && b.is("raw_ready_o");
                b.m.rise();
                if taken {
                    raw.extend(word.unwrap_or(0).to_le_bytes());
                    source.take();
                }
            }
            let silent = failure == EntropyMode::Silent;
            assert_eq!(b.is("error_o"), !silent, "{failure:?}");
            assert_eq!(b.is("zero_o"), !silent || !mid, "{failure:?}");
            assert_eq!(blocks.is_empty(), !mid, "{failure:?}");
            if mid {
                // 32 words of start-up are dropped, the next 24 are the seed.
                let mut r = Reference::instantiate(&raw[128..224]);
                let want: Vec<u8> = (0..requests).flat_map(|_| r.generate(2, None)).collect();
                assert_eq!(blocks, want[..blocks.len()]);
            }
        }
    }
}
