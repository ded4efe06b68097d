// SPDX-License-Identifier: Apache-2.0
//! Aliases.

use super::{By, Request, With, not_pending, paged};
use crate::error::{Answer, ApiError};
use crate::key::Key;
use crate::store::{Statement, StoreError};
use casemate_audit::Resource;
use serde_json::json;

impl Request<'_> {
    /// The alias of the request, its ARN; it is noted.
    fn alias(&mut self) -> Result<(String, String), ApiError> {
        let name = self.required("AliasName")?.to_owned();
        if !name.starts_with("alias/") {
            return Err(ApiError::validation(
                "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
            ));
        }
        if name.starts_with("alias/aws/") {
            return Err(ApiError::new("NotAuthorizedException", ""));
        }
        if name == "alias/" {
            return Err(ApiError::new("InvalidAliasNameException", "Alias name is empty."));
        }
        let arn = self.arn(self.account(), &name);
        self.note.resources.push(Resource::alias(&arn, self.account()));
        Ok((name, arn))
    }

    async fn target(&mut self) -> Result<Key, ApiError> {
        let named = self.required("TargetKeyId")?.to_owned();
        if named.starts_with("alias/") || named.contains(":alias/") {
            return Err(ApiError::validation("Aliases must refer to keys. Not aliases"));
        }
        let found = self.find(&named, By::Id).await?;
        if found.key.account != self.account() {
            return Err(self.hidden(self.operation, &found.key.arn));
        }
        Ok(found.key)
    }

    pub(super) async fn create_alias(&mut self) -> Answer {
        let (name, arn) = self.alias()?;
        let key = self.target().await?;
        let c = self.context();
        self.authorize_unowned("CreateAlias", Some(&arn), &c)?;
        self.authorize("CreateAlias", &key, With::default()).await?;
        not_pending(&key)?;
        let now = self.now();
        let insert = Statement::new(
            "INSERT INTO aliases (account, name, key, made, updated) VALUES ($1, $2, $3, $4, $5)",
            vec![
                self.account().into(),
                name.into(),
                key.id.to_string().into(),
                now.into(),
                now.into(),
            ],
        );
        match self.service.store.write(vec![insert]).await {
            Err(StoreError::Duplicate) => Err(ApiError::new(
                "AlreadyExistsException",
                format!("An alias with the name {arn} already exists"),
            )),
            done => Ok(done.map(|()| json!({}))?),
        }
    }

    /// The key that the alias is of now.
    async fn aliased(&mut self, name: &str, arn: &str) -> Result<Key, ApiError> {
        let missing = || ApiError::not_found(format!("Alias {arn} is not found."));
        let account = self.account().to_owned();
        let id = self.alias_target(&account, name).await?.ok_or_else(missing)?;
        self.service.key(&id).await?.ok_or_else(missing)
    }

    pub(super) async fn update_alias(&mut self) -> Answer {
        let (name, arn) = self.alias()?;
        let new = self.target().await?;
        let old = self.aliased(&name, &arn).await?;
        let c = self.context();
        self.authorize_unowned("UpdateAlias", Some(&arn), &c)?;
        self.authorize("UpdateAlias", &old, With::default()).await?;
        self.authorize("UpdateAlias", &new, With::default()).await?;
        not_pending(&new)?;
        let sort = |k: &Key| {
            (
                k.doc.spec.split('_').next().map(str::to_owned),
                k.doc.usage.clone(),
            )
        };
        if sort(&old) != sort(&new) {
            return Err(ApiError::validation(format!(
                "Alias {arn} is of a key of KeySpec {} and KeyUsage {}: it cannot be updated to one of KeySpec {} and KeyUsage {}.",
                old.doc.spec, old.doc.usage, new.doc.spec, new.doc.usage
            )));
        }
        let update = Statement::one(
            "UPDATE aliases SET key = $1, updated = $2 WHERE account = $3 AND name = $4",
            vec![
                new.id.to_string().into(),
                self.now().into(),
                self.account().into(),
                name.into(),
            ],
        );
        self.service.store.write(vec![update]).await?;
        Ok(json!({}))
    }

    pub(super) async fn delete_alias(&mut self) -> Answer {
        let (name, arn) = self.alias()?;
        let key = self.aliased(&name, &arn).await?;
        self.note.resources.push(Resource::key(&key.arn, &key.account));
        let c = self.context();
        self.authorize_unowned("DeleteAlias", Some(&arn), &c)?;
        self.authorize("DeleteAlias", &key, With::default()).await?;
        let delete = Statement::one(
            "DELETE FROM aliases WHERE account = $1 AND name = $2",
            vec![self.account().into(), name.into()],
        );
        self.service.store.write(vec![delete]).await?;
        Ok(json!({}))
    }

    pub(super) async fn list_aliases(&mut self) -> Answer {
        let c = self.context();
        self.authorize_unowned("ListAliases", None, &c)?;
        let only = match self.text("KeyId").map(str::to_owned) {
            Some(named) => Some(self.find(&named, By::Id).await?.key.id.to_string()),
            None => None,
        };
        let (limit, after) = self.page(50, 100)?;
        let account = self.account().to_owned();
        let mut params = vec![account.as_str().into(), after.into(), (limit + 1).into()];
        let sql = match only {
            None => {
                "SELECT name, key, made, updated FROM aliases WHERE account = $1 AND name > $2 ORDER BY name LIMIT $3"
            }
            Some(key) => {
                params.push(key.into());
                "SELECT name, key, made, updated FROM aliases WHERE account = $1 AND name > $2 AND key = $4 ORDER BY name LIMIT $3"
            }
        };
        let rows = self.service.store.read(sql, params).await?;
        let name = |r: &crate::store::Row| r.text(0).unwrap_or_default().to_owned();
        paged("Aliases", rows, limit, name, |r| {
            Ok(json!({
                "AliasName": r.text(0)?,
                "AliasArn": self.arn(&account, r.text(0)?),
                "TargetKeyId": r.text(1)?,
                "CreationDate": r.int(2)?,
                "LastUpdatedDate": r.int(3)?,
            }))
        })
    }
}
