"""What may be asked of the mirror, whichever way the asking came in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retouch.errors import InvalidRequest, TooLarge
from retouch.specs import Whole, Words, shown

MOST_URLS = 100
ANSWERS = "mirror/answers/"  # where a waiting edit looks for its answer
EDITS = "mirror/edits/"  # what edits had fetched over the queue; the bucket forgets it after a day
FOLDER = "mirror"
_ANSWER = re.compile(r"mirror/answers/[A-Za-z0-9-]{1,64}\.json", re.ASCII)
_PREFIX = re.compile(r"mirror(/[a-z0-9_-]+)*", re.ASCII)
_LONGEST_PREFIX = 256
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
# S3 keeps 2,048 bytes of metadata; the mirror's own entries need less than the rest.
_METADATA_BYTES = 1_600
OWN_METADATA = ("source-host", "source-url-sha256", "mirrored-at")
_LIFETIME = Whole(1, 604_800)  # seconds; S3 signs for at most a week
_FIELDS = ("url", "urls", "prefix", "metadata", "expires_in")


@dataclass(frozen=True, slots=True)
class Order:
    """URLs to copy, in order and with repetitions, and what is to become of them."""

    urls: tuple[str, ...]
    prefix: str = FOLDER
    metadata: Mapping[str, str] = field(default_factory=dict)
    expires_in: int = 3600  # seconds
    answer_to: str = ""  # the key of the object that is to hold the one answer


def read(values: Any, *, trusted: bool = False) -> Order:
    """The order in a JSON document. `trusted` ones come from the operator's own queue or bus.

    InvalidRequest names the field and the rule; TooLarge (413) for more than 100 URLs.
    """
    if not isinstance(values, Mapping):
        raise InvalidRequest("A mirror order must be a JSON object.", code="invalid_json")
    given = {name: value for name, value in values.items() if value is not None}
    _check_names(given, trusted)
    order = Order(
        _urls(given),
        _prefix(given.get("prefix", FOLDER), trusted),
        _metadata(given.get("metadata", {})),
        _LIFETIME.read("expires_in", given.get("expires_in", 3600)),
        _answer_to(given.get("answer_to", "")),
    )
    if order.answer_to and len(order.urls) > 1:
        raise _wrong("answer_to", "An answer to wait for is about one URL. Send one order per URL.")
    return order


def _check_names(given: Mapping[str, Any], trusted: bool) -> None:
    known = (*_FIELDS, "answer_to") if trusted else _FIELDS
    for name in given:
        if name not in known:
            raise InvalidRequest(
                f"Unknown parameter: {shown(name)}. A mirror order takes {', '.join(_FIELDS)}.",
                param=str(name)[:64],
                code="unknown_parameter",
            )


def _urls(given: Mapping[str, Any]) -> tuple[str, ...]:
    if ("url" in given) == ("urls" in given):
        code = "invalid_value" if "url" in given else "missing_required_parameter"
        raise _wrong("urls", "Send either 'urls', a list, or one 'url'.", code)
    urls = given["urls"] if "urls" in given else [given["url"]]
    if not isinstance(urls, list) or not urls:
        text = f"'urls' must be a list of 1 to {MOST_URLS} URLs."
        raise _wrong("urls", text, "invalid_value" if urls == [] else "invalid_type")
    if len(urls) > MOST_URLS:
        text = f"'urls' has {len(urls)} entries; at most {MOST_URLS} are accepted. Send several requests."
        raise TooLarge(text, param="urls", code="too_many_urls")
    for index, url in enumerate(urls):
        if not isinstance(url, str):
            param = f"urls[{index}]" if "urls" in given else "url"
            raise _wrong(param, f"'{param}' must be text, not {shown(url)}.", "invalid_type")
    return tuple(urls)


def _prefix(value: Any, trusted: bool) -> str:
    text = Words(_LONGEST_PREFIX).read("prefix", value).removesuffix("/")
    if not _PREFIX.fullmatch(text):
        raise _wrong(
            "prefix",
            f"Invalid prefix {shown(text)}: it must be 'mirror' or go on from there, as 'mirror/catalogue/2026', in "
            "a-z, 0-9, _ and -.",
        )
    for own in (ANSWERS,) if trusted else (ANSWERS, EDITS):
        if f"{text}/".startswith(own):
            raise _wrong("prefix", f"The prefix '{own}' is the mirror's own. Choose another.")
    return text


def _metadata(value: Any) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise _wrong("metadata", "'metadata' must be an object of names and texts.", "invalid_type")
    for name, text in value.items():
        _check_entry(str(name), text)
    size = sum(len(name) + len(text) for name, text in value.items())
    if size > _METADATA_BYTES:
        text = f"'metadata' has {size} bytes; at most {_METADATA_BYTES} are accepted. Shorten it."
        raise _wrong("metadata", text)
    return dict(value)


def _check_entry(name: str, text: Any) -> None:
    param = f"metadata.{name[:64]}"
    if not _NAME.fullmatch(name) or name in OWN_METADATA:
        raise _wrong(
            param,
            f"Invalid metadata name {shown(name)}: it must be 1 to 64 of a-z, 0-9 and -, and none of "
            f"{', '.join(OWN_METADATA)}.",
        )
    if not isinstance(text, str):
        raise _wrong(param, f"The metadata {shown(name)} must be text.", "invalid_type")
    # A header's value: S3 trims the ends, and anything but plain ASCII would come back encoded.
    if not (text.isascii() and text.isprintable() and text and text == text.strip()):
        raise _wrong(
            param,
            f"The metadata {shown(name)} must be printable ASCII without spaces around it.",
        )


def _answer_to(value: Any) -> str:
    if value and not (isinstance(value, str) and _ANSWER.fullmatch(value)):
        text = f"'answer_to' must be '{ANSWERS}', 1 to 64 letters, digits and -, and '.json'."
        raise _wrong("answer_to", text)
    return str(value)


def _wrong(param: str, text: str, code: str = "invalid_value") -> InvalidRequest:
    return InvalidRequest(text, param=param, code=code)
