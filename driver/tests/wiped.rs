// SPDX-License-Identifier: Apache-2.0
//! I3, every state element: two runs of the whole RTL that differ in the bytes of keys and messages alone are wiped in the same
//! cycle, whatever is in flight: AES-GCM on three queues, key operations and elliptic curves on one of them. When the stated number of cycles has passed they are equal in every element of their state, with
//! no exception; and a wipe that leaves out one RAM is caught.

mod common;

use casemate::abi::{KeyType, Opcode, Status, Submission, usage};
use casemate::transport::sim::Sim;
use casemate::{
    Curve, Data, Device, DmaBuf, IvPolicy, KeyAttributes, KeyHandle, KeyUse, Queue, Request, Usage,
};
use casemate_sim::config::Config;
use common::keys::{Handle, SHA256, base, dst, make, officer_made, on, op, root, src};
use common::{Arena, drain, queue, raw, reference, sim};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;

const SLOTS: u64 = 16;
/// Of these one is free, for what is made.
const FREE: u32 = 15;
/// Of P-256 (SP 800-186, 3.2.1.3), x and y.
const GENERATOR: [u8; 64] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
    0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3,
    0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
    0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];
/// From the tamper input on, as the README says.
const BOUND: u64 = 5 * SLOTS + 2400;

type State = Vec<(String, Vec<u8>)>;

struct Run {
    device: Device,
    queues: Vec<Queue>,
    keys: Vec<(KeyHandle, Vec<u8>)>,
    /// Keys of domain 1 for key operations.
    secret_key: Handle,
    seed: Handle,
    kwp: Handle,
    root: Handle,
    /// P-256: one that signs, one that agrees; none without an engine.
    curve: Option<[Handle; 2]>,
    arena: Arena,
    /// Of the bytes of keys and messages: all that differs between two runs.
    secret: ChaCha8Rng,
}

fn random(rng: &mut ChaCha8Rng, n: usize) -> Vec<u8> {
    let mut b = vec![0; n];
    rng.fill_bytes(&mut b);
    b
}

impl Run {
    fn new(config: &Config, secret: u64) -> Self {
        let device = Device::over(Arc::new(Sim::new(config).unwrap())).unwrap();
        let mut secret = ChaCha8Rng::seed_from_u64(secret);
        let queues = [(0, 64), (1, 16), (2, 4)]
            .map(|(d, n)| queue(&device, d, n))
            .into();
        let keys = [16, 24, 32]
            .iter()
            .zip(0..)
            .map(|(&n, d)| {
                let key = random(&mut secret, n);
                (device.load_key(&key, d, KeyUse::BOTH).unwrap(), key)
            })
            .collect();
        let loaded = |kind: KeyAttributes, secret: &mut ChaCha8Rng| {
            let key = random(secret, kind.key_len());
            let h = device.officer().unwrap().load(&key, &kind, 1).unwrap();
            (h.slot().into(), h.generation().into())
        };
        let all = usage::SIGN | usage::VERIFY | usage::DERIVE | usage::EXPORT_WRAPPED | usage::KWP;
        let seed = KeyAttributes::secret(32, Usage::DERIVE).iv_policy(IvPolicy::Derived);
        let kwp = KeyAttributes::wrapping(Usage::from_bits(usage::WRAP | usage::UNWRAP | usage::KWP));
        let curve = (device.capabilities().ec_engines > 0).then(|| {
            [Usage::SIGN, Usage::DERIVE].map(|u| loaded(KeyAttributes::private(Curve::P256, u), &mut secret))
        });
        Self {
            curve,
            secret_key: loaded(KeyAttributes::secret(64, Usage::from_bits(all)), &mut secret),
            seed: loaded(seed, &mut secret),
            kwp: loaded(kwp, &mut secret),
            root: officer_made(&device, root(FREE - 1, 1, 3)),
            arena: Arena::new(&device),
            device,
            queues,
            keys,
            secret,
        }
    }

