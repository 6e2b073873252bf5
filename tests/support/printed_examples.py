"""The examples that the pages print."""

import re
from pathlib import Path

from tests.support.images import decode_image

ROOT = Path(__file__).parents[2]
ORIGINAL = decode_image((ROOT / "events" / "photo.png").read_bytes())


def printed_examples(page, language="python"):
    """Return the examples of a page."""
    return re.findall(rf"```{language}\n(.+?)```", (ROOT / page).read_text(), re.DOTALL)
