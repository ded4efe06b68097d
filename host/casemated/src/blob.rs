// SPDX-License-Identifier: Apache-2.0
//! The ciphertext blob.
//!
//! | bytes | what |
//! |---|---|
//! | 0 | version: 1 |
//! | 1 | scheme: 1, AES-256-GCM under the message key of KEY_MESSAGE |
//! | 2 | 1 for a multi-region key, else 0 |
//! | 3 | 0 |
//! | 4-19 | the key's UUID |
//! | 20-51 | id of the key material |
//! | 52-83 | the message's nonce, from which and the material its key is derived in the device |
//! | 84-95 | IV, the device's count |
//! | 96- | ciphertext, then the tag of 16 bytes |
//!
//! Additional authenticated data: bytes 0 to 83, then the encryption context ([`crate::context`]).

use crate::context::EncryptionContext;
use crate::id::KeyId;

/// Bytes before the IV.
const HEAD: usize = 84;
/// Bytes before the ciphertext.
const BODY: usize = 96;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// What a blob says of itself. Only opening shows whether that is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which key.
    pub key: KeyId,
    /// Which of its materials.
    pub material: [u8; 32],
    /// The message's nonce.
    pub nonce: [u8; 32],
}

impl Header {
    /// Its bytes.
    pub fn bytes(&self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        out[..4].copy_from_slice(&[1, 1, self.key.multi_region().into(), 0]);
        out[4..20].copy_from_slice(self.key.uuid());
        out[20..52].copy_from_slice(&self.material);
        out[52..].copy_from_slice(&self.nonce);
        out
    }

    /// What is authenticated beside the message.
    pub fn aad(&self, context: &EncryptionContext) -> Vec<u8> {
        [&self.bytes()[..], &context.canonical()].concat()
    }
}

/// A blob's parts.
#[derive(Debug)]
pub struct Parts<'a> {
    /// The authenticated part.
    pub header: Header,
    /// IV.
    pub iv: [u8; 12],
    /// Ciphertext and tag.
    pub sealed: &'a [u8],
}

/// A blob of its parts.
pub fn join(header: &Header, iv: &[u8; 12], sealed: &[u8]) -> Vec<u8> {
    [&header.bytes()[..], iv, sealed].concat()
}

/// The parts of a blob; None of what cannot be one.
pub fn split(blob: &[u8]) -> Option<Parts<'_>> {
    let (head, rest) = blob.split_at_checked(HEAD)?;
    let (iv, sealed) = rest.split_at_checked(BODY - HEAD)?;
    let [1, 1, multi_region @ (0 | 1), 0] = head[..4] else {
        return None;
    };
    if sealed.len() <= TAG {
        return None;
    }
    Some(Parts {
        header: Header {
            key: KeyId::new(head[4..20].try_into().ok()?, multi_region == 1),
            material: head[20..52].try_into().ok()?,
            nonce: head[52..84].try_into().ok()?,
        },
        iv: iv.try_into().ok()?,
        sealed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let header = Header {
            key: KeyId::new([7; 16], true),
            material: [8; 32],
            nonce: [9; 32],
        };
        let blob = join(&header, &[1; 12], &[2; 17]);
        let parts = split(&blob).unwrap();
        assert_eq!(
            (parts.header, parts.iv, parts.sealed),
            (header, [1; 12], &[2; 17][..])
        );
        for cut in 0..blob.len() {
            assert!(split(&blob[..cut]).is_none());
        }
        for i in 0..4 {
            let mut bad = blob.clone();
            bad[i] ^= 0x40;
            assert!(split(&bad).is_none());
        }
    }
}
