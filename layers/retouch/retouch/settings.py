"""Everything the operator can set, read once.

`Settings.from_env` is the only reader of the environment. Keys are left out of the repr, so that no log line can show
them by accident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any


def _address(text: str) -> str:
    return text.rstrip("/")


def _listed(text: str) -> tuple[str, ...]:
    """ "a/, b" -> ("a", "b")."""
    return tuple(word.rstrip("/") for word in text.replace(",", " ").split())


def _lowered(text: str) -> tuple[str, ...]:
    return _listed(text.lower())


def _pairs(text: str) -> dict[str, str]:
    """ "a=b, c=d" -> {"a": "b", "c": "d"}."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {left.strip(): right.strip() for left, _, right in pairs}


def _yes(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on")


def _of(variable: str, default: Any = "", read: Callable[[str], Any] = str) -> Any:
    """A field that is read from its variable; where that is absent or empty it has its default."""
    return field(default_factory=lambda: default, metadata={"variable": variable, "read": read})


@dataclass(frozen=True, slots=True)
class Settings:
    """The operator's choices. Times are in seconds."""

    default_model: str = _of("RETOUCH_DEFAULT_MODEL")  # empty: of the provider that needs no key
    auth_mode: str = _of("RETOUCH_AUTH_MODE", "keys")  # or "open"; closed unless it is opened
    keys_table: str = _of("RETOUCH_KEYS_TABLE")  # of gateway keys
    secret_id: str = _of("RETOUCH_SECRET_ID")  # one JSON object: the pepper, and provider keys
    cors_origins: tuple[str, ...] = _of("RETOUCH_CORS_ORIGINS", (), _listed)
    bucket: str = _of("RETOUCH_BUCKET")  # uploads, and where `response_format=url` results go
    upload_lifetime: int = 900
    upload_bytes: int = 50_000_000
    base_url: str = _of("RETOUCH_BASE_URL", "", _address)  # ours, for links; empty: the front says
    url_lifetime: int = _of("RETOUCH_URL_SECONDS", 3600, int)  # the seed contract: 60 minutes
    successors: Mapping[str, str] = _of("RETOUCH_SUCCESSORS", {}, _pairs)  # retired id -> another
    strict_retired: bool = _of("RETOUCH_STRICT_RETIRED", False, _yes)  # 410 instead of a successor
    deadline_margin: float = _of("RETOUCH_DEADLINE_MARGIN", 1.5, float)  # kept for the answer
    least_call: float = _of("RETOUCH_LEAST_CALL_SECONDS", 3.0, float)  # with less, none is begun
    connect_timeout: float = 5.0
    heartbeat: float = _of("RETOUCH_HEARTBEAT_SECONDS", 15.0, float)  # most silence in a stream
    silence: float = _of("RETOUCH_SILENCE_SECONDS", 0.0, float)  # before a plain answer; 0: any
    retry_wait: float = _of("RETOUCH_RETRY_WAIT_SECONDS", 5.0, float)  # longest Retry-After obeyed
    reply_bytes: int = 200_000_000  # most that is read of one provider answer
    fetch_allow: str = _of("RETOUCH_FETCH_ALLOW")  # "host:port, ..." that the guard lets pass
    mirror: str = _of("RETOUCH_MIRROR")  # "queue": the mirror's queue fetches what edits need
    mirror_bytes: int = _of("RETOUCH_MIRROR_BYTES", 100_000_000, int)  # most of one URL
    mirror_parallel: int = _of("RETOUCH_MIRROR_PARALLEL", 8, int)  # URLs side by side
    mirror_seconds: float = _of("RETOUCH_MIRROR_SECONDS", 60.0, float)  # for one URL, all told
    mirror_queue: str = _of("RETOUCH_MIRROR_QUEUE")  # URL of the SQS queue of mirror orders
    mirror_dead_letters: str = _of("RETOUCH_MIRROR_DEAD_LETTERS")  # and of those given up
    public_base_url: str = _of("RETOUCH_PUBLIC_BASE_URL", "", _address)  # a CDN before the bucket
    custom_hosts: tuple[str, ...] = _of("RETOUCH_CUSTOM_HOSTS", (), _listed)  # requests may choose
    forward_headers: tuple[str, ...] = _of("RETOUCH_FORWARD_HEADERS", (), _lowered)  # and send on
    breaker_table: str = _of("RETOUCH_BREAKER_TABLE")  # of circuits; empty: each worker has its own
    events_bus: str = _of("RETOUCH_EVENTS_BUS")  # EventBridge's, told what was mirrored
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read RETOUCH_* and keep the rest for the providers' own settings."""
        given = {
            known.name: known.metadata["read"](text)
            for known in fields(cls)
            if (text := env.get(known.metadata.get("variable", "")))
        }
        return cls(**given, environment=dict(env))

    def with_secrets(self, secrets: Mapping[str, str]) -> Settings:
        """The same with the secret's variables on top of the environment's."""
        return replace(self, environment={**self.environment, **secrets}) if secrets else self

    def of_provider(self, prefix: str, names: tuple[str, ...]) -> dict[str, str]:
        """A provider's settings that are set: {"api_key": ..., "base_url": ..., ...}."""
        wanted = ("api_key", "base_url", *names) if prefix else ()
        found = {name: self.environment.get(f"{prefix}_{name.upper()}", "") for name in wanted}
        return {name: value.strip() for name, value in found.items() if value.strip()}
