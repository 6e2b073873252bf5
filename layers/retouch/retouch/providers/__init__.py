"""The register. A new provider is one file beside this one and one name in the tuple."""

from __future__ import annotations

from retouch.cards import Provider
from retouch.providers import (
    azure_openai,
    bedrock,
    black_forest_labs,
    fireworks_ai,
    google,
    local,
    openai,
    reka_ai,
    segmind,
    stability_ai,
    vertex_ai,
)

# In this order a model's bare id finds its provider.
PROVIDERS: tuple[Provider, ...] = (
    local.PROVIDER,
    openai.PROVIDER,
    azure_openai.PROVIDER,
    stability_ai.PROVIDER,
    bedrock.PROVIDER,
    google.PROVIDER,
    vertex_ai.PROVIDER,
    fireworks_ai.PROVIDER,
    segmind.PROVIDER,
    black_forest_labs.PROVIDER,
    reka_ai.PROVIDER,
)
