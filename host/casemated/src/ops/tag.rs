// SPDX-License-Identifier: Apache-2.0
//! Tags.

use super::{By, Request, not_pending, paged};
use crate::error::{Answer, ApiError};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Most tags of a key.
const MOST: usize = 50;

fn refused(message: &str) -> ApiError {
    ApiError::new("TagException", message)
}

impl Request<'_> {
    /// The tags of the request.
    pub(super) fn tags(&self) -> Result<BTreeMap<String, String>, ApiError> {
        let mut out = BTreeMap::new();
        let tags = self.input.get("Tags").and_then(Value::as_array);
        for tag in tags.into_iter().flatten() {
            let part = |name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default();
            let key = part("TagKey");
            if key.starts_with("aws:") {
                return Err(refused("Tags beginning with aws: are reserved"));
            }
            if out.insert(key.to_owned(), part("TagValue").to_owned()).is_some() {
                return Err(refused("Duplicate tag keys"));
            }
        }
        if out.len() > MOST {
            return Err(refused("Too many tags"));
        }
        Ok(out)
    }

    pub(super) async fn tag_resource(&mut self) -> Answer {
        let tags = self.tags()?;
        let mut key = self.permitted(By::Id).await?;
        not_pending(&key)?;
        key.doc.tags.extend(tags);
        if key.doc.tags.len() > MOST {
            return Err(refused("Too many tags"));
        }
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn untag_resource(&mut self) -> Answer {
        let mut key = self.permitted(By::Id).await?;
        not_pending(&key)?;
        let keys = self.input.get("TagKeys").and_then(Value::as_array);
        for k in keys.into_iter().flatten().filter_map(Value::as_str) {
            key.doc.tags.remove(k);
        }
        self.store(&key).await?;
        Ok(json!({}))
    }

    pub(super) async fn list_resource_tags(&mut self) -> Answer {
        let key = self.permitted(By::Id).await?;
        let (limit, after) = self.page(50, 50)?;
        let tags = key.doc.tags.into_iter().filter(|(k, _)| *k > after);
        paged(
            "Tags",
            tags.collect(),
            limit,
            |(k, _)| k.clone(),
            |(k, v)| Ok(json!({"TagKey": k, "TagValue": v})),
        )
    }
}
