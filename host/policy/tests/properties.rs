// SPDX-License-Identifier: Apache-2.0
//! What holds for all policies: deny never loses, adding a Deny never allows, taking an Allow away never allows, the order of statements
//! does not matter, what is written is read again.

mod common;

use std::collections::BTreeMap;

use casemate_policy::*;
use common::{KEY, arn, caller};
use proptest::prelude::*;
use serde_json::{Value, json};

/// One of few texts, so that statements often apply.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(Into::into)
}

fn condition() -> impl Strategy<Value = Value> {
    let operator = one_of(&[
        "StringEquals",
        "StringNotEquals",
        "StringLike",
        "StringNotLikeIfExists",
        "StringEqualsIgnoreCase",
        "ForAllValues:StringEquals",
        "ForAnyValue:StringNotEquals",
        "ForAnyValue:StringLike",
    ]);
    let key = one_of(&[
        "aws:PrincipalTag/team",
        "aws:TagKeys",
        "kms:RequestAlias",
        "aws:username",
        "k:absent",
    ]);
    let value = one_of(&[
        "red",
        "blue",
        "RED",
        "r*",
        "",
        "${aws:PrincipalTag/team}",
        "${k:absent}",
        "${k:absent, 'red'}",
        "alice",
    ]);
    let text = (operator, key, prop::collection::vec(value, 1..3))
        .prop_map(|(operator, key, values)| json!({ operator: { key: values } }));
    let other = prop::sample::select(vec![
        json!({"Bool": {"aws:SecureTransport": true}}),
        json!({"Null": {"aws:TagKeys": "true"}}),
        json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}),
        json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/25"}}),
        json!({"DateLessThan": {"aws:CurrentTime": "2027"}}),
        json!({"NumericGreaterThan": {"aws:EpochTime": 1_800_000_000}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:*"}}),
        json!({}),
    ]);
    prop_oneof![2 => Just(json!({})), 2 => text, 1 => other]
}

fn statement(kind: Kind) -> impl Strategy<Value = Value> {
    let effect = one_of(&["Allow", "Allow", "Deny"]);
    let action = prop::collection::vec(
        one_of(&[
            "kms:*",
            "kms:Encrypt",
            "kms:*crypt",
            "*",
            "kms:ReEncrypt*",
            "kms:Create*",
            "s3:Get*",
            "kms:decrypt",
        ]),
        1..3,
    );
    let resource = prop::collection::vec(
        one_of(&[
            "*",
            KEY,
            "arn:aws:kms:*:111122223333:key/*",
            "arn:aws:kms:us-west-2:111122223333:alias/*",
            "arn:aws:kms:*:*:key/${aws:username}",
            "arn:aws:kms:us-west-2:444455556666:key/*",
        ]),
        1..3,
    );
    let principal = prop_oneof![
        Just(json!("*")),
        prop::collection::vec(
            prop::sample::select(vec!["root", "xroot", "alice", "bob", "carol", "role", "session"]),
            1..4
        )
        .prop_map(|names| json!({"AWS": names.into_iter().map(arn).collect::<Vec<_>>()})),
    ];
    let nots = (
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.15),
    );
    (effect, action, resource, principal, condition(), nots).prop_map(
        move |(effect, action, resource, principal, condition, nots)| {
            let mut map = serde_json::Map::new();
            map.insert(if nots.0 { "NotAction" } else { "Action" }.into(), json!(action));
            map.insert(
                if nots.1 { "NotResource" } else { "Resource" }.into(),
                json!(resource),
            );
            if kind == Kind::Key {
                let not = nots.2 && effect == "Deny";
                map.insert(if not { "NotPrincipal" } else { "Principal" }.into(), principal);
            }
            map.insert("Effect".into(), json!(effect));
            map.insert("Condition".into(), condition);
            map.into()
        },
    )
}

fn policy(kind: Kind) -> impl Strategy<Value = Policy> {
    let version = prop::sample::select(vec!["2012-10-17", "2012-10-17", "2008-10-17"]);
    (version, prop::collection::vec(statement(kind), 1..5)).prop_map(move |(version, statements)| {
        let text = json!({"Version": version, "Statement": statements}).to_string();
        Policy::parse(&text, kind).unwrap_or_else(|error| panic!("{text}: {error}"))
    })
}

/// A request, whole.
#[derive(Debug, Clone)]
struct Case {
    caller: &'static str,
    action: Action,
    on: &'static str,
    key: Policy,
    identity: Vec<Policy>,
    grants: Vec<Grant>,
    pairs: BTreeMap<String, String>,
    tags: Vec<(String, String)>,
    alias: bool,
}

