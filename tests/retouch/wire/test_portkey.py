"""The x-portkey-* headers, row by row, as SDKs and people send them."""

import re
from pathlib import Path

import pytest

from retouch.cards import families
from retouch.errors import InvalidRequest
from retouch.providers import PROVIDERS
from retouch.wire import portkey as room
from retouch.wire.caller import caller
from retouch.wire.portkey import Portkey, forwarded


def read(headers):
    return room.read(headers, families(PROVIDERS))


def said(**headers):
    return {f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()}


# What portkey-ai 2.3.4 sends of itself where its caller gave it nothing.
PYTHON_SDK = {
    "authorization": "Bearer OPENAI_API_KEY",
    **said(
        api_key="",
        strict_open_ai_compliance="false",
        package_version="portkey-2.3.4",
        runtime="CPython",
        runtime_version="3.11.7",
    ),
}


def test_no_headers_are_portkeys_defaults():
    assert read({}) == Portkey()
    assert read({"content-type": "application/json"}) == Portkey()
    assert read({"x-other": "1"}) == Portkey(forwardable={"x-other": "1"})
    defaults = Portkey()
    assert (defaults.strict, defaults.refresh, defaults.debug) == (True, False, True)


def test_the_python_sdk_says_only_that_it_is_lenient():
    assert read(PYTHON_SDK) == Portkey(strict=False)
    assert caller(PYTHON_SDK).key is None


NAMES = [
    "config",
    "virtual_key",
    "trace_id",
    "metadata",
    "cache_force_refresh",
    "cache_namespace",
    "request_timeout",
    "custom_host",
    "forward_headers",
    "strict_open_ai_compliance",
    "default_input_guardrails",
    "default_output_guardrails",
    "sensitive_headers",
    "debug",
    "openai_organization",
    "azure_resource_name",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", ["", "  ", "undefined", "null", "None"])
def test_a_placeholder_is_as_good_as_nothing(name, value):
    assert read(said(**{name: value})) == Portkey()


@pytest.mark.parametrize(
    ("value", "config"),
    [
        ('{"retry":{"attempts":2}}', {"retry": {"attempts": 2}}),
        (" {} ", {}),
        ("pc-fast-1a2b", "pc-fast-1a2b"),
        ('"pc-fast-1a2b"', "pc-fast-1a2b"),
    ],
)
def test_a_config_is_an_object_or_an_id(value, config):
    assert read(said(config=value)).config == config


@pytest.mark.parametrize(
    "value", ["{", "fast", "[]", "3", "true", "pc-", "pc-a b", "pc-../x", '"x"', "{'a': 1}"]
)
def test_any_other_config_is_refused_in_portkeys_words(value):
    with pytest.raises(
        InvalidRequest, match=r"Invalid config passed\. You need to pass a valid json"
    ) as bad:
        read(said(config=value))
    assert (bad.value.code, bad.value.param) == ("invalid_config", "x-portkey-config")


def test_texts():
    portkey = read(
        said(
            virtual_key="@Team-A",
            trace_id=" run 7 ",
            cache_namespace="tenant/7",
            custom_host="https://images.example/v1",
        )
    )
    assert portkey.virtual_key == "Team-A"
    assert portkey.trace_id == "run 7"
    assert portkey.namespace == "tenant/7"
    assert portkey.custom_host == "https://images.example/v1"


@pytest.mark.parametrize("value", ["x" * 257, "a\x00b", "a\r\nb", "é"])
def test_a_trace_id_that_no_header_can_carry_is_replaced(value):
    assert read(said(trace_id=value)).trace_id == ""


def test_a_namespace_is_short():
    with pytest.raises(InvalidRequest, match="x-portkey-cache-namespace takes at most 256"):
        read(said(cache_namespace="x" * 257))


@pytest.mark.parametrize(
    ("value", "metadata"),
    [
        ('{"_user":"u1","plan":"paid"}', {"_user": "u1", "plan": "paid"}),
        (
            '{"age":30,"beta":true,"x":null,"deep":{"a":1},"list":[]}',
            {"age": "30", "beta": "true", "x": "null"},
        ),
        ("{", {}),
        ("[]", {}),
        ('"x"', {}),
        ("plan=paid", {}),
    ],
)
def test_metadata_is_a_flat_map_of_texts(value, metadata):
    assert read(said(metadata=value)).metadata == metadata


@pytest.mark.parametrize(
    "value",
    [
        "{" + ",".join(f'"k{i}":"v"' for i in range(33)) + "}",
        '{"k":"' + "v" * 129 + '"}',
        '{"' + "k" * 129 + '":"v"}',
    ],
)
def test_metadata_is_small(value):
    with pytest.raises(InvalidRequest, match="at most 32 entries") as refused:
        read(said(metadata=value))
    assert refused.value.param == "x-portkey-metadata"


@pytest.mark.parametrize(
    ("value", "seconds"), [("300", 0.3), ("60000", 60.0), ("1", 0.001), ("99999999", 900.0)]
)
def test_a_timeout_is_in_milliseconds(value, seconds):
    assert read(said(request_timeout=value)).timeout == seconds


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "soon", "٣", "9" * 12, "²"])
def test_any_other_timeout_is_refused(value):
    with pytest.raises(InvalidRequest, match="whole number of milliseconds above 0"):
        read(said(request_timeout=value))


FLAGS = [
    ("strict_open_ai_compliance", "strict"),
    ("cache_force_refresh", "refresh"),
    ("debug", "debug"),
]


