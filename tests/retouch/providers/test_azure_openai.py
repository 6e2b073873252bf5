"""Tests of the Azure OpenAI adapter: two URL forms, deployments, formats and five shapes of content-filter error."""

import base64
from typing import Any

import pytest

from retouch.core.provider_protocol import ProviderJob, ProviderRequest
from retouch.gateway import health
from retouch.providers.azure_openai import PROVIDER
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, box_mask, decode_image, photo
from tests.support.services import build_services
from tests.support.upstream import Upstream, json_response

CLASSIC_PATH = "/openai/deployments/gpt-image-2/images/edits"
FIELDS = {"model": "azure-openai/gpt-image-2", "prompt": "p", "image": file_part(photo())}


def azure_edit(env, upstream, **fields):
    return post_edit({**FIELDS, **fields}, env), upstream.calls


@pytest.mark.parametrize(
    ("base", "version", "path", "query", "model"),
    [
        ("", "", "/openai/deployments/gpt-image-2/images/edits", {"api-version": "2025-04-01-preview"}, None),
        ("/", "2025-05-01", "/openai/deployments/gpt-image-2/images/edits", {"api-version": "2025-05-01"}, None),
        ("/openai/deployments/old/images/edits?api-version=x", "", None, {"api-version": "2025-04-01-preview"}, None),
        ("/openai/v1", "", "/openai/v1/images/edits", {}, "gpt-image-2"),
        ("/openai/v1/", "preview", "/openai/v1/images/edits", {"api-version": "preview"}, "gpt-image-2"),
        ("", "v1", "/openai/v1/images/edits", {}, "gpt-image-2"),
        ("/openai-a", "2025-05-01", f"/openai-a{CLASSIC_PATH}", {"api-version": "2025-05-01"}, None),
        ("/openai-a/openai/v1?api-version=x", "", "/openai-a/openai/v1/images/edits", {}, "gpt-image-2"),
        ("/apim", "", "/apim/openai/deployments/gpt-image-2/images/edits", {"api-version": "2025-04-01-preview"}, None),
    ],
)  # fmt: skip
def test_edit_url_follows_endpoint_and_api_version(
    env, upstream, base, version, path, query, model
):
    env = {**env, "AZURE_OPENAI_ENDPOINT": upstream.url + base, "AZURE_OPENAI_API_VERSION": version}
    response, (call,) = azure_edit(env, upstream)
    assert response.status == 200
    assert call.path == (path or "/openai/deployments/gpt-image-2/images/edits")
    assert call.query == query
    assert call.fields.get("model") == model
    assert call.headers["api-key"] == "az-configured"
    assert "authorization" not in call.headers


@pytest.mark.parametrize("resource", ["acme", "openai-prod", "openai"])
def test_resource_name_containing_openai_keeps_edit_and_health_urls_intact(resource):
    base = f"https://{resource}.openai.azure.com"
    job = ProviderJob("gpt-image-2", "p", (), options={"base_url": base})
    request = next(PROVIDER.edit_flow(job))
    assert isinstance(request, ProviderRequest)
    assert request.path == f"{base}/openai/deployments/gpt-image-2/images/edits"
    assert callable(PROVIDER.health_check)
    assert PROVIDER.health_check({"base_url": f"{base}/openai/v1/"}).path == f"{base}/openai/models"


@pytest.mark.parametrize(
    "name", ["127.0.0.1:1/", "evil.example/", "x@127.0.0.1", "a.b", "-", "ä", "A"]
)
def test_resource_header_that_is_no_plain_label_is_refused_before_any_call(env, upstream, name):
    headers = {"authorization": "Bearer mine", "x-portkey-azure-resource-name": name}
    response = post_edit(FIELDS, env, headers=headers)
    error = response.json["error"]
    assert (response.status, error["param"]) == (400, "x-portkey-azure-resource-name")
    assert upstream.calls == []


@pytest.mark.parametrize(
    "pasted",
    ["", "/", "/openai/v1/", "/openai/deployments/x/images/edits?api-version=2025-04-01-preview"],
)
def test_health_check_of_pasted_endpoint_url_requests_models_path(pasted):
    with Upstream(json_response({"data": []})) as upstream:
        upstream.files["/openai/models"] = b"{}"
        env = {"AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": upstream.url + pasted}
        assert health.check_health(build_services(env))["checks"]["azure-openai"] == health.OK
        assert [call.path for call in upstream.received] == ["/openai/models"]


def test_unlisted_model_name_is_used_as_deployment_name(env, upstream):
    _, (call,) = azure_edit(env, upstream, model="azure-openai/my-edits.v2")
    assert "/deployments/my-edits.v2/" in call.path


def test_model_in_deployments_setting_uses_mapped_deployment(env, upstream):
    _, (call,) = azure_edit({**env, "AZURE_OPENAI_DEPLOYMENTS": "gpt-image-2 = img2"}, upstream)
    assert "/deployments/img2/" in call.path


