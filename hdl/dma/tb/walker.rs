// SPDX-License-Identifier: Apache-2.0
//! The walker: pieces stay in 256-byte blocks and add up to the buffer, bad lists and bus errors end it, and it can be killed
//! at any moment.

mod buffers;

use buffers::{Arena, Buffer, SOURCES, Stop};
use casemate_hdl_tb::{Bench, Memory, Stable, chance};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

struct Walker {
    b: Bench,
    mem: Memory,
    rng: ChaCha8Rng,
    stable: Stable,
    pause: u32,
}

/// What was walked: pieces, and why it stopped.
type Walk = (Vec<(u64, u64)>, Option<(Stop, u64)>);

impl Walker {
    fn new(bits: u32, seed: u64) -> Self {
        Self {
            b: Bench::new("dma_walker", SOURCES, &[("DW", bits)]),
            mem: Memory::new(bits),
            rng: ChaCha8Rng::seed_from_u64(seed),
            stable: Stable::default(),
            pause: 0,
        }
    }

    fn cycle(&mut self) -> Option<(u64, u64, bool, u64)> {
        let go = !chance(&mut self.rng, self.pause);
        self.b.set("ar_ready_i", go);
        let go = !chance(&mut self.rng, self.pause);
        self.b.set("chunk_ready_i", go);
        self.mem.drive_read(&mut self.b, &mut self.rng);
        self.b.m.settle();
        let b = &mut self.b;
        if b.is("kill_i") {
            self.stable.reset();
        } else {
            let ar = ["ar_addr_o", "ar_len_o"];
            self.stable.check(b, "AR", "ar_valid_o", "ar_ready_i", &ar);
            self.stable
                .check(b, "chunk", "chunk_valid_o", "chunk_ready_i", &["chunk_o"]);
        }
        if b.is("ar_valid_o") && b.is("ar_ready_i") {
            let (addr, len, now) = (b.get("ar_addr_o"), b.get("ar_len_o"), b.m.cycles());
            self.mem.ask(now, 0, addr, len, &mut self.rng);
        }
        let taken = (b.is("chunk_valid_o") && b.is("chunk_ready_i")).then(|| {
            let mut c = b.bits("chunk_o");
            let (err, last, bytes) = (c.take(2), c.take(1), c.take(9));
            (c.take(64) as u64, bytes as u64, last == 1, err as u64)
        });
        self.b.m.rise();
        taken
    }

    fn start(&mut self, buffer: &Buffer) {
        self.b.set("start_valid_i", true);
        self.b.set("start_addr_i", buffer.addr);
        self.b.set("start_bytes_i", buffer.len);
        self.b.set("start_sgl_i", buffer.sgl);
        loop {
            self.b.m.settle();
            let go = self.b.is("start_ready_o");
            self.cycle();
            if go {
                break;
            }
        }
        self.b.set("start_valid_i", false);
        self.b.set("start_addr_i", u64::MAX);
    }

    fn walk(&mut self, buffer: &Buffer) -> Walk {
        self.start(buffer);
        let mut chunks = Vec::new();
        for _ in 0..20_000 {
            let Some((addr, bytes, last, err)) = self.cycle() else {
                continue;
            };
            if err != 0 {
                assert!(last, "an error is the last word");
                let stop = if err == 1 { Stop::Bad } else { Stop::Bus };
                return (chunks, Some((stop, addr)));
            }
            assert!((1..=256).contains(&bytes));
            assert_eq!(addr / 256, (addr + (bytes - 1)) / 256, "across a 256-byte block");
            chunks.push((addr, bytes));
            if last {
                return (chunks, None);
            }
        }
        panic!("the walk does not end");
    }

    fn buffer(&mut self, arena: &mut Arena, spoil: bool) -> Buffer {
        let most = [1, 40, 900, 5000][self.rng.random_range(0..4)];
        let len = self.rng.random_range(1..=most);
        Buffer::any(&mut self.mem, arena, &mut self.rng, len, spoil)
    }
}

/// Pieces that touch are one: how a run is cut is not promised.
fn merged(walk: Walk) -> Walk {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (at, n) in walk.0 {
        match runs.last_mut() {
            Some(r) if r.0 + r.1 == at => r.1 += n,
            _ => runs.push((at, n)),
        }
    }
    // An error is known by its page.
    (runs, walk.1.map(|(s, at)| (s, at / 4096)))
}

#[test]
fn random_buffers() {
    for (bits, seed) in [(128, 1), (256, 2), (512, 3)] {
        let mut w = Walker::new(bits, seed);
        let (mut bad, mut bus) = (0, 0);
        for n in 0..500 {
            let mut arena = Arena::new(n);
            w.pause = [0, 50][n as usize % 2];
            w.mem.bad.clear();
            let spoil = chance(&mut w.rng, 20);
            let buffer = w.buffer(&mut arena, spoil);
            if buffer.sgl && chance(&mut w.rng, 20) {
                let at = (buffer.addr + 16 * w.rng.random_range(0..40)) / 256 * 256;
                w.mem.spoil(at, 256);
            }
            let want = buffer.walk(&mut w.mem);
            bad += u32::from(matches!(want.1, Some((Stop::Bad, _))));
            bus += u32::from(matches!(want.1, Some((Stop::Bus, _))));
            let got = w.walk(&buffer);
            assert_eq!(merged(got), merged(want), "{buffer:x?}");
        }
        assert!(bad > 10 && bus > 10, "{bad} bad lists, {bus} bus errors");
    }
}

#[test]
fn the_last_byte_of_the_address_space_and_of_32_bits() {
    let mut w = Walker::new(256, 4);
    for (addr, len) in [(u64::MAX - 700, 701u64), (0xffff_ff80, 0x100), (0xf_ffff_ffff, 2)] {
        let buffer = Buffer {
            addr,
            sgl: false,
            len,
        };
        let (chunks, stop) = w.walk(&buffer);
        assert_eq!(chunks.iter().map(|c| c.1).sum::<u64>(), len);
        assert_eq!((chunks[0].0, stop), (addr, None));
    }
}

#[test]
fn killed_at_any_moment() {
    let mut w = Walker::new(256, 5);
    for n in 0..400u64 {
        let mut arena = Arena::new(n);
        w.pause = [0, 50][n as usize % 2];
        let buffer = w.buffer(&mut arena, false);
        w.start(&buffer);
        for _ in 0..n % 40 {
            w.cycle();
        }
        w.b.set("kill_i", true);
        for t in 0.. {
            w.cycle();
            w.b.m.settle();
            if w.b.is("idle_o") {
                break;
            }
            assert!(t < 200, "it does not die");
        }
        w.b.set("kill_i", false);
        assert!(w.mem.idle(), "dead, but a read is still on its way");
        let next = w.buffer(&mut arena, false);
        let want = next.walk(&mut w.mem);
        assert_eq!(merged(w.walk(&next)), merged(want), "after a kill");
    }
}
