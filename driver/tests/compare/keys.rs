// SPDX-License-Identifier: Apache-2.0
//! Random key operations, one after another, in two worlds: keys of every type that are made, used, wrapped, moved and destroyed,
//! and descriptors broken in every way. What is random in a device differs between the worlds, and where `DIFFERENT_KEYS` says so
//! what the host loads, too; a cell of memory that holds such bytes, or what was made from them, is compared by status alone.

use super::ec::{Public, is_ec};
use super::program::{PLACE, READ_ONLY};
use super::steps::break_it;
use super::{DIFFERENT_KEYS, World};
use casemate::Done;
use casemate::abi::{KeyType, Opcode, Status, Submission, TagMode, reg};
use rand::{Rng, RngCore};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap};

/// Cells of memory: the places of the arena but the last.
pub const CELLS: usize = 31;

/// A key in the devices, as far as the descriptors tell.
#[derive(Debug, Clone)]
pub struct Key {
    pub generation: u32,
    pub domain: u8,
    pub kind: u32,
    pub bits: u32,
    pub policy: u32,
    pub len: u32,
    /// Its material differs between the worlds.
    pub random: bool,
}

/// What a cell holds.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// It differs between the worlds.
    pub random: bool,
    /// Of a wrapped key: by which opcode, under which slot, the key.
    pub wrapped: Option<(Opcode, u32, Key)>,
    /// Of a MAC: the descriptor that made it.
    pub mac: Option<Submission>,
    /// The public key it starts with.
    pub public: Option<Public>,
}

/// The keys of both worlds and what their memory holds.
pub struct KeyProgram {
    pub slots: std::ops::Range<u32>,
    pub keys: BTreeMap<u32, Key>,
    pub cells: Vec<Cell>,
    /// Operations that succeeded.
    pub passed: HashMap<u32, usize>,
    /// One step of so many is of an elliptic curve; none of them without an engine.
    pub ec: Option<u32>,
}

/// An operation on its way.
pub struct Step {
    pub officer: bool,
    pub queue: usize,
    pub s: Submission,
    /// Cells read and written.
    pub src: Option<usize>,
    pub dst: Option<usize>,
    /// Offset in the cell written.
    pub dst_at: usize,
}

pub const WRAPPING: u32 = KeyType::Wrapping as u32;
pub const SECRET: u32 = KeyType::Secret as u32;

pub fn fills(o: Opcode) -> bool {
    use Opcode::*;
    matches!(
        o,
        KeyLoad
            | KeyGenerate
            | KeyUnwrap
            | KwpUnwrap
            | KeyHkdf
            | KeyKbkdf
            | KeyRoot
            | KeyMessage
            | EcGenerate
            | EcEcdh
    )
}

fn key_len(kind: u32) -> u32 {
    [0, 16, 24, 32, 0, 32, 32, 48]
        .get(kind as usize)
        .copied()
        .unwrap_or(0)
}

impl KeyProgram {
    /// Keys in these slots, the upper half of the device's.
    pub fn new(slots: u16, ec: Option<u32>) -> Self {
        Self {
            slots: u32::from(slots) / 2..u32::from(slots),
            keys: BTreeMap::new(),
            cells: vec![Cell::default(); CELLS],
            passed: HashMap::new(),
            ec,
        }
    }

    /// Memory has been filled anew, the same in both worlds.
    pub fn refreshed(&mut self) {
        self.cells.fill(Cell::default());
    }

    /// Handles and domains of secrets that sign; the same in both worlds, unless none is.
    pub fn signers(&self) -> Vec<(u32, u8)> {
        let signers = (self.keys.iter())
            .filter(|(_, k)| k.bits & 4 != 0 && !is_ec(k.kind) && (DIFFERENT_KEYS || !k.random));
        signers.map(|(s, k)| (k.generation << 16 | s, k.domain)).collect()
    }

    /// One operation in both worlds: its descriptor and what became of it.
    pub fn run(&mut self, what: &str, rng: &mut ChaCha8Rng, worlds: [&mut World; 2]) -> (Submission, Status) {
        let [first, second] = worlds;
        let iova = first.arena.iova();
        let mut step = self.step(rng, iova);
        let broken = rng.random_ratio(1, 5);
        if broken {
            break_it(rng, &mut step.s, iova);
        }
        let s = step.s;
        let mut window = [0; 16];
        window.iter_mut().for_each(|w| *w = rng.next_u32());
        let words = if rng.random_ratio(15, 16) {
            16
        } else {
            rng.random_range(0..16)
        };
        let run = |w: &mut World| -> Done {
            if s.opcode() == Opcode::KeyLoad as u32 {
                let mut window = window;
                w.secret(&mut window);
                for (i, v) in window[..words].iter().enumerate() {
                    w.device
                        .transport()
                        .write32(reg::KEY_WINDOW + 4 * i as u32, *v)
                        .unwrap();
                }
            }
            if step.officer {
                return w.device.officer_raw(s).unwrap();
            }
            let q = &mut w.queues[step.queue];
            assert!(q.submit_raw(s, 0).unwrap());
            let mut out = Vec::new();
            while out.is_empty() {
                q.wait(&mut out, std::time::Duration::from_secs(300)).unwrap();
            }
            out.remove(0)
        };
        let (x, y) = (run(first), run(second));
        // The tag of a random key in the completion.
        let random_tag = s.opcode() == Opcode::GcmSeal as u32 && s.tag_mode() == TagMode::Completion as u32;
        let same = (x.status, x.bytes) == (y.status, y.bytes)
            && (x.report == y.report || x.status == Status::Ok && random_tag);
        let about = |d: &Done| format!("{:?} {} {:x?}", d.status, d.bytes, d.report);
        assert!(
            same,
            "{what}: {s:?}\n first  {}\n second {}",
            about(&x),
            about(&y)
        );
        self.note(&step, broken, &x);
        self.settle(what, &step, broken, &x, first, second);
        if x.status == Status::Ok {
            *self.passed.entry(s.opcode()).or_default() += 1;
        }
        (s, x.status)
    }

