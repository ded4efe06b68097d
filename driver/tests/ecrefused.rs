// SPDX-License-Identifier: Apache-2.0
//! What is refused of elliptic curves: scalars, points and blobs from outside that are none, a broken engine, and where there is none.

mod common;

use casemate::abi::{KeyType, Opcode, Status, usage};
use casemate::{Blob, Curve, Error, Hash, KeyAttributes, Origin, PublicKey, Signature, Usage};
use common::ec::{both, officer, refused, signs, works};
use common::{EC_DEVICES, keys as raw_keys};

/// Of P-256 and P-384, big-endian.
const ORDERS: [(Curve, &str); 2] = [
    (
        Curve::P256,
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
    (
        Curve::P384,
        "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    ),
];

fn order(text: &str) -> Vec<u8> {
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// A private key from outside that is none gives no result, whatever it is asked; it can be wrapped and destroyed.
#[test]
fn scalars_from_outside() {
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        let root = officer.root_key(1, 1, both()).unwrap();
        for (c, n) in ORDERS {
            let n = order(n);
            let mut above = n.clone();
            *above.last_mut().unwrap() += 1;
            let mut below = n.clone();
            *below.last_mut().unwrap() -= 1;
            let mut one = vec![0; c.size()];
            one[c.size() - 1] = 1;
            let (_, peer) = keys.generate_pair(&signs(c)).unwrap();
            let of = |usage: Usage| KeyAttributes::private(c, usage | Usage::EXPORT_WRAPPED);
            for bad in [vec![0; c.size()], n, above, vec![0xff; c.size()]] {
                let key = officer.load(&bad, &of(Usage::SIGN), 1).unwrap();
                let agrees = officer.load(&bad, &of(Usage::DERIVE | Usage::RAW), 1).unwrap();
                let blob = keys.wrap(key, root).unwrap();
                let again = keys.unwrap(&blob, root, Usage::ALL).unwrap();
                for k in [key, again] {
                    let e = keys.sign(k, Hash::Sha256, &[1; 32]).unwrap_err();
                    assert!(matches!(e, Error::BadPrivateKey), "{uri}: {e}");
                    assert!(matches!(keys.public_key(k), Err(Error::BadPrivateKey)), "{uri}");
                }
                let raw = keys.shared_secret(agrees, &peer);
                assert!(matches!(raw, Err(Error::BadPrivateKey)), "{uri}");
                let free = keys.free_slots();
                let aes = KeyAttributes::aes256(Usage::ENCRYPT);
                let made = keys.ecdh(agrees, &peer, Hash::Sha256, b"", b"", &aes);
                assert!(matches!(made, Err(Error::BadPrivateKey)), "{uri}");
                assert_eq!(keys.free_slots(), free, "{uri}: nothing is in the slot");
                // Before a point that is none.
                let point = PublicKey::new(c, &vec![1; 2 * c.size()]).unwrap();
                let raw = keys.shared_secret(agrees, &point);
                assert!(matches!(raw, Err(Error::BadPrivateKey)), "{uri}");
                for k in [key, agrees, again] {
                    keys.destroy(k).unwrap();
                }
            }
            for good in [one, below] {
                let key = officer.load(&good, &of(Usage::SIGN), 1).unwrap();
                let public = keys.public_key(key).unwrap();
                works(&mut keys, key, &public);
            }
        }
    }
}

#[test]
fn points_that_are_none() {
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        for c in Curve::ALL {
            let (raw, public) = keys
                .generate_pair(&KeyAttributes::private(c, Usage::RAW | Usage::DERIVE))
                .unwrap();
            keys.check_public_key(&public).unwrap();
            let xy = public.as_bytes();
            let mut off = xy.to_vec();
            off[2 * c.size() - 1] ^= 1;
            let mut wide = xy.to_vec();
            wide[..c.size()].fill(0xff);
            for bad in [
                off,
                wide,
                vec![0; 2 * c.size()],
                [&xy[..c.size()], &vec![0xff; c.size()]].concat(),
            ] {
                let bad = PublicKey::new(c, &bad).unwrap();
                let s = Signature::new(c, &vec![1; 2 * c.size()]).unwrap();
                let answers = [
                    keys.check_public_key(&bad),
                    keys.verify(&bad, &[1; 32], &s),
                    keys.shared_secret(raw, &bad).map(drop),
                    keys.ecdh(
                        raw,
                        &bad,
                        Hash::Sha256,
                        b"",
                        b"",
                        &KeyAttributes::aes256(Usage::ENCRYPT),
                    )
                    .map(drop),
                ];
                for a in answers {
                    assert!(matches!(a, Err(Error::BadPublicKey)), "{uri}: {a:?}");
                }
                // r or s out of range comes first.
                for rs in [vec![0; 2 * c.size()], vec![0xff; 2 * c.size()]] {
                    let s = Signature::new(c, &rs).unwrap();
                    let a = keys.verify(&bad, &[1; 32], &s);
                    assert!(matches!(a, Err(Error::BadSignature)), "{uri}: {a:?}");
                }
            }
        }
    }
}

/// What the driver refuses before the device hears of it.
#[test]
fn refused_by_the_driver() {
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        let (key, public) = keys.generate_pair(&signs(Curve::P256)).unwrap();
        for n in [0, 16, 19, 30, 33, 65, 68, 1000] {
            let e = keys.sign(key, Hash::Sha256, &vec![1; n]).unwrap_err().to_string();
            assert!(e.contains(&format!("a digest of {n} bytes: 20 to 64")), "{e}");
        }
        let s = Signature::new(Curve::P384, &[1; 96]).unwrap();
        let e = keys.verify(&public, &[1; 32], &s).unwrap_err().to_string();
        assert!(
            e.contains("a signature of P-384 and a public key of P-256"),
            "{e}"
        );
        let aes = keys.generate(&KeyAttributes::aes256(Usage::ENCRYPT)).unwrap();
        let e = keys.public_key(aes).unwrap_err().to_string();
        assert!(e.contains("type Aes256, which has no public key"), "{e}");
        let e = keys
            .generate_pair(&KeyAttributes::aes256(Usage::ENCRYPT))
            .unwrap_err();
        assert!(e.to_string().contains("P256 and P384 are possible"), "{e}");
        refused(uri, keys.generate(&signs(Curve::P256)), Status::BadKeyType);
        officer.device().reset().unwrap();
        keys.queue().reset(&mut Vec::new()).unwrap();
        let e = keys.sign(key, Hash::Sha256, &[1; 32]).unwrap_err();
        assert!(matches!(e, Error::StaleKey(_)), "{e}");
    }
}

