// SPDX-License-Identifier: Apache-2.0
//! `casemate key`, `random` and `encrypt --key`, run as a user runs them.

mod common;

use common::{Bench, data};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

/// Devices that serve key operations.
const KEY_DEVICES: &[&str] = &["sim:", "soft:"];

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn json_of(b: &Bench, args: &[&str]) -> Value {
    serde_json::from_slice(&b.succeeds(args).stdout).expect("JSON on standard output")
}

fn text_of(b: &Bench, args: &[&str]) -> String {
    String::from_utf8(b.succeeds(args).stdout).unwrap()
}

#[test]
fn files_under_a_token() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        assert!(!b.root().exists());
        b.succeeds(&["key", "generate", "token"]);
        assert_eq!((mode(&b.path("token")), mode(&b.root())), (0o600, 0o600));
        assert_eq!(mode(b.root().parent().unwrap()), 0o700);
        assert!(b.read("token").starts_with(b"casemate-token-v1\n"));
        for (segment, n) in [("4KB", 0), ("4KB", 50_000), ("1MB", 1000)] {
            let plain = data(n);
            b.write("in", &plain);
            let with = [
                "--key",
                "token",
                "--segment",
                segment,
                "--aad",
                "label",
                "--force",
            ];
            b.succeeds(&[&["encrypt"], &with[..], &["in", "sealed"]].concat());
            b.succeeds(&[&["decrypt"], &with[..], &["sealed", "out"]].concat());
            assert!(b.read("out") == plain, "{device}: {n} bytes");
            let other = ["--key", "token", "--segment", segment, "--aad", "labels"];
            let args = [&["decrypt"], &other[..], &["sealed", "none"]].concat();
            b.fails(&args, "segment 0 does not authenticate");
        }
        // Another key of the same device, and the same key at another.
        b.succeeds(&["key", "generate", "other"]);
        b.fails(
            &["decrypt", "--key", "other", "sealed", "none"],
            "segment 0 does not authenticate",
        );
        let elsewhere = format!("{device}?root={}", b.path("root2").display());
        let args = [
            "--device", &elsewhere, "decrypt", "--key", "token", "sealed", "none",
        ];
        b.succeeds(&["--device", &elsewhere, "key", "generate", "theirs"]);
        b.fails(&args, "the token does not unwrap on this device");
        // Associated data is limited by what the device derives with.
        let long = "x".repeat(225);
        b.fails(
            &["encrypt", "--key", "token", "--aad", &long, "in", "none"],
            "up to 224",
        );
        b.succeeds(&["encrypt", "--key", "token", "--aad", &long[1..], "in", "long"]);
    }
}

/// What a key file encrypts, a token of that key decrypts, and the other way: one format, one derivation.
#[test]
fn an_imported_key_is_the_same_key() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        b.succeeds(&["key", "import", "key", "token"]);
        let plain = data(30_000);
        b.write("in", &plain);
        b.succeeds(&["encrypt", "--key-file", "key", "--aad", "x", "in", "by-file"]);
        b.succeeds(&["encrypt", "--key", "token", "--aad", "x", "in", "by-token"]);
        b.succeeds(&["decrypt", "--key", "token", "--aad", "x", "by-file", "out1"]);
        b.succeeds(&["decrypt", "--key-file", "key", "--aad", "x", "by-token", "out2"]);
        assert!(b.read("out1") == plain && b.read("out2") == plain, "{device}");
        assert_eq!(
            json_of(&b, &["key", "info", "--json", "token"])["origin"],
            "imported"
        );
        let hex = hex::encode(b.read("key"));
        let token = String::from_utf8(b.read("token")).unwrap();
        assert!(!token.contains(&hex[..16]));
        b.fails(
            &["key", "import", "--type", "aes-128", "key", "none"],
            "this type of key 16",
        );
    }
}