    /// A key operation on a message of this run's own bytes.
    fn key_operation(&mut self, rng: &mut ChaCha8Rng) -> Submission {
        let message = random(&mut self.secret, 4096);
        self.arena.bytes()[..4096].copy_from_slice(&message);
        let (from, to) = (self.arena.iova(), self.arena.iova() + 8192);
        let mut s;
        match rng.random_range(0..if self.curve.is_some() { 10 } else { 6 }) {
            0 | 1 => {
                s = on(Opcode::MacSign, self.secret_key);
                let hash = rng.random_range(1..=3);
                src(dst(&mut s, to), from)
                    .set_pay_len(rng.random_range(0..2000))
                    .set_aad3(hash << 16 | 32);
            }
            2 => {
                s = on(Opcode::KeyWrap, self.secret_key);
                dst(base(&mut s, self.root), to).set_pay_len(128);
            }
            3 => {
                s = on(Opcode::KwpWrap, self.secret_key);
                dst(base(&mut s, self.kwp), to).set_pay_len(72);
            }
            4 => {
                s = make(Opcode::KeyHkdf, FREE, KeyType::Secret, usage::SIGN, 0);
                src(base(&mut s, self.secret_key), from)
                    .set_pay_len(200)
                    .set_aad3(SHA256 << 16 | 13);
            }
            6 | 7 => {
                s = on(Opcode::EcSign, self.curve.unwrap()[0]);
                src(dst(&mut s, to), from).set_pay_len(32).set_aad3(SHA256 << 16);
            }
            8 => {
                self.arena.bytes()[4096..4160].copy_from_slice(&GENERATOR);
                s = make(Opcode::EcEcdh, FREE, KeyType::Secret, usage::SIGN, 0);
                src(base(&mut s, self.curve.unwrap()[1]), from + 4096)
                    .set_pay_len(64)
                    .set_aad3(SHA256 << 16);
            }
            9 => {
                s = make(Opcode::EcGenerate, FREE, KeyType::P256, usage::SIGN, 3);
                dst(&mut s, to).set_pay_len(64);
            }
            _ => {
                s = op(Opcode::KeyMessage, FREE);
                dst(base(&mut s, self.seed), to).set_pay_len(32);
            }
        }
        s
    }

    fn filled(&self, bytes: &[u8]) -> DmaBuf {
        let mut b = self.device.buffer(bytes.len(), 0).unwrap();
        b.copy_from_slice(bytes);
        b
    }

    /// A request whose shape `rng` decides and whose bytes are this run's own. Every open has the right tag, so that both runs
    /// do the same.
    fn request(&mut self, rng: &mut ChaCha8Rng, q: usize, reports: bool) -> Request {
        let (key, bytes) = self.keys[q].clone();
        let len = *[0, 1, 16, 100, 700, 5000, 16384, 20000].choose(rng).unwrap();
        let (plain, aad) = (random(&mut self.secret, len), random(&mut self.secret, 50));
        let iv: [u8; 12] = rng.random();
        let list = |b: DmaBuf, rest: DmaBuf| Data::List(vec![b, rest]);
        let r = if rng.random() {
            let src = self.filled(&reference(&bytes, &iv, &aad, &plain));
            let r = Request::open(key, &iv, src);
            match rng.random_range(0..3) {
                0 if len > 1 => r.to(list(self.filled(&[7]), self.filled(&vec![7; len - 1]))),
                1 => r.to(self.filled(&vec![7; len])),
                _ => r,
            }
        } else {
            let long = random(rng, 40);
            let iv = if rng.random_ratio(1, 4) {
                &long[..]
            } else {
                &iv[..]
            };
            let seal = |b: DmaBuf| Request::seal(key, iv, b);
            match rng.random_range(0..3) {
                0 if reports => seal(self.filled(&plain)).tag_reported(),
                1 => seal(self.filled(&plain)).tag_in(self.filled(&[0; 16])),
                _ => seal(self.filled(&[&plain[..], &[0; 16]].concat())),
            }
        };
        r.aad_in(self.filled(&aad))
    }

    fn load(&mut self, rng: &mut ChaCha8Rng, reports: bool) {
        if let Some([key, _]) = self.curve {
            // Past the engine's self-test.
            let mut s = on(Opcode::EcPublic, key);
            dst(&mut s, self.arena.iova() + 8192).set_pay_len(64);
            assert_eq!(raw(&mut self.queues[1], &s).status, Status::Ok);
        }
        for q in 0..self.queues.len() {
            let mut n = rng.random_range(1..=self.queues[q].config().depth);
            while q == 1 && n > 1 && rng.random_ratio(4, 5) {
                let s = self.key_operation(rng);
                assert!(self.queues[q].submit_raw(s, 0).unwrap());
                n -= 1;
            }
            let batch: Vec<Request> = (0..n).map(|_| self.request(rng, q, reports)).collect();
            assert!(self.queues[q].submit(batch).unwrap().rest.is_empty());
        }
    }

    /// The state when no beat of data is on the bus.
    fn state(&self) -> State {
        sim(&self.device, |d| {
            while !d.bus_idle() {
                d.step().unwrap();
            }
            d.state().unwrap()
        })
    }

    /// Completes what is in flight, and then 64 requests that carry nothing: the last that is seen of completions before.
    fn settle(&mut self) {
        for q in &mut self.queues {
            drain(q, &mut Vec::new());
        }
        let mut nop = Submission::default();
        nop.set_opcode(Opcode::Nop as u32);
        for _ in 0..64 {
            raw(&mut self.queues[0], &nop);
        }
    }
}

fn differing(states: &[State; 2]) -> Vec<String> {
    assert!(states[0].len() > 1000, "{}", states[0].len());
    let pairs = states[0].iter().zip(&states[1]);
    pairs
        .inspect(|(a, b)| assert_eq!(a.0, b.0))
        .filter(|(a, b)| a.1 != b.1)
        .map(|(a, _)| a.0.clone())
        .collect()
}

