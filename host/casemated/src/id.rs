// SPDX-License-Identifier: Apache-2.0
//! Key ids, ARNs, request ids.

use std::fmt;
use std::str::FromStr;

/// A key's id: a UUID, or `mrk-` and a UUID without hyphens.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId {
    uuid: [u8; 16],
    multi_region: bool,
}

/// A random UUID (RFC 9562, 5.4).
pub fn uuid() -> [u8; 16] {
    let mut b = [0; 16];
    getrandom::fill(&mut b).expect("the system has random bytes");
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    b
}

/// With hyphens.
pub fn uuid_text(b: &[u8; 16]) -> String {
    let h = hex::encode(b);
    format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..]
    )
}

impl KeyId {
    /// Of a UUID.
    pub fn new(uuid: [u8; 16], multi_region: bool) -> Self {
        Self { uuid, multi_region }
    }

    /// A new one.
    pub fn random(multi_region: bool) -> Self {
        Self::new(uuid(), multi_region)
    }

    /// Its bytes.
    pub fn uuid(&self) -> &[u8; 16] {
        &self.uuid
    }

    /// Whether its key may have replicas in other regions.
    pub fn multi_region(&self) -> bool {
        self.multi_region
    }

    /// What the device keeps with the key's material: it comes back only as the material of this key.
    pub fn label(&self) -> [u8; 12] {
        self.uuid[..12].try_into().expect("12 of 16 bytes")
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.multi_region {
            write!(f, "mrk-{}", hex::encode(self.uuid))
        } else {
            f.write_str(&uuid_text(&self.uuid))
        }
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut uuid = [0; 16];
        let (digits, multi_region) = match text.strip_prefix("mrk-") {
            Some(digits) => (digits.to_owned(), true),
            None => (text.replace('-', ""), false),
        };
        hex::decode_to_slice(&digits, &mut uuid).map_err(drop)?;
        let id = Self { uuid, multi_region };
        // Hyphens where they belong, lower case.
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

/// ARN of a key or an alias: `arn:aws:kms:REGION:ACCOUNT:NAME`.
pub fn arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:{name}")
}

/// Region, account and name of an ARN of the key service.
pub fn split_arn(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some("aws"), Some("kms")) = (parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let all = (parts.next()?, parts.next()?, parts.next()?);
    (all.1.len() == 12 && all.1.bytes().all(|b| b.is_ascii_digit())).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for m in [false, true] {
            let id = KeyId::random(m);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for bad in [
            "fake-key-id",
            "134f2428cec14b25a1ae9048164dba47",
            "mrk-fake-key-id",
            "",
        ] {
            assert_eq!(bad.parse::<KeyId>(), Err(()));
        }
        let a = arn("eu-central-1", "111122223333", "alias/a:b");
        assert_eq!(split_arn(&a), Some(("eu-central-1", "111122223333", "alias/a:b")));
        assert_eq!(split_arn("arn:aws:kms:x:1:key/y"), None);
        assert_eq!(split_arn("arn:aws:iam::111122223333:root"), None);
    }
}
