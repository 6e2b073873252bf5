"""The scope of a provider's key. Only the provider's own hosts get the key; other hosts are only fetched from.

A provider's response may contain a whole URL. If two parsers disagreed about its host, the key would go to a wrong
host. So the URL policy's parser reads the URL once, and the request is built from the parsed parts.
"""

from __future__ import annotations

from urllib.parse import urlencode

from retouch.core.capabilities import Provider
from retouch.core.provider_protocol import ProviderRequest
from retouch.core.resolved_model import ResolvedModel
from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.url import Url, parse_url


def request_url(request: ProviderRequest, model: ResolvedModel) -> str:
    """Return the URL of the request.

    It is below the provider's base URL, or it is the URL that the request names, in its canonical spelling.
    """
    if _is_path(request.path):
        url = model.options["base_url"].rstrip("/") + request.path
    else:
        url = str(_parse_or_none(request.path) or request.path)
    return f"{url}?{urlencode(request.query)}" if request.query else url


def can_receive_key(path: str, model: ResolvedModel) -> bool:
    """Return whether the request's path leads to the provider: below its base URL, at its origin, or to a listed host.

    A text that the parser rejects leads nowhere, so the value is False.
    """
    if _is_path(path):
        return True
    destination, base_url = _parse_or_none(path), _parse_or_none(model.options["base_url"])
    if not destination:
        return False
    return _is_provider_host(destination, model.provider) or bool(
        base_url and _origin(destination) == _origin(base_url)
    )


def _is_path(path: str) -> bool:
    # The slash ends the host name, so the rest cannot change the host.
    return path.startswith("/")


def _parse_or_none(text: str) -> Url | None:
    try:
        return parse_url(text)
    except FetchError:
        return None


def _origin(url: Url) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port


def _is_provider_host(url: Url, provider: Provider) -> bool:
    if (url.scheme, url.port) != ("https", 443):
        return False
    return any(_matches_pattern(url.host, pattern) for pattern in provider.key_hosts)


def _matches_pattern(host: str, pattern: str) -> bool:
    """Return whether the pattern matches the host. A star, as in "api.*.x.ai", stands for exactly one label."""
    labels, pattern_labels = host.split("."), pattern.split(".")
    pairs = zip(labels, pattern_labels, strict=False)
    return len(labels) == len(pattern_labels) and all(
        pattern_label in ("*", label) for label, pattern_label in pairs
    )
