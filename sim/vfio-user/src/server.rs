// SPDX-License-Identifier: Apache-2.0
//! The server's end of a connection: requests checked, carried out by a [`Function`], answered. Sizes, ranges, flags and fds
//! are checked here, so that a function sees only what can be meant.

use crate::stream::{Broken, Message, Sender};
use crate::version::{self, Capabilities, DATA};
use crate::wire::{
    self, Area, Command, DeviceInfo, DmaMap, DmaUnmap, Header, IrqInfo, IrqSet, OneWrite, RegionAccess,
    RegionInfo, SparseMmap,
};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::sync::Arc;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A region of a function.
#[derive(Default)]
pub struct Region {
    /// Bytes; 0 for none.
    pub size: u64,
    /// Of [`wire::REGION_READ`] and the like, but [`wire::REGION_CAPS`].
    pub flags: u32,
    /// What of it can be mapped, if [`wire::REGION_MMAP`] is set and it is not all.
    pub areas: Vec<Area>,
    /// Where it is in the fd.
    pub offset: u64,
}

/// What is done to interrupts.
#[derive(Debug)]
pub enum Signal {
    /// None of this kind is signalled any more.
    DisableAll,
    /// Each is signalled by its event fd from now on.
    Assign(Vec<OwnedFd>),
    /// These many are signalled no more.
    Deassign(u32),
    /// Those that are set are signalled now.
    Trigger(Vec<bool>),
}

/// A PCI function to serve.
pub trait Function {
    /// A region, below [`wire::REGIONS`].
    fn region(&self, index: u32) -> Region;
    /// The fd of a region that can be mapped.
    fn region_fd(&self, index: u32) -> Option<BorrowedFd<'_>>;
    /// Interrupts of a kind, below [`wire::IRQS`]: how many, and flags of [`IrqInfo`].
    fn irq(&self, index: u32) -> (u32, u32);
    /// Reads within a region.
    fn read(&mut self, region: u32, offset: u64, buf: &mut [u8]) -> Result<(), Errno>;
    /// Writes within a region; if `posted`, nobody hears what became of it.
    fn write(&mut self, region: u32, offset: u64, data: &[u8], posted: bool) -> Result<(), Errno>;
    /// Lets the device reach memory. The range is not empty and does not wrap.
    fn dma_map(&mut self, map: &DmaMap, fd: Option<OwnedFd>) -> Result<(), Errno>;
    /// Takes all memory from `first` to `last` away. When it returns the device does not use it any more.
    fn dma_unmap(&mut self, first: u64, last: u64) -> Result<(), Errno>;
    /// Of a kind of interrupt, those from `start` on.
    fn signal(&mut self, index: u32, start: u32, signal: Signal) -> Result<(), Errno>;
    /// Resets the device.
    fn reset(&mut self) -> Result<(), Errno>;
}

/// One client's connection.
pub struct Session {
    sender: Arc<Sender>,
    agreed: Option<Capabilities>,
    twin: Option<Arc<OwnedFd>>,
}

/// What is sent back: payload and fds.
#[derive(Default)]
struct Reply {
    payload: Vec<u8>,
    fd: Option<OwnedFd>,
}

impl From<Vec<u8>> for Reply {
    fn from(payload: Vec<u8>) -> Self {
        Self { payload, fd: None }
    }
}

fn fixed<T: FromBytes + KnownLayout + Immutable>(m: &Message) -> Result<T, Errno> {
    T::read_from_bytes(&m.payload).map_err(|_| Errno::INVAL)
}

/// Sends an error, unless none is wanted.
pub fn refuse(sender: &Sender, header: Header, error: Errno) -> Result<(), Broken> {
    if header.flags & wire::NO_REPLY != 0 {
        return Ok(());
    }
    let header = Header {
        flags: wire::REPLY | wire::ERROR,
        error: error.raw_os_error() as u32,
        ..header
    };
    sender.send(header, &[], &[])
}

impl Session {
    /// Over a socket.
    pub fn new(sender: Arc<Sender>) -> Self {
        Self {
            sender,
            agreed: None,
            twin: None,
        }
    }

