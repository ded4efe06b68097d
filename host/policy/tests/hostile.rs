// SPDX-License-Identifier: Apache-2.0
//! Documents that nobody means: mutated ones are refused or read, never a panic; patterns made to be slow are not.
//! `CASEMATE_POLICY_FUZZ` is the number of mutated documents, `CASEMATE_POLICY_SEED` where they begin.

mod common;

use std::time::Duration;

use casemate_policy::*;
use common::{KEY, caller, rows};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Pieces that a policy is made of, and pieces that a reader may trip over.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "\\",
    "\\u0000",
    "\\ud800",
    "\u{fffd}",
    "ß",
    "𝄞",
    "null",
    "true",
    "-0",
    "1e999",
    "1E400",
    "18446744073709551616",
    "0.1",
    "*",
    "?",
    "${",
    "}",
    "${*}",
    "${aws:username}",
    "${aws:username, 'x'}",
    "${$}",
    "'",
    "arn:",
    "arn:aws:kms:::",
    "::::::",
    "\"Effect\"",
    "\"Deny\"",
    "\"Allow\"",
    "\"Statement\"",
    "\"Condition\"",
    "\"Principal\"",
    "\"NotPrincipal\"",
    "\"AWS\"",
    "\"NotAction\"",
    "\"NotResource\"",
    "\"Action\"",
    "\"Resource\"",
    "\"Sid\"",
    "\"Version\"",
    "\"2012-10-17\"",
    "ForAllValues:",
    "ForAnyValue:",
    "IfExists",
    "\"StringLike\"",
    "\"ArnLike\"",
    "\"NumericLessThan\"",
    "\"DateEquals\"",
    "\"IpAddress\"",
    "\"Bool\"",
    "\"Null\"",
    "\"BinaryEquals\"",
    "kms:",
    "kms:EncryptionContext:",
    "111122223333",
    "2020-01-01T00:00:00.5+23:59",
    "9999",
    "::/0",
    "255.255.255.255/32",
    "QQ==",
    " ",
    "\n",
];

/// The documents of the tables, as text.
fn seeds() -> Vec<(Kind, String)> {
    let mut seeds = vec![(Kind::Key, default_key_policy("aws", "111122223333"))];
    for row in rows(include_str!("tables/documents.table")) {
        for (field, kind) in [("key", Kind::Key), ("iam", Kind::Identity)] {
            if let Some(document) = row.get(field) {
                let text = document.as_str().map_or_else(|| document.to_string(), Into::into);
                seeds.push((kind, text));
            }
        }
    }
    for row in rows(include_str!("tables/conditions.table")) {
        let statement = json!({"Effect": "Deny", "Action": "kms:*", "Resource": KEY, "Condition": row.get("if").unwrap()});
        seeds.push((
            Kind::Identity,
            json!({"Version": "2012-10-17", "Statement": [statement]}).to_string(),
        ));
    }
    seeds
}

fn mutate(rng: &mut ChaCha8Rng, text: &mut Vec<u8>, other: &[u8]) {
    let at = rng.random_range(0..=text.len());
    let upto = rng.random_range(at..=text.len().min(at + 40));
    match rng.random_range(0..9) {
        0 => drop(text.drain(at..upto)),
        1 => text.truncate(at),
        2 | 3 => drop(text.splice(at..at, PIECES.choose(rng).unwrap().bytes())),
        4 => drop(text.splice(at..upto, PIECES.choose(rng).unwrap().bytes())),
        5 => {
            let copy = text[at..upto].to_vec();
            for _ in 0..rng.random_range(1..4) {
                text.splice(at..at, copy.iter().copied());
            }
        }
        6 if at < text.len() => text[at] ^= 1 << rng.random_range(0..8),
        7 if !other.is_empty() => {
            let from = rng.random_range(0..other.len());
            let to = rng.random_range(from..=other.len().min(from + 80));
            text.splice(at..upto, other[from..to].iter().copied());
        }
        _ => {
            // Whole values change places, so that much stays JSON.
            let quotes: Vec<usize> = (0..text.len()).filter(|at| text[*at] == b'"').collect();
            if quotes.len() >= 4 {
                let from = 2 * rng.random_range(0..quotes.len() / 2);
                let piece = PIECES.choose(rng).unwrap().trim_matches('"').bytes();
                if let Some(end) = quotes.get(from + 1) {
                    text.splice(quotes[from] + 1..*end, piece);
                }
            }
        }
    }
}

/// Pieces after which a string is often still what it has to be.
const MILD: &[&str] = &[
    "*",
    "?",
    "x",
    "7",
    "é",
    "${*}",
    "${?}",
    "${aws:username}",
    "${aws:username, 'x'}",
    "${k:absent}",
];

