// SPDX-License-Identifier: Apache-2.0
//! Cycle counts of fixed work are the committed ones.

use std::path::Path;

#[test]
fn cycle_counts_are_the_committed_ones() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cycles.json");
    if let Err(e) = casemate_bench::gate::check(&path) {
        panic!("{e:#}");
    }
}
