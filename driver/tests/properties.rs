// SPDX-License-Identifier: Apache-2.0
//! Properties of descriptors, requests and errors over random values.

mod common;

use casemate::abi::{Completion, SgElement, Status, Submission};
use casemate::{Data, Device, DmaBuf, Error, KeyUse, Request};
use proptest::prelude::*;
use std::cell::RefCell;

thread_local! {
    static SOFT: Device = Device::open("soft:").unwrap();
    static QUEUE: RefCell<casemate::Queue> = RefCell::new(SOFT.with(|d| common::queue(d, 0, 16)));
}

macro_rules! round_trip {
    ($ty:ty, $values:expr) => {{
        // Every field set once: each holds its own bits, no field another's.
        let mut d = <$ty>::default();
        for (set, v) in <$ty>::SETTERS.iter().zip($values) {
            set(&mut d, *v);
        }
        let back = <$ty>::from_le(&d.to_le());
        prop_assert_eq!(back, d);
        let bytes = d.to_le();
        for (&(name, low, width), v) in <$ty>::FIELDS.iter().zip($values) {
            let mut got = 0u64;
            for bit in 0..width {
                got |= u64::from(bytes[(low + bit) / 8] >> ((low + bit) % 8) & 1) << bit;
            }
            prop_assert_eq!(got, u64::from(*v) & ((1 << width) - 1), "{}", name);
        }
    }};
}

/// Fields tile their structure: no bit is in none, none in two.
#[test]
fn fields_tile() {
    for (size, fields) in [
        (Submission::SIZE, Submission::FIELDS),
        (Completion::SIZE, Completion::FIELDS),
        (SgElement::SIZE, SgElement::FIELDS),
    ] {
        let mut at = 0;
        for &(name, low, width) in fields {
            assert_eq!(low, at, "{name}");
            at += width;
        }
        assert_eq!(at, size * 8);
    }
}

/// Shapes of a message: pieces, and how far into its buffer each begins is the pool's affair.
fn pieces() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![0usize..4, 0usize..70, 0usize..1200], 1..6)
}

#[derive(Debug, Clone)]
struct Shape {
    src: Vec<usize>,
    dst: Option<Vec<usize>>,
    tag: u8,
    aad: usize,
    aad_in: bool,
    list: bool,
}

fn shapes() -> impl Strategy<Value = Shape> {
    (
        pieces(),
        prop::option::of(pieces()),
        0u8..3,
        prop_oneof![0usize..20, 0usize..600],
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(src, dst, tag, aad, aad_in, list)| Shape {
            src,
            dst,
            tag,
            aad,
            aad_in,
            list,
        })
}

fn data(device: &Device, bytes: &[u8], sizes: &[usize], list: bool) -> Data {
    let fill = |part: &[u8]| -> DmaBuf {
        let mut b = device.buffer(part.len(), 0).unwrap();
        b.copy_from_slice(part);
        b
    };
    if !list {
        return fill(bytes).into();
    }
    let mut parts = Vec::new();
    let mut left = bytes;
    for &n in sizes {
        let (now, rest) = left.split_at(n.min(left.len()));
        parts.push(fill(now));
        left = rest;
    }
    parts.push(fill(left));
    parts.into()
}

