"""A config that cannot be used, in Portkey's words and place."""

from __future__ import annotations

from retouch.errors import InvalidRequest


class InvalidConfig(InvalidRequest):
    """The config breaks a rule; `path` says where."""

    code = "invalid_config"

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(f"Invalid config passed: {path} {rule}.", param="x-portkey-config")
        self.path, self.rule = path, rule
