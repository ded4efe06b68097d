// SPDX-License-Identifier: Apache-2.0
//! Where a lone request's cycles go, by what is seen on the device's AXI4 master.

use crate::board::Board;
use anyhow::{Context, Result};
use casemate::{QueueConfig, Request};
use casemate_sim::watch::Taken;
use std::collections::VecDeque;

/// Names of the stages, in order: from the doorbell to the last beat of the descriptor; to that of the payload; to the last beat of the
/// result; to the answer of its write; to the interrupt.
pub const STAGES: [&str; 5] = ["fetch", "read", "engine", "write", "completion"];

/// Port of the rings on AXI; the lanes follow.
const RINGS: u32 = 0;

/// Cycles by stage of sealing one message on an idle device.
pub fn measure(board: &Board, size: usize) -> Result<[u64; 5]> {
    let mut queue = board.device.queue(QueueConfig::default())?;
    let mut last = [0; 5];
    // The first one warms nothing in this device, but shows that the second takes the same.
    for round in 0..2u8 {
        let plain = board.device.buffer(size, 0)?;
        let sealed = board.device.buffer(size + 16, 0)?;
        board.with(|d| d.traffic());
        let start = board.now();
        let request = Request::seal(board.keys[0], &[round; 12], plain).to(sealed);
        board.lone(&mut queue, request)?;
        let end = board.now();
        let traffic = board.with(|d| d.traffic());
        last = split(&traffic, start, end)?;
    }
    Ok(last)
}

fn split(traffic: &[(u64, Taken)], start: u64, end: u64) -> Result<[u64; 5]> {
    let port = |id: u32| id >> 8;
    let mut addresses = VecDeque::new();
    let [mut fetched, mut read, mut written, mut answered] = [None; 4];
    // A burst's data may be taken before its address in the same cycle.
    let mut bursts = 0usize;
    for &(at, taken) in traffic {
        match taken {
            Taken::Read(id) if port(id) == RINGS => fetched = Some(at),
            Taken::Read(_) => read = Some(at),
            Taken::WriteAddress(id) => addresses.push_back(port(id)),
            Taken::Response(id) if port(id) != RINGS => answered = Some(at),
            _ => {}
        }
    }
    for &(at, taken) in traffic {
        if taken == Taken::Write {
            if addresses.get(bursts).is_some_and(|p| *p != RINGS) {
                written = Some(at);
            }
            bursts += 1;
        }
    }
    let marks = [
        start,
        fetched.context("no descriptor was read")?,
        read.context("no payload was read")?,
        written.context("no result was written")?,
        answered.context("no write was answered")?,
        end,
    ];
    let mut stages = [0; 5];
    for (s, pair) in stages.iter_mut().zip(marks.windows(2)) {
        *s = pair[1].checked_sub(pair[0]).context("stages out of order")?;
    }
    Ok(stages)
}
