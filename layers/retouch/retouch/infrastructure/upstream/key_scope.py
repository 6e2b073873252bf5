"""The scope of a provider's key. Only the provider's own hosts get the key; other hosts are only fetched from.

The request is built from the parts of the URL that the strict parser has read.
"""

from __future__ import annotations

from urllib.parse import urlencode

from retouch.core.provider_protocol import ProviderRequest
from retouch.core.resolved_model import ResolvedModel
from retouch.core.url_policy.key_hosts import is_key_host, parse_or_none


def request_url(request: ProviderRequest, model: ResolvedModel) -> str:
    """Return the URL of the request.

    It is below the provider's base URL, or it is the URL that the request names, in its canonical spelling.
    """
    if _is_path(request.path):
        url = model.options["base_url"].rstrip("/") + request.path
    else:
        url = str(parse_or_none(request.path) or request.path)
    return f"{url}?{urlencode(request.query)}" if request.query else url


def can_receive_key(path: str, model: ResolvedModel) -> bool:
    """Return whether the path leads to the provider: below its base URL, at its origin, or to a listed host."""
    return _is_path(path) or is_key_host(path, model.options["base_url"], model.provider.key_hosts)


def _is_path(path: str) -> bool:
    # The slash ends the host name, so the rest cannot change the host.
    return path.startswith("/")
