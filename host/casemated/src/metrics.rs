// SPDX-License-Identifier: Apache-2.0
//! Counts, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

/// Upper bounds of the histogram of durations, milliseconds.
const BOUNDS: [u64; 8] = [1, 2, 5, 10, 50, 100, 1000, 10_000];

#[derive(Default)]
struct Durations {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

/// Of requests.
#[derive(Default)]
pub struct Metrics {
    requests: Mutex<BTreeMap<(String, &'static str), u64>>,
    durations: Mutex<BTreeMap<String, Durations>>,
}

impl Metrics {
    /// One is over.
    pub fn request(&self, operation: &str, error: Option<&'static str>, took: Duration) {
        let mut requests = self.requests.lock().unwrap_or_else(|e| e.into_inner());
        *requests
            .entry((operation.into(), error.unwrap_or("OK")))
            .or_default() += 1;
        drop(requests);
        let mut durations = self.durations.lock().unwrap_or_else(|e| e.into_inner());
        let d = durations.entry(operation.into()).or_default();
        for (n, bound) in d.buckets.iter_mut().zip(BOUNDS) {
            *n += u64::from(took <= Duration::from_millis(bound));
        }
        d.count += 1;
        d.sum += took;
    }

    /// All of them, and these gauges.
    pub fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut out = String::new();
        out.push_str("# HELP casemated_requests_total Requests by operation and result.\n# TYPE casemated_requests_total counter\n");
        for ((operation, result), n) in &*self.requests.lock().unwrap_or_else(|e| e.into_inner()) {
            let _ = writeln!(
                out,
                "casemated_requests_total{{operation=\"{operation}\",result=\"{result}\"}} {n}"
            );
        }
        out.push_str(
            "# HELP casemated_request_seconds Time from the last byte of a request to its answer.\n# TYPE casemated_request_seconds histogram\n",
        );
        for (operation, d) in &*self.durations.lock().unwrap_or_else(|e| e.into_inner()) {
            for (n, bound) in d.buckets.iter().zip(BOUNDS) {
                let le = bound as f64 / 1000.0;
                let _ = writeln!(
                    out,
                    "casemated_request_seconds_bucket{{operation=\"{operation}\",le=\"{le}\"}} {n}"
                );
            }
            let _ = writeln!(
                out,
                "casemated_request_seconds_bucket{{operation=\"{operation}\",le=\"+Inf\"}} {}\n\
                 casemated_request_seconds_sum{{operation=\"{operation}\"}} {}\n\
                 casemated_request_seconds_count{{operation=\"{operation}\"}} {}",
                d.count,
                d.sum.as_secs_f64(),
                d.count
            );
        }
        for (name, help, value) in gauges {
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
        out
    }
}
