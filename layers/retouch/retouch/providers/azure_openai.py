"""Azure OpenAI images/edits. https://learn.microsoft.com/azure/ai-foundry/openai/how-to/dall-e

The GPT image order under another roof. Peculiarities, as of 2026-11: the model is a deployment, named in
the path (classic form, where a `model` field broke calls) or in the form (v1 form); multipart only; WebP is taken
neither in nor out; `output_compression` is documented the other way round, so it is done here instead; at least
five shapes of content-filter error; a 403 may mean that the whole resource is suspended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from retouch.cards import ALPHA, KEY, Auth, Model, Price, Provider, Told
from retouch.messages import Call, Conversation, Job, Reply
from retouch.providers._answers import mapping, words
from retouch.providers._gpt_image import body, converse, told_by
from retouch.providers._gpt_image_cards import (
    DALL_E_2,
    GPT2_PARAMS,
    GPT25_PARAMS,
    GPT_PARAMS,
    PRICE,
    PRICE_15,
    PRICE_MINI,
)
from retouch.providers._kit import plain
from retouch.specs import Choice, Spec, Unsent

DEFAULT_VERSION = "2025-04-01-preview"
V1_VERSIONS = ("v1", "latest", "preview")
FILTER_CODES = ("contentfilter", "content_filter", "content_policy_violation")
_OPENAI = re.compile(r"/openai(?=/|$)")
# A picture is what 1024x1024 costs in the quality that is made where none is named.
_PRICE = replace(PRICE, picture=0.211)
_PRICE_15 = replace(PRICE_15, picture=0.133)
_VIOLATIONS = re.compile(r"safety_violations=\[([\w, /-]*)\]")


def edit(job: Job) -> Conversation:
    """One call, in the URL form that the endpoint and the API version ask for."""
    deployment = deployment_of(job)
    root, rest = _apart(job.options["base_url"])
    version = job.options.get("api_version", "")
    if rest.startswith("/v1") or version in V1_VERSIONS:
        query = {"api-version": version} if version == "preview" else {}
        path, also = "v1/images/edits", {"model": deployment}
    else:
        query = {"api-version": version or DEFAULT_VERSION}
        path, also = f"deployments/{quote(deployment, safe='')}/images/edits", {}
    url = f"{root}/openai/{path}"
    return (yield from converse(Call("POST", url, query=query, **body(job, also))))


def _apart(base_url: str) -> tuple[str, str]:
    """What stands before the path's segment "openai", and behind it; operators paste whole URLs of calls."""
    url = urlsplit(base_url)
    before, *behind = _OPENAI.split(url.path, maxsplit=1)
    return f"{url.scheme}://{url.netloc}{before.rstrip('/')}", "".join(behind)


def locate(options: Mapping[str, str]) -> str:
    """The endpoint of a resource that a request names. InvalidRequest for what is no name of one."""
    resource = options.get("resource")
    if not resource:
        return ""
    rule = "the name before .openai.azure.com, of small letters, digits and hyphens"
    return f"https://{plain(resource, 'azure-resource-name', rule)}.openai.azure.com"


def check(options: Mapping[str, str]) -> Call:
    """The list of models, in the form that both generations of endpoints have."""
    root, _ = _apart(options["base_url"])
    return Call("GET", f"{root}/openai/models", {"api-version": "2024-10-21"}, repeatable=True)


def deployment_of(job: Job) -> str:
    """The request's own, else AZURE_OPENAI_DEPLOYMENTS's ("gpt-image-2=img2"), else what the model is called."""
    if job.options.get("deployment"):
        return job.options["deployment"]
    pairs = (pair.partition("=") for pair in job.options.get("deployments", "").split(","))
    names = {model.strip(): name.strip() for model, _, name in pairs if name}
    return names.get(job.model, job.model)


