// SPDX-License-Identifier: Apache-2.0
//! The API's operations. Each resolves its key, asks the policies, looks at the key's state and use, and then does it.

mod access;
mod alias;
mod crypto;
mod grant;
mod keys;
mod mac;
mod pair;
mod rotation;
mod sign;
mod tag;

pub use rotation::due;

use crate::clock;
use crate::context::EncryptionContext;
use crate::device::Material;
use crate::error::{Answer, ApiError};
use crate::id::{self, KeyId};
use crate::key::{Key, State};
use crate::service::{Note, Principal, Service};
use crate::store::Row;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use casemate_audit::Resource;
use casemate_policy::{Action, Context, Decision, Grant, KeyFacts, NewGrant, Target};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A request whose signature and shape are right.
pub struct Request<'a> {
    /// What all requests share.
    pub service: &'a Service,
    /// Who asks.
    pub who: &'a Principal,
    /// What.
    pub operation: &'a str,
    /// Members.
    pub input: &'a Map<String, Value>,
    /// The client's address.
    pub source: IpAddr,
    /// Whether it came over TLS.
    pub tls: bool,
    /// For its record.
    pub note: Note,
}

/// What a key was named by.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Id or ARN.
    Id,
    /// Or an alias.
    IdOrAlias,
}

/// A key that a request names.
struct Found {
    key: Key,
    /// The alias by which it was named.
    alias: Option<String>,
}

/// What an action is asked with beside the request's members.
#[derive(Default)]
struct With<'a> {
    context: Option<&'a EncryptionContext>,
    alias: Option<&'a str>,
    new_grant: Option<&'a NewGrant>,
    /// Of ReEncrypt, whether both keys are one.
    same_key: Option<bool>,
}

/// Does it.
pub async fn dispatch(r: &mut Request<'_>) -> Answer {
    match r.operation {
        "CreateKey" => r.create_key().await,
        "DescribeKey" => r.describe_key().await,
        "ListKeys" => r.list_keys().await,
        "UpdateKeyDescription" => r.update_key_description().await,
        "EnableKey" => r.enable_key().await,
        "DisableKey" => r.disable_key().await,
        "ScheduleKeyDeletion" => r.schedule_key_deletion().await,
        "CancelKeyDeletion" => r.cancel_key_deletion().await,
        "Encrypt" => r.encrypt().await,
        "Decrypt" => r.decrypt().await,
        "ReEncrypt" => r.re_encrypt().await,
        "GenerateDataKey" => r.generate_data_key(true).await,
        "GenerateDataKeyWithoutPlaintext" => r.generate_data_key(false).await,
        "GenerateDataKeyPair" => r.generate_data_key_pair(true).await,
        "GenerateDataKeyPairWithoutPlaintext" => r.generate_data_key_pair(false).await,
        "GenerateRandom" => r.generate_random().await,
        "Sign" => r.sign().await,
        "Verify" => r.verify().await,
        "GetPublicKey" => r.get_public_key().await,
        "DeriveSharedSecret" => r.derive_shared_secret().await,
        "GenerateMac" => r.generate_mac().await,
        "VerifyMac" => r.verify_mac().await,
        "CreateAlias" => r.create_alias().await,
        "UpdateAlias" => r.update_alias().await,
        "DeleteAlias" => r.delete_alias().await,
        "ListAliases" => r.list_aliases().await,
        "TagResource" => r.tag_resource().await,
        "UntagResource" => r.untag_resource().await,
        "ListResourceTags" => r.list_resource_tags().await,
        "GetKeyPolicy" => r.get_key_policy().await,
        "PutKeyPolicy" => r.put_key_policy().await,
        "ListKeyPolicies" => r.list_key_policies().await,
        "CreateGrant" => r.create_grant().await,
        "ListGrants" => r.list_grants().await,
        "RevokeGrant" => r.revoke_grant().await,
        "RetireGrant" => r.retire_grant().await,
        "ListRetirableGrants" => r.list_retirable_grants().await,
        "EnableKeyRotation" => r.enable_key_rotation().await,
        "DisableKeyRotation" => r.disable_key_rotation().await,
        "GetKeyRotationStatus" => r.get_key_rotation_status().await,
        "RotateKeyOnDemand" => r.rotate_key_on_demand().await,
        "ListKeyRotations" => r.list_key_rotations().await,
        other => Err(ApiError::unsupported(format!(
            "{other} is not supported by this service."
        ))),
    }
}

