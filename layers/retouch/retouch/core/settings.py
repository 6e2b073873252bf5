"""The operator's settings, read once from the environment.

Only `Settings.from_env` reads the environment. The repr leaves out the environment with its keys, so that no log line
can contain them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, fields, replace
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass


class InvalidSetting(ValueError):
    """A setting with which the gateway does not start. The message is for the operator."""


PROJECT_URL = "https://github.com/retouch/retouch"


def _strip_slash(text: str) -> str:
    return text.rstrip("/")


def _split_list(text: str) -> tuple[str, ...]:
    """Return the words of a list, without trailing slashes: ("a", "b") for "a/, b"."""
    return tuple(word.rstrip("/") for word in text.replace(",", " ").split())


def _split_lower_list(text: str) -> tuple[str, ...]:
    return _split_list(text.lower())


def _parse_custom_hosts(text: str) -> tuple[tuple[str, str], ...]:
    """Return the provider and the base URL of each entry: (("openai", "https://a"), ("", "https://b"))."""
    pairs = [word.rpartition("=") for word in _split_list(text)]
    return tuple((provider.lower(), base_url) for provider, _, base_url in pairs)


def _parse_pairs(text: str) -> dict[str, str]:
    """Return the pairs of a list: {"a": "b", "c": "d"} for "a=b, c=d"."""
    pairs = (pair.partition("=") for pair in text.split(",") if "=" in pair)
    return {left.strip(): right.strip() for left, _, right in pairs}


def _parse_dollars(text: str) -> dict[str, int]:
    """Return the amounts of a list in micro-dollars: {"a": 200_000} for "a=0.20"."""
    return {name: round(float(amount) * 1_000_000) for name, amount in _parse_pairs(text).items()}


def _parse_bool(text: str) -> bool:
    return text.lower() in ("1", "true", "yes", "on")


def _parse_choice(*choices: str) -> Callable[[str], str]:
    """Return a parser of a variable that has one of these values."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"It must be {' or '.join(choices)}.")
        return text

    return parse


def _parse_fraction(text: str) -> float:
    """Return a number from 0 to 1. Raises ValueError."""
    rule = "It must be a number from 0 to 1."
    try:
        number = float(text)
    except ValueError:
        raise ValueError(rule) from None
    if not 0 <= number <= 1:
        raise ValueError(rule)
    return number


def _parse_seconds_list(text: str) -> tuple[int, ...]:
    """Return the numbers of a text such as "5,300,1800". Raises ValueError."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and 0 < int(word) <= 604_800 for word in words):
        raise ValueError("It must be whole numbers from 1 to 604800, separated by commas.")
    return tuple(int(word) for word in words)


def _parse_contact(text: str) -> str:
    """Return the operator's URL or e-mail address. Raises InvalidSetting when a header cannot carry it."""
    if not (text.isascii() and text.isprintable() and set(text).isdisjoint("() ")):
        raise InvalidSetting(
            "RETOUCH_CONTACT must be a URL or an e-mail address in printable ASCII."
        )
    return text


def _env_field(variable: str, default: Any = "", parse: Callable[[str], Any] = str) -> Any:
    """Return a dataclass field that is read from `variable`. It has its default if the variable is absent or empty."""
    return field(default_factory=lambda: default, metadata={"variable": variable, "read": parse})


def _read_variable(variable: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text)
    except ValueError as error:
        rule = "It must be a number." if parse in (int, float) else f"{error}"
        raise InvalidSetting(f"{variable} is {text!r}. {rule}") from None


