"""The official Python SDK, unchanged but for base_url."""

import base64
import io
import urllib.request

import openai
import pytest

from tests.support.pictures import b64, hole, opened, photo
from tests.support.upstream import Answer, as_events, as_json

PICTURE = photo(96, 96)
MASK = hole(96, 96)


@pytest.fixture
def client(gateway):
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="DUMMY-KEY", max_retries=2)


def picture_of(response, index=0):
    return opened(base64.b64decode(response.data[index].b64_json))


def test_edit_with_bytes_files_and_named_tuples(client, upstream):
    for image in (PICTURE, io.BytesIO(PICTURE), ("cat.png", PICTURE, "image/png")):
        response = client.images.edit(model="gpt-image-2", image=image, prompt="a hat")
        assert picture_of(response).size == (1024, 1024)
    assert [call.files[0][2] for call in upstream.calls] == ["image/png"] * 3


def test_list_of_images(client, upstream):
    client.images.edit(model="gpt-image-2", image=[PICTURE, photo(32, 32)], prompt="p")
    assert [part[0] for part in upstream.calls[0].files] == ["image[]", "image[]"]


def test_masked_edit_needs_no_key(client):
    response = client.images.edit(model="local/erase", image=PICTURE, mask=MASK, prompt="remove it")
    assert picture_of(response).size == (96, 96)
    assert "Removed the marked" in response.data[0].revised_prompt


def test_two_pictures(client):
    response = client.images.edit(
        model="local/erase", image=PICTURE, mask=MASK, prompt="p", n=2, size="64x64"
    )
    assert [picture_of(response, i).size for i in (0, 1)] == [(64, 64)] * 2


def test_link_works(client):
    response = client.images.edit(
        model="local/erase", image=PICTURE, mask=MASK, prompt="p", response_format="url"
    )
    with urllib.request.urlopen(response.data[0].url) as link:
        assert link.headers["content-type"] == "image/png"
        assert opened(link.read()).size == (96, 96)


def test_every_documented_parameter(client, upstream):
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
    client.images.edit(model="gpt-image-2", image=PICTURE, mask=MASK, prompt="p", **params)
    fields = upstream.calls[0].fields
    assert fields["background"] == "transparent"
    assert fields["output_compression"] == "70"
    assert "input_fidelity" not in fields, "an error upstream on this model, and always high there"


def test_stream(client, upstream):
    facts = {"size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
    part = {"b64_json": b64(PICTURE), "created_at": 1, **facts}
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    upstream.answers[:] = [
        as_events(
            {"type": "image_edit.partial_image", "partial_image_index": 0, **part},
            {"type": "image_edit.completed", "usage": usage, **part},
        )
    ]
    events = list(
        client.images.edit(
            model="gpt-image-2", image=PICTURE, prompt="p", stream=True, partial_images=1
        )
    )
    assert [event.type for event in events] == ["image_edit.partial_image", "image_edit.completed"]
    assert events[1].usage.total_tokens == 2


def test_stream_without_key(client):
    events = list(
        client.images.edit(model="local/erase", image=PICTURE, mask=MASK, prompt="p", stream=True)
    )
    assert [event.type for event in events] == ["image_edit.completed"]


def test_bad_request_names_the_parameter(client, upstream):
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model="gpt-image-2", image=PICTURE, prompt="p", size="1000x1000")
    assert caught.value.param == "size"
    assert caught.value.code == "invalid_value"
    assert upstream.calls == []


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (as_json({"error": {"code": "moderation_blocked"}}, 400), openai.BadRequestError),
        (as_json({"error": {"code": "rate_limit_exceeded"}}, 429), openai.RateLimitError),
        (Answer(500), openai.InternalServerError),
        (Answer(fault="reset"), openai.InternalServerError),
    ],
)
def test_typed_exceptions_and_no_second_purchase(client, upstream, answer, raised):
    upstream.answers[:] = [answer]
    quick = client.with_options(max_retries=0) if raised is openai.RateLimitError else client
    with pytest.raises(raised):
        quick.images.edit(model="gpt-image-2", image=PICTURE, prompt="p")
    assert len(upstream.calls) == 1


def test_the_callers_own_key_is_used(gateway, upstream):
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-mine")
    client.images.edit(model="openai/gpt-image-2", image=PICTURE, prompt="p")
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-mine"


def test_unknown_model(client):
    with pytest.raises(openai.NotFoundError):
        client.images.edit(model="nobody/nothing", image=PICTURE, prompt="p")
