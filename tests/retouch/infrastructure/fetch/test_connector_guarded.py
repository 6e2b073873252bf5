"""Tests of the way from a URL to a connection: one lookup, checks of every address, attempts in order."""

import pytest

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.core.url_policy.url import parse_url
from retouch.infrastructure.fetch.connector import GuardedConnector
from tests.support.fake_internet import GOOD_RESPONSE, FakeInternet, ScriptedResolver

UNREACHABLE = {"connect_error": "ECONNREFUSED"}


def connect_and_record(web, url, addresses, left=lambda: 3.0):
    """Connect to the URL and return the addresses reported on the way. Put the looked-up names into `web.names`."""
    addresses_seen: list[str] = []
    names = ScriptedResolver({"*": [addresses]})
    try:
        GuardedConnector(FetchPolicy(), names, web.open_connection)(
            parse_url(url), left, addresses_seen.append
        ).close()
    finally:
        web.noted, web.names = addresses_seen, names.queries
    return addresses_seen


def test_first_reachable_address_is_used_and_ipv6_is_tried_last():
    with FakeInternet(UNREACHABLE, GOOD_RESPONSE) as web:
        addresses = ["2606:4700::1", "8.8.8.8", "1.1.1.1"]
        assert connect_and_record(web, "https://a.test/x", addresses) == [
            *addresses,
            "8.8.8.8",
            "1.1.1.1",
        ]
        assert web.connected_addresses == [("8.8.8.8", 443), ("1.1.1.1", 443)]
        assert web.names == ["a.test"]


def test_literal_ip_address_is_not_looked_up():
    with FakeInternet() as web:
        assert connect_and_record(web, "https://8.8.8.8/x", []) == ["8.8.8.8", "8.8.8.8"]
        assert web.names == []


def failed_connection(scripts, url, addresses, **options):
    with FakeInternet(*scripts) as web, pytest.raises(FetchError) as exc_info:
        connect_and_record(web, url, addresses, **options)
    return exc_info.value.reason, web


@pytest.mark.parametrize(
    ("scripts", "addresses", "reason", "dialled"),
    [
        ([UNREACHABLE], [f"8.8.8.{n}" for n in range(9)], "upstream_unreachable", 5),
        (
            [UNREACHABLE, {**GOOD_RESPONSE, "tls": "other_name"}],
            ["8.8.8.8", "1.1.1.1"],
            "tls_failed",
            2,
        ),
        ([GOOD_RESPONSE], [], "dns_failed", 0),
        ([GOOD_RESPONSE], ["8.8.8.8", "10.0.0.7", "1.1.1.1"], "address_not_public", 0),
    ],
    ids=["dead", "certificate", "nameless", "private"],
)
def test_unusable_addresses_raise_the_matching_reason(scripts, addresses, reason, dialled):
    result, web = failed_connection(scripts, "https://a.test/x", addresses)
    assert (result, len(web.connected_addresses)) == (reason, dialled)


def test_disallowed_address_is_reported_for_logging():
    _, web = failed_connection(
        [GOOD_RESPONSE], "https://a.test/x", ["8.8.8.8", "10.0.0.7", "1.1.1.1"]
    )
    assert web.noted == ["8.8.8.8", "10.0.0.7"]


def test_disallowed_host_name_is_not_looked_up():
    result, web = failed_connection([GOOD_RESPONSE], "https://metadata.internal/x", ["8.8.8.8"])
    assert (result, web.names) == ("host_not_allowed", [])


def test_passed_deadline_skips_lookup_and_connection():
    def raise_timeout():
        raise TimeoutError

    assert (
        failed_connection([GOOD_RESPONSE], "https://a.test/x", ["8.8.8.8"], left=raise_timeout)[0]
        == "dns_failed"
    )
    result, web = failed_connection([GOOD_RESPONSE], "https://8.8.8.8/x", [], left=raise_timeout)
    assert (result, web.connected_addresses) == ("upstream_unreachable", [])
