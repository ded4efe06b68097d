// SPDX-License-Identifier: Apache-2.0
//! The device behind the service: one thread has the officer's role and each tenant's queue; requests reach it through a channel,
//! and what waits there goes to the device together.

use crate::blob::{self, Header, TAG};
use crate::context::EncryptionContext;
use crate::id::KeyId;
use casemate::{
    AnyRequest, Blob, Data, Device, Done, Error, KeyAttributes, KeyHandle, Keys, Officer, PublicKey, Request,
    Result, Status, Usage,
};
use lru::LruCache;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// Most requests that go to the device at once.
const BATCH: usize = 16;

/// How long a batch may take: simulated hardware is slow.
const PATIENCE: Duration = Duration::from_secs(120);

/// The wrapping keys' epoch.
const EPOCH: u16 = 1;

/// The domain of the service's own keys.
pub const SERVICE: u8 = 255;

/// A wrapped key and whose it is.
#[derive(Debug)]
pub struct Material {
    /// SHA-256 of the token.
    pub id: [u8; 32],
    /// Its tenant's domain.
    pub domain: u8,
    /// Its key.
    pub key: KeyId,
    /// Wrapped by the device.
    pub token: Blob,
    /// Of a private key.
    pub public: Option<PublicKey>,
}

/// What is to be sealed.
pub enum Plaintext {
    /// The caller's.
    Given(Zeroizing<Vec<u8>>),
    /// So many random bytes of the device.
    Random(usize),
}

/// A blob and what is in it.
pub type Sealed = (Vec<u8>, Zeroizing<Vec<u8>>);

type Reply<T> = oneshot::Sender<Result<T>>;

enum Job {
    Seal(Arc<Material>, Plaintext, EncryptionContext, Reply<Sealed>),
    Open(
        Arc<Material>,
        Header,
        [u8; 12],
        Vec<u8>,
        Vec<u8>,
        Reply<Zeroizing<Vec<u8>>>,
    ),
    Other(Box<dyn FnOnce(&mut Worker) + Send>),
}

/// The device's thread.
pub struct Hsm {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Hsm {
    /// Takes the officer's role of a device.
    pub fn start(device: &Device) -> Result<Self> {
        let mut worker = Worker::new(device.officer()?);
        let (tx, rx) = channel();
        let thread = std::thread::Builder::new().name("device".into());
        let thread = thread
            .spawn(move || worker.serve(&rx))
            .map_err(|e| Error::Transport(e.to_string()))?;
        Ok(Self {
            jobs: Some(tx),
            thread: Some(thread),
        })
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T> {
        let gone = || Error::Transport("the device's thread has ended".into());
        let (tx, rx) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job(tx)).map_err(|_| gone())?;
        rx.await.map_err(|_| gone())?
    }

    /// Seals under a key of its own for the message.
    pub async fn seal(&self, m: &Arc<Material>, p: Plaintext, c: &EncryptionContext) -> Result<Sealed> {
        self.ask(|reply| Job::Seal(m.clone(), p, c.clone(), reply)).await
    }

    /// Opens a blob of this material.
    pub async fn open(
        &self,
        m: &Arc<Material>,
        parts: &blob::Parts<'_>,
        c: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let aad = parts.header.aad(c);
        let (header, iv, sealed) = (parts.header.clone(), parts.iv, parts.sealed.to_vec());
        self.ask(|reply| Job::Open(m.clone(), header, iv, sealed, aad, reply))
            .await
    }

    /// Anything else, in the device's thread.
    pub async fn run<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Worker) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(|reply| {
            Job::Other(Box::new(move |w| {
                let result = f(w);
                if let Err(e) = &result {
                    w.after(e);
                }
                // Whoever asked may be gone.
                let _ = reply.send(result);
            }))
        })
        .await
    }
}

impl Drop for Hsm {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(t) = self.thread.take() {
            let _ = t.join();
        }
    }
}

/// A tenant's queue and wrapping key.
struct Domain {
    keys: Keys,
    root: KeyHandle,
}

/// What the device's thread has.
pub struct Worker {
    officer: Officer,
    domains: LruCache<u8, Domain>,
    /// Keys in slots, of all tenants: the least recently used leaves when slots run out.
    resident: LruCache<[u8; 32], (u8, KeyHandle)>,
    batch: usize,
    hits: u64,
    misses: u64,
}

