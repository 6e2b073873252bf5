"""What an answer says of itself beside its pictures."""

from dataclasses import replace

import pytest

from retouch.respond import plan_headers
from tests.retouch.test_cache import planned


@pytest.mark.parametrize(
    ("notes", "header"),
    [
        (("size: scaled", "n: 1 of 2"), "size: scaled; n: 1 of 2"),
        (("Zoë said\r\nSet-Cookie: a\x00\x7f",), "Zo? said??Set-Cookie: a??"),
        (("a" * 5000, "b"), "a" * 1500),
    ],
)
def test_notes_are_one_short_line_of_ascii(notes, header):
    assert plan_headers(replace(planned(), notes=notes))["x-retouch-notes"] == header


def test_without_notes_there_is_no_such_header():
    assert "x-retouch-notes" not in plan_headers(replace(planned(), notes=()))
