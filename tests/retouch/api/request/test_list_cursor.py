"""Tests of the parameter `after` of lists."""

import pytest

from retouch.api.request.list_cursor import read_cursor
from retouch.core.errors import InvalidRequest

ID = "edit_01ngwbfwh4cwnwxehon7tnaxs2kjfxj4gu"


@pytest.mark.parametrize("query", [{"after": ID}, {"after": ""}, {}])
def test_id_of_the_last_object_is_read(query):
    assert read_cursor(query, "edit_") == query.get("after", "")


@pytest.mark.parametrize(
    "text", ["edit_x", ID.upper(), ID + "x", ID.replace("edit", "ord"), "\0", "x" * 3000, " " + ID]
)
def test_text_that_is_no_id_is_refused_and_not_read_as_the_first_page(text):
    with pytest.raises(InvalidRequest) as error:
        read_cursor({"after": text}, "edit_")
    assert error.value.param == "after"
