"""The request to the mirror, in the same format from every event source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from retouch.core.errors import InvalidRequest, TooLarge
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import IntParam, StringParam, quote_value

MAX_URLS = 100
RESPONSE_PREFIX = "mirror/answers/"  # where a waiting edit looks for the mirror's response
EDIT_PREFIX = "mirror/edits/"  # images fetched for edits over the queue; deleted after a day
DEFAULT_PREFIX = "mirror"
_RESPONSE_KEY_PATTERN = re.compile(r"mirror/answers/[A-Za-z0-9-]{1,64}\.json", re.ASCII)
_PREFIX_PATTERN = re.compile(r"mirror(/[a-z0-9_-]+)*", re.ASCII)
_MAX_PREFIX_LENGTH = 256
_METADATA_NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
# S3 stores 2,048 bytes of metadata. The mirror's own entries need less than the remainder.
_MAX_METADATA_BYTES = 1_600
RESERVED_METADATA = ("source-host", "source-url-sha256", "mirrored-at")
_EXPIRES_IN = IntParam(1, 604_800)  # seconds; S3 signs for at most a week
_FIELDS = ("url", "urls", "prefix", "metadata", "expires_in")


@frozen_dataclass
class MirrorRequest:
    """The URLs to copy, in order and with repetitions, and how to store them."""

    urls: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX
    metadata: Mapping[str, str] = field(default_factory=dict)
    expires_in: int = 3600  # seconds
    answer_to: str = ""  # the key of the object that will hold the response


def read_mirror_request(values: Any, *, trusted: bool = False) -> MirrorRequest:
    """Return the request in a JSON document. `trusted` requests come from the operator's own queue or bus.

    Raises InvalidRequest, which names the field and the rule, and TooLarge (413) for more than 100 URLs.
    """
    if not isinstance(values, Mapping):
        raise InvalidRequest("A mirror request must be a JSON object.", code="invalid_json")
    fields = {name: value for name, value in values.items() if value is not None}
    _check_names(fields, trusted)
    request = MirrorRequest(
        _read_urls(fields),
        _read_prefix(fields.get("prefix", DEFAULT_PREFIX), trusted),
        _read_metadata(fields.get("metadata", {})),
        _EXPIRES_IN.read("expires_in", fields.get("expires_in", 3600)),
        _read_answer_to(fields.get("answer_to", "")),
    )
    if request.answer_to and len(request.urls) > 1:
        raise _invalid_parameter(
            "answer_to", "'answer_to' needs exactly one URL. Send one request per URL."
        )
    return request


def add_owner_folder(request: MirrorRequest, folder: str) -> MirrorRequest:
    """Return the request of a gateway key with its prefix below the folder of that key.

    Without a folder, the request is the operator's own or comes from an open gateway, and its prefix is unchanged.
    """
    if not folder:
        return request
    rest = request.prefix.removeprefix(DEFAULT_PREFIX)
    return replace(request, prefix=f"{DEFAULT_PREFIX}/{folder}{rest}")


def _check_names(fields: Mapping[str, Any], trusted: bool) -> None:
    allowed = (*_FIELDS, "answer_to") if trusted else _FIELDS
    for name in fields:
        if name not in allowed:
            raise InvalidRequest(
                f"Unknown parameter: {quote_value(name)}. A mirror request takes {', '.join(_FIELDS)}.",
                param=str(name)[:64],
                code="unknown_parameter",
            )


def _read_urls(fields: Mapping[str, Any]) -> tuple[str, ...]:
    if ("url" in fields) == ("urls" in fields):
        code = "invalid_value" if "url" in fields else "missing_required_parameter"
        raise _invalid_parameter("urls", "Send either 'urls', a list, or one 'url'.", code)
    urls = fields["urls"] if "urls" in fields else [fields["url"]]
    if not isinstance(urls, list) or not urls:
        text = f"'urls' must be a list of 1 to {MAX_URLS} URLs."
        raise _invalid_parameter("urls", text, "invalid_value" if urls == [] else "invalid_type")
    if len(urls) > MAX_URLS:
        text = f"'urls' has {len(urls)} entries; at most {MAX_URLS} are accepted. Send several requests."
        raise TooLarge(text, param="urls", code="too_many_urls")
    for index, url in enumerate(urls):
        if not isinstance(url, str):
            param = f"urls[{index}]" if "urls" in fields else "url"
            raise _invalid_parameter(
                param, f"'{param}' must be a string, not {quote_value(url)}.", "invalid_type"
            )
    return tuple(urls)


def _read_prefix(value: Any, trusted: bool) -> str:
    text = StringParam(_MAX_PREFIX_LENGTH).read("prefix", value).removesuffix("/")
    if not _PREFIX_PATTERN.fullmatch(text):
        raise _invalid_parameter(
            "prefix",
            f"Invalid prefix {quote_value(text)}: it must be 'mirror' or begin with 'mirror/', for example "
            "'mirror/catalogue/2026', and its parts may contain a-z, 0-9, _ and -.",
        )
    for reserved in (RESPONSE_PREFIX,) if trusted else (RESPONSE_PREFIX, EDIT_PREFIX):
        if f"{text}/".startswith(reserved):
            raise _invalid_parameter(
                "prefix", f"The prefix '{reserved}' is reserved. Choose another."
            )
    return text


def _read_metadata(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise _invalid_parameter(
            "metadata", "'metadata' must be an object of strings.", "invalid_type"
        )
    metadata = {name: text for name, text in value.items() if text is not None}
    for name, text in metadata.items():
        _check_metadata_entry(str(name), text)
    size = sum(len(name) + len(text) for name, text in metadata.items())
    if size > _MAX_METADATA_BYTES:
        text = (
            f"'metadata' has {size} bytes; at most {_MAX_METADATA_BYTES} are accepted. Shorten it."
        )
        raise _invalid_parameter("metadata", text)
    return metadata


def _check_metadata_entry(name: str, text: Any) -> None:
    param = f"metadata.{name[:64]}"
    if not _METADATA_NAME_PATTERN.fullmatch(name) or name in RESERVED_METADATA:
        raise _invalid_parameter(
            param,
            f"Invalid metadata name {quote_value(name)}: it must be 1 to 64 characters of a-z, 0-9 and -, and none of "
            f"{', '.join(RESERVED_METADATA)}.",
        )
    if not isinstance(text, str):
        raise _invalid_parameter(
            param, f"The metadata {quote_value(name)} must be a string.", "invalid_type"
        )
    # S3 sends it as a header: it trims white space at the ends and encodes anything but printable ASCII.
    if not (text.isascii() and text.isprintable() and text and text == text.strip()):
        raise _invalid_parameter(
            param,
            f"The metadata {quote_value(name)} must be printable ASCII without spaces around it.",
        )


def _read_answer_to(value: Any) -> str:
    if value and not (isinstance(value, str) and _RESPONSE_KEY_PATTERN.fullmatch(value)):
        text = (
            f"'answer_to' must be '{RESPONSE_PREFIX}', 1 to 64 letters, digits and -, and '.json'."
        )
        raise _invalid_parameter("answer_to", text)
    return str(value)


def _invalid_parameter(param: str, message: str, code: str = "invalid_value") -> InvalidRequest:
    return InvalidRequest(message, param=param, code=code)
