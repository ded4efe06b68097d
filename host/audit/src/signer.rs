// SPDX-License-Identifier: Apache-2.0
//! Who signs the chain's heads.

use casemate::{Curve, Hash, KeyHandle, Keys, PublicKey};
use p384::ecdsa::VerifyingKey;
use sha2::{Digest, Sha256};

/// Why a head could not be signed.
pub type SignError = Box<dyn std::error::Error + Send + Sync>;

/// A private key of P-384.
pub trait Signer: Send {
    /// Its public key.
    fn public_key(&self) -> VerifyingKey;

    /// ECDSA of a SHA-384 digest: r, then s, big-endian.
    fn sign(&mut self, digest: &[u8; 48]) -> Result<[u8; 96], SignError>;
}

/// An audit key in a device's slot, with usage SIGN.
pub struct DeviceSigner {
    keys: Keys,
    key: KeyHandle,
    public: VerifyingKey,
}

impl DeviceSigner {
    /// The key, in the domain that `keys` is of.
    pub fn new(mut keys: Keys, key: KeyHandle) -> Result<Self, SignError> {
        let public = keys.public_key(key)?;
        Ok(Self {
            public: verifying_key(&public)?,
            keys,
            key,
        })
    }
}

impl Signer for DeviceSigner {
    fn public_key(&self) -> VerifyingKey {
        self.public
    }

    fn sign(&mut self, digest: &[u8; 48]) -> Result<[u8; 96], SignError> {
        let signature = self.keys.sign(self.key, Hash::Sha384, digest)?;
        Ok(signature.as_bytes().try_into()?)
    }
}

/// A public key as the verifier takes it.
pub fn verifying_key(public: &PublicKey) -> Result<VerifyingKey, SignError> {
    let curve = public.curve();
    if curve != Curve::P384 {
        return Err(format!("an audit key of {curve}: it has to be one of {}", Curve::P384).into());
    }
    VerifyingKey::from_sec1_bytes(&public.to_sec1())
        .map_err(|_| "the audit key is no point of its curve".into())
}

/// A public key's name in a head: SHA-256 of its point, uncompressed (SEC 1, 2.3.3).
pub fn fingerprint(key: &VerifyingKey) -> [u8; 32] {
    Sha256::digest(key.to_encoded_point(false).as_bytes()).into()
}
