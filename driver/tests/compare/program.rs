// SPDX-License-Identifier: Apache-2.0
//! Random descriptors over an arena of memory: valid ones of every shape, and broken ones of every kind.

use super::ec::{Private, among_others};
use casemate::KeyHandle;
use casemate::abi::Status;
use casemate::abi::{Opcode, SgElement, Submission, TagMode};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes that belong to one operation: its lists, source, destination, AAD, IV and tag.
pub const PLACE: usize = 32 << 10;
/// Operations in flight at once.
pub const PLACES: usize = 31;
/// The arena: the places, the last of which ends in two read-only pages, a page of nothing, and one more.
pub const ARENA: usize = 32 * PLACE;
/// Offset of the pages that the device may only read: no operation's failing destination is another's.
pub const READ_ONLY: usize = ARENA - 4 * 4096;
/// Offset of the page that is not mapped.
pub const UNMAPPED: usize = ARENA - 2 * 4096;

/// Offsets within a place.
const LISTS: Range<usize> = 0..4096;
const MISC: Range<usize> = 4096..8192;
pub const SRC: Range<usize> = 8192..20480;
pub const DST: Range<usize> = 20480..32768;

/// A key in the devices, and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub handle: KeyHandle,
    pub domain: u8,
}

/// One operation of a program.
#[derive(Debug)]
pub struct Op {
    pub queue: usize,
    pub descriptor: Submission,
    /// Parts of the arena it may write.
    pub outputs: Vec<Range<usize>>,
}

pub struct Program {
    pub ops: Vec<Op>,
}

fn length(rng: &mut ChaCha8Rng) -> usize {
    match rng.random_range(0..12) {
        0 => 0,
        1..=3 => rng.random_range(1..17),
        4..=6 => rng.random_range(1..130),
        7..=9 => *[16, 32, 48, 64, 256, 512, 1500].choose(rng).unwrap(),
        10 => rng.random_range(1..4200),
        _ => rng.random_range(1..8000),
    }
}

fn pair(s: u64) -> (u32, u32) {
    (s as u32, (s >> 32) as u32)
}

/// A place of the arena under construction.
struct Place<'a> {
    iova: u64,
    base: usize,
    memory: &'a mut [u8],
    lists: usize,
}

impl Place<'_> {
    /// Puts `len` bytes somewhere in `zone`, as a flat buffer or as a list; returns address, list flag and the ranges.
    fn buffer(
        &mut self,
        rng: &mut ChaCha8Rng,
        zone: Range<usize>,
        len: usize,
        faults: bool,
    ) -> (u64, bool, Vec<Range<usize>>) {
        let zone = zone.start + self.base..zone.end + self.base;
        if rng.random_ratio(2, 3) {
            let at = zone.start + rng.random_range(0..=(zone.len() - len).min(600));
            let whole = at..at + len;
            return (self.iova + at as u64, false, Vec::from([whole]));
        }
        // A list: pieces in any order, with gaps, none overlapping.
        let mut parts = Vec::new();
        let mut left = len;
        let mut at = zone.start;
        while left > 0 && parts.len() < 60 {
            let n = if parts.len() == 59 {
                left
            } else {
                let most = *[1, 3, 20, 300, 5000].choose(rng).unwrap();
                rng.random_range(1..=left.min(most))
            };
            let gap = rng.random_range(0..20);
            parts.push(at + gap..at + gap + n);
            at += gap + n;
            left -= n;
        }
        let order: Vec<usize> = {
            let mut o: Vec<usize> = (0..parts.len()).collect();
            if rng.random() {
                o.reverse();
            }
            o
        };
        let list = self.lists.next_multiple_of(16) + if faults && rng.random_ratio(1, 12) { 8 } else { 0 };
        self.lists = list + 16 * parts.len().max(1);
        for (i, &p) in order.iter().enumerate() {
            let r = &parts[p];
            let mut e = SgElement::default();
            let (lo, hi) = pair(self.iova + r.start as u64);
            let extra = if i + 1 == order.len() && rng.random_ratio(1, 4) {
                100
            } else {
                0
            };
            e.set_addr_lo(lo).set_addr_hi(hi).set_len(r.len() as u32 + extra);
            if faults && rng.random_ratio(1, 10) {
                match rng.random_range(0..4) {
                    0 => e.set_len(0),
                    1 => e.set_reserved0(1),
                    2 => e.set_addr_hi(0xdead),
                    _ => e.set_addr_lo(((self.iova + UNMAPPED as u64) as u32).wrapping_sub(5)),
                };
            }
            let o = self.base + list + 16 * i;
            self.memory[o..o + 16].copy_from_slice(&e.to_le());
        }
        (
            self.iova + (self.base + list) as u64,
            true,
            order.iter().map(|&i| parts[i].clone()).collect(),
        )
    }
}

