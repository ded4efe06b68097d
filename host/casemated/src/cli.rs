// SPDX-License-Identifier: Apache-2.0
//! `casemated principal …`: who may ask.

use crate::principal::{self, EVERYTHING};
use crate::store::Store;
use anyhow::{Context, Result};
use clap::Subcommand;
use std::path::PathBuf;

/// Principals.
#[derive(Subcommand)]
pub enum Principal {
    /// Makes a principal and its first access key, whose secret is shown once
    Create {
        /// As in arn:aws:iam::111122223333:user/NAME; …:root is the account's root user, who may everything
        arn: String,
        /// Attach a policy that allows all of the API
        #[arg(long)]
        everything: bool,
    },
    /// Lists principals and their access keys
    List,
    /// Deletes a principal with its access keys
    Delete {
        /// Its ARN
        arn: String,
    },
    /// Attaches a policy, or replaces the one of that name
    PutPolicy {
        /// Of whom
        arn: String,
        /// The policy's name
        name: String,
        /// A file with an IAM policy
        file: PathBuf,
    },
    /// Takes a policy away
    DeletePolicy {
        /// Of whom
        arn: String,
        /// The policy's name
        name: String,
    },
    /// Sets a tag
    Tag {
        /// Of whom
        arn: String,
        /// KEY=VALUE
        tag: String,
    },
    /// Takes a tag away
    Untag {
        /// Of whom
        arn: String,
        /// The tag's key
        key: String,
    },
    /// Makes another access key
    CreateKey {
        /// Of whom
        arn: String,
    },
    /// Takes an access key away
    DeleteKey {
        /// Its id
        id: String,
    },
}

async fn show_key(store: &Store, arn: &str) -> Result<()> {
    let key = principal::access_key(store, arn).await?;
    println!(
        "AWS_ACCESS_KEY_ID={}\nAWS_SECRET_ACCESS_KEY={}",
        key.id, *key.secret
    );
    Ok(())
}

/// Does it. The service may run meanwhile: it reads the store anew for each request.
pub async fn run(command: Principal, store: &Store) -> Result<()> {
    match command {
        Principal::Create { arn, everything } => {
            principal::create(store, &arn).await?;
            if everything {
                principal::change(store, &arn, |d| {
                    d.policies.insert("everything".into(), EVERYTHING.into());
                    Ok(())
                })
                .await?;
            }
            show_key(store, &arn).await
        }
        Principal::List => {
            for (arn, keys) in principal::list(store).await? {
                println!("{arn}\t{}", keys.join(" "));
            }
            Ok(())
        }
        Principal::Delete { arn } => principal::delete(store, &arn).await,
        Principal::PutPolicy { arn, name, file } => {
            let text =
                std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
            principal::change(store, &arn, |d| {
                d.policies.insert(name.clone(), text.clone());
                Ok(())
            })
            .await
        }
        Principal::DeletePolicy { arn, name } => {
            principal::change(store, &arn, |d| {
                d.policies
                    .remove(&name)
                    .map(drop)
                    .with_context(|| format!("{arn} has no policy {name}"))
            })
            .await
        }
        Principal::Tag { arn, tag } => {
            let (k, v) = tag
                .split_once('=')
                .with_context(|| format!("`{tag}` is not KEY=VALUE"))?;
            principal::change(store, &arn, |d| {
                d.tags.insert(k.into(), v.into());
                Ok(())
            })
            .await
        }
        Principal::Untag { arn, key } => {
            principal::change(store, &arn, |d| {
                d.tags
                    .remove(&key)
                    .map(drop)
                    .with_context(|| format!("{arn} has no tag {key}"))
            })
            .await
        }
        Principal::CreateKey { arn } => show_key(store, &arn).await,
        Principal::DeleteKey { id } => principal::revoke(store, &id).await,
    }
}
