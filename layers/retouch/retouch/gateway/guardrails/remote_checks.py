"""Checks that another service runs: a webhook and Bedrock Guardrails.

The webhook's request and response have Portkey's format, https://portkey.ai/docs/integrations/guardrails. The request
has `eventType`, `request.text`, `metadata` and so on. The response is `{"verdict": true}`. The request describes the
images and never contains them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from retouch.core.credentials.gateway_keys import contains_gateway_key
from retouch.core.credentials.webhook_signature import signing_key
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import parse_url
from retouch.gateway.config_reader import ConfigReader, InvalidConfig
from retouch.gateway.guardrails.text_normalization import normalized_variants
from retouch.gateway.guardrails.types import (
    BedrockGuardrailRequest,
    CheckError,
    CheckFunction,
    CheckResult,
    GuardrailClients,
    GuardrailInput,
    HookPhase,
    ImageMetadata,
    WebhookCheckRequest,
)

_MAX_HEADERS = 20
_MAX_HEADER_VALUE_LENGTH = 4_096
_MAX_RESPONSE_DATA_BYTES = 4_096  # bytes of JSON that a webhook may add to our response
_MAX_PARAM_LENGTH = 1_000
_HEADER_NAME_PATTERN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE_PATTERN = re.compile(r"[\x20-\x7e]*")
_RESERVED_HEADER_PATTERN = re.compile(
    r"(?i)host|content-.*|transfer-encoding|connection|te|trailer|upgrade|expect|keep-alive|user-agent|webhook-.*"
    r"|accept.*|proxy-.*"
)
# The identifiers that ApplyGuardrail accepts; Amazon Bedrock Runtime API reference.
_GUARDRAIL_ID_PATTERN = re.compile(
    r"[a-z0-9]{1,64}|arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail/[a-z0-9]+"
)
_VERSION_PATTERN = re.compile(r"[1-9][0-9]{0,7}|DRAFT")
_REGION_PATTERN = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")


def webhook_check(reader: ConfigReader, phase: HookPhase) -> CheckFunction:
    """Build the webhook check.

    Parameters: webhookURL, headers, timeout (milliseconds; default 3000, at most 10000), secret (`whsec_...`).
    """
    url, headers, key = _read_url(reader), _read_headers(reader), _read_signing_key(reader)
    timeout_seconds = reader.number("timeout", 3_000, 100, 10_000) / 1000

    def check(guardrail_input: GuardrailInput, clients: GuardrailClients) -> CheckResult:
        body = _webhook_body(guardrail_input, phase)
        request = WebhookCheckRequest(url, body, timeout_seconds, headers, key, clients.deadline)
        return _parse_webhook_response(clients.webhook(request))

    return check


def bedrock_guardrail_check(reader: ConfigReader) -> CheckFunction:
    """Build the Bedrock Guardrails check of the request's text.

    Parameters: guardrailId (or its ARN), guardrailVersion (default "DRAFT"), region.
    """
    guardrail_id = _read_identifier(reader, "guardrailId", _GUARDRAIL_ID_PATTERN, "")
    version = _read_identifier(reader, "guardrailVersion", _VERSION_PATTERN, "DRAFT")
    region = (
        _read_identifier(reader, "region", _REGION_PATTERN, "-")
        if reader.raw_value("region")
        else ""
    )

    def check(guardrail_input: GuardrailInput, clients: GuardrailClients) -> CheckResult:
        _, visible_text, _ = normalized_variants(guardrail_input.text)
        response = clients.bedrock(
            BedrockGuardrailRequest(guardrail_id, version, visible_text, region)
        )
        action = response.get("action")
        if action not in ("NONE", "GUARDRAIL_INTERVENED"):
            raise CheckError("Bedrock Guardrails returned no known action.")
        if action == "NONE":
            return CheckResult(True, "Bedrock Guardrails accept the text.")
        policies = _intervening_policies(response)
        policy_list = f": {', '.join(policies)}" if policies else ""
        explanation = f"Bedrock Guardrails reject the text{policy_list}."
        return CheckResult(False, explanation, {"policies": policies})

    return check


def _intervening_policies(response: Mapping[str, Any]) -> list[str]:
    """Return the names of the policies that intervened. Their findings stay out: they may contain personal data."""
    assessments = response.get("assessments") or []
    return sorted(
        {name for assessment in assessments for name in assessment if name.endswith("Policy")}
    )


def _read_identifier(
    reader: ConfigReader, name: str, pattern: re.Pattern[str], default: str
) -> str:
    value = reader.text(name) or default
    if not pattern.fullmatch(value):
        raise InvalidConfig(f"{reader.path}.{name}", "does not have AWS's format, or is missing")
    return value


def _read_url(reader: ConfigReader) -> str:
    url = reader.text("webhookURL") or ""
    try:
        return str(parse_url(url))
    except FetchError as error:
        raise InvalidConfig(f"{reader.path}.webhookURL", f"cannot be used. {error}"[:-1]) from None


def _read_signing_key(reader: ConfigReader) -> bytes:
    secret = reader.text("secret")
    try:
        return signing_key(secret) if secret else b""
    except ValueError as error:
        raise InvalidConfig(f"{reader.path}.secret", str(error)) from None


def _read_headers(reader: ConfigReader) -> Mapping[str, str]:
    """Read an object, or the JSON text of an object. Portkey's form stores the text."""
    path, headers = f"{reader.path}.headers", reader.raw_value("headers") or {}
    if isinstance(headers, str):
        try:
            headers = orjson.loads(headers)
        except orjson.JSONDecodeError:
            raise InvalidConfig(path, "must be an object, or the JSON text of one") from None
    if not isinstance(headers, Mapping) or len(headers) > _MAX_HEADERS:
        raise InvalidConfig(path, f"must be an object of at most {_MAX_HEADERS} strings")
    # Portkey's samples set a JSON content type. We drop it, because we always send JSON.
    custom_headers = {
        name: value for name, value in headers.items() if name.lower() != "content-type"
    }
    for name, value in custom_headers.items():
        _check_header(path, name, value)
    return custom_headers


