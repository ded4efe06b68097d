// SPDX-License-Identifier: Apache-2.0
//! PostgreSQL's server for the tests of the key service: the machine's own, or else that of its release, unpacked under
//! `target/postgres` without root. apt works on lists and a cache of its own; nothing is installed.

use crate::tools::{root, run};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where Debian and Ubuntu put it, below a root.
fn servers(below: &Path) -> Vec<PathBuf> {
    let versions = fs::read_dir(below.join("usr/lib/postgresql"))
        .into_iter()
        .flatten();
    let bins = versions.flatten().map(|v| v.path().join("bin/postgres"));
    bins.filter(|p| p.exists()).collect()
}

fn target() -> PathBuf {
    root().join("target/postgres")
}

/// Sees to it that there is one; says why if there can't be. The tests of it are skipped then.
pub fn setup() {
    if !servers(Path::new("/")).is_empty() || !servers(&target()).is_empty() {
        return;
    }
    eprintln!("fetching PostgreSQL into target/postgres (the release's own packages, about 20 MB)");
    if let Err(e) = fetch() {
        eprintln!(
            "PostgreSQL cannot be had: {e:#}. With it (Debian, Ubuntu: apt install postgresql) the service's tests do more"
        );
    }
}

/// Downloads and unpacks it.
pub fn fetch() -> Result<()> {
    let dir = target();
    let work = dir.with_extension("partial");
    let _ = fs::remove_dir_all(&work);
    let (lists, cache, unpacked) = (work.join("lists"), work.join("cache"), work.join("root"));
    fs::create_dir_all(lists.join("partial"))?;
    fs::create_dir_all(cache.join("archives/partial"))?;
    let apt = |program: &str, args: &[&str]| -> Result<String> {
        let mut cmd = Command::new(program);
        cmd.env("LC_ALL", "C");
        for (option, value) in [
            ("Dir::State::lists", lists.display().to_string()),
            ("Dir::Cache", cache.display().to_string()),
            ("Debug::NoLocking", "1".into()),
            ("APT::Sandbox::User", String::new()),
            ("APT::Update::Post-Invoke-Success", String::new()),
            ("Acquire::Retries", "2".into()),
        ] {
            cmd.arg("-o").arg(format!("{option}={value}"));
        }
        let out = cmd.args(args).output();
        let out = out.with_context(|| format!("cannot start {program} (Debian, Ubuntu)"))?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            bail!(
                "{program} {}: {}",
                args.join(" "),
                said.trim().lines().last().unwrap_or_default()
            );
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    };
    apt("apt-get", &["update"])?;
    let depends = apt("apt-cache", &["depends", "--important", "postgresql"])?;
    let server = server_package(&depends).context("the package postgresql names no server")?;
    let client = server.replace("postgresql-", "postgresql-client-");
    // What the machine has already comes from there: its libc above all.
    let args = [
        "-y",
        "--no-install-recommends",
        "--download-only",
        "--reinstall",
        "install",
    ];
    apt("apt-get", &[&args[..], &[server, &client, "libpq5"]].concat())?;
    for deb in fs::read_dir(cache.join("archives"))? {
        let deb = deb?.path();
        if deb.extension().is_some_and(|e| e == "deb") {
            run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&unpacked))?;
        }
    }
    if servers(&unpacked).is_empty() {
        bail!("the packages hold no server");
    }
    let _ = fs::remove_dir_all(&dir);
    fs::rename(&unpacked, &dir)?;
    Ok(fs::remove_dir_all(&work)?)
}

/// The server that the metapackage depends on.
fn server_package(depends: &str) -> Option<&str> {
    let names = depends.lines().filter_map(|l| l.trim().strip_prefix("Depends: "));
    names.into_iter().find(|n| n.starts_with("postgresql-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_says() {
        let depends = "postgresql\n  Depends: init-system-helpers\n  Depends: postgresql-15\n  Suggests: postgresql-doc\n";
        assert_eq!(server_package(depends), Some("postgresql-15"));
        assert_eq!(server_package("postgresql\n"), None);
    }
}
