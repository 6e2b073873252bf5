"""Tests of the official Python SDK, unchanged except for base_url."""

import base64
import io
import urllib.request

import openai
import pytest

from tests.support.images import b64, box_mask, decode_image, photo
from tests.support.upstream import ScriptedResponse, json_response, sse_response

IMAGE = photo(96, 96)
MASK = box_mask(96, 96)


@pytest.fixture
def client(gateway):
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="DUMMY-KEY", max_retries=2)


def response_image(response, index=0):
    return decode_image(base64.b64decode(response.data[index].b64_json))


def test_sdk_edit_accepts_bytes_files_and_named_tuples(client, upstream):
    for image in (IMAGE, io.BytesIO(IMAGE), ("cat.png", IMAGE, "image/png")):
        response = client.images.edit(model="gpt-image-2", image=image, prompt="a hat")
        assert response_image(response).size == (1024, 1024)
    assert [call.files[0][2] for call in upstream.calls] == ["image/png"] * 3


def test_sdk_edit_sends_a_list_of_images(client, upstream):
    client.images.edit(model="gpt-image-2", image=[IMAGE, photo(32, 32)], prompt="p")
    assert [part[0] for part in upstream.calls[0].files] == ["image[]", "image[]"]


def test_sdk_masked_edit_with_the_local_model_needs_no_key(client):
    response = client.images.edit(model="local/erase", image=IMAGE, mask=MASK, prompt="remove it")
    assert response_image(response).size == (96, 96)
    assert "Removed the marked" in response.data[0].revised_prompt


def test_sdk_edit_with_n_2_returns_two_images(client):
    response = client.images.edit(
        model="local/erase", image=IMAGE, mask=MASK, prompt="p", n=2, size="64x64"
    )
    assert [response_image(response, i).size for i in (0, 1)] == [(64, 64)] * 2


def test_sdk_edit_with_url_format_returns_a_working_link(client):
    response = client.images.edit(
        model="local/erase", image=IMAGE, mask=MASK, prompt="p", response_format="url"
    )
    with urllib.request.urlopen(response.data[0].url) as link:
        assert link.headers["content-type"] == "image/png"
        assert decode_image(link.read()).size == (96, 96)


def test_sdk_edit_accepts_every_documented_parameter(client, upstream):
    params = {
        "size": "1024x1024",
        "quality": "low",
        "background": "transparent",
        "input_fidelity": "high",
        "output_format": "webp",
        "output_compression": 70,
        "user": "u",
        "n": 1,
    }
    client.images.edit(model="gpt-image-2", image=IMAGE, mask=MASK, prompt="p", **params)
    fields = upstream.calls[0].fields
    assert fields["background"] == "transparent"
    assert fields["output_compression"] == "70"
    assert "input_fidelity" not in fields, (
        "This model returns an error for it and always uses high fidelity."
    )


def test_sdk_stream_yields_partial_and_completed_events(client, upstream):
    image_fields = {
        "size": "1024x1024",
        "quality": "low",
        "background": "opaque",
        "output_format": "png",
    }
    part = {"b64_json": b64(IMAGE), "created_at": 1, **image_fields}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    upstream.responses[:] = [
        sse_response(
            {"type": "image_edit.partial_image", "partial_image_index": 0, **part},
            {"type": "image_edit.completed", "usage": usage, **part},
        )
    ]
    events = list(
        client.images.edit(
            model="gpt-image-2", image=IMAGE, prompt="p", stream=True, partial_images=1
        )
    )
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    assert events[1].usage.total_tokens == 2


def test_sdk_stream_with_the_local_model_needs_no_key(client):
    events = list(
        client.images.edit(model="local/erase", image=IMAGE, mask=MASK, prompt="p", stream=True)
    )
    assert [event.type for event in events] == ["image_edit.completed"]


def test_sdk_bad_request_error_names_the_parameter(client, upstream):
    with pytest.raises(openai.BadRequestError) as raised:
        client.images.edit(model="gpt-image-2", image=IMAGE, prompt="p", size="1000x1000")
    assert raised.value.param == "size"
    assert raised.value.code == "invalid_value"
    assert upstream.calls == []


@pytest.mark.parametrize(
    ("provider_response", "raised"),
    [
        (json_response({"error": {"code": "moderation_blocked"}}, 400), openai.BadRequestError),
        (json_response({"error": {"code": "rate_limit_exceeded"}}, 429), openai.RateLimitError),
        (ScriptedResponse(500), openai.InternalServerError),
        (ScriptedResponse(network_failure="reset"), openai.InternalServerError),
    ],
)
def test_sdk_raises_typed_errors_after_a_single_provider_call(
    client, upstream, provider_response, raised
):
    upstream.responses[:] = [provider_response]
    no_retry_client = (
        client.with_options(max_retries=0) if raised is openai.RateLimitError else client
    )
    with pytest.raises(raised):
        no_retry_client.images.edit(model="gpt-image-2", image=IMAGE, prompt="p")
    assert len(upstream.calls) == 1


def test_sdk_key_is_sent_to_the_provider(gateway, upstream):
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-mine")
    client.images.edit(model="openai/gpt-image-2", image=IMAGE, prompt="p")
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"


def test_sdk_raises_not_found_for_an_unknown_model(client):
    with pytest.raises(openai.NotFoundError):
        client.images.edit(model="nobody/nothing", image=IMAGE, prompt="p")


@pytest.mark.parametrize(
    ("deployment", "model", "path"),
    [
        (None, "gpt-image-2", "/openai/deployments/gpt-image-2/images/edits"),
        (None, "openai/gpt-image-2", "/v1/images/edits"),
        ("prod", openai.omit, "/openai/deployments/prod/images/edits"),
        ("prod", "prod", "/openai/deployments/prod/images/edits"),
    ],
)
def test_sdk_client_for_azure_edits(gateway, upstream, deployment, model, path):
    client = openai.AzureOpenAI(
        azure_endpoint=gateway.url,
        azure_deployment=deployment,
        api_key="DUMMY-KEY",
        api_version="2025-04-01-preview",
    )
    client.images.edit(model=model, image=IMAGE, prompt="p")
    assert [call.path for call in upstream.calls] == [path]


def test_sdk_retrieves_a_model(client):
    assert client.models.retrieve("openai/gpt-image-2").owned_by == "openai"
