"""The record of a batch: a file of edits that become jobs, one job for each line.

The record is an immutable value. `retouch.batches.transitions` makes the next record from the present one, and a table
stores it under a condition. Times are Unix seconds, and positions are bytes of the input.

    validating   the lines are checked; nothing is bought before all of them are valid
    failed       a line is invalid, so nothing was bought
    in_progress  the lines become jobs, and workers make them
    finalizing   every job has ended, or the window is over; the files of results are written
    completed    every line has its result or its error in a file
    expired      the window ended before every line was begun
    cancelling   the caller has cancelled it; jobs that were sent to a provider are awaited
    cancelled    both files have what had ended until then
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from typing import Literal

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.orders.order import encode_key, order_id, order_key, random_order_key

BatchStatus = Literal[
    "validating",
    "failed",
    "in_progress",
    "finalizing",
    "completed",
    "expired",
    "cancelling",
    "cancelled",
]
ENDED: tuple[BatchStatus, ...] = ("failed", "completed", "expired", "cancelled")
ENDPOINT = "/v1/images/edits"
BATCH_PREFIX, FILE_PREFIX = "batch_", "file-"
WINDOW_SECONDS = 86_400
KEPT_SECONDS = 30 * 86_400  # how long a batch can be read after its window
_SHORT_SECONDS = 86_400
_ORDER_PREFIX = "ord_"


@frozen_dataclass
class LineError:
    """Why a batch failed. `line` counts from 1; 0: the error concerns the whole file."""

    code: str
    message: str
    line: int = 0
    param: str = ""


@frozen_dataclass
class Batch:
    """One batch as it is stored. `version` is the table's own mark of this record."""

    id: str
    scope: str  # whose batch it is
    status: BatchStatus
    created: int
    expires: int  # the end of its window; a line that is not begun by then is not begun any more
    input_file: str  # the id of the file or the upload
    input_bytes: int
    head: str  # what the stored request of each line has besides its body, as JSON
    output_seconds: int  # how long the files of results are kept
    request_digest: str  # of the request that made the batch, by which a retry finds it
    metadata: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[LineError, ...] = ()
    fence: int = 0  # the number of claims; a worker with a smaller number has lost the batch
    holder: str = ""  # the id of the request of the worker that holds it
    lease: int = 0  # when the holder's process has surely ended
    wake: int = 0  # when the next step is due; the message of that step has the same number
    sent_wake: int = 0  # the number of the last message that was surely sent
    lines: int = 0
    worst_cost: int = 0  # micro-dollars: the sum of the highest prices of all lines
    fed_bytes: int = 0  # the position up to which every line has its job
    stopped_bytes: int = (
        0  # after a cancel or the end of the window: the position up to which jobs were cancelled
    )
    jobs: int = 0  # after that: the number of jobs that exist
    completed: int = 0
    failed: int = 0
    started_at: int = 0
    late_at: int = 0  # when the window ended before the batch
    finalizing_at: int = 0
    cancelling_at: int = 0
    ended_at: int = 0
    output_file: str = ""
    error_file: str = ""
    model: str = ""  # that every line names, if it is one
    usage: str = ""  # the sum of the tokens of all edits, as JSON in OpenAI's shape
    version: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in ENDED

    @property
    def is_stopped(self) -> bool:
        """Whether no further line may become a job."""
        return self.cancelling_at > 0 or self.late_at > 0


def new_batch_id(now: int) -> str:
    """Return the id of a new batch. Later ids are greater."""
    return _replace_prefix(order_id(random_order_key(), now), BATCH_PREFIX)


def new_file_id(now: int) -> str:
    """Return the id of a new file. Later ids are greater."""
    return _replace_prefix(order_id(random_order_key(), now), FILE_PREFIX)


def result_file_id(batch: Batch, kind: Literal["output", "error"]) -> str:
    """Return the id of a file of results. It is always the same, so that two workers write one file."""
    key = encode_key(sha256(f"{batch.id} {kind}".encode()).digest()[:16])
    return _replace_prefix(order_id(key, batch.created), FILE_PREFIX)


def line_key(batch: Batch, custom_id: str) -> str:
    """Return the key of the order of a line. It is always the same, so that a line is bought once."""
    return order_key(f"batch:{batch.scope}", f"batch:{batch.id}:{custom_id}")


def result_folder(output_seconds: int) -> str:
    """Return the folder of the bucket for the images of a batch. They are kept as long as the file that names them.

    An image may be made a day before that file, and the bucket deletes at midnight.
    """
    return "kept/3" if output_seconds <= _SHORT_SECONDS else "kept/33"


def input_key(batch_id: str) -> str:
    """Return the key of the batch's own copy of its input in the bucket."""
    return f"batches/{batch_id}/input"


def _replace_prefix(identifier: str, prefix: str) -> str:
    return prefix + identifier.removeprefix(_ORDER_PREFIX)
