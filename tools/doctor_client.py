"""The HTTP client with which the doctor checks a gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_SECONDS = 60.0  # Seconds for each request.
Response = requests.Response


class CheckFailed(Exception):
    """Raised when a check fails. The text describes the failure."""


@dataclass(frozen=True)
class GatewayClient:
    """The URL of a gateway and the key to use there."""

    root: str
    key: str

    def request(self, method: str, path: str, key: str | None = None, **options: Any) -> Response:
        """Send a request with the configured key, or with `key` instead. An empty `key` sends no key."""
        key = self.key if key is None else key
        headers = {
            **({"Authorization": f"Bearer {key}"} if key else {}),
            **options.pop("headers", {}),
        }
        return requests.request(
            method, self.root + path, headers=headers, timeout=TIMEOUT_SECONDS, **options
        )

    def request_json(self, method: str, path: str, **options: Any) -> Any:
        """Return the JSON of a 200 response. Raises CheckFailed with the error message for any other status."""
        response = self.request(method, path, **options)
        if response.status_code != 200:
            raise CheckFailed(f"{response.status_code}: {error_message(response)}")
        return response.json()


def error_message(response: Response) -> str:
    """Return the error message of a response, or the beginning of its body when it has no error object."""
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return repr(response.text[:200])
