"""Write the tables of docs/portkey.md."""

from collections.abc import Iterator

from tools.docs import ROOT, replace_section
from tools.portkey.row import ExpectedResponse, Row
from tools.portkey.rows import GROUPS, ROWS

PAGE = ROOT / "docs" / "portkey.md"


def rows_table() -> str:
    """Return the counts of the verdicts, and one table for each group of rows."""
    return "\n".join([_count_verdicts(), *(line for name in GROUPS for line in _group_lines(name))])


def _count_verdicts() -> str:
    verdicts = [row.verdict for row in ROWS]
    same, better = verdicts.count("same"), verdicts.count("better")
    refused = verdicts.count("not offered")
    return f"Of {len(ROWS)} rows {same} are the same, {better} better and {refused} not offered."


def _group_lines(name: str) -> Iterator[str]:
    yield from (f"\n## {name}\n", "| request | Retouch | Portkey | verdict |", "|---|---|---|---|")
    for row in GROUPS[name]:
        cells = (
            row.name,
            _outcome_text(row.retouch),
            _outcome_text(row.portkey or row.retouch),
            _verdict_text(row),
        )
        yield "| " + " | ".join(cells) + " |"


def _outcome_text(expect: ExpectedResponse) -> str:
    """Return the outcome as text, such as "200, 2 calls"."""
    return f"{expect.status}, {expect.call_count} call" + ("" if expect.call_count == 1 else "s")


def _verdict_text(row: Row) -> str:
    return (
        f"{row.verdict}: {row.reason}"
        if row.verdict == "same"
        else f"**{row.verdict}**: {row.reason}"
    )


def is_current() -> bool:
    """Return whether the page matches the rows."""
    text = PAGE.read_text()
    return replace_section(text, "rows", rows_table()) == text


def write() -> None:
    """Write the tables into the page."""
    PAGE.write_text(replace_section(PAGE.read_text(), "rows", rows_table()))
