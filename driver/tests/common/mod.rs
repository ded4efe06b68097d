// SPDX-License-Identifier: Apache-2.0
//! What the tests of devices share. Each runs on the RTL and on the functional model.
#![allow(dead_code)] // no test needs all of it

pub mod ec;
pub mod keys;

use casemate::abi::{Opcode, Status, Submission, TagMode, reg};
use casemate::soft::Soft;
use casemate::transport::{DmaRegion, sim::Sim};
use casemate::{Device, Done, KeyHandle, Queue, QueueConfig};
use casemate_sim::memory::{Access, Iommu};
use std::time::Duration;

/// The RTL and the model.
pub const DEVICES: [&str; 2] = ["sim:?latency=30", "soft:"];
/// Those of them that serve every key operation.
pub const KEY_DEVICES: &[&str] = &DEVICES;
/// Those of them with an engine for elliptic curves.
pub const EC_DEVICES: &[&str] = &DEVICES;
/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(120);

pub fn open(uri: &str) -> Device {
    Device::open(uri).unwrap_or_else(|e| panic!("{uri}: {e}"))
}

pub fn queue(device: &Device, domain: u8, depth: usize) -> Queue {
    device
        .queue(QueueConfig {
            domain,
            depth,
            ..QueueConfig::default()
        })
        .unwrap()
}

/// The simulation behind a device.
pub fn sim<T>(device: &Device, f: impl FnOnce(&mut casemate_sim::device::Device) -> T) -> T {
    let sim = device.transport().as_any().downcast_ref::<Sim>();
    sim.expect("a simulated device").with(f)
}

pub fn iommu<T>(device: &Device, f: impl FnOnce(&mut Iommu) -> T) -> T {
    match soft(device) {
        Some(s) => s.with_iommu(f),
        None => sim(device, |d| f(&mut d.iommu)),
    }
}

/// The model behind a device, if it is one.
pub fn soft(device: &Device) -> Option<&Soft> {
    device.transport().as_any().downcast_ref::<Soft>()
}

/// Submits one descriptor and waits for its result.
pub fn raw(q: &mut Queue, s: &Submission) -> Done {
    assert!(q.submit_raw(*s, 0).unwrap());
    let mut out = Vec::new();
    while out.is_empty() {
        q.wait(&mut out, LONG).unwrap();
    }
    out.remove(0)
}

/// Waits until nothing is in flight.
pub fn drain(q: &mut Queue, out: &mut Vec<Done>) {
    while q.in_flight() > 0 {
        q.wait(out, LONG).unwrap();
    }
}

/// Some pages: an arena to write in, then a read-only page, then a page that is not mapped.
pub struct Arena {
    region: DmaRegion,
}

impl Arena {
    pub const SIZE: usize = 64 << 10;

    pub fn new(device: &Device) -> Self {
        let region = device.transport().alloc(Self::SIZE + 8192).unwrap();
        iommu(device, |m| {
            m.protect(region.iova() + Self::SIZE as u64, Access::READ);
            m.unmap(region.iova() + Self::SIZE as u64 + 4096, 4096);
        });
        Self { region }
    }

    pub fn iova(&self) -> u64 {
        self.region.iova()
    }

    pub fn read_only(&self) -> u64 {
        self.iova() + Self::SIZE as u64
    }

    pub fn unmapped(&self) -> u64 {
        self.read_only() + 4096
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the region is this arena's; tests look at it only while the device is idle.
        unsafe { std::slice::from_raw_parts_mut(self.region.ptr().as_ptr(), Self::SIZE) }
    }
}

/// The low and the high word.
pub fn halves(a: u64) -> (u32, u32) {
    (a as u32, (a >> 32) as u32)
}

pub fn set_src(s: &mut Submission, a: u64) {
    let (lo, hi) = halves(a);
    s.set_src_lo(lo).set_src_hi(hi);
}

pub fn set_dst(s: &mut Submission, a: u64) {
    let (lo, hi) = halves(a);
    s.set_dst_lo(lo).set_dst_hi(hi);
}

