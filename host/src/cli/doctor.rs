// SPDX-License-Identifier: Apache-2.0
//! `doctor`, `bind`, `unbind`: what a device needs of this machine, and the command that mends what is missing.

use anyhow::{Context, Result, bail};
use casemate::transport::vfio::host::{Bdf, Host};
use casemate::{Device, Finding, State};

const UDEV_RULE: &str = include_str!("../../udev/70-casemate.rules");

#[derive(clap::Args)]
pub struct Args {
    /// The device, as in vfio:0000:01:00.0; that of --device by default
    uri: Option<String>,
    /// Only print the udev rule by which a device can be used without root
    #[arg(long)]
    udev_rule: bool,
}

fn show(what: &str, mark: &str, found: &str, mend: Option<&str>) -> Result<()> {
    say!("{mark:<8} {what:<14} {found}");
    if let Some(mend) = mend {
        say!("{:23} mend: {mend}", "");
    }
    Ok(())
}

fn list(findings: &[Finding]) -> Result<()> {
    for f in findings {
        let mark = match f.state {
            State::Right => "ok",
            State::Poor => "could be",
            State::Missing => "MISSING",
        };
        show(f.what, mark, &f.found, f.mend.as_deref())?;
    }
    Ok(())
}

/// Its version, and what its self-tests say.
fn inside(uri: &str) -> Result<()> {
    let device = match Device::open(uri) {
        Ok(d) => d,
        Err(e) => {
            show("opening it", "MISSING", &e.to_string(), None)?;
            bail!("{uri} cannot be opened: see above");
        }
    };
    let (major, minor, patch) = device.capabilities().version;
    show(
        "interface",
        "ok",
        &format!("{major}.{minor}.{patch}, this driver's"),
        None,
    )?;
    let status = device.status().context("reading its status")?;
    if status.self_tests_failed {
        let mend = "reset the device (opening it does); if it fails again, do not use it";
        show("self-tests", "MISSING", "FAILED: it was zeroized", Some(mend))?;
        bail!("{uri} failed its power-up self-tests");
    }
    show(
        "self-tests",
        "ok",
        "passed (`casemate selftest` tries known answers as well)",
        None,
    )
}

pub fn run(device: &str, args: &Args) -> Result<()> {
    if args.udev_rule {
        use std::io::Write;
        return std::io::stdout()
            .write_all(UDEV_RULE.as_bytes())
            .context("writing to standard output");
    }
    let uri = args.uri.as_deref().unwrap_or(device);
    let findings = casemate::examine(uri)?;
    list(&findings)?;
    let missing = findings.iter().filter(|f| f.state == State::Missing).count();
    if missing > 0 {
        bail!(
            "{uri}: {missing} thing{} missing; the first of them comes first",
            if missing == 1 { " is" } else { "s are" }
        );
    }
    inside(uri)
}

fn address(text: &str) -> Result<Bdf> {
    // A URI is meant as well as its address.
    text.strip_prefix("vfio:")
        .unwrap_or(text)
        .parse()
        .map_err(anyhow::Error::msg)
}

pub fn bind(bdf: &str) -> Result<()> {
    let (host, bdf) = (Host::default(), address(bdf)?);
    host.bind(&bdf, Some("vfio-pci"))?;
    let group = host.group(&bdf).with_context(|| {
        format!(
            "{bdf} is bound to vfio-pci and in no IOMMU group: `casemate doctor vfio:{bdf}` tells what to do"
        )
    })?;
    say!("{bdf} is bound to vfio-pci; its node is /dev/vfio/{group}");
    Ok(())
}

pub fn unbind(bdf: &str) -> Result<()> {
    let (host, bdf) = (Host::default(), address(bdf)?);
    host.bind(&bdf, None)?;
    match host.driver(&bdf) {
        Some(driver) => say!("{bdf} is bound to {driver}"),
        None => say!("{bdf} is bound to no driver"),
    }
    Ok(())
}
