"""Tests of the headers that describe a response."""

from dataclasses import replace

import pytest

from retouch.api.response.headers import response_headers
from retouch.gateway.result import EditPreview, EditResult
from tests.support.plans import build_plan


def headers_with_notes(notes):
    preview = EditPreview(replace(build_plan(), notes=notes), ())
    return response_headers(EditResult(preview), "id", "openai-api")


@pytest.mark.parametrize(
    ("notes", "header"),
    [
        (("size: scaled", "n: 1 of 2"), "size: scaled; n: 1 of 2"),
        (("Zoë said\r\nSet-Cookie: a\x00\x7f",), "Zo? said??Set-Cookie: a??"),
        (("a" * 5000, "b"), "a" * 1500),
    ],
)
def test_notes_header_is_one_short_ascii_line(notes, header):
    assert headers_with_notes(notes)["x-retouch-notes"] == header


def test_response_without_notes_has_no_notes_header():
    assert "x-retouch-notes" not in headers_with_notes(())
