// SPDX-License-Identifier: Apache-2.0
//! What goes wrong costs what it must and no more: errors in completions, memory the device may not reach, resets in flight.

use crate::{LONG, Target, bytes, drain, iv, key, queue, seal, sealed, serves};
use casemate::abi::{Opcode, Status, Submission, TagMode, reg};
use casemate::transport::DmaRegion;
use casemate::{Device, Done, Error, KeyHandle, Queue, Request};
use std::time::{Duration, Instant};

/// Requests that the device refuses, among others that it does not.
pub fn refused(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 16));
    let mut out = Vec::new();
    let mut b = device.buffer(116, 0).unwrap();
    b.copy_from_slice(&sealed(1, 100));
    b[0] ^= 1;
    let altered = Request::open(key, &iv(1), b).aad(b"short").user(1);
    assert_eq!(
        q.submit([altered, seal(&device, key, 2, 100)]).unwrap().accepted,
        2
    );
    let mut unknown = Submission::default();
    unknown.set_opcode(0xee);
    assert!(q.submit_raw(unknown, 3).unwrap());
    assert_eq!(q.submit([seal(&device, key, 4, 50)]).unwrap().accepted, 1);
    drain(&mut q, &mut out);
    out.sort_by_key(|d| d.user);
    let status: Vec<Status> = out.iter().map(|d| d.status).collect();
    assert_eq!(
        status,
        [Status::TagMismatch, Status::Ok, Status::BadOpcode, Status::Ok]
    );
    assert!(bytes(out.pop().unwrap()) == sealed(4, 50));
    device.destroy_key(key).unwrap();
    assert_eq!(q.submit([seal(&device, key, 5, 50)]).unwrap().accepted, 1);
    out.clear();
    drain(&mut q, &mut out);
    assert_eq!(out[0].status, Status::SlotEmpty);
    serves(&device, &mut q);
}

/// Seals 256 bytes from one IOVA to another.
fn descriptor(key: KeyHandle, src: u64, dst: u64) -> Submission {
    let mut s = Submission::default();
    s.set_opcode(Opcode::GcmSeal as u32)
        .set_slot(key.slot().into())
        .set_generation(key.generation().into())
        .set_tag_mode(TagMode::Completion as u32)
        .set_tag_len(16)
        .set_iv_len(12)
        .set_pay_len(256)
        .set_src_lo(src as u32)
        .set_src_hi((src >> 32) as u32)
        .set_dst_lo(dst as u32)
        .set_dst_hi((dst >> 32) as u32);
    s
}

fn raw(q: &mut Queue, s: Submission) -> Done {
    assert!(q.submit_raw(s, 0).unwrap());
    let mut out = Vec::new();
    drain(q, &mut out);
    assert_eq!(out.len(), 1, "one completion for one request");
    out.remove(0)
}

fn content(r: &DmaRegion) -> Vec<u8> {
    // SAFETY: the region is the test's, and the device is idle.
    unsafe { std::slice::from_raw_parts(r.ptr().as_ptr(), r.len()) }.to_vec()
}

/// Memory that was never mapped, that is read-only, and that was mapped until now: each use costs its request one error, and
/// another queue nothing.
pub fn dma_refused(t: &Target) {
    let device = t.open();
    let transport = device.transport();
    let (key, mut q, mut other) = (key(&device), queue(&device, 8), queue(&device, 8));
    let good = transport.alloc(4096).unwrap();
    let read_only = transport.alloc_read_only(4096).unwrap();
    let freed = transport.alloc(1 << 20).unwrap();
    let was = freed.iova();
    assert_eq!(raw(&mut q, descriptor(key, was, was + 8192)).status, Status::Ok);
    transport.free(freed);
    let never = 0x12_3456_7000;
    let (fine, ro) = (good.iova(), read_only.iova());
    for (what, src, dst, want) in [
        ("from read-only", ro, fine, Status::Ok),
        ("to read-only", fine, ro, Status::DmaDst),
        ("from unmapped", never, fine, Status::DmaSrc),
        ("to unmapped", fine, never, Status::DmaDst),
        ("from what was mapped", was, fine, Status::DmaSrc),
        ("to what was mapped", fine, was + 8192, Status::DmaDst),
        ("from there again", fine, fine + 1024, Status::Ok),
    ] {
        let before = q.counters().failed;
        let d = raw(&mut q, descriptor(key, src, dst));
        assert_eq!(d.status, want, "{what}");
        assert_eq!(
            q.counters().failed - before,
            u64::from(want != Status::Ok),
            "{what}"
        );
        serves(&device, &mut other);
    }
    assert!(
        content(&read_only).iter().all(|b| *b == 0),
        "read-only memory was written to"
    );
    assert_eq!(device.queues().unwrap()[usize::from(other.index())].failed, 0);
    transport.free(read_only);
    transport.free(good);
}

