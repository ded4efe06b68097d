# SPDX-License-Identifier: Apache-2.0
"""Least privilege: for each operation a principal with exactly the permission can, one with all but the permission cannot, and every call,
allowed or refused, leaves one record.

A permission is given in each way there is: by the principal's own policy, by the key policy alone, by a grant. A refusal comes
first, so that what an operation changes does not decide the next call.
"""

import json
import os
import pathlib

import botocore
from botocore.exceptions import ClientError

from common import CALLED, Case, principal, put_policy

ACCOUNT = "000000000000"
NOBODY = f"arn:aws:iam::{ACCOUNT}:user/nobody"
SYMMETRIC = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT"}
SIGN = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}
AGREE = {"KeySpec": "ECC_NIST_P256", "KeyUsage": "KEY_AGREEMENT"}
MAC = {"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}

# What a grant for a key of each usage can hold.
GRANTABLE = {
    "ENCRYPT_DECRYPT": [
        "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
    ],
    "SIGN_VERIFY": ["Sign", "Verify", "GetPublicKey"],
    "KEY_AGREEMENT": ["DeriveSharedSecret", "GetPublicKey"],
    "GENERATE_VERIFY_MAC": ["GenerateMac", "VerifyMac"],
}
for listed in GRANTABLE.values():
    listed += ["CreateGrant", "DescribeKey", "RetireGrant"]


class User:
    """A principal without policies, and the calls it made."""

    def __init__(self, name):
        self.arn = f"arn:aws:iam::{ACCOUNT}:user/privilege-{name}"
        self.kms = principal(self.arn)
        self.calls = []

    def policy(self, *statements):
        """Gives it this policy and no other."""
        put_policy(self.arn, "p", {"Version": "2012-10-17", "Statement": [{"Resource": "*", **s} for s in statements]})

    def call(self, operation, arguments):
        """The error's code, or None."""
        try:
            answer = getattr(self.kms, botocore.xform_name(operation))(**arguments)
            error = None
        except ClientError as e:
            answer = e.response
            error = e.response["Error"]["Code"]
        self.calls.append((answer["ResponseMetadata"]["RequestId"], operation, error))
        return error


class Stage:
    """Keys and what is under them, made anew for each try by a principal that may everything."""

    # All stages of a run share one account, and so its aliases.
    names = 0

    def __init__(self, kms):
        self.kms = kms
        self.keys = []

    def key(self, kind=SYMMETRIC):
        made = self.kms.create_key(**kind)["KeyMetadata"]
        self.keys.append(made)
        return made["KeyId"]

    def name(self):
        Stage.names += 1
        return f"alias/privilege-{Stage.names}"

    def alias(self, key):
        name = self.name()
        self.kms.create_alias(AliasName=name, TargetKeyId=key)
        return name

    def ciphertext(self, key):
        return self.kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "b"})["CiphertextBlob"]

    def public(self):
        return self.kms.get_public_key(KeyId=self.kms.create_key(**AGREE)["KeyMetadata"]["KeyId"])["PublicKey"]

    def signature(self, key):
        return self.kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256")["Signature"]

    def mac(self, key):
        return self.kms.generate_mac(KeyId=key, Message=b"x", MacAlgorithm="HMAC_SHA_256")["Mac"]

    def grant(self, key, operations=("Encrypt",)):
        return self.kms.create_grant(KeyId=key, GranteePrincipal=NOBODY, Operations=list(operations))["GrantId"]


def on_key(kind=SYMMETRIC, before=None, **arguments):
    """An operation on a key of its own, and what is done with the key before."""

    def build(stage):
        key = stage.key(kind)
        if before:
            before(stage.kms, key)
        made = {name: value(stage, key) if callable(value) else value for name, value in arguments.items()}
        return {"KeyId": key, **made}

    return build


def decrypt(stage):
    return {"CiphertextBlob": stage.ciphertext(stage.key()), "EncryptionContext": {"a": "b"}}


def re_encrypt(stage):
    source = stage.ciphertext(stage.key())
    return {"CiphertextBlob": source, "SourceEncryptionContext": {"a": "b"}, "DestinationKeyId": stage.key()}


def update_alias(stage):
    return {"AliasName": stage.alias(stage.key()), "TargetKeyId": stage.key()}


def disable(kms, key):
    kms.disable_key(KeyId=key)


