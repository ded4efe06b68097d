// SPDX-License-Identifier: Apache-2.0
//! Registers, rings, guard and slots of the functional model. Follows hdl/rings, hdl/slots and hdl/csr.

use super::Shape;
use super::guard::{self, Asker};
use super::keys::Vault;
use super::request::{Refusal, gcm};
use super::slots::Slot;
use casemate_abi::{
    ABI_HASH, Completion, Opcode, QueueError, QueueState, Status, Submission, control, reg, status,
};
use casemate_sim::memory::Iommu;
use zeroize::{Zeroize, Zeroizing};

#[derive(Default)]
struct Queue {
    state: u8,
    error: u8,
    sq_log2: u32,
    cq_log2: u32,
    sq_base: u64,
    cq_base: u64,
    irq: u32,
    domain: u8,
    weight: u32,
    tail: u16,
    head: u16,
    cq_head: u16,
    posted: u16,
    reqs: u32,
    errors: u32,
    irq_waiting: u32,
}

impl Queue {
    fn fresh() -> Self {
        Self {
            irq: 1,
            weight: 4,
            ..Self::default()
        }
    }

    fn is(&self, s: QueueState) -> bool {
        self.state == s as u8
    }

    fn fail(&mut self, e: QueueError) {
        if self.is(QueueState::Enabled) {
            self.state = QueueState::Error as u8;
            self.error = e as u8;
        }
    }
}

/// Totals, in the order of their registers.
#[derive(Default)]
struct Counters([u64; 6]);

const REQS_IN: usize = 1;
const REQS_OUT: usize = 2;
const REQS_ERR: usize = 3;
const BYTES_IN: usize = 4;
const BYTES_OUT: usize = 5;

/// The device's state.
pub struct Model {
    shape: Shape,
    queues: Vec<Queue>,
    pub vault: Vault,
    window: [u32; 16],
    written: u16,
    counters: Counters,
    high: u32,
    sealed: bool,
    zeroized: bool,
    tamper: bool,
    irqs: Vec<bool>,
    next: usize,
}

impl Drop for Model {
    fn drop(&mut self) {
        self.window.zeroize();
    }
}

impl Model {
    pub fn new(shape: Shape) -> Self {
        Self {
            queues: (0..shape.queues).map(|_| Queue::fresh()).collect(),
            vault: Vault {
                slots: (0..shape.slots).map(|_| Slot::default()).collect(),
                root: shape.root.clone(),
                stuck: false,
                ec: shape.ec != 0,
                ec_faulty: false,
            },
            window: [0; 16],
            written: 0,
            counters: Counters::default(),
            high: 0,
            sealed: false,
            zeroized: false,
            tamper: false,
            irqs: vec![false; shape.queues as usize + 1],
            next: 0,
            shape,
        }
    }

    pub fn reset(&mut self) {
        *self = Self::new(self.shape.clone());
    }

    /// The tamper input.
    pub fn tamper(&mut self) {
        self.tamper = true;
        self.zeroize();
    }

    pub fn take_irq(&mut self, vector: u16) -> bool {
        self.irqs.get_mut(usize::from(vector)).is_some_and(std::mem::take)
    }

    pub fn irq_pending(&self, vector: u16) -> bool {
        self.irqs.get(usize::from(vector)).is_some_and(|i| *i)
    }

    // ------------------------------------------------------------ registers
    fn page(offset: u32) -> Option<(usize, u32)> {
        (offset >= reg::QUEUE_SQ_TAIL && offset.is_multiple_of(4)).then(|| {
            (
                ((offset - reg::QUEUE_SQ_TAIL) / reg::QUEUE_SQ_TAIL_STRIDE) as usize,
                offset % reg::QUEUE_SQ_TAIL_STRIDE + reg::QUEUE_SQ_TAIL,
            )
        })
    }

    fn bind(&self, offset: u32) -> Option<usize> {
        let i = (offset.checked_sub(reg::QUEUE_BIND)? / 4) as usize;
        (offset.is_multiple_of(4) && i < self.queues.len()).then_some(i)
    }

