"""A test double of a provider on a real socket, written from the provider's documentation.

It refuses what the real provider refuses. `standins/` has one subclass per provider. The contract suite finds a
subclass by its file name.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from tests.support.upstream import ReceivedRequest, ScriptedResponse, Upstream

MAGENTA = (255, 0, 255)


@dataclass
class Failure:
    """A provider failure, and the error that the caller must get.

    The provider sends `responses` in order and repeats the last one. It first responds to
    `successes_first` requests normally: 1 fails the first poll of a job that is submitted, polled and fetched.
    `expected_calls` is the number of times that the gateway must send the call.
    """

    responses: list[ScriptedResponse]
    status: int
    code: str | None
    billed: str  # "yes", "no" or "unknown"
    successes_first: int = 0
    expected_calls: int = 1


def with_expected_calls(failure: Failure, expected_calls: int = 3) -> Failure:
    """Return the same failure with another number of expected calls."""
    return replace(failure, expected_calls=expected_calls)


@dataclass
class ParsedRequest:
    """The content of one paid call: the image files as bytes, the mask separately, and all other fields."""

    images: list[bytes]
    mask: bytes | None = None
    fields: dict[str, Any] = field(default_factory=dict)


class StandIn(Upstream):
    """A test double of a provider, used as a context manager like Upstream.

    Subclasses define `slug`, `env`, `respond`, `parse_request` and `failures`.
    """

    slug = ""
    key = "contract-key-0123456789"

    def __init__(self):
        super().__init__(ScriptedResponse())
        self.failure_responses: list[ScriptedResponse] = []
        self._result_numbers = count()
        self.successes_left = 0
        # Another origin that serves the results. It must never receive the key.
        self.result_host = Upstream(ScriptedResponse(404))

    def __enter__(self):
        self.result_host.__enter__()
        return super().__enter__()

    def __exit__(self, *exc):
        for exit_server in (
            super().__exit__,
            self.result_host.__exit__,
        ):  # each takes some time, so both run in threads
            threading.Thread(target=exit_server, args=exc, daemon=True).start()

    def result_url(self, data: bytes) -> str:
        """Publish a result on the result host, which is another origin. Return its URL."""
        path = f"/results/{next(self._result_numbers)}"
        self.result_host.files[path] = data
        return f"{self.result_host.url}{path}"

    def env(self) -> dict[str, str]:
        """Return the environment variables that make a gateway use this stand-in, including its key."""
        raise NotImplementedError

    def respond(self, received: ReceivedRequest) -> ScriptedResponse:
        """Return the provider's response to one request of any method. Errors have the provider's own format."""
        raise NotImplementedError

    def parse_request(self, received: ReceivedRequest) -> ParsedRequest:
        """Return the content of a paid call."""
        raise NotImplementedError

    def failures(self) -> dict[str, Failure]:
        """Return the provider's failures by name.

        Names are bad_key, forbidden, rate_limited, rate_limited_with_hint, server_error_html, moderated, strange,
        pending_forever, cut and others, as far as the provider has them.
        """
        raise NotImplementedError

    def fail_with(self, failure: Failure) -> None:
        """Respond to every later request with this failure."""
        self.failure_responses, self.successes_left = (
            list(failure.responses),
            failure.successes_first,
        )

    def serve(self, handler):
        received = self.record_request(handler)
        return self.write_response(handler, self._next_failure() or self.respond(received))

    download = serve

    def _next_failure(self) -> ScriptedResponse | None:
        if not self.failure_responses:
            return None
        if self.successes_left:
            self.successes_left -= 1
            return None
        return (
            self.failure_responses.pop(0)
            if len(self.failure_responses) > 1
            else self.failure_responses[0]
        )
