"""The services that the mirror uses. `retouch.infrastructure` implements them, and the entry point passes them in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from retouch.core.clock import Clock
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.settings import Settings
from retouch.mirror.messages import QueueMessage
from retouch.mirror.result import MirrorResult
from retouch.mirror.retry_decision import DeadLetter, Requeue


class ResponseStore(Protocol):
    """The bucket, for responses to asynchronous requests."""

    name: str

    def put_response(self, key: str, document: bytes) -> None:
        """Store a response."""


class Messaging(Protocol):
    """The queues and the event bus."""

    @property
    def has_dead_letter_queue(self) -> bool:
        """Whether a dead-letter queue is configured."""

    @property
    def has_request_queue(self) -> bool:
        """Whether the queue of requests is configured."""

    def send_to_dlq(self, dead_letter: DeadLetter) -> None:
        """Send a request that failed for good to the dead-letter queue."""

    def send_requeue(self, requeue: Requeue, message: QueueMessage) -> None:
        """Send the rest of a request as a message of its own."""

    def shorten_visibility(self, message: QueueMessage) -> None:
        """Have a message delivered again soon."""

    def publish_events(self, cloud_events: Sequence[Mapping[str, Any]]) -> None:
        """Publish events on the bus."""


class MirrorTelemetryPort(Protocol):
    """Logs and metrics."""

    @property
    def logger(self) -> Any:
        """The logger."""

    def record_request(
        self, source: str, milliseconds: float, results: Sequence[MirrorResult]
    ) -> None:
        """Record one finished request."""

    def set_caller(self, log_fields: Mapping[str, str]) -> None:
        """Add the caller's key and workspace to every log line."""

    def record_request_age(self, seconds: float) -> None:
        """Record how old a request is at its next delivery."""

    def log_refusal(self, source: str, log_fields: Mapping[str, Any]) -> None:
        """Log a request that is invalid or not authenticated."""


# make_link(key, lifetime in seconds, Unix time) -> the URL and the Unix time of its end; None: it does not end.
MakeLink = Callable[[str, int, int], tuple[str, int | None]]


class FetchedBody(Protocol):
    """A body that is being fetched."""

    @property
    def chunks(self) -> Iterator[bytes]:
        """Return the chunks of the body.

        Iteration raises FetchError when a limit is exceeded or the connection ends early.
        """


class OpenUrl(Protocol):
    """A function that opens a URL with the guarded fetcher."""

    def __call__(
        self, url: str, deadline: float, *, max_bytes: int | None = None
    ) -> AbstractContextManager[FetchedBody]:
        """Open the URL. Raises FetchError."""


class ReceivedBody(Protocol):
    """A body that was received completely."""

    @property
    def size(self) -> int:
        """Return the size in bytes."""

    @property
    def sha256(self) -> bytes:
        """Return the hash, 32 bytes."""

    def load(self) -> AbstractContextManager[bytes]:
        """Return a context manager that holds the whole body in memory. Only one large body is loaded at a time."""

    def read_parts(self, size: int) -> Iterator[bytes]:
        """Yield the body from the start, in parts of `size` bytes. Only the last part is shorter."""


class StoreFailed(Exception):
    """The error of an object that was not stored. Another attempt may succeed."""


@frozen_dataclass
class MirrorObject:
    """The key, the headers and the metadata of an object in S3."""

    key: str
    content_type: str
    cache_control: str
    metadata: Mapping[str, str]


class MirrorStore(Protocol):
    """The bucket."""

    @property
    def name(self) -> str:
        """Return the name of the bucket."""

    def put(self, stored_object: MirrorObject, body: ReceivedBody) -> bool:
        """Store the object whole or not at all. Return False when the key exists. Raises StoreFailed."""


@frozen_dataclass
class MirrorServices:
    """The services of the mirror."""

    settings: Settings
    clock: Clock
    open_url: OpenUrl
    # For the image of an edit, which the edits function checks itself: also other formats, and compressed bodies.
    open_for_edit: OpenUrl
    spool: Callable[[Iterable[bytes]], AbstractContextManager[ReceivedBody]]
    store: MirrorStore
    make_link: MakeLink
