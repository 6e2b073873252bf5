"""docs/portkey.md's table."""

from collections.abc import Iterator

from tools.docs import ROOT, splice
from tools.portkey.row import Expect, Row
from tools.portkey.rows import GROUPS, ROWS

PAGE = ROOT / "docs" / "portkey.md"


def table() -> str:
    """The count of verdicts, then one table a group and one line a row."""
    return "\n".join([_count(), *(line for name in GROUPS for line in _group(name))])


def _count() -> str:
    verdicts = [row.verdict for row in ROWS]
    same, better = verdicts.count("same"), verdicts.count("better")
    refused = verdicts.count("not offered")
    return f"Of {len(ROWS)} rows {same} are the same, {better} better and {refused} not offered."


def _group(name: str) -> Iterator[str]:
    yield from (f"\n## {name}\n", "| request | Retouch | Portkey | verdict |", "|---|---|---|---|")
    for row in GROUPS[name]:
        cells = (row.name, _short(row.ours), _short(row.theirs or row.ours), _verdict(row))
        yield "| " + " | ".join(cells) + " |"


def _short(expect: Expect) -> str:
    """ "200, 2 calls"."""
    return f"{expect.status}, {expect.calls} call" + ("" if expect.calls == 1 else "s")


def _verdict(row: Row) -> str:
    return f"{row.verdict}: {row.why}" if row.verdict == "same" else f"**{row.verdict}**: {row.why}"


def current() -> bool:
    """Whether the page is as the rows say."""
    text = PAGE.read_text()
    return splice(text, "rows", table()) == text


def write() -> None:
    """Write the table into the page."""
    PAGE.write_text(splice(PAGE.read_text(), "rows", table()))
