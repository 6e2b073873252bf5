"""Tests that the original of a masked edit is decoded at most once and checked once, and that its pixels stay exact."""

import pytest

from retouch.imaging import codec, inspect
from retouch.imaging.formats.structure import check_structure
from tests.support.images import scene
from tests.support.masked_edits import (
    HEIGHT,
    ORIGINALS,
    WIDTH,
    send_masked_edit,
    unmarked_difference,
)


@pytest.fixture
def decoded_files(monkeypatch):
    """Record the bytes of every file that is decoded."""
    files = []
    decode_as_stored = codec._load_as_stored

    def record(data, *arguments):
        files.append(data)
        return decode_as_stored(data, *arguments)

    monkeypatch.setattr(codec, "_load_as_stored", record)
    return files


# Of these the edit decodes only the lines of the marked area, when it returns a PNG.
KEPT_AS_LINES = ("PNG", "PNG with metadata")


@pytest.mark.parametrize("output_format", ["png", "webp"])
@pytest.mark.parametrize("kind", ORIGINALS)
def test_original_is_decoded_at_most_once_and_stays_exact_for_every_image(
    decoded_files, kind, output_format
):
    original = ORIGINALS[kind]
    expected = codec.decode(original)
    decoded_files.clear()
    results = send_masked_edit(original, n=3, output_format=output_format)
    is_kept_as_lines = output_format == "png" and kind in KEPT_AS_LINES
    assert decoded_files.count(original) == (0 if is_kept_as_lines else 1)
    assert [unmarked_difference(result, expected) for result in results] == [None] * 3
    assert all(result.tobytes() == results[0].tobytes() for result in results)


def test_large_original_is_decoded_again_after_the_call(decoded_files, monkeypatch):
    monkeypatch.setattr("retouch.gateway.prepare._MAX_KEPT_PIXELS", WIDTH * HEIGHT - 1)
    original = ORIGINALS["PNG"]
    (result,) = send_masked_edit(original)
    assert decoded_files.count(original) == 2
    assert unmarked_difference(result, scene(WIDTH, HEIGHT)) is None


@pytest.mark.parametrize("kind", ["PNG with metadata", "JPEG with metadata"])
def test_structure_of_each_file_is_checked_once(monkeypatch, kind):
    checked_files = []

    def record(data, *arguments):
        checked_files.append(data)
        return check_structure(data, *arguments)

    monkeypatch.setattr(inspect, "check_structure", record)
    send_masked_edit(ORIGINALS[kind])
    assert len(checked_files) == len(set(checked_files)) == 3  # the image, the mask, the result
