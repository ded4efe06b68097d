// SPDX-License-Identifier: Apache-2.0
//! Three servers over one PostgreSQL database, under load, one of them killed and started again at a time.

#[path = "common/postgres.rs"]
mod postgres;

use casemate_audit::search::{self, Filter};
use casemate_audit::verify::{self, Trust};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const CASEMATED: &str = env!("CARGO_BIN_EXE_casemated");
const SERVERS: usize = 3;

struct Server {
    child: Child,
    address: SocketAddr,
    config: PathBuf,
    folder: PathBuf,
}

impl Server {
    fn new(number: usize, folder: &Path, store: &str) -> Self {
        // Free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.join(format!("{number}.toml"));
        let data = folder.join(format!("server-{number}"));
        let settings = format!(
            "listen = \"{address}\"\ndevice = \"soft:?root={0}/root\"\nfolder = \"{1}\"\nserver = \"server-{number}\"\n\
             store = \"{store}\"\nschedule_seconds = 1\nclock_file = \"{0}/clock\"\n",
            folder.display(),
            data.display()
        );
        std::fs::write(&config, settings).unwrap();
        let child = Self::spawn(&config);
        let mut server = Self {
            child,
            address,
            config,
            folder: data,
        };
        server.wait();
        server
    }

    fn spawn(config: &Path) -> Child {
        let mut c = Command::new(CASEMATED);
        c.arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        c.spawn().unwrap()
    }

    fn wait(&mut self) {
        let start = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(self.child.try_wait().unwrap().is_none(), "the server has ended");
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the server does not come up"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::thread::sleep(Duration::from_millis(200));
        self.child = Self::spawn(&self.config);
        self.wait();
    }

    fn end(&mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A principal who may everything: its keys, as a shell's variables.
fn principal(config: &Path) -> Vec<(String, String)> {
    let mut c = Command::new(CASEMATED);
    c.arg("--config").arg(config);
    c.args([
        "principal",
        "create",
        "--everything",
        "arn:aws:iam::111122223333:user/fleet",
    ]);
    let out = c.output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let told = String::from_utf8(out.stdout).unwrap();
    let pairs = told.lines().filter_map(|l| l.split_once('='));
    pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// Python with the clients; None, after a line that says so, if it is not there and may be missing.
fn python() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let python = workspace.join("target/tools/aws/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(
        std::env::var_os("CASEMATE_REQUIRE_TOOLS").is_none(),
        "no {}",
        python.display()
    );
    std::io::stdout()
        .write_all(b"\nskipped: no boto3; run `cargo xtask setup` first\n")
        .unwrap();
    None
}

#[test]
fn three_servers_one_killed_at_a_time() {
    let (Some(python), Some(database)) = (python(), postgres::Server::start()) else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let store = database.create("fleet");
    let mut servers: Vec<_> = (1..=SERVERS)
        .map(|n| Server::new(n, dir.path(), &store))
        .collect();
    let endpoints: Vec<_> = servers.iter().map(|s| format!("http://{}", s.address)).collect();
    let mut load = Command::new(python)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/aws/fleet.py"))
        .envs(principal(&servers[0].config))
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("ENDPOINTS", endpoints.join(","))
        .env("FLEET_SECONDS", "15")
        .env("CASEMATED_CLOCK", dir.path().join("clock"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(load.stdout.take().unwrap());
    let loaded = AtomicBool::new(false);
    let mut kills = 0;
    std::thread::scope(|s| {
        s.spawn(|| {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            loaded.store(true, Ordering::Release);
        });
        while !loaded.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(700));
            servers[kills % SERVERS].kill_and_restart();
            kills += 1;
        }
    });
    // If it has ended with an error, its status says so.
    let _ = load.stdin.take().unwrap().write_all(b"up\n");
    let mut told = String::new();
    out.read_to_string(&mut told).unwrap();
    assert!(load.wait().unwrap().success());
    for s in &mut servers {
        s.end();
    }
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let answered = told["answered"].as_array().unwrap();
    println!(
        "{} answered, {} cut off, {kills} kills, {} keys, {} aliases",
        answered.len(),
        told["unknown"],
        told["keys"],
        told["aliases"]
    );
    assert!(
        kills >= SERVERS && answered.len() > 200,
        "no load: {} answers",
        answered.len()
    );

    // Each server's chain is whole, and whatever it answered is in it.
    let mut rotations = Vec::new();
    for (i, server) in servers.iter().enumerate() {
        let chain = format!("server-{}", i + 1);
        let folder = server.folder.join("audit");
        let pem = std::fs::read_to_string(folder.join(format!("{chain}.pem"))).unwrap();
        let public = casemate::PublicKey::from_pem(pem.as_bytes()).unwrap();
        let trust = Trust {
            keys: vec![casemate_audit::verifying_key(&public).unwrap()],
            ..Trust::default()
        };
        let report = verify::chain(&folder, &chain, &trust).unwrap();
        assert!(report.ok() && report.closed, "{:?}", report.findings);
        let mut there = BTreeSet::new();
        search::records(&folder, &chain, &Filter::default(), |r| {
            let record: serde_json::Value = serde_json::from_str(r.json)?;
            there.insert(record["requestID"].as_str().unwrap().to_owned());
            if record["eventName"] == "RotateKey" {
                rotations.push(record["resources"][0]["ARN"].to_string());
            }
            Ok(())
        })
        .unwrap();
        let of_it = answered.iter().filter(|a| a[0] == i);
        for a in of_it {
            assert!(
                there.contains(a[1].as_str().unwrap()),
                "{chain} has no record of {a}"
            );
        }
    }
    // Once each, by whoever led.
    for key in told["rotated"].as_array().unwrap() {
        let of_it = rotations.iter().filter(|arn| arn.contains(key.as_str().unwrap()));
        assert_eq!(of_it.count(), 1, "{key}");
    }
}
