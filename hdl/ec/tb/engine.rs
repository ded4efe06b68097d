// SPDX-License-Identifier: Apache-2.0
//! The elliptic-curve engine against public vectors and an oracle over `num-bigint`; its time, its checks, and what it leaves behind.

mod oracle;

use casemate_hdl_tb::hdl;
use casemate_sim::verilate::{Block, Model, Port};
use casemate_testvectors::ec;
use num_bigint::BigUint;
use oracle::{CURVES, Curve};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::path::{Path, PathBuf};

const FILES: [&str; 18] = [
    "sha2/rtl/sha2_pkg.sv",
    "hmac/rtl/hmac_pkg.sv",
    "sha2/rtl/sha2_core.sv",
    "sha2/rtl/sha2_pad.sv",
    "sha2/rtl/sha2.sv",
    "hmac/rtl/hmac.sv",
    "ec/rtl/ec_pkg.sv",
    "ec/rtl/ec_ucode_pkg.sv",
    "ec/rtl/ec_rows_pkg.sv",
    "ec/rtl/ec_mul.sv",
    "ec/rtl/ec_mem_column.sv",
    "ec/rtl/ec_mem.sv",
    "ec/rtl/ec_acc.sv",
    "ec/rtl/ec_serial.sv",
    "ec/rtl/ec_seq.sv",
    "ec/rtl/ec_core.sv",
    "ec/rtl/ec_nonce.sv",
    "ec/rtl/ec_engine.sv",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Sign,
    Verify,
    PublicKey,
    Keygen,
    CheckPoint,
    Ecdh,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Ok,
    Signature,
    Point,
    Key,
    Fault,
}

struct Job<'a> {
    op: Op,
    curve: &'a Curve,
    /// In the order of the request's words.
    integers: Vec<BigUint>,
    digest: Vec<u8>,
    key: BigUint,
    /// Bits of the nonce's hash.
    sha: u32,
    deterministic: bool,
    /// Options: verify after signing, blind scalars.
    verify: bool,
    blind: bool,
    /// Flip a bit in this cycle.
    fault: Option<u64>,
    /// Clear (true) or reset in this cycle and give up.
    stop: Option<(u64, bool)>,
    /// Chance in 256 that an interface makes the engine wait a cycle.
    idle: u8,
}

impl<'a> Job<'a> {
    fn new(op: Op, curve: &'a Curve) -> Self {
        Self {
            op,
            curve,
            integers: Vec::new(),
            digest: Vec::new(),
            key: BigUint::ZERO,
            sha: curve.bits,
            deterministic: true,
            verify: false,
            blind: false,
            fault: None,
            stop: None,
            idle: 0,
        }
    }

    fn key(mut self, key: &BigUint) -> Self {
        self.key = key.clone();
        self
    }

    fn integers(mut self, v: &[&BigUint]) -> Self {
        self.integers = v.iter().map(|&x| x.clone()).collect();
        self
    }

    fn digest(mut self, d: &[u8]) -> Self {
        self.digest = d.into();
        self
    }
}

#[derive(Debug)]
struct Answer {
    status: Status,
    /// Integers, and whether they are secret.
    out: Vec<(BigUint, bool)>,
    cycles: u64,
}

impl Answer {
    fn numbers(&self) -> Vec<BigUint> {
        self.out.iter().map(|o| o.0.clone()).collect()
    }
}

struct Unit {
    m: Model,
    rng: ChaCha8Rng,
    event: Port,
    clk: [Port; 4],
}

fn words(v: &BigUint, n: usize) -> Vec<u32> {
    let mut w = v.to_u32_digits();
    assert!(w.len() <= n, "too wide for the interface");
    w.resize(n, 0);
    w
}

fn number(b: &[u8]) -> BigUint {
    BigUint::from_bytes_be(b)
}

