"""Tests that pass every hostile image file to `inspect_image`, `read_mask` and `decode`."""

import io
import tracemalloc
from dataclasses import replace

import pytest
from PIL import Image

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import Conversion, EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.prepare import prepare_job
from retouch.imaging.codec import decode
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.read import read_mask
from tests.cases.images import all_specs
from tests.support.cpu_time import cpu_seconds
from tests.support.images import channel_values

MODEL = ModelCapabilities(id="m")


@pytest.fixture(params=[made.file for made in all_specs()])
def case(request, image_cases):
    return image_cases[request.param]


def outcome_of(case):
    """Return what the package makes of a case: an EncodedImage, a Mask or an InvalidRequest."""
    data = case.path.read_bytes()
    try:
        if case.role == "mask":
            return read_mask(data, EncodedImage(b"", "png", *case.image_size))
        return inspect_image(data)
    except InvalidRequest as error:
        return error


def test_hostile_file_is_accepted_or_rejected_as_expected(case):
    result = outcome_of(case)
    is_rejected = isinstance(result, InvalidRequest)
    assert case.verdict in ("either", "reject" if is_rejected else "accept"), result
    if is_rejected:
        assert result.code in case.codes
        assert result.param == case.role.replace("result", "image").replace("input", "image")
        assert result.status in (400, 413)
        assert all(word in str(result) for word in case.spec.message_contains), str(result)


def test_accepted_file_has_expected_size_and_coverage(case):
    result = outcome_of(case)
    if case.spec.displayed_size:
        assert result.size == case.spec.displayed_size
    if case.spec.marked_share:
        assert result.coverage == case.spec.marked_share
        assert result.pixels.size == case.image_size


def test_hostile_file_is_read_within_time_and_memory_limits(case):
    data = case.path.read_bytes()
    seconds = 3 * case.max_ms / 1000
    assert cpu_seconds(lambda: outcome_of(case), seconds) < seconds
    tracemalloc.start()
    try:
        outcome_of(case)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(data) + 8_000_000
    assert peak < case.spec.max_mb * 1_000_000


def test_accepted_file_is_decoded_or_raises_invalid_request(case):
    if isinstance(outcome_of(case), InvalidRequest):
        return
    data = case.path.read_bytes()
    image = inspect_image(data)
    try:
        assert decode(image).size == image.size
    except InvalidRequest as error:
        assert case.verdict == "either"
        assert error.code in case.codes


def test_prepared_image_holds_no_metadata(case):
    if not case.spec.secrets:
        return
    image = inspect_image(case.path.read_bytes())
    for conversion in (None, *map(Conversion, ("png", "jpeg", "webp"))):
        sent = prepare_job(
            ProviderJob("m", "p", (replace(image, conversion=conversion),)), MODEL
        ).images[0]
        assert not any(secret in sent.data for secret in case.spec.secrets)
        assert sent.size == image.size
        assert sent.format == (conversion.format if conversion else image.format)


def test_case_files_contain_their_secrets(image_cases):
    for case in image_cases.values():
        if case.spec.secrets:
            data = case.path.read_bytes()
            assert any(secret in data for secret in case.spec.secrets), case.file


def test_16_bit_grey_is_scaled_to_8_bits(image_cases):
    image = decode(image_cases["png_gray16.png"].path.read_bytes())
    assert image.mode == "L"
    assert image.getextrema() == (128, 128)


def test_cmyk_jpeg_is_not_inverted(image_cases):
    data = image_cases["jpeg_cmyk.jpg"].path.read_bytes()
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as expected:
        assert decode(data).tobytes() == expected.convert("RGB").tobytes()


def test_exif_orientation_follows_the_standard(image_cases):
    """The stored image is dark at the top. The EXIF value says which edge of the scene that is."""
    dark = {2: "top", 3: "bottom", 4: "bottom", 5: "left", 6: "right", 7: "right", 8: "left"}
    for value, edge in dark.items():
        image = decode(image_cases[f"jpeg_orientation_{value}.jpg"].path.read_bytes())
        width, height = image.size
        places = {"top": (width // 2, 0), "bottom": (width // 2, height - 1)}
        places |= {"left": (0, height // 2), "right": (width - 1, height // 2)}
        assert min(places, key=lambda p: channel_values(image, places[p])) == edge


def test_ambiguous_cases_have_documented_outcome(image_cases):
    """A long side within the limits, surplus image data and unknown palette indices are harmless."""
    open_cases = [case for case in image_cases.values() if case.verdict == "either"]
    accepted = {c.file for c in open_cases if not isinstance(outcome_of(c), InvalidRequest)}
    assert accepted == {
        "jpeg_arithmetic_marker.jpg",
        "png_idat_too_long.png",
        "png_palette_index_out_of_range.png",
        "webp_max_16383.webp",
    }
