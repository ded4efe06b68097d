// SPDX-License-Identifier: Apache-2.0
//! Policy documents from their text (IAM, "Grammar of the IAM JSON policy language"; KMS, "Key policies: Key policy format"). What
//! could be read in two ways, or would never have an effect, is refused, and the message names the place.

use std::collections::HashSet;

use crate::arn::Arn;
use crate::condition::{Condition, Operator, Set};
use crate::document::{Actions, Effect, Policy, Resources, Statement};
use crate::json::Node;
use crate::pattern::{Compare, Pattern};
use crate::principal::principals;

/// The longest document, in bytes (KMS, "Key policies: Key policy format"; more than IAM allows identity policies).
pub const MAX_BYTES: usize = 32 * 1024;

/// What a document is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A key: each statement names its principals.
    Key,
    /// A user or a role: no statement names principals, the document has no `Id`.
    Identity,
}

/// Why a document is refused. The API's error is MalformedPolicyDocumentException, for one too long LimitExceededException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Longer than [`MAX_BYTES`].
    #[error("the policy is of {0} bytes, more than the {MAX_BYTES} that are allowed")]
    TooLong(usize),
    /// No JSON.
    #[error("the policy is no valid JSON: {0}")]
    Json(String),
    /// JSON, but no policy.
    #[error("{place}: {what}")]
    Malformed {
        /// Such as `Statement[1].Condition.Bool`.
        place: String,
        /// What is wrong and what is expected.
        what: String,
    },
}

pub(crate) type Result<T> = std::result::Result<T, PolicyError>;

pub(crate) fn bad<T>(place: &str, what: impl Into<String>) -> Result<T> {
    Err(PolicyError::Malformed {
        place: place.into(),
        what: what.into(),
    })
}

impl Policy {
    /// Reads a document.
    pub fn parse(text: &str, kind: Kind) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(PolicyError::TooLong(text.len()));
        }
        let node: Node = serde_json::from_str(text).map_err(|error| PolicyError::Json(error.to_string()))?;
        let known = ["Version", "Id", "Statement"];
        let fields = Fields::new("Policy", node, &known)?;
        let version = match fields.text("Version")? {
            Some(version) if version != "2012-10-17" && version != "2008-10-17" => {
                return bad(
                    "Version",
                    format!("\"{version}\" is no version: write 2012-10-17 or 2008-10-17"),
                );
            }
            version => version,
        };
        let id = fields.text("Id")?;
        if id.is_some() && kind == Kind::Identity {
            return bad("Id", "an identity policy has none");
        }
        let variables = version.as_deref() == Some("2012-10-17");
        let statements = match fields.take("Statement") {
            Some(Node::List(list)) if list.is_empty() => return bad("Statement", "the list is empty"),
            Some(Node::List(list)) => list,
            Some(node @ Node::Map(_)) => vec![node],
            Some(node) => {
                return bad(
                    "Statement",
                    format!("it is {}, not a statement or a list of them", node.sort()),
                );
            }
            None => return bad("Policy", "it has no Statement"),
        };
        let statements: Vec<_> = statements
            .into_iter()
            .enumerate()
            .map(|(index, node)| statement(&format!("Statement[{index}]"), node, kind, variables))
            .collect::<Result<_>>()?;
        let mut sids = HashSet::new();
        for (index, statement) in statements.iter().enumerate() {
            let sid = statement.sid.as_deref().filter(|sid| !sid.is_empty());
            if !sid.is_none_or(|sid| sids.insert(sid)) {
                return bad(
                    &format!("Statement[{index}].Sid"),
                    "another statement has the same Sid",
                );
            }
        }
        Ok(Policy {
            version,
            id,
            statements,
        })
    }
}

/// An object's fields, each of them known and given once.
struct Fields {
    place: String,
    entries: Vec<(String, Node)>,
}

