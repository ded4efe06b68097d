// SPDX-License-Identifier: Apache-2.0
// Generated from abi/casemate.rdl by abi/generate.py: do not edit; run `cargo xtask abi`.

use crate::{Field, Register};

/// Digest of the interface's source: the device's `ABI_HASH` register must equal it.
pub const ABI_HASH: u32 = 0x3b97b753;

/// `opcode_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// Completes with OK. No slot, no data.
    Nop = 0x00,
    /// AES-GCM authenticated encryption (SP 800-38D, 7.1).
    GcmSeal = 0x01,
    /// AES-GCM authenticated decryption (SP 800-38D, 7.2).
    GcmOpen = 0x02,
    /// Officer: move the key window into a slot. Returns the new generation.
    KeyLoad = 0x40,
    /// Overwrite a slot's key, round keys and powers of H with zeros.
    KeyDestroy = 0x41,
    /// A key from the device's random bits into an empty slot. Returns the new generation.
    KeyGenerate = 0x42,
    /// The key and its attributes to dst as a blob under a wrapping slot (AES-256-GCM).
    KeyWrap = 0x43,
    /// A blob from src into an empty slot. Returns the new generation.
    KeyUnwrap = 0x44,
    /// The key to dst under a wrapping slot by AES-KWP (RFC 5649), without its attributes.
    KwpWrap = 0x45,
    /// AES-KWP (RFC 5649) from src into an empty slot. Returns the new generation.
    KwpUnwrap = 0x46,
    /// Slot to empty slot by HKDF (RFC 5869). Returns the new generation.
    KeyHkdf = 0x47,
    /// Slot to empty slot by the KDF in counter mode with HMAC (SP 800-108r1, 4.1). Returns the new generation.
    KeyKbkdf = 0x48,
    /// A slot's attributes to dst.
    KeyQuery = 0x49,
    /// Take usage bits from a slot, lower its limit.
    KeyLock = 0x4a,
    /// Officer: a domain's wrapping key, derived from the device's root secret, into an empty slot. Returns the new generation.
    KeyRoot = 0x4c,
    /// A message's key from a slot of IV policy DERIVED and a nonce, into an empty slot. Returns the new generation.
    KeyMessage = 0x4d,
    /// HMAC (FIPS 198-1) of src to dst.
    MacSign = 0x50,
    /// HMAC of src compared with the one at dst.
    MacVerify = 0x51,
    /// Random bytes to dst.
    Random = 0x52,
    /// ECDSA signature (FIPS 186-5, 6.4.1) of the digest at src to dst.
    EcSign = 0x60,
    /// ECDSA signature at src, after its public key and before its digest, verified (FIPS 186-5, 6.4.2).
    EcVerify = 0x61,
    /// A private key's public key to dst.
    EcPublic = 0x62,
    /// Public key at src checked (SP 800-56A Rev. 3, 5.6.2.3.3).
    EcCheck = 0x63,
    /// A private key from the device's random bits into an empty slot, its public key to dst. Returns the new generation.
    EcGenerate = 0x64,
    /// HKDF (RFC 5869) of the shared secret with the public key at src (SP 800-56A Rev. 3, 5.7.1.2) into an empty slot. Returns the new generation.
    EcEcdh = 0x65,
    /// The shared secret with the public key at src (SP 800-56A Rev. 3, 5.7.1.2) to dst.
    EcRaw = 0x66,
}

impl Opcode {
    /// Every value, in order.
    pub const ALL: &'static [Opcode] = &[
        Opcode::Nop,
        Opcode::GcmSeal,
        Opcode::GcmOpen,
        Opcode::KeyLoad,
        Opcode::KeyDestroy,
        Opcode::KeyGenerate,
        Opcode::KeyWrap,
        Opcode::KeyUnwrap,
        Opcode::KwpWrap,
        Opcode::KwpUnwrap,
        Opcode::KeyHkdf,
        Opcode::KeyKbkdf,
        Opcode::KeyQuery,
        Opcode::KeyLock,
        Opcode::KeyRoot,
        Opcode::KeyMessage,
        Opcode::MacSign,
        Opcode::MacVerify,
        Opcode::Random,
        Opcode::EcSign,
        Opcode::EcVerify,
        Opcode::EcPublic,
        Opcode::EcCheck,
        Opcode::EcGenerate,
        Opcode::EcEcdh,
        Opcode::EcRaw,
    ];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            Opcode::Nop => "Completes with OK. No slot, no data.",
            Opcode::GcmSeal => "AES-GCM authenticated encryption (SP 800-38D, 7.1).",
            Opcode::GcmOpen => "AES-GCM authenticated decryption (SP 800-38D, 7.2).",
            Opcode::KeyLoad => "Officer: move the key window into a slot. Returns the new generation.",
            Opcode::KeyDestroy => "Overwrite a slot's key, round keys and powers of H with zeros.",
            Opcode::KeyGenerate => {
                "A key from the device's random bits into an empty slot. Returns the new generation."
            }
            Opcode::KeyWrap => {
                "The key and its attributes to dst as a blob under a wrapping slot (AES-256-GCM)."
            }
            Opcode::KeyUnwrap => "A blob from src into an empty slot. Returns the new generation.",
            Opcode::KwpWrap => {
                "The key to dst under a wrapping slot by AES-KWP (RFC 5649), without its attributes."
            }
            Opcode::KwpUnwrap => {
                "AES-KWP (RFC 5649) from src into an empty slot. Returns the new generation."
            }
            Opcode::KeyHkdf => "Slot to empty slot by HKDF (RFC 5869). Returns the new generation.",
            Opcode::KeyKbkdf => {
                "Slot to empty slot by the KDF in counter mode with HMAC (SP 800-108r1, 4.1). Returns the new generation."
            }
            Opcode::KeyQuery => "A slot's attributes to dst.",
            Opcode::KeyLock => "Take usage bits from a slot, lower its limit.",
            Opcode::KeyRoot => {
                "Officer: a domain's wrapping key, derived from the device's root secret, into an empty slot. Returns the new generation."
            }
            Opcode::KeyMessage => {
                "A message's key from a slot of IV policy DERIVED and a nonce, into an empty slot. Returns the new generation."
            }
            Opcode::MacSign => "HMAC (FIPS 198-1) of src to dst.",
            Opcode::MacVerify => "HMAC of src compared with the one at dst.",
            Opcode::Random => "Random bytes to dst.",
            Opcode::EcSign => "ECDSA signature (FIPS 186-5, 6.4.1) of the digest at src to dst.",
            Opcode::EcVerify => {
                "ECDSA signature at src, after its public key and before its digest, verified (FIPS 186-5, 6.4.2)."
            }
            Opcode::EcPublic => "A private key's public key to dst.",
            Opcode::EcCheck => "Public key at src checked (SP 800-56A Rev. 3, 5.6.2.3.3).",
            Opcode::EcGenerate => {
                "A private key from the device's random bits into an empty slot, its public key to dst. Returns the new generation."
            }
            Opcode::EcEcdh => {
                "HKDF (RFC 5869) of the shared secret with the public key at src (SP 800-56A Rev. 3, 5.7.1.2) into an empty slot. Returns the new generation."
            }
            Opcode::EcRaw => {
                "The shared secret with the public key at src (SP 800-56A Rev. 3, 5.7.1.2) to dst."
            }
        }
    }
}

