"""Tests of the routes behind the base path of a custom domain, with HEAD, and of the page at the root."""

import pytest

from retouch.api.handlers.edits import build_handler
from retouch.api.routes import ROUTES
from tests.support.events import encode_multipart, lambda_context, proxy_event
from tests.support.gateway_client import file_part, send_event, telemetry
from tests.support.images import cutout
from tests.support.services import build_services

DOMAIN = "api.shop.example"
JOB_ID = "edit_" + "0" * 34
PARAMETERS = {
    "token": "x",
    "id": "local/erase",
    "path": "local/erase/images/edits",
    "file": "page.js",
}
FORM = {"prompt": "p", "image": file_part(cutout())}


def api_event(method, resource, base_path="/img", form=FORM):
    """Return the event for a route below the base path of a custom domain."""
    path = resource.replace("{id}", JOB_ID)
    for name, value in PARAMETERS.items():
        path = path.replace(f"{{{name}}}", value).replace(f"{{{name}+}}", value)
    content_type, body = encode_multipart(form)
    event = proxy_event(content_type, body, method=method, path=base_path + path)
    parameters = {**PARAMETERS, "id": JOB_ID} if "{id}" in resource else PARAMETERS
    event["resource"], event["pathParameters"] = resource, parameters
    event["requestContext"] |= {"path": base_path + path, "domainName": DOMAIN}
    return event


def call(event):
    """Return the status, the headers and the body of a response."""
    handler = build_handler(build_services({"RETOUCH_BUCKET": "b"}), lambda: None, telemetry())
    response = handler(event, lambda_context())
    headers = {name.lower(): values[0] for name, values in response["multiValueHeaders"].items()}
    return response["statusCode"], headers, bytes(response["body"])


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_works_behind_a_base_path(method, path):
    status, _, body = call(api_event(method, path))
    assert status == call(api_event(method, path, base_path=""))[0]
    assert f"There is no {method}".encode() not in body


def test_link_of_a_result_keeps_the_base_path():
    event = api_event("POST", "/v1/images/edits", form={**FORM, "response_format": "url"})
    response = send_event(event, env={"RETOUCH_BUCKET": "b", "RETOUCH_PEPPER": "p"})
    assert response.json["data"][0]["url"].startswith(f"https://{DOMAIN}/img/v1/files/")


def test_unknown_route_behind_a_base_path_is_not_found():
    response = send_event(api_event("GET", "/nothing"))
    assert (response.status, response.json["error"]["code"]) == (404, "not_found")


def test_wrong_method_at_a_route_with_a_variable_is_refused_with_the_allowed_methods():
    response = send_event(proxy_event(method="DELETE", path="/v1/models/local/erase"))
    assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", [path for method, path in ROUTES if method == "HEAD"])
def test_head_has_the_response_of_get_so_that_api_gateway_knows_its_length(path):
    status, headers, body = call(api_event("HEAD", path))
    assert (status, headers, body.replace(b"HEAD", b"GET")) == call(api_event("GET", path))


def test_page_at_the_root_is_html_with_the_base_url_and_links():
    status, headers, body = call(api_event("GET", "/"))
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f"<code>https://{DOMAIN}/img/v1</code>" in body.decode()
    assert f'href="https://{DOMAIN}/img/openapi.json"' in body.decode()
    assert b"{" not in body.partition(b"</style>")[2]
