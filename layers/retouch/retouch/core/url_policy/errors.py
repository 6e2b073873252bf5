"""The errors of a fetch. Each has a detailed reason for the log and one of a few public codes.

There are few public codes on purpose. For a name that is forbidden, unknown, private, closed or without a valid
certificate, the caller gets the same code and the same message. The fetcher therefore cannot serve as a port scanner.
"""

from __future__ import annotations

from typing import NamedTuple


class _PublicError(NamedTuple):
    code: str
    retryable: bool = False


# The public code of every fetch that never connected to a permitted address.
_BLOCKED = _PublicError("ssrf_blocked")

REASONS = {
    "invalid_url": _PublicError("invalid_url"),
    "url_too_long": _PublicError("invalid_url"),
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
    "source_expired": _PublicError("fetch_expired"),
    "source_forbidden": _PublicError("fetch_forbidden"),
    "upstream_status": _PublicError("fetch_failed"),
    "upstream_error": _PublicError("fetch_failed", retryable=True),
    "rate_limited": _PublicError("fetch_failed", retryable=True),
    "timeout": _PublicError("fetch_failed", retryable=True),
    "truncated": _PublicError("fetch_failed", retryable=True),
    "bad_answer": _PublicError("fetch_failed"),
    "header_too_large": _PublicError("fetch_failed"),
    "too_large": _PublicError("fetch_too_large"),
    "content_encoding": _PublicError("fetch_unsupported_media"),
    "not_an_image": _PublicError("fetch_unsupported_media"),
}

MESSAGES = {
    "invalid_url": (
        "The URL is not valid: write it as https://host/path, without spaces, control characters or backslashes, "
        "in at most 4096 characters."
    ),
    "ssrf_blocked": (
        "The URL cannot be fetched: it does not lead to a public https host that responds on port 443. "
        "Send the file itself, or ask the operator of this gateway to allow the host."
    ),
    "fetch_expired": (
        "The file behind the URL is no longer available: its host says that the file is gone, or that the signed link "
        "is not valid. Use a new URL."
    ),
    "fetch_forbidden": (
        "The host of the URL refuses to deliver the file to this gateway (status 401 or 403). It may need a login, or "
        "it may refuse programs. Send the file itself, or use another host."
    ),
    "fetch_failed": (
        "The host of the URL did not deliver the file: it refused, was too slow or closed the connection. "
        "Try again later, or send the file itself."
    ),
    "fetch_too_large": "The file behind the URL is larger than the limit. Send a smaller one.",
    "fetch_unsupported_media": (
        "The URL does not lead to an image in an accepted format, sent without compression. Use another one."
    ),
}

_TRANSIENT_REASONS = {"dns_failed", "upstream_unreachable"}
# The policy refused the URL or the file. The host cannot mend that, so the download of a paid result ends.
_FINAL_REASONS = {
    "invalid_url",
    "url_too_long",
    "userinfo_not_allowed",
    "scheme_not_allowed",
    "port_not_allowed",
    "host_not_allowed",
    "address_not_public",
    "redirect_blocked",
    "too_large",
    "content_encoding",
}


class FetchError(Exception):
    """The error of a failed fetch.

    `str(error)` and `code` are public and reveal nothing about the network behind the URL. `reason` is only for the log
    and for decisions of the gateway. `retryable` may be public, because it depends on nothing that `code` hides.
    """

    def __init__(self, reason: str, message: str | None = None) -> None:
        """Build the error. `reason` is a key of REASONS. `message` replaces the default message of its code."""
        self.reason = reason
        self.code, self.retryable = REASONS[reason]
        self.received = b""  # the start of the file, where the connection failed after it
        super().__init__(message or MESSAGES[self.code])

    @property
    def problem(self) -> str:
        """Return the message without its remedy, which is for a URL that the caller chose."""
        return f"{str(self).partition('. ')[0].removesuffix('.')}."

    @property
    def is_transient(self) -> bool:
        """Return whether another attempt may succeed.

        The value depends on more than `retryable` may reveal, so it is never public.
        """
        return self.retryable or self.reason in _TRANSIENT_REASONS

    @property
    def is_final(self) -> bool:
        """Return whether no further attempt can succeed. False for every state of the host that may pass.

        The value is never public, for the same reason.
        """
        return self.reason in _FINAL_REASONS
