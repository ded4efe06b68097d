// SPDX-License-Identifier: Apache-2.0
//! Elliptic curves against public vectors (RFC 6979, ACVP, Wycheproof), crates `p256` and `p384`, and OpenSSL.

mod common;

use casemate::{
    Curve, Device, Error, Hash, KeyAttributes, KeyHandle, Keys, Officer, PublicKey, Signature, Usage,
};
use casemate_testvectors::ec::{self, EcdhVector, EcdsaVector};
use common::{EC_DEVICES, share};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use std::process::Command;

struct User {
    officer: Officer,
    keys: Keys,
}

impl User {
    fn new(uri: &str) -> Self {
        let officer = common::open(uri).officer().unwrap();
        let keys = officer.keys(1).unwrap();
        Self { officer, keys }
    }

    fn private(&self, curve: Curve, d: &[u8], usage: Usage) -> KeyHandle {
        let d = padded(d, curve.size()).unwrap();
        self.officer
            .load(&d, &KeyAttributes::private(curve, usage), 1)
            .unwrap()
    }
}

/// A number in `len` bytes, if it fits.
fn padded(x: &[u8], len: usize) -> Option<Vec<u8>> {
    let start = x.iter().position(|b| *b != 0).unwrap_or(x.len());
    let zeros = len.checked_sub(x.len() - start)?;
    Some([&vec![0; zeros][..], &x[start..]].concat())
}

fn pair(curve: Curve, (x, y): &(Vec<u8>, Vec<u8>)) -> Option<Vec<u8>> {
    Some([padded(x, curve.size())?, padded(y, curve.size())?].concat())
}

fn curve(bits: u32) -> Curve {
    if bits == 256 { Curve::P256 } else { Curve::P384 }
}

fn digest(sha: u32, message: &[u8]) -> Vec<u8> {
    match sha {
        224 => Sha224::digest(message).to_vec(),
        256 => Sha256::digest(message).to_vec(),
        384 => Sha384::digest(message).to_vec(),
        _ => Sha512::digest(message).to_vec(),
    }
}

fn hash(sha: u32) -> Option<Hash> {
    match sha {
        256 => Some(Hash::Sha256),
        384 => Some(Hash::Sha384),
        512 => Some(Hash::Sha512),
        _ => None,
    }
}

fn signing() -> Usage {
    Usage::SIGN | Usage::DETERMINISTIC
}

/// Signatures with nonces by the device's hashes, bit for bit.
fn deterministic(uri: &str, all: Vec<EcdsaVector>) -> usize {
    let mut u = User::new(uri);
    let mut done = 0;
    for v in all {
        let Some(hash) = hash(v.sha) else { continue };
        let c = curve(v.curve);
        let key = u.private(c, v.private.as_ref().unwrap(), signing());
        let digest = digest(v.sha, &v.message);
        let right = pair(c, v.signature.as_ref().unwrap()).unwrap();
        let made = u.keys.sign_deterministic(key, hash, &digest).unwrap();
        assert_eq!(made.as_bytes(), right, "{uri}: {}", v.id);
        let public = u.keys.public_key(key).unwrap();
        assert_eq!(public.as_bytes(), pair(c, &v.point).unwrap(), "{uri}: {}", v.id);
        u.keys.verify(&public, &digest, &made).unwrap();
        u.keys.destroy(key).unwrap();
        done += 1;
    }
    done
}

#[test]
fn rfc6979() {
    for uri in EC_DEVICES {
        assert_eq!(deterministic(uri, ec::rfc6979()), 12);
    }
}

#[test]
fn acvp_deterministic() {
    for uri in EC_DEVICES {
        let done = deterministic(uri, share(uri, ec::acvp_det_ecdsa(), 8));
        assert!(done >= 5, "{done}");
    }
}

