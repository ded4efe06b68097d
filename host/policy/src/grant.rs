// SPDX-License-Identifier: Apache-2.0
//! Grants (KMS, "Grants in AWS KMS", "Creating grants"). A grant only allows.

use std::collections::BTreeMap;

use crate::action::{Action, KeyKind};
use crate::caller::Caller;
use crate::document::{Mention, PrincipalId};

/// What the encryption context of a request has to be for the grant to apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// Exactly these pairs.
    EncryptionContextEquals(BTreeMap<String, String>),
    /// These pairs and any others.
    EncryptionContextSubset(BTreeMap<String, String>),
}

impl Constraint {
    /// The pairs.
    pub fn pairs(&self) -> &BTreeMap<String, String> {
        match self {
            Constraint::EncryptionContextEquals(pairs) | Constraint::EncryptionContextSubset(pairs) => pairs,
        }
    }

    /// Whether a request's encryption context fulfils it; keys and values are compared with their case.
    pub fn allows(&self, context: &BTreeMap<String, String>) -> bool {
        match self {
            Constraint::EncryptionContextEquals(pairs) => pairs == context,
            Constraint::EncryptionContextSubset(pairs) => includes(context, pairs),
        }
    }

    /// Whether every context that fulfils `child` fulfils this one.
    fn covers(&self, child: &Constraint) -> bool {
        match (self, child) {
            (Constraint::EncryptionContextEquals(own), Constraint::EncryptionContextEquals(child)) => {
                own == child
            }
            (Constraint::EncryptionContextEquals(_), Constraint::EncryptionContextSubset(_)) => false,
            (Constraint::EncryptionContextSubset(own), child) => includes(child.pairs(), own),
        }
    }
}

fn includes(all: &BTreeMap<String, String>, part: &BTreeMap<String, String>) -> bool {
    part.iter().all(|(key, value)| all.get(key) == Some(value))
}

/// What a CreateGrant asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    /// The ARN of whom it allows: an account, a user, a role or a session.
    pub grantee: String,
    /// The ARN of who may retire it.
    pub retiring: Option<String>,
    /// What it allows.
    pub operations: Vec<Action>,
    /// When.
    pub constraint: Option<Constraint>,
}

/// Why a grant cannot be made. The API's error is ValidationException, for a bad ARN InvalidArnException.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The grantee or the retiring principal is no principal.
    #[error("{field} \"{text}\" is not the ARN of an account, a user, a role or a session")]
    Principal {
        /// `GranteePrincipal` or `RetiringPrincipal`.
        field: &'static str,
        /// What was given.
        text: String,
    },
    /// There is no operation.
    #[error("Operations is empty: a grant allows at least one operation")]
    NoOperation,
    /// A grant cannot hold the operation.
    #[error("{0:?} is no grant operation")]
    Operation(Action),
    /// A grant for this key cannot.
    #[error("{0:?} is not supported by a key of this kind, so a grant for it cannot allow it")]
    Unsupported(Action),
    /// The key's operations take no encryption context.
    #[error(
        "a grant constraint needs a symmetric encryption key: operations of other keys take no encryption context"
    )]
    Constraint,
    /// A constraint has no pair or more than eight.
    #[error("the grant constraint has {0} pairs: it has 1 to 8")]
    Pairs(usize),
    /// A constraint is too long.
    #[error("the grant constraint is of {0} characters: at most 384 are allowed")]
    Length(usize),
}

impl NewGrant {
    /// Whether a key of this kind can have it (KMS, "Grants: Grant operations", "Creating grants: Using grant constraints").
    pub fn check(&self, kind: KeyKind) -> Result<(), GrantError> {
        let principal = |field, text: &str| match PrincipalId::parse(text) {
            Ok(PrincipalId::Arn(_)) => Ok(()),
            Ok(PrincipalId::Account(_, arn)) if arn.starts_with("arn:") => Ok(()),
            _ => Err(GrantError::Principal {
                field,
                text: text.into(),
            }),
        };
        principal("GranteePrincipal", &self.grantee)?;
        if let Some(retiring) = &self.retiring {
            principal("RetiringPrincipal", retiring)?;
        }
        if self.operations.is_empty() {
            return Err(GrantError::NoOperation);
        }
        for action in &self.operations {
            if !action.is_grant_operation() {
                return Err(GrantError::Operation(*action));
            }
            if !action.grantable_on(kind) {
                return Err(GrantError::Unsupported(*action));
            }
        }
        let Some(constraint) = &self.constraint else {
            return Ok(());
        };
        if kind != KeyKind::Symmetric {
            return Err(GrantError::Constraint);
        }
        let pairs = constraint.pairs();
        if !(1..=8).contains(&pairs.len()) {
            return Err(GrantError::Pairs(pairs.len()));
        }
        let length = pairs
            .iter()
            .map(|(key, value)| key.chars().count() + value.chars().count())
            .sum();
        if length > 384 {
            Err(GrantError::Length(length))
        } else {
            Ok(())
        }
    }
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its identifier.
    pub id: String,
    /// The key it is for.
    pub key_arn: String,
    /// The account whose principal made it, twelve digits.
    pub issuer: String,
    /// What it allows.
    pub terms: NewGrant,
}

