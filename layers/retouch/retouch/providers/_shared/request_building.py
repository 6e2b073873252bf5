"""Parts of provider requests that several adapters build in the same way, and polling."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any, TypeVar

from retouch.core.errors import InvalidRequest
from retouch.core.parameters import quote_value
from retouch.core.provider_protocol import ConversationStep, ProviderRequest, ProviderResponse

State = TypeVar("State")
# one label of a hostname
LABEL_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def drop_none(**values: Any) -> dict[str, Any]:
    """Return the keyword arguments that are not None. A missing parameter must not reach the provider as null."""
    return {name: value for name, value in values.items() if value is not None}


def poll(
    request: ProviderRequest,
    read_state: Callable[[ProviderResponse], State],
    is_done: Callable[[State], bool],
    *,
    interval_seconds: float,
) -> Generator[ConversationStep, ProviderResponse, State]:
    """Repeat the request every `interval_seconds` until `is_done(state)`, and return that state.

    `read_state` raises an error, e.g. KeyError, for a response that the provider's documentation does not describe. A
    poll costs nothing, so the code that runs the conversation then repeats it. It also enforces the deadline.
    """
    free_request = replace(request, delay=interval_seconds, idempotent=True, validate=read_state)
    while True:
        state = read_state((yield free_request))
        if is_done(state):
            return state


def validate_label(
    value: str, name: str, rule: str, pattern: re.Pattern[str] = LABEL_PATTERN
) -> str:
    """Return the value of a setting that becomes part of a URL. It may come from the header x-portkey-`name`.

    Raises InvalidRequest unless the value matches `pattern`. Any other value could send the key to another host.
    `rule` describes the pattern in words for the error message.
    """
    if not pattern.fullmatch(value):
        raise InvalidRequest(
            f"Invalid value {quote_value(value)} for '{name}': it must be {rule}.",
            param=f"x-portkey-{name}",
        )
    return value


def to_form_value(value: Any) -> str:
    """Return a canonical parameter value as form text. Booleans become "true" or "false"."""
    return str(value).lower() if isinstance(value, bool) else str(value)