    /// Reads a register; None where the device answers SLVERR.
    pub fn read(&mut self, offset: u32) -> Option<u32> {
        if let Some((i, at)) = Self::page(offset) {
            let q = self.queues.get(i)?;
            return Some(match at {
                reg::QUEUE_SQ_TAIL => q.tail.into(),
                reg::QUEUE_CQ_HEAD => q.cq_head.into(),
                reg::QUEUE_CTRL => 0,
                reg::QUEUE_STATE => {
                    u32::from(q.head.wrapping_sub(q.posted)) << 16
                        | u32::from(q.error) << 8
                        | u32::from(q.state)
                }
                reg::QUEUE_DEPTH => q.cq_log2 << 8 | q.sq_log2,
                reg::QUEUE_SQ_BASE_LO => q.sq_base as u32,
                reg::QUEUE_SQ_BASE_HI => (q.sq_base >> 32) as u32,
                reg::QUEUE_CQ_BASE_LO => q.cq_base as u32,
                reg::QUEUE_CQ_BASE_HI => (q.cq_base >> 32) as u32,
                reg::QUEUE_IRQ_COALESCE => q.irq,
                reg::QUEUE_SQ_HEAD => q.head.into(),
                reg::QUEUE_CQ_TAIL => q.posted.into(),
                reg::QUEUE_REQS => q.reqs,
                reg::QUEUE_ERRORS => q.errors,
                _ => return None,
            });
        }
        if let Some(i) = self.bind(offset) {
            return Some(self.queues[i].weight << 8 | u32::from(self.queues[i].domain));
        }
        if !offset.is_multiple_of(4) {
            return None;
        }
        let lane_end = reg::LANE_BUSY_LO + self.shape.lanes * reg::LANE_BUSY_LO_STRIDE;
        Some(match offset {
            reg::ID => 0x544d_5343,
            reg::VERSION => 0x0000_0100,
            reg::CAP0 => self.shape.slots << 16 | self.shape.lanes << 8 | self.shape.queues,
            reg::CAP1 => 256 << 16 | 64 << 8 | (self.shape.axi / 8),
            reg::CAP2 => self.shape.ec << 26 | 16 << 18 | 1023 << 8 | 12,
            reg::ABI_HASH => ABI_HASH,
            reg::STATUS => {
                let error = self.queues.iter().any(|q| q.is(QueueState::Error));
                let busy = self.queues.iter().any(|q| q.head != q.posted);
                // Its self-tests are over from the start.
                let bits = [
                    (!self.zeroized, status::READY),
                    (self.tamper, status::TAMPER),
                    (error, status::QUEUE_ERROR),
                    (busy, status::BUSY),
                    (self.sealed, status::SEALED),
                    (self.zeroized, status::ZEROIZED),
                    (true, status::SELFTEST_DONE),
                ];
                bits.iter().filter(|b| b.0).map(|b| b.1).sum()
            }
            reg::CONTROL => 0,
            reg::CYCLES_LO..=reg::BYTES_OUT_HI => {
                let value = self.counters.0[((offset - reg::CYCLES_LO) / 8) as usize];
                if offset.is_multiple_of(8) {
                    self.high = (value >> 32) as u32;
                    value as u32
                } else {
                    self.high
                }
            }
            // No lane has cycles here.
            _ if (reg::LANE_BUSY_LO..lane_end).contains(&offset)
                && offset % reg::LANE_BUSY_LO_STRIDE < 24 =>
            {
                0
            }
            _ if (reg::KEY_WINDOW..reg::KEY_WINDOW + 64).contains(&offset) => 0,
            _ => return None,
        })
    }

    /// Writes a register; None where the device answers SLVERR.
    pub fn write(&mut self, offset: u32, v: u32) -> Option<()> {
        if let Some((i, at)) = Self::page(offset) {
            return self.write_page(i, at, v);
        }
        if let Some(i) = self.bind(offset) {
            let q = &mut self.queues[i];
            if !q.is(QueueState::Disabled) || self.sealed {
                return None;
            }
            (q.domain, q.weight) = (v as u8, v >> 8 & 15);
            return Some(());
        }
        if !offset.is_multiple_of(4) {
            return None;
        }
        if offset == reg::CONTROL {
            if v & control::CLEAR_COUNTERS != 0 {
                self.counters = Counters::default();
                for q in &mut self.queues {
                    (q.reqs, q.errors) = (0, 0);
                }
            }
            self.sealed |= v & control::SEAL != 0;
            if v & control::ZEROIZE != 0 {
                self.zeroize();
            }
            return Some(());
        }
        let word = (offset.checked_sub(reg::KEY_WINDOW)? / 4) as usize;
        let word_at = self.window.get_mut(word)?;
        if !self.zeroized {
            *word_at = v;
            self.written |= 1 << word;
        }
        Some(())
    }

