// SPDX-License-Identifier: Apache-2.0
//! The key operations of the functional model (abi/README.md, *Key operations*). The guard has let them through.

use super::guard::{Grant, base, digest};
use super::kdf;
use super::request::{Refusal, read_runs, write_runs};
use super::slots::{Attributes, BLOB_MARK, Key, Slot};
use crate::root::RootSecret;
use casemate_abi::{Completion, IvPolicy, KeyAttributes, KeyType, Opcode, Origin, Status, Submission, usage};
use casemate_sim::memory::Iommu;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a blob: attributes, IV, four zeros, tag, ciphertext.
const BLOB: usize = 128;

/// Slots, and what keys are made from.
pub struct Vault {
    pub slots: Vec<Slot>,
    pub root: RootSecret,
    /// Noise that fails its tests: nothing random any more.
    pub stuck: bool,
    /// There is an EC engine.
    pub ec: bool,
    /// Its checks of its own work fail.
    pub ec_faulty: bool,
}

fn at(hi: u32, lo: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}

pub fn source(iommu: &mut Iommu, s: &Submission) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let run = (at(s.src_hi(), s.src_lo()), s.pay_len().into());
    read_runs(iommu, &[run], Status::DmaSrc).map(Zeroizing::new)
}

pub fn deliver(iommu: &mut Iommu, s: &Submission, data: &[u8], c: &mut Completion) -> Result<(), Refusal> {
    let run = (at(s.dst_hi(), s.dst_lo()), data.len() as u64);
    write_runs(iommu, &[run], data)?;
    c.set_bytes(data.len() as u32);
    Ok(())
}

impl Vault {
    pub fn key(&self, index: usize) -> &Key {
        self.slots[index].key.as_ref().expect("the guard saw one")
    }

