// SPDX-License-Identifier: Apache-2.0
//! The user: what a domain does with its keys, over a queue of its own. No key's bytes pass through here.

use crate::command::{Command, bytes};
use crate::key::{Blob, KeyAttributes, KeyInfo, Usage, put_label};
use crate::queue::Queue;
use crate::request::{AnyRequest, Done, KeyHandle};
use crate::{Error, Result};
use casemate_abi::{Hash, Opcode};
use std::time::Duration;

/// Most random bytes of one operation.
const RANDOM: usize = 65536;

/// A domain's keys. Operations wait for their result; keep nothing of your own in flight in its queue meanwhile.
pub struct Keys {
    queue: Queue,
    timeout: Duration,
}

/// Digest of a hash, bytes.
fn digest(hash: Hash) -> usize {
    match hash {
        Hash::Sha256 => 32,
        Hash::Sha384 => 48,
        Hash::Sha512 => 64,
    }
}

impl Keys {
    /// Over a queue, whose domain it is.
    pub fn over(queue: Queue) -> Self {
        Self {
            queue,
            timeout: Duration::from_secs(60),
        }
    }

    /// Its queue, for AES-GCM.
    pub fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// Its queue, when the keys it is to work with are in place.
    pub fn into_queue(self) -> Queue {
        self.queue
    }

    /// Its domain.
    pub fn domain(&self) -> u8 {
        self.queue.config().domain
    }

    /// Slots that nobody has, as far as this driver knows.
    pub fn free_slots(&self) -> usize {
        self.queue.shared.slots.free()
    }

