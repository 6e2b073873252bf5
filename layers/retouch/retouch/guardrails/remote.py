"""Checks that somebody else makes: a webhook, and Bedrock Guardrails.

The webhook's letter and answer have Portkey's form, https://portkey.ai/docs/integrations/guardrails: `eventType`,
`request.text`, `metadata` and so on; `{"verdict": true}` comes back. Pictures are described, never sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from retouch.guard.refusals import FetchError
from retouch.guard.url import parse
from retouch.guardrails.model import (
    CheckError,
    Finding,
    Letter,
    Review,
    Seen,
    Subject,
    Test,
    Tools,
    When,
)
from retouch.guardrails.readings import readings
from retouch.guardrails.signature import signing_key
from retouch.routing.problems import InvalidConfig
from retouch.routing.reading import Reader

_MOST_HEADERS = 20
_LONGEST_VALUE = 4_096
_MOST_DATA = 4_096  # bytes of JSON that a webhook may add to our answer
_LONGEST_PARAM = 1_000
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = re.compile(
    r"(?i)host|content-.*|transfer-encoding|connection|te|trailer|upgrade|expect|keep-alive|user-agent|webhook-.*"
    r"|accept.*|proxy-.*"
)
# Identifiers as ApplyGuardrail takes them; Amazon Bedrock Runtime API reference.
_GUARDRAIL = re.compile(
    r"[a-z0-9]{1,64}|arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:guardrail/[a-z0-9]+"
)
_VERSION = re.compile(r"[1-9][0-9]{0,7}|DRAFT")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")


def webhook(read: Reader, when: When) -> Test:
    """webhookURL, headers, timeout (milliseconds, 3000, at most 10000), secret (`whsec_...`)."""
    url, headers, key = _url(read), _headers(read), _key(read)
    seconds = read.number("timeout", 3_000, 100, 10_000) / 1000

    def test(subject: Subject, tools: Tools) -> Finding:
        letter = Letter(url, _body(subject, when), seconds, headers, key)
        return _judged(tools.webhook(letter))

    return test


def bedrock_guard(read: Reader) -> Test:
    """guardrailId (or its ARN), guardrailVersion ("DRAFT" unless said), region. The text is what is judged."""
    guardrail = _matching(read, "guardrailId", _GUARDRAIL, "")
    version = _matching(read, "guardrailVersion", _VERSION, "DRAFT")
    region = _matching(read, "region", _REGION, "-") if read.raw("region") else ""

    def test(subject: Subject, tools: Tools) -> Finding:
        _, plain, _ = readings(subject.text)
        answer = tools.bedrock(Review(guardrail, version, plain, region))
        action = answer.get("action")
        if action not in ("NONE", "GUARDRAIL_INTERVENED"):
            raise CheckError("Bedrock Guardrails answered with neither a yes nor a no.")
        if action == "NONE":
            return Finding(True, "Bedrock Guardrails have nothing against the text.")
        policies = _policies(answer)
        named = f": {', '.join(policies)}" if policies else ""
        sentence = f"Bedrock Guardrails object to the text{named}."
        return Finding(False, sentence, {"policies": policies})

    return test


def _policies(answer: Mapping[str, Any]) -> list[str]:
    """Which policies spoke up. What they found is not repeated: it may be a name or a number of somebody."""
    assessments = answer.get("assessments") or []
    return sorted({name for one in assessments for name in one if name.endswith("Policy")})


def _matching(read: Reader, name: str, form: re.Pattern[str], absent: str) -> str:
    value = read.text(name) or absent
    if not form.fullmatch(value):
        raise InvalidConfig(f"{read.path}.{name}", "is not written as AWS writes it, or is missing")
    return value


def _url(read: Reader) -> str:
    url = read.text("webhookURL") or ""
    try:
        return str(parse(url))
    except FetchError as wrong:
        raise InvalidConfig(f"{read.path}.webhookURL", f"cannot be used. {wrong}"[:-1]) from None


def _key(read: Reader) -> bytes:
    secret = read.text("secret")
    try:
        return signing_key(secret) if secret else b""
    except ValueError as wrong:
        raise InvalidConfig(f"{read.path}.secret", str(wrong)) from None


def _headers(read: Reader) -> Mapping[str, str]:
    """An object, or the JSON text of one as Portkey's form keeps it."""
    path, headers = f"{read.path}.headers", read.raw("headers") or {}
    if isinstance(headers, str):
        try:
            headers = orjson.loads(headers)
        except orjson.JSONDecodeError:
            raise InvalidConfig(path, "must be an object, or JSON of one") from None
    if not isinstance(headers, Mapping) or len(headers) > _MOST_HEADERS:
        raise InvalidConfig(path, f"must be an object of at most {_MOST_HEADERS} texts")
    # A content type of JSON, as every sample of Portkey's has it, is what is sent anyway.
    kept = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    for name, value in kept.items():
        _check_header(path, name, value)
    return kept


def _check_header(path: str, name: str, value: object) -> None:
    if not _HEADER.fullmatch(name) or _OURS.fullmatch(name):
        raise InvalidConfig(path, f"must not set {name[:64]!r}")
    if not isinstance(value, str) or len(value) > _LONGEST_VALUE or not _VALUE.fullmatch(value):
        raise InvalidConfig(path, f"must give {name!r} a text of printable ASCII characters")


def _body(subject: Subject, when: When) -> bytes:
    params = {name: value for name, value in subject.params.items() if _is_short(value)}
    return orjson.dumps(
        {
            "eventType": f"{when}RequestHook",
            "requestType": "imageEdit",
            "request": {
                "json": {**params, "prompt": subject.prompt},
                "text": subject.text,
                "images": _described(subject.images),
                "maskCoverage": subject.mask_coverage,
            },
            "response": {
                "json": {},
                "text": "",
                "statusCode": 200 if when == "after" else None,
                "images": _described(subject.outputs),
            },
            "metadata": dict(subject.metadata),
        }
    )


def _is_short(value: object) -> bool:
    """Only what cannot be a picture goes along."""
    if isinstance(value, str):
        return len(value) <= _LONGEST_PARAM
    return value is None or isinstance(value, bool | int | float)


def _described(pictures: Sequence[Seen]) -> list[dict[str, Any]]:
    return [{"format": p.format, "width": p.width, "height": p.height} for p in pictures]


def _judged(body: bytes) -> Finding:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise CheckError("The webhook did not answer with JSON.") from None
    verdict = answer.get("verdict") if isinstance(answer, dict) else None
    if not isinstance(verdict, bool):
        raise CheckError('The webhook did not answer with {"verdict": true} or false.')
    if answer.get("transformedData"):
        raise CheckError("The webhook wants to change the request, which is not offered here.")
    data = answer.get("data")
    if len(orjson.dumps(data)) > _MOST_DATA:
        raise CheckError(f"The webhook's data are larger than {_MOST_DATA} bytes.")
    sentence = f"The webhook {'lets the edit through' if verdict else 'objects to the edit'}."
    return Finding(verdict, sentence, {"responseData": data})
