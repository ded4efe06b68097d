// SPDX-License-Identifier: Apache-2.0
//! HMAC against the `hmac` crate, Wycheproof and ACVP; its time, and what it leaves behind.

use casemate_hdl_tb::Bench;
use casemate_testvectors::mac::{MacVector, acvp_hmac, wycheproof_hmac};
use hmac::{Hmac, Mac};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256, Sha384, Sha512};

const DIGEST: [usize; 3] = [32, 48, 64];
/// Cycles from a clear until nothing is left in the memory either.
const CLEAR: usize = 20;

fn reference(alg: usize, key: &[u8], message: &[u8]) -> Vec<u8> {
    match alg {
        0 => mac::<Hmac<Sha256>>(key, message),
        1 => mac::<Hmac<Sha384>>(key, message),
        _ => mac::<Hmac<Sha512>>(key, message),
    }
}

fn mac<M: Mac + hmac::digest::KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut m = <M as Mac>::new_from_slice(key).expect("any length");
    m.update(message);
    m.finalize().into_bytes().to_vec()
}

fn beats(message: &[u8]) -> Vec<Vec<u8>> {
    if message.is_empty() {
        return vec![Vec::new()];
    }
    message.chunks(8).map(<[u8]>::to_vec).collect()
}

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

#[derive(Clone)]
struct Job {
    alg: usize,
    key: Vec<u8>,
    message: Vec<Vec<u8>>,
    mac_len: usize,
    expect: Option<Vec<u8>>,
    /// Chance in 256 of an idle cycle before a beat, and of a late take.
    idle: u8,
    /// Clear (true) or reset (false) in this cycle and give up.
    stop: Option<(u64, bool)>,
}

impl Job {
    fn new(alg: usize, key: &[u8], message: &[u8]) -> Self {
        Self {
            alg,
            key: key.into(),
            message: beats(message),
            mac_len: DIGEST[alg],
            expect: None,
            idle: 0,
            stop: None,
        }
    }
}

#[derive(Debug, PartialEq)]
struct Answer {
    ok: bool,
    mac: Vec<u8>,
    cycles: u64,
}

struct Unit {
    b: Bench,
    rng: ChaCha8Rng,
}

impl Unit {
    fn new(seed: u64) -> Self {
        let files = [
            "sha2/rtl/sha2_pkg.sv",
            "hmac/rtl/hmac_pkg.sv",
            "sha2/rtl/sha2_core.sv",
            "sha2/rtl/sha2_pad.sv",
            "sha2/rtl/sha2.sv",
            "hmac/rtl/hmac.sv",
            "sha2/tb/sha2_zero.sv",
            "hmac/tb/hmac_zero.sv",
            "hmac/tb/hmac_tb.sv",
        ];
        let mut u = Self {
            b: Bench::new("hmac_tb", &files, &[]),
            rng: ChaCha8Rng::seed_from_u64(seed),
        };
        for _ in 0..CLEAR {
            u.b.m.tick();
        }
        u.check_zero("after reset");
        u
    }

    fn noise<const N: usize>(&mut self, head: &[u8]) -> [u8; N] {
        let mut b = [0; N];
        self.rng.fill_bytes(&mut b);
        b[..head.len()].copy_from_slice(head);
        b
    }

