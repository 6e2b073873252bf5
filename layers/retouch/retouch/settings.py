"""Everything the operator can set, read once.

`Settings.from_env` is the only reader of the environment. Keys live here and in the wall that sends
them, nowhere else; they are left out of the repr so that no log line can show them by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

_TRUE = ("1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Settings:
    """The operator's choices. Times are in seconds."""

    default_model: str = ""  # empty: that of the provider that needs no key
    auth_mode: str = "keys"  # "keys" or "open"; closed unless the operator opens it
    keys_table: str = ""  # the table of gateway keys
    secret_id: str = (
        ""  # one JSON secret: the pepper, and provider keys under their variables' names
    )
    cors_origins: tuple[str, ...] = ()
    bucket: str = ""  # uploads, and where `response_format=url` results go
    upload_lifetime: int = 900
    upload_bytes: int = 50_000_000
    base_url: str = ""  # the gateway's own address for links; empty: as the front says
    url_lifetime: int = 3600  # the seed contract: links are valid for 60 minutes
    successors: Mapping[str, str] = field(default_factory=dict)  # retired id -> id that serves it
    strict_retired: bool = False  # answer 410 for retired ids instead of serving a successor
    deadline_margin: float = 1.5  # kept back of the function's time for the answer itself
    least_call: float = 3.0  # a paid call is not started with less than this left
    connect_timeout: float = 5.0
    heartbeat: float = 15.0  # an event stream is never silent for longer
    silence: float = 0.0  # nor a plain answer, where the front hangs up; 0: it never does
    retry_wait: float = 5.0  # longest Retry-After that is worth waiting for
    reply_bytes: int = 200_000_000  # most that is read of one provider answer
    fetch_allow: str = ""  # "host:port, ..." that URLs may lead to although the guard says no
    mirror: str = ""  # "queue": the mirror's queue fetches what edits need from the web
    mirror_bytes: int = 100_000_000  # most that is copied of one URL
    mirror_parallel: int = 8  # URLs copied side by side
    mirror_seconds: float = 60.0  # for one URL, from the first look at its name to the last byte
    mirror_queue: str = ""  # URL of the SQS queue of mirror orders
    mirror_dead_letters: str = ""  # URL of the SQS queue for those that can never be done
    public_base_url: str = ""  # a CDN before the bucket: links are below it and never expire
    custom_hosts: tuple[
        str, ...
    ] = ()  # base URLs that a request may choose instead of a provider's
    forward_headers: tuple[str, ...] = ()  # header names, lower-case, that a request may send on
    breaker_table: str = ""  # where workers share circuits; empty: each has its own
    events_bus: str = ""  # EventBridge bus that is told what was mirrored; empty: none
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read RETOUCH_* and keep the rest for the providers' own settings."""
        return cls(
            default_model=env.get("RETOUCH_DEFAULT_MODEL", ""),
            auth_mode=env.get("RETOUCH_AUTH_MODE") or "keys",
            keys_table=env.get("RETOUCH_KEYS_TABLE", ""),
            secret_id=env.get("RETOUCH_SECRET_ID", ""),
            cors_origins=tuple(env.get("RETOUCH_CORS_ORIGINS", "").replace(",", " ").split()),
            bucket=env.get("RETOUCH_BUCKET", ""),
            base_url=env.get("RETOUCH_BASE_URL", "").rstrip("/"),
            url_lifetime=int(env.get("RETOUCH_URL_SECONDS") or 3600),
            successors=_pairs(env.get("RETOUCH_SUCCESSORS", "")),
            strict_retired=env.get("RETOUCH_STRICT_RETIRED", "").lower() in _TRUE,
            deadline_margin=float(env.get("RETOUCH_DEADLINE_MARGIN") or 1.5),
            least_call=float(env.get("RETOUCH_LEAST_CALL_SECONDS") or 3.0),
            heartbeat=float(env.get("RETOUCH_HEARTBEAT_SECONDS") or 15.0),
            silence=float(env.get("RETOUCH_SILENCE_SECONDS") or 0.0),
            retry_wait=float(env.get("RETOUCH_RETRY_WAIT_SECONDS") or 5.0),
            fetch_allow=env.get("RETOUCH_FETCH_ALLOW", ""),
            mirror=env.get("RETOUCH_MIRROR", ""),
            mirror_bytes=int(env.get("RETOUCH_MIRROR_BYTES") or 100_000_000),
            mirror_parallel=int(env.get("RETOUCH_MIRROR_PARALLEL") or 8),
            mirror_seconds=float(env.get("RETOUCH_MIRROR_SECONDS") or 60.0),
            mirror_queue=env.get("RETOUCH_MIRROR_QUEUE", ""),
            mirror_dead_letters=env.get("RETOUCH_MIRROR_DEAD_LETTERS", ""),
            public_base_url=env.get("RETOUCH_PUBLIC_BASE_URL", "").rstrip("/"),
            custom_hosts=_listed(env.get("RETOUCH_CUSTOM_HOSTS", "")),
            forward_headers=_listed(env.get("RETOUCH_FORWARD_HEADERS", "").lower()),
            breaker_table=env.get("RETOUCH_BREAKER_TABLE", ""),
            events_bus=env.get("RETOUCH_EVENTS_BUS", ""),
            environment=dict(env),
        )

    def with_secrets(self, secrets: Mapping[str, str]) -> Settings:
        """The same with the secret's variables on top of the environment's."""
        return replace(self, environment={**self.environment, **secrets}) if secrets else self

    def of_provider(self, prefix: str, names: tuple[str, ...]) -> dict[str, str]:
        """A provider's settings that are set: {"api_key": ..., "base_url": ..., ...}."""
        wanted = ("api_key", "base_url", *names) if prefix else ()
        found = {name: self.environment.get(f"{prefix}_{name.upper()}", "") for name in wanted}
        return {name: value.strip() for name, value in found.items() if value.strip()}


def _listed(text: str) -> tuple[str, ...]:
    """ "a, b" -> ("a", "b"), without slashes at their ends."""
    return tuple(word.rstrip("/") for word in text.replace(",", " ").split())


def _pairs(text: str) -> dict[str, str]:
    """ "a=b, c=d" -> {"a": "b", "c": "d"}."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {left.strip(): right.strip() for left, _, right in pairs}