@frozen_dataclass
class Settings:
    """The operator's settings. Times are in seconds."""

    # empty: the keyless provider's default model
    default_model: str = _env_field("RETOUCH_DEFAULT_MODEL")
    # open: no key is needed
    auth_mode: str = _env_field("RETOUCH_AUTH_MODE", "keys", _parse_choice("keys", "open"))
    keys_table: str = _env_field("RETOUCH_KEYS_TABLE")  # the table of gateway keys
    # the table of workspaces and their keys
    tenants_table: str = _env_field("RETOUCH_TENANTS_TABLE")
    tenants_folder: str = _env_field("RETOUCH_TENANTS_FOLDER")  # without a table: for local workers
    # the path of the provider keys of virtual keys in the Parameter Store
    virtual_keys_path: str = _env_field("RETOUCH_VIRTUAL_KEYS_PATH", "/retouch/vk", _strip_slash)
    # "all": every key may use the saved configs and virtual keys of the operator
    grants: str = _env_field("RETOUCH_GRANTS", "", _parse_choice("all"))
    # JSON object with the provider keys; also with the pepper if there is no secret for it
    secret_id: str = _env_field("RETOUCH_SECRET_ID")
    pepper_secret_id: str = _env_field("RETOUCH_PEPPER_SECRET_ID")  # JSON object with the pepper
    cors_origins: tuple[str, ...] = _env_field("RETOUCH_CORS_ORIGINS", (), _split_list)
    bucket: str = _env_field("RETOUCH_BUCKET")  # for uploads and `response_format=url` results
    upload_seconds: int = 900
    max_upload_bytes: int = 50_000_000
    base_url: str = _env_field("RETOUCH_BASE_URL", "", _strip_slash)  # for URLs; empty: the event's
    # specified default: 60 minutes
    result_url_seconds: int = _env_field("RETOUCH_URL_SECONDS", 3600, int)
    # retired id -> model id
    successors: Mapping[str, str] = _env_field("RETOUCH_SUCCESSORS", {}, _parse_pairs)
    # a retired model gets 410 instead of its successor
    reject_retired_models: bool = _env_field("RETOUCH_STRICT_RETIRED", False, _parse_bool)
    # reserved for the response
    deadline_margin: float = _env_field("RETOUCH_DEADLINE_MARGIN", 1.5, float)
    # with less time, no call starts
    min_call_seconds: float = _env_field("RETOUCH_LEAST_CALL_SECONDS", 3.0, float)
    connect_timeout: float = 5.0
    # maximum gap in a stream
    heartbeat_seconds: float = _env_field("RETOUCH_HEARTBEAT_SECONDS", 15.0, float)
    # maximum without a byte; 0: no limit
    keep_alive_after: float = _env_field("RETOUCH_SILENCE_SECONDS", 0.0, float)
    # longest Retry-After to follow
    max_retry_wait: float = _env_field("RETOUCH_RETRY_WAIT_SECONDS", 5.0, float)
    max_provider_response_bytes: int = 200_000_000  # maximum size of one provider response
    # "host:port, ..." exempt from the URL policy: for images, and for guardrail webhooks
    fetch_allowlist: str = _env_field("RETOUCH_FETCH_ALLOW")
    webhook_allowlist: str = _env_field("RETOUCH_WEBHOOK_ALLOW")
    # the operator, for the owners of the hosts that the gateway fetches from
    contact: str = _env_field("RETOUCH_CONTACT", PROJECT_URL, _parse_contact)
    # "queue": the mirror fetches the input images
    mirror_mode: str = _env_field("RETOUCH_MIRROR", "", _parse_choice("queue"))
    # maximum for one URL
    max_mirror_bytes: int = _env_field("RETOUCH_MIRROR_BYTES", 100_000_000, int)
    # URLs at the same time
    max_parallel_mirrors: int = _env_field("RETOUCH_MIRROR_PARALLEL", 8, int)
    # for one URL in total
    mirror_timeout: float = _env_field("RETOUCH_MIRROR_SECONDS", 60.0, float)
    mirror_queue_url: str = _env_field("RETOUCH_MIRROR_QUEUE")  # URL of its SQS queue
    mirror_dlq_url: str = _env_field("RETOUCH_MIRROR_DEAD_LETTERS")  # URL of its DLQ
    # days until the bucket deletes mirrored images; 0: never
    mirror_days: int = _env_field("RETOUCH_MIRROR_DAYS", 0, int)
    # a CDN in front of the bucket
    public_base_url: str = _env_field("RETOUCH_PUBLIC_BASE_URL", "", _strip_slash)
    # (provider, base URL) of hosts that requests may use; "" is every provider, but not the operator's key
    custom_hosts: tuple[tuple[str, str], ...] = _env_field(
        "RETOUCH_CUSTOM_HOSTS", (), _parse_custom_hosts
    )
    # headers that the gateway may forward to providers
    forwardable_headers: tuple[str, ...] = _env_field(
        "RETOUCH_FORWARD_HEADERS", (), _split_lower_list
    )
    # off: a failing provider is always called
    playground_enabled: bool = _env_field("RETOUCH_PLAYGROUND", True, _parse_bool)
    breaker_enabled: bool = _env_field("RETOUCH_BREAKER", True, _parse_bool)
    # circuits; empty: one store per worker
    breaker_table: str = _env_field("RETOUCH_BREAKER_TABLE")
    orders_table: str = _env_field("RETOUCH_ORDERS_TABLE")  # the table of orders
    orders_folder: str = _env_field("RETOUCH_ORDERS_FOLDER")  # without a table: for local workers
    # "require": every edit needs the table
    orders_mode: str = _env_field("RETOUCH_ORDERS", "", _parse_choice("require"))
    edits_queue_url: str = _env_field("RETOUCH_EDITS_QUEUE")  # URL of the SQS queue of edits
    edits_dead_letters: str = _env_field("RETOUCH_EDITS_DEAD_LETTERS")  # name of its DLQ
    batches_table: str = _env_field("RETOUCH_BATCHES_TABLE")  # the table of batches and files
    # URL of the SQS queue of the lines of batches
    batches_queue_url: str = _env_field("RETOUCH_BATCHES_QUEUE")
    # after this many seconds a job that no worker has begun is not begun any more
    job_begin_seconds: int = _env_field("RETOUCH_JOB_BEGIN_SECONDS", 3600, int)
    budgets_table: str = _env_field("RETOUCH_BUDGETS_TABLE")  # the table of budgets and rates
    # micro-dollars that a budget holds for one image of a model
    ceilings: Mapping[str, int] = _env_field("RETOUCH_CEILINGS", {}, _parse_dollars)
    webhooks_table: str = _env_field("RETOUCH_WEBHOOKS_TABLE")  # of endpoints and deliveries
    webhooks_queue_url: str = _env_field("RETOUCH_WEBHOOKS_QUEUE")  # URL of the queue of deliveries
    webhooks_dead_letters: str = _env_field("RETOUCH_WEBHOOKS_DEAD_LETTERS")  # name of its DLQ
    # the pauses in seconds between the attempts of a delivery
    webhook_schedule: tuple[int, ...] = _env_field(
        "RETOUCH_WEBHOOK_SCHEDULE",
        (5, 300, 1800, 7200, 18_000, 36_000, 43_200, 43_200),
        _parse_seconds_list,
    )
    idempotency_hours: float = _env_field("RETOUCH_IDEMPOTENCY_HOURS", 24.0, float)
    # after its deadline, a function has surely ended; clocks may differ by this much
    lease_margin: float = _env_field("RETOUCH_LEASE_MARGIN_SECONDS", 60.0, float)
    usage_table: str = _env_field("RETOUCH_USAGE_TABLE")  # the table of usage; empty: no events
    usage_folder: str = _env_field("RETOUCH_USAGE_FOLDER")  # without a table: for local workers
    usage_days: int = _env_field("RETOUCH_USAGE_DAYS", 90, int)  # how long events are kept
    # the part of the free failures that is counted
    usage_free_errors: float = _env_field("RETOUCH_USAGE_FREE_ERRORS", 1.0, _parse_fraction)
    stack_name: str = _env_field("RETOUCH_STACK")  # tells apart the stacks that share a bus
    event_bus: str = _env_field("RETOUCH_EVENTS_BUS")  # EventBridge bus for the gateway's events
    # URL of the DLQ of events that nobody can work on
    events_dlq_url: str = _env_field("RETOUCH_EVENTS_DEAD_LETTERS")
    # ARNs of the queues to which a message may ask for its reply
    reply_queues: tuple[str, ...] = _env_field("RETOUCH_REPLY_QUEUES", (), _split_list)
    # how often Lambda repeats a failed asynchronous invoke, which then needs a key
    async_retries: int = _env_field("RETOUCH_ASYNC_RETRIES", 0, int)
    # the local folder that takes the place of all inboxes
    inbox_folder: str = _env_field("RETOUCH_INBOX")
    # the model is a dimension of the metrics
    metrics_by_model: bool = _env_field("RETOUCH_METRICS_BY_MODEL", False, _parse_bool)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def user_agent(self) -> str:
        """The User-Agent of the gateway. Some hosts refuse clients without a way to reach their operator."""
        return f"retouch (+{self.contact})"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Return the settings from the RETOUCH_* variables. Keep the whole environment for the providers' settings.

        Raises InvalidSetting.
        """
        values = {
            setting.name: _read_variable(variable, text, setting.metadata["read"])
            for setting in fields(cls)
            if (text := env.get(variable := setting.metadata.get("variable", "")))
        }
        return cls(**values, environment=dict(env))

    def with_secrets(self, secrets: Mapping[str, str]) -> Settings:
        """Return the settings with the variables of the secret added. They override those of the environment."""
        return replace(self, environment={**self.environment, **secrets}) if secrets else self
