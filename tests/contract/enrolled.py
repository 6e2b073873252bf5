"""Who takes part: every provider in the register, every model that still lives."""

from __future__ import annotations

import importlib
import json
from datetime import date
from pathlib import Path

from retouch.lifecycle import endings
from retouch.providers import PROVIDERS
from tests.contract.standin import StandIn

TODAY = date(2026, 11, 22)
HERE = Path(__file__).parent


PAID = tuple(provider for provider in PROVIDERS if provider.paid)


def lives(provider, model):
    ending = endings().get(f"{provider.name}/{model.id}")
    return ending is None or not ending.over(TODAY)


MODELS = tuple((p, m) for p in PROVIDERS for m in p.models if lives(p, m))
PAID_MODELS = tuple((p, m) for p, m in MODELS if p.paid)


def stem(provider):
    return provider.name.replace("-", "_")


def standin_class(provider):
    """The provider's stand-in; LookupError when nobody has written it."""
    try:
        module = importlib.import_module(f"tests.contract.standins.{stem(provider)}")
    except ModuleNotFoundError:
        raise LookupError(f"{provider.name} has no stand-in") from None
    for found in vars(module).values():
        own = isinstance(found, type) and issubclass(found, StandIn)
        if own and found.slug == provider.name:
            return found
    raise LookupError(f"{module.__name__} has no StandIn with the slug {provider.name}")


def standin(provider):
    return standin_class(provider)()


def failures_of(provider):
    """How the stand-in can fail; nothing where there is none, which is another test's complaint."""
    try:
        return standin(provider).failures()
    except LookupError:
        return {}


def table(provider):
    """What cannot be had together, beside the stand-in: {model id or "*": [variant, ...]}."""
    file = HERE / "standins" / f"{stem(provider)}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def name_of(value):
    """For ids of parametrized tests."""
    return getattr(value, "name", None) or getattr(value, "id", None) or str(value)