    /// What the operation did to keys.
    fn note(&mut self, step: &Step, broken: bool, done: &Done) {
        use Opcode::*;
        let s = &step.s;
        let Some(o) = Opcode::from_code(s.opcode() as u8).filter(|_| done.status == Status::Ok) else {
            return;
        };
        let domain = super::DOMAINS[step.queue];
        let random_src = broken || step.src.is_some_and(|c| self.cells[c].random);
        let of_base = |p: &Self| p.keys.get(&(s.aad2() & 0xffff)).is_none_or(|k| k.random);
        let mut key = Key {
            generation: u32::from_le_bytes(done.report[..4].try_into().expect("4 bytes")),
            domain,
            kind: s.aad0() & 0xff,
            bits: s.aad0() >> 16,
            policy: s.aad1() & 3,
            len: match s.aad0() & 0xff {
                SECRET => s.aad1() >> 8 & 0xff,
                kind => key_len(kind),
            },
            random: false,
        };
        match o {
            KeyDestroy => {
                self.keys.remove(&s.slot());
                return;
            }
            KeyLock => {
                if let Some(k) = self.keys.get_mut(&s.slot()) {
                    k.bits &= s.aad0() >> 16;
                }
                return;
            }
            KeyLoad | KeyRoot => {
                key.domain = (s.aad0() >> 8) as u8;
                key.random = DIFFERENT_KEYS;
            }
            KeyGenerate | EcGenerate => key.random = true,
            KeyHkdf | KeyKbkdf | EcEcdh => key.random = random_src || of_base(self),
            KeyMessage => {
                let sealing = s.aad3() & 1 == 0;
                (key.kind, key.len) = (3, 32);
                (key.bits, key.policy) = if sealing { (1, 1) } else { (2, 0) };
                key.random = sealing || random_src || of_base(self);
            }
            KeyUnwrap | KwpUnwrap => {
                let wrapped = step.src.and_then(|c| self.cells[c].wrapped.clone());
                // A broken descriptor may have unwrapped another cell's: then nothing is known but that it is authentic.
                let known = wrapped.filter(|_| !broken);
                key.random = known.as_ref().is_none_or(|w| w.2.random);
                if let (KeyUnwrap, Some((_, _, k))) = (o, known) {
                    let generation = key.generation;
                    key = Key {
                        generation,
                        bits: k.bits & s.aad0() >> 16,
                        ..k
                    };
                }
            }
            _ => return,
        }
        self.keys.insert(s.slot(), key);
    }

    /// What the operation did to memory: compared, if it must be the same.
    fn settle(
        &mut self,
        what: &str,
        step: &Step,
        broken: bool,
        done: &Done,
        first: &mut World,
        second: &mut World,
    ) {
        use Opcode::*;
        let Some(cell) = step.dst else { return };
        let s = &step.s;
        let o = Opcode::from_code(s.opcode() as u8);
        if o == Some(MacVerify) {
            return;
        }
        let range = cell * PLACE..(cell + 1) * PLACE;
        if done.status != Status::Ok || broken {
            // What it left there, and how far it got, is nobody's business.
            for w in [first, second] {
                w.memory()[range.start..READ_ONLY].fill(0);
            }
            self.cells[cell..].fill(Cell::default());
            return;
        }
        let key = self.keys.get(&s.slot()).cloned();
        let random_key = key.as_ref().is_none_or(|k| k.random);
        let random_src = step.src.is_some_and(|c| self.cells[c].random);
        let base = s.aad2() & 0xffff;
        let random_base = self.keys.get(&base).is_none_or(|k| k.random);
        let random = match o {
            Some(KeyQuery) => false,
            Some(KwpWrap) => random_key || random_base,
            Some(MacSign | GcmSeal | GcmOpen | EcRaw) => random_key || random_src,
            Some(EcPublic) => random_key,
            Some(EcSign) => s.aad3() & 1 == 0 || random_key || random_src,
            _ => true,
        };
        // The rest of the cell may be random from before.
        let n = (done.bytes as usize + if o == Some(GcmSeal) { 16 } else { 0 }).min(PLACE);
        let (a, b) = (
            &first.memory()[range.clone()][step.dst_at..][..n],
            &second.memory()[range.clone()][step.dst_at..][..n],
        );
        assert!(random || a == b, "{what}: {s:?}: what it wrote differs");
        let before = self.cells[cell].clone();
        self.cells[cell] = Cell {
            random: random || before.random,
            public: self.wrote_public(s, before.public),
            wrapped: match (o, key) {
                (Some(o @ (KeyWrap | KwpWrap)), Some(k)) => Some((o, base, k)),
                _ => None,
            },
            mac: (o == Some(MacSign)).then_some(*s),
        };
    }
}
