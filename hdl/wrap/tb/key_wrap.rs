// SPDX-License-Identifier: Apache-2.0
//! The key wrap engine and its parts against independent software and public vectors.

mod engine;
mod parts;
mod reference;

use casemate_testvectors::{AeadVector, acvp_aes_gcm, wycheproof_aes_gcm, wycheproof_aes_kwp};
use engine::{Command, Engine, Op, Outcome, hdl};
use rand::{Rng, RngCore, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use reference::{gcm_seal, icv, kwp_wrap, kwp_wrap_by_crate, w};

const TABLE: u32 = 0;
const TOWER: u32 = 1;
const KEYS: [usize; 3] = [16, 24, 32];

fn random(rng: &mut ChaCha8Rng, n: usize) -> Vec<u8> {
    let mut v = vec![0; n];
    rng.fill_bytes(&mut v);
    v
}

fn command(rng: &mut ChaCha8Rng, op: Op, key: usize, aad: usize, payload: usize) -> Command {
    Command {
        op,
        key: random(rng, key),
        iv: rng.random(),
        aad: random(rng, aad),
        payload: random(rng, payload),
        tag: rng.random(),
    }
}

/// What a seal or a wrap must give, and the command that undoes it.
fn expected(c: &Command) -> (Outcome, Command) {
    let (payload, tag, op) = match c.op {
        Op::Seal => {
            let (p, t) = gcm_seal(&c.key, c.iv, &c.aad, &c.payload);
            (p, t, Op::Open)
        }
        Op::Wrap => {
            let wrapped = kwp_wrap(&c.key, &c.payload);
            assert_eq!(
                wrapped,
                kwp_wrap_by_crate(&c.key, &c.payload),
                "the references differ"
            );
            (wrapped, [0; 16], Op::Unwrap)
        }
        _ => unreachable!(),
    };
    let back = Command {
        op,
        payload: payload.clone(),
        tag,
        ..c.clone()
    };
    let out = Outcome {
        ok: true,
        payload,
        tag,
    };
    (out, back)
}

/// Out, back in, and back in with one bit wrong.
fn there_and_back(e: &mut Engine, rng: &mut ChaCha8Rng, c: &Command) {
    let (out, mut back) = expected(c);
    assert_eq!(e.run(c), out, "{c:?}");
    let plain = Outcome {
        ok: true,
        payload: c.payload.clone(),
        tag: [0; 16],
    };
    assert_eq!(e.run(&back), plain, "{back:?}");
    if back.op == Op::Open && rng.random_ratio(3, 4) {
        match rng.random_range(0..if back.aad.is_empty() { 2 } else { 3 }) {
            0 => back.tag[rng.random_range(0..16)] ^= 1 << rng.random_range(0..8),
            1 => back.iv[rng.random_range(0..12)] ^= 1 << rng.random_range(0..8),
            _ => *pick(rng, &mut back.aad) ^= 1 << rng.random_range(0..8),
        }
    } else {
        *pick(rng, &mut back.payload) ^= 1 << rng.random_range(0..8);
    }
    assert_eq!(e.run(&back), Outcome::refused(), "one bit wrong: {back:?}");
}

fn pick<'a>(rng: &mut ChaCha8Rng, v: &'a mut [u8]) -> &'a mut u8 {
    let i = rng.random_range(0..v.len());
    &mut v[i]
}

#[test]
fn gcm_of_every_length() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut e = Engine::new(TABLE, 1);
    for n in 1..=64 {
        for key in KEYS {
            let aad = rng.random_range(0..=64);
            let c = command(&mut rng, Op::Seal, key, aad, n);
            there_and_back(&mut e, &mut rng, &c);
        }
    }
    for aad in 0..=64 {
        let n = rng.random_range(16..=64);
        let c = command(&mut rng, Op::Seal, 32, aad, n);
        there_and_back(&mut e, &mut rng, &c);
    }
}

#[test]
fn every_bit_of_a_tag_counts() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut e = Engine::new(TABLE, 2);
    let c = command(&mut rng, Op::Seal, 32, 20, 32);
    let (_, back) = expected(&c);
    for bit in 0..128 {
        let mut b = back.clone();
        b.tag[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(e.run(&b), Outcome::refused(), "bit {bit}");
    }
}

#[test]
fn kwp_of_every_length() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut e = Engine::new(TABLE, 3);
    for n in 1..=64 {
        for key in KEYS {
            let c = command(&mut rng, Op::Wrap, key, 0, n);
            there_and_back(&mut e, &mut rng, &c);
        }
    }
}

