// SPDX-License-Identifier: Apache-2.0
//! The root secret of a simulated device that works with tokens: what the URI says, or a file of the user's own.

use anyhow::{Context, Result, bail};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// `$XDG_STATE_HOME/casemate/root`, by default under ~/.local/state.
fn path() -> Result<PathBuf> {
    let absolute = |name| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.filter(|p| p.is_absolute())
    };
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    let state = state.context(
        "no place for the device's root secret: set HOME or XDG_STATE_HOME, or name it as in --device 'sim:?root=FILE'",
    )?;
    Ok(state.join("casemate").join("root"))
}

/// The URI with a root secret. The file is made, with its folder, when it is needed first; whoever loses it loses every token.
pub fn with_root(uri: &str) -> Result<String> {
    if !simulated(uri) || has(uri, "root=") {
        return Ok(uri.into());
    }
    let path = path()?;
    let shown = path.display();
    let folder = path.parent().context("a file lies in a folder")?;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let Some(text) = path.to_str().filter(|t| !t.contains('&')) else {
        bail!(
            "the root secret's path {shown} cannot be part of a device's URI: set XDG_STATE_HOME to another"
        );
    };
    Ok(with(uri, &format!("root={text}")))
}

/// The URI with noise from the operating system: without it a simulation's random bits are those of its seed, the same in every run.
pub fn with_noise(uri: &str) -> String {
    if !simulated(uri) || has(uri, "seed=") || has(uri, "noise=") {
        return uri.into();
    }
    with(uri, "noise=os")
}

fn simulated(uri: &str) -> bool {
    let address = uri.split_once('?').map_or(uri, |u| u.0);
    matches!(address, "sim:" | "soft:")
}

fn has(uri: &str, setting: &str) -> bool {
    uri.split(['?', '&']).any(|s| s.starts_with(setting))
}

fn with(uri: &str, setting: &str) -> String {
    let separator = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{separator}{setting}")
}
