"""Tests of the published contract: it allows every response to generated requests, and lists every route and code."""

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

from devserver.ports import unused_port
from devserver.server import DevServer
from retouch.api.handlers.mirror_http import MIRROR_PATH
from retouch.api.routes import ROUTES
from retouch.core.errors import Fault
from retouch.core.image_formats import INPUT_MEDIA_TYPES
from retouch.core.parameters import GATEWAY_PARAMS
from retouch.planning.parameter_rules import OPENAI_PARAMS
from retouch.providers import PROVIDERS
from tests.support.events import encode_multipart
from tests.support.images import box_mask, data_url, photo

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers" / "retouch" / "retouch"
DOCUMENT = json.loads((PACKAGE / "api" / "openapi.json").read_bytes())
CODES = set(DOCUMENT["components"]["schemas"]["Code"]["enum"])
EDITS_PATH = "/v1/images/edits"
PHOTO, MASK = photo(16, 16), box_mask(16, 16)
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
FILES_PATH = "/v1/files/{token}"
PATH_VALUES = {"token": "x", "id": "local/erase", "deployment": "local/erase", "file": "page.js"}
# Routes without parameters, and routes that accept any text, have no invalid requests.
FUZZED_OPERATIONS = [
    key
    for key in OPERATIONS
    if key[0] not in ("/", "/playground", "/openapi.json", FILES_PATH) and key[1] != "HEAD"
]
FUZZ_SETTINGS = settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
schema = schemathesis.openapi.from_dict(DOCUMENT)


@schemathesis.serializer(*INPUT_MEDIA_TYPES, "application/octet-stream")
def serialize_image(_ctx, value):
    """Return the bytes of a generated file part. A value of another type is sent as its text."""
    return value if isinstance(value, bytes) else str(value).encode()


def documented_path(path):
    """Return a route's path in OpenAPI, which has no variables of several segments."""
    return path.replace("{path+}", "{deployment}/images/edits").replace("+}", "}")


def request_variants(case):
    """Yield the generated request, and the same request with real images. Random bytes never reach an edit."""
    yield case
    if case.path == EDITS_PATH and isinstance(case.body, dict) and "prompt" in case.body:
        case.body = {**case.body, **image_fields(case), "model": "local/erase"}
        yield case


def image_fields(case):
    if case.media_type == "application/json":
        left = {"image": None, "images": [data_url(PHOTO)]}
        return {**left, "mask": {"image_url": data_url(MASK)}}
    return {"image": PHOTO, "mask": MASK}


def check_error_code(ctx, response, case):
    """Check that an error has a listed code, and that no 200 response to an edit carries an error.

    Only a slow provider can cause an error in a 200 response, and these tests involve no provider.
    """
    if response.status_code >= 400:
        assert response.json()["error"]["code"] in CODES
    elif case.path == EDITS_PATH and "json" in response.headers["content-type"][0]:
        assert "error" not in response.json()


CHECKS = [not_a_server_error, *CONFORMS, check_error_code]


@pytest.fixture(scope="module")
def gateway_url():
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}, workers=2, s3=True) as gateway:
        yield gateway.url


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("path", "method"), FUZZED_OPERATIONS)
def test_generated_requests_get_responses_allowed_by_the_contract(path, method, mode, gateway_url):
    @FUZZ_SETTINGS
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def check(case):
        for variant in request_variants(case):
            variant.call_and_validate(base_url=gateway_url, checks=CHECKS, timeout=30)

    check()


def assert_conforms(path, method, response):
    values = {name: value for name, value in PATH_VALUES.items() if f"{{{name}}}" in path}
    case = schema[path][method].Case(path_parameters=values)
    case.validate_response(response, checks=CONFORMS)
    return response


FIELDS = {
    "image": ("a.png", PHOTO, "image/png"),
    "mask": ("m.png", MASK, "image/png"),
    "prompt": "x",
}


def post_edit(url, path=EDITS_PATH, **fields):
    content_type, body = encode_multipart({**FIELDS, **fields})
    headers = {"Content-Type": content_type}
    return requests.post(url + path.format(**PATH_VALUES), data=body, headers=headers, timeout=30)


@pytest.mark.parametrize("response_format", ["b64_json", "url"])
def test_edit_response_conforms_to_the_contract(gateway_url, response_format):
    response = assert_conforms(
        EDITS_PATH, "POST", post_edit(gateway_url, response_format=response_format)
    )
    assert response.status_code == 200
    assert response_format in response.json()["data"][0]


@pytest.mark.parametrize(
    "path", [path for path, method in OPERATIONS if path.startswith("/openai")]
)
def test_edit_at_a_path_of_azure_conforms_to_the_contract(gateway_url, path):
    response = assert_conforms(path, "POST", post_edit(gateway_url, path, model="local/erase"))
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("path", "method"),
    [key for key in OPERATIONS if key[0].startswith("/v1/models") or key[0] == "/"],
)
def test_models_and_start_page_conform_to_the_contract(gateway_url, path, method):
    url = gateway_url + path.format(**PATH_VALUES)
    response = assert_conforms(path, method, requests.request(method, url, timeout=30))
    assert response.status_code == 200
    assert bool(response.content) == (method == "GET")


def test_edit_stream_conforms_to_the_contract(gateway_url):
    response = assert_conforms(EDITS_PATH, "POST", post_edit(gateway_url, stream="true"))
    [event] = response.text.strip().split("\n\n")
    assert schema_validator("StreamEvent").is_valid(json.loads(event.partition("data: ")[2]))


def schema_validator(name):
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    )


