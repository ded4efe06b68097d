// SPDX-License-Identifier: Apache-2.0
//! The service: what all requests share, and the way of one from its bytes to its answer.

use crate::clock::{self, Clock};
use crate::config::Config;
use crate::device::{Hsm, Material, SERVICE};
use crate::error::{Answer, ApiError};
use crate::id::{self, KeyId};
use crate::key::Key;
use crate::metrics::Metrics;
use crate::model::MODEL;
use crate::ops;
use crate::principal;
use crate::sigv4::{Authorization, Seen, Signed};
use crate::store::{Statement, Store, StoreError};
use crate::throttle::Throttle;
use casemate::{Blob, Curve, KeyAttributes, Usage};
use casemate_audit::{Details, DeviceSigner, Event, Failure, Identity, Log, Origin, Parameters, Resource};
use casemate_policy::{Attached, Caller, Kind, Policy};
use lru::LruCache;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};
use zeroize::{Zeroize, Zeroizing};

/// What came over HTTP.
pub struct Call {
    /// Method.
    pub method: String,
    /// Path, as it came.
    pub path: String,
    /// Query, as it came.
    pub query: String,
    /// Headers in the order they came.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Zeroizing<Vec<u8>>,
    /// The client's address.
    pub source: std::net::IpAddr,
    /// TLS's version, if there is TLS.
    pub tls: Option<&'static str>,
}

impl Call {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, v)| v.as_str())
    }

    /// The operation it names; empty if it names none.
    fn operation(&self) -> &str {
        let target = self.header("x-amz-target").unwrap_or_default();
        target.strip_prefix("TrentService.").unwrap_or_default()
    }
}

/// Who asks, as the store has it.
pub struct Principal {
    /// As policies see it.
    pub caller: Caller,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its policies.
    pub policies: Vec<Attached>,
    doc: String,
}

/// What all requests share.
pub struct Service {
    /// Set-up.
    pub config: Config,
    /// Keys, aliases, principals.
    pub store: Store,
    /// The device.
    pub hsm: Hsm,
    /// Counts.
    pub metrics: Metrics,
    /// Of rotation and deletion.
    pub clock: Clock,
    audit: Log,
    seen: Seen,
    throttle: Throttle,
    policies: Mutex<LruCache<String, Arc<Policy>>>,
    principals: Mutex<LruCache<String, Arc<Principal>>>,
    materials: Mutex<LruCache<String, Arc<Material>>>,
    domains: RwLock<HashMap<String, u8>>,
}

/// What a request leaves in its record beside its answer.
#[derive(Default)]
pub struct Note {
    /// Keys and aliases it was about.
    pub resources: Vec<Resource>,
    /// Material that was used, and the reason for the decision.
    pub details: Details,
}

fn cache<T>(n: usize) -> Mutex<LruCache<String, T>> {
    Mutex::new(LruCache::new(NonZeroUsize::new(n).expect("not 0")))
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(|e| e.into_inner())
}

impl From<StoreError> for ApiError {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Conflict => Self::new(
                "ConflictException",
                "The key was changed by another request at the same time. Retry.",
            ),
            e => Self::internal(e),
        }
    }
}

