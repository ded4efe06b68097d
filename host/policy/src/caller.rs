// SPDX-License-Identifier: Apache-2.0
//! Who signed the request (IAM, "AWS JSON policy elements: Principal").

use crate::arn::{Arn, is_account};

/// What sort of principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    /// The account's root user.
    Root,
    /// An IAM user.
    User,
    /// A session of an IAM role.
    Role,
    /// A session made by GetFederationToken.
    FederatedUser,
}

/// A principal that signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    kind: CallerKind,
    arn: String,
    role: Option<String>,
    account: String,
    root: String,
    unique_id: Option<String>,
}

/// Why a text is no caller.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{arn} is no {expected}")]
pub struct CallerError {
    arn: String,
    expected: &'static str,
}

impl Caller {
    /// From the ARN of a root user, a user or a federated user. A role's session needs [`Caller::role`].
    pub fn parse(arn: &str) -> Result<Self, CallerError> {
        let expected = "ARN of a root user, an IAM user or a federated user";
        let error = || CallerError {
            arn: arn.into(),
            expected,
        };
        let parsed = Arn::parse(arn)
            .filter(|parsed| is_account(parsed.account))
            .ok_or_else(error)?;
        let kind = match (parsed.service, parsed.resource.split_once('/')) {
            ("iam", None) if parsed.resource == "root" => CallerKind::Root,
            ("iam", Some(("user", name))) if !name.is_empty() => CallerKind::User,
            ("sts", Some(("federated-user", name))) if !name.is_empty() => CallerKind::FederatedUser,
            _ => return Err(error()),
        };
        Ok(Caller::new(kind, arn, None, &parsed))
    }

    /// A session `arn:…:assumed-role/NAME/SESSION` of the role `arn:…:role/PATH/NAME`. The session's ARN leaves the path out, so
    /// both are needed.
    pub fn role(role: &str, session: &str) -> Result<Self, CallerError> {
        let error = |arn: &str, expected| CallerError {
            arn: arn.into(),
            expected,
        };
        let of_role = Arn::parse(role)
            .filter(|arn| {
                arn.service == "iam" && is_account(arn.account) && arn.resource.starts_with("role/")
            })
            .ok_or_else(|| error(role, "ARN of an IAM role"))?;
        let name = of_role.resource.rsplit('/').next().unwrap_or_default();
        let parsed = Arn::parse(session)
            .filter(|arn| arn.service == "sts" && arn.account == of_role.account)
            .filter(|arn| {
                arn.resource
                    .strip_prefix("assumed-role/")
                    .and_then(|rest| rest.split_once('/'))
                    .is_some_and(|(of, session)| of == name && !session.is_empty())
            })
            .ok_or_else(|| error(session, "ARN of a session of that role"))?;
        Ok(Caller::new(CallerKind::Role, session, Some(role), &parsed))
    }

    fn new(kind: CallerKind, arn: &str, role: Option<&str>, parsed: &Arn<'_>) -> Self {
        Caller {
            kind,
            arn: arn.into(),
            role: role.map(Into::into),
            account: parsed.account.into(),
            root: format!("arn:{}:iam::{}:root", parsed.partition, parsed.account),
            unique_id: None,
        }
    }

    /// With the unique identifier (`AIDA…`, `AROA…`) that a policy shows in place of a principal that was deleted.
    pub fn with_unique_id(mut self, id: &str) -> Self {
        self.unique_id = Some(id.into());
        self
    }

    /// What sort of principal.
    pub fn kind(&self) -> CallerKind {
        self.kind
    }

    /// The ARN that audit records and error messages name.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The unique identifier, if it was given.
    pub fn unique_id(&self) -> Option<&str> {
        self.unique_id.as_deref()
    }

    /// `aws:PrincipalArn`: of a session it is the role's ARN (IAM, "AWS global condition context keys: aws:PrincipalArn").
    pub fn principal_arn(&self) -> &str {
        self.role.as_deref().unwrap_or(&self.arn)
    }

    /// The ARN of its account, `arn:aws:iam::111122223333:root`.
    pub fn account_arn(&self) -> &str {
        &self.root
    }

    /// `aws:username`: only a user has one.
    pub fn user_name(&self) -> Option<&str> {
        (self.kind == CallerKind::User).then(|| self.arn.rsplit('/').next().unwrap_or_default())
    }

    /// The ARNs that name it: itself and, of a session, its role. Not the account's.
    pub(crate) fn is_named(&self, arn: &str) -> bool {
        self.arn == arn || self.role.as_deref() == Some(arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_belongs_to_its_role() {
        let role = "arn:aws:iam::111122223333:role/team/Engineering";
        let session = "arn:aws:sts::111122223333:assumed-role/Engineering/bob";
        let caller = Caller::role(role, session).unwrap();
        assert_eq!(caller.principal_arn(), role);
        assert_eq!(caller.arn(), session);
        assert!(Caller::role(role, "arn:aws:sts::111122223333:assumed-role/Other/bob").is_err());
        assert!(Caller::role(role, "arn:aws:sts::444455556666:assumed-role/Engineering/bob").is_err());
        assert!(Caller::parse(session).is_err());
    }

    #[test]
    fn users_and_root() {
        let user = Caller::parse("arn:aws:iam::111122223333:user/path/bob").unwrap();
        assert_eq!(user.user_name(), Some("bob"));
        assert_eq!(user.account_arn(), "arn:aws:iam::111122223333:root");
        assert_eq!(
            Caller::parse(user.account_arn()).unwrap().kind(),
            CallerKind::Root
        );
        let error = Caller::parse("arn:aws:iam::1:user/bob").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("arn:aws:iam::1:user/bob is no ARN of"),
            "{error}"
        );
    }
}