fn hash(sha: u32, message: &[u8]) -> Vec<u8> {
    match sha {
        224 => Sha224::digest(message).to_vec(),
        256 => Sha256::digest(message).to_vec(),
        384 => Sha384::digest(message).to_vec(),
        512 => Sha512::digest(message).to_vec(),
        _ => panic!("no SHA-{sha}"),
    }
}

impl Unit {
    fn new(seed: u64) -> Self {
        Self::of(FILES.map(hdl).to_vec(), seed)
    }

    fn of(mut files: Vec<PathBuf>, seed: u64) -> Self {
        files.push(hdl("ec/tb/ec_engine_tb.sv"));
        let mut m = Block::new("ec_engine_tb")
            .sources(files)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        m.reset().unwrap_or_else(|e| panic!("{e}"));
        let mut port = |name: &str| m.port(name).unwrap_or_else(|e| panic!("{e}"));
        let event = port("event_o");
        let clk = ["in_ready_o", "random_ready_o", "out_valid_o", "done_o"].map(&mut port);
        Self {
            m,
            rng: ChaCha8Rng::seed_from_u64(seed),
            event,
            clk,
        }
    }

    fn port(&mut self, name: &str) -> Port {
        self.m.port(name).unwrap_or_else(|e| panic!("{e}"))
    }

    fn set(&mut self, name: &str, value: impl Into<u64>) {
        let p = self.port(name);
        self.m.set(p, value.into());
    }

    fn get(&mut self, name: &str) -> u64 {
        let p = self.port(name);
        self.m.get(p)
    }

    fn random_key(&mut self, c: &Curve) -> BigUint {
        let bytes: [u8; 64] = self.rng.random();
        number(&bytes) % (c.n() - 1u32) + 1u32
    }

    fn wait_clean(&mut self) {
        for _ in 0..300 {
            self.m.settle();
            if self.get("clean_o") == 1 {
                self.set("look_i", 1u64);
                self.m.settle();
                assert_eq!(self.get("zero_o"), 1, "something is left");
                self.set("look_i", 0u64);
                return;
            }
            self.m.tick();
        }
        panic!("does not get clean");
    }

    fn run(&mut self, job: &Job) -> Option<Answer> {
        self.wait_clean();
        let n = job.curve.bits as usize / 32;
        let bytes = job.curve.bits as usize / 8;
        let mut key = job.key.to_bytes_be();
        key.splice(0..0, vec![0; bytes - key.len()]);
        let p = self.port("key_i");
        self.m.set_bytes(p, &key);
        let digest_words = job.digest.len() / 4;
        let mut stream: Vec<u32> = job.integers.iter().flat_map(|v| words(v, n)).collect();
        stream.extend(words(&number(&job.digest), digest_words));
        self.set("req_op_i", job.op as u64);
        self.set("req_p384_i", job.curve.bits == 384);
        self.set("req_alg_i", u64::from(job.sha / 128 - 2));
        self.set("req_deterministic_i", job.deterministic);
        self.set("req_verify_i", job.verify);
        self.set("req_blind_i", job.blind);
        self.set("req_digest_words_i", digest_words as u64);
        self.set("req_valid_i", 1u64);
        self.m.settle();
        assert_eq!(self.get("req_ready_o"), 1);
        self.m.rise();
        self.set("req_valid_i", 0u64);
        let start = self.m.cycles();
        let (mut next, mut out) = (0, Vec::new());
        loop {
            let now = self.m.cycles() - start;
            assert!(now < 600_000, "hangs");
            if job.fault == Some(now) {
                self.set("fault_i", 1u64);
            }
            if let Some((cycle, clear)) = job.stop
                && cycle == now
            {
                self.set(if clear { "clear_i" } else { "rst_ni" }, u64::from(clear));
                self.m.tick();
                self.set(if clear { "clear_i" } else { "rst_ni" }, u64::from(!clear));
                return None;
            }
            self.m.settle();
            let mut set = Vec::new();
            if self.m.get(self.event) == 1 && (job.idle == 0 || self.rng.random_range(0..=255u8) >= job.idle)
            {
                let [in_ready, random_ready, out_valid, done] = self.clk.map(|p| self.m.get(p) == 1);
                if in_ready && next < stream.len() {
                    self.set("in_i", stream[next]);
                    set.push("in_valid_i");
                    next += 1;
                }
                if random_ready {
                    let block: [u8; 32] = self.rng.random();
                    let p = self.port("random_i");
                    self.m.set_bytes(p, &block);
                    set.push("random_valid_i");
                }
                if out_valid {
                    out.push((self.get("out_o") as u32, self.get("out_secret_o") == 1));
                    set.push("out_ready_i");
                }
                if done {
                    let status = [
                        Status::Ok,
                        Status::Signature,
                        Status::Point,
                        Status::Key,
                        Status::Fault,
                    ][self.get("status_o") as usize];
                    self.set("ack_i", 1u64);
                    self.m.tick();
                    self.set("ack_i", 0u64);
                    assert!(status == Status::Ok || out.is_empty(), "words with {status:?}");
                    assert!(status != Status::Ok || next == stream.len(), "words left");
                    return Some(Answer {
                        status,
                        out: out
                            .chunks(n)
                            .map(|c| (BigUint::new(c.iter().map(|w| w.0).collect()), c[0].1))
                            .collect(),
                        cycles: now,
                    });
                }
            }
            for n in &set {
                self.set(n, 1u64);
            }
            self.m.tick();
            for n in set {
                self.set(n, 0u64);
            }
            if job.fault == Some(now) {
                self.set("fault_i", 0u64);
            }
        }
    }

