// SPDX-License-Identifier: Apache-2.0
//! A key's life through the driver: made, used, counted, locked, wrapped, moved to another device, refused where it does not belong.

mod common;

use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInPlace};
use casemate::abi::KeyAttributes as Words;
use casemate::{
    Blob, Data, Device, DmaBuf, Error, Hash, IvPolicy, KeyAttributes, KeyHandle, KeyType, Keys, Officer,
    Origin, Request, RootSecret, Status, Usage,
};
use common::{KEY_DEVICES, reference};
use hmac::{Hmac, Mac};
use sha2::Sha256;

fn both() -> Usage {
    Usage::WRAP | Usage::UNWRAP
}

fn aes() -> Usage {
    Usage::ENCRYPT | Usage::DECRYPT
}

/// The KDF in counter mode with HMAC-SHA-256, as the device makes its own keys.
fn own_key(key: &[u8], label: &str, context: &[u8]) -> [u8; 32] {
    let mut m = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
    for part in [&[0, 0, 0, 1], label.as_bytes(), &[0], context, &[0, 0, 1, 0]] {
        m.update(part);
    }
    m.finalize().into_bytes().into()
}

fn officer(uri: &str) -> Officer {
    common::open(uri).officer().unwrap()
}

fn refused<T: std::fmt::Debug>(what: &str, result: casemate::Result<T>, status: Status) {
    match result {
        Err(Error::Request {
            status: s,
            page: None,
        }) => assert_eq!(s, status, "{what}"),
        other => panic!("{what}: {other:?}, not {status:?}"),
    }
}

fn buffer(device: &Device, data: &[u8], room: usize) -> DmaBuf {
    let mut b = device.buffer(data.len() + room, 0).unwrap();
    b[..data.len()].copy_from_slice(data);
    b
}

fn flat(d: Option<Data>) -> Vec<u8> {
    match d {
        Some(Data::Flat(b)) => b.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn seal(keys: &mut Keys, device: &Device, key: KeyHandle, iv: [u8; 12]) -> casemate::Result<Vec<u8>> {
    let b = buffer(device, b"what is in it", 16);
    Ok(flat(keys.run(Request::seal(key, &iv, b))?.src))
}

/// A wrapping key that the test knows, with a secret's blob under it that says what the test wants.
fn forge(kek: &[u8; 32], change: impl FnOnce(&mut Words), zeros: [u8; 4]) -> Blob {
    let mut w = Words::default();
    w.set_key_type(KeyType::Secret as u32)
        .set_domain(1)
        .set_usage_bits((Usage::SIGN | Usage::EXPORT_WRAPPED).bits().into())
        .set_generation(0x4d43)
        .set_origin(Origin::Generated as u32)
        .set_valid(1)
        .set_key_len(32)
        .set_limit(u32::MAX);
    change(&mut w);
    let mut text = [0; 64];
    text[..32].fill(9);
    let gcm = Aes256Gcm::new(kek.into());
    let tag = gcm
        .encrypt_in_place_detached(&[7; 12].into(), &w.to_le(), &mut text)
        .unwrap();
    let all = [&w.to_le()[..], &[7; 12], &zeros, &tag, &text].concat();
    Blob::new(all.try_into().unwrap())
}

#[test]
fn attributes_come_back() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(3).unwrap();
        let wanted = KeyAttributes::secret(48, Usage::DERIVE | Usage::EXPORT_WRAPPED)
            .iv_policy(IvPolicy::Derived)
            .limit(77)
            .label(*b"twelve bytes");
        let key = keys.generate(&wanted).unwrap();
        let info = keys.query(key).unwrap();
        assert_eq!(
            (info.kind, info.len, info.domain),
            (KeyType::Secret, 48, 3),
            "{uri}"
        );
        assert_eq!(info.usage, Usage::DERIVE | Usage::EXPORT_WRAPPED);
        assert_eq!((info.policy, info.origin), (IvPolicy::Derived, Origin::Generated));
        assert_eq!((info.limit, info.used, &info.label), (77, 0, b"twelve bytes"));
        assert_eq!(info.generation, key.generation());
        let root = officer.root_key(3, 9, both()).unwrap();
        assert_eq!(keys.query(root).unwrap().origin, Origin::Derived);
        // In a blob too, and from there in another slot.
        let blob = keys.wrap(key, root).unwrap();
        let claims = blob.claims().unwrap();
        assert_eq!(
            casemate::KeyInfo {
                generation: info.generation,
                ..claims
            },
            info
        );
        let back = keys.unwrap(&blob, root, Usage::ALL).unwrap();
        let info2 = keys.query(back).unwrap();
        assert_eq!(
            casemate::KeyInfo {
                generation: info2.generation,
                origin: Origin::Unwrapped,
                ..info
            },
            info2
        );
        // The officer sees them all.
        let seen = officer.slots().unwrap();
        assert_eq!(seen.len(), 3);
        assert!(seen.contains(&(key.slot(), info)) && seen.contains(&(back.slot(), info2)));
        keys.destroy(key).unwrap();
        officer.destroy(back).unwrap();
        assert_eq!(officer.slots().unwrap().len(), 1);
        refused(uri, keys.query(key), Status::SlotEmpty);
        assert!(Blob::new([0; 128]).claims().is_err());
    }
}

