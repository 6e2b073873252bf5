"""Azure OpenAI images/edits. https://learn.microsoft.com/azure/ai-foundry/openai/how-to/dall-e

The GPT image order under another roof. Peculiarities, as of 2026-11: the model is a deployment, named in
the path (classic form, where a `model` field broke calls) or in the form (v1 form); multipart only; WebP is taken
neither in nor out; `output_compression` is documented the other way round, so it is done here instead; at least
five shapes of content-filter error; a 403 may mean that the whole resource is suspended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from retouch.cards import ALPHA, Auth, Model, Price, Provider, Told
from retouch.messages import Call, Conversation, Job, Reply
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
from retouch.specs import Choice, Spec, Unsent

DEFAULT_VERSION = "2025-04-01-preview"
V1_VERSIONS = ("v1", "latest", "preview")
FILTER_CODES = ("contentfilter", "content_filter", "content_policy_violation")
_RESOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_VIOLATIONS = re.compile(r"safety_violations=\[([\w, /-]*)\]")


def edit(job: Job) -> Conversation:
    """One call, in the URL form that the endpoint and the API version ask for."""
    deployment = deployment_of(job)
    root, _, rest = job.options["base_url"].partition("/openai")
    version = job.options.get("api_version", "")
    if rest.strip("/").startswith("v1") or version in V1_VERSIONS:
        query = {"api-version": version} if version == "preview" else {}
        path, also = "v1/images/edits", {"model": deployment}
    else:
        query = {"api-version": version or DEFAULT_VERSION}
        path, also = f"deployments/{quote(deployment, safe='')}/images/edits", {}
    url = f"{root.rstrip('/')}/openai/{path}"
    return (yield from converse(Call("POST", url, query=query, **body(job, also))))


def locate(options: Mapping[str, str]) -> str:
    """The endpoint of a resource that a request names."""
    resource = options.get("resource", "")
    return f"https://{resource}.openai.azure.com" if _RESOURCE.fullmatch(resource) else ""


def deployment_of(job: Job) -> str:
    """The request's own, else AZURE_OPENAI_DEPLOYMENTS's ("gpt-image-2=img2"), else what the model is called."""
    if job.options.get("deployment"):
        return job.options["deployment"]
    pairs = (pair.partition("=") for pair in job.options.get("deployments", "").split(","))
    names = {model.strip(): name.strip() for model, _, name in pairs if name}
    return names.get(job.model, job.model)


def explain(reply: Reply) -> Told:
    """All content filters become one; the code may be a number, a numeric string or a word."""
    error = reply.json()["error"]
    code = str(error.get("code") or "")
    message = str(error.get("message") or "")
    inner = error.get("innererror") or error.get("inner_error") or {}
    if code.lower() in FILTER_CODES or inner.get("code") == "ResponsibleAIPolicyViolation":
        return Told("moderated", message, None, None, _filtered(inner, message))
    if code == "moderation_blocked":
        return Told("moderated", message, None, None, _filtered({}, message))
    if reply.status == 403 and "temporarily blocked" in message:
        return Told("suspended", "Azure has suspended the whole resource for policy violations.")
    if reply.status == 401:
        return Told("auth", message)
    return told_by(reply.status, {**error, "code": None if code.isdigit() else code or None})


def _filtered(inner: Mapping[str, Any], message: str) -> dict[str, Any]:
    results = inner.get("content_filter_results") or inner.get("content_filter_result") or {}
    named = [name for name, found in results.items() if found.get("filtered")]
    listed = _VIOLATIONS.search(message)
    categories = named or ([c.strip() for c in listed[1].split(",")] if listed else [])
    return {"moderation_details": {"moderation_stage": "unknown", "categories": categories}}


def _azure(model_id: str, params: Mapping[str, Spec], price: Price = PRICE) -> Model:
    return Model(
        id=model_id,
        images=16,
        inputs=("png", "jpeg"),
        mask=ALPHA,
        mask_bytes=4_000_000,
        params=_own(params),
        makes=("png", "jpeg"),
        compresses=False,
        streams=True,
        transparent=True,
        price=price,
    )


def _own(params: Mapping[str, Spec]) -> dict[str, Spec]:
    """The family's parameters less what Azure does not document, with its own defaults."""
    own = {n: s for n, s in params.items() if n != "safety_identifier"}
    own["moderation"] = Unsent(Choice(("auto",)), "the deployment's content filter decides")
    own["quality"] = Choice(
        ("low", "medium", "high"), {"auto": "high", "standard": "medium", "hd": "high"}
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
    },
    locate=locate,
    edit=edit,
    explain=explain,
    check=Call("GET", "/openai/models", {"api-version": "2024-10-21"}, repeatable=True),
    default_model="gpt-image-2",
    models=(
        _azure("gpt-image-2", GPT2_PARAMS),
        _azure("gpt-image-2.5-sunburst", GPT25_PARAMS),
        _azure("gpt-image-2.5-flare", GPT25_PARAMS),
        _azure("gpt-image-1.5", GPT_PARAMS, PRICE_15),
        _azure(
            "gpt-image-1-mini",
            {n: s for n, s in GPT_PARAMS.items() if n != "input_fidelity"},
            PRICE_MINI,
        ),
        _azure("gpt-image-1", GPT_PARAMS),
        DALL_E_2,
    ),
    # A deployment may have any name; what it runs is assumed to be the model that is generally available.
    deployments=_azure("", GPT2_PARAMS),
)
