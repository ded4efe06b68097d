// SPDX-License-Identifier: Apache-2.0
//! The decision (IAM, "Policy evaluation logic"; KMS, "Troubleshooting key access", "Allowing users in other accounts to use a KMS
//! key"). For a key:
//!
//! 1. A Deny that applies, in the key policy or in a policy of the caller, decides. Nothing outweighs it, no grant either.
//! 2. In the key's account the key policy allows by naming the caller, or everyone; or it names the account, which lets the
//!    caller's own policies allow. Without the account's statement those policies allow nothing.
//! 3. From another account it takes both, the key policy (naming the caller, the account or everyone) and a policy of the caller,
//!    and only for the actions that cross accounts.
//! 4. Else a grant allows. From another account the grant has to be issued by that account, or a policy of the caller has to agree.
//!
//! RetireGrant is decided by the grant (KMS, "Retiring and revoking grants"): policies can deny it, and they allow it only to principals
//! of an account that the grant names, or that made it. A Deny in the key policy counts here too.
//!
//! What has no key policy, an alias, a key that does not exist yet, `*`, is up to the policies of the caller. The root user of an
//! account counts as one whose policies allow everything.

use std::collections::BTreeMap;
use std::fmt;

use crate::action::{Action, Scope};
use crate::arn::Arn;
use crate::caller::{Caller, CallerKind};
use crate::context::Context;
use crate::document::{Effect, Mention, Policy};
use crate::grant::{Grant, NewGrant};

/// A policy of the caller: attached to the user or the role, or to a group of the user.
#[derive(Debug, Clone, PartialEq)]
pub struct Attached {
    /// Its name or ARN, for reasons.
    pub name: String,
    /// The document.
    pub policy: Policy,
}

/// What the action is on.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// A key.
    Key {
        /// Its ARN.
        arn: &'a str,
        /// Its key policy.
        policy: &'a Policy,
        /// Its grants. Grant tokens name grants that are among these.
        grants: &'a [Grant],
    },
    /// An alias, or a key that is about to be made: what has an ARN but no policy.
    Unowned {
        /// Its ARN.
        arn: &'a str,
    },
    /// A grant that is to be retired.
    Grant {
        /// The ARN of its key.
        arn: &'a str,
        /// The key policy.
        policy: &'a Policy,
        /// The grant.
        grant: &'a Grant,
    },
    /// No resource, as with ListKeys.
    Nothing,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who.
    pub caller: &'a Caller,
    /// The caller's policies.
    pub identity: &'a [Attached],
    /// What.
    pub action: Action,
    /// On what.
    pub target: Target<'a>,
    /// The request context.
    pub context: &'a Context,
    /// The encryption context of a cryptographic request, for the constraints of grants; empty if none is given.
    pub encryption_context: Option<&'a BTreeMap<String, String>>,
    /// With `kms:CreateGrant`, the grant that is asked for.
    pub new_grant: Option<&'a NewGrant>,
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `None`: the key policy. Else the name of a policy of the caller.
    pub policy: Option<String>,
    /// The statement's number, from 0.
    pub statement: usize,
    /// Its Sid.
    pub sid: Option<String>,
}

/// What allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The key policy, by a statement that names the caller or everyone.
    KeyPolicy(Place),
    /// A policy of the caller. `key_policy` is the statement that lets it, if the action is on a key.
    Identity {
        /// The statement that allows.
        place: Place,
        /// The key policy's statement.
        key_policy: Option<Place>,
    },
    /// A grant, by its identifier.
    Grant(String),
    /// The root user of the account. `key_policy` is the statement that lets it, if the action is on a key.
    Root {
        /// The key policy's statement.
        key_policy: Option<Place>,
    },
}

/// What an implicit denial lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The key policy neither allows nor lets policies of the account do so; nor does a grant.
    KeyPolicy,
    /// No policy of the caller allows it.
    Identity,
    /// The action does not cross accounts.
    SameAccount,
    /// The grant names the caller neither as one who may retire it nor by its account.
    Grant,
    /// The target is not of the sort the action is on.
    Target,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// A statement denies.
    Explicit(Place),
    /// Nothing allows.
    Implicit(Missing),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Decision {
    /// Yes.
    Allowed(By),
    /// No.
    Denied(Denial),
}