fn grant() -> impl Strategy<Value = Grant> {
    let names = |list: &'static [&'static str]| prop::sample::select(list);
    let operations = prop::collection::vec(
        names(&["Encrypt", "Decrypt", "ReEncryptTo", "CreateGrant", "DescribeKey"]),
        1..4,
    );
    let constraint = prop_oneof![
        Just(None),
        Just(Some(Constraint::EncryptionContextEquals(
            [("a".into(), "b".into())].into()
        ))),
        Just(Some(Constraint::EncryptionContextSubset(
            [("a".into(), "b".into())].into()
        ))),
    ];
    let issuer = names(&["111122223333", "444455556666"]);
    (
        names(&["alice", "bob", "carol", "root", "role"]),
        operations,
        constraint,
        issuer,
    )
        .prop_map(|(grantee, operations, constraint, issuer)| Grant {
            id: "g".into(),
            key_arn: KEY.into(),
            issuer: issuer.into(),
            terms: NewGrant {
                grantee: arn(grantee).into(),
                retiring: None,
                operations: operations
                    .into_iter()
                    .map(|name| Action::named(name).unwrap())
                    .collect(),
                constraint,
            },
        })
}

fn case() -> impl Strategy<Value = Case> {
    let caller = prop::sample::select(vec![
        "alice",
        "bob",
        "carol",
        "root",
        "xroot",
        "role",
        "federated",
    ]);
    let action = prop::sample::select(vec![
        ("Encrypt", "key"),
        ("Decrypt", "key"),
        ("ReEncryptTo", "key"),
        ("DescribeKey", "key"),
        ("PutKeyPolicy", "key"),
        ("CreateGrant", "key"),
        ("CreateAlias", "key"),
        ("CreateAlias", "alias"),
        ("CreateKey", "nothing"),
        ("RetireGrant", "grant"),
    ]);
    let pair = (one_of(&["a", "A", "c"]), one_of(&["b", "x"]));
    let tag = (one_of(&["team", "Team", "part"]), one_of(&["red", "blue", "r*"]));
    (
        (
            caller,
            action,
            policy(Kind::Key),
            prop::collection::vec(policy(Kind::Identity), 0..3),
        ),
        prop::collection::vec(grant(), 0..3),
        prop::collection::btree_map(pair.0, pair.1, 0..3),
        prop::collection::vec(tag, 0..3),
        any::<bool>(),
    )
        .prop_map(
            |((caller, (action, on), key, identity), grants, pairs, tags, alias)| Case {
                caller,
                action: Action::named(action).unwrap(),
                on,
                key,
                identity,
                grants,
                pairs,
                tags,
                alias,
            },
        )
}

impl Case {
    fn decide(&self) -> Decision {
        let caller = caller(self.caller);
        let mut context = Context::new();
        context
            .caller(&caller)
            .source("203.0.113.7", true)
            .time(1_796_000_000)
            .encryption_context(&self.pairs);
        let tags = || {
            self.tags
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
        };
        context.principal_tags(tags()).request_tags(tags());
        if self.alias {
            context.request_alias("alias/red");
        }
        let identity: Vec<Attached> = self
            .identity
            .iter()
            .enumerate()
            .map(|(number, policy)| Attached {
                name: number.to_string(),
                policy: policy.clone(),
            })
            .collect();
        let target = match (self.on, self.grants.first()) {
            ("alias", _) => Target::Unowned {
                arn: "arn:aws:kms:us-west-2:111122223333:alias/red",
            },
            ("nothing", _) => Target::Nothing,
            ("grant", Some(grant)) => Target::Grant {
                arn: KEY,
                policy: &self.key,
                grant,
            },
            _ => Target::Key {
                arn: KEY,
                policy: &self.key,
                grants: &self.grants,
            },
        };
        let child = NewGrant {
            grantee: arn("bob").into(),
            retiring: None,
            operations: vec![Action::named("Encrypt").unwrap()],
            constraint: None,
        };
        let new_grant = (self.action.name() == "CreateGrant").then_some(&child);
        authorize(&Request {
            caller: &caller,
            identity: &identity,
            action: self.action,
            target,
            context: &context,
            encryption_context: Some(&self.pairs),
            new_grant,
        })
    }

    fn policies(&mut self) -> impl Iterator<Item = &mut Policy> {
        std::iter::once(&mut self.key).chain(&mut self.identity)
    }

    /// This request with one statement of all the policies alone, if it has the effect.
    fn alone(&self, effect: Effect) -> Vec<Case> {
        let bare = Case {
            grants: self.on_grant(),
            identity: Vec::new(),
            key: nobody(),
            ..self.clone()
        };
        let of_key = self
            .key
            .statements
            .iter()
            .filter(|statement| statement.effect == effect)
            .map(|statement| {
                let key = Policy {
                    statements: vec![statement.clone()],
                    ..self.key.clone()
                };
                Case { key, ..bare.clone() }
            });
        let of_identity = self.identity.iter().flat_map(|policy| {
            policy
                .statements
                .iter()
                .filter(|statement| statement.effect == effect)
                .map(|statement| {
                    let policy = Policy {
                        statements: vec![statement.clone()],
                        ..policy.clone()
                    };
                    Case {
                        identity: vec![policy],
                        ..bare.clone()
                    }
                })
        });
        of_key.chain(of_identity).collect()
    }

    /// The grant that is asked about has to be there.
    fn on_grant(&self) -> Vec<Grant> {
        if self.on == "grant" {
            self.grants.clone()
        } else {
            Vec::new()
        }
    }
}

