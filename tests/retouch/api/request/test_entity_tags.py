"""Tests of `If-None-Match` in the forms of RFC 9110."""

import pytest

from retouch.api.request.entity_tags import is_known

TAG = '"9b27"'


@pytest.mark.parametrize("text", [TAG, f"W/{TAG}", "*", f'"x", {TAG}', f'"x",W/{TAG} , "y"'])
def test_entity_tag_is_known_in_every_form(text):
    assert is_known(TAG, {"if-none-match": text})


@pytest.mark.parametrize("headers", [{}, {"if-none-match": ""}, {"if-none-match": '"x"'}])
def test_other_entity_tag_is_not_known(headers):
    assert not is_known(TAG, headers)
