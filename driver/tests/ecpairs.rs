// SPDX-License-Identifier: Apache-2.0
//! Random pairs of signatures: the device signs and OpenSSL verifies, OpenSSL signs with the same key and the device verifies. 50 of them;
//! `cargo xtask ecdsa` runs more, on the RTL, and reports.

mod common;

use casemate::{Curve, EcOptions, Error, Hash, Keys, Officer, PublicKey, Signature};
use common::{EC_DEVICES, ec::signs, open};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::process::Command;

/// An unsigned number of the environment, or the quick run's.
fn setting(name: &str, quick: u64) -> u64 {
    let Ok(text) = std::env::var(name) else {
        return quick;
    };
    text.parse()
        .unwrap_or_else(|_| panic!("{name} is `{text}`, no number"))
}

fn openssl(folder: &Path, args: &[&str]) -> (bool, String) {
    let out = Command::new("openssl").current_dir(folder).args(args).output();
    let out = out.expect("openssl is installed");
    (
        out.status.success(),
        String::from_utf8_lossy(&out.stderr).into_owned(),
    )
}

/// An ECPrivateKey of RFC 5915, without the public key.
fn private_der(c: Curve, d: &[u8]) -> Vec<u8> {
    let oid: &[u8] = match c {
        Curve::P256 => &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        Curve::P384 => &[0x06, 5, 0x2b, 0x81, 0x04, 0, 0x22],
    };
    let tagged = |tag: u8, body: &[u8]| [&[tag, body.len() as u8], body].concat();
    let body = [&[2, 1, 1][..], &tagged(4, d), &tagged(0xa0, oid)].concat();
    tagged(0x30, &body)
}

/// By the crates `p256` and `p384`.
fn public_key(c: Curve, d: &[u8]) -> PublicKey {
    let sec1 = match c {
        Curve::P256 => p256::SecretKey::from_slice(d)
            .unwrap()
            .public_key()
            .to_sec1_bytes(),
        Curve::P384 => p384::SecretKey::from_slice(d)
            .unwrap()
            .public_key()
            .to_sec1_bytes(),
    };
    PublicKey::new(c, &sec1[1..]).unwrap()
}

struct Pairs {
    officer: Officer,
    keys: Keys,
    rng: ChaCha8Rng,
    dir: tempfile::TempDir,
}

impl Pairs {
    fn new(uri: &str, seed: u64) -> Self {
        let officer = open(uri).officer().unwrap();
        Self {
            keys: officer.keys(1).unwrap(),
            officer,
            rng: ChaCha8Rng::seed_from_u64(seed),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn openssl(&self, args: &[&str]) -> (bool, String) {
        openssl(self.dir.path(), args)
    }

    fn openssl_verifies(&self, signature: &Signature) -> bool {
        std::fs::write(self.dir.path().join("ours.sig"), signature.to_der()).unwrap();
        let files = ["-inkey", "public.pem", "-in", "digest", "-sigfile", "ours.sig"];
        let (good, said) = self.openssl(&[&["pkeyutl", "-verify", "-pubin"][..], &files].concat());
        assert!(good || said.is_empty(), "openssl: {said}");
        good
    }

    fn pair(&mut self, c: Curve) {
        // Below 2^(bits - 1), so below n; zero never comes.
        let mut d = vec![0; c.size()];
        self.rng.fill_bytes(&mut d);
        d[0] &= 0x7f;
        let mut digest = vec![0; 4 * self.rng.random_range(5..=16)];
        self.rng.fill_bytes(&mut digest);
        let options = signs(c).ec_options(EcOptions::NONE);
        let key = self.officer.load(&d, &options, 1).unwrap();
        let public = public_key(c, &d);
        let file = |name: &str| self.dir.path().join(name);
        std::fs::write(file("private.der"), private_der(c, &d)).unwrap();
        std::fs::write(file("public.pem"), public.to_pem()).unwrap();
        std::fs::write(file("digest"), &digest).unwrap();

        let ours = self.keys.sign(key, Hash::Sha256, &digest).unwrap();
        assert!(
            self.openssl_verifies(&ours),
            "{c}, key {d:02x?}, digest {digest:02x?}, {ours:?}"
        );

        let files = ["-inkey", "private.der", "-in", "digest", "-out", "theirs.sig"];
        let (good, said) = self.openssl(&[&["pkeyutl", "-sign", "-keyform", "DER"][..], &files].concat());
        assert!(good, "openssl: {said}");
        let der = std::fs::read(self.dir.path().join("theirs.sig")).unwrap();
        let theirs = Signature::from_der(c, &der).unwrap();
        let verdict = self.keys.verify(&public, &digest, &theirs);
        assert!(
            verdict.is_ok(),
            "{c}, key {d:02x?}, digest {digest:02x?}, {theirs:?}: {verdict:?}"
        );
        self.keys.destroy(key).unwrap();
    }
}

#[test]
fn pairs_with_openssl() {
    let count = setting("CASEMATE_ECDSA_PAIRS", 50);
    let seed = setting("CASEMATE_ECDSA_SEED", 1);
    for uri in EC_DEVICES {
        let mut p = Pairs::new(uri, seed);
        for c in Curve::ALL {
            // A quarter of them with P-384, which takes twice as long.
            let n = match c {
                Curve::P256 => count - count / 4,
                Curve::P384 => count / 4,
            };
            (0..n).for_each(|_| p.pair(c));
            println!("{uri}, {c}: {n} pairs agree, seed {seed}");
        }
    }
}

/// What is no signature of the digest is one to neither side.
#[test]
fn both_refuse() {
    for uri in EC_DEVICES {
        let mut p = Pairs::new(uri, 2);
        for c in Curve::ALL {
            p.pair(c);
            let der = std::fs::read(p.dir.path().join("theirs.sig")).unwrap();
            let good = Signature::from_der(c, &der).unwrap();
            let (r, s) = good.scalars();
            let swapped = Signature::new(c, &[s, r].concat()).unwrap();
            assert!(
                p.openssl_verifies(&good) && !p.openssl_verifies(&swapped),
                "{uri}, {c}"
            );
            let pem = std::fs::read(p.dir.path().join("public.pem")).unwrap();
            let public = PublicKey::from_pem(&pem).unwrap();
            let digest = std::fs::read(p.dir.path().join("digest")).unwrap();
            p.keys.verify(&public, &digest, &good).unwrap();
            let verdict = p.keys.verify(&public, &digest, &swapped);
            assert!(
                matches!(verdict, Err(Error::BadSignature)),
                "{uri}, {c}: {verdict:?}"
            );
        }
    }
}
