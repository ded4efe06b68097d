// SPDX-License-Identifier: Apache-2.0
//! Thousands of wrapped keys over few slots.

mod common;

use casemate::{
    Blob, Curve, Data, Error, Hash, KeyAttributes, KeyCache, KeyHandle, Keys, Officer, Queue, Request,
    TokenId, Usage,
};
use common::{EC_DEVICES, KEY_DEVICES, LONG};

struct Bench {
    officer: Officer,
    root: KeyHandle,
}

impl Bench {
    fn new(uri: &str) -> Self {
        let officer = common::open(uri).officer().unwrap();
        let root = officer.root_key(1, 1, Usage::WRAP | Usage::UNWRAP).unwrap();
        Self { officer, root }
    }

    fn keys(&self) -> Keys {
        self.officer.keys(1).unwrap()
    }

    /// A cache with `n` tokens of secrets, and a MAC of each.
    fn secrets(&self, n: usize, slots: usize) -> (KeyCache, Vec<(TokenId, Vec<u8>)>) {
        let mut keys = self.keys();
        let cache = KeyCache::new(self.keys(), self.root, slots).unwrap();
        let attributes = KeyAttributes::secret(32, Usage::SIGN | Usage::EXPORT_WRAPPED);
        let tokens = (0..n).map(|_| {
            let key = keys.generate(&attributes).unwrap();
            let mac = keys.mac(key, Hash::Sha256, 16, b"who").unwrap();
            let blob = keys.wrap(key, self.root).unwrap();
            keys.destroy(key).unwrap();
            (cache.insert(blob), mac)
        });
        let tokens = tokens.collect();
        (cache, tokens)
    }
}

fn mac(keys: &mut Keys, key: KeyHandle) -> Vec<u8> {
    keys.mac(key, Hash::Sha256, 16, b"who").unwrap()
}

#[test]
fn thousands_over_few_slots() {
    for uri in KEY_DEVICES {
        let b = Bench::new(uri);
        let n = if *uri == "soft:" { 3000 } else { 100 };
        let (cache, tokens) = b.secrets(n, 8);
        let mut keys = b.keys();
        assert_eq!((cache.len(), keys.free_slots()), (n, 63));
        for round in 0..3 {
            for i in 0..n {
                let (id, expected) = &tokens[i * 7919 % n];
                let key = cache.get(*id).unwrap();
                assert_eq!(&mac(&mut keys, key.handle()), expected, "{uri}: round {round}");
            }
        }
        assert_eq!(keys.free_slots(), 55, "{uri}: its slots and the root's");
        let c = cache.counters();
        assert_eq!(
            (c.hits, c.misses, c.evictions),
            (0, 3 * n as u64, 3 * n as u64 - 8)
        );
        drop(cache);
        assert_eq!(keys.free_slots(), 63, "{uri}: the keys go with the cache");
    }
}

#[test]
fn the_least_recently_used_goes_first() {
    for uri in KEY_DEVICES {
        let b = Bench::new(uri);
        let (cache, t) = b.secrets(6, 4);
        let id = |i: usize| t[i].0;
        for i in 0..4 {
            cache.get(id(i)).unwrap();
        }
        assert_eq!(cache.resident(), [id(0), id(1), id(2), id(3)]);
        cache.get(id(0)).unwrap();
        assert_eq!(cache.resident(), [id(1), id(2), id(3), id(0)]);
        cache.get(id(4)).unwrap();
        assert_eq!(cache.resident(), [id(2), id(3), id(0), id(4)]);
        // What is in use stays, however old.
        let two = cache.get(id(2)).unwrap();
        let three = cache.get(id(3)).unwrap();
        cache.get(id(0)).unwrap();
        cache.get(id(4)).unwrap();
        cache.get(id(5)).unwrap();
        cache.get(id(1)).unwrap();
        assert_eq!(cache.resident(), [id(2), id(3), id(5), id(1)]);
        let others = [cache.get(id(5)).unwrap(), cache.get(id(1)).unwrap()];
        let e = cache.get(id(0)).err().unwrap();
        assert!(matches!(e, Error::AllPinned(4)), "{e}");
        let twice = cache.get(id(2)).unwrap();
        assert_eq!(twice.handle(), two.handle());
        drop(twice);
        assert!(cache.get(id(0)).is_err(), "{uri}: still used once");
        let mut keys = b.keys();
        for (i, p) in [(2, &two), (3, &three)] {
            assert_eq!(mac(&mut keys, p.handle()), t[i].1);
        }
        drop(two);
        cache.get(id(0)).unwrap();
        assert_eq!(cache.resident(), [id(3), id(5), id(1), id(0)]);
        drop(others);
    }
}

#[test]
fn removed_and_unknown_tokens() {
    for uri in KEY_DEVICES {
        let b = Bench::new(uri);
        let (cache, t) = b.secrets(3, 3);
        let mut keys = b.keys();
        let used = cache.get(t[0].0).unwrap();
        cache.get(t[1].0).unwrap();
        let free = keys.free_slots();
        assert!(cache.remove(t[0].0).unwrap().is_some());
        assert!(cache.remove(t[1].0).unwrap().is_some());
        assert!(cache.remove(t[2].0).unwrap().is_some());
        assert!(cache.remove(t[2].0).unwrap().is_none());
        assert_eq!(keys.free_slots(), free + 1, "{uri}: one is still in use");
        assert_eq!(mac(&mut keys, used.handle()), t[0].1);
        assert!(cache.get(t[0].0).is_err());
        let handle = used.handle();
        drop(used);
        assert_eq!(keys.free_slots(), free + 2);
        assert!(keys.mac(handle, Hash::Sha256, 16, b"who").is_err());
        assert!(cache.is_empty() && cache.resident().is_empty());
        // One that is not authentic takes no slot.
        let bad = cache.insert(Blob::new([7; 128]));
        assert!(cache.get(bad).is_err());
        assert_eq!(keys.free_slots(), free + 2, "{uri}");
        assert!(KeyCache::new(b.keys(), b.root, 0).is_err());
    }
}

