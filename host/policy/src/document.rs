// SPDX-License-Identifier: Apache-2.0
//! Policy documents as values (IAM, "IAM JSON policy elements reference"). They are made by [`Policy::parse`] and written by `Display`.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::action::Action;
use crate::caller::{Caller, CallerKind};
use crate::condition::Condition;
use crate::context::Context;
use crate::glob::Glob;
use crate::pattern::Pattern;

/// What a statement does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever else allows.
    Deny,
}

/// A policy document.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// `2012-10-17` or `2008-10-17`, as written; without it the language is that of 2008, which knows no variables.
    pub version: Option<String>,
    /// Its name for itself.
    pub id: Option<String>,
    /// At least one.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Its name.
    pub sid: Option<String>,
    /// Allow or Deny.
    pub effect: Effect,
    /// Whom it is about; only in key policies.
    pub principals: Option<Principals>,
    /// Which actions.
    pub actions: Actions,
    /// Which resources.
    pub resources: Resources,
    /// All of them have to hold.
    pub conditions: Vec<Condition>,
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principals {
    /// `"Principal": "*"`
    Everyone,
    /// Those listed.
    Only(Vec<PrincipalId>),
    /// All but those listed; only with Deny.
    AllBut(Vec<PrincipalId>),
}

/// One entry of `Principal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrincipalId {
    /// `{"AWS": "*"}`
    Any,
    /// An account, by its ARN or its twelve digits; `0` is the number, `1` the text as written.
    Account(String, String),
    /// A user, a role or a session, by its ARN.
    Arn(String),
    /// The unique identifier of a principal, such as stands for a deleted one.
    Unique(String),
    /// An AWS service. No caller here is one.
    Service(String),
    /// An identity provider. No caller here is one.
    Federated(String),
}

/// `Action` or `NotAction`: patterns without variables, compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actions {
    /// Those that match.
    Only(Vec<String>),
    /// Those that do not.
    AllBut(Vec<String>),
}

/// `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq)]
pub struct Resources {
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) all_but: bool,
}

/// How a principal element speaks of a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mention {
    /// Not at all.
    No,
    /// By its account.
    Account,
    /// By itself, or with everyone.
    Itself,
}

impl PrincipalId {
    pub(crate) fn mentions(&self, caller: &Caller) -> Mention {
        let itself = |is| if is { Mention::Itself } else { Mention::No };
        match self {
            PrincipalId::Any => Mention::Itself,
            PrincipalId::Account(number, _) if number != caller.account() => Mention::No,
            PrincipalId::Account(..) if caller.kind() == CallerKind::Root => Mention::Itself,
            PrincipalId::Account(..) => Mention::Account,
            PrincipalId::Arn(arn) => itself(caller.is_named(arn)),
            PrincipalId::Unique(id) => itself(caller.unique_id() == Some(id)),
            PrincipalId::Service(_) | PrincipalId::Federated(_) => Mention::No,
        }
    }

    fn entry(&self) -> (&'static str, &str) {
        match self {
            PrincipalId::Any => ("AWS", "*"),
            PrincipalId::Account(_, text) | PrincipalId::Arn(text) | PrincipalId::Unique(text) => {
                ("AWS", text)
            }
            PrincipalId::Service(text) => ("Service", text),
            PrincipalId::Federated(text) => ("Federated", text),
        }
    }
}

impl Principals {
    pub(crate) fn mentions(&self, caller: &Caller) -> Mention {
        match self {
            Principals::Everyone => Mention::Itself,
            Principals::Only(list) => list
                .iter()
                .map(|id| id.mentions(caller))
                .max()
                .unwrap_or(Mention::No),
            Principals::AllBut(list) => {
                // IAM, "NotPrincipal": who is to be left out has to be listed together with the account, and a session
                // together with its role and the account.
                let account = list.iter().any(|id| {
                    matches!(id, PrincipalId::Any)
                        || matches!(id, PrincipalId::Account(number, _) if number == caller.account())
                });
                let listed = |arn: &str| {
                    list.iter()
                        .any(|id| matches!(id, PrincipalId::Arn(it) if it == arn))
                };
                let by_arn = listed(caller.arn()) && listed(caller.principal_arn());
                let any = list.contains(&PrincipalId::Any);
                let left_out = account && (caller.kind() == CallerKind::Root || by_arn || any);
                if left_out { Mention::No } else { Mention::Itself }
            }
        }
    }

