// SPDX-License-Identifier: Apache-2.0
//! What of a request and of its answer a record may hold. Nothing gets in that is not named here, and no name here is of a
//! plaintext, a ciphertext, a signature, a MAC or a key.

use serde::Serialize;
use serde_json::{Map, Value};

/// What stands in place of a value that is not of its field's form, as in CloudTrail.
pub const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// What a field's value has to look like.
enum Form {
    /// A name, an identifier or an ARN.
    Id,
    Ids,
    /// One of the API's enumerations.
    Word,
    Words,
    /// Free text, of so many bytes at most.
    Text(usize),
    Number,
    Bool,
    /// Strings by name.
    Context,
    Tags,
    /// An object of which only these members are taken.
    Object(&'static [Field]),
}

use Form::{Bool, Context, Id, Ids, Number, Object, Tags, Text, Word, Words};

/// A member's name in the API and its form.
type Field = (&'static str, Form);

/// An operation and what its record holds.
pub struct Operation {
    /// Its name in the API.
    pub name: &'static str,
    /// It changes nothing.
    pub read_only: bool,
    request: &'static [Field],
    response: &'static [Field],
}

const KEY: Field = ("KeyId", Id);
const DRY_RUN: Field = ("DryRun", Bool);
const CONTEXT: Field = ("EncryptionContext", Context);
const ALGORITHM: Field = ("EncryptionAlgorithm", Word);
const SIGNING: Field = ("SigningAlgorithm", Word);
const MESSAGE_TYPE: Field = ("MessageType", Word);
const MAC: Field = ("MacAlgorithm", Word);
const LIMIT: Field = ("Limit", Number);
const DESCRIPTION: Field = ("Description", Text(8192));
const POLICY: Field = ("Policy", Text(32768));
const BYPASS: Field = ("BypassPolicyLockoutSafetyCheck", Bool);
const TAGS: Field = ("Tags", Tags);
const PAIR_SPEC: Field = ("KeyPairSpec", Word);
const GRANT: Field = ("GrantId", Id);
const ALIAS: Field = ("AliasName", Id);
const TARGET: Field = ("TargetKeyId", Id);
const METADATA: &[Field] = &[
    ("AWSAccountId", Id),
    KEY,
    ("Arn", Id),
    ("CreationDate", Number),
    ("Enabled", Bool),
    ("KeyState", Word),
    ("KeyUsage", Word),
    ("KeySpec", Word),
    ("CustomerMasterKeySpec", Word),
    ("KeyManager", Word),
    ("Origin", Word),
    ("MultiRegion", Bool),
    ("CurrentKeyMaterialId", Id),
];

const fn reads(name: &'static str, request: &'static [Field]) -> Operation {
    Operation {
        name,
        read_only: true,
        request,
        response: &[],
    }
}

const fn writes(name: &'static str, request: &'static [Field], response: &'static [Field]) -> Operation {
    Operation {
        name,
        read_only: false,
        request,
        response,
    }
}

/// Every operation of the API that the service has, and those that it does by itself.
static OPERATIONS: &[Operation] = &[
    writes("CancelKeyDeletion", &[KEY], &[KEY]),
    writes("CreateAlias", &[ALIAS, TARGET], &[]),
    writes(
        "CreateGrant",
        &[
            KEY,
            ("GranteePrincipal", Id),
            ("RetiringPrincipal", Id),
            ("Operations", Words),
            (
                "Constraints",
                Object(&[
                    ("EncryptionContextSubset", Context),
                    ("EncryptionContextEquals", Context),
                ]),
            ),
            ("Name", Id),
            DRY_RUN,
        ],
        &[KEY, GRANT],
    ),
    writes(
        "CreateKey",
        &[
            POLICY,
            DESCRIPTION,
            ("KeyUsage", Word),
            ("CustomerMasterKeySpec", Word),
            ("KeySpec", Word),
            ("Origin", Word),
            BYPASS,
            TAGS,
            ("MultiRegion", Bool),
        ],
        &[("KeyMetadata", Object(METADATA))],
    ),
    reads("Decrypt", &[KEY, CONTEXT, ALGORITHM, DRY_RUN]),
    writes("DeleteAlias", &[ALIAS], &[]),
    writes("DeleteKey", &[KEY], &[]),
    reads(
        "DeriveSharedSecret",
        &[KEY, ("KeyAgreementAlgorithm", Word), DRY_RUN],
    ),
    reads("DescribeKey", &[KEY]),
    writes("DisableKey", &[KEY], &[]),
    writes("DisableKeyRotation", &[KEY], &[]),
    writes("EnableKey", &[KEY], &[]),
    writes("EnableKeyRotation", &[KEY, ("RotationPeriodInDays", Number)], &[]),
    reads("Encrypt", &[KEY, CONTEXT, ALGORITHM, DRY_RUN]),
    reads(
        "GenerateDataKey",
        &[
            KEY,
            CONTEXT,
            ("KeySpec", Word),
            ("NumberOfBytes", Number),
            DRY_RUN,
        ],
    ),
    reads("GenerateDataKeyPair", &[KEY, CONTEXT, PAIR_SPEC, DRY_RUN]),
    reads(
        "GenerateDataKeyPairWithoutPlaintext",
        &[KEY, CONTEXT, PAIR_SPEC, DRY_RUN],
    ),
    reads(
        "GenerateDataKeyWithoutPlaintext",
        &[
            KEY,
            CONTEXT,
            ("KeySpec", Word),
            ("NumberOfBytes", Number),
            DRY_RUN,
        ],
    ),
    reads("GenerateMac", &[KEY, MAC, DRY_RUN]),
    reads(
        "GenerateRandom",
        &[("NumberOfBytes", Number), ("CustomKeyStoreId", Id)],
    ),
    reads("GetKeyPolicy", &[KEY, ("PolicyName", Id)]),
    reads("GetKeyRotationStatus", &[KEY]),
    reads("GetPublicKey", &[KEY]),
    reads("ListAliases", &[KEY, LIMIT]),
    reads("ListGrants", &[KEY, LIMIT, GRANT, ("GranteePrincipal", Id)]),
    reads("ListKeyPolicies", &[KEY, LIMIT]),
    reads("ListKeyRotations", &[KEY, LIMIT, ("IncludeKeyMaterial", Word)]),
    reads("ListKeys", &[LIMIT]),
    reads("ListResourceTags", &[KEY, LIMIT]),
    reads("ListRetirableGrants", &[LIMIT, ("RetiringPrincipal", Id)]),
    writes("PutKeyPolicy", &[KEY, ("PolicyName", Id), POLICY, BYPASS], &[]),
    reads(
        "ReEncrypt",
        &[
            ("SourceKeyId", Id),
            ("SourceEncryptionContext", Context),
            ("SourceEncryptionAlgorithm", Word),
            ("DestinationKeyId", Id),
            ("DestinationEncryptionContext", Context),
            ("DestinationEncryptionAlgorithm", Word),
            DRY_RUN,
        ],
    ),
    writes(
        "ReplicateKey",
        &[KEY, ("ReplicaRegion", Id), POLICY, BYPASS, DESCRIPTION, TAGS],
        &[("ReplicaKeyMetadata", Object(METADATA))],
    ),
    writes("RetireGrant", &[KEY, GRANT, DRY_RUN], &[]),
    writes("RevokeGrant", &[KEY, GRANT, DRY_RUN], &[]),
    writes("RotateKey", &[KEY], &[]),
    writes("RotateKeyOnDemand", &[KEY], &[KEY]),
    writes(
        "ScheduleKeyDeletion",
        &[KEY, ("PendingWindowInDays", Number)],
        &[
            KEY,
            ("DeletionDate", Number),
            ("KeyState", Word),
            ("PendingWindowInDays", Number),
        ],
    ),
    reads("Sign", &[KEY, MESSAGE_TYPE, SIGNING, DRY_RUN]),
    writes("SynchronizeMultiRegionKey", &[KEY], &[]),
    writes("TagResource", &[KEY, TAGS], &[]),
    writes("UntagResource", &[KEY, ("TagKeys", Ids)], &[]),
    writes("UpdateAlias", &[ALIAS, TARGET], &[]),
    writes("UpdateKeyDescription", &[KEY, DESCRIPTION], &[]),
    writes("UpdatePrimaryRegion", &[KEY, ("PrimaryRegion", Id)], &[]),
    reads("Verify", &[KEY, MESSAGE_TYPE, SIGNING, DRY_RUN]),
    reads("VerifyMac", &[KEY, MAC, DRY_RUN]),
];

impl Operation {
    /// That of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        let found = OPERATIONS.binary_search_by(|o| o.name.cmp(name));
        found.ok().map(|i| &OPERATIONS[i])
    }
}

/// Parts of a request or of an answer that are no secret, with names that begin in lower case, as in CloudTrail. There is no way
/// to one but through the list of the operation's fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Parameters(Option<Map<String, Value>>);

impl Parameters {
    /// None.
    pub const NONE: Self = Self(None);

