// SPDX-License-Identifier: Apache-2.0
//! GenerateMac, VerifyMac.

use super::{Request, blob};
use crate::error::{Answer, ApiError};
use crate::key::{self, Key};
use casemate::{Error, Hash};
use serde_json::json;

fn bad_mac() -> ApiError {
    ApiError::new("KMSInvalidMacException", "")
}

impl Request<'_> {
    /// The hash of the request's algorithm and its length.
    fn mac_hash(&self, key: &Key) -> Result<(Hash, usize), ApiError> {
        let algorithm = self.required("MacAlgorithm")?;
        if algorithm != key::algorithm(&key.doc.spec) {
            return Err(ApiError::new(
                "InvalidKeyUsageException",
                format!(
                    "Algorithm {algorithm} is incompatible with key spec {}.",
                    key.doc.spec
                ),
            ));
        }
        Ok(match algorithm {
            "HMAC_SHA_256" => (Hash::Sha256, 32),
            "HMAC_SHA_384" => (Hash::Sha384, 48),
            _ => (Hash::Sha512, 64),
        })
    }

    pub(super) async fn generate_mac(&mut self) -> Answer {
        let key = self.usable("GENERATE_VERIFY_MAC", None).await?;
        let (hash, len) = self.mac_hash(&key)?;
        let message = self.blob("Message")?;
        self.not_dry()?;
        let m = self.material(&key).await?;
        let mac = self
            .service
            .hsm
            .run(move |w| w.with(&m, |keys, handle| keys.mac(handle, hash, len, &message)));
        Ok(json!({
            "Mac": blob(&mac.await?),
            "MacAlgorithm": self.required("MacAlgorithm")?,
            "KeyId": key.arn,
        }))
    }

    pub(super) async fn verify_mac(&mut self) -> Answer {
        let key = self.usable("GENERATE_VERIFY_MAC", None).await?;
        let (hash, len) = self.mac_hash(&key)?;
        let (message, mac) = (self.blob("Message")?, self.blob("Mac")?);
        if mac.len() != len {
            return Err(bad_mac());
        }
        let m = self.material(&key).await?;
        let checked = self
            .service
            .hsm
            .run(move |w| w.with(&m, |keys, handle| keys.mac_verify(handle, hash, &message, &mac)));
        match checked.await {
            Err(Error::NotAuthentic) => Err(bad_mac()),
            Err(e) => Err(e.into()),
            Ok(()) => {
                self.not_dry()?;
                Ok(json!({
                    "KeyId": key.arn,
                    "MacValid": true,
                    "MacAlgorithm": self.required("MacAlgorithm")?,
                }))
            }
        }
    }
}
