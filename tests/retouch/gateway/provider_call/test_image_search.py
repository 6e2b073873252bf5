"""Tests of the search for images in paid responses of unknown form."""

import json

import pytest

from retouch.core.provider_protocol import ProviderJob, ProviderResponse
from retouch.gateway.provider_call.image_search import search_images
from retouch.imaging.inspect import inspect_image
from tests.support.cpu_time import cpu_seconds
from tests.support.images import b64, photo

A, B, C = photo(64, 48), photo(65, 48), photo(66, 48)


def search(body, n=1, images=(), content_type="application/json"):
    files = tuple(inspect_image(image) for image in images)
    response = ProviderResponse(200, {"content-type": content_type}, body)
    return [one.to_bytes() for one in search_images(response, ProviderJob("m", "p", files, n=n))]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"a": {"b": [{"c": b64(A)}]}}).encode(),
        json.dumps({"a": b64(A)})[:-1].encode(),
        b'{"broken": tru, "a": "%b", "b": [' % b64(A).encode(),
        json.dumps(b64(A)).encode(),
        b64(A).encode(),
        json.dumps({"a": b64(A)}).encode("utf-16"),
        json.dumps({"a": b64(A)}).replace("/", "\\/").replace("+", "\\u002b").encode(),
        json.dumps({"statusCode": 200, "body": json.dumps({"a": b64(A)})}).encode(),
        json.dumps([json.dumps({"body": json.dumps([b64(A)])})]).encode(),
        repr({"it's": "don't", "a": b64(A)}).encode(),
        A,
    ],
    ids=lambda body: repr(body[:16]),
)
def test_image_anywhere_in_a_body_is_found(body):
    assert search(body) == [A]


def test_last_images_of_several_are_returned_in_order():
    body = json.dumps({"preview": b64(A), "data": [b64(B), b64(C)]}).encode()
    assert search(body) == [C]
    assert search(body, n=2) == [B, C]
    assert search(body, n=5) == [A, B, C]


def test_equal_images_are_returned_as_often_as_they_occur_when_n_needs_them():
    body = json.dumps([b64(A), b64(A)]).encode()
    assert search(body) == [A]
    assert search(body, n=2) == [A, A]


def test_image_of_the_request_is_left_out():
    assert search(json.dumps({"image": b64(A)}).encode(), images=[A]) == []
    assert search(json.dumps({"image": b64(A), "out": b64(B)}).encode(), n=2, images=[A]) == [B]


def test_image_part_of_a_multipart_body_is_found():
    body = b"--x\r\nContent-Type: image/png\r\n\r\n" + A + b"\r\n--x--\r\n"
    assert search(body, content_type='multipart/related; boundary="x"') == [A]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"a": "text"}',
        b'<img src="data:image/png;base64,%b">' % b64(A).encode(),
        json.dumps({"a": b64(b"no image" * 40)}).encode(),
    ],
)
def test_body_without_an_image_has_none(body):
    assert search(body) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"revised_prompt":"' + b'\\"' * 200_000,
        b'{"revised_prompt":"' + b'\\"' * 200_000 + b"\\",
        b'"' * 400_001,
    ],
    ids=["open string", "open escape", "quotes"],
)
def test_search_of_a_text_without_images_takes_linear_time(body):
    assert cpu_seconds(lambda: search(body), 2.0) < 2.0
