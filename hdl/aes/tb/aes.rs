// SPDX-License-Identifier: Apache-2.0
//! The three S-boxes against the field's definition, over all inputs; the pipe and the key expansion.

mod expand;
mod pipe;

use casemate_sim::verilate::Block;
use std::path::Path;

/// Product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1 (FIPS 197, 4.2).
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

/// FIPS 197, 5.1.1: inverse, then the affine map.
fn sbox(x: u8) -> u8 {
    let inv = (0..=255).find(|&y| mul(x, y) == 1).unwrap_or(0);
    inv ^ inv.rotate_left(1) ^ inv.rotate_left(2) ^ inv.rotate_left(3) ^ inv.rotate_left(4) ^ 0x63
}

/// Round keys (FIPS 197, 5.2).
fn round_keys(key: &[u8]) -> Vec<[u8; 16]> {
    let nk = key.len() / 4;
    let mut w: Vec<[u8; 4]> = key.chunks(4).map(|c| c.try_into().unwrap()).collect();
    let mut rcon = 1;
    for i in nk..4 * (nk + 7) {
        let mut t = w[i - 1];
        if i % nk == 0 {
            t.rotate_left(1);
        }
        if i % nk == 0 || (nk > 6 && i % nk == 4) {
            t = t.map(sbox);
        }
        if i % nk == 0 {
            t[0] ^= rcon;
            rcon = mul(rcon, 2);
        }
        w.push(std::array::from_fn(|j| w[i - nk][j] ^ t[j]));
    }
    w.chunks(4).map(|c| c.concat().try_into().unwrap()).collect()
}

/// The RAM of aes_pipe that keeps round key `r` of `rounds`.
fn ram_of(r: usize, rounds: usize) -> usize {
    14 - rounds + r
}

const SOURCES: &[&str] = &[
    "gcm/rtl/gcm_pkg.sv",
    "aes/rtl/aes_pkg.sv",
    "aes/rtl/aes_sbox_table.sv",
    "aes/rtl/aes_tower_in.sv",
    "aes/rtl/aes_tower_out.sv",
    "aes/rtl/aes_sbox_tower.sv",
    "aes/rtl/aes_sbox_bram.sv",
    "aes/rtl/aes_sbox.sv",
    "aes/rtl/aes_round.sv",
    "aes/rtl/aes_key_ram.sv",
    "aes/rtl/aes_delay.sv",
    "aes/rtl/aes_pipe.sv",
    "aes/rtl/aes_key_expand.sv",
];

#[test]
fn all_s_boxes_equal_the_definition_over_all_inputs() {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for arch in 0..3 {
        let mut m = Block::new("aes_sbox")
            .source(hdl.join("gcm/rtl/gcm_pkg.sv"))
            .sources(
                [
                    "pkg",
                    "tower_in",
                    "tower_out",
                    "sbox",
                    "sbox_table",
                    "sbox_tower",
                    "sbox_bram",
                ]
                .map(|f| hdl.join(format!("aes/rtl/aes_{f}.sv"))),
            )
            .param("SBOX", arch)
            .build()
            .unwrap_or_else(|e| panic!("{e}"));
        let (input, output) = (m.port("data_i").unwrap(), m.port("data_o").unwrap());
        let zero = m.port("zero_i").unwrap();
        m.set(zero, 0);
        // One input a cycle; each comes out three cycles later.
        for t in 0..259u64 {
            m.set(input, t & 255);
            m.tick();
            if t >= 2 && t - 2 < 256 {
                assert_eq!(
                    m.get(output) as u8,
                    sbox((t - 2) as u8),
                    "architecture {arch}, input {}",
                    t - 2
                );
            }
        }
        m.set(zero, 1);
        m.tick();
        assert_eq!(m.get(output), 0, "architecture {arch}");
    }
}