    /// What may be told of a request's body. Of an unknown operation nothing.
    pub fn of_request(operation: &str, body: &Value) -> Self {
        Self(Operation::named(operation).and_then(|o| taken(o.request, body)))
    }

    /// What may be told of an answer.
    pub fn of_response(operation: &str, body: &Value) -> Self {
        Self(Operation::named(operation).and_then(|o| taken(o.response, body)))
    }

    /// A field, by its name in the record.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.as_ref()?.get(name)
    }
}

fn taken(fields: &[Field], body: &Value) -> Option<Map<String, Value>> {
    let body = body.as_object()?;
    let known = fields.iter().filter_map(|(name, form)| {
        let value = body.get(*name).filter(|v| !v.is_null())?;
        let shown = shown(form, value).unwrap_or_else(|| HIDDEN.into());
        Some((lower(name), shown))
    });
    let map: Map<_, _> = known.collect();
    (!map.is_empty()).then_some(map)
}

/// `KeyId` is `keyId`; `AWSAccountId` is `aWSAccountId` in CloudTrail too.
fn lower(name: &str) -> String {
    let mut name = name.to_owned();
    name[..1].make_ascii_lowercase();
    name
}

fn of_bytes(v: &Value, most: usize, allowed: fn(u8) -> bool) -> bool {
    v.as_str()
        .is_some_and(|s| s.len() <= most && s.bytes().all(allowed))
}

