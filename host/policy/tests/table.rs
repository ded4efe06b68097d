// SPDX-License-Identifier: Apache-2.0
//! Cases whose answer is in AWS's documentation: `tables/`.

mod common;

use std::collections::BTreeMap;

use casemate_policy::*;
use common::{KEY, Row, arn, caller, fill, policy, rows};
use serde_json::Value;

/// In the words of the tables.
fn brief(decision: &Decision) -> String {
    let at = |place: &Place| {
        let policy = if place.policy.is_some() { "iam" } else { "key" };
        format!("{policy}[{}]", place.statement)
    };
    match decision {
        Decision::Allowed(By::KeyPolicy(place) | By::Identity { place, .. }) => at(place),
        Decision::Allowed(By::Grant(id)) => format!("grant {id}"),
        Decision::Allowed(By::Root { .. }) => "root".into(),
        Decision::Denied(Denial::Explicit(place)) => format!("deny {}", at(place)),
        Decision::Denied(Denial::Implicit(missing)) => match missing {
            Missing::KeyPolicy => "no key policy",
            Missing::Identity => "no iam policy",
            Missing::SameAccount => "no cross-account",
            Missing::Grant => "no grant",
            Missing::Target => "no target",
        }
        .into(),
    }
}

fn pairs(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().expect("pairs");
    map.iter()
        .map(|(key, value)| (key.clone(), value.as_str().unwrap().into()))
        .collect()
}

fn new_grant(value: &Value) -> NewGrant {
    let constraint = match (value.get("equals"), value.get("subset")) {
        (Some(value), _) => Some(Constraint::EncryptionContextEquals(pairs(value))),
        (_, Some(value)) => Some(Constraint::EncryptionContextSubset(pairs(value))),
        _ => None,
    };
    let operations = value["operations"].as_array().unwrap();
    let grant = NewGrant {
        grantee: value["grantee"].as_str().unwrap().into(),
        retiring: value.get("retiring").map(|arn| arn.as_str().unwrap().into()),
        operations: operations
            .iter()
            .map(|name| Action::named(name.as_str().unwrap()).unwrap())
            .collect(),
        constraint,
    };
    assert_eq!(grant.check(KeyKind::Symmetric), Ok(()), "{value}");
    grant
}

fn decide(row: &Row) -> Decision {
    let caller = caller(row.text("caller").unwrap_or("alice"));
    let action = Action::named(row.text("action").unwrap_or("Encrypt")).expect("an action");
    let version = match row.get("version") {
        None => Some("2012-10-17"),
        Some(value) => value.as_str(),
    };
    let key_policy = match row.get("key") {
        None => Policy::parse(&default_key_policy("aws", "111122223333"), Kind::Key).unwrap(),
        Some(statements) => policy(statements, version, Kind::Key),
    };
    let identity: Vec<Attached> = row
        .get("iam")
        .map(|statements| Attached {
            name: "p".into(),
            policy: policy(statements, version, Kind::Identity),
        })
        .into_iter()
        .collect();
    let grants: Vec<Grant> = row
        .get("grants")
        .map(|list| list.as_array().unwrap().as_slice())
        .unwrap_or_default()
        .iter()
        .enumerate()
        .map(|(number, value)| Grant {
            id: format!("g{number}"),
            key_arn: value.get("key").map_or(KEY, |key| key.as_str().unwrap()).into(),
            issuer: value
                .get("issuer")
                .map_or("111122223333", |issuer| issuer.as_str().unwrap())
                .into(),
            terms: new_grant(value),
        })
        .collect();
    let asked = row.get("new_grant").map(new_grant);
    let mut context = Context::new();
    context
        .caller(&caller)
        .source("203.0.113.7", true)
        .time(1_796_000_000);
    if let Some(list) = row.get("aliases") {
        context.aliases(list.as_array().unwrap().iter().map(|name| name.as_str().unwrap()));
    }
    if let Some(facts) = row.get("facts") {
        let (spec, usage) = (facts[0].as_str().unwrap(), facts[1].as_str().unwrap());
        context.key(&KeyFacts {
            spec,
            usage,
            origin: "AWS_KMS",
            multi_region: false,
            multi_region_type: None,
        });
    }
    let encryption_context = row.get("ec").map(pairs);
    if let Some(pairs) = &encryption_context {
        context.encryption_context(pairs);
    }
    if let Some(asked) = &asked {
        context.grant(asked);
    }
    if let Some(with) = row.get("with") {
        fill(&mut context, with);
    }
    let named;
    let target = match row.text("on") {
        None if action.scope() == Scope::Account => Target::Nothing,
        None | Some("key") => Target::Key {
            arn: KEY,
            policy: &key_policy,
            grants: &grants,
        },
        Some("grant") => Target::Grant {
            arn: KEY,
            policy: &key_policy,
            grant: &grants[0],
        },
        Some(alias) => {
            named = format!("arn:aws:kms:us-west-2:111122223333:{alias}");
            Target::Unowned { arn: &named }
        }
    };
    authorize(&Request {
        caller: &caller,
        identity: &identity,
        action,
        target,
        context: &context,
        encryption_context: encryption_context.as_ref(),
        new_grant: asked.as_ref(),
    })
}

