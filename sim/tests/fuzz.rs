// SPDX-License-Identifier: Apache-2.0
//! Mutated vfio-user messages against the server with the RTL behind it: each gets its reply or ends the connection, soon; the server
//! serves on; and when the last client is gone nothing of any is held. `CASEMATE_FUZZ_MESSAGES` and `CASEMATE_FUZZ_SEED`
//! make it longer and other (`cargo xtask fuzz-vfio-user`).

use casemate_sim::config::Config;
use casemate_sim::serve::{Mode, Server};
use casemate_vfio_user::memory::create;
use casemate_vfio_user::stream::{Broken, Message, Receiver, Sender};
use casemate_vfio_user::version::{self, Capabilities};
use casemate_vfio_user::wire::{self, Header};
use rand::seq::IndexedRandom;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// Later is a hang.
const SOON: Duration = Duration::from_secs(30);

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |v| {
        v.parse().unwrap_or_else(|_| panic!("{name}={v}: a number"))
    })
}

/// Open fds and mapped files of this process, which the server is a part of.
fn held() -> (usize, usize) {
    let fds = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    (fds, maps.lines().filter(|l| l.contains("/memfd:")).count())
}

/// What a client may send along.
struct Fds {
    sealed: OwnedFd,
    open: OwnedFd,
    event: OwnedFd,
    pipe: OwnedFd,
    _reader: std::io::PipeReader,
}

impl Fds {
    fn new() -> Self {
        let (reader, pipe) = std::io::pipe().unwrap();
        Self {
            sealed: create("fuzz", 1 << 20).unwrap(),
            open: rustix::fs::memfd_create("open", rustix::fs::MemfdFlags::CLOEXEC).unwrap(),
            event: eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap(),
            pipe: pipe.into(),
            _reader: reader,
        }
    }

    fn any(&self, rng: &mut ChaCha8Rng) -> BorrowedFd<'_> {
        let all = [&self.sealed, &self.open, &self.event, &self.pipe];
        all[rng.random_range(0..4)].as_fd()
    }
}

/// A message before it is mutated: command, payload in words, fds.
fn sound<'a>(rng: &mut ChaCha8Rng, fds: &'a Fds) -> (u16, Vec<u32>, Vec<BorrowedFd<'a>>) {
    let page = |rng: &mut ChaCha8Rng| 4096 * rng.random_range(0..64u32);
    let register = |rng: &mut ChaCha8Rng| {
        let queue = 0x10000 + 0x1000 * rng.random_range(0..9u32);
        match rng.random_range(0..3) {
            0 => {
                queue
                    + *[0, 4, 0x100, 0x104, 0x108, 0x110, 0x114, 0x118, 0x11c, 0x120]
                        .choose(rng)
                        .unwrap()
            }
            1 => *[0x20, 0x24, 0x100, 0x1000, 0x1400].choose(rng).unwrap(),
            _ => 4 * rng.random_range(0..0x40000u32),
        }
    };
    let value = |rng: &mut ChaCha8Rng| match rng.random_range(0..3) {
        0 => rng.random_range(0..8),
        1 => 4096 * rng.random_range(0..64u32),
        _ => rng.next_u32(),
    };
    match rng.random_range(0..16) {
        0 | 1 => {
            let (at, size) = (page(rng), 4096 * rng.random_range(1..9u32));
            let file = if rng.random_ratio(1, 3) {
                &fds.open
            } else {
                &fds.sealed
            };
            let with = if rng.random_ratio(4, 5) {
                vec![file.as_fd()]
            } else {
                vec![]
            };
            (
                2,
                vec![32, rng.random_range(0..4), page(rng), 0, at, 0, size, 0],
                with,
            )
        }
        2 => (
            3,
            vec![24, 0, page(rng), 0, 4096 * rng.random_range(1..20u32), 0],
            vec![],
        ),
        3 => (3, vec![24, 2, 0, 0, 0, 0], vec![]),
        4 => (4, vec![16, 0, 0, 0], vec![]),
        5 => (5, vec![32, 0, rng.random_range(0..9), 0, 0, 0, 0, 0], vec![]),
        6 => (7, vec![16, 0, rng.random_range(0..5), 0], vec![]),
        7 => {
            let n = rng.random_range(0..4u32);
            let index = *[2, 2, 2, 3, 4].choose(rng).unwrap();
            let flags = *[0x24, 0x24, 0x21].choose(rng).unwrap();
            let with = vec![fds.event.as_fd(); if flags == 0x24 { n as usize } else { 0 }];
            (8, vec![20, flags, index, rng.random_range(0..8), n], with)
        }
        8 => (9, vec![register(rng), 0, 0, 4], vec![]),
        9 => (
            9,
            vec![rng.random_range(0..256), 0, 7, rng.random_range(1..64)],
            vec![],
        ),
        10 | 11 => (10, vec![register(rng), 0, 0, 4, value(rng)], vec![]),
        // Memory and bus master on, most of the time; or anything in configuration space.
        12 => (10, vec![4, 0, 7, 4, 6], vec![]),
        13 => (
            10,
            vec![
                rng.random_range(0..256),
                0,
                *[2, 7].choose(rng).unwrap(),
                4,
                value(rng),
            ],
            vec![],
        ),
        14 => {
            let one = [register(rng), 0, 0, 4, value(rng), 0];
            (15, [&[1, 0][..], &one].concat(), vec![])
        }
        _ if rng.random_ratio(1, 20) => (13, vec![], vec![]),
        _ => (9, vec![0x20, 0, 0, 4], vec![]),
    }
}