#[test]
fn what_tokens_say() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        b.succeeds(&["key", "generate", "a"]);
        b.succeeds(&[
            "key",
            "generate",
            "--type",
            "aes-192",
            "--usage",
            "encrypt,kwp",
            "--limit",
            "7",
            "--label",
            "twelve bytes",
            "--domain",
            "9",
            "--epoch",
            "300",
            "b",
        ]);
        b.succeeds(&[
            "key",
            "generate",
            "--iv-policy",
            "derived",
            "--secret-len",
            "64",
            "c",
        ]);
        b.write("not a token", b"something else");
        let v = json_of(&b, &["key", "list", "--json"]);
        let all = v["tokens"].as_array().unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(
            all[1],
            json!({
                "file": "b", "type": "aes-192", "bytes": 24, "domain": 9, "epoch": 300,
                "usage": ["encrypt", "export_wrapped", "kwp"], "iv_policy": "host",
                "origin": "generated", "limit": 7, "used": 0, "label": "twelve bytes", "unwraps": null,
            })
        );
        assert_eq!(
            (&all[2]["bytes"], &all[2]["iv_policy"]),
            (&64.into(), &"derived".into())
        );
        let info = json_of(&b, &["key", "info", "--json", "b"]);
        for field in [
            "type", "bytes", "domain", "epoch", "usage", "limit", "label", "origin",
        ] {
            assert_eq!(info[field], all[1][field], "{field}");
        }
        assert!(text_of(&b, &["key", "info", "b"]).contains("usage      encrypt,export_wrapped,kwp"));
        let text = text_of(&b, &["key", "list", "."]);
        assert!(text.contains("token") && text.lines().count() == 4, "{text}");
        let v = json_of(&b, &["key", "list", "--check", "--json"]);
        assert!(
            v["tokens"]
                .as_array()
                .unwrap()
                .iter()
                .all(|t| t["unwraps"] == true)
        );

        // One that was altered: the list says so only when it asks the device.
        let mut bad = String::from_utf8(b.read("b")).unwrap();
        let last = bad.trim_end().len() - 1;
        let digit = if bad.as_bytes()[last] == b'0' { "1" } else { "0" };
        bad.replace_range(last..last + 1, digit);
        b.write("b", bad.as_bytes());
        b.succeeds(&["key", "list", "."]);
        let out = b.run(&["key", "list", "--check", "."]);
        assert_eq!(out.status.code(), Some(1));
        let rows = String::from_utf8(out.stdout).unwrap();
        let marked: Vec<_> = rows.lines().filter(|l| l.ends_with("DOES NOT UNWRAP")).collect();
        assert!(marked.len() == 1 && marked[0].starts_with("b "), "{rows}");
        b.fails(
            &["key", "info", "b"],
            "the token b does not unwrap on this device",
        );
        b.write("b", &bad.as_bytes()[..200]);
        let out = b.run(&["key", "list"]);
        assert!(String::from_utf8_lossy(&out.stdout).contains("its blob cannot be read"));
        b.fails(&["key", "list", "nowhere"], "cannot list the folder nowhere");
        std::fs::create_dir(b.path("empty")).unwrap();
        assert_eq!(text_of(&b, &["key", "list", "empty"]), "");
    }
}

#[test]
fn derived_keys() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        b.succeeds(&["key", "import", "key", "base"]);
        let derive = |rest: &[&'static str]| [&["key", "derive"], rest].concat();
        b.succeeds(&derive(&["--info", "files", "--salt", "00ff", "base", "one"]));
        b.succeeds(&derive(&["--info", "files", "--salt", "00ff", "base", "same"]));
        b.succeeds(&derive(&["--info", "other", "--salt", "00ff", "base", "two"]));
        b.succeeds(&derive(&[
            "--kdf", "kbkdf", "--hash", "sha-512", "--info", "files", "base", "three",
        ]));
        // The first as the host would derive it.
        let key = hkdf::Hkdf::<sha2::Sha256>::new(Some(&[0, 0xff]), &b.read("key"));
        let mut out = [0; 32];
        key.expand(b"files", &mut out).unwrap();
        b.write("one.key", &out);
        b.write("in", b"some text");
        b.succeeds(&["encrypt", "--key", "one", "in", "sealed"]);
        for with in [["--key", "same"], ["--key-file", "one.key"]] {
            let out = b.succeeds(&[&["decrypt"], &with[..], &["sealed", "-"]].concat());
            assert_eq!(out.stdout, b"some text", "{device}: {with:?}");
        }
        for other in ["base", "two", "three"] {
            b.fails(
                &["decrypt", "--key", other, "sealed", "none"],
                "does not authenticate",
            );
        }
        assert_eq!(
            json_of(&b, &["key", "info", "--json", "one"])["origin"],
            "derived"
        );
        b.fails(
            &derive(&["--kdf", "kbkdf", "--salt", "00", "base", "none"]),
            "a salt is for HKDF",
        );
        b.succeeds(&["key", "generate", "--type", "aes-256", "aes"]);
        b.fails(&derive(&["aes", "none"]), "does not allow it");
        // Rights do not grow: kwp is none of its base's.
        b.fails(
            &derive(&["--usage", "derive,kwp", "base", "none"]),
            "does not allow it",
        );
    }
}

