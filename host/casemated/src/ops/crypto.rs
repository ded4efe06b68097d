// SPDX-License-Identifier: Apache-2.0
//! Symmetric encryption: Encrypt, Decrypt, ReEncrypt, data keys, random bytes.

use super::{By, Request, With, blob};
use crate::blob::{self as ciphertext, Parts};
use crate::context::EncryptionContext;
use crate::device::{Material, Plaintext};
use crate::error::{Answer, ApiError};
use crate::id::{self, KeyId};
use crate::key::Key;
use casemate::Error;
use serde_json::json;
use std::sync::Arc;
use zeroize::Zeroizing;

fn bad_ciphertext() -> ApiError {
    ApiError::new("InvalidCiphertextException", "")
}

fn incorrect_key() -> ApiError {
    ApiError::new(
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
    )
}

impl Request<'_> {
    /// The algorithm of a member: a symmetric key has one.
    fn symmetric(&self, member: &str, key: &Key) -> Result<(), ApiError> {
        match self.text(member) {
            None | Some("SYMMETRIC_DEFAULT") => Ok(()),
            Some(a) => Err(ApiError::new(
                "InvalidKeyUsageException",
                format!("Algorithm {a} is incompatible with key spec {}.", key.doc.spec),
            )),
        }
    }

    pub(super) async fn encrypt(&mut self) -> Answer {
        let context = EncryptionContext::of(self.input, "EncryptionContext")?;
        let key = self.usable("ENCRYPT_DECRYPT", Some(&context)).await?;
        self.symmetric("EncryptionAlgorithm", &key)?;
        let plaintext = self.blob("Plaintext")?;
        self.not_dry()?;
        let material = self.material(&key).await?;
        let (sealed, _) = self
            .service
            .hsm
            .seal(&material, Plaintext::Given(plaintext), &context)
            .await?;
        Ok(json!({
            "CiphertextBlob": blob(&sealed),
            "KeyId": key.arn,
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        }))
    }

    /// The key and material of a blob, with permission to open it. `named` is the key that the caller expects.
    async fn source(
        &mut self,
        parts: &Parts<'_>,
        named: Option<&str>,
        action: &str,
        context: &EncryptionContext,
        same_key: Option<bool>,
    ) -> Result<(Key, Arc<Material>), ApiError> {
        let mut alias = None;
        let key = match named {
            Some(named) => {
                let found = self.find(named, By::IdOrAlias).await?;
                alias = found.alias;
                found.key
            }
            // Of another account's key and of none the answer is the same.
            None => {
                let found = self.service.key(&parts.header.key).await?;
                let key = found.ok_or_else(bad_ciphertext)?;
                self.note
                    .resources
                    .push(casemate_audit::Resource::key(&key.arn, &key.account));
                key
            }
        };
        let with = With {
            context: Some(context),
            alias: alias.as_deref(),
            same_key,
            ..With::default()
        };
        let may = self.authorize(action, &key, with).await;
        if may.is_err() && named.is_none() && key.account != self.account() {
            return Err(bad_ciphertext());
        }
        may?;
        if key.id != parts.header.key {
            return Err(incorrect_key());
        }
        self.of_use(&key, "ENCRYPT_DECRYPT")?;
        let id = hex::encode(parts.header.material);
        let material = self
            .service
            .material(&key, &id)
            .await?
            .ok_or_else(bad_ciphertext)?;
        self.note.details.key_material_id = Some(id);
        Ok((key, material))
    }

    async fn open(
        &self,
        material: &Arc<Material>,
        parts: &Parts<'_>,
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        match self.service.hsm.open(material, parts, context).await {
            Err(Error::NotAuthentic) => Err(bad_ciphertext()),
            done => Ok(done?),
        }
    }

    pub(super) async fn decrypt(&mut self) -> Answer {
        self.without(&["Recipient"])?;
        let context = EncryptionContext::of(self.input, "EncryptionContext")?;
        let sealed = self.blob("CiphertextBlob")?;
        let named = self.text("KeyId").map(str::to_owned);
        let Some(parts) = ciphertext::split(&sealed) else {
            // Whether the key may be used is told before what is wrong with the ciphertext.
            if named.is_some() {
                self.permitted_with(&context).await?;
            }
            return Err(bad_ciphertext());
        };
        let (key, material) = self
            .source(&parts, named.as_deref(), "Decrypt", &context, None)
            .await?;
        self.symmetric("EncryptionAlgorithm", &key)?;
        // A dry run opens it too: it tells whether the request would have succeeded.
        let plaintext = self.open(&material, &parts, &context).await?;
        self.not_dry()?;
        Ok(json!({
            "KeyId": key.arn,
            "Plaintext": blob(&plaintext),
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "KeyMaterialId": hex::encode(material.id),
        }))
    }

    async fn permitted_with(&mut self, context: &EncryptionContext) -> Result<(), ApiError> {
        let named = self.required("KeyId")?.to_owned();
        let found = self.find(&named, By::IdOrAlias).await?;
        let with = With {
            context: Some(context),
            alias: found.alias.as_deref(),
            ..With::default()
        };
        self.authorize(self.operation, &found.key, with).await
    }

    /// Whether a text names this key, by whatever name.
    async fn is_named(&self, named: &str, key: &KeyId) -> Result<bool, ApiError> {
        let (account, name) = match id::split_arn(named) {
            Some((_, account, name)) => (account, name),
            None => (self.account(), named),
        };
        if name.starts_with("alias/") {
            return Ok(self.alias_target(account, name).await?.as_ref() == Some(key));
        }
        let id = name.strip_prefix("key/").unwrap_or(name);
        Ok(id.parse::<KeyId>().is_ok_and(|id| id == *key))
    }

    pub(super) async fn re_encrypt(&mut self) -> Answer {
        let from = EncryptionContext::of(self.input, "SourceEncryptionContext")?;
        let to = EncryptionContext::of(self.input, "DestinationEncryptionContext")?;
        let sealed = self.blob("CiphertextBlob")?;
        let parts = ciphertext::split(&sealed).ok_or_else(bad_ciphertext)?;
        let destination = self.required("DestinationKeyId")?.to_owned();
        let same = self.is_named(&destination, &parts.header.key).await?;
        let named = self.text("SourceKeyId").map(str::to_owned);
        let (source, old) = self
            .source(&parts, named.as_deref(), "ReEncryptFrom", &from, Some(same))
            .await?;
        self.symmetric("SourceEncryptionAlgorithm", &source)?;
        let found = self.find(&destination, By::IdOrAlias).await?;
        let with = With {
            context: Some(&to),
            alias: found.alias.as_deref(),
            same_key: Some(same),
            ..With::default()
        };
        self.authorize("ReEncryptTo", &found.key, with).await?;
        let key = found.key;
        self.of_use(&key, "ENCRYPT_DECRYPT")?;
        self.symmetric("DestinationEncryptionAlgorithm", &key)?;
        let plaintext = self.open(&old, &parts, &from).await?;
        self.not_dry()?;
        let material = self.material(&key).await?;
        let (sealed, _) = self
            .service
            .hsm
            .seal(&material, Plaintext::Given(plaintext), &to)
            .await?;
        Ok(json!({
            "CiphertextBlob": blob(&sealed),
            "SourceKeyId": source.arn,
            "KeyId": key.arn,
            "SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "SourceKeyMaterialId": hex::encode(old.id),
            "DestinationKeyMaterialId": hex::encode(material.id),
        }))
    }

    pub(super) async fn generate_data_key(&mut self, plain: bool) -> Answer {
        self.without(&["Recipient"])?;
        let context = EncryptionContext::of(self.input, "EncryptionContext")?;
        let key = self.usable("ENCRYPT_DECRYPT", Some(&context)).await?;
        let bytes = match (self.text("KeySpec"), self.number("NumberOfBytes")) {
            (Some("AES_128"), None) => 16,
            (Some(_), None) => 32,
            (None, Some(n)) => n as usize,
            (None, None) if !plain => 32,
            _ => {
                return Err(ApiError::validation(
                    "Please specify either number of bytes or key spec.",
                ));
            }
        };
        self.not_dry()?;
        let material = self.material(&key).await?;
        let (sealed, secret) = self
            .service
            .hsm
            .seal(&material, Plaintext::Random(bytes), &context)
            .await?;
        let mut answer = json!({
            "CiphertextBlob": blob(&sealed),
            "KeyId": key.arn,
            "KeyMaterialId": hex::encode(material.id),
        });
        if plain {
            answer["Plaintext"] = blob(&secret).into();
        }
        Ok(answer)
    }

    pub(super) async fn generate_random(&mut self) -> Answer {
        self.without(&["Recipient", "CustomKeyStoreId"])?;
        let c = self.context();
        self.authorize_unowned("GenerateRandom", None, &c)?;
        let n = self.number("NumberOfBytes");
        let n = n.ok_or_else(|| ApiError::validation("NumberOfBytes is required."))? as usize;
        let domain = self.service.domain(self.account()).await?;
        let random = self.service.hsm.run(move |w| {
            let mut out = Zeroizing::new(vec![0; n]);
            w.keys(domain)?.random(&mut out)?;
            Ok(out)
        });
        Ok(json!({"Plaintext": blob(&random.await?)}))
    }
}
