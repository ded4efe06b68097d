// SPDX-License-Identifier: Apache-2.0
//! Tokens: a key wrapped by the device, in a file. A text of four lines:
//!
//! ```text
//! casemate-token-v1
//! domain = 1
//! epoch = 1
//! blob = 256 hexadecimal digits
//! ```
//!
//! `domain` and `epoch` name the wrapping key, which the device derives from its root secret. No secret is in the file, but who
//! can read it and use the device can use the key.

use casemate::{Blob, KeyInfo};

const FIRST: &str = "casemate-token-v1";

/// Longer than any token's file.
pub const LIMIT: usize = 512;

/// A wrapped key and what unwraps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Whose it is.
    pub domain: u8,
    /// Which of the domain's wrapping keys.
    pub epoch: u16,
    /// The key.
    pub blob: Blob,
}

/// Why a file is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Another sort of file.
    #[error("it is no token: it does not begin with the line {FIRST}")]
    Other,
    /// A line.
    #[error("the token is damaged: its {0} cannot be read")]
    Damaged(&'static str),
    /// The head of the blob names another domain than the file.
    #[error("the token is damaged: it is of domain {0}, but its key of domain {1}")]
    Domain(u8, u8),
}

impl Token {
    /// The text of its file.
    pub fn format(&self) -> String {
        let blob = hex::encode(self.blob.as_bytes());
        format!(
            "{FIRST}\ndomain = {}\nepoch = {}\nblob = {blob}\n",
            self.domain, self.epoch
        )
    }

    /// From the text of its file. That it is a token does not make it genuine: only unwrapping shows that.
    pub fn parse(text: &[u8]) -> Result<Self, TokenError> {
        let text = std::str::from_utf8(text).map_err(|_| TokenError::Other)?;
        let mut lines = text.lines();
        if lines.next() != Some(FIRST) {
            return Err(TokenError::Other);
        }
        let mut field = |name: &'static str| {
            let line = lines.next().and_then(|l| l.split_once(" = "));
            let value = line.filter(|(n, _)| *n == name).map(|(_, v)| v);
            value.ok_or(TokenError::Damaged(name))
        };
        let domain = field("domain")?;
        let epoch = field("epoch")?;
        let digits = field("blob")?;
        let mut blob = [0; Blob::SIZE];
        hex::decode_to_slice(digits, &mut blob).map_err(|_| TokenError::Damaged("blob"))?;
        if lines.next().is_some() {
            return Err(TokenError::Damaged("end"));
        }
        let token = Self {
            domain: domain.parse().map_err(|_| TokenError::Damaged("domain"))?,
            epoch: epoch.parse().map_err(|_| TokenError::Damaged("epoch"))?,
            blob: Blob::new(blob),
        };
        let claims = token.blob.claims().map_err(|_| TokenError::Damaged("blob"))?;
        if claims.domain != token.domain {
            return Err(TokenError::Domain(token.domain, claims.domain));
        }
        Ok(token)
    }

    /// What its key claims to be.
    pub fn claims(&self) -> KeyInfo {
        self.blob.claims().expect("looked at when it was made")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use casemate::{Device, KeyAttributes, Usage};

    #[test]
    fn text_and_back() {
        let officer = Device::open("soft:").unwrap().officer().unwrap();
        let root = officer.root_key(3, 500, Usage::WRAP).unwrap();
        let mut keys = officer.keys(3).unwrap();
        let attributes = KeyAttributes::aes256(Usage::DECRYPT | Usage::EXPORT_WRAPPED);
        let key = keys.generate(&attributes).unwrap();
        let token = Token {
            domain: 3,
            epoch: 500,
            blob: keys.wrap(key, root).unwrap(),
        };
        let text = token.format();
        assert!(text.len() < LIMIT);
        assert_eq!(Token::parse(text.as_bytes()), Ok(token.clone()));
        assert_eq!(token.claims().usage, Usage::DECRYPT | Usage::EXPORT_WRAPPED);
        for (from, to, what) in [
            ("casemate-token-v1", "casemate-token-v2", TokenError::Other),
            ("domain = 3", "domain = 4", TokenError::Domain(4, 3)),
            ("domain = 3", "domain = 300", TokenError::Damaged("domain")),
            ("domain", "dominion", TokenError::Damaged("domain")),
            ("epoch = 500", "epoch = -1", TokenError::Damaged("epoch")),
            ("epoch = 500\n", "", TokenError::Damaged("epoch")),
            ("blob = ", "blob = 0", TokenError::Damaged("blob")),
            ("blob = ", "blob = zz", TokenError::Damaged("blob")),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_eq!(Token::parse(bad.as_bytes()), Err(what), "{bad}");
        }
        let more = text + "x\n";
        assert_eq!(Token::parse(more.as_bytes()), Err(TokenError::Damaged("end")));
        assert_eq!(Token::parse(&[0xff; 32]), Err(TokenError::Other));
        assert_eq!(Token::parse(b""), Err(TokenError::Other));
    }
}
