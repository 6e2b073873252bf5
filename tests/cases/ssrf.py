"""Hostile URLs, names, redirects and responses from ssrf_cases.json, each with its verdict.

The verdict `allow` requires the image. `block` requires a failure with one of the stated codes. `either` permits both,
and no other outcome. The cases use their own codes; OUTCOMES maps each to "public code/reason" of this package.
"""

import json
from pathlib import Path

_CASE_FILE = json.loads((Path(__file__).parent / "ssrf_cases.json").read_text("utf-8"))

DEFAULT_POLICY = _CASE_FILE["default_policy"]

OUTCOMES = {
    "invalid_url": {"invalid_url/invalid_url", "ssrf_blocked/host_not_allowed"},
    "url_too_long": {"invalid_url/url_too_long"},
    "userinfo_not_allowed": {"ssrf_blocked/userinfo_not_allowed"},
    "scheme_not_allowed": {"ssrf_blocked/scheme_not_allowed"},
    "port_not_allowed": {"ssrf_blocked/port_not_allowed"},
    "host_not_allowed": {"ssrf_blocked/host_not_allowed"},
    "address_not_public": {"ssrf_blocked/address_not_public"},
    "redirect_blocked": {"ssrf_blocked/redirect_blocked"},
    "too_many_redirects": {"ssrf_blocked/too_many_redirects"},
    "dns_failed": {"ssrf_blocked/dns_failed"},
    "upstream_unreachable": {"ssrf_blocked/upstream_unreachable"},
    "tls_failed": {"ssrf_blocked/tls_failed"},
    "source_expired": {"fetch_expired/source_expired", "fetch_forbidden/source_forbidden"},
    "upstream_status": {"fetch_failed/upstream_status", "fetch_failed/upstream_error"},
    "rate_limited": {"fetch_failed/rate_limited"},
    "timeout": {"fetch_failed/timeout"},
    "truncated": {"fetch_failed/truncated"},
    "header_too_large": {"fetch_failed/header_too_large"},
    "too_large": {"fetch_too_large/too_large"},
    "content_encoding": {"fetch_unsupported_media/content_encoding"},
    "not_an_image": {"fetch_unsupported_media/not_an_image"},
}


def matching_outcomes(reasons):
    """Return all "public code/reason" outcomes that satisfy any of a case's reasons."""
    return set().union(*(OUTCOMES[reason] for reason in reasons))


def cases():
    """Return all cases with their long strings expanded."""
    return [expand(case) for case in _CASE_FILE["cases"]]


def expand(value):
    """Replace {"$rep": [prefix, char, n]} by prefix + char * n, anywhere in a case."""
    if isinstance(value, dict):
        if set(value) == {"$rep"}:
            prefix, char, count = value["$rep"]
            return prefix + char * count
        return {key: expand(item) for key, item in value.items()}
    return [expand(item) for item in value] if isinstance(value, list) else value
