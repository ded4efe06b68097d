// SPDX-License-Identifier: Apache-2.0
//! The ways to break a good descriptor.

use crate::bench::{Bench, EMPTY, Pairs, fills};
use crate::common::keys::*;
use casemate::abi::{KeyType, Opcode, Status, Submission, usage};

/// The order of abi/README.md; a base's codes come after all of these.
pub const ORDER: [Status; 18] = [
    Status::BadOpcode,
    Status::BadFlags,
    Status::BadHash,
    Status::BadLength,
    Status::NotOfficer,
    Status::Sealed,
    Status::SlotRange,
    Status::SlotEmpty,
    Status::SlotDomain,
    Status::SlotGeneration,
    Status::SlotUsage,
    Status::BadKeyType,
    Status::BadUsage,
    Status::BadPolicy,
    Status::Exhausted,
    Status::KeyWindow,
    Status::SlotFull,
    Status::SlotRetired,
];

/// A way to break one rule.
pub struct Rule {
    pub what: String,
    pub status: Status,
    pub base: bool,
    /// Bits of the descriptor that it may change.
    pub bits: [u32; 16],
    pub change: Box<dyn Fn(&mut Submission)>,
}

impl Rule {
    pub fn rank(&self) -> usize {
        let at = ORDER.iter().position(|s| *s == self.status).unwrap();
        match (self.base, self.status) {
            (false, _) => at,
            // What the key's type adds is told last.
            (true, Status::BadLength) => 200,
            (true, _) => at + 100,
        }
    }
}

pub struct Rules(pub Vec<Rule>);

impl Rules {
    pub fn add(&mut self, what: &str, status: Status, word: usize, mask: u32, value: u32) -> &mut Self {
        self.words(what, status, false, &[(word, mask, value)])
    }

    pub fn words(&mut self, what: &str, status: Status, base: bool, set: &[(usize, u32, u32)]) -> &mut Self {
        let mut bits = [0; 16];
        set.iter().for_each(|(w, m, _)| bits[*w] |= m);
        let set = set.to_vec();
        self.0.push(Rule {
            what: what.into(),
            status,
            base,
            bits,
            change: Box::new(move |s| {
                for (w, m, v) in &set {
                    s.words[*w] = s.words[*w] & !m | v;
                }
            }),
        });
        self
    }

    /// Of an EC key's type.
    pub fn late(&mut self, length: u32) -> &mut Self {
        self.words(
            "pay_len of another curve",
            Status::BadLength,
            true,
            &[(3, u32::MAX, length)],
        )
    }

    /// Another slot, another key.
    pub fn slot(&mut self, what: &str, status: Status, h: Handle) -> &mut Self {
        self.add(what, status, 1, u32::MAX, h.1 << 16 | h.0)
    }

    pub fn base(&mut self, what: &str, status: Status, h: Handle) -> &mut Self {
        self.words(what, status, true, &[(14, u32::MAX, h.1 << 16 | h.0)])
    }
}

