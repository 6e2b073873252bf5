"""The file formats as a table, read from the code that accepts and converts them."""

from retouch.core.capabilities import ModelCapabilities
from retouch.core.image_formats import INPUT_FORMATS, OUTPUT_FORMATS, list_formats
from retouch.providers import PROVIDERS


def formats_table() -> str:
    """Return a table with one row for each input format: whether it is a result format, and who gets it unchanged."""
    rows = [
        "| format | image, mask | result | providers that get it unchanged |",
        "|---|---|---|---|",
    ]
    return "\n".join([*rows, *(f"| {' | '.join(_format_cells(name))} |" for name in INPUT_FORMATS)])


def _format_cells(name: str) -> tuple[str, str, str, str]:
    title = list_formats((name, name)).split(" and ")[0]
    return title, "yes", "yes" if name in OUTPUT_FORMATS else "no", _supporting_models_text(name)


def _supporting_models_text(name: str) -> str:
    """Return the providers all or some of whose models take the format."""
    takers = []
    for provider in PROVIDERS:
        count = sum(_supports(model, name) for model in provider.models)
        if count:
            takers.append(provider.title + ("" if count == len(provider.models) else " (some)"))
    if len(takers) == len(PROVIDERS) and not any(taker.endswith(")") for taker in takers):
        return "all"
    return ", ".join(takers) or "none: it is converted"


def _supports(model: ModelCapabilities, name: str) -> bool:
    return name in model.upstream_formats or model.is_local_editor
