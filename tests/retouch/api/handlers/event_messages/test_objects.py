"""Tests of objects in an inbox: what they buy, and what is written for them."""

import json
import random

import pytest

from retouch.api.event_edit import submit_event_edit
from retouch.api.handlers import event_messages
from retouch.inbox.object_names import read_inbox_key
from tests.support.event_gateway import FAILURE, OUTPUT, PHOTO, PHOTO_KEY, EventGateway
from tests.support.images import box_mask, photo
from tests.support.inbox import object_bus_event, object_notification

MASK_KEY = "inbox/white/photo.mask.png"


def test_uploaded_photo_has_a_result_a_job_and_an_event_after_one_paid_call(gateway):
    gateway.upload()
    gateway.work_all()
    assert gateway.calls == 1
    image = gateway.inbox.objects[OUTPUT]
    assert image.data.startswith(b"\x89PNG")
    job = gateway.read_json(f"{OUTPUT}.json")
    assert (job["status"], job["billed"], job["outputs"]) == ("completed", "yes", [OUTPUT])
    assert image.metadata["retouch-order"] == gateway.stored.id
    (event,) = gateway.sent.events
    assert event["type"] == "retouch.edit.completed"
    assert event["subject"] == gateway.stored.id
    assert event["data"]["outputs"] == [{"bucket": "photos", "key": OUTPUT}]
    assert gateway.messages == []


def test_event_of_an_edit_has_no_pixels_and_no_prompt(gateway):
    gateway.upload()
    gateway.work_all()
    text = json.dumps(gateway.sent.events)
    assert "white background" not in text
    assert "b64_json" not in text
    assert "https://" in text  # the link


@pytest.mark.parametrize("seed", range(5))
def test_event_delivered_five_times_by_two_ways_shuffled_buys_once(gateway, seed):
    shuffle = random.Random(seed).shuffle
    for name in ("photo", "other"):
        event = gateway.upload(f"inbox/white/{name}.png", photo(64 + 16 * len(name), 64), times=3)
        for _ in range(2):
            gateway.post(object_notification(event))
    while gateway.messages:
        gateway.work_all(shuffle)
        gateway.clock.advance(5)
    assert gateway.calls == 2
    assert {key for key in gateway.inbox.objects if key.startswith("outbox/")} == {
        f"outbox/white/{name}.png{end}" for name in ("photo", "other") for end in ("", ".json")
    }
    assert len(gateway.event_ids) == 2


def test_ten_records_in_one_message_become_ten_edits(gateway):
    events = [
        gateway.inbox.upload(f"inbox/white/{n}.png", photo(64 + 16 * n, 64)) for n in range(10)
    ]
    gateway.post(object_notification(*events))
    gateway.work_all()
    assert gateway.calls == 10
    assert sum(key.endswith(".png") and "outbox" in key for key in gateway.inbox.objects) == 10


@pytest.mark.parametrize("keys", [(PHOTO_KEY, MASK_KEY), (MASK_KEY, PHOTO_KEY)])
@pytest.mark.parametrize("is_at_once", [True, False])
def test_photo_and_mask_in_either_order_or_at_once_buy_one_masked_edit(gateway, keys, is_at_once):
    gateway.write_recipe(mask="sibling")
    for key in keys:
        gateway.upload(key, PHOTO if key == PHOTO_KEY else box_mask(64, 64))
        if not is_at_once:
            gateway.work_all()
    gateway.work_until(60)
    assert gateway.calls == 1
    assert b'name="mask"' in gateway.upstream.calls[0].body
    assert OUTPUT in gateway.inbox.objects
    assert gateway.messages == []


@pytest.mark.parametrize("key", [MASK_KEY, PHOTO_KEY])
def test_mask_or_photo_alone_buys_nothing_and_is_no_failure(gateway, key):
    gateway.write_recipe(mask="sibling")
    gateway.upload(key, box_mask(64, 64))
    gateway.work_all()
    assert (gateway.calls, gateway.messages, gateway.sent.events) == (0, [], [])
    assert not any(one.startswith(("outbox/", "failed/")) for one in gateway.inbox.objects)


@pytest.mark.parametrize("is_older_first", [True, False])
def test_object_overwritten_during_its_edit_ends_as_the_newer_one(gateway, is_older_first):
    gateway.upload(data=photo(64 + 16 * 1, 64))
    gateway.deliver(gateway.messages[0])  # the older one is ordered
    gateway.upload(data=photo(64 + 16 * 2, 64))
    gateway.deliver(gateway.messages[-1])  # and the newer one
    older, newer = gateway.messages
    newer_sequencer = max(
        json.loads(one.destination)["inbox"]["sequencer"] for one in gateway.orders.orders.values()
    )
    for message in (older, newer) if is_older_first else (newer, older):
        gateway.deliver(message)
    assert gateway.calls == 2
    assert gateway.inbox.objects[OUTPUT].metadata["retouch-sequencer"] == newer_sequencer
    assert gateway.inbox.objects[f"{OUTPUT}.json"].metadata["retouch-sequencer"] == newer_sequencer


def test_older_bytes_put_back_are_written_again_without_a_call(gateway):
    for seed in (1, 2, 1):
        gateway.upload(data=photo(64 + 16 * seed, 64))
        gateway.work_all()
        sequencer = gateway.inbox.objects[OUTPUT].metadata["retouch-sequencer"]
    first = next(iter(gateway.orders.orders.values()))
    assert gateway.calls == 2
    assert gateway.inbox.objects[OUTPUT].metadata["retouch-order"] == first.id
    assert sequencer > json.loads(first.destination)["inbox"]["sequencer"]


