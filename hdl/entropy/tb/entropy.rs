// SPDX-License-Identifier: Apache-2.0
//! The health tests against a model of SP 800-90B, 4.4: cutoffs, good sources, and sources that fail in every way.

use casemate_hdl_tb::Bench;
use casemate_sim::verilate::{Model, Port};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const BIT_RCT: u8 = 1;
const BIT_APT: u8 = 2;
const WORD_RCT: u8 = 4;
const WORD_APT: u8 = 8;

/// Words tested before any is passed on.
const STARTUP: usize = 32;

/// Bit RCT, bit APT, word RCT, word APT: the RTL's defaults.
const CUTOFFS: [usize; 4] = [61, 810, 3, 4];

/// Both tests of 4.4 over samples of one kind.
struct Tests<T> {
    rct_cutoff: usize,
    apt_cutoff: usize,
    window: usize,
    last: Option<T>,
    run: usize,
    first: Option<T>,
    count: usize,
    at: usize,
}

impl<T: PartialEq + Copy> Tests<T> {
    fn new(rct_cutoff: usize, apt_cutoff: usize, window: usize) -> Self {
        Self {
            rct_cutoff,
            apt_cutoff,
            window,
            last: None,
            run: 0,
            first: None,
            count: 0,
            at: 0,
        }
    }

    /// Which of the two fail with this sample.
    fn sample(&mut self, s: T) -> (bool, bool) {
        self.run = if self.last == Some(s) { self.run + 1 } else { 1 };
        self.last = Some(s);
        if self.at == 0 {
            self.first = Some(s);
            self.count = 0;
        }
        self.count += usize::from(self.first == Some(s));
        self.at = (self.at + 1) % self.window;
        (self.run >= self.rct_cutoff, self.count >= self.apt_cutoff)
    }
}

struct Reference {
    bits: Tests<bool>,
    words: Tests<u32>,
    cause: u8,
}

impl Reference {
    fn new(c: [usize; 4]) -> Self {
        Self {
            bits: Tests::new(c[0], c[1], 1024),
            words: Tests::new(c[2], c[3], 512),
            cause: 0,
        }
    }

    fn word(&mut self, word: u32) -> u8 {
        let mut fail = |f: (bool, bool), rct, apt| {
            self.cause |= if f.0 { rct } else { 0 } | if f.1 { apt } else { 0 };
        };
        for i in 0..32 {
            fail(self.bits.sample(word >> i & 1 == 1), BIT_RCT, BIT_APT);
        }
        fail(self.words.sample(word), WORD_RCT, WORD_APT);
        self.cause
    }
}

struct Health {
    m: Model,
    raw: [Port; 3],
    out: [Port; 2],
    status: [Port; 4],
    clear: Port,
}

impl Health {
    fn new(cutoffs: [usize; 4]) -> Self {
        let names = [
            "BIT_RCT_CUTOFF",
            "BIT_APT_CUTOFF",
            "WORD_RCT_CUTOFF",
            "WORD_APT_CUTOFF",
        ];
        let params: Vec<(&str, u32)> = names.into_iter().zip(cutoffs.map(|c| c as u32)).collect();
        let files = ["entropy/rtl/entropy_health.sv", "entropy/tb/entropy_tb.sv"];
        let mut m = Bench::new("entropy_tb", &files, &params).m;
        let mut p = |n: &str| m.port(n).unwrap();
        let raw = ["raw_valid_i", "raw_ready_o", "raw_i"].map(&mut p);
        let out = ["out_valid_o", "out_o"].map(&mut p);
        let status = ["ready_o", "alarm_o", "cause_o", "zero_o"].map(&mut p);
        let clear = p("clear_i");
        m.tick();
        Self {
            m,
            raw,
            out,
            status,
            clear,
        }
    }

    /// One word: what was passed on, and the causes of an alarm after it.
    fn word(&mut self, word: u32) -> (Option<u32>, u8) {
        self.m.set(self.raw[0], 1);
        self.m.set(self.raw[2], u64::from(word));
        self.m.settle();
        assert_eq!(self.m.get(self.raw[1]), 1, "not ready between words");
        self.m.rise();
        self.m.set(self.raw[0], 0);
        let mut passed = None;
        for _ in 0..35 {
            self.m.settle();
            assert_eq!(self.m.get(self.raw[1]), 0);
            let cause = self.m.get(self.status[2]);
            assert_eq!(self.m.get(self.status[1]) == 1, cause != 0);
            if self.m.get(self.out[0]) == 1 {
                assert_eq!(passed, None, "passed on twice");
                assert_eq!(cause, 0, "a word passed on with an alarm");
                passed = Some(self.m.get(self.out[1]) as u32);
            } else {
                assert_eq!(self.m.get(self.out[1]), 0, "a word visible before it is tested");
            }
            self.m.rise();
        }
        let cause = self.m.get(self.status[2]) as u8;
        if cause != 0 {
            assert_eq!(self.m.get(self.status[0]), 0);
        }
        (passed, cause)
    }

