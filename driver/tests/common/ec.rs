// SPDX-License-Identifier: Apache-2.0
//! What the tests of private keys share.

use super::open;
use casemate::abi::Status;
use casemate::{Curve, Error, Hash, KeyAttributes, KeyHandle, Keys, Officer, PublicKey, Usage};

pub fn officer(uri: &str) -> Officer {
    open(uri).officer().unwrap()
}

pub fn both() -> Usage {
    Usage::WRAP | Usage::UNWRAP
}

pub fn refused<T: std::fmt::Debug>(what: &str, result: casemate::Result<T>, status: Status) {
    match result {
        Err(Error::Request { status: s, .. }) => assert_eq!(s, status, "{what}"),
        other => panic!("{what}: {other:?}, not {status:?}"),
    }
}

pub fn signs(c: Curve) -> KeyAttributes {
    KeyAttributes::private(c, Usage::SIGN)
}

/// A signature and whether its public key says so.
pub fn works(keys: &mut Keys, key: KeyHandle, public: &PublicKey) {
    let s = keys.sign(key, Hash::Sha256, &[5; 32]).unwrap();
    keys.verify(public, &[5; 32], &s).unwrap();
    assert_eq!(keys.public_key(key).unwrap(), *public);
}
