// SPDX-License-Identifier: Apache-2.0
//! AES-GCM under load.

use super::load::Work;
use super::{Case, PATIENCE};
use anyhow::{Context, Result, bail};
use casemate::{AnyRequest, Data, Device, DmaBuf, Done, KeyHandle, KeyUse, Queue, Request};
use zeroize::Zeroizing;

/// One message: a source and a destination that go to the device and come back.
struct Message {
    key: KeyHandle,
    iv: [u8; 12],
    buffers: Option<(Data, Data)>,
}

/// The messages of one queue.
pub struct Messages {
    opens: bool,
    size: usize,
    messages: Vec<Message>,
    sequence: u64,
}

/// Random keys in slots of their own.
pub fn keys(device: &Device, count: u16) -> Result<Vec<KeyHandle>> {
    let mut keys = Vec::new();
    for _ in 0..count {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).context("no randomness from the operating system")?;
        keys.push(device.load_key(&*key, 0, KeyUse::BOTH)?);
    }
    Ok(keys)
}

/// Some bytes that differ from message to message.
fn pattern(i: usize, n: usize) -> impl Iterator<Item = u8> {
    (0..n).map(move |j| (i * 31 + j * 7 + j / 256) as u8)
}

fn flat(d: &Data) -> Result<&DmaBuf> {
    match d {
        Data::Flat(b) => Ok(b),
        Data::List(_) => bail!("a request came back with other buffers"),
    }
}

impl Messages {
    pub fn new(
        device: &Device,
        queue: &mut Queue,
        keys: &[KeyHandle],
        case: &Case,
        opens: bool,
    ) -> Result<Self> {
        let size = case.size;
        let mut all = Self {
            opens,
            size,
            messages: Vec::new(),
            sequence: 0,
        };
        for i in 0..case.depth {
            let mut plain = device.buffer(size, 0)?;
            plain.iter_mut().zip(pattern(i, size)).for_each(|(b, p)| *b = p);
            let key = keys[i % keys.len()];
            let iv = all.next_iv();
            let sealed = device.buffer(size + 16, 0)?;
            let buffers = if opens {
                let request = Request::seal(key, &iv, plain).to(sealed);
                let r = queue.run(request, &mut Vec::new(), PATIENCE)?.ok()?;
                let (Some(Data::Flat(mut plain)), Some(Data::Flat(sealed))) = (r.src, r.dst) else {
                    bail!("a request came back with other buffers");
                };
                // What is found there afterwards was put there by the device.
                plain.fill(0);
                (sealed, plain)
            } else {
                (plain, sealed)
            };
            all.messages.push(Message {
                key,
                iv,
                buffers: Some((buffers.0.into(), buffers.1.into())),
            });
        }
        Ok(all)
    }

    fn next_iv(&mut self) -> [u8; 12] {
        self.sequence += 1;
        let mut iv = [0; 12];
        iv[4..].copy_from_slice(&self.sequence.to_be_bytes());
        iv
    }
}

impl Work for Messages {
    fn request(&mut self, i: usize) -> Result<AnyRequest> {
        if !self.opens {
            self.messages[i].iv = self.next_iv();
        }
        let m = &mut self.messages[i];
        let (src, dst) = m.buffers.take().context("a message is already on its way")?;
        let request = match self.opens {
            false => Request::seal(m.key, &m.iv, src),
            true => Request::open(m.key, &m.iv, src),
        };
        Ok(request.to(dst).into())
    }

    fn back(&mut self, i: usize, done: Done) -> Result<()> {
        let (Some(src), Some(dst)) = (done.src, done.dst) else {
            bail!("a request came back without its buffers");
        };
        self.messages[i].buffers = Some((src, dst));
        Ok(())
    }

    /// Every message is what it should be.
    fn check(&mut self, queue: &mut Queue) -> Result<()> {
        for (i, m) in self.messages.iter_mut().enumerate() {
            let (src, dst) = m.buffers.take().context("a message did not come back")?;
            let opened = if self.opens {
                flat(&dst)?[..self.size].to_vec()
            } else {
                let request = Request::open(m.key, &m.iv, dst);
                let r = queue.run(request, &mut Vec::new(), PATIENCE)?.ok()?;
                flat(&r.src.context("a request came back without its buffer")?)?[..self.size].to_vec()
            };
            drop(src);
            if !opened.iter().copied().eq(pattern(i, self.size)) {
                bail!("message {i} of {} bytes is wrong", self.size);
            }
        }
        Ok(())
    }
}
