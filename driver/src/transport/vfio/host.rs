// SPDX-License-Identifier: Apache-2.0
//! What Linux says of a PCI function and of VFIO, and what a program needs of both: each thing that is missing comes with the
//! command that mends it. Opening a device and `casemate doctor` go by the same list.

use crate::transport::finding::{Finding, State};
use crate::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Vendor and device id of Casemate on PCI.
pub const PCI_ID: (u16, u16) = casemate_abi::pci::ID;

/// Locked memory below which little works, and below which deep queues and large buffers run short.
const MEMLOCK_LEAST: u64 = 2 << 20;
const MEMLOCK_EASE: u64 = 64 << 20;

/// A PCI address with its domain, as in 0000:01:00.0.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bdf(String);

impl std::fmt::Display for Bdf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Bdf {
    type Err = String;

    /// With or without the domain.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong =
            || format!("`{text}` is no PCI address: write it as in 0000:01:00.0 (`lspci -D` lists them)");
        let (head, function) = text.split_once('.').ok_or_else(wrong)?;
        let mut parts: Vec<&str> = head.split(':').collect();
        if parts.len() == 2 {
            parts.insert(0, "0000");
        }
        let [domain, bus, slot] = parts[..] else {
            return Err(wrong());
        };
        let hex = |s: &str, digits: usize, max: u32| {
            let plain = s.len() == digits && s.bytes().all(|b| b.is_ascii_hexdigit());
            plain && u32::from_str_radix(s, 16).is_ok_and(|n| n <= max)
        };
        if !hex(domain, 4, 0xffff) || !hex(bus, 2, 0xff) || !hex(slot, 2, 0x1f) || !hex(function, 1, 7) {
            return Err(wrong());
        }
        Ok(Self(
            format!("{domain}:{bus}:{slot}.{function}").to_ascii_lowercase(),
        ))
    }
}

/// Limits on memory that a process may lock, which is what the device can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memlock {
    /// Bytes; None if there is no limit, by its value or because the process may ignore it.
    pub limit: Option<u64>,
    /// Of those, in use.
    pub used: u64,
}

impl Memlock {
    /// Those that the kernel has now.
    pub fn of_this_process() -> Self {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: a structure to fill in.
        let told = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
        let capabilities = field("CapEff:").and_then(|v| u64::from_str_radix(v, 16).ok());
        // CAP_IPC_LOCK.
        let exempt = capabilities.is_some_and(|c| c >> 14 & 1 == 1);
        let used = field("VmLck:").and_then(|v| v.split(' ').next()?.parse::<u64>().ok());
        Self {
            limit: (told && !exempt && limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur),
            used: used.unwrap_or(0) * 1024,
        }
    }

    /// An error if `bytes` more are too many.
    pub fn check(&self, bytes: u64) -> Result<()> {
        match self.limit {
            Some(limit) if self.used.saturating_add(bytes) > limit => Err(self.error(bytes)),
            _ => Ok(()),
        }
    }

    /// That `bytes` more are too many.
    pub fn error(&self, bytes: u64) -> Error {
        let limit = self
            .limit
            .map_or("a limit".into(), |l| format!("{} KiB", l >> 10));
        Error::Transport(format!(
            "too little memory may be locked for DMA: {} KiB more are needed, {limit} are allowed and {} KiB in use. {}",
            bytes >> 10,
            self.used >> 10,
            Self::mend()
        ))
    }

    /// How it is raised.
    fn mend() -> String {
        "For one shell: `sudo prlimit --pid $$ --memlock=unlimited`; for good: \
         `echo '* - memlock unlimited' | sudo tee /etc/security/limits.d/casemate.conf`, then log in anew \
         (of a systemd service: LimitMEMLOCK=infinity)"
            .into()
    }

    fn finding(&self) -> Finding {
        const WHAT: &str = "locked memory";
        let Some(limit) = self.limit else {
            return Finding::right(WHAT, "no limit");
        };
        let found = format!("at most {} KiB, {} KiB in use", limit >> 10, self.used >> 10);
        match limit.saturating_sub(self.used) {
            n if n < MEMLOCK_LEAST => Finding::missing(WHAT, found, Self::mend()),
            n if n < MEMLOCK_EASE => Finding::not(
                State::Poor,
                WHAT,
                format!("{found}: enough for small buffers"),
                Self::mend(),
            ),
            _ => Finding::right(WHAT, found),
        }
    }
}

/// Where the kernel shows things.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

impl Default for Host {
    fn default() -> Self {
        Self::under("/")
    }
}

