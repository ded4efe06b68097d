# SPDX-License-Identifier: Apache-2.0
"""What fits a simulated device: one key of each sort, used once by boto3, and the command line."""

import base64
import json
import os
import subprocess

from common import Case


class Short(Case):
    def test_boto3(self):
        k = self.key()["KeyId"]
        context = {"a": "b"}
        blob = self.kms.encrypt(KeyId=k, Plaintext=b"hello", EncryptionContext=context)["CiphertextBlob"]
        self.assertEqual(self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"], b"hello")
        with self.refused("InvalidCiphertextException"):
            self.kms.decrypt(CiphertextBlob=blob)
        self.kms.rotate_key_on_demand(KeyId=k)
        self.assertEqual(self.kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)["Plaintext"], b"hello")
        d = self.kms.generate_data_key(KeyId=k, KeySpec="AES_256")
        self.assertEqual(self.kms.decrypt(CiphertextBlob=d["CiphertextBlob"])["Plaintext"], d["Plaintext"])
        s = self.key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
        signed = self.kms.sign(KeyId=s, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
        args = {"KeyId": s, "Signature": signed, "SigningAlgorithm": "ECDSA_SHA_256"}
        self.assertTrue(self.kms.verify(Message=b"m", **args)["SignatureValid"])
        with self.refused("KMSInvalidSignatureException"):
            self.kms.verify(Message=b"n", **args)
        h = self.key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyId"]
        args = {"KeyId": h, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
        mac = self.kms.generate_mac(**args)["Mac"]
        self.assertTrue(self.kms.verify_mac(Mac=mac, **args)["MacValid"])

    def aws(self, *args):
        run = subprocess.run([os.environ["AWS_CLI"], "kms", *args], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def test_aws(self):
        k = self.aws("create-key", "--description", "by the command line")["KeyMetadata"]["KeyId"]
        sealed = self.aws("encrypt", "--key-id", k, "--plaintext", "hello")["CiphertextBlob"]
        file = os.path.join(os.environ["CASEMATED_DATA"], "sealed")
        with open(file, "wb") as f:
            f.write(base64.b64decode(sealed))
        self.assertEqual(self.aws("decrypt", "--ciphertext-blob", f"fileb://{file}")["Plaintext"], "aGVsbG8=")
