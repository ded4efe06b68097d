// SPDX-License-Identifier: Apache-2.0
//! Tables of cases, and the names in them.
#![allow(dead_code)]

use casemate_policy::*;
use serde_json::{Map, Value};

pub const KEY: &str = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

const NAMES: &[(&str, &str)] = &[
    ("$alice", "arn:aws:iam::111122223333:user/alice"),
    ("$bob", "arn:aws:iam::111122223333:user/bob"),
    ("$carol", "arn:aws:iam::444455556666:user/carol"),
    ("$key", KEY),
    (
        "$other",
        "arn:aws:kms:us-west-2:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321",
    ),
    ("$role", "arn:aws:iam::111122223333:role/team/Engineering"),
    ("$root", "arn:aws:iam::111122223333:root"),
    (
        "$session",
        "arn:aws:sts::111122223333:assumed-role/Engineering/alice",
    ),
    ("$xroot", "arn:aws:iam::444455556666:root"),
];

/// A row of a table.
pub struct Row {
    /// Where in the documentation the answer is.
    pub source: String,
    pub line: usize,
    pub fields: Map<String, Value>,
}

impl Row {
    pub fn place(&self) -> String {
        let case = self
            .fields
            .get("case")
            .map_or_else(|| "".into(), |case| case.to_string());
        format!("line {}, {} {case}", self.line, self.source)
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|value| {
            value
                .as_str()
                .unwrap_or_else(|| panic!("{}: {name}", self.place()))
        })
    }
}

pub fn arn(name: &str) -> &'static str {
    NAMES
        .iter()
        .find(|(known, _)| known[1..] == *name)
        .unwrap_or_else(|| panic!("no name {name}"))
        .1
}

/// The rows of a table, none without a source, none twice.
pub fn rows(table: &str) -> Vec<Row> {
    let mut source = String::new();
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in table.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            source = line.into();
        }
        if !line.starts_with('{') {
            continue;
        }
        let mut text = line.to_string();
        for (name, arn) in NAMES {
            text = text.replace(&format!("\"{name}\""), &format!("\"{arn}\""));
        }
        assert!(
            !text.contains("\"$a") && !source.is_empty(),
            "line {}",
            number + 1
        );
        let fields =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("line {}: {error}", number + 1));
        let row = Row {
            source: source.clone(),
            line: number + 1,
            fields,
        };
        assert!(
            rows.iter().all(|other| other.fields != row.fields),
            "{}: it is there twice",
            row.place()
        );
        rows.push(row);
    }
    rows
}

pub fn caller(name: &str) -> Caller {
    match name {
        "role" => Caller::role(arn("role"), arn("session")).unwrap(),
        "federated" => Caller::parse("arn:aws:sts::111122223333:federated-user/dora").unwrap(),
        "alice" => Caller::parse(arn(name))
            .unwrap()
            .with_unique_id("AIDACKCEVSQ6C2EXAMPLE"),
        _ => Caller::parse(arn(name)).unwrap(),
    }
}

/// A policy of statements from which much is left out.
pub fn policy(statements: &Value, version: Option<&str>, kind: Kind) -> Policy {
    let statements: Vec<Value> = statements
        .as_array()
        .expect("a list of statements")
        .iter()
        .map(|statement| {
            let mut map = statement.as_object().expect("a statement").clone();
            for (name, value) in [("Effect", "Allow"), ("Action", "kms:*"), ("Resource", "*")] {
                map.entry(name).or_insert(value.into());
            }
            map.retain(|_, value| !value.is_null());
            map.into()
        })
        .collect();
    let mut document = Map::new();
    if let Some(version) = version {
        document.insert("Version".into(), version.into());
    }
    document.insert("Statement".into(), statements.into());
    let text = Value::from(document).to_string();
    Policy::parse(&text, kind).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Sets the keys of a row's `with`.
pub fn fill(context: &mut Context, with: &Value) {
    for (key, value) in with.as_object().expect("an object") {
        match value {
            Value::Array(list) => context.set_all(key, list.iter().map(|value| value.as_str().unwrap())),
            value => context.set(key, value.as_str().unwrap()),
        };
    }
}
