// SPDX-License-Identifier: Apache-2.0
//! `sign`, `verify`, `pubkey` and `csr`: what the private key of a token is for.

use super::input::{self, Input};
use super::key::{HashName, explain, unwrap, vault};
use super::output::{Output, identity};
use super::tokenfile;
use anyhow::{Context, Result, bail};
use casemate::{Curve, Error, Hash, KeyHandle, Keys, PublicKey, QueueConfig, Signature, Usage};
use casemate_host::csr::{self, Subject};
use casemate_host::digest::{digest, usual};
use casemate_host::token::Token;
use casemate_host::vault::Vault;
use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// How a message becomes a signature, and that a file.
#[derive(clap::Args)]
pub struct Form {
    /// Hash of the message: by default sha-256 with a key of P-256, sha-384 with one of P-384
    #[arg(long, value_enum)]
    hash: Option<HashName>,
    /// The signature as r and s, 64 or 96 bytes (FIPS 186-5, 6.4), not as DER
    #[arg(long)]
    raw: bool,
}

#[derive(clap::Args)]
pub struct Sign {
    /// Token of a private key, as `casemate key generate --type p256` makes one
    #[arg(long, value_name = "TOKEN")]
    key: PathBuf,
    #[command(flatten)]
    form: Form,
    /// The same signature each time (RFC 6979 without random bytes), for keys of usage sign,deterministic
    #[arg(long)]
    deterministic: bool,
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
    /// What to sign; `-` is standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The signature's file; `-` is standard output
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("a key").required(true))]
pub struct Verify {
    /// The public key, in PEM
    #[arg(long, value_name = "FILE", group = "a key")]
    public_key: Option<PathBuf>,
    /// Token of the private key, of which the device makes the public one
    #[arg(long, value_name = "TOKEN", group = "a key")]
    key: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
    /// What was signed; `-` is standard input
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// The signature's file
    signature: PathBuf,
}

#[derive(clap::Args)]
pub struct PublicKeyOf {
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
    /// Token of a private key
    token: PathBuf,
    /// The public key's file; `-` is standard output
    #[arg(value_name = "OUT", default_value = "-")]
    output: PathBuf,
}

#[derive(clap::Args)]
pub struct Csr {
    /// Token of a private key, as `casemate key generate --type p256` makes one
    #[arg(long, value_name = "TOKEN")]
    key: PathBuf,
    /// Whom the certificate is for, as in "CN=example.org,O=Example,C=DE" (RFC 4514)
    #[arg(long, value_name = "NAME")]
    subject: String,
    /// Hash: by default sha-256 with a key of P-256, sha-384 with one of P-384
    #[arg(long, value_enum)]
    hash: Option<HashName>,
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
    /// The request's file; `-` is standard output
    #[arg(value_name = "OUT", default_value = "-")]
    output: PathBuf,
}

/// A token of a private key with this usage.
fn private(path: &Path, need: Usage) -> Result<(Token, Curve)> {
    let token = tokenfile::read(path)?;
    let claims = token.claims();
    let Some(curve) = Curve::of(claims.kind) else {
        bail!(
            "the token {} holds a key of type {}, not a private key: `casemate key generate --type p256 OUT` makes one",
            path.display(),
            super::show::kind_name(claims.kind)
        );
    };
    if !claims.usage.contains(need) {
        bail!(
            "the token {} does not allow it: that takes usage {need}, and it has {}",
            path.display(),
            claims.usage
        );
    }
    Ok((token, curve))
}

/// Its key in a slot, of its usage only `keep`.
fn loaded(uri: &str, token: &Token, path: &Path, keep: Usage) -> Result<(Vault, KeyHandle)> {
    let mut v = vault(uri, token.domain)?;
    let key = unwrap(&mut v, token, path, keep)?;
    Ok((v, key))
}

fn token_id(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().as_ref().and_then(identity)
}

fn hashed(hash: Hash, path: &Path, (file, meta): (File, Metadata)) -> Result<Vec<u8>> {
    let mut input = Input::new(file, &meta);
    let digest = digest(hash, &mut input);
    input.bar.finish_and_clear();
    digest.with_context(|| format!("reading {}", path.display()))
}

