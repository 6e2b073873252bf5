"""Tests of authentication. The gateway needs a key by default, and a rejection reveals nothing."""

import pytest

from retouch.api.events import http as http_event
from retouch.api.routes import ROUTES
from retouch.core.errors import Unauthorized
from retouch.core.settings import Settings
from retouch.gateway.authentication import key_digest, require_key
from tests.support.events import form_event, proxy_event
from tests.support.gateway_client import file_part, post_edit, send_event
from tests.support.images import cutout, photo
from tests.support.services import build_services

PEPPER = "pepper"
KEY = "rt_" + "k" * 43
KEYS = {key_digest(KEY, PEPPER): "build-server"}
FIELDS = {"prompt": "p", "image": file_part(cutout())}


def services_with_keys(**env):
    return build_services(
        {"RETOUCH_AUTH_MODE": "keys", **env}, secrets={"RETOUCH_PEPPER": PEPPER}, keys=KEYS
    )


def test_default_auth_mode_is_keys():
    assert Settings.from_env({}).auth_mode == "keys"


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {KEY}"}, {"x-portkey-api-key": KEY}, {"Authorization": KEY}],
)
def test_valid_key_is_accepted_in_either_header(headers):
    assert post_edit(FIELDS, headers=headers, services=services_with_keys()).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sk-somebody"},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer rt_{'x' * 43}"},
        {"Authorization": "Bearer rt_"},
        {"x-portkey-api-key": "rt_short"},
    ],
)
def test_missing_or_invalid_key_returns_the_same_401(headers):
    response = post_edit(FIELDS, headers=headers, services=services_with_keys())
    reference = post_edit(FIELDS, services=services_with_keys())
    assert response.status == 401
    assert response.json["error"] == reference.json["error"]
    assert response.json["error"]["code"] == "invalid_api_key"
    assert "the request has none that is valid" in response.json["error"]["message"]
    assert response.headers["x-retouch-billed"] == "no"


@pytest.mark.parametrize(("mode", "names_the_first_key"), [("open", True), ("keys", False)])
def test_missing_key_of_a_route_that_always_needs_one_names_the_way_to_the_first_key(
    mode, names_the_first_key
):
    settings = Settings.from_env({"RETOUCH_AUTH_MODE": mode})
    with pytest.raises(Unauthorized) as caught:
        require_key(None, settings, lambda _: None)
    assert ("RETOUCH_ADMIN_KEY" in str(caught.value)) is names_the_first_key


def test_any_key_at_an_open_gateway_without_a_pepper_gets_a_401_because_it_has_no_keys():
    settings = Settings.from_env({"RETOUCH_AUTH_MODE": "open"})
    with pytest.raises(Unauthorized, match="RETOUCH_ADMIN_KEY"):
        require_key(KEY, settings, lambda _: None)


def test_gateway_key_is_never_sent_to_provider(upstream, env):
    services = services_with_keys(**env)
    fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}
    post_edit(fields, headers={"Authorization": f"Bearer {KEY}"}, services=services)
    headers = {"Authorization": "Bearer sk-mine", "x-portkey-api-key": KEY}
    post_edit(fields, headers=headers, services=services)
    sent = [call.headers["authorization"] for call in upstream.calls]
    assert sent == ["Bearer sk-configured", "Bearer sk-mine"]


def test_provider_key_is_read_from_secret(upstream):
    services = build_services(
        {"OPENAI_BASE_URL": upstream.url}, secrets={"OPENAI_API_KEY": "sk-from-secret"}
    )
    post_edit(
        {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}, services=services
    )
    assert upstream.calls[0].headers["authorization"] == "Bearer sk-from-secret"


def test_missing_pepper_returns_500_for_valid_key():
    services = build_services({"RETOUCH_AUTH_MODE": "keys"}, keys=KEYS)
    response = post_edit(FIELDS, headers={"Authorization": f"Bearer {KEY}"}, services=services)
    assert response.status == 500
    assert response.json["error"]["code"] == "gateway_not_configured"


