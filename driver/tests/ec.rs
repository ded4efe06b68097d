// SPDX-License-Identifier: Apache-2.0
//! A private key's life through the driver: made, used in batches, counted, locked, wrapped, moved. What is refused: ecrefused.rs.

mod common;

use casemate::abi::{KeyType, Status};
use casemate::{
    AnyRequest, Blob, Curve, Data, Done, EcOptions, EcRequest, Error, Hash, IvPolicy, KeyAttributes, KeyUse,
    Keys, Origin, Request, Usage,
};
use common::ec::{both, officer, refused, signs, works};
use common::{EC_DEVICES, LONG};
use std::collections::HashMap;

#[test]
fn attributes_come_back() {
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(3).unwrap();
        for c in Curve::ALL {
            for options in [
                EcOptions::NONE,
                EcOptions::BLIND,
                EcOptions::VERIFY,
                EcOptions::default(),
            ] {
                let bits = Usage::SIGN | Usage::DETERMINISTIC | Usage::EXPORT_WRAPPED;
                let wanted = KeyAttributes::private(c, bits)
                    .ec_options(options)
                    .limit(7)
                    .label(*b"twelve bytes");
                let (key, public) = keys.generate_pair(&wanted).unwrap();
                let info = keys.query(key).unwrap();
                assert_eq!((info.kind, info.len), (c.key_type(), c.size()), "{uri}");
                assert_eq!((info.usage, info.options), (bits, options), "{uri}");
                assert_eq!((info.policy, info.origin), (IvPolicy::Host, Origin::Generated));
                assert_eq!((info.limit, info.used, info.label), (7, 0, *b"twelve bytes"));
                works(&mut keys, key, &public);
                assert_eq!(keys.query(key).unwrap().used, 1, "{uri}: signatures count");
                keys.destroy(key).unwrap();
            }
        }
    }
}

#[test]
fn the_limit_is_of_signatures() {
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        let (key, public) = keys.generate_pair(&signs(Curve::P256).limit(3)).unwrap();
        for _ in 0..3 {
            works(&mut keys, key, &public);
        }
        refused(uri, keys.sign(key, Hash::Sha256, &[1; 32]), Status::Exhausted);
        assert_eq!(
            keys.public_key(key).unwrap(),
            public,
            "{uri}: it has its public key still"
        );
        let (key, public) = keys.generate_pair(&signs(Curve::P384)).unwrap();
        keys.lock(key, Usage::ALL, 1).unwrap();
        works(&mut keys, key, &public);
        refused(uri, keys.sign(key, Hash::Sha256, &[1; 32]), Status::Exhausted);
        // One that was refused did not count.
        assert_eq!(keys.query(key).unwrap().used, 1);
    }
}