impl Fields {
    fn new(place: &str, node: Node, known: &[&str]) -> Result<Self> {
        let entries = distinct(place, node)?;
        if let Some((name, _)) = entries.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            return bad(
                place,
                format!("\"{name}\" is no element of it: there are {}", known.join(", ")),
            );
        }
        Ok(Fields {
            place: place.into(),
            entries,
        })
    }

    fn take(&self, name: &str) -> Option<Node> {
        self.entries
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, node)| node.clone())
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        match self.take(name) {
            None => Ok(None),
            Some(Node::Text(text)) => Ok(Some(text)),
            Some(node) => bad(&self.at(name), format!("it is {}, not a string", node.sort())),
        }
    }

    /// One of two elements that exclude each other, with its place, and whether it is the second.
    fn either(&self, name: &str, not: &str) -> Result<Option<(String, Node, bool)>> {
        match (self.take(name), self.take(not)) {
            (Some(_), Some(_)) => bad(&self.place, format!("{name} and {not} exclude each other")),
            (Some(node), None) => Ok(Some((self.at(name), node, false))),
            (None, Some(node)) => Ok(Some((self.at(not), node, true))),
            (None, None) => Ok(None),
        }
    }

    fn at(&self, name: &str) -> String {
        if self.place == "Policy" {
            name.into()
        } else {
            format!("{}.{name}", self.place)
        }
    }
}

pub(crate) fn distinct(place: &str, node: Node) -> Result<Vec<(String, Node)>> {
    let Node::Map(entries) = node else {
        return bad(place, format!("it is {}, not an object", node.sort()));
    };
    let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return bad(place, format!("\"{}\" is given twice", pair[0]));
    }
    Ok(entries)
}

fn statement(place: &str, node: Node, kind: Kind, variables: bool) -> Result<Statement> {
    let known = [
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let fields = Fields::new(place, node, &known)?;
    let sid = fields.text("Sid")?;
    let plain = |sid: &str| sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if kind == Kind::Identity && !sid.as_deref().is_none_or(plain) {
        return bad(
            &fields.at("Sid"),
            "in an identity policy it consists of letters and digits",
        );
    }
    let effect = match fields.text("Effect")?.as_deref() {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(other) => {
            return bad(
                &fields.at("Effect"),
                format!("\"{other}\" is neither Allow nor Deny"),
            );
        }
        None => return bad(place, "it has no Effect: write Allow or Deny"),
    };
    let principals = match (fields.either("Principal", "NotPrincipal")?, kind) {
        (None, Kind::Identity) => None,
        (None, Kind::Key) => {
            return bad(
                place,
                "it has no Principal, as each statement of a key policy must",
            );
        }
        (Some((place, ..)), Kind::Identity) => {
            return bad(
                &place,
                "an identity policy names no principals: it is about whom it is attached to",
            );
        }
        (Some((place, _, true)), Kind::Key) if effect == Effect::Allow => {
            return bad(
                &place,
                "it is only for Deny: with Allow it would allow everyone else in every account",
            );
        }
        (Some((place, node, not)), Kind::Key) => Some(principals(&place, node, not)?),
    };
    let Some((at, node, not)) = fields.either("Action", "NotAction")? else {
        return bad(place, "it has no Action");
    };
    let list = texts(&at, node)?;
    for (index, text) in list.iter().enumerate() {
        action(&format!("{at}[{index}]"), text)?;
    }
    let actions = if not {
        Actions::AllBut(list)
    } else {
        Actions::Only(list)
    };
    let Some((at, node, not)) = fields.either("Resource", "NotResource")? else {
        return bad(place, "it has no Resource");
    };
    let patterns = texts(&at, node)?
        .iter()
        .enumerate()
        .map(|(index, text)| resource(&format!("{at}[{index}]"), text, variables))
        .collect::<Result<_>>()?;
    let conditions = match fields.take("Condition") {
        None => Vec::new(),
        Some(node) => conditions(&fields.at("Condition"), node, variables)?,
    };
    Ok(Statement {
        sid,
        effect,
        principals,
        actions,
        resources: Resources {
            patterns,
            all_but: not,
        },
        conditions,
    })
}

/// A string or a list of them, at least one.
pub(crate) fn texts(place: &str, node: Node) -> Result<Vec<String>> {
    match node {
        Node::Text(text) => Ok(vec![text]),
        Node::List(list) if list.is_empty() => bad(place, "the list is empty"),
        Node::List(list) => list
            .into_iter()
            .enumerate()
            .map(|(index, node)| match node {
                Node::Text(text) => Ok(text),
                node => bad(
                    &format!("{place}[{index}]"),
                    format!("it is {}, not a string", node.sort()),
                ),
            })
            .collect(),
        node => bad(
            place,
            format!("it is {}, not a string or a list of strings", node.sort()),
        ),
    }
}

/// IAM, "IAM JSON policy elements: Action": `service:name`, or `*` for all.
fn action(place: &str, text: &str) -> Result<()> {
    if text == "*" {
        return Ok(());
    }
    let Some((service, name)) = text.split_once(':') else {
        return bad(
            place,
            format!("\"{text}\" has no service before a colon, such as kms:Encrypt"),
        );
    };
    let prefix = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let suffix = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'?' | b'-' | b'_');
    if service != "*" && (service.is_empty() || !service.bytes().all(prefix)) {
        return bad(place, format!("\"{service}\" in \"{text}\" is no service"));
    }
    if name.is_empty() || !name.bytes().all(suffix) {
        return bad(place, format!("\"{name}\" in \"{text}\" is no action's name"));
    }
    Ok(())
}

