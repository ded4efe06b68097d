// SPDX-License-Identifier: Apache-2.0
//! The write half of a channel: payload and results of an engine played here must be in memory to the byte, their neighbours
//! untouched, and each completion after the last write response of its request, with the right status.

mod buffers;

use buffers::{Arena, Buffer, SOURCES, Stop, fails, halves, request};
use casemate_abi::{Opcode, Status, Submission, TagMode};
use casemate_hdl_tb::{Bench, Memory, Order, Stable, chance, pack};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Longest opened payload that waits for its tag.
const HOLD: usize = 16384;

/// A request, what the engine makes of it, and how it should end.
struct Request {
    sub: Submission,
    queue: usize,
    payload: Vec<u8>,
    /// Payload blocks before an abort, and its cause.
    cut: Option<(usize, (Status, u64))>,
    tag: [u8; 16],
    tag_ok: bool,
    status: Status,
    bytes: u32,
    result: u128,
    /// Bytes written to memory, on the bus and answered.
    sent: u64,
    answered: u64,
}

impl Request {
    /// Of half of those that can be.
    fn counter(&self) -> bool {
        self.sub.opcode() == Opcode::GcmSeal as u32
            && self.sub.tag_mode() != TagMode::Completion as u32
            && self.sub.iv0() & 1 == 1
    }

    fn open(&self) -> bool {
        self.sub.opcode() == Opcode::GcmOpen as u32 && !self.payload.is_empty()
    }

    fn held(&self) -> bool {
        self.open() && self.payload.len() <= HOLD
    }
}

struct Writer {
    b: Bench,
    mem: Memory,
    rng: ChaCha8Rng,
    stable: Stable,
    arenas: u64,
    pause: u32,
    /// Cycle of a batch from which on the device is wiped.
    wipe: Option<u64>,
    /// What each byte of memory that a request may write should be; those of failing requests may also be what they were.
    image: HashMap<u64, (u8, bool)>,
    /// Whose each piece of memory is: end, request.
    owners: BTreeMap<u64, (u64, usize)>,
}

impl Writer {
    fn new(bits: u32, seed: u64) -> Self {
        Self {
            b: Bench::new("dma_write", SOURCES, &[("DW", bits)]),
            mem: Memory::new(bits),
            rng: ChaCha8Rng::seed_from_u64(seed),
            stable: Stable::default(),
            arenas: 0,
            pause: 0,
            wipe: None,
            image: HashMap::new(),
            owners: BTreeMap::new(),
        }
    }

    /// A random request and its buffers for destination and tag.
    fn plan(&mut self, arena: &mut Arena, faults: bool) -> (Request, [Buffer; 2]) {
        let (rng, mem) = (&mut self.rng, &mut self.mem);
        let mut s = Submission {
            words: std::array::from_fn(|_| rng.random()),
        };
        let open = chance(rng, 40);
        let mut mode = *TagMode::ALL.choose(rng).unwrap();
        if open && mode == TagMode::Completion {
            mode = TagMode::Appended;
        }
        let tag_len = *[4u64, 8, 12, 13, 14, 15, 16].choose(rng).unwrap();
        let most = *[1, 20, 300, 3000].choose(rng).unwrap();
        let mut pay = rng.random_range(0..=most);
        if chance(rng, 5) {
            pay = HOLD as u64 + rng.random_range(0..300) - 100;
        }
        let op = if open { Opcode::GcmOpen } else { Opcode::GcmSeal };
        s.set_opcode(op as u32).set_tag_mode(mode as u32);
        s.set_tag_len(tag_len as u32).set_pay_len(pay as u32);
        let appended = if !open && mode == TagMode::Appended {
            tag_len
        } else {
            0
        };
        let bad = faults && chance(rng, 15);
        let dst = Buffer::any(mem, arena, rng, pay + appended, bad);
        let (lo, hi) = halves(dst.addr);
        s.set_dst_lo(lo).set_dst_hi(hi).set_dst_sgl(dst.sgl.into());
        let mut own = Buffer::default();
        if !open && mode == TagMode::Address {
            own = Buffer::flat(arena, rng, tag_len);
            let (lo, hi) = halves(own.addr);
            s.set_aad2(lo).set_aad3(hi);
        }
        let mut payload = vec![0; pay as usize];
        rng.fill_bytes(&mut payload);
        let mut tag = [0; 16];
        if !open {
            rng.fill_bytes(&mut tag[..tag_len as usize]);
        }
        let causes = [Status::DmaSrc, Status::DmaTag, Status::Aborted, Status::BadSgl];
        let cut = (faults && chance(rng, 15)).then(|| {
            let cause = (*causes.choose(rng).unwrap(), rng.random_range(0..1 << 52));
            (rng.random_range(0..=payload.len().div_ceil(16)), cause)
        });
        if faults {
            for b in [&dst, &own] {
                if chance(rng, 10) {
                    b.spoil(mem, rng);
                }
            }
        }
        let r = Request {
            sub: s,
            queue: rng.random_range(0..8),
            payload,
            cut,
            tag,
            tag_ok: !open || chance(rng, 80),
            status: Status::Ok,
            bytes: 0,
            result: 0,
            sent: 0,
            answered: 0,
        };
        (r, [dst, own])
    }

