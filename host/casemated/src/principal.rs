// SPDX-License-Identifier: Apache-2.0
//! Who may ask: accounts, their principals, these principals' access keys, tags and policies.

use crate::store::{Statement, Store, StoreError, Value};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use casemate_policy::{Caller, Kind, Policy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// What is stored of a principal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Doc {
    /// Unique id, as in AIDA….
    pub id: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Policies' texts by name.
    pub policies: BTreeMap<String, String>,
}

/// The last of the tenants' domains: the next is the service's own.
const LAST: i64 = 254;

/// A policy that allows all of the API.
pub const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}"#;

/// An access key, whose secret is shown once.
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// The secret.
    pub secret: Zeroizing<String>,
}

fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut b = Zeroizing::new([0; N]);
    getrandom::fill(&mut *b).expect("the system has random bytes");
    b
}

/// An id of 20 characters, as AWS's.
fn unique(prefix: &str) -> String {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random = random::<16>();
    let tail = random.iter().map(|b| char::from(letters[usize::from(*b) % 32]));
    prefix.chars().chain(tail).collect()
}

/// Makes an account, if it is not there: it gets a domain of the device for ever.
pub async fn account(store: &Store, account: &str) -> anyhow::Result<u8> {
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        anyhow::bail!("`{account}` is no account: 12 digits are");
    }
    loop {
        if let Some(domain) = domain(store, account).await? {
            return Ok(domain);
        }
        let rows = store
            .read("SELECT COALESCE(MAX(domain), 0) + 1 FROM accounts", vec![])
            .await?;
        let next = rows.first().map_or(Ok(1), |r| r.int(0))?;
        if next > LAST {
            anyhow::bail!("the device has {LAST} domains for accounts, and all are taken");
        }
        let insert = Statement::new(
            "INSERT INTO accounts (account, domain) VALUES ($1, $2)",
            vec![account.into(), next.into()],
        );
        match store.write(vec![insert]).await {
            // Somebody else was first: look again.
            Err(StoreError::Duplicate) => {}
            done => done?,
        }
    }
}

/// An account's domain.
pub async fn domain(store: &Store, account: &str) -> Result<Option<u8>, StoreError> {
    let sql = "SELECT domain FROM accounts WHERE account = $1";
    let rows = store.read(sql, vec![account.into()]).await?;
    let domain = rows.first().map(|r| r.int(0)).transpose()?;
    Ok(domain.and_then(|d| u8::try_from(d).ok()))
}

/// The stored form of a principal, if it is there.
pub async fn get(store: &Store, arn: &str) -> anyhow::Result<Option<Doc>> {
    let rows = store
        .read("SELECT doc FROM principals WHERE arn = $1", vec![arn.into()])
        .await?;
    let doc = |r: &crate::store::Row| Ok(serde_json::from_str(r.text(0)?)?);
    rows.first().map(doc).transpose()
}

/// Makes a principal, a user or an account's root user.
pub async fn create(store: &Store, arn: &str) -> anyhow::Result<()> {
    let caller = Caller::parse(arn)?;
    account(store, caller.account()).await?;
    let doc = Doc {
        id: unique("AIDA"),
        ..Doc::default()
    };
    let insert = Statement::new(
        "INSERT INTO principals (arn, account, doc) VALUES ($1, $2, $3)",
        vec![
            arn.into(),
            caller.account().into(),
            serde_json::to_string(&doc)?.into(),
        ],
    );
    match store.write(vec![insert]).await {
        Err(StoreError::Duplicate) => anyhow::bail!("principal {arn} is there already"),
        done => Ok(done?),
    }
}

/// Changes what is stored of a principal.
pub async fn change(
    store: &Store,
    arn: &str,
    f: impl Fn(&mut Doc) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let rows = store
        .read("SELECT doc FROM principals WHERE arn = $1", vec![arn.into()])
        .await?;
    let Some(row) = rows.first() else {
        anyhow::bail!("no principal {arn}: create it first");
    };
    let old = row.text(0)?.to_owned();
    let mut doc: Doc = serde_json::from_str(&old)?;
    f(&mut doc)?;
    for (name, text) in &doc.policies {
        Policy::parse(text, Kind::Identity).map_err(|e| anyhow::anyhow!("policy {name}: {e}"))?;
    }
    let update = Statement::one(
        "UPDATE principals SET doc = $1 WHERE arn = $2 AND doc = $3",
        vec![serde_json::to_string(&doc)?.into(), arn.into(), old.into()],
    );
    Ok(store.write(vec![update]).await?)
}

/// Takes a principal and its access keys away.
pub async fn delete(store: &Store, arn: &str) -> anyhow::Result<()> {
    let statements = vec![
        Statement::new("DELETE FROM access_keys WHERE principal = $1", vec![arn.into()]),
        Statement::one("DELETE FROM principals WHERE arn = $1", vec![arn.into()]),
    ];
    match store.write(statements).await {
        Err(StoreError::Conflict) => anyhow::bail!("no principal {arn}"),
        done => Ok(done?),
    }
}

/// A new access key of a principal.
pub async fn access_key(store: &Store, arn: &str) -> anyhow::Result<AccessKey> {
    if get(store, arn).await?.is_none() {
        anyhow::bail!("no principal {arn}: create it first");
    }
    let key = AccessKey {
        id: unique("AKIA"),
        secret: Zeroizing::new(BASE64_STANDARD.encode(random::<30>().as_slice())),
    };
    let insert = Statement::new(
        "INSERT INTO access_keys (id, principal, secret, active) VALUES ($1, $2, $3, 1)",
        vec![key.id.as_str().into(), arn.into(), key.secret.as_str().into()],
    );
    store.write(vec![insert]).await?;
    Ok(key)
}

/// Takes an access key away.
pub async fn revoke(store: &Store, id: &str) -> anyhow::Result<()> {
    let delete = Statement::one("DELETE FROM access_keys WHERE id = $1", vec![id.into()]);
    match store.write(vec![delete]).await {
        Err(StoreError::Conflict) => anyhow::bail!("no access key {id}"),
        done => Ok(done?),
    }
}

/// All principals' ARNs with their access keys' ids.
pub async fn list(store: &Store) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let mut out: Vec<(String, Vec<String>)> = Vec::new();
    let sql = "SELECT p.arn, k.id FROM principals p LEFT JOIN access_keys k ON k.principal = p.arn ORDER BY p.arn, k.id";
    for row in store.read(sql, vec![]).await? {
        let arn = row.text(0)?;
        if out.last().is_none_or(|(a, _)| a != arn) {
            out.push((arn.into(), Vec::new()));
        }
        if let (Some((_, keys)), Some(Value::Text(id))) = (out.last_mut(), row.0.get(1)) {
            keys.push(id.clone());
        }
    }
    Ok(out)
}
