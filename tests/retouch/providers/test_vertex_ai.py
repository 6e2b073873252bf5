"""Tests of the Vertex AI adapter: projects and locations in paths, three kinds of credential, output formats."""

import base64
import json
import socket
from contextlib import contextmanager

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from retouch.providers.vertex_ai import PROVIDER, resolve_base_url
from tests.contract.standins.google import to_camel_case
from tests.contract.standins.vertex_ai import VertexAIStandIn
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import decode_image, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

PROMPT = "put a red scarf on the cat"
MODEL = "gemini-nano-banana-2.1"
CAT_PHOTO = photo(96, 64)
LOCATIONS_PATH = "/v1/projects/acme/locations"


@pytest.fixture
def vertex():
    with VertexAIStandIn() as server:
        yield server


def vertex_edit(server, env=(), images=(CAT_PHOTO,), headers=None, **fields):
    services = build_services({**server.env(), **dict(env)}, providers=(PROVIDER,))
    form = [("model", f"vertex-ai/{MODEL}"), ("prompt", PROMPT), *fields.items()]
    return post_edit(
        [*form, *(("image[]", file_part(image)) for image in images)],
        services=services,
        headers=headers,
    )


def sent_image_config(server):
    return server.calls[-1].json()["generationConfig"].get("imageConfig")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "https://aiplatform.googleapis.com"),
        ({"location": "us-central1"}, "https://aiplatform.googleapis.com"),
        ({"project": "p"}, "https://aiplatform.googleapis.com"),
        ({"project": "p", "location": "global"}, "https://aiplatform.googleapis.com"),
        ({"project": "p", "location": "eu"}, "https://aiplatform.eu.rep.googleapis.com"),
        ({"project": "p", "location": "us"}, "https://aiplatform.us.rep.googleapis.com"),
        ({"project": "p", "location": "us-central1"}, "https://us-central1-aiplatform.googleapis.com"),
    ],
)  # fmt: skip
def test_base_url_follows_project_and_location(options, url):
    assert resolve_base_url(options) == url


LOCATION_HEADERS = {"x-portkey-vertex-project-id": "p", "x-portkey-vertex-region": "us-central1"}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        *(("x-portkey-vertex-region", f"127.0.0.1:1{end}") for end in ("", "/", "#", "?")),
        ("x-portkey-vertex-region", "x@127.0.0.1:1/"),
        ("x-portkey-vertex-region", "evil.example"),
        ("x-portkey-vertex-region", "us-"),
        ("x-portkey-vertex-region", "a" * 64),
        ("x-portkey-vertex-project-id", ".."),
        ("x-portkey-vertex-project-id", "p/locations/global"),
        ("x-portkey-vertex-project-id", "a:b:c"),
    ],
)  # fmt: skip
def test_location_header_naming_other_host_is_refused_without_connection(header, value):
    with listening_port() as (port, connection_count):
        headers = {**LOCATION_HEADERS, header: value.replace(":1", f":{port}")}
        form = [
            ("model", f"vertex-ai/{MODEL}"),
            ("prompt", PROMPT),
            ("image", file_part(CAT_PHOTO)),
        ]
        services = build_services({}, providers=(PROVIDER,))
        response = post_edit(
            form, services=services, headers={"authorization": "Bearer AIzaMine", **headers}
        )
        assert connection_count() == 0
    error = response.json["error"]
    assert (response.status, error["param"]) == (400, header)
    assert error["message"].startswith("Invalid value ")