/// 2^32 - 1 seals at most; the device makes the IVs, each once, whoever asks.
#[test]
fn counter_ivs() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let device = officer.device().clone();
        let mut keys = officer.keys(1).unwrap();
        let counter = KeyAttributes::aes256(aes()).iv_policy(IvPolicy::Counter).limit(5);
        let key = keys.generate(&counter).unwrap();
        let mut ivs = Vec::new();
        for n in 0..5u32 {
            assert_eq!(keys.query(key).unwrap().used, n, "{uri}");
            let b = buffer(&device, b"message", 16);
            let done = keys.run(Request::seal_counted(key, b).aad(b"aad")).unwrap();
            let iv = done.iv();
            assert_eq!((&iv[..8], &iv[8..]), (&[0; 8][..], &n.to_be_bytes()[..]), "{uri}");
            ivs.push(iv);
            let sealed = flat(done.src);
            let b = buffer(&device, &sealed, 0);
            let done = keys.run(Request::open(key, &iv, b).aad(b"aad")).unwrap();
            assert_eq!(flat(done.src)[..7], *b"message");
            // IVs of the host's choice, and tags beside the IV in the completion, are not for it; nothing is counted.
            refused(uri, seal(&mut keys, &device, key, [1; 12]), Status::BadPolicy);
            let b = buffer(&device, b"message", 0);
            refused(
                uri,
                keys.run(Request::seal_counted(key, b).tag_reported()),
                Status::BadPolicy,
            );
            let b = buffer(&device, b"message", 16);
            refused(uri, keys.run(Request::seal(key, &[0; 16], b)), Status::BadPolicy);
        }
        let b = buffer(&device, b"message", 16);
        refused(uri, keys.run(Request::seal_counted(key, b)), Status::Exhausted);
        assert_eq!(keys.query(key).unwrap().used, 5);
        // Another key in that slot begins anew, but is another key.
        keys.destroy(key).unwrap();
        let key2 = keys.generate(&counter).unwrap();
        assert_eq!(key2.slot(), key.slot());
        assert_ne!(key2.generation(), key.generation());
        // It never leaves: it cannot be made with that right, and cannot get it.
        for usage in [Usage::EXPORT_WRAPPED, Usage::KWP] {
            let a = KeyAttributes::aes256(aes() | usage).iv_policy(IvPolicy::Counter);
            refused(uri, keys.generate(&a), Status::BadPolicy);
        }
        let root = officer.root_key(1, 1, both()).unwrap();
        refused(uri, keys.wrap(key2, root), Status::SlotUsage);
        let a = KeyAttributes::new(KeyType::Aes256, aes()).iv_policy(IvPolicy::Counter);
        refused(uri, officer.load(&[1; 32], &a, 1), Status::BadPolicy);
    }
}