#[test]
fn locked_and_not_allowed() {
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        let all = Usage::SIGN | Usage::DETERMINISTIC;
        let (key, public) = keys
            .generate_pair(&KeyAttributes::private(Curve::P256, all).ec_options(EcOptions::VERIFY))
            .unwrap();
        keys.sign_deterministic(key, Hash::Sha512, &[1; 20]).unwrap();
        keys.lock(key, Usage::SIGN, 0).unwrap();
        refused(
            uri,
            keys.sign_deterministic(key, Hash::Sha512, &[1; 20]),
            Status::SlotUsage,
        );
        works(&mut keys, key, &public);
        keys.lock(key, Usage::NONE, 0).unwrap();
        refused(uri, keys.sign(key, Hash::Sha256, &[1; 32]), Status::SlotUsage);
        // What protects it stays.
        assert_eq!(keys.query(key).unwrap().options, EcOptions::VERIFY);
        assert_eq!(keys.public_key(key).unwrap(), public);
        for bits in [Usage::DERIVE, Usage::RAW] {
            let a = KeyAttributes::private(Curve::P256, Usage::SIGN | bits);
            refused(uri, keys.generate_pair(&a), Status::BadUsage);
        }
        let (agrees, mine) = keys
            .generate_pair(&KeyAttributes::private(Curve::P256, Usage::DERIVE))
            .unwrap();
        refused(uri, keys.shared_secret(agrees, &public), Status::SlotUsage);
        refused(uri, keys.sign(agrees, Hash::Sha256, &[1; 32]), Status::SlotUsage);
        let leaves = KeyAttributes::aes256(Usage::ENCRYPT | Usage::EXPORT_WRAPPED);
        refused(
            uri,
            keys.ecdh(agrees, &public, Hash::Sha256, b"", b"", &leaves),
            Status::SlotUsage,
        );
        for kind in [KeyType::Wrapping, KeyType::P256] {
            let a = KeyAttributes::new(kind, Usage::NONE);
            refused(
                uri,
                keys.ecdh(agrees, &public, Hash::Sha256, b"", b"", &a),
                Status::BadKeyType,
            );
        }
        // A peer's key of another curve is as long as no key of this one.
        let (_, other) = keys.generate_pair(&signs(Curve::P384)).unwrap();
        let (raw, _) = keys
            .generate_pair(&KeyAttributes::private(Curve::P256, Usage::RAW))
            .unwrap();
        refused(uri, keys.shared_secret(raw, &other), Status::BadLength);
        // With the salt it may look like one; then it is no point.
        let a = KeyAttributes::aes256(Usage::ENCRYPT);
        let e = keys.ecdh(agrees, &other, Hash::Sha256, b"", b"", &a).unwrap_err();
        assert!(matches!(e, Error::BadPublicKey), "{uri}: {e}");
        let key = keys
            .ecdh(agrees, &mine, Hash::Sha256, &[1; 64], &[2; 192], &a)
            .unwrap();
        assert_eq!(keys.query(key).unwrap().origin, Origin::Derived);
        // Another tenant's, another type's.
        let mut others = officer.keys(2).unwrap();
        refused(uri, others.sign(key, Hash::Sha256, &[1; 32]), Status::SlotDomain);
        refused(uri, keys.sign(key, Hash::Sha256, &[1; 32]), Status::SlotUsage);
    }
}

#[test]
fn wrapped_and_moved() {
    for uri in EC_DEVICES {
        let officers = [officer(uri), officer(uri)];
        let mut here = officers[0].keys(1).unwrap();
        let mut there = officers[1].keys(1).unwrap();
        let roots = officers.each_ref().map(|o| o.root_key(1, 5, both()).unwrap());
        for c in Curve::ALL {
            let bits = Usage::SIGN | Usage::DETERMINISTIC | Usage::EXPORT_WRAPPED;
            let a = KeyAttributes::private(c, bits)
                .limit(9)
                .ec_options(EcOptions::BLIND);
            let (key, public) = here.generate_pair(&a).unwrap();
            works(&mut here, key, &public);
            let blob = here.wrap(key, roots[0]).unwrap();
            let claims = blob.claims().unwrap();
            assert_eq!(
                (claims.kind, claims.options, claims.used),
                (c.key_type(), EcOptions::BLIND, 1)
            );
            let moved = there.unwrap(&blob, roots[1], Usage::SIGN).unwrap();
            let info = there.query(moved).unwrap();
            assert_eq!(
                (info.usage, info.origin),
                (Usage::SIGN, Origin::Unwrapped),
                "{uri}"
            );
            assert_eq!((info.options, info.limit, info.used), (EcOptions::BLIND, 9, 1));
            works(&mut there, moved, &public);
            let mut altered = *blob.as_bytes();
            altered[100] ^= 1;
            refused(
                uri,
                there.unwrap(&Blob::new(altered), roots[1], Usage::ALL),
                Status::BadBlob,
            );
        }
    }
}

