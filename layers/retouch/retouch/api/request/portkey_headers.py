"""Parser of the x-portkey-* headers that control one request. `api/request/credentials.py` reads the keys.

The sources are Portkey-AI/docs-core b60bcb7 and Portkey-AI/gateway 669825c. portkey-ai 2.3.4 sends an empty value
for each option that its caller left out. JavaScript sends "undefined" for a missing variable. Both count as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from retouch.api.request.credentials import read_gateway_key
from retouch.core.credentials.client_credentials import key_problem
from retouch.core.credentials.gateway_keys import contains_gateway_key
from retouch.core.errors import InvalidRequest
from retouch.core.parameters import FALSE_WORDS, TRUE_WORDS, quote_value
from retouch.core.portkey_types import (
    ABSENT_VALUES,
    AWS_KEY_NAMES,
    CONFIG_ID_PATTERN,
    KNOWN_HEADERS,
    PORTKEY_PREFIX,
    PortkeyHeaders,
)

_MAX_METADATA_ENTRIES, _MAX_METADATA_CHARS = 32, 128  # max entries; max characters
_MAX_ID_CHARS = 256  # max characters of an id
_MAX_TIMEOUT_SECONDS = 900.0  # seconds, the longest run of a Lambda function
_HEADER_NAME = re.compile(r"[a-z0-9_-]+")
# The headers that a caller may forward to a provider. Names that carry a key or describe the network are excluded.
_FORWARDABLE_NAME = re.compile(
    r"(x|openai)-(?!portkey|amz|amzn|forwarded|real-ip)(?!.*(key|token|auth|secret|cookie|credential)).+"
)


def parse_portkey_headers(
    headers: Mapping[str, str], header_prefixes: tuple[str, ...]
) -> PortkeyHeaders:
    """Return the options in the headers. Raises InvalidRequest when a header has an invalid value.

    Header names must be lower-case. `header_prefixes` are the prefixes of the provider options.
    """
    present = {
        name.removeprefix(PORTKEY_PREFIX): value.strip()
        for name, value in headers.items()
        if name.startswith(PORTKEY_PREFIX) and value.strip().lower() not in ABSENT_VALUES
    }
    if not present:
        return PortkeyHeaders(forwardable_headers=select_forwardable(headers, headers))
    known = {name: present[name] for name in KNOWN_HEADERS if name in present}
    return PortkeyHeaders(
        config=_parse_config(known.get("config")),
        virtual_key=known.get("virtual-key", "").removeprefix("@").strip() or None,
        trace_id=_clean_trace_id(known.get("trace-id", "")),
        metadata=_parse_metadata(known.get("metadata", "")),
        timeout=_parse_timeout(known.get("request-timeout")),
        strict=_parse_flag(known, "strict-open-ai-compliance", True),
        force_refresh=_parse_flag(known, "cache-force-refresh", False),
        cache_namespace=_check_length("cache-namespace", known.get("cache-namespace", "")),
        custom_host=known.get("custom-host"),
        forwarded_headers=select_forwardable(
            _HEADER_NAME.findall(_forward_header_names(known)), headers
        ),
        forwardable_headers=select_forwardable(headers, headers),
        options=_select_options(present, header_prefixes),
        hooks=_parse_hooks(known),
        debug=_parse_flag(known, "debug", True),
    )


def read_trace_id(headers: Mapping[str, str]) -> str:
    """Return the trace id for the log, even when other headers are invalid.

    Empty when there is no valid trace id, or when it contains a key of the gateway.
    """
    trace_id = _clean_trace_id(headers.get(f"{PORTKEY_PREFIX}trace-id", "").strip())
    own_key = read_gateway_key(headers) or ""
    return "" if contains_gateway_key(trace_id, own_key) else trace_id


def select_forwardable(names: Iterable[str], headers: Mapping[str, str]) -> dict[str, str]:
    """Return the named headers that are present and may be forwarded to a provider.

    Keys, cookies and the gateway's own headers are never forwarded.
    """
    wanted_names = {name.lower() for name in names}
    return {
        name: value
        for name, value in headers.items()
        if name in wanted_names and _FORWARDABLE_NAME.fullmatch(name) and value.isprintable()
    }


def _parse_config(text: str | None) -> Mapping[str, Any] | str | None:
    if text is None:
        return None
    config: Any = text if CONFIG_ID_PATTERN.fullmatch(text) else _parse_json(text)
    if isinstance(config, dict) or (
        isinstance(config, str) and CONFIG_ID_PATTERN.fullmatch(config)
    ):
        return config
    raise _header_error(
        "config",
        "Invalid config passed. You need to pass a valid json: an object, or the id of a saved config, 'pc-...'.",
        "invalid_config",
    )


def _parse_json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _parse_metadata(text: str) -> dict[str, str]:
    """Return the metadata as a flat map of strings. Raises InvalidRequest when it is too large.

    Text that is not a JSON object counts as empty metadata, as in Portkey.
    """
    metadata = _parse_json(text) if text else None
    pairs = metadata.items() if isinstance(metadata, dict) else ()
    texts = {
        name: _scalar_text(value) for name, value in pairs if not isinstance(value, dict | list)
    }
    max_length = max((len(text) for pair in texts.items() for text in pair), default=0)
    if len(texts) > _MAX_METADATA_ENTRIES or max_length > _MAX_METADATA_CHARS:
        raise _header_error(
            "metadata",
            f"x-portkey-metadata takes at most {_MAX_METADATA_ENTRIES} entries with names and values of at most "
            f"{_MAX_METADATA_CHARS} characters. Send fewer or shorter entries.",
        )
    return texts


def _scalar_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _parse_timeout(text: str | None) -> float | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 12 and int(text)):
        raise _header_error(
            "request-timeout",
            f"Invalid value {quote_value(text)} for 'x-portkey-request-timeout': it must be a whole number of "
            "milliseconds above 0.",
        )
    return min(int(text) / 1000, _MAX_TIMEOUT_SECONDS)


def _parse_flag(known: Mapping[str, str], name: str, default: bool) -> bool:
    value = known.get(name, str(default)).lower()
    if value not in TRUE_WORDS + FALSE_WORDS:
        raise _header_error(
            name,
            f"Invalid value {quote_value(value)} for '{PORTKEY_PREFIX}{name}': it must be true or false.",
        )
    return value in TRUE_WORDS


def _clean_trace_id(text: str) -> str:
    """Return the trace id, or "" when a header or the log cannot carry it. The gateway then creates one."""
    is_valid = text.isascii() and text.isprintable() and len(text) <= _MAX_ID_CHARS
    return text if is_valid else ""


def _check_length(name: str, text: str) -> str:
    if len(text) > _MAX_ID_CHARS:
        raise _header_error(
            name,
            f"{PORTKEY_PREFIX}{name} takes at most {_MAX_ID_CHARS} characters. Send a shorter value.",
        )
    return text


def _forward_header_names(known: Mapping[str, str]) -> str:
    names = known.get("forward-headers", "").lower()
    if f"{PORTKEY_PREFIX}forward-headers" in _HEADER_NAME.findall(names):
        raise _header_error(
            "forward-headers", "x-portkey-forward-headers must not name itself. Leave it out."
        )
    return names


def _select_options(present: Mapping[str, str], header_prefixes: tuple[str, ...]) -> dict[str, str]:
    for name in AWS_KEY_NAMES:
        if name in present:
            raise _header_error(
                name,
                f"{PORTKEY_PREFIX}{name} is refused: long-lived AWS keys do not belong in headers. "
                "Use the gateway's own role.",
            )
    options = {name: value for name, value in present.items() if name.startswith(header_prefixes)}
    for name, value in options.items():
        if problem := key_problem(value):
            raise _header_error(name, f"{PORTKEY_PREFIX}{name} {problem}.")
    return options


def _parse_hooks(known: Mapping[str, str]) -> dict[str, Any]:
    """Return the default guardrails, for example {"input_guardrails": [...]}.

    Raises InvalidRequest when a value is not a list, so that no guardrail is ignored silently.
    """
    hooks = {}
    for kind in ("input", "output"):
        name = f"default-{kind}-guardrails"
        if name in known:
            hooks[f"{kind}_guardrails"] = guardrails = _parse_json(known[name])
            if not isinstance(guardrails, list):
                raise _header_error(
                    name, f"{PORTKEY_PREFIX}{name} must be a JSON list of guardrails."
                )
    return hooks


def _header_error(name: str, message: str, code: str = "invalid_value") -> InvalidRequest:
    return InvalidRequest(message, param=f"{PORTKEY_PREFIX}{name}", code=code)
