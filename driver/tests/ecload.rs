// SPDX-License-Identifier: Apache-2.0
//! Elliptic curves beside other work, in the RTL: bulk AES-GCM while the engines are busy and more waits for them than they hold; a
//! broken engine.

mod common;

use casemate::abi::{Opcode, Status};
use casemate::{
    AnyRequest, Curve, Device, Done, EcOptions, EcRequest, Hash, KeyAttributes, KeyHandle, KeyUse, Keys,
    Queue, Request, Usage,
};
use common::keys::{dst, on, src};
use common::{Arena, LONG, drain, open, queue, raw, sim};

/// Cycles that so many seals of 16 KiB take, several of them always in flight.
fn bulk(device: &Device, q: &mut Queue, key: KeyHandle) -> u64 {
    const SEALS: u64 = 96;
    const LEN: usize = 16384;
    let start = device.pace().unwrap().0;
    let mut out: Vec<Done> = Vec::new();
    let mut next = 0;
    while next < SEALS || q.in_flight() > 0 {
        let mut batch: Vec<AnyRequest> = Vec::new();
        while next < SEALS && q.in_flight() + batch.len() < 32 {
            let b = device.buffer(LEN + 16, 0).unwrap();
            batch.push(Request::seal(key, &[next as u8; 12], b).into());
            next += 1;
        }
        if !batch.is_empty() {
            assert!(q.submit(batch).unwrap().rest.is_empty());
        }
        q.wait(&mut out, LONG).unwrap();
    }
    assert!(out.len() == SEALS as usize && out.iter().all(|d| d.status == Status::Ok));
    device.pace().unwrap().0 - start
}

/// Two queues ask for more signatures than the device lets wait; a third encrypts as fast as if they did not.
#[test]
fn bulk_encryption_beside_busy_engines() {
    let device = open("sim:?latency=250");
    let aes = device.load_key(&[7; 32], 3, KeyUse::BOTH).unwrap();
    let mut bulk_queue = queue(&device, 3, 64);
    let mut signers = [1, 2].map(|domain| {
        let mut keys = Keys::over(queue(&device, domain, 128));
        // Short ones: the second queue's are before those that the first one's reset gives up.
        let a = KeyAttributes::private(Curve::P256, Usage::SIGN).ec_options(EcOptions::NONE);
        let (key, _) = keys.generate_pair(&a).unwrap();
        (keys.into_queue(), key)
    });
    let idle = bulk(&device, &mut bulk_queue, aes);
    for (q, key) in &mut signers {
        let batch: Vec<AnyRequest> = (0..120)
            .map(|i| EcRequest::sign(*key, Hash::Sha256, &[i; 32]).into())
            .collect();
        assert!(q.submit(batch).unwrap().rest.is_empty());
    }
    let busy = bulk(&device, &mut bulk_queue, aes);
    let waiting: usize = signers.iter().map(|s| s.0.in_flight()).sum();
    println!("{idle} cycles alone, {busy} beside busy engines, {waiting} signatures still wait");
    assert!(waiting > 200, "the engines were not busy all the time: {waiting}");
    assert!(busy * 100 <= idle * 102, "{busy} cycles, {idle} alone");
    // What waits is given up, and each is answered.
    for (q, _) in &mut signers {
        let mut out = Vec::new();
        q.reset(&mut out).unwrap();
        drain(q, &mut out);
        assert!(
            out.iter()
                .all(|d| matches!(d.status, Status::Ok | Status::Aborted))
        );
    }
    // And the engine serves.
    let mut keys = Keys::over(std::mem::replace(&mut signers[0].0, queue(&device, 4, 4)));
    keys.sign(signers[0].1, Hash::Sha256, &[1; 32]).unwrap();
}

/// Nothing of a signature is written when a bit was wrong on the way; the next one is right.
#[test]
fn a_fault_in_the_engine_releases_nothing() {
    let device = open("sim:?latency=20");
    let mut keys = Keys::over(queue(&device, 1, 8));
    let a = KeyAttributes::private(Curve::P256, Usage::SIGN);
    let (key, public) = keys.generate_pair(&a).unwrap();
    let mut q = keys.into_queue();
    let mut arena = Arena::new(&device);
    arena.bytes()[..8192].fill(0xee);
    let mut s = on(Opcode::EcSign, (key.slot().into(), key.generation().into()));
    src(dst(&mut s, arena.iova() + 4096), arena.iova())
        .set_pay_len(32)
        .set_aad3(1 << 16);
    for wait in [8_000, 30_000, 90_000, 150_000] {
        assert!(q.submit_raw(s, 0).unwrap());
        sim(&device, |d| {
            (0..wait).try_for_each(|_| d.step()).unwrap();
            d.ec_fault(true);
            (0..200).try_for_each(|_| d.step()).unwrap();
            d.ec_fault(false);
        });
        let mut out = Vec::new();
        drain(&mut q, &mut out);
        assert_eq!(
            (out[0].status, out[0].bytes),
            (Status::EcFault, 0),
            "after {wait} cycles"
        );
        assert_eq!(arena.bytes()[4096..8192], [0xee; 4096], "after {wait} cycles");
    }
    assert_eq!(raw(&mut q, &s).status, Status::Ok);
    let signature = casemate::Signature::new(Curve::P256, &arena.bytes()[4096..4160]).unwrap();
    Keys::over(q).verify(&public, &[0xee; 32], &signature).unwrap();
}
