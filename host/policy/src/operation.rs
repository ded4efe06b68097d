// SPDX-License-Identifier: Apache-2.0
//! What each operation of the API has to be authorized for (KMS, "AWS KMS permissions"; AWS KMS API Reference, "Required permissions" of
//! each operation). Most need one action on one resource.

use crate::action::{Action, Scope};

/// On what an action is authorized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// No resource: [`crate::Target::Nothing`].
    Account,
    /// The key of the request; of UpdateAlias and DeleteAlias the key that the alias is of now: [`crate::Target::Key`].
    Key,
    /// The alias: [`crate::Target::Unowned`].
    Alias,
    /// The key that an UpdateAlias gives the alias to.
    AliasTarget,
    /// The key that ReEncrypt decrypts with.
    Source,
    /// The key that ReEncrypt encrypts with.
    Destination,
    /// The key that is about to be made: [`crate::Target::Unowned`] with its ARN.
    Made,
    /// The replica that UpdatePrimaryRegion makes the primary key.
    Replica,
    /// The grant: [`crate::Target::Grant`].
    Grant,
}

/// An action and what it is authorized on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The action.
    pub action: Action,
    /// On what.
    pub on: On,
    /// Only if the request has `Tags`.
    pub if_tagged: bool,
}

/// All that an operation needs, each of them; `None` if the API has no such operation.
pub fn needs(operation: &str) -> Option<Vec<Need>> {
    let need = |name: &str, on| {
        Some(Need {
            action: Action::named(name)?,
            on,
            if_tagged: false,
        })
    };
    let tags = Need {
        if_tagged: true,
        ..need("TagResource", On::Made)?
    };
    let list = match operation {
        "ReEncryptFrom" | "ReEncryptTo" | "SynchronizeMultiRegionKey" => return None,
        "ReEncrypt" => vec![
            need("ReEncryptFrom", On::Source)?,
            need("ReEncryptTo", On::Destination)?,
        ],
        "CreateKey" => vec![need(operation, On::Account)?, tags],
        // CreateKey is needed in the replica's region.
        "ReplicateKey" => vec![need(operation, On::Key)?, need("CreateKey", On::Account)?, tags],
        "UpdatePrimaryRegion" => vec![need(operation, On::Key)?, need(operation, On::Replica)?],
        "UpdateAlias" => {
            vec![
                need(operation, On::Alias)?,
                need(operation, On::Key)?,
                need(operation, On::AliasTarget)?,
            ]
        }
        "RetireGrant" => vec![need(operation, On::Grant)?],
        _ => match Action::named(operation)
            .filter(|action| action.name() == operation)?
            .scope()
        {
            Scope::Key => vec![need(operation, On::Key)?],
            Scope::Account => vec![need(operation, On::Account)?],
            Scope::AliasAndKey => vec![need(operation, On::Alias)?, need(operation, On::Key)?],
        },
    };
    Some(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(operation: &str) -> Vec<(String, On)> {
        needs(operation)
            .unwrap()
            .iter()
            .map(|need| (need.action.to_string(), need.on))
            .collect()
    }

    #[test]
    fn operations_that_need_more_than_one_action_or_resource() {
        assert_eq!(of("Encrypt"), [("kms:Encrypt".into(), On::Key)]);
        assert_eq!(of("ListKeys"), [("kms:ListKeys".into(), On::Account)]);
        let from_to = [
            ("kms:ReEncryptFrom".into(), On::Source),
            ("kms:ReEncryptTo".into(), On::Destination),
        ];
        assert_eq!(of("ReEncrypt"), from_to);
        assert_eq!(of("CreateAlias").len(), 2);
        assert_eq!(of("DeleteAlias").len(), 2);
        assert_eq!(of("UpdateAlias").len(), 3);
        assert!(needs("CreateKey").unwrap()[1].if_tagged);
        assert_eq!(needs("ReEncryptFrom"), None);
        assert_eq!(needs("kms:Encrypt"), None);
        assert_eq!(needs("PutObject"), None);
    }
}