    fn answer(&mut self, job: &Job) -> Answer {
        self.run(job).expect("not stopped")
    }

    fn sign(&mut self, curve: &Curve, key: &BigUint, digest: &[u8], sha: u32) -> Answer {
        let mut job = Job::new(Op::Sign, curve).key(key).digest(digest);
        job.sha = sha;
        self.answer(&job)
    }

    fn verify(
        &mut self,
        curve: &Curve,
        point: (&BigUint, &BigUint),
        digest: &[u8],
        r: &BigUint,
        s: &BigUint,
    ) -> Status {
        let job = Job::new(Op::Verify, curve)
            .integers(&[r, s, point.0, point.1])
            .digest(digest);
        self.answer(&job).status
    }
}

fn curve(bits: u32) -> &'static Curve {
    CURVES.iter().find(|c| c.bits == bits).expect("a curve")
}

/// Of a long list, those that a quick run takes: every `step`th; all with CASEMATE_LONG set.
fn some<T>(all: Vec<T>, step: usize) -> Vec<T> {
    let step = if std::env::var_os("CASEMATE_LONG").is_some() {
        1
    } else {
        step
    };
    all.into_iter().step_by(step).collect()
}

#[test]
fn rfc6979_signatures() {
    let mut u = Unit::new(1);
    let mut done = 0;
    for v in ec::rfc6979() {
        // SHA-224 is no hash of the nonce unit's.
        if v.sha < 256 {
            continue;
        }
        let a = u.sign(
            curve(v.curve),
            &number(&v.private.expect("a key")),
            &hash(v.sha, &v.message),
            v.sha,
        );
        let (r, s) = v.signature.expect("a signature");
        assert_eq!(
            (a.status, a.numbers()),
            (Status::Ok, vec![number(&r), number(&s)]),
            "{}",
            v.id
        );
        done += 1;
    }
    assert_eq!(done, 12);
}

#[test]
fn acvp_deterministic_signatures() {
    let mut u = Unit::new(2);
    let all: Vec<_> = ec::acvp_det_ecdsa()
        .into_iter()
        .filter(|v| v.sha >= 256)
        .collect();
    assert!(all.len() >= 20, "{}", all.len());
    for v in some(all, 4) {
        let a = u.sign(
            curve(v.curve),
            &number(&v.private.expect("a key")),
            &hash(v.sha, &v.message),
            v.sha,
        );
        let (r, s) = v.signature.expect("a signature");
        assert_eq!(
            (a.status, a.numbers()),
            (Status::Ok, vec![number(&r), number(&s)]),
            "{}",
            v.id
        );
    }
}

