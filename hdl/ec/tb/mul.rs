// SPDX-License-Identifier: Apache-2.0
//! The modular multiplier: every pair of small operands with small digits, every odd modulus that fits them; at full size random and
//! extreme operands with the moduli of both curves, against `num-bigint`. Back to back and with pauses, to the cycle.

#[allow(dead_code)] // the curves' moduli suffice
mod oracle;

use casemate_hdl_tb::{Bench, pack};
use casemate_sim::verilate::Port;
use num_bigint::BigUint;
use oracle::CURVES;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

/// Digits, the lowest first; each may be a little above 2^K.
type Row = Vec<u32>;

struct Multiplier {
    b: Bench,
    k: usize,
    digits: usize,
    row: Port,
    product: Port,
    done: Port,
    loads: [Port; 3],
    /// The modulus scaled, digits of A.
    mt: BigUint,
    small_mt: u64,
    n: usize,
    /// Products under way: the cycle they are due in, their operands.
    due: VecDeque<(u64, Row, Row)>,
    checked: u64,
}

impl Multiplier {
    fn new(k: usize, digits: usize) -> Self {
        let parameters = [("K", k as u32), ("DIGITS", digits as u32)];
        let mut b = Bench::new("ec_mul", &["ec/rtl/ec_pkg.sv", "ec/rtl/ec_mul.sv"], &parameters);
        b.set("clear_i", true);
        (0..3).for_each(|_| b.m.tick());
        b.set("clear_i", false);
        let mut port = |name: &str| b.m.port(name).unwrap_or_else(|e| panic!("{e}"));
        let (row, product, done) = (port("row_i"), port("product_o"), port("done_o"));
        let loads = ["load_a_i", "load_b_i", "load_m_i"].map(port);
        Self {
            b,
            k,
            digits,
            row,
            product,
            done,
            loads,
            mt: BigUint::ZERO,
            small_mt: 0,
            n: 0,
            due: VecDeque::new(),
            checked: 0,
        }
    }

    fn value(&self, row: &[u32]) -> BigUint {
        row.iter().rev().fold(BigUint::ZERO, |v, &d| (v << self.k) + d)
    }

    /// The same of few and small digits.
    fn small_value(&self, row: &[u32]) -> u64 {
        row.iter().rev().fold(0, |v, &d| (v << self.k) + u64::from(d))
    }

    /// What every product has to be: (A B + Q Mt) / 2^(K n) with 0 <= Q < 2^(K n). There is one such Q.
    fn check(&self, a: &[u32], b: &[u32], got: &[u32]) {
        let shift = self.k * self.n;
        let right = if self.k * self.digits < 16 {
            let ab = self.small_value(a) * self.small_value(b);
            let rest = (self.small_value(got) << shift).checked_sub(ab);
            rest.is_some_and(|x| x == 0 || (x % self.small_mt == 0 && (x / self.small_mt) >> shift == 0))
        } else {
            let (scaled, ab) = (self.value(got) << shift, self.value(a) * self.value(b));
            scaled >= ab && {
                let rest = scaled - ab;
                &rest % &self.mt == BigUint::ZERO && (rest / &self.mt).bits() <= shift as u64
            }
        };
        assert!(right, "{a:?} by {b:?}, n {}, Mt {:x}: {got:?}", self.n, self.mt);
    }

    fn cycle(&mut self, row: Option<&[u32]>, [a, b, m]: [bool; 3]) {
        if let Some(row) = row {
            let fields: Vec<_> = row.iter().map(|&d| (u128::from(d), self.k + 1)).collect();
            self.b.m.set_words(self.row, &pack(&fields));
        }
        for (port, on) in self.loads.into_iter().zip([a, b, m]) {
            self.b.m.set(port, on.into());
        }
        self.b.m.settle();
        let done = self.b.m.get(self.done) == 1;
        let now = self.b.m.cycles();
        assert_eq!(
            done,
            self.due.front().is_some_and(|d| d.0 == now),
            "done_o in cycle {now}"
        );
        if done {
            let (_, a, b) = self.due.pop_front().expect("one is due");
            let got = digits(&self.b.m.get_bytes(self.product), self.k + 3, self.digits);
            self.check(&a, &b, &got);
            self.checked += 1;
        }
        self.b.m.rise();
    }

    fn pause(&mut self, cycles: usize) {
        (0..cycles).for_each(|_| self.cycle(None, [false; 3]));
    }

    /// For products of A of `n` digits. `m` 0 leaves the modulus as it is.
    fn modulus(&mut self, m: &BigUint, n: usize) {
        self.pause(self.n + 12);
        assert!(self.due.is_empty());
        self.n = n;
        self.b.set("n_i", n as u64);
        if *m != BigUint::ZERO {
            let r = BigUint::from(1u32) << (4 * self.k);
            self.mt = m * (&r - m.modinv(&r).expect("odd"));
            self.small_mt = self.mt.to_u64_digits()[0];
            let hat = (&self.mt + 1u32) >> (4 * self.k);
            let row = digits(&hat.to_bytes_le(), self.k, self.digits);
            self.cycle(Some(&row), [false, false, true]);
        }
        self.pause(2);
    }

