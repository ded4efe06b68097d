# SPDX-License-Identifier: Apache-2.0
"""The suites before this one have asked for every operation that the service has."""

import unittest

from common import CALLED

OPERATIONS = """
CreateKey DescribeKey ListKeys UpdateKeyDescription EnableKey DisableKey ScheduleKeyDeletion CancelKeyDeletion Encrypt Decrypt ReEncrypt
GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateRandom Sign Verify
GetPublicKey GenerateMac VerifyMac DeriveSharedSecret CreateAlias UpdateAlias DeleteAlias ListAliases TagResource UntagResource
ListResourceTags GetKeyPolicy PutKeyPolicy ListKeyPolicies CreateGrant ListGrants RevokeGrant RetireGrant ListRetirableGrants
EnableKeyRotation DisableKeyRotation GetKeyRotationStatus RotateKeyOnDemand ListKeyRotations
""".split()


class Coverage(unittest.TestCase):
    def test_every_operation_was_called(self):
        self.assertEqual([o for o in OPERATIONS if o not in CALLED], [])
