// SPDX-License-Identifier: Apache-2.0
//! AES-256-GCM and ECDSA in software, one core, on this machine: `casemate-bench-peers MILLISECONDS SEED SIZE,SIZE,...` prints JSON.
//!
//! Every library seals the same messages under the same key: 12-byte IVs that count, no AAD, in place, tag apart. Its first message
//! must be what the others make of it. A figure is the fastest of five repetitions, in time of this thread on a core: what else runs on the
//! machine can only add to it.

mod aead;
mod ecdsa;
mod openssl;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::hint::black_box;
use std::time::Duration;

const REPETITIONS: u32 = 5;

/// What this thread has had of a core.
fn worked() -> Duration {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `t` is a timespec to be written, the clock is one that every Linux has.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut t) };
    Duration::new(t.tv_sec as u64, t.tv_nsec as u32)
}

/// Nanoseconds of one call, the fastest of some repetitions of `time` each.
fn time(time: Duration, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    call()?;
    let mut best = f64::INFINITY;
    let mut calls = 1u32;
    for _ in 0..REPETITIONS {
        loop {
            let start = worked();
            for _ in 0..calls {
                call()?;
            }
            let took = worked() - start;
            if took * 2 >= time || calls >= 1 << 24 {
                best = best.min(took.as_secs_f64() * 1e9 / f64::from(calls));
                break;
            }
            calls *= 2;
        }
    }
    Ok(best)
}

/// Of a package, as it was locked.
fn version(name: &str) -> Result<String> {
    let lock = include_str!("../Cargo.lock");
    let at = format!("name = \"{name}\"\nversion = \"");
    let rest = lock
        .split_once(&at)
        .with_context(|| format!("{name} is not locked"))?
        .1;
    Ok(rest.split('"').next().unwrap_or_default().into())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [millis, seed, sizes] = &args[..] else {
        bail!("usage: casemate-bench-peers MILLISECONDS SEED SIZE,SIZE,...");
    };
    let span = Duration::from_millis(millis.parse().context("MILLISECONDS")?);
    let seed: u64 = seed.parse().context("SEED")?;
    let sizes: Vec<usize> = sizes
        .split(',')
        .map(|s| s.parse().with_context(|| format!("SIZE {s}")))
        .collect::<Result<_>>()?;
    let library = openssl::Library::open();
    let mut rows: Vec<Value> = Vec::new();
    let mut skipped: Vec<String> = Vec::new();
    if let Err(e) = &library {
        skipped.push(format!("OpenSSL: {e:#}"));
    }
    let library = library.ok();
    let key: [u8; 32] = std::array::from_fn(|i| (seed >> (i % 8 * 8)) as u8 ^ (i as u8).wrapping_mul(29));
    let mut first: Option<(String, Vec<u8>)> = None;
    for mut peer in aead::all(&key, library.as_ref())? {
        // The same message of everybody.
        let mut message: Vec<u8> = (0..1000).map(|i| i as u8).collect();
        let tag = peer.seal(&[3; 12], &mut message)?;
        message.extend(tag);
        match &first {
            None => first = Some((peer.name().into(), message)),
            Some((name, made)) if *made != message => bail!("{} and {name} disagree", peer.name()),
            Some(_) => {}
        }
        for &size in &sizes {
            let mut buffer: Vec<u8> = (0..size).map(|i| i as u8).collect();
            let mut count = 0u64;
            let ns = time(span, || {
                count += 1;
                let mut iv = [0; 12];
                iv[4..].copy_from_slice(&count.to_be_bytes());
                black_box(peer.seal(&iv, black_box(&mut buffer))?);
                Ok(())
            })?;
            rows.push(json!({
                "peer": peer.name(), "version": peer.version()?, "op": "aes-256-gcm-seal", "size": size,
                "ns_per_op": ns, "bytes_per_second": size as f64 * 1e9 / ns,
            }));
        }
    }
    for mut peer in ecdsa::all(library.as_ref())? {
        for verify in [false, true] {
            let ns = time(span, || if verify { peer.verify() } else { peer.sign() })?;
            let op = format!(
                "ecdsa-{}-{}",
                peer.curve(),
                if verify { "verify" } else { "sign" }
            );
            rows.push(json!({
                "peer": peer.name(), "version": peer.version()?, "op": op, "ns_per_op": ns, "ops_per_second": 1e9 / ns,
            }));
        }
    }
    println!(
        "{}",
        json!({ "rows": rows, "skipped": skipped, "milliseconds": span.as_millis() as u64, "repetitions": REPETITIONS })
    );
    Ok(())
}