    /// Starts a product, as early as may be if `pause` is 0: n + 4 cycles after the last one.
    fn start(&mut self, a: &[u32], b: &[u32], pause: usize) {
        let (a, b) = (self.padded(a), self.padded(b));
        if a == b {
            self.pause(self.n + 3 + pause);
        } else {
            // A may come n cycles after the last start, or 4.
            let early = self.n.max(4);
            self.pause(early - 1);
            self.cycle(Some(&a), [true, false, false]);
            self.pause((self.n + 3).saturating_sub(early) + pause);
        }
        let due = self.b.m.cycles() + self.n as u64 + 9;
        self.due.push_back((due, a.clone(), b.clone()));
        self.cycle(Some(&b), [a == b, true, false]);
    }

    fn padded(&self, row: &[u32]) -> Row {
        let mut row = row.to_vec();
        row.resize(self.digits, 0);
        row
    }

    fn finish(&mut self) -> u64 {
        self.pause(self.n + 10);
        assert!(self.due.is_empty(), "a product did not come");
        self.checked
    }
}

/// Digits of `width` bits, the lowest first.
fn digits(bytes: &[u8], width: usize, count: usize) -> Row {
    let bit = |i: usize| bytes.get(i / 8).is_some_and(|b| b >> (i % 8) & 1 == 1);
    let digit = |j: usize| (0..width).fold(0, |d, i| d | u32::from(bit(j * width + i)) << i);
    (0..count).map(digit).collect()
}

/// Every row of `len` digits from 0 to `max`.
fn rows(len: usize, max: u32) -> impl Iterator<Item = Row> {
    let base = max + 1;
    (0..base.pow(len as u32)).map(move |i| (0..len as u32).map(|j| i / base.pow(j) % base).collect())
}

/// Digits of 2 bits, and as redundant as they may be: up to 5.
const SMALL: (usize, usize, u32) = (2, 6, 5);

#[test]
fn every_small_product() {
    let (k, digits, max) = SMALL;
    let mut u = Multiplier::new(k, digits);
    let mut expected = 0;
    for m in (1..16u32).step_by(2) {
        for (a_digits, b_digits) in [(1, 4), (2, 3), (3, 2)] {
            u.modulus(&m.into(), a_digits);
            for a in rows(a_digits, max) {
                for b in rows(b_digits, max) {
                    u.start(&a, &b, 0);
                    expected += 1;
                }
            }
        }
    }
    assert_eq!(u.finish(), expected);
    println!("{expected} products");
}

fn random_row(rng: &mut ChaCha8Rng, len: usize, max: u32) -> Row {
    let edges = [0, 1, max - 1, max];
    match rng.random_range(0..4) {
        0 => (0..len).map(|_| edges[rng.random_range(0..4)]).collect(),
        1 => vec![edges[rng.random_range(0..4)]; len],
        _ => (0..len).map(|_| rng.random_range(0..=max)).collect(),
    }
}

/// Products that fit the rows, as the microcode's checker sees to.
fn random_products(u: &mut Multiplier, rng: &mut ChaCha8Rng, count: usize, max: u32) {
    // The plain product is of an A of at most 4 digits.
    let (a_digits, b_digits) = match u.n {
        0 => (4, u.digits - 5),
        n => (n, n),
    };
    for i in 0..count {
        let (a, b) = loop {
            let a = random_row(rng, a_digits, max);
            let b = if i % 5 == 0 && u.n != 0 {
                a.clone()
            } else {
                random_row(rng, b_digits, max)
            };
            let high = (u.value(&a) * u.value(&b)) >> (u.k * u.n);
            if (high + &u.mt + 1u32).bits() <= (u.k * u.digits) as u64 {
                break (a, b);
            }
        };
        let pause = if i % 3 == 0 { rng.random_range(0..12) } else { 0 };
        u.start(&a, &b, pause);
    }
}

#[test]
fn small_products_of_any_length() {
    let (k, digits, max) = SMALL;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut u = Multiplier::new(k, digits);
    for m in (1..16u32).step_by(2) {
        for n in 1..=digits {
            u.modulus(&m.into(), n);
            random_products(&mut u, &mut rng, 500, max);
        }
    }
    assert_eq!(u.finish(), 8 * 6 * 500);
}

#[test]
fn full_size_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (k, digits) = (17, 27);
    let mut u = Multiplier::new(k, digits);
    let moduli = CURVES.iter().flat_map(|c| {
        let p384 = c.bits == 384;
        [
            (c.p(), if p384 { 27 } else { 16 }),
            (c.n(), if p384 { 27 } else { 20 }),
        ]
    });
    for (m, n) in moduli {
        for n in [n, 0] {
            u.modulus(&m, n);
            random_products(&mut u, &mut rng, 1000, (1 << k) + 6);
        }
    }
    assert_eq!(u.finish(), 4 * 2 * 1000);
}

/// A bit of one column's sum is wrong in one cycle, and the check says so.
#[test]
#[should_panic(expected = "Mt")]
fn a_flipped_bit_is_seen() {
    let (k, digits, _) = SMALL;
    let mut u = Multiplier::new(k, digits);
    u.modulus(&13u32.into(), 3);
    u.start(&[1, 2, 3], &[3, 2, 1], 0);
    u.pause(4);
    u.b.set("fault_i", true);
    u.pause(1);
    u.b.set("fault_i", false);
    u.finish();
}
