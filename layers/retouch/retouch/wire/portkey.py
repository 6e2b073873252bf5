"""The x-portkey-* headers that steer one request. The provider and the keys are read in `wire/caller.py`.

Facts from Portkey-AI/docs-core b60bcb7 and Portkey-AI/gateway 669825c; portkey-ai 2.3.4 sends empty values for what
its caller left out, and JavaScript "undefined" for a missing variable, so both count as absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from retouch.errors import InvalidRequest
from retouch.specs import shown
from retouch.wire.caller import unfit

PREFIX = "x-portkey-"
CONFIG_ID = re.compile(r"pc-[A-Za-z0-9_-]{1,64}", re.ASCII)  # of a saved config
ABSENT = ("", "undefined", "null", "none", "nan")
_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_MOST_METADATA, _LONGEST_METADATA = 32, 128  # entries; characters of a name or value
_LONGEST = 256  # characters of an id
_LONGEST_TIMEOUT = 900.0  # seconds; no function runs longer
# What is read here of the names behind the prefix; the providers' own options stand on their cards.
READ = (
    "cache-force-refresh",
    "cache-namespace",
    "config",
    "custom-host",
    "debug",
    "default-input-guardrails",
    "default-output-guardrails",
    "forward-headers",
    "metadata",
    "request-timeout",
    "strict-open-ai-compliance",
    "trace-id",
    "virtual-key",
)
AWS_KEYS = ("aws-access-key-id", "aws-secret-access-key", "aws-session-token")
_NAME = re.compile(r"[a-z0-9_-]+")
# What a caller may send on to a provider: its own names, and none that carries a key or speaks for the network.
_FORWARDED = re.compile(
    r"(x|openai)-(?!portkey|amz|amzn|forwarded|real-ip)(?!.*(key|token|auth|secret|cookie|credential)).+"
)


@dataclass(frozen=True, slots=True)
class Portkey:
    """What the headers ask for. What they leave out is None, empty, or Portkey's default."""

    config: Mapping[str, Any] | str | None = field(default=None, repr=False)  # or an id, "pc-..."
    virtual_key: str | None = None
    trace_id: str = ""  # empty: the gateway makes one
    traceparent: str = ""  # the caller's W3C trace, with our step in it
    metadata: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds
    strict: bool = True  # nothing in the answer that OpenAI's has not
    refresh: bool = False  # ask anew although the answer is stored
    namespace: str = ""  # of the cache
    custom_host: str | None = None
    forward: Mapping[str, str] = field(default_factory=dict, repr=False)
    forwardable: Mapping[str, str] = field(
        default_factory=dict, repr=False
    )  # what a config may name
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # "azure-api-version", ...
    hooks: Mapping[str, Any] = field(default_factory=dict, repr=False)  # guardrails by kind
    debug: bool = (
        True  # False: the log's line goes without the notes, which may repeat what was sent
    )


def read(headers: Mapping[str, str], families: tuple[str, ...]) -> Portkey:
    """The headers, whose names are lower-case. InvalidRequest for one that cannot be followed.

    `families` is how the names of the providers' own options begin.
    """
    given = {
        name.removeprefix(PREFIX): value.strip()
        for name, value in headers.items()
        if name.startswith(PREFIX) and value.strip().lower() not in ABSENT
    }
    said = {name: given[name] for name in READ if name in given}
    return Portkey(
        config=_config(said.get("config")),
        virtual_key=said.get("virtual-key", "").removeprefix("@").strip() or None,
        trace_id=_id(said.get("trace-id", "")),
        metadata=_metadata(said.get("metadata", "")),
        timeout=_timeout(said.get("request-timeout")),
        strict=_flag(said, "strict-open-ai-compliance", True),
        refresh=_flag(said, "cache-force-refresh", False),
        namespace=_short("cache-namespace", said.get("cache-namespace", "")),
        custom_host=said.get("custom-host"),
        forward=forwarded(_NAME.findall(_listed(said)), headers),
        forwardable=forwarded(headers, headers),
        options=_options(given, families),
        hooks=_hooks(said),
        debug=_flag(said, "debug", True),
    )


def trace_of(headers: Mapping[str, str]) -> str:
    """The trace id alone, for the log: whatever the other headers say. Empty where there is none fit for it."""
    return _id(headers.get(f"{PREFIX}trace-id", "").strip())


