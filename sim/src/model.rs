// SPDX-License-Identifier: Apache-2.0
//! One instance of a Verilated module, driven from Rust through pointers to its ports.

use crate::verilate::Error;
use libloading::{Library, Symbol};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::Arc;

type New = unsafe extern "C" fn() -> *mut c_void;
type Delete = unsafe extern "C" fn(*mut c_void);
type Eval = unsafe extern "C" fn(*mut c_void);
type Trace = unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int;
type State = unsafe extern "C" fn(*mut c_void, u32, *mut *const c_char, *mut *const u8, *mut u32) -> c_int;
type PortOf = unsafe extern "C" fn(*mut c_void, *const c_char, *mut u32) -> *mut c_void;

/// A port of the model it came from; of another model it is refused.
#[derive(Debug, Clone, Copy)]
pub struct Port {
    ptr: *mut u8,
    width: u32,
    owner: *mut c_void,
}

// SAFETY: a port is only dereferenced through its model, which is not shared between threads.
unsafe impl Send for Port {}

impl Port {
    /// Width in bits.
    pub fn width(self) -> u32 {
        self.width
    }
}

/// One instance of a Verilated module. The clock, if it has one, is `clk_i`.
pub struct Model {
    top: String,
    handle: *mut c_void,
    delete: Delete,
    eval: Eval,
    trace: Option<Trace>,
    state: Option<State>,
    port_of: PortOf,
    clk: Option<Port>,
    cycles: u64,
    ports: HashMap<String, Port>,
    _library: Arc<Library>,
}

// SAFETY: the model has no thread-local state and is driven by one owner at a time.
unsafe impl Send for Model {}

impl Model {
    pub(crate) fn load(top: &str, path: &Path, trace: bool) -> Result<Self, Error> {
        let load = |source| Error::Load {
            path: path.into(),
            source,
        };
        // SAFETY: the library was built by this module from its own shim; loading runs only C++ initialisers.
        let library = Arc::new(unsafe { Library::new(path) }.map_err(load)?);
        // SAFETY: the types are those of the shim's functions.
        let (new, delete, eval, trace_fn, port_of) = unsafe {
            let new: Symbol<New> = library.get(b"cm_new").map_err(load)?;
            let delete: Symbol<Delete> = library.get(b"cm_delete").map_err(load)?;
            let eval: Symbol<Eval> = library.get(b"cm_eval").map_err(load)?;
            let trace: Symbol<Trace> = library.get(b"cm_trace").map_err(load)?;
            let port: Symbol<PortOf> = library.get(b"cm_port").map_err(load)?;
            (*new, *delete, *eval, *trace, *port)
        };
        // SAFETY: as above; a model without it has no such function.
        let state = unsafe { library.get::<State>(b"cm_state") }.ok().map(|s| *s);
        // SAFETY: a plain constructor.
        let handle = unsafe { new() };
        let mut model = Self {
            top: top.into(),
            handle,
            delete,
            eval,
            trace: trace.then_some(trace_fn),
            state,
            port_of,
            clk: None,
            cycles: 0,
            ports: HashMap::new(),
            _library: library,
        };
        model.clk = model.port("clk_i").ok();
        Ok(model)
    }

    /// A port by name.
    pub fn port(&mut self, name: &str) -> Result<Port, Error> {
        if let Some(p) = self.ports.get(name) {
            return Ok(*p);
        }
        let missing = || Error::NoPort {
            top: self.top.clone(),
            name: name.into(),
        };
        let c = CString::new(name).map_err(|_| missing())?;
        let mut width = 0;
        // SAFETY: the handle is live, the name ends in NUL, the width is written at most once.
        let ptr = unsafe { (self.port_of)(self.handle, c.as_ptr(), &mut width) };
        if ptr.is_null() {
            return Err(missing());
        }
        let port = Port {
            ptr: ptr.cast(),
            width,
            owner: self.handle,
        };
        self.ports.insert(name.into(), port);
        Ok(port)
    }

    fn check(&self, port: Port) {
        assert!(port.owner == self.handle, "a port of another model");
    }

    /// The value of a port of at most 64 bits.
    #[inline]
    pub fn get(&self, port: Port) -> u64 {
        self.check(port);
        // SAFETY: the port lies in this live model; Verilator stores it as the smallest integer that fits.
        unsafe {
            match port.width {
                0..=8 => u64::from(port.ptr.read()),
                9..=16 => u64::from(port.ptr.cast::<u16>().read()),
                17..=32 => u64::from(port.ptr.cast::<u32>().read()),
                33..=64 => port.ptr.cast::<u64>().read(),
                w => panic!("a port of {w} bits: use get_words"),
            }
        }
    }

    /// Sets a port of at most 64 bits; bits beyond its width must be zero.
    #[inline]
    pub fn set(&mut self, port: Port, value: u64) {
        self.check(port);
        assert!(
            port.width >= 64 || value >> port.width == 0,
            "{value:#x} does not fit {} bits",
            port.width
        );
        // SAFETY: as in `get`; the model is borrowed mutably.
        unsafe {
            match port.width {
                0..=8 => port.ptr.write(value as u8),
                9..=16 => port.ptr.cast::<u16>().write(value as u16),
                17..=32 => port.ptr.cast::<u32>().write(value as u32),
                33..=64 => port.ptr.cast::<u64>().write(value),
                w => panic!("a port of {w} bits: use set_words"),
            }
        }
    }

