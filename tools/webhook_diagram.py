"""Write docs/webhooks.svg, the states of a delivery: `python -m tools.webhook_diagram [--check]`."""

from __future__ import annotations

import sys

from tools.state_diagram import DOCS, Arrow, Diagram, write_picture

PICTURE = DOCS / "webhooks.svg"

# state -> the centre of its box, and whether it is an end
STATES = {
    "event": (80, 130, False),
    "pending": (330, 130, False),
    "delivered": (680, 60, True),
    "failed": (680, 230, True),
}
_ARROWS = (
    Arrow(((136, 130), (274, 130)), ("stored with its body",), (142, 120)),
    Arrow(((386, 118), (624, 60)), ("status 200 to 299",), (440, 74)),
    Arrow(
        ((386, 142), (624, 230)),
        ("410, endpoint disabled or deleted,", "or the last attempt has failed"),
        (480, 150),
    ),
    Arrow(
        ((300, 108), (300, 50), (360, 50), (360, 108)),
        ("failed: try again after 5 s, 5 min, 30 min,", "2 h, 5 h, 10 h, 12 h and 12 h"),
        (180, 22),
    ),
    Arrow(
        ((680, 252), (680, 290), (330, 290), (330, 152)),
        ("redeliver: same id, same body",),
        (400, 282),
    ),
    Arrow(((736, 60), (800, 60), (800, 310), (310, 310), (310, 152)), ("redeliver",), (722, 302)),
)
DIAGRAM = Diagram("The states of a delivery", 830, 330, STATES, _ARROWS)

if __name__ == "__main__":
    sys.exit(write_picture(DIAGRAM, PICTURE, check="--check" in sys.argv))
