// SPDX-License-Identifier: Apache-2.0
//! P-256 and P-384 (SP 800-186, 3.2.1), ECDSA (FIPS 186-5, 6.4) and its nonces (RFC 6979), over `num-bigint`. For a model: neither
//! constant-time nor wiped from memory.

use super::kdf::hmac;
use casemate_abi::{Hash, KeyType};
use num_bigint::BigUint;
use std::sync::LazyLock;

/// A point in affine coordinates; none is infinity.
pub type Point = (BigUint, BigUint);

/// y^2 = x^3 - 3 x + b modulo p, with a generator of prime order n.
pub struct Curve {
    /// Bytes of a scalar or a coordinate.
    pub len: usize,
    p: BigUint,
    n: BigUint,
    b: BigUint,
    g: Point,
}

fn curve(len: usize, p: &str, n: &str, b: &str, x: &str, y: &str) -> Curve {
    let hex = |s: &str| BigUint::parse_bytes(s.as_bytes(), 16).expect("hexadecimal");
    Curve {
        len,
        p: hex(p),
        n: hex(n),
        b: hex(b),
        g: (hex(x), hex(y)),
    }
}

static P256: LazyLock<Curve> = LazyLock::new(|| {
    curve(
        32,
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    )
});

static P384: LazyLock<Curve> = LazyLock::new(|| {
    curve(
        48,
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
        "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
        "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
    )
});

/// X / Z^2, Y / Z^3; Z = 0 is infinity.
struct Jacobian(BigUint, BigUint, BigUint);

/// Why a signature is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// r or s is out of range, or does not fit.
    Signature,
    /// The public key is none.
    Point,
}

