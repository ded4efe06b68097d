// SPDX-License-Identifier: Apache-2.0
//! The AES-GCM lane alone (`hdl/gcm`), fed block by block without rings or DMA.

use crate::verilate::{Block, Error, Model, Port};
use std::path::{Path, PathBuf};

/// The lane's sources, packages first.
pub fn sources() -> Vec<PathBuf> {
    let hdl = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
        .join("hdl");
    let mut all = Vec::new();
    for block in ["gcm", "aes", "ghash"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(hdl.join(block).join("rtl"))
            .map(|dir| dir.flatten().map(|f| f.path()).collect())
            .unwrap_or_default();
        files.sort();
        all.append(&mut files);
    }
    // A package goes before its users; gcm_pkg, which the others use, comes first of all.
    all.sort_by_key(|f| !f.to_string_lossy().ends_with("_pkg.sv"));
    all
}

/// One lane with AES-256 keys and 12-byte IVs.
pub struct Lane {
    model: Model,
    key: [Port; 6],
    req: [Port; 3],
    input: [Port; 3],
    out: [Port; 3],
    res: [Port; 3],
}

impl Lane {
    /// Builds the model, if the cache has none, and resets it.
    pub fn new() -> Result<Self, Error> {
        let mut model = Block::new("gcm_lane")
            .sources(sources())
            .param("SLOTS", 16)
            .build()?;
        let mut group = |names: &[&str]| {
            names
                .iter()
                .map(|n| model.port(n))
                .collect::<Result<Vec<Port>, _>>()
        };
        let key = group(&[
            "key_valid_i",
            "key_clear_i",
            "key_slot_i",
            "key_size_i",
            "key_i",
            "key_done_o",
        ])?;
        let req = group(&["req_valid_i", "req_ready_o", "req_i"])?;
        let input = group(&["in_valid_i", "in_ready_o", "in_i"])?;
        let out = group(&["out_valid_o", "out_ready_i", "out_o"])?;
        let res = group(&["res_valid_o", "res_ready_i", "res_o"])?;
        let fixed = |v: Vec<Port>| -> [Port; 3] { [v[0], v[1], v[2]] };
        let key = [key[0], key[1], key[2], key[3], key[4], key[5]];
        model.reset()?;
        Ok(Self {
            model,
            key,
            req: fixed(req),
            input: fixed(input),
            out: fixed(out),
            res: fixed(res),
        })
    }

    /// Clock cycles so far.
    pub fn cycles(&self) -> u64 {
        self.model.cycles()
    }

    /// Loads an AES-256 key into a slot.
    pub fn load(&mut self, slot: u8, key: &[u8; 32]) {
        let [valid, clear, slot_port, size, bytes, done] = self.key;
        self.model.set(valid, 1);
        self.model.set(clear, 0);
        self.model.set(slot_port, slot.into());
        self.model.set(size, 2);
        self.model.set_bytes(bytes, key);
        self.model.tick();
        self.model.set(valid, 0);
        self.model.set_bytes(bytes, &[0; 32]);
        while self.model.get(done) == 0 {
            self.model.tick();
        }
    }

    /// Seals `data`, or opens it against `tag`; returns the output, and the tag, or for an open whether it matched.
    pub fn run(
        &mut self,
        slot: u8,
        iv: &[u8; 12],
        data: &[u8],
        tag: Option<&[u8; 16]>,
    ) -> (Vec<u8>, [u8; 16], bool) {
        let header: u128 = 16 | (data.len() as u128) << 5;
        // gcm_req_t, least significant first: tag_len 5, pay_len 32, aad_len 32, iv 96, iv_len 10, key_size 2, slot 8, decrypt 1.
        let mut bits = [0u8; 24];
        let mut put = |at: usize, width: usize, value: u128| {
            for i in 0..width {
                bits[(at + i) / 8] |= ((value >> i & 1) as u8) << ((at + i) % 8);
            }
        };
        put(0, 69, header);
        put(69, 96, iv.iter().rev().fold(0, |a, &b| a << 8 | u128::from(b)));
        put(165, 10, 12);
        put(175, 2, 2);
        put(177, 8, slot.into());
        put(185, 1, tag.is_some().into());
        let m = &mut self.model;
        m.set(self.req[0], 1);
        m.set_bytes(self.req[2], &bits);
        m.tick();
        m.set(self.req[0], 0);
        m.set(self.out[1], 1);
        m.set(self.res[1], 1);
        let mut blocks = data.chunks(16).chain(tag.map(|t| &t[..]));
        let mut next = blocks.next();
        let mut out = Vec::with_capacity(data.len() + 16);
        loop {
            m.set(self.input[0], next.is_some().into());
            if let Some(b) = next {
                m.set_bytes(self.input[2], b);
            }
            m.eval();
            if m.get(self.out[0]) == 1 {
                let b = m.get_bytes(self.out[2]);
                out.extend_from_slice(&b[..usize::from(b[16] & 31)]);
            }
            if m.get(self.res[0]) == 1 {
                let b = m.get_bytes(self.res[2]);
                m.tick();
                m.set(self.input[0], 0);
                let mut tag = [0; 16];
                tag.copy_from_slice(&b[..16]);
                return (out, tag, b[16] & 1 == 1);
            }
            let taken = next.is_some() && m.get(self.input[1]) == 1;
            m.tick();
            if taken {
                next = blocks.next();
            }
        }
    }
}
