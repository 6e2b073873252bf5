"""Tests of what is written about the end of an edit, in any order."""

import json
from dataclasses import replace

import pytest

from retouch.inbox.outbox import EditEnd, OutboxImage, write_failure, write_result
from retouch.inbox.store import InboxUnavailable
from retouch.orders.destination import Destination, InboxTarget, read_destination
from tests.support.inbox import BUCKET, InMemoryInbox

TARGET = InboxTarget(
    BUCKET,
    "inbox/white/photo.jpg",
    "white",
    "e1",
    "outbox/{recipe}/{stem}.{ext}",
    "failed/white/photo.jpg.json",
    "0A",
    10.0,
)
NEWER = replace(TARGET, sequencer="0B", modified=11.0)
END = EditEnd("ord_1", "yes", "0.04", {"id": "edit_1", "status": "completed"})
KEY = "outbox/white/photo.png"


@pytest.fixture
def inbox():
    return InMemoryInbox()


def write(inbox, data=b"a", target=TARGET, count=1):
    return write_result(target, [OutboxImage(data, "png")] * count, END, inbox)


def test_result_and_its_job_are_written_with_the_order(inbox):
    assert write(inbox) == [KEY]
    image, job = inbox.objects[KEY], inbox.objects[f"{KEY}.json"]
    assert image.data == b"a"
    assert image.metadata == {
        "retouch-order": "ord_1",
        "retouch-source": "inbox/white/photo.jpg",
        "retouch-billed": "yes",
        "retouch-cost-usd": "0.04",
        "retouch-sequencer": "0A",
        "retouch-modified": "10.0",
    }
    assert json.loads(job.data) == {"id": "edit_1", "status": "completed", "outputs": [KEY]}
    assert "retouch-order" in job.metadata


def test_several_images_are_numbered(inbox):
    assert write(inbox, count=2) == [KEY, "outbox/white/photo-2.png"]


def test_jpeg_has_the_usual_extension(inbox):
    assert write_result(TARGET, [OutboxImage(b"a", "jpeg")], END, inbox) == [
        "outbox/white/photo.jpg"
    ]


@pytest.mark.parametrize("order", [(TARGET, NEWER), (NEWER, TARGET)])
def test_newer_version_stays_whichever_ends_last(inbox, order):
    for target in order:
        write(inbox, target.sequencer.encode(), target)
    assert inbox.objects[KEY].data == b"0B"
    assert inbox.objects[f"{KEY}.json"].metadata["retouch-sequencer"] == "0B"


def test_writing_the_same_end_again_changes_nothing(inbox):
    write(inbox)
    before = {key: stored.data for key, stored in inbox.objects.items()}
    assert write(inbox) == [KEY]
    assert {key: stored.data for key, stored in inbox.objects.items()} == before


def test_results_of_two_objects_with_one_stem_do_not_replace_each_other(inbox):
    other = replace(TARGET, object_key="inbox/white/photo.webp")
    assert write(inbox, b"a") == [KEY]
    assert write(inbox, b"b", other) == ["outbox/white/photo.webp.png"]
    assert write(inbox, b"a2", NEWER) == [KEY]
    assert inbox.objects["outbox/white/photo.webp.png"].data == b"b"


def test_object_that_somebody_else_has_put_there_is_replaced(inbox):
    inbox.upload(KEY, b"by hand")
    write(inbox)
    assert inbox.objects[KEY].data == b"a"


def test_write_that_meets_another_writer_looks_again(inbox):
    put = inbox.write

    def write_after_another(file, replaces):
        inbox.write = put
        write(inbox, b"newer", NEWER)
        return put(file, replaces)

    inbox.write = write_after_another
    write(inbox, b"older")
    assert inbox.objects[KEY].data == b"newer"


def test_writer_that_never_wins_fails_and_is_tried_again_later(inbox):
    inbox.write = lambda *_: False
    with pytest.raises(InboxUnavailable):
        write(inbox)


def test_failure_says_the_error_and_what_was_billed(inbox):
    job = {"id": "edit_1", "status": "failed", "error": {"code": "order_outcome_unknown"}}
    write_failure(TARGET, EditEnd("ord_1", "unknown", "", job), inbox)
    stored = inbox.objects["failed/white/photo.jpg.json"]
    assert json.loads(stored.data) == {
        "object": "inbox/white/photo.jpg",
        "error": {"code": "order_outcome_unknown"},
        "status": "failed",
        "billed": "unknown",
        "order": "ord_1",
        "job": "edit_1",
    }
    assert "retouch-cost-usd" not in stored.metadata


def test_metadata_of_a_long_key_stays_within_the_limit_of_s3(inbox):
    target = replace(TARGET, object_key=f"inbox/white/{'ü' * 490}.jpg")
    (key,) = write(inbox, target=target)
    metadata = inbox.objects[key].metadata
    assert sum(len(name) + len(text) for name, text in metadata.items()) < 2048
    assert all(text.isascii() for text in metadata.values())


@pytest.mark.parametrize(
    "destination",
    [
        Destination(),
        Destination(TARGET),
        Destination(None, "arn:aws:sqs:us-east-1:123456789012:replies", "token"),
        Destination(TARGET, "arn", "token"),
    ],
)
def test_destination_survives_the_record_of_an_order(destination):
    assert read_destination(destination.to_text()) == destination
