"""A cached answer beside a plain read of the same object: from the same S3 to JSON with base64 in it.

The sides take turns in one process, so that both pay for the same machine at the same time. The name of an entry needs
the picture's pixels; what that costs is shown apart and together.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import orjson

from bench.images import picture
from bench.progress import Progress, note
from bench.stats import ratio
from local.s3 import BUCKET, S3

SIDE, NOISE = 1024, 500  # pixels and rows of noise: a PNG of 1.5 MB
GOAL = 1.5
READ, HIT, KEY, BOTH = "plain read", "hit", "its name", "hit with its name"
_WARM_UP = 3  # turns


def run(turns: int) -> str:
    """Measure, and say it in markdown."""
    s3 = S3()
    try:
        asyncio.run(s3.ready())
        os.environ.update(s3.environment({}), AWS_DEFAULT_REGION="us-east-1")
        return report(measured(sides(), turns))
    finally:
        s3.stop()


def sides() -> dict[str, Callable[[], Any]]:
    """What is measured, by name."""
    import boto3

    from retouch.cache import Entry, look, remember
    from retouch.clock import SystemClock
    from retouch.edges.aws.cache_store import CacheStore
    from retouch.edges.aws.session import Aws
    from retouch.messages import Artifact
    from retouch.settings import Settings

    client = boto3.client("s3")
    store = CacheStore(Settings(bucket=BUCKET), SystemClock(), Aws())
    data = picture(SIDE, NOISE)
    name = namer(data)
    note(f"an upload and an answer of {len(data) / 1e6:.1f} MB each")
    remember(store, name(), Entry((Artifact(data=data),)), None)
    held = f"cache/{name()}"

    def hit(name: str) -> bytes:
        _, entry = look(store, name, None, refresh=False)
        assert entry is not None, "it was put there"
        items = [{"b64_json": artifact.base64()} for artifact in entry.artifacts]
        return orjson.dumps({"created": 0, "data": items})

    known = name()
    return {
        READ: lambda: client.get_object(Bucket=BUCKET, Key=held)["Body"].read(),
        HIT: lambda: hit(known),
        KEY: name,
        BOTH: lambda: hit(name()),
    }


def namer(data: bytes) -> Callable[[], str]:
    """Makes the name of an edit of that picture, as the gateway does."""
    from datetime import date

    from retouch.cache import key
    from retouch.messages import Material
    from retouch.plan import fit
    from retouch.plan.resolve import resolve
    from retouch.providers import PROVIDERS
    from retouch.settings import Settings
    from retouch.wire.caller import Caller
    from retouch.wire.wish import validate

    wish = validate(Material({"model": "gpt-image-2", "prompt": "an empty beach"}, (data,)))
    target = resolve(wish.model, Caller(), PROVIDERS, Settings(), date(2026, 11, 22))
    plan = fit(target, wish, Settings())
    return lambda: key(plan, plan.jobs, "bench", "")


def measured(doing: dict[str, Callable[[], Any]], turns: int) -> dict[str, list[float]]:
    """Milliseconds of each side; who begins changes from turn to turn."""
    found: dict[str, list[float]] = {name: [] for name in doing}
    progress = Progress(turns + _WARM_UP)
    for turn in range(turns + _WARM_UP):
        for name in list(doing) if turn % 2 else list(doing)[::-1]:
            started = time.perf_counter()
            doing[name]()
            if turn >= _WARM_UP:
                found[name].append(1000 * (time.perf_counter() - started))
        progress.step("cache")
    progress.end()
    return found


def report(found: dict[str, list[float]]) -> str:
    """A table of medians, and how a hit stands to the goal."""
    middle = {name: median(times) for name, times in found.items()}
    rows = ["| | ms | of a plain read |", "|---|---|---|"]
    for name, ms in middle.items():
        rows.append(f"| {name} | {ms:.1f} | {ratio(ms, middle[READ]):.2f} |")
    alone, both = ratio(middle[HIT], middle[READ]), ratio(middle[BOTH], middle[READ])
    rows += ["", f"A hit is {alone:.2f} of a plain read (goal {GOAL}), {both:.2f} with its name."]
    return "\n".join(rows)


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
