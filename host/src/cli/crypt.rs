// SPDX-License-Identifier: Apache-2.0
//! `encrypt` and `decrypt`.

use super::input::{self, Input};
use super::output::{Output, identity};
use super::{keyfile, root, tokenfile};
use anyhow::{Context, Result, bail};
use casemate::{IvPolicy, KeyType, Usage};
use casemate_host::engine::DeviceCipher;
use casemate_host::stream::{self, SegmentSize, StreamError};
use casemate_host::token::Token;
use clap::ValueEnum;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("a key").required(true))]
pub struct Args {
    /// The key: a token that `casemate key generate` made. The file's key is derived inside the device, and never in this program
    #[arg(long, value_name = "TOKEN", group = "a key")]
    key: Option<PathBuf>,
    /// The key: a file of 32 raw bytes or 64 hexadecimal digits; `casemate keygen` makes one
    #[arg(long, value_name = "FILE", group = "a key")]
    key_file: Option<PathBuf>,
    /// Segment size: Tink's key type AES256_GCM_HKDF_1MB or AES256_GCM_HKDF_4KB. The file does not say: decrypt with the same
    #[arg(long, value_enum, ignore_case = true, default_value = "1MB")]
    segment: Segment,
    /// Associated data: not stored, but to decrypt the same must be given
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    aad: String,
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
    /// What to read; `-` is standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// Where to write; `-` is standard output. A file appears only when it is whole
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
enum Segment {
    #[value(name = "1MB")]
    Mb1,
    #[value(name = "4KB")]
    Kb4,
}

/// Where the file's key comes from.
enum Source {
    Token(Token),
    File(Zeroizing<[u8; 32]>),
}

/// Most bytes of associated data that the device derives a key with.
const TOKEN_AAD: usize = 256 - stream::SALT;

fn source(args: &Args) -> Result<(Source, &Path)> {
    match (&args.key, &args.key_file) {
        (Some(path), _) => {
            let token = tokenfile::read(path)?;
            let claims = token.claims();
            let derives = claims.usage.contains(Usage::DERIVE) && claims.policy == IvPolicy::Host;
            if !derives || claims.kind != KeyType::Secret {
                bail!(
                    "the token {} cannot encrypt files: that takes usage derive and IV policy host of a secret, and it is of type {} and has {} and {}; `casemate key generate OUT` makes one",
                    path.display(),
                    super::show::kind_name(claims.kind),
                    claims.usage,
                    super::show::policy_name(claims.policy)
                );
            }
            if args.aad.len() > TOKEN_AAD {
                bail!(
                    "associated data of {} bytes: with a token up to {TOKEN_AAD} are possible",
                    args.aad.len()
                );
            }
            Ok((Source::Token(token), path))
        }
        (None, Some(path)) => Ok((Source::File(keyfile::read(path)?), path)),
        (None, None) => bail!("name a key: --key TOKEN or --key-file FILE"),
    }
}

pub fn run(uri: &str, args: &Args, encrypt: bool) -> Result<()> {
    let (key, key_path) = source(args)?;
    let uri = match key {
        Source::Token(_) => root::with_root(uri)?,
        Source::File(_) => uri.into(),
    };
    let (file, meta) = input::open(&args.input, "encrypt … - OUT")?;
    let key_id = std::fs::metadata(key_path).ok().as_ref().and_then(identity);
    let mut output = Output::open(
        &args.output,
        args.force,
        &[("the input", identity(&meta)), ("the key file", key_id)],
    )?;
    let mut input = Input::new(file, &meta);
    let bar = input.bar.clone();
    let size = match args.segment {
        Segment::Mb1 => SegmentSize::Mb1,
        Segment::Kb4 => SegmentSize::Kb4,
    };
    let aad = args.aad.as_bytes();
    // Opened when the input's header has been looked at: a simulated device takes a while to come up.
    let engine = |salt: &[u8; stream::SALT]| {
        let device = bar
            .suspend(|| crate::open(&uri))
            .map_err(|e| StreamError::Open(e.into()))?;
        match &key {
            Source::Token(t) => DeviceCipher::with_token(&device, t, salt, aad, size, encrypt),
            Source::File(k) => DeviceCipher::with_key(&device, &stream::derive(k, salt, aad), size, encrypt),
        }
    };
    let result = if encrypt {
        stream::encrypt(&mut input, &mut output, size, engine)
    } else {
        stream::decrypt(&mut input, &mut output, size, engine)
    };
    bar.finish_and_clear();
    let what = if encrypt { "encrypting" } else { "decrypting" };
    result.with_context(|| format!("{what} {}", args.input.display()))?;
    output.commit()
}