/// Changes one value and leaves the document JSON; more often what is deep in it.
fn mutate_tree(rng: &mut ChaCha8Rng, tree: &mut Value) {
    match tree {
        Value::Object(map) if !map.is_empty() && rng.random_bool(0.95) => {
            let keys: Vec<String> = map.keys().cloned().collect();
            let deep = keys
                .iter()
                .find(|key| matches!(key.as_str(), "Statement" | "Condition"));
            let key = deep
                .filter(|_| rng.random_bool(0.7))
                .unwrap_or_else(|| keys.choose(rng).unwrap());
            match rng.random_range(0..20) {
                0 => drop(map.remove(key)),
                1 => {
                    let value = map.remove(key).unwrap();
                    map.insert(PIECES.choose(rng).unwrap().trim_matches('"').into(), value);
                }
                _ => mutate_tree(rng, &mut map[key]),
            }
        }
        Value::Array(list) if !list.is_empty() && rng.random_bool(0.95) => {
            let at = rng.random_range(0..list.len());
            match rng.random_range(0..8) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                _ => mutate_tree(rng, &mut list[at]),
            }
        }
        Value::String(text) if rng.random_bool(0.9) => {
            let at: Vec<_> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            let at = *at.choose(rng).unwrap();
            match rng.random_range(0..6) {
                0 => text.truncate(at),
                1 => *tree = json!([text, PIECES.choose(rng).unwrap()]),
                2 => text.insert_str(at, PIECES.choose(rng).unwrap().trim_matches('"')),
                _ => text.insert_str(at, MILD.choose(rng).unwrap()),
            }
        }
        _ => {
            let others = [
                json!(null),
                json!(true),
                json!(1),
                json!(-0.5),
                json!("x"),
                json!("*"),
                json!([]),
                json!({}),
            ];
            *tree = others.choose(rng).unwrap().clone();
        }
    }
}

/// This thread's time on a processor, so that others on the machine do not count.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells a thread's time");
    let nanoseconds = text.split(' ').next().unwrap().parse().unwrap();
    Duration::from_nanos(nanoseconds)
}

fn evaluate(policy: &Policy, kind: Kind) -> Decision {
    let caller = caller("alice");
    let mut context = Context::new();
    context
        .caller(&caller)
        .source("203.0.113.7", true)
        .time(1_796_000_000)
        .request_alias("alias/x")
        .aliases(["alias/x", "alias/y"])
        .set("k:a", "x")
        .set_all("k:attributes", ["PostDateTime", "Message"]);
    let identity = [Attached {
        name: "p".into(),
        policy: policy.clone(),
    }];
    let root = Policy::parse(&default_key_policy("aws", "111122223333"), Kind::Key).unwrap();
    let (key, identity) = if kind == Kind::Key {
        (policy, &[][..])
    } else {
        (&root, &identity[..])
    };
    authorize(&Request {
        caller: &caller,
        identity,
        action: Action::named("Encrypt").unwrap(),
        target: Target::Key {
            arn: KEY,
            policy: key,
            grants: &[],
        },
        context: &context,
        encryption_context: None,
        new_grant: None,
    })
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}"))
    })
}

#[test]
fn mutated_documents() {
    let documents = number("CASEMATE_POLICY_FUZZ", 20_000);
    let first = number("CASEMATE_POLICY_SEED", 0);
    let seeds = seeds();
    let (mut read, mut allowed) = (0u64, 0u64);
    for seed in first..first + documents {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (kind, text) = seeds.choose(&mut rng).unwrap();
        let (_, other) = seeds.choose(&mut rng).unwrap();
        let text = match serde_json::from_str(text) {
            Ok(mut tree) if rng.random_bool(0.5) => {
                for _ in 0..rng.random_range(1..4) {
                    mutate_tree(&mut rng, &mut tree);
                }
                tree.to_string()
            }
            _ => {
                let mut text = text.clone().into_bytes();
                for _ in 0..rng.random_range(1..6) {
                    mutate(&mut rng, &mut text, other.as_bytes());
                }
                String::from_utf8_lossy(&text).into_owned()
            }
        };
        let start = busy();
        match Policy::parse(&text, *kind) {
            Err(error) => {
                let message = error.to_string();
                assert!(
                    !message.is_empty() && message.len() < 2 * text.len() + 700,
                    "seed {seed}: {message}"
                );
            }
            Ok(policy) => {
                read += 1;
                allowed += u64::from(evaluate(&policy, *kind).is_allowed());
                let again = policy.to_string();
                if again.len() <= MAX_BYTES {
                    assert_eq!(
                        Policy::parse(&again, *kind).as_ref(),
                        Ok(&policy),
                        "seed {seed}: {text}"
                    );
                }
            }
        }
        assert!(
            busy() - start < Duration::from_secs(2),
            "seed {seed}: {:?}",
            busy() - start
        );
    }
    println!(
        "{documents} mutated documents: {read} read, {} refused, {allowed} allow",
        documents - read
    );
    // Mutations that all break the document would try the JSON reader alone.
    assert!(
        read * 20 > documents && allowed > 0,
        "{read} read, {allowed} allow"
    );
}

