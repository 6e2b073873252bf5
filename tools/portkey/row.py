"""What a row of the suite is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.pictures import b64, hole, photo
from tests.support.upstream import Answer, as_json

Verdict = Literal["same", "better", "not offered"]
Values = Mapping[str, Any]

PICTURE, MASK = photo(64, 64), hole(64, 64)
GOOD = as_json({"created": 1, "data": [{"b64_json": b64(PICTURE)}]}, **{"x-request-id": "up-1"})
ANY = "*"  # some value, and not an empty one
OPENAI = {"x-portkey-provider": "openai", "authorization": "Bearer sk-mine"}


def failing(status: int, code: str | None = None, **headers: str) -> Answer:
    """An upstream's refusal in OpenAI's envelope."""
    kind = "invalid_request_error" if status == 400 else "server_error"
    error = {"message": f"upstream says {status}", "type": kind, "param": None, "code": code}
    return as_json({"error": error}, status, **headers)


@dataclass(frozen=True, slots=True)
class Expect:
    """What must come of a row. Of each mapping only the named things are looked at.

    `headers` and `body` are the answer's; the keys of `body` are paths, "error.code". `sent` is what the upstream
    got last: "path", "files", a header's name, "field NAME" or "type of FILE". None means absent.
    """

    status: int = 200
    calls: int = 1  # requests that reached the upstream
    headers: Values = field(default_factory=dict)
    body: Values = field(default_factory=dict)
    sent: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """One request, and what becomes of it at either gateway.

    `why` is a clause: how Retouch is better, or why it does not offer this. `theirs` is what Portkey's open gateway
    1.15.2 was seen to do; None where that is the same.
    """

    name: str
    why: str
    ours: Expect = Expect()
    theirs: Expect | None = None
    verdict: Verdict = "same"
    headers: Mapping[str, str] = field(default_factory=lambda: OPENAI)
    config: Mapping[str, Any] | str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = (("image", "image/png"),)  # field and content type
    json: Mapping[str, Any] | None = None  # a body of JSON instead of a form
    answers: tuple[Answer, ...] = (GOOD,)  # the upstream's, in order; the last one repeats
    again: Mapping[str, str] | None = None  # sent twice, the second time with these headers too
    method: str = "POST"
