// SPDX-License-Identifier: Apache-2.0
//! Who may do what: officer and users; and the file of a root secret.

mod common;

use casemate::{Device, Error, Hash, KeyAttributes, KeyType, Status, Usage};
use common::KEY_DEVICES;

fn refused<T: std::fmt::Debug>(what: &str, result: casemate::Result<T>, status: Status) {
    match result {
        Err(Error::Request {
            status: s,
            page: None,
        }) => assert_eq!(s, status, "{what}"),
        other => panic!("{what}: {other:?}, not {status:?}"),
    }
}

#[test]
fn roles() {
    for uri in KEY_DEVICES {
        let device = common::open(uri);
        let officer = device.officer().unwrap();
        assert!(matches!(device.officer(), Err(Error::OfficerTaken)));
        let s = officer.status().unwrap();
        assert!(s.ready && !s.sealed && !s.tamper && !s.queue_error);
        let mut one = officer.keys(1).unwrap();
        let mut two = officer.keys(2).unwrap();
        let a = KeyAttributes::secret(32, Usage::SIGN);
        let key = one.generate(&a).unwrap();
        refused(uri, two.query(key), Status::SlotDomain);
        refused(uri, two.destroy(key), Status::SlotDomain);
        refused(uri, two.lock(key, Usage::NONE, 0), Status::SlotDomain);
        let free = two.free_slots();
        refused(uri, two.hkdf(key, Hash::Sha256, b"", b"", &a), Status::SlotDomain);
        assert_eq!(two.free_slots(), free, "{uri}");
        // Slots that were filled behind the driver's back, in this domain and another, are passed over.
        for (q, slot) in [(one.queue(), 1), (two.queue(), 2)] {
            let s = common::keys::make(casemate::abi::Opcode::KeyGenerate, slot, KeyType::Aes128, 1, 0);
            common::keys::made(q, s);
        }
        let three = one.hkdf(key, Hash::Sha256, b"", b"", &a);
        refused(uri, three, Status::SlotUsage);
        assert_eq!(two.generate(&a).unwrap().slot(), 3, "{uri}");
        one.lock(key, Usage::NONE, 0).unwrap();
        refused(uri, one.mac(key, Hash::Sha256, 32, b""), Status::SlotUsage);
        officer.destroy(key).unwrap();
        officer.seal().unwrap();
        assert!(officer.status().unwrap().sealed);
        refused(uri, officer.load(&[1; 32], &a, 1), Status::Sealed);
        officer.root_key(1, 1, Usage::WRAP).unwrap();
        drop(officer);
        device.officer().unwrap();
        // What the driver refuses before the device would.
        let secret = one
            .generate(&KeyAttributes::secret(32, Usage::DERIVE | Usage::SIGN))
            .unwrap();
        for (e, says) in [
            (one.mac(secret, Hash::Sha256, 33, b"").map(drop), "4 to 32"),
            (one.mac(secret, Hash::Sha512, 3, b"").map(drop), "4 to 64"),
            (
                one.hkdf(secret, Hash::Sha256, &[0; 65], b"", &a).map(drop),
                "salt of up to 64",
            ),
        ] {
            assert!(e.unwrap_err().to_string().contains(says));
        }
    }
}

#[test]
fn root_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root");
    let uri = format!("soft:?slots=16&root={}", path.display());
    let device = common::open(&uri);
    assert_eq!(device.capabilities().slots, 16);
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.len() == 65 && text.ends_with('\n'));
    common::open(&uri);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "made once");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let fails = |says: &str| {
        let e = Device::open(&uri).err().unwrap().to_string();
        assert!(e.contains(says), "{e}");
        assert!(!e.contains(&text[..8]), "{e}");
    };
    for m in [0o640, 0o604, 0o660, 0o601] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(m)).unwrap();
        fails("chmod 600");
    }
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    for bad in [
        "",
        "00",
        &text[1..],
        &(text.clone() + "0"),
        &text.replace(&text[..1], "g"),
    ] {
        std::fs::write(&path, bad).unwrap();
        fails("64 hexadecimal digits");
    }
    std::fs::write(&path, text.trim().to_uppercase()).unwrap();
    common::open(&uri);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    fails("is not a file");
    let nowhere = format!("soft:?root={}", dir.path().join("no/root").display());
    let e = Device::open(&nowhere).err().unwrap().to_string();
    assert!(e.contains("cannot make the root secret"), "{e}");
}
