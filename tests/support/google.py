"""Edits with Gemini, and the outcome that its adapter reads in a response."""

import json

import pytest

from retouch.core.capabilities import ProviderFailure
from retouch.core.edit_types import EncodedImage
from retouch.core.provider_protocol import ProviderJob, ProviderResponse
from retouch.providers.google import PROVIDER, edit
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import photo
from tests.support.services import build_services

PROMPT = "put a red scarf on the cat"
MODEL = "gemini-nano-banana-2.1"
# The example response of Google's documentation, with invented content.
USAGE = {
    "promptTokenCount": 1130,
    "promptTokensDetails": [
        {"modality": "IMAGE", "tokenCount": 1120},
        {"modality": "TEXT", "tokenCount": 10},
    ],
    "candidatesTokenCount": 1120,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    "thoughtsTokenCount": 180,
    "totalTokenCount": 2430,
}
CAT_PHOTO = photo(96, 64)


def google_edit(server, model=MODEL, images=(CAT_PHOTO,), **fields):
    services = build_services(server.env(), providers=(PROVIDER,))
    form = [("model", f"google/{model}"), ("prompt", PROMPT), *fields.items()]
    return post_edit(
        [*form, *(("image[]", file_part(image)) for image in images)], services=services
    )


def sent_body(server):
    (call,) = server.calls
    return call.json()


def build_job(images=1, **params):
    data = photo(96, 64)
    image = EncodedImage(data, "png", 96, 64)
    return ProviderJob(MODEL, PROMPT, (image,) * images, params=params)


def adapter_outcome(response, **params):
    """Return the images or the ParsedError that the adapter derives from a response body."""
    adapter = edit(build_job(**params))
    next(adapter)
    with pytest.raises((StopIteration, ProviderFailure)) as end:
        adapter.send(ProviderResponse(200, {}, json.dumps(response).encode()))
    if isinstance(end.value, StopIteration):
        return end.value.value
    assert isinstance(end.value, ProviderFailure)
    return end.value.error


def json_body(response):
    return json.loads(response.body)
