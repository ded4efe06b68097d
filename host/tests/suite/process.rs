// SPDX-License-Identifier: Apache-2.0
//! Processes: a child after fork(), one user after another, what serves the device killed.

use crate::{LONG, Target, key, queue, seal, serves};
use casemate::{Error, Queue};
use std::io::Write;
use std::time::{Duration, Instant};

/// Set where the server can be killed from outside only.
const KILL: &str = "CASEMATE_SUITE_KILL";

/// Runs `f` in a child and returns its exit status.
fn in_child(f: impl FnOnce() -> i32) -> i32 {
    // SAFETY: tests run one at a time, so no other thread holds a lock that the child needs.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).unwrap_or(99);
        // SAFETY: ends the child without the parent's cleaning up.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: the child's number and a place for its status.
    assert_eq!(unsafe { libc::waitpid(pid, &mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status), "the child was killed: {status:#x}");
    libc::WEXITSTATUS(status)
}

/// The child is refused everything, may drop what it has, and disturbs nothing that the parent has in flight.
pub fn forked_child(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 64));
    let batch: Vec<_> = (0..16).map(|n| seal(&device, key, n, 3000)).collect();
    assert_eq!(q.submit(batch).unwrap().accepted, 16);
    let child_device = device.clone();
    let status = {
        let q: &mut Queue = &mut q;
        in_child(move || {
            let refused = |e: Option<Error>| matches!(e, Some(Error::Forked));
            let mut out = Vec::new();
            let mine = [
                refused(q.poll(&mut out).err()),
                refused(q.wait(&mut out, LONG).err()),
                refused(q.submit::<casemate::Request>([]).err()),
                refused(q.reset(&mut out).err()),
                refused(child_device.buffer(10, 0).err()),
                refused(child_device.reset().err()),
                refused(child_device.queue(casemate::QueueConfig::default()).err()),
            ];
            // SAFETY: the child's copy, which the parent does not see; dropping it is what is tried.
            drop(unsafe { std::ptr::read(q) });
            drop(child_device);
            mine.iter().position(|ok| !ok).map_or(0, |i| i as i32 + 1)
        })
    };
    assert_eq!(status, 0, "the child was not refused something");
    let mut out = Vec::new();
    crate::drain(&mut q, &mut out);
    assert_eq!(out.len(), 16);
    for d in out {
        let n = d.user;
        assert!(crate::bytes(d.ok().unwrap()) == crate::sealed(n, 3000));
    }
    serves(&device, &mut q);
}

/// Whoever comes next finds no key of who was there before.
pub fn opened_again(t: &Target) {
    for _ in 0..3 {
        let device = t.open();
        assert!(
            device.clone().officer().unwrap().slots().unwrap().is_empty(),
            "keys of an earlier user"
        );
        key(&device);
        let mut q = queue(&device, 8);
        serves(&device, &mut q);
    }
}

/// In mid-request: errors, soon, and no hang; nothing more can be done with the device.
pub fn server_killed(t: &Target) {
    let device = t.open();
    let (key, mut q) = (key(&device), queue(&device, 64));
    let batch: Vec<_> = (0..64).map(|n| seal(&device, key, n, 400_000)).collect();
    assert_eq!(q.submit(batch).unwrap().accepted, 64);
    t.kill.as_ref().expect("something that serves it")();
    let start = Instant::now();
    let mut out = Vec::new();
    let e = loop {
        match q.wait(&mut out, LONG) {
            Ok(_) => assert!(q.in_flight() > 0, "it finished everything after its end"),
            Err(e) => break e,
        }
    };
    assert!(matches!(e, Error::Gone(_)), "{e}");
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "after {:?} only",
        start.elapsed()
    );
    for e in [
        q.poll(&mut out).err(),
        device.reset().err(),
        device.buffer(1 << 20, 0).err(),
    ] {
        assert!(matches!(e, None | Some(Error::Gone(_))), "{e:?}");
    }
    assert!(matches!(device.status(), Err(Error::Gone(_))));
    if std::env::var_os(KILL).is_some() {
        // QEMU 11.1 ends with a hardware error when the guest's kernel closes a function whose server is gone: the result first.
        std::mem::forget((q, device));
        return;
    }
    drop(q);
    drop(device);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "closing took {:?}",
        start.elapsed()
    );
}

/// In a guest, whoever reads its console kills the server when told so.
pub fn killer_from_outside() -> Option<Box<dyn Fn() + Send + Sync>> {
    std::env::var_os(KILL)?;
    Some(Box::new(|| {
        // QEMU 11.1 aborts if its server dies with messages of its unread, such as the mappings of buffers: they are waited for before,
        // and the device is left alone after.
        std::thread::sleep(Duration::from_secs(1));
        let mut console = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/console")
            .unwrap();
        writeln!(console, "\n@kill-server@").unwrap();
        std::thread::sleep(Duration::from_secs(2));
    }))
}
