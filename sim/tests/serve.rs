// SPDX-License-Identifier: Apache-2.0
//! `casemate-sim serve` as a process: its socket, its clients one after another, what they do wrong, its end.

mod vfio_user;

use casemate_vfio_user::Errno;
use casemate_vfio_user::client::{Client, Error};
use casemate_vfio_user::stream::{Receiver, Sender};
use casemate_vfio_user::wire::{self, Command as Cmd, Header};
use rustix::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vfio_user::{Memory, Process, SOON, connect, program};

/// Processor time of a process so far, in ticks of 10 ms.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn sockets_that_are_taken_and_that_are_stale() {
    let server = Process::start(&[]);
    let other = |path: &std::path::Path| {
        let out = Command::new(program())
            .args(["serve", "--socket"])
            .arg(path)
            .output()
            .unwrap();
        assert!(!out.status.success());
        String::from_utf8(out.stderr).unwrap()
    };
    let said = other(&server.socket());
    assert!(said.contains("another server serves this socket"), "{said}");
    let file = server.dir().join("file");
    std::fs::write(&file, "precious").unwrap();
    let said = other(&file);
    assert!(said.contains("is no socket"), "{said}");
    assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    let said = other(&server.dir().join("no/such/folder"));
    assert!(said.contains("No such file"), "{said}");
    // The one that is there has not noticed.
    connect(&server.socket()).info().unwrap();

    // Nobody listens any more where this one was.
    let stale = server.dir().join("stale");
    drop(UnixListener::bind(&stale).unwrap());
    let server = Process::start_on(&stale, &[]);
    connect(&server.socket()).info().unwrap();
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(&stale).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "its owner's alone");
}

#[test]
fn wrong_settings_are_named() {
    for (args, names) in [
        (&["--device", "speed=9"][..], "`speed`"),
        (&["--dma", "mail"], "messages"),
        (&[], "--socket"),
    ] {
        let out = Command::new(program())
            .arg("serve")
            .args(if args.is_empty() {
                &[][..]
            } else {
                &["--socket", "/nowhere/x"]
            })
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(!out.status.success() && said.contains(names), "{said}");
    }
}

#[test]
fn ends_when_told() {
    for idle in [true, false] {
        let mut server = Process::start(&[]);
        let client = connect(&server.socket());
        if !idle {
            client.reset().unwrap();
        }
        server.terminate();
        assert!(server.wait().success());
        assert!(!server.socket().exists(), "its socket is left");
        let start = Instant::now();
        assert!(matches!(client.info(), Err(Error::Lost(_))));
        assert!(start.elapsed() < SOON);
    }
}

/// By message, by FLR, and because a client has gone: registers, configuration space and pending bits as at first, while memory
/// and event fds, which are not the function's, stay.
#[test]
fn resets() {
    let server = Process::start(&[]);
    const COALESCE: u64 = 0x10120;
    const FLR: &[u8] = &[0x10, 0xa8];
    let word = |c: &Client, region, at| {
        let mut b = [0; 4];
        c.read(region, at, &mut b).map(|()| u32::from_le_bytes(b))
    };
    for how in ["message", "FLR", "end"] {
        let mut client = vfio_user::connect_when_free(&server.socket());
        assert!(matches!(
            word(&client, 0, COALESCE),
            Err(Error::Refused { error: Errno::IO, .. })
        ));
        client.write(wire::REGION_CONFIG, 4, &[6, 0]).unwrap();
        let fresh = word(&client, 0, COALESCE).unwrap();
        client.write(0, COALESCE, &0x0007_0003u32.to_le_bytes()).unwrap();
        assert_eq!(word(&client, 0, COALESCE).unwrap(), 0x0007_0003);
        assert_eq!(word(&client, 2, 12).unwrap(), 1, "masked");
        client.write(2, 12, &[0; 4]).unwrap();
        client.write(2, 4096, &[0xff; 4]).unwrap();
        assert_eq!(word(&client, 2, 4096).unwrap(), 0, "pending bits are read-only");
        client.dma_map(0x1000, 4096, wire::DMA_READABLE, None).unwrap();
        match how {
            "message" => client.reset().unwrap(),
            "FLR" => client.write(wire::REGION_CONFIG, 0x68, FLR).unwrap(),
            _ => {
                drop(client);
                client = vfio_user::connect_when_free(&server.socket());
            }
        }
        assert_eq!(
            word(&client, wire::REGION_CONFIG, 4).unwrap(),
            0x0010_0000,
            "{how}"
        );
        client.write(wire::REGION_CONFIG, 4, &[6, 0]).unwrap();
        assert_eq!(word(&client, 0, COALESCE).unwrap(), fresh, "{how}");
        assert_eq!(word(&client, 2, 12).unwrap(), 1, "{how}");
        // What is mapped is mapped still, unless its owner has gone.
        let again = client.dma_map(0x1000, 4096, wire::DMA_READABLE, None);
        let stays = matches!(
            again,
            Err(Error::Refused {
                error: Errno::EXIST,
                ..
            })
        );
        assert_eq!(stays, how != "end", "{how}");
        // Registers are words.
        for (at, len) in [(2, 4), (0, 2), (0, 16)] {
            let e = client.read(0, at, &mut vec![0; len]).unwrap_err();
            assert!(
                matches!(
                    e,
                    Error::Refused {
                        error: Errno::INVAL,
                        ..
                    }
                ),
                "{e}"
            );
        }
        let e = client.write(0, 0, &[0; 4]).unwrap_err();
        assert!(
            matches!(
                e,
                Error::Refused {
                    error: Errno::ACCESS,
                    ..
                }
            ),
            "a read-only register: {e}"
        );
    }
}

