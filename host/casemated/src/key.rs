// SPDX-License-Identifier: Apache-2.0
//! A key as the store has it, and its material.

use crate::clock::DAY;
use crate::device::Material;
use crate::error::ApiError;
use crate::id::KeyId;
use crate::store::{Row, Statement, Store, StoreError, Value};
use casemate::{Blob, Curve, IvPolicy, KeyAttributes, PublicKey, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// As in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Of use.
    Enabled,
    /// Not of use until it is enabled.
    Disabled,
    /// To be deleted.
    PendingDeletion,
}

/// Automatic rotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Days.
    pub period: i64,
    /// Seconds since 1970.
    pub next: i64,
}

/// What is stored of a key beside its material.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Doc {
    /// Free text.
    pub description: String,
    /// As in ENCRYPT_DECRYPT.
    pub usage: String,
    /// As in SYMMETRIC_DEFAULT.
    pub spec: String,
    /// As in the API.
    pub state: State,
    /// Seconds since 1970.
    pub made: i64,
    /// When it will be deleted, if it will.
    pub deletion: Option<i64>,
    /// Whether its id begins with `mrk-`.
    pub multi_region: bool,
    /// The key policy's text.
    pub policy: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Automatic rotation, if enabled.
    pub rotation: Option<Rotation>,
    /// Number of its material now.
    pub material: i64,
    /// That material's id.
    pub material_id: String,
    /// Rotations on demand so far.
    pub on_demand: i64,
}

/// A key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub account: String,
    /// Its ARN.
    pub arn: String,
    /// Changes so far.
    version: i64,
    /// The rest.
    pub doc: Doc,
}

/// Specs this service has: name, usages, signing or MAC algorithm.
const SPECS: &[(&str, &[&str], &str)] = &[
    ("SYMMETRIC_DEFAULT", &["ENCRYPT_DECRYPT"], "SYMMETRIC_DEFAULT"),
    ("HMAC_256", &["GENERATE_VERIFY_MAC"], "HMAC_SHA_256"),
    ("HMAC_384", &["GENERATE_VERIFY_MAC"], "HMAC_SHA_384"),
    ("HMAC_512", &["GENERATE_VERIFY_MAC"], "HMAC_SHA_512"),
    (
        "ECC_NIST_P256",
        &["SIGN_VERIFY", "KEY_AGREEMENT"],
        "ECDSA_SHA_256",
    ),
    (
        "ECC_NIST_P384",
        &["SIGN_VERIFY", "KEY_AGREEMENT"],
        "ECDSA_SHA_384",
    ),
];

/// Usages of a spec; an exception if this service does not have it.
pub fn usages(spec: &str) -> Result<&'static [&'static str], ApiError> {
    let found = SPECS.iter().find(|(s, ..)| *s == spec);
    found.map(|(_, usages, _)| *usages).ok_or_else(|| {
        let all: Vec<_> = SPECS.iter().map(|(s, ..)| *s).collect();
        ApiError::unsupported(format!(
            "KeySpec {spec} is not supported by the device: it has {}.",
            all.join(", ")
        ))
    })
}

/// The algorithm of a spec's usage other than key agreement.
pub fn algorithm(spec: &str) -> &'static str {
    SPECS
        .iter()
        .find(|(s, ..)| *s == spec)
        .map_or("", |(.., algorithm)| algorithm)
}

/// The curve of a spec.
pub fn curve(spec: &str) -> Option<Curve> {
    match spec {
        "ECC_NIST_P256" => Some(Curve::P256),
        "ECC_NIST_P384" => Some(Curve::P384),
        _ => None,
    }
}

/// What the device is to make of a key, and whether that is a key pair.
pub fn attributes(id: &KeyId, spec: &str, usage: &str) -> (KeyAttributes, bool) {
    let kept = Usage::EXPORT_WRAPPED;
    let a = match (spec, usage, curve(spec)) {
        (_, "KEY_AGREEMENT", Some(c)) => KeyAttributes::private(c, Usage::RAW | kept),
        (_, _, Some(c)) => KeyAttributes::private(c, Usage::SIGN | kept),
        ("HMAC_256", ..) => KeyAttributes::secret(32, Usage::SIGN | Usage::VERIFY | kept),
        ("HMAC_384", ..) => KeyAttributes::secret(48, Usage::SIGN | Usage::VERIFY | kept),
        ("HMAC_512", ..) => KeyAttributes::secret(64, Usage::SIGN | Usage::VERIFY | kept),
        _ => KeyAttributes::secret(32, Usage::DERIVE | kept).iv_policy(IvPolicy::Derived),
    };
    (a.label(id.label()), curve(spec).is_some())
}

