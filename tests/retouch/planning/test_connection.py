"""Tests of the settings of a provider: which variables count, in which order, and which addresses are refused."""

import pytest

from retouch.core.credentials.client_credentials import ClientCredentials
from retouch.core.errors import GatewayMisconfigured
from retouch.core.settings import InvalidSetting, Settings
from retouch.planning.connection import provider_target, reject_own_address, resolve_connection
from retouch.providers import PROVIDERS

BY_NAME = {provider.name: provider for provider in PROVIDERS}
VENDOR_VARIABLES = [
    (provider.name, setting, variable)
    for provider in PROVIDERS
    for setting, variables in provider.vendor_variables.items()
    for variable in variables
]
# The variables that the vendors' quickstarts and SDKs name, and what a gateway with all of them uses.
VENDORS_OWN_NAMES = {
    "openai": {"OPENAI_API_KEY": "k", "OPENAI_ORG_ID": "o", "OPENAI_PROJECT_ID": "p"},
    "azure-openai": {
        "AZURE_OPENAI_API_KEY": "k",
        "AZURE_OPENAI_ENDPOINT": "https://r.openai.azure.com",
        "OPENAI_API_VERSION": "v1",
    },
    "google": {"GEMINI_API_KEY": "k"},
    "vertex-ai": {
        "VERTEX_API_KEY": "k",
        "GOOGLE_CLOUD_PROJECT": "p",
        "GOOGLE_CLOUD_LOCATION": "us-central1",
    },
    "bedrock": {"AWS_BEARER_TOKEN_BEDROCK": "k", "AWS_REGION_NAME": "us-east-1"},
    "stability-ai": {"STABILITY_API_KEY": "k"},
    "black-forest-labs": {"BFL_API_KEY": "k"},
    "fireworks-ai": {"FIREWORKS_API_KEY": "k"},
    "segmind": {"SEGMIND_API_KEY": "k"},
    "reka-ai": {"REKA_API_KEY": "k"},
}


def connect(provider_name, **environment):
    settings = Settings.from_env(environment)
    return resolve_connection(
        provider_target(BY_NAME[provider_name]), ClientCredentials(), settings
    )


def read_setting(provider_name, setting, environment):
    provider = BY_NAME[provider_name]
    found = provider.read_settings(environment, (*provider.settings, *provider.secrets))
    return found.get(setting)


@pytest.mark.parametrize(("provider_name", "setting", "variable"), VENDOR_VARIABLES)
def test_vendor_variable_counts_without_our_own_one(provider_name, setting, variable):
    assert read_setting(provider_name, setting, {variable: " theirs "}) == "theirs"


@pytest.mark.parametrize(("provider_name", "setting", "variable"), VENDOR_VARIABLES)
def test_variable_of_the_gateway_counts_before_the_vendors(provider_name, setting, variable):
    own = f"{BY_NAME[provider_name].env_prefix}_{setting.upper()}"
    assert read_setting(provider_name, setting, {variable: "theirs", own: "ours"}) == "ours"
    assert read_setting(provider_name, setting, {variable: "theirs", own: " "}) == "theirs"


@pytest.mark.parametrize(("provider_name", "environment"), VENDORS_OWN_NAMES.items())
def test_names_of_the_vendors_quickstart_give_a_key(provider_name, environment):
    assert connect(provider_name, **environment).key == "k"


def test_every_provider_with_a_key_has_its_vendors_names_tested():
    assert VENDORS_OWN_NAMES.keys() == {p.name for p in PROVIDERS if p.auth}


def test_google_cloud_variables_select_project_and_location():
    connected = connect("vertex-ai", **VENDORS_OWN_NAMES["vertex-ai"])
    assert connected.options == {
        "project": "p",
        "location": "us-central1",
        "base_url": "https://us-central1-aiplatform.googleapis.com",
    }


def test_organization_and_project_of_openai_sdk_reach_the_options():
    options = connect("openai", **VENDORS_OWN_NAMES["openai"]).options
    assert (options["organization"], options["project"]) == ("o", "p")


def test_region_of_the_function_does_not_select_the_region_of_bedrock():
    assert "us-west-2" in connect("bedrock", AWS_REGION="eu-west-1").options["base_url"]
    assert "us-east-1" in connect("bedrock", AWS_REGION_NAME="us-east-1").options["base_url"]


ADDRESS_SETTINGS = [
    variable
    for provider in PROVIDERS
    if provider.auth
    for setting in sorted({"base_url", provider.base_url_setting})
    for variable in provider.variables(setting)
]


@pytest.mark.parametrize("variable", [*ADDRESS_SETTINGS, "SEGMIND_UPLOAD_URL"])
def test_provider_address_that_is_the_gateway_is_refused_by_name(variable):
    own = {"RETOUCH_BASE_URL": "https://edits.example.com"}
    settings = Settings.from_env({**own, variable: "https://EDITS.example.com:443/v1/"})
    with pytest.raises(InvalidSetting, match=f"^{variable} is the address of the gateway itself"):
        reject_own_address(PROVIDERS, settings)


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:8787", "http://localhost:8787/v1", "http://[::1]:8787/v1"]
)
def test_every_name_of_this_machine_is_the_local_gateway(host):
    own = {"RETOUCH_BASE_URL": "http://127.0.0.1:8787", "OPENAI_BASE_URL": host}
    with pytest.raises(InvalidSetting, match="OPENAI_BASE_URL"):
        reject_own_address(PROVIDERS, Settings.from_env(own))


def test_custom_host_that_is_the_gateway_is_refused():
    hosts = "openai=https://api.openai.com/v1, https://edits.example.com/v1"
    settings = Settings.from_env(
        {"RETOUCH_BASE_URL": "https://edits.example.com", "RETOUCH_CUSTOM_HOSTS": hosts}
    )
    with pytest.raises(InvalidSetting, match="RETOUCH_CUSTOM_HOSTS"):
        reject_own_address(PROVIDERS, settings)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example.com/openai/v1",  # beside the gateway, at the same domain
        "https://api.example.com/imagesque",
        "https://api.example.com:8443/images",
        "https://example.com/images",
        "http://[",
    ],
)
def test_address_beside_the_gateway_is_not_its_own(address):
    own = {"RETOUCH_BASE_URL": "https://api.example.com/images", "OPENAI_BASE_URL": address}
    reject_own_address(PROVIDERS, Settings.from_env(own))
    assert connect("openai", **own).options["base_url"] == address


def test_own_address_from_the_secret_is_refused_when_it_is_used():
    settings = Settings.from_env({"RETOUCH_BASE_URL": "https://edits.example.com"})
    settings = settings.with_secrets({"OPENAI_BASE_URL": "https://edits.example.com/v1"})
    with pytest.raises(GatewayMisconfigured, match="OpenAI is the gateway itself"):
        resolve_connection(provider_target(BY_NAME["openai"]), ClientCredentials(), settings)