#[test]
fn decisions() {
    let rows = rows(include_str!("tables/decisions.table"));
    assert!(rows.len() >= 150, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let known = [
            "case",
            "caller",
            "action",
            "version",
            "key",
            "iam",
            "on",
            "with",
            "ec",
            "grants",
            "new_grant",
            "aliases",
            "facts",
            "is",
        ];
        assert!(
            row.fields.keys().all(|field| known.contains(&field.as_str())),
            "{}",
            row.place()
        );
        let got = brief(&decide(row));
        if got != row.text("is").unwrap() {
            wrong.push(format!("{}: {got}", row.place()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} decisions", rows.len());
}

#[test]
fn conditions() {
    let rows = rows(include_str!("tables/conditions.table"));
    let mut wrong = Vec::new();
    for row in &rows {
        let caller = caller("alice");
        let mut context = Context::new();
        fill(&mut context, row.get("with").unwrap());
        let is = row.get("is").unwrap().as_bool().unwrap();
        let denies = row.get("deny").map_or(is, |value| value.as_bool().unwrap());
        let condition = row.get("if").unwrap();
        let allow = serde_json::json!([{ "Condition": condition }]);
        let deny = serde_json::json!([{}, { "Effect": "Deny", "Condition": condition }]);
        for (statements, allowed) in [(allow, is), (deny, !denies)] {
            let policy = policy(&statements, Some("2012-10-17"), Kind::Identity);
            let decision = authorize(&Request {
                caller: &caller,
                identity: &[Attached {
                    name: "p".into(),
                    policy,
                }],
                action: Action::named("ListKeys").unwrap(),
                target: Target::Nothing,
                context: &context,
                encryption_context: None,
                new_grant: None,
            });
            if decision.is_allowed() != allowed {
                wrong.push(format!("{}: {statements} {decision:?}", row.place()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} conditions", rows.len());
}

#[test]
fn documents() {
    let rows = rows(include_str!("tables/documents.table"));
    let mut wrong = Vec::new();
    for row in &rows {
        let (kind, document) = match (row.get("key"), row.get("iam")) {
            (Some(document), None) => (Kind::Key, document),
            (None, Some(document)) => (Kind::Identity, document),
            _ => panic!("{}", row.place()),
        };
        let text = document.as_str().map_or_else(|| document.to_string(), Into::into);
        let got = Policy::parse(&text, kind).err().map(|error| error.to_string());
        let want = row.get("error").unwrap().as_str();
        if got.as_deref() != want {
            wrong.push(format!("{}: {got:?}\n  not {want:?}", row.place()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} documents", rows.len());
}

/// The operations of the API: all of them, and no action besides.
#[test]
fn operations() {
    let mut actions: Vec<Action> = Action::all().collect();
    for line in include_str!("tables/operations.table")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        let [name, crosses, policy, grants] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let needs = needs(name).unwrap_or_else(|| panic!("{name}: no operation"));
        let own: Vec<_> = needs
            .iter()
            .filter(|need| need.action.name().starts_with(name))
            .collect();
        assert!(!own.is_empty(), "{line}");
        for need in own {
            assert_eq!(need.action.crosses_accounts(), crosses == "yes", "{line}");
            assert_eq!(need.action.is_grant_operation(), grants == "grants", "{line}");
            let by = match (need.on, need.action.scope()) {
                (On::Grant, _) => "grant",
                (_, Scope::Key) => "key",
                (_, Scope::Account) => "iam",
                (_, Scope::AliasAndKey) => "both",
            };
            assert_eq!(by, policy, "{line}");
            actions.retain(|action| *action != need.action);
        }
    }
    // It is KMS's own, of multi-Region keys.
    assert_eq!(actions, [Action::named("SynchronizeMultiRegionKey").unwrap()]);
}

#[test]
fn a_document_of_32_kib_is_read_and_a_longer_one_is_not() {
    let frame = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let padded = |bytes: usize| format!("{frame}{}", " ".repeat(bytes - frame.len()));
    assert!(Policy::parse(&padded(MAX_BYTES), Kind::Identity).is_ok());
    assert_eq!(
        Policy::parse(&padded(MAX_BYTES + 1), Kind::Identity),
        Err(PolicyError::TooLong(MAX_BYTES + 1))
    );
}

/// API, "PutKeyPolicy", "CreateKey": the policy must allow the caller to make a subsequent PutKeyPolicy request.
#[test]
fn a_key_policy_that_locks_its_author_out() {
    let check = |statements: Value, name: &str, with: Value| {
        let caller = caller(name);
        let mut context = Context::new();
        context.caller(&caller).source("203.0.113.7", true);
        fill(&mut context, &with);
        lockout(
            &policy(&statements, Some("2012-10-17"), Kind::Key),
            &caller,
            KEY,
            &context,
        )
    };
    let none = || serde_json::json!({});
    let root = arn("root");
    let alice = arn("alice");
    let missing = Some(Denial::Implicit(Missing::KeyPolicy));
    let denied = |statement| {
        Some(Denial::Explicit(Place {
            policy: None,
            statement,
            sid: None,
        }))
    };
    let by = |list| serde_json::json!(list);
    assert_eq!(
        check(
            by(vec![serde_json::json!({"Principal": {"AWS": root}})]),
            "alice",
            none()
        ),
        None
    );
    assert_eq!(
        check(
            by(vec![serde_json::json!({"Principal": {"AWS": root}})]),
            "root",
            none()
        ),
        None
    );
    assert_eq!(
        check(
            by(vec![serde_json::json!({"Principal": {"AWS": root}})]),
            "carol",
            none()
        ),
        Some(Denial::Implicit(Missing::SameAccount))
    );
    assert_eq!(
        check(
            by(vec![serde_json::json!({"Principal": {"AWS": alice}})]),
            "alice",
            none()
        ),
        None
    );
    assert_eq!(
        check(
            by(vec![serde_json::json!({"Principal": {"AWS": alice}})]),
            "bob",
            none()
        ),
        missing
    );
    assert_eq!(
        check(
            by(vec![serde_json::json!({"Principal": {"AWS": alice}})]),
            "root",
            none()
        ),
        missing
    );
    let uses = serde_json::json!({"Principal": {"AWS": alice}, "Action": "kms:Encrypt"});
    assert_eq!(check(by(vec![uses]), "alice", none()), missing);
    let allow = serde_json::json!({"Principal": {"AWS": root}});
    let deny = serde_json::json!({"Effect": "Deny", "Principal": "*", "Action": "kms:Put*"});
    assert_eq!(check(by(vec![allow.clone(), deny]), "alice", none()), denied(1));
    let tls = serde_json::json!({"Bool": {"aws:SecureTransport": "true"}});
    let secure = serde_json::json!({"Principal": {"AWS": alice}, "Condition": tls});
    assert_eq!(check(by(vec![secure.clone()]), "alice", none()), None);
    assert_eq!(
        check(
            by(vec![secure]),
            "alice",
            serde_json::json!({"aws:SecureTransport": "false"})
        ),
        missing
    );
}

/// KMS, "Default key policy: Default key policy when a KMS key is created programmatically".
#[test]
fn the_default_key_policy_is_one_statement_for_the_account() {
    let policy = Policy::parse(&default_key_policy("aws", "111122223333"), Kind::Key).unwrap();
    assert_eq!(
        policy.to_string(),
        r#"{"Id":"key-default-1","Statement":[{"Action":["kms:*"],"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:root"]},"Resource":["*"],"Sid":"Enable IAM User Permissions"}],"Version":"2012-10-17"}"#
    );
    let named: Vec<_> = policy.principals().collect();
    assert_eq!(
        named,
        [&PrincipalId::Account("111122223333".into(), arn("root").into())]
    );
}
