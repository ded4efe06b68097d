// SPDX-License-Identifier: Apache-2.0
//! What is said of a machine that VFIO does not work on, of kinds that a guest cannot be: under a false root, with files as the
//! kernel shows them. The rest is tried for real by `cargo xtask vm`.
#![cfg(feature = "vfio")]

use casemate::transport::vfio::host::{Bdf, Host, Memlock};
use casemate::{Finding, State};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        let m = Self(tempfile::tempdir().unwrap());
        for d in [
            "sys/bus/pci/devices",
            "sys/bus/pci/drivers",
            "sys/kernel/iommu_groups",
            "dev/vfio",
        ] {
            fs::create_dir_all(m.at(d)).unwrap();
        }
        m
    }

    /// With IOMMU, VFIO, and Casemate alone in group 7, bound to vfio-pci.
    fn right() -> Self {
        let m = Self::new();
        m.function("0000:01:00.0", (0x1234, 0xca5e), Some("vfio-pci"), Some(7));
        m.write("dev/vfio/vfio", "");
        m.write("dev/vfio/7", "");
        m
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.at(path), text).unwrap();
    }

    fn function(&self, bdf: &str, id: (u16, u16), driver: Option<&str>, group: Option<u32>) {
        let dir = format!("sys/bus/pci/devices/{bdf}");
        fs::create_dir_all(self.at(&dir)).unwrap();
        self.write(&format!("{dir}/vendor"), &format!("{:#06x}\n", id.0));
        self.write(&format!("{dir}/device"), &format!("{:#06x}\n", id.1));
        if let Some(d) = driver {
            let target = self.at(&format!("sys/bus/pci/drivers/{d}"));
            fs::create_dir_all(&target).unwrap();
            symlink(target, self.at(&format!("{dir}/driver"))).unwrap();
        }
        if let Some(g) = group {
            let target = self.at(&format!("sys/kernel/iommu_groups/{g}"));
            fs::create_dir_all(target.join("devices")).unwrap();
            symlink(self.at(&dir), target.join("devices").join(bdf)).unwrap();
            symlink(target, self.at(&format!("{dir}/iommu_group"))).unwrap();
        }
    }

    fn host(&self) -> Host {
        Host::under(self.0.path())
    }
}

fn bdf(text: &str) -> Bdf {
    text.parse().unwrap()
}

/// Of what is missing, this comes first; its mend says so.
fn first(m: &Machine, what: &str, found: &str, mend: &str) {
    let all = m.host().examine(&bdf("0000:01:00.0"));
    let f = all.iter().find(|f| f.state == State::Missing);
    let f: &Finding = f.unwrap_or_else(|| panic!("nothing is missing, not {what}: {all:?}"));
    assert_eq!(f.what, what, "{all:?}");
    assert!(f.found.contains(found), "{f:?}");
    let mended = f.mend.as_ref().unwrap();
    assert!(mended.contains(mend), "{f:?}");
    let e = m.host().ready(&bdf("0000:01:00.0")).unwrap_err().to_string();
    assert!(e.contains(found) && e.contains(mend), "{e}");
}

#[test]
fn a_machine_where_all_is_well() {
    let m = Machine::right();
    let all = m.host().examine(&bdf("01:00.0"));
    let mut names: Vec<&str> = all.iter().map(|f| f.what).collect();
    // What this process itself may lock is as it is.
    let index = names.iter().position(|n| *n == "locked memory").unwrap();
    names.remove(index);
    assert_eq!(
        names,
        [
            "PCI function",
            "IOMMU",
            "VFIO",
            "IOMMU group",
            "driver",
            "permission",
            "huge pages"
        ]
    );
    let others = all.iter().filter(|f| f.what != "locked memory");
    assert!(others.clone().all(|f| f.state != State::Missing), "{all:?}");
    assert_eq!(m.host().devices(), [bdf("0000:01:00.0")]);
}

#[test]
fn each_thing_missing_names_its_mend() {
    let m = Machine::new();
    m.function("0000:01:00.0", (0x1234, 0xca5e), None, None);
    first(&m, "IOMMU", "no IOMMU groups", "intel_iommu=on");
    fs::create_dir(m.at("sys/kernel/iommu_groups/0")).unwrap();
    first(&m, "VFIO", "/dev/vfio/vfio", "modprobe vfio-pci");
    m.write("dev/vfio/vfio", "");
    first(&m, "IOMMU group", "in none", "IOMMU");

    let m = Machine::right();
    fs::remove_file(m.at("sys/bus/pci/devices/0000:01:00.0/driver")).unwrap();
    first(&m, "driver", "bound to none", "sudo casemate bind 0000:01:00.0");

    let m = Machine::right();
    m.function("0000:01:00.1", (0x8086, 0x1533), Some("igb"), Some(7));
    m.function("0000:00:01.0", (0x8086, 0x1901), Some("pcieport"), Some(7));
    m.function("0000:01:00.2", (0x8086, 0x1533), Some("vfio-pci"), Some(7));
    first(
        &m,
        "IOMMU group",
        "7 is shared with 0000:01:00.1 (igb)",
        "slot of its own",
    );
    let group = m.host().examine(&bdf("0000:01:00.0"));
    assert!(
        !group
            .iter()
            .any(|f| f.found.contains("pcieport") || f.found.contains("01:00.2"))
    );

    let m = Machine::right();
    fs::remove_file(m.at("dev/vfio/7")).unwrap();
    first(&m, "permission", "no /dev/vfio/7", "casemate bind");
}

