// SPDX-License-Identifier: Apache-2.0
//! The report as text: Markdown tables.

use super::{Report, shown};

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

pub fn page(report: &Report) -> String {
    let mut out = String::from("# Figures\n\n| | |\n|---|---|\n");
    for (name, value) in &report.about {
        out += &format!("| {} | {} |\n", cell(name), cell(value));
    }
    for s in &report.series {
        out += &format!("\n## {}\n{}\n\n`{}`\n\n", s.title, s.note, s.command);
        let head: Vec<String> = s.columns.iter().map(|c| cell(&s.title_of(c.name))).collect();
        out += &format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
        for row in &s.rows {
            let cells: Vec<String> = row.iter().map(|v| cell(&shown(v))).collect();
            out += &format!("| {} |\n", cells.join(" | "));
        }
    }
    out
}
