"""Tests of request bodies: requests-toolbelt is the reference for forms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests_toolbelt import MultipartEncoder

from retouch.core.edit_types import EncodedImage
from retouch.core.provider_protocol import ProviderRequest
from retouch.infrastructure.upstream.request_body import RequestBody
from tests.support.services import FakeClock

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.from_regex(r"[a-z_\[\]]{1,12}", fullmatch=True)
file_names = st.from_regex(r"[a-z0-9-]{1,12}\.(png|jpg|webp)", fullmatch=True)
files = st.binary(max_size=3000).map(lambda data: EncodedImage(data, "png", 1, 1))


def build_body(request, seconds=10.0):
    clock = FakeClock()
    return RequestBody(request, clock.now() + seconds, clock), clock


def encode_with_toolbelt(request, boundary):
    parts = [
        (n, (file_name, image.data, image.media_type)) for n, file_name, image in request.files
    ]
    return MultipartEncoder([*request.form_fields, *parts], boundary=boundary).to_string()


@given(
    fields=st.lists(st.tuples(names, texts), max_size=4).map(tuple),
    images=st.lists(st.tuples(names, file_names, files), max_size=3).map(tuple),
)
def test_form_is_encoded_as_requests_toolbelt_encodes_it(fields, images):
    request = ProviderRequest("POST", "/x", form_fields=fields, files=images)
    body, _ = build_body(request)
    data = b"".join(body)
    if not fields and not images:
        assert (data, body.headers) == (b"", {})
        return
    media_type, _, boundary = body.headers["Content-Type"].partition("; boundary=")
    assert media_type == "multipart/form-data"
    assert data == encode_with_toolbelt(request, boundary)
    assert body.headers["Content-Length"] == str(len(data))


def test_every_form_has_its_own_boundary():
    request = ProviderRequest("POST", "/x", form_fields=(("prompt", "a"),))
    types = {build_body(request)[0].headers["Content-Type"] for _ in range(20)}
    assert len(types) == 20


@pytest.mark.parametrize("size", [0, 1_000, 65_537, 3_000_000])
def test_large_image_is_sent_without_a_copy(size):
    image = EncodedImage(bytes(size), "png", 1, 1)
    request = ProviderRequest(
        "POST", "/x", form_fields=(("prompt", "a"),), files=(("image", "a.png", image),)
    )
    pieces = list(build_body(request)[0])
    assert any(piece is image.data for piece in pieces) is (size > 65_536)
    assert len(pieces) <= 3


@pytest.mark.parametrize("name", ['a"b', "a\r\nX: 1", "a\nb"])
def test_name_of_a_part_cannot_add_a_header(name):
    request = ProviderRequest("POST", "/x", form_fields=((name, "v"),))
    head = b"".join(build_body(request)[0]).partition(b"\r\n\r\n")[0]
    assert head.count(b"\r\n") == 1
    assert head.count(b'"') == 2


def test_json_is_one_piece_with_its_headers():
    body, _ = build_body(ProviderRequest("POST", "/x", json={"a": [1, "é"]}))
    assert list(body) == [b'{"a":[1,"\xc3\xa9"]}']
    assert body.headers == {"Content-Type": "application/json", "Content-Length": "14"}


def test_body_has_started_when_its_first_piece_is_read():
    body, _ = build_body(ProviderRequest("POST", "/x", json={}))
    assert not body.has_started
    next(iter(body))
    assert body.has_started


def test_body_after_the_deadline_raises_timeout_error_before_anything_is_sent():
    body, clock = build_body(ProviderRequest("POST", "/x", json={}), seconds=5.0)
    clock.advance(5.0)
    with pytest.raises(TimeoutError, match="deadline"):
        next(iter(body))
    assert not body.has_started
