"""What may be asked: every field, every rule, and the sentence when one is broken."""

import pytest

from retouch.errors import InvalidRequest
from retouch.mirror.order import MOST_URLS, read

URL = "https://a.example/x.png"


def refused(values, **options):
    with pytest.raises(InvalidRequest) as caught:
        read(values, **options)
    return caught.value


def test_one_url_or_several():
    assert read({"url": URL}).urls == (URL,)
    assert read({"urls": [URL, URL]}).urls == (URL, URL)


def test_defaults_and_nulls_are_the_same():
    assert read({"url": URL, "urls": None, "prefix": None, "metadata": None}) == read({"url": URL})
    order = read({"url": URL})
    assert (order.prefix, order.metadata, order.expires_in) == ("mirror", {}, 3600)


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
def test_refusals(values, param, code):
    error = refused(values)
    assert (error.status, error.param, error.code) == (400, param, code)


def test_a_hundred_urls_and_one_more():
    assert len(read({"urls": [URL] * MOST_URLS}).urls) == MOST_URLS == 100
    error = refused({"urls": [URL] * (MOST_URLS + 1)})
    assert (error.status, error.param, error.code) == (413, "urls", "too_many_urls")
    assert "101" in str(error)
    assert "100" in str(error)


def test_metadata_at_its_limit():
    order = read({"url": URL, "metadata": {"a": "x" * 1599}})
    assert len(order.metadata["a"]) == 1599


@pytest.mark.parametrize("prefix", ["mirror", "mirror/", "mirror/shop", "mirror/a-b/c_d/2026"])
def test_prefixes(prefix):
    assert read({"url": URL, "prefix": prefix}).prefix == prefix.removesuffix("/")


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
def test_prefixes_that_lead_elsewhere(prefix):
    error = refused({"url": URL, "prefix": prefix})
    assert (error.status, error.param) == (400, "prefix")


def test_what_edits_fetched_is_forgotten_so_nobody_else_may_keep_pictures_there():
    for prefix in ("mirror/edits", "mirror/edits/", "mirror/edits/x"):
        error = refused({"url": URL, "prefix": prefix})
        assert (error.status, error.param) == (400, "prefix")
    assert read({"url": URL, "prefix": "mirror/edits"}, trusted=True).prefix == "mirror/edits"
    assert read({"url": URL, "prefix": "mirror/editsx"}).prefix == "mirror/editsx"


def test_an_unknown_name_is_echoed_short_and_on_one_line():
    error = refused({"url": URL, "x\n" + "y" * 500: 1})
    assert "\n" not in str(error)
    assert len(str(error)) < 250


class TestAnswerTo:
    """Only orders from the operator's own queue and bus may say where the answer goes."""

    def test_below_its_folder(self):
        key = "mirror/answers/0a-1B.json"
        assert read({"url": URL, "answer_to": key}, trusted=True).answer_to == key

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
    def test_nowhere_else(self, key):
        assert refused({"url": URL, "answer_to": key}, trusted=True).param == "answer_to"

    def test_about_one_url(self):
        values = {"urls": [URL, URL], "answer_to": "mirror/answers/x.json"}
        assert refused(values, trusted=True).param == "answer_to"
