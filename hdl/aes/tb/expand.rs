// SPDX-License-Identifier: Apache-2.0
//! The key expansion against FIPS 197: every round key once, in order, each to its RAM; nothing of a key stays.

use crate::{SOURCES, ram_of, round_keys};
use casemate_hdl_tb::Bench;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn bench() -> Bench {
    let files: Vec<&str> = SOURCES.iter().copied().chain(["aes/tb/expand_tb.sv"]).collect();
    Bench::new("expand_tb", &files, &[])
}

/// Expands a key; the port is overwritten right after the start.
fn expand(b: &mut Bench, key: &[u8]) -> Vec<(usize, Vec<u8>)> {
    b.set("size_i", key.len() as u64 / 8 - 2);
    b.set_bytes("key_i", key);
    b.set("start_i", true);
    b.m.tick();
    b.set("start_i", false);
    b.set_bytes("key_i", &[0xff; 32]);
    let mut out = Vec::new();
    for _ in 0..1000 {
        if b.is("write_o") {
            out.push((b.get("ram_o") as usize, b.bytes("key_o")));
        } else {
            assert_eq!(b.bytes("key_o"), [0; 16], "a key on the port that is not written");
        }
        if b.is("done_o") {
            assert!(b.is("write_o"), "done with the last key");
            for _ in 0..8 {
                b.m.tick();
                assert!(!b.is("write_o") && !b.is("done_o"));
                assert_eq!(b.bytes("key_o"), [0; 16]);
            }
            assert!(b.is("clean_o"), "registers still hold a part of the key");
            return out;
        }
        b.m.tick();
    }
    panic!("the expansion does not end");
}

fn check(b: &mut Bench, key: &[u8]) {
    let want = round_keys(key);
    let got = expand(b, key);
    assert_eq!(got.len(), want.len(), "round keys");
    for (r, (ram, k)) in got.iter().enumerate() {
        assert_eq!(*ram, ram_of(r, want.len() - 1), "RAM of round {r}");
        assert_eq!(k[..], want[r], "key of round {r}, {} bytes", key.len());
    }
}

/// FIPS 197, appendix A: key, and the last word of its expansion.
const APPENDIX_A: [(&str, &str); 3] = [
    ("2b7e151628aed2a6abf7158809cf4f3c", "b6630ca6"),
    ("8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b", "01002202"),
    (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "706c631e",
    ),
];

#[test]
fn key_expansion_appendix_a() {
    let mut b = bench();
    for (key, last) in APPENDIX_A {
        let key = hex::decode(key).unwrap();
        assert_eq!(
            round_keys(&key).last().unwrap()[12..],
            hex::decode(last).unwrap(),
            "the test's own expansion"
        );
        check(&mut b, &key);
    }
}

#[test]
fn key_expansion_random_keys_and_resets() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let mut b = bench();
    for i in 0..150 {
        let mut key = vec![0; [16, 24, 32][i % 3]];
        rng.fill_bytes(&mut key);
        if i % 5 == 4 {
            // Reset in mid expansion: the next key comes out whole, nothing of this one.
            b.set("size_i", key.len() as u64 / 8 - 2);
            b.set_bytes("key_i", &key);
            b.set("start_i", true);
            b.m.tick();
            b.set("start_i", false);
            for _ in 0..10 * (i % 20) {
                b.m.tick();
            }
            b.m.reset().unwrap();
            b.m.tick();
            assert!(
                b.is("clean_o"),
                "registers still hold a part of the key after a reset"
            );
        }
        check(&mut b, &key);
    }
}
