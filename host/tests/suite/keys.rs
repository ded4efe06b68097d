// SPDX-License-Identifier: Apache-2.0
//! Keys that stay in the device.

use crate::{LONG, Target};
use casemate::{Curve, EcRequest, Error, Hash, KeyAttributes, Usage};

/// Made inside, verified by another implementation; two curves in one batch.
pub fn signatures(t: &Target) {
    let officer = t.open().officer().unwrap();
    let mut keys = officer.keys(0).unwrap();
    keys.set_timeout(LONG);
    let digest = [5u8; 32];
    let pair = |keys: &mut casemate::Keys, c| {
        keys.generate_pair(&KeyAttributes::private(c, Usage::SIGN))
            .unwrap()
    };
    let p256 = pair(&mut keys, Curve::P256);
    let p384 = pair(&mut keys, Curve::P384);
    for (key, public) in [&p256, &p384] {
        let s = keys.sign(*key, Hash::Sha256, &digest).unwrap();
        keys.verify(public, &digest, &s).unwrap();
        let e = keys.verify(public, &[6; 32], &s).unwrap_err();
        assert!(matches!(e, Error::BadSignature), "{e}");
        if public.curve() == Curve::P256 {
            use p256::ecdsa::signature::hazmat::PrehashVerifier;
            let theirs = p256::ecdsa::VerifyingKey::from_sec1_bytes(&public.to_sec1()).unwrap();
            let s = p256::ecdsa::Signature::from_slice(s.as_bytes()).unwrap();
            theirs.verify_prehash(&digest, &s).unwrap();
        }
    }
    let mut q = keys.into_queue();
    let batch = (0..6).map(|i| {
        let key = if i % 2 == 0 { p256.0 } else { p384.0 };
        EcRequest::sign(key, Hash::Sha256, &digest).user(i)
    });
    assert_eq!(q.submit(batch).unwrap().accepted, 6);
    let mut out = Vec::new();
    crate::drain(&mut q, &mut out);
    let mut seen: Vec<u64> = out.iter().map(|d| d.user).collect();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    out.into_iter().for_each(|d| {
        d.signature().unwrap();
    });
}

/// Out under a wrapping key and in again; altered, it is refused.
pub fn wrapped_keys(t: &Target) {
    let officer = t.open().officer().unwrap();
    let root = officer.root_key(1, 1, Usage::WRAP | Usage::UNWRAP).unwrap();
    let mut keys = officer.keys(1).unwrap();
    let usage = Usage::SIGN | Usage::VERIFY | Usage::EXPORT_WRAPPED;
    let key = keys.generate(&KeyAttributes::secret(32, usage)).unwrap();
    let mac = keys.mac(key, Hash::Sha256, 32, b"a message").unwrap();
    let blob = keys.wrap(key, root).unwrap();
    keys.destroy(key).unwrap();
    assert!(keys.mac(key, Hash::Sha256, 32, b"a message").is_err());
    let again = keys.unwrap(&blob, root, usage).unwrap();
    keys.mac_verify(again, Hash::Sha256, b"a message", &mac).unwrap();
    assert!(keys.mac_verify(again, Hash::Sha256, b"another", &mac).is_err());
}
