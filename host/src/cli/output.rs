// SPDX-License-Identifier: Apache-2.0
//! Where results go. A file appears under its name only when it is whole; until then it has a temporary one in the same folder.

use super::interrupt;
use anyhow::{Context, Result, anyhow, bail};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Where a result goes.
pub enum Output {
    /// Standard output, a pipe or a device file: bytes are gone once written.
    Stream(BufWriter<File>),
    /// A file that is not there until [`Output::commit`].
    File {
        /// Under its temporary name.
        temporary: BufWriter<NamedTempFile>,
        /// Its name.
        path: PathBuf,
        /// It may take another file's place.
        force: bool,
    },
}

/// A regular file's identity.
pub fn identity(m: &Metadata) -> Option<(u64, u64)> {
    m.is_file().then(|| (m.dev(), m.ino()))
}

/// Bytes for a write to a stream: a write for each segment, not for each line.
const BUFFER: usize = 1 << 16;

impl Output {
    /// Opens `path`, `-` for standard output. `inputs` are files that it must not be, with the word for each.
    pub fn open(path: &Path, force: bool, inputs: &[(&str, Option<(u64, u64)>)]) -> Result<Self> {
        // A new file is as the umask wants it.
        Self::with_mode(path, force, inputs, 0o666)
    }

    /// A new file that its owner alone can reach.
    pub fn private(path: &Path) -> Result<Self> {
        Self::with_mode(path, false, &[], 0o600)
    }

    fn with_mode(path: &Path, force: bool, inputs: &[(&str, Option<(u64, u64)>)], new: u32) -> Result<Self> {
        let shown = path.display();
        let other = |m: &Metadata| {
            let id = identity(m)?;
            inputs.iter().find(|(_, i)| *i == Some(id)).map(|(what, _)| *what)
        };
        if path == Path::new("-") {
            let out = File::from(
                std::os::fd::AsFd::as_fd(&io::stdout())
                    .try_clone_to_owned()
                    .context("standard output is closed")?,
            );
            if let Some(what) = out.metadata().ok().as_ref().and_then(other) {
                bail!("standard output is {what} itself: send it elsewhere");
            }
            return Ok(Self::Stream(BufWriter::with_capacity(BUFFER, out)));
        }
        let mut path = path.to_path_buf();
        let mut replaced = None;
        match std::fs::metadata(&path) {
            Ok(m) if m.is_dir() => bail!("{shown} is a directory: name a file in it"),
            Ok(m) if m.is_file() => {
                if let Some(what) = other(&m) {
                    bail!("{shown} is {what} itself: name another file");
                }
                if !force {
                    return Err(there_already(&path));
                }
                // The file takes the place of what a link points to, with its permissions.
                path = std::fs::canonicalize(&path).with_context(|| format!("cannot write {shown}"))?;
                replaced = Some(m.permissions());
            }
            Ok(_) => {
                let f = OpenOptions::new()
                    .write(true)
                    .open(&path)
                    .with_context(|| format!("cannot write {shown}"))?;
                return Ok(Self::Stream(BufWriter::with_capacity(BUFFER, f)));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                if std::fs::symlink_metadata(&path).is_ok() {
                    bail!("{shown} is a link to nothing: remove it, or name another file");
                }
            }
            Err(e) => return Err(anyhow!(e).context(format!("cannot write {shown}"))),
        }
        let mode: Permissions = PermissionsExt::from_mode(if replaced.is_some() { 0o600 } else { new });
        // Nobody may end the program between the file's appearance and its name being known.
        let mut name = interrupt::temporary();
        let temporary = Builder::new()
            .prefix(".casemate-")
            .suffix(".part")
            .permissions(mode)
            .tempfile_in(folder(&path))
            .with_context(|| format!("cannot write to the folder of {shown}"))?;
        *name = Some(temporary.path().into());
        drop(name);
        if let Some(m) = replaced {
            // Whatever the umask says.
            let set = temporary.as_file().set_permissions(m);
            set.with_context(|| format!("cannot write {shown}"))?;
        }
        Ok(Self::File {
            temporary: BufWriter::with_capacity(BUFFER, temporary),
            path,
            force,
        })
    }

    /// Ends it: a file is on the disk, under its name.
    pub fn commit(self) -> Result<()> {
        match self {
            Self::Stream(mut w) => w.flush().context("writing the output"),
            Self::File {
                temporary,
                path,
                force,
            } => {
                let shown = path.display();
                let cannot = || format!("cannot write {shown}");
                let file = temporary
                    .into_inner()
                    .map_err(io::IntoInnerError::into_error)
                    .with_context(cannot)?;
                file.as_file().sync_all().with_context(cannot)?;
                let mut name = interrupt::temporary();
                interrupt::check()?;
                let placed = if force {
                    file.persist(&path)
                } else {
                    file.persist_noclobber(&path)
                };
                match placed {
                    Ok(_) => *name = None,
                    Err(e) if e.error.kind() == ErrorKind::AlreadyExists => return Err(there_already(&path)),
                    Err(e) => return Err(anyhow!(e.error).context(cannot())),
                }
                drop(name);
                // The name too must survive a power cut.
                File::open(folder(&path))
                    .and_then(|d| d.sync_all())
                    .with_context(cannot)
            }
        }
    }
}

fn there_already(path: &Path) -> anyhow::Error {
    anyhow!(
        "{} is there already: name another file, or overwrite it with --force",
        path.display()
    )
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if p != Path::new("") => p,
        _ => Path::new("."),
    }
}

impl Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(w) => w.write(buf),
            Self::File { temporary, .. } => temporary.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(w) => w.flush(),
            Self::File { temporary, .. } => temporary.flush(),
        }
    }
}
