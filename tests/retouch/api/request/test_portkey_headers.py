"""Tests of the x-portkey-* headers, one by one, as SDKs and people send them."""

import re
from pathlib import Path

import pytest

from retouch.api.request import portkey_headers as portkey_module
from retouch.api.request.credentials import read_credentials
from retouch.api.request.portkey_headers import select_forwardable
from retouch.core.capabilities import collect_header_prefixes
from retouch.core.errors import InvalidRequest
from retouch.core.portkey_types import KNOWN_HEADERS, PortkeyHeaders
from retouch.providers import PROVIDERS


def read_headers(headers):
    return portkey_module.parse_portkey_headers(headers, collect_header_prefixes(PROVIDERS))


def portkey_headers(**headers):
    return {f"x-portkey-{name.replace('_', '-')}": value for name, value in headers.items()}


# The headers that portkey-ai 2.3.4 sends when its caller sets nothing.
PYTHON_SDK = {
    "authorization": "Bearer OPENAI_API_KEY",
    **portkey_headers(
        api_key="",
        strict_open_ai_compliance="false",
        package_version="portkey-2.3.4",
        runtime="CPython",
        runtime_version="3.11.7",
    ),
}


def test_request_without_headers_gives_defaults():
    assert read_headers({}) == PortkeyHeaders()
    assert read_headers({"content-type": "application/json"}) == PortkeyHeaders()
    assert read_headers({"x-other": "1"}) == PortkeyHeaders(forwardable_headers={"x-other": "1"})
    defaults = PortkeyHeaders()
    assert (defaults.strict, defaults.force_refresh, defaults.debug) == (True, False, True)


def test_python_sdk_headers_only_disable_strict_compliance():
    assert read_headers(PYTHON_SDK) == PortkeyHeaders(strict=False)
    assert read_credentials(PYTHON_SDK).key is None


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
def test_placeholder_header_value_is_ignored(name, value):
    assert read_headers(portkey_headers(**{name: value})) == PortkeyHeaders()


@pytest.mark.parametrize(
    ("value", "config"),
    [
        ('{"retry":{"attempts":2}}', {"retry": {"attempts": 2}}),
        (" {} ", {}),
        ("pc-fast-1a2b", "pc-fast-1a2b"),
        ('"pc-fast-1a2b"', "pc-fast-1a2b"),
    ],
)
def test_config_header_is_json_object_or_saved_id(value, config):
    assert read_headers(portkey_headers(config=value)).config == config


@pytest.mark.parametrize(
    "value", ["{", "fast", "[]", "3", "true", "pc-", "pc-a b", "pc-../x", '"x"', "{'a': 1}"]
)
def test_invalid_config_header_is_rejected_with_portkey_message(value):
    with pytest.raises(
        InvalidRequest, match=r"Invalid config passed\. You need to pass a valid json"
    ) as exc_info:
        read_headers(portkey_headers(config=value))
    assert (exc_info.value.code, exc_info.value.param) == ("invalid_config", "x-portkey-config")


def test_text_headers_are_read_and_trimmed():
    portkey = read_headers(
        portkey_headers(
            virtual_key="@Team-A",
            trace_id=" run 7 ",
            cache_namespace="tenant/7",
            custom_host="https://images.example/v1",
        )
    )
    assert portkey.virtual_key == "Team-A"
    assert portkey.trace_id == "run 7"
    assert portkey.cache_namespace == "tenant/7"
    assert portkey.custom_host == "https://images.example/v1"


@pytest.mark.parametrize("value", ["x" * 257, "a\x00b", "a\r\nb", "é"])
def test_trace_id_invalid_in_header_is_dropped(value):
    assert read_headers(portkey_headers(trace_id=value)).trace_id == ""


def test_too_long_cache_namespace_is_rejected():
    with pytest.raises(InvalidRequest, match="x-portkey-cache-namespace takes at most 256"):
        read_headers(portkey_headers(cache_namespace="x" * 257))


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
def test_metadata_header_is_read_as_flat_text_map(value, metadata):
    assert read_headers(portkey_headers(metadata=value)).metadata == metadata


@pytest.mark.parametrize(
    "value",
    [
        "{" + ",".join(f'"k{i}":"v"' for i in range(33)) + "}",
        '{"k":"' + "v" * 129 + '"}',
        '{"' + "k" * 129 + '":"v"}',
    ],
)
def test_too_large_metadata_is_rejected(value):
    with pytest.raises(InvalidRequest, match="at most 32 entries") as exc_info:
        read_headers(portkey_headers(metadata=value))
    assert exc_info.value.param == "x-portkey-metadata"


