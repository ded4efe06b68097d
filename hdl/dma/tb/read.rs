// SPDX-License-Identifier: Apache-2.0
//! The read half of a channel: random requests of all sections and alignments, answers in any order; the engine must see
//! exactly the blocks of each request, or the right ones up to an abort with the right cause.

mod buffers;

use buffers::{Arena, Buffer, SOURCES, Stop, fails, halves, request};
use casemate_abi::{Opcode, Status, Submission, TagMode};
use casemate_hdl_tb::{Bench, Memory, Order, Stable, chance};
use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;

const QUEUES: usize = 8;

/// A request and what it should give: blocks, of which the last of a section may be short; then an error, if there is one.
struct Request {
    sub: Submission,
    queue: usize,
    blocks: Vec<Vec<u8>>,
    error: Option<(Status, u64)>,
    /// Bytes it reads, lists not counted.
    bytes: u64,
}

struct Reader {
    b: Bench,
    mem: Memory,
    rng: ChaCha8Rng,
    stable: Stable,
    arenas: u64,
    pause: u32,
    resetting: u64,
    bytes: u64,
    errors: VecDeque<(u64, u64)>,
}

impl Reader {
    fn new(bits: u32, tags: u32, seed: u64) -> Self {
        let params = [("DW", bits), ("RD_TAGS", tags), ("QUEUES", QUEUES as u32)];
        Self {
            b: Bench::new("dma_read", SOURCES, &params),
            mem: Memory::new(bits),
            rng: ChaCha8Rng::seed_from_u64(seed),
            stable: Stable::default(),
            arenas: 0,
            pause: 0,
            resetting: 0,
            bytes: 0,
            errors: VecDeque::new(),
        }
    }

    /// A random request and its buffers for IV, AAD, source and tag; they may fail to read if `faults`.
    fn plan(&mut self, arena: &mut Arena, faults: bool) -> (Submission, [Buffer; 4], usize) {
        let (rng, mem) = (&mut self.rng, &mut self.mem);
        let mut s = Submission {
            words: std::array::from_fn(|_| rng.random()),
        };
        let open = rng.random();
        let mut mode = *TagMode::ALL.choose(rng).unwrap();
        if open && mode == TagMode::Completion {
            mode = TagMode::Address;
        }
        let tag = *[4, 8, 12, 13, 14, 15, 16].choose(rng).unwrap();
        let size = |rng: &mut ChaCha8Rng, most: u64| match rng.random_range(0..5) {
            0 => 0,
            1 => 16 * rng.random_range(0..8),
            _ => rng.random_range(0..most),
        };
        let most = *[40, 600, 3000].choose(rng).unwrap();
        let pay = size(rng, most);
        let op = if open { Opcode::GcmOpen } else { Opcode::GcmSeal };
        s.set_opcode(op as u32).set_tag_mode(mode as u32);
        s.set_tag_len(tag as u32).set_pay_len(pay as u32);
        let mut buffers: [Buffer; 4] = Default::default();
        let iv = if chance(rng, 60) {
            12
        } else {
            rng.random_range(1..1024)
        };
        s.set_iv_len(iv as u32);
        if iv != 12 {
            buffers[0] = Buffer::flat(arena, rng, iv);
            let (lo, hi) = halves(buffers[0].addr);
            s.set_iv0(lo).set_iv1(hi).set_iv2(0);
        }
        // AAD in the descriptor stays there.
        if s.aad_inline() == 1 {
            s.set_aad_len(rng.random_range(0..=if mode == TagMode::Address { 8 } else { 16 }));
        } else {
            let aad = size(rng, 400);
            buffers[1] = Buffer::flat(arena, rng, aad);
            let (lo, hi) = halves(buffers[1].addr);
            s.set_aad_len(aad as u32).set_aad0(lo).set_aad1(hi);
        }
        // The source, with the tag after the payload if it belongs there.
        let appended = if open && mode == TagMode::Appended { tag } else { 0 };
        let bad = faults && chance(rng, 15);
        buffers[2] = Buffer::any(mem, arena, rng, pay + appended, bad);
        let (lo, hi) = halves(buffers[2].addr);
        s.set_src_lo(lo).set_src_hi(hi).set_src_sgl(buffers[2].sgl.into());
        if open && mode == TagMode::Address {
            buffers[3] = Buffer::flat(arena, rng, tag);
            let (lo, hi) = halves(buffers[3].addr);
            s.set_aad2(lo).set_aad3(hi);
        }
        if faults {
            for b in &buffers {
                if chance(rng, 8) {
                    b.spoil(mem, rng);
                }
            }
        }
        (s, buffers, rng.random_range(0..QUEUES))
    }