impl Grant {
    /// Whether it allows its grantee the action. `new_grant` is what a CreateGrant asks for: who may create grants by a grant may
    /// not create wider ones (KMS, "Creating grants: Granting CreateGrant permission").
    pub fn allows(
        &self,
        action: Action,
        context: &BTreeMap<String, String>,
        new_grant: Option<&NewGrant>,
    ) -> bool {
        let terms = &self.terms;
        let constrained = action.takes_encryption_context();
        terms.operations.contains(&action)
            && !(constrained
                && terms
                    .constraint
                    .as_ref()
                    .is_some_and(|constraint| !constraint.allows(context)))
            && (action.name() != "CreateGrant" || new_grant.is_some_and(|child| self.permits_child(child)))
    }

    /// Whether who holds CreateGrant by this grant may create the other one.
    pub fn permits_child(&self, child: &NewGrant) -> bool {
        let terms = &self.terms;
        child
            .operations
            .iter()
            .all(|action| terms.operations.contains(action))
            && match (&terms.constraint, &child.constraint) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(own), Some(child)) => own.covers(child),
            }
    }

    /// How its grantee is named by it.
    pub(crate) fn grantee(&self, caller: &Caller) -> Mention {
        mention(&self.terms.grantee, caller)
    }

    /// How the caller is named as one who may retire it: the retiring principal, the grantee if RetireGrant is among the operations,
    /// the account that made it (KMS, "Retiring and revoking grants").
    pub(crate) fn retirer(&self, caller: &Caller) -> Mention {
        let retires = self
            .terms
            .operations
            .iter()
            .any(|action| action.name() == "RetireGrant");
        let retiring = self
            .terms
            .retiring
            .as_deref()
            .map_or(Mention::No, |arn| mention(arn, caller));
        let grantee = if retires {
            self.grantee(caller)
        } else {
            Mention::No
        };
        retiring
            .max(grantee)
            .max(PrincipalId::Account(self.issuer.clone(), String::new()).mentions(caller))
    }
}