/// What another system wraps and unwraps, by the same AES-KWP key.
#[test]
fn to_and_from_other_systems() {
    use aes_kw::KekAes256;
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let mut keys = officer.keys(1).unwrap();
        let kek = [0x42; 32];
        let under = officer
            .load(&kek, &KeyAttributes::wrapping(both() | Usage::KWP), 1)
            .unwrap();
        let kek = KekAes256::from(kek);
        for c in Curve::ALL {
            let (key, public) = keys
                .generate_pair(&KeyAttributes::private(c, Usage::SIGN | Usage::KWP))
                .unwrap();
            let wrapped = keys.kwp_wrap(key, under).unwrap();
            let d = kek.unwrap_with_padding_vec(&wrapped).unwrap();
            assert_eq!(d.len(), c.size(), "{uri}");
            let again = keys
                .kwp_unwrap(&kek.wrap_with_padding_vec(&d).unwrap(), under, &signs(c))
                .unwrap();
            assert_eq!(keys.query(again).unwrap().origin, Origin::Foreign);
            works(&mut keys, again, &public);
            // Another length is no such key.
            let short = kek.wrap_with_padding_vec(&d[1..]).unwrap();
            refused(uri, keys.kwp_unwrap(&short, under, &signs(c)), Status::BadBlob);
        }
    }
}

/// A mixed batch: every result comes back under its own number, in whatever order.
#[test]
fn batches() {
    for uri in EC_DEVICES {
        let officer = officer(uri);
        let device = officer.device().clone();
        let mut keys = officer.keys(1).unwrap();
        let aes = device.load_key(&[1; 32], 1, KeyUse::BOTH).unwrap();
        let pairs = Curve::ALL.map(|c| keys.generate_pair(&signs(c)).unwrap());
        let (raw, _) = keys
            .generate_pair(&KeyAttributes::private(Curve::P384, Usage::RAW))
            .unwrap();
        let digest = |i: u64| [i as u8; 32];
        let signed = pairs.map(|(key, _)| keys.sign(key, Hash::Sha256, &[9; 32]).unwrap());
        let mut batch: Vec<AnyRequest> = Vec::new();
        for i in 0..60u64 {
            let which = (i / 6 % 2) as usize;
            let ((key, public), s) = (&pairs[which], &signed[which]);
            let ec = match i % 6 {
                0 => EcRequest::sign(*key, Hash::Sha256, &digest(i)),
                1 => EcRequest::verify(public, &[9; 32], s),
                2 => EcRequest::public_key(*key, public.curve()),
                3 => EcRequest::check(public),
                4 => EcRequest::shared_secret(raw, &pairs[1].1),
                _ => {
                    let b = device.buffer(116, 0).unwrap();
                    batch.push(Request::seal(aes, &[i as u8; 12], b).user(i).into());
                    continue;
                }
            };
            batch.push(ec.user(i).into());
        }
        let mut q = keys.into_queue();
        let mut out: Vec<Done> = Vec::new();
        while !batch.is_empty() {
            let got = q.submit(batch).unwrap();
            assert!(got.refused.is_none(), "{uri}");
            batch = got.rest;
            q.wait(&mut out, LONG).unwrap();
        }
        common::drain(&mut q, &mut out);
        let mut done: HashMap<u64, Done> = out.into_iter().map(|d| (d.user, d)).collect();
        assert_eq!(done.len(), 60, "{uri}");
        let mut keys = Keys::over(q);
        let mut secrets = Vec::new();
        for i in 0..60u64 {
            let public = &pairs[(i / 6 % 2) as usize].1;
            let d = done.remove(&i).unwrap();
            assert_eq!(d.status, Status::Ok, "{uri}: {i}");
            match i % 6 {
                0 => {
                    let s = d.signature().unwrap();
                    assert_eq!(s.curve(), public.curve());
                    keys.verify(public, &digest(i), &s).unwrap();
                }
                2 => assert_eq!(d.public_key().unwrap(), *public),
                4 => secrets.push(d.shared_secret().unwrap()),
                5 => assert!(matches!(d.src, Some(Data::Flat(_)))),
                _ => assert_eq!(d.bytes, 0),
            }
        }
        assert!(secrets.iter().all(|s| s.len() == 48 && *s == secrets[0]), "{uri}");
    }
}