/// `status_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// Done.
    Ok = 0x00,
    /// Open: the tag is wrong. Of a payload of up to 16384 bytes nothing was written; the destination of a longer one holds zeros.
    TagMismatch = 0x01,
    /// The queue was reset while the request was in flight.
    Aborted = 0x02,
    /// EC_VERIFY: the signature is not one of this digest by this public key.
    BadSignature = 0x03,
    /// The public key is not a point of the curve, or its coordinates are not below the field's prime.
    BadPoint = 0x04,
    /// Unknown opcode, or one for which the device has no engine.
    BadOpcode = 0x10,
    /// A reserved flag or field is not zero, or flags that exclude each other.
    BadFlags = 0x11,
    /// tag_len is not 4, 8 or 12 to 16.
    BadTagLen = 0x12,
    /// iv_len is 0.
    BadIvLen = 0x13,
    /// Inline AAD longer than 16 bytes (8 with the tag at its own address).
    BadAadLen = 0x14,
    /// Unknown key type, one for which the device has no engine, or one that is not the operation's.
    BadKeyType = 0x15,
    /// A scatter-gather element of length 0 or with a reserved field that is not zero.
    BadSgl = 0x16,
    /// pay_len, salt_len or secret_len is out of the operation's range.
    BadLength = 0x17,
    /// Unknown hash.
    BadHash = 0x18,
    /// No such slot.
    SlotRange = 0x20,
    /// The slot holds no key.
    SlotEmpty = 0x21,
    /// The slot belongs to another domain.
    SlotDomain = 0x22,
    /// Stale handle: the slot was loaded again since.
    SlotGeneration = 0x23,
    /// The slot's usage bits do not allow the operation.
    SlotUsage = 0x24,
    /// KEY_LOAD: the device is sealed: no plaintext key enters it until it is reset.
    Sealed = 0x28,
    /// Only queue 0 may do this.
    NotOfficer = 0x25,
    /// KEY_LOAD: not all words of the key were written to KEY_WINDOW.
    KeyWindow = 0x26,
    /// KEY_LOAD: the slot's generations are used up until the device is reset.
    SlotRetired = 0x27,
    /// The slot that was to get a key holds one: destroy it first.
    SlotFull = 0x29,
    /// The slot's key has been used as often as its limit allows.
    Exhausted = 0x2a,
    /// The IV policy is unknown, not for this type, origin or usage, or does not allow the request's IV or tag mode.
    BadPolicy = 0x2b,
    /// The wrapped key is not authentic, or not of this domain, wrapping key or form.
    BadBlob = 0x2c,
    /// Usage bits that this type cannot have, or that exclude each other.
    BadUsage = 0x2d,
    /// The private key came from outside and is not from 1 to n - 1: it gives no result.
    BadScalar = 0x2e,
    /// Bus error reading the IV.
    DmaIv = 0x30,
    /// Bus error reading the AAD.
    DmaAad = 0x31,
    /// Bus error reading the source scatter-gather list.
    DmaSrcSgl = 0x32,
    /// Bus error reading the source.
    DmaSrc = 0x33,
    /// Bus error reading the tag at its own address.
    DmaTag = 0x34,
    /// Bus error reading the destination scatter-gather list.
    DmaDstSgl = 0x35,
    /// Bus error writing the destination or the tag.
    DmaDst = 0x36,
    /// The noise source failed its tests: the device is in its error state.
    NoEntropy = 0x40,
    /// The device was zeroized, or failed its self-test: reset it.
    Zeroized = 0x41,
    /// A check of the elliptic-curve engine's own work failed. Nothing was released.
    EcFault = 0x42,
}

impl Status {
    /// Every value, in order.
    pub const ALL: &'static [Status] = &[
        Status::Ok,
        Status::TagMismatch,
        Status::Aborted,
        Status::BadSignature,
        Status::BadPoint,
        Status::BadOpcode,
        Status::BadFlags,
        Status::BadTagLen,
        Status::BadIvLen,
        Status::BadAadLen,
        Status::BadKeyType,
        Status::BadSgl,
        Status::BadLength,
        Status::BadHash,
        Status::SlotRange,
        Status::SlotEmpty,
        Status::SlotDomain,
        Status::SlotGeneration,
        Status::SlotUsage,
        Status::Sealed,
        Status::NotOfficer,
        Status::KeyWindow,
        Status::SlotRetired,
        Status::SlotFull,
        Status::Exhausted,
        Status::BadPolicy,
        Status::BadBlob,
        Status::BadUsage,
        Status::BadScalar,
        Status::DmaIv,
        Status::DmaAad,
        Status::DmaSrcSgl,
        Status::DmaSrc,
        Status::DmaTag,
        Status::DmaDstSgl,
        Status::DmaDst,
        Status::NoEntropy,
        Status::Zeroized,
        Status::EcFault,
    ];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            Status::Ok => "Done.",
            Status::TagMismatch => {
                "Open: the tag is wrong. Of a payload of up to 16384 bytes nothing was written; the destination of a longer one holds zeros."
            }
            Status::Aborted => "The queue was reset while the request was in flight.",
            Status::BadSignature => "EC_VERIFY: the signature is not one of this digest by this public key.",
            Status::BadPoint => {
                "The public key is not a point of the curve, or its coordinates are not below the field's prime."
            }
            Status::BadOpcode => "Unknown opcode, or one for which the device has no engine.",
            Status::BadFlags => "A reserved flag or field is not zero, or flags that exclude each other.",
            Status::BadTagLen => "tag_len is not 4, 8 or 12 to 16.",
            Status::BadIvLen => "iv_len is 0.",
            Status::BadAadLen => "Inline AAD longer than 16 bytes (8 with the tag at its own address).",
            Status::BadKeyType => {
                "Unknown key type, one for which the device has no engine, or one that is not the operation's."
            }
            Status::BadSgl => {
                "A scatter-gather element of length 0 or with a reserved field that is not zero."
            }
            Status::BadLength => "pay_len, salt_len or secret_len is out of the operation's range.",
            Status::BadHash => "Unknown hash.",
            Status::SlotRange => "No such slot.",
            Status::SlotEmpty => "The slot holds no key.",
            Status::SlotDomain => "The slot belongs to another domain.",
            Status::SlotGeneration => "Stale handle: the slot was loaded again since.",
            Status::SlotUsage => "The slot's usage bits do not allow the operation.",
            Status::Sealed => "KEY_LOAD: the device is sealed: no plaintext key enters it until it is reset.",
            Status::NotOfficer => "Only queue 0 may do this.",
            Status::KeyWindow => "KEY_LOAD: not all words of the key were written to KEY_WINDOW.",
            Status::SlotRetired => "KEY_LOAD: the slot's generations are used up until the device is reset.",
            Status::SlotFull => "The slot that was to get a key holds one: destroy it first.",
            Status::Exhausted => "The slot's key has been used as often as its limit allows.",
            Status::BadPolicy => {
                "The IV policy is unknown, not for this type, origin or usage, or does not allow the request's IV or tag mode."
            }
            Status::BadBlob => {
                "The wrapped key is not authentic, or not of this domain, wrapping key or form."
            }
            Status::BadUsage => "Usage bits that this type cannot have, or that exclude each other.",
            Status::BadScalar => {
                "The private key came from outside and is not from 1 to n - 1: it gives no result."
            }
            Status::DmaIv => "Bus error reading the IV.",
            Status::DmaAad => "Bus error reading the AAD.",
            Status::DmaSrcSgl => "Bus error reading the source scatter-gather list.",
            Status::DmaSrc => "Bus error reading the source.",
            Status::DmaTag => "Bus error reading the tag at its own address.",
            Status::DmaDstSgl => "Bus error reading the destination scatter-gather list.",
            Status::DmaDst => "Bus error writing the destination or the tag.",
            Status::NoEntropy => "The noise source failed its tests: the device is in its error state.",
            Status::Zeroized => "The device was zeroized, or failed its self-test: reset it.",
            Status::EcFault => {
                "A check of the elliptic-curve engine's own work failed. Nothing was released."
            }
        }
    }
}

/// `queue_error_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum QueueError {
    /// No error.
    None = 0x00,
    /// Enabled with a depth out of range or a base that is not aligned.
    BadConfig = 0x01,
    /// A doorbell claims more entries than the ring has.
    BadDoorbell = 0x02,
    /// Bus error reading the submission ring.
    SqFetch = 0x03,
    /// Bus error writing the completion ring.
    CqWrite = 0x04,
}

impl QueueError {
    /// Every value, in order.
    pub const ALL: &'static [QueueError] = &[
        QueueError::None,
        QueueError::BadConfig,
        QueueError::BadDoorbell,
        QueueError::SqFetch,
        QueueError::CqWrite,
    ];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            QueueError::None => "No error.",
            QueueError::BadConfig => "Enabled with a depth out of range or a base that is not aligned.",
            QueueError::BadDoorbell => "A doorbell claims more entries than the ring has.",
            QueueError::SqFetch => "Bus error reading the submission ring.",
            QueueError::CqWrite => "Bus error writing the completion ring.",
        }
    }
}

/// `queue_state_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum QueueState {
    /// Not set up.
    Disabled = 0x00,
    /// Serving.
    Enabled = 0x01,
    /// Completing what is in flight with ABORTED.
    Resetting = 0x02,
    /// Stopped: reset it.
    Error = 0x03,
}

