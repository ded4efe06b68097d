# SPDX-License-Identifier: Apache-2.0
"""What the service tells the evaluation of policies: each condition key has the value that the request or the key has.

A user whose only policy has a condition that this value fulfils can; with another value it cannot, and the request is the same.
"""

from common import Case, casemated, principal, put_policy
from test_privilege import ACCOUNT, AGREE, DENIED, MAC, MACING, NOBODY, SIGN, SIGNING, Stage, default_policy, document

import botocore
from botocore.exceptions import ClientError

ARN = f"arn:aws:iam::{ACCOUNT}:user/conditions"
ELSE = f"arn:aws:iam::{ACCOUNT}:user/else"
SHOP = {"EncryptionContext": {"app": "shop"}}
GRANT = {"GranteePrincipal": NOBODY, "Operations": ["Encrypt"]}
SUBSET = {"Constraints": {"EncryptionContextSubset": {"app": "shop"}}}
TAGS = [{"TagKey": "team", "TagValue": "red"}]


def on(kind=None, **arguments):
    """Arguments with a key of its own; what is callable is made of the key."""

    def build(stage):
        key = stage.key(kind) if kind else stage.key()
        made = {name: value(stage, key) if callable(value) else value for name, value in arguments.items()}
        return {"KeyId": key, **made}

    return build


def by_alias(kind=None, **arguments):
    """The same, with the key named by an alias, which is given back as the value that is right."""

    def build(stage):
        key = stage.key(kind) if kind else stage.key()
        return {"KeyId": stage.alias(key), **arguments}

    return build


def re_encrypt(stage, source="shop", destination="shop"):
    sealed = stage.kms.encrypt(KeyId=stage.key(), Plaintext=b"x", EncryptionContext={"app": source})["CiphertextBlob"]
    return {
        "CiphertextBlob": sealed,
        "SourceEncryptionContext": {"app": source},
        "DestinationKeyId": stage.key(),
        "DestinationEncryptionContext": {"app": destination},
    }


def decrypt(stage):
    sealed = stage.kms.encrypt(KeyId=stage.key(), Plaintext=b"x", **SHOP)["CiphertextBlob"]
    return {"CiphertextBlob": sealed, **SHOP}


def tagged(stage):
    key = stage.key()
    stage.kms.tag_resource(KeyId=key, Tags=TAGS)
    return {"KeyId": key}


def bypass(stage):
    return {"KeyId": stage.key(), "Policy": document(default_policy()), "BypassPolicyLockoutSafetyCheck": True}


def nothing(stage):
    return {}


