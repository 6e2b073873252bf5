"""SQS batches from a real queue: what is done leaves it, what may go better comes again, the rest has its reason."""

import json
import threading
import time

import pytest

from retouch.mirror.ways import UnknownEvent
from tests.support.events import context
from tests.support.mirror import build_mirror, name_of
from tests.support.pictures import photo
from tests.support.upstream import Answer

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


def test_every_message_of_a_batch_is_settled_by_itself(mirror, aws, pictures):
    aws.order({"url": pictures.url + "/a.png"})
    aws.order({"urls": [pictures.url + "/busy.png", pictures.url + "/b.jpg"]})
    aws.order("not json")
    aws.order({"url": "https://10.0.0.1/"})
    assert deliver(mirror, aws) == []
    aws.hand_out_again()
    (left,) = aws.batch()["Records"]
    assert json.loads(left["body"])["urls"] == [pictures.url + "/busy.png"]
    assert aws.objects() == {name_of(PNG): PNG, name_of(JPEG, "jpeg"): JPEG}
    letters = {told["code"]: body for body, told in aws.letters(aws.dead)}
    assert letters["invalid_json"] == "not json"
    assert json.loads(letters["ssrf_blocked"])["urls"] == ["https://10.0.0.1/"]
    assert len(letters) == 2


def test_it_comes_again_and_then_succeeds(mirror, aws, pictures):
    aws.order({"urls": [pictures.url + "/busy.png", pictures.url + "/a.png"]})
    assert deliver(mirror, aws) == []
    pictures.scripts.clear()
    pictures.files["/busy.png"] = JPEG
    aws.hand_out_again()
    assert deliver(mirror, aws) == []
    assert aws.objects() == {name_of(PNG): PNG, name_of(JPEG, "jpeg"): JPEG}
    assert aws.batch()["Records"] == []


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


def test_when_the_bucket_is_away_everything_comes_again(aws, pictures):
    mirror = build_mirror(aws, pictures, RETOUCH_BUCKET="no-such-bucket")
    aws.order({"url": pictures.url + "/a.png"})
    assert deliver(mirror, aws) == []
    aws.hand_out_again()
    assert len(aws.batch()["Records"]) == 1


def test_an_accident_in_the_handler_is_never_success(mirror, aws, pictures, monkeypatch):
    def broken(*_):
        raise RuntimeError("the disk is gone")

    aws.order({"url": pictures.url + "/a.png"})
    monkeypatch.setattr("retouch.edges.mirror.desk.mirror", broken)
    with pytest.raises(RuntimeError):
        mirror.handler(aws.batch(), context())


def test_an_accident_with_one_url_is_another_try(aws, pictures):
    mirror = build_mirror(aws, pictures)

    def broken(chunks):
        raise OSError("no space left on device")

    object.__setattr__(mirror.yard, "spool", broken)
    aws.order({"url": pictures.url + "/a.png"})
    assert deliver(mirror, aws) == []
    aws.hand_out_again()
    assert len(aws.batch()["Records"]) == 1


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
        (left,) = aws.hidden_seconds()
        assert 0 < left <= 10, "not the queue's own 720 seconds"

    def test_that_can_never_be_left_are_put_aside_with_the_reason(self, aws, pictures):
        mirror = build_mirror(aws, pictures, RETOUCH_BUCKET="no-such-bucket")
        order = {"url": pictures.url + "/a.png", "answer_to": self.KEY}
        aws.order(order)
        batch = aws.batch()
        batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = "4"
        assert mirror.handler(batch, context()) == {"batchItemFailures": []}
        ((body, told),) = aws.letters(aws.dead)
        assert (json.loads(body), told["code"]) == (order, "store_failed")

    def test_are_left_too_where_no_time_was_and_nothing_is_sent_again(self, mirror, aws, pictures):
        aws.order({"url": pictures.url + "/a.png", "answer_to": self.KEY})
        batch = aws.batch()
        aws.settle(batch, mirror.handler(batch, context(1.0)))
        answer = json.loads(aws.objects(self.KEY)[self.KEY])
        assert (answer["error"]["code"], answer["transient"]) == ("deadline_exceeded", True)
        aws.hand_out_again()
        assert aws.batch()["Records"] == []

    def test_come_before_the_orders_that_nobody_waits_for(self, mirror, aws, pictures):
        there = []

        def look(handler):
            there.append(aws.objects(self.KEY) != {})
            pictures.answer(handler, Answer(200, JPEG, {"content-type": "image/jpeg"}))

        pictures.scripts["/patient.jpg"] = look
        aws.order({"url": pictures.url + "/patient.jpg"})
        aws.order({"url": pictures.url + "/a.png", "answer_to": self.KEY})
        assert deliver(mirror, aws) == []
        assert there == [True]
        assert {name_of(PNG), name_of(JPEG, "jpeg")} <= aws.objects().keys()

    def test_wait_for_no_other(self, mirror, aws, pictures):
        other = "mirror/answers/0a1c.json"
        seen = []

        def look(handler):
            until = time.monotonic() + 30
            while not aws.objects(other) and time.monotonic() < until:
                time.sleep(0.05)
            seen.append(aws.objects(other) != {})
            pictures.answer(handler, Answer(200, JPEG, {"content-type": "image/jpeg"}))

        pictures.scripts["/slow.jpg"] = look
        aws.order({"url": pictures.url + "/slow.jpg", "answer_to": self.KEY})
        aws.order({"url": pictures.url + "/a.png", "answer_to": other})
        assert deliver(mirror, aws) == []
        assert seen == [True]
        assert aws.objects(self.KEY).keys() == {self.KEY}

    def test_take_time_from_orders_that_come_again_for_it(self, mirror, aws, pictures):
        over = threading.Event()
        pictures.scripts["/slow.jpg"] = lambda _: over.wait(60)
        aws.order({"url": pictures.url + "/slow.jpg", "answer_to": self.KEY})
        aws.order({"url": pictures.url + "/a.png"})
        batch = aws.batch()
        aws.settle(batch, mirror.handler(batch, context(4.0)))
        over.set()
        answer = json.loads(aws.objects(self.KEY)[self.KEY])
        assert answer["error"]["code"] == "deadline_exceeded"
        aws.hand_out_again()
        ((body, _),) = aws.letters(aws.queue)
        assert json.loads(body)["urls"] == [pictures.url + "/a.png"]

    def test_are_fetched_no_more_side_by_side_than_there_is_disk_for(self, aws, pictures):
        mirror = build_mirror(aws, pictures, RETOUCH_MIRROR_PARALLEL="1")
        running, most = [], []

        def look(handler):
            running.append(1)
            time.sleep(0.1)
            most.append(len(running))
            running.pop()
            pictures.answer(handler, Answer(200, JPEG, {"content-type": "image/jpeg"}))

        pictures.scripts["/one.jpg"] = pictures.scripts["/two.jpg"] = look
        for path, name in (("/one.jpg", "1"), ("/two.jpg", "2")):
            aws.order({"url": pictures.url + path, "answer_to": f"mirror/answers/{name}.json"})
        assert deliver(mirror, aws) == []
        assert most == [1, 1]

    def test_are_not_left_elsewhere(self, mirror, aws, pictures):
        aws.order({"url": pictures.url + "/a.png", "answer_to": "results/x.json"})
        assert deliver(mirror, aws) == []
        ((_, told),) = aws.letters(aws.dead)
        assert told["code"] == "invalid_value"
        assert aws.objects() == {}