    pub fn random(&self, n: usize) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let mut out = Zeroizing::new(vec![0; n]);
        if self.stuck || getrandom::fill(&mut out).is_err() {
            return Err((Status::NoEntropy, 0));
        }
        Ok(out)
    }

    fn fill(&mut self, index: usize, a: Attributes, material: Zeroizing<Vec<u8>>, c: &mut Completion) {
        let slot = &mut self.slots[index];
        slot.generation += 1;
        slot.key = Some(Key::new(a, material));
        c.set_result0(slot.generation.into());
    }

    /// KEY_LOAD, with the key window.
    pub fn load(&mut self, index: usize, a: Attributes, window: &[u32; 16], c: &mut Completion) {
        let mut material = Zeroizing::new(Vec::with_capacity(64));
        window
            .iter()
            .for_each(|w| material.extend_from_slice(&w.to_le_bytes()));
        material[a.len..].zeroize();
        material.truncate(a.len);
        self.fill(index, a, material, c);
    }

    /// A seal is on its way: it counts, whatever becomes of it. Returns its number if that is its IV.
    pub fn count_seal(&mut self, index: usize) -> Option<u32> {
        let a = &mut self.slots[index]
            .key
            .as_mut()
            .expect("the guard saw one")
            .attributes;
        let number = a.used;
        a.used += 1;
        (a.policy == IvPolicy::Counter as u8).then_some(number)
    }

    /// The others but AES-GCM.
    pub fn run(
        &mut self,
        iommu: &mut Iommu,
        grant: Grant,
        s: &Submission,
        domain: u8,
        c: &mut Completion,
    ) -> Result<(), Refusal> {
        use Opcode::*;
        let index = s.slot() as usize;
        let hash = || grant.hash.expect("the guard saw one");
        match grant.op {
            Nop | GcmSeal | GcmOpen | KeyLoad => unreachable!("done elsewhere"),
            KeyDestroy => self.slots[index].key = None,
            KeyLock => {
                let key = self.slots[index].key.as_mut().expect("the guard saw one");
                key.attributes.usage &= (s.aad0() >> 16) as u16;
                if s.aad_len() != 0 {
                    key.attributes.limit = key.attributes.limit.min(s.aad_len());
                }
            }
            KeyQuery => {
                let slot = &self.slots[index];
                let mut out = [0; 64];
                let a = match &slot.key {
                    Some(key) => key.attributes.encode(slot.generation.into()),
                    None => *KeyAttributes::default().set_generation(slot.generation.into()),
                };
                out[..32].copy_from_slice(&a.to_le());
                deliver(iommu, s, &out, c)?;
            }
            Random => {
                let out = self.random(s.pay_len() as usize)?;
                deliver(iommu, s, &out, c)?;
            }
            MacSign | MacVerify => {
                let message = source(iommu, s)?;
                let len = (s.aad3() & 0x7f) as usize;
                let mac = kdf::hmac(hash(), &self.key(index).material, &[&message]);
                assert!(len <= digest(hash()) as usize);
                if grant.op == MacSign {
                    deliver(iommu, s, &mac[..len], c)?;
                } else {
                    let run = (at(s.dst_hi(), s.dst_lo()), len as u64);
                    let given = read_runs(iommu, &[run], Status::DmaTag)?;
                    if !bool::from(mac[..len].ct_eq(&given)) {
                        return Err((Status::TagMismatch, 0));
                    }
                }
            }
            KeyWrap => {
                let (under, _) = base(s);
                let blob = self.random(12).map(|iv| self.blob(index, under, &iv));
                // It counts, whatever becomes of it.
                let key = self.slots[under].key.as_mut();
                key.expect("the guard saw one").attributes.used += 1;
                deliver(iommu, s, &blob?, c)?;
            }
            EcSign | EcVerify | EcPublic | EcCheck | EcRaw => self.ec(iommu, &grant, s, c)?,
            KwpWrap => {
                let wrapped = kdf::kwp_wrap(&self.key(base(s).0).material, &self.key(index).material);
                deliver(iommu, s, &wrapped, c)?;
            }
            _ => {
                let (a, material) = self.make(iommu, &grant, s, domain, c)?;
                self.fill(index, a, material, c);
            }
        }
        Ok(())
    }

    /// The attributes and the material of a key to be made.
    fn make(
        &self,
        iommu: &mut Iommu,
        grant: &Grant,
        s: &Submission,
        domain: u8,
        c: &mut Completion,
    ) -> Result<(Attributes, Zeroizing<Vec<u8>>), Refusal> {
        let wanted = || grant.attributes.clone().expect("the guard saw them");
        let hash = || grant.hash.expect("the guard saw one");
        let given = |n: usize| &self.key(n).material;
        let (base, _) = base(s);
        let bad_blob = (Status::BadBlob, 0);
        Ok(match grant.op {
            Opcode::KeyGenerate => {
                let a = wanted();
                let material = self.random(a.len)?;
                (a, material)
            }
            Opcode::KeyRoot => {
                let epoch = (s.aad1() >> 16) as u16;
                let a = wanted();
                let context = [&[a.domain][..], &epoch.to_be_bytes()].concat();
                (a, kdf::own(self.root.bytes(), "casemate wrapping key", &context))
            }
            Opcode::KeyHkdf => {
                let input = source(iommu, s)?;
                let (salt, info) = input.split_at((s.aad3() & 0xffff) as usize);
                let a = wanted();
                let material = kdf::hkdf(hash(), given(base), salt, info, a.len);
                (a, material)
            }
            Opcode::KeyKbkdf => {
                let fixed = source(iommu, s)?;
                let a = wanted();
                let material = kdf::kbkdf(hash(), given(base), &fixed, a.len);
                (a, material)
            }
            Opcode::KeyMessage => self.message(iommu, s, base, domain, c)?,
            Opcode::EcGenerate => {
                let a = wanted();
                let material = self.ec_generate(iommu, &a, s, c)?;
                (a, material)
            }
            Opcode::EcEcdh => {
                let a = wanted();
                let material = self.ec_ecdh(iommu, grant, s, a.len)?;
                (a, material)
            }
            Opcode::KwpUnwrap => {
                let wrapped = source(iommu, s)?;
                let a = wanted();
                let material = kdf::kwp_unwrap(given(base), &wrapped);
                let material = material.filter(|m| m.len() == a.len).ok_or(bad_blob)?;
                (a, material)
            }
            Opcode::KeyUnwrap => {
                let blob = source(iommu, s)?;
                let (mut a, material) = self.unblob(&blob, base, domain).ok_or(bad_blob)?;
                a.usage &= (s.aad0() >> 16) as u16;
                (a, material)
            }
            op => unreachable!("{op:?} makes no key here"),
        })
    }

    /// A message's key: its nonce made and given out, or given and taken.
    fn message(
        &self,
        iommu: &mut Iommu,
        s: &Submission,
        base: usize,
        domain: u8,
        c: &mut Completion,
    ) -> Result<(Attributes, Zeroizing<Vec<u8>>), Refusal> {
        let opening = s.aad3() & 1 == 1;
        let nonce = if opening {
            source(iommu, s)?
        } else {
            self.random(32)?
        };
        let a = Attributes {
            usage: if opening { usage::DECRYPT } else { usage::ENCRYPT },
            ..Attributes::of(
                s,
                KeyType::Aes256,
                if opening {
                    IvPolicy::Host as u8
                } else {
                    IvPolicy::Counter as u8
                },
                domain,
                Origin::Derived,
            )
        };
        let a = Attributes { len: 32, ..a };
        if !opening {
            deliver(iommu, s, &nonce, c)?;
        }
        let material = kdf::own(&self.key(base).material, "casemate message key", &nonce);
        Ok((a, material))
    }

    fn blob(&self, index: usize, base: usize, iv: &[u8]) -> Vec<u8> {
        let key = self.key(index);
        let aes = self.key(base).aes.as_ref().expect("a wrapping key");
        let head = key.attributes.encode(BLOB_MARK).to_le();
        let mut text = Zeroizing::new([0; 64]);
        text[..key.material.len()].copy_from_slice(&key.material);
        let tag = aes.seal(iv, &head, &mut text[..]);
        let blob = [&head[..], iv, &[0; 4], &tag, &text[..]].concat();
        assert_eq!(blob.len(), BLOB);
        blob
    }

    fn unblob(&self, blob: &[u8], base: usize, domain: u8) -> Option<(Attributes, Zeroizing<Vec<u8>>)> {
        let aes = self.key(base).aes.as_ref().expect("a wrapping key");
        let (head, iv, tag) = (&blob[..32], &blob[32..44], &blob[48..64]);
        let mut text = Zeroizing::new(blob[64..].to_vec());
        if !aes.open(iv, head, &mut text, tag) || blob[44..48] != [0; 4] {
            return None;
        }
        let a = KeyAttributes::from_le(head.try_into().expect("32 bytes"));
        let mut a = Attributes::decode(&a, self.ec).filter(|a| a.domain == domain)?;
        // What the host has known it still knows.
        if !matches!(a.origin, Origin::Imported | Origin::Foreign) {
            a.origin = Origin::Unwrapped;
        }
        let material = Zeroizing::new(text[..a.len].to_vec());
        Some((a, material))
    }
}
