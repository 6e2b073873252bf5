"""What OpenAI's images/edits refuses, field by field, and how it and its likes say no."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.contract.standin import Failure
from tests.support.upstream import Answer, as_json

SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
QUALITIES = ("auto", "low", "medium", "high")


def error(status, code, message, param=None, type="image_generation_user_error", **more):
    headers = {"x-request-id": "req_standin", **more.pop("headers", {})}
    body = {"error": {"message": message, "type": type, "param": param, "code": code, **more}}
    return as_json(body, status, **headers)


# What the caller must get: status, code, and where it is not "no", who was billed.
OPERATOR = (500, "provider_credentials")
LIMITED = (429, "rate_limit_exceeded")
BLOCKED = (400, "moderation_blocked", "unknown")
BROKEN = (502, "provider_error", "unknown")


def fails(answer, status, code, billed="no"):
    return Failure([answer], status, code, billed)


def shared_failures():
    """What any server does when it breaks; whether it had painted by then, nobody knows."""
    page = {"content-type": "text/html"}
    cut = Answer(200, b'{"data": [{"b64_json": "' + b"A" * 5000, fault="cut")
    return {
        "server_error_html": fails(Answer(500, b"<html>", page), *BROKEN),
        "gateway_timeout": fails(Answer(504, b""), 504, "deadline_exceeded", "unknown"),
        "strange": fails(as_json({}), *BROKEN),
        "strange_html": fails(Answer(200, b"<html>", page), *BROKEN),
        "empty": fails(as_json({"data": []}), 502, "no_image_returned", "unknown"),
        "cut": fails(cut, *BROKEN),
        "reset": fails(Answer(fault="reset"), *BROKEN),
    }


class Refusal(Exception):
    """Raised where the real one answers an error."""

    def __init__(self, answer: Answer):
        super().__init__()
        self.answer = answer


def refuse(status, code, message, param=None):
    raise Refusal(error(status, code, message, param))


@dataclass(frozen=True)
class Rules:
    """What differs between the models."""

    sizes: tuple[str, ...] = SIZES
    free: bool = False  # any WIDTHxHEIGHT within the second generation's limits
    qualities: tuple[str, ...] = QUALITIES
    fidelities: tuple[str, ...] = ()  # none: sending the field is an error
    complexities: tuple[str, ...] = ()

    def size(self, value):
        return value in self.sizes or (self.free and free_size(value))


def free_size(value):
    found = re.fullmatch(r"([0-9]+)x([0-9]+)", value)
    if not found:
        return False
    width, height = int(found[1]), int(found[2])
    return (
        width % 16 == height % 16 == 0
        and max(width, height) <= 3840
        and max(width, height) <= 3 * min(width, height)
        and 655_360 <= width * height <= 8_294_400
    )


def whole(low, high):
    return lambda value: type(value) is int and low <= value <= high


def one_of(*values):
    return lambda value: value in values


def text(longest):
    return lambda value: isinstance(value, str) and 1 <= len(value) <= longest