/// What a caller refuses before the engine sees it: no two integers, or one wider than the curve's words.
fn fits(v: &ec::EcdsaVector) -> Option<(BigUint, BigUint)> {
    let (r, s) = v.signature.as_ref()?;
    let (r, s) = (number(r), number(s));
    (r.bits() <= u64::from(v.curve) && s.bits() <= u64::from(v.curve)).then_some((r, s))
}

fn verify_all(u: &mut Unit, all: Vec<ec::EcdsaVector>) {
    for v in all {
        let Some((r, s)) = fits(&v) else {
            assert!(!v.valid, "{}", v.id);
            continue;
        };
        let digest = hash(v.sha, &v.message);
        let status = u.verify(
            curve(v.curve),
            (&number(&v.point.0), &number(&v.point.1)),
            &digest,
            &r,
            &s,
        );
        let expected = if v.valid { Status::Ok } else { Status::Signature };
        assert_eq!(status, expected, "{}", v.id);
    }
}

#[test]
fn wycheproof_signatures() {
    let mut u = Unit::new(3);
    let all = ec::wycheproof_ecdsa();
    assert!(all.len() > 900 && all.iter().any(|v| !v.valid));
    verify_all(&mut u, some(all, 16));
}

#[test]
fn acvp_signatures_to_verify() {
    let mut u = Unit::new(4);
    let all = ec::acvp_sig_ver();
    assert!(all.iter().any(|v| !v.valid) && all.iter().any(|v| v.valid));
    verify_all(&mut u, some(all, 7));
}

#[test]
fn keys() {
    let mut u = Unit::new(5);
    for v in ec::acvp_keys() {
        let c = curve(v.curve);
        let (x, y) = (number(&v.point.0), number(&v.point.1));
        if let Some(d) = v.private {
            let a = u.answer(&Job::new(Op::PublicKey, c).key(&number(&d)));
            assert_eq!(
                (a.status, a.numbers()),
                (Status::Ok, vec![x.clone(), y.clone()]),
                "{}",
                v.id
            );
        }
        if x.bits() > u64::from(c.bits) || y.bits() > u64::from(c.bits) {
            assert!(!v.valid);
            continue;
        }
        let a = u.answer(&Job::new(Op::CheckPoint, c).integers(&[&x, &y]));
        assert_eq!(
            a.status,
            if v.valid { Status::Ok } else { Status::Point },
            "{}",
            v.id
        );
    }
}

#[test]
fn agreements() {
    let mut u = Unit::new(6);
    for v in some(ec::wycheproof_ecdh(), 30) {
        let c = curve(v.curve);
        let job = Job::new(Op::Ecdh, c)
            .key(&number(&v.private))
            .integers(&[&number(&v.point.0), &number(&v.point.1)]);
        let a = u.answer(&job);
        match v.shared {
            Some(z) => assert_eq!(
                (a.status, a.out),
                (Status::Ok, vec![(number(&z), true)]),
                "{}",
                v.id
            ),
            None => assert_ne!(a.status, Status::Ok, "{}", v.id),
        }
    }
    // Both curves by the oracle.
    for c in &CURVES {
        for key in [BigUint::from(1u32), c.n() - 1u32, u.random_key(c)] {
            let peer = c.mul(&u.random_key(c), &c.g()).expect("a point");
            let a = u.answer(&Job::new(Op::Ecdh, c).key(&key).integers(&[&peer.0, &peer.1]));
            let shared = c.mul(&key, &peer).expect("a point").0;
            assert_eq!((a.status, a.out), (Status::Ok, vec![(shared, true)]));
        }
    }
}

