"""What is left of an order goes into the queue again, smaller each time, until it is done or has its reason."""

import json
import threading
import time

import pytest

from retouch.mirror.verdict import TRIES
from tests.support.events import context
from tests.support.mirror import build_mirror, name_of
from tests.support.pictures import photo
from tests.support.upstream import Answer

PNG, JPEG = photo(40, 30), photo(40, 30, "JPEG")


@pytest.fixture
def pictures(web):
    web.files.update({"/a.png": PNG, "/b.jpg": JPEG})
    web.status("/busy.png", 503)
    return web


@pytest.fixture
def mirror(aws, pictures):
    return build_mirror(aws, pictures)


def deliver(mirror, aws, seconds=60.0):
    """All that waits through the handler and off the queue; what was handed back, None where nothing waits."""
    aws.hand_out_again()
    batch = aws.batch()
    if not batch["Records"]:
        return None
    answer = mirror.handler(batch, context(seconds))
    aws.settle(batch, answer)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def waiting(aws):
    """What lies in the queue of orders: [(order, {attribute: text})]."""
    aws.hand_out_again()
    return [(json.loads(body), told) for body, told in aws.letters(aws.queue)]


class Slow:
    """Pictures behind a host that gives out a few a turn and keeps the other askers waiting for its end."""

    def __init__(self, web, count, a_turn):
        self.web, self.a_turn, self.given = web, a_turn, []
        self.left, self.over = a_turn, threading.Event()
        self.pictures = {f"/{n}.png": photo(40, 30 + n) for n in range(count)}
        web.scripts.update(dict.fromkeys(self.pictures, self.serve))

    def urls(self):
        return [self.web.url + path for path in self.pictures]

    def serve(self, handler):
        if not self.left:
            self.over.wait(60)
            handler.close_connection = True
            return
        self.left -= 1
        self.given.append(handler.path)
        picture = Answer(200, self.pictures[handler.path], {"content-type": "image/png"})
        self.web.answer(handler, picture)

    def turn(self):
        """The turn is over."""
        self.over.set()
        self.left, self.over = self.a_turn, threading.Event()


def test_an_order_larger_than_an_invocation_ends(aws, web):
    slow = Slow(web, count=5, a_turn=2)
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="1")
    mirror.desk.store.client.list_buckets()  # a cold client would take much of the first turn
    aws.order({"urls": slow.urls(), "prefix": "mirror/shop"})
    turns = 0
    while (handed_back := deliver(mirror, aws, seconds=6.0)) is not None:
        assert handed_back == []
        slow.turn()
        turns += 1
        assert turns <= len(slow.pictures)
    assert turns > 1
    assert slow.given == list(slow.pictures), "each fetched once, in the order asked"
    assert set(aws.objects()) == {name_of(p, prefix="mirror/shop") for p in slow.pictures.values()}
    assert aws.letters(aws.dead) == []


def test_what_had_no_turn_keeps_its_tries_and_does_not_wait(aws, web):
    slow = Slow(web, count=3, a_turn=1)
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="1")
    mirror.desk.store.client.list_buckets()
    aws.order({"urls": slow.urls()})
    batch = aws.batch()
    aws.settle(batch, mirror.handler(batch, context(6.0)))
    slow.turn()
    (hidden,) = aws.hidden_seconds()
    assert hidden <= 0
    ((order, told),) = waiting(aws)
    assert order["urls"] == slow.urls()[1:]
    assert told["retouch-tries"] == "0"


def test_only_what_may_go_better_is_in_it_as_it_was_ordered(mirror, aws, pictures):
    order = {"prefix": "mirror/shop", "metadata": {"who": "me"}, "expires_in": 60}
    busy = pictures.url + "/busy.png"
    aws.order({"urls": [busy, pictures.url + "/a.png", busy], **order})
    batch = aws.batch()
    aws.settle(batch, mirror.handler(batch, context()))
    (hidden,) = aws.hidden_seconds()
    assert 0 < hidden <= 10, "before the link is dead"
    ((left, told),) = waiting(aws)
    assert left == {"urls": [busy], **order}
    sent = batch["Records"][0]["attributes"]["SentTimestamp"]
    assert told == {"retouch-tries": "1", "retouch-sent": sent}


def test_the_hopeless_does_not_wait_with_the_others(mirror, aws, pictures):
    aws.order({"urls": [pictures.url + "/busy.png", pictures.url + "/gone.png"]})
    assert deliver(mirror, aws) == []
    ((body, told),) = aws.letters(aws.dead)
    assert json.loads(body)["urls"] == [pictures.url + "/gone.png"]
    assert told["code"] == "fetch_expired"
    ((left, _),) = waiting(aws)
    assert left["urls"] == [pictures.url + "/busy.png"]


