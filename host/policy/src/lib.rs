// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]
//! # Sources
//! Sources are named beside the rules: "IAM" is the IAM User Guide, "KMS" the AWS KMS Developer Guide, "SAR" the Service
//! Authorization Reference; the words after it are the section's title.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod action;
mod arn;
mod caller;
mod condition;
mod context;
mod document;
mod evaluate;
mod glob;
mod grant;
mod json;
mod key_policy;
mod operation;
mod parse;
mod pattern;
mod principal;
mod value;

pub use action::{Action, KeyKind, Scope};
pub use arn::Arn;
pub use caller::{Caller, CallerError, CallerKind};
pub use condition::{Condition, Operator, Set, Test};
pub use context::{Context, KeyFacts};
pub use document::{Actions, Effect, Policy, PrincipalId, Principals, Resources, Statement};
pub use evaluate::{Attached, By, Decision, Denial, Missing, Place, Request, Target, authorize};
pub use grant::{Constraint, Grant, GrantError, NewGrant};
pub use key_policy::{default_key_policy, lockout};
pub use operation::{Need, On, needs};
pub use parse::{Kind, MAX_BYTES, PolicyError};
