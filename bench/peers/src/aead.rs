// SPDX-License-Identifier: Apache-2.0
//! AES-256-GCM.

use crate::openssl::{self, Library};
use crate::version;
use aes::cipher::{BlockEncrypt, KeyInit, generic_array::GenericArray};
use anyhow::{Result, anyhow};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

/// A library with a key.
pub trait Aead {
    fn name(&self) -> &str;
    fn version(&self) -> Result<String> {
        version(self.name())
    }
    /// Seals in place; gives the tag.
    fn seal(&mut self, iv: &[u8; 12], data: &mut [u8]) -> Result<[u8; 16]>;
}

/// All there are, the baseline first.
pub fn all<'a>(key: &[u8; 32], openssl: Option<&'a Library>) -> Result<Vec<Box<dyn Aead + 'a>>> {
    let mut all: Vec<Box<dyn Aead + 'a>> = vec![
        Box::new(AwsLc::new(key)?),
        Box::new(Ring::new(key)?),
        Box::new(AesGcm(aes_gcm::Aes256Gcm::new(key.into()))),
        Box::new(AesGhash::new(key)),
    ];
    if let Some(library) = openssl {
        all.push(Box::new(OpenSsl(openssl::Gcm::new(library, key)?)));
    }
    Ok(all)
}

struct AwsLc(aws_lc_rs::aead::LessSafeKey);

impl AwsLc {
    fn new(key: &[u8; 32]) -> Result<Self> {
        use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|e| anyhow!("aws-lc-rs: {e}"))?;
        Ok(Self(LessSafeKey::new(key)))
    }
}

impl Aead for AwsLc {
    fn name(&self) -> &str {
        "aws-lc-rs"
    }

    fn seal(&mut self, iv: &[u8; 12], data: &mut [u8]) -> Result<[u8; 16]> {
        use aws_lc_rs::aead::{Aad, Nonce};
        let iv = Nonce::assume_unique_for_key(*iv);
        let tag = self.0.seal_in_place_separate_tag(iv, Aad::empty(), data);
        let tag = tag.map_err(|e| anyhow!("aws-lc-rs: {e}"))?;
        Ok(tag.as_ref().try_into()?)
    }
}

struct Ring(ring::aead::LessSafeKey);

impl Ring {
    fn new(key: &[u8; 32]) -> Result<Self> {
        use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
        let key = UnboundKey::new(&AES_256_GCM, key).map_err(|e| anyhow!("ring: {e}"))?;
        Ok(Self(LessSafeKey::new(key)))
    }
}

impl Aead for Ring {
    fn name(&self) -> &str {
        "ring"
    }

    fn seal(&mut self, iv: &[u8; 12], data: &mut [u8]) -> Result<[u8; 16]> {
        use ring::aead::{Aad, Nonce};
        let iv = Nonce::assume_unique_for_key(*iv);
        let tag = self.0.seal_in_place_separate_tag(iv, Aad::empty(), data);
        let tag = tag.map_err(|e| anyhow!("ring: {e}"))?;
        Ok(tag.as_ref().try_into()?)
    }
}

struct AesGcm(aes_gcm::Aes256Gcm);

impl Aead for AesGcm {
    fn name(&self) -> &str {
        "aes-gcm"
    }

    fn seal(&mut self, iv: &[u8; 12], data: &mut [u8]) -> Result<[u8; 16]> {
        use aes_gcm::AeadInPlace;
        let tag = self.0.encrypt_in_place_detached(iv.into(), &[], data);
        Ok(tag.map_err(|e| anyhow!("aes-gcm: {e}"))?.into())
    }
}

/// What the functional model does: `aes` and `ghash` put together.
struct AesGhash {
    aes: aes::Aes256,
    ghash: GHash,
}

impl AesGhash {
    fn new(key: &[u8; 32]) -> Self {
        let aes = aes::Aes256::new(key.into());
        let mut h = GenericArray::default();
        aes.encrypt_block(&mut h);
        Self {
            aes,
            ghash: GHash::new(&h),
        }
    }
}

impl Aead for AesGhash {
    fn name(&self) -> &str {
        "aes + ghash"
    }

    fn version(&self) -> Result<String> {
        Ok(format!("{} + {}", version("aes")?, version("ghash")?))
    }

    fn seal(&mut self, iv: &[u8; 12], data: &mut [u8]) -> Result<[u8; 16]> {
        let counter = |n: u32| {
            let mut b = [0; 16];
            b[..12].copy_from_slice(iv);
            b[12..].copy_from_slice(&n.to_be_bytes());
            b.into()
        };
        let mut ghash = self.ghash.clone();
        // As many blocks as the cipher's pipeline takes at a time.
        for (i, part) in data.chunks_mut(128).enumerate() {
            let mut stream: [aes::Block; 8] = std::array::from_fn(|j| counter((i * 8 + j) as u32 + 2));
            self.aes.encrypt_blocks(&mut stream);
            let stream = stream.iter().flatten();
            part.iter_mut().zip(stream).for_each(|(d, s)| *d ^= s);
            ghash.update_padded(part);
        }
        let mut lengths = [0; 16];
        lengths[8..].copy_from_slice(&(data.len() as u64 * 8).to_be_bytes());
        ghash.update(&[lengths.into()]);
        let mut mask = counter(1);
        self.aes.encrypt_block(&mut mask);
        let mut tag: [u8; 16] = ghash.finalize().into();
        tag.iter_mut().zip(mask).for_each(|(t, m)| *t ^= m);
        Ok(tag)
    }
}

struct OpenSsl<'a>(openssl::Gcm<'a>);

impl Aead for OpenSsl<'_> {
    fn name(&self) -> &str {
        "OpenSSL"
    }

    fn version(&self) -> Result<String> {
        Ok(self.0.library.version())
    }

    fn seal(&mut self, iv: &[u8; 12], data: &mut [u8]) -> Result<[u8; 16]> {
        self.0.seal(iv, data)
    }
}
