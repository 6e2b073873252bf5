"""Protection against an SDK that sends an edit again by itself and would pay for it twice.

An SDK does so when its timeout passes or the connection breaks, because then no header can tell it not to. It counts
its retries in `x-stainless-retry-count`. A retry is refused when an equal edit still runs, has ended without a trace,
or was paid for a moment ago. A first attempt is never refused, and requests without the header are not recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import orjson

from retouch.core.clock import Clock
from retouch.core.edit_types import ImageInput, MaskShapes
from retouch.core.errors import Fault, RepeatedEdit
from retouch.gateway.recent_edits import RecentEdits
from retouch.gateway.result import EditResult
from retouch.gateway.services import RequestContext

# An edit that ends sooner is not recorded. Both SDKs wait at least 0.375 seconds before a retry.
RECORD_AFTER_SECONDS = 0.25
# Both SDKs wait at most 8 seconds before a retry when they have received no response.
_RETRY_SECONDS = 15


def refuse_repeated_edit(context: RequestContext, recent_edits: RecentEdits, clock: Clock) -> None:
    """Raise RepeatedEdit when the request is an SDK's retry of an edit that may have been paid for."""
    if context.retry_count and recent_edits.contains(
        request_fingerprint(context), clock.unix_time()
    ):
        raise RepeatedEdit(
            "The SDK has sent this edit again by itself. The gateway did not buy it again, because the first attempt "
            "still runs or may have been paid for. Set the SDK's timeout to more seconds than the edit takes. "
            "A new call of the SDK is a new edit."
        )


class RecentEditRecord:
    """The record of one edit. It does nothing for a client that never sends a request again by itself."""

    def __init__(self, context: RequestContext, recent_edits: RecentEdits, clock: Clock) -> None:
        self._context, self._recent_edits, self._clock = context, recent_edits, clock
        self._is_enabled = context.retry_count is not None
        self._is_stored = False

    def begin(self) -> None:
        """Store the edit for as long as it may run and an SDK may retry it."""
        if self._is_enabled:
            self._store_for(self._context.deadline - self._clock.now() + _RETRY_SECONDS)

    def finish(self, result: EditResult) -> None:
        """Keep the edit for a moment if it may have been paid for, because the client may have left. Else remove it."""
        if result.billing != "no" and self._is_stored:
            self._store_for(_RETRY_SECONDS)
        elif result.billing == "no" and (self._is_stored or self._invites_retry(result)):
            self._recent_edits.remove(request_fingerprint(self._context))

    def _invites_retry(self, result: EditResult) -> bool:
        # An equal edit may be recorded. The retry of this free failure must not be taken for a retry of that edit.
        outcome = result.outcome
        return self._is_enabled and isinstance(outcome, Fault) and outcome.should_retry is not False

    def _store_for(self, seconds: float) -> None:
        self._is_stored = True
        expires_at = self._clock.unix_time() + round(seconds)
        self._recent_edits.add(request_fingerprint(self._context), expires_at)


def request_fingerprint(context: RequestContext) -> str:
    """Return a hash of the keys, the routing and the form. A retry has the same one: only its boundary differs."""
    digest = hashlib.sha256()
    for piece in _fingerprint_pieces(context):
        digest.update(b"%d:" % len(piece))
        digest.update(piece)
    return digest.hexdigest()


def _fingerprint_pieces(context: RequestContext) -> Iterator[bytes]:
    credentials, portkey, form = context.credentials, context.portkey, context.form
    keys = (credentials.provider, credentials.key, credentials.gateway_key)
    routing = (portkey.config, portkey.virtual_key, portkey.custom_host, portkey.options)
    yield orjson.dumps([keys, routing, form.values], option=orjson.OPT_SORT_KEYS)
    for image in (*form.images, form.mask):
        yield _image_piece(image)


def _image_piece(image: ImageInput | MaskShapes | None) -> bytes:
    return image if isinstance(image, bytes) else repr(image).encode()