/// Without work it takes no processor time, and time stands still.
#[test]
fn sleeps() {
    let server = Process::start(&[]);
    let client = connect(&server.socket());
    client.write(wire::REGION_CONFIG, 4, &[6, 0]).unwrap();
    let status = || {
        let mut b = [0; 4];
        client.read(0, 0x20, &mut b).unwrap();
        u32::from_le_bytes(b)
    };
    let start = Instant::now();
    while status() & 1 == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "never ready");
    }
    // What it began is over soon, and later where others want the processor too; what never sleeps is never quiet.
    let spent = || {
        let before = ticks(server.id());
        std::thread::sleep(Duration::from_secs(2));
        ticks(server.id()) - before
    };
    let all: Vec<u64> = (0..10).map(|_| spent()).take_while(|t| *t > 1).collect();
    assert!(all.len() < 10, "ticks of 10 ms in each 2 s of nothing: {all:?}");
}

#[test]
fn others_hear_that_it_is_busy() {
    let server = Process::start(&[]);
    let client = connect(&server.socket());
    for _ in 0..3 {
        let e = Client::connect(&server.socket(), Arc::new(Memory), SOON)
            .err()
            .unwrap();
        assert!(matches!(e, Error::Busy(_)), "{e}");
        assert!(e.to_string().contains("another client"), "{e}");
    }
    client.info().unwrap();
    drop(client);
    // The next one, as soon as the server has seen the end of that one.
    let start = Instant::now();
    loop {
        match Client::connect(&server.socket(), Arc::new(Memory), SOON) {
            Ok(c) => break c.info().map(drop).unwrap(),
            Err(Error::Busy(_)) if start.elapsed() < SOON => {}
            Err(e) => panic!("{e}"),
        }
    }
}

/// A client that goes at any byte of what it says leaves the server for the next one.
#[test]
fn clients_that_die_at_any_moment() {
    let server = Process::start(&[]);
    let mut said = Vec::new();
    let mut message = |command: Cmd, payload: &[u8]| {
        use zerocopy::IntoBytes;
        let header = Header {
            id: 7,
            command: command as u16,
            size: (16 + payload.len()) as u32,
            ..Header::default()
        };
        said.extend_from_slice(header.as_bytes());
        said.extend_from_slice(payload);
    };
    message(Cmd::Version, &[0; 4]);
    message(Cmd::DeviceReset, &[]);
    message(
        Cmd::RegionRead,
        &[0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 64, 0, 0, 0],
    );
    let start = Instant::now();
    for cut in (0..=said.len()).rev() {
        let mut s = loop {
            // The one before may still be the server's client.
            let s = UnixStream::connect(server.socket()).unwrap();
            let s: OwnedFd = s.into();
            let s = Arc::new(s);
            match rustix::io::write(&s, &said[..cut.max(20)]) {
                Ok(_) => {}
                Err(e) => panic!("{e}"),
            }
            let answer = Receiver::new(s.clone()).next(SOON).unwrap();
            if answer.header.error != Errno::BUSY.raw_os_error() as u32 {
                break s;
            }
            assert!(start.elapsed() < Duration::from_secs(60));
        };
        if cut < 20 {
            s = Arc::new(UnixStream::connect(server.socket()).unwrap().into());
            rustix::io::write(&s, &said[..cut]).unwrap();
        }
        drop(s);
    }
    vfio_user::connect_when_free(&server.socket()).info().unwrap();
}

