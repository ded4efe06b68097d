// SPDX-License-Identifier: Apache-2.0
//! The client of a server. Each call ends in its reply, in the server's error, or within a time-out.

use crate::stream::{Broken, Message, Receiver, Sender, ready};
use crate::version::{self, Capabilities, DATA};
use crate::wire::{
    self, Area, Command, DeviceInfo, DmaAccess, DmaMap, DmaUnmap, Header, IrqInfo, IrqSet, RegionAccess,
    RegionInfo, SparseMmap,
};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, connect, shutdown, socket_with,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zerocopy::{FromBytes, IntoBytes};

/// Longer than any process.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// What can go wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Nobody listens.
    #[error("no vfio-user server on {path} ({error}): start one with `casemate-sim serve --socket {path}`")]
    NoServer {
        /// The socket.
        path: PathBuf,
        /// Cause.
        error: Errno,
    },
    /// It serves one client at a time.
    #[error("the vfio-user server on {0} serves another client: wait until that one has closed the device")]
    Busy(PathBuf),
    /// The server's answer is an error.
    #[error("the vfio-user server refused {command:?}: {error}")]
    Refused {
        /// What was asked.
        command: Command,
        /// Its errno.
        error: Errno,
    },
    /// The connection is of no more use, from then on.
    #[error("the connection to the vfio-user server is lost: {0}")]
    Lost(Broken),
    /// The server said what it must not.
    #[error("the vfio-user server broke the protocol: {0}")]
    Protocol(String),
}

/// This side's memory, when the server asks for it by message.
pub trait Memory: Send + Sync {
    /// Reads.
    fn read(&self, address: u64, buf: &mut [u8]) -> Result<(), Errno>;
    /// Writes.
    fn write(&self, address: u64, data: &[u8]) -> Result<(), Errno>;
}

struct Channel {
    receiver: Receiver,
    next_id: u16,
    /// Why nothing more can be asked.
    lost: Option<Error>,
}

/// A connection to a server.
pub struct Client {
    channel: Mutex<Channel>,
    sender: Sender,
    socket: Arc<OwnedFd>,
    memory: Arc<dyn Memory>,
    server: Capabilities,
    timeout: Duration,
    twin: Option<(Arc<OwnedFd>, JoinHandle<()>)>,
}

/// A region, and what of it can be mapped by the fd.
#[derive(Debug)]
pub struct Region {
    /// What it is.
    pub info: RegionInfo,
    /// What of it may be mapped; all, if [`wire::REGION_MMAP`] is set and there are none.
    pub areas: Vec<Area>,
    /// To map it by.
    pub fd: Option<OwnedFd>,
}

fn proto(what: impl Into<String>) -> Error {
    Error::Protocol(what.into())
}

impl Client {
    /// Connects and agrees on a version. `memory` answers what the server asks for by message.
    pub fn connect(path: &Path, memory: Arc<dyn Memory>, timeout: Duration) -> Result<Self, Error> {
        let failed = |error| Error::NoServer {
            path: path.into(),
            error,
        };
        let address = SocketAddrUnix::new(path).map_err(failed)?;
        let kind = (AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC);
        let socket = socket_with(kind.0, kind.1, kind.2, None).map_err(failed)?;
        connect(&socket, &address).map_err(failed)?;
        Self::over(socket, memory, timeout).map_err(|e| match e {
            Error::Refused {
                error: Errno::BUSY, ..
            } => Error::Busy(path.into()),
            e => e,
        })
    }

    /// Over a socket that is connected.
    pub fn over(socket: OwnedFd, memory: Arc<dyn Memory>, timeout: Duration) -> Result<Self, Error> {
        let socket = Arc::new(socket);
        let mut client = Self {
            channel: Mutex::new(Channel {
                receiver: Receiver::new(socket.clone()),
                next_id: 0,
                lost: None,
            }),
            sender: Sender::new(socket.clone()),
            socket,
            memory,
            server: Capabilities::default(),
            timeout,
            twin: None,
        };
        client.agree()?;
        Ok(client)
    }

