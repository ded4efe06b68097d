// SPDX-License-Identifier: Apache-2.0
//! Random key operations: what may come next, given the keys there are; and ways to break it.

use super::ec::{self, is_ec};
use super::keys::{CELLS, Cell, Key, KeyProgram, SECRET, Step, WRAPPING, fills};
use super::program::{PLACE, READ_ONLY, UNMAPPED};
use casemate::abi::{Opcode, Submission};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const OPS: [Opcode; 20] = [
    Opcode::KeyLoad,
    Opcode::KeyDestroy,
    Opcode::KeyGenerate,
    Opcode::KeyWrap,
    Opcode::KeyUnwrap,
    // They need most to come together.
    Opcode::KwpWrap,
    Opcode::KwpWrap,
    Opcode::KwpUnwrap,
    Opcode::KwpUnwrap,
    Opcode::KeyHkdf,
    Opcode::KeyKbkdf,
    Opcode::KeyQuery,
    Opcode::KeyLock,
    Opcode::KeyRoot,
    Opcode::KeyMessage,
    Opcode::MacSign,
    Opcode::MacVerify,
    Opcode::Random,
    Opcode::GcmSeal,
    Opcode::GcmOpen,
];

impl KeyProgram {
    pub fn handle(&self, slot: u32) -> u32 {
        self.keys.get(&slot).map_or(0, |k| k.generation) << 16 | slot
    }

    /// A slot whose key is as wanted, mostly; now and then any.
    pub fn pick(&self, rng: &mut ChaCha8Rng, wanted: impl Fn(&Key) -> bool) -> u32 {
        let good: Vec<_> = self
            .keys
            .iter()
            .filter(|(_, k)| wanted(k))
            .map(|(s, _)| *s)
            .collect();
        match good.choose(rng) {
            Some(s) if rng.random_ratio(19, 20) => *s,
            _ => rng.random_range(self.slots.clone()),
        }
    }

    pub fn empty(&self, rng: &mut ChaCha8Rng) -> u32 {
        let free: Vec<_> = self
            .slots
            .clone()
            .filter(|s| !self.keys.contains_key(s))
            .collect();
        match free.choose(rng) {
            Some(s) if rng.random_ratio(19, 20) => *s,
            _ => rng.random_range(self.slots.clone()),
        }
    }

    /// A queue, mostly one whose domain has the keys that the operation needs.
    fn queue(&self, rng: &mut ChaCha8Rng, o: Opcode) -> usize {
        use Opcode::*;
        // Usage of the key and of its base.
        let (key, base) = match o {
            KeyWrap => (0x80, 0x20),
            KeyUnwrap => (0, 0x40),
            KwpWrap => (0x100, 0x120),
            KwpUnwrap => (0, 0x140),
            KeyHkdf | KeyKbkdf | KeyMessage => (0, 0x10),
            MacSign => (4, 0),
            MacVerify => (8, 0),
            GcmSeal => (1, 0),
            GcmOpen => (2, 0),
            _ => (0, 0),
        };
        let policy = if o == KeyMessage { 2 } else { 0 };
        let has = |domain: u8, bits: u32, policy: Option<u32>| {
            let fits = |k: &Key| policy.is_none_or(|p| p == k.policy);
            let mut all = self.keys.values();
            // Private keys have bits of secrets.
            let secret = bits & 0x1c == 0 || bits & 0x180 != 0;
            bits == 0
                || all.any(|k| {
                    let typed = secret || !is_ec(k.kind);
                    typed && k.domain == domain && k.bits & bits == bits && fits(k)
                })
        };
        let good: Vec<_> = (0..super::DOMAINS.len())
            .filter(|q| {
                let domain = super::DOMAINS[*q];
                // A wrapping key does not leave by AES-KWP.
                let leaves = o != KwpWrap
                    || self
                        .keys
                        .values()
                        .any(|k| k.domain == domain && k.bits & key == key && k.kind != WRAPPING);
                leaves && has(domain, key, None) && has(domain, base, Some(policy))
            })
            .collect();
        match good.choose(rng) {
            Some(q) if rng.random_ratio(15, 16) => *q,
            _ => rng.random_range(0..super::DOMAINS.len()),
        }
    }

