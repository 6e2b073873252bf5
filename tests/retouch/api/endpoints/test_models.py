"""Tests of GET /v1/models and /v1/models/{id}."""

import pytest

from tests.support.events import proxy_event
from tests.support.gateway_client import send_event
from tests.support.services import build_services


def get_model(model_id, method="GET"):
    return send_event(proxy_event(method=method, path=f"/v1/models/{model_id}"))


@pytest.mark.parametrize("model_id", ["openai/gpt-image-2", "openai%2Fgpt-image-2", "gpt-image-2"])
def test_model_is_found_by_each_spelling_of_its_id(model_id):
    response = get_model(model_id)
    assert response.status == 200
    assert response.json["id"] == "openai/gpt-image-2"
    assert response.json["object"] == "model"


def list_models(verbose=None):
    event = proxy_event(method="GET", path="/v1/models")
    return send_event({**event, "queryStringParameters": verbose and {"verbose": verbose}})


@pytest.mark.parametrize("verbose", ["true", "1", "True"])
def test_model_equals_its_entry_in_the_verbose_list(verbose):
    models = list_models(verbose).json["data"]
    assert {model["id"] for model in models}
    for model in models:
        assert get_model(model["id"]).json == model


@pytest.mark.parametrize("verbose", [None, "false", "0"])
def test_list_has_no_capabilities_unless_they_are_asked_for(verbose):
    short = list_models(verbose).json["data"]
    whole = list_models("true").json["data"]
    assert short == [
        {name: value for name, value in model.items() if name != "capabilities"} for model in whole
    ]


def test_other_value_of_verbose_is_refused():
    response = list_models("yes please")
    assert (response.status, response.json["error"]["param"]) == (400, "verbose")


def test_unknown_model_is_not_found_and_a_similar_one_is_suggested():
    response = get_model("openai/gpt-image-3")
    assert (response.status, response.json["error"]["code"]) == (404, "model_not_found")
    assert "Did you mean" in response.json["error"]["message"]


def test_malformed_model_id_is_refused():
    assert get_model("a%20b").json["error"]["param"] == "model"


@pytest.mark.parametrize(
    ("env", "providers"),
    [
        ({"AWS_ACCESS_KEY_ID": "local-s3"}, {"local"}),
        ({}, {"local", "bedrock"}),
        ({"OPENAI_API_KEY": "sk", "AWS_ACCESS_KEY_ID": "local-s3"}, {"local", "openai"}),
        ({"VERTEX_AI_PROJECT": "p", "AWS_ACCESS_KEY_ID": "local-s3"}, {"local", "vertex-ai"}),
        (
            {"AZURE_OPENAI_ENDPOINT": "ftp://x y", "AWS_ACCESS_KEY_ID": "local-s3"},
            {"local"},
        ),
    ],
)
def test_models_that_need_no_key_of_the_caller_are_named(env, providers):
    event = proxy_event(method="GET", path="/v1/models")
    models = send_event(event, services=build_services(env)).json["data"]
    assert {model["owned_by"] for model in models if model["has_key"]} == providers
