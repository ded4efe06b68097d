// SPDX-License-Identifier: Apache-2.0
//! The whole device under Verilator: clock, registers, memory, interrupts. One seed, one sequence of cycles.

use crate::axi::{Address, AxiMemory, Faults, MemoryTiming};
use crate::config::{Config, Shape};
use crate::entropy::Entropy;
use crate::memory::{HostMemory, Iommu};
use crate::verilate::{self, Model, Port};
use crate::watch::{Taken, Watch, Written};

/// Why the simulation stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model.
    #[error(transparent)]
    Model(#[from] verilate::Error),
    /// The device broke AXI.
    #[error("AXI protocol violation at cycle {cycle}: {what}")]
    Protocol {
        /// When.
        cycle: u64,
        /// What.
        what: String,
    },
    /// A register access was not answered.
    #[error("register {0:#x}: no answer in 10000 cycles")]
    NoAnswer(u32),
    /// A register access was refused.
    #[error("register {0:#x}: access refused (SLVERR)")]
    Refused(u32),
}

macro_rules! ports {
    ($($name:ident),* $(,)?) => {
        #[allow(missing_docs)]
        struct Ports { $($name: Port),* }
        impl Ports {
            fn of(m: &mut Model) -> Result<Self, verilate::Error> {
                Ok(Self { $($name: m.port(stringify!($name))?),* })
            }
        }
    };
}
ports!(
    rst_ni,
    tamper_i,
    root_i,
    selftest_fault_i,
    ec_fault_i,
    entropy_valid_i,
    entropy_ready_o,
    entropy_i,
    irq_o,
    s_axil_awvalid_i,
    s_axil_awready_o,
    s_axil_awaddr_i,
    s_axil_wvalid_i,
    s_axil_wdata_i,
    s_axil_wstrb_i,
    s_axil_bvalid_o,
    s_axil_bready_i,
    s_axil_bresp_o,
    s_axil_arvalid_i,
    s_axil_arready_o,
    s_axil_araddr_i,
    s_axil_rvalid_o,
    s_axil_rready_i,
    s_axil_rdata_o,
    s_axil_rresp_o,
    m_axi_awvalid_o,
    m_axi_awready_i,
    m_axi_awid_o,
    m_axi_awaddr_o,
    m_axi_awlen_o,
    m_axi_awsize_o,
    m_axi_awburst_o,
    m_axi_wvalid_o,
    m_axi_wready_i,
    m_axi_wdata_o,
    m_axi_wstrb_o,
    m_axi_wlast_o,
    m_axi_bvalid_i,
    m_axi_bready_o,
    m_axi_bid_i,
    m_axi_bresp_i,
    m_axi_arvalid_o,
    m_axi_arready_i,
    m_axi_arid_o,
    m_axi_araddr_o,
    m_axi_arlen_o,
    m_axi_arsize_o,
    m_axi_arburst_o,
    m_axi_rvalid_i,
    m_axi_rready_o,
    m_axi_rid_i,
    m_axi_rdata_i,
    m_axi_rresp_i,
    m_axi_rlast_i,
);

/// A running device.
pub struct Device {
    model: Model,
    p: Ports,
    shape: Shape,
    /// The IOMMU between the device and memory.
    pub iommu: Iommu,
    /// Memory in its place.
    memory: Option<Box<dyn HostMemory>>,
    axi: AxiMemory,
    entropy: Entropy,
    irqs: Vec<u64>,
    irq_seen: bool,
    watch: Option<Watch>,
    traffic: Option<Vec<(u64, Taken)>>,
    bus_idle: bool,
    /// When the tamper input is high, until it has been low again.
    tamper: Option<u64>,
}

/// What the device's master reaches.
#[inline]
fn behind<'a>(memory: &'a mut Option<Box<dyn HostMemory>>, iommu: &'a mut Iommu) -> &'a mut dyn HostMemory {
    match memory {
        Some(m) => &mut **m,
        None => iommu,
    }
}

impl Device {
    /// Whether it can be built here, and whether the cache has it.
    pub fn probe(config: &Config) -> Result<verilate::Probe, Error> {
        Ok(config.block().probe()?)
    }

    /// Builds the model, if the cache has none, and resets it.
    pub fn new(config: &Config) -> Result<Self, Error> {
        let s = &config.shape;
        let mut model = config.block().build()?;
        if let Some(path) = &config.trace {
            model.trace_to(path)?;
        }
        let p = Ports::of(&mut model)?;
        let mut d = Self {
            axi: AxiMemory::new(s.axi as usize / 8, config.timing.clone()),
            entropy: (config.noise).map_or_else(|| Entropy::new(config.timing.seed), Entropy::of),
            irqs: vec![0; s.queues as usize + 1],
            irq_seen: false,
            watch: None,
            traffic: None,
            iommu: Iommu::default(),
            memory: None,
            tamper: config.tamper,
            bus_idle: false,
            shape: s.clone(),
            p,
            model,
        };
        d.model.set_bytes(d.p.root_i, &config.root);
        d.selftest_fault(config.selftest_fault);
        d.reset()?;
        Ok(d)
    }

