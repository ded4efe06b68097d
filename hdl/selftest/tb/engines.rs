// SPDX-License-Identifier: Apache-2.0
//! The power-up self-tests of the key unit's engines and of the generator: they pass, and fail when any answer is wrong or a part
//! of an engine is.

use casemate_hdl_tb::{Bench, hdl};
use casemate_sim::verilate::Block;
use std::path::Path;

/// A unit with its self-tests: its test bench, further sources, and how many engines it has.
struct Unit {
    top: &'static str,
    extra: &'static [&'static str],
    engines: u32,
}

const KEYS: Unit = Unit {
    top: "key_unit_tb",
    extra: &[
        "sha2/tb/sha2_zero.sv",
        "hmac/tb/hmac_zero.sv",
        "keys/tb/key_unit_tb.sv",
    ],
    engines: 2,
};
const GENERATOR: Unit = Unit {
    top: "drbg_tb",
    extra: &[
        "sha2/tb/sha2_zero.sv",
        "hmac/tb/hmac_zero.sv",
        "drbg/tb/drbg_zero.sv",
        "drbg/tb/drbg_tb.sv",
    ],
    engines: 1,
};

impl Unit {
    /// With one source replaced.
    fn bench(&self, replaced: Option<&Path>) -> Bench {
        let sources = casemate_sim::config::sources()
            .into_iter()
            .map(|p| match replaced {
                Some(r) if r.file_name() == p.file_name() => r.to_owned(),
                _ => p,
            });
        let sources = sources.chain(self.extra.iter().map(|f| hdl(f)));
        Bench {
            m: Block::new(self.top)
                .sources(sources)
                .build()
                .unwrap_or_else(|e| panic!("{e}")),
        }
    }

    /// Runs the tests with a fault between two cycles; says when each engine was done, and which passed.
    fn run(&self, b: &mut Bench, fault: std::ops::Range<u64>) -> (Vec<u64>, u64) {
        b.set("test_start_i", 0u32);
        b.m.reset().unwrap();
        b.set("test_start_i", 1u32);
        let all = (1 << self.engines) - 1;
        let mut ends = vec![0; self.engines as usize];
        for cycle in 0.. {
            let done = b.get("test_done_o");
            assert!(cycle < 60_000, "no end: {done:#b}");
            for (i, end) in ends.iter_mut().enumerate().filter(|(i, _)| done >> i & 1 == 0) {
                assert_eq!(b.get("test_ok_o") >> i & 1, 0, "ok before it is done");
                *end = cycle + 1;
            }
            if done == all {
                break;
            }
            b.set("test_fault_i", u32::from(fault.contains(&cycle)));
            b.m.tick();
        }
        (ends, b.get("test_ok_o"))
    }
}

#[test]
fn pass() {
    for unit in [KEYS, GENERATOR] {
        let mut b = unit.bench(None);
        let (ends, ok) = unit.run(&mut b, 0..0);
        println!("{}: done after {ends:?} cycles", unit.top);
        assert_eq!(ok, (1 << unit.engines) - 1);
        assert_eq!(unit.run(&mut b, 0..0), (ends.clone(), ok), "again after a reset");
        assert!(ends.iter().all(|&e| e < 14_000), "{ends:?}");
        for _ in 0..100 {
            b.m.tick();
            assert_eq!(b.get("test_ok_o"), ok, "it stays so");
        }
    }
}

/// A fault that lasts so long touches one answer or none.
const WINDOW: u64 = 60;

/// Each answer is looked at: five of HMAC, six of key wrap, the generator's second block.
#[test]
fn see_every_wrong_answer() {
    for (unit, answers) in [(KEYS, [5, 6].as_slice()), (GENERATOR, &[1])] {
        let mut b = unit.bench(None);
        let (ends, _) = unit.run(&mut b, 0..0);
        for (engine, &n) in answers.iter().enumerate() {
            let starts = (0..ends[engine]).step_by(WINDOW as usize);
            let wrong = starts.filter(|&at| unit.run(&mut b, at..at + WINDOW).1 >> engine & 1 == 0);
            assert_eq!(wrong.count(), n, "{} engine {engine}", unit.top);
        }
    }
}

/// A fault in any part of an engine is seen.
#[test]
fn see_a_broken_part() {
    for (unit, engine, file, good, bad) in [
        (
            KEYS,
            0,
            "sha2/rtl/sha2_core.sv",
            "r64(x, 28) ^ r64(x, 34)",
            "r64(x, 28) ^ r64(x, 35)",
        ),
        (KEYS, 0, "hmac/rtl/hmac.sv", "if (diff_q != '0) ok_q <= 1'b0;", ""),
        (
            KEYS,
            1,
            "wrap/rtl/ghash_serial.sv",
            "^ fold(product_q[127+DIGIT-:DIGIT])",
            "",
        ),
        (
            KEYS,
            1,
            "wrap/rtl/key_wrap.sv",
            "fail_q    <= bad_q || differs_q ||",
            "fail_q    <= bad_q ||",
        ),
        (
            GENERATOR,
            0,
            "drbg/rtl/hmac_drbg_core.sv",
            "{63'd0, what_q == K1}",
            "64'd0",
        ),
        (
            GENERATOR,
            0,
            "drbg/rtl/hmac_drbg_core.sv",
            "if (out_last_o) what_d = K0;",
            "if (out_last_o) state_d = IDLE;",
        ),
    ] {
        let text = std::fs::read_to_string(hdl(file)).unwrap();
        assert_eq!(text.matches(good).count(), 1, "{good:?} in {file}");
        let broken = Path::new(env!("CARGO_TARGET_TMPDIR")).join(Path::new(file).file_name().unwrap());
        std::fs::write(&broken, text.replace(good, bad)).unwrap();
        let (_, ok) = unit.run(&mut unit.bench(Some(&broken)), 0..0);
        assert_eq!(ok >> engine & 1, 0, "{bad:?} in {file} was not seen");
    }
}
