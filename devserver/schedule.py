"""The local schedule of the sweeper function, as EventBridge invokes it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import orjson

from devserver.error_responses import RequestFailed
from devserver.invocation import Invocation
from devserver.proxy_event import ACCOUNT_ID
from devserver.settings import MAX_PAYLOAD_BYTES
from devserver.worker_pool import WorkerPool


async def run_schedule(pool: WorkerPool, seconds: float) -> None:
    """Invoke a function again and again, with this pause before each invocation. A failure is in its log."""
    while True:
        await asyncio.sleep(seconds)
        invocation = Invocation(str(uuid4()), "", orjson.dumps(_scheduled_event()))
        pool.submit(invocation)
        try:
            with suppress(RequestFailed):
                await (await invocation.response).read_body(MAX_PAYLOAD_BYTES)
        finally:
            invocation.close()


def _scheduled_event() -> dict[str, Any]:
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }
