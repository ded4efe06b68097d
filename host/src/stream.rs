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
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::ops::DerefMut;
use zeroize::Zeroizing;

/// Bytes of a header.
pub const HEADER: usize = 40;
/// Bytes of its salt.
pub const SALT: usize = 32;
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

/// AES-256-GCM without AAD, under one key and in one direction: the device, or software in tests. Several segments can be at
/// work at once; they are finished in the order in which they were started.
pub trait SegmentCipher {
    /// Memory a segment is read into, worked on in place, and written from.
    type Buffer: DerefMut<Target = [u8]>;

    /// Segments that may be at work at once, at least 1.
    fn window(&self) -> usize;
    /// Memory for a full ciphertext segment.
    fn buffer(&mut self) -> Result<Self::Buffer, StreamError>;
    /// Starts on the first `len` bytes of `segment`. When sealing they are plaintext and the tag goes behind them; when opening
    /// they end with the tag.
    fn start(&mut self, nonce: &[u8; 12], segment: Self::Buffer, len: usize) -> Result<(), StreamError>;
    /// Waits for the oldest segment at work; None if it does not authenticate.
    fn finish(&mut self) -> Result<Option<Self::Buffer>, StreamError>;
    /// Takes memory back for another segment.
    fn recycle(&mut self, segment: Self::Buffer);
    /// Ends the work and destroys the key. A drop does the same, but tells no errors.
    fn close(self) -> Result<(), StreamError>;
}

/// Why a file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The input.
    #[error("reading the input")]
    Read(#[source] io::Error),
    /// The output.
    #[error("writing the output")]
    Write(#[source] io::Error),
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
    /// No randomness for the header.
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
    /// The device does not know the token.
    #[error(
        "the token does not unwrap on this device: it was altered, or made under another root secret (the device's `root=FILE`)"
    )]
    Token,
    /// The engine could not be had.
    #[error(transparent)]
    Open(Box<dyn std::error::Error + Send + Sync>),
    /// The engine failed.
    #[error("the device failed")]
    Device(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn nonce(prefix: &[u8], index: u32, last: bool) -> [u8; 12] {
    let mut n = [0; 12];
    n[..7].copy_from_slice(prefix);
    n[7..11].copy_from_slice(&index.to_be_bytes());
    n[11] = last.into();
    n
}

/// The file's key, of an input key that the host has.
pub fn derive(key: &[u8; 32], salt: &[u8], aad: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), key)
        .expand(aad, &mut *out)
        .expect("32 bytes are within HKDF's limit");
    out
}

/// Reads until `buf` is full or the input ends; returns the bytes read.
fn fill(input: &mut impl Read, buf: &mut [u8]) -> Result<usize, StreamError> {
    let mut at = 0;
    while at < buf.len() {
        match input.read(&mut buf[at..]) {
            Ok(0) => break,
            Ok(n) => at += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(StreamError::Read(e)),
        }
    }
    Ok(at)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Seal,
    Open,
}

/// Segments of one file on their way from input to output.
struct Flow<'a, C: SegmentCipher, W> {
    cipher: &'a mut C,
    output: &'a mut W,
    /// What each segment at work gives, bytes, oldest first.
    at_work: VecDeque<usize>,
    /// Index of the oldest.
    first: u32,
}