    /// Copies a port's 32-bit words, least significant first; missing ones are zero.
    pub fn get_words(&self, port: Port, out: &mut [u32]) {
        self.check(port);
        out.fill(0);
        if port.width <= 64 {
            let v = self.get(port);
            for (i, w) in out.iter_mut().take(2).enumerate() {
                *w = (v >> (32 * i)) as u32;
            }
            return;
        }
        let n = out.len().min(port.width.div_ceil(32) as usize);
        // SAFETY: wide ports are arrays of 32-bit words of this live model; `n` stays inside.
        unsafe { std::ptr::copy_nonoverlapping(port.ptr.cast::<u32>(), out.as_mut_ptr(), n) }
    }

    /// Sets a port from 32-bit words, least significant first; missing ones are zero.
    pub fn set_words(&mut self, port: Port, words: &[u32]) {
        self.check(port);
        let n = port.width.div_ceil(32) as usize;
        assert!(
            words.len() <= n,
            "{} words for a port of {} bits",
            words.len(),
            port.width
        );
        if port.width <= 64 {
            let v = words.iter().rev().fold(0u64, |a, &w| a << 32 | u64::from(w));
            return self.set(port, v);
        }
        // SAFETY: as in `get_words`; the model is borrowed mutably.
        unsafe {
            std::ptr::copy_nonoverlapping(words.as_ptr(), port.ptr.cast::<u32>(), words.len());
            for i in words.len()..n {
                port.ptr.cast::<u32>().add(i).write(0);
            }
        }
    }

    /// A port as bytes, byte i in bits 8i+7 to 8i.
    pub fn get_bytes(&self, port: Port) -> Vec<u8> {
        let mut words = vec![0; port.width.div_ceil(32) as usize];
        self.get_words(port, &mut words);
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.truncate(port.width.div_ceil(8) as usize);
        bytes
    }

    /// Sets a port from bytes, byte i in bits 8i+7 to 8i; missing ones are zero.
    pub fn set_bytes(&mut self, port: Port, bytes: &[u8]) {
        let words: Vec<u32> = bytes
            .chunks(4)
            .map(|c| c.iter().rev().fold(0u32, |a, &b| a << 8 | u32::from(b)))
            .collect();
        self.set_words(port, &words);
    }

    /// Evaluates combinational logic.
    pub fn eval(&mut self) {
        // SAFETY: the handle is live.
        unsafe { (self.eval)(self.handle) }
    }

    /// One clock cycle: outputs afterwards are those after the rising edge.
    pub fn tick(&mut self) {
        self.settle();
        self.rise();
    }

    /// The first half of a cycle, clock low: outputs follow inputs.
    pub fn settle(&mut self) {
        let clk = self.clk.expect("the module has a clk_i");
        self.set(clk, 0);
        self.eval();
    }

    /// The second half: the rising edge.
    pub fn rise(&mut self) {
        let clk = self.clk.expect("the module has a clk_i");
        self.set(clk, 1);
        self.eval();
        self.cycles += 1;
    }

    /// Holds `rst_ni` low for a few cycles.
    pub fn reset(&mut self) -> Result<(), Error> {
        let rst = self.port("rst_ni")?;
        self.set(rst, 0);
        for _ in 0..4 {
            self.tick();
        }
        self.set(rst, 1);
        Ok(())
    }

    /// Clock cycles so far.
    pub fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Every element of the model's state, by name, as it lies in memory.
    pub fn state(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        let get = self.state.ok_or_else(|| Error::NoState(self.top.clone()))?;
        let mut all = Vec::new();
        let (mut name, mut at, mut bytes) = (std::ptr::null(), std::ptr::null(), 0);
        // SAFETY: the handle is live, and the shim fills in the name and the place and size of a member of this live model.
        unsafe {
            while get(self.handle, all.len() as u32, &mut name, &mut at, &mut bytes) != 0 {
                let value = std::slice::from_raw_parts(at, bytes as usize).to_vec();
                all.push((CStr::from_ptr(name).to_string_lossy().into_owned(), value));
            }
        }
        // Values of parts of expressions, written and read within one evaluation: Verilator's own, as those that `state` leaves out.
        all.retain(|(name, _)| !name.contains("__Vlem"));
        Ok(all)
    }

    /// Writes waveforms (FST) to `path` from now on.
    pub fn trace_to(&mut self, path: &Path) -> Result<(), Error> {
        let trace = self.trace.ok_or_else(|| Error::NoTrace(self.top.clone()))?;
        let c = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|e| Error::Io {
            path: path.into(),
            source: e.into(),
        })?;
        // SAFETY: the handle is live, the path ends in NUL.
        if unsafe { trace(self.handle, c.as_ptr()) } == 0 {
            return Err(Error::Io {
                path: path.into(),
                source: std::io::Error::other("cannot be written"),
            });
        }
        Ok(())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: the handle came from the shim and is deleted once.
        unsafe { (self.delete)(self.handle) }
    }
}
