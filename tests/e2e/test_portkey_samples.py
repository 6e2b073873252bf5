"""Tests with samples of Portkey's documentation and SDK, unchanged except for the base URL."""

import base64
import json
import subprocess
import urllib.request

import pytest
from portkey_ai import Portkey, createHeaders

from devserver.server import DevServer
from tests.support.images import b64, box_mask, cutout, decode_image, photo
from tests.support.upstream import json_response, sse_response

IMAGE, MASK, CUTOUT = photo(96, 96), box_mask(96, 96), cutout(96, 96)
DALLE_PARAMS = {"size": "1024x1024"}


@pytest.fixture(scope="module")
def portkey_gateway_url(provider):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "RETOUCH_VIRTUAL_KEYS": json.dumps(
            {"openai-team": {"provider": "openai", "api_key": "sk-team"}}
        ),
    }
    with DevServer(env=env, workers=2, s3=True) as running:
        yield running.url


@pytest.fixture
def files(tmp_path):
    (tmp_path / "original.png").write_bytes(CUTOUT)
    (tmp_path / "otter.png").write_bytes(IMAGE)
    (tmp_path / "mask.png").write_bytes(MASK)
    return tmp_path


def curl_edit(folder, url, *options):
    completed = subprocess.run(
        ["curl", "-sS", "-i", url + "/v1/images/edits", *options],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=True,
    )
    head, _, body = completed.stdout.rpartition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), json.loads(body)


def test_curl_edit_succeeds_with_provider_and_key_headers(portkey_gateway_url, upstream, files):
    status, head, response = curl_edit(
        files,
        portkey_gateway_url,
        *("-H", "x-portkey-provider: openai", "-H", "x-portkey-api-key: sk-mine"),
        *("-F", "image=@original.png", "-F", "prompt=Add a party hat to the cat"),
        *("-F", "n=1", "-F", "size=1024x1024"),
    )
    assert status == 200, response
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"
    assert "x-portkey-last-used-option-index: config" in head
    with urllib.request.urlopen(response["data"][0]["url"]) as link:
        assert decode_image(link.read()).size == (1024, 1024)


def test_curl_edit_succeeds_with_a_virtual_key(portkey_gateway_url, upstream, files):
    upstream.responses[:] = [json_response({"data": [{"b64_json": b64(photo(64, 64))}] * 2})]
    status, _, response = curl_edit(
        files,
        portkey_gateway_url,
        *("-H", "x-portkey-api-key: ", "-H", "x-portkey-virtual-key: openai-team"),
        *("-F", "image=@otter.png", "-F", "mask=@mask.png", "-F", "n=2"),
        *("-F", "prompt=A cute baby sea otter wearing a beret", "-F", "size=1024x1024"),
    )
    assert status == 200, response
    assert len(response["data"]) == 2
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-team"


def test_curl_edit_succeeds_with_numbered_image_fields(portkey_gateway_url, upstream, files):
    status, _, response = curl_edit(
        files,
        portkey_gateway_url,
        *("--header", "Authorization: Bearer sk-mine"),
        *("--form", "prompt=在图片中添加一朵红色的玫瑰花", "--form", "background=transparent"),
        *("--form", "mask=@mask.png", "--form", "model=gpt-image-1", "--form", "n=1"),
        *("--form", "output_compression=100", "--form", "output_format=png"),
        *("--form", "quality=auto", "--form", "response_format=url", "--form", "size=1024x1024"),
        *("--form", "stream=false", "--form", "user=me", "--form", "input_fidelity=high"),
        *("--form", "image.0=@otter.png", "--form", "image.1.items=@otter.png"),
    )
    assert status == 200, response
    assert [part[0] for part in upstream.calls[0].files] == ["image[]", "image[]", "mask"]


@pytest.fixture
def client(portkey_gateway_url):
    return Portkey(base_url=f"{portkey_gateway_url}/v1", provider="openai", Authorization="sk-mine")


def test_portkey_sdk_edit_returns_a_working_link(client, upstream):
    response = client.images.edit(
        image=CUTOUT, prompt="Add a party hat to the cat", n=1, **DALLE_PARAMS
    )
    with urllib.request.urlopen(response.data[0].url) as link:
        assert decode_image(link.read()).size == (1024, 1024)
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"


def test_portkey_sdk_edit_with_mask_returns_two_images(client, upstream):
    upstream.responses[:] = [json_response({"data": [{"b64_json": b64(photo(64, 64))}] * 2})]
    response = client.images.edit(image=IMAGE, mask=MASK, prompt="A sunflower", n=2, **DALLE_PARAMS)
    assert len({image.url for image in response.data}) >= 1
    assert len(response.data) == 2


def test_portkey_sdk_edit_returns_base64_on_request(client, upstream):
    response = client.images.edit(image=CUTOUT, prompt="sparkles", response_format="b64_json")
    assert decode_image(base64.b64decode(response.data[0].b64_json)).size == (96, 96)


def test_portkey_sdk_sends_prefixed_model_and_gets_its_trace_id(client, upstream):
    response = client.with_options(trace_id="t-7").images.edit(
        image=CUTOUT, prompt="p", model="openai/dall-e-2", response_format="b64_json"
    )
    assert response.get_headers()["trace-id"] == "t-7"
    assert response.get_headers()["retry-attempt-count"] == "0"


def test_portkey_sdk_inline_config_sets_key_and_parameters(portkey_gateway_url, upstream):
    config = {
        "provider": "openai",
        "api_key": "sk-inline",
        "override_params": {"model": "gpt-image-2", "quality": "low"},
    }
    client = Portkey(base_url=f"{portkey_gateway_url}/v1", config=config)
    client.images.edit(image=IMAGE, prompt="p")
    (call,) = upstream.calls
    assert call.headers["authorization"] == "Bearer sk-inline"
    assert call.fields["quality"] == "low"


def test_portkey_sdk_stream_ends_with_the_completed_event(client, upstream):
    image_fields = {
        "size": "64x64",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
    }
    completed = {
        "type": "image_edit.completed",
        "b64_json": b64(photo(64, 64)),
        "created_at": 1,
        **image_fields,
    }
    upstream.responses[:] = [sse_response(completed)]
    events = list(client.images.edit(model="gpt-image-2", image=IMAGE, prompt="p", stream=True))
    assert [event.type for event in events] == ["image_edit.completed"]


def test_openai_sdk_edit_succeeds_with_portkey_headers(portkey_gateway_url, upstream):
    import openai

    headers = createHeaders(provider="openai", api_key="sk-mine", metadata={"_user": "me"})
    client = openai.OpenAI(
        base_url=f"{portkey_gateway_url}/v1", api_key="DUMMY-KEY", default_headers=headers
    )
    client.images.edit(model="gpt-image-2", image=IMAGE, prompt="p")
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"
