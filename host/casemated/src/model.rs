// SPDX-License-Identifier: Apache-2.0
//! The API's shapes, from botocore's model, and whether a request has them.

use crate::error::ApiError;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, OnceLock};
use zeroize::Zeroizing;

/// The API's model.
pub static MODEL: LazyLock<Model> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../model/kms.json")).expect("a generated file that a test reads")
});

/// Operations and shapes by name.
#[derive(Deserialize)]
pub struct Model {
    operations: HashMap<String, Operation>,
    shapes: HashMap<String, Shape>,
}

#[derive(Deserialize)]
struct Operation {
    input: Option<String>,
    output: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Type {
    Structure,
    String,
    Blob,
    Integer,
    Boolean,
    Timestamp,
    List,
    Map,
}

#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "type")]
    kind: Type,
    #[serde(default)]
    members: BTreeMap<String, String>,
    #[serde(default)]
    required: Vec<String>,
    member: Option<String>,
    value: Option<String>,
    min: Option<u64>,
    max: Option<u64>,
    pattern: Option<String>,
    #[serde(rename = "enum", default)]
    values: Vec<String>,
    #[serde(default)]
    sensitive: bool,
    #[serde(skip)]
    compiled: OnceLock<Regex>,
}

/// What breaks a constraint: the API lists them all.
struct Check<'a> {
    model: &'a Model,
    found: Vec<String>,
}

/// Deepest nesting that a request of the API has, with some to spare.
const DEPTH: usize = 8;

impl Model {
    /// Whether there is such an operation.
    pub fn has(&self, operation: &str) -> bool {
        self.operations.contains_key(operation)
    }

    /// Names of all operations.
    #[cfg(test)]
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.operations.keys().map(String::as_str)
    }

    /// A request's members: SerializationException for a wrong type, ValidationException for what breaks a constraint.
    pub fn check(&self, operation: &str, input: &Map<String, Value>) -> Result<(), ApiError> {
        let shape = self.operations.get(operation).and_then(|o| o.input.as_ref());
        let Some(shape) = shape.and_then(|s| self.shapes.get(s)) else {
            return Ok(());
        };
        let mut check = Check {
            model: self,
            found: Vec::new(),
        };
        check.structure(shape, input, "", DEPTH)?;
        match check.found.len() {
            0 => Ok(()),
            n => Err(ApiError::validation(format!(
                "{n} validation error{} detected: {}",
                if n == 1 { "" } else { "s" },
                check.found.join("; ")
            ))),
        }
    }

    /// Members of an answer that its shape does not have, or whose value is of another type: for builds with assertions.
    pub fn check_answer(&self, operation: &str, answer: &Value) -> Result<(), String> {
        let Some(shape) = self.operations.get(operation).and_then(|o| o.output.as_ref()) else {
            return if answer.as_object().is_some_and(Map::is_empty) {
                Ok(())
            } else {
                Err(format!("{operation} has no answer, but this is one: {answer}"))
            };
        };
        self.answer(shape, answer, operation)
    }

    fn answer(&self, shape: &str, value: &Value, at: &str) -> Result<(), String> {
        let s = &self.shapes[shape];
        let wrong = || Err(format!("{at}: {value} is no {shape}"));
        match (&s.kind, value) {
            (Type::Structure, Value::Object(m)) => {
                if let Some(r) = s.required.iter().find(|r| !m.contains_key(*r)) {
                    return Err(format!("{at}: {r} is missing"));
                }
                m.iter().try_for_each(|(k, v)| match s.members.get(k) {
                    Some(shape) => self.answer(shape, v, &format!("{at}.{k}")),
                    None => Err(format!("{at}: {k} is no member of {shape}")),
                })
            }
            (Type::List, Value::Array(l)) => {
                let member = s.member.as_deref().unwrap_or_default();
                l.iter().try_for_each(|v| self.answer(member, v, at))
            }
            (Type::Map, Value::Object(m)) => {
                let member = s.value.as_deref().unwrap_or_default();
                m.values().try_for_each(|v| self.answer(member, v, at))
            }
            (Type::String, Value::String(v)) if s.values.is_empty() || s.values.contains(v) => Ok(()),
            (Type::Blob, Value::String(v)) if BASE64_STANDARD.decode(v).is_ok() => Ok(()),
            (Type::Integer, Value::Number(n)) if n.is_i64() => Ok(()),
            (Type::Boolean, Value::Bool(_)) | (Type::Timestamp, Value::Number(_)) => Ok(()),
            _ => wrong(),
        }
    }
}

