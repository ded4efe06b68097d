// SPDX-License-Identifier: Apache-2.0
//! `key` and `random`: what the device does with keys that are its own.

use super::attributes::{Attributes, Place};
use super::output::Output;
use super::show::{self, kind_name};
use super::{keyfile, root, tokenfile};
use anyhow::{Context, Result, bail};
use casemate::{Curve, Error, Hash, KeyAttributes, KeyHandle, Status, Usage};
use casemate_host::token::Token;
use casemate_host::vault::{Vault, is_foreign};
use clap::ValueEnum;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

pub const ABOUT: &str = "A token is a file with a key that the device has wrapped under a key of its own: no program ever sees it. \
The wrapping key comes from the device's root secret, a domain and an epoch. A simulated device has its root secret from \
$XDG_STATE_HOME/casemate/root, or from FILE as in --device 'sim:?root=FILE': keep it as well as you keep the tokens, for without it \
they are worth nothing.";

#[derive(clap::Subcommand)]
pub enum Command {
    /// Make a key in the device, and a token of it
    ///
    /// Without options a secret for `casemate encrypt --key`.
    Generate {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        attributes: Attributes,
        /// The token's file; it must not be there
        out: PathBuf,
    },
    /// Make a token of a key file: the key of `encrypt --key-file` for use with `encrypt --key`
    Import {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        attributes: Attributes,
        /// The key: 32 raw bytes or 64 hexadecimal digits
        key_file: PathBuf,
        /// The token's file; it must not be there
        out: PathBuf,
    },
    /// List the tokens of a folder
    List {
        /// Unwrap each in the device: does it still work there?
        #[arg(long)]
        check: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The folder
        #[arg(default_value = ".")]
        folder: PathBuf,
    },
    /// Show what a token's key is, as the device tells
    Info {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The token
        token: PathBuf,
    },
    /// Wrap a token's key: anew under another epoch's key, or for another system by AES-KWP (RFC 5649)
    #[command(group = clap::ArgGroup::new("what for").required(true))]
    Wrap {
        /// Epoch of the wrapping key of a new token
        #[arg(long, value_name = "N", group = "what for")]
        epoch: Option<u16>,
        /// Token of a wrapping key (usage wrap,kwp): OUT gets the key's AES-KWP, without its attributes
        #[arg(long, value_name = "TOKEN", group = "what for")]
        under: Option<PathBuf>,
        /// The token
        token: PathBuf,
        /// What to write; it must not be there
        out: PathBuf,
    },
    /// Make a token of a key that another system wrapped by AES-KWP (RFC 5649)
    Unwrap {
        /// Token of the wrapping key (usage unwrap,kwp)
        #[arg(long, value_name = "TOKEN")]
        under: PathBuf,
        #[command(flatten)]
        attributes: Attributes,
        /// The wrapped key, 24 to 72 bytes
        wrapped: PathBuf,
        /// The token's file; it must not be there
        out: PathBuf,
    },
    /// Derive a key of a token's, and make a token of it
    Derive {
        /// HKDF (RFC 5869), or the KDF in counter mode (SP 800-108), whose fixed input data is the info
        #[arg(long, value_enum, default_value = "hkdf")]
        kdf: Kdf,
        /// Hash
        #[arg(long, value_enum, default_value = "sha-256")]
        hash: HashName,
        /// Salt, up to 64 bytes; HKDF only
        #[arg(long, value_name = "HEX", value_parser = hex_bytes, default_value = "")]
        salt: Bytes,
        /// Info: what the key is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        info: String,
        #[command(flatten)]
        attributes: Attributes,
        /// The token
        token: PathBuf,
        /// The new token's file; it must not be there
        out: PathBuf,
    },
    /// Remove a token, if this device can unwrap it
    ///
    /// The key is then gone with the last copy of its token: the device keeps none.
    Destroy {
        /// The token
        token: PathBuf,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kdf {
    Hkdf,
    Kbkdf,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum HashName {
    #[value(name = "sha-256")]
    Sha256,
    #[value(name = "sha-384")]
    Sha384,
    #[value(name = "sha-512")]
    Sha512,
}

impl HashName {
    pub fn hash(self) -> Hash {
        match self {
            Self::Sha256 => Hash::Sha256,
            Self::Sha384 => Hash::Sha384,
            Self::Sha512 => Hash::Sha512,
        }
    }
}

#[derive(clap::Args)]
pub struct Random {
    /// As hexadecimal digits
    #[arg(long)]
    hex: bool,
    /// Bytes
    #[arg(value_name = "N")]
    bytes: u64,
}

/// Of an option; clap would take a `Vec` for several.
#[derive(Clone)]
pub struct Bytes(Vec<u8>);

fn hex_bytes(text: &str) -> Result<Bytes, String> {
    hex::decode(text)
        .map(Bytes)
        .map_err(|e| format!("not hexadecimal digits: {e}"))
}

/// What an error of the device means for who typed the command.
pub fn explain(e: Error) -> anyhow::Error {
    let advice = match &e {
        Error::Request { status, .. } => match status {
            Status::BadUsage => {
                "the type cannot have this usage, or not together: see --usage in the command's help"
            }
            Status::BadKeyType => "a key of this type is not made so: see the command's help",
            Status::BadPolicy => "the IV policy `derived` is for secrets whose only usage is derive",
            Status::SlotUsage => {
                "the usage of the token's key, or of the wrapping key, does not allow it: `casemate key info TOKEN` shows it"
            }
            Status::Sealed => "the device is sealed: no key of the host enters it until it is reset",
            Status::BadOpcode => "this device does not serve key operations: try --device soft:",
            Status::NoEntropy => {
                "the device's noise source has failed: reset it; if that does not help, do not use it"
            }
            _ => return e.into(),
        },
        Error::NoEcEngine => "this device does not serve keys of type p256 and p384: try --device soft:",
        _ => return e.into(),
    };
    anyhow::Error::new(e).context(advice)
}

/// A token's key in its slot; the error says which token.
pub fn unwrap(vault: &mut Vault, token: &Token, path: &Path, keep: Usage) -> Result<KeyHandle> {
    if !vault.serves(token) {
        return Err(explain(Error::NoEcEngine));
    }
    vault.unwrap(token, keep).map_err(|e| {
        if is_foreign(&e) {
            anyhow::anyhow!(
                "the token {} does not unwrap on this device: it was altered, or made under another root secret (the device's `root=FILE`)",
                path.display()
            )
        } else {
            explain(e)
        }
    })
}

/// A domain of the device, with its root secret.
pub fn vault(uri: &str, domain: u8) -> Result<Vault> {
    let device = crate::open(&root::with_root(uri)?)?;
    Vault::open(&device, domain, 16).map_err(explain)
}

/// Makes a key and writes its token.
fn made(
    uri: &str,
    place: (u8, u16),
    out: &Path,
    make: impl FnOnce(&mut Vault) -> Result<KeyHandle>,
) -> Result<()> {
    // A file that is there already is found before the device is bothered.
    let file = Output::private(out)?;
    let mut vault = vault(uri, place.0)?;
    let key = make(&mut vault)?;
    let token = vault.wrap(key, place.1).map_err(explain)?;
    tokenfile::write(file, &token)
}

pub fn run(uri: &str, command: Command) -> Result<()> {
    match command {
        Command::Generate {
            place,
            attributes,
            out,
        } => {
            let attributes = attributes.key()?;
            made(uri, (place.domain, place.epoch), &out, |v| {
                match Curve::of(attributes.kind()) {
                    Some(_) => v.keys().generate_pair(&attributes).map(|(key, _)| key),
                    None => v.keys().generate(&attributes),
                }
                .map_err(explain)
            })
        }
        Command::Import {
            place,
            attributes,
            key_file,
            out,
        } => {
            let key = keyfile::read(&key_file)?;
            let attributes = attributes.key()?;
            if attributes.key_len() != key.len() {
                bail!(
                    "a key file has {} bytes, this type of key {}: choose aes-256, wrapping, p256, or a secret of 32",
                    key.len(),
                    attributes.key_len()
                );
            }
            made(uri, (place.domain, place.epoch), &out, |v| {
                let key = v.load(&*key, &attributes).map_err(explain)?;
                usable(v, key, &attributes)
            })
        }
        Command::List { check, json, folder } => show::list(uri, &folder, check, json),
        Command::Info { json, token } => show::info(uri, &token, json),
        Command::Wrap {
            epoch,
            under,
            token,
            out,
        } => wrap(uri, &token, epoch, under.as_deref(), &out),
        Command::Unwrap {
            under,
            attributes,
            wrapped,
            out,
        } => {
            let attributes = attributes.key()?;
            let kek = tokenfile::read(&under)?;
            let bytes = wrapped_key(&wrapped)?;
            made(uri, (kek.domain, kek.epoch), &out, |v| {
                let kek = unwrap(v, &kek, &under, Usage::UNWRAP | Usage::KWP)?;
                let key = v.keys().kwp_unwrap(&bytes, kek, &attributes).map_err(|e| {
                    if is_foreign(&e) {
                        anyhow::anyhow!(
                            "{} is not a key of type {} and this length wrapped under {}: another key, or altered",
                            wrapped.display(),
                            kind_name(attributes.kind()),
                            under.display()
                        )
                    } else {
                        explain(e)
                    }
                })?;
                usable(v, key, &attributes)
            })
        }
        Command::Derive {
            kdf,
            hash,
            salt,
            info,
            attributes,
            token,
            out,
        } => {
            let attributes = attributes.key()?;
            let base = tokenfile::read(&token)?;
            let hash = hash.hash();
            if kdf == Kdf::Kbkdf && !salt.0.is_empty() {
                bail!("a salt is for HKDF; with kbkdf put it into the info");
            }
            made(uri, (base.domain, base.epoch), &out, |v| {
                let key = unwrap(v, &base, &token, Usage::ALL)?;
                match kdf {
                    Kdf::Hkdf => v.keys().hkdf(key, hash, &salt.0, info.as_bytes(), &attributes),
                    Kdf::Kbkdf => v.keys().kbkdf(key, hash, info.as_bytes(), &attributes),
                }
                .map_err(explain)
            })
        }
        Command::Destroy { token } => {
            let t = tokenfile::read(&token)?;
            let mut v = vault(uri, t.domain)?;
            let key = unwrap(&mut v, &t, &token, Usage::NONE)?;
            v.keys().destroy(key).map_err(explain)?;
            std::fs::remove_file(&token).with_context(|| format!("cannot remove {}", token.display()))
        }
    }
}

/// A key from outside, after a look at whether it is one: a private key is not any string.
fn usable(v: &mut Vault, key: KeyHandle, attributes: &KeyAttributes) -> Result<KeyHandle> {
    if Curve::of(attributes.kind()).is_some() {
        v.keys().public_key(key).map_err(explain)?;
    }
    Ok(key)
}

fn wrapped_key(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read {}", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(cannot)?;
    file.take(73).read_to_end(&mut bytes).with_context(cannot)?;
    if !(24..=72).contains(&bytes.len()) || !bytes.len().is_multiple_of(8) {
        bail!(
            "{} holds no key wrapped by AES-KWP: such a one of 16 to 64 bytes has 24 to 72, a multiple of 8",
            path.display()
        );
    }
    Ok(bytes)
}

fn wrap(uri: &str, path: &Path, epoch: Option<u16>, under: Option<&Path>, out: &Path) -> Result<()> {
    let token = tokenfile::read(path)?;
    let kek = under
        .map(|p| Ok::<_, anyhow::Error>((tokenfile::read(p)?, p)))
        .transpose()?;
    if let Some((kek, p)) = &kek
        && kek.domain != token.domain
    {
        bail!(
            "{} is of domain {}, {} of domain {}: a key is wrapped by one of its own domain",
            path.display(),
            token.domain,
            p.display(),
            kek.domain
        );
    }
    let mut file = Output::private(out)?;
    let mut v = vault(uri, token.domain)?;
    let key = unwrap(&mut v, &token, path, Usage::ALL)?;
    let Some((kek, p)) = kek else {
        let epoch = epoch.context("name an epoch or a wrapping key")?;
        let token = v.wrap(key, epoch).map_err(explain)?;
        return tokenfile::write(file, &token);
    };
    let kek = unwrap(&mut v, &kek, p, Usage::WRAP | Usage::KWP)?;
    let wrapped = v.keys().kwp_wrap(key, kek).map_err(explain)?;
    file.write_all(&wrapped).context("writing the wrapped key")?;
    file.commit()
}

/// Bytes fetched at once.
const CHUNK: u64 = 1 << 16;

pub fn random(uri: &str, args: &Random) -> Result<()> {
    let device = crate::open(&root::with_noise(uri))?;
    let officer = device.officer()?;
    let mut keys = officer.keys(1)?;
    let mut out = std::io::stdout().lock();
    let mut left = args.bytes;
    let mut buffer = vec![0; left.min(CHUNK) as usize];
    while left > 0 {
        super::interrupt::check()?;
        let part = &mut buffer[..left.min(CHUNK) as usize];
        keys.random(part).map_err(explain)?;
        let written = if args.hex {
            out.write_all(hex::encode(&*part).as_bytes())
        } else {
            out.write_all(part)
        };
        written.context("writing to standard output")?;
        left -= part.len() as u64;
    }
    if args.hex {
        out.write_all(b"\n").context("writing to standard output")?;
    }
    out.flush().context("writing to standard output")
}
