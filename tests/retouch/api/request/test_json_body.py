"""Tests of JSON bodies: null counts as absent everywhere, and values are read in the spellings that clients send."""

import base64
import json
from urllib.parse import quote

import pytest

from retouch.api.request.json_body import drop_nulls
from retouch.core.credentials.upload_ids import make_upload_id
from tests.support.events import json_event, proxy_event
from tests.support.gateway_client import send_event
from tests.support.images import b64, box_mask, cutout, data_url, photo
from tests.support.services import InMemoryObjectStore, build_services

PHOTO, MASK = data_url(photo()), data_url(box_mask())
SHAPES = {"shapes": [{"type": "box", "x": 8, "y": 8, "width": 8, "height": 8}]}
UPLOAD = make_upload_id("", "0" * 16)


def with_nulls(shapes, **members):
    return {"shapes": [{**shape, **members} for shape in shapes["shapes"]], **members}


@pytest.mark.parametrize(
    "values",
    [
        {"images": [{"image_url": PHOTO, "file_id": None}], "mask": SHAPES},
        {"images": [{"file_id": UPLOAD, "image_url": None}], "mask": SHAPES},
        {"images": [{"image_url": {"url": PHOTO, "detail": None}}, None], "mask": SHAPES},
        {"images": None, "image": PHOTO, "mask": {"image_url": MASK, "file_id": None}},
        {"image": PHOTO, "mask": {"shapes": None, "image_url": MASK}},
        {"image": PHOTO, "mask": {**SHAPES, "image_url": None, "file_id": None}},
        {"image": PHOTO, "mask": with_nulls(SHAPES, feather=None)},
        {"image": PHOTO, "mask": {**SHAPES, "grow": None, "feather": None}},
        {"image": data_url(cutout()), "mask": None, "n": None, "size": None, "preserve": None},
    ],
)
def test_null_counts_as_absent(values):
    bucket = InMemoryObjectStore()
    bucket.objects[UPLOAD] = photo()
    services = build_services({"RETOUCH_BUCKET": "b"}, bucket=bucket)
    body = {"model": "local/erase", "prompt": None, **values}
    response = send_event(json_event(body), services=services)
    assert response.status == 200, response.json


def test_null_item_of_a_list_stays_so_that_no_coordinate_moves():
    points = [[None, 5, 7], {"x": None, "y": 1}]
    assert drop_nulls({"points": points}) == {"points": [[None, 5, 7], {"y": 1}]}


def test_deeply_nested_body_is_an_ordinary_error():
    body = b'{"prompt":"p","images":' + b"[" * 500 + b"]" * 500 + b"}"
    response = send_event(proxy_event("application/json", body))
    assert response.status == 400


def test_null_content_type_of_an_upload_is_the_default():
    body = json.dumps({"content_type": None}).encode()
    event = proxy_event("application/json", body, path="/v1/uploads")
    response = send_event(event, env={"RETOUCH_BUCKET": "b"})
    assert response.json["content_type"] == "image/png"


IMAGE_SPELLINGS = {
    "upper case": "DATA:IMAGE/PNG;BASE64," + b64(photo()),
    "no media type": "data:;base64," + b64(photo()),
    "line breaks": "data:image/png;base64," + base64.encodebytes(photo()).decode(),
    "no padding": "data:image/png;base64," + b64(photo()).rstrip("="),
    "too much padding": PHOTO + "=",
    "alphabet of URLs": "data:image/png;base64," + base64.urlsafe_b64encode(photo()).decode(),
    "percent-encoding": "data:image/png;base64," + quote(b64(photo()), safe=""),
    "space before it": f" {PHOTO}",
    "quoted parameter": 'data:image/png;name="a b.png";base64,' + b64(photo()),
    "base64 alone": b64(photo()),
}


@pytest.mark.parametrize("spelling", IMAGE_SPELLINGS.values(), ids=IMAGE_SPELLINGS)
@pytest.mark.parametrize("name", ["image", "mask"])
def test_image_in_any_spelling_of_base64_is_read(spelling, name):
    body = {"model": "local/erase", "image": PHOTO, "mask": SHAPES, "dry_run": True}
    if name == "mask":
        body["mask_mode"] = "white"
    response = send_event(json_event({**body, name: spelling}))
    assert response.status == 200, response.json


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("data:image/svg+xml,%3Csvg/%3E", "invalid_image_url"),
        ("data:image/png;base64,!!", "invalid_base64"),
        ("data:image/png;base64,aGVsbG8*", "invalid_base64"),
        ("aGVsbG8gd29ybGQ=", "invalid_image_url"),
    ],
)
def test_text_that_is_no_image_is_refused(url, code):
    response = send_event(json_event({"prompt": "p", "images": [url]}))
    assert response.json["error"]["code"] == code


@pytest.mark.parametrize("name", ["image", "mask"])
def test_file_name_in_json_is_refused_with_what_it_may_be(name):
    body = {"model": "local/erase", "image": PHOTO, "mask": SHAPES, name: "photo.png"}
    message = send_event(json_event(body)).json["error"]["message"]
    assert "'photo.png', which is neither an https:// URL nor a data:image/" in message
    assert "the file itself as multipart/form-data" in message


def test_mask_whose_json_is_a_text_is_read():
    body = {"model": "local/erase", "image": PHOTO, "mask": json.dumps(SHAPES), "dry_run": True}
    assert send_event(json_event(body)).status == 200
    response = send_event(json_event({**body, "mask": '{"shapes": ['}))
    assert (response.status, response.json["error"]["param"]) == (400, "mask")


@pytest.mark.parametrize("mask", [5, [SHAPES], {"box": [1, 2, 3, 4]}])
def test_mask_of_another_type_is_refused_with_what_it_may_be(mask):
    error = send_event(json_event({"prompt": "p", "image": PHOTO, "mask": mask})).json["error"]
    assert error["param"] == "mask"
    assert "'shapes', 'image_url' or 'file_id'" in error["message"]


def test_byte_order_mark_before_the_body_is_ignored():
    body = {"model": "local/erase", "image": PHOTO, "mask": SHAPES, "n": 1.0, "dry_run": True}
    data = b"\xef\xbb\xbf" + json.dumps(body).encode()
    assert send_event(proxy_event("application/json", data)).status == 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "latin-1"])
def test_body_that_is_not_utf_8_is_refused_with_the_remedy(encoding):
    body = '{"prompt": "caf\u00e9"}'.encode(encoding)
    error = send_event(proxy_event("application/json", body)).json["error"]
    assert error["code"] == "invalid_json"
    assert "Encode it as UTF-8" in error["message"]
