// SPDX-License-Identifier: Apache-2.0
//! SHA-256, SHA-384 and SHA-512 against the `sha2` crate and the examples of FIPS 180-4.

use casemate_hdl_tb::Bench;
use casemate_sim::verilate::{Model, Port};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256, Sha384, Sha512};

const ALGS: [u64; 3] = [0, 1, 2];

fn reference(alg: u64, message: &[u8]) -> Vec<u8> {
    match alg {
        0 => Sha256::digest(message).to_vec(),
        1 => Sha384::digest(message).to_vec(),
        _ => Sha512::digest(message).to_vec(),
    }
}

/// Strings as beats of at most 8 bytes.
fn beats(message: &[u8]) -> Vec<Vec<u8>> {
    if message.is_empty() {
        return vec![Vec::new()];
    }
    message.chunks(8).map(<[u8]>::to_vec).collect()
}

/// The same string cut anywhere, with empty beats between.
fn cut(message: &[u8], rng: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let (a, b) = rest.split_at(rng.random_range(0..=rest.len().min(8)));
        out.push(a.to_vec());
        rest = b;
    }
    if out.is_empty() || rng.random() {
        out.push(Vec::new());
    }
    out
}

struct Sha {
    m: Model,
    rng: ChaCha8Rng,
    clear: Port,
    req: [Port; 3],
    input: [Port; 5],
    out: [Port; 3],
    zero: Port,
    stray: Port,
}

/// How a message is played.
#[derive(Clone, Copy, Default)]
struct Play {
    /// Chance in 256 of an idle cycle before a beat, and of a late take of the digest.
    idle: u8,
    /// Clear (true) or reset (false) in this cycle and give up.
    stop: Option<(u64, bool)>,
}

impl Sha {
    fn new(seed: u64) -> Self {
        let files = [
            "sha2/rtl/sha2_pkg.sv",
            "sha2/rtl/sha2_core.sv",
            "sha2/rtl/sha2_pad.sv",
            "sha2/rtl/sha2.sv",
            "sha2/tb/sha2_zero.sv",
            "sha2/tb/sha2_tb.sv",
        ];
        let mut m = Bench::new("sha2_tb", &files, &[]).m;
        let mut p = |n: &str| m.port(n).unwrap();
        let (clear, zero, stray) = (p("clear_i"), p("zero_o"), p("stray_o"));
        let req = ["req_valid_i", "req_ready_o", "req_alg_i"].map(&mut p);
        let input = ["in_valid_i", "in_ready_o", "in_data_i", "in_bytes_i", "in_last_i"].map(&mut p);
        let out = ["out_valid_o", "out_ready_i", "out_digest_o"].map(&mut p);
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let mut sha = Self {
            m,
            rng,
            clear,
            req,
            input,
            out,
            zero,
            stray,
        };
        sha.m.tick();
        assert_eq!(sha.m.get(sha.zero), 1, "after reset");
        sha
    }

    /// Plays one message; its digest and the cycles from request to digest.
    fn run(&mut self, alg: u64, message: &[Vec<u8>], play: Play) -> Option<(Vec<u8>, u64)> {
        let start = self.m.cycles();
        let mut requested = false;
        let mut next = 0;
        let mut offered = false;
        loop {
            let now = self.m.cycles() - start;
            assert!(
                now < 200_000 + 400 * message.len() as u64,
                "hangs after {next} beats"
            );
            self.m.set(self.req[0], u64::from(!requested));
            self.m.set(
                self.req[2],
                if requested {
                    self.rng.random_range(0..3)
                } else {
                    alg
                },
            );
            offered |= next < message.len() && self.rng.random_range(0..=255u8) >= play.idle;
            let beat = offered.then(|| &message[next]);
            let mut bytes = [0; 8];
            self.rng.fill_bytes(&mut bytes);
            if let Some(b) = beat {
                bytes[..b.len()].copy_from_slice(b);
            }
            self.m.set(self.input[0], u64::from(offered));
            self.m.set(self.input[2], u64::from_le_bytes(bytes));
            let n = beat.map_or_else(|| self.rng.random_range(0..9), |b| b.len() as u64);
            self.m.set(self.input[3], n);
            let last = if offered {
                next + 1 == message.len()
            } else {
                self.rng.random()
            };
            self.m.set(self.input[4], u64::from(last));
            let take = self.rng.random_range(0..=255u8) >= play.idle;
            self.m.set(self.out[1], u64::from(take));
            if let Some((cycle, clear)) = play.stop
                && cycle == now
            {
                self.stop(clear);
                return None;
            }
            self.m.settle();
            let ready = self.m.get(self.req[1]) == 1;
            let in_ready = self.m.get(self.input[1]) == 1;
            let done = self.m.get(self.out[0]) == 1;
            // Not in every cycle, for speed.
            let look = done || now % 16 == 3;
            let digest = if look {
                self.m.get_bytes(self.out[2])
            } else {
                Vec::new()
            };
            assert!(
                done || digest.iter().all(|&b| b == 0),
                "digest visible before its time"
            );
            assert!(requested || !done, "a digest without a message");
            assert_eq!(self.m.get(self.stray), 0, "something beside the digest");
            self.m.rise();
            requested |= ready;
            if offered && in_ready {
                assert!(requested, "a beat taken before the request");
                next += 1;
                offered = false;
            }
            if done && take {
                assert_eq!(next, message.len(), "a digest before the last beat");
                self.quiet();
                let cycles = self.m.cycles() - start;
                self.check_zero("after the digest");
                let len = [32, 48, 64][alg as usize];
                assert!(digest[len..].iter().all(|&b| b == 0), "bytes past the digest");
                return Some((digest[..len].to_vec(), cycles));
            }
        }
    }

