// SPDX-License-Identifier: Apache-2.0
//! `audit`: logs of the key service. No device is needed, only the log's folder and the audit keys' public halves.

use super::interrupt;
use super::output::Output;
use anyhow::{Context, Result, bail};
use casemate::PublicKey;
use casemate_audit::search::{self, Filter, Found};
use casemate_audit::verify::{self, Trust};
use casemate_audit::{Head, Report, verifying_key};
use serde_json::Value;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Find any record that was removed, altered, reordered, doubled or cut off, and say where
    ///
    /// Records after the last signed head can be cut off unseen, as if the server had been killed there: keep the head that this
    /// command shows, and expect it the next time. Exit status 0 only if nothing is wrong.
    Verify(Verify),
    /// Show records
    Search(Search),
    /// Write records as CloudTrail's JSON
    Export(Export),
}

#[derive(clap::Args)]
pub struct Verify {
    /// An audit key's public half, in PEM; more than one if there are several servers or keys
    #[arg(long, value_name = "FILE", required = true)]
    public_key: Vec<PathBuf>,
    /// One chain, a server's, instead of all in the folder
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// A head that was kept elsewhere, as in 17:a1b2…: the log has to contain it
    #[arg(long, value_name = "HEAD", requires = "chain")]
    expect: Option<Head>,
    /// The last line of what was archived: the log has to go on from there
    #[arg(long, value_name = "HEAD", requires = "chain")]
    after: Option<Head>,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// The log's folder
    folder: PathBuf,
}

/// Which records.
#[derive(clap::Args)]
pub struct Which {
    /// One chain, a server's, instead of all in the folder
    #[arg(long, value_name = "NAME")]
    chain: Option<String>,
    /// Not before this: 2026-11-30, or as much as is wanted of 2026-11-30T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    since: Option<String>,
    /// Before this
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<String>,
    /// Part of the principal's ARN, id, name, account or access key's id
    #[arg(long, value_name = "TEXT")]
    principal: Option<String>,
    /// Part of a key's or an alias's ARN or id
    #[arg(long, value_name = "TEXT")]
    key: Option<String>,
    /// As in Encrypt
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// As in AccessDeniedException; `any` is any
    #[arg(long, value_name = "CODE")]
    error: Option<String>,
    /// A request's id
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// The log's folder
    folder: PathBuf,
}

