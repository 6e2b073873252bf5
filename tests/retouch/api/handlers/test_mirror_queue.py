"""Tests of SQS batches: done messages are deleted, retryable URLs are requeued, all others are dead-lettered."""

import json
import threading
import time

import pytest

from retouch.api.events.unknown import UnknownEvent
from tests.support.events import lambda_context
from tests.support.images import photo
from tests.support.mirror import build_mirror, object_key
from tests.support.upstream import ScriptedResponse

PNG, JPEG = photo(40, 30), photo(40, 30, "JPEG")


@pytest.fixture
def image_host(web):
    web.files.update({"/a.png": PNG, "/b.jpg": JPEG, "/cut.png": PNG[:-20]})
    web.set_status("/busy.png", 503)
    return web


@pytest.fixture
def mirror(aws, image_host):
    return build_mirror(aws, image_host)


def handle_batch(mirror, aws):
    """Pass one batch to the handler and return the ids of the messages it reports as failed."""
    batch = aws.receive_batch()
    response = mirror.handler(batch, lambda_context())
    aws.delete_processed(batch, response)
    assert set(response) == {"batchItemFailures"}
    assert all(set(failure) == {"itemIdentifier"} for failure in response["batchItemFailures"])
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def test_each_message_of_a_batch_is_settled_separately(mirror, aws, image_host):
    aws.send_message({"url": image_host.url + "/a.png"})
    aws.send_message({"urls": [image_host.url + "/busy.png", image_host.url + "/b.jpg"]})
    aws.send_message("not json")
    aws.send_message({"url": "https://10.0.0.1/"})
    assert handle_batch(mirror, aws) == []
    aws.make_messages_visible()
    (record,) = aws.receive_batch()["Records"]
    assert json.loads(record["body"])["urls"] == [image_host.url + "/busy.png"]
    assert aws.objects() == {object_key(PNG): PNG, object_key(JPEG, "jpeg"): JPEG}
    dead_letters = {attributes["code"]: body for body, attributes in aws.take_messages(aws.dead)}
    assert dead_letters["invalid_json"] == "not json"
    assert json.loads(dead_letters["ssrf_blocked"])["urls"] == ["https://10.0.0.1/"]
    assert len(dead_letters) == 2


def test_failed_url_is_requeued_and_then_stored(mirror, aws, image_host):
    aws.send_message({"urls": [image_host.url + "/busy.png", image_host.url + "/a.png"]})
    assert handle_batch(mirror, aws) == []
    image_host.scripts.clear()
    image_host.files["/busy.png"] = JPEG
    aws.make_messages_visible()
    assert handle_batch(mirror, aws) == []
    assert aws.objects() == {object_key(PNG): PNG, object_key(JPEG, "jpeg"): JPEG}
    assert aws.receive_batch()["Records"] == []


def test_dead_letter_body_can_be_sent_again_unchanged(mirror, aws, image_host):
    paths = ("/cut.png", "/a.png", "/gone.png")
    request = {
        "urls": [image_host.url + path for path in paths],
        "prefix": "mirror/shop",
        "metadata": {"who": "me"},
    }
    aws.send_message(request)
    assert handle_batch(mirror, aws) == []
    ((body, attributes),) = aws.take_messages(aws.dead)
    assert attributes["code"] == "image_truncated"
    assert "Send the complete file" in attributes["reason"]
    resent = json.loads(body)
    assert resent["urls"] == [image_host.url + "/cut.png", image_host.url + "/gone.png"]
    image_host.files.update({"/cut.png": JPEG, "/gone.png": JPEG})
    aws.send_message(body)
    assert handle_batch(mirror, aws) == []
    key = object_key(JPEG, "jpeg", "mirror/shop")
    assert aws.head(key)["Metadata"]["who"] == "me"


def test_expired_url_is_sent_to_dead_letter_queue(mirror, aws, image_host):
    aws.send_message({"url": image_host.url + "/gone.png"})
    assert handle_batch(mirror, aws) == []
    ((_, attributes),) = aws.take_messages(aws.dead)
    assert attributes["code"] == "fetch_expired"


@pytest.mark.parametrize("dead", ["", "http://127.0.0.1:1/123456789012/none"])
def test_messages_are_reported_as_failed_without_dead_letter_queue(
    aws, image_host, dead, monkeypatch
):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    mirror = build_mirror(aws, image_host, RETOUCH_MIRROR_DEAD_LETTERS=dead)
    messages = {aws.send_message("not json"), aws.send_message({"url": "https://10.0.0.1/"})}
    assert set(handle_batch(mirror, aws)) == messages