    /// How a request should end and what memory should be then, once all faults are known.
    fn expect(&mut self, number: usize, r: &mut Request, buffers: &[Buffer; 2]) {
        let seal = r.sub.opcode() == Opcode::GcmSeal as u32;
        let tag = &r.tag[..r.sub.tag_len() as usize];
        let mut first = r.payload.clone();
        if buffers[0].len > first.len() as u64 {
            first.extend(tag);
        }
        let unverified = r.open() && (r.cut.is_some() || !r.tag_ok);
        if unverified && r.held() {
            // Nothing of it is written.
            (r.status, r.result) = match r.cut {
                Some((_, (status, page))) => (status, u128::from(page) << 12),
                None => (Status::TagMismatch, 0),
            };
            if self.wipe.is_some() {
                // But zeros may be.
                for (at, n) in buffers[0].walk(&mut self.mem).0 {
                    self.owners.insert(at, (at + n, number));
                }
            }
            return;
        }
        if unverified {
            // Zeros in the end.
            first.fill(0);
        }
        let mut failure = None;
        let mut spots = Vec::new();
        for (buffer, data) in buffers.iter().zip([&first[..], tag]) {
            let (chunks, stop) = buffer.walk(&mut self.mem);
            let mut data = data.iter();
            for (at, n) in chunks {
                if failure.is_none() && fails(&self.mem, at, n) {
                    failure = Some((Status::DmaDst, at / 4096));
                }
                self.owners.insert(at, (at + n, number));
                spots.extend((at..at + n).zip(data.by_ref().copied()));
            }
            if let (None, Some((stop, at))) = (failure, stop) {
                let status = match stop {
                    Stop::Bad => Status::BadSgl,
                    Stop::Bus => Status::DmaDstSgl,
                };
                failure = Some((status, at / 4096));
            }
        }
        let result;
        (r.status, result) = match (r.cut, failure) {
            (Some((_, (status, page))), _) | (None, Some((status, page))) => (status, u128::from(page) << 12),
            (None, None) if !r.tag_ok => (Status::TagMismatch, 0),
            (None, None) if r.sub.tag_mode() == TagMode::Completion as u32 && seal => {
                (Status::Ok, u128::from_le_bytes(r.tag))
            }
            // The device's own IV.
            (None, None) if r.counter() => (Status::Ok, u128::from(r.sub.iv2()) << 64),
            (None, None) => (Status::Ok, 0),
        };
        r.result = result;
        r.bytes = if r.status == Status::Ok {
            r.sub.pay_len()
        } else {
            0
        };
        // A payload that was not verified is gone, wherever it could be written; one cut short left the rest as it was.
        let sure = r.status == Status::Ok || (unverified && failure.is_none() && r.cut.is_none());
        for (at, byte) in spots {
            self.image.insert(at, (byte, sure));
        }
    }

