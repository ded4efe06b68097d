// SPDX-License-Identifier: Apache-2.0
//! Requests and what becomes of them.

use crate::device::Shared;
use crate::dma::{DmaBuf, Pool};
use crate::ec::EcRequest;
use crate::{Error, Result};
use casemate_abi::{Completion, Opcode, SgElement, Status, Submission, TagMode};
use std::sync::Arc;

/// A key in a slot of the device. Copying it copies no key. It goes stale when the slot is destroyed or loaded again, which the
/// device notices, or when the device is reset, which the driver does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHandle {
    slot: u16,
    generation: u16,
    epoch: u32,
}

impl KeyHandle {
    pub(crate) fn new(slot: u16, generation: u16, epoch: u32) -> Self {
        Self {
            slot,
            generation,
            epoch,
        }
    }

    pub(crate) fn of_epoch(self, epoch: u32) -> bool {
        self.epoch == epoch
    }

    /// Slot.
    pub fn slot(self) -> u16 {
        self.slot
    }

    /// The slot's generation.
    pub fn generation(self) -> u16 {
        self.generation
    }
}

/// Where a message lies.
#[derive(Debug)]
pub enum Data {
    /// In one buffer, over its whole length.
    Flat(DmaBuf),
    /// In several, one after another; empty ones are skipped.
    List(Vec<DmaBuf>),
}

impl Data {
    /// Bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Flat(b) => b.len(),
            Self::List(l) => l.iter().map(|b| b.len()).sum(),
        }
    }

    /// No bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<DmaBuf> for Data {
    fn from(b: DmaBuf) -> Self {
        Self::Flat(b)
    }
}

impl From<Vec<DmaBuf>> for Data {
    fn from(l: Vec<DmaBuf>) -> Self {
        Self::List(l)
    }
}

/// Where the tag is.
#[derive(Debug)]
enum Tag {
    Appended,
    Own(DmaBuf),
    Completion,
}

/// One AES-GCM operation. It owns its buffers until [`Done`] gives them back.
#[derive(Debug)]
pub struct Request {
    open: bool,
    key: KeyHandle,
    iv: Vec<u8>,
    aad: Vec<u8>,
    aad_buf: Option<DmaBuf>,
    src: Data,
    dst: Option<Data>,
    tag: Tag,
    tag_len: usize,
    user: u64,
}

impl Request {
    fn new(open: bool, key: KeyHandle, iv: &[u8], src: Data) -> Self {
        Self {
            open,
            key,
            iv: iv.into(),
            aad: Vec::new(),
            aad_buf: None,
            src,
            dst: None,
            tag: Tag::Appended,
            tag_len: 16,
            user: 0,
        }
    }

    /// Seals `data` in place. With the tag appended, as by default, `data` ends with room for it: its last `tag_len` bytes.
    pub fn seal(key: KeyHandle, iv: &[u8], data: impl Into<Data>) -> Self {
        Self::new(false, key, iv, data.into())
    }

    /// Seals `data` in place with an IV of the device's making, for a key of IV policy COUNTER: [`Done::iv`] tells it.
    pub fn seal_counted(key: KeyHandle, data: impl Into<Data>) -> Self {
        Self::seal(key, &[0; 12], data)
    }

    /// Opens `data` in place. With the tag appended, as by default, `data` ends with it.
    pub fn open(key: KeyHandle, iv: &[u8], data: impl Into<Data>) -> Self {
        Self::new(true, key, iv, data.into())
    }

    /// Additional authenticated data, copied: into the descriptor if it fits there.
    pub fn aad(mut self, aad: &[u8]) -> Self {
        self.aad = aad.into();
        self
    }

    /// Additional authenticated data in a buffer of its own.
    pub fn aad_in(mut self, aad: DmaBuf) -> Self {
        self.aad_buf = Some(aad);
        self
    }

    /// Writes to `dst` instead of in place: the payload, when sealing with the tag appended the tag too.
    pub fn to(mut self, dst: impl Into<Data>) -> Self {
        self.dst = Some(dst.into());
        self
    }

    /// The tag in a buffer of its own.
    pub fn tag_in(mut self, tag: DmaBuf) -> Self {
        self.tag_len = tag.len();
        self.tag = Tag::Own(tag);
        self
    }

    /// The tag in the completion, for sealing.
    pub fn tag_reported(mut self) -> Self {
        self.tag = Tag::Completion;
        self
    }

    /// Bytes of the tag: 4, 8, or 12 to 16; 16 by default.
    pub fn tag_len(mut self, len: usize) -> Self {
        self.tag_len = len;
        self
    }

    /// A number that comes back with the result.
    pub fn user(mut self, user: u64) -> Self {
        self.user = user;
        self
    }