impl Doc {
    /// When the service has something to do with it by itself.
    fn due(&self) -> Option<i64> {
        match self.state {
            State::PendingDeletion => self.deletion,
            // A disabled key does not rotate until it is enabled again.
            State::Enabled => self.rotation.as_ref().map(|r| r.next),
            State::Disabled => None,
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("no key of it is other than text")
    }

    /// The next rotation is a period from here.
    pub fn schedule(&mut self, now: i64) {
        if let Some(r) = &mut self.rotation {
            r.next = now + r.period * DAY;
        }
    }
}

impl Key {
    /// A new one, not stored yet.
    pub fn new(id: KeyId, account: &str, region: &str, doc: Doc) -> Self {
        Self {
            id,
            account: account.into(),
            arn: crate::id::arn(region, account, &format!("key/{id}")),
            version: 0,
            doc,
        }
    }

    /// From the store.
    pub async fn load(store: &Store, region: &str, id: &KeyId) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT account, version, doc FROM keys WHERE id = $1";
        let rows = store.read(sql, vec![id.to_string().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let doc =
            serde_json::from_str(row.text(2)?).map_err(|e| StoreError::Broken(format!("key {id}: {e}")))?;
        let key = Self::new(*id, row.text(0)?, region, doc);
        Ok(Some(Self {
            version: row.int(1)?,
            ..key
        }))
    }

    /// Stores a new one.
    pub fn insert(&self) -> Statement {
        Statement::new(
            "INSERT INTO keys (id, account, version, due, doc) VALUES ($1, $2, $3, $4, $5)",
            vec![
                self.id.to_string().into(),
                self.account.as_str().into(),
                self.version.into(),
                self.doc.due().into(),
                self.doc.text().into(),
            ],
        )
    }

    /// Stores a change, if nobody else made one since it was loaded.
    pub fn update(&self) -> Statement {
        Statement::one(
            "UPDATE keys SET version = $1, due = $2, doc = $3 WHERE id = $4 AND version = $5",
            vec![
                (self.version + 1).into(),
                self.doc.due().into(),
                self.doc.text().into(),
                self.id.to_string().into(),
                self.version.into(),
            ],
        )
    }

    /// Takes it and all that belongs to it out of the store.
    pub fn delete(&self) -> Vec<Statement> {
        let id = || vec![Value::from(self.id.to_string())];
        vec![
            // First: of two servers one finds it.
            Statement::one(
                "UPDATE keys SET version = version + 1 WHERE id = $1 AND version = $2",
                vec![self.id.to_string().into(), self.version.into()],
            ),
            Statement::new("DELETE FROM aliases WHERE key = $1", id()),
            Statement::new("DELETE FROM grants WHERE key = $1", id()),
            Statement::new("DELETE FROM materials WHERE key = $1", id()),
            Statement::new("DELETE FROM keys WHERE id = $1", id()),
        ]
    }

    /// Ids of keys with something to do by now.
    pub async fn due(store: &Store, now: i64) -> Result<Vec<KeyId>, StoreError> {
        let sql = "SELECT id FROM keys WHERE due <= $1 ORDER BY due LIMIT 100";
        let rows = store.read(sql, vec![now.into()]).await?;
        rows.iter()
            .map(|r| {
                r.text(0)?
                    .parse()
                    .map_err(|()| StoreError::Broken("a key's id".into()))
            })
            .collect()
    }
}

impl Material {
    /// Stores a new one; `rotation` is AUTOMATIC or ON_DEMAND, none for a key's first.
    pub fn insert(&self, number: i64, now: i64, rotation: Option<&str>) -> Statement {
        Statement::new(
            "INSERT INTO materials (id, key, number, token, public, made, rotation) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            vec![
                hex::encode(self.id).into(),
                self.key.to_string().into(),
                number.into(),
                self.token.as_bytes()[..].into(),
                self.public.as_ref().map(|p| p.as_bytes()).into(),
                now.into(),
                rotation.into(),
            ],
        )
    }

    /// From the store: of a key, and by its id.
    pub async fn load(
        store: &Store,
        domain: u8,
        key: &Key,
        id: &str,
    ) -> Result<Option<Arc<Self>>, StoreError> {
        let sql = "SELECT token, public FROM materials WHERE id = $1 AND key = $2";
        let rows = store
            .read(sql, vec![id.into(), key.id.to_string().into()])
            .await?;
        rows.first()
            .map(|row| Self::of_row(domain, key, id, row))
            .transpose()
    }

    fn of_row(domain: u8, key: &Key, id: &str, row: &Row) -> Result<Arc<Self>, StoreError> {
        let broken = |what: &str| StoreError::Broken(format!("key {}: its material's {what}", key.id));
        let mut bytes = [0; 32];
        hex::decode_to_slice(id, &mut bytes).map_err(|_| broken("id"))?;
        let token = row.blob(0)?.try_into().map_err(|_| broken("token"))?;
        let public = match curve(&key.doc.spec) {
            Some(c) => Some(PublicKey::new(c, row.blob(1)?).map_err(|_| broken("public key"))?),
            None => None,
        };
        Ok(Arc::new(Self {
            id: bytes,
            domain,
            key: key.id,
            token: Blob::new(token),
            public,
        }))
    }
}
