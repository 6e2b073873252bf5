"""Compare the mirror with boto3 alone: the same images, fetched over TLS or already in memory, into the same S3.

Each side is a separate process, so that each has its own peak memory. The sides alternate, round by round. The servers
and both sides share the processors of this machine, so the time of the mirror includes the image host.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Any

from bench.progress import Progress, print_note
from bench.stats import ratio
from devserver.s3 import BUCKET, LocalS3

IMAGE_COUNT, IMAGE_BYTES, PARALLEL_COPIES = 100, 1_500_000, 8
WARM_UP_IMAGES = 10
GOAL_RATIO, GOAL_PEAK_MB = 1.3, 200
MIRROR, BOTO3 = "mirror", "boto3"
_SPAWN_CONTEXT = get_context("spawn")


@dataclass(frozen=True)
class Round:
    """The measurement of one round of one side."""

    seconds: float
    cpu: float
    peak_mb: float


def run(rounds: int) -> str:
    """Measure and return the report in markdown."""
    print_note(
        f"{IMAGE_COUNT} images of {IMAGE_BYTES / 1e6:g} MB, {PARALLEL_COPIES} at a time, {rounds} rounds"
    )
    with ExitStack() as stack:
        s3 = LocalS3()
        stack.callback(s3.stop)
        asyncio.run(s3.wait_until_ready())
        os.environ.update(s3.environment({}), AWS_DEFAULT_REGION="us-east-1")
        authority, url = stack.enter_context(start_image_host())
        sides = {
            MIRROR: stack.enter_context(start_side(run_mirror_side, authority, url)),
            BOTO3: stack.enter_context(start_side(run_boto3_side)),
        }
        return results_table(measure(sides, rounds))


def measure(sides: dict[str, Connection], rounds: int) -> dict[str, list[Round]]:
    """Run the sides alternately. The side that runs first alternates, and the first round is not counted."""
    rounds_by_side: dict[str, list[Round]] = {name: [] for name in sides}
    progress = Progress((rounds + 1) * len(sides))
    for turn in range(rounds + 1):
        names = list(sides) if turn % 2 else list(sides)[::-1]
        for name in names:
            sides[name].send((f"{BUCKET}/{name}-{turn}", IMAGE_COUNT if turn else WARM_UP_IMAGES))
            finished: Round = sides[name].recv()
            if turn:
                rounds_by_side[name].append(finished)
            progress.advance(f"{name} {turn}/{rounds}")
    progress.finish()
    return rounds_by_side


def results_table(rounds_by_side: dict[str, list[Round]]) -> str:
    """Return a table of the medians, and the results with their goals."""
    rows = ["| | seconds | MB/s | CPU seconds | peak MB |", "|---|---|---|---|---|"]
    median_seconds = {
        name: median(turn.seconds for turn in turns) for name, turns in rounds_by_side.items()
    }
    for name, turns in rounds_by_side.items():
        speed = IMAGE_COUNT * IMAGE_BYTES / 1e6 / median_seconds[name]
        cpu, peak = median(turn.cpu for turn in turns), max(turn.peak_mb for turn in turns)
        rows.append(
            f"| {name} | {median_seconds[name]:.2f} | {speed:.0f} | {cpu:.2f} | {peak:.0f} |"
        )
    time_ratio = ratio(median_seconds[MIRROR], median_seconds[BOTO3])
    peak = max(turn.peak_mb for turn in rounds_by_side[MIRROR])
    rows += [
        "",
        f"Ratio {time_ratio:.2f} (goal {GOAL_RATIO}), peak {peak:.0f} MB (goal {GOAL_PEAK_MB}).",
    ]
    return "\n".join(rows)


# ---- The two sides, each in its own process.


def run_mirror_side(commands: Connection, authority: bytes, url: str) -> None:
    """Run the mirror, from the source URL to the link of the stored copy."""
    import ssl
    from dataclasses import replace

    from retouch.core.clock import SystemClock
    from retouch.core.settings import Settings
    from retouch.core.url_policy.policy import FetchPolicy
    from retouch.infrastructure.aws.clients import AwsClients
    from retouch.infrastructure.aws.environment import AwsEnvironment
    from retouch.infrastructure.aws.mirror_bucket import MirrorBucket
    from retouch.infrastructure.body_spool import spool_body
    from retouch.infrastructure.fetch.connector import Connector
    from retouch.infrastructure.fetch.fetcher import Fetcher
    from retouch.mirror.mirror_urls import mirror_urls
    from retouch.mirror.request import MirrorRequest
    from retouch.mirror.services import MirrorServices

    settings = Settings(bucket=BUCKET, max_parallel_mirrors=PARALLEL_COPIES)
    clock = SystemClock()
    store = MirrorBucket(settings, clock, AwsClients(AwsEnvironment.from_env(os.environ)))
    tls_context = ssl.create_default_context(cadata=authority.decode())
    policy = FetchPolicy.from_text(url.removeprefix("https://"))
    policy = replace(policy, max_bytes=settings.max_mirror_bytes)
    fetcher = Fetcher(policy, clock, open_connection=Connector(lambda: tls_context))
    services = MirrorServices(
        settings, clock, fetcher.open, fetcher.open, spool_body, store, store.presign
    )

    def copy(folder: str, count: int) -> None:
        urls = tuple(f"{url}/{number}" for number in range(count))
        request = MirrorRequest(urls, prefix=f"mirror/{folder.rpartition('/')[2]}")
        (items,) = mirror_urls([request], services, clock.now() + 600)
        assert [item.status for item in items] == ["stored"] * count, items[0]

    serve_commands(commands, copy, lambda: store.client)


def run_boto3_side(commands: Connection) -> None:
    """Store the same bytes from memory, with boto3 and threads."""
    import boto3
    from botocore.config import Config

    client = boto3.client("s3", config=Config(max_pool_connections=10))
    images = [make_image(number) for number in range(IMAGE_COUNT)]

    def put(folder: str, number: int) -> None:
        key = f"{folder.rpartition('/')[2]}/{number}.jpeg"
        client.put_object(Bucket=BUCKET, Key=key, Body=images[number], ContentType="image/jpeg")

    def copy(folder: str, count: int) -> None:
        with ThreadPoolExecutor(PARALLEL_COPIES) as pool:
            list(pool.map(lambda number: put(folder, number), range(count)))

    serve_commands(commands, copy, lambda: client)


def serve_commands(
    commands: Connection, copy: Callable[[str, int], None], client: Callable[[], Any]
) -> None:
    """Run commands until the connection closes. Remove the stored objects after each measurement."""
    while True:
        try:
            folder, count = commands.recv()
        except EOFError:
            return
        started, cpu_started = time.perf_counter(), time.process_time()
        copy(folder, count)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        delete_all_objects(client())
        commands.send(Round(seconds, cpu, peak))


def delete_all_objects(client: Any) -> None:
    """Delete every object of the bucket."""
    while objects := client.list_objects_v2(Bucket=BUCKET).get("Contents"):
        keys = [{"Key": entry["Key"]} for entry in objects]
        client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})


@contextmanager
def start_side(work: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Run `work` in a separate process and yield the connection for its commands."""
    parent_end, child_end = _SPAWN_CONTEXT.Pipe()
    process = _SPAWN_CONTEXT.Process(target=work, args=(child_end, *arguments), daemon=True)
    process.start()
    child_end.close()
    try:
        yield parent_end
    finally:
        parent_end.close()
        process.join(10)
        process.kill()


# ---- The image host.


def make_image(number: int) -> bytes:
    """Return a JPEG of IMAGE_BYTES bytes, different for each number. Decoders ignore the bytes after its end."""
    from tests.support.images import photo

    head = photo(1024, 1024, "JPEG")
    return head + random.Random(number).randbytes(IMAGE_BYTES - len(head))


@contextmanager
def start_image_host() -> Iterator[tuple[bytes, str]]:
    """Run a TLS server of images. Yield the certificate of its authority and its URL."""
    parent_end, child_end = _SPAWN_CONTEXT.Pipe()
    process = _SPAWN_CONTEXT.Process(target=serve_images, args=(child_end,), daemon=True)
    process.start()
    try:
        yield parent_end.recv()
    finally:
        process.kill()
        process.join()


def serve_images(connection: Connection) -> None:
    """Serve the images until the process is killed."""
    import ssl
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    images = [make_image(number) for number in range(IMAGE_COUNT)]

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def do_GET(self) -> None:
            body = images[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    connection.send((authority.cert_pem.bytes(), f"https://localhost:{port}"))
    server.serve_forever()


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
