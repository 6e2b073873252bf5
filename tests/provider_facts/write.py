"""Write the golden files of the provider facts: `python -m tests.provider_facts.write [PROVIDER ...]`.

The command prints each changed value. It keeps "source" and "checked" of each model. A new model gets the provider's
documentation page as its source, and an empty date, which a test rejects until it has the date of the check.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from retouch.core.capabilities import Provider
from retouch.providers import PROVIDERS
from tests.provider_facts.facts import (
    GOLDEN_DIR,
    find_differences,
    format_json,
    golden_file_path,
    model_facts,
    named_models,
    provider_facts,
    read_golden_file,
)


def main(names: Sequence[str], directory: Path = GOLDEN_DIR) -> int:
    """Write the files and return the exit status, which is 2 for an unknown provider name."""
    known = {provider.name: provider for provider in PROVIDERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(  # noqa: T201
            f"Unknown provider: {', '.join(unknown)}. Known providers: {', '.join(sorted(known))}."
        )
        return 2
    for name in names or known:
        write_golden_file(known[name], directory)
    for file in stale_files(directory):
        file.unlink()
        print(f"removed {file.name}")  # noqa: T201
    return 0


def write_golden_file(provider: Provider, directory: Path) -> None:
    """Write the golden file of a provider and print each value that changed."""
    before = read_golden_file(provider, directory)
    after = build_golden_file(provider, before)
    for difference in find_differences(before, after):
        print(f"{provider.name}: {difference}")  # noqa: T201
    golden_file_path(provider, directory).write_text(format_json(after) + "\n")


def build_golden_file(provider: Provider, before: dict[str, Any]) -> dict[str, Any]:
    """Return the new content of a golden file. "source" and "checked" come from the content before."""
    models = {}
    for name, model in named_models(provider).items():
        entry = before["models"].get(name, {})
        models[name] = {
            **model_facts(provider, model),
            "source": entry.get("source", provider.docs_url),
            "checked": entry.get("checked", ""),
        }
    return {"models": models, "provider": provider_facts(provider)}


def stale_files(directory: Path) -> Iterable[Path]:
    """Return the golden files of providers that no longer exist."""
    current = {golden_file_path(provider, directory) for provider in PROVIDERS}
    return sorted(set(directory.glob("*.json")) - current)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
