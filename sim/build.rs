// SPDX-License-Identifier: Apache-2.0
//! Tells where the C libraries lie that a model with waveforms is compiled and linked with.

use std::path::{Path, PathBuf};

fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    for entry in std::fs::read_dir(dir).ok()?.flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|n| n == name) {
            return Some(path);
        }
        if path.is_dir()
            && let Some(found) = find(&path, name)
        {
            return Some(found);
        }
    }
    None
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for (library, archive) in [("Z", "libz.a"), ("LZ4", "liblz4.a")] {
        // Set by libz-sys and lz4-sys, which are there with feature `rtl`.
        let get = |what| std::env::var(format!("DEP_{library}_{what}")).unwrap_or_default();
        let (root, include) = (get("ROOT"), get("INCLUDE"));
        let path = find(Path::new(&root), archive).unwrap_or_default();
        println!("cargo:rustc-env=CASEMATE_{library}_INCLUDE={include}");
        println!("cargo:rustc-env=CASEMATE_{library}_ARCHIVE={}", path.display());
    }
}
