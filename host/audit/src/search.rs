// SPDX-License-Identifier: Apache-2.0
//! Records that are looked for. Nothing is verified on the way: [`crate::verify`] does that.

use crate::line::{Content, Line};
use crate::segments::{self, Lines};
use serde::Deserialize;
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};

/// What to look for; what is not set does not matter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Not before this instant: as much as is known of 2026-11-30T12:00:00Z.
    pub since: Option<String>,
    /// Before this instant.
    pub until: Option<String>,
    /// Part of the principal's ARN, or its name, its id, its access key's id or its account.
    pub principal: Option<String>,
    /// Part of a key's or alias's ARN or id.
    pub key: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// The error's code; `any` is any.
    pub error: Option<String>,
    /// The request's id.
    pub request: Option<String>,
}

/// A record that was found.
#[derive(Debug)]
pub struct Found<'a> {
    /// Its chain.
    pub chain: &'a str,
    /// Its line's number.
    pub sequence: u64,
    /// Its JSON, as it stands in the log.
    pub json: &'a str,
}

/// Why a log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file.
    #[error("the audit log's file {}: {error}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A line is none.
    #[error("{}, line {line}: {what}; `casemate audit verify` tells more", .path.display())]
    Line {
        /// Its file.
        path: PathBuf,
        /// Its number in the file.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// Whoever asked has enough.
    #[error(transparent)]
    Caller(io::Error),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen<'a> {
    event_time: &'a str,
    user_identity: Value,
    event_name: Value,
    error_code: Option<Value>,
    request_parameters: Option<Value>,
    #[serde(rename = "requestID")]
    request_id: Value,
    #[serde(default)]
    resources: Vec<Value>,
}

impl Filter {
    fn takes(&self, r: &Seen<'_>) -> bool {
        let is = |wanted: &Option<String>, v: &Value| wanted.as_ref().is_none_or(|w| v == w.as_str());
        let contains = |w: &String, v: &Value| v.as_str().is_some_and(|v| v.contains(w.as_str()));
        let mut identity = r.user_identity.as_object().into_iter().flat_map(|m| m.values());
        let parameters = r.request_parameters.as_ref().and_then(Value::as_object);
        let named = parameters.into_iter().flatten();
        let named = named.filter(|(name, _)| name.ends_with("eyId") || *name == "aliasName");
        let resources = r.resources.iter().filter_map(|r| r.get("ARN"));
        let mut keys = resources.chain(named.map(|(_, v)| v));
        let error = match (self.error.as_deref(), &r.error_code) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wanted), Some(code)) => wanted == "any" || code == wanted,
        };
        error
            && self.since.as_deref().is_none_or(|s| r.event_time >= s)
            && self.until.as_deref().is_none_or(|u| r.event_time < u)
            && is(&self.operation, &r.event_name)
            && is(&self.request, &r.request_id)
            && self
                .principal
                .as_ref()
                .is_none_or(|p| identity.any(|v| contains(p, v)))
            && self.key.as_ref().is_none_or(|k| keys.any(|v| contains(k, v)))
    }
}

/// Hands each record of a chain that the filter takes to `each`, in the log's order. A last line that is not whole is left out.
pub fn records(
    folder: &Path,
    chain: &str,
    filter: &Filter,
    mut each: impl FnMut(&Found<'_>) -> io::Result<()>,
) -> Result<(), Error> {
    let file = |path: &Path| {
        let path = path.to_owned();
        |error| Error::File { path, error }
    };
    for segment in segments::list(folder, chain).map_err(file(folder))? {
        let path = &segment.path;
        let mut number = 0;
        let mut lines = Lines::open(path).map_err(file(path))?;
        while let Some((bytes, whole)) = lines.next().map_err(file(path))? {
            number += 1;
            if !whole {
                break;
            }
            let bad = |what: String| Error::Line {
                path: path.clone(),
                line: number,
                what,
            };
            let line = Line::parse(bytes).map_err(bad)?;
            let Content::Record(record) = line.content else {
                continue;
            };
            let json = record.get();
            let seen = serde_json::from_str(json).map_err(|e| bad(e.to_string()))?;
            if filter.takes(&seen) {
                let found = Found {
                    chain,
                    sequence: line.sequence,
                    json,
                };
                each(&found).map_err(Error::Caller)?;
            }
        }
    }
    Ok(())
}
