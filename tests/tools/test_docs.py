"""The generated parts of the documentation: they are data, so that no day of the calendar makes them stale."""

import pytest

from retouch.lifecycle import Ending
from tools import docs


@pytest.mark.parametrize("over", [True, False])
@pytest.mark.parametrize("make", [make for _, _, make in docs.PARTS])
def test_a_part_is_the_same_on_every_day(make, over, monkeypatch):
    today = make()
    monkeypatch.setattr(Ending, "over", lambda *_: over)
    assert make() == today


def test_a_part_replaces_what_stood_there_and_nothing_else():
    text = "a\n<!-- x:start -->\nold\n<!-- x:end -->\nb\n"
    assert docs.splice(text, "x", "new") == text.replace("old", "new")
    with pytest.raises(ValueError, match="no <!-- y:start -->"):
        docs.splice(text, "y", "new")
