"""The results of a batch: one line for each line of the input, in the file of outputs or in that of errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from typing import Any

import orjson

from retouch.batches import transitions
from retouch.batches.batch import Batch, line_key, result_file_id
from retouch.batches.feeding import PARALLEL_LINES, iter_chunks
from retouch.batches.files import StoredFile, content_key, file_row
from retouch.batches.held_batch import HeldBatch
from retouch.batches.lines import parse_line
from retouch.batches.stores import BatchStores
from retouch.batches.usage import Usage, sum_usage
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.rows import RowConflict
from retouch.core.text.json_lines import encode_json_line
from retouch.orders.order import Order, StoredAnswer
from retouch.orders.order_errors import unknown_error

# Returns the body of an answer with links that work until that Unix time.
ExtendLinks = Callable[[bytes, int], bytes]
_REQUEST_PREFIX = "batch_req_"
_EXPIRED = {
    "code": "batch_expired",
    "message": "The batch expired before this line was begun. Nothing was billed for it.",
}
_CANCELLED = {
    "code": "job_cancelled",
    "message": "The job of this line was cancelled. Nothing was billed for it.",
}


@frozen_dataclass
class LineResult:
    """One line of a file of results. None as `data`: the batch has no result for the line."""

    is_success: bool
    data: bytes | None
    # The tokens of its edit, as the provider states them.
    usage: Usage = field(default_factory=dict)


def write_results(held: HeldBatch, extend_links: ExtendLinks) -> None:
    """Write the files of results, and end the batch. A file that is there already stays. Raises OrdersUnavailable."""
    batch, stores, now = held.batch, held.stores, held.clock.unix_time()
    expires = now + batch.output_seconds
    results = list(_iter_results(batch, stores, lambda body: extend_links(body, expires)))
    usage = sum_usage(one.usage for one in results)
    files, counts = {}, {}
    for kind, is_success in (("output", True), ("error", False)):
        lines = [one.data for one in results if one.data and one.is_success == is_success]
        counts[kind] = len(lines)
        files[kind] = _write_file(batch, kind, lines, now, expires, stores) if lines else ""
    totals = {"completed": counts["output"], "failed": counts["error"]}
    held.change(
        lambda batch, now: transitions.finish(
            batch, totals, usage, files["output"], files["error"], now
        )
    )


def _write_file(
    batch: Batch,
    kind: Any,
    lines: list[bytes],
    now: int,
    expires: int,
    stores: BatchStores,
) -> str:
    data = b"\n".join(lines) + b"\n"
    identifier = result_file_id(batch, kind)
    file = StoredFile(
        identifier,
        batch.scope,
        "batch_output",
        f"{batch.id}_{kind}.jsonl",
        len(data),
        now,
        expires,
    )
    stores.contents.put(content_key(identifier), data)
    with suppress(RowConflict):  # an earlier worker has written it and then crashed
        stores.rows.write(file_row(file), replaces=None)
    return identifier


def _iter_results(
    batch: Batch, stores: BatchStores, extend_links: Callable[[bytes], bytes]
) -> Iterator[LineResult]:
    if not batch.started_at:  # it was cancelled before its lines were checked
        return
    with ThreadPoolExecutor(PARALLEL_LINES) as pool:
        for chunk in iter_chunks(batch, stores, 0):
            custom_ids = [parse_line(raw).custom_id for raw in chunk]
            yield from pool.map(partial(_read_result, batch, stores, extend_links), custom_ids)


def _read_result(
    batch: Batch, stores: BatchStores, extend_links: Callable[[bytes], bytes], custom_id: str
) -> LineResult:
    order = stores.jobs.orders.table.read(line_key(batch, custom_id))
    answer = stores.jobs.orders.answers.get(order.id) if order and order.state == "done" else None
    return line_result(batch, custom_id, order, answer, extend_links)


def line_result(
    batch: Batch,
    custom_id: str,
    order: Order | None,
    answer: StoredAnswer | None,
    extend_links: Callable[[bytes], bytes],
) -> LineResult:
    """Return the result of a line from its job and the stored answer. A job that has not ended gives no result."""
    if order is None or order.state in ("cancelled", "queued", "accepted"):
        return _unsent_result(batch, custom_id, order)
    if answer is None:
        fault = unknown_error(order)
        error = {"code": fault.code, "message": str(fault)}
        return _result(order, custom_id, None, error)
    body = orjson.loads(extend_links(answer.body) if answer.status < 400 else answer.body)
    response = {"status_code": answer.status, "request_id": order.id, "body": body}
    if answer.status < 400:
        return replace(_result(order, custom_id, response, None), usage=body.get("usage") or {})
    details = body.get("error") or {}
    error = dict[str, Any](
        code=details.get("code") or details.get("type"), message=details.get("message")
    )
    return _result(order, custom_id, response, error)


def _unsent_result(batch: Batch, custom_id: str, order: Order | None) -> LineResult:
    """Return the result of a line that no provider got. A cancelled batch has none."""
    if batch.cancelling_at:
        return LineResult(False, None)
    error = _EXPIRED if batch.late_at else _CANCELLED
    return _result(order, custom_id, None, error)


def _result(
    order: Order | None, custom_id: str, response: Any, error: dict[str, Any] | None
) -> LineResult:
    suffix = order.id.partition("_")[2] if order else ""
    line = {
        "id": f"{_REQUEST_PREFIX}{suffix}",
        "custom_id": custom_id,
        "response": response,
        "error": error,
    }
    return LineResult(error is None, encode_json_line(line))