/// Wrongly made wrappings of `n` bytes: what RFC 5649, 3 says is checked, one by one. The engine's time is the same for all.
#[test]
fn kwp_refuses_wrong_integrity_values_lengths_and_padding() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut e = Engine::new(TABLE, 4);
    let mut refuse = |key: &[u8], a: [u8; 8], text: &[u8], why: &str| {
        let c = Command {
            op: Op::Unwrap,
            key: key.to_vec(),
            iv: [0; 12],
            aad: Vec::new(),
            payload: w(key, a, text),
            tag: [0; 16],
        };
        assert_eq!(e.run(&c), Outcome::refused(), "{why}");
    };
    for semis in [1usize, 2, 3, 8] {
        let key_len = *KEYS.choose(&mut rng).unwrap();
        let key = random(&mut rng, key_len);
        let full = random(&mut rng, 8 * semis);
        // Any bit of the integrity value, and of the length's upper part.
        for bit in 0..57 {
            let mut a = icv(8 * semis as u32);
            a[bit / 8] ^= 0x80 >> (bit % 8);
            refuse(&key, a, &full, &format!("bit {bit} of A, {semis} semiblocks"));
        }
        // A length of another number of semiblocks, over zeros, where the padding cannot be what is wrong.
        for len in (0..=8 * (semis as u32 - 1))
            .chain(8 * semis as u32 + 1..=80)
            .step_by(3)
        {
            refuse(
                &key,
                icv(len),
                &vec![0; 8 * semis],
                &format!("length {len} in {semis} semiblocks"),
            );
        }
        refuse(
            &key,
            icv(8 * (semis as u32 - 1)),
            &vec![0; 8 * semis],
            "eight bytes of padding",
        );
        refuse(
            &key,
            icv(8 * semis as u32 + 1),
            &vec![0; 8 * semis],
            "one byte too long",
        );
        refuse(&key, icv(0), &vec![0; 8 * semis], "length 0");
        // A bit of each byte of padding.
        for pad in 1..8 {
            for at in 0..pad {
                let mut text = full.clone();
                text[8 * semis - pad..].fill(0);
                text[8 * semis - 1 - at] = 1 << rng.random_range(0..8);
                refuse(
                    &key,
                    icv((8 * semis - pad) as u32),
                    &text,
                    &format!("{pad} bytes of padding"),
                );
            }
        }
        // RFC 3394's integrity value is another's.
        refuse(&key, [0xa6; 8], &full, "RFC 3394");
    }
}

#[test]
fn wycheproof_kwp() {
    let mut e = Engine::new(TABLE, 5);
    let (mut wrapped, mut unwrapped, mut refused, mut too_long) = (0, 0, 0, 0);
    for v in wycheproof_aes_kwp() {
        if v.wrapped.len() > 72 {
            too_long += 1;
            continue;
        }
        let mut c = Command {
            op: Op::Unwrap,
            key: v.key,
            iv: [0; 12],
            aad: Vec::new(),
            payload: v.wrapped,
            tag: [0; 16],
        };
        let got = e.run(&c);
        if !v.valid {
            assert_eq!(got, Outcome::refused(), "{}: {}", v.id, v.comment);
            refused += 1;
            continue;
        }
        assert_eq!(
            (got.ok, &got.payload),
            (true, &v.plaintext),
            "{}: {}",
            v.id,
            v.comment
        );
        unwrapped += 1;
        let want = std::mem::replace(&mut c.payload, v.plaintext);
        c.op = Op::Wrap;
        assert_eq!(e.run(&c).payload, want, "{}: {}", v.id, v.comment);
        wrapped += 1;
    }
    assert_eq!((wrapped, unwrapped, refused, too_long), (74, 74, 177, 3));
}

#[test]
fn gcm_vectors() {
    let mut e = Engine::new(TABLE, 6);
    let fits = |v: &AeadVector| {
        v.iv.len() == 12 && v.tag.len() == 16 && v.aad.len() <= 64 && (1..=64).contains(&v.ciphertext.len())
    };
    let (mut sealed, mut opened, mut refused) = (0, 0, 0);
    for v in wycheproof_aes_gcm()
        .into_iter()
        .chain(acvp_aes_gcm())
        .filter(fits)
    {
        let mut c = Command {
            op: Op::Open,
            key: v.key,
            iv: v.iv.try_into().unwrap(),
            aad: v.aad,
            payload: v.ciphertext,
            tag: v.tag.try_into().unwrap(),
        };
        let got = e.run(&c);
        if !v.valid {
            assert_eq!(got, Outcome::refused(), "{}: {}", v.id, v.comment);
            refused += 1;
            continue;
        }
        assert_eq!(
            (got.ok, &got.payload),
            (true, &v.plaintext),
            "{}: {}",
            v.id,
            v.comment
        );
        opened += 1;
        let want = Outcome {
            ok: true,
            payload: std::mem::replace(&mut c.payload, v.plaintext),
            tag: c.tag,
        };
        c.op = Op::Seal;
        assert_eq!(e.run(&c), want, "{}: {}", v.id, v.comment);
        sealed += 1;
    }
    assert_eq!((sealed, opened, refused), (52, 52, 81));
}