@pytest.mark.parametrize(("header", "name"), FLAGS)
def test_a_flags_value_counts_not_its_presence(header, name):
    for value, meant in (
        ("true", True),
        ("True", True),
        ("1", True),
        ("false", False),
        ("0", False),
    ):
        assert getattr(read(said(**{header: value})), name) is meant
    with pytest.raises(InvalidRequest, match="it must be true or false"):
        read(said(**{header: "maybe"}))


HEADERS = {
    "x-customer": "7",
    "x-region": "eu",
    "openai-beta": "images",
    "accept": "*/*",
    "cookie": "c",
    "host": "h",
    "authorization": "Bearer k",
    "api-key": "k",
    "x-api-key": "k",
    "x-goog-api-key": "k",
    "x-auth-token": "k",
    "x-client-secret": "k",
    "x-amz-security-token": "k",
    "x-amz-date": "d",
    "x-forwarded-for": "1.2.3.4",
    "x-real-ip": "1.2.3.4",
    "x-portkey-trace-id": "t",
    "x-broken": "a\nb",
}


@pytest.mark.parametrize(
    ("names", "sent"),
    [
        ("X-Customer", {"x-customer": "7"}),
        ("x-customer, X-REGION", {"x-customer": "7", "x-region": "eu"}),
        ('["X-Customer", "x-region"]', {"x-customer": "7", "x-region": "eu"}),
        ("OpenAI-Beta", {"openai-beta": "images"}),
        ("x-absent", {}),
        (", ,", {}),
        (",".join(set(HEADERS) - {"x-customer", "x-region", "openai-beta"}), {}),
    ],
)
def test_only_named_headers_that_carry_no_key_go_on(names, sent):
    found = read({**HEADERS, **said(forward_headers=names)})
    assert found.forward == sent
    assert not {"7", "eu"} & set(repr(found).split("'"))


def test_a_targets_own_list_obeys_the_same_rule():
    assert forwarded(("X-Customer", "Authorization"), HEADERS) == {"x-customer": "7"}


def test_the_list_must_not_name_itself():
    with pytest.raises(InvalidRequest, match="must not name itself"):
        read(said(forward_headers="x-a, X-Portkey-Forward-Headers"))


def test_a_clouds_settings_are_handed_on_without_the_prefix():
    options = {
        "azure_resource_name": "r",
        "azure_deployment_id": "d",
        "azure_api_version": "v1",
        "aws_region": "eu-central-1",
        "aws_role_arn": "arn:aws:iam::1:role/r",
        "amz_server_side_encryption": "aws:kms",
        "vertex_project_id": "p",
        "stability_client_id": "c",
        "fireworks_account_id": "f",
        "openai_organization": "org",
        "openai_project": "proj",
        "openai_beta": "b",
    }
    portkey = read(said(**options, mistral_fim="1", workers_ai_account_id="w"))
    assert portkey.options == {name.replace("_", "-"): value for name, value in options.items()}
    assert "arn:aws" not in repr(portkey)


@pytest.mark.parametrize(
    "name", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
)
def test_long_lived_aws_keys_are_refused_and_not_repeated(name):
    with pytest.raises(
        InvalidRequest, match="long-lived AWS keys do not belong in headers"
    ) as refused:
        read(said(**{name: "AKIASECRET"}))
    assert "AKIASECRET" not in str(refused.value)
    assert read(said(**{name: ""})) == Portkey()


@pytest.mark.parametrize("value", ["SEC\r\nX: y", "SECé", "SEC日本", "rt_SEC"])
def test_an_option_that_no_provider_may_get_is_refused_and_not_repeated(value):
    with pytest.raises(InvalidRequest) as refused:
        read(said(openai_organization=value))
    assert refused.value.param == "x-portkey-openai-organization"
    assert "SEC" not in str(refused.value)


def test_a_providers_name_is_kept_as_it_is_written():
    assert caller(said(provider=" @TeamA ")).provider == "@TeamA"
    assert caller(said(provider="")).provider is None


def test_guardrails_by_kind():
    portkey = read(
        said(
            default_input_guardrails='[{"default.regexMatch":{}}]',
            default_output_guardrails='["g"]',
        )
    )
    assert portkey.hooks == {
        "input_guardrails": [{"default.regexMatch": {}}],
        "output_guardrails": ["g"],
    }


@pytest.mark.parametrize("value", ["{", "{}", '"g"', "g"])
def test_a_guardrail_never_vanishes_silently(value):
    with pytest.raises(InvalidRequest, match="must be a JSON list of guardrails"):
        read(said(default_output_guardrails=value))


def test_what_is_telemetry_or_read_elsewhere_changes_nothing():
    others = said(provider="openai", api_key="sk-1", sensitive_headers="x-a", package_version="1")
    assert read(others) == Portkey()
    assert caller(others).key == "sk-1"


def test_options_are_those_of_the_providers_that_are_there():
    options = said(azure_api_version="v1", openai_project="p")
    assert room.read(options, ("openai-",)).options == {"openai-project": "p"}
    assert room.read(options, ()).options == {}


def test_every_header_that_is_read_is_on_the_list():
    """A name that is missing there would be absent from browsers' rights too."""
    source = Path(room.__file__).read_text()
    asked = set(re.findall(r'said(?:\.get\(|, )"([a-z-]+)"', source))
    asked |= {f"default-{kind}-guardrails" for kind in ("input", "output")}
    assert asked == set(room.READ)