def test_message_is_requeued_while_bucket_is_missing(aws, image_host):
    mirror = build_mirror(aws, image_host, RETOUCH_BUCKET="no-such-bucket")
    aws.send_message({"url": image_host.url + "/a.png"})
    assert handle_batch(mirror, aws) == []
    aws.make_messages_visible()
    assert len(aws.receive_batch()["Records"]) == 1


def test_unexpected_error_in_handler_is_raised(mirror, aws, image_host, monkeypatch):
    def raise_error(*_):
        raise RuntimeError("the disk is gone")

    aws.send_message({"url": image_host.url + "/a.png"})
    monkeypatch.setattr("retouch.api.handlers.mirror_queue.mirror_urls", raise_error)
    with pytest.raises(RuntimeError):
        mirror.handler(aws.receive_batch(), lambda_context())


def test_unexpected_error_for_a_url_requeues_it(aws, image_host):
    mirror = build_mirror(aws, image_host)

    def raise_error(chunks):
        raise OSError("no space left on device")

    object.__setattr__(mirror.services, "spool", raise_error)
    aws.send_message({"url": image_host.url + "/a.png"})
    assert handle_batch(mirror, aws) == []
    aws.make_messages_visible()
    assert len(aws.receive_batch()["Records"]) == 1


@pytest.mark.parametrize("name", ["", None])
def test_message_without_id_fails_the_whole_batch(mirror, aws, name):
    aws.send_message({"url": "https://10.0.0.1/"})
    batch = aws.receive_batch()
    batch["Records"].append({**batch["Records"][0], "messageId": name})
    with pytest.raises(UnknownEvent):
        mirror.handler(batch, lambda_context())
    assert aws.take_messages(aws.dead) == []


def test_same_url_in_several_messages_is_fetched_once(mirror, aws, image_host):
    for _ in range(3):
        aws.send_message({"url": image_host.url + "/a.png"})
    assert handle_batch(mirror, aws) == []
    assert len(image_host.received) == 1