    pub fn step(&self, rng: &mut ChaCha8Rng, iova: u64) -> Step {
        use Opcode::*;
        // A crowded device makes room.
        let crowded = self.keys.len() + 1 >= self.slots.len();
        let o = if crowded && rng.random_ratio(2, 3) {
            KeyDestroy
        } else if self.ec.is_some_and(|n| rng.random_ratio(1, n)) {
            let o = self.ec_op(rng);
            return self.ec_step(rng, iova, o);
        } else if self
            .cells
            .iter()
            .any(|c| c.wrapped.as_ref().is_some_and(|w| w.0 == KwpWrap))
            && rng.random_ratio(1, 8)
        {
            KwpUnwrap
        } else {
            *OPS.choose(rng).unwrap()
        };
        let queue = self.queue(rng, o);
        let domain = super::DOMAINS[queue];
        let officer = matches!(o, KeyLoad | KeyRoot) || matches!(o, KeyDestroy | KeyQuery) && rng.random();
        let ours = |k: &Key, bits: u32| k.domain == domain && k.bits & bits == bits;
        let mut s = Submission::default();
        s.set_opcode(o as u32);
        let slot = match o {
            Random => 0,
            _ if fills(o) => self.empty(rng),
            KeyWrap => self.pick(rng, |k| ours(k, 0x80)),
            KwpWrap => self.pick(rng, |k| ours(k, 0x100) && k.kind != WRAPPING),
            MacSign => self.pick(rng, |k| ours(k, 4) && k.kind == SECRET),
            MacVerify => self.pick(rng, |k| ours(k, 8)),
            GcmSeal => self.pick(rng, |k| ours(k, 1)),
            GcmOpen => self.pick(rng, |k| ours(k, 2)),
            _ => self.pick(rng, |k| ours(k, 0)),
        };
        if o != Random {
            s.words[1] = self.handle(slot);
            if fills(o) {
                s.set_generation(rng.random());
            }
        }
        self.attributes(rng, o, domain, &mut s);
        let mut src = None;
        let mut dst = None;
        let mut pay = 0;
        match o {
            KeyWrap => {
                s.words[14] = self.handle(self.pick(rng, |k| ours(k, 0x20)));
                (pay, dst) = (128, Some(self.cell(rng, |_| true)));
            }
            KeyUnwrap | KwpUnwrap => {
                let cell = self.cell(rng, |c| {
                    let w = c.wrapped.as_ref();
                    w.is_some_and(|w| w.0 == undo(o) && w.2.domain == domain)
                });
                pay = if o == KeyUnwrap { 128 } else { 40 };
                let mut under = self.pick(rng, |k| ours(k, if o == KeyUnwrap { 0x40 } else { 0x140 }));
                if let Some((_, kek, key)) = &self.cells[cell].wrapped
                    && rng.random_ratio(9, 10)
                {
                    under = *kek;
                    if o == KwpUnwrap {
                        pay = key.len.next_multiple_of(8) + 8;
                        if rng.random_ratio(7, 8) {
                            let mut bits = s.aad0() & 0xffff_0000 & allowed(key.kind) << 16;
                            if is_ec(key.kind) {
                                bits = ec::purpose(rng, bits >> 16) << 16;
                            }
                            s.set_aad0(bits | key.kind);
                            let secret = if key.kind == SECRET { key.len } else { 0 };
                            s.set_aad1(secret << 8);
                        }
                    }
                }
                s.words[14] = self.handle(under);
                src = Some(cell);
                if o == KeyUnwrap {
                    s.set_aad0(*[0xffff_0000, 0x0190_0000, rng.random()].choose(rng).unwrap() & 0xffff_0000);
                }
            }
            KwpWrap => {
                s.words[14] = self.handle(self.pick(rng, |k| ours(k, 0x120)));
                pay = self.keys.get(&slot).map_or(40, |k| k.len.next_multiple_of(8) + 8);
                dst = Some(self.cell(rng, |_| true));
            }
            KeyHkdf | KeyKbkdf => {
                s.words[14] =
                    self.handle(self.pick(rng, |k| ours(k, 0x10) && k.policy == 0 && k.kind == SECRET));
                pay = rng.random_range(0..=256);
                let salt = if o == KeyHkdf {
                    rng.random_range(0..=pay.min(64))
                } else {
                    0
                };
                s.set_aad3(hash(rng) << 16 | salt);
                src = Some(self.cell(rng, |c| !c.random));
            }
            KeyQuery => (pay, dst) = (64, Some(self.cell(rng, |_| true))),
            KeyLock => {
                s.set_aad0(*[0x01ff_0000, 0x0190_0000, rng.random()].choose(rng).unwrap() & 0xffff_0000);
                s.set_aad_len(*[0, 3, 1000, u32::MAX].choose(rng).unwrap());
            }
            KeyMessage => {
                s.words[14] =
                    self.handle(self.pick(rng, |k| ours(k, 0x10) && k.policy == 2 && k.kind == SECRET));
                s.set_iv0(rng.random()).set_iv2(rng.random());
                pay = 32;
                if rng.random() {
                    s.set_aad3(1);
                    src = Some(self.cell(rng, |_| true));
                } else {
                    dst = Some(self.cell(rng, |_| true));
                }
            }
            MacSign | MacVerify => {
                let h = hash(rng);
                let most = [32, 48, 64][h.min(3) as usize - 1];
                s.set_aad3(h << 16 | rng.random_range(4..=most));
                pay = *[0, 1, 64, 200, 3000, rng.random_range(0..9000)]
                    .choose(rng)
                    .unwrap();
                src = Some(self.cell(rng, |c| !c.random));
                dst = Some(self.cell(rng, |c| c.mac.is_some() == (o == MacVerify)));
                if let Some(made) = self.cells[dst.unwrap()].mac
                    && o == MacVerify
                    && rng.random_ratio(9, 10)
                {
                    s = made;
                    s.set_opcode(MacVerify as u32);
                    let queue = super::DOMAINS.iter().position(|d| {
                        let key = self.keys.get(&s.slot());
                        key.is_some_and(|k| k.domain == *d)
                    });
                    return Step {
                        officer: false,
                        queue: queue.unwrap_or(0),
                        s,
                        src: None,
                        dst,
                        dst_at: 0,
                    };
                }
            }
            Random => {
                // 20 cycles a byte in the RTL.
                let most = *[200, 200, 200, 200, 5000].choose(rng).unwrap();
                pay = rng.random_range(1..=most);
                dst = Some(self.cell(rng, |_| true));
            }
            GcmSeal | GcmOpen => {
                let counter = self.keys.get(&slot).is_some_and(|k| k.policy == 1);
                s.set_tag_len(16).set_iv_len(12);
                if o == GcmOpen || !counter || rng.random_ratio(1, 8) {
                    s.set_iv0(rng.random());
                }
                pay = rng.random_range(0..2000);
                src = Some(self.cell(rng, |c| !c.random));
                dst = Some(self.cell(rng, |_| true));
            }
            _ => {}
        }
        s.set_pay_len(pay);
        // A message that reads and writes: not in one cell, where one would be in the other's way.
        if src.is_some() && src == dst {
            dst = dst.map(|d| (d + 1) % CELLS);
        }
        let at = |cell: usize| iova + (cell * PLACE) as u64;
        if let Some(c) = src {
            s.set_src_lo(at(c) as u32).set_src_hi((at(c) >> 32) as u32);
        }
        if let Some(c) = dst {
            s.set_dst_lo(at(c) as u32).set_dst_hi((at(c) >> 32) as u32);
        }
        Step {
            officer,
            queue,
            s,
            src,
            dst,
            dst_at: 0,
        }
    }

