"""The mirror's CloudEvents, in their golden form."""

from retouch.mirror.item import Item, Trouble
from retouch.mirror.notices import notices
from retouch.mirror.order import Order

STORED = {
    "specversion": "1.0",
    "id": "4af2798df6dd2a48c59d406699f2b3437f367bba31b43013a3ee2688e8722a1f",
    "source": "urn:retouch:mirror",
    "type": "retouch.mirror.stored",
    "time": "2026-11-22T12:00:00Z",
    "datacontenttype": "application/json",
    "data": {
        "status": "stored",
        "source_host": "cdn.example",
        "source_url_sha256": "3b69f3160dac7d3f2b8b80b477f7bf48593a7608114139865b0a8e6fccf1add7",
        "metadata": {"who": "me"},
        "key": "mirror/00.png",
        "bucket": "b",
        "content_type": "image/png",
        "bytes": 3,
        "sha256": "00",
        "width": 4,
        "height": 5,
        "error": None,
    },
    "subject": "mirror/00.png",
}
FAILED = {
    "specversion": "1.0",
    "id": "a65dd8c1c5d66271b8d86791d437bc95949ccf2d1f605aab0fc0285eb1a8c9ce",
    "source": "urn:retouch:mirror",
    "type": "retouch.mirror.failed",
    "time": "2026-11-22T12:00:00Z",
    "datacontenttype": "application/json",
    "data": {
        "status": "failed",
        "source_host": "cdn.example",
        "source_url_sha256": "3b69f3160dac7d3f2b8b80b477f7bf48593a7608114139865b0a8e6fccf1add7",
        "metadata": {"who": "me"},
        "error": {"code": "fetch_expired", "message": "Gone.", "retryable": False},
    },
}
NOON = 1_795_348_800
URL = "https://cdn.example/x?signature=secret"
ITEM = Item("stored", URL, "mirror/00.png", "b", "https://link", 1, "image/png", 3, "00", 4, 5)
ORDER = Order((URL,), metadata={"who": "me"})


def test_golden_stored():
    assert notices(ORDER, [ITEM], NOON) == [STORED]


def test_golden_failed():
    item = Item("failed", URL, error=Trouble("fetch_expired", "Gone.", False), reason="hidden")
    assert notices(ORDER, [item], NOON) == [FAILED]


def test_ids_are_the_same_for_the_same_news_and_no_other():
    later = notices(ORDER, [ITEM], NOON + 60)[0]["id"]
    other = notices(ORDER, [Item("stored", URL, "mirror/01.png")], NOON)[0]["id"]
    assert later == STORED["id"] != other
    assert len(notices(ORDER, [ITEM, ITEM], NOON)) == 1