/// How long one request takes with this condition and this value of `k:v`; what it does not decide.
fn time(condition: Value, values: &[String]) -> (Duration, usize) {
    let statement = json!({"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Condition": condition});
    let text = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let start = busy();
    let policy = Policy::parse(&text, Kind::Identity).unwrap();
    let caller = caller("alice");
    let mut context = Context::new();
    context
        .set_all("k:v", values.to_vec())
        .set("k:long", "a".repeat(8192));
    let decision = authorize(&Request {
        caller: &caller,
        identity: &[Attached {
            name: "p".into(),
            policy,
        }],
        action: Action::named("ListKeys").unwrap(),
        target: Target::Nothing,
        context: &context,
        encryption_context: None,
        new_grant: None,
    });
    assert!(!decision.is_allowed());
    (busy() - start, text.len())
}

/// Each fills a document of 32 KiB and is compared with 8 KiB, more than an encryption context can have.
#[test]
fn patterns_made_to_be_slow_are_not() {
    let text = ["a".repeat(8192)];
    let many: Vec<String> = (0..1024).map(|_| "a".repeat(8)).collect();
    let like = |pattern: String| json!({"StringLike": {"k:v": pattern}});
    let list = |operator: &str, patterns: Vec<String>| json!({ operator: { "k:v": patterns } });
    let cases = [
        ("stars", like("a*".repeat(16_000) + "b"), &text[..]),
        (
            "stars, little between",
            like("*aaaaaaa".repeat(1000) + "b"),
            &text[..],
        ),
        (
            "a long run that never fits",
            like(format!("*{}b*", "a".repeat(8000))),
            &text[..],
        ),
        (
            "a long run with a question mark",
            like(format!("*?{}b*", "a".repeat(8000))),
            &text[..],
        ),
        (
            "question marks and stars",
            like("*?a".repeat(4000) + "*b"),
            &text[..],
        ),
        ("only question marks", like("?".repeat(30_000)), &text[..]),
        (
            "runs with question marks",
            like("*a?a?a?a?a?b".repeat(2500)),
            &text[..],
        ),
        (
            "many patterns",
            list("StringLike", vec!["*b".into(); 6000]),
            &text[..],
        ),
        (
            "many patterns with question marks",
            list("StringLike", vec!["*?b*".into(); 4000]),
            &text[..],
        ),
        (
            "many patterns, many values",
            list("ForAnyValue:StringLike", vec!["*b*".into(); 4000]),
            &many[..],
        ),
        (
            "a variable again and again",
            like("${k:long}".repeat(3000)),
            &text[..],
        ),
        (
            "the same without case",
            json!({"StringEqualsIgnoreCase": {"k:v": "${k:long}".repeat(3000)}}),
            &text[..],
        ),
        (
            "variables between stars",
            like("${k:long}*".repeat(2900)),
            &text[..],
        ),
        (
            "parts of an ARN",
            json!({"ArnLike": {"k:v": format!("arn:*:*:*:*:{}b", "*a".repeat(15_000))}}),
            &[format!("arn:a:a:a:a:{}", text[0])][..],
        ),
    ];
    for (name, condition, values) in cases {
        let (took, bytes) = time(condition, values);
        println!("{name}: {took:?}, {bytes} bytes");
        assert!(bytes <= MAX_BYTES, "{name}: {bytes}");
        assert!(took < Duration::from_millis(1500), "{name}: {took:?}");
    }
}

#[test]
fn documents_made_to_be_slow_are_not() {
    let numbered =
        |count: usize, item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
    let frame = |condition: &str| {
        format!(r#"{{"Statement":{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{condition}}}}}"#)
    };
    let statement = r#"{"Effect":"Deny","Action":"*","Resource":"*","Sid":"#;
    let cases = [
        ("nested lists", "[".repeat(32_000), false),
        ("nested objects", r#"{"a":"#.repeat(6000), false),
        ("nested conditions", frame(&r#"{"Bool":"#.repeat(4000)), false),
        (
            "many keys",
            frame(&format!(
                r#"{{"Bool":{{{}}}}}"#,
                numbered(1700, &|n| format!(r#""k:{n}":true"#))
            )),
            true,
        ),
        (
            "many statements",
            format!(
                r#"{{"Statement":[{}]}}"#,
                numbered(500, &|n| format!(r#"{statement}"{n}"}}"#))
            ),
            true,
        ),
        (
            "many statements of one name",
            format!(
                r#"{{"Statement":[{}]}}"#,
                numbered(500, &|_| format!(r#"{statement}"x"}}"#))
            ),
            false,
        ),
        (
            "many unknown elements",
            format!("{{{}}}", numbered(3000, &|n| format!(r#""{n}":1"#))),
            false,
        ),
    ];
    for (name, text, fine) in cases {
        assert!(text.len() <= MAX_BYTES, "{name}: {}", text.len());
        let start = busy();
        let result = Policy::parse(&text, Kind::Identity);
        println!("{name}: {:?}", busy() - start);
        assert_eq!(result.is_ok(), fine, "{name}: {:?}", result.err());
        assert!(
            busy() - start < Duration::from_secs(1),
            "{name}: {:?}",
            busy() - start
        );
    }
}
