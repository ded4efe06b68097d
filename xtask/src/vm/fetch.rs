// SPDX-License-Identifier: Apache-2.0
//! QEMU and a kernel, from Debian's packages, unpacked under `target/vm` without root. apt works on a state of its own: nothing of
//! the machine's is read but the address of its mirror, and nothing is written.

use crate::tools::root;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The release whose packages are taken, and the suite that has a QEMU with vfio-user.
const RELEASE: &str = "trixie";
const BACKPORTS: &str = "trixie-backports";
/// vfio-user clients came with 10.1; this is what has been tried.
const QEMU_SINCE: (u32, u32) = (11, 1);
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What was unpacked.
pub struct Packages {
    pub root: PathBuf,
    /// As in 6.12.1-cloud-amd64.
    pub kernel: String,
    pub versions: String,
}

/// Or why there is nothing.
pub enum Fetched {
    Packages(Packages),
    CannotBeHad(String),
}

/// The machine's own mirror of Debian: the first one that its apt sources name.
fn mirror() -> Option<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let listed = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten();
    files.extend(listed.map(|e| e.path()));
    files.sort();
    let texts = files.iter().filter_map(|f| fs::read_to_string(f).ok());
    let words: Vec<String> = texts
        .flat_map(|t| {
            let lines = t.lines().map(str::trim).filter(|l| !l.starts_with('#'));
            lines
                .flat_map(str::split_whitespace)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    mirror_in(&words).map(str::to_owned)
}

fn mirror_in(words: &[String]) -> Option<&str> {
    let is_mirror = |w: &&str| w.contains("://") && w.trim_end_matches('/').ends_with("/debian");
    words.iter().map(String::as_str).find(is_mirror)
}

struct Apt {
    dir: PathBuf,
}

impl Apt {
    fn new(dir: PathBuf, mirror: &str) -> Result<Self> {
        for d in ["state/lists/partial", "cache/archives/partial", "download"] {
            fs::create_dir_all(dir.join(d))?;
        }
        // No package is installed: every dependency comes along.
        fs::write(dir.join("state/status"), "")?;
        let signed = if Path::new(KEYRING).exists() {
            format!("[arch=amd64 signed-by={KEYRING}] ")
        } else {
            "[arch=amd64] ".into()
        };
        let lines = [RELEASE, BACKPORTS].map(|suite| format!("deb {signed}{mirror} {suite} main\n"));
        fs::write(dir.join("sources.list"), lines.concat())?;
        Ok(Self { dir })
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<Output> {
        let at = |p: &str| self.dir.join(p).display().to_string();
        let mut cmd = Command::new(program);
        cmd.current_dir(self.dir.join("download")).env("LC_ALL", "C");
        for (option, value) in [
            ("Dir::State", at("state")),
            ("Dir::State::status", at("state/status")),
            ("Dir::Cache", at("cache")),
            ("Dir::Etc::sourcelist", at("sources.list")),
            ("Dir::Etc::sourceparts", "-".into()),
            ("Dir::Etc::preferencesparts", "-".into()),
            ("APT::Architecture", "amd64".into()),
            ("APT::Architectures", "amd64".into()),
            ("APT::Sandbox::User", String::new()),
            ("APT::Update::Error-Mode", "any".into()),
            ("APT::Update::Post-Invoke-Success", String::new()),
            ("Acquire::Retries", "2".into()),
            ("Debug::NoLocking", "1".into()),
        ] {
            cmd.arg("-o").arg(format!("{option}={value}"));
        }
        cmd.args(args)
            .output()
            .with_context(|| format!("cannot start {program}"))
    }

    fn must(&self, program: &str, args: &[&str]) -> Result<String> {
        let out = self.run(program, args)?;
        if !out.status.success() {
            bail!("{program} {}: {}", args.join(" "), last_line(&out.stderr));
        }
        Ok(String::from_utf8_lossy(&out.stdout).into_owned())
    }
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().lines().last().unwrap_or("no message").to_owned()
}

/// Fetches what is not there yet.
pub fn fetch() -> Result<Fetched> {
    let dir = root().join("target/vm");
    let (unpacked, record) = (dir.join("root"), dir.join("versions"));
    if let Ok(versions) = fs::read_to_string(&record) {
        return packages(unpacked, versions).map(Fetched::Packages);
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Fetched::CannotBeHad(
            "its QEMU and kernel are those of Linux on x86-64".into(),
        ));
    }
    for tool in ["apt-get", "dpkg-deb"] {
        if Command::new(tool).arg("--version").output().is_err() {
            return Ok(Fetched::CannotBeHad(format!(
                "{tool} is not installed (Debian, Ubuntu)"
            )));
        }
    }
    let Some(mirror) = mirror() else {
        return Ok(Fetched::CannotBeHad(
            "no apt source of this machine is a mirror of Debian: add one under /etc/apt/sources.list.d"
                .into(),
        ));
    };
    eprintln!("fetching QEMU and a kernel into target/vm (Debian packages, about 75 MB)");
    let apt = Apt::new(dir.join("apt"), &mirror)?;
    let update = apt.run("apt-get", &["update"])?;
    if !update.status.success() {
        let why = last_line(&update.stderr);
        return Ok(Fetched::CannotBeHad(format!("{mirror}: {why}")));
    }
    let args = [
        "-y",
        "--no-install-recommends",
        "--download-only",
        "-t",
        BACKPORTS,
        "install",
    ];
    apt.must("apt-get", &[&args[..], &["qemu-system-x86", "seabios"]].concat())?;
    // The package of that name only depends on the newest kernel's.
    let kernel = format!("linux-image-cloud-amd64/{RELEASE}");
    let depends = apt.must("apt-cache", &["show", &kernel])?;
    let kernel = kernel_package(&depends).context("linux-image-cloud-amd64 names no kernel")?;
    apt.must("apt-get", &["download", kernel, "busybox-static"])?;
    // Into a place of their own, so that what was left half unpacked is not taken for the whole.
    let partial = dir.join("root.partial");
    let _ = fs::remove_dir_all(&partial);
    let mut versions = String::new();
    for folder in ["cache/archives", "download"] {
        let mut debs: Vec<PathBuf> = fs::read_dir(dir.join("apt").join(folder))?
            .map(|e| Ok(e?.path()))
            .collect::<Result<_>>()?;
        debs.retain(|p| p.extension().is_some_and(|e| e == "deb"));
        debs.sort();
        for deb in debs {
            crate::tools::run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&partial))?;
            let name = deb.file_stem().unwrap_or_default().to_string_lossy();
            let mut parts = name.split('_');
            let (Some(package), Some(version)) = (parts.next(), parts.next()) else {
                continue;
            };
            versions += &format!("{package} {}\n", version.replace("%3a", ":"));
        }
    }
    let _ = fs::remove_dir_all(&unpacked);
    fs::rename(&partial, &unpacked)?;
    let found = packages(unpacked, versions)?;
    fs::write(&record, &found.versions)?;
    fs::remove_dir_all(dir.join("apt"))?;
    Ok(Fetched::Packages(found))
}

