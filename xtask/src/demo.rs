// SPDX-License-Identifier: Apache-2.0
//! The main job on a real file: encrypted by the RTL, read back by Tink, and the reverse.

use crate::tools::{self, root, setup};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Decrypts argv[3] with the raw key argv[2] into argv[4] with Google's Tink, which shares no code with Casemate.
const TINK: &str = r#"
import sys, io
from tink import secret_key_access, streaming_aead, cleartext_keyset_handle, JsonKeysetReader
import base64, json
from tink.proto import aes_gcm_hkdf_streaming_pb2 as pb, common_pb2
key = open(sys.argv[1], 'rb').read()
msg = pb.AesGcmHkdfStreamingKey(version=0, key_value=key, params=pb.AesGcmHkdfStreamingParams(
    ciphertext_segment_size=1 << 20, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256))
keyset = {"primaryKeyId": 1, "key": [{"keyId": 1, "status": "ENABLED", "outputPrefixType": "RAW", "keyData": {
    "typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey", "keyMaterialType": "SYMMETRIC",
    "value": base64.b64encode(msg.SerializeToString()).decode()}}]}
streaming_aead.register()
p = cleartext_keyset_handle.read(JsonKeysetReader(json.dumps(keyset))).primitive(streaming_aead.StreamingAead)
with open(sys.argv[2], 'rb') as src, p.new_decrypting_stream(src, b'') as dec, open(sys.argv[3], 'wb') as dst:
    while chunk := dec.read(1 << 20):
        dst.write(chunk)
"#;

fn same(a: &Path, b: &Path) -> Result<bool> {
    Ok(std::fs::read(a)? == std::fs::read(b)?)
}

pub fn run(file: Option<PathBuf>) -> Result<()> {
    let python = setup()?;
    println!("building casemate (release)");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    tools::run(Command::new(cargo).current_dir(root()).args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "casemate-host",
    ]))?;
    let casemate = root().join("target/release/casemate");
    let input = file.unwrap_or_else(|| casemate.clone());
    let size = std::fs::metadata(&input)
        .with_context(|| format!("cannot read {}", input.display()))?
        .len();

    let dir = root().join("target/demo");
    std::fs::create_dir_all(&dir)?;
    let [key, sealed, opened, tink] =
        ["key", "sealed", "opened", "opened-by-tink"].map(|name| dir.join(name));
    for old in [&key, &sealed, &opened, &tink] {
        if old.exists() {
            std::fs::remove_file(old)?;
        }
    }
    tools::run(Command::new(&casemate).args(["key-file", "new"]).arg(&key))?;

    println!(
        "\nencrypting {} ({size} bytes) through the RTL (the first run builds the model)",
        input.display()
    );
    tools::run(
        Command::new(&casemate)
            .args(["--device", "sim:", "encrypt", "--stats", "--key-file"])
            .args([&key, &input, &sealed]),
    )?;
    println!("\ndecrypting it again through the RTL");
    tools::run(
        Command::new(&casemate)
            .args(["--device", "sim:", "decrypt", "--stats", "--key-file"])
            .args([&key, &sealed, &opened]),
    )?;
    if !same(&input, &opened)? {
        bail!("the decrypted file differs from the input");
    }
    println!("\nthe decrypted file equals the input");
    tools::run(
        Command::new(python)
            .args(["-c", TINK])
            .args([&key, &sealed, &tink]),
    )?;
    if !same(&input, &tink)? {
        bail!("Tink decrypts the file to something else");
    }
    println!("an independent implementation agreed: Tink's AES256_GCM_HKDF_1MB read what the RTL encrypted");
    Ok(())
}
