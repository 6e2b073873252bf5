"""Write docs/orders.svg, the states of an order: `python -m tools.order_diagram [--check]`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "orders.svg"
WIDTH, HEIGHT = 860, 360
BOX_WIDTH, BOX_HEIGHT = 112, 44
# state -> the centre of its box, and whether it is an end
STATES = {
    "new key": (80, 90, False),
    "accepted": (270, 90, False),
    "sent": (480, 90, False),
    "submitted": (720, 90, False),
    "open": (270, 310, False),
    "unknown": (480, 310, True),
    "done": (720, 310, True),
}


@dataclass(frozen=True)
class Arrow:
    """An arrow along points, with a label whose lines begin at a point."""

    points: tuple[tuple[int, int], ...]
    lines: tuple[str, ...]
    label_at: tuple[int, int]


ARROWS = (
    Arrow(((136, 90), (214, 90)), ("request",), (148, 80)),
    Arrow(((326, 90), (424, 90)), ("send mark",), (344, 80)),
    Arrow(((536, 90), (664, 90)), ("job is known",), (556, 80)),
    Arrow(
        ((720, 112), (720, 288)), ("image fetched,", "or the provider", "has failed"), (728, 190)
    ),
    Arrow(((518, 112), (682, 288)), ("answer stored",), (606, 196)),
    Arrow(((470, 112), (470, 288)), ("crash",), (478, 236)),
    Arrow(((536, 310), (664, 310)), ("late answer, or", "the operator"), (550, 328)),
    Arrow(((250, 112), (250, 288)), ("free", "failure"), (200, 196)),
    Arrow(((290, 288), (290, 112)), ("next", "request"), (297, 196)),
    Arrow(((442, 112), (316, 288)), ("free failure",), (330, 150)),
    Arrow(
        ((690, 68), (690, 36), (750, 36), (750, 68)),
        ("after a crash or a timeout, the next request fetches the image",),
        (300, 32),
    ),
)


def render() -> str:
    """Return the picture as SVG text."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        "<title>The states of an order</title>",
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        'orient="auto"><path d="M0 0L10 5L0 10z" fill="#444"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *(_draw_arrow(arrow) for arrow in ARROWS),
        *(_draw_state(name, *place) for name, place in STATES.items()),
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


def main(check: bool) -> int:
    """Write the picture, or only compare when `check` is set. Return 1 when it is stale."""
    if check and PICTURE.read_text() != render():
        print("docs/orders.svg is stale; run `python -m tools.order_diagram`")
        return 1
    PICTURE.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv))
