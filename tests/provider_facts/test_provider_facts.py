"""Tests that the facts of every provider and model are those of the golden files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from retouch.core.capabilities import WHITE_MASK, ModelCapabilities, Provider
from retouch.core.parameters import EnumParam, IntParam
from retouch.core.provider_protocol import ProviderRequest
from retouch.providers import PROVIDERS
from tests.provider_facts import write
from tests.provider_facts.facts import (
    GOLDEN_DIR,
    describe_differences,
    find_model_differences,
    find_provider_differences,
    format_json,
    golden_file_path,
    named_models,
    read_golden_file,
    to_json_value,
)

GOLDEN_FILES = {provider.name: read_golden_file(provider) for provider in PROVIDERS}
MODELS = [(provider, name) for provider in PROVIDERS for name in named_models(provider)]
PAID_MODELS = [(provider, name) for provider, name in MODELS if provider.is_paid]
OPENAI = next(provider for provider in PROVIDERS if provider.name == "openai")
GPT_IMAGE_2 = named_models(OPENAI)["gpt-image-2"]
# The facts of these fields are not the values of the fields, or there are none.
DERIVED_FIELDS = {"models", "resolve_base_url", "health_check"}
FIELDS_WITHOUT_FACTS = {
    "edit_flow",
    "parse_error",
    "read_shutdown_dates",
    "read_model_names",
    "upstream_images",
    "deployment_template",
}


def parameter_id(value: Any) -> str:
    return str(getattr(value, "name", value))


def golden_entry(provider: Provider, name: str) -> Mapping[str, Any]:
    entry: Mapping[str, Any] = GOLDEN_FILES[provider.name]["models"].get(name, {})
    return entry


def changed_fields(model: ModelCapabilities) -> list[str]:
    """Return the fields in which a changed model differs from the golden file of gpt-image-2."""
    differences = find_model_differences(golden_entry(OPENAI, "gpt-image-2"), OPENAI, model)
    return [difference.field for difference in differences]


def changed_provider_fields(provider: Provider) -> list[str]:
    """Return the fields in which a changed provider differs from the golden file of OpenAI."""
    differences = find_provider_differences(GOLDEN_FILES["openai"], provider)
    return [difference.field for difference in differences]


@pytest.mark.parametrize(("provider", "name"), MODELS, ids=parameter_id)
def test_model_equals_golden_file(provider: Provider, name: str) -> None:
    entry = golden_entry(provider, name)
    differences = find_model_differences(entry, provider, named_models(provider)[name])
    assert not differences, describe_differences(
        provider, name, entry.get("source", ""), differences
    )


@pytest.mark.parametrize("provider", PROVIDERS, ids=parameter_id)
def test_provider_equals_golden_file(provider: Provider) -> None:
    differences = find_provider_differences(GOLDEN_FILES[provider.name], provider)
    assert not differences, describe_differences(provider, "", "", differences)


@pytest.mark.parametrize("provider", PROVIDERS, ids=parameter_id)
def test_golden_file_has_no_removed_model_and_the_format_of_the_command(provider: Provider) -> None:
    golden_file = GOLDEN_FILES[provider.name]
    assert set(golden_file["models"]) <= set(named_models(provider))
    assert golden_file_path(provider).read_text() == format_json(golden_file) + "\n"


def test_every_golden_file_belongs_to_a_provider() -> None:
    assert write.stale_files(GOLDEN_DIR) == []


@pytest.mark.parametrize(("provider", "name"), PAID_MODELS, ids=parameter_id)
def test_paid_model_has_source_and_iso_date(provider: Provider, name: str) -> None:
    entry = golden_entry(provider, name)
    assert entry["source"].startswith("https://"), "'source' must be the page with the facts"
    assert is_iso_date(entry["checked"]), "'checked' must be the date on which you read the source"


def is_iso_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@pytest.mark.parametrize("field", [f.name for f in fields(ModelCapabilities)])
def test_change_of_any_model_field_is_found(field: str) -> None:
    change: dict[str, Any] = {field: "changed"}
    changed = replace(GPT_IMAGE_2, **change)
    assert f"capabilities.{field}" in changed_fields(changed)


@pytest.mark.parametrize(
    "field", sorted({f.name for f in fields(Provider)} - DERIVED_FIELDS - FIELDS_WITHOUT_FACTS)
)
def test_change_of_any_provider_field_is_found(field: str) -> None:
    change: dict[str, Any] = {field: ("changed",)}
    assert field in changed_provider_fields(replace(OPENAI, **change))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"models": OPENAI.models[::-1]}, "models"),
        ({"resolve_base_url": lambda _: "https://example.test"}, "resolve_base_url"),
        ({"health_check": ProviderRequest("GET", "/other")}, "health_check.path"),
        ({"health_check": lambda _: ProviderRequest("GET", "/other")}, "health_check.path"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_change_of_a_derived_provider_fact_is_found(change: dict[str, Any], field: str) -> None:
    assert field in changed_provider_fields(replace(OPENAI, **change))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": replace(GPT_IMAGE_2.price, image_out=31)}, "price.image_out"),
        ({"max_prompt_chars": 32_001}, "max_prompt_chars"),
        ({"mask_format": WHITE_MASK}, "mask_format.polarity"),
        ({"size_limits": replace(GPT_IMAGE_2.size_limits, max_edge=4096)}, "size_limits.max_edge"),
        (
            {"params": {**GPT_IMAGE_2.params, "output_compression": IntParam(0, 99)}},
            "params.output_compression.maximum",
        ),
        (
            {"params": {**GPT_IMAGE_2.params, "quality": EnumParam(("auto", "low"))}},
            "params.quality.aliases.hd",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_change_inside_a_field_is_found(change: dict[str, Any], field: str) -> None:
    assert f"capabilities.{field}" in changed_fields(replace(GPT_IMAGE_2, **change))


def test_failure_names_model_field_values_and_remedy() -> None:
    changed = replace(GPT_IMAGE_2, max_prompt_chars=16_000)
    entry = golden_entry(OPENAI, "gpt-image-2")
    message = describe_differences(
        OPENAI, "gpt-image-2", entry["source"], find_model_differences(entry, OPENAI, changed)
    )
    assert "openai/gpt-image-2 differs" in message
    assert "capabilities.max_prompt_chars: golden value 32000, current value 16000" in message
    assert entry["source"] in message
    assert "python -m tests.provider_facts.write openai" in message


def test_json_value_rejects_a_function() -> None:
    with pytest.raises(TypeError, match="cannot contain"):
        to_json_value({"rule": len})


def test_command_keeps_source_and_checked(tmp_path: Path) -> None:
    assert write.main(["openai"], tmp_path) == 0
    path = golden_file_path(OPENAI, tmp_path)
    golden_file = read_golden_file(OPENAI, tmp_path)
    assert golden_file["models"]["gpt-image-2"]["checked"] == ""
    golden_file["models"]["gpt-image-2"] |= {
        "source": "https://example.test/prices",
        "checked": "2026-12-24",
        "capabilities": {"max_n": 1},
    }
    path.write_text(format_json(golden_file))

    assert write.main(["openai"], tmp_path) == 0

    entry = read_golden_file(OPENAI, tmp_path)["models"]["gpt-image-2"]
    assert (entry["source"], entry["checked"]) == ("https://example.test/prices", "2026-12-24")
    assert find_model_differences(entry, OPENAI, GPT_IMAGE_2) == []
    assert [file.name for file in tmp_path.iterdir()] == ["openai.json"]


def test_command_removes_the_file_of_a_removed_provider(tmp_path: Path) -> None:
    (tmp_path / "removed.json").write_text("{}")
    assert write.main(["openai"], tmp_path) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["openai.json"]


def test_command_rejects_unknown_provider(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write.main(["nobody"], tmp_path) == 2
    assert "Unknown provider: nobody. Known providers: azure-openai," in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