impl<C: SegmentCipher, W: Write> Flow<'_, C, W> {
    /// Writes out the oldest segments until no more than `left` are at work.
    fn drain(&mut self, left: usize) -> Result<(), StreamError> {
        while self.at_work.len() > left
            && let Some(len) = self.at_work.pop_front()
        {
            let segment = self.cipher.finish()?.ok_or(StreamError::Segment(self.first))?;
            self.output
                .write_all(&segment[..len])
                .map_err(StreamError::Write)?;
            self.cipher.recycle(segment);
            // Wraps after the last of 2^32 segments, when nobody looks at it again.
            self.first = self.first.wrapping_add(1);
        }
        Ok(())
    }

    fn run(
        &mut self,
        input: &mut impl Read,
        prefix: &[u8],
        size: SegmentSize,
        way: Direction,
    ) -> Result<u64, StreamError> {
        let full = |index: u32| size.plain(index) + if way == Direction::Open { TAG } else { 0 };
        let mut total = 0;
        let mut now = self.cipher.buffer()?;
        let mut len = fill(input, &mut now[..full(0)])?;
        for index in 0u32.. {
            // A full segment is the last one only if nothing follows.
            let mut next = self.cipher.buffer()?;
            let mut next_len = 0;
            if len == full(index) {
                next_len = fill(input, &mut next[..full(index.saturating_add(1))])?;
            }
            let last = next_len == 0;
            if way == Direction::Open && (len < TAG || (!last && index == u32::MAX)) {
                self.drain(0)?;
                return Err(StreamError::Segment(index));
            }
            if !last && index == u32::MAX {
                return Err(StreamError::TooLong);
            }
            let (plain, out) = match way {
                Direction::Seal => (len, len + TAG),
                Direction::Open => (len - TAG, len - TAG),
            };
            total += plain as u64;
            self.cipher.start(&nonce(prefix, index, last), now, len)?;
            self.at_work.push_back(out);
            if last {
                self.cipher.recycle(next);
                break;
            }
            self.drain(self.cipher.window().max(1) - 1)?;
            (now, len) = (next, next_len);
        }
        self.drain(0)?;
        self.output.flush().map_err(StreamError::Write)?;
        Ok(total)
    }
}

fn through<C: SegmentCipher>(
    mut cipher: C,
    input: &mut impl Read,
    output: &mut impl Write,
    prefix: &[u8],
    size: SegmentSize,
    way: Direction,
) -> Result<u64, StreamError> {
    let mut flow = Flow {
        cipher: &mut cipher,
        output,
        at_work: VecDeque::new(),
        first: 0,
    };
    let result = flow.run(input, prefix, size, way);
    let closed = cipher.close();
    // Of two errors the first is the cause.
    result.and_then(|total| closed.map(|()| total))
}

/// A header's salt and nonce prefix.
fn split(header: &[u8; HEADER]) -> (&[u8; SALT], &[u8]) {
    let (salt, prefix) = header[1..].split_at(SALT);
    (salt.try_into().expect("32 bytes"), prefix)
}

/// Encrypts `input` to its end; `cipher` makes the engine of the salt, which seals under the file's key. Returns the plaintext's length.
pub fn encrypt<C: SegmentCipher>(
    input: &mut impl Read,
    output: &mut impl Write,
    size: SegmentSize,
    cipher: impl FnOnce(&[u8; SALT]) -> Result<C, StreamError>,
) -> Result<u64, StreamError> {
    let mut header = [0; HEADER];
    header[0] = HEADER as u8;
    getrandom::fill(&mut header[1..]).map_err(StreamError::Random)?;
    let (salt, prefix) = split(&header);
    let engine = cipher(salt)?;
    output.write_all(&header).map_err(StreamError::Write)?;
    through(engine, input, output, prefix, size, Direction::Seal)
}

