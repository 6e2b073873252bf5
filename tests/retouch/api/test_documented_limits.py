"""Tests that the limits of the edit's parameters in the OpenAPI document are those of the validation."""

import json
from pathlib import Path
from typing import Any

import pytest

from retouch import api
from tests.support.events import json_event
from tests.support.gateway_client import send_event
from tests.support.images import box_mask, data_url, photo

SCHEMAS = json.loads((Path(api.__path__[0]) / "openapi.json").read_bytes())["components"]["schemas"]
ENV = {
    "OPENAI_API_KEY": "sk-test",
    "AZURE_OPENAI_API_KEY": "az-test",
    "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:9",
    "RETOUCH_BUCKET": "results",
}
# A value of an enumeration is one that some model takes.
MODELS = ("openai/gpt-image-2.6-sunburst", "azure-openai/gpt-image-1.5")
PARAMS = {"images": "image"}  # the name in errors
FIELDS: dict[str, Any] = {
    "model": "openai/gpt-image-2",
    "prompt": "p",
    "images": [{"image_url": data_url(photo())}],
    "dry_run": True,
}
# The other parameters that a request needs to send this one.
COMPANIONS: dict[str, dict[str, Any]] = {
    "output_compression": {"output_format": "jpeg"},
    "partial_images": {"stream": True},
    "background": {"output_format": "png"},
    "mask_mode": {"mask": {"image_url": data_url(box_mask())}},
    "mask_grow": {"mask": {"image_url": data_url(box_mask())}},
    "mask_feather": {"mask": {"image_url": data_url(box_mask())}},
}


def resolve(schema):
    """Return the schema that a reference names."""
    reference = schema.get("$ref")
    return resolve(SCHEMAS[reference.rpartition("/")[2]]) if reference else schema


def text(length):
    """Return a text of that length, which is also the form of a model's name."""
    return "openai/".ljust(length, "x")


def find_limits():
    """Yield the name, a value at a documented limit, and the next value, which is above it or below it."""
    for name, reference in SCHEMAS["EditJson"]["properties"].items():
        schema = resolve(reference)
        if "maxLength" in schema and name != "model":  # no model has an id of that length
            yield name, text(schema["maxLength"]), text(schema["maxLength"] + 1)
        if "maxItems" in schema and name == "images":
            images = FIELDS["images"] * (schema["maxItems"] + 1)
            yield name, images[1:], images
        for limit, step in (("minimum", -1), ("maximum", 1)):
            if limit in schema:
                yield name, schema[limit], schema[limit] + step
        for value in schema.get("enum", ()):
            yield name, value, "another"


LIMITS = list(find_limits())


def is_refused(name, value, model):
    """Return whether the value is refused by name for what it is, and not for another rule of the request."""
    fields = {**FIELDS, "model": model, **COMPANIONS.get(name, {}), name: value}
    error: dict[str, Any] = (send_event(json_event(fields), ENV).json or {}).get("error", {})
    code = "too_many_images" if name == "images" else "invalid_value"
    return bool(error) and (error["param"], error["code"]) in [
        (PARAMS.get(name, name), code),
        (name, "unknown_parameter"),
    ]


@pytest.mark.parametrize(
    ("name", "allowed", "excluded"),
    LIMITS,
    ids=[f"{name}-{str(value)[:12]}" for name, value, _ in LIMITS],
)
def test_value_at_a_documented_limit_passes_and_the_next_is_refused_by_name(
    name, allowed, excluded
):
    assert all(is_refused(name, excluded, model) for model in MODELS)
    assert not all(is_refused(name, allowed, model) for model in MODELS)
