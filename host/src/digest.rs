// SPDX-License-Identifier: Apache-2.0
//! SHA-2 (FIPS 180-4) of what is to be signed, as it is read.

use casemate::{Curve, Hash};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::io::{self, Read};

/// Bytes read at once.
const CHUNK: usize = 1 << 16;

/// The digest of all that there is to read.
pub fn digest(hash: Hash, input: &mut impl Read) -> io::Result<Vec<u8>> {
    match hash {
        Hash::Sha256 => of::<Sha256>(input),
        Hash::Sha384 => of::<Sha384>(input),
        Hash::Sha512 => of::<Sha512>(input),
    }
}

fn of<D: Digest>(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut state = D::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(state.finalize().to_vec()),
            Ok(n) => state.update(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// The hash that is as strong as a curve.
pub fn usual(curve: Curve) -> Hash {
    match curve {
        Curve::P256 => Hash::Sha256,
        Curve::P384 => Hash::Sha384,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_in_pieces() {
        let data: Vec<u8> = (0..200_000u32).map(|i| (i * 7) as u8).collect();
        for n in [0, 1, CHUNK, CHUNK + 1, 200_000] {
            let of = |h| digest(h, &mut &data[..n]).unwrap();
            assert_eq!(of(Hash::Sha256), Sha256::digest(&data[..n])[..]);
            assert_eq!(of(Hash::Sha384), Sha384::digest(&data[..n])[..]);
            assert_eq!(of(Hash::Sha512), Sha512::digest(&data[..n])[..]);
        }
    }
}