#[test]
fn wrapped_for_other_systems() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        // The wrapping key is one that both sides know: here a key file.
        b.succeeds(&[
            "key",
            "import",
            "--type",
            "wrapping",
            "--usage",
            "wrap,unwrap,kwp",
            "key",
            "kek",
        ]);
        b.succeeds(&["key", "generate", "--usage", "derive,kwp", "token"]);
        b.succeeds(&["key", "wrap", "--under", "kek", "token", "wrapped"]);
        let wrapped = b.read("wrapped");
        let kek = aes_kw::KekAes256::try_from(&b.read("key")[..]).unwrap();
        let plain = kek.unwrap_with_padding_vec(&wrapped).unwrap();
        assert_eq!(
            (wrapped.len(), plain.len(), mode(&b.path("wrapped"))),
            (40, 32, 0o600)
        );
        b.write("plain.key", &plain);
        b.write("in", b"some text");
        b.succeeds(&["encrypt", "--key-file", "plain.key", "in", "sealed"]);
        b.succeeds(&["key", "unwrap", "--under", "kek", "wrapped", "back"]);
        for token in ["token", "back"] {
            let out = b.succeeds(&["decrypt", "--key", token, "sealed", "-"]);
            assert_eq!(out.stdout, b"some text", "{device}: {token}");
        }
        assert_eq!(
            json_of(&b, &["key", "info", "--json", "back"])["origin"],
            "foreign"
        );
        let unwrap = |rest: &[&'static str]| [&["key", "unwrap", "--under", "kek"], rest].concat();
        b.fails(
            &unwrap(&["--secret-len", "33", "wrapped", "none"]),
            "is not a key of type secret",
        );
        b.fails(&unwrap(&["in", "none"]), "24 to 72");
        b.succeeds(&["key", "generate", "stays"]);
        b.fails(
            &["key", "wrap", "--under", "kek", "stays", "none"],
            "does not allow it",
        );
        b.succeeds(&[
            "key",
            "generate",
            "--domain",
            "2",
            "--usage",
            "derive,kwp",
            "tenant",
        ]);
        b.fails(
            &["key", "wrap", "--under", "kek", "tenant", "none"],
            "tenant is of domain 2, kek of domain 1",
        );
    }
}

#[test]
fn rotation_and_the_end_of_a_token() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        b.succeeds(&["key", "generate", "old"]);
        b.write("in", b"some text");
        b.succeeds(&["encrypt", "--key", "old", "in", "sealed"]);
        b.succeeds(&["key", "wrap", "--epoch", "2", "old", "new"]);
        assert_eq!(json_of(&b, &["key", "info", "--json", "new"])["epoch"], 2);
        assert_eq!(
            b.succeeds(&["decrypt", "--key", "new", "sealed", "-"]).stdout,
            b"some text"
        );
        // An epoch that the text claims is not that of the key.
        let text = String::from_utf8(b.read("new")).unwrap();
        b.write("forged", text.replace("epoch = 2", "epoch = 1").as_bytes());
        b.fails(&["key", "info", "forged"], "does not unwrap on this device");
        // What is not ours stays; so does what is no token.
        b.fails(&["key", "destroy", "forged"], "does not unwrap on this device");
        b.fails(&["key", "destroy", "in"], "in is no token");
        assert!(b.exists("forged") && b.exists("in"));
        b.succeeds(&["key", "destroy", "old"]);
        assert!(!b.exists("old") && b.exists("new"));
        b.fails(
            &["key", "destroy", "old"],
            "cannot read the token old: No such file",
        );
    }
}

