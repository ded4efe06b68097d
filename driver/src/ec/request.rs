// SPDX-License-Identifier: Apache-2.0
//! Elliptic-curve operations for a queue: those that make no key.

use super::{Curve, PublicKey, Signature};
use crate::command::{Command, bytes};
use crate::device::Shared;
use crate::dma::DmaBuf;
use crate::request::{AnyRequest, Done, Held, KeyHandle};
use crate::{Error, Result};
use casemate_abi::{Hash, Opcode, Submission};
use zeroize::Zeroizing;

/// Room for any pair of coordinates or scalars: the device knows the key's curve.
const PAIR: usize = 96;

#[derive(Debug)]
enum Op {
    Sign {
        key: KeyHandle,
        hash: Hash,
        digest: Vec<u8>,
        deterministic: bool,
    },
    Verify {
        public: PublicKey,
        digest: Vec<u8>,
        signature: Signature,
    },
    PublicKey(KeyHandle, Curve),
    Check(PublicKey),
    SharedSecret(KeyHandle, PublicKey),
}

/// One elliptic-curve operation. Digests have 20 to 64 bytes, a multiple of 4, as SHA-2's do.
#[derive(Debug)]
pub struct EcRequest {
    op: Op,
    user: u64,
}

impl EcRequest {
    fn new(op: Op) -> Self {
        Self { op, user: 0 }
    }

    /// ECDSA; `hash` is that of the nonce's HMAC, best the digest's. [`Done::signature`] tells the signature.
    pub fn sign(key: KeyHandle, hash: Hash, digest: &[u8]) -> Self {
        Self::new(Op::Sign {
            key,
            hash,
            digest: digest.into(),
            deterministic: false,
        })
    }

    /// As [`Self::sign`], by RFC 6979 without random bytes, for keys of usage [`Usage::DETERMINISTIC`](crate::Usage::DETERMINISTIC).
    pub fn sign_deterministic(key: KeyHandle, hash: Hash, digest: &[u8]) -> Self {
        Self::new(Op::Sign {
            key,
            hash,
            digest: digest.into(),
            deterministic: true,
        })
    }

    /// Verifies a signature: OK, or [`Error::BadSignature`], or [`Error::BadPublicKey`].
    pub fn verify(public: &PublicKey, digest: &[u8], signature: &Signature) -> Self {
        Self::new(Op::Verify {
            public: *public,
            digest: digest.into(),
            signature: *signature,
        })
    }

    /// The public key of a private key of this curve: [`Done::public_key`].
    pub fn public_key(key: KeyHandle, curve: Curve) -> Self {
        Self::new(Op::PublicKey(key, curve))
    }

    /// Checks that a public key is a point of its curve: OK, or [`Error::BadPublicKey`].
    pub fn check(public: &PublicKey) -> Self {
        Self::new(Op::Check(*public))
    }

    /// ECDH, of a key of usage [`Usage::RAW`](crate::Usage::RAW): [`Done::shared_secret`].
    pub fn shared_secret(key: KeyHandle, peer: &PublicKey) -> Self {
        Self::new(Op::SharedSecret(key, *peer))
    }

    /// A number that comes back with the result.
    pub fn user(mut self, user: u64) -> Self {
        self.user = user;
        self
    }

    /// Lays it out for the device. On an error the request comes back whole.
    pub(crate) fn encode(
        self,
        shared: &Shared,
    ) -> std::result::Result<(Submission, Held), (Error, Box<AnyRequest>)> {
        match self.lay_out(shared) {
            Ok(c) => Ok(c.into_parts(self.user)),
            Err(e) => Err((e, Box::new(self.into()))),
        }
    }

