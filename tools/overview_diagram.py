"""Write docs/overview.svg, the gateway and the parties around it: `python -m tools.overview_diagram [--check]`."""

from __future__ import annotations

import sys

from tools.state_diagram import DOCS, Arrow, Diagram, write_picture

PICTURE = DOCS / "overview.svg"
# party -> the centre of its box, and whether it is a part of your AWS account
PARTIES = {
    "caller": (80, 50, False),
    "gateway": (400, 50, True),
    "provider": (840, 50, False),
    "bucket": (180, 230, True),
    "queue": (400, 230, True),
    "worker": (640, 230, True),
    "webhook URL": (840, 330, False),
}
ARROWS = (
    Arrow(((136, 40), (344, 40)), ("image, mask, prompt",), (172, 30)),
    Arrow(((344, 62), (136, 62)), ("image, or a link to it",), (172, 82)),
    Arrow(((456, 40), (784, 40)), ("what the model accepts",), (546, 30)),
    Arrow(((784, 62), (456, 62)), ("its result",), (586, 82)),
    Arrow(((370, 72), (200, 208)), ("image",), (226, 136)),
    Arrow(((400, 72), (400, 208)), ("a job, with", "Prefer: respond-async"), (408, 136)),
    Arrow(((456, 230), (584, 230)), ("one job at a time",), (466, 250)),
    Arrow(((660, 208), (820, 72)), ("the same calls",), (752, 150)),
    Arrow(((620, 252), (620, 310), (180, 310), (180, 252)), ("image",), (380, 302)),
    Arrow(((660, 252), (660, 330), (784, 330)), ("signed webhook",), (668, 322)),
)
DIAGRAM = Diagram("Caller, gateway and provider", 920, 370, PARTIES, ARROWS)


if __name__ == "__main__":
    sys.exit(write_picture(DIAGRAM, PICTURE, check="--check" in sys.argv))