    /// Takes the IOMMU's place: memory of others.
    pub fn set_memory(&mut self, memory: Box<dyn HostMemory>) {
        self.memory = Some(memory);
    }

    /// Nothing is on its way between the device and memory.
    pub fn memory_idle(&self) -> bool {
        self.axi.is_idle()
    }

    /// Parameters of the RTL.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Clock cycles so far.
    pub fn cycles(&self) -> u64 {
        self.model.cycles()
    }

    /// Every element of the model's state, by name ([`Config::inspect`]).
    pub fn state(&self) -> Result<Vec<(String, Vec<u8>)>, Error> {
        Ok(self.model.state()?)
    }

    /// No beat of data was on the bus in the last cycle.
    pub fn bus_idle(&self) -> bool {
        self.bus_idle
    }

    /// Injected faults.
    pub fn faults(&mut self) -> &mut Faults {
        &mut self.axi.faults
    }

    /// The entropy source, to make it fail.
    pub fn entropy(&mut self) -> &mut Entropy {
        &mut self.entropy
    }

    /// Starts recording the device's outputs anew; gives back what was recorded before.
    pub fn watch(&mut self) -> Watch {
        self.axi.keep_written = true;
        self.watch.replace(Watch::default()).unwrap_or_default()
    }

    /// Starts recording what memory and device give each other, with the cycle, anew; gives back what was recorded before.
    pub fn traffic(&mut self) -> Vec<(u64, Taken)> {
        self.traffic.replace(Vec::new()).unwrap_or_default()
    }

    /// Memory timing, for the cycles to come.
    pub fn timing(&mut self) -> &mut MemoryTiming {
        &mut self.axi.timing
    }

    /// Interrupts so far, by vector: one a queue, then the one for errors.
    pub fn irqs(&self) -> &[u64] {
        &self.irqs
    }

    /// Makes the power-up self-tests of the resets to come fail, or not.
    pub fn selftest_fault(&mut self, on: bool) {
        self.model.set(self.p.selftest_fault_i, on.into());
    }

    /// A wrong bit within the elliptic-curve engines, while it is on.
    pub fn ec_fault(&mut self, on: bool) {
        self.model.set(self.p.ec_fault_i, on.into());
    }

    /// Raises the tamper input for one cycle, now or in a cycle to come.
    pub fn tamper_at(&mut self, cycle: u64) {
        self.tamper = Some(cycle.max(self.model.cycles()));
    }

    /// Resets the device; the IOMMU's mappings stay.
    pub fn reset(&mut self) -> Result<(), Error> {
        for port in [
            self.p.s_axil_awvalid_i,
            self.p.s_axil_wvalid_i,
            self.p.s_axil_arvalid_i,
            self.p.m_axi_rvalid_i,
            self.p.m_axi_bvalid_i,
            self.p.m_axi_arready_i,
            self.p.m_axi_awready_i,
            self.p.m_axi_wready_i,
            self.p.tamper_i,
            self.p.entropy_valid_i,
        ] {
            self.model.set(port, 0);
        }
        self.model.set(self.p.rst_ni, 0);
        for _ in 0..8 {
            self.model.tick();
        }
        // AXI4, A3.1.2: no valid may be high in reset.
        let valids = [
            (self.p.m_axi_arvalid_o, "AR"),
            (self.p.m_axi_awvalid_o, "AW"),
            (self.p.m_axi_wvalid_o, "W"),
            (self.p.s_axil_rvalid_o, "AXI4-Lite R"),
            (self.p.s_axil_bvalid_o, "AXI4-Lite B"),
        ];
        if let Some((_, name)) = valids.iter().find(|v| self.model.get(v.0) == 1) {
            return Err(Error::Protocol {
                cycle: self.model.cycles(),
                what: format!("{name}: valid during reset"),
            });
        }
        self.model.set(self.p.rst_ni, 1);
        self.axi.reset();
        if let Some(m) = &mut self.memory {
            m.reset();
        }
        self.irqs.fill(0);
        Ok(())
    }

    /// One clock cycle.
    #[inline]
    pub fn step(&mut self) -> Result<(), Error> {
        self.half()?;
        self.model.rise();
        Ok(())
    }

    fn address(
        &self,
        valid: Port,
        id: Port,
        addr: Port,
        len: Port,
        size: Port,
        burst: Port,
    ) -> Option<Address> {
        let m = &self.model;
        (m.get(valid) == 1).then(|| Address {
            id: m.get(id) as u32,
            addr: m.get(addr),
            len: m.get(len) as u8,
            size: m.get(size) as u8,
            burst: m.get(burst) as u8,
        })
    }