/// The engine's own errors, in the model; in the RTL: tests/ecload.rs.
#[test]
fn the_engines_errors() {
    let officer = officer("soft:");
    let mut keys = officer.keys(1).unwrap();
    let (key, public) = keys.generate_pair(&signs(Curve::P256)).unwrap();
    let (raw, _) = keys
        .generate_pair(&KeyAttributes::private(Curve::P256, Usage::RAW | Usage::DERIVE))
        .unwrap();
    let s = keys.sign(key, Hash::Sha256, &[1; 32]).unwrap();
    let model = common::soft(officer.device()).unwrap();
    model.fail_ec();
    let free = keys.free_slots();
    let aes = KeyAttributes::aes256(Usage::ENCRYPT);
    let answers = [
        keys.sign(key, Hash::Sha256, &[1; 32]).map(drop),
        keys.public_key(key).map(drop),
        keys.shared_secret(raw, &public).map(drop),
        keys.generate_pair(&signs(Curve::P384)).map(drop),
        keys.ecdh(raw, &public, Hash::Sha256, b"", b"", &aes).map(drop),
    ];
    for a in answers {
        assert!(matches!(a, Err(Error::EcFault)), "{a:?}");
    }
    assert_eq!(keys.free_slots(), free, "no key was made");
    keys.verify(&public, &[1; 32], &s).unwrap();
    model.fail_entropy();
    refused(
        "no entropy",
        keys.verify(&public, &[1; 32], &s),
        Status::NoEntropy,
    );
    keys.check_public_key(&public).unwrap();
}

