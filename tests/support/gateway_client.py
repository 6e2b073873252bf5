"""Helpers that send events to the real Lambda handler and decode its proxy response."""

import json
import os
from types import SimpleNamespace

from retouch.api.handlers.edits import build_handler
from retouch.infrastructure.telemetry.metric_dimensions import EditDimensions
from retouch.infrastructure.telemetry.telemetry import EditTelemetry
from retouch.providers import PROVIDERS
from tests.support.events import form_event, lambda_context
from tests.support.services import build_services


def send_event(event, env=None, services=None, seconds=60.0):
    """Return the handler's response with its body decoded: .status, .headers, .json and .frames.

    `.frames` holds the SSE events of a stream. It is None for a response without a stream.
    """
    handler = build_handler(services or build_services(env), lambda: None, telemetry())
    response = handler(event, lambda_context(seconds))
    if "retouch" in response:  # a direct invoke
        metadata_headers = {
            f"x-retouch-{name}": value for name, value in response["retouch"].items()
        }
        return SimpleNamespace(
            status=response["retouch"]["status"],
            headers=metadata_headers,
            json=response,
            frames=None,
        )
    headers = {name: values[0] for name, values in response.get("multiValueHeaders", {}).items()}
    headers.update(response.get("headers", {}))
    headers = {name.lower(): value for name, value in headers.items()}
    body = response["body"]
    if isinstance(body, bytes):
        return SimpleNamespace(
            status=response["statusCode"],
            headers=headers,
            json=json.loads(body) if body else None,
            frames=None,
        )
    events = parse_sse(b"".join(body)) if body else None
    return SimpleNamespace(status=response["statusCode"], headers=headers, json=None, frames=events)


def telemetry(by_model=False):
    """Return an EditTelemetry whose logger writes to the standard output of the current test."""
    return EditTelemetry(EditDimensions.from_providers(PROVIDERS, by_model), os.environ)


def parse_sse(stream):
    """Return the events of an SSE stream as [(event name, payload)]."""
    events = []
    for event in stream.decode().strip().split("\n\n"):
        name, data = event.split("\n")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return events


def post_edit(fields, env=None, headers=None, **options):
    """Send a multipart edit to the handler and return its decoded response."""
    return send_event(form_event(fields, headers), env, **options)


def file_part(data, name="image.png", mime="application/octet-stream"):
    """Return a file part of a multipart form, as SDKs send it: (file name, bytes, content type)."""
    return (name, data, mime)
