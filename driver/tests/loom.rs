// SPDX-License-Identifier: Apache-2.0
//! The rings' memory order, model-checked: a host with the driver's own ring code against a device in a second thread.

mod atomic {
    pub use loom::sync::atomic::{AtomicU32, Ordering};
}
#[allow(dead_code)]
#[path = "../src/ring.rs"]
mod ring;

use atomic::{AtomicU32, Ordering};
use casemate_abi::{Completion, Submission};
use loom::sync::Arc;
use loom::thread;
use ring::{CompletionRing, SubmissionRing, Words};

#[derive(Clone)]
struct Shared(Arc<Vec<AtomicU32>>);

impl Shared {
    fn new(words: usize) -> Self {
        Self(Arc::new((0..words).map(|_| AtomicU32::new(0)).collect()))
    }
}

impl Words for Shared {
    fn word(&self, i: usize) -> &AtomicU32 {
        &self.0[i]
    }
}

const SUB: usize = Submission::SIZE / 4;
const CPL: usize = Completion::SIZE / 4;

/// A submission is whole when its doorbell is seen.
#[test]
fn a_doorbell_publishes_the_entry() {
    loom::model(|| {
        let words = Shared::new(2 * SUB);
        let bell = Arc::new(AtomicU32::new(0));
        let device = {
            let (words, bell) = (words.clone(), bell.clone());
            thread::spawn(move || {
                if bell.load(Ordering::Acquire) == 1 {
                    assert_eq!(words.word(2).load(Ordering::Relaxed), 77);
                    assert_eq!(words.word(SUB - 1).load(Ordering::Relaxed), 99);
                }
            })
        };
        let mut ring = SubmissionRing::new(words, 1);
        let mut s = Submission::default();
        s.set_cookie(77).set_aad3(99);
        assert!(ring.push(&s));
        bell.store(ring.tail().into(), Ordering::Release);
        device.join().unwrap();
    });
}

/// A completion whose phase is right is whole, on the first pass and on the next, where old words lie beneath.
#[test]
fn a_phase_bit_publishes_the_completion() {
    for pass in 0..2u32 {
        loom::model(move || {
            let words = Shared::new(2 * CPL);
            let mut ring = CompletionRing::new(words.clone(), 1);
            for _ in 0..2 * pass {
                // The first pass, before there is another thread.
                let at = usize::from(ring.head()) % 2 * CPL;
                words.word(at + 4).store(5, Ordering::Relaxed);
                words.word(at + CPL - 1).store(1 << 31, Ordering::Relaxed);
                assert_eq!(ring.pop().unwrap().cookie(), 5);
            }
            let device = thread::spawn(move || {
                words.word(4).store(42, Ordering::Relaxed);
                words.word(5).store(1000, Ordering::Relaxed);
                words
                    .word(CPL - 1)
                    .store((1 - pass) << 31 | 0x12, Ordering::Release);
            });
            if let Some(c) = ring.pop() {
                assert_eq!((c.cookie(), c.bytes(), c.status()), (42, 1000, 0x12));
                assert!(ring.pop().is_none());
            }
            device.join().unwrap();
        });
    }
}

/// A completion written last word first would be caught: the check above can fail.
#[test]
#[should_panic]
fn the_wrong_order_is_caught() {
    loom::model(|| {
        let words = Shared::new(2 * CPL);
        let mut ring = CompletionRing::new(words.clone(), 1);
        let device = thread::spawn(move || {
            words.word(CPL - 1).store(1 << 31, Ordering::Release);
            words.word(4).store(42, Ordering::Relaxed);
        });
        if let Some(c) = ring.pop() {
            assert_eq!(c.cookie(), 42);
        }
        device.join().unwrap();
    });
}
