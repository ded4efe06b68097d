// SPDX-License-Identifier: Apache-2.0
//! Key files: 32 raw bytes, or 64 hexadecimal digits and perhaps the end of a line.

use anyhow::{Context, Result, bail};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// Longer than any key file.
const LIMIT: usize = 80;

/// Reads a key. Warns on standard error if others can read the file too.
pub fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>> {
    let shown = path.display();
    let mut file = File::open(path).with_context(|| format!("cannot read the key file {shown}"))?;
    let meta = file
        .metadata()
        .with_context(|| format!("cannot read the key file {shown}"))?;
    if meta.is_dir() {
        bail!("the key file {shown} is a directory");
    }
    if meta.is_file() && meta.mode() & 0o044 != 0 {
        eprintln!(
            "casemate: warning: others than its owner can read the key file {shown} (mode {:03o}): chmod 600 it",
            meta.mode() & 0o777
        );
    }
    let mut bytes = Zeroizing::new([0; LIMIT]);
    let mut len = 0;
    while len < LIMIT {
        match file
            .read(&mut bytes[len..])
            .with_context(|| format!("cannot read the key file {shown}"))?
        {
            0 => break,
            n => len += n,
        }
    }
    parse(&bytes[..len])
        .with_context(|| format!("the key file {shown} holds no key; `casemate keygen FILE` makes one"))
}

fn parse(bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if bytes.len() == 32 {
        key.copy_from_slice(bytes);
        return Ok(key);
    }
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() == 64 {
        // The error would quote a character of the key.
        if hex::decode_to_slice(line, &mut *key).is_err() {
            bail!("of its 64 characters not all are hexadecimal digits");
        }
        return Ok(key);
    }
    let len = match bytes.len() {
        0 => "is empty".into(),
        LIMIT => format!("has {LIMIT} bytes or more"),
        n => format!("has {n} bytes"),
    };
    bail!("it {len}, but a key is 32 raw bytes or 64 hexadecimal digits");
}

/// Makes a key file, which must not be there.
pub fn generate(path: &Path) -> Result<()> {
    let shown = path.display();
    if path == Path::new("-") {
        bail!("a key goes to a file, not to standard output: name one");
    }
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).context("no randomness from the operating system")?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                anyhow::anyhow!("{shown} is there already, and a key is never overwritten: name another file")
            }
            _ => anyhow::Error::new(e).context(format!("cannot write the key file {shown}")),
        })?;
    let written = file.write_all(&*key).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written.with_context(|| format!("cannot write the key file {shown}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_a_key() {
        let digits = "00ff".repeat(16);
        for text in [
            digits.clone(),
            digits.to_uppercase(),
            digits.clone() + "\n",
            digits.clone() + "\r\n",
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap()[..4], [0, 0xff, 0, 0xff]);
        }
        assert_eq!(*parse(&[9; 32]).unwrap(), [9; 32]);
        // Raw bytes are a key even if they look like text.
        assert_eq!(*parse(&[b'0'; 32]).unwrap(), [b'0'; 32]);
        for (bad, says) in [
            (&b""[..], "is empty"),
            (&[1; 31], "31 bytes"),
            (&[b'a'; 33], "33 bytes"),
            (&[b'x'; 64], "hexadecimal"),
            (&[b'0'; 66], "66 bytes"),
            (&[b'0'; LIMIT], "or more"),
        ] {
            let e = parse(bad).unwrap_err().to_string();
            assert!(e.contains(says), "{e}");
        }
    }
}