/// RFC 5649, 6; and RFC 3394, 4.1 to 4.6, which hold the reference's W to it.
#[test]
fn examples_of_the_rfcs() {
    let hex = |s: &str| -> Vec<u8> { hex::decode(s.replace(' ', "")).unwrap() };
    let kek = hex("5840df6e29b02af1 ab493b705bf16ea1 ae8338f4dcc176a8");
    let examples = [
        (
            "c37b7e6492584340 bed1220780894115 5068f738",
            "138bdeaa9b8fa7fc 61f97742e72248ee 5ae6ae5360d1ae6a 5f54f373fa543b6a",
        ),
        ("466f7250617369", "afbeb0f07dfbf541 9200f2ccb50bb24f"),
    ];
    let mut e = Engine::new(TABLE, 7);
    for (plain, wrapped) in examples {
        let mut c = Command {
            op: Op::Wrap,
            key: kek.clone(),
            iv: [0; 12],
            aad: Vec::new(),
            payload: hex(plain),
            tag: [0; 16],
        };
        let out = e.run(&c);
        assert_eq!((out.ok, out.payload), (true, hex(wrapped)));
        c.op = Op::Unwrap;
        c.payload = hex(wrapped);
        let out = e.run(&c);
        assert_eq!((out.ok, out.payload), (true, hex(plain)));
    }

    let kek = hex("000102030405060708090a0b0c0d0e0f 101112131415161718191a1b1c1d1e1f");
    let data = hex("00112233445566778899aabbccddeeff 000102030405060708090a0b0c0d0e0f");
    let wrapped = [
        (16, 16, "1fa68b0a8112b447 aef34bd8fb5a7b82 9d3e862371d2cfe5"),
        (24, 16, "96778b25ae6ca435 f92b5b97c050aed2 468ab8a17ad84e5d"),
        (32, 16, "64e8c3f9ce0f5ba2 63e9777905818a2a 93c8191e7d6e8ae7"),
        (
            24,
            24,
            "031d33264e15d332 68f24ec260743edc e1c6c7ddee725a93 6ba814915c6762d2",
        ),
        (
            32,
            24,
            "a8f9bc1612c68b3f f6e6f4fbe30e71e4 769c8b80a32cb895 8cd5d17d6b254da1",
        ),
        (
            32,
            32,
            "28c9f404c4b810f4 cbccb35cfb87f826 3f5786e2d80ed326 cbc7f0e71a99f43b fb988b9b7a02dd21",
        ),
    ];
    for (k, n, out) in wrapped {
        assert_eq!(
            w(&kek[..k], [0xa6; 8], &data[..n]),
            hex(out),
            "RFC 3394, {k} and {n} bytes"
        );
    }
}

#[test]
fn malformed_commands_are_refused() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut e = Engine::new(TABLE, 8);
    let mut refuse = |op, key, aad, payload| {
        let c = command(&mut rng, op, key, aad, payload);
        assert_eq!(e.run(&c), Outcome::refused(), "{op:?} {key} {aad} {payload}");
    };
    for key in KEYS {
        for n in [0, 65, 66, 72, 73, 127] {
            refuse(Op::Seal, key, 16, n);
            refuse(Op::Open, key, 16, n);
            refuse(Op::Wrap, key, 16, n);
        }
        for n in (0..16).chain(17..24).chain(73..=127) {
            refuse(Op::Unwrap, key, 16, n);
        }
        for aad in [65, 80, 96, 127] {
            refuse(Op::Seal, key, aad, 32);
            refuse(Op::Open, key, aad, 32);
        }
    }
    for op in [Op::Seal, Op::Open, Op::Wrap, Op::Unwrap] {
        refuse(op, 0, 16, 32);
    }
}

/// Commands of all kinds back to back, on the other S-box.
#[test]
fn a_mix_back_to_back() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let mut e = Engine::new(TOWER, 9);
    for _ in 0..120 {
        let op = *[Op::Seal, Op::Wrap].choose(&mut rng).unwrap();
        let (key, aad, n) = (
            *KEYS.choose(&mut rng).unwrap(),
            rng.random_range(0..=64),
            rng.random_range(1..=64),
        );
        let c = command(&mut rng, op, key, aad, n);
        there_and_back(&mut e, &mut rng, &c);
    }
}

