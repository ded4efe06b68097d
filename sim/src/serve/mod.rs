// SPDX-License-Identifier: Apache-2.0
//! The RTL as a PCI function over vfio-user: for QEMU, or for the driver straight on the socket. One client at a time; another
//! one is told that the device is busy. Between two clients the device is reset.

mod dma;
mod engine;
mod function;
mod irqs;
pub mod pci;

pub use dma::Mode;

use crate::config::Config;
use crate::device::{self, Device};
use casemate_vfio_user::Errno;
use casemate_vfio_user::remote::Remote;
use casemate_vfio_user::server::{Session, refuse};
use casemate_vfio_user::stream::{Broken, Receiver, Sender};
use casemate_vfio_user::wire::{REPLY, TYPE};
use dma::{ClientMemory, Dma};
use engine::Engine;
use function::Card;
use irqs::Irqs;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where the server tells what happens.
pub type Log = fn(&str);

/// How long a client may take to say its version.
const HELLO: Duration = Duration::from_secs(10);
/// How long a client may take to answer a DMA message.
const ANSWER: Duration = Duration::from_secs(5);
/// Clients that are being told that the device is busy.
const WAITING: usize = 16;
/// Messages served before other sockets are looked at.
const BATCH: usize = 64;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else is there.
    #[error("{0}: another server serves this socket; stop it, or name another socket")]
    InUse(PathBuf),
    /// A file that must not be overwritten.
    #[error("{0} exists and is no socket: name another path")]
    NotASocket(PathBuf),
    /// The socket.
    #[error("{path}: {source}")]
    Socket {
        /// Its path.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The device.
    #[error(transparent)]
    Device(#[from] device::Error),
    /// The system.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

struct Client {
    receiver: Receiver,
    twin: Option<Receiver>,
    session: Session,
    remote: Option<Arc<Remote>>,
    sender: Arc<Sender>,
    since: Instant,
}

/// Our socket in the file system; it leaves with us.
struct Socket {
    path: PathBuf,
    /// Device and inode: what is at the path later may be another's.
    id: (u64, u64),
}

impl Drop for Socket {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A server on its socket.
pub struct Server {
    _socket: Socket,
    listener: UnixListener,
    card: Card,
    dma: Arc<Dma>,
    irqs: Arc<Irqs>,
    client: Option<Client>,
    /// Others, with the time at which they came.
    waiting: Vec<(Receiver, Sender, Instant)>,
    log: Log,
}

/// An error if nothing can be served at this path; a stale socket, with no server behind it, makes room.
fn make_room(path: &Path) -> Result<(), Error> {
    let socket = |source| Error::Socket {
        path: path.into(),
        source,
    };
    if let Ok(m) = std::fs::symlink_metadata(path) {
        if !m.file_type().is_socket() {
            return Err(Error::NotASocket(path.into()));
        }
        match UnixStream::connect(path) {
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(socket)?;
            }
            Ok(_) => return Err(Error::InUse(path.into())),
            Err(e) => return Err(socket(e)),
        }
    }
    Ok(())
}

/// Binds a socket that only its owner may use.
fn bind(path: &Path) -> Result<UnixListener, Error> {
    make_room(path)?;
    let socket = |source| Error::Socket {
        path: path.into(),
        source,
    };
    let listener = UnixListener::bind(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AddrInUse => Error::InUse(path.into()),
        _ => socket(e),
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(socket)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Server {
    /// Builds the device, if the cache has no model of it, and takes the socket: whoever sees it is served.
    pub fn bind(path: &Path, config: &Config, mode: Mode, log: Log) -> Result<Self, Error> {
        make_room(path)?;
        let mut device = Device::new(config)?;
        let dma = Dma::new(mode);
        device.set_memory(Box::new(ClientMemory::new(dma.clone())));
        let irqs = Arc::new(Irqs::new(device.irqs().len()));
        let engine = Engine::start(device, irqs.clone(), log)?;
        let listener = bind(path)?;
        let m = std::fs::symlink_metadata(path)?;
        Ok(Self {
            _socket: Socket {
                path: path.into(),
                id: (m.dev(), m.ino()),
            },
            listener,
            card: Card::new(engine, dma.clone(), irqs.clone()),
            dma,
            irqs,
            client: None,
            waiting: Vec::new(),
            log,
        })
    }

    /// What is held for the client: ranges of IOVAs, mapped files, event fds.
    pub fn held(&self) -> (usize, usize, usize) {
        let (ranges, files) = self.dma.counts();
        (ranges, files, self.irqs.fds())
    }

    /// Serves one client after another until `stop` is readable.
    pub fn run(&mut self, stop: impl AsFd) -> Result<(), Error> {
        while !self.turn(stop.as_fd())? {}
        Ok(())
    }

    /// Waits for something and deals with it; true if that was the end.
    fn turn(&mut self, stop: BorrowedFd<'_>) -> Result<bool, Error> {
        let client = self.client.as_ref();
        let mut sockets = vec![stop, self.listener.as_fd()];
        sockets.extend(client.map(|c| c.receiver.socket()));
        sockets.extend(client.and_then(|c| c.twin.as_ref()).map(|t| t.socket()));
        sockets.extend(self.waiting.iter().map(|w| w.0.socket()));
        let mut fds: Vec<_> = sockets
            .into_iter()
            .map(|s| PollFd::from_borrowed_fd(s, PollFlags::IN))
            .collect();
        let timeout = self.patience().map(|d| Timespec {
            tv_sec: d.as_secs() as i64,
            tv_nsec: d.subsec_nanos().into(),
        });
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(Error::Io(e.into())),
        }
        if !fds[0].revents().is_empty() {
            return Ok(true);
        }
        let new = !fds[1].revents().is_empty();
        self.serve_client();
        self.refuse_others();
        if new {
            self.accept()?;
        }
        Ok(false)
    }

    /// How long nothing may happen.
    fn patience(&self) -> Option<Duration> {
        let client = self.client.as_ref().filter(|c| c.session.client().is_none());
        let since = client.map(|c| c.since).into_iter();
        since
            .chain(self.waiting.iter().map(|w| w.2))
            .map(|t| (t + HELLO).saturating_duration_since(Instant::now()))
            .min()
    }

    fn accept(&mut self) -> Result<(), Error> {
        let socket = match self.listener.accept() {
            Ok((s, _)) => Arc::new(OwnedFd::from(s)),
            // It is gone already, or there are no fds: a later one may have more luck.
            Err(e) => {
                if e.kind() != std::io::ErrorKind::WouldBlock {
                    (self.log)(&format!("a client could not be accepted: {e}"));
                    std::thread::sleep(Duration::from_millis(10));
                }
                return Ok(());
            }
        };
        let receiver = Receiver::new(socket.clone());
        let now = Instant::now();
        if self.client.is_some() {
            if self.waiting.len() < WAITING {
                self.waiting.push((receiver, Sender::new(socket), now));
            }
            return Ok(());
        }
        let sender = Arc::new(Sender::new(socket));
        self.client = Some(Client {
            receiver,
            twin: None,
            session: Session::new(sender.clone()),
            remote: None,
            sender,
            since: now,
        });
        Ok(())
    }

    /// Tells others that the device is busy, in reply to what they begin with.
    fn refuse_others(&mut self) {
        self.waiting.retain_mut(|(receiver, sender, since)| {
            match receiver.try_next() {
                Ok(None) => return since.elapsed() < HELLO,
                Ok(Some(m)) => {
                    let _ = refuse(sender, m.header, Errno::BUSY);
                }
                Err(_) => {}
            }
            false
        });
    }

    fn serve_client(&mut self) {
        let Some(client) = &mut self.client else { return };
        if let Err(e) = client.serve(&mut self.card, &self.dma) {
            if e != Broken::Closed {
                (self.log)(&format!("the client was dropped: {e}"));
            }
            self.client = None;
            self.card.detach();
        }
    }
}

impl Client {
    /// Serves what has come.
    fn serve(&mut self, card: &mut Card, dma: &Dma) -> Result<(), Broken> {
        for _ in 0..BATCH {
            let Some(m) = self.receiver.try_next()? else { break };
            if m.header.flags & TYPE == REPLY {
                self.replied(&m)?;
            } else {
                self.session.handle(m, card)?;
                self.connect_memory(dma);
            }
        }
        while let Some(twin) = &mut self.twin {
            let Some(m) = twin.try_next()? else { break };
            self.replied(&m)?;
        }
        if self.session.client().is_none() && self.since.elapsed() > HELLO {
            return Err(Broken::TimedOut(HELLO));
        }
        Ok(())
    }

    fn replied(&self, m: &casemate_vfio_user::stream::Message) -> Result<(), Broken> {
        match &self.remote {
            Some(r) if m.header.flags & TYPE == REPLY => r.reply(m),
            _ => Err(Broken::Breach("a reply to nothing")),
        }
    }

    /// Once a version is agreed on, the client's memory can be asked for.
    fn connect_memory(&mut self, dma: &Dma) {
        if self.remote.is_some() || self.session.client().is_none() {
            return;
        }
        let sender = match self.session.twin() {
            Some(twin) => {
                self.twin = Some(Receiver::new(twin.clone()));
                Arc::new(Sender::new(twin.clone()))
            }
            None => self.sender.clone(),
        };
        let remote = Arc::new(Remote::new(sender, ANSWER));
        dma.attach(remote.clone());
        self.remote = Some(remote);
    }
}
