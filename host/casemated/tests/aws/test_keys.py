# SPDX-License-Identifier: Apache-2.0
"""Keys and what belongs to them: states, deletion, aliases, tags, policies, rotation."""

import json
import os
import time

from common import Case, principal, statement


def clock(ahead):
    """Sets the service's clock of rotation and deletion, in seconds ahead."""
    file = os.environ["CASEMATED_CLOCK"]
    with open(file + ".new", "w") as f:
        f.write(str(ahead))
    os.rename(file + ".new", file)


def until(so):
    for _ in range(100):
        if so():
            return
        time.sleep(0.1)
    raise AssertionError("it does not come to that")


class Keys(Case):
    def test_create_and_describe(self):
        k = self.key(Description="test key 123", Tags=[{"TagKey": "a", "TagValue": "b"}])
        for named in (k["KeyId"], k["Arn"]):
            self.assertEqual(self.kms.describe_key(KeyId=named)["KeyMetadata"], k)
        self.assertEqual((k["KeyState"], k["Enabled"], k["Origin"], k["KeyManager"]), ("Enabled", True, "AWS_KMS", "CUSTOMER"))
        self.kms.update_key_description(KeyId=k["KeyId"], Description="other")
        self.assertEqual(self.kms.describe_key(KeyId=k["KeyId"])["KeyMetadata"]["Description"], "other")
        self.assertTrue(self.key(MultiRegion=True)["KeyId"].startswith("mrk-"))

    def test_refused(self):
        arn = self.key()["Arn"]
        missing = arn[:-36] + "00000000-0000-4000-8000-000000000000"
        with self.refused("NotFoundException", f"Key '{missing}' does not exist"):
            self.kms.describe_key(KeyId=missing[-36:])
        with self.refused("NotFoundException", "Invalid keyId '134f2428cec14b25a1ae9048164dba47'"):
            self.kms.describe_key(KeyId="134f2428cec14b25a1ae9048164dba47")
        with self.refused("NotFoundException", "Invalid arn eu-west-1"):
            self.kms.describe_key(KeyId=arn.replace("us-east-1", "eu-west-1"))
        with self.refused(
            "ValidationException",
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        ):
            self.key(KeySpec="HMAC_256")
        with self.refused("ValidationException", "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"):
            self.key(KeySpec="RSA_2048", KeyUsage="KEY_AGREEMENT")
        for args in (
            {"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"},
            {"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY"},
            {"Origin": "EXTERNAL"},
        ):
            with self.refused("UnsupportedOperationException"):
                self.key(**args)
        with self.refused("UnsupportedOperationException"):
            self.kms.describe_custom_key_stores()

    def test_list_by_pages(self):
        made = {self.key()["KeyId"] for _ in range(5)}
        found, args = [], {"Limit": 2}
        while True:
            page = self.kms.list_keys(**args)
            self.assertLessEqual(len(page["Keys"]), 2)
            found += [k["KeyId"] for k in page["Keys"]]
            if not page["Truncated"]:
                break
            args["Marker"] = page["NextMarker"]
        self.assertTrue(made <= set(found))
        self.assertEqual(len(found), len(set(found)))
        with self.refused("InvalidMarkerException"):
            self.kms.list_keys(Marker="$")

    def test_states(self):
        k = self.key()
        kid, arn = k["KeyId"], k["Arn"]
        blob = self.kms.encrypt(KeyId=kid, Plaintext=b"x")["CiphertextBlob"]
        self.kms.disable_key(KeyId=kid)
        for call, args in (
            (self.kms.encrypt, {"KeyId": kid, "Plaintext": b"x"}),
            (self.kms.decrypt, {"CiphertextBlob": blob}),
            (self.kms.rotate_key_on_demand, {"KeyId": kid}),
        ):
            with self.refused("DisabledException", f"{arn} is disabled."):
                call(**args)
        self.kms.enable_key(KeyId=kid)
        self.assertEqual(self.kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        with self.refused("ValidationException"):
            self.kms.schedule_key_deletion(KeyId=kid, PendingWindowInDays=6)
        d = self.kms.schedule_key_deletion(KeyId=kid, PendingWindowInDays=7)
        self.assertEqual((d["KeyId"], d["KeyState"], d["PendingWindowInDays"]), (arn, "PendingDeletion", 7))
        for call, args in (
            (self.kms.encrypt, {"KeyId": kid, "Plaintext": b"x"}),
            (self.kms.decrypt, {"CiphertextBlob": blob}),
            (self.kms.enable_key, {"KeyId": kid}),
            (self.kms.create_alias, {"AliasName": "alias/pending", "TargetKeyId": kid}),
            (self.kms.schedule_key_deletion, {"KeyId": kid}),
        ):
            with self.refused("KMSInvalidStateException", f"{arn} is pending deletion."):
                call(**args)
        self.assertIn("DeletionDate", self.kms.describe_key(KeyId=kid)["KeyMetadata"])
        self.assertEqual(self.kms.cancel_key_deletion(KeyId=kid)["KeyId"], arn)
        self.assertEqual(self.kms.describe_key(KeyId=kid)["KeyMetadata"]["KeyState"], "Disabled")
        with self.refused("KMSInvalidStateException"):
            self.kms.cancel_key_deletion(KeyId=kid)

    def test_aliases(self):
        a, b = self.key(), self.key()
        name = "alias/test"
        self.kms.create_alias(AliasName=name, TargetKeyId=a["KeyId"])
        alias_arn = a["Arn"].split(":key/")[0] + ":" + name
        with self.refused("AlreadyExistsException", f"An alias with the name {alias_arn} already exists"):
            self.kms.create_alias(AliasName=name, TargetKeyId=b["Arn"])
        blob = self.kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
        self.kms.update_alias(AliasName=name, TargetKeyId=b["KeyId"])
        self.assertEqual(self.kms.describe_key(KeyId=alias_arn)["KeyMetadata"]["KeyId"], b["KeyId"])
        self.assertEqual(self.kms.decrypt(CiphertextBlob=blob)["Plaintext"], b"x")
        with self.refused("IncorrectKeyException"):
            self.kms.decrypt(CiphertextBlob=blob, KeyId=name)
        listed = self.kms.list_aliases(KeyId=b["KeyId"])["Aliases"]
        self.assertEqual([(x["AliasName"], x["AliasArn"]) for x in listed], [(name, alias_arn)])
        mac = self.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
        with self.refused("ValidationException"):
            self.kms.update_alias(AliasName=name, TargetKeyId=mac)
        self.kms.delete_alias(AliasName=name)
        for call in (lambda: self.kms.describe_key(KeyId=name), lambda: self.kms.delete_alias(AliasName=name)):
            with self.refused("NotFoundException", f"Alias {alias_arn} is not found."):
                call()
        with self.refused(
            "ValidationException",
            'Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ):
            self.kms.create_alias(AliasName="test", TargetKeyId=a["KeyId"])
        with self.refused("NotAuthorizedException"):
            self.kms.create_alias(AliasName="alias/aws/s3", TargetKeyId=a["KeyId"])

    def test_tags(self):
        k = self.key(Tags=[{"TagKey": "tag1", "TagValue": "value1"}])["KeyId"]
        self.kms.tag_resource(KeyId=k, Tags=[{"TagKey": "tag2", "TagValue": ""}])
        tags = [{"TagKey": "tag1", "TagValue": "value1"}, {"TagKey": "tag2", "TagValue": ""}]
        page = self.kms.list_resource_tags(KeyId=k, Limit=1)
        self.assertEqual((page["Tags"], page["Truncated"]), (tags[:1], True))
        page = self.kms.list_resource_tags(KeyId=k, Marker=page["NextMarker"])
        self.assertEqual((page["Tags"], page["Truncated"]), (tags[1:], False))
        self.kms.untag_resource(KeyId=k, TagKeys=["tag1", "tag2", "none"])
        self.assertEqual(self.kms.list_resource_tags(KeyId=k)["Tags"], [])
        one = {"TagKey": "k", "TagValue": "v"}
        with self.refused("TagException", "Duplicate tag keys"):
            self.kms.tag_resource(KeyId=k, Tags=[one, one])
        with self.refused("TagException", "Too many tags"):
            self.key(Tags=[{"TagKey": str(i), "TagValue": ""} for i in range(51)])
        with self.refused("TagException", "Tags beginning with aws: are reserved"):
            self.kms.tag_resource(KeyId=k, Tags=[{"TagKey": "aws:x", "TagValue": "v"}])

    def test_policies(self):
        k = self.key()["KeyId"]
        self.assertEqual(self.kms.list_key_policies(KeyId=k)["PolicyNames"], ["default"])
        default = json.loads(self.kms.get_key_policy(KeyId=k, PolicyName="default")["Policy"])
        self.assertEqual(default["Statement"][0]["Principal"], {"AWS": "arn:aws:iam::000000000000:root"})
        default["Statement"].append({"Effect": "Deny", "Principal": "*", "Action": "kms:Encrypt", "Resource": "*"})
        self.kms.put_key_policy(KeyId=k, Policy=json.dumps(default))
        with self.refused("AccessDeniedException"):
            self.kms.encrypt(KeyId=k, Plaintext=b"x")
        self.kms.generate_data_key(KeyId=k, KeySpec="AES_256")
        with self.refused("MalformedPolicyDocumentException"):
            self.kms.put_key_policy(KeyId=k, Policy="{}")
        nobody = statement("Allow", "kms:Encrypt", Principal={"AWS": "arn:aws:iam::000000000000:user/x"})
        with self.refused(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        ):
            self.kms.put_key_policy(KeyId=k, Policy=json.dumps(nobody))

    def test_rotation(self):
        k = self.key()["KeyId"]
        clock(0)
        materials, blobs = [], []

        def look():
            materials.append(self.kms.describe_key(KeyId=k)["KeyMetadata"]["CurrentKeyMaterialId"])
            blobs.append(self.kms.encrypt(KeyId=k, Plaintext=b"%d" % len(blobs))["CiphertextBlob"])

        look()
        self.assertFalse(self.kms.get_key_rotation_status(KeyId=k)["KeyRotationEnabled"])
        self.kms.enable_key_rotation(KeyId=k, RotationPeriodInDays=90)
        s = self.kms.get_key_rotation_status(KeyId=k)
        self.assertEqual((s["KeyRotationEnabled"], s["RotationPeriodInDays"]), (True, 90))
        self.kms.rotate_key_on_demand(KeyId=k)
        look()
        clock(90 * 86400 + 60)
        try:
            until(lambda: self.kms.describe_key(KeyId=k)["KeyMetadata"]["CurrentKeyMaterialId"] not in materials)
        finally:
            clock(0)
        look()
        self.assertEqual(len(set(materials)), 3)
        for i, b in enumerate(blobs):
            d = self.kms.decrypt(CiphertextBlob=b)
            self.assertEqual((d["Plaintext"], d["KeyMaterialId"]), (b"%d" % i, materials[i]))
        kinds = [r["RotationType"] for r in self.kms.list_key_rotations(KeyId=k)["Rotations"]]
        self.assertEqual(kinds, ["ON_DEMAND", "AUTOMATIC"])
        every = self.kms.list_key_rotations(KeyId=k, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
        self.assertEqual([r["KeyMaterialId"] for r in every], materials)
        self.kms.disable_key_rotation(KeyId=k)
        self.assertFalse(self.kms.get_key_rotation_status(KeyId=k)["KeyRotationEnabled"])
        pair = self.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
        with self.refused("UnsupportedOperationException"):
            self.kms.rotate_key_on_demand(KeyId=pair)
        limited = self.key()
        for _ in range(25):
            self.kms.rotate_key_on_demand(KeyId=limited["KeyId"])
        with self.refused(
            "LimitExceededException",
            "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be "
            f"performed for this key: {limited['Arn']}",
        ):
            self.kms.rotate_key_on_demand(KeyId=limited["KeyId"])

    def test_deletion(self):
        k = self.key()
        self.kms.create_alias(AliasName="alias/doomed", TargetKeyId=k["KeyId"])
        blob = self.kms.encrypt(KeyId=k["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        self.kms.schedule_key_deletion(KeyId=k["KeyId"], PendingWindowInDays=7)

        def gone():
            try:
                self.kms.describe_key(KeyId=k["KeyId"])
            except self.kms.exceptions.NotFoundException:
                return True

        clock(7 * 86400 + 60)
        try:
            until(gone)
        finally:
            clock(0)
        with self.refused("NotFoundException"):
            self.kms.describe_key(KeyId="alias/doomed")
        with self.refused("InvalidCiphertextException"):
            self.kms.decrypt(CiphertextBlob=blob)


class Grants(Case):
    def test_grants(self):
        k = self.key()
        kid = k["KeyId"]
        arn = "arn:aws:iam::000000000000:user/grantee"
        grantee = principal(arn)
        with self.refused("AccessDeniedException"):
            grantee.encrypt(KeyId=kid, Plaintext=b"x")
        args = {
            "KeyId": kid,
            "GranteePrincipal": arn,
            "RetiringPrincipal": arn,
            "Operations": ["Encrypt", "Decrypt", "RetireGrant"],
            "Constraints": {"EncryptionContextSubset": {"dept": "it"}},
            "Name": "one",
        }
        with self.refused("DryRunOperationException"):
            self.kms.create_grant(DryRun=True, **args)
        g = self.kms.create_grant(**args)
        self.assertEqual(self.kms.create_grant(**args)["GrantId"], g["GrantId"])
        blob = grantee.encrypt(KeyId=kid, Plaintext=b"x", EncryptionContext={"dept": "it", "a": "b"})["CiphertextBlob"]
        with self.refused("AccessDeniedException"):
            grantee.encrypt(KeyId=kid, Plaintext=b"x", EncryptionContext={"dept": "hr"})
        with self.refused("AccessDeniedException"):
            grantee.describe_key(KeyId=kid)
        self.assertEqual(grantee.decrypt(CiphertextBlob=blob, EncryptionContext={"dept": "it", "a": "b"})["Plaintext"], b"x")
        listed = self.kms.list_grants(KeyId=kid)["Grants"]
        self.assertEqual([(x["GrantId"], x["GranteePrincipal"], x["Constraints"]) for x in listed], [(g["GrantId"], arn, args["Constraints"])])
        retirable = self.kms.list_retirable_grants(RetiringPrincipal=arn)["Grants"]
        self.assertEqual([(x["GrantId"], x["KeyId"]) for x in retirable], [(g["GrantId"], k["Arn"])])
        grantee.retire_grant(GrantToken=g["GrantToken"])
        with self.refused("AccessDeniedException"):
            grantee.encrypt(KeyId=kid, Plaintext=b"x", EncryptionContext={"dept": "it"})
        h = self.kms.create_grant(KeyId=kid, GranteePrincipal=arn, Operations=["DescribeKey"])
        grantee.describe_key(KeyId=kid)
        self.kms.revoke_grant(KeyId=kid, GrantId=h["GrantId"])
        with self.refused("AccessDeniedException"):
            grantee.describe_key(KeyId=kid)
        with self.refused("NotFoundException"):
            self.kms.revoke_grant(KeyId=kid, GrantId=h["GrantId"])
        with self.refused("ValidationException"):
            self.kms.create_grant(KeyId=kid, GranteePrincipal=arn, Operations=["Sign"])
