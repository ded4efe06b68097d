// SPDX-License-Identifier: Apache-2.0
//! Exceptions of the API, with its codes, messages and HTTP statuses.

use serde_json::{Value, json};

/// An exception, as the client gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// As in NotFoundException.
    pub code: &'static str,
    /// HTTP.
    pub status: u16,
    /// For the client; no secret is in it.
    pub message: String,
}

/// An answer's members, or an exception.
pub type Answer = Result<Value, ApiError>;

impl ApiError {
    /// One of the client's making.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            status: 400,
            message: message.into(),
        }
    }

    /// What breaks a constraint.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// What is no JSON of the right types.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    /// No such key, alias or grant.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new("NotFoundException", message)
    }

    /// What this service does not do.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new("UnsupportedOperationException", message)
    }

    /// A state of the key in which the operation is not possible.
    pub fn state(message: impl Into<String>) -> Self {
        Self::new("KMSInvalidStateException", message)
    }

    /// The service is at fault; the reason goes to the log, not to the client.
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        tracing::error!("{reason}");
        Self {
            code: "KMSInternalException",
            status: 500,
            message:
                "The request was rejected because an internal exception occurred. The request can be retried."
                    .into(),
        }
    }

    /// The answer's body.
    pub fn body(&self) -> Vec<u8> {
        json!({"__type": self.code, "message": self.message})
            .to_string()
            .into_bytes()
    }
}

/// What the device refuses that is no fault of the caller's.
impl From<casemate::Error> for ApiError {
    fn from(e: casemate::Error) -> Self {
        Self::internal(format_args!("device: {e}"))
    }
}
