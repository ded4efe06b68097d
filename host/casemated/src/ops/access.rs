// SPDX-License-Identifier: Apache-2.0
//! Key policies. A key has one, and its name is `default`.

use super::{By, Request};
use crate::error::{Answer, ApiError};
use serde_json::json;

impl Request<'_> {
    fn policy_name(&self) -> Result<(), ApiError> {
        match self.text("PolicyName") {
            None | Some("default") => Ok(()),
            Some(_) => Err(ApiError::not_found("No such policy exists")),
        }
    }

    pub(super) async fn get_key_policy(&mut self) -> Answer {
        let key = self.permitted(By::Id).await?;
        self.policy_name()?;
        Ok(json!({"Policy": key.doc.policy, "PolicyName": "default"}))
    }

    pub(super) async fn put_key_policy(&mut self) -> Answer {
        let mut key = self.permitted(By::Id).await?;
        self.policy_name()?;
        let policy = self.required("Policy")?.to_owned();
        self.check_policy(&policy, &key.arn)?;
        key.doc.policy = policy;
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn list_key_policies(&mut self) -> Answer {
        self.permitted(By::Id).await?;
        Ok(json!({"PolicyNames": ["default"], "Truncated": false}))
    }
}