/// The kernel that the metapackage depends on.
fn kernel_package(show: &str) -> Option<&str> {
    let depends = show.lines().find_map(|l| l.strip_prefix("Depends: "))?;
    let names = depends.split([',', ' ']).map(str::trim);
    names.into_iter().find(|n| n.starts_with("linux-image-"))
}

fn packages(root: PathBuf, versions: String) -> Result<Packages> {
    let modules = root.join("usr/lib/modules");
    let kernel = fs::read_dir(&modules)
        .ok()
        .and_then(|mut d| d.next()?.ok())
        .with_context(|| {
            format!(
                "{} has no kernel: remove target/vm and try again",
                modules.display()
            )
        })?;
    let found = Packages {
        root,
        kernel: kernel.file_name().to_string_lossy().into_owned(),
        versions,
    };
    let out = found
        .qemu()
        .arg("--version")
        .output()
        .context("cannot start the fetched QEMU")?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let since = |v: (u32, u32)| v >= QEMU_SINCE;
    if !version_in(&said).is_some_and(since) {
        bail!(
            "the fetched QEMU says `{}`: {}.{} or newer is needed; remove target/vm and try again",
            said.lines().next().unwrap_or("nothing"),
            QEMU_SINCE.0,
            QEMU_SINCE.1
        );
    }
    Ok(found)
}

fn version_in(said: &str) -> Option<(u32, u32)> {
    let number = said.split("version ").nth(1)?;
    let mut parts = number.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

impl Packages {
    /// The unpacked QEMU, run by its own loader on its own libraries.
    pub fn qemu(&self) -> Command {
        let libraries = self.root.join("usr/lib/x86_64-linux-gnu");
        let mut cmd = Command::new(libraries.join("ld-linux-x86-64.so.2"));
        cmd.env("QEMU_MODULE_DIR", libraries.join("qemu"))
            .arg("--library-path")
            .arg(&libraries)
            .arg(self.root.join("usr/bin/qemu-system-x86_64"));
        for firmware in ["usr/share/qemu", "usr/share/seabios"] {
            cmd.arg("-L").arg(self.root.join(firmware));
        }
        cmd
    }

    pub fn kernel_image(&self) -> PathBuf {
        self.root.join(format!("boot/vmlinuz-{}", self.kernel))
    }

    /// A module of the kernel, compressed by xz.
    pub fn module(&self, path: &str) -> PathBuf {
        let modules = self.root.join("usr/lib/modules").join(&self.kernel);
        modules.join("kernel").join(format!("{path}.ko.xz"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_says() {
        let words = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let w =
            words("deb https://example.org/apt x main URIs: http://mirror.example/debian/ Suites: bookworm");
        assert_eq!(mirror_in(&w), Some("http://mirror.example/debian/"));
        assert_eq!(
            mirror_in(&words("deb http://archive.ubuntu.com/ubuntu noble main")),
            None
        );
        let show = "Package: linux-image-cloud-amd64\nDepends: foo (>= 1), linux-image-6.12.1-cloud-amd64 (= 6.12.1-1)\n";
        assert_eq!(kernel_package(show), Some("linux-image-6.12.1-cloud-amd64"));
        assert_eq!(version_in("QEMU emulator version 11.1.3 (Debian)"), Some((11, 1)));
        assert_eq!(version_in("nothing"), None);
    }
}
