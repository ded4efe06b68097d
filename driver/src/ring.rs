// SPDX-License-Identifier: Apache-2.0
//! Ring memory and its order. The host writes an entry's words, then a release store: the doorbell. The device writes a
//! completion's last word, with the phase bit, after the others; the host loads it with acquire before them.
//! `tests/loom.rs` checks both over every interleaving and every value a load may return.

use super::atomic::{AtomicU32, Ordering};

use casemate_abi::{Completion, Submission};

/// 32-bit words shared with a device.
pub trait Words {
    /// Word `i`.
    fn word(&self, i: usize) -> &AtomicU32;
}

/// The host's end of a submission ring.
pub struct SubmissionRing<W> {
    words: W,
    log2: u32,
    /// Written, modulo 2^16.
    tail: u16,
    /// Known to be fetched.
    head: u16,
}

impl<W: Words> SubmissionRing<W> {
    /// Of 2^`log2` entries, all free.
    pub fn new(words: W, log2: u32) -> Self {
        Self {
            words,
            log2,
            tail: 0,
            head: 0,
        }
    }

    /// Free entries.
    pub fn room(&self) -> usize {
        (1 << self.log2) - usize::from(self.tail.wrapping_sub(self.head))
    }

    /// Writes the next entry; the device sees it after the next doorbell with [`Self::tail`]. False if the ring is full.
    pub fn push(&mut self, s: &Submission) -> bool {
        if self.room() == 0 {
            return false;
        }
        let at = (usize::from(self.tail) & ((1 << self.log2) - 1)) * (Submission::SIZE / 4);
        for (i, w) in s.words.iter().enumerate() {
            // Relaxed: the doorbell orders them.
            self.words.word(at + i).store(w.to_le(), Ordering::Relaxed);
        }
        self.tail = self.tail.wrapping_add(1);
        true
    }

    /// The doorbell's value.
    pub fn tail(&self) -> u16 {
        self.tail
    }

    /// Entries the device says it has fetched are free again. False if it claims more than were written.
    pub fn fetched(&mut self, head: u16) -> bool {
        if head.wrapping_sub(self.head) > self.tail.wrapping_sub(self.head) {
            return false;
        }
        self.head = head;
        true
    }
}

/// The host's end of a completion ring.
pub struct CompletionRing<W> {
    words: W,
    log2: u32,
    /// Consumed, modulo 2^16.
    head: u16,
}

impl<W: Words> CompletionRing<W> {
    /// Of 2^`log2` entries, zeroed.
    pub fn new(words: W, log2: u32) -> Self {
        Self { words, log2, head: 0 }
    }

    /// The next completion, if it is there.
    pub fn pop(&mut self) -> Option<Completion> {
        const WORDS: usize = Completion::SIZE / 4;
        let at = (usize::from(self.head) & ((1 << self.log2) - 1)) * WORDS;
        let expected = !(self.head >> self.log2) & 1;
        let mut c = Completion::default();
        // Acquire: the other words were written before this one.
        let last = u32::from_le(self.words.word(at + WORDS - 1).load(Ordering::Acquire));
        c.words[WORDS - 1] = last;
        if c.phase() != u32::from(expected) {
            return None;
        }
        for (i, w) in c.words[..WORDS - 1].iter_mut().enumerate() {
            *w = u32::from_le(self.words.word(at + i).load(Ordering::Relaxed));
        }
        self.head = self.head.wrapping_add(1);
        Some(c)
    }

    /// The doorbell's value.
    pub fn head(&self) -> u16 {
        self.head
    }
}
