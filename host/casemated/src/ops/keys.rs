// SPDX-License-Identifier: Apache-2.0
//! Keys: making, describing, enabling, deleting.

use super::{By, Request, column, not_pending, paged};
use crate::clock::DAY;
use crate::device::Material;
use crate::error::{Answer, ApiError};
use crate::id::KeyId;
use crate::key::{self, Doc, Key, State};
use casemate_audit::Resource;
use casemate_policy::{Kind, Policy, PolicyError, default_key_policy, lockout};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A key's metadata, as DescribeKey gives it.
fn metadata(key: &Key) -> Value {
    let d = &key.doc;
    let state = match d.state {
        State::Enabled => "Enabled",
        State::Disabled => "Disabled",
        State::PendingDeletion => "PendingDeletion",
    };
    let mut m = json!({
        "AWSAccountId": key.account,
        "KeyId": key.id.to_string(),
        "Arn": key.arn,
        "CreationDate": d.made,
        "Enabled": d.state == State::Enabled,
        "Description": d.description,
        "KeyUsage": d.usage,
        "KeyState": state,
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": d.spec,
        "KeySpec": d.spec,
        "MultiRegion": d.multi_region,
    });
    let algorithms = [key::algorithm(&d.spec)];
    match d.usage.as_str() {
        "ENCRYPT_DECRYPT" => m["EncryptionAlgorithms"] = json!(algorithms),
        "SIGN_VERIFY" => m["SigningAlgorithms"] = json!(algorithms),
        "GENERATE_VERIFY_MAC" => m["MacAlgorithms"] = json!(algorithms),
        _ => m["KeyAgreementAlgorithms"] = json!(["ECDH"]),
    }
    if d.spec == "SYMMETRIC_DEFAULT" {
        m["CurrentKeyMaterialId"] = d.material_id.as_str().into();
    }
    if let Some(t) = d.deletion {
        m["DeletionDate"] = t.into();
    }
    if d.multi_region {
        let region = key.arn.split(':').nth(3).unwrap_or_default();
        m["MultiRegionConfiguration"] = json!({
            "MultiRegionKeyType": "PRIMARY",
            "PrimaryKey": {"Arn": key.arn, "Region": region},
            "ReplicaKeys": [],
        });
    }
    m
}

