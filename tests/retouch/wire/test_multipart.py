"""The multipart room against every hostile body: right parts or the right refusal, nothing third."""

import hashlib

import pytest

from retouch.errors import InvalidRequest
from retouch.wire.multipart import boundary_of, parse
from tests.cases.multipart import body_bytes, cases, ours
from tests.support.effort import effort

BODIES = cases(
    "baseline", "boundary-param", "framing", "part-headers", "filename", "encoding", "limits"
)
BODIES = [case for case in BODIES if "request_headers" not in case]
# Text is not decoded in this room, so what is wrong with it is found in the next one.
TEXT_ONLY = {"mp-098"}


def outcome(case):
    """What the room makes of a case: (parts, None) or (None, code)."""
    try:
        boundary = boundary_of(case["content_type"])
        return parse(body_bytes(case["body"]), boundary), None
    except InvalidRequest as refused:
        assert 400 <= refused.status < 500
        return None, refused.code


def matches(part, expected):
    names = expected.get("name_any_of", [expected["name"]])
    filenames = expected.get("filename_any_of", [expected["filename"]])
    same = hashlib.sha256(part.data).hexdigest() == expected["sha256"]
    texts = [t.encode() for t in expected.get("text_any_of", [])]
    return part.name in names and part.filename in filenames and (same or part.data in texts)


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case["id"])
def test_verdict(case):
    parts, code = outcome(case)
    seconds = 4 * case.get("max_ms", 5000) / 1000
    assert effort(lambda: outcome(case), seconds) < seconds
    if case["id"] in TEXT_ONLY:
        return
    if case["expect"] == "error":
        assert parts is None, f"accepted: {parts}"
    if case["expect"] == "parse":
        assert parts is not None, f"refused with {code}"
    if parts is None:
        assert code in ours(case["errors_any_of"])
    elif "parts" in case:
        assert len(parts) == len(case["parts"])
        assert all(map(matches, parts, case["parts"]))
    assert parts is None or not case.get("must_not_parse")
    for part in parts or []:
        assert part.name not in case.get("must_not_name", [])
        assert part.filename not in case.get("must_not_filename", [])
