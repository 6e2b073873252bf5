"""Compare a cached response with a plain read of the same object: from the same S3 to JSON with base64.

The operations alternate in one process, so that both run under the same conditions. The key of a cache entry depends on
the pixels of the image. The report shows its cost separately and as a part of the hit.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from math import inf
from statistics import median
from typing import Any

import orjson

from bench.images import make_image
from bench.progress import Progress, print_note
from bench.stats import ratio
from devserver.s3 import BUCKET, LocalS3

IMAGE_SIDE, NOISE_ROWS = 1024, 500  # Pixels and rows of noise: a PNG of 1.5 MB.
GOAL_RATIO = 1.5
PLAIN_READ, CACHE_HIT, COMPUTE_KEY, HIT_WITH_KEY = (
    "plain read",
    "hit",
    "its name",
    "hit with its name",
)
_WARM_UP_TURNS = 3


def run(turns: int) -> str:
    """Measure and return the report in markdown."""
    s3 = LocalS3()
    try:
        asyncio.run(s3.wait_until_ready())
        os.environ.update(s3.environment({}), AWS_DEFAULT_REGION="us-east-1")
        return results_table(measure(measured_operations(), turns))
    finally:
        s3.stop()


def measured_operations() -> dict[str, Callable[[], Any]]:
    """Return the measured operations by name."""
    import boto3

    from retouch.core.clock import SystemClock
    from retouch.core.edit_types import GeneratedImage
    from retouch.core.settings import Settings
    from retouch.gateway.cache import CacheEntry, lookup_entry, save_entry
    from retouch.gateway.time_budget import TimeBudget
    from retouch.infrastructure.aws.cache_bucket import CacheBucket
    from retouch.infrastructure.aws.clients import AwsClients

    client = boto3.client("s3")
    clock = SystemClock()
    store = CacheBucket(Settings(bucket=BUCKET), clock, AwsClients())
    budget = TimeBudget(clock, inf)
    data = make_image(IMAGE_SIDE, NOISE_ROWS)
    name = cache_key_function(data)
    print_note(f"an upload and a response of {len(data) / 1e6:.1f} MB each")
    save_entry(store, name(), CacheEntry((GeneratedImage(data=data),)), None, budget)
    object_key = f"cache/{name()}"

    def respond_from_cache(cache_key: str) -> bytes:
        _, entry = lookup_entry(store, cache_key, None, budget, refresh=False)
        assert entry is not None, "the entry was saved before"
        items = [{"b64_json": artifact.to_base64()} for artifact in entry.images]
        return orjson.dumps({"created": 0, "data": items})

    known_key = name()
    return {
        PLAIN_READ: lambda: client.get_object(Bucket=BUCKET, Key=object_key)["Body"].read(),
        CACHE_HIT: lambda: respond_from_cache(known_key),
        COMPUTE_KEY: name,
        HIT_WITH_KEY: lambda: respond_from_cache(name()),
    }


def cache_key_function(data: bytes) -> Callable[[], str]:
    """Return a function that computes the cache key of an edit of that image, as the gateway does."""
    from datetime import date

    from retouch.core.credentials.client_credentials import ClientCredentials
    from retouch.core.edit_types import ResolvedInputs
    from retouch.core.settings import Settings
    from retouch.gateway.cache import cache_key
    from retouch.gateway.validation import validate
    from retouch.planning.model_resolution import resolve_model
    from retouch.planning.plan import make_plan
    from retouch.providers import PROVIDERS

    request = validate(
        ResolvedInputs({"model": "gpt-image-2", "prompt": "an empty beach"}, (data,))
    )
    resolved = resolve_model(
        request.model, ClientCredentials(), PROVIDERS, Settings(), date(2026, 11, 22)
    )
    plan = make_plan(resolved, request, Settings())
    return lambda: cache_key(plan, plan.jobs, "bench", "")


def measure(operations: dict[str, Callable[[], Any]], turns: int) -> dict[str, list[float]]:
    """Return the milliseconds of each operation. The operation that runs first alternates."""
    milliseconds: dict[str, list[float]] = {name: [] for name in operations}
    progress = Progress(turns + _WARM_UP_TURNS)
    for turn in range(turns + _WARM_UP_TURNS):
        for name in list(operations) if turn % 2 else list(operations)[::-1]:
            started = time.perf_counter()
            operations[name]()
            if turn >= _WARM_UP_TURNS:
                milliseconds[name].append(1000 * (time.perf_counter() - started))
        progress.advance("cache")
    progress.finish()
    return milliseconds


def results_table(milliseconds: dict[str, list[float]]) -> str:
    """Return a table of the medians, and the ratio of a hit with its goal."""
    medians = {name: median(times) for name, times in milliseconds.items()}
    rows = ["| | ms | of a plain read |", "|---|---|---|"]
    for name, ms in medians.items():
        rows.append(f"| {name} | {ms:.1f} | {ratio(ms, medians[PLAIN_READ]):.2f} |")
    hit_ratio, keyed_hit_ratio = (
        ratio(medians[CACHE_HIT], medians[PLAIN_READ]),
        ratio(medians[HIT_WITH_KEY], medians[PLAIN_READ]),
    )
    rows += [
        "",
        f"A hit is {hit_ratio:.2f} of a plain read (goal {GOAL_RATIO}), {keyed_hit_ratio:.2f} with its name.",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
