"""The published contract: generated requests get answers that it allows, and it has every route and code there is."""

import ast
import json
import re
from pathlib import Path

import jsonschema
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from local.gateway import Gateway
from retouch.edges.mirror.door import PATH
from retouch.edges.routes import ROUTES
from retouch.errors import Fault
from retouch.plan.params import DOCUMENTED
from retouch.providers import PROVIDERS
from retouch.wire.wish import OWN
from tests.support.events import multipart
from tests.support.pictures import data_url, hole, photo
from tests.support.upstream import closed_port

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "retouch" / "retouch"
DOCUMENT = json.loads((PACKAGE / "openapi.json").read_bytes())
CODES = set(DOCUMENT["components"]["schemas"]["Code"]["enum"])
EDITS = "/v1/images/edits"
PHOTO, HOLE = photo(16, 16), hole(16, 16)
CONFORMS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {
    (path, method.upper()): operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
FILES = "/v1/files/{token}"
# What takes nothing at all, and what takes any text, cannot be asked wrongly.
VARIED = [key for key in OPERATIONS if key[0] not in ("/openapi.json", FILES)]
BOUNDED = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
schema = schemathesis.openapi.from_dict(DOCUMENT)


def variants(case):
    """The generated request, and the same with real pictures: random bytes never get as far as an edit."""
    yield case
    if case.path == EDITS and isinstance(case.body, dict) and "prompt" in case.body:
        case.body = {**case.body, **pictures(case), "model": "local/erase"}
        yield case


def pictures(case):
    if case.media_type == "application/json":
        left = {"image": None, "images": [data_url(PHOTO)]}
        return {**left, "mask": {"image_url": data_url(HOLE)}}
    return {"image": PHOTO, "mask": HOLE}


def own_code(ctx, response, case):
    """Nothing but the gateway itself answers here, so every code has to be on its list; and nothing is slow."""
    if response.status_code >= 400:
        assert response.json()["error"]["code"] in CODES
    elif case.path == EDITS and "json" in response.headers["content-type"][0]:
        assert "error" not in response.json()


CHECKS = [not_a_server_error, *CONFORMS, own_code]


@pytest.fixture(scope="module")
def running():
    with Gateway(env={"RETOUCH_AUTH_MODE": "open"}, workers=2, s3=True) as gateway:
        yield gateway.url


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("path", "method"), VARIED)
def test_every_answer_is_in_the_contract(path, method, mode, running):
    @BOUNDED
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def check(case):
        for variant in variants(case):
            variant.call_and_validate(base_url=running, checks=CHECKS, timeout=30)

    check()


def conforms(path, method, answer):
    token = {"path_parameters": {"token": "x"}} if path == FILES else {}
    case = schema[path][method].Case(**token)
    case.validate_response(answer, checks=CONFORMS)
    return answer


FIELDS = {
    "image": ("a.png", PHOTO, "image/png"),
    "mask": ("m.png", HOLE, "image/png"),
    "prompt": "x",
}


def edit(url, **fields):
    kind, body = multipart({**FIELDS, **fields})
    return requests.post(url + EDITS, data=body, headers={"Content-Type": kind}, timeout=30)


@pytest.mark.parametrize("response_format", ["b64_json", "url"])
def test_an_edit_is_in_the_contract(running, response_format):
    answer = conforms(EDITS, "POST", edit(running, response_format=response_format))
    assert answer.status_code == 200
    assert response_format in answer.json()["data"][0]


def test_a_stream_is_in_the_contract(running):
    answer = conforms(EDITS, "POST", edit(running, stream="true"))
    [frame] = answer.text.strip().split("\n\n")
    assert as_schema("Event").is_valid(json.loads(frame.partition("data: ")[2]))


def as_schema(name):
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    )


def test_what_fails_is_in_the_contract():
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk-x",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{closed_port()}",
    }
    with Gateway(env=env) as gateway:
        health = requests.get(gateway.url + "/health?deep=1", timeout=30)
        upload = requests.post(gateway.url + "/v1/uploads", timeout=30)
        refused = edit(gateway.url, model="openai/gpt-image-2")
    assert conforms("/health", "GET", health).status_code == 503
    assert conforms("/v1/uploads", "POST", upload).status_code == 500
    assert conforms(EDITS, "POST", refused).status_code == 502