    /// How long an operation may take; 60 seconds by default.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    fn command(&mut self, c: Command) -> Result<Done> {
        self.queue.command(c, self.timeout)?.ok()
    }

    fn make(&mut self, c: Command) -> Result<KeyHandle> {
        Ok(self.make_done(c)?.0)
    }

    /// As `make`, with what else came back.
    pub(crate) fn make_done(&mut self, c: Command) -> Result<(KeyHandle, Done)> {
        self.queue.make(c, self.timeout)
    }

    pub(crate) fn needs_ec(&self) -> Result<()> {
        self.queue.shared.needs_ec()
    }

    pub(crate) fn fresh(&self, key: KeyHandle) -> Result<()> {
        self.queue.fresh(&[key])
    }

    /// What HKDF takes beside a key.
    pub(crate) fn salted(&self, salt: &[u8], info: &[u8]) -> Result<()> {
        if salt.len() > 64 || salt.len() + info.len() > 256 {
            return Err(Error::Invalid(format!(
                "a salt of {} and an info of {} bytes: a salt of up to 64, with the info up to 256, are possible",
                salt.len(),
                info.len()
            )));
        }
        Ok(())
    }

    /// With `data` as the source; `pay_len` is its length.
    pub(crate) fn with(&mut self, mut c: Command, data: &[u8]) -> Result<Command> {
        c.s.set_pay_len(length(data)?);
        c.src = self.queue.filled(data)?;
        Ok(c)
    }

    /// With room for `len` bytes.
    pub(crate) fn into(&mut self, mut c: Command, len: usize) -> Result<Command> {
        c.dst = Some(self.queue.buffer(len)?);
        Ok(c)
    }

    /// KEY_GENERATE: a key of the device's random bits.
    pub fn generate(&mut self, attributes: &KeyAttributes) -> Result<KeyHandle> {
        let mut c = Command::new(Opcode::KeyGenerate);
        attributes.put(&mut c.s);
        self.make(c)
    }

    /// KEY_HKDF (RFC 5869), slot to slot. Salt of up to 64 bytes, with `info` up to 256.
    pub fn hkdf(
        &mut self,
        base: KeyHandle,
        hash: Hash,
        salt: &[u8],
        info: &[u8],
        attributes: &KeyAttributes,
    ) -> Result<KeyHandle> {
        self.queue.fresh(&[base])?;
        self.salted(salt, info)?;
        let mut c = Command::new(Opcode::KeyHkdf).base(base);
        attributes.put(&mut c.s);
        c.s.set_aad3((hash as u32) << 16 | salt.len() as u32);
        let c = self.with(c, &[salt, info].concat())?;
        self.make(c)
    }

    /// KEY_KBKDF (SP 800-108r1, 4.1, a 32-bit counter before the fixed input data), slot to slot. Up to 256 bytes of data.
    pub fn kbkdf(
        &mut self,
        base: KeyHandle,
        hash: Hash,
        fixed: &[u8],
        attributes: &KeyAttributes,
    ) -> Result<KeyHandle> {
        self.queue.fresh(&[base])?;
        let mut c = Command::new(Opcode::KeyKbkdf).base(base);
        attributes.put(&mut c.s);
        c.s.set_aad3((hash as u32) << 16);
        let c = self.with(c, fixed)?;
        self.make(c)
    }

    /// KEY_MESSAGE: a message's key and its nonce, from a key of IV policy DERIVED. It seals, with the device's own IVs.
    pub fn message_key(&mut self, base: KeyHandle, label: [u8; 12]) -> Result<(KeyHandle, [u8; 32])> {
        self.queue.fresh(&[base])?;
        let mut c = Command::new(Opcode::KeyMessage).base(base);
        put_label(&mut c.s, label);
        c.s.set_pay_len(32);
        let c = self.into(c, 32)?;
        let (key, done) = self.make_done(c)?;
        let nonce = bytes(done.dst)?;
        Ok((key, nonce[..].try_into().expect("32 bytes")))
    }

    /// KEY_MESSAGE: the key of a message that has this nonce. It opens.
    pub fn message_key_of(
        &mut self,
        base: KeyHandle,
        nonce: &[u8; 32],
        label: [u8; 12],
    ) -> Result<KeyHandle> {
        self.queue.fresh(&[base])?;
        let mut c = Command::new(Opcode::KeyMessage).base(base);
        put_label(&mut c.s, label);
        c.s.set_aad3(1);
        let c = self.with(c, nonce)?;
        self.make(c)
    }

    /// KEY_WRAP: the key with its attributes, encrypted under a wrapping key.
    pub fn wrap(&mut self, key: KeyHandle, under: KeyHandle) -> Result<Blob> {
        self.queue.fresh(&[key, under])?;
        let mut c = Command::on(Opcode::KeyWrap, key).base(under);
        c.s.set_pay_len(Blob::SIZE as u32);
        let c = self.into(c, Blob::SIZE)?;
        let out = bytes(self.command(c)?.dst)?;
        Ok(Blob::new(out[..].try_into().expect("128 bytes")))
    }

    /// KEY_UNWRAP: the key in a blob, with its attributes, of whose usage only `keep` stays.
    pub fn unwrap(&mut self, blob: &Blob, under: KeyHandle, keep: Usage) -> Result<KeyHandle> {
        self.queue.fresh(&[under])?;
        let mut c = Command::new(Opcode::KeyUnwrap).base(under);
        c.s.set_aad0(u32::from(keep.bits()) << 16);
        let c = self.with(c, blob.as_bytes())?;
        self.make(c)
    }

    /// KWP_WRAP (RFC 5649): the key alone, for other systems.
    pub fn kwp_wrap(&mut self, key: KeyHandle, under: KeyHandle) -> Result<Vec<u8>> {
        self.queue.fresh(&[under])?;
        let len = self.query(key)?.len.next_multiple_of(8) + 8;
        let mut c = Command::on(Opcode::KwpWrap, key).base(under);
        c.s.set_pay_len(len as u32);
        let c = self.into(c, len)?;
        Ok(bytes(self.command(c)?.dst)?.to_vec())
    }

    /// KWP_UNWRAP (RFC 5649): a key that another system wrapped, with these attributes.
    pub fn kwp_unwrap(
        &mut self,
        wrapped: &[u8],
        under: KeyHandle,
        attributes: &KeyAttributes,
    ) -> Result<KeyHandle> {
        self.queue.fresh(&[under])?;
        let mut c = Command::new(Opcode::KwpUnwrap).base(under);
        attributes.put(&mut c.s);
        let c = self.with(c, wrapped)?;
        self.make(c)
    }

    fn mac_command(
        &mut self,
        op: Opcode,
        key: KeyHandle,
        hash: Hash,
        len: usize,
        m: &[u8],
    ) -> Result<Command> {
        self.queue.fresh(&[key])?;
        let most = digest(hash);
        if !(4..=most).contains(&len) {
            return Err(Error::Invalid(format!(
                "a MAC of {len} bytes: 4 to {most} are possible with {hash:?}"
            )));
        }
        let mut c = Command::on(op, key);
        c.s.set_aad3((hash as u32) << 16 | len as u32);
        self.with(c, m)
    }

    /// MAC_SIGN: `len` bytes of the HMAC (FIPS 198-1) of a message.
    pub fn mac(&mut self, key: KeyHandle, hash: Hash, len: usize, message: &[u8]) -> Result<Vec<u8>> {
        let c = self.mac_command(Opcode::MacSign, key, hash, len, message)?;
        let c = self.into(c, len)?;
        Ok(bytes(self.command(c)?.dst)?.to_vec())
    }

    /// MAC_VERIFY: an error, [`Error::NotAuthentic`], unless the MAC is the message's.
    pub fn mac_verify(&mut self, key: KeyHandle, hash: Hash, message: &[u8], mac: &[u8]) -> Result<()> {
        let mut c = self.mac_command(Opcode::MacVerify, key, hash, mac.len(), message)?;
        c.dst = self.queue.filled(mac)?;
        self.command(c).map(drop)
    }

    /// RANDOM: bytes of the device's random generator.
    pub fn random(&mut self, out: &mut [u8]) -> Result<()> {
        for part in out.chunks_mut(RANDOM) {
            let mut c = Command::new(Opcode::Random);
            c.s.set_pay_len(part.len() as u32);
            let c = self.into(c, part.len())?;
            part.copy_from_slice(&bytes(self.command(c)?.dst)?);
        }
        Ok(())
    }

    /// KEY_QUERY: what a key is.
    pub fn query(&mut self, key: KeyHandle) -> Result<KeyInfo> {
        self.queue.fresh(&[key])?;
        let mut c = Command::on(Opcode::KeyQuery, key);
        c.s.set_pay_len(64);
        let c = self.into(c, 64)?;
        let out = bytes(self.command(c)?.dst)?;
        let info = KeyInfo::decode(out[..32].try_into().expect("32 bytes"))?;
        info.ok_or_else(|| Error::Incompatible("it says that a key it has found is none".into()))
    }

    /// KEY_LOCK: takes all usage but `keep` from a key, and lowers its limit to `limit` seals, if that is lower and not 0.
    pub fn lock(&mut self, key: KeyHandle, keep: Usage, limit: u32) -> Result<()> {
        self.queue.fresh(&[key])?;
        let mut c = Command::on(Opcode::KeyLock, key);
        c.s.set_aad0(u32::from(keep.bits()) << 16).set_aad_len(limit);
        self.command(c).map(drop)
    }

    /// KEY_DESTROY; its handle is stale from then on.
    pub fn destroy(&mut self, key: KeyHandle) -> Result<()> {
        self.queue.destroy(key, self.timeout)
    }

    /// One request, to its end.
    pub fn run(&mut self, request: impl Into<AnyRequest>) -> Result<Done> {
        self.queue.run(request, &mut Vec::new(), self.timeout)?.ok()
    }
}

fn length(data: &[u8]) -> Result<u32> {
    u32::try_from(data.len()).map_err(|_| {
        Error::Invalid(format!(
            "{} bytes: the device takes up to 2^32 - 1 at once",
            data.len()
        ))
    })
}
