// SPDX-License-Identifier: Apache-2.0
//! What happened, in CloudTrail's shape (record contents, eventVersion 1.11).

use crate::fields::{Operation, Parameters};
use crate::time;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;
use std::time::SystemTime;

/// Longest text that a client chose, bytes; what is longer is cut.
const CLIENT_TEXT: usize = 1024;

/// A request, allowed, refused or malformed, or something that the service did by itself.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it came.
    pub time: SystemTime,
    /// Who asked and how.
    pub origin: Origin,
    /// The operation.
    pub name: String,
    /// The region, as in us-east-1.
    pub region: String,
    /// Whence.
    pub source_ip: String,
    /// The client's name for itself.
    pub user_agent: Option<String>,
    /// Who.
    pub identity: Identity,
    /// What may be told of the request.
    pub request: Parameters,
    /// What may be told of the answer.
    pub response: Parameters,
    /// Why it failed, if it did.
    pub error: Option<Failure>,
    /// The request's id, as the answer's header has it.
    pub request_id: String,
    /// This record's id: a random UUID.
    pub event_id: String,
    /// Keys and aliases that it was about.
    pub resources: Vec<Resource>,
    /// The account whose record this is.
    pub account: String,
    /// What CloudTrail has no name for.
    pub details: Details,
}

/// How an event came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A call of the API.
    ApiCall {
        /// Version of TLS, as in TLSv1.3; none without it.
        tls: Option<&'static str>,
    },
    /// The service itself: rotation, deletion, replication.
    Service,
}

/// Who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// IAMUser, AssumedRole, Root, AWSAccount, AWSService or Unknown.
    #[serde(rename = "type")]
    pub kind: String,
    /// The principal's unique id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// The principal's ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// Its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Id of the access key that signed: no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The service that acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
}

impl Identity {
    /// A principal whose signature was right.
    pub fn user(arn: &str, account: &str, principal_id: &str, access_key_id: &str, name: &str) -> Self {
        Self {
            kind: "IAMUser".into(),
            principal_id: Some(principal_id.into()),
            arn: Some(arn.into()),
            account_id: Some(account.into()),
            access_key_id: Some(access_key_id.into()),
            user_name: Some(name.into()),
            invoked_by: None,
        }
    }

    /// Nobody that is known; the access key is the one that was claimed, if any was.
    pub fn unknown(access_key_id: Option<&str>) -> Self {
        Self {
            kind: "Unknown".into(),
            access_key_id: access_key_id.map(|k| cut(k, 128).into()),
            ..Self::default()
        }
    }

    /// The service itself.
    pub fn service(account: &str) -> Self {
        Self {
            kind: "AWSService".into(),
            account_id: Some(account.into()),
            invoked_by: Some("kms.amazonaws.com".into()),
            ..Self::default()
        }
    }
}

/// Why a request failed: the exception's name and message. A message must not quote what the client sent as a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// As in AccessDeniedException.
    pub code: String,
    /// As the client has it.
    pub message: String,
}

/// Something that a request was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its ARN.
    pub arn: String,
    /// AWS::KMS::Key or AWS::KMS::Alias.
    pub kind: &'static str,
    /// Whose it is.
    pub account: String,
}

impl Resource {
    /// A key.
    pub fn key(arn: &str, account: &str) -> Self {
        Self {
            arn: arn.into(),
            kind: "AWS::KMS::Key",
            account: account.into(),
        }
    }

    /// An alias.
    pub fn alias(arn: &str, account: &str) -> Self {
        Self {
            kind: "AWS::KMS::Alias",
            ..Self::key(arn, account)
        }
    }
}

/// `additionalEventData`.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// Which of the key's materials was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_material_id: Option<String>,
    /// Why it was allowed or refused: the policy, statement or grant that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// Which server of a fleet it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
}

impl Event {
    /// A call that comes now, of nobody that is known and with nothing in it: set what is known.
    pub fn new(name: &str, request_id: &str) -> Self {
        Self {
            time: SystemTime::now(),
            origin: Origin::ApiCall { tls: None },
            name: name.into(),
            region: String::new(),
            source_ip: String::new(),
            user_agent: None,
            identity: Identity::unknown(None),
            request: Parameters::NONE,
            response: Parameters::NONE,
            error: None,
            request_id: request_id.into(),
            event_id: uuid(),
            resources: Vec::new(),
            account: String::new(),
            details: Details::default(),
        }
    }

    /// Something that the service does by itself, now.
    pub fn of_service(name: &str, account: &str) -> Self {
        Self {
            origin: Origin::Service,
            source_ip: "kms.amazonaws.com".into(),
            user_agent: Some("kms.amazonaws.com".into()),
            identity: Identity::service(account),
            account: account.into(),
            ..Self::new(name, &uuid())
        }
    }
}

/// A random UUID (RFC 9562, 5.4).
fn uuid() -> String {
    let mut b = [0; 16];
    getrandom::fill(&mut b).expect("the system has random bytes");
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let h = hex::encode(b);
    format!(
        "{}-{}-{}-{}-{}",
        &h[..8],
        &h[8..12],
        &h[12..16],
        &h[16..20],
        &h[20..]
    )
}