/// The names of what differs at the bound, and after everything was answered.
fn wiped(config: &Config, seed: u64, bound: u64) -> [Vec<String>; 2] {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut runs = [1, 2].map(|n| Run::new(config, seed << 8 | n));
    // A tag reported in a completion is the host's: it is gone when later completions have taken its place.
    let reports = seed % 2 == 1;
    let shape: u64 = rng.random();
    for r in &mut runs {
        r.load(&mut ChaCha8Rng::seed_from_u64(shape), reports);
    }
    let wait = rng.random_range(0..8000);
    for r in &runs {
        sim(&r.device, |d| {
            d.tamper_at(d.cycles() + wait);
            (0..wait + bound).try_for_each(|_| d.step()).unwrap();
        });
    }
    let early = runs.each_ref().map(Run::state);
    runs.iter_mut().for_each(Run::settle);
    let late = runs.each_ref().map(Run::state);
    assert!(runs.iter().all(|r| r.device.is_zeroized().unwrap()));
    let early = if reports { Vec::new() } else { differing(&early) };
    [early, differing(&late)]
}

fn config(settings: &str) -> Config {
    let shape = format!("axi=128&slots={SLOTS}&queues=4&tags=8&{settings}");
    let mut c = Config::parse(&shape).unwrap();
    c.inspect = true;
    c
}

#[test]
fn no_element_depends_on_keys_or_data() {
    let memories = [
        "latency=20&wlatency=9",
        "latency=40&reorder=60&stall=20",
        "latency=4000&wlatency=4000",
    ];
    for seed in 0..24 {
        let memory = memories[seed as usize % 3];
        let [early, late] = wiped(&config(memory), seed, BOUND);
        assert!(
            early.is_empty(),
            "{memory}, seed {seed}, at the bound: {early:#?}"
        );
        assert!(late.is_empty(), "{memory}, seed {seed}, at the end: {late:#?}");
    }
}

/// The comparison sees what is there: at the beginning of a wipe much differs.
#[test]
fn what_is_left_is_seen() {
    let mut unseen = vec![
        "material", "u_aes", "powers", "places", "u_mac", "u_wrap", "u_engine",
    ];
    // Not each of them is at work at every moment; with elliptic curves there is less of the rest.
    let seeds = (0..40).step_by(2);
    for (seed, engines) in [(0, 0)].into_iter().chain(seeds.map(|s| (s, 1))) {
        let memory = format!("latency=1000&wlatency=1000&ec={engines}");
        let [early, _] = wiped(&config(&memory), seed, 1);
        unseen.retain(|part| !early.iter().any(|n| n.contains(part)));
        if unseen.is_empty() {
            return;
        }
    }
    panic!("never seen: {unseen:?}");
}

/// A wipe with one RAM left out.
fn without(file: &str, good: &str, bad: &str, ram: &str) {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hdl");
    let name = Path::new(file).file_name().unwrap().to_str().unwrap();
    let text = std::fs::read_to_string(hdl.join(file)).unwrap();
    assert_eq!(text.matches(good).count(), 1, "{good:?} in {file}");
    let broken = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&broken, text.replace(good, bad)).unwrap();
    let engines = u32::from(file.contains("ecunit"));
    let mut c = config(&format!("latency=20&wlatency=9&ec={engines}"));
    c.replaced = Some((name.into(), broken));
    let found = (0..8).any(|seed| wiped(&c, seed, BOUND).iter().flatten().any(|n| n.contains(ram)));
    assert!(found, "{ram} was not wiped, and nobody saw it");
}

#[test]
fn a_hold_fifo_left_out_is_caught() {
    let good = "u_hold (\n    .clk_i, .rst_ni, .wipe_i(wipe_q),";
    without(
        "dma/rtl/gcm_channel.sv",
        good,
        &good.replace(".wipe_i(wipe_q)", ".wipe_i(1'b0)"),
        "u_hold",
    );
}

#[test]
fn powers_of_h_left_out_are_caught() {
    let good = "pow_write_o <= (rst_ni && answer) || clear_q;";
    without(
        "gcm/rtl/gcm_keys.sv",
        good,
        "pow_write_o <= rst_ni && (answer || clear_q);",
        "powers",
    );
}

#[test]
fn half_of_the_key_units_memory_left_out_is_caught() {
    without(
        "keys/rtl/key_data.sv",
        "left_q     <= 7'd63;",
        "left_q     <= 7'd31;",
        "u_data__DOT__words",
    );
}

#[test]
fn the_macs_memory_left_out_is_caught() {
    without(
        "hmac/rtl/hmac.sv",
        "sweeping_q   <= clear_q || sweep_left_q != '0;",
        "sweeping_q   <= clear_q;",
        "u_hmac__DOT__words",
    );
}

#[test]
fn an_engines_key_left_out_is_caught() {
    let good = "key_we   = '1;\n      key_to   = sweep_q[2:0];";
    without(
        "ecunit/rtl/ec_channel.sv",
        good,
        &good.replace("'1", "'0"),
        "u_channel__DOT__low",
    );
}
