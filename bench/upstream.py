"""The mock provider's switch and counter, from the outside."""

import json
import urllib.request


class Upstream:
    """A running mock."""

    def __init__(self, url: str) -> None:
        self.url = url

    def use(self, answer: str) -> None:
        """Choose what /auto answers from now on."""
        self._get(f"/use/{answer}")

    def edits(self) -> int:
        """Edits answered so far."""
        return int(self._get("/counts")["edits"])

    def _get(self, path: str) -> dict[str, int]:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return dict(json.load(answer))