/// A request of a batch, whose message key is made. It is handed over with the others': a queue that waits for one key operation
/// must have nothing else in flight.
struct Running {
    domain: u8,
    key: KeyHandle,
    request: Option<AnyRequest>,
    end: End,
}

enum End {
    Seal(Header, Zeroizing<Vec<u8>>, Reply<Sealed>),
    Open(Reply<Zeroizing<Vec<u8>>>),
}

impl End {
    fn fail(self, e: Error) {
        // Whoever asked may be gone.
        match self {
            Self::Seal(_, _, reply) => drop(reply.send(Err(e))),
            Self::Open(reply) => drop(reply.send(Err(e))),
        }
    }
}

impl Worker {
    fn new(officer: Officer) -> Self {
        let slots = officer.device().capabilities().slots;
        Self {
            officer,
            domains: LruCache::unbounded(),
            resident: LruCache::unbounded(),
            batch: (slots / 4).clamp(1, BATCH),
            hits: 0,
            misses: 0,
        }
    }

    fn serve(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            while batch.len() < self.batch
                && let Ok(next) = jobs.try_recv()
            {
                batch.push(next);
            }
            let mut running = Vec::new();
            for job in batch {
                match job {
                    Job::Seal(m, p, c, reply) => {
                        self.start_seal(&m, p, &c, reply, &mut running);
                    }
                    Job::Open(m, header, iv, sealed, aad, reply) => {
                        self.start_open(&m, &header, &iv, &sealed, &aad, reply, &mut running);
                    }
                    Job::Other(f) => f(self),
                }
            }
            self.finish(running);
        }
        // The tenants' keys leave the device with the service.
        self.forget_all();
    }

    /// After an error that says that what this thread believes of the device is no longer so.
    fn after(&mut self, e: &Error) {
        if matches!(
            e,
            Error::StaleKey(_) | Error::DeviceReset { .. } | Error::QueueStopped { .. } | Error::Zeroized
        ) {
            tracing::warn!("the device lost its keys ({e}): they are unwrapped anew");
            self.resident.clear();
            self.domains.clear();
        }
    }

    fn forget_all(&mut self) {
        while self.evict().is_ok_and(|any| any) {}
        while let Some((_, d)) = self.domains.pop_lru() {
            let _ = self.officer.destroy(d.root);
        }
    }

    /// Makes room for one key; false if there is none to evict.
    fn evict(&mut self) -> Result<bool> {
        let Some((_, (domain, handle))) = self.resident.pop_lru() else {
            return Ok(false);
        };
        if let Some(d) = self.domains.peek_mut(&domain) {
            d.keys.destroy(handle)?;
        }
        Ok(true)
    }

    /// Closes the tenant's queue that was not used for longest.
    fn close_one(&mut self, but: u8) -> Result<bool> {
        let Some(idle) = self.domains.iter().rev().map(|(d, _)| *d).find(|d| *d != but) else {
            return Ok(false);
        };
        let theirs: Vec<_> = self
            .resident
            .iter()
            .filter(|(_, (d, _))| *d == idle)
            .map(|(id, (_, handle))| (*id, *handle))
            .collect();
        if let Some(mut d) = self.domains.pop(&idle) {
            for (id, handle) in theirs {
                self.resident.pop(&id);
                d.keys.destroy(handle)?;
            }
            self.officer.destroy(d.root)?;
        }
        Ok(true)
    }

    fn domain(&mut self, domain: u8) -> Result<&mut Domain> {
        if !self.domains.contains(&domain) {
            let keys = loop {
                match self.officer.keys(domain) {
                    Err(Error::NoQueue(n)) => {
                        if !self.close_one(domain)? {
                            return Err(Error::NoQueue(n));
                        }
                    }
                    done => break done?,
                }
            };
            let root = self.with_room(|w| w.officer.root_key(domain, EPOCH, Usage::WRAP | Usage::UNWRAP))?;
            self.domains.put(domain, Domain { keys, root });
        }
        Ok(self.domains.get_mut(&domain).expect("put there"))
    }

    /// Again with one key less in slots, as long as the device has none free.
    fn with_room<T>(&mut self, mut f: impl FnMut(&mut Self) -> Result<T>) -> Result<T> {
        loop {
            match f(self) {
                Err(Error::NoSlot(n)) => {
                    if !self.evict()? {
                        return Err(Error::NoSlot(n));
                    }
                }
                done => return done,
            }
        }
    }

    /// A material's key in a slot.
    pub fn handle(&mut self, m: &Material) -> Result<KeyHandle> {
        if let Some((_, handle)) = self.resident.get(&m.id) {
            self.hits += 1;
            return Ok(*handle);
        }
        self.misses += 1;
        // The device vouches for the label: a token that was swapped in the store for another key's is found here.
        if m.token.claims()?.label != m.key.label() {
            return Err(Error::Invalid(format!(
                "the material of key {} is another key's",
                m.key
            )));
        }
        let handle = self.with_room(|w| {
            let d = w.domain(m.domain)?;
            d.keys.unwrap(&m.token, d.root, Usage::ALL)
        })?;
        self.resident.put(m.id, (m.domain, handle));
        Ok(handle)
    }

    /// A tenant's user, with a material's key.
    pub fn with<T>(&mut self, m: &Material, f: impl FnOnce(&mut Keys, KeyHandle) -> Result<T>) -> Result<T> {
        let handle = self.handle(m)?;
        f(&mut self.domain(m.domain)?.keys, handle)
    }

    /// A tenant's user.
    pub fn keys(&mut self, domain: u8) -> Result<&mut Keys> {
        Ok(&mut self.domain(domain)?.keys)
    }

    /// A new key of a tenant: wrapped, and of a private key the public one.
    pub fn make(
        &mut self,
        domain: u8,
        attributes: &KeyAttributes,
        pair: bool,
    ) -> Result<(Blob, Option<PublicKey>)> {
        let (handle, public) = self.with_room(|w| {
            let keys = w.keys(domain)?;
            if pair {
                keys.generate_pair(attributes).map(|(h, p)| (h, Some(p)))
            } else {
                keys.generate(attributes).map(|h| (h, None))
            }
        })?;
        let d = self.domain(domain)?;
        let token = d.keys.wrap(handle, d.root);
        d.keys.destroy(handle)?;
        Ok((token?, public))
    }

    /// A token's key for a user of its own, of which this thread knows nothing.
    pub fn apart(&mut self, domain: u8, token: &Blob) -> Result<(Keys, KeyHandle)> {
        let handle = self.with_room(|w| {
            let d = w.domain(domain)?;
            d.keys.unwrap(token, d.root, Usage::ALL)
        })?;
        Ok((self.officer.keys(domain)?, handle))
    }

    /// A key leaves its slot, if it is in one.
    pub fn forget(&mut self, material: &[u8; 32]) -> Result<()> {
        match self.resident.pop(material) {
            Some((domain, handle)) => self.keys(domain)?.destroy(handle),
            None => Ok(()),
        }
    }

    /// Uses of keys that were in slots, and of those that were not.
    pub fn cache(&self) -> (u64, u64) {
        (self.hits, self.misses)
    }

    /// The device's counters and how it is.
    pub fn officer(&self) -> &Officer {
        &self.officer
    }

    fn start_seal(
        &mut self,
        m: &Material,
        plaintext: Plaintext,
        context: &EncryptionContext,
        reply: Reply<Sealed>,
        running: &mut Vec<Running>,
    ) {
        let started = self.prepare_seal(m, plaintext, context);
        match started {
            Ok((key, header, plain, request)) => running.push(Running {
                domain: m.domain,
                key,
                request: Some(request.into()),
                end: End::Seal(header, plain, reply),
            }),
            Err(e) => {
                self.after(&e);
                let _ = reply.send(Err(e));
            }
        }
    }

    fn prepare_seal(
        &mut self,
        m: &Material,
        plaintext: Plaintext,
        context: &EncryptionContext,
    ) -> Result<(KeyHandle, Header, Zeroizing<Vec<u8>>, Request)> {
        let plain = match plaintext {
            Plaintext::Given(p) => p,
            Plaintext::Random(n) => {
                let mut p = Zeroizing::new(vec![0; n]);
                self.keys(m.domain)?.random(&mut p)?;
                p
            }
        };
        let (key, nonce) =
            self.with_room(|w| w.with(m, |keys, base| keys.message_key(base, m.key.label())))?;
        let header = Header {
            key: m.key,
            material: m.id,
            nonce,
        };
        let mut data = self.officer.device().buffer(plain.len() + TAG, 0)?;
        data[..plain.len()].copy_from_slice(&plain);
        let request = Request::seal_counted(key, data).aad(&header.aad(context));
        Ok((key, header, plain, request))
    }

    #[allow(clippy::too_many_arguments)]
    fn start_open(
        &mut self,
        m: &Material,
        header: &Header,
        iv: &[u8; 12],
        sealed: &[u8],
        aad: &[u8],
        reply: Reply<Zeroizing<Vec<u8>>>,
        running: &mut Vec<Running>,
    ) {
        let made =
            self.with_room(|w| w.with(m, |k, base| k.message_key_of(base, &header.nonce, m.key.label())));
        let started = made.and_then(|key| {
            let mut data = self.officer.device().buffer(sealed.len(), 0)?;
            data.copy_from_slice(sealed);
            Ok((key, Request::open(key, iv, data).aad(aad)))
        });
        match started {
            Ok((key, request)) => running.push(Running {
                domain: m.domain,
                key,
                request: Some(request.into()),
                end: End::Open(reply),
            }),
            Err(e) => {
                self.after(&e);
                let _ = reply.send(Err(e));
            }
        }
    }

    /// Hands a batch over, waits for its results, destroys its message keys, answers.
    fn finish(&mut self, mut running: Vec<Running>) {
        let mut done: Vec<Option<Done>> = running.iter().map(|_| None).collect();
        let mut domains: Vec<u8> = running.iter().map(|r| r.domain).collect();
        domains.sort_unstable();
        domains.dedup();
        for domain in domains {
            let theirs = running.iter_mut().enumerate().filter(|(_, r)| r.domain == domain);
            let requests = theirs.filter_map(|(i, r)| Some(r.request.take()?.user(i as u64)));
            let ran = self.run_all(domain, requests.collect(), &mut done);
            if let Err(e) = ran {
                self.after(&e);
                tracing::error!("a batch did not end: {e}");
            }
        }
        for (r, d) in running.into_iter().zip(done) {
            let gone = self.keys(r.domain).and_then(|k| k.destroy(r.key));
            if let Err(e) = gone {
                self.after(&e);
            }
            let Some(d) = d else {
                r.end.fail(Error::Transport("the device did not answer".into()));
                continue;
            };
            let iv = d.iv();
            let data = d.ok().and_then(|d| match d.src {
                Some(Data::Flat(b)) => Ok(b),
                _ => Err(Error::Transport("a request came back without its buffer".into())),
            });
            match (r.end, data) {
                (End::Seal(header, plain, reply), Ok(b)) => {
                    drop(reply.send(Ok((blob::join(&header, &iv, &b), plain))));
                }
                (End::Open(reply), Ok(b)) => {
                    let plain = Zeroizing::new(b[..b.len() - TAG].to_vec());
                    drop(reply.send(Ok(plain)));
                }
                (end, Err(e)) => end.fail(e),
            }
        }
    }
}

impl Worker {
    /// Runs requests to their end; each result at the place that the request's number names.
    fn run_all(
        &mut self,
        domain: u8,
        mut requests: Vec<AnyRequest>,
        done: &mut [Option<Done>],
    ) -> Result<()> {
        let queue = self.keys(domain)?.queue();
        let mut out = Vec::new();
        while !requests.is_empty() || queue.in_flight() > 0 {
            let submitted = queue.submit(requests)?;
            if let Some(e) = submitted.refused {
                return Err(e);
            }
            requests = submitted.rest;
            queue.wait(&mut out, PATIENCE)?;
            for d in out.drain(..) {
                if let Some(place) = done.get_mut(d.user as usize) {
                    *place = Some(d);
                }
            }
        }
        Ok(())
    }
}

/// Whether the device refused a token: of another root secret or domain, or altered.
pub fn is_foreign(e: &Error) -> bool {
    matches!(
        e,
        Error::Request {
            status: Status::BadBlob,
            ..
        }
    )
}