    /// What the client can take, once it has said so.
    pub fn client(&self) -> Option<&Capabilities> {
        self.agreed.as_ref()
    }

    /// The socket for what the server asks, if it is another one.
    pub fn twin(&self) -> Option<&Arc<OwnedFd>> {
        self.twin.as_ref()
    }

    /// Carries a command out and answers it. An error ends the connection.
    pub fn handle(&mut self, m: Message, function: &mut impl Function) -> Result<(), Broken> {
        let header = m.header;
        if header.flags & wire::TYPE != 0 {
            return Err(Broken::Breach("a reply to nothing"));
        }
        if self.agreed.is_none() {
            // Nothing else may come first, and without it nothing can follow.
            return self.agree(&m).or_else(|e| {
                refuse(&self.sender, header, e)?;
                Err(Broken::Breach(
                    "its first message is no version that can be agreed on",
                ))
            });
        }
        match self.carry_out(m, function) {
            Err(e) => refuse(&self.sender, header, e),
            Ok(_) if header.flags & wire::NO_REPLY != 0 => Ok(()),
            Ok(reply) => self.answer(header, reply),
        }
    }

    fn answer(&self, header: Header, reply: Reply) -> Result<(), Broken> {
        let header = Header {
            flags: wire::REPLY,
            error: 0,
            ..header
        };
        let fds: Vec<_> = reply.fd.iter().map(|f| f.as_fd()).collect();
        self.sender.send(header, &[&reply.payload], &fds)
    }

    fn agree(&mut self, m: &Message) -> Result<(), Errno> {
        if m.header.command != Command::Version as u16 || !m.fds.is_empty() {
            return Err(Errno::INVAL);
        }
        let (v, caps) = version::decode(&m.payload)?;
        // Messages of the device's reads and writes hold a page.
        if v.major != 0 || caps.data() < 4096 {
            return Err(Errno::INVAL);
        }
        let mut reply = Reply::default();
        if caps.twin_socket.as_ref().is_some_and(|t| t.supported) {
            let (kind, flags) = (SocketType::STREAM, SocketFlags::CLOEXEC);
            let (ours, theirs) = socketpair(AddressFamily::UNIX, kind, flags, None)?;
            self.twin = Some(Arc::new(ours));
            reply.fd = Some(theirs);
        }
        // The lower of both minor versions: 0.
        reply.payload = version::encode(0, &caps.answer(self.twin.as_ref().map(|_| 0)));
        self.agreed = Some(caps);
        self.answer(m.header, reply).map_err(|_| Errno::PIPE)
    }

