# SPDX-License-Identifier: Apache-2.0
"""A client of the service, principals of it, and what tests ask again and again."""

import contextlib
import json
import os
import subprocess
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CALLED = set()


def client(key=None, secret=None, region=None):
    """A client with the keys of the environment, or with others."""
    c = boto3.client(
        "kms",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        region_name=region,
        config=Config(retries={"total_max_attempts": 1}),
    )
    c.meta.events.register("before-call.kms", lambda model, **_: CALLED.add(model.name) and None)
    return c


def casemated(*args):
    """A command of the program, over the running service's store."""
    run = subprocess.run(
        [os.environ["CASEMATED"], "--folder", os.environ["CASEMATED_DATA"], *args],
        capture_output=True,
        text=True,
    )
    if run.returncode:
        raise RuntimeError(run.stderr)
    return run.stdout


def principal(arn, *policies):
    """A client of a new principal with these policies."""
    out = casemated("principal", "create", arn)
    lines = dict(line.split("=", 1) for line in out.splitlines())
    for i, p in enumerate(policies):
        put_policy(arn, f"p{i}", p)
    return client(lines["AWS_ACCESS_KEY_ID"], lines["AWS_SECRET_ACCESS_KEY"])


def put_policy(arn, name, policy):
    file = os.path.join(os.environ["CASEMATED_DATA"], "policy.json")
    with open(file, "w") as f:
        json.dump(policy, f)
    casemated("principal", "put-policy", arn, name, file)


def statement(effect, action, resource="*", **more):
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}],
    }


class Case(unittest.TestCase):
    """With a client that may everything."""

    @classmethod
    def setUpClass(cls):
        cls.kms = client()

    def key(self, **args):
        return self.kms.create_key(**args)["KeyMetadata"]

    @contextlib.contextmanager
    def refused(self, code, message=None):
        with self.assertRaises(ClientError) as caught:
            yield
        e = caught.exception.response["Error"]
        self.assertEqual(e["Code"], code, e)
        if message is not None:
            self.assertEqual(e["Message"], message)