/// A key policy that says nothing of anyone here.
fn nobody() -> Policy {
    let text = r#"{"Statement": {"Effect": "Allow", "Principal": {"AWS": "999999999999"}, "Action": "kms:*", "Resource": "*"}}"#;
    Policy::parse(text, Kind::Key).unwrap()
}

fn explicit(decision: &Decision) -> bool {
    matches!(decision, Decision::Denied(Denial::Explicit(_)))
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    /// A Deny that would deny alone denies whatever else there is; and nothing else denies explicitly.
    #[test]
    fn deny_never_loses(case in case()) {
        let denied = case.alone(Effect::Deny).iter().any(|alone| explicit(&alone.decide()));
        prop_assert_eq!(explicit(&case.decide()), denied);
    }

    #[test]
    fn adding_a_deny_never_allows(
        case in case(),
        key in statement(Kind::Key),
        identity in statement(Kind::Identity),
        at in any::<prop::sample::Index>(),
    ) {
        let before = case.decide();
        for (kind, mut statement) in [(Kind::Key, key), (Kind::Identity, identity)] {
            statement["Effect"] = json!("Deny");
            let text = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            let added = Policy::parse(&text, kind).unwrap().statements.remove(0);
            let mut after = case.clone();
            let policy = if kind == Kind::Key { Some(&mut after.key) } else { after.identity.first_mut() };
            let Some(policy) = policy else { continue };
            policy.statements.insert(at.index(policy.statements.len() + 1), added);
            prop_assert!(before.is_allowed() || !after.decide().is_allowed());
        }
    }

    #[test]
    fn taking_an_allow_or_a_grant_away_never_allows(case in case(), which in any::<prop::sample::Index>()) {
        let before = case.decide();
        let mut after = case.clone();
        for policy in after.policies() {
            let index = which.index(policy.statements.len());
            if policy.statements[index].effect == Effect::Allow && policy.statements.len() > 1 {
                policy.statements.remove(index);
            }
        }
        prop_assert!(before.is_allowed() || !after.decide().is_allowed());
        let without = Case { grants: case.on_grant(), ..case };
        prop_assert!(before.is_allowed() || !without.decide().is_allowed());
    }

    #[test]
    fn the_order_of_statements_and_policies_does_not_matter(case in case(), by in 0usize..4) {
        let before = case.decide();
        let mut after = case.clone();
        for policy in after.policies() {
            let len = policy.statements.len();
            policy.statements.rotate_left(by % len);
            policy.statements.reverse();
        }
        after.identity.reverse();
        if case.on != "grant" {
            after.grants.reverse();
        }
        let after = after.decide();
        prop_assert_eq!(before.is_allowed(), after.is_allowed());
        prop_assert_eq!(explicit(&before), explicit(&after));
    }

    /// Without a statement that allows and without a grant only the root user of an account gets anything: what is on no key.
    #[test]
    fn by_default_nothing_is_allowed(case in case()) {
        let mut case = Case { grants: Vec::new(), ..case };
        for policy in case.policies() {
            policy.statements.retain(|statement| statement.effect == Effect::Deny);
        }
        let root = case.caller.ends_with("root") && case.on != "key" && case.on != "grant";
        prop_assert!(root || !case.decide().is_allowed());
    }

    /// From another account nothing is allowed without a policy of the caller or a grant that its account made.
    #[test]
    fn another_account_needs_its_own_consent(case in case()) {
        let own = case.identity.iter().flat_map(|policy| &policy.statements).any(|statement| statement.effect == Effect::Allow);
        let granted = case.grants.iter().any(|grant| grant.issuer == "444455556666");
        let consent = own || granted || case.caller != "carol" || case.on == "grant";
        prop_assert!(consent || !case.decide().is_allowed());
    }

    #[test]
    fn what_is_written_is_read_again(key in policy(Kind::Key), identity in policy(Kind::Identity)) {
        prop_assert_eq!(&Policy::parse(&key.to_string(), Kind::Key).unwrap(), &key);
        prop_assert_eq!(&Policy::parse(&identity.to_string(), Kind::Identity).unwrap(), &identity);
    }
}

/// The properties say something only if the requests are of all sorts.
#[test]
fn the_requests_are_of_all_sorts() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..4000 {
        let decision = case().new_tree(&mut runner).unwrap().current().decide();
        let sort = match decision {
            Decision::Allowed(By::KeyPolicy(_)) => "key policy",
            Decision::Allowed(By::Identity { .. }) => "identity policy",
            Decision::Allowed(By::Grant(_)) => "grant",
            Decision::Allowed(By::Root { .. }) => "root",
            Decision::Denied(Denial::Explicit(_)) => "explicit",
            Decision::Denied(Denial::Implicit(_)) => "implicit",
        };
        *counts.entry(sort).or_default() += 1;
    }
    println!("{counts:?}");
    assert!(
        counts.len() == 6 && counts.values().all(|count| *count >= 40),
        "{counts:?}"
    );
}
