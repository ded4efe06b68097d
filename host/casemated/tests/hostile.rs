// SPDX-License-Identifier: Apache-2.0
//! Requests that were mutated on the way: never a 5xx, a panic or a hang, and the service still does its work.

#[path = "common/client.rs"]
mod client;
mod common;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use client::{Client, Credentials};
use common::Server;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// In all.
const REQUESTS: usize = 10_000;
/// Each with a connection and a part of them.
const THREADS: u64 = 8;

fn credentials(server: &Server) -> Credentials {
    Credentials {
        key: server.export("AWS_ACCESS_KEY_ID").into(),
        secret: server.export("AWS_SECRET_ACCESS_KEY").into(),
        region: server.export("AWS_REGION").into(),
    }
}

fn ask(client: &mut Client, operation: &str, body: &Value) -> Value {
    let (status, answer) = client.call(operation, body.to_string().as_bytes()).unwrap();
    assert_eq!(status, 200, "{operation}: {}", String::from_utf8_lossy(&answer));
    serde_json::from_slice(&answer).unwrap()
}

/// Good requests, to be mutated.
fn requests(client: &mut Client) -> Vec<(&'static str, Value)> {
    let mut key = |body: Value| ask(client, "CreateKey", &body)["KeyMetadata"]["KeyId"].clone();
    let k = key(json!({}));
    let pair = key(json!({"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}));
    let agrees = key(json!({"KeySpec": "ECC_NIST_P384", "KeyUsage": "KEY_AGREEMENT"}));
    let mac = key(json!({"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}));
    let sealed = ask(
        client,
        "Encrypt",
        &json!({"KeyId": k, "Plaintext": "aGVsbG8=", "EncryptionContext": {"a": "b"}}),
    )["CiphertextBlob"]
        .clone();
    let public = ask(client, "GetPublicKey", &json!({"KeyId": agrees}))["PublicKey"].clone();
    let tag = ask(
        client,
        "GenerateMac",
        &json!({"KeyId": mac, "Message": "bQ==", "MacAlgorithm": "HMAC_SHA_256"}),
    );
    let policy = ask(client, "GetKeyPolicy", &json!({"KeyId": k}))["Policy"].clone();
    vec![
        (
            "Decrypt",
            json!({"CiphertextBlob": sealed, "EncryptionContext": {"a": "b"}}),
        ),
        (
            "Decrypt",
            json!({"CiphertextBlob": sealed, "EncryptionContext": {"a": "b"}, "KeyId": k}),
        ),
        (
            "ReEncrypt",
            json!({"CiphertextBlob": sealed, "SourceEncryptionContext": {"a": "b"}, "DestinationKeyId": k}),
        ),
        (
            "Encrypt",
            json!({"KeyId": k, "Plaintext": "aGVsbG8=", "GrantTokens": ["x"]}),
        ),
        (
            "CreateKey",
            json!({"Tags": [{"TagKey": "k", "TagValue": "v"}], "Description": "d", "Policy": policy}),
        ),
        ("DescribeKey", json!({"KeyId": k})),
        ("ListKeys", json!({"Limit": 3, "Marker": "YQ"})),
        (
            "ListKeyRotations",
            json!({"KeyId": k, "Limit": 3, "Marker": "MQ"}),
        ),
        ("PutKeyPolicy", json!({"KeyId": k, "Policy": policy})),
        (
            "CreateGrant",
            json!({"KeyId": k, "GranteePrincipal": "arn:aws:iam::000000000000:user/x", "Operations": ["Decrypt"],
            "Constraints": {"EncryptionContextSubset": {"a": "b"}}}),
        ),
        ("RetireGrant", json!({"GrantToken": "Y2FzZW1hdGUtZ3JhbnQtMTp4"})),
        (
            "DeriveSharedSecret",
            json!({"KeyId": agrees, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public}),
        ),
        (
            "VerifyMac",
            json!({"KeyId": mac, "Message": "bQ==", "Mac": tag["Mac"], "MacAlgorithm": "HMAC_SHA_256"}),
        ),
        (
            "Verify",
            json!({"KeyId": pair, "Message": "bQ==", "Signature": "MAYCAQECAQE=", "SigningAlgorithm": "ECDSA_SHA_256"}),
        ),
        ("CreateAlias", json!({"AliasName": "alias/x", "TargetKeyId": k})),
        ("GenerateRandom", json!({"NumberOfBytes": 8})),
        (
            "EnableKeyRotation",
            json!({"KeyId": k, "RotationPeriodInDays": 100}),
        ),
    ]
}

/// Bytes that are flipped, cut, doubled, put in.
fn bytes(r: &mut ChaCha8Rng, data: &mut Vec<u8>) {
    for _ in 0..r.random_range(1..4) {
        let at = r.random_range(0..=data.len());
        match r.random_range(0..5) {
            0 if at < data.len() => data[at] ^= 1 << r.random_range(0..8),
            1 => data.truncate(at),
            2 => data.insert(at, r.random()),
            3 => {
                let tail = data[at..].to_vec();
                data.extend(tail);
            }
            _ => {
                let put: &[u8] = [
                    &b"\xff\xfe"[..],
                    b"\0",
                    b"{",
                    b"\"",
                    b"\\u0000",
                    b"\\ud800",
                    b"1e999",
                    b"[[[[[[",
                ]
                .choose(r)
                .unwrap();
                data.splice(at..at, put.iter().copied());
            }
        }
    }
}

/// A member becomes something else.
fn member(r: &mut ChaCha8Rng, value: &mut Value) {
    let others = [
        Value::Null,
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{7f}\u{fffd}é"),
        json!([]),
        json!({}),
        json!(true),
        json!("A".repeat(9000)),
        json!([[[[[[[[[[[[]]]]]]]]]]]]),
        json!("arn:aws:kms:us-east-1:000000000000:key/"),
        json!("alias/"),
        json!("arn:aws:kms:::"),
        json!("mrk-"),
    ];
    let Some(members) = value.as_object_mut() else {
        return;
    };
    let names: Vec<String> = members.keys().cloned().collect();
    let Some(name) = names.choose(r) else { return };
    let old = members.get_mut(name).expect("its name");
    match r.random_range(0..4) {
        0 => *old = others.choose(r).unwrap().clone(),
        1 if old.is_object() => member(r, old),
        2 => _ = members.remove(name),
        // A blob, bit by bit; other texts too.
        _ => {
            if let Value::String(text) = old {
                let mut data = BASE64_STANDARD
                    .decode(&*text)
                    .unwrap_or_else(|_| text.clone().into_bytes());
                bytes(r, &mut data);
                *text = match r.random() {
                    true => BASE64_STANDARD.encode(data),
                    false => String::from_utf8_lossy(&data).into_owned(),
                };
            }
        }
    }
}

fn attack(
    address: &str,
    who: &Credentials,
    good: &[(&'static str, Value)],
    seed: u64,
    count: usize,
) -> usize {
    let mut r = ChaCha8Rng::seed_from_u64(seed);
    let mut client = Client::new(address, who.clone());
    let mut answered = 0;
    for _ in 0..count {
        let (operation, body) = good.choose(&mut r).unwrap();
        let mut body = body.clone();
        let request = match r.random_range(0..4) {
            // Signed as it is: it comes past the signature.
            0 | 1 => {
                member(&mut r, &mut body);
                client.request(operation, body.to_string().as_bytes())
            }
            2 => {
                let mut text = body.to_string().into_bytes();
                bytes(&mut r, &mut text);
                client.request(operation, &text)
            }
            // Anything of the request, after it was signed; the length stays, or the service waits for more, as it has to.
            _ => {
                let mut raw = client.request(operation, body.to_string().as_bytes());
                for _ in 0..r.random_range(1..6) {
                    let at = r.random_range(0..raw.len());
                    raw[at] = r.random();
                }
                raw
            }
        };
        let whole = request.windows(4).any(|w| w == b"\r\n\r\n");
        let lengths = String::from_utf8_lossy(&request).to_lowercase();
        // A request that says that more is to come gets no answer: half of it is closed instead.
        if !whole || !lengths.contains("content-length: ") {
            client.reconnect();
            continue;
        }
        match client.send(&request) {
            Ok((status, answer)) => {
                let shown = String::from_utf8_lossy(&request);
                assert!(
                    status < 500,
                    "{status} {} to seed {seed}: {shown}",
                    String::from_utf8_lossy(&answer)
                );
                answered += 1;
                if status != 200 && answer.is_empty() {
                    client.reconnect();
                }
            }
            // The service waits for the rest of it, or has closed: what no HTTP is has no answer.
            Err(_) => client.reconnect(),
        }
    }
    answered
}

#[test]
fn mutated_requests() {
    let server = Server::start("soft:", "timeout_seconds = 2\n");
    let who = credentials(&server);
    let mut client = Client::new(server.address(), who.clone());
    let good = requests(&mut client);
    let threads: Vec<_> = (0..THREADS)
        .map(|seed| {
            let (address, who, good) = (server.address().to_owned(), who.clone(), good.clone());
            std::thread::spawn(move || attack(&address, &who, &good, seed, REQUESTS / THREADS as usize))
        })
        .collect();
    let answered: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
    println!("{answered} of {REQUESTS} answered");
    assert!(answered > REQUESTS * 8 / 10, "{answered}");
    client.reconnect();
    let after = ask(&mut client, "GenerateRandom", &json!({"NumberOfBytes": 8}));
    assert!(after["Plaintext"].is_string());
    // No panic either: a request that panics is counted as an internal error.
    let (status, metrics) = client.send(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(
        status == 200 && !metrics.contains("KMSInternalException"),
        "{metrics}"
    );
    server.end();
}