    /// Lays it out for the device. On an error the request comes back whole.
    pub(crate) fn encode(
        self,
        shared: &Shared,
    ) -> std::result::Result<(Submission, Held), (Error, Box<AnyRequest>)> {
        if !self.key.of_epoch(shared.epoch()) {
            return Err((Error::StaleKey(self.key.slot), Box::new(self.into())));
        }
        match self.lay_out(&shared.pool) {
            Ok((s, aad, lists)) => {
                let user = self.user;
                let tag = match self.tag {
                    Tag::Own(b) => Some(b),
                    _ => None,
                };
                Ok((
                    s,
                    Held {
                        user,
                        src: Some(self.src),
                        dst: self.dst,
                        tag,
                        aad: self.aad_buf,
                        _own: (aad, lists),
                    },
                ))
            }
            Err(e) => Err((e, Box::new(self.into()))),
        }
    }

    fn lay_out(&self, pool: &Arc<Pool>) -> Result<(Submission, Vec<DmaBuf>, Vec<DmaBuf>)> {
        let invalid = |what: String| Err(Error::Invalid(what));
        if !matches!(self.tag_len, 4 | 8 | 12..=16) {
            return invalid(format!(
                "a tag of {} bytes: 4, 8 or 12 to 16 are possible",
                self.tag_len
            ));
        }
        if self.iv.is_empty() || self.iv.len() > 1023 {
            return invalid(format!(
                "an IV of {} bytes: 1 to 1023 are possible",
                self.iv.len()
            ));
        }
        if self.open && matches!(self.tag, Tag::Completion) {
            return invalid("opening needs a tag in memory".into());
        }
        let appended = if matches!(self.tag, Tag::Appended) {
            self.tag_len
        } else {
            0
        };
        let Some(pay) = self.src.len().checked_sub(if self.open || self.dst.is_none() {
            appended
        } else {
            0
        }) else {
            return invalid(format!(
                "a message of {} bytes has no room for a tag of {appended}",
                self.src.len()
            ));
        };
        if pay as u64 > u64::from(u32::MAX) {
            return invalid(format!(
                "a payload of {pay} bytes: the device takes up to 2^32 - 1 a request"
            ));
        }
        let need = pay + if self.open { 0 } else { appended };
        if let Some(d) = &self.dst
            && d.len() < need
        {
            return invalid(format!("a destination of {} bytes for {need}", d.len()));
        }
        let mut own = Vec::new();
        let mut lists = Vec::new();
        let mut s = Submission::default();
        s.set_opcode(if self.open {
            Opcode::GcmOpen
        } else {
            Opcode::GcmSeal
        } as u32);
        s.set_slot(self.key.slot.into())
            .set_generation(self.key.generation.into());
        s.set_pay_len(pay as u32)
            .set_tag_len(self.tag_len as u32)
            .set_iv_len(self.iv.len() as u32);
        let halves = |a: u64| (a as u32, (a >> 32) as u32);
        let word = |b: &[u8], i: usize| {
            let mut w = [0; 4];
            let part = b.get(4 * i..).unwrap_or(&[]);
            let n = part.len().min(4);
            w[..n].copy_from_slice(&part[..n]);
            u32::from_le_bytes(w)
        };
        if self.iv.len() == 12 {
            s.set_iv0(word(&self.iv, 0))
                .set_iv1(word(&self.iv, 1))
                .set_iv2(word(&self.iv, 2));
        } else {
            let mut b = pool.take(self.iv.len(), 0)?;
            b.copy_from_slice(&self.iv);
            let (lo, hi) = halves(b.iova());
            s.set_iv0(lo).set_iv1(hi);
            own.push(b);
        }
        let own_tag = match &self.tag {
            Tag::Own(b) => Some(b.iova()),
            _ => None,
        };
        let room = if own_tag.is_some() { 8 } else { 16 };
        if let Some(b) = &self.aad_buf {
            let (lo, hi) = halves(b.iova());
            s.set_aad_len(b.len() as u32).set_aad0(lo).set_aad1(hi);
        } else if self.aad.len() <= room {
            s.set_aad_inline(1).set_aad_len(self.aad.len() as u32);
            s.set_aad0(word(&self.aad, 0)).set_aad1(word(&self.aad, 1));
            s.set_aad2(word(&self.aad, 2)).set_aad3(word(&self.aad, 3));
        } else {
            let mut b = pool.take(self.aad.len(), 0)?;
            b.copy_from_slice(&self.aad);
            let (lo, hi) = halves(b.iova());
            s.set_aad_len(self.aad.len() as u32).set_aad0(lo).set_aad1(hi);
            own.push(b);
        }
        let mode = match &self.tag {
            Tag::Appended => TagMode::Appended,
            Tag::Own(_) => TagMode::Address,
            Tag::Completion => TagMode::Completion,
        };
        s.set_tag_mode(mode as u32);
        if let Some(a) = own_tag {
            let (lo, hi) = halves(a);
            s.set_aad2(lo).set_aad3(hi);
        }
        let mut place = |d: &Data| -> Result<(u64, bool)> {
            match d {
                Data::Flat(b) => Ok((b.iova(), false)),
                Data::List(l) => {
                    let parts: Vec<&DmaBuf> = l.iter().filter(|b| !b.is_empty()).collect();
                    let mut list = pool.take(parts.len() * SgElement::SIZE, 0)?;
                    for (e, b) in list.chunks_exact_mut(SgElement::SIZE).zip(parts) {
                        let (lo, hi) = halves(b.iova());
                        let mut el = SgElement::default();
                        el.set_addr_lo(lo).set_addr_hi(hi).set_len(b.len() as u32);
                        e.copy_from_slice(&el.to_le());
                    }
                    let at = list.iova();
                    lists.push(list);
                    Ok((at, true))
                }
            }
        };
        let (src, src_list) = place(&self.src)?;
        let (dst, dst_list) = match &self.dst {
            Some(d) => place(d)?,
            None => (src, src_list),
        };
        s.set_src_lo(src as u32)
            .set_src_hi((src >> 32) as u32)
            .set_src_sgl(src_list.into());
        s.set_dst_lo(dst as u32)
            .set_dst_hi((dst >> 32) as u32)
            .set_dst_sgl(dst_list.into());
        Ok((s, own, lists))
    }
}

