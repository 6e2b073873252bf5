"""Host names: one spelling for each, and none that means this machine or this network."""

from __future__ import annotations

import re
from collections.abc import Iterable

from retouch.guard.refusals import FetchError

# Underscores and hyphens in third and fourth place are no host names by the book, but the web has them.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST = 253
_SPECIAL = (
    *(".localhost", ".localdomain", ".local", ".internal", ".intranet", ".lan", ".home", ".corp"),
    *(".private", ".home.arpa", ".svc", ".onion", ".i2p", ".alt", ".invalid"),
)


def canonical(text: str) -> str:
    """The name in lower case and A-labels (IDNA 2008, mapped by UTS 46), without a trailing dot.

    FetchError "host_not_allowed" for everything that is no name: an empty or overlong label, a foreign
    character, a last label that some resolver would read as a number.
    """
    mapped = text.lower() if text.isascii() else _mapped(text)
    labels = [_label(label) for label in mapped.removesuffix(".").split(".")]
    name = ".".join(labels)
    if len(name) > _LONGEST or _NUMBER.fullmatch(labels[-1]):
        raise FetchError("host_not_allowed")
    return name


def _mapped(text: str) -> str:
    # Large tables, and hardly any URL needs them.
    import idna

    try:
        return idna.uts46_remap(text)
    except idna.IDNAError:
        raise FetchError("host_not_allowed") from None


def _label(label: str) -> str:
    known = _a_label(label) if not label.isascii() or label.startswith("xn--") else label
    if not _LABEL.fullmatch(known):
        raise FetchError("host_not_allowed")
    return known


def _a_label(label: str) -> str:
    """Encoded, or found to be well encoded already."""
    import idna

    try:
        return idna.alabel(idna.ulabel(label)).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise FetchError("host_not_allowed") from None


def is_special(name: str) -> bool:
    """True for names that only mean something on a local network: single labels and the reserved suffixes."""
    return "." not in name or name.endswith(_SPECIAL)


def is_listed(name: str, patterns: Iterable[str]) -> bool:
    """Is the name one of them? "*.example.com" stands for every name below example.com, not for itself."""
    return any(
        name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern
        for pattern in patterns
    )
