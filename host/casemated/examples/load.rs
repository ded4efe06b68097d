// SPDX-License-Identifier: Apache-2.0
//! Load on the service, and the same load by the same client on moto's server: requests a second and how long they take.
//!
//! `cargo run -p casemated --example load [-- --device URI] [--seconds N]`, after `cargo build -p casemated`. Everything is on this machine.

#[path = "../tests/common/client.rs"]
mod client;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use client::{Client, Credentials};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn option(name: &str, usual: &str) -> String {
    let args: Vec<String> = std::env::args().collect();
    let at = args.iter().position(|a| a == name);
    at.and_then(|i| args.get(i + 1))
        .map_or(usual.into(), Clone::clone)
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/aws/bin")
}

fn casemated(device: &str, folder: &Path) -> (Running, String, Credentials) {
    let program = std::env::current_exe()
        .expect("a program")
        .with_file_name("../casemated");
    let mut child = Command::new(program)
        .args(["--dev", "--listen", "127.0.0.1:0", "--device", device, "--folder"])
        .arg(folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo build -p casemated");
    let mut said = std::collections::HashMap::new();
    for line in BufReader::new(child.stdout.take().expect("piped"))
        .lines()
        .map_while(Result::ok)
    {
        for pair in line.trim_start_matches("export ").split(' ') {
            let (n, v) = pair.split_once('=').expect("lines for a shell");
            said.insert(n.to_owned(), v.to_owned());
        }
        if said.contains_key("AWS_SECRET_ACCESS_KEY") {
            break;
        }
    }
    let who = Credentials {
        key: said["AWS_ACCESS_KEY_ID"].clone(),
        secret: said["AWS_SECRET_ACCESS_KEY"].clone(),
        region: said["AWS_REGION"].clone(),
    };
    let address = said["AWS_ENDPOINT_URL_KMS"]
        .trim_start_matches("http://")
        .to_owned();
    (Running(child), address, who)
}

fn moto() -> (Running, String, Credentials) {
    let port = 7699;
    let child = Command::new(tools().join("moto_server"))
        .args(["-p", &port.to_string()])
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("cargo xtask setup");
    let address = format!("127.0.0.1:{port}");
    let begun = Instant::now();
    while std::net::TcpStream::connect(&address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60), "moto does not start");
        std::thread::sleep(Duration::from_millis(100));
    }
    let who = Credentials {
        key: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: "secret".into(),
        region: "us-east-1".into(),
    };
    (Running(child), address, who)
}

fn measure(name: &str, address: &str, who: &Credentials, connections: usize, time: Duration) {
    let mut first = Client::new(address, who.clone());
    let (status, body) = first.call("CreateKey", b"{}").expect("an answer");
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
    let key: Value = serde_json::from_slice(&body).expect("JSON");
    let key = key["KeyMetadata"]["KeyId"].as_str().expect("a key").to_owned();
    // A server of one connection at a time would wait for it.
    drop(first);
    for operation in ["Encrypt", "GenerateDataKey"] {
        let end = Instant::now() + time;
        let threads: Vec<_> = (0..connections)
            .map(|i| {
                let (address, who, key) = (address.to_owned(), who.clone(), key.clone());
                std::thread::spawn(move || {
                    let mut client = Client::new(&address, who);
                    let mut took = Vec::new();
                    while Instant::now() < end {
                        let text = BASE64_STANDARD.encode(format!("{:>16}{:>16}", i, took.len()));
                        let body = match operation {
                            "Encrypt" => json!({"KeyId": key, "Plaintext": text}),
                            _ => json!({"KeyId": key, "KeySpec": "AES_256"}),
                        };
                        let begun = Instant::now();
                        let answer = client.call(operation, body.to_string().as_bytes());
                        assert_eq!(answer.expect("an answer").0, 200);
                        took.push(begun.elapsed());
                    }
                    took
                })
            })
            .collect();
        let mut took: Vec<_> = threads
            .into_iter()
            .flat_map(|t| t.join().expect("no panic"))
            .collect();
        took.sort();
        let at = |p: usize| took[took.len() * p / 100].as_secs_f64() * 1000.0;
        println!(
            "| {name} | {operation} | {connections} | {:.0} | {:.2} | {:.2} |",
            took.len() as f64 / time.as_secs_f64(),
            at(50),
            at(99)
        );
    }
}

fn main() {
    let device = option("--device", "soft:");
    let seconds = option("--seconds", "5").parse().expect("a number of seconds");
    let time = Duration::from_secs(seconds);
    println!(
        "| server | operation | connections | requests/s | p50, ms | p99, ms |\n|---|---|---|---|---|---|"
    );
    let folder = tempfile::tempdir().expect("a folder");
    for connections in [1, 32] {
        let (_running, address, who) = moto();
        measure("moto", &address, &who, connections, time);
        drop(_running);
        let (_running, address, who) = casemated(&device, folder.path());
        measure(&format!("casemated {device}"), &address, &who, connections, time);
    }
}
