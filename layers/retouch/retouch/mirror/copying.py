"""One URL: fetch, spool, gate, name after the content, store once, link. Nothing raises past here."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime

from retouch.errors import Fault
from retouch.guard.refusals import FetchError
from retouch.mirror.item import OUT_OF_TIME, Item, Status, Trouble, host
from retouch.mirror.order import Order
from retouch.mirror.yard import Asset, Body, StoreFailed, Yard
from retouch.pixels.header import Header
from retouch.pixels.inspect import examine
from retouch.pixels.limits import Limits

# What the fetcher and we refuse, as opposed to what could not be had.
_REFUSALS = ("ssrf_blocked", "invalid_url", "fetch_too_large", "fetch_unsupported_media")
_FOREVER = "max-age=31536000, immutable"  # named after its content, so it never changes


def copy(url: str, order: Order, yard: Yard, deadline: float) -> Item:
    """The URL's picture in the bucket, or why it is not. `deadline` is on the clock's scale."""
    try:
        ends = min(deadline, yard.clock.now() + yard.settings.mirror_seconds)
        return _copied(url, order, yard, ends)
    except FetchError as error:
        # A connection that our own deadline cut off says nothing about the URL.
        over = yard.clock.now() >= deadline
        return out_of_time(url) if over else _unfetched(url, error)
    except Fault as fault:  # the gate's
        return Item("refused", url, error=Trouble(str(fault.code), str(fault), retryable=False))
    except StoreFailed as error:
        return _later(url, "store_failed", str(error))
    except Exception as error:
        logging.getLogger("retouch").error("unexpected error", exc_info=error)
        text = "The mirror failed. The operator finds the reason in its log."
        return _later(url, "internal_error", text)


def out_of_time(url: str) -> Item:
    """The outcome of a URL for which no time was left."""
    text = "The function's time was over before this URL was done. Send it again."
    return _later(url, OUT_OF_TIME, text)


def _unfetched(url: str, error: FetchError) -> Item:
    status: Status = "refused" if error.code in _REFUSALS else "failed"
    trouble = Trouble(error.code, str(error), error.retryable)
    return Item(status, url, error=trouble, reason=error.reason, transient=error.transient)


def _later(url: str, code: str, message: str) -> Item:
    return Item("failed", url, error=Trouble(code, message, retryable=True), transient=True)


def _copied(url: str, order: Order, yard: Yard, deadline: float) -> Item:
    with (
        yard.open(url, deadline, most_bytes=yard.settings.mirror_bytes) as source,
        yard.spool(source.chunks) as body,
    ):
        format, header = _gated(body, yard.settings.mirror_bytes)
        asset = _asset(url, order, body, format, yard)
        status: Status = "stored" if yard.store.put(asset, body) else "exists"
    link, ends = yard.link(asset.key, order.expires_in, yard.clock.unix())
    width, height = header.displayed
    return Item(
        status,
        url,
        key=asset.key,
        bucket=yard.store.name,
        url=link,
        expires_at=ends,
        content_type=asset.content_type,
        bytes=body.size,
        sha256=body.sha256.hex(),
        width=width,
        height=height,
    )


def _gated(body: Body, most_bytes: int) -> tuple[str, Header]:
    """Format and header of a picture that is what it says it is. Raises InvalidRequest."""
    with body.whole() as data:
        return examine(data, limits=Limits(image_bytes=most_bytes))


def _asset(url: str, order: Order, body: Body, format: str, yard: Yard) -> Asset:
    public = "public" if yard.settings.public_base_url else "private"
    stamp = datetime.fromtimestamp(yard.clock.unix(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = {
        "source-host": host(url),
        "source-url-sha256": hashlib.sha256(url.encode()).hexdigest(),
        "mirrored-at": stamp,
    }
    return Asset(
        key=f"{order.prefix}/{body.sha256.hex()}.{format}",
        content_type=f"image/{format}",
        cache_control=f"{public}, {_FOREVER}",
        metadata={**order.metadata, **own},
    )
