// SPDX-License-Identifier: Apache-2.0
//! Rotation, by a period and on demand, and what else the service does by itself: the deletion of keys whose time has come. Old
//! material decrypts until its key is deleted.

use super::{By, Request, enabled, not_pending, paged};
use crate::clock::DAY;
use crate::error::{Answer, ApiError};
use crate::key::{Key, Rotation, State};
use crate::service::Service;
use serde_json::json;

/// Rotations on demand of one key.
const ON_DEMAND: i64 = 25;

/// Days, if none are given.
const PERIOD: i64 = 365;

/// The period of a key, if a request gives no other.
pub(super) fn period_kept(key: &Key) -> i64 {
    key.doc.rotation.as_ref().map_or(PERIOD, |r| r.period)
}

impl Service {
    /// Gives a key new material.
    async fn rotate(&self, key: &mut Key, now: i64, kind: &str) -> Result<(), ApiError> {
        let m = self
            .make(&key.account, key.id, &key.doc.spec, &key.doc.usage)
            .await?;
        key.doc.material += 1;
        key.doc.material_id = hex::encode(m.id);
        if kind == "AUTOMATIC" {
            key.doc.schedule(now);
        }
        let statements = vec![key.update(), m.insert(key.doc.material, now, Some(kind))];
        Ok(self.store.write(statements).await?)
    }

    async fn remove(&self, key: &Key) -> Result<(), ApiError> {
        let sql = "SELECT id FROM materials WHERE key = $1";
        let rows = self.store.read(sql, vec![key.id.to_string().into()]).await?;
        self.store.write(key.delete()).await?;
        for row in rows {
            self.forget(row.text(0)?).await;
        }
        Ok(())
    }
}

/// Rotates and deletes the keys whose time has come. What fails is tried again the next time.
pub async fn due(service: &Service) -> Result<(), ApiError> {
    let now = service.clock.now();
    for id in Key::due(&service.store, now).await? {
        let Some(mut key) = service.key(&id).await? else {
            continue;
        };
        let (name, done) = match key.doc.state {
            State::PendingDeletion => ("DeleteKey", service.remove(&key).await),
            _ => ("RotateKey", service.rotate(&mut key, now, "AUTOMATIC").await),
        };
        // Another server was first.
        if done.as_ref().is_err_and(|e| e.code == "ConflictException") {
            continue;
        }
        if let Err(e) = service.record(name, &key, done.as_ref().err()).await {
            tracing::error!("{name} of {} has no record: {e}", key.arn);
        }
    }
    Ok(())
}

impl Request<'_> {
    /// The key, if it is one that rotates.
    async fn rotating(&mut self) -> Result<Key, ApiError> {
        let key = self.permitted(By::Id).await?;
        if key.doc.spec != "SYMMETRIC_DEFAULT" {
            return Err(ApiError::unsupported(""));
        }
        Ok(key)
    }

    pub(super) async fn enable_key_rotation(&mut self) -> Answer {
        let mut key = self.rotating().await?;
        enabled(&key)?;
        let period = self.number("RotationPeriodInDays");
        let period = period.unwrap_or_else(|| period_kept(&key));
        key.doc.rotation = Some(Rotation {
            period,
            next: self.now() + period * DAY,
        });
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn disable_key_rotation(&mut self) -> Answer {
        let mut key = self.rotating().await?;
        enabled(&key)?;
        key.doc.rotation = None;
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn get_key_rotation_status(&mut self) -> Answer {
        let key = self.rotating().await?;
        let mut answer = json!({"KeyId": key.id.to_string(), "KeyRotationEnabled": false});
        if let Some(r) = key
            .doc
            .rotation
            .filter(|_| key.doc.state != State::PendingDeletion)
        {
            answer["KeyRotationEnabled"] = true.into();
            answer["RotationPeriodInDays"] = r.period.into();
            answer["NextRotationDate"] = r.next.into();
        }
        Ok(answer)
    }

    pub(super) async fn rotate_key_on_demand(&mut self) -> Answer {
        let mut key = self.rotating().await?;
        enabled(&key)?;
        if key.doc.on_demand >= ON_DEMAND {
            return Err(ApiError::new(
                "LimitExceededException",
                format!(
                    "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {}",
                    key.arn
                ),
            ));
        }
        key.doc.on_demand += 1;
        // It does not change when the next automatic one is.
        self.service.rotate(&mut key, self.now(), "ON_DEMAND").await?;
        self.note.details.key_material_id = Some(key.doc.material_id.clone());
        Ok(json!({"KeyId": key.arn}))
    }

    pub(super) async fn list_key_rotations(&mut self) -> Answer {
        let key = self.rotating().await?;
        not_pending(&key)?;
        let (limit, after) = self.page(100, 1000)?;
        let after: i64 = after.parse().unwrap_or(0);
        let first = if self.text("IncludeKeyMaterial") == Some("ALL_KEY_MATERIAL") {
            1
        } else {
            2
        };
        let sql = "SELECT number, id, made, rotation FROM materials WHERE key = $1 AND number > $2 AND number >= $3 ORDER BY number LIMIT $4";
        let params = vec![
            key.id.to_string().into(),
            after.into(),
            first.into(),
            (limit + 1).into(),
        ];
        let rows = self.service.store.read(sql, params).await?;
        let number = |r: &crate::store::Row| r.int(0).unwrap_or_default().to_string();
        paged("Rotations", rows, limit, number, |r| {
            let current = r.int(0)? == key.doc.material;
            let mut e = json!({
                "KeyId": key.id.to_string(),
                "KeyMaterialId": r.text(1)?,
                "KeyMaterialState": if current { "CURRENT" } else { "NON_CURRENT" },
            });
            if let Ok(kind) = r.text(3) {
                e["RotationDate"] = r.int(2)?.into();
                e["RotationType"] = kind.into();
            }
            Ok(e)
        })
    }
}
