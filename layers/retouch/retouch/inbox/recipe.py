"""Recipes: what becomes of the objects in one folder of the inbox. A recipe is a JSON object in the bucket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal, cast

import orjson

from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import quote_value
from retouch.inbox.object_names import OUTBOX_PREFIX, expand_pattern

MaskRule = Literal["none", "sibling", "alpha"]
_MASK_RULES = ("none", "sibling", "alpha")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_KEY_ID = re.compile(r"[!-~]{1,128}", re.ASCII)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDERS = ("recipe", "stem", "ext", "index")
_DEFAULT_MATCH = "*.{png,jpg,jpeg,webp,heic,heif,avif,gif,tif,tiff,bmp}"
_DEFAULT_OUTPUT = OUTBOX_PREFIX + "{recipe}/{stem}.{ext}"
_MAX_RECIPE_BYTES = 65_536
_MAX_DEADLINE_SECONDS = 43_200  # the longest time for which SQS hides a message
_MAX_PAIRS, _MAX_NAME_LENGTH, _MAX_TEXT_LENGTH = 16, 64, 512
# The event brings the image, its recipe the mask, and a job's result is a link.
_OWN_FIELDS = {
    "image": "The image is the object itself.",
    "images": "The image is the object itself.",
    "mask": "Put 'mask' beside 'edit'.",
    "stream": "An event has no caller who could read a stream.",
    "partial_images": "An event has no caller who could read a stream.",
    "response_format": "The result is written to the outbox.",
    "idempotency_key": "Each version of an object has its own key.",
    "dry_run": "Use 'python -m retouch recipe check FILE'.",
    "background": None,  # OpenAI's parameter of this name is permitted, a job is not
}
_BACKGROUND_WORDS = ("transparent", "opaque", "auto")


class InvalidRecipe(InvalidRequest):
    """A recipe that cannot be used. `param` names the field."""

    code = "invalid_recipe"


@frozen_dataclass
class Recipe:
    """A valid recipe. `edit` has the fields of the API, which the gateway checks for each object."""

    name: str
    etag: str  # a changed recipe makes new orders
    edit: Mapping[str, Any]
    mask: MaskRule | Mapping[str, Any] = "none"  # or shapes, as in the API
    match: str = _DEFAULT_MATCH
    output: str = _DEFAULT_OUTPUT
    on_same: Literal["skip", "buy"] = "skip"  # the same bytes under the same name again
    sidecar: Literal["none", "optional", "required"] = "optional"
    key: str = ""  # the id of the gateway key whose budget and limits apply
    deadline: int = 21_600  # seconds for which an edit may wait
    webhook: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_mask_file(self) -> bool:
        """Whether an object waits for its mask."""
        return self.mask == "sibling"


def is_recipe_name(text: str) -> bool:
    """Return whether a recipe may have this name."""
    return bool(_NAME.fullmatch(text))


def parse_recipe(name: str, data: bytes, etag: str) -> Recipe:
    """Return the recipe in a file. Raises InvalidRecipe, which names the field, the rule and the remedy."""
    values = _read_object(data)
    unknown = [member for member in values if member not in _PARSERS]
    if unknown:
        raise _recipe_error(
            unknown[0],
            f"is not a field of a recipe. The fields are {', '.join(_PARSERS)}. "
            "Put parameters of the edit into 'edit'.",
        )
    if "edit" not in values:
        raise _recipe_error("edit", 'is missing. Add "edit": {"model": "...", "prompt": "..."}.')
    parsed = {member: _PARSERS[member](member, value) for member, value in values.items()}
    return Recipe(name=name, etag=etag, **parsed)


def _read_object(data: bytes) -> dict[str, Any]:
    if len(data) > _MAX_RECIPE_BYTES:
        raise InvalidRecipe(
            f"The recipe has {len(data)} bytes; at most {_MAX_RECIPE_BYTES} are accepted. Shorten it."
        )
    try:
        values = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise InvalidRecipe(f"The recipe is not valid JSON: {error}. Correct the file.") from None
    if not isinstance(values, dict):
        raise InvalidRecipe(
            'The recipe must be a JSON object such as {"edit": {"prompt": "white background"}}.'
        )
    return {member: value for member, value in values.items() if value is not None}


def parse_edit_fields(member: str, value: Any) -> Mapping[str, Any]:
    """Return fields of the API that a recipe or a sidecar may set. Raises InvalidRecipe."""
    if not isinstance(value, dict):
        raise _recipe_error(
            member, "must be an object with the fields of the API, such as 'prompt'."
        )
    for name in value:
        if name in _OWN_FIELDS and not (name == "background" and _is_word(value[name])):
            hint = _OWN_FIELDS[name] or "An event always makes a job."
            raise _recipe_error(f"{member}.{name}", f"cannot be set here. {hint} Leave it out.")
    return value


def _is_word(value: Any) -> bool:
    return value in _BACKGROUND_WORDS


def _parse_mask(member: str, value: Any) -> MaskRule | Mapping[str, Any]:
    if isinstance(value, dict) and value.get("shapes"):
        return value
    if value in _MASK_RULES:
        return cast(MaskRule, value)
    raise _recipe_error(
        member,
        f"is {quote_value(value)}. It must be {_words(_MASK_RULES)}, or an object with 'shapes'.",
    )


def _parse_match(member: str, value: Any) -> str:
    text = _parse_text(member, value, 200)
    try:
        expand_pattern(text)
    except ValueError as error:
        raise _recipe_error(member, f"is {quote_value(text)}. {error}") from None
    return text


def _parse_output(member: str, value: Any) -> str:
    text = _parse_text(member, value, 512)
    unknown = [name for name in _PLACEHOLDER.findall(text) if name not in _PLACEHOLDERS]
    rest = _PLACEHOLDER.sub("", text)
    if unknown or "{" in rest or "}" in rest:
        raise _recipe_error(
            member,
            f"is {quote_value(text)}. It may contain {_words([f'{{{one}}}' for one in _PLACEHOLDERS])}.",
        )
    if not text.startswith(OUTBOX_PREFIX) or text.endswith("/") or ".." in text.split("/"):
        raise _recipe_error(
            member,
            f"is {quote_value(text)}. It must be the name of an object below {OUTBOX_PREFIX}, so that a result never "
            f"starts an edit. Write {OUTBOX_PREFIX}{{recipe}}/{{stem}}.{{ext}}.",
        )
    if "{stem}" not in text:
        raise _recipe_error(
            member, "has no {stem}, so all results would have one name. Add {stem} to it."
        )
    return text


def _parse_key(member: str, value: Any) -> str:
    text = _parse_text(member, value, 128)
    if text.startswith("rt_"):
        raise _recipe_error(
            member,
            "is a gateway key, which is a secret. Write the id of the key, and revoke this one.",
        )
    if not _KEY_ID.fullmatch(text):
        raise _recipe_error(member, "must be the id of a gateway key.")
    return text


def _parse_deadline(member: str, value: Any) -> int:
    if isinstance(value, int) and 60 <= value <= _MAX_DEADLINE_SECONDS:
        return int(value)
    raise _recipe_error(
        member,
        f"is {quote_value(value)}. It must be a whole number of seconds from 60 to {_MAX_DEADLINE_SECONDS}.",
    )


def parse_metadata(member: str, value: Any) -> Mapping[str, str]:
    """Return the pairs of a `metadata` object, within OpenAI's limits. Raises InvalidRecipe."""
    is_valid = (
        isinstance(value, dict)
        and len(value) <= _MAX_PAIRS
        and all(
            isinstance(text, str)
            and len(name) <= _MAX_NAME_LENGTH
            and len(text) <= _MAX_TEXT_LENGTH
            for name, text in value.items()
        )
    )
    if is_valid:
        return cast(Mapping[str, str], value)
    raise _recipe_error(
        member,
        f"must be an object of at most {_MAX_PAIRS} strings, with names of up to {_MAX_NAME_LENGTH} and values of up "
        f"to {_MAX_TEXT_LENGTH} characters.",
    )


def _parse_webhook(member: str, value: Any) -> str:
    return _parse_text(member, value, 2048)


def _parse_text(member: str, value: Any, max_length: int) -> str:
    if isinstance(value, str) and 0 < len(value) <= max_length and value.isprintable():
        return value
    raise _recipe_error(
        member, f"must be a string of 1 to {max_length} characters without line breaks."
    )


def _choice_parser(*choices: str) -> Any:
    def parse(member: str, value: Any) -> str:
        if value in choices:
            return str(value)
        raise _recipe_error(member, f"is {quote_value(value)}. It must be {_words(choices)}.")

    return parse


def _words(choices: Any) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}"


def _recipe_error(member: str, rule: str) -> InvalidRecipe:
    return InvalidRecipe(f"'{member}' {rule}", param=member)


_PARSERS: Mapping[str, Any] = {
    "edit": parse_edit_fields,
    "mask": _parse_mask,
    "match": _parse_match,
    "output": _parse_output,
    "on_same": _choice_parser("skip", "buy"),
    "sidecar": _choice_parser("none", "optional", "required"),
    "key": _parse_key,
    "deadline": _parse_deadline,
    "webhook": _parse_webhook,
    "metadata": parse_metadata,
}