KEY_ROUTES = [key for key, route in ROUTES.items() if route.needs_key]
UNKNOWN_ROUTES = [("GET", "/nowhere"), ("GET", "/v1/images/edits"), ("DELETE", "/v1/models")]
TRUNCATED_FORM = form_event(FIELDS)["body"][:400]
STRANGE_REQUESTS = {
    "no body": {},
    "invalid JSON": {"headers": {"Content-Type": "application/json"}, "body": "{"},
    "a foreign media type": {"headers": {"Content-Type": "text/plain"}, "body": "x"},
    "invalid base64": {"body": "!", "isBase64Encoded": True},
    "a truncated form": {
        "headers": form_event(FIELDS)["headers"],
        "body": TRUNCATED_FORM,
        "isBase64Encoded": True,
    },
    "a body over the limit": {"body": "x" * 10_485_761},
    "a parameter in the query": {"queryStringParameters": {"prompt": "p"}},
    "an invalid config": {"headers": {"x-portkey-config": "{"}},
    "an unknown saved config": {"headers": {"x-portkey-config": "pc-x"}},
    "a key that is not ASCII": {"headers": {"Authorization": "Bearer rt_\u00e9"}},
    "a gateway key of a surrogate": {"headers": {"x-portkey-api-key": "rt_\ud800"}},
    "a superscript timeout": {"headers": {"x-stainless-timeout": "\u00b2"}},
    "a superscript read timeout": {"headers": {"x-stainless-read-timeout": "\u00b9.\u00b2"}},
    "a superscript retry count": {"headers": {"x-stainless-retry-count": "\u00b2"}},
    "a superscript Portkey timeout": {"headers": {"x-portkey-request-timeout": "\u00b2"}},
    "a long timeout": {"headers": {"x-stainless-timeout": "9" * 5000}},
    "a long encoding": {"headers": {"Content-Encoding": "br"}, "body": "x"},
}


@pytest.mark.parametrize("request_fields", STRANGE_REQUESTS.values(), ids=STRANGE_REQUESTS)
@pytest.mark.parametrize(("method", "path"), [*KEY_ROUTES, *UNKNOWN_ROUTES])
def test_unknown_caller_gets_the_same_401_for_every_request(method, path, request_fields, capsys):
    event = {**proxy_event(method=method, path=path), "multiValueHeaders": {}, **request_fields}
    response = send_event(event, services=services_with_keys())
    # Portkey's clients get one more field, because of the header that they send.
    dialect = any(name.startswith("x-portkey-") for name in event["headers"])
    headers = {"x-portkey-provider": ""} if dialect else {}
    plain = proxy_event(method=method, path=path, headers=headers)
    expected = send_event(plain, services=services_with_keys())
    assert (response.status, response.json, response.headers) == (
        401,
        expected.json,
        expected.headers,
    )
    assert '"blame":"gateway"' not in capsys.readouterr().out.replace(" ", "")


def test_body_of_an_unknown_caller_is_not_decoded(monkeypatch):
    monkeypatch.setattr(http_event, "read_body", lambda *_: pytest.fail("the body was read"))
    assert send_event(form_event(FIELDS), services=services_with_keys()).status == 401


def test_unknown_route_is_named_to_a_caller_with_a_key():
    event = proxy_event(method="GET", path="/nowhere", headers={"Authorization": f"Bearer {KEY}"})
    assert send_event(event, services=services_with_keys()).status == 404


@pytest.mark.parametrize(
    "value",
    ["\u00b2", "9" * 5000, "1.", ".", "-1", "1e999", "nan", "\u0664", "1.2.3", " ", "0x1", "1_0"],
)
@pytest.mark.parametrize(
    "name",
    [
        "x-stainless-timeout",
        "x-stainless-read-timeout",
        "x-stainless-retry-count",
        "x-portkey-request-timeout",
        "traceparent",
        "content-length",
        "x-portkey-trace-id",
    ],
)
def test_number_in_a_header_never_makes_a_gateway_fault(name, value):
    headers = {"Authorization": f"Bearer {KEY}", name: value}
    response = post_edit(FIELDS, headers=headers, services=services_with_keys())
    assert response.status in (200, 400)


def test_health_and_openapi_need_no_key_but_deep_health_does():
    assert send_event(
        proxy_event(method="GET", path="/health"), services=services_with_keys()
    ).json == {"status": "ok"}
    assert (
        send_event(
            proxy_event(method="GET", path="/openapi.json"), services=services_with_keys()
        ).status
        == 200
    )
    deep_health = proxy_event(method="GET", path="/health")
    deep_health["queryStringParameters"] = {"deep": "1"}
    assert send_event(deep_health, services=services_with_keys()).status == 401


def test_open_auth_mode_logs_a_warning(capsys):
    post_edit(FIELDS)
    assert "anybody who reaches this gateway may use it" in capsys.readouterr().out


@pytest.mark.parametrize(("method", "path"), [*KEY_ROUTES, *UNKNOWN_ROUTES])
def test_key_in_the_header_of_azures_sdks_counts_on_their_paths_only(method, path):
    event = proxy_event(method=method, path=path, headers={"api-key": KEY})
    is_refused = send_event(event, services=services_with_keys()).status == 401
    assert is_refused != path.startswith("/openai/")


@pytest.mark.parametrize(("path", "status"), [("/v1/files/", 404), ("/v1/files", 401)])
def test_link_without_its_token_is_not_found_and_the_list_of_files_needs_a_key(path, status):
    event = proxy_event(method="GET", path=path)
    assert send_event(event, services=services_with_keys()).status == status