# Operator, condition key, the value that is right, one that is not, operation, request.
ROWS = [
    ("StringEquals", "kms:EncryptionContext:app", "shop", "bank", "Encrypt", on(Plaintext=b"x", **SHOP)),
    ("StringEquals", "kms:EncryptionContext:APP", "shop", "SHOP", "Encrypt", on(Plaintext=b"x", **SHOP)),
    ("StringEquals", "kms:EncryptionContext:app", "shop", "bank", "Decrypt", decrypt),
    ("StringEquals", "kms:EncryptionContext:app", "shop", "bank", "ReEncrypt", re_encrypt),
    ("StringEquals", "kms:EncryptionContext:app", "shop", "bank", "GenerateDataKey", on(KeySpec="AES_256", **SHOP)),
    ("StringEquals", "kms:EncryptionContext:app", "shop", "bank", "GenerateDataKeyPair", on(KeyPairSpec="ECC_NIST_P256", **SHOP)),
    ("StringEquals", "kms:EncryptionContext:app", "shop", "bank", "CreateGrant", on(**GRANT, **SUBSET)),
    ("StringEquals", "kms:EncryptionContext:app", ["shop", "bank"], "shop", "ReEncrypt", lambda s: re_encrypt(s, "shop", "bank")),
    ("StringEquals", "kms:EncryptionContext:app", ["shop", "bank"], "bank", "ReEncrypt", lambda s: re_encrypt(s, "shop", "bank")),
    ("ForAnyValue:StringEquals", "kms:EncryptionContextKeys", "app", "App", "Encrypt", on(Plaintext=b"x", **SHOP)),
    ("ForAllValues:StringEquals", "kms:EncryptionContextKeys", ["app", "b"], "b", "GenerateDataKey", on(KeySpec="AES_256", **SHOP)),
    ("Null", "kms:EncryptionContextKeys", "true", "false", "Encrypt", on(Plaintext=b"x")),
    ("StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "Encrypt", on(Plaintext=b"x")),
    ("StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "Decrypt", decrypt),
    ("StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "ReEncrypt", re_encrypt),
    ("StringEquals", "kms:EncryptionAlgorithm", "SYMMETRIC_DEFAULT", "RSAES_OAEP_SHA_256", "GenerateDataKey", on(KeySpec="AES_256")),
    ("StringLike", "kms:RequestAlias", "alias/privilege-*", "alias/other-*", "DescribeKey", by_alias()),
    ("StringLike", "kms:RequestAlias", "alias/privilege-*", "alias/other-*", "Encrypt", by_alias(Plaintext=b"x")),
    ("StringLike", "kms:RequestAlias", "alias/privilege-*", "alias/other-*", "GenerateMac", by_alias(MAC, **MACING)),
    ("StringLike", "kms:RequestAlias", "alias/privilege-*", "alias/other-*", "GetPublicKey", by_alias(SIGN)),
    ("Null", "kms:RequestAlias", "true", "false", "DescribeKey", on()),
    ("ForAnyValue:StringLike", "kms:ResourceAliases", "alias/privilege-*", "alias/other-*", "DescribeKey", by_alias()),
    ("Null", "kms:ResourceAliases", "true", "false", "DescribeKey", on()),
    ("StringEquals", "kms:KeySpec", "SYMMETRIC_DEFAULT", "HMAC_256", "CreateKey", nothing),
    ("StringEquals", "kms:KeySpec", "ECC_NIST_P256", "ECC_NIST_P384", "DescribeKey", on(SIGN)),
    ("StringEquals", "kms:KeyUsage", "ENCRYPT_DECRYPT", "SIGN_VERIFY", "CreateKey", nothing),
    ("StringEquals", "kms:KeyUsage", "KEY_AGREEMENT", "SIGN_VERIFY", "DisableKey", on(AGREE)),
    ("StringEquals", "kms:KeyOrigin", "AWS_KMS", "EXTERNAL", "CreateKey", nothing),
    ("StringEquals", "kms:KeyOrigin", "AWS_KMS", "EXTERNAL", "Encrypt", on(Plaintext=b"x")),
    ("Bool", "kms:MultiRegion", "false", "true", "CreateKey", nothing),
    ("Bool", "kms:MultiRegion", "false", "true", "ListKeyPolicies", on()),
    ("Bool", "kms:MultiRegion", "true", "false", "DescribeKey", on({"MultiRegion": True})),
    ("StringEquals", "kms:MultiRegionKeyType", "PRIMARY", "REPLICA", "DescribeKey", on({"MultiRegion": True})),
    ("StringEquals", "kms:CallerAccount", ACCOUNT, "111122223333", "DescribeKey", on()),
    ("Null", "kms:ViaService", "true", "false", "DescribeKey", on()),
    ("ForAllValues:StringEquals", "kms:GrantOperations", ["Encrypt", "Decrypt"], "Decrypt", "CreateGrant", on(**GRANT)),
    ("StringEquals", "kms:GranteePrincipal", NOBODY, ELSE, "CreateGrant", on(**GRANT)),
    ("StringEquals", "kms:RetiringPrincipal", ELSE, NOBODY, "CreateGrant", on(**GRANT, RetiringPrincipal=ELSE)),
    ("StringEquals", "kms:GrantConstraintType", "EncryptionContextSubset", "EncryptionContextEquals", "CreateGrant", on(**GRANT, **SUBSET)),
    ("Bool", "kms:GrantIsForAWSResource", "false", "true", "CreateGrant", on(**GRANT)),
    ("Bool", "kms:GrantIsForAWSResource", "false", "true", "RevokeGrant", on(GrantId=Stage.grant)),
    ("StringEquals", "kms:SigningAlgorithm", "ECDSA_SHA_256", "ECDSA_SHA_384", "Sign", on(SIGN, **SIGNING)),
    ("StringEquals", "kms:MessageType", "DIGEST", "RAW", "Sign", on(SIGN, MessageType="DIGEST", **{**SIGNING, "Message": bytes(32)})),
    # A parameter that is left out has its default.
    ("StringEquals", "kms:MessageType", "RAW", "DIGEST", "Sign", on(SIGN, **SIGNING)),
    ("StringEquals", "kms:MessageType", "RAW", "DIGEST", "Verify", on(SIGN, **SIGNING, Signature=Stage.signature)),
    ("StringEquals", "kms:MacAlgorithm", "HMAC_SHA_256", "HMAC_SHA_384", "GenerateMac", on(MAC, **MACING)),
    ("StringEquals", "kms:MacAlgorithm", "HMAC_SHA_256", "HMAC_SHA_384", "VerifyMac", on(MAC, **MACING, Mac=Stage.mac)),
    ("StringEquals", "kms:KeyAgreementAlgorithm", "ECDH", "X", "DeriveSharedSecret", on(AGREE, KeyAgreementAlgorithm="ECDH", PublicKey=lambda s, k: s.public())),
    ("StringEquals", "kms:DataKeyPairSpec", "ECC_NIST_P256", "ECC_NIST_P384", "GenerateDataKeyPairWithoutPlaintext", on(KeyPairSpec="ECC_NIST_P256")),
    ("NumericEquals", "kms:ScheduleKeyDeletionPendingWindowInDays", "7", "30", "ScheduleKeyDeletion", on(PendingWindowInDays=7)),
    ("NumericEquals", "kms:ScheduleKeyDeletionPendingWindowInDays", "30", "7", "ScheduleKeyDeletion", on()),
    ("NumericEquals", "kms:RotationPeriodInDays", "90", "365", "EnableKeyRotation", on(RotationPeriodInDays=90)),
    ("NumericEquals", "kms:RotationPeriodInDays", "365", "90", "EnableKeyRotation", on()),
    ("Bool", "kms:BypassPolicyLockoutSafetyCheck", "true", "false", "PutKeyPolicy", bypass),
    ("Bool", "kms:ReEncryptOnSameKey", "false", "true", "ReEncrypt", re_encrypt),
    ("StringEquals", "aws:ResourceTag/team", "red", "blue", "DescribeKey", tagged),
    ("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/other}", "Encrypt", lambda s: {**tagged(s), "Plaintext": b"x"}),
    ("StringEquals", "aws:PrincipalTag/team", "red", "blue", "ListKeys", nothing),
    ("StringEquals", "aws:RequestTag/team", "red", "blue", "TagResource", on(Tags=TAGS)),
    ("StringEquals", "aws:RequestTag/team", "red", "blue", "CreateKey", lambda s: {"Tags": TAGS}),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["team", "a"], "a", "TagResource", on(Tags=TAGS)),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["team", "a"], "a", "UntagResource", on(TagKeys=["team"])),
    ("IpAddress", "aws:SourceIp", "127.0.0.0/8", "203.0.113.0/24", "ListKeys", nothing),
    ("Bool", "aws:SecureTransport", "false", "true", "ListKeys", nothing),
    ("ArnEquals", "aws:PrincipalArn", ARN, ELSE, "ListKeys", nothing),
    ("StringEquals", "aws:PrincipalAccount", ACCOUNT, "111122223333", "GenerateRandom", lambda s: {"NumberOfBytes": 1}),
    ("StringEquals", "aws:PrincipalType", "User", "Account", "ListKeys", nothing),
    ("StringEquals", "aws:username", "conditions", "else", "ListKeys", nothing),
    ("StringLike", "aws:userid", "AIDA*", "AROA*", "ListKeys", nothing),
    ("StringEquals", "aws:RequestedRegion", "us-east-1", "eu-west-1", "ListKeys", nothing),
    ("DateGreaterThan", "aws:CurrentTime", "2020-01-01", "2100-01-01", "ListKeys", nothing),
    ("DateLessThan", "aws:EpochTime", "4102444800", "1577836800", "ListKeys", nothing),
    ("Null", "aws:TokenIssueTime", "true", "false", "ListKeys", nothing),
]


class Conditions(Case):
    def test_each_condition_key(self):
        kms = principal(ARN)
        casemated("principal", "tag", ARN, "team=red")
        stage = Stage(self.kms)
        wrong = []
        for operator, key, right, other, operation, build in ROWS:
            request = build(stage)
            for value, want in [(other, DENIED), (right, None)]:
                # An operation that changes the key is refused first, then done.
                condition = {operator: {key: value}}
                statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
                put_policy(ARN, "p", {"Version": "2012-10-17", "Statement": statement})
                try:
                    getattr(kms, botocore.xform_name(operation))(**request)
                    got = None
                except ClientError as e:
                    got = e.response["Error"]["Code"]
                if got != want:
                    wrong.append(f"{operation} with {condition}: {got}, not {want}")
        self.assertEqual(wrong, [])
