// SPDX-License-Identifier: Apache-2.0
//! The options that say what a key to be made shall be.

use anyhow::{Result, bail};
use casemate::{Curve, EcOptions, IvPolicy, KeyAttributes, KeyType, Usage};
use clap::ValueEnum;

/// Whose a key is.
#[derive(clap::Args)]
pub struct Place {
    /// Domain (tenant)
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub domain: u8,
    /// Epoch of the domain's wrapping key
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub epoch: u16,
}

/// What a key is.
#[derive(clap::Args)]
pub struct Attributes {
    /// Type
    #[arg(long = "type", value_enum, default_value = "secret")]
    kind: Kind,
    /// What it may be used for, joined by commas: encrypt, decrypt, sign, verify, derive, wrap, unwrap, kwp, raw, deterministic. By
    /// default derive for a secret, encrypt,decrypt for AES, wrap,unwrap for a wrapping key, sign for p256 and p384. A private key
    /// has sign (and deterministic), or derive and raw
    #[arg(long, value_name = "LIST")]
    usage: Option<Usage>,
    /// Bytes of a secret, 16 to 64
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u8).range(16..=64))]
    secret_len: u8,
    /// `derived`: a secret that keys of messages are derived from, and nothing else
    #[arg(long, value_enum, default_value = "host")]
    iv_policy: Policy,
    /// What protects a private key while it is used: blinding, and verifying each signature before it is given away. By default both
    #[arg(long, value_enum)]
    protection: Option<Protection>,
    /// Seals that it is good for; of a wrapping key, wraps; of a private key, signatures each time its token is used
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    /// Up to 12 bytes of your choice
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Kind {
    #[value(name = "aes-128")]
    Aes128,
    #[value(name = "aes-192")]
    Aes192,
    #[value(name = "aes-256")]
    Aes256,
    Secret,
    Wrapping,
    #[value(name = "p256")]
    P256,
    #[value(name = "p384")]
    P384,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Protection {
    None,
    Blind,
    Verify,
    #[value(name = "blind,verify")]
    Both,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Policy {
    Host,
    Derived,
}

impl Attributes {
    /// A key with a token can be wrapped, whatever else it may.
    pub fn key(&self) -> Result<KeyAttributes> {
        let (kind, usual) = match self.kind {
            Kind::Aes128 => (KeyType::Aes128, Usage::ENCRYPT | Usage::DECRYPT),
            Kind::Aes192 => (KeyType::Aes192, Usage::ENCRYPT | Usage::DECRYPT),
            Kind::Aes256 => (KeyType::Aes256, Usage::ENCRYPT | Usage::DECRYPT),
            Kind::Secret => (KeyType::Secret, Usage::DERIVE),
            Kind::Wrapping => (KeyType::Wrapping, Usage::WRAP | Usage::UNWRAP),
            Kind::P256 => (KeyType::P256, Usage::SIGN),
            Kind::P384 => (KeyType::P384, Usage::SIGN),
        };
        let usage = self.usage.unwrap_or(usual) | Usage::EXPORT_WRAPPED;
        let mut label = [0; 12];
        let text = self.label.as_bytes();
        let Some(part) = label.get_mut(..text.len()) else {
            bail!("a label of {} bytes: up to 12 are possible", text.len());
        };
        part.copy_from_slice(text);
        if matches!(self.iv_policy, Policy::Derived) && Curve::of(kind).is_some() {
            bail!("a private key has no IV policy: leave --iv-policy away");
        }
        if self.protection.is_some() && Curve::of(kind).is_none() {
            bail!("--protection is for private keys, of type p256 and p384");
        }
        let attributes = match kind {
            KeyType::Secret => KeyAttributes::secret(self.secret_len, usage),
            kind => KeyAttributes::new(kind, usage),
        };
        Ok(attributes
            .iv_policy(match self.iv_policy {
                Policy::Host => IvPolicy::Host,
                Policy::Derived => IvPolicy::Derived,
            })
            .ec_options(match self.protection {
                Some(Protection::None) => EcOptions::NONE,
                Some(Protection::Blind) => EcOptions::BLIND,
                Some(Protection::Verify) => EcOptions::VERIFY,
                Some(Protection::Both) | None => EcOptions::default(),
            })
            .limit(self.limit.unwrap_or(0))
            .label(label))
    }
}