    /// What a request should give, once all memory is as it will be.
    fn expect(&mut self, sub: Submission, buffers: &[Buffer; 4], queue: usize) -> Request {
        let mut r = Request {
            sub,
            queue,
            blocks: Vec::new(),
            error: None,
            bytes: 0,
        };
        let status = [Status::DmaIv, Status::DmaAad, Status::DmaSrc, Status::DmaTag];
        for (i, buffer) in buffers.iter().enumerate() {
            if i == 1 && sub.aad_inline() == 1 {
                let all: Vec<u8> = sub.words[12..].iter().flat_map(|w| w.to_le_bytes()).collect();
                if sub.aad_len() != 0 {
                    r.blocks.push(all[..sub.aad_len() as usize].to_vec());
                }
                continue;
            }
            let (chunks, stop) = buffer.walk(&mut self.mem);
            let mut data = Vec::new();
            for (at, n) in chunks {
                if fails(&self.mem, at, n) {
                    r.error = Some((status[i], at / 4096));
                    break;
                }
                data.extend(self.mem.read(at, n));
                r.bytes += n;
            }
            if let (None, Some((stop, at))) = (r.error, stop) {
                let status = match stop {
                    Stop::Bad => Status::BadSgl,
                    Stop::Bus => Status::DmaSrcSgl,
                };
                r.error = Some((status, at / 4096));
            }
            // A tag after the payload begins a block of its own. Of what an error cuts off, only whole blocks may come.
            let mut parts = vec![(&data[..], r.error.is_none())];
            let payload = sub.pay_len() as usize;
            if i == 2 && data.len() > payload {
                parts = vec![(&data[..payload], true), (&data[payload..], r.error.is_none())];
            } else if i == 2 && data.len() == payload {
                parts[0].1 = true;
            }
            for (part, ends) in parts {
                let blocks = part.chunks(16).filter(|c| ends || c.len() == 16);
                r.blocks.extend(blocks.map(<[u8]>::to_vec));
            }
            if r.error.is_some() {
                break;
            }
        }
        r
    }

    fn batch(&mut self, n: usize, faults: bool) -> Vec<Request> {
        let mut arena = Arena::new(self.arenas);
        self.arenas += 1;
        self.mem.bad.clear();
        let planned: Vec<_> = (0..n).map(|_| self.plan(&mut arena, faults)).collect();
        planned
            .into_iter()
            .map(|(s, b, q)| self.expect(s, &b, q))
            .collect()
    }

    /// One cycle; gives the block taken, if any: whether it aborts, and its data.
    fn cycle(&mut self) -> Option<(bool, Vec<u8>)> {
        let go = !chance(&mut self.rng, self.pause);
        self.b.set("ar_ready_i", go);
        let go = !chance(&mut self.rng, self.pause);
        self.b.set("blk_ready_i", go);
        self.b.set("resetting_i", self.resetting);
        self.mem.drive_read(&mut self.b, &mut self.rng);
        self.b.m.settle();
        let b = &mut self.b;
        self.stable
            .check(b, "block", "blk_valid_o", "blk_ready_i", &["blk_o"]);
        self.mem.take_ask(b, &mut self.rng);
        self.bytes += b.get("bytes_o");
        if b.is("err_valid_o") {
            let mut e = b.bits("err_o");
            let page = e.take(52) as u64;
            self.errors.push_back((e.take(8) as u64, page));
        }
        let taken = (b.is("blk_valid_o") && b.is("blk_ready_i")).then(|| {
            let all = b.bytes("blk_o");
            (all[16] == 1, all[..16].to_vec())
        });
        b.m.rise();
        taken
    }

