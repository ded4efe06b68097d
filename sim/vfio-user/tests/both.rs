// SPDX-License-Identifier: Apache-2.0
//! The client and the server of this crate, against each other; and the client against servers that do what they must not.

use casemate_vfio_user::Errno;
use casemate_vfio_user::client::{self, Client, Error};
use casemate_vfio_user::memory::{Mapping, create};
use casemate_vfio_user::remote::Remote;
use casemate_vfio_user::server::{Function, Region, Session, Signal};
use casemate_vfio_user::stream::{Broken, Message, Receiver, Sender};
use casemate_vfio_user::version::{self, Capabilities, Twin};
use casemate_vfio_user::wire::{self, Area, Command, DmaMap, Header, OneWrite};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

const SOON: Duration = Duration::from_secs(10);

/// 256 bytes of memory at 0x1000 that the server may ask for.
struct Memory(Mutex<[u8; 256]>);

impl client::Memory for Memory {
    fn read(&self, address: u64, buf: &mut [u8]) -> Result<(), Errno> {
        let at = address.checked_sub(0x1000).ok_or(Errno::FAULT)? as usize;
        let memory = self.0.lock().unwrap();
        buf.copy_from_slice(memory.get(at..at + buf.len()).ok_or(Errno::FAULT)?);
        Ok(())
    }

    fn write(&self, address: u64, data: &[u8]) -> Result<(), Errno> {
        let at = address.checked_sub(0x1000).ok_or(Errno::FAULT)? as usize;
        let mut memory = self.0.lock().unwrap();
        let part = memory.get_mut(at..at + data.len()).ok_or(Errno::PERM)?;
        part.copy_from_slice(data);
        Ok(())
    }
}

fn memory() -> Arc<Memory> {
    Arc::new(Memory(Mutex::new([7; 256])))
}

/// A function that remembers what was done to it. Region 0 is mapped in part, region 7 holds 64 bytes.
struct Mock {
    file: OwnedFd,
    bytes: [u8; 64],
    done: Arc<Mutex<Vec<String>>>,
}

impl Mock {
    fn did(&self, what: String) {
        self.done.lock().unwrap().push(what);
    }
}

impl Function for Mock {
    fn region(&self, index: u32) -> Region {
        match index {
            0 => Region {
                size: 16384,
                flags: wire::REGION_READ | wire::REGION_MMAP,
                areas: vec![
                    Area {
                        offset: 4096,
                        size: 4096,
                    },
                    Area {
                        offset: 12288,
                        size: 4096,
                    },
                ],
                offset: 0,
            },
            7 => Region {
                size: 64,
                flags: wire::REGION_READ | wire::REGION_WRITE,
                ..Region::default()
            },
            _ => Region::default(),
        }
    }

    fn region_fd(&self, index: u32) -> Option<BorrowedFd<'_>> {
        (index == 0).then(|| self.file.as_fd())
    }

    fn irq(&self, index: u32) -> (u32, u32) {
        if index == 2 {
            (20, wire::IRQ_EVENTFD)
        } else {
            (0, 0)
        }
    }

    fn read(&mut self, region: u32, offset: u64, buf: &mut [u8]) -> Result<(), Errno> {
        assert_eq!(region, 7);
        buf.copy_from_slice(&self.bytes[offset as usize..][..buf.len()]);
        Ok(())
    }

    fn write(&mut self, region: u32, offset: u64, data: &[u8], posted: bool) -> Result<(), Errno> {
        assert_eq!(region, 7);
        self.bytes[offset as usize..][..data.len()].copy_from_slice(data);
        self.did(format!("write {offset} {data:?} {posted}"));
        if data[0] == 0xee {
            Err(Errno::ACCESS)
        } else {
            Ok(())
        }
    }

    fn dma_map(&mut self, map: &DmaMap, fd: Option<OwnedFd>) -> Result<(), Errno> {
        self.did(format!(
            "map {:#x}+{:#x} {} {}",
            map.address,
            map.size,
            map.flags,
            fd.is_some()
        ));
        Ok(())
    }

    fn dma_unmap(&mut self, first: u64, last: u64) -> Result<(), Errno> {
        self.did(format!("unmap {first:#x}-{last:#x}"));
        Ok(())
    }

    fn signal(&mut self, index: u32, start: u32, signal: Signal) -> Result<(), Errno> {
        let what = match signal {
            Signal::Assign(fds) => format!("assign {}", fds.len()),
            other => format!("{other:?}"),
        };
        self.did(format!("irq {index} {start} {what}"));
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Errno> {
        self.did("reset".into());
        Ok(())
    }
}

fn pair() -> (OwnedFd, Arc<OwnedFd>) {
    let (a, b) = UnixStream::pair().unwrap();
    (a.into(), Arc::new(b.into()))
}

type Served = (Client, JoinHandle<Broken>, Arc<Mutex<Vec<String>>>, Arc<Memory>);