/// Without an engine its opcodes and key types are unknown to the device, and the driver says so by itself.
#[test]
fn without_an_engine() {
    for uri in ["soft:?ec=0", "sim:?latency=30&ec=0"] {
        let officer = officer(uri);
        assert_eq!(officer.device().capabilities().ec_engines, 0, "{uri}");
        let mut keys = officer.keys(1).unwrap();
        let aes = keys.generate(&KeyAttributes::aes256(Usage::ENCRYPT)).unwrap();
        let public = PublicKey::new(Curve::P256, &[1; 64]).unwrap();
        let e = keys.check_public_key(&public).unwrap_err();
        assert!(matches!(e, Error::NoEcEngine), "{uri}: {e}");
        let e = keys.sign(aes, Hash::Sha256, &[1; 32]).unwrap_err();
        assert!(matches!(e, Error::NoEcEngine), "{uri}: {e}");
        let e = keys.generate_pair(&signs(Curve::P384)).unwrap_err();
        assert!(matches!(e, Error::NoEcEngine), "{uri}: {e}");
        let mut q = keys.into_queue();
        for o in Opcode::ALL.iter().filter(|o| **o as u8 >= Opcode::EcSign as u8) {
            let s = raw_keys::op(*o, 40);
            assert_eq!(common::raw(&mut q, &s).status, Status::BadOpcode, "{uri}: {o:?}");
        }
        for kind in [KeyType::P256, KeyType::P384] {
            let make = |o| raw_keys::make(o, 40, kind, usage::SIGN, 0);
            let s = make(Opcode::KeyGenerate);
            assert_eq!(common::raw(&mut q, &s).status, Status::BadKeyType, "{uri}");
            let s = make(Opcode::KeyLoad);
            let done = officer.device().officer_raw(s).unwrap();
            assert_eq!(done.status, Status::BadKeyType, "{uri}");
        }
    }
}

/// A blob of a private key is none to a device without an engine; one whose usage no key can have is none to any.
#[test]
fn blobs_that_could_not_be() {
    use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInPlace};
    let root = [3; 32];
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("root");
    let write = |f: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::write(f, "03".repeat(32)).unwrap();
        std::fs::set_permissions(f, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(&file);
    // The root key of domain 1 and epoch 1, by abi/README.md.
    let kek: [u8; 32] = {
        use hmac::{Hmac, Mac};
        let mut m = <Hmac<sha2::Sha256> as Mac>::new_from_slice(&root).unwrap();
        for part in [
            &[0, 0, 0, 1][..],
            b"casemate wrapping key",
            &[0],
            &[1, 0, 1],
            &[0, 0, 1, 0],
        ] {
            m.update(part);
        }
        m.finalize().into_bytes().into()
    };
    let forge = |bits: u16, options: u32, len: u32| {
        let mut w = casemate::abi::KeyAttributes::default();
        w.set_key_type(KeyType::P256 as u32)
            .set_domain(1)
            .set_usage_bits(bits.into())
            .set_generation(0x4d43)
            .set_iv_policy(options)
            .set_origin(Origin::Generated as u32)
            .set_valid(1)
            .set_key_len(len)
            .set_limit(u32::MAX);
        let mut text = [0; 64];
        text[31] = 1;
        let tag = Aes256Gcm::new(&kek.into())
            .encrypt_in_place_detached(&[7; 12].into(), &w.to_le(), &mut text)
            .unwrap();
        Blob::new(
            [&w.to_le()[..], &[7; 12], &[0; 4], &tag, &text]
                .concat()
                .try_into()
                .unwrap(),
        )
    };
    let with = |uri: &str| {
        format!(
            "{uri}{}root={}",
            if uri.contains('?') { "&" } else { "?" },
            file.display()
        )
    };
    for uri in EC_DEVICES {
        let officer = officer(&with(uri));
        let mut keys = officer.keys(1).unwrap();
        let under = officer.root_key(1, 1, both()).unwrap();
        for (bits, options, len) in [
            (usage::SIGN | usage::DERIVE, 0, 32),
            (usage::SIGN | usage::RAW, 0, 32),
            (usage::SIGN | usage::VERIFY, 0, 32),
            (usage::SIGN, 0, 48),
        ] {
            let e = keys.unwrap(&forge(bits, options, len), under, Usage::ALL);
            refused(uri, e, Status::BadBlob);
        }
        for options in 0..4 {
            let good = forge(usage::SIGN, options, 32);
            let key = keys.unwrap(&good, under, Usage::ALL).unwrap();
            let public = keys.public_key(key).unwrap();
            works(&mut keys, key, &public);
        }
    }
    for uri in ["soft:?ec=0", "sim:?latency=30&ec=0"] {
        let officer = officer(&with(uri));
        let mut keys = officer.keys(1).unwrap();
        let under = officer.root_key(1, 1, both()).unwrap();
        let e = keys.unwrap(&forge(usage::SIGN, 0, 32), under, Usage::ALL);
        refused(uri, e, Status::BadBlob);
    }
}
