"""The calls that each model's fullest orders become, kept beside this file. Regenerate and read the difference:

python -m tests.contract.store [PROVIDER ...]
"""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stdout
from pathlib import Path

from tests.contract.corridor import ran
from tests.contract.enrolled import PAID_MODELS
from tests.contract.orders import wanted

STORED = Path(__file__).parent / "stored"


def file_of(provider, model):
    return STORED / provider.name / f"{model.id.replace('/', '__')}.json"


def main(chosen):
    """The exit status: 2 where a provider is called by a name that none has."""
    known = {provider.name for provider, _ in PAID_MODELS}
    unknown = [name for name in chosen if name not in known]
    if unknown:
        print(f"No provider is called {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")  # noqa: T201
        return 2
    kept = [(p, m) for p, m in PAID_MODELS if not chosen or p.name in chosen]
    for provider, model in kept:
        with redirect_stdout(io.StringIO()):  # the gateway's log
            names = list(wanted(provider, model))
            found = {name: ran(provider.name, model.id, name).calls for name in names}
        file = file_of(provider, model)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(found, indent=1) + "\n")
        print(file.relative_to(STORED))  # noqa: T201
    for file in stale():
        file.unlink()
    return 0


def stale():
    """Files of models that are gone."""
    return set(STORED.rglob("*.json")) - {file_of(p, m) for p, m in PAID_MODELS}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