class TestAnswers:
    """Tests of requests from waiting edits. The mirror writes each success or failure to the bucket."""

    KEY = "mirror/answers/0a1b.json"

    def read_answer(self, mirror, aws, url):
        aws.send_message({"url": url, "answer_to": self.KEY})
        assert handle_batch(mirror, aws) == []
        return json.loads(aws.objects(self.KEY)[self.KEY])

    def test_response_for_stored_image_names_its_key(self, mirror, aws, image_host):
        response = self.read_answer(mirror, aws, image_host.url + "/a.png")
        assert (response["status"], response["key"], response["error"]) == (
            "stored",
            object_key(PNG),
            None,
        )

    @pytest.mark.parametrize(
        ("path", "code", "reason"),
        [
            ("/gone.png", "fetch_expired", "source_expired"),
            ("/busy.png", "fetch_failed", "upstream_error"),
        ],
    )
    def test_response_for_failed_url_names_code_and_reason(
        self, mirror, aws, image_host, path, code, reason
    ):
        response = self.read_answer(mirror, aws, image_host.url + path)
        assert (response["error"]["code"], response["reason"]) == (code, reason)
        assert aws.take_messages(aws.dead) == [], "the waiting edit already has the error"

    def test_damaged_image_is_stored_without_a_size_for_the_edit(self, mirror, aws, image_host):
        response = self.read_answer(mirror, aws, image_host.url + "/cut.png")
        assert (response["status"], response["error"]) == ("stored", None)
        assert (response["width"], response["height"]) == (None, None)

    def test_message_is_retried_soon_when_response_cannot_be_written(self, aws, image_host):
        mirror = build_mirror(aws, image_host, RETOUCH_BUCKET="no-such-bucket")
        message = aws.send_message({"url": image_host.url + "/a.png", "answer_to": self.KEY})
        assert handle_batch(mirror, aws) == [message]
        (record,) = aws.hidden_seconds()
        assert 0 < record <= 10, "shorter than the visibility timeout of the queue, 720 seconds"

    def test_message_is_dead_lettered_when_response_can_never_be_written(self, aws, image_host):
        mirror = build_mirror(aws, image_host, RETOUCH_BUCKET="no-such-bucket")
        request = {"url": image_host.url + "/a.png", "answer_to": self.KEY}
        aws.send_message(request)
        batch = aws.receive_batch()
        batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = "4"
        assert mirror.handler(batch, lambda_context()) == {"batchItemFailures": []}
        ((body, attributes),) = aws.take_messages(aws.dead)
        assert (json.loads(body), attributes["code"]) == (request, "store_failed")

    def test_response_is_written_without_requeue_when_time_is_up(self, mirror, aws, image_host):
        aws.send_message({"url": image_host.url + "/a.png", "answer_to": self.KEY})
        batch = aws.receive_batch()
        aws.delete_processed(batch, mirror.handler(batch, lambda_context(1.0)))
        response = json.loads(aws.objects(self.KEY)[self.KEY])
        assert (response["error"]["code"], response["transient"]) == ("deadline_exceeded", True)
        aws.make_messages_visible()
        assert aws.receive_batch()["Records"] == []

    def test_message_with_answer_to_is_handled_before_other_messages(self, mirror, aws, image_host):
        responded = []

        def respond_and_check_response(handler):
            responded.append(aws.objects(self.KEY) != {})
            image_host.write_response(
                handler, ScriptedResponse(200, JPEG, {"content-type": "image/jpeg"})
            )

        image_host.scripts["/patient.jpg"] = respond_and_check_response
        aws.send_message({"url": image_host.url + "/patient.jpg"})
        aws.send_message({"url": image_host.url + "/a.png", "answer_to": self.KEY})
        assert handle_batch(mirror, aws) == []
        assert responded == [True]
        assert {object_key(PNG), object_key(JPEG, "jpeg")} <= aws.objects().keys()

    def test_response_is_written_without_waiting_for_other_responses(self, mirror, aws, image_host):
        other = "mirror/answers/0a1c.json"
        other_responded = []

        def wait_for_other_response(handler):
            until = time.monotonic() + 30
            while not aws.objects(other) and time.monotonic() < until:
                time.sleep(0.05)
            other_responded.append(aws.objects(other) != {})
            image_host.write_response(
                handler, ScriptedResponse(200, JPEG, {"content-type": "image/jpeg"})
            )

        image_host.scripts["/slow.jpg"] = wait_for_other_response
        aws.send_message({"url": image_host.url + "/slow.jpg", "answer_to": self.KEY})
        aws.send_message({"url": image_host.url + "/a.png", "answer_to": other})
        assert handle_batch(mirror, aws) == []
        assert other_responded == [True]
        assert aws.objects(self.KEY).keys() == {self.KEY}

    def test_message_without_answer_to_is_requeued_when_answers_use_up_time(
        self, mirror, aws, image_host
    ):
        stop = threading.Event()
        image_host.scripts["/slow.jpg"] = lambda _: stop.wait(60)
        aws.send_message({"url": image_host.url + "/slow.jpg", "answer_to": self.KEY})
        aws.send_message({"url": image_host.url + "/a.png"})
        batch = aws.receive_batch()
        aws.delete_processed(batch, mirror.handler(batch, lambda_context(4.0)))
        stop.set()
        response = json.loads(aws.objects(self.KEY)[self.KEY])
        assert response["error"]["code"] == "deadline_exceeded"
        aws.make_messages_visible()
        ((body, _),) = aws.take_messages(aws.queue)
        assert json.loads(body)["urls"] == [image_host.url + "/a.png"]

    def test_parallel_setting_limits_concurrent_fetches_for_responses(self, aws, image_host):
        mirror = build_mirror(aws, image_host, RETOUCH_MIRROR_PARALLEL="1")
        running, concurrency = [], []

        def count_and_respond(handler):
            running.append(1)
            time.sleep(0.1)
            concurrency.append(len(running))
            running.pop()
            image_host.write_response(
                handler, ScriptedResponse(200, JPEG, {"content-type": "image/jpeg"})
            )

        image_host.scripts["/one.jpg"] = image_host.scripts["/two.jpg"] = count_and_respond
        for path, name in (("/one.jpg", "1"), ("/two.jpg", "2")):
            aws.send_message(
                {"url": image_host.url + path, "answer_to": f"mirror/answers/{name}.json"}
            )
        assert handle_batch(mirror, aws) == []
        assert concurrency == [1, 1]

    def test_answer_to_outside_answers_prefix_is_rejected(self, mirror, aws, image_host):
        aws.send_message({"url": image_host.url + "/a.png", "answer_to": "results/x.json"})
        assert handle_batch(mirror, aws) == []
        ((_, attributes),) = aws.take_messages(aws.dead)
        assert attributes["code"] == "invalid_value"
        assert aws.objects() == {}