    fn carry_out(&self, mut m: Message, f: &mut impl Function) -> Result<Reply, Errno> {
        if m.too_many_fds {
            return Err(Errno::TOOBIG);
        }
        let command = Command::from_code(m.header.command).ok_or(Errno::NOSYS)?;
        let fds = std::mem::take(&mut m.fds);
        if !fds.is_empty() && !matches!(command, Command::DmaMap | Command::DeviceSetIrqs) {
            return Err(Errno::INVAL);
        }
        match command {
            Command::DmaMap => dma_map(&m, fds, f),
            Command::DmaUnmap => dma_unmap(&m, f),
            Command::DeviceGetInfo => {
                let ask: DeviceInfo = fixed(&m)?;
                let info = DeviceInfo {
                    argsz: size_of::<DeviceInfo>() as u32,
                    flags: wire::DEVICE_RESET | wire::DEVICE_PCI,
                    num_regions: wire::REGIONS,
                    num_irqs: wire::IRQS,
                };
                if ask.argsz < info.argsz {
                    return Err(Errno::INVAL);
                }
                Ok(info.as_bytes().to_vec().into())
            }
            Command::DeviceGetRegionInfo => region_info(&m, f),
            Command::DeviceGetIrqInfo => {
                let ask: IrqInfo = fixed(&m)?;
                if ask.index >= wire::IRQS || ask.argsz < size_of::<IrqInfo>() as u32 {
                    return Err(Errno::INVAL);
                }
                let (count, flags) = f.irq(ask.index);
                let info = IrqInfo {
                    argsz: size_of::<IrqInfo>() as u32,
                    flags,
                    index: ask.index,
                    count,
                };
                Ok(info.as_bytes().to_vec().into())
            }
            Command::DeviceSetIrqs => set_irqs(&m, fds, f),
            Command::RegionRead => {
                let a: RegionAccess = fixed(&m)?;
                within(f, &a, wire::REGION_READ)?;
                let mut out = a.as_bytes().to_vec();
                out.resize(size_of::<RegionAccess>() + a.count as usize, 0);
                f.read(a.region, a.offset, &mut out[size_of::<RegionAccess>()..])?;
                Ok(out.into())
            }
            Command::RegionWrite => {
                let (a, data) = RegionAccess::read_from_prefix(&m.payload).map_err(|_| Errno::INVAL)?;
                within(f, &a, wire::REGION_WRITE)?;
                if data.len() != a.count as usize {
                    return Err(Errno::INVAL);
                }
                f.write(a.region, a.offset, data, m.header.flags & wire::NO_REPLY != 0)?;
                Ok(a.as_bytes().to_vec().into())
            }
            Command::RegionWriteMulti => write_multi(&m, f),
            Command::DeviceReset => {
                if !m.payload.is_empty() {
                    return Err(Errno::INVAL);
                }
                f.reset()?;
                Ok(Reply::default())
            }
            // A version is agreed on once.
            Command::Version => Err(Errno::INVAL),
            // Sent by servers.
            Command::DmaRead | Command::DmaWrite => Err(Errno::INVAL),
            Command::DeviceGetRegionIoFds
            | Command::DeviceFeature
            | Command::MigDataRead
            | Command::MigDataWrite => Err(Errno::OPNOTSUPP),
        }
    }
}

fn within(f: &impl Function, a: &RegionAccess, flag: u32) -> Result<(), Errno> {
    if a.region >= wire::REGIONS || a.count as usize > DATA || a.count == 0 {
        return Err(Errno::INVAL);
    }
    let r = f.region(a.region);
    let end = a.offset.checked_add(a.count.into()).ok_or(Errno::INVAL)?;
    if end > r.size || r.flags & flag == 0 {
        return Err(Errno::INVAL);
    }
    Ok(())
}

fn dma_map(m: &Message, mut fds: Vec<OwnedFd>, f: &mut impl Function) -> Result<Reply, Errno> {
    let map: DmaMap = fixed(m)?;
    let known = wire::DMA_READABLE | wire::DMA_WRITEABLE;
    if map.argsz < size_of::<DmaMap>() as u32 || map.flags & !known != 0 || fds.len() > 1 {
        return Err(Errno::INVAL);
    }
    if map.size == 0 || map.address.checked_add(map.size - 1).is_none() {
        return Err(Errno::INVAL);
    }
    if !(map.address | map.size).is_multiple_of(4096) {
        return Err(Errno::INVAL);
    }
    f.dma_map(&map, fds.pop())?;
    Ok(Reply::default())
}

fn dma_unmap(m: &Message, f: &mut impl Function) -> Result<Reply, Errno> {
    let u: DmaUnmap = fixed(m)?;
    if u.argsz < size_of::<DmaUnmap>() as u32 || u.flags & !wire::UNMAP_ALL != 0 {
        return Err(Errno::INVAL);
    }
    let (first, last) = if u.flags & wire::UNMAP_ALL != 0 {
        (0, u64::MAX)
    } else {
        let last = u.size.checked_sub(1).and_then(|n| u.address.checked_add(n));
        (u.address, last.ok_or(Errno::INVAL)?)
    };
    f.dma_unmap(first, last)?;
    Ok(u.as_bytes().to_vec().into())
}

