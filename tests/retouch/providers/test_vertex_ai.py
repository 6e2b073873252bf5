"""Vertex AI's peculiarities: places in the path, three kinds of proof, formats that can be chosen."""

import base64
import json
import socket
from contextlib import contextmanager

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from retouch.providers.vertex_ai import PROVIDER, locate
from tests.contract.standins.google import camel
from tests.contract.standins.vertex_ai import VertexAI
from tests.support.door import edit as knock
from tests.support.door import png
from tests.support.house import build_house
from tests.support.pictures import opened, photo
from tests.support.upstream import Upstream, as_json

PROMPT = "put a red scarf on the cat"
MODEL = "gemini-nano-banana-2.1"
CAT = photo(96, 64)
PLACE = "/v1/projects/acme/locations"


@pytest.fixture
def vertex():
    with VertexAI() as server:
        yield server


def ask(server, env=(), images=(CAT,), headers=None, **fields):
    house = build_house({**server.env(), **dict(env)}, providers=(PROVIDER,))
    form = [("model", f"vertex-ai/{MODEL}"), ("prompt", PROMPT), *fields.items()]
    return knock(
        [*form, *(("image[]", png(image)) for image in images)], house=house, headers=headers
    )


def config(server):
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
def test_hosts_of_locations(options, url):
    assert locate(options) == url


WHERE = {"x-portkey-vertex-project-id": "p", "x-portkey-vertex-region": "us-central1"}


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
def test_nobody_names_another_host_in_a_place(header, value):
    with listening() as (port, knocks):
        headers = {**WHERE, header: value.replace(":1", f":{port}")}
        form = [("model", f"vertex-ai/{MODEL}"), ("prompt", PROMPT), ("image", png(CAT))]
        house = build_house({}, providers=(PROVIDER,))
        answer = knock(form, house=house, headers={"authorization": "Bearer AIzaMine", **headers})
        assert knocks() == 0
    said = answer.json["error"]
    assert (answer.status, said["param"]) == (400, header)
    assert said["message"].startswith("Invalid value ")


