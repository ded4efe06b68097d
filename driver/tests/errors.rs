// SPDX-License-Identifier: Apache-2.0
//! Every status code and every queue error, each by the smallest thing that causes it; after each the queue and its neighbours work.

mod common;

use casemate::abi::{KeyType, Opcode, QueueError, QueueState, Status, Submission, TagMode, reg};
use casemate::{Device, Error, KeyUse, QueueConfig};
use casemate_sim::memory::Access;
use common::{Arena, DEVICES, RawQueue, good, halves, raw, set_dst, set_src};
use std::collections::HashSet;

type Change<'a> = (&'a str, Status, Option<u64>, Box<dyn Fn(&mut Submission) + 'a>);

/// Writes a scatter-gather element into the arena.
fn element(arena: &mut Arena, at: usize, addr: u64, len: u32, reserved: u32) {
    let mut e = casemate::abi::SgElement::default();
    let (lo, hi) = halves(addr);
    e.set_addr_lo(lo)
        .set_addr_hi(hi)
        .set_len(len)
        .set_reserved0(reserved);
    arena.bytes()[at..at + 16].copy_from_slice(&e.to_le());
}

fn descriptors(uri: &str) -> HashSet<Status> {
    let device = common::open(uri);
    let mut arena = Arena::new(&device);
    let base = arena.iova();
    let (read_only, unmapped) = (arena.read_only(), arena.unmapped());
    let page = |a: u64| Some(a & !0xfff);
    // Lists: fine, then an element of no bytes; reserved bits; an element in the hole; one that may not be written.
    element(&mut arena, 0x8000, base + 0x100, 16, 0);
    element(&mut arena, 0x8010, base, 0, 0);
    element(&mut arena, 0x8020, base, 32, 1);
    element(&mut arena, 0x8030, unmapped, 32, 0);
    element(&mut arena, 0x8040, read_only, 32, 0);
    let key = device.load_key(&[1; 32], 1, KeyUse::BOTH).unwrap();
    let foreign = device.load_key(&[2; 16], 2, KeyUse::BOTH).unwrap();
    let only = |encrypt, decrypt| device.load_key(&[3; 24], 1, KeyUse { encrypt, decrypt }).unwrap();
    let (sealing, opening) = (only(true, false), only(false, true));
    let mut q = common::queue(&device, 1, 16);
    let mut neighbour = common::queue(&device, 1, 4);

    let fine = good(key, &arena);
    let with = |what: &'static str, status, page, f: Box<dyn Fn(&mut Submission)>| -> Change {
        (what, status, page, f)
    };
    let open = |s: &mut Submission| {
        s.set_opcode(Opcode::GcmOpen as u32)
            .set_tag_mode(TagMode::Appended as u32);
    };
    let own_tag = |s: &mut Submission, a: u64| {
        let (lo, hi) = halves(a);
        s.set_tag_mode(TagMode::Address as u32).set_aad2(lo).set_aad3(hi);
    };
    let long_iv = |s: &mut Submission, a: u64| {
        let (lo, hi) = halves(a);
        s.set_iv_len(20).set_iv0(lo).set_iv1(hi).set_iv2(0);
    };
    let mut changes: Vec<Change> = Vec::from([
        with("as it is", Status::Ok, None, Box::new(|_| ())),
        with("nop", Status::Ok, None, Box::new(|s| *s = Submission::default())),
        with(
            "a wrong tag",
            Status::TagMismatch,
            None,
            Box::new(move |s| open(s)),
        ),
        with(
            "reserved0",
            Status::BadFlags,
            None,
            Box::new(|s| _ = s.set_reserved0(4)),
        ),
        with(
            "reserved1",
            Status::BadFlags,
            None,
            Box::new(|s| _ = s.set_reserved1(1)),
        ),
        with(
            "tag mode 3",
            Status::BadFlags,
            None,
            Box::new(|s| _ = s.set_tag_mode(3)),
        ),
        with(
            "open, tag in the completion",
            Status::BadFlags,
            None,
            Box::new(|s| _ = s.set_opcode(2)),
        ),
        with(
            "iv2 beside iv_addr",
            Status::BadFlags,
            None,
            Box::new(move |s| {
                long_iv(s, base);
                s.set_iv2(1);
            }),
        ),
        with("no IV", Status::BadIvLen, None, Box::new(|s| _ = s.set_iv_len(0))),
        with(
            "17 bytes inline",
            Status::BadAadLen,
            None,
            Box::new(|s| _ = s.set_aad_len(17)),
        ),
        with(
            "2^31 bytes inline",
            Status::BadAadLen,
            None,
            Box::new(|s| _ = s.set_aad_len(1 << 31)),
        ),
        with(
            "9 bytes inline beside a tag",
            Status::BadAadLen,
            None,
            Box::new(move |s| {
                own_tag(s, base);
                s.set_aad_len(9);
            }),
        ),
        with(
            "slot 64",
            Status::SlotRange,
            None,
            Box::new(|s| _ = s.set_slot(64)),
        ),
        with(
            "slot 65535",
            Status::SlotRange,
            None,
            Box::new(|s| _ = s.set_slot(65535)),
        ),
        with(
            "slot 63",
            Status::SlotEmpty,
            None,
            Box::new(|s| _ = s.set_slot(63)),
        ),
        with(
            "a foreign key",
            Status::SlotDomain,
            None,
            Box::new(move |s| _ = s.set_slot(foreign.slot().into())),
        ),
        with(
            "an old handle",
            Status::SlotGeneration,
            None,
            Box::new(|s| _ = s.set_generation(0)),
        ),
        with(
            "sealing with a key for opening",
            Status::SlotUsage,
            None,
            Box::new(move |s| _ = s.set_slot(opening.slot().into())),
        ),
        with(
            "opening with a key for sealing",
            Status::SlotUsage,
            None,
            Box::new(move |s| {
                open(s);
                s.set_slot(sealing.slot().into());
            }),
        ),
        with(
            "a tenant loads",
            Status::NotOfficer,
            None,
            Box::new(|s| *s = key_op(Opcode::KeyLoad)),
        ),
        with(
            "a tenant destroys another's key",
            Status::SlotDomain,
            None,
            Box::new(move |s| {
                *s = key_op(Opcode::KeyDestroy);
                s.set_slot(foreign.slot().into())
                    .set_generation(foreign.generation().into());
            }),
        ),
        with(
            "IV in the hole",
            Status::DmaIv,
            page(unmapped),
            Box::new(move |s| long_iv(s, unmapped + 5)),
        ),
        with(
            "IV into the hole",
            Status::DmaIv,
            page(unmapped),
            Box::new(move |s| long_iv(s, unmapped - 5)),
        ),
        with(
            "AAD in the hole",
            Status::DmaAad,
            page(unmapped),
            Box::new(move |s| {
                let (lo, hi) = halves(unmapped + 100);
                s.set_aad_inline(0).set_aad_len(40).set_aad0(lo).set_aad1(hi);
            }),
        ),
        with(
            "source in the hole",
            Status::DmaSrc,
            page(unmapped),
            Box::new(move |s| set_src(s, unmapped)),
        ),
        with(
            "source at the top of memory",
            Status::DmaSrc,
            page(!0xfff),
            Box::new(|s| set_src(s, !0xfff)),
        ),
        with(
            "source list in the hole",
            Status::DmaSrcSgl,
            page(unmapped),
            Box::new(move |s| {
                set_src(s, unmapped + 16);
                s.set_src_sgl(1);
            }),
        ),
        with(
            "tag in the hole",
            Status::DmaTag,
            page(unmapped),
            Box::new(move |s| {
                open(s);
                own_tag(s, unmapped + 1);
            }),
        ),
        with(
            "destination list in the hole",
            Status::DmaDstSgl,
            page(unmapped),
            Box::new(move |s| {
                set_dst(s, unmapped);
                s.set_dst_sgl(1);
            }),
        ),
        with(
            "destination in the hole",
            Status::DmaDst,
            page(unmapped),
            Box::new(move |s| set_dst(s, unmapped)),
        ),
        with(
            "destination read-only",
            Status::DmaDst,
            page(read_only),
            Box::new(move |s| set_dst(s, read_only + 7)),
        ),
        with(
            "destination into the read-only page",
            Status::DmaDst,
            page(read_only),
            Box::new(move |s| set_dst(s, read_only - 7)),
        ),
        with(
            "tag to the read-only page",
            Status::DmaDst,
            page(read_only),
            Box::new(move |s| own_tag(s, read_only + 9)),
        ),
    ]);
    for n in (0..32).filter(|n| !matches!(n, 4 | 8 | 12..=16)) {
        changes.push(with(
            "tag length",
            Status::BadTagLen,
            None,
            Box::new(move |s| _ = s.set_tag_len(n)),
        ));
    }
    for n in (0..256u32).filter(|&n| Opcode::from_code(n as u8).is_none()) {
        changes.push(with(
            "opcode",
            Status::BadOpcode,
            None,
            Box::new(move |s| _ = s.set_opcode(n)),
        ));
    }
    for (what, list, at) in [
        ("a list that is not aligned", base + 0x8008, base + 0x8008),
        ("an element of no bytes", base + 0x8000, base + 0x8010),
        ("an element with reserved bits", base + 0x8020, base + 0x8020),
    ] {
        changes.push(with(
            what,
            Status::BadSgl,
            page(at),
            Box::new(move |s| {
                set_src(s, list);
                s.set_src_sgl(1);
            }),
        ));
        changes.push(with(
            what,
            Status::BadSgl,
            page(at),
            Box::new(move |s| {
                set_dst(s, list);
                s.set_dst_sgl(1);
            }),
        ));
    }
    changes.push(with(
        "a source element in the hole",
        Status::DmaSrc,
        page(unmapped),
        Box::new(move |s| {
            set_src(s, base + 0x8030);
            s.set_src_sgl(1);
        }),
    ));
    changes.push(with(
        "a destination element read-only",
        Status::DmaDst,
        page(read_only),
        Box::new(move |s| {
            set_dst(s, base + 0x8040);
            s.set_dst_sgl(1);
        }),
    ));
    // A NOP with anything set is not one.
    for f in [
        |s: &mut Submission| _ = s.set_src_sgl(1),
        |s: &mut Submission| _ = s.set_dst_sgl(1),
        |s: &mut Submission| _ = s.set_aad_inline(1),
        |s: &mut Submission| _ = s.set_tag_mode(1),
        |s: &mut Submission| _ = s.set_tag_len(16),
        |s: &mut Submission| _ = s.set_iv_len(12),
    ] {
        changes.push(with(
            "nop with data",
            Status::BadFlags,
            None,
            Box::new(move |s| {
                *s = Submission::default();
                f(s);
            }),
        ));
    }

    let mut seen = HashSet::new();
    let sealed = {
        let done = raw(&mut q, &fine);
        (done.report, arena.bytes()[4096..4128].to_vec())
    };
    for (what, status, page, change) in &changes {
        let what = format!("{uri}: {what}");
        arena.bytes()[4096..4200].fill(0xee);
        let mut s = fine;
        change(&mut s);
        let done = raw(&mut q, &s);
        assert_eq!(done.status, *status, "{what}");
        if done.status != Status::Ok {
            assert_eq!(done.bytes, 0, "{what}");
            let named = u64::from_le_bytes(done.report[..8].try_into().unwrap());
            assert_eq!((named != 0).then_some(named), *page, "{what}: page");
            assert_eq!(done.report[8..], [0; 8], "{what}");
            if (*status as u8) < Status::DmaIv as u8
                && !matches!(status, Status::BadSgl | Status::TagMismatch)
            {
                let untouched = arena.bytes()[4096..4200].iter().all(|&b| b == 0xee);
                assert!(untouched, "{what}: refused, yet it wrote");
            }
        }
        seen.insert(done.status);
        // Nothing of it is left behind.
        for q in [&mut q, &mut neighbour] {
            arena.bytes()[4096..4200].fill(0);
            let done = raw(q, &fine);
            let now = (done.report, arena.bytes()[4096..4128].to_vec());
            assert_eq!(
                (done.status, now),
                (Status::Ok, sealed.clone()),
                "{what}: the next request"
            );
        }
    }
    seen
}

