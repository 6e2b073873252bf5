"""Tests that every variable is read under its name, by its own rule, into its own field."""

import re
from dataclasses import fields

import pytest

from retouch.core.settings import InvalidSetting, Settings
from tests.infra.conftest import ROOT

VARIABLES = [
    ("RETOUCH_DEFAULT_MODEL", "openai/gpt-image-2", "default_model", "openai/gpt-image-2"),
    ("RETOUCH_AUTH_MODE", "open", "auth_mode", "open"),
    ("RETOUCH_KEYS_TABLE", "keys", "keys_table", "keys"),
    ("RETOUCH_TENANTS_TABLE", "tenants", "tenants_table", "tenants"),
    ("RETOUCH_TENANTS_FOLDER", "/tmp/tenants", "tenants_folder", "/tmp/tenants"),
    ("RETOUCH_VIRTUAL_KEYS_PATH", "/shop/vk/", "virtual_keys_path", "/shop/vk"),
    ("RETOUCH_GRANTS", "all", "grants", "all"),
    ("RETOUCH_SECRET_ID", "arn:secret", "secret_id", "arn:secret"),
    ("RETOUCH_PEPPER_SECRET_ID", "arn:pepper", "pepper_secret_id", "arn:pepper"),
    ("RETOUCH_CORS_ORIGINS", "https://a.example/,b c", "cors_origins", ("https://a.example", "b", "c")),
    ("RETOUCH_BUCKET", "pictures", "bucket", "pictures"),
    ("RETOUCH_BASE_URL", "https://gw.example/prod/", "base_url", "https://gw.example/prod"),
    ("RETOUCH_URL_SECONDS", "86400", "result_url_seconds", 86_400),
    ("RETOUCH_SUCCESSORS", "a/old=b/new, c=d", "successors", {"a/old": "b/new", "c": "d"}),
    ("RETOUCH_STRICT_RETIRED", "True", "reject_retired_models", True),
    ("RETOUCH_DEADLINE_MARGIN", "5", "deadline_margin", 5.0),
    ("RETOUCH_LEAST_CALL_SECONDS", "0.1", "min_call_seconds", 0.1),
    ("RETOUCH_HEARTBEAT_SECONDS", "7", "heartbeat_seconds", 7.0),
    ("RETOUCH_SILENCE_SECONDS", "240", "keep_alive_after", 240.0),
    ("RETOUCH_RETRY_WAIT_SECONDS", "9", "max_retry_wait", 9.0),
    ("RETOUCH_FETCH_ALLOW", "images.internal:8443", "fetch_allowlist", "images.internal:8443"),
    ("RETOUCH_WEBHOOK_ALLOW", "hooks.internal:8443", "webhook_allowlist", "hooks.internal:8443"),
    ("RETOUCH_CONTACT", "ops@shop.example", "contact", "ops@shop.example"),
    ("RETOUCH_MIRROR", "queue", "mirror_mode", "queue"),
    ("RETOUCH_MIRROR_BYTES", "1000", "max_mirror_bytes", 1000),
    ("RETOUCH_MIRROR_PARALLEL", "2", "max_parallel_mirrors", 2),
    ("RETOUCH_MIRROR_SECONDS", "30", "mirror_timeout", 30.0),
    ("RETOUCH_MIRROR_QUEUE", "https://sqs/orders", "mirror_queue_url", "https://sqs/orders"),
    ("RETOUCH_MIRROR_DEAD_LETTERS", "https://sqs/dead", "mirror_dlq_url", "https://sqs/dead"),
    ("RETOUCH_MIRROR_DAYS", "30", "mirror_days", 30),
    ("RETOUCH_PUBLIC_BASE_URL", "https://cdn.example/", "public_base_url", "https://cdn.example"),
    (
        "RETOUCH_CUSTOM_HOSTS",
        "openai=https://a/v1/, https://b",
        "custom_hosts",
        (("openai", "https://a/v1"), ("", "https://b")),
    ),
    ("RETOUCH_FORWARD_HEADERS", "X-Tenant, x-b", "forwardable_headers", ("x-tenant", "x-b")),
    ("RETOUCH_PLAYGROUND", "off", "playground_enabled", False),
    ("RETOUCH_BREAKER", "off", "breaker_enabled", False),
    ("RETOUCH_BREAKER_TABLE", "circuits", "breaker_table", "circuits"),
    ("RETOUCH_ORDERS_TABLE", "orders", "orders_table", "orders"),
    ("RETOUCH_ORDERS_FOLDER", "/tmp/orders", "orders_folder", "/tmp/orders"),
    ("RETOUCH_ORDERS", "require", "orders_mode", "require"),
    ("RETOUCH_EDITS_QUEUE", "https://q", "edits_queue_url", "https://q"),
    ("RETOUCH_EDITS_DEAD_LETTERS", "dead", "edits_dead_letters", "dead"),
    ("RETOUCH_BATCHES_TABLE", "batches", "batches_table", "batches"),
    ("RETOUCH_BATCHES_QUEUE", "https://l", "batches_queue_url", "https://l"),
    ("RETOUCH_JOB_BEGIN_SECONDS", "60", "job_begin_seconds", 60),
    ("RETOUCH_BUDGETS_TABLE", "budgets", "budgets_table", "budgets"),
    ("RETOUCH_CEILINGS", "a/b=0.2, c=1", "ceilings", {"a/b": 200_000, "c": 1_000_000}),
    ("RETOUCH_WEBHOOKS_TABLE", "t", "webhooks_table", "t"),
    ("RETOUCH_WEBHOOKS_QUEUE", "https://q", "webhooks_queue_url", "https://q"),
    ("RETOUCH_WEBHOOKS_DEAD_LETTERS", "dead", "webhooks_dead_letters", "dead"),
    ("RETOUCH_WEBHOOK_SCHEDULE", "1, 20", "webhook_schedule", (1, 20)),
    ("RETOUCH_IDEMPOTENCY_HOURS", "0.5", "idempotency_hours", 0.5),
    ("RETOUCH_LEASE_MARGIN_SECONDS", "2", "lease_margin", 2.0),
    ("RETOUCH_USAGE_TABLE", "usage", "usage_table", "usage"),
    ("RETOUCH_USAGE_FOLDER", "/tmp/usage", "usage_folder", "/tmp/usage"),
    ("RETOUCH_USAGE_DAYS", "30", "usage_days", 30),
    ("RETOUCH_USAGE_FREE_ERRORS", "0.5", "usage_free_errors", 0.5),
    ("RETOUCH_STACK", "prod", "stack_name", "prod"),
    ("RETOUCH_EVENTS_BUS", "bus", "event_bus", "bus"),
    ("RETOUCH_EVENTS_DEAD_LETTERS", "https://dead", "events_dlq_url", "https://dead"),
    ("RETOUCH_REPLY_QUEUES", "arn:a, arn:b", "reply_queues", ("arn:a", "arn:b")),
    ("RETOUCH_ASYNC_RETRIES", "2", "async_retries", 2),
    ("RETOUCH_INBOX", "/tmp/inbox", "inbox_folder", "/tmp/inbox"),
    ("RETOUCH_METRICS_BY_MODEL", "true", "metrics_by_model", True),
]  # fmt: skip
NAMES = [row[0] for row in VARIABLES]


