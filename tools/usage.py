"""Show the usage of a month: `python -m tools.usage [--month 2026-11] [--by workspace,model] [--csv]`.

It reads the tables of the stack, so it needs no key of the admin API. The sums are those of `GET /v1/usage/summary`.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from retouch.core.errors import InvalidRequest, UsageUnavailable
from retouch.infrastructure.aws.usage_table import UsageDynamoTable
from retouch.tenants.keys import DEFAULT_WORKSPACE
from retouch.tenants.rows import WORKSPACES
from retouch.usage.event import day_of, start_of_day
from retouch.usage.groups import (
    COLUMNS,
    METADATA_PREFIX,
    WORKSPACE,
    WORKSPACE_NAME,
    dimensions_of,
    summary_document,
)
from retouch.usage.query import UsageQuery, UsageReader
from retouch.usage.stores import UsageStore
from tools.stack import (
    CommandError,
    StackLocation,
    locate_stack,
    run_command,
    stack_output,
    stack_outputs,
)
from tools.tenant_keys import StackClients, open_tenant_table

_SECONDS_PER_DAY = 86_400
_KEPT_DAYS = 90
_AMOUNTS = ("requests", "attempts", "pictures", "cost", "price", "at_risk", "unpriced_attempts")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parse_arguments(arguments)
    return run_command(lambda: _run(options))


def month_summary(
    store: UsageStore,
    month: str,
    columns: Sequence[str],
    now: int,
    workspace_names: Mapping[str, str],
) -> Mapping[str, Any]:
    """Return the sums of a month by these columns. Raises CommandError."""
    start = start_of_day(f"{month}-01")
    end = start_of_day(f"{day_of(start + 32 * _SECONDS_PER_DAY)[:7]}-01")
    workspaces = tuple(store.list_workspaces(month))
    query = UsageQuery(workspaces, start, end, _SECONDS_PER_DAY, dimensions_of(columns))
    try:
        found = UsageReader(store, now).read_rows(query)
        return summary_document(found, columns, workspace_names)
    except InvalidRequest as error:
        raise CommandError(str(error)) from None


def _run(options: argparse.Namespace) -> int:
    stack, now = locate_stack(options.stack, options.region), int(time.time())
    table = stack_output(stack, "UsageTable")
    store = UsageDynamoTable(table, _KEPT_DAYS, StackClients(stack))
    columns, month = _read_columns(options.by), _read_month(options.month, now)
    try:
        summary = month_summary(store, month, columns, now, _workspace_names(stack))
    except UsageUnavailable as error:
        raise error.__cause__ or error from None
    shown = (*((WORKSPACE_NAME,) if WORKSPACE in columns else ()), *columns)
    rows = [*summary["data"], {**dict.fromkeys(shown, "together"), **summary["totals"]}]
    names = (*shown, *_AMOUNTS)
    lines = [[_show(row[name]) for name in names] for row in rows]
    if options.csv:
        csv.writer(sys.stdout).writerows([names, *lines])
    else:
        print("\n".join(_table([list(names), *lines])))
    return 0


def _workspace_names(stack: StackLocation) -> dict[str, str]:
    """Return the names of the workspaces by their ids. A stack of an earlier version has none."""
    table = stack_outputs(stack).get("TenantsTable")
    if not table:
        return {}
    rows = open_tenant_table(table, stack).list(WORKSPACES)
    default = {DEFAULT_WORKSPACE.id: DEFAULT_WORKSPACE.name}
    return default | {row.name: str(row.record["name"]) for row in rows}


def _show(value: Any) -> str:
    """Return a value as text. Amounts have all their digits, to the micro-dollar."""
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _table(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def _read_month(text: str, now: int) -> str:
    if not text:
        return day_of(now)[:7]
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
        raise CommandError(f"MONTH is {text!r}. It must be a month such as 2026-11.")
    return text


def _read_columns(text: str) -> tuple[str, ...]:
    columns = tuple(name for name in re.split(r"[,\s]+", text) if name)
    for name in columns:
        if name not in COLUMNS and not name.startswith(METADATA_PREFIX):
            raise CommandError(
                f"BY has {name!r}. It must be of: {', '.join(COLUMNS)}, or metadata.<name>."
            )
    return columns


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.usage", description=__doc__)
    parser.add_argument("--month", default="", help="such as 2026-11; by default this month")
    parser.add_argument("--by", default="workspace,model", help="the columns of the groups")
    parser.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    parser.add_argument("--stack", default="retouch")
    parser.add_argument("--region", default="")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
