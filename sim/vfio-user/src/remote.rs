// SPDX-License-Identifier: Apache-2.0
//! A server's reads and writes of its client's memory by `VFIO_USER_DMA_READ` and `_WRITE`. Nothing here waits: a client may not
//! be able to answer before it has had an answer itself.
//!
//! The specification's count has 8 bytes, QEMU's (hw/vfio-user/protocol.h, `VFIOUserDMARW`) 4 with the data right behind. The
//! first message finds out: a read of 2^32 bytes, which is too much, or none at all.

use crate::stream::{Broken, Message, Sender};
use crate::wire::{self, Command, DmaAccess, Header};
use rustix::io::Errno;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};
use zerocopy::IntoBytes;

/// A read or write that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(u64);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layout {
    Unknown,
    Asked,
    /// The specification's.
    Wide,
    /// QEMU's.
    Narrow,
}

enum What {
    Probe,
    Read { ticket: Ticket, count: u32 },
    Write { ticket: Ticket },
}

struct Ask {
    ticket: Ticket,
    address: u64,
    count: u32,
    /// Of a write.
    data: Option<Vec<u8>>,
}

enum Answer {
    Awaited { until: Instant },
    Here(Result<Vec<u8>, Errno>),
}

struct State {
    layout: Layout,
    next_id: u16,
    next_ticket: u64,
    /// Commands out, by message id.
    out: HashMap<u16, What>,
    /// Kept until it is known how to ask.
    queued: VecDeque<Ask>,
    answers: HashMap<Ticket, Answer>,
    closed: bool,
}

/// A client's memory, by message.
pub struct Remote {
    sender: Arc<Sender>,
    timeout: Duration,
    state: Mutex<State>,
}

