// SPDX-License-Identifier: Apache-2.0
//! `Principal` and `NotPrincipal` from their text (IAM, "AWS JSON policy elements: Principal: Specifying a principal").

use crate::arn::{Arn, is_account};
use crate::document::{PrincipalId, Principals};
use crate::json::Node;
use crate::parse::{Result, bad, distinct, texts};

impl PrincipalId {
    /// An entry of `{"AWS": …}`.
    pub fn parse(text: &str) -> Result<Self> {
        principal("Principal", text.into())
    }
}

pub(crate) fn principals(place: &str, node: Node, not: bool) -> Result<Principals> {
    if matches!(&node, Node::Text(text) if text == "*") {
        return Ok(if not {
            Principals::AllBut(vec![PrincipalId::Any])
        } else {
            Principals::Everyone
        });
    }
    if let Node::Text(text) = &node {
        return bad(
            place,
            format!("\"{text}\" is not *: write {{\"AWS\": \"{text}\"}}"),
        );
    }
    let mut entries = distinct(place, node)?;
    if entries.is_empty() {
        return bad(place, "it names nobody");
    }
    // The order in which it is written again.
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let mut list = Vec::new();
    for (sort, node) in entries {
        let place = format!("{place}.{sort}");
        for (index, text) in texts(&place, node)?.into_iter().enumerate() {
            let place = format!("{place}[{index}]");
            list.push(match sort.as_str() {
                "AWS" => principal(&place, text)?,
                "Service" if text.contains('.') && !text.contains('*') => PrincipalId::Service(text),
                "Service" => {
                    return bad(
                        &place,
                        format!("\"{text}\" is no service, such as ec2.amazonaws.com"),
                    );
                }
                "Federated" if text.contains('*') => {
                    return bad(&place, "a part of a name cannot be a wildcard");
                }
                "Federated" => PrincipalId::Federated(text),
                _ => {
                    return bad(
                        &place,
                        "it is no sort of principal: there are AWS, Service, Federated",
                    );
                }
            });
        }
    }
    Ok(if not {
        Principals::AllBut(list)
    } else {
        Principals::Only(list)
    })
}

fn principal(place: &str, text: String) -> Result<PrincipalId> {
    if text == "*" {
        return Ok(PrincipalId::Any);
    }
    if is_account(&text) {
        return Ok(PrincipalId::Account(text.clone(), text));
    }
    if text.contains(['*', '?']) {
        return bad(
            place,
            format!("\"{text}\" has a wildcard: a part of a principal's name cannot be one"),
        );
    }
    let unique = ["AIDA", "AROA"].iter().any(|prefix| text.starts_with(prefix));
    if unique && text.len() >= 16 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return Ok(PrincipalId::Unique(text));
    }
    let Some(arn) = Arn::parse(&text).filter(|arn| arn.region.is_empty() && is_account(arn.account)) else {
        return bad(
            place,
            format!("\"{text}\" is no principal: write an account's number or an ARN of IAM or STS"),
        );
    };
    let named = |rest: &str| !rest.is_empty() && !rest.ends_with('/');
    let known = match (arn.service, arn.resource.split_once('/')) {
        ("iam", None) if arn.resource == "root" => {
            return Ok(PrincipalId::Account(arn.account.into(), text.clone()));
        }
        ("iam", Some(("user" | "role", rest))) | ("sts", Some(("federated-user", rest))) => named(rest),
        ("sts", Some(("assumed-role", rest))) => named(rest) && rest.contains('/'),
        _ => false,
    };
    if !known {
        return bad(
            place,
            format!("\"{text}\" is not an account, a user, a role or a session"),
        );
    }
    Ok(PrincipalId::Arn(text))
}
