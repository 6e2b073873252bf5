"""Tests of the decoding of photos with ISA-L: Pillow alone is the reference."""

import zlib
from io import BytesIO
from random import Random

import pytest
from PIL import Image, PngImagePlugin

from retouch.imaging import codec
from retouch.imaging.errors import InvalidImage
from retouch.imaging.png_inflate import is_photo, iter_stored_data

SIZE = (301, 203)
SMALL = (120, 80)  # its data is in one chunk


def photo(mode="RGB", size=SIZE, **options):
    """Return a PNG that compresses like a photo: a gradient with grain."""
    random = Random(7)
    levels = bytes(
        (x + y // 2 + random.randrange(24)) % 256
        for y in range(size[1])
        for x in range(size[0] * len(mode))
    )
    buffer = BytesIO()
    Image.frombytes(mode, size, levels).save(buffer, "png", **options)
    return buffer.getvalue()


def pillow_pixels(data):
    with Image.open(BytesIO(data)) as image:
        image.load()
        return image


def decode_without_fallback(data, size=SIZE):
    image = codec._load_photo(data, size)
    assert image is not None
    return image


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_decoded_photo_equals_that_of_pillow(mode):
    data = photo(mode)
    assert is_photo(data)
    image, expected = decode_without_fallback(data), pillow_pixels(data)
    assert (image.mode, image.size) == (expected.mode, expected.size)
    assert image.tobytes() == expected.tobytes()


def test_photo_in_many_chunks_equals_that_of_pillow(monkeypatch):
    data = photo()
    monkeypatch.setattr("PIL.ImageFile.MAXBLOCK", 1000)
    buffer = BytesIO()
    pillow_pixels(data).save(buffer, "png")
    assert buffer.getvalue().count(b"IDAT") > 10
    assert decode_without_fallback(buffer.getvalue()).tobytes() == pillow_pixels(data).tobytes()


def test_transparent_colour_and_profile_are_read():
    info = PngImagePlugin.PngInfo()
    data = photo(transparency=(1, 2, 3), icc_profile=b"profile", pnginfo=info)
    image = decode_without_fallback(data)
    assert image.info["transparency"] == (1, 2, 3)
    assert image.info["icc_profile"] == b"profile"


def test_stored_data_inflates_to_the_same_lines():
    data = photo(size=SMALL)
    start = data.index(b"IDAT") + 4
    length = int.from_bytes(data[start - 8 : start - 4])
    stored = b"".join(iter_stored_data(data))
    assert zlib.decompress(stored) == zlib.decompress(data[start : start + length])


@pytest.mark.parametrize("kind", ["drawing", "noise", "grey"])
def test_other_pngs_are_no_photos(kind):
    images = {
        "drawing": Image.new("RGB", SIZE, "red"),
        "noise": Image.frombytes("RGB", SIZE, Random(7).randbytes(SIZE[0] * SIZE[1] * 3)),
        "grey": pillow_pixels(photo()).convert("L"),
    }
    buffer = BytesIO()
    images[kind].save(buffer, "png")
    assert not is_photo(buffer.getvalue())


def damaged(data, offset):
    changed = bytearray(data)
    start = data.index(b"IDAT") + 4
    changed[start + offset] ^= 0xFF
    return bytes(changed)


@pytest.mark.parametrize("offset", [0, 1, 2, 3000, 9000])
def test_damaged_photo_is_judged_as_pillow_judges_it(monkeypatch, offset):
    data = damaged(photo(), offset)
    outcomes: list[object] = []
    for load in (codec._load_photo, lambda *_: None):
        monkeypatch.setattr(codec, "_load_photo", load)
        try:
            outcomes.append(codec.load_with_pillow(data, "png", SIZE).tobytes())
        except InvalidImage as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_wrong_checksum_of_the_pixels_is_judged_as_pillow_judges_it():
    data = photo(size=SMALL)
    start = data.index(b"IDAT") + 4
    end = start + int.from_bytes(data[start - 8 : start - 4])
    changed = data[: end - 4] + bytes(4) + data[end:]
    try:
        expected = pillow_pixels(changed).tobytes()
    except OSError:
        with pytest.raises(InvalidImage):
            codec.load_with_pillow(changed, "png", SMALL)
    else:
        assert codec.load_with_pillow(changed, "png", SMALL).tobytes() == expected
