"""A client for the control paths of the mock provider."""

import json
import urllib.request


class MockControl:
    """Controls a running mock provider."""

    def __init__(self, url: str) -> None:
        self.url = url

    def select_response(self, kind: str, wait_ms: int = 0) -> None:
        """Select the response of /auto, and how long the mock waits before it."""
        self._get_json(f"/use/{kind}/{wait_ms}")

    def edit_count(self) -> int:
        """Return the number of edits that the mock provider has served."""
        return int(self._get_json("/counts")["edits"])

    def _get_json(self, path: str) -> dict[str, int]:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return dict(json.load(response))