/// A client, and a thread that serves it; once a version is agreed on, `then` has the client's memory, by message.
fn served(then: impl FnOnce(&Remote, &mut Receiver) + Send + 'static) -> Served {
    let (ours, theirs) = pair();
    let done = Arc::new(Mutex::new(Vec::new()));
    let mut mock = Mock {
        file: create("region", 16384).unwrap(),
        bytes: [0; 64],
        done: done.clone(),
    };
    let thread = std::thread::spawn(move || {
        let sender = Arc::new(Sender::new(theirs.clone()));
        let mut receiver = Receiver::new(theirs);
        let mut session = Session::new(sender);
        let mut then = Some(then);
        loop {
            let served = receiver.next(SOON).and_then(|m| session.handle(m, &mut mock));
            if let Err(e) = served {
                return e;
            }
            if let (Some(twin), Some(then)) = (session.twin(), then.take()) {
                let remote = Remote::new(Arc::new(Sender::new(twin.clone())), SOON);
                then(&remote, &mut Receiver::new(twin.clone()));
            }
        }
    });
    let memory = memory();
    let client = Client::over(ours, memory.clone(), SOON).unwrap();
    (client, thread, done, memory)
}

#[test]
fn every_call() {
    let (client, thread, done, _) = served(|_, _| {});
    let info = client.info().unwrap();
    assert_eq!((info.flags, info.num_regions, info.num_irqs), (3, 9, 5));

    let r = client.region(0).unwrap();
    assert_eq!((r.info.size, r.areas.len(), r.areas[1].offset), (16384, 2, 12288));
    Mapping::new(r.fd.expect("to map it by"), 16384, true).unwrap();
    let r = client.region(7).unwrap();
    assert_eq!((r.info.size, r.info.flags, r.fd.is_none()), (64, 3, true));
    assert_eq!(client.region(3).unwrap().info.size, 0);
    assert_eq!(client.irq(2).unwrap().count, 20);

    client.write(7, 8, &[1, 2, 3, 4]).unwrap();
    client.post_write(7, 12, &[5, 6]).unwrap();
    let mut b = [0; 8];
    client.read(7, 7, &mut b).unwrap();
    assert_eq!(
        b,
        [0, 1, 2, 3, 4, 5, 6, 0],
        "a posted write is done before a later read"
    );

    let one = |offset, data| OneWrite {
        offset,
        region: 7,
        count: 2,
        data,
    };
    let writes = [one(20, [9; 8]), one(30, [8; 8])];
    client
        .request(
            Command::RegionWriteMulti,
            &[2u64.as_bytes(), writes.as_bytes()],
            &[],
        )
        .unwrap();

    let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::empty()).unwrap();
    // More than one message may carry.
    client.set_irqs(2, 0, &[event.as_fd(); 20]).unwrap();
    client.clear_irqs(2).unwrap();
    let file = create("dma", 8192).unwrap();
    client
        .dma_map(0x1000, 4096, wire::DMA_READABLE, Some((file.as_fd(), 4096)))
        .unwrap();
    client.dma_unmap(0x1000, 4096).unwrap();
    client.reset().unwrap();

    for refused in [
        client.write(7, 0, &[0xee]).unwrap_err(),
        client.read(7, 60, &mut b).unwrap_err(),
        client.write(0, 0, &[0]).unwrap_err(),
        client.dma_map(1, 4096, 3, None).unwrap_err(),
        client.set_irqs(0, 0, &[event.as_fd()]).unwrap_err(),
    ] {
        assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    }
    // A refusal of what is posted is told to nobody, and breaks nothing.
    client.post_write(7, 0, &[0xee]).unwrap();
    client.info().unwrap();
    drop(client);
    assert_eq!(thread.join().unwrap(), Broken::Closed);
    assert_eq!(
        *done.lock().unwrap(),
        [
            "write 8 [1, 2, 3, 4] false",
            "write 12 [5, 6] true",
            "write 20 [9, 9] false",
            "write 30 [8, 8] false",
            "irq 2 0 assign 16",
            "irq 2 16 assign 4",
            "irq 2 0 DisableAll",
            "map 0x1000+0x1000 1 true",
            "unmap 0x1000-0x1fff",
            "reset",
            "write 0 [238] false",
            "write 0 [238] true",
        ]
    );
}

