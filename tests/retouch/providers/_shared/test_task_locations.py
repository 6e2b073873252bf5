"""Tests of the location of a task: no URL of the provider is used that its base URL does not explain."""

import pytest

from retouch.providers._shared.task_locations import absolute_task_url, find_task_id

BASE_URL = "https://api.provider.example/v1"


@pytest.mark.parametrize(
    ("stated", "url"),
    [
        ("https://api.eu.provider.example/t?id=1", "https://api.eu.provider.example/t?id=1"),
        ("http://api.provider.example/t", "https://api.provider.example/t"),
        ("HTTP://api.provider.example/t", "https://api.provider.example/t"),
        ("/v1/t?id=1", "https://api.provider.example/v1/t?id=1"),
        ("//api.eu.provider.example/t", "https://api.eu.provider.example/t"),
        (["", "https://api.provider.example/t"], "https://api.provider.example/t"),
        ("t?id=1", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_url_of_task_is_absolute_and_as_safe_as_base_url(stated, url):
    assert absolute_task_url(stated, BASE_URL) == url


def test_http_url_stays_when_base_url_has_no_https():
    assert absolute_task_url("http://host/t", "http://host/v1") == "http://host/t"


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": True}, {"id": " "}, {"id": {}}])
def test_document_without_task_id_raises_value_error(document):
    with pytest.raises(ValueError, match="no task id"):
        find_task_id(document, "id")