/// Sends one message, mutated most of the time.
fn send(rng: &mut ChaCha8Rng, fds: &Fds, sender: &Sender) -> Result<Option<Header>, Broken> {
    let (mut command, words, mut with) = sound(rng, fds);
    let mut payload: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let mut flags = if rng.random_ratio(1, 8) { wire::NO_REPLY } else { 0 };
    for _ in 0..rng.random_range(0..4) {
        match rng.random_range(0..9) {
            0 if !payload.is_empty() => {
                let i = rng.random_range(0..payload.len());
                payload[i] ^= 1 << rng.random_range(0..8);
            }
            1 if payload.len() >= 4 => {
                let at = 4 * rng.random_range(0..payload.len() / 4);
                let strange = [
                    0,
                    1,
                    0x7fff_ffff,
                    0x8000_0000,
                    u32::MAX,
                    0xffff_f000,
                    4095,
                    4097,
                    65536,
                ];
                payload[at..at + 4].copy_from_slice(&strange.choose(rng).unwrap().to_le_bytes());
            }
            2 => payload.truncate(rng.random_range(0..=payload.len())),
            3 => payload.extend((0..rng.random_range(1..40)).map(|i| i as u8)),
            4 => command = rng.random_range(0..20),
            5 => command = rng.next_u32() as u16,
            6 => flags ^= 1 << rng.random_range(1..32u32),
            7 => with.extend((0..rng.random_range(1..5)).map(|_| fds.any(rng))),
            8 => with.truncate(rng.random_range(0..=with.len())),
            _ => {}
        }
    }
    let header = Header {
        id: rng.next_u32() as u16,
        command,
        flags,
        error: if rng.random_ratio(1, 20) {
            rng.next_u32()
        } else {
            0
        },
        size: 0,
    };
    sender.send(header, &[&payload], &with)?;
    let answered = flags & (wire::NO_REPLY | wire::TYPE) == 0;
    Ok(answered.then_some(header))
}

/// A client of the server; `tally` counts how its messages were answered, by errno.
struct Fuzzer<'a> {
    rng: ChaCha8Rng,
    path: PathBuf,
    fds: &'a Fds,
    tally: BTreeMap<u32, u64>,
    clients: u64,
}