fn verify(uri: &str, all: Vec<EcdsaVector>) {
    let mut u = User::new(uri);
    for v in all {
        let c = curve(v.curve);
        let key = PublicKey::new(c, &pair(c, &v.point).unwrap()).unwrap();
        // One wider than the curve's scalars has no form that the device takes.
        let Some(rs) = v.signature.as_ref().and_then(|s| pair(c, s)) else {
            assert!(!v.valid, "{uri}: {}", v.id);
            continue;
        };
        let s = Signature::new(c, &rs).unwrap();
        match u.keys.verify(&key, &digest(v.sha, &v.message), &s) {
            Ok(()) => assert!(v.valid, "{uri}: {}", v.id),
            Err(Error::BadSignature) => assert!(!v.valid, "{uri}: {}", v.id),
            Err(e) => panic!("{uri}: {}: {e}", v.id),
        }
    }
}

#[test]
fn wycheproof_signatures() {
    for uri in EC_DEVICES {
        verify(uri, share(uri, ec::wycheproof_ecdsa(), 16));
    }
}

#[test]
fn acvp_signatures() {
    for uri in EC_DEVICES {
        verify(uri, share(uri, ec::acvp_sig_ver(), 4));
    }
}

#[test]
fn acvp_keys() {
    for uri in EC_DEVICES {
        let mut u = User::new(uri);
        for v in ec::acvp_keys() {
            let c = curve(v.curve);
            let Some(xy) = pair(c, &v.point) else {
                assert!(!v.valid, "{uri}: {}", v.id);
                continue;
            };
            let public = PublicKey::new(c, &xy).unwrap();
            if let Some(d) = &v.private {
                let key = u.private(c, d, Usage::SIGN);
                assert_eq!(u.keys.public_key(key).unwrap(), public, "{uri}: {}", v.id);
                u.keys.destroy(key).unwrap();
            }
            match u.keys.check_public_key(&public) {
                Ok(()) => assert!(v.valid, "{uri}: {}", v.id),
                Err(Error::BadPublicKey) => assert!(!v.valid, "{uri}: {}", v.id),
                Err(e) => panic!("{uri}: {}: {e}", v.id),
            }
        }
    }
}

fn agree(uri: &str, all: Vec<EcdhVector>) {
    let mut u = User::new(uri);
    for v in all {
        let c = curve(v.curve);
        let key = u.private(c, &v.private, Usage::RAW);
        let peer = PublicKey::new(c, &pair(c, &v.point).unwrap()).unwrap();
        match (u.keys.shared_secret(key, &peer), &v.shared) {
            (Ok(z), Some(right)) => assert_eq!(*z, padded(right, c.size()).unwrap(), "{uri}: {}", v.id),
            (Err(Error::BadPublicKey), None) => {}
            (other, _) => panic!("{uri}: {}: {:?}", v.id, other.map(|_| "a secret")),
        }
        u.keys.destroy(key).unwrap();
    }
}

#[test]
fn agreements() {
    for uri in EC_DEVICES {
        agree(uri, share(uri, ec::wycheproof_ecdh(), 30));
    }
}

/// What another implementation says of one curve.
trait Other {
    const CURVE: Curve;
    const HASH: Hash;
    fn public(d: &[u8]) -> Vec<u8>;
    /// RFC 6979, with the hash of the curve's size.
    fn sign(d: &[u8], digest: &[u8]) -> Vec<u8>;
    fn verify(xy: &[u8], digest: &[u8], rs: &[u8]) -> bool;
    fn shared(d: &[u8], xy: &[u8]) -> Vec<u8>;
}

macro_rules! other {
    ($name:ident, $krate:ident, $curve:expr, $hash:expr) => {
        struct $name;
        impl Other for $name {
            const CURVE: Curve = $curve;
            const HASH: Hash = $hash;
            fn public(d: &[u8]) -> Vec<u8> {
                let key = $krate::SecretKey::from_slice(d).unwrap().public_key();
                key.to_sec1_bytes()[..].to_vec()
            }
            fn sign(d: &[u8], digest: &[u8]) -> Vec<u8> {
                use $krate::ecdsa::signature::hazmat::PrehashSigner;
                let key = $krate::ecdsa::SigningKey::from_slice(d).unwrap();
                let s: $krate::ecdsa::Signature = key.sign_prehash(digest).unwrap();
                s.to_bytes().to_vec()
            }
            fn verify(sec1: &[u8], digest: &[u8], rs: &[u8]) -> bool {
                use $krate::ecdsa::signature::hazmat::PrehashVerifier;
                let key = $krate::ecdsa::VerifyingKey::from_sec1_bytes(sec1).unwrap();
                let s = $krate::ecdsa::Signature::from_slice(rs).unwrap();
                key.verify_prehash(digest, &s).is_ok()
            }
            fn shared(d: &[u8], sec1: &[u8]) -> Vec<u8> {
                let key = $krate::SecretKey::from_slice(d).unwrap();
                let peer = $krate::PublicKey::from_sec1_bytes(sec1).unwrap();
                let z = $krate::ecdh::diffie_hellman(key.to_nonzero_scalar(), peer.as_affine());
                z.raw_secret_bytes().to_vec()
            }
        }
    };
}
other!(OtherP256, p256, Curve::P256, Hash::Sha256);
other!(OtherP384, p384, Curve::P384, Hash::Sha384);

