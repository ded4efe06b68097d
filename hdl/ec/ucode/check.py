#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every operation of the microcode in the model, under its checker, against affine arithmetic; then seeds errors the checker must
see. --quick leaves the long operations out."""
import pathlib, random, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from asm import Assembler
from consts import CURVES
from model import Engine, Violation

SIGN, VERIFY, PUBLIC, KEYGEN, CHECK, ECDH = range(6)


def run(program, curve, op, **inputs):
    e = Engine(program, curve, op, **inputs)
    return e.run(), [v for target, v in e.out if target != 1]    # 1: the nonce unit


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"{what}: {got} instead of {wanted}")


def operations(program, index, rnd, quick):
    c = CURVES[index]
    wide = lambda: rnd.getrandbits(c.bits)
    for d, k, h in ((1, c.n - 1, 0), (c.n - 1, 1, 2**c.bits - 1), (rnd.randrange(1, c.n), rnd.randrange(1, c.n), wide())):
        q = c.mul(d, c.g)
        expect("public key", run(program, index, PUBLIC, key=d, random=[wide()]), ("ok", list(q)))
        r = c.mul(k, c.g)[0] % c.n
        s = pow(k, -1, c.n) * (h + r * d) % c.n
        if s:
            # A candidate of 0 and one of n come first and are rejected.
            expect("sign", run(program, index, SIGN, key=d, digest=h, random=[wide()], nonces=[c.n, 0, k]), ("ok", [r, s]))
            for verify, blind in ((False, True),) if quick else ((True, False), (False, True), (True, True)):
                random = [wide() for _ in range(7)]
                expect("sign, options", run(program, index, SIGN, key=d, digest=h, random=random, nonces=[k], verify=verify, blind=blind), ("ok", [r, s]))
            if not quick:
                expect("verify", run(program, index, VERIFY, words=[r, s, *q], digest=h, random=[wide(), wide()]), ("ok", []))
                expect("verify", run(program, index, VERIFY, words=[r, s, *q], digest=h ^ 1, random=[wide(), wide()]), ("signature", []))
        if not quick:
            expect("ECDH", run(program, index, ECDH, words=q, key=k, random=[wide()]), ("ok", [c.mul(k, q)[0]]))
            random = [wide() for _ in range(3)]
            expect("ECDH, blinded", run(program, index, ECDH, words=q, key=k, random=random, blind=True), ("ok", [c.mul(k, q)[0]]))
            expect("public key, blinded", run(program, index, PUBLIC, key=d, random=random, blind=True), ("ok", list(q)))
    expect("key 0", run(program, index, PUBLIC, key=0), ("key", []))
    expect("key n", run(program, index, PUBLIC, key=c.n), ("key", []))
    expect("point", run(program, index, CHECK, words=c.g), ("ok", []))
    expect("no point", run(program, index, CHECK, words=(c.g[0], c.g[0])), ("point", []))
    expect("made key", run(program, index, KEYGEN, random=[0, c.n, 7, wide()]), ("ok", [7, *c.mul(7, c.g)]))


# What is wrong, and the text that makes it so.
SEEDED = [
    ("a register read before it is written", "  t0 = X * x2\n  Z = Z3 + e\n  t1 = Y * y2\n  s1 = x2 + y2", "  t0 = X * z2\n  Z = Z3 + e\n  t1 = Y * y2\n  s1 = x2 + y2"),
    ("a subtrahend above its cover", "  m = t1 -64 w3\n", "  m = t1 - w3\n"),
    ("a branch on the key", "  k = d\n  call public_point\n  out r\n  out s", "  k = canon d\n  br zero fault_free\n  call public_point\nfault_free:\n  out r\n  out s"),
    ("a value too large", "  z1 = z1 + z1 + z1\n  a = t4 * z1\n  y2", "  z1 = z1 + z1 + z1\n  z1 = z1 + z1 + z1\n  z1 = z1 + z1 + z1\n  z1 = z1 + z1 + z1\n  z1 = z1 + z1 + z1\n  z1 = z1 + z1 + z1\n  z1 = z1 + z1 + z1\n  z1 = z1 + z1 + z1\n  a = t4 * z1\n  y2"),
]


def main():
    text = (HERE / "ec.s").read_text()
    program, rnd = Assembler(text), random.Random(1)
    for index in (0, 1):
        operations(program, index, rnd, "--quick" in sys.argv)
    for what, good, bad in SEEDED:
        assert good in text, f"nothing to seed: {what}"
        try:
            Engine(Assembler(text.replace(good, bad)), 1, PUBLIC, key=5, random=[3**200]).run()
        except Violation as v:
            print(f"seen: {what} ({v})")
            continue
        sys.exit(f"not seen: {what}")
    print("the microcode is as it should be")


main()
