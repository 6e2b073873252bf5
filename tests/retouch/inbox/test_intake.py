"""Tests of what an object becomes: an edit, a refusal, or nothing."""

import json
from base64 import b64decode
from typing import Any

import pytest

from retouch.inbox.intake import ObjectEdit, RefusedObject, SkippedObject, take_object
from retouch.inbox.store import InboxUnavailable, ObjectCreated
from tests.support.inbox import BUCKET, InMemoryInbox, recipe_cache
from tests.support.services import FakeClock

EDIT = {"model": "local/erase", "prompt": "p"}
PHOTO, MASK = "inbox/white/photo.png", "inbox/white/photo.mask.png"


@pytest.fixture
def inbox():
    store = InMemoryInbox()
    write_recipe(store)
    return store


def write_recipe(store, **values):
    store.upload("recipes/white.json", json.dumps({"edit": EDIT, **values}).encode())


def take(store, event):
    (intake,) = take_object(event, store, recipe_cache(store))
    return intake


def image_bytes(reference):
    return b64decode(reference["image_url"].partition(",")[2])


def test_photo_becomes_the_edit_of_its_recipe(inbox):
    edit = take(inbox, inbox.upload(PHOTO, b"photo"))
    assert isinstance(edit, ObjectEdit)
    assert {**EDIT, "images": edit.values["images"]} == edit.values
    assert image_bytes(edit.values["images"][0]) == b"photo"
    assert (edit.target.object_key, edit.target.failure_key) == (
        PHOTO,
        "failed/white/photo.png.json",
    )


@pytest.mark.parametrize("key", ["outbox/white/photo.png", "inbox/white/", "results/a.png"])
def test_object_outside_the_inbox_and_folder_marker_are_ignored_unread(inbox, key):
    assert take(inbox, inbox.upload(key, b"")) == SkippedObject("not_in_inbox")
    assert inbox.reads == []


def test_object_that_the_recipe_does_not_take_is_ignored(inbox):
    assert take(inbox, inbox.upload("inbox/white/notes.txt", b"x")) == SkippedObject("no_match")


def test_result_that_is_copied_into_the_inbox_is_ignored(inbox):
    event = inbox.upload(PHOTO, b"x", {"retouch-order": "ord_1"})
    assert take(inbox, event) == SkippedObject("result")


def test_job_of_a_result_that_is_copied_beside_a_photo_is_no_sidecar(inbox):
    inbox.upload(f"{PHOTO}.json", b'{"id": "edit_1"}', {"retouch-order": "ord_1"})
    edit = take(inbox, inbox.upload(PHOTO, b"x"))
    assert "id" not in edit.values


@pytest.mark.parametrize("first", [PHOTO, MASK])
def test_photo_and_mask_in_either_order_are_one_edit(inbox, first):
    write_recipe(inbox, mask="sibling")
    other = MASK if first == PHOTO else PHOTO
    assert take(inbox, inbox.upload(first, first.encode())) == SkippedObject("waiting")
    late = inbox.upload(other, other.encode())
    edit = take(inbox, late)
    assert image_bytes(edit.values["images"][0]) == PHOTO.encode()
    assert image_bytes(edit.values["mask"]) == MASK.encode()
    early = ObjectCreated(BUCKET, first, inbox.objects[first].etag, 5, "01")
    assert take(inbox, early).key == edit.key
    assert take(inbox, early).target.modified == edit.target.modified


def test_mask_starts_the_edit_of_each_of_its_photos(inbox):
    write_recipe(inbox, mask="sibling")
    inbox.upload(PHOTO, b"a")
    inbox.upload("inbox/white/photo.jpg", b"b")
    edits: Any = take_object(inbox.upload(MASK, b"m"), inbox, recipe_cache(inbox))
    assert {edit.target.object_key for edit in edits} == {PHOTO, "inbox/white/photo.jpg"}


def test_mask_without_the_rule_is_a_photo_like_any_other(inbox):
    assert take(inbox, inbox.upload(MASK, b"m")).target.object_key == MASK


def test_alpha_rule_takes_the_photo_as_its_mask(inbox):
    write_recipe(inbox, mask="alpha")
    edit = take(inbox, inbox.upload(PHOTO, b"photo"))
    assert image_bytes(edit.values["mask"]) == b"photo"


def test_shapes_of_the_recipe_are_the_mask(inbox):
    shapes = {"shapes": [{"type": "circle", "cx": 1, "cy": 1, "r": 1}]}
    write_recipe(inbox, mask=shapes)
    assert take(inbox, inbox.upload(PHOTO, b"photo")).values["mask"] == shapes


