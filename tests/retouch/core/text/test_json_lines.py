"""Tests of JSON Lines whose texts contain line breaks."""

import json

import pytest

from retouch.core.text.json_lines import encode_json_line

LINE_BREAKS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize("character", [*LINE_BREAKS, "é", "\U0001f600", "\\u2028", '"'])
def test_text_with_any_character_stays_on_one_line(character):
    line = encode_json_line({"custom_id": f"a{character}b"})
    assert len(line.decode().splitlines()) == 1
    assert json.loads(line) == {"custom_id": f"a{character}b"}
