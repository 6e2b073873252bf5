"""Tests of the image formats: every place that names them reads the constants of one module."""

import json
from pathlib import Path

import pytest

from retouch import __version__, api
from retouch.core.capabilities import ModelCapabilities
from retouch.core.image_formats import (
    INPUT_FORMATS,
    INPUT_MEDIA_TYPES,
    OUTPUT_FORMATS,
    UPSTREAM_FORMATS,
    detect_format,
    list_formats,
)
from retouch.core.url_policy.policy import FetchPolicy
from tests.retouch.imaging.samples import ALL_SAMPLE_KINDS, sample_bytes

OPENAPI = json.loads((Path(api.__file__).parent / "openapi.json").read_text())
SCHEMAS = OPENAPI["components"]["schemas"]


def test_capabilities_and_fetch_policy_accept_all_input_formats():
    model = ModelCapabilities(id="m")
    assert model.accepted_formats == FetchPolicy().formats == INPUT_FORMATS
    assert (model.upstream_formats, model.output_formats) == (UPSTREAM_FORMATS, OUTPUT_FORMATS)
    assert set(UPSTREAM_FORMATS) | set(OUTPUT_FORMATS) <= set(INPUT_FORMATS)


def test_openapi_document_lists_the_accepted_media_types():
    assert SCHEMAS["ImageType"]["enum"] == list(INPUT_MEDIA_TYPES)
    form = OPENAPI["components"]["requestBodies"]["Edit"]["content"]
    for part in form["multipart/form-data"]["encoding"].values():
        assert set(part["contentType"].split(", ")) == {
            *INPUT_MEDIA_TYPES,
            "application/octet-stream",
        }


def test_openapi_document_lists_the_formats_of_results():
    assert SCHEMAS["OutputFormat"]["enum"] == list(OUTPUT_FORMATS)


def test_openapi_document_has_the_version_of_the_package():
    assert OPENAPI["info"]["version"] == __version__


@pytest.mark.parametrize("kind", ALL_SAMPLE_KINDS)
def test_every_accepted_format_is_detected_by_its_first_12_bytes(kind):
    data = sample_bytes(kind)
    assert detect_format(data) == detect_format(data[:12]) == kind.partition("-")[0]


def test_every_input_format_has_a_sample():
    assert {kind.partition("-")[0] for kind in ALL_SAMPLE_KINDS} == set(INPUT_FORMATS)


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypheix\0\0\0\0mif1heix", "heic"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiafMA1B", "avif"),
        (b"\0\0\0\x1cftypavis\0\0\0\0avifavis", "avif"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", None),
        (b"BM\x36\0\0\0\0\0\0\0\x36\0", "bmp"),
        (b"BM is short for many things", None),
        (b"GIF8", None),
        (b"II+\0\x08\0\0\0", None),
    ],
)
def test_similar_signatures_are_told_apart(data, format):
    assert detect_format(data) == format


def test_formats_are_listed_with_their_names():
    assert list_formats(("png", "jpeg", "webp")) == "PNG, JPEG and WebP"
