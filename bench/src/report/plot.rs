// SPDX-License-Identifier: Apache-2.0
//! Plots as SVG: lines told apart by colour (Okabe and Ito's, which the colour-blind can tell), marker and dashes, so that a print in grey will do.

use super::{Plot, Series, shown};
use anyhow::{Context, Result, anyhow};
use plotters::prelude::*;
use plotters::series::DashedLineSeries;
use serde_json::Value;

const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 0, 0),
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
];
/// Length of a dash and of the gap after it.
const DASHES: [(u32, u32); 4] = [(1, 0), (8, 4), (3, 3), (14, 3)];

type Points = Vec<(f64, f64)>;

fn lines(s: &Series, p: &Plot) -> Result<Vec<(String, Points)>> {
    let x = s.column(p.x).context("x")?;
    let mut lines: Vec<(String, Points)> = Vec::new();
    for y in &p.y {
        let at = s.column(y).context("y")?;
        for row in &s.rows {
            let (Some(px), Some(py)) = (row[x].as_f64(), row[at].as_f64()) else {
                continue;
            };
            let name = match p.by.and_then(|b| s.column(b)) {
                Some(by) => {
                    let value = shown(&row[by]);
                    match &row[by] {
                        Value::String(_) => value,
                        _ => format!("{} {value}", s.columns[by].name),
                    }
                }
                None => y.to_string(),
            };
            let name = if p.by.is_some() && p.y.len() > 1 {
                format!("{name}, {y}")
            } else {
                name
            };
            let point = (scale(px, p.log_x), scale(py, p.log_y));
            match lines.iter_mut().find(|l| l.0 == name) {
                Some(line) => line.1.push(point),
                None => lines.push((name, vec![point])),
            }
        }
    }
    for line in &mut lines {
        line.1.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    Ok(lines)
}

/// Logarithms are of 2 on x and of 10 on y: the axes stay linear.
fn scale(v: f64, log: bool) -> f64 {
    if log { v.max(1e-9).log2() } else { v }
}

fn label(v: f64, log: bool) -> String {
    let v = if log { v.exp2() } else { v };
    match v.abs() {
        a if a >= 10_000_000.0 => format!("{:.0}M", v / 1e6),
        a if a >= 10_000.0 => format!("{:.0}k", v / 1e3),
        a if a >= 10.0 || v == v.round() => format!("{v:.0}"),
        _ => format!("{v:.2}"),
    }
}

fn range(values: impl Iterator<Item = f64>, log: bool) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in values {
        (low, high) = (low.min(v), high.max(v));
    }
    let low = if log { low } else { low.min(0.0) };
    let pad = ((high - low) * 0.05).max(if log { 0.25 } else { 1e-3 });
    (if log { low - pad } else { low }, high + pad)
}

/// The series as an SVG document.
pub fn draw(s: &Series, p: &Plot) -> Result<String> {
    let lines = lines(s, p)?;
    let mut svg = String::new();
    paint(&mut svg, s, p, &lines).map_err(|e| anyhow!("drawing {}: {e}", s.name))?;
    Ok(svg)
}

fn paint(
    svg: &mut String,
    s: &Series,
    p: &Plot,
    lines: &[(String, Points)],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, (760, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let all = || lines.iter().flat_map(|l| l.1.iter());
    let (x0, x1) = range(all().map(|q| q.0), p.log_x);
    let (y0, y1) = range(all().map(|q| q.1), p.log_y);
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .caption(s.title, ("sans-serif", 17))
        .x_label_area_size(46)
        .y_label_area_size(68)
        .build_cartesian_2d(x0..x1, y0..y1)?;
    let y_title = match p.y[..] {
        [one] => s.title_of(one),
        _ => {
            let unit = s
                .columns
                .iter()
                .find(|c| Some(&c.name) == p.y.first())
                .map_or("", |c| c.unit);
            unit.to_string()
        }
    };
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(220, 220, 220))
        .x_desc(s.title_of(p.x))
        .y_desc(y_title)
        .x_label_formatter(&|v| label(*v, p.log_x))
        .y_label_formatter(&|v| label(*v, p.log_y))
        .label_style(("sans-serif", 13))
        .axis_desc_style(("sans-serif", 14))
        .draw()?;
    for (i, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let style = colour.stroke_width(2);
        let (dash, gap) = DASHES[i % DASHES.len()];
        let drawn = match gap {
            0 => chart.draw_series(LineSeries::new(points.iter().copied(), style))?,
            _ => chart.draw_series(DashedLineSeries::new(points.iter().copied(), dash, gap, style))?,
        };
        drawn.label(name).legend(move |(x, y)| {
            EmptyElement::at((x, y)) + PathElement::new([(0, 0), (22, 0)], style) + marker(i, (11, 0), colour)
        });
        chart.draw_series(
            points
                .iter()
                .map(|q| EmptyElement::at(*q) + marker(i, (0, 0), colour)),
        )?;
    }
    chart
        .configure_series_labels()
        .label_font(("sans-serif", 13))
        .background_style(WHITE.mix(0.85))
        .border_style(RGBColor(150, 150, 150))
        .position(SeriesLabelPosition::UpperLeft)
        .draw()?;
    area.present()?;
    Ok(())
}

/// A square, a ring, a triangle, a cross or a diamond around a place.
fn marker(i: usize, (x, y): (i32, i32), colour: RGBColor) -> Polygon<(i32, i32)> {
    let (n, r) = [(4, 5.0), (16, 4.0), (3, 5.5), (4, 5.5), (6, 4.5)][i % 5];
    let turn = [0.125, 0.0, 0.25, 0.0, 0.0][i % 5];
    let corner = |k: usize| {
        let angle = (k as f64 / n as f64 + turn) * std::f64::consts::TAU;
        (
            x + (r * angle.cos()).round() as i32,
            y - (r * angle.sin()).round() as i32,
        )
    };
    Polygon::new((0..n).map(corner).collect::<Vec<_>>(), colour.filled())
}