    /// Runs requests to their ends. With `resets`, queues are in reset now and then: a request may then end with all of its
    /// blocks or be aborted after them, so all places in the stream that fit what came are kept.
    fn run(&mut self, requests: &[Request], resets: bool) {
        let (mut next, mut quiet, mut offering) = (0, 0, false);
        let mut was_resetting = vec![false; requests.len()];
        let mut places = vec![(0, 0)]; // request, block
        self.bytes = 0;
        loop {
            let mut i = 0;
            while i < places.len() {
                let (at, block) = places[i];
                let over = at < next && block == requests[at].blocks.len() && requests[at].error.is_none();
                if over && was_resetting[at] && quiet < 500 {
                    if !places.contains(&(at + 1, 0)) {
                        places.push((at + 1, 0));
                    }
                } else if over {
                    places[i] = (at + 1, 0);
                    continue;
                }
                i += 1;
            }
            let ends = places.iter().filter(|p| p.0 == requests.len()).count();
            if ends == places.len() || (ends > 0 && quiet > 2000) {
                break;
            }
            if resets && chance(&mut self.rng, 2) {
                let some = self.rng.random_range(0..256);
                self.resetting = if self.rng.random() { 0 } else { some };
            }
            offering = next < requests.len() && (offering || !chance(&mut self.rng, self.pause));
            self.b.set("req_valid_i", offering);
            if offering {
                let words = request(&requests[next].sub, requests[next].queue, false);
                self.b.set_words("req_i", &words);
            }
            self.b.m.settle();
            let took = offering && self.b.is("req_ready_o");
            let taken = self.cycle();
            if took {
                (next, offering) = (next + 1, false);
            }
            for i in places.iter().map(|p| p.0).min().unwrap_or(0)..next {
                was_resetting[i] |= self.resetting >> requests[i].queue & 1 == 1;
            }
            quiet += 1;
            assert!(quiet < 5000, "the reader hangs at {places:?}");
            let Some((abort, data)) = taken else { continue };
            quiet = 0;
            let cause = abort.then(|| self.errors.pop_front().expect("an abort without a cause"));
            let fits: Vec<(usize, usize)> = places
                .iter()
                .filter(|p| p.0 < next)
                .filter_map(|&(at, block)| {
                    let r = &requests[at];
                    if let Some(cause) = cause {
                        let known = r.error.map(|(s, page)| (s as u64, page));
                        let reset = was_resetting[at] && cause == (Status::Aborted as u64, 0);
                        return (known == Some(cause) || reset).then_some((at + 1, 0));
                    }
                    let want = r.blocks.get(block)?;
                    (data[..want.len()] == want[..]).then_some((at, block + 1))
                })
                .collect();
            assert!(
                !fits.is_empty(),
                "a block with {data:x?}, abort {cause:x?}, at {places:?}: {:x?}",
                requests[places[0].0].sub
            );
            places = fits;
        }
        self.b.set("req_valid_i", false);
        assert!(self.errors.is_empty(), "a cause without an abort");
        if !resets && requests.iter().all(|r| r.error.is_none()) {
            let sum: u64 = requests.iter().map(|r| r.bytes).sum();
            assert_eq!(self.bytes, sum, "bytes counted");
        }
        self.resetting = 0;
        for _ in 0..600 {
            assert!(self.cycle().is_none(), "a block after the end");
        }
        assert!(self.mem.idle());
    }
}

fn random_requests(bits: u32, tags: u32, faults: bool) {
    let mut r = Reader::new(bits, tags, u64::from(bits) + u64::from(faults));
    let mut failed = std::collections::HashSet::new();
    for round in 0..12 {
        r.pause = [0, 40][round % 2];
        r.mem.order = [Order::Random, Order::Lifo, Order::Fifo][round % 3];
        r.mem.latency = [3, 60][round / 6];
        r.mem.stall = [0, 20][round % 2];
        let requests = r.batch(50, faults);
        failed.extend(requests.iter().filter_map(|r| r.error.map(|e| e.0)));
        r.run(&requests, false);
    }
    assert_eq!(failed.len(), if faults { 6 } else { 0 }, "{failed:?}");
}

#[test]
fn random_requests_128() {
    random_requests(128, 4, false);
}

#[test]
fn random_requests_256() {
    random_requests(256, 64, false);
}

#[test]
fn random_requests_512() {
    random_requests(512, 16, false);
}

#[test]
fn failing_reads_128() {
    random_requests(128, 4, true);
}

#[test]
fn failing_reads_256() {
    random_requests(256, 64, true);
}

#[test]
fn failing_reads_512() {
    random_requests(512, 16, true);
}

#[test]
fn queue_resets_at_any_moment() {
    let mut r = Reader::new(256, 64, 9);
    for round in 0..10 {
        r.pause = [0, 40][round % 2];
        r.mem.latency = [3, 60][round / 5];
        let requests = r.batch(40, round % 3 == 2);
        r.run(&requests, true);
        // What follows is whole again.
        let requests = r.batch(10, false);
        r.run(&requests, false);
    }
}

#[test]
fn a_reset_of_the_device_at_any_moment() {
    let mut r = Reader::new(256, 64, 10);
    for round in 0..15 {
        let requests = r.batch(6, false);
        r.b.set("req_valid_i", true);
        for t in 0..20 + 13 * round {
            let next = &requests[t % 6];
            r.b.set_words("req_i", &request(&next.sub, next.queue, false));
            r.cycle();
        }
        r.b.set("req_valid_i", false);
        r.b.set("r_valid_i", false);
        r.b.m.reset().unwrap();
        r.mem.reset();
        r.stable.reset();
        r.errors.clear();
        let requests = r.batch(6, round % 2 == 0);
        r.run(&requests, false);
    }
}
