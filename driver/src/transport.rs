// SPDX-License-Identifier: Apache-2.0
//! The way to a device: registers, DMA memory, interrupts, reset. What differs between a card, a simulation and the functional
//! model is behind this trait and nowhere else.

pub mod finding;
#[cfg(feature = "vfio")]
pub mod iova;
#[cfg(feature = "sim")]
pub mod sim;
#[cfg(feature = "vfio")]
pub mod vfio;
#[cfg(feature = "vfio-user")]
pub mod vfio_user;

use crate::root::RootSecret;
use crate::transport::finding::Finding;
use crate::{Error, Result};
use std::any::Any;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// Memory that both the program and the device see.
#[derive(Clone)]
pub struct DmaRegion {
    ptr: NonNull<u8>,
    len: usize,
    iova: u64,
    _keep: Arc<dyn Any + Send + Sync>,
}

// SAFETY: plain memory, kept alive by `_keep`; who may touch which bytes is decided by the buffers cut from it.
unsafe impl Send for DmaRegion {}
// SAFETY: as above.
unsafe impl Sync for DmaRegion {}

impl DmaRegion {
    /// `len` bytes at `ptr`, which `keep` keeps alive, at `iova` for the device.
    ///
    /// # Safety
    /// The bytes must stay valid while `keep` lives, and nobody else may use them but through this region.
    pub unsafe fn new(ptr: NonNull<u8>, len: usize, iova: u64, keep: Arc<dyn Any + Send + Sync>) -> Self {
        Self {
            ptr,
            len,
            iova,
            _keep: keep,
        }
    }

    /// First byte.
    pub fn ptr(&self) -> NonNull<u8> {
        self.ptr
    }

    /// Bytes.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where the device sees it.
    pub fn iova(&self) -> u64 {
        self.iova
    }
}

/// A device, however it is reached.
pub trait Transport: Send + Sync {
    /// Reads a register.
    fn read32(&self, offset: u32) -> Result<u32>;
    /// Writes a register.
    fn write32(&self, offset: u32, value: u32) -> Result<()>;
    /// Zeroed memory in whole pages, for both.
    fn alloc(&self, bytes: usize) -> Result<DmaRegion>;
    /// As [`Self::alloc`], but the device may only read it.
    fn alloc_read_only(&self, bytes: usize) -> Result<DmaRegion>;
    /// Takes memory from the device. The device must have stopped using it.
    fn free(&self, region: DmaRegion);
    /// Lets a simulated device run a little; a card needs no help.
    fn progress(&self) -> Result<()>;
    /// Waits for interrupt `vector`, one a queue and then the one for errors; false after `timeout`. May return early.
    fn wait(&self, vector: u16, timeout: Duration) -> Result<bool>;
    /// Resets the device: every register, ring and key.
    fn reset(&self) -> Result<()>;
    /// For those who know what is behind.
    fn as_any(&self) -> &dyn Any;
}

/// A kind of device this build of the driver can open.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its scheme, with the colon: a URI of one with default settings.
    pub uri: &'static str,
    /// What it is.
    pub what: &'static str,
}

/// The kinds of device this build can open.
pub const KINDS: &[Kind] = &[
    #[cfg(feature = "sim")]
    Kind {
        uri: "sim:",
        what: "the RTL under Verilator, in this process, cycle for cycle",
    },
    #[cfg(feature = "soft")]
    Kind {
        uri: "soft:",
        what: "a functional model in software, without timing; its keys lie in this process",
    },
    #[cfg(feature = "vfio")]
    Kind {
        uri: "vfio:",
        what: "a PCI function through Linux VFIO, as in vfio:0000:01:00.0",
    },
    #[cfg(feature = "vfio-user")]
    Kind {
        uri: "vfio-user:",
        what: "a PCI function that another process serves, as in vfio-user:/run/casemate.sock",
    },
];

/// What opening a device would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What was found, in words.
    pub found: String,
    /// Opening it first builds something, for a minute or more.
    pub slow: bool,
}

enum Address {
    #[cfg(feature = "sim")]
    Sim(casemate_sim::config::Config),
    #[cfg(feature = "soft")]
    Soft(crate::soft::Shape),
    #[cfg(feature = "vfio")]
    Vfio(Option<vfio::host::Bdf>),
    #[cfg(feature = "vfio-user")]
    VfioUser(std::path::PathBuf),
}

