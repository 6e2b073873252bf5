"""Tests of images that come as text. Every form becomes the same standard base64."""

import base64
from urllib.parse import quote, quote_from_bytes

import pytest

from retouch.core.text.image_text import text_to_base64
from tests.support.images import photo
from tests.support.unusual_results import DAMAGED_JPEG_2000, JPEG_XL

IMAGES = {format: photo(64, 48, format) for format in ("PNG", "JPEG", "WEBP", "GIF", "TIFF")}
# A length that needs padding.
DATA = next(data for data in (photo(w, 48) for w in range(64, 90)) if len(data) % 3 == 1)
B64 = base64.b64encode(DATA).decode()
FORMS = {
    "standard": B64,
    "URL-safe": base64.urlsafe_b64encode(DATA).decode(),
    "without padding": B64.rstrip("="),
    "URL-safe without padding": base64.urlsafe_b64encode(DATA).decode().rstrip("="),
    "too much padding": B64 + "==",
    "lines": base64.encodebytes(DATA).decode(),
    "lines with CRLF": base64.encodebytes(DATA).decode().replace("\n", "\r\n"),
    "escaped lines": base64.encodebytes(DATA).decode().replace("\n", "\\n"),
    "escaped slashes": B64.replace("/", "\\/"),
    "tabs": base64.encodebytes(DATA).decode().replace("\n", "\t"),
    "spaces at equal distances": base64.encodebytes(DATA).decode().replace("\n", " "),
    "spaces for plus signs": B64.replace("+", " "),
    "space before and after": f" \n{B64}\n ",
    "percent encoding": quote(B64, safe=""),
    "lower-case percent encoding": quote(B64, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
    "data URL": f"data:image/png;base64,{B64}",
    "data URL with parameters": f"data:image/png;charset=utf-8;name=a.png;base64,{B64}",
    "data URL in capitals": f"DATA:IMAGE/PNG;BASE64,{B64}",
    "data URL without a type": f"data:;base64,{B64}",
    "data URL with spaces": f" data:image/png; base64, {B64}",
    "data URL with percent encoding": "data:image/png;base64," + quote(B64, safe=""),
    "data URL without base64": "data:image/png," + quote_from_bytes(DATA),
    "prefix": f"base64,{B64}",
    "quotes": f'"{B64}"',
    "Python bytes": f"b'{B64}'",
    "prefix with a colon": f"base64:{B64}",
    "media type": f"image/png;base64,{B64}",
    "data URL in a data URL": f"data:image/png;base64,data:image/png;base64,{B64}",
    "percent encoding twice": quote(quote(B64, safe=""), safe=""),
    "byte order mark": "\ufeff" + B64,
    "invisible characters": B64[:40] + "\u200b" + B64[40:],
    "Markdown": f"![image](data:image/png;base64,{B64})",
    "HTML": f'<img src="data:image/png;base64,{B64}" alt="(a) cat">',
}


def test_sample_has_the_characters_that_the_forms_change():
    assert {"+", "/", "="} <= set(B64)


@pytest.mark.parametrize("form", FORMS)
def test_image_in_any_form_becomes_standard_base64(form):
    assert text_to_base64(FORMS[form]) == B64


@pytest.mark.parametrize("format", IMAGES)
def test_image_of_every_format_is_recognized(format):
    base64_text = base64.b64encode(IMAGES[format]).decode()
    assert text_to_base64(base64_text) == base64_text


@pytest.mark.parametrize("data", [JPEG_XL, DAMAGED_JPEG_2000])
def test_image_of_a_format_that_the_gateway_does_not_open_is_recognized(data):
    assert text_to_base64(base64.b64encode(data).decode()) == base64.b64encode(data).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "=",
        "a cat",
        "https://cdn.test/a.png",
        base64.b64encode(b"<html>sorry</html>" * 9).decode(),
        "data:text/html;base64,PGh0bWw+",
        "data:image/png,abc",
        "data:",
        "ü" + B64,
    ],
)
def test_text_that_is_no_image_becomes_empty(text):
    assert text_to_base64(text) == ""


def test_standard_base64_is_not_copied():
    text = B64 * 1
    assert text_to_base64(text) is text
