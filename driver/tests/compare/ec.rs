// SPDX-License-Identifier: Apache-2.0
//! Random operations on private and public keys. A cell of memory may start with a public key, x and y, go on with a signature and
//! a digest; what comes after is salt and info.

use super::keys::{Key, KeyProgram, Step};
use super::program::{DST, Op, PLACE, SRC};
use casemate::abi::{KeyType, Opcode, Submission};
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const OPS: [Opcode; 7] = [
    Opcode::EcSign,
    Opcode::EcVerify,
    Opcode::EcPublic,
    Opcode::EcCheck,
    Opcode::EcGenerate,
    Opcode::EcEcdh,
    Opcode::EcRaw,
];

/// Usage bits of signatures, and of agreement.
const SIGNS: u32 = 0x404;
const AGREES: u32 = 0x210;
const LEAVES: u32 = 0x180;

/// A private key that is the same in both worlds: its handle, domain, type and usage.
pub type Private = (u32, u8, u32, u32);

/// x and y of the generators of P-256 and P-384: public keys that everybody has.
const GENERATORS: [&str; 2] = [
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
];

/// An operation that changes nothing, among others in flight, in the place at `base`.
pub fn among_others(
    rng: &mut ChaCha8Rng,
    iova: u64,
    memory: &mut [u8],
    base: usize,
    private: &[Private],
) -> Op {
    let (handle, domain, kind, bits) = *private.choose(rng).expect("there are some");
    let queue = super::DOMAINS.iter().position(|d| *d == domain).unwrap_or(0);
    let (src, dst) = (
        base + SRC.start + rng.random_range(0..100),
        base + DST.start + rng.random_range(0..100),
    );
    let text = GENERATORS[(kind - KeyType::P256 as u32) as usize];
    let point: Vec<u8> = (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal"))
        .collect();
    memory[src..src + point.len()].copy_from_slice(&point);
    if rng.random_ratio(1, 8) {
        memory[src + rng.random_range(0..point.len())] ^= 1;
    }
    let o = match rng.random_range(0..4) {
        0 => Opcode::EcCheck,
        1 => Opcode::EcVerify,
        2 if bits & 0x200 != 0 => Opcode::EcRaw,
        _ => Opcode::EcPublic,
    };
    let mut s = Submission::default();
    s.set_opcode(o as u32).set_pay_len(pair(kind));
    let mut outputs = Vec::new();
    if matches!(o, Opcode::EcRaw | Opcode::EcPublic) {
        s.words[1] = handle;
        let at = iova + dst as u64;
        s.set_dst_lo(at as u32).set_dst_hi((at >> 32) as u32);
        outputs.push(dst..dst + pair(kind) as usize);
    } else {
        s.set_aad0(kind);
    }
    if o == Opcode::EcVerify {
        // Nobody signed what is there.
        s.set_pay_len(2 * pair(kind) + 4 * rng.random_range(5..=16));
    }
    if o != Opcode::EcPublic {
        let at = iova + src as u64;
        s.set_src_lo(at as u32).set_src_hi((at >> 32) as u32);
    }
    Op {
        queue,
        descriptor: s,
        outputs,
    }
}

/// A public key in memory.
#[derive(Debug, Clone)]
pub struct Public {
    pub slot: u32,
    pub generation: u32,
    pub kind: u32,
    /// Bytes of the digest after the signature, if there is one.
    pub signed: Option<u32>,
}

pub fn is_ec(kind: u32) -> bool {
    kind == KeyType::P256 as u32 || kind == KeyType::P384 as u32
}

pub fn allowed() -> u32 {
    SIGNS | AGREES | LEAVES
}

/// Mostly one purpose.
pub fn purpose(rng: &mut ChaCha8Rng, bits: u32) -> u32 {
    match rng.random_range(0..16) {
        0 => bits,
        1..8 => bits & (SIGNS | LEAVES),
        _ => bits & (AGREES | LEAVES),
    }
}

/// Bytes of a public key.
fn pair(kind: u32) -> u32 {
    if kind == KeyType::P384 as u32 { 96 } else { 64 }
}

impl KeyProgram {
    /// Private keys that are the same in both worlds.
    pub fn private_keys(&self) -> Vec<Private> {
        let same = self.keys.iter().filter(|(_, k)| is_ec(k.kind) && !k.random);
        same.map(|(s, k)| (k.generation << 16 | s, k.domain, k.kind, k.bits))
            .collect()
    }

    /// An operation; what needs most to come together is done when it can be.
    pub fn ec_op(&self, rng: &mut ChaCha8Rng) -> Opcode {
        let mut public = self.cells.iter().filter_map(|c| c.public.as_ref());
        let ready = if public.clone().any(|p| p.signed.is_some()) {
            Opcode::EcVerify
        } else if public.any(|p| self.keys.get(&p.slot).is_some_and(|k| k.bits & 4 != 0)) {
            Opcode::EcSign
        } else {
            Opcode::EcPublic
        };
        if rng.random_ratio(1, 4) {
            ready
        } else {
            *OPS.choose(rng).unwrap()
        }
    }

    /// The public key that a cell starts with.
    fn public(&self, cell: usize) -> Option<&Public> {
        self.cells[cell].public.as_ref()
    }

    /// A private key, if there is one, and mostly a queue of its domain.
    fn private(&self, rng: &mut ChaCha8Rng, wanted: impl Fn(&Key) -> bool) -> (u32, usize) {
        let slot = self.pick(rng, |k| is_ec(k.kind) && wanted(k));
        let of = |d: &u8| self.keys.get(&slot).is_some_and(|k| k.domain == *d);
        let queue = super::DOMAINS.iter().position(of).unwrap_or(0);
        if rng.random_ratio(1, 20) {
            return (slot, rng.random_range(0..super::DOMAINS.len()));
        }
        (slot, queue)
    }

    pub fn ec_step(&self, rng: &mut ChaCha8Rng, iova: u64, o: Opcode) -> Step {
        use Opcode::*;
        let mut s = Submission::default();
        s.set_opcode(o as u32);
        let mut step = Step {
            officer: false,
            queue: rng.random_range(0..super::DOMAINS.len()),
            s,
            src: None,
            dst: None,
            dst_at: 0,
        };
        let mut src_at = 0;
        let kind_of = |slot: u32| self.keys.get(&slot).map_or(6, |k| k.kind);
        match o {
            EcSign => {
                let (mut slot, mut queue) = self.private(rng, |k| k.bits & 4 != 0);
                let mut cell = self.cell(rng, |c| !c.random);
                let mine = self.cell(rng, |c| {
                    let key = c
                        .public
                        .as_ref()
                        .and_then(|p| self.keys.get(&p.slot).zip(Some(p)));
                    key.is_some_and(|(k, p)| k.generation == p.generation && k.bits & 4 != 0)
                });
                if let Some(p) = self.public(mine)
                    && rng.random_ratio(7, 8)
                {
                    (slot, cell) = (p.slot, mine);
                    let of = |d: &u8| self.keys.get(&slot).is_some_and(|k| k.domain == *d);
                    queue = super::DOMAINS.iter().position(of).unwrap_or(queue);
                }
                step.queue = queue;
                step.s.words[1] = self.handle(slot);
                let deterministic = self.keys.get(&slot).is_some_and(|k| k.bits & 0x400 != 0);
                let asked = u32::from(rng.random_ratio(if deterministic { 7 } else { 1 }, 8));
                step.s
                    .set_aad3(rng.random_range(1..=3) << 16 | asked)
                    .set_pay_len(4 * rng.random_range(5..=16));
                (step.src, step.dst) = (Some(cell), Some(cell));
                step.dst_at = pair(kind_of(slot)) as usize;
                src_at = 2 * step.dst_at;
            }
            EcVerify => {
                let cell = self.cell(rng, |c| c.public.as_ref().is_some_and(|p| p.signed.is_some()));
                let signed = self.public(cell).and_then(|p| Some((p.kind, p.signed?)));
                // Else what is there is the same in both worlds.
                let (kind, n) = signed.unwrap_or((6, 32));
                let plain = self.cell(rng, |c| !c.random && c.public.is_none());
                step.src = Some(if signed.is_some() { cell } else { plain });
                step.s.set_aad0(kind).set_pay_len(2 * pair(kind) + n);
            }
            EcPublic => {
                let (slot, queue) = self.private(rng, |_| true);
                step.queue = queue;
                step.s.words[1] = self.handle(slot);
                step.s.set_pay_len(pair(kind_of(slot)));
                step.dst = Some(self.cell(rng, |_| true));
            }
            EcCheck => {
                let there = rng.random_ratio(3, 4);
                let cell = self.cell(rng, |c| c.public.is_some() == there && (there || !c.random));
                step.src = Some(cell);
                let kind = self.public(cell).map_or(6, |p| p.kind);
                step.s.set_aad0(kind).set_pay_len(pair(kind));
            }
            EcGenerate => {
                let slot = self.empty(rng);
                step.s.words[1] = self.handle(slot);
                self.attributes(rng, o, super::DOMAINS[step.queue], &mut step.s);
                step.s.set_pay_len(pair(step.s.aad0() & 0xff));
                step.dst = Some(self.cell(rng, |_| true));
            }
            EcEcdh | EcRaw => {
                let bit = if o == EcRaw { 0x200 } else { 0x10 };
                let (slot, queue) = self.private(rng, |k| k.bits & bit != 0);
                step.queue = queue;
                let kind = kind_of(slot);
                step.src = Some(self.cell(rng, |c| c.public.as_ref().is_some_and(|p| p.kind == kind)));
                let key = self.handle(slot);
                if o == EcRaw {
                    step.s.words[1] = key;
                    step.s.set_pay_len(pair(kind));
                    step.dst = Some(self.cell(rng, |_| true));
                } else {
                    step.s.words[1] = self.handle(self.empty(rng));
                    self.attributes(rng, o, super::DOMAINS[queue], &mut step.s);
                    step.s.words[14] = key;
                    let rest = rng.random_range(0..=256);
                    let salt = rng.random_range(0..=rest.min(64));
                    step.s
                        .set_pay_len(pair(kind) + rest)
                        .set_aad3(rng.random_range(1..=3) << 16 | salt);
                }
            }
            _ => unreachable!("{o:?} is no such operation"),
        }
        if step.src == step.dst && o != EcSign {
            step.dst = step.dst.map(|d| (d + 1) % super::keys::CELLS);
        }
        let at = |cell: usize, offset: usize| iova + (cell * PLACE + offset) as u64;
        if let Some(c) = step.src {
            let at = at(c, src_at);
            step.s.set_src_lo(at as u32).set_src_hi((at >> 32) as u32);
        }
        if let Some(c) = step.dst {
            let at = at(c, step.dst_at);
            step.s.set_dst_lo(at as u32).set_dst_hi((at >> 32) as u32);
        }
        step
    }

    /// The public key at the start of a cell that an operation has written to.
    pub fn wrote_public(&self, s: &Submission, before: Option<Public>) -> Option<Public> {
        let slot = s.slot();
        let key = self.keys.get(&slot)?;
        let of_key = |p: &Public| p.slot == slot && p.generation == key.generation;
        match Opcode::from_code(s.opcode() as u8) {
            Some(Opcode::EcPublic | Opcode::EcGenerate) => Some(Public {
                slot,
                generation: key.generation,
                kind: key.kind,
                signed: None,
            }),
            Some(Opcode::EcSign) => before.filter(of_key).map(|p| Public {
                signed: Some(s.pay_len()),
                ..p
            }),
            _ => None,
        }
    }
}