/// What operations are done with.
pub struct Keyring<'a> {
    /// AES keys.
    pub aes: &'a BTreeMap<u16, Key>,
    /// Handles and domains of secrets.
    pub signers: &'a [(u32, u8)],
    pub private: &'a [Private],
    /// Of the device.
    pub slots: u16,
}

impl Program {
    /// `n` operations; what they read is written to `memory`, which lies at `iova`.
    pub fn random(rng: &mut ChaCha8Rng, iova: u64, memory: &mut [u8], n: usize, keyring: &Keyring) -> Self {
        let keys: Vec<Key> = keyring.aes.values().copied().collect();
        let faults = rng.random_ratio(1, 3);
        let ops = (0..n)
            .map(|i| {
                if !keyring.signers.is_empty() && rng.random_ratio(1, 6) {
                    return mac(rng, iova, i * PLACE, keyring.signers);
                }
                if !keyring.private.is_empty() && rng.random_ratio(1, 6) {
                    return among_others(rng, iova, memory, i * PLACE, keyring.private);
                }
                op(rng, iova, memory, i * PLACE, &keys, keyring.slots, faults)
            })
            .collect();
        Self { ops }
    }

    /// Up to `most` operations that open what successful ones of this program have sealed, some of it altered in `memory`.
    pub fn opens(
        &self,
        rng: &mut ChaCha8Rng,
        iova: u64,
        memory: &mut [u8],
        statuses: &[Status],
        most: usize,
    ) -> Self {
        let mut ops = Vec::new();
        for (i, op) in self.ops.iter().enumerate() {
            let seal = &op.descriptor;
            let kept =
                seal.opcode() == Opcode::GcmSeal as u32 && seal.tag_mode() != TagMode::Completion as u32;
            if statuses[i] != Status::Ok || !kept || ops.len() == most {
                continue;
            }
            let mut s = *seal;
            s.set_opcode(Opcode::GcmOpen as u32);
            s.set_src_lo(seal.dst_lo())
                .set_src_hi(seal.dst_hi())
                .set_src_sgl(seal.dst_sgl());
            let mut outputs = op.outputs.clone();
            if rng.random() {
                let at = i * PLACE + SRC.start + rng.random_range(0..100);
                let (lo, hi) = pair(iova + at as u64);
                s.set_dst_lo(lo).set_dst_hi(hi).set_dst_sgl(0);
                let whole = at..at + seal.pay_len() as usize;
                outputs = Vec::from([whole]);
            }
            if rng.random_ratio(1, 6) {
                // One bit of the ciphertext or tag; of the AAD, if there is neither.
                match op
                    .outputs
                    .iter()
                    .filter(|r| !r.is_empty())
                    .collect::<Vec<_>>()
                    .choose(rng)
                {
                    Some(r) => memory[rng.random_range((*r).clone())] ^= 1 << rng.random_range(0..8),
                    None => {
                        s.set_aad0(s.aad0() ^ 1);
                    }
                }
            }
            ops.push(Op {
                queue: op.queue,
                descriptor: s,
                outputs,
            });
        }
        Self { ops }
    }
}

