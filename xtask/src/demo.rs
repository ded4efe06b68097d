// SPDX-License-Identifier: Apache-2.0
//! The main job on a real file: encrypted and decrypted by the lane's RTL, and read by Tink, which shares no code with it.

use crate::tools::{self, root, setup};
use anyhow::{Context, Result, bail};
use casemate_host::stream::{self, SegmentCipher, SegmentSize, StreamError};
use casemate_sim::lane::Lane;
use std::cell::RefCell;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Instant;

/// The slot the file's key goes to.
const SLOT: u8 = 0;

/// The RTL as the engine of a stream.
struct Engine {
    lane: Rc<RefCell<Lane>>,
}

impl Engine {
    fn new(lane: Rc<RefCell<Lane>>, key: &[u8; 32]) -> Result<Self, StreamError> {
        lane.borrow_mut().load(SLOT, key);
        Ok(Self { lane })
    }
}

impl SegmentCipher for Engine {
    fn seal(&mut self, nonce: &[u8; 12], data: &mut Vec<u8>) -> Result<(), StreamError> {
        let (mut out, tag, _) = self.lane.borrow_mut().run(SLOT, nonce, data, None);
        out.extend_from_slice(&tag);
        *data = out;
        Ok(())
    }

    fn open(&mut self, nonce: &[u8; 12], data: &mut Vec<u8>) -> Result<(), StreamError> {
        let mut tag = [0; 16];
        tag.copy_from_slice(&data.split_off(data.len() - 16));
        let (out, _, ok) = self.lane.borrow_mut().run(SLOT, nonce, data, Some(&tag));
        data.clear();
        if !ok {
            return Err(StreamError::Segment(0));
        }
        *data = out;
        Ok(())
    }
}

fn report(what: &str, bytes: u64, cycles: u64, start: Instant) {
    let s = start.elapsed().as_secs_f64();
    println!(
        "{what}: {bytes} bytes in {cycles} device cycles, {:.2} bytes/cycle; simulated at {:.0} kcycles/s, {:.1} MB/s",
        bytes as f64 / cycles as f64,
        cycles as f64 / s / 1e3,
        bytes as f64 / s / 1e6
    );
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

pub fn run(file: Option<PathBuf>) -> Result<()> {
    let python = setup()?;
    // By default this very program: some megabytes of real bytes that every machine has.
    let input = match file {
        Some(f) => f,
        None => std::env::current_exe()?,
    };
    open(&input)?;
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

    println!("building the Verilated AES-GCM lane, if it is not there yet");
    let lane = Rc::new(RefCell::new(Lane::new()?));
    println!("encrypting {} with AES256_GCM_HKDF_1MB", input.display());
    let (start, before) = (Instant::now(), lane.borrow().cycles());
    let bytes = stream::encrypt(
        &mut open(&input)?,
        &mut create(&sealed)?,
        &key,
        b"",
        SegmentSize::Mb1,
        |k| Engine::new(lane.clone(), k),
    )?;
    report("encrypted", bytes, lane.borrow().cycles() - before, start);

    let (start, before) = (Instant::now(), lane.borrow().cycles());
    stream::decrypt(
        &mut open(&sealed)?,
        &mut create(&opened)?,
        &key,
        b"",
        SegmentSize::Mb1,
        |k| Engine::new(lane.clone(), k),
    )?;
    report("decrypted", bytes, lane.borrow().cycles() - before, start);
    let original = std::fs::read(&input)?;
    if std::fs::read(&opened)? != original {
        bail!("the decrypted file differs from the input");
    }
    println!("the decrypted file equals the input");

    tools::run(
        Command::new(python)
            .arg(root().join("host/tests/tink_decrypt.py"))
            .args([&key_file, &sealed, &tink]),
    )?;
    if std::fs::read(&tink)? != original {
        bail!("Tink decrypts the file to something else");
    }
    println!("an independent implementation agrees: Tink read what the RTL encrypted, byte for byte");
    Ok(())
}