def explain(reply: Reply) -> Told:
    """All content filters become one; the code may be a number, a numeric string or a word."""
    said = reply.json()["error"]
    error = mapping(said)
    code, message = str(error.get("code") or ""), words(said)
    inner = mapping(error.get("innererror") or error.get("inner_error"))
    if code.lower() in FILTER_CODES or inner.get("code") == "ResponsibleAIPolicyViolation":
        return Told("moderated", message, None, None, _filtered(inner, message))
    if code == "moderation_blocked":
        return Told("moderated", message, None, None, _filtered({}, message))
    if reply.status == 403 and "temporarily blocked" in message:
        return Told("suspended", "Azure has suspended the whole resource for policy violations.")
    if reply.status == 401:
        return Told("auth", message)
    return told_by(
        reply.status, {**error, "message": message, "code": None if code.isdigit() else code}
    )


def _filtered(inner: Mapping[str, Any], message: str) -> dict[str, Any]:
    results = mapping(inner.get("content_filter_results") or inner.get("content_filter_result"))
    named = [name for name, found in results.items() if mapping(found).get("filtered")]
    listed = _VIOLATIONS.search(message)
    categories = named or ([c.strip() for c in listed[1].split(",")] if listed else [])
    return {"moderation_details": {"moderation_stage": "unknown", "categories": categories}}


def _azure(
    model_id: str, params: Mapping[str, Spec], price: Price = _PRICE, auto: str = "high"
) -> Model:
    """A card; `auto` is the quality that Azure makes where none is named."""
    return Model(
        id=model_id,
        images=16,
        inputs=("png", "jpeg"),
        mask=ALPHA,
        mask_bytes=4_000_000,
        params=_own(params, auto),
        makes=("png", "jpeg"),
        compresses=False,
        streams=True,
        transparent=True,
        # Azure's own default differs by model and from OpenAI's, so it is always said in so many words.
        defaults={"quality": "auto"},
        price=price,
    )


def _own(params: Mapping[str, Spec], auto: str) -> dict[str, Spec]:
    """The family's parameters less what Azure does not document, with its own defaults."""
    own = {n: s for n, s in params.items() if n != "safety_identifier"}
    own["moderation"] = Unsent(Choice(("auto",)), "the deployment's content filter decides")
    own["quality"] = Choice(
        ("low", "medium", "high"), {"auto": auto, "standard": "medium", "hd": "high"}
    )
    return own


PROVIDER = Provider(
    name="azure-openai",
    title="Azure OpenAI",
    docs="https://learn.microsoft.com/azure/ai-foundry/openai/how-to/dall-e",
    env="AZURE_OPENAI",
    base_setting="endpoint",
    settings=("endpoint", "api_version", "deployments", "authority", "scope"),
    # Entra's tokens are JSON web tokens, and those begin so; https://ai.azure.com/.default is the newer scope.
    auth=Auth(
        "api-key",
        tokens=("eyJ",),
        identity="entra",
        scope="https://cognitiveservices.azure.com/.default",
    ),
    secrets=("tenant_id", "client_id", "client_secret"),
    portkey={
        "azure-resource-name": "resource",
        "azure-deployment-id": "deployment",
        "azure-api-version": "api_version",
        "azure-ad-token": KEY,
    },
    family=("azure-",),
    remedies=dict.fromkeys(
        (
            "azure-auth-mode",
            "azure-entra-client-id",
            "azure-entra-client-secret",
            "azure-entra-tenant-id",
            "azure-entra-scope",
        ),
        "Fetch a token with it yourself and send that as azure-ad-token.",
    ),
    locate=locate,
    edit=edit,
    explain=explain,
    check=check,
    default_model="gpt-image-2",
    models=(
        _azure("gpt-image-2", GPT2_PARAMS),
        _azure("gpt-image-2.5-sunburst", GPT25_PARAMS),
        _azure("gpt-image-2.5-flare", GPT25_PARAMS),
        _azure("gpt-image-1.5", GPT_PARAMS, _PRICE_15),
        _azure(
            "gpt-image-1-mini",
            {n: s for n, s in GPT_PARAMS.items() if n != "input_fidelity"},
            PRICE_MINI,
            auto="medium",
        ),
        _azure("gpt-image-1", GPT_PARAMS),
        replace(DALL_E_2, defaults={**DALL_E_2.defaults, "quality": "standard"}),
    ),
    # A deployment may have any name; what it runs is assumed to be the model that is generally available.
    deployments=_azure("", GPT2_PARAMS),
)