def test_prompt_of_the_metadata_and_fields_of_the_sidecar_override_the_recipe(inbox):
    inbox.upload(f"{PHOTO}.json", b'{"size": "64x64"}')
    edit = take(inbox, inbox.upload(PHOTO, b"x", {"prompt": "red"}))
    assert (edit.values["prompt"], edit.values["size"]) == ("red", "64x64")


def test_same_bytes_with_another_prompt_are_another_edit(inbox):
    first = take(inbox, inbox.upload(PHOTO, b"x", {"prompt": "red"}))
    second = take(inbox, inbox.upload(PHOTO, b"x", {"prompt": "blue"}))
    assert first.key != second.key


def test_same_bytes_again_have_the_same_key_unless_the_recipe_buys_them(inbox):
    first = take(inbox, inbox.upload(PHOTO, b"x"))
    assert take(inbox, inbox.upload(PHOTO, b"x")).key == first.key
    write_recipe(inbox, on_same="buy")
    keys = {take(inbox, inbox.upload(PHOTO, b"x")).key for _ in range(2)}
    assert len(keys) == 2


def test_required_sidecar_is_waited_for_in_either_order(inbox):
    write_recipe(inbox, sidecar="required")
    assert take(inbox, inbox.upload(PHOTO, b"x")) == SkippedObject("waiting")
    edit = take(inbox, inbox.upload(f"{PHOTO}.json", b'{"prompt": "red"}'))
    assert edit.values["prompt"] == "red"


def test_sidecar_alone_waits_for_its_photo(inbox):
    event = inbox.upload(f"{PHOTO}.json", b'{"prompt": "red"}')
    assert take(inbox, event) == SkippedObject("waiting")


def test_overwritten_object_is_superseded(inbox):
    old = inbox.upload(PHOTO, b"old")
    inbox.upload(PHOTO, b"new")
    assert take(inbox, old) == SkippedObject("superseded")


def test_deleted_object_is_superseded(inbox):
    event = inbox.upload(PHOTO, b"x")
    del inbox.objects[PHOTO]
    assert take(inbox, event) == SkippedObject("superseded")


@pytest.mark.parametrize(("size", "code"), [(0, "empty_object"), (60_000_000, "object_too_large")])
def test_object_of_a_wrong_size_is_refused_unread(inbox, size, code):
    event = ObjectCreated(BUCKET, PHOTO, "e", size)
    refusal = take(inbox, event)
    assert isinstance(refusal, RefusedObject)
    assert refusal.fault.code == code
    assert inbox.reads == ["recipes/white.json"]


def test_name_whose_result_would_be_too_long_is_refused_unread(inbox):
    event = ObjectCreated(BUCKET, f"inbox/white/{'p' * 1008}.png", "e", 5)
    refusal = take(inbox, event)
    assert refusal.fault.code == "object_key_too_long"
    assert inbox.reads == ["recipes/white.json"]


@pytest.mark.parametrize("key", ["inbox/photo.png", "inbox/_x/photo.png", "inbox/gone/photo.png"])
def test_object_without_a_recipe_is_refused(inbox, key):
    refusal = take(inbox, inbox.upload(key, b"x"))
    assert refusal.fault.code == "recipe_not_found"
    assert "recipes/" in str(refusal.fault)


def test_invalid_recipe_has_one_failure_for_all_objects(inbox):
    inbox.upload("recipes/white.json", b"{")
    refusal = take(inbox, inbox.upload(PHOTO, b"x"))
    assert refusal.fault.code == "invalid_recipe"
    assert refusal.target.failure_key == "failed/white/_recipe.json"


def test_invalid_sidecar_is_a_refusal(inbox):
    inbox.upload(f"{PHOTO}.json", b"{")
    assert take(inbox, inbox.upload(PHOTO, b"x")).fault.code == "invalid_sidecar"


def test_bucket_that_is_down_is_no_refusal(inbox):
    event = inbox.upload(PHOTO, b"x")
    inbox.is_down = True
    with pytest.raises(InboxUnavailable):
        take(inbox, event)


def test_recipe_is_kept_for_a_minute_and_a_missing_one_is_not(inbox):
    clock = FakeClock()
    recipes = recipe_cache(inbox, clock)
    assert recipes.find(BUCKET, "late") is None
    inbox.upload("recipes/late.json", json.dumps({"edit": EDIT}).encode())
    first = recipes.find(BUCKET, "late")
    inbox.upload("recipes/late.json", json.dumps({"edit": {"prompt": "new"}}).encode())
    assert recipes.find(BUCKET, "late") == first
    clock.advance(61)
    assert recipes.find(BUCKET, "late").edit == {"prompt": "new"}
