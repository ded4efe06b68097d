# SPDX-License-Identifier: Apache-2.0
"""Signatures that are not right: the API's errors."""

import datetime
import http.client
import os
import time
from urllib.parse import urlparse

import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from common import Case, client


class Signature(Case):
    def send(self, secret=None, key=None, region=None, service="kms", shift=0, **change):
        """GenerateRandom, signed so; `change` is what becomes of it on the way."""
        endpoint = os.environ["AWS_ENDPOINT_URL_KMS"]
        request = AWSRequest(
            method="POST",
            url=endpoint + "/",
            data=b'{"NumberOfBytes": 8}',
            headers={
                "X-Amz-Target": "TrentService.GenerateRandom",
                "Content-Type": "application/x-amz-json-1.1",
                "Host": urlparse(endpoint).netloc,
            },
        )
        credentials = Credentials(
            key or os.environ["AWS_ACCESS_KEY_ID"], secret or os.environ["AWS_SECRET_ACCESS_KEY"]
        )
        real = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda *a, **k: real(*a, **k) + datetime.timedelta(seconds=shift)
        try:
            SigV4Auth(credentials, service, region or os.environ["AWS_REGION"]).add_auth(request)
        finally:
            botocore.auth.get_current_datetime = real
        headers = {k: v for k, v in request.headers.items()}
        headers.update(change.get("headers", {}))
        return self.raw(change.get("body", request.data), headers)

    def raw(self, body, headers):
        c = http.client.HTTPConnection(urlparse(os.environ["AWS_ENDPOINT_URL_KMS"]).netloc)
        c.request("POST", "/", body, headers)
        r = c.getresponse()
        text = r.read().decode()
        c.close()
        self.last = (body, headers)
        return r.status, text

    def expect(self, code, said, result):
        status, text = result
        self.assertEqual(status, 400, text)
        self.assertIn(f'"__type":"{code}"', text)
        self.assertIn(said, text)

    def test_right(self):
        self.assertEqual(self.send()[0], 200)

    def test_wrong(self):
        mismatch = "The request signature we calculated does not match"
        bad = "InvalidSignatureException"
        self.expect(bad, mismatch, self.send(secret="x" * 40))
        self.expect(bad, mismatch, self.send(body=b'{"NumberOfBytes": 9}'))
        self.expect(bad, mismatch, self.send(headers={"X-Amz-Target": "TrentService.ListKeys"}))
        self.expect(bad, "valid region", self.send(region="eu-west-1"))
        self.expect(bad, "correct service", self.send(service="s3"))
        self.expect(bad, "Signature expired", self.send(shift=-301))
        self.expect(bad, "Signature not yet current", self.send(shift=310))
        unknown = "The security token included in the request is invalid."
        self.expect("UnrecognizedClientException", unknown, self.send(key="AKIAIOSFODNN7EXAMPLE"))
        self.expect("MissingAuthenticationTokenException", "Missing", self.raw(b"{}", {}))
        self.expect("IncompleteSignatureException", "algorithm", self.raw(b"{}", {"Authorization": "Basic eDp5"}))
        for cut in ("Credential=", "SignedHeaders=", "Signature="):
            self.send()
            body, headers = self.last
            headers["Authorization"] = headers["Authorization"].replace(cut, "X=")
            self.expect("IncompleteSignatureException", cut[:-1], self.raw(body, headers))

    def test_replayed(self):
        self.assertEqual(self.send()[0], 200)
        request = self.last
        time.sleep(3.5)
        self.expect("InvalidSignatureException", "already used", self.raw(*request))

    def test_wrong_client(self):
        with self.refused("InvalidSignatureException"):
            client(os.environ["AWS_ACCESS_KEY_ID"], "wrong").list_keys()
        with self.refused("InvalidSignatureException"):
            client(region="eu-west-1").list_keys()
