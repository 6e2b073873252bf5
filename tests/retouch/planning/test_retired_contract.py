"""Tests of requests that the rules of a retired model refuse and its successor can serve."""

import pytest
from PIL import GifImagePlugin as GifImagePlugin  # Pillow loads only the plugins of the gateway

from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, cutout, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

OPENAI = {"x-portkey-provider": "openai"}
SQUARE, LANDSCAPE = photo(64, 64), photo(640, 480)


@pytest.fixture
def upstream():
    with Upstream(json_response({"data": [{"b64_json": b64(photo(1024, 1024))}]})) as server:
        yield server


@pytest.fixture
def env(upstream):
    return {
        "OPENAI_API_KEY": "sk-x",
        "OPENAI_BASE_URL": f"{upstream.url}/v1",
        "AZURE_OPENAI_API_KEY": "az-x",
        "AZURE_OPENAI_ENDPOINT": upstream.url,
    }


def edit(env, headers=None, **fields):
    fields = {"prompt": "p", "image": file_part(SQUARE), **fields}
    return post_edit(
        fields, headers=headers, services=build_services({**env, "RETOUCH_BUCKET": "b"})
    )


def test_opaque_png_without_mask_and_model_is_served_by_the_successor(env, upstream):
    response = edit(env, OPENAI)
    assert response.status == 200
    assert response.headers["x-retouch-model"] == "openai/gpt-image-2"
    assert "breaks a rule of dall-e-2 (mask_required)" in response.headers["x-retouch-notes"]
    assert [part[0] for part in upstream.calls[0].files] == ["image"]


def test_response_without_model_keeps_the_default_format_of_the_retired_model(env):
    assert "url" in edit(env, OPENAI).json["data"][0]


@pytest.mark.parametrize(
    "fields",
    [
        *({"image": file_part(photo(64, 64, kind))} for kind in ("JPEG", "WEBP", "GIF")),
        {"image": file_part(LANDSCAPE)},
        {"prompt": "x" * 1001},
        {"size": "1536x1024"},
        {"quality": "high"},
        {"background": "transparent"},
        {"input_fidelity": "high"},
    ],
)
def test_request_without_model_that_only_the_successor_accepts_is_served(env, fields):
    response = edit(env, OPENAI, **fields)
    assert response.status == 200
    assert "gpt-image-2 serves it by its own rules" in response.headers["x-retouch-notes"]


def test_request_without_model_that_the_old_rules_accept_gets_no_further_note(env):
    response = edit(env, OPENAI, image=file_part(cutout()))
    assert "by its own rules" not in response.headers["x-retouch-notes"]


def test_request_that_both_models_refuse_gets_the_rule_of_the_successor(env, upstream):
    response = edit(env, OPENAI, size="1000x1000")
    assert (response.status, response.json["error"]["param"]) == (400, "size")
    assert "dall-e-2" not in response.json["error"]["message"]
    assert upstream.calls == []


@pytest.mark.parametrize("model", ["dall-e-2", "openai/dall-e-2", "azure-openai/dall-e-2"])
def test_opaque_png_without_mask_is_served_for_a_retired_model_by_name(env, model):
    response = edit(env, model=model)
    assert response.status == 200
    assert "dall-e-2 needs a mask or transparency" in response.headers["x-retouch-notes"]


def test_other_rules_of_a_retired_model_by_name_still_refuse(env, upstream):
    response = edit(env, model="dall-e-2", image=file_part(photo(64, 64, "JPEG")))
    assert response.json["error"]["code"] == "unsupported_image_format"
    assert upstream.calls == []


@pytest.mark.parametrize("fields", [{}, {"model": "dall-e-2"}])
def test_strict_setting_refuses_with_410(env, upstream, fields):
    response = edit({**env, "RETOUCH_STRICT_RETIRED": "true"}, OPENAI, **fields)
    assert (response.status, response.json["error"]["code"]) == (410, "model_retired")
    assert upstream.calls == []


def test_mask_stays_required_when_the_successor_requires_it_too(env):
    response = edit({**env, "RETOUCH_SUCCESSORS": "dall-e-2=local/erase"}, model="dall-e-2")
    assert response.json["error"]["code"] == "mask_required"
