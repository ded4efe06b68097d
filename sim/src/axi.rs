// SPDX-License-Identifier: Apache-2.0
//! Memory behind the device's AXI4 master (AMBA IHI 0022, AXI4): latency, bandwidth, stalls, answers out of order, injected
//! faults, and a checker of what the master does.

use crate::link::{Link, LinkTiming};
use crate::memory::{Fault, HostMemory};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::VecDeque;
use std::task::Poll;

/// How the memory behaves.
#[derive(Debug, Clone)]
pub struct MemoryTiming {
    /// Cycles from a read's address to its first beat; a link has its own.
    pub read_latency: u32,
    /// Cycles from a write's last beat to its response; over a link, from when that beat has left.
    pub write_latency: u32,
    /// Bytes a cycle, each way; 0 for the width of the bus.
    pub bandwidth: u32,
    /// Chance in percent, each cycle, that a channel is not ready or not valid.
    pub stall: u32,
    /// Answers come in any order the protocol allows, with up to this many cycles of extra latency.
    pub reorder: u32,
    /// Seed of everything random here.
    pub seed: u64,
    /// A link between the device and this memory; set before the device is reset.
    pub link: Option<Box<LinkTiming>>,
}

impl Default for MemoryTiming {
    fn default() -> Self {
        Self {
            read_latency: 250,
            write_latency: 60,
            bandwidth: 0,
            stall: 0,
            reorder: 0,
            seed: 1,
            link: None,
        }
    }
}

/// Faults to inject, beside those of the IOMMU.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Chance in 1 of this many that a read burst answers SLVERR; 0 for never.
    pub read_one_in: u32,
    /// The same of a write burst.
    pub write_one_in: u32,
    /// Pages (IOVA / 4096) whose accesses answer SLVERR.
    pub pages: Vec<u64>,
}

/// A read or write address, as the master gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Address {
    /// Id.
    pub id: u32,
    /// First byte.
    pub addr: u64,
    /// Beats - 1.
    pub len: u8,
    /// log2 of bytes a beat.
    pub size: u8,
    /// Kind.
    pub burst: u8,
}

struct ReadBurst {
    a: Address,
    ready: u64,
    beat: u32,
    fault: bool,
    /// Its number with the memory, once it has begun there.
    burst: Option<u64>,
    /// Over a link: its number, and bytes that have arrived.
    number: u64,
    arrived: u64,
}

/// A write burst that a link has and memory has not.
struct OnLink {
    id: u32,
    fault: bool,
    beats: Vec<(u64, Vec<u8>)>,
}

/// A write's answer.
struct Answer {
    ready: u64,
    id: u32,
    bad: bool,
    /// Its number with the memory, until that has said what became of it.
    burst: Option<u64>,
}

/// The beat offered on R.
pub struct ReadBeat {
    /// Id.
    pub id: u32,
    /// Data, as many bytes as the bus has.
    pub data: [u8; 64],
    /// SLVERR.
    pub error: bool,
    /// Last of its burst.
    pub last: bool,
}

/// The memory, and what is in flight.
pub struct AxiMemory {
    /// Timing.
    pub timing: MemoryTiming,
    /// Injected faults.
    pub faults: Faults,
    bytes: usize,
    rng: ChaCha8Rng,
    reads: VecDeque<ReadBurst>,
    offered: Option<usize>,
    writes: VecDeque<Address>,
    write_beat: u32,
    write_bad: bool,
    answers: VecDeque<Answer>,
    link: Option<Link>,
    bursts: u64,
    /// The beats of the write burst at hand, whole bursts that are leaving, and those that have left, with when they reach memory.
    beats: Vec<(u64, Vec<u8>)>,
    leaving: VecDeque<OnLink>,
    landing: VecDeque<(u64, OnLink)>,
    read_credit: i64,
    write_credit: i64,
    held_ar: Option<Address>,
    held_aw: Option<Address>,
    held_w: Option<(Vec<u8>, u64, bool)>,
    /// Address and bytes of the beat of W that was taken last.
    written: Option<(u64, Vec<u8>)>,
    /// Whether `written` is kept.
    pub keep_written: bool,
}