/// The server reads and writes the client's memory while the client does nothing.
#[test]
fn memory_by_message() {
    let (client, thread, _, memory) = served(|remote, twin| {
        let asked = [
            remote.read(0x1010, 16),
            remote.write(0x1020, vec![1, 2, 3]),
            remote.read(0x2000, 4),
            remote.write(0x2000, vec![0]),
            remote.read(0x1000, 1 << 20),
        ];
        let want = [
            Ok(vec![7; 16]),
            Ok(vec![]),
            Err(Errno::FAULT),
            Err(Errno::PERM),
            Err(Errno::TOOBIG),
        ];
        for (ticket, want) in asked.into_iter().zip(want) {
            let got = loop {
                match remote.poll(ticket) {
                    Poll::Ready(got) => break got,
                    Poll::Pending => remote.reply(&twin.next(SOON).unwrap()).unwrap(),
                }
            };
            assert_eq!(got, want);
        }
    });
    client.info().unwrap();
    assert_eq!(memory.0.lock().unwrap()[0x20..0x24], [1, 2, 3, 7]);
    drop(client);
    assert_eq!(thread.join().unwrap(), Broken::Closed);
}

/// A server whose answers are made up by `answer`, from the second message on.
fn rogue(
    caps: Capabilities,
    answer: impl Fn(&Message, &Sender) -> bool + Send + 'static,
) -> Result<Client, Error> {
    let (ours, theirs) = pair();
    std::thread::spawn(move || {
        let (sender, mut receiver) = (Sender::new(theirs.clone()), Receiver::new(theirs));
        let m = receiver.next(SOON).unwrap();
        let header = Header {
            flags: wire::REPLY,
            ..m.header
        };
        sender.send(header, &[&version::encode(0, &caps)], &[]).unwrap();
        while let Ok(m) = receiver.next(SOON) {
            if !answer(&m, &sender) {
                break;
            }
        }
    });
    Client::over(ours, memory(), Duration::from_millis(300))
}

/// What the client says of a server that answers like this; twice the same, and soon.
fn said(answer: impl Fn(&Message, &Sender) -> bool + Send + 'static) -> String {
    let client = rogue(Capabilities::default(), answer).unwrap();
    let start = Instant::now();
    let first = client.info().unwrap_err().to_string();
    let second = client.region(7).unwrap_err().to_string();
    assert_eq!(first, second, "it stays so");
    assert!(client.lost().is_some());
    assert!(start.elapsed() < Duration::from_secs(5));
    first
}

fn reply(m: &Message) -> Header {
    Header {
        flags: wire::REPLY,
        ..m.header
    }
}

#[test]
fn servers_that_hang_or_lie() {
    let silent = said(|_, _| true);
    assert!(silent.contains("nothing within 300ms"), "{silent}");
    let gone = said(|_, _| false);
    assert!(gone.contains("closed the connection"), "{gone}");
    let other = said(|m, s| {
        let header = Header {
            id: m.header.id.wrapping_add(1),
            ..reply(m)
        };
        s.send(header, &[&[0; 16]], &[]).is_ok()
    });
    assert!(other.contains("a reply to command 4"), "{other}");
    let wrong = said(|m, s| {
        let header = Header {
            command: 7,
            ..reply(m)
        };
        s.send(header, &[&[0; 16]], &[]).is_ok()
    });
    assert!(wrong.contains("a reply to command 7"), "{wrong}");

    // Too short a reply, or an error without an errno: errors, and the next call may go well.
    let client = rogue(Capabilities::default(), |m, s| {
        let (header, payload) = match m.header.command {
            4 => (reply(m), vec![0; 15]),
            9 => (reply(m), vec![0; 16]),
            _ => {
                let flags = wire::REPLY | wire::ERROR;
                (Header { flags, ..m.header }, vec![])
            }
        };
        s.send(header, &[&payload], &[]).is_ok()
    })
    .unwrap();
    assert!(matches!(client.info(), Err(Error::Protocol(_))));
    assert!(matches!(client.read(7, 0, &mut [0; 4]), Err(Error::Protocol(_))));
    assert!(matches!(
        client.reset(),
        Err(Error::Refused { error: Errno::IO, .. })
    ));

    // A server that asks while it is asked, where there is no second socket.
    let client = rogue(Capabilities::default(), |m, s| {
        if m.header.flags & wire::TYPE != 0 {
            // The answer to what it asked: refused.
            return m.header.error != 0;
        }
        let ask = Header {
            id: 77,
            command: Command::DmaRead as u16,
            ..Header::default()
        };
        s.send(ask, &[&[0u64, 4].map(u64::to_le_bytes).concat()], &[])
            .unwrap();
        s.send(reply(m), &[&[0; 16]], &[]).is_ok()
    })
    .unwrap();
    client.info().unwrap();
    client.info().unwrap();

    let twin = Some(Twin {
        supported: true,
        fd_index: Some(0),
    });
    let caps = Capabilities {
        twin_socket: twin,
        ..Capabilities::default()
    };
    let e = rogue(caps, |_, _| true).err().unwrap();
    assert!(e.to_string().contains("a twin socket without its fd"), "{e}");
}

#[test]
fn nobody_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none");
    let e = Client::connect(&path, memory(), SOON).err().unwrap();
    assert!(e.to_string().contains("casemate-sim serve --socket"), "{e}");
}