/// A request of any sort.
#[derive(Debug)]
pub enum AnyRequest {
    /// AES-GCM.
    Gcm(Request),
    /// Elliptic curves.
    Ec(EcRequest),
}

impl AnyRequest {
    /// A number that comes back with the result.
    pub fn user(self, user: u64) -> Self {
        match self {
            Self::Gcm(r) => Self::Gcm(r.user(user)),
            Self::Ec(r) => Self::Ec(r.user(user)),
        }
    }

    pub(crate) fn encode(
        self,
        shared: &Shared,
    ) -> std::result::Result<(Submission, Held), (Error, Box<Self>)> {
        match self {
            Self::Gcm(r) => r.encode(shared),
            Self::Ec(r) => r.encode(shared),
        }
    }
}

impl From<Request> for AnyRequest {
    fn from(r: Request) -> Self {
        Self::Gcm(r)
    }
}

/// What a request holds while the device works on it.
pub(crate) struct Held {
    pub(crate) user: u64,
    pub(crate) src: Option<Data>,
    pub(crate) dst: Option<Data>,
    pub(crate) tag: Option<DmaBuf>,
    pub(crate) aad: Option<DmaBuf>,
    pub(crate) _own: (Vec<DmaBuf>, Vec<DmaBuf>),
}

/// A finished request, with the buffers it was given.
#[derive(Debug)]
pub struct Done {
    /// The request's number.
    pub user: u64,
    /// The device's code.
    pub status: Status,
    /// Payload bytes written; 0 unless OK.
    pub bytes: u32,
    /// The completion's result: a tag, or of a DMA error the page.
    pub report: [u8; 16],
    /// Source: after an operation in place, the result. None of a raw descriptor.
    pub src: Option<Data>,
    /// Destination, if there was one.
    pub dst: Option<Data>,
    /// The tag's own buffer, if there was one.
    pub tag: Option<DmaBuf>,
    /// The AAD's own buffer, if there was one.
    pub aad: Option<DmaBuf>,
}

impl Done {
    pub(crate) fn new(held: Held, status: Status, c: &Completion) -> Self {
        let mut report = [0; 16];
        report.copy_from_slice(&c.to_le()[..16]);
        Self {
            user: held.user,
            status,
            bytes: c.bytes(),
            report,
            src: held.src,
            dst: held.dst,
            tag: held.tag,
            aad: held.aad,
        }
    }

    /// The IV that the device made, of [`Request::seal_counted`].
    pub fn iv(&self) -> [u8; 12] {
        self.report[..12].try_into().expect("12 bytes")
    }

    /// Generation of the key that was made, of an operation that makes one.
    pub(crate) fn generation(&self) -> u16 {
        u16::from_le_bytes([self.report[0], self.report[1]])
    }

    /// Itself if the device says OK; else the typed error.
    pub fn ok(self) -> Result<Self> {
        match self.status {
            Status::Ok => Ok(self),
            Status::TagMismatch => Err(Error::NotAuthentic),
            Status::BadSignature => Err(Error::BadSignature),
            Status::BadPoint => Err(Error::BadPublicKey),
            Status::BadScalar => Err(Error::BadPrivateKey),
            Status::EcFault => Err(Error::EcFault),
            Status::Zeroized => Err(Error::Zeroized),
            status => {
                let page = u64::from_le_bytes(self.report[..8].try_into().expect("8 bytes"));
                Err(Error::Request {
                    status,
                    page: (page != 0).then_some(page),
                })
            }
        }
    }
}
