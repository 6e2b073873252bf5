"""Generate the tables of the documentation: `python -m tools.docs [--check]`.

A generated section stands between `<!-- name:start -->` and `<!-- name:end -->`. With --check the command writes
nothing and fails when a section is stale.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from retouch.core.capabilities import ModelCapabilities, Provider
from retouch.core.sizes import AspectRatios, FixedSizes, SizeRange
from retouch.planning.retirement import retirements
from retouch.providers import PROVIDERS
from tools.errors_table import errors_table
from tools.formats_table import formats_table
from tools.limits_table import limits_table
from tools.model_fields import capabilities_blocks, fields_table
from tools.package_diagram import packages_table
from tools.pipeline_table import pipeline_table, stage_list

ROOT = Path(__file__).parent.parent


def providers_table() -> str:
    """Return a table with one row for each provider: its name, default model, mask support and credential.

    The count includes retired model ids, because the table must not depend on the date.
    """
    rows = ["| provider | slug | model ids | masks | key |", "|---|---|---|---|---|"]
    for provider in PROVIDERS:
        cells = [
            f"[{provider.title}]({provider.docs_url})",
            f"`{provider.name}`",
            f"{len(provider.models)}, by default `{provider.default_model}`",
            _mask_count(provider),
            _credential_text(provider),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _mask_count(provider: Provider) -> str:
    ids = len(provider.models)
    masks = sum(model.mask_format is not None for model in provider.models)
    partial = f"{masks} of {ids}" if masks else "by `preserve`"
    return "all" if masks == ids else partial


def _credential_text(provider: Provider) -> str:
    if provider.auth is None:
        return "none"
    identity = _IDENTITY_SOURCES[provider.auth.identity]
    return f"`{provider.env_prefix}_API_KEY`" + (f" or {identity}" if identity else "")


_IDENTITY_SOURCES = {
    "": "",
    "aws": "the function's role",
    "gcp": "Google credentials",
    "entra": "an Entra application",
}


def models_table() -> str:
    """Return a table with one row for each model: its inputs, outputs and price."""
    rows = [
        "| model | operation | images | mask | n | sizes | output formats | streaming | price | shutdown |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for provider in PROVIDERS:
        rows += [_model_row(provider, model) for model in provider.models]
    return "\n".join(rows)


def _model_row(provider: Provider, model: ModelCapabilities) -> str:
    retirement = retirements().get(f"{provider.name}/{model.id}")
    cells = [
        f"`{provider.name}/{model.id}`",
        f"one of {len(model.operations)} operations"
        if model.operations
        else model.operation or "edit",
        f"1 to {model.max_images}" if model.max_images > 1 else "1",
        _mask_text(model),
        str(model.max_n),
        _size_text(model),
        ", ".join(model.output_formats) or "chosen by the model",
        "partial images" if model.supports_streaming else "final image only",
        _price_text(model),
        retirement.shutdown_text() if retirement else "",
    ]
    return "| " + " | ".join(cells) + " |"


def _mask_text(model: ModelCapabilities) -> str:
    if model.mask_format is None:
        return "with `preserve=true`" if model.follows_instructions else "no"
    return ("required, " if model.requires_mask else "") + (
        "soft" if model.mask_format.supports_soft_edges else "hard"
    )


def _price_text(model: ModelCapabilities) -> str:
    price = model.price
    if price.image_out:
        return f"${price.text_in:g}/{price.image_in:g}/{price.image_out:g} per million tokens"
    if price.per_megapixel:
        return (
            f"${price.per_image:g}, and ${price.per_megapixel:g} for each further megapixel of the result and each "
            "megapixel of an input image"
        )
    return f"${price.per_image:g}" if price.per_image else ""


def _size_text(model: ModelCapabilities) -> str:
    spec = model.params.get("size")
    if isinstance(spec, SizeRange):
        return f"auto, up to {spec.max_edge} px" + (
            f" in steps of {spec.edge_multiple}" if spec.edge_multiple > 1 else ""
        )
    if isinstance(spec, AspectRatios):
        return f"{len(spec.ratios)} aspect ratios" + (
            f", {'/'.join(spec.tiers)}" if spec.tiers else ""
        )
    return ", ".join(spec.sizes) if isinstance(spec, FixedSizes) else "same as the input"


def retirements_table() -> str:
    """Return a table with one row for each retirement: the shutdown date, the successor and the source."""
    rows = ["| model | shutdown | successor | source |", "|---|---|---|---|"]
    for retirement in retirements().values():
        successor = f"`{retirement.successor}`" if retirement.successor else "-"
        rows.append(
            f"| `{retirement.model_id}` | {retirement.shutdown_text()} | {successor} | {retirement.source} |"
        )
    return "\n".join(rows)


def parameters_table() -> str:
    """Return a table with one row for each parameter of each model: its rule."""
    rows = ["| model | parameter | rule |", "|---|---|---|"]
    for provider in PROVIDERS:
        for model in provider.models:
            for name, spec in model.params.items():
                rows.append(f"| `{provider.name}/{model.id}` | `{name}` | {spec.rule()} |")
    return "\n".join(rows)


def vendor_variables_table() -> str:
    """Return a table with one row for each setting that has variables of the provider's own SDKs and tools."""
    rows = ["| provider | variable | counts if this one is absent |", "|---|---|---|"]
    for provider in PROVIDERS:
        for setting in provider.vendor_variables:
            own, *others = (f"`{variable}`" for variable in provider.variables(setting))
            rows.append(f"| {provider.title} | {own} | {', '.join(others)} |")
    return "\n".join(rows)


SECTIONS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("README.md", "providers", providers_table),
    ("README.md", "stages", stage_list),
    ("docs/architecture.md", "pipeline", pipeline_table),
    ("docs/architecture.md", "packages", packages_table),
    ("docs/large-pictures.md", "limits", limits_table),
    ("docs/formats.md", "formats", formats_table),
    ("docs/providers.md", "models", models_table),
    ("docs/errors.md", "errors", errors_table),
    ("docs/configuration.md", "vendor-variables", vendor_variables_table),
    ("docs/models.md", "retired", retirements_table),
    ("docs/models.md", "parameters", parameters_table),
    ("docs/models.md", "fields", fields_table),
    ("docs/models.md", "capabilities", lambda: capabilities_blocks(PROVIDERS)),
)


def replace_section(text: str, section: str, content: str) -> str:
    """Return the text with the named section replaced. Raises ValueError when the markers are missing."""
    start, end = f"<!-- {section}:start -->", f"<!-- {section}:end -->"
    head, _, rest = text.partition(start)
    _, end_marker, tail = rest.partition(end)
    if not end_marker:
        raise ValueError(f"The text has no {start} ... {end}.")
    return f"{head}{start}\n{content}\n{end}{tail}"


def main(check: bool) -> int:
    """Write every section, or only compare when `check` is set. Return the number of stale sections."""
    stale = 0
    for file, section, render in SECTIONS:
        path = ROOT / file
        before = path.read_text()
        after = replace_section(before, section, render())
        if before != after and check:
            print(f"{file}: the section '{section}' is stale; run `make docs`")
            stale += 1
        elif before != after:
            path.write_text(after)
            print(f"{file}: wrote '{section}'")
    return stale


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
