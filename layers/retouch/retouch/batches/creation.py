"""How a request becomes a batch. A repetition with the same idempotency key, or by an SDK, finds the same batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from hashlib import sha256

import orjson

from retouch.batches.batch import (
    BATCH_PREFIX,
    KEPT_SECONDS,
    WINDOW_SECONDS,
    Batch,
    input_key,
    new_batch_id,
)
from retouch.batches.held_batch import read_batch, send_step, write_batch
from retouch.batches.record import batch_of_row
from retouch.batches.stores import BatchStores
from retouch.core.credentials.upload_ids import MAX_LINES_BYTES
from retouch.core.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    OrdersUnavailable,
)
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import quote_value
from retouch.core.rows import Row, RowConflict
from retouch.orders.order import order_key
from retouch.orders.order_errors import uncertain_error
from retouch.orders.stores import find_after_failed_write

_log = logging.getLogger("retouch")
_JOIN_SECONDS, _MAX_JOINED = 900, 20  # a retry of an SDK looks for its first try this far back


@frozen_dataclass
class BatchRequest:
    """What a caller asks for. `source` is the key of the input in the bucket."""

    scope: str
    input_file: str
    source: str
    head: str
    output_seconds: int
    metadata: Mapping[str, str]
    idempotency_key: str | None = None
    is_retry: bool = False  # an SDK sends the request again

    @property
    def digest(self) -> str:
        """A hash of everything that the caller asks for."""
        parts = [self.input_file, self.head, self.output_seconds, dict(self.metadata)]
        return sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)).hexdigest()


def create_batch(request: BatchRequest, stores: BatchStores, now: int) -> Batch:
    """Return the new batch, whose first step is on its way, or that of an equal request.

    A batch that is stored is made, also when its message could not be sent. Raises NotFound or InvalidRequest for its
    input, IdempotencyKeyReused, OrdersUnavailable and CreationUncertain.
    """
    batch = _find_repeated(request, stores, now) or _new_batch(request, stores, now)
    if batch.status == "validating":  # perhaps the message of an earlier try was not sent
        try:
            send_step(batch, stores)
        except OrdersUnavailable as error:
            _log.warning(
                "the sweeper sends the message of a batch",
                extra={"batch": batch.id},
                exc_info=error,
            )
    return batch


def _new_batch(request: BatchRequest, stores: BatchStores, now: int) -> Batch:
    identifier = _claim_id(request, stores, now)
    size = _check_size(request, stores.contents.size(request.source))
    stores.contents.copy(request.source, input_key(identifier))  # the caller may delete the file
    batch = Batch(
        id=identifier,
        scope=request.scope,
        status="validating",
        created=now,
        expires=now + WINDOW_SECONDS,
        input_file=request.input_file,
        input_bytes=size,
        head=request.head,
        output_seconds=request.output_seconds,
        request_digest=request.digest,
        metadata=request.metadata,
        wake=now,
    )
    try:
        return write_batch(batch, None, stores)
    except RowConflict as conflict:
        if conflict.stored is None:
            raise
        return batch_of_row(conflict.stored)
    except OrdersUnavailable as error:  # perhaps only the answer to the write was lost
        stored = find_after_failed_write(lambda: read_batch(batch.scope, batch.id, stores))
        if stored is None:
            raise uncertain_error(f"/v1/batches/{batch.id}", error) from error
        return stored


def _claim_id(request: BatchRequest, stores: BatchStores, now: int) -> str:
    """Return the id for a new batch. With an idempotency key it is the one that the first request has chosen."""
    identifier = new_batch_id(now)
    if request.idempotency_key is None:
        return identifier
    row = Row(
        request.scope,
        _key_row_id(request),
        {"batch": identifier, "digest": request.digest},
        now + WINDOW_SECONDS,
    )
    stored = stores.rows.read(row.scope, row.id)
    try:
        if stored is None or stored.expires <= now:
            stored = stores.rows.write(row, replaces=stored)
    except RowConflict as conflict:
        stored = conflict.stored or row
    if stored.values["digest"] != request.digest:
        raise IdempotencyKeyReused(
            "The Idempotency-Key belongs to another batch. Use a new key for a new batch.",
            param="Idempotency-Key",
        )
    return str(stored.values["batch"])


def _key_row_id(request: BatchRequest) -> str:
    return f"key-{order_key('batches', request.idempotency_key or '')}"


def _find_repeated(request: BatchRequest, stores: BatchStores, now: int) -> Batch | None:
    """Return the batch that an earlier try of the same request has made."""
    if request.idempotency_key is not None:
        row = stores.rows.read(request.scope, _key_row_id(request))
        is_known = row is not None and row.expires > now
        return (
            read_batch(request.scope, _claim_id(request, stores, now), stores) if is_known else None
        )
    if not request.is_retry:
        return None
    rows = stores.rows.list_rows(request.scope, BATCH_PREFIX, "", _MAX_JOINED, is_ascending=False)
    recent = (one for one in map(batch_of_row, rows) if one.created > now - _JOIN_SECONDS)
    return next((one for one in recent if one.request_digest == request.digest), None)


def _check_size(request: BatchRequest, size: int | None) -> int:
    """Return the size of the input. Raises NotFound or InvalidRequest."""
    if size is None:
        raise NotFound(
            f"There is no file '{request.input_file}': it was deleted, or its upload was not completed. "
            "Store the file again.",
            param="input_file_id",
            code="file_not_found",
        )
    if size > MAX_LINES_BYTES:
        raise InvalidRequest(
            f"The file has {size} bytes; a batch has at most {MAX_LINES_BYTES}. Split it.",
            param="input_file_id",
            code="file_too_large",
        )
    return size


def find_batch(scope: str, identifier: str, stores: BatchStores, now: int) -> Batch:
    """Return a batch of the scope. Raises NotFound for any other id, and OrdersUnavailable."""
    batch = read_batch(scope, identifier, stores) if identifier.startswith(BATCH_PREFIX) else None
    if batch is None or batch.expires + KEPT_SECONDS <= now:
        raise NotFound(
            f"There is no batch {quote_value(identifier)} for this caller, or it has expired. "
            "GET /v1/batches lists the batches."
        )
    return batch
