"""Write events/*.json: `python -m tools.events`. Each file holds one request as an API Gateway event.

The events need no key and no account. EVENTS holds the expected status and error code of each event.
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

from tools.mirror_events import MirrorSample, mirror_samples
from tools.worker_events import WorkerSample, queue_event, worker_samples

EVENTS_FOLDER = Path(__file__).resolve().parent.parent / "events"
IMAGE_SIDE = 64
_BALL_BOX = (22, 24, 42, 44)
_BOUNDARY = "retouch-sample-event"  # Fixed, so that every run writes the same files.

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Sample:
    """An event with its expected status and error code. A direct invoke returns the status in its body."""

    build_event: Callable[[], Event]
    status: int = 200
    code: str | None = None


def sample_image() -> Image.Image:
    """Return an image of a red ball on sand."""
    image = Image.linear_gradient("L").resize((IMAGE_SIDE, IMAGE_SIDE)).convert("RGB")
    ImageDraw.Draw(image).ellipse(_BALL_BOX, fill=(214, 66, 52))
    return image


def sample_mask(side: int = IMAGE_SIDE) -> Image.Image:
    """Return a mask in OpenAI's format: transparent over the ball."""
    image = Image.new("RGBA", (side, side), (0, 0, 0, 255))
    ImageDraw.Draw(image).ellipse(_BALL_BOX, fill=(0, 0, 0, 0))
    return image


def transparent_image() -> Image.Image:
    """Return the sample image with a transparent ball."""
    image = sample_image().convert("RGBA")
    ImageDraw.Draw(image).ellipse(_BALL_BOX, fill=(0, 0, 0, 0))
    return image


def encode_png(image: Image.Image) -> bytes:
    """Return the image encoded as PNG."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=9)
    return out.getvalue()


def image_reference(image: Image.Image) -> dict[str, str]:
    """Return the image as a reference of OpenAI's JSON form: an object with a data URL."""
    return {"image_url": "data:image/png;base64," + base64.b64encode(encode_png(image)).decode()}


def proxy_event(
    method: str, path: str, headers: Mapping[str, str], body: bytes | str = b""
) -> Event:
    """Return a REST proxy event. Bytes are base64-encoded, as with the template's binary types; text is not."""
    binary = isinstance(body, bytes)
    text = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    all_headers = {"Accept": "*/*", **headers}
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": all_headers,
        "multiValueHeaders": {name: [value] for name, value in all_headers.items()},
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


def multipart_edit(*parts: tuple[str, Any], missing_bytes: int = 0) -> Callable[[], Event]:
    """Return a function that builds a multipart edit event. Images become file parts.

    `missing_bytes` bytes are cut off at the end of the body.
    """

    def build_event() -> Event:
        encoder = MultipartEncoder([_form_part(*part) for part in parts], boundary=_BOUNDARY)
        body = encoder.to_string()
        return proxy_event(
            "POST",
            "/v1/images/edits",
            {"Content-Type": encoder.content_type},
            body[: len(body) - missing_bytes],
        )

    return build_event


def _form_part(name: str, value: Any) -> tuple[str, Any]:
    if callable(value):
        value = encode_png(value())
    if isinstance(value, bytes):
        return name, (f"{name}.png", value, "image/png")
    return name, value


def json_edit(**values: Any) -> Callable[[], Event]:
    """Return a function that builds an HTTP event with an edit in OpenAI's JSON form."""
    headers = {"Content-Type": "application/json"}
    return lambda: proxy_event(
        "POST", "/v1/images/edits", headers, json.dumps(_replace_files_by_references(values))
    )


def direct_invoke(**values: Any) -> Callable[[], Event]:
    """Return a function that builds a direct-invoke event, which is the edit itself."""
    return lambda: _replace_files_by_references(values)


def _replace_files_by_references(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: image_reference(value())
        if callable(value)
        else [image_reference(v()) for v in value]
        if isinstance(value, tuple)
        else value
        for name, value in values.items()
    }


def get_request(path: str) -> Callable[[], Event]:
    """Return a function that builds a GET event."""
    return lambda: proxy_event("GET", path, {})


