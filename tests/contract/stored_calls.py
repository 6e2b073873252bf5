"""The stored provider calls of each model's sample requests, in `stored/`.

Regenerate them and read the diff: python -m tests.contract.stored_calls [PROVIDER ...]
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from tests.contract.registry import PAID_MODELS
from tests.contract.runner import run_sample
from tests.contract.sample_requests import sample_requests

STORED_DIR = Path(__file__).parent / "stored"


def stored_file(provider, model):
    return STORED_DIR / provider.name / f"{model.id.replace('/', '__')}.json"


def main(provider_names):
    """Write the stored calls and return the exit status, which is 2 for an unknown provider name."""
    known = {provider.name for provider, _ in PAID_MODELS}
    unknown = [name for name in provider_names if name not in known]
    if unknown:
        known_names = ", ".join(sorted(known))
        print(f"Unknown provider: {', '.join(unknown)}. Known providers: {known_names}.")  # noqa: T201
        return 2
    selected = [(p, m) for p, m in PAID_MODELS if not provider_names or p.name in provider_names]
    for provider, model in selected:
        with redirect_stdout(io.StringIO()):  # the gateway's log
            variants = list(sample_requests(provider, model))
            calls_by_variant = {
                name: run_sample(provider.name, model.id, name).calls for name in variants
            }
        file = stored_file(provider, model)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(calls_by_variant, indent=1) + "\n")
        print(file.relative_to(STORED_DIR))  # noqa: T201
    for file in stale_files():
        file.unlink()
    return 0


def stale_files():
    """Return the stored files of models that are retired or removed."""
    return set(STORED_DIR.rglob("*.json")) - {stored_file(p, m) for p, m in PAID_MODELS}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
