"""Configs and provider keys that the operator has saved under a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from retouch.clock import Clock
from retouch.errors import InvalidRequest, Misconfigured
from retouch.routing.problems import InvalidConfig
from retouch.specs import shown
from retouch.wire.caller import unfit
from retouch.wire.portkey import CONFIG_ID

_FRESH = 60.0  # seconds until a saved config is read again
_MOST_KEPT = 256


class SavedConfigs:
    """Config objects at configs/<id>.json. Call it with an id."""

    def __init__(self, read: Callable[[str], bytes | None], clock: Clock) -> None:
        """`read` brings the object at a key, None where there is none."""
        self._read, self._clock = read, clock
        self._kept: dict[str, tuple[float, bytes | None]] = {}

    def __call__(self, config_id: str) -> Mapping[str, Any]:
        """The config, at most a minute old. InvalidConfig naming an id that is unknown or leads to no JSON object."""
        text = self._text(config_id) if CONFIG_ID.fullmatch(config_id) else None
        if text is None:
            raise _unusable(config_id, "is not a saved config; mind its spelling")
        try:
            config = orjson.loads(text)
        except ValueError:
            config = None
        if not isinstance(config, dict):
            raise _unusable(config_id, "does not lead to a JSON object; save it again")
        return config

    def _text(self, config_id: str) -> bytes | None:
        until, text = self._kept.get(config_id, (0.0, None))
        if self._clock.now() < until:
            return text
        text = self._read(f"configs/{config_id}.json")
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[config_id] = (self._clock.now() + _FRESH, text)
        return text


def _unusable(config_id: str, rule: str) -> InvalidConfig:
    return InvalidConfig(shown(config_id), rule)


@dataclass(frozen=True, slots=True)
class VirtualKey:
    """A provider, the key that pays there, the provider's own settings, and the name for all that."""

    provider: str
    key: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str = ""


def virtual_keys(text: str) -> dict[str, VirtualKey]:
    """The keys of RETOUCH_VIRTUAL_KEYS, {"name": {"provider", "api_key", "options"}}, by name. Raises Misconfigured."""
    try:
        return {name: _virtual_key(name, **of) for name, of in orjson.loads(text or "{}").items()}
    except (ValueError, AttributeError, TypeError):
        # From None: the text, and so the error, has keys in it.
        raise Misconfigured(
            "The gateway's virtual keys cannot be read. Tell the gateway's operator.",
            code="gateway_not_configured",
        ) from None


def _virtual_key(name: str, /, provider: str, api_key: str = "", options: Any = None) -> VirtualKey:
    texts = {str(option): str(value) for option, value in (options or {}).items()}
    key = api_key.strip()
    if any(map(unfit, (key, *texts.values()))):
        raise ValueError("a key or setting that no header can carry, or one for the gateway itself")
    return VirtualKey(provider.removeprefix("@").lower(), key, texts, name)


def find(name: str, known: Mapping[str, VirtualKey]) -> VirtualKey | None:
    """The virtual key of that name, else the only one that differs from it in case alone.

    InvalidRequest where several do. Names are not listed: to know one is to be allowed to use it.
    """
    alike = [one for one in known if one.lower() == name.lower()]
    if name in known:
        return known[name]
    if len(alike) > 1:
        raise InvalidRequest(
            f"{shown(name)} may mean several virtual keys, whose names differ in case only. Write it as it was saved.",
            param="x-portkey-virtual-key",
        )
    return known[alike[0]] if alike else None
