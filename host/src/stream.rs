// SPDX-License-Identifier: Apache-2.0
//! Encrypted files: Tink's streaming AEAD with keys `AES256_GCM_HKDF_4KB` and `AES256_GCM_HKDF_1MB`, so that files can be read elsewhere.
//!
//! A file is a header, then segments. Header: 1 byte, its length (40); 32 bytes of salt; 7 bytes of nonce prefix.
//! The file's key is HKDF-SHA256(input key, salt, info = associated data), 32 bytes. Segment i, counted from 0, is sealed by
//! AES-256-GCM without AAD under the nonce prefix || i as 4 bytes big-endian || 1 for the last segment, else 0.
//! Every ciphertext segment but the last, tag included, fills the segment size; the header counts towards the first.
//! At least one segment is there, empty for an empty file.

use hkdf::Hkdf;
use sha2::Sha256;
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Bytes of a header.
pub const HEADER: usize = 40;
/// Bytes of a tag.
pub const TAG: usize = 16;

/// Ciphertext segment sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentSize {
    /// 4 KiB.
    Kb4,
    /// 1 MiB.
    Mb1,
}

impl SegmentSize {
    /// Ciphertext bytes of a full segment.
    pub fn bytes(self) -> usize {
        match self {
            Self::Kb4 => 4 << 10,
            Self::Mb1 => 1 << 20,
        }
    }

    /// Plaintext bytes of segment `index` when full.
    fn plain(self, index: u32) -> usize {
        self.bytes() - TAG - if index == 0 { HEADER } else { 0 }
    }
}

/// AES-256-GCM under one key, without AAD: the device, or software in tests.
pub trait SegmentCipher {
    /// Replaces `data` by its ciphertext and appends the tag.
    fn seal(&mut self, nonce: &[u8; 12], data: &mut Vec<u8>) -> Result<(), StreamError>;
    /// Cuts the tag off, checks it, and replaces `data` by its plaintext; on an error `data` is left empty.
    fn open(&mut self, nonce: &[u8; 12], data: &mut Vec<u8>) -> Result<(), StreamError>;
}

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// Reading or writing.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Shorter than any such file.
    #[error(
        "the file ends after {0} bytes: too short for an encrypted file; was it cut, or is it another format?"
    )]
    TooShort(usize),
    /// Another format.
    #[error(
        "the file does not begin with the header of AES256_GCM_HKDF (first byte {0}, not 40): another format?"
    )]
    NotAStream(u8),
    /// A tag is wrong.
    #[error(
        "segment {0} does not authenticate: the file was altered, cut or reordered, or the key, the associated data or the segment size is another"
    )]
    Segment(u32),
    /// Too long for the segment counter.
    #[error("the input has more than 2^32 segments: use the 1 MiB segment size or several files")]
    TooLong,
    /// The engine failed.
    #[error("the device failed: {0}")]
    Device(String),
}

fn nonce(prefix: &[u8], index: u32, last: bool) -> [u8; 12] {
    let mut n = [0; 12];
    n[..7].copy_from_slice(prefix);
    n[7..11].copy_from_slice(&index.to_be_bytes());
    n[11] = last.into();
    n
}

/// The file's key.
fn derive(key: &[u8; 32], salt: &[u8], aad: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), key)
        .expand(aad, &mut *out)
        .expect("32 bytes are within HKDF's limit");
    out
}

/// Reads until `buf` is `full` or the input ends.
fn fill(input: &mut impl Read, buf: &mut Vec<u8>, full: usize) -> io::Result<()> {
    let missing = full - buf.len();
    input.by_ref().take(missing as u64).read_to_end(buf)?;
    Ok(())
}

/// Encrypts `input` to its end; `cipher` makes the engine for the file's key. Returns the plaintext's length.
pub fn encrypt<C: SegmentCipher>(
    input: &mut impl Read,
    output: &mut impl Write,
    key: &[u8; 32],
    aad: &[u8],
    size: SegmentSize,
    cipher: impl FnOnce(&[u8; 32]) -> Result<C, StreamError>,
) -> Result<u64, StreamError> {
    let mut header = [0; HEADER];
    header[0] = HEADER as u8;
    getrandom::fill(&mut header[1..]).map_err(|e| StreamError::Device(format!("no randomness: {e}")))?;
    let (salt, prefix) = header[1..].split_at(32);
    let mut engine = cipher(&derive(key, salt, aad))?;
    output.write_all(&header)?;
    let mut total = 0;
    let mut now = Vec::new();
    fill(input, &mut now, size.plain(0))?;
    for index in 0u32.. {
        // A full segment is the last one only if nothing follows.
        let mut next = Vec::new();
        if now.len() == size.plain(index) {
            fill(input, &mut next, size.plain(index.saturating_add(1)))?;
        }
        let last = next.is_empty();
        if !last && index == u32::MAX {
            return Err(StreamError::TooLong);
        }
        total += now.len() as u64;
        engine.seal(&nonce(prefix, index, last), &mut now)?;
        output.write_all(&now)?;
        if last {
            break;
        }
        now = next;
    }
    output.flush()?;
    Ok(total)
}

