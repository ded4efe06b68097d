// SPDX-License-Identifier: Apache-2.0
//! `casemate devices`, `info` and `bench`: the fields that scripts rely on.

mod common;

use common::Bench;
use serde_json::Value;

fn json(b: &Bench, args: &[&str]) -> Value {
    serde_json::from_slice(&b.succeeds(args).stdout).expect("JSON on standard output")
}

#[test]
fn devices() {
    let b = Bench::new("soft:");
    let v = json(&b, &["devices", "--json"]);
    let uris: Vec<_> = v["devices"].as_array().unwrap().iter().collect();
    for uri in ["sim:", "soft:"] {
        let d = uris.iter().find(|d| d["uri"] == uri).unwrap();
        assert!(d["available"].is_boolean() && d["detail"].is_string());
    }
    let text = String::from_utf8(b.succeeds(&["devices"]).stdout).unwrap();
    assert!(text.contains("sim:") && text.contains("soft:"));
}

#[test]
fn info() {
    for device in ["soft:?lanes=2&slots=16", "sim:"] {
        let b = Bench::new(device);
        let v = json(&b, &["info", "--json"]);
        assert_eq!(v["device"], device);
        let c = &v["capabilities"];
        assert_eq!(c["slots"], if device == "sim:" { 64 } else { 16 });
        for key in [
            "queues",
            "lanes",
            "axi_bytes",
            "read_tags",
            "burst_bytes",
            "depth_max",
            "iv_max",
        ] {
            assert!(c[key].as_u64().unwrap() > 0, "{key}");
        }
        for key in [
            "cycles",
            "requests_in",
            "requests_out",
            "requests_failed",
            "bytes_in",
            "bytes_out",
        ] {
            assert!(v["counters"][key].is_u64(), "{key}");
        }
        let lanes = v["counters"]["lanes"].as_array().unwrap();
        assert_eq!(lanes.len() as u64, c["lanes"].as_u64().unwrap());
        for key in ["busy_cycles", "input_stall_cycles", "output_stall_cycles"] {
            assert!(lanes[0][key].is_u64(), "{key}");
        }
        let status = &v["status"];
        assert_eq!(
            (&status["ready"], &status["sealed"], &status["tamper"]),
            (&true.into(), &false.into(), &false.into())
        );
        assert!(v["slots"].as_array().is_none_or(|s| s.is_empty()));
        let queues = v["queues"].as_array().unwrap();
        assert_eq!(queues.len() as u64, c["queues"].as_u64().unwrap());
        assert_eq!(queues[0]["state"], "enabled");
        assert_eq!(queues[1]["state"], "disabled");
        let text = String::from_utf8(b.succeeds(&["info"]).stdout).unwrap();
        assert!(text.contains("key slots") && text.contains("input stall"));
    }
}

