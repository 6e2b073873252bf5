"""Tests of the remainder of a mirror request. It is requeued, smaller each time, until it is done or dead-lettered."""

import json
import threading
import time

import pytest

from retouch.mirror.retry_decision import MAX_TRIES
from tests.support.events import lambda_context
from tests.support.images import photo
from tests.support.mirror import build_mirror, object_key
from tests.support.upstream import ScriptedResponse

PNG, JPEG = photo(40, 30), photo(40, 30, "JPEG")


@pytest.fixture
def image_host(web):
    web.files.update({"/a.png": PNG, "/b.jpg": JPEG})
    web.set_status("/busy.png", 503)
    return web


@pytest.fixture
def mirror(aws, image_host):
    return build_mirror(aws, image_host)


def handle_waiting_messages(mirror, aws, seconds=60.0):
    """Handle all waiting messages. Return the ids reported as failed, or None when no message waits."""
    aws.make_messages_visible()
    batch = aws.receive_batch()
    if not batch["Records"]:
        return None
    response = mirror.handler(batch, lambda_context(seconds))
    aws.delete_processed(batch, response)
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def queued_requests(aws):
    """Return the messages in the request queue: [(request, {attribute: text})]."""
    aws.make_messages_visible()
    return [(json.loads(body), attributes) for body, attributes in aws.take_messages(aws.queue)]


class SlowHost:
    """A host that serves a fixed number of images per turn and lets all other requests wait for the end of the turn."""

    def __init__(self, web, count, images_per_turn):
        self.web, self.images_per_turn, self.served_paths = web, images_per_turn, []
        self.images_left, self.turn_ended = images_per_turn, threading.Event()
        self.images = {f"/{n}.png": photo(40, 30 + n) for n in range(count)}
        web.scripts.update(dict.fromkeys(self.images, self.serve))

    def urls(self):
        return [self.web.url + path for path in self.images]

    def serve(self, handler):
        if not self.images_left:
            self.turn_ended.wait(60)
            handler.close_connection = True
            return
        self.images_left -= 1
        self.served_paths.append(handler.path)
        response = ScriptedResponse(200, self.images[handler.path], {"content-type": "image/png"})
        self.web.write_response(handler, response)

    def end_turn(self):
        """End the current turn."""
        self.turn_ended.set()
        self.images_left, self.turn_ended = self.images_per_turn, threading.Event()


def test_request_larger_than_one_invocation_is_completed_over_several(aws, web):
    host = SlowHost(web, count=5, images_per_turn=2)
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="1")
    mirror.consumer.store.client.list_buckets()  # creating a client would take much of the first turn
    aws.send_message({"urls": host.urls(), "prefix": "mirror/shop"})
    turns = 0
    while (handed_back := handle_waiting_messages(mirror, aws, seconds=6.0)) is not None:
        assert handed_back == []
        host.end_turn()
        turns += 1
        assert turns <= len(host.images)
    assert turns > 1
    assert host.served_paths == list(host.images), (
        "each URL is fetched once, in the requested order"
    )
    assert set(aws.objects()) == {object_key(p, prefix="mirror/shop") for p in host.images.values()}
    assert aws.take_messages(aws.dead) == []


def test_urls_without_a_turn_are_requeued_at_once_with_unchanged_tries(aws, web):
    host = SlowHost(web, count=3, images_per_turn=1)
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="1")
    mirror.consumer.store.client.list_buckets()
    aws.send_message({"urls": host.urls()})
    batch = aws.receive_batch()
    aws.delete_processed(batch, mirror.handler(batch, lambda_context(6.0)))
    host.end_turn()
    (hidden_seconds,) = aws.hidden_seconds()
    assert hidden_seconds <= 0
    ((request, attributes),) = queued_requests(aws)
    assert request["urls"] == host.urls()[1:]
    assert attributes["retouch-tries"] == "0"


def test_requeued_message_holds_only_retryable_urls_and_all_options(mirror, aws, image_host):
    request = {"prefix": "mirror/shop", "metadata": {"who": "me"}, "expires_in": 60}
    busy = image_host.url + "/busy.png"
    aws.send_message({"urls": [busy, image_host.url + "/a.png", busy], **request})
    batch = aws.receive_batch()
    aws.delete_processed(batch, mirror.handler(batch, lambda_context()))
    (hidden_seconds,) = aws.hidden_seconds()
    assert 0 < hidden_seconds <= 10, "the pause is shorter than the life of the link"
    ((remainder, attributes),) = queued_requests(aws)
    assert remainder == {"urls": [busy], **request}
    sent = batch["Records"][0]["attributes"]["SentTimestamp"]
    assert attributes == {"retouch-tries": "1", "retouch-sent": sent}


