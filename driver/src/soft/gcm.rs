// SPDX-License-Identifier: Apache-2.0
//! AES-GCM (SP 800-38D) for any IV and tag length, over crates `aes` and `ghash`.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};
use ghash::{GHash, universal_hash::UniversalHash};
use subtle::ConstantTimeEq;

/// A key's schedule and H.
pub enum Key {
    /// 16 bytes.
    Aes128(Box<Aes128>),
    /// 24 bytes.
    Aes192(Box<Aes192>),
    /// 32 bytes.
    Aes256(Box<Aes256>),
}

impl Key {
    /// From 16, 24 or 32 bytes.
    pub fn new(bytes: &[u8]) -> Self {
        match bytes.len() {
            16 => Self::Aes128(Box::new(Aes128::new_from_slice(bytes).expect("16 bytes"))),
            24 => Self::Aes192(Box::new(Aes192::new_from_slice(bytes).expect("24 bytes"))),
            _ => Self::Aes256(Box::new(Aes256::new_from_slice(bytes).expect("32 bytes"))),
        }
    }

    fn encrypt(&self, block: &mut [u8; 16]) {
        let b = Block::from_mut_slice(block);
        match self {
            Self::Aes128(k) => k.encrypt_block(b),
            Self::Aes192(k) => k.encrypt_block(b),
            Self::Aes256(k) => k.encrypt_block(b),
        }
    }

    fn ghash(&self) -> GHash {
        let mut h = [0; 16];
        self.encrypt(&mut h);
        GHash::new(&h.into())
    }

    /// 7.1 and 7.2, step 2.
    fn j0(&self, iv: &[u8]) -> [u8; 16] {
        let mut j0 = [0; 16];
        if iv.len() == 12 {
            j0[..12].copy_from_slice(iv);
            j0[15] = 1;
            return j0;
        }
        let mut g = self.ghash();
        g.update_padded(iv);
        let mut len = [0; 16];
        len[8..].copy_from_slice(&(iv.len() as u64 * 8).to_be_bytes());
        g.update(&[len.into()]);
        g.finalize().into()
    }

    fn gctr(&self, j0: &[u8; 16], data: &mut [u8]) {
        let mut counter = u32::from_be_bytes([j0[12], j0[13], j0[14], j0[15]]);
        for chunk in data.chunks_mut(16) {
            counter = counter.wrapping_add(1);
            let mut block = *j0;
            block[12..].copy_from_slice(&counter.to_be_bytes());
            self.encrypt(&mut block);
            chunk.iter_mut().zip(block).for_each(|(d, s)| *d ^= s);
        }
    }

    fn tag(&self, j0: &[u8; 16], aad: &[u8], cipher: &[u8]) -> [u8; 16] {
        let mut g = self.ghash();
        g.update_padded(aad);
        g.update_padded(cipher);
        let mut len = [0; 16];
        len[..8].copy_from_slice(&(aad.len() as u64 * 8).to_be_bytes());
        len[8..].copy_from_slice(&(cipher.len() as u64 * 8).to_be_bytes());
        g.update(&[len.into()]);
        let mut tag: [u8; 16] = g.finalize().into();
        let mut mask = *j0;
        self.encrypt(&mut mask);
        tag.iter_mut().zip(mask).for_each(|(t, m)| *t ^= m);
        tag
    }

    /// Encrypts in place; returns the whole tag.
    pub fn seal(&self, iv: &[u8], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        let j0 = self.j0(iv);
        self.gctr(&j0, data);
        self.tag(&j0, aad, data)
    }

    /// Decrypts in place, whether or not the tag (4 to 16 bytes) matches; says which.
    pub fn open(&self, iv: &[u8], aad: &[u8], data: &mut [u8], tag: &[u8]) -> bool {
        let j0 = self.j0(iv);
        let right = self.tag(&j0, aad, data);
        self.gctr(&j0, data);
        right[..tag.len()].ct_eq(tag).into()
    }
}