    fn agree(&mut self) -> Result<(), Error> {
        let proposal = version::encode(0, &Capabilities::proposal());
        let mut m = self.request(Command::Version, &[&proposal], &[])?;
        let (v, caps) = version::decode(&m.payload).map_err(|e| proto(format!("its version: {e}")))?;
        if (v.major, v.minor) != (0, 0) {
            return Err(proto(format!(
                "its version is {}.{}, where 0.0 was proposed",
                v.major, v.minor
            )));
        }
        if let Some(t) = caps.twin_socket.as_ref().filter(|t| t.supported) {
            let i = t.fd_index.map_or(usize::MAX, |i| i as usize);
            if i >= m.fds.len() {
                return Err(proto("a twin socket without its fd"));
            }
            let twin = Arc::new(m.fds.swap_remove(i));
            let (mut receiver, sender) = (Receiver::new(twin.clone()), Sender::new(twin.clone()));
            let memory = self.memory.clone();
            let serve = move || {
                while let Ok(m) = receiver.next(FOREVER) {
                    if answer(&*memory, &sender, &m).is_err() {
                        break;
                    }
                }
                // The server must not wait for answers that nobody gives.
                let _ = shutdown(receiver.socket(), Shutdown::Both);
            };
            let thread = std::thread::Builder::new()
                .name("vfio-user memory".into())
                .spawn(serve)
                .map_err(|e| Error::Lost(Broken::Io(Errno::from_io_error(&e).unwrap_or(Errno::AGAIN))))?;
            self.twin = Some((twin, thread));
        }
        self.server = caps;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The socket: readable or hung up without a call under way, the server is gone.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Why nothing more can be asked, if so; finds out that the server has gone.
    pub fn lost(&self) -> Option<Error> {
        let mut c = self.lock();
        if c.lost.is_none()
            && let Ok(true) = ready(self.socket(), PollFlags::IN, Duration::ZERO)
        {
            // Nobody waits for anything: this is a command, the end, or a breach.
            let came = c.receiver.try_next();
            let e = match came {
                Ok(None) => return None,
                Ok(Some(m)) => match answer(&*self.memory, &self.sender, &m) {
                    Ok(()) => return None,
                    Err(e) => e,
                },
                Err(e) => Error::Lost(e),
            };
            c.lost = Some(e);
        }
        c.lost.clone()
    }

    fn header(c: &mut Channel, command: Command, flags: u32) -> Header {
        c.next_id = c.next_id.wrapping_add(1);
        Header {
            id: c.next_id,
            command: command as u16,
            flags,
            ..Header::default()
        }
    }

    /// Sends a command and waits for its reply.
    pub fn request(
        &self,
        command: Command,
        parts: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Message, Error> {
        let mut c = self.lock();
        if let Some(e) = &c.lost {
            return Err(e.clone());
        }
        let header = Self::header(&mut c, command, 0);
        match self.exchange(&mut c, header, parts, fds) {
            Ok(m) if m.header.flags & wire::ERROR != 0 => Err(Error::Refused {
                command,
                error: Errno::from_raw_os_error(match m.header.error {
                    e @ 1..=4095 => e as i32,
                    _ => Errno::IO.raw_os_error(),
                }),
            }),
            Ok(m) => Ok(m),
            Err(e) => {
                // Where the next message begins is not known any more, or whose reply it is.
                c.lost = Some(e.clone());
                Err(e)
            }
        }
    }

    fn exchange(
        &self,
        c: &mut Channel,
        header: Header,
        parts: &[&[u8]],
        fds: &[BorrowedFd<'_>],
    ) -> Result<Message, Error> {
        self.sender.send(header, parts, fds).map_err(Error::Lost)?;
        let end = Instant::now() + self.timeout;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let m = c.receiver.next(left).map_err(|e| match e {
                Broken::TimedOut(_) => Error::Lost(Broken::TimedOut(self.timeout)),
                e => Error::Lost(e),
            })?;
            if m.header.flags & wire::TYPE != wire::REPLY {
                answer(&*self.memory, &self.sender, &m)?;
                continue;
            }
            if (m.header.id, m.header.command) != (header.id, header.command) {
                return Err(proto(format!(
                    "a reply to command {} of id {}, where {} of id {} was asked",
                    m.header.command, m.header.id, header.command, header.id
                )));
            }
            return Ok(m);
        }
    }

    /// Sends a command that has no reply.
    fn post(&self, command: Command, parts: &[&[u8]]) -> Result<(), Error> {
        let mut c = self.lock();
        if let Some(e) = &c.lost {
            return Err(e.clone());
        }
        let header = Self::header(&mut c, command, wire::NO_REPLY);
        self.sender.send(header, parts, &[]).map_err(|e| {
            c.lost = Some(Error::Lost(e.clone()));
            Error::Lost(e)
        })
    }

    fn payload<T: FromBytes>(m: &Message) -> Result<T, Error> {
        T::read_from_prefix(&m.payload)
            .map(|(v, _)| v)
            .map_err(|_| proto(format!("a reply of {} bytes is too short", m.payload.len())))
    }

    /// The device.
    pub fn info(&self) -> Result<DeviceInfo, Error> {
        let ask = DeviceInfo {
            argsz: size_of::<DeviceInfo>() as u32,
            ..DeviceInfo::default()
        };
        Self::payload(&self.request(Command::DeviceGetInfo, &[ask.as_bytes()], &[])?)
    }

    /// A region.
    pub fn region(&self, index: u32) -> Result<Region, Error> {
        let mut ask = RegionInfo {
            argsz: size_of::<RegionInfo>() as u32,
            index,
            ..RegionInfo::default()
        };
        let mut m = self.request(Command::DeviceGetRegionInfo, &[ask.as_bytes()], &[])?;
        let mut info: RegionInfo = Self::payload(&m)?;
        if info.argsz > ask.argsz && info.argsz <= 4096 {
            ask.argsz = info.argsz;
            m = self.request(Command::DeviceGetRegionInfo, &[ask.as_bytes()], &[])?;
            info = Self::payload(&m)?;
        }
        let mut areas = Vec::new();
        if info.flags & wire::REGION_CAPS != 0 {
            let cap = m.payload.get(info.cap_offset as usize..).unwrap_or_default();
            let (sparse, mut rest) =
                SparseMmap::read_from_prefix(cap).map_err(|_| proto("a capability beyond its reply"))?;
            // The chain may hold others; only this one is known, and it is the only one of its region.
            for _ in 0..sparse.nr_areas * u32::from(sparse.id == wire::CAP_SPARSE_MMAP) {
                let (a, tail) =
                    Area::read_from_prefix(rest).map_err(|_| proto("areas beyond their reply"))?;
                areas.push(a);
                rest = tail;
            }
        }
        Ok(Region {
            info,
            areas,
            fd: m.fds.pop(),
        })
    }

    /// A kind of interrupt.
    pub fn irq(&self, index: u32) -> Result<IrqInfo, Error> {
        let ask = IrqInfo {
            argsz: size_of::<IrqInfo>() as u32,
            index,
            ..IrqInfo::default()
        };
        Self::payload(&self.request(Command::DeviceGetIrqInfo, &[ask.as_bytes()], &[])?)
    }

    /// Has interrupts `start` and on signalled by these event fds.
    pub fn set_irqs(&self, index: u32, start: u32, fds: &[BorrowedFd<'_>]) -> Result<(), Error> {
        let most = self.server.fds().max(1);
        for (i, part) in fds.chunks(most).enumerate() {
            let set = IrqSet {
                argsz: size_of::<IrqSet>() as u32,
                flags: wire::SET_EVENTFD | wire::SET_TRIGGER,
                index,
                start: start + (i * most) as u32,
                count: part.len() as u32,
            };
            self.request(Command::DeviceSetIrqs, &[set.as_bytes()], part)?;
        }
        Ok(())
    }

    /// Has none of them signalled any more.
    pub fn clear_irqs(&self, index: u32) -> Result<(), Error> {
        let set = IrqSet {
            argsz: size_of::<IrqSet>() as u32,
            flags: wire::SET_NONE | wire::SET_TRIGGER,
            index,
            ..IrqSet::default()
        };
        self.request(Command::DeviceSetIrqs, &[set.as_bytes()], &[])
            .map(drop)
    }

    /// Lets the device reach `size` bytes of a file, from `offset` on, at `address`.
    pub fn dma_map(
        &self,
        address: u64,
        size: u64,
        flags: u32,
        file: Option<(BorrowedFd<'_>, u64)>,
    ) -> Result<(), Error> {
        let map = DmaMap {
            argsz: size_of::<DmaMap>() as u32,
            flags,
            offset: file.map_or(0, |f| f.1),
            address,
            size,
        };
        let fds: Vec<_> = file.iter().map(|f| f.0).collect();
        self.request(Command::DmaMap, &[map.as_bytes()], &fds).map(drop)
    }

    /// Takes it away: when this returns the device has stopped using it.
    pub fn dma_unmap(&self, address: u64, size: u64) -> Result<(), Error> {
        let unmap = DmaUnmap {
            argsz: size_of::<DmaUnmap>() as u32,
            flags: 0,
            address,
            size,
        };
        self.request(Command::DmaUnmap, &[unmap.as_bytes()], &[])
            .map(drop)
    }

    /// Reads a region.
    pub fn read(&self, region: u32, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        let a = RegionAccess {
            offset,
            region,
            count: buf.len() as u32,
        };
        let m = self.request(Command::RegionRead, &[a.as_bytes()], &[])?;
        let got: RegionAccess = Self::payload(&m)?;
        let data = &m.payload[size_of::<RegionAccess>()..];
        if got.count as usize != buf.len() || data.len() < buf.len() {
            return Err(proto(format!(
                "{} bytes of a region, where {} were asked for",
                data.len(),
                buf.len()
            )));
        }
        buf.copy_from_slice(&data[..buf.len()]);
        Ok(())
    }

    /// Writes a region and waits until it is done.
    pub fn write(&self, region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        let a = RegionAccess {
            offset,
            region,
            count: data.len() as u32,
        };
        self.request(Command::RegionWrite, &[a.as_bytes(), data], &[])
            .map(drop)
    }

    /// Writes a region without waiting; a later read is not served before it.
    pub fn post_write(&self, region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        let a = RegionAccess {
            offset,
            region,
            count: data.len() as u32,
        };
        self.post(Command::RegionWrite, &[a.as_bytes(), data])
    }

    /// Resets the device.
    pub fn reset(&self) -> Result<(), Error> {
        self.request(Command::DeviceReset, &[], &[]).map(drop)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = shutdown(&self.socket, Shutdown::Both);
        if let Some((twin, thread)) = self.twin.take() {
            let _ = shutdown(&twin, Shutdown::Both);
            let _ = thread.join();
        }
    }
}

/// Answers what a server asks of this side's memory.
fn answer(memory: &dyn Memory, sender: &Sender, m: &Message) -> Result<(), Error> {
    if m.header.flags & wire::TYPE != 0 {
        return Err(proto("a reply that nobody awaits"));
    }
    let access = || {
        let (a, rest) = DmaAccess::read_from_prefix(&m.payload).map_err(|_| Errno::INVAL)?;
        if a.count > DATA as u64 {
            return Err(Errno::TOOBIG);
        }
        Ok((a, rest))
    };
    let outcome = match Command::from_code(m.header.command) {
        Some(Command::DmaRead) => access().and_then(|(a, _)| {
            let mut data = vec![0; a.count as usize];
            memory.read(a.address, &mut data)?;
            Ok((a, data))
        }),
        Some(Command::DmaWrite) => access().and_then(|(a, rest)| {
            let data = rest.get(..a.count as usize).ok_or(Errno::INVAL)?;
            memory.write(a.address, data)?;
            Ok((a, Vec::new()))
        }),
        _ => Err(Errno::NOSYS),
    };
    if m.header.flags & wire::NO_REPLY != 0 {
        return Ok(());
    }
    let header = Header {
        flags: wire::REPLY | if outcome.is_err() { wire::ERROR } else { 0 },
        error: outcome.as_ref().err().map_or(0, |e| e.raw_os_error() as u32),
        ..m.header
    };
    match &outcome {
        Ok((a, data)) => sender.send(header, &[a.as_bytes(), data], &[]),
        Err(_) => sender.send(header, &[], &[]),
    }
    .map_err(Error::Lost)
}
