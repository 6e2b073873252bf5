"""Tests of the accepted image formats: every place that names them reads the one constant."""

import json
from pathlib import Path

from retouch import __version__, api
from retouch.core.capabilities import ModelCapabilities
from retouch.core.image_formats import IMAGE_FORMATS, IMAGE_MEDIA_TYPES, detect_format
from retouch.core.url_policy.policy import FetchPolicy
from tests.support.images import photo

OPENAPI = json.loads((Path(api.__file__).parent / "openapi.json").read_text())


def test_capabilities_and_fetch_policy_accept_all_formats():
    assert ModelCapabilities(id="m").accepted_formats == IMAGE_FORMATS
    assert FetchPolicy().formats == IMAGE_FORMATS


def test_openapi_document_lists_the_accepted_media_types():
    schema = OPENAPI["components"]["schemas"]["PictureType"]
    assert schema["enum"] == list(IMAGE_MEDIA_TYPES)


def test_openapi_document_has_the_version_of_the_package():
    assert OPENAPI["info"]["version"] == __version__


def test_every_accepted_format_is_detected():
    made = {name: photo(8, 8, format=name.upper()) for name in IMAGE_FORMATS}
    assert {name: detect_format(data) for name, data in made.items()} == dict(
        zip(IMAGE_FORMATS, IMAGE_FORMATS, strict=True)
    )
