// SPDX-License-Identifier: Apache-2.0
//! Messages, and the fds that come with them, over a stream socket. A peer that sends what cannot be a message, too much of
//! one, or half of one and then nothing, breaks the stream; it never blocks or fills this side.

use crate::version::{DATA, FDS};
use crate::wire::{HEADER, Header};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{Errno, IoSlice, IoSliceMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, IntoBytes};

/// Most bytes of a message: data, and what is before it.
pub const LIMIT: usize = DATA + 64;
/// How long a peer may take to make room for a message.
const SEND: Duration = Duration::from_secs(5);

/// Why no further message comes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Between messages.
    #[error("the other side closed the connection")]
    Closed,
    /// In a message.
    #[error("the other side closed the connection in the middle of a message")]
    Cut,
    /// No message has this size.
    #[error("a message of {0} bytes: {HEADER} to {LIMIT} are possible")]
    Size(u32),
    /// Nothing came, or nothing could be sent.
    #[error("nothing within {0:?}")]
    TimedOut(Duration),
    /// A message that has no place where it came.
    #[error("{0}")]
    Breach(&'static str),
    /// The socket.
    #[error("the socket failed: {0}")]
    Io(Errno),
}

/// A message as it came.
#[derive(Debug)]
pub struct Message {
    /// Its header.
    pub header: Header,
    /// What follows.
    pub payload: Vec<u8>,
    /// Fds that came with it.
    pub fds: Vec<OwnedFd>,
    /// More fds came than there may, and were closed.
    pub too_many_fds: bool,
}

/// The receiving end of a socket.
pub struct Receiver {
    socket: Arc<OwnedFd>,
    head: [u8; HEADER],
    header: Option<Header>,
    payload: Vec<u8>,
    have: usize,
    fds: Vec<OwnedFd>,
    too_many_fds: bool,
}

/// Waits until the fd is readable, or writable, or closed; false after the time-out.
pub fn ready(fd: BorrowedFd<'_>, events: PollFlags, timeout: Duration) -> Result<bool, Errno> {
    let end = Instant::now() + timeout;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let ts = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&ts)) {
            Ok(n) => return Ok(n > 0),
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
}

impl Receiver {
    /// Of this socket.
    pub fn new(socket: Arc<OwnedFd>) -> Self {
        Self {
            socket,
            head: [0; HEADER],
            header: None,
            payload: Vec::new(),
            have: 0,
            fds: Vec::new(),
            too_many_fds: false,
        }
    }

    /// The socket.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// A part of a message is here, and not all of it.
    pub fn in_message(&self) -> bool {
        self.have > 0 || self.header.is_some()
    }

    /// The next message, if all of it is here.
    pub fn try_next(&mut self) -> Result<Option<Message>, Broken> {
        loop {
            if let Some(h) = self.header
                && self.have == self.payload.len()
            {
                (self.header, self.have) = (None, 0);
                return Ok(Some(Message {
                    header: h,
                    payload: std::mem::take(&mut self.payload),
                    fds: std::mem::take(&mut self.fds),
                    too_many_fds: std::mem::take(&mut self.too_many_fds),
                }));
            }
            if !self.more()? {
                return Ok(None);
            }
            if self.header.is_none() && self.have == HEADER {
                let h = Header::read_from_bytes(&self.head).expect("as long as a header");
                if !(HEADER..=LIMIT).contains(&(h.size as usize)) {
                    return Err(Broken::Size(h.size));
                }
                (self.header, self.have) = (Some(h), 0);
                self.payload = vec![0; h.size as usize - HEADER];
            }
        }
    }

    /// Takes bytes of the message that are here; false if there are none.
    fn more(&mut self) -> Result<bool, Broken> {
        let begun = self.in_message();
        let to = match self.header {
            None => &mut self.head[self.have..],
            Some(_) => &mut self.payload[self.have..],
        };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let got = loop {
            match recvmsg(&self.socket, &mut [IoSliceMut::new(to)], &mut control, flags) {
                Ok(got) => break got,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::CONNRESET) => return Err(if begun { Broken::Cut } else { Broken::Closed }),
                Err(e) => return Err(Broken::Io(e)),
            }
        };
        for m in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = m {
                self.fds.extend(fds);
            }
        }
        if got.flags.contains(ReturnFlags::CTRUNC) || self.fds.len() > FDS {
            self.fds.clear();
            self.too_many_fds = true;
        }
        match got.bytes {
            0 if begun => Err(Broken::Cut),
            0 => Err(Broken::Closed),
            n => {
                self.have += n;
                Ok(true)
            }
        }
    }

    /// The next message, waited for.
    pub fn next(&mut self, timeout: Duration) -> Result<Message, Broken> {
        let end = Instant::now() + timeout;
        loop {
            if let Some(m) = self.try_next()? {
                return Ok(m);
            }
            let left = end.saturating_duration_since(Instant::now());
            if !ready(self.socket.as_fd(), PollFlags::IN, left).map_err(Broken::Io)? {
                return Err(Broken::TimedOut(timeout));
            }
        }
    }
}

