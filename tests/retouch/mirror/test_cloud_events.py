"""Tests of the CloudEvents of the mirror, compared with their exact expected form."""

from retouch.mirror.cloud_events import cloud_events
from retouch.mirror.request import MirrorRequest
from retouch.mirror.result import MirrorError, MirrorResult

STORED_EVENT = {
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
FAILED_EVENT = {
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
RESULT = MirrorResult(
    "stored", URL, "mirror/00.png", "b", "https://link", 1, "image/png", 3, "00", 4, 5
)
REQUEST = MirrorRequest((URL,), metadata={"who": "me"})


def test_stored_result_gives_expected_cloud_event():
    assert cloud_events(REQUEST, [RESULT], NOON) == [STORED_EVENT]


def test_failed_result_gives_expected_cloud_event():
    item = MirrorResult(
        "failed", URL, error=MirrorError("fetch_expired", "Gone.", False), reason="hidden"
    )
    assert cloud_events(REQUEST, [item], NOON) == [FAILED_EVENT]


def test_event_id_is_equal_only_for_the_same_result():
    later = cloud_events(REQUEST, [RESULT], NOON + 60)[0]["id"]
    other = cloud_events(REQUEST, [MirrorResult("stored", URL, "mirror/01.png")], NOON)[0]["id"]
    assert later == STORED_EVENT["id"] != other
    assert len(cloud_events(REQUEST, [RESULT, RESULT], NOON)) == 1
