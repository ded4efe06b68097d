// SPDX-License-Identifier: Apache-2.0
//! What keys are, for people and for scripts: `key list`, `key info`, and the slots of `info`.

use super::key::{explain, unwrap, vault};
use super::{root, tokenfile};
use anyhow::{Result, bail};
use casemate::{Curve, IvPolicy, KeyInfo, KeyType, Usage};
use casemate_host::vault::{Vault, is_foreign};
use serde_json::{Value, json};
use std::path::Path;

pub fn kind_name(kind: KeyType) -> &'static str {
    match kind {
        KeyType::Aes128 => "aes-128",
        KeyType::Aes192 => "aes-192",
        KeyType::Aes256 => "aes-256",
        KeyType::Secret => "secret",
        KeyType::Wrapping => "wrapping",
        KeyType::P256 => "p256",
        KeyType::P384 => "p384",
    }
}

pub fn policy_name(policy: IvPolicy) -> &'static str {
    match policy {
        IvPolicy::Host => "host",
        IvPolicy::Counter => "counter",
        IvPolicy::Derived => "derived",
    }
}

/// Printable bytes as they are, no zeros at the end.
fn label_text(label: &[u8; 12]) -> String {
    let end = label.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
    label[..end].escape_ascii().to_string()
}

/// What a key is, for scripts.
pub fn describe(i: &KeyInfo) -> Value {
    let usage: Vec<_> = (Usage::NAMES.iter())
        .filter(|(u, _)| i.usage.contains(*u))
        .map(|(_, name)| *name)
        .collect();
    let mut v = json!({
        "type": kind_name(i.kind),
        "bytes": i.len,
        "domain": i.domain,
        "usage": usage,
        "origin": format!("{:?}", i.origin).to_lowercase(),
        "limit": i.limit,
        "used": i.used,
        "label": label_text(&i.label),
    });
    match Curve::of(i.kind) {
        Some(_) => v["protection"] = json!(i.options.to_string()),
        None => v["iv_policy"] = json!(policy_name(i.policy)),
    }
    v
}

/// The columns of a key in a table.
pub const COLUMNS: &str = "type      bytes  domain  origin     policy        limit        used  usage, label";

/// The column of the policy: a private key has none.
fn policy(i: &KeyInfo) -> &'static str {
    match Curve::of(i.kind) {
        Some(_) => "-",
        None => policy_name(i.policy),
    }
}

/// What a key is, as a row under [`COLUMNS`].
pub fn row(i: &KeyInfo) -> String {
    format!(
        "{:<9} {:>5} {:>7}  {:<9}  {:<8} {:>10} {:>11}  {}{}",
        kind_name(i.kind),
        i.len,
        i.domain,
        format!("{:?}", i.origin).to_lowercase(),
        policy(i),
        i.limit,
        i.used,
        i.usage,
        match label_text(&i.label) {
            l if l.is_empty() => l,
            l => format!("  `{l}`"),
        }
    )
}

/// The tokens of a folder; with `check` the device is asked whether they unwrap.
pub fn list(uri: &str, folder: &Path, check: bool, as_json: bool) -> Result<()> {
    let tokens = tokenfile::list(folder)?;
    let device = match check {
        true => Some(crate::open(&root::with_root(uri)?)?),
        false => None,
    };
    let (mut rows, mut bad) = (Vec::new(), 0);
    for (path, token) in &tokens {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let checked = match (&device, token) {
            (Some(device), Ok(t)) => {
                let mut v = Vault::open(device, t.domain, 4).map_err(explain)?;
                match v.unwrap(t, Usage::ALL) {
                    Ok(key) => {
                        v.into_queue(&[key]).map_err(explain)?;
                        Some(true)
                    }
                    Err(e) if is_foreign(&e) => {
                        v.into_queue(&[]).map_err(explain)?;
                        Some(false)
                    }
                    Err(e) => return Err(explain(e)),
                }
            }
            _ => None,
        };
        bad += usize::from(token.is_err() || checked == Some(false));
        rows.push((name.into_owned(), token, checked));
    }
    if as_json {
        let all: Vec<_> = rows
            .iter()
            .map(|(name, token, checked)| match token {
                Ok(t) => {
                    let mut v = describe(&t.claims());
                    v["file"] = json!(name);
                    v["epoch"] = json!(t.epoch);
                    v["unwraps"] = json!(checked);
                    v
                }
                Err(e) => json!({ "file": name, "error": e.to_string() }),
            })
            .collect();
        say!("{:#}", json!({ "tokens": all }));
    } else {
        let width = rows.iter().map(|r| r.0.chars().count()).max().unwrap_or(0).max(5);
        if !rows.is_empty() {
            say!("{:<width$}  epoch  {COLUMNS}", "token");
        }
        for (name, token, checked) in &rows {
            let foreign = if *checked == Some(false) {
                "  DOES NOT UNWRAP"
            } else {
                ""
            };
            match token {
                Ok(t) => say!("{name:<width$}  {:>5}  {}{foreign}", t.epoch, row(&t.claims())),
                Err(e) => say!("{name:<width$}  {e}"),
            }
        }
    }
    if bad > 0 {
        bail!(
            "{bad} of {} tokens in {} cannot be used",
            tokens.len(),
            folder.display()
        );
    }
    Ok(())
}

/// One token, which the device unwraps.
pub fn info(uri: &str, path: &Path, as_json: bool) -> Result<()> {
    let token = tokenfile::read(path)?;
    let mut v = vault(uri, token.domain)?;
    let key = unwrap(&mut v, &token, path, Usage::ALL)?;
    // Of what was unwrapped the device tells; where it was from before, its blob, which is authentic now.
    let mut info = v.keys().query(key).map_err(explain)?;
    info.origin = token.claims().origin;
    if as_json {
        let mut v = describe(&info);
        v["epoch"] = json!(token.epoch);
        say!("{v:#}");
        return Ok(());
    }
    say!("type       {}, {} bytes", kind_name(info.kind), info.len);
    say!("usage      {}", info.usage);
    say!("origin     {:?}", info.origin);
    say!("domain     {}, epoch {}", info.domain, token.epoch);
    match Curve::of(info.kind) {
        Some(_) => say!("protected  {}", info.options),
        None => say!("IV policy  {}", policy_name(info.policy)),
    }
    say!("uses       {} of {}", info.used, info.limit);
    say!("label      {}", label_text(&info.label));
    Ok(())
}