/// The sending end of a socket; messages of several threads do not mix.
pub struct Sender {
    socket: Arc<OwnedFd>,
    /// Held while a message is sent. True once a message went out in part: nothing can follow it.
    torn: Mutex<bool>,
}

impl Sender {
    /// Of this socket.
    pub fn new(socket: Arc<OwnedFd>) -> Self {
        Self {
            socket,
            torn: Mutex::new(false),
        }
    }

    /// Sends a message; its header's size is filled in.
    pub fn send(&self, mut header: Header, parts: &[&[u8]], fds: &[BorrowedFd<'_>]) -> Result<(), Broken> {
        let size = HEADER + parts.iter().map(|p| p.len()).sum::<usize>();
        header.size = u32::try_from(size).unwrap_or(u32::MAX);
        if size > LIMIT || fds.len() > FDS {
            return Err(Broken::Size(header.size));
        }
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(header.as_bytes());
        parts.iter().for_each(|p| bytes.extend_from_slice(p));
        let mut torn = self.torn.lock().unwrap_or_else(|e| e.into_inner());
        if *torn {
            return Err(Broken::Closed);
        }
        let end = Instant::now() + SEND;
        let mut sent = 0;
        while sent < bytes.len() {
            match self.some(&bytes[sent..], if sent == 0 { fds } else { &[] }) {
                Ok(n) => sent += n,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if !ready(self.socket.as_fd(), PollFlags::OUT, left).map_err(Broken::Io)? {
                        *torn = true;
                        return Err(Broken::TimedOut(SEND));
                    }
                }
                Err(e) => {
                    *torn = true;
                    return Err(match e {
                        Errno::PIPE | Errno::CONNRESET => Broken::Closed,
                        e => Broken::Io(e),
                    });
                }
            }
        }
        Ok(())
    }

    fn some(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            let fits = control.push(SendAncillaryMessage::ScmRights(fds));
            assert!(fits, "room for as many fds as a message may have");
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn pair() -> (Sender, Receiver, Arc<OwnedFd>) {
        let (a, b) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let a = Arc::new(a);
        (Sender::new(a.clone()), Receiver::new(Arc::new(b)), a)
    }

    fn header(id: u16) -> Header {
        Header {
            id,
            command: 9,
            ..Header::default()
        }
    }

    #[test]
    fn messages_keep_their_borders_and_fds() {
        let (s, mut r, raw) = pair();
        assert!(r.try_next().unwrap().is_none());
        let fd = raw.as_fd();
        s.send(header(1), &[b"abc", b"d"], &[]).unwrap();
        s.send(header(2), &[], &[fd, fd]).unwrap();
        s.send(header(3), &[b"e"], &[fd]).unwrap();
        let got: Vec<_> = (0..3)
            .map(|_| {
                let m = r.next(Duration::from_secs(1)).unwrap();
                (m.header.id, m.payload, m.fds.len())
            })
            .collect();
        assert_eq!(
            got,
            [(1, b"abcd".to_vec(), 0), (2, vec![], 2), (3, b"e".to_vec(), 1)]
        );
        // Byte by byte it is the same message.
        let mut h = header(4);
        h.size = 18;
        for b in [h.as_bytes(), b"xy"].concat() {
            assert!(r.try_next().unwrap().is_none());
            rustix::io::write(&raw, &[b]).unwrap();
        }
        assert_eq!(r.try_next().unwrap().unwrap().payload, b"xy");
    }

    #[test]
    fn what_breaks_a_stream() {
        for size in [0, 15, LIMIT as u32 + 1, u32::MAX] {
            let (_s, mut r, raw) = pair();
            let mut h = header(1);
            h.size = size;
            rustix::io::write(&raw, h.as_bytes()).unwrap();
            assert_eq!(r.try_next().unwrap_err(), Broken::Size(size));
        }
        let (s, mut r, raw) = pair();
        rustix::io::write(&raw, &[0; 7]).unwrap();
        let short = Duration::from_millis(20);
        assert_eq!(r.next(short).unwrap_err(), Broken::TimedOut(short));
        drop((s, raw));
        assert_eq!(r.next(short).unwrap_err(), Broken::Cut);
        let (s, mut r, raw) = pair();
        drop((s, raw));
        assert_eq!(r.next(short).unwrap_err(), Broken::Closed);
        let (s, r, _raw) = pair();
        drop(r);
        assert_eq!(s.send(header(1), &[], &[]).unwrap_err(), Broken::Closed);
    }

    #[test]
    fn more_fds_than_there_may_be_are_closed() {
        let (_s, mut r, raw) = pair();
        let fds = [raw.as_fd(); FDS + 1];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS + 1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let mut h = header(1);
        h.size = 16;
        sendmsg(
            &raw,
            &[IoSlice::new(h.as_bytes())],
            &mut control,
            SendFlags::empty(),
        )
        .unwrap();
        let m = r.next(Duration::from_secs(1)).unwrap();
        assert!(m.too_many_fds && m.fds.is_empty());
    }
}