def preflight_request() -> Event:
    """Return the preflight event that a browser sends before an edit from a page of another origin."""
    headers = {
        "Origin": "https://editor.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    return proxy_event("OPTIONS", "/v1/images/edits", headers)


_PROMPT = ("prompt", "remove the ball")
_IMAGE, _MASK = ("image", sample_image), ("mask", sample_mask)

EVENTS: Mapping[str, Sample] = {
    "edit_multipart_one_image_with_mask": Sample(multipart_edit(_PROMPT, _IMAGE, _MASK)),
    "edit_multipart_without_prompt": Sample(multipart_edit(_IMAGE, _MASK)),
    "edit_multipart_own_transparency": Sample(
        multipart_edit(_PROMPT, ("image", transparent_image))
    ),
    "edit_multipart_two_results_resized_webp": Sample(
        multipart_edit(
            _PROMPT, ("n", "2"), ("size", "32x32"), ("output_format", "webp"), _IMAGE, _MASK
        )
    ),
    "edit_json_form": Sample(
        json_edit(prompt=_PROMPT[1], images=(sample_image,), mask=sample_mask)
    ),
    "edit_stream": Sample(multipart_edit(_PROMPT, ("stream", "true"), _IMAGE, _MASK)),
    "edit_direct_invoke": Sample(
        direct_invoke(prompt=_PROMPT[1], images=(sample_image,), mask=sample_mask)
    ),
    "edit_step_functions": Sample(
        direct_invoke(
            prompt=_PROMPT[1],
            images=(sample_image,),
            mask=sample_mask,
            idempotency_key="arn:aws:states:us-east-1:123456789012:execution:shop:4711/Edit",
            **{"raise": True},
        )
    ),
    "refused_several_images": Sample(
        multipart_edit(_PROMPT, ("image[]", sample_image), ("image[]", sample_image), _MASK),
        400,
        "too_many_images",
    ),
    "refused_no_mask": Sample(multipart_edit(_PROMPT, _IMAGE), 400, "mask_required"),
    "refused_mask_size": Sample(
        multipart_edit(_PROMPT, _IMAGE, ("mask", lambda: sample_mask(IMAGE_SIDE // 2))),
        400,
        "mask_size_mismatch",
    ),
    "refused_not_an_image": Sample(
        multipart_edit(_PROMPT, ("image", b"%PDF-1.7\n%not a picture\n"), _MASK),
        400,
        "unsupported_image_format",
    ),
    "refused_truncated_upload": Sample(
        multipart_edit(_PROMPT, _IMAGE, _MASK, missing_bytes=40), 400, "truncated_body"
    ),
    "refused_unknown_model": Sample(
        multipart_edit(_PROMPT, ("model", "nobody/nothing"), _IMAGE, _MASK), 404, "model_not_found"
    ),
    "refused_unknown_parameter": Sample(
        multipart_edit(_PROMPT, ("strength", "0.5"), _IMAGE, _MASK), 400, "unknown_parameter"
    ),
    "refused_link_without_bucket": Sample(
        multipart_edit(_PROMPT, ("response_format", "url"), _IMAGE, _MASK), 400, "invalid_value"
    ),
    "refused_direct_invoke_without_mask": Sample(
        direct_invoke(images=(sample_image,)), 400, "mask_required"
    ),
    "models": Sample(get_request("/v1/models")),
    "health": Sample(get_request("/health")),
    "openapi": Sample(get_request("/openapi.json")),
    "preflight": Sample(preflight_request, 204),
}


MIRROR_EVENTS = mirror_samples(proxy_event)


def schedule_event() -> Event:
    """Return the event of the sweeper's schedule, as EventBridge sends it."""
    return {
        "version": "0",
        "id": "00000000-0000-4000-8000-000000000000",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-11-22T00:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/retouch-SweeperFunctionSchedule"],
        "detail": {},
    }


SWEEPER_EVENTS: Mapping[str, Callable[[], Event]] = {"sweeper_schedule": schedule_event}


WORKER_EVENTS = worker_samples(
    direct_invoke(prompt=_PROMPT[1], images=(sample_image,), mask=sample_mask)
)


def delivery_message_event() -> Event:
    """Return the message of a delivery that does not exist, as Lambda takes it from the queue of webhooks."""
    body = {"scope": "", "delivery": "whd_01ngvcy7aaaaaaaaaaaaaaaa"}
    event = queue_event(body)
    arn = "arn:aws:sqs:us-east-1:123456789012:retouch-WebhooksQueue"
    event["Records"][0]["eventSourceARN"] = arn
    return event


WEBHOOK_EVENTS: Mapping[str, Callable[[], Event]] = {"webhooks_sqs": delivery_message_event}


def main() -> None:
    """Write every event file."""
    samples: dict[str, Sample | MirrorSample | WorkerSample] = {
        **EVENTS,
        **MIRROR_EVENTS,
        **WORKER_EVENTS,
    }
    builders = {name: sample.build_event for name, sample in samples.items()}
    for name, build_event in {
        **builders,
        **SWEEPER_EVENTS,
        **WEBHOOK_EVENTS,
    }.items():
        event = json.dumps(build_event(), indent=1)
        (EVENTS_FOLDER / f"{name}.json").write_text(event + "\n")


if __name__ == "__main__":
    main()
