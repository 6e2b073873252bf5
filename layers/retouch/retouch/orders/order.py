"""The record of an order, and the answer to it.

An order is one edit that a caller wants and pays for once. Every repetition of a request finds the same order. The
record is an immutable value. `retouch.orders.transitions` makes the next record from the present one, and a table
stores it under a condition. Times are Unix seconds.

    accepted   a request holds the order, and no byte of a paid request was sent
    sent       the send mark: a paid request may have reached a provider
    submitted  the provider has accepted the edit and makes it in the background; it can be asked for the result
    done       it has its final answer
    unknown    its holder ended between the send mark and the answer, so nobody knows whether it was paid for
    open       a try ended and cost nothing; the next repetition is a new try

A job is an order that a worker works on. It has two more states before its end, and its free failures end it:

    queued     it waits for a worker
    cancelled  its caller cancelled it, or nobody began it in time; nothing was sent
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from typing import Literal

from retouch.core.errors import Billed
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.sortable_time import TIME_CHARS, decode_time, encode_time
from retouch.orders.charges import Charges, are_settled

OrderState = Literal[
    "accepted", "sent", "submitted", "done", "unknown", "open", "queued", "cancelled"
]
# How the request came in. Each way in has its own keys.
OrderSource = Literal["http", "direct", "batch", "s3", "sqs", "eventbridge"]
# AWS may deliver an event again as long as a dead-letter queue keeps it. Its order is kept for as long.
EVENT_SOURCES: tuple[OrderSource, ...] = ("s3", "sqs", "eventbridge")
EVENT_VALIDITY_SECONDS = 1_209_600
BatchEnd = Literal["", "completed", "failed", "cancelled"]
RUNNING: tuple[OrderState, ...] = ("accepted", "sent", "submitted")
_KEY_BYTES = 16


@frozen_dataclass
class Fingerprint:
    """A hash of a request, and a short hash of each field, by which an error can name the field that differs."""

    digest: str
    fields: Mapping[str, str] = field(default_factory=dict)

    def first_difference(self, other: Fingerprint) -> str | None:
        """Return the name of the first field that differs, or None when the requests are equal."""
        if self.digest == other.digest:
            return None
        names = [*self.fields, *(name for name in other.fields if name not in self.fields)]
        differing = (name for name in names if self.fields.get(name) != other.fields.get(name))
        return next(differing, "body")


@frozen_dataclass
class Submission:
    """A provider's response to a paid request for an edit that it makes in the background.

    A later holder of the order continues the conversation with this response, and so polls the same job.
    """

    target: str  # the path of the target in the config
    job: int  # the index of the conversation among those of the attempt
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@frozen_dataclass
class Order:
    """One order as it is stored. `version` is the table's own mark of this record."""

    key: str  # of the table
    id: str
    scope: str  # whose order it is
    state: OrderState
    fingerprint: Fingerprint
    fence: int  # the number of claims; a holder with a smaller number has lost the order
    holder: str  # the id of the request that holds it
    lease: int  # when the holder's process has surely ended; of a waiting job: when its message should have come
    created: int
    expires: int
    source: OrderSource = "http"
    attempt: int = 0  # the number of send marks
    target: str = ""  # the path of the target of the last send mark
    sent_at: int = 0
    submissions: tuple[Submission, ...] = ()
    status: int = 0  # of the answer
    billed: Billed = "no"
    cost: str = ""  # in US dollars
    caller_cost: str = ""  # what the caller sees instead of the cost; empty: the cost
    price: int = 0  # micro-dollars that the budgets were charged; 0: not known
    ended: int = 0
    model: str = ""  # of a job: the model that its plan chose
    begin_by: int = 0  # of a job: when a worker must have begun it
    started: int = 0  # of a job: when a worker first claimed it
    metadata: Mapping[str, str] = field(default_factory=dict)  # of a job: its caller's own pairs
    webhooks: str = ""  # of a job: the ids of the endpoints that get its event, separated by spaces
    event: Literal["", "pending"] = ""  # of a job: "pending" until the event of its end is queued
    charges: Charges = ()  # what it holds of budgets, and what is at risk
    holds: int = 0  # the number of attempts that have held budgets
    destination: str = ""  # of a job that an event has started: who gets a report of its end
    batch: str = ""  # of a job: the id of the batch that it is a line of
    usage: str = ""  # the lines of its usage that are not known to be in the table, or are at risk
    version: str = ""

    @property
    def cost_usd(self) -> float | None:
        """The cost as the caller sees it."""
        return float(self.cost_text) if self.cost_text else None

    @property
    def cost_text(self) -> str:
        """The cost as the caller sees it, without the word for an estimate. Empty: not known."""
        return (self.caller_cost or self.cost).partition(" ")[0]

    @property
    def is_job(self) -> bool:
        """Whether a worker works on the order."""
        return self.begin_by > 0

    @property
    def has_reservation(self) -> bool:
        """Whether the order is a job that has reserved what it may cost. The jobs of events and batches have not."""
        return self.is_job and self.source == "http"

    @property
    def batch_end(self) -> BatchEnd:
        """How a job of a batch has ended, as it is counted. Empty: it has not ended."""
        if self.state == "done":
            return "completed" if self.status < 400 else "failed"
        if self.state == "cancelled":
            return "cancelled"
        return "failed" if self.state in ("unknown", "open") else ""

    @property
    def is_listed(self) -> bool:
        """Whether the sweeper must find the order after its lease, when its holder or its message may be lost."""
        return self.is_unsettled or self.event == "pending"

    @property
    def is_unsettled(self) -> bool:
        """Whether something of the order is open besides its event."""
        is_open = self.is_waiting_job or self.is_running
        return is_open or not are_settled(self.charges) or self.is_usage_owed

    @property
    def is_running(self) -> bool:
        """Whether a request or a worker holds the order, unless its lease is over."""
        return self.state in RUNNING and not self.is_released

    @property
    def is_usage_owed(self) -> bool:
        """Whether events of the order may be missing, or what was at risk in them has become known."""
        if not self.usage or self.is_running:
            return False
        is_decided = self.state in ("done", "open", "cancelled") and self.billed != "unknown"
        return is_decided or any(not line.startswith("~") for line in self.usage.splitlines())

    @property
    def last_hold(self) -> str:
        """The name of the hold of the last attempt that has held budgets."""
        return f"{self.id}.{self.holds}"

    @property
    def next_hold(self) -> str:
        """The name of what the next attempt holds of budgets."""
        return f"{self.id}.{self.holds + 1}"

    @property
    def is_waiting_job(self) -> bool:
        """Whether the order is a job that waits for a message to a worker."""
        return self.is_job and (self.state == "queued" or self.is_released)

    @property
    def is_released(self) -> bool:
        """Whether nobody holds the submitted order and the next repetition fetches its result."""
        return self.state == "submitted" and not self.holder


