"""Tests of the mirror request: every field, every rule, and the error for each broken rule."""

import pytest

from retouch.core.errors import InvalidRequest
from retouch.mirror.request import MAX_URLS, read_mirror_request

URL = "https://a.example/x.png"


def rejection_of(values, **options):
    with pytest.raises(InvalidRequest) as exc_info:
        read_mirror_request(values, **options)
    return exc_info.value


def test_request_accepts_one_url_or_several():
    assert read_mirror_request({"url": URL}).urls == (URL,)
    assert read_mirror_request({"urls": [URL, URL]}).urls == (URL, URL)


def test_null_fields_equal_defaults():
    assert read_mirror_request(
        {"url": URL, "urls": None, "prefix": None, "metadata": None}
    ) == read_mirror_request({"url": URL})
    request = read_mirror_request({"url": URL})
    assert (request.prefix, request.metadata, request.expires_in) == ("mirror", {}, 3600)


@pytest.mark.parametrize(
    ("values", "param", "code"),
    [
        ([], None, "invalid_json"),
        ("text", None, "invalid_json"),
        (None, None, "invalid_json"),
        ({}, "urls", "missing_required_parameter"),
        ({"url": URL, "urls": [URL]}, "urls", "invalid_value"),
        ({"urls": []}, "urls", "invalid_value"),
        ({"urls": URL}, "urls", "invalid_type"),
        ({"urls": {"0": URL}}, "urls", "invalid_type"),
        ({"urls": [URL, 7]}, "urls[1]", "invalid_type"),
        ({"url": [URL]}, "url", "invalid_type"),
        ({"url": URL, "callback": "x"}, "callback", "unknown_parameter"),
        ({"url": URL, "answer_to": "mirror/answers/a.json"}, "answer_to", "unknown_parameter"),
        ({"url": URL, "expires_in": 0}, "expires_in", "invalid_value"),
        ({"url": URL, "expires_in": 604_801}, "expires_in", "invalid_value"),
        ({"url": URL, "expires_in": "3600"}, "expires_in", "invalid_type"),
        ({"url": URL, "expires_in": True}, "expires_in", "invalid_type"),
        ({"url": URL, "metadata": []}, "metadata", "invalid_type"),
        ({"url": URL, "metadata": {"Name": "x"}}, "metadata.Name", "invalid_value"),
        ({"url": URL, "metadata": {"": "x"}}, "metadata.", "invalid_value"),
        ({"url": URL, "metadata": {"a" * 65: "x"}}, "metadata." + "a" * 64, "invalid_value"),
        ({"url": URL, "metadata": {"source-host": "x"}}, "metadata.source-host", "invalid_value"),
        ({"url": URL, "metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({"url": URL, "metadata": {"a": "x\r\ny: z"}}, "metadata.a", "invalid_value"),
        ({"url": URL, "metadata": {"a": "é"}}, "metadata.a", "invalid_value"),
        ({"url": URL, "metadata": {"a": " x"}}, "metadata.a", "invalid_value"),
        ({"url": URL, "metadata": {"a": ""}}, "metadata.a", "invalid_value"),
        ({"url": URL, "metadata": {"a": "x" * 1600}}, "metadata", "invalid_value"),
    ],
)
def test_invalid_field_raises_invalid_request_naming_param(values, param, code):
    error = rejection_of(values)
    assert (error.status, error.param, error.code) == (400, param, code)


def test_100_urls_are_accepted_and_101_are_rejected():
    assert len(read_mirror_request({"urls": [URL] * MAX_URLS}).urls) == MAX_URLS == 100
    error = rejection_of({"urls": [URL] * (MAX_URLS + 1)})
    assert (error.status, error.param, error.code) == (413, "urls", "too_many_urls")
    assert "101" in str(error)
    assert "100" in str(error)


def test_metadata_at_size_limit_is_accepted():
    request = read_mirror_request({"url": URL, "metadata": {"a": "x" * 1599}})
    assert len(request.metadata["a"]) == 1599


@pytest.mark.parametrize("prefix", ["mirror", "mirror/", "mirror/shop", "mirror/a-b/c_d/2026"])
def test_prefix_below_mirror_is_accepted(prefix):
    assert read_mirror_request({"url": URL, "prefix": prefix}).prefix == prefix.removesuffix("/")


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "/",
        "uploads",
        "results/mirror",
        "mirrors",
        "mirror//a",
        "mirror/../results",
        "mirror/./a",
        "mirror/A",
        "mirror/a b",
        "mirror/é",
        "mirror/a\n",
        "mirror/%2e%2e",
        "/mirror",
        "mirror\\a",
        "mirror/answers",
        "mirror/answers/x",
        "mirror/" + "a" * 256,
    ],
)
def test_prefix_outside_mirror_is_rejected(prefix):
    error = rejection_of({"url": URL, "prefix": prefix})
    assert (error.status, error.param) == (400, "prefix")


def test_mirror_edits_prefix_is_accepted_only_when_trusted():
    for prefix in ("mirror/edits", "mirror/edits/", "mirror/edits/x"):
        error = rejection_of({"url": URL, "prefix": prefix})
        assert (error.status, error.param) == (400, "prefix")
    assert (
        read_mirror_request({"url": URL, "prefix": "mirror/edits"}, trusted=True).prefix
        == "mirror/edits"
    )
    assert read_mirror_request({"url": URL, "prefix": "mirror/editsx"}).prefix == "mirror/editsx"


def test_unknown_field_is_quoted_short_and_on_one_line():
    error = rejection_of({"url": URL, "x\n" + "y" * 500: 1})
    assert "\n" not in str(error)
    assert len(str(error)) < 250


class TestAnswerTo:
    """Tests of `answer_to`. Only requests from the operator's own queue and bus may set it."""

    def test_answer_to_below_answers_prefix_is_accepted(self):
        key = "mirror/answers/0a-1B.json"
        assert read_mirror_request({"url": URL, "answer_to": key}, trusted=True).answer_to == key

    @pytest.mark.parametrize(
        "key",
        [
            "mirror/answers/../x.json",
            "mirror/answers/x.png",
            "mirror/x.json",
            "uploads/x.json",
            "mirror/answers/.json",
            "mirror/answers/x.json\n",
            7,
            ["mirror/answers/x.json"],
        ],
    )
    def test_answer_to_elsewhere_is_rejected(self, key):
        assert rejection_of({"url": URL, "answer_to": key}, trusted=True).param == "answer_to"

    def test_answer_to_with_several_urls_is_rejected(self):
        values = {"urls": [URL, URL], "answer_to": "mirror/answers/x.json"}
        assert rejection_of(values, trusted=True).param == "answer_to"
