// SPDX-License-Identifier: Apache-2.0
//! A device with keys of each sort, and a good descriptor of each operation.

use crate::common::keys::*;
use crate::common::{self, Arena, raw};
use casemate::abi::{KeyType, Opcode, Status, Submission, usage};
use casemate::{Device, KeyUse, Queue};

pub const SRC: u64 = 0;
pub const DST: u64 = 8192;
pub const BLOB: u64 = 16384;
pub const WRAPPED: u64 = 20480;
pub const MAC: u64 = 24576;
/// x, y, r, s, digest.
pub const SIGNED: u64 = 28672;
/// A peer's public key, then a salt.
pub const PEER: u64 = 32768;
/// Bytes of a digest, salt and info.
pub const DIGEST: u32 = 32;

/// Private keys, all of P-256.
#[derive(Clone, Copy)]
pub struct Pairs {
    pub signs: Handle,
    /// Of ECDH; its options are the code of IV policy DERIVED.
    pub agrees: Handle,
    pub raw: Handle,
}

/// A device with one key of each sort in domain 1, and one of domain 2.
pub struct Bench {
    pub uri: String,
    pub device: Device,
    pub arena: Arena,
    pub q: Queue,
    pub root: Handle,
    pub kwp: Handle,
    pub unwrap_only: Handle,
    pub secret: Handle,
    pub stays: Handle,
    pub seed: Handle,
    pub aes: Handle,
    pub aes_stays: Handle,
    pub foreign: Handle,
    pub foreign_wrap: Handle,
    /// Where there is an engine for them.
    pub ec: Option<Pairs>,
}

pub const FREE: u32 = 40;
pub const EMPTY: u32 = 41;

impl Bench {
    pub fn new(uri: &str) -> Self {
        let device = common::open(uri);
        let arena = Arena::new(&device);
        let mut q = common::queue(&device, 1, 16);
        use usage::*;
        let g = |slot, kind, bits, policy| make(Opcode::KeyGenerate, slot, kind, bits, policy);
        let root = officer_made(&device, root(0, 1, 7));
        let foreign_wrap = officer_made(&device, common::keys::root(1, 2, 7));
        let foreign = {
            let k = device.load_slot(2, &[9; 16], 2, KeyUse::BOTH).unwrap();
            (k.slot().into(), k.generation().into())
        };
        let to = arena.iova() + DST;
        let mut pair = |slot, bits, options| {
            let mut s = make(Opcode::EcGenerate, slot, KeyType::P256, bits, options);
            dst(&mut s, to).set_pay_len(64);
            made(&mut q, s)
        };
        let ec = (device.capabilities().ec_engines > 0).then(|| Pairs {
            signs: pair(10, SIGN | EXPORT_WRAPPED, 0),
            agrees: pair(11, DERIVE, DERIVED),
            raw: pair(12, RAW | DERIVE, 3),
        });
        let mut made = |s| made(&mut q, s);
        let all = SIGN | VERIFY | DERIVE | EXPORT_WRAPPED | KWP;
        Self {
            root,
            foreign,
            foreign_wrap,
            ec,
            kwp: made(g(3, KeyType::Wrapping, WRAP | UNWRAP | KWP, HOST)),
            unwrap_only: made(g(4, KeyType::Wrapping, UNWRAP, HOST)),
            secret: made(g(5, KeyType::Secret, all, HOST)),
            stays: made(g(6, KeyType::Secret, DERIVE, HOST)),
            seed: made(g(7, KeyType::Secret, DERIVE | EXPORT_WRAPPED, DERIVED)),
            aes: made(g(
                8,
                KeyType::Aes256,
                ENCRYPT | DECRYPT | EXPORT_WRAPPED | KWP,
                HOST,
            )),
            aes_stays: made(g(9, KeyType::Aes128, ENCRYPT | DECRYPT, HOST)),
            uri: uri.into(),
            device,
            arena,
            q,
        }
    }

    pub fn at(&self, offset: u64) -> u64 {
        self.arena.iova() + offset
    }