@contextmanager
def listening_port():
    """Yield a local port and a function that returns 1 if a client has connected to it, else 0."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def connection_count():
            try:
                server.accept()[0].close()
            except TimeoutError:
                return 0
            return 1

        yield server.getsockname()[1], connection_count


def test_invalid_location_setting_returns_500():
    env = {"VERTEX_AI_API_KEY": "k", "VERTEX_AI_PROJECT": "p", "VERTEX_AI_LOCATION": "a/b"}
    form = [("model", f"vertex-ai/{MODEL}"), ("prompt", PROMPT), ("image", file_part(CAT_PHOTO))]
    response = post_edit(form, services=build_services(env, providers=(PROVIDER,)))
    assert response.status == 500
    assert "Tell the gateway's operator." in response.json["error"]["message"]


@pytest.mark.parametrize(
    ("env", "place"),
    [
        ({}, "/v1"),
        ({"VERTEX_AI_LOCATION": "eu"}, "/v1"),
        ({"VERTEX_AI_PROJECT": "acme"}, f"{LOCATIONS_PATH}/global"),
        ({"VERTEX_AI_PROJECT": "acme", "VERTEX_AI_LOCATION": "eu"}, f"{LOCATIONS_PATH}/eu"),
        ({"VERTEX_AI_PROJECT": "example.com:acme"}, "/v1/projects/example.com:acme/locations/global"),
    ],
)  # fmt: skip
def test_request_path_contains_project_and_location(vertex, env, place):
    assert vertex_edit(vertex, env).status == 200
    (call,) = vertex.calls
    assert call.path == f"{place}/publishers/google/models/{MODEL}:generateContent"
    assert call.headers["x-goog-api-key"] == vertex.key
    assert "authorization" not in call.headers
    assert call.query == {}


def test_access_token_is_sent_as_bearer(vertex):
    env = {"VERTEX_AI_API_KEY": "", "VERTEX_AI_PROJECT": "acme"}
    response = vertex_edit(vertex, env, headers={"authorization": "Bearer ya29.callers"})
    (call,) = vertex.calls
    assert response.status == 200
    assert call.headers["authorization"] == "Bearer ya29.callers"
    assert "x-goog-api-key" not in call.headers


def test_service_account_without_key_sends_fetched_token(vertex):
    from tests.support.google_credentials import service_account

    with Upstream(json_response({"access_token": "ya29.role", "expires_in": 3599})) as tokens:
        env = {
            "VERTEX_AI_API_KEY": "",
            "VERTEX_AI_PROJECT": "acme",
            "VERTEX_AI_SERVICE_ACCOUNT_JSON": json.dumps(service_account(tokens)),
        }
        response = vertex_edit(vertex, env)
    assert response.status == 200
    assert vertex.calls[0].headers["authorization"] == "Bearer ya29.role"
    assert len(tokens.calls) == 1


def test_missing_key_and_project_returns_401_before_any_call(vertex):
    response = vertex_edit(vertex, {"VERTEX_AI_API_KEY": ""})
    assert response.status == 401
    assert "VERTEX_AI_PROJECT" in response.json["error"]["message"]
    assert vertex.received == []


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, None),
        ({"output_format": "png"}, {"imageOutputOptions": {"mimeType": "image/png"}}),
        (
            {"output_format": "jpeg", "output_compression": "40"},
            {"imageOutputOptions": {"mimeType": "image/jpeg", "compressionQuality": 40}},
        ),
        (
            {"output_format": "png", "output_compression": "100"},
            {"imageOutputOptions": {"mimeType": "image/png"}},
        ),
        (
            {
                "person_generation": "allow_adult",
                "prominent_people": "block_prominent_people",
                "aspect_ratio": "3:2",
            },
            {
                "aspectRatio": "3:2",
                "personGeneration": "ALLOW_ADULT",
                "prominentPeople": "BLOCK_PROMINENT_PEOPLE",
            },
        ),
    ],
)
def test_vertex_only_parameters_are_sent_in_image_config(vertex, fields, sent):
    response = vertex_edit(vertex, **fields)
    assert response.status == 200
    assert sent_image_config(vertex) == sent


@pytest.mark.parametrize(("format", "made"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_requested_output_format_is_returned(vertex, format, made):
    response = vertex_edit(vertex, output_format=format)
    assert decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).format == made
    assert response.json["output_format"] == format


def test_every_model_limits_image_bytes_to_7_mb():
    assert {model.max_image_bytes for model in PROVIDER.models} == {7_000_000}


@pytest.mark.parametrize("name", sorted(VertexAIStandIn().failures()))
def test_provider_failure_maps_to_promised_status_code_and_billing(vertex, name):
    failure = vertex.failures()[name]
    vertex.fail_with(failure)
    response = vertex_edit(vertex)
    assert (response.status, response.json["error"]["code"]) == (failure.status, failure.code)
    assert response.headers["x-retouch-billed"] == failure.billed


def sdk_client(server, **client_options):
    options = types.HttpOptions(base_url=server.url, api_version="v1")
    return genai.Client(vertexai=True, http_options=options, **client_options)


def sdk_edit(client):
    return client.models.generate_content(
        model=MODEL,
        contents=[types.Part.from_bytes(data=CAT_PHOTO, mime_type="image/png"), PROMPT],
        config=types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(
                aspect_ratio="3:2",
                image_size="1K",
                person_generation="ALLOW_ALL",
                prominent_people=types.ProminentPeople.BLOCK_PROMINENT_PEOPLE,
                image_output_options=types.ImageConfigImageOutputOptions(
                    mime_type="image/jpeg", compression_quality=40
                ),
            ),
        ),
    )


PARAMETERS = {
    "aspect_ratio": "3:2",
    "resolution": "1K",
    "person_generation": "allow_all",
    "prominent_people": "block_prominent_people",
    "output_format": "jpeg",
    "output_compression": "40",
}


def test_gateway_request_with_token_equals_official_sdk_request(vertex):
    token = Credentials("ya29.sdk")
    sdk_edit(sdk_client(vertex, project="acme", location="global", credentials=token))
    env = {"VERTEX_AI_API_KEY": "ya29.sdk", "VERTEX_AI_PROJECT": "acme"}
    assert vertex_edit(vertex, env, **PARAMETERS).status == 200
    sdk_call, gateway_call = vertex.calls
    assert sdk_call.path == gateway_call.path
    assert (
        sdk_call.headers["authorization"]
        == gateway_call.headers["authorization"]
        == "Bearer ya29.sdk"
    )
    assert to_camel_case(sdk_call.json()) == gateway_call.json()


def test_gateway_request_in_express_mode_equals_official_sdk_request(vertex):
    sdk_edit(sdk_client(vertex, api_key=vertex.key))
    assert vertex_edit(vertex, **PARAMETERS).status == 200
    sdk_call, gateway_call = vertex.calls
    assert sdk_call.path == gateway_call.path
    assert sdk_call.headers["x-goog-api-key"] == gateway_call.headers["x-goog-api-key"]
    assert to_camel_case(sdk_call.json()) == gateway_call.json()
