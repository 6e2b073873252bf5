"""Write docs/orders.svg, the states of an order: `python -m tools.order_diagram [--check]`."""

from __future__ import annotations

import sys

from tools.state_diagram import DOCS, Arrow, Diagram, write_picture

PICTURE = DOCS / "orders.svg"
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
DIAGRAM = Diagram("The states of an order", 860, 360, STATES, ARROWS)


if __name__ == "__main__":
    sys.exit(write_picture(DIAGRAM, PICTURE, check="--check" in sys.argv))