/// Decrypts `input`; `cipher` makes the engine of the salt, which opens under the file's key. Segments are written as they
/// authenticate: a caller that must not show part of an altered file writes to a place it can discard. Returns the plaintext's length.
pub fn decrypt<C: SegmentCipher>(
    input: &mut impl Read,
    output: &mut impl Write,
    size: SegmentSize,
    cipher: impl FnOnce(&[u8; SALT]) -> Result<C, StreamError>,
) -> Result<u64, StreamError> {
    let mut header = [0; HEADER];
    let len = fill(input, &mut header)?;
    if len > 0 && usize::from(header[0]) != HEADER {
        return Err(StreamError::NotAStream(header[0]));
    }
    if len < HEADER {
        return Err(StreamError::TooShort(len));
    }
    let (salt, prefix) = split(&header);
    let engine = cipher(salt)?;
    through(engine, input, output, prefix, size, Direction::Open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInPlace};

    /// Works on a segment only when it is waited for, as late as a device may.
    struct Software {
        gcm: Aes256Gcm,
        seal: bool,
        window: usize,
        at_work: VecDeque<([u8; 12], Vec<u8>, usize)>,
        buffers: usize,
        free: Vec<Vec<u8>>,
    }

    impl SegmentCipher for Software {
        type Buffer = Vec<u8>;
        fn window(&self) -> usize {
            self.window
        }
        fn buffer(&mut self) -> Result<Vec<u8>, StreamError> {
            Ok(self.free.pop().unwrap_or_else(|| {
                self.buffers += 1;
                vec![0; 4096]
            }))
        }
        fn start(&mut self, nonce: &[u8; 12], segment: Vec<u8>, len: usize) -> Result<(), StreamError> {
            assert!(self.at_work.len() < self.window);
            self.at_work.push_back((*nonce, segment, len));
            Ok(())
        }
        fn finish(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
            let (nonce, mut segment, len) = self.at_work.pop_front().expect("something at work");
            let mut data = segment[..len].to_vec();
            let ok = if self.seal {
                self.gcm.encrypt_in_place(&nonce.into(), b"", &mut data)
            } else {
                self.gcm.decrypt_in_place(&nonce.into(), b"", &mut data)
            };
            segment[..data.len()].copy_from_slice(&data);
            Ok(ok.is_ok().then_some(segment))
        }
        fn recycle(&mut self, segment: Vec<u8>) {
            self.free.push(segment);
        }
        fn close(self) -> Result<(), StreamError> {
            assert!(self.buffers <= self.window + 2, "memory is bounded");
            Ok(())
        }
    }

    fn software(key: &[u8; 32], seal: bool, window: usize) -> Result<Software, StreamError> {
        Ok(Software {
            gcm: Aes256Gcm::new(key.into()),
            seal,
            window,
            at_work: VecDeque::new(),
            buffers: 0,
            free: Vec::new(),
        })
    }

    const KEY: [u8; 32] = [7; 32];

    fn seal(plain: &[u8], window: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let n = encrypt(&mut &plain[..], &mut out, SegmentSize::Kb4, |salt| {
            software(&derive(&KEY, salt, b"ad"), true, window)
        });
        assert_eq!(n.unwrap(), plain.len() as u64);
        out
    }

    fn open(sealed: &[u8], key: &[u8; 32], aad: &[u8], window: usize) -> Result<Vec<u8>, StreamError> {
        let mut out = Vec::new();
        decrypt(&mut &sealed[..], &mut out, SegmentSize::Kb4, |salt| {
            software(&derive(key, salt, aad), false, window)
        })
        .map(|_| out)
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
            for window in [1, 2, 9] {
                let sealed = seal(&plain, window);
                let opened = open(&sealed, &KEY, b"ad", window).unwrap();
                assert_eq!(opened, plain, "{n} bytes");
                let segments = (n + HEADER).div_ceil(rest).max(1);
                assert_eq!(sealed.len(), HEADER + n + TAG * segments, "{n} bytes");
            }
        }
    }

    #[test]
    fn whatever_is_altered_is_refused() {
        let plain = vec![3; 13_000];
        let sealed = seal(&plain, 3);
        let refused = |bytes: &[u8]| open(bytes, &KEY, b"ad", 3).unwrap_err();
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
        // The stray bytes of a segment shorter than a tag: the one before is whole, this one is named.
        let stray = [&sealed[..4096], &[0; 7]].concat();
        assert!(matches!(refused(&stray), StreamError::Segment(1)));
        let mut longer = sealed.clone();
        longer.push(0);
        refused(&longer);
        assert!(open(&sealed, &[8; 32], b"ad", 3).is_err());
        assert!(open(&sealed, &KEY, b"other", 3).is_err());
        assert!(matches!(refused(b"x"), StreamError::NotAStream(b'x')));
        assert!(matches!(refused(&sealed[..20]), StreamError::TooShort(20)));
    }
}
