"""The mirror beside boto3 alone: the same pictures, fetched over TLS or already in memory, into the same S3.

Each side is a process of its own, so that each has its own peak; they take turns, round by round. Servers and both
sides share this machine's processors, so the mirror also pays for the host it fetches from.
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

from bench.progress import Progress, note
from bench.stats import ratio
from local.s3 import BUCKET, S3

PICTURES, SIZE, PARALLEL = 100, 1_500_000, 8
WARM_UP = 10  # pictures
GOAL, GOAL_MB = 1.3, 200
MIRROR, BOTO3 = "mirror", "boto3"
_PROCESSES = get_context("spawn")


@dataclass(frozen=True)
class Round:
    """One turn of one side."""

    seconds: float
    cpu: float
    peak_mb: float


def run(rounds: int) -> str:
    """Measure, and say it in markdown."""
    note(f"{PICTURES} pictures of {SIZE / 1e6:g} MB, {PARALLEL} at a time, {rounds} rounds")
    with ExitStack() as stack:
        s3 = S3()
        stack.callback(s3.stop)
        asyncio.run(s3.ready())
        os.environ.update(s3.environment({}), AWS_DEFAULT_REGION="us-east-1")
        authority, url = stack.enter_context(host())
        sides = {
            MIRROR: stack.enter_context(side(mirror_side, authority, url)),
            BOTO3: stack.enter_context(side(boto3_side)),
        }
        return report(measured(sides, rounds))


def measured(sides: dict[str, Connection], rounds: int) -> dict[str, list[Round]]:
    """The sides in turn; who begins changes, and a first turn is not counted."""
    found: dict[str, list[Round]] = {name: [] for name in sides}
    progress = Progress((rounds + 1) * len(sides))
    for turn in range(rounds + 1):
        names = list(sides) if turn % 2 else list(sides)[::-1]
        for name in names:
            sides[name].send((f"{BUCKET}/{name}-{turn}", PICTURES if turn else WARM_UP))
            done: Round = sides[name].recv()
            if turn:
                found[name].append(done)
            progress.step(f"{name} {turn}/{rounds}")
    progress.end()
    return found


def report(found: dict[str, list[Round]]) -> str:
    """A table of medians, and how they stand to the goals."""
    rows = ["| | seconds | MB/s | CPU seconds | peak MB |", "|---|---|---|---|---|"]
    middle = {name: median(turn.seconds for turn in turns) for name, turns in found.items()}
    for name, turns in found.items():
        speed = PICTURES * SIZE / 1e6 / middle[name]
        cpu, peak = median(turn.cpu for turn in turns), max(turn.peak_mb for turn in turns)
        rows.append(f"| {name} | {middle[name]:.2f} | {speed:.0f} | {cpu:.2f} | {peak:.0f} |")
    times = ratio(middle[MIRROR], middle[BOTO3])
    peak = max(turn.peak_mb for turn in found[MIRROR])
    rows += ["", f"Ratio {times:.2f} (goal {GOAL}), peak {peak:.0f} MB (goal {GOAL_MB})."]
    return "\n".join(rows)


# ---- the two sides, each in its process


def mirror_side(orders: Connection, authority: bytes, url: str) -> None:
    """The mirror's own corridor, from URL to link."""
    import ssl
    from dataclasses import replace

    from retouch.clock import SystemClock
    from retouch.edges.aws.session import Aws
    from retouch.edges.fetch.dial import Dialer
    from retouch.edges.fetch.fetcher import Fetcher
    from retouch.edges.mirror.spool import spool
    from retouch.edges.mirror.store import MirrorStore
    from retouch.guard.policy import Policy
    from retouch.mirror.mirror import mirror
    from retouch.mirror.order import Order
    from retouch.mirror.yard import Yard
    from retouch.settings import Settings

    settings = Settings(bucket=BUCKET, mirror_parallel=PARALLEL)
    clock = SystemClock()
    store = MirrorStore(settings, clock, Aws())
    trust = ssl.create_default_context(cadata=authority.decode())
    policy = Policy.from_text(url.removeprefix("https://"))
    policy = replace(policy, most_bytes=settings.mirror_bytes)
    fetcher = Fetcher(policy, clock, dial=Dialer(lambda: trust))
    yard = Yard(settings, clock, fetcher.open, spool, store, store.presigned)

    def copy(folder: str, count: int) -> None:
        urls = tuple(f"{url}/{number}" for number in range(count))
        order = Order(urls, prefix=f"mirror/{folder.rpartition('/')[2]}")
        (items,) = mirror([order], yard, clock.now() + 600)
        assert [item.status for item in items] == ["stored"] * count, items[0]

    serve(orders, copy, lambda: store.client)


def boto3_side(orders: Connection) -> None:
    """The same bytes from memory, with boto3 and threads."""
    import boto3
    from botocore.config import Config

    client = boto3.client("s3", config=Config(max_pool_connections=10))
    pictures = [picture(number) for number in range(PICTURES)]

    def put(folder: str, number: int) -> None:
        key = f"{folder.rpartition('/')[2]}/{number}.jpeg"
        client.put_object(Bucket=BUCKET, Key=key, Body=pictures[number], ContentType="image/jpeg")

    def copy(folder: str, count: int) -> None:
        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(lambda number: put(folder, number), range(count)))

    serve(orders, copy, lambda: client)


def serve(orders: Connection, copy: Callable[[str, int], None], client: Callable[[], Any]) -> None:
    """Work off orders until there are no more; what was stored is removed again, unmeasured."""
    while True:
        try:
            folder, count = orders.recv()
        except EOFError:
            return
        started, used = time.perf_counter(), time.process_time()
        copy(folder, count)
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        empty(client())
        orders.send(Round(seconds, cpu, peak))


def empty(client: Any) -> None:
    """Remove every object."""
    while found := client.list_objects_v2(Bucket=BUCKET).get("Contents"):
        keys = [{"Key": entry["Key"]} for entry in found]
        client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys})


@contextmanager
def side(work: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """A process that takes orders."""
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        ours.close()
        process.join(10)
        process.kill()


# ---- where the pictures come from


def picture(number: int) -> bytes:
    """A JPEG with so many bytes after its end, which no reader minds; each number another."""
    from tests.support.pictures import photo

    head = photo(1024, 1024, "JPEG")
    return head + random.Random(number).randbytes(SIZE - len(head))


@contextmanager
def host() -> Iterator[tuple[bytes, str]]:
    """A host of pictures behind TLS: the certificate of its authority, and its address."""
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=hosting, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()
        process.join()


def hosting(told: Connection) -> None:
    """Serve until killed."""
    import ssl
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    pictures = [picture(number) for number in range(PICTURES)]

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def do_GET(self) -> None:
            body = pictures[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port = server.server_address[1]
    told.send((authority.cert_pem.bytes(), f"https://localhost:{port}"))
    server.serve_forever()


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
