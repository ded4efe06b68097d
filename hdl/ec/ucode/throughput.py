#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of a verification go, and how many would remain with another multiplier: what ../README.md, Throughput, says."""
import collections, pathlib, random, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from asm import Assembler
from consts import CURVES
from timing import Timed

VERIFY = 1


class Counted(Timed):
    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self.count, self.busy = collections.Counter(), 0

    def cost(self, i):
        if i.op in ("MUL", "SQR"):
            self.count["products"] += 1
            self.busy += self.interval(self.n)
        # A term of a sum is a row read, as is an operand of a product; a cycle each.
        self.count["rows"] += {"LDA": 1, "MUL": 1, "SQR": 1, "ACC": 1 + (i.x >> 6)}.get(i.op, 0)
        return super().cost(i)


def with_multiplier(every, latency):
    """A multiplier that starts a product every so many cycles; as many pass as now until its row can be read, but for the product's own."""
    return type("Other", (Counted,), {"interval": lambda self, n: every, "latency": lambda self, n: latency + 4})


def verify(engine, program, index):
    c, rnd = CURVES[index], random.Random(1)
    d, k, h = (rnd.randrange(1, c.n) for _ in range(3))
    q, r = c.mul(d, c.g), c.mul(k, c.g)[0] % c.n
    s = pow(k, -1, c.n) * (h + r * d) % c.n
    e = engine(program, index, VERIFY, words=[r, s, *q], digest=h, random=[rnd.getrandbits(c.bits) for _ in range(2)])
    assert e.run() == "ok"
    return e


def main():
    program = Assembler((HERE / "ec.s").read_text())
    for index in (0, 1):
        e = verify(Counted, program, index)
        print(f"P-{CURVES[index].bits}: {e.now} cycles, {e.steps} instructions, {e.count['rows']} rows read, {e.count['products']} products, "
              f"multiplier busy {e.busy} cycles, {100 * e.busy / e.now:.0f} %")
        for every, latency in ((1, 1), (4, 9), (4, 62)):
            o = verify(with_multiplier(every, latency), program, index)
            print(f"  a product every {every} cycles, each {latency}: {o.now} cycles, multiplier busy {100 * o.busy / o.now:.0f} %")


main()