/// Decrypts `input`. Segments are written as they authenticate: a caller that must not show part of an altered file writes to
/// a place it can discard. Returns the plaintext's length.
pub fn decrypt<C: SegmentCipher>(
    input: &mut impl Read,
    output: &mut impl Write,
    key: &[u8; 32],
    aad: &[u8],
    size: SegmentSize,
    cipher: impl FnOnce(&[u8; 32]) -> Result<C, StreamError>,
) -> Result<u64, StreamError> {
    let mut header = Vec::new();
    fill(input, &mut header, HEADER)?;
    if let Some(&first) = header.first()
        && usize::from(first) != HEADER
    {
        return Err(StreamError::NotAStream(first));
    }
    if header.len() < HEADER {
        return Err(StreamError::TooShort(header.len()));
    }
    let (salt, prefix) = header[1..].split_at(32);
    let mut engine = cipher(&derive(key, salt, aad))?;
    let mut total = 0;
    let mut now = Vec::new();
    fill(input, &mut now, size.plain(0) + TAG)?;
    for index in 0u32.. {
        let mut next = Vec::new();
        if now.len() == size.plain(index) + TAG {
            fill(input, &mut next, size.plain(index.saturating_add(1)) + TAG)?;
        }
        let last = next.is_empty();
        if now.len() < TAG || (!last && index == u32::MAX) {
            return Err(StreamError::Segment(index));
        }
        engine
            .open(&nonce(prefix, index, last), &mut now)
            .map_err(|e| match e {
                StreamError::Segment(_) => StreamError::Segment(index),
                other => other,
            })?;
        output.write_all(&now)?;
        total += now.len() as u64;
        if last {
            break;
        }
        now = next;
    }
    output.flush()?;
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInPlace};

    struct Software(Aes256Gcm);

    impl SegmentCipher for Software {
        fn seal(&mut self, nonce: &[u8; 12], data: &mut Vec<u8>) -> Result<(), StreamError> {
            self.0
                .encrypt_in_place(nonce.into(), b"", data)
                .map_err(|e| StreamError::Device(e.to_string()))
        }
        fn open(&mut self, nonce: &[u8; 12], data: &mut Vec<u8>) -> Result<(), StreamError> {
            self.0
                .decrypt_in_place(nonce.into(), b"", data)
                .map_err(|_| StreamError::Segment(0))
        }
    }

    fn software(key: &[u8; 32]) -> Result<Software, StreamError> {
        Ok(Software(Aes256Gcm::new(key.into())))
    }

    const KEY: [u8; 32] = [7; 32];

    fn seal(plain: &[u8], size: SegmentSize) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(
            encrypt(&mut &plain[..], &mut out, &KEY, b"ad", size, software).unwrap(),
            plain.len() as u64
        );
        out
    }

    fn open(sealed: &[u8], key: &[u8; 32], aad: &[u8], size: SegmentSize) -> Result<Vec<u8>, StreamError> {
        let mut out = Vec::new();
        decrypt(&mut &sealed[..], &mut out, key, aad, size, software).map(|_| out)
    }

    #[test]
    fn sizes_around_segment_boundaries() {
        let first = SegmentSize::Kb4.plain(0);
        let rest = SegmentSize::Kb4.plain(1);
        for n in [
            0,
            1,
            first - 1,
            first,
            first + 1,
            first + rest - 1,
            first + rest,
            first + rest + 1,
            20_000,
        ] {
            let plain: Vec<u8> = (0..n).map(|i| (i * 31) as u8).collect();
            let sealed = seal(&plain, SegmentSize::Kb4);
            assert_eq!(
                open(&sealed, &KEY, b"ad", SegmentSize::Kb4).unwrap(),
                plain,
                "{n} bytes"
            );
            assert!(sealed.len() >= HEADER + TAG);
        }
    }

    #[test]
    fn whatever_is_altered_is_refused() {
        let plain = vec![3; 13_000];
        let sealed = seal(&plain, SegmentSize::Kb4);
        let refused = |bytes: &[u8]| open(bytes, &KEY, b"ad", SegmentSize::Kb4).unwrap_err();
        for i in (0..sealed.len()).step_by(97).chain(0..HEADER) {
            let mut bad = sealed.clone();
            bad[i] ^= 0x10;
            refused(&bad);
        }
        for cut in (0..sealed.len())
            .step_by(89)
            .chain([4096, 8192, sealed.len() - 1])
        {
            refused(&sealed[..cut]);
        }
        let mut swapped = sealed.clone();
        let (a, b) = swapped[4096..].split_at_mut(4096);
        a.swap_with_slice(&mut b[..4096]);
        assert!(matches!(refused(&swapped), StreamError::Segment(1)));
        let mut longer = sealed.clone();
        longer.push(0);
        refused(&longer);
        assert!(open(&sealed, &[8; 32], b"ad", SegmentSize::Kb4).is_err());
        assert!(open(&sealed, &KEY, b"other", SegmentSize::Kb4).is_err());
        assert!(open(&sealed, &KEY, b"ad", SegmentSize::Mb1).is_err());
        assert!(matches!(refused(b"x"), StreamError::NotAStream(b'x')));
        assert!(matches!(refused(&sealed[..20]), StreamError::TooShort(20)));
    }
}
