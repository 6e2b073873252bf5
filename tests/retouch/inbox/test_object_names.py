"""Tests of keys: folders, masks, sidecars, results and failures."""

import pytest

from retouch.inbox.object_names import (
    FAILED_PREFIX,
    INBOX_PREFIX,
    MAX_KEY_BYTES,
    OUTBOX_PREFIX,
    RECIPES_PREFIX,
    InboxName,
    decode_record_key,
    expand_pattern,
    failure_key,
    is_match,
    output_key,
    read_inbox_key,
    split_extension,
)

TEMPLATE = "outbox/{recipe}/{stem}.{ext}"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("inbox/white/photo.png", InboxName("white", "photo.png")),
        ("inbox/white/a/b c+ü.png", InboxName("white", "a/b c+ü.png")),
        ("inbox/photo.png", InboxName("", "photo.png")),
        ("inbox/white/", None),
        ("inbox/white/a/", None),
        ("outbox/white/photo.png", None),
        ("inboxes/white/photo.png", None),
    ],
)
def test_inbox_key_is_split(key, expected):
    assert read_inbox_key(key) == expected


def test_record_key_is_decoded_as_a_form_and_a_plus_sign_survives():
    assert decode_record_key("a%2Bb+c%2520%C3%BC.png") == "a+b c%20ü.png"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/b.c.png", ("a/b.c", "png")),
        ("a.d/b", ("a.d/b", "")),
        (".png", (".png", "")),
        ("a/.hidden", ("a/.hidden", "")),
    ],
)
def test_extension_is_split_from_the_last_part(name, expected):
    assert split_extension(name) == expected


def test_mask_and_sidecar_belong_to_their_photo():
    photo = InboxName("white", "shoes/photo.jpg")
    mask, sidecar = (
        InboxName("white", "shoes/photo.mask.png"),
        InboxName("white", "shoes/photo.jpg.json"),
    )
    assert mask.is_mask_of(photo)
    assert sidecar.is_sidecar_of(photo)
    assert not InboxName("white", "shoes/photo2.mask.png").is_mask_of(photo)
    assert not InboxName("white", "shoes/photo.png.json").is_sidecar_of(photo)
    assert not InboxName("white", ".mask.png").is_mask
    prefixes = {one.sibling_prefix for one in (photo, mask, sidecar)}
    assert prefixes == {"inbox/white/shoes/photo."}


def test_output_has_the_stem_the_format_and_a_number_from_the_second_image():
    name = InboxName("white", "a/photo.jpg")
    assert output_key(TEMPLATE, name, "png", 0) == "outbox/white/a/photo.png"
    assert output_key(TEMPLATE, name, "png", 1) == "outbox/white/a/photo-2.png"
    indexed = "outbox/{stem}/{index}.{ext}"
    assert output_key(indexed, name, "webp", 0) == "outbox/a/photo/1.webp"


def test_placeholder_in_the_name_of_an_object_is_not_replaced():
    assert (
        output_key(TEMPLATE, InboxName("white", "{ext}.png"), "png", 0) == "outbox/white/{ext}.png"
    )


def test_failure_of_a_very_long_name_has_a_key_that_s3_takes():
    name = InboxName("white", "ü" * 504 + ".png")
    assert len(f"inbox/white/{name.name}".encode()) <= MAX_KEY_BYTES
    key = failure_key(name)
    assert key.startswith("failed/white/")
    assert len(key.encode()) <= MAX_KEY_BYTES
    assert key != failure_key(InboxName("white", "u" + name.name[1:]))


def test_failure_lies_beside_the_name_of_its_object():
    assert failure_key(InboxName("white", "a/p.png")) == "failed/white/a/p.png.json"
    assert failure_key(InboxName("", "p.png")) == "failed/p.png.json"


def test_no_folder_contains_another_one():
    folders = [RECIPES_PREFIX, INBOX_PREFIX, OUTBOX_PREFIX, FAILED_PREFIX, "results/", "uploads/"]
    assert not [(a, b) for a in folders for b in folders if a != b and a.startswith(b)]


def test_pattern_with_braces_ignores_upper_and_lower_case():
    assert expand_pattern("{a,b}.{png,jpg}") == ["a.png", "a.jpg", "b.png", "b.jpg"]
    assert is_match("shoes/Photo.JPG", "*.{png,jpg}")
    assert not is_match("notes.txt", "*.{png,jpg}")


@pytest.mark.parametrize("pattern", ["{a", "a}", "{a{b}}", "{a,b,c,d,e}" * 3])
def test_pattern_with_wrong_or_many_braces_is_refused(pattern):
    with pytest.raises(ValueError, match=r"braces|patterns"):
        expand_pattern(pattern)
