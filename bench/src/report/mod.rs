// SPDX-License-Identifier: Apache-2.0
//! What was measured, and its forms: JSON for programs, CSV, plots, a page to read, text to commit.

mod html;
mod plot;
mod text;

use anyhow::{Context, Result, ensure};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// A column of a series.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    pub name: &'static str,
    /// Of its numbers; empty of names and counts.
    pub unit: &'static str,
    /// A row need not have it.
    pub optional: bool,
}

/// How to draw a series: columns by their names.
#[derive(Debug, Clone, Serialize)]
pub struct Plot {
    pub x: &'static str,
    /// One line for each of these, if there are several; else one for each value of `by`.
    pub y: Vec<&'static str>,
    pub by: Option<&'static str>,
    pub log_x: bool,
    pub log_y: bool,
}

/// A figure: its numbers, and how they came about.
#[derive(Debug, Clone, Serialize)]
pub struct Series {
    pub name: &'static str,
    pub title: &'static str,
    /// What was done and with what parameters.
    pub note: String,
    /// What measures this one alone.
    pub command: String,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Value>>,
    pub plot: Option<Plot>,
}

impl Series {
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// A column with its unit, as a title.
    fn title_of(&self, name: &str) -> String {
        match self.columns.iter().find(|c| c.name == name) {
            Some(c) if !c.unit.is_empty() => format!("{}, {}", c.name, c.unit),
            _ => name.into(),
        }
    }
}

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What it was run with and on, by name.
    pub about: Vec<(String, String)>,
    pub series: Vec<Series>,
}

/// A number or a name as people read it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(s) => s.clone(),
        Value::Number(n) => match n.as_f64() {
            Some(f) if n.is_f64() => {
                let digits = match f.abs() {
                    a if a >= 1000.0 => 0,
                    a if a >= 100.0 => 1,
                    a if a >= 1.0 => 2,
                    _ => 3,
                };
                format!("{f:.digits$}")
            }
            _ => n.to_string(),
        },
        other => other.to_string(),
    }
}

impl Report {
    /// Rows of equal length, numbers that are numbers, columns to draw that are there.
    pub fn check(&self) -> Result<()> {
        for s in &self.series {
            let name = s.name;
            ensure!(!s.rows.is_empty(), "series {name} is empty");
            ensure!(
                !s.command.is_empty() && !s.note.is_empty(),
                "series {name} does not say how"
            );
            for row in &s.rows {
                ensure!(
                    row.len() == s.columns.len(),
                    "series {name}: a row of {} values",
                    row.len()
                );
                for (value, column) in row.iter().zip(&s.columns) {
                    // What is not finite has become null.
                    ensure!(
                        !value.is_null() || column.optional,
                        "series {name}: a row has no number for {}",
                        column.name
                    );
                }
            }
            if let Some(plot) = &s.plot {
                let used = [plot.x].into_iter().chain(plot.y.iter().copied()).chain(plot.by);
                for column in used {
                    ensure!(
                        s.column(column).is_some(),
                        "series {name} has no column {column} to draw"
                    );
                }
            }
        }
        Ok(())
    }

    /// Everything into a folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.check()?;
        std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        let mut drawn = Vec::new();
        for s in &self.series {
            write(&format!("{}.csv", s.name), &csv(s))?;
            let svg = s.plot.as_ref().map(|p| plot::draw(s, p)).transpose()?;
            if let Some(svg) = &svg {
                write(&format!("{}.svg", s.name), svg)?;
            }
            drawn.push(svg);
        }
        write("throughput.csv", &dpdk(self))?;
        write("report.json", &(serde_json::to_string_pretty(self)? + "\n"))?;
        write("report.md", &text::page(self))?;
        write("index.html", &html::page(self, &drawn))
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(s) => quoted(s),
        other => other.to_string(),
    }
}

fn csv(s: &Series) -> String {
    let head: Vec<String> = s.columns.iter().map(|c| quoted(&s.title_of(c.name))).collect();
    let mut out = head.join(",") + "\n";
    for row in &s.rows {
        out += &(row.iter().map(field).collect::<Vec<_>>().join(",") + "\n");
    }
    out
}

/// Columns of `dpdk-test-crypto-perf --csv-friendly --ptest throughput`, for programs that read it.
pub const DPDK: &str = "#lcore id,Buffer Size(B),Burst Size,Enqueued,Dequeued,Failed Enq,Failed Deq,Ops(Millions),Throughput(Gbps),Cycles/Buf";

/// Every row measured in a closed loop under those names; what they do not have follows. Cycles are the device's.
fn dpdk(report: &Report) -> String {
    let more = ["operation", "depth", "queues", "lanes", "keys", "link"];
    let mut out = format!("{DPDK},Series,{}\n", more.join(","));
    for s in &report.series {
        let Some(size) = s.column("size").filter(|_| s.column("batch").is_some()) else {
            continue;
        };
        for row in &s.rows {
            let of = |name: &str| s.column(name).map(|i| &row[i]);
            let number = |name: &str| of(name).and_then(Value::as_f64).unwrap_or(0.0);
            let requests = number("requests");
            out += &format!(
                "0,{},{},{requests},{requests},0,0,{:.3},{:.3},{:.3},{}",
                row[size],
                number("batch"),
                number("rate"),
                number("throughput"),
                number("cycles per request"),
                s.name,
            );
            for name in more {
                out += &format!(",{}", of(name).map(field).unwrap_or_default());
            }
            out.push('\n');
        }
    }
    out
}
