// SPDX-License-Identifier: Apache-2.0
//! The device as the engine of a stream: the file's key in a slot, several segments in flight in a queue.

use crate::stream::{SegmentCipher, SegmentSize, StreamError};
use crate::token::Token;
use crate::vault::{Vault, is_foreign};
use casemate::abi::Status;
use casemate::{
    Data, Device, DmaBuf, Done, Error, Hash, KeyAttributes, KeyHandle, KeyUse, Queue, QueueConfig, Request,
    Usage,
};
use std::time::Duration;

/// How long the device may take for a segment: a simulation with slow memory needs a while for a megabyte.
const PATIENCE: Duration = Duration::from_secs(300);

/// Bytes in flight that keep a device busy, and the fewest and most segments.
const IN_FLIGHT: usize = 4 << 20;
const FEWEST: usize = 2;
const MOST: usize = 64;

/// What is released in this order: the queue ends what is in flight, then the key goes.
struct Held {
    queue: Option<Queue>,
    key: Option<KeyHandle>,
    device: Device,
}

impl Held {
    fn release(&mut self) -> Result<(), Error> {
        self.queue = None;
        self.key.take().map_or(Ok(()), |k| self.device.destroy_key(k))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // `close` tells of a failure; here an earlier error is already on its way.
        let _ = self.release();
    }
}

/// Seals or opens the segments of one file.
pub struct DeviceCipher {
    held: Held,
    seal: bool,
    bytes: usize,
    window: usize,
    free: Vec<DmaBuf>,
    started: u64,
    finished: u64,
    done: Vec<Done>,
}

fn failed(e: Error) -> StreamError {
    StreamError::Device(e.into())
}

/// Segments at work at once.
fn window(size: SegmentSize) -> usize {
    (IN_FLIGHT / size.bytes()).clamp(FEWEST, MOST)
}

/// What the file's key may do.
fn usage(seal: bool) -> Usage {
    if seal { Usage::ENCRYPT } else { Usage::DECRYPT }
}

impl DeviceCipher {
    /// Seals, or opens, under a file's key that the host has derived.
    pub fn with_key(
        device: &Device,
        key: &[u8; 32],
        size: SegmentSize,
        seal: bool,
    ) -> Result<Self, StreamError> {
        let config = QueueConfig {
            depth: window(size).next_power_of_two(),
            ..QueueConfig::default()
        };
        let domain = config.domain;
        let queue = device.queue(config).map_err(failed)?;
        let may = KeyUse {
            encrypt: seal,
            decrypt: !seal,
        };
        let key = device.load_key(key, domain, may).map_err(failed)?;
        Ok(Self::over(device, queue, key, size, seal))
    }

    /// Seals, or opens, under the file's key of a token: the device derives it of the token's, which it unwraps.
    pub fn with_token(
        device: &Device,
        token: &Token,
        salt: &[u8],
        aad: &[u8],
        size: SegmentSize,
        seal: bool,
    ) -> Result<Self, StreamError> {
        let depth = window(size).next_power_of_two();
        let mut vault = Vault::open(device, token.domain, depth).map_err(failed)?;
        let base = vault.unwrap(token, Usage::DERIVE).map_err(|e| {
            let foreign = is_foreign(&e);
            if foreign { StreamError::Token } else { failed(e) }
        })?;
        let attributes = KeyAttributes::aes256(usage(seal));
        let key = vault.keys().hkdf(base, Hash::Sha256, salt, aad, &attributes);
        let key = key.map_err(failed)?;
        let queue = vault.into_queue(&[base]).map_err(failed)?;
        Ok(Self::over(device, queue, key, size, seal))
    }

    fn over(device: &Device, queue: Queue, key: KeyHandle, size: SegmentSize, seal: bool) -> Self {
        Self {
            held: Held {
                queue: Some(queue),
                key: Some(key),
                device: device.clone(),
            },
            seal,
            bytes: size.bytes(),
            window: window(size),
            free: Vec::new(),
            started: 0,
            finished: 0,
            done: Vec::new(),
        }
    }

    fn queue(&mut self) -> Result<&mut Queue, StreamError> {
        (self.held.queue.as_mut()).ok_or_else(|| StreamError::Device("its queue is closed".into()))
    }
}

impl SegmentCipher for DeviceCipher {
    type Buffer = DmaBuf;

    fn window(&self) -> usize {
        self.window
    }

    fn buffer(&mut self) -> Result<DmaBuf, StreamError> {
        match self.free.pop() {
            Some(b) => Ok(b),
            None => self.held.device.buffer(self.bytes, 0).map_err(failed),
        }
    }

    fn start(&mut self, nonce: &[u8; 12], mut segment: DmaBuf, len: usize) -> Result<(), StreamError> {
        let key = (self.held.key).ok_or_else(|| StreamError::Device("its key is gone".into()))?;
        let request = if self.seal {
            segment.set_len(len + crate::stream::TAG);
            Request::seal(key, nonce, segment)
        } else {
            segment.set_len(len);
            Request::open(key, nonce, segment)
        };
        let request = request.user(self.started);
        let got = self.queue()?.submit([request]).map_err(failed)?;
        if let Some(e) = got.refused {
            return Err(failed(e));
        }
        if got.accepted != 1 {
            return Err(StreamError::Device(
                "more segments at work than its queue has room for".into(),
            ));
        }
        self.started += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<DmaBuf>, StreamError> {
        // Lanes may finish in another order.
        let done = loop {
            if let Some(i) = self.done.iter().position(|d| d.user == self.finished) {
                break self.done.swap_remove(i);
            }
            let mut done = std::mem::take(&mut self.done);
            let n = self.queue()?.wait(&mut done, PATIENCE).map_err(failed)?;
            self.done = done;
            if n == 0 {
                return Err(StreamError::Device("it lost a segment".into()));
            }
        };
        self.finished += 1;
        if done.status == Status::TagMismatch {
            return Ok(None);
        }
        match done.ok().map_err(failed)?.src {
            Some(Data::Flat(b)) => Ok(Some(b)),
            _ => Err(StreamError::Device(
                "a segment came back without its memory".into(),
            )),
        }
    }

    fn recycle(&mut self, mut segment: DmaBuf) {
        segment.set_len(self.bytes);
        self.free.push(segment);
    }

    fn close(mut self) -> Result<(), StreamError> {
        self.held.release().map_err(failed)
    }
}