impl Request<'_> {
    /// A key policy that can be: not malformed, and the caller can change it again.
    pub(super) fn check_policy(&self, text: &str, arn: &str) -> Result<(), ApiError> {
        let policy = Policy::parse(text, Kind::Key).map_err(|e| match e {
            PolicyError::TooLong(_) => ApiError::new("LimitExceededException", e.to_string()),
            e => ApiError::new("MalformedPolicyDocumentException", e.to_string()),
        })?;
        if self.flag("BypassPolicyLockoutSafetyCheck") {
            return Ok(());
        }
        match lockout(&policy, &self.who.caller, arn, &self.context()) {
            None => Ok(()),
            Some(_) => Err(ApiError::new(
                "MalformedPolicyDocumentException",
                "The new key policy will not allow you to update the key policy in the future.",
            )),
        }
    }

    pub(super) async fn create_key(&mut self) -> Answer {
        self.without(&["CustomKeyStoreId", "XksKeyId"])?;
        let spec = match (self.text("KeySpec"), self.text("CustomerMasterKeySpec")) {
            (Some(_), Some(_)) => {
                return Err(ApiError::validation(
                    "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
                ));
            }
            (a, b) => a.or(b).unwrap_or("SYMMETRIC_DEFAULT"),
        };
        let usage = match self.text("KeyUsage") {
            Some(u) => u,
            None if spec == "SYMMETRIC_DEFAULT" => "ENCRYPT_DECRYPT",
            None => {
                return Err(ApiError::validation(
                    "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
                ));
            }
        };
        let tags = self.tags()?;
        let multi_region = self.flag("MultiRegion");
        let id = KeyId::random(multi_region);
        let mut c = self.context();
        Self::facts(&mut c, spec, usage, multi_region);
        let arn = self.arn(self.account(), &format!("key/{id}"));
        self.authorize_unowned("CreateKey", None, &c)?;
        if !tags.is_empty() {
            self.authorize_unowned("TagResource", Some(&arn), &c)?;
        }
        let usages = match key::usages(spec) {
            // What cannot be in the API either is told first.
            Err(e) => return Err(incompatible(spec, usage).unwrap_or(e)),
            Ok(usages) => usages,
        };
        if let Some(origin) = self.text("Origin").filter(|o| *o != "AWS_KMS") {
            return Err(ApiError::unsupported(format!(
                "Origin {origin} is not supported by this service."
            )));
        }
        if !usages.contains(&usage) {
            return Err(ApiError::validation(format!(
                "KeyUsage {usage} is not compatible with KeySpec {spec}"
            )));
        }
        let policy = match self.text("Policy") {
            Some(p) => p.to_owned(),
            None => default_key_policy("aws", self.account()),
        };
        self.check_policy(&policy, &arn)?;
        self.note.resources.push(Resource::key(&arn, self.account()));
        let service = self.service;
        let material = service.make(self.account(), id, spec, usage).await?;
        let material_id = hex::encode(material.id);
        let now = self.now();
        let doc = Doc {
            description: self.text("Description").unwrap_or_default().into(),
            usage: usage.into(),
            spec: spec.into(),
            state: State::Enabled,
            made: now,
            deletion: None,
            multi_region,
            policy,
            tags,
            rotation: None,
            material: 1,
            material_id,
            on_demand: 0,
        };
        let key = Key::new(id, self.account(), self.region(), doc);
        service
            .store
            .write(vec![key.insert(), material.insert(1, now, None)])
            .await?;
        Ok(json!({"KeyMetadata": metadata(&key)}))
    }

    pub(super) async fn describe_key(&mut self) -> Answer {
        let key = self.permitted(By::IdOrAlias).await?;
        Ok(json!({"KeyMetadata": metadata(&key)}))
    }

    pub(super) async fn list_keys(&mut self) -> Answer {
        let c = self.context();
        self.authorize_unowned("ListKeys", None, &c)?;
        let (limit, after) = self.page(100, 1000)?;
        let sql = "SELECT id FROM keys WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3";
        let params = vec![self.account().into(), after.into(), (limit + 1).into()];
        let rows = self.service.store.read(sql, params).await?;
        let ids = rows.iter().map(|r| column(r, 0)).collect::<Result<Vec<_>, _>>()?;
        paged("Keys", ids, limit, String::clone, |id| {
            let arn = self.arn(self.account(), &format!("key/{id}"));
            Ok(json!({"KeyId": id, "KeyArn": arn}))
        })
    }

    /// Stores a changed key.
    pub(super) async fn store(&self, key: &Key) -> Result<(), ApiError> {
        Ok(self.service.store.write(vec![key.update()]).await?)
    }

    pub(super) async fn update_key_description(&mut self) -> Answer {
        let mut key = self.permitted(By::Id).await?;
        not_pending(&key)?;
        key.doc.description = self.required("Description")?.into();
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn enable_key(&mut self) -> Answer {
        let mut key = self.permitted(By::Id).await?;
        not_pending(&key)?;
        key.doc.state = State::Enabled;
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn disable_key(&mut self) -> Answer {
        let mut key = self.permitted(By::Id).await?;
        not_pending(&key)?;
        key.doc.state = State::Disabled;
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn schedule_key_deletion(&mut self) -> Answer {
        let mut key = self.permitted(By::Id).await?;
        let window = self.number("PendingWindowInDays").unwrap_or(30);
        if !(7..=30).contains(&window) {
            return Err(ApiError::validation(
                "PendingWindowInDays must be between 7 and 30",
            ));
        }
        not_pending(&key)?;
        let when = self.now() + window * DAY;
        key.doc.state = State::PendingDeletion;
        key.doc.deletion = Some(when);
        self.store(&key).await?;
        Ok(json!({
            "KeyId": key.arn,
            "DeletionDate": when,
            "KeyState": "PendingDeletion",
            "PendingWindowInDays": window,
        }))
    }

    pub(super) async fn cancel_key_deletion(&mut self) -> Answer {
        let mut key = self.permitted(By::Id).await?;
        if key.doc.state != State::PendingDeletion {
            return Err(ApiError::state(format!("{} is not pending deletion.", key.arn)));
        }
        key.doc.state = State::Disabled;
        key.doc.deletion = None;
        self.store(&key).await?;
        Ok(json!({"KeyId": key.arn}))
    }
}

/// What the API does not have of a spec that this service does not have.
fn incompatible(spec: &str, usage: &str) -> Option<ApiError> {
    let possible = match spec.split('_').next() {
        Some("RSA") => matches!(usage, "ENCRYPT_DECRYPT" | "SIGN_VERIFY"),
        Some("HMAC") => usage == "GENERATE_VERIFY_MAC",
        Some("ECC") => matches!(usage, "SIGN_VERIFY" | "KEY_AGREEMENT"),
        _ => true,
    };
    (!possible)
        .then(|| ApiError::validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")))
}

impl crate::service::Service {
    /// New material of a key, made in the device.
    pub(super) async fn make(
        &self,
        account: &str,
        id: KeyId,
        spec: &str,
        usage: &str,
    ) -> Result<Material, ApiError> {
        let domain = self.domain(account).await?;
        let (attributes, pair) = key::attributes(&id, spec, usage);
        let made = self.hsm.run(move |w| w.make(domain, &attributes, pair)).await;
        let (token, public) = made.map_err(|e| match e {
            casemate::Error::NoEcEngine => ApiError::unsupported(format!(
                "KeySpec {spec} needs an elliptic-curve engine, which the device does not have."
            )),
            e => e.into(),
        })?;
        Ok(Material {
            id: Sha256::digest(token.as_bytes()).into(),
            domain,
            key: id,
            token,
            public,
        })
    }
}
