"""The copy of one URL: fetch it, spool it, inspect it, name it after its content, store it once and link to it.

No error leaves this module.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime

from retouch.core.errors import Fault, InvalidRequest
from retouch.core.geometry import Size
from retouch.core.image_formats import detect_format, detect_other_format
from retouch.core.url_policy.errors import FetchError
from retouch.imaging.inspect import check_file
from retouch.imaging.limits import Limits
from retouch.mirror.request import MirrorRequest
from retouch.mirror.result import (
    DEADLINE_EXCEEDED,
    MirrorError,
    MirrorResult,
    MirrorStatus,
    url_host,
)
from retouch.mirror.services import MirrorObject, MirrorServices, ReceivedBody, StoreFailed

# The codes of URLs that are refused. Every other code means that the fetch failed.
_REFUSED_CODES = ("ssrf_blocked", "invalid_url", "fetch_too_large", "fetch_unsupported_media")
# the key is the content's hash, so it never changes
_IMMUTABLE_CACHE = "max-age=31536000, immutable"


def copy_url(
    url: str, request: MirrorRequest, services: MirrorServices, deadline: float
) -> MirrorResult:
    """Copy the image at the URL into the bucket and return the result, or the reason for a failure.

    `deadline` is on the clock's scale.
    """
    try:
        url_deadline = min(deadline, services.clock.now() + services.settings.mirror_timeout)
        return _copy(url, request, services, url_deadline)
    except FetchError as error:
        # When our own deadline ended the connection, the error says nothing about the URL.
        is_out_of_time = services.clock.now() >= deadline
        return out_of_time_result(url) if is_out_of_time else _fetch_failed_result(url, error)
    except Fault as fault:  # from the inspection of the image
        return MirrorResult(
            "refused", url, error=MirrorError(str(fault.code), str(fault), retryable=False)
        )
    except StoreFailed as error:
        return _retryable_result(url, "store_failed", str(error))
    except Exception as error:
        logging.getLogger("retouch").error("unexpected error", exc_info=error)
        text = "The mirror failed. The operator finds the reason in its log."
        return _retryable_result(url, "internal_error", text)


def out_of_time_result(url: str) -> MirrorResult:
    """Return the result of a URL for which no time was left."""
    text = "The function ran out of time before it finished this URL. Send it again."
    return _retryable_result(url, DEADLINE_EXCEEDED, text)


def _fetch_failed_result(url: str, error: FetchError) -> MirrorResult:
    status: MirrorStatus = "refused" if error.code in _REFUSED_CODES else "failed"
    mirror_error = MirrorError(error.code, str(error), error.retryable)
    return MirrorResult(
        status, url, error=mirror_error, reason=error.reason, transient=error.is_transient
    )


def _retryable_result(url: str, code: str, message: str) -> MirrorResult:
    return MirrorResult(
        "failed", url, error=MirrorError(code, message, retryable=True), transient=True
    )


def _copy(
    url: str, request: MirrorRequest, services: MirrorServices, deadline: float
) -> MirrorResult:
    max_bytes = services.settings.max_mirror_bytes
    open_url = services.open_for_edit if request.answer_to else services.open_url
    with (
        open_url(url, deadline, max_bytes=max_bytes) as source,
        services.spool(source.chunks) as body,
    ):
        image_format, size = _describe_image(body, request, max_bytes)
        stored_object = _stored_object(url, request, body, image_format, services)
        status: MirrorStatus = "stored" if services.store.put(stored_object, body) else "exists"
    link, expires_at = services.make_link(
        stored_object.key, request.expires_in, services.clock.unix_time()
    )
    return MirrorResult(
        status,
        url,
        key=stored_object.key,
        bucket=services.store.name,
        url=link,
        expires_at=expires_at,
        content_type=stored_object.content_type,
        bytes=body.size,
        sha256=body.sha256.hex(),
        width=size[0] if size else None,
        height=size[1] if size else None,
    )


def _describe_image(
    body: ReceivedBody, request: MirrorRequest, max_bytes: int
) -> tuple[str, Size | None]:
    """Return the format and the displayed size of a valid image. Raises InvalidRequest for any other body.

    An edit gets any other image too, without a size, because it may deliver a damaged or unknown result as it is.
    """
    with body.load() as data:
        try:
            image_format, header = check_file(data, limits=Limits(image_bytes=max_bytes))
        except InvalidRequest:
            other_format = detect_format(data) or detect_other_format(data)
            if request.answer_to and other_format:
                return other_format, None
            raise
    return image_format, header.displayed_size


def _stored_object(
    url: str,
    request: MirrorRequest,
    body: ReceivedBody,
    image_format: str,
    services: MirrorServices,
) -> MirrorObject:
    visibility = "public" if services.settings.public_base_url else "private"
    mirrored_at = datetime.fromtimestamp(services.clock.unix_time(), UTC).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    own_metadata = {
        "source-host": url_host(url),
        "source-url-sha256": hashlib.sha256(url.encode()).hexdigest(),
        "mirrored-at": mirrored_at,
    }
    return MirrorObject(
        key=f"{request.prefix}/{body.sha256.hex()}.{image_format}",
        content_type=f"image/{image_format}",
        cache_control=f"{visibility}, {_IMMUTABLE_CACHE}",
        metadata={**request.metadata, **own_metadata},
    )
