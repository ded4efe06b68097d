#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles abi/casemate.rdl (SystemRDL 2.0) into the SystemVerilog package, the Rust constants and,
with --html DIR, the reference pages. `--check` writes nothing and fails when a file is stale."""
import argparse, hashlib, json, pathlib, subprocess, sys
from systemrdl import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, RegfileNode, RegNode

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE = ROOT / "abi" / "casemate.rdl"
SV = ROOT / "hdl" / "pkg" / "rtl" / "casemate_abi_pkg.sv"
SV_FIELDS = ROOT / "hdl" / "pkg" / "tb" / "abi_fields.sv"
RUST = ROOT / "abi" / "src" / "generated.rs"
ENUMS = ["opcode_e", "status_e", "queue_error_e", "queue_state_e", "tag_mode_e", "key_type_e", "iv_policy_e", "origin_e", "hash_e"]
STRUCTS = ["submission", "completion", "sg_element", "key_attributes"]
BITS = {"usage": "Usage bits of a slot.", "ec_options": "Options of a P256 or P384 key, in the field of its IV policy."}
NOTE = "Generated from abi/casemate.rdl by abi/generate.py: do not edit; run `cargo xtask abi`."


def camel(name):
    return "".join(part.capitalize() for part in name.lower().split("_"))


def elaborate(name):
    rdl = RDLCompiler()
    rdl.compile_file(str(SOURCE))
    return rdl.elaborate(name).top


def enums():
    rdl = RDLCompiler()
    rdl.compile_file(str(SOURCE))
    names = {}
    # An enum is a lexical scope's own entry; the compiler keeps it in the root's namespace.
    for name in ENUMS:
        names[name] = rdl.namespace.lookup_type(name)
    return names


def registers(node, prefix="", base=0):
    """Yields (name, offset of element 0, array count, stride, outer, RegNode); outer is (count, stride) of a regfile array."""
    for child in node.children(unroll=False):
        count, stride = (child.n_elements, child.array_stride) if child.is_array else (None, None)
        offset = base + child.raw_address_offset
        if isinstance(child, RegfileNode):
            for reg in child.children(unroll=False):
                yield (f"{child.inst_name}_{reg.inst_name}", offset + reg.raw_address_offset, count, stride, reg)
        else:
            yield (child.inst_name, offset, count, stride, child)


def fields(node):
    for reg in node.children(unroll=True):
        for field in reg.fields():
            yield reg, field, reg.raw_address_offset * 8 + field.low


def sv(digest):
    out = ["// SPDX-License-Identifier: Apache-2.0", f"// {NOTE}", "// Not every user needs every constant.", "/* verilator lint_off UNUSEDPARAM */", "package casemate_abi_pkg;", "",
           f"  localparam logic [31:0] ABI_HASH = 32'h{digest:08x};", ""]
    for name, enum in enums().items():
        width = 2 if name == "tag_mode_e" else 8
        prefix = name[:-2].upper()
        members = ",\n".join(f"    {prefix}_{m.name} = {width}'h{m.value:02x}" for m in enum)
        out += [f"  typedef enum logic [{width - 1}:0] {{", members, f"  }} {name};", ""]
    out.append("  // Byte offsets in BAR 0; of arrays, the first element and the stride.")
    for name, offset, count, stride, reg in registers(elaborate("regs")):
        out.append(f"  localparam logic [19:0] REG_{name} = 20'h{offset:05x};")
        if count:
            out.append(f"  localparam logic [19:0] REG_{name}_STRIDE = 20'h{stride:05x};")
        for f in reg.fields():
            if f.width != 32:
                out.append(f"  localparam int unsigned REG_{name}_{f.inst_name.upper()}_LSB = {f.low};")
                out.append(f"  localparam int unsigned REG_{name}_{f.inst_name.upper()}_WIDTH = {f.width};")
            reset = f.get_property("reset")
            if reset is not None:
                out.append(f"  localparam logic [{f.width - 1}:0] REG_{name}_{f.inst_name.upper()}_RESET = {f.width}'h{reset:x};")
    for struct in STRUCTS:
        out += ["", f"  // {struct}: word 0 in the low bits, as read from memory.", "  typedef struct packed {"]
        for _, f, _ in reversed(list(fields(elaborate(struct)))):
            rng = f"[{f.width - 1}:0]" if f.width > 1 else ""
            out.append(f"    logic {rng + ' ' if rng else ''}{f.inst_name};")
        out.append(f"  }} {struct}_t;")
    out.append("")
    for bits in BITS:
        for _, f, low in fields(elaborate(bits)):
            out.append(f"  localparam int unsigned {bits.upper()}_{f.inst_name.upper()} = {low};")
    out += ["", "endpackage", "/* verilator lint_on UNUSEDPARAM */", ""]
    return "\n".join(out)


def sv_fields():
    """One module a structure that shows each field on a port of its own, for the layout test."""
    out = ["// SPDX-License-Identifier: Apache-2.0", f"// {NOTE}",
           "// The hardware's view of each field, for the test that writes them in Rust."]
    for struct in STRUCTS:
        node = elaborate(struct)
        fl = [f for _, f, _ in fields(node)]
        out += [f"module {struct}_fields import casemate_abi_pkg::*; (", f"  input  {struct}_t value_i,"]
        out.append(",\n".join(f"  output logic [{f.width - 1}:0] {f.inst_name}_o" for f in fl))
        out += [");"] + [f"  assign {f.inst_name}_o = value_i.{f.inst_name};" for f in fl] + ["endmodule"]
    return "\n".join(out) + "\n"


def doc(text, indent=""):
    return f"{indent}/// {text}"


def rust(digest):
    out = ["// SPDX-License-Identifier: Apache-2.0", f"// {NOTE}", "",
           "use crate::{Register, Field};", "",
           "/// Digest of the interface's source: the device's `ABI_HASH` register must equal it.",
           f"pub const ABI_HASH: u32 = 0x{digest:08x};", ""]
    for name, enum in enums().items():
        ty = camel(name[:-2])
        out += [f"/// `{name}` of the interface description.", "#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]",
                "#[repr(u8)]", f"pub enum {ty} {{"]
        for m in enum:
            out += [doc(m.rdl_desc, "    "), f"    {camel(m.name)} = 0x{m.value:02x},"]
        out += ["}", "", f"impl {ty} {{", "    /// Every value, in order.",
                f"    pub const ALL: &'static [{ty}] = &[" + ", ".join(f"{ty}::{camel(m.name)}" for m in enum) + "];", "",
                "    /// The value of this code, if it is one.", "    pub fn from_code(code: u8) -> Option<Self> {",
                "        Self::ALL.iter().copied().find(|v| *v as u8 == code)", "    }", "",
                "    /// What the code means.", "    pub fn describe(self) -> &'static str {", "        match self {"]
        for m in enum:
            out.append(f"            {ty}::{camel(m.name)} => {json.dumps(m.rdl_desc)},")
        out += ["        }", "    }", "}", ""]
    regs = list(registers(elaborate("regs")))
    out += ["/// Byte offsets of registers in BAR 0 (of arrays, of element 0).", "pub mod reg {"]
    for name, offset, count, stride, reg in regs:
        out += [doc(reg.get_property("desc"), "    "), f"    pub const {name}: u32 = 0x{offset:05x};"]
        if count:
            out.append(f"    /// Distance of the elements of `{name}`.")
            out.append(f"    pub const {name}_STRIDE: u32 = 0x{stride:05x};")
    out += ["}", "", "/// Every register, for tests and dumps.", "pub const REGISTERS: &[Register] = &["]
    for name, offset, count, stride, reg in regs:
        fl = []
        for f in reg.fields():
            r = f.get_property("reset")
            fl.append(f'Field {{ name: "{f.inst_name}", low: {f.low}, width: {f.width}, reset: {"Some(%d)" % r if r is not None else "None"}, '
                      f'readable: {str(f.is_sw_readable).lower()}, writable: {str(f.is_sw_writable).lower()} }}')
        out.append(f'    Register {{ name: "{name}", offset: 0x{offset:05x}, count: {count or 1}, stride: 0x{stride or 0:x}, fields: &[{", ".join(fl)}] }},')
    out += ["];", ""]
    for struct in STRUCTS:
        node = elaborate(struct)
        words = node.total_size // 4
        ty = camel(struct)
        out += [f"/// `{struct}` in memory: {words * 4} bytes, little-endian words.",
                "#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout)]",
                "#[repr(C)]", f"pub struct {ty} {{", "    /// The words, in host order after [`Self::from_le`].",
                f"    pub words: [u32; {words}],", "}", "", f"impl {ty} {{", "    /// Size in bytes.",
                f"    pub const SIZE: usize = {words * 4};", "    /// (name, lowest bit, width) of every field.",
                "    pub const FIELDS: &'static [(&'static str, usize, usize)] = &["]
        for _, f, low in fields(node):
            out.append(f'        ("{f.inst_name}", {low}, {f.width}),')
        out += ["    ];", "    /// The setter of every field, in the order of [`Self::FIELDS`].",
                "    pub const SETTERS: &'static [fn(&mut Self, u32) -> &mut Self] = &["]
        out += [f"        Self::set_{f.inst_name}," for _, f, _ in fields(node)]
        out += ["    ];", ""]
        for reg, f, low in fields(node):
            w, mask = low // 32, (1 << f.width) - 1
            out += [doc(f.get_property("desc"), "    "), f"    pub fn {f.inst_name}(&self) -> u32 {{",
                    f"        (self.words[{w}] >> {low % 32}) & 0x{mask:x}", "    }", "",
                    f"    /// Sets `{f.inst_name}`; bits beyond its {f.width} are cut.",
                    f"    pub fn set_{f.inst_name}(&mut self, value: u32) -> &mut Self {{",
                    f"        self.words[{w}] = (self.words[{w}] & !(0x{mask:x} << {low % 32})) | ((value & 0x{mask:x}) << {low % 32});",
                    "        self", "    }", ""]
        out += ["}", ""]
    for name, *_, reg in regs:
        if name in ("STATUS", "CONTROL"):
            out += [f"/// Bits of {name}.", f"pub mod {name.lower()} {{"]
            for f in reg.fields():
                out += [doc(f.get_property("desc"), "    "), f"    pub const {f.inst_name.upper()}: u32 = 1 << {f.low};"]
            out += ["}", ""]
    for bits, what in BITS.items():
        out += [doc(what), f"pub mod {bits} {{"]
        for _, f, low in fields(elaborate(bits)):
            out += [doc(f.get_property("desc"), "    "), f"    pub const {f.inst_name.upper()}: u16 = 1 << {low};"]
        out += ["}", ""]
    text = "\n".join(out)
    return subprocess.run(["rustfmt", "--edition", "2024", "--config-path", str(ROOT)], input=text, stdout=subprocess.PIPE, text=True, check=True).stdout


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--check", action="store_true")
    ap.add_argument("--html", type=pathlib.Path)
    args = ap.parse_args()
    digest = int.from_bytes(hashlib.sha256(SOURCE.read_bytes()).digest()[:4], "little")
    stale = []
    for path, text in ((SV, sv(digest)), (SV_FIELDS, sv_fields()), (RUST, rust(digest))):
        if args.check:
            if not path.exists() or path.read_text() != text:
                stale.append(str(path.relative_to(ROOT)))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    if stale:
        sys.exit(f"stale: {', '.join(stale)}: run `cargo xtask abi` and commit the result")
    if args.html:
        from peakrdl_html import HTMLExporter
        HTMLExporter(extra_doc_properties=[]).export([elaborate(n) for n in ["regs", *STRUCTS, *BITS]], str(args.html))


if __name__ == "__main__":
    main()
