"""The field rules of OpenAI's images/edits, and its error responses, which Azure shares."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.contract.standin import Failure
from tests.support.upstream import ScriptedResponse, json_response

SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
QUALITIES = ("auto", "low", "medium", "high")


def error_response(status, code, message, param=None, type="image_generation_user_error", **more):
    headers = {"x-request-id": "req_standin", **more.pop("headers", {})}
    body = {"error": {"message": message, "type": type, "param": param, "code": code, **more}}
    return json_response(body, status, **headers)


# The error that the caller must get: status, code and, unless it is "no", the billing state.
CREDENTIALS_ERROR = (500, "provider_credentials")
RATE_LIMIT_ERROR = (429, "rate_limit_exceeded")
MODERATION_ERROR = (400, "moderation_blocked", "unknown")
PROVIDER_ERROR = (502, "provider_error", "unknown")


def expected_failure(response, status, code, billed="no"):
    return Failure([response], status, code, billed)


def shared_failures():
    """Return the failures of any broken server. It is unknown whether it had already made an image."""
    html_headers = {"content-type": "text/html"}
    cut_response = ScriptedResponse(
        200, b'{"data": [{"b64_json": "' + b"A" * 5000, network_failure="cut"
    )
    return {
        "server_error_html": expected_failure(
            ScriptedResponse(500, b"<html>", html_headers), *PROVIDER_ERROR
        ),
        "gateway_timeout": expected_failure(
            ScriptedResponse(504, b""), 504, "deadline_exceeded", "unknown"
        ),
        "strange": expected_failure(json_response({}), *PROVIDER_ERROR),
        "strange_html": expected_failure(
            ScriptedResponse(200, b"<html>", html_headers), *PROVIDER_ERROR
        ),
        "empty": expected_failure(json_response({"data": []}), 502, "no_image_returned", "unknown"),
        "cut": expected_failure(cut_response, *PROVIDER_ERROR),
        "reset": expected_failure(ScriptedResponse(network_failure="reset"), *PROVIDER_ERROR),
    }


class Refusal(Exception):
    """An error response of the real provider."""

    def __init__(self, response: ScriptedResponse):
        super().__init__()
        self.response = response


def refuse(status, code, message, param=None):
    raise Refusal(error_response(status, code, message, param))


@dataclass(frozen=True)
class ModelRules:
    """The rules that differ between the models."""

    sizes: tuple[str, ...] = SIZES
    any_size: bool = False  # any WIDTHxHEIGHT within the limits of the second generation
    qualities: tuple[str, ...] = QUALITIES
    fidelities: tuple[str, ...] = ()  # empty: a request with the field is an error
    complexities: tuple[str, ...] = ()

    def is_accepted_size(self, value):
        return value in self.sizes or (self.any_size and is_allowed_size(value))


def is_allowed_size(value):
    match = re.fullmatch(r"([0-9]+)x([0-9]+)", value)
    if not match:
        return False
    width, height = int(match[1]), int(match[2])
    return (
        width % 16 == height % 16 == 0
        and max(width, height) <= 3840
        and max(width, height) <= 3 * min(width, height)
        and 655_360 <= width * height <= 8_294_400
    )


def int_between(low, high):
    return lambda value: type(value) is int and low <= value <= high


def one_of(*values):
    return lambda value: value in values


def text_up_to(max_length):
    return lambda value: isinstance(value, str) and 1 <= len(value) <= max_length
