// SPDX-License-Identifier: Apache-2.0
//! The registers against `casemate_abi::REGISTERS`: what is there and its reset value, what is refused and changes nothing,
//! counters and their latch, the key window.

use casemate_abi::{ABI_HASH, REGISTERS, Register, reg};
use casemate_hdl_tb::{Bench, Stable, chance};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

const LANES: usize = 8;
const QUEUES: u32 = 4;
const SLVERR: u64 = 2;

struct Csr {
    b: Bench,
    rng: ChaCha8Rng,
    stable: Stable,
    pause: u32,
}

impl Csr {
    fn new(seed: u64) -> Self {
        let files = [
            "pkg/rtl/casemate_abi_pkg.sv",
            "gcm/rtl/gcm_pkg.sv",
            "pkg/rtl/casemate_pkg.sv",
            "rings/rtl/queues.sv",
            "csr/rtl/csr.sv",
            "csr/tb/csr_tb.sv",
        ];
        Self {
            b: Bench::new("csr_tb", &files, &[("LANES", LANES as u32), ("QUEUES", QUEUES)]),
            rng: ChaCha8Rng::seed_from_u64(seed),
            stable: Stable::default(),
            pause: 0,
        }
        .tested()
    }

    /// With its self-tests behind it.
    fn tested(mut self) -> Self {
        self.b.set("selftest_done_i", true);
        self.b.set("selftest_ok_i", true);
        self
    }

    fn cycle(&mut self) {
        for ready in ["s_axil_bready_i", "s_axil_rready_i"] {
            let go = !chance(&mut self.rng, self.pause);
            self.b.set(ready, go);
        }
        self.b.m.settle();
        let b = &mut self.b;
        let response = ["s_axil_bresp_o"];
        self.stable
            .check(b, "B", "s_axil_bvalid_o", "s_axil_bready_i", &response);
        let data = ["s_axil_rdata_o", "s_axil_rresp_o"];
        self.stable
            .check(b, "R", "s_axil_rvalid_o", "s_axil_rready_i", &data);
    }

    /// A write: address and data each come when they come. Gives the response.
    fn store(&mut self, addr: u32, value: u32, strobe: u64) -> u64 {
        let (mut aw, mut w) = (false, false);
        let (mut aw_done, mut w_done) = (false, false);
        for _ in 0..500 {
            aw = !aw_done && (aw || !chance(&mut self.rng, self.pause));
            w = !w_done && (w || !chance(&mut self.rng, self.pause));
            self.b.set("s_axil_awvalid_i", aw);
            self.b.set("s_axil_awaddr_i", if aw { addr } else { 0xfffff });
            self.b.set("s_axil_wvalid_i", w);
            self.b.set("s_axil_wdata_i", if w { value } else { 0x55aa_55aa });
            self.b.set("s_axil_wstrb_i", if w { strobe } else { 0 });
            self.cycle();
            aw_done |= aw && self.b.is("s_axil_awready_o");
            w_done |= w && self.b.is("s_axil_wready_o");
            assert!(!self.b.is("s_axil_rvalid_o"), "an answer nobody asked for");
            let over = self.b.is("s_axil_bvalid_o");
            assert!(!over || (aw_done && w_done), "answered before it was asked");
            let response = (over && self.b.is("s_axil_bready_i")).then(|| self.b.get("s_axil_bresp_o"));
            self.b.m.rise();
            if let Some(r) = response {
                return r;
            }
        }
        panic!("no answer to a write of {addr:#x}");
    }

    /// A read: data and response.
    fn load(&mut self, addr: u32) -> (u32, u64) {
        let (mut ar, mut done) = (false, false);
        for _ in 0..500 {
            ar = !done && (ar || !chance(&mut self.rng, self.pause));
            self.b.set("s_axil_arvalid_i", ar);
            self.b.set("s_axil_araddr_i", if ar { addr } else { 0xfffff });
            self.cycle();
            done |= ar && self.b.is("s_axil_arready_o");
            assert!(!self.b.is("s_axil_bvalid_o"), "an answer nobody asked for");
            let over = self.b.is("s_axil_rvalid_o");
            assert!(!over || done, "answered before it was asked");
            let answer = (over && self.b.is("s_axil_rready_i"))
                .then(|| (self.b.get("s_axil_rdata_o") as u32, self.b.get("s_axil_rresp_o")));
            self.b.m.rise();
            if let Some(a) = answer {
                return a;
            }
        }
        panic!("no answer to a read of {addr:#x}");
    }

