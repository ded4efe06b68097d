// SPDX-License-Identifier: Apache-2.0
//! The actions of the service prefix `kms` (SAR, "Actions, resources, and condition keys for AWS Key Management Service"; KMS,
//! "AWS KMS permissions").

use std::fmt;

/// What an action is authorized on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A KMS key: its key policy takes part.
    Key,
    /// An alias, by identity policies, and the KMS key it is or becomes of, by key policy.
    AliasAndKey,
    /// No resource: identity policies alone, with the resource `*`.
    Account,
}

/// What a key is for, as far as grants and policies tell keys apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// SYMMETRIC_DEFAULT.
    Symmetric,
    /// HMAC_224 to HMAC_512.
    Hmac,
    /// A key pair with usage SIGN_VERIFY.
    Sign,
    /// A key pair with usage ENCRYPT_DECRYPT.
    Encrypt,
    /// A key pair with usage KEY_AGREEMENT.
    Agree,
    /// A key pair with usage ENCAPSULATE_DECAPSULATE.
    Encapsulate,
}

impl KeyKind {
    /// From the API's `KeySpec` and `KeyUsage`. `None` if the service knows no such pair.
    pub fn of(spec: &str, usage: &str) -> Option<Self> {
        Some(match (spec, usage) {
            ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT") => KeyKind::Symmetric,
            (_, "GENERATE_VERIFY_MAC") if spec.starts_with("HMAC_") => KeyKind::Hmac,
            ("SYMMETRIC_DEFAULT", _) => return None,
            (_, "SIGN_VERIFY") => KeyKind::Sign,
            (_, "KEY_AGREEMENT") => KeyKind::Agree,
            (_, "ENCAPSULATE_DECAPSULATE") => KeyKind::Encapsulate,
            (_, "ENCRYPT_DECRYPT") => KeyKind::Encrypt,
            _ => return None,
        })
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

const SYMMETRIC: u8 = KeyKind::Symmetric.bit();
const HMAC: u8 = KeyKind::Hmac.bit();
const SIGN: u8 = KeyKind::Sign.bit();
const CIPHER: u8 = SYMMETRIC | KeyKind::Encrypt.bit();
const AGREE: u8 = KeyKind::Agree.bit();
const ENCAPSULATE: u8 = KeyKind::Encapsulate.bit();
const PAIRS: u8 = SIGN | KeyKind::Encrypt.bit() | AGREE | ENCAPSULATE;
const EVERY: u8 = PAIRS | SYMMETRIC | HMAC;

#[derive(Debug, PartialEq, Eq)]
struct Facts {
    name: &'static str,
    scope: Scope,
    /// KMS, "AWS KMS permissions", column "Cross-account use".
    cross_account: bool,
    /// Kinds of keys whose grants may hold it (KMS, "Grants: Grant operations"); 0 if it is no grant operation.
    grants: u8,
    /// The request carries an encryption context.
    context: bool,
}

const fn key(name: &'static str) -> Facts {
    Facts {
        name,
        scope: Scope::Key,
        cross_account: false,
        grants: 0,
        context: false,
    }
}

const fn shared(name: &'static str, grants: u8) -> Facts {
    Facts {
        name,
        scope: Scope::Key,
        cross_account: true,
        grants,
        context: false,
    }
}

const fn sealing(name: &'static str, grants: u8) -> Facts {
    Facts {
        name,
        scope: Scope::Key,
        cross_account: true,
        grants,
        context: true,
    }
}

const fn alias(name: &'static str) -> Facts {
    Facts {
        name,
        scope: Scope::AliasAndKey,
        cross_account: false,
        grants: 0,
        context: false,
    }
}

const fn account(name: &'static str) -> Facts {
    Facts {
        name,
        scope: Scope::Account,
        cross_account: false,
        grants: 0,
        context: false,
    }
}

static TABLE: &[Facts] = &[
    key("CancelKeyDeletion"),
    account("ConnectCustomKeyStore"),
    alias("CreateAlias"),
    account("CreateCustomKeyStore"),
    shared("CreateGrant", EVERY),
    account("CreateKey"),
    shared("Decapsulate", ENCAPSULATE),
    sealing("Decrypt", CIPHER),
    alias("DeleteAlias"),
    account("DeleteCustomKeyStore"),
    key("DeleteImportedKeyMaterial"),
    shared("DeriveSharedSecret", AGREE),
    account("DescribeCustomKeyStores"),
    shared("DescribeKey", EVERY),
    key("DisableKey"),
    key("DisableKeyRotation"),
    account("DisconnectCustomKeyStore"),
    key("EnableKey"),
    key("EnableKeyRotation"),
    shared("Encapsulate", ENCAPSULATE),
    sealing("Encrypt", CIPHER),
    sealing("GenerateDataKey", SYMMETRIC),
    sealing("GenerateDataKeyPair", SYMMETRIC),
    sealing("GenerateDataKeyPairWithoutPlaintext", SYMMETRIC),
    sealing("GenerateDataKeyWithoutPlaintext", SYMMETRIC),
    shared("GenerateMac", HMAC),
    account("GenerateRandom"),
    key("GetKeyLastUsage"),
    key("GetKeyPolicy"),
    shared("GetKeyRotationStatus", 0),
    key("GetParametersForImport"),
    shared("GetPublicKey", PAIRS),
    key("ImportKeyMaterial"),
    account("ListAliases"),
    shared("ListGrants", 0),
    key("ListKeyPolicies"),
    key("ListKeyRotations"),
    account("ListKeys"),
    key("ListResourceTags"),
    account("ListRetirableGrants"),
    key("PutKeyPolicy"),
    sealing("ReEncryptFrom", CIPHER),
    sealing("ReEncryptTo", CIPHER),
    key("ReplicateKey"),
    shared("RetireGrant", EVERY),
    shared("RevokeGrant", 0),
    key("RotateKeyOnDemand"),
    key("ScheduleKeyDeletion"),
    shared("Sign", SIGN),
    key("SynchronizeMultiRegionKey"),
    key("TagResource"),
    key("UntagResource"),
    alias("UpdateAlias"),
    account("UpdateCustomKeyStore"),
    key("UpdateKeyDescription"),
    key("UpdatePrimaryRegion"),
    shared("Verify", SIGN),
    shared("VerifyMac", HMAC),
];

/// One action, such as `kms:Encrypt`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Action(&'static Facts);

impl Action {
    /// By its name, with or without the prefix `kms:`; the case of letters is as in the reference.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("kms:").unwrap_or(name);
        TABLE
            .binary_search_by(|facts| facts.name.cmp(name))
            .ok()
            .map(|index| Action(&TABLE[index]))
    }

    /// All, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Action)
    }

    /// Without the prefix: `Encrypt`.
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// What it is authorized on.
    pub fn scope(self) -> Scope {
        self.0.scope
    }

    /// Whether a principal of another account than the key's can be allowed.
    pub fn crosses_accounts(self) -> bool {
        self.0.cross_account
    }

    /// Whether a grant can hold it, whatever the key.
    pub fn is_grant_operation(self) -> bool {
        self.0.grants != 0
    }

    /// Whether a grant for a key of this kind can hold it.
    pub fn grantable_on(self, kind: KeyKind) -> bool {
        self.0.grants & kind.bit() != 0
    }

    /// Whether its request carries an encryption context.
    pub fn takes_encryption_context(self) -> bool {
        self.0.context
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kms:{}", self.0.name)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kms:{}", self.0.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_action_is_found() {
        assert!(TABLE.windows(2).all(|pair| pair[0].name < pair[1].name));
        for action in Action::all() {
            assert_eq!(Action::named(action.name()), Some(action));
            assert_eq!(Action::named(&action.to_string()), Some(action));
        }
        assert_eq!(Action::named("encrypt"), None);
    }
}
