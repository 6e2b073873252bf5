"""Every hostile image file through the front door of the room."""

import io
import tracemalloc
from dataclasses import replace

import pytest
from PIL import Image

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.messages import Job, Picture, Recipe
from retouch.pixels.convert import decode
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import read_mask
from retouch.prepare import prepare
from tests.cases.images import everything
from tests.support.effort import effort

ANY = Model(id="m")


@pytest.fixture(params=[made.file for made in everything()])
def case(request, image_cases):
    return image_cases[request.param]


def verdict(case):
    """What the product makes of it: a Picture, a Mask or an InvalidRequest."""
    data = case.path.read_bytes()
    try:
        if case.role == "mask":
            return read_mask(data, Picture(b"", "png", *case.against))
        return inspect(data)
    except InvalidRequest as error:
        return error


def test_the_verdict_is_the_expected_one(case):
    result = verdict(case)
    refused = isinstance(result, InvalidRequest)
    assert case.verdict in ("either", "reject" if refused else "accept"), result
    if refused:
        assert result.code in case.codes
        assert result.param == case.role.replace("result", "image").replace("input", "image")
        assert result.status in (400, 413)
        assert all(word in str(result) for word in case.made.mentions), str(result)


def test_sizes_are_as_displayed_and_masks_measured(case):
    result = verdict(case)
    if case.made.size:
        assert result.size == case.made.size
    if case.made.editable:
        assert result.coverage == case.made.editable
        assert result.edit.size == case.against


def test_it_takes_neither_long_nor_much_memory(case):
    data = case.path.read_bytes()
    seconds = 3 * case.max_ms / 1000
    assert effort(lambda: verdict(case), seconds) < seconds
    tracemalloc.start()
    try:
        verdict(case)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(data) + 8_000_000
    assert peak < case.made.max_mb * 1_000_000


def test_what_is_accepted_is_decoded_or_refused_politely(case):
    if isinstance(verdict(case), InvalidRequest):
        return
    data = case.path.read_bytes()
    picture = inspect(data)
    try:
        assert decode(picture).size == picture.size
    except InvalidRequest as error:
        assert case.verdict == "either"
        assert error.code in case.codes


def test_no_metadata_is_sent(case):
    if not case.made.secrets:
        return
    picture = inspect(case.path.read_bytes())
    for recipe in (None, *map(Recipe, ("png", "jpeg", "webp"))):
        sent = prepare(Job("m", "p", (replace(picture, recipe=recipe),)), ANY).images[0]
        assert not any(secret in sent.data for secret in case.made.secrets)
        assert sent.size == picture.size
        assert sent.format == (recipe.format if recipe else picture.format)


def test_the_secrets_are_there_to_begin_with(image_cases):
    for case in image_cases.values():
        if case.made.secrets:
            data = case.path.read_bytes()
            assert any(secret in data for secret in case.made.secrets), case.file


def test_deep_grey_is_narrowed_not_clipped(image_cases):
    image = decode(image_cases["png_gray16.png"].path.read_bytes())
    assert image.mode == "L"
    assert image.getextrema() == (128, 128)


def test_cmyk_is_not_inverted(image_cases):
    data = image_cases["jpeg_cmyk.jpg"].path.read_bytes()
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as reference:
        assert decode(data).tobytes() == reference.convert("RGB").tobytes()


def test_orientations_are_those_of_the_standard(image_cases):
    """The stored picture is dark at the top; the EXIF value says where that is on the scene."""
    dark = {2: "top", 3: "bottom", 4: "bottom", 5: "left", 6: "right", 7: "right", 8: "left"}
    for value, edge in dark.items():
        image = decode(image_cases[f"jpeg_orientation_{value}.jpg"].path.read_bytes())
        width, height = image.size
        places = {"top": (width // 2, 0), "bottom": (width // 2, height - 1)}
        places |= {"left": (0, height // 2), "right": (width - 1, height // 2)}
        assert min(places, key=lambda p: image.getpixel(places[p])) == edge


def test_what_may_go_either_way_goes_our_way(image_cases):
    """One long side within the limits, surplus image data and palette indices harm nobody."""
    open_cases = [case for case in image_cases.values() if case.verdict == "either"]
    accepted = {c.file for c in open_cases if not isinstance(verdict(c), InvalidRequest)}
    assert accepted == {
        "png_idat_too_long.png",
        "png_palette_index_out_of_range.png",
        "webp_max_16383.webp",
    }
