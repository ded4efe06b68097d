// SPDX-License-Identifier: Apache-2.0
//! The report as one page that needs nothing else.

use super::{Report, shown};
use serde_json::Value;

const STYLE: &str = "\
body{font:16px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#111}
table{border-collapse:collapse;font-size:14px;margin:.7rem 0}
td,th{border:1px solid #bbb;padding:.2rem .5rem;text-align:left}
td.n{text-align:right;font-variant-numeric:tabular-nums}
th{background:#eee}svg{max-width:100%;height:auto}code{background:#eee;padding:0 .2rem}
section{break-inside:avoid-page}details{margin:.5rem 0}@media print{details{display:none}}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

pub fn page(report: &Report, drawn: &[Option<String>]) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Casemate: figures</title><style>{STYLE}</style></head><body>\n<h1>Casemate: figures</h1>\n<table>\n"
    );
    for (name, value) in &report.about {
        out += &format!("<tr><th>{}</th><td>{}</td></tr>\n", escaped(name), escaped(value));
    }
    out += "</table>\n<ul>\n";
    for s in &report.series {
        out += &format!("<li><a href=\"#{}\">{}</a></li>\n", s.name, escaped(s.title));
    }
    out += "</ul>\n";
    for (s, svg) in report.series.iter().zip(drawn) {
        out += &format!(
            "<section id=\"{}\"><h2>{}</h2>\n<p>{}</p>\n<p><code>{}</code></p>\n",
            s.name,
            escaped(s.title),
            escaped(&s.note),
            escaped(&s.command)
        );
        // Without what only a file of its own needs.
        if let Some(at) = svg.as_ref().and_then(|svg| svg.find("<svg").map(|i| &svg[i..])) {
            out += at;
        }
        let open = if svg.is_some() { "" } else { " open" };
        out += &format!("<details{open}><summary>Table</summary><table><tr>");
        for c in &s.columns {
            out += &format!("<th>{}</th>", escaped(&s.title_of(c.name)));
        }
        out += "</tr>\n";
        for row in &s.rows {
            out += "<tr>";
            for v in row {
                let class = if matches!(v, Value::String(_)) {
                    ""
                } else {
                    " class=\"n\""
                };
                out += &format!("<td{class}>{}</td>", escaped(&shown(v)));
            }
            out += "</tr>\n";
        }
        out += "</table></details></section>\n";
    }
    out + "</body></html>\n"
}