def field_values(settings):
    """Return the values of all fields that have a variable of their own."""
    return {f.name: getattr(settings, f.name) for f in fields(Settings) if f.name != "environment"}


@pytest.mark.parametrize(("variable", "text", "field", "value"), VARIABLES, ids=NAMES)
def test_variable_sets_its_field_and_no_other(variable, text, field, value):
    default = field_values(Settings())
    assert default[field] != value, "otherwise the row proves nothing"
    assert field_values(Settings.from_env({variable: text})) == {**default, field: value}


@pytest.mark.parametrize("variable", NAMES)
def test_empty_variable_equals_unset_variable(variable):
    """The template sets a variable to "" when its parameter was not given."""
    assert field_values(Settings.from_env({variable: ""})) == field_values(Settings())


def test_every_variable_is_tested_and_documented():
    source = (ROOT / "layers/retouch/retouch/core/settings.py").read_text()
    assert re.findall(r'"(RETOUCH_[A-Z_]+)"', source) == NAMES
    documented = (ROOT / "docs/configuration.md").read_text()
    assert [name for name in NAMES if f"| `{name}` |" not in documented] == []


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("yes", True), ("ON", True), ("no", False), ("0", False)]
)
def test_boolean_variable_accepts_several_spellings(text, value):
    assert Settings.from_env({"RETOUCH_STRICT_RETIRED": text}).reject_retired_models is value


def test_invalid_number_raises_value_error():
    with pytest.raises(ValueError, match="soon"):
        Settings.from_env({"RETOUCH_URL_SECONDS": "soon"})


@pytest.mark.parametrize(
    ("variable", "rule"),
    [
        ("RETOUCH_AUTH_MODE", "keys or open"),
        ("RETOUCH_MIRROR", "queue"),
        ("RETOUCH_ORDERS", "require"),
    ],
)
def test_value_that_is_none_of_the_choices_is_refused(variable, rule):
    with pytest.raises(InvalidSetting, match=f"^{variable} is 'foo'. It must be {rule}.$"):
        Settings.from_env({variable: "foo"})


def test_secret_overrides_environment_variables():
    settings = Settings.from_env({"OPENAI_API_KEY": "one", "OPENAI_BASE_URL": "u"})
    merged = settings.with_secrets({"OPENAI_API_KEY": " two "})
    assert merged.environment == {"OPENAI_API_KEY": " two ", "OPENAI_BASE_URL": "u"}
    assert settings.environment["OPENAI_API_KEY"] == "one"
    assert settings.with_secrets({}) is settings