    fn reset(&mut self) {
        self.m.set(self.raw[0], 0);
        self.m.reset().unwrap();
        self.m.tick();
    }
}

/// 4.4.2: the least x with P(X > x) <= alpha, X binomial.
fn critbinom(n: u32, p: f64, alpha: f64) -> u32 {
    // From the far tail inwards, in logarithms: small terms first.
    let ln_choose = |k: u32| {
        (1..=k)
            .map(|i| (f64::from(n - k + i) / f64::from(i)).ln())
            .sum::<f64>()
    };
    let mut tail = 0.0;
    let mut x = n;
    loop {
        let ln = ln_choose(x) + f64::from(x) * p.ln() + f64::from(n - x) * (-p).ln_1p();
        tail += ln.exp();
        if tail > alpha {
            return x;
        }
        x -= 1;
    }
}

#[test]
fn cutoffs_are_those_of_the_standard() {
    let alpha = 2f64.powi(-30);
    let cutoffs = |h: f64| {
        [
            1 + (30.0 / h).ceil() as usize,
            1 + critbinom(1024, 2f64.powf(-h), alpha) as usize,
            1 + (30.0 / (32.0 * h)).ceil() as usize,
            1 + critbinom(512, 2f64.powf(-32.0 * h), alpha) as usize,
        ]
    };
    assert_eq!(cutoffs(0.5), CUTOFFS);
    // The README's table.
    assert_eq!(cutoffs(1.0), [31, 609, 2, 2]);
    assert_eq!(cutoffs(0.25), [121, 928, 5, 16]);
    assert_eq!(cutoffs(0.1), [301, 999, 11, 103]);
}

#[test]
fn a_good_source_passes_two_million_bits() {
    let mut b = Health::new(CUTOFFS);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for n in 0..62_500 {
        let word = rng.random();
        let want = (n >= STARTUP).then_some(word);
        assert_eq!(b.word(word), (want, 0), "word {n}");
    }
}

#[test]
fn exactly_at_the_cutoffs() {
    let mut b = Health::new(CUTOFFS);
    // Runs of 60 and 61 equal bits, from the middle of a word on.
    for (run, cause) in [(60, 0), (61, BIT_RCT)] {
        for start in 0..32 {
            for ones in [false, true] {
                b.reset();
                let bit = |i: usize| {
                    ((start..start + run).contains(&i) == ones) ^ (i < start && (start - i).is_multiple_of(2))
                };
                let mut got = 0;
                for w in 0..3 {
                    let word = (0..32).fold(0, |v, i| v | u32::from(bit(32 * w + i)) << i);
                    // The run ends with the bit after it.
                    if 32 * w <= start + run {
                        got = b.word(word).1;
                    }
                }
                assert_eq!(got & BIT_RCT, cause, "a run of {run} from bit {start}");
            }
        }
    }
    // Windows with 809 and 810 bits equal to the first, spread out, words different.
    for (ones, cause) in [(809u32, 0), (810, BIT_APT)] {
        b.reset();
        let mut got = 0;
        let bit = |i: u32| (i * ones).div_ceil(1024) < ((i + 1) * ones).div_ceil(1024);
        assert!(bit(0) && (0..1024).filter(|&i| bit(i)).count() == ones as usize);
        for w in 0..32 {
            got = b
                .word((0..32).fold(0, |v, i| v | u32::from(bit(32 * w + i)) << i))
                .1;
        }
        assert_eq!(got & BIT_APT, cause, "{ones} ones of 1024");
    }
    // Two and three equal words in a row; three and four in 512.
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (again, apart, cause) in [
        (2, 1, 0),
        (3, 1, WORD_RCT),
        (3, 170, 0),
        (4, 170, WORD_APT),
        (4, 171, 0),
    ] {
        b.reset();
        let first = rng.random();
        let mut got = 0;
        for n in 0..512 + 2 {
            let equal = n % apart == 0 && n / apart < again;
            got = b.word(if equal { first } else { rng.random() }).1;
        }
        assert_eq!(got, cause, "{again} equal words, {apart} apart");
    }
}