    fn quiet(&mut self) {
        for p in [self.req[0], self.input[0], self.out[1], self.clear] {
            self.m.set(p, 0);
        }
    }

    /// Everything is zero two cycles after the clearing cycle's edge at the latest.
    fn check_zero(&mut self, when: &str) {
        self.m.tick();
        assert_eq!(self.m.get(self.zero), 1, "registers not zero {when}");
    }

    fn stop(&mut self, clear: bool) {
        // Whatever is at the inputs stays there in the cycle of the clear.
        let rst = self.m.port("rst_ni").unwrap();
        if clear {
            self.m.set(self.clear, 1);
        } else {
            self.m.set(rst, 0);
        }
        self.m.tick();
        self.quiet();
        self.m.set(rst, 1);
        self.check_zero("after clear or reset");
    }
}

#[test]
fn fips_180_4_examples() {
    let mut sha = Sha::new(1);
    let two = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".to_vec();
    let long = b"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    let million = vec![b'a'; 1_000_000];
    let examples: [(u64, &[u8], &str); 7] = [
        (
            0,
            b"abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            0,
            &two,
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            0,
            &million,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
        (
            1,
            b"abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            1,
            long,
            "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039",
        ),
        (
            2,
            b"abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            2,
            long,
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018\
             501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
        ),
    ];
    for (alg, message, want) in examples {
        let (digest, _) = sha.run(alg, &beats(message), Play::default()).unwrap();
        let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, want, "algorithm {alg}, {} bytes", message.len());
    }
}

#[test]
fn every_length_back_to_back_in_the_stated_cycles() {
    let mut sha = Sha::new(2);
    let mut text = vec![0; 600];
    sha.rng.fill_bytes(&mut text);
    for alg in ALGS {
        let (block, field, each) = if alg == 0 { (64, 8, 136) } else { (128, 16, 168) };
        for len in 0..=600 {
            let (digest, cycles) = sha.run(alg, &beats(&text[..len]), Play::default()).unwrap();
            assert_eq!(
                digest,
                reference(alg, &text[..len]),
                "algorithm {alg}, {len} bytes"
            );
            let blocks = (len + 1 + field).div_ceil(block) as u64;
            assert_eq!(cycles, blocks * each + 14, "algorithm {alg}, {len} bytes");
        }
    }
}

#[test]
fn strings_cut_anywhere_with_idle_cycles_and_late_takers() {
    let mut sha = Sha::new(3);
    for n in 0..900 {
        let alg = sha.rng.random_range(0..3);
        let mut text = vec![0; sha.rng.random_range(0..=600)];
        sha.rng.fill_bytes(&mut text);
        let message = cut(&text, &mut sha.rng);
        let idle = [0, 100, 200, 250][n % 4];
        let (digest, _) = sha.run(alg, &message, Play { idle, stop: None }).unwrap();
        assert_eq!(digest, reference(alg, &text), "algorithm {alg}, {message:?}");
    }
}

#[test]
fn clear_and_reset_at_any_time_leave_zeros_and_a_working_core() {
    let mut sha = Sha::new(4);
    for n in 0..900 {
        let alg = sha.rng.random_range(0..3);
        let mut text = vec![0; sha.rng.random_range(0..=300)];
        sha.rng.fill_bytes(&mut text);
        let message = cut(&text, &mut sha.rng);
        let stop = Some((sha.rng.random_range(0..600), sha.rng.random()));
        if let Some((digest, _)) = sha.run(alg, &message, Play { idle: 20, stop }) {
            assert_eq!(digest, reference(alg, &text), "algorithm {alg}, message {n}");
        } else {
            let (digest, _) = sha.run(alg, &beats(&text), Play::default()).unwrap();
            assert_eq!(digest, reference(alg, &text), "algorithm {alg}, after a clear");
        }
    }
}