/// A member's name as messages have it.
fn lower(name: &str) -> String {
    let mut c = name.chars();
    c.next()
        .map_or_else(String::new, |f| f.to_ascii_lowercase().to_string() + c.as_str())
}

impl Check<'_> {
    fn structure(
        &mut self,
        shape: &Shape,
        value: &Map<String, Value>,
        path: &str,
        depth: usize,
    ) -> Result<(), ApiError> {
        for (name, member) in &shape.members {
            let at = format!("{path}{}", lower(name));
            match value.get(name).filter(|v| !v.is_null()) {
                Some(v) => self.value(member, v, &at, depth)?,
                None if shape.required.contains(name) => self.found.push(format!(
                    "Value null at '{at}' failed to satisfy constraint: Member must not be null"
                )),
                None => {}
            }
        }
        Ok(())
    }

    fn value(&mut self, shape: &str, value: &Value, at: &str, depth: usize) -> Result<(), ApiError> {
        let model = self.model;
        let shape = &model.shapes[shape];
        let Some(depth) = depth.checked_sub(1) else {
            return Err(ApiError::serialization(
                "Start of structure or map found where not expected",
            ));
        };
        let wrong = |to: &str| {
            Err(ApiError::serialization(match value {
                Value::Object(_) => "Start of structure or map found where not expected".into(),
                Value::Array(_) => "Start of list found where not expected".into(),
                Value::String(_) => format!("STRING_VALUE can not be converted to {to}"),
                Value::Number(_) => format!("NUMBER_VALUE can not be converted to {to}"),
                Value::Bool(b) => format!(
                    "{}_VALUE can not be converted to {to}",
                    b.to_string().to_uppercase()
                ),
                Value::Null => format!("NULL_VALUE can not be converted to {to}"),
            }))
        };
        match (&shape.kind, value) {
            (Type::Structure, Value::Object(m)) => self.structure(shape, m, &format!("{at}."), depth),
            (Type::List, Value::Array(l)) => {
                self.length(shape, l.len(), Some("[...]"), at);
                let member = shape.member.as_deref().unwrap_or_default();
                for (i, v) in l.iter().enumerate() {
                    self.value(member, v, &format!("{at}.{}.member", i + 1), depth)?;
                }
                Ok(())
            }
            (Type::Map, Value::Object(m)) => {
                let member = shape.value.as_deref().unwrap_or_default();
                for (k, v) in m {
                    self.value(member, v, &format!("{at}.{k}.member"), depth)?;
                }
                Ok(())
            }
            (Type::String, Value::String(s)) => {
                self.string(shape, s, at);
                Ok(())
            }
            (Type::Blob, Value::String(s)) => {
                let Ok(bytes) = BASE64_STANDARD.decode(s).map(Zeroizing::new) else {
                    return Err(ApiError::serialization(
                        "Unable to decode a blob: it is not Base64",
                    ));
                };
                self.length(shape, bytes.len(), None, at);
                Ok(())
            }
            (Type::Integer, Value::Number(n)) => {
                let Some(n) = n.as_i64() else {
                    return wrong("an Integer");
                };
                let quoted = n.to_string();
                if shape.min.is_some_and(|min| n < min as i64) {
                    let rule = "Member must have value greater than or equal to";
                    self.broken(Some(&quoted), at, rule, shape.min);
                }
                if shape.max.is_some_and(|max| n > max as i64) {
                    let rule = "Member must have value less than or equal to";
                    self.broken(Some(&quoted), at, rule, shape.max);
                }
                Ok(())
            }
            (Type::Boolean, Value::Bool(_)) | (Type::Timestamp, Value::Number(_)) => Ok(()),
            (Type::Structure | Type::Map, _) => wrong("a structure"),
            (Type::List, _) => wrong("a list"),
            (Type::String, _) => wrong("a String"),
            (Type::Blob, _) => wrong("a ByteBuffer"),
            (Type::Integer, _) => wrong("an Integer"),
            (Type::Boolean, _) => wrong("a Boolean"),
            (Type::Timestamp, _) => wrong("a Timestamp"),
        }
    }

    fn broken(&mut self, value: Option<&str>, at: &str, rule: &str, bound: Option<u64>) {
        let value = value.map(|v| format!(" '{v}'")).unwrap_or_default();
        let bound = bound.map(|b| format!(" {b}")).unwrap_or_default();
        self.found.push(format!(
            "Value{value} at '{at}' failed to satisfy constraint: {rule}{bound}"
        ));
    }

    fn length(&mut self, shape: &Shape, len: usize, value: Option<&str>, at: &str) {
        if shape.min.is_some_and(|min| (len as u64) < min) {
            let rule = "Member must have length greater than or equal to";
            self.broken(value, at, rule, shape.min);
        }
        if shape.max.is_some_and(|max| len as u64 > max) {
            let rule = "Member must have length less than or equal to";
            self.broken(value, at, rule, shape.max);
        }
    }

    fn string(&mut self, shape: &Shape, s: &str, at: &str) {
        let shown = (!shape.sensitive).then_some(s);
        if !shape.values.is_empty() {
            if !shape.values.iter().any(|v| v == s) {
                let rule = format!(
                    "Member must satisfy enum value set: [{}]",
                    shape.values.join(", ")
                );
                self.broken(shown, at, &rule, None);
            }
            return;
        }
        self.length(shape, s.chars().count(), shown, at);
        if let Some(pattern) = &shape.pattern {
            let whole = || Regex::new(&format!("^(?s:{pattern})$")).expect("a test compiles them all");
            if !shape.compiled.get_or_init(whole).is_match(s) {
                let rule = format!("Member must satisfy regular expression pattern: {pattern}");
                self.broken(shown, at, &rule, None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(operation: &str, input: Value) -> String {
        let e = MODEL.check(operation, input.as_object().unwrap()).unwrap_err();
        format!("{}: {}", e.code, e.message)
    }

    #[test]
    fn patterns_compile() {
        for s in MODEL.shapes.values() {
            if let Some(p) = &s.pattern {
                Regex::new(&format!("^(?s:{p})$")).unwrap();
            }
        }
        assert!(MODEL.operations().count() > 50);
    }

    /// Messages as recorded of the real service.
    #[test]
    fn messages() {
        assert_eq!(
            refused("GenerateRandom", json!({"NumberOfBytes": 1025})),
            "ValidationException: 1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: \
             Member must have value less than or equal to 1024"
        );
        let long = BASE64_STANDARD.encode(vec![0; 4097]);
        assert_eq!(
            refused("Encrypt", json!({"KeyId": "k", "Plaintext": long})),
            "ValidationException: 1 validation error detected: Value at 'plaintext' failed to satisfy constraint: \
             Member must have length less than or equal to 4096"
        );
        assert_eq!(
            refused(
                "TagResource",
                json!({"KeyId": "k", "Tags": [{"TagKey": "k", "TagValue": "v".repeat(257)}]})
            ),
            format!(
                "ValidationException: 1 validation error detected: Value '{}' at 'tags.1.member.tagValue' failed to satisfy \
                 constraint: Member must have length less than or equal to 256",
                "v".repeat(257)
            )
        );
        assert_eq!(
            refused(
                "DeriveSharedSecret",
                json!({"KeyId": "k", "PublicKey": "AA==", "KeyAgreementAlgorithm": "INVALID"})
            ),
            "ValidationException: 1 validation error detected: Value 'INVALID' at 'keyAgreementAlgorithm' failed to satisfy \
             constraint: Member must satisfy enum value set: [ECDH]"
        );
        assert!(
            refused("Encrypt", json!({})).contains("2 validation errors detected: Value null at 'keyId'")
        );
        assert_eq!(
            refused("Encrypt", json!({"KeyId": 1})),
            "SerializationException: NUMBER_VALUE can not be converted to a String"
        );
        assert!(refused("Encrypt", json!({"KeyId": "k", "Plaintext": "$"})).contains("Base64"));
    }
}
