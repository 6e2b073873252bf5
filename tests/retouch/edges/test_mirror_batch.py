"""SQS batches from a real queue: what is done leaves it, what may go better comes again, the rest has its reason."""

import json

import pytest

from retouch.mirror.ways import UnknownEvent
from tests.support.events import context
from tests.support.mirror import build_mirror, name_of
from tests.support.pictures import photo

PNG, JPEG = photo(40, 30), photo(40, 30, "JPEG")


@pytest.fixture
def pictures(web):
    web.files.update({"/a.png": PNG, "/b.jpg": JPEG, "/cut.png": PNG[:-20]})
    web.status("/busy.png", 503)
    return web


@pytest.fixture
def mirror(aws, pictures):
    return build_mirror(aws, pictures)


def deliver(mirror, aws):
    """One batch through the handler; the messages that were reported."""
    batch = aws.batch()
    answer = mirror.handler(batch, context())
    aws.settle(batch, answer)
    assert set(answer) == {"batchItemFailures"}
    assert all(set(failure) == {"itemIdentifier"} for failure in answer["batchItemFailures"])
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_only_what_may_go_better_is_reported(mirror, aws, pictures):
    aws.order({"url": pictures.url + "/a.png"})
    busy = aws.order({"urls": [pictures.url + "/busy.png", pictures.url + "/b.jpg"]})
    aws.order("not json")
    aws.order({"url": "https://10.0.0.1/"})
    assert deliver(mirror, aws) == [busy]
    assert aws.objects() == {name_of(PNG): PNG, name_of(JPEG, "jpeg"): JPEG}
    letters = {told["code"]: body for body, told in aws.letters(aws.dead)}
    assert letters["invalid_json"] == "not json"
    assert json.loads(letters["ssrf_blocked"])["urls"] == ["https://10.0.0.1/"]
    assert len(letters) == 2


def test_it_comes_again_and_then_succeeds(mirror, aws, pictures):
    order = {"urls": [pictures.url + "/busy.png", pictures.url + "/a.png"]}
    busy = aws.order(order)
    assert deliver(mirror, aws) == [busy]
    pictures.scripts.clear()
    pictures.files["/busy.png"] = JPEG
    aws.hand_out_again()
    assert deliver(mirror, aws) == []
    assert aws.objects() == {name_of(PNG): PNG, name_of(JPEG, "jpeg"): JPEG}
    assert aws.batch()["Records"] == []


def test_after_the_last_try_the_queue_puts_it_aside(mirror, aws, pictures):
    aws.order({"url": pictures.url + "/busy.png"})
    for _ in range(2):
        assert len(deliver(mirror, aws)) == 1
        aws.hand_out_again()
    assert aws.batch()["Records"] == []
    ((body, _),) = aws.letters(aws.dead)
    assert json.loads(body)["url"].endswith("/busy.png")


def test_a_second_try_comes_before_the_link_is_dead(mirror, aws, pictures):
    aws.order({"url": pictures.url + "/busy.png"})
    deliver(mirror, aws)
    (left,) = aws.hidden_seconds()
    assert 5 < left <= 10, "not the queue's own 720 seconds"


def test_a_dead_letter_can_be_sent_again_as_it_is(mirror, aws, pictures):
    paths = ("/cut.png", "/a.png", "/gone.png")
    order = {
        "urls": [pictures.url + path for path in paths],
        "prefix": "mirror/shop",
        "metadata": {"who": "me"},
    }
    aws.order(order)
    assert deliver(mirror, aws) == []
    ((body, told),) = aws.letters(aws.dead)
    assert told["code"] == "image_truncated"
    assert "Send the complete file" in told["reason"]
    again = json.loads(body)
    assert again["urls"] == [pictures.url + "/cut.png", pictures.url + "/gone.png"]
    pictures.files.update({"/cut.png": JPEG, "/gone.png": JPEG})
    aws.order(body)
    assert deliver(mirror, aws) == []
    key = name_of(JPEG, "jpeg", "mirror/shop")
    assert aws.head(key)["Metadata"]["who"] == "me"