/// What cannot be meant is answered with an error where it can be, and ends the connection where it cannot; the server lives.
#[test]
fn malformed_messages() {
    let server = Process::start(&[]);
    let open = || {
        let start = Instant::now();
        loop {
            let s: OwnedFd = UnixStream::connect(server.socket()).unwrap().into();
            let s = Arc::new(s);
            let (sender, mut receiver) = (Sender::new(s.clone()), Receiver::new(s));
            let header = Header {
                id: 1,
                command: 1,
                ..Header::default()
            };
            sender.send(header, &[&[0; 4]], &[]).unwrap();
            if receiver.next(SOON).unwrap().header.flags & wire::ERROR == 0 {
                return (sender, receiver);
            }
            assert!(start.elapsed() < SOON);
        }
    };
    let words = |w: &[u32]| -> Vec<u8> { w.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let (sender, mut receiver) = open();
    let long = u32::MAX;
    for (command, payload, error) in [
        (1, vec![0; 4], Errno::INVAL),
        (2, vec![], Errno::INVAL),
        (2, words(&[32, 3, 0, 0, 0, 0, 0, 0]), Errno::INVAL),
        (2, words(&[32, 3, 0, 0, 4096, 0, 0, 0]), Errno::INVAL),
        (2, words(&[32, 3, 0, 0, long, long, 4096, 0]), Errno::INVAL),
        (2, words(&[32, 8, 0, 0, 4096, 0, 4096, 0]), Errno::INVAL),
        (2, words(&[8, 3, 0, 0, 4096, 0, 4096, 0]), Errno::INVAL),
        (3, words(&[24, 0, 0, 0, 0, 0]), Errno::INVAL),
        (3, words(&[24, 9, 0, 0, 4096, 0]), Errno::INVAL),
        (4, words(&[15, 0, 0, 0]), Errno::INVAL),
        (4, vec![16, 0, 0], Errno::INVAL),
        (5, words(&[32, 0, 9, 0, 0, 0, 0, 0]), Errno::INVAL),
        (5, words(&[31, 0, 0, 0, 0, 0, 0, 0]), Errno::INVAL),
        (6, words(&[32, 0, 0, 0]), Errno::OPNOTSUPP),
        (7, words(&[16, 0, 5, 0]), Errno::INVAL),
        (8, words(&[20, 0x24, 2, 0, 10]), Errno::INVAL),
        (8, words(&[20, 0x24, 2, long, 2]), Errno::INVAL),
        (8, words(&[20, 0x22, 2, 0, 3]), Errno::INVAL),
        (8, words(&[20, 0x11, 2, 0, 1]), Errno::INVAL),
        (8, words(&[20, 0x25, 2, 0, 1]), Errno::INVAL),
        (9, words(&[0, 0, 7, 0]), Errno::INVAL),
        (9, words(&[4096, 0, 7, 1]), Errno::INVAL),
        (9, words(&[long, long, 7, 4]), Errno::INVAL),
        (9, words(&[0, 0, 7, long]), Errno::INVAL),
        (9, words(&[0, 0, 1, 4]), Errno::INVAL),
        // Memory space is off.
        (9, words(&[0, 0, 0, 4]), Errno::IO),
        (10, words(&[0, 0, 7, 8, 1]), Errno::INVAL),
        (11, words(&[0, 0, 4, 0]), Errno::INVAL),
        (13, vec![0], Errno::INVAL),
        (14, vec![], Errno::NOSYS),
        (15, words(&[2, 0, 0, 0, 7, 4, 0, 0]), Errno::INVAL),
        (15, words(&[1, 0, 0, 0, 7, 9, 0, 0]), Errno::INVAL),
        (15, words(&[long, long]), Errno::INVAL),
        (16, vec![0; 8], Errno::OPNOTSUPP),
        (999, vec![], Errno::NOSYS),
    ] {
        let header = Header {
            id: 99,
            command,
            ..Header::default()
        };
        sender.send(header, &[&payload], &[]).unwrap();
        let m = receiver.next(SOON).unwrap();
        let got = (m.header.id, m.header.command, m.header.flags, m.header.error);
        let want = (
            99,
            command,
            wire::REPLY | wire::ERROR,
            error.raw_os_error() as u32,
        );
        assert_eq!(got, want, "command {command} {payload:x?}");
        assert!(m.payload.is_empty());
    }
    drop((sender, receiver));
    // These end the connection: a reply to nothing, another major version, no version first.
    for (first, header, payload) in [
        (
            true,
            Header {
                flags: wire::REPLY,
                ..Header::default()
            },
            vec![],
        ),
        (
            false,
            Header {
                command: 1,
                ..Header::default()
            },
            vec![1, 0, 0, 0],
        ),
        (
            false,
            Header {
                command: 13,
                ..Header::default()
            },
            vec![],
        ),
    ] {
        let (sender, mut receiver) = if first {
            open()
        } else {
            vfio_user::connect_when_free(&server.socket());
            vfio_user::raw_when_free(&server.socket())
        };
        sender.send(header, &[&payload], &[]).unwrap();
        let end = loop {
            match receiver.next(SOON) {
                Ok(m) => assert!(m.header.flags & wire::ERROR != 0),
                Err(e) => break e,
            }
        };
        assert_eq!(end, casemate_vfio_user::stream::Broken::Closed);
    }
    vfio_user::connect_when_free(&server.socket()).info().unwrap();
}
