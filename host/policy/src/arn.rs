// SPDX-License-Identifier: Apache-2.0
//! Amazon Resource Names (IAM, "IAM identifiers: IAM ARNs").

/// `arn:partition:service:region:account:resource`, its parts borrowed from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: &'a str,
    /// `kms`, `iam`, `sts`.
    pub service: &'a str,
    /// Empty for IAM.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
    /// All after the fifth colon, colons too.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// `None` if one of the six parts is not there.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let arn = Arn {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        };
        (!arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }
}

/// Twelve digits.
pub(crate) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
