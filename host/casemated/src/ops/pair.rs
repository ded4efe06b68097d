// SPDX-License-Identifier: Apache-2.0
//! Data key pairs: the one sort of private key that the API gives away, made of the device's random bytes.

use super::{Request, blob};
use crate::context::EncryptionContext;
use crate::device::Plaintext;
use crate::error::{Answer, ApiError};
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey};
use serde_json::json;
use zeroize::Zeroizing;

/// PKCS #8 of the private key and SubjectPublicKeyInfo of the public key; None of bytes that are no private key.
fn pair(spec: &str, random: &[u8]) -> Option<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    let (private, public) = if spec == "ECC_NIST_P256" {
        let key = p256::SecretKey::from_slice(random).ok()?;
        (key.to_pkcs8_der(), key.public_key().to_public_key_der())
    } else {
        let key = p384::SecretKey::from_slice(random).ok()?;
        (key.to_pkcs8_der(), key.public_key().to_public_key_der())
    };
    Some((
        Zeroizing::new(private.ok()?.as_bytes().to_vec()),
        public.ok()?.into_vec(),
    ))
}

impl Request<'_> {
    pub(super) async fn generate_data_key_pair(&mut self, plain: bool) -> Answer {
        self.without(&["Recipient"])?;
        let context = EncryptionContext::of(self.input, "EncryptionContext")?;
        let key = self.usable("ENCRYPT_DECRYPT", Some(&context)).await?;
        let spec = self.required("KeyPairSpec")?.to_owned();
        let bytes = match spec.as_str() {
            "ECC_NIST_P256" => 32,
            "ECC_NIST_P384" => 48,
            _ => {
                return Err(ApiError::unsupported(format!(
                    "KeyPairSpec {spec} is not supported by this service: it has ECC_NIST_P256 and ECC_NIST_P384."
                )));
            }
        };
        self.not_dry()?;
        let material = self.material(&key).await?;
        let (private, public) = loop {
            let domain = material.domain;
            let random = self.service.hsm.run(move |w| {
                let mut out = Zeroizing::new(vec![0; bytes]);
                w.keys(domain)?.random(&mut out)?;
                Ok(out)
            });
            // Of 2^32 tries one is no scalar (FIPS 186-5, A.2.2).
            if let Some(p) = pair(&spec, &random.await?) {
                break p;
            }
        };
        let shown = plain.then(|| blob(&private));
        let (sealed, _) = self
            .service
            .hsm
            .seal(&material, Plaintext::Given(private), &context)
            .await?;
        let mut answer = json!({
            "PrivateKeyCiphertextBlob": blob(&sealed),
            "PublicKey": blob(&public),
            "KeyId": key.arn,
            "KeyPairSpec": spec,
            "KeyMaterialId": hex::encode(material.id),
        });
        if let Some(p) = shown {
            answer["PrivateKeyPlaintext"] = p.into();
        }
        Ok(answer)
    }
}
