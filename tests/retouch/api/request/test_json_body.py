"""Tests of JSON bodies: null counts as absent everywhere."""

import json

import pytest

from retouch.api.request.json_body import drop_nulls
from retouch.core.upload_ids import make_upload_id
from tests.support.events import json_event, proxy_event
from tests.support.gateway_client import send_event
from tests.support.images import box_mask, cutout, data_url, photo
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