impl Curve {
    /// The curve of a key type.
    pub fn of(kind: KeyType) -> Option<&'static Self> {
        match kind {
            KeyType::P256 => Some(&P256),
            KeyType::P384 => Some(&P384),
            _ => None,
        }
    }

    fn bytes(&self, x: &BigUint) -> Vec<u8> {
        let raw = x.to_bytes_be();
        [&vec![0; self.len - raw.len()][..], &raw].concat()
    }

    fn pair(&self, (x, y): &Point) -> Vec<u8> {
        [self.bytes(x), self.bytes(y)].concat()
    }

    fn sub(&self, a: &BigUint, b: &BigUint) -> BigUint {
        (a + &self.p - b) % &self.p
    }

    fn double(&self, Jacobian(x, y, z): &Jacobian) -> Jacobian {
        let p = &self.p;
        let (zz, yy) = (z * z % p, y * y % p);
        let m = 3u32 * self.sub(x, &zz) * (x + &zz) % p;
        let s = 4u32 * x * &yy % p;
        let x2 = self.sub(&(&m * &m % p), &(2u32 * &s % p));
        let y2 = self.sub(&(m * self.sub(&s, &x2) % p), &(8u32 * &yy * &yy % p));
        Jacobian(x2, y2, 2u32 * y * z % p)
    }

    fn add(&self, a: &Jacobian, (bx, by): &Point) -> Jacobian {
        let p = &self.p;
        let Jacobian(x, y, z) = a;
        if *z == BigUint::ZERO {
            return Jacobian(bx.clone(), by.clone(), 1u32.into());
        }
        let zz = z * z % p;
        let h = self.sub(&(bx * &zz % p), x);
        let r = self.sub(&(by * &zz % p * z % p), y);
        if h == BigUint::ZERO {
            // The same point, or its opposite.
            return if r == BigUint::ZERO {
                self.double(a)
            } else {
                Jacobian(1u32.into(), 1u32.into(), BigUint::ZERO)
            };
        }
        let hh = &h * &h % p;
        let hhh = &hh * &h % p;
        let v = x * hh % p;
        let x3 = self.sub(&(&r * &r % p), &((&hhh + 2u32 * &v) % p));
        let y3 = self.sub(&(r * self.sub(&v, &x3) % p), &(y * hhh % p));
        Jacobian(x3, y3, z * h % p)
    }

    /// The sum of multiples of points; none is infinity.
    fn sum(&self, terms: &[(&BigUint, &Point)]) -> Option<Point> {
        let mut sum = Jacobian(1u32.into(), 1u32.into(), BigUint::ZERO);
        for bit in (0..8 * self.len as u64).rev() {
            sum = self.double(&sum);
            for (k, point) in terms {
                if k.bit(bit) {
                    sum = self.add(&sum, point);
                }
            }
        }
        let Jacobian(x, y, z) = sum;
        let inverse = z.modinv(&self.p)?;
        let square = &inverse * &inverse % &self.p;
        Some((x * &square % &self.p, y * square % &self.p * inverse % &self.p))
    }

    /// A private key: 1 to n - 1.
    pub fn scalar(&self, bytes: &[u8]) -> Option<BigUint> {
        let d = BigUint::from_bytes_be(bytes);
        (d != BigUint::ZERO && d < self.n).then_some(d)
    }

    /// A public key, checked (SP 800-56A Rev. 3, 5.6.2.3.3; the cofactor is 1).
    pub fn point(&self, bytes: &[u8]) -> Option<Point> {
        let (x, y) = bytes.split_at(self.len);
        let (x, y) = (BigUint::from_bytes_be(x), BigUint::from_bytes_be(y));
        if x >= self.p || y >= self.p {
            return None;
        }
        let right = ((&x * &x + &self.p - 3u32) * &x + &self.b) % &self.p;
        (&y * &y % &self.p == right).then_some((x, y))
    }

    /// x and y of the public key.
    pub fn public(&self, d: &BigUint) -> Vec<u8> {
        self.pair(&self.sum(&[(d, &self.g)]).expect("d is below the order"))
    }

    /// x of the shared point (SP 800-56A Rev. 3, 5.7.1.2).
    pub fn shared(&self, d: &BigUint, peer: &Point) -> Vec<u8> {
        let point = self.sum(&[(d, peer)]).expect("d is below the prime order");
        self.bytes(&point.0)
    }

    /// The leftmost bits of a string, as many as n has.
    fn leftmost(&self, bytes: &[u8]) -> BigUint {
        BigUint::from_bytes_be(&bytes[..bytes.len().min(self.len)])
    }

    /// RFC 6979, 3.2, with `extra` after the digest (3.6): nonces until one is taken.
    fn nonce<T>(
        &self,
        hash: Hash,
        d: &[u8],
        digest: &[u8],
        extra: &[u8],
        take: impl Fn(BigUint) -> Option<T>,
    ) -> T {
        let size = hmac(hash, &[], &[]).len();
        let z = self.bytes(&(self.leftmost(digest) % &self.n));
        let mut k = hmac(hash, &vec![0; size], &[&vec![1; size], &[0], d, &z, extra]);
        let mut v = hmac(hash, &k, &[&vec![1; size]]);
        k = hmac(hash, &k, &[&v, &[1], d, &z, extra]);
        v = hmac(hash, &k, &[&v]);
        loop {
            let mut t = Vec::new();
            while t.len() < self.len {
                v = hmac(hash, &k, &[&v]);
                t.extend_from_slice(&v);
            }
            if let Some(taken) = self.scalar(&t[..self.len]).and_then(&take) {
                return taken;
            }
            k = hmac(hash, &k, &[&v, &[0]]);
            v = hmac(hash, &k, &[&v]);
        }
    }

    /// r and s (FIPS 186-5, 6.4.1). `hash` is that of the nonce's HMAC.
    pub fn sign(&self, hash: Hash, d: &BigUint, digest: &[u8], extra: &[u8]) -> Vec<u8> {
        let n = &self.n;
        let e = self.leftmost(digest) % n;
        self.nonce(hash, &self.bytes(d), digest, extra, |k| {
            let r = self.sum(&[(&k, &self.g)])?.0 % n;
            let s = k.modinv(n)? * (&e + &r * d) % n;
            (r != BigUint::ZERO && s != BigUint::ZERO).then(|| self.pair(&(r, s)))
        })
    }

    /// A signature r, s by the public key x, y (FIPS 186-5, 6.4.2).
    pub fn verify(&self, key: &[u8], digest: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let (r, s) = signature.split_at(self.len);
        let (r, s) = (self.scalar(r), self.scalar(s));
        let (r, s) = r.zip(s).ok_or(Refused::Signature)?;
        let q = self.point(key).ok_or(Refused::Point)?;
        let n = &self.n;
        let w = s.modinv(n).expect("n is prime");
        let (u, v) = (self.leftmost(digest) * &w % n, &r * w % n);
        let sum = self.sum(&[(&u, &self.g), (&v, &q)]);
        let fits = sum.is_some_and(|(x, _)| x % n == r);
        if fits { Ok(()) } else { Err(Refused::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecdsa::hazmat::SignPrimitive;
    use rand::{RngCore, SeedableRng};

    /// Nonces with random bytes (RFC 6979, 3.6) as crate `ecdsa` makes them; from the outside no two signatures are alike.
    macro_rules! hedged {
        ($name:ident, $krate:ident, $kind:expr, $digest:ty, $hash:expr) => {
            #[test]
            fn $name() {
                let curve = Curve::of($kind).unwrap();
                let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
                for _ in 0..20 {
                    let mut bytes = || {
                        let mut b = vec![0; curve.len];
                        rng.fill_bytes(&mut b);
                        // Below n.
                        b[0] &= 0x7f;
                        b
                    };
                    let (d, digest, extra) = (bytes(), bytes(), bytes());
                    let key = $krate::SecretKey::from_slice(&d).unwrap();
                    let scalar: $krate::Scalar = *key.to_nonzero_scalar();
                    let z = $krate::FieldBytes::from_slice(&digest);
                    let (right, _) = scalar
                        .try_sign_prehashed_rfc6979::<$digest>(z, &extra[..32])
                        .unwrap();
                    let d = curve.scalar(&d).unwrap();
                    let made = curve.sign($hash, &d, &digest, &extra[..32]);
                    assert_eq!(made, right.to_bytes()[..]);
                    assert_eq!(curve.verify(&curve.public(&d), &digest, &made), Ok(()));
                }
            }
        };
    }
    hedged!(hedged_p256, p256, KeyType::P256, sha2::Sha256, Hash::Sha256);
    hedged!(hedged_p384, p384, KeyType::P384, sha2::Sha384, Hash::Sha384);

    /// Sums that formulas like to get wrong: a point and itself, a point and its opposite.
    #[test]
    fn sums_of_one_point() {
        for kind in [KeyType::P256, KeyType::P384] {
            let c = Curve::of(kind).unwrap();
            let (one, two): (BigUint, BigUint) = (1u32.into(), 2u32.into());
            let doubled = c.sum(&[(&two, &c.g)]).unwrap();
            assert_eq!(c.sum(&[(&one, &c.g), (&one, &c.g)]), Some(doubled));
            let opposite = (c.g.0.clone(), &c.p - &c.g.1);
            assert_eq!(c.sum(&[(&one, &c.g), (&one, &opposite)]), None);
            assert_eq!(c.sum(&[(&c.n, &c.g)]), None);
            let last = c.sum(&[(&(&c.n - &one), &c.g)]);
            assert_eq!(last, Some(opposite));
        }
    }
}