fn region_info(m: &Message, f: &impl Function) -> Result<Reply, Errno> {
    let ask: RegionInfo = fixed(m)?;
    let size = size_of::<RegionInfo>();
    if ask.index >= wire::REGIONS || (ask.argsz as usize) < size {
        return Err(Errno::INVAL);
    }
    let r = f.region(ask.index);
    let caps = if r.areas.is_empty() {
        0
    } else {
        size_of::<SparseMmap>() + r.areas.len() * size_of::<Area>()
    };
    // What does not fit is left out; `argsz` tells how much room it takes.
    let fits = caps > 0 && ask.argsz as usize >= size + caps;
    let info = RegionInfo {
        argsz: (size + caps) as u32,
        flags: r.flags | if caps > 0 { wire::REGION_CAPS } else { 0 },
        index: ask.index,
        cap_offset: if fits { size as u32 } else { 0 },
        size: r.size,
        offset: r.offset,
    };
    let mut payload = info.as_bytes().to_vec();
    if fits {
        let sparse = SparseMmap {
            id: wire::CAP_SPARSE_MMAP,
            version: 1,
            next: 0,
            nr_areas: r.areas.len() as u32,
            reserved: 0,
        };
        payload.extend_from_slice(sparse.as_bytes());
        payload.extend_from_slice(r.areas.as_bytes());
    }
    // Only with all there is to know about it: a client that asks again does not get it twice.
    let whole = caps == 0 || fits;
    let fd = match f.region_fd(ask.index) {
        Some(fd) if whole && r.flags & wire::REGION_MMAP != 0 => Some(rustix::io::dup(fd)?),
        _ => None,
    };
    Ok(Reply { payload, fd })
}

fn set_irqs(m: &Message, fds: Vec<OwnedFd>, f: &mut impl Function) -> Result<Reply, Errno> {
    let (set, data) = IrqSet::read_from_prefix(&m.payload).map_err(|_| Errno::INVAL)?;
    if set.index >= wire::IRQS {
        return Err(Errno::INVAL);
    }
    let (count, _) = f.irq(set.index);
    let end = set.start.checked_add(set.count).ok_or(Errno::INVAL)?;
    // None of these interrupts can be masked.
    if end > count || set.flags & !7 != wire::SET_TRIGGER {
        return Err(Errno::INVAL);
    }
    let expects = if set.flags & wire::SET_BOOL != 0 {
        set.count as usize
    } else {
        0
    };
    if data.len() != expects || (!fds.is_empty() && set.flags & wire::SET_EVENTFD == 0) {
        return Err(Errno::INVAL);
    }
    let signal = match set.flags & 7 {
        wire::SET_NONE if set.count == 0 && set.start == 0 => Signal::DisableAll,
        wire::SET_NONE => Signal::Trigger(vec![true; set.count as usize]),
        wire::SET_BOOL => Signal::Trigger(data.iter().map(|b| *b != 0).collect()),
        wire::SET_EVENTFD if fds.is_empty() => Signal::Deassign(set.count),
        wire::SET_EVENTFD if fds.len() == set.count as usize => Signal::Assign(fds),
        _ => return Err(Errno::INVAL),
    };
    f.signal(set.index, set.start, signal)?;
    Ok(Reply::default())
}

fn write_multi(m: &Message, f: &mut impl Function) -> Result<Reply, Errno> {
    let (count, rest) = u64::read_from_prefix(&m.payload).map_err(|_| Errno::INVAL)?;
    let size = size_of::<OneWrite>();
    if count.checked_mul(size as u64) != Some(rest.len() as u64) {
        return Err(Errno::INVAL);
    }
    for w in rest.chunks_exact(size) {
        let w = OneWrite::read_from_bytes(w).map_err(|_| Errno::INVAL)?;
        let a = RegionAccess {
            offset: w.offset,
            region: w.region,
            count: w.count,
        };
        within(f, &a, wire::REGION_WRITE)?;
        let data = w.data.get(..w.count as usize).ok_or(Errno::INVAL)?;
        f.write(w.region, w.offset, data, m.header.flags & wire::NO_REPLY != 0)?;
    }
    Ok(count.as_bytes().to_vec().into())
}
