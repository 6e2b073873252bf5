"""Tests of the paths of Azure's API: which model and provider serve an edit, and which key pays."""

import pytest

from tests.support.events import encode_multipart, proxy_event
from tests.support.gateway_client import file_part, send_event
from tests.support.images import b64, cutout, photo
from tests.support.upstream import Upstream, json_response

RESULT = json_response({"data": [{"b64_json": b64(photo(1024, 1024))}]})
GATEWAY_KEY = "rt_" + "a" * 43


@pytest.fixture
def upstream():
    with Upstream(RESULT) as server:
        yield server


@pytest.fixture
def openai_env(upstream):
    return {"OPENAI_API_KEY": "sk-operator", "OPENAI_BASE_URL": f"{upstream.url}/v1"}


@pytest.fixture
def azure_env(upstream):
    return {"AZURE_OPENAI_API_KEY": "az-operator", "AZURE_OPENAI_ENDPOINT": upstream.url}


def post_deployment_edit(deployment, env, headers=None, **fields):
    path = f"/openai/deployments/{deployment}/images/edits"
    image = file_part(photo(64, 64))
    content_type, body = encode_multipart({"prompt": "p", "image": image, **fields})
    event = proxy_event(content_type, body, headers, path=path)
    event["resource"] = "/openai/deployments/{path+}"
    event["pathParameters"] = {"path": f"{deployment}/images/edits"}
    event["queryStringParameters"] = {"api-version": "2025-04-01-preview"}
    return send_event(event, env=env)


@pytest.mark.parametrize("deployment", ["openai/gpt-image-2", "openai%2Fgpt-image-2"])
def test_deployment_with_provider_names_the_model(openai_env, upstream, deployment):
    response = post_deployment_edit(deployment, openai_env)
    assert response.status == 200
    assert upstream.calls[0].path == "/v1/images/edits"
    assert upstream.calls[0].fields["model"] == "gpt-image-2"


def test_deployment_is_served_by_azure_when_azure_is_configured(openai_env, azure_env, upstream):
    response = post_deployment_edit("gpt-image-2", {**openai_env, **azure_env})
    assert response.status == 200
    assert upstream.calls[0].path == "/openai/deployments/gpt-image-2/images/edits"
    assert upstream.calls[0].headers["api-key"] == "az-operator"


def test_deployment_of_any_name_is_served_by_azure(azure_env, upstream):
    assert post_deployment_edit("pictures-prod", azure_env).status == 200
    assert upstream.calls[0].path == "/openai/deployments/pictures-prod/images/edits"


def test_deployment_is_served_by_the_provider_that_has_the_model(openai_env, upstream):
    assert post_deployment_edit("gpt-image-2", openai_env).status == 200
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-operator"


def test_deployment_is_served_by_the_provider_that_the_header_names(openai_env, azure_env):
    env, headers = {**openai_env, **azure_env}, {"x-portkey-provider": "openai"}
    response = post_deployment_edit("gpt-image-2", env, headers)
    assert response.headers["x-retouch-model"] == "openai/gpt-image-2"


def test_own_key_in_api_key_header_goes_to_azure_only(openai_env, upstream):
    env = {**openai_env, "AZURE_OPENAI_ENDPOINT": upstream.url}
    assert post_deployment_edit("gpt-image-2", env, {"api-key": "az-caller"}).status == 200
    assert upstream.calls[0].headers["api-key"] == "az-caller"


def test_own_key_in_api_key_header_is_not_sent_to_openai(openai_env, upstream):
    response = post_deployment_edit("gpt-image-2", openai_env, {"api-key": "az-caller"})
    assert response.status == 500
    assert "Azure OpenAI has no address" in response.json["error"]["message"]
    assert upstream.calls == []


def test_gateway_key_is_read_from_api_key_header(openai_env):
    env = {**openai_env, "RETOUCH_AUTH_MODE": "keys", "RETOUCH_PEPPER": "p"}
    response = post_deployment_edit("gpt-image-2", env, {"api-key": GATEWAY_KEY})
    assert response.status == 401
    assert "own keys" in response.json["error"]["message"]
    assert post_deployment_edit("gpt-image-2", openai_env, {"api-key": GATEWAY_KEY}).status == 200


def test_body_may_repeat_the_model_of_the_path(openai_env):
    assert post_deployment_edit("gpt-image-2", openai_env, model="gpt-image-2").status == 200


def test_other_model_in_the_body_is_refused(openai_env):
    response = post_deployment_edit("gpt-image-2", openai_env, model="gpt-image-1.5")
    assert (response.status, response.json["error"]["param"]) == (400, "model")
    assert "'gpt-image-1.5'" in response.json["error"]["message"]


@pytest.mark.parametrize("path", ["x/images/generations", "images/edits", "x"])
def test_other_operation_of_a_deployment_is_not_found(path):
    event = proxy_event(*encode_multipart({"prompt": "p", "image": file_part(cutout())}))
    event["path"] = f"/openai/deployments/{path}"
    event["resource"] = "/openai/deployments/{path+}"
    event["pathParameters"] = {"path": path}
    response = send_event(event)
    assert response.status == 404
    assert "/openai/deployments/{model}/images/edits" in response.json["error"]["message"]