/// A queue whose rings are gone stops and says so, without the wait's whole time; after a reset of the device all is well.
pub fn rings_unmapped(t: &Target) {
    let device = t.open();
    let mut other = queue(&device, 8);
    let rings = device.transport().alloc(8192).unwrap();
    // A queue driven through its registers alone, for the driver would not take its rings away.
    let index = other.index() + 1;
    let at = |r: u32| r + u32::from(index) * reg::QUEUE_SQ_TAIL_STRIDE;
    let write = |r: u32, v: u32| device.transport().write32(at(r), v).unwrap();
    let iova = rings.iova();
    write(reg::QUEUE_DEPTH, 0x303);
    write(reg::QUEUE_SQ_BASE_LO, iova as u32);
    write(reg::QUEUE_SQ_BASE_HI, (iova >> 32) as u32);
    write(reg::QUEUE_CQ_BASE_LO, iova as u32 + 4096);
    write(reg::QUEUE_CQ_BASE_HI, (iova >> 32) as u32);
    write(reg::QUEUE_CTRL, 1);
    device.transport().free(rings);
    write(reg::QUEUE_SQ_TAIL, 1);
    let start = Instant::now();
    let stopped = || device.queues().unwrap()[usize::from(index)].state == casemate::abi::QueueState::Error;
    while !stopped() {
        assert!(start.elapsed() < LONG, "the queue does not stop");
        // The vector for errors wakes waits on any queue.
        device
            .transport()
            .wait(other.index().into(), Duration::from_millis(100))
            .unwrap();
    }
    serves(&device, &mut other);
    write(reg::QUEUE_CTRL, 2);
}

/// Numbered requests that came back: right, or an error that a reset gives. How many were errors.
fn came_back(mut out: Vec<Done>, total: u64, len: usize) -> usize {
    out.sort_by_key(|d| d.user);
    let numbers: Vec<u64> = out.iter().map(|d| d.user).collect();
    assert_eq!(numbers, (0..total).collect::<Vec<_>>(), "each once");
    let mut errors = 0;
    for d in out {
        let n = d.user;
        match d.status {
            Status::Ok => assert!(bytes(d) == sealed(n, len), "request {n}"),
            Status::Aborted => errors += 1,
            other => panic!("request {n}: {other:?}"),
        }
    }
    errors
}

fn in_flight(device: &Device, key: KeyHandle, q: &mut Queue, len: usize) {
    let batch: Vec<_> = (0..64).map(|n| seal(device, key, n, len)).collect();
    assert_eq!(q.submit(batch).unwrap().accepted, 64);
}

/// One queue of two; the other finishes its work.
pub fn queue_reset(t: &Target) {
    let device = t.open();
    let (key, mut q, mut other) = (key(&device), queue(&device, 64), queue(&device, 64));
    const LEN: usize = 20_000;
    in_flight(&device, key, &mut q, LEN);
    in_flight(&device, key, &mut other, 500);
    let mut out = Vec::new();
    q.reset(&mut out).unwrap();
    let errors = came_back(out, 64, LEN);
    assert!(errors >= 32, "only {errors} of 64 were still in flight");
    let mut out = Vec::new();
    drain(&mut other, &mut out);
    assert_eq!(came_back(out, 64, 500), 0);
    serves(&device, &mut q);
}

/// A reset of the function with 64 requests in flight: each comes back, and the device serves again, without its keys.
pub fn device_reset(t: &Target) {
    let device = t.open();
    for _ in 0..2 {
        let (key, mut q) = (key(&device), queue(&device, 64));
        const LEN: usize = 20_000;
        in_flight(&device, key, &mut q, LEN);
        device.reset().unwrap();
        let mut out = Vec::new();
        let e = loop {
            // What was finished before is handed out first.
            match q.wait(&mut out, LONG) {
                Ok(n) => assert!(n > 0),
                Err(e) => break e,
            }
        };
        assert!(matches!(e, Error::DeviceReset { .. }), "{e}");
        let e = q.submit([seal(&device, key, 0, 10)]).unwrap_err();
        assert!(matches!(e, Error::DeviceReset { .. }), "{e}");
        q.reset(&mut out).unwrap();
        let errors = came_back(out, 64, LEN);
        assert!(errors >= 32, "only {errors} of 64 were still in flight");
        let got = q.submit([seal(&device, key, 0, 10)]).unwrap();
        assert!(
            matches!(got.refused, Some(Error::StaleKey(_))),
            "{:?}",
            got.refused
        );
        serves(&device, &mut q);
    }
}

/// Every key goes; nothing is served until a reset, everything after it.
pub fn zeroize(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 64));
    in_flight(&device, key, &mut q, 5000);
    device.zeroize().unwrap();
    assert!(device.is_zeroized().unwrap());
    let mut out = Vec::new();
    drain(&mut q, &mut out);
    assert_eq!(out.len(), 64);
    for d in out {
        assert!(
            matches!(d.status, Status::Ok | Status::Zeroized),
            "{:?}",
            d.status
        );
    }
    device.reset().unwrap();
    q.reset(&mut Vec::new()).unwrap();
    serves(&device, &mut q);
}