impl AxiMemory {
    /// With a bus of `bytes` bytes.
    pub fn new(bytes: usize, timing: MemoryTiming) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(timing.seed),
            link: timing.link.as_deref().cloned().map(Link::new),
            bursts: 0,
            beats: Vec::new(),
            leaving: VecDeque::new(),
            landing: VecDeque::new(),
            timing,
            faults: Faults::default(),
            bytes,
            reads: VecDeque::new(),
            offered: None,
            writes: VecDeque::new(),
            write_beat: 0,
            write_bad: false,
            answers: VecDeque::new(),
            read_credit: 0,
            write_credit: 0,
            held_ar: None,
            held_aw: None,
            held_w: None,
            written: None,
            keep_written: false,
        }
    }

    /// The beat of W taken in this cycle, if `keep_written`.
    pub fn take_written(&mut self) -> Option<(u64, Vec<u8>)> {
        self.written.take()
    }

    /// Forgets what is in flight, as a reset of the device does.
    pub fn reset(&mut self) {
        let (timing, faults) = (self.timing.clone(), self.faults.clone());
        *self = Self {
            faults,
            keep_written: self.keep_written,
            ..Self::new(self.bytes, timing)
        };
    }

    fn stalls(&mut self) -> bool {
        self.timing.stall != 0 && self.rng.random_range(0..100) < self.timing.stall
    }

    /// What the link brings in this cycle.
    fn advance(&mut self, now: u64, memory: &mut dyn HostMemory) {
        let Some(link) = &mut self.link else { return };
        link.advance(now);
        while let Some((number, bytes)) = link.arrived(now) {
            let burst = self.reads.iter_mut().find(|r| r.number == number);
            burst.expect("a read that waits").arrived += bytes;
        }
        while link.left(now) {
            let burst = self.leaving.pop_front().expect("a write that waits");
            let at = now + u64::from(self.timing.write_latency);
            self.landing.push_back((at, burst));
        }
        while self.landing.front().is_some_and(|(at, _)| *at <= now) {
            let (_, w) = self.landing.pop_front().expect("seen above");
            let bad =
                w.fault || (w.beats.iter()).any(|(addr, data)| memory.write_part(*addr, data) == Err(Fault));
            self.answer(now, w.id, bad, memory.end_write());
        }
    }

    /// Whether a burst's next beat is here.
    fn due(&self, r: &ReadBurst, now: u64) -> bool {
        match self.link {
            None => r.ready <= now,
            Some(_) => r.arrived >= u64::from(r.beat + 1) * self.bytes as u64,
        }
    }

    /// Whether AR, AW and W are ready in the cycle to come.
    pub fn ready(&mut self) -> (bool, bool, bool) {
        let (reads, writes) = self.link.as_ref().map_or((true, true), Link::takes);
        let ar = self.reads.len() < 256 && reads && !self.stalls();
        let aw = self.writes.len() < 16 && !self.stalls();
        // Data is taken after its address.
        let w = !self.writes.is_empty()
            && writes
            && (self.timing.bandwidth == 0 || self.write_credit >= 0)
            && !self.stalls();
        (ar, aw, w)
    }

    /// The beat to offer on R in the cycle to come; once offered it stays until it is taken.
    pub fn offer_read(&mut self, now: u64, memory: &mut dyn HostMemory) -> Option<ReadBeat> {
        self.advance(now, memory);
        let bytes = self.bytes;
        for r in self.reads.iter_mut().rev().take_while(|r| r.burst.is_none()) {
            r.burst = Some(memory.begin_read(r.a.addr, (usize::from(r.a.len) + 1) * bytes));
        }
        if self.timing.bandwidth != 0 {
            self.read_credit = (self.read_credit + i64::from(self.timing.bandwidth)).min(self.bytes as i64);
            if self.read_credit < 0 {
                return None;
            }
        }
        let chosen = if self.timing.reorder == 0 {
            self.reads.front().is_some_and(|r| self.due(r, now)).then_some(0)
        } else {
            // Any burst that is due, if none of its id is before it.
            let due: Vec<usize> = (0..self.reads.len())
                .filter(|&i| {
                    self.due(&self.reads[i], now)
                        && !self.reads.iter().take(i).any(|e| e.a.id == self.reads[i].a.id)
                })
                .collect();
            (!due.is_empty()).then(|| due[self.rng.random_range(0..due.len())])
        };
        if chosen.is_none() || self.stalls() {
            return None;
        }
        let i = chosen?;
        let r = &self.reads[i];
        let mut data = [0; 64];
        let addr = r.a.addr + u64::from(r.beat) * self.bytes as u64;
        let burst = r.burst.unwrap_or_default();
        let Poll::Ready(read) = memory.read_part(burst, addr, &mut data[..self.bytes]) else {
            return None;
        };
        let error = read == Err(Fault) || r.fault;
        self.offered = Some(i);
        if error {
            data.fill(0);
        }
        Some(ReadBeat {
            id: r.a.id,
            data,
            error,
            last: r.beat == u32::from(r.a.len),
        })
    }

    /// The offered beat was taken.
    pub fn take_read(&mut self, memory: &mut dyn HostMemory) {
        if let Some(i) = self.offered.take() {
            self.read_credit -= self.bytes as i64;
            let r = &mut self.reads[i];
            if r.beat == u32::from(r.a.len) {
                memory.end_read(r.burst.unwrap_or_default());
                self.reads.remove(i);
            } else {
                r.beat += 1;
            }
        }
    }

    /// The response to offer on B in the cycle to come: id and whether it is an error.
    pub fn offer_response(&mut self, now: u64, memory: &mut dyn HostMemory) -> Option<(u32, bool)> {
        let a = self.answers.front_mut().filter(|a| a.ready <= now)?;
        if let Some(burst) = a.burst {
            let Poll::Ready(written) = memory.written(burst) else {
                return None;
            };
            a.bad |= written == Err(Fault);
            a.burst = None;
        }
        Some((a.id, a.bad))
    }

    /// Nothing is on its way, either way.
    pub fn is_idle(&self) -> bool {
        let link = self.leaving.is_empty() && self.landing.is_empty();
        self.reads.is_empty() && self.writes.is_empty() && self.answers.is_empty() && link
    }

    /// The offered response was taken.
    pub fn take_response(&mut self) {
        self.answers.pop_front();
    }

    fn check_address(&self, what: &str, a: Address) -> Result<(), String> {
        let bytes = (u64::from(a.len) + 1) << a.size;
        if a.burst != 1 || 1usize << a.size != self.bytes {
            return Err(format!("{what} {a:x?}: not an INCR burst of full-width beats"));
        }
        if !a.addr.is_multiple_of(self.bytes as u64) {
            return Err(format!("{what} {a:x?}: not aligned to the beat"));
        }
        if a.addr / 4096 != (a.addr + bytes - 1) / 4096 {
            return Err(format!("{what} {a:x?}: crosses a 4 KiB boundary"));
        }
        Ok(())
    }

    fn page_fault(&mut self, a: Address, one_in: u32) -> bool {
        let random = one_in != 0 && self.rng.random_range(0..one_in) == 0;
        random || self.faults.pages.contains(&(a.addr / 4096))
    }

    /// The master drives `valid` with `a` on AR; `ready` is what it was told. Checks, and takes it if both.
    pub fn read_address(&mut self, now: u64, valid: Option<Address>, ready: bool) -> Result<(), String> {
        if let Some(held) = self.held_ar
            && valid != Some(held)
        {
            return Err(format!(
                "AR: {held:x?} was offered and became {valid:x?} before it was taken"
            ));
        }
        self.held_ar = valid.filter(|_| !ready);
        let Some(a) = valid else { return Ok(()) };
        self.check_address("AR", a)?;
        if ready {
            let extra = match self.timing.reorder {
                0 => 0,
                n => self.rng.random_range(0..=n),
            };
            let fault = self.page_fault(a, self.faults.read_one_in);
            let ready = now + u64::from(self.timing.read_latency + extra);
            self.bursts += 1;
            if let Some(link) = &mut self.link {
                let bytes = (u64::from(a.len) + 1) << a.size;
                link.read(self.bursts, a.addr, bytes, extra.into());
            }
            self.reads.push_back(ReadBurst {
                a,
                ready,
                beat: 0,
                fault,
                burst: None,
                number: self.bursts,
                arrived: 0,
            });
        }
        Ok(())
    }

    /// The same of AW.
    pub fn write_address(&mut self, valid: Option<Address>, ready: bool) -> Result<(), String> {
        if let Some(held) = self.held_aw
            && valid != Some(held)
        {
            return Err(format!(
                "AW: {held:x?} was offered and became {valid:x?} before it was taken"
            ));
        }
        self.held_aw = valid.filter(|_| !ready);
        let Some(a) = valid else { return Ok(()) };
        self.check_address("AW", a)?;
        if ready {
            self.writes.push_back(a);
        }
        Ok(())
    }

    /// The same of W: data, strobes, last.
    pub fn write_data(
        &mut self,
        now: u64,
        valid: Option<(&[u8], u64, bool)>,
        ready: bool,
        memory: &mut dyn HostMemory,
    ) -> Result<(), String> {
        if self.timing.bandwidth != 0 {
            self.write_credit = (self.write_credit + i64::from(self.timing.bandwidth)).min(self.bytes as i64);
        }
        if let Some((data, strobe, last)) = &self.held_w
            && valid != Some((data, *strobe, *last))
        {
            return Err("W: data changed before it was taken".into());
        }
        self.held_w = None;
        let Some((data, strobe, last)) = valid else {
            return Ok(());
        };
        if !ready {
            self.held_w = Some((data.to_vec(), strobe, last));
            return Ok(());
        }
        let a = self.writes[0];
        self.write_credit -= self.bytes as i64;
        if self.write_beat == 0 {
            self.write_bad = self.page_fault(a, self.faults.write_one_in);
        }
        if last != (self.write_beat == u32::from(a.len)) {
            return Err(format!("W: beat {} of {a:x?} has last = {last}", self.write_beat));
        }
        if strobe == 0 {
            return Err(format!("W: a beat of {a:x?} without a byte"));
        }
        let addr = a.addr + u64::from(self.write_beat) * self.bytes as u64;
        // This master's strobes are one run of bytes.
        let (first, count) = (strobe.trailing_zeros() as usize, strobe.count_ones() as usize);
        if strobe >> first != u64::MAX >> (64 - count) {
            return Err(format!("W: strobes {strobe:#x} of {a:x?} have a hole"));
        }
        if self.keep_written {
            self.written = Some((addr + first as u64, data[first..first + count].to_vec()));
        }
        let (addr, data) = (addr + first as u64, &data[first..first + count]);
        if self.link.is_some() {
            self.beats.push((addr, data.to_vec()));
        } else if !self.write_bad && memory.write_part(addr, data) == Err(Fault) {
            self.write_bad = true;
        }
        self.write_beat += 1;
        if last {
            self.writes.pop_front();
            self.write_beat = 0;
            if let Some(link) = &mut self.link {
                let beats = std::mem::take(&mut self.beats);
                let end = beats.last().map_or(0, |b| b.0 + b.1.len() as u64);
                link.write(beats[0].0, end - beats[0].0);
                let fault = self.write_bad;
                self.leaving.push_back(OnLink {
                    id: a.id,
                    fault,
                    beats,
                });
            } else {
                let ready = now + u64::from(self.timing.write_latency);
                self.answer(ready, a.id, self.write_bad, memory.end_write());
            }
        }
        Ok(())
    }

    /// Puts a response on its way to B.
    fn answer(&mut self, ready: u64, id: u32, bad: bool, burst: u64) {
        let at = match self.timing.reorder {
            0 => self.answers.len(),
            // After the last of its own id.
            _ => {
                let own = self.answers.iter().rposition(|x| x.id == id);
                let low = own.map_or(0, |i| i + 1).max(1);
                if low > self.answers.len() {
                    self.answers.len()
                } else {
                    self.rng.random_range(low..=self.answers.len())
                }
            }
        };
        let answer = Answer {
            ready,
            id,
            bad,
            burst: Some(burst),
        };
        self.answers.insert(at, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Access, Iommu, PAGE, Pages};

    fn memory(timing: MemoryTiming) -> (AxiMemory, Iommu) {
        let mut iommu = Iommu::default();
        iommu.map(0, &Pages::new(4 * PAGE), Access::BOTH).unwrap();
        (AxiMemory::new(32, timing), iommu)
    }

    fn burst(id: u32, addr: u64, len: u8) -> Address {
        Address {
            id,
            addr,
            len,
            size: 5,
            burst: 1,
        }
    }

    /// Every rule the checker knows, broken once.
    #[test]
    fn violations_are_named() {
        let good = burst(1, 0x100, 3);
        let address = |a: Address, says: &str| {
            let (mut m, _) = memory(MemoryTiming::default());
            let e = m.read_address(0, Some(a), true).unwrap_err();
            assert!(e.contains(says), "{e}");
            assert_eq!(m.write_address(Some(a), true).unwrap_err()[2..], e[2..]);
        };
        address(Address { burst: 0, ..good }, "INCR");
        address(Address { size: 4, ..good }, "full-width");
        address(Address { addr: 0x108, ..good }, "aligned");
        address(burst(1, 0xfe0, 1), "4 KiB");

        let (mut m, _) = memory(MemoryTiming::default());
        m.read_address(0, Some(good), false).unwrap();
        assert!(
            m.read_address(1, None, true)
                .unwrap_err()
                .contains("before it was taken")
        );
        let (mut m, _) = memory(MemoryTiming::default());
        m.write_address(Some(good), false).unwrap();
        let moved = Address { addr: 0x200, ..good };
        assert!(
            m.write_address(Some(moved), true)
                .unwrap_err()
                .contains("before it was taken")
        );

        let data = [5; 32];
        let all = u64::from(u32::MAX);
        let write = |beats: &[(u64, bool)], says: &str| {
            let (mut m, mut iommu) = memory(MemoryTiming::default());
            m.write_address(Some(burst(1, 0x100, 1)), true).unwrap();
            let e = beats
                .iter()
                .find_map(|&(strobe, last)| {
                    m.write_data(0, Some((&data, strobe, last)), true, &mut iommu)
                        .err()
                })
                .unwrap();
            assert!(e.contains(says), "{e}");
        };
        write(&[(all, true)], "last = true");
        write(&[(all, false), (all, false)], "last = false");
        write(&[(0, false)], "without a byte");
        write(&[(0b1011, false)], "a hole");
        let (mut m, mut iommu) = memory(MemoryTiming::default());
        m.write_data(0, Some((&data, all, false)), false, &mut iommu)
            .unwrap();
        let changed = m.write_data(0, Some((&[6; 32], all, false)), true, &mut iommu);
        assert!(changed.unwrap_err().contains("changed"));
    }

    /// Answers of one id stay in order, those of others may overtake and mix with them.
    #[test]
    fn answers_come_in_any_order_but_within_an_id() {
        let (mut m, mut iommu) = memory(MemoryTiming {
            read_latency: 3,
            reorder: 20,
            ..MemoryTiming::default()
        });
        let reads: Vec<Address> = (0..40).map(|i| burst(i % 4, u64::from(i) * 128, 3)).collect();
        let mut beats: Vec<u32> = Vec::new();
        for now in 0..400 {
            if let Some(a) = reads.get(now as usize) {
                m.read_address(now, Some(*a), true).unwrap();
            }
            if let Some(b) = m.offer_read(now, &mut iommu) {
                assert!(!b.error);
                beats.push(b.id);
                m.take_read(&mut iommu);
            }
        }
        assert_eq!(beats.len(), 160);
        assert!(
            beats.chunks(4).any(|c| c.iter().any(|id| id != &c[0])),
            "never mixed"
        );

        for i in 0..40 {
            m.write_address(Some(burst(i % 4, u64::from(i) * 32, 0)), true)
                .unwrap();
            let beat = Some((&[1; 32][..], u64::from(u32::MAX), true));
            m.faults.pages = vec![u64::from(i == 7)];
            m.write_data(500 + u64::from(i), beat, true, &mut iommu).unwrap();
        }
        let mut ids = Vec::new();
        for now in 500..1000 {
            if let Some((id, _)) = m.offer_response(now, &mut iommu) {
                ids.push(id);
                m.take_response();
            }
        }
        assert_eq!(ids.len(), 40);
        assert!(
            ids.windows(2).any(|w| w[1] != (w[0] + 1) % 4),
            "never out of order"
        );
    }

    /// Bandwidth: bytes a cycle, averaged.
    #[test]
    fn bandwidth_is_kept() {
        let (mut m, mut iommu) = memory(MemoryTiming {
            read_latency: 0,
            bandwidth: 8,
            ..MemoryTiming::default()
        });
        let mut beats = 0;
        for now in 0..4000 {
            m.read_address(now, Some(burst(0, 0, 0)), true).unwrap();
            if m.offer_read(now, &mut iommu).is_some() {
                m.take_read(&mut iommu);
                beats += 1;
            }
        }
        assert!(
            (990..1010).contains(&beats),
            "{beats} beats of 32 bytes in 4000 cycles"
        );
    }

    /// An injected fault answers SLVERR and leaves memory alone.
    #[test]
    fn faults_are_answered() {
        let (mut m, mut iommu) = memory(MemoryTiming::default());
        iommu.write(0x2000, &[7; 32]).unwrap();
        m.faults.pages = vec![2];
        m.write_address(Some(burst(0, 0x2000, 0)), true).unwrap();
        m.write_data(0, Some((&[1; 32], u64::from(u32::MAX), true)), true, &mut iommu)
            .unwrap();
        assert_eq!(m.offer_response(1000, &mut iommu), Some((0, true)));
        m.read_address(0, Some(burst(0, 0x2000, 0)), true).unwrap();
        assert!(m.offer_read(1000, &mut iommu).unwrap().error);
        let mut now = [0; 32];
        iommu.read(0x2000, &mut now).unwrap();
        assert_eq!(now, [7; 32]);
    }
}