    pub fn cell(&self, rng: &mut ChaCha8Rng, wanted: impl Fn(&Cell) -> bool) -> usize {
        let good: Vec<_> = (0..CELLS).filter(|c| wanted(&self.cells[*c])).collect();
        *good.choose(rng).unwrap_or(&0)
    }

    pub fn attributes(&self, rng: &mut ChaCha8Rng, o: Opcode, domain: u8, s: &mut Submission) {
        use Opcode::*;
        if !fills(o) || matches!(o, KeyUnwrap | KeyMessage) {
            return;
        }
        let mut kind = *[1, 2, 3, SECRET, SECRET, WRAPPING].choose(rng).unwrap();
        if matches!(o, KeyHkdf | KeyKbkdf | KwpUnwrap | EcEcdh) && rng.random_ratio(7, 8) {
            // Wrapping keys are not made so.
            kind = kind.min(SECRET);
        }
        if o == EcGenerate || self.ec.is_some() && matches!(o, KeyLoad | KwpUnwrap) && rng.random_ratio(1, 3)
        {
            kind = rng.random_range(6..=7);
        }
        let mut bits = allowed(kind) & *[0x7ff, 0x7ff, 0x67f, rng.random()].choose(rng).unwrap();
        let mut policy = 0;
        match o {
            KeyRoot => (kind, bits) = (WRAPPING, 0x60),
            KeyGenerate if kind <= 3 && rng.random_ratio(1, 3) => (bits, policy) = (3, 1),
            _ if is_ec(kind) => (bits, policy) = (ec::purpose(rng, bits), rng.random_range(0..4)),
            _ if kind == SECRET && rng.random_ratio(1, 4) => (bits, policy) = (0x90, 2),
            _ => {}
        }
        if matches!(o, KeyHkdf | KeyKbkdf | EcEcdh) && rng.random() {
            bits &= 0x7f;
        }
        let secret = if kind == SECRET {
            rng.random_range(16..=64)
        } else {
            0
        };
        let mut of = 0;
        if matches!(o, KeyLoad | KeyRoot) {
            of = u32::from(domain);
        }
        s.set_aad0(bits << 16 | of << 8 | kind)
            .set_aad1(secret << 8 | policy)
            .set_aad_len(*[0, 0, 1, 3].choose(rng).unwrap())
            .set_iv0(rng.random())
            .set_iv1(rng.random())
            .set_iv2(rng.random());
        if o == KeyRoot {
            s.set_aad1(rng.random_range(0..3) << 16);
        }
    }
}