impl QueueState {
    /// Every value, in order.
    pub const ALL: &'static [QueueState] = &[
        QueueState::Disabled,
        QueueState::Enabled,
        QueueState::Resetting,
        QueueState::Error,
    ];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            QueueState::Disabled => "Not set up.",
            QueueState::Enabled => "Serving.",
            QueueState::Resetting => "Completing what is in flight with ABORTED.",
            QueueState::Error => "Stopped: reset it.",
        }
    }
}

/// `tag_mode_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TagMode {
    /// After the payload: at the end of dst (seal) or src (open).
    Appended = 0x00,
    /// At tag_addr.
    Address = 0x01,
    /// Seal only: in the completion's result.
    Completion = 0x02,
}

impl TagMode {
    /// Every value, in order.
    pub const ALL: &'static [TagMode] = &[TagMode::Appended, TagMode::Address, TagMode::Completion];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            TagMode::Appended => "After the payload: at the end of dst (seal) or src (open).",
            TagMode::Address => "At tag_addr.",
            TagMode::Completion => "Seal only: in the completion's result.",
        }
    }
}

/// `key_type_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum KeyType {
    /// AES, 16-byte key.
    Aes128 = 0x01,
    /// AES, 24-byte key.
    Aes192 = 0x02,
    /// AES, 32-byte key.
    Aes256 = 0x03,
    /// For HMAC and key derivation, 16 to 64 bytes.
    Secret = 0x04,
    /// AES-256 key that wraps others.
    Wrapping = 0x05,
    /// Private key of P-256 (SP 800-186, 3.2.1.3), 32 bytes, big-endian.
    P256 = 0x06,
    /// Private key of P-384 (SP 800-186, 3.2.1.4), 48 bytes, big-endian.
    P384 = 0x07,
}

impl KeyType {
    /// Every value, in order.
    pub const ALL: &'static [KeyType] = &[
        KeyType::Aes128,
        KeyType::Aes192,
        KeyType::Aes256,
        KeyType::Secret,
        KeyType::Wrapping,
        KeyType::P256,
        KeyType::P384,
    ];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            KeyType::Aes128 => "AES, 16-byte key.",
            KeyType::Aes192 => "AES, 24-byte key.",
            KeyType::Aes256 => "AES, 32-byte key.",
            KeyType::Secret => "For HMAC and key derivation, 16 to 64 bytes.",
            KeyType::Wrapping => "AES-256 key that wraps others.",
            KeyType::P256 => "Private key of P-256 (SP 800-186, 3.2.1.3), 32 bytes, big-endian.",
            KeyType::P384 => "Private key of P-384 (SP 800-186, 3.2.1.4), 48 bytes, big-endian.",
        }
    }
}

/// `iv_policy_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum IvPolicy {
    /// The request brings its IV.
    Host = 0x00,
    /// GCM_SEAL's IV is 8 zero bytes and the slot's count of seals, big-endian; the completion returns it. Only for keys made by KEY_GENERATE or KEY_MESSAGE that cannot be wrapped.
    Counter = 0x01,
    /// SECRET only: for KEY_MESSAGE and nothing else.
    Derived = 0x02,
}

impl IvPolicy {
    /// Every value, in order.
    pub const ALL: &'static [IvPolicy] = &[IvPolicy::Host, IvPolicy::Counter, IvPolicy::Derived];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            IvPolicy::Host => "The request brings its IV.",
            IvPolicy::Counter => {
                "GCM_SEAL's IV is 8 zero bytes and the slot's count of seals, big-endian; the completion returns it. Only for keys made by KEY_GENERATE or KEY_MESSAGE that cannot be wrapped."
            }
            IvPolicy::Derived => "SECRET only: for KEY_MESSAGE and nothing else.",
        }
    }
}

/// `origin_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Origin {
    /// No key.
    None = 0x00,
    /// KEY_LOAD: plaintext from the host.
    Imported = 0x01,
    /// Made in the device.
    Generated = 0x02,
    /// From another slot or the root secret.
    Derived = 0x03,
    /// KEY_UNWRAP.
    Unwrapped = 0x04,
    /// KWP_UNWRAP: it may exist elsewhere with other rights.
    Foreign = 0x05,
}

impl Origin {
    /// Every value, in order.
    pub const ALL: &'static [Origin] = &[
        Origin::None,
        Origin::Imported,
        Origin::Generated,
        Origin::Derived,
        Origin::Unwrapped,
        Origin::Foreign,
    ];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            Origin::None => "No key.",
            Origin::Imported => "KEY_LOAD: plaintext from the host.",
            Origin::Generated => "Made in the device.",
            Origin::Derived => "From another slot or the root secret.",
            Origin::Unwrapped => "KEY_UNWRAP.",
            Origin::Foreign => "KWP_UNWRAP: it may exist elsewhere with other rights.",
        }
    }
}

/// `hash_e` of the interface description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Hash {
    /// FIPS 180-4, 6.2.
    Sha256 = 0x01,
    /// FIPS 180-4, 6.5.
    Sha384 = 0x02,
    /// FIPS 180-4, 6.4.
    Sha512 = 0x03,
}

impl Hash {
    /// Every value, in order.
    pub const ALL: &'static [Hash] = &[Hash::Sha256, Hash::Sha384, Hash::Sha512];

    /// The value of this code, if it is one.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|v| *v as u8 == code)
    }

    /// What the code means.
    pub fn describe(self) -> &'static str {
        match self {
            Hash::Sha256 => "FIPS 180-4, 6.2.",
            Hash::Sha384 => "FIPS 180-4, 6.5.",
            Hash::Sha512 => "FIPS 180-4, 6.4.",
        }
    }
}