#[test]
fn the_wrong_device() {
    let m = Machine::new();
    first(&m, "IOMMU", "no IOMMU groups", "intel_iommu=on");
    let all = m.host().examine(&bdf("0000:01:00.0"));
    let last = all.last().unwrap();
    assert!(last.found.contains("no 0000:01:00.0 on the bus"), "{last:?}");
    assert!(last.mend.as_ref().unwrap().contains("rescan"));
    m.function("0000:01:00.0", (0x8086, 0x1533), Some("igb"), Some(3));
    m.function("0000:02:00.0", (0x1234, 0xca5e), None, Some(4));
    first(
        &m,
        "PCI function",
        "8086:1533, not 1234:ca5e",
        "Casemate devices here: 0000:02:00.0",
    );
    let all = m.host().examine(&bdf("0000:01:00.0"));
    let bind = |f: &Finding| f.mend.as_ref().is_some_and(|m| m.contains("bind"));
    assert!(
        !all.iter().any(bind),
        "another's device is not to be bound: {all:?}"
    );
    let all = m.host().examine_any();
    assert!(
        all.iter()
            .any(|f| f.state == State::Right && f.found == "0000:02:00.0"),
        "{all:?}"
    );
}

#[test]
fn addresses() {
    for (text, want) in [
        ("0000:01:00.0", "0000:01:00.0"),
        ("01:00.0", "0000:01:00.0"),
        ("ABCD:ef:1F.7", "abcd:ef:1f.7"),
    ] {
        assert_eq!(bdf(text).to_string(), want);
    }
    for text in [
        "",
        ":",
        "0000:01:00",
        "0000:01:20.0",
        "0000:01:00.8",
        "0000:1:00.0",
        "x:01:00.0",
        "0:0000:01:00.0",
        "0000:01:00.0/../x",
        "+000:01:00.0",
        "0000:01:00.0 ",
        "0000:01:0é.0",
    ] {
        let e = text.parse::<Bdf>().unwrap_err();
        assert!(e.contains("0000:01:00.0") && e.contains("lspci"), "{e}");
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// The writes by which the kernel is asked; that it does as asked is seen in the guest.
#[test]
fn binding() {
    let m = Machine::right();
    let (host, it) = (m.host(), bdf("0000:01:00.0"));
    let dir = m.at("sys/bus/pci/devices/0000:01:00.0");
    host.bind(&it, Some("vfio-pci")).unwrap();
    assert_eq!(read(&dir.join("driver_override")), "vfio-pci\n");
    assert!(
        !m.at("sys/bus/pci/drivers_probe").exists(),
        "it was bound already"
    );
    let e = host.bind(&it, Some("uio")).unwrap_err().to_string();
    assert!(e.contains("sudo modprobe uio"), "{e}");
    fs::create_dir(m.at("sys/bus/pci/drivers/uio")).unwrap();
    let e = host.bind(&it, Some("uio")).unwrap_err().to_string();
    assert!(
        e.contains("bound to vfio-pci and not to uio") && e.contains("dmesg"),
        "{e}"
    );
    assert_eq!(read(&m.at("sys/bus/pci/drivers/vfio-pci/unbind")), "0000:01:00.0");
    assert_eq!(read(&m.at("sys/bus/pci/drivers_probe")), "0000:01:00.0");
    host.bind(&it, None).unwrap();
    assert_eq!(read(&dir.join("driver_override")), "\n");
    let e = host.bind(&bdf("0000:7f:00.0"), None).unwrap_err().to_string();
    assert!(e.contains("no PCI function") && e.contains("lspci"), "{e}");
}

#[test]
fn locked_memory() {
    let m = Memlock {
        limit: Some(8 << 20),
        used: 7 << 20,
    };
    m.check(1 << 20).unwrap();
    let e = m.check((1 << 20) + 4096).unwrap_err().to_string();
    for part in [
        "1028 KiB more",
        "8192 KiB are allowed",
        "7168 KiB in use",
        "prlimit",
        "limits.d",
    ] {
        assert!(e.contains(part), "{e}");
    }
    m.check(u64::MAX).unwrap_err();
    let none = Memlock { limit: None, used: 0 };
    none.check(u64::MAX).unwrap();
}
