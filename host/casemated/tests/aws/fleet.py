# SPDX-License-Identifier: Apache-2.0
"""Load on several servers of one database while they are killed and started again one at a time. What a server has answered no
server may contradict; what was cut off may have happened or not, but not both."""

import json
import os
import random
import sys
import threading
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

ENDPOINTS = os.environ["ENDPOINTS"].split(",")
SECONDS = float(os.environ["FLEET_SECONDS"])
CLOCK = os.environ["CASEMATED_CLOCK"]
NAMES = [f"alias/shared-{i}" for i in range(40)]
ERRORS = []
ANSWERED = []
LOCK = threading.Lock()
OWNERS = {}
UNKNOWN = 0


class Cut(Exception):
    """The connection broke: nobody knows what became of it."""


def clients():
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=20)
    return [boto3.client("kms", endpoint_url=e, config=config) for e in ENDPOINTS]


class Worker:
    def __init__(self, number):
        self.random = random.Random(number)
        self.clients = clients()
        self.keys = []

    def call(self, operation, server=None, **args):
        """The answer, or the error's code."""
        global UNKNOWN
        i = self.random.randrange(len(self.clients)) if server is None else server
        try:
            answer = getattr(self.clients[i], operation)(**args)
            code, meta = None, answer["ResponseMetadata"]
        except ClientError as e:
            answer, code, meta = None, e.response["Error"]["Code"], e.response["ResponseMetadata"]
        except (ConnectionError, HTTPClientError) as e:
            with LOCK:
                UNKNOWN += 1
            raise Cut from e
        assert meta["HTTPStatusCode"] < 500, (operation, args, code, meta)
        with LOCK:
            ANSWERED.append((i, meta["RequestId"]))
        return answer, code

    def must(self, operation, server=None, **args):
        answer, code = self.call(operation, server, **args)
        assert code is None, (operation, args, code)
        return answer

    def run(self, until):
        try:
            # On a slow machine too there is a load.
            while time.monotonic() < until or (len(ANSWERED) < 300 and not ERRORS):
                try:
                    k = Key(self, self.must("create_key")["KeyMetadata"]["KeyId"])
                except Cut:
                    continue
                self.keys.append(k)
                for _ in range(12):
                    k.step()
                self.alias(k)
        except Exception as e:
            import traceback

            ERRORS.append(traceback.format_exc())
            raise SystemExit from e

    def alias(self, k):
        """Of all that want a name one gets it."""
        name = self.random.choice(NAMES)
        try:
            _, code = self.call("create_alias", AliasName=name, TargetKeyId=k.id)
        except Cut:
            with LOCK:
                OWNERS.setdefault(name, set()).add((k.id, "perhaps"))
            return
        if code == "AlreadyExistsException":
            return
        assert code is None, code
        with LOCK:
            owners = OWNERS.setdefault(name, set())
            assert not any(state == "has" for _, state in owners), (name, k.id, owners)
            owners.add((k.id, "has"))


