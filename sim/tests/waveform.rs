// SPDX-License-Identifier: Apache-2.0
//! Waveforms: a traced model's FST file, read by an independent reader, tells what its ports did.

use casemate_sim::verilate::Block;
use fst_reader::{FstFilter, FstHierarchyEntry, FstReader, FstSignalValue};
use std::io::BufReader;

#[test]
fn a_trace_tells_what_happened() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("counter.sv");
    std::fs::write(
        &source,
        "module counter(input logic clk_i, input logic rst_ni, output logic [7:0] count_o);\n\
         always_ff @(posedge clk_i) count_o <= rst_ni ? count_o + 8'd3 : 8'd0;\nendmodule\n",
    )
    .unwrap();
    let fst = dir.path().join("counter.fst");
    let mut m = Block::new("counter").source(&source).trace(true).build().unwrap();
    m.trace_to(&fst).unwrap();
    m.reset().unwrap();
    for _ in 0..20 {
        m.tick();
    }
    drop(m);

    let mut reader = FstReader::open(BufReader::new(std::fs::File::open(&fst).unwrap())).unwrap();
    let mut count = None;
    reader
        .read_hierarchy(|e| {
            if let FstHierarchyEntry::Var { name, handle, .. } = e
                && name.starts_with("count_o")
            {
                count = Some(handle);
            }
        })
        .unwrap();
    let filter = FstFilter::filter_signals(vec![count.expect("count_o is in the file")]);
    let mut values = Vec::new();
    reader
        .read_signals(&filter, |_, _, value| {
            if let FstSignalValue::String(bits) = value {
                values.push(u8::from_str_radix(std::str::from_utf8(bits).unwrap(), 2).unwrap_or(0));
            }
            Ok::<(), std::io::Error>(())
        })
        .unwrap();
    values.dedup();
    let want: Vec<u8> = (0..=20).map(|i| 3 * i).collect();
    assert!(values.ends_with(&want), "{values:?}");
}

#[test]
fn a_model_without_tracing_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("wire.sv");
    std::fs::write(
        &source,
        "module pass(input logic clk_i, output logic o);\nassign o = clk_i;\nendmodule\n",
    )
    .unwrap();
    let mut m = Block::new("pass").source(&source).build().unwrap();
    let e = m.trace_to(&dir.path().join("x.fst")).unwrap_err();
    assert!(e.to_string().contains("without tracing"), "{e}");
}
