// SPDX-License-Identifier: Apache-2.0
//! `devices` and `info`: what there is, and what it is made of.

use super::show;
use anyhow::{Context, Result};
use casemate::{Error, KeyInfo, Officer, QueueStatus, Status};
use serde_json::json;

fn print(value: &serde_json::Value) -> Result<()> {
    say!("{value:#}");
    Ok(())
}

/// The kinds of device of this build and whether each can be opened here.
pub fn devices(as_json: bool) -> Result<()> {
    let probed = casemate::KINDS.iter().map(|k| (k, casemate::probe(k.uri)));
    if as_json {
        let list: Vec<_> = probed
            .map(|(k, p)| {
                json!({
                    "uri": k.uri,
                    "what": k.what,
                    "available": p.is_ok(),
                    "built": p.as_ref().is_ok_and(|p| !p.slow),
                    "detail": p.map_or_else(|e| e.to_string(), |p| p.found),
                })
            })
            .collect();
        return print(&json!({ "devices": list }));
    }
    for (k, p) in probed {
        let (mark, detail) = match p {
            Ok(p) => ("yes", p.found),
            Err(e) => ("no ", e.to_string()),
        };
        say!("{:<6} {}", k.uri, k.what);
        say!("       can be opened here: {mark} ({detail})");
    }
    Ok(())
}

fn queue(index: usize, q: &QueueStatus) -> serde_json::Value {
    json!({
        "queue": index,
        "state": format!("{:?}", q.state).to_lowercase(),
        "error": format!("{:?}", q.error).to_lowercase(),
        "depth": q.depth,
        "domain": q.domain,
        "weight": q.weight,
        "in_flight": q.in_flight,
        "requests": q.requests,
        "failed": q.failed,
    })
}

/// What the slots hold, as the officer may see it; None if the device does not tell.
fn slots(officer: &Officer) -> Result<Option<Vec<(u16, KeyInfo)>>> {
    match officer.slots() {
        Ok(slots) => Ok(Some(slots)),
        Err(Error::Request {
            status: Status::BadOpcode,
            ..
        }) => Ok(None),
        Err(e) => Err(e).context("reading the slots"),
    }
}

/// One device: capabilities, status, slots, counters, queues.
pub fn device(uri: &str, as_json: bool) -> Result<()> {
    let device = crate::open(uri)?;
    let c = device.capabilities();
    let n = device.counters().context("reading the counters")?;
    let queues = device.queues().context("reading the queues")?;
    let officer = device.officer()?;
    let status = officer.status().context("reading the status")?;
    let slots = slots(&officer)?;
    let (major, minor, patch) = c.version;
    if as_json {
        let lanes: Vec<_> = (n.lanes.iter().enumerate())
            .map(|(i, (busy, input, output))| {
                json!({
                    "lane": i,
                    "busy_cycles": busy,
                    "input_stall_cycles": input,
                    "output_stall_cycles": output,
                })
            })
            .collect();
        return print(&json!({
            "device": uri,
            "capabilities": {
                "version": format!("{major}.{minor}.{patch}"),
                "queues": c.queues,
                "lanes": c.lanes,
                "slots": c.slots,
                "axi_bytes": c.axi_bytes,
                "read_tags": c.read_tags,
                "burst_bytes": c.burst_bytes,
                "depth_max": c.depth_max,
                "iv_max": c.iv_max,
                "aad_inline_max": c.aad_inline_max,
                "sbox": c.sbox,
                "ec_engines": c.ec_engines,
            },
            "status": {
                "ready": status.ready,
                "sealed": status.sealed,
                "tamper": status.tamper,
                "queue_error": status.queue_error,
            },
            "slots": slots.map(|all| {
                all.iter()
                    .map(|(i, k)| {
                        let mut v = show::describe(k);
                        v["slot"] = json!(i);
                        v["generation"] = json!(k.generation);
                        v
                    })
                    .collect::<Vec<_>>()
            }),
            "counters": {
                "cycles": n.cycles,
                "requests_in": n.requests_in,
                "requests_out": n.requests_out,
                "requests_failed": n.requests_failed,
                "bytes_in": n.bytes_in,
                "bytes_out": n.bytes_out,
                "lanes": lanes,
            },
            "queues": queues.iter().enumerate().map(|(i, q)| queue(i, q)).collect::<Vec<_>>(),
        }));
    }
    say!("device            {uri}, interface {major}.{minor}.{patch}");
    say!("AES-GCM lanes     {} (S-box: {})", c.lanes, c.sbox);
    match c.ec_engines {
        0 => say!("EC engines        none"),
        n => say!("EC engines        {n} (P-256, P-384)"),
    }
    match &slots {
        Some(s) => say!("key slots         {}, {} in use", c.slots, s.len()),
        None => say!("key slots         {}", c.slots),
    }
    say!("queues            {}, of up to {} entries", c.queues, c.depth_max);
    say!(
        "memory interface  {} bits, {} reads in flight a lane, bursts of {} bytes",
        c.axi_bytes * 8,
        c.read_tags,
        c.burst_bytes
    );
    say!(
        "limits            IV {} bytes, AAD in a descriptor {} bytes",
        c.iv_max,
        c.aad_inline_max
    );
    let is = |yes, what: &'static str| if yes { what } else { "" };
    say!(
        "status            {}{}{}{}",
        if status.ready { "ready" } else { "not ready" },
        is(status.sealed, ", sealed"),
        is(status.tamper, ", tampered with"),
        is(status.queue_error, ", a queue has stopped")
    );
    if let Some(all) = slots.filter(|s| !s.is_empty()) {
        say!("\n slot  {}", show::COLUMNS);
        for (i, k) in &all {
            say!("{i:>5}  {}", show::row(k));
        }
    }
    say!("\nsince reset");
    say!("cycles            {}", n.cycles);
    say!(
        "requests          {} in, {} out, {} failed",
        n.requests_in,
        n.requests_out,
        n.requests_failed
    );
    say!("bytes             {} in, {} out", n.bytes_in, n.bytes_out);
    say!("\nlane         busy  input stall  output stall   cycles");
    for (i, (busy, input, output)) in n.lanes.iter().enumerate() {
        say!("{i:>4} {busy:>12} {input:>12} {output:>13}");
    }
    say!("\nqueue     state  depth  domain  weight  in flight    requests      failed");
    for (i, q) in queues.iter().enumerate() {
        say!(
            "{i:>5} {:>9} {:>6} {:>7} {:>7} {:>10} {:>11} {:>11}",
            format!("{:?}", q.state).to_lowercase(),
            q.depth,
            q.domain,
            q.weight,
            q.in_flight,
            q.requests,
            q.failed
        );
    }
    Ok(())
}
