"""Tests of Entra tokens: requested from a token server, cached until shortly before expiry, and never shown."""

import threading
from dataclasses import replace

import pytest

from devserver.ports import unused_port
from retouch.core.errors import (
    GatewayMisconfigured,
    Unauthorized,
    UpstreamError,
    UpstreamUnreachable,
)
from retouch.core.resolved_model import ResolvedModel
from retouch.infrastructure.upstream.identity.entra import EntraIdentity
from retouch.providers.azure_openai import PROVIDER
from tests.contract.standins.azure_openai import AzureOpenAIStandIn
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import photo
from tests.support.services import FakeClock
from tests.support.upstream import ScriptedResponse, Upstream, json_response

SECRETS = {"tenant_id": "tenant", "client_id": "client", "client_secret": "s3cret~/+value"}
SCOPE = "https://ai.azure.com/.default"


def token_response(token="eyJ.one", seconds=3600):
    return json_response({"token_type": "Bearer", "expires_in": seconds, "access_token": token})


def error_response(status, error, description):
    return json_response({"error": error, "error_description": description}, status)


def resolved_model(server=None, **options):
    model = PROVIDER.models[0]
    authority = {"authority": server.url} if server else {}
    return replace(
        ResolvedModel(PROVIDER, model, model),
        options={**authority, **options},
        identity_secrets=SECRETS,
    )


def auth_headers(identity, model):
    return identity(model, "POST", "https://acme.openai.azure.com/openai/v1/images/edits", b"body")


def test_client_credentials_are_exchanged_for_bearer_token():
    with Upstream(token_response()) as server:
        headers = auth_headers(EntraIdentity(FakeClock()), resolved_model(server))
        (request,) = server.calls
    assert headers == {"Authorization": "Bearer eyJ.one"}
    assert request.path == "/tenant/oauth2/v2.0/token"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    form = dict(pair.split("=") for pair in request.body.decode().split("&"))
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "client",
        "client_secret": "s3cret~%2F%2Bvalue",
        "scope": "https%3A%2F%2Fai.azure.com%2F.default",
    }


def test_scope_setting_is_sent_to_token_server():
    with Upstream(token_response()) as server:
        auth_headers(
            EntraIdentity(FakeClock()),
            resolved_model(server, scope="https://ai.azure.com/.default"),
        )
        assert b"scope=https%3A%2F%2Fai.azure.com%2F.default" in server.calls[0].body


def test_tenant_id_is_quoted_as_one_path_segment():
    with Upstream(token_response()) as server:
        model_with_unusual_tenant = replace(
            resolved_model(server), identity_secrets={**SECRETS, "tenant_id": "../a?b"}
        )
        auth_headers(EntraIdentity(FakeClock()), model_with_unusual_tenant)
        assert server.calls[0].path == "/..%2Fa%3Fb/oauth2/v2.0/token"


def test_token_is_cached_until_five_minutes_before_expiry():
    clock = FakeClock()
    with Upstream(token_response("eyJ.one"), token_response("eyJ.two")) as server:
        identity = EntraIdentity(clock)
        first = auth_headers(identity, resolved_model(server))
        clock.sleep(3600 - 300 - 5)
        assert auth_headers(identity, resolved_model(server)) == first
        assert len(server.calls) == 1
        clock.sleep(10)
        assert auth_headers(identity, resolved_model(server)) == {"Authorization": "Bearer eyJ.two"}


def test_changed_secret_requests_new_token():
    with Upstream(token_response("eyJ.old"), token_response("eyJ.new")) as server:
        identity = EntraIdentity(FakeClock())
        auth_headers(identity, resolved_model(server))
        rotated = replace(
            resolved_model(server), identity_secrets={**SECRETS, "client_secret": "other"}
        )
        assert auth_headers(identity, rotated) == {"Authorization": "Bearer eyJ.new"}