    fn get(&mut self, addr: u32) -> u32 {
        let (value, response) = self.load(addr);
        assert_eq!(response, 0, "{addr:#x} refused");
        value
    }

    /// The key window as the key unit reads it: a word, two cycles after its number.
    fn window(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        for cycle in 0..10u64 {
            if cycle >= 2 {
                all.extend(self.b.bytes("window_o"));
            }
            self.b.set("window_at_i", cycle % 8);
            self.b.m.tick();
        }
        all
    }

    /// A counter's two halves, the lower first.
    fn count(&mut self, addr: u32) -> u64 {
        let low = self.get(addr);
        u64::from(self.get(addr + 4)) << 32 | u64::from(low)
    }

    /// All registers but the clock.
    fn snapshot(&mut self) -> BTreeMap<u32, u32> {
        let all: Vec<u32> = registers().keys().copied().collect();
        all.into_iter()
            .filter(|&a| a != reg::CYCLES_LO && a != reg::CYCLES_HI)
            .map(|a| (a, self.get(a)))
            .collect()
    }
}

/// Every register that a device of this shape has, by address.
fn registers() -> BTreeMap<u32, &'static Register> {
    let mut all = BTreeMap::new();
    for r in REGISTERS {
        let exist = if r.name.starts_with("QUEUE_") {
            QUEUES
        } else {
            r.count
        };
        for i in 0..exist {
            all.insert(r.offset + i * r.stride, r);
        }
    }
    all
}

#[test]
fn reset_values() {
    let mut c = Csr::new(1);
    for (addr, r) in registers() {
        let value = c.get(addr);
        for f in r.fields {
            let got = value as u64 >> f.low & ((1 << f.width) - 1);
            match f.reset {
                _ if !f.readable => assert_eq!(got, 0, "{}.{} is write-only", r.name, f.name),
                Some(want) => assert_eq!(got, want, "{}.{}", r.name, f.name),
                None => {}
            }
        }
        let known: u64 = r.fields.iter().map(|f| ((1 << f.width) - 1) << f.low).sum();
        assert_eq!(value as u64 & !known, 0, "{}: bits that are no field", r.name);
    }
    assert_eq!(c.get(reg::CAP0), 64 << 16 | 8 << 8 | 4);
    assert_eq!(c.get(reg::CAP1), 256 << 16 | 64 << 8 | 32);
    assert_eq!(c.get(reg::CAP2), 16 << 18 | 1023 << 8 | 12);
    assert_eq!(c.get(reg::ABI_HASH), ABI_HASH);
    assert_eq!(c.get(reg::STATUS), TESTED | READY);
}

#[test]
fn what_is_not_there_answers_with_an_error() {
    let mut c = Csr::new(2);
    let known = registers();
    let pages = (0..0x5000).chain(0x10000..0x10000 + 0x1000 * (QUEUES + 2));
    let rest = (0..2000)
        .map(|_| c.rng.random_range(0..1 << 18) * 4)
        .collect::<Vec<u32>>();
    for addr in pages.step_by(4).chain(rest) {
        let (value, response) = c.load(addr);
        let there = known.contains_key(&addr);
        assert_eq!(response, if there { 0 } else { SLVERR }, "{addr:#x}");
        assert!(there || value == 0);
        if !there {
            assert_eq!(c.store(addr, 0xffff_ffff, 15), SLVERR, "{addr:#x}");
        }
    }
}

#[test]
fn refused_accesses_change_nothing() {
    let mut c = Csr::new(3);
    c.pause = 30;
    // Something in every register that takes it.
    for (&addr, r) in &registers() {
        if r.name.starts_with("KEY_WINDOW") || r.name == "QUEUE_BIND" || r.name.contains("_BASE_") {
            assert_eq!(c.store(addr, 0x1234_5678 ^ addr << 8, 15), 0);
        }
    }
    let before = c.snapshot();
    let window = c.window();
    for (&addr, r) in &registers() {
        for skew in 1..4 {
            assert_eq!(c.load(addr + skew), (0, SLVERR), "{} + {skew}", r.name);
            assert_eq!(c.store(addr + skew, !0, 15), SLVERR, "{} + {skew}", r.name);
        }
        for strobe in 0..15 {
            assert_eq!(
                c.store(addr, !0, strobe),
                SLVERR,
                "{}, strobes {strobe:#x}",
                r.name
            );
        }
        if r.fields.iter().all(|f| !f.writable) {
            assert_eq!(c.store(addr, !0, 15), SLVERR, "{} is read-only", r.name);
        }
    }
    assert_eq!(c.snapshot(), before);
    assert_eq!(c.window(), window);
}