def forwarded(names: Iterable[str], headers: Mapping[str, str]) -> dict[str, str]:
    """Those of the named headers that are there and may go on to a provider: never a key, a cookie or our own."""
    wanted = {name.lower() for name in names}
    return {
        name: value
        for name, value in headers.items()
        if name in wanted and _FORWARDED.fullmatch(name) and value.isprintable()
    }


def _config(text: str | None) -> Mapping[str, Any] | str | None:
    if text is None:
        return None
    config: Any = text if CONFIG_ID.fullmatch(text) else _json(text)
    if isinstance(config, dict) or (isinstance(config, str) and CONFIG_ID.fullmatch(config)):
        return config
    raise _wrong(
        "config",
        "Invalid config passed. You need to pass a valid json: an object, or the id of a saved config, 'pc-...'.",
        "invalid_config",
    )


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _metadata(text: str) -> dict[str, str]:
    """A flat map of texts; what is no JSON object counts as empty, as it does with Portkey."""
    found = _json(text)
    pairs = found.items() if isinstance(found, dict) else ()
    flat = {name: _scalar(value) for name, value in pairs if not isinstance(value, dict | list)}
    longest = max((len(text) for pair in flat.items() for text in pair), default=0)
    if len(flat) > _MOST_METADATA or longest > _LONGEST_METADATA:
        raise _wrong(
            "metadata",
            f"x-portkey-metadata takes at most {_MOST_METADATA} entries with names and values of at most "
            f"{_LONGEST_METADATA} characters. Send less of it.",
        )
    return flat


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _timeout(text: str | None) -> float | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 12 and int(text)):
        raise _wrong(
            "request-timeout",
            f"Invalid value {shown(text)} for 'x-portkey-request-timeout': it must be a whole number of "
            "milliseconds above 0.",
        )
    return min(int(text) / 1000, _LONGEST_TIMEOUT)


def _flag(said: Mapping[str, str], name: str, absent: bool) -> bool:
    value = said.get(name, str(absent)).lower()
    if value not in _TRUE + _FALSE:
        raise _wrong(
            name, f"Invalid value {shown(value)} for '{PREFIX}{name}': it must be true or false."
        )
    return value in _TRUE


def _id(text: str) -> str:
    """A trace id fit for a header and the log; one that is not is replaced rather than refused."""
    fit = text.isascii() and text.isprintable() and len(text) <= _LONGEST
    return text if fit else ""


def _short(name: str, text: str) -> str:
    if len(text) > _LONGEST:
        raise _wrong(
            name, f"{PREFIX}{name} takes at most {_LONGEST} characters. Send a shorter one."
        )
    return text


def _listed(said: Mapping[str, str]) -> str:
    names = said.get("forward-headers", "").lower()
    if f"{PREFIX}forward-headers" in _NAME.findall(names):
        raise _wrong(
            "forward-headers", "x-portkey-forward-headers must not name itself. Leave it out."
        )
    return names


def _options(given: Mapping[str, str], families: tuple[str, ...]) -> dict[str, str]:
    for name in AWS_KEYS:
        if name in given:
            raise _wrong(
                name,
                f"{PREFIX}{name} is refused: long-lived AWS keys do not belong in headers. "
                "Use the gateway's own role.",
            )
    options = {name: value for name, value in given.items() if name.startswith(families)}
    for name, value in options.items():
        if rule := unfit(value):
            raise _wrong(name, f"{PREFIX}{name} {rule}.")
    return options


def _hooks(said: Mapping[str, str]) -> dict[str, Any]:
    """{"input_guardrails": [...]}. Refused where it is no list, for a guardrail must not vanish silently."""
    hooks = {}
    for kind in ("input", "output"):
        name = f"default-{kind}-guardrails"
        if name in said:
            hooks[f"{kind}_guardrails"] = found = _json(said[name])
            if not isinstance(found, list):
                raise _wrong(name, f"{PREFIX}{name} must be a JSON list of guardrails.")
    return hooks


def _wrong(name: str, sentence: str, code: str = "invalid_value") -> InvalidRequest:
    return InvalidRequest(sentence, param=f"{PREFIX}{name}", code=code)
