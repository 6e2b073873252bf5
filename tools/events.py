"""Writes events/*.json, one request each as API Gateway hands it over: `python -m tools.events`.

Every file keeps the promise in its name without a key or an account; EVENTS says which status that is.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from requests_toolbelt import MultipartEncoder

from tools.mirror_events import mirror_events

FOLDER = Path(__file__).resolve().parent.parent / "events"
SIDE = 64
_BALL = (22, 24, 42, 44)
_BOUNDARY = "retouch-sample-event"  # fixed, so that the files are the same each time

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """An event and what it is answered with. `code` is the error's; for a direct invoke `status` is in the body."""

    make: Callable[[], Event]
    status: int = 200
    code: str | None = None


def picture() -> Image.Image:
    """A red ball on sand."""
    image = Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB")
    ImageDraw.Draw(image).ellipse(_BALL, fill=(214, 66, 52))
    return image


def mask(side: int = SIDE) -> Image.Image:
    """OpenAI's kind of mask: transparent where the ball is."""
    image = Image.new("RGBA", (side, side), (0, 0, 0, 255))
    ImageDraw.Draw(image).ellipse(_BALL, fill=(0, 0, 0, 0))
    return image


def cutout() -> Image.Image:
    """The picture with the ball already transparent."""
    image = picture().convert("RGBA")
    ImageDraw.Draw(image).ellipse(_BALL, fill=(0, 0, 0, 0))
    return image


def png(image: Image.Image) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=9)
    return out.getvalue()


def data_url(image: Image.Image) -> dict[str, str]:
    """The picture as OpenAI's JSON form has it."""
    return {"image_url": "data:image/png;base64," + base64.b64encode(png(image)).decode()}


def http(method: str, path: str, headers: Mapping[str, str], body: bytes | str = b"") -> Event:
    """A REST proxy event. Bytes travel as base64, as the template's binary types have it; text as it is."""
    binary = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    sent = {"Accept": "*/*", **headers}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "sample",
            "httpMethod": method,
            "identity": {"sourceIp": "127.0.0.1"},
            "path": f"/prod{path}",
            "protocol": "HTTP/1.1",
            "requestId": "00000000-0000-4000-8000-000000000000",
            "resourcePath": path,
            "stage": "prod",
        },
        "body": text or None,
        "isBase64Encoded": bool(text) and binary,
    }


def form(*parts: tuple[str, Any], cut: int = 0) -> Callable[[], Event]:
    """A multipart edit; pictures become file parts. `cut` bytes are missing at the end."""

    def make() -> Event:
        encoder = MultipartEncoder([_part(*part) for part in parts], boundary=_BOUNDARY)
        body = encoder.to_string()
        return http(
            "POST",
            "/v1/images/edits",
            {"Content-Type": encoder.content_type},
            body[: len(body) - cut],
        )

    return make


def _part(name: str, value: Any) -> tuple[str, Any]:
    if callable(value):
        value = png(value())
    if isinstance(value, bytes):
        return name, (f"{name}.png", value, "image/png")
    return name, value


def json_edit(**values: Any) -> Callable[[], Event]:
    """OpenAI's JSON form of an edit, over HTTP."""
    headers = {"Content-Type": "application/json"}
    return lambda: http("POST", "/v1/images/edits", headers, json.dumps(_referenced(values)))


def direct(**values: Any) -> Callable[[], Event]:
    """The edit itself as the event."""
    return lambda: _referenced(values)


def _referenced(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: data_url(value())
        if callable(value)
        else [data_url(v()) for v in value]
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }


def get(path: str) -> Callable[[], Event]:
    """A GET without headers that matter."""
    return lambda: http("GET", path, {})


def preflight() -> Event:
    """What a browser asks before it sends an edit from another page."""
    asked = {
        "Origin": "https://editor.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    return http("OPTIONS", "/v1/images/edits", asked)


_PROMPT = ("prompt", "remove the ball")
_IMAGE, _MASK = ("image", picture), ("mask", mask)

EVENTS: Mapping[str, Sample] = {
    "edit_multipart_one_image_with_mask": Sample(form(_PROMPT, _IMAGE, _MASK)),
    "edit_multipart_own_transparency": Sample(form(_PROMPT, ("image", cutout))),
    "edit_multipart_two_results_resized_webp": Sample(
        form(_PROMPT, ("n", "2"), ("size", "32x32"), ("output_format", "webp"), _IMAGE, _MASK)
    ),
    "edit_json_form": Sample(json_edit(prompt=_PROMPT[1], images=(picture,), mask=mask)),
    "edit_stream": Sample(form(_PROMPT, ("stream", "true"), _IMAGE, _MASK)),
    "edit_direct_invoke": Sample(direct(prompt=_PROMPT[1], images=(picture,), mask=mask)),
    "refused_several_images": Sample(
        form(_PROMPT, ("image[]", picture), ("image[]", picture), _MASK), 400, "too_many_images"
    ),
    "refused_no_prompt": Sample(form(_IMAGE, _MASK), 400, "missing_required_parameter"),
    "refused_no_mask": Sample(form(_PROMPT, _IMAGE), 400, "mask_required"),
    "refused_mask_size": Sample(
        form(_PROMPT, _IMAGE, ("mask", lambda: mask(SIDE // 2))), 400, "mask_size_mismatch"
    ),
    "refused_not_an_image": Sample(
        form(_PROMPT, ("image", b"%PDF-1.7\n%not a picture\n"), _MASK),
        400,
        "unsupported_image_format",
    ),
    "refused_truncated_upload": Sample(form(_PROMPT, _IMAGE, _MASK, cut=40), 400, "truncated_body"),
    "refused_unknown_model": Sample(
        form(_PROMPT, ("model", "nobody/nothing"), _IMAGE, _MASK), 404, "model_not_found"
    ),
    "refused_unknown_parameter": Sample(
        form(_PROMPT, ("strength", "0.5"), _IMAGE, _MASK), 400, "unknown_parameter"
    ),
    "refused_link_without_bucket": Sample(
        form(_PROMPT, ("response_format", "url"), _IMAGE, _MASK), 400, "invalid_value"
    ),
    "refused_direct_invoke_without_prompt": Sample(
        direct(images=(picture,)), 400, "missing_required_parameter"
    ),
    "models": Sample(get("/v1/models")),
    "health": Sample(get("/health")),
    "openapi": Sample(get("/openapi.json")),
    "preflight": Sample(preflight, 204),
}


MIRROR_EVENTS = mirror_events(http)


def main() -> None:
    """Write every file."""
    for name, sample in {**EVENTS, **MIRROR_EVENTS}.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(sample.make(), indent=1) + "\n")


if __name__ == "__main__":
    main()