def test_a_closed_door_is_in_the_contract():
    with Gateway(env={"RETOUCH_AUTH_MODE": "keys"}) as gateway:
        for (path, method), operation in OPERATIONS.items():
            query = "?deep=1" if path == "/health" else ""
            url = gateway.url + path.replace("{token}", "x") + query
            answer = requests.request(method, url, timeout=30)
            if path == EDITS:
                answer = edit(gateway.url)
            conforms(path, method, answer)
            opened = 404 if path == FILES else 200
            assert answer.status_code == (opened if operation.get("security") == [] else 401)


def test_it_has_every_route_and_no_other():
    routes = {(path.replace("<", "{").replace(">", "}"), method) for method, path in ROUTES}
    assert routes | {(PATH, "POST")} == set(OPERATIONS)


def test_it_is_what_the_gateway_publishes(running):
    assert requests.get(running + "/openapi.json", timeout=30).json() == DOCUMENT


@pytest.mark.parametrize("form", ["EditForm", "EditJson"])
def test_it_has_every_parameter_that_is_not_a_models_own(form):
    documented = set(DOCUMENTED) | set(OWN)
    on_cards = {name for p in PROVIDERS for m in p.models for name in m.params}
    said = set(DOCUMENT["components"]["schemas"][form]["properties"])
    assert documented <= said
    assert said <= documented | on_cards | {"image", "images", "image[]"}


def test_it_has_every_code_that_the_code_has():
    assert set(codes_in_the_source()) <= CODES
    written = " ".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    templates = (ROOT / "template.yaml").read_text()
    unused = {code for code in CODES if not re.search(rf'"{code}"', written + templates)}
    assert unused == set()


def test_it_has_every_code_that_the_documentation_has():
    table = (ROOT / "docs" / "answers.md").read_text().partition("## Error codes")[2]
    assert set(re.findall(r"`([a-z_0-9]+)`", table)) == CODES


def test_every_code_is_among_those_of_its_status():
    raised = set(raised_in_the_source())
    assert {("foreign_host", 502), ("plan_not_understood", 502), ("empty_body", 400)} <= raised
    assert {pair for pair in raised if pair[0] not in listed_at(pair[1])} == set()


def listed_at(status):
    """The codes that an answer of that status may have; all where it has no list of its own."""
    found = DOCUMENT["paths"][EDITS]["post"]["responses"].get(str(status), {})
    name = found.get("$ref", "").rpartition("/")[2]
    schema = DOCUMENT["components"]["responses"].get(name, found)
    for part in (
        schema.get("content", {}).get("application/json", {}).get("schema", {}).get("allOf", ())
    ):
        own = part.get("properties", {}).get("error", {}).get("properties", {}).get("code", {})
        if "enum" in own:
            return own["enum"]
    return CODES


def raised_in_the_source():
    """(code, status) of every class of faults, and of every one that is made with a code of its own."""
    kinds = {kind.__name__: kind for kind in kinds_of(Fault)}
    yield from ((kind.code, kind.status) for kind in kinds.values() if kind.code)
    for node in nodes_of_the_source():
        kind = kinds.get(getattr(getattr(node, "func", None), "id", None))
        said = {word.arg: word.value for word in node.keywords} if kind else {}
        status = getattr(said.get("status"), "value", getattr(kind, "status", None))
        yield from ((code, status) for code in texts(said.get("code")))


def kinds_of(kind):
    yield kind
    for below in kind.__subclasses__():
        yield from kinds_of(below)


def texts(value):
    """What an expression may be, as far as it is written there."""
    branches = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
    found = [getattr(branch, "value", None) for branch in branches]
    return [text for text in found if isinstance(text, str)]


def nodes_of_the_source():
    for path in PACKAGE.rglob("*.py"):
        yield from ast.walk(ast.parse(path.read_text()))


def codes_in_the_source():
    """Every `code="..."` of a call and `code = "..."` of a class of faults."""
    for node in nodes_of_the_source():
        name = getattr(node, "arg", None) or getattr(
            (getattr(node, "targets", None) or [getattr(node, "target", None)])[0], "id", None
        )
        if name == "code":
            yield from texts(getattr(node, "value", None))
