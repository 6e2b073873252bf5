"""Every way a fetch can end badly: one reason for the log, one of a few codes for the public.

The public codes are few on purpose. Whether a name is forbidden, unknown, private, closed or without a valid
certificate, the caller reads the same code and the same sentence, so the fetcher is no port scanner.
"""

from __future__ import annotations

from typing import NamedTuple


class _Verdict(NamedTuple):
    code: str
    retryable: bool = False


# What never became a connection to a permitted address. One code for all of them.
_BLOCKED = _Verdict("ssrf_blocked")

REASONS = {
    "invalid_url": _Verdict("invalid_url"),
    "url_too_long": _Verdict("invalid_url"),
    "userinfo_not_allowed": _BLOCKED,
    "scheme_not_allowed": _BLOCKED,
    "port_not_allowed": _BLOCKED,
    "host_not_allowed": _BLOCKED,
    "address_not_public": _BLOCKED,
    "redirect_blocked": _BLOCKED,
    "too_many_redirects": _BLOCKED,
    "dns_failed": _BLOCKED,
    "upstream_unreachable": _BLOCKED,
    "tls_failed": _BLOCKED,
    "source_expired": _Verdict("fetch_expired"),
    "upstream_status": _Verdict("fetch_failed"),
    "upstream_error": _Verdict("fetch_failed", retryable=True),
    "rate_limited": _Verdict("fetch_failed", retryable=True),
    "timeout": _Verdict("fetch_failed", retryable=True),
    "truncated": _Verdict("fetch_failed", retryable=True),
    "bad_answer": _Verdict("fetch_failed"),
    "header_too_large": _Verdict("fetch_failed"),
    "too_large": _Verdict("fetch_too_large"),
    "content_encoding": _Verdict("fetch_unsupported_media"),
    "not_an_image": _Verdict("fetch_unsupported_media"),
}

SENTENCES = {
    "invalid_url": (
        "The URL is not one: write it as https://host/path, without spaces, control characters or backslashes, "
        "and not longer than 4096 characters."
    ),
    "ssrf_blocked": (
        "The URL cannot be fetched: it does not lead to a public https host on port 443 that answers."
    ),
    "fetch_expired": (
        "The URL leads nowhere any more: its host says that the file is gone or must not be read. Use a fresh link."
    ),
    "fetch_failed": (
        "The host of the URL did not deliver the file: it refused, was too slow or broke off. Try again later, "
        "or send the file itself."
    ),
    "fetch_too_large": "The file behind the URL is larger than is fetched. Send a smaller one.",
    "fetch_unsupported_media": (
        "The URL does not lead to a picture in an accepted format, sent uncompressed. Use another one."
    ),
}

_TRANSIENT = {"dns_failed", "upstream_unreachable"}


class FetchError(Exception):
    """A fetch that ended badly.

    `str(error)` and `code` are public and say nothing of the network behind the URL. `reason` is for the log
    and for our own decisions only; `retryable` may be told, since it depends on nothing that `code` hides.
    """

    def __init__(self, reason: str, sentence: str | None = None) -> None:
        """`reason` is a key of REASONS; `sentence` replaces the usual one of its code."""
        self.reason = reason
        self.code, self.retryable = REASONS[reason]
        super().__init__(sentence or SENTENCES[self.code])

    @property
    def transient(self) -> bool:
        """May another try go better? Knows what `retryable` must not tell, so it stays in the house."""
        return self.retryable or self.reason in _TRANSIENT
