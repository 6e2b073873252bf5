"""Draws the states of a record as SVG: boxes, and arrows with labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

DOCS = Path(__file__).resolve().parent.parent / "docs"
BOX_WIDTH, BOX_HEIGHT = 112, 44


@dataclass(frozen=True)
class Arrow:
    """An arrow along points, with a label whose lines begin at a point."""

    points: tuple[tuple[int, int], ...]
    lines: tuple[str, ...]
    label_at: tuple[int, int]


@dataclass(frozen=True)
class Diagram:
    """A picture of states: the centre of each box, and whether the state is an end."""

    title: str
    width: int
    height: int
    states: Mapping[str, tuple[int, int, bool]]
    arrows: tuple[Arrow, ...]

    def render(self) -> str:
        """Return the picture as SVG text."""
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}" '
            f'height="{self.height}" font-family="sans-serif" font-size="13">',
            f"<title>{escape(self.title)}</title>",
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0L10 5L0 10z" fill="#444"/></marker></defs>',
            f'<rect width="{self.width}" height="{self.height}" fill="#fff"/>',
            *(_draw_arrow(arrow) for arrow in self.arrows),
            *(_draw_state(name, *place) for name, place in self.states.items()),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"


def _draw_state(name: str, x: int, y: int, is_end: bool) -> str:
    left, top = x - BOX_WIDTH // 2, y - BOX_HEIGHT // 2
    fill, width = ("#dfeee2", 2) if is_end else ("#e6eefb", 1)
    return (
        f'<rect x="{left}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="{fill}" stroke="#444" '
        f'stroke-width="{width}"/><text x="{x}" y="{y + 5}" text-anchor="middle">{escape(name)}</text>'
    )


def _draw_arrow(arrow: Arrow) -> str:
    points = " ".join(f"{x},{y}" for x, y in arrow.points)
    x, y = arrow.label_at
    lines = "".join(
        f'<text x="{x}" y="{y + 16 * number}" fill="#222">{escape(line)}</text>'
        for number, line in enumerate(arrow.lines)
    )
    return f'<polyline points="{points}" fill="none" stroke="#444" marker-end="url(#head)"/>{lines}'


def write_picture(diagram: Diagram, picture: Path, check: bool) -> int:
    """Write the picture, or only compare when `check` is set. Return 1 when it is stale."""
    if check and picture.read_text() != diagram.render():
        print(f"docs/{picture.name} is stale")
        return 1
    picture.write_text(diagram.render())
    return 0
