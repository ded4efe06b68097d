// SPDX-License-Identifier: Apache-2.0
//! An AES-GCM request of the functional model: its buffers through the IOMMU, and what its failure leaves in memory. Follows hdl/dma.

use super::gcm::Key;
use casemate_abi::{Completion, SgElement, Status, Submission, TagMode};
use casemate_sim::memory::{Fault, Iommu};
use zeroize::Zeroize;

/// Status of a refused or failed request and the page it names.
pub type Refusal = (Status, u64);

/// The pieces of a buffer: address and length, until `bytes` are there or the list is bad.
fn walk(
    iommu: &mut Iommu,
    addr: u64,
    bytes: u64,
    sgl: bool,
    bus: Status,
) -> (Vec<(u64, u64)>, Result<(), Refusal>) {
    let mut runs = Vec::new();
    if !sgl || bytes == 0 {
        runs.push((addr, bytes));
        return (runs, Ok(()));
    }
    let page = |a: u64| a & !0xfff;
    if !addr.is_multiple_of(16) {
        return (runs, Err((Status::BadSgl, page(addr))));
    }
    let (mut at, mut left) = (addr, bytes);
    while left > 0 {
        let mut raw = [0; 16];
        if iommu.read(at, &mut raw) == Err(Fault) {
            return (runs, Err((bus, page(at))));
        }
        let e = SgElement::from_le(&raw);
        if e.len() == 0 || e.reserved0() != 0 {
            return (runs, Err((Status::BadSgl, page(at))));
        }
        let n = u64::from(e.len()).min(left);
        runs.push((u64::from(e.addr_hi()) << 32 | u64::from(e.addr_lo()), n));
        left -= n;
        at = at.wrapping_add(16);
    }
    (runs, Ok(()))
}

/// Reads runs; an error names the first page that fails.
pub fn read_runs(iommu: &mut Iommu, runs: &[(u64, u64)], status: Status) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    for &(addr, len) in runs {
        let (mut a, mut left) = (addr, len);
        while left > 0 {
            let n = (4096 - a % 4096).min(left);
            let at = out.len();
            out.resize(at + n as usize, 0);
            if iommu.read(a, &mut out[at..]) == Err(Fault) {
                return Err((status, a & !0xfff));
            }
            a = a.wrapping_add(n);
            left -= n;
        }
    }
    Ok(out)
}

/// Writes runs, all that can be written; an error names the first page that fails.
pub fn write_runs(iommu: &mut Iommu, runs: &[(u64, u64)], mut data: &[u8]) -> Result<(), Refusal> {
    let mut first = Ok(());
    for &(addr, len) in runs {
        let (mut a, mut left) = (addr, len);
        while left > 0 {
            let n = (4096 - a % 4096).min(left);
            let (now, rest) = data.split_at(n as usize);
            data = rest;
            if iommu.write(a, now) == Err(Fault) && first.is_ok() {
                first = Err((Status::DmaDst, a & !0xfff));
            }
            a = a.wrapping_add(n);
            left -= n;
        }
    }
    first
}

fn pair(hi: u32, lo: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}

/// Longest opened payload that is held until its tag is checked.
const HOLD: u32 = 16384;

/// One AES-GCM request. Returns bytes read and written.
pub fn gcm(
    iommu: &mut Iommu,
    key: &Key,
    s: &Submission,
    open: bool,
    c: &mut Completion,
) -> Result<(u64, u64), Refusal> {
    let result = gcm_unscrubbed(iommu, key, s, open, c);
    if open && s.pay_len() > HOLD && matches!(result, Err((Status::TagMismatch, _))) {
        // The device has written plaintext by then, and takes it back.
        let pay = u64::from(s.pay_len());
        let dst = pair(s.dst_hi(), s.dst_lo());
        let (runs, _) = walk(iommu, dst, pay, s.dst_sgl() == 1, Status::DmaDstSgl);
        let _ = write_runs(iommu, &runs, &vec![0; pay as usize]);
    }
    result
}

fn gcm_unscrubbed(
    iommu: &mut Iommu,
    key: &Key,
    s: &Submission,
    open: bool,
    c: &mut Completion,
) -> Result<(u64, u64), Refusal> {
    let mode = TagMode::from_code(s.tag_mode() as u8).expect("checked");
    let (pay, tag_len) = (u64::from(s.pay_len()), s.tag_len() as usize);
    let mut bytes_in = 0;
    let mut fetch = |iommu: &mut Iommu, addr, len: u64, sgl, bus, status| {
        bytes_in += len;
        let (runs, list) = walk(iommu, addr, len, sgl, bus);
        let data = read_runs(iommu, &runs, status)?;
        list.map(|()| data)
    };
    let iv = if s.iv_len() == 12 {
        [s.iv0(), s.iv1(), s.iv2()]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect()
    } else {
        fetch(
            iommu,
            pair(s.iv1(), s.iv0()),
            s.iv_len().into(),
            false,
            Status::DmaIv,
            Status::DmaIv,
        )?
    };
    let aad = if s.aad_inline() == 1 {
        let mut a: Vec<u8> = [s.aad0(), s.aad1(), s.aad2(), s.aad3()]
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect();
        a.truncate(s.aad_len() as usize);
        a
    } else {
        fetch(
            iommu,
            pair(s.aad1(), s.aad0()),
            s.aad_len().into(),
            false,
            Status::DmaAad,
            Status::DmaAad,
        )?
    };
    let appended = if open && mode == TagMode::Appended {
        tag_len as u64
    } else {
        0
    };
    let src = pair(s.src_hi(), s.src_lo());
    let mut data = fetch(
        iommu,
        src,
        pay + appended,
        s.src_sgl() == 1,
        Status::DmaSrcSgl,
        Status::DmaSrc,
    )?;
    let mut expected = data.split_off(pay as usize);
    let tag_addr = pair(s.aad3(), s.aad2());
    if open && mode == TagMode::Address {
        expected = fetch(
            iommu,
            tag_addr,
            tag_len as u64,
            false,
            Status::DmaTag,
            Status::DmaTag,
        )?;
    }
    let mut good = true;
    let mut own = None;
    if open {
        good = key.open(&iv, &aad, &mut data, &expected);
        if !good && s.pay_len() <= HOLD {
            data.zeroize();
            return Err((Status::TagMismatch, 0));
        }
    } else {
        let tag = key.seal(&iv, &aad, &mut data);
        match mode {
            TagMode::Appended => data.extend_from_slice(&tag[..tag_len]),
            TagMode::Address => own = Some(tag),
            TagMode::Completion => {
                let mut t = [0; 16];
                t[..tag_len].copy_from_slice(&tag[..tag_len]);
                let w: Vec<u32> = t
                    .chunks_exact(4)
                    .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect();
                c.set_result0(w[0])
                    .set_result1(w[1])
                    .set_result2(w[2])
                    .set_result3(w[3]);
            }
        }
    }
    let mut bytes_out = data.len() as u64;
    let dst = pair(s.dst_hi(), s.dst_lo());
    let (runs, list) = walk(iommu, dst, data.len() as u64, s.dst_sgl() == 1, Status::DmaDstSgl);
    let mut written = write_runs(iommu, &runs, &data).and(list);
    data.zeroize();
    if let (Some(tag), true) = (own, list.is_ok()) {
        bytes_out += tag_len as u64;
        written = written.and(write_runs(iommu, &[(tag_addr, tag_len as u64)], &tag[..tag_len]));
    }
    written?;
    if !good {
        return Err((Status::TagMismatch, 0));
    }
    c.set_bytes(s.pay_len());
    Ok((bytes_in, bytes_out))
}
