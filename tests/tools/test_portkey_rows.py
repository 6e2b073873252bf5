"""The rows of the Portkey suite, each against Retouch, and the page that is made of them."""

import sys
from collections import Counter
from dataclasses import replace

import pytest

from tests.support.upstream import Upstream
from tools.portkey import __main__ as command
from tools.portkey import page
from tools.portkey.asking import ask, complaints
from tools.portkey.gateways import ask_portkey, retouch
from tools.portkey.row import GOOD, Expect, Row
from tools.portkey.rows import ROWS


@pytest.fixture(scope="module")
def upstream():
    with Upstream(GOOD) as server:
        yield server


@pytest.fixture(scope="module")
def url(upstream):
    with retouch(upstream) as address:
        yield address


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_holds(row, url, upstream):
    assert list(complaints(row.ours, ask(row, url, upstream))) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_verdict_agrees_with_what_was_seen(row):
    assert (row.theirs is None) == (row.verdict == "same")
    assert row.why.strip()
    assert "|" not in row.name + row.why


def test_no_two_rows_have_one_name():
    assert Counter(row.name for row in ROWS).most_common(1)[0][1] == 1


def test_the_page_is_current():
    assert page.current(), "run `python -m tools.portkey --write`"


@pytest.mark.parametrize(
    "wrong",
    [
        Expect(status=201),
        Expect(calls=2),
        Expect(headers={"x-portkey-provider": "nobody"}),
        Expect(headers={"x-portkey-provider": None}),
        Expect(headers={"x-nothing": "*"}),
        Expect(body={"data.0.b64_json": "other"}),
        Expect(body={"data.7": "*"}),
        Expect(sent={"field prompt": "other"}),
        Expect(sent={"files": []}),
        Expect(sent={"path": "/"}),
    ],
    ids=str,
)
def test_a_row_that_does_not_hold_is_told(wrong, url, upstream):
    assert len(list(complaints(wrong, ask(Row("p", "w"), url, upstream)))) == 1


def test_the_command_counts_and_names_what_does_not_hold(url, upstream, monkeypatch, capsys):
    monkeypatch.setattr(command, "ROWS", ROWS[:2])
    wanted = {ROWS[0].name: Expect(299), ROWS[1].name: ROWS[1].ours}
    assert command.told("Retouch", ask, lambda row: wanted[row.name], url, upstream) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith(f"Retouch: {ROWS[0].name}: status 200 instead of 299")
    assert last == "Retouch: 1 of 2 rows hold"


def test_the_command_prints_its_result_and_nothing_else(monkeypatch, capfd):
    hung_up = [row for row in ROWS if row.ours.status == 408]
    assert hung_up, "the upstream's complaint about a caller who hangs up is no result either"
    refused = [row for row in ROWS if row.ours.status == 400][:2]
    monkeypatch.setattr(command, "ROWS", rows := [ROWS[0], *refused, *hung_up])
    monkeypatch.setattr(sys, "argv", ["tools.portkey"])
    assert command.main() == 0
    assert "".join(capfd.readouterr()) == f"Retouch: {len(rows)} of {len(rows)} rows hold\n"


def test_a_config_is_led_to_the_upstream_at_every_depth(upstream):
    row = Row("p", "w", config={"targets": [{"targets": [{"api_key": "k"}]}]})
    with Upstream(GOOD) as gateway:
        ask_portkey(replace(row, headers={"x-portkey-custom-host": "h"}), gateway.url, upstream)
        headers = gateway.calls[0].headers
    host = f"{upstream.url}/v1"
    assert headers["x-portkey-custom-host"] == host
    assert headers["x-portkey-config"].count(host) == 3
