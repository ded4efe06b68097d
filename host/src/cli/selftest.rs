// SPDX-License-Identifier: Apache-2.0
//! `selftest`: what the device's power-up self-tests found, and known answers through its rings.

use anyhow::{Context, Result, bail};
use casemate::{Curve, Device, Error, Hash, KeyAttributes, PublicKey, Signature, Usage};

/// Cases 4, 10 and 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)": bytes of the key, ciphertext and tag.
const CASES: [(usize, &str); 3] = [
    (
        16,
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
    ),
    (
        24,
        "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c",
    ),
    (
        32,
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
    ),
];
/// RFC 6979, A.2.5 and A.2.6: private key, public key and signature of "sample" with the curve's hash.
const SIGNATURES: [(Curve, Hash, &str, &str, &str, &str); 2] = [
    (
        Curve::P256,
        Hash::Sha256,
        "af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf",
        "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
        "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
        "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    ),
    (
        Curve::P384,
        Hash::Sha384,
        "9a9083505bc92276aec4be312696ef7bf3bf603f4bbd381196a029f340585312313bca4a9b5b890efee42c77b1ee25fe",
        "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
        "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
        "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8",
    ),
];
const KEY: &str = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const IV: &str = "cafebabefacedbaddecaf888";
const AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const PLAIN: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("a constant"))
        .collect()
}

/// One key size: sealed, opened, and refused with a wrong tag.
fn known_answer(device: &Device, key: &[u8], answer: &str) -> Result<bool, Error> {
    let (iv, aad, plain, mut sealed) = (hex(IV), hex(AAD), hex(PLAIN), hex(answer));
    let mut session = device.session()?;
    let key = session.import(key)?;
    let right =
        session.seal(key, &iv, &aad, &plain)? == sealed && session.open(key, &iv, &aad, &sealed)? == plain;
    if let Some(last) = sealed.last_mut() {
        *last ^= 1;
    }
    let refused = session.open(key, &iv, &aad, &sealed);
    match refused {
        Err(Error::NotAuthentic) => Ok(right),
        Err(e) => Err(e),
        Ok(_) => Ok(false),
    }
}

/// One curve: a signature as RFC 6979 has it, verified, and refused for another digest.
fn known_signature(device: &Device, case: usize) -> Result<bool, Error> {
    let (curve, hash, digest, private, public, signature) = SIGNATURES[case];
    let mut digest = hex(digest);
    let public = PublicKey::new(curve, &hex(public))?;
    let officer = device.officer()?;
    let mut keys = officer.keys(0)?;
    let usage = Usage::SIGN | Usage::DETERMINISTIC;
    let key = officer.load(&hex(private), &KeyAttributes::private(curve, usage), 0)?;
    let made = keys.sign_deterministic(key, hash, &digest)?;
    let right = made == Signature::new(curve, &hex(signature))? && keys.public_key(key)? == public;
    keys.destroy(key)?;
    keys.verify(&public, &digest, &made)?;
    digest[0] ^= 1;
    match keys.verify(&public, &digest, &made) {
        Err(Error::BadSignature) => Ok(right),
        Err(e) => Err(e),
        Ok(()) => Ok(false),
    }
}

pub fn run(uri: &str) -> Result<()> {
    let device = crate::open(uri)?;
    let status = device.status().context("reading its status")?;
    if status.self_tests_failed {
        say!("power-up self-tests     FAILED");
        bail!("{uri} failed its power-up self-tests: it was zeroized and serves nothing until it is reset");
    }
    if !status.ready {
        bail!("{uri} does not serve: it was zeroized; reset it");
    }
    say!("power-up self-tests     passed");
    for (bytes, answer) in CASES {
        let right = known_answer(&device, &hex(KEY)[..bytes], answer)
            .with_context(|| format!("AES-{}-GCM, known answer", 8 * bytes))?;
        let told = if right { "right" } else { "WRONG" };
        say!("AES-{}-GCM by ring     {told}", 8 * bytes);
        if !right {
            bail!("{uri} gives wrong answers: do not use it");
        }
    }
    if device.capabilities().ec_engines == 0 {
        return Ok(());
    }
    for (i, (curve, ..)) in SIGNATURES.iter().enumerate() {
        let right = known_signature(&device, i).with_context(|| format!("ECDSA on {curve}, known answer"))?;
        say!(
            "ECDSA {curve} by ring     {}",
            if right { "right" } else { "WRONG" }
        );
        if !right {
            bail!("{uri} gives wrong answers: do not use it");
        }
    }
    Ok(())
}
