"""The facts of the providers and models as JSON values, and the golden files that contain them.

A golden file has this form:

    {"models": {model id: {"capabilities": {...}, "checked": date, "retirement": {...}, "source": URL}},
     "provider": {...}}

"source" is the page that states the facts of the model. "checked" is the date of the last review of that page. Both
are written by hand. `tests.provider_facts.write` writes all other values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.planning.retirement import retirements

GOLDEN_DIR = Path(__file__).parent
DEPLOYMENT_TEMPLATE = "deployment template"  # the key of a provider's deployment template
ABSENT = "(absent)"  # stands for a field that one side does not have
_EXAMPLE_URL = "https://example.test"
_EXAMPLE_SETTING = "example"
# These fields contain code, except `deployment_template`, which is a model.
_FIELDS_WITHOUT_FACTS = (
    "edit_flow",
    "parse_error",
    "read_shutdown_dates",
    "read_model_names",
    "upstream_images",
    "deployment_template",
)
_MAX_LINE_CHARS = 119  # a comma may follow


@dataclass(frozen=True, slots=True)
class Difference:
    """A field whose value in the code differs from the value in the golden file."""

    field: str  # the path to the field, e.g. "capabilities.price.per_image"
    golden: Any
    current: Any

    def __str__(self) -> str:
        """Return the field with both values."""
        return f"{self.field}: golden value {self.golden!r}, current value {self.current!r}"


def named_models(provider: Provider) -> dict[str, ModelCapabilities]:
    """Return all models of a provider by their key in the golden file, with the deployment template if there is one."""
    template = provider.deployment_template
    models = {model.id: model for model in provider.models}
    return {**models, **({DEPLOYMENT_TEMPLATE: template} if template else {})}


def model_facts(provider: Provider, model: ModelCapabilities) -> dict[str, Any]:
    """Return all capabilities of a model and its retirement."""
    retirement = retirements().get(f"{provider.name}/{model.id}")
    facts = {"capabilities": to_json_value(model), "retirement": None}
    if retirement:
        facts["retirement"] = {
            "deprecation_date": _iso_date(retirement.deprecation_date),
            "shutdown_date": _iso_date(retirement.shutdown_date),
            "checked": _iso_date(retirement.checked),
            "is_confirmed": retirement.is_confirmed,
            "source": retirement.source,
            "successor": retirement.successor,
        }
    return facts


def _iso_date(day: date | None) -> str | None:
    return day.isoformat() if day else None


def provider_facts(provider: Provider) -> dict[str, Any]:
    """Return all fields of a provider that are data. A function is replaced by its results for example settings."""
    names = [f.name for f in fields(provider) if f.name not in _FIELDS_WITHOUT_FACTS]
    facts = {name: getattr(provider, name) for name in names}
    facts["models"] = list(named_models(provider))  # in the order of the code
    facts["resolve_base_url"] = _resolved_base_urls(provider)
    facts["health_check"] = _health_request(provider)
    return {name: to_json_value(value) for name, value in facts.items()}


def _resolved_base_urls(provider: Provider) -> dict[str, str] | None:
    if provider.resolve_base_url is None:
        return None
    names = (*provider.settings, *provider.portkey_settings.values())
    return {
        "without settings": provider.resolve_base_url({}),
        f"all settings are {_EXAMPLE_SETTING!r}": provider.resolve_base_url(
            dict.fromkeys(names, _EXAMPLE_SETTING)
        ),
    }


def _health_request(provider: Provider) -> Any:
    check = provider.health_check
    return check({"base_url": _EXAMPLE_URL}) if callable(check) else check


def to_json_value(value: Any) -> Any:
    """Return a value as JSON allows it. A parameter specification also gets its type and its rule.

    Raises TypeError for a value of any other type, e.g. a function.
    """
    if is_dataclass(value) and not isinstance(value, type):
        plain = {f.name: to_json_value(getattr(value, f.name)) for f in fields(value)}
        rule = getattr(value, "rule", None)
        return {**plain, "type": type(value).__name__, "rule": rule()} if rule else plain
    if isinstance(value, Mapping):
        return {str(name): to_json_value(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json_value(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"A golden file cannot contain {value!r}.")


def find_differences(golden: Any, current: Any, field: str = "") -> Iterator[Difference]:
    """Yield the fields in which two JSON values differ."""
    if isinstance(golden, dict) and isinstance(current, dict):
        for name in sorted(golden.keys() | current.keys()):
            path = f"{field}.{name}" if field else name
            yield from find_differences(golden.get(name, ABSENT), current.get(name, ABSENT), path)
    elif golden != current:
        yield Difference(field, golden, current)


def find_model_differences(
    entry: Mapping[str, Any], provider: Provider, model: ModelCapabilities
) -> list[Difference]:
    """Return the differences between a model and its entry in the golden file."""
    golden = {name: value for name, value in entry.items() if name not in ("source", "checked")}
    return list(find_differences(golden, model_facts(provider, model)))


def find_provider_differences(
    golden_file: Mapping[str, Any], provider: Provider
) -> list[Difference]:
    """Return the differences between a provider's own fields and the golden file."""
    return list(find_differences(golden_file["provider"], provider_facts(provider)))


def describe_differences(
    provider: Provider, model_name: str, source: str, differences: list[Difference]
) -> str:
    """Return the message of a failed test: the provider, the model, each field with both values, and the remedy."""
    owner = f"{provider.name}/{model_name}" if model_name else provider.name
    return "\n".join(
        (
            f"{owner} differs from tests/provider_facts/{provider.name}.json:",
            *(f"  {difference}" for difference in differences),
            f"Check the current value in the source: {source or provider.docs_url}",
            "If the current value is right, run this command. Then set 'checked' to the date of the check.",
            f"  PYTHONPATH=layers/retouch:. .venv/bin/python -m tests.provider_facts.write {provider.name}",
        )
    )


def golden_file_path(provider: Provider, directory: Path = GOLDEN_DIR) -> Path:
    """Return the path of the golden file of a provider."""
    return directory / f"{provider.name}.json"


def read_golden_file(provider: Provider, directory: Path = GOLDEN_DIR) -> dict[str, Any]:
    """Return the golden file of a provider, without any entries when the file does not exist."""
    path = golden_file_path(provider, directory)
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return {"models": {}, "provider": {}, **content}


def format_json(value: Any, indent: int = 0, name: str = "") -> str:
    """Return a value as JSON with sorted keys, after its name if it has one. What fits on one line is on one line."""
    start = " " * indent + (f"{json.dumps(name, ensure_ascii=False)}: " if name else "")
    line = start + json.dumps(value, ensure_ascii=False, sort_keys=True)
    if not isinstance(value, dict | list) or len(line) <= _MAX_LINE_CHARS:
        return line
    if isinstance(value, list):
        opening, items, closing = "[", [format_json(item, indent + 2) for item in value], "]"
    else:
        pairs = sorted(value.items())
        opening, items, closing = "{", [format_json(v, indent + 2, n) for n, v in pairs], "}"
    return f"{start}{opening}\n" + ",\n".join(items) + f"\n{' ' * indent}{closing}"