fn id(v: &Value) -> bool {
    of_bytes(v, 2048, |b| {
        b.is_ascii_alphanumeric() || b":/_.-*+=,@ ".contains(&b)
    })
}

fn word(v: &Value) -> bool {
    of_bytes(v, 64, |b| b.is_ascii_alphanumeric() || b == b'_')
}

fn all(v: &Value, one: fn(&Value) -> bool) -> bool {
    v.as_array().is_some_and(|a| a.len() <= 256 && a.iter().all(one))
}

/// A whole context may have 8 KiB in the API; that it is no secret the API says as well.
fn context(v: &Value) -> bool {
    let total = |m: &Map<String, Value>| {
        m.iter()
            .try_fold(0, |n, (k, v)| Some(n + k.len() + v.as_str()?.len()))
    };
    v.as_object().and_then(total).is_some_and(|n| n <= 16384)
}

fn tags(v: &Value) -> Option<Value> {
    let tag = |t: &Value| {
        let part = |name| {
            let v = t.get(name)?;
            v.as_str().filter(|s| s.len() <= 1024).map(|_| v.clone())
        };
        let pair = [
            ("tagKey".to_owned(), part("TagKey")?),
            ("tagValue".to_owned(), part("TagValue")?),
        ];
        Some(Value::Object(pair.into_iter().collect()))
    };
    let list = v.as_array().filter(|a| a.len() <= 64)?;
    list.iter().map(tag).collect::<Option<Vec<_>>>().map(Value::Array)
}

