# SPDX-License-Identifier: Apache-2.0
"""Encryption, data keys, MACs, signatures, key agreement; messages as recorded of AWS."""

import hashlib

from common import Case, principal, statement


class Crypto(Case):
    def test_encrypt(self):
        k = self.key()
        arn, context = k["Arn"], {"a": "b", "é": "ü"}
        for plain in (b"x", b"y" * 4096):
            c = self.kms.encrypt(KeyId=k["KeyId"], Plaintext=plain, EncryptionContext=context)
            self.assertEqual((c["KeyId"], c["EncryptionAlgorithm"]), (arn, "SYMMETRIC_DEFAULT"))
            blob = c["CiphertextBlob"]
            for named in ({}, {"KeyId": k["KeyId"]}, {"KeyId": arn}):
                d = self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, **named)
                self.assertEqual((d["Plaintext"], d["KeyId"]), (plain, arn))
                self.assertEqual(d["KeyMaterialId"], k["CurrentKeyMaterialId"])
        again = self.kms.encrypt(KeyId=k["KeyId"], Plaintext=plain, EncryptionContext=context)["CiphertextBlob"]
        self.assertNotEqual(blob[:96], again[:96])
        with self.refused("InvalidCiphertextException", ""):
            self.kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "c", "é": "ü"})
        with self.refused("InvalidCiphertextException", ""):
            self.kms.decrypt(CiphertextBlob=blob)
        other = self.key()["KeyId"]
        message = "The key ID in the request does not identify a CMK that can perform this operation."
        with self.refused("IncorrectKeyException", message):
            self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context, KeyId=other)
        with self.refused(
            "ValidationException",
            "1 validation error detected: Value at 'plaintext' failed to satisfy constraint: "
            "Member must have length less than or equal to 4096",
        ):
            self.kms.encrypt(KeyId=k["KeyId"], Plaintext=b"x" * 4097)

    def test_every_byte_counts(self):
        k = self.key()["KeyId"]
        blob = self.kms.encrypt(KeyId=k, Plaintext=b"secret")["CiphertextBlob"]
        for i in range(len(blob)):
            bad = bytearray(blob)
            bad[i] ^= 1
            with self.refused("InvalidCiphertextException"):
                self.kms.decrypt(CiphertextBlob=bytes(bad))
        for cut in (1, 50, 95, 96, 112, len(blob) - 1):
            with self.refused("InvalidCiphertextException"):
                self.kms.decrypt(CiphertextBlob=blob[:cut])
            with self.refused("InvalidCiphertextException"):
                self.kms.decrypt(CiphertextBlob=blob[:cut], KeyId=k)

    def test_another_tenant(self):
        blob = self.kms.encrypt(KeyId=self.key()["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
        arn = "arn:aws:iam::222222222222:user/other"
        other = principal(arn, statement("Allow", "kms:*"))
        with self.refused("InvalidCiphertextException"):
            other.decrypt(CiphertextBlob=blob)
        own = other.create_key()["KeyMetadata"]["KeyId"]
        with self.refused("IncorrectKeyException"):
            other.decrypt(CiphertextBlob=blob, KeyId=own)
        with self.refused("NotFoundException"):
            other.decrypt(CiphertextBlob=blob, KeyId=self.key()["KeyId"])
        with self.refused("AccessDeniedException"):
            other.decrypt(CiphertextBlob=blob, KeyId=self.key()["Arn"])

    def test_re_encrypt(self):
        a, b = self.key(), self.key()
        blob = self.kms.encrypt(KeyId=a["KeyId"], Plaintext=b"m", EncryptionContext={"x": "1"})["CiphertextBlob"]
        r = self.kms.re_encrypt(
            CiphertextBlob=blob,
            SourceEncryptionContext={"x": "1"},
            DestinationKeyId=b["KeyId"],
            DestinationEncryptionContext={"x": "2"},
        )
        self.assertEqual((r["SourceKeyId"], r["KeyId"]), (a["Arn"], b["Arn"]))
        d = self.kms.decrypt(CiphertextBlob=r["CiphertextBlob"], EncryptionContext={"x": "2"})
        self.assertEqual((d["Plaintext"], d["KeyId"]), (b"m", b["Arn"]))

    def test_data_keys(self):
        k = self.key()["KeyId"]
        for args, n in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)):
            d = self.kms.generate_data_key(KeyId=k, EncryptionContext={"a": "b"}, **args)
            self.assertEqual(len(d["Plaintext"]), n)
            opened = self.kms.decrypt(CiphertextBlob=d["CiphertextBlob"], EncryptionContext={"a": "b"})
            self.assertEqual(opened["Plaintext"], d["Plaintext"])
            w = self.kms.generate_data_key_without_plaintext(KeyId=k, **args)
            self.assertNotIn("Plaintext", w)
            self.assertEqual(len(self.kms.decrypt(CiphertextBlob=w["CiphertextBlob"])["Plaintext"]), n)
        with self.refused("ValidationException", "Please specify either number of bytes or key spec."):
            self.kms.generate_data_key(KeyId=k)
        for spec in ("ECC_NIST_P256", "ECC_NIST_P384"):
            p = self.kms.generate_data_key_pair(KeyId=k, KeyPairSpec=spec)
            opened = self.kms.decrypt(CiphertextBlob=p["PrivateKeyCiphertextBlob"])["Plaintext"]
            self.assertEqual(opened, p["PrivateKeyPlaintext"])
            w = self.kms.generate_data_key_pair_without_plaintext(KeyId=k, KeyPairSpec=spec)
            self.assertNotIn("PrivateKeyPlaintext", w)
        with self.refused("UnsupportedOperationException"):
            self.kms.generate_data_key_pair(KeyId=k, KeyPairSpec="RSA_2048")

    def test_random(self):
        for n in (1, 12, 44, 91, 1024):
            self.assertEqual(len(self.kms.generate_random(NumberOfBytes=n)["Plaintext"]), n)
        with self.refused("ValidationException", "NumberOfBytes is required."):
            self.kms.generate_random()

    def test_sign(self):
        for spec, algorithm, hashed in (
            ("ECC_NIST_P256", "ECDSA_SHA_256", hashlib.sha256),
            ("ECC_NIST_P384", "ECDSA_SHA_384", hashlib.sha384),
        ):
            k = self.key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
            args = {"KeyId": k["KeyId"], "SigningAlgorithm": algorithm}
            raw = self.kms.sign(Message=b"message", **args)["Signature"]
            digest = {"Message": hashed(b"message").digest(), "MessageType": "DIGEST"}
            self.assertTrue(self.kms.verify(Signature=raw, **digest, **args)["SignatureValid"])
            signed = self.kms.sign(**digest, **args)
            self.assertEqual(signed["KeyId"], k["Arn"])
            self.assertTrue(self.kms.verify(Message=b"message", Signature=signed["Signature"], **args)["SignatureValid"])
            for bad in (b"other", raw[:-1], raw[:-1] + bytes([raw[-1] ^ 1])):
                with self.refused("KMSInvalidSignatureException", ""):
                    self.kms.verify(Message=b"message", Signature=bad, **args)
            with self.refused("ValidationException", f"Digest is invalid length for algorithm {algorithm}."):
                self.kms.sign(Message=b"short", MessageType="DIGEST", **args)
            public = self.kms.get_public_key(KeyId=k["KeyId"])
            self.assertEqual((public["KeySpec"], public["SigningAlgorithms"]), (spec, [algorithm]))
        with self.refused("InvalidKeyUsageException", "Algorithm ECDSA_SHA_256 is incompatible with key spec ECC_NIST_P384."):
            self.kms.sign(KeyId=k["KeyId"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
        with self.refused(
            "InvalidKeyUsageException", f"{k['Arn']} key usage is SIGN_VERIFY which is not valid for Encrypt."
        ):
            self.kms.encrypt(KeyId=k["KeyId"], Plaintext=b"x")

    def test_agree(self):
        for spec in ("ECC_NIST_P256", "ECC_NIST_P384"):
            a, b = (self.key(KeySpec=spec, KeyUsage="KEY_AGREEMENT")["KeyId"] for _ in range(2))
            public = {k: self.kms.get_public_key(KeyId=k)["PublicKey"] for k in (a, b)}
            secrets = {
                self.kms.derive_shared_secret(KeyId=x, KeyAgreementAlgorithm="ECDH", PublicKey=public[y])["SharedSecret"]
                for x, y in ((a, b), (b, a))
            }
            self.assertEqual(len(secrets), 1)
            with self.refused("ValidationException"):
                bad = public[b][:-1] + bytes([public[b][-1] ^ 1])
                self.kms.derive_shared_secret(KeyId=a, KeyAgreementAlgorithm="ECDH", PublicKey=bad)

    def test_mac(self):
        for spec in ("HMAC_256", "HMAC_384", "HMAC_512"):
            algorithm = spec.replace("_", "_SHA_")
            k = self.key(KeySpec=spec, KeyUsage="GENERATE_VERIFY_MAC")
            args = {"KeyId": k["KeyId"], "MacAlgorithm": algorithm}
            mac = self.kms.generate_mac(Message=b"m", **args)["Mac"]
            self.assertEqual(len(mac) * 8, int(spec[5:]))
            self.assertTrue(self.kms.verify_mac(Message=b"m", Mac=mac, **args)["MacValid"])
            for bad in (mac[:-1], bytes([mac[0] ^ 1]) + mac[1:]):
                with self.refused("KMSInvalidMacException", ""):
                    self.kms.verify_mac(Message=b"m", Mac=bad, **args)
            with self.refused("KMSInvalidMacException", ""):
                self.kms.verify_mac(Message=b"other", Mac=mac, **args)
        with self.refused("InvalidKeyUsageException", "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_512."):
            self.kms.generate_mac(KeyId=k["KeyId"], Message=b"m", MacAlgorithm="HMAC_SHA_256")
        with self.refused(
            "InvalidKeyUsageException", f"{k['Arn']} key usage is GENERATE_VERIFY_MAC which is not valid for Sign."
        ):
            self.kms.sign(KeyId=k["KeyId"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")

    def test_dry_run(self):
        k = self.key()["KeyId"]
        message = "The request would have succeeded, but the DryRun option is set."
        blob = self.kms.encrypt(KeyId=k, Plaintext=b"x")["CiphertextBlob"]
        pair = self.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
        mac = self.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
        for call, args in (
            (self.kms.encrypt, {"KeyId": k, "Plaintext": b"x"}),
            (self.kms.decrypt, {"CiphertextBlob": blob}),
            (self.kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": k}),
            (self.kms.generate_data_key, {"KeyId": k, "KeySpec": "AES_256"}),
            (self.kms.generate_data_key_without_plaintext, {"KeyId": k}),
            (self.kms.generate_data_key_pair, {"KeyId": k, "KeyPairSpec": "ECC_NIST_P256"}),
            (self.kms.generate_data_key_pair_without_plaintext, {"KeyId": k, "KeyPairSpec": "ECC_NIST_P256"}),
            (self.kms.sign, {"KeyId": pair, "Message": b"m", "SigningAlgorithm": "ECDSA_SHA_256"}),
            (self.kms.generate_mac, {"KeyId": mac, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}),
        ):
            with self.refused("DryRunOperationException", message):
                call(DryRun=True, **args)
        with self.refused("InvalidCiphertextException"):
            self.kms.decrypt(CiphertextBlob=blob[:-1], DryRun=True)