/// Byte offsets of registers in BAR 0 (of arrays, of element 0).
pub mod reg {
    /// Identification.
    pub const ID: u32 = 0x00000;
    /// Interface version.
    pub const VERSION: u32 = 0x00004;
    /// Sizes.
    pub const CAP0: u32 = 0x00008;
    /// Memory interface.
    pub const CAP1: u32 = 0x0000c;
    /// Limits.
    pub const CAP2: u32 = 0x00010;
    /// Digest of this interface's source: driver and device must agree.
    pub const ABI_HASH: u32 = 0x00014;
    /// Device status.
    pub const STATUS: u32 = 0x00020;
    /// Device control.
    pub const CONTROL: u32 = 0x00024;
    /// Clock cycles, low.
    pub const CYCLES_LO: u32 = 0x00100;
    /// Clock cycles, high.
    pub const CYCLES_HI: u32 = 0x00104;
    /// Requests fetched, low.
    pub const REQS_IN_LO: u32 = 0x00108;
    /// Requests fetched, high.
    pub const REQS_IN_HI: u32 = 0x0010c;
    /// Completions posted, low.
    pub const REQS_OUT_LO: u32 = 0x00110;
    /// Completions posted, high.
    pub const REQS_OUT_HI: u32 = 0x00114;
    /// Completions with a status other than OK, low.
    pub const REQS_ERR_LO: u32 = 0x00118;
    /// Completions with a status other than OK, high.
    pub const REQS_ERR_HI: u32 = 0x0011c;
    /// Bytes read by data channels, low.
    pub const BYTES_IN_LO: u32 = 0x00120;
    /// Bytes read by data channels, high.
    pub const BYTES_IN_HI: u32 = 0x00124;
    /// Bytes written by data channels, low.
    pub const BYTES_OUT_LO: u32 = 0x00128;
    /// Bytes written by data channels, high.
    pub const BYTES_OUT_HI: u32 = 0x0012c;
    /// Cycles the engine held a request, low.
    pub const LANE_BUSY_LO: u32 = 0x00200;
    /// Distance of the elements of `LANE_BUSY_LO`.
    pub const LANE_BUSY_LO_STRIDE: u32 = 0x00040;
    /// Cycles the engine held a request, high.
    pub const LANE_BUSY_HI: u32 = 0x00204;
    /// Distance of the elements of `LANE_BUSY_HI`.
    pub const LANE_BUSY_HI_STRIDE: u32 = 0x00040;
    /// Cycles it waited for input, low.
    pub const LANE_STALL_IN_LO: u32 = 0x00208;
    /// Distance of the elements of `LANE_STALL_IN_LO`.
    pub const LANE_STALL_IN_LO_STRIDE: u32 = 0x00040;
    /// Cycles it waited for input, high.
    pub const LANE_STALL_IN_HI: u32 = 0x0020c;
    /// Distance of the elements of `LANE_STALL_IN_HI`.
    pub const LANE_STALL_IN_HI_STRIDE: u32 = 0x00040;
    /// Cycles it waited for output, low.
    pub const LANE_STALL_OUT_LO: u32 = 0x00210;
    /// Distance of the elements of `LANE_STALL_OUT_LO`.
    pub const LANE_STALL_OUT_LO_STRIDE: u32 = 0x00040;
    /// Cycles it waited for output, high.
    pub const LANE_STALL_OUT_HI: u32 = 0x00214;
    /// Distance of the elements of `LANE_STALL_OUT_HI`.
    pub const LANE_STALL_OUT_HI_STRIDE: u32 = 0x00040;
    /// Key window: byte i of a key is byte i mod 4 of word i / 4. Write-only, reads as zero, cleared by KEY_LOAD.
    pub const KEY_WINDOW: u32 = 0x01000;
    /// Distance of the elements of `KEY_WINDOW`.
    pub const KEY_WINDOW_STRIDE: u32 = 0x00004;
    /// Binds a queue to a domain. Written while the queue is disabled and the device not sealed.
    pub const QUEUE_BIND: u32 = 0x01400;
    /// Distance of the elements of `QUEUE_BIND`.
    pub const QUEUE_BIND_STRIDE: u32 = 0x00004;
    /// Doorbell: submissions written since enable, modulo 2^16.
    pub const QUEUE_SQ_TAIL: u32 = 0x10000;
    /// Distance of the elements of `QUEUE_SQ_TAIL`.
    pub const QUEUE_SQ_TAIL_STRIDE: u32 = 0x01000;
    /// Doorbell: completions consumed since enable, modulo 2^16.
    pub const QUEUE_CQ_HEAD: u32 = 0x10004;
    /// Distance of the elements of `QUEUE_CQ_HEAD`.
    pub const QUEUE_CQ_HEAD_STRIDE: u32 = 0x01000;
    /// Queue control.
    pub const QUEUE_CTRL: u32 = 0x10100;
    /// Distance of the elements of `QUEUE_CTRL`.
    pub const QUEUE_CTRL_STRIDE: u32 = 0x01000;
    /// Queue state.
    pub const QUEUE_STATE: u32 = 0x10104;
    /// Distance of the elements of `QUEUE_STATE`.
    pub const QUEUE_STATE_STRIDE: u32 = 0x01000;
    /// Ring depths. Written while disabled.
    pub const QUEUE_DEPTH: u32 = 0x10108;
    /// Distance of the elements of `QUEUE_DEPTH`.
    pub const QUEUE_DEPTH_STRIDE: u32 = 0x01000;
    /// Submission ring's IOVA, low; 64-byte aligned. Written while disabled.
    pub const QUEUE_SQ_BASE_LO: u32 = 0x10110;
    /// Distance of the elements of `QUEUE_SQ_BASE_LO`.
    pub const QUEUE_SQ_BASE_LO_STRIDE: u32 = 0x01000;
    /// Submission ring's IOVA, high.
    pub const QUEUE_SQ_BASE_HI: u32 = 0x10114;
    /// Distance of the elements of `QUEUE_SQ_BASE_HI`.
    pub const QUEUE_SQ_BASE_HI_STRIDE: u32 = 0x01000;
    /// Completion ring's IOVA, low; 64-byte aligned. Written while disabled.
    pub const QUEUE_CQ_BASE_LO: u32 = 0x10118;
    /// Distance of the elements of `QUEUE_CQ_BASE_LO`.
    pub const QUEUE_CQ_BASE_LO_STRIDE: u32 = 0x01000;
    /// Completion ring's IOVA, high.
    pub const QUEUE_CQ_BASE_HI: u32 = 0x1011c;
    /// Distance of the elements of `QUEUE_CQ_BASE_HI`.
    pub const QUEUE_CQ_BASE_HI_STRIDE: u32 = 0x01000;
    /// Interrupt coalescing.
    pub const QUEUE_IRQ_COALESCE: u32 = 0x10120;
    /// Distance of the elements of `QUEUE_IRQ_COALESCE`.
    pub const QUEUE_IRQ_COALESCE_STRIDE: u32 = 0x01000;
    /// Descriptors fetched since enable, modulo 2^16.
    pub const QUEUE_SQ_HEAD: u32 = 0x10130;
    /// Distance of the elements of `QUEUE_SQ_HEAD`.
    pub const QUEUE_SQ_HEAD_STRIDE: u32 = 0x01000;
    /// Completions posted since enable, modulo 2^16.
    pub const QUEUE_CQ_TAIL: u32 = 0x10134;
    /// Distance of the elements of `QUEUE_CQ_TAIL`.
    pub const QUEUE_CQ_TAIL_STRIDE: u32 = 0x01000;
    /// Completions posted since the counters were cleared.
    pub const QUEUE_REQS: u32 = 0x10140;
    /// Distance of the elements of `QUEUE_REQS`.
    pub const QUEUE_REQS_STRIDE: u32 = 0x01000;
    /// Of those, with a status other than OK.
    pub const QUEUE_ERRORS: u32 = 0x10144;
    /// Distance of the elements of `QUEUE_ERRORS`.
    pub const QUEUE_ERRORS_STRIDE: u32 = 0x01000;
}