fn mention(arn: &str, caller: &Caller) -> Mention {
    PrincipalId::parse(arn).map_or(Mention::No, |id| id.mentions(caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(operations: &[&str], constraint: Option<Constraint>) -> NewGrant {
        NewGrant {
            grantee: "arn:aws:iam::111122223333:user/exampleUser".into(),
            retiring: None,
            operations: operations
                .iter()
                .map(|name| Action::named(name).unwrap())
                .collect(),
            constraint,
        }
    }

    fn pairs(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect()
    }

    #[test]
    fn operations_by_kind_of_key() {
        use KeyKind::*;
        let kinds = [Symmetric, Hmac, Sign, Encrypt, Agree, Encapsulate];
        // KMS, "Grants: Grant operations".
        let table: &[(&str, &[KeyKind])] = &[
            ("Encrypt", &[Symmetric, Encrypt]),
            ("Decrypt", &[Symmetric, Encrypt]),
            ("ReEncryptFrom", &[Symmetric, Encrypt]),
            ("ReEncryptTo", &[Symmetric, Encrypt]),
            ("GenerateDataKey", &[Symmetric]),
            ("GenerateDataKeyPair", &[Symmetric]),
            ("GenerateDataKeyWithoutPlaintext", &[Symmetric]),
            ("GenerateDataKeyPairWithoutPlaintext", &[Symmetric]),
            ("GenerateMac", &[Hmac]),
            ("VerifyMac", &[Hmac]),
            ("Sign", &[Sign]),
            ("Verify", &[Sign]),
            ("DeriveSharedSecret", &[Agree]),
            ("Encapsulate", &[Encapsulate]),
            ("Decapsulate", &[Encapsulate]),
            ("GetPublicKey", &[Sign, Encrypt, Agree, Encapsulate]),
            ("CreateGrant", &kinds),
            ("DescribeKey", &kinds),
            ("RetireGrant", &kinds),
        ];
        let mut grantable: Vec<_> = Action::all()
            .filter(|action| action.is_grant_operation())
            .collect();
        for (name, on) in table {
            let action = Action::named(name).unwrap();
            grantable.retain(|other| *other != action);
            for kind in kinds {
                let want = if on.contains(&kind) {
                    Ok(())
                } else {
                    Err(GrantError::Unsupported(action))
                };
                assert_eq!(grant(&[name], None).check(kind), want, "{name} {kind:?}");
            }
        }
        assert_eq!(grantable, []);
        let put = Action::named("PutKeyPolicy").unwrap();
        assert_eq!(
            grant(&["PutKeyPolicy"], None).check(Symmetric),
            Err(GrantError::Operation(put))
        );
        assert_eq!(grant(&[], None).check(Symmetric), Err(GrantError::NoOperation));
    }

    #[test]
    fn constraints_are_for_symmetric_keys_and_short() {
        let constraint = |list: &[(&str, &str)]| Some(Constraint::EncryptionContextSubset(pairs(list)));
        assert_eq!(
            grant(&["Decrypt", "DescribeKey"], constraint(&[("a", "b")])).check(KeyKind::Symmetric),
            Ok(())
        );
        assert_eq!(
            grant(&["Sign"], constraint(&[("a", "b")])).check(KeyKind::Sign),
            Err(GrantError::Constraint)
        );
        assert_eq!(
            grant(&["GenerateMac"], constraint(&[("a", "b")])).check(KeyKind::Hmac),
            Err(GrantError::Constraint)
        );
        assert_eq!(
            grant(&["Decrypt"], constraint(&[])).check(KeyKind::Symmetric),
            Err(GrantError::Pairs(0))
        );
        let nine: Vec<String> = (0..9).map(|n| n.to_string()).collect();
        let nine: Vec<_> = nine.iter().map(|n| (n.as_str(), "")).collect();
        assert_eq!(
            grant(&["Decrypt"], constraint(&nine)).check(KeyKind::Symmetric),
            Err(GrantError::Pairs(9))
        );
        assert_eq!(
            grant(&["Decrypt"], constraint(&nine[..8])).check(KeyKind::Symmetric),
            Ok(())
        );
        let long = "x".repeat(384);
        let check = grant(&["Decrypt"], constraint(&[("k", &long)])).check(KeyKind::Symmetric);
        assert_eq!(check, Err(GrantError::Length(385)));
    }

    #[test]
    fn principals_are_arns() {
        let with = |grantee: &str| NewGrant {
            grantee: grantee.into(),
            ..grant(&["Decrypt"], None)
        };
        for fine in [
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:role/path/Name",
            "arn:aws:sts::111122223333:assumed-role/Name/session",
            "arn:aws:sts::111122223333:federated-user/bob",
        ] {
            assert_eq!(with(fine).check(KeyKind::Symmetric), Ok(()), "{fine}");
        }
        for bad in [
            "111122223333",
            "*",
            "",
            "bob",
            "arn:aws:iam::111122223333:group/g",
            "arn:aws:iam::111122223333:user/*",
        ] {
            let error = with(bad).check(KeyKind::Symmetric).unwrap_err();
            assert_eq!(
                error,
                GrantError::Principal {
                    field: "GranteePrincipal",
                    text: bad.into()
                }
            );
        }
    }

    #[test]
    fn a_child_is_never_wider_than_its_parent() {
        let parent = |constraint| Grant {
            id: "g".into(),
            key_arn: String::new(),
            issuer: "111122223333".into(),
            terms: grant(&["GenerateDataKey", "Decrypt", "CreateGrant"], constraint),
        };
        let equals = |list: &[(&str, &str)]| Some(Constraint::EncryptionContextEquals(pairs(list)));
        let subset = |list: &[(&str, &str)]| Some(Constraint::EncryptionContextSubset(pairs(list)));
        let it = [("Department", "IT")];
        let more = [("Department", "IT"), ("Purpose", "Test")];
        // KMS, "Creating grants: Granting CreateGrant permission".
        assert!(parent(None).permits_child(&grant(&["Decrypt", "CreateGrant"], None)));
        assert!(!parent(None).permits_child(&grant(&["Decrypt", "ReEncryptFrom"], None)));
        assert!(parent(subset(&it)).permits_child(&grant(&["Decrypt"], equals(&it))));
        assert!(parent(subset(&it)).permits_child(&grant(&["Decrypt"], subset(&more))));
        assert!(!parent(subset(&more)).permits_child(&grant(&["Decrypt"], subset(&it))));
        assert!(!parent(subset(&it)).permits_child(&grant(&["Decrypt"], None)));
        assert!(!parent(equals(&it)).permits_child(&grant(&["Decrypt"], subset(&it))));
        assert!(!parent(equals(&it)).permits_child(&grant(&["Decrypt"], equals(&more))));
        assert!(parent(equals(&it)).permits_child(&grant(&["Decrypt"], equals(&it))));
    }
}
