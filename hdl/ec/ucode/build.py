#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the packages of the microcode and of the rows' initial contents; with --check only says whether they are as they should be."""
import pathlib, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from asm import Assembler
from consts import DIGITS, K, ROWS, memory

HEAD = "// SPDX-License-Identifier: Apache-2.0\n//\n// {}\n// Written by hdl/ec/ucode/build.py: do not edit.\npackage {};\n"


def ucode():
    words = Assembler((HERE / "ec.s").read_text()).words()
    assert len(words) <= 2048
    body = ",\n".join(f"    36'h{w:09x}" for w in words + [0] * (2048 - len(words)))
    return HEAD.format("The microcode, assembled from hdl/ec/ucode/ec.s.", "ec_ucode_pkg") + \
        f"  localparam logic [35:0] PROGRAM [2048] = '{{\n{body}\n  }};\nendpackage\n"


def rows():
    width = (K + 1) * ROWS
    table = memory()
    body = ",\n".join(f"    {width}'h{sum(r[j] << ((K + 1) * i) for i, r in enumerate(table)):x}" for j in range(DIGITS))
    # Column by column, each one number: tools copy a whole constant for every look at it.
    return HEAD.format("The rows' initial contents, from hdl/ec/ucode/consts.py: variables (zero), multiples of G, constants.", "ec_rows_pkg") + \
        f"  // Digit j of row i: COLUMNS[j][{K + 1}*i +: {K + 1}]\n  localparam logic [{width - 1}:0] COLUMNS [{DIGITS}] = '{{\n{body}\n  }};\nendpackage\n"


def main():
    stale = False
    for name, text in (("ec_ucode_pkg", ucode()), ("ec_rows_pkg", rows())):
        path = HERE.parent / "rtl" / f"{name}.sv"
        if not path.exists() or path.read_text() != text:
            stale = True
            if "--check" in sys.argv:
                print(f"{path.name} is stale: run hdl/ec/ucode/build.py")
            else:
                path.write_text(text)
    sys.exit(stale and "--check" in sys.argv)


main()