fn op(
    rng: &mut ChaCha8Rng,
    iova: u64,
    memory: &mut [u8],
    base: usize,
    keys: &[Key],
    slots: u16,
    faults: bool,
) -> Op {
    let queue = rng.random_range(0..super::DOMAINS.len());
    let mut s = Submission::default();
    if rng.random_ratio(1, 40) || keys.is_empty() {
        s.set_opcode(Opcode::Nop as u32);
        return Op {
            queue,
            descriptor: s,
            outputs: Vec::new(),
        };
    }
    let open = rng.random_ratio(1, 5);
    // Mostly a key the queue may use.
    let own: Vec<&Key> = keys
        .iter()
        .filter(|k| k.domain == super::DOMAINS[queue])
        .collect();
    let key = match own.choose(rng) {
        Some(k) if rng.random_ratio(15, 16) => k.handle,
        _ => keys.choose(rng).expect("there are some").handle,
    };
    let mode = *TagMode::ALL.choose(rng).unwrap();
    let mode = if open && mode == TagMode::Completion {
        TagMode::Appended
    } else {
        mode
    };
    let tag_len = *[4, 8, 12, 13, 14, 15, 16, 16, 16].choose(rng).unwrap();
    let pay = length(rng).min(DST.len() - 4000);
    let iv_len = if rng.random_ratio(3, 4) {
        12
    } else {
        rng.random_range(1..140)
    };
    s.set_opcode(if open { Opcode::GcmOpen } else { Opcode::GcmSeal } as u32);
    s.set_slot(key.slot().into())
        .set_generation(key.generation().into())
        .set_tag_mode(mode as u32);
    s.set_tag_len(tag_len).set_pay_len(pay as u32).set_iv_len(iv_len);
    let misc = iova + (base + MISC.start) as u64;
    if iv_len == 12 {
        s.set_iv0(rng.random())
            .set_iv1(rng.random())
            .set_iv2(rng.random());
    } else {
        let (lo, hi) = pair(misc + rng.random_range(0..300));
        s.set_iv0(lo).set_iv1(hi);
    }
    let inline = if mode == TagMode::Address { 8 } else { 16 };
    let tag_at = base + MISC.start + 3800 + rng.random_range(0..200);
    if rng.random() {
        s.set_aad_inline(1).set_aad_len(rng.random_range(0..=inline));
        s.set_aad0(rng.random())
            .set_aad1(rng.random())
            .set_aad2(rng.random())
            .set_aad3(rng.random());
    } else {
        let len = length(rng).min(2500);
        let (lo, hi) = pair(misc + 500 + rng.random_range(0..500));
        s.set_aad_len(len as u32).set_aad0(lo).set_aad1(hi);
    }
    let mut outputs = Vec::new();
    if mode == TagMode::Address {
        let (lo, hi) = pair(iova + tag_at as u64);
        s.set_aad2(lo).set_aad3(hi);
        if !open {
            outputs.push(tag_at..tag_at + tag_len as usize);
        }
    }
    let appended = if mode == TagMode::Appended {
        tag_len as usize
    } else {
        0
    };
    let (src_len, dst_len) = if open {
        (pay + appended, pay)
    } else {
        (pay, pay + appended)
    };
    let mut place = Place {
        iova,
        base,
        memory,
        lists: LISTS.start,
    };
    let in_place = rng.random_ratio(1, 3);
    let (src, src_list, _) = if in_place {
        // One buffer for both, long enough for either.
        let b = place.buffer(rng, DST, src_len.max(dst_len), faults);
        outputs.extend(b.2.clone());
        s.set_dst_lo(b.0 as u32)
            .set_dst_hi((b.0 >> 32) as u32)
            .set_dst_sgl(b.1.into());
        b
    } else {
        place.buffer(rng, SRC, src_len, faults)
    };
    s.set_src_lo(src as u32)
        .set_src_hi((src >> 32) as u32)
        .set_src_sgl(src_list.into());
    if !in_place {
        let (dst, dst_list, ranges) = place.buffer(rng, DST, dst_len, faults);
        outputs.extend(ranges);
        s.set_dst_lo(dst as u32)
            .set_dst_hi((dst >> 32) as u32)
            .set_dst_sgl(dst_list.into());
    }
    if faults && rng.random_ratio(1, 3) {
        break_it(rng, &mut s, iova, slots);
    }
    Op {
        queue,
        descriptor: s,
        outputs,
    }
}

