// SPDX-License-Identifier: Apache-2.0
//! ECDSA over P-256 with SHA-256 and P-384 with SHA-384, one key, one message of 32 bytes.

use crate::openssl::{self, Library};
use crate::version;
use anyhow::{Result, anyhow, ensure};
use std::hint::black_box;

const MESSAGE: [u8; 32] = [7; 32];

/// A library with a key pair and a signature by it.
pub trait Ecdsa {
    fn name(&self) -> &str;
    fn version(&self) -> Result<String> {
        version(self.name())
    }
    fn curve(&self) -> &str;
    fn sign(&mut self) -> Result<()>;
    fn verify(&mut self) -> Result<()>;
}

/// All there are, the baseline first.
pub fn all<'a>(openssl: Option<&'a Library>) -> Result<Vec<Box<dyn Ecdsa + 'a>>> {
    let mut all: Vec<Box<dyn Ecdsa + 'a>> = Vec::new();
    for p384 in [false, true] {
        all.push(Box::new(AwsLc::new(p384)?));
        all.push(Box::new(Ring::new(p384)?));
    }
    all.push(Box::new(P256::new()?));
    all.push(Box::new(P384::new()?));
    if let Some(library) = openssl {
        for p384 in [false, true] {
            all.push(Box::new(OpenSsl(openssl::Pair::new(library, p384)?, p384)));
        }
    }
    Ok(all)
}

fn curve_name(p384: bool) -> &'static str {
    if p384 { "p384" } else { "p256" }
}

macro_rules! ring_like {
    ($name:ident, $krate:ident, $text:literal) => {
        struct $name {
            p384: bool,
            pair: $krate::signature::EcdsaKeyPair,
            random: $krate::rand::SystemRandom,
            signature: $krate::signature::Signature,
        }

        impl $name {
            fn new(p384: bool) -> Result<Self> {
                use $krate::rand::SystemRandom;
                use $krate::signature::*;
                let random = SystemRandom::new();
                let algorithm = match p384 {
                    false => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    true => &ECDSA_P384_SHA384_FIXED_SIGNING,
                };
                let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random)
                    .map_err(|e| anyhow!("{}: {e}", $text))?;
                let pair = Self::pair(algorithm, document.as_ref(), &random)?;
                let signature = pair
                    .sign(&random, &MESSAGE)
                    .map_err(|e| anyhow!("{}: {e}", $text))?;
                Ok(Self {
                    p384,
                    pair,
                    random,
                    signature,
                })
            }
        }

        impl Ecdsa for $name {
            fn name(&self) -> &str {
                $text
            }

            fn curve(&self) -> &str {
                curve_name(self.p384)
            }

            fn sign(&mut self) -> Result<()> {
                let made = self.pair.sign(&self.random, black_box(&MESSAGE));
                black_box(made.map_err(|e| anyhow!("{}: {e}", $text))?);
                Ok(())
            }

            fn verify(&mut self) -> Result<()> {
                use $krate::signature::*;
                let algorithm = match self.p384 {
                    false => &ECDSA_P256_SHA256_FIXED,
                    true => &ECDSA_P384_SHA384_FIXED,
                };
                let public = UnparsedPublicKey::new(algorithm, self.pair.public_key().as_ref());
                let good = public.verify(black_box(&MESSAGE), self.signature.as_ref());
                good.map_err(|e| anyhow!("{}: {e}", $text))
            }
        }
    };
}
ring_like!(AwsLc, aws_lc_rs, "aws-lc-rs");
ring_like!(Ring, ring, "ring");

impl AwsLc {
    fn pair(
        algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm,
        document: &[u8],
        _: &aws_lc_rs::rand::SystemRandom,
    ) -> Result<aws_lc_rs::signature::EcdsaKeyPair> {
        let pair = aws_lc_rs::signature::EcdsaKeyPair::from_pkcs8(algorithm, document);
        pair.map_err(|e| anyhow!("aws-lc-rs: {e}"))
    }
}

impl Ring {
    fn pair(
        algorithm: &'static ring::signature::EcdsaSigningAlgorithm,
        document: &[u8],
        random: &ring::rand::SystemRandom,
    ) -> Result<ring::signature::EcdsaKeyPair> {
        let pair = ring::signature::EcdsaKeyPair::from_pkcs8(algorithm, document, random);
        pair.map_err(|e| anyhow!("ring: {e}"))
    }
}

macro_rules! rust_crypto {
    ($name:ident, $krate:ident, $text:literal) => {
        struct $name {
            key: $krate::ecdsa::SigningKey,
            public: $krate::ecdsa::VerifyingKey,
            signature: $krate::ecdsa::Signature,
        }

        impl $name {
            fn new() -> Result<Self> {
                use $krate::ecdsa::signature::Signer;
                let len = $krate::FieldBytes::default().len();
                let key = $krate::ecdsa::SigningKey::from_slice(&vec![0x5a; len])?;
                let signature = key.sign(&MESSAGE);
                Ok(Self {
                    public: *key.verifying_key(),
                    key,
                    signature,
                })
            }
        }

        impl Ecdsa for $name {
            fn name(&self) -> &str {
                $text
            }

            fn curve(&self) -> &str {
                $text
            }

            fn sign(&mut self) -> Result<()> {
                use $krate::ecdsa::signature::Signer;
                let made: $krate::ecdsa::Signature = self.key.sign(black_box(&MESSAGE));
                ensure!(
                    made == self.signature,
                    "{}: a deterministic signature changed",
                    $text
                );
                Ok(())
            }

            fn verify(&mut self) -> Result<()> {
                use $krate::ecdsa::signature::Verifier;
                Ok(self.public.verify(black_box(&MESSAGE), &self.signature)?)
            }
        }
    };
}
rust_crypto!(P256, p256, "p256");
rust_crypto!(P384, p384, "p384");

struct OpenSsl<'a>(openssl::Pair<'a>, bool);

impl Ecdsa for OpenSsl<'_> {
    fn name(&self) -> &str {
        "OpenSSL"
    }

    fn version(&self) -> Result<String> {
        Ok(self.0.library.version())
    }

    fn curve(&self) -> &str {
        curve_name(self.1)
    }

    fn sign(&mut self) -> Result<()> {
        self.0.sign()
    }

    fn verify(&mut self) -> Result<()> {
        self.0.verify()
    }
}
