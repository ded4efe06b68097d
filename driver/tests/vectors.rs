// SPDX-License-Identifier: Apache-2.0
//! Every public AES-GCM vector through rings, guard, slots and DMA.

mod common;

use casemate::{Data, Error, KeyUse, Request};
use casemate_testvectors::{AeadVector, acvp_aes_gcm, wycheproof_aes_gcm};
use common::{DEVICES, LONG};

fn flat(d: Option<Data>) -> Vec<u8> {
    match d {
        Some(Data::Flat(b)) => b.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn run(uri: &str, all: &[AeadVector], expect_run: usize) {
    let device = common::open(uri);
    let mut q = common::queue(&device, 0, 8);
    let mut others = Vec::new();
    let mut ran = 0;
    for v in all {
        let id = format!("{uri} {}", v.id);
        let key = device.load_key(&v.key, 0, KeyUse::BOTH).unwrap();
        let tag_len = v.tag.len();
        let sealed = [&v.ciphertext[..], &v.tag].concat();
        let mut b = device.buffer(sealed.len(), 0).unwrap();
        b.copy_from_slice(&sealed);
        let open = Request::open(key, &v.iv, b).aad(&v.aad).tag_len(tag_len);
        if v.iv.is_empty() {
            // SP 800-38D, 5.2.1.1: an IV has at least one bit.
            let e = q.run(open, &mut others, LONG).unwrap_err();
            assert!(e.to_string().contains("IV of 0 bytes"), "{id}: {e}");
            device.destroy_key(key).unwrap();
            continue;
        }
        match q.run(open, &mut others, LONG).unwrap().ok() {
            Ok(done) => {
                assert!(v.valid, "{id}: accepted");
                assert_eq!(flat(done.src)[..v.plaintext.len()], v.plaintext[..], "{id}");
            }
            Err(Error::NotAuthentic) => assert!(!v.valid, "{id}: refused"),
            Err(e) => panic!("{id}: {e}"),
        }
        if v.valid {
            // Out of place, the AAD in a buffer of its own.
            let mut src = device.buffer(v.plaintext.len(), 0).unwrap();
            src.copy_from_slice(&v.plaintext);
            let mut aad = device.buffer(v.aad.len(), 0).unwrap();
            aad.copy_from_slice(&v.aad);
            let dst = device.buffer(sealed.len(), 0).unwrap();
            let seal = Request::seal(key, &v.iv, src)
                .to(dst)
                .aad_in(aad)
                .tag_len(tag_len);
            let done = q.run(seal, &mut others, LONG).unwrap().ok().unwrap();
            assert_eq!(flat(done.dst), sealed, "{id}");
        }
        device.destroy_key(key).unwrap();
        ran += 1;
    }
    assert_eq!(ran, expect_run, "{uri}: vectors run");
}

#[test]
fn wycheproof() {
    DEVICES
        .iter()
        .for_each(|uri| run(uri, &wycheproof_aes_gcm(), 310));
}

#[test]
fn acvp() {
    DEVICES.iter().for_each(|uri| run(uri, &acvp_aes_gcm(), 120));
}