def schedule(kms, key):
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def rotate(kms, key):
    kms.enable_key_rotation(KeyId=key)


def default_policy():
    root = f"arn:aws:iam::{ACCOUNT}:root"
    return {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


SIGNING = {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
MACING = {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
PAIR = {"KeyPairSpec": "ECC_NIST_P256"}

# Each operation: the request to make, given a stage.
OPERATIONS = {
    "CreateKey": lambda stage: {},
    "DescribeKey": on_key(),
    "ListKeys": lambda stage: {},
    "UpdateKeyDescription": on_key(Description="x"),
    "EnableKey": on_key(before=disable),
    "DisableKey": on_key(),
    "ScheduleKeyDeletion": on_key(PendingWindowInDays=7),
    "CancelKeyDeletion": on_key(before=schedule),
    "Encrypt": on_key(Plaintext=b"x"),
    "Decrypt": decrypt,
    "ReEncrypt": re_encrypt,
    "GenerateDataKey": on_key(KeySpec="AES_256"),
    "GenerateDataKeyWithoutPlaintext": on_key(KeySpec="AES_256"),
    "GenerateDataKeyPair": on_key(**PAIR),
    "GenerateDataKeyPairWithoutPlaintext": on_key(**PAIR),
    "GenerateRandom": lambda stage: {"NumberOfBytes": 8},
    "Sign": on_key(SIGN, **SIGNING),
    "Verify": on_key(SIGN, **SIGNING, Signature=Stage.signature),
    "GetPublicKey": on_key(SIGN),
    "DeriveSharedSecret": on_key(AGREE, KeyAgreementAlgorithm="ECDH", PublicKey=lambda stage, key: stage.public()),
    "GenerateMac": on_key(MAC, **MACING),
    "VerifyMac": on_key(MAC, **MACING, Mac=Stage.mac),
    "CreateAlias": lambda stage: {"AliasName": stage.name(), "TargetKeyId": stage.key()},
    "UpdateAlias": update_alias,
    "DeleteAlias": lambda stage: {"AliasName": stage.alias(stage.key())},
    "ListAliases": lambda stage: {},
    "TagResource": on_key(Tags=[{"TagKey": "a", "TagValue": "b"}]),
    "UntagResource": on_key(TagKeys=["a"]),
    "ListResourceTags": on_key(),
    "GetKeyPolicy": on_key(),
    "PutKeyPolicy": on_key(Policy=document(default_policy())),
    "ListKeyPolicies": on_key(),
    "CreateGrant": on_key(GranteePrincipal=NOBODY, Operations=["Encrypt"]),
    "ListGrants": on_key(),
    "RevokeGrant": on_key(GrantId=Stage.grant),
    "RetireGrant": on_key(GrantId=Stage.grant),
    "ListRetirableGrants": lambda stage: {"RetiringPrincipal": NOBODY},
    "EnableKeyRotation": on_key(),
    "DisableKeyRotation": on_key(before=rotate),
    "GetKeyRotationStatus": on_key(),
    "RotateKeyOnDemand": on_key(),
    "ListKeyRotations": on_key(),
}

# What the service answers with UnsupportedOperationException, and what is not in one region.
ABSENT = {
    "ConnectCustomKeyStore", "CreateCustomKeyStore", "Decapsulate", "DeleteCustomKeyStore", "DeleteImportedKeyMaterial",
    "DescribeCustomKeyStores", "DisconnectCustomKeyStore", "Encapsulate", "GetKeyLastUsage", "GetParametersForImport",
    "ImportKeyMaterial", "ReplicateKey", "UpdateCustomKeyStore", "UpdatePrimaryRegion",
}


def needs(operation):
    return ["ReEncryptFrom", "ReEncryptTo"] if operation == "ReEncrypt" else [operation]


DENIED = "AccessDeniedException"


def kms(actions):
    return [f"kms:{action}" for action in actions]


class Privilege(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stage = Stage(cls.kms)
        # These calls are not those that test_z_coverage asks for.
        cls.called = set(CALLED)

    @classmethod
    def tearDownClass(cls):
        CALLED.clear()
        CALLED.update(cls.called)

    def assert_recorded(self, *users):
        """One record of each call, by whom it was and how it ended."""
        records = {}
        for path in pathlib.Path(os.environ["CASEMATED_DATA"], "audit").glob("*.jsonl"):
            for line in path.read_text().splitlines():
                record = json.loads(line).get("record")
                if record:
                    records.setdefault(record.get("requestID"), []).append(record)
        for user in users:
            self.assertNotEqual(user.calls, [])
            for request, operation, error in user.calls:
                (record,) = records[request]
                self.assertEqual(record["eventName"], operation)
                self.assertEqual(record["userIdentity"]["arn"], user.arn)
                refused = record.get("errorCode", "").startswith("AccessDenied")
                self.assertEqual(refused, error is not None, record)

    def test_the_operations_are_those_of_the_api(self):
        self.assertEqual(set(self.kms.meta.service_model.operation_names), OPERATIONS.keys() | ABSENT)

    def test_by_own_policy(self):
        but, denied, only = User("but"), User("denied"), User("only")
        for operation, build in OPERATIONS.items():
            for missing in needs(operation):
                but.policy({"Effect": "Allow", "NotAction": kms([missing])})
                self.assertEqual(but.call(operation, build(self.stage)), DENIED, f"{operation} with all but {missing}")
            denied.policy({"Effect": "Allow", "Action": "*"}, {"Effect": "Deny", "Action": kms(needs(operation))})
            self.assertEqual(denied.call(operation, build(self.stage)), DENIED, f"{operation}, denied")
            only.policy({"Effect": "Allow", "Action": kms(needs(operation))})
            self.assertIsNone(only.call(operation, build(self.stage)), f"{operation} with it only")
        self.assert_recorded(but, denied, only)

    def test_by_key_policy(self):
        user = User("key-policy")

        def put(key, **what):
            named = {"Effect": "Allow", "Principal": {"AWS": user.arn}, "Resource": "*", **what}
            self.kms.put_key_policy(KeyId=key["KeyId"], Policy=document(default_policy(), named))

        for operation, build in OPERATIONS.items():
            self.stage.keys.clear()
            arguments = build(self.stage)
            # What is on an alias or on no key is up to the user's own policies; who retires a grant is up to the grant.
            if operation == "RetireGrant" or not arguments.keys() & {"KeyId", "CiphertextBlob"}:
                continue
            for missing in needs(operation):
                for key in self.stage.keys:
                    put(key, NotAction=kms([missing]))
                self.assertEqual(user.call(operation, arguments), DENIED, f"{operation} with all but {missing}")
            for key in self.stage.keys:
                put(key, Action=kms(needs(operation)))
            self.assertIsNone(user.call(operation, arguments), f"{operation} with it only")
        self.assert_recorded(user)

    def test_by_grant(self):
        user = User("grant")

        def grant(key, operations):
            return self.kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=user.arn, Operations=operations)

        listed = {action for actions in GRANTABLE.values() for action in actions}
        for operation in [o for o in OPERATIONS if set(needs(o)) <= listed and o != "RetireGrant"]:
            self.stage.keys.clear()
            arguments = OPERATIONS[operation](self.stage)
            for key in self.stage.keys:
                grant(key, [a for a in GRANTABLE[key["KeyUsage"]] if a not in needs(operation)])
            self.assertEqual(user.call(operation, arguments), DENIED, f"{operation} with all others")
            # A grant to create grants holds what the new grants are to allow.
            also = ["Encrypt"] if operation == "CreateGrant" else []
            for key, action in zip(self.stage.keys, needs(operation), strict=True):
                grant(key, [action] + also)
            self.assertIsNone(user.call(operation, arguments), f"{operation} with it only")
        self.assert_recorded(user)

    def test_retire_by_grant(self):
        user = User("retire")
        key = self.stage.key()
        others = [a for a in GRANTABLE["ENCRYPT_DECRYPT"] if a != "RetireGrant"]
        for arguments, want in [
            ({"GranteePrincipal": user.arn, "Operations": others}, DENIED),
            ({"GranteePrincipal": user.arn, "Operations": ["RetireGrant"]}, None),
            ({"GranteePrincipal": NOBODY, "Operations": ["Encrypt", "RetireGrant"]}, DENIED),
            ({"GranteePrincipal": NOBODY, "Operations": ["Encrypt"], "RetiringPrincipal": user.arn}, None),
        ]:
            grant = self.kms.create_grant(KeyId=key, **arguments)["GrantId"]
            self.assertEqual(user.call("RetireGrant", {"KeyId": key, "GrantId": grant}), want, arguments)
        self.assert_recorded(user)
