"""Edits through the real handler: event in, proxy response out."""

import json
import logging
from types import SimpleNamespace

from retouch.edges.door import build
from retouch.edges.telemetry import Telemetry
from tests.support.events import context, form_event
from tests.support.house import build_house


def knock(event, env=None, house=None, seconds=60.0):
    """The handler's answer with its body decoded: .status, .headers, .json, .frames (streams)."""
    handler = build(house or build_house(env), lambda: None, telemetry())
    answer = handler(event, context(seconds))
    if "retouch" in answer:  # a direct invoke
        told = {f"x-retouch-{name}": value for name, value in answer["retouch"].items()}
        return SimpleNamespace(
            status=answer["retouch"]["status"], headers=told, json=answer, frames=None
        )
    headers = {name: values[0] for name, values in answer.get("multiValueHeaders", {}).items()}
    headers.update(answer.get("headers", {}))
    headers = {name.lower(): value for name, value in headers.items()}
    body = answer["body"]
    if isinstance(body, memoryview):
        body = bytes(body)
        return SimpleNamespace(
            status=answer["statusCode"],
            headers=headers,
            json=json.loads(body) if body else None,
            frames=None,
        )
    streamed = frames(b"".join(body)) if body else None
    return SimpleNamespace(status=answer["statusCode"], headers=headers, json=None, frames=streamed)


def telemetry():
    """A logger that writes to the standard output of this very test."""
    logger = logging.getLogger("retouch")
    logger.handlers.clear()
    logger.__dict__.pop("init", None)
    logger.__dict__.pop("powertools_handler", None)
    return Telemetry()


def frames(stream):
    """[(event name, payload)] of an event stream."""
    found = []
    for frame in stream.decode().strip().split("\n\n"):
        name, data = frame.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def edit(fields, env=None, headers=None, **options):
    """A multipart edit through the door."""
    return knock(form_event(fields, headers), env, **options)


def png(data, name="image.png", mime="application/octet-stream"):
    """A file part as SDKs send it."""
    return (name, data, mime)
