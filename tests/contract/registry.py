"""The providers and models under test: every registered provider, and every model that is not retired."""

from __future__ import annotations

import importlib
import json
from datetime import date
from pathlib import Path

from retouch.planning.retirement import retirements
from retouch.providers import PROVIDERS
from tests.contract.standin import StandIn

TODAY = date(2026, 11, 22)
CONTRACT_DIR = Path(__file__).parent


PAID_PROVIDERS = tuple(provider for provider in PROVIDERS if provider.is_paid)


def is_live(provider, model):
    retirement = retirements().get(f"{provider.name}/{model.id}")
    return retirement is None or not retirement.is_shut_down(TODAY)


MODELS = tuple((p, m) for p in PROVIDERS for m in p.models if is_live(p, m))
PAID_MODELS = tuple((p, m) for p, m in MODELS if p.is_paid)


def module_name(provider):
    return provider.name.replace("-", "_")


def standin_class(provider):
    """Return the stand-in class of the provider. Raises LookupError when there is none."""
    try:
        module = importlib.import_module(f"tests.contract.standins.{module_name(provider)}")
    except ModuleNotFoundError:
        raise LookupError(f"{provider.name} has no stand-in") from None
    for candidate in vars(module).values():
        is_stand_in = isinstance(candidate, type) and issubclass(candidate, StandIn)
        if is_stand_in and candidate.slug == provider.name:
            return candidate
    raise LookupError(f"{module.__name__} has no StandIn with the slug {provider.name}")


def make_standin(provider):
    return standin_class(provider)()


def provider_failures(provider):
    """Return the failures of the provider's stand-in, or {} without a stand-in. Another test reports a missing one."""
    try:
        return make_standin(provider).failures()
    except LookupError:
        return {}


def variant_table(provider):
    """Return the variants from the JSON file of the stand-in: {model id or "*": [variant, ...]}.

    The variants separate parameters that one request cannot have together.
    """
    file = CONTRACT_DIR / "standins" / f"{module_name(provider)}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def parameter_id(value):
    """Return the id of a parameter of a parametrized test."""
    return getattr(value, "name", None) or getattr(value, "id", None) or str(value)
