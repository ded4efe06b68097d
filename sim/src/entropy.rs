// SPDX-License-Identifier: Apache-2.0
//! The entropy source at the device's pins: seeded words, or a source that has failed.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How the source behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntropyMode {
    /// Independent random words.
    #[default]
    Good,
    /// The same word for ever.
    Stuck(u32),
    /// Every bit is one with this chance in 256.
    Biased(u8),
    /// Nothing comes.
    Silent,
}

/// A source of 32-bit words, each offered until it is taken.
pub struct Entropy {
    rng: ChaCha8Rng,
    mode: EntropyMode,
    word: u32,
}

impl Entropy {
    /// One seed, one sequence of words.
    pub fn new(seed: u64) -> Self {
        Self::over(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Of 256 bits: for keys that nobody is to guess.
    pub fn of(noise: [u8; 32]) -> Self {
        Self::over(ChaCha8Rng::from_seed(noise))
    }

    fn over(mut rng: ChaCha8Rng) -> Self {
        // Not the memory's sequence.
        rng.set_stream(1);
        let mut e = Self {
            rng,
            mode: EntropyMode::Good,
            word: 0,
        };
        e.take();
        e
    }

    /// Changes how it behaves from the next word on.
    pub fn set_mode(&mut self, mode: EntropyMode) {
        self.mode = mode;
        self.take();
    }

    /// The word at the pins, if there is one.
    pub fn offer(&self) -> Option<u32> {
        (self.mode != EntropyMode::Silent).then_some(self.word)
    }

    /// The device has taken it.
    pub fn take(&mut self) {
        self.word = match self.mode {
            EntropyMode::Good => self.rng.next_u32(),
            EntropyMode::Stuck(w) => w,
            EntropyMode::Biased(chance) => {
                let mut bytes = [0; 32];
                self.rng.fill_bytes(&mut bytes);
                bytes.iter().fold(0, |w, &b| w << 1 | u32::from(b < chance))
            }
            EntropyMode::Silent => 0,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(e: &mut Entropy, n: usize) -> Vec<u32> {
        (0..n)
            .map(|_| {
                let w = e.offer().unwrap();
                assert_eq!(e.offer(), Some(w), "a word stays until it is taken");
                e.take();
                w
            })
            .collect()
    }

    #[test]
    fn seeds_and_failures() {
        let a = words(&mut Entropy::new(1), 100);
        assert_eq!(a, words(&mut Entropy::new(1), 100));
        assert_ne!(a, words(&mut Entropy::new(2), 100));
        let mut e = Entropy::new(1);
        e.set_mode(EntropyMode::Stuck(9));
        assert_eq!(words(&mut e, 5), [9; 5]);
        e.set_mode(EntropyMode::Biased(32));
        let ones: u32 = words(&mut e, 1000).iter().map(|w| w.count_ones()).sum();
        assert!(
            (3500..4500).contains(&ones),
            "{ones} ones of 32000, not about an eighth"
        );
        e.set_mode(EntropyMode::Silent);
        assert_eq!(e.offer(), None);
    }
}
