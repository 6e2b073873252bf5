"""Past the usual walls: 29 seconds, 6 MB in, 10 MB out."""

import base64
import hashlib
import os

import openai
import pytest
import requests
from PIL import Image

from tests.support.pictures import b64, encoded, photo
from tests.support.upstream import as_json

PICTURE = photo(64, 64)


@pytest.fixture
def client(gateway):
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="DUMMY-KEY")


def noise(megabytes):
    """A real PNG of about that many bytes: noise does not compress."""
    side = int((megabytes * 1_000_000 / 3) ** 0.5)
    image = Image.frombytes("RGB", (side, side), os.urandom(side * side * 3))
    return encoded(image, compress_level=0)


@pytest.mark.parametrize(
    "seconds",
    [
        31,
        pytest.param(40, marks=pytest.mark.slow),
        pytest.param(180, marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
    ],
)
def test_slow_is_not_failed(client, upstream, seconds):
    answer = as_json({"created": 1, "data": [{"b64_json": b64(PICTURE)}]})
    answer.delay = seconds
    upstream.answers[:] = [answer]
    response = client.images.edit(model="gpt-image-2", image=PICTURE, prompt="p")
    assert base64.b64decode(response.data[0].b64_json) == PICTURE
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_hasty_sdk_does_not_buy_again(gateway, upstream, stream):
    """It gives up after silence and orders again, so it is given a sign of life in time."""
    hasty = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="DUMMY-KEY", timeout=2.0)
    answer = as_json({"created": 1, "data": [{"b64_json": b64(PICTURE)}]})
    answer.delay = 5.0
    upstream.answers[:] = [answer]
    order = {"model": "gpt-image-2", "image": PICTURE, "prompt": "p"}
    if stream:
        *_, last = hasty.images.edit(**order, stream=True)
        found = last.b64_json
    else:
        found = hasty.images.edit(**order).data[0].b64_json
    assert base64.b64decode(found) == PICTURE
    assert len(upstream.calls) == 1


def test_a_20_mb_result_comes_whole(client, upstream):
    result = noise(20)
    upstream.answers[:] = [as_json({"created": 1, "data": [{"b64_json": b64(result)}]})]
    response = client.images.edit(model="gpt-image-2", image=PICTURE, prompt="p")
    assert base64.b64decode(response.data[0].b64_json) == result


def test_a_body_beyond_the_front_is_told_the_way(gateway, upstream):
    body = {"prompt": "p", "model": "gpt-image-2"}
    files = {"image": ("a.png", noise(6), "image/png")}
    answer = requests.post(f"{gateway.url}/v1/images/edits", data=body, files=files, timeout=30)
    assert answer.status_code == 413
    error = answer.json()["error"]
    assert error["code"] == "body_too_large"
    assert "/v1/uploads" in error["message"]
    assert upstream.calls == []


def test_a_30_mb_input_goes_by_upload(gateway, upstream):
    picture = noise(30)
    invited = requests.post(f"{gateway.url}/v1/uploads", json={}, timeout=30).json()
    form = {name: (None, value) for name, value in invited["fields"].items()}
    put = requests.post(invited["url"], files={**form, "file": ("a.png", picture)}, timeout=60)
    assert put.status_code in (200, 201, 204)
    answer = requests.post(
        f"{gateway.url}/v1/images/edits",
        json={"model": "gpt-image-2", "prompt": "p", "images": [{"file_id": invited["id"]}]},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text[:500]
    ((_, _, mime, data),) = upstream.calls[0].files
    assert mime == "image/png"
    assert hashlib.sha256(data).digest() == hashlib.sha256(picture).digest()
