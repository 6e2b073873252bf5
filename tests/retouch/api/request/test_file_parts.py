"""Tests of file parts without a usual file name. They are files of any size, and text fields stay limited."""

import os

import httpx
import pytest
import requests
from PIL import Image

from retouch.api.request.body import parse_form
from retouch.api.request.multipart import parse_parts
from retouch.core.edit_types import HttpRequest, ImageReference, MaskShapes
from retouch.core.errors import InvalidRequest, TooLarge
from tests.support.images import encode_image, photo

BOUNDARY = "b0undary"
SMALL = photo(32, 32)
# Noise does not compress, so this file is larger than a text field may be.
LARGE = encode_image(Image.frombytes("RGB", (300, 300), os.urandom(300 * 300 * 3)))
MAX_FIELD_BYTES = 131_072


def part(disposition, data, content_type=None):
    """Return one part of a form. `disposition` is all that follows `form-data` in the header."""
    lines = [f"Content-Disposition: form-data{disposition}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


def parse(*parts):
    delimiter = f"--{BOUNDARY}\r\n".encode()
    body = b"".join(delimiter + each + b"\r\n" for each in parts) + f"--{BOUNDARY}--\r\n".encode()
    headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
    return parse_form(HttpRequest("/v1/images/edits", headers, body))


FILE_NAMES = [
    "; filename*=utf-8''%E7%8C%AB.png",
    "; filename*=\"utf-8''%E7%8C%AB.png\"",
    "; FileName*=UTF-8'en'%E7%8C%AB.png",
    ";filename*=utf-8''a.png",
    '; filename*0="a"; filename*1="b.png"',
    "; filename*0*=utf-8''a; filename*1*=b.png",
    '; filename=""',
    "; filename=",
    "; filename=cat.png",
    "; filename=my cat.png",
    "; filename=猫.png",
    '; filename="猫.png"',
    '; filename="a;b=c.png"',
    '; filename="a\\"b.png"',
    '; filename="a%22b%0D%0A.png"',
    '; filename="not closed.png',
    "; filename=\"a.png\"; filename*=utf-8''%E7%8C%AB.png",
]
FIELDS = ["image", "image[]", "image[0]", "image.0", "images"]


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("file_name", FILE_NAMES, ids=ascii)
def test_part_with_a_file_name_in_any_form_is_a_file(file_name, data):
    assert parse(part(f'; name="image"{file_name}', data, "image/png")).images == (data,)


@pytest.mark.parametrize("content_type", [None, "image/png", "application/octet-stream"])
@pytest.mark.parametrize("field", FIELDS)
def test_image_part_without_a_file_name_is_a_file(field, content_type):
    assert parse(part(f'; name="{field}"', LARGE, content_type)).images == (LARGE,)


@pytest.mark.parametrize("content_type", [None, "image/png", "application/octet-stream"])
@pytest.mark.parametrize("field", ["mask", "mask[]"])
def test_mask_part_without_a_file_name_is_a_file(field, content_type):
    assert parse(part(f'; name="{field}"', LARGE, content_type)).mask == LARGE


def test_file_name_before_the_field_name_does_not_hide_the_field_name():
    disposition = "; filename*=utf-8''name%3Dmask.png; name=\"image\""
    assert parse(part(disposition, LARGE)).images == (LARGE,)


@pytest.mark.parametrize("filename", ['; filename=""', "; filename*=utf-8''", ""])
def test_empty_part_without_a_chosen_file_is_ignored(filename):
    form = parse(part(f'; name="image"{filename}', b"", "application/octet-stream"))
    assert form.images == ()


@pytest.mark.parametrize(
    ("disposition", "content_type"),
    [
        ('; name="prompt"', None),
        ('; name="prompt"', "text/plain; charset=utf-8"),
        ('; name="prompt"', "application/octet-stream"),
        ('; name="prompt; filename*=a"', None),
    ],
)
def test_text_field_over_the_limit_gets_413(disposition, content_type):
    assert parse(part(disposition, b"x" * MAX_FIELD_BYTES, content_type)).values
    with pytest.raises(TooLarge) as raised:
        parse(part(disposition, b"x" * (MAX_FIELD_BYTES + 1), content_type))
    assert raised.value.code == "field_too_large"


@pytest.mark.parametrize("field", ["image", "mask"])
def test_url_in_an_image_field_over_the_text_limit_gets_413(field):
    url = b"https://images.example/" + b"x" * MAX_FIELD_BYTES
    with pytest.raises(TooLarge):
        parse(part(f'; name="{field}"', url))


def test_url_and_shapes_without_a_file_name_stay_text():
    form = parse(
        part('; name="image"', b"https://images.example/a.png"),
        part('; name="mask"', b' {"shapes": []}', "application/json"),
    )
    assert isinstance(form.images[0], ImageReference)
    assert isinstance(form.mask, MaskShapes)


def test_shapes_in_a_file_part_are_shapes_as_browsers_send_a_blob():
    header = '; name="mask"; filename="blob"'
    form = parse(part(header, b'{"shapes": []}', "application/json"))
    assert isinstance(form.mask, MaskShapes)


def test_file_without_a_name_that_was_decoded_as_text_is_rejected():
    damaged = LARGE.decode("utf-8", "replace").encode()
    with pytest.raises(InvalidRequest) as raised:
        parse(part('; name="image"', damaged, "image/png"))
    assert raised.value.code == "body_corrupted_by_gateway"


def requests_body():
    prepared = requests.Request(
        "POST", "http://gateway.example", files={"image": (None, LARGE, "image/png")}
    ).prepare()
    return prepared.headers["Content-Type"], prepared.body


def httpx_body():
    request = httpx.Request(
        "POST", "http://gateway.example", files={"image": (None, LARGE, "image/png")}
    )
    return request.headers["Content-Type"], request.read()


@pytest.mark.parametrize("encode", [requests_body, httpx_body])
def test_file_without_a_name_from_a_real_library_is_an_image(encode):
    content_type, body = encode()
    form = parse_form(HttpRequest("/v1/images/edits", {"content-type": content_type}, body))
    assert form.images == (LARGE,)


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("shift_jis", "表.png"),
        ("gbk", "图片 1.png"),
        ("big5", "許功蓋.png"),
        ("latin-1", "Übergröße.png"),
        ("koi8-r", "Фото.png"),
        ("utf-8", "猫 🐈.png"),
    ],
)
@pytest.mark.parametrize(
    "option", ['filename="{}"', "filename={}", "filename*=utf-8''x; filename=\"{}\""]
)
def test_file_name_in_any_charset_is_accepted(charset, name, option):
    disposition = b'Content-Disposition: form-data; name="image"; ' + option.format(name).encode(
        charset
    )
    body = b"--b\r\n" + disposition + b"\r\n\r\n" + SMALL + b"\r\n--b--\r\n"
    (parsed,) = parse_parts(body, "b")
    assert (parsed.name, parsed.is_file, parsed.data) == ("image", True, SMALL)


def test_field_name_that_is_not_utf_8_is_refused():
    body = b'--b\r\nContent-Disposition: form-data; name="gr\xf6\xdfe"\r\n\r\n1\r\n--b--\r\n'
    with pytest.raises(InvalidRequest) as exc_info:
        parse_parts(body, "b")
    assert exc_info.value.code == "invalid_part_header"
    (parsed,) = parse_parts(body.decode("latin-1").encode(), "b")
    assert parsed.name == "größe"