    /// Everything of a cycle but its rising edge: the device's outputs of the last edge meet the memory.
    fn half(&mut self) -> Result<(), Error> {
        let now = self.model.cycles();
        if self.tamper.is_some_and(|at| at <= now) {
            let high = self.tamper == Some(now);
            self.model.set(self.p.tamper_i, high.into());
            self.tamper = self.tamper.filter(|_| high);
        }
        let (ar_ready, aw_ready, w_ready) = self.axi.ready();
        let p = &self.p;
        let m = &mut self.model;
        m.set(p.m_axi_arready_i, ar_ready.into());
        m.set(p.m_axi_awready_i, aw_ready.into());
        m.set(p.m_axi_wready_i, w_ready.into());
        let memory = behind(&mut self.memory, &mut self.iommu);
        let beat = self.axi.offer_read(now, memory);
        if beat.is_none() && m.get(p.m_axi_rvalid_i) == 1 {
            // Nothing stays on the bus.
            m.set_words(p.m_axi_rdata_i, &[]);
        }
        m.set(p.m_axi_rvalid_i, beat.is_some().into());
        if let Some(b) = &beat {
            m.set(p.m_axi_rid_i, b.id.into());
            m.set_bytes(p.m_axi_rdata_i, &b.data[..self.shape.axi as usize / 8]);
            m.set(p.m_axi_rresp_i, if b.error { 2 } else { 0 });
            m.set(p.m_axi_rlast_i, b.last.into());
        }
        self.bus_idle = beat.is_none() && m.get(p.m_axi_wvalid_o) == 0;
        let response = self.axi.offer_response(now, memory);
        m.set(p.m_axi_bvalid_i, response.is_some().into());
        if let Some((id, error)) = response {
            m.set(p.m_axi_bid_i, id.into());
            m.set(p.m_axi_bresp_i, if error { 2 } else { 0 });
        }
        let word = self.entropy.offer();
        m.set(p.entropy_valid_i, word.is_some().into());
        m.set(p.entropy_i, word.unwrap_or(0).into());
        m.settle();
        if word.is_some() && m.get(p.entropy_ready_o) == 1 {
            self.entropy.take();
        }
        let protocol = |what| Error::Protocol { cycle: now, what };
        if beat.is_some() {
            if m.get(p.m_axi_rready_o) == 0 {
                return Err(protocol("R: not ready, though every read has its place".into()));
            }
            self.axi.take_read(memory);
        }
        if response.is_some() {
            if m.get(p.m_axi_bready_o) == 0 {
                return Err(protocol("B: not ready".into()));
            }
            self.axi.take_response();
        }
        let ar = self.address(
            self.p.m_axi_arvalid_o,
            self.p.m_axi_arid_o,
            self.p.m_axi_araddr_o,
            self.p.m_axi_arlen_o,
            self.p.m_axi_arsize_o,
            self.p.m_axi_arburst_o,
        );
        let aw = self.address(
            self.p.m_axi_awvalid_o,
            self.p.m_axi_awid_o,
            self.p.m_axi_awaddr_o,
            self.p.m_axi_awlen_o,
            self.p.m_axi_awsize_o,
            self.p.m_axi_awburst_o,
        );
        self.axi.read_address(now, ar, ar_ready).map_err(protocol)?;
        let p = &self.p;
        let mut data = [0; 64];
        let bytes = self.shape.axi as usize / 8;
        let w = if self.model.get(p.m_axi_wvalid_o) == 1 {
            let mut words = [0; 16];
            self.model.get_words(p.m_axi_wdata_o, &mut words[..bytes / 4]);
            for (d, w) in data.chunks_exact_mut(4).zip(words) {
                d.copy_from_slice(&w.to_le_bytes());
            }
            let last = self.model.get(p.m_axi_wlast_o) == 1;
            Some((&data[..bytes], self.model.get(p.m_axi_wstrb_o), last))
        } else {
            None
        };
        let memory = behind(&mut self.memory, &mut self.iommu);
        self.axi.write_data(now, w, w_ready, memory).map_err(protocol)?;
        self.axi.write_address(aw, aw_ready).map_err(protocol)?;
        if let Some(traffic) = &mut self.traffic {
            let taken = [
                beat.filter(|b| b.last).map(|b| Taken::Read(b.id)),
                response.map(|r| Taken::Response(r.0)),
                ar.filter(|_| ar_ready).map(|a| Taken::ReadAddress(a.id)),
                aw.filter(|_| aw_ready).map(|a| Taken::WriteAddress(a.id)),
                w.filter(|w| w_ready && w.2).map(|_| Taken::Write),
            ];
            traffic.extend(taken.into_iter().flatten().map(|t| (now, t)));
        }
        self.record(now, ar, aw);
        let irq = self.model.get(self.p.irq_o);
        if irq != 0 {
            self.irq_seen = true;
            for (v, n) in self.irqs.iter_mut().enumerate() {
                *n += irq >> v & 1;
            }
        }
        Ok(())
    }

