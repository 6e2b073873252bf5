"""One model per kind of response, with a sample request for each."""

from typing import Any

from tests.contract.registry import PAID_PROVIDERS
from tests.contract.sample_requests import SampleRequest
from tests.support.images import box_mask, photo

# One model per kind of response, with the parameters of its request besides image and prompt.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("openai/gpt-image-2", {"n": 2}),
    "openai-stream": ("openai/gpt-image-2", {"stream": True, "partial_images": 1}),
    "azure-openai": ("azure-openai/gpt-image-2", {}),
    "stability-ai": ("stability-ai/image-to-image", {}),
    "stability-ai-later": ("stability-ai/replace-background-and-relight", {}),
    "bedrock": ("bedrock/inpaint", {"mask": True}),
    "google": ("google/gemini-nano-banana-2.1", {}),
    "vertex-ai": ("vertex-ai/gemini-nano-banana-2.1", {}),
    "fireworks-ai": ("fireworks-ai/flux-kontext-pro", {}),
    "segmind-text": ("segmind/qwen-image-edit", {}),
    "segmind-other": ("segmind/flux-fill-pro", {"mask": True}),
    "black-forest-labs": ("black-forest-labs/flux-kontext-pro", {}),
    "reka-ai": ("reka-ai/reka-flash", {}),
}
PROVIDERS_BY_NAME = {provider.name: provider for provider in PAID_PROVIDERS}


def sample_request(case):
    model, extra_fields = CASES[case]
    params = dict(extra_fields)
    n, mask = params.pop("n", 1), box_mask(96, 96) if params.pop("mask", False) else None
    return SampleRequest(case, model, (photo(96, 96),), mask, "make it magenta", n, params)
