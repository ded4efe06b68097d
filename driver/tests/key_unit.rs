// SPDX-License-Identifier: Apache-2.0
//! Key operations on the whole device's RTL: the wires between the key unit and the rest. What each operation does by itself is
//! tested in hdl/keys.

mod common;

use casemate::abi::{IvPolicy, KeyType, Opcode, Status, Submission, TagMode, reg, usage};
use casemate::{Device, Done, Queue};
use casemate_sim::entropy::EntropyMode;
use common::{Arena, open, queue, raw, reference, set_dst, set_src, sim};

const URI: &str = "sim:?latency=30";

fn op(opcode: Opcode) -> Submission {
    let mut s = Submission::default();
    s.set_opcode(opcode as u32);
    s
}

/// A handle: slot and generation.
type Handle = (u32, u32);

fn name(s: &mut Submission, key: Handle) {
    s.set_slot(key.0).set_generation(key.1);
}

fn base(s: &mut Submission, key: Handle) {
    s.set_aad2(key.1 << 16 | key.0);
}

fn attributes(s: &mut Submission, kind: KeyType, bits: u16, policy: IvPolicy) {
    s.set_aad0(u32::from(bits) << 16 | kind as u32);
    let secret = if kind == KeyType::Secret { 32 } else { 0 };
    s.set_aad1(secret << 8 | policy as u32);
}

fn made(done: Done, slot: u32) -> Handle {
    assert_eq!(done.status, Status::Ok);
    let generation = u16::from_le_bytes([done.report[0], done.report[1]]);
    (slot, generation.into())
}

fn good(q: &mut Queue, s: &Submission) -> Done {
    let done = raw(q, s);
    assert_eq!(done.status, Status::Ok, "{s:x?}");
    done
}

fn officer(device: &Device, s: Submission) -> Done {
    device.officer_raw(s).unwrap()
}

/// Seals `n` bytes from the arena's start to its second page, tag appended.
fn seal(key: Handle, arena: &Arena, n: u32) -> Submission {
    let mut s = op(Opcode::GcmSeal);
    name(&mut s, key);
    s.set_tag_mode(TagMode::Appended as u32)
        .set_tag_len(16)
        .set_iv_len(12)
        .set_pay_len(n);
    set_src(&mut s, arena.iova());
    set_dst(&mut s, arena.iova() + 4096);
    s
}

/// Two devices of one root: a key is made on one, sealed with, wrapped, unwrapped on the other, opened with there.
#[test]
fn a_key_moves_to_another_device() {
    let devices = [open(URI), open("sim:?latency=30&seed=7")];
    let mut arenas = [Arena::new(&devices[0]), Arena::new(&devices[1])];
    let mut queues = [queue(&devices[0], 3, 8), queue(&devices[1], 3, 8)];
    let mut roots = Vec::new();
    for d in &devices {
        let mut s = op(Opcode::KeyRoot);
        s.set_slot(9)
            .set_aad0(u32::from(usage::WRAP | usage::UNWRAP) << 16 | 3 << 8 | KeyType::Wrapping as u32)
            .set_aad1(5 << 16);
        roots.push(made(officer(d, s), 9));
    }
    let mut s = op(Opcode::KeyGenerate);
    s.set_slot(2);
    let bits = usage::ENCRYPT | usage::DECRYPT | usage::EXPORT_WRAPPED;
    attributes(&mut s, KeyType::Aes256, bits, IvPolicy::Host);
    let key = made(good(&mut queues[0], &s), 2);
    let text = common::pattern(100, 9);
    arenas[0].bytes()[..100].copy_from_slice(&text);
    let s = seal(key, &arenas[0], 100);
    good(&mut queues[0], &s);
    let sealed = arenas[0].bytes()[4096..4096 + 116].to_vec();

    let mut s = op(Opcode::KeyWrap);
    name(&mut s, key);
    base(&mut s, roots[0]);
    s.set_pay_len(128);
    set_dst(&mut s, arenas[0].iova() + 8192 + 3);
    assert_eq!(good(&mut queues[0], &s).bytes, 128);
    let blob = arenas[0].bytes()[8195..8195 + 128].to_vec();
    // The wrapping key is what the contract says, of the development root.
    let secret: [u8; 32] = std::array::from_fn(|i| i as u8);
    let fixed = [
        &1u32.to_be_bytes()[..],
        b"casemate wrapping key\0",
        &[3, 0, 5, 0, 0, 1, 0],
    ]
    .concat();
    let wrapping = {
        use hmac::{Hmac, Mac};
        let mut m = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
        m.update(&fixed);
        m.finalize().into_bytes()
    };
    let opened = {
        use aes_gcm::aead::{Aead, KeyInit, Payload};
        let aes = aes_gcm::Aes256Gcm::new_from_slice(&wrapping).unwrap();
        let msg = [&blob[64..], &blob[48..64]].concat();
        let p = Payload {
            msg: &msg,
            aad: &blob[..32],
        };
        aes.decrypt(blob[32..44].into(), p)
            .expect("the blob is authentic")
    };
    assert_eq!(reference(&opened[..32], &[0; 12], &[], &text), sealed);

    arenas[1].bytes()[..128].copy_from_slice(&blob);
    let mut s = op(Opcode::KeyUnwrap);
    s.set_slot(4).set_pay_len(128).set_aad0(0xffff_0000);
    base(&mut s, roots[1]);
    set_src(&mut s, arenas[1].iova());
    let key = made(good(&mut queues[1], &s), 4);
    arenas[1].bytes()[..116].copy_from_slice(&sealed);
    let mut s = seal(key, &arenas[1], 100);
    s.set_opcode(Opcode::GcmOpen as u32);
    good(&mut queues[1], &s);
    assert_eq!(arenas[1].bytes()[4096..4196], text);
    // With a bit changed it is no key.
    arenas[1].bytes()[..128].copy_from_slice(&blob);
    arenas[1].bytes()[9] ^= 1;
    let mut s = op(Opcode::KeyUnwrap);
    s.set_slot(5).set_pay_len(128).set_aad0(0xffff_0000);
    base(&mut s, roots[1]);
    set_src(&mut s, arenas[1].iova());
    assert_eq!(raw(&mut queues[1], &s).status, Status::BadBlob);
}

