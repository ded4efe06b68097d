// SPDX-License-Identifier: Apache-2.0
//! The elliptic-curve operations of the functional model (abi/README.md, *Elliptic curves*). The guard has let them through.

use super::curve::{Curve, Point, Refused};
use super::guard::{Grant, base};
use super::kdf;
use super::keys::{Vault, deliver, source};
use super::request::Refusal;
use super::slots::Attributes;
use casemate_abi::{Completion, KeyType, Opcode, Status, Submission, ec_options};
use casemate_sim::memory::Iommu;
use num_bigint::BigUint;
use zeroize::Zeroizing;

/// Bytes of the random data in a nonce.
const HEDGE: usize = 32;

fn point(curve: &Curve, bytes: &[u8]) -> Result<Point, Refusal> {
    curve.point(bytes).ok_or((Status::BadPoint, 0))
}

impl Vault {
    /// The curve and the scalar of a private key.
    fn private(&self, index: usize) -> Result<(&'static Curve, BigUint), Refusal> {
        let key = self.key(index);
        let curve = Curve::of(key.attributes.kind).expect("the guard saw an EC key");
        let d = curve.scalar(&key.material).ok_or((Status::BadScalar, 0))?;
        Ok((curve, d))
    }

    /// The checks of what a private key has made.
    fn checked<T>(&self, result: T) -> Result<T, Refusal> {
        if self.ec_faulty {
            return Err((Status::EcFault, 0));
        }
        Ok(result)
    }

    /// Those that make no key.
    pub fn ec(
        &mut self,
        iommu: &mut Iommu,
        grant: &Grant,
        s: &Submission,
        c: &mut Completion,
    ) -> Result<(), Refusal> {
        let index = s.slot() as usize;
        let given = || {
            let kind = KeyType::from_code(s.aad0() as u8);
            kind.and_then(Curve::of).expect("the guard saw an EC type")
        };
        match grant.op {
            Opcode::EcSign => {
                let a = &mut self.slots[index]
                    .key
                    .as_mut()
                    .expect("the guard saw one")
                    .attributes;
                // It counts, whatever becomes of it.
                a.used += 1;
                let verify = u16::from(a.policy) & ec_options::VERIFY != 0;
                let digest = source(iommu, s)?;
                let extra = self.random(HEDGE)?;
                let (curve, d) = self.private(index)?;
                let extra = if s.aad3() & 1 == 1 { &[] } else { &extra[..] };
                let signature = curve.sign(grant.hash.expect("the guard saw one"), &d, &digest, extra);
                if verify && curve.verify(&curve.public(&d), &digest, &signature).is_err() {
                    return Err((Status::EcFault, 0));
                }
                deliver(iommu, s, &self.checked(signature)?, c)
            }
            Opcode::EcVerify => {
                let all = source(iommu, s)?;
                self.random(HEDGE)?;
                let curve = given();
                let (key, rest) = all.split_at(2 * curve.len);
                let (signature, digest) = rest.split_at(2 * curve.len);
                curve.verify(key, digest, signature).map_err(|e| match e {
                    Refused::Signature => (Status::BadSignature, 0),
                    Refused::Point => (Status::BadPoint, 0),
                })
            }
            Opcode::EcPublic => {
                self.random(HEDGE)?;
                let (curve, d) = self.private(index)?;
                deliver(iommu, s, &self.checked(curve.public(&d))?, c)
            }
            Opcode::EcCheck => point(given(), &source(iommu, s)?).map(drop),
            Opcode::EcRaw => {
                let peer = source(iommu, s)?;
                self.random(HEDGE)?;
                let (curve, d) = self.private(index)?;
                let shared = Zeroizing::new(curve.shared(&d, &point(curve, &peer)?));
                deliver(iommu, s, &self.checked(shared)?, c)
            }
            op => unreachable!("{op:?} is no such operation"),
        }
    }

    /// EC_GENERATE: a private key. Its public key is in memory before there is one.
    pub fn ec_generate(
        &self,
        iommu: &mut Iommu,
        a: &Attributes,
        s: &Submission,
        c: &mut Completion,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let curve = Curve::of(a.kind).expect("the guard saw an EC type");
        loop {
            let material = self.random(curve.len)?;
            if let Some(d) = curve.scalar(&material) {
                deliver(iommu, s, &self.checked(curve.public(&d))?, c)?;
                return Ok(material);
            }
        }
    }

    /// EC_ECDH: the material of a key from a private key and a peer's public key.
    pub fn ec_ecdh(
        &self,
        iommu: &mut Iommu,
        grant: &Grant,
        s: &Submission,
        len: usize,
    ) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let input = source(iommu, s)?;
        self.random(HEDGE)?;
        let (curve, d) = self.private(base(s).0)?;
        let (peer, rest) = input.split_at(2 * curve.len);
        let (salt, info) = rest.split_at((s.aad3() & 0xffff) as usize);
        let shared = Zeroizing::new(curve.shared(&d, &point(curve, peer)?));
        let hash = grant.hash.expect("the guard saw one");
        Ok(kdf::hkdf(hash, &self.checked(shared)?, salt, info, len))
    }
}
