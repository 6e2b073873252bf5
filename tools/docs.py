"""Writes the parts of the documentation that are data: `python -m tools.docs [--check]`.

A generated part stands between `<!-- name:start -->` and `<!-- name:end -->`. With --check nothing is written;
a stale part fails.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from retouch.cards import Model, Provider
from retouch.lifecycle import endings
from retouch.providers import PROVIDERS
from retouch.specs import FixedSizes, FreeSize

ROOT = Path(__file__).parent.parent


def providers_table() -> str:
    """One row a model: what it takes and makes."""
    rows = [
        "| model | images | mask | sizes | formats out | streams |",
        "|---|---|---|---|---|---|",
    ]
    for provider in PROVIDERS:
        rows += [_row(provider, model) for model in provider.models]
    return "\n".join(rows)


def _row(provider: Provider, model: Model) -> str:
    ending = endings().get(f"{provider.name}/{model.id}")
    cells = [
        f"`{provider.name}/{model.id}`" + (f" (until {ending.ends})" if ending else ""),
        f"1 to {model.images}" if model.images > 1 else "1",
        "required" if model.needs_mask else "yes" if model.mask else "no",
        _sizes(model),
        _words(model, "output_format") or "png",
        "yes" if model.streams else "completed only",
    ]
    return "| " + " | ".join(cells) + " |"


def _sizes(model: Model) -> str:
    spec = model.params.get("size")
    if isinstance(spec, FreeSize):
        return f"auto, up to {spec.longest_edge} px" + (
            f" in {spec.step}s" if spec.step > 1 else ""
        )
    return ", ".join(spec.sizes) if isinstance(spec, FixedSizes) else "as given"


def _words(model: Model, name: str) -> str:
    spec = model.params.get(name)
    return spec.rule().removeprefix("one of ") if spec else ""


def retired_table() -> str:
    """One row an ending: what serves the id afterwards and who says so."""
    rows = ["| model | ends | then served by | source |", "|---|---|---|---|"]
    for ending in endings().values():
        successor = f"`{ending.successor}`" if ending.successor else "-"
        rows.append(f"| `{ending.model}` | {ending.ends} | {successor} | {ending.source} |")
    return "\n".join(rows)


def parameters_table() -> str:
    """One row a model and parameter: the rule."""
    rows = ["| model | parameter | rule |", "|---|---|---|"]
    for provider in PROVIDERS:
        for model in provider.models:
            for name, spec in model.params.items():
                rows.append(f"| `{provider.name}/{model.id}` | `{name}` | {spec.rule()} |")
    return "\n".join(rows)


PARTS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("README.md", "providers", providers_table),
    ("docs/models.md", "retired", retired_table),
    ("docs/models.md", "parameters", parameters_table),
)


def splice(text: str, name: str, part: str) -> str:
    """The text with the named part replaced; ValueError when its markers are missing."""
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    head, _, rest = text.partition(start)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"no {start} ... {end}")
    return f"{head}{start}\n{part}\n{end}{tail}"


def main(check: bool) -> int:
    """Write or compare every part; the number of stale ones."""
    stale = 0
    for file, name, make in PARTS:
        path = ROOT / file
        before = path.read_text()
        after = splice(before, name, make())
        if before != after and check:
            print(f"{file}: the part '{name}' is stale; run `make docs`")
            stale += 1
        elif before != after:
            path.write_text(after)
            print(f"{file}: wrote '{name}'")
    return stale


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
