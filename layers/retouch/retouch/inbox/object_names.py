"""The names of objects: the folders of the inbox, which objects belong together, and where results go.

    recipes/white.json                 the recipe
    inbox/white/shoes/photo.png        an object of the recipe "white", named "shoes/photo.png"
    inbox/white/shoes/photo.mask.png   its mask
    inbox/white/shoes/photo.png.json   its sidecar: fields of the API for this object only
    outbox/white/shoes/photo.png       its result, beside photo.png.json with the job
    failed/white/shoes/photo.png.json  its failure

No folder contains another one, so a result never starts an edit.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from hashlib import sha256
from itertools import product
from typing import NamedTuple
from urllib.parse import unquote_plus

RECIPES_PREFIX, INBOX_PREFIX = "recipes/", "inbox/"
OUTBOX_PREFIX, FAILED_PREFIX = "outbox/", "failed/"
MAX_KEY_BYTES = 1024  # of S3
_MASK_PART = ".mask"
_SIDECAR_EXTENSION = ".json"
_BRACES = re.compile(r"\{([^{}]*)\}")
_MAX_PATTERNS = 64
_RECIPE_FAILURE = "_recipe.json"


class InboxName(NamedTuple):
    """The recipe of an object and its name below the recipe's folder."""

    recipe: str
    name: str

    @property
    def stem(self) -> str:
        """The name without its extension."""
        return split_extension(self.name)[0]

    @property
    def is_mask(self) -> bool:
        """Whether the object is named as the mask of another one."""
        return self.stem.endswith(_MASK_PART) and len(self.stem) > len(_MASK_PART)

    @property
    def is_sidecar(self) -> bool:
        """Whether the object is named as the sidecar of another one."""
        return self.name.lower().endswith(_SIDECAR_EXTENSION)

    @property
    def sibling_prefix(self) -> str:
        """The beginning of the keys of all objects that belong to this one."""
        if self.is_sidecar:
            stem = split_extension(self.stem)[0]
        else:
            stem = self.stem.removesuffix(_MASK_PART) if self.is_mask else self.stem
        return f"{INBOX_PREFIX}{self.recipe}/{stem}."

    def is_mask_of(self, photo: InboxName) -> bool:
        """Return whether this is the mask of the photo."""
        return self.is_mask and self.stem == photo.stem + _MASK_PART

    def is_sidecar_of(self, photo: InboxName) -> bool:
        """Return whether this is the sidecar of the photo."""
        return self.is_sidecar and self.name[: -len(_SIDECAR_EXTENSION)] == photo.name


def read_inbox_key(key: str) -> InboxName | None:
    """Return the name in a key. None: the object is not in the inbox, or it is a folder marker."""
    if not key.startswith(INBOX_PREFIX) or key.endswith("/"):
        return None
    recipe, slash, name = key.removeprefix(INBOX_PREFIX).partition("/")
    return InboxName(recipe, name) if slash else InboxName("", recipe)


def decode_record_key(text: str) -> str:
    """Return the key in a notification record of S3, which is encoded as in a form. Events of EventBridge are not."""
    return unquote_plus(text)


def recipe_key(recipe: str) -> str:
    """Return the key of a recipe."""
    return f"{RECIPES_PREFIX}{recipe}.json"


def split_extension(name: str) -> tuple[str, str]:
    """Return a name without its extension, and the extension without its dot."""
    folder, slash, base = name.rpartition("/")
    stem, dot, extension = base.rpartition(".")
    if not (dot and stem):
        return name, ""
    return f"{folder}{slash}{stem}", extension


def expand_pattern(pattern: str) -> list[str]:
    """Return the patterns without braces that a pattern with braces stands for. Raises ValueError."""
    parts = _BRACES.split(pattern)
    if any("{" in part or "}" in part for part in parts):
        raise ValueError("Its braces do not match. Write a pattern such as *.{png,jpg}.")
    choices = [part.split(",") if index % 2 else [part] for index, part in enumerate(parts)]
    patterns = ["".join(one) for one in product(*choices)]
    if len(patterns) > _MAX_PATTERNS:
        raise ValueError(
            f"It stands for {len(patterns)} patterns; at most {_MAX_PATTERNS} are accepted."
        )
    return patterns


def is_match(name: str, pattern: str) -> bool:
    """Return whether a name matches a pattern with braces. Upper and lower case are the same."""
    return any(fnmatchcase(name.lower(), one.lower()) for one in expand_pattern(pattern))


def output_key(template: str, name: InboxName, extension: str, index: int) -> str:
    """Return the key of a result. `index` counts the images of one edit from 0."""
    number = f"-{index + 1}" if index else ""
    has_index = "{index}" in template
    stem = name.stem if has_index else name.stem + number
    values = {"recipe": name.recipe, "stem": stem, "ext": extension, "index": str(index + 1)}
    return _BRACES.sub(lambda match: values[match[1]], template)


def failure_key(name: InboxName) -> str:
    """Return the key of the failure of an object. A name that would be too long is replaced by its hash."""
    folder = f"{FAILED_PREFIX}{name.recipe}/" if name.recipe else FAILED_PREFIX
    key = f"{folder}{name.name}{_SIDECAR_EXTENSION}"
    if is_valid_key(key):
        return key
    digest = sha256(name.name.encode()).hexdigest()
    return f"{folder[:64]}{digest}{_SIDECAR_EXTENSION}"


def recipe_failure_key(recipe: str) -> str:
    """Return the key of the failure of a recipe."""
    return f"{FAILED_PREFIX}{recipe}/{_RECIPE_FAILURE}"


def is_valid_key(key: str) -> bool:
    """Return whether S3 takes a key."""
    return len(key.encode()) <= MAX_KEY_BYTES