fn undo(o: Opcode) -> Opcode {
    match o {
        Opcode::KeyUnwrap => Opcode::KeyWrap,
        _ => Opcode::KwpWrap,
    }
}

fn allowed(kind: u32) -> u32 {
    match kind {
        SECRET => 0x19c,
        WRAPPING => 0x1e0,
        kind if is_ec(kind) => ec::allowed(),
        _ => 0x183,
    }
}

fn hash(rng: &mut ChaCha8Rng) -> u32 {
    rng.random_range(1..=3)
}

/// Breaks a descriptor, sometimes so little that it is still good.
pub fn break_it(rng: &mut ChaCha8Rng, s: &mut Submission, iova: u64) {
    let hole = iova + UNMAPPED as u64 - rng.random_range(0..40);
    let fixed = iova + READ_ONLY as u64 + rng.random_range(0..3000);
    match rng.random_range(0..12) {
        0..=3 => {
            let word = *[0, 1, 3, 8, 12, 12, 13, 13, 14, 15, 15].choose(rng).unwrap();
            s.words[word] ^= 1 << rng.random_range(0..32);
        }
        4 => s.words[*[0, 1, 3, 8, 9, 12, 13, 14, 15].choose(rng).unwrap()] = rng.random(),
        5 => _ = s.set_pay_len(*[0, 15, 16, 24, 64, 72, 80, 128, 257, 65537].choose(rng).unwrap()),
        6 if s.src_lo() != 0 => _ = s.set_src_lo(hole as u32).set_src_hi((hole >> 32) as u32),
        7 if s.dst_lo() != 0 => _ = s.set_dst_lo(hole as u32).set_dst_hi((hole >> 32) as u32),
        8 if s.dst_lo() != 0 => _ = s.set_dst_lo(fixed as u32).set_dst_hi((fixed >> 32) as u32),
        9 => _ = s.set_slot(rng.random_range(0..70000)),
        10 => s.words[14] ^= rng.random_range(0..4),
        _ => _ = s.set_generation(rng.random_range(0..4)),
    }
    // Whatever it is now, it writes where an operation of this sort may.
    if matches!(s.opcode() as u8, 1 | 2) {
        s.set_pay_len(s.pay_len() & 0x3fff);
    }
}