/// Others take slots too: the cache is content with those it gets.
#[test]
fn a_device_that_runs_out_of_slots() {
    for uri in KEY_DEVICES {
        let b = Bench::new(uri);
        let (cache, t) = b.secrets(8, 60);
        let mut keys = b.keys();
        let attributes = KeyAttributes::secret(32, Usage::SIGN);
        while keys.free_slots() > 2 {
            keys.generate(&attributes).unwrap();
        }
        for (id, expected) in &t {
            let key = cache.get(*id).unwrap();
            assert_eq!(&mac(&mut keys, key.handle()), expected, "{uri}");
        }
        assert_eq!(cache.resident().len(), 2);
    }
}

fn seal(q: &mut Queue, device: &casemate::Device, key: KeyHandle) -> casemate::Result<Data> {
    let b = device.buffer(48, 0).unwrap();
    let done = q.run(Request::seal(key, &[1; 12], b), &mut Vec::new(), LONG)?;
    Ok(done.ok()?.src.unwrap())
}

/// A limit of seals holds however often its key leaves and comes back.
#[test]
fn counts_outlive_slots() {
    for uri in KEY_DEVICES {
        let b = Bench::new(uri);
        let (cache, t) = b.secrets(1, 1);
        let mut keys = b.keys();
        let attributes = KeyAttributes::aes256(Usage::ENCRYPT | Usage::EXPORT_WRAPPED).limit(5);
        let key = keys.generate(&attributes).unwrap();
        let id = cache.insert(keys.wrap(key, b.root).unwrap());
        keys.destroy(key).unwrap();
        for used in 0..5 {
            assert_eq!(cache.token(id).unwrap().claims().unwrap().used, used, "{uri}");
            let key = cache.get(id).unwrap();
            seal(keys.queue(), b.officer.device(), key.handle()).unwrap();
            drop(key);
            cache.get(t[0].0).unwrap();
        }
        let key = cache.get(id).unwrap();
        let e = seal(keys.queue(), b.officer.device(), key.handle()).unwrap_err();
        assert!(e.to_string().contains("Exhausted"), "{uri}: {e}");
    }
}

#[test]
fn signatures_count_too() {
    for uri in EC_DEVICES {
        let b = Bench::new(uri);
        let (cache, t) = b.secrets(1, 1);
        let mut keys = b.keys();
        let usage = Usage::SIGN | Usage::EXPORT_WRAPPED;
        let attributes = KeyAttributes::private(Curve::P256, usage).limit(3);
        let (key, public) = keys.generate_pair(&attributes).unwrap();
        let id = cache.insert(keys.wrap(key, b.root).unwrap());
        keys.destroy(key).unwrap();
        for used in 0..3 {
            assert_eq!(cache.token(id).unwrap().claims().unwrap().used, used, "{uri}");
            let key = cache.get(id).unwrap();
            let s = keys.sign(key.handle(), Hash::Sha256, &[1; 32]).unwrap();
            keys.verify(&public, &[1; 32], &s).unwrap();
            drop(key);
            cache.get(t[0].0).unwrap();
        }
        let key = cache.get(id).unwrap();
        let e = keys.sign(key.handle(), Hash::Sha256, &[1; 32]).unwrap_err();
        assert!(e.to_string().contains("Exhausted"), "{uri}: {e}");
    }
}

#[test]
fn after_a_reset() {
    for uri in KEY_DEVICES {
        let b = Bench::new(uri);
        let (cache, t) = b.secrets(4, 2);
        let mut keys = b.keys();
        let old = cache.get(t[0].0).unwrap();
        b.officer.device().reset().unwrap();
        assert!(cache.get(t[1].0).is_err());
        keys.queue().reset(&mut Vec::new()).unwrap();
        assert!(matches!(
            keys.mac(old.handle(), Hash::Sha256, 16, b"who"),
            Err(Error::StaleKey(_))
        ));
        let root = b.officer.root_key(1, 1, Usage::WRAP | Usage::UNWRAP).unwrap();
        cache.renew(root).unwrap();
        for (id, expected) in &t {
            let key = cache.get(*id).unwrap();
            assert_eq!(&mac(&mut keys, key.handle()), expected, "{uri}");
        }
        // A handle from before the reset lets go of nothing.
        let new = cache.get(t[0].0).unwrap();
        drop(old);
        assert_eq!(mac(&mut keys, new.handle()), t[0].1);
    }
}

#[test]
fn from_many_threads() {
    for uri in KEY_DEVICES {
        let b = Bench::new(uri);
        let (cache, t) = b.secrets(40, 6);
        std::thread::scope(|s| {
            for n in 0..3 {
                let (cache, t, mut keys) = (cache.clone(), &t, b.keys());
                s.spawn(move || {
                    for i in 0..120 {
                        let (id, expected) = &t[(i * (n + 3) + n) % t.len()];
                        let key = cache.get(*id).unwrap();
                        assert_eq!(&mac(&mut keys, key.handle()), expected);
                    }
                });
            }
        });
    }
}