    fn record(&mut self, now: u64, ar: Option<Address>, aw: Option<Address>) {
        let Some(watch) = &mut self.watch else { return };
        let (m, p) = (&self.model, &self.p);
        for (kind, a) in [(1, ar), (2, aw)] {
            if let Some(a) = a {
                watch.add(
                    kind << 60 | u64::from(a.id) << 32 | u64::from(a.len) << 16 | u64::from(a.size) << 8,
                );
                watch.add(u64::from(a.burst));
                watch.add(a.addr);
            }
        }
        if m.get(p.m_axi_wvalid_o) == 1 {
            watch.add(3 << 60 | m.get(p.m_axi_wlast_o));
            watch.add(m.get(p.m_axi_wstrb_o));
        }
        if m.get(p.s_axil_rvalid_o) == 1 {
            watch.add(4 << 60 | m.get(p.s_axil_rresp_o) << 32 | m.get(p.s_axil_rdata_o));
        }
        let plain = [
            p.m_axi_rready_o,
            p.m_axi_bready_o,
            p.s_axil_awready_o,
            p.s_axil_bvalid_o,
            p.s_axil_bresp_o,
            p.s_axil_arready_o,
            p.s_axil_rvalid_o,
            p.entropy_ready_o,
            p.irq_o,
        ];
        for port in plain {
            watch.add(m.get(port));
        }
        watch.end_cycle();
        if let Some((addr, data)) = self.axi.take_written() {
            watch.writes.push(Written {
                cycle: now,
                addr,
                data,
            });
        }
    }

    /// Runs up to `cycles` cycles, fewer if an interrupt comes; says whether one came.
    pub fn run(&mut self, cycles: u64) -> Result<bool, Error> {
        self.irq_seen = false;
        for _ in 0..cycles {
            self.step()?;
            if self.irq_seen {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads a register.
    pub fn read32(&mut self, offset: u32) -> Result<u32, Error> {
        self.model.set(self.p.s_axil_arvalid_i, 1);
        self.model.set(self.p.s_axil_araddr_i, (offset & 0xf_ffff).into());
        self.model.set(self.p.s_axil_rready_i, 1);
        let mut taken = false;
        for _ in 0..10_000 {
            self.half()?;
            let ready = self.model.get(self.p.s_axil_arready_o) == 1;
            if taken && self.model.get(self.p.s_axil_rvalid_o) == 1 {
                let (data, resp) = (
                    self.model.get(self.p.s_axil_rdata_o),
                    self.model.get(self.p.s_axil_rresp_o),
                );
                self.model.rise();
                self.model.set(self.p.s_axil_rready_i, 0);
                return if resp == 0 {
                    Ok(data as u32)
                } else {
                    Err(Error::Refused(offset))
                };
            }
            self.model.rise();
            if !taken && ready {
                taken = true;
                self.model.set(self.p.s_axil_arvalid_i, 0);
            }
        }
        Err(Error::NoAnswer(offset))
    }

    /// Writes a register.
    pub fn write32(&mut self, offset: u32, value: u32) -> Result<(), Error> {
        self.write_strobed(offset, value, 0xf)
    }

    /// Writes some bytes of a register, which no register takes.
    pub fn write_strobed(&mut self, offset: u32, value: u32, strobe: u8) -> Result<(), Error> {
        self.model.set(self.p.s_axil_awvalid_i, 1);
        self.model.set(self.p.s_axil_wvalid_i, 1);
        self.model.set(self.p.s_axil_awaddr_i, (offset & 0xf_ffff).into());
        self.model.set(self.p.s_axil_wdata_i, value.into());
        self.model.set(self.p.s_axil_wstrb_i, strobe.into());
        self.model.set(self.p.s_axil_bready_i, 1);
        let mut taken = false;
        for _ in 0..10_000 {
            self.half()?;
            let ready = self.model.get(self.p.s_axil_awready_o) == 1;
            if taken && self.model.get(self.p.s_axil_bvalid_o) == 1 {
                let resp = self.model.get(self.p.s_axil_bresp_o);
                self.model.rise();
                self.model.set(self.p.s_axil_bready_i, 0);
                return if resp == 0 {
                    Ok(())
                } else {
                    Err(Error::Refused(offset))
                };
            }
            self.model.rise();
            if !taken && ready {
                taken = true;
                self.model.set(self.p.s_axil_awvalid_i, 0);
                self.model.set(self.p.s_axil_wvalid_i, 0);
                self.model.set(self.p.s_axil_wdata_i, 0);
            }
        }
        Err(Error::NoAnswer(offset))
    }
}
