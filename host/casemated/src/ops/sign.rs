// SPDX-License-Identifier: Apache-2.0
//! Key pairs: Sign, Verify, GetPublicKey, DeriveSharedSecret.

use super::{By, Request, blob, enabled};
use crate::error::{Answer, ApiError};
use crate::key::{self, Key};
use casemate::{Curve, Error, Hash, PublicKey, Signature};
use serde_json::json;
use sha2::{Digest, Sha256, Sha384};

fn bad_signature() -> ApiError {
    ApiError::new("KMSInvalidSignatureException", "")
}

impl Request<'_> {
    /// The key's curve, its hash and the message's digest.
    fn digest(&self, key: &Key) -> Result<(Curve, Hash, Vec<u8>), ApiError> {
        let algorithm = self.required("SigningAlgorithm")?;
        let spec = key.doc.spec.as_str();
        if algorithm != key::algorithm(spec) {
            return Err(ApiError::new(
                "InvalidKeyUsageException",
                format!("Algorithm {algorithm} is incompatible with key spec {spec}."),
            ));
        }
        let message = self.blob("Message")?;
        let curve = key::curve(spec).ok_or_else(|| ApiError::internal("a key pair without a curve"))?;
        let (hash, len) = match curve {
            Curve::P256 => (Hash::Sha256, 32),
            Curve::P384 => (Hash::Sha384, 48),
        };
        let digest = match self.text("MessageType") {
            Some("DIGEST") if message.len() != len => {
                return Err(ApiError::validation(format!(
                    "Digest is invalid length for algorithm {algorithm}."
                )));
            }
            Some("DIGEST") => message.to_vec(),
            None | Some("RAW") => match curve {
                Curve::P256 => Sha256::digest(&*message).to_vec(),
                Curve::P384 => Sha384::digest(&*message).to_vec(),
            },
            Some(other) => {
                return Err(ApiError::validation(format!(
                    "MessageType {other} is not valid for algorithm {algorithm}."
                )));
            }
        };
        Ok((curve, hash, digest))
    }

    pub(super) async fn sign(&mut self) -> Answer {
        let key = self.usable("SIGN_VERIFY", None).await?;
        let (_, hash, digest) = self.digest(&key)?;
        self.not_dry()?;
        let m = self.material(&key).await?;
        let signed = self
            .service
            .hsm
            .run(move |w| w.with(&m, |keys, handle| keys.sign(handle, hash, &digest)));
        Ok(json!({
            "KeyId": key.arn,
            "Signature": blob(&signed.await?.to_der()),
            "SigningAlgorithm": self.required("SigningAlgorithm")?,
        }))
    }

    pub(super) async fn verify(&mut self) -> Answer {
        let key = self.usable("SIGN_VERIFY", None).await?;
        let (curve, _, digest) = self.digest(&key)?;
        let given = self.blob("Signature")?;
        let signature = Signature::from_der(curve, &given).map_err(|_| bad_signature())?;
        let m = self.material(&key).await?;
        let verified = self.service.hsm.run(move |w| {
            let public = m
                .public
                .as_ref()
                .ok_or_else(|| Error::Invalid("a key pair without a public key".into()))?;
            w.keys(m.domain)?.verify(public, &digest, &signature)
        });
        match verified.await {
            Err(Error::BadSignature) => Err(bad_signature()),
            Err(e) => Err(e.into()),
            Ok(()) => {
                self.not_dry()?;
                Ok(json!({
                    "KeyId": key.arn,
                    "SignatureValid": true,
                    "SigningAlgorithm": self.required("SigningAlgorithm")?,
                }))
            }
        }
    }

    pub(super) async fn get_public_key(&mut self) -> Answer {
        let key = self.permitted(By::IdOrAlias).await?;
        enabled(&key)?;
        let m = self.material(&key).await?;
        let Some(public) = &m.public else {
            return Err(ApiError::unsupported(format!(
                "{} key spec is {} which is not valid for GetPublicKey.",
                key.arn, key.doc.spec
            )));
        };
        let mut answer = json!({
            "KeyId": key.arn,
            "PublicKey": blob(&public.to_der()),
            "CustomerMasterKeySpec": key.doc.spec,
            "KeySpec": key.doc.spec,
            "KeyUsage": key.doc.usage,
        });
        if key.doc.usage == "SIGN_VERIFY" {
            answer["SigningAlgorithms"] = json!([key::algorithm(&key.doc.spec)]);
        } else {
            answer["KeyAgreementAlgorithms"] = json!(["ECDH"]);
        }
        Ok(answer)
    }

    pub(super) async fn derive_shared_secret(&mut self) -> Answer {
        self.without(&["Recipient"])?;
        let key = self.usable("KEY_AGREEMENT", None).await?;
        let invalid = || ApiError::validation("PublicKey is not a public key of the key's curve in DER.");
        let peer = PublicKey::from_der(&self.blob("PublicKey")?).map_err(|_| invalid())?;
        if Some(peer.curve()) != key::curve(&key.doc.spec) {
            return Err(invalid());
        }
        self.not_dry()?;
        let m = self.material(&key).await?;
        let agreed = self
            .service
            .hsm
            .run(move |w| w.with(&m, |keys, handle| keys.shared_secret(handle, &peer)));
        match agreed.await {
            Err(Error::BadPublicKey) => Err(invalid()),
            Err(e) => Err(e.into()),
            Ok(secret) => Ok(json!({
                "KeyId": key.arn,
                "SharedSecret": blob(&secret),
                "KeyAgreementAlgorithm": "ECDH",
                "KeyOrigin": "AWS_KMS",
            })),
        }
    }
}