def test_a_dead_link_is_told_and_not_tried_for_ever(mirror, aws, pictures):
    aws.order({"url": pictures.url + "/gone.png"})
    assert deliver(mirror, aws) == []
    ((_, told),) = aws.letters(aws.dead)
    assert told["code"] == "fetch_expired"


@pytest.mark.parametrize("dead", ["", "http://127.0.0.1:1/123456789012/none"])
def test_without_a_place_for_dead_letters_nothing_is_lost(aws, pictures, dead, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    mirror = build_mirror(aws, pictures, RETOUCH_MIRROR_DEAD_LETTERS=dead)
    messages = {aws.order("not json"), aws.order({"url": "https://10.0.0.1/"})}
    assert set(deliver(mirror, aws)) == messages


def test_when_the_bucket_is_away_everything_comes_again(aws, pictures, monkeypatch):
    mirror = build_mirror(aws, pictures, RETOUCH_BUCKET="no-such-bucket")
    message = aws.order({"url": pictures.url + "/a.png"})
    assert deliver(mirror, aws) == [message]


def test_an_accident_in_the_handler_is_never_success(mirror, aws, pictures, monkeypatch):
    def broken(*_):
        raise RuntimeError("the disk is gone")

    aws.order({"url": pictures.url + "/a.png"})
    monkeypatch.setattr("retouch.edges.mirror_desk.mirror", broken)
    with pytest.raises(RuntimeError):
        mirror.handler(aws.batch(), context())


def test_an_accident_with_one_url_is_another_try(aws, pictures):
    mirror = build_mirror(aws, pictures)

    def broken(chunks):
        raise OSError("no space left on device")

    object.__setattr__(mirror.yard, "spool", broken)
    message = aws.order({"url": pictures.url + "/a.png"})
    assert deliver(mirror, aws) == [message]


@pytest.mark.parametrize("name", ["", None])
def test_a_message_without_a_name_fails_the_whole_batch(mirror, aws, name):
    aws.order({"url": "https://10.0.0.1/"})
    batch = aws.batch()
    batch["Records"].append({**batch["Records"][0], "messageId": name})
    with pytest.raises(UnknownEvent):
        mirror.handler(batch, context())
    assert aws.letters(aws.dead) == []


def test_orders_of_a_batch_run_side_by_side_and_share_their_urls(mirror, aws, pictures):
    for _ in range(3):
        aws.order({"url": pictures.url + "/a.png"})
    assert deliver(mirror, aws) == []
    assert len(pictures.received) == 1


class TestAnswers:
    """Orders of edits that wait: their answer lies in the bucket, whatever it is."""

    KEY = "mirror/answers/0a1b.json"

    def answer(self, mirror, aws, url):
        aws.order({"url": url, "answer_to": self.KEY})
        assert deliver(mirror, aws) == []
        return json.loads(aws.objects(self.KEY)[self.KEY])

    def test_stored(self, mirror, aws, pictures):
        answer = self.answer(mirror, aws, pictures.url + "/a.png")
        assert (answer["status"], answer["key"], answer["error"]) == ("stored", name_of(PNG), None)

    @pytest.mark.parametrize(
        ("path", "code", "reason"),
        [
            ("/gone.png", "fetch_expired", "source_expired"),
            ("/busy.png", "fetch_failed", "upstream_error"),
            ("/cut.png", "image_truncated", ""),
        ],
    )
    def test_failed(self, mirror, aws, pictures, path, code, reason):
        answer = self.answer(mirror, aws, pictures.url + path)
        assert (answer["error"]["code"], answer["reason"]) == (code, reason)
        assert aws.letters(aws.dead) == [], "whoever waits was told"

    def test_that_cannot_be_left_are_another_try(self, aws, pictures):
        mirror = build_mirror(aws, pictures, RETOUCH_BUCKET="no-such-bucket")
        message = aws.order({"url": pictures.url + "/a.png", "answer_to": self.KEY})
        assert deliver(mirror, aws) == [message]

    def test_are_not_left_elsewhere(self, mirror, aws, pictures):
        aws.order({"url": pictures.url + "/a.png", "answer_to": "results/x.json"})
        assert deliver(mirror, aws) == []
        ((_, told),) = aws.letters(aws.dead)
        assert told["code"] == "invalid_value"
        assert aws.objects() == {}
