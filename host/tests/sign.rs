// SPDX-License-Identifier: Apache-2.0
//! `casemate sign`, `verify`, `pubkey` and `csr`, run as a user runs them; OpenSSL reads what they write, and writes what they read.

mod common;

use common::{Bench, data};
use serde_json::Value;
use std::process::Command;

/// Devices with an engine for elliptic curves.
const EC_DEVICES: &[&str] = &["soft:", "sim:"];

/// Type, OpenSSL's name, and the hash by default.
const CURVES: [(&str, &str, &str); 2] = [("p256", "P-256", "sha256"), ("p384", "P-384", "sha384")];

/// Runs OpenSSL in the bench's folder; what it said, and whether it was content.
fn openssl(b: &Bench, args: &[&str]) -> (bool, String) {
    let out = Command::new("openssl")
        .current_dir(b.path("."))
        .args(args)
        .output();
    let out = out.expect("openssl is installed");
    let said = [out.stdout, out.stderr].concat();
    (out.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn content(b: &Bench, args: &[&str]) -> String {
    let (good, said) = openssl(b, args);
    assert!(good, "openssl {args:?}: {said}");
    said
}

#[test]
fn openssl_verifies() {
    for device in EC_DEVICES {
        let b = Bench::new(device);
        for (kind, _, usual) in CURVES {
            let token = format!("{kind}.token");
            b.succeeds(&["key", "generate", "--type", kind, &token]);
            b.succeeds(&["pubkey", "--force", &token, "public.pem"]);
            for (n, hash, name) in [
                (0, "", usual),
                (200_000, "", usual),
                (1000, "sha-256", "sha256"),
                (1000, "sha-384", "sha384"),
                (1000, "sha-512", "sha512"),
            ] {
                b.write("in", &data(n));
                let with = if hash.is_empty() {
                    vec![]
                } else {
                    vec!["--hash", hash]
                };
                b.succeeds(&[&["sign", "--force", "--key", &token], &with[..], &["in", "sig"]].concat());
                let dgst = [
                    "dgst",
                    &format!("-{name}"),
                    "-verify",
                    "public.pem",
                    "-signature",
                    "sig",
                    "in",
                ];
                assert_eq!(content(&b, &dgst), "Verified OK\n", "{device}: {kind}");
                let args = [
                    &["verify", "--public-key", "public.pem"],
                    &with[..],
                    &["in", "sig"],
                ]
                .concat();
                assert_eq!(b.succeeds(&args).stdout, b"the signature is good\n");
                b.succeeds(&[&["verify", "--key", &token], &with[..], &["in", "sig"]].concat());
            }
            // From standard input, to standard output.
            let out = b.feed(&["sign", "--key", &token, "-", "-"], &data(5000));
            assert!(out.status.success());
            b.write("in", &data(5000));
            b.write("sig", &out.stdout);
            let out = b.feed(&["verify", "--public-key", "public.pem", "-", "sig"], &data(5000));
            assert!(out.status.success());
            let (text, size) = (
                content(&b, &["pkey", "-pubin", "-in", "public.pem", "-text", "-noout"]),
                &kind[1..],
            );
            assert!(text.contains(&format!("{size} bit")), "{text}");
        }
    }
}

#[test]
fn openssl_signs() {
    for device in EC_DEVICES {
        let b = Bench::new(device);
        b.write("in", &data(3000));
        b.write("other", &data(3001));
        for (_, name, hash) in CURVES {
            let curve = format!("ec_paramgen_curve:{name}");
            content(
                &b,
                &[
                    "genpkey",
                    "-algorithm",
                    "EC",
                    "-pkeyopt",
                    &curve,
                    "-out",
                    "theirs.key",
                ],
            );
            content(
                &b,
                &["pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pem"],
            );
            content(
                &b,
                &[
                    "dgst",
                    &format!("-{hash}"),
                    "-sign",
                    "theirs.key",
                    "-out",
                    "sig",
                    "in",
                ],
            );
            let verify = ["verify", "--public-key", "theirs.pem"];
            b.succeeds(&[&verify[..], &["in", "sig"]].concat());
            b.fails(
                &[&verify[..], &["other", "sig"]].concat(),
                "the signature does not verify",
            );
            b.fails(
                &[&verify[..], &["--hash", "sha-512", "in", "sig"]].concat(),
                "the signature does not verify",
            );
        }
        content(&b, &["genpkey", "-algorithm", "ED25519", "-out", "ed.key"]);
        content(&b, &["pkey", "-in", "ed.key", "-pubout", "-out", "ed.pem"]);
        b.fails(
            &["verify", "--public-key", "ed.pem", "in", "sig"],
            "not of an elliptic curve",
        );
        let curve = "ec_paramgen_curve:P-521";
        content(
            &b,
            &[
                "genpkey",
                "-algorithm",
                "EC",
                "-pkeyopt",
                curve,
                "-out",
                "521.key",
            ],
        );
        content(&b, &["pkey", "-in", "521.key", "-pubout", "-out", "521.pem"]);
        b.fails(
            &["verify", "--public-key", "521.pem", "in", "sig"],
            "not on P-256 or P-384",
        );
        b.fails(
            &["verify", "--public-key", "theirs.key", "in", "sig"],
            "`PRIVATE KEY`",
        );
        b.fails(&["verify", "--public-key", "in", "in", "sig"], "no PEM");
    }
}

#[test]
fn raw_and_deterministic() {
    for device in EC_DEVICES {
        let b = Bench::new(device);
        b.write("in", &data(100));
        for (kind, size) in [("p256", 64), ("p384", 96)] {
            let usage = ["--usage", "sign,deterministic"];
            b.succeeds(&[&["key", "generate", "--type", kind], &usage[..], &[kind]].concat());
            let sign = |more: &[&str], out: &str| {
                b.succeeds(&[&["sign", "--force", "--key", kind], more, &["in", out]].concat());
                b.read(out)
            };
            let raw = sign(&["--raw", "--deterministic"], "raw");
            assert_eq!(raw.len(), size);
            assert_eq!(raw, sign(&["--raw", "--deterministic"], "raw2"));
            assert_ne!(raw, sign(&["--raw"], "hedged"));
            b.succeeds(&["verify", "--raw", "--key", kind, "in", "raw"]);
            b.succeeds(&["verify", "--raw", "--key", kind, "in", "hedged"]);
            b.fails(
                &["verify", "--key", kind, "in", "raw"],
                "with --raw it is read as r and s",
            );
            let der = sign(&["--deterministic"], "der");
            assert_eq!(der[0], 0x30);
            b.fails(
                &["verify", "--raw", "--key", kind, "in", "der"],
                "without --raw it is read as DER",
            );
            let mut altered = raw;
            altered[size - 1] ^= 1;
            b.write("altered", &altered);
            b.fails(
                &["verify", "--raw", "--key", kind, "in", "altered"],
                "the signature does not verify",
            );
        }
    }
}

#[test]
fn certificate_requests() {
    for device in EC_DEVICES {
        let b = Bench::new(device);
        for (kind, _, hash) in CURVES {
            b.succeeds(&["key", "generate", "--type", kind, kind]);
            b.succeeds(&["pubkey", kind, &format!("{kind}.pem")]);
            let subject = "CN=example.org,OU=Keys \\, vaults,O=Example Ltd,C=DE";
            b.succeeds(&["csr", "--key", kind, "--subject", subject, "--force", "csr.pem"]);
            let said = content(&b, &["req", "-in", "csr.pem", "-verify", "-noout"]);
            assert!(
                said.contains("verify OK") || said.contains("self-signature verify OK"),
                "{said}"
            );
            let told = content(
                &b,
                &[
                    "req", "-in", "csr.pem", "-noout", "-subject", "-nameopt", "RFC2253",
                ],
            );
            assert_eq!(told.trim_end(), format!("subject={subject}"));
            assert_eq!(
                content(&b, &["req", "-in", "csr.pem", "-noout", "-pubkey"]).as_bytes(),
                b.read(&format!("{kind}.pem"))
            );
            let text = content(&b, &["req", "-in", "csr.pem", "-noout", "-text"]);
            assert!(
                text.contains(&format!("ecdsa-with-{}", hash.to_uppercase())),
                "{text}"
            );
            // A certificate of it.
            content(
                &b,
                &[
                    "genpkey",
                    "-algorithm",
                    "EC",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-out",
                    "ca.key",
                ],
            );
            content(
                &b,
                &[
                    "req", "-x509", "-key", "ca.key", "-subj", "/CN=ca", "-out", "ca.pem",
                ],
            );
            content(
                &b,
                &[
                    "x509",
                    "-req",
                    "-in",
                    "csr.pem",
                    "-CA",
                    "ca.pem",
                    "-CAkey",
                    "ca.key",
                    "-CAcreateserial",
                    "-out",
                    "cert.pem",
                ],
            );
            content(&b, &["verify", "-CAfile", "ca.pem", "cert.pem"]);
            // And to standard output, by another hash.
            let out = b.succeeds(&["csr", "--key", kind, "--hash", "sha-512", "--subject", "CN=x"]);
            b.write("csr2.pem", &out.stdout);
            content(&b, &["req", "-in", "csr2.pem", "-verify", "-noout"]);
        }
        for bad in ["", "example.org", "XX=example", "CN"] {
            b.fails(&["csr", "--key", "p256", "--subject", bad, "none"], "is no name");
        }
    }
}

#[test]
fn tokens_of_private_keys() {
    for device in EC_DEVICES {
        let b = Bench::new(device);
        b.write("in", &data(10));
        b.succeeds(&[
            "key",
            "generate",
            "--type",
            "p384",
            "--protection",
            "blind",
            "--label",
            "web",
            "t",
        ]);
        let info: Value =
            serde_json::from_slice(&b.succeeds(&["key", "info", "--json", "t"]).stdout).unwrap();
        assert_eq!(
            (
                &info["type"],
                &info["bytes"],
                &info["protection"],
                &info["iv_policy"]
            ),
            (&"p384".into(), &48.into(), &"blind".into(), &Value::Null)
        );
        assert_eq!(info["usage"], serde_json::json!(["sign", "export_wrapped"]));
        let text = String::from_utf8(b.succeeds(&["key", "list", "--check"]).stdout).unwrap();
        assert!(
            text.contains("p384") && text.contains("sign,export_wrapped  `web`"),
            "{text}"
        );
        // Under the next wrapping key it is the same key.
        b.succeeds(&["key", "wrap", "--epoch", "2", "t", "t2"]);
        b.succeeds(&["pubkey", "t", "p1"]);
        b.succeeds(&["pubkey", "t2", "p2"]);
        assert_eq!(b.read("p1"), b.read("p2"));
        // Out to another system and back.
        b.succeeds(&[
            "key",
            "generate",
            "--type",
            "wrapping",
            "--usage",
            "wrap,unwrap,kwp",
            "kek",
        ]);
        b.succeeds(&[
            "key", "generate", "--type", "p256", "--usage", "sign,kwp", "leaves",
        ]);
        b.succeeds(&["key", "wrap", "--under", "kek", "leaves", "wrapped"]);
        assert_eq!(b.read("wrapped").len(), 40);
        b.succeeds(&[
            "key", "unwrap", "--under", "kek", "--type", "p256", "wrapped", "back",
        ]);
        b.succeeds(&["pubkey", "leaves", "p3"]);
        assert_eq!(b.succeeds(&["pubkey", "back"]).stdout, b.read("p3"));
        // A key file of 32 bytes can be a private key, all of them but some.
        b.succeeds(&["key", "import", "--type", "p256", "key", "imported"]);
        b.succeeds(&["sign", "--key", "imported", "in", "sig"]);
        b.write("zeros", "0".repeat(64).as_bytes());
        std::fs::set_permissions(
            b.path("zeros"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        b.fails(
            &["key", "import", "--type", "p256", "zeros", "none"],
            "is not from 1 to n - 1",
        );
        b.fails(
            &["key", "import", "--type", "p384", "key", "none"],
            "choose aes-256, wrapping, p256",
        );
    }
}

#[test]
fn refused_with_a_reason() {
    for device in EC_DEVICES {
        let b = Bench::new(device);
        b.write("in", &data(10));
        let make = |args: &[&str]| b.succeeds(&[&["key", "generate"], args].concat());
        make(&["secret"]);
        make(&["--type", "p256", "p"]);
        make(&["--type", "p256", "--usage", "derive", "agrees"]);
        b.fails(
            &["sign", "--key", "secret", "in", "out"],
            "holds a key of type secret, not a private key",
        );
        b.fails(&["sign", "--key", "agrees", "in", "out"], "that takes usage sign");
        b.fails(
            &["sign", "--key", "p", "--deterministic", "in", "out"],
            "usage sign,deterministic",
        );
        b.fails(
            &["csr", "--key", "agrees", "--subject", "CN=x", "out"],
            "that takes usage sign",
        );
        b.fails(&["pubkey", "secret"], "not a private key");
        b.fails(&["encrypt", "--key", "agrees", "in", "out"], "it is of type p256");
        b.fails(
            &[
                "key",
                "generate",
                "--type",
                "p256",
                "--usage",
                "sign,derive",
                "no",
            ],
            "or not together",
        );
        b.fails(
            &["key", "generate", "--type", "p256", "--usage", "encrypt", "no"],
            "cannot have this usage",
        );
        b.fails(
            &[
                "key",
                "generate",
                "--type",
                "p384",
                "--iv-policy",
                "derived",
                "no",
            ],
            "has no IV policy",
        );
        b.fails(
            &["key", "generate", "--protection", "none", "no"],
            "--protection is for private keys",
        );
        b.fails(
            &["key", "derive", "--type", "p256", "secret", "no"],
            "is not made so",
        );
        b.fails(&["key", "derive", "agrees", "no"], "does not allow it");
        // Nothing is overwritten unasked, and never what is read.
        b.succeeds(&["sign", "--key", "p", "in", "sig"]);
        b.fails(&["sign", "--key", "p", "in", "sig"], "is there already");
        b.fails(
            &["sign", "--key", "p", "--force", "in", "in"],
            "is the input itself",
        );
        b.fails(
            &["sign", "--key", "p", "--force", "in", "p"],
            "is the token itself",
        );
        b.fails(&["pubkey", "p", "sig"], "is there already");
        b.fails(&["pubkey", "--force", "p", "p"], "is the token itself");
        b.fails(
            &["csr", "--key", "p", "--subject", "CN=x", "sig"],
            "is there already",
        );
        b.fails(&["sign", "--key", "p", ".", "out"], "is a directory");
        b.fails(&["sign", "--key", "p", "absent", "out"], "cannot read absent");
        b.fails(
            &["verify", "--key", "p", "in", "absent"],
            "cannot read the signature absent",
        );
        b.fails(
            &["verify", "--public-key", "absent", "in", "sig"],
            "cannot read the public key absent",
        );
        let other = format!("{device}?root={}", b.path("root2").display());
        b.succeeds(&["--device", &other, "key", "generate", "theirs"]);
        b.fails(
            &["--device", &other, "sign", "--key", "p", "in", "out"],
            "does not unwrap on this device",
        );
        // A limit holds while the token is in its slot.
        make(&["--type", "p256", "--limit", "1", "once"]);
        b.succeeds(&["sign", "--key", "once", "in", "once.sig"]);
    }
}

#[test]
fn without_an_engine() {
    let b = Bench::new("soft:?ec=0");
    b.write("in", &data(10));
    b.fails(
        &["key", "generate", "--type", "p256", "t"],
        "does not serve keys of type p256 and p384",
    );
    let text = String::from_utf8(b.succeeds(&["info"]).stdout).unwrap();
    assert!(text.contains("EC engines        none"), "{text}");
    b.succeeds(&["--device", "soft:", "key", "generate", "--type", "p256", "t"]);
    b.fails(
        &["sign", "--key", "t", "in", "sig"],
        "does not serve keys of type p256 and p384",
    );
    b.fails(&["key", "info", "t"], "does not serve keys of type p256 and p384");
    let info = b.succeeds(&["--device", "soft:", "info", "--json"]).stdout;
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info["capabilities"]["ec_engines"], 1);
}