#[test]
fn limits() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let device = officer.device().clone();
        let mut keys = officer.keys(1).unwrap();
        let root = officer.root_key(1, 1, both()).unwrap();
        let a = KeyAttributes::aes256(aes() | Usage::EXPORT_WRAPPED).limit(4);
        let key = keys.generate(&a).unwrap();
        seal(&mut keys, &device, key, [1; 12]).unwrap();
        // Limits only fall; 0 leaves them.
        keys.lock(key, Usage::ALL, 100).unwrap();
        keys.lock(key, Usage::ALL, 0).unwrap();
        assert_eq!(keys.query(key).unwrap().limit, 4, "{uri}");
        keys.lock(key, Usage::ALL, 3).unwrap();
        let blob = keys.wrap(key, root).unwrap();
        for n in 1..3 {
            assert_eq!(keys.query(key).unwrap().used, n);
            seal(&mut keys, &device, key, [1 + n as u8; 12]).unwrap();
        }
        refused(uri, seal(&mut keys, &device, key, [9; 12]), Status::Exhausted);
        // Opening is not counted, nor refused; a blob carries the count.
        let back = keys.unwrap(&blob, root, Usage::ALL).unwrap();
        let info = keys.query(back).unwrap();
        assert_eq!((info.limit, info.used), (3, 1));
        keys.lock(back, Usage::ALL, 1).unwrap();
        refused(uri, seal(&mut keys, &device, back, [9; 12]), Status::Exhausted);
        // A wrapping key's wraps count as seals do.
        let few = KeyAttributes::wrapping(both()).limit(2);
        let kek = keys.generate(&few).unwrap();
        for n in 1..3 {
            let blob = keys.wrap(key, kek).unwrap();
            assert_eq!(keys.query(kek).unwrap().used, n, "{uri}");
            let back = keys.unwrap(&blob, kek, Usage::ALL).unwrap();
            keys.destroy(back).unwrap();
        }
        refused(uri, keys.wrap(key, kek), Status::Exhausted);
        // One that fails on the way counts too.
        let key = keys.generate(&a).unwrap();
        let mut s = common::good(key, &common::Arena::new(&device));
        s.set_src_lo(0).set_src_hi(0);
        let done = common::raw(keys.queue(), &s);
        assert_eq!(done.status, Status::DmaSrc);
        assert_eq!(keys.query(key).unwrap().used, 1);
    }
}

#[test]
fn message_keys() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let device = officer.device().clone();
        let mut keys = officer.keys(1).unwrap();
        let seed = KeyAttributes::secret(32, Usage::DERIVE).iv_policy(IvPolicy::Derived);
        let base = officer.load(&[6; 32], &seed, 1).unwrap();
        let (key, nonce) = keys.message_key(base, *b"label of key").unwrap();
        let (other, nonce2) = keys.message_key(base, [0; 12]).unwrap();
        assert_ne!(nonce, nonce2);
        let info = keys.query(key).unwrap();
        assert_eq!(
            (info.kind, info.usage, info.policy),
            (KeyType::Aes256, Usage::ENCRYPT, IvPolicy::Counter)
        );
        assert_eq!((info.origin, &info.label), (Origin::Derived, b"label of key"));
        let b = buffer(&device, b"message", 16);
        let sealed = flat(keys.run(Request::seal_counted(key, b)).unwrap().src);
        // As anybody who knows the base would do it.
        let material = own_key(&[6; 32], "casemate message key", &nonce);
        assert_eq!(sealed, reference(&material, &[0; 12], b"", b"message"), "{uri}");
        let opener = keys.message_key_of(base, &nonce, [0; 12]).unwrap();
        let info = keys.query(opener).unwrap();
        assert_eq!((info.usage, info.policy), (Usage::DECRYPT, IvPolicy::Host));
        let b = buffer(&device, &sealed, 0);
        let done = keys.run(Request::open(opener, &[0; 12], b)).unwrap();
        assert_eq!(flat(done.src)[..7], *b"message");
        refused(uri, seal(&mut keys, &device, opener, [0; 12]), Status::SlotUsage);
        let wrong = keys.message_key_of(base, &nonce2, [0; 12]).unwrap();
        let b = buffer(&device, &sealed, 0);
        let e = keys.run(Request::open(wrong, &[0; 12], b));
        assert!(matches!(e, Err(Error::NotAuthentic)));
        keys.destroy(other).unwrap();
    }
}

/// The wrapping key of a domain and epoch, as SP 800-108 gives it from the root secret for development.
#[test]
fn root_keys() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(5).unwrap();
        let root = officer.root_key(5, 0x0102, both()).unwrap();
        let secret = KeyAttributes::secret(32, Usage::SIGN | Usage::EXPORT_WRAPPED);
        let key = officer.load(&[3; 32], &secret, 5).unwrap();
        let blob = keys.wrap(key, root).unwrap();
        let material = own_key(RootSecret::default().bytes(), "casemate wrapping key", &[5, 1, 2]);
        let gcm = Aes256Gcm::new(&material.into());
        let b = blob.as_bytes();
        assert_eq!(b[44..48], [0; 4], "{uri}");
        let mut text = b[64..].to_vec();
        gcm.decrypt_in_place_detached(b[32..44].into(), &b[..32], &mut text, b[48..64].into())
            .unwrap();
        assert_eq!((&text[..32], &text[32..]), (&[3; 32][..], &[0; 32][..]), "{uri}");
        // Fresh every time.
        assert_ne!(keys.wrap(key, root).unwrap().as_bytes()[32..], b[32..]);
        assert_eq!(format!("{:?}", RootSecret::default()), "RootSecret");
    }
}

