"""Test that a repeated mirror request completes after the mirror was killed at a random time, in fifty rounds.

Each round has its own prefix, so that every kill happens while there is work left.
"""

import asyncio
import contextlib
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

from devserver.s3 import BUCKET, LocalS3
from tests.support.images import photo
from tests.support.mirror import ImageHost

ROOT = Path(__file__).parents[2]
ROUNDS, LARGE_EVERY = 50, 10
SMALL_IMAGES = 5
SEED = 20_261_122


def padded_jpeg(size, seed):
    """Return a JPEG with `size` random bytes after its end, which decoders ignore."""
    return photo(64, 64, "JPEG") + random.Random(seed).randbytes(size)


@pytest.fixture(scope="module")
def image_host():
    with ImageHost() as host:
        host.files.update({f"/{n}": padded_jpeg(60_000 + n, n) for n in range(SMALL_IMAGES)})
        host.files["/same"] = host.files["/0"]
        host.files["/large"] = padded_jpeg(18_000_000, 99)  # Large enough for a multipart upload.
        yield host


@pytest.fixture(scope="module")
def bucket():
    s3 = LocalS3()
    try:
        asyncio.run(s3.wait_until_ready())
        yield s3
    finally:
        s3.stop()


def kill_process(pid):
    """Kill the process, which may have ended already."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class ForkServer:
    """Starts child processes that run the mirror function and can be killed."""

    def __init__(self, env):
        path = f"{ROOT}/layers/retouch:{ROOT}:{ROOT}/functions/mirror"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.mirror_fork_server"],
            cwd=ROOT,
            env={**os.environ, **env, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.stdin, self.stderr = self.process.stdin, self.process.stderr
        assert self.read_line() == "ready"

    def read_line(self):
        return self.stderr.readline().strip()

    def run(self, event, kill_after=None):
        """Run the event in a child process. Return the exit status and the seconds that the child ran."""
        self.stdin.write(json.dumps({"event": event, "left": 60_000}) + "\n")
        self.stdin.flush()
        pid, started = int(self.read_line()), time.monotonic()
        if kill_after is not None:
            timer = threading.Timer(kill_after, kill_process, (pid,))
            timer.start()
            status = int(self.read_line())
            timer.cancel()
        else:
            status = int(self.read_line())
        return status, time.monotonic() - started

    def close(self):
        self.stdin.close()
        self.process.wait(60)


@pytest.fixture
def fork_server(bucket, image_host):
    server = ForkServer(
        {
            **bucket.environment({}),
            "AWS_DEFAULT_REGION": "us-east-1",
            "RETOUCH_AUTH_MODE": "open",
            "RETOUCH_FETCH_ALLOW": image_host.url.removeprefix("http://"),
        }
    )
    yield server
    server.close()


@pytest.fixture
def s3(bucket):
    env = bucket.environment({})
    return boto3.Session("local", "local", region_name="us-east-1").client(
        "s3", endpoint_url=env["AWS_ENDPOINT_URL_S3"]
    )


def object_hashes(s3, prefix):
    """Return {key: SHA-256 of the object's bytes}."""
    entries = s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return {
        entry["Key"]: hashlib.sha256(
            s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
        ).hexdigest()
        for entry in entries
    }


def are_complete(hashes):
    return all(hashed in key for key, hashed in hashes.items())


def test_repeated_mirror_request_completes_after_each_of_fifty_kills(fork_server, s3, image_host):
    small = [f"{image_host.url}/{path}" for path in (*range(SMALL_IMAGES), "same")]
    large = f"{image_host.url}/large"
    kill_times = random.Random(SEED)
    durations, killed_count, partial_count = {}, 0, 0
    for turn in range(ROUNDS):
        urls = [*small, large] if turn % LARGE_EVERY == 0 else small
        payload = {"urls": urls, "prefix": f"mirror/round-{turn}"}
        if len(urls) not in durations:
            status, durations[len(urls)] = fork_server.run(
                {**payload, "prefix": f"mirror/whole-{turn}"}
            )
            assert status == 0
        kill_after = kill_times.uniform(0, durations[len(urls)])
        status, seconds = fork_server.run(payload, kill_after)
        if status == 0:  # the machine has become faster
            durations[len(urls)] = seconds
        killed_count += status == -signal.SIGKILL
        hashes_after_kill = object_hashes(s3, f"mirror/round-{turn}/")
        assert are_complete(hashes_after_kill)
        partial_count += 0 < len(hashes_after_kill) < len(urls) - 1

        status, seconds = fork_server.run(payload)
        assert status == 0
        durations[len(urls)] = max(durations[len(urls)], seconds)
        hashes = object_hashes(s3, f"mirror/round-{turn}/")
        assert are_complete(hashes)
        assert len(hashes) == len(urls) - 1, "The two URLs with the same bytes share one object."
    assert killed_count >= ROUNDS // 2
    assert partial_count >= 5, "Some kills have to happen during the uploads."
