"""The configs that the operator has saved under an id."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from retouch.core.clock import Clock
from retouch.core.parameters import quote_value
from retouch.core.portkey_types import CONFIG_ID_PATTERN
from retouch.gateway.config_reader import InvalidConfig

_log = logging.getLogger("retouch")
_MAX_AGE_SECONDS = 60.0  # a saved config is read again after this time
_MAX_CACHED_CONFIGS = 256


class SavedConfigs:
    """The config objects at configs/<id>.json. Call an instance with an id to get the config."""

    def __init__(self, read_object: Callable[[str], bytes | None], clock: Clock) -> None:
        """`read_object` returns the object at a key, or None when there is none."""
        self._read_object, self._clock = read_object, clock
        self._cache: dict[str, tuple[float, bytes | None]] = {}

    def __call__(self, config_id: str) -> Mapping[str, Any]:
        """Return the config, at most a minute old.

        Raises InvalidConfig when it is unknown or is not a JSON object. The error is the same for both, so that nobody
        learns which ids exist. The log tells the operator.
        """
        text = self._load_text(config_id) if CONFIG_ID_PATTERN.fullmatch(config_id) else None
        config = _parse_object(text, config_id) if text is not None else None
        if config is None:
            raise unknown_config_error(config_id)
        return config

    def _load_text(self, config_id: str) -> bytes | None:
        expires_at, text = self._cache.get(config_id, (0.0, None))
        if self._clock.now() < expires_at:
            return text
        text = self._read_object(f"configs/{config_id}.json")
        if len(self._cache) >= _MAX_CACHED_CONFIGS:
            self._cache.clear()
        self._cache[config_id] = (self._clock.now() + _MAX_AGE_SECONDS, text)
        return text


def unknown_config_error(config_id: str) -> InvalidConfig:
    """Return the error for a config that the caller cannot use. It does not say whether there is one."""
    return InvalidConfig(
        quote_value(config_id), "is not a saved config that can be used; check its spelling"
    )


def _parse_object(text: bytes, config_id: str) -> dict[str, Any] | None:
    try:
        config = orjson.loads(text)
    except ValueError:
        config = None
    if isinstance(config, dict):
        return config
    _log.warning("a saved config is not a JSON object; save it again", extra={"config": config_id})
    return None