impl Fuzzer<'_> {
    /// Connects, when the server has seen the end of the client before, and agrees on a version.
    fn connect(&mut self) -> (Arc<OwnedFd>, Sender, Receiver, Option<Message>) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < SOON, "the server takes no client any more");
            let s: Arc<OwnedFd> = Arc::new(UnixStream::connect(&self.path).unwrap().into());
            let (sender, mut receiver) = (Sender::new(s.clone()), Receiver::new(s.clone()));
            let mut caps = Capabilities::proposal();
            if self.rng.random() {
                caps.twin_socket = None;
            }
            let header = Header {
                command: 1,
                ..Header::default()
            };
            sender
                .send(
                    header,
                    &[&version::encode(self.rng.random_range(0..3), &caps)],
                    &[],
                )
                .unwrap();
            let m = receiver.next(SOON).unwrap();
            if m.header.flags & wire::ERROR == 0 {
                self.clients += 1;
                return (s, sender, receiver, Some(m));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Takes the reply to `to`; what the server asks meanwhile is answered as it comes.
    fn reply(&mut self, to: Header, sender: &Sender, receiver: &mut Receiver) -> Result<(), Broken> {
        loop {
            let m = receiver.next(SOON)?;
            if m.header.flags & wire::TYPE == 0 {
                let error = self.rng.random();
                let header = Header {
                    id: if self.rng.random_ratio(1, 50) {
                        9
                    } else {
                        m.header.id
                    },
                    flags: wire::REPLY | if error { wire::ERROR } else { 0 },
                    error: self.rng.random_range(0..200),
                    ..m.header
                };
                let mut data = vec![0; if error { 0 } else { self.rng.random_range(0..5000) }];
                self.rng.fill_bytes(&mut data);
                sender.send(header, &[&data], &[])?;
                continue;
            }
            assert_eq!(
                (m.header.id, m.header.command),
                (to.id, to.command),
                "whose reply is it?"
            );
            *self.tally.entry(m.header.error).or_default() += 1;
            return Ok(());
        }
    }

    /// One client's life: `n` messages at most; how many there were.
    fn client(&mut self, n: u64) -> u64 {
        let (socket, sender, mut receiver, _version) = self.connect();
        for i in 0..n {
            let sent = match self.rng.random_range(0..2000) {
                // Half a message, or a size that none has.
                0 => {
                    let mut junk = [0; 24];
                    self.rng.fill_bytes(&mut junk);
                    let _ = rustix::io::write(&socket, &junk[..self.rng.random_range(1..24)]);
                    return i + 1;
                }
                1 => {
                    let mut h = Header {
                        command: 4,
                        size: *[0, 15, 1 << 20, u32::MAX].choose(&mut self.rng).unwrap(),
                        ..Header::default()
                    };
                    h.id = 3;
                    let _ = rustix::io::write(&socket, h.as_bytes());
                    assert!(receiver.next(SOON).is_err(), "a message of {} bytes", h.size);
                    return i + 1;
                }
                _ => send(&mut self.rng, self.fds, &sender),
            };
            let replied = match sent {
                Ok(Some(header)) => self.reply(header, &sender, &mut receiver),
                Ok(None) => Ok(()),
                Err(e) => Err(e),
            };
            match replied {
                Ok(()) => {}
                Err(Broken::TimedOut(_)) => panic!("no reply to message {i} of client {}", self.clients),
                // The server has had enough of this client.
                Err(_) => return i + 1,
            }
        }
        n
    }
}

fn run(path: &Path, mode: Mode, messages: u64, seed: u64) -> (u64, BTreeMap<u32, u64>) {
    let before = held();
    let (stop, tell) = UnixStream::pair().unwrap();
    let config = Config::parse("latency=10").unwrap();
    let mut server = Server::bind(path, &config, mode, |_| {}).unwrap();
    let thread = std::thread::spawn(move || {
        server.run(&stop).unwrap();
        server.held()
    });
    let fds = Fds::new();
    let mut fuzzer = Fuzzer {
        rng: ChaCha8Rng::seed_from_u64(seed),
        path: path.into(),
        fds: &fds,
        tally: BTreeMap::new(),
        clients: 0,
    };
    let mut done = 0;
    while done < messages {
        let life = fuzzer.rng.random_range(1..2000);
        done += fuzzer.client(life.min(messages - done));
    }
    // It serves on, and has seen the end of the last one.
    drop(fuzzer.connect());
    drop(fuzzer.connect());
    let (clients, tally) = (fuzzer.clients, fuzzer.tally);
    std::thread::sleep(Duration::from_millis(100));
    drop(tell);
    assert_eq!(
        thread.join().unwrap(),
        (0, 0, 0),
        "ranges, files and event fds that are still held"
    );
    drop(fds);
    let after = held();
    assert!(
        after.0 <= before.0 && after.1 <= before.1,
        "fds and mappings: {before:?} before, {after:?} after"
    );
    (clients, tally)
}

#[test]
fn mutated_messages() {
    let (messages, seed) = (
        variable("CASEMATE_FUZZ_MESSAGES", 20_000),
        variable("CASEMATE_FUZZ_SEED", 1),
    );
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let (mut clients, mut answers) = (0, BTreeMap::<u32, u64>::new());
    for (i, mode) in [Mode::Shared, Mode::Messages].into_iter().enumerate() {
        let socket = dir.path().join(format!("{i}"));
        let (c, tally) = run(&socket, mode, messages / 2, seed + i as u64);
        clients += c;
        tally
            .into_iter()
            .for_each(|(e, n)| *answers.entry(e).or_default() += n);
    }
    let total: u64 = answers.values().sum();
    let good = answers.get(&0).copied().unwrap_or(0);
    println!(
        "{messages} mutated messages, seed {seed}: {clients} clients, {total} replies, {good} of them good, {} kinds of errors; {} s",
        answers.len() - 1,
        start.elapsed().as_secs()
    );
    // It tried what is sound and what is not.
    assert!(good * 10 > total && good * 10 < total * 9, "{answers:?}");
    assert!(answers.len() > 5, "{answers:?}");
}
