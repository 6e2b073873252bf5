"""Fields of the API for one object only: from its metadata, and from its sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson

from retouch.core.errors import InvalidRequest
from retouch.inbox.recipe import InvalidRecipe, parse_edit_fields

PROMPT_NAME = "prompt"  # the header x-amz-meta-prompt
_ENCODED_WORD = "=?"
_MAX_SIDECAR_BYTES = 65_536


def read_prompt(metadata: Mapping[str, str]) -> str:
    """Return the prompt in the metadata of an object, or an empty text.

    Metadata is ASCII, so other characters are percent-encoded, or encoded as RFC 2047 says, which S3 itself returns.
    """
    text = metadata.get(PROMPT_NAME, "").strip()
    if _ENCODED_WORD in text:
        text = _decode_words(text)
    return unquote(text, errors="strict") if _is_percent_encoded(text) else text


def _is_percent_encoded(text: str) -> bool:
    try:
        return text.isascii() and unquote(text, errors="strict") != text
    except UnicodeDecodeError:
        return False


def _decode_words(text: str) -> str:
    from email.errors import HeaderParseError
    from email.header import decode_header, make_header

    try:
        return str(make_header(decode_header(text)))
    except (HeaderParseError, LookupError, UnicodeDecodeError):
        return text


def parse_sidecar(data: bytes) -> Mapping[str, Any]:
    """Return the fields of a sidecar. Raises InvalidRequest."""
    try:
        values = orjson.loads(data.removeprefix(b"\xef\xbb\xbf")[: _MAX_SIDECAR_BYTES + 1])
    except ValueError as error:
        raise _override_error(f"is not valid JSON: {error}.") from None
    if not isinstance(values, dict):
        raise _override_error("is not a JSON object.")
    try:
        return parse_edit_fields("sidecar", values)
    except InvalidRecipe as error:
        raise InvalidRequest(str(error), param=error.param, code="invalid_sidecar") from None


def _override_error(rule: str) -> InvalidRequest:
    return InvalidRequest(
        f'The sidecar {rule} Write an object with fields of the API, such as {{"prompt": "..."}}.',
        code="invalid_sidecar",
    )