def test_permanent_failure_is_dead_lettered_without_retryable_urls(mirror, aws, image_host):
    aws.send_message({"urls": [image_host.url + "/busy.png", image_host.url + "/gone.png"]})
    assert handle_waiting_messages(mirror, aws) == []
    ((body, attributes),) = aws.take_messages(aws.dead)
    assert json.loads(body)["urls"] == [image_host.url + "/gone.png"]
    assert attributes["code"] == "fetch_expired"
    ((remainder, _),) = queued_requests(aws)
    assert remainder["urls"] == [image_host.url + "/busy.png"]


def test_url_that_keeps_failing_is_dead_lettered_after_last_try(mirror, aws, image_host):
    mirror_request = {
        "urls": [image_host.url + "/a.png", image_host.url + "/busy.png"],
        "prefix": "mirror/shop",
    }
    aws.send_message(mirror_request)
    for _ in range(MAX_TRIES):
        assert aws.take_messages(aws.dead) == []
        assert handle_waiting_messages(mirror, aws) == []
    ((body, attributes),) = aws.take_messages(aws.dead)
    assert json.loads(body)["urls"] == [image_host.url + "/busy.png"]
    assert json.loads(body)["prefix"] == "mirror/shop"
    assert attributes["code"] == "fetch_failed"
    assert len(attributes["reason"]) > 10
    assert set(attributes) == {"code", "reason"}, "otherwise a resent message would fail at once"
    assert queued_requests(aws) == []
    paths = [request.path for request in image_host.received]
    assert (paths.count("/busy.png"), paths.count("/a.png")) == (MAX_TRIES, 1)


def test_batch_without_any_time_counts_as_a_try(mirror, aws, image_host):
    aws.send_message({"urls": [image_host.url + "/a.png", image_host.url + "/b.jpg"]})
    for _ in range(MAX_TRIES):
        assert handle_waiting_messages(mirror, aws, seconds=1.0) == []
    assert queued_requests(aws) == []
    ((body, attributes),) = aws.take_messages(aws.dead)
    assert len(json.loads(body)["urls"]) == 2
    assert attributes["code"] == "deadline_exceeded"


def test_message_handled_twice_stores_nothing_twice(mirror, aws, image_host):
    """The requeued remainder arrives beside the original message. Both are handled, and nothing is stored twice."""
    aws.send_message({"urls": [image_host.url + "/busy.png", image_host.url + "/a.png"]})
    mirror.handler(aws.receive_batch(), lambda_context())
    image_host.scripts.clear()
    image_host.files["/busy.png"] = JPEG
    assert handle_waiting_messages(mirror, aws) == []
    assert aws.objects() == {object_key(PNG): PNG, object_key(JPEG, "jpeg"): JPEG}
    assert (queued_requests(aws), aws.take_messages(aws.dead)) == ([], [])


def test_message_is_dead_lettered_only_at_last_try_without_queue(aws, image_host):
    mirror = build_mirror(aws, image_host, RETOUCH_MIRROR_QUEUE="")
    message = aws.send_message(
        {"urls": [image_host.url + "/busy.png", image_host.url + "/gone.png"]}
    )
    assert handle_waiting_messages(mirror, aws) == [message]
    assert aws.take_messages(aws.dead) == [], "otherwise each try would dead-letter it again"
    aws.make_messages_visible()
    batch = aws.receive_batch()
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(MAX_TRIES)
    assert mirror.handler(batch, lambda_context()) == {"batchItemFailures": []}
    ((body, _),) = aws.take_messages(aws.dead)
    assert len(json.loads(body)["urls"]) == 2


@pytest.mark.parametrize("queue", ["", "http://127.0.0.1:1/123456789012/none"])
def test_message_is_reported_as_failed_when_requeue_fails(aws, image_host, queue, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    mirror = build_mirror(aws, image_host, RETOUCH_MIRROR_QUEUE=queue)
    message = aws.send_message({"urls": [image_host.url + "/busy.png", image_host.url + "/a.png"]})
    assert handle_waiting_messages(mirror, aws) == [message]
    assert aws.objects() == {object_key(PNG): PNG}


def test_long_request_does_not_delay_short_request(aws, web):
    host = SlowHost(web, count=4, images_per_turn=4)
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="1")
    *long_urls, short_url = host.urls()
    aws.send_message({"urls": long_urls})
    aws.send_message({"urls": [short_url]})
    assert handle_waiting_messages(mirror, aws) == []
    assert host.served_paths.index("/3.png") <= 1


def test_reported_age_counts_from_original_request(capsys, aws, image_host):
    mirror = build_mirror(aws, image_host)
    aws.send_message({"url": image_host.url + "/busy.png"})
    batch = aws.receive_batch()
    first = int(time.time() * 1000) - 200_000
    batch["Records"][0]["attributes"]["SentTimestamp"] = str(first)
    aws.delete_processed(batch, mirror.handler(batch, lambda_context()))
    handle_waiting_messages(mirror, aws)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    ages = [line["MirrorOrderAge"][0] for line in lines if "MirrorOrderAge" in line]
    assert 200 + 9 < ages[0] < ages[1], "the age is exact to the second"
    assert ages[1] > 200 + 29, "the pause after the second try is longer"