fn parse(uri: &str) -> Result<Address> {
    let wrong = |what: String| Error::Uri {
        uri: uri.into(),
        what,
    };
    let (scheme, rest) = uri.split_once(':').ok_or_else(|| wrong("has no scheme".into()))?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    #[cfg(feature = "vfio")]
    if scheme == "vfio" {
        // Without an address it stands for whatever is there.
        let bdf = (!rest.is_empty()).then(|| rest.parse()).transpose();
        return Ok(Address::Vfio(bdf.map_err(wrong)?));
    }
    #[cfg(feature = "vfio-user")]
    if scheme == "vfio-user" {
        // A path may have any character in it.
        return Ok(Address::VfioUser(rest.into()));
    }
    let known = KINDS.iter().any(|k| k.uri.strip_suffix(':') == Some(scheme));
    if known && !path.is_empty() {
        return Err(wrong(format!("unexpected `{path}`")));
    }
    let (query, root) = take(query, "root=");
    let (query, noise) = take(&query, "noise=");
    if let Some(other) = noise.filter(|n| *n != "os") {
        return Err(wrong(format!("noise={other}: os")));
    }
    match scheme {
        #[cfg(feature = "sim")]
        "sim" => {
            let mut config = casemate_sim::config::Config::parse(&query).map_err(wrong)?;
            config.root = *secret(root).map_err(wrong)?.bytes();
            // Who keeps a root keeps keys: the next run must not make the same ones, nor the same IVs.
            if noise.is_some() || root.is_some() && !query.split('&').any(|s| s.starts_with("seed=")) {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes)
                    .map_err(|e| wrong(format!("no randomness from the operating system: {e}")))?;
                config.noise = Some(bytes);
            }
            Ok(Address::Sim(config))
        }
        #[cfg(feature = "soft")]
        "soft" => {
            let mut shape = crate::soft::Shape::parse(&query).map_err(wrong)?;
            shape.root = secret(root).map_err(wrong)?;
            Ok(Address::Soft(shape))
        }
        _ => {
            let _ = (query, root, noise);
            Err(wrong(format!("unknown scheme `{scheme}`")))
        }
    }
}

/// Takes a setting that in-process devices share out of their other ones.
fn take<'a>(query: &'a str, name: &str) -> (String, Option<&'a str>) {
    let (mut rest, mut found) = (Vec::new(), None);
    for pair in query.split('&') {
        match pair.strip_prefix(name) {
            Some(value) => found = Some(value),
            None => rest.push(pair),
        }
    }
    (rest.join("&"), found)
}

/// The secret in the file named, or the one for development.
fn secret(file: Option<&str>) -> std::result::Result<RootSecret, String> {
    file.map_or(Ok(RootSecret::default()), |f| RootSecret::file(f.as_ref()))
}

/// Whether what a URI names can be opened here, as far as can be told without opening it. An error says what is missing.
pub fn probe(uri: &str) -> Result<Probe> {
    match parse(uri)? {
        #[cfg(feature = "sim")]
        Address::Sim(config) => sim::probe(&config),
        #[cfg(feature = "soft")]
        Address::Soft(_) => Ok(Probe {
            found: "needs nothing".into(),
            slow: false,
        }),
        #[cfg(feature = "vfio")]
        Address::Vfio(bdf) => vfio::probe(bdf.as_ref()),
        #[cfg(feature = "vfio-user")]
        Address::VfioUser(path) => vfio_user::probe(&path),
    }
}

/// What a URI's device needs of this machine and how it stands, as far as can be told without opening it. An error is a wrong URI.
pub fn examine(uri: &str) -> Result<Vec<Finding>> {
    let address = parse(uri)?;
    #[cfg(feature = "vfio")]
    if let Address::Vfio(bdf) = &address {
        let host = vfio::host::Host::default();
        let found = vfio::only(bdf.clone()).map_or_else(|_| host.examine_any(), |bdf| host.examine(&bdf));
        return Ok(found);
    }
    let mend = match address {
        #[cfg(feature = "vfio-user")]
        Address::VfioUser(_) => "start a server, as in `casemate-sim serve --socket /run/casemate.sock`",
        _ => "`cargo xtask setup` installs what simulated devices need",
    };
    Ok(vec![match probe(uri) {
        Ok(p) => Finding::right("device", p.found),
        Err(e) => Finding::missing("device", e.to_string(), mend),
    }])
}

/// Opens what a URI names.
pub(crate) fn open(uri: &str) -> Result<Arc<dyn Transport>> {
    match parse(uri)? {
        #[cfg(feature = "sim")]
        Address::Sim(config) => Ok(Arc::new(sim::Sim::new(&config)?)),
        #[cfg(feature = "soft")]
        Address::Soft(shape) => Ok(Arc::new(crate::soft::Soft::new(shape))),
        #[cfg(feature = "vfio")]
        Address::Vfio(bdf) => Ok(Arc::new(vfio::Vfio::open(&vfio::only(bdf)?)?)),
        #[cfg(feature = "vfio-user")]
        Address::VfioUser(path) => Ok(Arc::new(vfio_user::VfioUser::open(&path)?)),
    }
}

/// IOVAs for in-process devices, the same in every run: regions one after another with a page unmapped between.
pub(crate) struct IovaSpace(u64);

impl IovaSpace {
    pub(crate) fn new() -> Self {
        Self(0x1_0000_0000)
    }

    pub(crate) fn take(&mut self, bytes: usize) -> u64 {
        let at = self.0;
        self.0 += bytes as u64 + 4096;
        at
    }
}
