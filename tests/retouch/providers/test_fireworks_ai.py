"""Fireworks' peculiarities: a task that is polled by POST, refusals that are states, results on another host."""

import base64
from urllib.parse import urlsplit

import pytest

from retouch.cards import Failed
from retouch.messages import Job, Picture, Reply
from retouch.providers._flux import MOST_NOT_FOUND
from retouch.providers.fireworks_ai import PROVIDER, edit, explain
from tests.contract.standin import MAGENTA
from tests.contract.standins.fireworks_ai import WORKFLOWS, FireworksAi
from tests.support import door
from tests.support.house import TestClock, build_house
from tests.support.pictures import b64, data_url, hole, opened, photo
from tests.support.upstream import as_json

PHOTO = photo(96, 64)


@pytest.fixture
def server():
    with FireworksAi() as standin:
        yield standin


def buy(server, clock=None, images=(PHOTO,), **fields):
    env = {"RETOUCH_FETCH_ALLOW": urlsplit(server.elsewhere.url).netloc, **server.env()}
    fields = {"model": "fireworks-ai/flux-kontext-pro", "prompt": "p", **fields}
    parts = [*fields.items(), *(("image[]", door.png(data)) for data in images)]
    return door.edit(parts, house=build_house(env, clock, providers=(PROVIDER,)))


def picture(answer):
    return opened(base64.b64decode(answer.json["data"][0]["b64_json"]))


def test_an_edit_is_ordered_polled_and_fetched(server):
    answer = buy(server, size="1536x1024", safety_tolerance="2", seed="41")
    order, *polls = server.received
    assert order.path == f"{WORKFLOWS}/flux-kontext-pro"
    assert order.json() == {
        "prompt": "p",
        "input_image": data_url(PHOTO),
        "output_format": "png",
        "aspect_ratio": "3:2",
        "safety_tolerance": 2,
        "seed": 41,
    }
    assert [(poll.method, poll.path, poll.json()) for poll in polls] == [
        ("POST", f"{WORKFLOWS}/flux-kontext-pro/get_result", {"id": "task-0"})
    ] * 3
    assert picture(answer).size == (1536, 1024)
    assert picture(answer).getpixel((700, 500)) == MAGENTA


def test_polls_keep_their_distance(server):
    clock = TestClock()
    buy(server, clock)
    assert clock.slept == [1.0, 1.0, 1.0]


def test_the_key_stays_with_fireworks(server):
    assert buy(server).status == 200
    (download,) = server.elsewhere.received
    assert server.key not in str(download.headers)
    assert all(r.headers["authorization"] == f"Bearer {server.key}" for r in server.received)


@pytest.mark.parametrize("sample", [data_url(PHOTO), b64(PHOTO)], ids=["data", "bare"])
def test_a_result_may_be_in_the_answer_itself(server, sample):
    server.failing = [
        as_json({"request_id": "r"}),
        as_json({"status": "Ready", "result": {"sample": sample}}),
    ]
    assert picture(buy(server)).tobytes() == opened(PHOTO).tobytes()
    assert server.elsewhere.received == []


@pytest.mark.parametrize("sample", ["image", "data:image/png;base64,aGVsbG8gd29ybGQ=", ""])
def test_text_that_is_no_picture_is_no_success(server, sample):
    server.ending = as_json({"status": "Ready", "result": {"sample": sample}})
    answer = buy(server)
    assert (answer.status, answer.json["error"]["code"]) == (502, "provider_error")


def test_jpeg_is_made_there_and_webp_here(server):
    for wanted, asked in (("jpeg", "jpeg"), ("webp", "png")):
        answer = buy(server, output_format=wanted)
        assert server.calls[-1].json()["output_format"] == asked
        assert picture(answer).format == wanted.upper()


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ("1024x1024", "1:1"),
        ("1680x720", "21:9"),
        ("720x1680", "9:21"),
        ("1792x1024", "16:9"),
        ("1024x1280", "4:5"),
    ],
)
def test_a_size_becomes_the_nearest_shape(server, size, ratio):
    answer = buy(server, size=size)
    assert server.calls[0].json()["aspect_ratio"] == ratio
    assert "x".join(map(str, picture(answer).size)) == size


