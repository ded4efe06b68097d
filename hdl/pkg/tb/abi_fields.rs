// SPDX-License-Identifier: Apache-2.0
//! Writes each descriptor field with the Rust setters and reads it from the SystemVerilog structure.

use casemate_abi::{Completion, SgElement, Submission};
use casemate_sim::verilate::Block;
use rand::{Rng, SeedableRng};
use std::path::Path;

fn check(top: &str, bytes: usize, fields: &[(&str, usize, usize)], write: impl Fn(usize, u32) -> Vec<u8>) {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut model = Block::new(top)
        .source(hdl.join("pkg/rtl/casemate_abi_pkg.sv"))
        .source(hdl.join("pkg/tb/abi_fields.sv"))
        .build()
        .unwrap();
    let value = model.port("value_i").unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    for (i, &(name, _, width)) in fields.iter().enumerate() {
        for round in 0..8 {
            let all = ((1u64 << width) - 1) as u32;
            let v = if round == 0 {
                all
            } else {
                rng.random::<u32>() & all
            };
            let memory = write(i, v);
            assert_eq!(memory.len(), bytes);
            let words: Vec<u32> = memory
                .chunks(4)
                .map(|b| u32::from_le_bytes(b.try_into().unwrap()))
                .collect();
            model.set_words(value, &words);
            model.eval();
            for (j, &(other, _, _)) in fields.iter().enumerate() {
                let port = model.port(&format!("{other}_o")).unwrap();
                let want = if i == j { v } else { 0 };
                assert_eq!(model.get(port) as u32, want, "{top}: wrote {name}, read {other}");
            }
        }
    }
}

macro_rules! layout {
    ($test:ident, $ty:ty) => {
        #[test]
        fn $test() {
            check(
                concat!(stringify!($test), "_fields"),
                <$ty>::SIZE,
                <$ty>::FIELDS,
                |i, v| {
                    let mut d = <$ty>::default();
                    <$ty>::SETTERS[i](&mut d, v);
                    d.to_le().to_vec()
                },
            );
        }
    };
}
layout!(submission, Submission);
layout!(completion, Completion);
layout!(sg_element, SgElement);
