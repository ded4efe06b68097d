// SPDX-License-Identifier: Apache-2.0
//! Set-up, in TOML. Every key has a default; the README lists them.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Set-up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The region it is.
    pub region: String,
    /// The device.
    pub device: String,
    /// The folder of the store and of the audit log.
    pub folder: PathBuf,
    /// A PostgreSQL database that several servers share, as in postgres://user:password@host/name; without it SQLite in the folder.
    pub store: Option<String>,
    /// The server's name, that of its audit chain.
    pub server: String,
    /// TLS, if it is not to be HTTP.
    pub tls: Option<Tls>,
    /// Requests a second of each account; 0 for no limit.
    pub rate: u32,
    /// Requests at once of each account.
    pub burst: u32,
    /// Longest body, bytes.
    pub body_bytes: usize,
    /// Longest that a request may take to come in, and then to be answered, seconds.
    pub timeout_seconds: u64,
    /// Connections at once.
    pub connections: usize,
    /// For tests: a file with the seconds that the clock of rotation and deletion is ahead.
    pub clock_file: Option<PathBuf>,
    /// Seconds between two looks for keys to rotate or delete.
    pub schedule_seconds: u64,
}

/// Certificate chain and private key, PEM files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, then those that vouch for it.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7666)),
            region: "us-east-1".into(),
            device: "sim:".into(),
            folder: "casemated-data".into(),
            store: None,
            server: "server-1".into(),
            tls: None,
            rate: 0,
            burst: 1000,
            body_bytes: 256 << 10,
            timeout_seconds: 30,
            connections: 1024,
            clock_file: None,
            schedule_seconds: 60,
        }
    }
}

impl Config {
    /// From a file.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let config: Self =
            toml::from_str(&text).with_context(|| format!("{} is no configuration", path.display()))?;
        config.check().with_context(|| format!("{}", path.display()))?;
        Ok(config)
    }

    /// Whether its values can be.
    pub fn check(&self) -> Result<()> {
        let parts: Vec<_> = self.region.split('-').collect();
        let word =
            |p: &&str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !(3..=4).contains(&parts.len()) || !parts.iter().all(word) {
            bail!(
                "region = \"{}\": one of the form eu-central-1 is needed",
                self.region
            );
        }
        let postgres = |s: &String| s.starts_with("postgres://") || s.starts_with("postgresql://");
        if !self.store.as_ref().is_none_or(postgres) {
            bail!(
                "store has to be the URL of a PostgreSQL database, as in postgres://user:password@host/name"
            );
        }
        if self.body_bytes < 4096
            || self.connections == 0
            || self.timeout_seconds == 0
            || self.schedule_seconds == 0
        {
            bail!(
                "body_bytes has to be 4096 or more; connections, timeout_seconds and schedule_seconds 1 or more"
            );
        }
        Ok(())
    }

    /// The store's file.
    pub fn store_file(&self) -> PathBuf {
        self.folder.join("store.sqlite")
    }

    /// The audit log's folder.
    pub fn audit_folder(&self) -> PathBuf {
        self.folder.join("audit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        for (text, what) in [
            ("regoin = \"x\"", "regoin"),
            ("region = \"x\"", "region"),
            ("listen = 5", "listen"),
            ("connections = 0", "connections"),
            ("store = \"mysql://x\"", "store"),
        ] {
            std::fs::write(&file, text).unwrap();
            let e = format!("{:#}", Config::read(&file).unwrap_err());
            assert!(e.contains(what), "{e}");
        }
        std::fs::write(&file, "region = \"eu-central-1\"\nlisten = \"[::1]:0\"\n").unwrap();
        assert_eq!(Config::read(&file).unwrap().region, "eu-central-1");
    }
}
