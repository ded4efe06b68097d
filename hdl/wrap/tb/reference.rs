// SPDX-License-Identifier: Apache-2.0
//! What the engine is compared with: crates `aes-gcm` and `aes-kw`, and a key wrap of our own that can also be made to wrap wrongly.

use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit, consts::U16};
use aes_gcm::{AeadInPlace, AesGcm, aead::consts::U12};
use aes_kw::{KekAes128, KekAes192, KekAes256};

/// A block cipher under a key of any size.
pub struct Aes {
    encrypt: Box<dyn Fn([u8; 16]) -> [u8; 16]>,
    decrypt: Box<dyn Fn([u8; 16]) -> [u8; 16]>,
}

impl Aes {
    pub fn new(key: &[u8]) -> Self {
        fn of<C>(key: &[u8]) -> Aes
        where
            C: BlockEncrypt<BlockSize = U16> + BlockDecrypt + KeyInit + Clone + 'static,
        {
            let c = C::new_from_slice(key).unwrap();
            let d = c.clone();
            Aes {
                encrypt: Box::new(move |b| {
                    let mut b = b.into();
                    c.encrypt_block(&mut b);
                    b.into()
                }),
                decrypt: Box::new(move |b| {
                    let mut b = b.into();
                    d.decrypt_block(&mut b);
                    b.into()
                }),
            }
        }
        match key.len() {
            16 => of::<aes::Aes128>(key),
            24 => of::<aes::Aes192>(key),
            _ => of::<aes::Aes256>(key),
        }
    }

    pub fn encrypt(&self, b: [u8; 16]) -> [u8; 16] {
        (self.encrypt)(b)
    }

    pub fn decrypt(&self, b: [u8; 16]) -> [u8; 16] {
        (self.decrypt)(b)
    }
}

/// W of SP 800-38F, 6.1: the wrapping of semiblocks; a single one after A is a bare encryption (6.3, step 4).
pub fn w(key: &[u8], a: [u8; 8], text: &[u8]) -> Vec<u8> {
    let aes = Aes::new(key);
    let mut r: Vec<[u8; 8]> = text.chunks(8).map(|c| c.try_into().unwrap()).collect();
    if r.len() == 1 {
        return aes.encrypt([a, r[0]].concat().try_into().unwrap()).to_vec();
    }
    let (mut a, mut t) = (a, 0u64);
    for _ in 0..6 {
        for r in &mut r {
            let b = aes.encrypt([a, *r].concat().try_into().unwrap());
            t += 1;
            a = (u64::from_be_bytes(b[..8].try_into().unwrap()) ^ t).to_be_bytes();
            r.copy_from_slice(&b[8..]);
        }
    }
    [a].into_iter().chain(r).flatten().collect()
}

/// The integrity value of RFC 5649, 3.
pub fn icv(len: u32) -> [u8; 8] {
    (0xa659_59a6_0000_0000 | u64::from(len)).to_be_bytes()
}

/// KWP-AE.
pub fn kwp_wrap(key: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut text = plain.to_vec();
    text.resize(plain.len().next_multiple_of(8), 0);
    w(key, icv(plain.len() as u32), &text)
}

/// KWP-AE by the crate.
pub fn kwp_wrap_by_crate(key: &[u8], plain: &[u8]) -> Vec<u8> {
    match key.len() {
        16 => KekAes128::try_from(key).unwrap().wrap_with_padding_vec(plain),
        24 => KekAes192::try_from(key).unwrap().wrap_with_padding_vec(plain),
        _ => KekAes256::try_from(key).unwrap().wrap_with_padding_vec(plain),
    }
    .unwrap()
}

/// AES-GCM by the crate.
pub fn gcm_seal(key: &[u8], iv: [u8; 12], aad: &[u8], plain: &[u8]) -> (Vec<u8>, [u8; 16]) {
    let mut text = plain.to_vec();
    let iv = iv.into();
    let tag = match key.len() {
        16 => AesGcm::<aes::Aes128, U12>::new_from_slice(key)
            .unwrap()
            .encrypt_in_place_detached(&iv, aad, &mut text),
        24 => AesGcm::<aes::Aes192, U12>::new_from_slice(key)
            .unwrap()
            .encrypt_in_place_detached(&iv, aad, &mut text),
        _ => AesGcm::<aes::Aes256, U12>::new_from_slice(key)
            .unwrap()
            .encrypt_in_place_detached(&iv, aad, &mut text),
    };
    (text, tag.unwrap().into())
}
