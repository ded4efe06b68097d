// SPDX-License-Identifier: Apache-2.0
//! Key operations as a queue carries them out: one at a time, with the buffers they name.

use crate::dma::DmaBuf;
use crate::queue::Queue;
use crate::request::{Data, Done, Held, KeyHandle};
use crate::{Error, Result};
use casemate_abi::{Opcode, Status, Submission};
use std::time::Duration;

/// A descriptor and its flat buffers, of which the operation uses the whole length.
#[derive(Default)]
pub(crate) struct Command {
    pub(crate) s: Submission,
    pub(crate) src: Option<DmaBuf>,
    pub(crate) dst: Option<DmaBuf>,
}

impl Command {
    pub(crate) fn new(op: Opcode) -> Self {
        let mut c = Self::default();
        c.s.set_opcode(op as u32);
        c
    }

    /// On this key.
    pub(crate) fn on(op: Opcode, key: KeyHandle) -> Self {
        let mut c = Self::new(op);
        c.s.set_slot(key.slot().into())
            .set_generation(key.generation().into());
        c
    }

    /// The descriptor with its buffers' addresses, and what it holds.
    pub(crate) fn into_parts(self, user: u64) -> (Submission, Held) {
        let mut s = self.s;
        if let Some(b) = &self.src {
            s.set_src_lo(b.iova() as u32).set_src_hi((b.iova() >> 32) as u32);
        }
        if let Some(b) = &self.dst {
            s.set_dst_lo(b.iova() as u32).set_dst_hi((b.iova() >> 32) as u32);
        }
        let held = Held {
            user,
            src: self.src.map(Data::Flat),
            dst: self.dst.map(Data::Flat),
            tag: None,
            aad: None,
            _own: Default::default(),
        };
        (s, held)
    }

    /// With a second key.
    pub(crate) fn base(mut self, key: KeyHandle) -> Self {
        self.s
            .set_aad2(u32::from(key.generation()) << 16 | u32::from(key.slot()));
        self
    }
}

impl From<Submission> for Command {
    fn from(s: Submission) -> Self {
        Self { s, ..Self::default() }
    }
}

/// The bytes of a buffer that came back.
pub(crate) fn bytes(data: Option<Data>) -> Result<DmaBuf> {
    match data {
        Some(Data::Flat(b)) => Ok(b),
        _ => Err(Error::Transport(
            "an operation came back without its buffer".into(),
        )),
    }
}

impl Queue {
    /// A buffer with these bytes; none if there are none.
    pub(crate) fn filled(&self, data: &[u8]) -> Result<Option<DmaBuf>> {
        if data.is_empty() {
            return Ok(None);
        }
        let mut b = self.buffer(data.len())?;
        b.copy_from_slice(data);
        Ok(Some(b))
    }

    /// A buffer of `len` zeros.
    pub(crate) fn buffer(&self, len: usize) -> Result<DmaBuf> {
        self.shared.pool.take(len, 0)
    }

    /// An error if a handle is from before a reset.
    pub(crate) fn fresh(&self, keys: &[KeyHandle]) -> Result<()> {
        match keys.iter().find(|k| !k.of_epoch(self.shared.epoch())) {
            Some(k) => Err(Error::StaleKey(k.slot())),
            None => Ok(()),
        }
    }

    /// Hands it over and waits for its result. After a time-out the queue keeps the buffers until it is reset.
    pub(crate) fn command(&mut self, c: Command, timeout: Duration) -> Result<Done> {
        self.check_epoch()?;
        let mut others = Vec::new();
        while !self.has_room() {
            self.wait(&mut others, timeout)?;
        }
        let user = self.counters().submitted | 1 << 63;
        let (s, held) = c.into_parts(user);
        self.push(s, held);
        self.ring()?;
        self.finish(user, &mut others, timeout)
    }

    /// As [`Self::command`], for one that makes a key, in a slot that is free.
    pub(crate) fn make(&mut self, mut c: Command, timeout: Duration) -> Result<(KeyHandle, Done)> {
        loop {
            let slot = self.shared.slots.take()?;
            c.s.set_slot(slot.into());
            let s = c.s;
            // If no answer comes the slot stays taken: it may hold a key.
            let done = self.command(c, timeout)?;
            // This code may mean either key.
            let base = done.status == Status::SlotDomain && self.base_is_foreign(&s, timeout)?;
            c = match done.status {
                Status::Ok => {
                    let handle = KeyHandle::new(slot, done.generation(), self.shared.epoch());
                    return Ok((handle, done));
                }
                // Somebody else's, or used up: out of the way until a reset.
                Status::SlotFull | Status::SlotDomain | Status::SlotRetired if !base => {
                    let flat = |d| bytes(d).ok();
                    Command {
                        s,
                        src: flat(done.src),
                        dst: flat(done.dst),
                    }
                }
                _ => {
                    self.shared.slots.set(slot, false);
                    return Err(done.ok().expect_err("not OK"));
                }
            };
        }
    }

    /// Whether the second key of a descriptor, if it has one, is of another domain.
    fn base_is_foreign(&mut self, s: &Submission, timeout: Duration) -> Result<bool> {
        let mut c = Command::new(Opcode::KeyQuery);
        if s.aad2() == 0 {
            return Ok(false);
        }
        c.s.set_slot(s.aad2() & 0xffff)
            .set_generation(s.aad2() >> 16)
            .set_pay_len(64);
        c.dst = Some(self.buffer(64)?);
        Ok(self.command(c, timeout)?.status == Status::SlotDomain)
    }

    /// KEY_DESTROY; the slot is free again.
    pub(crate) fn destroy(&mut self, key: KeyHandle, timeout: Duration) -> Result<()> {
        self.fresh(&[key])?;
        self.command(Command::on(Opcode::KeyDestroy, key), timeout)?
            .ok()?;
        self.shared.slots.set(key.slot(), false);
        Ok(())
    }
}
