"""A trace goes on with a step of our own, and nothing that is no trace goes on at all."""

import pytest

from retouch.wire.trace import stepped

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_trace_stays_and_the_step_is_ours():
    found = stepped(PARENT, "req-1")
    assert found.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert found.endswith("-01")
    assert found != PARENT
    assert found != stepped(PARENT, "req-2")


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
def test_what_is_no_trace_goes_no_further(broken):
    assert stepped(broken, "req-1") == ""
