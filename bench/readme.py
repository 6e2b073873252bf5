"""The bench's section of the README."""

from pathlib import Path

START, END = "<!-- bench:start -->", "<!-- bench:end -->"


def section(table: str, machine: str) -> str:
    """What stands between the markers."""
    return f"{table}\n\nMeasured on {machine}, everything on 127.0.0.1, by `make bench`.\n"


def splice(path: Path, text: str) -> None:
    """Put the text between the markers; a file without them is left alone."""
    old = path.read_text(encoding="utf-8")
    before, start, rest = old.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{path.name} has no {START} and {END}")
    path.write_text(f"{before}{START}\n{text.strip()}\n{END}{after}", encoding="utf-8")
