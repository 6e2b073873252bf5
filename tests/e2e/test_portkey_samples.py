"""Samples of Portkey's documentation and SDK against the served gateway: only the address is another one."""

import base64
import json
import subprocess
import urllib.request

import pytest
from portkey_ai import Portkey, createHeaders

from local.gateway import Gateway
from tests.support.pictures import b64, cutout, hole, opened, photo
from tests.support.upstream import as_events, as_json

PICTURE, MASK, CUTOUT = photo(96, 96), hole(96, 96), cutout(96, 96)
DALLE = {"size": "1024x1024"}


@pytest.fixture(scope="module")
def portkeys(provider):
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_BASE_URL": f"{provider.url}/v1",
        "RETOUCH_VIRTUAL_KEYS": json.dumps(
            {"openai-team": {"provider": "openai", "api_key": "sk-team"}}
        ),
    }
    with Gateway(env=env, workers=2, s3=True) as running:
        yield running.url


@pytest.fixture
def files(tmp_path):
    (tmp_path / "original.png").write_bytes(CUTOUT)
    (tmp_path / "otter.png").write_bytes(PICTURE)
    (tmp_path / "mask.png").write_bytes(MASK)
    return tmp_path


def curl(folder, url, *options):
    done = subprocess.run(
        ["curl", "-sS", "-i", url + "/v1/images/edits", *options],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=True,
    )
    head, _, body = done.stdout.rpartition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode().lower(), json.loads(body)


def test_curl_with_provider_and_key(portkeys, upstream, files):
    status, head, answer = curl(
        files,
        portkeys,
        *("-H", "x-portkey-provider: openai", "-H", "x-portkey-api-key: sk-mine"),
        *("-F", "image=@original.png", "-F", "prompt=Add a party hat to the cat"),
        *("-F", "n=1", "-F", "size=1024x1024"),
    )
    assert status == 200, answer
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"
    assert "x-portkey-last-used-option-index: config" in head
    with urllib.request.urlopen(answer["data"][0]["url"]) as link:
        assert opened(link.read()).size == (1024, 1024)


def test_curl_with_a_virtual_key(portkeys, upstream, files):
    upstream.answers[:] = [as_json({"data": [{"b64_json": b64(photo(64, 64))}] * 2})]
    status, _, answer = curl(
        files,
        portkeys,
        *("-H", "x-portkey-api-key: ", "-H", "x-portkey-virtual-key: openai-team"),
        *("-F", "image=@otter.png", "-F", "mask=@mask.png", "-F", "n=2"),
        *("-F", "prompt=A cute baby sea otter wearing a beret", "-F", "size=1024x1024"),
    )
    assert status == 200, answer
    assert len(answer["data"]) == 2
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-team"


def test_curl_with_the_numbered_fields_of_a_renderer(portkeys, upstream, files):
    status, _, answer = curl(
        files,
        portkeys,
        *("--header", "Authorization: Bearer sk-mine"),
        *("--form", "prompt=在图片中添加一朵红色的玫瑰花", "--form", "background=transparent"),
        *("--form", "mask=@mask.png", "--form", "model=gpt-image-1", "--form", "n=1"),
        *("--form", "output_compression=100", "--form", "output_format=png"),
        *("--form", "quality=auto", "--form", "response_format=url", "--form", "size=1024x1024"),
        *("--form", "stream=false", "--form", "user=me", "--form", "input_fidelity=high"),
        *("--form", "image.0=@otter.png", "--form", "image.1.items=@otter.png"),
    )
    assert status == 200, answer
    assert [part[0] for part in upstream.calls[0].files] == ["image[]", "image[]", "mask"]


@pytest.fixture
def client(portkeys):
    return Portkey(base_url=f"{portkeys}/v1", provider="openai", Authorization="sk-mine")


def test_sdk_plain(client, upstream):
    answer = client.images.edit(image=CUTOUT, prompt="Add a party hat to the cat", n=1, **DALLE)
    with urllib.request.urlopen(answer.data[0].url) as link:
        assert opened(link.read()).size == (1024, 1024)
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"


def test_sdk_mask_and_two_pictures(client, upstream):
    upstream.answers[:] = [as_json({"data": [{"b64_json": b64(photo(64, 64))}] * 2})]
    answer = client.images.edit(image=PICTURE, mask=MASK, prompt="A sunflower", n=2, **DALLE)
    assert len({image.url for image in answer.data}) >= 1
    assert len(answer.data) == 2


def test_sdk_base64(client, upstream):
    answer = client.images.edit(image=CUTOUT, prompt="sparkles", response_format="b64_json")
    assert opened(base64.b64decode(answer.data[0].b64_json)).size == (1024, 1024)


def test_sdk_prefixed_model_and_trace(client, upstream):
    answer = client.with_options(trace_id="t-7").images.edit(
        image=CUTOUT, prompt="p", model="openai/dall-e-2", response_format="b64_json"
    )
    assert answer.get_headers()["trace-id"] == "t-7"
    assert answer.get_headers()["retry-attempt-count"] == "0"


def test_sdk_config_in_json(portkeys, upstream):
    config = {
        "provider": "openai",
        "api_key": "sk-inline",
        "override_params": {"model": "gpt-image-2", "quality": "low"},
    }
    client = Portkey(base_url=f"{portkeys}/v1", config=config)
    client.images.edit(image=PICTURE, prompt="p")
    (call,) = upstream.calls
    assert call.headers["authorization"] == "Bearer sk-inline"
    assert call.fields["quality"] == "low"


def test_sdk_stream(client, upstream):
    facts = {"size": "64x64", "quality": "low", "background": "opaque", "output_format": "png"}
    done = {
        "type": "image_edit.completed",
        "b64_json": b64(photo(64, 64)),
        "created_at": 1,
        **facts,
    }
    upstream.answers[:] = [as_events(done)]
    events = list(client.images.edit(model="gpt-image-2", image=PICTURE, prompt="p", stream=True))
    assert [event.type for event in events] == ["image_edit.completed"]


def test_openai_sdk_with_portkeys_headers(portkeys, upstream):
    import openai

    headers = createHeaders(provider="openai", api_key="sk-mine", metadata={"_user": "me"})
    client = openai.OpenAI(base_url=f"{portkeys}/v1", api_key="DUMMY-KEY", default_headers=headers)
    client.images.edit(model="gpt-image-2", image=PICTURE, prompt="p")
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"