/// A descriptor that seals 32 bytes from the arena's start to its second page, tag in the completion.
pub fn good(key: KeyHandle, arena: &Arena) -> Submission {
    let mut s = Submission::default();
    s.set_opcode(Opcode::GcmSeal as u32)
        .set_slot(key.slot().into())
        .set_generation(key.generation().into())
        .set_tag_mode(TagMode::Completion as u32)
        .set_tag_len(16)
        .set_iv_len(12)
        .set_iv0(7)
        .set_pay_len(32)
        .set_aad_inline(1)
        .set_aad_len(3)
        .set_aad0(5);
    set_src(&mut s, arena.iova());
    set_dst(&mut s, arena.iova() + 4096);
    s
}

/// A queue driven through its registers alone, to do what the driver would not.
pub struct RawQueue {
    pub device: Device,
    pub index: u32,
    pub rings: DmaRegion,
}

impl RawQueue {
    /// Both rings of 2^log2 entries: submissions in the first page, completions in the second.
    pub fn new(device: &Device, index: u32) -> Self {
        let rings = device.transport().alloc(8192).unwrap();
        Self {
            device: device.clone(),
            index,
            rings,
        }
    }

    pub fn write(&self, register: u32, value: u32) -> casemate::Result<()> {
        let at = register + self.index * reg::QUEUE_SQ_TAIL_STRIDE;
        self.device.transport().write32(at, value)
    }

    pub fn read(&self, register: u32) -> u32 {
        let at = register + self.index * reg::QUEUE_SQ_TAIL_STRIDE;
        self.device.transport().read32(at).unwrap()
    }

    pub fn configure(&self, log2: u32) {
        let (lo, hi) = halves(self.rings.iova());
        self.write(reg::QUEUE_DEPTH, log2 << 8 | log2).unwrap();
        self.write(reg::QUEUE_SQ_BASE_LO, lo).unwrap();
        self.write(reg::QUEUE_SQ_BASE_HI, hi).unwrap();
        self.write(reg::QUEUE_CQ_BASE_LO, lo + 4096).unwrap();
        self.write(reg::QUEUE_CQ_BASE_HI, hi).unwrap();
    }

    pub fn enable(&self) {
        self.write(reg::QUEUE_CTRL, 1).unwrap();
    }

    /// State and error.
    pub fn state(&self) -> (u8, u8) {
        let v = self.read(reg::QUEUE_STATE);
        (v as u8, (v >> 8) as u8)
    }

    /// Lets the device run until the state is `state`.
    pub fn until(&self, state: u8) -> (u8, u8) {
        for _ in 0..10_000 {
            if self.state().0 == state {
                break;
            }
            self.device.transport().progress().unwrap();
        }
        self.state()
    }
}

/// AES-GCM by another implementation: 12-byte IV, 16-byte tag, appended.
pub fn reference(key: &[u8], iv: &[u8; 12], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    use aes_gcm::aead::{Aead, KeyInit, Payload};
    use aes_gcm::aes::Aes192;
    use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm, aead::consts::U12};
    let p = Payload { msg: plain, aad };
    let iv = iv.into();
    match key.len() {
        16 => Aes128Gcm::new_from_slice(key).unwrap().encrypt(iv, p),
        24 => AesGcm::<Aes192, U12>::new_from_slice(key).unwrap().encrypt(iv, p),
        _ => Aes256Gcm::new_from_slice(key).unwrap().encrypt(iv, p),
    }
    .unwrap()
}

/// Of a long list all on the model, on the RTL every `step`th, or all with CASEMATE_LONG set.
pub fn share<T>(uri: &str, all: Vec<T>, step: usize) -> Vec<T> {
    let whole = uri.starts_with("soft:") || std::env::var_os("CASEMATE_LONG").is_some();
    all.into_iter().step_by(if whole { 1 } else { step }).collect()
}

/// `n` bytes that differ from each other.
pub fn pattern(n: usize, salt: u8) -> Vec<u8> {
    (0..n)
        .map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8) ^ salt)
        .collect()
}

/// Is it a fault of memory?
pub fn is_dma(status: Status) -> bool {
    Device::is_dma_error(status)
}
