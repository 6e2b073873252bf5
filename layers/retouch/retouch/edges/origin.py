"""Whose host a call goes to: the provider's own hosts get the key, strangers are only fetched from."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from retouch.cards import Provider
from retouch.messages import Call
from retouch.plan.resolve import Target


def address(call: Call, target: Target) -> str:
    """The URL to ask."""
    base = target.options["base_url"]
    url = call.path if "://" in call.path else base.rstrip("/") + call.path
    return f"{url}?{urlencode(call.query)}" if call.query else url


def is_own(url: str, target: Target) -> bool:
    """Whether a URL leads to the provider itself: the origin it is reached at, or a host its card names."""
    return origin(url) == origin(target.options["base_url"]) or _named(url, target.provider)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Scheme, host and port, the port of the scheme filled in."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _named(url: str, provider: Provider) -> bool:
    scheme, host, port = origin(url)
    if (scheme, port) != ("https", 443) or not host or "@" in urlsplit(url).netloc:
        return False
    return any(_matches(host, pattern) for pattern in provider.own_hosts)


def _matches(host: str, pattern: str) -> bool:
    """ "api.*.x.ai": a star stands for exactly one label."""
    labels, wanted = host.split("."), pattern.split(".")
    pairs = zip(labels, wanted, strict=False)
    return len(labels) == len(wanted) and all(want in ("*", label) for label, want in pairs)
