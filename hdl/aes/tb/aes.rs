// SPDX-License-Identifier: Apache-2.0
//! The three S-boxes against the field's definition, over all inputs.

use casemate_sim::verilate::Block;
use std::path::Path;

/// FIPS 197, 5.1.1: inverse in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, then the affine map.
fn sbox(x: u8) -> u8 {
    fn mul(mut a: u8, mut b: u8) -> u8 {
        let mut r = 0;
        while b != 0 {
            if b & 1 == 1 {
                r ^= a;
            }
            a = a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 };
            b >>= 1;
        }
        r
    }
    let inv = (0..=255).find(|&y| mul(x, y) == 1).unwrap_or(0);
    inv ^ inv.rotate_left(1) ^ inv.rotate_left(2) ^ inv.rotate_left(3) ^ inv.rotate_left(4) ^ 0x63
}

#[test]
fn all_s_boxes_equal_the_definition_over_all_inputs() {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for arch in 0..3 {
        let mut m = Block::new("aes_sbox")
            .source(hdl.join("gcm/rtl/gcm_pkg.sv"))
            .sources(
                ["pkg", "sbox", "sbox_table", "sbox_tower", "sbox_bram"]
                    .map(|f| hdl.join(format!("aes/rtl/aes_{f}.sv"))),
            )
            .param("SBOX", arch)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        let (input, output) = (m.port("data_i").unwrap(), m.port("data_o").unwrap());
        // One input a cycle; each comes out two cycles later.
        for t in 0..258u64 {
            m.set(input, t & 255);
            m.tick();
            if t >= 1 && t - 1 < 256 {
                assert_eq!(
                    m.get(output) as u8,
                    sbox((t - 1) as u8),
                    "architecture {arch}, input {}",
                    t - 1
                );
            }
        }
    }
}
