// SPDX-License-Identifier: Apache-2.0
//! The microcode: what the hardware has is what is assembled, and its checker is content, and sees seeded errors.

use casemate_hdl_tb::hdl;
use std::process::Command;

fn python(script: &str, argument: &str) {
    let tools = hdl("../target/tools/venv/bin/python");
    let python = if tools.exists() { tools } else { "python3".into() };
    let out = Command::new(python)
        .arg("-B")
        .arg(hdl(script))
        .arg(argument)
        .output()
        .expect("Python");
    let text = String::from_utf8_lossy(&out.stdout) + String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{script}: {text}");
}

#[test]
fn the_packages_are_fresh() {
    python("ec/ucode/build.py", "--check");
}

#[test]
fn the_checker_is_content() {
    let long = std::env::var_os("CASEMATE_LONG").is_some();
    python("ec/ucode/check.py", if long { "--all" } else { "--quick" });
}
