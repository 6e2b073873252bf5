"""From a URL to a connection: looked up once, checked throughout, dialled in turn."""

import pytest

from retouch.edges.fetch.reach import Reach
from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from retouch.guard.url import parse
from tests.support.web import GOOD, Names, Web

DEAD = {"connect_error": "ECONNREFUSED"}


def reached(web, url, addresses, left=lambda: 3.0):
    """What was noted on the way to the URL, and the names that were looked up."""
    noted, names = [], Names({"*": [addresses]})
    try:
        Reach(Policy(), names, web.dial)(parse(url), left, noted.append).close()
    finally:
        web.noted, web.names = noted, names.asked
    return noted


def test_the_first_that_answers_is_taken_and_ipv6_is_last():
    with Web(DEAD, GOOD) as web:
        addresses = ["2606:4700::1", "8.8.8.8", "1.1.1.1"]
        assert reached(web, "https://a.test/x", addresses) == [*addresses, "8.8.8.8", "1.1.1.1"]
        assert web.dialled == [("8.8.8.8", 443), ("1.1.1.1", 443)]
        assert web.names == ["a.test"]


def test_an_address_is_not_looked_up():
    with Web() as web:
        assert reached(web, "https://8.8.8.8/x", []) == ["8.8.8.8", "8.8.8.8"]
        assert web.names == []


def refused(scripts, url, addresses, **options):
    with Web(*scripts) as web, pytest.raises(FetchError) as failed:
        reached(web, url, addresses, **options)
    return failed.value.reason, web


@pytest.mark.parametrize(
    ("scripts", "addresses", "reason", "dialled"),
    [
        ([DEAD], [f"8.8.8.{n}" for n in range(9)], "upstream_unreachable", 5),
        ([DEAD, {**GOOD, "tls": "other_name"}], ["8.8.8.8", "1.1.1.1"], "tls_failed", 2),
        ([GOOD], [], "dns_failed", 0),
        ([GOOD], ["8.8.8.8", "10.0.0.7", "1.1.1.1"], "address_not_public", 0),
    ],
    ids=["dead", "certificate", "nameless", "private"],
)
def test_where_nobody_answers(scripts, addresses, reason, dialled):
    found, web = refused(scripts, "https://a.test/x", addresses)
    assert (found, len(web.dialled)) == (reason, dialled)


def test_the_log_hears_which_address_was_not_allowed():
    _, web = refused([GOOD], "https://a.test/x", ["8.8.8.8", "10.0.0.7", "1.1.1.1"])
    assert web.noted == ["8.8.8.8", "10.0.0.7"]


def test_a_name_that_is_not_allowed_is_not_looked_up():
    found, web = refused([GOOD], "https://metadata.internal/x", ["8.8.8.8"])
    assert (found, web.names) == ("host_not_allowed", [])


def test_without_time_nothing_is_looked_up_or_dialled():
    def nothing():
        raise TimeoutError

    assert refused([GOOD], "https://a.test/x", ["8.8.8.8"], left=nothing)[0] == "dns_failed"
    found, web = refused([GOOD], "https://8.8.8.8/x", [], left=nothing)
    assert (found, web.dialled) == ("upstream_unreachable", [])
