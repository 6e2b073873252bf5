"""Every variable is read under its name, by its own rule, into its own field."""

import re
from dataclasses import fields

import pytest

from retouch.settings import Settings
from tests.infra.conftest import ROOT

VARIABLES = [
    ("RETOUCH_DEFAULT_MODEL", "openai/gpt-image-2", "default_model", "openai/gpt-image-2"),
    ("RETOUCH_AUTH_MODE", "open", "auth_mode", "open"),
    ("RETOUCH_KEYS_TABLE", "keys", "keys_table", "keys"),
    ("RETOUCH_SECRET_ID", "arn:secret", "secret_id", "arn:secret"),
    ("RETOUCH_CORS_ORIGINS", "https://a.example/,b c", "cors_origins", ("https://a.example", "b", "c")),
    ("RETOUCH_BUCKET", "pictures", "bucket", "pictures"),
    ("RETOUCH_BASE_URL", "https://gw.example/prod/", "base_url", "https://gw.example/prod"),
    ("RETOUCH_URL_SECONDS", "86400", "url_lifetime", 86_400),
    ("RETOUCH_SUCCESSORS", "a/old=b/new, c=d", "successors", {"a/old": "b/new", "c": "d"}),
    ("RETOUCH_STRICT_RETIRED", "True", "strict_retired", True),
    ("RETOUCH_DEADLINE_MARGIN", "5", "deadline_margin", 5.0),
    ("RETOUCH_LEAST_CALL_SECONDS", "0.1", "least_call", 0.1),
    ("RETOUCH_HEARTBEAT_SECONDS", "7", "heartbeat", 7.0),
    ("RETOUCH_SILENCE_SECONDS", "240", "silence", 240.0),
    ("RETOUCH_RETRY_WAIT_SECONDS", "9", "retry_wait", 9.0),
    ("RETOUCH_FETCH_ALLOW", "images.internal:8443", "fetch_allow", "images.internal:8443"),
    ("RETOUCH_MIRROR", "queue", "mirror", "queue"),
    ("RETOUCH_MIRROR_BYTES", "1000", "mirror_bytes", 1000),
    ("RETOUCH_MIRROR_PARALLEL", "2", "mirror_parallel", 2),
    ("RETOUCH_MIRROR_SECONDS", "30", "mirror_seconds", 30.0),
    ("RETOUCH_MIRROR_QUEUE", "https://sqs/orders", "mirror_queue", "https://sqs/orders"),
    ("RETOUCH_MIRROR_DEAD_LETTERS", "https://sqs/dead", "mirror_dead_letters", "https://sqs/dead"),
    ("RETOUCH_PUBLIC_BASE_URL", "https://cdn.example/", "public_base_url", "https://cdn.example"),
    ("RETOUCH_CUSTOM_HOSTS", "https://a/v1/, https://b", "custom_hosts", ("https://a/v1", "https://b")),
    ("RETOUCH_FORWARD_HEADERS", "X-Tenant, x-b", "forward_headers", ("x-tenant", "x-b")),
    ("RETOUCH_BREAKER_TABLE", "circuits", "breaker_table", "circuits"),
    ("RETOUCH_EVENTS_BUS", "bus", "events_bus", "bus"),
]  # fmt: skip
NAMES = [row[0] for row in VARIABLES]


def said(settings):
    """All that can be set by a variable of its own."""
    return {f.name: getattr(settings, f.name) for f in fields(Settings) if f.name != "environment"}


@pytest.mark.parametrize(("variable", "text", "field", "value"), VARIABLES, ids=NAMES)
def test_a_variable_sets_its_field_and_no_other(variable, text, field, value):
    default = said(Settings())
    assert default[field] != value, "else the row shows nothing"
    assert said(Settings.from_env({variable: text})) == {**default, field: value}


@pytest.mark.parametrize("variable", NAMES)
def test_an_empty_variable_is_none_at_all(variable):
    """The template sets those of parameters that nobody gave."""
    assert said(Settings.from_env({variable: ""})) == said(Settings())


def test_every_variable_has_its_row_and_its_line_in_the_documentation():
    source = (ROOT / "layers/retouch/retouch/settings.py").read_text()
    assert re.findall(r'"(RETOUCH_[A-Z_]+)"', source) == NAMES
    documented = (ROOT / "docs/configuration.md").read_text()
    assert [name for name in NAMES if f"| `{name}` |" not in documented] == []


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("yes", True), ("ON", True), ("no", False), ("0", False)]
)
def test_yes_has_many_names(text, value):
    assert Settings.from_env({"RETOUCH_STRICT_RETIRED": text}).strict_retired is value


def test_what_is_no_number_is_no_setting():
    with pytest.raises(ValueError, match="soon"):
        Settings.from_env({"RETOUCH_URL_SECONDS": "soon"})


def test_the_secret_lies_on_top_of_the_environment():
    settings = Settings.from_env({"OPENAI_API_KEY": "one", "OPENAI_BASE_URL": "u"})
    both = settings.with_secrets({"OPENAI_API_KEY": " two "})
    assert both.of_provider("OPENAI", ()) == {"api_key": "two", "base_url": "u"}
    assert settings.of_provider("OPENAI", ())["api_key"] == "one"
    assert settings.with_secrets({}) is settings
