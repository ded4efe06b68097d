// SPDX-License-Identifier: Apache-2.0
//! The power-up self-test of a lane: it passes on every S-box, and fails when anything the lane puts out is wrong, when a part of
//! the lane is, and when the lane hangs.

use casemate_hdl_tb::{Bench, hdl};
use casemate_sim::verilate::Block;
use std::path::{Path, PathBuf};

fn sources() -> Vec<PathBuf> {
    let packages = [
        "gcm/rtl/gcm_pkg.sv",
        "aes/rtl/aes_pkg.sv",
        "ghash/rtl/ghash_pkg.sv",
    ]
    .map(hdl);
    let blocks = ["aes", "ghash", "gcm"].map(|b| hdl(&format!("{b}/rtl")));
    let mut files: Vec<PathBuf> = blocks
        .iter()
        .flat_map(|d| std::fs::read_dir(d).unwrap())
        .map(|f| f.unwrap().path())
        .filter(|f| !f.to_string_lossy().ends_with("_pkg.sv"))
        .collect();
    files.sort();
    packages
        .into_iter()
        .chain(files)
        .chain(
            [
                "selftest/rtl/gcm_selftest.sv",
                "selftest/rtl/selftest.sv",
                "selftest/tb/selftest_tb.sv",
            ]
            .map(hdl),
        )
        .collect()
}

fn bench(sources: Vec<PathBuf>, sbox: u32) -> Bench {
    let block = Block::new("selftest_tb").sources(sources).param("SBOX", sbox);
    let mut b = Bench {
        m: block.build().unwrap_or_else(|e| panic!("{e}")),
    };
    b.m.reset().unwrap();
    b
}

/// Runs to the end; says in how many cycles, and whether it passed. `each` sees every cycle.
fn run(b: &mut Bench, mut each: impl FnMut(&mut Bench)) -> (u64, bool) {
    b.m.reset().unwrap();
    let start = b.m.cycles();
    while !b.is("done_o") {
        assert!(b.m.cycles() - start < 10_000, "no end");
        each(b);
        b.m.tick();
    }
    (b.m.cycles() - start, b.is("ok_o"))
}

#[test]
fn passes() {
    for sbox in 0..3 {
        let mut b = bench(sources(), sbox);
        let (cycles, ok) = run(&mut b, |_| {});
        assert!(ok);
        assert_eq!(run(&mut b, |_| {}), (cycles, true), "again after a reset");
        println!("{cycles} cycles");
        assert!(cycles < 3000, "{cycles}");
        for _ in 0..100 {
            b.m.tick();
            assert!(b.is("done_o") && b.is("ok_o"), "it stays so");
        }
    }
}

/// Each of the 36 blocks that the lane puts out is looked at.
#[test]
fn sees_every_wrong_block() {
    let mut b = bench(sources(), 0);
    for wrong in 0..37 {
        let mut n = 0;
        let (_, ok) = run(&mut b, |b| {
            let out = b.is("out_valid_o");
            b.set("fault_i", out && n == wrong);
            n += usize::from(out);
        });
        assert_eq!(n, 36);
        assert_eq!(ok, wrong == 36, "block {wrong}");
    }
}

#[test]
fn sees_a_lane_that_hangs() {
    let mut b = bench(sources(), 0);
    b.set("stuck_i", true);
    let (cycles, ok) = run(&mut b, |_| {});
    assert!(!ok && cycles > 8000, "{cycles}");
}

/// A fault in any part of the lane is seen: the key expansion, an accumulator, the tag's comparison.
#[test]
fn sees_a_broken_part() {
    for (file, good, bad) in [
        (
            "aes/rtl/aes_key_expand.sv",
            "mod_q == 4'd4 && size_q == KEY_256",
            "mod_q == 4'd4 && size_q == KEY_192",
        ),
        (
            "ghash/rtl/ghash.sv",
            "if (keep_q[w]) acc_q[w] <= r7_q;",
            "if (keep_q[w] && w != 1) acc_q[w] <= r7_q;",
        ),
        (
            "gcm/rtl/gcm_lane.sv",
            "(!v_want_q.decrypt || v_equal_q == '1)",
            "1'b1",
        ),
    ] {
        let text = std::fs::read_to_string(hdl(file)).unwrap();
        assert_eq!(text.matches(good).count(), 1, "{good:?} in {file}");
        let name = Path::new(file).file_name().unwrap().to_owned();
        let broken = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::write(&broken, text.replace(good, bad)).unwrap();
        let sources = sources()
            .into_iter()
            .map(|p| {
                if p.file_name() == Some(&name) {
                    broken.clone()
                } else {
                    p
                }
            })
            .collect();
        let (_, ok) = run(&mut bench(sources, 0), |_| {});
        assert!(!ok, "{bad:?} in {file} was not seen");
    }
}
