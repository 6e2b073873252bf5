"""Tests of the multipart parser with every hostile body: it returns the right parts or raises the right error."""

import hashlib

import pytest

from retouch.api.request.multipart import parse_boundary, parse_parts
from retouch.core.errors import InvalidRequest
from tests.cases.multipart import body_bytes, cases, matching_codes
from tests.support.cpu_time import cpu_seconds

BODIES = cases(
    "baseline", "boundary-param", "framing", "part-headers", "filename", "encoding", "limits"
)
BODIES = [case for case in BODIES if "request_headers" not in case]
# The multipart parser does not decode text, so a later stage finds these errors.
TEXT_ONLY = {"mp-098"}


def parse_case(case):
    """Return what the parser makes of a case: (parts, None) or (None, code)."""
    try:
        boundary = parse_boundary(case["content_type"])
        return parse_parts(body_bytes(case["body"]), boundary), None
    except InvalidRequest as refused:
        assert 400 <= refused.status < 500
        return None, refused.code


def matches_expected_part(part, expected):
    names = expected.get("name_any_of", [expected["name"]])
    filenames = expected.get("filename_any_of", [expected["filename"]])
    same = hashlib.sha256(part.data).hexdigest() == expected["sha256"]
    texts = [t.encode() for t in expected.get("text_any_of", [])]
    return part.name in names and part.filename in filenames and (same or part.data in texts)


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case["id"])
def test_hostile_body_is_parsed_or_rejected_as_expected(case):
    parts, code = parse_case(case)
    seconds = 4 * case.get("max_ms", 5000) / 1000
    assert cpu_seconds(lambda: parse_case(case), seconds) < seconds
    if case["id"] in TEXT_ONLY:
        return
    if case["expect"] == "error":
        assert parts is None, f"accepted: {parts}"
    if case["expect"] == "parse":
        assert parts is not None, f"refused with {code}"
    if parts is None:
        assert code in matching_codes(case["errors_any_of"])
    elif "parts" in case:
        assert len(parts) == len(case["parts"])
        assert all(map(matches_expected_part, parts, case["parts"]))
    assert parts is None or not case.get("must_not_parse")
    for part in parts or []:
        assert part.name not in case.get("must_not_name", [])
        assert part.filename not in case.get("must_not_filename", [])