fn key_op(op: Opcode) -> Submission {
    let mut s = Submission::default();
    s.set_opcode(op as u32);
    s
}

fn officer(uri: &str) -> HashSet<Status> {
    let device = common::open(uri);
    let mut seen = HashSet::new();
    let mut expect = |s: Submission, words: usize, status: Status| {
        for i in 0..words as u32 {
            device
                .transport()
                .write32(reg::KEY_WINDOW + 4 * i, 0x0102_0304)
                .unwrap();
        }
        let done = device.officer_raw(s).unwrap();
        assert_eq!(done.status, status, "{uri}: {s:?} after {words} words");
        seen.insert(status);
        done
    };
    let load = |kind: u32, slot: u32| {
        let mut s = key_op(Opcode::KeyLoad);
        s.set_slot(slot).set_aad0(3 << 16 | 1 << 8 | kind);
        s
    };
    for kind in (0..256u32).filter(|&k| KeyType::from_code(k as u8).is_none()) {
        expect(load(kind, 0), 16, Status::BadKeyType);
    }
    expect(load(1, 64), 16, Status::SlotRange);
    expect(load(1, 0), 3, Status::KeyWindow);
    // The window is used up by the load that failed.
    expect(load(1, 0), 0, Status::KeyWindow);
    expect(load(2, 0), 5, Status::KeyWindow);
    expect(load(3, 0), 7, Status::KeyWindow);
    expect(load(1, 0).set_iv_len(12).to_owned(), 16, Status::BadFlags);
    let destroy = |slot: u32, generation: u32| {
        let mut s = key_op(Opcode::KeyDestroy);
        s.set_slot(slot).set_generation(generation);
        s
    };
    expect(destroy(0, 0), 0, Status::SlotEmpty);
    expect(destroy(64, 0), 0, Status::SlotRange);
    for generation in 1..5u8 {
        let done = expect(load(1 + u32::from(generation) % 3, 0), 8, Status::Ok);
        assert_eq!(done.report[..2], [generation, 0], "generations count up");
        expect(destroy(0, u32::from(generation) - 1), 0, Status::SlotGeneration);
        expect(destroy(0, generation.into()), 0, Status::Ok);
        expect(destroy(0, generation.into()), 0, Status::SlotEmpty);
    }
    seen
}