def test_error_responses_conform_to_the_contract():
    env = {
        "RETOUCH_AUTH_MODE": "open",
        "OPENAI_API_KEY": "sk-x",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{unused_port()}",
    }
    with DevServer(env=env) as gateway:
        health = requests.get(gateway.url + "/health?deep=1", timeout=30)
        upload = requests.post(gateway.url + "/v1/uploads", timeout=30)
        edit_response = post_edit(gateway.url, model="openai/gpt-image-2")
    assert assert_conforms("/health", "GET", health).status_code == 503
    assert assert_conforms("/v1/uploads", "POST", upload).status_code == 500
    assert assert_conforms(EDITS_PATH, "POST", edit_response).status_code == 502


def test_unauthenticated_responses_conform_to_the_contract():
    with DevServer(env={"RETOUCH_AUTH_MODE": "keys"}) as gateway:
        for (path, method), operation in OPERATIONS.items():
            query = "?deep=1" if path == "/health" else ""
            url = gateway.url + path.format(**PATH_VALUES) + query
            response = requests.request(method, url, timeout=30)
            if path.endswith("/images/edits"):
                response = post_edit(gateway.url, path)
            assert_conforms(path, method, response)
            open_status = 404 if path == FILES_PATH else 200
            assert response.status_code == (open_status if operation.get("security") == [] else 401)


def test_contract_has_exactly_the_routes_of_the_handlers():
    routes = {(documented_path(path), method) for method, path in ROUTES}
    assert routes | {(MIRROR_PATH, "POST")} == set(OPERATIONS)


def test_gateway_publishes_the_contract_at_openapi_json(gateway_url):
    assert requests.get(gateway_url + "/openapi.json", timeout=30).json() == DOCUMENT


@pytest.mark.parametrize("form", ["EditForm", "EditJson"])
def test_contract_lists_every_parameter_that_is_not_model_specific(form):
    documented = set(OPENAI_PARAMS) | set(GATEWAY_PARAMS)
    model_params = {name for p in PROVIDERS for m in p.models for name in m.params}
    listed = set(DOCUMENT["components"]["schemas"][form]["properties"])
    assert documented <= listed
    assert listed <= documented | model_params | {"image", "images", "image[]", "metadata"}


def test_contract_codes_equal_the_error_codes_of_the_source():
    assert set(source_codes()) <= CODES
    written = " ".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    templates = (ROOT / "template.yaml").read_text()
    unused = {code for code in CODES if not re.search(rf'"{code}"', written + templates)}
    assert unused == set()


def test_contract_codes_equal_the_documented_error_codes():
    table = (ROOT / "docs" / "errors.md").read_text().partition("<!-- errors:start -->")[2]
    assert set(re.findall(r"^\| \d+ \| `([a-z_0-9]+)` \|", table, re.MULTILINE)) == CODES


def test_raised_codes_are_listed_at_their_status():
    raised = set(raised_codes())
    assert {("foreign_host", 502), ("no_image_returned", 502), ("empty_body", 400)} <= raised
    assert {pair for pair in raised if pair[0] not in codes_at_status(pair[1])} == set()


def codes_at_status(status):
    """Return the codes that a response of that status may have, or all codes when the status has no own list."""
    response = DOCUMENT["paths"][EDITS_PATH]["post"]["responses"].get(str(status), {})
    name = response.get("$ref", "").rpartition("/")[2]
    schema = DOCUMENT["components"]["responses"].get(name, response)
    for subschema in (
        schema.get("content", {}).get("application/json", {}).get("schema", {}).get("allOf", ())
    ):
        code_schema = (
            subschema.get("properties", {}).get("error", {}).get("properties", {}).get("code", {})
        )
        if "enum" in code_schema:
            return code_schema["enum"]
    return CODES


def raised_codes():
    """Yield (code, status) of every fault class, and of every fault that is created with its own code."""
    kinds = {
        fault_class.__name__: fault_class
        for fault_class in fault_classes(Fault)
        if not fault_class.__module__.startswith("retouch.inbox")
    }
    yield from (
        (fault_class.code, fault_class.status) for fault_class in kinds.values() if fault_class.code
    )
    for node in source_nodes():
        fault_class = kinds.get(getattr(getattr(node, "func", None), "id", None))
        keywords = {keyword.arg: keyword.value for keyword in node.keywords} if fault_class else {}
        status = getattr(keywords.get("status"), "value", getattr(fault_class, "status", None))
        yield from ((code, status) for code in string_values(keywords.get("code")))


def fault_classes(fault_class):
    yield fault_class
    for subclass in fault_class.__subclasses__():
        yield from fault_classes(subclass)


def string_values(value):
    """Return the string constants that the expression can evaluate to."""
    branches = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
    values = [getattr(branch, "value", None) for branch in branches]
    return [text for text in values if text and isinstance(text, str)]


def source_nodes():
    """Yield the nodes of the modules whose errors an HTTP response may have. Those of events go into files."""
    handlers = PACKAGE / "api" / "handlers"
    of_events = {handlers / "event_messages.py", handlers / "batch_operations.py"}
    for path in set(PACKAGE.rglob("*.py")) - of_events - set((PACKAGE / "inbox").rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


def source_codes():
    """Yield every `code="..."` of a call and every `code = "..."` of a fault class."""
    for node in source_nodes():
        name = getattr(node, "arg", None) or getattr(
            (getattr(node, "targets", None) or [getattr(node, "target", None)])[0], "id", None
        )
        if name == "code":
            yield from string_values(getattr(node, "value", None))
