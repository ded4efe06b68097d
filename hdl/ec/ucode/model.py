# SPDX-License-Identifier: Apache-2.0
"""Model of the engine, instruction by instruction with whole rows, exact in every row's value; and the checker that runs with it.

A row is its digits (redundant) and, beside them, what holds for every operation: the bound of its value, the largest digit, and whether
it is secret. The bounds do not depend on the values that happen to be there, because every path is walked and programs branch on
public flags alone."""
from consts import BLOCK, CONSTS, CURVES, DIGITS, K, MODULI, OPERAND, TABLE_START, VARS, block, digits, memory, value
from asm import CONDITIONS, MASKS, SOURCES, STATUS

MASK = 2**K - 1
DRAINS = {"SETM", "HALT", "NONCE", "CANON", "WIN", "IN", "OUT"}    # wait until every row is written
NORMAL = MASK + 7                      # largest digit after one pass of carries from digits below 2^20
BLOCKS = [block(m) for m in MODULI]
MEMORY = memory()


class Row:
    def __init__(self, d, bound=None, top=None, secret=False):
        self.d = d
        self.bound = value(d) if bound is None else bound
        self.top = max(d) if top is None else top
        self.secret = secret
        self.carried = self.bound      # of a comparison's difference: the bound of its value where the carry is set


class Violation(Exception):
    pass