/// Every register, for tests and dumps.
pub const REGISTERS: &[Register] = &[
    Register {
        name: "ID",
        offset: 0x00000,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: Some(1414353731),
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "VERSION",
        offset: 0x00004,
        count: 1,
        stride: 0x0,
        fields: &[
            Field {
                name: "patch",
                low: 0,
                width: 8,
                reset: Some(0),
                readable: true,
                writable: false,
            },
            Field {
                name: "minor",
                low: 8,
                width: 8,
                reset: Some(1),
                readable: true,
                writable: false,
            },
            Field {
                name: "major",
                low: 16,
                width: 8,
                reset: Some(0),
                readable: true,
                writable: false,
            },
        ],
    },
    Register {
        name: "CAP0",
        offset: 0x00008,
        count: 1,
        stride: 0x0,
        fields: &[
            Field {
                name: "queues",
                low: 0,
                width: 8,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "lanes",
                low: 8,
                width: 8,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "slots",
                low: 16,
                width: 16,
                reset: None,
                readable: true,
                writable: false,
            },
        ],
    },
    Register {
        name: "CAP1",
        offset: 0x0000c,
        count: 1,
        stride: 0x0,
        fields: &[
            Field {
                name: "axi_bytes",
                low: 0,
                width: 8,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "rd_tags",
                low: 8,
                width: 8,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "burst_bytes",
                low: 16,
                width: 16,
                reset: None,
                readable: true,
                writable: false,
            },
        ],
    },
    Register {
        name: "CAP2",
        offset: 0x00010,
        count: 1,
        stride: 0x0,
        fields: &[
            Field {
                name: "depth_log2_max",
                low: 0,
                width: 8,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "iv_max",
                low: 8,
                width: 10,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "aad_inline_max",
                low: 18,
                width: 5,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "sbox",
                low: 24,
                width: 2,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "ec_engines",
                low: 26,
                width: 4,
                reset: None,
                readable: true,
                writable: false,
            },
        ],
    },
    Register {
        name: "ABI_HASH",
        offset: 0x00014,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "STATUS",
        offset: 0x00020,
        count: 1,
        stride: 0x0,
        fields: &[
            Field {
                name: "ready",
                low: 0,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "tamper",
                low: 1,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "queue_error",
                low: 2,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "busy",
                low: 3,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "sealed",
                low: 4,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "zeroized",
                low: 5,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "selftest_done",
                low: 6,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "selftest_failed",
                low: 7,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "entropy_error",
                low: 8,
                width: 1,
                reset: None,
                readable: true,
                writable: false,
            },
        ],
    },
    Register {
        name: "CONTROL",
        offset: 0x00024,
        count: 1,
        stride: 0x0,
        fields: &[
            Field {
                name: "clear_counters",
                low: 0,
                width: 1,
                reset: None,
                readable: false,
                writable: true,
            },
            Field {
                name: "seal",
                low: 1,
                width: 1,
                reset: None,
                readable: false,
                writable: true,
            },
            Field {
                name: "zeroize",
                low: 2,
                width: 1,
                reset: None,
                readable: false,
                writable: true,
            },
        ],
    },
    Register {
        name: "CYCLES_LO",
        offset: 0x00100,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "CYCLES_HI",
        offset: 0x00104,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "REQS_IN_LO",
        offset: 0x00108,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "REQS_IN_HI",
        offset: 0x0010c,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "REQS_OUT_LO",
        offset: 0x00110,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "REQS_OUT_HI",
        offset: 0x00114,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "REQS_ERR_LO",
        offset: 0x00118,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "REQS_ERR_HI",
        offset: 0x0011c,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "BYTES_IN_LO",
        offset: 0x00120,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "BYTES_IN_HI",
        offset: 0x00124,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "BYTES_OUT_LO",
        offset: 0x00128,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "BYTES_OUT_HI",
        offset: 0x0012c,
        count: 1,
        stride: 0x0,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "LANE_BUSY_LO",
        offset: 0x00200,
        count: 8,
        stride: 0x40,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "LANE_BUSY_HI",
        offset: 0x00204,
        count: 8,
        stride: 0x40,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "LANE_STALL_IN_LO",
        offset: 0x00208,
        count: 8,
        stride: 0x40,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "LANE_STALL_IN_HI",
        offset: 0x0020c,
        count: 8,
        stride: 0x40,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "LANE_STALL_OUT_LO",
        offset: 0x00210,
        count: 8,
        stride: 0x40,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "LANE_STALL_OUT_HI",
        offset: 0x00214,
        count: 8,
        stride: 0x40,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "KEY_WINDOW",
        offset: 0x01000,
        count: 16,
        stride: 0x4,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: false,
            writable: true,
        }],
    },
    Register {
        name: "QUEUE_BIND",
        offset: 0x01400,
        count: 64,
        stride: 0x4,
        fields: &[
            Field {
                name: "domain",
                low: 0,
                width: 8,
                reset: Some(0),
                readable: true,
                writable: true,
            },
            Field {
                name: "weight",
                low: 8,
                width: 4,
                reset: Some(4),
                readable: true,
                writable: true,
            },
        ],
    },
    Register {
        name: "QUEUE_SQ_TAIL",
        offset: 0x10000,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 16,
            reset: Some(0),
            readable: true,
            writable: true,
        }],
    },
    Register {
        name: "QUEUE_CQ_HEAD",
        offset: 0x10004,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 16,
            reset: Some(0),
            readable: true,
            writable: true,
        }],
    },
    Register {
        name: "QUEUE_CTRL",
        offset: 0x10100,
        count: 64,
        stride: 0x1000,
        fields: &[
            Field {
                name: "enable",
                low: 0,
                width: 1,
                reset: None,
                readable: false,
                writable: true,
            },
            Field {
                name: "reset",
                low: 1,
                width: 1,
                reset: None,
                readable: false,
                writable: true,
            },
        ],
    },
    Register {
        name: "QUEUE_STATE",
        offset: 0x10104,
        count: 64,
        stride: 0x1000,
        fields: &[
            Field {
                name: "state",
                low: 0,
                width: 8,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "error",
                low: 8,
                width: 8,
                reset: None,
                readable: true,
                writable: false,
            },
            Field {
                name: "in_flight",
                low: 16,
                width: 16,
                reset: None,
                readable: true,
                writable: false,
            },
        ],
    },
    Register {
        name: "QUEUE_DEPTH",
        offset: 0x10108,
        count: 64,
        stride: 0x1000,
        fields: &[
            Field {
                name: "sq_log2",
                low: 0,
                width: 4,
                reset: Some(0),
                readable: true,
                writable: true,
            },
            Field {
                name: "cq_log2",
                low: 8,
                width: 4,
                reset: Some(0),
                readable: true,
                writable: true,
            },
        ],
    },
    Register {
        name: "QUEUE_SQ_BASE_LO",
        offset: 0x10110,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: Some(0),
            readable: true,
            writable: true,
        }],
    },
    Register {
        name: "QUEUE_SQ_BASE_HI",
        offset: 0x10114,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: Some(0),
            readable: true,
            writable: true,
        }],
    },
    Register {
        name: "QUEUE_CQ_BASE_LO",
        offset: 0x10118,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: Some(0),
            readable: true,
            writable: true,
        }],
    },
    Register {
        name: "QUEUE_CQ_BASE_HI",
        offset: 0x1011c,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: Some(0),
            readable: true,
            writable: true,
        }],
    },
    Register {
        name: "QUEUE_IRQ_COALESCE",
        offset: 0x10120,
        count: 64,
        stride: 0x1000,
        fields: &[
            Field {
                name: "count",
                low: 0,
                width: 16,
                reset: Some(1),
                readable: true,
                writable: true,
            },
            Field {
                name: "time",
                low: 16,
                width: 16,
                reset: Some(0),
                readable: true,
                writable: true,
            },
        ],
    },
    Register {
        name: "QUEUE_SQ_HEAD",
        offset: 0x10130,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 16,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "QUEUE_CQ_TAIL",
        offset: 0x10134,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 16,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "QUEUE_REQS",
        offset: 0x10140,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
    Register {
        name: "QUEUE_ERRORS",
        offset: 0x10144,
        count: 64,
        stride: 0x1000,
        fields: &[Field {
            name: "value",
            low: 0,
            width: 32,
            reset: None,
            readable: true,
            writable: false,
        }],
    },
];

/// `submission` in memory: 64 bytes, little-endian words.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub struct Submission {
    /// The words, in host order after [`Self::from_le`].
    pub words: [u32; 16],
}