/// The audit key's token, from the store or made anew.
async fn audit_key(store: &Store, hsm: &Hsm, name: &str) -> anyhow::Result<Blob> {
    let sql = "SELECT token FROM tokens WHERE name = $1";
    loop {
        if let Some(row) = store.read(sql, vec![name.into()]).await?.first() {
            let bytes = row.blob(0)?.try_into();
            return Ok(Blob::new(
                bytes.map_err(|_| anyhow::anyhow!("the audit key's token is damaged"))?,
            ));
        }
        let attributes = KeyAttributes::private(Curve::P384, Usage::SIGN | Usage::EXPORT_WRAPPED);
        let (token, _) = hsm.run(move |w| w.make(SERVICE, &attributes, true)).await?;
        let insert = Statement::new(
            "INSERT INTO tokens (name, token) VALUES ($1, $2)",
            vec![name.into(), token.as_bytes()[..].into()],
        );
        match store.write(vec![insert]).await {
            Ok(()) | Err(StoreError::Duplicate) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

impl Service {
    /// Over an open store and device.
    pub async fn new(config: Config, store: Store, hsm: Hsm) -> anyhow::Result<Self> {
        let token = audit_key(&store, &hsm, &format!("audit {}", config.server)).await?;
        let opened = hsm.run(move |w| w.apart(SERVICE, &token)).await;
        let (keys, handle) = opened.map_err(|e| {
            if crate::device::is_foreign(&e) {
                anyhow::anyhow!("the store's keys are of a device with another root secret: give the service that device or root")
            } else {
                e.into()
            }
        })?;
        let signer = DeviceSigner::new(keys, handle).map_err(|e| anyhow::anyhow!("the audit key: {e}"))?;
        let folder = config.audit_folder();
        std::fs::create_dir_all(&folder)?;
        let public = casemate_audit::Signer::public_key(&signer);
        std::fs::write(
            folder.join(format!("{}.pem", config.server)),
            p384::pkcs8::EncodePublicKey::to_public_key_pem(&public, p384::pkcs8::LineEnding::LF)?,
        )?;
        let options = casemate_audit::Options::new(folder, config.server.clone());
        let audit = Log::open(options, Box::new(signer))?;
        Ok(Self {
            clock: Clock::new(config.clock_file.clone()),
            throttle: Throttle::new(config.rate, config.burst),
            config,
            store,
            hsm,
            audit,
            metrics: Metrics::default(),
            seen: Seen::default(),
            policies: cache(4096),
            principals: cache(4096),
            materials: cache(16384),
            domains: RwLock::default(),
        })
    }

    /// An account's domain, which it keeps for ever.
    pub async fn domain(&self, account: &str) -> Result<u8, ApiError> {
        let known = |s: &Self| {
            let all = s.domains.read().unwrap_or_else(|e| e.into_inner());
            all.get(account).copied()
        };
        if let Some(d) = known(self) {
            return Ok(d);
        }
        let found = principal::domain(&self.store, account).await?;
        let domain =
            found.ok_or_else(|| ApiError::internal(format_args!("account {account} has no domain")))?;
        let mut known = self.domains.write().unwrap_or_else(|e| e.into_inner());
        known.insert(account.into(), domain);
        Ok(domain)
    }

    /// A key policy, read once.
    pub fn policy(&self, text: &str) -> Result<Arc<Policy>, ApiError> {
        if let Some(p) = lock(&self.policies).get(text) {
            return Ok(p.clone());
        }
        let policy = Policy::parse(text, Kind::Key).map_err(ApiError::internal)?;
        let policy = Arc::new(policy);
        lock(&self.policies).put(text.into(), policy.clone());
        Ok(policy)
    }

    /// A key.
    pub async fn key(&self, id: &KeyId) -> Result<Option<Key>, ApiError> {
        Ok(Key::load(&self.store, &self.config.region, id).await?)
    }

    /// A material of a key; materials never change.
    pub async fn material(&self, key: &Key, id: &str) -> Result<Option<Arc<Material>>, ApiError> {
        let known = lock(&self.materials).get(id).cloned();
        if let Some(m) = known {
            return Ok((m.key == key.id).then_some(m));
        }
        let domain = self.domain(&key.account).await?;
        let found = Material::load(&self.store, domain, key, id).await?;
        if let Some(m) = &found {
            lock(&self.materials).put(id.into(), m.clone());
        }
        Ok(found)
    }

    /// A deleted key's material is known no more, here and in the device.
    pub async fn forget(&self, material: &str) {
        let known = lock(&self.materials).pop(material);
        if let Some(m) = known {
            let gone = self.hsm.run(move |w| w.forget(&m.id)).await;
            if let Err(e) = gone {
                tracing::warn!("a deleted key's material stays in its slot until the device is reset: {e}");
            }
        }
    }

    /// Whoever has an access key, and its secret.
    async fn who(&self, access_key: &str) -> Result<(Zeroizing<String>, Arc<Principal>), ApiError> {
        let unknown = || {
            ApiError::new(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )
        };
        let sql = "SELECT k.secret, p.arn, p.doc FROM access_keys k JOIN principals p ON p.arn = k.principal \
                   WHERE k.id = $1 AND k.active = 1";
        let rows = self.store.read(sql, vec![access_key.into()]).await?;
        let row = rows.first().ok_or_else(unknown)?;
        let secret = Zeroizing::new(row.text(0)?.to_owned());
        let (arn, doc) = (row.text(1)?, row.text(2)?);
        let known = lock(&self.principals).get(arn).filter(|p| p.doc == doc).cloned();
        if let Some(p) = known {
            return Ok((secret, p));
        }
        let stored: principal::Doc = serde_json::from_str(doc).map_err(ApiError::internal)?;
        let attached = |(name, text): (String, String)| {
            let policy = Policy::parse(&text, Kind::Identity).map_err(ApiError::internal)?;
            Ok(Attached { name, policy })
        };
        let caller = Caller::parse(arn).map_err(ApiError::internal)?;
        let p = Arc::new(Principal {
            caller: caller.with_unique_id(&stored.id),
            tags: stored.tags,
            policies: stored
                .policies
                .into_iter()
                .map(attached)
                .collect::<Result<_, ApiError>>()?,
            doc: doc.into(),
        });
        lock(&self.principals).put(arn.into(), p.clone());
        Ok((secret, p))
    }

    /// The record of a request of which only the outside is known, and the request's id.
    fn event(&self, call: &Call) -> (Event, String) {
        let request_id = id::uuid_text(&id::uuid());
        let mut event = Event::new("Unknown", &request_id);
        event.region = self.config.region.clone();
        event.source_ip = call.source.to_string();
        event.origin = Origin::ApiCall { tls: call.tls };
        event.user_agent = call.header("user-agent").map(str::to_owned);
        event.details.server = Some(self.config.server.clone());
        let operation = call.operation();
        if MODEL.has(operation) {
            event.name = operation.into();
        }
        (event, request_id)
    }

    /// One request: its answer, and its id. Every request leaves a record; without one it is refused.
    pub async fn answer(&self, call: &Call) -> (Answer, String) {
        let begun = Instant::now();
        let (mut event, request_id) = self.event(call);
        let operation = call.operation();
        let mut answer = self.handle(call, operation, &mut event).await;
        match &answer {
            Ok(a) => event.response = Parameters::of_response(operation, a),
            Err(e) => {
                event.error = Some(Failure {
                    code: e.code.into(),
                    message: e.message.clone(),
                });
            }
        }
        if let Err(e) = self.audit.append(&event).await {
            tracing::error!("{e}");
            if let Ok(a) = &mut answer {
                wipe(a);
            }
            answer = Err(ApiError::internal(
                "a request is refused because its record cannot be written",
            ));
        }
        let code = answer.as_ref().err().map(|e| e.code);
        self.metrics.request(&event.name, code, begun.elapsed());
        (answer, request_id)
    }

    /// A request that did not come in whole: it is refused, and leaves a record too.
    pub async fn refuse(&self, call: &Call, error: ApiError) -> (Answer, String) {
        let (mut event, request_id) = self.event(call);
        event.error = Some(Failure {
            code: error.code.into(),
            message: error.message.clone(),
        });
        if let Err(e) = self.audit.append(&event).await {
            tracing::error!("a refused request has no record: {e}");
        }
        self.metrics
            .request(&event.name, Some(error.code), Duration::ZERO);
        (Err(error), request_id)
    }

    async fn handle(&self, call: &Call, operation: &str, event: &mut Event) -> Answer {
        let body_hash = hex::encode(Sha256::digest(&*call.body));
        let signed = Signed {
            method: &call.method,
            path: &call.path,
            query: &call.query,
            headers: &call.headers,
            body_hash: &body_hash,
        };
        let authorization = Authorization::of(&signed)?;
        event.identity = Identity::unknown(Some(authorization.access_key));
        let (secret, who) = self.who(authorization.access_key).await?;
        authorization.check_scope(&self.config.region, clock::unix())?;
        authorization.check(&signed, &secret)?;
        self.seen.first_use(&authorization, clock::unix())?;
        let c = &who.caller;
        event.account = c.account().into();
        event.identity = Identity::user(
            c.arn(),
            c.account(),
            c.unique_id().unwrap_or_default(),
            authorization.access_key,
            c.user_name().unwrap_or("root"),
        );
        if !MODEL.has(operation) {
            return Err(ApiError::new(
                "UnknownOperationException",
                "The operation is none of the API's: X-Amz-Target has to be TrentService and an operation's name.",
            ));
        }
        self.throttle.take(c.account(), operation)?;
        let input = parse(&call.body)?;
        event.request = Parameters::of_request(operation, &input.0);
        let members = input.0.as_object().expect("parse gives objects only");
        MODEL.check(operation, members)?;
        let mut request = ops::Request {
            service: self,
            who: &who,
            operation,
            input: members,
            source: call.source,
            tls: call.tls.is_some(),
            note: Note::default(),
        };
        let mut answer = ops::dispatch(&mut request).await;
        // Every test is one of the answers' shapes, too.
        if cfg!(debug_assertions)
            && let Ok(a) = &answer
            && let Err(e) = MODEL.check_answer(operation, a)
        {
            answer = Err(ApiError::internal(e));
        }
        event.resources = request.note.resources;
        event.details.key_material_id = request.note.details.key_material_id;
        event.details.decision = request.note.details.decision;
        answer
    }

    /// Records something that the service did by itself.
    pub async fn record(
        &self,
        name: &str,
        key: &Key,
        error: Option<&ApiError>,
    ) -> Result<(), casemate_audit::Error> {
        let mut event = Event::of_service(name, &key.account);
        event.region = self.config.region.clone();
        event.resources = vec![Resource::key(&key.arn, &key.account)];
        event.details.server = Some(self.config.server.clone());
        event.details.key_material_id = Some(key.doc.material_id.clone());
        event.error = error.map(|e| Failure {
            code: e.code.into(),
            message: e.message.clone(),
        });
        self.audit.append(&event).await.map(drop)
    }

    /// How the audit log is.
    pub fn audit_status(&self) -> casemate_audit::Status {
        self.audit.status()
    }

    /// Signs the last head.
    pub fn close(&self) -> Result<(), casemate_audit::Error> {
        self.audit.close().map(drop)
    }
}

/// A request's members. Texts are wiped when it goes: plaintexts are among them.
struct Input(Value);

fn wipe(v: &mut Value) {
    match v {
        Value::String(s) => s.zeroize(),
        Value::Array(l) => l.iter_mut().for_each(wipe),
        Value::Object(m) => m.values_mut().for_each(wipe),
        _ => {}
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

fn parse(body: &[u8]) -> Result<Input, ApiError> {
    if body.is_empty() {
        return Ok(Input(Value::Object(Map::new())));
    }
    let value = serde_json::from_slice(body).map(Input);
    match value {
        Ok(v) if v.0.is_object() => Ok(v),
        _ => Err(ApiError::serialization("The request's body is no JSON object")),
    }
}
