// SPDX-License-Identifier: Apache-2.0
//! Files of tokens.

use super::output::Output;
use anyhow::{Context, Result, bail};
use casemate_host::token::{LIMIT, Token, TokenError};
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// Reads a token.
pub fn read(path: &Path) -> Result<Token> {
    let shown = path.display();
    let cannot = || format!("cannot read the token {shown}");
    let file = File::open(path).with_context(cannot)?;
    if file.metadata().with_context(cannot)?.is_dir() {
        bail!("the token {shown} is a directory");
    }
    let mut text = Vec::new();
    file.take(LIMIT as u64)
        .read_to_end(&mut text)
        .with_context(cannot)?;
    Token::parse(&text).map_err(|e| match e {
        TokenError::Other => anyhow::anyhow!(
            "{shown} is no token; `casemate key generate OUT` makes one, `casemate key import` makes one of a key file"
        ),
        e => anyhow::Error::new(e).context(format!("{shown}")),
    })
}

/// Writes a token, readable by its owner alone, to a file that must not be there.
pub fn write(mut out: Output, token: &Token) -> Result<()> {
    out.write_all(token.format().as_bytes())
        .context("writing the token")?;
    out.commit()
}

/// The tokens of a folder by name, and what is wrong with those that are damaged. Other files are passed over.
pub fn list(folder: &Path) -> Result<Vec<(PathBuf, Result<Token, TokenError>)>> {
    let cannot = || format!("cannot list the folder {}", folder.display());
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if !path.is_file() {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        let mut text = Vec::new();
        if file.take(LIMIT as u64).read_to_end(&mut text).is_err() {
            continue;
        }
        match Token::parse(&text) {
            Err(TokenError::Other) => {}
            token => all.push((path, token)),
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(all)
}
