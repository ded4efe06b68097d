// SPDX-License-Identifier: Apache-2.0
//! The log that is written: one thread takes what many callers append, writes it at once, and answers when the disk has it.

use crate::event::Event;
use crate::line::{FORMAT, Head, Note, Reason, Signed, Torn, Writer};
use crate::signer::{Signer, fingerprint};
use crate::{segments, tail, time};
use std::fs::{File, OpenOptions, TryLockError};
use std::future::Future;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::oneshot;

/// Most records of one write.
const BATCH: usize = 1024;

/// Where a log is and how it is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its folder; chains of several servers may share one.
    pub folder: PathBuf,
    /// The chain's name: the server's, each of a fleet having its own. Letters, digits, `-` and `_`.
    pub chain: String,
    /// A file of this many bytes is the last but one.
    pub segment_bytes: u64,
    /// A head is signed after at most so many lines,
    pub head_lines: u64,
    /// and after so much time, if anything came.
    pub head_time: Duration,
}

impl Options {
    /// The usual: files of 64 MiB, a head each 1000 lines and each minute.
    pub fn new(folder: impl Into<PathBuf>, chain: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            chain: chain.into(),
            segment_bytes: 64 << 20,
            head_lines: 1000,
            head_time: Duration::from_secs(60),
        }
    }
}

/// Why a log cannot be opened, or a record was not written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A chain's name.
    #[error("`{0}` cannot name a chain: 1 to 64 letters, digits, `-` and `_` can")]
    Name(String),
    /// Another writer has it.
    #[error("the audit log {} is being written by another process: one server writes a chain, so give this one another name", .0.display())]
    Locked(PathBuf),
    /// It does not continue: somebody changed it.
    #[error(
        "the audit log is damaged: {file}, line {line}: {what}; `casemate audit verify` tells more. It stays as it is: move it away to begin another"
    )]
    Damaged {
        /// The file,
        file: String,
        /// its line,
        line: u64,
        /// and what is wrong.
        what: String,
    },
    /// A file.
    #[error("the audit log's file {}: {error}", .path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The audit key.
    #[error("the audit key cannot sign: {0}")]
    Signer(String),
    /// The record is not in the log, and its request is to be refused.
    #[error("the audit record could not be written: {0}")]
    Refused(String),
    /// After [`Log::close`].
    #[error("the audit log is closed")]
    Closed,
}

impl Error {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |error| Self::File {
            path: path.into(),
            error: Arc::new(error),
        }
    }
}

/// Where a record stands.
pub type Receipt = Head;

/// How a log is.
#[derive(Debug, Clone)]
pub struct Status {
    /// The last line.
    pub tip: Head,
    /// The last signed head.
    pub head: Head,
    /// Records written since it was opened.
    pub records: u64,
    /// Records that could not be written.
    pub refused: u64,
    /// Writes to the disk.
    pub writes: u64,
    /// Why the last write or signature failed, until one succeeds.
    pub trouble: Option<String>,
}

type Answer = oneshot::Sender<Result<Receipt, Error>>;

enum Job {
    Record(String, Answer),
    Head(Answer),
    Close(Answer),
}

/// A record on its way to the disk: a future, or to be waited for.
pub struct Pending(oneshot::Receiver<Result<Receipt, Error>>);

impl Pending {
    /// Until it is on the disk. Not in asynchronous code: there it is a future.
    pub fn wait(self) -> Result<Receipt, Error> {
        self.0.blocking_recv().unwrap_or(Err(Error::Closed))
    }
}

impl Future for Pending {
    type Output = Result<Receipt, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|r| r.unwrap_or(Err(Error::Closed)))
    }
}

