// SPDX-License-Identifier: Apache-2.0
//! HMAC (FIPS 198-1), HKDF (RFC 5869), the KDF in counter mode (SP 800-108r1, 4.1) and AES-KWP (RFC 5649), over RustCrypto's crates.

use aes_kw::KekAes256;
use casemate_abi::Hash;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Sha256, Sha384, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// HMAC of the parts, one after another: the whole digest.
pub fn hmac(hash: Hash, key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    fn of<M: Mac + hmac::digest::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
        let mut m = <M as Mac>::new_from_slice(key).expect("HMAC takes any key");
        parts.iter().for_each(|p| m.update(p));
        Zeroizing::new(m.finalize().into_bytes().to_vec())
    }
    match hash {
        Hash::Sha256 => of::<Hmac<Sha256>>(key, parts),
        Hash::Sha384 => of::<Hmac<Sha384>>(key, parts),
        Hash::Sha512 => of::<Hmac<Sha512>>(key, parts),
    }
}

/// HKDF, extract and expand, to `len` bytes: at most 64.
pub fn hkdf(hash: Hash, key: &[u8], salt: &[u8], info: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(vec![0; len]);
    let done = match hash {
        Hash::Sha256 => Hkdf::<Sha256>::new(Some(salt), key).expand(info, &mut out),
        Hash::Sha384 => Hkdf::<Sha384>::new(Some(salt), key).expand(info, &mut out),
        Hash::Sha512 => Hkdf::<Sha512>::new(Some(salt), key).expand(info, &mut out),
    };
    done.expect("64 bytes are within HKDF's limit");
    out
}

/// The KDF in counter mode, a 32-bit counter before the fixed input data, to `len` bytes.
pub fn kbkdf(hash: Hash, key: &[u8], fixed: &[u8], len: usize) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(len + 64));
    for i in 1u32.. {
        if out.len() >= len {
            break;
        }
        out.extend_from_slice(&hmac(hash, key, &[&i.to_be_bytes(), fixed]));
    }
    out[len..].zeroize();
    out.truncate(len);
    out
}

/// The KDF in counter mode with SHA-256 to 256 bits, its fixed input a label and a context as the device's own keys have them.
pub fn own(key: &[u8], label: &str, context: &[u8]) -> Zeroizing<Vec<u8>> {
    let fixed = [label.as_bytes(), &[0], context, &256u32.to_be_bytes()].concat();
    kbkdf(Hash::Sha256, key, &fixed, 32)
}

/// AES-KWP under a 32-byte key.
pub fn kwp_wrap(kek: &[u8], key: &[u8]) -> Vec<u8> {
    let kek = KekAes256::try_from(kek).expect("a wrapping key has 32 bytes");
    kek.wrap_with_padding_vec(key).expect("of a slot's length")
}

/// The key in it; None if it is not one of `kek`.
pub fn kwp_unwrap(kek: &[u8], wrapped: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let kek = KekAes256::try_from(kek).expect("a wrapping key has 32 bytes");
    kek.unwrap_with_padding_vec(wrapped).ok().map(Zeroizing::new)
}