/// Generations are used up: only the model gets there fast enough; for the RTL see hdl/slots/tb.
fn retired(uri: &str) {
    let device = common::open(uri);
    let mut last = 0;
    let e = loop {
        match device.load_slot(5, &[1; 16], 0, KeyUse::BOTH) {
            Ok(k) => last = k.generation(),
            Err(e) => break e,
        }
    };
    assert_eq!(last, u16::MAX);
    assert!(
        matches!(
            e,
            Error::Request {
                status: Status::SlotRetired,
                ..
            }
        ),
        "{e}"
    );
}

#[test]
fn every_status_of_a_descriptor() {
    for uri in DEVICES {
        let mut seen = descriptors(uri);
        seen.extend(officer(uri));
        seen.extend([Status::Aborted, Status::SlotRetired, Status::Sealed]); // tests/faults.rs; below
        seen.extend(common::keys::STATUSES); // tests/keys/
        seen.extend(common::keys::EC_STATUSES); // tests/ecrefused.rs
        let missing: Vec<&Status> = Status::ALL.iter().filter(|s| !seen.contains(s)).collect();
        assert!(missing.is_empty(), "{uri}: no test causes {missing:?}");
    }
    retired("soft:");
}

fn queue_errors(uri: &str) {
    const ENABLED: u8 = QueueState::Enabled as u8;
    const DISABLED: u8 = QueueState::Disabled as u8;
    const ERROR: u8 = QueueState::Error as u8;
    let device = common::open(uri);
    let mut arena = Arena::new(&device);
    let key = device.load_key(&[1; 32], 1, KeyUse::BOTH).unwrap();
    let mut neighbour = common::queue(&device, 1, 8);
    let fine = good(key, &arena);
    let q = RawQueue::new(&device, 5);
    let status = |d: &Device| d.transport().read32(reg::STATUS).unwrap();
    let mut seen = HashSet::from([QueueError::None as u8]);
    let mut case = |what: &str, error: QueueError, cause: &dyn Fn()| {
        q.configure(2);
        cause();
        let state = q.until(ERROR);
        assert_eq!(state, (ERROR, error as u8), "{uri}: {what}");
        seen.insert(error as u8);
        assert_eq!(status(&device) >> 2 & 1, 1, "{uri}: {what}: STATUS tells");
        // Its doorbell is dead, its neighbour is not.
        q.write(reg::QUEUE_SQ_TAIL, 1).unwrap();
        assert_eq!(raw(&mut neighbour, &fine).status, Status::Ok, "{uri}: {what}");
        q.write(reg::QUEUE_CTRL, 1).unwrap();
        assert_eq!(
            q.state(),
            (ERROR, error as u8),
            "{uri}: {what}: only a reset helps"
        );
        q.write(reg::QUEUE_CTRL, 2).unwrap();
        assert_eq!(q.until(DISABLED), (DISABLED, 0), "{uri}: {what}: after reset");
        assert_eq!(status(&device) >> 2 & 1, 0, "{uri}: {what}: STATUS after reset");
    };
    for depth in [0x200, 0x002, 0xd02, 0x20d, 0xf0f] {
        case("depth", QueueError::BadConfig, &|| {
            q.write(reg::QUEUE_DEPTH, depth).unwrap();
            q.enable();
        });
    }
    for (register, off) in [(reg::QUEUE_SQ_BASE_LO, 32), (reg::QUEUE_CQ_BASE_LO, 4)] {
        case("base", QueueError::BadConfig, &|| {
            q.write(register, q.read(register) + off).unwrap();
            q.enable();
        });
    }
    for tail in [5, 0x8000, 0xffff] {
        case("submission doorbell", QueueError::BadDoorbell, &|| {
            q.enable();
            q.write(reg::QUEUE_SQ_TAIL, tail).unwrap();
        });
    }
    for head in [1, 0xffff] {
        case("completion doorbell", QueueError::BadDoorbell, &|| {
            q.enable();
            q.write(reg::QUEUE_CQ_HEAD, head).unwrap();
        });
    }
    let iova = q.rings.iova();
    case("submission ring", QueueError::SqFetch, &|| {
        common::iommu(&device, |m| {
            m.protect(
                iova,
                Access {
                    read: false,
                    write: true,
                },
            )
        });
        q.enable();
        q.write(reg::QUEUE_SQ_TAIL, 2).unwrap();
    });
    common::iommu(&device, |m| m.protect(iova, Access::BOTH));
    case("completion ring", QueueError::CqWrite, &|| {
        common::iommu(&device, |m| m.protect(iova + 4096, Access::READ));
        q.enable();
        q.write(reg::QUEUE_SQ_TAIL, 3).unwrap();
    });
    common::iommu(&device, |m| m.protect(iova + 4096, Access::BOTH));
    let all: HashSet<u8> = QueueError::ALL.iter().map(|e| *e as u8).collect();
    assert_eq!(seen, all, "{uri}: every queue error");

    // And it serves again: four NOPs.
    q.configure(2);
    q.enable();
    assert_eq!(q.state(), (ENABLED, 0));
    assert!(
        q.write(reg::QUEUE_DEPTH, 0x303).is_err(),
        "{uri}: the set-up is fixed while it serves"
    );
    q.write(reg::QUEUE_SQ_TAIL, 4).unwrap();
    for _ in 0..1000 {
        device.transport().progress().unwrap();
    }
    assert_eq!(
        (q.read(reg::QUEUE_CQ_TAIL), q.read(reg::QUEUE_SQ_HEAD)),
        (4, 4),
        "{uri}"
    );
    q.write(reg::QUEUE_CTRL, 2).unwrap();
    q.until(DISABLED);
    assert_eq!(arena.bytes().len(), Arena::SIZE);
}