/// Base64 of bytes.
fn blob(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

impl<'a> Request<'a> {
    /// A text member.
    fn text(&self, name: &str) -> Option<&'a str> {
        self.input.get(name).and_then(Value::as_str)
    }

    /// A text member that the shape requires.
    fn required(&self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name)
            .ok_or_else(|| ApiError::validation(format!("{name} is required.")))
    }

    /// A number.
    fn number(&self, name: &str) -> Option<i64> {
        self.input.get(name).and_then(Value::as_i64)
    }

    fn flag(&self, name: &str) -> bool {
        self.input.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// A blob that the shape requires.
    fn blob(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let bytes = BASE64_STANDARD.decode(self.required(name)?);
        bytes
            .map(Zeroizing::new)
            .map_err(|_| ApiError::serialization("Unable to decode a blob: it is not Base64"))
    }

    /// DryRunOperationException, if that is all that is asked.
    fn not_dry(&self) -> Result<(), ApiError> {
        if self.flag("DryRun") {
            return Err(ApiError::new(
                "DryRunOperationException",
                "The request would have succeeded, but the DryRun option is set.",
            ));
        }
        Ok(())
    }

    /// What this service does not have, if it is asked for.
    fn without(&self, members: &[&str]) -> Result<(), ApiError> {
        match members.iter().find(|m| self.input.contains_key(**m)) {
            Some(m) => Err(ApiError::unsupported(format!(
                "{m} is not supported by this service."
            ))),
            None => Ok(()),
        }
    }

    fn region(&self) -> &'a str {
        &self.service.config.region
    }

    fn account(&self) -> &'a str {
        self.who.caller.account()
    }

    /// Seconds since 1970, by the clock of keys.
    fn now(&self) -> i64 {
        self.service.clock.now()
    }

    fn arn(&self, account: &str, name: &str) -> String {
        id::arn(self.region(), account, name)
    }

    /// In another account nobody is told what is there.
    fn hidden(&self, action: &str, arn: &str) -> ApiError {
        ApiError::new(
            "AccessDeniedException",
            format!(
                "User: {} is not authorized to perform: kms:{action} on resource: {arn} because the resource does not exist in this \
                 Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
                self.who.caller.arn()
            ),
        )
    }

    /// Key of an alias.
    async fn alias_target(&self, account: &str, name: &str) -> Result<Option<KeyId>, ApiError> {
        let sql = "SELECT key FROM aliases WHERE account = $1 AND name = $2";
        let rows = self
            .service
            .store
            .read(sql, vec![account.into(), name.into()])
            .await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let id = row.text(0)?.parse();
        id.map(Some)
            .map_err(|()| ApiError::internal("an alias of no key's id"))
    }

    /// The key that a text names: an id or an ARN, or an alias' name or ARN.
    async fn find(&mut self, named: &str, by: By) -> Result<Found, ApiError> {
        let invalid = || ApiError::not_found(format!("Invalid keyId '{named}'"));
        let (account, name) = if named.starts_with("arn:") {
            let Some((region, account, name)) = id::split_arn(named) else {
                return Err(ApiError::new(
                    "InvalidArnException",
                    format!("Invalid arn {named}"),
                ));
            };
            if region != self.region() {
                return Err(ApiError::not_found(format!("Invalid arn {region}")));
            }
            match name.strip_prefix("key/") {
                Some(id) => (account, id),
                None if name.starts_with("alias/") => (account, name),
                None => {
                    return Err(ApiError::new(
                        "InvalidArnException",
                        format!("Invalid arn {named}"),
                    ));
                }
            }
        } else {
            (self.account(), named)
        };
        let account = account.to_owned();
        let foreign = account != self.account();
        let operation = self.operation;
        let (id, alias) = if name.starts_with("alias/") && by == By::IdOrAlias {
            let arn = self.arn(&account, name);
            self.note.resources.push(Resource::alias(&arn, &account));
            match self.alias_target(&account, name).await? {
                Some(id) => (id, Some(name.to_owned())),
                None if foreign => return Err(self.hidden(operation, &arn)),
                None => return Err(ApiError::not_found(format!("Alias {arn} is not found."))),
            }
        } else {
            (name.parse::<KeyId>().map_err(|()| invalid())?, None)
        };
        let arn = self.arn(&account, &format!("key/{id}"));
        self.note.resources.push(Resource::key(&arn, &account));
        match self.service.key(&id).await? {
            Some(key) if key.account == account => Ok(Found { key, alias }),
            _ if foreign => Err(self.hidden(operation, &arn)),
            _ => Err(ApiError::not_found(format!("Key '{arn}' does not exist"))),
        }
    }

    /// The key of a member, with permission for the operation.
    async fn permitted(&mut self, by: By) -> Result<Key, ApiError> {
        let named = self.required("KeyId")?.to_owned();
        let found = self.find(&named, by).await?;
        let with = With {
            alias: found.alias.as_deref(),
            ..With::default()
        };
        self.authorize(self.operation, &found.key, with).await?;
        Ok(found.key)
    }

    /// The key of `KeyId`, with permission for a cryptographic operation, enabled, and of this use.
    async fn usable(&mut self, usage: &str, context: Option<&EncryptionContext>) -> Result<Key, ApiError> {
        let named = self.required("KeyId")?.to_owned();
        let found = self.find(&named, By::IdOrAlias).await?;
        let with = With {
            alias: found.alias.as_deref(),
            context,
            ..With::default()
        };
        self.authorize(self.operation, &found.key, with).await?;
        self.of_use(&found.key, usage)?;
        Ok(found.key)
    }

    fn of_use(&self, key: &Key, usage: &str) -> Result<(), ApiError> {
        enabled(key)?;
        if key.doc.usage != usage {
            return Err(ApiError::new(
                "InvalidKeyUsageException",
                format!(
                    "{} key usage is {} which is not valid for {}.",
                    key.arn, key.doc.usage, self.operation
                ),
            ));
        }
        Ok(())
    }

    /// A key's current material.
    async fn material(&mut self, key: &Key) -> Result<Arc<Material>, ApiError> {
        let found = self.service.material(key, &key.doc.material_id).await?;
        self.note.details.key_material_id = Some(key.doc.material_id.clone());
        found.ok_or_else(|| ApiError::internal(format_args!("key {} has lost its material", key.id)))
    }

    /// What policies may ask of the request.
    fn context(&self) -> Context {
        let mut c = Context::new();
        c.caller(&self.who.caller)
            .time(clock::unix())
            .source(&self.source.to_string(), self.tls)
            .principal_tags(self.who.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        for (member, key) in [
            ("EncryptionAlgorithm", "kms:EncryptionAlgorithm"),
            ("SigningAlgorithm", "kms:SigningAlgorithm"),
            ("MessageType", "kms:MessageType"),
            ("MacAlgorithm", "kms:MacAlgorithm"),
            ("KeyAgreementAlgorithm", "kms:KeyAgreementAlgorithm"),
            ("KeyPairSpec", "kms:DataKeyPairSpec"),
            ("ReplicaRegion", "kms:ReplicaRegion"),
            ("PrimaryRegion", "kms:PrimaryRegion"),
        ] {
            if let Some(v) = self.text(member) {
                c.set(key, v);
            }
        }
        for (member, key) in [
            (
                "PendingWindowInDays",
                "kms:ScheduleKeyDeletionPendingWindowInDays",
            ),
            ("RotationPeriodInDays", "kms:RotationPeriodInDays"),
        ] {
            if let Some(n) = self.number(member) {
                c.set(key, n.to_string());
            }
        }
        // Parameters that are left out count as what they are then; no grant here is made by an AWS service.
        match self.operation {
            "Sign" | "Verify" if self.text("MessageType").is_none() => {
                c.set("kms:MessageType", "RAW");
            }
            "ScheduleKeyDeletion" if self.number("PendingWindowInDays").is_none() => {
                c.set("kms:ScheduleKeyDeletionPendingWindowInDays", "30");
            }
            "CreateGrant" | "ListGrants" | "RevokeGrant" => {
                c.set_bool("kms:GrantIsForAWSResource", false);
            }
            _ => {}
        }
        c.set("aws:RequestedRegion", self.region());
        if let Some(b) = self
            .input
            .get("BypassPolicyLockoutSafetyCheck")
            .and_then(Value::as_bool)
        {
            c.set_bool("kms:BypassPolicyLockoutSafetyCheck", b);
        }
        if let Ok(tags) = self.tags() {
            c.request_tags(tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        }
        if let Some(Value::Array(keys)) = self.input.get("TagKeys") {
            c.tag_keys(keys.iter().filter_map(Value::as_str));
        }
        c
    }

    async fn aliases_of(&self, key: &Key) -> Result<Vec<String>, ApiError> {
        let sql = "SELECT name FROM aliases WHERE key = $1 ORDER BY name";
        let rows = self
            .service
            .store
            .read(sql, vec![key.id.to_string().into()])
            .await?;
        Ok(rows
            .iter()
            .map(|r| r.text(0).map(str::to_owned))
            .collect::<Result<_, _>>()?)
    }

    /// Puts into the context what a key is.
    fn facts(c: &mut Context, spec: &str, usage: &str, multi_region: bool) {
        c.key(&KeyFacts {
            spec,
            usage,
            origin: "AWS_KMS",
            multi_region,
            multi_region_type: multi_region.then_some("PRIMARY"),
        });
    }

    /// Whether policies and grants allow an action on a key; AccessDeniedException if not.
    async fn authorize(&mut self, action: &str, key: &Key, with: With<'_>) -> Result<(), ApiError> {
        let mut c = self.context();
        Self::facts(&mut c, &key.doc.spec, &key.doc.usage, key.doc.multi_region);
        c.aliases(self.aliases_of(key).await?);
        c.resource_tags(key.doc.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        if let Some(a) = with.alias {
            c.request_alias(a);
        }
        let empty = BTreeMap::new();
        let pairs = with.context.map_or(&empty, |e| &e.0);
        if with.context.is_some() {
            c.encryption_context(pairs);
            if self.text("EncryptionAlgorithm").is_none() {
                c.set("kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT");
            }
        }
        if let Some(g) = with.new_grant {
            c.grant(g);
        }
        if let Some(same) = with.same_key {
            c.set_bool("kms:ReEncryptOnSameKey", same);
        }
        if self.operation == "EnableKeyRotation" {
            let period = self.number("RotationPeriodInDays");
            let period = period.unwrap_or_else(|| rotation::period_kept(key));
            c.set("kms:RotationPeriodInDays", period.to_string());
        }
        let policy = self.service.policy(&key.doc.policy)?;
        let grants = grant::of_key(self.service, key).await?;
        let target = Target::Key {
            arn: &key.arn,
            policy: &policy,
            grants: &grants,
        };
        self.decide(action, target, &key.arn, &c, Some(pairs), with.new_grant)
            .map_err(|e| match key.account == self.account() {
                true => e,
                false => self.hidden(action, &key.arn),
            })
    }

    /// Whether the caller's policies allow an action on something that has no policy of its own.
    fn authorize_unowned(&mut self, action: &str, arn: Option<&str>, c: &Context) -> Result<(), ApiError> {
        let target = arn.map_or(Target::Nothing, |arn| Target::Unowned { arn });
        self.decide(action, target, arn.unwrap_or("*"), c, None, None)
    }

    /// Whether a grant lets the caller retire it.
    async fn authorize_retire(&mut self, key: &Key, grant: &Grant) -> Result<(), ApiError> {
        let mut c = self.context();
        Self::facts(&mut c, &key.doc.spec, &key.doc.usage, key.doc.multi_region);
        c.resource_tags(key.doc.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        let policy = self.service.policy(&key.doc.policy)?;
        let target = Target::Grant {
            arn: &key.arn,
            policy: &policy,
            grant,
        };
        self.decide("RetireGrant", target, &key.arn, &c, None, None)
    }

    fn decide(
        &mut self,
        action: &str,
        target: Target<'_>,
        arn: &str,
        context: &Context,
        encryption_context: Option<&BTreeMap<String, String>>,
        new_grant: Option<&NewGrant>,
    ) -> Result<(), ApiError> {
        let action =
            Action::named(action).ok_or_else(|| ApiError::internal(format_args!("{action} is no action")))?;
        let decision = casemate_policy::authorize(&casemate_policy::Request {
            caller: &self.who.caller,
            identity: &self.who.policies,
            action,
            target,
            context,
            encryption_context,
            new_grant,
        });
        match decision {
            Decision::Allowed(by) => {
                self.note.details.decision = Some(format!("allowed: {by}"));
                Ok(())
            }
            Decision::Denied(why) => {
                self.note.details.decision = Some(format!("denied: {why}"));
                let message = why.message(&self.who.caller, action, arn);
                Err(ApiError::new("AccessDeniedException", message))
            }
        }
    }

    /// How many of a list, at most `most`, and after what.
    fn page(&self, usual: i64, most: i64) -> Result<(i64, String), ApiError> {
        let limit = self.number("Limit").unwrap_or(usual).min(most);
        let marker = match self.text("Marker") {
            None => String::new(),
            Some(m) => BASE64_URL_SAFE_NO_PAD
                .decode(m)
                .ok()
                .and_then(|b| String::from_utf8(b).ok())
                .ok_or_else(|| ApiError::new("InvalidMarkerException", "Invalid marker."))?,
        };
        Ok((limit, marker))
    }
}

/// An answer with a list of up to `limit`: `rows` may have one more, `name` gives the marker of each.
fn paged<T>(
    member: &str,
    mut rows: Vec<T>,
    limit: i64,
    name: impl Fn(&T) -> String,
    entry: impl FnMut(T) -> Answer,
) -> Answer {
    let truncated = rows.len() as i64 > limit;
    rows.truncate(limit as usize);
    let marker = rows.last().filter(|_| truncated).map(&name);
    let entries: Vec<Value> = rows.into_iter().map(entry).collect::<Result<_, _>>()?;
    let mut answer = json!({member: entries, "Truncated": truncated});
    if let Some(m) = marker {
        answer["NextMarker"] = BASE64_URL_SAFE_NO_PAD.encode(m).into();
    }
    Ok(answer)
}

/// A row's text, of a statement of this program.
fn column(row: &Row, i: usize) -> Result<String, ApiError> {
    Ok(row.text(i)?.to_owned())
}

/// A key that is of use.
fn enabled(key: &Key) -> Result<(), ApiError> {
    match key.doc.state {
        State::Enabled => Ok(()),
        State::Disabled => Err(ApiError::new(
            "DisabledException",
            format!("{} is disabled.", key.arn),
        )),
        State::PendingDeletion => not_pending(key),
    }
}

/// A key that is not to be deleted.
fn not_pending(key: &Key) -> Result<(), ApiError> {
    if key.doc.state == State::PendingDeletion {
        return Err(ApiError::state(format!("{} is pending deletion.", key.arn)));
    }
    Ok(())
}
