// SPDX-License-Identifier: Apache-2.0
//! P-256 and P-384 (SP 800-186, 3.2.1) in affine coordinates over `num-bigint`. Not constant-time, and simple.

use num_bigint::BigUint;

pub type Point = (BigUint, BigUint);

pub struct Curve {
    pub bits: u32,
    p: &'static str,
    n: &'static str,
    g: (&'static str, &'static str),
}

pub const CURVES: [Curve; 2] = [
    Curve {
        bits: 256,
        p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        n: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        g: (
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        ),
    },
    Curve {
        bits: 384,
        p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        n: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        g: (
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        ),
    },
];

fn hex(s: &str) -> BigUint {
    BigUint::parse_bytes(s.as_bytes(), 16).expect("hexadecimal")
}

impl Curve {
    pub fn p(&self) -> BigUint {
        hex(self.p)
    }

    pub fn n(&self) -> BigUint {
        hex(self.n)
    }

    pub fn g(&self) -> Point {
        (hex(self.g.0), hex(self.g.1))
    }

    fn add(&self, a: &Option<Point>, b: &Option<Point>) -> Option<Point> {
        let (Some((ax, ay)), Some((bx, by))) = (a, b) else {
            return a.clone().or(b.clone());
        };
        let p = self.p();
        let slope = if ax == bx {
            if ((ay + by) % &p) == BigUint::ZERO {
                return None;
            }
            (3u32 * ax * ax + &p - 3u32) * (2u32 * ay).modinv(&p).expect("invertible")
        } else {
            (by + &p - ay) * (bx + &p - ax).modinv(&p).expect("invertible")
        } % &p;
        let x = (&slope * &slope + 2u32 * &p - ax - bx) % &p;
        let y = (&slope * (ax + &p - &x) + &p - ay) % &p;
        Some((x, y))
    }

    /// k times a point.
    pub fn mul(&self, k: &BigUint, point: &Point) -> Option<Point> {
        let mut sum = None;
        for i in (0..k.bits()).rev() {
            sum = self.add(&sum, &sum);
            if k.bit(i) {
                sum = self.add(&sum, &Some(point.clone()));
            }
        }
        sum
    }

    /// FIPS 186-5, 6.4.2.
    pub fn verify(&self, q: &Point, digest: &[u8], r: &BigUint, s: &BigUint) -> bool {
        let n = self.n();
        let valid = |x: &BigUint| *x != BigUint::ZERO && *x < n;
        if !valid(r) || !valid(s) {
            return false;
        }
        let bits = 8 * digest.len() as u64;
        let z = BigUint::from_bytes_be(digest) >> bits.saturating_sub(self.bits.into());
        let w = s.modinv(&n).expect("invertible");
        let sum = self.add(&self.mul(&(z * &w % &n), &self.g()), &self.mul(&(r * &w % &n), q));
        sum.is_some_and(|(x, _)| x % &n == *r)
    }
}