#[test]
fn every_error_of_a_queue() {
    DEVICES.iter().for_each(|uri| queue_errors(uri));
}

/// Sealed: no plaintext key comes in, no queue changes hands; what is open goes on; a reset ends it.
#[test]
fn a_sealed_device() {
    for uri in DEVICES {
        let device = common::open(uri);
        let key = device.load_key(&[1; 32], 1, KeyUse::BOTH).unwrap();
        let mut arena = Arena::new(&device);
        let mut q = common::queue(&device, 1, 8);
        let index = q.index();
        assert!(!device.is_sealed().unwrap());
        device.seal().unwrap();
        assert!(device.is_sealed().unwrap(), "{uri}");
        let e = device.load_key(&[2; 32], 1, KeyUse::BOTH).unwrap_err();
        assert!(
            matches!(
                e,
                Error::Request {
                    status: Status::Sealed,
                    ..
                }
            ),
            "{uri}: {e}"
        );
        // The key that was refused is not kept for later.
        assert_eq!(device.transport().read32(reg::KEY_WINDOW).unwrap(), 0);
        let bind = reg::QUEUE_BIND + 4 * u32::from(index);
        assert!(device.transport().write32(bind, 2).is_err(), "{uri}");
        // Nothing but 0 can be written to the seal that would open it.
        device.transport().write32(reg::CONTROL, 0).unwrap();
        assert!(device.is_sealed().unwrap(), "{uri}");
        let fine = good(key, &arena);
        assert_eq!(raw(&mut q, &fine).status, Status::Ok, "{uri}");
        q.reset(&mut Vec::new()).unwrap();
        assert_eq!(raw(&mut q, &fine).status, Status::Ok, "{uri}: after its reset");
        drop(q);
        let e = device
            .queue(QueueConfig {
                domain: 2,
                ..QueueConfig::default()
            })
            .err()
            .unwrap();
        assert!(
            e.to_string()
                .contains("is sealed: queue 1 stays bound to domain 1"),
            "{uri}: {e}"
        );
        let mut q = common::queue(&device, 1, 8);
        assert_eq!(raw(&mut q, &fine).status, Status::Ok, "{uri}: opened again");
        device.destroy_key(key).unwrap();
        assert_eq!(raw(&mut q, &fine).status, Status::SlotEmpty, "{uri}");
        device.reset().unwrap();
        assert!(!device.is_sealed().unwrap(), "{uri}");
        device.load_key(&[2; 32], 1, KeyUse::BOTH).unwrap();
        assert_eq!(arena.bytes().len(), Arena::SIZE);
    }
}