#[test]
fn two_devices_exchange_wrapped_keys() {
    for uri in KEY_DEVICES {
        let dir = tempfile::tempdir().unwrap();
        let with = |file: &str| {
            let sep = if uri.contains('?') { '&' } else { '?' };
            format!("{uri}{sep}root={}", dir.path().join(file).display())
        };
        let (a, b, other) = (
            officer(&with("one")),
            officer(&with("one")),
            officer(&with("two")),
        );
        let mut here = a.keys(1).unwrap();
        let root = a.root_key(1, 1, both()).unwrap();
        let key = here
            .generate(&KeyAttributes::secret(
                32,
                Usage::SIGN | Usage::VERIFY | Usage::EXPORT_WRAPPED,
            ))
            .unwrap();
        let mac = here.mac(key, Hash::Sha384, 48, b"a message").unwrap();
        let blob = here.wrap(key, root).unwrap();

        let mut there = b.keys(1).unwrap();
        let root_there = b.root_key(1, 1, Usage::UNWRAP).unwrap();
        let moved = there.unwrap(&blob, root_there, Usage::VERIFY).unwrap();
        there.mac_verify(moved, Hash::Sha384, b"a message", &mac).unwrap();
        refused(uri, there.mac(moved, Hash::Sha384, 48, b""), Status::SlotUsage);
        refused(uri, there.wrap(moved, root_there), Status::SlotUsage);

        // Another root, domain, epoch; another wrapping key.
        let outside = other.root_key(1, 1, both()).unwrap();
        let mut elsewhere = other.keys(1).unwrap();
        refused(
            "another root",
            elsewhere.unwrap(&blob, outside, Usage::ALL),
            Status::BadBlob,
        );
        let mut tenant = b.keys(2).unwrap();
        let theirs = b.root_key(2, 1, both()).unwrap();
        refused(
            "another domain",
            tenant.unwrap(&blob, theirs, Usage::ALL),
            Status::BadBlob,
        );
        refused(
            "another domain's key",
            tenant.unwrap(&blob, root_there, Usage::ALL),
            Status::SlotDomain,
        );
        let next = b.root_key(1, 2, both()).unwrap();
        refused(
            "another epoch",
            there.unwrap(&blob, next, Usage::ALL),
            Status::BadBlob,
        );
        // Every bit counts.
        for bit in 0..Blob::SIZE * 8 {
            let mut bad = *blob.as_bytes();
            bad[bit / 8] ^= 1 << (bit % 8);
            refused(
                &format!("{uri}: bit {bit}"),
                there.unwrap(&Blob::new(bad), root_there, Usage::ALL),
                Status::BadBlob,
            );
        }
        assert_eq!(
            b.slots().unwrap().len(),
            4,
            "{uri}: what is refused fills no slot"
        );
    }
}

