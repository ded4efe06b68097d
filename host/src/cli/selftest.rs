// SPDX-License-Identifier: Apache-2.0
//! `selftest`: what the device's power-up self-tests found, and known answers through its rings.

use anyhow::{Context, Result, bail};
use casemate::{Device, Error};

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
    Ok(())
}