/// Registers that are not there, or not so, are refused on both alike.
#[test]
fn registers() {
    for uri in DEVICES {
        let device = common::open(uri);
        let t = device.transport();
        for offset in [
            0x018, 0x3fc, 0x800, 0x10f4, 0x1420, 0x9000, 0x10010, 0x18000, 0x4_f000,
        ] {
            assert!(
                matches!(t.read32(offset), Err(Error::Refused(o)) if o == offset),
                "{uri}: read {offset:#x}"
            );
            assert!(
                matches!(t.write32(offset, 1), Err(Error::Refused(_))),
                "{uri}: write {offset:#x}"
            );
        }
        for offset in [
            reg::ID,
            reg::CAP0,
            reg::ABI_HASH,
            reg::STATUS,
            reg::CYCLES_LO,
            reg::QUEUE_STATE,
        ] {
            let before = t.read32(offset).unwrap();
            assert!(
                t.write32(offset, !before).is_err(),
                "{uri}: {offset:#x} takes a write"
            );
        }
        for offset in [reg::ID + 1, reg::CONTROL + 2] {
            assert!(t.read32(offset).is_err(), "{uri}: {offset:#x}");
        }
        // The key window keeps what it is given to itself.
        t.write32(reg::KEY_WINDOW, 0xffff_ffff).unwrap();
        assert_eq!(t.read32(reg::KEY_WINDOW).unwrap(), 0, "{uri}");
    }
}

/// What an open says of another version, and of addresses that name nothing.
#[test]
fn uris() {
    for (uri, says) in [
        ("", "no scheme"),
        ("sim", "no scheme"),
        ("sim:1", "`1`"),
        ("pcie:1", "`pcie`"),
        ("cuda:", "`cuda`"),
        ("sim:?lanes=9", "1 to 8"),
        ("sim:?colour=red", "colour=red"),
        ("soft:?slots=3", "power of two"),
        ("soft:?ec=2", "ec=2: 0 or 1"),
        ("soft:?x", "key=value"),
        ("sim:?noise=some", "noise=some: os"),
    ] {
        let e = Device::open(uri)
            .err()
            .unwrap_or_else(|| panic!("{uri} opened"))
            .to_string();
        assert!(e.contains(says) && e.contains("sim:?latency"), "{uri}: {e}");
    }
}
