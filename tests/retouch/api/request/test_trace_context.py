"""Tests that a trace continues with a new span, and that an invalid traceparent is dropped."""

import pytest

from retouch.api.request.trace_context import child_traceparent

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_child_traceparent_keeps_trace_id_with_new_span():
    child = child_traceparent(PARENT, "req-1")
    assert child.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert child.endswith("-01")
    assert child != PARENT
    assert child != child_traceparent(PARENT, "req-2")


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "x",
        PARENT[:-1],
        PARENT.upper(),
        f"00-{'0' * 32}-b7ad6b7169203331-01",
        f"{PARENT}\r\nx: y",
    ],
)
def test_invalid_traceparent_gives_no_child(broken):
    assert child_traceparent(broken, "req-1") == ""