/// IAM, "IAM JSON policy elements: Resource".
fn resource(place: &str, text: &str, variables: bool) -> Result<Pattern> {
    let pattern = Pattern::parse(text, Compare::Like, variables).or_else(|what| bad(place, what))?;
    if text == "*" {
        return Ok(pattern);
    }
    let Some(arn) = Arn::parse(text) else {
        // A `*` that ends a part may stand for the parts after it.
        let open = text.starts_with("arn:") && text.ends_with('*');
        return if open {
            Ok(pattern)
        } else {
            bad(place, format!("\"{text}\" is neither an ARN nor *"))
        };
    };
    let before = &text[..text.len() - arn.resource.len()];
    if variables && before.contains("${") {
        return bad(
            place,
            format!("\"{text}\" has a variable before its fifth colon, where none may be"),
        );
    }
    Ok(pattern)
}

fn conditions(place: &str, node: Node, variables: bool) -> Result<Vec<Condition>> {
    let mut list = Vec::new();
    for (name, node) in distinct(place, node)? {
        let place = format!("{place}.{name}");
        let Some(operator) = Operator::named(&name) else {
            return bad(
                &place,
                "it is no condition operator, such as StringEquals or ForAnyValue:StringLikeIfExists",
            );
        };
        let mut seen = HashSet::new();
        for (key, node) in distinct(&place, node)? {
            let place = format!("{place}.{key}");
            let lower = key.to_lowercase();
            if !key
                .split_once(':')
                .is_some_and(|(vendor, rest)| !vendor.is_empty() && !rest.is_empty())
            {
                return bad(
                    &place,
                    "it is no condition key: keys begin with a service and a colon, such as aws:SourceIp",
                );
            }
            if !seen.insert(lower.clone()) {
                return bad(&place, "the key is given twice: keys have no case");
            }
            let single = ["kms:encryptioncontext:", "aws:requesttag/"];
            if operator.set == Some(Set::All) && single.iter().any(|prefix| lower.starts_with(prefix)) {
                // KMS, "AWS KMS condition keys: Using set operators with condition keys".
                return bad(
                    &place,
                    "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key \
                     matches requests without the specified encryption context or tag or with an unspecified encryption \
                     context or tag. To fix, remove ForAllValues.",
                );
            }
            let values = values(&place, node)?;
            list.push(Condition::new(operator, &key, values, variables).or_else(|what| bad(&place, what))?);
        }
    }
    // The order in which they are written again.
    list.sort_by_cached_key(|condition| (condition.operator().to_string(), condition.key().to_string()));
    Ok(list)
}

fn values(place: &str, node: Node) -> Result<Vec<String>> {
    let list = match node {
        Node::List(list) if list.is_empty() => {
            return bad(place, "the list is empty, so that no value could match");
        }
        Node::List(list) => list,
        node => vec![node],
    };
    list.into_iter()
        .map(|node| match node {
            Node::Text(text) | Node::Number(text) => Ok(text),
            Node::Bool(value) => Ok(value.to_string()),
            node => bad(
                place,
                format!(
                    "{} is no value: write a string, a number or a boolean",
                    node.sort()
                ),
            ),
        })
        .collect()
}
