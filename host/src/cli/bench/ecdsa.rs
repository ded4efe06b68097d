// SPDX-License-Identifier: Apache-2.0
//! ECDSA under load.

use super::load::Work;
use super::{Case, PATIENCE};
use anyhow::{Context, Result, bail};
use casemate::{
    AnyRequest, Curve, Device, Done, EcOptions, EcRequest, Error, KeyAttributes, KeyHandle, Keys, PublicKey,
    Queue, QueueConfig, Signature, Usage,
};
use casemate_host::digest::usual;

/// What is measured of a curve.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sign,
    /// Blinded and verified.
    SignProtected,
    Verify,
}

/// Key pairs of a curve that take turns.
pub struct Pairs {
    curve: Curve,
    pairs: Vec<(KeyHandle, PublicKey)>,
}

impl Pairs {
    pub fn new(device: &Device, curve: Curve, kind: Kind, count: usize) -> Result<Self> {
        let options = match kind {
            Kind::SignProtected => EcOptions::default(),
            _ => EcOptions::NONE,
        };
        let attributes = KeyAttributes::private(curve, Usage::SIGN).ec_options(options);
        let mut keys = Keys::over(device.queue(QueueConfig::default())?);
        keys.set_timeout(PATIENCE);
        let pairs = (0..count)
            .map(|_| keys.generate_pair(&attributes))
            .collect::<Result<_, _>>()?;
        Ok(Self { curve, pairs })
    }

    pub fn destroy(self, device: &Device) -> Result<()> {
        for (key, _) in self.pairs {
            device.destroy_key(key)?;
        }
        Ok(())
    }
}

struct Message {
    key: KeyHandle,
    public: PublicKey,
    digest: Vec<u8>,
    signature: Option<Signature>,
}

/// The signatures of one queue.
pub struct Signatures {
    curve: Curve,
    verifies: bool,
    messages: Vec<Message>,
}

impl Signatures {
    pub fn new(queue: &mut Queue, keys: &Pairs, case: &Case, kind: Kind) -> Result<Self> {
        let mut all = Self {
            curve: keys.curve,
            verifies: kind == Kind::Verify,
            messages: Vec::new(),
        };
        for i in 0..case.depth {
            let (key, public) = keys.pairs[i % keys.pairs.len()];
            let digest = (0..case.size).map(|j| (i * 31 + j * 7) as u8).collect();
            let mut m = Message {
                key,
                public,
                digest,
                signature: None,
            };
            if all.verifies {
                let signed = queue.run(all.sign(&m), &mut Vec::new(), PATIENCE)?;
                m.signature = Some(signed.signature()?);
            }
            all.messages.push(m);
        }
        Ok(all)
    }

    fn sign(&self, m: &Message) -> EcRequest {
        EcRequest::sign(m.key, usual(self.curve), &m.digest)
    }
}

impl Work for Signatures {
    fn request(&mut self, i: usize) -> Result<AnyRequest> {
        let m = &self.messages[i];
        if !self.verifies {
            return Ok(self.sign(m).into());
        }
        let signature = m.signature.context("nothing was signed")?;
        Ok(EcRequest::verify(&m.public, &m.digest, &signature).into())
    }

    fn back(&mut self, i: usize, done: Done) -> Result<()> {
        if !self.verifies {
            self.messages[i].signature = Some(done.signature()?);
        }
        Ok(())
    }

    /// Every signature verifies, and does not if its digest is another.
    fn check(&mut self, queue: &mut Queue) -> Result<()> {
        for (i, m) in self.messages.iter_mut().enumerate() {
            let signature = m.signature.context("a signature did not come back")?;
            let mut verify = |digest: &[u8]| {
                let request = EcRequest::verify(&m.public, digest, &signature);
                queue.run(request, &mut Vec::new(), PATIENCE)?.ok()
            };
            verify(&m.digest).with_context(|| format!("signature {i} is wrong"))?;
            let mut other = m.digest.clone();
            other[0] ^= 1;
            match verify(&other) {
                Err(Error::BadSignature) => {}
                Err(e) => return Err(e.into()),
                Ok(_) => bail!("signature {i} verifies for another digest"),
            }
        }
        Ok(())
    }
}