@pytest.mark.parametrize(
    ("value", "seconds"), [("300", 0.3), ("60000", 60.0), ("1", 0.001), ("99999999", 900.0)]
)
def test_request_timeout_header_is_in_milliseconds(value, seconds):
    assert read_headers(portkey_headers(request_timeout=value)).timeout == seconds


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "1e3", "soon", "٣", "9" * 12, "²"])
def test_invalid_request_timeout_is_rejected(value):
    with pytest.raises(InvalidRequest, match="whole number of milliseconds above 0"):
        read_headers(portkey_headers(request_timeout=value))


FLAGS = [
    ("strict_open_ai_compliance", "strict"),
    ("cache_force_refresh", "force_refresh"),
    ("debug", "debug"),
]


@pytest.mark.parametrize(("header", "field"), FLAGS)
def test_flag_header_is_read_by_its_value(header, field):
    for value, expected in (
        ("true", True),
        ("True", True),
        ("1", True),
        ("false", False),
        ("0", False),
    ):
        assert getattr(read_headers(portkey_headers(**{header: value})), field) is expected
    with pytest.raises(InvalidRequest, match="it must be true or false"):
        read_headers(portkey_headers(**{header: "maybe"}))


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
def test_only_named_headers_without_keys_are_forwarded(names, sent):
    portkey = read_headers({**HEADERS, **portkey_headers(forward_headers=names)})
    assert portkey.forwarded_headers == sent
    assert not {"7", "eu"} & set(repr(portkey).split("'"))


def test_forward_list_of_target_forwards_only_headers_without_keys():
    assert select_forwardable(("X-Customer", "Authorization"), HEADERS) == {"x-customer": "7"}


def test_forward_headers_list_must_not_name_itself():
    with pytest.raises(InvalidRequest, match="must not name itself"):
        read_headers(portkey_headers(forward_headers="x-a, X-Portkey-Forward-Headers"))


def test_provider_options_are_read_without_prefix():
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
    portkey = read_headers(portkey_headers(**options, mistral_fim="1", workers_ai_account_id="w"))
    assert portkey.options == {name.replace("_", "-"): value for name, value in options.items()}
    assert "arn:aws" not in repr(portkey)


@pytest.mark.parametrize(
    "name", ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"]
)
def test_long_lived_aws_key_is_rejected_and_not_repeated(name):
    with pytest.raises(
        InvalidRequest, match="long-lived AWS keys do not belong in headers"
    ) as exc_info:
        read_headers(portkey_headers(**{name: "AKIASECRET"}))
    assert "AKIASECRET" not in str(exc_info.value)
    assert read_headers(portkey_headers(**{name: ""})) == PortkeyHeaders()


@pytest.mark.parametrize("value", ["SEC\r\nX: y", "SECé", "SEC日本", "rt_SEC"])
def test_invalid_option_value_is_rejected_and_not_repeated(value):
    with pytest.raises(InvalidRequest) as exc_info:
        read_headers(portkey_headers(openai_organization=value))
    assert exc_info.value.param == "x-portkey-openai-organization"
    assert "SEC" not in str(exc_info.value)


def test_provider_header_keeps_its_case():
    assert read_credentials(portkey_headers(provider=" @TeamA ")).provider == "@TeamA"
    assert read_credentials(portkey_headers(provider="")).provider is None


def test_default_guardrail_headers_are_read_by_kind():
    portkey = read_headers(
        portkey_headers(
            default_input_guardrails='[{"default.regexMatch":{}}]',
            default_output_guardrails='["g"]',
        )
    )
    assert portkey.hooks == {
        "input_guardrails": [{"default.regexMatch": {}}],
        "output_guardrails": ["g"],
    }


@pytest.mark.parametrize("value", ["{", "{}", '"g"', "g"])
def test_malformed_guardrail_header_is_rejected(value):
    with pytest.raises(InvalidRequest, match="must be a JSON list of guardrails"):
        read_headers(portkey_headers(default_output_guardrails=value))


def test_telemetry_headers_are_ignored():
    headers = portkey_headers(
        provider="openai", api_key="sk-1", sensitive_headers="x-a", package_version="1"
    )
    assert read_headers(headers) == PortkeyHeaders()
    assert read_credentials(headers).key == "sk-1"


def test_options_of_unknown_providers_are_ignored():
    options = portkey_headers(azure_api_version="v1", openai_project="p")
    assert portkey_module.parse_portkey_headers(options, ("openai-",)).options == {
        "openai-project": "p"
    }
    assert portkey_module.parse_portkey_headers(options, ()).options == {}


def test_known_headers_contain_every_header_that_is_read():
    """A name that is missing in this list would also be missing in the CORS headers for browsers."""
    source = Path(portkey_module.__file__).read_text()
    names_read = set(re.findall(r'known(?:\.get\(|, )"([a-z-]+)"', source))
    names_read |= {f"default-{kind}-guardrails" for kind in ("input", "output")}
    assert names_read == set(KNOWN_HEADERS)
