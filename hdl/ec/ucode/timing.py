# SPDX-License-Identifier: Apache-2.0
"""Cycles of a program as the sequencer spends them (hdl/ec/rtl/ec_seq.sv), from the model's run. Words and nonces never keep it waiting."""
from model import Engine, SOURCES


class Timed(Engine):
    # The multiplier: cycles between two products' starts, and from one's issue until its row can be read.
    def interval(self, n):
        return n + 4

    def latency(self, n):
        return n + 13

    def __init__(self, *a, **k):
        super().__init__(*a, **k)
        self.now, self.mul, self.mul_n = 4, -99, 0     # next cycle to issue in; the last multiplication's
        self.ready, self.done, self.bypass = {}, [], {}                 # registers on their way; when products are written
        self.profile, self.jumped = {}, False

    def drained(self):
        return max([self.now, *self.ready.values()])

    def run(self, limit=10**7):
        while self.status is None:
            self.i = i = self.code[self.pc]
            before, began = self.pc, self.now
            self.declassify()
            self.fresh = set()
            self.pc += 1
            self.steps += 1
            at = self.cost(i)
            n = self.n
            getattr(self, "op_" + i.op.lower())(i)
            self.finish(i, at, n)
            if self.pc != before + 1:
                self.now += 3
            self.profile[before] = self.profile.get(before, 0) + self.now - began
        return self.status

    def cost(self, i):
        t = self.now
        if i.op in ("LDA", "MUL", "SQR", "ACC") and i.mode == 0:
            ready, bypass = self.ready.get(i.ra, 0), self.bypass.get(i.ra, -1)
            t = bypass if i.op != "ACC" and t <= bypass == ready - 3 else max(t, ready)
        if i.op == "ACC" and i.x >> 2 & 1 and i.rd in self.bypass:
            t = max(t, self.bypass[i.rd] + 3)
        if i.op == "LDA":
            t = max(t, self.mul + min(self.mul_n or 4, self.interval(self.mul_n)))
        if i.op in ("MUL", "SQR"):
            t = max(t, self.mul + self.interval(self.mul_n))
            self.done = [d for d in self.done if d > t]
            if len(self.done) > 1:
                t = max(t, self.done[0])
        if i.op in ("SETM", "HALT", "NONCE", "CANON", "WIN", "IN", "OUT"):
            t = max(t, self.drained())
        return t

    def finish(self, i, t, n):
        if i.op in ("MUL", "SQR"):
            self.mul, self.mul_n = t, n
            self.ready[i.rd], self.bypass[i.rd] = t + self.latency(n), t + self.latency(n) - 3
            self.done.append(t + self.latency(n))
        if i.op == "ACC":
            t += i.x >> 6
            if i.x >> 2 & 1:
                if t == self.mul + self.latency(self.mul_n) - 5:
                    t += 1
                self.ready[i.rd] = t + 5
        if i.op in ("JMP", "CALL", "RET", "BR", "DJNZ"):
            t += 1
        if i.op == "DIG":
            t += 2
        bits = self.cur.bits
        if i.op == "CANON":
            t += 6 + 27 + (bits // 17 + 1 if i.x == 1 else 0)
        if i.op == "WIN":
            t += 5 + 2 + (5 * self.cur.windows5 if i.x & 1 else 6 * self.cur.windows6)
        if i.op == "IN":
            t += 5 + bits + 17 - bits % 17 + 27 - (bits // 17 + 1) + 1 + bits // 32
        if i.op == "OUT":
            t += 5 + bits + bits // 32
        self.now = t + 1
