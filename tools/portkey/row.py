"""The data classes of a comparison row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.images import b64, box_mask, photo
from tests.support.upstream import ScriptedResponse, json_response

Verdict = Literal["same", "better", "not offered"]
Values = Mapping[str, Any]

IMAGE, MASK = photo(64, 64), box_mask(64, 64)
SUCCESS = json_response(
    {"created": 1, "data": [{"b64_json": b64(IMAGE)}]}, 200, **{"x-request-id": "up-1"}
)
NON_EMPTY = "*"  # Any value that is not empty.
OPENAI_HEADERS = {"x-portkey-provider": "openai", "authorization": "Bearer sk-mine"}


def error_response(status: int, code: str | None = None, **headers: str) -> ScriptedResponse:
    """Return an error response of an upstream in OpenAI's envelope."""
    kind = "invalid_request_error" if status == 400 else "server_error"
    error = {"message": f"upstream says {status}", "type": kind, "param": None, "code": code}
    return json_response({"error": error}, status, **headers)


@dataclass(frozen=True, slots=True)
class ExpectedResponse:
    """The expected result of a row. Only the named entries of each mapping are compared.

    `headers` and `body` belong to the response. The keys of `body` are paths such as "error.code". `sent` is the last
    request that the upstream received: "path", "files", a header name, "field NAME" or "type of FILE". None means
    absent.
    """

    status: int = 200
    call_count: int = 1  # Requests that reached the upstream.
    headers: Values = field(default_factory=dict)
    body: Values = field(default_factory=dict)
    sent: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One request, and its expected result at each gateway.

    `reason` is a clause that says how Retouch is better, or why it does not offer this. `portkey` is the observed
    result of Portkey's open-source gateway 1.15.2, or None when it is the same.
    """

    name: str
    reason: str
    retouch: ExpectedResponse = ExpectedResponse()
    portkey: ExpectedResponse | None = None
    verdict: Verdict = "same"
    headers: Mapping[str, str] = field(default_factory=lambda: OPENAI_HEADERS)
    config: Mapping[str, Any] | str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = (("image", "image/png"),)  # Field name and content type.
    json: Mapping[str, Any] | None = None  # A JSON body instead of a form.
    upstream_responses: tuple[ScriptedResponse, ...] = (SUCCESS,)  # In order. The last one repeats.
    repeat_headers: Mapping[str, str] | None = None  # Send the row again, with these headers added.
    method: str = "POST"
