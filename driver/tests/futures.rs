// SPDX-License-Identifier: Apache-2.0
//! Completions as futures (feature `tokio`): several queues on one thread, time-outs, a wait that is given up.

mod common;

use casemate::{Curve, Data, EcRequest, Error, Hash, KeyAttributes, KeyUse, Keys, Request, Usage};
use common::{DEVICES, EC_DEVICES, LONG, open, queue, reference, sim};
use std::time::Duration;

#[tokio::test]
async fn queues_side_by_side() {
    for uri in DEVICES {
        let device = open(uri);
        let key = device.load_key(&[1; 32], 0, KeyUse::BOTH).unwrap();
        let work = |n: u8| {
            let device = device.clone();
            let mut q = queue(&device, 0, 8);
            async move {
                for i in 0..10u8 {
                    let mut b = device.buffer(116, 0).unwrap();
                    b[..100].fill(i);
                    let iv = [n, i, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                    assert_eq!(q.submit([Request::seal(key, &iv, b)]).unwrap().accepted, 1);
                    let mut out = Vec::new();
                    q.wait_async(&mut out, LONG).await.unwrap();
                    let Some(Data::Flat(b)) = out.remove(0).ok().unwrap().src else {
                        panic!("no buffer")
                    };
                    assert_eq!(b[..], reference(&[1; 32], &iv, b"", &[i; 100])[..]);
                }
                n
            }
        };
        assert_eq!(tokio::join!(work(1), work(2), work(3)), (1, 2, 3));
    }
}

#[tokio::test]
async fn signatures_beside_each_other() {
    for uri in EC_DEVICES {
        let device = open(uri);
        let work = |c: Curve, n: u8| {
            let mut keys = Keys::over(queue(&device, n, 8));
            async move {
                let pair = keys.generate_pair(&KeyAttributes::private(c, Usage::SIGN));
                let (key, public) = pair.unwrap();
                let mut q = keys.into_queue();
                for i in 0..5u8 {
                    let r = EcRequest::sign(key, Hash::Sha384, &[i; 48]);
                    assert_eq!(q.submit([r.user(i.into())]).unwrap().accepted, 1);
                    let mut out = Vec::new();
                    q.wait_async(&mut out, LONG).await.unwrap();
                    let s = out.remove(0).signature().unwrap();
                    let r = EcRequest::verify(&public, &[i; 48], &s);
                    assert_eq!(q.submit([r]).unwrap().accepted, 1);
                    q.wait_async(&mut out, LONG).await.unwrap();
                    out.remove(0).ok().unwrap();
                }
                n
            }
        };
        assert_eq!(tokio::join!(work(Curve::P256, 1), work(Curve::P384, 2)), (1, 2));
    }
}

#[tokio::test]
async fn time_outs_and_waits_given_up() {
    let device = open("sim:?latency=100000");
    let key = device.load_key(&[1; 32], 0, KeyUse::BOTH).unwrap();
    let mut q = queue(&device, 0, 8);
    let b = device.buffer(32, 0).unwrap();
    assert_eq!(q.submit([Request::seal(key, &[1; 12], b)]).unwrap().accepted, 1);
    let mut out = Vec::new();
    let e = q
        .wait_async(&mut out, Duration::from_millis(2))
        .await
        .unwrap_err();
    assert!(matches!(e, Error::Timeout { in_flight: 1, .. }), "{e}");
    // Given up from outside: nothing is lost by it.
    let given_up = tokio::time::timeout(Duration::from_millis(1), q.wait_async(&mut out, LONG)).await;
    assert!(given_up.is_err());
    sim(&device, |d| d.timing().read_latency = 10);
    q.wait_async(&mut out, LONG).await.unwrap();
    assert_eq!(out.len(), 1);
}