@contextmanager
def listening():
    """A port of this machine, and how often somebody has knocked there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)

        def knocks():
            try:
                server.accept()[0].close()
            except TimeoutError:
                return 0
            return 1

        yield server.getsockname()[1], knocks


def test_a_wrong_place_of_the_operators_is_the_operators_fault():
    env = {"VERTEX_AI_API_KEY": "k", "VERTEX_AI_PROJECT": "p", "VERTEX_AI_LOCATION": "a/b"}
    form = [("model", f"vertex-ai/{MODEL}"), ("prompt", PROMPT), ("image", png(CAT))]
    answer = knock(form, house=build_house(env, providers=(PROVIDER,)))
    assert answer.status == 500
    assert "Tell the gateway's operator." in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("env", "place"),
    [
        ({}, "/v1"),
        ({"VERTEX_AI_LOCATION": "eu"}, "/v1"),
        ({"VERTEX_AI_PROJECT": "acme"}, f"{PLACE}/global"),
        ({"VERTEX_AI_PROJECT": "acme", "VERTEX_AI_LOCATION": "eu"}, f"{PLACE}/eu"),
        ({"VERTEX_AI_PROJECT": "example.com:acme"}, "/v1/projects/example.com:acme/locations/global"),
    ],
)  # fmt: skip
def test_places_in_the_path(vertex, env, place):
    assert ask(vertex, env).status == 200
    (call,) = vertex.calls
    assert call.path == f"{place}/publishers/google/models/{MODEL}:generateContent"
    assert call.headers["x-goog-api-key"] == vertex.key
    assert "authorization" not in call.headers
    assert call.query == {}


def test_an_access_token_goes_as_a_bearer(vertex):
    env = {"VERTEX_AI_API_KEY": "", "VERTEX_AI_PROJECT": "acme"}
    answer = ask(vertex, env, headers={"authorization": "Bearer ya29.callers"})
    (call,) = vertex.calls
    assert answer.status == 200
    assert call.headers["authorization"] == "Bearer ya29.callers"
    assert "x-goog-api-key" not in call.headers


def test_without_a_key_google_vouches(vertex):
    from tests.retouch.edges.upstream.test_identity_gcp import account

    with Upstream(as_json({"access_token": "ya29.role", "expires_in": 3599})) as tokens:
        env = {
            "VERTEX_AI_API_KEY": "",
            "VERTEX_AI_PROJECT": "acme",
            "VERTEX_AI_SERVICE_ACCOUNT_JSON": json.dumps(account(tokens)),
        }
        answer = ask(vertex, env)
    assert answer.status == 200
    assert vertex.calls[0].headers["authorization"] == "Bearer ya29.role"
    assert len(tokens.calls) == 1


def test_without_a_key_and_a_project_nothing_is_sent(vertex):
    answer = ask(vertex, {"VERTEX_AI_API_KEY": ""})
    assert answer.status == 401
    assert "VERTEX_AI_PROJECT" in answer.json["error"]["message"]
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
def test_what_only_this_host_takes(vertex, fields, sent):
    answer = ask(vertex, **fields)
    assert answer.status == 200
    assert config(vertex) == sent


@pytest.mark.parametrize(("format", "made"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_format_that_was_asked_for_is_what_comes(vertex, format, made):
    answer = ask(vertex, output_format=format)
    assert opened(base64.b64decode(answer.json["data"][0]["b64_json"])).format == made
    assert answer.json["output_format"] == format


def test_every_card_has_the_limit_of_a_file():
    assert {model.image_bytes for model in PROVIDER.models} == {7_000_000}


@pytest.mark.parametrize("name", sorted(VertexAI().failures()))
def test_failures_reach_the_caller_as_promised(vertex, name):
    failure = vertex.failures()[name]
    vertex.fail(failure)
    answer = ask(vertex)
    assert (answer.status, answer.json["error"]["code"]) == (failure.status, failure.code)
    assert answer.headers["x-retouch-billed"] == failure.billed


def sdk(server, **how):
    options = types.HttpOptions(base_url=server.url, api_version="v1")
    return genai.Client(vertexai=True, http_options=options, **how)


def buy(client):
    return client.models.generate_content(
        model=MODEL,
        contents=[types.Part.from_bytes(data=CAT, mime_type="image/png"), PROMPT],
        config=types.GenerateContentConfig(
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(
                aspect_ratio="3:2",
                image_size="1K",
                person_generation="ALLOW_ALL",
                prominent_people="BLOCK_PROMINENT_PEOPLE",
                image_output_options=types.ImageConfigImageOutputOptions(
                    mime_type="image/jpeg", compression_quality=40
                ),
            ),
        ),
    )


WISHES = {
    "aspect_ratio": "3:2",
    "resolution": "1K",
    "person_generation": "allow_all",
    "prominent_people": "block_prominent_people",
    "output_format": "jpeg",
    "output_compression": "40",
}


def test_the_official_sdk_sends_the_same_with_a_token(vertex):
    token = Credentials("ya29.sdk")
    buy(sdk(vertex, project="acme", location="global", credentials=token))
    env = {"VERTEX_AI_API_KEY": "ya29.sdk", "VERTEX_AI_PROJECT": "acme"}
    assert ask(vertex, env, **WISHES).status == 200
    theirs, ours = vertex.calls
    assert theirs.path == ours.path
    assert theirs.headers["authorization"] == ours.headers["authorization"] == "Bearer ya29.sdk"
    assert camel(theirs.json()) == ours.json()


def test_the_official_sdk_sends_the_same_in_express_mode(vertex):
    buy(sdk(vertex, api_key=vertex.key))
    assert ask(vertex, **WISHES).status == 200
    theirs, ours = vertex.calls
    assert theirs.path == ours.path
    assert theirs.headers["x-goog-api-key"] == ours.headers["x-goog-api-key"]
    assert camel(theirs.json()) == ours.json()
