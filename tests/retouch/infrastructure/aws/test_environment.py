import pytest

from retouch.infrastructure.aws.environment import AwsEnvironment

LAMBDA = {
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret-key",
    "AWS_SESSION_TOKEN": "session-token",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


def read_environment(**changes: str) -> AwsEnvironment:
    """Return the environment of a function with these changes, which must be usable."""
    environment = AwsEnvironment.from_env({**LAMBDA, **changes})
    assert environment is not None
    return environment


def test_environment_of_a_function_has_credentials_and_region():
    environment = read_environment()
    assert (environment.access_key, environment.secret_key) == ("AKID", "secret-key")
    assert (environment.token, environment.region) == ("session-token", "eu-west-1")


def test_region_of_boto3_counts_when_both_are_set():
    assert read_environment(AWS_DEFAULT_REGION="us-east-2").region == "us-east-2"
    assert read_environment(AWS_DEFAULT_REGION="").region == "eu-west-1"


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_environment_without_a_credential_is_not_used(name):
    assert AwsEnvironment.from_env({**LAMBDA, name: ""}) is None


def test_environment_without_region_is_not_used():
    assert AwsEnvironment.from_env({**LAMBDA, "AWS_REGION": "", "AWS_DEFAULT_REGION": ""}) is None


@pytest.mark.parametrize("region", ["cn-north-1", "us-iso-east-1", "us-isob-east-1"])
def test_region_of_another_partition_is_left_to_botocore(region):
    assert AwsEnvironment.from_env({**LAMBDA, "AWS_DEFAULT_REGION": region}) is None


@pytest.mark.parametrize(
    "name",
    ["AWS_PROFILE", "AWS_USE_FIPS_ENDPOINT", "HTTPS_PROXY", "https_proxy"],
)
def test_setting_that_only_botocore_knows_is_left_to_botocore(name):
    assert AwsEnvironment.from_env({**LAMBDA, name: "x"}) is None


def test_endpoint_is_the_regional_one_of_the_service():
    environment = read_environment()
    assert environment.endpoint("dynamodb") == "https://dynamodb.eu-west-1.amazonaws.com"
    assert environment.endpoint("s3") == "https://s3.eu-west-1.amazonaws.com"


def test_configured_endpoint_counts_and_the_one_of_the_service_counts_most():
    environment = read_environment(
        AWS_ENDPOINT_URL="http://127.0.0.1:4566/", AWS_ENDPOINT_URL_SECRETS_MANAGER="http://s"
    )
    assert environment.endpoint("dynamodb") == "http://127.0.0.1:4566"
    assert environment.endpoint("secretsmanager") == "http://s"


def test_environment_repr_has_no_credentials():
    text = repr(read_environment())
    assert not any(secret in text for secret in ("AKID", "secret-key", "session-token"))


@pytest.mark.parametrize(
    ("configured", "endpoint"),
    [
        ("https://S3.Example.com:443/", "https://s3.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:4566/a%20b/", "http://localhost:4566/a%20b"),
        ("https://user:password@s3.example", "https://s3.example"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_configured_endpoint_is_spelled_as_its_host_header(configured, endpoint):
    assert read_environment(AWS_ENDPOINT_URL=configured).endpoint("s3") == endpoint


def test_configured_text_that_is_no_url_raises_value_error():
    with pytest.raises(ValueError, match="no http or https host"):
        read_environment(AWS_ENDPOINT_URL="localhost:4566").endpoint("s3")