impl Remote {
    /// Over this socket; what is not answered within `timeout` has failed.
    pub fn new(sender: Arc<Sender>, timeout: Duration) -> Self {
        Self {
            sender,
            timeout,
            state: Mutex::new(State {
                layout: Layout::Unknown,
                next_id: 0,
                next_ticket: 0,
                out: HashMap::new(),
                queued: VecDeque::new(),
                answers: HashMap::new(),
                closed: false,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Asks for `count` bytes.
    pub fn read(&self, address: u64, count: u32) -> Ticket {
        self.ask(address, count, None)
    }

    /// Asks for these bytes to be written.
    pub fn write(&self, address: u64, data: Vec<u8>) -> Ticket {
        self.ask(address, data.len() as u32, Some(data))
    }

    fn ask(&self, address: u64, count: u32, data: Option<Vec<u8>>) -> Ticket {
        let mut s = self.lock();
        let ticket = Ticket(s.next_ticket);
        s.next_ticket += 1;
        let until = Instant::now() + self.timeout;
        s.answers.insert(ticket, Answer::Awaited { until });
        let ask = Ask {
            ticket,
            address,
            count,
            data,
        };
        match s.layout {
            Layout::Unknown => {
                s.layout = Layout::Asked;
                s.queued.push_back(ask);
                let probe = DmaAccess {
                    address: 0,
                    count: 1 << 32,
                };
                self.send(&mut s, Command::DmaRead, What::Probe, &[probe.as_bytes()]);
            }
            Layout::Asked => s.queued.push_back(ask),
            _ => self.post(&mut s, ask),
        }
        ticket
    }

    fn post(&self, s: &mut State, ask: Ask) {
        let Ask {
            ticket,
            address,
            count,
            data,
        } = ask;
        let wide = DmaAccess {
            address,
            count: count.into(),
        };
        match data {
            // To this extent the layouts are the same, in a host of little-endian order.
            None => self.send(
                s,
                Command::DmaRead,
                What::Read { ticket, count },
                &[wide.as_bytes()],
            ),
            Some(data) if s.layout == Layout::Wide => {
                let parts = [wide.as_bytes(), &data];
                self.send(s, Command::DmaWrite, What::Write { ticket }, &parts)
            }
            Some(data) => {
                // Its size counts the padding of QEMU's structure, at the end.
                let parts = [&address.to_ne_bytes()[..], &count.to_ne_bytes(), &data, &[0; 4]];
                self.send(s, Command::DmaWrite, What::Write { ticket }, &parts)
            }
        }
    }

    fn send(&self, s: &mut State, command: Command, what: What, parts: &[&[u8]]) {
        let mut id = s.next_id;
        while s.out.contains_key(&id) {
            id = id.wrapping_add(1);
            if id == s.next_id {
                return Self::close_all(s);
            }
        }
        s.next_id = id.wrapping_add(1);
        s.out.insert(id, what);
        let header = Header {
            id,
            command: command as u16,
            ..Header::default()
        };
        if s.closed || self.sender.send(header, parts, &[]).is_err() {
            Self::close_all(s);
        }
    }

    /// Whether a ticket's answer is here: what was read, or nothing. It is given once.
    pub fn poll(&self, ticket: Ticket) -> Poll<Result<Vec<u8>, Errno>> {
        let mut s = self.lock();
        match s.answers.get(&ticket) {
            None => return Poll::Ready(Err(Errno::INVAL)),
            Some(Answer::Awaited { until }) if *until > Instant::now() => return Poll::Pending,
            Some(_) => {}
        }
        Poll::Ready(match s.answers.remove(&ticket) {
            Some(Answer::Here(r)) => r,
            _ => Err(Errno::TIMEDOUT),
        })
    }

    /// Nobody will ask for these any more.
    pub fn forget_all(&self) {
        let mut s = self.lock();
        s.answers.clear();
        s.queued.clear();
    }

    /// Nothing more is answered: all fails that is awaited.
    pub fn close(&self) {
        Self::close_all(&mut self.lock());
    }

    fn close_all(s: &mut State) {
        s.closed = true;
        s.out.clear();
        s.queued.clear();
        for a in s.answers.values_mut() {
            if let Answer::Awaited { .. } = a {
                *a = Answer::Here(Err(Errno::PIPE));
            }
        }
    }

    /// Takes a reply; an error if nothing was asked that it could be the reply to.
    pub fn reply(&self, m: &Message) -> Result<(), Broken> {
        let mut s = self.lock();
        let what = s
            .out
            .remove(&m.header.id)
            .ok_or(Broken::Breach("a reply to nothing"))?;
        let failed = m.header.flags & wire::ERROR != 0;
        let error = Errno::from_raw_os_error(match m.header.error {
            e @ 1..=4095 => e as i32,
            _ => Errno::IO.raw_os_error(),
        });
        match what {
            What::Probe => {
                s.layout = if failed { Layout::Wide } else { Layout::Narrow };
                for ask in std::mem::take(&mut s.queued) {
                    self.post(&mut s, ask);
                }
            }
            What::Read { ticket, count } => {
                let (start, count) = match s.layout {
                    Layout::Narrow => (12, count as usize),
                    _ => (size_of::<DmaAccess>(), count as usize),
                };
                let answer = if failed {
                    Err(error)
                } else {
                    m.payload
                        .get(start..start + count)
                        .map_or(Err(Errno::PROTO), |d| Ok(d.to_vec()))
                };
                Self::answer(&mut s, ticket, answer);
            }
            What::Write { ticket } => {
                Self::answer(&mut s, ticket, if failed { Err(error) } else { Ok(Vec::new()) })
            }
        }
        Ok(())
    }

    fn answer(s: &mut State, ticket: Ticket, answer: Result<Vec<u8>, Errno>) {
        // One that was forgotten, or whose time was over, is not there.
        if let Some(a) = s.answers.get_mut(&ticket) {
            *a = Answer::Here(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Receiver;
    use rustix::fd::OwnedFd;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use zerocopy::FromBytes;

    const SOON: Duration = Duration::from_secs(1);

    fn pair() -> (Remote, Receiver, Arc<OwnedFd>) {
        let (a, b) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let (a, b) = (Arc::new(a), Arc::new(b));
        (
            Remote::new(Arc::new(Sender::new(a)), SOON),
            Receiver::new(b.clone()),
            b,
        )
    }

    fn reply(m: &Message, error: Option<Errno>, payload: Vec<u8>) -> Message {
        Message {
            header: Header {
                flags: wire::REPLY | if error.is_some() { wire::ERROR } else { 0 },
                error: error.map_or(0, |e| e.raw_os_error() as u32),
                ..m.header
            },
            payload,
            fds: vec![],
            too_many_fds: false,
        }
    }

    /// The client of a layout: four bytes of memory at 0x1000.
    fn serve(remote: &Remote, client: &mut Receiver, narrow: bool, n: usize) {
        for _ in 0..n {
            let m = client.next(SOON).unwrap();
            let a = DmaAccess::read_from_prefix(&m.payload).unwrap().0;
            let answer = match (narrow, m.header.command) {
                (false, 11) if a.count > 1 << 20 => reply(&m, Some(Errno::TOOBIG), vec![]),
                (false, 11) if a.address == 0x1000 => reply(&m, None, [a.as_bytes(), &[1, 2, 3, 4]].concat()),
                (true, 11) if a.count as u32 == 0 => reply(&m, None, m.payload.clone()),
                (true, 11) if a.address == 0x1000 => {
                    reply(&m, None, [&m.payload[..12], &[1, 2, 3, 4], &[0; 4]].concat())
                }
                (_, 12) if a.address == 0x1000 => {
                    let at = if narrow { 12 } else { 16 };
                    assert_eq!(m.payload.len(), 20);
                    assert_eq!(m.payload[at..at + 4], [5, 6, 7, 8]);
                    reply(&m, None, vec![])
                }
                _ => reply(&m, Some(Errno::FAULT), vec![]),
            };
            remote.reply(&answer).unwrap();
        }
    }

    #[test]
    fn both_layouts() {
        for narrow in [false, true] {
            let (remote, mut client, _s) = pair();
            let read = remote.read(0x1000, 4);
            let write = remote.write(0x1000, vec![5, 6, 7, 8]);
            let (bad_read, bad_write) = (remote.read(0x2000, 4), remote.write(0x2000, vec![0; 4]));
            assert_eq!(remote.poll(read), Poll::Pending);
            serve(&remote, &mut client, narrow, 5);
            assert_eq!(remote.poll(read), Poll::Ready(Ok(vec![1, 2, 3, 4])));
            assert_eq!(remote.poll(read), Poll::Ready(Err(Errno::INVAL)), "given once");
            assert_eq!(remote.poll(write), Poll::Ready(Ok(vec![])));
            assert_eq!(remote.poll(bad_read), Poll::Ready(Err(Errno::FAULT)));
            assert_eq!(remote.poll(bad_write), Poll::Ready(Err(Errno::FAULT)));
        }
    }

    #[test]
    fn what_never_comes_fails() {
        let (mut remote, mut client, _s) = pair();
        remote.timeout = Duration::from_millis(10);
        let late = remote.read(0x1000, 4);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(remote.poll(late), Poll::Ready(Err(Errno::TIMEDOUT)));
        // Its reply is of no use, and no harm.
        serve(&remote, &mut client, false, 2);
        let m = client.try_next().unwrap();
        assert!(m.is_none());

        remote.timeout = SOON;
        let (a, b) = (remote.read(0x1000, 4), remote.read(0x1000, 4));
        let asked = client.next(SOON).unwrap();
        remote.reply(&reply(&asked, None, vec![0; 17])).unwrap();
        assert_eq!(remote.poll(a), Poll::Ready(Err(Errno::PROTO)), "too short");
        assert!(
            remote.reply(&reply(&asked, None, vec![0; 20])).is_err(),
            "unasked"
        );
        remote.close();
        assert_eq!(remote.poll(b), Poll::Ready(Err(Errno::PIPE)));
        let after = remote.read(0x1000, 4);
        assert_eq!(remote.poll(after), Poll::Ready(Err(Errno::PIPE)));
    }
}