fn against<O: Other>(uri: &str, rounds: u64) {
    let mut u = User::new(uri);
    let mut rng = ChaCha8Rng::seed_from_u64(O::CURVE.size() as u64);
    for round in 0..rounds {
        let mut d = vec![0; O::CURVE.size()];
        rng.fill_bytes(&mut d);
        // Below n, and now and then small.
        d[0] &= 0x7f;
        if round % 5 == 4 {
            d[..O::CURVE.size() - 1].fill(0);
            d[O::CURVE.size() - 1] |= 1;
        }
        let mut digest = vec![0; [32, 48, 64, 28][round as usize % 4].max(O::CURVE.size() / 2)];
        rng.fill_bytes(&mut digest);
        let key = u.private(O::CURVE, &d, signing());
        let public = u.keys.public_key(key).unwrap();
        assert_eq!(public.to_sec1(), O::public(&d), "{uri}");
        let fixed = u.keys.sign_deterministic(key, O::HASH, &digest).unwrap();
        assert_eq!(fixed.as_bytes(), O::sign(&d, &digest), "{uri}: round {round}");
        let one = u.keys.sign(key, O::HASH, &digest).unwrap();
        let two = u.keys.sign(key, O::HASH, &digest).unwrap();
        assert!(one != two && one != fixed, "{uri}: nonces are hedged");
        for s in [one, two, fixed] {
            assert!(O::verify(&public.to_sec1(), &digest, s.as_bytes()), "{uri}");
            u.keys.verify(&public, &digest, &s).unwrap();
            let mut altered = s.as_bytes().to_vec();
            altered[(round as usize * 7) % O::CURVE.size()] ^= 1;
            let altered = Signature::new(O::CURVE, &altered).unwrap();
            assert!(matches!(
                u.keys.verify(&public, &digest, &altered),
                Err(Error::BadSignature)
            ));
        }
        let agrees = u.private(O::CURVE, &d, Usage::RAW | Usage::DERIVE);
        let (other, theirs) = u
            .keys
            .generate_pair(&KeyAttributes::private(O::CURVE, Usage::DERIVE | Usage::RAW))
            .unwrap();
        let z = O::shared(&d, &theirs.to_sec1());
        assert_eq!(*u.keys.shared_secret(agrees, &theirs).unwrap(), z, "{uri}");
        assert_eq!(*u.keys.shared_secret(other, &public).unwrap(), z, "{uri}");
        ecdh_is_hkdf(&mut u.keys, agrees, &theirs, &z);
        for k in [key, agrees, other] {
            u.keys.destroy(k).unwrap();
        }
    }
}

/// The key that EC_ECDH makes gives the MACs of HKDF's output.
fn ecdh_is_hkdf(keys: &mut Keys, key: KeyHandle, peer: &PublicKey, z: &[u8]) {
    use hmac::{Hmac, Mac};
    let (salt, info) = (&b"some salt"[..], &b"what it is for"[..]);
    let made = keys
        .ecdh(
            key,
            peer,
            Hash::Sha384,
            salt,
            info,
            &KeyAttributes::secret(40, Usage::SIGN),
        )
        .unwrap();
    let mut right = [0; 40];
    hkdf::Hkdf::<Sha384>::new(Some(salt), z)
        .expand(info, &mut right)
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&right).unwrap();
    mac.update(b"message");
    let right = mac.finalize().into_bytes();
    assert_eq!(keys.mac(made, Hash::Sha256, 32, b"message").unwrap(), right[..]);
    keys.destroy(made).unwrap();
}

