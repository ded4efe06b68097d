// SPDX-License-Identifier: Apache-2.0
//! Many wrapped keys over few slots: a key is unwrapped when it is used, stays while it is, and makes room for others when it has
//! not been for longest.

use crate::ec::Curve;
use crate::key::{Blob, KeyInfo, Usage};
use crate::request::KeyHandle;
use crate::user::Keys;
use crate::{Error, Result};
use casemate_abi::Status;
use lru::LruCache;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// A token of a [`KeyCache`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(u64);

/// What a cache has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheCounters {
    /// Uses of a key that was in a slot.
    pub hits: u64,
    /// Uses that unwrapped it.
    pub misses: u64,
    /// Keys that made room for others.
    pub evictions: u64,
}

/// A key in a slot.
struct Resident {
    handle: KeyHandle,
    pins: usize,
    /// Its token is gone: it goes too when nobody uses it any more.
    doomed: bool,
    /// Its uses count, as seals and signatures do: what its token says of them may be behind.
    counts: bool,
}

struct State {
    keys: Keys,
    under: KeyHandle,
    capacity: usize,
    tokens: HashMap<TokenId, Blob>,
    /// Most recently used first.
    resident: LruCache<TokenId, Resident>,
    next: u64,
    counters: CacheCounters,
}

/// Wrapped keys of one domain and wrapping key. Clones are the same cache; any thread may use it.
#[derive(Clone)]
pub struct KeyCache(Arc<Mutex<State>>);

/// A key in use: it keeps its slot until this is dropped.
pub struct Pinned {
    cache: KeyCache,
    id: TokenId,
    handle: KeyHandle,
}

impl Pinned {
    /// Its handle, for any queue of the domain, good while this lives.
    pub fn handle(&self) -> KeyHandle {
        self.handle
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        self.cache.lock().unpin(self.id, self.handle);
    }
}

impl KeyCache {
    /// Over `keys`, for tokens wrapped under `under`, in up to `capacity` slots; fewer if the device runs out.
    pub fn new(keys: Keys, under: KeyHandle, capacity: usize) -> Result<Self> {
        if capacity == 0 {
            return Err(Error::Invalid("a cache of no slots: give it one or more".into()));
        }
        Ok(Self(Arc::new(Mutex::new(State {
            keys,
            under,
            capacity,
            tokens: HashMap::new(),
            resident: LruCache::unbounded(),
            next: 0,
            counters: CacheCounters::default(),
        }))))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Takes a token in; it is first unwrapped when it is used.
    pub fn insert(&self, token: Blob) -> TokenId {
        let mut s = self.lock();
        let id = TokenId(s.next);
        s.next += 1;
        s.tokens.insert(id, token);
        id
    }

    /// The key of a token, in a slot. An error names why it cannot be unwrapped, or that every slot is in use.
    pub fn get(&self, id: TokenId) -> Result<Pinned> {
        let handle = self.lock().pin(id)?;
        Ok(Pinned {
            cache: self.clone(),
            id,
            handle,
        })
    }

    /// The token as it is now: a key that has sealed or signed is wrapped again when it leaves its slot, with its count. Store this.
    pub fn token(&self, id: TokenId) -> Option<Blob> {
        self.lock().tokens.get(&id).cloned()
    }

    /// Forgets a token. Its key is destroyed; if it is in use, when it is so no more.
    pub fn remove(&self, id: TokenId) -> Result<Option<Blob>> {
        let mut s = self.lock();
        let blob = s.tokens.remove(&id);
        match s.resident.peek_mut(&id) {
            Some(r) if r.pins > 0 => r.doomed = true,
            Some(r) => {
                let handle = r.handle;
                s.resident.pop(&id);
                s.keys.destroy(handle)?;
            }
            None => {}
        }
        Ok(blob)
    }

    /// After a reset of the device: no key is in a slot any more, and the wrapping key is this one.
    pub fn renew(&self, under: KeyHandle) -> Result<()> {
        let mut s = self.lock();
        s.resident.clear();
        s.under = under;
        s.keys.queue().reset(&mut Vec::new())
    }

    /// Tokens.
    pub fn len(&self) -> usize {
        self.lock().tokens.len()
    }

    /// No tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys in slots, the least recently used first.
    pub fn resident(&self) -> Vec<TokenId> {
        self.lock().resident.iter().rev().map(|(id, _)| *id).collect()
    }

    /// What it has done.
    pub fn counters(&self) -> CacheCounters {
        self.lock().counters
    }
}

/// Whether a key's uses count: seals, and signatures of a private key.
fn counts(key: &KeyInfo) -> bool {
    let signs = Curve::of(key.kind).is_some() && key.usage.contains(Usage::SIGN);
    signs || key.usage.contains(Usage::ENCRYPT)
}

impl State {
    fn pin(&mut self, id: TokenId) -> Result<KeyHandle> {
        if let Some(r) = self.resident.get_mut(&id).filter(|r| !r.doomed) {
            r.pins += 1;
            self.counters.hits += 1;
            return Ok(r.handle);
        }
        let unknown = || Error::Invalid("a token that is not in this cache".into());
        let blob = self.tokens.get(&id).cloned().ok_or_else(unknown)?;
        if self.resident.len() >= self.capacity {
            self.evict()?;
        }
        let handle = loop {
            match self.keys.unwrap(&blob, self.under, Usage::ALL) {
                // Others have taken slots: be content with fewer.
                Err(Error::NoSlot(_)) if !self.resident.is_empty() => self.evict()?,
                done => break done?,
            }
        };
        self.counters.misses += 1;
        self.resident.put(
            id,
            Resident {
                handle,
                pins: 1,
                doomed: false,
                counts: counts(&blob.claims()?),
            },
        );
        Ok(handle)
    }

    fn unpin(&mut self, id: TokenId, handle: KeyHandle) {
        // After a reset another key may be there.
        let Some(r) = self.resident.peek_mut(&id).filter(|r| r.handle == handle) else {
            return;
        };
        r.pins -= 1;
        if r.pins == 0 && r.doomed {
            self.resident.pop(&id);
            // Refused only if the device was reset, and the key is gone.
            let _ = self.keys.destroy(handle);
        }
    }

    /// Destroys the key that was not used for longest.
    fn evict(&mut self) -> Result<()> {
        let idle = self.resident.iter().rev().find(|(_, r)| r.pins == 0);
        let Some((id, counts, handle)) = idle.map(|(id, r)| (*id, r.counts, r.handle)) else {
            return Err(Error::AllPinned(self.resident.len()));
        };
        // The count of uses must outlive the slot.
        let old = self.tokens.get(&id).map(Blob::claims).transpose()?;
        if counts && old.is_some_and(|old| Some(old.used) != self.keys.query(handle).ok().map(|k| k.used)) {
            match self.keys.wrap(handle, self.under) {
                Ok(blob) => _ = self.tokens.insert(id, blob),
                // A wrapping key that only unwraps: the count stays as the token has it.
                Err(Error::Request {
                    status: Status::SlotUsage,
                    ..
                }) => {}
                Err(e) => return Err(e),
            }
        }
        self.keys.destroy(handle)?;
        self.resident.pop(&id);
        self.counters.evictions += 1;
        Ok(())
    }
}

/// The keys in slots go with the cache.
impl Drop for State {
    fn drop(&mut self) {
        while let Some((_, r)) = self.resident.pop_lru() {
            let _ = self.keys.destroy(r.handle);
        }
    }
}