    fn batch(&mut self, n: usize, faults: bool) -> Vec<Request> {
        let mut arena = Arena::new(self.arenas);
        self.arenas += 1;
        self.mem.bad.clear();
        self.owners.clear();
        let planned: Vec<_> = (0..n).map(|_| self.plan(&mut arena, faults)).collect();
        let mut all = Vec::new();
        for (i, (mut r, buffers)) in planned.into_iter().enumerate() {
            self.expect(i, &mut r, &buffers);
            all.push(r);
        }
        all
    }

    fn owner(&self, at: u64) -> usize {
        let found = self.owners.range(..=at).next_back().filter(|o| at < o.1.0);
        found
            .unwrap_or_else(|| panic!("a write to {at:#x}, which is nobody's"))
            .1
            .1
    }

    /// Runs requests to their ends and looks at all memory they could have touched; or stops after some cycles.
    fn run(&mut self, requests: &mut [Request], stop: Option<u64>) {
        let start = self.b.m.cycles();
        // The engine's output, as `gcm_out_t`, with the number of requests that must be in before it.
        let mut out: VecDeque<(usize, Vec<u32>)> = VecDeque::new();
        let mut out_left = vec![0; requests.len()];
        for (i, r) in requests.iter().enumerate() {
            let blocks: Vec<&[u8]> = r.payload.chunks(16).collect();
            let sent = r.cut.map_or(blocks.len(), |c| c.0);
            for (n, b) in blocks[..sent].iter().enumerate() {
                // Bytes past the end are zero, as the lane promises.
                let mut data = [0; 16];
                data[..b.len()].copy_from_slice(b);
                let last = n + 1 == blocks.len();
                let words = pack(&[
                    (u128::from_le_bytes(data), 128),
                    (b.len() as u128, 5),
                    (last.into(), 1),
                ]);
                out.push_back((i, words));
                out_left[i] += 1;
            }
            if sent < blocks.len() {
                out.push_back((i, pack(&[(0, 128), (0, 5), (1, 1)])));
                out_left[i] += 1;
            }
        }
        let (mut asked, mut resulted, mut completed, mut quiet) = (0, 0, 0, 0);
        let (mut req, mut blk, mut res, mut cause) = (false, false, false, false);
        let mut counted = 0;
        // Of a wipe: whether the completion offered at its beginning is still due.
        let (mut wiping, mut offered) = (false, false);
        while completed < if wiping { asked } else { requests.len() } {
            if stop.is_some_and(|n| self.b.m.cycles() - start >= n) {
                return;
            }
            if !wiping && self.wipe.is_some_and(|n| self.b.m.cycles() - start >= n) {
                (wiping, offered) = (true, self.b.is("cpl_valid_o"));
                self.b.set("wipe_i", true);
            }
            let mut raise = |now: &mut bool, can: bool| {
                *now = can && !wiping && (*now || !chance(&mut self.rng, self.pause));
                *now
            };
            raise(&mut req, asked < requests.len());
            raise(&mut blk, out.front().is_some_and(|o| o.0 < asked));
            // The result of a held payload comes while the payload waits.
            let due = resulted < asked && (out_left[resulted] == 0 || requests[resulted].held());
            raise(&mut res, due);
            let aborts = resulted < asked && requests[resulted].cut.is_some();
            raise(&mut cause, aborts);
            self.b.set("req_valid_i", req);
            if req {
                let words = request(
                    &requests[asked].sub,
                    requests[asked].queue,
                    requests[asked].counter(),
                );
                self.b.set_words("req_i", &words);
            }
            self.b.set("out_valid_i", blk);
            if blk {
                self.b.set_words("out_i", &out[0].1);
            }
            self.b.set("res_valid_i", res);
            if res {
                let r = &requests[resulted];
                let tag = if aborts { [0; 16] } else { r.tag };
                let ok = r.tag_ok && !aborts;
                let words = pack(&[
                    (u128::from_le_bytes(tag), 128),
                    (ok.into(), 1),
                    (aborts.into(), 1),
                ]);
                self.b.set_words("res_i", &words);
            }
            self.b.set("err_valid_i", cause);
            if let Some((_, (status, page))) = requests.get(resulted).and_then(|r| r.cut) {
                let words = pack(&[(page.into(), 52), (status as u128, 8)]);
                self.b.set_words("err_i", &words);
            }
            for ready in ["ar_ready_i", "cpl_ready_i"] {
                let go = !chance(&mut self.rng, self.pause);
                self.b.set(ready, go);
            }
            self.mem.drive_read(&mut self.b, &mut self.rng);
            self.mem.drive_write(&mut self.b, &mut self.rng);
            self.b.m.settle();

            let b = &mut self.b;
            self.stable.check(b, "AW", "aw_valid_o", "aw_ready_i", &["aw_o"]);
            // A wipe makes zeros of data that is offered; whoever takes it for the bus holds it.
            let w = ["w_strb_o", "w_data_o"];
            let w = if wiping { &w[..1] } else { &w };
            self.stable.check(
                b,
                ["W", "W strobes"][usize::from(wiping)],
                "w_valid_o",
                "w_ready_i",
                w,
            );
            self.stable
                .check(b, "cpl", "cpl_valid_o", "cpl_ready_i", &["cpl_o"]);
            self.mem.take_ask(b, &mut self.rng);
            counted += b.get("bytes_o");
            let (answered, written) = self.mem.take_write(b, &mut self.rng);
            for (at, _) in &written {
                let owner = self.owner(*at);
                assert!(owner >= completed, "a write for {owner}, which was answered");
                requests[owner].sent += 1;
            }
            if self.b.is("cpl_valid_o") && self.b.is("cpl_ready_i") {
                let r = &mut requests[completed];
                if wiping && !std::mem::take(&mut offered) {
                    (r.status, r.bytes, r.result) = (Status::Zeroized, 0, 0);
                }
                let mut c = self.b.bits("cpl_o");
                let (result, bytes, status) = (c.take(128), c.take(32), c.take(8));
                assert_eq!(
                    (status, bytes, result),
                    (r.status as u128, r.bytes.into(), r.result),
                    "request {completed}: status, bytes, result; want {:?}; {:x?}",
                    r.status,
                    r.sub
                );
                assert_eq!((c.take(32), c.take(6)), (r.sub.cookie().into(), r.queue as u128));
                assert_eq!(
                    r.answered, r.sent,
                    "request {completed} answered before its writes"
                );
                completed += 1;
                quiet = 0;
            }
            if let Some((first, n)) = answered {
                let owner = self.owner(first);
                requests[owner].answered += n;
                quiet = 0;
            }
            let took = [
                req && self.b.is("req_ready_o"),
                blk && self.b.is("out_ready_o"),
                res && self.b.is("res_ready_o"),
            ];
            self.b.m.rise();
            if took[0] {
                (asked, req) = (asked + 1, false);
            }
            if took[1] {
                out_left[out.pop_front().expect("just taken").0] -= 1;
                blk = false;
            }
            if took[2] {
                (resulted, res, cause) = (resulted + 1, false, false);
            }
            quiet += 1;
            assert!(quiet < 5000, "the writer hangs at request {completed}");
        }
        if wiping {
            return self.nothing_unverified(&requests[..asked]);
        }
        assert!(out.is_empty() && self.mem.idle());
        assert_eq!(
            counted,
            requests.iter().map(|r| r.sent).sum::<u64>(),
            "bytes counted"
        );
        for page in self.mem.touched() {
            for at in page * 4096..page * 4096 + 4096 {
                let got = self.mem.byte(at);
                match self.image.get(&at) {
                    Some(&(want, true)) => assert_eq!(got, want, "byte {at:#x}"),
                    Some(&(want, false)) if got == want => {}
                    // Lists were written by the test itself.
                    _ => assert!(got == self.mem.before(at), "byte {at:#x} is {got:#x}"),
                }
            }
        }
        self.image.clear();
        self.mem.forget();
    }
}

