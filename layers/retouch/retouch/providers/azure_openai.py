"""Azure OpenAI images/edits. https://learn.microsoft.com/azure/ai-foundry/openai/how-to/dall-e

The requests are those of the GPT image models on another host. Peculiarities, as of 2026-11:
- The model is a deployment. The classic form names it in the path, and a `model` field broke calls there. The v1 form
  names it in the form data.
- Requests are multipart only.
- WebP is supported neither as input nor as output.
- `output_compression` is documented with the opposite meaning, so the gateway compresses instead.
- There are at least five shapes of content-filter error.
- A 403 may mean that Azure has suspended the whole resource.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from retouch.core.capabilities import (
    ALPHA_MASK,
    API_KEY_SETTING,
    Auth,
    ModelCapabilities,
    ParsedError,
    Price,
    Provider,
)
from retouch.core.parameters import EnumParam, NotForwarded, ParameterSpec
from retouch.core.provider_protocol import (
    Conversation,
    ProviderJob,
    ProviderRequest,
    ProviderResponse,
)
from retouch.core.text.error_text import error_message
from retouch.providers._shared.gpt_image import build_body, parse_openai_error, request_images
from retouch.providers._shared.gpt_image_models import (
    DALL_E_2,
    GPT_IMAGE_1_5_PRICE,
    GPT_IMAGE_1_MINI_PRICE,
    GPT_IMAGE_1_PARAMS,
    GPT_IMAGE_1_PRICE,
    GPT_IMAGE_2_5_PARAMS,
    GPT_IMAGE_2_5_PRICE,
    GPT_IMAGE_2_PARAMS,
    GPT_IMAGE_2_PRICE,
)
from retouch.providers._shared.request_building import validate_label
from retouch.providers._shared.response_parsing import mapping_or_empty

DEFAULT_API_VERSION = "2025-04-01-preview"
V1_API_VERSIONS = ("v1", "latest", "preview")
CONTENT_FILTER_CODES = ("contentfilter", "content_filter", "content_policy_violation")
_OPENAI_SEGMENT_PATTERN = re.compile(r"/openai(?=/|$)")
# A subscription that is disabled for want of payment, and a monthly quota that is used up.
_UNPAID_PATTERN = re.compile(
    r"DisabledSubscription|subscription \S+ is disabled|out of call volume quota", re.IGNORECASE
)
_SAFETY_VIOLATIONS_PATTERN = re.compile(r"safety_violations=\[([\w, /-]*)\]")


def edit(job: ProviderJob) -> Conversation:
    """Send one request, in the URL form that the endpoint and the API version require."""
    deployment = deployment_name(job)
    root, suffix = _split_base_url(job.options["base_url"])
    version = job.options.get("api_version", "")
    if suffix.startswith("/v1") or version in V1_API_VERSIONS:
        query = {"api-version": version} if version == "preview" else {}
        path, model_field = "v1/images/edits", {"model": deployment}
    else:
        query = {"api-version": version or DEFAULT_API_VERSION}
        path, model_field = f"deployments/{quote(deployment, safe='')}/images/edits", {}
    url = f"{root}/openai/{path}"
    return (
        yield from request_images(
            ProviderRequest("POST", url, query=query, **build_body(job, model_field))
        )
    )


def _split_base_url(base_url: str) -> tuple[str, str]:
    """Return the URL before its path segment "openai", and the path after it.

    Operators paste complete request URLs into the endpoint setting.
    """
    url = urlsplit(base_url)
    prefix, *suffix = _OPENAI_SEGMENT_PATTERN.split(url.path, maxsplit=1)
    return f"{url.scheme}://{url.netloc}{prefix.rstrip('/')}", "".join(suffix)


def resolve_base_url(options: Mapping[str, str]) -> str:
    """Return the endpoint of the resource that a request names, or "" when it names none.

    Raises InvalidRequest when the name is not a valid resource name.
    """
    resource = options.get("resource")
    if not resource:
        return ""
    rule = "the name before .openai.azure.com, of small letters, digits and hyphens"
    return f"https://{validate_label(resource, 'azure-resource-name', rule)}.openai.azure.com"


def health_check(options: Mapping[str, str]) -> ProviderRequest:
    """Return the request for the list of models, in the form that classic and v1 endpoints both support."""
    root, _ = _split_base_url(options["base_url"])
    return ProviderRequest(
        "GET", f"{root}/openai/models", {"api-version": "2024-10-21"}, idempotent=True
    )


def deployment_name(job: ProviderJob) -> str:
    """Return the deployment name.

    It is the one in the request, else the one in AZURE_OPENAI_DEPLOYMENTS ("gpt-image-2=img2"), else the model name.
    """
    if job.options.get("deployment"):
        return job.options["deployment"]
    pairs = (pair.partition("=") for pair in job.options.get("deployments", "").split(","))
    names = {model.strip(): name.strip() for model, _, name in pairs if name}
    return names.get(job.model, job.model)


def parse_error(response: ProviderResponse) -> ParsedError:
    """Return the parsed error. All content-filter errors become one kind.

    The `code` of an error may be a number, a numeric string or a word.
    """
    error_value = response.json()["error"]
    error = mapping_or_empty(error_value)
    code, message = str(error.get("code") or ""), error_message(error_value)
    inner_error = mapping_or_empty(error.get("innererror") or error.get("inner_error"))
    if (
        code.lower() in CONTENT_FILTER_CODES
        or inner_error.get("code") == "ResponsibleAIPolicyViolation"
    ):
        return ParsedError(
            "moderated", message, None, None, _moderation_details(inner_error, message)
        )
    if code == "moderation_blocked":
        return ParsedError("moderated", message, None, None, _moderation_details({}, message))
    if response.status == 403 and "temporarily blocked" in message:
        return ParsedError(
            "suspended", f"Azure has suspended the whole resource for policy violations: {message}"
        )
    if _UNPAID_PATTERN.search(code) or _UNPAID_PATTERN.search(message):
        return ParsedError("out_of_quota", message)
    if response.status == 401:
        return ParsedError("auth", message)
    return parse_openai_error(
        response.status, {**error, "message": message, "code": None if code.isdigit() else code}
    )


def _moderation_details(inner_error: Mapping[str, Any], message: str) -> dict[str, Any]:
    results = mapping_or_empty(
        inner_error.get("content_filter_results") or inner_error.get("content_filter_result")
    )
    filtered = [
        name for name, result in results.items() if mapping_or_empty(result).get("filtered")
    ]
    match = _SAFETY_VIOLATIONS_PATTERN.search(message)
    categories = filtered or ([c.strip() for c in match[1].split(",")] if match else [])
    return {"moderation_details": {"moderation_stage": "unknown", "categories": categories}}


def _azure_model(
    model_id: str,
    params: Mapping[str, ParameterSpec],
    price: Price,
    default_quality: str = "high",
) -> ModelCapabilities:
    """Return the capabilities of a model. Azure uses `default_quality` when a request names no quality."""
    return ModelCapabilities(
        id=model_id,
        max_images=16,
        upstream_formats=("png", "jpeg"),
        mask_format=ALPHA_MASK,
        max_mask_bytes=4_000_000,
        params=_azure_params(params, default_quality),
        output_formats=("png", "jpeg"),
        supports_compression=False,
        supports_streaming=True,
        may_return_transparency=True,
        # Azure's default quality differs by model and from OpenAI's default, so the quality is always sent.
        default_params={"quality": "auto"},
        price=replace(price, per_image=price.per_image_by_value[default_quality]),
    )


def _azure_params(
    params: Mapping[str, ParameterSpec], default_quality: str
) -> dict[str, ParameterSpec]:
    """Return the parameters that Azure documents, with its own defaults."""
    supported = {n: s for n, s in params.items() if n != "safety_identifier"}
    supported["moderation"] = NotForwarded(
        EnumParam(("auto",)), "the deployment's content filter decides"
    )
    supported["quality"] = EnumParam(
        ("low", "medium", "high"), {"auto": default_quality, "standard": "medium", "hd": "high"}
    )
    return supported


PROVIDER = Provider(
    name="azure-openai",
    title="Azure OpenAI",
    docs_url="https://learn.microsoft.com/azure/ai-foundry/openai/how-to/dall-e",
    env_prefix="AZURE_OPENAI",
    base_url_setting="endpoint",
    settings=("endpoint", "api_version", "deployments", "authority", "scope"),
    # of OpenAI's SDK, LiteLLM, older samples and azure-identity
    vendor_variables={
        "api_key": ("AZURE_OPENAI_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_API_KEY"),
        "endpoint": ("AZURE_API_BASE",),
        "api_version": ("OPENAI_API_VERSION", "AZURE_API_VERSION"),
        "tenant_id": ("AZURE_TENANT_ID",),
        "client_id": ("AZURE_CLIENT_ID",),
        "client_secret": ("AZURE_CLIENT_SECRET",),
    },
    # Entra tokens are JSON web tokens, which start with "eyJ". The older scope is https://cognitiveservices.azure.com/.default.
    auth=Auth(
        "api-key",
        bearer_key_prefixes=("eyJ",),
        identity="entra",
        scope="https://ai.azure.com/.default",
    ),
    secrets=("tenant_id", "client_id", "client_secret"),
    portkey_settings={
        "azure-resource-name": "resource",
        "azure-deployment-id": "deployment",
        "azure-api-version": "api_version",
        "azure-ad-token": API_KEY_SETTING,
    },
    header_prefixes=("azure-",),
    refused_headers=dict.fromkeys(
        (
            "azure-auth-mode",
            "azure-entra-client-id",
            "azure-entra-client-secret",
            "azure-entra-tenant-id",
            "azure-entra-scope",
        ),
        "Fetch a token with it yourself and send that as azure-ad-token.",
    ),
    resolve_base_url=resolve_base_url,
    edit_flow=edit,
    parse_error=parse_error,
    health_check=health_check,
    default_model="gpt-image-2",
    models=(
        _azure_model("gpt-image-2", GPT_IMAGE_2_PARAMS, GPT_IMAGE_2_PRICE),
        _azure_model("gpt-image-2.5-sunburst", GPT_IMAGE_2_5_PARAMS, GPT_IMAGE_2_5_PRICE),
        _azure_model("gpt-image-2.5-flare", GPT_IMAGE_2_5_PARAMS, GPT_IMAGE_2_5_PRICE),
        _azure_model("gpt-image-1.5", GPT_IMAGE_1_PARAMS, GPT_IMAGE_1_5_PRICE),
        _azure_model(
            "gpt-image-1-mini",
            {n: s for n, s in GPT_IMAGE_1_PARAMS.items() if n != "input_fidelity"},
            GPT_IMAGE_1_MINI_PRICE,
            default_quality="medium",
        ),
        _azure_model("gpt-image-1", GPT_IMAGE_1_PARAMS, GPT_IMAGE_1_PRICE),
        replace(DALL_E_2, default_params={**DALL_E_2.default_params, "quality": "standard"}),
    ),
    # A deployment may have any name. It is assumed to run the model that is generally available.
    deployment_template=_azure_model("", GPT_IMAGE_2_PARAMS, GPT_IMAGE_2_PRICE),
)