#[test]
fn failed_sources_are_caught() {
    let mut b = Health::new(CUTOFFS);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let pattern: u32 = 0x5bc9_a3e1;
    let periodic = |period: usize| {
        move |n: usize, _: &mut ChaCha8Rng| {
            (0..32).fold(0, |v, i| v | (pattern >> ((32 * n + i) % period % 32) & 1) << i)
        }
    };
    let biased = |chance: f64| {
        move |_: usize, rng: &mut ChaCha8Rng| {
            (0..32).fold(0, |v, i| v | u32::from(rng.random_bool(chance)) << i)
        }
    };
    type Source = Box<dyn Fn(usize, &mut ChaCha8Rng) -> u32>;
    // Name, source, words it may take.
    let mut sources: Vec<(String, Source, usize)> = vec![
        ("all zeros".into(), Box::new(|_, _| 0), 2),
        ("all ones".into(), Box::new(|_, _| !0), 2),
        ("a stuck word".into(), Box::new(move |_, _| pattern), 3),
        (
            "a stuck bus with one live bit".into(),
            Box::new(move |_, r| pattern ^ u32::from(r.random::<bool>())),
            30,
        ),
        ("nine ones in ten".into(), Box::new(biased(0.9)), 64),
        ("one one in ten".into(), Box::new(biased(0.1)), 64),
        ("alternating".into(), Box::new(|_, _| 0xaaaa_aaaa), 3),
        (
            "a counter of 7 bits".into(),
            Box::new(|n, _| (n as u32 % 128).wrapping_mul(0x9e37_79b9)),
            1024,
        ),
    ];
    for period in [2, 3, 5, 7, 11, 24, 31, 33, 47, 64, 96, 127] {
        sources.push((format!("period {period}"), Box::new(periodic(period)), 1024));
    }
    for (name, source, within) in &sources {
        // From the start, and after a good beginning.
        for good in [0, 100, 700] {
            b.reset();
            for _ in 0..good {
                assert_eq!(b.word(rng.random()).1, 0);
            }
            let caught = (0..*within).find(|&n| b.word(source(n, &mut rng)).1 != 0);
            assert!(
                caught.is_some(),
                "{name} after {good} good words: not seen in {within}"
            );
            // For good, whatever comes then.
            for _ in 0..40 {
                let (passed, cause) = b.word(rng.random());
                assert!(passed.is_none() && cause != 0, "{name}: the alarm ended");
            }
        }
    }
}

#[test]
fn equal_to_the_model_word_by_word() {
    // Low cutoffs, and sources near them.
    let cutoffs = [14, 570, 2, 3];
    let mut b = Health::new(cutoffs);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut seen = 0;
    for n in 0..160 {
        b.reset();
        let mut reference = Reference::new(cutoffs);
        let chance = rng.random_range(0.42..0.58);
        let few: u32 = rng.random_range(300..3000);
        for t in 0..rng.random_range(1..700) {
            let word = if n % 2 == 0 {
                (0..32).fold(0, |v, i| v | u32::from(rng.random_bool(chance)) << i)
            } else {
                // Of a few words, none with a long run.
                (rng.random_range(0..few)).wrapping_mul(0x9e37_79b9) & 0x7777_7777 | 0x1111_1111
            };
            let want = reference.word(word);
            let (passed, cause) = b.word(word);
            assert_eq!(cause, want, "run {n}, word {t}");
            assert_eq!(
                passed,
                (want == 0 && t >= STARTUP).then_some(word),
                "run {n}, word {t}"
            );
            seen |= 1 << cause;
            if cause != 0 && t % 8 == 0 {
                break;
            }
        }
    }
    for test in [BIT_RCT, BIT_APT, WORD_RCT, WORD_APT] {
        assert!(seen & 1 << test != 0, "test {test} never failed alone");
    }
}

#[test]
fn clear_starts_up_again_and_keeps_an_alarm() {
    let mut b = Health::new(CUTOFFS);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let clear = |b: &mut Health| {
        b.m.set(b.clear, 1);
        b.m.tick();
        b.m.set(b.clear, 0);
        b.m.set(b.raw[0], 0);
        b.m.tick();
        assert_eq!(b.m.get(b.status[3]), 1, "registers not zero after clear");
    };
    for n in 0..20 {
        for _ in 0..n {
            b.word(rng.random());
        }
        // Anywhere within a word.
        b.m.set(b.raw[0], 1);
        b.m.set(b.raw[2], u64::from(rng.random::<u32>()));
        for _ in 0..rng.random_range(0..40) {
            b.m.tick();
        }
        clear(&mut b);
        for t in 0..STARTUP + 2 {
            let word = rng.random();
            assert_eq!(b.word(word), ((t >= STARTUP).then_some(word), 0));
        }
    }
    b.word(0);
    assert_eq!(b.word(0).1, BIT_RCT);
    clear(&mut b);
    for _ in 0..STARTUP + 2 {
        assert_eq!(b.word(rng.random()), (None, BIT_RCT));
    }
}
