"""The links of an edit's results: each image is stored in the bucket, within a limited time, and linked."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import NotStored
from retouch.gateway.results.signed_links import LinkBuilder
from retouch.gateway.time_budget import TimeBudget

_log = logging.getLogger("retouch")
# The longest wait for the links of one call. A put of 10 MB takes about a second. A longer wait for a bucket that does
# not respond would only delay the same images as base64.
_MAX_LINK_SECONDS = 10.0
_HANGING_MESSAGE = "The bucket did not accept the result in time."
_STORED_BYTES_PER_SECOND = 2_000_000  # added for large images


class ResultStore(Protocol):
    """The store of results that are delivered as links."""

    def put(self, data: bytes, format: str, folder: str = "results") -> str:
        """Store an encoded image ("png", "jpeg", "webp") and return its key. Raises NotStored.

        The folder decides how long the image is kept.
        """

    def sign(self, key: str, seconds: int) -> str:
        """Return the store's own link to a key. It works for `seconds`. Raises NotStored."""


@dataclass
class ResultLinks:
    """The maker of an edit's links. All of them expire at the same Unix time."""

    store: ResultStore
    build_link: LinkBuilder
    expires_at: int
    folder: str = ""  # of the store; empty: that of all results
    # A bucket that hung once is not asked again: each wait would take the time of the other images, and each call that
    # hangs keeps its file in memory.
    is_hanging: bool = False

    def link_all(self, files: Sequence[EncodedImage], time: TimeBudget) -> tuple[str, ...]:
        """Store the files and return their links. Raises NotStored, also when the bucket takes too long.

        The clients of AWS have fixed timeouts for a connection and for a wait, and none for a whole call. The time that
        is left therefore limits the calls from outside.
        """
        if self.is_hanging:
            raise NotStored(_HANGING_MESSAGE)
        size = sum(len(file.data) for file in files)
        put = partial(self.store.put, folder=self.folder) if self.folder else self.store.put
        limit = time.limit_to(_MAX_LINK_SECONDS + size / _STORED_BYTES_PER_SECOND)
        try:
            return limit.run(
                lambda: tuple(self.build_link(put(file.data, file.format)) for file in files)
            )
        except TimeoutError as error:
            self.is_hanging = True
            _log.error("the bucket did not take the result in time")
            raise NotStored(_HANGING_MESSAGE) from error
