// SPDX-License-Identifier: Apache-2.0
//! What a request says about itself: condition keys and their values (IAM, "AWS global condition context keys"; KMS, "AWS KMS
//! condition keys"). Keys are compared without regard to case.

use std::collections::BTreeMap;

use crate::caller::{Caller, CallerKind};
use crate::grant::{Constraint, NewGrant};
use crate::value;

/// The request context. A key that is not there is not the same as a key with an empty value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
}

/// Properties of a key that conditions speak of; for CreateKey, of the key asked for.
#[derive(Debug, Clone, Copy)]
pub struct KeyFacts<'a> {
    /// `kms:KeySpec`
    pub spec: &'a str,
    /// `kms:KeyUsage`
    pub usage: &'a str,
    /// `kms:KeyOrigin`
    pub origin: &'a str,
    /// `kms:MultiRegion`
    pub multi_region: bool,
    /// `kms:MultiRegionKeyType`: PRIMARY or REPLICA.
    pub multi_region_type: Option<&'a str>,
}

impl Context {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key with one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) -> &mut Self {
        self.values.insert(key.to_lowercase(), vec![value.into()]);
        self
    }

    /// Sets a key with any number of values.
    pub fn set_all<S: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = S>) -> &mut Self {
        let values = values.into_iter().map(Into::into).collect();
        self.values.insert(key.to_lowercase(), values);
        self
    }

    /// Sets a key to `true` or `false`.
    pub fn set_bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.set(key, value.to_string())
    }

    /// Who calls: `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalType`, `aws:username`, `aws:userid`, `kms:CallerAccount`.
    pub fn caller(&mut self, caller: &Caller) -> &mut Self {
        self.set("aws:PrincipalArn", caller.principal_arn());
        self.set("aws:PrincipalAccount", caller.account());
        self.set("kms:CallerAccount", caller.account());
        // IAM, "IAM policy elements: Variables and tags: Principal key values".
        let sort = match caller.kind() {
            CallerKind::Root => "Account",
            CallerKind::User => "User",
            CallerKind::Role => "AssumedRole",
            CallerKind::FederatedUser => "FederatedUser",
        };
        self.set("aws:PrincipalType", sort);
        if let Some(name) = caller.user_name() {
            self.set("aws:username", name);
        }
        match (caller.kind(), caller.unique_id()) {
            (CallerKind::Root, _) => self.set("aws:userid", caller.account()),
            (CallerKind::Role, Some(id)) => {
                let session = caller.arn().rsplit('/').next().unwrap_or_default();
                self.set("aws:userid", format!("{id}:{session}"))
            }
            (_, Some(id)) => self.set("aws:userid", id),
            (_, None) => self,
        }
    }

    /// When: `aws:CurrentTime`, `aws:EpochTime`.
    pub fn time(&mut self, seconds_since_1970: i64) -> &mut Self {
        self.set("aws:EpochTime", seconds_since_1970.to_string());
        self.set("aws:CurrentTime", value::iso(seconds_since_1970))
    }

    /// From where: `aws:SourceIp`, `aws:SecureTransport`.
    pub fn source(&mut self, address: &str, tls: bool) -> &mut Self {
        self.set("aws:SourceIp", address);
        self.set_bool("aws:SecureTransport", tls)
    }

    /// Properties of the key.
    pub fn key(&mut self, facts: &KeyFacts<'_>) -> &mut Self {
        self.set("kms:KeySpec", facts.spec);
        self.set("kms:CustomerMasterKeySpec", facts.spec);
        self.set("kms:KeyUsage", facts.usage);
        self.set("kms:CustomerMasterKeyUsage", facts.usage);
        self.set("kms:KeyOrigin", facts.origin);
        self.set_bool("kms:MultiRegion", facts.multi_region);
        if let Some(sort) = facts.multi_region_type {
            self.set("kms:MultiRegionKeyType", sort);
        }
        self
    }

    /// The key's aliases, `kms:ResourceAliases`; a key without any has no such condition key.
    pub fn aliases<S: Into<String>>(&mut self, names: impl IntoIterator<Item = S>) -> &mut Self {
        self.set_some("kms:ResourceAliases", names)
    }

    /// The alias by which the request names its key, `kms:RequestAlias`.
    pub fn request_alias(&mut self, name: &str) -> &mut Self {
        self.set("kms:RequestAlias", name)
    }

    /// `aws:ResourceTag/…`
    pub fn resource_tags<'t>(&mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> &mut Self {
        self.pairs("aws:ResourceTag/", tags);
        self
    }

    /// `aws:PrincipalTag/…`
    pub fn principal_tags<'t>(&mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> &mut Self {
        self.pairs("aws:PrincipalTag/", tags);
        self
    }

    /// Tags of a CreateKey, ReplicateKey or TagResource: `aws:RequestTag/…` and `aws:TagKeys`.
    pub fn request_tags<'t>(&mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> &mut Self {
        let keys = self.pairs("aws:RequestTag/", tags);
        self.tag_keys(keys)
    }

    /// Tag keys of an UntagResource: `aws:TagKeys`.
    pub fn tag_keys<S: Into<String>>(&mut self, keys: impl IntoIterator<Item = S>) -> &mut Self {
        self.set_some("aws:TagKeys", keys)
    }

    /// `kms:EncryptionContext:…` and `kms:EncryptionContextKeys`. Of pairs whose keys differ in case alone all values count, as
    /// condition keys have no case; `kms:EncryptionContextKeys` keeps it.
    pub fn encryption_context(&mut self, pairs: &BTreeMap<String, String>) -> &mut Self {
        let borrowed = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let keys = self.pairs("kms:EncryptionContext:", borrowed);
        self.set_some("kms:EncryptionContextKeys", keys)
    }

    /// What a CreateGrant asks for: `kms:GrantOperations`, `kms:GranteePrincipal`, `kms:RetiringPrincipal`, `kms:GrantConstraintType`,
    /// and the constraint's pairs as an encryption context.
    pub fn grant(&mut self, grant: &NewGrant) -> &mut Self {
        self.set_all(
            "kms:GrantOperations",
            grant.operations.iter().map(|action| action.name()),
        );
        self.set("kms:GranteePrincipal", grant.grantee.as_str());
        if let Some(retiring) = &grant.retiring {
            self.set("kms:RetiringPrincipal", retiring.as_str());
        }
        match &grant.constraint {
            None => self,
            Some(constraint) => {
                let name = match constraint {
                    Constraint::EncryptionContextEquals(_) => "EncryptionContextEquals",
                    Constraint::EncryptionContextSubset(_) => "EncryptionContextSubset",
                };
                self.set("kms:GrantConstraintType", name);
                self.encryption_context(constraint.pairs())
            }
        }
    }

    /// The values of a key; `None` if it is not there.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.values.get(&key.to_lowercase()).map(Vec::as_slice)
    }

    /// The value of a key that has one, by its name in lower case.
    pub(crate) fn single(&self, lower: &str) -> Option<&str> {
        match self.values.get(lower)?.as_slice() {
            [value] => Some(value),
            _ => None,
        }
    }

    /// By the key's name in lower case.
    pub(crate) fn lower(&self, lower: &str) -> Option<&[String]> {
        self.values.get(lower).map(Vec::as_slice)
    }

    fn set_some<S: Into<String>>(&mut self, key: &str, values: impl IntoIterator<Item = S>) -> &mut Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if values.is_empty() {
            self
        } else {
            self.set_all(key, values)
        }
    }

    fn pairs<'t>(
        &mut self,
        prefix: &str,
        pairs: impl IntoIterator<Item = (&'t str, &'t str)>,
    ) -> Vec<String> {
        let mut keys = Vec::new();
        for (key, value) in pairs {
            let full = format!("{prefix}{key}").to_lowercase();
            self.values.entry(full).or_default().push(value.into());
            keys.push(key.to_string());
        }
        keys
    }
}