    /// Nothing is ever in flight when a register is written.
    fn zeroize(&mut self) {
        self.zeroized = true;
        self.vault.slots.iter_mut().for_each(|s| *s = Slot::default());
        self.window.zeroize();
        self.written = 0;
    }

    fn write_page(&mut self, i: usize, at: u32, v: u32) -> Option<()> {
        let errors = self.irqs.len() - 1;
        let q = self.queues.get_mut(i)?;
        let was_bad = q.is(QueueState::Error);
        let low = |x: &mut u64| *x = *x >> 32 << 32 | u64::from(v);
        let high = |x: &mut u64| *x = u64::from(v) << 32 | *x & 0xffff_ffff;
        match at {
            reg::QUEUE_SQ_TAIL if q.is(QueueState::Enabled) => {
                if u32::from((v as u16).wrapping_sub(q.head)) > 1 << q.sq_log2 {
                    q.fail(QueueError::BadDoorbell);
                } else {
                    q.tail = v as u16;
                }
            }
            reg::QUEUE_CQ_HEAD if !q.is(QueueState::Disabled) => {
                if q.posted.wrapping_sub(v as u16) > q.posted.wrapping_sub(q.cq_head) {
                    q.fail(QueueError::BadDoorbell);
                } else {
                    q.cq_head = v as u16;
                }
            }
            reg::QUEUE_SQ_TAIL | reg::QUEUE_CQ_HEAD => {}
            reg::QUEUE_CTRL => {
                if v & 2 != 0 {
                    if !q.is(QueueState::Disabled) {
                        q.state = QueueState::Resetting as u8;
                    }
                } else if v & 1 != 0 && q.is(QueueState::Disabled) {
                    (q.tail, q.head, q.cq_head, q.posted) = (0, 0, 0, 0);
                    let ok = (1..=12).contains(&q.sq_log2) && (1..=12).contains(&q.cq_log2);
                    let ok = ok && q.sq_base.is_multiple_of(64) && q.cq_base.is_multiple_of(64);
                    q.state = QueueState::Enabled as u8;
                    q.error = QueueError::None as u8;
                    if !ok {
                        q.fail(QueueError::BadConfig);
                    }
                }
            }
            reg::QUEUE_IRQ_COALESCE => q.irq = v,
            _ if !q.is(QueueState::Disabled) => return None,
            reg::QUEUE_DEPTH => (q.sq_log2, q.cq_log2) = (v & 15, v >> 8 & 15),
            reg::QUEUE_SQ_BASE_LO => low(&mut q.sq_base),
            reg::QUEUE_SQ_BASE_HI => high(&mut q.sq_base),
            reg::QUEUE_CQ_BASE_LO => low(&mut q.cq_base),
            reg::QUEUE_CQ_BASE_HI => high(&mut q.cq_base),
            _ => return None,
        }
        if self.queues[i].is(QueueState::Error) && !was_bad {
            self.irqs[errors] = true;
        }
        Some(())
    }

    // ---------------------------------------------------------------- rings
    /// Executes up to `most` descriptors; says how many.
    pub fn run(&mut self, iommu: &mut Iommu, most: usize) -> usize {
        let mut done = 0;
        for q in &mut self.queues {
            // Nothing is ever in flight between two calls.
            if q.is(QueueState::Resetting) {
                q.state = QueueState::Disabled as u8;
                q.error = QueueError::None as u8;
            }
        }
        let n = self.queues.len();
        while done < most {
            let Some(i) = (0..n).map(|k| (self.next + k) % n).find(|&i| {
                let q = &self.queues[i];
                q.is(QueueState::Enabled)
                    && q.tail != q.head
                    && u32::from(q.head.wrapping_sub(q.cq_head)) < 1 << q.cq_log2
            }) else {
                break;
            };
            self.next = (i + 1) % n;
            self.one(iommu, i);
            done += 1;
        }
        for (q, irq) in self.queues.iter_mut().zip(&mut self.irqs) {
            let goal = (q.irq & 0xffff).max(1);
            // Time has no length here: what waits for it is announced when the work is done.
            if q.irq_waiting >= goal || (q.irq_waiting > 0 && q.irq >> 16 != 0 && done < most) {
                q.irq_waiting = 0;
                *irq = true;
            }
        }
        done
    }

