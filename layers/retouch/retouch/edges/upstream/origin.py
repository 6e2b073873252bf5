"""Whose host a call goes to: the provider's own hosts get the key, strangers are only fetched from.

A whole URL may be a provider's word, and two parsers that disagree on its host would hand the key to anybody. So it
is read once, by the guard's grammar, and what is asked is built from that reading.
"""

from __future__ import annotations

from urllib.parse import urlencode

from retouch.cards import Provider
from retouch.guard.refusals import FetchError
from retouch.guard.url import Url, parse
from retouch.messages import Call
from retouch.plan.resolve import Target


def address(call: Call, target: Target) -> str:
    """The URL to ask: below the provider's address, or the one that the call names, in its one spelling."""
    if _is_below(call.path):
        url = target.options["base_url"].rstrip("/") + call.path
    else:
        url = str(_read(call.path) or call.path)
    return f"{url}?{urlencode(call.query)}" if call.query else url


def is_own(path: str, target: Target) -> bool:
    """Whether a call's path leads to the provider itself: below its address, at its origin, to a host of its card.

    What is no URL by the guard's grammar leads nowhere.
    """
    if _is_below(path):
        return True
    there, home = _read(path), _read(target.options["base_url"])
    if not there:
        return False
    return _is_named(there, target.provider) or bool(home and _origin(there) == _origin(home))


def _is_below(path: str) -> bool:
    # The slash ends the host's name, so nothing behind it can lead elsewhere.
    return path.startswith("/")


def _read(text: str) -> Url | None:
    try:
        return parse(text)
    except FetchError:
        return None


def _origin(url: Url) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port


def _is_named(url: Url, provider: Provider) -> bool:
    if (url.scheme, url.port) != ("https", 443):
        return False
    return any(_matches(url.host, pattern) for pattern in provider.own_hosts)


def _matches(host: str, pattern: str) -> bool:
    """ "api.*.x.ai": a star stands for exactly one label."""
    labels, wanted = host.split("."), pattern.split(".")
    pairs = zip(labels, wanted, strict=False)
    return len(labels) == len(wanted) and all(want in ("*", label) for label, want in pairs)