/// Authentic blobs of keys that cannot be.
#[test]
fn forged_attributes() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        // As abi/README.md says, of the secret that everybody knows: under a key that was loaded nothing can be unwrapped.
        let root: [u8; 32] = std::array::from_fn(|i| i as u8);
        let mut mac = <hmac::Hmac<sha2::Sha256> as hmac::Mac>::new_from_slice(&root).unwrap();
        hmac::Mac::update(&mut mac, b"\0\0\0\x01casemate wrapping key\0\x01\0\x01\0\0\x01\0");
        let kek: [u8; 32] = hmac::Mac::finalize(mac).into_bytes().into();
        let under = officer.root_key(1, 1, Usage::UNWRAP).unwrap();
        let mut one = |what: &str, zeros: [u8; 4], change: fn(&mut Words)| {
            let blob = forge(&kek, change, zeros);
            let got = keys.unwrap(&blob, under, Usage::ALL);
            if what == "good" {
                let key = got.unwrap();
                assert_eq!(keys.query(key).unwrap().origin, Origin::Unwrapped);
                keys.destroy(key).unwrap();
            } else {
                refused(&format!("{uri}: {what}"), got, Status::BadBlob);
            }
        };
        one("good", [0; 4], |_| {});
        one("good", [0; 4], |w| _ = w.set_key_len(64).set_used(7).set_limit(7));
        one("not zero", [0, 0, 1, 0], |_| {});
        one("domain", [0; 4], |w| _ = w.set_domain(2));
        one("no type", [0; 4], |w| _ = w.set_key_type(0));
        one("unknown type", [0; 4], |w| _ = w.set_key_type(8));
        one("short", [0; 4], |w| _ = w.set_key_len(15));
        one("long", [0; 4], |w| _ = w.set_key_len(65));
        one("AES of 24", [0; 4], |w| {
            w.set_key_type(KeyType::Aes256 as u32)
                .set_key_len(24)
                .set_usage_bits(0);
        });
        one("AES that signs", [0; 4], |w| {
            _ = w.set_key_type(KeyType::Aes256 as u32)
        });
        one("secret that wraps", [0; 4], |w| {
            w.set_usage_bits(Usage::WRAP.bits().into());
        });
        one("usage beyond all", [0; 4], |w| _ = w.set_usage_bits(1 << 15));
        one("counter", [0; 4], |w| {
            w.set_key_type(KeyType::Aes256 as u32)
                .set_usage_bits(Usage::ENCRYPT.bits().into())
                .set_iv_policy(IvPolicy::Counter as u32);
        });
        one("derived that signs", [0; 4], |w| {
            w.set_iv_policy(IvPolicy::Derived as u32);
        });
        one("policy 3", [0; 4], |w| _ = w.set_iv_policy(3));
        one("generation", [0; 4], |w| _ = w.set_generation(1));
        one("not valid", [0; 4], |w| _ = w.set_valid(0));
    }
}

/// Whoever knows a wrapping key can read what it wrapped: none that may be known outside wraps, or is made.
#[test]
fn wrapping_keys_known_outside_wrap_nothing() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        let all = Usage::WRAP | Usage::UNWRAP | Usage::KWP;
        let loaded = officer.load(&[7; 32], &KeyAttributes::wrapping(all), 1).unwrap();
        let may = Usage::DERIVE | Usage::EXPORT_WRAPPED | Usage::KWP;
        let secret = keys.generate(&KeyAttributes::new(KeyType::Secret, may)).unwrap();
        let root = officer.root_key(1, 1, Usage::WRAP | Usage::UNWRAP).unwrap();
        let blob = keys.wrap(secret, root).unwrap();
        refused("wrap", keys.wrap(secret, loaded), Status::SlotUsage);
        refused(
            "unwrap",
            keys.unwrap(&blob, loaded, Usage::ALL),
            Status::SlotUsage,
        );
        // AES-KWP is for interchange, by a right of its own, but not of wrapping keys.
        let wrapped = keys.kwp_wrap(secret, loaded).unwrap();
        let kek = KeyAttributes::wrapping(Usage::WRAP);
        refused("KWP", keys.kwp_unwrap(&wrapped, loaded, &kek), Status::BadKeyType);
        let made = keys.generate(&KeyAttributes::wrapping(all)).unwrap();
        refused(
            "KWP of a wrapping key",
            keys.kwp_wrap(made, loaded),
            Status::SlotUsage,
        );
        refused(
            "HKDF",
            keys.hkdf(secret, Hash::Sha256, b"", b"", &kek),
            Status::BadKeyType,
        );
        refused(
            "KBKDF",
            keys.kbkdf(secret, Hash::Sha256, b"", &kek),
            Status::BadKeyType,
        );
        // Wrapped and unwrapped, it is still one that the host knows.
        let carried = KeyAttributes::wrapping(all | Usage::EXPORT_WRAPPED);
        let carried = officer.load(&[8; 32], &carried, 1).unwrap();
        let blob = keys.wrap(carried, root).unwrap();
        let back = keys.unwrap(&blob, root, Usage::ALL).unwrap();
        assert_eq!(keys.query(back).unwrap().origin, Origin::Imported, "{uri}");
        refused("washed", keys.wrap(secret, back), Status::SlotUsage);
    }
}

#[test]
fn random_bytes() {
    for uri in KEY_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        let mut a = vec![0; 70_001];
        keys.random(&mut a).unwrap();
        let ones: u32 = a.iter().map(|b| b.count_ones()).sum();
        let mean = f64::from(ones) / (8.0 * a.len() as f64);
        assert!((0.49..0.51).contains(&mean), "{uri}: {mean}");
        let mut b = vec![0; 70_001];
        keys.random(&mut b).unwrap();
        assert!(a != b && a[70_000 - 16..] != [0; 17]);
        keys.random(&mut []).unwrap();
    }
}
