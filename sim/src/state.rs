// SPDX-License-Identifier: Apache-2.0
//! Every element of a model's state, by name: what the generated C++ keeps between two evaluations, of which registers and RAMs are
//! a part. The list is read from the generated header, so nothing can be left out of it.

use crate::verilate::Error;
use std::path::Path;

/// The members of the root class of `top`, whose hierarchy was flattened into it.
pub(crate) fn members(top: &str, obj: &Path) -> Result<Vec<String>, Error> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|source| Error::Io {
            path: path.into(),
            source,
        })
    };
    let root = read(&obj.join(format!("V{top}___024root.h")))?;
    let mut names = Vec::new();
    let fields = root
        .split_once("// DESIGN SPECIFIC STATE")
        .and_then(|(_, rest)| rest.split_once("// INTERNAL VARIABLES"))
        .map_or("", |(fields, _)| fields);
    for line in fields.lines().map(str::trim) {
        if line.is_empty() || line.starts_with("//") || line == "struct {" || line == "};" {
            continue;
        }
        let name = if let Some(port) = line.strip_prefix("VL_") {
            port.split_once('(')
                .and_then(|(_, args)| args.split_once(','))
                .map(|(name, _)| name.trim_start_matches('&'))
        } else {
            line.strip_suffix(';')
                .and_then(|l| l.rsplit_once(' '))
                .map(|(_, name)| name)
        };
        let name = name.filter(|n| n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
        let name = name.ok_or_else(|| unknown(top, line))?;
        // Arguments and results of function calls, and values on their way into arrays: Verilator's own, written and read within
        // one evaluation. The arrays themselves are in the list.
        let own = ["__Vfunc_", "__VlemCall_", "__VdlyVal__"];
        if !own.iter().any(|o| name.contains(o)) {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() {
        return Err(unknown(top, "no state at all"));
    }
    // Nothing may live in another class.
    for entry in std::fs::read_dir(obj).into_iter().flatten().flatten() {
        let path = entry.path();
        let other = path
            .file_name()
            .and_then(|n| n.to_str())
            .is_some_and(|n| n.ends_with(".h") && !n.ends_with("___024root.h"));
        if other && read(&path)?.contains("// DESIGN SPECIFIC STATE") {
            return Err(unknown(top, &format!("state in {}", path.display())));
        }
    }
    Ok(names)
}

fn unknown(top: &str, what: &str) -> Error {
    Error::Build {
        step: "reading the state",
        top: top.into(),
        tail: what.into(),
    }
}

/// The shim's function that gives element `i`: its name, place and size; false past the last.
pub(crate) fn shim(top: &str, members: &[String]) -> String {
    let mut s = format!(
        "#include \"V{top}___024root.h\"\n\
         struct S {{ const char* n; const void* p; unsigned b; }};\n\
         extern \"C\" int cm_state(void* p, unsigned i, const char** n, const void** at, unsigned* b) {{\n\
         auto* r = ((M*)p)->v->rootp;\n\
         const S all[] = {{\n"
    );
    for m in members {
        s += &format!("{{\"{m}\", &r->{m}, sizeof r->{m}}},\n");
    }
    s += "};\nif (i >= sizeof all / sizeof *all) return 0;\n*n = all[i].n; *at = all[i].p; *b = all[i].b; return 1; }\n";
    s
}