/// The value as it is recorded, if it has the form.
fn shown(form: &Form, v: &Value) -> Option<Value> {
    let right = match form {
        Id => id(v),
        Ids => all(v, id),
        Word => word(v),
        Words => all(v, word),
        Text(most) => v.as_str().is_some_and(|s| s.len() <= *most),
        Number => v.is_number(),
        Bool => v.is_boolean(),
        Context => context(v),
        Tags => return tags(v),
        Object(fields) => return taken(fields, v).map(Value::Object),
    };
    right.then(|| v.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sorted_and_unlike() {
        assert!(OPERATIONS.is_sorted_by(|a, b| a.name < b.name));
        assert!(OPERATIONS.iter().all(|o| Operation::named(o.name).is_some()));
        assert!(Operation::named("encrypt").is_none());
    }

    #[test]
    fn no_field_of_a_secret() {
        fn names(fields: &[Field], out: &mut Vec<&'static str>) {
            for (name, form) in fields {
                out.push(name);
                if let Object(inner) = form {
                    names(inner, out);
                }
            }
        }
        let mut all = Vec::new();
        for o in OPERATIONS {
            names(o.request, &mut all);
            names(o.response, &mut all);
        }
        for secret in [
            "Plaintext",
            "CiphertextBlob",
            "Message",
            "Signature",
            "Mac",
            "PublicKey",
            "SharedSecret",
            "PrivateKeyPlaintext",
            "PrivateKeyCiphertextBlob",
            "EncryptedKeyMaterial",
            "GrantTokens",
            "GrantToken",
            "Recipient",
        ] {
            assert!(!all.contains(&secret), "{secret}");
        }
    }

    #[test]
    fn only_what_is_listed() {
        let body = json!({
            "KeyId": "alias/a", "Plaintext": "c2VjcmV0", "EncryptionContext": {"a": "b"}, "GrantTokens": ["t"],
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "Made": "up", "DryRun": null,
        });
        let p = Parameters::of_request("Encrypt", &body);
        assert_eq!(
            serde_json::to_value(&p).unwrap(),
            json!({"keyId": "alias/a", "encryptionContext": {"a": "b"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"})
        );
        assert_eq!(Parameters::of_request("Crypt", &body), Parameters::NONE);
        assert_eq!(Parameters::of_request("Encrypt", &json!([1])), Parameters::NONE);
        assert_eq!(serde_json::to_value(Parameters::NONE).unwrap(), Value::Null);
    }

    #[test]
    fn what_has_another_form_is_hidden() {
        let body = json!({
            "KeyId": "c2Vj\ncmV0", "EncryptionAlgorithm": "a b", "EncryptionContext": {"a": 1}, "DryRun": "yes",
        });
        let p = serde_json::to_value(Parameters::of_request("Encrypt", &body)).unwrap();
        let shown = p.as_object().unwrap();
        assert_eq!(shown.len(), 4);
        assert!(shown.values().all(|v| v == HIDDEN), "{p}");
        let tags =
            |t: Value| serde_json::to_value(Parameters::of_request("TagResource", &json!({ "Tags": t })));
        let right = json!([{"TagKey": "a", "TagValue": "b", "Plaintext": "c"}]);
        assert_eq!(
            tags(right).unwrap(),
            json!({"tags": [{"tagKey": "a", "tagValue": "b"}]})
        );
        assert_eq!(tags(json!([{"TagKey": "a"}])).unwrap(), json!({ "tags": HIDDEN }));
    }

    #[test]
    fn of_an_answer() {
        let body =
            json!({"KeyMetadata": {"KeyId": "k", "Enabled": true, "Plaintext": "x"}, "Plaintext": "x"});
        assert_eq!(
            serde_json::to_value(Parameters::of_response("CreateKey", &body)).unwrap(),
            json!({"keyMetadata": {"keyId": "k", "enabled": true}})
        );
        let data_key = json!({"Plaintext": "x", "KeyId": "k"});
        assert_eq!(
            Parameters::of_response("GenerateDataKey", &data_key),
            Parameters::NONE
        );
    }
}
