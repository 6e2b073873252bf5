"""The list of all providers.

To add a provider, add one file to this package and one name to `PROVIDERS`.
"""

from __future__ import annotations

from retouch.core.capabilities import Provider
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

# A model id without a provider name is looked up in this order. The first provider that has the model serves it.
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
