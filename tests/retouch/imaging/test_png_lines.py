"""Tests of PNG lines that keep their filters: Pillow's decoding of the whole file is the reference."""

import zlib
from itertools import cycle, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from retouch.imaging.colour import decode_srgb
from retouch.imaging.compose import composite_original
from retouch.imaging.inspect import inspect_image
from retouch.imaging.png_lines import decode_lines, read_first_lines, read_lines
from retouch.imaging.prepared_original import prepare_filtered_lines, write_restored_png
from tests.cases.images.build import IEND_CHUNK, SIGNATURE, chunk, header
from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.samples import exif_with_orientation, sample_image
from tests.support.images import decode_image, encode_image, scene

SIZE = (23, 31)
FILTERS = {"None": 0, "Sub": 1, "Up": 2, "Average": 3, "Paeth": 4}
COLOUR_TYPES = {"RGB": 2, "RGBA": 6}
quick_settings = settings(max_examples=60, deadline=None)


def png_of_lines(data, mode="RGB", size=SIZE):
    """Return a PNG with that image data, before its compression."""
    head = header(*size, colour=COLOUR_TYPES[mode])
    return SIGNATURE + head + chunk(b"IDAT", zlib.compress(data)) + IEND_CHUNK


def noise_with_filters(filters, mode="RGB", size=SIZE):
    """Return a PNG whose lines have these filters in turn. With any filter, any bytes are pixels."""
    noise = sample_image((size[0] * len(mode), size[1])).convert("L").tobytes()
    stride = size[0] * len(mode)
    lines = (noise[at : at + stride] for at in range(0, len(noise), stride))
    return png_of_lines(
        b"".join(bytes((f,)) + line for f, line in zip(cycle(filters), lines, strict=False)),
        mode,
        size,
    )


def lines_of(file):
    lines = read_lines(file)
    assert lines is not None
    return lines


def box_of(top, bottom):
    mask = Image.new("L", SIZE)
    mask.paste(255, (4, top, 15, bottom))
    return mask


def assert_restored_exactly(data, mask, result):
    file = inspect_image(data)
    pixels = decode_srgb(file)
    prepared = prepare_filtered_lines(lines_of(file), mask, feather=3)
    written = write_restored_png(prepared, result, (0, 0, *SIZE))
    expected, preserved_pixels = composite_original(pixels, result, mask, feather=3)
    assert written is not None
    inspect_image(written)
    restored = decode_image(written)
    assert (restored.mode, restored.tobytes()) == (expected.mode, expected.tobytes())
    assert prepared.preserved_pixels == preserved_pixels


@pytest.mark.parametrize("mode", COLOUR_TYPES)
@pytest.mark.parametrize("filter_name", FILTERS)
@pytest.mark.parametrize(("top", "bottom"), [(0, 31), (0, 8), (9, 20), (30, 31), (7, 30)])
def test_unmarked_pixels_are_exact_with_every_filter(mode, filter_name, top, bottom):
    data = noise_with_filters([FILTERS[filter_name]], mode)
    result = scene(*SIZE).convert("RGB")
    assert_restored_exactly(data, box_of(top, bottom), result)


@quick_settings
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=31),
    st.sampled_from(list(COLOUR_TYPES)),
    st.integers(0, 30),
    st.integers(1, 31),
)
def test_unmarked_pixels_are_exact_with_any_filters(filters, mode, top, height):
    mask = box_of(top, min(31, top + height))
    assert_restored_exactly(noise_with_filters(filters, mode), mask, scene(*SIZE).convert("RGB"))


@pytest.mark.parametrize("band_bytes", [1, 200, 10**6])
@pytest.mark.parametrize("filters", [[4], [2, 3], [0, 4, 4], [1, 2, 3, 4, 0]])
def test_decoded_lines_are_those_of_the_whole_image(monkeypatch, filters, band_bytes):
    monkeypatch.setattr("retouch.imaging.png_lines._BAND_BYTES", band_bytes)
    file = inspect_image(noise_with_filters(filters))
    pixels, lines = decode_srgb(file), lines_of(file)
    for top, bottom in [(0, 31), (5, 17), (30, 31), (0, 1)]:
        part = decode_lines(lines, top, bottom)
        assert part.tobytes() == pixels.crop((0, top, SIZE[0], bottom)).tobytes()


def test_lines_longer_than_a_block_are_decoded():
    size = (16_384, 3)
    file = inspect_image(noise_with_filters([4], "RGBA", size))
    assert decode_lines(lines_of(file), 0, 3).tobytes() == decode_srgb(file).tobytes()


@pytest.mark.parametrize("mode", COLOUR_TYPES)
@pytest.mark.parametrize(("count", "columns"), [(31, 23), (12, 9), (1, 1), (31, 1), (3, 23)])
def test_first_lines_and_columns_are_those_of_the_whole_image(mode, count, columns):
    file = inspect_image(noise_with_filters([4, 3, 2], mode))
    lines = read_first_lines(file, count, columns)
    assert lines is not None
    part = decode_lines(lines, 0, count)
    assert part.tobytes() == decode_srgb(file).crop((0, 0, columns, count)).tobytes()


OTHER_FILES = {
    "grey": encode_image(scene(*SIZE).convert("L")),
    "grey and alpha": encode_image(scene(*SIZE).convert("LA")),
    "palette": encode_image(scene(*SIZE).convert("P")),
    "16 bits": encode_image(Image.new("I;16", SIZE)),
    "interlaced": SIGNATURE
    + header(8, 8, colour=2, interlace=1)
    + chunk(b"IDAT", zlib.compress(bytes(8 * 8 * 3 + 15)))
    + IEND_CHUNK,
    "transparent colour": encode_image(scene(*SIZE).convert("RGB"), transparency=(1, 2, 3)),
    "turned": encode_image(scene(*SIZE).convert("RGB"), exif=exif_with_orientation(6)),
    "other colours": encode_image(
        scene(*SIZE).convert("RGB"), icc_profile=icc_profiles.rgb_profile()
    ),
    "JPEG": encode_image(scene(*SIZE).convert("RGB"), "JPEG"),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
def test_files_of_other_kinds_have_no_lines_to_keep(kind):
    file = inspect_image(OTHER_FILES[kind])
    assert read_lines(file) is None
    assert read_first_lines(file, 1, 1) is None


SIZE_OF_DAMAGED = (160, 160)  # more than the check of the structure inflates
STRIDE = 1 + 3 * SIZE_OF_DAMAGED[0]
INTACT = b"".join(islice(cycle([bytes(STRIDE)]), SIZE_OF_DAMAGED[1]))
DAMAGED = {
    "too short": INTACT[:-1],
    "too long": INTACT + b"\0",
    "unknown filter": INTACT[:-STRIDE] + b"\5" + INTACT[1 - STRIDE :],
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_data_has_no_lines(kind):
    assert read_lines(inspect_image(png_of_lines(INTACT, size=SIZE_OF_DAMAGED))) is not None
    assert read_lines(inspect_image(png_of_lines(DAMAGED[kind], size=SIZE_OF_DAMAGED))) is None


def test_wrong_checksum_of_the_image_data_gives_no_lines():
    stream = zlib.compress(INTACT)[:-4] + bytes(4)
    head = header(*SIZE_OF_DAMAGED, colour=2)
    data = SIGNATURE + head + chunk(b"IDAT", stream) + IEND_CHUNK
    assert read_lines(inspect_image(data)) is None
