"""The hosts that may receive a provider's key: the origin of its base URL, and the hosts that the provider lists.

A provider's response may contain a whole URL. If two parsers disagreed about its host, the key would go to a wrong
host. So the strict parser of the URL policy reads the URL.
"""

from __future__ import annotations

from collections.abc import Sequence

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url, parse_url


def parse_or_none(text: str) -> Url | None:
    """Return the URL, or None for a text that the parser rejects."""
    try:
        return parse_url(text)
    except FetchError:
        return None


def is_key_host(url: str, base_url: str, host_patterns: Sequence[str]) -> bool:
    """Return whether the URL is at the origin of the base URL, or at a listed host over HTTPS.

    A text that the parser rejects leads nowhere, so the value is False. A star in a pattern, as in "api.*.x.ai", stands
    for exactly one label.
    """
    destination, base = parse_or_none(url), parse_or_none(base_url)
    if not destination:
        return False
    return _is_listed(destination, host_patterns) or bool(
        base and _origin(destination) == _origin(base)
    )


def _origin(url: Url) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port


def _is_listed(url: Url, patterns: Sequence[str]) -> bool:
    if (url.scheme, url.port) != ("https", 443):
        return False
    return any(_matches_pattern(url.host, pattern) for pattern in patterns)


def _matches_pattern(host: str, pattern: str) -> bool:
    labels, pattern_labels = host.split("."), pattern.split(".")
    pairs = zip(labels, pattern_labels, strict=False)
    return len(labels) == len(pattern_labels) and all(
        pattern_label in ("*", label) for label, pattern_label in pairs
    )
