"""Host names: the canonical spelling of each, and the names that are not public."""

from __future__ import annotations

import re
from collections.abc import Iterable

from retouch.core.url_policy.errors import FetchError

# The standard does not allow underscores, or hyphens in third and fourth place. Real host names have both.
_LABEL_PATTERN = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER_PATTERN = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAX_NAME_LENGTH = 253
_LOCAL_SUFFIXES = (
    *(".localhost", ".localdomain", ".local", ".internal", ".intranet", ".lan", ".home", ".corp"),
    *(".private", ".home.arpa", ".svc", ".onion", ".i2p", ".alt", ".invalid"),
)


def canonical_name(text: str) -> str:
    """Return the name in lower case and A-labels (IDNA 2008, mapped by UTS 46), without a trailing dot.

    Raises FetchError "host_not_allowed" for any text that is not a name: one with an empty or overlong label, with a
    character that is not allowed, or with a last label that some resolver would read as a number.
    """
    mapped = text.lower() if text.isascii() else _map_unicode(text)
    labels = [_encode_label(label) for label in mapped.removesuffix(".").split(".")]
    name = ".".join(labels)
    if len(name) > _MAX_NAME_LENGTH or _NUMBER_PATTERN.fullmatch(labels[-1]):
        raise FetchError("host_not_allowed")
    return name


def _map_unicode(text: str) -> str:
    # The package loads large tables, and hardly any URL needs them.
    import idna

    try:
        return idna.uts46_remap(text)
    except idna.IDNAError:
        raise FetchError("host_not_allowed") from None


def _encode_label(label: str) -> str:
    encoded = _to_a_label(label) if not label.isascii() or label.startswith("xn--") else label
    if not _LABEL_PATTERN.fullmatch(encoded):
        raise FetchError("host_not_allowed")
    return encoded


def _to_a_label(label: str) -> str:
    """Return the label as an A-label. An existing A-label is checked."""
    import idna

    try:
        return idna.alabel(idna.ulabel(label)).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise FetchError("host_not_allowed") from None


def is_local_name(name: str) -> bool:
    """Return whether the name has a meaning only on a local network: single labels and the reserved suffixes."""
    return "." not in name or name.endswith(_LOCAL_SUFFIXES)


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Return whether a pattern matches the name.

    "*.example.com" matches every name below example.com, not example.com.
    """
    return any(
        name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern
        for pattern in patterns
    )
