"""New links in the stored answer of an order whose links have expired. An order is valid for longer than its links."""

from __future__ import annotations

import re
from dataclasses import replace

from retouch.gateway.results.signed_links import renew_token
from retouch.orders.order import StoredAnswer

_EXPIRY_HEADER = "x-retouch-url-expires"
_LINK = re.compile(rb"(/v1/files/)([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[a-z0-9]+)(?=\")")


def renew_links(answer: StoredAnswer, pepper: str, now: int, seconds: int) -> StoredAnswer:
    """Return the answer with links that work for `seconds`. While its own links work, it stays as it is.

    Only links of the gateway can be renewed, and not presigned links of the bucket.
    """

    from email.utils import formatdate, parsedate_to_datetime

    expiry = answer.headers.get(_EXPIRY_HEADER)
    if not (expiry and pepper) or parsedate_to_datetime(expiry).timestamp() > now:
        return answer
    expires_at = now + seconds
    body = extend_links(answer.body, expires_at, pepper)
    if body == answer.body:
        return answer
    headers = {**answer.headers, _EXPIRY_HEADER: formatdate(expires_at, usegmt=True)}
    return replace(answer, body=body, headers=headers)


def extend_links(body: bytes, expires_at: int, pepper: str) -> bytes:
    """Return the text with links of the gateway that work until that Unix time. Other links stay."""
    return _LINK.sub(
        lambda link: link[1] + renew_token(link[2].decode(), expires_at, pepper).encode(), body
    )
