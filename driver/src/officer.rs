// SPDX-License-Identifier: Apache-2.0
//! The officer: who binds queues to domains, brings keys in and sees every slot's attributes. One at a time.

use crate::Result;
use crate::command::{Command, bytes};
use crate::device::{Device, DeviceStatus, OFFICER};
use crate::key::{KeyAttributes, KeyInfo, Usage};
use crate::queue::{Queue, QueueConfig};
use crate::request::KeyHandle;
use crate::user::Keys;
use casemate_abi::Opcode;

/// The officer's role, taken from a device by [`Device::officer`] and given back when it is dropped.
pub struct Officer {
    device: Device,
}

impl Drop for Officer {
    fn drop(&mut self) {
        self.device.officer_back();
    }
}

impl Officer {
    pub(crate) fn new(device: Device) -> Self {
        Self { device }
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// A queue bound to its configuration's domain.
    pub fn queue(&self, config: QueueConfig) -> Result<Queue> {
        self.device.queue(config)
    }

    /// The user's role in a domain, over a queue of its own.
    pub fn keys(&self, domain: u8) -> Result<Keys> {
        let config = QueueConfig {
            domain,
            depth: 16,
            ..QueueConfig::default()
        };
        Ok(Keys::over(self.queue(config)?))
    }

    /// KEY_LOAD: a plaintext key into a free slot. Its bytes go to the device's write-only window; the caller wipes its own copy.
    pub fn load(&self, key: &[u8], attributes: &KeyAttributes, domain: u8) -> Result<KeyHandle> {
        self.device.load(key, attributes, domain)
    }

    /// KEY_ROOT: the wrapping key of a domain and epoch, derived from the device's root secret. Devices of one root have the
    /// same. `usage` is [`Usage::WRAP`], [`Usage::UNWRAP`] or both.
    pub fn root_key(&self, domain: u8, epoch: u16, usage: Usage) -> Result<KeyHandle> {
        let mut c = Command::new(Opcode::KeyRoot);
        KeyAttributes::wrapping(usage).put(&mut c.s);
        c.s.set_aad0(c.s.aad0() | u32::from(domain) << 8)
            .set_aad1(u32::from(epoch) << 16);
        Ok(self.device.officer_queue().make(c, OFFICER)?.0)
    }

    /// KEY_DESTROY of any domain's key; its handle is stale from then on.
    pub fn destroy(&self, key: KeyHandle) -> Result<()> {
        self.device.destroy_key(key)
    }

    /// KEY_QUERY of any slot; None if it is empty.
    pub fn slot(&self, slot: u16) -> Result<Option<KeyInfo>> {
        let mut q = self.device.officer_queue();
        let mut c = Command::new(Opcode::KeyQuery);
        c.s.set_slot(slot.into()).set_pay_len(64);
        c.dst = Some(q.buffer(64)?);
        let out = bytes(q.command(c, OFFICER)?.ok()?.dst)?;
        KeyInfo::decode(out[..32].try_into().expect("32 bytes"))
    }

    /// Every slot that holds a key.
    pub fn slots(&self) -> Result<Vec<(u16, KeyInfo)>> {
        (0..self.device.capabilities().slots as u16)
            .filter_map(|i| Some(self.slot(i).transpose()?.map(|info| (i, info))))
            .collect()
    }

    /// Seals the device until it is reset.
    pub fn seal(&self) -> Result<()> {
        self.device.seal()
    }

    /// Destroys every key and all data in the device, which then serves nothing until it is reset.
    pub fn zeroize(&self) -> Result<()> {
        self.device.zeroize()
    }

    /// The device's status.
    pub fn status(&self) -> Result<DeviceStatus> {
        self.device.status()
    }
}
