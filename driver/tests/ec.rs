// SPDX-License-Identifier: Apache-2.0
//! Elliptic curves through the whole device.

mod common;

use casemate::{Curve, Error, Hash, KeyAttributes, Usage};
use common::{DEVICES, open};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[test]
fn a_pair_signs_and_agrees() {
    for uri in DEVICES {
        let officer = open(uri).officer().unwrap();
        let mut user = officer.keys(3).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for curve in Curve::ALL {
            let a = KeyAttributes::new(curve.key_type(), Usage::SIGN | Usage::DETERMINISTIC);
            let (key, public) = user.generate_pair(&a).unwrap();
            assert_eq!(user.public_key(key).unwrap(), public);
            user.check_public_key(&public).unwrap();
            let mut digest = [0; 64];
            rng.fill_bytes(&mut digest);
            for len in [20, 32, 48, 64] {
                let s = user.sign(key, Hash::Sha256, &digest[..len]).unwrap();
                user.verify(&public, &digest[..len], &s).unwrap();
                digest[3] ^= 1;
                assert!(matches!(
                    user.verify(&public, &digest[..len], &s),
                    Err(Error::BadSignature)
                ));
            }
            let a = KeyAttributes::new(curve.key_type(), Usage::DERIVE | Usage::RAW);
            let (one, one_public) = user.generate_pair(&a).unwrap();
            let (other, other_public) = user.generate_pair(&a).unwrap();
            let z = user.shared_secret(one, &other_public).unwrap();
            assert_eq!(z, user.shared_secret(other, &one_public).unwrap());
            let a = KeyAttributes::secret(40, Usage::SIGN);
            let k = user.ecdh(one, &other_public, Hash::Sha256, b"salt", b"info", &a).unwrap();
            let l = user.ecdh(other, &one_public, Hash::Sha256, b"salt", b"info", &a).unwrap();
            assert_eq!(
                user.mac(k, Hash::Sha256, 32, b"x").unwrap(),
                user.mac(l, Hash::Sha256, 32, b"x").unwrap()
            );
        }
    }
}