    fn lay_out(&self, shared: &Shared) -> Result<Command> {
        shared.needs_ec()?;
        let buffer = |len: usize| shared.pool.take(len, 0).map(Some);
        let filled = |parts: &[&[u8]]| -> Result<Option<DmaBuf>> {
            let data = parts.concat();
            let mut b = shared.pool.take(data.len(), 0)?;
            b.copy_from_slice(&data);
            Ok(Some(b))
        };
        let on = |op: Opcode, key: KeyHandle| {
            if key.of_epoch(shared.epoch()) {
                Ok(Command::on(op, key))
            } else {
                Err(Error::StaleKey(key.slot()))
            }
        };
        let mut c;
        match &self.op {
            Op::Sign {
                key,
                hash,
                digest,
                deterministic,
            } => {
                c = on(Opcode::EcSign, *key)?;
                digest_fits(digest)?;
                c.s.set_aad3((*hash as u32) << 16 | u32::from(*deterministic));
                c.src = filled(&[digest])?;
                c.dst = buffer(PAIR)?;
            }
            Op::Verify {
                public,
                digest,
                signature,
            } => {
                digest_fits(digest)?;
                if public.curve() != signature.curve() {
                    return Err(Error::Invalid(format!(
                        "a signature of {} and a public key of {}",
                        signature.curve(),
                        public.curve()
                    )));
                }
                c = Command::new(Opcode::EcVerify);
                c.s.set_aad0(public.curve().key_type() as u32);
                c.src = filled(&[public.as_bytes(), signature.as_bytes(), digest])?;
            }
            Op::PublicKey(key, curve) => {
                c = on(Opcode::EcPublic, *key)?;
                c.dst = buffer(2 * curve.size())?;
            }
            Op::Check(public) => {
                c = Command::new(Opcode::EcCheck);
                c.s.set_aad0(public.curve().key_type() as u32);
                c.src = filled(&[public.as_bytes()])?;
            }
            Op::SharedSecret(key, peer) => {
                c = on(Opcode::EcRaw, *key)?;
                c.src = filled(&[peer.as_bytes()])?;
                c.dst = buffer(PAIR / 2)?;
            }
        }
        let sized = c.src.as_ref().or(c.dst.as_ref()).map_or(0, |b| b.len());
        c.s.set_pay_len(sized as u32);
        Ok(c)
    }
}

fn digest_fits(digest: &[u8]) -> Result<()> {
    if (20..=64).contains(&digest.len()) && digest.len().is_multiple_of(4) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "a digest of {} bytes: 20 to 64 are possible, a multiple of 4; give the message's digest, not the message",
        digest.len()
    )))
}

impl Done {
    /// What the device wrote.
    fn written(self) -> Result<Zeroizing<Vec<u8>>> {
        let n = self.bytes as usize;
        let b = bytes(self.ok()?.dst)?;
        let data = b.get(..n).map(|d| Zeroizing::new(d.to_vec()));
        data.ok_or_else(|| {
            Error::Incompatible(format!(
                "it says that it wrote {n} bytes to a buffer of {}",
                b.len()
            ))
        })
    }

    fn pair(self) -> Result<(Curve, Zeroizing<Vec<u8>>)> {
        let data = self.written()?;
        let curve = Curve::of_pair(data.len());
        let curve =
            curve.ok_or_else(|| Error::Incompatible(format!("it wrote {} bytes of a pair", data.len())))?;
        Ok((curve, data))
    }

    /// The signature, of [`EcRequest::sign`].
    pub fn signature(self) -> Result<Signature> {
        let (curve, data) = self.pair()?;
        Signature::new(curve, &data)
    }

    /// The public key, of [`EcRequest::public_key`].
    pub fn public_key(self) -> Result<PublicKey> {
        let (curve, data) = self.pair()?;
        PublicKey::new(curve, &data)
    }

    /// x of the shared point, of [`EcRequest::shared_secret`].
    pub fn shared_secret(self) -> Result<Zeroizing<Vec<u8>>> {
        self.written()
    }
}

impl From<EcRequest> for AnyRequest {
    fn from(r: EcRequest) -> Self {
        Self::Ec(r)
    }
}