/// The registers are zero in time whenever a clear or a reset comes, and the next command does not notice.
#[test]
fn clears_and_resets_at_any_time() {
    let mut rng = ChaCha8Rng::seed_from_u64(10);
    let mut e = Engine::new(TABLE, 10);
    for round in 0..400 {
        let op = *[Op::Seal, Op::Wrap].choose(&mut rng).unwrap();
        let (key, aad, n) = (
            *KEYS.choose(&mut rng).unwrap(),
            rng.random_range(0..=64),
            rng.random_range(1..=64),
        );
        let mut c = command(&mut rng, op, key, aad, n);
        let (_, back) = expected(&c);
        if rng.random() {
            c = back;
        }
        let whole = engine::cycles(c.op, key, c.aad.len(), c.payload.len());
        e.start(&c);
        // The beginning and the end densely, and in a waiting result.
        let at = match round % 4 {
            0 => rng.random_range(0..40),
            1 => whole - rng.random_range(0..90),
            2 => whole + rng.random_range(0..3),
            _ => rng.random_range(0..whole),
        };
        e.idle(at);
        let hold = if rng.random_ratio(3, 4) {
            1
        } else {
            rng.random_range(2..150)
        };
        e.wipe(rng.random_ratio(1, 3), hold);
        if round % 4 == 0 {
            let c = command(&mut rng, op, key, 16, 8);
            there_and_back(&mut e, &mut rng, &c);
        }
    }
}

/// The same in every cycle of a command, its result waiting at the end.
#[test]
fn a_clear_in_every_cycle() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut e = Engine::new(TABLE, 11);
    for (op, aad, payload) in [(Op::Seal, 16, 24), (Op::Wrap, 0, 16)] {
        let c = command(&mut rng, op, 16, aad, payload);
        let (_, back) = expected(&c);
        // Six passes are alike: the first one and the end are enough of KWP.
        let whole = engine::cycles(back.op, 16, aad, back.payload.len());
        for at in (0..whole.min(800)).chain(whole.saturating_sub(500)..whole + 2) {
            e.start(&back);
            e.idle(at);
            e.wipe(false, 1);
        }
        there_and_back(&mut e, &mut rng, &c);
    }
}

/// Every register is in the probe or is public: control that depends on op, sizes and lengths, or the verdict.
#[test]
fn the_probe_sees_every_register() {
    const PUBLIC: &[&str] = &[
        // key_wrap
        "state_q",
        "after_q",
        "job_q",
        "op_q",
        "inverse_q",
        "len_q",
        "aad_len_q",
        "count_q",
        "word_q",
        "at_q",
        "target_q",
        "before_q",
        "turn_q",
        "turning_q",
        "now_q",
        "due_q",
        "semi_last_q",
        "semi_next_q",
        "ending_q",
        "block_last_q",
        "aad_last_q",
        "semi_q",
        "semis_q",
        "pass_q",
        "t_q",
        "block_q",
        "blocks_q",
        "aad_blocks_q",
        "bad_q",
        "fail_q",
        "result_q",
        "release_q",
        "aes_clear_q",
        "zero_work_q",
        "zero_result_q",
        "in_at_q",
        "in_last_q",
        "key_in_q",
        "expand_q",
        "aad_at_q",
        "blank_q",
        // aes_iter
        "ph_q",
        "active_q",
        "decrypt_q",
        "last_q",
        "capture_q",
        "commit_q",
        "last_word_q",
        "swept_q",
        "shift_q",
        "permute_q",
        "back_q",
        "size_q",
        "nk_q",
        "rounds_q",
        "left_q",
        "round_key_q",
        "mod_q",
        "mod_next_q",
        "turns_q",
        "half_q",
        "rcon_q",
        "given_q",
        "sub_q",
        "rot_q",
        "forget_q",
        // ghash_serial
        "add_q",
        "step_q",
    ];
    let probe = std::fs::read_to_string(hdl("wrap/tb/key_wrap_probe.sv")).unwrap();
    for (file, at) in [
        ("key_wrap", "dut."),
        ("aes_iter", "dut.u_aes."),
        ("ghash_serial", "dut.u_ghash."),
        ("aes_sbox_both", "u_sbox."),
    ] {
        let text = std::fs::read_to_string(hdl(&format!("wrap/rtl/{file}.sv"))).unwrap();
        let code: String = text
            .lines()
            .map(|l| l.split("//").next().unwrap().to_owned() + "\n")
            .collect();
        let names = code
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|n| n.ends_with("_q"));
        let mut seen = 0;
        for n in names {
            let watched = probe.contains(&format!("{at}{n}"));
            // ghash_serial has a public bit of a name that is watched elsewhere.
            assert!(
                watched || PUBLIC.contains(&n) || (file, n) == ("ghash_serial", "key_q"),
                "{file}: {n} is not watched"
            );
            seen += usize::from(watched);
        }
        assert!(seen > 0, "{file}");
    }
}
