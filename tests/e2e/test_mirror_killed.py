"""The mirror may die anywhere: killed fifty times in the middle of its work, a repeated order ends whole.

Each round has a folder of its own, so that every kill meets work that is still to be done.
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3
import pytest

from local.s3 import BUCKET, S3
from tests.support.mirror import Host
from tests.support.pictures import photo

ROOT = Path(__file__).parents[2]
ROUNDS, LARGE_EVERY = 50, 10
SMALL = 5
SEED = 20_261_122


def heavy(size, seed):
    """A picture with so many bytes after its end, which no reader minds."""
    return photo(64, 64, "JPEG") + random.Random(seed).randbytes(size)


@pytest.fixture(scope="module")
def pictures():
    with Host() as host:
        host.files.update({f"/{n}": heavy(60_000 + n, n) for n in range(SMALL)})
        host.files["/same"] = host.files["/0"]
        host.files["/large"] = heavy(18_000_000, 99)  # goes in parts
        yield host


@pytest.fixture(scope="module")
def bucket():
    s3 = S3()
    try:
        asyncio.run(s3.ready())
        yield s3
    finally:
        s3.stop()


class Nursery:
    """Children that work, and can be killed at it."""

    def __init__(self, env):
        path = f"{ROOT}/layers/retouch:{ROOT}:{ROOT}/functions/mirror"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.mirror_nursery"],
            cwd=ROOT,
            env={**os.environ, **env, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.said() == "ready"

    def said(self):
        return self.process.stderr.readline().strip()

    def run(self, event, kill_after=None):
        """The child's exit status and how long it lived."""
        self.process.stdin.write(json.dumps({"event": event, "left": 60_000}) + "\n")
        self.process.stdin.flush()
        pid, born = int(self.said()), time.monotonic()
        if kill_after is not None:
            timer = threading.Timer(kill_after, os.kill, (pid, signal.SIGKILL))
            timer.start()
            status = int(self.said())
            timer.cancel()
        else:
            status = int(self.said())
        return status, time.monotonic() - born

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


@pytest.fixture
def nursery(bucket, pictures):
    nursery = Nursery(
        {
            **bucket.environment({}),
            "AWS_DEFAULT_REGION": "us-east-1",
            "RETOUCH_AUTH_MODE": "open",
            "RETOUCH_FETCH_ALLOW": pictures.url.removeprefix("http://"),
        }
    )
    yield nursery
    nursery.close()


@pytest.fixture
def s3(bucket):
    env = bucket.environment({})
    return boto3.Session("local", "local", region_name="us-east-1").client(
        "s3", endpoint_url=env["AWS_ENDPOINT_URL_S3"]
    )


def objects(s3, prefix):
    """{key: the hash of its bytes}."""
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {
        entry["Key"]: hashlib.sha256(
            s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
        ).hexdigest()
        for entry in found
    }


def whole(found):
    return all(hashed in key for key, hashed in found.items())


def test_killed_fifty_times_and_whole_fifty_times(nursery, s3, pictures):
    small = [f"{pictures.url}/{path}" for path in (*range(SMALL), "same")]
    large = f"{pictures.url}/large"
    chance = random.Random(SEED)
    lasts, killed, half_way = {}, 0, 0
    for turn in range(ROUNDS):
        urls = [*small, large] if turn % LARGE_EVERY == 0 else small
        order = {"urls": urls, "prefix": f"mirror/round-{turn}"}
        if len(urls) not in lasts:
            status, lasts[len(urls)] = nursery.run({**order, "prefix": f"mirror/whole-{turn}"})
            assert status == 0
        status, _ = nursery.run(order, kill_after=chance.uniform(0, lasts[len(urls)]))
        killed += status == -signal.SIGKILL
        left = objects(s3, f"mirror/round-{turn}/")
        assert whole(left)
        half_way += 0 < len(left) < len(urls) - 1

        status, _ = nursery.run(order)
        assert status == 0
        found = objects(s3, f"mirror/round-{turn}/")
        assert whole(found)
        assert len(found) == len(urls) - 1, "one object for the two URLs with the same bytes"
    assert killed >= ROUNDS // 2
    assert half_way >= 5, "some of the kills came in the middle of the uploads"