def test_webp_input_and_output_are_converted_and_noted(env, upstream):
    response, (call,) = azure_edit(
        env,
        upstream,
        image=file_part(photo(64, 64, "WEBP")),
        output_format="webp",
        output_compression="40",
    )
    assert call.files[0][2] == "image/png"
    assert decode_image(call.files[0][3]).size == (64, 64)
    assert call.fields["output_format"] == "png"
    assert "output_compression" not in call.fields
    assert decode_image(base64.b64decode(response.json["data"][0]["b64_json"])).format == "WEBP"
    assert "image: webp was converted to png" in response.headers["x-retouch-notes"]


def test_quality_auto_is_sent_as_high_and_noted(env, upstream):
    response, (call,) = azure_edit(env, upstream, quality="auto")
    assert call.fields["quality"] == "high"
    assert "quality: auto became high" in response.headers["x-retouch-notes"]


@pytest.mark.parametrize(
    ("model", "quality"), [("gpt-image-2", "high"), ("gpt-image-1-mini", "medium")]
)
def test_missing_quality_is_sent_as_model_default_and_noted(env, upstream, model, quality):
    response, (call,) = azure_edit(env, upstream, model=f"azure-openai/{model}")
    assert call.fields["quality"] == quality
    assert f"quality: auto became {quality}" in response.headers["x-retouch-notes"]


def test_dall_e_2_without_quality_is_sent_as_medium(env, upstream):
    fields = {"model": "azure-openai/dall-e-2", "mask": file_part(box_mask())}
    _, (call,) = azure_edit(env, upstream, **fields)
    assert call.fields["quality"] == "medium"


def test_cost_without_usage_is_estimated_from_sent_quality(env):
    with Upstream(json_response({"data": [{"b64_json": b64(photo())}], "usage": None})) as upstream:
        response = post_edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert response.headers["x-retouch-cost-usd"] == "0.211 estimated"


def test_moderation_low_is_refused_before_any_call(env, upstream):
    response, calls = azure_edit(env, upstream, moderation="low")
    assert response.json["error"]["param"] == "moderation"
    assert calls == []


def test_mask_is_sent_after_image(env, upstream):
    _, (call,) = azure_edit(env, upstream, mask=file_part(box_mask()))
    assert [name for name, *_ in call.files] == ["image", "mask"]


CONTENT_FILTER_ERRORS: list[dict[str, Any]] = [
    {"code": "contentFilter", "message": "safety system"},
    {
        "code": "content_policy_violation",
        "inner_error": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_results": {"violence": {"filtered": True}, "hate": {"filtered": False}},
        },
    },
    {
        "code": "content_filter",
        "param": "prompt",
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {"violence": {"filtered": True}},
        },
    },
    {
        "code": "moderation_blocked",
        "message": "Azure support ticket safety_violations=[violence].",
        "type": "image_generation_user_error",
    },
]


@pytest.mark.parametrize(
    "error", CONTENT_FILTER_ERRORS, ids=[str(e["code"]) for e in CONTENT_FILTER_ERRORS]
)
def test_content_filter_error_of_any_shape_becomes_moderation_blocked(env, error):
    with Upstream(json_response({"created": 1, "error": error}, 400)) as upstream:
        response = post_edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
        assert len(upstream.calls) == 1
    returned_error = response.json["error"]
    assert (response.status, returned_error["code"]) == (400, "moderation_blocked")
    assert returned_error["type"] == "image_generation_user_error"
    if error["code"] != "contentFilter":
        assert returned_error["moderation_details"]["categories"] == ["violence"]


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (403, {"code": "Forbidden", "message": "has been temporarily blocked because"}, (500, "provider_credentials")),
        (401, {"code": "401", "message": "invalid subscription key"}, (500, "provider_credentials")),
        (404, {"code": "DeploymentNotFound", "message": "no"}, (404, "DeploymentNotFound")),
        (429, {"code": "429", "message": "slow"}, (429, "rate_limit_exceeded")),
        (400, {"code": 400, "message": "bad"}, (400, "provider_refused")),
    ],
)  # fmt: skip
def test_provider_error_maps_to_gateway_status_and_code(env, status, error, expected):
    with Upstream(json_response({"error": error}, status)) as upstream:
        response = post_edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert (response.status, response.json["error"]["code"]) == expected


def test_retry_after_ms_header_overrides_retry_after_header(env):
    limited = json_response(
        {"error": {"code": "429"}}, 429, **{"retry-after-ms": "9500", "retry-after": "60"}
    )
    with Upstream(limited) as upstream:
        response = post_edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert response.headers["retry-after"] == "10"


def test_missing_endpoint_setting_returns_500_that_names_it(env):
    response = post_edit(FIELDS, {"AZURE_OPENAI_API_KEY": "k"})
    assert response.status == 500
    assert "AZURE_OPENAI_ENDPOINT" in response.json["error"]["message"]


def test_result_without_usage_is_returned_without_usage(env):
    body = {"created": 1, "data": [{"b64_json": b64(photo())}]}
    with Upstream(json_response(body)) as upstream:
        response = post_edit(FIELDS, {**env, "AZURE_OPENAI_ENDPOINT": upstream.url})
    assert "usage" not in response.json