def _check_header(path: str, name: str, value: object) -> None:
    if not _HEADER_NAME_PATTERN.fullmatch(name) or _RESERVED_HEADER_PATTERN.fullmatch(name):
        raise InvalidConfig(path, f"must not set {name[:64]!r}")
    if (
        not isinstance(value, str)
        or len(value) > _MAX_HEADER_VALUE_LENGTH
        or not _HEADER_VALUE_PATTERN.fullmatch(value)
    ):
        raise InvalidConfig(path, f"must give {name!r} a string of printable ASCII characters")
    if contains_gateway_key(value):
        raise InvalidConfig(path, f"must not give {name!r} a key of this gateway")


def _webhook_body(guardrail_input: GuardrailInput, phase: HookPhase) -> bytes:
    params = {name: value for name, value in guardrail_input.params.items() if _is_short(value)}
    return orjson.dumps(
        {
            "eventType": f"{phase}RequestHook",
            "requestType": "imageEdit",
            "request": {
                "json": {**params, "prompt": guardrail_input.prompt},
                "text": guardrail_input.text,
                "images": _describe_images(guardrail_input.images),
                "maskCoverage": guardrail_input.mask_coverage,
            },
            "response": {
                "json": {},
                "text": "",
                "statusCode": 200 if phase == "after" else None,
                "images": _describe_images(guardrail_input.outputs),
            },
            "metadata": dict(guardrail_input.metadata),
        }
    )


def _is_short(value: object) -> bool:
    """Return whether the value is too small to be an image. Only such values are sent."""
    if isinstance(value, str):
        return len(value) <= _MAX_PARAM_LENGTH
    return value is None or isinstance(value, bool | int | float)


def _describe_images(images: Sequence[ImageMetadata]) -> list[dict[str, Any]]:
    return [
        {"format": image.format, "width": image.width, "height": image.height} for image in images
    ]


def _parse_webhook_response(body: bytes) -> CheckResult:
    try:
        response = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise CheckError("The webhook did not respond with JSON.") from None
    verdict = response.get("verdict") if isinstance(response, dict) else None
    if not isinstance(verdict, bool):
        raise CheckError('The webhook did not respond with {"verdict": true} or false.')
    if response.get("transformedData"):
        raise CheckError("The webhook wants to change the request, which is not supported.")
    data = response.get("data")
    if len(orjson.dumps(data)) > _MAX_RESPONSE_DATA_BYTES:
        raise CheckError(f"The webhook's data are larger than {_MAX_RESPONSE_DATA_BYTES} bytes.")
    explanation = f"The webhook {'accepts' if verdict else 'rejects'} the edit."
    return CheckResult(verdict, explanation, {"responseData": data})
