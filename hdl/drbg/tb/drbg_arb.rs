// SPDX-License-Identifier: Apache-2.0
//! Two users of the generator: a request is one user's from its first word to its last, every word of it comes and no other, users take
//! turns, and after a clear in the middle nothing is due.

use casemate_hdl_tb::{Bench, chance};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

const USERS: usize = 2;

#[derive(Default)]
struct User {
    asks: bool,
    blocks: u64,
    /// Requests served to the end.
    served: u32,
}

struct Arbiter {
    b: Bench,
    rng: ChaCha8Rng,
    users: [User; USERS],
    /// Whose request is under way, and words of it that are still to come.
    now: Option<(usize, u64)>,
    /// The generator holds a word out until it is taken.
    offered: bool,
    /// Who has just been served; who is next.
    served: Option<usize>,
    next: Option<usize>,
    /// How often each side is ready, in percent.
    ready: u32,
    turns: u32,
    cleared: u32,
}

impl Arbiter {
    fn new(seed: u64, ready: u32) -> Self {
        Self {
            b: Bench::new("drbg_arb", &["drbg/rtl/drbg_arb.sv"], &[]),
            rng: ChaCha8Rng::seed_from_u64(seed),
            users: Default::default(),
            now: None,
            offered: false,
            served: None,
            next: None,
            ready,
            turns: 0,
            cleared: 0,
        }
    }

    /// One cycle. `wish`: how often a user that rests asks, in percent.
    fn cycle(&mut self, wish: u32, clear: bool) {
        for (u, user) in self.users.iter_mut().enumerate() {
            let rests = self.now.is_none_or(|n| n.0 != u);
            if !user.asks && rests && chance(&mut self.rng, wish) {
                user.asks = true;
                user.blocks = *[1, 1, 2, 3, 16, 255].choose(&mut self.rng).unwrap();
            } else if user.asks && chance(&mut self.rng, 1) {
                // Its queue was reset.
                user.asks = false;
                self.next = self.next.filter(|&n| n != u);
            }
            let blocks = if user.asks {
                user.blocks
            } else {
                self.rng.random_range(0..256)
            };
            self.b.set(&format!("blocks_i[{u}]"), blocks);
        }
        let asks = [self.users[0].asks, self.users[1].asks];
        // Whoever has been served lets the other go first.
        if let Some(other) = self.served.take().map(|u| 1 - u).filter(|&o| asks[o]) {
            self.next = Some(other);
        }
        let takes = [0; USERS].map(|_| chance(&mut self.rng, self.ready));
        let ready = self.now.is_none() && chance(&mut self.rng, self.ready);
        self.offered = self.now.is_some() && (self.offered || chance(&mut self.rng, self.ready));
        let bits = |x: [bool; USERS]| u64::from(x[0]) | u64::from(x[1]) << 1;
        self.b.set("clear_i", clear);
        self.b.set("ask_i", bits(asks));
        self.b.set("take_i", bits(takes));
        self.b.set("req_ready_i", ready);
        self.b.set("out_valid_i", self.offered);
        self.b.m.settle();

        let due = self.now.map(|n| n.0);
        let given = [0, 1].map(|u| due == Some(u) && self.offered);
        assert_eq!(self.b.get("valid_o"), bits(given), "words of user {due:?}'s");
        let taken = due.is_some_and(|u| takes[u]);
        assert_eq!(self.b.is("out_ready_o"), taken, "taken by user {due:?}");
        let asked = self.b.is("req_valid_o");
        let free = self.b.get("ready_o");
        assert!(
            free != 3 && (free == 0 || ready),
            "ready to more than one, or too early"
        );
        let accepted = (0..USERS).find(|&u| asks[u] && free >> u & 1 == 1);
        assert_eq!(asked && ready, accepted.is_some(), "asked of the generator");
        assert!(due.is_none() || !asked, "asks in the middle of a request");

        if let Some((u, left)) = self.now
            && self.offered
            && taken
        {
            self.offered = false;
            self.now = Some((u, left - 1)).filter(|n| n.1 > 0);
            if left == 1 {
                self.users[u].served += 1;
                self.served = Some(u);
            }
        }
        if let Some(u) = accepted {
            let user = &mut self.users[u];
            assert_eq!(self.b.get("req_blocks_o"), user.blocks, "blocks of user {u}");
            assert!(self.next.is_none_or(|n| n == u), "user {u} out of turn");
            self.turns += u32::from(self.next.take().is_some());
            user.asks = false;
            self.now = Some((u, 4 * user.blocks));
        }
        if clear {
            self.cleared += u32::from(self.now.is_some());
            (self.now, self.served, self.offered) = (None, None, false);
            self.next = None;
        }
        self.b.m.rise();
    }

    fn served(&self) -> [u32; USERS] {
        [self.users[0].served, self.users[1].served]
    }
}

#[test]
fn every_word_to_the_one_who_asked() {
    for (seed, ready, wish) in [(1, 100, 100), (2, 50, 30), (3, 80, 2), (4, 30, 100)] {
        let mut a = Arbiter::new(seed, ready);
        (0..60_000).for_each(|_| a.cycle(wish, false));
        let served = a.served();
        assert!(
            served.iter().all(|&n| n > 40) && a.turns > 20,
            "{served:?}, {} turns",
            a.turns
        );
        if wish == 100 {
            assert!(served[0].abs_diff(served[1]) < 10, "not in turn: {served:?}");
        }
    }
}

#[test]
fn nothing_is_due_after_a_clear() {
    let mut a = Arbiter::new(5, 60);
    for _ in 0..2000 {
        for _ in 0..a.rng.random_range(1..60) {
            a.cycle(40, false);
        }
        for _ in 0..a.rng.random_range(1..4) {
            a.cycle(40, true);
        }
    }
    assert!(a.cleared > 1000, "{} requests cleared", a.cleared);
    // What is asked for afterwards comes whole.
    let before = a.served();
    (0..20_000).for_each(|_| a.cycle(40, false));
    assert!(a.served().iter().zip(before).all(|(n, b)| n - b > 10));
}

#[test]
fn a_reset_ends_all() {
    let mut a = Arbiter::new(6, 60);
    for _ in 0..500 {
        for _ in 0..a.rng.random_range(1..60) {
            a.cycle(60, false);
        }
        a.b.m.reset().unwrap();
        (a.now, a.served, a.next, a.offered) = (None, None, None, false);
    }
    assert!(a.served().iter().all(|&n| n > 50));
}
