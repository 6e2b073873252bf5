"""The local queues: each takes one message at a time to its function, as Lambda does with a queue of SQS."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any
from uuid import uuid4

import orjson

from devserver.error_responses import RequestFailed
from devserver.invocation import Invocation
from devserver.proxy_event import ACCOUNT_ID
from devserver.settings import MAX_PAYLOAD_BYTES
from devserver.worker_pool import WorkerPool
from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.local.job_folder import EditsFolderQueue, FolderMessage

DEAD_LETTERS, DELIVERIES_DEAD_LETTERS = "edits-dead-letters", "deliveries-dead-letters"
JOBS_QUEUE, LINES_QUEUE = "jobs", "batches"  # LINES_QUEUE has the lines of batches
_PAUSE_SECONDS = 0.2


class JobPoller:
    """Reads the queue until its task is cancelled."""

    def __init__(
        self,
        name: str,
        queue: EditsFolderQueue,
        pool: WorkerPool,
        visibility_seconds: float,
        max_jobs: int,
        dead_letters: str = DEAD_LETTERS,
        max_receives: int = 60,  # as in the template; after them the message is a dead letter
    ) -> None:
        self._name, self._queue, self._pool = name, queue, pool
        self._dead_letters, self._max_receives = dead_letters, max_receives
        self._visibility = visibility_seconds
        self._free = asyncio.Semaphore(max_jobs)
        self._deliveries: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Deliver each message as soon as a worker is free."""
        while True:
            await self._free.acquire()
            task = asyncio.create_task(self._deliver(await self._receive()))
            self._deliveries.add(task)
            task.add_done_callback(self._on_delivered)

    def _on_delivered(self, task: asyncio.Task[None]) -> None:
        self._deliveries.discard(task)
        self._free.release()

    async def _receive(self) -> FolderMessage:
        while True:
            with suppress(OrdersUnavailable):
                message = await asyncio.to_thread(self._queue.receive, self._visibility)
                if message:
                    return message
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _deliver(self, message: FolderMessage) -> None:
        """Invoke the function with a message. A message that it does not finish becomes visible again."""
        is_dead = message.receives > self._max_receives
        queue_name = self._dead_letters if is_dead else self._name
        invocation = Invocation(str(uuid4()), "", orjson.dumps(_sqs_event(message, queue_name)))
        self._pool.submit(invocation)
        try:
            body = await (await invocation.response).read_body(MAX_PAYLOAD_BYTES)
        except RequestFailed:
            return
        finally:
            invocation.close()
        if not orjson.loads(body)["batchItemFailures"]:
            with suppress(OrdersUnavailable):
                await asyncio.to_thread(self._queue.delete, message.id)


def _sqs_event(message: FolderMessage, name: str) -> dict[str, Any]:
    record = {
        "messageId": message.id,
        "receiptHandle": message.id,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.receives),
            "SentTimestamp": str(round(message.sent_at * 1000)),
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT_ID}:{name}",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}
