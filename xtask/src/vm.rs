// SPDX-License-Identifier: Apache-2.0
//! A virtual machine whose PCI functions are the device's RTL: Linux enumerates them, its VFIO and a virtual IOMMU stand between them
//! and the driver, and in the guest runs the same `casemate` and the same suite as outside. Without root and without KVM.

mod cpio;
mod fetch;
mod server;

use crate::tools::{cargo, root, run, setup};
use anyhow::{Context, Result, bail};
use fetch::{Fetched, Packages};
use server::Server;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const GUEST: &str = include_str!("vm/guest.sh");
/// Longer than the guest ever takes, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_secs(900);
/// The guest's last test asks for this.
const KILL: &str = "@kill-server@";
/// Modules in the order in which they are loaded.
const MODULES: [&str; 5] = [
    "virt/lib/irqbypass",
    "drivers/vfio/vfio",
    "drivers/vfio/vfio_iommu_type1",
    "drivers/vfio/pci/vfio-pci-core",
    "drivers/vfio/pci/vfio-pci",
];

/// How it went.
pub enum Outcome {
    /// It ran. Lines of the form `test result: …` were given to the caller.
    Ran,
    /// It could not: what is missing.
    Skipped(String),
}

/// Runs everything; gives each line that the guest says to `line`.
pub fn run_guest(mut line: impl FnMut(&str)) -> Result<Outcome> {
    setup()?;
    let packages = match fetch::fetch()? {
        Fetched::Packages(p) => p,
        Fetched::CannotBeHad(why) => return Ok(Outcome::Skipped(why)),
    };
    let dir = root().join("target/vm");
    let qemu = (packages.versions.lines()).find(|l| l.starts_with("qemu-system-x86 "));
    eprintln!("{}, Linux {}", qemu.unwrap_or("QEMU"), packages.kernel);
    let (casemate, suite) = build()?;
    let initramfs = dir.join("initramfs.cpio");
    pack(&packages, &casemate, &suite, &initramfs)?;
    // A socket's path has 107 bytes at most.
    let sockets = tempfile::tempdir().context("a folder for sockets")?;
    let mut shared = Server::start(&sockets.path().join("shared"), &[])?;
    let messages = Server::start(&sockets.path().join("messages"), &["--dma", "messages"])?;
    let paths = [shared.socket(), messages.socket()];
    let start = Instant::now();
    let mut guest = Guest(boot(&packages, &initramfs, &paths)?);
    let watch = Watch::new(&guest.0);
    let out = guest.0.stdout.take().context("the guest's console")?;
    let (mut killed, mut done) = (false, false);
    for said in BufReader::new(out).split(b'\n') {
        let said = said?;
        let said = String::from_utf8_lossy(&said);
        let said = said.trim_end();
        match said {
            KILL => {
                shared.kill()?;
                killed = true;
            }
            _ => {
                line(said);
                done = killed && said.starts_with("test result: ");
            }
        }
        if done {
            // Nothing is expected of a QEMU that has lost a server.
            guest.0.kill()?;
            break;
        }
    }
    let status = guest.0.wait()?;
    if watch.expired() {
        bail!("the guest was ended after {PATIENCE:?}: its last lines tell where it stood");
    }
    if !done {
        bail!("the guest ended early ({status}): its last lines tell where it stood");
    }
    eprintln!("the guest ran for {} s", start.elapsed().as_secs());
    Ok(Outcome::Ran)
}

/// A running QEMU, which does not outlive its use.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends a guest that takes too long.
struct Watch(Arc<Mutex<Option<bool>>>);

impl Watch {
    fn new(guest: &Child) -> Self {
        // None while it runs, then whether it was ended.
        let state = Arc::new(Mutex::new(None));
        let (theirs, pid) = (state.clone(), guest.id());
        std::thread::spawn(move || {
            let start = Instant::now();
            while start.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(200));
                if theirs.lock().expect("no panic holds it").is_some() {
                    return;
                }
            }
            *theirs.lock().expect("no panic holds it") = Some(true);
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        });
        Self(state)
    }

    fn expired(&self) -> bool {
        *self.0.lock().expect("no panic holds it").get_or_insert(false)
    }
}

/// The program and the suite, with the features that every test has: what is built already is not built again.
fn build() -> Result<(PathBuf, PathBuf)> {
    let out = cargo()
        .args([
            "build",
            "--workspace",
            "--all-features",
            "--bins",
            "--test",
            "suite",
        ])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()?;
    if !out.status.success() {
        bail!("the suite does not build: see above");
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let messages = text
        .lines()
        .filter_map(|l| serde_json::from_str::<serde_json::Value>(l).ok());
    let suite = messages
        .filter(|m| m["target"]["name"] == "suite")
        .find_map(|m| m["executable"].as_str().map(PathBuf::from))
        .context("cargo names no program for the suite")?;
    Ok((program("casemate")?, suite))
}

/// One of the workspace's programs, beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if !path.exists() {
        bail!("{} was not built", path.display());
    }
    Ok(path)
}

/// Without what only a debugger reads: the guest's memory is small.
fn stripped(file: &Path, folder: &Path) -> Result<Vec<u8>> {
    let out = folder.join("stripped");
    run(Command::new("strip").arg("-o").arg(&out).arg(file))?;
    Ok(fs::read(out)?)
}

/// The libraries that programs load, and the loader, by their paths.
fn libraries(programs: &[&Path]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for p in programs {
        let out = Command::new("ldd").arg(p).output().context("cannot start ldd")?;
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        found.extend(
            text.split_whitespace()
                .filter(|w| w.starts_with('/'))
                .map(str::to_owned),
        );
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn pack(packages: &Packages, casemate: &Path, suite: &Path, to: &Path) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut a = cpio::Archive::new(std::io::BufWriter::new(fs::File::create(to)?));
    for d in ["bin", "dev", "etc", "modules", "proc", "root", "sys", "tmp"] {
        a.directory(d)?;
    }
    a.console("dev/console")?;
    let id = casemate_abi::pci::ID;
    let script = GUEST.replace("@ID@", &format!("{:#06x} {:#06x}", id.0, id.1));
    a.program("init", script.as_bytes())?;
    a.program("bin/busybox", &fs::read(packages.root.join("usr/bin/busybox"))?)?;
    a.program("bin/casemate", &stripped(casemate, scratch.path())?)?;
    a.program("bin/suite", &stripped(suite, scratch.path())?)?;
    let mut made = Vec::new();
    for lib in libraries(&[casemate, suite])? {
        let inside = lib.trim_start_matches('/');
        let parents = inside.match_indices('/').map(|(i, _)| inside[..i].to_owned());
        for d in parents.collect::<Vec<_>>() {
            if !made.contains(&d) {
                a.directory(&d)?;
                made.push(d);
            }
        }
        a.program(inside, &fs::read(&lib)?)?;
    }
    for m in MODULES {
        let file = packages.module(m);
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let content = fs::read(&file).with_context(|| format!("module {}", file.display()))?;
        a.program(&format!("modules/{name}"), &content)?;
    }
    a.finish()?;
    Ok(())
}

fn boot(packages: &Packages, initramfs: &Path, sockets: &[PathBuf]) -> Result<Child> {
    let mut qemu = packages.qemu();
    qemu.args([
        "-accel",
        "tcg",
        "-M",
        "q35,kernel-irqchip=split,memory-backend=m0",
        "-m",
        "512",
    ])
    // Shared: with private memory the server would copy from pages that the guest never sees.
    .args(["-object", "memory-backend-memfd,id=m0,size=512M,share=on"])
    .args([
        "-display",
        "none",
        "-nodefaults",
        "-no-reboot",
        "-serial",
        "stdio",
    ])
    // Caching mode: the guest's kernel tells of every page that it maps.
    .args(["-device", "intel-iommu,intremap=on,caching-mode=on"]);
    for s in sockets {
        let device = serde_json::json!({
            "driver": "vfio-user-pci",
            "socket": { "type": "unix", "path": s },
            // A server that is gone is waited for as long, and the guest stands still meanwhile.
            "x-msg-timeout": 20000,
        });
        qemu.arg("-device").arg(device.to_string());
    }
    qemu.arg("-kernel")
        .arg(packages.kernel_image())
        .arg("-initrd")
        .arg(initramfs)
        // The kernel would panic if its timer were late, as it is on a machine that has more to do; what it says of refused DMA
        // would come between the suite's lines.
        .args([
            "-append",
            "console=ttyS0 loglevel=1 panic=-1 intel_iommu=on no_timer_check",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    qemu.spawn().context("cannot start QEMU")
}