def test_a_shape_beyond_the_list_is_refused_unpaid(server):
    answer = buy(server, size="3072x1024")
    assert (answer.status, answer.json["error"]["param"]) == (400, "size")
    assert server.received == []


def test_several_pictures_and_masks_are_refused_unpaid(server):
    two = buy(server, images=(PHOTO, PHOTO))
    masked = buy(server, mask=door.png(hole(96, 64)))
    assert two.json["error"]["code"] == "too_many_images"
    assert masked.json["error"]["param"] == "mask"
    assert "preserve=true" in masked.json["error"]["message"]
    assert server.received == []


def test_a_mask_is_put_in_words_and_kept_here_on_wish(server):
    answer = buy(server, mask=door.png(hole(96, 64)), preserve="true")
    assert "of the width" in server.calls[0].json()["prompt"]
    assert "mask" not in server.calls[0].json()
    edited, original = picture(answer), opened(PHOTO)
    assert edited.getpixel((48, 32)) == MAGENTA
    assert edited.getpixel((2, 2)) == original.getpixel((2, 2))


@pytest.mark.parametrize(
    ("status", "stage"),
    [("Request Moderated", "input"), ("Content Moderated", "output"), ("New Moderated", "unknown")],
)
def test_a_moderated_state_is_final(server, status, stage):
    details = {"Moderation Reasons": ["Derivative Works"]}
    server.ending = as_json({"status": status, "details": details})
    error = buy(server).json["error"]
    assert error["code"] == "moderation_blocked"
    assert error["moderation_details"] == {
        "moderation_stage": stage,
        "categories": ["Derivative Works"],
    }
    assert len(server.received) == 2


def reply(body):
    return Reply(200, {}, as_json(body).body)


def conversation(*states):
    """The adapter stepped by hand: what it ends with, and how many polls that took."""
    job = Job("flux-kontext-pro", "p", (Picture(PHOTO, "png", 96, 64),))
    talk = edit(job)
    next(talk)
    call = talk.send(reply({"request_id": "r"}))
    for polls, state in enumerate(states, 1):
        assert call.repeatable
        try:
            call = talk.send(reply(state))
        except StopIteration as end:
            return end.value, polls
    raise AssertionError("more polls were wanted")


MISSING = {"status": "Task not found"}
READY = {"status": "Ready", "result": {"sample": b64(PHOTO)}}


def test_a_new_task_may_be_missing_for_ten_seconds():
    (artifact,), polls = conversation(*[MISSING] * MOST_NOT_FOUND, READY)
    assert artifact.bytes() == PHOTO
    assert polls == 11


def test_a_task_that_stays_missing_has_failed():
    with pytest.raises(Failed, match="Task not found"):
        conversation(*[MISSING] * (MOST_NOT_FOUND + 1))


@pytest.mark.parametrize("status", ["Ready", "Complete", "Finished"])
def test_every_word_for_done_will_do(status):
    assert conversation({**READY, "status": status})[1] == 1


def test_a_state_that_nobody_documents_is_waited_on():
    assert conversation({"status": "Queued"}, {"status": "Processing"}, READY)[1] == 3


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"object": "error", "type": "invalid_request_error", "message": "why"}},
        {"error": "why"},
        {"error_message": "why"},
        {"fault": {"faultstring": "why"}},
        {"detail": [{"loc": ["body"], "msg": "why"}]},
        {"detail": "why"},
    ],
)
def test_every_shape_of_error_is_read(body):
    assert explain(Reply(400, {}, as_json(body).body)).message == "why"


def test_each_of_n_has_its_own_task_and_seed(server):
    answer = buy(server, n="3", seed="41")
    assert len(answer.json["data"]) == 3
    assert sorted(call.json()["seed"] for call in server.calls) == [41, 42, 43]
