# SPDX-License-Identifier: Apache-2.0
"""Assembler of the engine's microcode (README.md, "Microcode"): text to instructions and their 36-bit words."""
import re
from consts import BLOCK, CONSTS, OFF, VARS

OPS = ["LDA", "MUL", "SQR", "ACC", "CANON", "WIN", "IN", "OUT", "SETM", "JMP", "CALL", "RET", "BR", "SETC", "DJNZ", "SETX", "ADDX",
       "DIG", "SETT", "ADDT", "HALT", "NONCE", "ADDD"]
SOURCES = ["word", "digest", "key", "random", "nonce"]
STATUS = ["ok", "signature", "point", "key", "fault", "retry"]
CONDITIONS = ["carry", "ncarry", "zero", "nzero", "p384", "verify", "blind"]
MASKS = ["", "carry", "ncarry", "odd", "even", "scan", "neg", "pos"]
ABS, MOD, TAB = 0, 1, 2


class Ins:
    def __init__(self, op, line, mode=0, ra=0, rd=0, x=0, label=None):
        self.op, self.line, self.mode, self.ra, self.rd, self.x, self.label = op, line, mode, ra, rd, x, label

    def word(self, labels):
        ra = labels[self.label] if self.label else self.ra
        assert 0 <= ra < 2048 and 0 <= self.rd < 128 and 0 <= self.x < 2048, self.line
        return OPS.index(self.op) << 31 | self.mode << 29 | ra << 18 | self.rd << 11 | self.x


def acc_x(first=False, neg=False, last=False, mask="", count=1):
    return first | neg << 1 | last << 2 | MASKS.index(mask) << 3 | (count - 1) << 6


def unrolled(text):
    """Numbered lines; those between .rep i FIRST LAST and .end once for each i, which stands for itself within brackets."""
    body = None
    for number, raw in enumerate(text.splitlines(), 1):
        words = raw.split()
        if words[:1] == [".rep"]:
            body, name, first, last = [], words[1], int(words[2]), int(words[3])
        elif words[:1] == [".end"]:
            for i in range(first, last + 1):
                for n, line in body:
                    yield n, re.sub(rf"\[(?:(\d+)\+)?{name}\]", lambda m: f"[{int(m[1] or 0) + i}]", line)
            body = None
        elif body is not None:
            body.append((number, raw))
        else:
            yield number, raw