    fn one(&mut self, iommu: &mut Iommu, i: usize) {
        let errors = self.irqs.len() - 1;
        let q = &mut self.queues[i];
        let at = q.sq_base.wrapping_add(u64::from(q.head) % (1 << q.sq_log2) * 64);
        let mut raw = [0; 64];
        if iommu.read(at, &mut raw).is_err() {
            q.fail(QueueError::SqFetch);
            self.irqs[errors] = true;
            return;
        }
        q.head = q.head.wrapping_add(1);
        self.counters.0[REQS_IN] += 1;
        let sub = Submission::from_le(&raw);
        let mut c = Completion::default();
        c.set_cookie(sub.cookie());
        let status = match self.execute(iommu, i, &sub, &mut c) {
            Ok(()) => Status::Ok,
            Err((status, page)) => {
                c = Completion::default();
                c.set_cookie(sub.cookie());
                c.set_result0(page as u32);
                c.set_result1((page >> 32) as u32);
                status
            }
        };
        let q = &mut self.queues[i];
        c.set_status(status as u32);
        c.set_queue_id(i as u32);
        c.set_sq_head(q.head.into());
        c.set_phase(u32::from(!(q.posted >> q.cq_log2)) & 1);
        let at = q
            .cq_base
            .wrapping_add(u64::from(q.posted) % (1 << q.cq_log2) * 32);
        let written = iommu.write(at, &c.to_le());
        q.posted = q.posted.wrapping_add(1);
        q.reqs = q.reqs.wrapping_add(1);
        self.counters.0[REQS_OUT] += 1;
        if status != Status::Ok {
            q.errors = q.errors.wrapping_add(1);
            self.counters.0[REQS_ERR] += 1;
        }
        if written.is_err() {
            q.fail(QueueError::CqWrite);
            self.irqs[errors] = true;
        } else {
            q.irq_waiting += 1;
        }
    }

    // ----------------------------------------------------------- operations
    fn execute(
        &mut self,
        iommu: &mut Iommu,
        queue: usize,
        s: &Submission,
        c: &mut Completion,
    ) -> Result<(), Refusal> {
        if self.zeroized && s.opcode() != Opcode::Nop as u32 {
            return Err((Status::Zeroized, 0));
        }
        let asker = Asker {
            officer: queue == 0,
            domain: self.queues[queue].domain,
            sealed: self.sealed,
            window: self.written,
            ec: self.vault.ec,
        };
        let load = asker.officer && s.opcode() == Opcode::KeyLoad as u32;
        let mut window = Zeroizing::new([0; 16]);
        if load {
            // Used up, whatever becomes of it.
            std::mem::swap(&mut *window, &mut self.window);
            self.written = 0;
        }
        let grant = guard::check(s, &asker, &self.vault.slots).map_err(|e| (e, 0))?;
        match grant.op {
            Opcode::Nop => Ok(()),
            Opcode::KeyLoad => {
                let a = grant.attributes.expect("the guard saw them");
                self.vault.load(s.slot() as usize, a, &window, c);
                Ok(())
            }
            Opcode::GcmSeal => {
                let mut own = *s;
                let counter = self.vault.count_seal(s.slot() as usize);
                if let Some(n) = counter {
                    own.set_iv2(n.to_be());
                }
                self.gcm(iommu, &own, c)?;
                if counter.is_some() {
                    c.set_result2(own.iv2());
                }
                Ok(())
            }
            Opcode::GcmOpen => self.gcm(iommu, s, c),
            _ => self.vault.run(iommu, grant, s, asker.domain, c),
        }
    }

    fn gcm(&mut self, iommu: &mut Iommu, s: &Submission, c: &mut Completion) -> Result<(), Refusal> {
        let key = self.vault.key(s.slot() as usize);
        let aes = key.aes.as_ref().expect("the guard saw an AES key");
        let open = s.opcode() == Opcode::GcmOpen as u32;
        let (bytes_in, bytes_out) = gcm(iommu, aes, s, open, c)?;
        self.counters.0[BYTES_IN] += bytes_in;
        self.counters.0[BYTES_OUT] += bytes_out;
        Ok(())
    }
}