#[test]
fn random_bytes() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        // Slow in the RTL.
        let n = if *device == "soft:" { 100_000 } else { 3000 };
        let one = b.succeeds(&["random", &n.to_string()]).stdout;
        let two = b.succeeds(&["random", &n.to_string()]).stdout;
        assert!(one.len() == n && one != two, "{device}");
        // Keys of two runs differ too.
        let tokens = ["one", "two"].map(|t| {
            b.succeeds(&["key", "generate", "--usage", "derive,kwp", t]);
            b.read(t)
        });
        b.succeeds(&[
            "key", "import", "--type", "wrapping", "--usage", "wrap,kwp", "key", "kek",
        ]);
        let keys = ["one", "two"].map(|t| {
            let out = format!("{t}.kwp");
            b.succeeds(&["key", "wrap", "--under", "kek", t, &out]);
            b.read(&out)
        });
        assert!(tokens[0] != tokens[1] && keys[0] != keys[1], "{device}");
        let hex = text_of(&b, &["random", "--hex", "16"]);
        assert_eq!((hex.len(), hex::decode(hex.trim()).unwrap().len()), (33, 16));
        assert_eq!(b.succeeds(&["random", "0"]).stdout, b"");
        assert_eq!(b.run(&["random", "many"]).status.code(), Some(2));
    }
}

#[test]
fn errors_name_their_cause() {
    for device in KEY_DEVICES {
        let b = Bench::new(device);
        b.succeeds(&["key", "generate", "token"]);
        b.write("in", b"some text");
        let before = b.read("token");
        b.fails(&["key", "generate", "token"], "token is there already");
        b.fails(&["key", "derive", "token", "token"], "token is there already");
        b.fails(
            &["encrypt", "--key", "token", "--force", "in", "token"],
            "is the key file itself",
        );
        assert_eq!(b.read("token"), before);
        let generate = |rest: &[&'static str]| [&["key", "generate"], rest].concat();
        b.fails(
            &generate(&["--usage", "encrypt", "none"]),
            "the type cannot have this usage",
        );
        b.fails(
            &generate(&["--iv-policy", "derived", "--usage", "derive,sign", "none"]),
            "for secrets whose only usage is derive",
        );
        b.fails(&generate(&["--label", "thirteen byte", "none"]), "up to 12");
        b.fails(
            &generate(&["nowhere/none"]),
            "cannot write to the folder of nowhere/none",
        );
        for args in [
            generate(&["--usage", "fly", "none"]),
            generate(&["--secret-len", "15", "none"]),
            generate(&["--type", "rsa", "none"]),
            generate(&["--limit", "0", "none"]),
            generate(&["--domain", "256", "none"]),
            vec!["key", "wrap", "token", "none"],
            vec!["key", "derive", "--salt", "0", "token", "none"],
            vec!["encrypt", "--key", "token", "--key-file", "key", "in", "none"],
        ] {
            assert_eq!(b.run(&args).status.code(), Some(2), "{args:?}");
        }
        b.fails(&["encrypt", "--key", "key", "in", "none"], "key is no token");
        b.fails(
            &["encrypt", "--key", "none", "in", "out"],
            "cannot read the token none",
        );
        b.fails(&["encrypt", "--key", ".", "in", "out"], "is a directory");
        b.succeeds(&generate(&["--type", "aes-256", "aes"]));
        b.fails(
            &["encrypt", "--key", "aes", "in", "out"],
            "cannot encrypt files: that takes usage derive",
        );
        // The root secret is the user's alone.
        std::fs::set_permissions(b.root(), PermissionsExt::from_mode(0o644)).unwrap();
        b.fails(&["key", "info", "token"], "chmod 600 it");
        std::fs::set_permissions(b.root(), PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(b.root(), "0123").unwrap();
        b.fails(&["key", "info", "token"], "not 64 hexadecimal digits");
        let mut c = b.command(&["key", "info", "token"]);
        let out = c
            .env_remove("XDG_STATE_HOME")
            .env_remove("HOME")
            .output()
            .unwrap();
        assert!(String::from_utf8_lossy(&out.stderr).contains("set HOME or XDG_STATE_HOME"));
    }
}
