// SPDX-License-Identifier: Apache-2.0
//! The quick report: every series that needs no other software, numbers that are numbers, units, files; and a rerun counts the same cycles.

use casemate_bench::board::Clock;
use casemate_bench::plan::{Plan, SERIES, without_peers};
use casemate_bench::report::{DPDK, Report, Series};
use serde_json::Value;
use std::path::Path;

fn plan() -> Plan {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Plan {
        quick: true,
        seed: 1,
        clock: Clock::read(&root.join("hdl/syn/report.json")).unwrap(),
        program: None,
        peers: None,
    }
}

/// Columns that count or name things, which have no unit.
const PLAIN: [&str; 13] = [
    "operation",
    "queues",
    "lanes",
    "keys",
    "link",
    "settings",
    "requests",
    "cycles",
    "tags",
    "case",
    "part",
    "library",
    "version",
];

fn check(s: &Series) {
    for c in &s.columns {
        assert_eq!(
            c.unit.is_empty(),
            PLAIN.contains(&c.name),
            "{}: unit of {}",
            s.name,
            c.name
        );
    }
    for row in &s.rows {
        for (value, column) in row.iter().zip(&s.columns) {
            match value {
                Value::Null => assert!(column.optional, "{}: no {}", s.name, column.name),
                Value::Number(n) => {
                    let n = n.as_f64().unwrap();
                    assert!(n.is_finite() && n >= 0.0, "{}: {} is {n}", s.name, column.name);
                }
                _ => {}
            }
        }
    }
    assert!(
        s.command
            .starts_with("cargo xtask bench --quick --seed 1 --series "),
        "{}",
        s.command
    );
}

fn column(s: &Series, name: &str) -> Vec<f64> {
    let at = s.column(name).unwrap();
    s.rows.iter().map(|r| r[at].as_f64().unwrap()).collect()
}

fn of<'a>(all: &'a [Series], name: &str) -> &'a Series {
    all.iter().find(|s| s.name == name).unwrap()
}

#[test]
fn quick_report_is_whole() {
    let plan = plan();
    let series: Vec<Series> = without_peers().map(|n| plan.series(n, None).unwrap()).collect();
    series.iter().for_each(check);
    assert_eq!(series.len(), SERIES.len() - 2);

    // What must hold of figures whatever the device does.
    for (size, bytes) in column(of(&series, "size"), "size")
        .iter()
        .zip(column(of(&series, "size"), "bytes per cycle"))
    {
        assert!(
            bytes <= 16.0,
            "{size} bytes: {bytes} a cycle of a lane that takes 16"
        );
    }
    let latency = of(&series, "latency");
    for (p50, p99) in column(latency, "p50").iter().zip(column(latency, "p99")) {
        assert!(*p50 <= p99, "p50 {p50} and p99 {p99}");
    }
    for name in ["stages", "stages-link"] {
        let s = of(&series, name);
        for (row, total) in s.rows.iter().zip(column(s, "total")) {
            let sum: f64 = row[2..7].iter().map(|v| v.as_f64().unwrap()).sum();
            assert_eq!(sum, total, "stages of {row:?}");
        }
    }
    // Sealing ends at 1.62 GB/s behind x4 Gen2, and more tags than fit into the round trip bring nothing.
    let behind = column(of(&series, "link"), "throughput");
    let most = 1.92 * 256.0 / 304.0 * 8.0;
    let x4 = behind[..5].iter().fold(0.0_f64, |a, b| a.max(*b));
    assert!((0.95 * most..=most).contains(&x4), "{x4} Gbit/s of {most}");
    let tags = column(of(&series, "tags"), "throughput");
    assert!(tags[0] * 3.0 < tags[1] && tags[2] < tags[1] * 1.05, "{tags:?}");

    let again = plan.series("depth", None).unwrap();
    assert_eq!(
        column(of(&series, "depth"), "cycles"),
        column(&again, "cycles"),
        "a rerun"
    );
    let again = plan.series("latency", None).unwrap();
    assert_eq!(latency.rows, again.rows, "a rerun");

    let folder = tempfile::tempdir().unwrap();
    let report = Report {
        about: vec![("clock".into(), format!("{} MHz", plan.clock.mhz))],
        series,
    };
    report.write(folder.path()).unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let page = read("index.html");
    for s in &report.series {
        assert!(
            page.contains(&format!("id=\"{}\"", s.name)),
            "{} is not on the page",
            s.name
        );
        assert_eq!(read(&format!("{}.csv", s.name)).lines().count(), s.rows.len() + 1);
        if s.plot.is_some() {
            let svg = read(&format!("{}.svg", s.name));
            assert!(svg.contains("</svg>") && !svg.contains("NaN"), "{}", s.name);
            assert!(svg.contains("<poly"), "{}: no lines", s.name);
        }
    }
    assert!(read("throughput.csv").starts_with(DPDK));
    let json: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(json["series"].as_array().unwrap().len(), report.series.len());
    assert!(read("report.md").contains("## Throughput against message size"));
}

#[test]
fn a_report_with_holes_is_refused() {
    let good = plan().series("host", None).unwrap();
    let refused = |series: Series, says: &str| {
        let about = Vec::new();
        let series = vec![series];
        let e = Report { about, series }.check().unwrap_err().to_string();
        assert!(e.contains(says), "{e}");
    };
    let mut short = good.clone();
    short.rows[0].pop();
    refused(short, "a row of 2");
    let mut hole = good.clone();
    hole.rows[1][1] = serde_json::json!(f64::NAN);
    refused(hole, "no number for time");
    refused(
        Series {
            rows: Vec::new(),
            ..good
        },
        "empty",
    );
    let unknown = format!("{:#}", plan().series("speed", None).unwrap_err());
    assert!(
        unknown.contains("no series `speed`: there are size, batch"),
        "{unknown}"
    );
}