    fn run(&mut self, job: &Job) -> Option<Answer> {
        let start = self.b.m.cycles();
        let (mut requested, mut next, mut offered) = (false, 0, false);
        // Bytes past each length are noise.
        let key: [u8; 64] = self.noise(&job.key);
        let expect: [u8; 64] = self.noise(job.expect.as_deref().unwrap_or(&[]));
        self.b.set_bytes("key_i", &key);
        loop {
            let now = self.b.m.cycles() - start;
            assert!(now < 100_000, "hangs after {next} beats");
            self.b.set("req_valid_i", !requested);
            self.b.set("alg_i", job.alg as u64);
            self.b.set("verify_i", job.expect.is_some());
            self.b.set("key_len_i", job.key.len() as u64);
            self.b.set("mac_len_i", job.mac_len as u64);
            if requested {
                // Held only for the request.
                let other: u8 = self.rng.random_range(0..128);
                self.b.set("key_len_i", other);
                self.b.set("mac_len_i", other);
                self.b.set_words("key_i", &[]);
            }
            // What is expected may come as late as the last beat.
            if next == job.message.len() {
                self.b.set_bytes("expect_i", &expect);
            } else {
                self.b.set_words("expect_i", &[]);
            }
            offered |= next < job.message.len() && self.rng.random_range(0..=255u8) >= job.idle;
            let beat: &[u8] = if offered { &job.message[next] } else { &[] };
            let bytes: [u8; 8] = self.noise(beat);
            self.b.set("in_valid_i", offered);
            self.b.set("in_data_i", u64::from_le_bytes(bytes));
            self.b.set("in_bytes_i", beat.len() as u64);
            self.b.set("in_last_i", !offered || next + 1 == job.message.len());
            let take = self.rng.random_range(0..=255u8) >= job.idle;
            self.b.set("res_ready_i", take);
            if let Some((cycle, clear)) = job.stop
                && cycle == now
            {
                self.stop(clear);
                return None;
            }
            self.b.m.settle();
            let ready = self.b.is("req_ready_o");
            let in_ready = self.b.is("in_ready_o");
            let done = self.b.is("res_valid_o");
            let ok = self.b.is("res_ok_o");
            let look = done || now % 16 == 3;
            let mac = if look {
                self.b.bytes("res_mac_o")
            } else {
                Vec::new()
            };
            assert!(
                done || (!ok && mac.iter().all(|&b| b == 0)),
                "a result before its time"
            );
            assert!(requested || !done, "a result without a request");
            assert!(
                !self.b.is("stray_o"),
                "something beside the MAC, or too few words of it"
            );
            if done {
                assert!(self.b.is("key_zero_o"), "the key is still there");
                assert!(self.b.is("hash_zero_o"), "the hash's state is still there");
                assert!(
                    self.b.is("words_zero_o"),
                    "something of key or digest is still there"
                );
            }
            self.b.m.rise();
            requested |= ready;
            if offered && in_ready {
                assert!(requested, "a beat taken before the request");
                next += 1;
                offered = false;
            }
            if done && take {
                assert_eq!(next, job.message.len(), "a result before the last beat");
                let cycles = self.b.m.cycles() - start;
                self.quiet();
                self.check_zero("after the result");
                return Some(Answer { ok, mac, cycles });
            }
        }
    }

    fn quiet(&mut self) {
        for n in ["req_valid_i", "in_valid_i", "res_ready_i", "clear_i"] {
            self.b.set(n, 0u64);
        }
    }

    fn check_zero(&mut self, when: &str) {
        self.b.m.tick();
        assert!(self.b.is("zero_o"), "registers not zero {when}");
    }

    fn stop(&mut self, clear: bool) {
        self.b
            .set(if clear { "clear_i" } else { "rst_ni" }, u64::from(clear));
        self.b.m.tick();
        self.quiet();
        self.b.set("rst_ni", 1u64);
        self.b.m.tick();
        assert!(
            self.b.is("regs_zero_o"),
            "registers not zero after clear or reset"
        );
        for _ in 0..CLEAR - 2 {
            self.b.m.tick();
        }
        assert!(self.b.is("zero_o"), "memory not zero after clear or reset");
    }

    /// Computes and verifies, and checks both answers against `want`.
    fn both(&mut self, job: &Job, want: &[u8], what: &str) {
        let got = self.run(job).expect("not stopped");
        assert!(got.ok, "{what}");
        assert_eq!(got.mac[..job.mac_len], want[..job.mac_len], "{what}");
        assert!(
            got.mac[job.mac_len..].iter().all(|&b| b == 0),
            "{what}: past the MAC"
        );
        let mut verify = job.clone();
        verify.expect = Some(want[..job.mac_len].into());
        let got = self.run(&verify).expect("not stopped");
        assert!(got.ok, "{what}: refused");
        assert!(
            got.mac.iter().all(|&b| b == 0),
            "{what}: verification shows the MAC"
        );
    }
}

/// The vector's algorithm and key, the key hashed if it is longer than a block (FIPS 198-1, step 2), which is the
/// caller's to do. `None` for keys that neither fit nor are hashed.
fn fitting(v: &MacVector) -> Option<(usize, Vec<u8>)> {
    let alg = usize::from(v.sha == 384);
    match (alg, v.key.len()) {
        (_, 0..=64) => Some((alg, v.key.clone())),
        (0, _) => Some((alg, Sha256::digest(&v.key).to_vec())),
        (_, 129..) => Some((alg, Sha384::digest(&v.key).to_vec())),
        _ => None,
    }
}

#[test]
fn wycheproof() {
    let mut b = Unit::new(1);
    let mut ran = [0; 2];
    for v in wycheproof_hmac() {
        let Some((alg, key)) = fitting(&v) else { continue };
        let mut job = Job::new(alg, &key, &v.message);
        job.mac_len = v.mac.len();
        job.expect = Some(v.mac.clone());
        assert_eq!(b.run(&job).unwrap().ok, v.valid, "{}: {}", v.id, v.comment);
        if v.valid {
            job.expect = None;
            assert_eq!(b.run(&job).unwrap().mac[..v.mac.len()], v.mac, "{}", v.id);
        }
        ran[usize::from(v.valid)] += 1;
    }
    println!("{} valid and {} invalid vectors", ran[1], ran[0]);
    assert!(ran[1] >= 90 && ran[0] >= 200);
}

