// SPDX-License-Identifier: Apache-2.0
//! The root secret that a platform gives its device: 256 bits, from which the wrapping keys of its domains come. Devices of one
//! root and domain exchange wrapped keys. A simulated device has it from a file.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// 32 bytes. Never shown.
#[derive(Clone)]
pub struct RootSecret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootSecret")
    }
}

impl Default for RootSecret {
    /// For development: bytes 0 to 31, which everybody knows.
    fn default() -> Self {
        Self(Zeroizing::new(std::array::from_fn(|i| i as u8)))
    }
}

impl RootSecret {
    /// Its bytes, for a device.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From a file of mode 0600 with 64 hexadecimal digits. It is made, with a random secret, if it is not there.
    ///
    /// The error says what is wrong with the file: others can read it, it holds something else, it cannot be made.
    pub fn file(path: &Path) -> Result<Self, String> {
        match File::open(path) {
            Ok(f) => Self::read(f, path),
            Err(e) if e.kind() == ErrorKind::NotFound => Self::make(path),
            Err(e) => Err(format!("cannot read the root secret {}: {e}", path.display())),
        }
    }

    fn read(mut file: File, path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let failed = |e| format!("cannot read the root secret {shown}: {e}");
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(format!("the root secret {shown} is not a file"));
        }
        let mode = meta.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(format!(
                "others can reach the root secret {shown} (mode {mode:03o}), and all keys wrapped under it with it: chmod 600 it"
            ));
        }
        let mut text = Zeroizing::new([0; 68]);
        let mut len = 0;
        while len < text.len() {
            match file.read(&mut text[len..]).map_err(failed)? {
                0 => break,
                n => len += n,
            }
        }
        let line = &text[..len];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        digits(line.strip_suffix(b"\r").unwrap_or(line)).ok_or_else(|| {
            format!(
                "the root secret {shown} is not 64 hexadecimal digits: name the right file, or one that is not there to make one"
            )
        })
    }

    fn make(path: &Path) -> Result<Self, String> {
        let failed = |e| format!("cannot make the root secret {}: {e}", path.display());
        let mut text = Zeroizing::new([0; 65]);
        let mut random = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *random).map_err(|e| format!("no randomness from the operating system: {e}"))?;
        for (d, b) in text.chunks_exact_mut(2).zip(random.iter()) {
            for (d, n) in d.iter_mut().zip([b >> 4, b & 15]) {
                *d = b"0123456789abcdef"[usize::from(n)];
            }
        }
        text[64] = b'\n';
        // Whole under its name or not at all, and the first of two makers wins.
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}.part", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut f| f.write_all(&*text).and_then(|()| f.sync_all()))
            .and_then(|()| std::fs::hard_link(&draft, path));
        let _ = std::fs::remove_file(&draft);
        match written {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(failed(e)),
            _ => {}
        }
        Self::read(File::open(path).map_err(failed)?, path)
    }
}

fn digits(text: &[u8]) -> Option<RootSecret> {
    let mut out = RootSecret(Zeroizing::new([0; 32]));
    if text.len() != 64 {
        return None;
    }
    for (b, d) in out.0.iter_mut().zip(text.chunks_exact(2)) {
        let nibble = |d: u8| char::from(d).to_digit(16);
        *b = (nibble(d[0])? << 4 | nibble(d[1])?) as u8;
    }
    Some(out)
}
