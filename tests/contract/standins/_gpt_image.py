"""images/edits as OpenAI and Azure serve it: read a multipart or JSON request, check it, return repainted images."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, ClassVar

from tests.contract.paint import decode_image, encode_image, repaint
from tests.contract.standin import ParsedRequest, StandIn
from tests.contract.standins._gpt_image_rules import (
    ModelRules,
    Refusal,
    int_between,
    one_of,
    refuse,
    text_up_to,
)
from tests.support.images import b64
from tests.support.upstream import ReceivedRequest, json_response, sse_response

NUMERIC_FIELDS = ("n", "output_compression", "partial_images")
MAX_IMAGE_BYTES = 50_000_000
MAX_MASK_BYTES = 4_000_000
USAGE = {
    "input_tokens": 1050,
    "input_tokens_details": {"text_tokens": 26, "image_tokens": 1024},
    "output_tokens": 1756,
    "total_tokens": 2806,
}


class GptImageStandIn(StandIn):
    """A gpt-image stand-in. Subclasses check the key, list the models and define the fields of each model."""

    models: ClassVar[dict[str, ModelRules]] = {}
    input_formats: tuple[str, ...] = ("png", "jpeg", "webp")  # of input images
    output_formats: tuple[str, ...] = ("png", "jpeg", "webp")

    def check_access(self, received: ReceivedRequest) -> str:
        """Return the model of the request. Raises Refusal for a wrong key or path."""
        raise NotImplementedError

    def field_rules(self, rules: ModelRules) -> dict[str, Callable[[Any], bool]]:
        """Return the fields that a request may have besides images, as {name: function that accepts a valid value}."""
        rules_by_field = {
            "prompt": text_up_to(32_000),
            "n": int_between(1, 10),
            "size": rules.is_accepted_size,
            "quality": one_of(*rules.qualities),
            "background": one_of("auto", "opaque", "transparent"),
            "output_format": one_of(*self.output_formats),
            "output_compression": int_between(0, 100),
            "stream": one_of(True, False),
            "partial_images": int_between(0, 3),
            "user": text_up_to(512),
        }
        if rules.fidelities:
            rules_by_field["input_fidelity"] = one_of(*rules.fidelities)
        return rules_by_field

    def parse_request(self, received):
        if received.parts:
            mask = [part for part in received.files if part[0] == "mask"]
            images = [part[3] for part in received.files if part[0] != "mask"]
            return ParsedRequest(
                images, mask[0][3] if mask else None, parse_form_values(received.fields)
            )
        fields = received.json()
        images = [decode_reference(item) for item in fields.pop("images")]
        mask = fields.pop("mask", None)
        return ParsedRequest(images, decode_reference(mask) if mask else None, fields)

    def respond(self, received):
        try:
            model = self.check_access(received)
            if received.method == "GET":
                return json_response(
                    {"object": "list", "data": [{"id": name} for name in self.models]}
                )
            self.check_files(received)
            request = self.parse_request(received)
            self.check_fields(request.fields, self.models[model])
            self.check_images(request)
        except Refusal as refusal:
            return refusal.response
        return (
            self.event_response(request)
            if request.fields.get("stream")
            else self.image_response(request)
        )

    def check_files(self, received):
        names = [name for name, *_ in received.files]
        if len(set(names) & {"image", "image[]"}) > 1 or names.count("image") > 1:
            refuse(400, "invalid_type", "expected a file, but got an array", "image")
        for name, filename, content_type, data in received.files:
            if name not in ("image", "image[]", "mask"):
                refuse(400, "unknown_parameter", f"Unknown parameter: '{name}'.", name)
            if (
                content_type not in (f"image/{f}" for f in self.input_formats)
                or image_format(data) != content_type[6:]
            ):
                refuse(400, "unsupported_file_mimetype", f"Invalid file '{filename}'", name)

    def check_fields(self, fields, rules):
        allowed = self.field_rules(rules)
        for name, value in fields.items():
            if name not in allowed:
                refuse(400, "unknown_parameter", f"Unknown parameter: '{name}'.", name)
            if not allowed[name](value):
                refuse(400, "invalid_value", f"Invalid value: '{value}'.", name)
        if "prompt" not in fields:
            refuse(400, "missing_required_parameter", "Missing 'prompt'.", "prompt")
        output = fields.get("output_format", "png")
        if fields.get("background") == "transparent" and output == "jpeg":
            refuse(400, "invalid_value", "jpeg has no transparency", "background")
        if fields.get("output_compression", 100) != 100 and output == "png":
            refuse(400, "invalid_value", "png is not compressed", "output_compression")

    def check_images(self, request):
        if not 1 <= len(request.images) <= 16:
            refuse(400, "invalid_value", "1 to 16 images", "image")
        if any(
            len(data) >= MAX_IMAGE_BYTES or image_format(data) not in self.input_formats
            for data in request.images
        ):
            refuse(400, "invalid_image", "an image is too large or of another format", "image")
        if request.mask is None:
            return
        mask = decode_image(request.mask)
        if (
            image_format(request.mask) != "png"
            or mask.mode != "RGBA"
            or len(request.mask) >= MAX_MASK_BYTES
        ):
            refuse(400, "invalid_image", "the mask must be a PNG with alpha under 4 MB", "mask")
        if mask.size != decode_image(request.images[0]).size:
            refuse(400, "invalid_value", "mask size does not match image size", "mask")

    def image_response(self, request):
        image = {"b64_json": b64(paint_result(request))}
        return json_response(
            {
                "created": 1_795_000_000,
                **response_metadata(request),
                "data": [image] * request.fields.get("n", 1),
            }
        )

    def event_response(self, request):
        common_fields = {
            "b64_json": b64(paint_result(request)),
            "created_at": 1_795_000_009,
            **response_metadata(request),
        }
        usage = common_fields.pop("usage")
        partials = [
            {"type": "image_edit.partial_image", "partial_image_index": i, **common_fields}
            for i in range(request.fields.get("partial_images", 0))
        ]
        completed = {"type": "image_edit.completed", **common_fields, "usage": usage}
        return sse_response(*partials, *[completed] * request.fields.get("n", 1))


def parse_form_values(fields):
    """Convert form texts to numbers and booleans. A text in another notation stays a text and is refused later."""
    values = dict(fields)
    for name in NUMERIC_FIELDS:
        if re.fullmatch(r"[0-9]{1,3}", values.get(name, "")):
            values[name] = int(values[name])
    if values.get("stream") in ("true", "false"):
        values["stream"] = values["stream"] == "true"
    return values


def decode_reference(reference):
    """Return the bytes of an image reference in a JSON request. A reference has exactly one key."""
    (url,) = reference.values()
    if "image_url" not in reference or len(url) > 20_971_520:
        refuse(400, "invalid_value", "image_url must be a data URL", "images")
    head, _, data = url.partition(";base64,")
    decoded = base64.b64decode(data, validate=True)
    if head != f"data:image/{image_format(decoded)}":
        refuse(
            400, "unsupported_file_mimetype", "the data does not have the declared type", "images"
        )
    return decoded


def image_format(data):
    return (decode_image(data).format or "").lower()


def response_metadata(request):
    fields = request.fields
    background = "transparent" if fields.get("background") == "transparent" else "opaque"
    return {
        "background": background,
        "output_format": fields.get("output_format", "png"),
        "quality": fields.get("quality", "medium"),
        "size": "x".join(map(str, output_size(request))),
        "usage": USAGE,
    }


def output_size(request):
    requested_size = request.fields.get("size", "auto")
    if requested_size == "auto":
        return decode_image(request.images[0]).size
    width, height = requested_size.split("x")
    return int(width), int(height)


def paint_result(request):
    return paint_image(
        request.images[0],
        request.mask,
        output_size(request),
        request.fields.get("output_format", "png"),
    )


@lru_cache(8)
def paint_image(image, mask, size, output):
    """Return the repainted image. The result is cached, because most tests send the same request."""
    edit_mask = None
    if mask is not None:
        edit_mask = decode_image(mask).getchannel("A").point(lambda alpha: 255 if alpha == 0 else 0)
    return encode_image(decode_image(repaint(image, edit_mask)).resize(size), output)