#[test]
fn bench_in_cycles_of_the_device() {
    let b = Bench::new("sim:");
    let v = json(
        &b,
        &[
            "bench",
            "--json",
            "--sizes",
            "64,1500",
            "--requests",
            "200",
            "--queues",
            "2",
        ],
    );
    assert_eq!(v["device"], "sim:");
    assert_eq!(v["parameters"]["keys"], 16);
    assert_eq!(v["parameters"]["depth"], serde_json::json!([64]));
    let rows = v["results"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for (row, (op, size)) in rows.iter().zip([
        ("aes-256-gcm-seal", 64),
        ("aes-256-gcm-seal", 1500),
        ("aes-256-gcm-open", 64),
        ("aes-256-gcm-open", 1500),
    ]) {
        assert_eq!((&row["op"], &row["size"]), (&op.into(), &size.into()));
        assert_eq!(
            (&row["batch"], &row["depth"], &row["queues"]),
            (&8.into(), &64.into(), &2.into())
        );
        let (cycles, requests) = (row["cycles"].as_f64().unwrap(), row["requests"].as_f64().unwrap());
        // The device counts; it is never far from what was asked for.
        assert!((150.0..300.0).contains(&requests), "{row}");
        let (per_cycle, per_request) = (
            row["bytes_per_cycle"].as_f64().unwrap(),
            row["cycles_per_request"].as_f64().unwrap(),
        );
        assert!((per_cycle - requests * f64::from(size) / cycles).abs() < 1e-6);
        assert!((per_request - cycles / requests).abs() < 1e-6);
        // A lane takes a block a cycle and no more.
        assert!(per_cycle < 16.0, "{row}");
    }
}

#[test]
fn bench_without_a_clock_says_so() {
    let b = Bench::new("soft:");
    let out = b.succeeds(&["bench", "--json", "--requests", "10"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("has no clock"));
    let v: Value = serde_json::from_slice(&out.stdout).unwrap();
    let rows = v["results"].as_array().unwrap();
    let sizes: Vec<_> = rows.iter().map(|r| r["size"].as_u64().unwrap()).collect();
    for size in [64, 256, 1024, 1500, 4096, 16384] {
        assert!(sizes.contains(&size));
    }
    for row in rows {
        assert!(
            row["cycles"].is_null()
                && row["bytes_per_cycle"].is_null()
                && row["cycles_per_request"].is_null()
        );
    }
    let text = String::from_utf8(b.succeeds(&["bench", "--sizes", "64", "--requests", "10"]).stdout).unwrap();
    assert!(text.contains("no clock") && !text.contains("NaN"));
}

#[test]
fn bench_of_signatures() {
    let b = Bench::new("soft:");
    let v = json(&b, &["bench", "--json", "--ops", "ecdsa", "--requests", "3"]);
    let rows = v["results"].as_array().unwrap();
    let ops: Vec<_> = rows.iter().map(|r| r["op"].as_str().unwrap()).collect();
    assert_eq!(
        ops,
        [
            "ecdsa-p256-sign",
            "ecdsa-p256-sign-protected",
            "ecdsa-p256-verify",
            "ecdsa-p384-sign",
            "ecdsa-p384-sign-protected",
            "ecdsa-p384-verify"
        ]
    );
    assert_eq!(v["parameters"]["op"], serde_json::json!(ops));
    assert!(
        rows.iter()
            .all(|r| r["cycles_per_request"].is_null() && r["depth"] == 4)
    );
    assert_eq!((&rows[0]["size"], &rows[5]["size"]), (&32.into(), &48.into()));
    let text = b.succeeds(&[
        "bench",
        "--op",
        "ecdsa-p256-verify,aes-256-gcm-seal",
        "--requests",
        "3",
    ]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains("ecdsa-p256-verify") && text.contains("aes-256-gcm-seal"),
        "{text}"
    );
    b.fails(
        &["--device", "soft:?ec=0", "bench", "--op", "ecdsa"],
        "does not serve keys of type p256 and p384",
    );
}

#[test]
fn a_reader_that_leaves_is_no_crash() {
    let b = Bench::new("soft:");
    // The reader is gone before the program starts.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let out = b.command(&["info"]).stdout(writer).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(
        stderr.trim(),
        "casemate: writing to standard output: Broken pipe (os error 32)"
    );
}

#[test]
fn bench_refuses_what_does_not_fit() {
    let b = Bench::new("soft:");
    b.fails(
        &["bench", "--batch", "65"],
        "a batch of 65 does not fit a queue of 64",
    );
    b.fails(&["bench", "--depth", "48"], "a power of two");
    b.fails(
        &["bench", "--keys", "65"],
        "65 keys do not fit the device's 64 slots",
    );
    b.fails(&["bench", "--queues", "8"], "one of them the officer's");
    assert_eq!(b.run(&["bench", "--sizes", "0"]).status.code(), Some(2));
}

#[test]
fn selftest() {
    for device in ["soft:", "soft:?ec=0", "sim:"] {
        let b = Bench::new(device);
        let out = b.succeeds(&["selftest"]);
        let text = String::from_utf8(out.stdout).unwrap();
        let engines = json(&b, &["info", "--json"])["capabilities"]["ec_engines"].clone();
        let answers = if engines == 0 { 3 } else { 5 };
        assert!(
            text.contains("passed") && text.matches("right").count() == answers,
            "{text}"
        );
    }
    let b = Bench::new("sim:?selftest_fault=1");
    let out = b.command(&["selftest"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).contains("FAILED"));
    assert!(String::from_utf8_lossy(&out.stderr).contains("failed its power-up self-tests"));
}

#[test]
fn zeroize_wants_a_yes() {
    for device in ["soft:", "sim:"] {
        let b = Bench::new(device);
        let out = b
            .command(&["zeroize"])
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&out.stderr).contains("--yes"));
        let out = b.succeeds(&["zeroize", "--yes"]);
        assert!(String::from_utf8_lossy(&out.stdout).contains("is zeroized"));
    }
}

/// What the way to a device costs, in a form for programs; the figures are what they are.
#[test]
fn bench_of_the_transport() {
    let b = Bench::new("soft:");
    let out = b.succeeds(&["bench", "--transport", "--requests", "100", "--json"]);
    let v: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(v["register_read_us"].as_f64().unwrap() > 0.0, "{v}");
    for way in ["by_interrupt", "by_polling"] {
        let at = |p: &str| v[way][p].as_f64().unwrap();
        assert!(
            at("median_us") > 0.0 && at("percentile_99_us") >= at("median_us"),
            "{v}"
        );
    }
    let rates = v["rates"].as_array().unwrap();
    let batches: Vec<_> = rates.iter().map(|r| r["batch"].as_u64().unwrap()).collect();
    assert_eq!(batches, [1, 8, 32, 64]);
    assert!(
        rates
            .iter()
            .all(|r| r["requests_per_second"].as_f64().unwrap() > 0.0
                && r["requests"].as_u64().unwrap() >= 100)
    );
    let text = b.succeeds(&["bench", "--transport", "--requests", "10"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("from doorbell to completion"));
    let out = b.run(&["bench", "--transport", "--sizes", "64"]);
    assert_eq!(out.status.code(), Some(2));
}

/// No such function on any machine: the exit status tells, and what is missing comes with its mend.
#[test]
fn doctor_where_nothing_is_right() {
    let b = Bench::new("soft:");
    let out = b.run(&["doctor", "vfio:ffff:ff:1f.7"]);
    assert_eq!(out.status.code(), Some(1));
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(text.contains("no ffff:ff:1f.7 on the bus"), "{text}");
    let missing = text.lines().filter(|l| l.starts_with("MISSING")).count();
    let mends = text
        .lines()
        .filter(|l| l.trim_start().starts_with("mend: "))
        .count();
    assert!(missing >= 1 && mends >= missing, "{text}");
    b.fails(&["--device", "vfio:ffff:ff:1f.7", "info"], "");
    b.fails(&["doctor", "vfio:1:2"], "lspci -D");
    b.fails(&["bind", "ffff:ff:1f.7"], "no PCI function ffff:ff:1f.7");
    let out = b.succeeds(&["doctor"]);
    assert!(String::from_utf8_lossy(&out.stdout).contains("self-tests     passed"));
    let rule = b.succeeds(&["doctor", "--udev-rule"]).stdout;
    let (vendor, device) = casemate::abi::pci::ID;
    for part in [
        format!("ATTR{{vendor}}==\"{vendor:#06x}\""),
        format!("ATTR{{device}}==\"{device:#06x}\""),
    ] {
        assert!(String::from_utf8_lossy(&rule).contains(&part), "{part}");
    }
}