    fn list(&self) -> &[PrincipalId] {
        match self {
            Principals::Everyone => &[],
            Principals::Only(list) | Principals::AllBut(list) => list,
        }
    }
}

impl Actions {
    pub(crate) fn contain(&self, action: Action) -> bool {
        let name = action.to_string().to_lowercase();
        let matches = |patterns: &[String]| {
            patterns
                .iter()
                .any(|pattern| Glob::parse(&pattern.to_lowercase()).matches(&name))
        };
        match self {
            Actions::Only(patterns) => matches(patterns),
            Actions::AllBut(patterns) => !matches(patterns),
        }
    }
}

impl Resources {
    /// The patterns, as written, and whether they are those of `NotResource`.
    pub fn patterns(&self) -> (impl ExactSizeIterator<Item = &str>, bool) {
        (self.patterns.iter().map(Pattern::source), self.all_but)
    }

    pub(crate) fn contain(&self, resource: &str, context: &Context, effect: Effect) -> bool {
        // A variable without a value: see the rule in `condition`.
        let unresolved = self.all_but && effect == Effect::Allow;
        let matches = self
            .patterns
            .iter()
            .any(|pattern| pattern.matches(resource, context).unwrap_or(unresolved));
        matches != self.all_but
    }
}

impl Statement {
    /// Whether the statement is about the action on the resource in this context, whoever calls.
    pub(crate) fn applies(&self, action: Action, resource: &str, context: &Context) -> bool {
        self.actions.contain(action)
            && self.resources.contain(resource, context, self.effect)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(context, self.effect))
    }
}

impl Policy {
    /// Every principal the policy names, so that a service can refuse one that does not exist.
    pub fn principals(&self) -> impl Iterator<Item = &PrincipalId> {
        self.statements
            .iter()
            .filter_map(|statement| statement.principals.as_ref())
            .flat_map(Principals::list)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = Map::new();
        if let Some(version) = &self.version {
            map.insert("Version".into(), json!(version));
        }
        if let Some(id) = &self.id {
            map.insert("Id".into(), json!(id));
        }
        let statements: Vec<Value> = self.statements.iter().map(statement).collect();
        map.insert("Statement".into(), statements.into());
        write!(f, "{}", Value::Object(map))
    }
}

fn statement(statement: &Statement) -> Value {
    let mut map = Map::new();
    if let Some(sid) = &statement.sid {
        map.insert("Sid".into(), json!(sid));
    }
    map.insert(
        "Effect".into(),
        json!(if statement.effect == Effect::Allow {
            "Allow"
        } else {
            "Deny"
        }),
    );
    match &statement.principals {
        None => (),
        Some(Principals::Everyone) => drop(map.insert("Principal".into(), json!("*"))),
        Some(Principals::Only(list)) => drop(map.insert("Principal".into(), principals(list))),
        Some(Principals::AllBut(list)) => drop(map.insert("NotPrincipal".into(), principals(list))),
    }
    let (name, actions) = match &statement.actions {
        Actions::Only(list) => ("Action", list),
        Actions::AllBut(list) => ("NotAction", list),
    };
    map.insert(name.into(), json!(actions));
    let name = if statement.resources.all_but {
        "NotResource"
    } else {
        "Resource"
    };
    let (patterns, _) = statement.resources.patterns();
    map.insert(name.into(), patterns.collect::<Vec<_>>().into());
    if !statement.conditions.is_empty() {
        let mut operators = Map::new();
        for condition in &statement.conditions {
            let keys = operators
                .entry(condition.operator().to_string())
                .or_insert_with(|| Value::Object(Map::new()));
            let values: Vec<&str> = condition.values().collect();
            keys[condition.key()] = json!(values);
        }
        map.insert("Condition".into(), operators.into());
    }
    map.into()
}

fn principals(list: &[PrincipalId]) -> Value {
    let mut map = Map::new();
    for id in list {
        let (sort, text) = id.entry();
        let entry = map.entry(sort).or_insert_with(|| Value::Array(Vec::new()));
        entry.as_array_mut().expect("made as a list").push(json!(text));
    }
    map.into()
}
