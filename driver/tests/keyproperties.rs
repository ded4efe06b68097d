// SPDX-License-Identifier: Apache-2.0
//! Whatever is done with a key, its rights only shrink.

mod common;

use casemate::{
    Error, Hash, IvPolicy, KeyAttributes, KeyHandle, KeyInfo, KeyType, Keys, Officer, Origin, Status, Usage,
};
use common::KEY_DEVICES;
use proptest::prelude::*;
use std::sync::Mutex;

#[derive(Debug, Clone)]
enum Step {
    Lock { keep: u16, limit: u32 },
    Rewrap { keep: u16 },
    Hkdf { kind: usize, usage: u16 },
    Kbkdf { kind: usize, usage: u16 },
    Kwp { kind: usize, usage: u16 },
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly most of the bits, so that something is left to go on with.
    let mask = || prop_oneof![3 => Just(0x7ff), 2 => any::<u16>().prop_map(|m| m | 0x90), 1 => any::<u16>()];
    let kind = || 0..KeyType::ALL.len();
    let usage = || prop_oneof![0u16..0x800, Just(0x190), Just(0x090)];
    prop_oneof![
        (mask(), prop_oneof![Just(0u32), 1..100u32]).prop_map(|(keep, limit)| Step::Lock { keep, limit }),
        mask().prop_map(|keep| Step::Rewrap { keep }),
        (kind(), usage()).prop_map(|(kind, usage)| Step::Hkdf { kind, usage }),
        (kind(), usage()).prop_map(|(kind, usage)| Step::Kbkdf { kind, usage }),
        (kind(), usage()).prop_map(|(kind, usage)| Step::Kwp { kind, usage }),
    ]
}

struct World {
    keys: Keys,
    root: KeyHandle,
    kwp: KeyHandle,
    /// The RTL gets an eighth of the programs.
    quick: bool,
    _officer: Officer,
}

impl World {
    fn new(uri: &str) -> Self {
        let officer = common::open(uri).officer().unwrap();
        let root = officer.root_key(1, 1, Usage::WRAP | Usage::UNWRAP).unwrap();
        let mut keys = officer.keys(1).unwrap();
        let kwp = KeyAttributes::wrapping(Usage::WRAP | Usage::UNWRAP | Usage::KWP);
        let kwp = keys.generate(&kwp).unwrap();
        Self {
            keys,
            root,
            kwp,
            quick: uri.starts_with("soft:"),
            _officer: officer,
        }
    }

    /// The key that the step gives in place of this one; None if it is refused.
    fn take(&mut self, key: KeyHandle, step: &Step) -> Result<KeyHandle, Error> {
        let attributes =
            |kind: usize, usage: u16| KeyAttributes::new(KeyType::ALL[kind], Usage::from_bits(usage));
        match *step {
            Step::Lock { keep, limit } => {
                self.keys.lock(key, Usage::from_bits(keep), limit)?;
                Ok(key)
            }
            Step::Rewrap { keep } => {
                let blob = self.keys.wrap(key, self.root)?;
                self.keys.unwrap(&blob, self.root, Usage::from_bits(keep))
            }
            Step::Hkdf { kind, usage } => {
                self.keys
                    .hkdf(key, Hash::Sha384, b"salt", b"info", &attributes(kind, usage))
            }
            Step::Kbkdf { kind, usage } => {
                self.keys
                    .kbkdf(key, Hash::Sha512, b"fixed", &attributes(kind, usage))
            }
            Step::Kwp { kind, usage } => {
                let wrapped = self.keys.kwp_wrap(key, self.kwp)?;
                self.keys.kwp_unwrap(&wrapped, self.kwp, &attributes(kind, usage))
            }
        }
    }
}

fn leaves() -> Usage {
    Usage::EXPORT_WRAPPED | Usage::KWP
}

fn shrinks(before: &KeyInfo, after: &KeyInfo, step: &Step) -> Result<(), TestCaseError> {
    prop_assert_eq!(before.domain, after.domain);
    match step {
        Step::Lock { keep, limit } => {
            prop_assert_eq!(after.usage, before.usage & Usage::from_bits(*keep));
            let lower = if *limit == 0 { u32::MAX } else { *limit };
            prop_assert_eq!(after.limit, before.limit.min(lower));
            prop_assert_eq!((after.kind, after.policy), (before.kind, before.policy));
            prop_assert_eq!(after.origin, before.origin);
        }
        Step::Rewrap { keep } => {
            prop_assert!(before.usage.contains(Usage::EXPORT_WRAPPED));
            prop_assert_eq!(after.usage, before.usage & Usage::from_bits(*keep));
            prop_assert_eq!((after.limit, after.used), (before.limit, before.used));
            prop_assert_eq!((after.kind, after.len), (before.kind, before.len));
            prop_assert_eq!((after.policy, after.label), (before.policy, before.label));
            let known = before.origin == Origin::Foreign;
            prop_assert_eq!(
                after.origin,
                if known { Origin::Foreign } else { Origin::Unwrapped }
            );
        }
        Step::Hkdf { .. } | Step::Kbkdf { .. } => {
            prop_assert!(before.usage.contains(Usage::DERIVE) && before.kind == KeyType::Secret);
            prop_assert!(before.usage.contains(after.usage & leaves()));
            prop_assert_eq!(after.origin, Origin::Derived);
            prop_assert_eq!(after.policy, IvPolicy::Host);
        }
        Step::Kwp { .. } => {
            prop_assert!(before.usage.contains(Usage::KWP));
            prop_assert_eq!(after.len, before.len);
            prop_assert_eq!(after.origin, Origin::Foreign);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn rights_only_shrink(steps in proptest::collection::vec(step(), 1..12), usage in 0u16..0x200, secret in any::<bool>(), salt in any::<u8>()) {
        static WORLDS: Mutex<Vec<World>> = Mutex::new(Vec::new());
        let mut worlds = WORLDS.lock().unwrap_or_else(|e| e.into_inner());
        if worlds.is_empty() {
            worlds.extend(KEY_DEVICES.iter().map(|uri| World::new(uri)));
        }
        for w in worlds.iter_mut().filter(|w| w.quick || salt < 32) {
            let can = if secret { 0x19c } else { 0x183 };
            let kind = if secret { KeyType::Secret } else { KeyType::Aes192 };
            let bits = Usage::from_bits(usage & can | 0x80);
            let mut key = w.keys.generate(&KeyAttributes::new(kind, bits).label(*b"label,label,")).unwrap();
            for step in &steps {
                let before = w.keys.query(key).unwrap();
                match w.take(key, step) {
                    Ok(next) => {
                        let after = w.keys.query(next).unwrap();
                        shrinks(&before, &after, step)?;
                        if next != key {
                            // The old one is as it was.
                            prop_assert_eq!(w.keys.query(key).unwrap(), before);
                            w.keys.destroy(key).unwrap();
                        }
                        key = next;
                    }
                    Err(Error::Request { status, .. }) => {
                        prop_assert!(matches!(status, Status::SlotUsage | Status::BadUsage | Status::BadBlob | Status::BadKeyType), "{:?}", status);
                        prop_assert_eq!(w.keys.query(key).unwrap(), before);
                    }
                    Err(e) => panic!("{e}"),
                }
            }
            w.keys.destroy(key).unwrap();
            prop_assert_eq!(w.keys.free_slots(), 62);
        }
    }
}
