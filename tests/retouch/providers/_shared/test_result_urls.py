"""Tests of the URL in a field of a result."""

import pytest

from retouch.providers._shared.response_parsing import find_result, result_url

URL = "https://cdn.example/a.png?x=1"


@pytest.mark.parametrize(
    "text",
    [URL, f" {URL}\n", f'"{URL}"', f"<{URL}>", f"![image]({URL})", f"[a b]( {URL} )", URL[6:]],
)
def test_url_is_found_without_what_surrounds_it(text):
    assert result_url(text) == URL
    assert find_result({"output": ["", text]}) == URL


def test_space_inside_a_url_is_encoded():
    assert result_url("https://cdn.example/a b.png") == "https://cdn.example/a%20b.png"


@pytest.mark.parametrize("text", ["", "x.png", "/x.png", "sorry, no image"])
def test_text_without_a_url_has_none(text):
    assert result_url(text) == ""