#[test]
fn made_keys_belong_together() {
    let mut u = Unit::new(7);
    for c in &CURVES {
        let a = u.answer(&Job::new(Op::Keygen, c));
        assert_eq!(a.status, Status::Ok);
        let secret: Vec<bool> = a.out.iter().map(|o| o.1).collect();
        assert_eq!(secret, [true, false, false]);
        let n = a.numbers();
        assert_eq!(c.mul(&n[0], &c.g()), Some((n[1].clone(), n[2].clone())));
        assert_ne!(u.answer(&Job::new(Op::Keygen, c)).numbers()[0], n[0]);
    }
}

/// Hedged signatures differ, verify by the oracle, and with the engine.
#[test]
fn hedged_signatures() {
    let mut u = Unit::new(8);
    for c in &CURVES {
        let n = c.n();
        for (i, key) in [BigUint::from(1u32), &n - 1u32, &n - 2u32].iter().enumerate() {
            let (x, y) = c.mul(key, &c.g()).expect("a point");
            // Edge digests: 0, all ones (above n), longer than n, shorter.
            let digest = match i {
                0 => vec![0; 32],
                1 => vec![0xff; 64],
                _ => vec![0x5a; 20],
            };
            let mut job = Job::new(Op::Sign, c).key(key).digest(&digest);
            job.deterministic = false;
            job.idle = 40;
            let a = u.answer(&job).numbers();
            assert_ne!(u.answer(&job).numbers(), a);
            assert!(c.verify(&(x.clone(), y.clone()), &digest, &a[0], &a[1]));
            assert_eq!(u.verify(c, (&x, &y), &digest, &a[0], &a[1]), Status::Ok);
            assert_eq!(u.verify(c, (&x, &y), &digest, &a[1], &a[0]), Status::Signature);
        }
    }
}

#[test]
fn refusals() {
    let mut u = Unit::new(9);
    for c in &CURVES {
        let (n, p, g) = (c.n(), c.p(), c.g());
        let (zero, one) = (BigUint::ZERO, BigUint::from(1u32));
        let ones = (&one << c.bits) - 1u32;
        for key in [&zero, &n, &(&n + 1u32), &ones] {
            for op in [Op::Sign, Op::PublicKey, Op::Ecdh] {
                let mut job = Job::new(op, c).key(key);
                if op == Op::Sign {
                    job.digest = vec![1; 32];
                }
                if op == Op::Ecdh {
                    job = job.integers(&[&g.0, &g.1]);
                }
                assert_eq!(u.answer(&job).status, Status::Key);
            }
        }
        // Off the curve, no point, and coordinates not below p; (x + p, y) fits the words where x is small.
        let points = [
            (&zero, &zero),
            (&g.0, &(&g.1 + 1u32)),
            (&p, &g.1),
            (&g.0, &p),
            (&ones, &ones),
            (&g.1, &g.0),
        ];
        for (x, y) in points {
            assert_eq!(
                u.answer(&Job::new(Op::CheckPoint, c).integers(&[x, y])).status,
                Status::Point
            );
            let job = Job::new(Op::Ecdh, c).key(&one).integers(&[x, y]);
            assert_eq!(u.answer(&job).status, Status::Point);
            let job = Job::new(Op::Verify, c)
                .integers(&[&one, &one, x, y])
                .digest(&[1; 32]);
            assert_eq!(u.answer(&job).status, Status::Point);
        }
        for (r, s) in [
            (&zero, &one),
            (&one, &zero),
            (&n, &one),
            (&one, &n),
            (&ones, &one),
            (&one, &ones),
        ] {
            assert_eq!(u.verify(c, (&g.0, &g.1), &[1; 32], r, s), Status::Signature);
        }
    }
}

