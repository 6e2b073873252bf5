"""What the mirror may use of the world, built once by the door."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from retouch.clock import Clock
from retouch.settings import Settings

# link(key, lifetime in seconds, unix time) -> the URL and when it ends, None for never.
Link = Callable[[str, int, int], tuple[str, int | None]]


class Source(Protocol):
    """A body that is being fetched: its bytes as they come."""

    @property
    def chunks(self) -> Iterator[bytes]:
        """The body; raises FetchError when a limit is reached or the connection ends early."""


class Open(Protocol):
    """The guarded fetcher's way in."""

    def __call__(
        self, url: str, deadline: float, *, most_bytes: int | None = None
    ) -> AbstractContextManager[Source]:
        """Raises FetchError."""


class Body(Protocol):
    """A body that has arrived as a whole."""

    @property
    def size(self) -> int:
        """In bytes."""

    @property
    def sha256(self) -> bytes:
        """32 bytes."""

    def whole(self) -> AbstractContextManager[bytes]:
        """All of it in memory, for as long as the context lasts; large ones take turns."""

    def parts(self, size: int) -> Iterator[bytes]:
        """It again from the start, in parts of `size` bytes, of which only the last is shorter."""


class StoreFailed(Exception):
    """The bucket did not take an object, for a reason that may pass."""


@dataclass(frozen=True, slots=True)
class Asset:
    """An object's name and what S3 is to say about it."""

    key: str
    content_type: str
    cache_control: str
    metadata: Mapping[str, str]


class Store(Protocol):
    """The bucket."""

    @property
    def name(self) -> str:
        """Of the bucket."""

    def put(self, asset: Asset, body: Body) -> bool:
        """Store whole or not at all; False when the key is taken. Raises StoreFailed."""


@dataclass(frozen=True, slots=True)
class Yard:
    """The corridor's world."""

    settings: Settings
    clock: Clock
    open: Open
    spool: Callable[[Iterable[bytes]], AbstractContextManager[Body]]
    store: Store
    link: Link
