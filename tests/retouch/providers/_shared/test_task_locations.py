"""Tests of the location of a task: no URL of the provider is used that its base URL does not explain."""

import pytest

from retouch.providers._shared.task_locations import find_task_id, own_task_url

BASE_URL = "https://api.provider.example/v1"
KEY_HOSTS = ("api.*.provider.example",)


@pytest.mark.parametrize(
    ("stated", "url"),
    [
        ("https://api.eu.provider.example/t?id=1", "https://api.eu.provider.example/t?id=1"),
        ("http://api.provider.example/t", "https://api.provider.example/t"),
        ("HTTP://api.provider.example/t", "https://api.provider.example/t"),
        ("https://API.provider.example:443/t", "https://API.provider.example:443/t"),
        ("/v1/t?id=1", "https://api.provider.example/v1/t?id=1"),
        ("//api.eu.provider.example/t", "https://api.eu.provider.example/t"),
        (["", "https://api.provider.example/t"], "https://api.provider.example/t"),
        ("t?id=1", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_url_of_task_is_absolute_and_as_safe_as_base_url(stated, url):
    assert own_task_url(stated, BASE_URL, KEY_HOSTS) == url


@pytest.mark.parametrize(
    "stated",
    [
        "https://api.other.example/t",
        "//api.other.example/t",
        "//[::1",
        "https://[::1/t",
        "http://api.provider.example:8080/t",
        "https://api.provider.example@api.other.example/t",
        "https://api.other.example\\@api.provider.example/t",
        "https://api.provider.example\t/t",
        "ftp://api.provider.example/t",
    ],
)
def test_url_of_task_is_none_when_a_host_without_the_key_is_stated(stated):
    assert own_task_url(stated, BASE_URL, KEY_HOSTS) == ""


def test_http_url_stays_when_base_url_has_no_https():
    assert own_task_url("http://host/t", "http://host/v1", ()) == "http://host/t"


@pytest.mark.parametrize("document", [{}, {"id": None}, {"id": True}, {"id": " "}, {"id": {}}])
def test_document_without_task_id_raises_value_error(document):
    with pytest.raises(ValueError, match="no task id"):
        find_task_id(document, "id")