pub fn sign(uri: &str, args: &Sign) -> Result<()> {
    let need = match args.deterministic {
        true => Usage::SIGN | Usage::DETERMINISTIC,
        false => Usage::SIGN,
    };
    let (token, curve) = private(&args.key, need)?;
    let file = input::open(&args.input, "sign … - OUT")?;
    let inputs = [
        ("the input", identity(&file.1)),
        ("the token", token_id(&args.key)),
    ];
    let mut output = Output::open(&args.output, args.force, &inputs)?;
    let hash = args.form.hash.map_or_else(|| usual(curve), HashName::hash);
    let digest = hashed(hash, &args.input, file)?;
    let (mut v, key) = loaded(uri, &token, &args.key, need)?;
    let signed = match args.deterministic {
        true => v.keys().sign_deterministic(key, hash, &digest),
        false => v.keys().sign(key, hash, &digest),
    };
    let signature = signed.map_err(explain)?;
    let written = match args.form.raw {
        true => output.write_all(signature.as_bytes()),
        false => output.write_all(&signature.to_der()),
    };
    written.context("writing the signature")?;
    output.commit()
}

/// Longer than any of these files.
const LIMIT: u64 = 1 << 16;

fn small_file(path: &Path, what: &str) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {what} {}", path.display());
    let file = File::open(path).with_context(cannot)?;
    if file.metadata().with_context(cannot)?.is_dir() {
        bail!("{what} {} is a directory", path.display());
    }
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes).with_context(cannot)?;
    Ok(bytes)
}

fn signature(path: &Path, curve: Curve, raw: bool) -> Result<Signature> {
    let bytes = small_file(path, "the signature")?;
    let other = match raw {
        true => "without --raw it is read as DER",
        false => "with --raw it is read as r and s",
    };
    let read = match raw {
        true => Signature::new(curve, &bytes),
        false => Signature::from_der(curve, &bytes),
    };
    read.map_err(|e| match e {
        Error::Invalid(_) => anyhow::Error::new(e).context(format!("{}: {other}", path.display())),
        e => e.into(),
    })
}

/// Whose signature it shall be.
enum Verifier<'a> {
    Public(PublicKey),
    Private(Token, Curve, &'a Path),
}

pub fn verify(uri: &str, args: &Verify) -> Result<()> {
    let key = match (&args.public_key, &args.key) {
        (Some(path), _) => {
            let pem = small_file(path, "the public key")?;
            Verifier::Public(PublicKey::from_pem(&pem).with_context(|| path.display().to_string())?)
        }
        (None, Some(path)) => {
            let (token, curve) = private(path, Usage::NONE)?;
            Verifier::Private(token, curve, path)
        }
        (None, None) => bail!("name a key: --public-key FILE or --key TOKEN"),
    };
    let curve = match &key {
        Verifier::Public(p) => p.curve(),
        Verifier::Private(_, curve, _) => *curve,
    };
    let file = input::open(&args.input, "verify … - SIGNATURE")?;
    let signature = signature(&args.signature, curve, args.form.raw)?;
    let hash = args.form.hash.map_or_else(|| usual(curve), HashName::hash);
    let digest = hashed(hash, &args.input, file)?;
    let done = match key {
        Verifier::Public(public) => {
            let queue = crate::open(uri)?.queue(QueueConfig::default())?;
            Keys::over(queue).verify(&public, &digest, &signature)
        }
        Verifier::Private(token, _, path) => {
            let (mut v, key) = loaded(uri, &token, path, Usage::NONE)?;
            let public = v.keys().public_key(key).map_err(explain)?;
            v.keys().verify(&public, &digest, &signature)
        }
    };
    done.map_err(explain)?;
    say!("the signature is good");
    Ok(())
}

pub fn public_key(uri: &str, args: &PublicKeyOf) -> Result<()> {
    let (token, _) = private(&args.token, Usage::NONE)?;
    // A file that is there already is found before the device is bothered.
    let output = Output::open(&args.output, args.force, &[("the token", token_id(&args.token))])?;
    let (mut v, key) = loaded(uri, &token, &args.token, Usage::NONE)?;
    let public = v.keys().public_key(key).map_err(explain)?;
    written(output, &args.output, &public.to_pem())
}

pub fn csr(uri: &str, args: &Csr) -> Result<()> {
    let subject = args.subject.parse::<Subject>()?;
    let (token, curve) = private(&args.key, Usage::SIGN)?;
    let hash = args.hash.map_or_else(|| usual(curve), HashName::hash);
    let output = Output::open(&args.output, args.force, &[("the token", token_id(&args.key))])?;
    let (mut v, key) = loaded(uri, &token, &args.key, Usage::SIGN)?;
    let public = v.keys().public_key(key).map_err(explain)?;
    let pem = csr::request(subject, &public, hash, |bytes| -> Result<_> {
        let digest = digest(hash, &mut &bytes[..])?;
        v.keys().sign(key, hash, &digest).map_err(explain)
    })?;
    written(output, &args.output, &pem)
}

fn written(mut output: Output, path: &Path, text: &str) -> Result<()> {
    output
        .write_all(text.as_bytes())
        .with_context(|| format!("writing {}", path.display()))?;
    output.commit()
}