/// At most so many bytes of a text.
fn cut(s: &str, most: usize) -> &str {
    let end = (0..=most.min(s.len())).rev().find(|i| s.is_char_boundary(*i));
    &s[..end.unwrap_or(0)]
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut m = s.serialize_map(None)?;
        m.serialize_entry("eventVersion", "1.11")?;
        m.serialize_entry("userIdentity", &self.identity)?;
        m.serialize_entry("eventTime", &time::text(self.time))?;
        m.serialize_entry("eventSource", "kms.amazonaws.com")?;
        m.serialize_entry("eventName", cut(&self.name, 128))?;
        m.serialize_entry("awsRegion", &self.region)?;
        m.serialize_entry("sourceIPAddress", cut(&self.source_ip, CLIENT_TEXT))?;
        m.serialize_entry(
            "userAgent",
            &self.user_agent.as_deref().map(|u| cut(u, CLIENT_TEXT)),
        )?;
        if let Some(e) = &self.error {
            m.serialize_entry("errorCode", &e.code)?;
            m.serialize_entry("errorMessage", cut(&e.message, CLIENT_TEXT))?;
        }
        m.serialize_entry("requestParameters", &self.request)?;
        m.serialize_entry("responseElements", &self.response)?;
        if self.details != Details::default() {
            m.serialize_entry("additionalEventData", &self.details)?;
        }
        m.serialize_entry("requestID", &self.request_id)?;
        m.serialize_entry("eventID", &self.event_id)?;
        // Of what is no operation nothing was done.
        let read_only = Operation::named(&self.name).is_none_or(|o| o.read_only);
        m.serialize_entry("readOnly", &read_only)?;
        if !self.resources.is_empty() {
            let resource = |r: &Resource| json!({"accountId": r.account, "type": r.kind, "ARN": r.arn});
            let all: Vec<_> = self.resources.iter().map(resource).collect();
            m.serialize_entry("resources", &all)?;
        }
        let kind = match self.origin {
            Origin::ApiCall { .. } => "AwsApiCall",
            Origin::Service => "AwsServiceEvent",
        };
        m.serialize_entry("eventType", kind)?;
        m.serialize_entry("managementEvent", &true)?;
        m.serialize_entry("recipientAccountId", &self.account)?;
        m.serialize_entry("eventCategory", "Management")?;
        if let Origin::ApiCall { tls: Some(version) } = self.origin {
            m.serialize_entry("tlsDetails", &json!({"tlsVersion": version}))?;
        }
        m.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn in_cloudtrails_shape() {
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/k";
        let mut e = Event::new("Decrypt", "r");
        e.origin = Origin::ApiCall { tls: Some("TLSv1.3") };
        e.time = UNIX_EPOCH + Duration::from_secs(1_709_210_096);
        e.region = "eu-central-1".into();
        e.source_ip = "192.0.2.7".into();
        e.user_agent = Some("aws-cli/2".into());
        e.account = "111122223333".into();
        e.identity = Identity::user(
            "arn:aws:iam::111122223333:user/u",
            "111122223333",
            "AIDA",
            "AKIA",
            "u",
        );
        e.event_id = "e".into();
        e.request = Parameters::of_request("Decrypt", &json!({"KeyId": "k", "CiphertextBlob": "AA=="}));
        e.resources.push(Resource::key(arn, "111122223333"));
        e.details.decision = Some("grant g".into());
        e.error = Some(Failure {
            code: "KMSInvalidStateException".into(),
            message: "k is disabled.".into(),
        });
        assert_eq!(
            serde_json::to_value(&e).unwrap(),
            json!({
                "eventVersion": "1.11",
                "userIdentity": {"type": "IAMUser", "principalId": "AIDA", "arn": "arn:aws:iam::111122223333:user/u",
                    "accountId": "111122223333", "accessKeyId": "AKIA", "userName": "u"},
                "eventTime": "2024-02-29T12:34:56Z",
                "eventSource": "kms.amazonaws.com",
                "eventName": "Decrypt",
                "awsRegion": "eu-central-1",
                "sourceIPAddress": "192.0.2.7",
                "userAgent": "aws-cli/2",
                "errorCode": "KMSInvalidStateException",
                "errorMessage": "k is disabled.",
                "requestParameters": {"keyId": "k"},
                "responseElements": null,
                "additionalEventData": {"decision": "grant g"},
                "requestID": "r",
                "eventID": "e",
                "readOnly": true,
                "resources": [{"accountId": "111122223333", "type": "AWS::KMS::Key", "ARN": arn}],
                "eventType": "AwsApiCall",
                "managementEvent": true,
                "recipientAccountId": "111122223333",
                "eventCategory": "Management",
                "tlsDetails": {"tlsVersion": "TLSv1.3"},
            })
        );
    }

    #[test]
    fn of_the_service() {
        let e = serde_json::to_value(Event::of_service("RotateKey", "111122223333")).unwrap();
        assert_eq!(e["eventType"], "AwsServiceEvent");
        assert_eq!(e["readOnly"], false);
        assert_eq!(e["userIdentity"]["invokedBy"], "kms.amazonaws.com");
        assert_eq!(e["tlsDetails"], Value::Null);
    }

    #[test]
    fn what_a_client_sends_is_bounded() {
        let mut e = Event::new(&"é".repeat(5000), "r");
        e.user_agent = Some("u".repeat(5000));
        e.identity = Identity::unknown(Some(&"k".repeat(5000)));
        assert!(serde_json::to_string(&e).unwrap().len() < 2500);
    }

    #[test]
    fn ids_are_uuids() {
        let (a, b) = (uuid(), uuid());
        assert_ne!(a, b);
        let parts: Vec<_> = a.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert_eq!(&a[14..15], "4");
    }
}