impl Submission {
    /// Size in bytes.
    pub const SIZE: usize = 64;
    /// (name, lowest bit, width) of every field.
    pub const FIELDS: &'static [(&'static str, usize, usize)] = &[
        ("opcode", 0, 8),
        ("src_sgl", 8, 1),
        ("dst_sgl", 9, 1),
        ("aad_inline", 10, 1),
        ("tag_mode", 11, 2),
        ("reserved0", 13, 3),
        ("tag_len", 16, 5),
        ("reserved1", 21, 1),
        ("iv_len", 22, 10),
        ("slot", 32, 16),
        ("generation", 48, 16),
        ("cookie", 64, 32),
        ("pay_len", 96, 32),
        ("src_lo", 128, 32),
        ("src_hi", 160, 32),
        ("dst_lo", 192, 32),
        ("dst_hi", 224, 32),
        ("aad_len", 256, 32),
        ("iv0", 288, 32),
        ("iv1", 320, 32),
        ("iv2", 352, 32),
        ("aad0", 384, 32),
        ("aad1", 416, 32),
        ("aad2", 448, 32),
        ("aad3", 480, 32),
    ];
    /// The setter of every field, in the order of [`Self::FIELDS`].
    pub const SETTERS: &'static [fn(&mut Self, u32) -> &mut Self] = &[
        Self::set_opcode,
        Self::set_src_sgl,
        Self::set_dst_sgl,
        Self::set_aad_inline,
        Self::set_tag_mode,
        Self::set_reserved0,
        Self::set_tag_len,
        Self::set_reserved1,
        Self::set_iv_len,
        Self::set_slot,
        Self::set_generation,
        Self::set_cookie,
        Self::set_pay_len,
        Self::set_src_lo,
        Self::set_src_hi,
        Self::set_dst_lo,
        Self::set_dst_hi,
        Self::set_aad_len,
        Self::set_iv0,
        Self::set_iv1,
        Self::set_iv2,
        Self::set_aad0,
        Self::set_aad1,
        Self::set_aad2,
        Self::set_aad3,
    ];

    /// Operation.
    pub fn opcode(&self) -> u32 {
        (self.words[0] >> 0) & 0xff
    }

    /// Sets `opcode`; bits beyond its 8 are cut.
    pub fn set_opcode(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0xff << 0)) | ((value & 0xff) << 0);
        self
    }

    /// src is the IOVA of a scatter-gather list.
    pub fn src_sgl(&self) -> u32 {
        (self.words[0] >> 8) & 0x1
    }

    /// Sets `src_sgl`; bits beyond its 1 are cut.
    pub fn set_src_sgl(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x1 << 8)) | ((value & 0x1) << 8);
        self
    }

    /// dst is the IOVA of a scatter-gather list.
    pub fn dst_sgl(&self) -> u32 {
        (self.words[0] >> 9) & 0x1
    }

    /// Sets `dst_sgl`; bits beyond its 1 are cut.
    pub fn set_dst_sgl(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x1 << 9)) | ((value & 0x1) << 9);
        self
    }

    /// The AAD is in the descriptor.
    pub fn aad_inline(&self) -> u32 {
        (self.words[0] >> 10) & 0x1
    }

    /// Sets `aad_inline`; bits beyond its 1 are cut.
    pub fn set_aad_inline(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x1 << 10)) | ((value & 0x1) << 10);
        self
    }

    /// Where the tag is.
    pub fn tag_mode(&self) -> u32 {
        (self.words[0] >> 11) & 0x3
    }

    /// Sets `tag_mode`; bits beyond its 2 are cut.
    pub fn set_tag_mode(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x3 << 11)) | ((value & 0x3) << 11);
        self
    }

    /// Must be 0.
    pub fn reserved0(&self) -> u32 {
        (self.words[0] >> 13) & 0x7
    }

    /// Sets `reserved0`; bits beyond its 3 are cut.
    pub fn set_reserved0(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x7 << 13)) | ((value & 0x7) << 13);
        self
    }

    /// Tag length, bytes.
    pub fn tag_len(&self) -> u32 {
        (self.words[0] >> 16) & 0x1f
    }

    /// Sets `tag_len`; bits beyond its 5 are cut.
    pub fn set_tag_len(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x1f << 16)) | ((value & 0x1f) << 16);
        self
    }

    /// Must be 0.
    pub fn reserved1(&self) -> u32 {
        (self.words[0] >> 21) & 0x1
    }

    /// Sets `reserved1`; bits beyond its 1 are cut.
    pub fn set_reserved1(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x1 << 21)) | ((value & 0x1) << 21);
        self
    }

    /// IV length, bytes, 1 to 1023: 12 is inline, any other at iv_addr.
    pub fn iv_len(&self) -> u32 {
        (self.words[0] >> 22) & 0x3ff
    }

    /// Sets `iv_len`; bits beyond its 10 are cut.
    pub fn set_iv_len(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0x3ff << 22)) | ((value & 0x3ff) << 22);
        self
    }

    /// Key slot.
    pub fn slot(&self) -> u32 {
        (self.words[1] >> 0) & 0xffff
    }

    /// Sets `slot`; bits beyond its 16 are cut.
    pub fn set_slot(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0xffff << 0)) | ((value & 0xffff) << 0);
        self
    }

    /// The slot's generation, of the key handle.
    pub fn generation(&self) -> u32 {
        (self.words[1] >> 16) & 0xffff
    }

    /// Sets `generation`; bits beyond its 16 are cut.
    pub fn set_generation(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0xffff << 16)) | ((value & 0xffff) << 16);
        self
    }

    /// Returned in the completion.
    pub fn cookie(&self) -> u32 {
        (self.words[2] >> 0) & 0xffffffff
    }

    /// Sets `cookie`; bits beyond its 32 are cut.
    pub fn set_cookie(&mut self, value: u32) -> &mut Self {
        self.words[2] = (self.words[2] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Payload length, bytes.
    pub fn pay_len(&self) -> u32 {
        (self.words[3] >> 0) & 0xffffffff
    }

    /// Sets `pay_len`; bits beyond its 32 are cut.
    pub fn set_pay_len(&mut self, value: u32) -> &mut Self {
        self.words[3] = (self.words[3] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Source IOVA. KEY_LOAD: see key_load.
    pub fn src_lo(&self) -> u32 {
        (self.words[4] >> 0) & 0xffffffff
    }

    /// Sets `src_lo`; bits beyond its 32 are cut.
    pub fn set_src_lo(&mut self, value: u32) -> &mut Self {
        self.words[4] = (self.words[4] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Source IOVA.
    pub fn src_hi(&self) -> u32 {
        (self.words[5] >> 0) & 0xffffffff
    }

    /// Sets `src_hi`; bits beyond its 32 are cut.
    pub fn set_src_hi(&mut self, value: u32) -> &mut Self {
        self.words[5] = (self.words[5] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Destination IOVA.
    pub fn dst_lo(&self) -> u32 {
        (self.words[6] >> 0) & 0xffffffff
    }

    /// Sets `dst_lo`; bits beyond its 32 are cut.
    pub fn set_dst_lo(&mut self, value: u32) -> &mut Self {
        self.words[6] = (self.words[6] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Destination IOVA.
    pub fn dst_hi(&self) -> u32 {
        (self.words[7] >> 0) & 0xffffffff
    }

    /// Sets `dst_hi`; bits beyond its 32 are cut.
    pub fn set_dst_hi(&mut self, value: u32) -> &mut Self {
        self.words[7] = (self.words[7] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// AAD length, bytes.
    pub fn aad_len(&self) -> u32 {
        (self.words[8] >> 0) & 0xffffffff
    }

    /// Sets `aad_len`; bits beyond its 32 are cut.
    pub fn set_aad_len(&mut self, value: u32) -> &mut Self {
        self.words[8] = (self.words[8] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// IV bytes 0-3, or iv_addr low.
    pub fn iv0(&self) -> u32 {
        (self.words[9] >> 0) & 0xffffffff
    }

    /// Sets `iv0`; bits beyond its 32 are cut.
    pub fn set_iv0(&mut self, value: u32) -> &mut Self {
        self.words[9] = (self.words[9] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// IV bytes 4-7, or iv_addr high.
    pub fn iv1(&self) -> u32 {
        (self.words[10] >> 0) & 0xffffffff
    }

    /// Sets `iv1`; bits beyond its 32 are cut.
    pub fn set_iv1(&mut self, value: u32) -> &mut Self {
        self.words[10] = (self.words[10] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// IV bytes 8-11, or 0.
    pub fn iv2(&self) -> u32 {
        (self.words[11] >> 0) & 0xffffffff
    }

    /// Sets `iv2`; bits beyond its 32 are cut.
    pub fn set_iv2(&mut self, value: u32) -> &mut Self {
        self.words[11] = (self.words[11] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Inline AAD bytes 0-3, or AAD IOVA low. KEY_LOAD: type [7:0], domain [15:8], usage [31:16].
    pub fn aad0(&self) -> u32 {
        (self.words[12] >> 0) & 0xffffffff
    }

    /// Sets `aad0`; bits beyond its 32 are cut.
    pub fn set_aad0(&mut self, value: u32) -> &mut Self {
        self.words[12] = (self.words[12] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Inline AAD bytes 4-7, or AAD IOVA high.
    pub fn aad1(&self) -> u32 {
        (self.words[13] >> 0) & 0xffffffff
    }

    /// Sets `aad1`; bits beyond its 32 are cut.
    pub fn set_aad1(&mut self, value: u32) -> &mut Self {
        self.words[13] = (self.words[13] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Inline AAD bytes 8-11, or tag IOVA low.
    pub fn aad2(&self) -> u32 {
        (self.words[14] >> 0) & 0xffffffff
    }

    /// Sets `aad2`; bits beyond its 32 are cut.
    pub fn set_aad2(&mut self, value: u32) -> &mut Self {
        self.words[14] = (self.words[14] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Inline AAD bytes 12-15, or tag IOVA high.
    pub fn aad3(&self) -> u32 {
        (self.words[15] >> 0) & 0xffffffff
    }

    /// Sets `aad3`; bits beyond its 32 are cut.
    pub fn set_aad3(&mut self, value: u32) -> &mut Self {
        self.words[15] = (self.words[15] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }
}

/// `completion` in memory: 32 bytes, little-endian words.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub struct Completion {
    /// The words, in host order after [`Self::from_le`].
    pub words: [u32; 8],
}

impl Completion {
    /// Size in bytes.
    pub const SIZE: usize = 32;
    /// (name, lowest bit, width) of every field.
    pub const FIELDS: &'static [(&'static str, usize, usize)] = &[
        ("result0", 0, 32),
        ("result1", 32, 32),
        ("result2", 64, 32),
        ("result3", 96, 32),
        ("cookie", 128, 32),
        ("bytes", 160, 32),
        ("sq_head", 192, 16),
        ("queue_id", 208, 8),
        ("reserved0", 216, 8),
        ("status", 224, 8),
        ("reserved1", 232, 23),
        ("phase", 255, 1),
    ];
    /// The setter of every field, in the order of [`Self::FIELDS`].
    pub const SETTERS: &'static [fn(&mut Self, u32) -> &mut Self] = &[
        Self::set_result0,
        Self::set_result1,
        Self::set_result2,
        Self::set_result3,
        Self::set_cookie,
        Self::set_bytes,
        Self::set_sq_head,
        Self::set_queue_id,
        Self::set_reserved0,
        Self::set_status,
        Self::set_reserved1,
        Self::set_phase,
    ];

    /// Tag bytes 0-3 (tag_mode COMPLETION); KEY_LOAD: the generation; DMA errors: IOVA of the page, low.
    pub fn result0(&self) -> u32 {
        (self.words[0] >> 0) & 0xffffffff
    }

    /// Sets `result0`; bits beyond its 32 are cut.
    pub fn set_result0(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Tag bytes 4-7; DMA errors: IOVA of the page, high.
    pub fn result1(&self) -> u32 {
        (self.words[1] >> 0) & 0xffffffff
    }

    /// Sets `result1`; bits beyond its 32 are cut.
    pub fn set_result1(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Tag bytes 8-11.
    pub fn result2(&self) -> u32 {
        (self.words[2] >> 0) & 0xffffffff
    }

    /// Sets `result2`; bits beyond its 32 are cut.
    pub fn set_result2(&mut self, value: u32) -> &mut Self {
        self.words[2] = (self.words[2] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Tag bytes 12-15.
    pub fn result3(&self) -> u32 {
        (self.words[3] >> 0) & 0xffffffff
    }

    /// Sets `result3`; bits beyond its 32 are cut.
    pub fn set_result3(&mut self, value: u32) -> &mut Self {
        self.words[3] = (self.words[3] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// The submission's cookie.
    pub fn cookie(&self) -> u32 {
        (self.words[4] >> 0) & 0xffffffff
    }

    /// Sets `cookie`; bits beyond its 32 are cut.
    pub fn set_cookie(&mut self, value: u32) -> &mut Self {
        self.words[4] = (self.words[4] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Bytes written to dst, tag not counted; 0 unless OK.
    pub fn bytes(&self) -> u32 {
        (self.words[5] >> 0) & 0xffffffff
    }

    /// Sets `bytes`; bits beyond its 32 are cut.
    pub fn set_bytes(&mut self, value: u32) -> &mut Self {
        self.words[5] = (self.words[5] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Submissions the device has fetched, modulo 2^16: their entries are free.
    pub fn sq_head(&self) -> u32 {
        (self.words[6] >> 0) & 0xffff
    }

    /// Sets `sq_head`; bits beyond its 16 are cut.
    pub fn set_sq_head(&mut self, value: u32) -> &mut Self {
        self.words[6] = (self.words[6] & !(0xffff << 0)) | ((value & 0xffff) << 0);
        self
    }

    /// The queue.
    pub fn queue_id(&self) -> u32 {
        (self.words[6] >> 16) & 0xff
    }

    /// Sets `queue_id`; bits beyond its 8 are cut.
    pub fn set_queue_id(&mut self, value: u32) -> &mut Self {
        self.words[6] = (self.words[6] & !(0xff << 16)) | ((value & 0xff) << 16);
        self
    }

    /// 0.
    pub fn reserved0(&self) -> u32 {
        (self.words[6] >> 24) & 0xff
    }

    /// Sets `reserved0`; bits beyond its 8 are cut.
    pub fn set_reserved0(&mut self, value: u32) -> &mut Self {
        self.words[6] = (self.words[6] & !(0xff << 24)) | ((value & 0xff) << 24);
        self
    }

    /// Outcome.
    pub fn status(&self) -> u32 {
        (self.words[7] >> 0) & 0xff
    }

    /// Sets `status`; bits beyond its 8 are cut.
    pub fn set_status(&mut self, value: u32) -> &mut Self {
        self.words[7] = (self.words[7] & !(0xff << 0)) | ((value & 0xff) << 0);
        self
    }

    /// 0.
    pub fn reserved1(&self) -> u32 {
        (self.words[7] >> 8) & 0x7fffff
    }

    /// Sets `reserved1`; bits beyond its 23 are cut.
    pub fn set_reserved1(&mut self, value: u32) -> &mut Self {
        self.words[7] = (self.words[7] & !(0x7fffff << 8)) | ((value & 0x7fffff) << 8);
        self
    }

    /// 1 on the ring's first pass, then alternating. Written last.
    pub fn phase(&self) -> u32 {
        (self.words[7] >> 31) & 0x1
    }

    /// Sets `phase`; bits beyond its 1 are cut.
    pub fn set_phase(&mut self, value: u32) -> &mut Self {
        self.words[7] = (self.words[7] & !(0x1 << 31)) | ((value & 0x1) << 31);
        self
    }
}

/// `sg_element` in memory: 16 bytes, little-endian words.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub struct SgElement {
    /// The words, in host order after [`Self::from_le`].
    pub words: [u32; 4],
}

impl SgElement {
    /// Size in bytes.
    pub const SIZE: usize = 16;
    /// (name, lowest bit, width) of every field.
    pub const FIELDS: &'static [(&'static str, usize, usize)] = &[
        ("addr_lo", 0, 32),
        ("addr_hi", 32, 32),
        ("len", 64, 32),
        ("reserved0", 96, 32),
    ];
    /// The setter of every field, in the order of [`Self::FIELDS`].
    pub const SETTERS: &'static [fn(&mut Self, u32) -> &mut Self] = &[
        Self::set_addr_lo,
        Self::set_addr_hi,
        Self::set_len,
        Self::set_reserved0,
    ];

    /// IOVA.
    pub fn addr_lo(&self) -> u32 {
        (self.words[0] >> 0) & 0xffffffff
    }

    /// Sets `addr_lo`; bits beyond its 32 are cut.
    pub fn set_addr_lo(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// IOVA.
    pub fn addr_hi(&self) -> u32 {
        (self.words[1] >> 0) & 0xffffffff
    }

    /// Sets `addr_hi`; bits beyond its 32 are cut.
    pub fn set_addr_hi(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Length, bytes, at least 1.
    pub fn len(&self) -> u32 {
        (self.words[2] >> 0) & 0xffffffff
    }

    /// Sets `len`; bits beyond its 32 are cut.
    pub fn set_len(&mut self, value: u32) -> &mut Self {
        self.words[2] = (self.words[2] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Must be 0.
    pub fn reserved0(&self) -> u32 {
        (self.words[3] >> 0) & 0xffffffff
    }

    /// Sets `reserved0`; bits beyond its 32 are cut.
    pub fn set_reserved0(&mut self, value: u32) -> &mut Self {
        self.words[3] = (self.words[3] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }
}

/// `key_attributes` in memory: 32 bytes, little-endian words.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub struct KeyAttributes {
    /// The words, in host order after [`Self::from_le`].
    pub words: [u32; 8],
}

impl KeyAttributes {
    /// Size in bytes.
    pub const SIZE: usize = 32;
    /// (name, lowest bit, width) of every field.
    pub const FIELDS: &'static [(&'static str, usize, usize)] = &[
        ("key_type", 0, 8),
        ("domain", 8, 8),
        ("usage_bits", 16, 16),
        ("generation", 32, 16),
        ("iv_policy", 48, 2),
        ("reserved0", 50, 2),
        ("origin", 52, 3),
        ("valid", 55, 1),
        ("key_len", 56, 7),
        ("reserved1", 63, 1),
        ("limit", 64, 32),
        ("used", 96, 32),
        ("label0", 128, 32),
        ("label1", 160, 32),
        ("label2", 192, 32),
        ("reserved2", 224, 32),
    ];
    /// The setter of every field, in the order of [`Self::FIELDS`].
    pub const SETTERS: &'static [fn(&mut Self, u32) -> &mut Self] = &[
        Self::set_key_type,
        Self::set_domain,
        Self::set_usage_bits,
        Self::set_generation,
        Self::set_iv_policy,
        Self::set_reserved0,
        Self::set_origin,
        Self::set_valid,
        Self::set_key_len,
        Self::set_reserved1,
        Self::set_limit,
        Self::set_used,
        Self::set_label0,
        Self::set_label1,
        Self::set_label2,
        Self::set_reserved2,
    ];

    /// Type; 0 if the slot is empty.
    pub fn key_type(&self) -> u32 {
        (self.words[0] >> 0) & 0xff
    }

    /// Sets `key_type`; bits beyond its 8 are cut.
    pub fn set_key_type(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0xff << 0)) | ((value & 0xff) << 0);
        self
    }

    /// Domain.
    pub fn domain(&self) -> u32 {
        (self.words[0] >> 8) & 0xff
    }

    /// Sets `domain`; bits beyond its 8 are cut.
    pub fn set_domain(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0xff << 8)) | ((value & 0xff) << 8);
        self
    }

    /// Usage bits.
    pub fn usage_bits(&self) -> u32 {
        (self.words[0] >> 16) & 0xffff
    }

    /// Sets `usage_bits`; bits beyond its 16 are cut.
    pub fn set_usage_bits(&mut self, value: u32) -> &mut Self {
        self.words[0] = (self.words[0] & !(0xffff << 16)) | ((value & 0xffff) << 16);
        self
    }

    /// Generation. In a blob 0x4d43 (CM).
    pub fn generation(&self) -> u32 {
        (self.words[1] >> 0) & 0xffff
    }

    /// Sets `generation`; bits beyond its 16 are cut.
    pub fn set_generation(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0xffff << 0)) | ((value & 0xffff) << 0);
        self
    }

    /// IV policy; of P256 and P384 ec_options.
    pub fn iv_policy(&self) -> u32 {
        (self.words[1] >> 16) & 0x3
    }

    /// Sets `iv_policy`; bits beyond its 2 are cut.
    pub fn set_iv_policy(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0x3 << 16)) | ((value & 0x3) << 16);
        self
    }

    /// 0.
    pub fn reserved0(&self) -> u32 {
        (self.words[1] >> 18) & 0x3
    }

    /// Sets `reserved0`; bits beyond its 2 are cut.
    pub fn set_reserved0(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0x3 << 18)) | ((value & 0x3) << 18);
        self
    }

    /// Origin.
    pub fn origin(&self) -> u32 {
        (self.words[1] >> 20) & 0x7
    }

    /// Sets `origin`; bits beyond its 3 are cut.
    pub fn set_origin(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0x7 << 20)) | ((value & 0x7) << 20);
        self
    }

    /// Holds a key. In a blob 1.
    pub fn valid(&self) -> u32 {
        (self.words[1] >> 23) & 0x1
    }

    /// Sets `valid`; bits beyond its 1 are cut.
    pub fn set_valid(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0x1 << 23)) | ((value & 0x1) << 23);
        self
    }

    /// Bytes of the key.
    pub fn key_len(&self) -> u32 {
        (self.words[1] >> 24) & 0x7f
    }

    /// Sets `key_len`; bits beyond its 7 are cut.
    pub fn set_key_len(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0x7f << 24)) | ((value & 0x7f) << 24);
        self
    }

    /// 0.
    pub fn reserved1(&self) -> u32 {
        (self.words[1] >> 31) & 0x1
    }

    /// Sets `reserved1`; bits beyond its 1 are cut.
    pub fn set_reserved1(&mut self, value: u32) -> &mut Self {
        self.words[1] = (self.words[1] & !(0x1 << 31)) | ((value & 0x1) << 31);
        self
    }

    /// Uses allowed: seals, wraps of a wrapping key, or signatures of P256 and P384.
    pub fn limit(&self) -> u32 {
        (self.words[2] >> 0) & 0xffffffff
    }

    /// Sets `limit`; bits beyond its 32 are cut.
    pub fn set_limit(&mut self, value: u32) -> &mut Self {
        self.words[2] = (self.words[2] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Uses begun.
    pub fn used(&self) -> u32 {
        (self.words[3] >> 0) & 0xffffffff
    }

    /// Sets `used`; bits beyond its 32 are cut.
    pub fn set_used(&mut self, value: u32) -> &mut Self {
        self.words[3] = (self.words[3] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Label, bytes 0-3: the host's choice.
    pub fn label0(&self) -> u32 {
        (self.words[4] >> 0) & 0xffffffff
    }

    /// Sets `label0`; bits beyond its 32 are cut.
    pub fn set_label0(&mut self, value: u32) -> &mut Self {
        self.words[4] = (self.words[4] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Label, bytes 4-7.
    pub fn label1(&self) -> u32 {
        (self.words[5] >> 0) & 0xffffffff
    }

    /// Sets `label1`; bits beyond its 32 are cut.
    pub fn set_label1(&mut self, value: u32) -> &mut Self {
        self.words[5] = (self.words[5] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// Label, bytes 8-11.
    pub fn label2(&self) -> u32 {
        (self.words[6] >> 0) & 0xffffffff
    }

    /// Sets `label2`; bits beyond its 32 are cut.
    pub fn set_label2(&mut self, value: u32) -> &mut Self {
        self.words[6] = (self.words[6] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }

    /// 0.
    pub fn reserved2(&self) -> u32 {
        (self.words[7] >> 0) & 0xffffffff
    }

    /// Sets `reserved2`; bits beyond its 32 are cut.
    pub fn set_reserved2(&mut self, value: u32) -> &mut Self {
        self.words[7] = (self.words[7] & !(0xffffffff << 0)) | ((value & 0xffffffff) << 0);
        self
    }
}

/// Bits of STATUS.
pub mod status {
    /// Serving: self-tests passed, not zeroized.
    pub const READY: u32 = 1 << 0;
    /// Tamper seen since reset.
    pub const TAMPER: u32 = 1 << 1;
    /// Some queue is in its error state.
    pub const QUEUE_ERROR: u32 = 1 << 2;
    /// A request is in flight.
    pub const BUSY: u32 = 1 << 3;
    /// Sealed.
    pub const SEALED: u32 = 1 << 4;
    /// Zeroized: nothing is left of any key. Requests are refused from the start of it, before this bit, until the device is reset.
    pub const ZEROIZED: u32 = 1 << 5;
    /// The power-up self-tests are over.
    pub const SELFTEST_DONE: u32 = 1 << 6;
    /// One of them failed, and the device was zeroized.
    pub const SELFTEST_FAILED: u32 = 1 << 7;
    /// The noise source failed its tests: no random bits until reset.
    pub const ENTROPY_ERROR: u32 = 1 << 8;
}

/// Bits of CONTROL.
pub mod control {
    /// Write 1: zero all counters.
    pub const CLEAR_COUNTERS: u32 = 1 << 0;
    /// Write 1: seal the device, until it is reset: KEY_LOAD and writes to QUEUE_BIND are refused.
    pub const SEAL: u32 = 1 << 1;
    /// Write 1: zeroize the device, as the tamper input does: every key, and all data in flight. Final until it is reset.
    pub const ZEROIZE: u32 = 1 << 2;
}

/// Usage bits of a slot.
pub mod usage {
    /// GCM_SEAL.
    pub const ENCRYPT: u16 = 1 << 0;
    /// GCM_OPEN.
    pub const DECRYPT: u16 = 1 << 1;
    /// MAC_SIGN, EC_SIGN.
    pub const SIGN: u16 = 1 << 2;
    /// MAC_VERIFY.
    pub const VERIFY: u16 = 1 << 3;
    /// KEY_HKDF, KEY_KBKDF or, with IV policy DERIVED, KEY_MESSAGE; of P256 and P384 EC_ECDH.
    pub const DERIVE: u16 = 1 << 4;
    /// Wraps other keys.
    pub const WRAP: u16 = 1 << 5;
    /// Unwraps other keys.
    pub const UNWRAP: u16 = 1 << 6;
    /// May be wrapped by KEY_WRAP.
    pub const EXPORT_WRAPPED: u16 = 1 << 7;
    /// May be wrapped by KWP_WRAP; of a wrapping key: may do KWP_WRAP and KWP_UNWRAP.
    pub const KWP: u16 = 1 << 8;
    /// EC_RAW: the shared secret reaches the host.
    pub const RAW: u16 = 1 << 9;
    /// EC_SIGN may be asked for nonces without randomness.
    pub const DETERMINISTIC: u16 = 1 << 10;
}

/// Options of a P256 or P384 key, in the field of its IV policy.
pub mod ec_options {
    /// The private key and the nonce are blinded.
    pub const BLIND: u16 = 1 << 0;
    /// EC_SIGN: the signature is verified before it is given away, with the public key made again; else EC_FAULT.
    pub const VERIFY: u16 = 1 << 1;
}