/// Cycles of `op` over extreme and random keys and digests.
fn times(u: &mut Unit, op: Op, c: &Curve, count: usize) -> Vec<u64> {
    let n = c.n();
    let peer = c.mul(&BigUint::from(3u32), &c.g()).expect("a point");
    (0..count)
        .map(|i| {
            let key = match i {
                0 => BigUint::from(1u32),
                1 => &n - 1u32,
                2 => BigUint::from(1u32) << (c.bits - 1),
                _ => u.random_key(c),
            };
            let mut job = Job::new(op, c).key(&key);
            match op {
                Op::Sign => {
                    job.digest = match i {
                        0 => vec![0; 32],
                        1 => vec![0xff; 32],
                        _ => (0..32).map(|_| u.rng.random()).collect(),
                    };
                    job.deterministic = false;
                }
                Op::Ecdh => job = job.integers(&[&peer.0, &peer.1]),
                _ => {}
            }
            let a = u.answer(&job);
            assert_eq!(a.status, Status::Ok);
            a.cycles
        })
        .collect()
}

/// 40 operations; 504 with CASEMATE_LONG set.
#[test]
fn one_time_for_every_key() {
    let long = std::env::var_os("CASEMATE_LONG").is_some();
    let each = if long { 63 } else { 5 };
    let mut u = Unit::new(10);
    for c in &CURVES {
        for op in [Op::Sign, Op::PublicKey, Op::Keygen, Op::Ecdh] {
            let t = times(&mut u, op, c, each);
            assert!(t.iter().all(|&x| x == t[0]), "{op:?} P-{}: {t:?}", c.bits);
            println!(
                "P-{} {op:?}, {each} operations: one number of cycles, {}",
                c.bits, t[0]
            );
        }
    }
}

/// Cycles of a signature and of its verification, at most.
const GOALS: [(u32, u64, u64); 2] = [(256, 40_000, 85_000), (384, 80_000, 190_000)];

#[test]
fn cycles_are_within_the_goals() {
    let mut u = Unit::new(16);
    for (bits, most_sign, most_verify) in GOALS {
        let c = curve(bits);
        for _ in 0..3 {
            let key = u.random_key(c);
            let digest: [u8; 32] = u.rng.random();
            let mut job = Job::new(Op::Sign, c).key(&key).digest(&digest);
            job.deterministic = false;
            let sign = u.answer(&job);
            let rs = sign.numbers();
            let (x, y) = c.mul(&key, &c.g()).expect("a point");
            let job = Job::new(Op::Verify, c)
                .integers(&[&rs[0], &rs[1], &x, &y])
                .digest(&digest);
            let verify = u.answer(&job);
            assert_eq!(verify.status, Status::Ok);
            println!("P-{bits}: sign {} cycles, verify {}", sign.cycles, verify.cycles);
            assert!(sign.cycles <= most_sign && verify.cycles <= most_verify);
        }
    }
}

/// The engine's files, with `from` replaced by `to` in one of them.
fn seeded(file: &str, from: &str, to: &str) -> Vec<PathBuf> {
    let source = std::fs::read_to_string(hdl(&format!("ec/rtl/{file}"))).expect("a source");
    assert!(source.contains(from), "nothing to seed");
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    std::fs::write(&copy, source.replace(from, to)).expect("a copy");
    FILES
        .map(|f| if f.ends_with(file) { copy.clone() } else { hdl(f) })
        .to_vec()
}

/// The same test sees a sequencer that stops reading a table where it has found its entry.
#[test]
fn a_leak_is_seen() {
    // While some digits are there, a product waits a cycle longer for the multiplier.
    let files = seeded(
        "ec_seq.sv",
        "(kind_q.mul && mul_free)",
        "(kind_q.mul && mul_free && !(digit_q[1] && since_q == mul_at_q + 6'd1))",
    );
    let mut u = Unit::of(files, 11);
    let t = times(&mut u, Op::PublicKey, &CURVES[0], 4);
    assert!(t.iter().any(|&x| x != t[0]), "{t:?}");
}

