"""Send a row to a gateway and compare the result with the expected one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import requests

from tests.support.upstream import ReceivedRequest, Upstream
from tools.portkey.row import IMAGE, MASK, NON_EMPTY, ExpectedResponse, Row, Values

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Observation:
    """The response of the gateway, and the requests that the upstream received."""

    status: int
    headers: Mapping[str, str]
    body: Any
    received: list[ReceivedRequest]


def send_row(row: Row, url: str, upstream: Upstream) -> Observation:
    """Send the row to the gateway at `url` and return the result. A row that is sent twice returns the second one."""
    upstream.responses[:] = list(row.upstream_responses)
    upstream.received.clear()
    response = _send_request(row, url)
    if row.repeat_headers is not None:
        response = _send_request(replace(row, headers={**row.headers, **row.repeat_headers}), url)
    return Observation(
        response.status_code,
        response.headers,
        _parse_json(response.content),
        list(upstream.received),
    )


def _send_request(row: Row, url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            row.method,
            f"{url}/v1/images/edits",
            headers=_request_headers(row),
            timeout=_TIMEOUT_SECONDS,
            **_request_body(row),
        )


def _request_headers(row: Row) -> dict[str, str]:
    if row.config is None:
        return dict(row.headers)
    config = row.config if isinstance(row.config, str) else orjson.dumps(row.config).decode()
    return {**row.headers, "x-portkey-config": config}


def _request_body(row: Row) -> dict[str, Any]:
    if row.json is not None:
        return {"json": row.json}
    if row.method != "POST":
        return {}
    # The prompt is the name of the row, so that no row gets a cached response of another row.
    form = {"prompt": row.name, "model": "gpt-image-2", **row.fields}
    return {
        "data": form,
        "files": [_form_file(name, content_type) for name, content_type in row.files],
    }


def _form_file(name: str, content_type: str) -> tuple[str, tuple[str, bytes, str]]:
    return name, ("upload", MASK if name == "mask" else IMAGE, content_type)


def find_mismatches(expected: ExpectedResponse, observed: Observation) -> Iterator[str]:
    """Yield one line for each value that is not as expected."""
    if observed.status != expected.status:
        yield f"status {observed.status} instead of {expected.status}: {str(observed.body)[:200]}"
    if len(observed.received) != expected.call_count:
        yield f"{len(observed.received)} calls instead of {expected.call_count}"
    yield from _differences("header", expected.headers, observed.headers)
    yield from _differences(
        "body", expected.body, {path: _value_at(observed.body, path) for path in expected.body}
    )
    if expected.sent:
        yield from _differences(
            "sent",
            expected.sent,
            _upstream_values(observed.received[-1]) if observed.received else {},
        )


def _differences(kind: str, expected: Values, actual: Values) -> Iterator[str]:
    for name, value in expected.items():
        actual_value = actual.get(name)
        if not (actual_value if value == NON_EMPTY else actual_value == value):
            yield f"{kind} {name}: {str(actual_value)[:200]!r} instead of {value!r}"


def _upstream_values(received: ReceivedRequest) -> dict[str, Any]:
    fields = {f"field {name}": text for name, text in received.fields.items()}
    types = {f"type of {name}": kind for name, _, kind, _ in received.files}
    files = [name for name, *_ in received.files]
    return {**received.headers, **fields, **types, "path": received.path, "files": files}


def _value_at(body: Any, path: str) -> Any:
    """Return the value at a path such as "a.0.b", or None when there is none."""
    for step in path.split("."):
        try:
            body = body[int(step)] if isinstance(body, list) else body[step]
        except (LookupError, TypeError, ValueError):
            return None
    return body


def _parse_json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return content.decode(errors="replace")
