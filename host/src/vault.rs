// SPDX-License-Identifier: Apache-2.0
//! A device opened for one domain's tokens: the officer derives the wrapping keys, the user does the rest.

use crate::token::Token;
use casemate::{
    Curve, Device, Error, KeyAttributes, KeyHandle, Keys, Officer, Queue, QueueConfig, Result, Status, Usage,
};
use std::collections::BTreeMap;

/// One domain of a device.
pub struct Vault {
    officer: Officer,
    keys: Keys,
    roots: BTreeMap<u16, KeyHandle>,
}

/// Whether an error says that a token is not of this device's root secret, or was altered.
pub fn is_foreign(e: &Error) -> bool {
    matches!(
        e,
        Error::Request {
            status: Status::BadBlob,
            ..
        }
    )
}

impl Vault {
    /// Opens a domain, its queue with room for `depth` requests.
    pub fn open(device: &Device, domain: u8, depth: usize) -> Result<Self> {
        let officer = device.officer()?;
        let queue = officer.queue(QueueConfig {
            domain,
            depth: depth.max(4),
            ..QueueConfig::default()
        })?;
        Ok(Self {
            officer,
            keys: Keys::over(queue),
            roots: BTreeMap::new(),
        })
    }

    /// Whether the device has an engine for a token's key.
    pub fn serves(&self, token: &Token) -> bool {
        let engines = self.officer.device().capabilities().ec_engines;
        engines > 0 || Curve::of(token.claims().kind).is_none()
    }

    /// The user's role.
    pub fn keys(&mut self) -> &mut Keys {
        &mut self.keys
    }

    /// The domain's wrapping key of an epoch.
    fn root(&mut self, epoch: u16) -> Result<KeyHandle> {
        if let Some(root) = self.roots.get(&epoch) {
            return Ok(*root);
        }
        let root = self
            .officer
            .root_key(self.keys.domain(), epoch, Usage::WRAP | Usage::UNWRAP)?;
        self.roots.insert(epoch, root);
        Ok(root)
    }

    /// A token's key into a slot, of its usage only `keep`.
    pub fn unwrap(&mut self, token: &Token, keep: Usage) -> Result<KeyHandle> {
        if token.domain != self.keys.domain() {
            return Err(Error::Invalid(format!(
                "a token of domain {} where domain {} is open",
                token.domain,
                self.keys.domain()
            )));
        }
        let root = self.root(token.epoch)?;
        self.keys.unwrap(&token.blob, root, keep)
    }

    /// A key as a token of an epoch.
    pub fn wrap(&mut self, key: KeyHandle, epoch: u16) -> Result<Token> {
        let root = self.root(epoch)?;
        Ok(Token {
            domain: self.keys.domain(),
            epoch,
            blob: self.keys.wrap(key, root)?,
        })
    }

    /// A plaintext key of the host into a slot.
    pub fn load(&mut self, key: &[u8], attributes: &KeyAttributes) -> Result<KeyHandle> {
        self.officer.load(key, attributes, self.keys.domain())
    }

    /// Its queue, for what the key in one slot does. The wrapping keys and `spent` leave the device, the officer's role is free.
    pub fn into_queue(mut self, spent: &[KeyHandle]) -> Result<Queue> {
        for key in spent.iter().chain(self.roots.values()) {
            self.keys.destroy(*key)?;
        }
        Ok(self.keys.into_queue())
    }
}
