// SPDX-License-Identifier: Apache-2.0
//! What a domain's user does with private keys.

use super::{Curve, EcRequest, PublicKey, Signature};
use crate::command::{Command, bytes};
use crate::key::KeyAttributes;
use crate::request::KeyHandle;
use crate::user::Keys;
use crate::{Error, Result};
use casemate_abi::{Hash, Opcode};
use zeroize::Zeroizing;

impl Keys {
    /// EC_GENERATE: a private key of the device's random bits, and its public key.
    pub fn generate_pair(&mut self, attributes: &KeyAttributes) -> Result<(KeyHandle, PublicKey)> {
        self.needs_ec()?;
        let curve = Curve::of(attributes.kind()).ok_or_else(|| {
            Error::Invalid(format!(
                "a key pair of type {:?}: P256 and P384 are possible",
                attributes.kind()
            ))
        })?;
        let mut c = Command::new(Opcode::EcGenerate);
        attributes.put(&mut c.s);
        c.s.set_pay_len(2 * curve.size() as u32);
        let c = self.into(c, 2 * curve.size())?;
        let (key, done) = self.make_done(c)?;
        Ok((key, PublicKey::new(curve, &bytes(done.dst)?)?))
    }

    /// EC_PUBLIC: the public key of a private key.
    pub fn public_key(&mut self, key: KeyHandle) -> Result<PublicKey> {
        self.needs_ec()?;
        let kind = self.query(key)?.kind;
        let curve = Curve::of(kind).ok_or_else(|| {
            Error::Invalid(format!(
                "the key in slot {} is of type {kind:?}, which has no public key",
                key.slot()
            ))
        })?;
        self.run(EcRequest::public_key(key, curve))?.public_key()
    }

    /// EC_SIGN: ECDSA (FIPS 186-5, 6.4) of a digest. `hash` is that of the nonce's HMAC, best the digest's.
    pub fn sign(&mut self, key: KeyHandle, hash: Hash, digest: &[u8]) -> Result<Signature> {
        self.run(EcRequest::sign(key, hash, digest))?.signature()
    }

    /// As [`Self::sign`], with RFC 6979's nonces: the same signature each time.
    pub fn sign_deterministic(&mut self, key: KeyHandle, hash: Hash, digest: &[u8]) -> Result<Signature> {
        self.run(EcRequest::sign_deterministic(key, hash, digest))?
            .signature()
    }

    /// EC_VERIFY: an error, [`Error::BadSignature`], unless the signature is of this digest by this public key.
    pub fn verify(&mut self, public: &PublicKey, digest: &[u8], signature: &Signature) -> Result<()> {
        self.run(EcRequest::verify(public, digest, signature)).map(drop)
    }

    /// EC_CHECK: an error, [`Error::BadPublicKey`], unless the public key is a point of its curve.
    pub fn check_public_key(&mut self, public: &PublicKey) -> Result<()> {
        self.run(EcRequest::check(public)).map(drop)
    }

    /// EC_ECDH: a key by HKDF from the secret shared with a peer (SP 800-56C Rev. 2, 5). Salt of up to 64 bytes, with `info` up to 256.
    pub fn ecdh(
        &mut self,
        key: KeyHandle,
        peer: &PublicKey,
        hash: Hash,
        salt: &[u8],
        info: &[u8],
        attributes: &KeyAttributes,
    ) -> Result<KeyHandle> {
        self.needs_ec()?;
        self.salted(salt, info)?;
        self.fresh(key)?;
        let mut c = Command::new(Opcode::EcEcdh).base(key);
        attributes.put(&mut c.s);
        c.s.set_aad3((hash as u32) << 16 | salt.len() as u32);
        let c = self.with(c, &[peer.as_bytes(), salt, info].concat())?;
        Ok(self.make_done(c)?.0)
    }

    /// EC_RAW: the shared secret itself, of a key of usage [`Usage::RAW`](crate::Usage::RAW).
    pub fn shared_secret(&mut self, key: KeyHandle, peer: &PublicKey) -> Result<Zeroizing<Vec<u8>>> {
        self.run(EcRequest::shared_secret(key, peer))?.shared_secret()
    }
}