/// The ways to break a good descriptor.
pub fn rules(b: &Bench, s: &Submission) -> Rules {
    use Status::*;
    let mut r = Rules(Vec::new());
    let o = Opcode::from_code(s.opcode() as u8).unwrap();
    let opening = s.aad3() & 1 == 1;
    r.add("opcode", BadOpcode, 0, 0xff, 0x4b);
    for (bit, what) in [
        (8, "src_sgl"),
        (9, "dst_sgl"),
        (10, "aad_inline"),
        (11, "tag_mode"),
        (13, "reserved0"),
        (16, "tag_len"),
        (21, "reserved1"),
        (22, "iv_len"),
    ] {
        r.add(what, BadFlags, 0, 1 << bit, 1 << bit);
    }
    // Every bit that the operation does not name.
    let attributes = matches!(
        o,
        Opcode::KeyGenerate
            | Opcode::KwpUnwrap
            | Opcode::KeyHkdf
            | Opcode::KeyKbkdf
            | Opcode::EcGenerate
            | Opcode::EcEcdh
    );
    let hash = matches!(
        o,
        Opcode::KeyHkdf
            | Opcode::KeyKbkdf
            | Opcode::MacSign
            | Opcode::MacVerify
            | Opcode::EcSign
            | Opcode::EcEcdh
    );
    let slotless = matches!(o, Opcode::Random | Opcode::EcVerify | Opcode::EcCheck);
    let reads = s.src_lo() != 0;
    let writes = s.dst_lo() != 0;
    let based = s.aad2() != 0;
    let mut strange = |word: usize, mask: u32| {
        for bit in (0..32).filter(|b| mask >> b & 1 == 1) {
            r.add(&format!("W{word}[{bit}]"), BadFlags, word, 1 << bit, 1 << bit);
        }
    };
    pub const ALL: u32 = u32::MAX;
    strange(3, if reads || writes { 0 } else { ALL });
    strange(4, if reads { 0 } else { ALL });
    strange(5, if reads { 0 } else { ALL });
    strange(6, if writes { 0 } else { ALL });
    strange(7, if writes { 0 } else { ALL });
    strange(
        8,
        if attributes || o == Opcode::KeyLock {
            0
        } else {
            ALL
        },
    );
    for w in 9..12 {
        strange(
            w,
            if attributes || o == Opcode::KeyMessage {
                0
            } else {
                ALL
            },
        );
    }
    strange(
        12,
        match o {
            _ if attributes => 0xff00,
            Opcode::KeyLock | Opcode::KeyUnwrap => 0xffff,
            Opcode::EcVerify | Opcode::EcCheck => 0xffff_ff00,
            _ => ALL,
        },
    );
    strange(13, if attributes { 0xffff_00fc } else { ALL });
    strange(14, if based { 0 } else { ALL });
    strange(
        15,
        match o {
            Opcode::KeyHkdf | Opcode::EcEcdh => 0xff00_0000,
            Opcode::EcSign => 0xff00_fffe,
            Opcode::MacSign | Opcode::MacVerify => 0xff00_ff80,
            Opcode::KeyKbkdf => 0xff00_ffff,
            Opcode::KeyMessage => 0xffff_fffe,
            _ => ALL,
        },
    );
    if slotless {
        strange(1, ALL);
    }
    if hash {
        for h in [0, 4, 255] {
            r.add("hash", BadHash, 15, 0xff_0000, h << 16);
        }
    }
    let lengths: &[u32] = match o {
        Opcode::KeyWrap | Opcode::KeyUnwrap => &[0, 127, 129, 256],
        Opcode::KwpWrap | Opcode::KwpUnwrap => &[0, 8, 16, 41, 80, 1 << 31],
        Opcode::KeyHkdf => &[0, 12, 257, u32::MAX],
        Opcode::KeyKbkdf => &[257, 1 << 31],
        Opcode::KeyQuery => &[0, 32, 63, 65],
        Opcode::KeyMessage => &[0, 31, 33, 64],
        Opcode::Random => &[0, 65537, u32::MAX],
        Opcode::EcSign => &[0, 16, 19, 21, 33, 68, u32::MAX],
        Opcode::EcVerify => &[0, 20, 128, 144, 149, 196, u32::MAX],
        Opcode::EcCheck | Opcode::EcGenerate => &[0, 63, 65, 96],
        Opcode::EcPublic | Opcode::EcRaw => &[0, 32, 65, 97, 128],
        Opcode::EcEcdh => &[0, 63, 76, 353, u32::MAX],
        _ => &[],
    };
    for n in lengths {
        r.add("pay_len", BadLength, 3, ALL, *n);
    }
    match o {
        Opcode::EcPublic | Opcode::EcRaw => _ = r.late(96),
        Opcode::EcEcdh => _ = r.late(321).late(352),
        _ => {}
    }
    if matches!(o, Opcode::KeyHkdf | Opcode::EcEcdh) {
        let beyond = if o == Opcode::KeyHkdf { 51 } else { 33 };
        r.add("salt of 65", BadLength, 15, 0xffff, 65);
        r.add("salt beyond pay_len", BadLength, 15, 0xffff, beyond);
    }
    if matches!(o, Opcode::MacSign | Opcode::MacVerify) {
        for n in [0, 3, 33, 64] {
            r.add("MAC length", BadLength, 15, 0x7f, n);
        }
    }
    if attributes {
        if s.aad0() & 0xff == KeyType::Secret as u32 {
            for n in [0, 15, 65, 255] {
                r.add("secret_len", BadLength, 13, 0xff00, n << 8);
            }
        } else {
            r.add("secret_len", BadLength, 13, 0xff00, 32 << 8);
        }
        let made: &[u32] = match o {
            Opcode::KwpUnwrap => &[5],
            Opcode::EcGenerate => &[3, 5],
            Opcode::KeyGenerate => &[6],
            _ => &[5, 6],
        };
        for kind in [0, 8, 255].iter().chain(made) {
            r.words("type", BadKeyType, false, &[(12, 0xff, *kind), (13, 0xff00, 0)]);
        }
        let of_ec = [usage::SIGN | usage::DERIVE, usage::SIGN | usage::RAW, 1 << 11];
        let others = [usage::RAW, usage::DETERMINISTIC, 1 << 11];
        let mine = if o == Opcode::EcGenerate { of_ec } else { others };
        for bits in [usage::WRAP, usage::UNWRAP, 1 << 15].into_iter().chain(mine) {
            r.add("usage", BadUsage, 12, 0xffff_0000, u32::from(bits) << 16);
        }
        let policies: &[u32] = if o == Opcode::EcGenerate {
            &[]
        } else {
            &[COUNTER, DERIVED, 3]
        };
        for &policy in policies {
            if policy == DERIVED || o != Opcode::KeyGenerate || policy == 3 {
                r.add("policy", BadPolicy, 13, 3, policy);
            }
        }
    }
    if matches!(o, Opcode::EcVerify | Opcode::EcCheck) {
        for kind in [0, 1, 4, 8, 255] {
            r.add("type", BadKeyType, 12, 0xff, kind);
        }
    }
    // Range of slots first; then what is in them.
    if !slotless {
        r.slot("slot 64", SlotRange, (64, 1));
        r.slot("slot 65535", SlotRange, (65535, 1));
    }
    if fills(s) {
        r.slot("a foreign slot to fill", SlotDomain, b.foreign);
        r.slot("a slot that is full", SlotFull, b.aes_stays);
    } else if !slotless {
        r.slot("an empty slot", SlotEmpty, (EMPTY, 0));
        r.slot("a foreign key", SlotDomain, b.foreign);
        r.add("an old handle", SlotGeneration, 1, 0xffff_0000, 0);
        match o {
            Opcode::KeyWrap | Opcode::KwpWrap => _ = r.slot("a key that stays", SlotUsage, b.aes_stays),
            Opcode::MacSign | Opcode::MacVerify => _ = r.slot("a key for others", SlotUsage, b.stays),
            _ => {}
        }
        if let Some(ec) = &b.ec {
            ec_slots(&mut r, o, b, ec);
        }
    }
    if based {
        r.base("base 64", SlotRange, (64, 1));
        r.base("no base", SlotEmpty, (EMPTY, 0));
        r.base("a foreign base", SlotDomain, b.foreign_wrap);
        r.words("an old base", SlotGeneration, true, &[(14, 0xffff_0000, 0)]);
        r.base("a base of another type", SlotUsage, b.aes);
        match o {
            Opcode::KeyWrap => _ = r.base("a base that only unwraps", SlotUsage, b.unwrap_only),
            Opcode::KwpWrap | Opcode::KwpUnwrap => _ = r.base("a base without kwp", SlotUsage, b.root),
            Opcode::KeyHkdf | Opcode::KeyKbkdf => {
                r.base("a base for messages", SlotUsage, b.seed);
            }
            Opcode::KeyMessage => _ = r.base("a base for HKDF", SlotUsage, b.stays),
            Opcode::EcEcdh => _ = r.base("a base for HKDF", SlotUsage, b.stays),
            _ => {}
        }
        if let Some(ec) = &b.ec {
            match o {
                // With the code of its policy.
                Opcode::KeyMessage => _ = r.base("a private key", SlotUsage, ec.agrees),
                _ => _ = r.base("a private key that signs", SlotUsage, ec.signs),
            }
        }
        if matches!(o, Opcode::KeyHkdf | Opcode::KeyKbkdf | Opcode::EcEcdh) {
            for bit in [usage::EXPORT_WRAPPED, usage::KWP] {
                let bits = u32::from(bit) << 16;
                r.words("usage beyond its base's", SlotUsage, true, &[(12, bits, bits)]);
            }
        }
    }
    assert!(!opening || o != Opcode::KeyHkdf || s.aad3() & 1 == 1);
    r
}

/// Keys whose usage or type is another's.
fn ec_slots(r: &mut Rules, o: Opcode, b: &Bench, ec: &Pairs) {
    use Status::SlotUsage;
    match o {
        Opcode::MacSign => _ = r.slot("a private key that signs", SlotUsage, ec.signs),
        Opcode::EcSign => {
            r.slot("a secret that signs", SlotUsage, b.secret);
            r.slot("a key for agreement", SlotUsage, ec.agrees);
            r.add("deterministic", SlotUsage, 15, 1, 1);
        }
        Opcode::EcPublic => _ = r.slot("a secret", SlotUsage, b.secret),
        Opcode::EcRaw => {
            r.slot("a secret", SlotUsage, b.secret);
            r.slot("a key that only derives", SlotUsage, ec.agrees);
        }
        _ => {}
    }
}