def test_concurrent_threads_request_one_token():
    slow_response = replace(token_response(), delay=0.2)
    with Upstream(slow_response) as server:
        identity, headers_per_thread = EntraIdentity(FakeClock()), []
        threads = [
            threading.Thread(
                target=lambda: headers_per_thread.append(
                    auth_headers(identity, resolved_model(server))
                )
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.calls) == 1
    assert headers_per_thread == [{"Authorization": "Bearer eyJ.one"}] * 8


def test_missing_credentials_raise_unauthorized_naming_api_key():
    with pytest.raises(Unauthorized, match="AZURE_OPENAI_API_KEY or AZURE_OPENAI_TENANT_ID and"):
        auth_headers(EntraIdentity(FakeClock()), replace(resolved_model(), identity_secrets={}))


@pytest.mark.parametrize("absent", [["tenant_id"], ["client_id", "client_secret"]])
def test_incomplete_credentials_raise_misconfigured_naming_missing_settings(absent):
    few = {name: value for name, value in SECRETS.items() if name not in absent}
    with pytest.raises(GatewayMisconfigured) as exc_info:
        auth_headers(EntraIdentity(FakeClock()), replace(resolved_model(), identity_secrets=few))
    for name in SECRETS:
        assert (f"AZURE_OPENAI_{name.upper()}" in str(exc_info.value)) == (name in absent)
    assert "AZURE_OPENAI_API_KEY" in str(exc_info.value)


@pytest.mark.parametrize(
    ("response", "error_class", "message"),
    [
        (
            error_response(401, "invalid_client", "AADSTS7000215: Invalid secret s3cret~/+value of tenant."),
            GatewayMisconfigured,
            "AADSTS7000215",
        ),
        (error_response(400, "unauthorized_client", "no code"), GatewayMisconfigured, "(400)"),
        (error_response(429, "temporarily_unavailable", "s3cret~/+value"), UpstreamError, "429"),
        (ScriptedResponse(503, b"<html>s3cret~/+value"), UpstreamError, "503"),
        (ScriptedResponse(200, b"<html>"), UpstreamError, "200"),
        (json_response({"access_token": "eyJ.x"}), UpstreamError, "200"),
        (json_response(["eyJ.x"]), UpstreamError, "200"),
        (ScriptedResponse(302, b"", {"location": "http://127.0.0.1:1/"}), UpstreamError, "302"),
        (ScriptedResponse(network_failure="reset"), UpstreamUnreachable, "cannot be reached"),
    ],
)  # fmt: skip
def test_token_server_error_raises_matching_error_without_secret(response, error_class, message):
    with Upstream(response) as server, pytest.raises(error_class) as exc_info:
        auth_headers(EntraIdentity(FakeClock()), resolved_model(server))
    assert message in str(exc_info.value)
    assert exc_info.value.billed == "no"
    assert "s3cret" not in str(exc_info.value)
    assert exc_info.value.__cause__ is None


def test_unreachable_token_server_raises_upstream_unreachable():
    nowhere = resolved_model(authority=f"http://127.0.0.1:{unused_port()}")
    with pytest.raises(UpstreamUnreachable):
        auth_headers(EntraIdentity(FakeClock()), nowhere)


def test_token_error_is_not_cached():
    with Upstream(error_response(401, "invalid_client", "AADSTS1"), token_response()) as server:
        identity = EntraIdentity(FakeClock())
        with pytest.raises(GatewayMisconfigured):
            auth_headers(identity, resolved_model(server))
        assert auth_headers(identity, resolved_model(server)) == {"Authorization": "Bearer eyJ.one"}


def test_edit_without_key_uses_entra_token():
    with AzureOpenAIStandIn() as azure, Upstream(token_response("eyJ.entra")) as entra:
        env = {
            "AZURE_OPENAI_ENDPOINT": azure.url,
            "AZURE_OPENAI_AUTHORITY": entra.url,
            **{f"AZURE_OPENAI_{name.upper()}": value for name, value in SECRETS.items()},
        }
        fields = {"model": "azure-openai/gpt-image-2", "prompt": "p", "image": file_part(photo())}
        response = post_edit(fields, env)
        (call,) = azure.calls
    assert response.status == 200
    assert call.headers["authorization"] == "Bearer eyJ.entra"
    assert "api-key" not in call.headers
    assert len(entra.calls) == 1
