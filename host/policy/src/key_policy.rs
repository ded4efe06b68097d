// SPDX-License-Identifier: Apache-2.0
//! The key policy that a key gets if none is given, and the check that keeps a key manageable (KMS, "Default key policy", "Creating a
//! key policy"; AWS KMS API Reference, "PutKeyPolicy: BypassPolicyLockoutSafetyCheck").

use crate::action::Action;
use crate::caller::Caller;
use crate::context::Context;
use crate::document::Policy;
use crate::evaluate::{Decision, Denial, Missing, Request, Target, authorize};

/// The default key policy's text: the account's own policies say who may do what.
pub fn default_key_policy(partition: &str, account: &str) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:{partition}:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}

/// Why the caller could not replace the key policy again once this one is in force; `None` if it could, by being named or by policies
/// of the account. What those policies say now does not matter: they can be changed. The API's answer is
/// MalformedPolicyDocumentException, "The new key policy will not allow you to update the key policy in the future."
pub fn lockout(policy: &Policy, caller: &Caller, key_arn: &str, context: &Context) -> Option<Denial> {
    let action = Action::named("PutKeyPolicy").expect("an action of the table");
    let target = Target::Key {
        arn: key_arn,
        policy,
        grants: &[],
    };
    let request = Request {
        caller,
        identity: &[],
        action,
        target,
        context,
        encryption_context: None,
        new_grant: None,
    };
    match authorize(&request) {
        Decision::Allowed(_) | Decision::Denied(Denial::Implicit(Missing::Identity)) => None,
        Decision::Denied(denial) => Some(denial),
    }
}
