"""The register. A new provider is one file beside this one and one name in the tuple."""

from __future__ import annotations

from retouch.cards import Provider
from retouch.providers import azure_openai, local, openai

PROVIDERS: tuple[Provider, ...] = (openai.PROVIDER, azure_openai.PROVIDER, local.PROVIDER)
