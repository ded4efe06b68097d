// SPDX-License-Identifier: Apache-2.0
//! `VFIO_USER_VERSION`: the version and capabilities that two sides agree on.

use crate::wire;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use zerocopy::{FromBytes, IntoBytes};

/// Most fds in one message, of this implementation.
pub const FDS: usize = 16;
/// Most bytes of data in one message, of this implementation.
pub const DATA: usize = 64 << 10;
/// Most bytes of the JSON that is looked at.
const JSON: usize = 4096;

/// Capabilities; what is not there has the specification's default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Fds the sender takes in one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_msg_fds: Option<u64>,
    /// Bytes of data the sender takes in one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_data_xfer_size: Option<u64>,
    /// Windows that can be mapped at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_dma_maps: Option<u64>,
    /// Page sizes, or'ed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pgsizes: Option<u64>,
    /// A second socket for what the server asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin_socket: Option<Twin>,
    /// `VFIO_USER_REGION_WRITE_MULTI` is understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_multiple: Option<bool>,
}

/// `twin_socket`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Twin {
    /// Whether the sender can.
    #[serde(default)]
    pub supported: bool,
    /// Which of the message's fds it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fd_index: Option<u64>,
}

#[derive(Default, Serialize, Deserialize)]
struct Data {
    #[serde(default)]
    capabilities: Capabilities,
}

impl Capabilities {
    /// What a client of this implementation proposes.
    pub fn proposal() -> Self {
        Self {
            max_msg_fds: Some(FDS as u64),
            max_data_xfer_size: Some(DATA as u64),
            max_dma_maps: Some(65535),
            pgsizes: Some(4096),
            twin_socket: Some(Twin {
                supported: true,
                fd_index: None,
            }),
            write_multiple: Some(true),
        }
    }

    /// What a server answers: of what was proposed, what it has too.
    pub fn answer(&self, twin: Option<u64>) -> Self {
        Self {
            max_msg_fds: self.max_msg_fds.map(|_| FDS as u64),
            max_data_xfer_size: self.max_data_xfer_size.map(|_| DATA as u64),
            // A client may only be held to fewer than it has said.
            max_dma_maps: self.max_dma_maps.map(|n| n.min(65535)),
            pgsizes: self.pgsizes.map(|_| 4096),
            twin_socket: twin.map(|i| Twin {
                supported: true,
                fd_index: Some(i),
            }),
            write_multiple: self.write_multiple,
        }
    }

    /// Fds the sender takes in one message.
    pub fn fds(&self) -> usize {
        self.max_msg_fds.map_or(1, |n| n.min(FDS as u64) as usize)
    }

    /// Bytes of data the sender takes in one message.
    pub fn data(&self) -> usize {
        self.max_data_xfer_size
            .map_or(DATA, |n| n.min(DATA as u64) as usize)
    }
}

/// A payload.
pub fn encode(minor: u16, capabilities: &Capabilities) -> Vec<u8> {
    let data = Data {
        capabilities: capabilities.clone(),
    };
    let mut out = wire::Version { major: 0, minor }.as_bytes().to_vec();
    out.extend(serde_json::to_vec(&data).expect("numbers and booleans"));
    out.push(0);
    out
}

/// A payload's version and capabilities.
pub fn decode(payload: &[u8]) -> Result<(wire::Version, Capabilities), Errno> {
    let (v, rest) = wire::Version::read_from_prefix(payload).map_err(|_| Errno::INVAL)?;
    if rest.is_empty() {
        return Ok((v, Capabilities::default()));
    }
    let json = rest.strip_suffix(&[0]).ok_or(Errno::INVAL)?;
    if json.len() > JSON {
        return Err(Errno::TOOBIG);
    }
    let data: Data = serde_json::from_slice(json).map_err(|_| Errno::INVAL)?;
    Ok((v, data.capabilities))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qemus_proposal() {
        let mut p = vec![0; 4];
        p.extend(br#"{"capabilities": {"migration": {"pgsize": 4096, "max_bitmap_size": 268435456}, "max_msg_fds": 16, "max_data_xfer_size": 1048576, "pgsizes": 4096, "max_dma_maps": 65535, "write_multiple": true}}"#);
        p.push(0);
        let (v, caps) = decode(&p).unwrap();
        assert_eq!((v.major, v.minor, caps.fds(), caps.data()), (0, 0, 16, DATA));
        let answer = encode(0, &caps.answer(None));
        // QEMU takes no reply that is longer than its proposal.
        assert!(answer.len() <= p.len(), "{}", answer.len());
        assert_eq!(decode(&answer).unwrap().1, caps.answer(None));
    }

    #[test]
    fn what_is_malformed() {
        assert_eq!(decode(&[0, 0, 0]), Err(Errno::INVAL));
        assert_eq!(decode(&[0, 0, 0, 0]).unwrap().1, Capabilities::default());
        for bad in ["{}", "{\0", "7\0", "{\"capabilities\":7}\0", "\u{ff}\0"] {
            assert_eq!(
                decode(&[&[0; 4], bad.as_bytes()].concat()),
                Err(Errno::INVAL),
                "{bad}"
            );
        }
        let long = [&[0; 4][..], &[b' '; 5000], b"{}\0"].concat();
        assert_eq!(decode(&long), Err(Errno::TOOBIG));
    }
}