/// Policy COUNTER: the device's own IVs, each once, up to the limit.
#[test]
fn the_counter() {
    let device = open(URI);
    let mut arena = Arena::new(&device);
    let mut q = queue(&device, 1, 8);
    let mut s = op(Opcode::KeyGenerate);
    s.set_slot(0).set_aad_len(5);
    attributes(
        &mut s,
        KeyType::Aes128,
        usage::ENCRYPT | usage::DECRYPT,
        IvPolicy::Counter,
    );
    let key = made(good(&mut q, &s), 0);
    let text = common::pattern(40, 1);
    for n in 0..5u32 {
        arena.bytes()[..40].copy_from_slice(&text);
        let done = good(&mut q, &seal(key, &arena, 40));
        let iv = [&[0; 8][..], &n.to_be_bytes()].concat();
        assert_eq!(done.report[..12], iv, "its completion tells the IV");
        assert_eq!(done.report[12..], [0; 4]);
        let sealed = arena.bytes()[4096..4096 + 56].to_vec();
        arena.bytes()[..56].copy_from_slice(&sealed);
        let mut s = seal(key, &arena, 40);
        s.set_opcode(Opcode::GcmOpen as u32).set_iv2(n.swap_bytes());
        let done = good(&mut q, &s);
        assert_eq!(done.report, [0; 16]);
        assert_eq!(arena.bytes()[4096..4136], text);
    }
    let mut s = seal(key, &arena, 40);
    assert_eq!(raw(&mut q, &s).status, Status::Exhausted);
    s.set_iv0(1);
    assert_eq!(raw(&mut q, &s).status, Status::BadPolicy);
    // What was refused did not count.
    let mut s = op(Opcode::KeyQuery);
    name(&mut s, key);
    s.set_pay_len(64);
    set_dst(&mut s, arena.iova());
    good(&mut q, &s);
    assert_eq!(arena.bytes()[8..16], [5, 0, 0, 0, 5, 0, 0, 0], "limit and seals");
}

/// A long key operation stalls nobody else's requests to lanes.
#[test]
fn others_are_not_stalled() {
    let device = open(URI);
    let arena = Arena::new(&device);
    let key = device.load_key(&[1; 32], 1, casemate::KeyUse::BOTH).unwrap();
    let (mut slow, mut fast) = (queue(&device, 2, 4), queue(&device, 1, 8));
    let mut s = op(Opcode::Random);
    s.set_pay_len(32768);
    set_dst(&mut s, arena.iova() + 16384);
    assert!(slow.submit_raw(s, 1).unwrap());
    let fine = common::good(key, &arena);
    for _ in 0..20 {
        assert_eq!(raw(&mut fast, &fine).status, Status::Ok);
    }
    let mut out = Vec::new();
    slow.poll(&mut out).unwrap();
    assert!(
        out.is_empty(),
        "twenty requests took as long as 32 KiB of random bytes"
    );
    common::drain(&mut slow, &mut out);
    assert_eq!((out[0].status, out[0].bytes), (Status::Ok, 32768));
}

/// A noise source that fails stops random bits until the device is reset, and nothing else.
#[test]
fn a_noise_source_that_fails() {
    let device = open(URI);
    let mut arena = Arena::new(&device);
    let mut q = queue(&device, 1, 8);
    let mut s = op(Opcode::Random);
    s.set_pay_len(64);
    set_dst(&mut s, arena.iova() + 1);
    good(&mut q, &s);
    let first = arena.bytes()[1..65].to_vec();
    good(&mut q, &s);
    assert_ne!(arena.bytes()[1..65], first);
    sim(&device, |d| d.entropy().set_mode(EntropyMode::Stuck(7)));
    for _ in 0..100 {
        device.transport().progress().unwrap();
    }
    assert_eq!(device.transport().read32(reg::STATUS).unwrap() >> 8 & 1, 1);
    assert_eq!(raw(&mut q, &s).status, Status::NoEntropy);
    let key = device.load_key(&[1; 32], 1, casemate::KeyUse::BOTH).unwrap();
    assert_eq!(raw(&mut q, &common::good(key, &arena)).status, Status::Ok);
    sim(&device, |d| d.entropy().set_mode(EntropyMode::Good));
    device.reset().unwrap();
    q.reset(&mut Vec::new()).unwrap();
    assert_eq!(device.transport().read32(reg::STATUS).unwrap() >> 8 & 1, 0);
    good(&mut q, &s);
}