#[derive(clap::Args)]
pub struct Search {
    #[command(flatten)]
    which: Which,
    /// The records as they are, one a line
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct Export {
    #[command(flatten)]
    which: Which,
    /// Overwrite OUT
    #[arg(long)]
    force: bool,
    /// The file; `-` is standard output
    #[arg(value_name = "OUT")]
    output: PathBuf,
}

/// The form of an instant, or the beginning of one.
fn instant(text: &str) -> Result<String, String> {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    let fits = |(b, f): (u8, &u8)| if *f == b'0' { b.is_ascii_digit() } else { b == *f };
    if text.len() >= 4 && text.len() <= FORM.len() && text.bytes().zip(FORM).all(fits) {
        return Ok(text.into());
    }
    Err("write it as 2026-11-30T12:00:00Z (UTC), or as much of it from the left as is wanted".into())
}

fn chains(folder: &Path, wanted: Option<&str>) -> Result<Vec<String>> {
    let shown = folder.display();
    let all = verify::chains(folder).with_context(|| format!("cannot read the folder {shown}"))?;
    match wanted {
        _ if all.is_empty() => bail!("{shown} holds no audit log: its files are named CHAIN.NUMBER.jsonl"),
        Some(w) if !all.iter().any(|c| c == w) => {
            bail!("{shown} holds no chain `{w}`; it holds {}", all.join(", "))
        }
        Some(w) => Ok(vec![w.into()]),
        None => Ok(all),
    }
}

pub fn run(command: Command) -> Result<()> {
    match command {
        Command::Verify(a) => verify(&a),
        Command::Search(a) => show(&a),
        Command::Export(a) => export(a),
    }
}

fn verify(args: &Verify) -> Result<()> {
    let mut trust = Trust {
        expected: args.expect,
        after: args.after,
        ..Trust::default()
    };
    for path in &args.public_key {
        let shown = || format!("the public key {}", path.display());
        let pem = std::fs::read(path).with_context(shown)?;
        let public = PublicKey::from_pem(&pem).with_context(shown)?;
        let key = verifying_key(&public).map_err(anyhow::Error::from_boxed);
        trust.keys.push(key.with_context(shown)?);
    }
    let mut reports = Vec::new();
    for chain in chains(&args.folder, args.chain.as_deref())? {
        let report = verify::chain(&args.folder, &chain, &trust);
        reports.push(report.with_context(|| format!("reading the chain `{chain}`"))?);
        interrupt::check()?;
    }
    if args.json {
        say!("{:#}", serde_json::json!({ "chains": reports }));
    } else {
        for r in &reports {
            tell(r)?;
        }
    }
    let wrong: u64 = reports.iter().map(|r| r.findings.len() as u64 + r.more).sum();
    match wrong {
        0 => Ok(()),
        1 => bail!("the audit log does not verify: 1 finding"),
        n => bail!("the audit log does not verify: {n} findings"),
    }
}

fn tell(r: &Report) -> Result<()> {
    say!(
        "chain {}: {} records and {} signed heads in {} files",
        r.chain,
        r.records,
        r.heads,
        r.files
    );
    for f in &r.findings {
        say!("  {f}");
    }
    if r.more > 0 {
        say!("  and {} more", r.more);
    }
    for n in &r.notes {
        say!("  note: {n}");
    }
    let end = match (&r.signed, r.unsigned) {
        (Some(_), 0) if r.closed => "it was closed with a signed head".into(),
        (Some(s), n) => format!("{n} records follow on the last signed head, of {}", s.time),
        (None, n) => format!("no head is signed; {n} records"),
    };
    say!("  {end}");
    say!("  head: {}", r.tip);
    Ok(())
}

fn each(which: &Which, mut f: impl FnMut(&Found<'_>) -> io::Result<()>) -> Result<()> {
    let filter = Filter {
        since: which.since.clone(),
        until: which.until.clone(),
        principal: which.principal.clone(),
        key: which.key.clone(),
        operation: which.operation.clone(),
        error: which.error.clone(),
        request: which.request.clone(),
    };
    for chain in chains(&which.folder, which.chain.as_deref())? {
        search::records(&which.folder, &chain, &filter, |r| {
            interrupt::check()?;
            f(r)
        })?;
    }
    Ok(())
}

fn show(args: &Search) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    each(&args.which, |r| match args.json {
        true => writeln!(out, "{}", r.json),
        false => writeln!(out, "{}", summary(r)),
    })?;
    out.flush().context("writing to standard output")
}

/// Time, chain and line, operation, who, about what, and how it ended.
fn summary(r: &Found<'_>) -> String {
    let record: Value = serde_json::from_str(r.json).unwrap_or_default();
    let text = |path: &str| record.pointer(path).and_then(Value::as_str);
    let who = text("/userIdentity/arn")
        .or(text("/userIdentity/accessKeyId"))
        .or(text("/userIdentity/type"));
    let what = text("/resources/0/ARN").or(text("/requestParameters/keyId"));
    let columns = [
        text("/eventTime"),
        Some(r.chain),
        Some(&r.sequence.to_string()),
        text("/eventName"),
        who,
        what,
        text("/errorCode").or(Some("ok")),
        text("/requestID"),
    ]
    .map(|c| c.unwrap_or("-").escape_default().to_string());
    columns.join("  ")
}

fn export(args: Export) -> Result<()> {
    let mut out = Output::open(&args.output, args.force, &[])?;
    out.write_all(b"{\"Records\":[").context("writing the records")?;
    let mut first = true;
    each(&args.which, |r| {
        let comma = if std::mem::take(&mut first) { "\n" } else { ",\n" };
        out.write_all(comma.as_bytes())?;
        out.write_all(r.json.as_bytes())
    })?;
    out.write_all(b"\n]}\n").context("writing the records")?;
    out.commit()
}
