"""Tests beyond the usual limits of API Gateway and Lambda: 29 seconds, 6 MB of input, 10 MB of output."""

import base64
import hashlib
from typing import Any

import openai
import pytest
import requests

from tests.support.images import b64, noise_png, photo
from tests.support.upstream import json_response

IMAGE = photo(64, 64)


@pytest.fixture
def client(gateway):
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="DUMMY-KEY")


@pytest.mark.parametrize(
    "seconds",
    [
        31,
        pytest.param(40, marks=pytest.mark.slow),
        pytest.param(180, marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
    ],
)
def test_slow_provider_edit_succeeds(client, upstream, seconds):
    provider_response = json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})
    provider_response.delay = seconds
    upstream.responses[:] = [provider_response]
    response = client.images.edit(model="gpt-image-2", image=IMAGE, prompt="p")
    assert base64.b64decode(response.data[0].b64_json) == IMAGE
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_sdk_with_short_timeout_sends_only_one_provider_call(gateway, upstream, stream):
    # An SDK repeats the request after an idle timeout, so the gateway has to send keep-alive bytes in time.
    short_timeout_client = openai.OpenAI(
        base_url=f"{gateway.url}/v1", api_key="DUMMY-KEY", timeout=6.0
    )
    provider_response = json_response({"created": 1, "data": [{"b64_json": b64(IMAGE)}]})
    provider_response.delay = 8.0
    upstream.responses[:] = [provider_response]
    edit_arguments: dict[str, Any] = {"model": "gpt-image-2", "image": IMAGE, "prompt": "p"}
    if stream:
        *_, last = short_timeout_client.images.edit(**edit_arguments, stream=True)
        image_base64 = last.b64_json
    else:
        image_base64 = short_timeout_client.images.edit(**edit_arguments).data[0].b64_json
    assert base64.b64decode(image_base64) == IMAGE
    assert len(upstream.calls) == 1


def test_result_of_20_mb_is_returned_unchanged(client, upstream):
    result = noise_png(20)
    upstream.responses[:] = [json_response({"created": 1, "data": [{"b64_json": b64(result)}]})]
    response = client.images.edit(model="gpt-image-2", image=IMAGE, prompt="p")
    assert base64.b64decode(response.data[0].b64_json) == result


def test_body_over_the_limit_gets_413_with_a_hint_to_uploads(gateway, upstream):
    body = {"prompt": "p", "model": "gpt-image-2"}
    files = {"image": ("a.png", noise_png(6), "image/png")}
    response = requests.post(f"{gateway.url}/v1/images/edits", data=body, files=files, timeout=30)
    assert response.status_code == 413
    error = response.json()["error"]
    assert error["code"] == "body_too_large"
    assert "/v1/uploads" in error["message"]
    assert upstream.calls == []


def test_image_of_30_mb_is_edited_after_an_upload(gateway, upstream):
    image = noise_png(30)
    presigned_post = requests.post(f"{gateway.url}/v1/uploads", json={}, timeout=30).json()
    form = {name: (None, value) for name, value in presigned_post["fields"].items()}
    upload_response = requests.post(
        presigned_post["url"], files={**form, "file": ("a.png", image)}, timeout=60
    )
    assert upload_response.status_code in (200, 201, 204)
    response = requests.post(
        f"{gateway.url}/v1/images/edits",
        json={"model": "gpt-image-2", "prompt": "p", "images": [{"file_id": presigned_post["id"]}]},
        timeout=60,
    )
    assert response.status_code == 200, response.text[:500]
    ((_, _, mime, data),) = upstream.calls[0].files
    assert mime == "image/png"
    assert hashlib.sha256(data).digest() == hashlib.sha256(image).digest()