/// An audit log, open for writing. It can be shared.
pub struct Log {
    jobs: Sender<Job>,
    status: Arc<Mutex<Status>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

fn locked<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Log {
    /// Opens a chain, or begins it. What a killed writer left half written is put aside and noted.
    pub fn open(options: Options, signer: Box<dyn Signer>) -> Result<Self, Error> {
        let chain = Chain::open(options, signer)?;
        let (jobs, queue) = mpsc::channel();
        let status = chain.status.clone();
        let thread = std::thread::Builder::new().name("audit".into());
        let thread = thread
            .spawn(move || chain.run(&queue))
            .map_err(|e| Error::Refused(e.to_string()))?;
        Ok(Self {
            jobs,
            status,
            thread: Mutex::new(Some(thread)),
        })
    }

    fn job(&self, job: impl FnOnce(Answer) -> Job) -> Pending {
        let (answer, pending) = oneshot::channel();
        // If the thread has ended, the answer's other end falls with the job.
        let _ = self.jobs.send(job(answer));
        Pending(pending)
    }

    /// Appends a record. It is in the log once [`Pending`] says so, and not before; if that is an error, the request is to be refused.
    pub fn append(&self, event: &Event) -> Pending {
        let json = serde_json::to_string(event).expect("an event is JSON");
        self.job(|answer| Job::Record(json, answer))
    }

    /// Signs a head now.
    pub fn head(&self) -> Pending {
        self.job(Job::Head)
    }

    /// How it is.
    pub fn status(&self) -> Status {
        locked(&self.status).clone()
    }

    /// Writes what was appended, signs the last head and ends. What is appended after that is refused.
    pub fn close(&self) -> Result<Receipt, Error> {
        let last = self.job(Job::Close).wait();
        if let Some(thread) = locked(&self.thread).take() {
            let _ = thread.join();
        }
        last
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // Whoever wants to know how that went calls it.
        let _ = self.close();
    }
}

/// A file that grows.
struct Segment {
    file: File,
    path: PathBuf,
    /// Bytes of it that the disk has.
    len: u64,
    /// There may be more in it than that.
    dirty: bool,
}

impl Segment {
    fn open(path: PathBuf, len: u64, new: bool) -> Result<Self, Error> {
        let mut how = OpenOptions::new();
        how.write(true).create_new(new).mode(0o640);
        let file = how.open(&path).map_err(Error::file(&path))?;
        Ok(Self {
            file,
            path,
            len,
            dirty: !new,
        })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.dirty {
            self.file.set_len(self.len)?;
            self.file.sync_all()?;
        }
        self.dirty = true;
        self.file.write_all_at(lines, self.len)?;
        self.file.sync_data()?;
        self.len += lines.len() as u64;
        self.dirty = false;
        Ok(())
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|d| d.sync_all())
        .map_err(Error::file(folder))
}

/// The writer's side.
struct Chain {
    options: Options,
    signer: Box<dyn Signer>,
    key: String,
    segment: Segment,
    at: Progress,
    /// When the last head was signed, or that was tried.
    signed: Instant,
    /// Records that could not be written, and why, since the last that could.
    refused: Option<(u64, String)>,
    status: Arc<Mutex<Status>>,
    /// Held as long as this.
    _lock: File,
}

/// How far the chain is.
#[derive(Clone, Copy)]
struct Progress {
    tip: Head,
    head: Head,
    /// The last line of which a head was to be signed, whether or not it could be.
    tried: u64,
}

/// Lines to be written, and how far the chain is then.
struct Lines {
    writer: Writer,
    head: Head,
    tried: u64,
    trouble: Option<String>,
}

impl Chain {
    fn open(options: Options, signer: Box<dyn Signer>) -> Result<Self, Error> {
        if !segments::is_name(&options.chain) {
            return Err(Error::Name(options.chain));
        }
        let folder = &options.folder;
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let lock = lock(&folder.join(format!("{}.lock", options.chain)))?;
        let found = tail::find(folder, &options.chain)?;
        let segment = match found.path {
            Some(path) => Segment::open(path, found.len, false)?,
            None => Segment::open(segments::path(folder, &options.chain, 1), 0, true)?,
        };
        sync_folder(folder)?;
        let at = Progress {
            tip: found.at,
            head: found.head,
            tried: found.head.sequence,
        };
        let mut chain = Self {
            key: hex::encode(fingerprint(&signer.public_key())),
            signer,
            segment,
            at,
            signed: Instant::now(),
            refused: None,
            status: Arc::new(Mutex::new(Status {
                tip: at.tip,
                head: at.head,
                records: 0,
                refused: 0,
                writes: 0,
                trouble: None,
            })),
            options,
            _lock: lock,
        };
        chain.begin(found.torn)?;
        Ok(chain)
    }

    /// The first lines of a run: what was found, and a head, which shows that the key can sign.
    fn begin(&mut self, torn: Option<Torn>) -> Result<(), Error> {
        let mut lines = self.lines();
        lines.writer.note(&Note::Opened {
            time: now(),
            format: FORMAT.into(),
            interval: self.options.head_lines,
            torn,
        });
        self.sign(&mut lines, Reason::Start);
        if let Some(e) = lines.trouble {
            return Err(Error::Signer(e));
        }
        self.write(&lines).map_err(Error::file(&self.segment.path))
    }

    fn lines(&self) -> Lines {
        Lines {
            writer: Writer::new(&self.options.chain, self.at.tip),
            head: self.at.head,
            tried: self.at.tried,
            trouble: None,
        }
    }

    /// A head, or a note that there is none: what is to be recorded is recorded in any case.
    fn sign(&mut self, lines: &mut Lines, reason: Reason) {
        let head = Signed {
            time: now(),
            reason,
            key: self.key.clone(),
        };
        self.signed = Instant::now();
        match lines.writer.head(&head, |digest| self.signer.sign(digest)) {
            Ok(()) => lines.head = lines.writer.at,
            Err(e) => {
                let error = e.to_string();
                lines.writer.note(&Note::Unsigned {
                    time: now(),
                    error: error.clone(),
                });
                lines.trouble = Some(error);
            }
        }
        lines.tried = lines.writer.at.sequence;
    }