class Assembler:
    def __init__(self, text):
        self.regs, self.labels, self.code, self.serial, self.declassified = {}, {}, [], 0, {}
        for number, raw in unrolled(text):
            line = raw.split(";")[0].strip()
            self.line = f"{number}: {raw.strip()}"
            if line:
                try:
                    self.statement(line)
                except (KeyError, ValueError, IndexError, AssertionError) as e:
                    raise SystemExit(f"microcode line {self.line}\n  {type(e).__name__}: {e}")
        for i in self.code:
            if i.label and i.label not in self.labels:
                raise SystemExit(f"microcode line {i.line}\n  no label {i.label}")

    def words(self):
        return [i.word(self.labels) for i in self.code]

    def put(self, op, **kw):
        self.code.append(Ins(op, self.line, **kw))

    def row(self, t):
        """An operand: a register, #constant of the modulus, or @n, a row of the table."""
        if t.startswith("#"):
            return {"mode": MOD, "ra": OFF[t[1:]]}
        if t.startswith("@"):
            return {"mode": TAB, "ra": int(t[1:])}
        return {"mode": ABS, "ra": self.reg(t)}

    def reg(self, t):
        m = re.fullmatch(r"(\w+)\[(\d+)\]", t)
        return self.regs[m[1]] + int(m[2]) if m else self.regs[t]

    def statement(self, s):
        if m := re.fullmatch(r"(\w+):", s):
            assert m[1] not in self.labels, "label again"
            self.labels[m[1]] = len(self.code)
        elif s.startswith(".reg "):
            for r in s.split()[1:]:
                name, size = (r[:-1].split("[") + [1])[:2] if "[" in r else (r, 1)
                assert name not in self.regs, "register again"
                self.regs[name] = self.serial
                self.serial += int(size)
            assert self.serial <= VARS, "registers"
        elif m := re.fullmatch(r"(\S+) = (\S+) \* (\S+)", s):
            self.product(*m.groups())
        elif m := re.fullmatch(r"square (\w+) (\d+)", s):
            self.squares(m[1], int(m[2]))
        elif m := re.fullmatch(r"(\S+) = (in|canon|high|low|compare|scan|power) (.*)", s):
            getattr(self, "do_" + {"in": "input"}.get(m[2], m[2]))(self.reg(m[1]), *m[3].split())
        elif m := re.fullmatch(r"(\S+) = (.+)", s):
            self.sum(m[1], m[2])
        else:
            self.control(*s.split())

    def product(self, d, a, b):
        if a == b:
            self.put("SQR", rd=self.reg(d), **self.row(a))
        else:
            self.put("LDA", **self.row(a))
            self.put("MUL", rd=self.reg(d), **self.row(b))

    def squares(self, r, n):
        if n > 2:
            self.put("SETC", rd=1, x=n)
            label = f".{len(self.code)}"
            self.labels[label] = len(self.code)
            self.product(r, r, r)
            self.put("DJNZ", rd=1, label=label)
        else:
            for _ in range(n):
                self.product(r, r, r)

    def sum(self, d, text):
        """a + b - c -16 d, each with an optional ?mask. -n b subtracts b and adds the multiple of the modulus named hn (4 if
        none is given)."""
        terms, neg, cover = [], False, None
        for t in text.split():
            if t == "+":
                neg, cover = False, None
            elif m := re.fullmatch(r"-(\d*)", t):
                neg, cover = True, m[1] or "4"
            else:
                name, _, mask = t.partition("?")
                terms.append((self.row(name), neg, mask))
                if neg:
                    terms.append((self.row(f"#h{cover}"), False, mask))
        self.accumulate(self.reg(d), terms)

    def accumulate(self, rd, terms):
        for i, (row, neg, mask) in enumerate(terms):
            last = i == len(terms) - 1
            assert not (last and neg), "the last term must be added"
            self.put("ACC", rd=rd if last else 0, x=acc_x(i == 0, neg, last, mask), **row)

    def do_compare(self, rd, a, b):
        """a - b modulo 2^(K * DIGITS), canonical; carry says a >= b. b is canonical."""
        self.accumulate(rd, [(self.row(a), False, ""), (self.row(b), True, ""), (self.row("#top"), False, "")])
        self.put("CANON", rd=rd, ra=rd)

    def do_canon(self, rd, a):
        self.put("CANON", rd=rd, **self.row(a))

    def do_high(self, rd, a):
        self.put("CANON", rd=rd, x=1, **self.row(a))

    def do_low(self, rd, a):
        self.put("CANON", rd=rd, x=2, **self.row(a))

    def do_input(self, rd, source):
        self.put("IN", rd=rd, x=SOURCES.index(source))

    def do_scan(self, rd, start, count):
        self.put("ACC", rd=rd, x=acc_x(True, False, True, "scan", int(count)), **self.row(start))

    def do_power(self, rd, base, table, exponent):
        """base ^ exponent: the leading run of ones by doubling its length, what follows by windows over odd powers 1 to 15 in
        table[0..7]; table[8] holds the power of 32 ones."""
        e = {"n256-2": MODULI_N[0] - 2, "n384-2": MODULI_N[1] - 2}[exponent]
        t, src = self.regs[table], self.reg(base)
        name = {v: k for k, v in self.regs.items()}
        reg = lambda i: f"{table}[{i}]"
        acc = name[rd]
        self.product(acc, base, base)
        self.sum(reg(0), base)
        for i in range(1, 8):
            self.product(reg(i), reg(i - 1), acc)
        ones = len(bin(e)) - 2 - len(bin(e)[2:].lstrip("1"))
        run, have = 4, reg(7)
        self.sum(acc, have)
        keep = {}
        while 2 * run <= ones:
            self.squares(acc, run)
            self.product(acc, acc, have)
            run *= 2
            if run in (32, 64) :
                slot = reg(8 if run == 32 else 9)
                self.sum(slot, acc)
                keep[run] = slot
                have = slot
            else:
                self.sum(reg(10), acc)
                have = reg(10)
        left = bin(e)[2 + run:]
        while left:
            zeros = len(left) - len(left.lstrip("0"))
            best = next((r for r in sorted(keep, reverse=True) if left[zeros:].startswith("1" * r)), None)
            if best:
                self.squares(acc, zeros + best)
                self.product(acc, acc, keep[best])
                left = left[zeros + best:]
                continue
            if zeros == len(left):
                self.squares(acc, zeros)
                break
            w = left[zeros:zeros + 4].rstrip("0")
            self.squares(acc, zeros + len(w))
            self.product(acc, acc, reg(int(w, 2) // 2))
            left = left[zeros + len(w):]

    def control(self, op, *a):
        if op in ("jmp", "call"):
            self.put(op.upper(), label=a[0])
        elif op == "ret":
            self.put("RET")
        elif op == "br":
            self.put("BR", x=CONDITIONS.index(a[0]), label=a[1])
        elif op == "modulus":
            self.put("SETM", x={"p": 0, "n": 1}[a[0]], mode=MOD, ra=OFF["mhat"])
        elif op == "plain":
            self.put("SETM", x=2)
        elif op == "recode":
            self.put("WIN", x={"6": 0, "5": 1}[a[1]] | int(a[2]) << 1, **self.row(a[0]))
        elif op == "out":
            self.put("OUT", x=int(a[1]) if len(a) > 1 else 0, **self.row(a[0]))
        elif op == "count":
            self.put("SETC", rd=int(a[0]), x=int(a[1]))
        elif op == "loop":
            self.put("DJNZ", rd=int(a[0]), label=a[1])
        elif op in ("setx", "addx"):
            self.put(op.upper(), x=int(a[0]) % 256)
        elif op == "digit":
            self.put("DIG", x=int(a[0]))
        elif op == "sett":
            self.put("SETT", ra=self.regs[a[0]] if a[0] in self.regs else int(a[0]))
        elif op == "addt":
            self.put("ADDT", ra=int(a[0]) % 2048)
        elif op in ("addd", "subd"):
            self.put("ADDD", x=int(op == "subd"))
        elif op == "public":
            self.declassified[len(self.code)] = [self.reg(r) for r in a]
        elif op == "halt":
            self.put("HALT", x=STATUS.index(a[0]))
        elif op == "nonce":
            self.put("NONCE", x={"start": 0, "reject": 1, "keygen": 2}[a[0]])
        else:
            raise ValueError(f"no statement {op}")


from consts import P256, P384
MODULI_N = [P256.n, P384.n]
