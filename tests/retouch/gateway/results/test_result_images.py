"""Tests of the images that a provider returned: which are readable, and whose fault the others are."""

import pytest
from PIL import Image

from retouch.core.edit_types import GeneratedImage
from retouch.gateway.results.result_images import (
    UNKNOWN_FORMAT,
    DamagedResult,
    UnreadableResult,
    UnsupportedResult,
    open_damaged,
    open_result,
    open_results,
    open_to_store,
    result_format,
)
from retouch.imaging.formats.png import SIGNATURE
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.support.images import b64, channel_values, decode_image, encode_image, photo, scene
from tests.support.unusual_results import (
    DAMAGED_JPEG_2000,
    JPEG_XL,
    animation,
    png_with_wrong_checksum,
    png_without_pixels,
)

TOO_MANY_PIXELS = b"".join(
    (SIGNATURE, (13).to_bytes(4), b"IHDR", (16_000).to_bytes(4) * 2, bytes((8, 2, 0, 0, 0)))
)


def with_header_checksum(start):
    """Return a PNG that consists of its header. It is complete up to its image data."""
    from zlib import crc32

    return start + crc32(start[12:]).to_bytes(4)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("encode", [lambda data: {"data": data}, lambda data: {"b64": b64(data)}])
def test_still_image_is_opened_unchanged(format, encode):
    image = GeneratedImage(**encode(photo(64, 48, format)))
    opened = open_result(image)
    assert opened.image is image
    assert (opened.file.format, opened.file.size, opened.notes) == (format.lower(), (64, 48), ())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"BM only text",
        b"GIF8",
        photo()[:200],
        png_with_wrong_checksum(),
        png_without_pixels(),
        photo(format="JPEG")[:-400],
        photo(format="WEBP")[:-40],
        animation("WEBP")[:-40],
    ],
    ids=lambda data: repr(data[:12]),
)
def test_damaged_result_is_unreadable_and_may_be_billed(data):
    with pytest.raises(UnreadableResult) as exc_info:
        open_result(GeneratedImage(data=data))
    fault = exc_info.value
    assert not isinstance(fault, UnsupportedResult)
    assert (fault.status, fault.code, fault.billed) == (502, "no_image_returned", "unknown")


@pytest.mark.parametrize(
    ("data", "format"), [(JPEG_XL, "jxl"), (b"a new format\0", UNKNOWN_FORMAT)], ids=["jxl", "new"]
)
def test_image_of_another_format_is_recognized_but_not_opened(data, format):
    image = GeneratedImage(b64=b64(data))
    assert result_format(image) == format
    with pytest.raises(UnsupportedResult):
        open_result(image)


def test_intact_image_above_the_limits_is_unsupported_instead_of_unreadable():
    image = GeneratedImage(data=with_header_checksum(TOO_MANY_PIXELS))
    assert DEFAULT_LIMITS.pixels < 16_000**2
    with pytest.raises(UnsupportedResult):
        open_result(image)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_jpeg_2000_is_opened_as_png(mode):
    data = encode_image(scene(64, 48).convert(mode), "JPEG2000", irreversible=False)
    opened = open_result(GeneratedImage(b64=b64(data), revised_prompt="a hat"))
    assert (opened.file.format, opened.file.size) == ("png", (64, 48))
    assert opened.image.to_bytes() == opened.file.data
    assert opened.image.revised_prompt == "a hat"


def test_tiff_with_several_pages_is_opened_as_its_first_page():
    pages = [Image.new("RGB", (64, 48), name) for name in ("red", "blue")]
    data = encode_image(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    opened = open_result(GeneratedImage(data=data))
    assert opened.file.format == "png"
    assert channel_values(decode_image(opened.file.data), (5, 5)) == (255, 0, 0)
    assert "first frame" in opened.notes[0]


@pytest.mark.parametrize(
    "image",
    [
        GeneratedImage(data=png_with_wrong_checksum()),
        GeneratedImage(data=DAMAGED_JPEG_2000),
        GeneratedImage(data=animation("WEBP")[:-40]),
        GeneratedImage(b64=b64(photo())[:-41] + "~"),
    ],
    ids=["png", "jpeg-2000", "animation", "base64"],
)
def test_damaged_image_is_opened_with_a_note_only_when_that_is_asked_for(image):
    with pytest.raises(DamagedResult):
        open_to_store(image)
    opened = open_damaged(image)
    assert opened.image is image
    assert opened.notes[0].startswith("image_damaged: ")


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_animation_is_opened_as_its_first_frame(format):
    opened = open_result(GeneratedImage(data=animation(format), revised_prompt="a hat"))
    frame = decode_image(opened.image.data)
    assert getattr(frame, "n_frames", 1) == 1
    assert channel_values(frame.convert("RGB"), (5, 5)) == (255, 0, 0)
    assert opened.file.data == opened.image.data
    assert opened.file.format == format.lower()
    assert opened.image.revised_prompt == "a hat"
    assert "first frame" in opened.notes[0]


def test_readable_results_are_returned_and_the_others_named():
    good, bad = GeneratedImage(data=photo()), GeneratedImage(data=png_with_wrong_checksum())
    opened = open_results([bad, good, bad])
    assert [one.image for one in opened.images] == [good]
    assert opened.notes == (
        "n: 2 of 3 images cannot be read: The provider's result is a damaged image.",
    )


def test_no_readable_result_raises_unreadable_result():
    with pytest.raises(UnreadableResult):
        open_results([GeneratedImage(data=b"<html>"), GeneratedImage(data=b"")])