#[test]
fn acvp() {
    let mut b = Unit::new(2);
    let mut ran = 0;
    for v in acvp_hmac() {
        let Some((alg, key)) = fitting(&v) else { continue };
        let mut job = Job::new(alg, &key, &v.message);
        job.mac_len = v.mac.len();
        b.both(&job, &v.mac, &v.id);
        ran += 1;
    }
    println!("{ran} vectors");
    assert!(ran >= 250);
}

#[test]
fn random_requests_and_every_wrong_bit() {
    let mut b = Unit::new(3);
    for n in 0..500 {
        let alg = n % 3;
        let mut key = vec![0; b.rng.random_range(0..=64)];
        b.rng.fill_bytes(&mut key);
        let mut text = vec![0; b.rng.random_range(0..=600)];
        b.rng.fill_bytes(&mut text);
        let mut job = Job::new(alg, &key, &text);
        job.message = cut(&text, &mut b.rng);
        job.mac_len = b.rng.random_range(1..=DIGEST[alg]);
        job.idle = [0, 0, 150, 240][n % 4];
        b.both(
            &job,
            &reference(alg, &key, &text),
            &format!("{job:?}", job = (alg, &key, &text)),
        );
    }
    // Each bit of each MAC counts, and only those.
    for (alg, digest) in DIGEST.into_iter().enumerate() {
        let want = reference(alg, b"key", b"message");
        for bit in 0..8 * digest {
            let mut job = Job::new(alg, b"key", b"message");
            let mut wrong = want.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            job.expect = Some(wrong);
            assert!(
                !b.run(&job).unwrap().ok,
                "algorithm {alg}, bit {bit} wrong and not seen"
            );
            job.mac_len = bit / 8;
            assert_eq!(
                b.run(&job).unwrap().ok,
                job.mac_len > 0,
                "algorithm {alg}, byte past the MAC"
            );
        }
        // A MAC of no bytes or of more than there are is never right.
        for mac_len in [0, digest + 1, 127] {
            let mut job = Job::new(alg, b"key", b"message");
            job.mac_len = mac_len;
            job.expect = Some(want.clone());
            assert!(
                !b.run(&job).unwrap().ok,
                "algorithm {alg}, MAC of {mac_len} bytes"
            );
        }
    }
}

#[test]
fn clear_and_reset_at_any_time_leave_zeros_and_a_working_core() {
    let mut b = Unit::new(4);
    for _ in 0..700 {
        let alg = b.rng.random_range(0..3);
        let mut key = vec![0; b.rng.random_range(0..=64)];
        b.rng.fill_bytes(&mut key);
        let mut text = vec![0; b.rng.random_range(0..=200)];
        b.rng.fill_bytes(&mut text);
        let mut job = Job::new(alg, &key, &text);
        job.message = cut(&text, &mut b.rng);
        job.stop = Some((b.rng.random_range(0..900), b.rng.random()));
        job.idle = 20;
        let want = reference(alg, &key, &text);
        let got = b.run(&job).or_else(|| {
            job.stop = None;
            b.run(&job)
        });
        assert_eq!(got.unwrap().mac[..want.len()], want, "algorithm {alg}");
    }
}

/// Cycles from request to result: of lengths only, and as the README says.
#[test]
fn time_depends_on_lengths_alone() {
    let mut b = Unit::new(5);
    for (alg, digest) in DIGEST.into_iter().enumerate() {
        let (block, field, each) = if alg == 0 { (64, 8, 136) } else { (128, 16, 168) };
        for len in [
            0usize, 1, 8, 47, 48, 55, 56, 63, 64, 111, 112, 119, 120, 128, 200, 600,
        ] {
            let blocks = (block + len + 1 + field).div_ceil(block) + 2;
            let want = each * blocks as u64 + 43;
            for n in 0..24 {
                let fill = [0x00, 0xff, 0x36, 0x5c][n % 4];
                let mut key = [fill; 64];
                let mut text = vec![fill; len];
                if n > 7 {
                    b.rng.fill_bytes(&mut key);
                    b.rng.fill_bytes(&mut text);
                }
                // Keys of any length take the time of 64 bytes.
                let key = &key[..[64, 32, 0, 1][n / 4 % 4]];
                let mut job = Job::new(alg, key, &text);
                match n % 3 {
                    0 => (),
                    1 => job.expect = Some(reference(alg, key, &text)),
                    _ => job.expect = Some(vec![fill; digest]),
                }
                let got = b.run(&job).unwrap().cycles;
                assert_eq!(got, want, "algorithm {alg}, {len} bytes, case {n}");
            }
        }
    }
}
