"""POST /v1/uploads: an invitation to put a large picture into the bucket, past the front's limits."""

from __future__ import annotations

from typing import Any

import orjson

from retouch.errors import InvalidRequest, Misconfigured
from retouch.house import House
from retouch.messages import Inbound
from retouch.specs import Choice

_TYPES = Choice(("image/png", "image/jpeg", "image/webp"))


def invite(request: Inbound, house: House) -> dict[str, Any]:
    """The invitation. `id` then names the picture as `image=upload://<id>` or `{"file_id": "<id>"}`."""
    if not house.settings.bucket:
        raise Misconfigured(
            "Uploads need a bucket; set RETOUCH_BUCKET.", code="gateway_not_configured"
        )
    content_type = _TYPES.read("content_type", _asked(request).get("content_type", "image/png"))
    upload_id, form = house.bucket.invite(content_type)
    return {
        "id": upload_id,
        "object": "upload",
        "expires_at": house.clock.unix() + house.settings.upload_lifetime,
        "max_bytes": house.settings.upload_bytes,
        "content_type": content_type,
        "method": "POST",
        "url": form["url"],
        "fields": form["fields"],
    }


def _asked(request: Inbound) -> dict[str, Any]:
    try:
        asked = orjson.loads(request.body or b"{}")
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise InvalidRequest("The body must be a JSON object or empty.", code="invalid_json")
    for name in asked.keys() - {"content_type"}:
        raise InvalidRequest(
            f"Unknown parameter: '{name[:64]}'. An upload takes 'content_type'.",
            param=name[:64],
            code="unknown_parameter",
        )
    return asked