class Key:
    """A key of one worker: what a server may say of it."""

    def __init__(self, worker, key_id):
        self.w = worker
        self.id = key_id
        self.possible = {("", True)}
        # After changes that were cut off: the database may be about to commit one.
        self.late = set()
        self.blobs = []
        self.rotations = 0

    def step(self):
        steps = [self.describe, self.update, self.switch, self.encrypt, self.encrypt, self.decrypt, self.rotate]
        try:
            self.w.random.choice(steps)()
        except Cut:
            pass

    def saw(self, state):
        assert state in self.possible | self.late, (self.id, state, self.possible, self.late)
        self.possible = {state}
        self.late.discard(state)

    def describe(self, server=None):
        m = self.w.must("describe_key", server, KeyId=self.id)["KeyMetadata"]
        self.saw((m["Description"], m["Enabled"]))

    def change(self, new, operation, **args):
        """`new` makes the state after it of one before it."""
        after = {new(s) for s in self.possible | self.late}
        try:
            _, code = self.w.call(operation, KeyId=self.id, **args)
        except Cut:
            self.late |= after
            raise
        if code == "ConflictException" and self.late:
            self.possible |= self.late
            return
        assert code is None, (operation, code)
        # What is late now finds another version than it was made from.
        self.possible, self.late = after, set()

    def update(self):
        text = f"{self.w.random.random()}"
        self.change(lambda s: (text, s[1]), "update_key_description", Description=text)

    def switch(self):
        on = self.w.random.random() < 0.7
        self.change(lambda s: (s[0], on), "enable_key" if on else "disable_key")

    def used(self, code):
        """Whether the key was enabled, as the use of it shows."""
        assert code in (None, "DisabledException"), code
        on = code is None
        possible = {s for s in self.possible | self.late if s[1] == on}
        assert possible, (self.id, code, self.possible, self.late)
        self.possible = possible
        return on

    def encrypt(self):
        plain = self.w.random.randbytes(32)
        context = {"n": str(len(self.blobs))}
        answer, code = self.w.call("encrypt", KeyId=self.id, Plaintext=plain, EncryptionContext=context)
        if self.used(code):
            self.blobs.append((plain, context, answer["CiphertextBlob"]))

    def decrypt(self):
        if not self.blobs:
            return
        plain, context, blob = self.w.random.choice(self.blobs)
        answer, code = self.w.call("decrypt", CiphertextBlob=blob, EncryptionContext=context)
        if self.used(code):
            assert answer["Plaintext"] == plain

    def rotate(self):
        if self.rotations < 3 and all(on for _, on in self.possible | self.late):
            self.rotations += 1
            try:
                _, code = self.w.call("rotate_key_on_demand", KeyId=self.id)
            except Cut:
                self.late |= self.possible
                raise
            # It changes the key too: a change that is late may come between.
            assert code is None or (code == "ConflictException" and self.late), code

    def at_the_end(self):
        for server in range(len(ENDPOINTS)):
            self.describe(server)
        if not next(iter(self.possible))[1]:
            self.w.must("enable_key", KeyId=self.id)
        for n, (plain, context, blob) in enumerate(self.blobs):
            server = n % len(ENDPOINTS)
            got = self.w.must("decrypt", server, CiphertextBlob=blob, EncryptionContext=context)
            assert got["Plaintext"] == plain


def at_the_end(workers):
    """All servers are up: they agree, and nothing that was answered is missing."""
    for w in workers:
        for k in w.keys:
            k.at_the_end()
    views = []
    for c in clients():
        keys = [k["KeyId"] for page in c.get_paginator("list_keys").paginate() for k in page["Keys"]]
        aliases = [a for page in c.get_paginator("list_aliases").paginate() for a in page["Aliases"]]
        aliases = [(a["AliasName"], a["TargetKeyId"]) for a in aliases if a["AliasName"] in NAMES]
        assert len(keys) == len(set(keys)) and len(aliases) == len({n for n, _ in aliases})
        views.append((keys, aliases))
    assert all(v == views[0] for v in views), "the servers differ"
    keys, aliases = views[0]
    missing = {k.id for w in workers for k in w.keys} - set(keys)
    assert not missing, f"keys lost: {missing}"
    aliases = dict(aliases)
    for name, owners in OWNERS.items():
        has = [k for k, state in owners if state == "has"]
        if has:
            assert aliases.get(name) == has[0], (name, owners, aliases.get(name))
        elif name in aliases:
            assert (aliases[name], "perhaps") in owners, (name, owners)
    return len(keys), len(aliases)


def scheduled():
    """A rotation that is due happens once, whoever leads."""
    all_clients = clients()
    keys = [all_clients[0].create_key()["KeyMetadata"]["KeyId"] for _ in range(5)]
    for k in keys:
        all_clients[1].enable_key_rotation(KeyId=k, RotationPeriodInDays=90)
    with open(CLOCK + ".new", "w") as f:
        f.write(str(100 * 86400))
    os.rename(CLOCK + ".new", CLOCK)
    until = time.monotonic() + 30
    for k in keys:
        while not all_clients[2].list_key_rotations(KeyId=k)["Rotations"]:
            assert time.monotonic() < until, "no rotation"
            time.sleep(0.1)
    time.sleep(2.5)
    for c in all_clients:
        for k in keys:
            assert len(c.list_key_rotations(KeyId=k)["Rotations"]) == 1
    return keys


def main():
    workers = [Worker(n) for n in range(6)]
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=w.run, args=(until,)) for w in workers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if ERRORS:
        sys.exit(ERRORS[0])
    # Whoever kills stops now, and says when all are up again.
    print("loaded", flush=True)
    sys.stdin.readline()
    keys, aliases = at_the_end(workers)
    rotated = scheduled()
    json.dump(
        {"answered": ANSWERED, "unknown": UNKNOWN, "keys": keys, "aliases": aliases, "rotated": rotated}, sys.stdout
    )


main()
