# SPDX-License-Identifier: Apache-2.0
"""The curves (SP 800-186, 3.2.1) and the rows of constants and multiples of G that the engine's memory starts with."""

K, DIGITS, DELAY = 17, 27, 3             # digit bits, digits a row, d of Orup's quotient pipelining
ROWS, VARS, TABLES, CONSTS, BLOCK = 2048, 128, 128, 1920, 32
OPERAND = 2**K + 15                      # largest digit the multiplier takes


class Curve:
    def __init__(self, bits, p, n, b, gx, gy):
        self.bits, self.p, self.n, self.b, self.g = bits, p, n, b, (gx, gy)
        self.split = 3 if bits == 256 else 5         # passes of the comb: every split-th window of 6 bits has a table
        self.windows6 = 43 if bits == 256 else 65    # windows of 6 and of 5 bits in a recoded scalar
        self.windows5 = 52 if bits == 256 else 77

    def add(self, a, b):
        if a is None or b is None:
            return a or b
        if a[0] == b[0]:
            if (a[1] + b[1]) % self.p == 0:
                return None
            l = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, self.p)
        else:
            l = (b[1] - a[1]) * pow(b[0] - a[0], -1, self.p)
        x = (l * l - a[0] - b[0]) % self.p
        return x, (l * (a[0] - x) - a[1]) % self.p

    def mul(self, k, a):
        r = None
        while k:
            if k & 1:
                r = self.add(r, a)
            a, k = self.add(a, a), k >> 1
        return r


P256 = Curve(256, 2**256 - 2**224 + 2**192 + 2**96 - 1,
             0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551,
             0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b,
             0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296,
             0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5)
P384 = Curve(384, 2**384 - 2**128 - 2**96 + 2**32 - 1,
             0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973,
             0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef,
             0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7,
             0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f)
CURVES = [P256, P384]


def digits(v):
    d = [(v >> (K * i)) & (2**K - 1) for i in range(DIGITS)]
    assert sum(x << (K * i) for i, x in enumerate(d)) == v, "wider than a row"
    return d


def value(d):
    return sum(x << (K * i) for i, x in enumerate(d))


class Modulus:
    """One modulus and what Orup's algorithm needs of it: mt = -m^-1 mod 2^(K(d+1)) * m, n digits, 4 mt < 2^(Kn)."""

    def __init__(self, curve, m):
        self.curve, self.m = curve, m
        t = -pow(m, -1, 2**(K * (DELAY + 1))) % 2**(K * (DELAY + 1))
        self.mt = m * t
        self.n = {False: {256: 16, 384: 27}, True: {256: 20, 384: 27}}[m == curve.n][curve.bits]
        self.r = 2**(K * self.n)
        assert 64 * self.mt < self.r
        self.mhat = (self.mt + 1) >> (K * (DELAY + 1))

    def cover(self, least):
        """A multiple of mt above least * mt whose digits, all but the top one, are at least OPERAND: so a - b + cover has no
        digit below zero. The top one is checked against what is subtracted."""
        c = least
        while True:
            v, out = c * self.mt, []
            for i in range(self.n - 1):
                # What is left of v, with whatever the digits below have borrowed.
                d = ((v - value(out)) >> (K * i)) % 2**K
                out.append(d if d >= OPERAND else d + 2**K)
            out.append((v - value(out)) >> (K * (self.n - 1)))
            if all(OPERAND <= d < 2**(K + 1) for d in out[:-1]) and out[-1] > 0:
                return out + [0] * (DIGITS - self.n)
            c += 1


# Offsets in a modulus's block of constants.
OFF = {"h4": 0, "h16": 1, "h64": 2, "mhat": 3, "R2": 4, "R": 5, "m": 6, "b": 7, "one": 8, "zero": 9, "top": 10, "c": 11,
       "w6": 12, "w5": 13, "three": 14}
MODULI = [Modulus(c, m) for c in CURVES for m in (c.p, c.n)]


def block(mod):
    """Rows of one modulus, by name. b and three are in Montgomery form."""
    c, rows = mod.curve, {}
    for h in (4, 16, 64):
        rows[f"h{h}"] = mod.cover(h)
    plain = {"mhat": mod.mhat, "R2": mod.r**2 % mod.m, "R": mod.r % mod.m, "m": mod.m, "b": c.b * mod.r % mod.m, "one": 1, "zero": 0,
             "c": 2**c.bits - mod.m, "w6": 2**(6 * c.windows6), "w5": 2**(5 * c.windows5), "three": 3 * mod.r % mod.m}
    rows.update({k: digits(v) for k, v in plain.items()})
    # 2^(K * DIGITS), its digits all above what a comparison subtracts; its carry out is the comparison's.
    rows["top"] = [2**K] + [2**K - 1] * (DIGITS - 1)
    return rows


def tables():
    """Rows of odd multiples of G, affine in Montgomery form: per stored window 32 rows of x, then 32 of y."""
    rows = []
    for c, mod in ((P256, MODULI[0]), (P384, MODULI[2])):
        base = c.g
        for _ in range(-(-c.windows6 // c.split)):
            twice, point, points = c.add(base, base), base, []
            for _ in range(32):
                points.append(point)
                point = c.add(point, twice)
            for axis in (0, 1):
                rows += [digits(q[axis] * mod.r % mod.m) for q in points]
            for _ in range(6 * c.split):
                base = c.add(base, base)
    return rows


def memory():
    """Every row from VARS on."""
    rows = [[0] * DIGITS for _ in range(ROWS)]
    for i, r in enumerate(tables()):
        rows[TABLES + i] = r
    for i, mod in enumerate(MODULI):
        for name, r in block(mod).items():
            rows[CONSTS + BLOCK * i + OFF[name]] = r
    return rows


TABLE_START = [TABLES, TABLES + 64 * 15]