impl Decision {
    /// Whether it is yes.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Decision::Allowed(_))
    }

    /// As a result, for `?`.
    pub fn into_result(self) -> Result<By, Denial> {
        match self {
            Decision::Allowed(by) => Ok(by),
            Decision::Denied(denial) => Err(denial),
        }
    }
}

/// Decides.
pub fn authorize(request: &Request<'_>) -> Decision {
    match find(request) {
        Ok(by) => Decision::Allowed(by),
        Err(denial) => Decision::Denied(denial),
    }
}

fn find(request: &Request<'_>) -> Result<By, Denial> {
    let (resource, key_policy) = match request.target {
        Target::Key { arn, policy, .. } | Target::Grant { arn, policy, .. } => (arn, Some(policy)),
        Target::Unowned { arn } => (arn, None),
        Target::Nothing => ("*", None),
    };
    if let Some(policy) = key_policy
        && let Some((place, _)) = in_key_policy(request, policy, resource, Effect::Deny)
    {
        return Err(Denial::Explicit(place));
    }
    if let Some(place) = in_identity(request, resource, Effect::Deny) {
        return Err(Denial::Explicit(place));
    }
    let retires = request.action.name() == "RetireGrant";
    let fits = match request.target {
        Target::Key { .. } => request.action.scope() != Scope::Account && !retires,
        Target::Grant { .. } => retires,
        // A key that is about to be made can be tagged.
        Target::Unowned { .. } => {
            request.action.scope() == Scope::AliasAndKey || request.action.name() == "TagResource"
        }
        Target::Nothing => request.action.scope() == Scope::Account,
    };
    if !fits {
        return Err(Denial::Implicit(Missing::Target));
    }
    let own_policies = OwnPolicies {
        allows: in_identity(request, resource, Effect::Allow),
        root: request.caller.kind() == CallerKind::Root,
    };
    let same_account = Arn::parse(resource).is_none_or(|arn| arn.account == request.caller.account());
    if !same_account && !request.action.crosses_accounts() {
        return Err(Denial::Implicit(Missing::SameAccount));
    }
    match request.target {
        Target::Nothing | Target::Unowned { .. } => own_policies.decide(None),
        Target::Grant { grant, .. } => match grant.retirer(request.caller) {
            Mention::Itself => Ok(By::Grant(grant.id.clone())),
            Mention::Account => own_policies.decide(None),
            Mention::No => Err(Denial::Implicit(Missing::Grant)),
        },
        Target::Key { policy, grants, .. } => {
            let by_policies = match in_key_policy(request, policy, resource, Effect::Allow) {
                None => Err(Denial::Implicit(Missing::KeyPolicy)),
                Some((place, Mention::Itself)) if same_account && !own_policies.root => {
                    Ok(By::KeyPolicy(place))
                }
                Some((place, _)) => own_policies.decide(Some(place)),
            };
            by_policies.or_else(|denial| {
                in_grants(request, grants, resource, same_account, &own_policies).ok_or(denial)
            })
        }
    }
}

/// What the caller's own policies say.
struct OwnPolicies {
    allows: Option<Place>,
    root: bool,
}

impl OwnPolicies {
    fn allow(&self) -> bool {
        self.root || self.allows.is_some()
    }

    fn decide(&self, key_policy: Option<Place>) -> Result<By, Denial> {
        match &self.allows {
            Some(place) => Ok(By::Identity {
                place: place.clone(),
                key_policy,
            }),
            None if self.root => Ok(By::Root { key_policy }),
            None => Err(Denial::Implicit(Missing::Identity)),
        }
    }
}

fn in_grants(
    request: &Request<'_>,
    grants: &[Grant],
    resource: &str,
    same_account: bool,
    own_policies: &OwnPolicies,
) -> Option<By> {
    let nothing = BTreeMap::new();
    let pairs = request.encryption_context.unwrap_or(&nothing);
    grants
        .iter()
        .filter(|grant| grant.key_arn == resource)
        .filter(|grant| same_account || own_policies.allow() || grant.issuer == request.caller.account())
        .filter(|grant| match grant.grantee(request.caller) {
            Mention::No => false,
            Mention::Account => own_policies.allow(),
            Mention::Itself => true,
        })
        .find(|grant| grant.allows(request.action, pairs, request.new_grant))
        .map(|grant| By::Grant(grant.id.clone()))
}

