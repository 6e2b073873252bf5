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
from retouch.sizes import FixedSizes, FreeSize, Ratios

ROOT = Path(__file__).parent.parent


def providers_table() -> str:
    """One row a provider: what it is called, how it is paid, what its models do.

    Retired ids count too: whether one is over depends on the day, and a table must not.
    """
    rows = ["| provider | slug | model ids | masks | key |", "|---|---|---|---|---|"]
    for provider in PROVIDERS:
        cells = [
            f"[{provider.title}]({provider.docs})",
            f"`{provider.name}`",
            f"{len(provider.models)}, by default `{provider.default_model}`",
            _masks(provider),
            _key(provider),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _masks(provider: Provider) -> str:
    ids = len(provider.models)
    masks = sum(model.mask is not None for model in provider.models)
    some = f"{masks} of {ids}" if masks else "by `preserve`"
    return "all" if masks == ids else some


def _key(provider: Provider) -> str:
    if provider.auth is None:
        return "none"
    other = _VOUCHED[provider.auth.identity]
    return f"`{provider.env}_API_KEY`" + (f" or {other}" if other else "")


_VOUCHED = {
    "": "",
    "aws": "the function's role",
    "gcp": "Google credentials",
    "entra": "an Entra application",
}


def models_table() -> str:
    """One row a model: what it takes, makes and costs."""
    rows = [
        "| model | does | images | mask | n | sizes | formats out | streams | price | until |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for provider in PROVIDERS:
        rows += [_row(provider, model) for model in provider.models]
    return "\n".join(rows)


def _row(provider: Provider, model: Model) -> str:
    ending = endings().get(f"{provider.name}/{model.id}")
    cells = [
        f"`{provider.name}/{model.id}`",
        f"chooses of {len(model.chooses)}" if model.chooses else model.operation or "edits",
        f"1 to {model.images}" if model.images > 1 else "1",
        _mask(model),
        str(model.n),
        _sizes(model),
        ", ".join(model.makes) or "its own",
        "yes" if model.streams else "completed only",
        _price(model),
        str(ending.ends) if ending else "",
    ]
    return "| " + " | ".join(cells) + " |"


def _mask(model: Model) -> str:
    if model.mask is None:
        return "by `preserve`" if model.instructs else "no"
    return ("required, " if model.needs_mask else "") + ("soft" if model.mask.soft else "hard")


def _price(model: Model) -> str:
    price = model.price
    if price.image_out:
        return f"${price.text_in:g}/{price.image_in:g}/{price.image_out:g} a million tokens"
    return f"${price.picture:g}" if price.picture else ""


def _sizes(model: Model) -> str:
    spec = model.params.get("size")
    if isinstance(spec, FreeSize):
        return f"auto, up to {spec.longest_edge} px" + (
            f" in {spec.step}s" if spec.step > 1 else ""
        )
    if isinstance(spec, Ratios):
        return f"{len(spec.ratios)} shapes" + (f", {'/'.join(spec.tiers)}" if spec.tiers else "")
    return ", ".join(spec.sizes) if isinstance(spec, FixedSizes) else "the picture's"


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
    ("docs/providers.md", "models", models_table),
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
