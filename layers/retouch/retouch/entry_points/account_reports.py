"""The commands `retouch quota` and `retouch usage`: what a running gateway says about a key and about its edits."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from retouch.entry_points.command_parser import add_command

_DEFAULT_GATEWAY = "http://127.0.0.1:8787"
_KEY_VARIABLE, _GATEWAY_VARIABLE = "RETOUCH_KEY", "RETOUCH_URL"
_TIMEOUT_SECONDS = 60
_AMOUNTS = ("requests", "attempts", "pictures", "cost", "price", "at_risk")
_EXAMPLES = f"""\
The key is read from {_KEY_VARIABLE}, so that no list of processes shows it. Examples:

  {_KEY_VARIABLE}=rt_... retouch %(command)s
  {_KEY_VARIABLE}=rt_... retouch %(command)s --gateway https://images.example.com%(more)s
"""


def add_report_commands(commands: Any) -> None:
    """Add both commands to the parser."""
    quota_examples = _EXAMPLES % {"command": "quota", "more": ""}
    usage_examples = _EXAMPLES % {
        "command": "usage",
        "more": " --month 2026-11 --by workspace,model",
    }
    quota_text = "Show what is used and left of the limits of a gateway key"
    usage_text = "Show who made which edits in a month, and what they cost"
    quota = add_command(commands, "quota", quota_text, quota_examples)
    usage = add_command(commands, "usage", usage_text, usage_examples)
    for parser in (quota, usage):
        _add_gateway_argument(parser)
    usage.add_argument("--month", default="", help="such as 2026-11; by default this month")
    usage.add_argument(
        "--by", default="workspace,model", help="the columns of the groups (default: %(default)s)"
    )


def run_report_command(arguments: argparse.Namespace) -> int:
    """Return the exit status. An error is written to standard error in one line."""
    read: Callable[[argparse.Namespace], Iterator[str]] = {"quota": _quota, "usage": _usage}[
        arguments.command
    ]
    try:
        sys.stdout.write("".join(f"{line}\n" for line in read(arguments)))
    except ReportError as error:
        sys.stderr.write(f"retouch {arguments.command}: {error}\n")
        return 1
    return 0


_OPEN_GATEWAY = (
    "This gateway is open: it has no keys and so no limits, and it reads no RETOUCH_KEY. "
    "Set RETOUCH_AUTH_MODE=keys on the gateway to give out keys."
)


class ReportError(Exception):
    """A report that the gateway does not give. The text says why."""


def _add_gateway_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gateway",
        default=os.environ.get(_GATEWAY_VARIABLE) or _DEFAULT_GATEWAY,  # noqa: TID251 - of the caller
        help=f"the address of the gateway; by default {_GATEWAY_VARIABLE}, or {_DEFAULT_GATEWAY}",
    )


def _quota(arguments: argparse.Namespace) -> Iterator[str]:
    quota = _read(arguments.gateway, "/v1/quota")
    rows = [*map(_limit_row, quota["limits"]), *map(_rate_row, quota["rate_limits"])]
    for scope, use in quota["concurrency"].items():
        rows.append(
            (scope, "edits at the same time", use["limit"], use["limit"] - use["running"], "")
        )
    if rows:
        yield from _table(("of", "limit", "at most", "left", "resets"), rows)
    else:
        yield _OPEN_GATEWAY if quota.get("auth_mode") == "open" else "This key has no limits."


def _limit_row(limit: Mapping[str, Any]) -> Sequence[Any]:
    unit = "usd" if "limit_usd" in limit else "tokens"
    name = f"{unit} in {limit['period']}"
    return (
        limit["scope"],
        name,
        limit[f"limit_{unit}"],
        limit[f"remaining_{unit}"],
        limit["resets_at"] or "never",
    )


def _rate_row(rate: Mapping[str, Any]) -> Sequence[Any]:
    name = f"{rate['type']} ({rate['unit']})"
    return rate["scope"], name, rate["limit"], rate["remaining"], rate["resets_at"]


def _usage(arguments: argparse.Namespace) -> Iterator[str]:
    start, end = _month_bounds(arguments.month or datetime.now(UTC).strftime("%Y-%m"))
    query = {"start_time": start, "end_time": end, "group_by": arguments.by}
    summary = _read(arguments.gateway, f"/v1/usage/summary?{urlencode(query)}")
    columns = [name for name in re.split(r"[,\s]+", arguments.by) if name]
    groups = [*summary["data"], {**dict.fromkeys(columns, "together"), **summary["totals"]}]
    names = (*columns, *_AMOUNTS)
    yield from _table(names, [[group[name] for name in names] for group in groups])


def _month_bounds(month: str) -> tuple[str, str]:
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise ReportError(f"--month is {month!r}. It must be a month such as 2026-11.")
    year, number = map(int, month.split("-"))
    following = f"{year + number // 12}-{number % 12 + 1:02}"
    return f"{month}-01T00:00:00Z", f"{following}-01T00:00:00Z"


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[str]:
    lines = [names, *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(
            text.ljust(width) for text, width in zip(line, widths, strict=True)
        ).rstrip()


def _cell(value: Any) -> str:
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def _read(gateway: str, path: str) -> Any:
    """Return the answer of the gateway. Raises ReportError."""
    if not gateway.startswith(("http://", "https://")):
        raise ReportError(f"--gateway is {gateway!r}. It must begin with https:// or http://.")
    key = os.environ.get(_KEY_VARIABLE, "")  # noqa: TID251 - of the caller
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        request = Request(gateway.rstrip("/").removesuffix("/v1") + path, headers=headers)  # noqa: S310 - checked above
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - checked above
            return json.loads(answer.read())
    except HTTPError as error:
        raise ReportError(
            _message(error.read()) or f"the gateway answered with status {error.code}"
        ) from None
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        reason = getattr(reason, "strerror", None) or reason
        raise ReportError(f"{gateway} does not answer as a gateway: {reason}") from None


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return ""
