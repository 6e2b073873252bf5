"""The pipeline as a table for docs/architecture.md and as a list for the README, read from its stages."""

import inspect
from pathlib import Path

from retouch.gateway.pipeline import REQUEST_STAGES, TARGET_STAGES, Stage

_ROOT = Path(__file__).parent.parent


def pipeline_table() -> str:
    """Return a table with one row for each stage: name, what it takes, what it does, and its file."""
    rows = ["| stage | takes | does |", "|---|---|---|"]
    rows.extend(_stage_row(stage, "") for stage in REQUEST_STAGES)
    rows.extend(_stage_row(stage, "→ ") for stage in TARGET_STAGES)
    return "\n".join(
        [*rows, "", "The stages after the arrows run once for each attempt at a target."]
    )


def stage_list() -> str:
    """Return the names of the stages in their order, as two sentences."""
    once, attempt = (
        " → ".join(stage.name for stage in stages) for stages in (REQUEST_STAGES, TARGET_STAGES)
    )
    return f"Once for each request: {once}.\n\nOnce for each attempt at a target: {attempt}."


def _stage_row(stage: Stage, prefix: str) -> str:
    path = Path(inspect.getfile(stage.run)).relative_to(_ROOT)
    summary = (inspect.getdoc(stage.run) or "").partition(". ")[0].partition("\n")[0].rstrip(".")
    return f"| {prefix}[{stage.name}](../{path}) | `{stage.takes.__name__}` | {summary} |"
