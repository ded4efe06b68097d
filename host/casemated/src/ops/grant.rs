// SPDX-License-Identifier: Apache-2.0
//! Grants.

use super::{By, Request, With, not_pending, paged};
use crate::context::EncryptionContext;
use crate::error::{Answer, ApiError};
use crate::key::Key;
use crate::service::Service;
use crate::store::{Row, Statement, StoreError};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use casemate_policy::{Action, Constraint, Grant, GrantError, KeyKind, NewGrant};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is stored of a grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Doc {
    grantee: String,
    retiring: Option<String>,
    operations: Vec<String>,
    equals: Option<BTreeMap<String, String>>,
    subset: Option<BTreeMap<String, String>>,
    name: Option<String>,
    made: i64,
}

impl Doc {
    fn terms(&self) -> Result<NewGrant, ApiError> {
        let action = |name: &String| {
            Action::named(name)
                .ok_or_else(|| ApiError::validation(format!("Operation {name} is no grant operation.")))
        };
        let constraint = match (&self.equals, &self.subset) {
            (Some(p), _) => Some(Constraint::EncryptionContextEquals(p.clone())),
            (None, Some(p)) => Some(Constraint::EncryptionContextSubset(p.clone())),
            (None, None) => None,
        };
        Ok(NewGrant {
            grantee: self.grantee.clone(),
            retiring: self.retiring.clone(),
            operations: self.operations.iter().map(action).collect::<Result<_, _>>()?,
            constraint,
        })
    }

    /// Whether another asks for the same.
    fn same(&self, other: &Self) -> bool {
        let timeless = |d: &Self| Self { made: 0, ..d.clone() };
        timeless(self) == timeless(other)
    }
}

fn stored(row: &Row) -> Result<(String, String, Doc), ApiError> {
    let doc = serde_json::from_str(row.text(2)?).map_err(|e| StoreError::Broken(format!("a grant: {e}")))?;
    Ok((row.text(0)?.into(), row.text(1)?.into(), doc))
}

/// A key's grants.
pub(super) async fn of_key(service: &Service, key: &Key) -> Result<Vec<Grant>, ApiError> {
    let sql = "SELECT id, account, doc FROM grants WHERE key = $1 ORDER BY id";
    let rows = service.store.read(sql, vec![key.id.to_string().into()]).await?;
    let grant = |row: &Row| {
        let (id, issuer, doc) = stored(row)?;
        Ok(Grant {
            id,
            key_arn: key.arn.clone(),
            issuer,
            terms: doc.terms()?,
        })
    };
    rows.iter().map(grant).collect()
}

fn token(id: &str) -> String {
    BASE64_STANDARD.encode(format!("casemate-grant-1:{id}"))
}

fn token_id(token: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix("casemate-grant-1:").map(str::to_owned)
}

fn entry(key: &str, id: &str, issuer: &str, doc: &Doc) -> Value {
    let mut e = json!({
        "KeyId": key,
        "GrantId": id,
        "Name": doc.name.as_deref().unwrap_or_default(),
        "CreationDate": doc.made,
        "GranteePrincipal": doc.grantee,
        "IssuingAccount": format!("arn:aws:iam::{issuer}:root"),
        "Operations": doc.operations,
    });
    if let Some(r) = &doc.retiring {
        e["RetiringPrincipal"] = r.as_str().into();
    }
    if let Some(p) = &doc.equals {
        e["Constraints"] = json!({"EncryptionContextEquals": p});
    }
    if let Some(p) = &doc.subset {
        e["Constraints"] = json!({"EncryptionContextSubset": p});
    }
    e
}

