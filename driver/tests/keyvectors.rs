// SPDX-License-Identifier: Apache-2.0
//! Public vectors of HMAC, HKDF, SP 800-108 and AES-KWP through the key operations. What is derived inside is seen by wrapping it
//! under a key that the test knows.

mod common;

use aes_kw::KekAes256;
use casemate::{Error, Hash, KeyAttributes, KeyHandle, KeyType, Keys, Officer, Status, Usage};
use casemate_testvectors::kdf::{cavs_kbkdf, wycheproof_hkdf};
use casemate_testvectors::mac::{acvp_hmac, wycheproof_hmac};
use casemate_testvectors::wycheproof_aes_kwp;
use common::KEY_DEVICES;

const KEK: [u8; 32] = [0x5a; 32];

struct Bench {
    officer: Officer,
    keys: Keys,
    kek: KeyHandle,
}

impl Bench {
    fn new(uri: &str) -> Self {
        let officer = common::open(uri).officer().unwrap();
        let keys = officer.keys(1).unwrap();
        let kek = KeyAttributes::wrapping(Usage::WRAP | Usage::UNWRAP | Usage::KWP);
        let kek = officer.load(&KEK, &kek, 1).unwrap();
        Self { officer, keys, kek }
    }

    /// None if a slot cannot hold it.
    fn secret(&self, key: &[u8], usage: Usage) -> Option<KeyHandle> {
        let fits = (16..=64).contains(&key.len());
        fits.then(|| {
            let attributes = KeyAttributes::secret(key.len() as u8, usage);
            self.officer.load(key, &attributes, 1).unwrap()
        })
    }

    fn reveal(&mut self, key: KeyHandle) -> Vec<u8> {
        let wrapped = self.keys.kwp_wrap(key, self.kek).unwrap();
        KekAes256::from(KEK).unwrap_with_padding_vec(&wrapped).unwrap()
    }
}

fn hash(sha: u32) -> Hash {
    match sha {
        256 => Hash::Sha256,
        384 => Hash::Sha384,
        _ => Hash::Sha512,
    }
}

fn derived(len: usize) -> KeyAttributes {
    KeyAttributes::secret(len as u8, Usage::KWP)
}

#[test]
fn hmac() {
    for uri in KEY_DEVICES {
        let mut b = Bench::new(uri);
        let mut ran = 0;
        for v in wycheproof_hmac().into_iter().chain(acvp_hmac()) {
            let Some(key) = b.secret(&v.key, Usage::SIGN | Usage::VERIFY) else {
                continue;
            };
            let h = hash(v.sha);
            let checked = b.keys.mac_verify(key, h, &v.message, &v.mac);
            match checked {
                Ok(()) => assert!(v.valid, "{uri} {}: accepted", v.id),
                Err(Error::NotAuthentic) => assert!(!v.valid, "{uri} {}: refused", v.id),
                Err(e) => panic!("{uri} {}: {e}", v.id),
            }
            let mac = b.keys.mac(key, h, v.mac.len(), &v.message).unwrap();
            assert_eq!(mac == v.mac, v.valid, "{uri} {}", v.id);
            b.keys.destroy(key).unwrap();
            ran += 1;
        }
        assert_eq!(ran, 416, "{uri}");
    }
}

#[test]
fn hkdf() {
    for uri in KEY_DEVICES {
        let mut b = Bench::new(uri);
        let mut ran = 0;
        for v in wycheproof_hkdf() {
            if v.salt.len() > 64 || v.salt.len() + v.info.len() > 256 || !(16..=64).contains(&v.out.len()) {
                continue;
            }
            let Some(key) = b.secret(&v.key, Usage::DERIVE | Usage::KWP) else {
                continue;
            };
            let out = b
                .keys
                .hkdf(key, Hash::Sha256, &v.salt, &v.info, &derived(v.out.len()));
            let out = out.unwrap();
            assert_eq!(b.reveal(out), v.out, "{uri} {}", v.id);
            b.keys.destroy(out).unwrap();
            b.keys.destroy(key).unwrap();
            ran += 1;
        }
        assert_eq!(ran, 74, "{uri}");
    }
}

#[test]
fn kbkdf() {
    for uri in KEY_DEVICES {
        let mut b = Bench::new(uri);
        let mut ran = 0;
        for v in cavs_kbkdf() {
            let key = b.secret(&v.key, Usage::DERIVE | Usage::KWP).unwrap();
            let out = b.keys.kbkdf(key, hash(v.sha), &v.info, &derived(v.out.len()));
            let out = out.unwrap();
            assert_eq!(b.reveal(out), v.out, "{uri} {}", v.id);
            b.keys.destroy(out).unwrap();
            b.keys.destroy(key).unwrap();
            ran += 1;
        }
        assert_eq!(ran, 120, "{uri}");
    }
}

/// As attributes for a key of `len` bytes.
fn some_key(len: usize) -> KeyAttributes {
    match len {
        16 => KeyAttributes::new(KeyType::Aes128, Usage::KWP),
        24 => KeyAttributes::new(KeyType::Aes192, Usage::KWP),
        32 => KeyAttributes::new(KeyType::Aes256, Usage::KWP),
        n => KeyAttributes::secret(n as u8, Usage::KWP),
    }
}

#[test]
fn kwp() {
    for uri in KEY_DEVICES {
        let mut b = Bench::new(uri);
        let (mut good, mut bad) = (0, 0);
        for v in wycheproof_aes_kwp() {
            let fits = (16..=64).contains(&v.plaintext.len()) && (24..=72).contains(&v.wrapped.len());
            if v.key.len() != 32 || !fits || v.wrapped.len() % 8 != 0 {
                continue;
            }
            let kek = KeyAttributes::wrapping(Usage::WRAP | Usage::UNWRAP | Usage::KWP);
            let kek = b.officer.load(&v.key, &kek, 1).unwrap();
            let attributes = some_key(v.plaintext.len());
            match b.keys.kwp_unwrap(&v.wrapped, kek, &attributes) {
                Ok(key) => {
                    assert!(v.valid, "{uri} {}: accepted", v.id);
                    assert_eq!(b.reveal(key), v.plaintext, "{uri} {}", v.id);
                    let again = b.keys.kwp_wrap(key, kek).unwrap();
                    assert_eq!(again, v.wrapped, "{uri} {}", v.id);
                    b.keys.destroy(key).unwrap();
                    // Of another length than asked for.
                    let e = b
                        .keys
                        .kwp_unwrap(&v.wrapped, kek, &some_key(v.plaintext.len() ^ 1));
                    assert!(matches!(
                        e,
                        Err(Error::Request {
                            status: Status::BadBlob,
                            ..
                        })
                    ));
                    good += 1;
                }
                Err(Error::Request {
                    status: Status::BadBlob,
                    ..
                }) => {
                    assert!(!v.valid, "{uri} {}: refused", v.id);
                    bad += 1;
                }
                Err(e) => panic!("{uri} {}: {e}", v.id),
            }
            b.keys.destroy(kek).unwrap();
        }
        assert_eq!((good, bad), (9, 36), "{uri}");
    }
}