/// The statement of the key policy with this effect that applies to the caller; of several the one that names it most closely.
fn in_key_policy(
    request: &Request<'_>,
    policy: &Policy,
    resource: &str,
    effect: Effect,
) -> Option<(Place, Mention)> {
    let mut best: Option<(Place, Mention)> = None;
    for (number, statement) in policy.statements.iter().enumerate() {
        let mention = match &statement.principals {
            Some(principals) if statement.effect == effect => principals.mentions(request.caller),
            _ => Mention::No,
        };
        if mention > best.as_ref().map_or(Mention::No, |(_, mention)| *mention)
            && statement.applies(request.action, resource, request.context)
        {
            best = Some((
                Place {
                    policy: None,
                    statement: number,
                    sid: statement.sid.clone(),
                },
                mention,
            ));
        }
    }
    best
}

fn in_identity(request: &Request<'_>, resource: &str, effect: Effect) -> Option<Place> {
    request.identity.iter().find_map(|attached| {
        let statements = attached.policy.statements.iter().enumerate();
        statements
            .filter(|(_, statement)| statement.effect == effect)
            .find(|(_, statement)| statement.applies(request.action, resource, request.context))
            .map(|(number, statement)| Place {
                policy: Some(attached.name.clone()),
                statement: number,
                sid: statement.sid.clone(),
            })
    })
}

impl Denial {
    /// The text of AccessDeniedException, in the words of the API. It names no statement: those are for the audit record.
    pub fn message(&self, caller: &Caller, action: Action, resource: &str) -> String {
        let head = format!(
            "User: {} is not authorized to perform: {action} on resource: {resource}",
            caller.arn()
        );
        match self {
            Denial::Explicit(Place { policy: None, .. }) => {
                format!("{head} with an explicit deny in a resource-based policy")
            }
            Denial::Explicit(_) => format!("{head} with an explicit deny in an identity-based policy"),
            Denial::Implicit(Missing::Identity) => {
                format!("{head} because no identity-based policy allows the {action} action")
            }
            Denial::Implicit(Missing::KeyPolicy) => {
                format!("{head} because no resource-based policy allows the {action} action")
            }
            Denial::Implicit(Missing::Grant) => {
                format!("{head} because the grant does not allow the caller to retire it")
            }
            Denial::Implicit(Missing::SameAccount) => {
                format!("{head} because the {action} action is not allowed on resources of another account")
            }
            Denial::Implicit(Missing::Target) => {
                format!("{head} because {action} is no action on such a resource")
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.policy {
            None => write!(f, "key policy, ")?,
            Some(name) => write!(f, "policy {name}, ")?,
        }
        write!(f, "statement {}", self.statement)?;
        self.sid.as_ref().map_or(Ok(()), |sid| write!(f, " ({sid})"))
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let let_by = |f: &mut fmt::Formatter<'_>, place: &Option<Place>| {
            place
                .as_ref()
                .map_or(Ok(()), |place| write!(f, ", let by {place}"))
        };
        match self {
            By::KeyPolicy(place) => write!(f, "{place}"),
            By::Identity { place, key_policy } => write!(f, "{place}").and_then(|()| let_by(f, key_policy)),
            By::Grant(id) => write!(f, "grant {id}"),
            By::Root { key_policy } => write!(f, "root user").and_then(|()| let_by(f, key_policy)),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Denial::Explicit(place) => write!(f, "denied by {place}"),
            Denial::Implicit(Missing::KeyPolicy) => write!(f, "not allowed by the key policy or a grant"),
            Denial::Implicit(Missing::Identity) => write!(f, "not allowed by a policy of the caller"),
            Denial::Implicit(Missing::Grant) => write!(f, "not allowed by the grant"),
            Denial::Implicit(Missing::SameAccount) => write!(f, "not allowed from another account"),
            Denial::Implicit(Missing::Target) => write!(f, "not an action on such a resource"),
        }
    }
}
