"""The routes: which function serves a path, and whether its response is streamed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FunctionRoute:
    """A route of the API. The prefix matches whole path segments, and "ANY" matches every method."""

    method: str
    prefix: str
    function: str
    is_streamed: bool

    def matches(self, method: str, path: str) -> bool:
        """Return whether the request belongs to this route. Earlier routes take precedence."""
        return self.method in ("ANY", method) and (
            path == self.prefix or path.startswith(self.prefix.rstrip("/") + "/")
        )


# The paths of the admin function.
ADMIN_PREFIXES = (
    "/v1/api-keys",
    "/v1/admin",
    "/v1/virtual-keys",
    "/v1/providers",
    "/v1/configs",
    "/v1/audit-logs",
    "/v1/analytics",
    "/v1/organization",
    "/v1/usage",
    "/v1/feedback",
    "/v1/logs",
)
ROUTES = (
    FunctionRoute("ANY", "/v1/images/edits", function="edits", is_streamed=True),
    FunctionRoute("POST", "/openai", function="edits", is_streamed=True),
    FunctionRoute("ANY", "/v1/mirror", function="mirror", is_streamed=True),
    *(
        FunctionRoute("ANY", prefix, function="admin", is_streamed=True)
        for prefix in ADMIN_PREFIXES
    ),
    FunctionRoute("ANY", "/", function="edits", is_streamed=False),
)


def find_route(method: str, path: str) -> FunctionRoute:
    """Return the first route that matches. The last route matches every request."""
    return next(route for route in ROUTES if route.matches(method, path))
