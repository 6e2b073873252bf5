"""POST /v1/uploads: a presigned form to upload a large image, or the input of a batch, to S3.

API Gateway's limit of a body does not apply to it.
"""

from __future__ import annotations

from typing import Any

import orjson

from retouch.core.edit_types import HttpRequest
from retouch.core.errors import GatewayMisconfigured, InvalidRequest
from retouch.core.image_formats import INPUT_MEDIA_TYPES
from retouch.core.parameters import EnumParam
from retouch.core.upload_ids import LINES_MEDIA_TYPE, MAX_LINES_BYTES
from retouch.gateway.services import Services

_CONTENT_TYPE_PARAM = EnumParam((*INPUT_MEDIA_TYPES, LINES_MEDIA_TYPE))


def create_upload(request: HttpRequest, owner: str, services: Services) -> dict[str, Any]:
    """Return the upload form. `owner` is the id of the gateway key that may use the upload.

    An edit names the image by `id`: `image=upload://<id>` or `{"file_id": "<id>"}`. A batch
    names its input as `input_file_id`.
    """
    if not services.settings.bucket:
        raise GatewayMisconfigured(
            "Uploads need a bucket; set RETOUCH_BUCKET.", code="gateway_not_configured"
        )
    content_type = _CONTENT_TYPE_PARAM.read(
        "content_type", _read_body(request).get("content_type", "image/png")
    )
    is_image = content_type != LINES_MEDIA_TYPE
    max_bytes = services.settings.max_upload_bytes if is_image else MAX_LINES_BYTES
    upload_id, post_form = services.bucket.create_upload(content_type, owner, max_bytes)
    return {
        "id": upload_id,
        "object": "upload",
        "expires_at": services.clock.unix_time() + services.settings.upload_seconds,
        "max_bytes": max_bytes,
        "content_type": content_type,
        "method": "POST",
        "url": post_form["url"],
        "fields": post_form["fields"],
    }


def _read_body(request: HttpRequest) -> dict[str, Any]:
    try:
        fields = orjson.loads(request.body or b"{}")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise InvalidRequest("The body must be a JSON object or empty.", code="invalid_json")
    fields = {name: value for name, value in fields.items() if value is not None}
    for name in fields.keys() - {"content_type"}:
        raise InvalidRequest(
            f"Unknown parameter: '{name[:64]}'. An upload takes 'content_type'.",
            param=name[:64],
            code="unknown_parameter",
        )
    return fields