/// A key operation that changes nothing, among the others: a MAC, or a secret's attributes.
fn mac(rng: &mut ChaCha8Rng, iova: u64, base: usize, signers: &[(u32, u8)]) -> Op {
    let (handle, domain) = *signers.choose(rng).expect("there are some");
    // Now and then a queue that may not.
    let own: Vec<_> = (0..super::DOMAINS.len())
        .filter(|q| super::DOMAINS[*q] == domain || rng.random_ratio(1, 20))
        .collect();
    let queue = *own.choose(rng).unwrap_or(&0);
    let mut s = Submission::default();
    s.words[1] = handle;
    let dst = base + DST.start + rng.random_range(0..100);
    let (lo, hi) = pair(iova + dst as u64);
    s.set_dst_lo(lo).set_dst_hi(hi);
    let n = if rng.random_ratio(1, 4) {
        s.set_opcode(Opcode::KeyQuery as u32).set_pay_len(64);
        64
    } else {
        let hash = rng.random_range(1..=3usize);
        let n = rng.random_range(4..=[32, 48, 64][hash - 1]);
        let op = *[Opcode::MacSign, Opcode::MacSign, Opcode::MacVerify]
            .choose(rng)
            .unwrap();
        let (lo, hi) = pair(iova + (base + SRC.start) as u64 + rng.random_range(0..100));
        s.set_opcode(op as u32)
            .set_src_lo(lo)
            .set_src_hi(hi)
            .set_pay_len(length(rng) as u32)
            .set_aad3((hash as u32) << 16 | n as u32);
        n
    };
    let whole = dst..dst + n;
    Op {
        queue,
        descriptor: s,
        outputs: Vec::from([whole]),
    }
}

/// Breaks a descriptor in one or two ways.
fn break_it(rng: &mut ChaCha8Rng, s: &mut Submission, iova: u64, slots: u16) {
    for _ in 0..rng.random_range(1..3) {
        let (hole_lo, hole_hi) = pair(iova + UNMAPPED as u64 - rng.random_range(0..40));
        let (ro_lo, ro_hi) = pair(iova + READ_ONLY as u64 + rng.random_range(0..3000));
        match rng.random_range(0..19) {
            0 => s.set_opcode(*[3, 0x3f, 0x4b, 0xff].choose(rng).unwrap()),
            1 => s.set_reserved0(rng.random_range(1..8)),
            2 => s.set_reserved1(1),
            3 => s.set_tag_mode(rng.random_range(2..4)),
            4 => s.set_tag_len(rng.random_range(0..32)),
            5 => s.set_iv_len(0),
            6 => s.set_aad_inline(1).set_aad_len(rng.random_range(8..40)),
            7 => s.set_slot(u32::from(slots) + rng.random_range(0..1000)),
            8 => s.set_generation(rng.random()),
            9 => s.set_slot(rng.random_range(0..u32::from(slots))),
            10 => s.set_opcode(rng.random_range(0x40..0x42)),
            11 if s.iv_len() != 12 => s.set_iv0(hole_lo).set_iv1(hole_hi).set_iv2(0),
            12 if s.aad_inline() == 0 => s.set_aad0(hole_lo).set_aad1(hole_hi),
            13 => s.set_src_lo(hole_lo).set_src_hi(hole_hi),
            // Only failing destinations: the read-only page, whose neighbour before it is nobody's.
            14 => s.set_dst_lo(ro_lo).set_dst_hi(ro_hi).set_dst_sgl(0),
            15 => s.set_dst_lo(hole_lo | 15).set_dst_hi(0x7777),
            // Lists that are not there.
            16 => s
                .set_src_lo((iova as u32 + UNMAPPED as u32) | 16)
                .set_src_hi(hole_hi)
                .set_src_sgl(1),
            17 => s
                .set_dst_lo((iova as u32 + UNMAPPED as u32) | 16)
                .set_dst_hi(hole_hi)
                .set_dst_sgl(1),
            _ if s.tag_mode() == TagMode::Address as u32 => s.set_aad2(hole_lo).set_aad3(hole_hi),
            _ => s,
        };
    }
}