impl Request<'_> {
    fn grant_asked(&self) -> Result<Doc, ApiError> {
        self.without(&["GranteeServicePrincipal", "RetiringServicePrincipal"])?;
        let constraints = self.input.get("Constraints").and_then(Value::as_object);
        let pairs = |name: &str| match constraints {
            Some(c) if c.get(name).is_some_and(Value::is_object) => {
                EncryptionContext::of(c, name).map(|e| Some(e.0))
            }
            _ => Ok(None),
        };
        let doc = Doc {
            grantee: self.required("GranteePrincipal")?.into(),
            retiring: self.text("RetiringPrincipal").map(str::to_owned),
            operations: self
                .input
                .get("Operations")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect(),
            equals: pairs("EncryptionContextEquals")?,
            subset: pairs("EncryptionContextSubset")?,
            name: self.text("Name").map(str::to_owned),
            made: self.now(),
        };
        if constraints.is_some_and(|c| c.contains_key("SourceArn")) {
            return Err(ApiError::unsupported(
                "Constraints.SourceArn is not supported by this service.",
            ));
        }
        if doc.equals.is_some() && doc.subset.is_some() {
            return Err(ApiError::validation(
                "EncryptionContextSubset and EncryptionContextEquals cannot both be specified.",
            ));
        }
        Ok(doc)
    }

    pub(super) async fn create_grant(&mut self) -> Answer {
        let named = self.required("KeyId")?.to_owned();
        let found = self.find(&named, By::Id).await?;
        let doc = self.grant_asked()?;
        let terms = doc.terms()?;
        let with = With {
            new_grant: Some(&terms),
            ..With::default()
        };
        self.authorize("CreateGrant", &found.key, with).await?;
        let key = found.key;
        super::enabled(&key)?;
        let kind = KeyKind::of(&key.doc.spec, &key.doc.usage)
            .ok_or_else(|| ApiError::internal("a key of no kind"))?;
        terms.check(kind).map_err(|e| match e {
            GrantError::Principal { .. } => ApiError::new("InvalidArnException", e.to_string()),
            e => ApiError::validation(e.to_string()),
        })?;
        self.not_dry()?;
        if doc.name.is_some() {
            let sql = "SELECT id, account, doc FROM grants WHERE key = $1 ORDER BY id";
            let rows = self
                .service
                .store
                .read(sql, vec![key.id.to_string().into()])
                .await?;
            for row in &rows {
                let (id, _, old) = stored(row)?;
                if old.same(&doc) {
                    return Ok(json!({"GrantToken": token(&id), "GrantId": id}));
                }
            }
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(ApiError::internal)?;
        let id = hex::encode(random);
        let insert = Statement::new(
            "INSERT INTO grants (id, key, account, retiring, doc) VALUES ($1, $2, $3, $4, $5)",
            vec![
                id.as_str().into(),
                key.id.to_string().into(),
                self.account().into(),
                doc.retiring.as_deref().into(),
                serde_json::to_string(&doc).map_err(ApiError::internal)?.into(),
            ],
        );
        self.service.store.write(vec![insert]).await?;
        Ok(json!({"GrantToken": token(&id), "GrantId": id}))
    }

    pub(super) async fn list_grants(&mut self) -> Answer {
        self.without(&["GranteeServicePrincipal"])?;
        let key = self.permitted(By::Id).await?;
        not_pending(&key)?;
        let (limit, after) = self.page(50, 100)?;
        let sql = "SELECT id, account, doc FROM grants WHERE key = $1 AND id > $2 ORDER BY id";
        let params = vec![key.id.to_string().into(), after.into()];
        let mut all = Vec::new();
        for row in self.service.store.read(sql, params).await? {
            let g = stored(&row)?;
            let wanted = |member: &str, value: &str| self.text(member).is_none_or(|w| w == value);
            if wanted("GrantId", &g.0) && wanted("GranteePrincipal", &g.2.grantee) {
                all.push(g);
            }
        }
        if all.is_empty() && self.text("GrantId").is_some() {
            return Err(ApiError::new(
                "InvalidGrantIdException",
                "The grant ID does not exist.",
            ));
        }
        paged(
            "Grants",
            all,
            limit,
            |g| g.0.clone(),
            |(id, issuer, doc)| Ok(entry(&key.arn, &id, &issuer, &doc)),
        )
    }

    pub(super) async fn list_retirable_grants(&mut self) -> Answer {
        let c = self.context();
        self.authorize_unowned("ListRetirableGrants", None, &c)?;
        self.without(&["RetiringServicePrincipal"])?;
        let (limit, after) = self.page(50, 100)?;
        let retiring = self.required("RetiringPrincipal")?;
        let sql = "SELECT id, account, doc, key FROM grants WHERE retiring = $1 AND id > $2 AND account = $3 ORDER BY id LIMIT $4";
        let params = vec![
            retiring.into(),
            after.into(),
            self.account().into(),
            (limit + 1).into(),
        ];
        let mut all = Vec::new();
        for row in self.service.store.read(sql, params).await? {
            all.push((stored(&row)?, row.text(3)?.to_owned()));
        }
        paged(
            "Grants",
            all,
            limit,
            |g| g.0.0.clone(),
            |((id, issuer, doc), key)| {
                let arn = self.arn(self.account(), &format!("key/{key}"));
                Ok(entry(&arn, &id, &issuer, &doc))
            },
        )
    }

    async fn remove_grant(&self, key: &Key, id: &str) -> Result<(), ApiError> {
        let delete = Statement::one(
            "DELETE FROM grants WHERE id = $1 AND key = $2",
            vec![id.into(), key.id.to_string().into()],
        );
        match self.service.store.write(vec![delete]).await {
            Err(StoreError::Conflict) => Err(ApiError::not_found(format!("Grant ID {id} not found"))),
            done => Ok(done?),
        }
    }

    pub(super) async fn revoke_grant(&mut self) -> Answer {
        let key = self.permitted(By::Id).await?;
        let id = self.required("GrantId")?;
        if !of_key(self.service, &key).await?.iter().any(|g| g.id == id) {
            return Err(ApiError::not_found(format!("Grant ID {id} not found")));
        }
        self.not_dry()?;
        self.remove_grant(&key, id).await?;
        Ok(json!({}))
    }

    pub(super) async fn retire_grant(&mut self) -> Answer {
        let (key, id) = match (self.text("GrantToken"), self.text("KeyId"), self.text("GrantId")) {
            (Some(t), None, None) => {
                let invalid = || ApiError::new("InvalidGrantTokenException", "The grant token is not valid.");
                let id = token_id(t).ok_or_else(invalid)?;
                let sql = "SELECT key FROM grants WHERE id = $1";
                let rows = self.service.store.read(sql, vec![id.as_str().into()]).await?;
                let key = rows
                    .first()
                    .ok_or_else(invalid)?
                    .text(0)?
                    .parse()
                    .map_err(|()| invalid())?;
                let key = self.service.key(&key).await?.ok_or_else(invalid)?;
                self.note
                    .resources
                    .push(casemate_audit::Resource::key(&key.arn, &key.account));
                (key, id)
            }
            (None, Some(named), Some(id)) => {
                let (named, id) = (named.to_owned(), id.to_owned());
                (self.find(&named, By::Id).await?.key, id)
            }
            _ => {
                return Err(ApiError::validation(
                    "Specify either GrantToken, or both KeyId and GrantId.",
                ));
            }
        };
        let grants = of_key(self.service, &key).await?;
        let missing = || ApiError::not_found(format!("Grant ID {id} not found"));
        let grant = grants.into_iter().find(|g| g.id == id).ok_or_else(missing)?;
        self.authorize_retire(&key, &grant).await?;
        self.not_dry()?;
        self.remove_grant(&key, &id).await?;
        Ok(json!({}))
    }
}