class Engine:
    def __init__(self, program, curve, op, words=(), digest=0, key=None, random=(), nonces=(), verify=False, blind=False):
        self.code, self.labels, self.declassified = program.code, program.labels, program.declassified
        self.options = dict(p384=curve == 1, verify=verify, blind=blind)
        self.curve, self.cur = curve, CURVES[curve]
        self.words, self.digest, self.key = list(words), digest, key
        self.random, self.nonces = list(random), list(nonces)
        self.mem = {i: Row(MEMORY[i]) for i in range(VARS, len(MEMORY))}
        self.pc, self.stack, self.count, self.x, self.t = op, [], [0] * 4, 0, 0
        self.base, self.modulus, self.n = 0, None, 0
        self.windows, self.digit = {}, None
        self.flags, self.flags_secret = {}, False
        self.acc, self.fresh = None, set()
        self.public = op in (1, 4)      # no key takes part: random factors are no secret
        self.out, self.status, self.muls, self.steps = [], None, 0, 0
        self.wtrace = []        # rows written whole: register, value, line

    def need(self, ok, text):
        if not ok:
            raise Violation(f"{text}: {self.i.line}")

    def read(self, i, mode=None, offset=0):
        a = i.ra + offset
        if i.mode == 1:
            a += CONSTS + BLOCK * self.base
        elif i.mode == 2:
            a += self.t
        self.need(a in self.mem, f"row {a} read before it is written")
        # The sequencer does not hold reads of a table back for rows on their way.
        self.need(i.mode != 2 or a not in self.fresh, f"row {a} of a table read before all is written")
        return self.mem[a]

    def write(self, i, row):
        self.need(row.top <= OPERAND, "digit too large")
        self.need(value(row.d) <= row.bound, "the bound is wrong")
        self.mem[i.rd] = row
        self.fresh.add(i.rd)
        if i.op in ("MUL", "SQR", "ACC"):
            self.wtrace.append((i.rd, value(row.d), i.line))

    def run(self, limit=10**7):
        while self.status is None:
            self.i = i = self.code[self.pc]
            self.declassify()
            self.pc += 1
            self.steps += 1
            if i.op in DRAINS:
                self.fresh = set()
            getattr(self, "op_" + i.op.lower())(i)
            self.need(self.steps < limit, "does not end")
        return self.status

    def declassify(self):
        """What is to be given away is no secret from here on."""
        for r in self.declassified.get(self.pc, ()):
            self.mem[r].secret = False

    # ---- data
    def op_lda(self, i):
        self.a = self.read(i)

    def op_mul(self, i):
        self.multiply(i, self.a, self.read(i))

    def op_sqr(self, i):
        r = self.read(i)
        self.multiply(i, r, r)

    def multiply(self, i, a, b):
        self.muls += 1
        self.need(a.top <= OPERAND and b.top <= OPERAND, "operand's digit too large")
        va, vb = value(a.d), value(b.d)
        if self.n == 0:
            self.need(a.bound < 2**(4 * K), "plain product of more than four digits")
            v, bound = va * vb, a.bound * b.bound
        else:
            m = MODULI[self.base]
            self.need(a.bound < m.r and b.bound < m.r, "operand too large")
            q = -va * vb * pow(m.mt, -1, m.r) % m.r
            v = (va * vb + q * m.mt) // m.r
            bound = a.bound * b.bound // m.r + m.mt + 1
        self.need(bound < 2**(K * DIGITS), "product too large")
        # The digits are not the engine's, only the value is: canonical here, bounded as the engine's are.
        self.write(i, Row(digits(v), bound, NORMAL, a.secret or b.secret))

    def op_acc(self, i):
        first, neg, last, mask, count = i.x & 1, i.x >> 1 & 1, i.x >> 2 & 1, MASKS[i.x >> 3 & 7], (i.x >> 6) + 1
        if first:
            # digits, bound above, largest digit, smallest digit by column, secret; covers pending
            self.acc = dict(d=[0] * DIGITS, bound=0, top=0, minus=[], cover=[], secret=False, either={})
        acc = self.acc
        for n in range(count):
            r = self.read(i, offset=n)
            on = self.on(mask, n)
            acc["secret"] |= r.secret or (mask in ("scan", "neg", "pos") and self.digit[1]) or (mask != "" and self.flags_secret)
            if on:
                acc["d"] = [x + (-y if neg else y) for x, y in zip(acc["d"], r.d)]
            if neg:
                acc["minus"].append(r)
                # A constant takes as much off as it is, and is there whenever its cover is.
                acc["bound"] -= value(r.d) if i.mode == 1 else 0
            elif mask in ("scan", "carry", "ncarry", "pos"):
                # One of these terms is there: of a scan's or of a selection's two.
                b, t = acc["either"].get("pick", (0, 0))
                acc["either"]["pick"] = (max(b, r.carried if mask == "carry" else r.bound), max(t, r.top))
            else:
                if i.mode == 1 and i.ra in (0, 1, 2, 10):
                    acc["cover"].append(r)
                acc["bound"] += r.bound
                acc["top"] += r.top
        if last:
            for b, t in acc["either"].values():
                acc["bound"] += b
                acc["top"] += t
            # Each subtrahend has a cover whose digits are not below its own.
            self.need(len(acc["minus"]) == len(acc["cover"]), "subtraction without a cover")
            for s, c in zip(acc["minus"], acc["cover"]):
                n = MODULI[self.base].n if c.d[-1] == 0 or self.n else DIGITS
                top = max(j for j in range(DIGITS) if c.d[j])
                self.need(s.top <= min(c.d[:top]), "cover's digits below the subtrahend's")
                self.need(s.bound >> (K * top) <= c.d[top], "cover's top digit below the subtrahend's")
            self.need(min(acc["d"]) >= 0, "digit below zero")
            self.need(acc["top"] < 2**20, "digit too large for the accumulator")
            v = value(acc["d"])
            bound = acc["bound"]
            if bound >= 2**(K * DIGITS):
                # Only a comparison's: the carry out of the top digit is what is asked for, and it is kept as a digit.
                self.need(any(c is MEMORY[0] or c.d[0] == 2**K for c in acc["cover"]), "sum too large")
                self.mem[i.rd] = Row(normal(acc["d"]), bound, NORMAL, acc["secret"])
                self.wtrace.append((i.rd, value(acc["d"]), i.line))
            else:
                # Canonical digits alone have no carries.
                self.write(i, Row(normal(acc["d"]), bound, acc["top"] if acc["top"] <= MASK else NORMAL, acc["secret"]))
            self.acc = None

    def on(self, mask, n):
        if mask == "":
            return True
        if mask in ("scan", "neg", "pos"):
            v = self.digit[0]
            return {"scan": v[0] == n, "neg": v[1], "pos": not v[1]}[mask]
        return {"carry": self.flags["carry"], "ncarry": not self.flags["carry"], "odd": self.flags["odd"], "even": not self.flags["odd"]}[mask]

    def op_canon(self, i):
        r = self.read(i)
        v = value(r.d)
        top = 2**(K * DIGITS)
        carry, v = v >= top, v % top
        bits = self.cur.bits
        bound = min(r.bound, top - 1)
        if i.x == 1:
            v, bound = v >> bits, bound >> bits
        elif i.x == 2:
            v, bound = v % 2**bits, min(bound, 2**bits - 1)
        self.flags = dict(carry=carry, zero=v == 0, odd=v & 1 == 1)
        self.flags_secret = r.secret
        self.write(i, Row(digits(v), bound, MASK, r.secret))
        if r.bound >= top:
            self.mem[i.rd].carried = r.bound - top

    def op_win(self, i):
        r = self.read(i)
        self.need(r.top <= MASK, "recoding what is not canonical")
        v, w = value(r.d) >> 1, 5 if i.x & 1 else 6
        count = self.cur.windows5 if i.x & 1 else self.cur.windows6
        self.need(v >> (w * count) == 0 and v >> (w * count - 1) == 1, "recoded scalar of the wrong length")
        for n in range(128):
            win = v >> (w * n) & 2**w - 1
            neg = win >> (w - 1) == 0 and n < count
            self.windows[n, i.x >> 1] = ((win ^ (2**w - 1 if neg else 0)) & 2**(w - 1) - 1, neg), r.secret

    def op_dig(self, i):
        win, secret = self.windows[self.x, i.x]
        self.digit = win, secret

    def op_in(self, i):
        source, bits = SOURCES[i.x], self.cur.bits
        v = {"word": lambda: self.words.pop(0), "digest": lambda: self.digest, "key": lambda: self.key,
             "random": lambda: self.random.pop(0), "nonce": lambda: self.nonces.pop(0)}[source]()
        self.write(i, Row(digits(v), 2**bits - 1, MASK, source in ("key", "nonce") or source == "random" and not self.public))

    def op_out(self, i):
        r = self.read(i)
        self.need(r.top <= MASK, "output of what is not canonical")
        self.out.append((i.x, value(r.d)))

    def op_setm(self, i):
        if i.x == 2:
            self.n = 0
        else:
            self.base = 2 * self.curve + i.x
            self.n = MODULI[self.base].n

    # ---- control
    def op_jmp(self, i):
        self.pc = self.labels[i.label]

    def op_call(self, i):
        self.stack.append(self.pc)
        self.need(len(self.stack) <= 6, "calls nested too deep")
        self.pc = self.labels[i.label]

    def op_ret(self, i):
        self.pc = self.stack.pop()

    def op_br(self, i):
        c = CONDITIONS[i.x]
        if c in self.options:
            taken = self.options[c]
        else:
            self.branch(i)
            taken = {"carry": lambda: self.flags["carry"], "ncarry": lambda: not self.flags["carry"], "zero": lambda: self.flags["zero"],
                     "nzero": lambda: not self.flags["zero"]}[c]()
        if taken:
            self.pc = self.labels[i.label]

    def branch(self, i):
        """A branch on a secret's comparison is allowed where it leads to an error or a retry."""
        if self.flags_secret:
            self.need(i.label in self.ends, "branch on a secret")

    ends = {"fault", "bad_key", "sign_reject", "keygen"}

    def op_setc(self, i):
        self.count[i.rd] = i.x

    def op_djnz(self, i):
        self.count[i.rd] -= 1
        if self.count[i.rd]:
            self.pc = self.labels[i.label]

    def op_setx(self, i):
        self.x = i.x

    def op_addx(self, i):
        self.x = (self.x + i.x) % 256

    def op_sett(self, i):
        self.t = i.ra

    def op_addt(self, i):
        self.t = (self.t + i.ra) % 2048

    def op_addd(self, i):
        self.need(not self.digit[1], "address by a secret digit")
        self.t += -self.digit[0][0] if i.x else self.digit[0][0]

    def op_nonce(self, i):
        pass

    def op_halt(self, i):
        self.status = STATUS[i.x]


def normal(d):
    """One pass of carries. The carry out of the top digit stays in it."""
    out = [d[0] & MASK] + [(d[j] & MASK) + (d[j - 1] >> K) for j in range(1, DIGITS)]
    out[-1] += d[-1] >> K << K
    return out
