"""The credentials, the region and the endpoints that Lambda puts into a function's environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.infrastructure.http1.origin import parse_target

_REQUIRED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# botocore reads these, and they change where requests go or with which credentials.
_BOTOCORE_ONLY = (
    "AWS_PROFILE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "http_proxy",
    "https_proxy",
)
# Regions of other partitions have other domain names.
_OTHER_PARTITIONS = ("cn-", "us-iso", "eu-isoe", "eusc-")
_ENDPOINT_NAMES = {"secretsmanager": "SECRETS_MANAGER"}


@frozen_dataclass
class AwsEnvironment:
    """What is necessary to sign requests to AWS services and to send them."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str = field(repr=False)  # Empty for long-term credentials.
    region: str
    endpoints: Mapping[str, str]  # The values of AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>.
    ca_bundle: str = ""  # The file of trusted certificates. Empty: those of the system.

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> AwsEnvironment | None:
        """Return the values of a function's environment, or None when only botocore can find or use them."""
        region = env.get("AWS_DEFAULT_REGION") or env.get("AWS_REGION", "")
        is_complete = region and all(env.get(name) for name in _REQUIRED)
        if not is_complete or region.startswith(_OTHER_PARTITIONS):
            return None
        if any(env.get(name) for name in _BOTOCORE_ONLY):
            return None
        endpoints = {
            name: value for name, value in env.items() if name.startswith("AWS_ENDPOINT_URL")
        }
        access_key, secret_key = (env[name] for name in _REQUIRED)
        token, ca_bundle = env.get("AWS_SESSION_TOKEN", ""), env.get("AWS_CA_BUNDLE", "")
        return cls(access_key, secret_key, token, region, endpoints, ca_bundle)

    def endpoint(self, service: str) -> str:
        """Return the URL of a service, without a slash at the end. `service` is botocore's name, such as "dynamodb".

        The host is spelled as the Host header will have it, because the signature covers this header. Raises ValueError
        for a configured text that is no http or https URL.
        """
        name = _ENDPOINT_NAMES.get(service, service.upper())
        configured = self.endpoints.get(f"AWS_ENDPOINT_URL_{name}") or self.endpoints.get(
            "AWS_ENDPOINT_URL"
        )
        if not configured:
            return f"https://{service}.{self.region}.amazonaws.com"
        target = parse_target(configured)
        return f"{target.origin.scheme}://{target.host_header}{target.path}".rstrip("/")