#[test]
fn faults_release_nothing() {
    let mut u = Unit::new(12);
    let c = &CURVES[0];
    let key = u.random_key(c);
    let clean = u.sign(c, &key, &[7; 32], 256);
    let mut seen = 0;
    for _ in 0..16 {
        let mut job = Job::new(Op::Sign, c).key(&key).digest(&[7; 32]);
        job.fault = Some(u.rng.random_range(6_000..clean.cycles));
        let a = u.answer(&job);
        match a.status {
            Status::Fault => seen += 1,
            // A flip between products changes nothing.
            _ => assert_eq!(a.numbers(), clean.numbers()),
        }
    }
    assert!(seen >= 8, "{seen} of 16 faults noticed");
}

/// What a sign or a key operation answers does not depend on its options.
#[test]
fn options() {
    let mut u = Unit::new(14);
    for c in &CURVES {
        let key = u.random_key(c);
        let plain = u.sign(c, &key, &[9; 32], c.bits);
        let (mut cycles, q) = (vec![plain.cycles], c.mul(&key, &c.g()).expect("a point"));
        for (verify, blind) in [(true, false), (false, true), (true, true)] {
            let mut job = Job::new(Op::Sign, c).key(&key).digest(&[9; 32]);
            (job.verify, job.blind) = (verify, blind);
            let a = u.answer(&job);
            assert_eq!((a.status, a.numbers()), (Status::Ok, plain.numbers()));
            println!(
                "P-{} sign, verify {verify}, blind {blind}: {} cycles",
                c.bits, a.cycles
            );
            cycles.push(a.cycles);
        }
        assert!(cycles[1] > 3 * cycles[0] && cycles[2] > cycles[0] && cycles[3] > cycles[1]);
        let mut job = Job::new(Op::PublicKey, c).key(&key);
        job.blind = true;
        assert_eq!(u.answer(&job).numbers(), [q.0, q.1]);
        let peer = c.mul(&u.random_key(c), &c.g()).expect("a point");
        let mut job = Job::new(Op::Ecdh, c).key(&key).integers(&[&peer.0, &peer.1]);
        job.blind = true;
        let shared = c.mul(&key, &peer).expect("a point").0;
        assert_eq!(u.answer(&job).numbers(), [shared]);
        // Of no meaning to a verification, and its statuses stay.
        let mut job = Job::new(Op::Verify, c)
            .integers(&[&plain.numbers()[1], &plain.numbers()[0], &peer.0, &peer.1])
            .digest(&[9; 32]);
        (job.verify, job.blind) = (true, true);
        assert_eq!(u.answer(&job).status, Status::Signature);
    }
}

/// A fault in r's last reduction: the signature is wrong, and s fits it.
#[test]
fn verification_sees_what_the_checks_do_not() {
    let mut u = Unit::new(15);
    let c = &CURVES[0];
    let key = u.random_key(c);
    let clean = u.sign(c, &key, &[7; 32], 256);
    let mut missed = 0;
    // r is reduced about 10,800 cycles before the end.
    for cycle in (clean.cycles - 11_200..clean.cycles - 10_500).step_by(6) {
        let mut job = Job::new(Op::Sign, c).key(&key).digest(&[7; 32]);
        job.fault = Some(cycle);
        let a = u.answer(&job);
        if a.status == Status::Ok && a.numbers() != clean.numbers() {
            missed += 1;
            job.verify = true;
            assert_eq!(u.answer(&job).status, Status::Fault);
        }
    }
    assert!(missed > 0, "no such fault");
}

#[test]
fn clear_and_reset_at_any_time() {
    let mut u = Unit::new(13);
    let c = &CURVES[0];
    let key = BigUint::from(0x1234_5678u32);
    for i in 0..12 {
        let mut job = Job::new(Op::Sign, c).key(&key).digest(&[7; 32]);
        job.stop = Some((u.rng.random_range(1..40_000), i % 2 == 0));
        assert!(u.run(&job).is_none());
    }
    let a = u.sign(c, &key, &[7; 32], 256);
    let q = c.mul(&key, &c.g()).expect("a point");
    assert!(c.verify(&q, &[7; 32], &a.numbers()[0], &a.numbers()[1]));
}