#[test]
fn writable_registers_hold_what_is_written() {
    let mut c = Csr::new(4);
    c.pause = 20;
    let mut model = c.snapshot();
    // Doorbells and control do nothing to a queue that is disabled.
    let plain: Vec<(u32, &Register)> = registers()
        .into_iter()
        .filter(|(_, r)| r.fields.iter().all(|f| f.readable && f.writable))
        .filter(|(_, r)| r.name != "QUEUE_SQ_TAIL" && r.name != "QUEUE_CQ_HEAD")
        .collect();
    assert!(plain.len() >= 7 * QUEUES as usize);
    for _ in 0..600 {
        let (addr, r) = plain[c.rng.random_range(0..plain.len())];
        let value = c.rng.random();
        assert_eq!(c.store(addr, value, 15), 0, "{}", r.name);
        let mask: u64 = r.fields.iter().map(|f| ((1 << f.width) - 1) << f.low).sum();
        model.insert(addr, value & mask as u32);
    }
    assert_eq!(c.snapshot(), model);
}

#[test]
fn a_read_and_a_write_at_once_are_both_answered() {
    let mut c = Csr::new(5);
    let bind = reg::QUEUE_BIND;
    for round in 0..200u32 {
        c.pause = 50 * (round % 2);
        c.b.set("s_axil_awvalid_i", true);
        c.b.set("s_axil_wvalid_i", true);
        c.b.set("s_axil_awaddr_i", bind);
        c.b.set("s_axil_wdata_i", round);
        c.b.set("s_axil_wstrb_i", 15u64);
        c.b.set("s_axil_arvalid_i", true);
        c.b.set("s_axil_araddr_i", reg::ID);
        let (mut read, mut written) = (0, 0);
        for _ in 0..40 {
            c.cycle();
            let aw = c.b.is("s_axil_awready_o");
            assert_eq!(aw, c.b.is("s_axil_wready_o"), "address and data together");
            let ar = c.b.is("s_axil_arready_o");
            if c.b.is("s_axil_rvalid_o") && c.b.is("s_axil_rready_i") {
                assert_eq!(c.b.get("s_axil_rdata_o"), 0x544d_5343);
                read += 1;
            }
            written += u32::from(c.b.is("s_axil_bvalid_o") && c.b.is("s_axil_bready_i"));
            c.b.m.rise();
            if aw {
                c.b.set("s_axil_awvalid_i", false);
                c.b.set("s_axil_wvalid_i", false);
            }
            if ar {
                c.b.set("s_axil_arvalid_i", false);
            }
        }
        assert_eq!((read, written), (1, 1));
        assert_eq!(c.get(bind), round);
    }
}

#[test]
fn key_window() {
    let mut c = Csr::new(6);
    let mut want = [0u8; 64];
    let mut words = 0u64;
    for round in 0..300 {
        let i = c.rng.random_range(0..16usize);
        let (addr, value) = (reg::KEY_WINDOW + 4 * i as u32, c.rng.random::<u32>());
        if round % 3 == 2 {
            assert_eq!(c.store(addr, value, 7), SLVERR);
        } else {
            assert_eq!(c.store(addr, value, 15), 0);
            want[4 * i..4 * i + 4].copy_from_slice(&value.to_le_bytes());
            words |= 1 << i;
        }
        assert_eq!(c.get(addr), 0, "the window reads as zero");
        assert_eq!(c.window(), want);
        assert_eq!(c.b.get("window_words_o"), words & 0xffff);
        if round % 40 == 39 {
            c.b.set("window_clear_i", true);
            c.b.m.tick();
            c.b.set("window_clear_i", false);
            (want, words) = ([0; 64], 0);
            assert_eq!(c.window(), want);
            assert_eq!(c.b.get("window_words_o"), 0);
        }
    }
    c.store(reg::KEY_WINDOW, 7, 15);
    assert_eq!(c.window()[0], 7);
    c.b.m.reset().unwrap();
    c.b.m.tick();
    assert_eq!(c.window(), [0; 64], "a reset clears the window");
}

