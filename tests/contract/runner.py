"""Run edits through the whole gateway: the real handler, real sockets, the real HTTP client. Only the clock is fake."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from tests.contract.call_digests import call_digests
from tests.contract.registry import PAID_MODELS, TODAY, make_standin
from tests.contract.sample_requests import sample_requests
from tests.contract.standin import ParsedRequest
from tests.support.gateway_client import post_edit
from tests.support.images import decode_image
from tests.support.services import FakeClock, build_services
from tests.support.upstream import ReceivedRequest


@dataclass(frozen=True)
class Outcome:
    """The response that the caller received, decoded.

    `body` is the JSON body, or the last event of a stream that completed.
    """

    status: int
    headers: dict[str, str]
    error: dict[str, Any] | None
    images: tuple[bytes, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)

    @property
    def notes(self):
        return self.headers.get("x-retouch-notes", "")

    def has_note_about(self, name):
        """Return whether a note is about the parameter."""
        return any(note.startswith(f"{name}:") for note in self.notes.split("; "))

    @property
    def decoded_images(self):
        """The images decoded, as [(format, size, pixel bytes)]."""
        decoded = [decode_image(data) for data in self.images]
        return [(image.format, image.size, image.tobytes()) for image in decoded]


def services_for(server=None):
    """Return services whose provider is the stand-in. Results may be fetched from its result host on this machine."""
    env = {}
    if server is not None:
        env = {"RETOUCH_FETCH_ALLOW": urlsplit(server.result_host.url).netloc, **server.env()}
    return build_services(env, FakeClock(TODAY))


def send_request(request, server=None, services=None):
    """Send the request and return its outcome, whether it succeeds or fails."""
    response = post_edit(request.form_fields(), services=services or services_for(server))
    if response.frames is not None:
        return _streamed_outcome(response)
    body = response.json
    images = tuple(base64.b64decode(item["b64_json"]) for item in body.get("data", ()))
    return Outcome(response.status, response.headers, body.get("error"), images, body)


@dataclass(frozen=True)
class SampleRun:
    """A sample request that succeeded, and the requests that the stand-in received for it."""

    outcome: Outcome
    calls: list[Any]  # in the stored form
    received: list[ReceivedRequest]
    result_host_requests: list[ReceivedRequest]
    first_call: ParsedRequest  # the parsed content of the first paid call


@lru_cache(64)
def run_sample(provider_name, model_id, variant):
    """Run one sample request of a model. The result is cached, so that all tests of the model share one run."""
    provider, model = next(
        (p, m) for p, m in PAID_MODELS if (p.name, m.id) == (provider_name, model_id)
    )
    request = sample_requests(provider, model)[variant]
    with make_standin(provider) as server:
        outcome = send_request(request, server)
        assert outcome.error is None, f"{request.model} {variant}: {outcome.error}"
        assert len(outcome.images) == request.n
        first_call = server.parse_request(server.calls[0])
        return SampleRun(
            outcome, call_digests(server), server.received, server.result_host.received, first_call
        )


def _streamed_outcome(response):
    completed_events = [payload for name, payload in response.frames if name.endswith(".completed")]
    errors = [payload["error"] for _, payload in response.frames if "error" in payload]
    images = tuple(base64.b64decode(payload["b64_json"]) for payload in completed_events)
    body = completed_events[0] if completed_events else {}
    return Outcome(response.status, response.headers, next(iter(errors), None), images, body)
