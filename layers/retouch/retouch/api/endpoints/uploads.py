"""POST /v1/uploads: a presigned form to upload a large image, or the input of a batch, to S3.

API Gateway's limit of a body does not apply to it.
"""

from __future__ import annotations

from typing import Any

from retouch.api.request.json_object import read_json_object
from retouch.core.credentials.upload_ids import LINES_MEDIA_TYPE, MAX_LINES_BYTES
from retouch.core.edit_types import HttpRequest
from retouch.core.errors import GatewayMisconfigured
from retouch.core.image_formats import INPUT_MEDIA_TYPES
from retouch.core.parameters import EnumParam
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
    fields = read_json_object(request, ("content_type",), "An upload")
    content_type = _CONTENT_TYPE_PARAM.read("content_type", fields.get("content_type", "image/png"))
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
