"""Which path goes to which function, and how its answer comes back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the API: a prefix is matched by whole segments, "ANY" by every method."""

    method: str
    prefix: str
    function: str
    streamed: bool

    def matches(self, method: str, path: str) -> bool:
        """Whether this row is the one for the request, given that none above it is."""
        return self.method in ("ANY", method) and (
            path == self.prefix or path.startswith(self.prefix.rstrip("/") + "/")
        )


ROUTES = (
    Route("POST", "/v1/images/edits", function="edits", streamed=True),
    Route("ANY", "/v1/mirror", function="mirror", streamed=True),
    Route("ANY", "/", function="edits", streamed=False),
)


def find(method: str, path: str) -> Route:
    """The first row that matches; the last one matches everything."""
    return next(route for route in ROUTES if route.matches(method, path))