/// While the key unit reads it nothing is written to it: who writes waits, and then is heard.
#[test]
fn a_held_key_window_stays() {
    let mut c = Csr::new(11);
    let mut want = [0u8; 64];
    for round in 0..60 {
        let i = c.rng.random_range(0..16usize);
        let value = c.rng.random::<u32>();
        c.b.set("window_hold_i", true);
        // Other registers answer.
        assert_eq!(c.get(reg::ID), 0x544d_5343);
        assert_eq!(c.store(reg::QUEUE_BIND, round, 15), 0);
        c.b.set("s_axil_awvalid_i", true);
        c.b.set("s_axil_wvalid_i", true);
        c.b.set("s_axil_awaddr_i", reg::KEY_WINDOW + 4 * i as u32);
        c.b.set("s_axil_wdata_i", value);
        c.b.set("s_axil_wstrb_i", 15u64);
        let (mut answered, held) = (0, c.rng.random_range(10..40));
        for cycle in 0..held + 20 {
            c.b.set("window_hold_i", cycle < held);
            c.cycle();
            let taken = c.b.is("s_axil_awready_o");
            let over = c.b.is("s_axil_bvalid_o") && c.b.is("s_axil_bready_i");
            assert!(
                !c.b.is("s_axil_bvalid_o") || cycle >= held,
                "answered while it is held"
            );
            answered += u32::from(over);
            c.b.m.rise();
            if taken {
                c.b.set("s_axil_awvalid_i", false);
                c.b.set("s_axil_wvalid_i", false);
            }
            if cycle + 1 == held {
                assert_eq!(c.window(), want, "written while it is held");
            }
        }
        assert_eq!(answered, 1);
        want[4 * i..4 * i + 4].copy_from_slice(&value.to_le_bytes());
        assert_eq!(c.window(), want);
    }
}

#[test]
fn counters_count_and_clear() {
    let mut c = Csr::new(7);
    // Event, counter, what it counted.
    let mut sums: BTreeMap<u32, u64> = BTreeMap::new();
    for _ in 0..2000 {
        let events = [
            ("req_in_i", reg::REQS_IN_LO),
            ("req_out_i", reg::REQS_OUT_LO),
            ("req_err_i", reg::REQS_ERR_LO),
        ];
        for (port, addr) in events {
            let on: bool = c.rng.random();
            c.b.set(port, on);
            *sums.entry(addr).or_default() += u64::from(on);
        }
        let lanes = [
            ("busy_i", reg::LANE_BUSY_LO),
            ("stall_in_i", reg::LANE_STALL_IN_LO),
            ("stall_out_i", reg::LANE_STALL_OUT_LO),
        ];
        for (port, addr) in lanes {
            let on: u8 = c.rng.random();
            c.b.set(port, on);
            for l in 0..LANES as u32 {
                *sums.entry(addr + 0x40 * l).or_default() += u64::from(on >> l & 1);
            }
        }
        for (port, addr) in [
            ("bytes_in_i", reg::BYTES_IN_LO),
            ("bytes_out_i", reg::BYTES_OUT_LO),
        ] {
            for l in 0..LANES {
                let n = c.rng.random_range(0..512u64);
                c.b.set(&format!("{port}[{l}]"), n);
                *sums.entry(addr).or_default() += n;
            }
        }
        c.b.m.tick();
    }
    for port in [
        "req_in_i",
        "req_out_i",
        "req_err_i",
        "busy_i",
        "stall_in_i",
        "stall_out_i",
    ] {
        c.b.set(port, 0u64);
    }
    for l in 0..LANES {
        c.b.set(&format!("bytes_in_i[{l}]"), 0u64);
        c.b.set(&format!("bytes_out_i[{l}]"), 0u64);
    }
    for (addr, sum) in &sums {
        assert_eq!(c.count(*addr), *sum, "{addr:#x}");
    }
    let (start, first) = (c.b.m.cycles(), c.get(reg::CYCLES_LO));
    for _ in 0..100 {
        c.b.m.tick();
    }
    let passed = c.b.m.cycles() - start;
    assert_eq!(u64::from(c.get(reg::CYCLES_LO) - first), passed);
    // Only bit 0 clears.
    assert_eq!(c.store(reg::CONTROL, !1, 15), 0);
    assert_ne!(c.count(reg::BYTES_IN_LO), 0);
    assert_eq!(c.get(reg::CONTROL), 0);
    assert_eq!(c.store(reg::CONTROL, 1, 15), 0);
    for addr in sums.keys() {
        assert_eq!(c.count(*addr), 0, "{addr:#x} after clearing");
    }
    assert!(c.get(reg::CYCLES_LO) < 500);
}