impl Writer {
    /// Resets the writer, and forgets what was before.
    fn clear(&mut self) {
        for input in [
            "wipe_i",
            "req_valid_i",
            "out_valid_i",
            "res_valid_i",
            "r_valid_i",
            "b_valid_i",
        ] {
            self.b.set(input, false);
        }
        self.b.m.reset().unwrap();
        self.mem.reset();
        self.mem.forget();
        self.image.clear();
        self.stable.reset();
    }

    /// What a wipe may leave of opened payloads: all of it if it was answered, none if not.
    fn nothing_unverified(&mut self, requests: &[Request]) {
        for (i, r) in requests.iter().enumerate().filter(|(_, r)| r.open()) {
            let spots: Vec<_> = self.image.iter().map(|(at, (want, _))| (*at, *want)).collect();
            for (at, want) in spots {
                if self.owner(at) != i {
                    continue;
                }
                let (got, before) = (self.mem.byte(at), self.mem.before(at));
                let gone = got == before || got == 0;
                let well = if r.status == Status::Ok { got == want } else { gone };
                assert!(well, "request {i}, {:?}: byte {at:#x} is {got:#x}", r.status);
            }
        }
    }
}

fn random_requests(bits: u32, faults: bool) {
    let mut w = Writer::new(bits, u64::from(bits) + u64::from(faults));
    let mut seen = std::collections::HashSet::new();
    for round in 0..10 {
        w.pause = [0, 40][round % 2];
        w.mem.order = Order::Random;
        w.mem.latency = [3, 80][round / 5];
        w.mem.stall = [0, 30][round % 2];
        let mut requests = w.batch(60, faults);
        seen.extend(requests.iter().map(|r| r.status));
        w.run(&mut requests, None);
    }
    assert_eq!(seen.len(), if faults { 8 } else { 2 }, "{seen:?}");
}

