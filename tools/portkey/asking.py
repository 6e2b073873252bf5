"""Sends a row to a gateway and compares what came of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import requests

from tests.support.upstream import Received, Upstream
from tools.portkey.row import ANY, MASK, PICTURE, Expect, Row, Values

_PATIENCE = 30  # seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back, and what the upstream got."""

    status: int
    headers: Mapping[str, str]
    body: Any
    received: list[Received]


def ask(row: Row, url: str, upstream: Upstream) -> Seen:
    """The row's answer at the gateway under `url`, the last one where it is sent twice."""
    upstream.answers[:] = list(row.answers)
    upstream.received.clear()
    answer = _send(row, url)
    if row.again is not None:
        answer = _send(replace(row, headers={**row.headers, **row.again}), url)
    return Seen(answer.status_code, answer.headers, _json(answer.content), list(upstream.received))


def _send(row: Row, url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            row.method,
            f"{url}/v1/images/edits",
            headers=_headers(row),
            timeout=_PATIENCE,
            **_body(row),
        )


def _headers(row: Row) -> dict[str, str]:
    if row.config is None:
        return dict(row.headers)
    config = row.config if isinstance(row.config, str) else orjson.dumps(row.config).decode()
    return {**row.headers, "x-portkey-config": config}


def _body(row: Row) -> dict[str, Any]:
    if row.json is not None:
        return {"json": row.json}
    if row.method != "POST":
        return {}
    # The row's name is the prompt, so that no row is answered from another's cache.
    form = {"prompt": row.name, "model": "gpt-image-2", **row.fields}
    return {"data": form, "files": [_file(name, kind) for name, kind in row.files]}


def _file(name: str, kind: str) -> tuple[str, tuple[str, bytes, str]]:
    return name, ("upload", MASK if name == "mask" else PICTURE, kind)


def complaints(expect: Expect, seen: Seen) -> Iterator[str]:
    """One line for each thing that is not as expected."""
    if seen.status != expect.status:
        yield f"status {seen.status} instead of {expect.status}: {str(seen.body)[:200]}"
    if len(seen.received) != expect.calls:
        yield f"{len(seen.received)} calls instead of {expect.calls}"
    yield from _differing("header", expect.headers, seen.headers)
    yield from _differing("body", expect.body, {path: _at(seen.body, path) for path in expect.body})
    if expect.sent:
        yield from _differing(
            "sent", expect.sent, _sent(seen.received[-1]) if seen.received else {}
        )


def _differing(what: str, wanted: Values, found: Values) -> Iterator[str]:
    for name, value in wanted.items():
        got = found.get(name)
        if not (got if value == ANY else got == value):
            yield f"{what} {name}: {str(got)[:200]!r} instead of {value!r}"


def _sent(call: Received) -> dict[str, Any]:
    fields = {f"field {name}": text for name, text in call.fields.items()}
    types = {f"type of {name}": kind for name, _, kind, _ in call.files}
    files = [name for name, *_ in call.files]
    return {**call.headers, **fields, **types, "path": call.path, "files": files}


def _at(body: Any, path: str) -> Any:
    """What is at "a.0.b"; None where there is nothing."""
    for step in path.split("."):
        try:
            body = body[int(step)] if isinstance(body, list) else body[step]
        except (LookupError, TypeError, ValueError):
            return None
    return body


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return content.decode(errors="replace")
