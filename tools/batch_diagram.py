"""Write docs/batches.svg, the states of a batch: `python -m tools.batch_diagram [--check]`."""

from __future__ import annotations

import sys

from tools.state_diagram import DOCS, Arrow, Diagram, write_picture

PICTURE = DOCS / "batches.svg"
STATES = {
    "validating": (80, 70, False),
    "in_progress": (310, 70, False),
    "finalizing": (560, 70, False),
    "completed": (800, 70, True),
    "failed": (80, 240, True),
    "cancelling": (310, 240, False),
    "cancelled": (560, 240, True),
    "expired": (800, 240, True),
}
ARROWS = (
    Arrow(((136, 70), (254, 70)), ("every line", "is valid"), (166, 44)),
    Arrow(((80, 92), (80, 218)), ("a line is invalid:", "nothing is bought"), (88, 178)),
    Arrow(((366, 70), (504, 70)), ("every line has ended, or", "the window is over"), (366, 34)),
    Arrow(((616, 70), (744, 70)), ("the files are", "written"), (640, 44)),
    Arrow(((598, 92), (764, 218)), ("the same, after", "the window"), (694, 140)),
    Arrow(((310, 92), (310, 218)), ("cancel",), (318, 160)),
    Arrow(((116, 92), (274, 218)), ("cancel",), (196, 140)),
    Arrow(((366, 240), (504, 240)), ("what was sent has", "ended"), (376, 266)),
)
DIAGRAM = Diagram("The states of a batch", 880, 290, STATES, ARROWS)


if __name__ == "__main__":
    sys.exit(write_picture(DIAGRAM, PICTURE, check="--check" in sys.argv))