#[test]
fn other_implementations() {
    for uri in EC_DEVICES {
        let rounds = if uri.starts_with("soft:") { 40 } else { 5 };
        against::<OtherP256>(uri, rounds);
        against::<OtherP384>(uri, rounds);
    }
}

fn openssl(folder: &std::path::Path, args: &[&str]) -> Vec<u8> {
    let out = Command::new("openssl").current_dir(folder).args(args).output();
    let out = out.expect("openssl is installed");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "openssl {args:?}: {said}");
    out.stdout
}

#[test]
fn openssl_agrees() {
    for uri in EC_DEVICES {
        let mut u = User::new(uri);
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        let run = |args: &[&str]| openssl(dir.path(), args);
        for (c, name) in [(Curve::P256, "P-256"), (Curve::P384, "P-384")] {
            let digest = Sha256::digest(b"the message");
            std::fs::write(file("digest"), digest).unwrap();
            // Ours, verified there.
            let (key, public) = u
                .keys
                .generate_pair(&KeyAttributes::private(c, Usage::SIGN))
                .unwrap();
            std::fs::write(file("ours.pem"), public.to_pem()).unwrap();
            let s = u.keys.sign(key, Hash::Sha256, &digest).unwrap();
            std::fs::write(file("ours.sig"), s.to_der()).unwrap();
            let verify = [
                "pkeyutl", "-verify", "-pubin", "-inkey", "ours.pem", "-in", "digest", "-sigfile", "ours.sig",
            ];
            run(&verify);
            // Theirs, verified here.
            run(&[
                "genpkey",
                "-algorithm",
                "EC",
                "-pkeyopt",
                &format!("ec_paramgen_curve:{name}"),
                "-out",
                "theirs.key",
            ]);
            run(&["pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pem"]);
            run(&[
                "pkeyutl",
                "-sign",
                "-inkey",
                "theirs.key",
                "-in",
                "digest",
                "-out",
                "theirs.sig",
            ]);
            let theirs = PublicKey::from_pem(&std::fs::read(file("theirs.pem")).unwrap()).unwrap();
            assert_eq!(theirs.curve(), c);
            let s = Signature::from_der(c, &std::fs::read(file("theirs.sig")).unwrap()).unwrap();
            u.keys.verify(&theirs, &digest, &s).unwrap();
            // One secret on both sides.
            let (agrees, mine) = u
                .keys
                .generate_pair(&KeyAttributes::private(c, Usage::RAW))
                .unwrap();
            std::fs::write(file("mine.pem"), mine.to_pem()).unwrap();
            run(&[
                "pkeyutl",
                "-derive",
                "-inkey",
                "theirs.key",
                "-peerkey",
                "mine.pem",
                "-out",
                "secret",
            ]);
            let secret = std::fs::read(file("secret")).unwrap();
            assert_eq!(
                *u.keys.shared_secret(agrees, &theirs).unwrap(),
                secret,
                "{uri}: {name}"
            );
        }
    }
}

/// A digest of any length that is taken is cut as FIPS 186-5, 6.4.1 says: a longer one is as good as its first bits.
#[test]
fn digests_are_cut() {
    for uri in EC_DEVICES {
        let mut u = User::new(uri);
        let d = [7; 48];
        for c in Curve::ALL {
            let key = u.private(c, &d[..c.size()], signing());
            let long = common::pattern(64, 9);
            let at =
                |u: &mut User, n: usize| u.keys.sign_deterministic(key, Hash::Sha512, &long[..n]).unwrap();
            let whole = at(&mut u, 64);
            assert_eq!(at(&mut u, c.size()), whole, "{uri}");
            assert_ne!(at(&mut u, c.size() - 4), whole, "{uri}");
            // A short one is a small number.
            let short = at(&mut u, 20);
            let zeros = [&vec![0; c.size() - 20][..], &long[..20]].concat();
            assert_eq!(
                u.keys.sign_deterministic(key, Hash::Sha512, &zeros).unwrap(),
                short
            );
        }
    }
    assert!(
        EC_DEVICES
            .iter()
            .all(|uri| Device::open(uri).unwrap().capabilities().ec_engines > 0)
    );
}
