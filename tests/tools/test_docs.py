"""Tests of the generated sections of the documentation."""

import pytest

from retouch.planning.retirement import Retirement
from tools import docs


@pytest.mark.parametrize("over", [True, False])
@pytest.mark.parametrize("make", [make for _, _, make in docs.SECTIONS])
def test_generated_section_does_not_depend_on_the_date(make, over, monkeypatch):
    first_text = make()
    monkeypatch.setattr(Retirement, "is_shut_down", lambda *_: over)
    assert make() == first_text


def test_replace_section_changes_only_the_text_between_its_markers():
    text = "a\n<!-- x:start -->\nold\n<!-- x:end -->\nb\n"
    assert docs.replace_section(text, "x", "new") == text.replace("old", "new")
    with pytest.raises(ValueError, match="has no <!-- y:start -->"):
        docs.replace_section(text, "y", "new")