    /// A good descriptor of each operation that tenants have; each can be done again and again after KEY_DESTROY of `FREE`.
    pub fn good(&self) -> Vec<Submission> {
        use usage::*;
        let attributes = |o, kind, bits| make(o, FREE, kind, bits, HOST);
        let (from, to) = (self.at(SRC), self.at(DST));
        let mut all = Vec::new();
        all.push(make(
            Opcode::KeyGenerate,
            FREE,
            KeyType::Secret,
            SIGN | EXPORT_WRAPPED,
            HOST,
        ));
        let mut s = on(Opcode::KeyWrap, self.aes);
        dst(base(&mut s, self.root), to).set_pay_len(128);
        all.push(s);
        let mut s = op(Opcode::KeyUnwrap, FREE);
        src(base(&mut s, self.root), self.at(BLOB))
            .set_pay_len(128)
            .set_aad0(0xffff_0000);
        all.push(s);
        let mut s = on(Opcode::KwpWrap, self.aes);
        dst(base(&mut s, self.kwp), to).set_pay_len(40);
        all.push(s);
        let mut s = attributes(Opcode::KwpUnwrap, KeyType::Aes256, DECRYPT);
        src(base(&mut s, self.kwp), self.at(WRAPPED)).set_pay_len(40);
        all.push(s);
        let mut s = attributes(Opcode::KeyHkdf, KeyType::Secret, SIGN);
        src(base(&mut s, self.stays), from)
            .set_pay_len(50)
            .set_aad3(SHA256 << 16 | 13);
        all.push(s);
        let mut s = attributes(Opcode::KeyKbkdf, KeyType::Aes192, ENCRYPT);
        src(base(&mut s, self.stays), from)
            .set_pay_len(50)
            .set_aad3(SHA256 << 16);
        all.push(s);
        let mut s = on(Opcode::KeyQuery, self.seed);
        dst(&mut s, to).set_pay_len(64);
        all.push(s);
        let mut s = on(Opcode::KeyLock, self.seed);
        s.set_aad0(0xffff_0000);
        all.push(s);
        let mut s = op(Opcode::KeyMessage, FREE);
        dst(base(&mut s, self.seed), to).set_pay_len(32);
        all.push(s);
        s = op(Opcode::KeyMessage, FREE);
        src(base(&mut s, self.seed), from).set_pay_len(32).set_aad3(1);
        all.push(s);
        let mut s = on(Opcode::MacSign, self.secret);
        src(dst(&mut s, to), from)
            .set_pay_len(100)
            .set_aad3(SHA256 << 16 | 20);
        all.push(s);
        let mut s = on(Opcode::MacVerify, self.secret);
        src(dst(&mut s, self.at(MAC)), from)
            .set_pay_len(100)
            .set_aad3(SHA256 << 16 | 20);
        all.push(s);
        let mut s = Submission::default();
        s.set_opcode(Opcode::Random as u32).set_pay_len(100);
        dst(&mut s, to);
        all.push(s);
        if let Some(ec) = &self.ec {
            self.good_ec(ec, &mut all);
        }
        all
    }

    fn good_ec(&self, ec: &Pairs, all: &mut Vec<Submission>) {
        let (signed, peer, to) = (self.at(SIGNED), self.at(PEER), self.at(DST));
        let mut s = on(Opcode::EcSign, ec.signs);
        src(dst(&mut s, to), signed + 128)
            .set_pay_len(DIGEST)
            .set_aad3(SHA256 << 16);
        all.push(s);
        let mut s = op(Opcode::EcVerify, 0);
        src(&mut s, signed)
            .set_pay_len(128 + DIGEST)
            .set_aad0(KeyType::P256 as u32);
        all.push(s);
        let mut s = on(Opcode::EcPublic, ec.agrees);
        dst(&mut s, to).set_pay_len(64);
        all.push(s);
        let mut s = op(Opcode::EcCheck, 0);
        src(&mut s, peer).set_pay_len(64).set_aad0(KeyType::P256 as u32);
        all.push(s);
        let mut s = make(Opcode::EcGenerate, FREE, KeyType::P256, usage::SIGN, 3);
        dst(&mut s, to).set_pay_len(64);
        all.push(s);
        let mut s = make(Opcode::EcEcdh, FREE, KeyType::Secret, usage::SIGN, HOST);
        src(base(&mut s, ec.agrees), peer)
            .set_pay_len(64 + DIGEST)
            .set_aad3(SHA256 << 16 | 13);
        all.push(s);
        let mut s = on(Opcode::EcRaw, ec.raw);
        src(dst(&mut s, to), peer).set_pay_len(64);
        all.push(s);
    }

    /// Puts a blob, a KWP, a MAC, public keys and a signature where the good descriptors look for them.
    pub fn prepare(&mut self) {
        self.arena.bytes()[..8192].copy_from_slice(&common::pattern(8192, 3));
        for (o, at) in [
            (Opcode::KeyWrap, BLOB),
            (Opcode::KwpWrap, WRAPPED),
            (Opcode::MacSign, MAC),
        ] {
            let mut s = *self.good().iter().find(|s| s.opcode() == o as u32).unwrap();
            dst(&mut s, self.at(at));
            assert_eq!(raw(&mut self.q, &s).status, Status::Ok, "{}: {o:?}", self.uri);
        }
        let Some(ec) = self.ec else { return };
        let digest = common::pattern(DIGEST as usize, 5);
        let from = SIGNED as usize + 128;
        self.arena.bytes()[from..][..digest.len()].copy_from_slice(&digest);
        for (key, at) in [(ec.signs, SIGNED), (ec.raw, PEER)] {
            let mut s = on(Opcode::EcPublic, key);
            dst(&mut s, self.at(at)).set_pay_len(64);
            assert_eq!(raw(&mut self.q, &s).status, Status::Ok, "{}", self.uri);
        }
        let sign = |s: &&Submission| s.opcode() == Opcode::EcSign as u32;
        let mut s = *self.good().iter().find(sign).unwrap();
        dst(&mut s, self.at(SIGNED + 64));
        assert_eq!(raw(&mut self.q, &s).status, Status::Ok, "{}", self.uri);
    }

    pub fn destroy(&mut self, h: Handle) {
        let done = raw(&mut self.q, &on(Opcode::KeyDestroy, h));
        assert_eq!(done.status, Status::Ok, "{}", self.uri);
    }
}

pub fn fills(s: &Submission) -> bool {
    let o = s.opcode();
    [
        Opcode::KeyGenerate,
        Opcode::KeyUnwrap,
        Opcode::KwpUnwrap,
        Opcode::KeyHkdf,
        Opcode::KeyKbkdf,
        Opcode::KeyMessage,
        Opcode::EcGenerate,
        Opcode::EcEcdh,
    ]
    .iter()
    .any(|f| *f as u32 == o)
}