impl Host {
    /// With /sys and /dev under another root.
    pub fn under(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The directory of a PCI function.
    pub fn function(&self, bdf: &Bdf) -> PathBuf {
        self.at("sys/bus/pci/devices").join(&bdf.0)
    }

    fn text(&self, bdf: &Bdf, file: &str) -> Option<String> {
        let text = fs::read_to_string(self.function(bdf).join(file)).ok()?;
        Some(text.trim().to_owned())
    }

    fn id(&self, bdf: &Bdf) -> Option<(u16, u16)> {
        let number = |file| {
            let text = self.text(bdf, file)?;
            u16::from_str_radix(text.trim_start_matches("0x"), 16).ok()
        };
        Some((number("vendor")?, number("device")?))
    }

    /// The last part of a link in the function's directory.
    fn link(&self, bdf: &Bdf, name: &str) -> Option<String> {
        let target = fs::read_link(self.function(bdf).join(name)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// The driver it is bound to.
    pub fn driver(&self, bdf: &Bdf) -> Option<String> {
        self.link(bdf, "driver")
    }

    /// Its IOMMU group.
    pub fn group(&self, bdf: &Bdf) -> Option<String> {
        self.link(bdf, "iommu_group")
    }

    /// Every PCI function with Casemate's ids.
    pub fn devices(&self) -> Vec<Bdf> {
        let mut found: Vec<Bdf> = names(&self.at("sys/bus/pci/devices"))
            .filter_map(|n| n.parse().ok())
            .filter(|b| self.id(b) == Some(PCI_ID))
            .collect();
        found.sort();
        found
    }

    /// Others in its group that are neither bound to VFIO nor free, nor bridges, which are harmless.
    fn neighbours(&self, bdf: &Bdf) -> Vec<String> {
        let mut found: Vec<String> = names(&self.function(bdf).join("iommu_group/devices"))
            .filter_map(|n| n.parse::<Bdf>().ok())
            .filter(|b| b != bdf)
            .filter_map(|b| {
                let driver = self.driver(&b).filter(|d| d != "vfio-pci" && d != "pcieport")?;
                Some(format!("{b} ({driver})"))
            })
            .collect();
        found.sort();
        found
    }

    /// Whether IOMMU and VFIO are there, whatever the device.
    fn kernel(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let groups = names(&self.at("sys/kernel/iommu_groups")).count();
        found.push(match groups {
            0 => Finding::missing(
                "IOMMU",
                "none is in use: no IOMMU groups",
                "turn VT-d or AMD-Vi on in the firmware's set-up and, for Intel, boot Linux with intel_iommu=on: \
                 `sudo sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on /' /etc/default/grub && sudo update-grub`, then restart",
            ),
            n => Finding::right("IOMMU", format!("{n} groups")),
        });
        let node = self.at("dev/vfio/vfio");
        found.push(if !node.exists() {
            Finding::missing(
                "VFIO",
                "no /dev/vfio/vfio: the kernel's VFIO is not loaded",
                "`sudo modprobe vfio-pci`, and at each start: `echo vfio-pci | sudo tee /etc/modules-load.d/vfio.conf`",
            )
        } else if !accessible(&node) {
            Finding::missing("VFIO", "/dev/vfio/vfio is not open to all", "`sudo chmod 0666 /dev/vfio/vfio`")
        } else {
            Finding::right("VFIO", "/dev/vfio/vfio")
        });
        found
    }

    /// Everything that opening `bdf` needs, in the order in which it is needed.
    pub fn examine(&self, bdf: &Bdf) -> Vec<Finding> {
        let mut found = Vec::new();
        let Some(id) = self.id(bdf) else {
            found.extend(self.kernel());
            let there = self.devices();
            let list = match there.len() {
                0 => "no Casemate device is on the bus: check the card, then `echo 1 | sudo tee /sys/bus/pci/rescan`".into(),
                _ => format!("Casemate devices here: {}", list(&there)),
            };
            found.push(Finding::missing(
                "PCI function",
                format!("no {bdf} on the bus"),
                list,
            ));
            return found;
        };
        if id != PCI_ID {
            // Nothing else is said of it: binding somebody's disk to VFIO mends nothing.
            found.push(Finding::missing(
                "PCI function",
                format!(
                    "{bdf} is another device: {:04x}:{:04x}, not {:04x}:{:04x}",
                    id.0, id.1, PCI_ID.0, PCI_ID.1
                ),
                match self.devices() {
                    there if there.is_empty() => "no Casemate device is on the bus".into(),
                    there => format!("Casemate devices here: {}", list(&there)),
                },
            ));
            return found;
        }
        let name = format!("{bdf} ({:04x}:{:04x})", id.0, id.1);
        found.push(Finding::right("PCI function", name));
        found.extend(self.kernel());
        if let Some(group) = self.group(bdf) {
            let others = self.neighbours(bdf);
            found.push(if others.is_empty() {
                Finding::right("IOMMU group", format!("{group}, {bdf}'s alone"))
            } else {
                Finding::missing(
                    "IOMMU group",
                    format!("{group} is shared with {}", others.join(", ")),
                    "move the card to a slot of its own, or bind those to vfio-pci as well (`sudo casemate bind BDF`)",
                )
            });
        } else {
            found.push(Finding::missing(
                "IOMMU group",
                format!("{bdf} is in none"),
                "needs the IOMMU: see there",
            ));
        }
        found.push(match self.driver(bdf).as_deref() {
            Some("vfio-pci") => Finding::right("driver", "vfio-pci"),
            driver => Finding::missing(
                "driver",
                driver.map_or("bound to none".into(), |d| format!("bound to {d}")),
                format!("`sudo casemate bind {bdf}`"),
            ),
        });
        if let Some(group) = self.group(bdf) {
            found.push(self.node(bdf, &group));
        }
        found.push(Memlock::of_this_process().finding());
        found.push(self.huge_pages());
        found
    }

    /// What can be said of no device in particular.
    pub fn examine_any(&self) -> Vec<Finding> {
        let mut found = self.kernel();
        let there = self.devices();
        found.push(if there.is_empty() {
            Finding::missing(
                "PCI function",
                format!("no Casemate device ({:04x}:{:04x}) is on the bus", PCI_ID.0, PCI_ID.1),
                "check the card, then `echo 1 | sudo tee /sys/bus/pci/rescan`; without a card, use sim: or soft:",
            )
        } else {
            Finding::right("PCI function", list(&there))
        });
        found.push(Memlock::of_this_process().finding());
        found.push(self.huge_pages());
        found
    }

    fn node(&self, bdf: &Bdf, group: &str) -> Finding {
        const WHAT: &str = "permission";
        let name = format!("/dev/vfio/{group}");
        let node = self.at(&format!("dev/vfio/{group}"));
        if !node.exists() {
            return Finding::missing(WHAT, format!("no {name}"), format!("`sudo casemate bind {bdf}`"));
        }
        if !accessible(&node) {
            return Finding::missing(
                WHAT,
                format!("{name} belongs to others"),
                format!(
                    "`sudo chown $USER {name}`; for good: \
                     `casemate doctor --udev-rule | sudo tee /etc/udev/rules.d/70-casemate.rules && sudo udevadm control --reload && \
                     sudo udevadm trigger`"
                ),
            );
        }
        Finding::right(WHAT, name)
    }

    fn huge_pages(&self) -> Finding {
        const WHAT: &str = "huge pages";
        let file = self.at("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
        let free = fs::read_to_string(file)
            .ok()
            .and_then(|t| t.trim().parse::<u64>().ok());
        match free {
            Some(n) if n > 0 => Finding::right(WHAT, format!("{n} of 2 MiB are free")),
            _ => Finding::not(
                State::Poor,
                WHAT,
                "none of 2 MiB is free: small ones are used, whose mapping takes longer",
                "`echo 64 | sudo tee /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages`",
            ),
        }
    }

    /// An error that says what is missing first, and how it is mended.
    pub fn ready(&self, bdf: &Bdf) -> Result<()> {
        match (self.examine(bdf).into_iter()).find(|f| f.state == State::Missing) {
            None => Ok(()),
            Some(f) => Err(Error::Transport(format!(
                "{}: {}. {}",
                f.what,
                f.found,
                f.mend.unwrap_or_default()
            ))),
        }
    }

    /// Gives the function to vfio-pci, or with `driver` None back to whatever driver Linux has for it. Needs root.
    pub fn bind(&self, bdf: &Bdf, driver: Option<&str>) -> Result<()> {
        let function = self.function(bdf);
        if !function.exists() {
            return Err(Error::Invalid(format!(
                "no PCI function {bdf}: `lspci -D` lists those there are"
            )));
        }
        let known = |d: &str| self.at("sys/bus/pci/drivers").join(d).exists();
        if let Some(d) = driver.filter(|d| !known(d)) {
            return Err(Error::Transport(format!(
                "the kernel's driver {d} is not loaded: `sudo modprobe {d}`"
            )));
        }
        let write = |path: &Path, text: &str| {
            fs::write(path, text).map_err(|e| {
                let root = match e.kind() {
                    std::io::ErrorKind::PermissionDenied => ": needs root, as in `sudo casemate bind BDF`",
                    _ => "",
                };
                Error::Transport(format!("writing {}: {e}{root}", path.display()))
            })
        };
        // A newline alone takes the override away.
        write(
            &function.join("driver_override"),
            &format!("{}\n", driver.unwrap_or("")),
        )?;
        if self.driver(bdf).as_deref() == driver && driver.is_some() {
            return Ok(());
        }
        if self.driver(bdf).is_some() {
            write(&function.join("driver/unbind"), &bdf.0)?;
        }
        write(&self.at("sys/bus/pci/drivers_probe"), &bdf.0)?;
        match (driver, self.driver(bdf)) {
            (Some(want), got) if got.as_deref() != Some(want) => Err(Error::Transport(format!(
                "{bdf} is bound to {} and not to {want}: the kernel's log (`sudo dmesg`) says why",
                got.as_deref().unwrap_or("nothing")
            ))),
            _ => Ok(()),
        }
    }
}

fn list(devices: &[Bdf]) -> String {
    let names: Vec<String> = devices.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn names(directory: &Path) -> impl Iterator<Item = String> {
    (fs::read_dir(directory).into_iter().flatten().flatten()).filter_map(|e| e.file_name().into_string().ok())
}

/// Whether this user may read and write a node. Nothing is opened: opening a group's node takes it.
fn accessible(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let Ok(path) = std::ffi::CString::new(path.as_os_str().as_bytes()) else {
        return false;
    };
    // SAFETY: a string that ends in zero.
    unsafe {
        libc::faccessat(
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::R_OK | libc::W_OK,
            libc::AT_EACCESS,
        ) == 0
    }
}