def test_what_never_gets_better_is_put_aside_with_its_reason(mirror, aws, pictures):
    order = {"urls": [pictures.url + "/a.png", pictures.url + "/busy.png"], "prefix": "mirror/shop"}
    aws.order(order)
    for _ in range(TRIES):
        assert aws.letters(aws.dead) == []
        assert deliver(mirror, aws) == []
    ((body, told),) = aws.letters(aws.dead)
    assert json.loads(body)["urls"] == [pictures.url + "/busy.png"]
    assert json.loads(body)["prefix"] == "mirror/shop"
    assert told["code"] == "fetch_failed"
    assert len(told["reason"]) > 10
    assert set(told) == {"code", "reason"}, "or it would be given up at once when it is sent again"
    assert waiting(aws) == []
    asked = [request.path for request in pictures.received]
    assert (asked.count("/busy.png"), asked.count("/a.png")) == (TRIES, 1)


def test_no_time_at_all_is_a_try_too(mirror, aws, pictures):
    aws.order({"urls": [pictures.url + "/a.png", pictures.url + "/b.jpg"]})
    for _ in range(TRIES):
        assert deliver(mirror, aws, seconds=1.0) == []
    assert waiting(aws) == []
    ((body, told),) = aws.letters(aws.dead)
    assert len(json.loads(body)["urls"]) == 2
    assert told["code"] == "deadline_exceeded"


def test_killed_before_the_message_is_settled(mirror, aws, pictures):
    """What was sent already comes beside the message itself; both end, and nothing is stored twice."""
    aws.order({"urls": [pictures.url + "/busy.png", pictures.url + "/a.png"]})
    mirror.handler(aws.batch(), context())
    pictures.scripts.clear()
    pictures.files["/busy.png"] = JPEG
    assert deliver(mirror, aws) == []
    assert aws.objects() == {name_of(PNG): PNG, name_of(JPEG, "jpeg"): JPEG}
    assert (waiting(aws), aws.letters(aws.dead)) == ([], [])


def test_without_a_queue_to_send_to_nothing_is_put_aside_before_the_last_try(aws, pictures):
    mirror = build_mirror(aws, pictures, RETOUCH_MIRROR_QUEUE="")
    message = aws.order({"urls": [pictures.url + "/busy.png", pictures.url + "/gone.png"]})
    assert deliver(mirror, aws) == [message]
    assert aws.letters(aws.dead) == [], "or each try would put it aside once more"
    aws.hand_out_again()
    last = aws.batch()
    last["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(TRIES)
    assert mirror.handler(last, context()) == {"batchItemFailures": []}
    ((body, _),) = aws.letters(aws.dead)
    assert len(json.loads(body)["urls"]) == 2


@pytest.mark.parametrize("queue", ["", "http://127.0.0.1:1/123456789012/none"])
def test_where_it_cannot_be_sent_the_message_is_handed_back(aws, pictures, queue, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    mirror = build_mirror(aws, pictures, RETOUCH_MIRROR_QUEUE=queue)
    message = aws.order({"urls": [pictures.url + "/busy.png", pictures.url + "/a.png"]})
    assert deliver(mirror, aws) == [message]
    assert aws.objects() == {name_of(PNG): PNG}


def test_a_long_order_does_not_take_the_time_of_the_others(aws, web):
    slow = Slow(web, count=4, a_turn=4)
    mirror = build_mirror(aws, web, RETOUCH_MIRROR_PARALLEL="1")
    *long, short = slow.urls()
    aws.order({"urls": long})
    aws.order({"urls": [short]})
    assert deliver(mirror, aws) == []
    assert slow.given.index("/3.png") <= 1


def test_the_age_told_is_that_of_the_order_and_not_of_the_message(capsys, aws, pictures):
    mirror = build_mirror(aws, pictures)
    aws.order({"url": pictures.url + "/busy.png"})
    batch = aws.batch()
    first = int(time.time() * 1000) - 200_000
    batch["Records"][0]["attributes"]["SentTimestamp"] = str(first)
    aws.settle(batch, mirror.handler(batch, context()))
    deliver(mirror, aws)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    ages = [line["MirrorOrderAge"][0] for line in lines if "MirrorOrderAge" in line]
    assert 200 + 9 < ages[0] < ages[1], "to the second"
    assert ages[1] > 200 + 29, "the pause after a second try is longer"