@frozen_dataclass
class StoredAnswer:
    """The answer to an order, byte for byte: status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    billed: Billed
    cost: str = ""
    price: int | None = None  # micro-dollars for the budgets; None: not known
    tokens: int = 0

    @property
    def digest(self) -> str:
        """The SHA-256 of the body, in hexadecimal."""
        return sha256(self.body).hexdigest()


def order_key(scope: str, idempotency_key: str) -> str:
    """Return the key of the table for a caller's key. Nobody can make the key of another scope."""
    text = f"{len(scope)}:{scope}{idempotency_key}"
    return encode_key(sha256(text.encode()).digest()[:_KEY_BYTES])


def random_order_key() -> str:
    """Return the key of the table for an order without a key of the caller."""
    return encode_key(secrets.token_bytes(_KEY_BYTES))


def order_id(key: str, unix_time: int) -> str:
    """Return the id of a new order. It contains the table's key, so that the order can be read by its id."""
    return f"ord_{encode_time(unix_time)}{key}"


def key_of_order(identifier: str) -> str:
    """Return the table's key in the id of an order. Raises ValueError for another text."""
    prefix, _, rest = identifier.partition("_")
    key = rest[TIME_CHARS:]
    if prefix != "ord" or len(key) != len(encode_key(bytes(_KEY_BYTES))) or not rest.isalnum():
        raise ValueError("An order's id is 'ord_' and 34 letters and digits.")
    return key


def time_of_order(identifier: str) -> int:
    """Return the Unix time at which an order was made, from its id. Raises ValueError for another text."""
    key_of_order(identifier)
    return decode_time(identifier.partition("_")[2][:TIME_CHARS])


def encode_key(data: bytes) -> str:
    """Return bytes as a key of the table: lower-case letters and digits."""
    return b32encode(data).decode().rstrip("=").lower()