    fn write(&mut self, lines: &Lines) -> io::Result<()> {
        self.segment.append(&lines.writer.out)?;
        self.at = Progress {
            tip: lines.writer.at,
            head: lines.head,
            tried: lines.tried,
        };
        let mut status = locked(&self.status);
        status.tip = self.at.tip;
        status.head = self.at.head;
        status.writes += 1;
        status.trouble.clone_from(&lines.trouble);
        Ok(())
    }

    /// Writes records, then a head if there is a reason for one, and answers. An error is that of the head.
    fn batch(&mut self, records: Vec<(String, Answer)>, head: Option<Reason>) -> Result<Receipt, Error> {
        let mut lines = self.lines();
        if let Some((records, error)) = &self.refused {
            lines.writer.note(&Note::Refused {
                time: now(),
                records: *records,
                error: error.clone(),
            });
        }
        let mut done = Vec::with_capacity(records.len());
        for (json, answer) in records {
            // With the one that follows it would be one too many.
            if lines.writer.at.sequence + 1 - lines.tried >= self.options.head_lines {
                self.sign(&mut lines, Reason::Interval);
            }
            lines.writer.record(&json);
            done.push((lines.writer.at, answer));
        }
        if let Some(reason) = head {
            self.sign(&mut lines, reason);
        }
        let written = self.write(&lines);
        let mut status = locked(&self.status);
        let n = done.len() as u64;
        if let Err(e) = written {
            let error = e.to_string();
            self.refused = Some((self.refused.as_ref().map_or(0, |(n, _)| *n) + n, error.clone()));
            status.refused += n;
            status.trouble = Some(error.clone());
            drop(status);
            for (_, answer) in done {
                let _ = answer.send(Err(Error::Refused(error.clone())));
            }
            return Err(Error::Refused(error));
        }
        self.refused = None;
        status.records += n;
        drop(status);
        // A caller that has gone away needs no answer.
        for (place, answer) in done {
            let _ = answer.send(Ok(place));
        }
        match lines.trouble {
            Some(e) if head.is_some() => Err(Error::Signer(e)),
            _ => Ok(self.at.tip),
        }
    }

    /// Another file, if this one is long enough. What fails is tried again after the next batch.
    fn rotate(&mut self) -> Result<(), Error> {
        if self.segment.len < self.options.segment_bytes {
            return Ok(());
        }
        // Its first line comes after the head that ends this one.
        let first = self.at.tip.sequence + 2;
        let path = segments::path(&self.options.folder, &self.options.chain, first);
        let next = Segment::open(path.clone(), 0, true)?;
        let ended = sync_folder(&self.options.folder).and_then(|()| {
            let mut lines = self.lines();
            self.sign(&mut lines, Reason::Rotation);
            self.write(&lines).map_err(Error::file(&self.segment.path))
        });
        match ended {
            Ok(()) => self.segment = next,
            Err(_) => std::fs::remove_file(&path).map_err(Error::file(&path))?,
        }
        ended
    }

    /// Until it is closed.
    fn run(mut self, queue: &Receiver<Job>) {
        loop {
            let first = match self.at.tip.sequence > self.at.tried {
                true => queue.recv_timeout(self.options.head_time.saturating_sub(self.signed.elapsed())),
                false => queue.recv().map_err(RecvTimeoutError::from),
            };
            let mut next = match first {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.batch(Vec::new(), Some(Reason::Interval));
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut records = Vec::new();
            while let Some(Job::Record(json, answer)) = next {
                records.push((json, answer));
                next = match records.len() < BATCH {
                    true => queue.try_recv().ok(),
                    false => None,
                };
            }
            match next {
                Some(Job::Head(answer)) => {
                    let _ = answer.send(self.batch(records, Some(Reason::Request)));
                }
                Some(Job::Close(answer)) => {
                    let _ = answer.send(self.batch(records, Some(Reason::Shutdown)));
                    return;
                }
                _ => drop(self.batch(records, None)),
            }
            if let Err(e) = self.rotate() {
                locked(&self.status).trouble = Some(e.to_string());
            }
        }
    }
}

fn now() -> String {
    time::text(SystemTime::now())
}

/// The file whose lock a chain's writer has.
fn lock(path: &Path) -> Result<File, Error> {
    let mut how = OpenOptions::new();
    how.write(true).create(true).truncate(false).mode(0o640);
    let file = how.open(path).map_err(Error::file(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked(path.into())),
        Err(TryLockError::Error(e)) => Err(Error::file(path)(e)),
    }
}