#[test]
fn random_requests_128() {
    random_requests(128, false);
}

#[test]
fn random_requests_256() {
    random_requests(256, false);
}

#[test]
fn random_requests_512() {
    random_requests(512, false);
}

#[test]
fn failing_writes_lists_and_aborts_128() {
    random_requests(128, true);
}

#[test]
fn failing_writes_lists_and_aborts_256() {
    random_requests(256, true);
}

#[test]
fn failing_writes_lists_and_aborts_512() {
    random_requests(512, true);
}

#[test]
fn a_reset_of_the_device_at_any_moment() {
    let mut w = Writer::new(256, 7);
    for round in 0..15 {
        let mut requests = w.batch(10, round % 2 == 0);
        w.run(&mut requests, Some(15 + 17 * round));
        w.clear();
        let mut requests = w.batch(10, round % 2 == 1);
        w.run(&mut requests, None);
    }
}

/// A payload that is opened is written whole and answered, or is not in memory: in every cycle in which a wipe can begin, with write
/// responses that come at once and late, and the next request behind it or not.
#[test]
fn a_wipe_in_every_cycle() {
    let mut w = Writer::new(256, 0);
    let (mut wiped, mut kept) = (0, 0);
    let mut small = 0;
    for seed in 1.. {
        w.mem.latency = [1, 3, 12][small % 3];
        for cycle in 1.. {
            // The same requests each time: short ones, two payloads that are opened right after each other.
            w.rng = ChaCha8Rng::seed_from_u64(seed);
            w.wipe = Some(cycle);
            let mut requests = w.batch(4, false);
            let bytes: usize = requests.iter().map(|r| r.payload.len()).sum();
            let beside = requests.windows(2).any(|r| r.iter().all(Request::open));
            if bytes > 800 || !beside {
                w.clear();
                break;
            }
            small += usize::from(cycle == 1);
            w.run(&mut requests, None);
            let over = w.b.get("wipe_i") == 0;
            wiped += requests.iter().filter(|r| r.status == Status::Zeroized).count();
            kept += requests.iter().filter(|r| r.status == Status::Ok).count();
            w.clear();
            if over {
                break;
            }
        }
        if small == 30 {
            break;
        }
    }
    assert!(wiped > 500 && kept > 500, "{wiped} wiped, {kept} answered before");
}
