// SPDX-License-Identifier: Apache-2.0
//! The short way: bytes in, bytes out.

use crate::queue::{Queue, QueueConfig};
use crate::request::{Data, Done, KeyHandle, Request};
use crate::{Device, Error, KeyUse, Result};
use std::time::Duration;

/// A queue and what is needed to use it without thinking of buffers.
pub struct Session {
    device: Device,
    queue: Queue,
    timeout: Duration,
    keys: Vec<KeyHandle>,
}

impl Drop for Session {
    fn drop(&mut self) {
        for key in self.keys.drain(..) {
            // One that was destroyed already, or went with a reset, is refused: all the better.
            let _ = self.device.destroy_key(key);
        }
    }
}

impl Session {
    pub(crate) fn new(device: Device) -> Result<Self> {
        let queue = device.queue(QueueConfig {
            depth: 64,
            ..QueueConfig::default()
        })?;
        Ok(Self {
            device,
            queue,
            timeout: Duration::from_secs(60),
            keys: Vec::new(),
        })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Its queue, for what the short way cannot do.
    pub fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// How long an operation may take; 60 seconds by default.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Loads an AES key of 16, 24 or 32 bytes for sealing and opening. It is destroyed with the session.
    pub fn import(&mut self, key: &[u8]) -> Result<KeyHandle> {
        let handle = self
            .device
            .load_key(key, self.queue.config().domain, KeyUse::BOTH)?;
        self.keys.push(handle);
        Ok(handle)
    }

    fn run(&mut self, request: Request) -> Result<Vec<u8>> {
        let done: Done = self.queue.run(request, &mut Vec::new(), self.timeout)?;
        match done.ok()?.src {
            Some(Data::Flat(b)) => Ok(b.to_vec()),
            _ => Err(Error::Transport("a request came back without its buffer".into())),
        }
    }

    /// AES-GCM: the ciphertext with its 16-byte tag appended. Never use an IV twice with one key.
    pub fn seal(&mut self, key: KeyHandle, iv: &[u8], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut b = self.device.buffer(plain.len() + 16, 0)?;
        b[..plain.len()].copy_from_slice(plain);
        self.run(Request::seal(key, iv, b).aad(aad))
    }

    /// AES-GCM: the plaintext, if the 16-byte tag at the end of `sealed` is right.
    pub fn open(&mut self, key: KeyHandle, iv: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let Some(len) = sealed.len().checked_sub(16) else {
            return Err(Error::NotAuthentic);
        };
        let mut b = self.device.buffer(sealed.len(), 0)?;
        b.copy_from_slice(sealed);
        let mut plain = self.run(Request::open(key, iv, b).aad(aad))?;
        plain.truncate(len);
        Ok(plain)
    }
}