def test_same_bytes_again_buy_nothing_unless_the_recipe_says_so(gateway):
    for _ in range(2):
        gateway.upload()
        gateway.work_all()
    assert gateway.calls == 1
    gateway.write_recipe(on_same="buy")
    gateway.upload(times=2)
    gateway.work_all()
    assert gateway.calls == 2


def test_same_bytes_after_a_change_of_the_recipe_are_another_edit(gateway):
    gateway.upload()
    gateway.work_all()
    gateway.write_recipe(edit={"model": "gpt-image-2", "prompt": "black background"})
    gateway.upload(times=3)
    gateway.work_all()
    assert gateway.calls == 2


def test_event_delivered_again_after_a_change_of_the_recipe_buys_nothing(gateway):
    event = gateway.upload()
    gateway.work_all()
    gateway.write_recipe(edit={"model": "gpt-image-2", "prompt": "black background"})
    gateway.post(object_bus_event(event))
    gateway.work_all()
    assert gateway.calls == 1


def test_workers_with_two_versions_of_a_recipe_buy_once(gateway, monkeypatch):
    event = gateway.upload()
    other = EventGateway(gateway.upstream)  # its worker has the same order table
    other.services, other.orders = gateway.services, gateway.orders
    other.inbox, other.messages, other.clock = gateway.inbox, gateway.messages, gateway.clock

    def submit_after_another(*args, **kwargs):
        monkeypatch.setattr(event_messages, "submit_event_edit", submit)
        other.write_recipe(edit={"model": "gpt-image-2", "prompt": "black background"})
        other.post(object_bus_event(event))
        assert other.deliver(other.messages[-1])
        return submit(*args, **kwargs)

    submit = submit_event_edit
    monkeypatch.setattr(event_messages, "submit_event_edit", submit_after_another)
    gateway.work_until(60)
    assert gateway.calls == 1
    assert gateway.messages == []


def test_failed_free_edit_is_made_when_the_object_is_put_again(gateway):
    gateway.answer(400, {"error": {"message": "no", "code": "invalid_value"}})
    gateway.upload(times=2)
    gateway.work_all()
    assert FAILURE in gateway.inbox.objects
    calls = gateway.calls
    gateway.answer()
    gateway.upload(times=2)
    gateway.work_all()
    assert gateway.calls == calls + 1
    assert OUTPUT in gateway.inbox.objects


@pytest.mark.parametrize("name", ["my photo+1 (ü)%.png", "a/b/c.png", "x" * 990 + ".png"])
def test_object_with_an_unusual_name_has_its_result(gateway, name):
    key = f"inbox/white/{name}"
    event = gateway.inbox.upload(key, PHOTO)
    for body in (object_bus_event(event), object_notification(event)):
        gateway.post(body)
    gateway.work_all()
    assert f"outbox/white/{name}" in gateway.inbox.objects
    assert (gateway.calls, gateway.sent.rejected) == (1, [])


@pytest.mark.parametrize(
    ("key", "data", "code"),
    [
        ("inbox/white/" + "x" * 1008 + ".png", PHOTO, "object_key_too_long"),
        (PHOTO_KEY, b"", "empty_object"),
        (PHOTO_KEY, b"%PDF-1.7\n%not a picture\n", "unsupported_image_format"),
        ("inbox/other/photo.png", PHOTO, "recipe_not_found"),
        ("inbox/photo.png", PHOTO, "recipe_not_found"),
    ],
)
def test_object_that_can_never_work_is_one_failure_and_no_retry(gateway, key, data, code):
    gateway.upload(key, data, times=2)
    gateway.work_all()
    (failure,) = [one for one in gateway.inbox.objects if one.startswith("failed/")]
    stored = gateway.read_json(failure)
    assert (stored["error"]["code"], stored["billed"], stored["object"]) == (code, "no", key)
    assert (gateway.calls, gateway.messages, gateway.sent.rejected) == (0, [], [])
    assert set(gateway.event_types) == {"failed"}
    assert len(gateway.event_ids) == 1


def test_object_over_50_mb_is_a_failure_before_it_is_read(gateway):
    event = object_bus_event(gateway.inbox.upload(PHOTO_KEY, PHOTO))
    event["detail"]["object"]["size"] = 60_000_000
    gateway.post(event)
    gateway.work_all()
    assert gateway.read_json(FAILURE)["error"]["code"] == "object_too_large"
    assert PHOTO_KEY not in gateway.inbox.reads


def test_recipe_with_an_unknown_model_or_without_a_prompt_is_a_failure(gateway):
    gateway.write_recipe(edit={"model": "nobody/nothing", "prompt": "p"})
    gateway.upload()
    gateway.work_all()
    assert gateway.read_json(FAILURE)["error"]["code"] == "model_not_found"
    assert gateway.calls == 0


def test_folder_marker_and_result_that_was_copied_into_the_inbox_are_ignored(gateway):
    gateway.upload("inbox/white/", b"")
    gateway.upload(PHOTO_KEY, PHOTO, {"retouch-order": "ord_1"})
    gateway.work_all()
    assert (gateway.calls, gateway.messages, gateway.sent.events) == (0, [], [])


def test_result_that_is_copied_back_with_its_job_starts_no_loop(gateway):
    gateway.upload()
    gateway.work_all()
    for key in [one for one in gateway.inbox.objects if one.startswith("outbox/")]:
        stored = gateway.inbox.objects[key]
        gateway.upload(key.replace("outbox/", "inbox/", 1), stored.data, dict(stored.metadata))
    gateway.work_all()
    assert gateway.calls == 1
    assert not any(read_inbox_key(key) is None and "inbox/" in key for key in gateway.inbox.objects)