/// Bytes counted pass 2^32 while they are read: the two halves always belong together.
#[test]
fn a_low_word_latches_its_high_word() {
    let mut c = Csr::new(8);
    for l in 0..LANES {
        c.b.set(&format!("bytes_in_i[{l}]"), 511u64);
    }
    let each = 511 * LANES as u64;
    let start = c.b.m.cycles();
    // The low word is read in the last cycles before the carry, the high word long after it.
    let carry = (1u64 << 32).div_ceil(each);
    while c.b.m.cycles() - start < carry - 5 {
        c.b.m.tick();
    }
    for high in 0..2 {
        let before = (c.b.m.cycles() - start) * each;
        let low = u64::from(c.get(reg::BYTES_IN_LO));
        let after = (c.b.m.cycles() - start) * each;
        assert_eq!(
            low >> 31,
            1 - high,
            "read on the wrong side of the carry: {low:#x}"
        );
        for _ in 0..20 {
            c.b.m.tick();
        }
        let value = u64::from(c.get(reg::BYTES_IN_HI)) << 32 | low;
        assert_eq!(value >> 32, high);
        assert!(
            (before..=after).contains(&value),
            "{value:#x}, not {before:#x} to {after:#x}"
        );
    }
}

const READY: u32 = 1;
const TAMPER: u32 = 1 << 1;
const QUEUE_ERROR: u32 = 1 << 2;
const BUSY: u32 = 1 << 3;
const ZEROIZED: u32 = 1 << 5;
const TESTED: u32 = 1 << 6;
const ENTROPY: u32 = 1 << 8;
const TEST_FAILED: u32 = 1 << 7;

#[test]
fn status() {
    let mut c = Csr::new(9);
    c.b.set("any_busy_i", true);
    assert_eq!(c.get(reg::STATUS), TESTED | BUSY | READY);
    c.b.set("any_busy_i", false);
    c.b.set("entropy_error_i", true);
    assert_eq!(c.get(reg::STATUS), TESTED | ENTROPY | READY);
    c.b.set("entropy_error_i", false);
    // Enabled without a configuration: an error, which goes with the queue's reset.
    assert_eq!(c.store(reg::QUEUE_CTRL + 0x1000, 1, 15), 0);
    assert_eq!(c.get(reg::STATUS), TESTED | QUEUE_ERROR | READY);
    assert_eq!(c.store(reg::QUEUE_CTRL + 0x1000, 2, 15), 0);
    assert_eq!(c.get(reg::STATUS), TESTED | READY);
    c.b.set("tamper_i", true);
    c.b.m.tick();
    c.b.set("tamper_i", false);
    assert_eq!(c.get(reg::STATUS), TESTED | TAMPER, "tamper is seen until reset");
    c.b.m.reset().unwrap();
    assert_eq!(c.get(reg::STATUS), TESTED | READY);
}

#[test]
fn zeroize_is_final_until_reset() {
    let mut c = Csr::new(10);
    for cause in 0..3 {
        assert!(!c.b.is("wipe_o"));
        assert_eq!(c.store(reg::KEY_WINDOW + 4, 0x1234_5678, 15), 0);
        assert_ne!(c.window(), [0; 64]);
        match cause {
            0 => assert_eq!(c.store(reg::CONTROL, 4, 15), 0),
            1 => {
                c.b.set("tamper_i", true);
                c.b.m.tick();
                c.b.set("tamper_i", false);
            }
            _ => c.b.set("selftest_ok_i", false),
        }
        c.b.m.tick();
        c.b.m.tick();
        assert!(c.b.is("wipe_o"));
        assert_eq!(c.window(), [0; 64]);
        let told = TESTED | [0, TAMPER, TEST_FAILED][cause];
        assert_eq!(c.get(reg::STATUS), told, "at work");
        c.b.set("wiped_i", true);
        assert_eq!(c.get(reg::STATUS), told | ZEROIZED);
        // Nothing that can be written ends it, and no key gets in.
        assert_eq!(c.store(reg::CONTROL, 0, 15), 0);
        assert_eq!(c.store(reg::KEY_WINDOW, 7, 15), 0);
        assert_eq!(c.window(), [0; 64]);
        assert!(c.b.is("wipe_o"));
        c.b.set("wiped_i", false);
        c.b.set("selftest_ok_i", true);
        c.b.m.reset().unwrap();
    }
}

#[test]
fn not_ready_before_its_self_tests_are_over() {
    let mut c = Csr::new(11);
    c.b.set("selftest_done_i", false);
    c.b.set("selftest_ok_i", false);
    assert_eq!(c.get(reg::STATUS), 0);
    assert!(!c.b.is("wipe_o"));
    let c = &mut c.tested();
    assert_eq!(c.get(reg::STATUS), TESTED | READY);
}