fn bytes_of(d: &Data) -> Vec<u8> {
    match d {
        Data::Flat(b) => b.to_vec(),
        Data::List(l) => l.iter().flat_map(|b| b.to_vec()).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn descriptors_round_trip(values in prop::collection::vec(any::<u32>(), 64)) {
        round_trip!(Submission, &values);
        round_trip!(Completion, &values);
        round_trip!(SgElement, &values);
    }

    /// Whatever a request's shape, the device does what another implementation does, and the buffers come back.
    #[test]
    fn requests_of_any_shape(s in shapes(), key in any::<[u8; 32]>(), iv in any::<[u8; 12]>()) {
        let device = SOFT.with(Device::clone);
        let handle = device.load_key(&key, 0, KeyUse::BOTH).unwrap();
        let len: usize = s.src.iter().sum();
        let plain = common::pattern(len, s.tag);
        let aad = common::pattern(s.aad, 77);
        let want = common::reference(&key, &iv, &aad, &plain);
        let appended = s.tag == 0;
        // In place, the source has room for an appended tag.
        let mut source = plain.clone();
        if appended && s.dst.is_none() {
            source.resize(len + 16, 0);
        }
        let mut r = Request::seal(handle, &iv, data(&device, &source, &s.src, s.list)).user(5);
        if let Some(d) = &s.dst {
            let room = len + if appended { 16 } else { 0 };
            r = r.to(data(&device, &vec![0; room], d, s.list));
        }
        r = match s.tag {
            0 => r,
            1 => r.tag_in(device.buffer(16, 0).unwrap()),
            _ => r.tag_reported(),
        };
        r = if s.aad_in {
            let mut b = device.buffer(aad.len(), 0).unwrap();
            b.copy_from_slice(&aad);
            r.aad_in(b)
        } else {
            r.aad(&aad)
        };
        let done = QUEUE.with(|q| q.borrow_mut().run(r, &mut Vec::new(), common::LONG)).unwrap().ok().unwrap();
        device.destroy_key(handle).unwrap();
        prop_assert_eq!(done.bytes as usize, len);
        prop_assert_eq!(done.aad.is_some(), s.aad_in);
        let out = bytes_of(done.dst.as_ref().or(done.src.as_ref()).unwrap());
        prop_assert_eq!(&out[..len], &want[..len]);
        let tag = match s.tag {
            0 => out[len..len + 16].to_vec(),
            1 => done.tag.unwrap().to_vec(),
            _ => done.report.to_vec(),
        };
        prop_assert_eq!(&tag[..], &want[len..]);
        if s.dst.is_some() {
            prop_assert_eq!(bytes_of(&done.src.unwrap()), plain, "the source is left as it was");
        }
    }

    /// A request that cannot be is refused before the device sees it, in words that name the number, and comes back.
    #[test]
    fn impossible_requests(iv in 0usize..1100, tag in 0usize..40, message in 0usize..40, dst in prop::option::of(0usize..40)) {
        let device = SOFT.with(Device::clone);
        let handle = device.load_key(&[1; 16], 0, KeyUse::BOTH).unwrap();
        let mut r = Request::seal(handle, &vec![1; iv], device.buffer(message, 0).unwrap()).tag_len(tag);
        if let Some(n) = dst {
            r = r.to(device.buffer(n, 0).unwrap());
        }
        let tag_bad = !matches!(tag, 4 | 8 | 12..=16);
        let iv_bad = !(1..=1023).contains(&iv);
        let short = if dst.is_none() { message < tag } else { dst.unwrap() < message + tag };
        let got = QUEUE.with(|q| {
            let mut q = q.borrow_mut();
            let s = q.submit([r]).unwrap();
            common::drain(&mut q, &mut Vec::new());
            s
        });
        device.destroy_key(handle).unwrap();
        prop_assert_eq!(got.refused.is_some(), tag_bad || iv_bad || short);
        prop_assert_eq!(got.accepted + got.rest.len(), 1);
        if let Some(e) = got.refused {
            let text = e.to_string();
            prop_assert!(matches!(e, Error::Invalid(_)));
            let names = if tag_bad { tag } else if iv_bad { iv } else { dst.unwrap_or(message) };
            prop_assert!(text.contains(&names.to_string()), "{}", text);
        }
    }

    /// Every error says something of its own, and a DMA error the page.
    #[test]
    fn errors_name_their_cause(page in (1u64..1 << 52).prop_map(|p| p << 12)) {
        let texts: Vec<String> = Status::ALL
            .iter()
            .map(|&status| Error::Request { status, page: Some(page) }.to_string())
            .collect();
        for (i, a) in texts.iter().enumerate() {
            let names_it = a.contains(&format!("{page:#x}"));
            prop_assert!(names_it);
            prop_assert!(texts.iter().skip(i + 1).all(|b| a != b));
        }
    }
}
