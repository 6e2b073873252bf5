"""Write docs/jobs.svg, the states of a job: `python -m tools.job_diagram [--check]`."""

from __future__ import annotations

import sys

from tools.state_diagram import DOCS, Arrow, Diagram, write_picture

PICTURE = DOCS / "jobs.svg"
STATES = {
    "queued": (230, 100, False),
    "in_progress": (520, 100, False),
    "completed": (820, 100, True),
    "expired": (130, 290, True),
    "cancelled": (400, 290, True),
    "failed": (820, 290, True),
}
ARROWS = (
    Arrow(((20, 100), (174, 100)), ("202: the request", "is stored"), (22, 74)),
    Arrow(((286, 100), (464, 100)), ("a worker begins",), (316, 118)),
    Arrow(
        ((490, 78), (490, 40), (260, 40), (260, 78)),
        ("a failure cost nothing: the next try, or a crash before it was sent",),
        (204, 32),
    ),
    Arrow(((576, 100), (764, 100)), ("the image is stored",), (604, 90)),
    Arrow(
        ((576, 118), (764, 278)),
        ("the provider refused it, no", "try is left, or a crash after", "it was sent"),
        (700, 150),
    ),
    Arrow(((200, 122), (140, 268)), ("not begun before", "its deadline"), (52, 180)),
    Arrow(((260, 122), (370, 268)), ("cancel",), (324, 190)),
    Arrow(((500, 122), (420, 268)), ("cancel, until", "it is sent"), (472, 200)),
)
DIAGRAM = Diagram("The states of a job", 900, 340, STATES, ARROWS)


if __name__ == "__main__":
    sys.exit(write_picture(DIAGRAM, PICTURE, check="--check" in sys.argv))
